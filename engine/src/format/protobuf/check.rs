//! Whether a nested value is whole: checked when it is captured, so that reading it cannot fail.

use super::gather::{self, Cell};
use super::meaning::Meaning;
use super::read;
use super::types::{FieldKind, FieldType, MessageType, Repeats, Types};
use super::wire::{Fault, Reader, Tag, Wire, deeper};
use crate::record::Arena;
use bumpalo::collections::Vec as ArenaVec;
use std::hash::BuildHasher;

/// What was found in the values checked so far.
pub struct Check<'a> {
    pub types: &'a Types,
    arena: &'a Arena,
    /// Whether a message stands twice where it may stand once, or a map's key
    /// twice: readers want such a record normalised.
    pub irregular: bool,
    /// The first message that lacks a required field. Parts of a message that
    /// are to be merged may lack it each, so this counts for regular ones only.
    pub missing: Option<Fault>,
}

impl<'a> Check<'a> {
    pub fn new(types: &'a Types, arena: &'a Arena) -> Check<'a> {
        Check { types, arena, irregular: false, missing: None }
    }

    /// Checks a message from the reader to its end.
    pub fn message(
        &mut self,
        message: u32,
        mut reader: Reader<'_>,
        depth: u32,
    ) -> Result<(), Fault> {
        deeper(depth, reader.at)?;
        let Some(of) = self.types.message(message) else {
            return Ok(());
        };
        let start = reader.at;
        let mut marks = Marks::new(of.marks, self.arena);
        let mut keys = self.arena.vec::<u64>();
        while !reader.is_done() {
            let tag = reader.tag()?;
            let field = of.find(tag.number).and_then(|place| of.fields.get(place));
            let Some(field) = field else {
                reader.skip(tag, depth)?;
                continue;
            };
            let taken = self.value(field, tag, &mut reader, depth, &mut keys)?;
            if let Some(mark) = field.mark
                && taken
            {
                self.irregular |= marks.set(mark) && field.once;
            }
        }
        self.keys(&mut keys);
        self.required(of, &marks, reader.at);
        if of.meaning == Meaning::Any {
            self.any(of, Reader { bytes: reader.bytes, at: start }, depth)?;
        }
        Ok(())
    }

    /// Checks the elements or entries of one field, from the reader to its end.
    pub fn elements(
        &mut self,
        field: &FieldType,
        mut reader: Reader<'_>,
        depth: u32,
    ) -> Result<(), Fault> {
        let mut keys = self.arena.vec::<u64>();
        while !reader.is_done() {
            let tag = reader.tag()?;
            if tag.number == field.number {
                self.value(field, tag, &mut reader, depth, &mut keys)?;
            } else {
                reader.skip(tag, depth)?;
            }
        }
        self.keys(&mut keys);
        Ok(())
    }

    /// Checks the value behind `tag`; false, having passed over it, where it is
    /// not written as the field's type is.
    fn value(
        &mut self,
        field: &FieldType,
        tag: Tag,
        reader: &mut Reader<'_>,
        depth: u32,
        keys: &mut ArenaVec<'_, u64>,
    ) -> Result<bool, Fault> {
        let wire = field.kind.wire();
        if wire != tag.wire {
            let start = reader.at;
            reader.skip(tag, depth)?;
            let in_a_pack = field.repeats == Repeats::List
                && tag.wire == Wire::Length
                && gather::is_number(wire);
            if in_a_pack {
                let mut inside = Reader { bytes: reader.bytes, at: start };
                inside.length()?;
                let bytes = reader.bytes.get(..reader.at).unwrap_or_default();
                gather::packed(wire, bytes, inside.at)?;
            }
            return Ok(in_a_pack);
        }
        let bits = gather::one(tag, reader, depth)?;
        self.inside(field, bits, reader.bytes, depth, keys)?;
        Ok(true)
    }

    fn inside(
        &mut self,
        field: &FieldType,
        bits: u64,
        bytes: &[u8],
        depth: u32,
        keys: &mut ArenaVec<'_, u64>,
    ) -> Result<(), Fault> {
        let prefix = || bytes.get(..gather::end(bits)).unwrap_or_default();
        match field.kind {
            FieldKind::Text => text(prefix(), gather::start(bits)).map(drop),
            FieldKind::Message(message) | FieldKind::Group(message) => {
                let reader = Reader { bytes: prefix(), at: gather::start(bits) };
                self.message(message, reader, depth + 1)?;
                if field.repeats == Repeats::Map {
                    keys.push(self.key(field, message, reader)?);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A number for an entry's key that equal keys share.
    fn key(&self, field: &FieldType, entry: u32, reader: Reader<'_>) -> Result<u64, Fault> {
        let mut cells = [Cell::default()];
        let Some(entry) = self.types.message(entry) else {
            return Ok(0);
        };
        let Some(key) = entry.find(1) else {
            return Ok(0);
        };
        gather::gather(entry, reader, 0, |place| (place == key).then_some(0), &mut cells)?;
        let [cell] = cells;
        let kind = entry.fields.get(key).map_or(FieldKind::Bytes, |key| key.kind);
        let hasher = &self.types.hasher;
        Ok(match kind.wire() {
            Wire::Length => hasher.hash_one((field.number, cell.span(reader.bytes))),
            _ => hasher.hash_one((field.number, read::canonical(kind, cell.bits))),
        })
    }

    fn keys(&mut self, keys: &mut ArenaVec<'_, u64>) {
        if keys.len() > 1 {
            keys.sort_unstable();
            // Two keys of one number by chance only cost time.
            self.irregular |= keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
        }
    }

    fn required(&mut self, of: &MessageType, marks: &Marks<'_>, at: usize) {
        for &place in &of.required {
            let field = of.fields.get(place as usize);
            if let Some(field) = field
                && !field.mark.is_some_and(|mark| marks.has(mark))
                && self.missing.is_none()
            {
                self.missing = Some(missing(of, field, at));
            }
        }
    }

    fn any(&mut self, of: &MessageType, reader: Reader<'_>, depth: u32) -> Result<(), Fault> {
        let mut cells = [Cell::default(); 2];
        gather::gather(of, reader, depth, Some, &mut cells)?;
        let (Some(url), Some(value)) = (of.find(1), of.find(2)) else {
            return Ok(());
        };
        let cell = |place: usize| cells.get(place).copied().unwrap_or_default();
        let url = std::str::from_utf8(cell(url).span(reader.bytes)).unwrap_or_default();
        let bits = cell(value).bits;
        match read::any_type(self.types, url) {
            Some(message) => {
                let bytes = reader.bytes.get(..gather::end(bits)).unwrap_or_default();
                self.message(message, Reader { bytes, at: gather::start(bits) }, depth + 1)
            }
            None => Ok(()),
        }
    }
}

/// What to say of a message that ends at `at` without a required field.
#[cold]
pub fn missing(of: &MessageType, field: &FieldType, at: usize) -> Fault {
    let problem = format!("required field '{}' of {} is missing", field.name, of.name);
    Fault::new(at, problem)
}

/// The text from `start` to the end of `bytes`.
#[inline]
pub fn text(bytes: &[u8], start: usize) -> Result<&str, Fault> {
    let text = bytes.get(start..).unwrap_or_default();
    // The standard library's has less to set up.
    let checked = match text.len() {
        ..64 => std::str::from_utf8(text).ok(),
        _ => simdutf8::basic::from_utf8(text).ok(),
    };
    checked.ok_or_else(|| {
        let valid = std::str::from_utf8(text).err().map_or(0, |error| error.valid_up_to());
        Fault::new(start + valid, "a string that is not UTF-8")
    })
}

/// Bits, few of them without the arena.
enum Marks<'a> {
    Few(u128),
    Many(ArenaVec<'a, bool>),
}

impl<'a> Marks<'a> {
    fn new(count: usize, arena: &'a Arena) -> Marks<'a> {
        if count <= 128 {
            return Marks::Few(0);
        }
        let mut marks = arena.vec();
        marks.resize(count, false);
        Marks::Many(marks)
    }

    /// Sets a mark; whether it was set before.
    fn set(&mut self, mark: u32) -> bool {
        let before = self.has(mark);
        match self {
            Marks::Few(bits) => *bits |= 1 << (mark & 127),
            Marks::Many(marks) => {
                if let Some(place) = marks.get_mut(mark as usize) {
                    *place = true;
                }
            }
        }
        before
    }

    fn has(&self, mark: u32) -> bool {
        match self {
            Marks::Few(bits) => bits >> (mark & 127) & 1 == 1,
            Marks::Many(marks) => marks.get(mark as usize).copied().unwrap_or(false),
        }
    }
}
