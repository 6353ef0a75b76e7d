//! Values that have no parts.

use super::Problem;
use super::node::Nodes;
use super::number::{self, Exact};
use super::reader::{Reader, Stop};
use crate::format::decimal::digits;
use crate::format::text;
use crate::record::{Arena, TimeUnit, Value};

/// What a value without parts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaf {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    /// Its size.
    Fixed(u32),
    /// Which list of symbols.
    Enum(u32),
    Date,
    TimeMillis,
    TimeMicros,
    Timestamp(TimeUnit),
    LocalTimestamp(TimeUnit),
    Decimal {
        scale: u16,
    },
    FixedDecimal {
        scale: u16,
        size: u16,
    },
    BigDecimal,
    UuidBytes,
    UuidFixed,
    Duration,
}

impl Leaf {
    /// Reads a value; what must be computed goes to the arena.
    #[inline(always)]
    pub fn read<'a>(
        self,
        nodes: &'a Nodes,
        reader: &mut Reader<'a>,
        arena: &'a Arena,
    ) -> Result<Value<'a>, Stop> {
        if let Some(value) = self.borrowed(nodes, reader)? {
            return Ok(value);
        }
        let (value, rest) = self.computed(*reader, arena)?;
        *reader = rest;
        Ok(value)
    }

    /// Reads a value that needs no arena; none, and nothing read, where it needs one.
    #[inline(always)]
    fn borrowed<'a, 'b: 'a>(
        self,
        nodes: &'a Nodes,
        reader: &mut Reader<'b>,
    ) -> Result<Option<Value<'a>>, Stop> {
        Ok(Some(match self {
            Leaf::Null => Value::Null,
            Leaf::Boolean => Value::Boolean(reader.boolean()?),
            Leaf::Int => Value::Int(i64::from(reader.int()?)),
            Leaf::Long => Value::Int(reader.long()?),
            Leaf::Float => Value::Float(f32::from_le_bytes(reader.array()?)),
            Leaf::Double => Value::Double(f64::from_le_bytes(reader.array()?)),
            Leaf::Bytes => Value::Bytes(reader.blob()?),
            Leaf::Text => Value::Text(reader.text()?),
            Leaf::Fixed(size) => Value::Bytes(reader.take(size as usize)?),
            Leaf::Enum(list) => {
                let symbols = nodes.symbols(list);
                let symbol = reader.choice(symbols.len(), Problem::Symbol)?;
                Value::Text(symbols.get(symbol).map_or("", |symbol| symbol))
            }
            Leaf::Date => Value::Date(reader.int()?),
            Leaf::TimeMillis => Value::Time(i64::from(reader.int()?), TimeUnit::Millis),
            Leaf::TimeMicros => Value::Time(reader.long()?, TimeUnit::Micros),
            Leaf::Timestamp(unit) => Value::Timestamp(reader.long()?, unit),
            Leaf::LocalTimestamp(unit) => Value::LocalTimestamp(reader.long()?, unit),
            _ => return Ok(None),
        }))
    }

    #[inline(never)]
    fn computed<'a>(
        self,
        mut reader: Reader<'a>,
        arena: &'a Arena,
    ) -> Result<(Value<'a>, Reader<'a>), Stop> {
        let value = match self.compute(&mut reader)? {
            Computed::Exact(Exact::Decimal(decimal)) => arena.decimal(decimal),
            Computed::Exact(Exact::Large(bytes, scale)) => {
                Value::Number(arena.text(digits(bytes, scale).as_str()))
            }
            Computed::Uuid(bytes) => Value::Text(arena.text(number::uuid(bytes).as_str())),
            Computed::Duration(bytes) => Value::Text(arena.text(number::duration(bytes).as_str())),
        };
        Ok((value, reader))
    }

    fn compute<'a>(self, reader: &mut Reader<'a>) -> Result<Computed<'a>, Stop> {
        let start = *reader;
        let exact = match self {
            Leaf::Decimal { scale } => number::exact(reader.blob()?, i32::from(scale)),
            Leaf::FixedDecimal { scale, size } => {
                number::exact(reader.take(usize::from(size))?, i32::from(scale))
            }
            Leaf::BigDecimal => number::big_decimal(reader.blob()?),
            Leaf::UuidBytes => {
                let bytes = reader.blob()?.try_into();
                return bytes.map(Computed::Uuid).map_err(|_| start.stop(Problem::Uuid));
            }
            Leaf::UuidFixed => return Ok(Computed::Uuid(reader.array()?)),
            _ => return Ok(Computed::Duration(reader.array()?)),
        };
        exact.map(Computed::Exact).map_err(|problem| start.stop(problem))
    }

    /// Appends a value as JSON.
    pub fn write_json(
        self,
        nodes: &Nodes,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        if let Some(value) = self.borrowed(nodes, reader)? {
            text::write_json(value, out);
            return Ok(());
        }
        match self.compute(reader)? {
            Computed::Exact(Exact::Decimal(decimal)) => decimal.write(out),
            Computed::Exact(Exact::Large(bytes, scale)) => {
                out.extend_from_slice(digits(bytes, scale).as_str().as_bytes());
            }
            Computed::Uuid(bytes) => text::write_json_string(number::uuid(bytes).as_str(), out),
            Computed::Duration(bytes) => {
                text::write_json_string(number::duration(bytes).as_str(), out);
            }
        }
        Ok(())
    }

    /// Passes a value, checking that it can be read.
    pub fn check(self, nodes: &Nodes, reader: &mut Reader<'_>) -> Result<(), Stop> {
        if self.borrowed(nodes, reader)?.is_none() {
            self.compute(reader)?;
        }
        Ok(())
    }

    /// How a value is passed without looking at it.
    pub fn passing(self) -> Passing {
        match self {
            Leaf::Null => Passing::Bytes(0),
            Leaf::Boolean => Passing::Bytes(1),
            Leaf::Float => Passing::Bytes(4),
            Leaf::Double => Passing::Bytes(8),
            Leaf::Duration => Passing::Bytes(12),
            Leaf::UuidFixed => Passing::Bytes(16),
            Leaf::Fixed(size) => Passing::Bytes(size),
            Leaf::FixedDecimal { size, .. } => Passing::Bytes(u32::from(size)),
            Leaf::Bytes
            | Leaf::Text
            | Leaf::Decimal { .. }
            | Leaf::BigDecimal
            | Leaf::UuidBytes => Passing::Blob,
            _ => Passing::Varint,
        }
    }
}

/// What is between a leaf's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passing {
    /// That many bytes.
    Bytes(u32),
    /// A number.
    Varint,
    /// A length and its bytes.
    Blob,
}

/// What has no text of its own in the record.
enum Computed<'a> {
    Exact(Exact<'a>),
    Uuid([u8; 16]),
    Duration([u8; 12]),
}
