//! CHANNEL: a record is published.

use super::operand::Scratch;
use super::{
    Declared, Making, Occasion, Output, Place, Repeat, Selected, TargetRow, WriteError, Writer,
    payload, refused, template,
};
use crate::expression::{Context, Expression, ExpressionError, Template, TemplateProgram};
use crate::grammar::{Argument, Clause, CommandError, Kind, Match};
use crate::unit::{GroupKind, PlainWrite, Upkeep};
use std::sync::Arc;

const NAME: Argument = Argument::value("channel", Kind::Template);

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "CHANNEL",
        summary: "a record is published as JSON, once its unit is written; a record without value \
                  is not",
        arguments: &[NAME],
        options: &[],
        trailing: None,
    },
    |matched| Ok(Arc::new(Channel::parse(matched)?)),
);

/// `CHANNEL name`
#[derive(Debug)]
struct Channel {
    name: Template,
}

impl Channel {
    fn parse(matched: &Match<'_>) -> Result<Channel, CommandError> {
        Ok(Channel { name: template(matched.word_of(NAME.name)?)? })
    }
}

impl Declared for Channel {
    fn arguments(&self) -> Vec<String> {
        vec!["CHANNEL".to_owned(), self.name.to_string()]
    }

    fn place(&self) -> Place<'_> {
        Place::Channel(&self.name)
    }

    fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        Vec::new()
    }

    fn repeat(&self) -> Repeat {
        Repeat::Doubles("publishes messages")
    }

    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        let name = self.name.compile(making.layout)?;
        Ok(Box::new(ChannelWriter { name, scratch: Scratch::default() }))
    }
}

struct ChannelWriter {
    name: TemplateProgram,
    scratch: Scratch,
}

impl Writer for ChannelWriter {
    /// Adds the message; what was removed is no message.
    fn write(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
        selected: Selected<'_, '_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        if occasion != Occasion::Record {
            return Ok(());
        }
        let Output { builder, names, .. } = output;
        self.name.write(context, builder.key_buffer())?;
        let message = |out: &mut Vec<u8>| {
            payload::write_document(selected, names, out);
            Ok(())
        };
        self.scratch.show(message, |message| {
            builder
                .plain(GroupKind::Channel, PlainWrite::Whole(message), Upkeep::default())
                .map_err(|error| refused(&self.name, error, context))
        })
    }
}
