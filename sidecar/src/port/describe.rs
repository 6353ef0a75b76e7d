//! COMMAND and its subcommands: the engine's table in the shape of Redis's own replies for a
//! module's commands, which redis-cli's hints are made from.

use super::answer::Answer;
use redis_kafka_engine::command::docs::{ArgumentDocs, ArgumentKind, CommandDocs, docs};
use redis_kafka_engine::command::{ENTRIES, Flag};
use redis_kafka_engine::grammar::{Presence, Repetition};

/// The module whose commands these are, in COMMAND DOCS.
const MODULE: &str = "kafka";

/// Answers COMMAND; `words` stand behind it.
pub fn command(words: &[Vec<u8>]) -> Answer {
    let (subcommand, names) = match words.split_first() {
        None => return Answer::Array(docs().iter().map(info).collect()),
        Some((subcommand, names)) => (String::from_utf8_lossy(subcommand), names),
    };
    match (subcommand.to_ascii_uppercase().as_str(), names) {
        ("COUNT", []) => Answer::Integer(ENTRIES.len() as i64),
        ("COUNT", _) => wrong_number("command|count"),
        ("DOCS", []) => Answer::Map(docs().iter().map(documented).collect()),
        ("DOCS", names) => Answer::Map(found(names).iter().flatten().map(documented).collect()),
        ("INFO", []) => Answer::Array(docs().iter().map(info).collect()),
        ("INFO", names) => {
            let shown = |docs: &Option<CommandDocs>| docs.as_ref().map_or(Answer::Null, info);
            Answer::Array(found(names).iter().map(shown).collect())
        }
        ("LIST", []) => {
            Answer::Array(ENTRIES.iter().map(|entry| Answer::bulk(entry.clause.name)).collect())
        }
        ("LIST", _) => Answer::Error(
            "ERR COMMAND LIST takes no filter here: all commands begin with KAFKA.".to_owned(),
        ),
        _ => Answer::Error(format!(
            "ERR unknown subcommand '{}'. There are COUNT, DOCS, INFO and LIST.",
            subcommand.escape_debug()
        )),
    }
}

/// What Redis says of a command with too many or too few words.
pub fn wrong_number(command: &str) -> Answer {
    Answer::Error(format!("ERR wrong number of arguments for '{command}' command"))
}

fn found(names: &[Vec<u8>]) -> Vec<Option<CommandDocs>> {
    let all = docs();
    let named = |name: &Vec<u8>| {
        all.iter().find(|docs| docs.name.as_bytes().eq_ignore_ascii_case(name)).cloned()
    };
    names.iter().map(named).collect()
}

fn pair(name: &str, value: Answer) -> (Answer, Answer) {
    (Answer::bulk(name), value)
}

fn documented(docs: &CommandDocs) -> (Answer, Answer) {
    let mut pairs = vec![
        pair("summary", Answer::bulk(&docs.summary)),
        pair("since", Answer::bulk(docs.since)),
        pair("group", Answer::bulk("module")),
        pair("complexity", Answer::bulk(docs.complexity)),
        pair("module", Answer::bulk(MODULE)),
    ];
    if !docs.arguments.is_empty() {
        let arguments = docs.arguments.iter().map(argument).collect();
        pairs.push(pair("arguments", Answer::Array(arguments)));
    }
    (Answer::bulk(docs.name), Answer::Map(pairs))
}

fn argument(docs: &ArgumentDocs) -> Answer {
    let mut pairs =
        vec![pair("name", Answer::bulk(&docs.name)), pair("type", Answer::bulk(kind(docs.kind)))];
    pairs.extend(docs.token.map(|token| pair("token", Answer::bulk(token))));
    pairs.extend(docs.summary.map(|summary| pair("summary", Answer::bulk(summary))));
    let repetition: &[&str] = match docs.repetition {
        Repetition::Once => &[],
        Repetition::Values => &["multiple"],
        Repetition::Whole => &["multiple", "multiple_token"],
    };
    let optional = (docs.presence == Presence::Optional).then_some("optional");
    let flags: Vec<_> = optional.iter().chain(repetition).map(|flag| simple(flag)).collect();
    if !flags.is_empty() {
        pairs.push(pair("flags", Answer::Set(flags)));
    }
    if !docs.parts.is_empty() {
        pairs.push(pair("arguments", Answer::Array(docs.parts.iter().map(argument).collect())));
    }
    Answer::Map(pairs)
}

fn kind(kind: ArgumentKind) -> &'static str {
    match kind {
        ArgumentKind::String => "string",
        ArgumentKind::Integer => "integer",
        ArgumentKind::Pattern => "pattern",
        ArgumentKind::PureToken => "pure-token",
        ArgumentKind::OneOf => "oneof",
        ArgumentKind::Block => "block",
    }
}

fn simple(word: &str) -> Answer {
    Answer::Simple(word.to_owned())
}

/// Name, arity, flags, first key, last key, step, ACL categories, tips, key specs, subcommands.
fn info(docs: &CommandDocs) -> Answer {
    let flags = docs.flags.iter().filter_map(|flag| flag_name(*flag)).chain(["module"]);
    let categories: &[&str] =
        match (docs.flags.contains(&Flag::Admin), docs.flags.contains(&Flag::ReadOnly)) {
            (true, _) => &["@admin", "@dangerous"],
            (false, true) => &["@read"],
            (false, false) => &[],
        };
    Answer::Array(vec![
        Answer::bulk(docs.name),
        Answer::Integer(i64::from(docs.arity)),
        Answer::Set(flags.map(simple).collect()),
        Answer::Integer(0),
        Answer::Integer(0),
        Answer::Integer(0),
        Answer::Set(categories.iter().map(|category| simple(category)).collect()),
        Answer::Set(Vec::new()),
        Answer::Set(Vec::new()),
        Answer::Set(Vec::new()),
    ])
}

/// As COMMAND INFO names it.
fn flag_name(flag: Flag) -> Option<&'static str> {
    match flag {
        Flag::Write => Some("write"),
        Flag::ReadOnly => Some("readonly"),
        Flag::Admin => Some("admin"),
        Flag::DenyOom => Some("denyoom"),
        Flag::Blocking => Some("blocking"),
        Flag::NoScript => Some("noscript"),
        Flag::AllowStale => Some("stale"),
        Flag::AllowLoading => Some("loading"),
        Flag::Fast => Some("fast"),
    }
}
