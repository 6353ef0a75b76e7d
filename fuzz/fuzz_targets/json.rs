//! The JSON decoder never panics, accepts what serde_json accepts and no more,
//! and reads the same names and texts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_kafka_engine::format::json::{JsonDecoder, Step, descend, write_text};
use redis_kafka_engine::format::{DecodeError, Decoder};
use redis_kafka_engine::record::{Fields, Kind, Names, Shape, Value};
use serde_json::Value as Oracle;

fuzz_target!(|document: &[u8]| {
    let (mut names, mut fields) = (Names::default(), Fields::default());
    let ours = JsonDecoder::default().decode(document, &mut names, &mut fields);
    assert_eq!(again(document, &mut names, &fields), ours);
    never_panics(document);
    // serde_json gives objects with such a name a meaning of its own.
    if document.windows(10).any(|window| window == b"serde_json") {
        return;
    }
    let Some(oracle) = judged_alike(document, ours) else {
        return;
    };
    let values = fields.all().iter().map(|field| field.value(document));
    match (fields.shape(), &oracle) {
        (Shape::Fields, Oracle::Object(members)) => {
            assert_eq!(fields.all().len(), members.len());
            for (field, name) in fields.all().iter().zip(members.keys()) {
                assert_eq!(names.get(field.name), name.as_bytes());
            }
            values
                .zip(members.values())
                .for_each(|(value, member)| same(value, member));
        }
        _ => values.for_each(|value| same(value, &oracle)),
    }
});

/// Decodes once more, now with names to be expected.
fn again(document: &[u8], names: &mut Names, first: &Fields) -> Result<(), DecodeError> {
    let mut fields = Fields::default();
    let ours = JsonDecoder::default().decode(document, names, &mut fields);
    assert_eq!(fields.all(), first.all());
    ours
}

/// What is no valid JSON must not reach these functions, but cannot hurt them.
fn never_panics(text: &[u8]) {
    for kind in [Kind::Object, Kind::Array, Kind::EscapedString] {
        let value = Value { kind, text };
        write_text(value, &mut Vec::new());
        descend(value, Step::Field(b"a"));
        descend(value, Step::Index(1));
    }
}

/// The document as serde_json reads it, where both accept it.
fn judged_alike(document: &[u8], ours: Result<(), DecodeError>) -> Option<Oracle> {
    match (ours, serde_json::from_slice(document)) {
        (Ok(()), Ok(oracle)) => Some(oracle),
        (Err(error), Ok(_)) => panic!("serde_json accepts it: {error}"),
        // serde_json's limit of depth is one level lower.
        (Ok(()), Err(error)) if !error.to_string().starts_with("recursion limit") => {
            panic!("serde_json refuses it: {error}")
        }
        _ => None,
    }
}

fn same(value: Value<'_>, oracle: &Oracle) {
    let mut text = Vec::new();
    write_text(value, &mut text);
    match oracle {
        Oracle::Null => assert_eq!((value.kind, text.len()), (Kind::Null, 0)),
        Oracle::String(oracle) => assert_eq!(text, oracle.as_bytes()),
        Oracle::Bool(_) | Oracle::Number(_) => assert_eq!(read(&text), *oracle),
        Oracle::Array(elements) => {
            assert_eq!(read(&text), *oracle);
            for (index, element) in elements.iter().enumerate().take(8) {
                same(
                    descend(value, Step::Index(index)).expect("an element"),
                    element,
                );
            }
            assert_eq!(descend(value, Step::Index(elements.len())), None);
        }
        Oracle::Object(members) => {
            assert_eq!(read(&text), *oracle);
            for (name, member) in members.iter().take(8) {
                same(
                    descend(value, Step::Field(name.as_bytes())).expect("a field"),
                    member,
                );
            }
        }
    }
}

fn read(text: &[u8]) -> Oracle {
    serde_json::from_slice(text).expect("what is written is JSON")
}
