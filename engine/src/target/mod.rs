//! Targets: what a route writes. One table, one file a target.
//!
//! A new target is one file with its `ROW`, one line in [`TARGETS`] and one in [`Target`].

pub mod hash;
mod planned;
pub mod stream;

use crate::expression::{
    Context, EvaluationError, ExpressionError, Layout, Template, TemplateProgram,
};
use crate::grammar::{Argument, Clause, CommandError, Kind, Match, Support, Word};
use crate::record::Field;
use crate::unit::{Builder, KeyError};
use std::fmt;

/// Makes the target of matched words.
type Build = fn(&Match<'_>) -> Result<Target, CommandError>;

/// A row of [`TARGETS`].
pub struct TargetRow {
    /// Its words: name, summary, arguments, options, and whether it is built.
    pub clause: Clause,
    build: Option<Build>,
}

/// All targets, in the order help shows them.
pub const TARGETS: &[&TargetRow] = &[
    &stream::ROW,
    &hash::ROW,
    &planned::STRING,
    &planned::JSON,
    &planned::LIST,
    &planned::SET,
    &planned::ZSET,
    &planned::GEO,
    &planned::TIMESERIES,
    &planned::CHANNEL,
    &planned::COMMAND,
    &planned::TOPIC,
];

/// The targets' words, for the grammar of whatever takes a target.
pub const CLAUSES: &[&Clause] = &{
    let mut clauses = [&stream::ROW.clause; TARGETS.len()];
    let mut index = 0;
    while index < clauses.len() {
        clauses[index] = &TARGETS[index].clause;
        index += 1;
    }
    clauses
};

/// A route's target with its options, as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `STREAM key [MAXLEN [~|=] n]`
    Stream(stream::Stream),
    /// `HASH key [MERGE|OVERWRITE] [TOMBSTONE DELETE|IGNORE]`
    Hash(hash::Hash),
}

/// A compiled target: makes writes of records.
#[derive(Debug)]
pub enum Writer {
    /// Of `STREAM`.
    Stream(stream::StreamWriter),
    /// Of `HASH`.
    Hash(hash::HashWriter),
}

impl Writer {
    /// Writes one record into the unit, or nothing where the target does not
    /// want it. `fields` are what the route selected of a record.
    pub fn write(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
        fields: &[Field<'_>],
        builder: &mut Builder,
    ) -> Result<(), WriteError> {
        match self {
            Writer::Stream(stream) => stream.write(context, occasion, fields, builder),
            Writer::Hash(hash) => hash.write(context, occasion, fields, builder),
        }
    }
}

/// What a record says of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// It has a value.
    Record,
    /// It has none: Kafka's tombstone.
    Tombstone,
    /// A change event says that it is gone; the value is what it was.
    Deletion,
}

/// Why a target can make no write of a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// An expression has no value.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// The key may not be written.
    #[error("key '{key}': {error}")]
    Key {
        /// The key, lossy.
        key: String,
        /// Why not.
        error: KeyError,
    },
    /// A stream entry needs at least one field.
    #[error("the value has no field that is not null, and a stream entry needs one")]
    NoField,
}

/// Why the key in the builder's buffer may not be written.
fn key_error(error: KeyError, context: &Context<'_>, key: &TemplateProgram) -> WriteError {
    let mut text = Vec::new();
    // The same template has just been written for the same record.
    let _ = key.write(context, &mut text);
    WriteError::Key { key: String::from_utf8_lossy(&text).into_owned(), error }
}

/// What a tombstone (a record without value) does to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tombstone {
    /// The key is deleted.
    Delete,
    /// The record is filtered.
    Ignore,
}

impl Target {
    /// Builds the target that `matched` (the words behind TO, see [`CLAUSES`]) names.
    pub fn parse(matched: &Match<'_>) -> Result<Target, CommandError> {
        let name = matched.clause().map_or("", |clause| clause.name);
        let build = TARGETS.iter().find(|row| row.clause.name == name).and_then(|row| row.build);
        match build {
            Some(build) => build(matched),
            None => {
                Err(CommandError::unsupported(&format!("target '{name}'"), matched.number() + 1))
            }
        }
    }

    /// The canonical words: defaults left out, options in the table's order.
    pub fn arguments(&self) -> Vec<String> {
        match self {
            Target::Stream(stream) => stream.arguments(),
            Target::Hash(hash) => hash.arguments(),
        }
    }

    /// Says in `layout` what its expressions read.
    pub fn compile(&self, layout: &mut Layout) -> Result<Writer, ExpressionError> {
        match self {
            Target::Stream(stream) => stream.compile(layout).map(Writer::Stream),
            Target::Hash(hash) => hash.compile(layout).map(Writer::Hash),
        }
    }

    /// The template of the keys it writes.
    pub fn key(&self) -> &Template {
        match self {
            Target::Stream(stream) => &stream.key,
            Target::Hash(hash) => &hash.key,
        }
    }
}

impl Tombstone {
    /// The word that stands for it.
    pub fn word(self) -> &'static str {
        match self {
            Tombstone::Delete => "DELETE",
            Tombstone::Ignore => "IGNORE",
        }
    }

    fn parse(matched: &Match<'_>) -> Option<Tombstone> {
        let all = [Tombstone::Delete, Tombstone::Ignore];
        all.into_iter().find(|tombstone| tombstone.word() == matched.chosen())
    }
}

impl TargetRow {
    const fn built(clause: Clause, build: Build) -> TargetRow {
        TargetRow { clause, build: Some(build) }
    }

    const fn planned(
        name: &'static str,
        summary: &'static str,
        arguments: &'static [Argument],
        options: &'static [Argument],
    ) -> TargetRow {
        let support = Support::Planned;
        let clause = Clause { name, summary, support, arguments, options, trailing: None };
        TargetRow { clause, build: None }
    }
}

impl fmt::Debug for TargetRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.clause.fmt(f)
    }
}

/// A word as a template; an error names the character within it.
fn template(word: Word<'_>) -> Result<Template, CommandError> {
    let text = word.text()?;
    Template::parse(text).map_err(|error| at_column(word, text, error))
}

/// An expression's error as the command's: it names the word and points into it.
pub fn at_column(word: Word<'_>, text: &str, error: ExpressionError) -> CommandError {
    word.error(error.problem).pointing(text, error.at)
}

// Arguments that several targets take.
const KEY: Argument = Argument::value("key", Kind::Template);
const TOMBSTONE: Argument = Argument::choice(
    "TOMBSTONE",
    "action",
    &[
        Argument::token("DELETE").about("delete the key"),
        Argument::token("IGNORE").about("count the record as filtered"),
    ],
)
.optional()
.about("what a record without value does");
const EXPIRY: Argument = Argument::one_of(
    "expiry",
    &[
        Argument::option("TTL", "duration", Kind::Duration)
            .planned()
            .about("the key expires so long after its last write, as 10m"),
        Argument::option("EXPIREAT", "expression", Kind::Expression)
            .planned()
            .about("the key expires at this timestamp or time in milliseconds"),
    ],
)
.optional();
const DELETE_WHEN: Argument = Argument::option("DELETE WHEN", "expression", Kind::Expression)
    .optional()
    .planned()
    .about("a record for which this is true deletes the key");
const NEWER: Argument = Argument::option("NEWER", "expression", Kind::Expression)
    .optional()
    .planned()
    .about("a record for which this is lower than before does not overwrite");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_built_exactly_where_something_builds() {
        for row in TARGETS {
            assert_eq!(row.build.is_some(), row.clause.support == Support::Built, "{row:?}");
            let same = TARGETS.iter().filter(|other| other.clause.name == row.clause.name);
            assert_eq!(same.count(), 1);
        }
    }
}
