//! JSON that stands in texts.

use super::call::json_text;
use super::compare::same;
use super::prepared::Prepared;
use super::{Call, Fault, Function, Group, Returns, any, text};
use crate::expression::convert::{is_list, is_map, is_nested};
use crate::format::{json, nested};
use crate::record::{Step, Value};

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Json,
        "parse_json",
        &[text("json")],
        Returns::Unknown,
        |call| {
            let parsed = json::parse(call.text(0)?);
            parsed.map_err(|problem| format!("not JSON: {problem}").into())
        },
        "The value that a JSON text is, with its fields and elements; text that is no JSON is an \
         error of the record.",
        &[(r#"parse_json('{"a":[1,2]}').a[1]"#, "2"), ("parse_json('null')", "null")],
    ),
    Function::new(
        Group::Json,
        "extractjsonfield",
        &[any("json"), text("path")],
        Returns::Text,
        extract,
        "The text of what stands at a path (`$.a.b[0]`, `$['odd name']`) of a JSON text or nested \
         value; null where there is nothing or the text is no JSON.",
        &[
            (r#"extractjsonfield('{"log":{"cloud":"gcp"}}', '$.log.cloud')"#, "gcp"),
            (r#"extractjsonfield('{"a":[{"b":1.50}]}', '$.a[0].b')"#, "1.50"),
            ("extractjsonfield('{}', '$.x')", "null"),
        ],
    )
    .prepared(prepare),
    Function::new(
        Group::Json,
        "is_json_string",
        &[text("json")],
        Returns::Boolean,
        |call| Ok(Value::Boolean(call.given(0) && json::parse(call.text(0)?).is_ok())),
        "Whether a text is one JSON value; false for null.",
        &[("is_json_string('[1, 2]')", "true"), ("is_json_string('abc')", "false")],
    )
    .sees_nulls(),
    Function::new(
        Group::Json,
        "json_array_length",
        &[any("json")],
        Returns::Int,
        |call| {
            let value = parsed(call, 0)?.filter(|value| is_list(*value));
            let length = value.and_then(nested::length);
            Ok(length.map_or(Value::Null, |length| Value::Int(length as i64)))
        },
        "How many elements a JSON array in a text has; null when it is none.",
        &[("json_array_length('[1, [1, [2]], 3]')", "3"), ("json_array_length('{}')", "null")],
    ),
    Function::new(
        Group::Json,
        "json_array_contains",
        &[any("json"), any("value")],
        Returns::Boolean,
        contains,
        "Whether the value is an element of a JSON array in a text; false when that is none.",
        &[
            ("json_array_contains('[1, 2, 3]', 3)", "true"),
            ("json_array_contains('[\"3\"]', 3)", "false"),
        ],
    )
    .sees_nulls(),
    Function::new(
        Group::Json,
        "json_keys",
        &[any("json")],
        Returns::Texts,
        |call| {
            let Some(value) = parsed(call, 0)?.filter(|value| is_map(*value)) else {
                return Ok(Value::Null);
            };
            let mut keys = call.gather();
            let call = Call { arguments: &[value], ..*call };
            call.entries(0, &mut |key, _| keys.push(Value::Text(key)))?;
            keys.list()
        },
        "The names of a JSON object in a text; null when it is none.",
        &[(r#"json_keys('{"a":1,"b":{"c":2}}')"#, r#"["a","b"]"#), ("json_keys('[]')", "null")],
    ),
    Function::new(
        Group::Json,
        "json_records",
        &[any("json")],
        Returns::Unknown,
        records,
        "A map of the names of a JSON object in a text to the JSON texts of their values; null when \
         it is none.",
        &[(r#"json_records('{"a":"x","b":1}')['a']"#, r#""x""#), ("json_records('[]')", "null")],
    ),
    Function::new(
        Group::Json,
        "json_items",
        &[any("json")],
        Returns::Texts,
        items,
        "The JSON texts of the elements of a JSON array in a text; null when it is none.",
        &[(r#"json_items('[{"a":1},2]')[0]"#, r#"{"a":1}"#), ("json_items('7')", "null")],
    ),
    Function::new(
        Group::Json,
        "json_concat",
        &[any("json")],
        Returns::Text,
        concat,
        "JSON texts in one, as PostgreSQL's `||`: objects are merged, of one name the last; \
         otherwise the elements of arrays and the other values form one array. Null when one is \
         null or no JSON.",
        &[
            (r#"json_concat('{"a":1}', '{"b":2}')"#, r#"{"a":1,"b":2}"#),
            ("json_concat('[1, 2]', '3')", "[1,2,3]"),
            ("json_concat('abc', '[1]')", "null"),
        ],
    )
    .variadic(),
    Function::new(
        Group::Json,
        "to_json_string",
        &[any("value")],
        Returns::Text,
        |call| Ok(Value::Text(json_text(call.get(0), call.arena)?)),
        "The value as compact JSON.",
        &[
            ("to_json_string('abc')", r#""abc""#),
            ("to_json_string(ARRAY[1, 2.50])", "[1,2.50]"),
            ("to_json_string(NULL)", "null"),
        ],
    )
    .sees_nulls(),
];

/// The value of a JSON text, or a nested value itself; none when it is no JSON.
fn parsed<'a>(call: &Call<'_, 'a>, index: usize) -> Result<Option<Value<'a>>, Fault> {
    let value = call.get(index);
    match nested::length(value) {
        Some(_) => Ok(Some(value)),
        None => Ok(json::parse(call.text(index)?).ok()),
    }
}

fn prepare(arguments: &[Option<Value<'_>>]) -> Result<Prepared, String> {
    let path = match arguments.get(1) {
        Some(Some(Value::Text(path))) => Some(parse_path(path)?),
        _ => None,
    };
    Ok(Prepared { path, ..Prepared::default() })
}

/// The steps of a JSONPath that selects one value.
fn parse_path(path: &str) -> Result<Vec<Step>, String> {
    let bad =
        || format!("bad JSON path '{}'; as $.a.b[0] or $['odd name']", super::call::short(path));
    let mut rest = path.trim().strip_prefix('$').ok_or_else(bad)?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, behind) = name.split_at(end);
            if name.is_empty() || name == "*" {
                return Err(bad());
            }
            steps.push(Step::Field(name.to_owned()));
            rest = behind;
        } else {
            let inner = rest.strip_prefix('[').ok_or_else(bad)?;
            let quote = inner.chars().next().filter(|quote| matches!(quote, '\'' | '"'));
            let (step, behind) = match quote {
                Some(quote) => {
                    let name = inner.get(1..).unwrap_or_default();
                    let (name, behind) = name.split_once(quote).ok_or_else(bad)?;
                    (Step::Field(name.to_owned()), behind.strip_prefix(']').ok_or_else(bad)?)
                }
                None => {
                    let (index, behind) = inner.split_once(']').ok_or_else(bad)?;
                    (Step::Index(index.trim().parse().map_err(|_| bad())?), behind)
                }
            };
            steps.push(step);
            rest = behind;
        }
    }
    Ok(steps)
}

fn extract<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let Some(value) = parsed(call, 0)? else {
        return Ok(Value::Null);
    };
    let found = match call.prepared.and_then(|prepared| prepared.path.as_ref()) {
        Some(steps) => nested::follow(value, steps, call.arena),
        None => nested::follow(value, &parse_path(call.text(1)?)?, call.arena),
    };
    match found {
        Value::Null => Ok(Value::Null),
        _ if is_nested(found) => json_text(found, call.arena).map(Value::Text),
        _ => Ok(Value::Text(Call { arguments: &[found], ..*call }.text(0)?)),
    }
}

fn contains<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    if !call.given(0) {
        return Ok(Value::Boolean(false));
    }
    let Some(value) = parsed(call, 0)?.filter(|value| is_list(*value)) else {
        return Ok(Value::Boolean(false));
    };
    let mut found = false;
    nested::visit(value, call.arena, &mut |_, element| {
        found = found || same(element, call.get(1), call.arena);
    });
    Ok(Value::Boolean(found))
}

fn records<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let Some(value) = parsed(call, 0)?.filter(|value| is_map(*value)) else {
        return Ok(Value::Null);
    };
    let mut map = call.gather();
    Call { arguments: &[value], ..*call }
        .entries(0, &mut |key, value| map.set(key, Value::Text(json_text(value, call.arena)?)))?;
    map.map()
}

fn items<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let Some(value) = parsed(call, 0)?.filter(|value| is_list(*value)) else {
        return Ok(Value::Null);
    };
    let mut list = call.gather();
    Call { arguments: &[value], ..*call }
        .elements(0, &mut |element| list.push(Value::Text(json_text(element, call.arena)?)))?;
    list.list()
}

fn concat<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut values = call.gather();
    for index in 0..call.arguments.len() {
        match parsed(call, index)? {
            Some(value) => values.push(value)?,
            None => return Ok(Value::Null),
        }
    }
    let values = values.slice();
    let all = Call { arguments: values, ..*call };
    if values.iter().all(|value| is_map(*value)) {
        let mut map = call.gather();
        for index in 0..values.len() {
            all.entries(index, &mut |key, value| map.set(key, value))?;
        }
        return json_text(map.map()?, call.arena).map(Value::Text);
    }
    let mut list = call.gather();
    for (index, value) in values.iter().enumerate() {
        match is_list(*value) {
            true => all.elements(index, &mut |element| list.push(element))?,
            false => list.push(*value)?,
        }
    }
    json_text(list.list()?, call.arena).map(Value::Text)
}
