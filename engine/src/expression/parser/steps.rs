//! Paths and the steps behind any value: `.name`, `->name`, `['key']`, `[n]`.

use super::Parser;
use crate::expression::ExpressionError;
use crate::expression::lexer::TokenKind;
use crate::expression::node::{Expression, Node};
use crate::expression::path::{Path, Root, is_bare};
use crate::record::Step;

enum Bracket {
    Constant(Step),
    Computed(Expression),
}

impl Parser<'_> {
    /// A path's first name.
    pub(super) fn head(
        &mut self,
        at: usize,
        name: &str,
        quoted: bool,
    ) -> Result<Expression, ExpressionError> {
        let root = if quoted { None } else { Root::of(name) };
        let path = match root {
            None => {
                // What is no plain name can be no alias.
                let root = if is_bare(name) { Root::Bare } else { Root::Value };
                Path::new(root, vec![Step::Field(name.to_owned())])
            }
            Some(Root::Header(_)) => Path::new(self.header()?, Vec::new()),
            Some(root) => Path::new(root, Vec::new()),
        };
        self.node(at, Node::Path(path))
    }

    fn header(&mut self) -> Result<Root, ExpressionError> {
        let step = if self.is_step() { Some(self.step()?) } else { None };
        match step {
            Some(Bracket::Constant(Step::Field(name))) => Ok(Root::Header(name)),
            _ => Err(self.error("_header needs a name: _header['X-Id']")),
        }
    }

    fn is_step(&self) -> bool {
        match self.peek() {
            // `a.*` is for SELECT to read.
            TokenKind::Symbol(".") => !matches!(self.peek_at(1), TokenKind::Symbol("*")),
            TokenKind::Symbol(symbol) => matches!(*symbol, "[" | "->"),
            _ => false,
        }
    }

    pub(super) fn postfix(&mut self) -> Result<Expression, ExpressionError> {
        let mut base = self.primary()?;
        while self.is_step() {
            let at = self.position();
            let node = match (self.step()?, *base.node) {
                (_, Node::Path(path)) if path.root().is_whole() => {
                    return Err(ExpressionError::new(at, format!("'{path}' has no parts")));
                }
                (Bracket::Constant(step), Node::Path(mut path)) => {
                    path.push(step);
                    Node::Path(path)
                }
                (Bracket::Constant(step), Node::Member(inner, mut steps)) => {
                    steps.push(step);
                    Node::Member(inner, steps)
                }
                (bracket, node) => {
                    let inner = Expression { place: base.place, node: Box::new(node) };
                    match bracket {
                        Bracket::Constant(step) => Node::Member(inner, vec![step]),
                        Bracket::Computed(index) => Node::Element(inner, index),
                    }
                }
            };
            let at = if matches!(node, Node::Path(_)) { base.place.at } else { at };
            base = self.node(at, node)?;
        }
        Ok(base)
    }

    /// A bare name or one in backticks.
    pub(in crate::expression) fn name(&mut self) -> Result<String, ExpressionError> {
        let name = match self.peek() {
            TokenKind::Word(word) => (*word).to_owned(),
            TokenKind::Name(name) => name.clone(),
            _ => return Err(self.expected("a name")),
        };
        self.next += 1;
        Ok(name)
    }

    fn step(&mut self) -> Result<Bracket, ExpressionError> {
        if self.take_symbol(".") || self.take_symbol("->") {
            return Ok(Bracket::Constant(Step::Field(self.name()?)));
        }
        self.expect_symbol("[")?;
        let minus = self.is_symbol("-");
        let place = usize::from(minus);
        let closed = matches!(self.peek_at(place + 1), TokenKind::Symbol("]"));
        let constant = match self.peek_at(place).clone() {
            TokenKind::Text(key) if closed && !minus => Some(Step::Field(key)),
            TokenKind::Number(digits) if closed => {
                let sign = if minus { "-" } else { "" };
                let index = format!("{sign}{digits}").parse();
                Some(Step::Index(index.map_err(|_| self.error("an index is a whole number"))?))
            }
            _ => None,
        };
        let bracket = match constant {
            Some(step) => {
                self.next += place + 1;
                Bracket::Constant(step)
            }
            None => Bracket::Computed(self.expression()?),
        };
        self.expect_symbol("]")?;
        Ok(bracket)
    }
}
