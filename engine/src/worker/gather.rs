//! Joins, before records are written: asks the applier for the hashes of a whole batch at once.

use super::flow::Flow;
use super::lane::Asked;
use super::session::trouble_of;
use super::{Trouble, Worker};
use crate::kafka::{Batch, Event};
use crate::lookup::{Lookup, MAX_ANSWERS};
use std::time::Duration;

/// The batch behind the one that is written.
#[derive(Default)]
pub(super) enum Ahead {
    /// Not fetched.
    #[default]
    Nothing,
    /// Fetched, and its hashes asked for where it has any to ask for.
    Fetched(Option<Asked>),
}

/// When hashes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gathering {
    /// For a whole batch, before any of it is written: each record is decoded twice.
    Ahead,
    /// Once a record is met that lacks one: all of the batch before had what they needed.
    WhenMet,
}

/// Which records of a batch are gathered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// From one on all.
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

impl Ahead {
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Ahead::Nothing)
    }
}

impl<'b> Place<'b> {
    pub(super) fn new(batch: &'b Batch, at: usize) -> Place<'b> {
        Place { batch, at, reach: Reach::Rest }
    }
}

impl Worker {
    /// Fetches the next batch and makes known what its records are joined with, before the first
    /// one is written. Where no write of the subscription can matter to them, the hashes of the
    /// batch behind it are asked for already: they are looked up while this one is written.
    pub(super) fn next_batch(&mut self, flow: &mut Flow, batch: &mut Batch) -> Result<(), Trouble> {
        // What is taken already must not wait for what may not come.
        let wait = if flow.has_taken() { Duration::ZERO } else { flow.fetch_wait };
        let asked = match std::mem::take(&mut flow.ahead) {
            Ahead::Fetched(asked) => {
                std::mem::swap(batch, &mut flow.next);
                asked
            }
            Ahead::Nothing => self.fetch_and_ask(flow, batch, wait)?,
        };
        let Some(asked) = asked else { return Ok(()) };
        if flow.plan.may_look_ahead() {
            let mut next = std::mem::take(&mut flow.next);
            let asked = self.fetch_and_ask(flow, &mut next, Duration::ZERO)?;
            if !next.is_empty() {
                flow.ahead = Ahead::Fetched(asked);
            }
            flow.next = next;
        }
        let answered = self.lane.answered(&asked, flow.generation)?;
        flow.spare = Some(flow.plan.take_answers(answered));
        self.look_up(flow)
    }

    fn fetch_and_ask(
        &mut self,
        flow: &mut Flow,
        batch: &mut Batch,
        wait: Duration,
    ) -> Result<Option<Asked>, Trouble> {
        let records = self.spec.unit_records.batch();
        self.reader(flow)?.fetch(batch, records, wait).map_err(|problem| trouble_of(&problem))?;
        if !flow.plan.has_joins() || flow.gathering == Gathering::WhenMet {
            return Ok(None);
        }
        for event in batch.events() {
            if let Event::Record(record) = event {
                flow.gather(&record);
            }
        }
        match flow.plan.lookup.is_open() {
            true => Ok(Some(self.ask(flow)?)),
            false => {
                flow.gathering = Gathering::WhenMet;
                Ok(None)
            }
        }
    }

    fn ask(&mut self, flow: &mut Flow) -> Result<Asked, Trouble> {
        if !flow.plan.may_look_ahead() {
            self.await_writes(flow)?;
        }
        let spare = flow.spare.take();
        let spare = spare.unwrap_or_else(|| Box::new(Lookup::new(flow.plan.lookup.reads.clone())));
        let lookup = std::mem::replace(&mut flow.plan.lookup, spare);
        Ok(self.lane.ask(lookup, flow.generation)?)
    }

    /// Makes known what a record lacks that was met while it was written: a unit was closed
    /// since, or what it is joined with depends on what the unit writes.
    pub(super) fn gather_again(
        &mut self,
        flow: &mut Flow,
        place: &mut Place<'_>,
    ) -> Result<Gathered, Trouble> {
        flow.gathering = Gathering::Ahead;
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
    pub(super) fn look_up(&mut self, flow: &mut Flow) -> Result<(), Trouble> {
        while flow.plan.lookup.is_open() {
            let asked = self.ask(flow)?;
            let answered = self.lane.answered(&asked, flow.generation)?;
            flow.spare = Some(flow.plan.take_answers(answered));
            if flow.plan.lookup.answers.size() > MAX_ANSWERS {
                flow.plan.lookup.drop_open();
            }
        }
        Ok(())
    }
}
