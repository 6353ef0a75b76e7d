//! The seam between the engine and Redis: the only thing module and sidecar do differently.

pub mod commands;
pub mod plan;

use crate::ledger::{LedgerFault, Listing, Standing};
use crate::letter;
use crate::lookup::Lookup;
use crate::unit::Unit;

/// What Redis holds of a subscription's ledger.
#[derive(Debug, Clone, Default)]
pub struct Positions {
    /// Every partition in the subscription's list.
    pub partitions: Vec<Known>,
    /// How many dead letters there are.
    pub letters: u64,
}

/// One known partition.
#[derive(Debug, Clone)]
pub struct Known {
    /// Topic name.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// What the list says of it.
    pub listing: Listing,
    /// What its ledger key holds, or why that cannot be used.
    pub standing: Result<Standing, LedgerFault>,
}

impl Positions {
    /// The entry of one partition.
    pub fn get(&self, topic: &str, partition: i32) -> Option<&Known> {
        self.partitions.iter().find(|known| known.partition == partition && known.topic == topic)
    }
}

/// A write that Redis would refuse, found before anything of the unit was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// Index into the unit's records.
    pub record: u32,
    /// The key that would be refused.
    pub key: Vec<u8>,
    /// What Redis would say.
    pub problem: String,
}

impl Clash {
    /// One clash for each record behind the writes of a key that are refused; `writers` names the
    /// record behind each write, in the order of the writes.
    pub fn behind<'w>(
        writers: impl Iterator<Item = &'w u32>,
        key: &[u8],
        problem: &str,
    ) -> Vec<Clash> {
        let mut clashes: Vec<Clash> = Vec::new();
        for &record in writers {
            if clashes.last().is_none_or(|last| last.record != record) {
                clashes.push(Clash { record, key: key.to_vec(), problem: problem.to_owned() });
            }
        }
        clashes
    }
}

/// What became of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// Written, with the ledger's advance.
    Done,
    /// The ledger stands elsewhere; nothing was written. Someone else was faster, or history was turned back.
    Stale {
        /// The partition as `topic/partition`.
        partition: String,
        /// What the unit expected.
        expected: i64,
        /// What stands there.
        found: i64,
    },
    /// A ledger key cannot be used; nothing was written.
    Ledger {
        /// The partition as `topic/partition`.
        partition: String,
        /// Why.
        fault: LedgerFault,
    },
    /// An entry that the unit takes out of a stream is not there any more; nothing was written.
    Gone,
    /// Some writes would be refused; nothing was written.
    Clash(Vec<Clash>),
    /// The unit and the ledger's advance are written but for these writes, which Redis refused
    /// only while it wrote: an applier that cannot take writes back has no other way to tell.
    PartlyRefused(Vec<Clash>),
    /// The unit could not be applied for a reason that is not the records'; nothing was written.
    Failed(String),
    /// Nothing was written, and nothing is to be: the lane's generation changed meanwhile.
    Dropped,
}

/// Whether an applier makes ready for a unit while the one before it is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookahead {
    /// One unit after the other.
    None,
    /// It wants to see the next unit, where it is there already.
    Next,
}

/// Applies units to Redis. One implementation a way to reach Redis.
pub trait Applier {
    /// Reads what Redis holds of the ledger of a subscription, or of a route that catches up
    /// ([`crate::ledger::catch_up_name`]).
    fn load(&mut self, subscription: &str) -> Result<Positions, String>;

    /// Reads dead letters of the subscription, oldest first.
    fn letters(&mut self, subscription: &str, range: letter::Range)
    -> Result<letter::Page, String>;

    /// Answers open questions about hashes, as many as go into one turn ([`Lookup::turn`]).
    fn resolve(&mut self, lookup: &mut Lookup);

    /// Whether [`Applier::apply`] makes use of the next unit.
    fn lookahead(&self) -> Lookahead {
        Lookahead::None
    }

    /// Writes the unit and advances the ledger as one, or does nothing. Refuses a
    /// unit whose start is not exactly the ledger's next offset. `ahead` is the unit that is
    /// probably applied next; nothing of it may be written.
    fn apply(&mut self, unit: &mut Unit, ahead: Option<&Unit>) -> Applied;
}
