//! SET: a record adds a member.

use super::keyed::{EXPIRY, KEY};
use super::members::{Deed, Deeds, MEMBER, MEMBER_DELETE_WHEN, MEMBER_TOMBSTONE, Members};
use super::{Declared, Making, Place, Repeat, TargetRow, WriteError, Writer};
use crate::expression::{Context, Expression, ExpressionError};
use crate::grammar::{Clause, Match};
use crate::unit::{GroupKind, Keep};
use std::sync::Arc;

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "SET",
        summary: "a record adds a member to a set",
        arguments: &[KEY],
        options: &[MEMBER, EXPIRY, MEMBER_TOMBSTONE, MEMBER_DELETE_WHEN],
        trailing: None,
    },
    |matched: &Match<'_>| Ok(Arc::new(Set { members: Members::parse(matched)? })),
);

/// `SET key MEMBER expr`
#[derive(Debug)]
struct Set {
    members: Members,
}

impl Declared for Set {
    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["SET".to_owned(), self.members.keyed.key.to_string()];
        words.extend(self.members.words());
        words.extend(self.members.keyed.options());
        words
    }

    fn place(&self) -> Place<'_> {
        Place::Key(&self.members.keyed.key)
    }

    fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        self.members.expressions()
    }

    fn takes_selection(&self) -> bool {
        false
    }

    fn repeat(&self) -> Repeat {
        Repeat::Same
    }

    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        self.members.compile(Adding, Keep::All, making.layout)
    }
}

struct Adding;

impl Deeds for Adding {
    const KIND: GroupKind = GroupKind::Set;

    fn deed(&self, _context: &Context<'_>) -> Result<Deed, WriteError> {
        Ok(Deed::Add)
    }
}
