//! HASH: the last record of a key as fields.

use super::keyed::{Act, DELETE_WHEN, EXPIRY, KEY, Keyed, KeyedWriter, Removals, TOMBSTONE};
use super::{
    Declared, Making, NEWER, Occasion, Output, Place, Selected, TargetRow, WriteError, Writer,
};
use crate::expression::{Context, EvaluationError, Expression, ExpressionError};
use crate::grammar::{Argument, Clause, CommandError, Match, Support};
use crate::unit::{FieldsWrite, GroupKind, Keep, Upkeep};
use std::sync::Arc;

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "HASH",
        summary: "the last record of a key as the fields of a hash",
        support: Support::Built,
        arguments: &[KEY],
        options: &[
            Argument::one_of(
                "mode",
                &[
                    Argument::token("MERGE")
                        .about("null fields are deleted, absent ones stay (the default)"),
                    Argument::token("OVERWRITE").about("only this record's fields are left"),
                ],
            )
            .optional(),
            EXPIRY,
            TOMBSTONE.about(
                "what a record without value does (default DELETE where the key is built \
                 from the record's key and headers alone, otherwise IGNORE)",
            ),
            DELETE_WHEN,
            NEWER,
        ],
        trailing: None,
    },
    |matched| Ok(Arc::new(Hash::parse(matched)?)),
);

/// `HASH key [MERGE|OVERWRITE]`
#[derive(Debug)]
struct Hash {
    keyed: Keyed,
    mode: Mode,
}

/// What happens to the fields that a hash has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Null fields are deleted, absent ones stay.
    Merge,
    /// Only this record's fields are left.
    Overwrite,
}

impl Hash {
    fn parse(matched: &Match<'_>) -> Result<Hash, CommandError> {
        let mode = if matched.has("OVERWRITE") { Mode::Overwrite } else { Mode::Merge };
        Ok(Hash { keyed: Keyed::parse(matched)?, mode })
    }
}

impl Declared for Hash {
    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["HASH".to_owned(), self.keyed.key.to_string()];
        if self.mode == Mode::Overwrite {
            words.push("OVERWRITE".to_owned());
        }
        words.extend(self.keyed.options());
        words
    }

    fn place(&self) -> Place<'_> {
        Place::Key(&self.keyed.key)
    }

    fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        self.keyed.expressions()
    }

    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        let removals = Removals::of_state(&self.keyed.key);
        Ok(Box::new(HashWriter {
            keyed: self.keyed.compile(making.layout, removals)?,
            mode: self.mode,
        }))
    }
}

struct HashWriter {
    keyed: KeyedWriter,
    mode: Mode,
}

impl Writer for HashWriter {
    fn occasion(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
    ) -> Result<Occasion, EvaluationError> {
        self.keyed.occasion(context, occasion)
    }

    /// Sets the fields; null ones are deleted (MERGE) or left out (OVERWRITE).
    fn write(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
        selected: Selected<'_, '_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        match self.keyed.act(occasion) {
            Act::Write => {}
            Act::Remove => return self.keyed.delete(context, GroupKind::Hash, output.builder),
            Act::Nothing => return Ok(()),
        }
        let upkeep = Upkeep { keep: Keep::All, expiry: self.keyed.expiry(context)? };
        let write = match self.mode {
            Mode::Merge => FieldsWrite::HashMerge,
            Mode::Overwrite => FieldsWrite::HashReplace,
        };
        self.keyed.address(context, output.builder)?;
        let mut entry = output
            .builder
            .fields(write, upkeep)
            .map_err(|error| self.keyed.refused(error, context))?;
        for field in selected.fields {
            entry.field(field.name, field.value);
        }
        let is_deleted = |value: bool| value && self.mode == Mode::Merge;
        let nulls = selected.fields.iter().filter(|field| is_deleted(field.value.is_null()));
        entry.end(nulls.map(|field| field.name));
        Ok(())
    }
}
