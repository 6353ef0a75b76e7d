//! HASH: the last record of a key as fields.

use super::{
    DELETE_WHEN, EXPIRY, KEY, NEWER, Occasion, TOMBSTONE, Target, TargetRow, Tombstone, WriteError,
    key_error, template,
};
use crate::expression::{Context, ExpressionError, Layout, Template, TemplateProgram};
use crate::grammar::{Argument, Clause, CommandError, Match, Support};
use crate::record::Field;
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

/// The compiled target.
#[derive(Debug)]
pub struct HashWriter {
    key: TemplateProgram,
    mode: Mode,
    tombstone: Tombstone,
    /// What a change event's delete does: deletes unless TOMBSTONE IGNORE was written.
    deletion: Tombstone,
}

impl HashWriter {
    /// Sets the fields; null ones are deleted (MERGE) or left out (OVERWRITE).
    pub(super) fn write(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
        fields: &[Field<'_>],
        builder: &mut Builder,
    ) -> Result<(), WriteError> {
        let refused = |error| key_error(error, context, &self.key);
        let removal = match occasion {
            Occasion::Record => None,
            Occasion::Tombstone => Some(self.tombstone),
            Occasion::Deletion => Some(self.deletion),
        };
        if let Some(removal) = removal {
            if removal == Tombstone::Delete {
                self.key.write(context, builder.key_buffer())?;
                builder.write(WriteKind::HashDelete).map_err(refused)?.end(std::iter::empty());
            }
            return Ok(());
        }
        self.key.write(context, builder.key_buffer())?;
        let kind = match self.mode {
            Mode::Merge => WriteKind::HashMerge,
            Mode::Overwrite => WriteKind::HashReplace,
        };
        let mut entry = builder.write(kind).map_err(refused)?;
        for field in fields {
            entry.field(field.name, field.value);
        }
        let nulls = fields.iter().filter(|field| field.value.is_null() && self.mode == Mode::Merge);
        entry.end(nulls.map(|field| field.name));
        Ok(())
    }
}

impl Hash {
    /// What a tombstone does: as written, otherwise DELETE when the key is built
    /// from the record's key and headers alone, and IGNORE when it is not.
    pub fn tombstone(&self) -> Tombstone {
        let default = if self.key.is_from_key() { Tombstone::Delete } else { Tombstone::Ignore };
        self.tombstone.unwrap_or(default)
    }

    /// Says in `layout` what its expressions read.
    pub(super) fn compile(&self, layout: &mut Layout) -> Result<HashWriter, ExpressionError> {
        Ok(HashWriter {
            key: self.key.compile(layout)?,
            mode: self.mode,
            tombstone: self.tombstone(),
            deletion: self.tombstone.unwrap_or(Tombstone::Delete),
        })
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
