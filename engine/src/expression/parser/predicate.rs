//! Comparisons, IS, IN, BETWEEN and LIKE.

use super::{Parser, comparison};
use crate::expression::ExpressionError;
use crate::expression::display::Level;
use crate::expression::lexer::TokenKind;
use crate::expression::node::{Expression, Literal, Node};

impl Parser<'_> {
    /// What follows `operand`, whose operator stands next, at byte `at`.
    pub(super) fn predicate(
        &mut self,
        operand: Expression,
        at: usize,
    ) -> Result<Expression, ExpressionError> {
        if let TokenKind::Symbol(symbol) = self.peek()
            && let Some(comparison) = comparison(symbol)
        {
            self.next += 1;
            let right = self.binary(Level::Concat)?;
            return self.node(at, Node::Compare(comparison, operand, right));
        }
        if self.take_word("IS") {
            return self.is(operand, at);
        }
        let negated = self.take_word("NOT");
        if self.take_word("IN") {
            return self.in_list(operand, negated, at);
        }
        if self.take_word("BETWEEN") {
            let low = self.binary(Level::Concat)?;
            self.expect_word("AND")?;
            let high = self.binary(Level::Concat)?;
            return self.node(at, Node::Between { operand, low, high, negated });
        }
        self.expect_word("LIKE")?;
        let pattern = self.binary(Level::Concat)?;
        let escape = if self.take_word("ESCAPE") { Some(self.escape()?) } else { None };
        self.node(at, Node::Like { operand, pattern, escape, negated })
    }

    fn is(&mut self, operand: Expression, at: usize) -> Result<Expression, ExpressionError> {
        let negated = self.take_word("NOT");
        if self.take_word("NULL") {
            return self.node(at, Node::IsNull { operand, negated });
        }
        if self.take_word("DISTINCT") {
            self.expect_word("FROM")?;
            let right = self.binary(Level::Concat)?;
            return self.node(at, Node::Distinct(!negated, operand, right));
        }
        self.is_truth(operand, negated, at)
    }

    /// `IS [NOT] TRUE | FALSE | UNKNOWN`: never null, as SQL's boolean test.
    fn is_truth(
        &mut self,
        operand: Expression,
        negated: bool,
        at: usize,
    ) -> Result<Expression, ExpressionError> {
        let truth_at = self.position();
        let truth = match () {
            () if self.take_word("TRUE") => Literal::Boolean(true),
            () if self.take_word("FALSE") => Literal::Boolean(false),
            () if self.take_word("UNKNOWN") => {
                return self.node(at, Node::IsNull { operand, negated });
            }
            () => return Err(self.expected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM")),
        };
        let truth = self.node(truth_at, Node::Literal(truth))?;
        self.node(at, Node::Distinct(negated, operand, truth))
    }

    fn in_list(
        &mut self,
        operand: Expression,
        negated: bool,
        at: usize,
    ) -> Result<Expression, ExpressionError> {
        self.expect_symbol("(")?;
        let mut list = vec![self.expression()?];
        while self.take_symbol(",") {
            list.push(self.expression()?);
        }
        self.expect_symbol(")")?;
        self.node(at, Node::In { operand, list, negated })
    }

    fn escape(&mut self) -> Result<char, ExpressionError> {
        let one = match self.peek() {
            TokenKind::Text(text) => {
                let mut characters = text.chars();
                characters.next().filter(|_| characters.next().is_none())
            }
            _ => None,
        };
        let escape = one.ok_or_else(|| self.expected("ESCAPE's one character, as '\\',"))?;
        self.next += 1;
        Ok(escape)
    }
}
