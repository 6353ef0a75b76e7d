//! A lane's part in replaying dead letters.

use super::{Changed, Lane, LaneWorker, Work};
use crate::applier::Applied;
use crate::ledger;
use crate::letter;
use crate::unit::Unit;
use crossbeam_channel::bounded;

impl LaneWorker {
    /// Reads dead letters, behind all units queued so far.
    pub fn letters(
        &self,
        range: letter::Range,
        generation: u64,
    ) -> Result<Result<letter::Page, String>, Changed> {
        let (reply, answer) = bounded(1);
        self.push(Work::Letters(range, reply), generation)?;
        self.answer(&answer, generation)
    }

    /// Has a unit of replayed letters applied, and waits for what becomes of it: done, stale, gone or
    /// a clash, which is for the worker to deal with. All else changes the generation.
    pub fn replay(&self, unit: Box<Unit>) -> Result<Applied, Changed> {
        let (reply, answer) = bounded(1);
        let generation = unit.generation;
        self.push(Work::Replay(unit, reply), generation)?;
        self.answer(&answer, generation)
    }
}

impl Lane {
    /// What the worker is told of a unit of replayed letters; none where it is settled as others are.
    pub(super) fn settle_replay(
        &mut self,
        subscription: &str,
        unit: &Unit,
        applied: Applied,
    ) -> Option<Applied> {
        let own = ledger::dead_letters_key(subscription);
        match applied {
            Applied::Done => {
                self.settle(subscription, unit, Applied::Done);
                Some(Applied::Done)
            }
            Applied::Clash(clashes) if clashes.iter().all(|it| it.key != own.as_bytes()) => {
                Some(Applied::Clash(clashes))
            }
            Applied::Stale { .. } | Applied::Gone => Some(applied),
            other => {
                self.settle(subscription, unit, other);
                None
            }
        }
    }
}
