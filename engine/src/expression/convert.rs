//! What values are called, and their texts in an arena.

use crate::format::json;
use crate::format::text::write_text;
use crate::record::{Arena, NestedShape, Value};
use std::cell::Cell;

thread_local! {
    /// Kept between records, so that text forms are made without allocating.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What a value is, for errors.
pub fn kind(value: Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "a boolean",
        Value::Int(_) | Value::Float(_) | Value::Double(_) => "a number",
        Value::Decimal(_) | Value::Number(_) => "a number",
        Value::Text(_) | Value::Escaped(_) => "a text",
        Value::Bytes(_) => "bytes",
        Value::Date(_) => "a date",
        Value::Time(..) => "a time",
        Value::Timestamp(..) | Value::LocalTimestamp(..) => "a timestamp",
        Value::Array(_) | Value::List(_) => "an array",
        Value::Object(_) | Value::Entries(_) => "an object",
        Value::Nested(nested) => match nested.shape() {
            NestedShape::Array => "an array",
            NestedShape::Record | NestedShape::Map => "an object",
        },
    }
}

/// The text of a text, and the text form of a number, boolean or time; none
/// for null, bytes and nested values.
pub fn text<'a>(value: Value<'a>, arena: &'a Arena) -> Option<&'a str> {
    match value {
        Value::Text(text) | Value::Number(text) => Some(text),
        Value::Escaped(text) => Some(json::unescaped(text, arena)),
        Value::Boolean(truth) => Some(if truth { "true" } else { "false" }),
        Value::Int(int) => Some(arena.text(itoa::Buffer::new().format(int))),
        _ if is_nested(value) => None,
        Value::Null | Value::Bytes(_) => None,
        _ => Some(written(value, arena)),
    }
}

/// Whether it is an array, a map or a record.
pub(super) fn is_nested(value: Value<'_>) -> bool {
    matches!(
        value,
        Value::Object(_) | Value::Array(_) | Value::List(_) | Value::Entries(_) | Value::Nested(_)
    )
}

/// Whether the value is an array.
pub(super) fn is_list(value: Value<'_>) -> bool {
    match value {
        Value::Array(_) | Value::List(_) => true,
        Value::Nested(nested) => nested.shape() == NestedShape::Array,
        _ => false,
    }
}

/// Whether the value is a map or record.
pub(super) fn is_map(value: Value<'_>) -> bool {
    match value {
        Value::Object(_) | Value::Entries(_) => true,
        Value::Nested(nested) => nested.shape() != NestedShape::Array,
        _ => false,
    }
}

/// The text form of what is neither null nor bytes.
pub(super) fn written<'a>(value: Value<'a>, arena: &'a Arena) -> &'a str {
    with_text(value, |bytes| arena.text(std::str::from_utf8(bytes).unwrap_or_default()))
}

/// Shows a value's text form.
pub(super) fn with_text<T>(value: Value<'_>, show: impl FnOnce(&[u8]) -> T) -> T {
    with_texts(value, Value::Null, |text, _| show(text))
}

/// Shows two values' text forms.
pub(super) fn with_texts<T>(
    first: Value<'_>,
    second: Value<'_>,
    show: impl FnOnce(&[u8], &[u8]) -> T,
) -> T {
    let mut scratch = SCRATCH.take();
    scratch.clear();
    write_text(first, &mut scratch);
    let middle = scratch.len();
    write_text(second, &mut scratch);
    let (one, other) = scratch.split_at(middle);
    let shown = show(one, other);
    SCRATCH.set(scratch);
    shown
}
