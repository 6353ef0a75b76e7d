//! States: what a subscription is doing, why, and what a person can do about it.

use jiff::Timestamp;

/// A closed list of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Records flow, or would if there were any.
    Running,
    /// A person paused it.
    Paused,
    /// Something is awaited that heals by itself.
    Waiting,
    /// A person is needed.
    Stopped,
    /// A replica: the primary consumes.
    Standby,
}

impl State {
    /// The word in KAFKA.LIST and KAFKA.INFO.
    pub fn name(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Paused => "paused",
            State::Waiting => "waiting",
            State::Stopped => "stopped",
            State::Standby => "standby",
        }
    }
}

/// What RESUME with SKIP or DEADLETTER can settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settles {
    /// Nothing: the cause must be mended.
    Nothing,
    /// One bad record, by SKIP or DEADLETTER.
    Record,
    /// One bad record that finds no room among the dead letters, by SKIP, or by making room.
    Letter,
    /// Records that Kafka has lost, by SKIP alone.
    Gap,
}

/// A state with its reason and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The state.
    pub state: State,
    /// Why; empty when running.
    pub reason: String,
    /// A command to paste or a thing to check; empty when there is nothing to do.
    pub action: String,
    /// What RESUME can settle.
    pub settles: Settles,
    /// When this state with this reason began.
    pub since: Timestamp,
}

impl Status {
    /// A status that begins now.
    pub fn new(state: State, reason: impl Into<String>, action: impl Into<String>) -> Status {
        Status {
            state,
            reason: reason.into(),
            action: action.into(),
            settles: Settles::Nothing,
            since: Timestamp::now(),
        }
    }

    /// The same, with what RESUME can settle.
    pub fn settled_by(self, settles: Settles) -> Status {
        Status { settles, ..self }
    }

    /// `since` as ISO 8601 in whole seconds, UTC.
    pub fn since_text(&self) -> String {
        self.since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Takes over `next` unless it says the same, so that `since` keeps the beginning.
    pub fn change(&mut self, next: Status) {
        if (self.state, &self.reason, &self.action) != (next.state, &next.reason, &next.action) {
            *self = next;
        }
    }
}
