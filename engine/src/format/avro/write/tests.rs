//! What goes into which type, and what does not. Whole records are held against apache-avro in
//! `tests/avro`.

use super::Encoder;
use crate::format::schema::SchemaText;
use crate::record::{Arena, Decimal, Names, Row, Shape, TimeUnit, Value};

fn encoder(schema: &str) -> Encoder {
    let text = schema.to_owned();
    Encoder::new(&SchemaText { text, ..SchemaText::default() }, vec![0, 0, 0, 0, 7]).unwrap()
}

fn encode(schema: &str, fields: &[(&str, Value<'_>)]) -> Result<Vec<u8>, String> {
    let (mut names, arena, mut row) = (Names::default(), Arena::new(), Row::default());
    row.begin(Shape::Fields, 0);
    for (name, value) in fields {
        row.push(names.known(name.as_bytes()), *value);
    }
    let mut out = Vec::new();
    let written = encoder(schema).write(row.fields(), row.shape(), &names, &arena, &mut out);
    written.map(|()| out.split_off(5)).map_err(|misfit| misfit.to_string())
}

/// One field `f` of that type.
fn field(of: &str, value: Value<'_>) -> Result<Vec<u8>, String> {
    let schema = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"f","type":{of}}}]}}"#);
    encode(&schema, &[("f", value)])
}

#[test]
fn values_go_where_they_lose_nothing() {
    let price = Decimal { unscaled: 1340, scale: 2 };
    let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#;
    let millis = r#"{"type":"long","logicalType":"timestamp-millis"}"#;
    for (of, value, bytes) in [
        (r#""long""#, Value::Int(-1), vec![1]),
        (r#""long""#, Value::Number("64"), vec![0x80, 1]),
        (r#""int""#, Value::Text("5"), vec![10]),
        (r#""int""#, Value::Double(5.0), vec![10]),
        (r#""double""#, Value::Number("1.05"), 1.05f64.to_le_bytes().to_vec()),
        (r#""double""#, Value::Text("1.05"), 1.05f64.to_le_bytes().to_vec()),
        (r#""string""#, Value::Escaped(r"a\u00e9"), vec![6, b'a', 0xc3, 0xa9]),
        (r#""string""#, Value::Int(7), vec![2, b'7']),
        (r#""boolean""#, Value::Text("true"), vec![1]),
        (r#""bytes""#, Value::Text("a"), vec![2, b'a']),
        (decimal, Value::Decimal(&price), vec![4, 0x05, 0x3c]),
        (decimal, Value::Number("1.5"), vec![4, 0x00, 0x96]),
        (decimal, Value::Text("-0.01"), vec![2, 0xff]),
        (millis, Value::Timestamp(1_000_000, TimeUnit::Nanos), vec![2]),
        (millis, Value::Int(1), vec![2]),
        (r#"["null","string"]"#, Value::Null, vec![0]),
        (r#"["null","string"]"#, Value::Text("a"), vec![2, 2, b'a']),
        // The branch of the value's own type, not the first that could take it.
        (r#"["string","long"]"#, Value::Int(1), vec![2, 2]),
        (r#"{"type":"enum","name":"E","symbols":["A","B"]}"#, Value::Text("B"), vec![2]),
        (r#"{"type":"array","items":"int"}"#, Value::Array("[1, 2]"), vec![4, 2, 4, 0]),
        (r#"{"type":"map","values":"int"}"#, Value::Object(r#"{"a":1}"#), vec![2, 2, b'a', 2, 0]),
    ] {
        assert_eq!(field(of, value), Ok(bytes), "{of}: {value:?}");
    }
}

#[test]
fn what_does_not_fit_is_told_with_its_place() {
    let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#;
    let inner = r#"{"type":"record","name":"I","fields":[{"name":"a","type":"int"}]}"#;
    for (of, value, problem) in [
        (r#""int""#, Value::Int(1 << 40), "field 'f': it does not fit an int of 32 bits"),
        (r#""long""#, Value::Double(0.5), "field 'f': a whole number is wanted"),
        (r#""long""#, Value::Text("x"), "field 'f': an exact number is wanted"),
        (
            r#""string""#,
            Value::Null,
            "field 'f': it is null or missing, and the schema takes no null",
        ),
        (
            decimal,
            Value::Number("1.055"),
            "field 'f': it has more decimal places than the schema's decimal: round it",
        ),
        (inner, Value::Object(r#"{"a":"x"}"#), "field 'f.a': an exact number is wanted"),
        (
            inner,
            Value::Object(r#"{"a":1,"b":2}"#),
            "field 'f.b': the schema has no such field: SELECT only what it has",
        ),
        (inner, Value::Int(1), "field 'f': a record is wanted"),
    ] {
        assert_eq!(field(of, value), Err(problem.to_owned()), "{of}: {value:?}");
    }
    let schema = r#"{"type":"record","name":"R","fields":[{"name":"f","type":"int"}]}"#;
    let unknown = encode(schema, &[("f", Value::Int(1)), ("g", Value::Int(2))]);
    let problem = "field 'g': the schema has no such field: SELECT only what it has";
    assert_eq!(unknown, Err(problem.to_owned()));
}
