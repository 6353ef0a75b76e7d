//! Dead letters: a bad record as an entry of `kafka:deadletters:<subscription>`, written in the unit.

use super::plan::RecordError;
use super::shared::RecordId;
use crate::kafka::Record;
use crate::ledger;
use crate::record::Names;
use crate::unit::{Builder, EntryTime, FieldsWrite, RecordRef, Upkeep};

/// Writes dead letters of one subscription.
pub(super) struct Letters {
    key: String,
    name: Vec<u8>,
}

impl Letters {
    pub(super) fn new(subscription: &str) -> Letters {
        Letters { key: ledger::dead_letters_key(subscription), name: Vec::new() }
    }

    /// Adds the record to the unit: its place, key, value, headers, and what is wrong with it.
    /// A null key or value has no field.
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
        let fields: [(&str, Option<&[u8]>); 9] = [
            ("topic", Some(id.topic.as_bytes())),
            ("partition", Some(partition.as_bytes())),
            ("offset", Some(offset.as_bytes())),
            ("timestamp", timestamp.as_deref().map(str::as_bytes)),
            ("stage", Some(error.stage.name().as_bytes())),
            ("route", error.route.as_deref().map(str::as_bytes)),
            ("error", Some(error.problem.as_bytes())),
            ("key", record.key),
            ("value", record.value),
        ];
        for (name, text) in fields {
            if let Some(text) = text {
                entry.text(names.intern(name.as_bytes(), None), text);
            }
        }
        for (header, text) in record.headers() {
            self.name.clear();
            self.name.extend_from_slice(b"header.");
            self.name.extend_from_slice(header);
            entry.text(names.intern(&self.name, None), text.unwrap_or_default());
        }
        entry.end(std::iter::empty());
    }
}
