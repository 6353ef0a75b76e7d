//! A value of a record or an expression.

use super::{Arena, Decimal};
use std::fmt;

/// How finely a time was written, which its text form keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeUnit {
    /// Thousandths of a second.
    Millis,
    /// Millionths of a second.
    Micros,
    /// Thousand-millionths of a second.
    Nanos,
}

/// A value, borrowed from a record's bytes or from the record's [`Arena`].
///
/// Its text forms are `format::text`'s.
#[derive(Debug, Clone, Copy, Default)]
pub enum Value<'a> {
    /// Null, or absent.
    #[default]
    Null,
    /// True or false.
    Boolean(bool),
    /// An integer that fits 64 bits; greater ones are decimals.
    Int(i64),
    /// A 32-bit IEEE 754 number, which has a shorter text than its double.
    Float(f32),
    /// A 64-bit IEEE 754 number.
    Double(f64),
    /// An exact decimal with its scale.
    Decimal(&'a Decimal),
    /// A number kept as it is written: JSON's grammar, any size.
    Number(&'a str),
    /// Text.
    Text(&'a str),
    /// A JSON string's inner text, valid, with escapes still in it.
    Escaped(&'a str),
    /// Bytes that need not be text.
    Bytes(&'a [u8]),
    /// Days since 1970-01-01.
    Date(i32),
    /// Time of day, since midnight, in the unit.
    Time(i64, TimeUnit),
    /// An instant: since 1970-01-01T00:00:00Z, in the unit.
    Timestamp(i64, TimeUnit),
    /// A date and time without a zone: since 1970-01-01T00:00:00, in the unit.
    LocalTimestamp(i64, TimeUnit),
    /// A JSON object as written, validated, white space included.
    Object(&'a str),
    /// A JSON array as written, validated, white space included.
    Array(&'a str),
    /// A computed array.
    List(&'a [Value<'a>]),
    /// A computed object or map, in order.
    Entries(&'a [(&'a str, Value<'a>)]),
    /// A record, array or map of another format, still encoded.
    Nested(&'a (dyn Nested + 'a)),
}

impl Value<'_> {
    /// Whether the value is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

/// What a [`Nested`] value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NestedShape {
    /// Named fields.
    Record,
    /// Entries by key.
    Map,
    /// Elements by number.
    Array,
}

/// A nested value in its format's own encoding, checked whole by the decoder
/// that captured it, so that reading it cannot fail.
pub trait Nested: fmt::Debug {
    /// What it is.
    fn shape(&self) -> NestedShape;

    /// Its fields, entries or elements.
    fn len(&self) -> usize;

    /// Whether it has none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The field or entry of that name; null where there is none.
    fn field<'a>(&'a self, name: &str, arena: &'a Arena) -> Value<'a>;

    /// The element at that place, from 0; null where there is none.
    fn element<'a>(&'a self, index: usize, arena: &'a Arena) -> Value<'a>;

    /// Shows each field, entry or element in source order; elements have the name `""`.
    fn visit<'a>(&'a self, arena: &'a Arena, visit: &mut dyn FnMut(&'a str, Value<'a>));

    /// Appends it as compact JSON, in source order.
    fn write_json(&self, out: &mut Vec<u8>);
}
