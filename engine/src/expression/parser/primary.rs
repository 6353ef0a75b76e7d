//! Constants, names, calls, constructors, CASE and CAST.

use super::{Parser, RESERVED, aggregate};
use crate::expression::ExpressionError;
use crate::expression::aggregate as aggregates;
use crate::expression::display::Level;
use crate::expression::function::{self, Class, Function};
use crate::expression::lexer::TokenKind;
use crate::expression::node::{Bits, CastType, Expression, Literal, Node};
use crate::expression::time;
use crate::nearest::nearest;
use crate::record::{Decimal, TimeUnit};

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Result<Expression, ExpressionError> {
        let at = self.position();
        match self.peek().clone() {
            TokenKind::Number(digits) => {
                let literal = number(digits).map_err(|problem| self.error(problem))?;
                self.next += 1;
                self.node(at, Node::Literal(literal))
            }
            TokenKind::Text(text) => {
                self.next += 1;
                self.node(at, Node::Literal(Literal::Text(text)))
            }
            TokenKind::Name(name) => {
                self.next += 1;
                self.head(at, &name, true)
            }
            TokenKind::Word(word) => self.word(at, word),
            TokenKind::Symbol("(") => {
                self.next += 1;
                let inner = self.expression()?;
                self.expect_symbol(")")?;
                Ok(inner)
            }
            TokenKind::Symbol("*") => Err(self.error("* stands in SELECT only")),
            _ => Err(self.expected("a value, a field or a function")),
        }
    }

    fn word(&mut self, at: usize, word: &str) -> Result<Expression, ExpressionError> {
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        let constant = match () {
            () if is("NULL") => Some(Literal::Null),
            () if is("TRUE") => Some(Literal::Boolean(true)),
            () if is("FALSE") => Some(Literal::Boolean(false)),
            () => self.time_literal(word)?,
        };
        if let Some(literal) = constant {
            self.next += 1;
            return self.node(at, Node::Literal(literal));
        }
        if is("CASE") {
            self.next += 1;
            return self.case(at);
        }
        let bracket = match self.peek_at(1) {
            TokenKind::Symbol(symbol @ ("(" | "[")) => *symbol,
            _ => "",
        };
        match bracket {
            "[" if is("ARRAY") => {
                self.next += 2;
                let all = self.list("]")?;
                self.node(at, Node::List(all))
            }
            "(" if is("CAST") => self.cast(at),
            "(" if is("MAP") => self.map(at),
            "(" if is("STRUCT") => self.structure(at),
            "(" if !RESERVED.iter().any(|reserved| is(reserved)) => self.call(at, word),
            _ if is("END") && self.cases == 0 => {
                self.next += 1;
                self.head(at, word, false)
            }
            _ if RESERVED.iter().any(|reserved| is(reserved)) => {
                let word = word.to_owned();
                Err(self.error(format!(
                    "a value is missing before {word}; a field of that name is written `{word}`"
                )))
            }
            _ => {
                self.next += 1;
                self.head(at, word, false)
            }
        }
    }

    /// `DATE '…'`, `TIME '…'`, `TIMESTAMP '…'`: leaves their text as the next word.
    fn time_literal(&mut self, word: &str) -> Result<Option<Literal>, ExpressionError> {
        let TokenKind::Text(text) = self.peek_at(1) else {
            return Ok(None);
        };
        let literal = match () {
            () if word.eq_ignore_ascii_case("DATE") => time::parse_date(text).map(Literal::Date),
            () if word.eq_ignore_ascii_case("TIME") => {
                time::parse_time(text).map(|(at, unit)| Literal::Time(at, unit))
            }
            () if word.eq_ignore_ascii_case("TIMESTAMP") => {
                let parsed: Option<(i64, TimeUnit)> = time::parse_timestamp(text);
                parsed.map(|(at, unit)| Literal::Timestamp(at, unit))
            }
            () => return Ok(None),
        };
        self.next += 1;
        let wrong = || {
            self.error("this is not ISO 8601: 2026-11-21, 02:58:11.123 or 2026-11-21T02:58:11.123Z")
        };
        literal.map(Some).ok_or_else(wrong)
    }

    /// Expressions up to the closing bracket.
    pub(super) fn list(&mut self, close: &str) -> Result<Vec<Expression>, ExpressionError> {
        let mut all = Vec::new();
        if self.take_symbol(close) {
            return Ok(all);
        }
        loop {
            all.push(self.expression()?);
            if !self.take_symbol(",") {
                self.expect_symbol(close)?;
                return Ok(all);
            }
        }
    }

    fn case(&mut self, at: usize) -> Result<Expression, ExpressionError> {
        self.cases += 1;
        let operand = if self.is_word("WHEN") { None } else { Some(self.expression()?) };
        let mut branches = Vec::new();
        while self.take_word("WHEN") {
            let when = self.expression()?;
            self.expect_word("THEN")?;
            branches.push((when, self.expression()?));
        }
        if branches.is_empty() {
            return Err(self.expected("WHEN"));
        }
        let otherwise = if self.take_word("ELSE") { Some(self.expression()?) } else { None };
        self.expect_word("END")?;
        self.cases -= 1;
        self.node(at, Node::Case { operand, branches, otherwise })
    }

    fn cast(&mut self, at: usize) -> Result<Expression, ExpressionError> {
        self.next += 2;
        let operand = self.expression()?;
        self.expect_word("AS")?;
        let to = self.cast_type()?;
        self.expect_symbol(")")?;
        self.node(at, Node::Cast(operand, to))
    }

    fn cast_type(&mut self) -> Result<CastType, ExpressionError> {
        const TYPES: &[(&str, CastType)] = &[
            ("INT", CastType::Int),
            ("INTEGER", CastType::Int),
            ("BIGINT", CastType::BigInt),
            ("DOUBLE", CastType::Double),
            ("DECIMAL", CastType::Decimal { precision: 38, scale: 0 }),
            ("NUMERIC", CastType::Decimal { precision: 38, scale: 0 }),
            ("STRING", CastType::Text),
            ("VARCHAR", CastType::Text),
            ("TEXT", CastType::Text),
            ("BOOLEAN", CastType::Boolean),
            ("BYTES", CastType::Bytes),
            ("DATE", CastType::Date),
            ("TIME", CastType::Time),
            ("TIMESTAMP", CastType::Timestamp),
        ];
        let TokenKind::Word(word) = *self.peek() else {
            return Err(self.expected("a type"));
        };
        let Some((_, to)) = TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) else {
            let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
            return Err(self.error(format!("unknown type '{word}': one of {}", names.join(" "))));
        };
        self.next += 1;
        if !matches!(to, CastType::Decimal { .. }) {
            // SQL's DOUBLE PRECISION.
            let _ = *to == CastType::Double && self.take_word("PRECISION");
            return Ok(*to);
        }
        self.expect_symbol("(")?;
        let precision = self.small("a precision of 1 to 38", 1, 38)?;
        let scale = match self.take_symbol(",") {
            true => self.small("a scale of 0 up to the precision", 0, precision)?,
            false => 0,
        };
        self.expect_symbol(")")?;
        Ok(CastType::Decimal { precision, scale })
    }

    fn small(&mut self, what: &str, least: u8, most: u8) -> Result<u8, ExpressionError> {
        let number = match self.peek() {
            TokenKind::Number(digits) => digits.parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| (least..=most).contains(number));
        let number = number.ok_or_else(|| self.expected(what))?;
        self.next += 1;
        Ok(number)
    }

    fn map(&mut self, at: usize) -> Result<Expression, ExpressionError> {
        self.next += 2;
        let mut entries = Vec::new();
        while !self.take_symbol(")") {
            let key = self.expression()?;
            self.expect_symbol(":=")?;
            entries.push((key, self.expression()?));
            self.between(")")?;
        }
        self.node(at, Node::Map(entries))
    }

    fn structure(&mut self, at: usize) -> Result<Expression, ExpressionError> {
        self.next += 2;
        let mut fields: Vec<(String, Expression)> = Vec::new();
        while !self.take_symbol(")") {
            let position = self.position();
            let name = self.name()?;
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(ExpressionError::new(position, format!("a second field '{name}'")));
            }
            self.expect_symbol(":=")?;
            fields.push((name, self.expression()?));
            self.between(")")?;
        }
        self.node(at, Node::Struct(fields))
    }

    /// A comma, unless the closing bracket stands next.
    fn between(&mut self, close: &str) -> Result<(), ExpressionError> {
        match self.take_symbol(",") || self.is_symbol(close) {
            true => Ok(()),
            false => Err(self.expected(&format!("',' or '{close}'"))),
        }
    }

    fn call(&mut self, at: usize, word: &str) -> Result<Expression, ExpressionError> {
        let Some(function) = function::find(word) else {
            if let Some(row) = aggregates::find(word) {
                return Err(self.error(aggregate::nested(row.name)));
            }
            let hint = nearest(word, function::names().chain(aggregates::names()));
            let hint = hint.map(|name| format!("; did you mean {}?", name.to_uppercase()));
            let hint = hint.unwrap_or_default();
            return Err(self.error(format!("unknown function '{word}'{hint}")));
        };
        self.next += 2;
        let mut arguments = Vec::new();
        while !self.take_symbol(")") {
            let place = arguments.len();
            arguments.push(self.argument(function, place)?);
            let separator = separator(function, place);
            if separator.is_none_or(|word| !self.take_word(word)) {
                self.between(")")?;
            }
        }
        if !function.takes(arguments.len()) {
            let signature = function.signature();
            let given = arguments.len();
            let problem = format!("{given} arguments given: it is called as {signature}");
            return Err(ExpressionError::new(at, problem));
        }
        self.node(at, Node::Call(function.name, arguments))
    }

    fn argument(
        &mut self,
        function: &Function,
        place: usize,
    ) -> Result<Expression, ExpressionError> {
        let unit = function.parameter(place).is_some_and(|p| p.class == Class::Unit);
        let ends =
            matches!(self.peek_at(1), TokenKind::Symbol("," | ")")) || self.is_word_at(1, "FROM");
        if let TokenKind::Word(word) = *self.peek()
            && unit
            && ends
        {
            let at = self.position();
            self.next += 1;
            return self.node(at, Node::Literal(Literal::Text(word.to_owned())));
        }
        match separator(function, place) {
            // Its IN is no predicate of the text that is looked for.
            Some("IN") => self.nested(|parser| parser.binary(Level::Concat)),
            _ => self.expression(),
        }
    }
}

/// The word that SQL has for the comma behind an argument: `EXTRACT(HOUR FROM t)`,
/// `SUBSTRING(t FROM 2 FOR 3)`, `POSITION('a' IN t)`.
fn separator(function: &Function, place: usize) -> Option<&'static str> {
    match (function.name, place) {
        ("extract" | "substring", 0) => Some("FROM"),
        ("substring", 1) => Some("FOR"),
        ("locate", 0) => Some("IN"),
        _ => None,
    }
}

fn number(digits: &str) -> Result<Literal, &'static str> {
    if digits.contains(['e', 'E']) {
        let double: f64 = digits.parse().map_err(|_| "this is no number")?;
        return match double.is_finite() {
            true => Ok(Literal::Double(Bits(double.to_bits()))),
            false => Err("this number is too great for a double"),
        };
    }
    if let Ok(int) = digits.parse() {
        return Ok(Literal::Int(int));
    }
    let padded = format!("0{digits}");
    match Decimal::parse(&padded) {
        Some(decimal) => Ok(Literal::Decimal(decimal)),
        None => Err("a decimal has at most 38 digits"),
    }
}
