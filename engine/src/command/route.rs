//! KAFKA.ROUTE: says which key each record goes to and what is written there.

use super::canonical::Setting;
use super::table::{Entry, Flag, NAME, name};
use super::{Replace, Statement};
use crate::grammar::{Argument, Clause, CommandError, Kind, Match, Repetition, Support};
use crate::target::{self, Target};

/// What KAFKA.ROUTE declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The route's name.
    pub name: String,
    /// Whether it may take another's place.
    pub replace: Replace,
    /// The subscription whose records it takes.
    pub from: String,
    /// What it writes.
    pub target: Target,
    /// Which of the records it takes.
    pub scope: Scope,
}

/// Which of its subscription's records a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// All, from the subscription's START.
    #[default]
    FromStart,
    /// `NOW`: those that come after it is made.
    Now,
}

pub(super) const REPLACE: Argument = Argument::token("REPLACE")
    .optional()
    .about("take the place of a different one of this name, positions kept");
pub(super) const EACH: Argument = Argument::block(
    Some("EACH"),
    "each",
    &[Argument::value("expression", Kind::Expression), Argument::option("AS", "alias", Kind::Text)],
)
.optional()
.planned()
.about("write once for every element of an array");
pub(super) const JOIN: Argument = Argument::block(
    Some("JOIN HASH"),
    "join",
    &[Argument::value("key", Kind::Template), Argument::option("AS", "alias", Kind::Text)],
)
.optional()
.planned()
.repeated(Repetition::Whole)
.about("add the fields of a hash");
pub(super) const WHERE: Argument = Argument::option("WHERE", "expression", Kind::Expression)
    .optional()
    .planned()
    .about("take only records for which this is true");
pub(super) const SELECT: Argument = Argument::option("SELECT", "selection", Kind::Selection)
    .optional()
    .planned()
    .about("write these fields (default: all of the value's top level)");

pub(super) static ENTRY: Entry = Entry {
    clause: Clause {
        name: "KAFKA.ROUTE",
        summary: "Says which key each record goes to and what is written there.",
        support: Support::Built,
        arguments: &[NAME],
        options: &[
            REPLACE,
            Argument::option("FROM", "subscription", Kind::Name)
                .about("the subscription whose records it takes"),
            Argument::clause("TO", "target", target::CLAUSES)
                .about("what it writes; the target's options follow in any order"),
            EACH,
            JOIN,
            WHERE,
            SELECT,
            Argument::token("NOW").optional().about("take only records that come from now on"),
        ],
        trailing: None,
    },
    since: "0.1.0",
    complexity: "O(1)",
    flags: &[Flag::Write, Flag::Admin, Flag::DenyOom],
    acl: "write access to the literal start of the target's key template",
    build: Some(|matched| Route::build(matched).map(Statement::Route)),
};

impl Route {
    fn build(matched: &Match<'_>) -> Result<Route, CommandError> {
        Ok(Route {
            name: name(matched)?,
            replace: Replace::parse(matched),
            from: matched.word_of("FROM")?.name()?,
            target: Target::parse(matched.require("TO")?)?,
            scope: if matched.has("NOW") { Scope::Now } else { Scope::FromStart },
        })
    }

    /// Every option with its canonical words; see [`super::canonical`].
    pub(super) fn options(&self) -> Vec<Setting> {
        let mut all = vec![
            Setting::new("FROM", [self.from.as_str()]),
            Setting::new("TO", self.target.arguments()),
        ];
        if self.scope == Scope::Now {
            all.push(Setting::new("NOW", [""; 0]));
        }
        all
    }
}
