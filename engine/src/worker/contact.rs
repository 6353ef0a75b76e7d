//! Whether the Kafka cluster answers, and what it said last.

use jiff::Timestamp;

/// Contact with the Kafka cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// Whether it answers.
    pub state: ContactState,
    /// Since when; none before it was asked.
    pub since: Option<Timestamp>,
    /// The last problem in the client's or the broker's own words with what to check, and when it
    /// came up. It stays when it is over.
    pub problem: Option<(String, Timestamp)>,
}

/// Whether the Kafka cluster answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ContactState {
    /// It was not asked yet.
    #[default]
    Unknown,
    /// It does.
    Up,
    /// It does not, or refuses us.
    Down,
}

impl ContactState {
    /// The word in KAFKA.LIST and KAFKA.INFO.
    pub fn name(self) -> &'static str {
        match self {
            ContactState::Unknown => "unknown",
            ContactState::Up => "up",
            ContactState::Down => "down",
        }
    }
}

impl Contact {
    /// It answers.
    pub(super) fn found(&mut self) {
        self.turn(ContactState::Up);
    }

    /// It does not, for this reason.
    pub(super) fn lost(&mut self, problem: String) {
        self.turn(ContactState::Down);
        if self.problem.as_ref().is_none_or(|(known, _)| *known != problem) {
            self.problem = Some((problem, Timestamp::now()));
        }
    }

    fn turn(&mut self, state: ContactState) {
        if self.state != state {
            self.state = state;
            self.since = Some(Timestamp::now());
        }
    }
}
