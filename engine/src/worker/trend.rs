//! How fast a subscription goes, from a look about once a second: on the record path no clock is read.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over how long a time it is measured.
const WINDOW: Duration = Duration::from_secs(10);

/// The least time between two looks, and the least that tells anything.
const PACE: Duration = Duration::from_millis(900);

/// When a subscription will have applied all that Kafka holds, if it goes on as it does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CatchUp {
    /// After so many seconds; 0 where nothing lags.
    In(f64),
    /// Never: the lag does not fall.
    Never,
    /// Too little is known yet.
    Unknown,
}

/// What was seen, the oldest first; one look is older than the window, where there was one.
#[derive(Debug, Default)]
pub struct Trend(VecDeque<Look>);

#[derive(Debug, Clone, Copy)]
struct Look {
    at: Instant,
    consumed: u64,
    lag: Option<i64>,
}

impl Trend {
    /// Looks: so many records were consumed in all by now, so many are not applied yet.
    pub(super) fn look(&mut self, at: Instant, consumed: u64, lag: Option<i64>) {
        let looks = &mut self.0;
        if looks.back().is_some_and(|last| last.consumed > consumed) {
            // Another ledger, of another past.
            looks.clear();
        }
        if looks.back().is_some_and(|last| at.saturating_duration_since(last.at) < PACE) {
            return;
        }
        looks.push_back(Look { at, consumed, lag });
        while looks.get(1).is_some_and(|next| at.saturating_duration_since(next.at) >= WINDOW) {
            looks.pop_front();
        }
    }

    /// The latest look that is older than the window, or else the first one; and the seconds since.
    fn base(&self, at: Instant) -> Option<(Look, f64)> {
        let age = |look: &&Look| at.saturating_duration_since(look.at);
        let old = self.0.iter().rev().find(|look| age(look) >= WINDOW);
        let base = old.or_else(|| self.0.front()).filter(|look| age(look) >= PACE)?;
        Some((*base, age(&base).as_secs_f64()))
    }

    /// Records a second over about the last 10 s; none while unknown. `consumed` is what it is at `at`.
    pub fn rate(&self, at: Instant, consumed: u64) -> Option<f64> {
        let (base, seconds) = self.base(at)?;
        Some(consumed.checked_sub(base.consumed)? as f64 / seconds)
    }

    /// How long it will take to apply all, by how fast the lag has fallen over about the last 10 s:
    /// what is produced meanwhile is taken into account.
    pub fn catch_up(&self, at: Instant, lag: Option<i64>) -> CatchUp {
        let Some(lag) = lag else { return CatchUp::Unknown };
        if lag == 0 {
            return CatchUp::In(0.0);
        }
        let Some((Look { lag: Some(before), .. }, seconds)) = self.base(at) else {
            return CatchUp::Unknown;
        };
        match before - lag {
            fallen if fallen > 0 => CatchUp::In(lag as f64 * seconds / fallen as f64),
            _ => CatchUp::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn the_rate_is_that_of_the_last_ten_seconds() {
        let start = Instant::now();
        let mut trend = Trend::default();
        assert_eq!(trend.rate(start, 5), None);
        // 100 a second for 20 s, then 10 a second.
        for second in 0..=40u64 {
            let consumed = if second < 20 { second * 100 } else { 2000 + (second - 20) * 10 };
            trend.look(after(start, second * 1000), consumed, Some(0));
        }
        assert_eq!(trend.0.len(), 11);
        let now = after(start, 40_000);
        assert_eq!(trend.rate(now, 2200), Some(10.0));
        // Nobody looks any more, and nothing comes.
        assert_eq!(trend.rate(after(start, 100_000), 2200), Some(0.0));
        // Looks that come too often tell nothing new.
        trend.look(after(start, 40_100), 9999, None);
        assert_eq!(trend.0.len(), 11);
        trend.look(after(start, 42_000), 7, Some(0));
        assert_eq!(trend.rate(after(start, 42_100), 7), None, "it begins anew");
    }

    #[test]
    fn catching_up_is_told_where_the_lag_falls_and_only_there() {
        let start = Instant::now();
        let mut trend = Trend::default();
        trend.look(start, 0, Some(1000));
        assert_eq!(trend.catch_up(start, Some(1000)), CatchUp::Unknown);
        let later = after(start, 2000);
        assert_eq!(trend.catch_up(later, Some(800)), CatchUp::In(8.0));
        assert_eq!(trend.catch_up(later, Some(1000)), CatchUp::Never);
        assert_eq!(trend.catch_up(later, Some(3000)), CatchUp::Never);
        assert_eq!(trend.catch_up(later, Some(0)), CatchUp::In(0.0));
        assert_eq!(trend.catch_up(later, None), CatchUp::Unknown);
    }
}
