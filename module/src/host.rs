//! The server as the host of commands: definitions are stored, clients answered and ledgers read
//! through the module API, in the callback that runs.

use crate::apply::ModuleApplier;
use crate::load::Config;
use crate::redis::{self, Blocked, CallError, Context, Manner, Reply, Rights, Text};
use crate::rights;
use redis_kafka_engine::applier::{Applier, Positions};
use redis_kafka_engine::command::definition::{Definition, KEY};
use redis_kafka_engine::command::{CommandError, Route};
use redis_kafka_engine::control::{CommandInfo, Host, Role, eviction_note};
use redis_kafka_engine::ledger;
use redis_kafka_engine::letter;
use redis_kafka_engine::worker::Lane;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Where definitions stand.
const DEFINITIONS_DB: i32 = 0;

/// The server, in one callback.
pub struct ModuleHost<'a> {
    /// The callback's context.
    pub context: Context,
    /// The load arguments.
    pub config: &'a Config,
}

impl<'a> ModuleHost<'a> {
    /// An applier in a subscription's database, which stays selected.
    pub fn applier(&self, db: i32) -> ModuleApplier<'a> {
        self.context.select(db);
        ModuleApplier {
            context: self.context,
            propagate: self.config.propagate,
            user: self.config.user.as_deref(),
        }
    }

    /// Works in another database than the client's.
    fn in_database<T>(&mut self, db: i32, work: impl FnOnce(&mut Self) -> T) -> T {
        let selected = self.context.db();
        self.context.select(db);
        let done = work(self);
        self.context.select(selected);
        done
    }

    fn call(
        &mut self,
        db: i32,
        command: &str,
        arguments: &[&str],
        manner: Manner,
    ) -> Result<Reply, CallError> {
        self.in_database(db, |host| host.context.call(command, arguments, manner))
    }
}

fn of_definitions(error: CallError) -> String {
    format!("{KEY}: {error}")
}

impl Host for ModuleHost<'_> {
    type Waiter = Blocked;

    fn role(&mut self) -> Role {
        let flags = self.context.flags();
        if flags.is_cluster() {
            return Role::Refuses("Redis Cluster is not supported yet, neither by the module nor by the sidecar: use a server or a primary with replicas".to_owned());
        }
        match flags.is_primary() {
            true => Role::Consumes,
            false => Role::StandsBy("a replica: the primary consumes".to_owned()),
        }
    }

    fn database(&mut self) -> i32 {
        self.context.db()
    }

    fn cannot_wait(&mut self) -> Option<String> {
        let flags = self.context.flags();
        (flags.denies_blocking() || flags.is_multi())
            .then(|| "not allowed inside MULTI or a script".to_owned())
    }

    fn wait(&mut self) -> Blocked {
        self.context.block()
    }

    fn look_after(&mut self, time: Duration) {
        self.context.wake_after(time);
    }

    fn definitions(&mut self) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let stored = self.call(DEFINITIONS_DB, "HGETALL", &[KEY], Manner::Local);
        let stored = stored.unwrap_or_else(|problem| {
            log::warn!("{KEY} cannot be read: {problem}");
            Reply::Null
        });
        let text = |(name, value): (&Reply, &Reply)| (name.text(), value.text().into_bytes());
        Ok(stored.pairs().map(text).collect())
    }

    fn store(&mut self, name: &str, definition: &Definition) -> Result<(), String> {
        let arguments = [KEY, name, &definition.encode()];
        let stored = self.call(DEFINITIONS_DB, "HSET", &arguments, Manner::Replicated);
        stored.map(|_| ()).map_err(of_definitions)
    }

    fn unstore(&mut self, names: &[&str]) -> Result<(), String> {
        let arguments: Vec<_> = std::iter::once(KEY).chain(names.iter().copied()).collect();
        let removed = self.call(DEFINITIONS_DB, "HDEL", &arguments, Manner::Replicated);
        removed.map(|_| ()).map_err(of_definitions)
    }

    fn positions(&mut self, database: i32, subscription: &str) -> Result<Positions, String> {
        self.in_database(database, |host| host.applier(database).load(subscription))
    }

    fn letters(
        &mut self,
        database: i32,
        subscription: &str,
        range: letter::Range,
    ) -> Result<letter::Page, String> {
        let key = ledger::dead_letters_key(subscription);
        if let Some(user) = self.context.user_name()
            && redis::may_read(&user, &Text::new(&key)) != Rights::Granted
        {
            return Err(format!("user '{}' may not read the key '{key}'", user.lossy()));
        }
        self.in_database(database, |host| host.applier(database).letters(subscription, range))
    }

    fn delete_ledger(
        &mut self,
        database: i32,
        subscription: &str,
        partitions: &[(Arc<str>, i32)],
    ) -> Result<(), String> {
        let list = ledger::known_key(subscription);
        let fields = self
            .call(database, "HKEYS", &[&list], Manner::Local)
            .map_err(|error| format!("{list}: {error}"))?;
        let fields: Vec<_> = fields.list().iter().map(Reply::text).collect();
        let listed = fields.iter().map(String::as_str);
        let keys = ledger::keys(subscription, listed, partitions);
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let deleted = self.call(database, "DEL", &keys, Manner::Replicated);
        deleted.map(|_| ()).map_err(|error| error.to_string())
    }

    fn command(&mut self, name: &str) -> Result<Option<CommandInfo>, String> {
        let reply = self
            .context
            .call("COMMAND", &["INFO", name], Manner::Local)
            .map_err(|error| error.to_string())?;
        let Some(row) = reply.list().first().filter(|row| !row.list().is_empty()) else {
            return Ok(None);
        };
        let texts = |at: usize| row.list().get(at).map(Reply::list).unwrap_or_default();
        let arity = match row.list().get(1) {
            Some(Reply::Integer(arity)) => *arity,
            _ => 0,
        };
        let name_of = |row: &Reply| row.list().first().map(Reply::text);
        Ok(Some(CommandInfo {
            arity,
            categories: texts(6).iter().map(Reply::text).collect(),
            subcommands: texts(9).iter().filter_map(name_of).collect(),
        }))
    }

    fn check_rights(&mut self, route: &Route) -> Result<(), CommandError> {
        rights::check(self.context, self.config.user.as_deref(), route)
    }

    /// The ledger is a key like others: policies that evict any key can evict it.
    fn note(&mut self) -> String {
        let policy = self.context.call("CONFIG", &["GET", "maxmemory-policy"], Manner::Local);
        let policy =
            policy.ok().and_then(|reply| reply.list().last().map(Reply::text)).unwrap_or_default();
        match self.context.flags().has_maxmemory() {
            true => eviction_note(&policy),
            false => String::new(),
        }
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        Arc::new(wake)
    }

    /// The event loop's turns serve the lanes of the registry.
    fn attach(&mut self, _subscription: &str, _database: i32, _lane: &Lane) {}
}

/// Called by workers, on their own threads.
fn wake() {
    #[cfg(feature = "panic-injection")]
    crate::panic_injection::panic_if_armed("worker");
    redis::wake();
}
