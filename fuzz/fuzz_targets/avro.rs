//! The Avro decoder never panics, keeps within a bound of memory, and reads what
//! apache-avro reads: the first byte chooses a schema, the rest is the datum.
#![no_main]

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Theirs;
use libfuzzer_sys::fuzz_target;
use oracle::{Oracle, PathStep, UNJUDGED};
use redis_kafka_engine::format::DecodeError;
use redis_kafka_engine::format::avro::{Avro, MAX_HOLLOW};
use redis_kafka_engine::format::schema::{SchemaFormat, SchemaText};
use redis_kafka_engine::format::text::write_text;
use redis_kafka_engine::record::{Arena, Names, Row, Step, Value, Wanted};
use std::sync::LazyLock;

#[path = "../../engine/tests/avro/oracle.rs"]
mod oracle;

/// The schemas, in the order the first byte counts them.
const SCHEMAS: &[&str] = &[
    r#"{"type":"record","name":"Sensor","fields":[{"name":"airport","type":"string"},
        {"name":"id","type":"int"},{"name":"temperature","type":"double"},{"name":"ts","type":"long"}]}"#,
    r#"{"type":"record","name":"Tree","fields":[{"name":"a","type":["null","Tree"]},
        {"name":"b","type":{"type":"array","items":"Tree"}},{"name":"c","type":["string","null","boolean"]}]}"#,
    r#"{"type":"record","name":"Hollow","fields":[{"name":"a","type":{"type":"array","items":"null"}},
        {"name":"b","type":{"type":"array","items":{"type":"array","items":{"type":"record","name":"E","fields":[]}}}},
        {"name":"c","type":{"type":"map","values":"null"}}]}"#,
    r#"{"type":"record","name":"Logical","fields":[
        {"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":60,"scale":12}},
        {"name":"b","type":["null",{"type":"bytes","logicalType":"big-decimal"}]},
        {"name":"c","type":{"type":"int","logicalType":"date"}},
        {"name":"d","type":{"type":"int","logicalType":"time-millis"}},
        {"name":"e","type":{"type":"long","logicalType":"timestamp-micros"}},
        {"name":"f","type":{"type":"long","logicalType":"local-timestamp-nanos"}},
        {"name":"g","type":{"type":"enum","name":"G","symbols":["A","B"]}},
        {"name":"h","type":"float"}]}"#,
    r#"{"type":"record","name":"Fixed","fields":[
        {"name":"a","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}},
        {"name":"b","type":{"type":"fixed","name":"D","size":12,"logicalType":"duration"}},
        {"name":"c","type":{"type":"fixed","name":"N","size":20,"logicalType":"decimal","precision":40,"scale":3}},
        {"name":"d","type":{"type":"array","items":["null","U","string"]}}]}"#,
    r#"["null",{"type":"record","name":"One","fields":[{"name":"a","type":"int"},{"name":"b","type":"bytes"}]},
        {"type":"record","name":"Two","fields":[{"name":"b","type":"One"},{"name":"a","type":"string"}]},"long"]"#,
    r#"{"type":"map","values":{"type":"array","items":["int",{"type":"map","values":"string"}]}}"#,
];

/// Memory that decoding may take: some for each byte, and what elements and
/// numbers without bytes of their own can claim.
fn memory_bound(bytes: usize) -> usize {
    64 * 1024 + 64 * bytes
}

/// Bytes of JSON that a datum may become: a record of null fields is the worst.
fn text_bound(bytes: usize) -> usize {
    64 * MAX_HOLLOW as usize + 4096 * (bytes + 1)
}

struct Case {
    text: SchemaText,
    schema: Schema,
    paths: Vec<Vec<PathStep>>,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let names = |all: &[&str]| all.iter().map(|name| PathStep::Name((*name).to_owned())).collect();
    let case = |text: &&str| Case {
        text: SchemaText { text: (*text).to_owned(), ..SchemaText::default() },
        schema: Schema::parse_str(text).expect("a valid schema"),
        paths: vec![
            vec![],
            names(&["a"]),
            names(&["b", "a"]),
            names(&["a", "a", "c"]),
            vec![PathStep::Name("b".to_owned()), PathStep::Place(-1), PathStep::Place(0)],
        ],
    };
    SCHEMAS.iter().map(case).collect()
});

#[derive(Debug, PartialEq)]
struct Texts {
    fields: Vec<(String, Option<Vec<u8>>)>,
    slots: Vec<Option<Vec<u8>>>,
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else {
        return;
    };
    let case = &CASES[usize::from(*choice) % CASES.len()];
    let every = decode(case, true, bytes);
    let some = decode(case, false, bytes);
    // Only what is accepted is put to apache-avro, whose recursion has no limit.
    let Ok(every) = every else {
        return;
    };
    assert_eq!(some.expect("less is read").slots, every.slots);
    let reader = GenericDatumReader::builder(&case.schema).build().expect("a reader");
    let value = reader.read_value(&mut &bytes[..]).expect("apache-avro accepts it");
    same(case, &every, &value);
});

fn decode(case: &Case, every_field: bool, bytes: &[u8]) -> Result<Texts, DecodeError> {
    let mut wanted = Wanted { every_field, ..Wanted::default() };
    for path in &case.paths {
        let step = |step: &PathStep| match step {
            PathStep::Name(name) => Step::Field(name.clone()),
            PathStep::Place(place) => Step::Index(*place),
        };
        wanted.slot(&path.iter().map(step).collect::<Vec<_>>());
    }
    let mut program = Avro::compile(&case.text, &wanted).expect("a valid schema");
    let (mut names, arena, mut row) = (Names::default(), Arena::new(), Row::default());
    let decoded = Avro::decode(&mut program, bytes, &mut names, &arena, &mut row);
    assert!(arena.memory() <= memory_bound(bytes.len()), "{}", arena.memory());
    decoded?;
    let text = |value: Value<'_>| {
        let mut text = Vec::new();
        write_text(value, &mut text);
        assert!(text.len() <= text_bound(bytes.len()), "{}", text.len());
        (!value.is_null()).then_some(text)
    };
    let name = |id| String::from_utf8_lossy(names.get(id)).into_owned();
    Ok(Texts {
        fields: row.fields().iter().map(|field| (name(field.name), text(field.value))).collect(),
        slots: (0..case.paths.len()).map(|slot| text(row.slot(slot))).collect(),
    })
}

/// The texts are those of apache-avro's value, where its value keeps what they need.
fn same(case: &Case, ours: &Texts, value: &Theirs) {
    if case.text.text.contains("\"map\"") {
        return;
    }
    let oracle = Oracle::new(&case.schema);
    let single = || vec![("value".to_owned(), oracle.text(value, &[]))];
    let fields = oracle.fields(value).unwrap_or_else(single);
    let slots = case.paths.iter().map(|path| oracle.text(value, path)).collect();
    let judged = |text: &Option<Vec<u8>>| {
        !String::from_utf8_lossy(text.as_deref().unwrap_or_default()).contains(UNJUDGED)
    };
    let expected = Texts { fields, slots };
    if expected.slots.iter().all(judged) && expected.fields.iter().all(|(_, text)| judged(text)) {
        assert_eq!(*ours, expected);
    }
}
