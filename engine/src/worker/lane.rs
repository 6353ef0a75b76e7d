//! A lane: the bounded queue between one subscription's worker and the applier,
//! with the state both share.
//!
//! Everything that changes what a worker may do (a route, a pause, a stale unit, a
//! new role) raises the lane's *generation*: units built under an older one are
//! dropped unapplied, and the worker begins anew at what the ledger holds.

use crate::applier::{Applied, Applier, Clash, Positions};
use crate::command::Settle;
use crate::kafka::Waker;
use crate::ledger::{self, Advance, Counters};
use crate::state::{State, Status};
use crate::unit::Unit;
use crossbeam_channel::{
    Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, bounded,
};
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Units that may wait between a worker and the applier.
const QUEUE: usize = 8;

/// What to do about a ledger that cannot be used.
pub const LEDGER_WAY_OUT: &str =
    "restore the ledger key and KAFKA.RESUME, or KAFKA.UNSUBSCRIBE and subscribe again with START";

/// A record by its place in Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordId {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

impl std::fmt::Display for RecordId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

/// What a person wants of a subscription, and what the applier found out.
#[derive(Debug, Clone)]
pub struct Control {
    /// Raised by every change.
    pub generation: u64,
    /// Whether to consume.
    pub wanted: Wanted,
    /// The routes, in the order they were made.
    pub routes: Arc<Vec<super::RouteSpec>>,
    /// What RESUME SKIP or DEADLETTER decided about the thing that stopped it.
    pub settle: Option<Settle>,
    /// Records that Redis would refuse, with its words.
    pub verdicts: Vec<(RecordId, String)>,
}

/// What a worker is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Consume.
    Run,
    /// Hold until a person resumes.
    Pause,
    /// Hold because of this status (stopped, standby).
    Hold(Status),
    /// End the thread; `Forget` also deletes the consumer group.
    Exit(Farewell),
}

/// What a worker does last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// Nothing: the subscription goes on later or elsewhere.
    Leave,
    /// Deletes the consumer group, whose commits nobody will need.
    Forget,
}

/// How far one partition is, for people and for WAIT.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number.
    pub partition: i32,
    /// The next offset to apply.
    pub next: i64,
    /// The leader epoch to commit with it.
    pub epoch: Option<i32>,
    /// The last stable offset, when known.
    pub end: Option<i64>,
    /// The ledger's counters.
    pub counters: Counters,
}

impl Progress {
    /// Records not applied yet, when known.
    pub fn lag(&self) -> Option<i64> {
        self.end.map(|end| (end - self.next).max(0))
    }
}

/// Where every partition must have come for a WAIT to end.
#[derive(Debug, Clone)]
pub enum Ends {
    /// Being asked of the broker.
    Asked,
    /// The last stable offset of every partition at the time of the answer.
    Known(Vec<(Arc<str>, i32, i64)>),
}

/// Shared by a worker and the applier's side.
pub struct Shared {
    control: Mutex<Control>,
    changed: Condvar,
    generation: AtomicU64,
    status: Mutex<Status>,
    progress: Mutex<Vec<Progress>>,
    questions: Mutex<Vec<Arc<Mutex<Ends>>>>,
    asked: AtomicUsize,
    waker: Mutex<Option<Waker>>,
    last_error: Mutex<String>,
    greeting: Mutex<Option<Result<(), String>>>,
    memory: AtomicUsize,
}

impl Shared {
    /// The lane's generation now; one atomic load.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// A copy of what is wanted.
    pub fn control(&self) -> Control {
        self.control.lock().clone()
    }

    /// Blocks until the generation is another or the time is up.
    pub(super) fn wait_change(&self, generation: u64, time: Duration) {
        self.wait_while(time, |control| control.generation == generation);
    }

    /// Blocks until the generation is another, a question is asked, or the time is up.
    pub(super) fn wait_question(&self, generation: u64, time: Duration) {
        self.wait_while(time, |control| control.generation == generation && !self.is_asked());
    }

    fn wait_while(&self, time: Duration, mut condition: impl FnMut(&mut Control) -> bool) {
        let mut control = self.control.lock();
        // Too late or not, the caller looks at the state itself.
        let _ = self.changed.wait_while_for(&mut control, &mut condition, time);
    }

    /// Changes what is wanted and raises the generation; wakes the worker.
    pub fn change(&self, change: impl FnOnce(&mut Control)) {
        {
            let mut control = self.control.lock();
            change(&mut control);
            control.generation += 1;
            self.generation.store(control.generation, Ordering::Release);
            self.changed.notify_all();
        }
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.lock().as_ref() {
            waker.wake();
        }
    }

    /// Drops a settlement and verdicts that a finished session has used up.
    pub(super) fn forget_settled(&self, generation: u64) {
        let mut control = self.control.lock();
        if control.generation == generation {
            control.settle = None;
            control.verdicts.clear();
        }
    }

    pub(super) fn set_waker(&self, waker: Option<Waker>) {
        *self.waker.lock() = waker;
    }

    /// The status now.
    pub fn status(&self) -> Status {
        self.status.lock().clone()
    }

    /// Says what the worker does; keeps `since` when nothing changed.
    pub fn set_status(&self, status: Status) {
        if status.state == State::Stopped {
            *self.last_error.lock() = status.reason.clone();
        }
        self.status.lock().change(status);
    }

    /// The last reason for a stop or a bad record; empty when there was none.
    pub fn last_error(&self) -> String {
        self.last_error.lock().clone()
    }

    pub(super) fn set_last_error(&self, error: String) {
        *self.last_error.lock() = error;
    }

    /// Says how the first contact with the broker went; only the first call counts.
    pub(super) fn greet(&self, greeting: Result<(), String>) {
        self.greeting.lock().get_or_insert(greeting);
    }

    /// How the first contact with the broker went; none while there was none.
    pub fn greeting(&self) -> Option<Result<(), String>> {
        self.greeting.lock().clone()
    }

    /// How far each partition is.
    pub fn progress(&self) -> Vec<Progress> {
        self.progress.lock().clone()
    }

    pub(super) fn set_progress(&self, progress: Vec<Progress>) {
        *self.progress.lock() = progress;
    }

    pub(super) fn update_progress(&self, mut update: impl FnMut(&mut Progress)) {
        self.progress.lock().iter_mut().for_each(&mut update);
    }

    /// Takes over what an applied unit did to the ledger.
    fn advance(&self, advances: &[Advance]) {
        let mut progress = self.progress.lock();
        for advance in advances {
            let same =
                |p: &&mut Progress| p.partition == advance.partition && p.topic == advance.topic;
            if let Some(progress) = progress.iter_mut().find(same) {
                progress.next = advance.standing.next;
                progress.epoch = advance.standing.epoch;
                progress.counters = advance.standing.counters;
            }
        }
    }

    /// Asks the worker where every partition ends; it answers in its own time.
    pub fn ask_ends(&self) -> Arc<Mutex<Ends>> {
        let answer = Arc::new(Mutex::new(Ends::Asked));
        {
            // The condition variable's lock, so that the question cannot fall between look and wait.
            let _control = self.control.lock();
            self.questions.lock().push(answer.clone());
            self.asked.fetch_add(1, Ordering::Release);
            self.changed.notify_all();
        }
        self.wake();
        answer
    }

    /// Whether somebody waits to hear where the topics end.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire) > 0
    }

    pub(super) fn take_questions(&self) -> Vec<Arc<Mutex<Ends>>> {
        if self.asked.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let mut questions = self.questions.lock();
        self.asked.fetch_sub(questions.len(), Ordering::AcqRel);
        std::mem::take(&mut questions)
    }

    /// Bytes the worker's own buffers hold.
    pub fn memory(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    pub(super) fn set_memory(&self, bytes: usize) {
        self.memory.store(bytes, Ordering::Relaxed);
    }
}

/// What a worker sends to the applier.
enum Work {
    /// Read the ledger and answer.
    Load(Sender<Result<Positions, String>>),
    /// Apply this.
    Unit(Box<Unit>),
}

/// The worker's end.
pub struct LaneWorker {
    /// The state shared with the applier's side.
    pub shared: Arc<Shared>,
    subscription: String,
    work: Sender<Work>,
    empties: Receiver<Box<Unit>>,
    wake_applier: Arc<dyn Fn() + Send + Sync>,
    /// Dropped with the worker, which tells the lane that the thread has ended.
    _alive: Sender<()>,
}

/// The lane's generation changed: what is under way is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed;

impl LaneWorker {
    /// Name of the subscription.
    pub fn subscription(&self) -> &str {
        &self.subscription
    }

    /// Lets the applier look at the lane: an answer or a state has changed.
    pub fn wake_applier(&self) {
        (self.wake_applier)();
    }

    /// An empty unit, used before where possible.
    pub fn empty_unit(&self) -> Box<Unit> {
        self.empties.try_recv().unwrap_or_default()
    }

    /// Queues a unit, waiting while the queue is full.
    pub fn send(&self, unit: Box<Unit>) -> Result<(), Changed> {
        let generation = unit.generation;
        self.push(Work::Unit(unit), generation)
    }

    /// Asks the applier for the ledger.
    pub fn load(&self, generation: u64) -> Result<Result<Positions, String>, Changed> {
        let (reply, answer) = bounded(1);
        self.push(Work::Load(reply), generation)?;
        loop {
            match answer.recv_timeout(Duration::from_millis(50)) {
                Ok(positions) => return Ok(positions),
                Err(RecvTimeoutError::Disconnected) => return Err(Changed),
                Err(RecvTimeoutError::Timeout) if self.shared.generation() != generation => {
                    return Err(Changed);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn push(&self, mut work: Work, generation: u64) -> Result<(), Changed> {
        loop {
            if self.shared.generation() != generation {
                return Err(Changed);
            }
            match self.work.send_timeout(work, Duration::from_millis(50)) {
                Ok(()) => break,
                Err(SendTimeoutError::Timeout(back)) => work = back,
                Err(SendTimeoutError::Disconnected(_)) => return Err(Changed),
            }
        }
        self.wake_applier();
        Ok(())
    }
}

/// What a turn of a lane did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing was queued.
    Idle,
    /// A unit was dealt with, applied or not.
    Worked,
}

/// The applier's end.
pub struct Lane {
    /// The state shared with the worker.
    pub shared: Arc<Shared>,
    work: Receiver<Work>,
    empties: Sender<Box<Unit>>,
    alive: Receiver<()>,
    /// Units applied since the lane was made.
    pub applied: u64,
    /// Units refused because the ledger stood elsewhere.
    pub stale: u64,
}

/// A new lane; `wake_applier` is called from the worker's thread after every unit queued.
pub fn lane(
    subscription: &str,
    routes: Vec<super::RouteSpec>,
    wanted: Wanted,
    wake_applier: Arc<dyn Fn() + Send + Sync>,
) -> (LaneWorker, Lane) {
    let (work_sender, work) = bounded(QUEUE);
    let (empties_sender, empties) = bounded(QUEUE + 2);
    let control = Control {
        generation: 1,
        wanted,
        routes: Arc::new(routes),
        settle: None,
        verdicts: Vec::new(),
    };
    let shared = Arc::new(Shared {
        control: Mutex::new(control),
        changed: Condvar::new(),
        generation: AtomicU64::new(1),
        status: Mutex::new(Status::new(State::Waiting, "starting", "")),
        progress: Mutex::default(),
        questions: Mutex::default(),
        asked: AtomicUsize::new(0),
        waker: Mutex::new(None),
        last_error: Mutex::default(),
        greeting: Mutex::new(None),
        memory: AtomicUsize::new(0),
    });
    let subscription = subscription.to_owned();
    let (alive_sender, alive) = bounded(0);
    let worker = LaneWorker {
        shared: shared.clone(),
        subscription,
        work: work_sender,
        empties,
        wake_applier,
        _alive: alive_sender,
    };
    (worker, Lane { shared, work, empties: empties_sender, alive, applied: 0, stale: 0 })
}

impl Lane {
    /// Tells the worker to end.
    pub fn exit(&self, farewell: Farewell) {
        self.shared.change(|control| control.wanted = Wanted::Exit(farewell));
    }

    /// Waits until the worker's thread is done with its work; false when the time is up first.
    pub fn has_ended(&self, time: Duration) -> bool {
        matches!(self.alive.recv_timeout(time), Err(RecvTimeoutError::Disconnected))
    }

    /// Whether something is queued.
    pub fn has_work(&self) -> bool {
        !self.work.is_empty()
    }

    /// Units and questions queued.
    pub fn queued(&self) -> usize {
        self.work.len()
    }

    /// Answers ledger questions and drops void units until one unit was applied or refused.
    pub fn turn(&mut self, subscription: &str, applier: &mut dyn Applier) -> Turn {
        loop {
            match self.work.try_recv() {
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Turn::Idle,
                Ok(Work::Load(reply)) => {
                    // A worker that gave up waiting has dropped the other end; its next session asks anew.
                    let _ = reply.send(applier.load(subscription));
                }
                Ok(Work::Unit(mut unit)) => {
                    let current = unit.generation == self.shared.generation();
                    if current {
                        let applied = applier.apply(&mut unit);
                        self.settle(subscription, &unit, applied);
                    }
                    unit.clear();
                    // A full pool only means that this unit's buffers are not needed again.
                    let _ = self.empties.try_send(unit);
                    if current {
                        return Turn::Worked;
                    }
                }
            }
        }
    }

    /// Drops all that is queued and voids what the worker still builds: nothing of it was applied,
    /// so the ledger leads the worker back to it.
    pub fn discard(&mut self) {
        self.shared.change(|_| {});
        while self.work.try_recv().is_ok() {}
    }

    fn settle(&mut self, subscription: &str, unit: &Unit, applied: Applied) {
        match applied {
            Applied::Done => {
                self.applied += 1;
                self.shared.advance(&unit.advances);
            }
            Applied::Stale { partition, expected, found } => {
                self.stale += 1;
                log::warn!(
                    "unit refused: {partition} stands at {found}, not {expected}; reading the ledger again"
                );
                self.shared.change(|_| {});
            }
            Applied::Ledger { partition, fault } => {
                self.stop(format!("the ledger of {partition} {fault}"), LEDGER_WAY_OUT)
            }
            Applied::Failed(problem) => {
                self.stop(problem, "see the server's log, then KAFKA.RESUME")
            }
            Applied::Clash(clashes) => {
                let own = ledger::dead_letters_key(subscription);
                if let Some(clash) = clashes.iter().find(|clash| clash.key == own.as_bytes()) {
                    return self.stop(
                        format!("dead letters cannot be written: {}", clash.problem),
                        "rename the key, then KAFKA.RESUME",
                    );
                }
                self.shared.change(|control| {
                    control
                        .verdicts
                        .extend(clashes.into_iter().filter_map(|clash| verdict(unit, clash)));
                });
            }
        }
    }

    fn stop(&self, reason: String, action: &str) {
        let status = Status::new(State::Stopped, reason, action);
        self.shared.set_status(status.clone());
        self.shared.change(|control| control.wanted = Wanted::Hold(status));
    }
}

/// The record that a clash is about, by its place in Kafka.
fn verdict(unit: &Unit, clash: Clash) -> Option<(RecordId, String)> {
    let record = unit.records.get(clash.record as usize)?;
    let partition = unit.slots.get(record.slot)?;
    let id = RecordId { topic: partition.0.clone(), partition: partition.1, offset: record.offset };
    Some((id, clash.problem))
}
