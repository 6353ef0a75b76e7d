//! What a host does for commands: the little that module and sidecar do differently.

use super::Reply;
use crate::applier::Positions;
use crate::command::definition::{self, Definition};
use crate::command::{CommandError, Offsets, Route};
use crate::letter;
use crate::worker::Lane;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Whether subscriptions consume here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// They do.
    Consumes,
    /// They stand by, for this reason: a replica, or a module in the same Redis does the work.
    StandsBy(String),
    /// They do not, and commands are refused with this.
    Refuses(String),
}

/// What `COMMAND INFO` says of a command of Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandInfo {
    /// How many words it takes with its name; at least so many where negative.
    pub arity: i64,
    /// Its ACL categories, with `@`.
    pub categories: Vec<String>,
    /// Its subcommands, as `command|subcommand`.
    pub subcommands: Vec<String>,
}

/// The key, in database 0, under which hosts that share their definitions leave word that
/// KAFKA.UNSUBSCRIBE ended a subscription; see [`Host::leave_word`].
pub fn word_key(subscription: &str) -> String {
    format!("{}:ended:{subscription}", definition::KEY)
}

/// How long such a word stands: longer than a host may be away and then come back.
pub const WORD_TIME: Duration = Duration::from_secs(24 * 3600);

/// What to know of a policy of eviction ([`Host::note`]): the ledger is a key like others.
pub fn eviction_note(policy: &str) -> String {
    match policy.starts_with("allkeys-") {
        true => format!(
            "; maxmemory-policy {policy} may evict the ledger, which would stop the subscription: use volatile-* or noeviction"
        ),
        false => String::new(),
    }
}

/// A client whose answer comes later; answered exactly once.
pub trait Waiter {
    /// Whether its connection has closed: it is answered all the same, so that the host forgets it.
    fn is_gone(&self) -> bool;

    /// Gives the answer.
    fn answer(self, reply: Reply);
}

/// Where commands run. All of it is called on the one thread that owns the [`super::Registry`].
///
/// An `Err(String)` is what Redis, or the way to it, answered; it is shown to whoever gave the
/// command.
pub trait Host {
    /// A client that waits.
    type Waiter: Waiter;

    /// Whether subscriptions consume here now.
    fn role(&mut self) -> Role;

    /// The database of the client whose command runs.
    fn database(&mut self) -> i32;

    /// Why the client cannot wait for an answer, if so: `not allowed inside MULTI or a script`.
    fn cannot_wait(&mut self) -> Option<String>;

    /// Lets the client wait. Called at most once a command, which then gives no other answer.
    fn wait(&mut self) -> Self::Waiter;

    /// Has [`super::Registry`]'s owner look again after so long, although nothing happens.
    fn look_after(&mut self, time: Duration);

    /// All stored definitions as they stand, by name. A key that is no hash holds none, which is to
    /// be logged; an error is for a Redis that does not answer: it says nothing of what is stored.
    fn definitions(&mut self) -> Result<BTreeMap<String, Vec<u8>>, String>;

    /// Stores a definition under its name.
    fn store(&mut self, name: &str, definition: &Definition) -> Result<(), String>;

    /// Removes stored definitions.
    fn unstore(&mut self, names: &[&str]) -> Result<(), String>;

    /// Leaves word, for other hosts of the same definitions, that KAFKA.UNSUBSCRIBE ends this
    /// subscription, and what becomes of its ledger; called before its definition is removed. Without
    /// such a word a definition that is gone was lost (a flush, an older dump), and whoever knows of
    /// it stops. Under [`word_key`], for [`WORD_TIME`]. A host that is alone leaves none.
    fn leave_word(&mut self, _subscription: &str, _offsets: Offsets) -> Result<(), String> {
        Ok(())
    }

    /// The word that was left about a subscription, if any.
    fn word(&mut self, _subscription: &str) -> Result<Option<Offsets>, String> {
        Ok(None)
    }

    /// What Redis holds of a subscription's ledger.
    fn positions(&mut self, database: i32, subscription: &str) -> Result<Positions, String>;

    /// Reads dead letters, oldest first, for whoever gives the command; refused where that user may not
    /// read them.
    fn letters(
        &mut self,
        database: i32,
        subscription: &str,
        range: letter::Range,
    ) -> Result<letter::Page, String>;

    /// Deletes these keys of the ledger, and every partition's key that the ledger's list names.
    fn delete_ledger(
        &mut self,
        database: i32,
        subscription: &str,
        partitions: &[(Arc<str>, i32)],
    ) -> Result<(), String>;

    /// Has the ledger of a route that reads no more for itself go, once no other host of the same
    /// definitions can take the route for one that does: whoever finds no ledger begins anew. A host
    /// that is alone deletes it at once, others after [`WORD_TIME`].
    fn retire_ledger(
        &mut self,
        database: i32,
        route: &str,
        partitions: &[(Arc<str>, i32)],
    ) -> Result<(), String> {
        self.delete_ledger(database, route, partitions)
    }

    /// What the server says of one of its commands, `name` as `SET` or `CONFIG|GET`; none where it has
    /// no such command.
    fn command(&mut self, name: &str) -> Result<Option<CommandInfo>, String>;

    /// Refuses a route that whoever makes it, or whoever writes, may not write or read.
    fn check_rights(&mut self, route: &Route) -> Result<(), CommandError>;

    /// Something to know about this Redis for whoever subscribes; empty, or it begins with `; `.
    fn note(&mut self) -> String;

    /// What wakes the thread of the registry, from any other.
    fn waker(&self) -> Arc<dyn Fn() + Send + Sync>;

    /// A subscription's lane is new: its units are to be applied, in this database, until its worker
    /// ends. A host that serves the lanes of [`super::Registry`] itself has nothing to do.
    fn attach(&mut self, subscription: &str, database: i32, lane: &Lane);
}
