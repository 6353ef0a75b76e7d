//! Expressions: SQL over a record, in `%{…}` of a template, in WHERE and in SELECT.
//!
//! Parsed once to pure data, compiled once against a [`Layout`] to a flat list of
//! operations over numbered slots of a decoded [`Row`], and evaluated on each
//! record without allocating (computed texts live in the record's arena).

mod aggregate;
mod alias;
mod cast;
mod compare;
mod compile;
mod convert;
mod display;
mod each;
mod fold;
pub mod function;
mod lexer;
mod like;
mod node;
mod number;
mod operand;
mod parser;
mod path;
mod program;
mod run;
mod select;
mod template;
pub mod time;
mod types;

#[cfg(test)]
mod tests;

pub use aggregate::{AGGREGATES, Aggregate, AggregateFunction, AggregateRow};
pub use alias::{Aliases, Reads, check_alias};
pub use compare::{Mismatch, Relation, compare};
pub use each::{ENTRY_KEY, ENTRY_VALUE, elements};
pub use lexer::MAX_LENGTH;
pub use node::{Expression, MAX_HEIGHT};
pub use number::Numeric;
pub use path::{Leaf, Metadata, Path, Root};
pub use program::{MAX_TEXT, Program};
pub use select::{FieldName, Selection, SelectionProgram};
pub use template::{Template, TemplateProgram};
pub use types::{Types, check, check_condition, element_type};

use crate::format::Headers;
use crate::record::{Arena, Row, Value, Wanted};
use std::fmt;

/// Why an expression or template was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// Byte position in the whole template, counted from 0.
    pub at: usize,
    /// What is wrong and the way out.
    pub problem: String,
}

impl ExpressionError {
    pub(crate) fn new(at: usize, problem: impl Into<String>) -> Self {
        ExpressionError { at, problem: problem.into() }
    }

    /// The line of `source` it is about, and below it a caret under the column.
    pub fn shown_in(&self, source: &str) -> String {
        let before = source.get(..self.at.min(source.len())).unwrap_or(source);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = source.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
        let indent = before.get(start..).unwrap_or_default().chars().count();
        format!("{line}\n{:indent$}^ {}", "", self.problem)
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (column {})", self.problem, self.at + 1)
    }
}

impl std::error::Error for ExpressionError {}

/// Why an expression has no value for a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvaluationError {
    /// It is null where a value is needed; its text.
    Null(String),
    /// It cannot be computed; what is wrong.
    Failed(String),
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvaluationError::Null(source) => write!(f, "{source} is null"),
            EvaluationError::Failed(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for EvaluationError {}

/// One record as compiled expressions see it.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Topic name.
    pub topic: &'a str,
    /// Partition number.
    pub partition: i32,
    /// The record's own offset.
    pub offset: i64,
    /// Milliseconds since 1970; none when the broker gave none.
    pub timestamp: Option<i64>,
    /// What was wanted of the key.
    pub key: &'a Row<'a>,
    /// What was wanted of the value.
    pub value: &'a Row<'a>,
    /// What was wanted of the envelope around the value (ENVELOPE DEBEZIUM).
    pub envelope: &'a Row<'a>,
    /// Looks a header up by name; of several the last.
    pub headers: &'a dyn Headers,
    /// What the aliases of the route stand for, in the order of their declaration.
    pub aliases: &'a [Value<'a>],
    /// Where computed values live until the next record.
    pub arena: &'a Arena,
}

/// Gathers what all expressions of a subscription want of its records, so that
/// each part is decoded once. A compiled expression reads slots by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// Wanted of the value.
    pub value: Wanted,
    /// Wanted of the key.
    pub key: Wanted,
    /// Wanted of the envelope around the value: paths that start with `op`,
    /// `before` or `source`.
    pub envelope: Wanted,
    /// The aliases of the route that is being compiled.
    pub aliases: Aliases,
}
