//! Arrays.

use super::compare::{order, same};
use super::{Call, Fault, Function, Group, Returns, any, int, list, text};
use crate::expression::convert::{self, is_list, is_map, kind};
use crate::format::nested;
use crate::record::Value;
use std::cmp::Ordering;

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Collection,
        "array_length",
        &[list("array")],
        Returns::Int,
        |call| match is_list(call.get(0)) {
            true => length(call),
            false => Err(format!("argument 1 is {}, not an array", kind(call.get(0))).into()),
        },
        "How many elements an array has.",
        &[("array_length(ARRAY[1, 2, 3])", "3"), ("array_length(NULL)", "null")],
    ),
    Function::new(
        Group::Collection,
        "cardinality",
        &[any("collection")],
        Returns::Int,
        length,
        "How many elements an array or entries a map has.",
        &[("cardinality(MAP('a' := 1))", "1"), ("cardinality(ARRAY[7])", "1")],
    ),
    Function::new(
        Group::Collection,
        "array_contains",
        &[list("array"), any("value")],
        Returns::Boolean,
        contains,
        "Whether the value is an element; false for a null array.",
        &[
            ("array_contains(ARRAY[1, 2], 2)", "true"),
            ("array_contains(ARRAY['a', NULL], NULL)", "true"),
        ],
    )
    .sees_nulls(),
    Function::new(
        Group::Collection,
        "array_join",
        &[list("array"), text("delimiter")],
        Returns::Text,
        join,
        "The elements' texts with the delimiter between them, a comma when left out, nothing \
         when null; a null element is `null`.",
        &[
            ("array_join(ARRAY['a', 'b'], '-')", "a-b"),
            ("array_join(ARRAY[1, NULL])", "1,null"),
            ("array_join(ARRAY[1, 2], NULL)", "12"),
        ],
    )
    .required(1)
    .sees_nulls(),
    Function::new(
        Group::Collection,
        "array_min",
        &[list("array")],
        Returns::Element(0),
        |call| extreme(call, Ordering::Less),
        "The least element that is not null.",
        &[("array_min(ARRAY[-1, 2, NULL, 0])", "-1"), ("array_min(ARRAY['Foo', 'bar'])", "Foo")],
    ),
    Function::new(
        Group::Collection,
        "array_max",
        &[list("array")],
        Returns::Element(0),
        |call| extreme(call, Ordering::Greater),
        "The greatest element that is not null.",
        &[("array_max(ARRAY[false, NULL, true])", "true"), ("array_max(ARRAY[NULL])", "null")],
    ),
    Function::new(
        Group::Collection,
        "array_sort",
        &[list("array"), text("direction")],
        Returns::SameAs(0),
        sort,
        "The elements in order, `'ASC'` or `'ASCENDING'` (when left out), `'DESC'` or \
         `'DESCENDING'`; nulls at the end.",
        &[
            ("array_sort(ARRAY[-1, 2, NULL, 0])", "[-1,0,2,null]"),
            ("array_sort(ARRAY['a', 'B'], 'DESC')", r#"["a","B"]"#),
        ],
    )
    .required(1),
    Function::new(
        Group::Collection,
        "array_distinct",
        &[list("array")],
        Returns::SameAs(0),
        |call| distinct(call, &[0], |_| Ok(true)),
        "Each different element once, in the order they stand first.",
        &[
            ("array_distinct(ARRAY[1, 1, 2, 3, 1])", "[1,2,3]"),
            ("array_distinct(ARRAY[NULL, NULL])", "[null]"),
        ],
    ),
    Function::new(
        Group::Collection,
        "array_union",
        &[list("array"), list("other")],
        Returns::SameAs(0),
        |call| distinct(call, &[0, 1], |_| Ok(true)),
        "Each different element of both arrays once.",
        &[
            ("array_union(ARRAY[1, 2, 1], ARRAY[4, 1])", "[1,2,4]"),
            ("array_union(ARRAY[1], NULL)", "null"),
        ],
    ),
    Function::new(
        Group::Collection,
        "array_intersect",
        &[list("array"), list("other")],
        Returns::SameAs(0),
        |call| distinct(call, &[0], |element| has(call, 1, element)),
        "Each different element of the first array that is in the other, too.",
        &[
            ("array_intersect(ARRAY[1, 2, 3], ARRAY[2, 1])", "[1,2]"),
            ("array_intersect(ARRAY['a'], ARRAY['b'])", "[]"),
        ],
    ),
    Function::new(
        Group::Collection,
        "array_except",
        &[list("array"), list("other")],
        Returns::SameAs(0),
        |call| distinct(call, &[0], |element| has(call, 1, element).map(|found| !found)),
        "Each different element of the first array that is not in the other.",
        &[
            ("array_except(ARRAY[1, 2, 3, 1], ARRAY[2, 3])", "[1]"),
            ("array_except(ARRAY['a', NULL], ARRAY['a'])", "[null]"),
        ],
    ),
    Function::new(
        Group::Collection,
        "array_concat",
        &[list("array"), list("other")],
        Returns::SameAs(0),
        concat,
        "The elements of both arrays; a null array counts as the other one.",
        &[
            ("array_concat(ARRAY[1, 2], ARRAY[2])", "[1,2,2]"),
            ("array_concat(ARRAY[1], NULL)", "[1]"),
        ],
    )
    .sees_nulls(),
    Function::new(
        Group::Collection,
        "array_remove",
        &[list("array"), any("value")],
        Returns::SameAs(0),
        remove,
        "The array without the elements that equal the value.",
        &[
            ("array_remove(ARRAY[1, 2, 3, 2], 2)", "[1,3]"),
            ("array_remove(ARRAY['a', NULL], NULL)", r#"["a"]"#),
        ],
    )
    .sees_nulls(),
    Function::new(
        Group::Collection,
        "slice",
        &[list("array"), int("from"), int("to")],
        Returns::SameAs(0),
        slice,
        "The elements from one place to another, counted from 1, both included; a null end is the \
         array's. Null when there are no such places.",
        &[("slice(ARRAY['a', 'b', 'c'], 2, 3)", r#"["b","c"]"#), ("slice(ARRAY[1], 2, 3)", "null")],
    )
    .sees_nulls(),
    Function::new(
        Group::Collection,
        "element_at",
        &[any("collection"), any("place")],
        Returns::Element(0),
        element_at,
        "The element at a place counted from 1 (from the end when negative), or the entry of a key. \
         The subscript `a[0]` counts from 0.",
        &[("element_at(ARRAY['a', 'b'], 1)", "a"), ("element_at(MAP('k' := 7), 'k')", "7")],
    ),
    Function::new(
        Group::Collection,
        "generate_series",
        &[int("from"), int("to"), int("step")],
        Returns::Unknown,
        series,
        "The whole numbers from one to another, both included.",
        &[("generate_series(1, 4)", "[1,2,3,4]"), ("generate_series(5, 1, -2)", "[5,3,1]")],
    )
    .required(2),
];

fn length<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let value = call.get(0);
    match nested::length(value) {
        Some(length) => Ok(Value::Int(length as i64)),
        None => Err(format!("argument 1 is {}, not an array or map", kind(value)).into()),
    }
}

/// Whether the array of that argument has such an element.
fn has<'a>(call: &Call<'_, 'a>, index: usize, wanted: Value<'a>) -> Result<bool, Fault> {
    let mut found = false;
    call.elements(index, &mut |element| {
        found = found || same(element, wanted, call.arena);
        Ok(())
    })?;
    Ok(found)
}

fn contains<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    match call.given(0) {
        true => has(call, 0, call.get(1)).map(Value::Boolean),
        false => Ok(Value::Boolean(false)),
    }
}

fn join<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    if !call.given(0) {
        return Ok(Value::Null);
    }
    let delimiter = match call.arguments.len() {
        0 | 1 => ",",
        _ if call.given(1) => call.text(1)?,
        _ => "",
    };
    let mut out = call.builder();
    let mut first = true;
    call.elements(0, &mut |element| {
        let between = if std::mem::take(&mut first) { "" } else { delimiter };
        out.push(between)?;
        match element {
            Value::Null => out.push("null"),
            _ => out.push(Call { arguments: &[element], ..*call }.text(0)?),
        }
    })?;
    out.done()
}

fn extreme<'a>(call: &Call<'_, 'a>, wanted: Ordering) -> Result<Value<'a>, Fault> {
    let mut best = Value::Null;
    call.elements(0, &mut |element| {
        let better = match (element, best) {
            (Value::Null, _) => false,
            (_, Value::Null) => true,
            _ => order(element, best, call.arena)? == Some(wanted),
        };
        best = if better { element } else { best };
        Ok(())
    })?;
    Ok(best)
}

fn sort<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let direction = if call.arguments.len() > 1 { call.text(1)? } else { "ASC" };
    let descending = match direction {
        _ if ["ASC", "ASCENDING"].iter().any(|word| direction.eq_ignore_ascii_case(word)) => false,
        _ if ["DESC", "DESCENDING"].iter().any(|word| direction.eq_ignore_ascii_case(word)) => true,
        _ => return Err(Fault::from("the direction is 'ASC' or 'DESC'")),
    };
    let mut values = call.gather();
    let mut kinds: Option<Value<'a>> = None;
    call.elements(0, &mut |element| {
        if !element.is_null() {
            // Once all compare with the first, they compare with each other.
            order(element, *kinds.get_or_insert(element), call.arena)?;
        }
        values.push(element)
    })?;
    // `sort_by` would allocate; elements that are equal cannot be told apart but by their text.
    values.0.sort_unstable_by(|one, other| match (one.is_null(), other.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        _ => {
            let order = total(*one, *other, call);
            if descending { order.reverse() } else { order }
        }
    });
    values.list()
}

/// An order of all values, as sorting needs: NaN is the greatest number, as in Java.
fn total<'a>(one: Value<'a>, other: Value<'a>, call: &Call<'_, 'a>) -> Ordering {
    let not_a_number = |value| match value {
        Value::Double(double) => double.is_nan(),
        Value::Float(float) => float.is_nan(),
        _ => false,
    };
    match order(one, other, call.arena) {
        Ok(Some(order)) => order,
        _ => not_a_number(one).cmp(&not_a_number(other)),
    }
}

/// Arrays up to that length are compared element by element; longer ones are refused
/// where each element is compared with all others.
const DISTINCT_MAX: usize = 4096;

fn distinct<'a>(
    call: &Call<'_, 'a>,
    arrays: &[usize],
    keep: impl Fn(Value<'a>) -> Result<bool, Fault>,
) -> Result<Value<'a>, Fault> {
    let mut values = call.gather();
    for &index in arrays {
        call.elements(index, &mut |element| {
            let known = values.0.iter().any(|known| same(*known, element, call.arena));
            if known || !keep(element)? {
                return Ok(());
            }
            if values.0.len() >= DISTINCT_MAX {
                return Err(Fault::from("more than 4096 different elements"));
            }
            values.push(element)
        })?;
    }
    values.list()
}

fn concat<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    if !call.given(0) || !call.given(1) {
        return Ok(if call.given(0) { call.get(0) } else { call.get(1) });
    }
    let mut values = call.gather();
    call.elements(0, &mut |element| values.push(element))?;
    call.elements(1, &mut |element| values.push(element))?;
    values.list()
}

fn remove<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    if !call.given(0) {
        return Ok(Value::Null);
    }
    let mut values = call.gather();
    call.elements(0, &mut |element| match same(element, call.get(1), call.arena) {
        true => Ok(()),
        false => values.push(element),
    })?;
    values.list()
}

fn slice<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    if !call.given(0) {
        return Ok(Value::Null);
    }
    let mut values = call.gather();
    call.elements(0, &mut |element| values.push(element))?;
    let values = values.slice();
    let from = if call.given(1) { call.int(1)? } else { 1 };
    let to = if call.given(2) { call.int(2)? } else { values.len() as i64 };
    let places = usize::try_from(from.saturating_sub(1)).ok().zip(usize::try_from(to).ok());
    let part = places.and_then(|(from, to)| values.get(from..to));
    Ok(part.map_or(Value::Null, Value::List))
}

fn element_at<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let value = call.get(0);
    if is_map(value) {
        return Ok(nested::field(value, call.text(1)?, call.arena));
    }
    if !is_list(value) {
        return Err(format!("argument 1 is {}, not an array or map", kind(value)).into());
    }
    let place = match call.int(1)? {
        0 => return Err(Fault::from("element_at counts from 1, or from the end from -1")),
        place @ 1.. => place - 1,
        place => place,
    };
    Ok(nested::element(value, place, call.arena))
}

fn series<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (from, to) = (call.int(0)?, call.int(1)?);
    let default = if to < from { -1 } else { 1 };
    let step = if call.arguments.len() > 2 { call.int(2)? } else { default };
    if step == 0 || (step > 0) != (to >= from) && to != from {
        return Err(Fault::from("the step does not lead from one end to the other"));
    }
    let mut values = call.gather();
    let mut next = Some(from);
    while let Some(value) = next.filter(|&value| if step > 0 { value <= to } else { value >= to }) {
        values.push(Value::Int(value))?;
        next = value.checked_add(step);
    }
    values.list()
}

/// The text of a key: any value that is neither null nor nested.
pub(super) fn key_text<'a>(call: &Call<'_, 'a>, value: Value<'a>) -> Result<&'a str, Fault> {
    convert::text(value, call.arena).ok_or_else(|| format!("a key is {}", kind(value)).into())
}
