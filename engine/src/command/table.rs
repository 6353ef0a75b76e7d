//! The one table of statements.

use super::{Offsets, Settle, Statement, letters, look, preview, route, seek, subscribe};
use crate::grammar::{Argument, Clause, CommandError, Kind, Match};
use crate::nearest::nearest;
use std::time::Duration;

/// What Redis should know about a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// It writes to Redis: refused on a replica.
    Write,
    /// It writes nothing.
    ReadOnly,
    /// For administrators: ACL category @admin.
    Admin,
    /// Refused when memory is full.
    DenyOom,
    /// It may block the client; it refuses MULTI and scripts.
    Blocking,
    /// Refused in scripts.
    NoScript,
    /// Served by a replica whose link is down.
    AllowStale,
    /// Served while Redis loads its data.
    AllowLoading,
    /// Takes constant or logarithmic time.
    Fast,
}

/// Makes the statement of matched words.
pub type Build = fn(&Match<'_>) -> Result<Statement, CommandError>;

/// A row of [`ENTRIES`]: one statement.
#[derive(Debug)]
pub struct Entry {
    /// Name, summary and grammar.
    pub clause: Clause,
    /// The first version of redis-kafka that has it.
    pub since: &'static str,
    /// Its time, as Redis documents it.
    pub complexity: &'static str,
    /// What Redis should know.
    pub flags: &'static [Flag],
    /// What a user needs to be allowed beside the command itself; empty for nothing.
    pub acl: &'static str,
    /// What makes the statement.
    pub build: Build,
}

/// The group of all commands in COMMAND DOCS.
pub const GROUP: &str = "kafka";

/// All statements, in the order help shows them.
pub static ENTRIES: &[&Entry] = &[
    &subscribe::ENTRY,
    &route::ENTRY,
    &UNROUTE,
    &UNSUBSCRIBE,
    &LIST,
    &INFO,
    &PAUSE,
    &RESUME,
    &seek::ENTRY,
    &WAIT,
    &preview::ENTRY,
    &letters::DEADLETTERS,
    &letters::REPLAY,
    &look::TOPICS,
    &look::PEEK,
    &look::PRODUCE,
    &CONNECTIONS,
    &HELP,
];

/// The row of a command's name, in any case.
pub fn find(name: &[u8]) -> Option<&'static Entry> {
    let same = |entry: &&&Entry| name.eq_ignore_ascii_case(entry.clause.name.as_bytes());
    ENTRIES.iter().find(same).copied()
}

impl Entry {
    /// Redis's arity: the words with the command's name; negative: at least so many.
    ///
    /// Required options are not counted, so that one that is missing is named by our
    /// own error instead of Redis's "wrong number of arguments".
    pub fn arity(&self) -> i32 {
        let words = 1 + self.clause.fewest_words() as i32;
        if self.clause.has_fixed_length() { words } else { -words }
    }
}

/// The ACL categories of commands with these flags, without `@`.
pub fn categories(flags: &[Flag]) -> &'static [&'static str] {
    match (flags.contains(&Flag::Admin), flags.contains(&Flag::ReadOnly)) {
        (true, _) => &["admin", "dangerous"],
        (false, true) => &["read"],
        (false, false) => &[],
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.clause.name == other.clause.name
    }
}

impl Eq for Entry {}

impl Flag {
    /// The word RedisModule_CreateCommand takes. `blocking` needs Redis 7.2.
    pub fn word(self) -> &'static str {
        match self {
            Flag::Write => "write",
            Flag::ReadOnly => "readonly",
            Flag::Admin => "admin",
            Flag::DenyOom => "deny-oom",
            Flag::Blocking => "blocking",
            Flag::NoScript => "deny-script",
            Flag::AllowStale => "allow-stale",
            Flag::AllowLoading => "allow-loading",
            Flag::Fast => "fast",
        }
    }
}

pub(super) const NAME: Argument = Argument::value("name", Kind::Name);

/// The grammar of a statement.
pub(super) const fn clause(
    name: &'static str,
    summary: &'static str,
    arguments: &'static [Argument],
    options: &'static [Argument],
) -> Clause {
    Clause { name, summary, arguments, options, trailing: None }
}

pub(super) static UNROUTE: Entry = Entry {
    clause: clause("KAFKA.UNROUTE", "Removes a route; the keys it wrote stay.", &[NAME], &[]),
    since: "0.1.0",
    complexity: "O(1)",
    flags: &[Flag::Write, Flag::Admin],
    acl: "",
    build: |matched| Ok(Statement::Unroute { name: name(matched)? }),
};

pub(super) static UNSUBSCRIBE: Entry = Entry {
    clause: clause(
        "KAFKA.UNSUBSCRIBE",
        "Removes a subscription, its routes, its ledger and its consumer group; data stays.",
        &[NAME],
        &[Argument::token("KEEPOFFSETS")
            .optional()
            .about("keep the ledger, so that the same name goes on there")],
    ),
    since: "0.1.0",
    complexity: "O(N) with N the number of partitions",
    flags: &[Flag::Write, Flag::Admin],
    acl: "",
    build: |matched| {
        let keep = matched.has("KEEPOFFSETS");
        let offsets = if keep { Offsets::Keep } else { Offsets::Delete };
        Ok(Statement::Unsubscribe { name: name(matched)?, offsets })
    },
};

pub(super) static LIST: Entry = Entry {
    clause: clause("KAFKA.LIST", "One line per subscription: state, reason, lag.", &[], &[]),
    since: "0.1.0",
    complexity: "O(N) with N the number of subscriptions",
    flags: &[Flag::ReadOnly, Flag::AllowStale],
    acl: "",
    build: |_| Ok(Statement::List),
};

pub(super) static INFO: Entry = Entry {
    clause: clause("KAFKA.INFO", "All about one subscription or route.", &[NAME], &[]),
    since: "0.1.0",
    complexity: "O(N) with N the number of partitions",
    flags: &[Flag::ReadOnly, Flag::AllowStale],
    acl: "",
    build: |matched| Ok(Statement::Info { name: name(matched)? }),
};

pub(super) static PAUSE: Entry = Entry {
    clause: clause("KAFKA.PAUSE", "Holds a subscription until KAFKA.RESUME.", &[NAME], &[]),
    since: "0.1.0",
    complexity: "O(1)",
    flags: &[Flag::Write, Flag::Admin],
    acl: "",
    build: |matched| Ok(Statement::Pause { name: name(matched)? }),
};

pub(super) static RESUME: Entry = Entry {
    clause: clause(
        "KAFKA.RESUME",
        "Lets a paused or stopped subscription go on.",
        &[NAME],
        &[Argument::one_of(
            "settle",
            &[
                Argument::token("SKIP").about("leave out the one record that stopped it"),
                Argument::token("DEADLETTER").about("put that record among the dead letters"),
            ],
        )
        .optional()],
    ),
    since: "0.1.0",
    complexity: "O(1)",
    flags: &[Flag::Write, Flag::Admin],
    acl: "",
    build: |matched| {
        let settle = match (matched.has("SKIP"), matched.has("DEADLETTER")) {
            (true, _) => Some(Settle::Skip),
            (_, true) => Some(Settle::DeadLetter),
            _ => None,
        };
        Ok(Statement::Resume { name: name(matched)?, settle })
    },
};

/// The longest time-out of KAFKA.WAIT, in milliseconds: what Redis can add to its clock.
const WAIT_MAX_MS: u64 = i64::MAX as u64 / 2;

pub(super) static WAIT: Entry = Entry {
    clause: clause(
        "KAFKA.WAIT",
        "Blocks until all that Kafka held at the call is applied: read your writes.",
        &[
            NAME,
            Argument::value("timeout-ms", Kind::Milliseconds)
                .about("milliseconds to wait at most; 0 waits without limit, as in WAIT"),
        ],
        &[],
    ),
    since: "0.1.0",
    complexity: "O(N) with N the number of partitions",
    flags: &[Flag::ReadOnly, Flag::Blocking, Flag::NoScript],
    acl: "",
    build: |matched| {
        let timeout = matched.word_of("timeout-ms")?.integer(0..=WAIT_MAX_MS);
        let timeout =
            timeout.map_err(|error| error.hint("milliseconds without a unit, as 5000"))?;
        Ok(Statement::Wait { name: name(matched)?, timeout: Duration::from_millis(timeout) })
    },
};

pub(super) static CONNECTIONS: Entry = Entry {
    clause: clause("KAFKA.CONNECTIONS", "The names of the connection profiles.", &[], &[]),
    since: "0.1.0",
    complexity: "O(N) with N the number of profiles",
    flags: &[Flag::ReadOnly, Flag::AllowStale],
    acl: "",
    build: |_| Ok(Statement::Connections),
};

pub(super) static HELP: Entry = Entry {
    clause: clause(
        "KAFKA.HELP",
        "The commands, or one command with its options.",
        &[Argument::value("command", Kind::Statement).optional()],
        &[],
    ),
    since: "0.1.0",
    complexity: "O(1)",
    flags: &[Flag::ReadOnly, Flag::AllowStale, Flag::AllowLoading, Flag::Fast],
    acl: "",
    build: build_help,
};

fn build_help(matched: &Match<'_>) -> Result<Statement, CommandError> {
    let Some(word) = matched.get("command").map(Match::word).transpose()? else {
        return Ok(Statement::Help { statement: None });
    };
    let named = |entry: &&&Entry| word.is(entry.clause.short_name()) || word.is(entry.clause.name);
    match ENTRIES.iter().find(named) {
        Some(entry) => Ok(Statement::Help { statement: Some(entry) }),
        None => {
            let known = ENTRIES.iter().map(|entry| entry.clause.short_name());
            let error = word.error(format!("unknown command '{}'", word.shown()));
            Err(match nearest(&word.shown(), known) {
                Some(near) => error.did_you_mean(Some(near)),
                None => error.hint("KAFKA.HELP alone lists the commands"),
            })
        }
    }
}

/// The name that a statement starts with.
pub(super) fn name(matched: &Match<'_>) -> Result<String, CommandError> {
    matched.word_of(NAME.name)?.name()
}
