//! The record path allocates nothing once a topic's names have been seen.

use redis_kafka_engine::command::{self, Statement};
use redis_kafka_engine::expression::{Headers, View};
use redis_kafka_engine::format::Format;
use redis_kafka_engine::format::json::{Step, descend, write_text};
use redis_kafka_engine::record::{Fields, Names};
use redis_kafka_engine::target::Target;
use redis_kafka_engine::unit::{Builder, RecordRef, Unit};

/// Records of one topic: the same names, values of changing lengths, fields
/// that come and go, names and values with escapes, nested values.
fn records() -> Vec<Vec<u8>> {
    let record = |i: usize| {
        let text = "x".repeat(i % 70);
        let absent = if i.is_multiple_of(3) { "" } else { r#""note": null,"# };
        format!(
            r#"{{"id": {i}, {absent} "text": "{text}\n\u00e9", "t\u00e9mp": {i}.50,
                "at": {{ "zone": [{i}, {{"a": "{text}"}}], "b": true }} }}"#
        )
        .into_bytes()
    };
    (0..200).map(record).collect()
}

#[test]
fn decoding_json_allocates_nothing_in_steady_state() {
    let records = records();
    let mut decoder = Format::Json.decoder().expect("JSON is built");
    let (mut names, mut fields) = (Names::default(), Fields::default());
    let mut out = Vec::new();
    let mut pass = || {
        let mut written = 0;
        for record in &records {
            decoder.decode(record, &mut names, &mut fields).expect("a valid document");
            out.clear();
            for field in fields.all() {
                write_text(field.value(record), &mut out);
            }
            let last = fields.all().last().expect("a field").value(record);
            let zone = descend(last, Step::Field(b"zone")).expect("the zone");
            let element = descend(zone, Step::Index(1)).expect("an element");
            write_text(descend(element, Step::Field(b"a")).expect("a text"), &mut out);
            written += out.len();
        }
        written
    };
    let mut first_written = 0;
    let first = allocation_counter::measure(|| first_written = pass());
    assert!(first.count_total > 0, "the counter counts");
    let mut written = 0;
    let steady = allocation_counter::measure(|| written = pass());
    assert_eq!(written, first_written);
    assert_eq!(steady.count_total, 0, "{steady:?}");
}

struct NoHeaders;

impl Headers for NoHeaders {
    fn last(&self, _name: &str) -> Option<&[u8]> {
        None
    }
}

/// The targets of a stream and a hash whose keys come from the value.
fn targets(names: &mut Names) -> Vec<Target> {
    let target = |words: &str| {
        let line = format!("KAFKA.ROUTE r FROM s TO {words}");
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        match command::parse(&words) {
            Ok(Statement::Route(route)) => route.target,
            other => panic!("no route: {other:?}"),
        }
    };
    let mut targets =
        vec![target("STREAM entries:%{at.b}:%{id} MAXLEN ~ 1000"), target("HASH last:%{id}")];
    targets.iter_mut().for_each(|target| target.bind(names));
    targets
}

#[test]
fn the_way_from_bytes_to_a_packed_unit_allocates_nothing_in_steady_state() {
    let records = records();
    let mut decoder = Format::Json.decoder().expect("JSON is built");
    let (mut names, mut fields, key_fields) =
        (Names::default(), Fields::default(), Fields::default());
    let targets = targets(&mut names);
    let (mut builder, mut unit) = (Builder::new(), Unit::default());
    let mut pass = || {
        for (offset, record) in records.iter().enumerate() {
            let mark = builder.begin_record(RecordRef { slot: 0, offset: offset as i64 });
            decoder.decode(record, &mut names, &mut fields).expect("a valid document");
            let view = View {
                topic: "t",
                partition: 0,
                offset: offset as i64,
                timestamp: None,
                key: None,
                key_fields: &key_fields,
                value: Some(record),
                value_fields: &fields,
                headers: &NoHeaders,
                names: &names,
            };
            for target in &targets {
                target.write(&view, &mut builder).expect("a write");
            }
            assert!(builder.end_record(mark));
        }
        unit.clear();
        builder.finish("s", &names, std::iter::empty(), &mut unit);
        unit.packed.len()
    };
    let mut first_length = 0;
    let first = allocation_counter::measure(|| first_length = pass());
    assert!(first.count_total > 0, "the counter counts");
    // A second pass may still grow a buffer that was handed on in the first.
    pass();
    let mut length = 0;
    let steady = allocation_counter::measure(|| length = pass());
    assert_eq!(length, first_length);
    assert_eq!(steady.count_total, 0, "{steady:?}");
}
