//! Streams: entries with IDs, taken out again when one is refused.

use super::groups::OpenGroup;
use super::patches::Patch;
use super::writer::{Failed, Writer};
use crate::redis::{Event, KeyKind, Manner, StreamId, Text, Trimming};
use redis_kafka_engine::unit::packed::{self, EntryTime, Keep, PackedError, Reader, StreamWrite};

/// The last entry of a stream that is being written.
#[derive(Debug, Clone, Copy)]
struct Last {
    id: StreamId,
    /// Whether Redis's clock gave its time, in this unit.
    is_now: bool,
}

/// The ID after this one.
fn next(id: StreamId) -> Option<StreamId> {
    match id.1.checked_add(1) {
        Some(seq) => Some((id.0, seq)),
        None => Some((id.0.checked_add(1)?, 0)),
    }
}

/// An entry's ID as commands write it.
pub(super) fn id_text(id: StreamId) -> Text {
    let (mut ms, mut seq) = (itoa::Buffer::new(), itoa::Buffer::new());
    let (ms, seq) = (ms.format(id.0).as_bytes(), seq.format(id.1).as_bytes());
    // Two numbers of 64 bits and a hyphen take 41 bytes at most.
    let mut text = [0; 41];
    let parts = ms.iter().chain(b"-").chain(seq);
    let length = text.iter_mut().zip(parts).map(|(place, byte)| *place = *byte).count();
    Text::new(text.get(..length).unwrap_or_default())
}

pub(super) fn parse_id(text: &str) -> Option<StreamId> {
    let (ms, seq) = text.split_once('-')?;
    Some((ms.parse().ok()?, seq.parse().ok()?))
}

/// Whether a group's first write deletes the key.
fn begins_anew(open: &OpenGroup<'_, '_>) -> bool {
    packed::read_stream_write(&mut open.of.writes.clone()) == Ok(StreamWrite::Delete)
}

impl<'a> Writer<'_, 'a> {
    /// Adds all entries, then trims. A deleted stream cannot be brought back, and refuses no
    /// entry: those come last.
    pub(super) fn write_streams(
        &mut self,
        groups: &[OpenGroup<'_, 'a>],
    ) -> Result<Option<Failed>, PackedError> {
        let mut added = Vec::with_capacity(groups.iter().map(|open| open.of.group.writes).sum());
        for anew in [false, true] {
            for (at, open) in groups.iter().enumerate().filter(|it| begins_anew(it.1) == anew) {
                if let Some(write) = self.write_stream(at, open, &mut added)? {
                    self.undo(groups, &added);
                    return Ok(Some(Failed { open: at, write }));
                }
            }
        }
        for open in groups {
            self.take_out(open)?;
            self.trim(open);
            self.expire(open);
        }
        Ok(None)
    }

    /// Takes the entries out again; what was sent on already is followed by its opposite.
    fn undo(&mut self, groups: &[OpenGroup<'_, 'a>], added: &[(usize, StreamId)]) {
        let sent = self.origin.sends_commands();
        for &(at, id) in added.iter().rev() {
            let Some(open) = groups.get(at) else { continue };
            open.key.stream_delete(id);
            if sent {
                let id = id_text(id);
                self.context.replicate(c"XDEL", &[open.of.name.raw(), id.raw()]);
            }
        }
        for open in groups.iter().filter(|open| open.is_new && open.key.kind() != KeyKind::Empty) {
            open.key.delete();
            if sent {
                self.context.replicate(c"DEL", &[open.of.name.raw()]);
            }
        }
    }

    /// Adds a group's entries; the number of the write that was refused, if one was.
    fn write_stream(
        &mut self,
        at: usize,
        open: &OpenGroup<'_, 'a>,
        added: &mut Vec<(usize, StreamId)>,
    ) -> Result<Option<usize>, PackedError> {
        let mut reader = open.of.writes.clone();
        let mut last: Option<Last> = None;
        let before = added.len();
        for number in 0..open.of.group.writes {
            let (time_at, time, fields) = match packed::read_stream_write(&mut reader)? {
                StreamWrite::Delete => {
                    self.delete(open);
                    last = None;
                    continue;
                }
                // Last, as it cannot be undone.
                StreamWrite::Remove(..) => continue,
                StreamWrite::Add { at, time, fields } => (at, time, fields),
            };
            self.begin(open);
            // Room for the ID, which XADD wants before the fields.
            self.arguments.push(open.of.name.raw());
            self.read_fields(&mut reader, fields)?;
            let Some(id) = self.add_entry(open, time, &mut last) else { return Ok(Some(number)) };
            added.push((at, id));
            if !matches!(time, EntryTime::Decided(..)) {
                self.patches.push(Patch::Id { at: time_at, id });
            }
            if self.origin.sends_commands() {
                self.send_entry(id);
            }
        }
        self.notices.add(open.number, Event::StreamAdded, added.len() - before);
        Ok(None)
    }

    /// Reads the fields of the write under way into `values` and `arguments`, behind what stands there.
    pub(super) fn read_fields(
        &mut self,
        reader: &mut Reader<'a>,
        count: usize,
    ) -> Result<(), PackedError> {
        for _ in 0..count {
            let (name, value) = packed::read_field(reader, self.head)?;
            let value = Text::new(value);
            let name = self.names.get(name).ok_or(PackedError::Name)?;
            self.arguments.push(name.raw());
            self.arguments.push(value.raw());
            self.values.push(value);
        }
        Ok(())
    }

    /// Adds the entry whose fields were read; its ID. None when the stream takes it no more.
    fn add_entry(
        &mut self,
        open: &OpenGroup<'_, 'a>,
        time: EntryTime,
        last: &mut Option<Last>,
    ) -> Option<StreamId> {
        let fields = self.arguments.get_mut(2..).unwrap_or_default();
        let (id, is_now) = match time {
            EntryTime::Decided(ms, seq) => {
                (open.key.stream_add(Some((ms, seq)), fields).ok()?, false)
            }
            EntryTime::Now => {
                // What Redis itself would choose within the same millisecond, without asking the clock.
                let wanted = last.filter(|last| last.is_now).and_then(|last| next(last.id));
                (open.key.stream_add(wanted, fields).ok()?, true)
            }
            EntryTime::NotBefore(ms) => {
                let wanted = not_before(ms, last.map(|last| last.id))?;
                let added = open.key.stream_add(Some(wanted), fields).ok();
                let added = match (added, *last) {
                    (None, None) => {
                        let highest = self.highest_id(open)?;
                        let wanted = not_before(ms, Some(highest))?;
                        let fields = self.arguments.get_mut(2..).unwrap_or_default();
                        open.key.stream_add(Some(wanted), fields).ok()
                    }
                    (added, _) => added,
                };
                (added?, false)
            }
        };
        *last = Some(Last { id, is_now });
        Some(id)
    }

    /// The highest ID that a stream ever had: the API tells only of entries that are still there.
    fn highest_id(&self, open: &OpenGroup<'_, 'a>) -> Option<StreamId> {
        let what = Text::new("STREAM");
        let asked =
            self.context.ask(c"XINFO", &[what.raw(), open.of.name.raw()], Manner::Local).ok()?;
        let found = asked.pairs().find(|(name, _)| name.text() == "last-generated-id");
        parse_id(&found?.1.text())
    }

    fn send_entry(&mut self, id: StreamId) {
        let id = id_text(id);
        if let Some(place) = self.arguments.get_mut(1) {
            *place = id.raw();
        }
        self.context.replicate(c"XADD", &self.arguments);
    }

    /// Trims once a unit; what is propagated is the exact length that came of it.
    fn trim(&mut self, open: &OpenGroup<'_, 'a>) {
        let group = &open.of.group;
        if open.key.kind() != KeyKind::Stream {
            if group.keep != Keep::All {
                self.patches.push(Patch::Keep { at: group.keep_at, keep: Keep::All });
            }
            return;
        }
        let trimmed = match group.keep {
            Keep::AtLeast(entries) => open.key.stream_trim(Trimming::Approximate, entries),
            Keep::Newest(entries) => open.key.stream_trim(Trimming::Exact, entries),
            Keep::Younger(age) => {
                let now = u64::try_from(self.now()).unwrap_or(0);
                open.key.stream_trim_before((now.saturating_sub(age), 0))
            }
            Keep::All | Keep::First(_) | Keep::Last(_) | Keep::Highest(_) => return,
        };
        let length = (trimmed > 0).then(|| open.key.length() as u64);
        let keep = length.map_or(Keep::All, Keep::Newest);
        self.patches.push(Patch::Keep { at: group.keep_at, keep });
        self.notices.add(open.number, Event::StreamTrimmed, usize::from(trimmed > 0));
        if let Some(length) = length.filter(|_| self.origin.sends_commands()) {
            let arguments = [Text::new("MAXLEN"), Text::new("="), Text::new(length.to_string())];
            let mut pointers = vec![open.of.name.raw()];
            pointers.extend(arguments.iter().map(Text::raw));
            self.context.replicate(c"XTRIM", &pointers);
        }
    }
}

/// The lowest ID of that time that comes after the last one, of a later time where it must.
/// 0-0 is no ID.
fn not_before(ms: u64, last: Option<StreamId>) -> Option<StreamId> {
    match last {
        Some(last) if ms <= last.0 => next(last),
        _ => Some((ms, u64::from(ms == 0))),
    }
}
