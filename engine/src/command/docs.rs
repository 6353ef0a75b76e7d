//! COMMAND DOCS and COMMAND INFO: the table in the shape RedisModule_SetCommandInfo takes.
//!
//! What is not supported yet is left out.

use super::table::{ENTRIES, Entry, Flag, GROUP};
use crate::grammar::{Argument, Clause, Kind, Presence, Repetition, Shape, Support};

/// One command as COMMAND DOCS shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandDocs {
    /// In capitals, with the prefix.
    pub name: &'static str,
    /// One line.
    pub summary: String,
    /// The first version that has it.
    pub since: &'static str,
    /// The same for all commands.
    pub group: &'static str,
    /// As Redis writes complexities.
    pub complexity: &'static str,
    /// Words with the command's name; negative: at least so many.
    pub arity: i32,
    /// What Redis should know.
    pub flags: &'static [Flag],
    /// Its arguments in order.
    pub arguments: Vec<ArgumentDocs>,
}

/// One argument: a RedisModuleCommandArg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentDocs {
    /// In small letters.
    pub name: String,
    /// What it is.
    pub kind: ArgumentKind,
    /// The key word before it, or the key word that it is.
    pub token: Option<&'static str>,
    /// One line; none where the name says it all.
    pub summary: Option<&'static str>,
    /// Whether it need not be there (CMD_ARG_OPTIONAL).
    pub presence: Presence,
    /// How often it may stand (CMD_ARG_MULTIPLE for Values, with MULTIPLE_TOKEN for Whole).
    pub repetition: Repetition,
    /// For [`ArgumentKind::OneOf`] and [`ArgumentKind::Block`].
    pub parts: Vec<ArgumentDocs>,
}

/// The types of RedisModuleCommandArgType that the commands need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentKind {
    /// ARG_TYPE_STRING
    String,
    /// ARG_TYPE_INTEGER
    Integer,
    /// ARG_TYPE_PATTERN
    Pattern,
    /// ARG_TYPE_PURE_TOKEN
    PureToken,
    /// ARG_TYPE_ONEOF
    OneOf,
    /// ARG_TYPE_BLOCK
    Block,
}

/// All commands, in the table's order.
pub fn docs() -> Vec<CommandDocs> {
    ENTRIES.iter().map(|entry| command(entry)).collect()
}

fn command(entry: &Entry) -> CommandDocs {
    CommandDocs {
        name: entry.clause.name,
        summary: entry.clause.summary.to_owned(),
        since: entry.since,
        group: GROUP,
        complexity: entry.complexity,
        arity: entry.arity(),
        flags: entry.flags,
        arguments: clause(&entry.clause),
    }
}

fn clause(clause: &Clause) -> Vec<ArgumentDocs> {
    let all = clause.arguments.iter().chain(clause.options).chain(clause.trailing);
    all.filter_map(argument).collect()
}

/// None for what is not supported yet.
fn argument(source: &Argument) -> Option<ArgumentDocs> {
    if source.support == Support::Planned {
        return None;
    }
    let (kind, parts) = match source.shape {
        Shape::Token => (ArgumentKind::PureToken, Vec::new()),
        Shape::Value(kind) => (value_kind(kind), Vec::new()),
        Shape::OneOf(parts) => (ArgumentKind::OneOf, all(parts)),
        Shape::Block(parts) => (ArgumentKind::Block, all(parts)),
        Shape::Clause(clauses) => {
            (ArgumentKind::OneOf, clauses.iter().map(|one| alternative(one)).collect())
        }
    };
    if parts.is_empty() && matches!(kind, ArgumentKind::OneOf | ArgumentKind::Block) {
        return None;
    }
    Some(ArgumentDocs {
        name: source.name.to_lowercase(),
        kind,
        token: source.token,
        summary: Some(source.summary).filter(|summary| !summary.is_empty()),
        presence: source.presence,
        repetition: match (kind, source.repetition) {
            (ArgumentKind::PureToken, _) => Repetition::Once,
            (_, repetition) => repetition,
        },
        parts,
    })
}

fn all(parts: &[Argument]) -> Vec<ArgumentDocs> {
    parts.iter().filter_map(argument).collect()
}

fn alternative(named: &Clause) -> ArgumentDocs {
    ArgumentDocs {
        name: named.name.to_lowercase(),
        kind: ArgumentKind::Block,
        token: Some(named.name),
        summary: Some(named.summary),
        presence: Presence::Required,
        repetition: Repetition::Once,
        parts: clause(named),
    }
}

fn value_kind(kind: Kind) -> ArgumentKind {
    match kind {
        Kind::Integer | Kind::Milliseconds => ArgumentKind::Integer,
        Kind::Pattern => ArgumentKind::Pattern,
        Kind::Name
        | Kind::Text
        | Kind::List
        | Kind::Format
        | Kind::Statement
        | Kind::Template
        | Kind::Expression
        | Kind::Selection
        | Kind::Duration
        | Kind::Timestamp => ArgumentKind::String,
    }
}
