//! Avro side by side with apache-avro: records of four fields and of 32.

use crate::{Case, Library, Run, THREE, wanted};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use redis_kafka_engine::format::avro::Avro;
use redis_kafka_engine::format::schema::{SchemaFormat, SchemaText};
use redis_kafka_engine::format::text::write_text;
use redis_kafka_engine::record::{Arena, Names, Row, Wanted};
use std::fmt::Write as _;
use std::hint::black_box;

/// apache-avro's reader, made once for all records.
pub const KEPT: &str = "GenericDatumReader";

/// apache-avro's function for one datum, which makes a reader each time.
pub const ONCE: &str = "from_avro_datum";

/// How apache-avro is asked to read.
#[derive(Clone, Copy)]
pub enum Reading {
    /// By a reader that is kept.
    Kept,
    /// By `from_avro_datum`.
    Once,
}

/// The measurements.
pub const CASES: &[Case] = &[
    Case {
        name: "avro small, all 4",
        target: 4.5,
        ours: || ours(&small(), wanted(&[]), read),
        theirs: &[
            Library { name: KEPT, run: || theirs(small(), Reading::Kept, keep) },
            Library { name: ONCE, run: || theirs(small(), Reading::Once, keep) },
        ],
    },
    Case {
        name: "avro small, 4 slots",
        target: 4.5,
        ours: || ours(&small(), wanted(&["airport", "id", "temperature", "ts"]), read),
        theirs: &[
            Library { name: KEPT, run: || theirs(small(), Reading::Kept, keep) },
            Library { name: ONCE, run: || theirs(small(), Reading::Once, keep) },
        ],
    },
    Case {
        name: "avro wide, 3 of 32",
        target: 20.0,
        ours: || ours(&wide(), wanted(THREE), read),
        theirs: &[
            Library { name: KEPT, run: || theirs(wide(), Reading::Kept, keep) },
            Library { name: ONCE, run: || theirs(wide(), Reading::Once, keep) },
        ],
    },
    Case {
        name: "avro wide, all 32 as text",
        target: 6.0,
        ours: || ours(&wide(), wanted(&[]), write),
        theirs: &[
            Library { name: KEPT, run: || theirs(wide(), Reading::Kept, format_all) },
            Library { name: ONCE, run: || theirs(wide(), Reading::Once, format_all) },
        ],
    },
];

/// A schema and a record of it.
pub struct Sample {
    /// The schema's JSON.
    pub schema: String,
    /// The record without framing.
    pub bytes: Vec<u8>,
}

/// A measurement, as the demo's.
pub fn small() -> Sample {
    let schema = r#"{"type":"record","name":"Sensor","fields":[
        {"name":"airport","type":"string"},{"name":"id","type":"int"},
        {"name":"temperature","type":"double"},{"name":"ts","type":"long"}]}"#;
    let value = Value::Record(vec![
        ("airport".into(), Value::String("VIE".into())),
        ("id".into(), Value::Int(4)),
        ("temperature".into(), Value::Double(21.75)),
        ("ts".into(), Value::Long(1_795_230_000_123)),
    ]);
    sample(schema.to_owned(), value)
}

/// 32 columns: texts, longs, doubles, nullable ints, a few logical types and two nested.
pub fn wide() -> Sample {
    let of = |i: usize| match i {
        7 => {
            r#"{"type":"record","name":"Zone","fields":[{"name":"id","type":"int"},{"name":"borough","type":"string"}]}"#
        }
        15 => r#"{"type":"array","items":"int"}"#,
        19 => r#"{"type":"long","logicalType":"timestamp-millis"}"#,
        23 => r#"{"type":"int","logicalType":"date"}"#,
        27 => r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#,
        _ => [r#""string""#, r#""long""#, r#""double""#, r#"["null","int"]"#][i % 4],
    };
    let field = |i: usize| format!(r#"{{"name":"column_{i}","type":{}}}"#, of(i));
    let fields: Vec<_> = (0..32).map(field).collect();
    let schema = format!(r#"{{"type":"record","name":"Wide","fields":[{}]}}"#, fields.join(","));
    sample(schema, wide_value())
}

fn wide_value() -> Value {
    let zone =
        vec![("id".into(), Value::Int(132)), ("borough".into(), Value::String("Queens".into()))];
    let column = |i: usize| match i {
        7 => Value::Record(zone.clone()),
        15 => Value::Array([2020, 7, 1, 0, 25].map(Value::Int).to_vec()),
        19 => Value::TimestampMillis(1_795_230_000_123),
        23 => Value::Date(20_778),
        27 => Value::Decimal(apache_avro::Decimal::from(vec![0x05, 0x3c])),
        _ => match i % 4 {
            0 => Value::String(format!("value of column {i}")),
            1 => Value::Long(1_000_003 * i as i64),
            2 => Value::Double(i as f64 + 0.25),
            _ if i == 3 => Value::Union(0, Box::new(Value::Null)),
            _ => Value::Union(1, Box::new(Value::Int(i as i32 * 100))),
        },
    };
    Value::Record((0..32).map(|i| (format!("column_{i}"), column(i))).collect())
}

fn sample(schema: String, value: Value) -> Sample {
    let parsed = Schema::parse_str(&schema).expect("a valid schema");
    let writer = GenericDatumWriter::builder(&parsed).build().expect("a writer");
    let bytes = writer.write_value_to_vec(value).expect("a value of the schema");
    Sample { schema, bytes }
}

fn ours(sample: &Sample, wanted: Wanted, used: fn(&Row<'_>, &mut Vec<u8>) -> usize) -> Run {
    let text = SchemaText { text: sample.schema.clone(), ..SchemaText::default() };
    let mut program = Avro::compile(&text, &wanted).expect("a valid schema");
    let (mut names, mut arena, mut kept) = (Names::default(), Arena::new(), Row::default());
    let (mut out, bytes) = (Vec::with_capacity(4096), sample.bytes.clone());
    Box::new(move || {
        arena.reset();
        out.clear();
        let mut row: Row<'_> = std::mem::take(&mut kept);
        let bytes = black_box(&bytes[..]);
        Avro::decode(&mut program, bytes, &mut names, &arena, &mut row).expect("a record");
        let used = used(&row, &mut out);
        kept = row.recycle();
        used
    })
}

fn read(row: &Row<'_>, _: &mut Vec<u8>) -> usize {
    black_box(row).fields().len() + usize::from(!row.slot(2).is_null())
}

fn write(row: &Row<'_>, out: &mut Vec<u8>) -> usize {
    row.fields().iter().for_each(|field| write_text(field.value, out));
    out.len()
}

/// What reads records of a schema, which stays for good.
pub fn reader(schema: &str, reading: Reading) -> Box<dyn Fn(&[u8]) -> Value> {
    let schema: &Schema = Box::leak(Box::new(Schema::parse_str(schema).expect("a schema")));
    let reader = GenericDatumReader::builder(schema).build().expect("a reader");
    Box::new(move |mut bytes| match reading {
        Reading::Kept => reader.read_value(&mut bytes).expect("a record"),
        #[expect(deprecated, reason = "what users know")]
        Reading::Once => apache_avro::from_avro_datum(schema, &mut bytes, None).expect("a record"),
    })
}

fn theirs(sample: Sample, reading: Reading, used: fn(Value, &mut String) -> usize) -> Run {
    let reader = reader(&sample.schema, reading);
    let mut out = String::with_capacity(4096);
    Box::new(move || {
        out.clear();
        used(reader(black_box(&sample.bytes)), &mut out)
    })
}

fn keep(value: Value, _: &mut String) -> usize {
    match black_box(value) {
        Value::Record(fields) => fields.len(),
        _ => 0,
    }
}

fn format_all(value: Value, out: &mut String) -> usize {
    let Value::Record(fields) = value else { return 0 };
    for (_, value) in &fields {
        let _ = out.write_str(&text(value));
    }
    out.len()
}

/// What a user of apache-avro would write of a field.
pub fn text(value: &Value) -> String {
    match value {
        Value::Union(_, inner) => text(inner),
        Value::String(text) => text.clone(),
        Value::Int(number) => format!("{number}"),
        Value::Long(number) => format!("{number}"),
        Value::Double(number) => format!("{number}"),
        other => format!("{other:?}"),
    }
}
