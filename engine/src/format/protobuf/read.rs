//! Values out of encoded messages that were checked when they were captured.

use super::gather::{self, Cell, gather};
use super::nested::{Any, Message, Repeated};
use super::types::{Absent, FieldKind, FieldType, Repeats, Types};
use super::wire::{Reader, Wire};
use super::{known, text};
use crate::format::text as forms;
use crate::record::{Arena, Decimal, Value};

/// A value before it is known whether an arena is at hand for it.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// One that needs none.
    Plain(Value<'a>),
    /// An integer above what 63 bits hold.
    Large(u64),
    Decimal(Decimal),
    /// Seconds and nanoseconds.
    Duration(i64, i32),
    /// The paths of a FieldMask.
    Mask(Repeated<'a>),
    Message(Message<'a>),
    Repeated(Repeated<'a>),
    Any(Any<'a>),
}

impl<'a> Part<'a> {
    /// The value; what it needs of its own is put into `arena`.
    #[inline]
    pub fn value(self, arena: &'a Arena) -> Value<'a> {
        match self {
            Part::Plain(value) => value,
            Part::Large(number) => arena.decimal(large(number)),
            Part::Decimal(decimal) => arena.decimal(decimal),
            Part::Duration(seconds, nanos) => {
                let mut buffer = text::Buffer::default();
                Value::Text(arena.text(text::duration(seconds, nanos, &mut buffer)))
            }
            Part::Mask(paths) => {
                let (mut all, mut comma) = (arena.string(), "");
                paths.each(|bits| {
                    all.push_str(std::mem::replace(&mut comma, ","));
                    all.push_str(read_text(Cell { bits, count: 1 }.span(paths.bytes)));
                });
                Value::Text(all.into_bump_str())
            }
            Part::Message(message) => arena.nested(message),
            Part::Repeated(repeated) if repeated.count == 0 => match repeated.field.repeats {
                Repeats::Map => Value::Entries(&[]),
                _ => Value::List(&[]),
            },
            Part::Repeated(repeated) => arena.nested(repeated),
            Part::Any(any) => arena.nested(any),
        }
    }

    /// Appends the value as compact JSON.
    pub fn write_json(self, out: &mut Vec<u8>) {
        match self {
            Part::Plain(value) => forms::write_json(value, out),
            Part::Large(number) => large(number).write(out),
            Part::Decimal(decimal) => decimal.write(out),
            Part::Duration(seconds, nanos) => {
                let mut buffer = text::Buffer::default();
                forms::write_json_string(text::duration(seconds, nanos, &mut buffer), out);
            }
            Part::Mask(paths) => {
                out.push(b'"');
                let mut first = true;
                paths.each(|bits| {
                    if !std::mem::take(&mut first) {
                        out.push(b',');
                    }
                    let start = out.len();
                    forms::write_json_string(
                        read_text(Cell { bits, count: 1 }.span(paths.bytes)),
                        out,
                    );
                    // The quotes are the whole mask's.
                    out.pop();
                    out.remove(start);
                });
                out.push(b'"');
            }
            Part::Message(message) => message.write(out),
            Part::Repeated(repeated) => repeated.write(out),
            Part::Any(any) => any.write(out),
        }
    }
}

fn large(number: u64) -> Decimal {
    Decimal { unscaled: i128::from(number), scale: 0 }
}

/// What `cell` noted of a field in `bytes`.
#[inline]
pub fn field<'a>(types: &'a Types, of: &'a FieldType, cell: Cell, bytes: &'a [u8]) -> Part<'a> {
    match of.repeats {
        Repeats::Never if cell.count == 0 => absent(types, of),
        Repeats::Never => single(types, of.kind, cell.bits, bytes),
        Repeats::List | Repeats::Map => {
            let bytes = if cell.count == 0 { &[] } else { cell.span(bytes) };
            Part::Repeated(Repeated { types, field: of, bytes, count: cell.count })
        }
    }
}

fn absent<'a>(types: &'a Types, of: &'a FieldType) -> Part<'a> {
    match (&of.absent, plain_absent(of)) {
        (_, Some(value)) => Part::Plain(value),
        (Absent::Large(value), _) => Part::Large(*value),
        _ => single(types, of.kind, 0, &[]),
    }
}

/// What stands for an absent field, where that needs nothing else.
fn plain_absent(of: &FieldType) -> Option<Value<'_>> {
    Some(match &of.absent {
        Absent::Null | Absent::Required => Value::Null,
        Absent::Boolean(value) => Value::Boolean(*value),
        Absent::Int(value) => Value::Int(*value),
        Absent::Float(value) => Value::Float(*value),
        Absent::Double(value) => Value::Double(*value),
        Absent::Text(value) => Value::Text(value),
        Absent::Bytes(value) => Value::Bytes(value),
        Absent::Empty | Absent::Large(_) => return None,
    })
}

/// The value of a number's bits, where that needs nothing else.
fn number(kind: FieldKind, bits: u64) -> Option<Value<'static>> {
    Some(match kind {
        FieldKind::Text | FieldKind::Bytes | FieldKind::Enum(_) => return None,
        FieldKind::Message(_) | FieldKind::Group(_) => return None,
        FieldKind::Uint64 | FieldKind::Fixed64 => Value::Int(i64::try_from(bits).ok()?),
        FieldKind::Float => Value::Float(f32::from_bits(bits as u32)),
        FieldKind::Double => Value::Double(f64::from_bits(bits)),
        FieldKind::Bool => Value::Boolean(bits != 0),
        _ => Value::Int(canonical(kind, bits)),
    })
}

/// One value of that kind, whose bits were noted in a walk over `bytes`.
#[inline]
pub fn single<'a>(types: &'a Types, kind: FieldKind, bits: u64, bytes: &'a [u8]) -> Part<'a> {
    let cell = Cell { bits, count: 1 };
    Part::Plain(match kind {
        FieldKind::Text => Value::Text(read_text(cell.span(bytes))),
        FieldKind::Bytes => Value::Bytes(cell.span(bytes)),
        FieldKind::Message(message) | FieldKind::Group(message) => {
            return known::part(Message { types, message, bytes: cell.span(bytes) });
        }
        FieldKind::Enum(of) => {
            let symbol = types.enumeration(of).and_then(|of| of.symbol(bits as i32));
            symbol.map_or(Value::Int(i64::from(bits as i32)), Value::Text)
        }
        _ => match number(kind, bits) {
            Some(value) => value,
            None => return Part::Large(bits),
        },
    })
}

/// The integer that `bits` stand for; equal bits for equal values of other numbers.
#[inline]
pub fn canonical(kind: FieldKind, bits: u64) -> i64 {
    match kind {
        FieldKind::Int32 | FieldKind::Sfixed32 | FieldKind::Enum(_) => i64::from(bits as i32),
        FieldKind::Uint32 | FieldKind::Fixed32 => i64::from(bits as u32),
        FieldKind::Sint32 => {
            let bits = bits as u32;
            i64::from((bits >> 1) as i32 ^ -((bits & 1) as i32))
        }
        FieldKind::Sint64 => (bits >> 1) as i64 ^ -((bits & 1) as i64),
        FieldKind::Bool => i64::from(bits != 0),
        _ => bits as i64,
    }
}

/// A text that was found to be UTF-8 before.
pub fn read_text(bytes: &[u8]) -> &str {
    simdutf8::basic::from_utf8(bytes).unwrap_or_default()
}

/// The message type that an Any's URL names, if the schema knows it.
pub fn any_type(types: &Types, url: &str) -> Option<u32> {
    types.named(url.rsplit_once('/').map_or(url, |(_, name)| name))
}

impl<'a> Message<'a> {
    /// Its fields of these numbers.
    pub fn numbered<const N: usize>(&self, numbers: [u32; N]) -> [Cell; N] {
        let mut cells = [Cell::default(); N];
        if let Some(of) = self.types.message(self.message) {
            let place = |at: usize| {
                let field = of.fields.get(at)?;
                numbers.iter().position(|&number| number == field.number)
            };
            self.walk(&place, &mut cells);
        }
        cells
    }

    /// Its field at that place of its type.
    pub fn at(&self, place: usize) -> Part<'a> {
        let mut cells = [Cell::default()];
        self.walk(&|at| (at == place).then_some(0), &mut cells);
        let of = self.types.message(self.message).and_then(|of| of.fields.get(place));
        let [cell] = cells;
        of.map_or(Part::Plain(Value::Null), |of| field(self.types, of, cell, self.bytes))
    }

    /// Its field of that number.
    pub fn number(&self, number: u32) -> Part<'a> {
        let of = self.types.message(self.message);
        let place = of.and_then(|of| of.find(number));
        place.map_or(Part::Plain(Value::Null), |place| self.at(place))
    }

    /// A walk over its bytes, which have been checked: it ends early only where they have not.
    pub fn walk(&self, place: &dyn Fn(usize) -> Option<usize>, cells: &mut [Cell]) {
        if let Some(of) = self.types.message(self.message) {
            let _ = gather(of, Reader { bytes: self.bytes, at: 0 }, 0, place, cells);
        }
    }
}

impl<'a> Repeated<'a> {
    /// Shows the bits of each element or entry, in `self.bytes`.
    pub fn each(&self, mut show: impl FnMut(u64)) {
        let mut reader = Reader { bytes: self.bytes, at: 0 };
        // The bytes have been checked: an error ends the walk as their end does.
        while !reader.is_done() {
            if self.some(&mut reader, &mut show).is_err() {
                return;
            }
        }
    }

    fn some(
        &self,
        reader: &mut Reader<'_>,
        show: &mut impl FnMut(u64),
    ) -> Result<(), super::wire::Fault> {
        let tag = reader.tag()?;
        let wire = self.field.kind.wire();
        if tag.number != self.field.number {
            return reader.skip(tag, 0);
        }
        if tag.wire == wire {
            show(gather::one(tag, reader, 0)?);
            return Ok(());
        }
        if tag.wire != Wire::Length || !gather::is_number(wire) {
            return reader.skip(tag, 0);
        }
        let end = reader.length()?;
        let mut pack = Reader { bytes: reader.bytes.get(..end).unwrap_or_default(), ..*reader };
        while !pack.is_done() {
            show(gather::number(wire, &mut pack)?);
        }
        reader.at = end;
        Ok(())
    }
}
