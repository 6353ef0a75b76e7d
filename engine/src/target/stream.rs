//! STREAM: every record is an entry; entry IDs are Redis's own.

use super::{
    DELETE_WHEN, EXPIRY, KEY, Occasion, TOMBSTONE, Target, TargetRow, WriteError, key_error,
    template,
};
use crate::expression::{Context, ExpressionError, Layout, Template, TemplateProgram};
use crate::grammar::{Argument, Clause, CommandError, Kind, Match, Support};
use crate::record::Field;
use crate::unit::{Builder, Trim, WriteKind};

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "STREAM",
        summary: "every record is an entry of a stream",
        support: Support::Built,
        arguments: &[KEY],
        options: &[
            Argument::option("ID", "expression", Kind::Expression)
                .optional()
                .planned()
                .about("milliseconds of the entry's ID; never goes back"),
            Argument::block(
                Some("MAXLEN"),
                "maxlen",
                &[
                    Argument::one_of(
                        "precision",
                        &[
                            Argument::token("~").about("whole nodes only, which is cheap"),
                            Argument::token("=").about("exactly, as when neither is written"),
                        ],
                    )
                    .optional(),
                    Argument::value("n", Kind::Integer),
                ],
            )
            .optional()
            .about("keep this many entries; trimmed once a unit"),
            Argument::option("RETAIN", "duration", Kind::Duration)
                .optional()
                .planned()
                .about("keep entries for this long, as 1d"),
            EXPIRY,
            TOMBSTONE.planned(),
            DELETE_WHEN,
        ],
        trailing: None,
    },
    Stream::parse,
);

/// `STREAM key [MAXLEN [~|=] n]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The stream's key.
    pub key: Template,
    /// How long it may grow; trimmed once a unit.
    pub maxlen: Option<MaxLen>,
}

/// The compiled target.
#[derive(Debug)]
pub struct StreamWriter {
    key: TemplateProgram,
    trim: Trim,
}

impl StreamWriter {
    /// Adds the fields that are not null as an entry; a tombstone adds nothing.
    pub(super) fn write(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
        fields: &[Field<'_>],
        builder: &mut Builder,
    ) -> Result<(), WriteError> {
        if occasion != Occasion::Record {
            return Ok(());
        }
        self.key.write(context, builder.key_buffer())?;
        let kind = WriteKind::StreamAdd(self.trim);
        let mut entry =
            builder.write(kind).map_err(|error| key_error(error, context, &self.key))?;
        for field in fields {
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

/// A stream's greatest length, in entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxLen {
    /// Whether Redis may leave some more, to trim whole nodes only.
    pub precision: Precision,
    /// Entries to keep.
    pub entries: u64,
}

/// How exactly a stream is trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// `~`: whole nodes only, which is cheap.
    Approximate,
    /// `=`, also when neither is written, as in XADD.
    Exact,
}

impl Stream {
    /// Says in `layout` what its expressions read.
    pub(super) fn compile(&self, layout: &mut Layout) -> Result<StreamWriter, ExpressionError> {
        Ok(StreamWriter { key: self.key.compile(layout)?, trim: self.trim() })
    }

    fn trim(&self) -> Trim {
        match self.maxlen {
            None => Trim::None,
            Some(MaxLen { precision: Precision::Approximate, entries }) => {
                Trim::Approximate(entries)
            }
            Some(MaxLen { precision: Precision::Exact, entries }) => Trim::Exact(entries),
        }
    }

    fn parse(matched: &Match<'_>) -> Result<Target, CommandError> {
        let key = template(matched.word_of(KEY.name)?)?;
        let maxlen = matched.get("MAXLEN").map(MaxLen::parse).transpose()?;
        Ok(Target::Stream(Stream { key, maxlen }))
    }

    /// The canonical words.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut words = vec!["STREAM".to_owned(), self.key.to_string()];
        if let Some(maxlen) = &self.maxlen {
            words.push("MAXLEN".to_owned());
            if maxlen.precision == Precision::Approximate {
                words.push("~".to_owned());
            }
            words.push(maxlen.entries.to_string());
        }
        words
    }
}

impl MaxLen {
    fn parse(matched: &Match<'_>) -> Result<MaxLen, CommandError> {
        let precision = match matched.get("precision").map(Match::chosen) {
            Some("~") => Precision::Approximate,
            _ => Precision::Exact,
        };
        // XADD takes lengths up to a long long's greatest.
        let entries = matched.word_of("n")?.integer(1..=i64::MAX as u64)?;
        Ok(MaxLen { precision, entries })
    }
}
