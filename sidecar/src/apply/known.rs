//! Keys that have just been written, so that their types need not be asked for once more.
//!
//! Under load a key is written many times in a fraction of a second. To ask for its type each time
//! costs Redis about half as much as the write; so while unit follows unit, a key that was written
//! is taken for what it was for a moment. Should somebody change its type within that moment, EXEC
//! tells: see [`redis_kafka_engine::applier::Applied::PartlyRefused`].

use super::plan::{Plan, UnitGroup, type_of};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

/// A key is taken for what it was for as long as this after it was written last, and at most for twice
/// as long.
const MOMENT: Duration = Duration::from_millis(50);

/// Units that begin so soon after one another follow each other: nobody has had the time to see what
/// the former wrote, to change it, and to send a record.
const GAP: Duration = Duration::from_millis(2);

/// So many keys are noted in a moment; then the next one begins.
const MOST: usize = 1 << 16;

/// The keys of a unit, group by group, as [`Known`] tells them apart.
#[derive(Debug, Default)]
pub struct Keys(Vec<u64>);

/// Hashes of types and keys: two that share one only mean that a check is left out.
#[derive(Debug)]
pub struct Known {
    /// Of this moment.
    hashes: HashTable<u64>,
    /// Of the moment before.
    former: HashTable<u64>,
    hasher: DefaultHashBuilder,
    since: Instant,
    noted: Instant,
}

impl Default for Known {
    fn default() -> Known {
        let hasher = DefaultHashBuilder::default();
        let now = Instant::now();
        let (hashes, former) = (HashTable::new(), HashTable::new());
        Known { hashes, former, hasher, since: now, noted: now }
    }
}

impl Known {
    /// The keys of a unit.
    pub fn keys_of(&self, plan: &Plan<'_>) -> Keys {
        let hash =
            |it: &UnitGroup<'_>| self.hasher.hash_one((type_of(it.group.kind), it.group.key));
        Keys(plan.groups.iter().map(hash).collect())
    }

    /// Notes the keys of a unit that has been written now.
    pub fn note(&mut self, keys: &Keys, now: Instant) {
        self.noted = now;
        let age = now.saturating_duration_since(self.since);
        if age > 2 * MOMENT {
            self.forget();
            self.since = now;
        } else if age > MOMENT || self.hashes.len() > MOST {
            std::mem::swap(&mut self.hashes, &mut self.former);
            self.hashes.clear();
            self.since = now;
        }
        for &hash in &keys.0 {
            self.hashes.entry(hash, |it| *it == hash, |it| *it).or_insert(hash);
        }
    }

    /// Whether the key of a group, by its number, was written a moment ago as what it is written now.
    pub fn has(&self, keys: &Keys, group: usize) -> bool {
        let is_in = |table: &HashTable<u64>, hash| table.find(hash, |it| *it == hash).is_some();
        let is_known = |&hash: &u64| is_in(&self.hashes, hash) || is_in(&self.former, hash);
        keys.0.get(group).is_some_and(is_known)
    }

    /// Forgets all keys unless a unit was written only just now.
    pub fn forget_unless_recent(&mut self) {
        if self.noted.elapsed() > GAP {
            self.forget();
        }
    }

    /// Forgets all keys.
    pub fn forget(&mut self) {
        self.hashes.clear();
        self.former.clear();
        self.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(hashes: impl IntoIterator<Item = u64>) -> Keys {
        Keys(hashes.into_iter().collect())
    }

    #[test]
    fn a_key_is_known_for_a_moment_after_it_was_written_last() {
        let mut known = Known::default();
        let start = Instant::now();
        let (first, second) = (keys([1, 2]), keys([2, 3]));
        assert!(!known.has(&first, 0));
        known.note(&first, start);
        assert!(known.has(&first, 0) && known.has(&first, 1));
        assert!(!known.has(&second, 1), "3 was not written");
        assert!(!known.has(&first, 2), "there is no third group");
        // In the next moment the former one's are still known, in the one after it no more.
        known.note(&second, start + MOMENT * 3 / 2);
        assert!(known.has(&first, 0) && known.has(&second, 1));
        known.note(&second, start + MOMENT * 3);
        assert!(!known.has(&first, 0));
        assert!(known.has(&first, 1), "2 was written with 3");
        known.note(&keys([4]), start + MOMENT * 10);
        assert!(!known.has(&second, 0));
        known.forget();
        assert!(!known.has(&keys([4]), 0));
    }

    #[test]
    fn no_more_than_two_moments_of_many_keys_are_held() {
        let mut known = Known::default();
        let now = Instant::now();
        let many = |round: u64| keys((0..=MOST as u64).map(|key| key << 8 | round));
        (0..4).for_each(|round| known.note(&many(round), now));
        assert!(!known.has(&many(1), 0));
        assert!(known.has(&many(2), 0) && known.has(&many(3), 0));
        assert_eq!(known.hashes.len() + known.former.len(), 2 * (MOST + 1));
    }
}
