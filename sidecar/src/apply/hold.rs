//! Waiting for Redis: how long, and what people are told meanwhile.

use crate::redis::{Heals, Problem};
use rand::Rng;
use redis_kafka_engine::state::{State, Status};
use redis_kafka_engine::worker::Shared;
use std::time::Duration;

/// The first wait, and the longest; each is twice the one before it, give or take half of it.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Waits after a transaction that others have kept from being run.
const FIRST_CONTENDED: Duration = Duration::from_millis(1);
const LONGEST_CONTENDED: Duration = Duration::from_millis(200);

/// So many times it is tried at once, and so many times without a word.
const AT_ONCE: u32 = 3;
const IN_SILENCE: u32 = 20;

/// What is awaited, and since how many tries.
#[derive(Debug, Default)]
pub struct Hold {
    tries: u32,
    contended: u32,
    /// What was logged last.
    told: Option<String>,
}

impl Hold {
    /// Says what the trouble is and lets some time pass, unless the lane's generation changes.
    pub fn wait(&mut self, problem: &Problem, place: &str, shared: &Shared, generation: u64) {
        let reason = match problem {
            Problem::Away(text) => format!("Redis at {place} is away: {text}"),
            Problem::Refused(_, text) => format!("Redis at {place}: {text}"),
        };
        self.tell(reason, problem.action(), shared);
        let time = backoff(self.tries, FIRST, LONGEST);
        self.tries = self.tries.saturating_add(1);
        shared.wait_change(generation, time);
    }

    /// Lets a little time pass after a transaction that found its keys changed, unless the lane's
    /// generation changes.
    pub fn contend(&mut self, place: &str, shared: &Shared, generation: u64) {
        self.contended = self.contended.saturating_add(1);
        let Some(tries) = self.contended.checked_sub(AT_ONCE) else { return };
        if tries > IN_SILENCE {
            let reason = format!("Redis at {place}: others change the keys that a unit depends on");
            self.tell(reason, "see who else writes the hashes and streams of the routes", shared);
        }
        shared.wait_change(generation, backoff(tries, FIRST_CONTENDED, LONGEST_CONTENDED));
    }

    fn tell(&mut self, reason: String, action: &str, shared: &Shared) {
        if self.told.as_ref() != Some(&reason) {
            log::warn!("{reason}");
            self.told = Some(reason.clone());
        }
        shared.set_hold(Some(Status::new(State::Waiting, reason, action)));
    }

    /// It has gone well again.
    pub fn end(&mut self, place: &str, shared: &Shared) {
        (self.tries, self.contended) = (0, 0);
        if self.told.take().is_some() {
            log::info!("Redis at {place} is written again");
            shared.set_hold(None);
        }
    }
}

/// Whether waiting helps.
pub fn is_waited_for(problem: &Problem) -> bool {
    problem.heals() != Heals::Never
}

fn backoff(tries: u32, first: Duration, longest: Duration) -> Duration {
    let whole = first.saturating_mul(1 << tries.min(12)).min(longest);
    whole.mul_f64(rand::rng().random_range(0.5..1.0))
}
