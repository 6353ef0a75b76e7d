//! Documents as Kafka Connect's JsonConverter and Debezium's connectors write them.

use super::*;
use crate::format::NoHeaders;
use crate::format::text::{write_json, write_text};
use proptest::prelude::{Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};

mod kinds;

/// What is seen of a payload: its shape, its fields' names and texts (none for null).
type Seen = (Shape, Vec<(String, Option<String>)>);

fn text(value: Value<'_>) -> Option<String> {
    let mut text = Vec::new();
    write_text(value, &mut text);
    (!value.is_null()).then(|| String::from_utf8_lossy(&text).into_owned())
}

fn json_text(value: Value<'_>) -> String {
    let mut text = Vec::new();
    write_json(value, &mut text);
    String::from_utf8(text).unwrap()
}

fn path(text: &str) -> Vec<Step> {
    let step = |step: &str| step.parse().map_or_else(|_| Step::Field(step.to_owned()), Step::Index);
    text.split('.').filter(|step| !step.is_empty()).map(step).collect()
}

/// Decodes twice, the second time with the schema known.
fn decode(document: &str) -> Result<Seen, String> {
    let mut decoder = Connect::new(Wanted { every_field: true, paths: vec![vec![]] });
    let (mut names, arena) = (Names::default(), Arena::new());
    let mut seen = || {
        let mut row = Row::default();
        let input = Input { bytes: document.as_bytes(), headers: &NoHeaders };
        if let Err(failure) = decoder.decode(input, &mut names, &arena, &mut row) {
            assert_eq!((row.shape(), row.fields().len()), (Shape::Absent, 0));
            return Err(failure.to_string());
        }
        let shown = |field: &crate::record::Field<'_>| {
            (String::from_utf8_lossy(names.get(field.name)).into_owned(), text(field.value))
        };
        Ok((row.shape(), row.fields().iter().map(shown).collect()))
    };
    let first = seen();
    assert_eq!(first, seen());
    first
}

/// The texts of these paths, and of the whole as JSON.
fn slots(document: &str, paths: &[&str]) -> (Vec<Option<String>>, String) {
    let mut wanted = Wanted { every_field: false, paths: paths.iter().map(|p| path(p)).collect() };
    let whole = wanted.slot(&[]);
    let mut decoder = Connect::new(wanted);
    let (mut names, arena, mut row) = (Names::default(), Arena::new(), Row::default());
    let input = Input { bytes: document.as_bytes(), headers: &NoHeaders };
    decoder.decode(input, &mut names, &arena, &mut row).unwrap();
    assert!(row.fields().is_empty());
    ((0..paths.len()).map(|slot| text(row.slot(slot))).collect(), json_text(row.slot(whole)))
}

fn envelope(schema: &str, payload: &str) -> String {
    format!(r#"{{"schema":{schema},"payload":{payload}}}"#)
}

/// The value of a payload that is no struct.
fn single_of(schema: &str, payload: &str) -> Result<Option<String>, String> {
    let (shape, fields) = decode(&envelope(schema, payload))?;
    match shape {
        Shape::Single => Ok(fields.into_iter().next().unwrap().1),
        _ => Ok(None),
    }
}

/// As the tutorial's customer row with the columns of other types beside it.
const ROW: &str = r#"{"type":"struct","fields":[
    {"type":"int32","optional":false,"field":"id"},
    {"type":"string","optional":true,"field":"email"},
    {"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,
     "parameters":{"scale":"2","connect.decimal.precision":"10"},"field":"price"},
    {"type":"int32","optional":true,"name":"io.debezium.time.Date","version":1,"field":"born"},
    {"type":"int64","optional":true,"name":"io.debezium.time.MicroTimestamp","version":1,"field":"seen"},
    {"type":"string","optional":true,"name":"io.debezium.time.ZonedTimestamp","version":1,"field":"at"},
    {"type":"boolean","optional":true,"default":true,"field":"active"},
    {"type":"array","items":{"type":"bytes","optional":true},"optional":true,"field":"blobs"},
    {"type":"struct","fields":[
        {"type":"double","optional":false,"field":"x"},
        {"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal",
         "parameters":{"scale":"1"},"field":"amount"}],
     "optional":true,"name":"io.debezium.data.geometry.Point","version":1,"field":"place"}
],"optional":false,"name":"dbserver1.inventory.customers.Value"}"#;

const PAYLOAD: &str = r#"{"id":1004,"email":"annek@noanswer.org","price":"BTw=","born":17702,
    "seen":1529507596945104,"at":"2018-06-20T13:37:03Z","active":null,"blobs":["AAH/",null],
    "place":{"x":1.0E10,"amount":"/w=="}}"#;

#[test]
fn a_struct_is_typed_by_its_schema() {
    let (shape, fields) = decode(&envelope(ROW, PAYLOAD)).unwrap();
    let some = |name: &str, text: &str| (name.to_owned(), Some(text.to_owned()));
    let expected = [
        some("id", "1004"),
        some("email", "annek@noanswer.org"),
        some("price", "13.40"),
        some("born", "2018-06-20"),
        some("seen", "2018-06-20T15:13:16.945104"),
        some("at", "2018-06-20T13:37:03Z"),
        some("active", "true"),
        some("blobs", r#"["AAH/",null]"#),
    ];
    assert_eq!((shape, &fields[..8]), (Shape::Fields, &expected[..]));
    assert_eq!((fields.len(), &*fields[8].0), (9, "place"));
}

#[test]
fn paths_lead_into_typed_values() {
    let paths = ["place.amount", "blobs.-2", "blobs.0", "price", "no.such", "id.x", "place", ""];
    let (texts, whole) = slots(&envelope(ROW, PAYLOAD), &paths);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(texts[0], some("-0.1"));
    assert_eq!(texts[1].as_ref().unwrap().as_bytes()[..2], [0, 1]);
    assert_eq!((&texts[2], &texts[3]), (&texts[1], &some("13.40")));
    assert_eq!((&texts[4], &texts[5]), (&None, &None));
    let place: serde_json::Value = serde_json::from_str(texts[6].as_ref().unwrap()).unwrap();
    assert_eq!(place["x"].as_f64(), Some(1e10));
    assert_eq!(texts[7].as_ref(), Some(&whole));
    let whole: serde_json::Value = serde_json::from_str(&whole).unwrap();
    let names: Vec<_> = whole.as_object().unwrap().keys().map(String::as_str).collect();
    let all = ["id", "email", "price", "born", "seen", "at", "active", "blobs", "place"];
    assert_eq!(names, all);
    assert_eq!(whole["price"].to_string(), "13.40");
    assert_eq!(whole["born"], "2018-06-20");
}

/// Missing fields are null or their default, as a Struct's; unknown ones are no fields of it.
#[test]
fn the_schema_says_which_fields_there_are() {
    let (_, fields) = decode(&envelope(ROW, r#"{"other":[1],"born":0,"id":7}"#)).unwrap();
    let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["born", "id", "email", "price", "seen", "at", "active", "blobs", "place"]);
    let texts: Vec<_> = fields.iter().filter_map(|(_, text)| text.as_deref()).collect();
    assert_eq!(texts, ["1970-01-01", "7", "true"]);
    // Names are compared by what they stand for, and of two the last counts.
    let (_, fields) = decode(&envelope(ROW, r#"{"\u0069d":7,"id":8}"#)).unwrap();
    assert_eq!(fields[0], ("id".to_owned(), Some("8".to_owned())));
}

#[test]
fn what_does_not_fit_is_an_error_with_its_path() {
    for (payload, problem) in [
        (r#"{"email":"x"}"#, "payload.id is null, expected an int32"),
        (r#"{"id":null}"#, "payload.id is null, expected an int32"),
        (r#"{"id":"7"}"#, "payload.id does not fit, expected an int32"),
        (r#"{"id":2147483648}"#, "payload.id does not fit, expected an int32"),
        (r#"{"id":1.5}"#, "payload.id does not fit, expected an int32"),
        (r#"{"id":1,"email":5}"#, "payload.email does not fit, expected a string"),
        (r#"{"id":1,"price":"?"}"#, "payload.price does not fit, expected a Decimal"),
        (r#"{"id":1,"price":""}"#, "payload.price does not fit, expected a Decimal"),
        (r#"{"id":1,"blobs":["AA==",7]}"#, "payload.blobs[1] does not fit, expected bytes"),
        (r#"{"id":1,"blobs":["AA=A"]}"#, "payload.blobs[0] does not fit, expected bytes"),
        (r#"{"id":1,"place":{}}"#, "payload.place.x is null, expected a double"),
        (r#"{"id":1,"place":{"x":"a"}}"#, "payload.place.x does not fit, expected a double"),
        (r#"{"id":1,"place":[]}"#, "payload.place does not fit, expected a struct"),
        (r#"[1]"#, "payload does not fit, expected a struct"),
        (r#"null"#, "payload is null, expected a struct"),
    ] {
        let error = decode(&envelope(ROW, payload)).unwrap_err();
        assert!(error.starts_with("invalid JSON at byte ") && error.contains(problem), "{error}");
    }
}

#[test]
fn what_is_no_such_envelope_is_an_error_that_says_so() {
    for (document, problem) in [
        ("{}", "no field 'schema'"),
        (r#"{"payload":{}}"#, "no field 'schema'"),
        (r#"{"schema":null}"#, "no field 'payload'"),
        (r#"{"schema":null,"payload":1,"x":2}"#, "a field 'x'"),
        (r#"{"id":4,"name":"a"}"#, "a field 'name'"),
        ("[1]", "expected an object"),
        ("", "empty"),
        (r#"{"schema":null,"payload":1"#, "at byte 26: ends too early"),
        (r#"{"schema":null,"payload":1} x"#, "trailing characters"),
        (r#"{"schema":5,"payload":1}"#, "schema: a schema is a JSON object"),
        (r#"{"schema":{},"payload":1}"#, "schema: a schema has no 'type'"),
        (r#"{"schema":{"type":"int63"},"payload":1}"#, "schema: unknown type 'int63'"),
        (r#"{"schema":{"type":"array"},"payload":1}"#, "an array has no 'items'"),
        (r#"{"schema":{"type":"map","values":{"type":"int8"}},"payload":1}"#, "no 'keys'"),
        (r#"{"schema":{"type":"struct"},"payload":1}"#, "a struct has no list 'fields'"),
        (
            r#"{"schema":{"type":"struct","fields":[{"type":"x","field":"f"}]},"payload":1}"#,
            "field 'f': unknown type 'x'",
        ),
        (
            r#"{"schema":{"type":"struct","fields":[{"type":"int8"}]},"payload":1}"#,
            "a struct's field has no name",
        ),
        (
            r#"{"schema":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal"},"payload":"AA=="}"#,
            "a Decimal has no parameter 'scale'",
        ),
        (r#"{"schema":{"type":"int8","default":300},"payload":1}"#, "a default value"),
    ] {
        let error = decode(document).unwrap_err();
        assert!(error.contains(problem), "{document}: {error}");
    }
}

/// JsonConverter writes a null with a schema so; without one the record's value is null itself.
#[test]
fn a_payload_that_is_null_is_as_a_tombstone() {
    for document in [
        r#"{"schema":null,"payload":null}"#.to_owned(),
        r#"{"schema":{"type":"string","optional":true},"payload":null}"#.to_owned(),
        envelope(&ROW.replace(r#""optional":false,"name""#, r#""optional":true,"name""#), "null"),
    ] {
        assert_eq!(decode(&document), Ok((Shape::Absent, vec![])), "{document}");
    }
    let default = r#"{"type":"string","optional":true,"default":"none"}"#;
    assert_eq!(single_of(default, "null"), Ok(Some("none".to_owned())));
}

#[test]
fn a_payload_without_a_schema_is_plain_json() {
    let document = envelope("null", r#"{"a":{"b":[1.50]},"c":"x"}"#);
    let (shape, fields) = decode(&document).unwrap();
    assert_eq!(shape, Shape::Fields);
    assert_eq!(fields[0], ("a".to_owned(), Some(r#"{"b":[1.50]}"#.to_owned())));
    assert_eq!(slots(&document, &["a.b.0"]).0, [Some("1.50".to_owned())]);
    assert_eq!(single_of("null", "[1, 2]"), Ok(Some("[1,2]".to_owned())));
}

/// More schemas than are kept, in turn, and one whose text another begins with.
#[test]
fn schemas_are_told_apart_by_their_whole_text() {
    let mut decoder = Connect::new(Wanted { every_field: false, paths: vec![path("value")] });
    let (mut names, arena) = (Names::default(), Arena::new());
    let documents: Vec<_> = (0..30u8)
        .map(|i| {
            let kind = if i.is_multiple_of(2) { "int32" } else { "string" };
            let value = if i.is_multiple_of(2) { i.to_string() } else { format!("\"{i}\"") };
            let schema = format!(r#"{{"type":"{kind}","version":{}}}"#, i / 3);
            // In either order, with and without white space.
            match i % 4 {
                0 => format!(r#"{{"payload":{value},"schema":{schema}}}"#),
                1 => format!(r#" {{ "schema" : {schema} , "payload" : {value} }} "#),
                _ => envelope(&schema, &value),
            }
        })
        .collect();
    for _ in 0..3 {
        for (i, document) in documents.iter().enumerate() {
            let mut row = Row::default();
            let input = Input { bytes: document.as_bytes(), headers: &NoHeaders };
            decoder.decode(input, &mut names, &arena, &mut row).unwrap();
            assert_eq!(text(row.slot(0)), Some(i.to_string()), "{document}");
            assert!(matches!(row.slot(0), Value::Int(_)) == i.is_multiple_of(2));
        }
        assert!(decoder.schemas.len() <= SCHEMAS_KEPT);
    }
}
