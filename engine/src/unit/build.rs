//! Builds a unit record by record, grouped by key, without allocating once its buffers have grown.

use super::packed::{self, HashOperation, PackedAdvance, put_text, put_varint};
use super::{RecordRef, Unit};
use crate::format::text::write_text;
use crate::ledger::{self, Advance};
use crate::record::{NameId, Names, Value};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::fmt;
use std::hash::BuildHasher;

const NONE: u32 = u32::MAX;

/// How a stream is trimmed after the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trim {
    /// Not at all.
    None,
    /// Whole nodes beyond so many entries.
    Approximate(u64),
    /// To exactly so many entries.
    Exact(u64),
}

/// What a write does to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteKind {
    /// Adds an entry to a stream, to be trimmed once a unit.
    StreamAdd(Trim),
    /// Sets and deletes fields of a hash.
    HashMerge,
    /// Empties a hash, then sets fields.
    HashReplace,
    /// Deletes a hash.
    HashDelete,
}

/// Redis's type of the key a write goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyType {
    Stream,
    Hash,
}

impl WriteKind {
    fn key_type(self) -> KeyType {
        match self {
            WriteKind::StreamAdd(_) => KeyType::Stream,
            WriteKind::HashMerge | WriteKind::HashReplace | WriteKind::HashDelete => KeyType::Hash,
        }
    }
}

/// Why a key may not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// It belongs to us: a ledger, the definitions, dead letters.
    Reserved,
    /// Another route of the same unit writes it as another type.
    TwoTypes,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyError::Reserved => "keys that start with kafka:ledger:, kafka:deadletters: or kafka:definitions are reserved",
            KeyError::TwoTypes => "two routes write this key as different types",
        })
    }
}

#[derive(Debug)]
struct Group {
    key_start: usize,
    key_end: usize,
    key_type: KeyType,
    trim: Trim,
    first: u32,
    last: u32,
    writes: u32,
}

#[derive(Debug)]
struct Write {
    group: u32,
    previous: u32,
    next: u32,
    start: usize,
    end: usize,
    record: u32,
}

/// A point to go back to when a record turns out bad after its first write.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    writes: usize,
    arena: usize,
    records: usize,
}

/// A unit being built.
#[derive(Debug, Default)]
pub struct Builder {
    arena: Vec<u8>,
    keys: Vec<u8>,
    groups: Vec<Group>,
    writes: Vec<Write>,
    records: Vec<RecordRef>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// The names used, in the unit's own numbering.
    used: Vec<NameId>,
    /// Per name of the worker's table: the unit that used it last, and its number there.
    numbers: Vec<(u64, u32)>,
    unit: u64,
    /// Where a key is written before it is looked up; see [`Builder::key_buffer`].
    key: Vec<u8>,
    text: Vec<u8>,
}

impl Builder {
    /// A builder without writes.
    pub fn new() -> Builder {
        Builder { unit: 1, ..Builder::default() }
    }

    /// Starts the next record; its writes carry this reference.
    pub fn begin_record(&mut self, record: RecordRef) -> Mark {
        let mark = Mark {
            writes: self.writes.len(),
            arena: self.arena.len(),
            records: self.records.len(),
        };
        self.records.push(record);
        mark
    }

    /// Forgets everything since `mark`: a record is written whole or not at all.
    pub fn roll_back(&mut self, mark: Mark) {
        while self.writes.len() > mark.writes {
            let Some(write) = self.writes.pop() else { break };
            let Some(group) = self.groups.get_mut(write.group as usize) else { continue };
            group.writes -= 1;
            group.last = write.previous;
            match self.writes.get_mut(write.previous as usize) {
                Some(previous) => previous.next = NONE,
                None => group.first = NONE,
            }
        }
        self.arena.truncate(mark.arena);
        self.records.truncate(mark.records);
    }

    /// Whether the record begun at `mark` has written something. When it has not, it is forgotten.
    pub fn end_record(&mut self, mark: Mark) -> bool {
        let wrote = self.writes.len() > mark.writes;
        if !wrote {
            self.records.truncate(mark.records);
        }
        wrote
    }

    /// The buffer for the next write's key, emptied.
    pub fn key_buffer(&mut self) -> &mut Vec<u8> {
        self.key.clear();
        &mut self.key
    }

    /// Begins a write to the key in [`Builder::key_buffer`].
    pub fn write(&mut self, kind: WriteKind) -> Result<Entry<'_>, KeyError> {
        if ledger::is_reserved(&self.key) {
            return Err(KeyError::Reserved);
        }
        self.write_own(kind)
    }

    /// Begins a write to a key of our own, such as the dead letters.
    pub fn write_own(&mut self, kind: WriteKind) -> Result<Entry<'_>, KeyError> {
        let group = self.group(kind)?;
        let start = self.arena.len();
        let count_at = match kind {
            WriteKind::StreamAdd(_) => {
                self.arena.extend_from_slice(&[0; 16]);
                start + 16
            }
            WriteKind::HashMerge => self.operation(HashOperation::Merge),
            WriteKind::HashReplace => self.operation(HashOperation::Replace),
            WriteKind::HashDelete => self.operation(HashOperation::Delete),
        };
        self.arena.extend_from_slice(&[0; 4]);
        Ok(Entry { builder: self, group, kind, start, count_at, fields: 0 })
    }

    fn operation(&mut self, operation: HashOperation) -> usize {
        self.arena.push(operation.code());
        self.arena.len()
    }

    fn group(&mut self, kind: WriteKind) -> Result<u32, KeyError> {
        let Builder { keys, groups, index, hasher, key, .. } = self;
        let key_of = |group: &Group| keys.get(group.key_start..group.key_end).unwrap_or_default();
        let hash = hasher.hash_one(&key[..]);
        let found = index.find(hash, |&at| {
            groups.get(at as usize).is_some_and(|group| key_of(group) == &key[..])
        });
        if let Some(&at) = found {
            let Some(group) = groups.get_mut(at as usize) else { return Err(KeyError::TwoTypes) };
            if group.key_type != kind.key_type() {
                if group.writes > 0 {
                    return Err(KeyError::TwoTypes);
                }
                group.key_type = kind.key_type();
            }
            if let WriteKind::StreamAdd(trim) = kind {
                group.trim = trim;
            }
            return Ok(at);
        }
        let at = groups.len() as u32;
        let key_start = keys.len();
        keys.extend_from_slice(key);
        let trim = if let WriteKind::StreamAdd(trim) = kind { trim } else { Trim::None };
        groups.push(Group {
            key_start,
            key_end: keys.len(),
            key_type: kind.key_type(),
            trim,
            first: NONE,
            last: NONE,
            writes: 0,
        });
        index.insert_unique(hash, at, |&at| {
            let group = groups.get(at as usize);
            hasher
                .hash_one(group.and_then(|g| keys.get(g.key_start..g.key_end)).unwrap_or_default())
        });
        Ok(at)
    }

    fn number(&mut self, name: NameId) -> u32 {
        let at = name.index();
        if self.numbers.len() <= at {
            self.numbers.resize(at + 1, (0, 0));
        }
        let next = self.used.len() as u32;
        match self.numbers.get_mut(at) {
            Some((unit, number)) if *unit == self.unit => *number,
            Some(entry) => {
                *entry = (self.unit, next);
                self.used.push(name);
                next
            }
            None => next,
        }
    }

    /// Bytes gathered so far; a unit is closed once they pass a bound.
    pub fn size(&self) -> usize {
        self.arena.len() + self.keys.len()
    }

    /// Whether nothing is written yet.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Packs what was gathered into `unit` and starts anew. `advances` are the ledger's steps.
    pub fn finish(
        &mut self,
        subscription: &str,
        names: &Names,
        advances: impl Iterator<Item = Advance>,
        unit: &mut Unit,
    ) {
        unit.advances.extend(advances);
        self.pack(subscription, names, unit);
        unit.records.append(&mut self.records);
        self.arena.clear();
        self.keys.clear();
        self.groups.clear();
        self.writes.clear();
        self.index.clear();
        self.used.clear();
        self.unit += 1;
    }

    fn pack(&self, subscription: &str, names: &Names, unit: &mut Unit) {
        let out = &mut unit.packed;
        out.push(packed::VERSION);
        put_text(out, subscription.as_bytes());
        put_varint(out, unit.advances.len() as u64);
        for Advance { topic, partition, expected, standing } in &unit.advances {
            let (partition, expected, standing) = (*partition, *expected, *standing);
            PackedAdvance { topic, partition, expected, standing }.put(out);
        }
        put_varint(out, self.used.len() as u64);
        for &name in &self.used {
            put_text(out, names.get(name));
        }
        let written =
            |key_type| self.groups.iter().filter(move |g| g.writes > 0 && g.key_type == key_type);
        put_varint(out, self.groups.iter().filter(|group| group.writes > 0).count() as u64);
        // Streams first: adding to one is the only write that can still fail, and is undone.
        for group in written(KeyType::Stream).chain(written(KeyType::Hash)) {
            self.pack_group(group, out, &mut unit.writers);
        }
    }

    fn pack_group(&self, group: &Group, out: &mut Vec<u8>, writers: &mut Vec<u32>) {
        put_text(out, self.keys.get(group.key_start..group.key_end).unwrap_or_default());
        out.push(match group.key_type {
            KeyType::Stream => packed::KIND_STREAM,
            KeyType::Hash => packed::KIND_HASH,
        });
        let (trim, entries) = match group.trim {
            Trim::None => (0, 0),
            Trim::Approximate(entries) => (1, entries),
            Trim::Exact(entries) => (2, entries),
        };
        out.push(trim);
        out.extend_from_slice(&entries.to_le_bytes());
        let bytes_at = out.len();
        out.extend_from_slice(&[0; 4]);
        put_varint(out, u64::from(group.writes));
        let start = out.len();
        let mut at = group.first;
        while let Some(write) = self.writes.get(at as usize) {
            out.extend_from_slice(self.arena.get(write.start..write.end).unwrap_or_default());
            writers.push(write.record);
            at = write.next;
        }
        let bytes = out.len() - start;
        patch_u32(out, bytes_at, bytes as u32);
    }

    /// Bytes its buffers hold on to.
    pub fn memory(&self) -> usize {
        self.arena.capacity()
            + self.keys.capacity()
            + self.writes.capacity() * size_of::<Write>()
            + self.groups.capacity() * size_of::<Group>()
    }
}

/// One write being filled in; nothing is written until [`Entry::end`].
pub struct Entry<'b> {
    builder: &'b mut Builder,
    group: u32,
    kind: WriteKind,
    start: usize,
    count_at: usize,
    fields: u32,
}

impl Entry<'_> {
    /// Adds a field with a value's text form; null has none and is left out.
    pub fn field(&mut self, name: NameId, value: Value<'_>) {
        match value {
            Value::Null => {}
            Value::Number(text) | Value::Text(text) => self.text(name, text.as_bytes()),
            Value::Bytes(bytes) => self.text(name, bytes),
            Value::Int(int) => self.text(name, itoa::Buffer::new().format(int).as_bytes()),
            Value::Double(double) if double.is_finite() => {
                self.text(name, zmij::Buffer::new().format_finite(double).as_bytes());
            }
            _ => {
                let mut text = std::mem::take(&mut self.builder.text);
                text.clear();
                write_text(value, &mut text);
                self.text(name, &text);
                self.builder.text = text;
            }
        }
    }

    /// Adds a field with the given bytes.
    #[inline]
    pub fn text(&mut self, name: NameId, text: &[u8]) {
        let number = self.builder.number(name);
        put_varint(&mut self.builder.arena, u64::from(number));
        put_text(&mut self.builder.arena, text);
        self.fields += 1;
    }

    /// How many fields were added.
    pub fn fields(&self) -> u32 {
        self.fields
    }

    /// Completes the write; `deleted` are a hash's fields to delete.
    pub fn end(self, deleted: impl Iterator<Item = NameId>) {
        let Entry { builder, group, kind, start, count_at, fields } = self;
        patch_u32(&mut builder.arena, count_at, fields);
        if kind.key_type() == KeyType::Hash {
            let deleted_at = builder.arena.len();
            builder.arena.extend_from_slice(&[0; 4]);
            let mut count = 0;
            for name in deleted {
                let number = builder.number(name);
                put_varint(&mut builder.arena, u64::from(number));
                count += 1;
            }
            patch_u32(&mut builder.arena, deleted_at, count);
        }
        builder.link(group, start);
    }

    /// Drops the write: nothing of it remains.
    pub fn abandon(self) {
        self.builder.arena.truncate(self.start);
    }
}

impl Builder {
    fn link(&mut self, group: u32, start: usize) {
        let at = self.writes.len() as u32;
        let Some(place) = self.groups.get_mut(group as usize) else { return };
        let previous = place.last;
        place.last = at;
        place.writes += 1;
        match self.writes.get_mut(previous as usize) {
            Some(write) => write.next = at,
            None => place.first = at,
        }
        let record = self.records.len().saturating_sub(1) as u32;
        self.writes.push(Write {
            group,
            previous,
            next: NONE,
            start,
            end: self.arena.len(),
            record,
        });
    }
}

fn patch_u32(bytes: &mut [u8], at: usize, value: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&value.to_le_bytes());
    }
}
