//! Padding to a length.

use super::{Call, Fault, Function, Group, Returns, TEXT_MAX, int, text_or_bytes};
use super::{call::too_long, span};
use crate::record::Value;

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Text,
        "lpad",
        &[text_or_bytes("text"), int("length"), text_or_bytes("padding")],
        Returns::SameAs(0),
        |call| pad(call, Side::Left),
        "The text with the padding before it, as often and as far as it takes to be that long; \
         cut when it is longer. Null for an empty padding or a negative length.",
        &[
            ("lpad('Foo', 7, 'Bar')", "BarBFoo"),
            ("lpad(123, 5, '0')", "00123"),
            ("lpad('Foo', 2, 'Bar')", "Fo"),
            ("lpad('Foo', 7, '')", "null"),
        ],
    ),
    Function::new(
        Group::Text,
        "rpad",
        &[text_or_bytes("text"), int("length"), text_or_bytes("padding")],
        Returns::SameAs(0),
        |call| pad(call, Side::Right),
        "The text with the padding behind it, as often and as far as it takes to be that long; \
         cut when it is longer. Null for an empty padding or a negative length.",
        &[("rpad('Foo', 7, 'Bar')", "FooBarB"), ("rpad('Foo', -1, 'Bar')", "null")],
    ),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

fn pad<'a>(call: &Call<'_, 'a>, side: Side) -> Result<Value<'a>, Fault> {
    let Ok(length) = usize::try_from(call.int(1)?) else {
        return Ok(Value::Null);
    };
    if length > TEXT_MAX {
        return Err(too_long());
    }
    if let Value::Bytes(bytes) = call.get(0) {
        return pad_bytes(call, bytes, length, side);
    }
    let (text, padding) = (call.text(0)?, call.text(2)?);
    if padding.is_empty() {
        return Ok(Value::Null);
    }
    let head = span::part(text, 0, length as i64);
    let missing = length.saturating_sub(head.chars().count());
    let mut out = call.builder();
    if side == Side::Right {
        out.push(head)?;
    }
    padding.chars().cycle().take(missing).try_for_each(|character| out.push_char(character))?;
    if side == Side::Left {
        out.push(head)?;
    }
    out.done()
}

fn pad_bytes<'a>(
    call: &Call<'_, 'a>,
    bytes: &'a [u8],
    length: usize,
    side: Side,
) -> Result<Value<'a>, Fault> {
    let padding = call.bytes(2)?;
    if padding.is_empty() {
        return Ok(Value::Null);
    }
    let head = bytes.get(..length).unwrap_or(bytes);
    let mut out = call.gather();
    if side == Side::Right {
        out.extend(head)?;
    }
    let missing = padding.iter().cycle().take(length - head.len());
    missing.copied().try_for_each(|byte| out.extend(&[byte]))?;
    if side == Side::Left {
        out.extend(head)?;
    }
    Ok(Value::Bytes(out.slice()))
}
