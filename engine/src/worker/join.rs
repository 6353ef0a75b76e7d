//! JOIN, compiled: which hash a record is joined with, and what its alias stands for.

use super::RouteSpec;
use crate::command::Join;
use crate::expression::{
    Context, EvaluationError, ExpressionError, Layout, Reads, Template, TemplateProgram,
};
use crate::lookup::{Answers, Found, FoundFields, Kept, Questions};
use crate::record::{Arena, Names, Value};
use crate::target::{Place, WriteError};
use crate::unit::{Builder, Change, Pending, PendingHash, Since};

/// Fields that a hash keeps for itself, beside those that people see.
const HIDDEN: [&str; 4] = ["_sum:", "_count:", "_at:", "_newer:"];

const NOT_DECIDED: &str = "an earlier route writes it with aggregates or NEWER for the same record, \
     and what comes of that is known only later; make the route that joins first";

/// A compiled JOIN.
pub(super) struct JoinProgram {
    /// Its number among the joins of the plan.
    number: u32,
    key: TemplateProgram,
    /// The joins of the route, by their place there, whose fields its key is made of.
    needs: Vec<usize>,
    reads: Reads,
}

/// What is known of hashes: borrowed for as long as the record is.
pub(super) struct Hashes<'h, 'a> {
    /// What is asked; a key that is not known yet is added.
    pub questions: &'h mut Questions,
    /// What Redis held.
    pub answers: &'a Answers,
    /// What is known of earlier batches, and holds.
    pub kept: &'a Kept,
    /// Whether some route may write one of them.
    pub may_write_joined: bool,
}

/// What the unit being built will do to hashes.
#[derive(Clone, Copy)]
pub(super) struct Unwritten<'u> {
    pub builder: &'u Builder,
    pub names: &'u Names,
}

/// Why a route did not write a record, or was not joined.
pub(super) enum Halt {
    /// The record is bad.
    Error(WriteError),
    /// A hash is not known yet; it is among the questions now.
    Unresolved,
    /// What an earlier record of the unit makes of a hash is known once the unit is applied.
    Undecided,
}

impl<E: Into<WriteError>> From<E> for Halt {
    fn from(error: E) -> Halt {
        Halt::Error(error.into())
    }
}

impl<'a> Hashes<'_, 'a> {
    /// What is known of the key in the buffer; it is asked where that is nothing.
    fn find(&mut self, join: u32) -> Option<Found<'a>> {
        if let Some(found) = self.kept.get(join, self.questions.key()) {
            return Some(found);
        }
        let number = self.questions.number(join);
        self.answers.get(number)
    }
}

impl JoinProgram {
    /// Compiles the joins of a route and brings their aliases into scope. What is read of them is
    /// known only once all of the route is compiled: see [`JoinProgram::set_reads`].
    pub fn compile(
        joins: &[Join],
        first: usize,
        layout: &mut Layout,
    ) -> Result<Vec<JoinProgram>, ExpressionError> {
        let mut programs = Vec::new();
        for (place, join) in joins.iter().enumerate() {
            let reads = |other: &Join| join.key.expressions().any(|it| it.reads(&other.alias));
            let earlier = joins.iter().take(place).enumerate();
            let needs = earlier.filter(|(_, other)| reads(other)).map(|(at, _)| at);
            programs.push(JoinProgram {
                number: (first + place) as u32,
                needs: needs.collect(),
                key: join.key.compile(layout)?,
                reads: Reads::Whole,
            });
            layout.aliases.declare(&join.alias);
        }
        Ok(programs)
    }

    /// Says what is read of its hash.
    pub fn set_reads(&mut self, reads: Reads) {
        self.reads = reads;
    }

    /// What the alias stands for.
    fn load<'a>(
        &'a self,
        context: &Context<'a>,
        hashes: &mut Hashes<'_, 'a>,
        unwritten: Unwritten<'_>,
    ) -> Result<Value<'a>, Halt> {
        match self.key.write(context, hashes.questions.key_buffer()) {
            Ok(()) => {}
            Err(EvaluationError::Null(_)) => return Ok(Value::Null),
            Err(error) => return Err(error.into()),
        }
        let Some(found) = hashes.find(self.number) else {
            return Err(Halt::Unresolved);
        };
        let key = hashes.questions.key();
        let refused = |problem: &str| {
            let key = String::from_utf8_lossy(key);
            Halt::Error(WriteError::Unfit(format!("JOIN HASH '{key}': {problem}")))
        };
        let held = match found {
            Found::Absent => None,
            Found::Hash(fields) => Some(fields),
            Found::Refused(problem) => return Err(refused(problem)),
        };
        let pending = match hashes.may_write_joined {
            true => unwritten.builder.pending(key),
            false => Pending::Nothing,
        };
        let entries = match pending {
            Pending::Nothing => match held {
                None => return Ok(Value::Null),
                Some(held) => self.entries(Some(held), context.arena),
            },
            Pending::Hash(pending) => {
                let held = self.entries(held, context.arena);
                held.map(|held| self.overlay(held, &pending, unwritten.names, context.arena))
            }
            Pending::Undecided(Since::EarlierRecord) => return Err(Halt::Undecided),
            Pending::Undecided(Since::ThisRecord) => return Err(refused(NOT_DECIDED)),
            Pending::Other => return Err(refused("this unit writes it, and not as a hash")),
        };
        let entries = entries.ok_or_else(|| refused("it has a field whose name is no UTF-8"))?;
        let is_gone = self.reads == Reads::Whole && entries.is_empty();
        let value = if is_gone { Value::Null } else { Value::Entries(entries.into_bump_slice()) };
        Ok(value)
    }

    /// What Redis holds of a hash; none when a field's name is no text.
    fn entries<'a>(
        &'a self,
        held: Option<FoundFields<'a>>,
        arena: &'a Arena,
    ) -> Option<Entries<'a>> {
        let mut entries = arena.vec();
        match &self.reads {
            Reads::Fields(names) => {
                let mut values = held.into_iter().flat_map(FoundFields::parts);
                let value =
                    |part: Option<Option<&'a [u8]>>| part.flatten().map_or(Value::Null, text);
                entries.extend(names.iter().map(|name| (name.as_str(), value(values.next()))));
            }
            Reads::Whole => {
                let mut parts = held.into_iter().flat_map(FoundFields::parts).flatten();
                while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
                    let name = std::str::from_utf8(name).ok()?;
                    if !is_hidden(name) {
                        entries.push((name, text(value)));
                    }
                }
            }
        }
        Some(entries)
    }

    /// The same once the unit's writes so far are applied.
    fn overlay<'a>(
        &self,
        mut entries: Entries<'a>,
        pending: &PendingHash<'_>,
        names: &Names,
        arena: &'a Arena,
    ) -> Entries<'a> {
        let is_whole = self.reads == Reads::Whole;
        pending.each(names, &mut |change| match change {
            Change::Clear if is_whole => entries.clear(),
            Change::Clear => entries.iter_mut().for_each(|(_, value)| *value = Value::Null),
            Change::Set(name, bytes) => {
                let known = entries.iter_mut().find(|(known, _)| known.as_bytes() == name);
                let name = std::str::from_utf8(name).ok().filter(|name| !is_hidden(name));
                match (known, name) {
                    (Some((_, value)), _) => *value = text(arena.bytes(bytes)),
                    (None, Some(name)) if is_whole => {
                        entries.push((arena.text(name), text(arena.bytes(bytes))));
                    }
                    (None, _) => {}
                }
            }
            Change::Delete(name) if is_whole => {
                entries.retain(|(known, _)| known.as_bytes() != name);
            }
            Change::Delete(name) => {
                let known = entries.iter_mut().filter(|(known, _)| known.as_bytes() == name);
                known.for_each(|(_, value)| *value = Value::Null);
            }
        });
        entries
    }
}

type Entries<'a> = bumpalo::collections::Vec<'a, (&'a str, Value<'a>)>;

fn text(bytes: &[u8]) -> Value<'_> {
    simdutf8::basic::from_utf8(bytes).map_or(Value::Bytes(bytes), Value::Text)
}

fn is_hidden(name: &str) -> bool {
    HIDDEN.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether some route may write a hash that one joins, by the literal starts of their keys.
pub(super) fn may_write_joined(routes: &[RouteSpec]) -> bool {
    let joined = || routes.iter().flat_map(|route| &route.additions.joins);
    let may_meet = |written: &Template, joined: &Template| {
        let (written, joined) = (written.literal_prefix(), joined.literal_prefix());
        written.starts_with(joined) || joined.starts_with(written)
    };
    routes.iter().any(|route| match route.target.place() {
        Place::Key(key) => joined().any(|join| may_meet(key, &join.key)),
        Place::Command(_) => joined().next().is_some(),
        Place::Channel(_) | Place::Topic(_) => false,
    })
}

/// The aliases of the context and what `joins` add to them. What is not known is asked, also of
/// the joins behind it, as far as their keys are known.
pub(super) fn join<'a>(
    joins: &'a [JoinProgram],
    context: &Context<'a>,
    hashes: &mut Hashes<'_, 'a>,
    unwritten: Unwritten<'_>,
) -> Result<&'a [Value<'a>], Halt> {
    let arena = context.arena;
    let (mut aliases, mut lacking) = (context.aliases, arena.vec());
    let mut halt = None;
    for join in joins {
        let lacks = |place: &usize| lacking.get(*place).copied().unwrap_or_default();
        let loaded = match join.needs.iter().any(lacks) {
            true => Err(Halt::Unresolved),
            false => join.load(&Context { aliases, ..*context }, hashes, unwritten),
        };
        lacking.push(loaded.is_err());
        let value = match loaded {
            Ok(value) => value,
            Err(Halt::Error(error)) => return Err(Halt::Error(error)),
            Err(lack) => {
                halt.get_or_insert(lack);
                Value::Null
            }
        };
        let mut next = arena.vec();
        next.extend_from_slice_copy(aliases);
        next.push(value);
        aliases = next.into_bump_slice();
    }
    halt.map_or(Ok(aliases), Err)
}

#[cfg(test)]
mod tests;
