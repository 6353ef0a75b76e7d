//! Avro against apache-avro as oracle: random schemas and values, written by
//! its encoder, must have the text forms computed from its values.

mod decoding;
mod generate;
mod hostile;
mod oracle;
mod types;
mod writing;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use decoding::{Decoded, decode, step};
use fastrand::Rng;
use generate::{SchemaMaker, ValueMaker, path};
use oracle::{Oracle, PathStep, UNJUDGED};
use proptest::prelude::*;
use redis_kafka_engine::record::Wanted;

/// A random schema: mostly a record, sometimes a union of records or a bare value.
fn random_schema(rng: &mut Rng) -> String {
    let shape = rng.u8(..10);
    let mut maker = SchemaMaker::new(rng);
    let json = match shape {
        0 => maker.any(0),
        1 => serde_json::json!(["null", maker.record(0, 8), maker.record(0, 4), "string"]),
        _ => maker.record(0, 12),
    };
    json.to_string()
}

fn encode(schema: &Schema, value: &Value) -> Vec<u8> {
    let writer = GenericDatumWriter::builder(schema).build().expect("a writer");
    let mut bytes = Vec::new();
    writer.write_value_ref(&mut bytes, value).expect("a value of the schema");
    bytes
}

fn wanted(every_field: bool, paths: &[Vec<PathStep>]) -> Wanted {
    let mut wanted = Wanted { every_field, ..Wanted::default() };
    for path in paths {
        wanted.slot(&path.iter().map(step).collect::<Vec<_>>());
    }
    wanted
}

/// The texts the oracle expects of what is wanted.
fn expected(oracle: &Oracle<'_>, value: &Value, every: bool, paths: &[Vec<PathStep>]) -> Decoded {
    let fields = oracle.fields(value);
    let single = fields.is_none();
    let all = fields.unwrap_or_else(|| vec![("value".to_owned(), oracle.text(value, &[]))]);
    Decoded {
        single,
        fields: if every { all } else { Vec::new() },
        slots: paths.iter().map(|path| oracle.text(value, path)).collect(),
    }
}

fn unjudged(decoded: &Decoded) -> bool {
    let marked = |text: &Option<Vec<u8>>| {
        let text = String::from_utf8_lossy(text.as_deref().unwrap_or_default());
        text.contains(UNJUDGED)
    };
    decoded.slots.iter().any(marked) || decoded.fields.iter().any(|(_, text)| marked(text))
}

fn distinct(mut paths: Vec<Vec<PathStep>>) -> Vec<Vec<PathStep>> {
    let mut seen = Vec::new();
    paths.retain(|path| {
        let new = !seen.contains(path);
        seen.push(path.clone());
        new
    });
    paths
}

/// One seed's schema, value, bytes and paths.
fn check(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let text = random_schema(&mut rng);
    let schema = Schema::parse_str(&text).expect("a valid schema");
    let oracle = Oracle::new(&schema);
    let values = ValueMaker::new(&schema);
    for round in 0..4 {
        let value = values.value(&mut rng, &schema, 0);
        let bytes = encode(&schema, &value);
        let mut paths: Vec<_> = (0..6).map(|_| path(&mut rng, &value)).collect();
        if rng.u8(..4) == 0 {
            paths.push(Vec::new());
        }
        let paths = distinct(paths);
        for every in [true, false] {
            let ours = decode(&text, &wanted(every, &paths), &bytes);
            let ours = ours.unwrap_or_else(|error| panic!("{error}\n{text}\n{value:?}"));
            let expected = expected(&oracle, &value, every, &paths);
            if !unjudged(&expected) {
                assert_eq!(ours, expected, "{text}\n{value:?}\n{paths:?}");
            }
        }
        if round == 0 {
            writing::check(&text, &schema, &value, &bytes);
        }
        for _ in 0..8 {
            mutated(&mut rng, &text, &schema, &oracle, &bytes, &paths);
        }
    }
}

fn mutate(rng: &mut Rng, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.usize(1..3) {
        let at = rng.usize(..=bytes.len());
        match rng.u8(..5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.u8(..)),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
            _ if at < bytes.len() => bytes[at] = rng.u8(..),
            _ => bytes.push(rng.u8(..)),
        }
    }
    bytes
}

/// Where apache-avro reads on, or makes a null, and we say why we do not: its
/// booleans, strings and unions are null at the end of the bytes, it looks
/// neither behind the datum nor at a block's size, drops bits beyond 64, and
/// takes a decimal of no bytes for 0.
const STRICTER: &[&str] = &[
    "end too early",
    "behind the record",
    "64 bits",
    "block's size",
    "more elements than",
    "negative length",
    "decimal",
    "take no bytes",
    "too deeply",
    "no such branch",
];

fn mutated(
    rng: &mut Rng,
    text: &str,
    schema: &Schema,
    oracle: &Oracle<'_>,
    bytes: &[u8],
    paths: &[Vec<PathStep>],
) {
    let bytes = mutate(rng, bytes);
    let ours = decode(text, &wanted(true, paths), &bytes);
    let reader = GenericDatumReader::builder(schema).build().expect("a reader");
    let mut rest = bytes.as_slice();
    let theirs = reader.read_value(&mut rest);
    match (&ours, &theirs) {
        (Ok(ours), Ok(value)) => {
            let expected = expected(oracle, value, true, paths);
            // A map's order is lost in apache-avro's values, as is how a UUID's text was written.
            let lost =
                text.contains("\"map\"") || text.contains("\"string\",\"logicalType\":\"uuid\"");
            if !unjudged(&expected) && !lost {
                assert_eq!(*ours, expected, "{text}\n{bytes:?}");
            }
        }
        (Ok(_), Err(error)) => {
            // A string with the logical type uuid is any text to us.
            let uuid = error.to_string().to_lowercase().contains("uuid");
            assert!(uuid && text.contains("uuid"), "{error}\n{text}\n{bytes:?}");
        }
        (Err(error), Ok(_)) => {
            let known = STRICTER.iter().any(|reason| error.to_string().contains(reason));
            assert!(known, "{error}\n{text}\n{bytes:?}");
        }
        (Err(_), Err(_)) => {}
    }
    let some = decode(text, &wanted(false, paths), &bytes);
    if let Ok(ours) = ours {
        assert_eq!(some.expect("less is read").slots, ours.slots, "{text}\n{bytes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn texts_are_those_of_apache_avro(seed: u64) {
        // apache-avro's recursion takes some 30 KB a level where it is not optimised.
        let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(move || check(seed));
        if let Err(panic) = thread.expect("a thread").join() {
            std::panic::resume_unwind(panic);
        }
    }
}
