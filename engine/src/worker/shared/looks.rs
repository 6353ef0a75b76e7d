//! What people and exporters are told beside the state: the last error, the rate, contact with Kafka.

use super::{Progress, Shared};
use crate::ledger::Counters;
use crate::worker::contact::Contact;
use crate::worker::trend::CatchUp;
use jiff::Timestamp;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The last bad record or stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// Which record, where it was one, and why.
    pub text: String,
    /// When it was met.
    pub at: Timestamp,
}

impl Shared {
    /// The last reason for a stop or a bad record; none when there was none.
    pub fn last_error(&self) -> Option<LastError> {
        self.last_error.lock().clone()
    }

    /// Keeps a reason for a stop or a bad record.
    pub(in crate::worker) fn set_last_error(&self, text: String) {
        *self.last_error.lock() = Some(LastError { text, at: Timestamp::now() });
    }

    /// Says how the first contact with the broker went; only the first call counts.
    pub(in crate::worker) fn greet(&self, greeting: Result<(), String>) {
        self.greeting.lock().get_or_insert(greeting);
    }

    /// How the first contact with the broker went; none while there was none.
    pub fn greeting(&self) -> Option<Result<(), String>> {
        self.greeting.lock().clone()
    }

    /// Bytes the worker's own buffers hold.
    pub fn memory(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    pub(in crate::worker) fn set_memory(&self, bytes: usize) {
        self.memory.store(bytes, Ordering::Relaxed);
    }

    /// Looks how far all is, at most about once a second.
    pub(in crate::worker) fn look_at_trend(&self) {
        let (consumed, lag) = totals(&self.progress.lock());
        self.trend.lock().look(Instant::now(), consumed, lag);
    }

    /// Records a second over about the last 10 s, none while unknown, and when all will be applied
    /// at that rate.
    pub fn trend(&self) -> (Option<f64>, CatchUp) {
        let (consumed, lag) = totals(&self.progress.lock());
        let (now, trend) = (Instant::now(), self.trend.lock());
        (trend.rate(now, consumed), trend.catch_up(now, lag))
    }

    /// Whether Kafka answers.
    pub fn contact(&self) -> Contact {
        self.contact.lock().clone()
    }

    /// Kafka has answered.
    pub(in crate::worker) fn found_contact(&self) {
        self.contact.lock().found();
    }

    /// Kafka does not answer, or refuses us, in these words.
    pub(in crate::worker) fn lost_contact(&self, problem: String) {
        self.contact.lock().lost(problem);
    }
}

/// Records consumed in all, and not applied yet where that is known of every partition.
fn totals(progress: &[Progress]) -> (u64, Option<i64>) {
    let mut counters = Counters::default();
    progress.iter().for_each(|it| counters.add(&it.counters));
    let lag = if progress.is_empty() { None } else { progress.iter().map(Progress::lag).sum() };
    (counters.consumed, lag)
}
