//! Avro.

use crate::assert_steady;
use redis_kafka_engine::format::avro::Avro;
use redis_kafka_engine::format::schema::{SchemaFormat, SchemaText};
use redis_kafka_engine::format::text::write_text;
use redis_kafka_engine::record::{Arena, Names, Row, Step, Wanted};

const SCHEMA: &str = r#"{"type":"record","name":"Ride","fields":[
    {"name":"airport","type":"string"},
    {"name":"id","type":"int"},
    {"name":"temperature","type":["null","double"]},
    {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"fare","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
    {"name":"exact","type":{"type":"bytes","logicalType":"decimal","precision":60,"scale":50}},
    {"name":"uuid","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}},
    {"name":"took","type":{"type":"fixed","name":"D","size":12,"logicalType":"duration"}},
    {"name":"tags","type":{"type":"map","values":["null","string",{"type":"array","items":"Ride"}]}},
    {"name":"zone","type":["null",{"type":"record","name":"Zone","fields":[
        {"name":"name","type":{"type":"enum","name":"E","symbols":["X","Y"]}},
        {"name":"places","type":{"type":"array","items":"float"}}]}]}]}"#;

fn record(id: u8) -> Vec<u8> {
    let mut bytes = vec![6, b'V', b'I', b'E', id, 2];
    bytes.extend(21.75f64.to_le_bytes());
    bytes.extend([0xf2, 0xfd, 0xfd, 0xde, 0x93, 0x65]);
    bytes.extend([4, 0x05, 0x3c, 34]);
    bytes.extend([0x7f; 17]);
    bytes.extend([id; 28]);
    bytes.extend([4, 2, b'a', 0, 2, b'b', 2, 4, b'"', b'x', 0]);
    bytes.extend([2, 2, 4]);
    bytes.extend(0.5f32.to_le_bytes());
    bytes.extend(1.5f32.to_le_bytes());
    bytes.push(0);
    bytes
}

fn path(steps: &[&str]) -> Vec<Step> {
    let step = |step: &&str| match step.parse() {
        Ok(place) => Step::Index(place),
        Err(_) => Step::Field((*step).to_owned()),
    };
    steps.iter().map(step).collect()
}

#[test]
fn decoding_and_writing_allocate_nothing_in_steady_state() {
    let mut wanted = Wanted { every_field: true, ..Wanted::default() };
    for steps in
        [&["airport"][..], &["zone", "name"], &["zone", "places", "-1"], &["tags", "b"], &[]]
    {
        wanted.slot(&path(steps));
    }
    let schema = SchemaText { text: SCHEMA.to_owned(), ..SchemaText::default() };
    let mut program = Avro::compile(&schema, &wanted).expect("a valid schema");
    let records: Vec<_> = (0..100).map(record).collect();
    let (mut names, mut arena, mut row) = (Names::default(), Arena::new(), Row::default());
    let mut out = Vec::new();
    let pass = || {
        let mut written = 0;
        for bytes in &records {
            arena.reset();
            let mut of_this = std::mem::take(&mut row).recycle();
            Avro::decode(&mut program, bytes, &mut names, &arena, &mut of_this).expect("a record");
            out.clear();
            of_this.fields().iter().for_each(|field| write_text(field.value, &mut out));
            (0..5).for_each(|slot| write_text(of_this.slot(slot), &mut out));
            written += out.len();
            row = of_this.recycle();
        }
        written
    };
    assert_steady(pass);
}
