//! The sidecar as a host of commands: what they ask of Redis goes over one connection.

use super::appliers::Appliers;
use super::bell::Bell;
use super::redis::Redis;
use crate::redis::{Problem, Refusal, text};
use redis::Value;
use redis_kafka_engine::applier::Positions;
use redis_kafka_engine::command::definition::{Definition, KEY};
use redis_kafka_engine::command::{CommandError, Offsets, Route};
use redis_kafka_engine::control::{
    CommandInfo, Host, Reply, Role, WORD_TIME, Waiter, eviction_note, word_key,
};
use redis_kafka_engine::ledger;
use redis_kafka_engine::letter;
use redis_kafka_engine::worker::Lane;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Where definitions stand.
const DEFINITIONS: i32 = 0;

/// A client of the command port that waits.
#[derive(Debug)]
pub struct PortClient(oneshot::Sender<Reply>);

impl Waiter for PortClient {
    fn is_gone(&self) -> bool {
        self.0.is_closed()
    }

    fn answer(self, reply: Reply) {
        // Who has gone in between needs no answer.
        let _ = self.0.send(reply);
    }
}

/// The client whose command runs.
struct Client {
    database: i32,
    answer: Option<oneshot::Sender<Reply>>,
}

/// What commands need of Redis, and of the threads that write to it.
pub struct SidecarHost {
    /// The connection of commands.
    pub redis: Redis,
    appliers: Appliers,
    bell: Arc<Bell>,
    client: Option<Client>,
    role: Role,
    looks: Option<Instant>,
}

impl SidecarHost {
    /// The keys of a ledger: those that its list names, and those of these partitions.
    fn ledger_keys(
        &mut self,
        database: i32,
        subscription: &str,
        partitions: &[(Arc<str>, i32)],
    ) -> Result<Vec<String>, String> {
        let list = ledger::known_key(subscription);
        let listed: Vec<_> = match self.redis.ask(database, &[b"HKEYS", list.as_bytes()]) {
            Ok(Value::Array(fields)) => fields.iter().map(text).collect(),
            Ok(_) | Err(Problem::Refused(Refusal::WrongType, _)) => Vec::new(),
            Err(problem) => return Err(self.redis.explain(&list, &problem)),
        };
        Ok(ledger::keys(subscription, listed.iter().map(String::as_str), partitions))
    }

    /// A host that asks this Redis; `bell` wakes the thread of the registry.
    pub fn new(redis: Redis, appliers: Appliers, bell: Arc<Bell>) -> Self {
        let role = Role::Consumes;
        SidecarHost { redis, appliers, bell, client: None, role, looks: None }
    }

    /// The client whose command runs next.
    pub fn serve(&mut self, database: i32, answer: oneshot::Sender<Reply>) {
        self.client = Some(Client { database, answer: Some(answer) });
    }

    /// Answers that client, unless it waits.
    pub fn answer(&mut self, reply: Reply) {
        if let Some(answer) = self.client.take().and_then(|client| client.answer) {
            // Who has gone in between needs no answer.
            let _ = answer.send(reply);
        }
    }

    /// What was found of the role last.
    pub fn last_role(&self) -> &Role {
        &self.role
    }

    /// When the registry is to be looked at although nothing happens.
    pub fn next_look(&mut self, now: Instant) -> Option<Instant> {
        self.looks.take_if(|due| now >= *due);
        self.looks
    }

    /// Waits until what writes to Redis has ended, at most so long.
    pub fn end(&mut self, deadline: Instant) -> bool {
        self.appliers.end(deadline)
    }

    fn ask_role(&mut self) -> Result<Role, Problem> {
        let reply = self.redis.ask(DEFINITIONS, &[b"ROLE"]);
        let role = match reply {
            Ok(Value::Array(parts)) => parts.first().map(text).unwrap_or_default(),
            // Who may not ask meets READONLY when it writes.
            Ok(_) | Err(Problem::Refused(Refusal::NoPermission, _)) => String::new(),
            Err(problem) => return Err(problem),
        };
        if role == "slave" {
            return Ok(Role::StandsBy("a replica: the primary consumes".to_owned()));
        }
        Ok(match self.ask_command("KAFKA.LIST")? {
            Some(_) => Role::StandsBy("the module in this Redis consumes".to_owned()),
            None => Role::Consumes,
        })
    }

    fn ask_command(&mut self, name: &str) -> Result<Option<CommandInfo>, Problem> {
        let reply = match self.redis.ask(DEFINITIONS, &[b"COMMAND", b"INFO", name.as_bytes()]) {
            Ok(Value::Array(rows)) => rows,
            Ok(_) | Err(Problem::Refused(Refusal::NoPermission, _)) => Vec::new(),
            Err(problem) => return Err(problem),
        };
        let Some(Value::Array(row)) = reply.first() else { return Ok(None) };
        let list = |at: usize| match row.get(at) {
            Some(Value::Array(values) | Value::Set(values)) => values.as_slice(),
            _ => &[],
        };
        let name_of = |row: &Value| match row {
            Value::Array(row) => row.first().map(text),
            _ => None,
        };
        Ok(Some(CommandInfo {
            arity: match row.get(1) {
                Some(Value::Int(arity)) => *arity,
                _ => 0,
            },
            categories: list(6).iter().map(text).collect(),
            subcommands: list(9).iter().filter_map(name_of).collect(),
        }))
    }
}

impl Host for SidecarHost {
    type Waiter = PortClient;

    fn role(&mut self) -> Role {
        match self.ask_role() {
            Ok(role) => self.role = role,
            Err(problem) => log::debug!("ROLE: {problem}"),
        }
        self.role.clone()
    }

    fn database(&mut self) -> i32 {
        self.client.as_ref().map_or(DEFINITIONS, |client| client.database)
    }

    fn cannot_wait(&mut self) -> Option<String> {
        None
    }

    fn wait(&mut self) -> PortClient {
        let answer = self.client.as_mut().and_then(|client| client.answer.take());
        // A command that nobody waits for is answered into the void.
        PortClient(answer.unwrap_or_else(|| oneshot::channel().0))
    }

    fn look_after(&mut self, time: Duration) {
        let due = Instant::now() + time;
        self.looks = Some(self.looks.map_or(due, |looks| looks.min(due)));
    }

    fn definitions(&mut self) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let reply = match self.redis.ask(DEFINITIONS, &[b"HGETALL", KEY.as_bytes()]) {
            Ok(Value::Array(flat)) => flat,
            Ok(other) => return Err(format!("{KEY}: HGETALL was answered with {other:?}")),
            Err(Problem::Refused(Refusal::WrongType, error)) => {
                log::warn!("{KEY} cannot be read: {error}");
                Vec::new()
            }
            Err(problem) => return Err(self.redis.explain(KEY, &problem)),
        };
        let pair = |pair: &[Value]| match pair {
            [name, Value::BulkString(value)] => Some((text(name), value.clone())),
            _ => None,
        };
        Ok(reply.chunks(2).filter_map(pair).collect())
    }

    fn store(&mut self, name: &str, definition: &Definition) -> Result<(), String> {
        let value = definition.encode();
        let words = [b"HSET", KEY.as_bytes(), name.as_bytes(), value.as_bytes()];
        self.redis.tell(DEFINITIONS, &words)
    }

    fn unstore(&mut self, names: &[&str]) -> Result<(), String> {
        let mut words = vec![b"HDEL".as_slice(), KEY.as_bytes()];
        words.extend(names.iter().map(|name| name.as_bytes()));
        self.redis.tell(DEFINITIONS, &words)?;
        self.appliers.forget(names);
        Ok(())
    }

    fn leave_word(&mut self, subscription: &str, offsets: Offsets) -> Result<(), String> {
        let (key, time) = (word_key(subscription), WORD_TIME.as_secs().to_string());
        let word: &[u8] = match offsets {
            Offsets::Keep => KEEP,
            Offsets::Delete => DELETE,
        };
        let words = [b"SET", key.as_bytes(), word, b"EX", time.as_bytes()];
        self.redis.tell(DEFINITIONS, &words)
    }

    fn word(&mut self, subscription: &str) -> Result<Option<Offsets>, String> {
        let key = word_key(subscription);
        match self.redis.ask(DEFINITIONS, &[b"GET", key.as_bytes()]) {
            Ok(Value::BulkString(word)) if word == KEEP => Ok(Some(Offsets::Keep)),
            Ok(Value::BulkString(word)) if word == DELETE => Ok(Some(Offsets::Delete)),
            Ok(_) => Ok(None),
            Err(problem) => Err(self.redis.explain(&key, &problem)),
        }
    }

    fn positions(&mut self, database: i32, subscription: &str) -> Result<Positions, String> {
        let load = |connection: &mut crate::redis::Connection| {
            crate::apply::positions(connection, subscription)
        };
        match self.redis.work(database, load) {
            Ok(positions) => positions,
            Err(problem) => Err(self.redis.explain(&ledger::known_key(subscription), &problem)),
        }
    }

    fn letters(
        &mut self,
        database: i32,
        subscription: &str,
        range: letter::Range,
    ) -> Result<letter::Page, String> {
        let read = |connection: &mut crate::redis::Connection| {
            crate::apply::letters(connection, subscription, range)
        };
        let page = self.redis.work(database, read);
        page.map_err(|problem| {
            self.redis.explain(&ledger::dead_letters_key(subscription), &problem)
        })
    }

    fn delete_ledger(
        &mut self,
        database: i32,
        subscription: &str,
        partitions: &[(Arc<str>, i32)],
    ) -> Result<(), String> {
        let keys = self.ledger_keys(database, subscription, partitions)?;
        let mut words = vec![b"DEL".as_slice()];
        words.extend(keys.iter().map(|key| key.as_bytes()));
        self.redis.tell(database, &words)
    }

    fn retire_ledger(
        &mut self,
        database: i32,
        route: &str,
        partitions: &[(Arc<str>, i32)],
    ) -> Result<(), String> {
        let time = WORD_TIME.as_millis().to_string();
        for key in self.ledger_keys(database, route, partitions)? {
            self.redis.tell(database, &[b"PEXPIRE", key.as_bytes(), time.as_bytes()])?;
        }
        Ok(())
    }

    fn command(&mut self, name: &str) -> Result<Option<CommandInfo>, String> {
        self.ask_command(name).map_err(|problem| self.redis.explain("COMMAND INFO", &problem))
    }

    fn check_rights(&mut self, route: &Route) -> Result<(), CommandError> {
        super::rights::check(&mut self.redis, route)
    }

    fn note(&mut self) -> String {
        let info = match self.redis.ask(DEFINITIONS, &[b"INFO", b"memory"]) {
            Ok(info) => text(&info),
            // A note is a courtesy: what cannot be asked is not told.
            Err(problem) => {
                log::debug!("INFO memory: {problem}");
                return String::new();
            }
        };
        let field = |wanted: &str| {
            info.lines().find_map(|line| line.trim_end().strip_prefix(wanted)?.strip_prefix(':'))
        };
        match (field("maxmemory"), field("maxmemory_policy")) {
            (Some(limit), Some(policy)) if limit != "0" => eviction_note(policy),
            _ => String::new(),
        }
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let bell = self.bell.clone();
        Arc::new(move || bell.ring())
    }

    fn attach(&mut self, subscription: &str, database: i32, lane: &Lane) {
        self.appliers.start(subscription, database, lane);
    }
}

/// The words that tell what became of a ledger.
const KEEP: &[u8] = b"KEEPOFFSETS";
const DELETE: &[u8] = b"DELETED";
