//! Writes a unit through open keys, and sends plain commands on where they are propagated.

use super::Origin;
use super::groups::OpenGroup;
use super::notices::Notices;
use super::patches::Patch;
use crate::redis::{Context, Event, KeyKind, Text, milliseconds};
use redis_kafka_engine::applier::Clash;
use redis_kafka_engine::unit::packed::{Expiry, GroupKind, Head, PackedError};
use redis_module::raw::RedisModuleString;
use std::ffi::CStr;

/// A write that Redis refused: its place among the open groups, and the write's number there.
#[derive(Debug, Clone, Copy)]
pub struct Failed {
    pub open: usize,
    pub write: usize,
}

impl Failed {
    /// The records of that write and of those behind it in the group.
    pub fn clashes(self, open: &[OpenGroup<'_, '_>], writers: &[u32]) -> Vec<Clash> {
        let Some(open) = open.get(self.open) else { return Vec::new() };
        let key = String::from_utf8_lossy(open.of.group.key);
        open.of.clashes(self.write, writers, &format!("stream '{key}' has no entry IDs left"))
    }
}

/// Writes the groups of one unit.
pub struct Writer<'w, 'a> {
    pub(super) context: Context,
    pub(super) origin: Origin,
    pub(super) head: &'w Head<'a>,
    pub(super) names: Vec<Text>,
    pub(super) patches: &'w mut Vec<Patch>,
    pub(super) notices: &'w mut Notices,
    /// The values of the command under way, kept alive until it is sent, and the pointers Redis gets.
    pub(super) values: Vec<Text>,
    pub(super) arguments: Vec<*mut RedisModuleString>,
    /// The time at which this unit is applied, once something asked.
    now: Option<i64>,
}

impl<'w, 'a> Writer<'w, 'a> {
    pub fn new(
        context: Context,
        origin: Origin,
        head: &'w Head<'a>,
        patches: &'w mut Vec<Patch>,
        notices: &'w mut Notices,
    ) -> Self {
        let names = head.names.iter().map(Text::new).collect();
        let (values, arguments) = (Vec::new(), Vec::new());
        Writer { context, origin, head, names, patches, notices, values, arguments, now: None }
    }

    /// Writes everything, or nothing when a stream refuses an entry: streams come first, and
    /// their entries are taken out again. Bytes that do not fit the form are found
    /// before (replay) or cannot be (own units).
    pub fn write_all(
        &mut self,
        groups: &[OpenGroup<'_, 'a>],
    ) -> Result<Option<Failed>, PackedError> {
        let streams = groups.partition_point(|open| open.of.group.kind == GroupKind::Stream);
        let (streams, others) = groups.split_at(streams);
        if let Some(failed) = self.write_streams(streams)? {
            return Ok(Some(failed));
        }
        for open in others {
            match open.of.group.kind {
                GroupKind::SortedSet => self.write_sorted_set(open)?,
                GroupKind::List => self.write_list(open)?,
                GroupKind::String => self.write_string(open)?,
                GroupKind::Hash => self.write_hash(open)?,
                other => return Err(PackedError::Code(other as u8)),
            }
            self.expire(open);
        }
        Ok(None)
    }

    /// The times to live of keys that commands have written.
    pub fn expire_called(&mut self, groups: &[OpenGroup<'_, 'a>]) {
        for open in groups {
            let is_unchanged = open.of.group.expiry == Expiry::Unchanged;
            // As SET does; JSON.SET leaves it.
            if is_unchanged && open.of.group.kind == GroupKind::Json && open.key.expires() {
                open.key.persist();
                self.tell(open.number, Event::ExpiryTaken, c"PERSIST", &[open.of.name.raw()]);
            }
            self.expire(open);
        }
    }

    /// Milliseconds since 1970 at which this unit is applied: one time for all of it.
    pub(super) fn now(&mut self) -> i64 {
        *self.now.get_or_insert_with(milliseconds)
    }

    /// A key's time to live, once its writes are done.
    pub(super) fn expire(&mut self, open: &OpenGroup<'_, 'a>) {
        let group = &open.of.group;
        let time = match group.expiry {
            Expiry::Unchanged => return,
            Expiry::At(time) => time.max(0),
            Expiry::After(after) => {
                let time = self.now().saturating_add(i64::try_from(after).unwrap_or(i64::MAX));
                self.patches
                    .push(Patch::Expiry { at: group.expiry_at(), expiry: Expiry::At(time) });
                time
            }
        };
        if open.key.kind() == KeyKind::Empty {
            return;
        }
        // A time that is past is set all the same: Redis takes such a key away by itself, on the
        // primary, and tells the replicas.
        open.key.expire_at(time);
        if self.origin.sends_commands() {
            let text = Text::new(itoa::Buffer::new().format(time));
            let arguments = [open.of.name.raw(), text.raw()];
            self.context.replicate(c"PEXPIREAT", &arguments);
        }
        self.notices.add(open.number, Event::ExpirySet, 1);
    }

    /// Deletes a key, if there is one.
    pub(super) fn delete(&mut self, open: &OpenGroup<'_, 'a>) {
        if open.key.kind() != KeyKind::Empty {
            open.key.delete();
            self.tell(open.number, Event::KeyDeleted, c"DEL", &[open.of.name.raw()]);
        }
    }

    /// An event for those who listen, and the command itself where commands are propagated.
    pub(super) fn tell(
        &mut self,
        number: usize,
        event: Event,
        command: &CStr,
        arguments: &[*mut RedisModuleString],
    ) {
        self.notices.add(number, event, 1);
        if self.origin.sends_commands() {
            self.context.replicate(command, arguments);
        }
    }

    /// Begins the arguments of a command to a key.
    pub(super) fn begin(&mut self, open: &OpenGroup<'_, 'a>) {
        self.values.clear();
        self.arguments.clear();
        self.arguments.push(open.of.name.raw());
    }

    /// Adds an argument, where commands are propagated.
    pub(super) fn gather(&mut self, text: Text) {
        if self.origin.sends_commands() {
            self.arguments.push(text.raw());
            self.values.push(text);
        }
    }

    /// Sends the command under way, if it has any argument behind its key, and begins anew.
    pub(super) fn flush(&mut self, open: &OpenGroup<'_, 'a>, command: &CStr) {
        if self.arguments.len() > 1 {
            self.context.replicate(command, &self.arguments);
        }
        self.begin(open);
    }
}
