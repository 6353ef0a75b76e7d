//! A steady rate.

use std::time::{Duration, Instant};

/// Calls `tick` with 0, 1, 2, … at `rate` a second until it says to stop.
/// A late call is made up for at once, so that the mean rate holds.
pub fn at_rate(rate: u32, mut tick: impl FnMut(u64) -> bool) {
    let gap = Duration::from_secs(1) / rate;
    let start = Instant::now();
    let mut n = 0;
    let mut due = start;
    loop {
        let now = Instant::now();
        if due > now {
            std::thread::sleep(due - now);
        }
        if !tick(n) {
            return;
        }
        n += 1;
        due += gap;
    }
}
