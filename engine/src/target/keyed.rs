//! What all targets that write keys have in common: the key, its time to live, its removal.

use super::operand::{milliseconds, shown};
use super::{Occasion, Output, Selected, WriteError, Writer, expression, key_template, refused};
use crate::expression::{
    Context, EvaluationError, Expression, ExpressionError, Layout, Program, Template,
    TemplateProgram,
};
use crate::grammar::{Argument, CommandError, Kind, Match};
use crate::kafka::position::{format_duration, parse_duration};
use crate::record::Value;
use crate::unit::{Builder, Expiry, GroupKind, Keep, KeyError, PlainWrite, Upkeep};
use std::time::Duration;

pub(super) const KEY: Argument = Argument::value("key", Kind::Template);
pub(super) const EXPIRY: Argument = Argument::one_of(
    "expiry",
    &[
        Argument::option("TTL", "duration", Kind::Duration)
            .about("the key expires so long after its last write, as 10m"),
        Argument::option("EXPIREAT", "expression", Kind::Expression)
            .about("the key expires at this timestamp or time in milliseconds"),
    ],
)
.optional();
pub(super) const TOMBSTONE: Argument = Argument::choice(
    "TOMBSTONE",
    "action",
    &[
        Argument::token("DELETE").about("delete the key"),
        Argument::token("IGNORE").about("count the record as filtered"),
    ],
)
.optional()
.about("what a record without value does (default IGNORE)");
pub(super) const DELETE_WHEN: Argument =
    Argument::option("DELETE WHEN", "expression", Kind::Expression)
        .optional()
        .about("a record for which this is true deletes the key; WHERE does not hold it back");

/// What a tombstone (a record without value) does to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tombstone {
    /// The key is deleted.
    Delete,
    /// The record is filtered.
    Ignore,
}

impl Tombstone {
    /// The word that stands for it.
    fn word(self) -> &'static str {
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

/// When a key expires, as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Lifetime {
    /// `TTL duration`
    After(Duration),
    /// `EXPIREAT expr`
    At(Expression),
}

/// The key and the options that all keyed targets take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keyed {
    /// The key's template.
    pub key: Template,
    lifetime: Option<Lifetime>,
    /// TOMBSTONE as written.
    pub tombstone: Option<Tombstone>,
    delete_when: Option<Expression>,
}

impl Keyed {
    pub fn parse(matched: &Match<'_>) -> Result<Keyed, CommandError> {
        let ttl =
            matched.get("TTL").map(|part| part.word()?.convert(parse_duration)).transpose()?;
        let at = matched.get("EXPIREAT").map(|part| expression(part.word()?)).transpose()?;
        if let (Some(ttl), Some(part)) = (ttl, matched.get("TTL"))
            && (ttl.is_zero() || i64::try_from(ttl.as_millis()).is_err())
        {
            return Err(part
                .word()?
                .error("a TTL is at least 1ms and less than 292 million years"));
        }
        let delete_when = matched.get("DELETE WHEN");
        Ok(Keyed {
            key: key_template(matched.word_of(KEY.name)?)?,
            lifetime: ttl.map(Lifetime::After).or(at.map(Lifetime::At)),
            tombstone: matched.get("TOMBSTONE").and_then(Tombstone::parse),
            delete_when: delete_when.map(|part| expression(part.word()?)).transpose()?,
        })
    }

    /// The options' canonical words.
    pub fn options(&self) -> Vec<String> {
        let mut words = Vec::new();
        match &self.lifetime {
            None => {}
            Some(Lifetime::After(time)) => words.extend(["TTL".to_owned(), format_duration(*time)]),
            Some(Lifetime::At(at)) => words.extend(["EXPIREAT".to_owned(), at.to_string()]),
        }
        if let Some(tombstone) = self.tombstone {
            words.extend(["TOMBSTONE".to_owned(), tombstone.word().to_owned()]);
        }
        if let Some(condition) = &self.delete_when {
            words.extend(["DELETE".to_owned(), "WHEN".to_owned(), condition.to_string()]);
        }
        words
    }

    /// The options' expressions.
    pub fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        let at = match &self.lifetime {
            Some(Lifetime::At(at)) => Some(("EXPIREAT", at)),
            _ => None,
        };
        let condition = self.delete_when.as_ref().map(|condition| ("DELETE WHEN", condition));
        at.into_iter().chain(condition).collect()
    }

    /// Says in `layout` what its expressions read.
    pub fn compile(
        &self,
        layout: &mut Layout,
        defaults: Removals,
    ) -> Result<KeyedWriter, ExpressionError> {
        let lifetime = match &self.lifetime {
            None => LifetimeProgram::Unchanged,
            Some(Lifetime::After(time)) => {
                LifetimeProgram::After(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
            }
            Some(Lifetime::At(at)) => LifetimeProgram::At(at.compile(layout)?),
        };
        Ok(KeyedWriter {
            key: self.key.compile(layout)?,
            lifetime,
            tombstone: self.tombstone.unwrap_or(defaults.tombstone),
            deletion: self.tombstone.unwrap_or(defaults.deletion),
            delete_when: self.delete_when.as_ref().map(|it| it.compile(layout)).transpose()?,
        })
    }
}

/// What a target does where TOMBSTONE was not written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Removals {
    /// On a record without value.
    pub tombstone: Tombstone,
    /// On a change event's delete.
    pub deletion: Tombstone,
}

impl Removals {
    /// Nothing removes.
    pub const NONE: Removals =
        Removals { tombstone: Tombstone::Ignore, deletion: Tombstone::Ignore };

    /// Of a target whose key holds one record's state: a change event's delete removes it, and
    /// a tombstone does where the key is built from the record's key and headers alone.
    pub fn of_state(key: &Template) -> Removals {
        let tombstone = if key.is_from_key() { Tombstone::Delete } else { Tombstone::Ignore };
        Removals { tombstone, deletion: Tombstone::Delete }
    }
}

#[derive(Debug)]
enum LifetimeProgram {
    Unchanged,
    After(u64),
    At(Program),
}

/// Its compiled form.
#[derive(Debug)]
pub(super) struct KeyedWriter {
    key: TemplateProgram,
    lifetime: LifetimeProgram,
    tombstone: Tombstone,
    deletion: Tombstone,
    delete_when: Option<Program>,
}

/// What a record does to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// It is written.
    Write,
    /// It is removed.
    Remove,
    /// Nothing.
    Nothing,
}

impl KeyedWriter {
    /// The whole writer: `record` makes the writes.
    pub fn with<W: RecordWriter + 'static>(self, record: W) -> Box<dyn Writer> {
        Box::new(KeyWriter { keyed: self, record })
    }

    /// What the record says of its key, with DELETE WHEN.
    pub fn occasion(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
    ) -> Result<Occasion, EvaluationError> {
        Ok(match &self.delete_when {
            Some(condition) if occasion == Occasion::Record && condition.is_true(context)? => {
                Occasion::Condition
            }
            _ => occasion,
        })
    }

    /// What is to be done on an occasion.
    pub fn act(&self, occasion: Occasion) -> Act {
        let removal = match occasion {
            Occasion::Record => return Act::Write,
            Occasion::Condition => Tombstone::Delete,
            Occasion::Tombstone => self.tombstone,
            Occasion::Deletion => self.deletion,
        };
        if removal == Tombstone::Delete { Act::Remove } else { Act::Nothing }
    }

    /// Writes the record's key into the builder's buffer.
    pub fn address(&self, context: &Context<'_>, builder: &mut Builder) -> Result<(), WriteError> {
        Ok(self.key.write(context, builder.key_buffer())?)
    }

    /// Deletes the key in the builder's buffer.
    pub fn delete(
        &self,
        context: &Context<'_>,
        kind: GroupKind,
        builder: &mut Builder,
    ) -> Result<(), WriteError> {
        self.address(context, builder)?;
        self.plain(context, kind, PlainWrite::Delete, Upkeep::default(), builder)
    }

    /// Writes the record's key into the builder's buffer; what becomes of the key afterwards.
    pub fn begin(
        &self,
        context: &Context<'_>,
        keep: Keep,
        builder: &mut Builder,
    ) -> Result<Upkeep, WriteError> {
        let upkeep = Upkeep { keep, expiry: self.expiry(context)? };
        self.address(context, builder)?;
        Ok(upkeep)
    }

    /// Writes to the key in the builder's buffer.
    pub fn plain(
        &self,
        context: &Context<'_>,
        kind: GroupKind,
        write: PlainWrite<'_>,
        upkeep: Upkeep,
        builder: &mut Builder,
    ) -> Result<(), WriteError> {
        builder.plain(kind, write, upkeep).map_err(|error| self.refused(error, context))
    }

    /// Why the key in the builder's buffer may not be written.
    pub fn refused(&self, error: KeyError, context: &Context<'_>) -> WriteError {
        refused(&self.key, error, context)
    }

    /// The key's time to live after this record.
    pub fn expiry(&self, context: &Context<'_>) -> Result<Expiry, WriteError> {
        match &self.lifetime {
            LifetimeProgram::Unchanged => Ok(Expiry::Unchanged),
            LifetimeProgram::After(milliseconds) => Ok(Expiry::After(*milliseconds)),
            LifetimeProgram::At(program) => {
                expiry_at(program.evaluate(context)?).map_err(|problem| {
                    WriteError::Unfit(format!("EXPIREAT {}: {problem}", program.source()))
                })
            }
        }
    }
}

/// Times in milliseconds below this lie before March 1973: they are meant as seconds.
const SECONDS_BELOW: u64 = 100_000_000_000;

fn expiry_at(value: Value<'_>) -> Result<Expiry, String> {
    if value.is_null() {
        return Ok(Expiry::Unchanged);
    }
    match milliseconds(value) {
        Some(at) if is_timestamp(value) || at.unsigned_abs() >= SECONDS_BELOW => Ok(Expiry::At(at)),
        Some(at) => Err(format!("{at} looks like seconds; multiply it by 1000")),
        None => {
            let shown = shown(value);
            Err(format!("'{shown}' is no timestamp and no whole number of milliseconds"))
        }
    }
}

fn is_timestamp(value: Value<'_>) -> bool {
    matches!(value, Value::Timestamp(..))
}

/// Makes the write of a record. Its removal is not its concern.
pub(super) trait RecordWriter: Send {
    /// What the key holds.
    const KIND: GroupKind;

    /// Writes the record into the unit.
    fn write(
        &self,
        keyed: &KeyedWriter,
        context: &Context<'_>,
        selected: Selected<'_, '_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError>;

    /// Drops every name's number that it keeps.
    fn forget_names(&mut self) {}
}

/// A writer whose removals delete the key.
struct KeyWriter<W> {
    keyed: KeyedWriter,
    record: W,
}

impl<W: RecordWriter> Writer for KeyWriter<W> {
    fn occasion(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
    ) -> Result<Occasion, EvaluationError> {
        self.keyed.occasion(context, occasion)
    }

    fn write(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
        selected: Selected<'_, '_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        match self.keyed.act(occasion) {
            Act::Write => self.record.write(&self.keyed, context, selected, output),
            Act::Remove => self.keyed.delete(context, W::KIND, output.builder),
            Act::Nothing => Ok(()),
        }
    }

    fn forget_names(&mut self) {
        self.record.forget_names();
    }
}
