//! One walk over a message that notes where the fields asked for stand.

use super::types::{FieldKind, FieldType, MessageType, Repeats};
use super::wire::{Fault, Reader, Tag, Wire};

/// What a walk noted of one field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cell {
    /// A number's bits as they are written; otherwise where the value stands:
    /// `start << 32 | end`. Of a list or map, from the first tag to the end of the last element.
    pub bits: u64,
    /// How many values or elements there are.
    pub count: u32,
}

impl Cell {
    /// Where a value of a length, or a list, stands.
    pub fn span(self, bytes: &[u8]) -> &[u8] {
        bytes.get(start(self.bits)..end(self.bits)).unwrap_or_default()
    }
}

/// The bits that say where something stands.
#[inline]
pub fn between(start: usize, end: usize) -> u64 {
    (start as u64) << 32 | end as u64
}

/// Where it starts.
#[inline]
pub fn start(bits: u64) -> usize {
    (bits >> 32) as usize
}

/// Where it ends.
#[inline]
pub fn end(bits: u64) -> usize {
    bits as u32 as usize
}

impl FieldKind {
    /// How one value is written.
    #[inline]
    pub fn wire(self) -> Wire {
        match self {
            FieldKind::Fixed32 | FieldKind::Sfixed32 | FieldKind::Float => Wire::Fixed32,
            FieldKind::Fixed64 | FieldKind::Sfixed64 | FieldKind::Double => Wire::Fixed64,
            FieldKind::Text | FieldKind::Bytes | FieldKind::Message(_) => Wire::Length,
            FieldKind::Group(_) => Wire::GroupStart,
            _ => Wire::Varint,
        }
    }
}

/// Walks a message of type `message` to the reader's end. `place` says which of
/// `cells` takes the field at a place of the type; other fields are passed over.
///
/// Of several values of a field the last stands, of a oneof the last member. A
/// known field that is written as its type is not, is an unknown field.
#[inline]
pub fn gather(
    message: &MessageType,
    mut reader: Reader<'_>,
    depth: u32,
    place: impl Fn(usize) -> Option<usize>,
    cells: &mut [Cell],
) -> Result<(), Fault> {
    while !reader.is_done() {
        step(message, &mut reader, depth, &place, cells)?;
    }
    Ok(())
}

/// Walks over one field of the message.
pub fn step(
    message: &MessageType,
    reader: &mut Reader<'_>,
    depth: u32,
    place: impl Fn(usize) -> Option<usize>,
    cells: &mut [Cell],
) -> Result<(), Fault> {
    let tag_start = reader.at;
    let tag = reader.tag()?;
    let known = message.find(tag.number);
    let Some((index, field)) = known.and_then(|at| Some((at, message.fields.get(at)?))) else {
        return reader.skip(tag, depth);
    };
    let mut other = Cell::default();
    let cell = match place(index).and_then(|at| cells.get_mut(at)) {
        Some(cell) => cell,
        None if field.oneof.is_some() => &mut other,
        None => return reader.skip(tag, depth),
    };
    let taken = accept(field, tag, tag_start, reader, depth, cell)?;
    if taken && let Some(members) = field.oneof.and_then(|of| message.oneofs.get(of as usize)) {
        let siblings = members.iter().filter(|&&member| member as usize != index);
        for at in siblings.filter_map(|&member| place(member as usize)) {
            if let Some(cell) = cells.get_mut(at) {
                *cell = Cell::default();
            }
        }
    }
    Ok(())
}

/// Notes the value behind `tag` in `cell`; false, having passed over it, where
/// it is not written as the field's type is.
#[inline]
fn accept(
    field: &FieldType,
    tag: Tag,
    tag_start: usize,
    reader: &mut Reader<'_>,
    depth: u32,
    cell: &mut Cell,
) -> Result<bool, Fault> {
    let wire = field.kind.wire();
    if field.repeats != Repeats::Never {
        return element(field, tag, tag_start, reader, depth, cell);
    }
    if wire != tag.wire {
        reader.skip(tag, depth)?;
        return Ok(false);
    }
    cell.bits = one(tag, reader, depth)?;
    cell.count = cell.count.saturating_add(1);
    Ok(true)
}

/// The bits of the value behind `tag`.
#[inline]
pub fn one(tag: Tag, reader: &mut Reader<'_>, depth: u32) -> Result<u64, Fault> {
    match tag.wire {
        Wire::Varint => reader.varint(),
        Wire::Fixed32 => reader.fixed32(),
        Wire::Fixed64 => reader.fixed64(),
        Wire::Length => {
            let end = reader.length()?;
            let start = reader.at;
            reader.at = end;
            Ok(between(start, end))
        }
        Wire::GroupStart | Wire::GroupEnd => {
            let start = reader.at;
            let end = reader.group(tag.number, depth)?;
            Ok(between(start, end))
        }
    }
}

fn element(
    field: &FieldType,
    tag: Tag,
    tag_start: usize,
    reader: &mut Reader<'_>,
    depth: u32,
    cell: &mut Cell,
) -> Result<bool, Fault> {
    let wire = field.kind.wire();
    let elements = if wire == tag.wire {
        reader.skip(tag, depth)?;
        1
    } else if tag.wire == Wire::Length && is_number(wire) {
        let end = reader.length()?;
        let elements = packed(wire, reader.bytes.get(..end).unwrap_or_default(), reader.at)?;
        reader.at = end;
        elements
    } else {
        reader.skip(tag, depth)?;
        return Ok(false);
    };
    let first = if cell.count == 0 { tag_start } else { start(cell.bits) };
    cell.bits = between(first, reader.at);
    cell.count = cell.count.saturating_add(elements);
    Ok(true)
}

/// Whether values are written so that several can be packed.
pub fn is_number(wire: Wire) -> bool {
    matches!(wire, Wire::Varint | Wire::Fixed32 | Wire::Fixed64)
}

/// How many numbers are packed from `at` to the end of `bytes`.
pub fn packed(wire: Wire, bytes: &[u8], at: usize) -> Result<u32, Fault> {
    let mut reader = Reader { bytes, at };
    let mut count = 0;
    while !reader.is_done() {
        number(wire, &mut reader)?;
        count += 1;
    }
    Ok(count)
}

/// The next of packed numbers.
#[inline]
pub fn number(wire: Wire, reader: &mut Reader<'_>) -> Result<u64, Fault> {
    match wire {
        Wire::Fixed32 => reader.fixed32(),
        Wire::Fixed64 => reader.fixed64(),
        _ => reader.varint(),
    }
}
