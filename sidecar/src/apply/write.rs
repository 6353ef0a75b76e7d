//! Writes a plan as commands. What they come to is the same as what the module does through open
//! keys: the scenarios hold both to it.

use super::found::{Found, LastId};
use super::letters;
use super::plan::{Plan, UnitGroup, is_call};
use super::prepare::{COMMAND_FIELD, REPLAY_FIELD};
use super::transaction::{Transaction, Writes};
use redis_kafka_engine::applier::Clash;
use redis_kafka_engine::ledger::{self, Expected, FIELDS};
use redis_kafka_engine::letter;
use redis_kafka_engine::unit::Unit;
use redis_kafka_engine::unit::packed::{
    self, Expiry, GroupKind, HashOperation, PackedError, PlainWrite,
};

/// Times to live beyond this are cut: Redis refuses what does not fit 64 bits with the clock added.
const LONGEST_LIFE: u64 = 1 << 62;

/// Writes groups into a transaction.
pub struct Writer<'t, 'p, 'a> {
    pub(super) transaction: &'t mut Transaction,
    pub(super) plan: &'p Plan<'a>,
    pub(super) last_ids: &'p [LastId],
    /// Redis's clock, where something asked for it.
    pub(super) now: i64,
    /// Writes that cannot be put in words.
    pub(super) refused: Vec<Clash>,
}

impl<'t, 'p, 'a> Writer<'t, 'p, 'a> {
    /// A writer; `found` is what the writes depend on.
    pub fn new(
        transaction: &'t mut Transaction,
        plan: &'p Plan<'a>,
        found: &'p Found,
    ) -> Writer<'t, 'p, 'a> {
        let now = found.now.unwrap_or_default();
        Writer { transaction, plan, last_ids: &found.last_ids, now, refused: Vec::new() }
    }

    /// What may be refused by itself, and the note that it was run where that must not happen twice.
    pub fn write_calls(mut self, unit: &Unit) -> Result<Vec<Clash>, PackedError> {
        self.transaction.begin(&self.plan.head);
        self.write_groups(is_call)?;
        if let Some(note) = command_note(self.plan, unit) {
            let request = self.transaction.own(4);
            request.word(b"HSET");
            request.word(note.key.as_bytes());
            request.word(note.field.as_bytes());
            request.word(note.value.as_bytes());
        }
        self.transaction.end();
        Ok(self.refused)
    }

    /// All the rest, the ledger's advance, and what tells of it.
    pub fn write_unit(mut self, unit: &Unit) -> Result<Vec<Clash>, PackedError> {
        self.transaction.begin(&self.plan.head);
        self.write_groups(|kind| !is_call(kind) && kind != GroupKind::Channel)?;
        self.advance();
        if let Some(note) = command_note(self.plan, unit) {
            forget_command(self.transaction, &note);
        }
        self.write_groups(|kind| kind == GroupKind::Channel)?;
        self.transaction.end();
        Ok(self.refused)
    }

    fn write_groups(&mut self, wanted: impl Fn(GroupKind) -> bool) -> Result<(), PackedError> {
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
            GroupKind::Stream => {
                self.write_stream(number, it)?;
                self.take_out(number, it)
            }
            GroupKind::Hash => self.write_hash(number, it),
            GroupKind::Command => self.write_commands(number, it),
            GroupKind::Undecided => Err(PackedError::Code(it.group.kind as u8)),
            _ => self.write_plain(number, it),
        }
    }

    /// A command to a group's key that stands for one write.
    pub(super) fn one(&mut self, number: usize, write: usize, words: &[&[u8]]) {
        let writes = Writes { group: number, first: write, count: 1 };
        let request = self.transaction.write(writes, words.len());
        words.iter().for_each(|word| request.word(word));
    }

    /// A command to a group's key that stands for all of its writes.
    pub(super) fn all(&mut self, number: usize, it: &UnitGroup<'a>, words: &[&[u8]]) {
        let writes = Writes { group: number, first: 0, count: it.group.writes };
        let request = self.transaction.write(writes, words.len());
        words.iter().for_each(|word| request.word(word));
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

    /// Moves the ledger, and lists partitions that are new in it.
    fn advance(&mut self) {
        let head = &self.plan.head;
        let known = ledger::known_key(head.subscription);
        for advance in &head.advances {
            let key = ledger::partition_key(head.subscription, advance.topic, advance.partition);
            let request = self.transaction.own(2 + 2 * FIELDS.len());
            request.word(b"HSET");
            request.word(key.as_bytes());
            for (field, value) in FIELDS.iter().zip(advance.standing.texts()) {
                request.word(field.as_bytes());
                request.word(value.as_bytes());
            }
            if let Expected::Absent { since } = advance.expected {
                let request = self.transaction.own(4);
                request.word(b"HSET");
                request.word(known.as_bytes());
                request.word(format!("{}/{}", advance.topic, advance.partition).as_bytes());
                request.number(since);
            }
        }
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
                    self.transaction.flush(number, b"HSET", key);
                    self.one(number, write, &[b"DEL", key]);
                }
            }
            for _ in 0..fields {
                let (name, value) = packed::read_field(&mut reader, &self.plan.head)?;
                self.transaction.run_name(name)?;
                self.transaction.run().word(value);
            }
            if fields > 0 {
                self.transaction.run().take(write);
            }
            let deleted = packed::read_deleted_count(&mut reader, operation)?;
            if deleted == 0 {
                continue;
            }
            self.transaction.flush(number, b"HSET", key);
            let request = self
                .transaction
                .write(Writes { group: number, first: write, count: 1 }, 2 + deleted);
            request.word(b"HDEL");
            request.word(key);
            for _ in 0..deleted {
                let name = packed::read_name(&mut reader, &self.plan.head)?;
                self.transaction.name(name)?;
            }
        }
        self.transaction.flush(number, b"HSET", key);
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

/// What says, in the ledger of a unit's one record, that its commands were run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandNote {
    /// The ledger's step of its partition.
    pub step: usize,
    /// The ledger's key.
    pub key: String,
    /// The field. A replayed letter has its own: records go on before it is tried again.
    pub field: &'static str,
    /// The record's offset; of a letter the ID of its entry.
    pub value: String,
}

/// The note about the one record of a unit that runs commands; none of a unit that runs none.
pub fn command_note(plan: &Plan<'_>, unit: &Unit) -> Option<CommandNote> {
    if !plan.has_commands() {
        return None;
    }
    let record = unit.records.first()?;
    let (topic, partition) = unit.slots.get(record.slot)?;
    let is_there =
        |it: &packed::PackedAdvance<'_>| it.partition == *partition && it.topic == &**topic;
    let step = plan.head.advances.iter().position(is_there)?;
    let key = ledger::partition_key(plan.head.subscription, topic, *partition);
    Some(match letters::first_taken_out(plan) {
        Some(id) => CommandNote { step, key, field: REPLAY_FIELD, value: letter::id_text(id) },
        None => CommandNote { step, key, field: COMMAND_FIELD, value: record.offset.to_string() },
    })
}

/// Takes the note away that says which record's commands were run.
pub fn forget_command(transaction: &mut Transaction, note: &CommandNote) {
    let request = transaction.own(3);
    request.word(b"HDEL");
    request.word(note.key.as_bytes());
    request.word(note.field.as_bytes());
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
