//! A schema's text, parsed by apache-avro.
//!
//! Before that it is stripped of what does not matter to a reader of the
//! writer's own data (defaults, documentation): registries hold schemas with
//! defaults that apache-avro refuses. Kafka Connect's names of logical types
//! become logical types here, as apache-avro drops properties of primitives.

use super::super::schema::{SchemaError, SchemaText};
use apache_avro::Schema;
use serde_json::{Map, Value as Json, json};

/// References of references, at most.
const MAX_REFERENCE_DEPTH: usize = 64;

/// Documents of one schema, at most.
const MAX_DOCUMENTS: usize = 1024;

/// The precision Connect's decimals have where none is written.
const CONNECT_PRECISION: u64 = 64;

/// The parsed schema. One with references is a record whose last field has the
/// schema as its type; the fields before it define what it refers to, each
/// before its use, so that apache-avro needs no recursion from document to document.
pub(super) fn parse(schema: &SchemaText) -> Result<Schema, SchemaError> {
    let mut texts = Vec::new();
    gather(schema, 0, &mut texts)?;
    let mut documents = texts.iter().map(|text| document(text)).collect::<Result<Vec<_>, _>>()?;
    let whole = match schema.references.is_empty() {
        true => documents.pop().unwrap_or_default(),
        false => {
            let field =
                |(at, document)| json!({"name": format!("document_{at}"), "type": document});
            let fields: Vec<Json> = documents.into_iter().enumerate().map(field).collect();
            json!({"type": "record", "name": "redis_kafka_documents", "fields": fields})
        }
    };
    Schema::parse(&whole).map_err(|error| SchemaError(error.to_string()))
}

/// The texts a schema refers to, then its own; each once.
fn gather<'s>(
    schema: &'s SchemaText,
    depth: usize,
    texts: &mut Vec<&'s str>,
) -> Result<(), SchemaError> {
    if depth > MAX_REFERENCE_DEPTH || texts.len() > MAX_DOCUMENTS {
        return Err(SchemaError("references go too deep, or there are too many".to_owned()));
    }
    for (_, reference) in &schema.references {
        gather(reference, depth + 1, texts)?;
    }
    if !texts.contains(&schema.text.as_str()) {
        texts.push(&schema.text);
    }
    Ok(())
}

fn document(text: &str) -> Result<Json, SchemaError> {
    let mut json =
        serde_json::from_str(text).map_err(|error| SchemaError(format!("not JSON: {error}")))?;
    simplify(&mut json)?;
    Ok(json)
}

/// Recursion is bounded by serde_json's own limit of 128 levels.
fn simplify(schema: &mut Json) -> Result<(), SchemaError> {
    match schema {
        Json::Array(branches) => branches.iter_mut().try_for_each(simplify),
        Json::Object(object) => {
            for dropped in ["default", "doc", "order"] {
                object.remove(dropped);
            }
            connect_type(object);
            for key in ["type", "items", "values"] {
                object.get_mut(key).map_or(Ok(()), simplify)?;
            }
            match object.get_mut("fields") {
                Some(Json::Array(fields)) => fields.iter_mut().try_for_each(field),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// apache-avro leaves out fields that are no objects.
fn field(field: &mut Json) -> Result<(), SchemaError> {
    match field {
        Json::Object(_) => simplify(field),
        other => Err(SchemaError(format!("a record's field is an object, not {other}"))),
    }
}

fn connect_type(object: &mut Map<String, Json>) {
    match object.get("logicalType") {
        Some(Json::String(_)) => return,
        // As Java's library does with one that is no string.
        Some(_) => drop(object.remove("logicalType")),
        None => {}
    }
    let name = object.get("connect.name").and_then(Json::as_str);
    let logical = match name.and_then(|name| name.strip_prefix("org.apache.kafka.connect.data.")) {
        Some("Date") => "date",
        Some("Time") => "time-millis",
        Some("Timestamp") => "timestamp-millis",
        Some("Decimal") => "decimal",
        _ => return,
    };
    object.insert("logicalType".to_owned(), Json::from(logical));
    if logical == "decimal" {
        let parameter = object.get("connect.parameters").and_then(|all| all.get("scale"));
        let scale = match object.get("scale").or(parameter) {
            Some(Json::String(text)) => text.parse().unwrap_or(0),
            Some(number) => number.as_u64().unwrap_or(0),
            None => 0,
        };
        object.insert("scale".to_owned(), Json::from(scale));
        let precision =
            object.entry("precision").or_insert(Json::from(CONNECT_PRECISION.max(scale)));
        if precision.as_u64().is_none_or(|precision| precision < scale.max(1)) {
            *precision = Json::from(CONNECT_PRECISION.max(scale));
        }
    }
}
