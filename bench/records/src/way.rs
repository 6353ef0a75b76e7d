//! The whole way: bytes with a registry's schema id become a filtered, keyed and packed
//! write, side by side with apache-avro and `format!` of the key and of the fields.

use crate::avro::{self, KEPT, ONCE, Reading, Sample};
use crate::{Case, Library, Run, THREE};
use apache_avro::types::Value;
use redis_kafka_engine::command::{self, Envelope, Statement};
use redis_kafka_engine::format::{Format, NoHeaders, Schemas};
use redis_kafka_engine::ledger::Outcome;
use redis_kafka_engine::registry::{Client, Config, Url};
use redis_kafka_engine::unit::{Builder, RecordRef, Unit};
use redis_kafka_engine::worker::{Formats, Incoming, Plan, RouteSpec, ValueSource};
use redis_kafka_tests::registry::{Kind, Registry};
use std::hint::black_box;
use std::sync::Arc;

/// The measurements.
pub const CASES: &[Case] = &[
    Case {
        name: "whole way, small",
        target: 5.0,
        ours: || ours(avro::small(), SMALL_ROUTE),
        theirs: &[
            Library { name: KEPT, run: || small_by_hand(Reading::Kept) },
            Library { name: ONCE, run: || small_by_hand(Reading::Once) },
        ],
    },
    Case {
        name: "whole way, wide, 3 of 32",
        target: 16.0,
        ours: || ours(avro::wide(), WIDE_ROUTE),
        theirs: &[
            Library { name: KEPT, run: || wide_by_hand(Reading::Kept) },
            Library { name: ONCE, run: || wide_by_hand(Reading::Once) },
        ],
    },
];

const SMALL_ROUTE: &str =
    r#"STREAM urn:sensor:%{airport}:%{id} WHERE "temperature > 20.5 AND airport = 'VIE'""#;
const WIDE_ROUTE: &str = r#"STREAM rows:%{column_4} WHERE "column_17 > 100 AND column_30 < 100.5" SELECT "column_4, column_17, column_30""#;

/// Records in one unit.
pub const UNIT: usize = 100;

/// The bytes before a record: the magic byte and the schema's id.
const FRAME: usize = 5;

fn framed(id: u32, record: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(id.to_be_bytes());
    bytes.extend(record);
    bytes
}

fn plan(registry: &Registry, route: &str) -> Plan {
    let line = format!("KAFKA.ROUTE r FROM s TO {route}");
    let words = command::lines::split(line.as_bytes()).expect("words");
    let route = match command::parse(&words.iter().map(Vec::as_slice).collect::<Vec<_>>()) {
        Ok(Statement::Route(route)) => RouteSpec::of(&route),
        other => panic!("no route: {other:?}"),
    };
    let url = Url::parse(&registry.url()).expect("a URL");
    let client = Client::new(&Config::new(vec![url])).expect("a client");
    let schemas = Schemas::Registry(Arc::new(client));
    let value = ValueSource { format: Format::Avro, envelope: Envelope::None, schemas };
    let formats = Formats { key: Format::String, key_schemas: Schemas::None, value };
    Plan::new(formats, &[route]).expect("a plan")
}

fn ours(sample: Sample, route: &str) -> Run {
    let registry = Registry::start();
    let id = registry.register("readings-value", Kind::Avro, &sample.schema, &[]);
    let bytes = framed(id, &sample.bytes);
    let mut plan = plan(&registry, route);
    let (mut builder, mut unit) = (Builder::new(), Unit::default());
    let mut offset = 0;
    let mut run = move || {
        let mark = builder.begin_record(RecordRef { slot: 0, offset });
        let incoming = Incoming {
            topic: "readings",
            partition: 0,
            offset,
            timestamp: None,
            key: None,
            value: Some(black_box(&bytes)),
            headers: &NoHeaders,
        };
        let outcome = plan.write(&incoming, &mut builder, mark);
        assert_eq!(outcome, Ok(Outcome::Applied));
        offset += 1;
        if offset as usize % UNIT == 0 {
            unit.clear();
            builder.finish("s", &plan.names, std::iter::empty(), &mut unit);
        }
        black_box(&unit).packed.len()
    };
    // The registry is asked once, for the first record; then it may go.
    run();
    Box::new(run)
}

/// The fields by their names, as a program that knows its topic looks for them.
fn find<'a>(fields: &'a [(String, Value)], name: &str) -> &'a Value {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value).expect("a known field")
}

fn small_by_hand(reading: Reading) -> Run {
    by_hand(avro::small(), reading, |fields| {
        let Value::Double(temperature) = find(fields, "temperature") else { return None };
        let Value::String(airport) = find(fields, "airport") else { return None };
        if !(*temperature > 20.5 && airport == "VIE") {
            return None;
        }
        let key = format!("urn:sensor:{airport}:{}", avro::text(find(fields, "id")));
        let text = |(name, value): &(String, Value)| (name.clone(), avro::text(value));
        Some((key, fields.iter().map(text).collect()))
    })
}

fn wide_by_hand(reading: Reading) -> Run {
    by_hand(avro::wide(), reading, |fields| {
        let Value::Long(long) = find(fields, "column_17") else { return None };
        let Value::Double(double) = find(fields, "column_30") else { return None };
        if !(*long > 100 && *double < 100.5) {
            return None;
        }
        let key = format!("rows:{}", avro::text(find(fields, "column_4")));
        let text = |name: &&str| ((*name).to_owned(), avro::text(find(fields, name)));
        Some((key, THREE.iter().map(text).collect()))
    })
}

/// A write's key and its fields' names and texts; none when the record is filtered.
type Write = Option<(String, Vec<(String, String)>)>;

fn by_hand(sample: Sample, reading: Reading, write: fn(&[(String, Value)]) -> Write) -> Run {
    let reader = avro::reader(&sample.schema, reading);
    let bytes = framed(1, &sample.bytes);
    Box::new(move || {
        let Value::Record(fields) = reader(&black_box(&bytes)[FRAME..]) else {
            panic!("no record");
        };
        let (key, fields) = black_box(write(&fields)).expect("not filtered");
        key.len() + fields.len()
    })
}
