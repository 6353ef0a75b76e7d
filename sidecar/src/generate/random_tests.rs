//! The generator against the documented meaning of each annotation, type by type.

use super::*;
use crate::generate::BUILT_IN;
use serde_json::{Value as Json, json};
use std::collections::HashSet;

fn generator(schema: &Json, seed: u64) -> Result<Generator, SchemaError> {
    Generator::new(&schema.to_string(), None, Some(seed))
}

fn draw(schema: Json, count: usize) -> Vec<Value> {
    let mut generator = generator(&schema, 1).unwrap_or_else(|error| panic!("{error}"));
    (0..count)
        .map(|_| {
            let value = generator.draw().unwrap();
            assert!(value.validate(generator.schema()), "{value:?} does not fit {schema}");
            value
        })
        .collect()
}

fn error(schema: Json) -> String {
    generator(&schema, 1).expect_err("an error").to_string()
}

fn inner(value: &Value) -> &Value {
    match value {
        Value::Union(_, inner) => inner,
        other => other,
    }
}

#[test]
fn every_type_is_generated_and_fits() {
    let types = json!([
        "null", "boolean", "int", "long", "float", "double", "bytes", "string",
        {"type": "int", "logicalType": "date"},
        {"type": "int", "logicalType": "time-millis"},
        {"type": "long", "logicalType": "time-micros"},
        {"type": "long", "logicalType": "timestamp-micros"},
        {"type": "long", "logicalType": "local-timestamp-millis"},
        {"type": "string", "logicalType": "uuid"},
        {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 2},
        {"type": "fixed", "name": "d", "size": 8, "logicalType": "decimal", "precision": 10, "scale": 0},
        {"type": "fixed", "name": "p", "size": 12, "logicalType": "duration"},
        {"type": "fixed", "name": "f", "size": 5},
        {"type": "enum", "name": "e", "symbols": ["A", "B"]},
        {"type": "array", "items": "int"},
        {"type": "map", "values": ["null", "string"]},
        {"type": "record", "name": "r", "fields": [{"name": "x", "type": {"type": "array", "items": "string"}}]},
        ["null", "string", "long"],
    ]);
    for schema in types.as_array().unwrap() {
        let values = draw(schema.clone(), 50);
        // Through Avro's binary encoding and back: what a format of that kind will do.
        let avro = apache_avro::Schema::parse(schema).unwrap();
        for value in values {
            let bytes =
                apache_avro::writer::datum::GenericDatumWriter::builder(&avro).build().unwrap();
            let bytes = bytes.write_value_to_vec(value.clone()).unwrap();
            let reader =
                apache_avro::reader::datum::GenericDatumReader::builder(&avro).build().unwrap();
            assert_eq!(reader.read_value(&mut bytes.as_slice()).unwrap(), value, "{schema}");
        }
    }
}

#[test]
fn options_are_taken_for_every_type() {
    for (schema, first, second) in [
        (json!({"type": "string"}), json!("a"), json!("b")),
        (json!({"type": "long"}), json!(1), json!(2)),
        (json!({"type": "double"}), json!(1), json!(2.5)),
        (json!({"type": "bytes"}), json!("ab"), json!("c")),
        (json!({"type": "fixed", "name": "f", "size": 2}), json!("42"), json!("EE")),
        (json!({"type": "enum", "name": "e", "symbols": ["A", "B", "C"]}), json!("A"), json!("C")),
        (json!({"type": "array", "items": "string"}), json!(["x"]), json!(["x", "y"])),
        (json!({"type": "map", "values": "int"}), json!({"zero": 0}), json!({"one": 1})),
        (
            json!({"type": "record", "name": "r", "fields": [{"name": "day", "type": "int"}]}),
            json!({"day": 2}),
            json!({"day": 0}),
        ),
    ] {
        let mut schema = schema;
        schema["arg.properties"] = json!({"options": [first, second]});
        let drawn = draw(schema.clone(), 60);
        let distinct: HashSet<String> = drawn.iter().map(|value| format!("{value:?}")).collect();
        assert_eq!(distinct.len(), 2, "{schema}");
    }
}

#[test]
fn options_that_do_not_fit_are_refused() {
    for (kind, options) in [
        (json!("int"), json!(["x"])),
        (json!("int"), json!([3_000_000_000_i64])),
        (json!("string"), json!([])),
        (json!("string"), json!("x")),
        (json!("string"), json!({"file": "nowhere.json", "encoding": "json"})),
        (json!("string"), json!({"file": "nowhere.json"})),
    ] {
        let message = error(json!({"type": kind, "arg.properties": {"options": options}}));
        assert!(message.contains("option"), "{message}");
    }
    let fixed = json!({"type": "fixed", "name": "f", "size": 2, "arg.properties": {"options": ["too long"]}});
    assert!(error(fixed).contains("does not fit"));
    let both = json!({"type": "int", "arg.properties": {"options": [1], "range": {"min": 0}}});
    assert!(error(both).contains("'range' does not apply to int with options"));
}

#[test]
fn options_come_from_files_of_both_encodings() {
    let directory = tempfile::tempdir().unwrap();
    let schema = |file: &str, encoding: &str| {
        let options = json!({"file": file, "encoding": encoding});
        json!({"type": "string", "arg.properties": {"options": options, "unique": true}})
            .to_string()
    };
    let avro = apache_avro::Schema::String;
    let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&avro).build().unwrap();
    let binary: Vec<u8> =
        ["ant", "bee"].iter().flat_map(|word| writer.write_value_to_vec(*word).unwrap()).collect();
    std::fs::write(directory.path().join("words.bin"), binary).unwrap();
    std::fs::write(directory.path().join("words.json"), "\"ant\"\n\"bee\"\n").unwrap();
    std::fs::write(directory.path().join("list.json"), "[\"ant\", \"bee\"]").unwrap();
    for (file, encoding) in [("words.bin", "binary"), ("words.json", "json"), ("list.json", "json")]
    {
        let mut generator =
            Generator::new(&schema(file, encoding), Some(directory.path()), Some(5)).unwrap();
        let drawn: HashSet<String> =
            (0..2).map(|_| format!("{:?}", generator.draw().unwrap())).collect();
        assert_eq!(
            drawn,
            ["String(\"ant\")", "String(\"bee\")"].map(String::from).into(),
            "{file}"
        );
    }
    let wrong = Generator::new(&schema("words.json", "csv"), Some(directory.path()), None);
    assert!(wrong.unwrap_err().to_string().contains("csv"));
}

#[test]
fn unique_options_come_once() {
    let schema =
        json!({"type": "string", "arg.properties": {"unique": true, "options": ["A", "B", "C"]}});
    let mut generator = generator(&schema, 1).unwrap();
    let drawn: HashSet<String> =
        (0..3).map(|_| format!("{:?}", generator.draw().unwrap())).collect();
    assert_eq!(drawn.len(), 3);
    assert!(generator.draw().unwrap_err().to_string().contains("used up"));
}

#[test]
fn odds_weigh_a_boolean() {
    let trues = |odds: f64| {
        let drawn = draw(json!({"type": "boolean", "arg.properties": {"odds": odds}}), 1000);
        drawn.iter().filter(|value| **value == Value::Boolean(true)).count()
    };
    assert_eq!((trues(0.0), trues(1.0)), (0, 1000));
    let some = trues(0.2);
    assert!((120..280).contains(&some), "{some}");
    assert!(error(json!({"type": "boolean", "arg.properties": {"odds": 2}})).contains("odds"));
}

#[test]
fn iterations_count_in_every_type() {
    let first = |kind: &str, iteration: Json| {
        draw(json!({"type": kind, "arg.properties": {"iteration": iteration}}), 3)
    };
    let ints = first("int", json!({"start": 1, "restart": 3}));
    assert_eq!(ints, [Value::Int(1), Value::Int(2), Value::Int(1)]);
    let longs = first("long", json!({"start": 10_000_000_000_i64, "step": -5}));
    assert_eq!(longs[1], Value::Long(9_999_999_995));
    let doubles = first("double", json!({"start": 0.1, "step": 0.2}));
    assert_eq!(doubles[1..], [Value::Double(0.3), Value::Double(0.5)]);
    let booleans = first("boolean", json!({"start": false}));
    assert_eq!(booleans, [false, true, false].map(Value::Boolean));
    let text = json!({"iteration": {"start": 7}, "prefix": "order-", "suffix": "/a"});
    let texts = draw(json!({"type": "string", "arg.properties": text}), 2);
    assert_eq!(texts, ["order-7/a", "order-8/a"].map(|text| Value::String(text.to_owned())));
    assert!(
        error(json!({"type": "bytes", "arg.properties": {"iteration": {"start": 1}}}))
            .contains("iteration")
    );
}

#[test]
fn each_place_counts_for_itself() {
    let number = json!({"type": "int", "arg.properties": {"iteration": {"start": 0}}});
    let schema = json!({"type": "record", "name": "r", "fields": [
        {"name": "a", "type": number}, {"name": "b", "type": number}]});
    let expected =
        |n| Value::Record(vec![("a".into(), Value::Int(n)), ("b".into(), Value::Int(n))]);
    assert_eq!(draw(schema, 2), [expected(0), expected(1)]);
}

#[test]
fn unions_follow_position_and_distribution() {
    let field = |properties: Json| {
        let fields =
            json!([{"name": "u", "type": ["null", "string"], "arg.properties": properties}]);
        json!({"type": "record", "name": "r", "fields": fields})
    };
    let nulls = |properties: Json| {
        let drawn = draw(field(properties), 1000);
        drawn
            .iter()
            .filter(|value| matches!(value, Value::Record(f) if *inner(&f[0].1) == Value::Null))
            .count()
    };
    assert_eq!(nulls(json!({"position": 1})), 0);
    assert_eq!(nulls(json!({"position": 0})), 1000);
    let third = nulls(json!({"distribution": {"0": 0.3, "1": 0.7}}));
    assert!((230..370).contains(&third), "{third}");
    let half = nulls(json!({}));
    assert!((430..570).contains(&half), "{half}");
    for wrong in [
        json!({"position": 2}),
        json!({"distribution": {"0": 0.3}}),
        json!({"distribution": {"2": 1}}),
    ] {
        assert!(error(field(wrong.clone())).starts_with("field u: "), "{wrong}");
    }
}

#[test]
fn maps_have_the_keys_and_length_asked_for() {
    let keys = |properties: Json| {
        let drawn = draw(json!({"type": "map", "values": "int", "arg.properties": properties}), 50);
        let maps = drawn.into_iter().map(|value| match value {
            Value::Map(map) => map.into_keys().collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        });
        maps.collect::<Vec<_>>()
    };
    for map in keys(json!({"length": 10, "keys": {"options": ["a", "b", "c"]}})) {
        assert!(map.iter().all(|key| ["a", "b", "c"].contains(&key.as_str())));
    }
    for map in keys(json!({"length": 3, "keys": {"iteration": {"start": 0}, "prefix": "k"}})) {
        assert_eq!(map.len(), 3);
    }
    assert!(keys(json!({})).iter().flatten().all(|key| key.chars().count() == 1));
    let wrong = json!({"type": "map", "values": "int", "arg.properties": {"keys": {"regex": "("}}});
    assert!(error(wrong).starts_with("keys of schema: "));
}

#[test]
fn arrays_and_bytes_have_the_length_asked_for() {
    let arrays = draw(
        json!({"type": "array", "items": "int", "arg.properties": {"length": {"min": 1, "max": 3}}}),
        50,
    );
    assert!(
        arrays
            .iter()
            .all(|value| matches!(value, Value::Array(items) if (1..3).contains(&items.len())))
    );
    let bytes = draw(json!({"type": "bytes", "arg.properties": {"length": 5}}), 5);
    assert!(bytes.iter().all(|value| matches!(value, Value::Bytes(bytes) if bytes.len() == 5)));
    let nested = json!({"type": "array", "items":
        {"type": "array", "items": "int", "arg.properties": {"length": 100_000}}, "arg.properties": {"length": 100_000}});
    assert_eq!(generator(&nested, 1).unwrap().draw(), Err(DrawError::TooLarge));
}

#[test]
fn annotations_stand_in_wrappers_and_on_fields() {
    let wrapped = json!({"type": {"type": "string"}, "arg.properties": {"options": ["x"]}});
    assert_eq!(draw(wrapped, 1), [Value::String("x".into())]);
    let on_field = json!({"type": "record", "name": "r", "fields": [
        {"name": "a", "type": "string", "arg.properties": {"options": ["x"]}}]});
    assert_eq!(draw(on_field, 1), [Value::Record(vec![("a".into(), Value::String("x".into()))])]);
    let twice = json!({"type": "record", "name": "r", "fields": [{"name": "a",
        "type": {"type": "int", "arg.properties": {"options": [1]}}, "arg.properties": {"options": [2]}}]});
    assert!(error(twice).contains("both"));
}

#[test]
fn named_types_are_used_again() {
    let schema = json!({"type": "record", "name": "r", "namespace": "n.s", "fields": [
        {"name": "first", "type": {"type": "enum", "name": "side", "symbols": ["BUY", "SELL"], "arg.properties": {"options": ["BUY"]}}},
        {"name": "second", "type": "side"},
        {"name": "third", "type": ["null", "n.s.side"], "arg.properties": {"position": 1}}]});
    let buy = || Value::Enum(0, "BUY".into());
    for value in draw(schema, 10) {
        let Value::Record(fields) = value else { panic!() };
        assert!(fields.iter().all(|(_, value)| *inner(value) == buy()), "{fields:?}");
    }
}

#[test]
fn recursive_types_come_to_an_end() {
    let list = json!({"type": "record", "name": "node", "fields": [
        {"name": "next", "type": ["node", "null"], "arg.properties": {"distribution": {"0": 1.0}}}]});
    draw(list, 3);
    let tree = json!({"type": "record", "name": "node", "fields": [
        {"name": "children", "type": {"type": "array", "items": "node"}}]});
    draw(tree, 1);
    let endless =
        json!({"type": "record", "name": "node", "fields": [{"name": "self", "type": "node"}]});
    assert_eq!(generator(&endless, 1).unwrap().draw(), Err(DrawError::Endless("node".into())));
}

#[test]
fn a_seed_repeats_its_values() {
    let schema = json!({"type": "array", "items": ["int", "string", "double"]});
    let values = |seed| {
        let mut generator = generator(&schema, seed).unwrap();
        (0..20).map(|_| generator.draw().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(values(7), values(7));
    assert_ne!(values(7), values(8));
}

#[test]
fn wrong_schemas_are_refused() {
    assert!(Generator::new("{", None, None).is_err());
    assert!(error(json!({"type": "strnig"})).starts_with("schema: "));
    let unknown = json!({"type": "record", "name": "r", "fields": [
        {"name": "a", "type": {"type": "int", "arg.properties": {"rnage": {}}}}]});
    assert!(error(unknown).starts_with("field a: unknown annotation 'rnage'"));
    assert!(error(json!({"type": "int", "arg.properties": 3})).contains("object"));
}

#[test]
fn built_in_schemas_make_records_with_their_keys() {
    let pattern = regex::Regex::new("^urn:sensor:[A-Z]{3}:[1-8]$").unwrap();
    for built_in in BUILT_IN {
        let mut generator = Generator::new(built_in.schema, None, Some(1)).unwrap();
        let mut key = crate::generate::key::KeyTemplate::parse(built_in.key, "t").unwrap();
        for _ in 0..100 {
            let record = generator.draw().unwrap();
            let (mut text, mut json) = (Vec::new(), Vec::new());
            crate::generate::json::encode(&record, &mut json).unwrap();
            key.write(&json, &mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert!(pattern.is_match(&text), "{text}");
            let json: Json = serde_json::from_slice(&json).unwrap();
            let temperature = json["temperature"].as_f64().unwrap();
            assert!((-10.0..35.0).contains(&temperature));
        }
    }
}

#[test]
fn options_files_are_in_avros_json() {
    let directory = tempfile::tempdir().unwrap();
    let drawn = |mut schema: Json, text: &str| {
        schema["arg.properties"] = json!({"options": {"file": "o.json", "encoding": "json"}});
        std::fs::write(directory.path().join("o.json"), text).unwrap();
        let mut generator = Generator::new(&schema.to_string(), Some(directory.path()), Some(1))?;
        let value = generator.draw().unwrap();
        assert!(value.validate(generator.schema()), "{value:?} does not fit {schema}");
        Ok::<Value, SchemaError>(value)
    };
    let fields = json!([
        {"name": "a", "type": ["null", "string", {"type": "enum", "name": "e", "symbols": ["X"]}]},
        {"name": "b", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
        {"name": "c", "type": "bytes"}, {"name": "d", "type": "int", "default": 7}]);
    let record = json!({"type": "record", "name": "r", "fields": fields});
    let expected = |a: Value, b: Value| {
        let c = Value::Bytes(vec![0, 255]);
        let names = ["a", "b", "c", "d"].map(String::from);
        Value::Record(names.into_iter().zip([a, b, c, Value::Int(7)]).collect())
    };
    let some = |branch, value| Value::Union(branch, Box::new(value));
    let text = r#"{"a": {"e": "X"}, "b": {"long": 5}, "c": "\u0000\u00ff"}"#;
    let wanted = expected(some(2, Value::Enum(0, "X".into())), some(1, Value::TimestampMillis(5)));
    assert_eq!(drawn(record.clone(), text).unwrap(), wanted);
    let text = r#"{"a": "x", "b": null, "c": "\u0000\u00ff", "d": 7}"#;
    let wanted = expected(some(1, Value::String("x".into())), some(0, Value::Null));
    assert_eq!(drawn(record.clone(), text).unwrap(), wanted);
    for (wrong, part) in [
        (r#"{"a": null, "b": null, "c": "\u0100"}"#, "one byte"),
        (r#"{"a": null, "b": null}"#, "field c: it is missing"),
        (r#"{"a": {"long": 1}, "b": null, "c": ""}"#, "does not fit"),
        ("{", "o.json"),
    ] {
        let error = drawn(record.clone(), wrong).unwrap_err().to_string();
        assert!(error.contains(part), "{wrong}: {error}");
    }
    let fixed = json!({"type": "fixed", "name": "f", "size": 2});
    assert_eq!(drawn(fixed.clone(), "\"\u{e9}A\"").unwrap(), Value::Fixed(2, vec![0xe9, b'A']));
    assert!(drawn(fixed, "\"A\"").unwrap_err().to_string().contains("1 bytes, not 2"));
}

#[test]
fn nulls_say_nothing() {
    let iteration = json!({"start": 3, "restart": null});
    let schema = json!({"type": "int", "arg.properties": {"range": null, "iteration": iteration}});
    assert_eq!(draw(schema, 2), [Value::Int(3), Value::Int(4)]);
}
