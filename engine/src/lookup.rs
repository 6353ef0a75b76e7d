//! What routes ask of Redis before their records are written: fields of hashes (JOIN).
//!
//! A worker fills the [`Questions`] of a [`Lookup`], the applier the [`Answers`]; both keep
//! their order, and their buffers from batch to batch.

use crate::expression::Reads;
use crate::watch::{Mark, Watch};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

/// The largest hash that is joined: its fields and values together, in bytes.
pub const MAX_HASH: usize = 1 << 20;

/// So many bytes of answers are held for one batch, give or take one turn's.
pub const MAX_ANSWERS: usize = 8 << 20;

/// So many hashes are looked up in one turn of the applier.
const KEYS_A_TURN: usize = 512;

/// The applier ends its turn behind so many bytes.
pub const BYTES_A_TURN: usize = 1 << 20;

/// Questions with the answers known so far.
#[derive(Debug)]
pub struct Lookup {
    /// What is read of the hashes of each join, by the join's number.
    pub reads: Arc<[Reads]>,
    /// What was asked.
    pub questions: Questions,
    /// What was answered: as many as the first so many questions.
    pub answers: Answers,
    /// What tells whether a marked answer still holds; none where nobody does.
    pub watch: Option<Arc<Watch>>,
    /// How many answers [`Kept`] has seen.
    seen: usize,
}

impl Lookup {
    /// Without questions. `reads` says what is read, by the join's number.
    pub fn new(reads: Arc<[Reads]>) -> Lookup {
        let (questions, answers) = (Questions::default(), Answers::default());
        Lookup { reads, questions, answers, watch: None, seen: 0 }
    }

    /// Whether questions are open.
    pub fn is_open(&self) -> bool {
        self.answers.list.len() < self.questions.list.len()
    }

    /// The open questions that go into one turn, as far as their number counts: the key, and the
    /// number of the join. Their answers are put into `answers` in this order; a turn ends behind
    /// [`BYTES_A_TURN`] of them.
    pub fn open(&self) -> impl Iterator<Item = (&[u8], usize)> {
        let open = self.questions.list.iter().skip(self.answers.list.len()).take(KEYS_A_TURN);
        open.map(|question| {
            let key = self.questions.keys.get(question.key.clone()).unwrap_or_default();
            (key, question.join as usize)
        })
    }

    /// All questions: the key, and the number of the join.
    pub fn all(&self) -> impl Iterator<Item = (&[u8], usize)> {
        self.questions.list.iter().map(|question| {
            let key = self.questions.keys.get(question.key.clone()).unwrap_or_default();
            (key, question.join as usize)
        })
    }

    /// Answers by `answer` what is open, as much as goes into one turn; it is given a key and
    /// the number of the join.
    pub fn turn(&mut self, mut answer: impl FnMut(&[u8], usize, &mut Answers)) {
        let (known, bytes) = (self.answers.list.len(), self.answers.bytes.len());
        while self.answers.list.len() < known + KEYS_A_TURN
            && self.answers.bytes.len() < bytes + BYTES_A_TURN
        {
            let Some(question) = self.questions.list.get(self.answers.list.len()) else { return };
            let key = self.questions.keys.get(question.key.clone()).unwrap_or_default();
            let before = self.answers.list.len();
            answer(key, question.join as usize, &mut self.answers);
            if self.answers.list.len() == before {
                self.answers.refuse("it was not looked up");
            }
        }
    }

    /// Refuses all that is open.
    pub fn refuse_open(&mut self, problem: &str) {
        while self.is_open() {
            self.answers.refuse(problem);
        }
    }

    /// Drops the questions that are open.
    pub fn drop_open(&mut self) {
        self.questions.truncate(self.answers.list.len());
    }

    /// Forgets everything, keeping the buffers unless they are large.
    pub fn clear(&mut self) {
        self.questions.clear();
        self.answers.clear();
        self.seen = 0;
    }

    /// Bytes it holds on to.
    pub fn memory(&self) -> usize {
        self.questions.memory() + self.answers.memory()
    }
}

/// Hashes to look up, each one once.
#[derive(Debug, Default)]
pub struct Questions {
    keys: Vec<u8>,
    list: Vec<Question>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Where a key is written before it is looked for.
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Question {
    key: Range<usize>,
    join: u32,
}

impl Questions {
    /// The buffer for the next key, emptied.
    pub fn key_buffer(&mut self) -> &mut Vec<u8> {
        self.buffer.clear();
        &mut self.buffer
    }

    /// The key in the buffer.
    pub fn key(&self) -> &[u8] {
        &self.buffer
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The number of the question about the key in the buffer; asked if it is new.
    pub fn number(&mut self, join: u32) -> usize {
        if let Some(at) = self.find(join, &self.buffer) {
            return at;
        }
        let Questions { keys, list, index, hasher, buffer } = self;
        let hash = hasher.hash_one((join, &buffer[..]));
        let at = list.len();
        let start = keys.len();
        keys.extend_from_slice(buffer);
        list.push(Question { key: start..keys.len(), join });
        index.insert_unique(hash, at as u32, |&at| hash_of(hasher, list, keys, at));
        at
    }

    /// The number of the question about a key, where it was asked.
    fn find(&self, join: u32, key: &[u8]) -> Option<usize> {
        let Questions { keys, list, index, hasher, .. } = self;
        let found =
            index.find(hasher.hash_one((join, key)), |&at| is_about(list, keys, at, join, key));
        found.map(|at| *at as usize)
    }

    /// Forgets what was asked about one key.
    fn remove(&mut self, join: u32, key: &[u8]) {
        let Questions { keys, list, index, hasher, .. } = self;
        let hash = hasher.hash_one((join, key));
        if let Ok(entry) = index.find_entry(hash, |&at| is_about(list, keys, at, join, key)) {
            entry.remove();
        }
    }

    fn memory(&self) -> usize {
        self.keys.capacity() + self.list.capacity() * (size_of::<Question>() + size_of::<u32>())
    }

    /// Forgets what was asked about keys that `is_stale` names, so that they are asked anew.
    pub fn forget(&mut self, is_stale: impl Fn(&[u8]) -> bool) {
        let Questions { keys, list, index, .. } = self;
        index.retain(|&mut at| {
            let key = list.get(at as usize).and_then(|question| keys.get(question.key.clone()));
            !key.is_some_and(&is_stale)
        });
    }

    fn truncate(&mut self, count: usize) {
        self.index.retain(|&mut at| (at as usize) < count);
        self.list.truncate(count);
        self.keys.truncate(self.list.last().map_or(0, |question| question.key.end));
    }

    fn clear(&mut self) {
        if self.keys.capacity() > MAX_HASH {
            *self = Questions::default();
        }
        self.index.clear();
        self.list.clear();
        self.keys.clear();
    }
}

fn is_about(list: &[Question], keys: &[u8], at: u32, join: u32, key: &[u8]) -> bool {
    list.get(at as usize).is_some_and(|question| {
        question.join == join && keys.get(question.key.clone()) == Some(key)
    })
}

fn hash_of(hasher: &DefaultHashBuilder, list: &[Question], keys: &[u8], at: u32) -> u64 {
    let question = list.get(at as usize);
    let key = question.and_then(|question| keys.get(question.key.clone())).unwrap_or_default();
    hasher.hash_one((question.map_or(0, |question| question.join), key))
}

/// What Redis holds, in the order of the questions.
#[derive(Debug, Default)]
pub struct Answers {
    bytes: Vec<u8>,
    parts: Vec<Part>,
    list: Vec<Answer>,
    /// The marks of the answers that may be kept, by their number.
    marks: Vec<(usize, Mark)>,
}

/// Where a name or a value stands; none for a field that the hash has not.
type Part = Option<Range<usize>>;

#[derive(Debug)]
enum Answer {
    Absent,
    Refused(Range<usize>),
    /// Values of named fields, or names and values in turn.
    Found(Range<usize>),
}

/// An answer as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// There is no such key.
    Absent,
    /// The key cannot be joined; why.
    Refused(&'a str),
    /// The hash.
    Hash(FoundFields<'a>),
}

/// The fields of a hash that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundFields<'a> {
    bytes: &'a [u8],
    parts: &'a [Part],
}

impl<'a> FoundFields<'a> {
    /// Where named fields were asked for, their values in that order; otherwise names and
    /// values in turn. None for a field that the hash has not.
    pub fn parts(self) -> impl ExactSizeIterator<Item = Option<&'a [u8]>> {
        let FoundFields { bytes, parts } = self;
        parts.iter().map(|part| part.clone().and_then(|range| bytes.get(range)))
    }
}

impl Answers {
    /// The answer to the question of that number; none while it is open.
    pub fn get(&self, number: usize) -> Option<Found<'_>> {
        Some(match self.list.get(number)? {
            Answer::Absent => Found::Absent,
            Answer::Refused(range) => {
                let words = self.bytes.get(range.clone()).unwrap_or_default();
                Found::Refused(std::str::from_utf8(words).unwrap_or_default())
            }
            Answer::Found(range) => Found::Hash(FoundFields {
                bytes: &self.bytes,
                parts: self.parts.get(range.clone()).unwrap_or_default(),
            }),
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Bytes of all of them.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The last answer holds until the watch says otherwise.
    pub fn mark(&mut self, mark: Mark) {
        self.marks.push((self.list.len().saturating_sub(1), mark));
    }

    fn memory(&self) -> usize {
        self.bytes.capacity()
            + self.parts.capacity() * size_of::<Part>()
            + self.list.capacity() * size_of::<Answer>()
            + self.marks.capacity() * size_of::<(usize, Mark)>()
    }

    /// The key does not exist.
    pub fn absent(&mut self) {
        self.list.push(Answer::Absent);
    }

    /// The key cannot be joined.
    pub fn refuse(&mut self, problem: &str) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(problem.as_bytes());
        self.list.push(Answer::Refused(start..self.bytes.len()));
    }

    /// Begins the answer of a hash, which takes its parts by [`HashAnswer::part`].
    pub fn hash(&mut self) -> HashAnswer<'_> {
        let (first_part, first_byte) = (self.parts.len(), self.bytes.len());
        HashAnswer { answers: self, first_part, first_byte }
    }

    fn clear(&mut self) {
        if self.bytes.capacity() > MAX_HASH {
            *self = Answers::default();
        }
        self.bytes.clear();
        self.parts.clear();
        self.list.clear();
        self.marks.clear();
    }
}

/// The answer of one hash being filled in.
pub struct HashAnswer<'l> {
    answers: &'l mut Answers,
    first_part: usize,
    first_byte: usize,
}

impl HashAnswer<'_> {
    /// The next part; see [`FoundFields::parts`].
    pub fn part(&mut self, part: Option<&[u8]>) {
        let bytes = &mut self.answers.bytes;
        let start = bytes.len();
        bytes.extend_from_slice(part.unwrap_or_default());
        let range = start..bytes.len();
        self.answers.parts.push(part.map(|_| range));
    }

    /// Bytes of its parts so far.
    pub fn size(&self) -> usize {
        self.answers.bytes.len() - self.first_byte
    }

    /// Completes it; what is larger than [`MAX_HASH`] is refused.
    pub fn end(self) {
        if self.size() > MAX_HASH {
            return self.refuse_large();
        }
        let HashAnswer { answers, first_part, .. } = self;
        answers.list.push(Answer::Found(first_part..answers.parts.len()));
    }

    /// Forgets its parts: it is larger than [`MAX_HASH`], and refused.
    pub fn refuse_large(self) {
        let problem = format!("what is joined of it is larger than {MAX_HASH} bytes");
        self.forget().refuse(&problem);
    }

    /// Forgets its parts: there is no such key.
    pub fn absent(self) {
        self.forget().absent();
    }
}

impl<'l> HashAnswer<'l> {
    fn forget(self) -> &'l mut Answers {
        let HashAnswer { answers, first_part, first_byte } = self;
        answers.bytes.truncate(first_byte);
        answers.parts.truncate(first_part);
        answers
    }
}

mod kept;
#[cfg(test)]
mod tests;

pub use kept::Kept;
