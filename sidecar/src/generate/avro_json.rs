//! Avro's JSON encoding, in which options files of encoding `json` are written: a union's value
//! stands under its branch's name (`{"string": "a"}`, but plain `null`), bytes and fixed are text
//! with one character (U+0000 to U+00FF) a byte.
//!
//! <https://avro.apache.org/docs/1.12.0/specification/#json-encoding>. A union's value may also
//! stand bare, as it does in a schema's own `options`.

use apache_avro::schema::{DecimalSchema, InnerDecimalSchema, NamesRef, RecordSchema, UnionSchema};
use apache_avro::{Schema, types::Value};
use serde_json::{Map, Value as Json};

/// The value that `json` encodes. Recursion is bounded by serde_json's nesting limit of 128.
///
/// # Errors
/// It is no value of `schema`.
pub fn decode(json: &Json, schema: &Schema, names: &NamesRef) -> Result<Value, String> {
    match (schema, json) {
        (Schema::Ref { name }, _) => match names.get(name) {
            Some(schema) => decode(json, schema, names),
            None => Err(format!("there is no type {name}")),
        },
        (Schema::Union(union), _) => branch(json, union, schema, names),
        (Schema::Record(record), Json::Object(members)) => fields(members, record, names),
        (Schema::Array(array), Json::Array(items)) => {
            let items = items.iter().map(|item| decode(item, &array.items, names));
            Ok(Value::Array(items.collect::<Result<_, _>>()?))
        }
        (Schema::Map(map), Json::Object(members)) => {
            let entry = |(key, value): (&String, &Json)| {
                Ok((key.clone(), decode(value, &map.types, names)?))
            };
            Ok(Value::Map(members.iter().map(entry).collect::<Result<_, String>>()?))
        }
        (Schema::Bytes, Json::String(text)) => Ok(Value::Bytes(bytes(text)?)),
        (Schema::Fixed(fixed), Json::String(text)) => {
            let bytes = bytes(text)?;
            match bytes.len() == fixed.size {
                true => Ok(Value::Fixed(fixed.size, bytes)),
                false => Err(format!("{} bytes, not {}", bytes.len(), fixed.size)),
            }
        }
        (Schema::Decimal(decimal), Json::String(text)) => unscaled(text, decimal),
        _ => bare(json, schema, names),
    }
}

/// A JSON value by the rules with which Avro resolves a reader's schema (an int for a long, text
/// for an enum, bytes or fixed).
///
/// # Errors
/// It is no value of `schema`.
pub fn bare(json: &Json, schema: &Schema, names: &NamesRef) -> Result<Value, String> {
    let value = Value::try_from(json.clone())
        .and_then(|value| value.resolve_with_names(schema, names))
        .map_err(|error| error.to_string())?;
    match value.validate_with_names(schema, names) {
        true => Ok(value),
        false => Err("it is of another size or type".to_owned()),
    }
}

fn branch(
    json: &Json,
    union: &UnionSchema,
    schema: &Schema,
    names: &NamesRef,
) -> Result<Value, String> {
    let wrapped = match json {
        Json::Object(members) if members.len() == 1 => members.iter().next(),
        _ => None,
    };
    let chosen = wrapped.and_then(|(name, json)| {
        let position = union.variants().iter().position(|branch| branch_name(branch) == *name)?;
        Some((position, union.variants().get(position)?, json))
    });
    match chosen {
        Some((position, branch, json)) => {
            let position = u32::try_from(position).map_err(|error| error.to_string())?;
            Ok(Value::Union(position, Box::new(decode(json, branch, names)?)))
        }
        None => bare(json, schema, names),
    }
}

/// How Avro's JSON calls a branch: a full name, or the name of the type that is stored.
fn branch_name(branch: &Schema) -> String {
    match branch {
        Schema::Ref { name } => name.fullname(None),
        named if named.name().is_some() => {
            named.name().map(|name| name.fullname(None)).unwrap_or_default()
        }
        Schema::Date | Schema::TimeMillis => "int".to_owned(),
        Schema::TimeMicros
        | Schema::TimestampMillis
        | Schema::TimestampMicros
        | Schema::TimestampNanos
        | Schema::LocalTimestampMillis
        | Schema::LocalTimestampMicros
        | Schema::LocalTimestampNanos => "long".to_owned(),
        Schema::Decimal(_) | Schema::BigDecimal => "bytes".to_owned(),
        Schema::Uuid(_) => "string".to_owned(),
        plain => format!("{:?}", apache_avro::schema::SchemaKind::from(plain)).to_lowercase(),
    }
}

/// A record; fields left out take their default.
fn fields(
    members: &Map<String, Json>,
    record: &RecordSchema,
    names: &NamesRef,
) -> Result<Value, String> {
    let fields = record.fields.iter().map(|field| {
        let value = match (members.get(&field.name), &field.default) {
            (Some(json), _) => decode(json, &field.schema, names),
            (None, Some(default)) => bare(default, &field.schema, names),
            (None, None) => Err("it is missing".to_owned()),
        };
        let value = value.map_err(|error| format!("field {}: {error}", field.name))?;
        Ok((field.name.clone(), value))
    });
    Ok(Value::Record(fields.collect::<Result<_, String>>()?))
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let byte =
        |char| u8::try_from(u32::from(char)).map_err(|_| format!("'{char}' is more than one byte"));
    text.chars().map(byte).collect()
}

fn unscaled(text: &str, decimal: &DecimalSchema) -> Result<Value, String> {
    let bytes = bytes(text)?;
    match &decimal.inner {
        InnerDecimalSchema::Fixed(fixed) if fixed.size != bytes.len() => {
            Err(format!("{} bytes, not {}", bytes.len(), fixed.size))
        }
        _ => Ok(Value::Decimal(bytes.into())),
    }
}
