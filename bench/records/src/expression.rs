//! A filter of two comparisons side by side with the `cel` crate.
//!
//! Both sides have their program compiled and the record's values at hand (ours in
//! slots, cel's as variables of its context), so that only evaluation is measured.

use crate::{Case, Library, Run, json};
use redis_kafka_engine::expression::{Context, Expression, Layout, Program};
use redis_kafka_engine::format::json::JsonDecoder;
use redis_kafka_engine::format::{Decoder, Input, NoHeaders};
use redis_kafka_engine::record::{Arena, Names, Row, Shape, Value};
use std::hint::black_box;

const CEL: &[Library] = &[Library { name: "cel", run: theirs }];

/// The measurements.
pub const CASES: &[Case] = &[
    Case { name: "where, a double", target: 10.0, ours: typed, theirs: CEL },
    Case { name: "where, a JSON number", target: 10.0, ours: untyped, theirs: CEL },
];

const WHERE: &str = "temperature > 20.5 AND airport = 'VIE'";

fn program(layout: &mut Layout) -> Program {
    Expression::parse(WHERE, 0).expect("SQL").compile(layout).expect("SQL")
}

fn typed() -> Run {
    let mut layout = Layout::default();
    let program = program(&mut layout);
    let mut row = Row::default();
    row.begin(Shape::Fields, layout.value.paths.len());
    row.set(0, Value::Double(21.75));
    row.set(1, Value::Text("VIE"));
    evaluate(program, row)
}

fn untyped() -> Run {
    let mut layout = Layout::default();
    let program = program(&mut layout);
    // Kept for good: a row borrows from its decoder and arena.
    let decoder = Box::leak(Box::new(JsonDecoder::new(layout.value)));
    let mut row = Row::default();
    let input = Input { bytes: json::SMALL.as_bytes(), headers: &NoHeaders };
    let arena = Box::leak(Box::new(Arena::new()));
    decoder.decode(input, &mut Names::default(), arena, &mut row).expect("a valid document");
    evaluate(program, row)
}

fn evaluate(program: Program, row: Row<'static>) -> Run {
    let (mut arena, empty) = (Arena::new(), Row::default());
    Box::new(move || {
        arena.reset();
        let context = Context {
            topic: "measurements",
            partition: 0,
            offset: 42,
            timestamp: None,
            key: &empty,
            value: &row,
            envelope: &empty,
            aliases: &[],
            headers: &NoHeaders,
            arena: &arena,
        };
        let truth = program.is_true(black_box(&context)).expect("a truth");
        assert!(truth);
        usize::from(truth)
    })
}

fn theirs() -> Run {
    let program = cel::Program::compile("temperature > 20.5 && airport == 'VIE'").expect("CEL");
    let mut variables = cel::Context::default();
    variables.add_variable("temperature", 21.75).expect("a variable");
    variables.add_variable("airport", "VIE").expect("a variable");
    Box::new(move || {
        let truth = program.execute(black_box(&variables)).expect("a truth");
        assert_eq!(truth, cel::Value::Bool(true));
        1
    })
}
