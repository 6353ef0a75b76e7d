//! What the engine reads of a datum, written by the same schema, must be what it was.

use crate::decoding::{run, schema_text};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use redis_kafka_engine::format::avro::{Avro, Encoder};
use redis_kafka_engine::format::schema::SchemaFormat;
use redis_kafka_engine::record::{Arena, Names, Row, Wanted};

/// What the engine refuses to write: decimals beyond 128 bits, and durations, which it has as text.
/// Within a union the reason may be that of another branch.
const REFUSED: &[&str] = &["decimal", "duration"];

/// Reads `bytes` and writes what was read; none where a part of it is refused for a known reason.
fn written(text: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let wanted = Wanted { every_field: true, ..Wanted::default() };
    let mut program = Avro::compile(&schema_text(text), &wanted).expect("a schema");
    let (mut names, arena, mut row) = (Names::default(), Arena::new(), Row::default());
    Avro::decode(&mut program, bytes, &mut names, &arena, &mut row).expect("a datum");
    let encoder = Encoder::new(&schema_text(text), Vec::new()).expect("a schema");
    let mut out = Vec::new();
    match encoder.write(row.fields(), row.shape(), &names, &arena, &mut out) {
        Ok(()) => Some(out),
        Err(misfit) => {
            let misfit = misfit.to_string();
            assert!(REFUSED.iter().any(|known| text.contains(known)), "{misfit}\n{text}");
            None
        }
    }
}

/// Holds a datum that was read and written again against itself: by the engine's own reading, and by
/// whether apache-avro reads all of it.
pub fn check(text: &str, schema: &Schema, value: &Value, bytes: &[u8]) {
    let Some(again) = written(text, bytes) else { return };
    let reader = GenericDatumReader::builder(schema).build().expect("a reader");
    let mut rest = again.as_slice();
    let read = reader.read_value(&mut rest);
    assert!(read.is_ok() && rest.is_empty(), "{read:?}\n{text}\n{value:?}");
    let wanted = Wanted { every_field: true, ..Wanted::default() };
    let decoded = |bytes: &[u8]| {
        let mut program = Avro::compile(&schema_text(text), &wanted).expect("a schema");
        run(&mut program, &wanted, bytes).expect("a datum")
    };
    assert_eq!(decoded(&again), decoded(bytes), "{text}\n{value:?}");
}
