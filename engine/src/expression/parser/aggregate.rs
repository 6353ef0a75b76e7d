//! Aggregates: items of SELECT that look like calls.

use super::Parser;
use crate::expression::ExpressionError;
use crate::expression::aggregate::{self, Aggregate};
use crate::expression::lexer::TokenKind;

/// What is wrong with an aggregate that is no item.
pub(super) fn nested(name: &str) -> String {
    format!(
        "{name} is an aggregate, which stands alone as an item of SELECT in a HASH target; \
         compute with it when you read"
    )
}

impl Parser<'_> {
    /// An aggregate with the name of its field, where the next words call one.
    pub(in crate::expression) fn aggregate(
        &mut self,
    ) -> Result<Option<Aggregate>, ExpressionError> {
        let (TokenKind::Word(word), TokenKind::Symbol("(")) = (self.peek(), self.peek_at(1)) else {
            return Ok(None);
        };
        let Some(row) = aggregate::find(word) else { return Ok(None) };
        let at = self.position();
        self.next += 2;
        let arguments = match row.arguments.0 == 0 && self.take_symbol("*") {
            true => {
                self.expect_symbol(")")?;
                Vec::new()
            }
            false => self.list(")")?,
        };
        let mut aggregate = Aggregate::new(row, arguments, at)?;
        if !self.take_word("AS") {
            let problem = match self.peek() {
                TokenKind::End | TokenKind::Symbol(",") => "give it a name with AS".to_owned(),
                _ => nested(row.name),
            };
            return Err(ExpressionError::new(at, problem));
        }
        aggregate.name = self.output()?;
        Ok(Some(aggregate))
    }

    /// A name of what is selected: bare, or in backticks or single quotes.
    pub(in crate::expression) fn output(&mut self) -> Result<String, ExpressionError> {
        if let TokenKind::Text(text) = self.peek().clone() {
            self.advance();
            return Ok(text);
        }
        self.name()
    }
}
