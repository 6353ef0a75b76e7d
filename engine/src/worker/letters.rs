//! Dead letters: a bad record as an entry of `kafka:deadletters:<subscription>`, written in the unit,
//! or as a message to a topic, which is acknowledged before the unit is applied.

use super::plan::{RecordError, Stage};
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
    subscription: String,
    policy: DeadLetters,
}

impl Letters {
    pub(super) fn new(subscription: &str, policy: &DeadLetters) -> Letters {
        Letters {
            key: ledger::dead_letters_key(subscription),
            name: Vec::new(),
            subscription: subscription.to_owned(),
            policy: policy.clone(),
        }
    }

    /// The stream's key.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Adds the record to the unit: its place, key, value, headers, what is wrong with it, and for which
    /// routes it is.
    pub(super) fn write(
        &mut self,
        id: &RecordId,
        record: &Record<'_>,
        error: &RecordError,
        routes: &str,
        builder: &mut Builder,
        names: &mut Names,
    ) {
        let reference = RecordRef { slot: record.slot, offset: record.offset };
        builder.begin_record(reference);
        if let DeadLetters::Topic(topic) = &self.policy {
            let told = self.told(id, error);
            // As Connect does: what a record has already stays as it is.
            let context = told
                .iter()
                .map(|(name, text)| (name.as_bytes(), Some(text.as_bytes())))
                .filter(|(name, _)| record.header(name).is_none());
            builder.messages.add_letter(
                topic,
                reference,
                (record.key, record.value),
                record.timestamp_ms,
                record.headers().chain(context),
            );
            return;
        }
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
            Some(routes.as_bytes()),
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
    }

    /// The headers of Kafka Connect's dead letter queue (`DeadLetterQueueReporter`, KIP-298), texts as
    /// they are there; where it names Java's classes, this names the stage and its route.
    fn told(&self, id: &RecordId, error: &RecordError) -> Vec<(&'static str, String)> {
        let stage = match error.stage {
            Stage::Key => "KEY_CONVERTER",
            Stage::Value => "VALUE_CONVERTER",
            Stage::Route => "TRANSFORMATION",
            Stage::Send | Stage::Apply | Stage::Letter => "TASK_PUT",
        };
        let mut told = vec![
            ("__connect.errors.topic", id.topic.to_string()),
            ("__connect.errors.partition", id.partition.to_string()),
            ("__connect.errors.offset", id.offset.to_string()),
            ("__connect.errors.connector.name", self.subscription.clone()),
            ("__connect.errors.task.id", "0".to_owned()),
            ("__connect.errors.stage", stage.to_owned()),
            ("__connect.errors.class.name", "redis-kafka".to_owned()),
            (
                "__connect.errors.exception.class.name",
                format!("redis-kafka.{}", error.stage.name()),
            ),
            ("__connect.errors.exception.message", error.problem.clone()),
        ];
        told.extend(error.route.clone().map(|route| ("redis-kafka.route", route)));
        told
    }
}
