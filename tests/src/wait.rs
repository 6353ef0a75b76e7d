//! Waiting for a condition: the only place of the tests that sleeps.

use std::fmt::Debug;
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(5);

/// Polls `condition` until it gives a value; panics at the deadline with
/// `what` and the last thing seen (the `Err` of the condition).
pub fn wait_for<T, E: Debug>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> Result<T, E>,
) -> T {
    let start = Instant::now();
    loop {
        match condition() {
            Ok(value) => return value,
            Err(seen) if start.elapsed() > deadline => {
                panic!("waited {deadline:?} in vain for {what}; last seen: {seen:#?}")
            }
            Err(_) => std::thread::sleep(STEP),
        }
    }
}

/// [`wait_for`] of a plain yes or no.
pub fn wait_until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) {
    wait_for(what, deadline, || if condition() { Ok(()) } else { Err("not yet") });
}

/// Lets time pass where time itself is the fault or the load (the moment of a
/// kill, a producer's rate). Never a way to wait for something to happen.
pub fn elapse(time: Duration) {
    std::thread::sleep(time);
}
