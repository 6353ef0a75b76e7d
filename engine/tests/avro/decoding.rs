//! What the engine makes of a record, as texts.

use crate::oracle::PathStep;
use redis_kafka_engine::format::avro::Avro;
use redis_kafka_engine::format::schema::{SchemaFormat, SchemaText};
use redis_kafka_engine::format::{DecodeError, text::write_text};
use redis_kafka_engine::record::{Arena, Names, Row, Shape, Step, Value, Wanted};

/// A decoded record's texts; none is null.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded {
    pub single: bool,
    pub fields: Vec<(String, Option<Vec<u8>>)>,
    pub slots: Vec<Option<Vec<u8>>>,
}

pub fn step(step: &PathStep) -> Step {
    match step {
        PathStep::Name(name) => Step::Field(name.clone()),
        PathStep::Place(place) => Step::Index(*place),
    }
}

fn text(value: Value<'_>) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    write_text(value, &mut text);
    (!value.is_null()).then_some(text)
}

pub fn schema_text(text: &str) -> SchemaText {
    SchemaText { text: text.to_owned(), ..SchemaText::default() }
}

pub fn decode(schema: &str, wanted: &Wanted, bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let program = Avro::compile(&schema_text(schema), wanted);
    run(&mut program.unwrap_or_else(|error| panic!("{error}: {schema}")), wanted, bytes)
}

pub fn run(
    program: &mut <Avro as SchemaFormat>::Program,
    wanted: &Wanted,
    bytes: &[u8],
) -> Result<Decoded, DecodeError> {
    let (mut names, arena, mut row) = (Names::default(), Arena::new(), Row::default());
    Avro::forget_names(program);
    if let Err(error) = Avro::decode(program, bytes, &mut names, &arena, &mut row) {
        assert_eq!((row.shape(), row.fields().len()), (Shape::Absent, 0));
        assert!(error.at <= bytes.len(), "{error}");
        return Err(error);
    }
    let name = |id| String::from_utf8_lossy(names.get(id)).into_owned();
    Ok(Decoded {
        single: row.shape() == Shape::Single,
        fields: row.fields().iter().map(|field| (name(field.name), text(field.value))).collect(),
        slots: (0..wanted.paths.len()).map(|slot| text(row.slot(slot))).collect(),
    })
}

/// The fields of a record of which all are wanted, as `name=text` lines.
pub fn fields(schema: &str, bytes: &[u8]) -> Result<String, DecodeError> {
    let wanted = Wanted { every_field: true, ..Wanted::default() };
    let decoded = decode(schema, &wanted, bytes)?;
    let line = |(name, text): &(String, Option<Vec<u8>>)| match text {
        Some(text) => format!("{name}={}", String::from_utf8_lossy(text)),
        None => format!("{name}:null"),
    };
    Ok(decoded.fields.iter().map(line).collect::<Vec<_>>().join(" "))
}
