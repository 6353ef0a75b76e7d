//! Membership of a consumer group: which partitions are whose.
//!
//! A [`Member`] fetches nothing. It is a client of its own, beside the [`super::Consumer`] that
//! reads, because what a rebalance does to fetching (librdkafka pauses all partitions and throws
//! away what was read ahead, of those that stay, too) is then no concern of reading, and because a
//! rebalance can be answered while whoever reads is busy elsewhere. The group decides who reads
//! what, and no more: that nothing is applied twice rests on the ledger alone.

use super::consumer::{Commit, hand_over};
use super::native::{Acknowledged, Batch, Event, Handle, Slots};
use super::problem::{Change, Failure, Operation, Problem, ProblemKind, Rebalance};
use parking_lot::{Condvar, Mutex};
use rdkafka::ClientConfig;
use std::ffi::CString;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Who decides which partitions are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// Nobody: all are.
    Manual,
    /// The consumer group, whose members share them.
    Group {
        /// The name of this member where it has one that stays over restarts (static membership,
        /// KIP-345); no other member may have it.
        instance: Option<String>,
    },
}

/// What belongs to a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assigned {
    /// Raised by every change.
    pub version: u64,
    /// Topics and partitions, in order.
    pub partitions: Vec<(String, i32)>,
    /// Whether the group has spoken since the member joined: before, it is not known what belongs
    /// to it.
    pub is_known: bool,
    /// The last thing that went wrong since the group last spoke. After a fatal one the member must
    /// be made anew.
    pub problem: Option<Problem>,
}

/// How long the group's answers are waited for before the thread looks around.
const LOOK: Duration = Duration::from_millis(200);

/// How long partitions that are revoked may still be worked on. The others wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long leaving may take; the group then waits for the session's time-out.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the member's thread and its owner share.
struct Roster {
    state: Mutex<State>,
    changed: Condvar,
    on_change: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    assigned: Assigned,
    /// The version of what is worked on.
    at_work: Option<u64>,
    is_leaving: bool,
}

/// A member of a consumer group. Used by one thread; a thread of its own answers the group. Dropping
/// it leaves the group, which takes 2 s at most.
pub struct Member {
    handle: Arc<Handle>,
    roster: Arc<Roster>,
    topics: Vec<CString>,
    ended: mpsc::Receiver<()>,
}

impl Member {
    /// Joins the group of the configuration, which is what [`super::member_config`] answers, for
    /// these topics. `on_change` is called, from the member's thread, when [`Member::assigned`] is
    /// another.
    pub fn join<'t>(
        config: &ClientConfig,
        topics: impl Iterator<Item = &'t str>,
        on_change: impl Fn() + Send + Sync + 'static,
    ) -> Result<Member, Failure> {
        let failed = |problem| Failure { operation: Operation::Join, problem };
        let handle = Arc::new(Handle::new(config).map_err(failed)?);
        let roster = Arc::new(Roster {
            state: Mutex::default(),
            changed: Condvar::new(),
            on_change: Box::new(on_change),
        });
        let (done, ended) = mpsc::channel();
        let service = Service { handle: handle.clone(), roster: roster.clone() };
        let started = thread::Builder::new().name("kafka-member".to_owned()).spawn(move || {
            service.run();
            // The owner may have given up.
            let _ = done.send(());
        });
        let cannot_start = |error: std::io::Error| {
            failed(Problem::new(NO_THREAD, &format!("no thread for the member: {error}")))
        };
        let mut member = Member { handle, roster, topics: Vec::new(), ended };
        started.map_err(cannot_start)?;
        member.subscribe(topics)?;
        Ok(member)
    }

    /// Takes part for these topics from now on.
    pub fn subscribe<'t>(&mut self, topics: impl Iterator<Item = &'t str>) -> Result<(), Failure> {
        // Kafka's names have no zero byte.
        let topics: Vec<_> = topics.filter_map(|topic| CString::new(topic).ok()).collect();
        if topics != self.topics {
            self.handle
                .subscribe(topics.iter().map(CString::as_c_str))
                .map_err(|problem| Failure { operation: Operation::Join, problem })?;
            self.topics = topics;
        }
        Ok(())
    }

    /// What belongs to this member now. What is being revoked does no longer.
    pub fn assigned(&self) -> Assigned {
        self.roster.state.lock().assigned.clone()
    }

    /// Says that what was assigned by this version is worked on: a later revocation waits a while
    /// for [`Member::rest`].
    pub fn work(&self, version: u64) {
        self.roster.state.lock().at_work = Some(version);
    }

    /// Says that nothing is worked on: revoked partitions may go to others.
    pub fn rest(&self) {
        self.roster.state.lock().at_work = None;
        self.roster.changed.notify_all();
    }

    /// Commits without waiting; a refusal is told by [`Member::take_commit_failure`].
    pub fn commit(&self, offsets: &[Commit<'_>]) -> Result<(), Failure> {
        hand_over(&self.handle, offsets)
    }

    /// Whether a commit has failed since the last call.
    pub fn take_commit_failure(&self) -> bool {
        self.handle.take_commit_failure()
    }
}

/// librdkafka's code for a client that cannot have what it needs of the system
/// (RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE).
const NO_THREAD: i32 = rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE as i32;

impl Drop for Member {
    fn drop(&mut self) {
        self.roster.state.lock().is_leaving = true;
        self.roster.changed.notify_all();
        self.handle.waker().wake();
        // Beyond that it leaves by itself, or its session times out.
        if let Err(mpsc::RecvTimeoutError::Timeout) = self.ended.recv_timeout(FAREWELL) {
            log::warn!(target: "kafka", "a member is still leaving its group after {FAREWELL:?}");
        }
    }
}

impl Roster {
    fn change(&self, change: impl FnOnce(&mut Assigned)) -> u64 {
        let version = {
            let assigned = &mut self.state.lock().assigned;
            change(assigned);
            assigned.version += 1;
            assigned.version
        };
        (self.on_change)();
        version
    }

    /// Takes a rebalance in; one that leaves everything as it is, is no change.
    fn apply(&self, change: Change, partitions: Vec<(String, i32)>) -> u64 {
        let mut assigned = self.state.lock().assigned.clone();
        let before = assigned.clone();
        assigned.is_known = true;
        assigned.problem = None;
        assigned.partitions.retain(|known| !partitions.contains(known));
        if change == Change::Assigned {
            assigned.partitions.extend(partitions);
            assigned.partitions.sort_unstable();
        }
        match assigned == before {
            true => assigned.version,
            false => self.change(|now| *now = assigned),
        }
    }

    /// Waits until nothing older than `version` is worked on.
    fn await_rest(&self, version: u64) {
        let mut state = self.state.lock();
        let is_busy = |state: &mut State| {
            !state.is_leaving && state.at_work.is_some_and(|at_work| at_work < version)
        };
        if self.changed.wait_while_for(&mut state, is_busy, PATIENCE).timed_out() {
            log::info!(target: "kafka", "revoked partitions were still worked on after {PATIENCE:?}");
        }
    }
}

/// What the member's thread works with.
struct Service {
    handle: Arc<Handle>,
    roster: Arc<Roster>,
}

impl Service {
    fn run(&self) {
        let mut batch = Batch::new();
        while !self.roster.state.lock().is_leaving {
            for problem in self.serve(&mut batch, LOOK) {
                self.meet(problem);
            }
            for rebalance in self.handle.take_rebalances() {
                self.answer(rebalance);
            }
            self.look_for_the_end();
        }
        self.leave(&mut batch);
    }

    /// Runs callbacks, and answers the problems that came.
    fn serve(&self, batch: &mut Batch, time: Duration) -> Vec<Problem> {
        let filled = batch.fill(&self.handle, &mut Anywhere, 16, time);
        self.handle.poll_events();
        let problem = |event| match event {
            Event::Problem { problem, .. } => Some(problem),
            Event::Record(_) => None,
        };
        let mut problems: Vec<_> = batch.events().filter_map(problem).collect();
        batch.clear();
        problems.extend(filled.err());
        problems
    }

    fn meet(&self, problem: Problem) {
        log::debug!(target: "kafka", "the group's member: {problem}");
        // Which topics there are is told by whoever reads them, and the end is looked for anyway.
        if problem.kind != ProblemKind::TopicGone && !is_fatal(&problem) {
            self.roster.state.lock().assigned.problem = Some(problem);
        }
    }

    fn answer(&self, Rebalance { change, partitions }: Rebalance) {
        log::info!(target: "kafka", "{change:?} by the group: {}", listed(&partitions));
        let is_release = change == Change::Revoked && !partitions.is_empty();
        let version = self.roster.apply(change, partitions);
        if is_release {
            self.roster.await_rest(version);
        }
        self.acknowledge(change);
    }

    fn acknowledge(&self, change: Change) {
        let what = match change {
            Change::Assigned => Acknowledged::Assigned,
            Change::Revoked | Change::Lost => Acknowledged::Revoked,
        };
        if let Err(problem) = self.handle.acknowledge(what) {
            log::warn!(target: "kafka", "a rebalance could not be answered: {problem}");
        }
    }

    /// After a fatal error nothing belongs to the member, and the group speaks to it no more.
    fn look_for_the_end(&self) {
        let is_known = self.roster.state.lock().assigned.problem.as_ref().is_some_and(is_fatal);
        if let Some(problem) = self.handle.fatal().filter(|_| !is_known) {
            self.roster.change(|assigned| {
                assigned.partitions.clear();
                assigned.problem = Some(problem);
            });
        }
    }

    fn leave(&self, batch: &mut Batch) {
        let deadline = Instant::now() + FAREWELL;
        if self.handle.is_member() && self.handle.unsubscribe().is_ok() {
            self.serve_until(batch, deadline, || !self.handle.is_member());
        }
        if self.handle.begin_close().is_ok() {
            self.serve_until(batch, deadline, || self.handle.is_closed());
        }
    }

    /// Gives everything up that is asked back, until the group has let the member go.
    fn serve_until(&self, batch: &mut Batch, deadline: Instant, is_done: impl Fn() -> bool) {
        while !is_done() && Instant::now() < deadline {
            self.serve(batch, Duration::from_millis(10));
            for rebalance in self.handle.take_rebalances() {
                self.acknowledge(rebalance.change);
            }
        }
    }
}

fn is_fatal(problem: &Problem) -> bool {
    matches!(problem.kind, ProblemKind::Fatal | ProblemKind::Fenced)
}

fn listed(partitions: &[(String, i32)]) -> String {
    let names: Vec<_> = partitions.iter().map(|(topic, at)| format!("{topic}/{at}")).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(" ") }
}

/// A member is told problems of any topic, and no record.
struct Anywhere;

impl Slots for Anywhere {
    fn slot(&mut self, _: usize, _: i32, _: impl Fn() -> String) -> Option<u32> {
        Some(0)
    }

    fn troubled(&mut self, _: u32) {}
}

#[cfg(test)]
mod tests;
