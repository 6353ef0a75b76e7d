//! Hashes: fields set and deleted.

use super::groups::OpenGroup;
use super::writer::Writer;
use crate::redis::{Event, KeyKind};
use redis_kafka_engine::unit::packed::{self, HashOperation, PackedError, Reader};

impl<'a> Writer<'_, 'a> {
    pub(super) fn write_hash(&mut self, open: &OpenGroup<'_, 'a>) -> Result<(), PackedError> {
        let mut reader = open.of.writes.clone();
        for _ in 0..open.of.group.writes {
            let (operation, fields) = packed::read_hash_write(&mut reader)?;
            if operation == HashOperation::Again {
                self.tell_set(open);
                continue;
            }
            self.begin(open);
            self.read_fields(&mut reader, fields)?;
            let deleted = packed::read_deleted_count(&mut reader, operation)?;
            if operation != HashOperation::Merge {
                self.delete(open);
            }
            self.set_fields(open, fields);
            self.delete_fields(open, &mut reader, deleted)?;
        }
        Ok(())
    }

    fn set_fields(&mut self, open: &OpenGroup<'_, 'a>, fields: usize) {
        if fields == 0 {
            return;
        }
        let pairs = self.arguments.get(1..).unwrap_or_default().chunks_exact(2);
        for (pair, value) in pairs.zip(&self.values) {
            if let Some(&field) = pair.first() {
                open.key.hash_set_raw(field, value);
            }
        }
        self.tell_set(open);
    }

    /// Tells of the fields that were set last.
    fn tell_set(&mut self, open: &OpenGroup<'_, 'a>) {
        self.notices.add(open.number, Event::HashSet, 1);
        if self.origin.sends_commands() {
            self.context.replicate(c"HSET", &self.arguments);
        }
    }

    fn delete_fields(
        &mut self,
        open: &OpenGroup<'_, 'a>,
        reader: &mut Reader<'a>,
        count: usize,
    ) -> Result<(), PackedError> {
        if count == 0 {
            return Ok(());
        }
        self.begin(open);
        for _ in 0..count {
            let name = packed::read_name(reader, self.head)?;
            let name = self.names.get(name).ok_or(PackedError::Name)?;
            if open.key.kind() == KeyKind::Hash && open.key.hash_delete(name) {
                self.arguments.push(name.raw());
            }
        }
        if self.arguments.len() > 1 {
            self.notices.add(open.number, Event::HashDeleted, 1);
            if self.origin.sends_commands() {
                self.context.replicate(c"HDEL", &self.arguments);
            }
            if open.key.kind() == KeyKind::Empty {
                self.notices.add(open.number, Event::KeyDeleted, 1);
            }
        }
        Ok(())
    }
}
