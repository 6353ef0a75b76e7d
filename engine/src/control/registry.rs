//! What a host knows of subscriptions and routes: the definitions, each subscription with its lane
//! while it consumes here.

use super::host::{Host, Role};
use super::inquiries::Inquiries;
use super::synchronise::Seen;
use crate::command::definition::Phase;
use crate::command::{Initial, Route, Settle, Statement, Subscribe};
use crate::kafka::{Membership, Profiles};
use crate::state::{State, Status};
use crate::worker::UnitRecords;
use crate::worker::{
    self, Farewell, Gate, Lane, LaneWorker, Passage, Progress, RouteSpec, Spec, Wanted, lane,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long all threads together may take to end.
const FAREWELL: Duration = Duration::from_secs(2);

/// What holds for all subscriptions of a host.
#[derive(Debug, Clone)]
pub struct Config {
    /// The admin's connection profiles.
    pub profiles: Profiles,
    /// How many records a unit takes.
    pub unit_records: UnitRecords,
    /// How partitions come to the subscriptions of this host.
    pub membership: Membership,
}

/// A subscription known here.
pub struct Subscription {
    /// Database of its data and ledger.
    pub db: i32,
    /// Its place in the order of definitions.
    pub made: u64,
    /// What was declared, with its consumer group.
    pub declared: Subscribe,
    /// The queue from its worker; none on a standby.
    pub lane: Option<Lane>,
    /// Why it has no lane, or why its lane must hold.
    pub fault: Option<Status>,
    /// What it awaits before it begins; none without AFTER, and once it has begun.
    pub gate: Option<Gate>,
}

/// A route known here.
pub struct KnownRoute {
    /// Its place in the order of definitions; routes run in it.
    pub made: u64,
    /// Whether it catches up.
    pub phase: Phase,
    /// What was declared.
    pub declared: Route,
}

/// A lane that carries nothing but questions.
pub struct Guest {
    /// The database they are about.
    pub db: i32,
    /// The lane.
    pub lane: Lane,
}

/// Units that lanes dealt with which are gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PastUnits {
    /// Applied.
    pub applied: u64,
    /// Refused because the ledger stood elsewhere.
    pub stale: u64,
}

/// All definitions by name, and the threads behind them. Belongs to one thread of its host.
pub struct Registry {
    /// What holds for all subscriptions.
    pub config: Config,
    /// Subscriptions by name.
    pub subscriptions: BTreeMap<String, Subscription>,
    /// Routes by name.
    pub routes: BTreeMap<String, KnownRoute>,
    /// Units of lanes that are gone.
    pub past: PastUnits,
    /// Lanes whose workers were told to end.
    leaving: Vec<Lane>,
    /// Threads that ask Kafka for clients.
    pub(super) inquiries: Inquiries,
    /// Lanes that carry nothing but questions.
    guests: Vec<Guest>,
    /// What was found in Redis last.
    pub(super) seen: Option<Seen>,
    /// Whether all of it was taken over, and nothing was changed here since.
    pub(super) is_settled: bool,
}

impl Registry {
    /// An empty registry.
    pub fn new(config: Config) -> Registry {
        Registry {
            config,
            subscriptions: BTreeMap::new(),
            routes: BTreeMap::new(),
            past: PastUnits::default(),
            leaving: Vec::new(),
            inquiries: Inquiries::default(),
            guests: Vec::new(),
            seen: None,
            is_settled: false,
        }
    }

    /// The routes of a subscription, in the order they were made.
    pub(super) fn routes_of(&self, subscription: &str) -> Vec<&KnownRoute> {
        let mut routes: Vec<_> =
            self.routes.values().filter(|route| route.declared.from == subscription).collect();
        routes.sort_by_key(|route| route.made);
        routes
    }

    fn specs_of(&self, subscription: &str) -> Vec<RouteSpec> {
        let routes = self.routes_of(subscription);
        routes.iter().map(|route| RouteSpec::of(&route.declared)).collect()
    }

    /// What stands under a name already.
    pub fn stored(&self, name: &str) -> Option<Statement> {
        let subscription =
            self.subscriptions.get(name).map(|known| Statement::Subscribe(known.declared.clone()));
        subscription
            .or_else(|| self.routes.get(name).map(|known| Statement::Route(known.declared.clone())))
    }

    /// The number for the next definition.
    pub(super) fn next_made(&self) -> u64 {
        let subscriptions = self.subscriptions.values().map(|known| known.made);
        subscriptions
            .chain(self.routes.values().map(|known| known.made))
            .max()
            .map_or(1, |last| last + 1)
    }

    /// Starts a worker for a subscription, ending the one it may have.
    pub(super) fn start(&mut self, host: &mut impl Host, name: &str) {
        self.stop(name, Farewell::Leave);
        let (routes, late) = (self.specs_of(name), self.late_of(name));
        let Some(known) = self.subscriptions.get_mut(name) else { return };
        let spec = spec(&known.declared, &self.config);
        let wanted = match (&known.fault, known.declared.initial) {
            (Some(fault), _) => Wanted::Hold(fault.clone()),
            (None, Initial::Paused) => Wanted::Pause,
            (None, Initial::Running) => Wanted::Run,
        };
        let (end, lane) = lane(name, routes, wanted, host.waker());
        if !late.is_empty() {
            lane.shared.change(|control| control.late = Arc::new(late));
        }
        known.gate = known.declared.after.as_deref().map(|after| Gate::new(name, after));
        if known.gate.is_some() {
            lane.shared.change(|control| control.gate = Passage::Closed);
        }
        match worker::spawn(spec, end) {
            Ok(_) => {
                host.attach(name, known.db, &lane);
                known.lane = Some(lane);
            }
            Err(error) => {
                let reason = format!("no thread could be started: {error}");
                known.fault =
                    Some(Status::new(State::Stopped, reason, format!("KAFKA.RESUME {name}")));
            }
        }
        self.ask_again_behind(name);
    }

    /// Ends a subscription's worker, without waiting for it.
    pub(super) fn stop(&mut self, name: &str, farewell: Farewell) {
        if let Some(lane) = self.subscriptions.get_mut(name).and_then(|known| known.lane.take()) {
            lane.exit(farewell);
            self.past.applied += lane.shared.units.applied.load(Ordering::Relaxed);
            self.past.stale += lane.shared.units.stale.load(Ordering::Relaxed);
            self.leaving.push(lane);
        }
        self.leaving.retain(|lane| !lane.has_ended(Duration::ZERO));
    }

    /// Gives a subscription's worker the routes there are now, unless it has them.
    pub(super) fn reroute(&mut self, subscription: &str) {
        let (routes, late) = (self.specs_of(subscription), self.late_of(subscription));
        let lane = self.subscriptions.get(subscription).and_then(|known| known.lane.as_ref());
        let Some(lane) = lane else { return };
        let control = lane.shared.control();
        if *control.routes != routes || *control.late != late {
            let gone = control.late.iter().filter(|route| !late.contains(route));
            gone.for_each(|route| lane.shared.late.forget(route));
            lane.shared.change(|control| {
                control.routes = Arc::new(routes);
                control.late = Arc::new(late);
            });
        }
    }

    /// Has a subscription run or pause, as its definition now says, and settles what stopped it.
    pub(super) fn set_initial(
        &mut self,
        host: &mut impl Host,
        name: &str,
        initial: Initial,
        settle: Option<Settle>,
    ) {
        let Some(known) = self.subscriptions.get_mut(name) else { return };
        known.declared.initial = initial;
        known.fault = None;
        let Some(lane) = known.lane.as_ref().filter(|lane| !lane.has_ended(Duration::ZERO)) else {
            return self.start(host, name);
        };
        // Nobody who asks from now on, such as a WAIT, may hear of the state before.
        let (wanted, status) = match initial {
            Initial::Paused => {
                let status = Status::new(State::Paused, "paused", format!("KAFKA.RESUME {name}"));
                (Wanted::Pause, status)
            }
            Initial::Running => (Wanted::Run, Status::new(State::Waiting, "resuming", "")),
        };
        lane.shared.change(|control| {
            control.wanted = wanted;
            control.settle = settle;
            // A person may have mended what Redis refused: it is tried anew.
            control.verdicts.clear();
            lane.shared.set_status(status);
        });
    }

    /// A lane for questions about what Redis holds in this database; the host answers them as those of
    /// the subscription, until what is given here is dropped.
    pub(super) fn guest(
        &mut self,
        host: &mut impl Host,
        subscription: &str,
        db: i32,
    ) -> LaneWorker {
        self.guests.retain(|guest| !guest.lane.has_ended(Duration::ZERO));
        let (end, lane) = lane(subscription, Vec::new(), Wanted::Run, host.waker());
        host.attach(subscription, db, &lane);
        self.guests.push(Guest { db, lane });
        end
    }

    /// The guest that has waited longest with a question, for a host that answers on its own thread.
    pub fn waiting_guest(&mut self) -> Option<&mut Guest> {
        self.guests.iter_mut().find(|guest| guest.lane.has_work())
    }

    /// Voids all queued units: the data set under them has changed. What is stored is to be read again
    /// ([`Registry::synchronise`]).
    pub fn discard_all(&mut self) {
        self.is_settled = false;
        for lane in self.subscriptions.values_mut().filter_map(|known| known.lane.as_mut()) {
            lane.discard();
        }
    }

    /// Ends all workers and waits for their threads, at most two seconds; whether all ended.
    pub fn end(&mut self) -> bool {
        self.is_settled = false;
        let names: Vec<_> = self.subscriptions.keys().cloned().collect();
        for name in names {
            self.stop(&name, Farewell::Leave);
        }
        let deadline = Instant::now() + FAREWELL;
        self.leaving
            .retain(|lane| !lane.has_ended(deadline.saturating_duration_since(Instant::now())));
        self.inquiries.end(deadline) && self.leaving.is_empty()
    }
}

fn spec(declared: &Subscribe, config: &Config) -> Spec {
    Spec {
        name: declared.name.clone(),
        topics: declared.topics.clone(),
        connection: declared.connection.clone(),
        profiles: config.profiles.clone(),
        key: declared.key,
        value: declared.value,
        registry: declared.registry.clone(),
        envelope: declared.envelope,
        start: declared.start,
        on_error: declared.on_error,
        letters: declared.letters.clone(),
        group: declared.group.clone().unwrap_or_default(),
        membership: config.membership.clone(),
        unit_records: config.unit_records,
    }
}

impl Subscription {
    /// A subscription that has not begun.
    pub(super) fn new(db: i32, made: u64, declared: Subscribe) -> Subscription {
        Subscription { db, made, declared, lane: None, fault: None, gate: None }
    }

    /// How far each partition is, as far as a worker here knows.
    pub fn progress(&self) -> Vec<Progress> {
        self.lane.as_ref().map(|lane| lane.shared.progress()).unwrap_or_default()
    }

    /// Why nothing of it can be written now: the host's reason, or else its own applier's.
    pub fn hold(&self, hold: Option<&Status>) -> Option<Status> {
        hold.cloned().or_else(|| self.lane.as_ref()?.shared.hold())
    }

    /// The state to show: why nothing can be written first (`hold` is what the host says of all
    /// subscriptions), then what the worker says.
    pub fn status(&self, hold: Option<&Status>) -> Status {
        let Some(lane) = &self.lane else {
            let waiting = || Status::new(State::Waiting, "starting", "");
            return self.fault.clone().unwrap_or_else(waiting);
        };
        let mut status = lane.shared.status();
        if let Some(gate) = self.gate.as_ref().filter(|_| lane.shared.is_at_gate())
            && status.state == State::Waiting
        {
            status = gate.status().clone();
        }
        let is_held = match (hold, status.state) {
            (_, State::Running) => true,
            (Some(_), _) => lane.has_work(),
            // An applier that holds has work in hand, whatever is queued behind it.
            (None, state) => state == State::Waiting,
        };
        if is_held { self.hold(hold).unwrap_or(status) } else { status }
    }
}

/// What a subscription shows where it stands by, for this reason.
pub(super) fn standby(role: &Role) -> Option<Status> {
    match role {
        Role::Consumes => None,
        Role::StandsBy(reason) | Role::Refuses(reason) => {
            Some(Status::new(State::Standby, reason, ""))
        }
    }
}
