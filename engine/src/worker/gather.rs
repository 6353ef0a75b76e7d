//! Joins, before records are written: asks the applier for the hashes of a whole batch at once.

use super::consume::Flow;
use super::{Trouble, Worker};
use crate::kafka::{Batch, Event};
use crate::lookup::{Lookup, MAX_ANSWERS};

/// Which records of a batch are gathered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// One and all behind it.
    Rest,
    /// One alone: its hashes are large.
    One,
}

/// A record by its place in its batch, and how it has been gathered for.
pub(super) struct Place<'b> {
    batch: &'b Batch,
    at: usize,
    reach: Reach,
}

/// What became of looking up what a record lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gathered {
    /// It may be tried again.
    Known,
    /// All that it is joined with is more than is held at once.
    TooMuch,
}

impl<'b> Place<'b> {
    pub(super) fn new(batch: &'b Batch, at: usize) -> Place<'b> {
        Place { batch, at, reach: Reach::Rest }
    }
}

impl Worker {
    /// Makes known what the records of a batch are joined with, before the first one is written.
    pub(super) fn gather(&mut self, flow: &mut Flow, batch: &Batch) -> Result<(), Trouble> {
        if !flow.plan.has_joins() {
            return Ok(());
        }
        self.gather_from(flow, batch, 0, Reach::Rest)
    }

    /// Makes known what a record lacks that was met while it was written: a unit was closed
    /// since, or what it is joined with depends on what the unit writes.
    pub(super) fn gather_again(
        &mut self,
        flow: &mut Flow,
        place: &mut Place<'_>,
    ) -> Result<Gathered, Trouble> {
        if flow.plan.lookup.answers.size() > MAX_ANSWERS {
            if place.reach == Reach::One {
                return Ok(Gathered::TooMuch);
            }
            place.reach = Reach::One;
            flow.plan.lookup.clear();
        }
        self.gather_from(flow, place.batch, place.at, place.reach)?;
        Ok(Gathered::Known)
    }

    /// In rounds, as what one hash holds may be part of another's key.
    fn gather_from(
        &mut self,
        flow: &mut Flow,
        batch: &Batch,
        from: usize,
        reach: Reach,
    ) -> Result<(), Trouble> {
        let count = if reach == Reach::One { 1 } else { usize::MAX };
        loop {
            for event in batch.events().skip(from).take(count) {
                if let Event::Record(record) = event {
                    flow.gather(&record);
                }
            }
            if !flow.plan.lookup.is_open() {
                return Ok(());
            }
            self.look_up(flow)?;
            if flow.plan.lookup.answers.size() > MAX_ANSWERS {
                return Ok(());
            }
        }
    }

    /// Has the open questions answered, unless there is too much to answer.
    fn look_up(&mut self, flow: &mut Flow) -> Result<(), Trouble> {
        while flow.plan.lookup.is_open() {
            let none = Box::new(Lookup::new(flow.plan.lookup.reads.clone()));
            let lookup = std::mem::replace(&mut flow.plan.lookup, none);
            let asked = self.lane.ask(lookup, flow.generation)?;
            flow.plan.lookup = self.lane.answered(&asked, flow.generation)?;
            if flow.plan.lookup.answers.size() > MAX_ANSWERS {
                flow.plan.lookup.drop_open();
            }
        }
        Ok(())
    }
}

impl Flow {
    /// What the unit being built writes is no longer as it was looked up once the unit is closed.
    pub(super) fn forget_joined(&mut self) {
        if self.builder.runs_command() {
            self.plan.lookup.clear();
        } else if self.plan.has_joins() {
            let builder = &self.builder;
            self.plan.lookup.questions.forget(|key| builder.writes(key));
        }
    }
}
