//! Statements that are known by name and not built yet.

use super::table::{Entry, Flag, NAME};
use crate::grammar::{Argument, Clause, Kind, Support};

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

pub(super) static SEEK: Entry = Entry {
    clause: planned(
        "KAFKA.SEEK",
        "Moves a subscription to another position.",
        &[
            NAME,
            Argument::block(
                None,
                "one partition",
                &[
                    Argument::value("topic", Kind::Text),
                    Argument::value("partition", Kind::Integer),
                ],
            )
            .optional(),
            Argument::one_of("position", POSITIONS),
        ],
        &[Argument::token("FORCE")
            .optional()
            .about("go back although appends or aggregates would double")],
    ),
    since: "0.1.0",
    complexity: "O(N) with N the number of partitions",
    flags: &[Flag::Write, Flag::Admin],
    acl: "",
    build: None,
};

pub(super) static DEADLETTERS: Entry = Entry {
    clause: planned("KAFKA.DEADLETTERS", "Shows a subscription's dead letters.", &[NAME], &[COUNT]),
    since: "0.1.0",
    complexity: "O(N) with N the number of dead letters shown",
    flags: &[Flag::ReadOnly],
    acl: "read access to the key kafka:deadletters:name",
    build: None,
};

pub(super) static REPLAY: Entry = Entry {
    clause: planned(
        "KAFKA.REPLAY",
        "Sends dead letters through the routes again.",
        &[NAME],
        &[COUNT],
    ),
    since: "0.1.0",
    complexity: "O(N) with N the number of dead letters replayed",
    flags: &[Flag::Write, Flag::Admin, Flag::DenyOom],
    acl: "",
    build: None,
};
