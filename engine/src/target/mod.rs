//! Targets: what a route writes. One table, one file a target.
//!
//! A new target is one file with its `ROW` and one line in [`TARGETS`].

mod aggregates;
mod channel;
mod command;
mod geo;
mod hash;
mod json;
mod keyed;
mod list;
mod members;
mod newer;
mod operand;
pub(crate) mod payload;
mod set;
mod stream;
mod string;
mod timeseries;
mod topic;
mod zset;

use crate::expression::{
    Context, EvaluationError, Expression, ExpressionError, Layout, Selection, Template,
    TemplateProgram,
};
use crate::format::avro::Encoder;
use crate::grammar::{Clause, CommandError, Match, Word};
use crate::ledger;
use crate::record::{Field, Names, Shape};
use crate::unit::{Builder, KeyError};
use std::fmt;
use std::sync::Arc;
pub use topic::Sends;
pub(crate) use topic::topic_name;

/// Makes the target of matched words.
type Build = fn(&Match<'_>) -> Result<Arc<dyn Declared>, CommandError>;

/// A row of [`TARGETS`].
pub struct TargetRow {
    /// Its words: name, summary, arguments and options.
    pub clause: Clause,
    build: Build,
}

/// All targets, in the order help shows them.
pub const TARGETS: &[&TargetRow] = &[
    &stream::ROW,
    &hash::ROW,
    &string::ROW,
    &json::ROW,
    &list::ROW,
    &set::ROW,
    &zset::ROW,
    &geo::ROW,
    &timeseries::ROW,
    &channel::ROW,
    &command::ROW,
    &topic::ROW,
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

/// What a target is, as declared.
trait Declared: fmt::Debug + Send + Sync {
    /// The canonical words: defaults left out, options in the table's order.
    fn arguments(&self) -> Vec<String>;

    /// Where it writes.
    fn place(&self) -> Place<'_>;

    /// Its expressions and what each is, without those of its [`Place`].
    fn expressions(&self) -> Vec<(&'static str, &Expression)>;

    /// Whether it writes what the route selects, and not only what its own options say.
    fn takes_selection(&self) -> bool {
        true
    }

    /// Says in the layout what its expressions read.
    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError>;

    /// What becomes of a record that is read once more.
    fn repeat(&self) -> Repeat;

    /// The command that the server must have for it; none where every server will do.
    fn requires(&self) -> Option<&str> {
        None
    }

    /// What it sends to Kafka; none where it writes to Redis.
    fn sends(&self) -> Option<Sends<'_>> {
        None
    }

    /// Why it cannot keep the aggregates of a SELECT, and the way out; none where it can.
    fn refuses_aggregates(&self) -> Option<&'static str> {
        Some("aggregates are kept in a HASH only: give them a route TO HASH of their own")
    }
}

/// What a target makes of a record that is read once more, after a KAFKA.SEEK back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// What it wrote the first time, once all records up to the former position are read again.
    Same,
    /// Something more; the words say what the target does, as `appends to a stream`.
    Doubles(&'static str),
}

/// What a writer is made for.
pub struct Making<'m> {
    /// What is read of the records.
    pub layout: &'m mut Layout,
    /// The route's name.
    pub route: &'m str,
    /// The route's SELECT.
    pub selection: Option<&'m Selection>,
    /// What encodes its messages, for a TOPIC with VALUE AVRO.
    pub encoder: Option<&'m Arc<Encoder>>,
}

/// Where a target writes, for what must be known before the first record: rights, what
/// the server can do.
#[derive(Debug, Clone, Copy)]
pub enum Place<'t> {
    /// Keys.
    Key(&'t Template),
    /// Channels.
    Channel(&'t Template),
    /// Whatever a command of Redis writes; its name.
    Command(&'t str),
    /// A topic of Kafka.
    Topic(&'t str),
}

impl<'t> Place<'t> {
    /// The template of what it names.
    pub fn template(self) -> Option<&'t Template> {
        match self {
            Place::Key(template) | Place::Channel(template) => Some(template),
            Place::Command(_) | Place::Topic(_) => None,
        }
    }
}

/// A route's target with its options, as declared. Two of the same canonical words are equal.
#[derive(Clone)]
pub struct Target(Arc<dyn Declared>);

impl Target {
    /// Builds the target that `matched` (the words behind TO, see [`CLAUSES`]) names.
    pub fn parse(matched: &Match<'_>) -> Result<Target, CommandError> {
        let name = matched.clause().map_or("", |clause| clause.name);
        match TARGETS.iter().find(|row| row.clause.name == name) {
            Some(row) => (row.build)(matched).map(Target),
            None => Err(CommandError::new("a target is missing").at(matched.number() + 1)),
        }
    }

    /// The canonical words: defaults left out, options in the table's order.
    pub fn arguments(&self) -> Vec<String> {
        self.0.arguments()
    }

    /// Where it writes.
    pub fn place(&self) -> Place<'_> {
        self.0.place()
    }

    /// Its expressions and what each is, for errors.
    pub fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        let place = self.0.place();
        let name = if matches!(place, Place::Channel(_)) { "channel" } else { "key" };
        let place = place.template().map(Template::expressions);
        let place = place.into_iter().flatten().map(|expression| (name, expression));
        place.chain(self.0.expressions()).collect()
    }

    /// The same without those of its key or channel.
    pub fn options(&self) -> Vec<(&'static str, &Expression)> {
        self.0.expressions()
    }

    /// What becomes of a record that is read once more. Aggregates of a SELECT are not the target's.
    pub fn repeat(&self) -> Repeat {
        self.0.repeat()
    }

    /// The command that the server must have for it; none where every server will do.
    pub fn requires(&self) -> Option<&str> {
        self.0.requires()
    }

    /// What it sends to Kafka; none where it writes to Redis.
    pub fn sends(&self) -> Option<Sends<'_>> {
        self.0.sends()
    }

    /// Whether it writes what the route selects, and not only what its own options say.
    pub fn takes_selection(&self) -> bool {
        self.0.takes_selection()
    }

    /// Whether each record runs a command of the user's, so that a unit can hold only one.
    pub fn runs_command(&self) -> bool {
        matches!(self.place(), Place::Command(_))
    }

    /// Why it cannot keep the aggregates of a SELECT, and the way out; none where it can.
    pub fn refuses_aggregates(&self) -> Option<&'static str> {
        self.0.refuses_aggregates()
    }

    /// Makes the writer, and says in the layout what its expressions read.
    pub fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        self.0.compile(making)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Target) -> bool {
        self.arguments() == other.arguments()
    }
}

impl Eq for Target {}

/// A compiled target: makes writes of records.
pub trait Writer: Send {
    /// What the record says of its key, with the target's own condition (DELETE WHEN).
    fn occasion(
        &self,
        _context: &Context<'_>,
        occasion: Occasion,
    ) -> Result<Occasion, EvaluationError> {
        Ok(occasion)
    }

    /// Writes one record into the unit, or nothing where the target does not want it.
    /// `selected` is what the route selected of a record; nothing on other occasions.
    fn write(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
        selected: Selected<'_, '_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError>;

    /// Drops every name's number that it keeps.
    fn forget_names(&mut self) {}
}

/// What a route selected of a record.
#[derive(Clone, Copy)]
pub struct Selected<'f, 'a> {
    /// The fields.
    pub fields: &'f [Field<'a>],
    /// Whether they are fields, or the one field is a value without a name.
    pub shape: Shape,
}

impl Selected<'_, '_> {
    /// Nothing: there is no record to select of.
    pub const NOTHING: Selected<'static, 'static> = Selected { fields: &[], shape: Shape::Absent };
}

/// What writers write to.
pub struct Output<'o> {
    /// The unit being built.
    pub builder: &'o mut Builder,
    /// The names of its fields.
    pub names: &'o mut Names,
    /// The record's key as it came; none for a null key.
    pub key: Option<&'o [u8]>,
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
    /// The target's DELETE WHEN is true of it.
    Condition,
}

/// Why a target can make no write of a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// An expression has no value.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// An option's value is not what it must be.
    #[error("{0}")]
    Unfit(String),
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

/// Why what is named by `name`, in the builder's buffer, may not be written.
fn refused(name: &TemplateProgram, error: KeyError, context: &Context<'_>) -> WriteError {
    let mut text = Vec::new();
    // The same template has just been written for the same record.
    let _ = name.write(context, &mut text);
    WriteError::Key { key: String::from_utf8_lossy(&text).into_owned(), error }
}

impl TargetRow {
    const fn built(clause: Clause, build: Build) -> TargetRow {
        TargetRow { clause, build }
    }
}

impl fmt::Debug for TargetRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.clause.fmt(f)
    }
}

/// A word as a template; an error names the character within it.
pub fn template(word: Word<'_>) -> Result<Template, CommandError> {
    let text = word.text()?;
    Template::parse(text).map_err(|error| at_column(word, text, error))
}

/// A word as the template of a key, or of what a command may take for one. A key that would be one
/// of ours whatever the record is refused here; where a record decides, that record is.
pub fn key_template(word: Word<'_>) -> Result<Template, CommandError> {
    let template = template(word)?;
    let (prefix, is_whole) = (template.literal_prefix(), template.expressions().next().is_none());
    let is_reserved = match is_whole {
        true => ledger::is_reserved(prefix),
        false => ledger::reserves_all(prefix),
    };
    match is_reserved {
        true => Err(word
            .error(format!("'{}': {}", word.shown(), KeyError::Reserved))
            .hint("choose another name for the key")),
        false => Ok(template),
    }
}

/// A word as an expression; an error names the character within it.
pub fn expression(word: Word<'_>) -> Result<Expression, CommandError> {
    let text = word.text()?;
    let parsed = Expression::parse(text, 0).and_then(|expression| {
        // What can be known without a schema is said when it is typed.
        expression.compile(&mut Layout::default())?;
        Ok(expression)
    });
    parsed.map_err(|error| at_column(word, text, error))
}

/// An expression's error as the command's: it names the word and points into it.
pub fn at_column(word: Word<'_>, text: &str, error: ExpressionError) -> CommandError {
    word.error(error.problem).pointing(text, error.at)
}
