//! The type of a value, as far as a schema tells it before any record is read.

/// A type that a schema declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Not known: no schema, a union of several, or recursion beyond some levels.
    Unknown,
    /// True or false.
    Boolean,
    /// An integer.
    Int,
    /// An IEEE 754 number.
    Double,
    /// An exact decimal.
    Decimal,
    /// Text, also enums and UUIDs.
    Text,
    /// Bytes.
    Bytes,
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// An instant, or a local date and time.
    Timestamp,
    /// An array.
    List(Box<Type>),
    /// A map with text keys.
    Map(Box<Type>),
    /// Named fields in order.
    Record(Vec<(String, Type)>),
}
