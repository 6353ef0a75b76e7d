//! Targets that are known by name and not built yet.

use super::TargetRow;
use crate::grammar::{Argument, Kind};

const fn expression(token: &'static str) -> Argument {
    Argument::option(token, "expression", Kind::Expression)
}

pub(super) const TOPIC: TargetRow = TargetRow::planned(
    "TOPIC",
    "a record goes to a Kafka topic",
    &[Argument::value("topic", Kind::Text)],
    &[expression("KEY").optional(), Argument::option("VALUE", "format", Kind::Format).optional()],
);
