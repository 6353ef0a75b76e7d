//! Where a text stands in another.

use super::{Call, Fault, Function, Group, Returns, int, text};
use crate::record::Value;
use memchr::memmem;

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Text,
        "instr",
        &[text("text"), text("part"), int("position"), int("occurrence")],
        Returns::Int,
        instr,
        "Where `part` stands in the text, counted from 1; 0 when it does not, or for a null text. \
         It is looked for from `position`, backwards from there when that is negative, as the \
         n-th occurrence.",
        &[
            ("instr('CORPORATE FLOOR', 'OR')", "2"),
            ("instr('CORPORATE FLOOR', 'OR', 3, 2)", "14"),
            ("instr('CORPORATE FLOOR', 'OR', -3)", "5"),
            ("instr('CORPORATE FLOOR', 'XX')", "0"),
        ],
    )
    .required(2)
    .sees_nulls(),
    Function::new(
        Group::Text,
        "locate",
        &[text("part"), text("text")],
        Returns::Int,
        |call| {
            let (part, text) = (call.text(0)?, call.text(1)?);
            let before = text.find(part).and_then(|at| text.get(..at));
            Ok(Value::Int(before.map_or(0, |before| before.chars().count() as i64 + 1)))
        },
        "Where `part` stands in the text, counted from 1; 0 when it does not.",
        &[("locate('OR', 'CORPORATE')", "2"), ("position('x', 'abc')", "0")],
    )
    .aliases(&["position"]),
    Function::new(
        Group::Text,
        "contains",
        &[text("text"), text("part")],
        Returns::Boolean,
        |call| Ok(Value::Boolean(call.text(0)?.contains(call.text(1)?))),
        "Whether `part` stands in the text.",
        &[("contains('stream', 'tre')", "true"), ("contains('stream', 'X')", "false")],
    ),
    Function::new(
        Group::Text,
        "starts_with",
        &[text("text"), text("part")],
        Returns::Boolean,
        |call| Ok(Value::Boolean(call.text(0)?.starts_with(call.text(1)?))),
        "Whether the text begins with `part`.",
        &[("starts_with('stream', 'st')", "true"), ("starts_with('stream', 'tr')", "false")],
    ),
    Function::new(
        Group::Text,
        "ends_with",
        &[text("text"), text("part")],
        Returns::Boolean,
        |call| Ok(Value::Boolean(call.text(0)?.ends_with(call.text(1)?))),
        "Whether the text ends with `part`.",
        &[("ends_with('stream', 'am')", "true"), ("ends_with('stream', 'st')", "false")],
    ),
];

fn instr<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let none = Ok(Value::Int(0));
    if !call.given(0) || !call.given(1) {
        return none;
    }
    if (2..call.arguments.len()).any(|index| !call.given(index)) {
        return Ok(Value::Null);
    }
    let (text, part) = (call.text(0)?, call.text(1)?);
    let number = |index: usize| if call.arguments.len() > index { call.int(index) } else { Ok(1) };
    let (position, occurrence) = (number(2)?, number(3)?);
    let length = text.chars().count();
    let from = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
    if position == 0 || occurrence < 1 || from > length {
        return none;
    }
    let nth = usize::try_from(occurrence - 1).unwrap_or(usize::MAX);
    let at = if position > 0 {
        let from = byte(text, from - 1);
        places(text, part).skip_while(|&at| at < from).nth(nth)
    } else {
        let end = byte(text, length - from + 1);
        // Passing twice over a text beats gathering all places.
        let all = || places(text, part).take_while(|&at| at + part.len() <= end);
        all().count().checked_sub(nth.saturating_add(1)).and_then(|back| all().nth(back))
    };
    let before = at.and_then(|at| text.get(..at));
    Ok(Value::Int(before.map_or(0, |before| before.chars().count() as i64 + 1)))
}

/// Where that character begins.
fn byte(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(at, _)| at)
}

/// Every place where `part` begins, overlapping ones too.
fn places(text: &str, part: &str) -> impl Iterator<Item = usize> {
    let finder = memmem::Finder::new(part);
    let mut from = Some(0);
    std::iter::from_fn(move || {
        let rest = text.get(from?..)?;
        let at = from? + finder.find(rest.as_bytes())?;
        from = text.get(at..).and_then(|rest| Some(at + rest.chars().next()?.len_utf8()));
        Some(at)
    })
}
