//! Steps into nested JSON values.

use super::escape;
use super::scanner::{Scanner, Token};
use crate::record::{Kind, Value};

/// One step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'s> {
    /// The field of this name, unescaped, of an object.
    Field(&'s [u8]),
    /// The element at this place, from 0, of an array.
    Index(usize),
}

/// The value one step into `value`, which a decoder has validated. Of two
/// fields of one name the last counts. `None` where there is no such field or
/// element, or where `value` has none.
pub fn descend<'a>(value: Value<'a>, step: Step<'_>) -> Option<Value<'a>> {
    let mut scanner = Scanner::new(value.text);
    scanner.at = 1;
    let mut found: Option<Token> = None;
    match (value.kind, step) {
        (Kind::Object, Step::Field(wanted)) => {
            let source = value.text;
            scanner
                .members(|name, value| {
                    let text = source.get(name.span.start..name.span.end).unwrap_or_default();
                    let same = match name.kind {
                        Kind::EscapedString => escape::stands_for(text, wanted),
                        _ => text == wanted,
                    };
                    if same {
                        found = Some(value);
                    }
                })
                .ok()?;
        }
        (Kind::Array, Step::Index(wanted)) => {
            let mut index = 0;
            scanner
                .elements(|value| {
                    if index == wanted {
                        found = Some(value);
                    }
                    index += 1;
                })
                .ok()?;
        }
        _ => return None,
    }
    found.map(|token| Value {
        kind: token.kind,
        text: value.text.get(token.span.start..token.span.end).unwrap_or_default(),
    })
}
