//! The envelopes of Kafka Connect and Debezium never panic, whatever schema and
//! payload say; what is read is the same the second time, and its nested values
//! are JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_kafka_engine::format::envelope::{Connect, Debezium};
use redis_kafka_engine::format::json::JsonDecoder;
use redis_kafka_engine::format::text::{write_json, write_text};
use redis_kafka_engine::format::{Decoder, Input, NoHeaders, nested};
use redis_kafka_engine::record::{Arena, Names, Row, Shape, Step, Value, Wanted};
use std::convert::Infallible;

fuzz_target!(|document: &[u8]| {
    let mut connect = Connect::new(wanted());
    let mut names = Names::default();
    let first = read(&mut connect, &mut names, document);
    assert_eq!(read(&mut connect, &mut names, document), first);
    if first.is_some() {
        assert!(serde_json::from_slice::<serde_json::Value>(document).is_ok() || is_deep(document));
    }
    change(document);
});

fn wanted() -> Wanted {
    let field = |name: &str| Step::Field(name.to_owned());
    let paths = vec![vec![], vec![field("a"), field("b")], vec![field("a"), Step::Index(-1)]];
    Wanted { every_field: true, paths }
}

/// serde_json's limit of depth is one level lower.
fn is_deep(document: &[u8]) -> bool {
    document.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() >= 128
}

/// The texts of everything; none for what is refused.
fn read(connect: &mut Connect, names: &mut Names, document: &[u8]) -> Option<Vec<u8>> {
    let (arena, mut row, mut out) = (Arena::new(), Row::default(), Vec::new());
    let input = Input { bytes: document, headers: &NoHeaders };
    if connect.decode(input, names, &arena, &mut row).is_err() {
        assert_eq!((row.shape(), row.fields().len()), (Shape::Absent, 0));
        return None;
    }
    let slots = (0..wanted().paths.len()).map(|slot| row.slot(slot));
    for value in row.fields().iter().map(|field| field.value).chain(slots) {
        write_text(value, &mut out);
        is_json(value);
        nested::element(value, -1, &arena);
        nested::visit(value, &arena, &mut |name, value| {
            out.extend_from_slice(name.as_bytes());
            is_json(value);
        });
    }
    Some(out)
}

fn is_json(value: Value<'_>) {
    let mut text = Vec::new();
    write_json(value, &mut text);
    let read = serde_json::from_slice::<serde_json::Value>(&text);
    assert!(read.is_ok() || is_deep(&text), "{}", String::from_utf8_lossy(&text));
}

fn change(document: &[u8]) {
    let json =
        |wanted| -> Result<Box<dyn Decoder>, Infallible> { Ok(Box::new(JsonDecoder::new(wanted))) };
    let Ok(mut debezium) = Debezium::new(wanted(), wanted(), json);
    let mut names = Names::default();
    let mut seen = || {
        let (arena, mut value, mut around) = (Arena::new(), Row::default(), Row::default());
        let input = Input { bytes: document, headers: &NoHeaders };
        let change = debezium.decode(input, &mut names, &arena, &mut value, &mut around);
        if change.is_err() {
            assert_eq!((value.shape(), around.shape()), (Shape::Absent, Shape::Absent));
        }
        change.ok().map(|change| (change, format!("{:?}", value.slot(0))))
    };
    let first = seen();
    assert_eq!(seen(), first);
}
