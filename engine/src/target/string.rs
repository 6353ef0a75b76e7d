//! STRING: the last record of a key as a string.

use super::keyed::{
    DELETE_WHEN, EXPIRY, KEY, Keyed, KeyedWriter, RecordWriter, Removals, TOMBSTONE,
};
use super::operand::Scratch;
use super::{
    Declared, Making, Output, Place, Repeat, Selected, TargetRow, WriteError, Writer, expression,
    payload,
};
use crate::expression::{Context, Expression, ExpressionError, Program};
use crate::format::text::write_text;
use crate::grammar::{Argument, Clause, CommandError, Kind, Match};
use crate::record::{Names, Value};
use crate::unit::{GroupKind, Keep, PlainWrite};
use std::sync::Arc;

/// TOMBSTONE of a target whose key holds the state of one record.
pub(super) const STATE_TOMBSTONE: Argument = TOMBSTONE.about(
    "what a record without value does (default DELETE where the key is built from the record's \
     key and headers alone, otherwise IGNORE)",
);

/// A string and a document have no place for what NEWER compares.
pub(super) const NO_NEWER: Argument = Argument::option("NEWER", "expression", Kind::Expression)
    .optional()
    .planned()
    .about("a record for which this is lower than before does not overwrite");

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "STRING",
        summary: "the last record of a key as a string: the selected fields as one JSON object, \
                  or the text of a value that is no record",
        arguments: &[KEY],
        options: &[
            Argument::option("VALUE", "expression", Kind::Expression)
                .optional()
                .about("the text of this instead; a null one is an error of the record"),
            EXPIRY,
            STATE_TOMBSTONE,
            DELETE_WHEN,
            NO_NEWER,
        ],
        trailing: None,
    },
    |matched| Ok(Arc::new(Text::parse(matched)?)),
);

/// `STRING key [VALUE expr]`
#[derive(Debug)]
struct Text {
    keyed: Keyed,
    value: Option<Expression>,
}

impl Text {
    fn parse(matched: &Match<'_>) -> Result<Text, CommandError> {
        let value = matched.get("VALUE").map(|part| expression(part.word()?)).transpose()?;
        Ok(Text { keyed: Keyed::parse(matched)?, value })
    }
}

impl Declared for Text {
    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["STRING".to_owned(), self.keyed.key.to_string()];
        if let Some(value) = &self.value {
            words.extend(["VALUE".to_owned(), value.to_string()]);
        }
        words.extend(self.keyed.options());
        words
    }

    fn place(&self) -> Place<'_> {
        Place::Key(&self.keyed.key)
    }

    fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        let value = self.value.iter().map(|value| ("VALUE", value));
        value.chain(self.keyed.expressions()).collect()
    }

    fn takes_selection(&self) -> bool {
        self.value.is_none()
    }

    fn repeat(&self) -> Repeat {
        Repeat::Same
    }

    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        let removals = Removals::of_state(&self.keyed.key);
        let keyed = self.keyed.compile(making.layout, removals)?;
        Ok(keyed.with(TextWriter {
            value: self.value.as_ref().map(|it| it.compile(making.layout)).transpose()?,
            scratch: Scratch::default(),
        }))
    }
}

struct TextWriter {
    value: Option<Program>,
    scratch: Scratch,
}

impl TextWriter {
    fn fill(
        &self,
        context: &Context<'_>,
        selected: Selected<'_, '_>,
        names: &Names,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        let Some(program) = &self.value else {
            return payload::write_element(selected, names, out);
        };
        match program.evaluate(context)? {
            Value::Null => Err(payload::null(&format!("VALUE {}", program.source()))),
            value => {
                write_text(value, out);
                Ok(())
            }
        }
    }
}

impl RecordWriter for TextWriter {
    const KIND: GroupKind = GroupKind::String;

    /// Sets the string.
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
            |out| self.fill(context, selected, names, out),
            |text| keyed.plain(context, Self::KIND, PlainWrite::Whole(text), upkeep, builder),
        )
    }
}
