//! STREAM: every record is an entry.

use super::keyed::{
    DELETE_WHEN, EXPIRY, KEY, Keyed, KeyedWriter, RecordWriter, Removals, TOMBSTONE,
};
use super::operand::Operand;
use super::{
    Declared, Making, Output, Place, Repeat, Selected, TargetRow, WriteError, Writer, expression,
};
use crate::expression::{Context, Expression, ExpressionError};
use crate::grammar::{Argument, Clause, CommandError, Kind, Match};
use crate::kafka::position::{format_duration, parse_duration};
use crate::unit::{EntryTime, FieldsWrite, GroupKind, Keep};
use std::sync::Arc;
use std::time::Duration;

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "STREAM",
        summary: "every record is an entry of a stream",
        arguments: &[KEY],
        options: &[
            Argument::option("ID", "expression", Kind::Expression)
                .optional()
                .about("timestamp or milliseconds of the entry's ID, which never goes back"),
            Argument::one_of(
                "retention",
                &[
                    Argument::block(
                        Some("MAXLEN"),
                        "maxlen",
                        &[
                            Argument::one_of(
                                "precision",
                                &[
                                    Argument::token("~").about("whole nodes only, which is cheap"),
                                    Argument::token("=")
                                        .about("exactly, as when neither is written"),
                                ],
                            )
                            .optional(),
                            Argument::value("n", Kind::Integer),
                        ],
                    )
                    .about("keep this many entries; trimmed once a unit"),
                    Argument::option("RETAIN", "duration", Kind::Duration)
                        .about("keep entries whose IDs are younger, as 1d; trimmed once a unit"),
                ],
            )
            .optional(),
            EXPIRY,
            TOMBSTONE,
            DELETE_WHEN,
        ],
        trailing: None,
    },
    |matched| Ok(Arc::new(Stream::parse(matched)?)),
);

/// `STREAM key [ID expr] [MAXLEN [~|=] n | RETAIN duration]`
#[derive(Debug)]
struct Stream {
    keyed: Keyed,
    id: Option<Expression>,
    retention: Option<Retention>,
}

/// How much of a stream is kept.
#[derive(Debug, Clone, Copy)]
enum Retention {
    /// `MAXLEN ~ n`: whole nodes only, which is cheap.
    AtLeast(u64),
    /// `MAXLEN n`, also written with `=`.
    Newest(u64),
    /// `RETAIN duration`
    Younger(Duration),
}

impl Stream {
    fn parse(matched: &Match<'_>) -> Result<Stream, CommandError> {
        let retain = matched.get("RETAIN").map(|part| part.word()?.convert(parse_duration));
        let retention = match (matched.get("MAXLEN"), retain.transpose()?) {
            (Some(maxlen), _) => Some(Retention::parse(maxlen)?),
            (None, Some(time)) => Some(Retention::Younger(time)),
            (None, None) => None,
        };
        Ok(Stream {
            keyed: Keyed::parse(matched)?,
            id: matched.get("ID").map(|part| expression(part.word()?)).transpose()?,
            retention,
        })
    }
}

impl Retention {
    fn parse(matched: &Match<'_>) -> Result<Retention, CommandError> {
        // XADD takes lengths up to a long long's greatest.
        let entries = matched.word_of("n")?.integer(1..=i64::MAX as u64)?;
        Ok(match matched.get("precision").map(Match::chosen) {
            Some("~") => Retention::AtLeast(entries),
            _ => Retention::Newest(entries),
        })
    }

    fn words(self) -> Vec<String> {
        match self {
            Retention::AtLeast(n) => vec!["MAXLEN".to_owned(), "~".to_owned(), n.to_string()],
            Retention::Newest(n) => vec!["MAXLEN".to_owned(), n.to_string()],
            Retention::Younger(time) => vec!["RETAIN".to_owned(), format_duration(time)],
        }
    }

    fn keep(self) -> Keep {
        match self {
            Retention::AtLeast(n) => Keep::AtLeast(n),
            Retention::Newest(n) => Keep::Newest(n),
            Retention::Younger(time) => {
                Keep::Younger(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
            }
        }
    }
}

impl Declared for Stream {
    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["STREAM".to_owned(), self.keyed.key.to_string()];
        if let Some(id) = &self.id {
            words.extend(["ID".to_owned(), id.to_string()]);
        }
        words.extend(self.retention.into_iter().flat_map(Retention::words));
        words.extend(self.keyed.options());
        words
    }

    fn place(&self) -> Place<'_> {
        Place::Key(&self.keyed.key)
    }

    fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        let id = self.id.iter().map(|id| ("ID", id));
        id.chain(self.keyed.expressions()).collect()
    }

    fn repeat(&self) -> Repeat {
        Repeat::Doubles("appends to a stream")
    }

    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        let keyed = self.keyed.compile(making.layout, Removals::NONE)?;
        Ok(keyed.with(StreamWriter {
            id: self.id.as_ref().map(|id| Operand::new("ID", id, making.layout)).transpose()?,
            keep: self.retention.map_or(Keep::All, Retention::keep),
        }))
    }
}

struct StreamWriter {
    id: Option<Operand>,
    keep: Keep,
}

impl StreamWriter {
    fn time(&self, context: &Context<'_>) -> Result<EntryTime, WriteError> {
        match &self.id {
            None => Ok(EntryTime::Now),
            Some(id) => id.milliseconds(context).map(EntryTime::NotBefore),
        }
    }
}

impl RecordWriter for StreamWriter {
    const KIND: GroupKind = GroupKind::Stream;

    /// Adds the fields that are not null as an entry.
    fn write(
        &self,
        keyed: &KeyedWriter,
        context: &Context<'_>,
        selected: Selected<'_, '_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        let time = self.time(context)?;
        let upkeep = keyed.begin(context, self.keep, output.builder)?;
        let mut entry = output
            .builder
            .fields(FieldsWrite::StreamAdd(time), upkeep)
            .map_err(|error| keyed.refused(error, context))?;
        for field in selected.fields {
            entry.field(field.name, field.value);
        }
        if entry.fields() == 0 {
            entry.abandon();
            return Err(WriteError::NoField);
        }
        entry.end(std::iter::empty());
        Ok(())
    }
}
