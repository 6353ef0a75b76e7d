//! What format a topic's keys or values seem to have, as ksqlDB's PRINT guesses it: the first of a few
//! that all of them fit.

use super::reader::Held;
use super::shown::Shower;
use crate::format::{FORMATS, Format, Part, Schemas};
use crate::registry::wire::{self, KEY_HEADER, VALUE_HEADER};
use crate::registry::{Client, LookupError, SchemaId, SchemaKind};

/// A format that was guessed.
#[derive(Debug, PartialEq, Eq)]
pub struct Guess {
    pub format: Format,
    /// What a person may do to see more.
    pub note: Option<String>,
}

/// The bytes of a part, where it is not null.
pub fn bytes(record: &Held, part: Part) -> Option<&[u8]> {
    match part {
        Part::Key => record.key.as_deref(),
        Part::Value => record.value.as_deref(),
    }
}

/// Guesses the format of a part of some records; none where all of them are null.
pub fn guess(records: &[Held], part: Part, schemas: &Schemas) -> Option<Guess> {
    let samples: Vec<&[u8]> = records.iter().filter_map(|record| bytes(record, part)).collect();
    if samples.is_empty() {
        return None;
    }
    let (framed, note) = match (schema_id(records, part), schemas) {
        (None, _) => (None, None),
        (Some(id), Schemas::Registry(client)) => by_registry(client, &id, part),
        (Some(id), _) => {
            let what = part_name(part);
            let note = format!("the {what} seem to have a schema (id {id}): add REGISTRY url");
            (None, Some(note))
        }
    };
    let format = framed.unwrap_or_else(|| by_bytes(&samples));
    // The bytes of a number may look like an id.
    let note = note.filter(|_| !matches!(format, Format::Int | Format::Long));
    Some(Guess { format, note })
}

fn part_name(part: Part) -> &'static str {
    match part {
        Part::Key => "keys",
        Part::Value => "values",
    }
}

/// The id of the last record's schema, where all records are framed as the Schema Registry's
/// serializers do it.
fn schema_id(records: &[Held], part: Part) -> Option<SchemaId> {
    use crate::format::Headers as _;
    let header = match part {
        Part::Key => KEY_HEADER,
        Part::Value => VALUE_HEADER,
    };
    let id = |record: &Held| -> Option<Option<SchemaId>> {
        let bytes = bytes(record, part)?;
        let framed = wire::framed(bytes, record.last(header)).ok();
        Some(framed.filter(|framed| framed.header.is_some() || bytes.len() > 5).map(|it| it.id))
    };
    let ids: Option<Vec<SchemaId>> = records.iter().filter_map(id).collect();
    ids?.last().copied()
}

/// The format of a schema's language, and why it is not known.
fn by_registry(client: &Client, id: &SchemaId, part: Part) -> (Option<Format>, Option<String>) {
    match client.schema(id) {
        Ok(schema) => (of_kind(schema.kind), None),
        // An integer's bytes may look like an id.
        Err(LookupError::Unknown { .. }) => (None, None),
        Err(error) => {
            let what = part_name(part);
            (None, Some(format!("the schema of the {what} is not known: {error}")))
        }
    }
}

fn of_kind(kind: SchemaKind) -> Option<Format> {
    FORMATS.iter().find(|row| row.kind == Some(kind)).map(|row| row.format)
}

fn by_bytes(samples: &[&[u8]]) -> Format {
    let all_of = |fits: fn(&[u8]) -> bool| samples.iter().all(|sample| fits(sample));
    if samples.iter().any(|sample| is_nested(sample)) && all_of(is_json) {
        Format::Json
    } else if all_of(is_printable) {
        Format::String
    } else if all_of(|sample| sample.len() == 4) {
        Format::Int
    } else if all_of(|sample| sample.len() == 8) {
        Format::Long
    } else {
        Format::Bytes
    }
}

/// Whether it begins as an object or an array: a bare number or word is shown as the text it is.
fn is_nested(sample: &[u8]) -> bool {
    sample.trim_ascii_start().first().is_some_and(|byte| matches!(byte, b'{' | b'['))
}

fn is_json(sample: &[u8]) -> bool {
    Shower::new(Format::Json, Part::Value, Schemas::None)
        .is_ok_and(|mut shower| shower.write(sample, &crate::format::NoHeaders).is_ok())
}

fn is_printable(sample: &[u8]) -> bool {
    let is_fit = |c: char| !c.is_control() || matches!(c, '\t' | '\r' | '\n');
    std::str::from_utf8(sample).is_ok_and(|text| text.chars().all(is_fit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(values: &[Option<&[u8]>]) -> Vec<Held> {
        let held = |value: &Option<&[u8]>| Held {
            topic: "t".into(),
            partition: 0,
            offset: 0,
            timestamp: None,
            key: None,
            value: value.map(<[u8]>::to_vec),
            headers: Vec::new(),
        };
        values.iter().map(held).collect()
    }

    #[test]
    fn the_first_format_that_all_fit_is_guessed() {
        for (values, format) in [
            (vec![Some(&b"{\"a\":1}"[..]), None, Some(b" [1]")], Format::Json),
            (vec![Some(b"{\"a\":1}"), Some(b"{oops")], Format::String),
            (vec![Some(b"42"), Some(b"urn:sensor:VIE:4")], Format::String),
            (vec![Some(b"\0\0\0\x07")], Format::Int),
            (vec![Some(b"\0\0\0\0\0\0\0\x07")], Format::Long),
            (vec![Some(b"\0\0\0\x07"), Some(b"\xff")], Format::Bytes),
        ] {
            let guess = guess(&held(&values), Part::Value, &Schemas::None).expect("a guess");
            assert_eq!(guess.format, format, "{values:?}");
        }
        assert_eq!(guess(&held(&[None]), Part::Value, &Schemas::None), None);
    }

    #[test]
    fn what_is_framed_asks_for_a_registry() {
        let values = held(&[Some(b"\0\0\0\0\x07\x02a")]);
        let guess = guess(&values, Part::Value, &Schemas::None).expect("a guess");
        let note = "the values seem to have a schema (id 7): add REGISTRY url";
        assert_eq!(guess, Guess { format: Format::Bytes, note: Some(note.to_owned()) });
    }
}
