//! How fast records are sent.

use std::str::FromStr;
use std::time::{Duration, Instant};

/// How far sending may fall behind before the time lost is given up instead of caught up.
const MAX_LAG: Duration = Duration::from_secs(1);

/// Records a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// This many; greater than 0.
    PerSecond(f64),
    /// As many as the brokers take.
    Max,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        if text.eq_ignore_ascii_case("max") {
            return Ok(Rate::Max);
        }
        match text.parse::<f64>() {
            // The lower end keeps the interval within what a Duration holds.
            Ok(rate) if rate.is_finite() && rate >= 1e-6 => Ok(Rate::PerSecond(rate)),
            _ => Err("a rate is a number of records a second greater than 0, or max".to_owned()),
        }
    }
}

/// Tells when each record is due.
#[derive(Debug)]
pub struct Pace {
    rate: Rate,
    start: Instant,
    since_start: u64,
}

impl Pace {
    /// Starts at `now`, when the first record is due.
    pub fn new(rate: Rate, now: Instant) -> Pace {
        Pace { rate, start: now, since_start: 0 }
    }

    /// How long after `now` the next record is due; zero when it is overdue.
    pub fn wait(&self, now: Instant) -> Duration {
        match self.rate {
            Rate::Max => Duration::ZERO,
            Rate::PerSecond(rate) => self.due(rate).saturating_duration_since(now),
        }
    }

    /// One record was sent at `now`.
    pub fn sent(&mut self, now: Instant) {
        self.since_start += 1;
        if let Rate::PerSecond(rate) = self.rate
            && now.saturating_duration_since(self.due(rate)) > MAX_LAG
        {
            *self = Pace::new(self.rate, now);
        }
    }

    /// When the next record is due; at once, should that lie beyond all reckoning.
    fn due(&self, rate: f64) -> Instant {
        Duration::try_from_secs_f64(self.since_start as f64 / rate)
            .ok()
            .and_then(|since| self.start.checked_add(since))
            .unwrap_or(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_due_at_the_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(Rate::PerSecond(10.0), start);
        assert_eq!(pace.wait(start), Duration::ZERO);
        pace.sent(start);
        pace.sent(start);
        assert_eq!(pace.wait(start), Duration::from_millis(200));
        assert_eq!(pace.wait(start + Duration::from_millis(250)), Duration::ZERO);
    }

    #[test]
    fn a_long_pause_is_not_caught_up() {
        let start = Instant::now();
        let mut pace = Pace::new(Rate::PerSecond(10.0), start);
        let later = start + Duration::from_secs(60);
        pace.sent(later);
        assert_eq!(pace.wait(later), Duration::ZERO);
        pace.sent(later);
        assert_eq!(pace.wait(later), Duration::from_millis(100));
    }
}
