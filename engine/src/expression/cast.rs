//! CAST. What cannot be cast is an error of the record.

use super::compare::plain_text;
use super::convert::{is_nested, kind, text, written};
use super::node::CastType;
use super::number::{Numeric, power_of_ten, rescaled, to_decimal, truncated};
use super::time;
use crate::record::{Arena, Decimal, TimeUnit, Value};
use std::borrow::Cow;

/// What went wrong, without where.
pub(super) type Problem = Cow<'static, str>;

/// `CAST(value AS to)`.
pub(super) fn cast<'a>(
    value: Value<'a>,
    to: CastType,
    arena: &'a Arena,
) -> Result<Value<'a>, Problem> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let made = match to {
        CastType::Int => {
            integer(value, arena).filter(|int| i32::try_from(*int).is_ok()).map(Value::Int)
        }
        CastType::BigInt => integer(value, arena).map(Value::Int),
        CastType::Double => double(value, arena).map(Value::Double),
        CastType::Decimal { precision, scale } => {
            decimal(value, precision, scale, arena).map(|decimal| arena.decimal(decimal))
        }
        CastType::Text => to_text(value, arena).map(Value::Text),
        CastType::Boolean => boolean(value, arena).map(Value::Boolean),
        CastType::Bytes => match value {
            Value::Bytes(bytes) => Some(Value::Bytes(bytes)),
            _ => plain_text(value, arena).map(|text| Value::Bytes(text.as_bytes())),
        },
        CastType::Date | CastType::Time | CastType::Timestamp => to_time(value, to, arena),
    };
    made.ok_or_else(|| failed(value, to, arena))
}

/// The longest text that an error shows.
const SHOWN: usize = 40;

fn failed(value: Value<'_>, to: CastType, arena: &Arena) -> Problem {
    let shown = if is_nested(value) { None } else { text(value, arena) };
    match shown {
        Some(shown) => {
            let short: String = shown.chars().take(SHOWN).collect();
            let more = if short.len() < shown.len() { "…" } else { "" };
            format!("{} '{short}{more}' is no {to}", kind(value)).into()
        }
        None => format!("{} cannot be cast to {to}", kind(value)).into(),
    }
}

fn integer(value: Value<'_>, arena: &Arena) -> Option<i64> {
    if let Some(text) = plain_text(value, arena) {
        return text.trim().parse().ok();
    }
    if let Value::Timestamp(time, unit) | Value::LocalTimestamp(time, unit) = value {
        return Some(time.div_euclid(unit.per_second() / 1000));
    }
    match Numeric::of(value)? {
        Numeric::Int(int) => Some(int),
        Numeric::Double(double) => truncated(double),
        Numeric::Decimal(decimal) => {
            let power = power_of_ten(u32::from(decimal.scale))?;
            i64::try_from(decimal.unscaled / power).ok()
        }
    }
}

fn double(value: Value<'_>, arena: &Arena) -> Option<f64> {
    match plain_text(value, arena) {
        Some(text) => real(text.trim()),
        None => Numeric::of(value).map(Numeric::double),
    }
}

/// Digits with a fraction and an exponent, and the text forms of what is no number.
fn real(text: &str) -> Option<f64> {
    match text {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return Some(f64::INFINITY),
        "-Infinity" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let number = text.bytes().all(|b| b.is_ascii_digit() || b".+-eE".contains(&b));
    text.parse().ok().filter(|double: &f64| number && double.is_finite())
}

fn decimal(value: Value<'_>, precision: u8, scale: u8, arena: &Arena) -> Option<Decimal> {
    let exact = match plain_text(value, arena) {
        Some(text) => {
            let text = text.trim();
            let unsigned = text.strip_prefix('+').unwrap_or(text);
            Decimal::parse(unsigned).or_else(|| to_decimal(Numeric::Double(real(text)?)))
        }
        None => to_decimal(Numeric::of(value)?),
    };
    let limit = power_of_ten(u32::from(precision))?;
    rescaled(exact?, scale).filter(|decimal| decimal.unscaled.abs() < limit)
}

fn boolean(value: Value<'_>, arena: &Arena) -> Option<bool> {
    if let Value::Boolean(truth) = value {
        return Some(truth);
    }
    const TRUE: &[&str] = &["true", "t", "yes", "y", "on", "1"];
    const FALSE: &[&str] = &["false", "f", "no", "n", "off", "0"];
    let text = plain_text(value, arena)?.trim();
    let is = |known: &&str| text.eq_ignore_ascii_case(known);
    match () {
        () if TRUE.iter().any(is) => Some(true),
        () if FALSE.iter().any(is) => Some(false),
        () => None,
    }
}

fn to_text<'a>(value: Value<'a>, arena: &'a Arena) -> Option<&'a str> {
    match value {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        _ if is_nested(value) => Some(written(value, arena)),
        _ => text(value, arena),
    }
}

fn to_time<'a>(value: Value<'a>, to: CastType, arena: &'a Arena) -> Option<Value<'a>> {
    if let Some(text) = plain_text(value, arena) {
        let text = text.trim();
        let timestamp = || time::parse_timestamp(text).map(|(at, unit)| Value::Timestamp(at, unit));
        return match to {
            CastType::Date => match time::parse_date(text) {
                Some(days) => Some(Value::Date(days)),
                None => part(timestamp()?, to),
            },
            CastType::Time => match time::parse_time(text) {
                Some((at, unit)) => Some(Value::Time(at, unit)),
                None => part(timestamp()?, to),
            },
            _ => timestamp(),
        };
    }
    match Numeric::of(value) {
        Some(number) if to == CastType::Timestamp => {
            number.whole().map(|at| Value::Timestamp(at, TimeUnit::Millis))
        }
        Some(_) => None,
        None => part(value, to),
    }
}

/// The part of a time that is wanted.
fn part(value: Value<'_>, to: CastType) -> Option<Value<'_>> {
    const DAY: i64 = 86_400;
    match (value, to) {
        (Value::Date(_), CastType::Date) | (Value::Time(..), CastType::Time) => Some(value),
        (Value::Date(days), CastType::Timestamp) => {
            Some(Value::Timestamp(i64::from(days) * DAY * 1000, TimeUnit::Millis))
        }
        (Value::Timestamp(at, unit) | Value::LocalTimestamp(at, unit), _) => {
            let day = DAY * unit.per_second();
            match to {
                CastType::Date => i32::try_from(at.div_euclid(day)).ok().map(Value::Date),
                CastType::Time => Some(Value::Time(at.rem_euclid(day), unit)),
                _ => Some(Value::Timestamp(at, unit)),
            }
        }
        _ => None,
    }
}
