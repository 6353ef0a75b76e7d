//! Comparing values of any kinds.
//!
//! Numbers compare by value, texts by their bytes, times by the instant, also
//! with ISO 8601 texts and with milliseconds. Nested values are equal when their
//! compact JSON is, and have no order. All else cannot be compared: a text with
//! a number is an error, not silently false.

use super::convert::{is_nested, kind, with_texts};
use super::node::Comparison;
use super::number::Numeric;
use super::time;
use crate::format::json;
use crate::record::{Arena, TimeUnit, Value};
use std::cmp::Ordering;

/// How one value stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// One is null: nothing is known.
    Null,
    /// One is NaN, or they are nested and different: they are not equal, and have no order.
    Unordered,
    /// The first is less, equal or greater.
    Ordered(Ordering),
}

/// Why two values cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// Their kinds.
    Kinds(&'static str, &'static str),
    /// A text that is no time stands beside a time.
    NoTime(&'static str),
    /// Nested values have no order.
    NoOrder,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Mismatch::Kinds(a, b) => write!(f, "{a} cannot be compared with {b}; use CAST"),
            Mismatch::NoTime(kind) => {
                write!(f, "the text compared with {kind} is not ISO 8601")
            }
            Mismatch::NoOrder => f.write_str("arrays and objects have no order"),
        }
    }
}

impl Comparison {
    /// Whether it is true of values that stand so to each other; none when nothing is known.
    #[inline]
    pub(super) fn of(self, relation: Relation) -> Option<bool> {
        match relation {
            Relation::Null => None,
            Relation::Unordered => Some(self == Comparison::NotEqual),
            Relation::Ordered(ordering) => Some(self.holds(ordering)),
        }
    }

    #[inline]
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }

    pub(super) fn is_order(self) -> bool {
        !matches!(self, Comparison::Equal | Comparison::NotEqual)
    }
}

/// `a` compared with `b` by `comparison`; none when one is null.
pub(super) fn truth<'a>(
    comparison: Comparison,
    a: Value<'a>,
    b: Value<'a>,
    arena: &'a Arena,
) -> Result<Option<bool>, Mismatch> {
    let relation = compare(a, b, arena)?;
    if comparison.is_order() && is_nested(a) && relation != Relation::Null {
        return Err(Mismatch::NoOrder);
    }
    Ok(comparison.of(relation))
}

/// How `a` stands to `b`.
pub fn compare<'a>(a: Value<'a>, b: Value<'a>, arena: &'a Arena) -> Result<Relation, Mismatch> {
    if a.is_null() || b.is_null() {
        return Ok(Relation::Null);
    }
    if let (Some(a), Some(b)) = (Numeric::of(a), Numeric::of(b)) {
        return Ok(a.compare(b).map_or(Relation::Unordered, Relation::Ordered));
    }
    if let (Some(a), Some(b)) = (plain_text(a, arena), plain_text(b, arena)) {
        return Ok(Relation::Ordered(a.as_bytes().cmp(b.as_bytes())));
    }
    let ordering = match (a, b) {
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(&b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        _ if is_nested(a) && is_nested(b) => {
            let equal = with_texts(a, b, |a, b| a == b);
            return Ok(if equal {
                Relation::Ordered(Ordering::Equal)
            } else {
                Relation::Unordered
            });
        }
        _ => return times(a, b, arena).map(Relation::Ordered),
    };
    Ok(Relation::Ordered(ordering))
}

/// Whether the two are the same, where null is the same as null, and NaN as NaN.
pub(super) fn same<'a>(a: Value<'a>, b: Value<'a>, arena: &'a Arena) -> Result<bool, Mismatch> {
    Ok(match compare(a, b, arena)? {
        Relation::Null => a.is_null() && b.is_null(),
        Relation::Ordered(ordering) => ordering.is_eq(),
        Relation::Unordered => is_nan(a) && is_nan(b),
    })
}

fn is_nan(value: Value<'_>) -> bool {
    match value {
        Value::Float(float) => float.is_nan(),
        Value::Double(double) => double.is_nan(),
        _ => false,
    }
}

/// The text of a text.
pub(super) fn plain_text<'a>(value: Value<'a>, arena: &'a Arena) -> Option<&'a str> {
    match value {
        Value::Text(text) => Some(text),
        Value::Escaped(text) => Some(json::unescaped(text, arena)),
        _ => None,
    }
}

/// Nanoseconds since 1970, or since midnight.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Instant {
    OfDay(i128),
    OfTime(i128),
}

fn nanoseconds(time: i64, unit: TimeUnit) -> i128 {
    i128::from(time) * i128::from(1_000_000_000 / unit.per_second())
}

const DAY: i128 = 86_400_000_000_000;

fn instant(value: Value<'_>) -> Option<Instant> {
    Some(match value {
        Value::Date(days) => Instant::OfTime(i128::from(days) * DAY),
        Value::Time(time, unit) => Instant::OfDay(nanoseconds(time, unit)),
        Value::Timestamp(time, unit) | Value::LocalTimestamp(time, unit) => {
            Instant::OfTime(nanoseconds(time, unit))
        }
        _ => return None,
    })
}

/// `value` as a time of the kind that stands beside it.
fn beside<'a>(
    value: Value<'a>,
    other: Instant,
    other_value: Value<'a>,
    arena: &'a Arena,
) -> Result<Option<Instant>, Mismatch> {
    if let Some(text) = plain_text(value, arena) {
        let parsed = match other {
            Instant::OfDay(_) => {
                time::parse_time(text).map(|(at, unit)| Instant::OfDay(nanoseconds(at, unit)))
            }
            Instant::OfTime(_) => {
                time::parse_timestamp(text).map(|(at, unit)| Instant::OfTime(nanoseconds(at, unit)))
            }
        };
        return parsed.map(Some).ok_or_else(|| Mismatch::NoTime(kind(other_value)));
    }
    let Some(number) = Numeric::of(value).and_then(Numeric::whole) else {
        return Ok(instant(value));
    };
    let at = nanoseconds(number, TimeUnit::Millis);
    Ok(Some(match other {
        Instant::OfDay(_) => Instant::OfDay(at),
        Instant::OfTime(_) => Instant::OfTime(at),
    }))
}

fn times<'a>(a: Value<'a>, b: Value<'a>, arena: &'a Arena) -> Result<Ordering, Mismatch> {
    let pair = match (instant(a), instant(b)) {
        (Some(first), Some(second)) => Some((first, second)),
        (Some(first), None) => beside(b, first, a, arena)?.map(|second| (first, second)),
        (None, Some(second)) => beside(a, second, b, arena)?.map(|first| (first, second)),
        (None, None) => None,
    };
    match pair {
        Some((Instant::OfDay(a), Instant::OfDay(b)) | (Instant::OfTime(a), Instant::OfTime(b))) => {
            Ok(a.cmp(&b))
        }
        _ => Err(Mismatch::Kinds(kind(a), kind(b))),
    }
}
