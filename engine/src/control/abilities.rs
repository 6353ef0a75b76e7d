//! Whether the server can do what a route's target needs.

use super::host::{CommandInfo, Host};
use crate::command::CommandError;
use crate::target::{Place, Target};

/// Refuses a target whose command the server lacks, and a COMMAND that no route may run.
pub(super) fn check(host: &mut impl Host, target: &Target) -> Result<(), CommandError> {
    if let Some(command) = target.requires()
        && describe(host, command)?.is_none()
    {
        return Err(missing(command));
    }
    match target.place() {
        Place::Command(_) => check_command(host, &target.arguments()),
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

fn describe(host: &mut impl Host, name: &str) -> Result<Option<CommandInfo>, CommandError> {
    host.command(name)
        .map_err(|problem| CommandError::new(format!("COMMAND INFO {name}: {problem}")))
}

/// `words` begin with COMMAND itself.
fn check_command(host: &mut impl Host, words: &[String]) -> Result<(), CommandError> {
    let words = words.get(1..).unwrap_or_default();
    let Some(name) = words.first() else {
        return Err(CommandError::new("COMMAND needs a command's name"));
    };
    let unknown = |name: &str| CommandError::new(format!("this server has no command '{name}'"));
    let mut name = name.clone();
    let mut command = describe(host, &name)?.ok_or_else(|| unknown(&name))?;
    if !command.subcommands.is_empty() {
        let Some(subcommand) = words.get(1) else {
            let problem = format!("{} needs a subcommand", name.to_uppercase());
            return Err(CommandError::new(problem));
        };
        name = format!("{name}|{subcommand}");
        command = describe(host, &name)?.ok_or_else(|| unknown(&name.replace('|', " ")))?;
    }
    let shown = name.replace('|', " ").to_uppercase();
    check_categories(&shown, &command)?;
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

fn check_categories(shown: &str, command: &CommandInfo) -> Result<(), CommandError> {
    let is = |category: &str| command.categories.iter().any(|found| found == category);
    if !is("@write") {
        return Err(CommandError::new(format!("{shown} writes nothing"))
            .hint("a route may run commands of the ACL category @write"));
    }
    if let Some(category) = ["@admin", "@dangerous", "@blocking"].into_iter().find(|it| is(it)) {
        let problem = format!("{shown} is in the ACL category {category}, which no route may run");
        return Err(CommandError::new(problem));
    }
    Ok(())
}
