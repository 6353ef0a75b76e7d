//! Schemas as registries hold them: logical types, Connect's names, references.

use crate::decoding::{decode, fields, run, schema_text};
use redis_kafka_engine::format::avro::Avro;
use redis_kafka_engine::format::schema::{SchemaFormat, SchemaText};
use redis_kafka_engine::record::{Arena, Names, Row, Step, Type, Wanted};
use serde_json::{Value as Json, json};

fn record(fields: &[(&str, Json)]) -> String {
    let field = |(name, of): &(&str, Json)| json!({"name": name, "type": of});
    let fields: Vec<_> = fields.iter().map(field).collect();
    json!({"type": "record", "name": "R", "fields": fields}).to_string()
}

fn every() -> Wanted {
    Wanted { every_field: true, ..Wanted::default() }
}

#[test]
fn connect_names_are_logical_types() {
    let connect = |of: &str, name: &str| {
        json!({"type": of, "connect.version": 1,
        "connect.name": format!("org.apache.kafka.connect.data.{name}")})
    };
    let mut decimal = connect("bytes", "Decimal");
    decimal["connect.parameters"] = json!({"scale": "2", "connect.decimal.precision": "10"});
    let mut modern = connect("bytes", "Decimal");
    modern["scale"] = json!(3);
    modern["precision"] = json!(64);
    modern["logicalType"] = json!("decimal");
    let schema = record(&[
        ("date", connect("int", "Date")),
        ("time", connect("int", "Time")),
        ("at", json!([{"type": "null"}, connect("long", "Timestamp")])),
        ("price", decimal),
        ("weight", modern),
        ("other", connect("long", "Unknown")),
    ]);
    let bytes = [
        &[0xd4, 0xc7, 0x02][..],
        &[0x80, 0x89, 0x7a],
        &[2, 0x80, 0xd0, 0xac, 0xf3, 0x0e],
        &[4, 0x05, 0x3c],
        &[2, 0xfb],
        &[2],
    ]
    .concat();
    let text = fields(&schema, &bytes).unwrap();
    assert_eq!(
        text,
        "date=2027-06-01 time=00:16:40.000 at=1970-01-24T03:33:20.000Z price=13.40 weight=-0.005 other=1"
    );
}

#[test]
fn defaults_that_no_type_has_do_not_matter() {
    let schema = r#"{"type":"record","name":"R","doc":7,"fields":[
        {"name":"a","type":"int","default":"not a number","order":"odd"},
        {"name":"b","type":{"type":"long","logicalType":7}},
        {"name":"c","type":{"type":"enum","name":"E","symbols":["X"],"default":"Y"}}]}"#;
    assert_eq!(fields(schema, &[2, 4, 0]).unwrap(), "a=1 b=2 c=X");
}

#[test]
fn references_are_defined_before_their_use() {
    let zone = r#"{"type":"record","namespace":"geo","name":"Zone","fields":[{"name":"id","type":"int"}]}"#;
    let ride = r#"{"type":"record","namespace":"taxi","name":"Ride","fields":[
        {"name":"from","type":"geo.Zone"},{"name":"to","type":["null","geo.Zone"]}]}"#;
    let top = r#"{"type":"record","name":"Day","fields":[
        {"name":"rides","type":{"type":"array","items":"taxi.Ride"}},{"name":"home","type":"geo.Zone"}]}"#;
    let zone = ("zone".to_owned(), schema_text(zone));
    let ride = SchemaText { references: vec![zone.clone()], ..schema_text(ride) };
    let schema = SchemaText { references: vec![("ride".into(), ride), zone], ..schema_text(top) };
    let mut wanted = every();
    wanted.slot(&[
        Step::Field("rides".into()),
        Step::Index(-1),
        Step::Field("from".into()),
        Step::Field("id".into()),
    ]);
    wanted.slot(&[Step::Field("home".into()), Step::Field("id".into())]);
    let mut program = Avro::compile(&schema, &wanted).unwrap();
    let decoded = run(&mut program, &wanted, &[4, 2, 0, 4, 2, 6, 0, 8]).unwrap();
    assert_eq!(
        decoded.fields[0].1.as_deref(),
        Some(&br#"[{"from":{"id":1},"to":null},{"from":{"id":2},"to":{"id":3}}]"#[..])
    );
    assert_eq!(decoded.slots, [Some(b"2".to_vec()), Some(b"4".to_vec())]);
    // A schema may be a mere union of what it refers to.
    let events = SchemaText { text: r#"["taxi.Ride","geo.Zone"]"#.into(), ..schema };
    let mut program = Avro::compile(&events, &every()).unwrap();
    let decoded = run(&mut program, &every(), &[2, 14]).unwrap();
    assert_eq!(decoded.fields, [("id".to_owned(), Some(b"7".to_vec()))]);
    let decoded = run(&mut program, &every(), &[0, 14, 0]).unwrap();
    assert_eq!(decoded.fields.len(), 2);
}

#[test]
fn a_value_that_is_no_record_is_the_field_value() {
    assert_eq!(fields(r#""string""#, &[4, b'h', b'i']).unwrap(), "value=hi");
    assert_eq!(fields(r#"["null","long"]"#, &[0]).unwrap(), "value:null");
    assert_eq!(
        fields(r#"{"type":"map","values":"int"}"#, &[2, 2, b'k', 2, 0]).unwrap(),
        r#"value={"k":1}"#
    );
    let mut wanted = Wanted::default();
    wanted.slot(&[Step::Field("value".into())]);
    wanted.slot(&[Step::Field("k".into())]);
    wanted.slot(&[]);
    let decoded = decode(r#"{"type":"map","values":"int"}"#, &wanted, &[2, 2, b'k', 2, 0]).unwrap();
    let texts: Vec<_> = decoded
        .slots
        .iter()
        .map(|text| String::from_utf8_lossy(text.as_deref().unwrap()).into_owned())
        .collect();
    assert_eq!(texts, [r#"{"k":1}"#, "1", r#"{"k":1}"#]);
}

#[test]
fn of_two_equal_keys_the_last_is_the_value() {
    let schema = record(&[("m", json!({"type": "map", "values": "int"}))]);
    let mut wanted = every();
    wanted.slot(&[Step::Field("m".into()), Step::Field("k".into())]);
    let decoded = decode(&schema, &wanted, &[4, 2, b'k', 2, 2, b'k', 4, 0]).unwrap();
    assert_eq!(decoded.slots, [Some(b"2".to_vec())]);
    assert_eq!(decoded.fields[0].1.as_deref(), Some(&br#"{"k":1,"k":2}"#[..]));
}

#[test]
fn names_can_be_forgotten() {
    let schema = record(&[("a", json!("int")), ("b", json!("int"))]);
    let mut program = Avro::compile(&schema_text(&schema), &every()).unwrap();
    for order in [["a", "b"], ["b", "a"]] {
        let (mut names, arena, mut row) = (Names::default(), Arena::new(), Row::default());
        order.iter().for_each(|name| {
            names.known(name.as_bytes());
        });
        Avro::forget_names(&mut program);
        Avro::decode(&mut program, &[2, 4], &mut names, &arena, &mut row).unwrap();
        let shown: Vec<_> = row.fields().iter().map(|field| names.get(field.name)).collect();
        assert_eq!(shown, [b"a", b"b"]);
    }
}

#[test]
fn the_type_of_a_value_is_known() {
    let schema = record(&[
        ("a", json!(["null", {"type": "long", "logicalType": "timestamp-millis"}])),
        ("b", json!({"type": "array", "items": "R"})),
        ("c", json!(["int", "string"])),
        (
            "d",
            json!({"type": "map", "values": {"type": "bytes", "logicalType": "decimal", "precision": 4}}),
        ),
    ]);
    let program = Avro::compile(&schema_text(&schema), &every()).unwrap();
    let Type::Record(fields) = Avro::value_type(&program) else { panic!("no record") };
    assert_eq!(fields[0], ("a".to_owned(), Type::Timestamp));
    let Type::List(item) = &fields[1].1 else { panic!("no list") };
    assert!(matches!(**item, Type::Record(_)));
    assert_eq!(fields[2].1, Type::Unknown);
    assert_eq!(fields[3].1, Type::Map(Box::new(Type::Decimal)));
}
