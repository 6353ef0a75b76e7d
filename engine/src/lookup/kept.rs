//! Answers that hold beyond their batch, for as long as a watch says that nothing has changed.

use super::{Answers, Found, Lookup, Part, Question, Questions};
use crate::watch::{Mark, Watch};
use std::sync::Arc;

/// So many hashes are kept, of which some may be out of date; then all are asked anew.
const MAX_KEPT: usize = 1 << 16;

/// So many bytes of hashes are kept; then all are asked anew.
const MAX_BYTES: usize = 64 << 20;

/// What is known of hashes from earlier batches.
#[derive(Default)]
pub struct Kept {
    questions: Questions,
    answers: Answers,
    marks: Vec<Mark>,
    watch: Option<Arc<Watch>>,
}

impl Kept {
    /// What Redis holds of a key, where that is known.
    pub fn get(&self, join: u32, key: &[u8]) -> Option<Found<'_>> {
        let watch = self.watch.as_ref()?;
        let number = self.questions.find(join, key)?;
        let mark = self.marks.get(number)?;
        if !watch.is_unchanged(*mark) {
            return None;
        }
        self.answers.get(number)
    }

    /// Takes over what was answered since the last time and may be kept.
    pub fn take(&mut self, lookup: &mut Lookup) {
        let from = std::mem::replace(&mut lookup.seen, lookup.answers.len());
        let Some(watch) = &lookup.watch else { return };
        let is_other = |own: &Arc<Watch>| !Arc::ptr_eq(own, watch);
        if self.watch.as_ref().is_none_or(is_other) {
            self.clear();
            self.watch = Some(watch.clone());
        }
        let first = lookup.answers.marks.partition_point(|(number, _)| *number < from);
        for &(number, mark) in lookup.answers.marks.get(first..).unwrap_or_default() {
            let Some(question) = lookup.questions.list.get(number) else { continue };
            let key = lookup.questions.keys.get(question.key.clone()).unwrap_or_default();
            self.put(question, key, lookup.answers.get(number), mark);
        }
    }

    fn put(&mut self, question: &Question, key: &[u8], found: Option<Found<'_>>, mark: Mark) {
        if self.marks.len() >= MAX_KEPT || self.bytes() > MAX_BYTES {
            self.clear();
        }
        match found {
            Some(Found::Absent) => self.answers.absent(),
            Some(Found::Hash(fields)) => {
                let mut hash = self.answers.hash();
                fields.parts().for_each(|part| hash.part(part));
                hash.end();
            }
            // What is refused may be mended by what no watch hears of.
            Some(Found::Refused(_)) | None => return,
        }
        self.questions.remove(question.join, key);
        self.questions.key_buffer().extend_from_slice(key);
        self.questions.number(question.join);
        self.marks.push(mark);
        debug_assert_eq!(self.questions.len(), self.answers.len());
    }

    fn bytes(&self) -> usize {
        let Kept { questions, answers, .. } = self;
        questions.keys.len() + answers.bytes.len() + answers.parts.len() * size_of::<Part>()
    }

    /// Forgets a key, of so many joins.
    pub fn forget(&mut self, joins: usize, key: &[u8]) {
        (0..joins).for_each(|join| self.questions.remove(join as u32, key));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.questions.clear();
        self.answers.clear();
        self.marks.clear();
    }

    /// Bytes it holds on to.
    pub fn memory(&self) -> usize {
        self.questions.memory() + self.answers.memory() + self.marks.capacity() * size_of::<Mark>()
    }
}
