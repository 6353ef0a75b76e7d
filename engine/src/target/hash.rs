//! HASH: the last record of a key as fields.

use super::aggregates::Aggregates;
use super::keyed::{
    DELETE_WHEN, EXPIRY, KEY, Keyed, KeyedWriter, RecordWriter, Removals, TOMBSTONE,
};
use super::newer::{NEWER, Newer};
use super::{
    Declared, Making, Output, Place, Repeat, Selected, TargetRow, WriteError, Writer, expression,
};
use crate::expression::{Context, Expression, ExpressionError, Selection};
use crate::grammar::{Argument, Clause, CommandError, Match};
use crate::record::{Field, NameId, Names};
use crate::unit::{Entry, FieldsWrite, GroupKind, Keep, Upkeep};
use std::sync::Arc;

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "HASH",
        summary: "the last record of a key as the fields of a hash",
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
                 from the record's key and headers alone and SELECT has no aggregates, \
                 otherwise IGNORE)",
            ),
            DELETE_WHEN,
            NEWER,
        ],
        trailing: None,
    },
    |matched| Ok(Arc::new(Hash::parse(matched)?)),
);

/// `HASH key [MERGE|OVERWRITE] [NEWER expr]`
#[derive(Debug)]
struct Hash {
    keyed: Keyed,
    mode: Mode,
    newer: Option<Expression>,
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
        let newer = matched.get("NEWER").map(|part| expression(part.word()?)).transpose()?;
        Ok(Hash { keyed: Keyed::parse(matched)?, mode, newer })
    }
}

impl Declared for Hash {
    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["HASH".to_owned(), self.keyed.key.to_string()];
        if self.mode == Mode::Overwrite {
            words.push("OVERWRITE".to_owned());
        }
        words.extend(self.keyed.options());
        if let Some(newer) = &self.newer {
            words.extend(["NEWER".to_owned(), newer.to_string()]);
        }
        words
    }

    fn place(&self) -> Place<'_> {
        Place::Key(&self.keyed.key)
    }

    fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        let newer = self.newer.iter().map(|newer| ("NEWER", newer));
        self.keyed.expressions().into_iter().chain(newer).collect()
    }

    fn refuses_aggregates(&self) -> Option<&'static str> {
        match (self.mode, &self.newer) {
            (Mode::Merge, None) => None,
            (Mode::Overwrite, _) => Some("OVERWRITE would forget the aggregates: leave it out"),
            (_, Some(_)) => {
                Some("aggregates take every record, NEWER does not: leave one of them out")
            }
        }
    }

    fn repeat(&self) -> Repeat {
        Repeat::Same
    }

    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        let aggregates = Aggregates::compile(making.selection, making.layout)?;
        // A table is not one record's state: only what is written removes it.
        let removals = match aggregates {
            Some(_) => Removals::NONE,
            None => Removals::of_state(&self.keyed.key),
        };
        let has_every_field = making.selection.is_none_or(Selection::spreads);
        let keyed = self.keyed.compile(making.layout, removals)?;
        Ok(keyed.with(HashWriter {
            mode: self.mode,
            newer: Newer::compile(self.newer.as_ref(), making)?,
            aggregates,
            has_every_field,
        }))
    }
}

struct HashWriter {
    mode: Mode,
    newer: Option<Newer>,
    aggregates: Option<Aggregates>,
    /// Whether the record decides what its fields are named.
    has_every_field: bool,
}

impl HashWriter {
    fn operation(&self) -> FieldsWrite {
        match (&self.aggregates, &self.newer, self.mode) {
            (Some(_), _, _) => FieldsWrite::HashFold,
            (None, None, Mode::Merge) => FieldsWrite::HashMerge,
            (None, None, Mode::Overwrite) => FieldsWrite::HashReplace,
            (None, Some(_), Mode::Merge) => FieldsWrite::HashMergeIfNewer,
            (None, Some(_), Mode::Overwrite) => FieldsWrite::HashReplaceIfNewer,
        }
    }

    /// Writes the fields and the aggregates.
    fn fold(
        &self,
        aggregates: &Aggregates,
        context: &Context<'_>,
        fields: &[Field<'_>],
        output: Folding<'_, '_>,
    ) -> Result<(), WriteError> {
        let Folding { names, mut entry } = output;
        let mut is_kept = |name: NameId| self.has_every_field && aggregates.keeps(name, names);
        // Of two of one name the last wins, and aggregates stand for more than a record.
        for field in fields.iter().filter(|field| !field.value.is_null()) {
            if !is_kept(field.name) {
                entry.field(field.name, field.value);
            }
        }
        aggregates.write(context, names, &mut entry)?;
        let mut is_kept = |name: NameId| self.has_every_field && aggregates.keeps(name, names);
        let nulls = fields.iter().filter(|field| field.value.is_null() && !is_kept(field.name));
        entry.end(nulls.map(|field| field.name));
        Ok(())
    }
}

/// A write to fold into, and the names of its fields.
struct Folding<'o, 'b> {
    names: &'o mut Names,
    entry: Entry<'b>,
}

impl RecordWriter for HashWriter {
    const KIND: GroupKind = GroupKind::Hash;

    /// Sets the fields; null ones are deleted (MERGE) or left out (OVERWRITE). Then aggregates
    /// are folded.
    fn write(
        &self,
        keyed: &KeyedWriter,
        context: &Context<'_>,
        selected: Selected<'_, '_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        let upkeep = Upkeep { keep: Keep::All, expiry: keyed.expiry(context)? };
        let newer = match &self.newer {
            Some(newer) => Some((newer, newer.operand(context)?)),
            None => None,
        };
        keyed.address(context, output.builder)?;
        let mut entry = output
            .builder
            .fields(self.operation(), upkeep)
            .map_err(|error| keyed.refused(error, context))?;
        if let Some(aggregates) = &self.aggregates {
            let folding = Folding { names: output.names, entry };
            return self.fold(aggregates, context, selected.fields, folding);
        }
        for field in selected.fields {
            entry.field(field.name, field.value);
        }
        if let Some((newer, operand)) = newer {
            newer.write(operand, output.names, &mut entry);
        }
        let is_deleted = |value: bool| value && self.mode == Mode::Merge;
        let nulls = selected.fields.iter().filter(|field| is_deleted(field.value.is_null()));
        entry.end(nulls.map(|field| field.name));
        Ok(())
    }

    fn forget_names(&mut self) {
        self.aggregates.iter().for_each(Aggregates::forget_names);
        self.newer.iter().for_each(Newer::forget_names);
    }
}
