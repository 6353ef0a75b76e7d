//! Writes a unit as a transaction: its groups as the engine puts them in words, the ledger's advance,
//! and what tells of it.

use super::found::Found;
use super::letters;
use super::plan::{Plan, is_call};
use super::prepare::{COMMAND_FIELD, REPLAY_FIELD};
use super::transaction::Transaction;
use redis_kafka_engine::applier::Clash;
use redis_kafka_engine::applier::commands::{Ids, Writer};
use redis_kafka_engine::ledger::{self, Expected, FIELDS, Listing};
use redis_kafka_engine::letter;
use redis_kafka_engine::unit::Unit;
use redis_kafka_engine::unit::packed::{self, GroupKind, PackedError};

/// Writes a unit into a transaction.
pub struct UnitWriter<'t, 'p, 'a>(Writer<'t, 'p, 'a, Transaction>);

impl<'t, 'p, 'a> UnitWriter<'t, 'p, 'a> {
    /// A writer; `found` is what the writes depend on.
    pub fn new(
        transaction: &'t mut Transaction,
        plan: &'p Plan<'a>,
        found: &'p Found,
    ) -> UnitWriter<'t, 'p, 'a> {
        let now = found.now.unwrap_or_default();
        UnitWriter(Writer::new(transaction, plan, Ids::Found(&found.last_ids), now))
    }

    /// What may be refused by itself, and the note that it was run where that must not happen twice.
    pub fn write_calls(mut self, unit: &Unit) -> Result<Vec<Clash>, PackedError> {
        self.0.sink.restart(&self.0.plan.head);
        self.0.write_groups(is_call)?;
        if let Some(note) = command_note(self.0.plan, unit) {
            let request = self.0.sink.own(4);
            request.word(b"HSET");
            request.word(note.key.as_bytes());
            request.word(note.field.as_bytes());
            request.word(note.value.as_bytes());
        }
        Ok(self.0.refused)
    }

    /// All the rest, the ledger's advance, and what tells of it.
    pub fn write_unit(mut self, unit: &Unit) -> Result<Vec<Clash>, PackedError> {
        self.0.sink.restart(&self.0.plan.head);
        self.0.write_groups(|kind| !is_call(kind) && kind != GroupKind::Channel)?;
        self.advance();
        if let Some(note) = command_note(self.0.plan, unit) {
            forget_command(self.0.sink, &note);
        }
        self.0.write_groups(|kind| kind == GroupKind::Channel)?;
        Ok(self.0.refused)
    }

    /// Moves the ledger, and lists partitions that are new in it.
    fn advance(&mut self) {
        let plan = self.0.plan;
        let head = &plan.head;
        let known = ledger::known_key(head.subscription);
        for advance in &head.advances {
            let key = ledger::partition_key(head.subscription, advance.topic, advance.partition);
            let request = self.0.sink.own(2 + 2 * FIELDS.len());
            request.word(b"HSET");
            request.word(key.as_bytes());
            for (field, value) in FIELDS.iter().zip(advance.standing.texts()) {
                request.word(field.as_bytes());
                request.word(value.as_bytes());
            }
            if let Expected::Absent { since } = advance.expected {
                let request = self.0.sink.own(4);
                request.word(b"HSET");
                request.word(known.as_bytes());
                request.word(format!("{}/{}", advance.topic, advance.partition).as_bytes());
                request.word(Listing::new(since, advance.standing.next).to_string().as_bytes());
            }
        }
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
