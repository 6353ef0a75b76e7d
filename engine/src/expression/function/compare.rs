//! Order and sameness of arguments and elements.

use super::Fault;
use super::call::json_text;
use crate::expression::convert::{is_nested, kind, text};
use crate::expression::number::Numeric;
use crate::expression::time::Moment;
use crate::record::{Arena, Value};
use std::cmp::Ordering;

/// The order of two values that are not null, of one kind; none for NaN and for nested values.
pub(super) fn order<'a>(
    one: Value<'a>,
    other: Value<'a>,
    arena: &'a Arena,
) -> Result<Option<Ordering>, Fault> {
    if let (Some(one), Some(other)) = (Numeric::of(one), Numeric::of(other)) {
        return Ok(one.compare(other));
    }
    Ok(match (one, other) {
        (Value::Boolean(one), Value::Boolean(other)) => Some(one.cmp(&other)),
        (Value::Bytes(one), Value::Bytes(other)) => Some(one.cmp(other)),
        (Value::Text(one), Value::Text(other)) => Some(one.cmp(other)),
        (Value::Text(_) | Value::Escaped(_), Value::Text(_) | Value::Escaped(_)) => {
            Some(text(one, arena).cmp(&text(other, arena)))
        }
        _ if is_time(one) && is_time(other) => {
            let moments = (Moment::of(one, arena), Moment::of(other, arena));
            moments.0.zip(moments.1).map(|(one, other)| one.instant().cmp(&other.instant()))
        }
        _ if kind(one) == kind(other) => None,
        _ => return Err(format!("{} compared with {}", kind(one), kind(other)).into()),
    })
}

/// Whether two values are the same; nulls are, and nested values of the same JSON.
pub(super) fn same<'a>(one: Value<'a>, other: Value<'a>, arena: &'a Arena) -> bool {
    match (one, other) {
        (Value::Null, Value::Null) => true,
        (Value::Null, _) | (_, Value::Null) => false,
        _ if is_nested(one) && is_nested(other) => {
            let texts = (json_text(one, arena), json_text(other, arena));
            texts.0.is_ok() && texts.0 == texts.1
        }
        _ => matches!(order(one, other, arena), Ok(Some(Ordering::Equal))),
    }
}

fn is_time(value: Value<'_>) -> bool {
    matches!(
        value,
        Value::Date(_) | Value::Time(..) | Value::Timestamp(..) | Value::LocalTimestamp(..)
    )
}
