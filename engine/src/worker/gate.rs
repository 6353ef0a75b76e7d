//! AFTER: a subscription begins when another one has applied all that Kafka held when this one began.
//!
//! The applier's side keeps the [`Gate`], because only it knows the other subscription; the worker
//! finds it closed, and stays before its first record until it is opened.

use super::membership::Standings;
use super::shared::{Control, Ends, Shared};
use super::{Trouble, Worker};
use crate::state::{State, Status};
use parking_lot::Mutex;
use std::sync::Arc;

/// Whether a subscription may begin to consume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Passage {
    /// It may.
    #[default]
    Open,
    /// It waits for another one.
    Closed,
}

/// What keeps a subscription from its first record. Belongs to the applier's thread.
#[derive(Debug)]
pub struct Gate {
    subscription: String,
    after: String,
    /// Where the partitions of the other one ended when this one began; none until it is asked.
    ends: Option<Arc<Mutex<Ends>>>,
    status: Status,
}

/// The subscription that is awaited, as it is now.
pub struct Awaited<'a> {
    /// What it shares with its worker; none where it has none.
    pub shared: Option<&'a Shared>,
    /// What it says of itself.
    pub status: Status,
}

impl Gate {
    /// A closed gate before `subscription`, which awaits `after`.
    pub fn new(subscription: &str, after: &str) -> Gate {
        Gate {
            subscription: subscription.to_owned(),
            after: after.to_owned(),
            ends: None,
            status: Status::new(State::Waiting, format!("AFTER {after}"), ""),
        }
    }

    /// The name of the subscription awaited.
    pub fn after(&self) -> &str {
        &self.after
    }

    /// What to show of a subscription that stands before the gate, as of the last look.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Forgets where the other one's partitions end: its worker is another one, and perhaps its
    /// topics are too.
    pub fn ask_again(&mut self) {
        self.ends = None;
    }

    /// Looks at the subscription awaited; none when there is none of that name.
    pub fn look(&mut self, awaited: Option<Awaited<'_>>) -> Passage {
        let after = &self.after;
        let Some(awaited) = awaited else {
            self.ends = None;
            let reason = format!("AFTER {after}: there is no subscription '{after}'");
            let action = format!(
                "KAFKA.SUBSCRIBE {after} …, or KAFKA.SUBSCRIBE {} REPLACE … without AFTER",
                self.subscription
            );
            self.say(reason, action);
            return Passage::Closed;
        };
        let left = awaited.shared.and_then(|shared| self.records_left(shared, &awaited.status));
        if left == Some(0) {
            return Passage::Open;
        }
        let reason = match left {
            Some(1) => format!("AFTER {}: 1 record to go", self.after),
            Some(records) => format!("AFTER {}: {records} records to go", self.after),
            None => format!("AFTER {}: how many records are to go is not known yet", self.after),
        };
        self.say(reason, self.way_out(&awaited.status));
        Passage::Closed
    }

    /// Records that the other one has not applied of what Kafka held; none while unknown.
    fn records_left(&mut self, shared: &Shared, status: &Status) -> Option<i64> {
        let ends = self.ends.get_or_insert_with(|| shared.ask_ends()).clone();
        let progress = shared.progress();
        let behind = match &*ends.lock() {
            Ends::Asked => return None,
            Ends::Known(ends) => ends
                .iter()
                .map(|(topic, partition, end)| {
                    let known =
                        progress.iter().find(|p| p.partition == *partition && p.topic == *topic)?;
                    Some((end - known.next).max(0))
                })
                .sum::<Option<i64>>(),
        };
        let late = shared.control().late;
        if behind == Some(0) && shared.first_behind(&late).is_some() {
            // What its routes have yet to read is a part of what it holds.
            return late.iter().map(|route| shared.records_behind(route)).sum::<Option<i64>>();
        }
        if behind.is_none() && status.state == State::Running {
            // A partition is gone, as its topic was deleted: what there is now counts.
            self.ends = None;
        }
        behind
    }

    fn way_out(&self, awaited: &Status) -> String {
        let (state, after) = (awaited.state.name(), &self.after);
        let because = match awaited.reason.as_str() {
            _ if awaited.state == State::Running => return String::new(),
            reason if reason.is_empty() || reason == state => String::new(),
            reason => format!(" ({reason})"),
        };
        match awaited.action.as_str() {
            "" => format!("{after} is {state}{because}"),
            action => format!("{after} is {state}{because}: {action}"),
        }
    }

    /// Says it with the time at which the wait began.
    fn say(&mut self, reason: String, action: String) {
        let since = self.status.since;
        self.status = Status { since, ..Status::new(State::Waiting, reason, action) };
    }
}

impl Worker {
    /// Consumes, or stays before a closed gate. One that has consumed already goes on: it began
    /// before this server did.
    pub(super) fn begin_to_consume(&mut self, control: &Control, standings: Standings) -> Trouble {
        if control.gate == Passage::Closed {
            if standings.all.iter().all(|cursor| cursor.counters().consumed == 0) {
                self.lane.shared.set_at_gate(true);
                let status = Status::new(State::Waiting, "AFTER another subscription", "");
                let trouble = self.stay(control, status, &standings);
                self.lane.shared.set_at_gate(false);
                return trouble;
            }
            self.lane.shared.pass_gate();
        }
        self.take_part(control, standings)
    }
}

#[cfg(test)]
mod tests;
