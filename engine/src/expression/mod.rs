//! Expressions: what stands in `%{…}` of a template.
//!
//! Built so far: paths over the value's fields (`a.b[0].c`, `_value['odd-name']`)
//! and the metadata names. Operators and functions parse to a named error
//! until they exist. A parsed expression is pure data; [`bind`](Path::bind)
//! ties its first step to a worker's [`Names`](crate::record::Names).

mod path;
mod template;

pub use path::{Metadata, Path, Root, Step};
pub use template::{Part, Template};

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
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (column {})", self.problem, self.at + 1)
    }
}

impl std::error::Error for ExpressionError {}

/// Why an expression has no value for a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationError(pub String);

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EvaluationError {}

/// One record as expressions see it.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Topic name.
    pub topic: &'a str,
    /// Partition number.
    pub partition: i32,
    /// The record's own offset.
    pub offset: i64,
    /// Milliseconds since 1970; none when the broker gave none.
    pub timestamp: Option<i64>,
    /// The key's bytes; none for a null key.
    pub key: Option<&'a [u8]>,
    /// The key's decoded fields.
    pub key_fields: &'a crate::record::Fields,
    /// The value's bytes; none for a tombstone.
    pub value: Option<&'a [u8]>,
    /// The value's decoded fields.
    pub value_fields: &'a crate::record::Fields,
    /// Looks a header up by name; of several the last.
    pub headers: &'a dyn Headers,
    /// The names that the fields were decoded with.
    pub names: &'a crate::record::Names,
}

/// A record's headers.
pub trait Headers {
    /// The last header of that name; none when absent or null.
    fn last(&self, name: &str) -> Option<&[u8]>;
}
