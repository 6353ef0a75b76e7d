//! KAFKA.ROUTE: says which key each record goes to and what is written there.

use super::additions::{EACH, JOIN};
use super::canonical::Setting;
use super::table::{Entry, Flag, NAME, clause, name};
use super::{Additions, Envelope, Replace, Statement, Subscribe};
use crate::expression::{
    Expression, ExpressionError, Layout, Selection, Types, check, check_condition,
};
use crate::format::Format;
use crate::grammar::{Argument, CommandError, Kind, Match, Word};
use crate::kafka::Connection;
use crate::record::Type;
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
    /// EACH and JOIN: what it adds to them.
    pub additions: Additions,
    /// WHERE: which of the records it takes.
    pub condition: Option<Expression>,
    /// SELECT: which fields it writes.
    pub selection: Option<Selection>,
    /// From when on it takes them.
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
pub(super) const WHERE: Argument = Argument::option("WHERE", "expression", Kind::Expression)
    .optional()
    .about("take only records for which this is true");
pub(super) const SELECT: Argument = Argument::option("SELECT", "selection", Kind::Selection)
    .optional()
    .about("write these fields (default: all of the value's top level)");

pub(super) static ENTRY: Entry = Entry {
    clause: clause(
        "KAFKA.ROUTE",
        "Says which key each record goes to and what is written there.",
        &[NAME],
        &[
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
    ),
    since: "0.1.0",
    complexity: "O(1)",
    flags: &[Flag::Write, Flag::Admin, Flag::DenyOom],
    acl: "write access to the literal start of the target's key template",
    build: |matched| Route::build(matched).map(Statement::Route),
};

/// The options that say true or false of a record.
const CONDITIONS: [&str; 2] = ["WHERE", "DELETE WHEN"];

impl Route {
    fn build(matched: &Match<'_>) -> Result<Route, CommandError> {
        let target = Target::parse(matched.require("TO")?)?;
        let (additions, condition, selection) = parts(matched, &target)?;
        Ok(Route {
            name: name(matched)?,
            replace: Replace::parse(matched),
            from: matched.word_of("FROM")?.name()?,
            selection,
            target,
            additions,
            condition,
            scope: if matched.has("NOW") { Scope::Now } else { Scope::FromStart },
        })
    }

    /// Holds its expressions against what is known of the subscription's records:
    /// the type of their values, where a schema tells it, and their envelope.
    pub fn check(&self, value: Option<&Type>, envelope: Envelope) -> Result<(), CommandError> {
        let refused = |place: &'static str| {
            move |error: ExpressionError| {
                CommandError::new(format!("{place}: {error}")).of(ENTRY.clause.name)
            }
        };
        let value = value.unwrap_or(&Type::Unknown);
        let types = Types { value, ..Types::UNKNOWN };
        let aliases =
            self.additions.check(types).map_err(|(place, error)| refused(place)(error))?;
        let types = Types { aliases: &aliases, ..types };
        for (place, expression) in self.expressions() {
            let checked = match CONDITIONS.contains(&place) {
                true => check_condition(expression, &types),
                false => check(expression, &types).map(drop),
            };
            checked.map_err(refused(place))?;
        }
        if let Some(selection) = &self.selection {
            selection.check_except(&types).map_err(refused("SELECT"))?;
        }
        for (place, expression) in self.additions.expressions().chain(self.expressions()) {
            if envelope != Envelope::Debezium && expression.uses_envelope() {
                let problem = format!("{place}: _op, _before and _source are of change events");
                return Err(CommandError::new(problem)
                    .of(ENTRY.clause.name)
                    .hint("subscribe with ENVELOPE DEBEZIUM"));
            }
        }
        for aggregate in self.selection.iter().flat_map(Selection::aggregates) {
            aggregate.check(&mut |argument| check(argument, &types)).map_err(|error| {
                CommandError::new(format!("SELECT: {error}")).of(ENTRY.clause.name)
            })?;
        }
        Ok(())
    }

    /// Its expressions and what each is, without those of its additions.
    fn expressions(&self) -> impl Iterator<Item = (&'static str, &Expression)> {
        let target = self.target.expressions().into_iter();
        let condition = self.condition.iter().map(|expression| ("WHERE", expression));
        let selection = self.selection.iter().flat_map(Selection::expressions);
        target.chain(condition).chain(selection.map(|expression| ("SELECT", expression)))
    }

    /// Holds what it sends to Kafka against the subscription whose records it takes.
    pub fn check_sends(&self, subscription: &Subscribe) -> Result<(), CommandError> {
        let Some(sends) = self.target.sends() else { return Ok(()) };
        let (topic, from) = (sends.topic, &subscription.name);
        let refuse = |problem: String, hint: &str| {
            Err(CommandError::new(problem).of(ENTRY.clause.name).hint(hint))
        };
        if subscription.topics.has(topic) {
            return refuse(
                format!(
                    "route '{}': '{from}' reads topic '{topic}' itself, so that its messages would go round for ever",
                    self.name
                ),
                "send to another topic",
            );
        }
        let is_schema_known = sends.registry.is_some()
            || subscription.registry.is_some()
            || matches!(subscription.connection, Connection::Profile(_));
        if sends.value == Format::Avro && !is_schema_known {
            return refuse(
                format!("route '{}': VALUE AVRO needs a schema", self.name),
                "add REGISTRY url, or REGISTRY profile of the connections file",
            );
        }
        Ok(())
    }

    /// Every option with its canonical words; see [`super::canonical`].
    pub(super) fn options(&self) -> Vec<Setting> {
        let mut all = vec![
            Setting::new("FROM", [self.from.as_str()]),
            Setting::new("TO", self.target.arguments()),
        ];
        // A command's arguments end the line.
        let target = if self.target.runs_command() { all.pop() } else { None };
        let (condition, selection) = (self.condition.as_ref(), self.selection.as_ref());
        all.extend(part_options(&self.additions, condition, selection));
        if self.scope == Scope::Now {
            all.push(Setting::new("NOW", [""; 0]));
        }
        all.extend(target);
        all
    }
}

/// What a target's writes are made of: EACH and JOIN, WHERE, SELECT.
pub(super) fn parts(
    matched: &Match<'_>,
    target: &Target,
) -> Result<(Additions, Option<Expression>, Option<Selection>), CommandError> {
    if let Some(part) = matched.get("SELECT")
        && !target.takes_selection()
    {
        let problem = "SELECT would select nothing: the target's options say what is written";
        return Err(CommandError::new(problem).at(part.number()).hint("leave it out"));
    }
    let selected = matched.get("SELECT").map(|part| part.word()).transpose()?;
    let selection = selected.map(|word| selection(word, target)).transpose()?;
    let condition = matched.get("WHERE").map(|part| target::expression(part.word()?));
    Ok((Additions::parse(matched)?, condition.transpose()?, selection))
}

/// What [`parts`] has taken, as settings.
pub(super) fn part_options(
    additions: &Additions,
    condition: Option<&Expression>,
    selection: Option<&Selection>,
) -> Vec<Setting> {
    let mut all = additions.options();
    all.extend(condition.map(|it| Setting::new("WHERE", [it.to_string()])));
    all.extend(selection.map(|it| Setting::new("SELECT", [it.to_string()])));
    all
}

fn selection(word: Word<'_>, target: &Target) -> Result<Selection, CommandError> {
    let text = word.text()?;
    let parsed: Result<Selection, ExpressionError> = Selection::parse(text).and_then(|selection| {
        selection.compile(&mut Layout::default())?;
        if let (Some(at), Some(problem)) =
            (selection.first_aggregate(), target.refuses_aggregates())
        {
            return Err(ExpressionError { at, problem: problem.to_owned() });
        }
        Ok(selection)
    });
    parsed.map_err(|error| target::at_column(word, text, error))
}
