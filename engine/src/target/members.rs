//! What targets have in common whose keys hold members of many records: SET, ZSET and GEO.

use super::keyed::{Act, DELETE_WHEN, Keyed, KeyedWriter, Removals, TOMBSTONE, Tombstone};
use super::operand::{Operand, Scratch};
use super::{Occasion, Output, Selected, WriteError, Writer, expression};
use crate::expression::{Context, EvaluationError, Expression, ExpressionError, Layout};
use crate::grammar::{Argument, CommandError, Kind, Match};
use crate::unit::{GroupKind, Keep, PlainWrite, Upkeep};

pub(super) const MEMBER: Argument = Argument::option("MEMBER", "expression", Kind::Expression)
    .about("the member's text; a null one is an error of the record");
pub(super) const MEMBER_TOMBSTONE: Argument = Argument::choice(
    "TOMBSTONE",
    "action",
    &[
        Argument::token("DELETE")
            .about("remove the member; key and MEMBER may then read nothing of the value"),
        Argument::token("IGNORE").about("count the record as filtered"),
    ],
)
.optional()
.about("what a record without value does (default IGNORE)");
pub(super) const MEMBER_DELETE_WHEN: Argument = DELETE_WHEN
    .about("a record for which this is true removes its member; WHERE does not hold it back");

/// The key, its options, and MEMBER.
#[derive(Debug)]
pub(super) struct Members {
    pub keyed: Keyed,
    pub member: Expression,
}

impl Members {
    pub fn parse(matched: &Match<'_>) -> Result<Members, CommandError> {
        let keyed = Keyed::parse(matched)?;
        let member = expression(matched.word_of(MEMBER.key())?)?;
        let needs_value = |expression: &Expression| expression.needs_value();
        if keyed.tombstone == Some(Tombstone::Delete)
            && (needs_value(&member) || keyed.key.expressions().any(needs_value))
        {
            let number = matched.get(TOMBSTONE.key()).map_or(matched.number(), Match::number);
            return Err(CommandError::new(
                "TOMBSTONE DELETE removes a record's member, and a tombstone has no value to \
                 read it from",
            )
            .at(number)
            .hint("build the key and MEMBER from _key and _header['name'], or use DELETE WHEN"));
        }
        Ok(Members { keyed, member })
    }

    /// The canonical words of MEMBER.
    pub fn words(&self) -> [String; 2] {
        [MEMBER.key().to_owned(), self.member.to_string()]
    }

    /// MEMBER and the options' expressions.
    pub fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        let member = std::iter::once((MEMBER.key(), &self.member));
        member.chain(self.keyed.expressions()).collect()
    }

    /// The whole writer, which does to members what `deeds` says; says in `layout` what its
    /// expressions read.
    pub fn compile<D: Deeds + 'static>(
        &self,
        deeds: D,
        keep: Keep,
        layout: &mut Layout,
    ) -> Result<Box<dyn Writer>, ExpressionError> {
        Ok(Box::new(MembersWriter {
            keyed: self.keyed.compile(layout, Removals::NONE)?,
            member: Operand::new(MEMBER.key(), &self.member, layout)?,
            scratch: Scratch::default(),
            keep,
            deeds,
        }))
    }
}

/// What a record does with its member.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deed {
    Add,
    Score(f64),
    Increment(f64),
    /// Longitude and latitude.
    Place(f64, f64),
    Remove,
}

impl Deed {
    fn with(self, member: &[u8]) -> PlainWrite<'_> {
        match self {
            Deed::Add => PlainWrite::Add(member),
            Deed::Score(score) => PlainWrite::Score(score, member),
            Deed::Increment(by) => PlainWrite::Increment(by, member),
            Deed::Place(longitude, latitude) => PlainWrite::Place(longitude, latitude, member),
            Deed::Remove => PlainWrite::Remove(member),
        }
    }
}

/// What records do with their members.
pub(super) trait Deeds: Send {
    /// What the key holds.
    const KIND: GroupKind;

    /// What a record does.
    fn deed(&self, context: &Context<'_>) -> Result<Deed, WriteError>;
}

struct MembersWriter<D> {
    keyed: KeyedWriter,
    member: Operand,
    scratch: Scratch,
    keep: Keep,
    deeds: D,
}

impl<D: Deeds> Writer for MembersWriter<D> {
    fn occasion(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
    ) -> Result<Occasion, EvaluationError> {
        self.keyed.occasion(context, occasion)
    }

    /// Does to the record's member what it says, or removes it.
    fn write(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
        _selected: Selected<'_, '_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        let (deed, upkeep) = match self.keyed.act(occasion) {
            Act::Write => {
                let expiry = self.keyed.expiry(context)?;
                (self.deeds.deed(context)?, Upkeep { keep: self.keep, expiry })
            }
            Act::Remove => (Deed::Remove, Upkeep::default()),
            Act::Nothing => return Ok(()),
        };
        self.keyed.address(context, output.builder)?;
        self.member.text(context, &self.scratch, |member| {
            self.keyed.plain(context, D::KIND, deed.with(member), upkeep, output.builder)
        })
    }
}
