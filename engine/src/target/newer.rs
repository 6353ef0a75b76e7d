//! NEWER: an older record does not overwrite.

use super::{Making, WriteError};
use crate::expression::{
    Context, EvaluationError, Expression, ExpressionError, FieldName, Program,
};
use crate::grammar::{Argument, Kind};
use crate::record::Names;
use crate::unit::{Entry, Operand};

/// The option.
pub(super) const NEWER: Argument =
    Argument::option("NEWER", "expression", Kind::Expression).optional().about(
        "a record for which this number, time or text is lower than that of the record which \
         stands does not overwrite; the value is kept in the field _newer:<route>",
    );

/// Its compiled form: belongs to one worker.
#[derive(Debug)]
pub(super) struct Newer {
    program: Program,
    field: FieldName,
}

impl Newer {
    /// Says in the layout what the expression reads.
    pub fn compile(
        expression: Option<&Expression>,
        making: &mut Making<'_>,
    ) -> Result<Option<Newer>, ExpressionError> {
        let Some(expression) = expression else { return Ok(None) };
        let field = FieldName::new(&format!("_newer:{}", making.route));
        Ok(Some(Newer { program: expression.compile(making.layout)?, field }))
    }

    /// How new a record is.
    pub fn operand<'a>(&'a self, context: &Context<'a>) -> Result<Operand<'a>, WriteError> {
        let source = self.program.source();
        match Operand::of(self.program.evaluate(context)?, context.arena) {
            Ok(Some(operand)) => Ok(operand),
            Ok(None) => Err(EvaluationError::Null(source.to_owned()).into()),
            Err(problem) => {
                Err(WriteError::Unfit(format!("NEWER {source}: {problem} has no order")))
            }
        }
    }

    /// Says so in the write.
    pub fn write(&self, operand: Operand<'_>, names: &mut Names, entry: &mut Entry<'_>) {
        entry.newer(self.field.id(names), operand);
    }

    /// Drops the name's number.
    pub fn forget_names(&self) {
        self.field.forget();
    }
}
