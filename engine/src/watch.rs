//! Which keys may have changed since they were read, told without asking Redis.
//!
//! Keys share a fixed number of slots by their hash. Whoever hears of a change raises the epoch
//! of the key's slot; what was read under an older epoch counts as changed, also where the
//! change was another key's of the slot.

use hashbrown::DefaultHashBuilder;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many slots there are: 512 KiB of them.
const SLOTS: usize = 1 << 16;

/// The epochs of all keys of a server; shared by the thread that hears of changes and those that
/// keep what was read.
pub struct Watch {
    epochs: Box<[AtomicU64]>,
    hasher: DefaultHashBuilder,
}

/// The epoch under which a key was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    slot: usize,
    epoch: u64,
}

impl Default for Watch {
    fn default() -> Watch {
        let epochs = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Watch { epochs, hasher: DefaultHashBuilder::default() }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watch {
    fn slot(&self, db: i32, key: &[u8]) -> usize {
        self.hasher.hash_one((db, key)) as usize % SLOTS
    }

    /// A key of this database was changed, made or deleted.
    pub fn change(&self, db: i32, key: &[u8]) {
        if let Some(epoch) = self.epochs.get(self.slot(db, key)) {
            epoch.fetch_add(1, Ordering::Release);
        }
    }

    /// The epoch of a key, to be taken where it cannot change until it is read.
    pub fn mark(&self, db: i32, key: &[u8]) -> Mark {
        let slot = self.slot(db, key);
        let epoch = self.epochs.get(slot).map_or(0, |epoch| epoch.load(Ordering::Acquire));
        Mark { slot, epoch }
    }

    /// Whether what was read under a mark stands there still.
    pub fn is_unchanged(&self, mark: Mark) -> bool {
        let epoch = self.epochs.get(mark.slot);
        epoch.is_some_and(|epoch| epoch.load(Ordering::Acquire) == mark.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_ends_with_the_next_change_of_its_key() {
        let watch = Watch::default();
        let mark = watch.mark(0, b"product:1");
        assert!(watch.is_unchanged(mark));
        watch.change(0, b"product:1");
        assert!(!watch.is_unchanged(mark));
        assert!(watch.is_unchanged(watch.mark(0, b"product:1")));
    }

    #[test]
    fn keys_and_databases_are_told_apart_but_for_a_few() {
        let watch = Watch::default();
        let marks: Vec<_> = (0..1000).map(|n| watch.mark(n, b"k")).collect();
        (0..100).for_each(|n: i32| watch.change(0, n.to_string().as_bytes()));
        let unchanged = marks.iter().filter(|mark| watch.is_unchanged(**mark)).count();
        assert!(unchanged > 950, "{unchanged} of 1000");
    }
}
