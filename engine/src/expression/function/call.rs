//! A call: its arguments, read as what the function takes, and bounded results.

use super::Prepared;
use crate::expression::convert::{is_list, is_map, kind, text};
use crate::expression::number::Numeric;
use crate::expression::time::Moment;
use crate::format::{json, nested, text as texts};
use crate::record::{Arena, Value};
use bumpalo::collections as bump;
use std::borrow::Cow;
use std::cell::RefCell;

/// No function computes a text or bytes longer than this.
pub const TEXT_MAX: usize = 1 << 20;

/// No function computes an array or map of more elements.
pub const LIST_MAX: usize = 100_000;

/// Why a call has no value for a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(pub Cow<'static, str>);

impl From<&'static str> for Fault {
    fn from(problem: &'static str) -> Fault {
        Fault(Cow::Borrowed(problem))
    }
}

impl From<String> for Fault {
    fn from(problem: String) -> Fault {
        Fault(Cow::Owned(problem))
    }
}

/// One call with its evaluated arguments.
#[derive(Clone, Copy)]
pub struct Call<'c, 'a> {
    /// As many as the function takes.
    pub arguments: &'c [Value<'a>],
    /// Where its result lives.
    pub arena: &'a Arena,
    /// What the function's `prepare` made of constant arguments.
    pub prepared: Option<&'a Prepared>,
}

impl<'a> Call<'_, 'a> {
    /// The argument; null where it is left out.
    pub fn get(&self, index: usize) -> Value<'a> {
        self.arguments.get(index).copied().unwrap_or_default()
    }

    /// Whether the argument is there and not null.
    pub fn given(&self, index: usize) -> bool {
        !self.get(index).is_null()
    }

    fn not(&self, index: usize, what: &str) -> Fault {
        let given = kind(self.get(index));
        Fault(format!("argument {} is {given}, not {what}", index + 1).into())
    }

    /// The argument as text: its text form when it is a number, a boolean or a time.
    pub fn text(&self, index: usize) -> Result<&'a str, Fault> {
        let value = self.get(index);
        match value {
            Value::Bytes(bytes) => std::str::from_utf8(bytes)
                .map_err(|_| Fault(format!("argument {} is not UTF-8", index + 1).into())),
            _ => text(value, self.arena).ok_or_else(|| self.not(index, "text")),
        }
    }

    /// The argument's bytes; text stands for its UTF-8.
    pub fn bytes(&self, index: usize) -> Result<&'a [u8], Fault> {
        match self.get(index) {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Text(text) => Ok(text.as_bytes()),
            Value::Escaped(text) => Ok(json::unescaped(text, self.arena).as_bytes()),
            _ => Err(self.not(index, "bytes")),
        }
    }

    /// The argument as a number.
    pub fn number(&self, index: usize) -> Result<Numeric, Fault> {
        Numeric::of(self.get(index)).ok_or_else(|| self.not(index, "a number"))
    }

    /// The argument as a double, the nearest one.
    pub fn double(&self, index: usize) -> Result<f64, Fault> {
        self.number(index).map(Numeric::double)
    }

    /// The argument as an integer.
    pub fn int(&self, index: usize) -> Result<i64, Fault> {
        let whole = match self.number(index)? {
            Numeric::Int(int) => Some(int),
            Numeric::Decimal(decimal) => 10i128
                .checked_pow(u32::from(decimal.scale))
                .filter(|unit| decimal.unscaled % unit == 0)
                .and_then(|unit| i64::try_from(decimal.unscaled / unit).ok()),
            Numeric::Double(double) => {
                let fits = double.fract() == 0.0 && double.abs() < 9_007_199_254_740_992.0;
                fits.then_some(double as i64)
            }
        };
        whole.ok_or_else(|| {
            Fault(format!("argument {} is not a whole number of 64 bits", index + 1).into())
        })
    }

    /// The argument as a boolean.
    pub fn boolean(&self, index: usize) -> Result<bool, Fault> {
        match self.get(index) {
            Value::Boolean(truth) => Ok(truth),
            _ => Err(self.not(index, "a boolean")),
        }
    }

    /// The argument as a time: a date, time or timestamp, milliseconds since 1970,
    /// ISO 8601 text, or Java's array.
    pub fn moment(&self, index: usize) -> Result<Moment, Fault> {
        let value = self.get(index);
        Moment::of(value, self.arena).ok_or_else(|| match value {
            Value::Text(text) | Value::Escaped(text) => Fault(
                format!("argument {} is no ISO 8601 time: '{}'", index + 1, short(text)).into(),
            ),
            _ => self.not(index, "a time"),
        })
    }

    /// Shows each element of an array.
    pub fn elements(
        &self,
        index: usize,
        visit: &mut dyn FnMut(Value<'a>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let value = self.get(index);
        if !is_list(value) {
            return Err(self.not(index, "an array"));
        }
        let mut result = Ok(());
        nested::visit(value, self.arena, &mut |_, element| {
            if result.is_ok() {
                result = visit(element);
            }
        });
        result
    }

    /// Shows each entry of a map or record.
    pub fn entries(
        &self,
        index: usize,
        visit: &mut dyn FnMut(&'a str, Value<'a>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let value = self.get(index);
        if !is_map(value) {
            return Err(self.not(index, "a map or record"));
        }
        let mut result = Ok(());
        nested::visit(value, self.arena, &mut |name, element| {
            if result.is_ok() {
                result = visit(name, element);
            }
        });
        result
    }

    /// A text to be built.
    pub fn builder(&self) -> Builder<'a> {
        Builder(self.arena.string())
    }

    /// An array or map to be built.
    pub fn gather<T>(&self) -> Gather<'a, T> {
        Gather(self.arena.vec())
    }
}

/// A text being built, of [`TEXT_MAX`] bytes at most.
#[derive(Debug)]
pub struct Builder<'a>(bump::String<'a>);

impl<'a> Builder<'a> {
    /// Appends a text.
    pub fn push(&mut self, text: &str) -> Result<(), Fault> {
        if self.0.len() + text.len() > TEXT_MAX {
            return Err(too_long());
        }
        self.0.push_str(text);
        Ok(())
    }

    /// Appends a character.
    pub fn push_char(&mut self, character: char) -> Result<(), Fault> {
        self.push(character.encode_utf8(&mut [0; 4]))
    }

    /// The text.
    pub fn text(self) -> &'a str {
        self.0.into_bump_str()
    }

    /// The text as a value.
    pub fn done(self) -> Result<Value<'a>, Fault> {
        Ok(Value::Text(self.text()))
    }
}

/// Elements or bytes being gathered, [`LIST_MAX`] at most ([`TEXT_MAX`] for bytes).
#[derive(Debug)]
pub struct Gather<'a, T>(pub(super) bump::Vec<'a, T>);

impl<'a, T: Copy> Gather<'a, T> {
    /// Appends one.
    pub fn push(&mut self, element: T) -> Result<(), Fault> {
        if self.0.len() >= LIST_MAX {
            return Err(Fault::from("an array of more than 100000 elements"));
        }
        self.0.push(element);
        Ok(())
    }

    /// All of them.
    pub fn slice(self) -> &'a [T] {
        self.0.into_bump_slice()
    }
}

impl<'a> Gather<'a, Value<'a>> {
    /// An array of them.
    pub fn list(self) -> Result<Value<'a>, Fault> {
        Ok(Value::List(self.slice()))
    }
}

impl<'a> Gather<'a, (&'a str, Value<'a>)> {
    /// Appends an entry, or replaces the value of the one of that name.
    pub fn set(&mut self, name: &'a str, value: Value<'a>) -> Result<(), Fault> {
        if let Some(entry) = self.0.iter_mut().find(|(known, _)| *known == name) {
            entry.1 = value;
            return Ok(());
        }
        // Looking for a name takes as long as there are names.
        if self.0.len() >= MAP_MAX {
            return Err(Fault::from("a map of more than 4096 entries"));
        }
        self.push((name, value))
    }

    /// A map of them.
    pub fn map(self) -> Result<Value<'a>, Fault> {
        Ok(Value::Entries(self.slice()))
    }
}

const MAP_MAX: usize = 4096;

impl Gather<'_, u8> {
    /// Appends bytes.
    pub fn extend(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.0.len() + bytes.len() > TEXT_MAX {
            return Err(too_long());
        }
        self.0.extend_from_slice_copy(bytes);
        Ok(())
    }
}

pub(super) fn too_long() -> Fault {
    Fault::from("a text of more than 1 MiB")
}

/// The head of a text, short enough for an error.
pub(super) fn short(text: &str) -> &str {
    let end = text.char_indices().nth(40).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The text that `write` writes, in the arena; a buffer kept by the thread serves
/// what writes into a `Vec`.
fn written(
    arena: &Arena,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), Fault>,
) -> Result<&str, Fault> {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.clear();
        write(scratch)?;
        let text = simdutf8::basic::from_utf8(scratch).map_err(|_| Fault::from("not UTF-8"))?;
        Ok(arena.text(text))
    })
}

/// The compact JSON of a value.
pub(super) fn json_text<'a>(value: Value<'a>, arena: &'a Arena) -> Result<&'a str, Fault> {
    written(arena, |out| write_bounded(value, out))
}

/// As `write_json`, but it stops at [`TEXT_MAX`]: elements of computed lists may be
/// one large value many times.
fn write_bounded(value: Value<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    match value {
        Value::List(values) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_bounded(*value, out)?;
            }
            out.push(b']');
        }
        Value::Entries(entries) => {
            out.push(b'{');
            for (index, (name, value)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                texts::write_json_string(name, out);
                out.push(b':');
                write_bounded(*value, out)?;
            }
            out.push(b'}');
        }
        _ => texts::write_json(value, out),
    }
    if out.len() > TEXT_MAX { Err(too_long()) } else { Ok(()) }
}
