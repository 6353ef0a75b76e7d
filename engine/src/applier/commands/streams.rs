//! Streams: entries with IDs.

use super::{Ids, LastId, Purpose, Sink, StreamId, Writer, Writes};
use crate::applier::plan::UnitGroup;
use crate::letter;
use crate::unit::packed::{self, EntryTime, Keep, PackedError, StreamWrite};

/// The last entry of a stream that is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Redis chooses all IDs, of which so many are left.
    Chosen(u64),
    /// No entry was there before.
    None,
    /// This one.
    Id(StreamId),
    /// It is not known; no entry of it is to be younger than this, in milliseconds since 1970.
    Open(u64),
}

/// How an entry's ID is written.
enum Wanted {
    /// Redis chooses.
    Chosen,
    Id(StreamId),
    /// Redis chooses among those of that time.
    Within(u64),
}

impl<'a, S: Sink> Writer<'_, '_, 'a, S> {
    /// The last entry trims the stream: that is once a unit.
    pub(super) fn write_stream(
        &mut self,
        number: usize,
        it: &UnitGroup<'a>,
    ) -> Result<(), PackedError> {
        let mut reader = it.writes.clone();
        let mut last = self.last_of(number, it.group.key);
        for write in 0..it.group.writes {
            let (time, fields) = match packed::read_stream_write(&mut reader)? {
                StreamWrite::Delete => {
                    self.one(number, write, &[b"DEL", it.group.key]);
                    last = match last {
                        Last::Chosen(_) => Last::Chosen(u64::MAX),
                        Last::None | Last::Id(_) => Last::None,
                        Last::Open(_) => Last::Open(0),
                    };
                    continue;
                }
                StreamWrite::Remove(ms, seq) => {
                    let id = letter::id_text((ms, seq));
                    self.one(number, write, &[b"XDEL", it.group.key, id.as_bytes()]);
                    continue;
                }
                StreamWrite::Add { time, fields, .. } => (time, fields),
            };
            let Some(id) = self.choose(time, &mut last) else {
                let key = String::from_utf8_lossy(it.group.key);
                let problem = format!("stream '{key}' has no entry IDs left");
                let count = it.group.writes - write;
                self.refused.extend(self.plan.clashes_of(number, write, count, &problem));
                return Ok(());
            };
            let keep = if write + 1 == it.group.writes { it.group.keep } else { Keep::All };
            self.begin_entry(
                Writes { group: number, first: write, count: 1 },
                it,
                (keep, id),
                fields,
            );
            for _ in 0..fields {
                let (name, value) = packed::read_field(&mut reader, &self.plan.head)?;
                self.sink.name(name)?;
                self.sink.word(value);
            }
        }
        if let (Last::Open(ms), Ids::Open(latest)) = (last, self.ids) {
            latest.borrow_mut().insert(it.group.key.to_vec(), ms);
        }
        Ok(())
    }

    fn last_of(&self, number: usize, key: &[u8]) -> Last {
        let last_ids: &[LastId] = match self.ids {
            Ids::Found(last_ids) => last_ids,
            Ids::Open(latest) => {
                return Last::Open(latest.borrow().get(key).copied().unwrap_or(0));
            }
        };
        let at = last_ids.binary_search_by_key(&number, |last| last.group).ok();
        let Some(last) = at.and_then(|at| last_ids.get(at)) else {
            return Last::Chosen(u64::MAX);
        };
        match (last.purpose, last.id) {
            (Purpose::Choice, Some(id)) => Last::Id(id),
            (Purpose::Choice, None) => Last::None,
            (Purpose::Room, Some((u64::MAX, seq))) => Last::Chosen(u64::MAX - seq),
            (Purpose::Room, _) => Last::Chosen(u64::MAX),
        }
    }

    fn begin_entry(
        &mut self,
        writes: Writes,
        it: &UnitGroup<'a>,
        (keep, id): (Keep, Wanted),
        fields: usize,
    ) {
        let mut text = itoa::Buffer::new();
        let trim: Option<[&[u8]; 3]> = match keep {
            Keep::AtLeast(count) => Some([b"MAXLEN", b"~", text.format(count).as_bytes()]),
            Keep::Newest(count) => Some([b"MAXLEN", b"=", text.format(count).as_bytes()]),
            Keep::Younger(age) => {
                let now = u64::try_from(self.now).unwrap_or(0);
                Some([b"MINID", b"=", text.format(now.saturating_sub(age)).as_bytes()])
            }
            Keep::All | Keep::First(_) | Keep::Last(_) | Keep::Highest(_) => None,
        };
        let words = 3 + trim.map_or(0, |trim| trim.len()) + 2 * fields;
        self.sink.begin(writes, words);
        self.sink.word(b"XADD");
        self.sink.word(it.group.key);
        trim.iter().flatten().for_each(|word| self.sink.word(word));
        match id {
            Wanted::Chosen => self.sink.word(b"*"),
            Wanted::Id(id) => self.sink.word(&id_text(id)),
            Wanted::Within(ms) => {
                self.sink.word(&[text.format(ms).as_bytes(), b"-*"].concat());
            }
        }
    }

    /// The ID of the next entry; none when the stream takes it no more.
    fn choose(&self, time: EntryTime, last: &mut Last) -> Option<Wanted> {
        let before = match *last {
            Last::Chosen(left) => {
                *last = Last::Chosen(left.checked_sub(1)?);
                return Some(Wanted::Chosen);
            }
            Last::None => None,
            Last::Id(id) => Some(id),
            Last::Open(before) => {
                let ms = match time {
                    EntryTime::Now => return Some(Wanted::Chosen),
                    EntryTime::Decided(ms, _) | EntryTime::NotBefore(ms) => ms.max(before),
                };
                *last = Last::Open(ms);
                return Some(Wanted::Within(ms));
            }
        };
        let id = match time {
            EntryTime::Decided(ms, seq) => (ms, seq),
            EntryTime::NotBefore(ms) => not_before(ms, before)?,
            EntryTime::Now => not_before(u64::try_from(self.now).unwrap_or(0), before)?,
        };
        *last = Last::Id(id);
        Some(Wanted::Id(id))
    }
}

/// The lowest ID of that time that comes after the last one, of a later time where it must.
/// 0-0 is no ID.
fn not_before(ms: u64, last: Option<StreamId>) -> Option<StreamId> {
    match last {
        Some(last) if ms <= last.0 => match last.1.checked_add(1) {
            Some(seq) => Some((last.0, seq)),
            None => Some((last.0.checked_add(1)?, 0)),
        },
        _ => Some((ms, u64::from(ms == 0))),
    }
}

fn id_text((ms, seq): StreamId) -> Vec<u8> {
    let (mut first, mut second) = (itoa::Buffer::new(), itoa::Buffer::new());
    [first.format(ms).as_bytes(), b"-", second.format(seq).as_bytes()].concat()
}
