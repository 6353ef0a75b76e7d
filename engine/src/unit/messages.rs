//! Messages to Kafka that records of a unit give rise to, in one buffer.

use super::RecordRef;

/// Where a message's key or value stands in the buffer.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    topic: u32,
    record: RecordRef,
    key: Option<Place>,
    value: Option<Place>,
    /// Those of its headers that are given, if any are.
    letter: Option<Letter>,
}

/// What a dead letter has that other messages have not.
#[derive(Debug, Clone, Copy)]
struct Letter {
    timestamp: Option<i64>,
    first: usize,
    count: usize,
}

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'m> {
    /// The topic's name.
    pub topic: &'m str,
    /// The record it comes from.
    pub record: RecordRef,
    /// Its key; none for a null key.
    pub key: Option<&'m [u8]>,
    /// Its value; none for a tombstone.
    pub value: Option<&'m [u8]>,
}

/// A part of a message, where null is not the same as empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Null.
    Null,
    /// What was written.
    Written,
}

/// The messages of a unit, in order. Nothing is allocated once its buffers have grown.
#[derive(Debug, Default)]
pub struct Messages {
    bytes: Vec<u8>,
    all: Vec<Entry>,
    topics: Vec<String>,
    headers: Vec<(Place, Option<Place>)>,
}

/// The headers of a dead letter, in order, and when Kafka got its record, in ms since 1970.
pub type LetterHead<'m> = (Vec<(std::borrow::Cow<'m, str>, Option<&'m [u8]>)>, Option<i64>);

/// A point to go back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct MessagesMark {
    bytes: usize,
    all: usize,
    headers: usize,
}

impl Messages {
    /// Adds a message of `record`. Each of key and value writes itself to the end of the buffer and
    /// says whether it is null; after an error nothing of the message is left.
    pub fn add<E>(
        &mut self,
        topic: &str,
        record: RecordRef,
        key: impl FnOnce(&mut Vec<u8>) -> Result<Part, E>,
        value: impl FnOnce(&mut Vec<u8>) -> Result<Part, E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        let parts = self.part(key).and_then(|key| self.part(value).map(|value| (key, value)));
        match parts {
            Ok((key, value)) => {
                let topic = self.topic(topic);
                self.all.push(Entry { topic, record, key, value, letter: None });
                Ok(())
            }
            Err(error) => {
                self.bytes.truncate(start);
                Err(error)
            }
        }
    }

    /// Adds a dead letter: a record as it came, with these headers and its own time.
    pub fn add_letter<'h>(
        &mut self,
        topic: &str,
        record: RecordRef,
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        timestamp: Option<i64>,
        headers: impl Iterator<Item = (&'h [u8], Option<&'h [u8]>)>,
    ) {
        let (key, value) = (key.map(|it| self.put(it)), value.map(|it| self.put(it)));
        let first = self.headers.len();
        for (name, value) in headers {
            let header = (self.put(name), value.map(|it| self.put(it)));
            self.headers.push(header);
        }
        let letter = Letter { timestamp, first, count: self.headers.len() - first };
        let topic = self.topic(topic);
        self.all.push(Entry { topic, record, key, value, letter: Some(letter) });
    }

    /// The headers of the message at this place, if it is a dead letter.
    pub fn letter(&self, at: usize) -> Option<LetterHead<'_>> {
        let Letter { timestamp, first, count } = self.all.get(at)?.letter?;
        let bytes = |place: Place| self.bytes.get(place.start..place.end).unwrap_or_default();
        let headers = self.headers.iter().skip(first).take(count);
        let headers =
            headers.map(|(name, value)| (String::from_utf8_lossy(bytes(*name)), value.map(bytes)));
        Some((headers.collect(), timestamp))
    }

    fn put(&mut self, bytes: &[u8]) -> Place {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        Place { start, end: self.bytes.len() }
    }

    fn part<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<Part, E>,
    ) -> Result<Option<Place>, E> {
        let start = self.bytes.len();
        let part = write(&mut self.bytes)?;
        Ok((part == Part::Written).then_some(Place { start, end: self.bytes.len() }))
    }

    /// A worker's topics are few: those of its routes.
    fn topic(&mut self, name: &str) -> u32 {
        let found = self.topics.iter().position(|known| known == name);
        let at = found.unwrap_or_else(|| {
            self.topics.push(name.to_owned());
            self.topics.len() - 1
        });
        at as u32
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The message at this place, in the order they were added.
    pub fn get(&self, at: usize) -> Option<Message<'_>> {
        let Entry { topic, record, key, value, .. } = *self.all.get(at)?;
        let bytes = |place: Place| self.bytes.get(place.start..place.end).unwrap_or_default();
        let topic = self.topics.get(topic as usize)?;
        Some(Message { topic, record, key: key.map(bytes), value: value.map(bytes) })
    }

    /// All messages, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = Message<'_>> {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    /// Bytes of all keys and values.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes its buffers hold on to.
    pub fn memory(&self) -> usize {
        self.bytes.capacity() + self.all.capacity() * size_of::<Entry>()
    }

    /// Empties it for the next unit, buffers kept.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.all.clear();
        self.headers.clear();
    }

    pub(super) fn mark(&self) -> MessagesMark {
        MessagesMark { bytes: self.bytes.len(), all: self.all.len(), headers: self.headers.len() }
    }

    pub(super) fn has_grown(&self, mark: MessagesMark) -> bool {
        self.all.len() > mark.all
    }

    pub(super) fn roll_back(&mut self, mark: MessagesMark) {
        self.bytes.truncate(mark.bytes);
        self.all.truncate(mark.all);
        self.headers.truncate(mark.headers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Builder;

    fn written(text: &'static [u8]) -> impl FnOnce(&mut Vec<u8>) -> Result<Part, &'static str> {
        move |out| {
            out.extend_from_slice(text);
            Ok(Part::Written)
        }
    }

    fn null(_: &mut Vec<u8>) -> Result<Part, &'static str> {
        Ok(Part::Null)
    }

    #[test]
    fn messages_keep_order_topic_and_what_is_null() {
        let mut messages = Messages::default();
        let record = |offset| RecordRef { slot: 1, offset };
        messages.add("a", record(1), written(b"k"), written(b"")).unwrap();
        messages.add("b", record(1), null, written(b"v")).unwrap();
        messages.add("a", record(2), written(b"k"), null).unwrap();
        let failed = messages.add("a", record(3), written(b"lost"), |out| {
            out.push(b'x');
            Err("no value")
        });
        assert_eq!((failed, messages.size()), (Err("no value"), 3));
        let all: Vec<_> = messages.iter().collect();
        let expected = [
            Message { topic: "a", record: record(1), key: Some(b"k"), value: Some(b"") },
            Message { topic: "b", record: record(1), key: None, value: Some(b"v") },
            Message { topic: "a", record: record(2), key: Some(b"k"), value: None },
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_record_is_sent_whole_or_not_at_all() {
        let mut builder = Builder::new();
        let first = RecordRef { slot: 0, offset: 7 };
        let mark = builder.begin_record(first);
        builder.messages.add("t", first, null, written(b"1")).unwrap();
        assert!(builder.end_record(mark), "a message alone is something written");
        let second = RecordRef { slot: 0, offset: 8 };
        let mark = builder.begin_record(second);
        builder.messages.add("t", second, written(b"k"), written(b"2")).unwrap();
        builder.roll_back(mark);
        assert_eq!((builder.messages.len(), builder.messages.size()), (1, 1));
    }
}
