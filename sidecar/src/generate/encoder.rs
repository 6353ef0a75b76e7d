//! How record values become bytes: one variant a format.

use super::json;
use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use thiserror::Error;

/// How record values are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// JSON text
    Json,
    /// Avro's binary encoding, with the id of its schema in the Schema Registry before it
    Avro,
}

/// Why a value has no form in the format.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// A number that JSON does not have.
    #[error("a record cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The value does not fit its schema.
    #[error("a record cannot be written as Avro: {0}")]
    Avro(#[from] apache_avro::Error),
}

/// Turns values of one schema into bytes.
pub enum Encoder<'s> {
    /// JSON text.
    Json,
    /// A magic byte 0, the schema's id, and Avro's binary encoding.
    Avro {
        /// What stands before every value.
        prefix: [u8; 5],
        /// Knows the schema. (Boxed, as it is many times the size of the other variant.)
        writer: Box<GenericDatumWriter<'s>>,
    },
}

impl<'s> Encoder<'s> {
    /// Avro, framed as Confluent's serializers do it, for values of `schema`, which the registry
    /// knows by `id`.
    ///
    /// # Errors
    /// The schema names a type that it does not define.
    pub fn avro(schema: &'s Schema, id: u32) -> Result<Encoder<'s>, EncodeError> {
        let mut prefix = [0; 5];
        let [_, number @ ..] = &mut prefix;
        *number = id.to_be_bytes();
        let writer = GenericDatumWriter::builder(schema).build()?;
        Ok(Encoder::Avro { prefix, writer: Box::new(writer) })
    }

    /// Appends `value` to `out`.
    ///
    /// # Errors
    /// See [`EncodeError`]; `out` may then hold a part of it.
    pub fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            Encoder::Json => json::encode(value, out)?,
            Encoder::Avro { prefix, writer } => {
                out.extend_from_slice(prefix);
                writer.write_value_ref(out, value)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn avro_follows_a_magic_byte_and_the_id() {
        let schema = Schema::parse_str(r#"["null", "string"]"#).unwrap();
        let encoder = Encoder::avro(&schema, 0x0102_0304).unwrap();
        let mut out = Vec::new();
        let value = Value::Union(1, Box::new(Value::String("ab".to_owned())));
        encoder.encode(&value, &mut out).unwrap();
        assert_eq!(out, [0, 1, 2, 3, 4, 2, 4, b'a', b'b']);
        assert!(encoder.encode(&Value::Int(3), &mut out).is_err());
    }
}
