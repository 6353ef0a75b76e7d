//! Aggregates of a HASH: what a record folds into the fields of a table.

use super::WriteError;
use crate::expression::time::Moment;
use crate::expression::{
    Aggregate, AggregateFunction, Context, ExpressionError, FieldName, Layout, Numeric, Program,
    Selection,
};
use crate::format::text::write_text;
use crate::record::{NameId, Names, Value};
use crate::unit::{Entry, Fold, Operand};
use std::cell::Cell;

/// All aggregates of a route, compiled: belongs to one worker.
pub(super) struct Aggregates {
    all: Vec<AggregateProgram>,
    /// Where texts that are no record's are made.
    text: Cell<Vec<u8>>,
}

#[derive(Debug)]
struct AggregateProgram {
    function: AggregateFunction,
    operand: Option<Program>,
    time: Option<Program>,
    field: FieldName,
    /// Fields kept beside it: avg's sum and count, the time of first and last.
    beside: [FieldName; 2],
    /// As written, for errors.
    source: Box<str>,
}

impl Aggregates {
    /// The aggregates of a selection, and in `layout` what they read; none where it has none.
    pub fn compile(
        selection: Option<&Selection>,
        layout: &mut Layout,
    ) -> Result<Option<Aggregates>, ExpressionError> {
        let all = selection.into_iter().flat_map(Selection::aggregates);
        let all = all.map(|aggregate| AggregateProgram::compile(aggregate, layout));
        let all = all.collect::<Result<Vec<_>, _>>()?;
        Ok((!all.is_empty()).then(|| Aggregates { all, text: Cell::default() }))
    }

    /// Whether an aggregate keeps the field of that name.
    pub fn keeps(&self, field: NameId, names: &mut Names) -> bool {
        self.all.iter().any(|aggregate| aggregate.field.id(names) == field)
    }

    /// Folds a record.
    pub fn write(
        &self,
        context: &Context<'_>,
        names: &mut Names,
        entry: &mut Entry<'_>,
    ) -> Result<(), WriteError> {
        let mut text = self.text.take();
        let mut all = self.all.iter();
        let folded = all.try_for_each(|one| one.fold(context, names, entry, &mut text));
        self.text.set(text);
        folded
    }

    /// Drops every name's number.
    pub fn forget_names(&self) {
        for aggregate in &self.all {
            aggregate.field.forget();
            aggregate.beside.iter().for_each(FieldName::forget);
        }
    }
}

impl AggregateProgram {
    fn compile(aggregate: &Aggregate, layout: &mut Layout) -> Result<Self, ExpressionError> {
        let name = aggregate.name();
        let beside = match aggregate.function() {
            AggregateFunction::Avg => [format!("_sum:{name}"), format!("_count:{name}")],
            _ => [format!("_at:{name}"), String::new()],
        };
        Ok(AggregateProgram {
            function: aggregate.function(),
            operand: aggregate.operand().map(|it| it.compile(layout)).transpose()?,
            time: aggregate.time().map(|it| it.compile(layout)).transpose()?,
            field: FieldName::new(name),
            beside: beside.map(|name| FieldName::new(&name)),
            source: aggregate.to_string().into(),
        })
    }

    /// Adds the fold of a record; nulls change nothing.
    fn fold(
        &self,
        context: &Context<'_>,
        names: &mut Names,
        entry: &mut Entry<'_>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        let value = match &self.operand {
            Some(program) => Some(program.evaluate(context)?),
            None => None,
        };
        let field = self.field.id(names);
        let is_null = value.is_some_and(|value| value.is_null());
        if self.function == AggregateFunction::Count {
            // A count of nulls alone is 0, not absent.
            entry.fold(Fold::Count { field, by: u8::from(!is_null) });
            return Ok(());
        }
        let value = value.unwrap_or_default();
        if is_null {
            return Ok(());
        }
        let [first, second] = &self.beside;
        entry.fold(match self.function {
            AggregateFunction::Count => Fold::Count { field, by: 1 },
            AggregateFunction::Sum => Fold::Sum { field, number: self.number(value)? },
            AggregateFunction::Avg => Fold::Mean {
                field,
                sum: first.id(names),
                count: second.id(names),
                number: self.number(value)?,
            },
            AggregateFunction::Min => Fold::Least { field, operand: self.operand(value, context)? },
            AggregateFunction::Max => {
                Fold::Greatest { field, operand: self.operand(value, context)? }
            }
            AggregateFunction::First | AggregateFunction::Last => {
                let time = self.time(context)?;
                let text = text(value, scratch);
                match (self.function, time) {
                    (_, Some(Time::Null)) => return Ok(()),
                    (AggregateFunction::First, None) => Fold::First { field, text },
                    (AggregateFunction::First, Some(Time::At(time))) => {
                        Fold::Earliest { field, at: first.id(names), time, text }
                    }
                    (_, None) => {
                        entry.text(field, text);
                        return Ok(());
                    }
                    (_, Some(Time::At(time))) => {
                        Fold::Latest { field, at: first.id(names), time, text }
                    }
                }
            }
        });
        Ok(())
    }

    fn number(&self, value: Value<'_>) -> Result<Numeric, WriteError> {
        match Numeric::of(value) {
            Some(number) if number.is_finite() => Ok(number),
            Some(_) => Err(self.unfit("the number is not finite")),
            None => Err(self.unfit("the value is no number; use CAST(… AS DECIMAL(18, 2))")),
        }
    }

    fn operand<'a>(
        &self,
        value: Value<'a>,
        context: &Context<'a>,
    ) -> Result<Operand<'a>, WriteError> {
        let operand = Operand::of(value, context.arena);
        let operand = operand.map_err(|problem| self.unfit(&format!("{problem} has no order")))?;
        operand.ok_or_else(|| self.unfit("null has no order"))
    }

    fn time(&self, context: &Context<'_>) -> Result<Option<Time>, WriteError> {
        let Some(program) = &self.time else { return Ok(None) };
        let value = program.evaluate(context)?;
        if value.is_null() {
            return Ok(Some(Time::Null));
        }
        match Moment::of(value, context.arena) {
            Some(moment) => Ok(Some(Time::At(moment))),
            None => {
                let source = program.source();
                Err(self.unfit(&format!("{source} is no timestamp, ISO 8601 text or milliseconds")))
            }
        }
    }

    fn unfit(&self, problem: &str) -> WriteError {
        WriteError::Unfit(format!("{}: {problem}", self.source))
    }
}

/// The time of a record.
enum Time {
    Null,
    At(Moment),
}

fn text<'t>(value: Value<'t>, scratch: &'t mut Vec<u8>) -> &'t [u8] {
    match value {
        Value::Text(text) | Value::Number(text) => text.as_bytes(),
        Value::Bytes(bytes) => bytes,
        _ => {
            scratch.clear();
            write_text(value, scratch);
            scratch
        }
    }
}
