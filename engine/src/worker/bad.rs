//! Bad records: where one failed and why, what becomes of it, and what people are told.

use super::flow::{Flow, Part};
use super::shared::RecordId;
use super::{StopCause, Trouble, Worker};
use crate::command::{DeadLetters, OnError, Settle};
use crate::kafka::Record;
use crate::ledger::Outcome;
use std::fmt;

/// Where on its way a record failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The key's bytes are not what KEY says.
    Key,
    /// The value's bytes are not what VALUE says.
    Value,
    /// A route's template or target could not make a write of it.
    Route,
    /// Kafka refuses a message that was made of it.
    Send,
    /// Redis would refuse the write.
    Apply,
    /// Kafka refuses its dead letter.
    Letter,
}

impl Stage {
    /// The word in dead letters.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Key => "key",
            Stage::Value => "value",
            Stage::Route => "route",
            Stage::Send => "send",
            Stage::Apply => "apply",
            Stage::Letter => "deadletter",
        }
    }
}

/// Why a record cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Where it failed.
    pub stage: Stage,
    /// The route at which it failed, where it got so far.
    pub route: Option<String>,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.route {
            Some(route) => write!(f, "route {route}: {}", self.problem),
            None => write!(f, "{}: {}", self.stage.name(), self.problem),
        }
    }
}

/// What to do with a bad record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Stop,
    Skip,
    DeadLetter,
}

impl Worker {
    /// One record that cannot be written: what becomes of it.
    pub(super) fn deal_with_bad(
        &mut self,
        flow: &mut Flow,
        record: &Record<'_>,
        error: RecordError,
    ) -> Result<Outcome, Trouble> {
        let Some((topic, partition)) = flow.slots.get(record.slot).cloned() else {
            return Err(Trouble::Recheck);
        };
        let id = RecordId { topic, partition, offset: record.offset };
        let settled = self.settlement_of(&id);
        let told = match flow.part.route() {
            None => format!("{id} {error}"),
            Some(route) => format!("{id} {error} (while route '{route}' catches up)"),
        };
        self.lane.shared.set_last_error(told.clone());
        match policy(settled, self.spec.on_error, error.stage) {
            Policy::Skip => Ok(Outcome::Skipped),
            Policy::DeadLetter => {
                self.make_room(flow, &id, &error)?;
                // The subscription may have put it aside already: this letter is the route's own.
                let route = error.route.or_else(|| Some(flow.part.route()?.to_string()));
                let error = RecordError { route, ..error };
                let routes = flow.routes_of(record.slot);
                let (builder, names) = (&mut flow.builder, &mut flow.plan.names);
                flow.letters.write(&id, record, &error, &routes, builder, names);
                self.letters += 1;
                Ok(Outcome::DeadLettered)
            }
            Policy::Stop => {
                self.drain(flow)?;
                // Told once all that comes before it is applied: the lane answers in order. What
                // the ledger holds is for the next session.
                let _ = self.lane.load(flow.generation)?;
                let action = self.action_for(&error);
                Err(self.stop_for(StopCause::Record(id), told, action))
            }
        }
    }

    /// Sees to it that one more dead letter finds room, or stops before the record.
    fn make_room(
        &mut self,
        flow: &mut Flow,
        id: &RecordId,
        error: &RecordError,
    ) -> Result<(), Trouble> {
        let DeadLetters::Stream { max } = self.spec.letters else { return Ok(()) };
        if self.letters < max {
            return Ok(());
        }
        self.drain(flow)?;
        match flow.part {
            Part::Subscription => self.replay_all(flow)?,
            // That is for the subscription to do, at the session's begin.
            Part::Late(_) if self.lane.shared.replays.has_some() => return Err(Trouble::Recheck),
            Part::Late(_) => {}
        }
        // Others may have taken some out, or put some in, and the lane answers in order.
        let positions = self.lane.load(flow.generation)?;
        let positions =
            positions.map_err(|problem| self.stop(problem, "mend it, then KAFKA.RESUME"))?;
        self.letters = positions.letters;
        if self.letters < max {
            return Ok(());
        }
        let name = &self.spec.name;
        let reason = format!("dead letters are full ({max}): {id} {error}");
        let action = format!(
            "mend the routes and KAFKA.REPLAY {name}, or KAFKA.RESUME {name} SKIP; KAFKA.DEADLETTERS {name} shows them, DEADLETTERMAX makes room for more"
        );
        Err(self.stop_for(StopCause::Letter(id.clone()), reason, action))
    }

    fn action_for(&self, error: &RecordError) -> String {
        let name = &self.spec.name;
        match error.stage {
            Stage::Apply if error.problem.starts_with("NOPERM") => {
                format!(
                    "grant it with ACL SETUSER and KAFKA.RESUME {name}, or KAFKA.RESUME {name} SKIP"
                )
            }
            Stage::Apply => {
                format!(
                    "rename or delete the key and KAFKA.RESUME {name}, or KAFKA.RESUME {name} SKIP"
                )
            }
            Stage::Send => {
                format!(
                    "mend the topic, or message.max.bytes of the profile, and KAFKA.RESUME {name}, or KAFKA.RESUME {name} SKIP"
                )
            }
            Stage::Letter => format!(
                "mend the topic of dead letters and KAFKA.RESUME {name}, or KAFKA.RESUME {name} SKIP"
            ),
            Stage::Key | Stage::Value | Stage::Route => format!("KAFKA.RESUME {name} SKIP"),
        }
    }
}

fn policy(settled: Option<Settle>, on_error: OnError, stage: Stage) -> Policy {
    match (settled, on_error) {
        // It would be refused again.
        (Some(Settle::DeadLetter), _) | (None, OnError::DeadLetter) if stage == Stage::Letter => {
            Policy::Stop
        }
        (Some(Settle::Skip), _) | (None, OnError::Skip) => Policy::Skip,
        (Some(Settle::DeadLetter), _) | (None, OnError::DeadLetter) => Policy::DeadLetter,
        (None, OnError::Stop) => Policy::Stop,
    }
}
