//! TIMESERIES: a record is a sample.

use super::keyed::{Act, DELETE_WHEN, EXPIRY, KEY, Keyed, KeyedWriter, Removals, TOMBSTONE};
use super::operand::Operand;
use super::{
    Declared, Making, Occasion, Output, Place, Selected, TargetRow, WriteError, Writer, expression,
};
use crate::expression::{Context, EvaluationError, Expression, ExpressionError};
use crate::grammar::{Argument, Clause, CommandError, Kind, Match, Support};
use crate::unit::{GroupKind, Keep, PlainWrite, Upkeep};
use std::sync::Arc;

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "TIMESERIES",
        summary: "a record is a sample of a time series; of two samples of one time the last \
                  stands (needs a server with TS.ADD)",
        support: Support::Built,
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

    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        Ok(Box::new(SeriesWriter {
            keyed: self.keyed.compile(making.layout, Removals::NONE)?,
            at: self.at.as_ref().map(|at| Operand::new("AT", at, making.layout)).transpose()?,
            value: Operand::new("VALUE", &self.value, making.layout)?,
        }))
    }

    fn requires(&self) -> Option<&str> {
        Some("TS.ADD")
    }
}

struct SeriesWriter {
    keyed: KeyedWriter,
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

impl Writer for SeriesWriter {
    fn occasion(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
    ) -> Result<Occasion, EvaluationError> {
        self.keyed.occasion(context, occasion)
    }

    /// Adds the sample.
    fn write(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
        _selected: Selected<'_, '_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        match self.keyed.act(occasion) {
            Act::Write => {}
            Act::Remove => {
                return self.keyed.delete(context, GroupKind::TimeSeries, output.builder);
            }
            Act::Nothing => return Ok(()),
        }
        let sample = PlainWrite::Sample(self.time(context)?, self.value.number(context)?);
        let upkeep = Upkeep { keep: Keep::All, expiry: self.keyed.expiry(context)? };
        self.keyed.address(context, output.builder)?;
        output
            .builder
            .plain(GroupKind::TimeSeries, sample, upkeep)
            .map_err(|error| self.keyed.refused(error, context))
    }
}
