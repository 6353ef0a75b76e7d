//! Kafka Connect's schemas as its JsonConverter writes them, compiled.

use super::scalar::{MAX_SCALE, Scalar};
use crate::format::json::{self, MemberName};
use crate::record::{Arena, TimeUnit, Value};
use hashbrown::HashMap;

/// What a value must be.
#[derive(Debug)]
pub(super) struct Node {
    pub kind: Kind,
    pub optional: bool,
    /// What stands for null, as JSON text.
    pub default: Option<Box<str>>,
    /// Whether the JSON text of such an object or array means the same without the schema.
    pub plain: bool,
}

#[derive(Debug)]
pub(super) enum Kind {
    Scalar(Scalar),
    Array(Box<Node>),
    /// Keys are texts: a JSON object.
    Map(Box<Node>),
    /// Keys are something else: a JSON array of `[key, value]`.
    Pairs(Box<Node>, Box<Node>),
    Struct(Fields),
}

/// A struct's fields in the schema's order.
#[derive(Debug, Default)]
pub(super) struct Fields {
    list: Vec<(Box<str>, Node)>,
    index: HashMap<Box<str>, usize>,
}

impl Fields {
    fn push(&mut self, name: &str, node: Node) -> Result<(), String> {
        if self.index.insert(name.into(), self.list.len()).is_some() {
            return Err(format!("two fields are named '{name}'"));
        }
        self.list.push((name.into(), node));
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&(Box<str>, Node)> {
        self.list.get(at)
    }

    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    pub(super) fn node(&self, name: &str) -> Option<&Node> {
        self.get(self.place(name)?).map(|(_, node)| node)
    }

    /// The place of a member's name, which is likely to be the expected one.
    pub(super) fn place_of(&self, name: &MemberName<'_>, expected: usize) -> Option<usize> {
        match self.get(expected) {
            Some((known, _)) if name.is(known) => Some(expected),
            _ => self.place(&name.text()),
        }
    }
}

/// The attributes of a schema's JSON object.
#[derive(Default)]
struct Attributes<'a> {
    kind: Value<'a>,
    optional: Value<'a>,
    default: Value<'a>,
    name: Value<'a>,
    parameters: Value<'a>,
    items: Value<'a>,
    keys: Value<'a>,
    values: Value<'a>,
    fields: Value<'a>,
    field: Value<'a>,
}

impl<'a> Attributes<'a> {
    fn of(schema: Value<'a>) -> Result<Attributes<'a>, String> {
        let Value::Object(text) = schema else {
            return Err("a schema is a JSON object".to_owned());
        };
        let mut found = Attributes::default();
        json::each_member(text, |name, value| {
            let place = match &*name.text() {
                "type" => &mut found.kind,
                "optional" => &mut found.optional,
                "default" => &mut found.default,
                "name" => &mut found.name,
                "parameters" => &mut found.parameters,
                "items" => &mut found.items,
                "keys" => &mut found.keys,
                "values" => &mut found.values,
                "fields" => &mut found.fields,
                "field" => &mut found.field,
                _ => return,
            };
            *place = value;
        });
        Ok(found)
    }
}

/// A JSON string's text.
fn text_of<'a>(value: Value<'a>, arena: &'a Arena) -> Option<&'a str> {
    match value {
        Value::Text(text) => Some(text),
        Value::Escaped(text) => Some(json::unescaped(text, arena)),
        _ => None,
    }
}

impl Node {
    /// Compiles a schema that is valid JSON.
    pub(super) fn compile<'a>(schema: Value<'a>, arena: &'a Arena) -> Result<Node, String> {
        Node::of(&Attributes::of(schema)?, arena)
    }

    fn of<'a>(attributes: &Attributes<'a>, arena: &'a Arena) -> Result<Node, String> {
        let name = text_of(attributes.name, arena).unwrap_or_default();
        let kind = match text_of(attributes.kind, arena) {
            Some("array") => {
                Kind::Array(Box::new(part(attributes.items, "an array has no 'items'", arena)?))
            }
            Some("map") => {
                let keys = part(attributes.keys, "a map has no 'keys'", arena)?;
                let values = Box::new(part(attributes.values, "a map has no 'values'", arena)?);
                match keys.kind {
                    Kind::Scalar(Scalar::Text) => Kind::Map(values),
                    _ => Kind::Pairs(Box::new(keys), values),
                }
            }
            Some("struct") if name == "io.debezium.data.VariableScaleDecimal" => {
                Kind::Scalar(Scalar::VariableDecimal)
            }
            Some("struct") => Kind::Struct(fields(attributes.fields, arena)?),
            Some(other) => Kind::Scalar(scalar(other, name, attributes.parameters, arena)?),
            None => return Err("a schema has no 'type'".to_owned()),
        };
        let mut node = Node {
            optional: matches!(attributes.optional, Value::Boolean(true)),
            default: None,
            plain: is_plain(&kind),
            kind,
        };
        if !attributes.default.is_null() {
            let checked = node.check(attributes.default);
            checked.map_err(|mismatch| format!("a default value: {mismatch}"))?;
            let mut text = Vec::new();
            crate::format::text::write_json(attributes.default, &mut text);
            node.default = String::from_utf8(text).ok().map(String::into_boxed_str);
            node.plain = false;
        }
        Ok(node)
    }
}

fn part<'a>(schema: Value<'a>, missing: &str, arena: &'a Arena) -> Result<Node, String> {
    if schema.is_null() {
        return Err(missing.to_owned());
    }
    Node::compile(schema, arena)
}

fn fields<'a>(list: Value<'a>, arena: &'a Arena) -> Result<Fields, String> {
    let Value::Array(list) = list else {
        return Err("a struct has no list 'fields'".to_owned());
    };
    let (mut fields, mut result) = (Fields::default(), Ok(()));
    json::elements(list, &mut |schema| {
        if result.is_ok() {
            result = add_field(schema, &mut fields, arena);
        }
    });
    result.map(|()| fields)
}

fn add_field<'a>(schema: Value<'a>, fields: &mut Fields, arena: &'a Arena) -> Result<(), String> {
    let attributes = Attributes::of(schema)?;
    let name = text_of(attributes.field, arena)
        .ok_or_else(|| "a struct's field has no name in 'field'".to_owned())?;
    let node = Node::of(&attributes, arena);
    fields.push(name, node.map_err(|problem| format!("field '{name}': {problem}"))?)
}

fn scalar<'a>(
    kind: &str,
    name: &str,
    parameters: Value<'a>,
    arena: &'a Arena,
) -> Result<Scalar, String> {
    use TimeUnit::{Micros, Millis, Nanos};
    Ok(match (kind, name) {
        ("bytes", "org.apache.kafka.connect.data.Decimal") => decimal(parameters, arena)?,
        ("int32", "org.apache.kafka.connect.data.Date" | "io.debezium.time.Date") => Scalar::Date,
        ("int32", "org.apache.kafka.connect.data.Time" | "io.debezium.time.Time") => {
            Scalar::Time(i64::from(i32::MAX), Millis)
        }
        ("int64", "io.debezium.time.MicroTime") => Scalar::Time(i64::MAX, Micros),
        ("int64", "io.debezium.time.NanoTime") => Scalar::Time(i64::MAX, Nanos),
        ("int64", "org.apache.kafka.connect.data.Timestamp") => Scalar::Timestamp(Millis),
        // Debezium's have no zone: they are what a column without a zone says.
        ("int64", "io.debezium.time.Timestamp") => Scalar::LocalTimestamp(Millis),
        ("int64", "io.debezium.time.MicroTimestamp") => Scalar::LocalTimestamp(Micros),
        ("int64", "io.debezium.time.NanoTimestamp") => Scalar::LocalTimestamp(Nanos),
        ("boolean", _) => Scalar::Boolean,
        ("int8", _) => Scalar::Int(i64::from(i8::MIN), i64::from(i8::MAX)),
        ("int16", _) => Scalar::Int(i64::from(i16::MIN), i64::from(i16::MAX)),
        ("int32", _) => Scalar::Int(i64::from(i32::MIN), i64::from(i32::MAX)),
        ("int64", _) => Scalar::Int(i64::MIN, i64::MAX),
        ("float" | "float32", _) => Scalar::Float,
        ("double" | "float64", _) => Scalar::Double,
        ("string", _) => Scalar::Text,
        ("bytes", _) => Scalar::Bytes,
        _ => return Err(format!("unknown type '{kind}'")),
    })
}

fn decimal<'a>(parameters: Value<'a>, arena: &'a Arena) -> Result<Scalar, String> {
    let scale = match parameters {
        Value::Object(text) => json::field(text, "scale"),
        _ => Value::Null,
    };
    let scale = text_of(scale, arena).and_then(|text| text.parse().ok());
    match scale {
        Some(scale) if (-MAX_SCALE..=MAX_SCALE).contains(&scale) => Ok(Scalar::Decimal(scale)),
        Some(scale) => Err(format!("a Decimal's scale is {scale}, at most {MAX_SCALE} is read")),
        None => Err("a Decimal has no parameter 'scale'".to_owned()),
    }
}

fn is_plain(kind: &Kind) -> bool {
    let plain = |node: &Node| node.plain;
    match kind {
        Kind::Scalar(scalar) => matches!(scalar, Scalar::Boolean | Scalar::Int(..) | Scalar::Text),
        Kind::Array(node) | Kind::Map(node) => plain(node),
        Kind::Pairs(..) => false,
        Kind::Struct(fields) => fields.list.iter().all(|(_, node)| plain(node)),
    }
}
