//! Quantiles of a small sample, by nearest rank.

use std::time::Duration;

use serde::Serialize;

/// The value that `share` (0 to 1) of the sorted sample does not exceed.
fn nearest_rank(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

/// NaN for an empty sample; the lower of the two middle ones for an even one.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    nearest_rank(&sorted, 0.5)
}

/// A latency distribution, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    pub samples: usize,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(latencies: impl IntoIterator<Item = Duration>) -> Spread {
        let mut sorted: Vec<f64> = latencies.into_iter().map(|l| l.as_secs_f64() * 1e3).collect();
        sorted.sort_by(f64::total_cmp);
        Spread {
            samples: sorted.len(),
            p50: nearest_rank(&sorted, 0.5),
            p99: nearest_rank(&sorted, 0.99),
            p999: nearest_rank(&sorted, 0.999),
            max: nearest_rank(&sorted, 1.0),
        }
    }

    /// The columns p50, p99, p99.9 and max, then the number of samples.
    pub fn cells(&self) -> Vec<String> {
        let mut cells: Vec<String> =
            [self.p50, self.p99, self.p999, self.max].iter().map(|ms| format!("{ms:.2}")).collect();
        cells.push(self.samples.to_string());
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_members_of_the_sample() {
        let spread = Spread::of((1..=100).map(Duration::from_millis));
        assert_eq!((spread.p50, spread.p99, spread.p999, spread.max), (50.0, 99.0, 100.0, 100.0));
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert!(median([]).is_nan());
    }
}
