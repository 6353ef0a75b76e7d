//! HASH: the last record of a key as fields.

use super::{
    DELETE_WHEN, EXPIRY, KEY, NEWER, TOMBSTONE, Target, TargetRow, Tombstone, WriteError,
    key_error, template,
};
use crate::expression::{Template, View};
use crate::grammar::{Argument, Clause, CommandError, Match, Support};
use crate::record::Kind;
use crate::unit::{Builder, WriteKind};

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
            TOMBSTONE.about(
                "what a record without value does (default DELETE where the key is built \
                 from the record's key and headers alone, otherwise IGNORE)",
            ),
            EXPIRY,
            DELETE_WHEN,
            NEWER,
        ],
        trailing: None,
    },
    Hash::parse,
);

/// `HASH key [MERGE|OVERWRITE] [TOMBSTONE DELETE|IGNORE]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hash {
    /// The hash's key.
    pub key: Template,
    /// What happens to fields that the record does not have.
    pub mode: Mode,
    /// As written; none takes the default, see [`Hash::tombstone`].
    pub tombstone: Option<Tombstone>,
}

/// What happens to the fields that a hash has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Null fields are deleted, absent ones stay.
    #[default]
    Merge,
    /// Only this record's fields are left.
    Overwrite,
}

impl Hash {
    /// What a tombstone does: as written, otherwise DELETE when the key is built
    /// from the record's key and headers alone, and IGNORE when it is not.
    pub fn tombstone(&self) -> Tombstone {
        let default = if self.key.is_from_key() { Tombstone::Delete } else { Tombstone::Ignore };
        self.tombstone.unwrap_or(default)
    }

    /// Sets the value's fields; null ones are deleted (MERGE) or left out (OVERWRITE).
    pub(super) fn write(&self, view: &View<'_>, builder: &mut Builder) -> Result<(), WriteError> {
        let refused = |error| key_error(error, view, &self.key);
        let Some(value) = view.value else {
            if self.tombstone() == Tombstone::Delete {
                self.key.write(view, builder.key_buffer())?;
                builder.write(WriteKind::HashDelete).map_err(refused)?.end(std::iter::empty());
            }
            return Ok(());
        };
        self.key.write(view, builder.key_buffer())?;
        let kind = match self.mode {
            Mode::Merge => WriteKind::HashMerge,
            Mode::Overwrite => WriteKind::HashReplace,
        };
        let mut entry = builder.write(kind).map_err(refused)?;
        let fields = view.value_fields.all();
        for field in fields {
            entry.field(field.name, field.value(value));
        }
        let nulls =
            fields.iter().filter(|field| field.kind == Kind::Null && self.mode == Mode::Merge);
        entry.end(nulls.map(|field| field.name));
        Ok(())
    }

    fn parse(matched: &Match<'_>) -> Result<Target, CommandError> {
        let mode = if matched.has("OVERWRITE") { Mode::Overwrite } else { Mode::Merge };
        Ok(Target::Hash(Hash {
            key: template(matched.word_of(KEY.name)?)?,
            mode,
            tombstone: matched.get("TOMBSTONE").and_then(Tombstone::parse),
        }))
    }

    /// The canonical words.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut words = vec!["HASH".to_owned(), self.key.to_string()];
        if self.mode == Mode::Overwrite {
            words.push("OVERWRITE".to_owned());
        }
        if let Some(tombstone) = self.tombstone {
            words.extend(["TOMBSTONE".to_owned(), tombstone.word().to_owned()]);
        }
        words
    }
}
