//! Formats: how the bytes of a record's key or value become fields.
//!
//! [`FORMATS`] is the one table of them; the commands' grammar and help read
//! it too. Each format that is built has a file of its own beside this one.

use crate::record::{Field, Fields, Kind, Names, Shape, Span};
use std::borrow::Cow;

mod bytes;
pub mod json;
mod string;

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

/// A row of [`FORMATS`].
#[derive(Debug)]
pub struct FormatInfo {
    /// Which format the row is about.
    pub format: Format,
    /// The word that names it in commands, in capitals.
    pub name: &'static str,
    /// One line for help.
    pub summary: &'static str,
    /// Whether records can be decoded with it.
    pub built: bool,
    decoder: Option<fn() -> Box<dyn Decoder>>,
}

/// All formats, in the order help shows them.
pub const FORMATS: &[FormatInfo] = &[
    built(Format::String, "STRING", "UTF-8 text", || Box::new(string::StringDecoder)),
    built(Format::Bytes, "BYTES", "bytes as they are", || Box::new(bytes::BytesDecoder)),
    built(Format::Json, "JSON", "a JSON document without a schema", || {
        Box::new(json::JsonDecoder::default())
    }),
    planned(Format::Avro, "AVRO", "Avro with a schema of the Schema Registry"),
    planned(Format::Protobuf, "PROTOBUF", "Protobuf with a schema of the Schema Registry"),
    planned(Format::JsonSchema, "JSONSCHEMA", "JSON with a schema of the Schema Registry"),
    planned(Format::Int, "INT", "a big-endian 32-bit integer"),
    planned(Format::Long, "LONG", "a big-endian 64-bit integer"),
    planned(Format::Short, "SHORT", "a big-endian 16-bit integer"),
    planned(Format::Float, "FLOAT", "a big-endian 32-bit IEEE 754 number"),
    planned(Format::Double, "DOUBLE", "a big-endian 64-bit IEEE 754 number"),
];

const fn built(
    format: Format,
    name: &'static str,
    summary: &'static str,
    decoder: fn() -> Box<dyn Decoder>,
) -> FormatInfo {
    FormatInfo { format, name, summary, built: true, decoder: Some(decoder) }
}

const fn planned(format: Format, name: &'static str, summary: &'static str) -> FormatInfo {
    FormatInfo { format, name, summary, built: false, decoder: None }
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

    /// A decoder of its own for one worker; `None` where the format is not built yet.
    pub fn decoder(self) -> Option<Box<dyn Decoder>> {
        self.info().and_then(|row| row.decoder).map(|make| make())
    }

    fn info(self) -> Option<&'static FormatInfo> {
        FORMATS.iter().find(|row| row.format == self)
    }
}

/// Turns bytes into fields. One worker owns it, as it may keep buffers.
pub trait Decoder: Send {
    /// Fills `fields`, which it begins itself, with spans over `bytes`.
    ///
    /// `bytes` are a key or value that is there: a tombstone is not decoded.
    /// After an error `fields` are of [`Shape::Absent`].
    fn decode(
        &mut self,
        bytes: &[u8],
        names: &mut Names,
        fields: &mut Fields,
    ) -> Result<(), DecodeError>;
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

/// Makes `fields` the single value that all of `bytes` are.
fn single(bytes: &[u8], kind: Kind, names: &mut Names, fields: &mut Fields) {
    let name = names.intern(SINGLE_FIELD.as_bytes(), None);
    fields.begin(Shape::Single);
    fields.push(Field { name, kind, span: Span { start: 0, end: bytes.len() } });
}

/// Checks that `bytes` are UTF-8; the error names the first byte that is not.
fn check_utf8(bytes: &[u8], format: Format) -> Result<(), DecodeError> {
    if simdutf8::basic::from_utf8(bytes).is_ok() {
        return Ok(());
    }
    let at = std::str::from_utf8(bytes).err().map_or(0, |error| error.valid_up_to());
    Err(DecodeError { format, at, problem: Cow::Borrowed("not UTF-8") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_one_row_and_parses_in_any_case() {
        for row in FORMATS {
            assert_eq!(Format::parse(&row.name.to_lowercase()), Some(row.format));
            assert_eq!(row.format.name(), row.name);
            assert_eq!(row.format.decoder().is_some(), row.built);
            assert_eq!(FORMATS.iter().filter(|other| other.format == row.format).count(), 1);
        }
        assert_eq!(Format::parse("JSONX"), None);
        assert_eq!(Format::parse(""), None);
    }

    fn decode(format: Format, bytes: &[u8]) -> Result<(Kind, Vec<u8>, Vec<u8>), DecodeError> {
        let (mut names, mut fields) = (Names::default(), Fields::default());
        let decoded = format.decoder().unwrap().decode(bytes, &mut names, &mut fields);
        if let Err(error) = decoded {
            assert_eq!((fields.shape(), fields.all().len()), (Shape::Absent, 0));
            return Err(error);
        }
        assert_eq!((fields.shape(), fields.all().len()), (Shape::Single, 1));
        let field = fields.all()[0];
        let text = field.value(bytes).text.to_vec();
        Ok((field.kind, names.get(field.name).to_vec(), text))
    }

    #[test]
    fn string_and_bytes_are_one_field_named_value() {
        for text in ["", "a", "urn:sensor:VIE:4", "\"quoted\"", "Zürich 東京"] {
            let all = (b"value".to_vec(), text.as_bytes().to_vec());
            let (kind, name, value) = decode(Format::String, text.as_bytes()).unwrap();
            assert_eq!((kind, (name, value)), (Kind::String, all.clone()));
            let (kind, name, value) = decode(Format::Bytes, text.as_bytes()).unwrap();
            assert_eq!((kind, (name, value)), (Kind::Bytes, all));
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
