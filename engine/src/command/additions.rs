//! What a route adds to its records under aliases: EACH and JOIN.

use super::canonical::Setting;
use crate::expression::{
    Expression, ExpressionError, Template, Types, check, check_alias, element_type,
};
use crate::grammar::{Argument, CommandError, Kind, Match, Repetition};
use crate::record::Type;
use crate::target;

const ALIAS: Argument = Argument::option("AS", "alias", Kind::Text);

pub(super) const EACH: Argument = Argument::block(
    Some("EACH"),
    "each",
    &[Argument::value("expression", Kind::Expression), ALIAS],
)
.optional()
.about(
    "write once for every element of an array, or for every entry of a map (alias.key and \
     alias.value)",
);
pub(super) const JOIN: Argument =
    Argument::block(Some("JOIN HASH"), "join", &[Argument::value("key", Kind::Template), ALIAS])
        .optional()
        .repeated(Repetition::Whole)
        .about(
            "add the fields of this hash, as texts; all null where there is none (a LEFT JOIN); \
             the key may use earlier aliases",
        );

/// `EACH expr AS alias`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Each {
    /// The array or map.
    pub elements: Expression,
    /// What its elements are called.
    pub alias: String,
}

/// `JOIN HASH key AS alias`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// The hash's key.
    pub key: Template,
    /// What it is called.
    pub alias: String,
}

/// What a route adds to its records, in the order in which it can be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Additions {
    /// EACH
    pub each: Option<Each>,
    /// JOIN
    pub joins: Vec<Join>,
}

impl Additions {
    pub(super) fn parse(matched: &Match<'_>) -> Result<Additions, CommandError> {
        let mut known = Vec::new();
        let mut additions = Additions::default();
        let joins: Vec<&Match<'_>> = matched.all(JOIN.key()).collect();
        let later = |from: usize| {
            let aliases = joins.iter().skip(from).map(|part| part.word_of(ALIAS.key())?.text());
            aliases.collect::<Result<Vec<_>, CommandError>>()
        };
        if let Some(part) = matched.get(EACH.key()) {
            let word = part.word_of("expression")?;
            let elements = target::expression(word)?;
            if let Some(alias) = later(0)?.into_iter().find(|alias| elements.reads(alias)) {
                let problem = format!("'{alias}' is joined once EACH is done");
                return Err(word.error(problem).hint(format!("write _value['{alias}']")));
            }
            additions.each = Some(Each { elements, alias: alias(part, &mut known)? });
        }
        for (number, part) in joins.iter().enumerate() {
            let word = part.word_of("key")?;
            let key = target::template(word)?;
            let reads = |alias: &&str| key.expressions().any(|it| it.reads(alias));
            if let Some(alias) = later(number)?.into_iter().find(reads) {
                let problem = format!("'{alias}' is not joined yet");
                return Err(word.error(problem).hint("a key may use the aliases before it"));
            }
            additions.joins.push(Join { key, alias: alias(part, &mut known)? });
        }
        Ok(additions)
    }

    /// Holds its expressions against the types of what they read; the aliases' types.
    pub(super) fn check(
        &self,
        types: Types<'_>,
    ) -> Result<Vec<(String, Type)>, (&'static str, ExpressionError)> {
        let mut aliases = Vec::new();
        if let Some(Each { elements, alias }) = &self.each {
            let element = check(elements, &types)
                .and_then(|each| element_type(each).map_err(|it| ExpressionError::new(0, it)));
            aliases.push((alias.clone(), element.map_err(|error| (EACH.key(), error))?));
        }
        for Join { key, alias } in &self.joins {
            for expression in key.expressions() {
                let known = Types { aliases: &aliases, ..types };
                check(expression, &known).map_err(|error| (JOIN.key(), error))?;
            }
            aliases.push((alias.clone(), Type::Map(Box::new(Type::Text))));
        }
        Ok(aliases)
    }

    /// Its expressions.
    pub fn expressions(&self) -> impl Iterator<Item = (&'static str, &Expression)> {
        let each = self.each.iter().map(|each| (EACH.key(), &each.elements));
        let keys = self.joins.iter().flat_map(|join| join.key.expressions());
        each.chain(keys.map(|expression| (JOIN.key(), expression)))
    }

    /// Its options with their canonical words.
    pub(super) fn options(&self) -> Vec<Setting> {
        let each = self.each.as_ref().map(|each| {
            let words = [each.elements.to_string(), ALIAS.key().to_owned(), each.alias.clone()];
            Setting::new(EACH.key(), words)
        });
        // One setting for all of them: their order means something.
        let mut words: Vec<String> = Vec::new();
        for Join { key, alias } in &self.joins {
            words.extend(["JOIN", "HASH"].map(str::to_owned));
            words.extend([key.to_string(), ALIAS.key().to_owned(), alias.clone()]);
        }
        let joins = words.split_first().map(|(_, rest)| Setting::new("JOIN", rest));
        each.into_iter().chain(joins).collect()
    }
}

/// The alias of a part, added to those known.
fn alias(part: &Match<'_>, known: &mut Vec<String>) -> Result<String, CommandError> {
    let word = part.word_of(ALIAS.key())?;
    let alias = word.text()?;
    check_alias(alias).map_err(|problem| word.error(problem))?;
    if known.iter().any(|other| other == alias) {
        return Err(word.error(format!("a second alias '{alias}'")).hint("take another"));
    }
    known.push(alias.to_owned());
    Ok(alias.to_owned())
}
