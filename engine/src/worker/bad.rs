//! Bad records: where one failed, and why.

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
