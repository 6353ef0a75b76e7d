//! What a subscription's worker and the applier's side share: what is wanted, how it goes, who asks.

mod looks;

pub use looks::LastError;

use super::catch_up::LateShown;
use super::contact::Contact;
use super::gate::Passage;
use super::plan::RecordError;
use super::replays::{Replay, Replays};
use super::seek::SeekRequest;
use super::trend::Trend;
use crate::command::{Offsets, Settle};
use crate::kafka::Waker;
use crate::ledger::Counters;
use crate::record::Type;
use crate::state::{State, Status};
use crate::unit::Unit;
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

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
    /// Whether it may begin: closed while it awaits another subscription.
    pub gate: Passage,
    /// The routes, in the order they were made.
    pub routes: Arc<Vec<super::RouteSpec>>,
    /// Names of routes that lack records which the subscription had consumed before them.
    pub late: Arc<Vec<String>>,
    /// What RESUME SKIP or DEADLETTER decided about the thing that stopped it.
    pub settle: Option<Settle>,
    /// Records that Redis or Kafka would refuse, with their words.
    pub verdicts: Vec<(RecordId, RecordError)>,
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

impl From<Offsets> for Farewell {
    fn from(offsets: Offsets) -> Farewell {
        match offsets {
            Offsets::Keep => Farewell::Leave,
            Offsets::Delete => Farewell::Forget,
        }
    }
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
    /// When Kafka got the last record that was applied here, in ms since 1970; none while unknown.
    pub timestamp: Option<i64>,
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

/// Units dealt with since the lane was made.
#[derive(Debug, Default)]
pub struct UnitCounts {
    /// Applied.
    pub applied: AtomicU64,
    /// Refused because the ledger stood elsewhere.
    pub stale: AtomicU64,
}

/// Whether those who ask where the topics end can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Questions {
    /// At once.
    Answered,
    /// Not before something else is known.
    Wait,
}

/// Shared by a worker and the applier's side.
pub struct Shared {
    /// Units dealt with.
    pub units: UnitCounts,
    /// Routes that catch up.
    pub late: LateShown,
    routes: Mutex<BTreeMap<Arc<str>, u64>>,
    hold: Mutex<Option<Status>>,
    control: Mutex<Control>,
    changed: Condvar,
    generation: AtomicU64,
    status: Mutex<Status>,
    progress: Mutex<Vec<Progress>>,
    questions: Mutex<Vec<Arc<Mutex<Ends>>>>,
    asked: AtomicUsize,
    seeks: Mutex<Vec<SeekRequest>>,
    waker: Mutex<Option<Waker>>,
    last_error: Mutex<Option<LastError>>,
    trend: Mutex<Trend>,
    contact: Mutex<Contact>,
    greeting: Mutex<Option<Result<(), String>>>,
    memory: AtomicUsize,
    value_type: Mutex<Option<Arc<Type>>>,
    at_gate: AtomicBool,
    rebalances: AtomicU64,
    partitions_read: AtomicUsize,
    /// Dead letters to be replayed.
    pub(super) replays: Replays,
}

impl Shared {
    /// The state of a lane whose worker has not begun.
    pub(super) fn new(routes: Vec<super::RouteSpec>, wanted: Wanted) -> Shared {
        let control = Control {
            generation: 1,
            wanted,
            gate: Passage::Open,
            routes: Arc::new(routes),
            late: Arc::default(),
            settle: None,
            verdicts: Vec::new(),
        };

        Shared {
            units: UnitCounts::default(),
            late: LateShown::default(),
            routes: Mutex::default(),
            hold: Mutex::new(None),
            control: Mutex::new(control),
            changed: Condvar::new(),
            generation: AtomicU64::new(1),
            status: Mutex::new(Status::new(State::Waiting, "starting", "")),
            progress: Mutex::default(),
            questions: Mutex::default(),
            asked: AtomicUsize::new(0),
            seeks: Mutex::default(),
            waker: Mutex::new(None),
            last_error: Mutex::default(),
            trend: Mutex::default(),
            contact: Mutex::default(),
            greeting: Mutex::new(None),
            memory: AtomicUsize::new(0),
            value_type: Mutex::default(),
            at_gate: AtomicBool::new(false),
            rebalances: AtomicU64::new(0),
            partitions_read: AtomicUsize::new(0),
            replays: Replays::default(),
        }
    }

    /// The lane's generation now; one atomic load.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// A copy of what is wanted.
    pub fn control(&self) -> Control {
        self.control.lock().clone()
    }

    /// Blocks until the generation is another or the time is up.
    pub fn wait_change(&self, generation: u64, time: Duration) {
        self.wait_while(time, |control| control.generation == generation);
    }

    /// Blocks until the generation is another, a question is asked, or the time is up.
    pub(super) fn wait_question(&self, generation: u64, time: Duration) {
        self.wait_while(time, |control| control.generation == generation && !self.is_asked());
    }

    /// Blocks until something ends [`Shared::wait_question`], the group has spoken again, or the time
    /// is up.
    pub(super) fn wait_rebalance(
        &self,
        generation: u64,
        rebalances: u64,
        questions: Questions,
        time: Duration,
    ) {
        self.wait_while(time, |control| {
            control.generation == generation
                && self.rebalances() == rebalances
                && (questions == Questions::Wait || !self.is_asked())
        });
    }

    /// How often the consumer group has changed what belongs to this member.
    pub(super) fn rebalances(&self) -> u64 {
        self.rebalances.load(Ordering::Acquire)
    }

    /// Tells the worker that the group has spoken.
    pub(super) fn rebalanced(&self) {
        {
            // The condition variable's lock, so that it cannot fall between look and wait.
            let _control = self.control.lock();
            self.rebalances.fetch_add(1, Ordering::Release);
            self.changed.notify_all();
        }
        self.wake();
    }

    /// How many partitions are read here: others may be other members' of the consumer group.
    pub fn partitions_read(&self) -> usize {
        self.partitions_read.load(Ordering::Relaxed)
    }

    pub(super) fn set_partitions_read(&self, partitions: usize) {
        self.partitions_read.store(partitions, Ordering::Relaxed);
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

    /// Whether the subscription may begin.
    pub fn gate(&self) -> Passage {
        self.control.lock().gate
    }

    /// Lets a worker through that has consumed before: nothing it does is void for it.
    pub(super) fn pass_gate(&self) {
        self.control.lock().gate = Passage::Open;
    }

    /// Whether the worker stays before a closed gate.
    pub fn is_at_gate(&self) -> bool {
        self.at_gate.load(Ordering::Acquire)
    }

    pub(super) fn set_at_gate(&self, at_gate: bool) {
        self.at_gate.store(at_gate, Ordering::Release);
    }

    /// Takes what a person decided about the last stop: it counts once.
    pub(super) fn take_settle(&self) -> Option<Settle> {
        self.control.lock().settle.take()
    }

    /// Drops verdicts that a finished session has used up.
    pub(super) fn forget_verdicts(&self, generation: u64) {
        let mut control = self.control.lock();
        if control.generation == generation {
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

    /// Says what the worker does, unless it does not know of the last change yet.
    pub(super) fn say(&self, generation: u64, status: Status) {
        let control = self.control.lock();
        if control.generation == generation {
            self.set_status(status);
        }
    }

    /// Says what the subscription does; keeps `since` when nothing changed.
    pub fn set_status(&self, status: Status) {
        if status.state == State::Stopped {
            self.set_last_error(status.reason.clone());
        }
        self.status.lock().change(status);
    }

    /// Why the applier cannot write now; none where it can.
    pub fn hold(&self) -> Option<Status> {
        self.hold.lock().clone()
    }

    /// Says why the applier cannot write now; keeps `since` while the reason stays.
    pub fn set_hold(&self, status: Option<Status>) {
        let mut hold = self.hold.lock();
        match (&mut *hold, status) {
            (Some(hold), Some(status)) => hold.change(status),
            (hold, status) => *hold = status,
        }
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

    /// Takes over what an applied unit did: to the ledger, and for which routes.
    pub(super) fn advance(&self, unit: &Unit) {
        match &unit.catches_up {
            Some(route) => self.late.advance(route, &unit.advances),
            None => self.advance_progress(unit),
        }
        let mut routes = self.routes.lock();
        for (name, records) in unit.routes.iter().zip(&unit.applied) {
            match routes.get_mut(name) {
                Some(sum) => *sum += records,
                None => drop(routes.insert(name.clone(), *records)),
            }
        }
    }

    fn advance_progress(&self, unit: &Unit) {
        let timestamps = unit.timestamps.iter().copied().chain(std::iter::repeat(None));
        let mut progress = self.progress.lock();
        for (advance, timestamp) in unit.advances.iter().zip(timestamps) {
            let same =
                |p: &&mut Progress| p.partition == advance.partition && p.topic == advance.topic;
            if let Some(progress) = progress.iter_mut().find(same) {
                progress.next = advance.standing.next;
                progress.epoch = advance.standing.epoch;
                progress.counters = advance.standing.counters;
                progress.timestamp = timestamp.or(progress.timestamp);
            }
        }
    }

    /// A route has joined for good: nothing changes for the worker, which has it in already.
    pub(crate) fn settle_late(&self, route: &str) {
        let mut control = self.control.lock();
        Arc::make_mut(&mut control.late).retain(|name| name != route);
        self.late.forget(route);
    }

    /// The first of these routes that is still behind, or may be.
    pub fn first_behind<'r>(&self, routes: &'r [String]) -> Option<&'r String> {
        let late = self.control.lock().late.clone();
        let is_behind =
            |route: &&String| late.contains(route) && self.records_behind(route) != Some(0);
        routes.iter().find(is_behind)
    }

    /// How many records a route that catches up has yet to apply; none while unknown.
    pub fn records_behind(&self, route: &str) -> Option<i64> {
        self.late.behind(route, &self.progress.lock())
    }

    /// Records of which a route wrote something, since the lane was made.
    pub fn applied_by(&self, route: &str) -> u64 {
        self.routes.lock().get(route).copied().unwrap_or(0)
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

    /// Has the worker replay dead letters, once it consumes.
    pub fn ask_replay(&self, replay: Replay) {
        self.replays.add(replay);
        self.wake();
    }

    /// Whether somebody waits to hear where the topics end.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire) > 0
    }

    /// Gives back questions that could not be answered.
    pub(super) fn put_back(&self, questions: Vec<Arc<Mutex<Ends>>>) {
        self.asked.fetch_add(questions.len(), Ordering::Release);
        self.questions.lock().extend(questions);
    }

    pub(super) fn take_questions(&self) -> Vec<Arc<Mutex<Ends>>> {
        if self.asked.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let mut questions = self.questions.lock();
        self.asked.fetch_sub(questions.len(), Ordering::AcqRel);
        std::mem::take(&mut questions)
    }

    /// Has the worker move the ledger at the beginning of its next session, which is now.
    pub fn seek(&self, request: SeekRequest) {
        self.seeks.lock().push(request);
        self.change(|_| {});
    }

    pub(super) fn take_seeks(&self) -> Vec<SeekRequest> {
        std::mem::take(&mut *self.seeks.lock())
    }

    /// The type of the values, where a schema tells it before any record is read.
    pub fn value_type(&self) -> Option<Arc<Type>> {
        self.value_type.lock().clone()
    }

    pub(super) fn set_value_type(&self, value_type: Type) {
        *self.value_type.lock() = Some(Arc::new(value_type));
    }
}
