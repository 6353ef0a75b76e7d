//! LIST: every record is an element.

use super::keyed::{
    DELETE_WHEN, EXPIRY, KEY, Keyed, KeyedWriter, RecordWriter, Removals, TOMBSTONE,
};
use super::operand::Scratch;
use super::{
    Declared, Making, Output, Place, Repeat, Selected, TargetRow, WriteError, Writer, payload,
};
use crate::expression::{Context, Expression, ExpressionError};
use crate::grammar::{Argument, Clause, CommandError, Kind, Match};
use crate::unit::{End, GroupKind, Keep, PlainWrite};
use std::sync::Arc;

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "LIST",
        summary: "every record is an element of a list: the selected fields as one JSON object, \
                  or the text of a value that is no record",
        arguments: &[KEY],
        options: &[
            Argument::one_of(
                "end",
                &[
                    Argument::token("LEFT").about("push at the head"),
                    Argument::token("RIGHT").about("push at the tail (the default)"),
                ],
            )
            .optional(),
            Argument::option("MAXLEN", "n", Kind::Integer)
                .optional()
                .about("keep this many elements, the newest; trimmed once a unit"),
            EXPIRY,
            TOMBSTONE,
            DELETE_WHEN,
        ],
        trailing: None,
    },
    |matched| Ok(Arc::new(List::parse(matched)?)),
);

/// `LIST key [LEFT|RIGHT] [MAXLEN n]`
#[derive(Debug)]
struct List {
    keyed: Keyed,
    end: End,
    most: Option<u64>,
}

impl List {
    fn parse(matched: &Match<'_>) -> Result<List, CommandError> {
        let maxlen = matched.get("MAXLEN");
        // LTRIM counts up to a long long's greatest.
        let most = maxlen.map(|part| part.word()?.integer(1..=i64::MAX as u64)).transpose()?;
        let end = if matched.has("LEFT") { End::Left } else { End::Right };
        Ok(List { keyed: Keyed::parse(matched)?, end, most })
    }
}

impl Declared for List {
    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["LIST".to_owned(), self.keyed.key.to_string()];
        if self.end == End::Left {
            words.push("LEFT".to_owned());
        }
        if let Some(most) = self.most {
            words.extend(["MAXLEN".to_owned(), most.to_string()]);
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

    fn repeat(&self) -> Repeat {
        Repeat::Doubles("pushes to a list")
    }

    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        let keyed = self.keyed.compile(making.layout, Removals::NONE)?;
        Ok(keyed.with(ListWriter {
            end: self.end,
            keep: match (self.most, self.end) {
                (None, _) => Keep::All,
                (Some(most), End::Left) => Keep::First(most),
                (Some(most), End::Right) => Keep::Last(most),
            },
            scratch: Scratch::default(),
        }))
    }
}

struct ListWriter {
    end: End,
    keep: Keep,
    scratch: Scratch,
}

impl RecordWriter for ListWriter {
    const KIND: GroupKind = GroupKind::List;

    /// Pushes the element.
    fn write(
        &self,
        keyed: &KeyedWriter,
        context: &Context<'_>,
        selected: Selected<'_, '_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        let upkeep = keyed.begin(context, self.keep, output.builder)?;
        let Output { builder, names, .. } = output;
        self.scratch.show(
            |out| payload::write_element(selected, names, out),
            |element| {
                keyed.plain(
                    context,
                    Self::KIND,
                    PlainWrite::Push(self.end, element),
                    upkeep,
                    builder,
                )
            },
        )
    }
}
