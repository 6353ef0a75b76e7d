//! TIMESERIES: a record is a sample.

use super::keyed::{
    DELETE_WHEN, EXPIRY, KEY, Keyed, KeyedWriter, RecordWriter, Removals, TOMBSTONE,
};
use super::operand::Operand;
use super::{
    Declared, Making, Output, Place, Repeat, Selected, TargetRow, WriteError, Writer, expression,
};
use crate::expression::{Context, Expression, ExpressionError};
use crate::grammar::{Argument, Clause, CommandError, Kind, Match};
use crate::unit::{GroupKind, Keep, PlainWrite};
use std::sync::Arc;

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "TIMESERIES",
        summary: "a record is a sample of a time series; of two samples of one time the last \
                  stands (needs a server with TS.ADD)",
        arguments: &[KEY],
        options: &[
            Argument::option("AT", "expression", Kind::Expression).optional().about(
                "the sample's time, a timestamp or milliseconds since 1970 (default _timestamp)",
            ),
            Argument::option("VALUE", "expression", Kind::Expression)
                .about("the sample's value, a number"),
            EXPIRY,
            TOMBSTONE,
            DELETE_WHEN,
        ],
        trailing: None,
    },
    |matched| Ok(Arc::new(Series::parse(matched)?)),
);

/// `TIMESERIES key [AT expr] VALUE expr`
#[derive(Debug)]
struct Series {
    keyed: Keyed,
    at: Option<Expression>,
    value: Expression,
}

impl Series {
    fn parse(matched: &Match<'_>) -> Result<Series, CommandError> {
        Ok(Series {
            keyed: Keyed::parse(matched)?,
            at: matched.get("AT").map(|part| expression(part.word()?)).transpose()?,
            value: expression(matched.word_of("VALUE")?)?,
        })
    }
}

impl Declared for Series {
    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["TIMESERIES".to_owned(), self.keyed.key.to_string()];
        if let Some(at) = &self.at {
            words.extend(["AT".to_owned(), at.to_string()]);
        }
        words.extend(["VALUE".to_owned(), self.value.to_string()]);
        words.extend(self.keyed.options());
        words
    }

    fn place(&self) -> Place<'_> {
        Place::Key(&self.keyed.key)
    }

    fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        let mut all: Vec<_> = self.at.iter().map(|at| ("AT", at)).collect();
        all.push(("VALUE", &self.value));
        all.extend(self.keyed.expressions());
        all
    }

    fn takes_selection(&self) -> bool {
        false
    }

    /// Of two samples of one time the last stands, and it is the same one.
    fn repeat(&self) -> Repeat {
        Repeat::Same
    }

    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        let keyed = self.keyed.compile(making.layout, Removals::NONE)?;
        Ok(keyed.with(SeriesWriter {
            at: self.at.as_ref().map(|at| Operand::new("AT", at, making.layout)).transpose()?,
            value: Operand::new("VALUE", &self.value, making.layout)?,
        }))
    }

    fn requires(&self) -> Option<&str> {
        Some("TS.ADD")
    }
}

struct SeriesWriter {
    at: Option<Operand>,
    value: Operand,
}

impl SeriesWriter {
    fn time(&self, context: &Context<'_>) -> Result<i64, WriteError> {
        let at = match &self.at {
            Some(at) => i64::try_from(at.milliseconds(context)?).ok(),
            None => context.timestamp.filter(|at| *at >= 0),
        };
        at.ok_or_else(|| WriteError::Unfit("the record has no timestamp; write AT".to_owned()))
    }
}

impl RecordWriter for SeriesWriter {
    const KIND: GroupKind = GroupKind::TimeSeries;

    /// Adds the sample.
    fn write(
        &self,
        keyed: &KeyedWriter,
        context: &Context<'_>,
        _selected: Selected<'_, '_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        let sample = PlainWrite::Sample(self.time(context)?, self.value.number(context)?);
        let upkeep = keyed.begin(context, Keep::All, output.builder)?;
        keyed.plain(context, Self::KIND, sample, upkeep, output.builder)
    }
}
