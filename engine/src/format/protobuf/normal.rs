//! Records that say a thing twice, said once: messages that are to be merged
//! are merged, of equal map keys the last value stands at the place of the first.
//!
//! Encoders don't write such records; concatenating two encoded messages does,
//! which the encoding defines as merging them. They may take their time, and
//! memory of their own.

use super::gather::{self, Cell};
use super::meaning::Meaning;
use super::read;
use super::types::{FieldType, MessageType, Repeats, Types};
use super::wire::{Fault, Reader, Wire, deeper};
use hashbrown::HashMap;

/// The message in `bytes`, normalised; as it is where it is none, or too deep,
/// which the next check tells: an Any that was merged of two need not hold what
/// either of them held.
pub fn normalised(types: &Types, message: u32, bytes: &[u8], depth: u32) -> Vec<u8> {
    let mut normal =
        Normal { types, depth, singular: HashMap::new(), maps: HashMap::new(), out: Vec::new() };
    let done = deeper(depth, 0).and_then(|()| normal.message(message, bytes));
    if done.is_ok() { normal.out } else { bytes.to_vec() }
}

struct Normal<'t> {
    types: &'t Types,
    depth: u32,
    /// What was found of singular messages, by field number.
    singular: HashMap<u32, Vec<u8>>,
    /// The entries of maps in order, by field number and key.
    maps: HashMap<u32, Entries>,
    out: Vec<u8>,
}

#[derive(Default)]
struct Entries {
    places: HashMap<Vec<u8>, usize>,
    entries: Vec<Vec<u8>>,
}

impl Normal<'_> {
    fn message(&mut self, message: u32, bytes: &[u8]) -> Result<(), Fault> {
        let types = self.types;
        let Some(of) = types.message(message) else {
            return Ok(());
        };
        let standing = standing(of, bytes)?;
        let mut reader = Reader { bytes, at: 0 };
        while !reader.is_done() {
            let start = reader.at;
            let tag = reader.tag()?;
            let field = of.find(tag.number).and_then(|place| of.fields.get(place));
            let bits = gather::one(tag, &mut reader, 0)?;
            let value = Cell { bits, count: 1 };
            match field {
                Some(field) if overridden(of, field, start, &standing) => {}
                Some(field) if field.kind.message().is_some() && field.kind.wire() == tag.wire => {
                    self.part(field, value.span(bytes));
                }
                _ => self.out.extend_from_slice(bytes.get(start..reader.at).unwrap_or_default()),
            }
        }
        self.finish(of);
        if of.meaning == Meaning::Any {
            self.any(of, bytes)?;
        }
        Ok(())
    }

    /// Takes one message of a field.
    fn part(&mut self, field: &FieldType, bytes: &[u8]) {
        let Some(message) = field.kind.message() else {
            return;
        };
        match field.repeats {
            Repeats::Never => {
                self.singular.entry(field.number).or_default().extend_from_slice(bytes);
            }
            Repeats::List => {
                let element = normalised(self.types, message, bytes, self.depth + 1);
                self.write(field, &element);
            }
            Repeats::Map => {
                let entry = normalised(self.types, message, bytes, self.depth + 1);
                let key = key_of(self.types, message, &entry);
                let known = self.maps.entry(field.number).or_default();
                let place = *known.places.entry(key).or_insert(known.entries.len());
                match known.entries.get_mut(place) {
                    Some(earlier) => *earlier = entry,
                    None => known.entries.push(entry),
                }
            }
        }
    }

    /// Writes what was put aside.
    fn finish(&mut self, of: &MessageType) {
        for field in &of.fields {
            if let (Some(merged), Some(message)) =
                (self.singular.remove(&field.number), field.kind.message())
            {
                let merged = normalised(self.types, message, &merged, self.depth + 1);
                self.write(field, &merged);
            }
            let entries = self.maps.remove(&field.number).unwrap_or_default().entries;
            entries.iter().for_each(|entry| self.write(field, entry));
        }
    }

    fn write(&mut self, field: &FieldType, bytes: &[u8]) {
        let key = u64::from(field.number) << 3;
        if field.kind.wire() == Wire::GroupStart {
            write_varint(key | 3, &mut self.out);
            self.out.extend_from_slice(bytes);
            write_varint(key | 4, &mut self.out);
        } else {
            write_varint(key | 2, &mut self.out);
            write_varint(bytes.len() as u64, &mut self.out);
            self.out.extend_from_slice(bytes);
        }
    }

    /// Normalises what an Any holds, by writing it once more behind the first.
    fn any(&mut self, of: &MessageType, bytes: &[u8]) -> Result<(), Fault> {
        let mut cells = [Cell::default(); 2];
        gather::gather(of, Reader { bytes, at: 0 }, 0, Some, &mut cells)?;
        let cell = |number| of.find(number).and_then(|place| cells.get(place)).copied();
        let (url, value) = (cell(1).unwrap_or_default(), cell(2).unwrap_or_default());
        let url = read::read_text(url.span(bytes));
        if let (Some(message), Some(field)) = (read::any_type(self.types, url), of.numbered(2)) {
            let held = normalised(self.types, message, value.span(bytes), self.depth + 1);
            self.write(field, &held);
        }
        Ok(())
    }
}

/// Of each oneof, the member that stands and from where on it does.
fn standing(of: &MessageType, bytes: &[u8]) -> Result<Vec<(u32, usize)>, Fault> {
    let mut standing = vec![(0, 0); of.oneofs.len()];
    let mut reader = Reader { bytes, at: 0 };
    while !reader.is_done() {
        let start = reader.at;
        let tag = reader.tag()?;
        let field = of.find(tag.number).and_then(|place| of.fields.get(place));
        reader.skip(tag, 0)?;
        if let Some(field) = field
            && field.kind.wire() == tag.wire
            && let Some(last) = field.oneof.and_then(|oneof| standing.get_mut(oneof as usize))
            && last.0 != field.number
        {
            *last = (field.number, start);
        }
    }
    Ok(standing)
}

fn overridden(of: &MessageType, field: &FieldType, at: usize, standing: &[(u32, usize)]) -> bool {
    debug_assert_eq!(standing.len(), of.oneofs.len());
    let last = field.oneof.and_then(|oneof| standing.get(oneof as usize));
    last.is_some_and(|&(number, since)| number != field.number || at < since)
}

/// Bytes that equal keys share.
fn key_of(types: &Types, entry: u32, bytes: &[u8]) -> Vec<u8> {
    let holder = super::nested::Message { types, message: entry, bytes };
    let [cell] = holder.numbered([1]);
    let key = types.message(entry).and_then(|of| of.numbered(1));
    match key {
        Some(key) if key.kind.wire() != Wire::Length => {
            read::canonical(key.kind, cell.bits).to_le_bytes().to_vec()
        }
        _ => cell.span(bytes).to_vec(),
    }
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
