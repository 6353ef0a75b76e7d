//! JSONSCHEMA: a JSON document that names a JSON Schema of the registry.
//!
//! The document is decoded as JSON; like the registry's own deserializer without
//! `json.fail.invalid.schema` it is not validated against its schema.

use super::json::JsonDecoder;
use super::schema::{SchemaError, SchemaFormat, SchemaText};
use super::{DecodeError, Format};
use crate::record::{Arena, Names, Row, Type, Wanted};
use crate::registry::SchemaKind;

/// The format.
pub struct JsonSchema;

/// A decoder, and what the schema says of its records.
pub struct JsonSchemaProgram {
    decoder: JsonDecoder,
    value_type: Type,
}

impl SchemaFormat for JsonSchema {
    const FORMAT: Format = Format::JsonSchema;
    const KIND: SchemaKind = SchemaKind::Json;
    type Program = JsonSchemaProgram;

    fn compile(schema: &SchemaText, wanted: &Wanted) -> Result<JsonSchemaProgram, SchemaError> {
        let schema: serde_json::Value = serde_json::from_str(&schema.text)
            .map_err(|error| SchemaError(format!("it is no JSON: {error}")))?;
        let decoder = JsonDecoder::new(wanted.clone());
        Ok(JsonSchemaProgram { decoder, value_type: type_of(&schema) })
    }

    fn decode<'a>(
        program: &'a mut JsonSchemaProgram,
        bytes: &'a [u8],
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), DecodeError> {
        program.decoder.document(bytes, Format::JsonSchema, names, arena, row)
    }

    fn value_type(program: &JsonSchemaProgram) -> Type {
        program.value_type.clone()
    }

    fn forget_names(program: &mut JsonSchemaProgram) {
        super::Decoder::forget_names(&mut program.decoder);
    }
}

/// The type that a schema declares. Only of an object that takes no further
/// properties are all names known; serde_json bounds the depth.
fn type_of(schema: &serde_json::Value) -> Type {
    use serde_json::Value::{Bool, String};
    match schema.get("type") {
        Some(String(name)) => match name.as_str() {
            "boolean" => Type::Boolean,
            "integer" => Type::Int,
            "string" => Type::Text,
            "array" => Type::List(Box::new(schema.get("items").map_or(Type::Unknown, type_of))),
            "object" if schema.get("additionalProperties") == Some(&Bool(false)) => {
                let properties = schema.get("properties").and_then(serde_json::Value::as_object);
                let fields = properties.into_iter().flatten();
                match schema.get("patternProperties") {
                    Some(_) => Type::Unknown,
                    None => Type::Record(
                        fields.map(|(name, schema)| (name.clone(), type_of(schema))).collect(),
                    ),
                }
            }
            _ => Type::Unknown,
        },
        _ => Type::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(schema: &str) -> Type {
        let schema = SchemaText { text: schema.into(), ..SchemaText::default() };
        JsonSchema::value_type(&JsonSchema::compile(&schema, &Wanted::default()).unwrap())
    }

    #[test]
    fn only_closed_objects_have_known_names() {
        assert_eq!(of(r#"{"type":"object","properties":{"a":{"type":"integer"}}}"#), Type::Unknown);
        let closed = r#"{"type":"object","additionalProperties":false,
            "properties":{"a":{"type":"integer"},"b":{"type":["string","null"]},"c":{"type":"array"}}}"#;
        let fields = [
            ("a".to_owned(), Type::Int),
            ("b".to_owned(), Type::Unknown),
            ("c".to_owned(), Type::List(Box::new(Type::Unknown))),
        ];
        assert_eq!(of(closed), Type::Record(fields.into()));
        assert_eq!(of("true"), Type::Unknown);
        let broken = SchemaText { text: "{".into(), ..SchemaText::default() };
        assert!(JsonSchema::compile(&broken, &Wanted::default()).is_err());
    }
}
