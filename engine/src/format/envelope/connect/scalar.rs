//! Kafka Connect's scalar and logical types in JSON.

use crate::format::decimal::digits;
use crate::format::json;
use crate::record::{Arena, Decimal, TimeUnit, Value};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The greatest distance of a decimal's point from its last digit that is read.
pub(super) const MAX_SCALE: i32 = 1_000;

/// The longest decimal that is read, in bytes: about a thousand digits.
const MAX_DECIMAL: usize = 416;

/// What a value that is no array, map or struct must be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scalar {
    Boolean,
    /// From, to.
    Int(i64, i64),
    Float,
    Double,
    Text,
    Bytes,
    /// Of this scale.
    Decimal(i32),
    /// Debezium's struct of a scale and the number's bytes.
    VariableDecimal,
    Date,
    /// Greatest, unit.
    Time(i64, TimeUnit),
    Timestamp(TimeUnit),
    LocalTimestamp(TimeUnit),
}

/// A value of such a type that has been read, but for memory it may need.
#[derive(Debug)]
pub(super) enum Leaf<'a> {
    Value(Value<'a>),
    Decimal(Decimal),
    /// A decimal that does not fit.
    Large(String),
    /// Bytes as valid base64.
    Base64(Cow<'a, str>),
}

impl Scalar {
    /// What the schema calls it, for errors.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Scalar::Boolean => "a boolean",
            Scalar::Int(_, max) => match max {
                0x7f => "an int8",
                0x7fff => "an int16",
                0x7fff_ffff => "an int32",
                _ => "an int64",
            },
            Scalar::Float => "a float",
            Scalar::Double => "a double",
            Scalar::Text => "a string",
            Scalar::Bytes => "bytes as a string in base64",
            Scalar::Decimal(_) => "a Decimal, as a string in base64 or a number",
            Scalar::VariableDecimal => "an object of 'scale' and 'value' (VariableScaleDecimal)",
            Scalar::Date => "a Date as an int32",
            Scalar::Time(i64::MAX, _) => "a time as an int64",
            Scalar::Time(..) => "a Time as an int32",
            Scalar::Timestamp(_) | Scalar::LocalTimestamp(_) => "a Timestamp as an int64",
        }
    }

    /// Reads a JSON value that is not null; none when it is not of this type.
    pub(super) fn read<'a>(self, value: Value<'a>) -> Option<Leaf<'a>> {
        let int = |min: i64, max: i64| match value {
            Value::Number(text) => text.parse().ok().filter(|int| (min..=max).contains(int)),
            _ => None,
        };
        let any = || int(i64::MIN, i64::MAX);
        let read = match self {
            Scalar::Boolean => matches!(value, Value::Boolean(_)).then_some(value)?,
            Scalar::Text => matches!(value, Value::Text(_) | Value::Escaped(_)).then_some(value)?,
            Scalar::Int(min, max) => Value::Int(int(min, max)?),
            Scalar::Float => Value::Float(match value {
                Value::Number(text) => text.parse().ok().filter(|float: &f32| float.is_finite())?,
                other => not_finite(other)? as f32,
            }),
            Scalar::Double => Value::Double(match value {
                Value::Number(text) => {
                    text.parse().ok().filter(|double: &f64| double.is_finite())?
                }
                other => not_finite(other)?,
            }),
            Scalar::Date => Value::Date(i32::try_from(any()?).ok()?),
            Scalar::Time(max, unit) => Value::Time(int(max.wrapping_neg() - 1, max)?, unit),
            Scalar::Timestamp(unit) => Value::Timestamp(any()?, unit),
            Scalar::LocalTimestamp(unit) => Value::LocalTimestamp(any()?, unit),
            Scalar::Bytes => {
                let text = text(value)?;
                return is_base64(&text).then_some(Leaf::Base64(text));
            }
            Scalar::Decimal(scale) => return decimal(value, scale),
            Scalar::VariableDecimal => {
                let Value::Object(object) = value else { return None };
                let Value::Number(scale) = json::field(object, "scale") else { return None };
                let read = |scale: &i32| (-MAX_SCALE..=MAX_SCALE).contains(scale);
                let scale = scale.parse().ok().filter(read)?;
                return decimal(json::field(object, "value"), scale);
            }
        };
        Some(Leaf::Value(read))
    }
}

impl<'a> Leaf<'a> {
    /// The value, with its memory in the arena.
    pub(super) fn value(self, arena: &'a Arena) -> Value<'a> {
        match self {
            Leaf::Value(value) => value,
            Leaf::Decimal(decimal) => arena.decimal(decimal),
            Leaf::Large(text) => Value::Number(arena.text(&text)),
            Leaf::Base64(text) => {
                let mut bytes = arena.vec();
                bytes.resize(base64::decoded_len_estimate(text.len()), 0);
                // What is no base64 has not become a leaf.
                let length = BASE64.decode_slice(text.as_bytes(), &mut bytes).unwrap_or(0);
                bytes.truncate(length);
                Value::Bytes(bytes.into_bump_slice())
            }
        }
    }
}

/// A JSON string's text.
fn text(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Text(text) => Some(Cow::Borrowed(text)),
        Value::Escaped(text) => {
            let mut plain = Vec::new();
            json::unescape(text, &mut plain);
            String::from_utf8(plain).ok().map(Cow::Owned)
        }
        _ => None,
    }
}

/// What JSON has no number for, as Jackson writes it.
fn not_finite(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Text("NaN") => Some(f64::NAN),
        Value::Text("Infinity") => Some(f64::INFINITY),
        Value::Text("-Infinity") => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Checked piece by piece, as there may be no place for all of it.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let mut out = [0; 192];
    let mut valid = |piece: &[u8]| BASE64.decode_slice(piece, &mut out).is_ok();
    text.len() - digits.len() <= 2
        && !digits.contains('=')
        && text.as_bytes().chunks(256).all(&mut valid)
}

fn decimal(value: Value<'_>, scale: i32) -> Option<Leaf<'_>> {
    if let Value::Number(text) = value {
        // decimal.format=NUMERIC: the scale is the text's.
        return Some(Decimal::parse(text).map_or(Leaf::Value(value), Leaf::Decimal));
    }
    let text = text(value)?;
    let mut bytes = [0; MAX_DECIMAL];
    let length = BASE64.decode_slice(text.as_bytes(), &mut bytes).ok()?;
    let bytes = bytes.get(..length).filter(|bytes| !bytes.is_empty())?;
    let small = u32::try_from(scale).ok().and_then(|scale| Decimal::from_be_bytes(bytes, scale));
    Some(small.map_or_else(|| Leaf::Large(digits(bytes, scale).as_str().to_owned()), Leaf::Decimal))
}
