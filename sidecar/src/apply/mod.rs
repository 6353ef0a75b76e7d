//! Applies units over a connection to Redis.
//!
//! A unit is one transaction: `WATCH` of its partitions' ledgers and of every key whose content
//! decides a write, the questions about them, then `MULTI`, all writes, the ledger's advance and
//! `EXEC`. The questions of the next unit travel with it, so that a unit takes one round trip; and
//! while Redis is at work, what the next unit writes is sent behind it, all but its `EXEC`, which
//! waits until the answers are there. So Redis has always something to do.
//! Whether a transaction was run whose answer was lost is told by the ledger afterwards.
//!
//! `EXEC` takes nothing back. So what Redis may refuse by itself (documents, samples, the user's
//! commands) is run in a transaction before, guarded by the same ledger; documents and samples
//! are written again to the same effect when it comes to that, and a note in the ledger keeps
//! commands from being run twice. What is refused beyond that, because a key changed its type
//! within a round trip, stops the subscription by name.

mod attempt;
mod found;
mod hold;
mod known;
mod ledgers;
mod letters;
mod plan;
mod prepare;
mod resolve;
mod transaction;
mod wanted;
mod write;

pub use ledgers::load as positions;
pub use letters::read as letters;

use crate::redis::{Address, Connection, Patience, Problem, Request};
use attempt::{Attempt, Next};
use hold::{Hold, is_waited_for};
use known::Known;
use redis_kafka_engine::applier::{Applied, Applier, Clash, Lookahead, Positions};
use redis_kafka_engine::letter;
use redis_kafka_engine::lookup::Lookup;
use redis_kafka_engine::unit::Unit;
use redis_kafka_engine::worker::Shared;
use std::sync::Arc;
use std::time::{Duration, Instant};
use transaction::Transaction;

/// Applies the units of one subscription, over a connection of its own that is made when it is
/// needed and made anew for as long as it takes. Blocks; ends a wait when the lane's generation
/// changes.
pub struct RespApplier {
    address: Address,
    place: String,
    patience: Patience,
    shared: Arc<Shared>,
    link: Option<Link>,
    next: Option<Next>,
    known: Known,
    hold: Hold,
    transaction: Transaction,
    /// That of the next unit.
    upcoming: Transaction,
    request: Request,
    decided: Vec<u8>,
}

/// A connection, and what stands open on it.
struct Link {
    connection: Connection,
    is_watching: bool,
    /// Whether the commands of `upcoming` were sent, without EXEC, their answers unread.
    is_open: bool,
}

/// How a try began.
#[derive(Debug, Clone, Copy)]
struct Try {
    is_linked: bool,
    start: Instant,
}

/// A connection that is found broken within this time was so before, and is made anew at once.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Whether a transaction may have been run without our knowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Doubt {
    /// None was sent, or its answer was read.
    #[default]
    None,
    /// One was sent whose answer was lost.
    Sent,
}

/// What is known of a unit from one try to the next.
#[derive(Debug, Default, PartialEq)]
struct Progress {
    doubt: Doubt,
    /// Whether its calls are known to have been run, and taken.
    is_called: bool,
    /// What of its calls Redis refused: only the note that they were run is still to be taken back.
    refused: Vec<Clash>,
}

impl RespApplier {
    /// An applier for a subscription whose data and ledger are in this database; `shared` is its
    /// lane's. Connects later.
    pub fn new(address: Address, database: i32, shared: Arc<Shared>) -> RespApplier {
        RespApplier {
            place: address.to_string(),
            address: address.with_database(i64::from(database)),
            patience: Patience::default(),
            shared,
            link: None,
            next: None,
            known: Known::default(),
            hold: Hold::default(),
            transaction: Transaction::default(),
            upcoming: Transaction::default(),
            request: Request::default(),
            decided: Vec::new(),
        }
    }

    /// The same with other time-outs.
    pub fn with_patience(mut self, patience: Patience) -> RespApplier {
        self.patience = patience;
        self
    }

    fn link(&mut self) -> Result<&mut Link, Problem> {
        if self.link.is_none() {
            self.next = None;
            let connection = Connection::open(&self.address, self.patience)?;
            self.link = Some(Link { connection, is_watching: false, is_open: false });
        }
        self.link.as_mut().ok_or_else(|| Problem::Away("no connection".to_owned()))
    }

    /// The connection, with nothing on it that waits for an EXEC.
    fn free_link(&mut self) -> Result<&mut Link, Problem> {
        if let Some(link) = self.link.as_mut().filter(|link| link.is_open) {
            self.next = None;
            self.request.clear();
            self.request.command(&[b"DISCARD"]);
            link.connection.send(&self.request)?;
            self.upcoming.read_discarded(&mut link.connection)?;
            (link.is_open, link.is_watching) = (false, false);
        }
        self.link()
    }

    /// A connection on which something went wrong may hold answers to what nobody asks any more.
    fn drop_link(&mut self) {
        (self.link, self.next) = (None, None);
    }

    /// Tries until it goes well, or waiting does not help; none when the generation changed.
    fn persist<T>(
        &mut self,
        mut attempt: impl FnMut(&mut RespApplier) -> Result<T, Problem>,
    ) -> Option<Result<T, Problem>> {
        let generation = self.shared.generation();
        loop {
            let try_of = self.begin_try();
            match attempt(self) {
                Ok(done) => {
                    self.hold.end(&self.place, &self.shared);
                    return Some(Ok(done));
                }
                Err(problem) => {
                    if let Err(problem) = self.get_over(problem, try_of, generation) {
                        return Some(Err(problem));
                    }
                    if self.shared.generation() != generation {
                        return None;
                    }
                }
            }
        }
    }

    fn begin_try(&self) -> Try {
        Try { is_linked: self.link.is_some(), start: Instant::now() }
    }

    /// Waits until it may go better, or says that it will not.
    fn get_over(&mut self, problem: Problem, try_of: Try, generation: u64) -> Result<(), Problem> {
        self.drop_link();
        if !is_waited_for(&problem) {
            return Err(problem);
        }
        // Redis closes connections that were idle: that is no trouble yet.
        let is_old = try_of.is_linked && matches!(problem, Problem::Away(_));
        if !is_old || try_of.start.elapsed() > AT_ONCE {
            self.hold.wait(&problem, &self.place, &self.shared, generation);
        }
        Ok(())
    }
}

impl Applier for RespApplier {
    fn load(&mut self, subscription: &str) -> Result<Positions, String> {
        let loaded =
            self.persist(|it| ledgers::load(&mut it.free_link()?.connection, subscription));
        match loaded {
            Some(Ok(positions)) => positions,
            Some(Err(problem)) => Err(format!("Redis at {}: {problem}", self.place)),
            None => Err("the ledger was not read: what was wanted of it has changed".to_owned()),
        }
    }

    fn letters(
        &mut self,
        subscription: &str,
        range: letter::Range,
    ) -> Result<letter::Page, String> {
        let read =
            self.persist(|it| letters::read(&mut it.link()?.connection, subscription, range));
        match read {
            Some(Ok(page)) => Ok(page),
            Some(Err(problem)) => Err(format!("Redis at {}: {problem}", self.place)),
            None => Err("what was wanted has changed".to_owned()),
        }
    }

    fn resolve(&mut self, lookup: &mut Lookup) {
        let resolved = self.persist(|it| {
            let mut request = std::mem::take(&mut it.request);
            let resolved = it
                .free_link()
                .and_then(|link| resolve::resolve(&mut link.connection, &mut request, lookup));
            it.request = request;
            resolved
        });
        // What stays open because the generation changed is void, and asked again by nobody.
        if let Some(Err(problem)) = resolved {
            lookup.refuse_open(&problem.to_string());
        }
    }

    fn lookahead(&self) -> Lookahead {
        Lookahead::Next
    }

    fn apply(&mut self, unit: &mut Unit, ahead: Option<&Unit>) -> Applied {
        let generation = unit.generation;
        let mut progress = Progress::default();
        loop {
            if self.shared.generation() != generation {
                return Applied::Dropped;
            }
            let try_of = self.begin_try();
            match self.attempt(unit, ahead, &mut progress) {
                Ok(Attempt::Settled(applied)) => {
                    self.hold.end(&self.place, &self.shared);
                    return applied;
                }
                Ok(Attempt::Contended) => self.hold.contend(&self.place, &self.shared, generation),
                Err(problem) => {
                    if let Err(problem) = self.get_over(problem, try_of, generation) {
                        let place = &self.place;
                        return Applied::Failed(format!("Redis at {place}: {problem}"));
                    }
                }
            }
        }
    }
}
