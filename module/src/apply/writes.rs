//! The writes of a unit, key by key.

use super::notices::Notices;
use super::{OpenGroup, Origin};
use crate::load::Propagate;
use crate::redis::{Context, Event, KeyKind, StreamId, Text, Trimming};
use redis_kafka_engine::unit::packed::{
    self, GroupKind, HashOperation, Head, PackedError, PackedTrim,
};
use redis_module::raw::RedisModuleString;

/// A fact decided on the primary, to be filled into the packed unit.
#[derive(Debug, Clone, Copy)]
pub enum Patch {
    /// An entry's ID: two u64 at this place.
    Id { at: usize, id: StreamId },
    /// A trim: one byte and a u64 at this place; none when nothing was trimmed.
    Trim { at: usize, length: Option<u64> },
}

/// Fills the facts into the packed bytes.
pub fn patch(bytes: &mut [u8], patches: &[Patch]) {
    let mut put = |at: usize, text: &[u8]| {
        if let Some(place) = bytes.get_mut(at..at + text.len()) {
            place.copy_from_slice(text);
        }
    };
    for patch in patches {
        match patch {
            Patch::Id { at, id: (ms, seq) } => {
                put(*at, &ms.to_le_bytes());
                put(at + 8, &seq.to_le_bytes());
            }
            Patch::Trim { at, length } => {
                put(*at, &[if length.is_some() { 2 } else { 0 }]);
                put(at + 1, &length.unwrap_or(0).to_le_bytes());
            }
        }
    }
}

/// An entry's ID as commands write it.
fn id_text(id: StreamId) -> Text {
    let (mut ms, mut seq) = (itoa::Buffer::new(), itoa::Buffer::new());
    let (ms, seq) = (ms.format(id.0).as_bytes(), seq.format(id.1).as_bytes());
    // Two numbers of 64 bits and a hyphen take 41 bytes at most.
    let mut text = [0; 41];
    let parts = ms.iter().chain(b"-").chain(seq);
    let length = text.iter_mut().zip(parts).map(|(place, byte)| *place = *byte).count();
    Text::new(text.get(..length).unwrap_or_default())
}

/// A write that Redis refused: the group's number and the write's number in it.
#[derive(Debug, Clone, Copy)]
pub struct Failed {
    pub group: usize,
    pub write: usize,
}

/// Writes the groups of one unit.
pub struct Writer<'w, 'a> {
    context: Context,
    origin: Origin,
    head: &'w Head<'a>,
    names: Vec<Text>,
    patches: &'w mut Vec<Patch>,
    notices: &'w mut Notices,
    /// Entries added so far, to be taken out again when a later one is refused.
    added: Vec<(usize, StreamId)>,
    /// The values of the write under way, kept alive until it is done, and the pointers Redis gets.
    values: Vec<Text>,
    arguments: Vec<*mut RedisModuleString>,
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
        Writer {
            context,
            origin,
            head,
            names,
            patches,
            notices,
            added: Vec::new(),
            values: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// Writes everything, or nothing when a stream refuses an entry: streams come first in a
    /// unit, and their entries are taken out again. Bytes that do not fit the form are found
    /// before (replay) or cannot be (own units).
    pub fn write_all(
        &mut self,
        groups: &mut [OpenGroup<'a>],
    ) -> Result<Option<Failed>, PackedError> {
        for at in 0..groups.len() {
            let Some(open) = groups.get_mut(at) else { break };
            let failed = match open.group.kind {
                GroupKind::Stream(trim) => self.write_stream(at, open, trim)?,
                GroupKind::Hash => {
                    self.write_hash(at, open)?;
                    None
                }
            };
            if failed.is_some() {
                self.undo(groups);
                return Ok(failed);
            }
        }
        Ok(None)
    }

    /// Takes the entries out again; what was sent on already is followed by its opposite.
    fn undo(&mut self, groups: &[OpenGroup<'a>]) {
        let sent = self.is_propagating_commands();
        for (group, id) in self.added.drain(..).rev() {
            let Some(open) = groups.get(group) else { continue };
            open.key.stream_delete(id);
            if sent {
                let id = id_text(id);
                self.context.replicate(c"XDEL", &[open.name.raw(), id.raw()]);
            }
        }
        for open in groups.iter().filter(|open| open.is_new && open.key.kind() != KeyKind::Empty) {
            open.key.delete();
            if sent {
                self.context.replicate(c"DEL", &[open.name.raw()]);
            }
        }
    }

    fn is_propagating_commands(&self) -> bool {
        self.origin == Origin::Worker(Propagate::Commands)
    }

    /// Reads the fields of the write under way into `values` and `arguments`, behind what stands there.
    fn read_fields(&mut self, open: &mut OpenGroup<'a>, count: usize) -> Result<(), PackedError> {
        for _ in 0..count {
            let (name, value) = packed::read_field(&mut open.writes, self.head)?;
            let value = Text::new(value);
            let name = self.names.get(name).ok_or(PackedError::Name)?;
            self.arguments.push(name.raw());
            self.arguments.push(value.raw());
            self.values.push(value);
        }
        Ok(())
    }

    fn write_stream(
        &mut self,
        at: usize,
        open: &mut OpenGroup<'a>,
        trim: PackedTrim,
    ) -> Result<Option<Failed>, PackedError> {
        let mut last: Option<StreamId> = None;
        for number in 0..open.group.writes {
            let write = packed::read_stream_write(&mut open.writes)?;
            self.values.clear();
            self.arguments.clear();
            // Room for the key and the ID, which XADD wants before the fields.
            self.arguments.extend([open.name.raw(), open.name.raw()]);
            self.read_fields(open, write.fields)?;
            let wanted = match self.origin {
                Origin::Replay => Some(write.id),
                // What Redis itself would choose within the same millisecond, without asking the clock.
                Origin::Worker(_) => last.and_then(|(ms, seq)| Some((ms, seq.checked_add(1)?))),
            };
            let fields = self.arguments.get_mut(2..).unwrap_or_default();
            let Ok(id) = open.key.stream_add(wanted, fields) else {
                return Ok(Some(Failed { group: at, write: number }));
            };
            self.added.push((at, id));
            last = Some(id);
            match self.origin {
                Origin::Worker(Propagate::Units) => {
                    self.patches.push(Patch::Id { at: write.id_at, id })
                }
                Origin::Worker(Propagate::Commands) => self.replicate_entry(id),
                Origin::Replay => {}
            }
        }
        self.notices.add(at, Event::StreamAdded, open.group.writes);
        self.trim(at, open, trim);
        Ok(None)
    }

    fn replicate_entry(&mut self, id: StreamId) {
        let id = id_text(id);
        if let Some(place) = self.arguments.get_mut(1) {
            *place = id.raw();
        }
        self.context.replicate(c"XADD", &self.arguments);
    }

    /// Trims once a unit; what is propagated is the exact length that came of it.
    fn trim(&mut self, at: usize, open: &OpenGroup<'a>, trim: PackedTrim) {
        let trimmed = match trim {
            PackedTrim::None => return,
            PackedTrim::Approximate(entries) => {
                open.key.stream_trim(Trimming::Approximate, entries)
            }
            PackedTrim::Exact(entries) => open.key.stream_trim(Trimming::Exact, entries),
        };
        let length = (trimmed > 0).then(|| open.key.length() as u64);
        self.patches.push(Patch::Trim { at: open.group.trim_at, length });
        self.notices.add(at, Event::StreamTrimmed, usize::from(trimmed > 0));
        if let Some(length) = length.filter(|_| self.is_propagating_commands()) {
            let arguments = [Text::new("MAXLEN"), Text::new("="), Text::new(length.to_string())];
            let mut pointers = vec![open.name.raw()];
            pointers.extend(arguments.iter().map(Text::raw));
            self.context.replicate(c"XTRIM", &pointers);
        }
    }

    fn write_hash(&mut self, at: usize, open: &mut OpenGroup<'a>) -> Result<(), PackedError> {
        for _ in 0..open.group.writes {
            let (operation, fields) = packed::read_hash_write(&mut open.writes)?;
            self.values.clear();
            self.arguments.clear();
            self.arguments.push(open.name.raw());
            self.read_fields(open, fields)?;
            let deleted = packed::read_deleted_count(&mut open.writes)?;
            if matches!(operation, HashOperation::Replace | HashOperation::Delete)
                && open.key.kind() != KeyKind::Empty
            {
                open.key.delete();
                self.tell(at, Event::KeyDeleted, c"DEL", &[open.name.raw()]);
            }
            self.set_fields(at, open, fields);
            self.delete_fields(at, open, deleted)?;
        }
        Ok(())
    }

    fn set_fields(&mut self, at: usize, open: &OpenGroup<'a>, fields: usize) {
        if fields == 0 {
            return;
        }
        let pairs = self.arguments.get(1..).unwrap_or_default().chunks_exact(2);
        for (pair, value) in pairs.zip(&self.values) {
            if let Some(&field) = pair.first() {
                open.key.hash_set_raw(field, value);
            }
        }
        let arguments = std::mem::take(&mut self.arguments);
        self.tell(at, Event::HashSet, c"HSET", &arguments);
        self.arguments = arguments;
    }

    fn delete_fields(
        &mut self,
        at: usize,
        open: &mut OpenGroup<'a>,
        count: usize,
    ) -> Result<(), PackedError> {
        let mut gone = vec![open.name.raw()];
        for _ in 0..count {
            let name = packed::read_name(&mut open.writes, self.head)?;
            let name = self.names.get(name).ok_or(PackedError::Name)?;
            if open.key.kind() == KeyKind::Hash && open.key.hash_delete(name) {
                gone.push(name.raw());
            }
        }
        if gone.len() > 1 {
            self.tell(at, Event::HashDeleted, c"HDEL", &gone);
            if open.key.kind() == KeyKind::Empty {
                self.notices.add(at, Event::KeyDeleted, 1);
            }
        }
        Ok(())
    }

    /// An event for those who listen, and the command itself where commands are propagated.
    fn tell(
        &mut self,
        at: usize,
        event: Event,
        command: &std::ffi::CStr,
        arguments: &[*mut RedisModuleString],
    ) {
        self.notices.add(at, event, 1);
        if self.is_propagating_commands() {
            self.context.replicate(command, arguments);
        }
    }
}
