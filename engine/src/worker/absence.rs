//! Waiting for what a record needs and is away, as the Schema Registry. No record is blamed for it.

use super::consume::TICK;
use super::flow::{Flow, Part};
use super::{Keep, Trouble, Worker};
use crate::format::{Absence, Renew};
use crate::state::{State, Status};
use std::time::{Duration, Instant};

/// What goes on around a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Records come.
    Busy,
    /// None came.
    Idle,
    /// One waits for what it needs, which stays what the subscription says of itself.
    Waiting,
}

/// How long a refused login is not tried again: the profile is read anew each time.
const CREDENTIALS_PAUSE: Duration = Duration::from_secs(5);

impl Worker {
    /// Waits, with what was built applied, until it is worth trying a record again.
    pub(super) fn await_return(
        &mut self,
        flow: &mut Flow,
        absence: Absence,
    ) -> Result<(), Trouble> {
        let Absence { reason, action, retry_after, renew } = absence;
        if let Part::Late(_) = flow.part
            && renew == Renew::Nothing
        {
            // The others go on meanwhile.
            return Err(Trouble::wait(reason, action));
        }
        self.drain(flow)?;
        self.lane.shared.set_last_error(reason.clone());
        let status = Status::new(State::Waiting, reason.clone(), action.clone());
        self.lane.shared.say(flow.generation, status);
        let pause = match renew {
            Renew::Nothing => retry_after,
            Renew::Credentials => retry_after.max(CREDENTIALS_PAUSE),
        };
        let until = Instant::now() + pause;
        while Instant::now() < until {
            self.make_way(flow)?;
            self.tick(flow, Pace::Waiting)?;
            let left = until.saturating_duration_since(Instant::now());
            self.lane.shared.wait_question(flow.generation, left.min(TICK));
            if self.lane.shared.generation() != flow.generation {
                return Err(Trouble::Changed);
            }
        }
        match renew {
            Renew::Nothing => Ok(()),
            Renew::Credentials => {
                self.schemas = None;
                Err(Trouble::Wait { reason, action, connection: Keep::Reconnect })
            }
        }
    }
}
