//! KAFKA.HELP: lines of text from the table.

use super::table::{ENTRIES, Entry};
use crate::format::FORMATS;
use crate::grammar::{Argument, Kind, Shape, Support};
use crate::target::TARGETS;

const NOT_YET: &str = " (not supported yet)";

/// The lines of KAFKA.HELP, for one statement or for all.
pub fn help(statement: Option<&'static Entry>) -> Vec<String> {
    match statement {
        Some(entry) => one(entry),
        None => all(),
    }
}

fn all() -> Vec<String> {
    let mut lines = vec!["KAFKA.HELP command explains one command. Commands:".to_owned()];
    for entry in ENTRIES {
        lines.push(entry.clause.to_string());
        lines.push(format!("    {}", entry.clause.summary));
    }
    lines
}

fn one(entry: &Entry) -> Vec<String> {
    let clause = &entry.clause;
    let mut lines = vec![clause.to_string(), format!("    {}", clause.summary)];
    if !entry.acl.is_empty() {
        lines.push(format!("    Needs {}.", entry.acl));
    }
    let arguments: Vec<&Argument> =
        clause.arguments.iter().chain(clause.options).chain(clause.trailing).collect();
    for argument in &arguments {
        explain(argument, 1, &mut lines);
    }
    if arguments.iter().any(|argument| matches!(argument.shape, Shape::Clause(_))) {
        lines.push("Targets:".to_owned());
        for row in TARGETS {
            let target = &row.clause;
            lines.push(format!("    {target}"));
            lines.push(format!("        {}", target.summary));
            for option in target.options {
                explain(option, 2, &mut lines);
            }
        }
    }
    if arguments.iter().any(|argument| matches!(argument.shape, Shape::Value(Kind::Format))) {
        lines.push("Formats:".to_owned());
        for row in FORMATS {
            lines.push(format!("    {}: {}", row.name, row.summary));
        }
    }
    lines
}

/// A line for the argument when there is something to say, then its parts.
fn explain(argument: &Argument, depth: usize, lines: &mut Vec<String>) {
    let planned = argument.support == Support::Planned;
    if !argument.summary.is_empty() || planned {
        let indent = "    ".repeat(depth);
        let colon = if argument.summary.is_empty() { "" } else { ": " };
        let note = if planned { NOT_YET } else { "" };
        lines.push(format!("{indent}{argument}{colon}{}{note}", argument.summary));
    }
    if let Shape::OneOf(parts) | Shape::Block(parts) = argument.shape
        && !planned
    {
        let inner = if argument.summary.is_empty() { depth } else { depth + 1 };
        for part in parts {
            explain(part, inner, lines);
        }
    }
}
