//! Aggregates: what a table keeps of all records of a key.
//!
//! [`AGGREGATES`] is the one table of them; parsing, static types and docs/functions.md read it.
//! An aggregate is no expression: it stands alone as an item of SELECT.

use super::function::Class;
use super::node::Expression;
use super::types::words;
use super::{ExpressionError, Selection};
use crate::record::Type;
use std::fmt;

/// What an aggregate computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateFunction {
    /// How many records, or how many with a value.
    Count,
    /// The sum of numbers.
    Sum,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The arithmetic mean of numbers.
    Avg,
    /// The value of the first record, or of the earliest.
    First,
    /// The value of the last record, or of the latest.
    Last,
}

impl AggregateFunction {
    /// Whether a record that is read once more changes it: it adds up, where the others choose.
    pub fn adds_up(self) -> bool {
        match self {
            AggregateFunction::Count | AggregateFunction::Sum | AggregateFunction::Avg => true,
            AggregateFunction::Min
            | AggregateFunction::Max
            | AggregateFunction::First
            | AggregateFunction::Last => false,
        }
    }
}

/// A row of [`AGGREGATES`].
#[derive(Debug)]
pub struct AggregateRow {
    /// Its name in lower case.
    pub name: &'static str,
    /// Another name of it, ksqlDB's.
    pub alias: Option<&'static str>,
    /// How it is called.
    pub signature: &'static str,
    /// How few and how many arguments it takes.
    pub arguments: (usize, usize),
    /// What the field holds, for the reference.
    pub summary: &'static str,
    /// The fields kept beside it, for the reference.
    pub beside: &'static [&'static str],
    function: AggregateFunction,
}

/// All aggregates.
pub static AGGREGATES: &[AggregateRow] = &[
    AggregateRow {
        name: "count",
        alias: None,
        signature: "count([value])",
        arguments: (0, 1),
        summary: "How many records there were, or how many with a value that is not null. \
                  `count(*)` is `count()`.",
        beside: &[],
        function: AggregateFunction::Count,
    },
    AggregateRow {
        name: "sum",
        alias: None,
        signature: "sum(number)",
        arguments: (1, 1),
        summary: "The sum. Integers and decimals are summed exactly, with up to 38 digits; what \
                  meets a double becomes a double.",
        beside: &[],
        function: AggregateFunction::Sum,
    },
    AggregateRow {
        name: "min",
        alias: None,
        signature: "min(value)",
        arguments: (1, 1),
        summary: "The least number, time or text. Texts are ordered by their bytes.",
        beside: &[],
        function: AggregateFunction::Min,
    },
    AggregateRow {
        name: "max",
        alias: None,
        signature: "max(value)",
        arguments: (1, 1),
        summary: "The greatest number, time or text. Of equal ones the earlier stays.",
        beside: &[],
        function: AggregateFunction::Max,
    },
    AggregateRow {
        name: "avg",
        alias: None,
        signature: "avg(number)",
        arguments: (1, 1),
        summary: "The mean: the sum divided as decimals are, so with 6 digits behind the point or \
                  one more than the sum has; a double where the sum is one.",
        beside: &["_sum:name", "_count:name"],
        function: AggregateFunction::Avg,
    },
    AggregateRow {
        name: "first",
        alias: Some("earliest_by_offset"),
        signature: "first(value[, time])",
        arguments: (1, 2),
        summary: "The value of the first record that had one; with a time, of the earliest. Of \
                  equal times the first record's stays.",
        beside: &["_at:name"],
        function: AggregateFunction::First,
    },
    AggregateRow {
        name: "last",
        alias: Some("latest_by_offset"),
        signature: "last(value[, time])",
        arguments: (1, 2),
        summary: "The value of the last record that had one; with a time, of the latest. Of equal \
                  times the last record's stays.",
        beside: &["_at:name"],
        function: AggregateFunction::Last,
    },
];

/// The aggregate of that name or alias, in any case.
pub(super) fn find(name: &str) -> Option<&'static AggregateRow> {
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    AGGREGATES.iter().find(|row| is(row.name) || row.alias.is_some_and(is))
}

/// Every name and alias, for nearest-name suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    AGGREGATES.iter().flat_map(|row| std::iter::once(row.name).chain(row.alias))
}

/// An aggregate of a SELECT.
#[derive(Debug, Clone)]
pub struct Aggregate {
    row: &'static AggregateRow,
    /// At most two.
    arguments: Vec<Expression>,
    /// The field's name.
    pub(super) name: String,
    /// Byte position of its first word: no part of what it means.
    pub(super) at: usize,
}

impl PartialEq for Aggregate {
    fn eq(&self, other: &Aggregate) -> bool {
        let same = self.function() == other.function() && self.name == other.name;
        same && self.arguments == other.arguments
    }
}

impl Eq for Aggregate {}

impl Aggregate {
    /// An aggregate without its field's name; its arguments may be too few or too many.
    pub(super) fn new(
        row: &'static AggregateRow,
        arguments: Vec<Expression>,
        at: usize,
    ) -> Result<Aggregate, ExpressionError> {
        let (least, most) = row.arguments;
        if !(least..=most).contains(&arguments.len()) {
            let (given, called) = (arguments.len(), row.signature);
            let problem = format!("{given} arguments given: it is called as {called}");
            return Err(ExpressionError::new(at, problem));
        }
        let aggregate = Aggregate { row, arguments, name: String::new(), at };
        aggregate
            .check(&mut |argument| super::types::check(argument, &super::types::Types::UNKNOWN))?;
        Ok(aggregate)
    }

    /// What it computes.
    pub fn function(&self) -> AggregateFunction {
        self.row.function
    }

    /// The field's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it computes it of; none for `count()`.
    pub fn operand(&self) -> Option<&Expression> {
        self.arguments.first()
    }

    /// The time that tells which record is first or last; none where its offset does.
    pub fn time(&self) -> Option<&Expression> {
        self.arguments.get(1)
    }

    /// Its arguments.
    pub(super) fn arguments(&self) -> &[Expression] {
        &self.arguments
    }

    /// Holds its arguments against their types, which `type_of` tells.
    pub fn check(
        &self,
        type_of: &mut dyn FnMut(&Expression) -> Result<Type, ExpressionError>,
    ) -> Result<(), ExpressionError> {
        for (place, argument) in self.arguments.iter().enumerate() {
            let given = type_of(argument)?;
            let wanted = match (self.function(), place) {
                (AggregateFunction::Sum | AggregateFunction::Avg, _) => Class::Number,
                (AggregateFunction::First | AggregateFunction::Last, 1) => Class::Time,
                (AggregateFunction::Min | AggregateFunction::Max, _) => Class::TextOrBytes,
                _ => Class::Any,
            };
            if !wanted.accepts(&given) {
                return Err(ExpressionError::new(argument.place.at, self.refusal(wanted, &given)));
            }
        }
        Ok(())
    }

    fn refusal(&self, wanted: Class, given: &Type) -> String {
        let (name, given_words) = (self.row.name, words(given));
        match (wanted, given) {
            (Class::Number, Type::Text) => {
                format!("{name} takes numbers, not a text; use CAST(… AS DECIMAL(18, 2))")
            }
            (Class::Number, _) => format!("{name} takes numbers, not {given_words}"),
            (Class::Time, _) => format!("the time of {name} is {given_words}; use CAST"),
            _ => format!("{name} takes numbers, times and texts, not {given_words}"),
        }
    }
}

impl fmt::Display for Aggregate {
    /// The call without the field's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.row.name)?;
        for (place, argument) in self.arguments.iter().enumerate() {
            write!(f, "{}{argument}", if place > 0 { ", " } else { "" })?;
        }
        f.write_str(")")
    }
}

impl Selection {
    /// Where its first aggregate stands, as a byte of its text; none where it has none.
    pub fn first_aggregate(&self) -> Option<usize> {
        self.aggregates().next().map(|aggregate| aggregate.at)
    }
}
