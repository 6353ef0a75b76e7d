//! Texts to the bytes of a format, as Kafka's and the Schema Registry's serializers write them.

use super::Place;
use crate::command::{CommandError, Content, Produce};
use crate::format::avro::Encoder;
use crate::format::framed::schema_text;
use crate::format::schema::SchemaText;
use crate::format::{Decoder, Format, Input, Making, NoHeaders, Part, Schemas};
use crate::kafka::{RegistryName, WrittenSchema, written_schema};
use crate::record::{Arena, Names, Row, Wanted};
use crate::registry::{Client, LookupError, Schema, SchemaId, SchemaKind};
use std::str::FromStr;

/// Makes the bytes of all values, none for Kafka's null; an error names the first that cannot be one.
pub fn encode(place: &Place, asked: &Produce) -> Result<Vec<Option<Vec<u8>>>, CommandError> {
    let values = match &asked.content {
        Content::Tombstone => return Ok(vec![None]),
        Content::Values(values) => values,
    };
    let mut encode = Encoding::of(place, asked)?;
    let encoded = values.iter().enumerate().map(|(number, value)| {
        encode.write(value).map(Some).map_err(|problem| {
            let number = match values.len() {
                1 => "the value".to_owned(),
                count => format!("value {} of {count}", number + 1),
            };
            CommandError::new(format!("{number}: {problem}; nothing was sent"))
        })
    });
    encoded.collect()
}

/// How values are made.
enum Encoding {
    /// As they are given.
    Verbatim,
    /// JSON, checked, behind what the Schema Registry's framing wants.
    Json(Json, Vec<u8>),
    /// JSON to a datum.
    Avro(Json, Encoder),
    /// A number in big-endian bytes.
    Number(fn(&str) -> Result<Vec<u8>, String>),
}

impl Encoding {
    fn of(place: &Place, asked: &Produce) -> Result<Encoding, CommandError> {
        Ok(match asked.format {
            Format::String | Format::Bytes => Encoding::Verbatim,
            Format::Json => Encoding::Json(Json::new()?, Vec::new()),
            Format::JsonSchema => {
                let (_, prefix) = schema(place, asked, SchemaKind::Json)?;
                Encoding::Json(Json::new()?, prefix)
            }
            Format::Avro => {
                let (schema, prefix) = schema(place, asked, SchemaKind::Avro)?;
                let encoder = Encoder::new(&schema, prefix).map_err(|error| {
                    CommandError::new(format!("the schema of topic '{}': {error}", asked.topic))
                })?;
                Encoding::Avro(Json::new()?, encoder)
            }
            Format::Int => Encoding::Number(|text| number(text, i32::to_be_bytes)),
            Format::Long => Encoding::Number(|text| number(text, i64::to_be_bytes)),
            Format::Short => Encoding::Number(|text| number(text, i16::to_be_bytes)),
            Format::Float => Encoding::Number(|text| number(text, f32::to_be_bytes)),
            Format::Double => Encoding::Number(|text| number(text, f64::to_be_bytes)),
            Format::Protobuf => return Err(CommandError::new("FORMAT PROTOBUF cannot be written")),
        })
    }

    fn write(&mut self, value: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Encoding::Verbatim => Ok(value.to_vec()),
            Encoding::Json(json, prefix) => {
                json.read(value, |_, _, _| Ok(()))?;
                Ok([prefix.as_slice(), value].concat())
            }
            Encoding::Avro(json, encoder) => json.read(value, |row, names, arena| {
                let mut datum = Vec::new();
                let written = encoder.write(row.fields(), row.shape(), names, arena, &mut datum);
                written.map(|()| datum).map_err(|misfit| format!("FORMAT AVRO: {misfit}"))
            }),
            Encoding::Number(read) => {
                read(std::str::from_utf8(value).map_err(|_| "it is no number".to_owned())?)
            }
        }
    }
}

fn number<T: FromStr, const N: usize>(
    text: &str,
    bytes: fn(T) -> [u8; N],
) -> Result<Vec<u8>, String> {
    let number = text.parse::<T>().map_err(|_| {
        format!(
            "'{}' is no such number, or out of its range",
            crate::grammar::shown(text.as_bytes())
        )
    });
    number.map(|number| bytes(number).to_vec())
}

/// Reads JSON documents.
struct Json {
    decoder: Box<dyn Decoder>,
    names: Names,
    arena: Arena,
}

impl Json {
    fn new() -> Result<Json, CommandError> {
        let wanted = Wanted { every_field: true, ..Wanted::default() };
        let making = Making { wanted, part: Part::Value, schemas: Schemas::None };
        let decoder = Format::Json.decoder(making);
        let decoder = decoder.map_err(|error| CommandError::new(error.to_string()))?;
        Ok(Json { decoder, names: Names::default(), arena: Arena::new() })
    }

    fn read<T>(
        &mut self,
        text: &[u8],
        work: impl FnOnce(&Row<'_>, &Names, &Arena) -> Result<T, String>,
    ) -> Result<T, String> {
        self.arena.reset();
        let Json { decoder, names, arena } = self;
        let mut row = Row::default();
        let input = Input { bytes: text, headers: &NoHeaders };
        decoder.decode(input, names, arena, &mut row).map_err(|failure| failure.to_string())?;
        work(&row, names, arena)
    }
}

fn schema(
    place: &Place,
    asked: &Produce,
    kind: SchemaKind,
) -> Result<(SchemaText, Vec<u8>), CommandError> {
    let registry = asked.registry.as_ref().or(place.registry.as_ref());
    schema_of(place, registry, &asked.topic, asked.format, kind)
}

/// The schema of a topic's values and what stands before each of them: the newest of the subject
/// `topic-value`, or that of a profile's file, which is registered where there is a registry.
pub fn schema_of(
    place: &Place,
    registry: Option<&RegistryName>,
    topic: &str,
    format: Format,
    kind: SchemaKind,
) -> Result<(SchemaText, Vec<u8>), CommandError> {
    let subject = format!("{topic}-value");
    let lookup = |error: LookupError| match error {
        LookupError::Unavailable { reason, action, .. } => CommandError::new(reason).hint(action),
        error => CommandError::new(error.to_string()),
    };
    let format = format.name();
    match written_schema(registry, &place.connection, &place.profiles) {
        Ok(WrittenSchema::File(text, None)) => Ok((text, Vec::new())),
        Ok(WrittenSchema::File(text, Some(client))) => {
            let id = client.register(&subject, kind, &text.text).map_err(lookup)?;
            Ok((text, framing(id)))
        }
        Ok(WrittenSchema::Registered(client)) => {
            let found = newest(&client, &subject, kind).map_err(lookup)?;
            let found = found.ok_or_else(|| {
                let problem = format!("subject '{subject}' has no {} schema", kind.name());
                CommandError::new(problem).hint("register one under it, or choose another FORMAT")
            })?;
            Ok(found)
        }
        Err(_) if registry.is_none() => {
            Err(CommandError::new(format!("FORMAT {format} needs a schema"))
                .hint("add REGISTRY url, or REGISTRY profile of the connections file"))
        }
        Err(error) => Err(CommandError::new(error.to_string())),
    }
}

fn newest(
    client: &Client,
    subject: &str,
    kind: SchemaKind,
) -> Result<Option<(SchemaText, Vec<u8>)>, LookupError> {
    let found = client.latest(subject)?;
    let of = |schema: &Schema| match schema.id {
        SchemaId::Number(id) if schema.kind == kind => Some((schema_text(schema), framing(id))),
        _ => None,
    };
    Ok(found.as_deref().and_then(of))
}

/// What the Schema Registry's serializers write before a datum.
fn framing(id: u32) -> Vec<u8> {
    [[0].as_slice(), &id.to_be_bytes()].concat()
}
