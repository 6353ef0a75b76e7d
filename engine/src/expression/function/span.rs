//! Parts of texts and bytes by position, which is counted from 1 as in SQL.

use super::{Call, Fault, Function, Group, Returns, int, text, text_or_bytes};
use crate::record::Value;

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Text,
        "substring",
        &[text_or_bytes("text"), int("position"), int("length")],
        Returns::SameAs(0),
        substring,
        "The part that begins at `position` (from 1, or from the end when negative; 0 is the \
         beginning), to the end or of that length.",
        &[
            ("substring('stream', 1, 4)", "stre"),
            ("substring('stream', -3)", "eam"),
            ("substring('stream', 7)", ""),
        ],
    )
    .aliases(&["substr"])
    .required(2),
    Function::new(
        Group::Text,
        "left",
        &[text("text"), int("length")],
        Returns::Text,
        |call| {
            let (text, length) = (call.text(0)?, call.int(1)?);
            Ok(Value::Text(part(text, 0, length)))
        },
        "The first characters; empty for a length of 0 or less.",
        &[("left('stream', 3)", "str"), ("left('ab', 5)", "ab")],
    ),
    Function::new(
        Group::Text,
        "right",
        &[text("text"), int("length")],
        Returns::Text,
        |call| {
            let (text, length) = (call.text(0)?, call.int(1)?);
            let all = text.chars().count() as i64;
            let start = all.saturating_sub(length.max(0)).max(0);
            Ok(Value::Text(part(text, start, i64::MAX)))
        },
        "The last characters; empty for a length of 0 or less.",
        &[("right('stream', 3)", "eam"), ("right('ab', 0)", "")],
    ),
];

/// The characters of `text` from `start`, counted from 0, of that length at most.
pub(super) fn part(text: &str, start: i64, length: i64) -> &str {
    let place = |text: &str, characters: i64| {
        let Ok(characters) = usize::try_from(characters) else {
            return 0;
        };
        // What is ASCII has a byte a character, and most keys are.
        if text.is_ascii() {
            return characters.min(text.len());
        }
        text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at)
    };
    let rest = text.get(place(text, start)..).unwrap_or_default();
    rest.get(..place(rest, length)).unwrap_or_default()
}

fn substring<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let position = call.int(1)?;
    let length = if call.arguments.len() > 2 { call.int(2)?.max(0) } else { i64::MAX };
    let start = |all: usize| match position {
        ..0 => (all as i64).saturating_add(position).max(0),
        _ => (position - 1).max(0),
    };
    if let Value::Bytes(bytes) = call.get(0) {
        let start = usize::try_from(start(bytes.len())).unwrap_or(usize::MAX).min(bytes.len());
        let rest = bytes.get(start..).unwrap_or_default();
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
        return Ok(Value::Bytes(rest.get(..length).unwrap_or_default()));
    }
    let text = call.text(0)?;
    let all = if position < 0 { text.chars().count() } else { 0 };
    Ok(Value::Text(part(text, start(all), length)))
}
