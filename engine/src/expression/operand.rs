//! Constants of compiled expressions, and comparisons with them.

use super::compare::{Relation, compare, truth};
use super::convert::is_nested;
use super::node::{Comparison, Literal};
use super::number::{Numeric, compare_short, digits_of_json};
use super::path::Leaf;
use super::{Context, cast::Problem};
use crate::record::{Decimal, TimeUnit, Value};

/// A constant that a program owns.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Null,
    Boolean(bool),
    Int(i64),
    Double(f64),
    Decimal(Decimal),
    Text(Box<str>),
    Bytes(Box<[u8]>),
    Date(i32),
    Time(i64, TimeUnit),
    Timestamp(i64, TimeUnit),
    LocalTimestamp(i64, TimeUnit),
}

impl Constant {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Constant::Null => Value::Null,
            Constant::Boolean(truth) => Value::Boolean(*truth),
            Constant::Int(int) => Value::Int(*int),
            Constant::Double(double) => Value::Double(*double),
            Constant::Decimal(decimal) => Value::Decimal(decimal),
            Constant::Text(text) => Value::Text(text),
            Constant::Bytes(bytes) => Value::Bytes(bytes),
            Constant::Date(days) => Value::Date(*days),
            Constant::Time(at, unit) => Value::Time(*at, *unit),
            Constant::Timestamp(at, unit) => Value::Timestamp(*at, *unit),
            Constant::LocalTimestamp(at, unit) => Value::LocalTimestamp(*at, *unit),
        }
    }

    /// A copy of a value that is not nested.
    pub(super) fn of(value: Value<'_>) -> Option<Constant> {
        Some(match value {
            Value::Null => Constant::Null,
            Value::Boolean(truth) => Constant::Boolean(truth),
            Value::Text(text) => Constant::Text(text.into()),
            Value::Bytes(bytes) => Constant::Bytes(bytes.into()),
            Value::Date(days) => Constant::Date(days),
            Value::Time(at, unit) => Constant::Time(at, unit),
            Value::Timestamp(at, unit) => Constant::Timestamp(at, unit),
            Value::LocalTimestamp(at, unit) => Constant::LocalTimestamp(at, unit),
            Value::Int(int) => Constant::Int(int),
            Value::Double(double) => Constant::Double(double),
            Value::Decimal(decimal) => Constant::Decimal(*decimal),
            _ => return None,
        })
    }
}

impl Literal {
    pub(super) fn constant(&self) -> Constant {
        match self {
            Literal::Null => Constant::Null,
            Literal::Boolean(truth) => Constant::Boolean(*truth),
            Literal::Int(int) => Constant::Int(*int),
            Literal::Decimal(decimal) => Constant::Decimal(*decimal),
            Literal::Double(bits) => Constant::Double(f64::from_bits(bits.0)),
            Literal::Text(text) => Constant::Text(text.as_str().into()),
            Literal::Date(days) => Constant::Date(*days),
            Literal::Time(at, unit) => Constant::Time(*at, *unit),
            Literal::Timestamp(at, unit) => Constant::Timestamp(*at, *unit),
        }
    }
}

/// A part of the record compared with a constant: what most filters are made of.
#[derive(Debug, Clone)]
pub(super) struct Test {
    leaf: Leaf,
    comparison: Comparison,
    constant: Constant,
    /// The constant as a double, where doubles stand to it as to the constant.
    double: Option<f64>,
    /// The constant's digits and its scale, where there are few.
    short: Option<(i64, u8)>,
}

impl Test {
    pub(super) fn new(leaf: Leaf, comparison: Comparison, constant: Constant) -> Test {
        let number = Numeric::of(constant.value());
        let double = number.and_then(|number| match number {
            Numeric::Double(double) => Some(double),
            Numeric::Int(int) => (int.unsigned_abs() < 1 << 53).then_some(int as f64),
            // As `Numeric::compare` has it: up to 15 digits the order is the same.
            Numeric::Decimal(decimal) => (decimal.unscaled.unsigned_abs() < 1_000_000_000_000_000
                && decimal.scale <= 22)
                .then(|| number.double()),
        });
        let short = match number {
            Some(Numeric::Int(int)) => Some((int, 0)),
            Some(Numeric::Decimal(Decimal { unscaled, scale })) => {
                i64::try_from(unscaled).ok().map(|digits| (digits, scale))
            }
            _ => None,
        };
        let few = |(digits, scale): &(i64, u8)| {
            digits.unsigned_abs() < 1_000_000_000_000_000_000 && *scale <= 18
        };
        Test { leaf, comparison, constant, double, short: short.filter(few) }
    }

    /// Whether it is true of a record; none when the part is null.
    #[inline]
    pub(super) fn holds<'a>(&'a self, context: &Context<'a>) -> Result<Option<bool>, Problem> {
        let value = match &self.leaf {
            Leaf::Value(slot) => context.value.slot(*slot),
            leaf => leaf.load(context),
        };
        match (value, &self.constant) {
            (Value::Null, _) => Ok(None),
            (Value::Text(text), Constant::Text(constant)) => Ok(Some(self.text(text, constant))),
            (Value::Int(int), Constant::Int(constant)) => {
                Ok(Some(self.comparison.holds(int.cmp(constant))))
            }
            (Value::Double(double), _) if self.double.is_some() => {
                let ordering = self.double.and_then(|constant| double.partial_cmp(&constant));
                Ok(self.comparison.of(ordering.map_or(Relation::Unordered, Relation::Ordered)))
            }
            (Value::Number(text), _) => match self.short.zip(digits_of_json(text)) {
                Some((constant, digits)) => {
                    let ordering = compare_short(digits, constant);
                    Ok(ordering.map(|ordering| self.comparison.holds(ordering)))
                }
                None => self.slow(value, context),
            },
            _ => self.slow(value, context),
        }
    }

    #[inline]
    fn text(&self, text: &str, constant: &str) -> bool {
        match self.comparison {
            Comparison::Equal => text == constant,
            Comparison::NotEqual => text != constant,
            order => order.holds(text.as_bytes().cmp(constant.as_bytes())),
        }
    }

    fn slow<'a>(
        &'a self,
        value: Value<'a>,
        context: &Context<'a>,
    ) -> Result<Option<bool>, Problem> {
        let constant = self.constant.value();
        // Without the check for nested values, which a constant never is.
        if !is_nested(value) {
            let relation = compare(value, constant, context.arena);
            return relation.map(|relation| self.comparison.of(relation)).map_err(told);
        }
        truth(self.comparison, value, constant, context.arena).map_err(told)
    }
}

/// An error of the record.
pub(super) fn told(problem: impl std::fmt::Display) -> Problem {
    Problem::Owned(problem.to_string())
}
