//! Statements: what users say. One table, from which come the parser, the help, COMMAND DOCS and the
//! reference page.

mod additions;
mod canonical;
pub mod definition;
pub mod docs;
mod help;
mod letters;
pub mod lines;
mod look;
mod preview;
mod reference;
mod route;
mod seek;
mod subscribe;
mod table;
#[cfg(test)]
mod tests;

pub use crate::grammar::CommandError;
pub use additions::{Additions, Each, Join};
pub use canonical::conflict;
pub use help::help;
pub use letters::{DeadLetters, LETTERS_MAX};
pub use look::{COUNT_DEFAULT, COUNT_MAX, Content, Peek, Produce, Source};
pub use preview::Preview;
pub use reference::reference;
pub use route::{Route, Scope};
pub use seek::{Force, Seek};
pub use subscribe::{Envelope, Initial, OnError, Subscribe};
pub use table::{ENTRIES, Entry, Flag, categories, find};

use crate::grammar::{Arguments, COMMAND_PREFIX, match_clause, shown};
use crate::nearest::nearest;
use std::time::Duration;

/// One parsed command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// KAFKA.SUBSCRIBE
    Subscribe(Subscribe),
    /// KAFKA.ROUTE
    Route(Route),
    /// KAFKA.UNROUTE
    Unroute {
        /// The route's name.
        name: String,
    },
    /// KAFKA.UNSUBSCRIBE
    Unsubscribe {
        /// The subscription's name.
        name: String,
        /// Whether the ledger stays.
        offsets: Offsets,
    },
    /// KAFKA.LIST
    List,
    /// KAFKA.INFO
    Info {
        /// A subscription's or route's name.
        name: String,
    },
    /// KAFKA.PAUSE
    Pause {
        /// The subscription's name.
        name: String,
    },
    /// KAFKA.RESUME
    Resume {
        /// The subscription's name.
        name: String,
        /// What becomes of the one record that stopped it; none tries it again.
        settle: Option<Settle>,
    },
    /// KAFKA.SEEK
    Seek(Seek),
    /// KAFKA.WAIT
    Wait {
        /// The subscription's name.
        name: String,
        /// How long to wait at most, in whole milliseconds; zero waits without limit.
        timeout: Duration,
    },
    /// KAFKA.TOPICS
    Topics {
        /// Which cluster; none where there is only one.
        source: Option<Source>,
    },
    /// KAFKA.PEEK
    Peek(Peek),
    /// KAFKA.PRODUCE
    Produce(Produce),
    /// KAFKA.PREVIEW
    Preview(Box<Preview>),
    /// KAFKA.DEADLETTERS
    DeadLetters {
        /// The subscription's name.
        name: String,
        /// How many to show, at most.
        count: u64,
    },
    /// KAFKA.REPLAY
    Replay {
        /// The subscription's name.
        name: String,
        /// How many, at most; none for all there are.
        count: Option<u64>,
    },
    /// KAFKA.CONNECTIONS
    Connections,
    /// KAFKA.HELP
    Help {
        /// The statement to explain; none lists all.
        statement: Option<&'static Entry>,
    },
}

/// Whether a definition may take the place of one of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replace {
    /// A different one under the name is an error.
    #[default]
    No,
    /// `REPLACE`: it is swapped between two units, positions kept.
    Yes,
}

/// What becomes of the ledger when a subscription goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offsets {
    /// It is deleted.
    Delete,
    /// `KEEPOFFSETS`
    Keep,
}

/// What becomes of the record that stopped a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    /// It is counted and left out.
    Skip,
    /// It goes to the dead letters.
    DeadLetter,
}

impl Statement {
    /// The table's row of this statement.
    pub fn entry(&self) -> &'static Entry {
        match self {
            Statement::Subscribe(_) => &subscribe::ENTRY,
            Statement::Route(_) => &route::ENTRY,
            Statement::Unroute { .. } => &table::UNROUTE,
            Statement::Unsubscribe { .. } => &table::UNSUBSCRIBE,
            Statement::List => &table::LIST,
            Statement::Info { .. } => &table::INFO,
            Statement::Pause { .. } => &table::PAUSE,
            Statement::Resume { .. } => &table::RESUME,
            Statement::Seek(_) => &seek::ENTRY,
            Statement::Wait { .. } => &table::WAIT,
            Statement::Topics { .. } => &look::TOPICS,
            Statement::Peek(_) => &look::PEEK,
            Statement::Produce(_) => &look::PRODUCE,
            Statement::Preview(_) => &preview::ENTRY,
            Statement::DeadLetters { .. } => &letters::DEADLETTERS,
            Statement::Replay { .. } => &letters::REPLAY,
            Statement::Connections => &table::CONNECTIONS,
            Statement::Help { .. } => &table::HELP,
        }
    }
}

/// Parses one command; `arguments[0]` is its name. Any bytes are taken; none panic.
pub fn parse(arguments: &[&[u8]]) -> Result<Statement, CommandError> {
    let Some((name, words)) = arguments.split_first() else {
        return Err(CommandError::new("a command is missing").hint("KAFKA.HELP lists them"));
    };
    let Some(entry) = find(name) else {
        return Err(unknown(name));
    };
    match_clause(&entry.clause, Arguments::new(words))
        .and_then(|matched| (entry.build)(&matched))
        .map_err(|error| error.of(entry.clause.name))
}

fn unknown(name: &[u8]) -> CommandError {
    let shown = shown(name);
    let error = CommandError::new(format!("unknown command '{shown}'"));
    let known = ENTRIES.iter().map(|entry| entry.clause.short_name());
    let upper = shown.to_ascii_uppercase();
    let bare = upper.strip_prefix(COMMAND_PREFIX).unwrap_or(&upper);
    match nearest(bare, known) {
        Some(near) => error.did_you_mean(Some(&format!("{COMMAND_PREFIX}{near}"))),
        None => error.hint("KAFKA.HELP lists the commands"),
    }
}

/// For fuzzing: splits `bytes` into words at NUL bytes and parses them; whatever
/// parses must come back equal from its canonical form. Panics where that fails.
pub fn fuzz(bytes: &[u8]) {
    let words: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
    let Ok(statement) = parse(&words) else { return };
    // Values to send may be any bytes, which a line of text cannot say.
    if matches!(&statement, Statement::Produce(produce) if !produce.is_text()) {
        return;
    }
    let again = statement.arguments();
    let again: Vec<&[u8]> = again.iter().map(|word| word.as_bytes()).collect();
    assert_eq!(parse(&again), Ok(statement.without_replace()));
}
