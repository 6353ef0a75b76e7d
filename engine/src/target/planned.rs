//! Targets that are known by name and not built yet.

use super::keyed::{DELETE_WHEN, EXPIRY, KEY, TOMBSTONE};
use super::{NEWER, TargetRow};
use crate::grammar::{Argument, Kind, Repetition};

const fn expression(token: &'static str) -> Argument {
    Argument::option(token, "expression", Kind::Expression)
}

pub(super) const STRING: TargetRow = TargetRow::planned(
    "STRING",
    "the last record of a key as a string",
    &[KEY],
    &[expression("VALUE").optional(), EXPIRY, TOMBSTONE, DELETE_WHEN, NEWER],
);

pub(super) const JSON: TargetRow = TargetRow::planned(
    "JSON",
    "the last record of a key as a JSON document",
    &[KEY],
    &[EXPIRY, TOMBSTONE, DELETE_WHEN, NEWER],
);

pub(super) const LIST: TargetRow = TargetRow::planned(
    "LIST",
    "every record is an element of a list",
    &[KEY],
    &[
        Argument::one_of("end", &[Argument::token("LEFT"), Argument::token("RIGHT")]).optional(),
        Argument::option("MAXLEN", "n", Kind::Integer).optional(),
        EXPIRY,
        TOMBSTONE,
        DELETE_WHEN,
    ],
);

pub(super) const SET: TargetRow = TargetRow::planned(
    "SET",
    "a record adds a member to a set",
    &[KEY],
    &[expression("MEMBER"), EXPIRY, TOMBSTONE, DELETE_WHEN],
);

pub(super) const ZSET: TargetRow = TargetRow::planned(
    "ZSET",
    "a record scores a member of a sorted set",
    &[KEY],
    &[
        expression("MEMBER"),
        Argument::one_of("score", &[expression("SCORE"), expression("INCR")]),
        Argument::option("KEEP", "n", Kind::Integer)
            .optional()
            .about("keep this many members, those of the highest scores"),
        EXPIRY,
        TOMBSTONE,
        DELETE_WHEN,
    ],
);

pub(super) const GEO: TargetRow = TargetRow::planned(
    "GEO",
    "a record places a member on the map",
    &[KEY],
    &[expression("LON"), expression("LAT"), expression("MEMBER"), EXPIRY, TOMBSTONE, DELETE_WHEN],
);

pub(super) const TIMESERIES: TargetRow = TargetRow::planned(
    "TIMESERIES",
    "a record is a sample of a time series",
    &[KEY],
    &[
        expression("AT").optional().about("the sample's time"),
        expression("VALUE"),
        EXPIRY,
        TOMBSTONE,
        DELETE_WHEN,
    ],
);

pub(super) const CHANNEL: TargetRow = TargetRow::planned(
    "CHANNEL",
    "a record is published as JSON",
    &[Argument::value("channel", Kind::Template)],
    &[],
);

pub(super) const COMMAND: TargetRow = TargetRow::planned(
    "COMMAND",
    "a record runs a write command of Redis; last in the line",
    &[
        Argument::value("name", Kind::Text),
        Argument::value("argument", Kind::Template).repeated(Repetition::Values),
    ],
    &[],
);
