//! Change events as Debezium's connectors for MySQL, PostgreSQL and MongoDB write them.

use super::*;
use crate::format::json::JsonDecoder;
use crate::format::text::write_text;
use crate::format::{DecodeError, Format, NoHeaders};
use std::convert::Infallible;

fn path(text: &str) -> Vec<Step> {
    text.split('.')
        .filter(|name| !name.is_empty())
        .map(|name| Step::Field(name.to_owned()))
        .collect()
}

fn wanted(every_field: bool, paths: &[&str]) -> Wanted {
    Wanted { every_field, paths: paths.iter().map(|text| path(text)).collect() }
}

fn text(value: Value<'_>) -> String {
    let mut text = Vec::new();
    write_text(value, &mut text);
    String::from_utf8(text).unwrap()
}

const VALUE: &[&str] = &["id", "email", ""];
const ENVELOPE: &[&str] = &["op", "source.db", "before.email", "ts_ms"];

/// What is seen of an event.
#[derive(Debug, PartialEq)]
struct Seen {
    change: Change,
    shape: Shape,
    /// `name=text` of every field.
    fields: Vec<String>,
    /// The texts of [`VALUE`] and of [`ENVELOPE`].
    slots: Vec<String>,
}

fn json() -> Debezium {
    let json =
        |wanted| -> Result<Box<dyn Decoder>, Infallible> { Ok(Box::new(JsonDecoder::new(wanted))) };
    Debezium::new(wanted(true, VALUE), wanted(false, ENVELOPE), json).unwrap()
}

fn decode(debezium: &mut Debezium, names: &mut Names, event: &str) -> Result<Seen, String> {
    let (arena, mut value, mut around) = (Arena::new(), Row::default(), Row::default());
    let input = Input { bytes: event.as_bytes(), headers: &NoHeaders };
    let change = match debezium.decode(input, names, &arena, &mut value, &mut around) {
        Ok(change) => change,
        Err(failure) => {
            assert_eq!((value.shape(), around.shape()), (Shape::Absent, Shape::Absent));
            return Err(failure.to_string());
        }
    };
    let field = |field: &crate::record::Field<'_>| {
        format!("{}={}", String::from_utf8_lossy(names.get(field.name)), text(field.value))
    };
    let slots = (0..VALUE.len()).map(|slot| text(value.slot(slot)));
    let slots = slots.chain((0..ENVELOPE.len()).map(|slot| text(around.slot(slot)))).collect();
    let fields = value.fields().iter().map(field).collect();
    Ok(Seen { change, shape: value.shape(), fields, slots })
}

fn once(event: &str) -> Result<Seen, String> {
    decode(&mut json(), &mut Names::default(), event)
}

const SOURCE: &str = r#"{"version":"3.0.0.Final","connector":"mysql","name":"dbserver1",
    "ts_ms":1465581029000,"snapshot":"false","db":"inventory","table":"customers","gtid":null,
    "file":"mysql-bin.000003","pos":484,"row":0,"thread":7,"query":null}"#;
const ANNE: &str =
    r#"{"id":1004,"first_name":"Anne","last_name":"Kretchmar","email":"annek@noanswer.org"}"#;
const MARIE: &str =
    r#"{"id":1004,"first_name":"Anne Marie","last_name":"Kretchmar","email":"annek@noanswer.org"}"#;

fn event(op: &str, before: &str, after: &str) -> String {
    format!(
        r#"{{"before":{before},"after":{after},"source":{SOURCE},"transaction":null,"op":"{op}","ts_ms":1465581902461}}"#
    )
}

fn upsert(op: &str, row: &str, first_name: &str, old_email: &str) -> Seen {
    let name = format!("first_name={first_name}");
    Seen {
        change: Change::Upsert,
        shape: Shape::Fields,
        fields: ["id=1004", &name, "last_name=Kretchmar", "email=annek@noanswer.org"]
            .map(str::to_owned)
            .to_vec(),
        slots: ["1004", "annek@noanswer.org", row, op, "inventory", old_email, "1465581902461"]
            .map(str::to_owned)
            .to_vec(),
    }
}

#[test]
fn creates_updates_and_snapshots_are_the_row_after() {
    assert_eq!(once(&event("c", "null", ANNE)), Ok(upsert("c", ANNE, "Anne", "")));
    assert_eq!(once(&event("r", "null", ANNE)), Ok(upsert("r", ANNE, "Anne", "")));
    let updated = once(&event("u", ANNE, MARIE));
    assert_eq!(updated, Ok(upsert("u", MARIE, "Anne Marie", "annek@noanswer.org")));
}

#[test]
fn deletes_are_the_row_before() {
    let deleted = once(&event("d", ANNE, "null")).unwrap();
    let email = "annek@noanswer.org";
    assert_eq!(deleted, Seen { change: Change::Delete, ..upsert("d", ANNE, "Anne", email) });
    // PostgreSQL without REPLICA IDENTITY may know nothing of it.
    let deleted = once(&event("d", "null", "null")).unwrap();
    assert_eq!((deleted.change, deleted.shape), (Change::Delete, Shape::Absent));
    assert_eq!(deleted.fields, Vec::<String>::new());
    assert_eq!(deleted.slots, ["", "", "", "d", "inventory", "", "1465581902461"]);
}

#[test]
fn truncations_and_messages_are_about_no_record() {
    for op in ["t", "m"] {
        let seen = once(&event(op, "null", "null")).unwrap();
        assert_eq!((seen.change, seen.shape), (Change::Nothing, Shape::Absent));
        assert_eq!(seen.slots[3], op);
    }
}

fn envelope_of(schema: &str, payload: &str) -> String {
    format!(r#"{{"schema":{schema},"payload":{payload}}}"#)
}

#[test]
fn what_is_no_event_is_an_error_that_says_why() {
    let flattened =
        "ENVELOPE DEBEZIUM: the records are no Debezium envelopes: leave ENVELOPE DEBEZIUM away";
    for (event, problem) in [
        (ANNE.to_owned(), flattened),
        ("{}".to_owned(), flattened),
        ("[1]".to_owned(), flattened),
        ("null".to_owned(), flattened),
        (r#"{"id":1,"__op":"c","__deleted":"false"}"#.to_owned(), flattened),
        (r#"{"id":1,"payload":{"id":2}}"#.to_owned(), flattened),
        (envelope_of(r#"{"type":"int32"}"#, "7"), flattened),
        (envelope_of("null", ANNE), flattened),
        (envelope_of("7", &event("c", "null", ANNE)), "schema: a schema is a JSON object"),
        (event("x", "null", ANNE), "'op' is 'x', expected c, u, r, d, t or m"),
        (event("c", "null", "null"), "'op' is 'c', but 'after' is null or missing"),
        (event("u", ANNE, "null"), "'op' is 'u', but 'after' is null or missing"),
        (r#"{"op":"r"}"#.to_owned(), "'op' is 'r', but 'after' is null or missing"),
        (format!(r#"{{"after":{ANNE}}}"#), "the record has no 'op'"),
        (format!(r#"{{"op":5,"after":{ANNE}}}"#), "'op' is no text"),
        (event("c", "null", "[1]"), "'after' or 'before' is no record"),
        (event("c", "null", "\"text\""), "'after' or 'before' is no record"),
        ("{".to_owned(), "invalid JSON at byte 1: ends too early"),
    ] {
        let error = once(&event).unwrap_err();
        assert!(error.contains(problem), "{event}: {error}");
    }
}

const ROW_SCHEMA: &str = r#"{"type":"struct","fields":[
    {"type":"int32","optional":false,"field":"id"},
    {"type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal","version":1,
     "parameters":{"scale":"2","connect.decimal.precision":"12"},"field":"email"},
    {"type":"int64","optional":false,"name":"io.debezium.time.Timestamp","version":1,"field":"since"}
  ],"optional":true,"name":"dbserver1.inventory.customers.Value","field":"ROLE"}"#;

/// The envelope that `value.converter.schemas.enable` adds, which is its default.
fn with_schema(payload: &str) -> String {
    let (before, after) =
        (ROW_SCHEMA.replace("ROLE", "before"), ROW_SCHEMA.replace("ROLE", "after"));
    format!(
        r#"{{"schema":{{"type":"struct","fields":[{before},{after},
        {{"type":"struct","fields":[{{"type":"string","optional":false,"field":"db"}}],
          "optional":false,"name":"io.debezium.connector.mysql.Source","field":"source"}},
        {{"type":"string","optional":false,"field":"op"}},
        {{"type":"int64","optional":true,"field":"ts_ms"}}],
        "optional":true,"name":"dbserver1.inventory.customers.Envelope"}},"payload":{payload}}}"#
    )
}

const TYPED: &str = r#"{"before":{"id":1,"email":"ZA==","since":0},
    "after":{"id":1,"email":"BTw=","since":1529507596945},
    "source":{"db":"inventory"},"op":"u","ts_ms":5}"#;

#[test]
fn events_with_their_schema_are_typed_by_it() {
    let whole = r#"{"id":1,"email":13.40,"since":"2018-06-20T15:13:16.945"}"#;
    let expected = Seen {
        change: Change::Upsert,
        shape: Shape::Fields,
        fields: ["id=1", "email=13.40", "since=2018-06-20T15:13:16.945"]
            .map(str::to_owned)
            .to_vec(),
        slots: ["1", "13.40", whole, "u", "inventory", "1.00", "5"].map(str::to_owned).to_vec(),
    };
    let (mut debezium, mut names) = (json(), Names::default());
    let typed = with_schema(TYPED);
    // The converter's setting may change in mid-stream, and bad records may come in between.
    for _ in 0..3 {
        assert_eq!(decode(&mut debezium, &mut names, &typed).as_ref(), Ok(&expected));
        assert_eq!(decode(&mut debezium, &mut names, &typed).as_ref(), Ok(&expected));
        let error = decode(&mut debezium, &mut names, &with_schema("{}")).unwrap_err();
        assert!(error.contains("payload.source is null, expected a struct"), "{error}");
        let plain = decode(&mut debezium, &mut names, &event("c", "null", ANNE));
        assert_eq!(plain, Ok(upsert("c", ANNE, "Anne", "")));
        let error = decode(&mut debezium, &mut names, &with_schema("{}")).unwrap_err();
        assert!(error.contains("payload.source is null, expected a struct"), "{error}");
        assert!(decode(&mut debezium, &mut names, ANNE).is_err());
        debezium.forget_names();
        names = Names::default();
    }
}

#[test]
fn a_payload_that_is_null_is_a_tombstone() {
    // Connect before 2.0 wrote tombstones so.
    for document in [with_schema("null"), r#"{"schema":null,"payload":null}"#.to_owned()] {
        let seen = once(&document).unwrap();
        assert_eq!((seen.change, seen.shape), (Change::Upsert, Shape::Absent));
    }
}

/// MongoDB's connector writes documents as text of extended JSON.
#[test]
fn rows_written_as_text_are_read_as_json() {
    let document = r#"{"_id": {"$numberLong": "1004"},"id": 7,"email": "anne@\u0061.org"}"#;
    let quoted = serde_json::to_string(document).unwrap();
    let seen = once(&event("c", "null", &quoted)).unwrap();
    let fields = [r#"_id={"$numberLong":"1004"}"#, "id=7", "email=anne@a.org"];
    assert_eq!((seen.change, seen.shape), (Change::Upsert, Shape::Fields));
    assert_eq!(seen.fields, fields);
    assert_eq!(seen.slots[..2], ["7", "anne@a.org"]);
    let error = once(&event("c", "null", r#""{\"a\":""#)).unwrap_err();
    assert!(error.contains("is no record"), "{error}");
}

/// A decoder that has no JSON to show.
struct Other;

impl Decoder for Other {
    fn decode<'a>(
        &'a mut self,
        input: Input<'a>,
        _names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), Failure> {
        if input.bytes.is_empty() {
            let problem = "broken".into();
            return Err(DecodeError { format: Format::Avro, at: 3, problem }.into());
        }
        row.begin(Shape::Fields, 7);
        row.set(0, Value::Text("c"));
        row.set(3, arena.entries(&[("id", Value::Int(5)), ("email", Value::Null)]));
        row.set(4, Value::Int(5));
        Ok(())
    }
}

#[test]
fn events_of_any_format_are_unwrapped() {
    let mut paths = Vec::new();
    let mut other = Debezium::new(wanted(true, &["id"]), wanted(false, &["op", "x"]), |wanted| {
        assert!(!wanted.every_field);
        paths = wanted.paths;
        Ok::<_, Infallible>(Box::new(Other))
    })
    .unwrap();
    let expected = ["op", "schema", "payload", "after", "after.id", "before", "before.id", "x"];
    assert_eq!(paths, expected.map(path));
    let (mut names, arena) = (Names::default(), Arena::new());
    let (mut value, mut around) = (Row::default(), Row::default());
    let input = Input { bytes: b"x", headers: &NoHeaders };
    let change = other.decode(input, &mut names, &arena, &mut value, &mut around);
    assert_eq!(change, Ok(Change::Upsert));
    let fields: Vec<_> = value.fields().iter().map(|field| text(field.value)).collect();
    assert_eq!(
        (fields, text(value.slot(0))),
        (vec!["5".to_owned(), String::new()], "5".to_owned())
    );
    assert_eq!(text(around.slot(0)), "c");
    let make = |_| Ok::<_, Infallible>(Box::new(Other) as Box<dyn Decoder>);
    let mut again = Debezium::new(wanted(true, &[]), wanted(false, &[]), make).unwrap();
    let (mut value, mut around) = (Row::default(), Row::default());
    let input = Input { bytes: b"", headers: &NoHeaders };
    let failure = again.decode(input, &mut names, &arena, &mut value, &mut around).unwrap_err();
    assert_eq!(failure.to_string(), "invalid AVRO at byte 3: broken");
}
