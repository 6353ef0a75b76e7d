//! The unit: the writes of a run of records and the ledger's advance, applied at once.
//!
//! A worker builds units with [`Builder`]; the applier reads the packed form
//! ([`packed`]), which is also what an AOF and a replica get when units are
//! propagated as units.

mod build;
pub mod decide;
mod messages;
pub mod packed;
#[cfg(test)]
mod tests;

pub use build::{
    Builder, Change, Entry, FieldsWrite, KeyError, Mark, Pending, PendingHash, Since, Upkeep,
};
pub use decide::Undecidable;
pub use messages::{Message, Messages, Part};
pub use packed::{End, EntryTime, Expiry, Fold, GroupKind, Keep, Operand, PlainWrite};

use crate::ledger::Advance;
use std::sync::Arc;

/// One record's place in Kafka, by its partition's slot in the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef {
    /// Index into the unit's worker's partitions.
    pub slot: usize,
    /// The record's offset.
    pub offset: i64,
}

/// A finished unit on its way to Redis. Its buffers go back to the worker that built it.
#[derive(Debug, Default)]
pub struct Unit {
    /// The generation of the definitions it was built under.
    pub generation: u64,
    /// The route whose own ledger it advances while it catches up; none for the subscription's.
    pub catches_up: Option<Arc<str>>,
    /// The ledger's steps; also in `packed`.
    pub advances: Vec<Advance>,
    /// The packed form, see [`packed`].
    pub packed: Vec<u8>,
    /// The records that wrote something, in order.
    pub records: Vec<RecordRef>,
    /// For each group in packed order, how many writes were made to it; where only the last can be
    /// seen, more than are packed.
    pub groups: Vec<u32>,
    /// For each of these writes, the index in `records` of the record it came from.
    pub writers: Vec<u32>,
    /// How many groups depend on what Redis holds; see [`decide`].
    pub undecided: usize,
    /// Whether the time of some stream's entry may be given by its record.
    pub gives_times: bool,
    /// The worker's partitions, by slot: topic and partition number.
    pub slots: Arc<[(Arc<str>, i32)]>,
    /// For each of `advances`, when Kafka got the last record before its end, in ms since 1970; may be
    /// empty.
    pub timestamps: Vec<Option<i64>>,
    /// The worker's routes, in the order they were made.
    pub routes: Arc<[Arc<str>]>,
    /// For each of `routes`, of how many records it wrote something; trailing zeros may be left out.
    pub applied: Vec<u64>,
}

impl Unit {
    /// Empties the unit, keeping its buffers.
    pub fn clear(&mut self) {
        self.generation = 0;
        self.catches_up = None;
        self.advances.clear();
        self.packed.clear();
        self.records.clear();
        self.groups.clear();
        self.writers.clear();
        self.undecided = 0;
        self.gives_times = false;
        self.timestamps.clear();
        self.applied.clear();
    }

    /// Bytes its buffers hold on to.
    pub fn memory(&self) -> usize {
        self.packed.capacity()
            + (self.writers.capacity() + self.groups.capacity()) * 4
            + self.records.capacity() * 16
    }
}
