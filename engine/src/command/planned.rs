//! Statements that are known by name and not built yet.

use super::table::{Entry, Flag, NAME};
use crate::grammar::{Argument, Clause, Kind, Repetition, Support};
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
const KEY: Argument = Argument::option("KEY", "format", Kind::Format).optional();
const VALUE: Argument = Argument::option("VALUE", "format", Kind::Format).optional();
const REGISTRY: Argument = Argument::option("REGISTRY", "url|profile", Kind::Text).optional();
const WHERE_TO_LOOK: Argument = Argument::one_of(
    "where",
    &[
        Argument::option("ON", "subscription", Kind::Name),
        Argument::option("CONNECTION", "profile", Kind::Name),
        Argument::option("BROKERS", "host:port", Kind::List),
    ],
)
.optional();

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

pub(super) static TOPICS: Entry = Entry {
    clause: planned("KAFKA.TOPICS", "The topics of a Kafka cluster.", &[], &[WHERE_TO_LOOK]),
    since: "0.1.0",
    complexity: "O(N) with N the number of topics",
    flags: &[Flag::ReadOnly, Flag::Admin, Flag::Blocking, Flag::NoScript],
    acl: "",
    build: None,
};

pub(super) static PEEK: Entry = Entry {
    clause: planned(
        "KAFKA.PEEK",
        "Shows records of a topic, decoded, consuming nothing.",
        &[Argument::value("topic", Kind::Text)],
        &[WHERE_TO_LOOK, KEY, VALUE, REGISTRY, START, COUNT],
    ),
    since: "0.1.0",
    complexity: "O(N) with N the number of records shown",
    flags: &[Flag::ReadOnly, Flag::Admin, Flag::Blocking, Flag::NoScript],
    acl: "",
    build: None,
};

pub(super) static PRODUCE: Entry = Entry {
    clause: Clause {
        name: "KAFKA.PRODUCE",
        summary: "Sends records to a topic.",
        support: Support::Planned,
        arguments: &[Argument::value("topic", Kind::Text)],
        options: &[
            WHERE_TO_LOOK,
            Argument::option("KEY", "key", Kind::Text).optional(),
            Argument::block(
                Some("HEADER"),
                "header",
                &[Argument::value("name", Kind::Text), Argument::value("value", Kind::Text)],
            )
            .optional()
            .repeated(Repetition::Whole),
            Argument::option("PARTITION", "n", Kind::Integer).optional(),
            Argument::option("FORMAT", "format", Kind::Format).optional(),
            REGISTRY,
            Argument::option("CREATE", "partitions", Kind::Integer).optional(),
        ],
        trailing: Some(&Argument::block(
            None,
            "values",
            &[
                Argument::token("VALUES")
                    .optional()
                    .about("what follows are values, whatever it says"),
                Argument::value("value", Kind::Text).repeated(Repetition::Values),
            ],
        )),
    },
    since: "0.1.0",
    complexity: "O(N) with N the number of records",
    flags: &[Flag::ReadOnly, Flag::Admin, Flag::Blocking, Flag::NoScript],
    acl: "",
    build: None,
};
