//! What this server knows of subscriptions and routes: the definitions stored in Redis, each
//! subscription with its lane while it consumes here.

use crate::apply::ModuleApplier;
use crate::load::{Config, Propagate};
use crate::redis::{self, Context, Manner};
use redis_kafka_engine::applier::Applier;
use redis_kafka_engine::command::definition::{Definition, KEY};
use redis_kafka_engine::command::{Initial, Route, Statement, Subscribe};
use redis_kafka_engine::kafka::Membership;
use redis_kafka_engine::state::{State, Status};
use redis_kafka_engine::target::Place;
use redis_kafka_engine::worker::{
    self, Farewell, Gate, Lane, Passage, Progress, RouteSpec, Spec, Wanted, lane,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Where definitions stand.
const DEFINITIONS_DB: i32 = 0;

/// How long all threads together may take to end.
const FAREWELL: Duration = Duration::from_secs(2);

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
    /// What was declared.
    pub declared: Route,
}

/// All definitions by name, and the threads behind them.
pub struct Registry {
    /// The load arguments.
    pub config: Config,
    /// Subscriptions by name.
    pub subscriptions: BTreeMap<String, Subscription>,
    /// Routes by name.
    pub routes: BTreeMap<String, KnownRoute>,
    /// Lanes whose workers were told to end.
    leaving: Vec<Lane>,
    /// Units applied and refused by lanes that are gone.
    pub past: (u64, u64),
}

/// What to do when the stored definitions have gone.
const GONE: &str = "restore kafka:definitions, or KAFKA.UNSUBSCRIBE and declare it again";

impl Registry {
    /// An empty registry.
    pub fn new(config: Config) -> Registry {
        Registry {
            config,
            subscriptions: BTreeMap::new(),
            routes: BTreeMap::new(),
            leaving: Vec::new(),
            past: (0, 0),
        }
    }

    /// The routes of a subscription, in the order they were made.
    pub fn routes_of(&self, subscription: &str) -> Vec<&KnownRoute> {
        let mut routes: Vec<_> =
            self.routes.values().filter(|route| route.declared.from == subscription).collect();
        routes.sort_by_key(|route| route.made);
        routes
    }

    fn specs_of(&self, subscription: &str) -> Vec<RouteSpec> {
        let spec = |route: &&KnownRoute| RouteSpec {
            name: route.declared.name.clone(),
            target: route.declared.target.clone(),
            additions: route.declared.additions.clone(),
            condition: route.declared.condition.clone(),
            selection: route.declared.selection.clone(),
        };
        self.routes_of(subscription).iter().map(spec).collect()
    }

    /// How units are sent to replicas and AOF: those of a route that runs a COMMAND as plain
    /// commands in any case.
    pub fn sent(&self) -> Propagate {
        let runs_command =
            |route: &KnownRoute| matches!(route.declared.target.place(), Place::Command(_));
        match self.routes.values().any(runs_command) {
            true => Propagate::Commands,
            false => self.config.propagate,
        }
    }

    /// What stands under a name already.
    pub fn stored(&self, name: &str) -> Option<Statement> {
        let subscription =
            self.subscriptions.get(name).map(|known| Statement::Subscribe(known.declared.clone()));
        subscription
            .or_else(|| self.routes.get(name).map(|known| Statement::Route(known.declared.clone())))
    }

    /// The number for the next definition.
    pub fn next_made(&self) -> u64 {
        let subscriptions = self.subscriptions.values().map(|known| known.made);
        subscriptions
            .chain(self.routes.values().map(|known| known.made))
            .max()
            .map_or(1, |last| last + 1)
    }

    /// Starts a worker for a subscription, ending the one it may have.
    pub fn start(&mut self, name: &str) {
        self.stop(name, Farewell::Leave);
        let routes = self.specs_of(name);
        let config = self.config.clone();
        let Some(known) = self.subscriptions.get_mut(name) else { return };
        let spec = spec(&known.declared, &config);
        let wanted = match (&known.fault, known.declared.initial) {
            (Some(fault), _) => Wanted::Hold(fault.clone()),
            (None, Initial::Paused) => Wanted::Pause,
            (None, Initial::Running) => Wanted::Run,
        };
        let (end, lane) = lane(name, routes, wanted, Arc::new(wake));
        known.gate = known.declared.after.as_deref().map(|after| Gate::new(name, after));
        if known.gate.is_some() {
            lane.shared.change(|control| control.gate = Passage::Closed);
        }
        match worker::spawn(spec, end) {
            Ok(_) => known.lane = Some(lane),
            Err(error) => {
                let reason = format!("no thread could be started: {error}");
                known.fault =
                    Some(Status::new(State::Stopped, reason, format!("KAFKA.RESUME {name}")));
            }
        }
        self.ask_again_behind(name);
    }

    /// Ends a subscription's worker, without waiting for it.
    pub fn stop(&mut self, name: &str, farewell: Farewell) {
        if let Some(lane) = self.subscriptions.get_mut(name).and_then(|known| known.lane.take()) {
            lane.exit(farewell);
            self.past.0 += lane.shared.units.applied.load(Ordering::Relaxed);
            self.past.1 += lane.shared.units.stale.load(Ordering::Relaxed);
            self.leaving.push(lane);
        }
        self.leaving.retain(|lane| !lane.has_ended(Duration::ZERO));
    }

    /// Gives a subscription's worker the routes there are now.
    pub fn reroute(&mut self, subscription: &str) {
        let routes = Arc::new(self.specs_of(subscription));
        if let Some(lane) =
            self.subscriptions.get(subscription).and_then(|known| known.lane.as_ref())
        {
            lane.shared.change(|control| control.routes = routes);
        }
    }

    /// Voids all queued units: the data set under them has changed.
    pub fn discard_all(&mut self) {
        for lane in self.subscriptions.values_mut().filter_map(|known| known.lane.as_mut()) {
            lane.discard();
        }
    }

    /// Ends all workers and waits for their threads, at most so long; whether all ended.
    pub fn end(&mut self) -> bool {
        let names: Vec<_> = self.subscriptions.keys().cloned().collect();
        for name in names {
            self.stop(&name, Farewell::Leave);
        }
        let deadline = Instant::now() + FAREWELL;
        self.leaving
            .retain(|lane| !lane.has_ended(deadline.saturating_duration_since(Instant::now())));
        self.leaving.is_empty()
    }

    /// An applier on this context, in a subscription's database.
    pub fn applier<'a>(config: &'a Config, context: Context, db: i32) -> ModuleApplier<'a> {
        context.select(db);
        ModuleApplier { context, propagate: config.propagate, user: config.user.as_deref() }
    }

    /// Whether records of the subscription were consumed already, by its ledger.
    pub fn has_consumed(&self, context: Context, name: &str) -> Result<bool, String> {
        let Some(known) = self.subscriptions.get(name) else { return Ok(false) };
        let db = context.db();
        let positions = Registry::applier(&self.config, context, known.db).load(name);
        context.select(db);
        let consumed = |known: &redis_kafka_engine::applier::Known| {
            known.standing.as_ref().map_or(true, |s| s.counters.consumed > 0)
        };
        Ok(positions?.partitions.iter().any(consumed))
    }

    /// Stores a definition, for this server's next start, for replicas and for other readers.
    pub fn store(context: Context, name: &str, definition: &Definition) -> Result<(), String> {
        in_definitions(context, |context| {
            context.call("HSET", &[KEY, name, &definition.encode()], Manner::Replicated)
        })
    }

    /// Removes stored definitions.
    pub fn unstore(context: Context, names: &[&str]) -> Result<(), String> {
        let arguments: Vec<_> = std::iter::once(KEY).chain(names.iter().copied()).collect();
        in_definitions(context, |context| context.call("HDEL", &arguments, Manner::Replicated))
    }

    /// Takes over what Redis holds: after loading, a new role, a flush, a swap. On a primary
    /// subscriptions run; on a replica they stand by.
    pub fn synchronise(&mut self, context: Context) {
        let stored = match read_definitions(context) {
            Ok(stored) => stored,
            Err(problem) => {
                log::warn!("{KEY} cannot be read: {problem}");
                BTreeMap::new()
            }
        };
        let is_primary = context.flags().is_primary();
        let names: Vec<_> = self.subscriptions.keys().cloned().collect();
        for name in &names {
            if !is_primary {
                self.stop(name, Farewell::Leave);
            }
        }
        self.routes.retain(|name, _| stored.contains_key(name));
        if !is_primary {
            self.subscriptions.retain(|name, _| stored.contains_key(name));
        }
        for (name, definition) in &stored {
            self.take_over(name, definition);
        }
        if is_primary {
            return self.run_all(&stored);
        }
        for known in self.subscriptions.values_mut() {
            match &mut known.fault {
                Some(fault) => fault.change(standby()),
                None => known.fault = Some(standby()),
            }
        }
    }

    fn take_over(&mut self, name: &str, definition: &Definition) {
        let (db, made) = (i32::try_from(definition.db).unwrap_or(0), definition.made);
        match &definition.statement {
            Statement::Route(route) => {
                self.routes.insert(name.to_owned(), KnownRoute { made, declared: route.clone() });
            }
            Statement::Subscribe(declared) => {
                let same = self
                    .subscriptions
                    .get(name)
                    .is_some_and(|known| (known.db, &known.declared) == (db, declared));
                if !same {
                    self.stop(name, Farewell::Leave);
                    let known = Subscription {
                        db,
                        made,
                        declared: declared.clone(),
                        lane: None,
                        fault: None,
                        gate: None,
                    };
                    self.subscriptions.insert(name.to_owned(), known);
                }
            }
            _ => log::warn!("definition '{name}' is neither a subscription nor a route"),
        }
    }

    fn run_all(&mut self, stored: &BTreeMap<String, Definition>) {
        let names: Vec<_> = self.subscriptions.keys().cloned().collect();
        for name in &names {
            let Some(known) = self.subscriptions.get_mut(name) else { continue };
            let was_at_fault = known.fault.take().is_some();
            if !stored.contains_key(name) {
                known.fault = Some(gone(name));
            }
            match (&known.lane, &known.fault) {
                (Some(lane), Some(fault)) => {
                    let fault = fault.clone();
                    lane.shared.set_status(fault.clone());
                    lane.shared.change(|control| control.wanted = Wanted::Hold(fault));
                    self.reroute(name);
                }
                (Some(_), None) if !was_at_fault => self.reroute(name),
                _ => self.start(name),
            }
        }
    }
}

/// Called by workers, on their own threads.
fn wake() {
    #[cfg(feature = "panic-injection")]
    crate::panic_injection::panic_if_armed("worker");
    redis::wake();
}

fn gone(name: &str) -> Status {
    let reason =
        "its definition is gone from kafka:definitions (flushed, deleted, or an older dump)";
    log::warn!("subscription {name} stopped: {reason}");
    Status::new(State::Stopped, reason, GONE)
}

fn in_definitions<T>(
    context: Context,
    call: impl FnOnce(Context) -> Result<T, redis::CallError>,
) -> Result<(), String> {
    let db = context.db();
    context.select(DEFINITIONS_DB);
    let reply = call(context);
    context.select(db);
    reply.map(|_| ()).map_err(|error| format!("{KEY}: {error}"))
}

/// Everything stored that can be read; what cannot is told in the log.
pub fn read_definitions(
    context: Context,
) -> Result<BTreeMap<String, Definition>, redis::CallError> {
    let db = context.db();
    context.select(DEFINITIONS_DB);
    let reply = context.call("HGETALL", &[KEY], Manner::Local);
    context.select(db);
    let mut definitions = BTreeMap::new();
    for (name, value) in reply?.pairs() {
        let name = name.text();
        match Definition::decode(&name, value.text().as_bytes()) {
            Ok(definition) => {
                definitions.insert(name, definition);
            }
            Err(error) => log::warn!("{error}"),
        }
    }
    Ok(definitions)
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
        group: declared.group.clone().unwrap_or_default(),
        membership: Membership::Manual,
        unit_records: config.unit_records,
    }
}

impl Subscription {
    /// How far each partition is, as far as a worker here knows.
    pub fn progress(&self) -> Vec<Progress> {
        self.lane.as_ref().map(|lane| lane.shared.progress()).unwrap_or_default()
    }

    /// The state to show: the server's own reasons first, then the worker's.
    pub fn status(&self, hold: Option<&Status>) -> Status {
        match (&self.lane, &self.fault, hold) {
            (None, Some(fault), _) => fault.clone(),
            (None, None, _) => standby(),
            (Some(lane), _, hold) => {
                let mut status = lane.shared.status();
                if let Some(gate) = self.gate.as_ref().filter(|_| lane.shared.is_at_gate())
                    && status.state == State::Waiting
                {
                    status = gate.status().clone();
                }
                let is_held = status.state == State::Running || lane.has_work();
                hold.filter(|_| is_held).cloned().unwrap_or(status)
            }
        }
    }
}

fn standby() -> Status {
    Status::new(State::Standby, "a replica: the primary consumes", "")
}

impl Propagate {
    /// Whether replicas and later starts of this server need the module.
    pub fn needs_module(self) -> bool {
        self == Propagate::Units
    }
}
