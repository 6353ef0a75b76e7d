//! The expression parser never panics, what it accepts prints and parses back to
//! the same, and evaluating it over a record ends in a value or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_kafka_engine::expression::{Context, Expression, Layout, Selection, Template};
use redis_kafka_engine::format::json::JsonDecoder;
use redis_kafka_engine::format::{Decoder, Input, NoHeaders};
use redis_kafka_engine::record::{Arena, Names, Row};

const RECORD: &[u8] = br#"{"a":1,"b":"x","c":[1,{"d":2.50}],"e":null,"f":true,"g":{"h":"2026-11-21"}}"#;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let _ = Template::parse(text);
    if let Ok(selection) = Selection::parse(text) {
        assert_eq!(Selection::parse(&selection.to_string()).as_ref(), Ok(&selection));
    }
    let Ok(expression) = Expression::parse(text, 0) else {
        return;
    };
    // What prints longer than the limit need not parse again.
    let printed = expression.to_string();
    if printed.len() < 32 * 1024 {
        assert_eq!(Expression::parse(&printed, 0).as_ref(), Ok(&expression), "{printed}");
    }
    let mut layout = Layout::default();
    let Ok(program) = expression.compile(&mut layout) else {
        return;
    };
    let (mut names, arena) = (Names::default(), Arena::new());
    let (mut value, empty) = (Row::default(), Row::default());
    let mut decoder = JsonDecoder::new(layout.value);
    let input = Input { bytes: RECORD, headers: &NoHeaders };
    decoder.decode(input, &mut names, &arena, &mut value).expect("a valid document");
    let context = Context {
        topic: "t",
        partition: 0,
        offset: 1,
        timestamp: None,
        key: &empty,
        value: &value,
        envelope: &empty,
        headers: &NoHeaders,
        aliases: &[],
        arena: &arena,
    };
    let _ = program.evaluate(&context);
    let _ = program.is_true(&context);
});
