//! Steps into nested JSON values, which a decoder has validated.

use super::escape;
use super::scanner::{Kind, Problem, Scanner};
use crate::record::{Arena, Value};
use std::borrow::Cow;

/// A member's name as written, between its quotes.
#[derive(Debug, Clone, Copy)]
pub(in crate::format) struct MemberName<'a> {
    text: &'a str,
    escaped: bool,
}

impl<'a> MemberName<'a> {
    /// Whether it stands for `name`.
    #[inline]
    pub(in crate::format) fn is(&self, name: &str) -> bool {
        match self.escaped {
            true => escape::stands_for(self.text.as_bytes(), name.as_bytes()),
            false => self.text == name,
        }
    }

    /// What it stands for.
    pub(in crate::format) fn text(&self) -> Cow<'a, str> {
        if !self.escaped {
            return Cow::Borrowed(self.text);
        }
        let mut text = Vec::new();
        super::unescape(self.text, &mut text);
        String::from_utf8(text).map_or(Cow::Borrowed(self.text), Cow::Owned)
    }

    /// What it stands for, with its memory in the arena.
    pub(in crate::format) fn unescaped(&self, arena: &'a Arena) -> &'a str {
        if self.escaped { super::unescaped(self.text, arena) } else { self.text }
    }
}

/// Shows each member of a document that must be an object. `known` is shown a
/// member's name and the text from its value on, and may answer how much of it
/// is a value known to be valid, an object or an array.
pub(in crate::format) fn document_members<'a>(
    document: &'a str,
    known: impl Fn(MemberName<'a>, &'a str) -> Option<usize>,
    mut visit: impl FnMut(MemberName<'a>, Value<'a>),
) -> Result<(), (usize, &'static str)> {
    let mut scanner = Scanner::new(document.as_bytes());
    let mut scan = || {
        scanner.white_space();
        match scanner.peek() {
            Some(b'{') => scanner.at += 1,
            None => return Err(Problem::Empty),
            Some(_) => return Ok(false),
        }
        let mut more = !scanner.empty(b'{');
        while more {
            let token = scanner.name()?;
            let text = document.get(token.span.start..token.span.end).unwrap_or_default();
            let name = MemberName { text, escaped: token.kind == Kind::EscapedString };
            scanner.colon()?;
            let rest = document.get(scanner.at..).unwrap_or_default();
            let value = match known(name, rest).and_then(|length| rest.get(..length)) {
                Some(text) => {
                    scanner.at += text.len();
                    if text.starts_with('{') { Value::Object(text) } else { Value::Array(text) }
                }
                None => scanner.value(1)?.value(document),
            };
            visit(name, value);
            more = scanner.next(b'}')?;
        }
        scanner.end().map(|()| true)
    };
    match scan() {
        Ok(true) => Ok(()),
        Ok(false) => Err((scanner.at, "expected an object")),
        Err(problem) => Err((scanner.at, problem.text())),
    }
}

/// Shows each member of an object, names as written.
#[inline]
pub(in crate::format) fn each_member<'a>(
    object: &'a str,
    mut visit: impl FnMut(MemberName<'a>, Value<'a>),
) {
    let _ = inside(object).members(|name, value| {
        let text = object.get(name.span.start..name.span.end).unwrap_or_default();
        let escaped = name.kind == Kind::EscapedString;
        visit(MemberName { text, escaped }, value.value(object));
    });
}

/// The field of this name of an object; of two of one name the last. Null where there is none.
pub fn field<'a>(object: &'a str, name: &str) -> Value<'a> {
    let mut found = Value::Null;
    each_member(object, |known, value| {
        if known.is(name) {
            found = value;
        }
    });
    found
}

/// The element at this place, from 0, of an array; null where there is none.
pub fn element(array: &str, index: usize) -> Value<'_> {
    let (mut found, mut at) = (Value::Null, 0);
    let _ = inside(array).elements(|token| {
        if at == index {
            found = token.value(array);
        }
        at += 1;
    });
    found
}

/// How many members or elements an object or array has.
pub fn length(text: &str) -> usize {
    let mut length = 0;
    let _ = match text.starts_with('{') {
        true => inside(text).members(|_, _| length += 1),
        false => inside(text).elements(|_| length += 1),
    };
    length
}

/// Shows each member of an object, names unescaped.
pub fn members<'a>(object: &'a str, arena: &'a Arena, visit: &mut dyn FnMut(&'a str, Value<'a>)) {
    each_member(object, |name, value| visit(name.unescaped(arena), value));
}

/// Shows each element of an array.
pub fn elements<'a>(array: &'a str, visit: &mut dyn FnMut(Value<'a>)) {
    let _ = inside(array).elements(|token| visit(token.value(array)));
}

/// A scanner behind the opening bracket. What it reads is valid, so its errors cannot come up.
fn inside(text: &str) -> Scanner<'_> {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.at = 1;
    scanner
}
