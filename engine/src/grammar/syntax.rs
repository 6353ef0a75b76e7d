//! A grammar as the text that help and errors show: `[MAXLEN [~|=] n]`.

use super::{Argument, COMMAND_PREFIX, Clause, Kind, Presence, Repetition, Shape};
use std::fmt::{self, Display, Write};

impl Display for Argument {
    /// The argument without the brackets of an optional one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(token) = self.token {
            f.write_str(token)?;
            if !matches!(self.shape, Shape::Token) {
                f.write_char(' ')?;
            }
        }
        match self.shape {
            Shape::Token => {}
            Shape::Value(Kind::List) => write!(f, "{0}[,{0}]", self.name)?,
            Shape::Value(Kind::Template | Kind::Selection) => write!(f, "\"{}\"", self.name)?,
            Shape::Value(_) => f.write_str(self.name)?,
            // Long alternatives stand below their name, where it is explained.
            Shape::OneOf(parts) if self.token.is_some() && !are_tokens(parts) => {
                f.write_str(self.name)?;
            }
            Shape::OneOf(parts) => write_alternatives(parts, f)?,
            Shape::Block(parts) => write_all(parts.iter(), f)?,
            Shape::Clause(_) => f.write_str(self.name)?,
        }
        match self.repetition {
            Repetition::Once => Ok(()),
            Repetition::Values => write!(f, " [{} ...]", self.name),
            Repetition::Whole => f.write_str(" ..."),
        }
    }
}

impl Display for Clause {
    /// The name and all that may follow.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        let all = self.arguments.iter().chain(self.options).chain(self.trailing);
        for argument in all {
            f.write_char(' ')?;
            write_one(argument, f)?;
        }
        Ok(())
    }
}

impl Clause {
    /// The name and what comes first; the options are not written out.
    pub(super) fn beginning(&self) -> String {
        let mut words = self.name.to_owned();
        for argument in self.arguments {
            words += &format!(" {}", One(argument));
        }
        if !self.options.is_empty() && self.name.starts_with(COMMAND_PREFIX) {
            words += " ...";
        }
        words
    }
}

/// An argument with the brackets of an optional one.
struct One<'g>(&'g Argument);

impl Display for One<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_one(self.0, f)
    }
}

fn write_one(argument: &Argument, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if argument.presence == Presence::Optional {
        write!(f, "[{argument}]")
    } else if argument.token.is_none() && matches!(argument.shape, Shape::OneOf(_)) {
        write!(f, "({argument})")
    } else {
        write!(f, "{argument}")
    }
}

fn write_all<'g>(
    arguments: impl Iterator<Item = &'g Argument>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    for (index, argument) in arguments.enumerate() {
        if index > 0 {
            f.write_char(' ')?;
        }
        write_one(argument, f)?;
    }
    Ok(())
}

fn write_alternatives(parts: &[Argument], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let words = are_tokens(parts);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(if words { "|" } else { " | " })?;
        }
        write!(f, "{part}")?;
    }
    Ok(())
}

fn are_tokens(parts: &[Argument]) -> bool {
    parts.iter().all(|part| matches!(part.shape, Shape::Token))
}
