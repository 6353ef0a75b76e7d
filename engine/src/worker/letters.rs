//! Dead letters: a bad record as an entry of `kafka:deadletters:<subscription>`, written in the unit.

use super::plan::RecordError;
use super::shared::RecordId;
use crate::command::DeadLetters;
use crate::kafka::Record;
use crate::ledger;
use crate::letter::{FIELDS, HEADER, NULL_HEADER};
use crate::record::Names;
use crate::unit::{Builder, EntryTime, FieldsWrite, RecordRef, Upkeep};

/// Writes dead letters of one subscription.
pub(super) struct Letters {
    key: String,
    name: Vec<u8>,
    /// How many the stream takes; none where they do not go there.
    max: Option<u64>,
    /// How many stand there once all that was built is applied, as far as they are this worker's.
    count: u64,
}

impl Letters {
    /// `count` is how many there are.
    pub(super) fn new(subscription: &str, policy: &DeadLetters, count: u64) -> Letters {
        let max = match policy {
            DeadLetters::Stream { max } => Some(*max),
            DeadLetters::Topic(_) => None,
        };
        Letters { key: ledger::dead_letters_key(subscription), name: Vec::new(), max, count }
    }

    /// The stream's key.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// How many letters there may be, where there is no room for one more.
    pub(super) fn full(&self) -> Option<u64> {
        self.max.filter(|max| self.count >= *max)
    }

    /// Says how many there are.
    pub(super) fn recount(&mut self, count: u64) {
        self.count = count;
    }

    /// Takes into account that other members of the group write letters, too.
    pub(super) fn notice(&mut self, count: u64) {
        self.count = self.count.max(count);
    }

    /// Adds the record to the unit: its place, key, value, headers, and what is wrong with it.
    pub(super) fn write(
        &mut self,
        id: &RecordId,
        record: &Record<'_>,
        error: &RecordError,
        builder: &mut Builder,
        names: &mut Names,
    ) {
        builder.begin_record(RecordRef { slot: record.slot, offset: record.offset });
        builder.key_buffer().extend_from_slice(self.key.as_bytes());
        // Our own key is only ever written as a stream, so it cannot have two types in one unit.
        let write = FieldsWrite::StreamAdd(EntryTime::Now);
        let Ok(mut entry) = builder.fields_of_own(write, Upkeep::default()) else { return };
        let (partition, offset) = (id.partition.to_string(), id.offset.to_string());
        let timestamp = record.timestamp_ms.map(|ms| ms.to_string());
        let texts: [Option<&[u8]>; FIELDS.len()] = [
            Some(id.topic.as_bytes()),
            Some(partition.as_bytes()),
            Some(offset.as_bytes()),
            timestamp.as_deref().map(str::as_bytes),
            Some(error.stage.name().as_bytes()),
            error.route.as_deref().map(str::as_bytes),
            Some(error.problem.as_bytes()),
            record.key,
            record.value,
        ];
        for (name, text) in FIELDS.iter().zip(texts) {
            if let Some(text) = text {
                entry.text(names.intern(name.as_bytes(), None), text);
            }
        }
        for (header, text) in record.headers() {
            self.name.clear();
            self.name.extend_from_slice(if text.is_some() { HEADER } else { NULL_HEADER });
            self.name.extend_from_slice(header);
            entry.text(names.intern(&self.name, None), text.unwrap_or_default());
        }
        entry.end(std::iter::empty());
        self.count += 1;
    }
}
