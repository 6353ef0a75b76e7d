//! Bytes and schemas that lie.

use crate::decoding::{decode, fields, schema_text};
use redis_kafka_engine::format::avro::{Avro, MAX_HOLLOW};
use redis_kafka_engine::format::schema::{SchemaFormat, SchemaText};
use redis_kafka_engine::record::{Step, Wanted};
use serde_json::json;

/// A record of one field of the type.
fn of(field: &str) -> String {
    format!(r#"{{"type":"record","name":"R","fields":[{{"name":"f","type":{field}}}]}}"#)
}

fn varint(number: i64) -> Vec<u8> {
    let mut number = (number << 1 ^ number >> 63) as u64;
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn refused(schema: &str, bytes: &[u8], at: usize, problem: &str) {
    let error = fields(schema, bytes).expect_err(schema);
    assert_eq!(error.to_string(), format!("invalid AVRO at byte {at}: {problem}"), "{schema}");
}

#[test]
fn errors_name_the_byte() {
    let early = "the bytes end too early";
    refused(&of(r#""boolean""#), &[], 0, early);
    refused(&of(r#""boolean""#), &[2], 0, "a boolean is 0 or 1");
    refused(&of(r#""int""#), &[2, 2], 1, "bytes behind the record");
    refused(&of(r#""int""#), &varint(1 << 31), 0, "an int of more than 32 bits");
    refused(&of(r#""long""#), &[0xff; 12], 0, "a number of more than 64 bits");
    refused(&of(r#""long""#), &[0xff; 3], 3, early);
    refused(&of(r#""double""#), &[0; 7], 7, early);
    let length = "a negative length, or one beyond the end";
    refused(&of(r#""string""#), &[6, b'a', b'b'], 0, length);
    refused(&of(r#""bytes""#), &varint(-1), 0, length);
    refused(&of(r#""bytes""#), &varint(i64::MAX), 0, length);
    refused(&of(r#""string""#), &[6, b'a', 0xff, b'b'], 2, "not UTF-8");
    refused(&of(r#"["null","int"]"#), &[4], 0, "the union has no such branch");
    refused(&of(r#"["null","int"]"#), &[1], 0, "the union has no such branch");
    refused(&of(r#"["null","int","string"]"#), &[8], 0, "the union has no such branch");
    let choice = r#"{"type":"enum","name":"E","symbols":["A"]}"#;
    refused(&of(choice), &[2], 0, "the enum has no such symbol");
    let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#;
    refused(&of(decimal), &[0], 0, "a decimal of no bytes, or of too many");
    let big = r#"{"type":"bytes","logicalType":"big-decimal"}"#;
    let huge = [&[14, 2, 5][..], &varint(i64::from(u32::MAX))].concat();
    refused(&of(big), &huge, 0, "a decimal's scale is out of range");
    refused(&of(r#"{"type":"bytes","logicalType":"uuid"}"#), &[2, 0], 0, "a UUID has 16 bytes");
}

#[test]
fn blocks_are_bounded_by_the_bytes() {
    let ints = of(r#"{"type":"array","items":"int"}"#);
    refused(&ints, &varint(1 << 40), 0, "more elements than there are bytes");
    refused(&ints, &varint(i64::MIN), 10, "the bytes end too early");
    // A block of two elements whose size says one byte.
    refused(&ints, &[3, 2, 2, 4, 0], 0, "a block's size is not that of its elements");
    refused(&ints, &[3, 20, 2, 4, 0], 1, "a negative length, or one beyond the end");
    assert_eq!(fields(&ints, &[3, 4, 2, 4, 0]).unwrap(), "f=[1,2]");
    assert_eq!(fields(&ints, &[2, 2, 3, 4, 4, 6, 2, 8, 0]).unwrap(), "f=[1,2,3,4]");
    let map = of(r#"{"type":"map","values":"null"}"#);
    refused(&map, &varint(1 << 40), 0, "more elements than there are bytes");
    assert_eq!(fields(&map, &[3, 8, 2, b'b', 2, b'a', 0]).unwrap(), r#"f={"b":null,"a":null}"#);
}

#[test]
fn elements_without_bytes_are_counted() {
    let nulls = of(r#"{"type":"array","items":"null"}"#);
    let too_many = "too many elements that take no bytes";
    refused(&nulls, &[varint(1 << 40), vec![0]].concat(), 0, too_many);
    let most = [varint(MAX_HOLLOW as i64), vec![0]].concat();
    assert_eq!(fields(&nulls, &most).unwrap().len(), "f=[]".len() + 5 * MAX_HOLLOW as usize - 1);
    // The count is one of the record, not of one array.
    let nested = of(r#"{"type":"array","items":{"type":"array","items":"null"}}"#);
    refused(&nested, &[vec![4], most.clone(), most, vec![0]].concat(), 5, too_many);
}

#[test]
fn what_is_not_wanted_is_passed_by_its_size() {
    let schema = json!({"type": "record", "name": "R", "fields": [
        {"name": "skipped", "type": {"type": "array", "items": "string"}},
        {"name": "also", "type": {"type": "map", "values": {"type": "array", "items": "null"}}},
        {"name": "kept", "type": "int"},
    ]});
    let mut wanted = Wanted::default();
    wanted.slot(&[Step::Field("kept".into())]);
    // The elements are no strings at all; the block's size is what counts.
    let bytes = [3, 6, 0xff, 0xff, 0xff, 0, 1, 6, 2, 0xff, 0, 0, 14];
    let decoded = decode(&schema.to_string(), &wanted, &bytes).unwrap();
    assert_eq!(decoded.slots, [Some(b"7".to_vec())]);
    assert!(fields(&schema.to_string(), &bytes).is_err());
}

#[test]
fn depth_is_bounded_in_records_and_in_schemas() {
    let list = r#"{"type":"record","name":"R","fields":[{"name":"next","type":["null","R"]}]}"#;
    let deep = |levels: usize| [vec![2; levels], vec![0]].concat();
    assert!(fields(list, &deep(63)).is_ok());
    refused(list, &deep(64), 64, "nested too deeply");
    refused(list, &deep(1_000_000), 64, "nested too deeply");
    let endless = r#"{"type":"record","name":"R","fields":[{"name":"self","type":"R"}]}"#;
    assert!(fields(endless, &[0; 8]).is_err());
    let arrays = r#"{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"R"}}]}"#;
    assert!(fields(arrays, &[2; 1_000_000]).is_err());
    let nesting =
        format!("{}\"int\"{}", r#"{"type":"array","items":"#.repeat(200), "}".repeat(200));
    let error = Avro::compile(&schema_text(&nesting), &Wanted::default()).unwrap_err();
    assert!(error.to_string().contains("recursion limit"), "{error}");
}

/// Each record has ten fields of the one before: 10^20 fields, of no bytes or of some.
#[test]
fn fields_without_end_are_refused() {
    let bomb = |leaf: &str| {
        let mut fields = vec![json!({"name": "first", "type": {"type": "record", "name": "R0",
            "fields": [{"name": "f", "type": leaf}]}})];
        for level in 1..20 {
            let inner = format!("R{}", level - 1);
            let ten: Vec<_> =
                (0..10).map(|i| json!({"name": format!("f{i}"), "type": inner})).collect();
            fields.push(json!({"name": format!("g{level}"), "type":
                {"type": "record", "name": format!("R{level}"), "fields": ten}}));
        }
        json!({"type": "record", "name": "Top", "fields": fields}).to_string()
    };
    let every = Wanted { every_field: true, ..Wanted::default() };
    let error = Avro::compile(&schema_text(&bomb("null")), &every).unwrap_err();
    assert!(error.to_string().contains("fields that take no bytes"), "{error}");
    for leaf in ["boolean", "int", "string"] {
        refused(&bomb(leaf), &[0; 1000], 1000, "the bytes end too early");
        assert!(decode(&bomb(leaf), &Wanted::default(), &[0; 1000]).is_err());
    }
}

#[test]
fn schemas_that_are_none_are_refused() {
    let refused = |schema: SchemaText, part: &str| {
        let error = Avro::compile(&schema, &Wanted::default()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(schema_text("{"), "not JSON");
    refused(schema_text(r#"{"type":"record","name":"R","fields":["x"]}"#), "a record's field");
    refused(schema_text(&of(r#""Unknown""#)), "Unknown");
    refused(
        schema_text(&of(
            r#"{"type":"bytes","logicalType":"decimal","precision":9000,"scale":9000}"#,
        )),
        "scale is at most 1024",
    );
    // A refers to B, which refers to A: the texts never define it.
    let uses = |name: &str, of: &str| {
        format!(r#"{{"type":"record","name":"{name}","fields":[{{"name":"f","type":"{of}"}}]}}"#)
    };
    let cycle = SchemaText {
        text: uses("A", "B"),
        references: vec![("B".into(), schema_text(&uses("B", "A")))],
        message: None,
    };
    refused(cycle, "A");
    let mut chain = schema_text(r#""int""#);
    for _ in 0..100 {
        chain = SchemaText { references: vec![("x".into(), chain)], ..schema_text(r#""int""#) };
    }
    refused(chain, "references go too deep");
}
