//! Memory for what a record's values need beyond its own bytes.

use super::{Decimal, Nested, Value};
use bumpalo::Bump;

/// What an empty arena keeps; one enormous record shall not hold its memory for ever.
const KEPT: usize = 1 << 20;

/// Where computed texts and lists of one record live; emptied between records,
/// its memory kept, so that computing allocates nothing in steady state.
#[derive(Debug, Default)]
pub struct Arena(Bump);

impl Arena {
    /// An empty one.
    pub fn new() -> Arena {
        Arena::default()
    }

    /// Forgets everything in it, keeping its memory.
    pub fn reset(&mut self) {
        self.0.reset();
    }

    /// Forgets everything in it, and gives memory back where that is much.
    pub fn shed(&mut self) {
        if self.memory() > KEPT {
            *self = Arena::default();
        }
    }

    /// Bytes it holds on to.
    pub fn memory(&self) -> usize {
        self.0.allocated_bytes()
    }

    /// A copy of `text`.
    pub fn text(&self, text: &str) -> &str {
        self.0.alloc_str(text)
    }

    /// A copy of `bytes`.
    pub fn bytes(&self, bytes: &[u8]) -> &[u8] {
        self.0.alloc_slice_copy(bytes)
    }

    /// A copy of `head` with `tail` behind it.
    pub fn joined(&self, head: &[u8], tail: &[u8]) -> &[u8] {
        let mut all = bumpalo::collections::Vec::with_capacity_in(head.len() + tail.len(), &self.0);
        all.extend_from_slice_copy(head);
        all.extend_from_slice_copy(tail);
        all.into_bump_slice()
    }

    /// A list of these values.
    pub fn list<'a>(&'a self, values: &[Value<'a>]) -> Value<'a> {
        Value::List(self.0.alloc_slice_copy(values))
    }

    /// Entries by name.
    pub fn entries<'a>(&'a self, entries: &[(&'a str, Value<'a>)]) -> Value<'a> {
        Value::Entries(self.0.alloc_slice_copy(entries))
    }

    /// A decimal.
    pub fn decimal(&self, decimal: Decimal) -> Value<'_> {
        Value::Decimal(self.0.alloc(decimal))
    }

    /// A nested value of some format. Nothing is ever dropped in here.
    pub fn nested<'a, N: Nested + Copy + 'a>(&'a self, nested: N) -> Value<'a> {
        Value::Nested(self.0.alloc(nested))
    }

    /// An empty text to be filled; `into_bump_str` makes it one of the arena's.
    pub fn string(&self) -> bumpalo::collections::String<'_> {
        bumpalo::collections::String::new_in(&self.0)
    }

    /// An empty vector to be filled; `into_bump_slice` makes it one of the arena's.
    pub fn vec<T>(&self) -> bumpalo::collections::Vec<'_, T> {
        bumpalo::collections::Vec::new_in(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_between_records_but_not_that_of_an_enormous_one() {
        let mut arena = Arena::new();
        arena.bytes(&[0; 10_000]);
        arena.reset();
        let kept = arena.memory();
        arena.shed();
        assert!(kept >= 10_000 && arena.memory() == kept);
        arena.bytes(&vec![0; 2 * KEPT]);
        arena.reset();
        assert!(arena.memory() > KEPT);
        arena.shed();
        assert_eq!(arena.memory(), 0);
    }
}
