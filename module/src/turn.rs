//! The module on the main thread: one state, and one unit a turn of the event loop.

use crate::guard::Guard;
use crate::host::ModuleHost;
use crate::load::{Config, Propagate};
use crate::redis::{self, Blocked, Context};
use crate::torn::TornTail;
use redis_kafka_engine::control::{self, Guest, Host, Registry, Role, Subscription, Waiting};
use redis_kafka_engine::worker::Turn;
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// While held, the event loop is woken this often to look again; one-shots would burn a core.
const HELD: Duration = Duration::from_millis(20);

/// Units that came from the primary or the AOF.
#[derive(Debug, Default)]
pub struct ReplayCounts {
    /// Applied.
    pub applied: u64,
    /// Refused: they stood here already, or their ledger is another.
    pub refused: u64,
}

/// Everything the module keeps; belongs to the main thread.
pub struct Module {
    /// The load arguments.
    pub config: Config,
    /// Definitions and lanes.
    pub registry: Registry,
    /// Whether units may be applied.
    pub guard: Guard,
    /// Clients that wait.
    pub waiting: Waiting<Blocked>,
    /// Units replayed.
    pub replay: ReplayCounts,
    /// Mends an AOF that lost the end of a MULTI.
    pub torn: TornTail,
    /// Whether the definitions must be read again before anything else.
    is_unsynchronised: bool,
    /// The last lane served, by name: the next one in order is next.
    served: String,
    /// When the timer that looks again goes off, while one is set.
    looks_again: Option<Instant>,
}

thread_local! {
    static MODULE: RefCell<Option<Module>> = const { RefCell::new(None) };
}

/// Makes the module's state, once, while the module is loaded.
pub fn install(module: Module) {
    MODULE.with(|cell| *cell.borrow_mut() = Some(module));
}

/// Works on the module's state. None before loading, and inside another such call: a callback
/// that Redis makes while we call it must not meet a half-changed state.
pub fn with<T>(work: impl FnOnce(&mut Module) -> T) -> Option<T> {
    MODULE.with(|cell| cell.try_borrow_mut().ok()?.as_mut().map(work))
}

impl Module {
    /// The state at load.
    pub fn new(config: Config, torn: TornTail) -> Module {
        Module {
            registry: Registry::new(config.control.clone()),
            config,
            guard: Guard::default(),
            waiting: Waiting::default(),
            replay: ReplayCounts::default(),
            torn,
            is_unsynchronised: true,
            served: String::new(),
            looks_again: None,
        }
    }

    /// The data set is another one: queued units are void, definitions and ledgers are read again.
    pub fn start_over(&mut self) {
        self.registry.discard_all();
        self.is_unsynchronised = true;
    }

    /// Runs one command and answers its client.
    pub fn run(&mut self, context: Context, arguments: &[&[u8]]) {
        let role = ModuleHost { context, config: &self.config }.role();
        if !matches!(role, Role::Refuses(_)) && !context.flags().is_loading() {
            self.synchronise(context);
        }
        let Module { config, registry, waiting, guard, .. } = self;
        let mut host = ModuleHost { context, config };
        if let Some(reply) = control::run(registry, waiting, &mut host, guard.hold(), arguments) {
            context.replies().give(&reply);
        }
    }

    /// Reads the definitions again where that is due.
    fn synchronise(&mut self, context: Context) {
        if !std::mem::take(&mut self.is_unsynchronised) {
            return;
        }
        let mut host = ModuleHost { context, config: &self.config };
        if let Err(problem) = self.registry.synchronise(&mut host) {
            log::warn!("{problem}; it is tried again");
            self.is_unsynchronised = true;
        }
    }

    /// How units are sent to replicas and AOF: those of a route that runs a COMMAND as plain
    /// commands in any case.
    fn sent(&self) -> Propagate {
        let mut routes = self.registry.routes.values();
        match routes.any(|route| route.declared.target.runs_command()) {
            true => Propagate::Commands,
            false => self.config.propagate,
        }
    }

    /// One turn, before the event loop sleeps.
    pub fn turn(&mut self, context: Context) {
        let flags = context.flags();
        if flags.is_loading() || flags.is_async_loading() {
            return;
        }
        if !self.waiting.is_empty() {
            self.waiting.look(&self.registry, self.guard.hold());
        }
        if flags.is_cluster() {
            return;
        }
        self.synchronise(context);
        let sent = self.sent();
        if self.torn.is_mending(context, sent) {
            self.guard.hold_for("a crash tore the AOF's end: Redis writes it anew", "");
            return self.look_again_later(context);
        }
        self.serve_guest(context);
        if !flags.is_primary() {
            return;
        }
        self.registry.look_at_gates(self.guard.hold());
        if self.registry.has_caught_up() {
            if self.guard.check(context).is_some() {
                return self.look_again_later(context);
            }
            let mut host = ModuleHost { context, config: &self.config };
            self.registry.finish_catch_ups(&mut host);
        }
        let Some(name) = self.next_lane() else { return self.guard.release() };
        if self.guard.check(context).is_some() {
            return self.look_again_later(context);
        }
        self.serve(context, name);
    }

    /// Answers one question of a lane that writes nothing; more of them have their turns later.
    fn serve_guest(&mut self, context: Context) {
        if let Some(Guest { db, lane }) = self.registry.waiting_guest() {
            let mut applier = ModuleHost { context, config: &self.config }.applier(*db);
            lane.turn("", &mut applier);
            redis::wake();
        }
    }

    /// The next lane with work, going round by name.
    fn next_lane(&mut self) -> Option<String> {
        let has_work =
            |known: &Subscription| known.lane.as_ref().is_some_and(|lane| lane.has_work());
        let mut ready = self.registry.subscriptions.iter().filter(|(_, known)| has_work(known));
        let first = ready.next()?.0;
        let name = if *first > self.served {
            first
        } else {
            ready.map(|(name, _)| name).find(|name| **name > self.served).unwrap_or(first)
        };
        Some(name.clone())
    }

    fn serve(&mut self, context: Context, name: String) {
        let known = self.registry.subscriptions.get_mut(&name);
        if let Some((db, lane)) = known.and_then(|known| Some((known.db, known.lane.as_mut()?))) {
            let mut applier = ModuleHost { context, config: &self.config }.applier(db);
            if lane.turn(&name, &mut applier) == Turn::Worked && !self.waiting.is_empty() {
                self.waiting.look(&self.registry, self.guard.hold());
            }
        }
        self.served = name;
        // Always one more turn: blocked readers that this unit woke are served before the next one.
        redis::wake();
    }

    fn look_again_later(&mut self, context: Context) {
        let now = Instant::now();
        if self.looks_again.is_none_or(|due| now >= due) {
            self.looks_again = Some(now + HELD);
            context.wake_after(HELD);
        }
    }
}
