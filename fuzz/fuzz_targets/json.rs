//! The JSON decoder never panics, accepts what serde_json accepts and no more,
//! and reads the same names and texts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_kafka_engine::format::json::JsonDecoder;
use redis_kafka_engine::format::text::write_text;
use redis_kafka_engine::format::{DecodeError, Format, nested};
use redis_kafka_engine::record::{Arena, Names, Row, Shape, Step, Value, Wanted};
use serde_json::Value as Oracle;

fuzz_target!(|document: &[u8]| {
    let (mut names, arena, mut row) = (Names::default(), Arena::new(), Row::default());
    let ours = decode(document, wanted(true), &mut names, &arena, &mut row);
    again(document, &mut names, &arena, &row, &ours);
    never_panics(document);
    // serde_json gives objects with such a name a meaning of its own.
    if document.windows(10).any(|window| window == b"serde_json") {
        return;
    }
    let Some(oracle) = judged_alike(document, ours) else {
        return;
    };
    let values = row.fields().iter().map(|field| field.value);
    match (row.shape(), &oracle) {
        (Shape::Fields, Oracle::Object(members)) => {
            assert_eq!(row.fields().len(), members.len());
            for (field, name) in row.fields().iter().zip(members.keys()) {
                assert_eq!(names.get(field.name), name.as_bytes());
            }
            values.zip(members.values()).for_each(|(value, member)| same(value, member));
        }
        _ => values.for_each(|value| same(value, &oracle)),
    }
    same(row.slot(0), &oracle);
});

/// The whole, and paths that a fuzzer finds names for.
fn wanted(every_field: bool) -> Wanted {
    let field = |name: &str| Step::Field(name.to_owned());
    let paths = vec![
        vec![],
        vec![field("a")],
        vec![field("a"), field("a")],
        vec![field("a"), field("b"), Step::Index(-1)],
        vec![field("b"), Step::Index(0), field("a")],
        vec![field("value"), Step::Index(1)],
    ];
    Wanted { every_field, paths }
}

fn decode<'a>(
    document: &'a [u8],
    wanted: Wanted,
    names: &mut Names,
    arena: &'a Arena,
    row: &mut Row<'a>,
) -> Result<(), DecodeError> {
    JsonDecoder::new(wanted).document(document, Format::Json, names, arena, row)
}

/// Decodes twice more, with names to be expected: all fields, and the paths alone.
fn again(
    document: &[u8],
    names: &mut Names,
    arena: &Arena,
    first: &Row<'_>,
    ours: &Result<(), DecodeError>,
) {
    for every_field in [true, false] {
        let mut row = Row::default();
        assert_eq!(decode(document, wanted(every_field), names, arena, &mut row), *ours);
        if every_field {
            assert_eq!(format!("{:?}", row.fields()), format!("{:?}", first.fields()));
        }
        if ours.is_err() {
            continue;
        }
        for (slot, path) in wanted(false).paths.iter().enumerate() {
            let found = format!("{:?}", row.slot(slot));
            assert_eq!(found, format!("{:?}", first.slot(slot)));
            if row.shape() == Shape::Fields {
                let followed = nested::follow(row.slot(0), path, arena);
                assert_eq!(found, format!("{followed:?}"));
            }
        }
    }
}

/// What is no valid JSON must not reach these functions, but cannot hurt them.
fn never_panics(text: &[u8]) {
    let (text, arena) = (String::from_utf8_lossy(text), Arena::new());
    for value in [Value::Object(&text), Value::Array(&text), Value::Escaped(&text)] {
        write_text(value, &mut Vec::new());
        nested::field(value, "a", &arena);
        nested::element(value, 1, &arena);
        nested::visit(value, &arena, &mut |_, _| {});
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
    let (mut text, arena) = (Vec::new(), Arena::new());
    write_text(value, &mut text);
    match oracle {
        Oracle::Null => assert!(value.is_null() && text.is_empty()),
        Oracle::String(oracle) => assert_eq!(text, oracle.as_bytes()),
        Oracle::Bool(_) | Oracle::Number(_) => assert_eq!(read(&text), *oracle),
        Oracle::Array(elements) => {
            assert_eq!(read(&text), *oracle);
            for (index, element) in elements.iter().enumerate().take(8) {
                same(nested::element(value, index as i64, &arena), element);
            }
            assert!(nested::element(value, elements.len() as i64, &arena).is_null());
        }
        Oracle::Object(members) => {
            assert_eq!(read(&text), *oracle);
            for (name, member) in members.iter().take(8) {
                same(nested::field(value, name, &arena), member);
            }
        }
    }
}

fn read(text: &[u8]) -> Oracle {
    serde_json::from_slice(text).expect("what is written is JSON")
}
