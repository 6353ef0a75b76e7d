//! Maps and records.

use super::collection::key_text;
use super::{Call, Class, Fault, Function, Group, Returns, list, map, parameter};
use crate::record::Value;

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Collection,
        "map_keys",
        &[map("map")],
        Returns::Texts,
        |call| {
            let mut keys = call.gather();
            call.entries(0, &mut |key, _| keys.push(Value::Text(key)))?;
            keys.list()
        },
        "The keys of a map or record, in order.",
        &[
            ("map_keys(MAP('apple' := 10, 'banana' := 20))", r#"["apple","banana"]"#),
            ("map_keys(NULL)", "null"),
        ],
    ),
    Function::new(
        Group::Collection,
        "map_values",
        &[map("map")],
        Returns::Elements(0),
        |call| {
            let mut values = call.gather();
            call.entries(0, &mut |_, value| values.push(value))?;
            values.list()
        },
        "The values of a map or record, in order.",
        &[
            ("map_values(MAP('apple' := 10, 'banana' := 20))", "[10,20]"),
            ("map_values(STRUCT(a := 'x'))", r#"["x"]"#),
        ],
    ),
    Function::new(
        Group::Collection,
        "map_union",
        &[map("map"), map("other")],
        Returns::SameAs(0),
        union,
        "The entries of both maps; of one key the value of the other map.",
        &[
            (
                "map_union(MAP('apple' := 10, 'banana' := 20), MAP('apple' := 50))",
                r#"{"apple":50,"banana":20}"#,
            ),
            ("map_union(NULL, NULL)", "null"),
        ],
    )
    .sees_nulls(),
    Function::new(
        Group::Collection,
        "as_map",
        &[list("keys"), list("values")],
        Returns::Unknown,
        as_map,
        "A map of keys and the values at the same places.",
        &[
            ("as_map(ARRAY['a', 'b'], ARRAY[1, 2])", r#"{"a":1,"b":2}"#),
            ("as_map(ARRAY['a', 'b'], ARRAY[1])", r#"{"a":1}"#),
        ],
    ),
    Function::new(
        Group::Collection,
        "entries",
        &[map("map"), parameter("sorted", Class::Boolean)],
        Returns::Unknown,
        entries,
        "The entries as an array of records with the fields K and V, sorted by key if wanted.",
        &[
            ("entries(MAP('b' := 1, 'a' := 2), true)", r#"[{"K":"a","V":2},{"K":"b","V":1}]"#),
            ("entries(MAP('b' := 1), false)[0].K", "b"),
        ],
    )
    .required(1),
    Function::new(
        Group::Collection,
        "map_contains_key",
        &[map("map"), super::text("key")],
        Returns::Boolean,
        |call| {
            let key = call.text(1)?;
            let mut found = false;
            call.entries(0, &mut |known, _| {
                found = found || known == key;
                Ok(())
            })?;
            Ok(Value::Boolean(found))
        },
        "Whether the map has an entry of that key, be it null.",
        &[
            ("map_contains_key(MAP('a' := 1), 'a')", "true"),
            ("map_contains_key(MAP('a' := 1), 'b')", "false"),
        ],
    ),
];

fn union<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    if !call.given(0) && !call.given(1) {
        return Ok(Value::Null);
    }
    let mut map = call.gather();
    for index in (0..2).filter(|&index| call.given(index)) {
        call.entries(index, &mut |key, value| map.set(key, value))?;
    }
    map.map()
}

fn as_map<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut values = call.gather();
    call.elements(1, &mut |value| values.push(value))?;
    let mut values = values.slice().iter().copied();
    let mut map = call.gather();
    call.elements(0, &mut |key| match values.next() {
        Some(value) => map.set(key_text(call, key)?, value),
        None => Ok(()),
    })?;
    map.map()
}

fn entries<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let sorted = call.arguments.len() > 1 && call.boolean(1)?;
    let mut pairs = call.gather();
    call.entries(0, &mut |key, value| pairs.push((key, value)))?;
    if sorted {
        pairs.0.sort_unstable_by(|one, other| one.0.cmp(other.0));
    }
    let mut list = call.gather();
    for (key, value) in pairs.slice() {
        list.push(call.arena.entries(&[("K", Value::Text(key)), ("V", *value)]))?;
    }
    list.list()
}
