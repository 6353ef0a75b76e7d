//! How far the bridge has come: what it tells the measurement, what it commits.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Positions;
use crate::native::BatchConsumer;

const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// Counts of records, not of commands.
pub struct Progress {
    sent: u64,
    answered: u64,
    until: Option<u64>,
    /// The positions to commit once `answered` reached this number.
    marks: VecDeque<(u64, Positions)>,
    confirmed: Positions,
    committed: Instant,
}

impl Progress {
    pub fn new(until: Option<u64>) -> Progress {
        Progress {
            sent: 0,
            answered: 0,
            until,
            marks: VecDeque::new(),
            confirmed: Positions::new(),
            committed: Instant::now(),
        }
    }

    /// Records sent so far.
    pub fn total(&self) -> u64 {
        self.sent
    }

    /// Whether there is nothing more to send.
    pub fn all_sent(&self) -> bool {
        self.until.is_some_and(|until| self.sent >= until)
    }

    /// Takes down `count` more records sent, up to these positions.
    pub fn sent(&mut self, count: u64, next: &Positions) {
        self.sent += count;
        self.marks.push_back((self.sent, next.clone()));
    }

    /// Takes down that `total` records in all are answered.
    pub fn answered(&mut self, total: u64) {
        if self.answered == 0 && total > 0 {
            println!("first {total}");
        }
        self.answered = total;
        while self.marks.front().is_some_and(|(mark, _)| *mark <= total) {
            if let Some((_, positions)) = self.marks.pop_front() {
                self.confirmed = positions;
            }
        }
    }

    pub fn commit_when_due(&mut self, consumer: &BatchConsumer) -> Result<()> {
        if self.committed.elapsed() > COMMIT_EVERY && !self.confirmed.is_empty() {
            consumer.commit(self.confirmed.clone())?;
            self.committed = Instant::now();
        }
        Ok(())
    }

    /// All that was sent is answered.
    pub fn done(mut self, consumer: &BatchConsumer) -> Result<()> {
        self.answered(self.sent);
        println!("done {}", self.answered);
        consumer.commit(self.confirmed)
    }
}
