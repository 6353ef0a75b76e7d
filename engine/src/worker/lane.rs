//! A lane: the bounded queue between one subscription's worker and the applier,
//! with the state both share.
//!
//! Everything that changes what a worker may do (a route, a pause, a stale unit, a
//! new role) raises the lane's *generation*: units built under an older one are
//! dropped unapplied, and the worker begins anew at what the ledger holds.

use super::shared::{Farewell, Shared, Wanted};
use crate::applier::{Applied, Applier, Known, Lookahead, Positions};
use crate::ledger::{self, LedgerFault};
use crate::letter;
use crate::lookup::Lookup;
use crate::state::{State, Status};
use crate::unit::Unit;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use room::Room;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
pub(super) use verdicts::is_ahead;
use verdicts::{refused_late, verdict};

/// Units that may wait between a worker and the applier.
const QUEUE: usize = 8;

/// What to do about a ledger that cannot be used.
pub const LEDGER_WAY_OUT: &str =
    "restore the ledger key and KAFKA.RESUME, or KAFKA.UNSUBSCRIBE and subscribe again with START";

/// What a worker sends to the applier.
enum Work {
    /// Read the subscription's ledger, or that of a route that catches up, and answer.
    Load(Option<Arc<str>>, Sender<Result<Positions, String>>),
    /// Read dead letters and answer.
    Letters(letter::Range, Sender<Result<letter::Page, String>>),
    /// Apply this.
    Unit(Box<Unit>),
    /// Apply this, which replays dead letters, and answer what became of it.
    Replay(Box<Unit>, Sender<Applied>),
    /// Answer what goes into one turn of it, and give it back.
    Resolve(Box<Lookup>, Sender<Box<Lookup>>),
}

/// Where a ledger is answered that was asked for.
pub type PositionsAsked = Receiver<Result<Positions, String>>;

/// Questions on their way.
pub struct Asked(Receiver<Box<Lookup>>);

/// The worker's end.
pub struct LaneWorker {
    /// The state shared with the applier's side.
    pub shared: Arc<Shared>,
    subscription: String,
    work: Sender<Work>,
    empties: Receiver<Box<Unit>>,
    room: Arc<Room>,
    wake_applier: Arc<dyn Fn() + Send + Sync>,
    patience: Duration,
    is_stuck: AtomicBool,
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
        let answer = self.ask_positions(generation)?;
        self.answer(&answer, generation)
    }

    /// The same for the ledger of a route that catches up.
    pub fn load_late(
        &self,
        route: &Arc<str>,
        generation: u64,
    ) -> Result<Result<Positions, String>, Changed> {
        let answer = self.ask_late_positions(route, generation)?;
        self.answer(&answer, generation)
    }

    /// Asks the applier for the ledger, for an answer that comes after the units queued so far.
    pub fn ask_positions(&self, generation: u64) -> Result<PositionsAsked, Changed> {
        self.ask_ledger(None, generation)
    }

    /// The same for the ledger of a route that catches up.
    pub fn ask_late_positions(
        &self,
        route: &Arc<str>,
        generation: u64,
    ) -> Result<PositionsAsked, Changed> {
        self.ask_ledger(Some(route.clone()), generation)
    }

    fn ask_ledger(
        &self,
        route: Option<Arc<str>>,
        generation: u64,
    ) -> Result<PositionsAsked, Changed> {
        let (reply, answer) = bounded(1);
        self.push(Work::Load(route, reply), generation)?;
        Ok(answer)
    }

    /// Asks the applier about hashes, behind all units queued so far.
    pub fn ask(&self, lookup: Box<Lookup>, generation: u64) -> Result<Asked, Changed> {
        let (reply, answer) = bounded(1);
        self.push(Work::Resolve(lookup, reply), generation)?;
        Ok(Asked(answer))
    }

    /// The answer to [`LaneWorker::ask`].
    pub fn answered(&self, asked: &Asked, generation: u64) -> Result<Box<Lookup>, Changed> {
        self.answer(&asked.0, generation)
    }

    /// Waits for the applier so long at most, then ends the session ([`LaneWorker::take_stuck`]).
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Whether the applier was waited for in vain since the last call.
    pub fn take_stuck(&self) -> bool {
        self.is_stuck.swap(false, Ordering::Relaxed)
    }

    /// Looks whether it is worth waiting for the applier any longer.
    fn look(&self, generation: u64, since: Instant) -> Result<(), Changed> {
        if self.shared.generation() != generation {
            return Err(Changed);
        }
        if since.elapsed() > self.patience {
            return Err(self.give_up());
        }
        Ok(())
    }

    /// Says that the applier was waited for in vain.
    pub fn give_up(&self) -> Changed {
        self.is_stuck.store(true, Ordering::Relaxed);
        Changed
    }

    fn answer<T>(&self, answer: &Receiver<T>, generation: u64) -> Result<T, Changed> {
        let since = Instant::now();
        loop {
            match answer.recv_timeout(Duration::from_millis(50)) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Disconnected) => return Err(Changed),
                Err(RecvTimeoutError::Timeout) => self.look(generation, since)?,
            }
        }
    }

    fn push(&self, mut work: Work, generation: u64) -> Result<(), Changed> {
        let since = Instant::now();
        loop {
            self.look(generation, since)?;
            match self.work.try_send(work) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) => {
                    work = back;
                    self.room.wait(QUEUE, || self.work.len(), Duration::from_millis(50));
                }
                Err(TrySendError::Disconnected(_)) => return Err(Changed),
            }
        }
        if !self.room.is_lent() {
            self.wake_applier();
        }
        Ok(())
    }
}

/// What waits in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queued {
    /// Something.
    Work,
    /// Nothing yet.
    Nothing,
    /// Nothing, for ever: the worker has ended.
    Ended,
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
    room: Arc<Room>,
    /// What was taken off the queue before its turn.
    ahead: Option<Work>,
}

/// A new lane; `wake_applier` is called from the worker's thread when an answer or a state has
/// changed, and after every unit queued unless a thread [waits](Lane::share) for them.
pub fn lane(
    subscription: &str,
    routes: Vec<super::RouteSpec>,
    wanted: Wanted,
    wake_applier: Arc<dyn Fn() + Send + Sync>,
) -> (LaneWorker, Lane) {
    let (work_sender, work) = bounded(QUEUE);
    let (empties_sender, empties) = bounded(QUEUE + 2);
    let shared = Arc::new(Shared::new(routes, wanted));
    let subscription = subscription.to_owned();
    let (alive_sender, alive) = bounded(0);
    let room = Arc::<Room>::default();
    let worker = LaneWorker {
        shared: shared.clone(),
        subscription,
        work: work_sender,
        empties,
        room: room.clone(),
        wake_applier,
        patience: Duration::MAX,
        is_stuck: AtomicBool::new(false),
        _alive: alive_sender,
    };
    (worker, Lane { shared, work, empties: empties_sender, alive, room, ahead: None })
}

impl Lane {
    /// The same lane for a thread that [waits](Lane::wait) for its work and takes all of its turns:
    /// what is queued wakes nobody else from now on.
    pub fn share(&self) -> Lane {
        self.room.lend();
        Lane {
            shared: self.shared.clone(),
            work: self.work.clone(),
            empties: self.empties.clone(),
            alive: self.alive.clone(),
            room: self.room.clone(),
            ahead: None,
        }
    }

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
        self.queued() > 0
    }

    /// Units and questions queued.
    pub fn queued(&self) -> usize {
        self.work.len() + usize::from(self.ahead.is_some())
    }

    /// Waits until something is queued; what there is when the time is up, or the worker has ended.
    pub fn wait(&mut self, time: Duration) -> Queued {
        if self.ahead.is_none() {
            match self.work.recv_timeout(time) {
                Ok(work) => {
                    self.room.tell(QUEUE, self.work.len());
                    self.ahead = Some(work);
                }
                Err(RecvTimeoutError::Timeout) => return Queued::Nothing,
                Err(RecvTimeoutError::Disconnected) => return Queued::Ended,
            }
        }
        Queued::Work
    }

    fn next(&mut self) -> Option<Work> {
        self.ahead.take().or_else(|| self.take())
    }

    /// Takes the first thing off the queue.
    fn take(&self) -> Option<Work> {
        let work = self.work.try_recv().ok()?;
        self.room.tell(QUEUE, self.work.len());
        Some(work)
    }

    /// Answers ledger questions and drops void units until one unit was applied or refused, or
    /// questions about hashes were answered.
    pub fn turn(&mut self, subscription: &str, applier: &mut dyn Applier) -> Turn {
        loop {
            match self.next() {
                None => return Turn::Idle,
                Some(Work::Load(route, reply)) => {
                    let ledger = ledger_of(subscription, route.as_ref());
                    // A worker that gave up waiting has dropped the other end; its next session asks anew.
                    let _ = reply.send(applier.load(&ledger));
                }
                Some(Work::Resolve(mut lookup, reply)) => {
                    applier.resolve(&mut lookup);
                    // As above.
                    let _ = reply.send(lookup);
                    return Turn::Worked;
                }
                Some(Work::Letters(range, reply)) => {
                    // As above.
                    let _ = reply.send(applier.letters(subscription, range));
                    return Turn::Worked;
                }
                Some(Work::Replay(mut unit, reply)) => {
                    if unit.generation != self.shared.generation() {
                        continue;
                    }
                    let applied = applier.apply(&mut unit, None);
                    if let Some(answer) = self.settle_replay(subscription, &unit, applied) {
                        // As above.
                        let _ = reply.send(answer);
                    }
                    return Turn::Worked;
                }
                Some(Work::Unit(mut unit)) => {
                    let current = unit.generation == self.shared.generation();
                    if current {
                        let ledger = ledger_of(subscription, unit.catches_up.as_ref());
                        if applier.lookahead() == Lookahead::Next {
                            self.ahead = self.take();
                        }
                        match applier.apply(&mut unit, self.unit_ahead()) {
                            Applied::Ledger { partition, fault: LedgerFault::Unlisted }
                                if is_listed(applier, &ledger, &partition) =>
                            {
                                self.yield_to_faster(&partition);
                            }
                            applied => self.settle(&ledger, &unit, applied),
                        }
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

    /// The next unit, where it is built on the one before it.
    fn unit_ahead(&self) -> Option<&Unit> {
        match &self.ahead {
            Some(Work::Unit(unit)) if unit.generation == self.shared.generation() => Some(unit),
            _ => None,
        }
    }

    /// Drops all that is queued and voids what the worker still builds: nothing of it was applied,
    /// so the ledger leads the worker back to it.
    pub fn discard(&mut self) {
        self.shared.change(|_| {});
        while self.next().is_some() {}
    }

    /// Another member of the group has made the ledger since the worker looked: it looks again.
    fn yield_to_faster(&self, partition: &str) {
        self.shared.units.stale.fetch_add(1, Ordering::Relaxed);
        log::info!("the ledger of {partition} was made by another member; reading it");
        self.shared.change(|_| {});
    }

    fn settle(&mut self, ledger: &str, unit: &Unit, applied: Applied) {
        match applied {
            Applied::Done => {
                self.shared.units.applied.fetch_add(1, Ordering::Relaxed);
                self.shared.advance(unit);
            }
            Applied::Stale { partition, expected, found } => {
                self.shared.units.stale.fetch_add(1, Ordering::Relaxed);
                log::warn!(
                    "unit refused: {partition} stands at {found}, not {expected}; reading the ledger again"
                );
                self.shared.change(|_| {});
            }
            Applied::Ledger { partition, fault: LedgerFault::Unlisted } => {
                let fault = LedgerFault::Unlisted;
                let list = ledger::known_key(ledger);
                let action = format!("restore {list}, or DEL {list}:{partition} to begin anew");
                self.stop(format!("the ledger of {partition} {fault}"), &action)
            }
            Applied::Ledger { partition, fault } => {
                self.stop(format!("the ledger of {partition} {fault}"), LEDGER_WAY_OUT)
            }
            Applied::Dropped => {}
            Applied::Gone => self.shared.change(|_| {}),
            Applied::PartlyRefused(clashes) => {
                self.shared.units.applied.fetch_add(1, Ordering::Relaxed);
                self.shared.advance(unit);
                self.stop(refused_late(unit, clashes), "write what is missing, then KAFKA.RESUME");
            }
            Applied::Failed(problem) => {
                self.stop(problem, "see the server's log, then KAFKA.RESUME")
            }
            Applied::Clash(clashes) => {
                if let Some(clash) = clashes.iter().find(|it| ledger::is_reserved(&it.key)) {
                    let what = match ledger::is_of_ledger(&clash.key) {
                        true => "the ledger",
                        false => "dead letters",
                    };
                    return self.stop(
                        format!("{what} cannot be written: {}", clash.problem),
                        "rename the key, then KAFKA.RESUME",
                    );
                }
                self.shared.change(|control| {
                    // Those behind the ledger have done their work; those before it are still to come.
                    control.verdicts.retain(|verdict| is_ahead(unit, verdict));
                    let found = clashes.into_iter().filter_map(|clash| verdict(unit, clash));
                    control.verdicts.extend(found);
                });
            }
        }
    }

    /// Has the worker stop, for a reason that only a person can mend.
    pub fn stop(&self, reason: String, action: &str) {
        self.hold(Status::new(State::Stopped, reason, action));
    }

    /// Has the worker hold with this status, which is shown from now on.
    pub fn hold(&self, status: Status) {
        self.shared.set_status(status.clone());
        self.shared.change(|control| control.wanted = Wanted::Hold(status));
    }
}

/// Whether the ledger's list knows a partition, `topic/partition`, now.
fn is_listed(applier: &mut dyn Applier, subscription: &str, partition: &str) -> bool {
    let same = |known: &Known| format!("{}/{}", known.topic, known.partition) == partition;
    applier.load(subscription).is_ok_and(|positions| positions.partitions.iter().any(same))
}

/// The name of the ledger that a route's or the subscription's own units advance.
fn ledger_of<'s>(subscription: &'s str, route: Option<&Arc<str>>) -> Cow<'s, str> {
    match route {
        None => Cow::Borrowed(subscription),
        Some(route) => Cow::Owned(ledger::catch_up_name(subscription, route)),
    }
}

mod letters;
mod room;
#[cfg(test)]
mod tests;
mod verdicts;
