//! TOPIC: a record goes back to Kafka.
//!
//! Its messages are acknowledged before the unit is applied, so that none is missing; a unit that is
//! begun anew sends them again, and their headers tell which are the same.

use super::{
    Declared, Making, Occasion, Output, Place, Repeat, Selected, TargetRow, WriteError, Writer,
    expression, payload,
};
use crate::expression::{Context, Expression, ExpressionError, Program};
use crate::format::Format;
use crate::format::avro::Encoder;
use crate::format::text::write_text;
use crate::grammar::{Argument, Clause, CommandError, Kind, Match, Word};
use crate::kafka::RegistryName;
use crate::kafka::position::is_topic_name;
use crate::nearest::nearest;
use crate::record::{Names, Value};
use crate::unit::Part;
use std::sync::Arc;

const NAME: Argument = Argument::value("topic", Kind::Text);

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "TOPIC",
        summary: "a record goes to a Kafka topic of the subscription's connection, acknowledged by \
                  all replicas in sync before its unit is applied; at least once, with headers \
                  redis-kafka.topic, redis-kafka.partition and redis-kafka.offset to tell repeats; \
                  a record without value sends nothing",
        arguments: &[NAME],
        options: &[
            Argument::option("KEY", "expression", Kind::Expression)
                .optional()
                .about("the message's key (default: the record's key, byte for byte)"),
            Argument::option("VALUE", "format", Kind::Format).optional().about(
                "JSON (default): the selected fields as one object; STRING: the one selected \
                 field; AVRO: by the newest schema of subject topic-value, or by a profile's \
                 value.schema.file",
            ),
            Argument::option("REGISTRY", "url|profile", Kind::Text)
                .optional()
                .about("the Schema Registry of AVRO (default: the subscription's)"),
        ],
        trailing: None,
    },
    |matched| Ok(Arc::new(Topic::parse(matched)?)),
);

/// `TOPIC topic [KEY expr] [VALUE format] [REGISTRY url|profile]`
#[derive(Debug)]
struct Topic {
    name: String,
    key: Option<Expression>,
    value: Format,
    registry: Option<RegistryName>,
}

/// The formats that messages may have.
const VALUES: [Format; 3] = [Format::Json, Format::String, Format::Avro];

/// What a target sends to Kafka, for what must be known before the first record.
#[derive(Debug, Clone, Copy)]
pub struct Sends<'t> {
    /// The topic.
    pub topic: &'t str,
    /// The format of the values.
    pub value: Format,
    /// Where their schema is; none: where the subscription's are.
    pub registry: Option<&'t RegistryName>,
}

impl Topic {
    fn parse(matched: &Match<'_>) -> Result<Topic, CommandError> {
        let value = matched.get("VALUE").map(|part| format(part.word()?)).transpose()?;
        let value = value.unwrap_or(Format::Json);
        let registry = matched.get("REGISTRY");
        if let Some(part) = registry.filter(|_| value != Format::Avro) {
            return Err(CommandError::new("REGISTRY is for VALUE AVRO")
                .at(part.number())
                .hint("write VALUE AVRO, or leave REGISTRY away"));
        }
        let name = |text: &str| RegistryName::parse(text).map_err(|e| format!("REGISTRY {e}"));
        Ok(Topic {
            name: topic(matched.word_of(NAME.name)?)?,
            key: matched.get("KEY").map(|part| expression(part.word()?)).transpose()?,
            value,
            registry: registry.map(|part| part.word()?.convert(name)).transpose()?,
        })
    }
}

fn topic(word: Word<'_>) -> Result<String, CommandError> {
    if word.text()?.contains("%{") {
        return Err(word
            .error("the topic of a TOPIC target is one name, not a template")
            .hint("make a route for each topic, with WHERE"));
    }
    topic_name(word).map(str::to_owned)
}

/// A word that Kafka would accept as the name of a topic to write to.
pub(crate) fn topic_name(word: Word<'_>) -> Result<&str, CommandError> {
    let name = word.text()?;
    if is_topic_name(name) {
        return Ok(name);
    }
    let problem = format!("'{}' cannot be a Kafka topic", word.shown());
    Err(word.error(problem).hint("a topic is 1 to 249 of a-z A-Z 0-9 . _ -"))
}

fn format(word: Word<'_>) -> Result<Format, CommandError> {
    if let Some(format) = VALUES.into_iter().find(|format| word.is(format.name())) {
        return Ok(format);
    }
    let error = word.error(format!("TOPIC writes no '{}'", word.shown()));
    let names = VALUES.map(Format::name);
    Err(match nearest(&word.shown(), names) {
        Some(near) => error.did_you_mean(Some(near)),
        None => error.hint("write VALUE JSON, STRING or AVRO"),
    })
}

impl Declared for Topic {
    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["TOPIC".to_owned(), self.name.clone()];
        if let Some(key) = &self.key {
            words.extend(["KEY".to_owned(), key.to_string()]);
        }
        if self.value != Format::Json {
            words.extend(["VALUE".to_owned(), self.value.name().to_owned()]);
        }
        if let Some(registry) = &self.registry {
            words.extend(["REGISTRY".to_owned(), registry.to_string()]);
        }
        words
    }

    fn place(&self) -> Place<'_> {
        Place::Topic(&self.name)
    }

    fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        self.key.iter().map(|key| ("KEY", key)).collect()
    }

    fn sends(&self) -> Option<Sends<'_>> {
        Some(Sends { topic: &self.name, value: self.value, registry: self.registry.as_ref() })
    }

    fn repeat(&self) -> Repeat {
        Repeat::Doubles("sends to a topic")
    }

    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        Ok(Box::new(TopicWriter {
            topic: self.name.clone(),
            key: self.key.as_ref().map(|key| key.compile(making.layout)).transpose()?,
            value: match (self.value, making.encoder) {
                (Format::String, _) => Encoding::Text,
                (Format::Avro, encoder) => Encoding::Avro(encoder.cloned()),
                _ => Encoding::Json,
            },
        }))
    }
}

/// How values are encoded.
enum Encoding {
    Text,
    Json,
    /// None while a route is only looked at: a worker has looked its schema up.
    Avro(Option<Arc<Encoder>>),
}

struct TopicWriter {
    topic: String,
    key: Option<Program>,
    value: Encoding,
}

impl Writer for TopicWriter {
    /// Adds the message; what was removed is no message.
    fn write(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
        selected: Selected<'_, '_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        if occasion != Occasion::Record {
            return Ok(());
        }
        let Output { builder, names, key, .. } = output;
        builder.message(
            &self.topic,
            |out| self.write_key(context, *key, out),
            |out| self.write_value(context, selected, names, out),
        )
    }
}

impl TopicWriter {
    fn write_key(
        &self,
        context: &Context<'_>,
        own: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<Part, WriteError> {
        Ok(match &self.key {
            Some(program) => write_part(program.evaluate(context)?, out),
            None => match own {
                Some(bytes) => {
                    out.extend_from_slice(bytes);
                    Part::Written
                }
                None => Part::Null,
            },
        })
    }

    fn write_value(
        &self,
        context: &Context<'_>,
        selected: Selected<'_, '_>,
        names: &Names,
        out: &mut Vec<u8>,
    ) -> Result<Part, WriteError> {
        match &self.value {
            Encoding::Text => return one_text(selected, out),
            Encoding::Json => payload::write_document(selected, names, out),
            Encoding::Avro(Some(encoder)) => {
                let Selected { fields, shape } = selected;
                encoder.write(fields, shape, names, context.arena, out).map_err(|problem| {
                    WriteError::Unfit(format!("topic '{}': {problem}", self.topic))
                })?;
            }
            Encoding::Avro(None) => {
                let problem = format!("topic '{}': its schema was not looked up", self.topic);
                return Err(WriteError::Unfit(problem));
            }
        }
        Ok(Part::Written)
    }
}

/// The text of a value; null where it is null, as Kafka's own serializers have it.
fn write_part(value: Value<'_>, out: &mut Vec<u8>) -> Part {
    match value {
        Value::Null => Part::Null,
        value => {
            write_text(value, out);
            Part::Written
        }
    }
}

fn one_text(selected: Selected<'_, '_>, out: &mut Vec<u8>) -> Result<Part, WriteError> {
    match selected.fields {
        [field] => Ok(write_part(field.value, out)),
        fields => Err(WriteError::Unfit(format!(
            "VALUE STRING takes one field, and the record has {}: SELECT one, or write VALUE JSON",
            fields.len()
        ))),
    }
}
