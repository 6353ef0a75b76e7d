//! Writes a unit's groups as commands. What they come to is the same as what the module does through
//! open keys: the scenarios hold both to it.

mod members;
mod streams;

use super::Clash;
use super::plan::{Plan, UnitGroup};
use crate::ledger;
use crate::unit::packed::{self, Expiry, GroupKind, HashOperation, PackedError, PlainWrite};
use std::cell::RefCell;
use std::collections::HashMap;

/// Times to live beyond this are cut: Redis refuses what does not fit 64 bits with the clock added.
const LONGEST_LIFE: u64 = 1 << 62;

/// The writes of a group that a command stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writes {
    /// The group's number.
    pub group: usize,
    /// The first of its packed writes.
    pub first: usize,
    /// How many.
    pub count: usize,
}

/// Takes commands, word by word.
pub trait Sink {
    /// Begins a command of so many words for writes of a group.
    fn begin(&mut self, writes: Writes, words: usize);

    /// The next word.
    fn word(&mut self, word: &[u8]);

    /// A field's name, by its number in the unit, as the next word.
    fn name(&mut self, number: usize) -> Result<(), PackedError>;

    /// The next word of the command under way whose words are gathered first.
    fn run_word(&mut self, word: &[u8]);

    /// A field's name as that.
    fn run_name(&mut self, number: usize) -> Result<(), PackedError>;

    /// Says that the words gathered so far include those of this write.
    fn run_take(&mut self, write: usize);

    /// Ends the command under way, if it has any word: `name`, `key` and its words.
    fn flush(&mut self, group: usize, name: &[u8], key: &[u8]);
}

/// A stream's entry ID.
pub type StreamId = (u64, u64);

/// The highest ID that a stream ever had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastId {
    /// The group that writes it.
    pub group: usize,
    /// None where there is no stream.
    pub id: Option<StreamId>,
    /// What it is asked for.
    pub purpose: Purpose,
}

/// What a stream's last ID is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The next ones are chosen by it; the stream is watched.
    Choice,
    /// To see whether there are IDs left.
    Room,
}

/// What is known of the IDs of streams.
#[derive(Debug, Clone, Copy)]
pub enum Ids<'i> {
    /// These, by group; Redis chooses those of all others.
    Found(&'i [LastId]),
    /// Nothing but what was written here, in milliseconds since 1970, by key: Redis chooses, within
    /// the time that an entry is to have.
    Open(&'i RefCell<HashMap<Vec<u8>, u64>>),
}

/// Writes groups into a sink.
pub struct Writer<'t, 'p, 'a, S: Sink> {
    /// Where the commands go.
    pub sink: &'t mut S,
    /// What is written.
    pub plan: &'p Plan<'a>,
    /// What is known of the streams.
    pub ids: Ids<'p>,
    /// Redis's clock, in milliseconds since 1970, where something asks for it.
    pub now: i64,
    /// Writes that cannot be put in words.
    pub refused: Vec<Clash>,
}

impl<'t, 'p, 'a, S: Sink> Writer<'t, 'p, 'a, S> {
    /// A writer.
    pub fn new(sink: &'t mut S, plan: &'p Plan<'a>, ids: Ids<'p>, now: i64) -> Self {
        Writer { sink, plan, ids, now, refused: Vec::new() }
    }

    /// Writes all groups of some kinds.
    pub fn write_groups(&mut self, wanted: impl Fn(GroupKind) -> bool) -> Result<(), PackedError> {
        let plan = self.plan;
        for (number, it) in plan.groups.iter().enumerate() {
            if wanted(it.group.kind) {
                self.write_group(number, it)?;
                self.expire(number, it);
            }
        }
        Ok(())
    }

    fn write_group(&mut self, number: usize, it: &UnitGroup<'a>) -> Result<(), PackedError> {
        match it.group.kind {
            GroupKind::Stream => self.write_stream(number, it),
            GroupKind::Hash => self.write_hash(number, it),
            GroupKind::Command => self.write_commands(number, it),
            GroupKind::Undecided => Err(PackedError::Code(it.group.kind as u8)),
            _ => self.write_plain(number, it),
        }
    }

    /// A command to a group's key that stands for one write.
    fn one(&mut self, number: usize, write: usize, words: &[&[u8]]) {
        let writes = Writes { group: number, first: write, count: 1 };
        self.sink.begin(writes, words.len());
        words.iter().for_each(|word| self.sink.word(word));
    }

    /// A command to a group's key that stands for all of its writes.
    fn all(&mut self, number: usize, it: &UnitGroup<'a>, words: &[&[u8]]) {
        let writes = Writes { group: number, first: 0, count: it.group.writes };
        self.sink.begin(writes, words.len());
        words.iter().for_each(|word| self.sink.word(word));
    }

    /// The key's time to live, once its writes are done.
    fn expire(&mut self, number: usize, it: &UnitGroup<'a>) {
        let mut text = itoa::Buffer::new();
        let (command, time): (&[u8], _) = match it.group.expiry {
            Expiry::After(after) => (b"PEXPIRE", text.format(after.min(LONGEST_LIFE))),
            // A time that is past takes the key away.
            Expiry::At(time) => (b"PEXPIREAT", text.format(time.max(0).cast_unsigned())),
            Expiry::Unchanged => {
                // As SET does; JSON.SET leaves it.
                if it.group.kind == GroupKind::Json {
                    self.all(number, it, &[b"PERSIST", it.group.key]);
                }
                return;
            }
        };
        self.all(number, it, &[command, it.group.key, time.as_bytes()]);
    }

    fn write_hash(&mut self, number: usize, it: &UnitGroup<'a>) -> Result<(), PackedError> {
        let key = it.group.key;
        let mut reader = it.writes.clone();
        for write in 0..it.group.writes {
            let (operation, fields) = packed::read_hash_write(&mut reader)?;
            match operation {
                // It was packed with the one before it.
                HashOperation::Again => continue,
                HashOperation::Merge => {}
                HashOperation::Delete | HashOperation::Replace => {
                    self.sink.flush(number, b"HSET", key);
                    self.one(number, write, &[b"DEL", key]);
                }
            }
            for _ in 0..fields {
                let (name, value) = packed::read_field(&mut reader, &self.plan.head)?;
                self.sink.run_name(name)?;
                self.sink.run_word(value);
            }
            if fields > 0 {
                self.sink.run_take(write);
            }
            let deleted = packed::read_deleted_count(&mut reader, operation)?;
            if deleted == 0 {
                continue;
            }
            self.sink.flush(number, b"HSET", key);
            let writes = Writes { group: number, first: write, count: 1 };
            self.sink.begin(writes, 2 + deleted);
            self.sink.word(b"HDEL");
            self.sink.word(key);
            for _ in 0..deleted {
                let name = packed::read_name(&mut reader, &self.plan.head)?;
                self.sink.name(name)?;
            }
        }
        self.sink.flush(number, b"HSET", key);
        Ok(())
    }

    /// The user's own commands. What they do is known to Redis alone.
    fn write_commands(&mut self, number: usize, it: &UnitGroup<'a>) -> Result<(), PackedError> {
        let mut reader = it.writes.clone();
        for write in 0..it.group.writes {
            let PlainWrite::Command(count) = packed::read_plain_write(&mut reader, it.group.kind)?
            else {
                return Err(PackedError::Code(it.group.kind as u8));
            };
            let words = (0..count).map(|_| reader.text()).collect::<Result<Vec<_>, _>>()?;
            match refusal(&words) {
                None => self.one(number, write, &words),
                Some(problem) => {
                    self.refused.extend(self.plan.clashes_of(number, write, 1, &problem));
                }
            }
        }
        Ok(())
    }
}

/// Commands that change the connection, and not data, would break up the transaction.
const OF_CONNECTIONS: [&str; 14] = [
    "MULTI",
    "EXEC",
    "DISCARD",
    "WATCH",
    "UNWATCH",
    "RESET",
    "QUIT",
    "SELECT",
    "AUTH",
    "HELLO",
    "CLIENT",
    "SUBSCRIBE",
    "PSUBSCRIBE",
    "SSUBSCRIBE",
];

/// Why a command of the user's is not run.
fn refusal(words: &[&[u8]]) -> Option<String> {
    let Some((name, rest)) = words.split_first() else {
        return Some("a command without a name".to_owned());
    };
    if let Some(key) = rest.iter().find(|word| ledger::is_reserved(word)) {
        let key = String::from_utf8_lossy(key);
        return Some(format!("'{key}' belongs to redis-kafka: a COMMAND may not name it"));
    }
    let name = String::from_utf8_lossy(name);
    let is_of_connections = OF_CONNECTIONS.iter().any(|it| it.eq_ignore_ascii_case(&name));
    is_of_connections.then(|| format!("{name} is a command of connections, not of data"))
}
