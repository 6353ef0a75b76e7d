//! The grammar of expressions: SQL's precedence, climbed as Vaughan Pratt does
//! ("Top Down Operator Precedence", 1973).

use super::ExpressionError;
use super::display::Level;
use super::lexer::{Token, TokenKind, tokens};
use super::node::{Arithmetic, Comparison, Expression, Literal, MAX_HEIGHT, Node};

mod aggregate;
mod predicate;
mod primary;
mod steps;

/// How deep parentheses and brackets may stand within each other.
const MAX_DEPTH: u16 = 64;

/// Words that end or join expressions and so are no bare names.
const RESERVED: &[&str] = &[
    "AND", "OR", "NOT", "IS", "IN", "BETWEEN", "LIKE", "CASE", "WHEN", "THEN", "ELSE", "END", "AS",
    "NULL", "TRUE", "FALSE", "CAST",
];

/// Whether a bare word of this spelling cannot be a field's name at an expression's start.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word))
        || word.eq_ignore_ascii_case("ARRAY")
}

impl Expression {
    /// Parses `text`, which stands `offset` bytes into what errors are about.
    pub fn parse(text: &str, offset: usize) -> Result<Expression, ExpressionError> {
        let mut parser = Parser::new(text, offset)?;
        let expression = parser.expression()?;
        parser.end()?;
        Ok(expression)
    }
}

pub(super) struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    next: usize,
    offset: usize,
    depth: u16,
    /// How many CASE are open: there END is no name.
    cases: u16,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str, offset: usize) -> Result<Parser<'t>, ExpressionError> {
        Ok(Parser { tokens: tokens(text, offset)?, next: 0, offset, depth: 0, cases: 0 })
    }

    /// The word `ahead` of the next one; the end where there is none.
    fn peek_at(&self, ahead: usize) -> &TokenKind<'t> {
        self.tokens.get(self.next + ahead).map_or(&TokenKind::End, |token| &token.kind)
    }

    pub(super) fn peek(&self) -> &TokenKind<'t> {
        self.peek_at(0)
    }

    /// Byte position of the next word within what errors are about.
    pub(super) fn position(&self) -> usize {
        let token = self.tokens.get(self.next).or(self.tokens.last());
        self.offset + token.map_or(0, |token| token.at)
    }

    /// Goes on to the next word.
    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    fn bump(&mut self) -> TokenKind<'t> {
        let kind = self.peek().clone();
        self.next += 1;
        kind
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), TokenKind::Symbol(found) if *found == symbol)
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<(), ExpressionError> {
        match self.take_symbol(symbol) {
            true => Ok(()),
            false => Err(self.expected(&format!("'{symbol}'"))),
        }
    }

    fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        matches!(self.peek_at(ahead), TokenKind::Word(found) if found.eq_ignore_ascii_case(word))
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<(), ExpressionError> {
        match self.take_word(word) {
            true => Ok(()),
            false => Err(self.expected(word)),
        }
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> ExpressionError {
        ExpressionError::new(self.position(), problem)
    }

    /// The error that `what` should stand at the next word.
    pub(super) fn expected(&self, what: &str) -> ExpressionError {
        match self.peek() {
            TokenKind::End => self.error(format!("{what} is missing at the end")),
            _ => self.error(format!("{what} is missing before {}", self.shown())),
        }
    }

    /// The next word for an error.
    fn shown(&self) -> String {
        match self.peek() {
            TokenKind::End => "the end".to_owned(),
            TokenKind::Word(word) | TokenKind::Number(word) => format!("'{word}'"),
            TokenKind::Name(name) => format!("`{name}`"),
            TokenKind::Text(text) => format!("the text '{text}'"),
            TokenKind::Symbol(symbol) => format!("'{symbol}'"),
        }
    }

    /// The error that nothing more may stand here.
    pub(super) fn end(&self) -> Result<(), ExpressionError> {
        match self.peek() {
            TokenKind::End => Ok(()),
            _ if self.is_symbol("(") => Err(self.error("only a function's name takes ( )")),
            _ => Err(self.error(format!("an operator is missing before {}", self.shown()))),
        }
    }

    /// A node, unless it makes the tree too tall.
    fn node(&self, at: usize, node: Node) -> Result<Expression, ExpressionError> {
        let expression = Expression::new(at, node);
        match expression.place.height > MAX_HEIGHT {
            true => Err(ExpressionError::new(at, "the expression is nested too deeply")),
            false => Ok(expression),
        }
    }

    /// A whole expression; counts how deep it stands.
    pub(super) fn expression(&mut self) -> Result<Expression, ExpressionError> {
        self.nested(|parser| parser.binary(Level::Or))
    }

    fn nested(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<Expression, ExpressionError>,
    ) -> Result<Expression, ExpressionError> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error(format!("more than {MAX_DEPTH} levels within each other")));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Operators that hold together at least as strongly as `level`.
    fn binary(&mut self, level: Level) -> Result<Expression, ExpressionError> {
        let mut left = self.prefix()?;
        loop {
            let at = self.position();
            let Some(found) = self.operator().filter(|found| *found >= level) else {
                return Ok(left);
            };
            left = match found {
                Level::Comparison => self.predicate(left, at)?,
                Level::Or => {
                    self.next += 1;
                    let right = self.binary(Level::And)?;
                    self.chain(left, right, at, Node::Or)?
                }
                Level::And => {
                    self.next += 1;
                    let right = self.binary(Level::Not)?;
                    self.chain(left, right, at, Node::And)?
                }
                Level::Concat => {
                    self.next += 1;
                    let right = self.binary(Level::Sum)?;
                    self.chain(left, right, at, Node::Concat)?
                }
                _ => self.arithmetic(left, at, found)?,
            };
        }
    }

    /// How strongly the next word holds together, if it is an operator.
    fn operator(&self) -> Option<Level> {
        match self.peek() {
            TokenKind::Symbol("||") => Some(Level::Concat),
            TokenKind::Symbol("+" | "-") => Some(Level::Sum),
            TokenKind::Symbol("*" | "/" | "%") => Some(Level::Product),
            TokenKind::Symbol(symbol) => comparison(symbol).map(|_| Level::Comparison),
            TokenKind::Word(word) => {
                let is = |known: &str| word.eq_ignore_ascii_case(known);
                let negated = is("NOT")
                    && ["IN", "BETWEEN", "LIKE"].iter().any(|word| self.is_word_at(1, word));
                match () {
                    () if is("OR") => Some(Level::Or),
                    () if is("AND") => Some(Level::And),
                    () if negated || is("IS") || is("IN") || is("BETWEEN") || is("LIKE") => {
                        Some(Level::Comparison)
                    }
                    () => None,
                }
            }
            _ => None,
        }
    }

    fn arithmetic(
        &mut self,
        left: Expression,
        at: usize,
        level: Level,
    ) -> Result<Expression, ExpressionError> {
        let operator = match self.bump() {
            TokenKind::Symbol("+") => Arithmetic::Add,
            TokenKind::Symbol("-") => Arithmetic::Subtract,
            TokenKind::Symbol("*") => Arithmetic::Multiply,
            TokenKind::Symbol("/") => Arithmetic::Divide,
            _ => Arithmetic::Remainder,
        };
        let tighter = if level == Level::Sum { Level::Product } else { Level::Unary };
        let right = self.binary(tighter)?;
        self.node(at, Node::Arithmetic(operator, left, right))
    }

    /// `a AND b AND c` is one node, so that long chains are not deep ones.
    fn chain(
        &self,
        left: Expression,
        right: Expression,
        at: usize,
        make: fn(Vec<Expression>) -> Node,
    ) -> Result<Expression, ExpressionError> {
        let same = std::mem::discriminant(&make(Vec::new())) == std::mem::discriminant(&*left.node);
        let mut all = match (same, *left.node) {
            (true, Node::And(all) | Node::Or(all) | Node::Concat(all)) => all,
            (_, node) => vec![Expression { place: left.place, node: Box::new(node) }],
        };
        all.push(right);
        self.node(at, make(all))
    }

    fn prefix(&mut self) -> Result<Expression, ExpressionError> {
        let at = self.position();
        if self.take_word("NOT") {
            let operand = self.nested(|parser| parser.binary(Level::Not))?;
            return self.node(at, Node::Not(operand));
        }
        if self.take_symbol("+") {
            return self.nested(Self::prefix);
        }
        if !self.take_symbol("-") {
            return self.postfix();
        }
        let digits = matches!(self.peek(), TokenKind::Number(_));
        let operand = self.nested(Self::prefix)?;
        if digits && let Node::Literal(literal) = &*operand.node {
            return self.node(at, Node::Literal(negated(literal)));
        }
        self.node(at, Node::Negate(operand))
    }
}

/// The number behind a minus; the least integer is one only with it.
fn negated(literal: &Literal) -> Literal {
    match literal {
        Literal::Int(int) => Literal::Int(-int),
        Literal::Decimal(decimal) => match i64::try_from(-decimal.unscaled) {
            Ok(int) if decimal.scale == 0 => Literal::Int(int),
            _ => Literal::Decimal(crate::record::Decimal {
                unscaled: -decimal.unscaled,
                scale: decimal.scale,
            }),
        },
        Literal::Double(bits) => {
            Literal::Double(super::node::Bits((-f64::from_bits(bits.0)).to_bits()))
        }
        other => other.clone(),
    }
}

/// The comparison that a symbol stands for.
pub(super) fn comparison(symbol: &str) -> Option<Comparison> {
    Some(match symbol {
        "=" => Comparison::Equal,
        "<>" | "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}
