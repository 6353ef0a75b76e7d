//! Steps into nested values, whatever format they are of.

use super::json;
use crate::record::{Arena, NestedShape, Step, Value};

/// The value at the end of `steps` from `value`; null where a step leads nowhere.
pub fn follow<'a>(mut value: Value<'a>, steps: &[Step], arena: &'a Arena) -> Value<'a> {
    for step in steps {
        value = match step {
            Step::Field(name) => field(value, name, arena),
            Step::Index(index) => element(value, *index, arena),
        };
    }
    value
}

/// The field or entry of that name; null where `value` has none. Of two of one name the last.
pub fn field<'a>(value: Value<'a>, name: &str, arena: &'a Arena) -> Value<'a> {
    match value {
        Value::Object(text) => json::field(text, name),
        Value::Entries(entries) => {
            let found = entries.iter().rev().find(|(known, _)| *known == name);
            found.map_or(Value::Null, |(_, value)| *value)
        }
        Value::Nested(nested) if nested.shape() != NestedShape::Array => nested.field(name, arena),
        _ => Value::Null,
    }
}

/// The element at that place, from 0, or from the end when negative; null where there is none.
pub fn element<'a>(value: Value<'a>, index: i64, arena: &'a Arena) -> Value<'a> {
    let Some(index) = (match index {
        0.. => usize::try_from(index).ok(),
        _ => usize::try_from(index.unsigned_abs())
            .ok()
            .and_then(|back| length(value)?.checked_sub(back)),
    }) else {
        return Value::Null;
    };
    match value {
        Value::Array(text) => json::element(text, index),
        Value::List(values) => values.get(index).copied().unwrap_or_default(),
        Value::Nested(nested) if nested.shape() == NestedShape::Array => {
            nested.element(index, arena)
        }
        _ => Value::Null,
    }
}

/// How many elements, entries or fields `value` has; none when it is not nested.
pub fn length(value: Value<'_>) -> Option<usize> {
    match value {
        Value::Object(text) | Value::Array(text) => Some(json::length(text)),
        Value::List(values) => Some(values.len()),
        Value::Entries(entries) => Some(entries.len()),
        Value::Nested(nested) => Some(nested.len()),
        _ => None,
    }
}

/// Shows each element (with the name `""`), entry or field of `value` in source
/// order; nothing when it is not nested.
pub fn visit<'a>(value: Value<'a>, arena: &'a Arena, visit: &mut dyn FnMut(&'a str, Value<'a>)) {
    match value {
        Value::Object(text) => json::members(text, arena, visit),
        Value::Array(text) => json::elements(text, &mut |value| visit("", value)),
        Value::List(values) => values.iter().for_each(|value| visit("", *value)),
        Value::Entries(entries) => entries.iter().for_each(|(name, value)| visit(name, *value)),
        Value::Nested(nested) => nested.visit(arena, visit),
        _ => {}
    }
}
