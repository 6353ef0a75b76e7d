//! Expressions as canonical text, which parses back to an equal one.

use super::node::{CastType, Expression, Literal, Node};
use super::path::write_steps;
use crate::format::text::write_text;
use crate::record::Value;
use std::fmt::{self, Display, Formatter, Write};

/// How strongly the parts of an expression hold together, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Or,
    And,
    Not,
    Comparison,
    Concat,
    Sum,
    Product,
    Unary,
    Step,
    Atom,
}

impl Node {
    fn level(&self) -> Level {
        use super::node::Arithmetic;
        match self {
            Node::Or(_) => Level::Or,
            Node::And(_) => Level::And,
            Node::Not(_) => Level::Not,
            Node::Compare(..)
            | Node::Distinct(..)
            | Node::IsNull { .. }
            | Node::In { .. }
            | Node::Between { .. }
            | Node::Like { .. } => Level::Comparison,
            Node::Concat(_) => Level::Concat,
            Node::Arithmetic(Arithmetic::Add | Arithmetic::Subtract, ..) => Level::Sum,
            Node::Arithmetic(..) => Level::Product,
            // A literal takes no step, and a minus before digits belongs to them.
            Node::Negate(_) | Node::Literal(_) => Level::Unary,
            _ => Level::Atom,
        }
    }
}

/// An expression, in parentheses where it holds together less than wanted.
struct At<'e>(Level, &'e Expression);

impl Display for At<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.1.node.level() < self.0 {
            true => write!(f, "({})", self.1),
            false => write!(f, "{}", self.1),
        }
    }
}

fn joined(
    f: &mut Formatter<'_>,
    all: &[Expression],
    first: Level,
    level: Level,
    between: &str,
) -> fmt::Result {
    for (index, one) in all.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        At(if index == 0 { first } else { level }, one).fmt(f)?;
    }
    Ok(())
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &*self.node {
            Node::Literal(literal) => literal.fmt(f),
            Node::Path(path) => path.fmt(f),
            Node::Negate(operand) => match &*operand.node {
                Node::Literal(_) => write!(f, "-({operand})"),
                _ => write!(f, "- {}", At(Level::Unary, operand)),
            },
            Node::Not(operand) => write!(f, "NOT {}", At(Level::Not, operand)),
            Node::And(all) => joined(f, all, Level::Not, Level::Not, " AND "),
            Node::Or(all) => joined(f, all, Level::And, Level::And, " OR "),
            Node::Concat(all) => joined(f, all, Level::Sum, Level::Sum, " || "),
            Node::Arithmetic(operator, left, right) => {
                let level = self.node.level();
                let tighter = if level == Level::Sum { Level::Product } else { Level::Unary };
                write!(f, "{} {} {}", At(level, left), operator.symbol(), At(tighter, right))
            }
            Node::Cast(operand, to) => write!(f, "CAST({operand} AS {to})"),
            Node::Call(name, arguments) => {
                write!(f, "{name}(")?;
                joined(f, arguments, Level::Or, Level::Or, ", ")?;
                f.write_char(')')
            }
            Node::Member(operand, steps) => {
                At(Level::Step, operand).fmt(f)?;
                write_steps(f, steps)
            }
            Node::Element(operand, index) => {
                write!(f, "{}[", At(Level::Step, operand))?;
                match &*index.node {
                    // Without parentheses it would be a constant step.
                    Node::Literal(Literal::Int(_) | Literal::Text(_)) => write!(f, "({index})]"),
                    _ => write!(f, "{index}]"),
                }
            }
            Node::Case { operand, branches, otherwise } => {
                case(f, operand.as_ref(), branches, otherwise.as_ref())
            }
            Node::List(_) | Node::Map(_) | Node::Struct(_) => constructor(f, &self.node),
            _ => predicate(f, &self.node),
        }
    }
}

fn predicate(f: &mut Formatter<'_>, node: &Node) -> fmt::Result {
    let (left, right) = (Level::Comparison, Level::Concat);
    match node {
        Node::Compare(comparison, a, b) => {
            write!(f, "{} {} {}", At(left, a), comparison.symbol(), At(right, b))
        }
        Node::Distinct(distinct, a, b) => {
            write!(f, "{} IS {}DISTINCT FROM {}", At(left, a), not(!distinct), At(right, b))
        }
        Node::IsNull { operand, negated } => {
            write!(f, "{} IS {}NULL", At(left, operand), not(*negated))
        }
        Node::In { operand, list, negated } => {
            write!(f, "{} {}IN (", At(left, operand), not(*negated))?;
            joined(f, list, Level::Or, Level::Or, ", ")?;
            f.write_char(')')
        }
        Node::Between { operand, low, high, negated } => {
            write!(f, "{} {}BETWEEN ", At(left, operand), not(*negated))?;
            write!(f, "{} AND {}", At(right, low), At(right, high))
        }
        Node::Like { operand, pattern, escape, negated } => {
            write!(f, "{} {}LIKE {}", At(left, operand), not(*negated), At(right, pattern))?;
            match escape {
                Some(escape) => write!(f, " ESCAPE {}", Quoted(&escape.to_string())),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn case(
    f: &mut Formatter<'_>,
    operand: Option<&Expression>,
    branches: &[(Expression, Expression)],
    otherwise: Option<&Expression>,
) -> fmt::Result {
    f.write_str("CASE ")?;
    if let Some(operand) = operand {
        write!(f, "{operand} ")?;
    }
    for (when, then) in branches {
        write!(f, "WHEN {when} THEN {then} ")?;
    }
    if let Some(otherwise) = otherwise {
        write!(f, "ELSE {otherwise} ")?;
    }
    f.write_str("END")
}

fn constructor(f: &mut Formatter<'_>, node: &Node) -> fmt::Result {
    match node {
        Node::List(all) => {
            f.write_str("ARRAY[")?;
            joined(f, all, Level::Or, Level::Or, ", ")?;
            f.write_char(']')
        }
        Node::Map(entries) => {
            f.write_str("MAP(")?;
            for (index, (key, value)) in entries.iter().enumerate() {
                let comma = if index > 0 { ", " } else { "" };
                write!(f, "{comma}{key} := {value}")?;
            }
            f.write_char(')')
        }
        Node::Struct(fields) => {
            f.write_str("STRUCT(")?;
            for (index, (name, value)) in fields.iter().enumerate() {
                let comma = if index > 0 { ", " } else { "" };
                write!(f, "{comma}`{}` := {value}", name.replace('`', "``"))?;
            }
            f.write_char(')')
        }
        _ => Ok(()),
    }
}

/// A text in single quotes.
pub(super) struct Quoted<'t>(pub &'t str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\'', "''"))
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let time = |f: &mut Formatter<'_>, word: &str, value| {
            let mut text = Vec::new();
            write_text(value, &mut text);
            write!(f, "{word} '{}'", String::from_utf8_lossy(&text))
        };
        match self {
            Literal::Null => f.write_str("NULL"),
            Literal::Boolean(true) => f.write_str("TRUE"),
            Literal::Boolean(false) => f.write_str("FALSE"),
            Literal::Int(int) => int.fmt(f),
            Literal::Decimal(decimal) => decimal.fmt(f),
            // Its exponent is what makes it a double.
            Literal::Double(bits) => write!(f, "{:e}", f64::from_bits(bits.0)),
            Literal::Text(text) => Quoted(text).fmt(f),
            Literal::Date(days) => time(f, "DATE", Value::Date(*days)),
            Literal::Time(at, unit) => time(f, "TIME", Value::Time(*at, *unit)),
            Literal::Timestamp(at, unit) => time(f, "TIMESTAMP", Value::Timestamp(*at, *unit)),
        }
    }
}

impl Display for CastType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = match self {
            CastType::Int => "INT",
            CastType::BigInt => "BIGINT",
            CastType::Double => "DOUBLE",
            CastType::Decimal { precision, scale } => {
                return write!(f, "DECIMAL({precision}, {scale})");
            }
            CastType::Text => "STRING",
            CastType::Boolean => "BOOLEAN",
            CastType::Bytes => "BYTES",
            CastType::Date => "DATE",
            CastType::Time => "TIME",
            CastType::Timestamp => "TIMESTAMP",
        };
        f.write_str(name)
    }
}
