//! KAFKA.DEADLETTERS and KAFKA.REPLAY, and what KAFKA.SUBSCRIBE says of dead letters.

use super::Statement;
use super::canonical::Setting;
use super::table::{Entry, Flag, NAME, clause, name};
use crate::grammar::{Argument, CommandError, Kind, Match};
use crate::kafka::Topics;
use crate::target::topic_name;

/// Letters shown where COUNT is not given, and at most.
const SHOWN: u64 = 10;
const SHOWN_MAX: u64 = 1000;

/// Dead letters that a stream takes where DEADLETTERMAX is not given: a mistake in a route makes a
/// letter of every record, and memory is not to be filled by that.
pub const LETTERS_MAX: u64 = 10_000;

/// Where a subscription's dead letters go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadLetters {
    /// Into `kafka:deadletters:<name>`, so many at most: then the subscription stops.
    Stream {
        /// How many.
        max: u64,
    },
    /// Into this Kafka topic.
    Topic(String),
}

impl Default for DeadLetters {
    fn default() -> DeadLetters {
        DeadLetters::Stream { max: LETTERS_MAX }
    }
}

/// Options of KAFKA.SUBSCRIBE.
pub(super) const MAX: Argument =
    Argument::option("DEADLETTERMAX", "n", Kind::Integer).optional().about(
        "dead letters to keep (default 10000): it stops where one more would be written; none is dropped",
    );
pub(super) const TOPIC: Argument = Argument::option("DEADLETTERTOPIC", "topic", Kind::Text)
    .optional()
    .about("a Kafka topic for dead letters, with Kafka Connect's headers, in place of the stream");

pub(super) static DEADLETTERS: Entry = Entry {
    clause: clause(
        "KAFKA.DEADLETTERS",
        "Shows a subscription's dead letters, oldest first: where, why, key and value.",
        &[NAME],
        &[Argument::option("COUNT", "n", Kind::Integer)
            .optional()
            .about("so many at most (default 10, up to 1000)")],
    ),
    since: "0.1.0",
    complexity: "O(N) with N the number of dead letters shown",
    flags: &[Flag::ReadOnly],
    acl: "read access to the key kafka:deadletters:name",
    build: |matched| {
        let count = count(matched, SHOWN_MAX)?.unwrap_or(SHOWN);
        Ok(Statement::DeadLetters { name: name(matched)?, count })
    },
};

pub(super) static REPLAY: Entry = Entry {
    clause: clause(
        "KAFKA.REPLAY",
        "Sends dead letters through the routes as they are now, oldest first; what is \
                  applied is no dead letter any more.",
        &[NAME],
        &[Argument::option("COUNT", "n", Kind::Integer)
            .optional()
            .about("so many at most (default: all there are)")],
    ),
    since: "0.1.0",
    complexity: "O(N) with N the number of dead letters replayed; blocks for at most 60 seconds",
    flags: &[Flag::Write, Flag::Admin, Flag::DenyOom, Flag::Blocking, Flag::NoScript],
    acl: "",
    build: |matched| {
        Ok(Statement::Replay { name: name(matched)?, count: count(matched, u64::MAX)? })
    },
};

fn count(matched: &Match<'_>, most: u64) -> Result<Option<u64>, CommandError> {
    matched.get("COUNT").map(|part| part.word()?.integer(1..=most)).transpose()
}

/// The words of a COUNT that is not left to its default.
pub(super) fn count_words(count: Option<u64>) -> Vec<String> {
    count.map_or(Vec::new(), |count| vec!["COUNT".to_owned(), count.to_string()])
}

/// The same of KAFKA.DEADLETTERS.
pub(super) fn shown_words(count: u64) -> Vec<String> {
    count_words((count != SHOWN).then_some(count))
}

impl DeadLetters {
    pub(super) fn parse(matched: &Match<'_>, topics: &Topics) -> Result<DeadLetters, CommandError> {
        let Some(topic) = matched.get("DEADLETTERTOPIC") else {
            let max = matched.get("DEADLETTERMAX");
            let max = max.map(|part| part.word()?.integer(1..=u64::MAX)).transpose()?;
            return Ok(DeadLetters::Stream { max: max.unwrap_or(LETTERS_MAX) });
        };
        if let Some(max) = matched.get("DEADLETTERMAX") {
            let problem = "DEADLETTERMAX is about the stream of dead letters, not about a topic";
            return Err(CommandError::new(problem)
                .at(max.number())
                .hint("leave it away, or leave DEADLETTERTOPIC away"));
        }
        let word = topic.word()?;
        let name = topic_name(word)?;
        if topics.has(name) {
            let problem = format!("the subscription itself reads '{name}'");
            return Err(word.error(problem).hint("name a topic that it does not read"));
        }
        Ok(DeadLetters::Topic(name.to_owned()))
    }

    pub(super) fn setting(&self) -> Setting {
        match self {
            DeadLetters::Stream { max } => {
                Setting::new("DEADLETTERMAX", [max.to_string()]).default_if(*max == LETTERS_MAX)
            }
            DeadLetters::Topic(topic) => Setting::new("DEADLETTERTOPIC", [topic.as_str()]),
        }
    }
}
