//! Statements that are known by name and not built yet.

use super::table::{Entry, Flag};
use crate::grammar::{Argument, Clause, Kind, Support};
use crate::target;

const fn planned(
    name: &'static str,
    summary: &'static str,
    arguments: &'static [Argument],
    options: &'static [Argument],
) -> Clause {
    Clause { name, summary, support: Support::Planned, arguments, options, trailing: None }
}

const POSITIONS: &[Argument] = super::subscribe::POSITIONS;
const COUNT: Argument = Argument::option("COUNT", "n", Kind::Integer).optional();
const START: Argument = Argument::choice("START", "position", POSITIONS).optional();

pub(super) static PREVIEW: Entry = Entry {
    clause: planned(
        "KAFKA.PREVIEW",
        "Shows what would be written, writing nothing.",
        &[],
        &[
            Argument::option("FROM", "subscription", Kind::Name),
            Argument::clause("TO", "target", target::CLAUSES).optional(),
            super::additions::EACH,
            super::additions::JOIN,
            super::route::WHERE,
            super::route::SELECT,
            START,
            COUNT,
        ],
    ),
    since: "0.1.0",
    complexity: "O(N) with N the number of records shown",
    flags: &[Flag::ReadOnly, Flag::Admin, Flag::Blocking, Flag::NoScript],
    acl: "",
    build: None,
};
