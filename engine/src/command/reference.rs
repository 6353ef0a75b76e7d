//! The reference page, `docs/reference.md`: everything the tables know.

use super::table::{ENTRIES, Entry, Flag};
use crate::format::FORMATS;
use crate::grammar::{Argument, Clause, NAME_MAX, Shape, Support};
use crate::state::State;
use crate::target::TARGETS;

/// The page as Markdown. A test holds `docs/reference.md` to it.
pub fn reference() -> String {
    let mut page = format!("{}\n", INTRODUCTION.replace("{NAME_MAX}", &NAME_MAX.to_string()));
    page += "\n## Commands\n";
    for entry in ENTRIES {
        page += &command(entry);
    }
    page += TARGETS_INTRODUCTION;
    for row in TARGETS {
        page += &section(&row.clause, "");
    }
    page += FORMATS_INTRODUCTION;
    for row in FORMATS {
        page += &format!("- `{}`: {}\n", row.name, row.summary);
    }
    page += STATES_INTRODUCTION;
    for state in STATES {
        page += &format!("- `{}`: {}\n", state.name(), meaning(*state));
    }
    page
}

const INTRODUCTION: &str = "\
# Reference

<!-- Written from the tables in the engine. A test fails when it differs;
     `UPDATE_REFERENCE=1 cargo test -p redis-kafka-engine reference` writes it anew. -->

Key words are taken in any case, options in any order behind the name. Names of
subscriptions and routes are 1 to {NAME_MAX} of `A-Z a-z 0-9 _ . -`, and share one
namespace. What is marked *not supported yet* is refused by that name.

In a file, each command is a line; `#` begins a comment line, and an indented line
continues the one before it. Words are quoted as in redis-cli: `\"...\"` with `\\n`,
`\\xHH`, `\\\"`, or `'...'`.

A template is text with `%{...}` in it, as `\"sensor:%{airport}:%{id}\"`: a path into
the record's value (`a.b[0].c`, `_value['odd-name']`), its key (`_key`, `_key.f`), a
header (`_header['X-Id']`), or `_topic`, `_partition`, `_offset`, `_timestamp`. `%%{`
is a literal `%{`. A null in a key is an error of the record.

What `EACH` and `JOIN HASH` add to a route is read by its alias: expressions.md has a
section on them.";

const TARGETS_INTRODUCTION: &str = "
## Targets

What stands behind `TO` in KAFKA.ROUTE. The options may follow in any order, also
among those of the command; only COMMAND takes all that follows it to the end of the line.

A unit holds the writes of many records. Of the writes that one unit makes to a key of STRING
or JSON only the last is applied, and those to one hash (without aggregates and NEWER) are
applied as the one that leaves the same: nobody could see the earlier ones. Hash writes of which
one deletes a field (a null, with MERGE) are applied one by one. Every write of the other targets is applied, in the order of the records.
Messages of one unit are published channel by channel, in the order of the records within each.

SET, ZSET and GEO keep members of many records in one key: what removes a key elsewhere
(TOMBSTONE DELETE, DELETE WHEN) removes the record's member there.
";

const FORMATS_INTRODUCTION: &str = "
## Formats

How the bytes of a record's key or value become fields.

";

const STATES_INTRODUCTION: &str = "
## States

What KAFKA.LIST and KAFKA.INFO show, each with `reason`, `since` and `action` (a command
to paste, or the thing to check).

";

const STATES: &[State] =
    &[State::Running, State::Paused, State::Waiting, State::Stopped, State::Standby];

fn meaning(state: State) -> &'static str {
    match state {
        State::Running => "records flow, or would if there were any",
        State::Paused => "a person paused it; KAFKA.RESUME lets it go on",
        State::Waiting => {
            "it goes on by itself when the reason is gone: a broker that is away, an unknown \
             topic, full memory, a slow replica, no route, the load of the subscription that AFTER \
             names"
        }
        State::Stopped => "a person is needed; nothing is lost meanwhile",
        State::Standby => "this server is a replica; the primary consumes",
    }
}

fn command(entry: &Entry) -> String {
    let mut facts = format!("Since {}. Time: {}.", entry.since, entry.complexity);
    let flags: Vec<String> = entry.flags.iter().copied().map(flag).collect();
    facts += &format!(" Flags: {}.", flags.join(", "));
    if !entry.acl.is_empty() {
        facts += &format!(" The user needs {}.", entry.acl);
    }
    section(&entry.clause, &facts)
}

fn flag(flag: Flag) -> String {
    format!("`{}`", flag.word())
}

fn section(clause: &Clause, facts: &str) -> String {
    let mut text = format!("\n### {}\n\n    {clause}\n\n", clause.name);
    text += &format!("{}\n", sentence(clause.summary));
    if !facts.is_empty() {
        text += &format!("\n{facts}\n");
    }
    let arguments = clause.arguments.iter().chain(clause.options).chain(clause.trailing);
    let mut list = String::new();
    arguments.for_each(|argument| explain(argument, 0, &mut list));
    if list.is_empty() { text } else { format!("{text}\n{list}") }
}

/// A list item for the argument when there is something to say, then its parts.
fn explain(argument: &Argument, depth: usize, list: &mut String) {
    let built = argument.support == Support::Built;
    let mut inner = depth;
    if !argument.summary.is_empty() || !built {
        let indent = "  ".repeat(depth);
        let note = if built { "" } else { " *(not supported yet)*" };
        let colon = if argument.summary.is_empty() { "" } else { ": " };
        *list += &format!("{indent}- `{argument}`{colon}{}{note}\n", argument.summary);
        inner += 1;
    }
    if let Shape::OneOf(parts) | Shape::Block(parts) = argument.shape
        && built
    {
        parts.iter().for_each(|part| explain(part, inner, list));
    }
}

fn sentence(summary: &str) -> String {
    let mut characters = summary.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    let text = first.unwrap_or_default() + characters.as_str();
    if text.ends_with('.') { text } else { text + "." }
}
