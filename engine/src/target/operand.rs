//! What the expressions of targets' options give: members, numbers and times.

use super::WriteError;
use crate::expression::{Context, EvaluationError, Expression, ExpressionError, Layout};
use crate::expression::{Numeric, Program};
use crate::format::text::write_text;
use crate::record::{TimeUnit, Value};
use std::cell::Cell;
use std::ops::RangeInclusive;

/// What a buffer keeps; one enormous record shall not hold its memory for ever.
const KEPT: usize = 1 << 20;

/// So many characters of a value are shown in an error.
const SHOWN: usize = 40;

/// A writer's buffer for text that does not stand anywhere yet, kept between records.
#[derive(Default)]
pub(super) struct Scratch(Cell<Vec<u8>>);

impl Scratch {
    /// Shows what `fill` writes into the empty buffer.
    pub fn show<T, E>(
        &self,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
        show: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut text = self.0.take();
        text.clear();
        let shown = fill(&mut text).and_then(|()| show(&text));
        if text.capacity() <= KEPT {
            self.0.set(text);
        }
        shown
    }
}

/// An option's expression, compiled.
#[derive(Debug)]
pub(super) struct Operand {
    option: &'static str,
    program: Program,
}

impl Operand {
    /// Says in `layout` what it reads.
    pub fn new(
        option: &'static str,
        expression: &Expression,
        layout: &mut Layout,
    ) -> Result<Operand, ExpressionError> {
        Ok(Operand { option, program: expression.compile(layout)? })
    }

    /// The expression's canonical text.
    pub fn source(&self) -> &str {
        self.program.source()
    }

    /// Its value; null is an error.
    pub fn value<'a>(&'a self, context: &Context<'a>) -> Result<Value<'a>, WriteError> {
        match self.program.evaluate(context)? {
            Value::Null => Err(EvaluationError::Null(self.source().to_owned()).into()),
            value => Ok(value),
        }
    }

    /// The nearest double; only finite numbers are one, and texts are none.
    pub fn number(&self, context: &Context<'_>) -> Result<f64, WriteError> {
        let value = self.value(context)?;
        match Numeric::of(value) {
            None => Err(self.unfit(value, "is no number; where it is a text, CAST it")),
            Some(number) => match number.double() {
                finite if finite.is_finite() => Ok(finite),
                _ => Err(self.unfit(value, "is no finite number")),
            },
        }
    }

    /// A number within `range`.
    pub fn number_in(
        &self,
        context: &Context<'_>,
        range: &RangeInclusive<f64>,
    ) -> Result<f64, WriteError> {
        let number = self.number(context)?;
        if range.contains(&number) {
            return Ok(number);
        }
        let problem = format!("is not within {} and {}", range.start(), range.end());
        Err(self.unfit(Value::Double(number), &problem))
    }

    /// Milliseconds since 1970, of a timestamp or of a whole number of them.
    pub fn milliseconds(&self, context: &Context<'_>) -> Result<u64, WriteError> {
        let value = self.value(context)?;
        let at = milliseconds(value).and_then(|at| u64::try_from(at).ok());
        at.ok_or_else(|| {
            self.unfit(value, "is no timestamp and no whole number of milliseconds from 0 on")
        })
    }

    /// Shows its text form.
    pub fn text<T>(
        &self,
        context: &Context<'_>,
        scratch: &Scratch,
        show: impl FnOnce(&[u8]) -> Result<T, WriteError>,
    ) -> Result<T, WriteError> {
        match self.value(context)? {
            Value::Text(text) | Value::Number(text) => show(text.as_bytes()),
            Value::Bytes(bytes) => show(bytes),
            value => scratch.show(
                |out| {
                    write_text(value, out);
                    Ok(())
                },
                show,
            ),
        }
    }

    fn unfit(&self, value: Value<'_>, problem: &str) -> WriteError {
        let Operand { option, .. } = self;
        WriteError::Unfit(format!("{option} {}: '{}' {problem}", self.source(), shown(value)))
    }
}

/// Milliseconds since 1970; none of what is neither a timestamp nor a whole number.
pub(super) fn milliseconds(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Int(at) | Value::Timestamp(at, TimeUnit::Millis) => Some(at),
        Value::Timestamp(at, TimeUnit::Micros) => Some(at.div_euclid(1_000)),
        Value::Timestamp(at, TimeUnit::Nanos) => Some(at.div_euclid(1_000_000)),
        Value::Number(text) => text.parse().ok(),
        _ => None,
    }
}

/// A value's text for an error.
pub(super) fn shown(value: Value<'_>) -> String {
    let mut text = Vec::new();
    write_text(value, &mut text);
    let text = String::from_utf8_lossy(&text);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}
