//! Decoding allocates nothing once a topic's names have been seen.

use redis_kafka_engine::format::Format;
use redis_kafka_engine::format::json::{Step, descend, write_text};
use redis_kafka_engine::record::{Fields, Names};

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
