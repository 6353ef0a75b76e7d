//! The deepest records and expressions that are taken fit a worker's stack (2 MiB) with room to spare.

use redis_kafka_engine::expression::{Expression, Layout};
use redis_kafka_engine::format::avro::Avro;
use redis_kafka_engine::format::protobuf::Protobuf;
use redis_kafka_engine::format::schema::{SchemaFormat, SchemaText};
use redis_kafka_engine::format::text::write_text;
use redis_kafka_engine::record::{Arena, Names, Row, Wanted};

const STACK: usize = 1 << 20;

fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(run).expect("a thread");
    thread.join().expect("no overflow, no panic");
}

/// Decodes and writes; false when the record is refused.
fn reads<F: SchemaFormat>(schema: SchemaText, bytes: &[u8]) -> bool {
    let mut wanted = Wanted { every_field: true, ..Wanted::default() };
    wanted.slot(&[]);
    let mut program = F::compile(&schema, &wanted).expect("a schema");
    let (mut names, arena, mut row) = (Names::default(), Arena::new(), Row::default());
    let read = F::decode(&mut program, bytes, &mut names, &arena, &mut row).is_ok();
    let mut out = Vec::new();
    row.fields().iter().for_each(|field| write_text(field.value, &mut out));
    write_text(row.slot(0), &mut out);
    read
}

#[test]
fn deep_protobuf_messages_fit() {
    let text = "syntax = \"proto3\"; message M { M m = 1; map<string, M> by = 2; string s = 3; }";
    for through_map in [false, true] {
        on_small_stack(move || {
            let (mut message, mut deepest) = (Vec::new(), 0);
            for depth in 0..100 {
                let mut inner = message;
                if through_map {
                    inner = framed(2, inner);
                }
                message = framed(if through_map { 2 } else { 1 }, inner);
                let schema = SchemaText {
                    text: text.into(),
                    message: Some("M".into()),
                    ..SchemaText::default()
                };
                if reads::<Protobuf>(schema, &message) {
                    deepest = depth;
                }
            }
            assert!(deepest >= 20, "{deepest}");
        });
    }
}

/// A length-delimited field.
fn framed(field: u8, payload: Vec<u8>) -> Vec<u8> {
    let mut out = vec![field << 3 | 2];
    let mut length = payload.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(payload);
    out
}

#[test]
fn deep_avro_records_fit() {
    on_small_stack(|| {
        let text = r#"{"type":"record","name":"N","fields":[{"name":"next","type":["null","N",{"type":"array","items":"N"}]}]}"#;
        let mut deepest = 0;
        for depth in 0..100 {
            let mut bytes = vec![2; depth];
            bytes.push(0);
            let schema = SchemaText { text: text.into(), ..SchemaText::default() };
            if reads::<Avro>(schema, &bytes) {
                deepest = depth;
            }
        }
        assert!(deepest >= 40, "{deepest}");
    });
}

#[test]
fn high_expressions_fit() {
    on_small_stack(|| {
        for (open, close) in [
            ("(", ")"),
            ("upper(", ")"),
            ("-", ""),
            ("NOT ", ""),
            ("[", "]"),
            ("CASE WHEN a THEN ", " END"),
        ] {
            for depth in [10, 60, 64, 65, 130, 1000] {
                let text = open.repeat(depth) + "a" + &close.repeat(depth);
                if let Ok(expression) = Expression::parse(&text, 0) {
                    let _ = expression.compile(&mut Layout::default());
                    let _ = expression.to_string();
                }
            }
            let chain = vec!["a"; 5000].join(" + ");
            if let Ok(expression) = Expression::parse(&chain, 0) {
                let _ = expression.compile(&mut Layout::default());
                let _ = expression.to_string();
            }
        }
    });
}
