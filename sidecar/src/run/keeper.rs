//! The thread that owns the registry: it takes requests one after the other, and looks at Redis once
//! a second, as other sidecars change the definitions that they share.

use super::RunError;
use super::bell::{Attention, Bell};
use super::host::{PortClient, SidecarHost};
use super::statements::{Console, Statements};
use crate::control::{Request, Snapshot};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use redis_kafka_engine::command::Statement;
use redis_kafka_engine::control::{self, Registry, Reply, Role, Waiting};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How often definitions and role are looked up.
const LOOK: Duration = Duration::from_secs(1);

/// How long the threads that write may take to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Whether the thread goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Onward {
    Yes,
    No,
}

/// The registry with everything that its thread needs.
pub struct Keeper {
    registry: Registry,
    waiting: Waiting<PortClient>,
    host: SidecarHost,
    requests: Receiver<Request>,
    bell: Arc<Bell>,
    looks: Instant,
    /// Whether Redis was asked for its definitions and answered.
    is_synchronised: bool,
    onward: Onward,
}

impl Keeper {
    /// A thread's state; `bell` is heard at `requests`.
    pub fn new(
        registry: Registry,
        host: SidecarHost,
        requests: Receiver<Request>,
        bell: Arc<Bell>,
    ) -> Keeper {
        Keeper {
            registry,
            waiting: Waiting::default(),
            host,
            requests,
            bell,
            looks: Instant::now(),
            is_synchronised: false,
            onward: Onward::Yes,
        }
    }

    /// Works until it is told to end. The start-up file is applied once Redis has answered.
    pub fn run(mut self, statements: Option<(Statements, Prune)>) -> Result<(), RunError> {
        while self.onward == Onward::Yes && !self.is_synchronised {
            self.turn();
        }
        let applied = match statements.filter(|_| self.onward == Onward::Yes) {
            Some((statements, prune)) => self.declare(statements, prune),
            None => Ok(()),
        };
        while applied.is_ok() && self.onward == Onward::Yes {
            self.turn();
        }
        self.end();
        applied
    }

    fn declare(&mut self, statements: Statements, prune: Prune) -> Result<(), RunError> {
        if let Role::StandsBy(reason) = self.host.last_role() {
            log::warn!("the start-up file is not applied: {reason}");
            return Ok(());
        }
        let names = statements.names();
        statements.apply(self)?;
        match prune {
            Prune::No => Ok(()),
            Prune::Yes => self.prune(&names),
        }
    }

    /// Removes what the start-up file does not name.
    fn prune(&mut self, names: &BTreeSet<String>) -> Result<(), RunError> {
        let beyond = |name: &&String| !names.contains(*name);
        let routes: Vec<_> = self.registry.routes.keys().filter(beyond).cloned().collect();
        let subscriptions: Vec<_> =
            self.registry.subscriptions.keys().filter(beyond).cloned().collect();
        let words = |command: &str, name: &String| vec![command.into(), name.as_bytes().to_vec()];
        let routes = routes.iter().map(|name| words("KAFKA.UNROUTE", name));
        let subscriptions = subscriptions.iter().map(|name| words("KAFKA.UNSUBSCRIBE", name));
        for words in routes.chain(subscriptions) {
            let shown = String::from_utf8_lossy(&words.join(&b' ')).into_owned();
            match self.run_command(words) {
                Reply::Error(problem) => return Err(RunError::Prune(problem)),
                _ => log::info!("{shown}: the start-up file does not name it"),
            }
        }
        Ok(())
    }

    /// One request, or one look.
    fn turn(&mut self) {
        let now = Instant::now();
        let looks = self.host.next_look(now).map_or(self.looks, |look| look.min(self.looks));
        match self.requests.recv_timeout(looks.saturating_duration_since(now)) {
            Ok(request) => self.serve(request),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.onward = Onward::No,
        }
        if Instant::now() >= self.looks {
            self.synchronise();
        }
        let is_awaited = !self.waiting.is_empty() || self.registry.has_closed_gates();
        self.bell.attend(if is_awaited { Attention::Progress } else { Attention::Changes });
        self.registry.look_at_gates(None);
        if self.registry.has_caught_up() {
            self.registry.finish_catch_ups(&mut self.host);
        }
        if !self.waiting.is_empty() {
            self.waiting.look(&self.registry, None);
        }
    }

    fn serve(&mut self, request: Request) {
        match request {
            Request::Command { words, database, answer } => self.command(&words, database, answer),
            // Who has gone in between needs no answer.
            Request::Snapshot(answer) => drop(answer.send(self.snapshot())),
            Request::Wake => self.bell.heard(),
            Request::End => self.onward = Onward::No,
        }
    }

    fn command(&mut self, words: &[Vec<u8>], database: i32, answer: oneshot::Sender<Reply>) {
        // What another sidecar, or a failover, has changed counts for this command already.
        self.synchronise();
        let words: Vec<_> = words.iter().map(Vec::as_slice).collect();
        self.host.serve(database, answer);
        let Keeper { registry, waiting, host, .. } = self;
        if let Some(reply) = control::run(registry, waiting, host, None, &words) {
            self.host.answer(reply);
        }
    }

    fn synchronise(&mut self) {
        self.looks = Instant::now() + LOOK;
        match self.registry.synchronise(&mut self.host) {
            Ok(()) => self.is_synchronised = true,
            // What runs goes on: Redis may be back before anything has changed.
            Err(problem) => log::debug!("definitions: {problem}"),
        }
    }

    fn snapshot(&self) -> Snapshot {
        let standby = match self.host.last_role() {
            Role::Consumes => None,
            Role::StandsBy(reason) | Role::Refuses(reason) => Some(reason.clone()),
        };
        Snapshot {
            subscriptions: self.registry.reports(None),
            redis: self.host.redis.failure(),
            standby,
        }
    }

    fn end(&mut self) {
        let deadline = Instant::now() + FAREWELL;
        let workers = self.registry.end();
        if !workers || !self.host.end(deadline) {
            log::warn!("a thread did not end in time; the process ends without it");
        }
    }

    fn run_command(&mut self, words: Vec<Vec<u8>>) -> Reply {
        let (answer, mut reply) = oneshot::channel();
        self.command(&words, 0, answer);
        loop {
            match reply.try_recv() {
                Ok(reply) => return reply,
                Err(oneshot::error::TryRecvError::Empty) if self.onward == Onward::Yes => {
                    self.turn();
                }
                Err(_) => return Reply::Error("ERR the process is ending".to_owned()),
            }
        }
    }
}

impl Console for Keeper {
    fn stored(&mut self, name: &str) -> Option<Statement> {
        self.registry.stored(name)
    }

    fn run(&mut self, words: Vec<Vec<u8>>) -> Reply {
        self.run_command(words)
    }
}

/// What becomes of definitions that the start-up file does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prune {
    /// They stay.
    No,
    /// They are removed.
    Yes,
}
