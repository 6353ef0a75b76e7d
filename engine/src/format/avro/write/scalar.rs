//! Values without parts to bytes.

use super::super::leaf::Leaf;
use crate::format::json;
use crate::format::text::write_text;
use crate::record::{Decimal, TimeUnit, Value};

/// How well a value must fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is of the schema's type already.
    Own,
    /// It can be made so without losing anything.
    Any,
}

type Written = Result<(), &'static str>;

/// Appends a long: zigzag, then 7 bits a byte, the lowest first.
pub(super) fn put_long(long: i64, out: &mut Vec<u8>) {
    let mut rest = ((long << 1) ^ (long >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Appends bytes behind their length.
pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

impl Leaf {
    /// Appends a value.
    pub(super) fn write(self, value: Value<'_>, fit: Fit, out: &mut Vec<u8>) -> Written {
        if value.is_null() && self != Leaf::Null {
            return Err("it is null or missing, and the schema takes no null");
        }
        match self {
            Leaf::Null => return if value.is_null() { Ok(()) } else { Err("null is wanted") },
            Leaf::Boolean => out.push(u8::from(boolean(value, fit)?)),
            Leaf::Int => match i32::try_from(whole(value, fit)?) {
                Ok(int) => put_long(i64::from(int), out),
                Err(_) => return Err("it does not fit an int of 32 bits"),
            },
            Leaf::Long => put_long(whole(value, fit)?, out),
            Leaf::Float => match (value, fit) {
                (Value::Float(float), _) => out.extend_from_slice(&float.to_le_bytes()),
                (_, Fit::Own) => return Err("a float is wanted"),
                // Nobody who declares a float wants more digits than it has.
                _ => out.extend_from_slice(&(double(value, fit)? as f32).to_le_bytes()),
            },
            Leaf::Double => out.extend_from_slice(&double(value, fit)?.to_le_bytes()),
            Leaf::Text => text(value, fit, out)?,
            Leaf::Bytes => put_bytes(bytes(value, fit)?, out),
            Leaf::Fixed(size) => match bytes(value, fit)? {
                bytes if bytes.len() == size as usize => out.extend_from_slice(bytes),
                _ => return Err("it is not as long as the schema's fixed type"),
            },
            Leaf::Decimal { scale } => {
                let unscaled = unscaled(value, scale, fit)?.to_be_bytes();
                put_bytes(shortest(&unscaled), out);
            }
            Leaf::FixedDecimal { scale, size } => {
                let unscaled = unscaled(value, scale, fit)?;
                fixed(unscaled, usize::from(size), out)?;
            }
            Leaf::BigDecimal => big_decimal(decimal(value, fit)?, out),
            Leaf::Date => put_long(date(value, fit)?, out),
            Leaf::TimeMillis => put_long(time(value, TimeUnit::Millis, fit)?, out),
            Leaf::TimeMicros => put_long(time(value, TimeUnit::Micros, fit)?, out),
            Leaf::Timestamp(unit) => put_long(timestamp(value, unit, fit)?, out),
            Leaf::LocalTimestamp(unit) => put_long(local_timestamp(value, unit, fit)?, out),
            Leaf::UuidBytes => put_bytes(&uuid(value)?, out),
            Leaf::UuidFixed => out.extend_from_slice(&uuid(value)?),
            Leaf::Duration => return Err("durations cannot be written"),
            Leaf::Enum(_) => return Err("an enum is wanted"),
        }
        Ok(())
    }
}

/// A value's text, where it is one that stands in a text.
fn words<'v>(value: Value<'v>, fit: Fit) -> Option<&'v str> {
    match (value, fit) {
        (Value::Number(text), _) | (Value::Text(text), Fit::Any) => Some(text),
        _ => None,
    }
}

fn boolean(value: Value<'_>, fit: Fit) -> Result<bool, &'static str> {
    match (value, words(value, fit)) {
        (Value::Boolean(truth), _) => Ok(truth),
        (_, Some("true")) => Ok(true),
        (_, Some("false")) => Ok(false),
        _ => Err("a boolean is wanted"),
    }
}

fn whole(value: Value<'_>, fit: Fit) -> Result<i64, &'static str> {
    match value {
        Value::Int(int) => Ok(int),
        // Where the schema gives a time no logical type, it is what the number is.
        Value::Date(days) if fit == Fit::Any => Ok(i64::from(days)),
        Value::Time(time, _) | Value::Timestamp(time, _) | Value::LocalTimestamp(time, _)
            if fit == Fit::Any =>
        {
            Ok(time)
        }
        Value::Float(_) | Value::Double(_) if fit == Fit::Own => Err("a whole number is wanted"),
        _ => {
            let whole = scaled(decimal(value, fit)?, 0).ok_or("a whole number is wanted")?;
            i64::try_from(whole).map_err(|_| "it does not fit a long of 64 bits")
        }
    }
}

fn double(value: Value<'_>, fit: Fit) -> Result<f64, &'static str> {
    match (value, words(value, fit)) {
        (Value::Double(double), _) => Ok(double),
        (Value::Float(float), _) => Ok(f64::from(float)),
        (Value::Int(int), _) if fit == Fit::Any => Ok(int as f64),
        (Value::Decimal(decimal), _) if fit == Fit::Any => {
            decimal.to_string().parse().map_err(|_| "a number is wanted")
        }
        (_, Some(text)) => text.trim().parse().map_err(|_| "a number is wanted"),
        _ => Err("a number is wanted"),
    }
}

fn decimal(value: Value<'_>, fit: Fit) -> Result<Decimal, &'static str> {
    const WANTED: &str = "an exact number is wanted";
    let of_double = |double: f64| {
        let exact = double.is_finite() && double.fract() == 0.0 && double.abs() < 1e15;
        exact.then_some(Decimal { unscaled: double as i128, scale: 0 })
    };
    let found = match value {
        Value::Int(int) => Some(Decimal { unscaled: i128::from(int), scale: 0 }),
        Value::Decimal(decimal) => Some(*decimal),
        Value::Double(double) if fit == Fit::Any => {
            Decimal::parse(&double.to_string()).or(of_double(double))
        }
        Value::Float(float) if fit == Fit::Any => Decimal::parse(&float.to_string()),
        _ => words(value, fit)
            .and_then(|text| Decimal::parse(text).or_else(|| of_double(text.parse().ok()?))),
    };
    found.ok_or(WANTED)
}

/// The number × 10^`scale`, where that is whole and fits.
fn scaled(decimal: Decimal, scale: u16) -> Option<i128> {
    let power = |exponent: u16| 10i128.checked_pow(u32::from(exponent));
    let own = u16::from(decimal.scale);
    match scale.checked_sub(own) {
        Some(more) => decimal.unscaled.checked_mul(power(more)?),
        None => {
            let divisor = power(own - scale)?;
            (decimal.unscaled % divisor == 0).then(|| decimal.unscaled / divisor)
        }
    }
}

fn unscaled(value: Value<'_>, scale: u16, fit: Fit) -> Result<i128, &'static str> {
    scaled(decimal(value, fit)?, scale)
        .ok_or("it has more decimal places than the schema's decimal: round it")
}

/// Two's complement without bytes that only repeat the sign.
fn shortest(bytes: &[u8; 16]) -> &[u8] {
    let is_spare = |pair: &[u8]| {
        matches!(pair, [0, next] if next & 0x80 == 0)
            || matches!(pair, [0xff, next] if next & 0x80 != 0)
    };
    let spare = bytes.windows(2).take_while(|pair| is_spare(pair)).count();
    bytes.get(spare..).unwrap_or(bytes)
}

fn fixed(unscaled: i128, size: usize, out: &mut Vec<u8>) -> Written {
    let bytes = unscaled.to_be_bytes();
    let short = shortest(&bytes);
    let Some(fill) = size.checked_sub(short.len()) else {
        return Err("it does not fit the schema's fixed decimal");
    };
    let sign = if unscaled < 0 { 0xff } else { 0 };
    out.resize(out.len() + fill, sign);
    out.extend_from_slice(short);
    Ok(())
}

fn big_decimal(decimal: Decimal, out: &mut Vec<u8>) {
    let bytes = decimal.unscaled.to_be_bytes();
    let mut inner = Vec::new();
    put_bytes(shortest(&bytes), &mut inner);
    put_long(i64::from(decimal.scale), &mut inner);
    put_bytes(&inner, out);
}

fn text(value: Value<'_>, fit: Fit, out: &mut Vec<u8>) -> Written {
    match value {
        Value::Text(text) => put_bytes(text.as_bytes(), out),
        Value::Escaped(inner) => {
            let mut plain = Vec::with_capacity(inner.len());
            json::unescape(inner, &mut plain);
            put_bytes(&plain, out);
        }
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if fit == Fit::Any => put_bytes(text.as_bytes(), out),
            _ => return Err("a text is wanted"),
        },
        Value::Object(_)
        | Value::Array(_)
        | Value::List(_)
        | Value::Entries(_)
        | Value::Nested(_) => return Err("a text is wanted"),
        _ if fit == Fit::Own => return Err("a text is wanted"),
        _ => {
            let mut plain = Vec::new();
            write_text(value, &mut plain);
            put_bytes(&plain, out);
        }
    }
    Ok(())
}

fn bytes<'v>(value: Value<'v>, fit: Fit) -> Result<&'v [u8], &'static str> {
    match (value, fit) {
        (Value::Bytes(bytes), _) => Ok(bytes),
        (Value::Text(text), Fit::Any) => Ok(text.as_bytes()),
        _ => Err("bytes are wanted"),
    }
}

fn date(value: Value<'_>, fit: Fit) -> Result<i64, &'static str> {
    match value {
        Value::Date(days) => Ok(i64::from(days)),
        Value::Int(days) if fit == Fit::Any && i32::try_from(days).is_ok() => Ok(days),
        _ => Err("a date is wanted"),
    }
}

fn time(value: Value<'_>, unit: TimeUnit, fit: Fit) -> Result<i64, &'static str> {
    match value {
        Value::Time(time, own) => in_unit(time, own, unit),
        Value::Int(time) if fit == Fit::Any => Ok(time),
        _ => Err("a time of day is wanted"),
    }
}

fn timestamp(value: Value<'_>, unit: TimeUnit, fit: Fit) -> Result<i64, &'static str> {
    match value {
        Value::Timestamp(time, own) => in_unit(time, own, unit),
        Value::Int(time) if fit == Fit::Any => Ok(time),
        _ => Err("a timestamp is wanted: CAST(... AS TIMESTAMP) makes one of a text"),
    }
}

fn local_timestamp(value: Value<'_>, unit: TimeUnit, fit: Fit) -> Result<i64, &'static str> {
    match value {
        Value::LocalTimestamp(time, own) => in_unit(time, own, unit),
        Value::Int(time) if fit == Fit::Any => Ok(time),
        _ => Err("a date and time without a zone is wanted"),
    }
}

/// A time in another unit, where nothing of it is lost.
fn in_unit(time: i64, own: TimeUnit, wanted: TimeUnit) -> Result<i64, &'static str> {
    let in_a_second = |unit| match unit {
        TimeUnit::Millis => 1_000i64,
        TimeUnit::Micros => 1_000_000,
        TimeUnit::Nanos => 1_000_000_000,
    };
    let (own, wanted) = (in_a_second(own), in_a_second(wanted));
    let found = match wanted >= own {
        true => time.checked_mul(wanted / own),
        false => (time % (own / wanted) == 0).then(|| time / (own / wanted)),
    };
    found.ok_or("the schema's time is too coarse for it, or it is out of range")
}

fn uuid(value: Value<'_>) -> Result<[u8; 16], &'static str> {
    const WANTED: &str = "a UUID is wanted";
    let Value::Text(text) = value else { return Err(WANTED) };
    let digits = text.bytes().filter(|byte| *byte != b'-');
    let (mut all, mut count) = (0u128, 0);
    for digit in digits {
        let digit = char::from(digit).to_digit(16).ok_or(WANTED)?;
        all = all << 4 | u128::from(digit);
        count += 1;
    }
    if count == 32 { Ok(all.to_be_bytes()) } else { Err(WANTED) }
}
