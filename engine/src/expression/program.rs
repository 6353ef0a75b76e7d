//! Compiled expressions: a flat list of operations over the slots of a decoded record.

use super::function::{Function, Prepared};
use super::like::Pattern;
use super::node::{Arithmetic, CastType, Comparison};
use super::operand::{Constant, Test};
use super::path::Leaf;
use super::run::{boolean, truth_of};
use super::{Context, EvaluationError};
use crate::record::{Step, Value};

/// The longest text that `||` makes, in bytes.
pub const MAX_TEXT: usize = 1 << 20;

/// A compiled expression.
#[derive(Debug)]
pub struct Program {
    pub(super) body: Body,
    /// The expression's canonical text, for errors.
    pub(super) source: Box<str>,
}

#[derive(Debug)]
pub(super) enum Body {
    /// Nothing but a path.
    Leaf(Leaf),
    Constant(Constant),
    /// Tests joined by AND; at least one.
    Tests(Box<[Test]>),
    Operations(Operations),
}

#[derive(Debug, Default)]
pub(super) struct Operations {
    pub list: Vec<Operation>,
    /// The text of each operation's expression, for errors.
    pub origins: Vec<Box<str>>,
    /// The greatest number of values at once.
    pub height: usize,
}

/// One operation; operands are taken from a stack, and the result is put there.
#[derive(Debug)]
pub(super) enum Operation {
    /// A slot of the value.
    Slot(usize),
    Leaf(Box<Leaf>),
    Constant(Box<Constant>),
    Test(Box<Test>),
    Negate,
    Not,
    And,
    Or,
    Arithmetic(Arithmetic),
    Compare(Comparison),
    Distinct(bool),
    IsNull(bool),
    Between(bool),
    /// Operand, then this many values.
    In {
        count: usize,
        negated: bool,
    },
    InTexts(Box<Texts>),
    Like(Box<Like>),
    Concat(usize),
    Cast(CastType),
    Call(Box<CallOperation>),
    List(usize),
    /// This many keys and values, in turn.
    Map(usize),
    Struct(Box<[Box<str>]>),
    Steps(Box<[Step]>),
    Element,
    Duplicate,
    Drop,
    Jump(usize),
    /// Jumps when the top is false, and leaves it.
    JumpIfFalse(usize),
    JumpIfTrue(usize),
    /// Jumps when the top is not null, and leaves it; otherwise drops it.
    JumpUnlessNull(usize),
    /// Takes the top, and jumps when it is not true.
    JumpUnlessTrue(usize),
}

/// `IN` a list of constant texts.
#[derive(Debug)]
pub(super) struct Texts {
    /// In order.
    pub texts: Vec<Box<str>>,
    /// Whether the list has a NULL: then nothing is known to be out of it.
    pub null: bool,
    pub negated: bool,
}

#[derive(Debug)]
pub(super) struct Like {
    /// None when the pattern stands on the stack, behind the text.
    pub pattern: Option<Pattern>,
    pub escape: Option<char>,
    pub negated: bool,
}

#[derive(Debug)]
pub(super) struct CallOperation {
    pub function: &'static Function,
    pub count: usize,
    pub prepared: Option<Prepared>,
}

impl Program {
    /// The expression's value for a record.
    #[inline]
    pub fn evaluate<'a>(&'a self, context: &Context<'a>) -> Result<Value<'a>, EvaluationError> {
        match &self.body {
            Body::Leaf(leaf) => Ok(leaf.load(context)),
            Body::Constant(constant) => Ok(constant.value()),
            Body::Tests(tests) => self.tests(tests, context).map(boolean),
            Body::Operations(operations) => operations.run(context).map_err(|(origin, problem)| {
                EvaluationError::Failed(format!(
                    "{problem} in {}",
                    if origin.is_empty() { &self.source } else { origin }
                ))
            }),
        }
    }

    /// Whether the expression is true of a record: null counts as false.
    #[inline]
    pub fn is_true(&self, context: &Context<'_>) -> Result<bool, EvaluationError> {
        if let Body::Tests(tests) = &self.body {
            return self.tests(tests, context).map(|truth| truth == Some(true));
        }
        let truth = truth_of(self.evaluate(context)?);
        let truth = truth
            .map_err(|problem| EvaluationError::Failed(format!("{problem}: {}", self.source)))?;
        Ok(truth == Some(true))
    }

    #[inline]
    fn tests<'a>(
        &'a self,
        tests: &'a [Test],
        context: &Context<'a>,
    ) -> Result<Option<bool>, EvaluationError> {
        let mut all = Some(true);
        for test in tests {
            match test.holds(context) {
                Ok(Some(true)) => {}
                Ok(Some(false)) => return Ok(Some(false)),
                Ok(None) => all = None,
                Err(problem) => {
                    return Err(EvaluationError::Failed(format!("{problem} in {}", self.source)));
                }
            }
        }
        Ok(all)
    }

    /// The expression's canonical text.
    pub fn source(&self) -> &str {
        &self.source
    }
}
