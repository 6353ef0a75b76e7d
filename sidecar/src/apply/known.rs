//! Keys that have just been written, so that their types need not be asked for once more.
//!
//! Under load a key is written many times in a fraction of a second. To ask for its type each time
//! costs Redis about half as much as the write; so while unit follows unit, a key that was written
//! is taken for what it was for a moment. Should somebody change its type within that moment, EXEC
//! tells: see [`redis_kafka_engine::applier::Applied::PartlyRefused`].

use super::plan::{Plan, UnitGroup, type_of};
use hashbrown::{DefaultHashBuilder, HashSet};
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

/// Hashes of types and keys: two that share one only mean that a check is left out.
#[derive(Debug)]
pub struct Known {
    /// Of this moment.
    hashes: HashSet<u64>,
    /// Of the moment before.
    former: HashSet<u64>,
    hasher: DefaultHashBuilder,
    since: Instant,
    noted: Instant,
}

impl Default for Known {
    fn default() -> Known {
        let hasher = DefaultHashBuilder::default();
        let now = Instant::now();
        let (hashes, former) = (HashSet::default(), HashSet::default());
        Known { hashes, former, hasher, since: now, noted: now }
    }
}

impl Known {
    /// Notes the keys of a unit that was written.
    pub fn note(&mut self, plan: &Plan<'_>) {
        self.noted = Instant::now();
        let age = self.noted - self.since;
        if age > 2 * MOMENT {
            self.forget();
        } else if age > MOMENT || self.hashes.len() > MOST {
            std::mem::swap(&mut self.hashes, &mut self.former);
            self.hashes.clear();
            self.since = self.noted;
        }
        for it in &plan.groups {
            let hash = self.hash(it);
            self.hashes.insert(hash);
        }
    }

    /// Whether a group's key was written a moment ago as what it is written now.
    pub fn has(&self, it: &UnitGroup<'_>) -> bool {
        let hash = self.hash(it);
        self.hashes.contains(&hash) || self.former.contains(&hash)
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

    fn hash(&self, it: &UnitGroup<'_>) -> u64 {
        self.hasher.hash_one((type_of(it.group.kind), it.group.key))
    }
}
