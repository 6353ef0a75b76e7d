//! JSON, its envelopes, and the whole way from bytes to a packed unit.

use crate::assert_steady;
use redis_kafka_engine::command::{self, Envelope, Statement};
use redis_kafka_engine::format::envelope::{Change, Connect, Debezium};
use redis_kafka_engine::format::json::JsonDecoder;
use redis_kafka_engine::format::text::write_text;
use redis_kafka_engine::format::{Decoder, Format, Input, NoHeaders, Schemas};
use redis_kafka_engine::ledger::Outcome;
use redis_kafka_engine::record::{Arena, Names, Row, Shape, Step, Wanted};
use redis_kafka_engine::unit::{Builder, RecordRef, Unit};
use redis_kafka_engine::worker::{Formats, Held, Incoming, Plan, RouteSpec, ValueSource};
use std::convert::Infallible;

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

fn path(text: &str) -> Vec<Step> {
    let step = |step: &str| step.parse().map_or_else(|_| Step::Field(step.to_owned()), Step::Index);
    text.split('.').filter(|step| !step.is_empty()).map(step).collect()
}

fn wanted(every_field: bool, paths: &[&str]) -> Wanted {
    Wanted { every_field, paths: paths.iter().map(|text| path(text)).collect() }
}

/// What is kept between two records.
#[derive(Default)]
struct Buffers {
    names: Names,
    arena: Arena,
    value: Row<'static>,
    around: Row<'static>,
    out: Vec<u8>,
}

/// Decodes all records and writes the text of everything that was wanted.
fn assert_decoding_is_steady(mut decoder: impl Decoder, wanted: &Wanted, records: &[Vec<u8>]) {
    let mut buffers = Buffers::default();
    assert_steady(|| {
        let mut written = 0;
        for record in records {
            let Buffers { names, arena, value, out, .. } = &mut buffers;
            arena.reset();
            let mut row = std::mem::take(value).recycle();
            let input = Input { bytes: record, headers: &NoHeaders };
            decoder.decode(input, names, arena, &mut row).expect("a valid record");
            assert_ne!(row.shape(), Shape::Absent);
            out.clear();
            row.fields().iter().for_each(|field| write_text(field.value, out));
            (0..wanted.paths.len()).for_each(|slot| write_text(row.slot(slot), out));
            written += out.len();
            *value = row.recycle();
        }
        written
    });
}

#[test]
fn decoding_json_allocates_nothing_in_steady_state() {
    let paths = ["at.zone.1.a", "at.zone.-2", "at.b", "text", "", "no.such"];
    for wanted in [wanted(true, &paths), wanted(false, &paths), wanted(true, &[])] {
        assert_decoding_is_steady(JsonDecoder::new(wanted.clone()), &wanted, &records());
    }
}

const ROW_SCHEMA: &str = r#"{"type":"struct","optional":true,"field":"ROLE","fields":[
    {"type":"int32","field":"id"},{"type":"string","optional":true,"field":"text"},
    {"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"},"field":"price"},
    {"type":"bytes","optional":true,"field":"blob"},
    {"type":"int64","name":"io.debezium.time.MicroTimestamp","field":"seen"},
    {"type":"struct","field":"at","fields":[{"type":"array","items":{"type":"double"},"field":"zone"},
        {"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"1"},"field":"b"},
        {"type":"bytes","optional":true,"field":"c"}]}]}"#;

fn rows() -> Vec<String> {
    let row = |i: usize| {
        let (text, seen) = ("x".repeat(i % 70), i * 1_000_000);
        let absent = if i.is_multiple_of(3) { "" } else { r#""blob":"AAECAwQF","# };
        format!(
            r#"{{"id":{i},"text":"{text}\n","price":"BTw=",{absent}"seen":{seen},
                "at":{{"zone":[{i}.5,7],"b":"Bw==","c":"AAEC"}}}}"#
        )
    };
    (0..200).map(row).collect()
}

#[test]
fn decoding_connect_allocates_nothing_in_steady_state() {
    let record =
        |row: &String| format!(r#"{{"schema":{ROW_SCHEMA},"payload":{row}}}"#).into_bytes();
    let records: Vec<_> = rows().iter().map(record).collect();
    let paths = ["at.zone.1", "at.b", "price", "blob", "", "no.such"];
    for wanted in [wanted(true, &paths), wanted(false, &paths)] {
        assert_decoding_is_steady(Connect::new(wanted.clone()), &wanted, &records);
    }
}

#[test]
fn decoding_debezium_allocates_nothing_in_steady_state() {
    let event = |row: &String| format!(r#"{{"before":null,"after":{row},"op":"c","ts_ms":5}}"#);
    let (before, after) =
        (ROW_SCHEMA.replace("ROLE", "before"), ROW_SCHEMA.replace("ROLE", "after"));
    let schema = format!(
        r#"{{"type":"struct","fields":[{before},{after},{{"type":"string","field":"op"}},{{"type":"int64","field":"ts_ms"}}]}}"#
    );
    let plain: Vec<_> = rows().iter().map(event).collect();
    let wrapped: Vec<_> =
        plain.iter().map(|event| format!(r#"{{"schema":{schema},"payload":{event}}}"#)).collect();
    for events in [plain, wrapped] {
        let value = wanted(true, &["at.b", "id", ""]);
        let around = wanted(false, &["op", "ts_ms"]);
        let mut debezium =
            Debezium::new(value, around, |wanted| -> Result<Box<dyn Decoder>, Infallible> {
                Ok(Box::new(JsonDecoder::new(wanted)))
            })
            .expect("a decoder");
        let mut buffers = Buffers::default();
        assert_steady(|| {
            let mut written = 0;
            for event in &events {
                let Buffers { names, arena, value, around, out } = &mut buffers;
                arena.reset();
                let mut row = std::mem::take(value).recycle();
                let mut envelope = std::mem::take(around).recycle();
                let input = Input { bytes: event.as_bytes(), headers: &NoHeaders };
                let change = debezium.decode(input, names, arena, &mut row, &mut envelope);
                assert_eq!(change, Ok(Change::Upsert));
                out.clear();
                row.fields().iter().for_each(|field| write_text(field.value, out));
                (0..3).for_each(|slot| write_text(row.slot(slot), out));
                (0..2).for_each(|slot| write_text(envelope.slot(slot), out));
                written += out.len();
                *value = row.recycle();
                *around = envelope.recycle();
            }
            written
        });
    }
}

/// A plan with these routes over JSON.
fn plan(routes: &[&str]) -> Plan {
    let spec = |words: &&str| {
        let line = format!("KAFKA.ROUTE r FROM s TO {words}");
        let words = command::lines::split(line.as_bytes()).expect("words");
        match command::parse(&words.iter().map(Vec::as_slice).collect::<Vec<_>>()) {
            Ok(Statement::Route(route)) => RouteSpec::of(&route),
            other => panic!("no route: {other:?}"),
        }
    };
    let value =
        ValueSource { format: Format::Json, envelope: Envelope::None, schemas: Schemas::None };
    let formats = Formats { key: Format::String, key_schemas: Schemas::None, value };
    Plan::new(formats, &routes.iter().map(spec).collect::<Vec<_>>()).expect("a plan")
}

#[test]
fn the_way_from_bytes_to_a_packed_unit_allocates_nothing_in_steady_state() {
    let records = records();
    let mut plan = plan(&[
        "STREAM entries:%{at.b}:%{id} MAXLEN ~ 1000",
        "HASH last:%{_key}",
        "HASH table:%{_key} SELECT \"count() AS n, sum(id) AS sum, avg(id) AS mean, \
         max(text) AS top, first(text) AS head, last(at, id) AS late\"",
        "HASH newer:%{_key} NEWER id",
        "STRING string:%{id}",
        "STRING text:%{id} VALUE \"text || id\" TTL 5m",
        "JSON document:%{id} SELECT \"* EXCEPT (id)\"",
        "LIST list LEFT MAXLEN 100",
        "SET set MEMBER at EXPIREAT \"_offset + 1700000000000\"",
        "ZSET scores MEMBER text SCORE id KEEP 10",
        "ZSET sums:%{_key} MEMBER \"id % 7\" INCR \"id * 1.5\"",
        "GEO map LON \"id % 180\" LAT \"id % 85\" MEMBER id",
        "TIMESERIES series:%{id} AT id VALUE id",
        "CHANNEL \"changes:%{id}\"",
        "COMMAND SADD ids \"%{id}\" \"%{text}\"",
        "STREAM \"some:%{upper(_key)}\" WHERE \"id >= 0 AND _offset <> -1\" \
         SELECT \"*, id * 2 AS twice, CASE WHEN id > 1 THEN 'many' ELSE 'one' END AS class\"",
    ]);
    let (mut builder, mut unit) = (Builder::new(), Unit::default());
    assert_steady(|| {
        for (offset, record) in records.iter().enumerate() {
            let mark = builder.begin_record(RecordRef { slot: 0, offset: offset as i64 });
            let incoming = Incoming {
                topic: "t",
                partition: 0,
                offset: offset as i64,
                timestamp: None,
                key: Some(b"key"),
                value: Some(record),
                headers: &NoHeaders,
            };
            let outcome = plan.write(&incoming, &mut builder, mark);
            assert_eq!(outcome, Ok(Outcome::Applied));
        }
        unit.clear();
        builder.finish("s", &plan.names, std::iter::empty(), &mut unit);
        unit.packed.len()
    });
}

#[test]
fn elements_and_joins_allocate_nothing_in_steady_state() {
    let records = records();
    let mut plan = plan(&[
        "SET \"elements:%{id}\" MEMBER i EACH at.zone AS i",
        "STREAM joined JOIN HASH \"table:%{id}\" AS a JOIN HASH \"other:%{a.next}\" AS b \
         WHERE \"id >= 0\" SELECT \"id, coalesce(a.name, 'none') AS name, b.*\"",
        "HASH \"table:%{id}\" SELECT \"text AS name\"",
        "STREAM seen JOIN HASH \"table:%{id}\" AS a SELECT \"id, a.name\"",
    ]);
    let (mut builder, mut unit) = (Builder::new(), Unit::default());
    assert_steady(|| {
        plan.lookup.clear();
        // The second round knows what the keys of the second join are.
        for round in 0..3 {
            for (offset, record) in records.iter().enumerate() {
                let incoming = Incoming {
                    topic: "t",
                    partition: 0,
                    offset: offset as i64,
                    timestamp: None,
                    key: Some(b"key"),
                    value: Some(record),
                    headers: &NoHeaders,
                };
                if round < 2 {
                    plan.gather(&incoming, &builder, Held::NONE);
                    continue;
                }
                let mark = builder.begin_record(RecordRef { slot: 0, offset: offset as i64 });
                let outcome = plan.write(&incoming, &mut builder, mark);
                assert_eq!(outcome, Ok(Outcome::Applied));
            }
            while plan.lookup.is_open() {
                plan.lookup.turn(|key, join, answers| {
                    let mut hash = answers.hash();
                    // Named fields are answered in their order, a whole hash by name and value.
                    hash.part(Some(if join == 1 { b"field" } else { key }));
                    hash.part(Some(b"7"));
                    hash.end();
                });
            }
        }
        unit.clear();
        builder.finish("s", &plan.names, std::iter::empty(), &mut unit);
        unit.packed.len()
    });
}
