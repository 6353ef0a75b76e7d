//! How much of each fault a run injects, and its random choices.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::server::RedisServer;
use crate::wait::elapse;

/// `REDIS_KAFKA_FAULTS`: the counts of `make test` or of `make test-faults`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    Small,
    Full,
}

impl Scale {
    /// Reads the environment; panics on a word it does not know.
    pub fn from_env() -> Scale {
        match std::env::var("REDIS_KAFKA_FAULTS").as_deref() {
            Err(_) | Ok("") | Ok("small") => Scale::Small,
            Ok("full") => Scale::Full,
            Ok(other) => panic!("REDIS_KAFKA_FAULTS={other}: small or full"),
        }
    }

    /// `small` or `full`, as the run asks.
    pub fn pick<T>(self, small: T, full: T) -> T {
        match self {
            Scale::Small => small,
            Scale::Full => full,
        }
    }
}

/// The random choices of one test. The seed is printed (shown when the test
/// fails); `REDIS_KAFKA_SEED` repeats it.
pub struct Dice {
    rng: StdRng,
}

impl Dice {
    pub fn new() -> Dice {
        let seed = match std::env::var("REDIS_KAFKA_SEED") {
            Ok(text) => text.parse().expect("REDIS_KAFKA_SEED is a number"),
            Err(_) => rand::random(),
        };
        println!("REDIS_KAFKA_SEED={seed}");
        Dice { rng: StdRng::seed_from_u64(seed) }
    }

    /// A duration of `range` milliseconds, to the microsecond.
    pub fn millis(&mut self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_micros(self.rng.random_range(range.start() * 1000..=range.end() * 1000))
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }
}

/// Kills Redis within the next 300 ms and starts it again. Every third one of a row is killed
/// again while it starts: loading, or just before it consumes.
pub fn kill_and_start(server: &mut RedisServer, dice: &mut Dice, number: usize) {
    elapse(dice.millis(0..=300));
    server.kill();
    if number % 3 == 2 {
        server.launch_again();
        elapse(dice.millis(0..=150));
        server.kill();
    }
    server.start_again();
}

impl Default for Dice {
    fn default() -> Dice {
        Dice::new()
    }
}
