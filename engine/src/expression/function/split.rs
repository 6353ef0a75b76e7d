//! Splitting texts and bytes.

use super::{Call, Fault, Function, Group, Returns, int, text, text_or_bytes};
use crate::record::Value;
use memchr::memmem;

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Text,
        "split",
        &[text_or_bytes("text"), text_or_bytes("delimiter")],
        Returns::Unknown,
        split,
        "The parts between delimiters, as an array; each character when the delimiter is empty.",
        &[
            ("split('a,b,,c', ',')", r#"["a","b","","c"]"#),
            ("split('Zür', '')", r#"["Z","ü","r"]"#),
            ("split('abc', '/')[0]", "abc"),
        ],
    ),
    Function::new(
        Group::Text,
        "split_part",
        &[text("text"), text("delimiter"), int("n")],
        Returns::Text,
        split_part,
        "The n-th part between delimiters, counted from 1, or from the end when negative; empty \
         when there is none.",
        &[
            ("split_part('urn:sensor:VIE', ':', 2)", "sensor"),
            ("split_part('a/b/c', '/', -1)", "c"),
            ("split_part('a/b', '/', 9)", ""),
        ],
    ),
    Function::new(
        Group::Text,
        "split_to_map",
        &[text("text"), text("entries"), text("pair")],
        Returns::Unknown,
        split_to_map,
        "A map of the entries that the first delimiter separates, keys from values by the second; \
         of two of one key the last. Null when a delimiter is empty or both are the same.",
        &[
            (
                "split_to_map('apple=green&cherry=red', '&', '=')",
                r#"{"apple":"green","cherry":"red"}"#,
            ),
            ("split_to_map('a=1;b;a=2', ';', '=')", r#"{"a":"2"}"#),
            ("split_to_map('a=1', '', '=')", "null"),
        ],
    ),
];

fn split<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut parts = call.gather();
    if let Value::Bytes(bytes) = call.get(0) {
        split_bytes(bytes, call.bytes(1)?, |part| parts.push(Value::Bytes(part)))?;
        return parts.list();
    }
    let (text, delimiter) = (call.text(0)?, call.text(1)?);
    if delimiter.is_empty() && !text.is_empty() {
        for (at, character) in text.char_indices() {
            let part = text.get(at..at + character.len_utf8()).unwrap_or_default();
            parts.push(Value::Text(part))?;
        }
    } else if text.is_empty() {
        parts.push(Value::Text(text))?;
    } else {
        text.split(delimiter).try_for_each(|part| parts.push(Value::Text(part)))?;
    }
    parts.list()
}

fn split_bytes<'a>(
    bytes: &'a [u8],
    delimiter: &[u8],
    mut push: impl FnMut(&'a [u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if bytes.is_empty() {
        return push(bytes);
    }
    if delimiter.is_empty() {
        return bytes.chunks(1).try_for_each(push);
    }
    let mut from = 0;
    for at in memmem::find_iter(bytes, delimiter) {
        push(bytes.get(from..at).unwrap_or_default())?;
        from = at + delimiter.len();
    }
    push(bytes.get(from..).unwrap_or_default())
}

fn split_part<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (text, delimiter, n) = (call.text(0)?, call.text(1)?, call.int(2)?);
    let place = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX).checked_sub(1);
    let place = place.ok_or(Fault::from("parts are counted from 1, or from the end from -1"))?;
    let part = match (delimiter.is_empty(), n > 0) {
        (true, _) => (place == 0).then_some(text),
        (false, true) => text.split(delimiter).nth(place),
        (false, false) => text.rsplit(delimiter).nth(place),
    };
    Ok(Value::Text(part.unwrap_or_default()))
}

fn split_to_map<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (text, entries, pair) = (call.text(0)?, call.text(1)?, call.text(2)?);
    if entries.is_empty() || pair.is_empty() || entries == pair {
        return Ok(Value::Null);
    }
    let mut map = call.gather();
    for entry in text.split(entries) {
        if let Some((key, value)) = entry.split_once(pair) {
            // What stands behind a second delimiter belongs to no pair.
            let value = value.split(pair).next().unwrap_or_default();
            map.set(key, Value::Text(value))?;
        }
    }
    map.map()
}
