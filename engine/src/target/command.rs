//! COMMAND: a record runs a command of Redis.

use super::operand::Scratch;
use super::{
    Declared, Making, Occasion, Output, Place, Repeat, Selected, TargetRow, WriteError, Writer,
    key_template,
};
use crate::expression::{Context, Expression, ExpressionError, Template, TemplateProgram};
use crate::grammar::{Argument, Clause, CommandError, Kind, Match, Repetition, Word};
use crate::ledger;
use crate::unit::KeyError;
use std::sync::Arc;

const NAME: Argument = Argument::value("name", Kind::Text);
const ARGUMENT: Argument = Argument::value("argument", Kind::Template).repeated(Repetition::Values);

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "COMMAND",
        summary: "a record runs a write command of Redis, before the record's other routes; all \
                  that follows to the end of the line is its arguments, so the route's own \
                  options stand before TO; a record without value runs nothing",
        arguments: &[NAME, ARGUMENT],
        options: &[],
        trailing: None,
    },
    |matched| Ok(Arc::new(Run::parse(matched)?)),
);

/// `COMMAND name arg-template ...`
#[derive(Debug)]
struct Run {
    /// In capitals.
    name: String,
    arguments: Vec<Template>,
}

impl Run {
    fn parse(matched: &Match<'_>) -> Result<Run, CommandError> {
        let words = matched.require(ARGUMENT.name)?.words();
        Ok(Run {
            name: name(matched.word_of(NAME.name)?)?,
            arguments: words.iter().map(|word| argument(*word)).collect::<Result<_, _>>()?,
        })
    }
}

fn name(word: Word<'_>) -> Result<String, CommandError> {
    let text = word.text()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    match text.bytes().all(fits) {
        true => Ok(text.to_ascii_uppercase()),
        false => Err(word
            .error(format!("'{}' cannot be a command's name", word.shown()))
            .hint("its arguments may hold %{…}, its name may not")),
    }
}

/// Options of the route that look as if they belonged to it.
const OPTIONS: [&str; 4] = ["WHERE", "SELECT", "EACH", "JOIN"];

fn argument(word: Word<'_>) -> Result<Template, CommandError> {
    if let Some(option) = OPTIONS.into_iter().find(|option| word.is(option)) {
        return Err(word
            .error(format!("{option} stands behind COMMAND, whose arguments end the line"))
            .hint(format!("write it before TO, or \"%{{'{option}'}}\" where it is an argument")));
    }
    key_template(word)
}

impl Declared for Run {
    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["COMMAND".to_owned(), self.name.clone()];
        words.extend(self.arguments.iter().map(Template::to_string));
        words
    }

    fn place(&self) -> Place<'_> {
        Place::Command(&self.name)
    }

    fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        let all = self.arguments.iter().flat_map(Template::expressions);
        all.map(|expression| ("argument", expression)).collect()
    }

    fn takes_selection(&self) -> bool {
        false
    }

    fn repeat(&self) -> Repeat {
        Repeat::Doubles("runs a command")
    }

    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        let arguments = self.arguments.iter().map(|argument| argument.compile(making.layout));
        Ok(Box::new(RunWriter {
            name: self.name.as_bytes().into(),
            arguments: arguments.collect::<Result<_, _>>()?,
            scratch: Scratch::default(),
        }))
    }

    fn requires(&self) -> Option<&str> {
        Some(&self.name)
    }
}

struct RunWriter {
    name: Box<[u8]>,
    arguments: Box<[TemplateProgram]>,
    scratch: Scratch,
}

impl Writer for RunWriter {
    /// Adds the command; a word that names a key of ours is an error.
    fn write(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
        _selected: Selected<'_, '_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        if occasion != Occasion::Record {
            return Ok(());
        }
        let reserved = |key: &[u8]| WriteError::Key {
            key: String::from_utf8_lossy(key).into_owned(),
            error: KeyError::Reserved,
        };
        let builder = &mut *output.builder;
        builder.command(1 + self.arguments.len()).map_err(|_| reserved(&self.name))?;
        builder.word(&self.name);
        for argument in &self.arguments {
            self.scratch.show(
                |out| Ok(argument.write(context, out)?),
                |word| {
                    if ledger::is_reserved(word) {
                        return Err(reserved(word));
                    }
                    builder.word(word);
                    Ok(())
                },
            )?;
        }
        Ok(())
    }
}
