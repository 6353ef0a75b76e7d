//! ZSET: a record scores a member.

use super::keyed::{EXPIRY, KEY};
use super::members::{Deed, Deeds, MEMBER, MEMBER_DELETE_WHEN, MEMBER_TOMBSTONE, Members};
use super::operand::Operand;
use super::{Declared, Making, Place, Repeat, TargetRow, WriteError, Writer, expression};
use crate::expression::{Context, Expression, ExpressionError};
use crate::grammar::{Argument, Clause, CommandError, Kind, Match};
use crate::unit::{GroupKind, Keep};
use std::sync::Arc;

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "ZSET",
        summary: "a record scores a member of a sorted set",
        arguments: &[KEY],
        options: &[
            MEMBER,
            Argument::one_of(
                "score",
                &[
                    Argument::option("SCORE", "expression", Kind::Expression)
                        .about("the member's score"),
                    Argument::option("INCR", "expression", Kind::Expression)
                        .about("what is added to the member's score"),
                ],
            ),
            Argument::option("KEEP", "n", Kind::Integer).optional().about(
                "keep this many members, those of the highest scores; trimmed after every record",
            ),
            EXPIRY,
            MEMBER_TOMBSTONE,
            MEMBER_DELETE_WHEN,
        ],
        trailing: None,
    },
    |matched| Ok(Arc::new(SortedSet::parse(matched)?)),
);

/// `ZSET key MEMBER expr SCORE expr | INCR expr [KEEP n]`
#[derive(Debug)]
struct SortedSet {
    members: Members,
    scoring: Scoring,
    score: Expression,
    most: Option<u64>,
}

/// What the number does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scoring {
    /// It is the score.
    Score,
    /// It is added to the score.
    Increment,
}

impl Scoring {
    /// The word that stands for it.
    fn word(self) -> &'static str {
        match self {
            Scoring::Score => "SCORE",
            Scoring::Increment => "INCR",
        }
    }
}

impl SortedSet {
    fn parse(matched: &Match<'_>) -> Result<SortedSet, CommandError> {
        let scoring = match matched.has(Scoring::Increment.word()) {
            true => Scoring::Increment,
            false => Scoring::Score,
        };
        let keep = matched.get("KEEP");
        Ok(SortedSet {
            members: Members::parse(matched)?,
            scoring,
            score: expression(matched.word_of(scoring.word())?)?,
            // Ranks go up to a long long's greatest.
            most: keep.map(|part| part.word()?.integer(1..=i64::MAX as u64)).transpose()?,
        })
    }
}

impl Declared for SortedSet {
    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["ZSET".to_owned(), self.members.keyed.key.to_string()];
        words.extend(self.members.words());
        words.extend([self.scoring.word().to_owned(), self.score.to_string()]);
        if let Some(most) = self.most {
            words.extend(["KEEP".to_owned(), most.to_string()]);
        }
        words.extend(self.members.keyed.options());
        words
    }

    fn place(&self) -> Place<'_> {
        Place::Key(&self.members.keyed.key)
    }

    fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        let mut all = self.members.expressions();
        all.push((self.scoring.word(), &self.score));
        all
    }

    fn takes_selection(&self) -> bool {
        false
    }

    fn repeat(&self) -> Repeat {
        match self.scoring {
            Scoring::Score => Repeat::Same,
            Scoring::Increment => Repeat::Doubles("adds to scores"),
        }
    }

    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        let keep = self.most.map_or(Keep::All, Keep::Highest);
        let score = Operand::new(self.scoring.word(), &self.score, making.layout)?;
        let deeds = ScoringProgram { scoring: self.scoring, score };
        self.members.compile(deeds, keep, making.layout)
    }
}

struct ScoringProgram {
    scoring: Scoring,
    score: Operand,
}

impl Deeds for ScoringProgram {
    const KIND: GroupKind = GroupKind::SortedSet;

    fn deed(&self, context: &Context<'_>) -> Result<Deed, WriteError> {
        let number = self.score.number(context)?;
        Ok(match self.scoring {
            Scoring::Score => Deed::Score(number),
            Scoring::Increment => Deed::Increment(number),
        })
    }
}
