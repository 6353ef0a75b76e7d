//! KAFKA.PREVIEW: what a route would write, writing nothing.

use super::additions::{EACH, JOIN};
use super::canonical::Setting;
use super::look::{COUNT, START, count, start, window_options};
use super::table::{Entry, Flag, clause};
use super::{Additions, Replace, Route, Scope, Statement};
use crate::expression::{Expression, Selection};
use crate::grammar::{Argument, CommandError, Kind, Match};
use crate::kafka::Position;
use crate::target::{self, Target};

/// What KAFKA.PREVIEW shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The subscription whose records are shown.
    pub from: String,
    /// What would be written; none shows the rows that SELECT gives.
    pub target: Option<Target>,
    /// EACH and JOIN
    pub additions: Additions,
    /// WHERE
    pub condition: Option<Expression>,
    /// SELECT
    pub selection: Option<Selection>,
    /// Where to begin; none shows the latest.
    pub start: Option<Position>,
    /// How many records at most.
    pub count: usize,
}

/// What the previewed route is called.
pub const PREVIEWED: &str = "preview";

pub(super) static ENTRY: Entry = Entry {
    clause: clause(
        "KAFKA.PREVIEW",
        "Shows what a route would write, writing nothing.",
        &[],
        &[
            Argument::option("FROM", "subscription", Kind::Name)
                .about("the subscription whose records are shown"),
            Argument::clause("TO", "target", target::CLAUSES).optional().about(
                "show the commands that would be written (default: the rows that SELECT gives)",
            ),
            EACH,
            JOIN,
            super::route::WHERE,
            super::route::SELECT,
            START,
            COUNT,
        ],
    ),
    since: "0.1.0",
    complexity: "O(N) with N the number of records shown; asks the broker for at most 10 seconds",
    flags: &[Flag::ReadOnly, Flag::Admin, Flag::Blocking, Flag::NoScript],
    acl: "the rights of a KAFKA.ROUTE to this target",
    build: |matched| Preview::build(matched).map(|it| Statement::Preview(Box::new(it))),
};

impl Preview {
    fn build(matched: &Match<'_>) -> Result<Preview, CommandError> {
        let target = matched.get("TO").map(Target::parse).transpose()?;
        let parts = super::route::parts(matched, target.as_ref().unwrap_or(&rows()?))?;
        let (additions, condition, selection) = parts;
        Ok(Preview {
            from: matched.word_of("FROM")?.name()?,
            target,
            additions,
            condition,
            selection,
            start: start(matched)?,
            count: count(matched)?,
        })
    }

    /// The route that is shown. Without a target it makes a document of each row.
    pub fn route(&self) -> Result<Route, CommandError> {
        Ok(Route {
            name: PREVIEWED.to_owned(),
            replace: Replace::No,
            from: self.from.clone(),
            target: self.target.clone().map_or_else(rows, Ok)?,
            additions: self.additions.clone(),
            condition: self.condition.clone(),
            selection: self.selection.clone(),
            scope: Scope::Now,
        })
    }

    pub(super) fn options(&self) -> Vec<Setting> {
        let mut all = vec![Setting::new("FROM", [self.from.as_str()])];
        let (condition, selection) = (self.condition.as_ref(), self.selection.as_ref());
        all.extend(super::route::part_options(&self.additions, condition, selection));
        all.extend(window_options(self.start, self.count));
        // A command's arguments end the line.
        all.extend(self.target.as_ref().map(|target| Setting::new("TO", target.arguments())));
        all
    }
}

/// What makes a document of each row, and needs no right to anything.
fn rows() -> Result<Target, CommandError> {
    let words = ["KAFKA.ROUTE", PREVIEWED, "FROM", PREVIEWED, "TO", "TOPIC", PREVIEWED];
    match super::parse(&words.map(str::as_bytes))? {
        Statement::Route(route) => Ok(route.target),
        _ => Err(CommandError::new("rows cannot be shown")),
    }
}
