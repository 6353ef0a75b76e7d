//! Formats: how the bytes of a record's key or value become fields.
//!
//! [`FORMATS`] is the one table of them; the commands' grammar and help read
//! it too. Each format that is built has a file of its own beside this one.

use crate::record::{Arena, Names, Row, Shape, Step, Type, Value, Wanted};
use crate::registry::{Client, SchemaKind};
use primitive::PrimitiveDecoder;
use schema::{SchemaError, SchemaFormat, SchemaText};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

pub mod avro;
mod bytes;
pub(crate) mod calendar;
mod decimal;
pub mod envelope;
pub mod framed;
pub mod json;
mod json_schema;
pub mod nested;
mod primitive;
pub mod protobuf;
pub mod schema;
mod string;
pub mod text;

/// The field name of a value that is no record of named fields.
pub const SINGLE_FIELD: &str = "value";

/// How a key or a value is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// UTF-8 text.
    String,
    /// Bytes without a meaning.
    Bytes,
    /// A JSON document (RFC 8259).
    Json,
    /// Avro with a schema of the registry.
    Avro,
    /// Protobuf with a schema of the registry.
    Protobuf,
    /// JSON with a schema id of the registry before it.
    JsonSchema,
    /// Kafka's IntegerSerializer.
    Int,
    /// Kafka's LongSerializer.
    Long,
    /// Kafka's ShortSerializer.
    Short,
    /// Kafka's FloatSerializer.
    Float,
    /// Kafka's DoubleSerializer.
    Double,
}

/// Which part of a record is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its key.
    Key,
    /// Its value.
    Value,
}

/// Where schemas come from.
#[derive(Debug, Clone, Default)]
pub enum Schemas {
    /// Nowhere.
    #[default]
    None,
    /// From the Schema Registry, by the id in each record.
    Registry(Arc<Client>),
    /// From a local file: records have no id.
    File(Arc<SchemaText>),
}

/// What a decoder is made of.
#[derive(Debug, Clone)]
pub struct Making {
    /// What is read of the records.
    pub wanted: Wanted,
    /// Which part of them.
    pub part: Part,
    /// Where schemas come from, for the formats that need them.
    pub schemas: Schemas,
}

/// Why there is no decoder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The format needs a schema and nothing says where it is.
    #[error("format {} needs a schema: name a REGISTRY", .0.name())]
    NoSchemas(Format),
    /// The local schema cannot be used.
    #[error("the schema file for format {}: {error}", .format.name())]
    Schema {
        /// The format.
        format: Format,
        /// What is wrong.
        error: SchemaError,
    },
}

/// Whether a format needs a schema beside the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The bytes alone.
    Nothing,
    /// A schema of the registry or of a file.
    Schema,
}

/// Makes a decoder.
type Make = fn(Making) -> Result<Box<dyn Decoder>, SetupError>;

/// A row of [`FORMATS`].
#[derive(Debug)]
pub struct FormatInfo {
    /// Which format the row is about.
    pub format: Format,
    /// The word that names it in commands, in capitals.
    pub name: &'static str,
    /// One line for help.
    pub summary: &'static str,
    /// Whether it needs a schema.
    pub needs: Needs,
    /// The language of its schemas, where it needs them.
    pub kind: Option<SchemaKind>,
    make: Make,
    value_type: fn(&SchemaText) -> Result<Type, SchemaError>,
}

/// All formats, in the order help shows them.
pub const FORMATS: &[FormatInfo] = &[
    plain(Format::String, "STRING", "UTF-8 text", |making| {
        Ok(Box::new(string::StringDecoder::new(making.wanted)))
    }),
    plain(Format::Bytes, "BYTES", "bytes as they are", |making| {
        Ok(Box::new(bytes::BytesDecoder::new(making.wanted)))
    }),
    plain(Format::Json, "JSON", "a JSON document without a schema", |making| {
        Ok(Box::new(json::JsonDecoder::new(making.wanted)))
    }),
    with_schema::<avro::Avro>("AVRO", "Avro with a schema of the Schema Registry"),
    with_schema::<protobuf::Protobuf>("PROTOBUF", "Protobuf with a schema of the Schema Registry"),
    with_schema::<json_schema::JsonSchema>(
        "JSONSCHEMA",
        "JSON with a schema of the Schema Registry",
    ),
    plain(Format::Int, "INT", "a big-endian 32-bit integer", |making| {
        Ok(Box::new(PrimitiveDecoder::new(primitive::INT, making.wanted)))
    }),
    plain(Format::Long, "LONG", "a big-endian 64-bit integer", |making| {
        Ok(Box::new(PrimitiveDecoder::new(primitive::LONG, making.wanted)))
    }),
    plain(Format::Short, "SHORT", "a big-endian 16-bit integer", |making| {
        Ok(Box::new(PrimitiveDecoder::new(primitive::SHORT, making.wanted)))
    }),
    plain(Format::Float, "FLOAT", "a big-endian 32-bit IEEE 754 number", |making| {
        Ok(Box::new(PrimitiveDecoder::new(primitive::FLOAT, making.wanted)))
    }),
    plain(Format::Double, "DOUBLE", "a big-endian 64-bit IEEE 754 number", |making| {
        Ok(Box::new(PrimitiveDecoder::new(primitive::DOUBLE, making.wanted)))
    }),
];

const fn plain(
    format: Format,
    name: &'static str,
    summary: &'static str,
    make: Make,
) -> FormatInfo {
    FormatInfo {
        format,
        name,
        summary,
        needs: Needs::Nothing,
        kind: None,
        make,
        value_type: |_| Ok(Type::Unknown),
    }
}

const fn with_schema<F: SchemaFormat>(name: &'static str, summary: &'static str) -> FormatInfo {
    FormatInfo {
        format: F::FORMAT,
        name,
        summary,
        needs: Needs::Schema,
        kind: Some(F::KIND),
        make: framed::make::<F>,
        value_type: |schema| {
            let program = F::compile(schema, &Wanted::default())?;
            Ok(F::value_type(&program))
        },
    }
}

impl Format {
    /// The format of that name, in any case.
    pub fn parse(name: &str) -> Option<Format> {
        FORMATS.iter().find(|row| row.name.eq_ignore_ascii_case(name)).map(|row| row.format)
    }

    /// The word that names it in commands.
    pub fn name(self) -> &'static str {
        self.info().map_or("", |row| row.name)
    }

    /// A decoder of its own for one worker.
    pub fn decoder(self, making: Making) -> Result<Box<dyn Decoder>, SetupError> {
        match self.info() {
            Some(row) => (row.make)(making),
            None => Err(SetupError::NoSchemas(self)),
        }
    }

    /// The type of records of this format that follow `schema`.
    pub fn value_type(self, schema: &SchemaText) -> Result<Type, SchemaError> {
        self.info().map_or(Ok(Type::Unknown), |row| (row.value_type)(schema))
    }

    /// The language of its schemas; none where it needs none.
    pub fn schema_kind(self) -> Option<SchemaKind> {
        self.info().and_then(|row| row.kind)
    }

    /// Whether it needs a schema.
    pub fn needs(self) -> Needs {
        self.info().map_or(Needs::Nothing, |row| row.needs)
    }

    fn info(self) -> Option<&'static FormatInfo> {
        FORMATS.iter().find(|row| row.format == self)
    }
}

/// A record's headers.
pub trait Headers {
    /// The last header of that name; none when absent or null.
    fn last(&self, name: &str) -> Option<&[u8]>;
}

/// Headers of a record that has none.
#[derive(Debug, Clone, Copy)]
pub struct NoHeaders;

impl Headers for NoHeaders {
    fn last(&self, _name: &str) -> Option<&[u8]> {
        None
    }
}

/// What is decoded: a key or value that is there (a tombstone is not decoded).
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// All its bytes.
    pub bytes: &'a [u8],
    /// The headers of its record; a schema's id may stand there.
    pub headers: &'a dyn Headers,
}

/// Turns bytes into values. One worker owns it, as it may keep buffers.
pub trait Decoder: Send {
    /// Fills `row`, which it begins itself, with what was wanted when the decoder was made.
    ///
    /// After an error `row` is of [`Shape::Absent`].
    fn decode<'a>(
        &'a mut self,
        input: Input<'a>,
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), Failure>;

    /// Drops every [`crate::record::NameId`] it keeps: called after [`Names::shed`] was true.
    fn forget_names(&mut self) {}
}

/// Why a record was not decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The record is bad.
    #[error(transparent)]
    Record(#[from] DecodeError),
    /// The record is bad: it is no change event.
    #[error("ENVELOPE DEBEZIUM: {0}")]
    Envelope(Cow<'static, str>),
    /// Something it needs is away, as the registry: to be waited for.
    #[error("{}", .0.reason)]
    Unavailable(Absence),
}

/// Something outside of us and of the record that is away for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// What is away.
    pub reason: String,
    /// What a person can check.
    pub action: String,
    /// Before that, asking again gives the same answer.
    pub retry_after: Duration,
    /// What has to be made anew before it can be there again.
    pub renew: Renew,
}

/// What has to be made anew before something that was away can be there again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renew {
    /// Nothing: it comes back by itself.
    Nothing,
    /// Our credentials, from the profile.
    Credentials,
}

/// Why bytes are not of their format: an error of the record, not of the system.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {} at byte {at}: {problem}", .format.name())]
pub struct DecodeError {
    /// The format the bytes should have had.
    pub format: Format,
    /// The offending byte, counted from 0; the length where the bytes end too early.
    pub at: usize,
    /// What is wrong there.
    pub problem: Cow<'static, str>,
}

/// Makes `row` the one value `value`, which has no name of its own.
pub fn single<'a>(
    value: Value<'a>,
    wanted: &Wanted,
    names: &mut Names,
    arena: &'a Arena,
    row: &mut Row<'a>,
) {
    row.begin(Shape::Single, wanted.paths.len());
    if wanted.every_field {
        row.push(names.intern(SINGLE_FIELD.as_bytes(), None), value);
    }
    for (slot, path) in wanted.paths.iter().enumerate() {
        let steps = match path.split_first() {
            Some((Step::Field(name), rest)) if name == SINGLE_FIELD => rest,
            _ => path,
        };
        row.set(slot, nested::follow(value, steps, arena));
    }
}

/// Checks that `bytes` are UTF-8; the error names the first byte that is not.
fn check_utf8(bytes: &[u8], format: Format) -> Result<&str, DecodeError> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| {
        let at = std::str::from_utf8(bytes).err().map_or(0, |error| error.valid_up_to());
        DecodeError { format, at, problem: Cow::Borrowed("not UTF-8") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_one_row_and_parses_in_any_case() {
        for row in FORMATS {
            assert_eq!(Format::parse(&row.name.to_lowercase()), Some(row.format));
            assert_eq!(row.format.name(), row.name);
            let making =
                Making { wanted: Wanted::default(), part: Part::Key, schemas: Schemas::None };
            let made = row.format.decoder(making).is_ok();
            assert_eq!(made, row.needs == Needs::Nothing, "{row:?}");
            assert_eq!(FORMATS.iter().filter(|other| other.format == row.format).count(), 1);
        }
        assert_eq!(Format::parse("JSONX"), None);
        assert_eq!(Format::parse(""), None);
    }

    /// The shape, the only field's name, and its text.
    fn decode(format: Format, bytes: &[u8]) -> Result<(Shape, Vec<u8>, Vec<u8>), Failure> {
        let (mut names, arena, mut row) = (Names::default(), Arena::new(), Row::default());
        let mut wanted = Wanted { every_field: true, ..Wanted::default() };
        wanted.slot(&[]);
        wanted.slot(&[Step::Field(SINGLE_FIELD.into())]);
        let making = Making { wanted, part: Part::Value, schemas: Schemas::None };
        let mut decoder = format.decoder(making).unwrap();
        let input = Input { bytes, headers: &NoHeaders };
        if let Err(error) = decoder.decode(input, &mut names, &arena, &mut row) {
            assert_eq!((row.shape(), row.fields().len()), (Shape::Absent, 0));
            return Err(error);
        }
        let field = row.fields()[0];
        let text = |value| {
            let mut text = Vec::new();
            text::write_text(value, &mut text);
            text
        };
        assert_eq!(text(row.slot(0)), text(field.value));
        assert_eq!(text(row.slot(1)), text(field.value));
        Ok((row.shape(), names.get(field.name).to_vec(), text(field.value)))
    }

    #[test]
    fn string_and_bytes_are_one_field_named_value() {
        for text in ["", "a", "urn:sensor:VIE:4", "\"quoted\"", "Zürich 東京"] {
            let all = (Shape::Single, b"value".to_vec(), text.as_bytes().to_vec());
            assert_eq!(decode(Format::String, text.as_bytes()).unwrap(), all);
            assert_eq!(decode(Format::Bytes, text.as_bytes()).unwrap(), all);
        }
        assert_eq!(decode(Format::Bytes, b"\xff\x00").unwrap().2, b"\xff\x00");
    }

    #[test]
    fn a_string_that_is_not_utf8_is_refused_at_its_first_wrong_byte() {
        let error = decode(Format::String, b"abc\xffd").unwrap_err();
        assert_eq!(error.to_string(), "invalid STRING at byte 3: not UTF-8");
        let error = decode(Format::Json, b"[\"abc\", \"\xc3\"]").unwrap_err();
        assert_eq!(error.to_string(), "invalid JSON at byte 9: not UTF-8");
    }
}
