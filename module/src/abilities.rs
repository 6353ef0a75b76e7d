//! Whether the server can do what a route's target needs.

use crate::redis::{Context, Manner, Reply};
use redis_kafka_engine::command::CommandError;
use redis_kafka_engine::target::{Place, Target};

/// Refuses a target whose command the server lacks, and a COMMAND that no route may run.
pub fn check(context: Context, target: &Target) -> Result<(), CommandError> {
    if let Some(command) = target.requires()
        && describe(context, command)?.is_none()
    {
        return Err(missing(command));
    }
    match target.place() {
        Place::Command(_) => check_command(context, &target.arguments()),
        Place::Key(_) | Place::Channel(_) | Place::Topic(_) => Ok(()),
    }
}

fn missing(command: &str) -> CommandError {
    let way_out = match command.split('.').next() {
        Some("JSON") => "load RedisJSON (Redis Stack, Redis 8)",
        Some("TS") => "load RedisTimeSeries (Redis Stack, Redis 8)",
        _ => "load the module that has it",
    };
    CommandError::new(format!("this server has no {command}")).hint(way_out)
}

/// What `COMMAND INFO` says of a command.
struct Command {
    /// How many words it takes with its name; at least so many where negative.
    arity: i64,
    categories: Vec<String>,
    subcommands: Vec<String>,
}

fn describe(context: Context, name: &str) -> Result<Option<Command>, CommandError> {
    let reply = context
        .call("COMMAND", &["INFO", name], Manner::Local)
        .map_err(|error| CommandError::new(format!("COMMAND INFO {name}: {error}")))?;
    let Some(row) = reply.list().first().filter(|row| !row.list().is_empty()) else {
        return Ok(None);
    };
    let texts = |at: usize| row.list().get(at).map(Reply::list).unwrap_or_default();
    let arity = match row.list().get(1) {
        Some(Reply::Integer(arity)) => *arity,
        _ => 0,
    };
    let name_of = |row: &Reply| row.list().first().map(Reply::text);
    Ok(Some(Command {
        arity,
        categories: texts(6).iter().map(Reply::text).collect(),
        subcommands: texts(9).iter().filter_map(name_of).collect(),
    }))
}

/// `words` begin with COMMAND itself.
fn check_command(context: Context, words: &[String]) -> Result<(), CommandError> {
    let words = words.get(1..).unwrap_or_default();
    let Some(name) = words.first() else {
        return Err(CommandError::new("COMMAND needs a command's name"));
    };
    let unknown = |name: &str| CommandError::new(format!("this server has no command '{name}'"));
    let mut name = name.clone();
    let mut command = describe(context, &name)?.ok_or_else(|| unknown(&name))?;
    if !command.subcommands.is_empty() {
        let Some(subcommand) = words.get(1) else {
            let problem = format!("{} needs a subcommand", name.to_uppercase());
            return Err(CommandError::new(problem));
        };
        name = format!("{name}|{subcommand}");
        command = describe(context, &name)?.ok_or_else(|| unknown(&name.replace('|', " ")))?;
    }
    let shown = name.replace('|', " ").to_uppercase();
    let is = |category: &str| command.categories.iter().any(|found| found == category);
    if !is("@write") {
        return Err(CommandError::new(format!("{shown} writes nothing"))
            .hint("a route may run commands of the ACL category @write"));
    }
    if let Some(category) = ["@admin", "@dangerous", "@blocking"].into_iter().find(|it| is(it)) {
        let problem = format!("{shown} is in the ACL category {category}, which no route may run");
        return Err(CommandError::new(problem));
    }
    let count = i64::try_from(words.len()).unwrap_or(i64::MAX);
    if count < command.arity.abs() || (command.arity > 0 && count != command.arity) {
        let bound = if command.arity < 0 { "at least " } else { "" };
        let problem = format!(
            "{shown} takes {bound}{} words, its name included; these are {count}",
            command.arity.abs()
        );
        return Err(CommandError::new(problem));
    }
    Ok(())
}
