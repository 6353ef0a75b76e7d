//! Builds a unit record by record, grouped by key, without allocating once its buffers have grown.

mod merge;
mod pack;
mod pending;

pub use pending::{Change, Pending, PendingHash, Since};

use super::messages::{Messages, MessagesMark, Part};
use super::packed::{
    EntryTime, Expiry, FOLD, GroupKind, HashOperation, Keep, MERGE_IF_NEWER, PlainWrite,
    REPLACE_IF_NEWER, put_text,
};
use super::{RecordRef, Unit};
use crate::ledger::{self, Advance};
use crate::record::{NameId, Names};
use hashbrown::{DefaultHashBuilder, HashTable};
use merge::Merging;
use std::fmt;
use std::hash::BuildHasher;

mod entry;
mod removal;
mod routes;

pub use entry::Entry;
use routes::RouteCounts;

const NONE: u32 = u32::MAX;

/// What becomes of a key once its writes of a unit are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upkeep {
    /// What is kept of it.
    pub keep: Keep,
    /// Its time to live.
    pub expiry: Expiry,
}

impl Default for Upkeep {
    fn default() -> Upkeep {
        Upkeep { keep: Keep::All, expiry: Expiry::Unchanged }
    }
}

/// A write that has fields with names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldsWrite {
    /// Adds an entry to a stream.
    StreamAdd(EntryTime),
    /// Sets and deletes fields of a hash.
    HashMerge,
    /// Empties a hash, then sets fields.
    HashReplace,
    /// Sets and deletes fields of a hash, then folds into others ([`Entry::fold`]).
    HashFold,
    /// Merges if the record is not older ([`Entry::newer`]).
    HashMergeIfNewer,
    /// Replaces if the record is not older ([`Entry::newer`]).
    HashReplaceIfNewer,
}

impl FieldsWrite {
    fn kind(self) -> GroupKind {
        match self {
            FieldsWrite::StreamAdd(_) => GroupKind::Stream,
            FieldsWrite::HashMerge | FieldsWrite::HashReplace => GroupKind::Hash,
            FieldsWrite::HashFold
            | FieldsWrite::HashMergeIfNewer
            | FieldsWrite::HashReplaceIfNewer => GroupKind::Undecided,
        }
    }

    fn gives_time(self) -> bool {
        matches!(self, FieldsWrite::StreamAdd(EntryTime::NotBefore(_) | EntryTime::Decided(..)))
    }

    fn put(self, out: &mut Vec<u8>) {
        match self {
            FieldsWrite::StreamAdd(time) => {
                let (code, ms, seq) = time.code();
                out.push(code);
                out.extend_from_slice(&ms.to_le_bytes());
                out.extend_from_slice(&seq.to_le_bytes());
            }
            FieldsWrite::HashMerge => out.push(HashOperation::Merge as u8),
            FieldsWrite::HashReplace => out.push(HashOperation::Replace as u8),
            FieldsWrite::HashFold => out.push(FOLD),
            FieldsWrite::HashMergeIfNewer => out.push(MERGE_IF_NEWER),
            FieldsWrite::HashReplaceIfNewer => out.push(REPLACE_IF_NEWER),
        }
    }
}

/// What a group's name names: keys, channels and commands do not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Space {
    Keys,
    Channels,
    Commands,
}

impl Space {
    fn of(kind: GroupKind) -> Space {
        match kind {
            GroupKind::Channel => Space::Channels,
            GroupKind::Command => Space::Commands,
            _ => Space::Keys,
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
    kind: GroupKind,
    keep: Keep,
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
    expiry: Expiry,
}

/// A point to go back to when a record turns out bad after its first write.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    load: usize,
    writes: usize,
    arena: usize,
    records: usize,
    messages: MessagesMark,
}

/// A unit being built.
#[derive(Debug, Default)]
pub struct Builder {
    /// What goes to Kafka before the unit is applied; [`Builder::finish`] leaves it alone.
    pub messages: Messages,
    arena: Vec<u8>,
    keys: Vec<u8>,
    groups: Vec<Group>,
    writes: Vec<Write>,
    /// See [`Builder::load`].
    load: usize,
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
    /// Whether some entry's time was given, even if it was rolled back.
    gives_times: bool,
    /// What stands behind the fields of the write being filled in.
    behind: Vec<u8>,
    routes: RouteCounts,
    merging: Merging,
}

/// Whether only what a write and the earlier ones of its key come to together is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Merges {
    WithEarlier,
    No,
}

impl Builder {
    /// A builder without writes.
    pub fn new() -> Builder {
        Builder { unit: 1, ..Builder::default() }
    }

    /// Starts the next record; its writes carry this reference.
    pub fn begin_record(&mut self, record: RecordRef) -> Mark {
        let mark = Mark {
            load: self.load,
            writes: self.writes.len(),
            arena: self.arena.len(),
            records: self.records.len(),
            messages: self.messages.mark(),
        };
        self.records.push(record);
        self.routes.begin_record();
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
        self.load = mark.load;
        self.arena.truncate(mark.arena);
        self.records.truncate(mark.records);
        self.messages.roll_back(mark.messages);
    }

    /// Whether the record begun at `mark` has written or sent something. When it has not, it is forgotten.
    pub fn end_record(&mut self, mark: Mark) -> bool {
        let wrote = self.writes.len() > mark.writes || self.messages.has_grown(mark.messages);
        match wrote {
            true => self.routes.end_record(),
            false => self.records.truncate(mark.records),
        }
        wrote
    }

    /// How much was written and sent so far; grows with every write and message.
    pub fn extent(&self) -> usize {
        self.writes.len() + self.messages.len()
    }

    /// Says that this route, by its number, wrote something of the record begun last.
    pub fn count_route(&mut self, route: usize) {
        self.routes.count(route);
    }

    /// The buffer for the next write's key, emptied.
    pub fn key_buffer(&mut self) -> &mut Vec<u8> {
        self.key.clear();
        &mut self.key
    }

    /// Adds a message to Kafka of the record begun last; see [`Messages::add`].
    pub fn message<E>(
        &mut self,
        topic: &str,
        key: impl FnOnce(&mut Vec<u8>) -> Result<Part, E>,
        value: impl FnOnce(&mut Vec<u8>) -> Result<Part, E>,
    ) -> Result<(), E> {
        match self.records.last() {
            Some(&record) => self.messages.add(topic, record, key, value),
            None => Ok(()),
        }
    }

    /// Begins a write with fields to the key in [`Builder::key_buffer`].
    #[inline(always)]
    pub fn fields(&mut self, write: FieldsWrite, upkeep: Upkeep) -> Result<Entry<'_>, KeyError> {
        if ledger::is_reserved(&self.key) {
            return Err(KeyError::Reserved);
        }
        self.fields_of_own(write, upkeep)
    }

    /// Begins a write with fields to a key of our own, such as the dead letters.
    #[inline(always)]
    pub fn fields_of_own(
        &mut self,
        write: FieldsWrite,
        upkeep: Upkeep,
    ) -> Result<Entry<'_>, KeyError> {
        let group = self.group(write.kind(), upkeep.keep)?;
        let start = self.arena.len();
        self.gives_times |= write.gives_time();
        write.put(&mut self.arena);
        let count_at = self.arena.len();
        self.arena.extend_from_slice(&[0; 4]);
        self.behind.clear();
        Ok(Entry::new(self, write, upkeep.expiry, entry::Place { group, start, count_at }))
    }

    /// Writes to the key (or channel) in [`Builder::key_buffer`].
    pub fn plain(
        &mut self,
        kind: GroupKind,
        write: PlainWrite<'_>,
        upkeep: Upkeep,
    ) -> Result<(), KeyError> {
        if Space::of(kind) == Space::Keys && ledger::is_reserved(&self.key) {
            return Err(KeyError::Reserved);
        }
        let group = self.group(kind, upkeep.keep)?;
        let start = self.arena.len();
        write.put(&mut self.arena);
        let merges = match kind {
            GroupKind::String | GroupKind::Json => Merges::WithEarlier,
            _ => Merges::No,
        };
        self.link(group, start, upkeep.expiry, merges);
        Ok(())
    }

    /// Adds a command of so many words, which follow by [`Builder::word`], its name first.
    pub fn command(&mut self, words: usize) -> Result<(), KeyError> {
        self.key.clear();
        self.plain(GroupKind::Command, PlainWrite::Command(words), Upkeep::default())
    }

    /// The next word of the command that was begun last.
    pub fn word(&mut self, word: &[u8]) {
        put_text(&mut self.arena, word);
        if let Some(write) = self.writes.last_mut() {
            write.end = self.arena.len();
        }
    }

    fn group(&mut self, kind: GroupKind, keep: Keep) -> Result<u32, KeyError> {
        let Builder { keys, groups, index, hasher, key, .. } = self;
        let space = Space::of(kind);
        let key_of = |group: &Group| keys.get(group.key_start..group.key_end).unwrap_or_default();
        let hash = hasher.hash_one((space, &key[..]));
        let found = index.find(hash, |&at| {
            let same = |group: &Group| Space::of(group.kind) == space && key_of(group) == &key[..];
            groups.get(at as usize).is_some_and(same)
        });
        if let Some(&at) = found {
            let Some(group) = groups.get_mut(at as usize) else { return Err(KeyError::TwoTypes) };
            group.kind = match group.kind.joined(kind) {
                _ if group.writes == 0 => kind,
                Some(joined) => joined,
                None => return Err(KeyError::TwoTypes),
            };
            if keep != Keep::All || group.writes == 0 {
                group.keep = keep;
            }
            return Ok(at);
        }
        let at = groups.len() as u32;
        let key_start = keys.len();
        keys.extend_from_slice(key);
        let key_end = keys.len();
        groups.push(Group { key_start, key_end, kind, keep, first: NONE, last: NONE, writes: 0 });
        index.insert_unique(hash, at, |&at| {
            let group = groups.get(at as usize);
            let key = group.and_then(|g| keys.get(g.key_start..g.key_end)).unwrap_or_default();
            hasher.hash_one((group.map_or(space, |group| Space::of(group.kind)), key))
        });
        Ok(at)
    }

    #[inline(always)]
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
        self.arena.len() + self.keys.len() + self.messages.size()
    }

    /// How long the unit will hold Redis's main thread, estimated: each write counts as
    /// [`GroupKind::load`] says, those that merge into one count once; so does each message to
    /// Kafka, which is to be acknowledged meanwhile.
    pub fn load(&self) -> usize {
        self.load + self.messages.len() * GroupKind::Stream.load()
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
        unit.gives_times = std::mem::take(&mut self.gives_times);
        unit.records.append(&mut self.records);
        self.routes.finish(&mut unit.applied);
        self.arena.clear();
        self.keys.clear();
        self.groups.clear();
        self.writes.clear();
        self.load = 0;
        self.index.clear();
        self.used.clear();
        self.unit += 1;
    }

    /// Bytes its buffers hold on to.
    pub fn memory(&self) -> usize {
        self.arena.capacity()
            + self.keys.capacity()
            + self.writes.capacity() * size_of::<Write>()
            + self.groups.capacity() * size_of::<Group>()
            + self.merging.memory()
            + self.messages.memory()
    }
}

impl Builder {
    fn link(&mut self, group: u32, start: usize, expiry: Expiry, merges: Merges) {
        let at = self.writes.len() as u32;
        let Some(place) = self.groups.get_mut(group as usize) else { return };
        if merges == Merges::No || place.writes == 0 {
            self.load += place.kind.load();
        }
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
            expiry,
        });
    }
}

fn patch_u32(bytes: &mut [u8], at: usize, value: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&value.to_le_bytes());
    }
}
