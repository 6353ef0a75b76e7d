//! Replays that were asked for, and how far each has come.

use crate::letter::EntryId;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// So many failures are told one by one.
const TOLD: usize = 3;

/// What became of letters so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Those of which at least one route wrote something.
    pub replayed: u64,
    /// Those that no route wanted.
    pub filtered: u64,
    /// Those that failed again.
    pub failed: u64,
    /// Where and why the first of these failed.
    pub failures: Vec<String>,
    /// Those that were not looked at.
    pub left: u64,
}

/// How a replay ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayEnd {
    /// All that were asked for were looked at.
    Done,
    /// The time is up; some are left.
    Late,
    /// It cannot go on: what the subscription does or is, and the way out.
    Broken {
        /// Behind the subscription's name: `is stopped: …`.
        problem: String,
        /// A command to paste or a thing to check; may be empty.
        action: String,
    },
}

/// Whoever asked for a replay. Called on the worker's thread.
pub trait ReplayClient: Send {
    /// Whether nobody waits any more.
    fn is_void(&self) -> bool;

    /// Tells what became of it.
    fn answer(self: Box<Self>, tally: Tally, end: ReplayEnd);
}

/// Dead letters to be replayed, and how far that has come.
pub struct Replay {
    pub(super) client: Box<dyn ReplayClient>,
    /// How many to look at, at most; once the first page is read, no more than there were.
    pub(super) wanted: u64,
    pub(super) seen: u64,
    pub(super) after: Option<EntryId>,
    deadline: Instant,
    pub(super) tally: Tally,
}

impl Replay {
    /// A replay of so many letters, or of all there are, that takes so long at most.
    pub fn new(count: Option<u64>, time: Duration, client: Box<dyn ReplayClient>) -> Replay {
        Replay {
            client,
            wanted: count.unwrap_or(u64::MAX),
            seen: 0,
            after: None,
            deadline: Instant::now() + time,
            tally: Tally::default(),
        }
    }

    pub(super) fn end(mut self, end: ReplayEnd) {
        self.tally.left = self.wanted.saturating_sub(self.seen);
        self.client.answer(self.tally, end);
    }

    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// A letter was looked at, whatever came of it.
    pub(super) fn pass(&mut self, id: EntryId) {
        self.after = Some(id);
        self.seen += 1;
    }

    pub(super) fn fail(&mut self, letter: String, error: &str) {
        self.tally.failed += 1;
        if self.tally.failures.len() < TOLD {
            self.tally.failures.push(format!("{letter} {error}"));
        }
    }
}

/// Replays that wait for their turn.
#[derive(Default)]
pub(super) struct Replays {
    queue: Mutex<VecDeque<Replay>>,
    count: AtomicUsize,
}

impl Replays {
    pub(super) fn add(&self, replay: Replay) {
        let mut queue = self.queue.lock();
        queue.push_back(replay);
        self.count.store(queue.len(), Ordering::Release);
    }

    pub(super) fn put_back(&self, replay: Replay) {
        let mut queue = self.queue.lock();
        queue.push_front(replay);
        self.count.store(queue.len(), Ordering::Release);
    }

    pub(super) fn has_some(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    pub(super) fn take(&self) -> Option<Replay> {
        if !self.has_some() {
            return None;
        }
        let mut queue = self.queue.lock();
        let first = queue.pop_front();
        self.count.store(queue.len(), Ordering::Release);
        first
    }
}
