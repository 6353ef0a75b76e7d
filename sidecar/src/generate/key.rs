//! The template of the record key: `urn:sensor:%{airport}:%{id}`, the engine's own, over the fields
//! of the generated record as `KAFKA.ROUTE` sees them with VALUE JSON.

use redis_kafka_engine::expression::{
    Context, EvaluationError, ExpressionError, Layout, Metadata, Path, Root, Template,
    TemplateProgram,
};
use redis_kafka_engine::format::json::JsonDecoder;
use redis_kafka_engine::format::{Decoder, Failure, Input, NoHeaders};
use redis_kafka_engine::record::{Arena, Names, Row};
use thiserror::Error;

/// What is wrong with a template, or with a record for it.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The template cannot be parsed.
    #[error("{0}")]
    Template(#[from] ExpressionError),
    /// It reads what a record has only once it is in Kafka.
    #[error("a record has no {0} before it is written; a key is made of its fields and _topic")]
    NotYet(String),
    /// The record gives it no text.
    #[error("{error}{}", fields(.known))]
    Record {
        /// Why.
        error: EvaluationError,
        /// The record's top-level fields.
        known: Vec<String>,
    },
    /// The value is no JSON.
    #[error("{0}")]
    Value(#[from] Failure),
}

fn fields(known: &[String]) -> String {
    match known {
        [] => "; the value has no fields".to_owned(),
        known => format!("; the record has {}", known.join(", ")),
    }
}

/// A template, compiled, with what evaluating it needs.
pub struct KeyTemplate {
    topic: String,
    program: TemplateProgram,
    decoder: JsonDecoder,
    names: Names,
    arena: Arena,
}

impl KeyTemplate {
    /// The template for records of `topic`.
    ///
    /// # Errors
    /// It cannot be parsed, or reads what a generated record does not have.
    pub fn parse(source: &str, topic: &str) -> Result<KeyTemplate, KeyError> {
        let template = Template::parse(source)?;
        let mut not_yet = None;
        for expression in template.expressions() {
            expression.paths(&mut |path| {
                if !is_known(path) {
                    not_yet.get_or_insert_with(|| path.to_string());
                }
            });
        }
        if let Some(path) = not_yet {
            return Err(KeyError::NotYet(path));
        }
        let mut layout = Layout::default();
        let program = template.compile(&mut layout)?;
        Ok(KeyTemplate {
            topic: topic.to_owned(),
            program,
            decoder: JsonDecoder::new(layout.value),
            names: Names::default(),
            arena: Arena::new(),
        })
    }

    /// Appends the key of the record with the JSON `value` to `out`.
    ///
    /// # Errors
    /// A field is missing or null, or an expression cannot be computed.
    pub fn write(&mut self, value: &[u8], out: &mut Vec<u8>) -> Result<(), KeyError> {
        self.arena.reset();
        let (mut row, empty) = (Row::default(), Row::default());
        let input = Input { bytes: value, headers: &NoHeaders };
        self.decoder.decode(input, &mut self.names, &self.arena, &mut row)?;
        let context = Context {
            topic: &self.topic,
            partition: 0,
            offset: 0,
            timestamp: None,
            key: &empty,
            value: &row,
            envelope: &empty,
            headers: &NoHeaders,
            aliases: &[],
            arena: &self.arena,
        };
        self.program
            .write(&context, out)
            .map_err(|error| KeyError::Record { error, known: top_level(value) })
    }
}

fn is_known(path: &Path) -> bool {
    match path.root() {
        Root::Bare | Root::Value | Root::Metadata(Metadata::Topic) => true,
        Root::Key | Root::Before | Root::Source | Root::Op => false,
        Root::Header(_) | Root::Metadata(_) => false,
    }
}

fn top_level(value: &[u8]) -> Vec<String> {
    match serde_json::from_slice(value) {
        Ok(serde_json::Value::Object(members)) => members.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(template: &str) -> Result<String, KeyError> {
        let record = br#"{"airport":"VIE","id":4,"at":{"lat":48.10},"note":null,"kind":"INDOOR"}"#;
        let mut out = Vec::new();
        KeyTemplate::parse(template, "measurements")?.write(record, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn fields_stand_where_they_are_named() {
        for (template, expected) in [
            ("urn:sensor:%{airport}:%{id}", "urn:sensor:VIE:4"),
            ("%{at.lat}/%{ kind }", "48.10/INDOOR"),
            ("{%{id}}%%{id} 100%", "{4}%{id} 100%"),
            ("%{lower(airport)}-%{lpad(CAST(id AS STRING), 4, '0')}", "vie-0004"),
            ("%{_topic}:%{coalesce(note, 'none')}", "measurements:none"),
            ("all the same", "all the same"),
        ] {
            assert_eq!(key(template).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (template, part) in [
            ("", "empty"),
            ("${id}", "%{"),
            ("a:%{id", "missing"),
            ("%{}", "is missing at the end"),
            ("%{city}", "city is null; the record has airport, id, at, note, kind"),
            ("%{at.lon}", "at.lon is null"),
            ("%{note}", "note is null"),
            ("%{_offset}", "no _offset before"),
            ("%{_key}", "no _key before"),
            ("%{_header['a']}", "no _header['a'] before"),
            ("%{CAST(airport AS INT)}", "VIE"),
        ] {
            let error = key(template).expect_err(template).to_string();
            assert!(error.contains(part), "{template}: {error}");
        }
    }
}
