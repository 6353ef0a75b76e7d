//! JSON: the last record of a key as a JSON document.

use super::keyed::{DELETE_WHEN, EXPIRY, KEY, Keyed, KeyedWriter, RecordWriter, Removals};
use super::operand::Scratch;
use super::string::{NO_NEWER, STATE_TOMBSTONE};
use super::{
    Declared, Making, Output, Place, Repeat, Selected, TargetRow, WriteError, Writer, payload,
};
use crate::expression::{Context, Expression, ExpressionError};
use crate::grammar::{Clause, Match};
use crate::unit::{GroupKind, Keep, PlainWrite};
use std::sync::Arc;

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "JSON",
        summary: "the last record of a key as a JSON document, the selected fields as one object \
                  (needs a server with JSON.SET)",
        arguments: &[KEY],
        options: &[EXPIRY, STATE_TOMBSTONE, DELETE_WHEN, NO_NEWER],
        trailing: None,
    },
    |matched: &Match<'_>| Ok(Arc::new(Document { keyed: Keyed::parse(matched)? })),
);

/// `JSON key`
#[derive(Debug)]
struct Document {
    keyed: Keyed,
}

impl Declared for Document {
    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["JSON".to_owned(), self.keyed.key.to_string()];
        words.extend(self.keyed.options());
        words
    }

    fn place(&self) -> Place<'_> {
        Place::Key(&self.keyed.key)
    }

    fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        self.keyed.expressions()
    }

    fn repeat(&self) -> Repeat {
        Repeat::Same
    }

    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        let removals = Removals::of_state(&self.keyed.key);
        let keyed = self.keyed.compile(making.layout, removals)?;
        Ok(keyed.with(DocumentWriter { scratch: Scratch::default() }))
    }

    fn requires(&self) -> Option<&str> {
        Some("JSON.SET")
    }
}

struct DocumentWriter {
    scratch: Scratch,
}

impl RecordWriter for DocumentWriter {
    const KIND: GroupKind = GroupKind::Json;

    /// Sets the whole document.
    fn write(
        &self,
        keyed: &KeyedWriter,
        context: &Context<'_>,
        selected: Selected<'_, '_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        let upkeep = keyed.begin(context, Keep::All, output.builder)?;
        let Output { builder, names, .. } = output;
        self.scratch.show(
            |out| {
                payload::write_document(selected, names, out);
                Ok(())
            },
            |document| {
                if payload::depth(document) > payload::MAX_DEPTH {
                    let most = payload::MAX_DEPTH;
                    let problem = format!(
                        "the value has more than {most} objects and arrays within each other, \
                         which RedisJSON does not take; SELECT less of it"
                    );
                    return Err(WriteError::Unfit(problem));
                }
                keyed.plain(context, Self::KIND, PlainWrite::Whole(document), upkeep, builder)
            },
        )
    }
}
