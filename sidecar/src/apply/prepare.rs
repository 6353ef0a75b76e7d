//! What must be known before a unit is written, asked in one go: where the ledger stands, what the
//! keys are, what the writes that depend on them need. The keys whose content decides are watched,
//! so that EXEC does nothing once one of them has changed.
//!
//! Keys that are only checked for their type are not watched: before Redis 8 each WATCH is compared
//! with all others of its connection, and whoever works off a list that we fill would keep the
//! unit from ever being written.

use super::found::{Found, LedgerFound, Purpose};
use super::known::Known;
use super::letters;
use super::plan::{Plan, UnitGroup};
use super::wanted::Wanted;
use crate::redis::{Connection, Problem, Request};
use redis_kafka_engine::ledger::Expected;
use redis_kafka_engine::letter::EntryId;
use redis_kafka_engine::unit::packed::{GroupKind, Keep, PackedError};

/// The field of a partition's ledger that says which record's commands have been run.
pub const COMMAND_FIELD: &str = "command";

/// The same of a dead letter that is replayed.
pub const REPLAY_FIELD: &str = "replay";

/// An ID of a stream, of which hardly one has a higher one: XREAD shows those that have.
const NEARLY_LAST: &[u8] = b"18446744073709551615";

/// How it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As cheaply as it goes, without the keys that were written a moment ago; something that does
    /// not fit is noticed, but not named.
    Quick,
    /// Key by key.
    Thorough,
}

/// One command, and the step or the group that it is about.
#[derive(Debug, Clone, Copy)]
pub enum Ask {
    /// Cancels an earlier preparation.
    Unwatch,
    /// Watches the ledgers, and keys beside them.
    Watch,
    /// Watches a group's key.
    WatchGroup(usize),
    /// Whether a ledger's key is there, and what it is.
    LedgerType(usize),
    /// What a ledger says.
    LedgerFields(usize),
    /// Whether streams are streams.
    Streams,
    /// What a group's key is.
    Type(usize),
    /// The highest ID of a group's stream.
    LastId(usize, Purpose),
    /// What undecided writes of a group depend on.
    Fields(usize),
    /// Whether an entry is there that a group takes out of its stream.
    Entry(usize),
    /// Redis's clock.
    Time,
}

/// Questions under way.
#[derive(Debug)]
pub struct Questions {
    asked: Vec<Ask>,
    found: Found,
}

impl Questions {
    /// Appends the questions about a unit. `is_watching` says that an earlier preparation is to be
    /// cancelled.
    pub fn ask(
        plan: &Plan<'_>,
        (manner, known): (Manner, &Known),
        is_watching: bool,
        request: &mut Request,
    ) -> Result<Questions, PackedError> {
        let (wanted, keys) = (Wanted::of(plan)?, known.keys_of(plan));
        let found = Found { wanted, keys, ..Found::default() };
        let mut asking = Asking { plan, manner, known, request, asked: Vec::new(), found };
        if is_watching {
            asking.put(Ask::Unwatch, &[b"UNWATCH"]);
        }
        let given = plan.given_times()?;
        let ledgers = plan.ledger_keys();
        let taken = asking.taken_out()?;
        asking.watch(&ledgers, &given, &taken);
        asking.ledgers(&ledgers, !taken.is_empty());
        asking.keys(&given, &taken);
        let is_timed = |keep| matches!(keep, Keep::Younger(_));
        if !given.is_empty() || plan.groups.iter().any(|it| is_timed(it.group.keep)) {
            asking.put(Ask::Time, &[b"TIME"]);
        }
        let Asking { asked, found, .. } = asking;
        Ok(Questions { asked, found })
    }

    /// Whether a write depends on the answers beyond whether it fits.
    pub fn are_decisive(&self) -> bool {
        let decides = |ask: &Ask| matches!(ask, Ask::LastId(..) | Ask::Fields(_) | Ask::Time);
        self.asked.iter().any(decides) || self.found.wanted.has_hashes()
    }

    /// Reads the answers.
    pub fn read(self, plan: &Plan<'_>, connection: &mut Connection) -> Result<Found, Problem> {
        let Questions { asked, mut found } = self;
        found.ledgers.resize(plan.head.advances.len(), LedgerFound::default());
        for ask in asked {
            found.answer(ask, plan, connection)?;
        }
        Ok(found)
    }
}

struct Asking<'p, 'a, 'r> {
    plan: &'p Plan<'a>,
    manner: Manner,
    known: &'p Known,
    request: &'r mut Request,
    asked: Vec<Ask>,
    found: Found,
}

impl<'a> Asking<'_, 'a, '_> {
    fn is_thorough(&self) -> bool {
        self.manner == Manner::Thorough
    }

    /// Whether the type of a group's key is taken for granted. SET would take the place of any.
    fn trusts(&self, number: usize, it: &UnitGroup<'_>) -> bool {
        !self.is_thorough()
            && it.group.kind != GroupKind::String
            && self.known.has(&self.found.keys, number)
    }

    fn put(&mut self, ask: Ask, words: &[&[u8]]) {
        self.asked.push(ask);
        self.request.command(words);
    }

    /// The streams that entries are taken out of, and those entries.
    fn taken_out(&self) -> Result<Vec<(usize, Vec<EntryId>)>, PackedError> {
        let mut all = Vec::new();
        for (number, it) in self.plan.groups.iter().enumerate() {
            let taken = letters::taken_out(it)?;
            if !taken.is_empty() {
                all.push((number, taken));
            }
        }
        Ok(all)
    }

    /// In one command where it need not be known which key is refused.
    fn watch(&mut self, ledgers: &[String], given: &[usize], taken: &[(usize, Vec<EntryId>)]) {
        let plan = self.plan;
        let is_read = |number: usize| {
            plan.groups.get(number).is_some_and(|it| it.group.kind == GroupKind::Undecided)
                || given.binary_search(&number).is_ok()
                || taken.binary_search_by_key(&number, |it| it.0).is_ok()
        };
        let read: Vec<usize> = (0..plan.groups.len()).filter(|number| is_read(*number)).collect();
        let together = if self.is_thorough() { &[] } else { read.as_slice() };
        if ledgers.len() + together.len() > 0 {
            self.asked.push(Ask::Watch);
            self.request.begin(1 + ledgers.len() + together.len());
            self.request.word(b"WATCH");
            ledgers.iter().for_each(|key| self.request.word(key.as_bytes()));
            for it in together.iter().filter_map(|number| plan.groups.get(*number)) {
                self.request.word(it.group.key);
            }
        }
        if self.is_thorough() {
            for number in read {
                let Some(it) = plan.groups.get(number) else { continue };
                self.put(Ask::WatchGroup(number), &[b"WATCH", it.group.key]);
            }
        }
    }

    fn ledgers(&mut self, keys: &[String], is_replay: bool) {
        let has_commands = self.plan.has_commands();
        let note = if is_replay { REPLAY_FIELD } else { COMMAND_FIELD };
        for (number, key) in keys.iter().enumerate() {
            let expected = self.plan.head.advances.get(number).map(|advance| advance.expected);
            let is_absent = matches!(expected, Some(Expected::Absent { .. }));
            if is_absent || self.is_thorough() {
                self.put(Ask::LedgerType(number), &[b"TYPE", key.as_bytes()]);
            }
            let fields: &[&[u8]] = &[b"HMGET", key.as_bytes(), b"next", note.as_bytes()];
            let wanted = if has_commands { fields.len() } else { fields.len() - 1 };
            self.put(Ask::LedgerFields(number), fields.get(..wanted).unwrap_or(fields));
        }
    }

    /// What the keys are; streams all at once where that will do.
    fn keys(&mut self, given: &[usize], taken: &[(usize, Vec<EntryId>)]) {
        let plan = self.plan;
        for (number, ids) in taken {
            let Some(it) = plan.groups.get(*number) else { continue };
            for id in ids {
                self.asked.push(Ask::Entry(*number));
                letters::ask(it.group.key, *id, self.request);
            }
        }
        let mut streams = Vec::new();
        for (number, it) in plan.groups.iter().enumerate() {
            let key = it.group.key;
            let is_given = given.binary_search(&number).is_ok();
            match it.group.kind {
                GroupKind::Command | GroupKind::Channel => {}
                GroupKind::Undecided => self.fields(number, it),
                _ if taken.binary_search_by_key(&number, |it| it.0).is_ok() => {}
                _ if !is_given && self.trusts(number, it) => {}
                GroupKind::Stream if is_given || self.is_thorough() => {
                    let purpose = if is_given { Purpose::Choice } else { Purpose::Room };
                    self.put(Ask::LastId(number, purpose), &[b"XINFO", b"STREAM", key]);
                }
                GroupKind::Stream => streams.push(key),
                _ => self.put(Ask::Type(number), &[b"TYPE", key]),
            }
        }
        self.streams(&streams);
    }

    /// What undecided writes depend on; where that is nothing, the type alone.
    fn fields(&mut self, number: usize, it: &UnitGroup<'a>) {
        let names = self.found.wanted.names(number);
        if names.is_empty() {
            return self.put(Ask::Type(number), &[b"TYPE", it.group.key]);
        }
        self.asked.push(Ask::Fields(number));
        self.request.begin(2 + names.len());
        self.request.word(b"HMGET");
        self.request.word(it.group.key);
        for name in names {
            self.request.word(self.plan.head.names.get(*name).copied().unwrap_or_default());
        }
    }

    /// Whether all of them are streams with IDs left: then nothing is there to be read.
    fn streams(&mut self, keys: &[&[u8]]) {
        if keys.is_empty() {
            return;
        }
        self.asked.push(Ask::Streams);
        self.request.begin(4 + 2 * keys.len());
        for word in [&b"XREAD"[..], b"COUNT", b"1", b"STREAMS"] {
            self.request.word(word);
        }
        keys.iter().for_each(|key| self.request.word(key));
        keys.iter().for_each(|_| self.request.word(NEARLY_LAST));
    }
}
