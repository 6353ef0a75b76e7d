//! Nulls.

use super::compare::same;
use super::{Call, Fault, Function, Group, Returns, any};
use crate::record::Value;

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Null,
        "coalesce",
        &[any("value")],
        Returns::SameAs(0),
        first,
        "The first value that is not null.",
        &[("coalesce(NULL, NULL, 'c', 'd')", "c"), ("coalesce(NULL)", "null")],
    )
    .variadic()
    .sees_nulls(),
    Function::new(
        Group::Null,
        "ifnull",
        &[any("value"), any("other")],
        Returns::SameAs(0),
        first,
        "The value, or the other one when it is null.",
        &[("ifnull(NULL, 0)", "0"), ("ifnull('a', 'b')", "a")],
    )
    .sees_nulls(),
    Function::new(
        Group::Null,
        "nullif",
        &[any("value"), any("other")],
        Returns::SameAs(0),
        nullif,
        "Null when both values are equal, else the first.",
        &[("nullif('', '')", "null"), ("nullif(7, 8)", "7"), ("nullif(1.0, 1)", "null")],
    )
    .sees_nulls(),
];

fn first<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let found = call.arguments.iter().find(|value| !value.is_null());
    Ok(found.copied().unwrap_or_default())
}

fn nullif<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let equal = same(call.get(0), call.get(1), call.arena);
    Ok(if equal { Value::Null } else { call.get(0) })
}
