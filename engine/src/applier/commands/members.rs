//! What is neither a stream nor a hash: strings, documents, lists, sets, sorted sets, maps, time
//! series and messages. Writes of the same kind that follow each other become one command.

use super::{Sink, Writer};
use crate::applier::plan::UnitGroup;
use crate::unit::packed::{self, End, GroupKind, Keep, PackedError, PlainWrite};

/// A command that takes members, elements or scores of many writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Many {
    Add(&'static [u8]),
    Remove(&'static [u8]),
}

impl Many {
    fn name(self) -> &'static [u8] {
        match self {
            Many::Add(name) | Many::Remove(name) => name,
        }
    }
}

impl<'a, S: Sink> Writer<'_, '_, 'a, S> {
    pub(super) fn write_plain(
        &mut self,
        number: usize,
        it: &UnitGroup<'a>,
    ) -> Result<(), PackedError> {
        let (kind, key) = (it.group.kind, it.group.key);
        let mut reader = it.writes.clone();
        let mut former: Option<Many> = None;
        for write in 0..it.group.writes {
            let deed = packed::read_plain_write(&mut reader, kind)?;
            let many = many_of(kind, deed);
            if let Some(open) = former.filter(|_| many != former) {
                self.sink.flush(number, open.name(), key);
            }
            former = many;
            match many {
                Some(_) => self.gather(write, deed),
                None => self.single(number, it, write, deed)?,
            }
            if let (GroupKind::SortedSet, Keep::Highest(count)) = (kind, it.group.keep) {
                if let Some(open) = former.take() {
                    self.sink.flush(number, open.name(), key);
                }
                self.keep_highest((number, write), key, count);
            }
        }
        if let Some(open) = former {
            self.sink.flush(number, open.name(), key);
        }
        self.trim_list(number, it);
        Ok(())
    }

    /// Adds a write to the command under way.
    fn gather(&mut self, write: usize, deed: PlainWrite<'_>) {
        let sink = &mut *self.sink;
        match deed {
            PlainWrite::Push(_, member) | PlainWrite::Add(member) | PlainWrite::Remove(member) => {
                sink.run_word(member);
            }
            PlainWrite::Score(score, member) => {
                sink.run_word(number_text(score).as_bytes());
                sink.run_word(member);
            }
            PlainWrite::Place(longitude, latitude, member) => {
                sink.run_word(number_text(longitude).as_bytes());
                sink.run_word(number_text(latitude).as_bytes());
                sink.run_word(member);
            }
            _ => {}
        }
        sink.run_take(write);
    }

    /// A write that is a command of its own.
    fn single(
        &mut self,
        number: usize,
        it: &UnitGroup<'a>,
        write: usize,
        deed: PlainWrite<'_>,
    ) -> Result<(), PackedError> {
        let (kind, key) = (it.group.kind, it.group.key);
        match (kind, deed) {
            (_, PlainWrite::Delete) => self.one(number, write, &[b"DEL", key]),
            (GroupKind::String, PlainWrite::Whole(text)) => {
                self.one(number, write, &[b"SET", key, text]);
            }
            (GroupKind::Json, PlainWrite::Whole(document)) => {
                self.one(number, write, &[b"JSON.SET", key, b"$", document]);
            }
            (GroupKind::Channel, PlainWrite::Whole(message)) => {
                self.one(number, write, &[b"PUBLISH", key, message]);
            }
            (GroupKind::SortedSet, PlainWrite::Increment(increment, member)) => {
                let increment = number_text(increment);
                self.one(number, write, &[b"ZINCRBY", key, increment.as_bytes(), member]);
            }
            (GroupKind::TimeSeries, PlainWrite::Sample(at, value)) => {
                let (mut text, value) = (itoa::Buffer::new(), number_text(value));
                let at = text.format(at).as_bytes();
                let words = [b"TS.ADD", key, at, value.as_bytes(), b"ON_DUPLICATE", b"LAST"];
                self.one(number, write, &words);
            }
            _ => return Err(PackedError::Code(kind as u8)),
        }
        Ok(())
    }

    /// Takes the lowest members out until no more than `count` are left.
    fn keep_highest(&mut self, (number, write): (usize, usize), key: &[u8], count: u64) {
        let last = i64::try_from(count).ok().and_then(|count| count.checked_add(1));
        let Some(last) = last else { return };
        let mut text = itoa::Buffer::new();
        let last = text.format(-last).as_bytes();
        self.one(number, write, &[b"ZREMRANGEBYRANK", key, b"0", last]);
    }

    /// Trims once a unit: what is left does not depend on how often.
    fn trim_list(&mut self, number: usize, it: &UnitGroup<'a>) {
        let key = it.group.key;
        let (mut first, mut last) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (first, last) = match it.group.keep {
            Keep::First(0) | Keep::Last(0) => return self.all(number, it, &[b"DEL", key]),
            Keep::First(count) => ("0", last.format(whole(count) - 1)),
            Keep::Last(count) => (first.format(-whole(count)), "-1"),
            _ => return,
        };
        self.all(number, it, &[b"LTRIM", key, first.as_bytes(), last.as_bytes()]);
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn many_of(kind: GroupKind, deed: PlainWrite<'_>) -> Option<Many> {
    Some(match (kind, deed) {
        (GroupKind::List, PlainWrite::Push(End::Left, _)) => Many::Add(b"LPUSH"),
        (GroupKind::List, PlainWrite::Push(End::Right, _)) => Many::Add(b"RPUSH"),
        (GroupKind::Set, PlainWrite::Add(_)) => Many::Add(b"SADD"),
        (GroupKind::Set, PlainWrite::Remove(_)) => Many::Remove(b"SREM"),
        (GroupKind::SortedSet, PlainWrite::Score(..)) => Many::Add(b"ZADD"),
        (GroupKind::Geo, PlainWrite::Place(..)) => Many::Add(b"GEOADD"),
        (GroupKind::SortedSet | GroupKind::Geo, PlainWrite::Remove(_)) => Many::Remove(b"ZREM"),
        _ => return None,
    })
}

/// A number as commands write it: the shortest text that reads back as the same.
fn number_text(number: f64) -> String {
    if number.is_finite() {
        return zmij::Buffer::new().format_finite(number).to_owned();
    }
    if number > 0.0 { "inf" } else { "-inf" }.to_owned()
}
