//! Commands against a Redis that is a few maps, shared by as many hosts as a test wants.

mod commands;
mod figures;
mod inquiries;
mod synchronise;
mod waiting;

use super::{CommandInfo, Config, Host, Registry, Reply, Role, Waiter, Waiting, run};
use crate::applier::{Known, Positions};
use crate::command::definition::Definition;
use crate::command::{CommandError, Offsets, Route, lines};
use crate::kafka::{Membership, Profiles, TopicId};
use crate::ledger::{Listing, Standing};
use crate::letter;
use crate::state::State;
use crate::worker::{Lane, Shared, UnitRecords};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What several hosts share.
#[derive(Default)]
struct Redis {
    definitions: BTreeMap<String, Vec<u8>>,
    words: BTreeMap<String, Offsets>,
    /// Records that the ledger of every subscription has counted.
    consumed: u64,
    deleted_ledgers: Vec<String>,
    /// What is asked of it fails from then on.
    away: Away,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Away {
    #[default]
    No,
    /// It answers with definitions, and then no more.
    AfterDefinitions,
    Yes,
}

impl Redis {
    fn answer(&self) -> Result<(), String> {
        if self.away == Away::No { Ok(()) } else { Err("Redis is away".to_owned()) }
    }
}

struct Client {
    is_gone: Rc<Cell<bool>>,
    answers: Rc<RefCell<Vec<Reply>>>,
}

impl Waiter for Client {
    fn is_gone(&self) -> bool {
        self.is_gone.get()
    }

    fn answer(self, reply: Reply) {
        self.answers.borrow_mut().push(reply);
    }
}

struct Double {
    redis: Rc<RefCell<Redis>>,
    role: Role,
    database: i32,
    cannot_wait: Option<String>,
    client_is_gone: Rc<Cell<bool>>,
    answers: Rc<RefCell<Vec<Reply>>>,
    looks_after: Vec<Duration>,
    attached: Vec<String>,
}

impl Host for Double {
    type Waiter = Client;

    fn role(&mut self) -> Role {
        self.role.clone()
    }

    fn database(&mut self) -> i32 {
        self.database
    }

    fn cannot_wait(&mut self) -> Option<String> {
        self.cannot_wait.clone()
    }

    fn wait(&mut self) -> Client {
        Client { is_gone: self.client_is_gone.clone(), answers: self.answers.clone() }
    }

    fn look_after(&mut self, time: Duration) {
        self.looks_after.push(time);
    }

    fn definitions(&mut self) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let redis = self.redis.borrow();
        match redis.away {
            Away::AfterDefinitions => Ok(redis.definitions.clone()),
            _ => redis.answer().map(|()| redis.definitions.clone()),
        }
    }

    fn store(&mut self, name: &str, definition: &Definition) -> Result<(), String> {
        let mut redis = self.redis.borrow_mut();
        redis.answer()?;
        redis.definitions.insert(name.to_owned(), definition.encode().into_bytes());
        Ok(())
    }

    fn unstore(&mut self, names: &[&str]) -> Result<(), String> {
        let mut redis = self.redis.borrow_mut();
        redis.answer()?;
        names.iter().for_each(|name| drop(redis.definitions.remove(*name)));
        Ok(())
    }

    fn leave_word(&mut self, subscription: &str, offsets: Offsets) -> Result<(), String> {
        let mut redis = self.redis.borrow_mut();
        redis.answer()?;
        redis.words.insert(subscription.to_owned(), offsets);
        Ok(())
    }

    fn word(&mut self, subscription: &str) -> Result<Option<Offsets>, String> {
        let redis = self.redis.borrow();
        redis.answer().map(|()| redis.words.get(subscription).copied())
    }

    fn positions(&mut self, _database: i32, _subscription: &str) -> Result<Positions, String> {
        let redis = self.redis.borrow();
        redis.answer()?;
        let mut standing = Standing::start(0, TopicId::UNKNOWN);
        standing.counters.consumed = redis.consumed;
        let listing = Listing::new(0, 0);
        let known = Known { topic: "t".to_owned(), partition: 0, listing, standing: Ok(standing) };
        Ok(Positions { partitions: vec![known], letters: 0 })
    }

    fn letters(
        &mut self,
        _database: i32,
        _subscription: &str,
        _range: letter::Range,
    ) -> Result<letter::Page, String> {
        self.redis.borrow().answer().map(|()| letter::Page::default())
    }

    fn delete_ledger(
        &mut self,
        _database: i32,
        subscription: &str,
        _partitions: &[(Arc<str>, i32)],
    ) -> Result<(), String> {
        let mut redis = self.redis.borrow_mut();
        redis.answer()?;
        redis.deleted_ledgers.push(subscription.to_owned());
        Ok(())
    }

    fn command(&mut self, name: &str) -> Result<Option<CommandInfo>, String> {
        self.redis.borrow().answer()?;
        let info = |arity, categories: &[&str], subcommands: &[&str]| CommandInfo {
            arity,
            categories: categories.iter().map(|it| (*it).to_owned()).collect(),
            subcommands: subcommands.iter().map(|it| (*it).to_owned()).collect(),
        };
        Ok(match name.to_ascii_lowercase().as_str() {
            "set" => Some(info(-3, &["@write", "@string"], &[])),
            "get" => Some(info(2, &["@read", "@string"], &[])),
            "blpop" => Some(info(-3, &["@write", "@blocking"], &[])),
            "xgroup" => Some(info(-2, &["@slow"], &["xgroup|create"])),
            "xgroup|create" => Some(info(-5, &["@write", "@stream"], &[])),
            _ => None,
        })
    }

    fn check_rights(&mut self, route: &Route) -> Result<(), CommandError> {
        match route.name.as_str() {
            "forbidden" => Err(CommandError::new("user 'u' may not write there")),
            _ => Ok(()),
        }
    }

    fn note(&mut self) -> String {
        "; mind the gap".to_owned()
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        Arc::new(|| {})
    }

    fn attach(&mut self, subscription: &str, database: i32, _lane: &Lane) {
        self.attached.push(format!("{subscription} in {database}"));
    }
}

/// A host with what it knows.
struct Peer {
    host: Double,
    registry: Registry,
    waiting: Waiting<Client>,
}

impl Peer {
    fn of(redis: &Rc<RefCell<Redis>>) -> Peer {
        let host = Double {
            redis: redis.clone(),
            role: Role::Consumes,
            database: 0,
            cannot_wait: None,
            client_is_gone: Rc::default(),
            answers: Rc::default(),
            looks_after: Vec::new(),
            attached: Vec::new(),
        };
        let config = Config {
            profiles: Profiles::empty(),
            unit_records: UnitRecords::AtMost(4),
            membership: Membership::Manual,
        };
        Peer { host, registry: Registry::new(config), waiting: Waiting::default() }
    }

    fn alone() -> Peer {
        Peer::of(&Rc::default())
    }

    /// Runs a command line; none while it waits.
    fn run(&mut self, line: &str) -> Option<Reply> {
        let words = lines::split(line.as_bytes()).expect("words");
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        run(&mut self.registry, &mut self.waiting, &mut self.host, None, &words)
    }

    /// A command that answers at once; SUBSCRIBE does not.
    fn text(&mut self, line: &str) -> String {
        match self.run(line) {
            Some(Reply::Simple(text) | Reply::Error(text) | Reply::Text(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn ok(&mut self, line: &str) {
        assert_eq!(self.text(line), "OK", "{line}");
    }

    /// A subscription of a broker that is not there.
    fn subscribe(&mut self, name: &str) {
        let line = format!("KAFKA.SUBSCRIBE {name} TOPIC t BROKERS 127.0.0.1:1 VALUE JSON");
        assert_eq!(self.run(&line), None);
    }

    fn synchronise(&mut self) {
        self.registry.synchronise(&mut self.host).expect("Redis answers");
    }

    fn shared(&self, name: &str) -> Arc<Shared> {
        let known = self.registry.subscriptions.get(name).expect("a subscription");
        known.lane.as_ref().expect("a lane").shared.clone()
    }

    fn state(&self, name: &str) -> (State, String) {
        let status = self.registry.subscriptions.get(name).expect("a subscription").status(None);
        (status.state, status.reason)
    }

    /// Looks once, and tells what was answered so far.
    fn answers(&mut self) -> Vec<Reply> {
        self.waiting.look(&self.registry, None);
        self.host.answers.borrow().clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.registry.end();
    }
}

fn simple(text: &str) -> Reply {
    Reply::Simple(text.to_owned())
}

/// A field of a map.
fn field<'r>(reply: &'r Reply, name: &str) -> &'r Reply {
    let Reply::Map(pairs) = reply else { panic!("no map: {reply:?}") };
    let found = pairs.iter().find(|(known, _)| *known == name);
    &found.unwrap_or_else(|| panic!("no {name} in {reply:?}")).1
}
