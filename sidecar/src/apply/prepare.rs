//! What must be known before a unit is written, asked in one go: where the ledger stands, what the
//! keys are, what the writes that depend on them need. The keys whose content decides are watched,
//! so that EXEC does nothing once one of them has changed.
//!
//! Keys that are only checked for their type are not watched: before Redis 8 each WATCH is compared
//! with all others of its connection, and whoever works off a list that we fill would keep the
//! unit from ever being written.

use super::plan::{Plan, type_of, wrong_type};
use super::wanted::Wanted;
use crate::redis::{Connection, Part, Problem, Refusal, Request, put_word};
use redis_kafka_engine::applier::Clash;
use redis_kafka_engine::ledger::Expected;
use redis_kafka_engine::unit::packed::{GroupKind, Keep, PackedError};

/// The field of a partition's ledger that says which record's commands have been run.
pub const COMMAND_FIELD: &str = "command";

/// An ID of a stream, of which hardly one has a higher one: XREAD shows those that have.
const NEARLY_LAST: &[u8] = b"18446744073709551615";

/// A stream's entry ID.
pub type StreamId = (u64, u64);

/// The highest ID that a stream ever had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastId {
    /// The group that writes it.
    pub group: usize,
    /// None where there is no stream.
    pub id: Option<StreamId>,
    /// What it is asked for.
    pub purpose: Purpose,
}

/// What a stream's last ID is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The next ones are chosen by it; the stream is watched.
    Choice,
    /// To see whether there are IDs left.
    Room,
}

/// How it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As cheaply as it goes; something that does not fit is noticed, but not named.
    Quick,
    /// Key by key.
    Thorough,
}

/// One command and what it is about.
#[derive(Debug, Clone, Copy)]
enum Ask {
    Unwatch,
    Watch,
    WatchGroup(usize),
    LedgerType(usize),
    LedgerFields(usize),
    Streams,
    Type(usize),
    LastId(usize, Purpose),
    Fields(usize),
    Time,
}

/// What a ledger key holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LedgerFound {
    /// The answer of TYPE, where it was asked.
    pub kind: Option<String>,
    /// Whether it is of another type than a hash.
    pub is_wrong: bool,
    /// The field `next`, as it stands.
    pub next: Option<Vec<u8>>,
    /// The field [`COMMAND_FIELD`].
    pub command: Option<Vec<u8>>,
}

/// What was found out about a unit.
#[derive(Debug, Default)]
pub struct Found {
    /// By the ledger's steps.
    pub ledgers: Vec<LedgerFound>,
    /// Writes that do not fit what stands there.
    pub clashes: Vec<Clash>,
    /// Something does not fit: ask [`Manner::Thorough`]ly.
    pub is_suspect: bool,
    /// The highest IDs that streams ever had, by group.
    pub last_ids: Vec<LastId>,
    /// Milliseconds since 1970 by Redis's clock, where something needs it.
    pub now: Option<i64>,
    /// Fields that undecided writes depend on.
    pub wanted: Wanted,
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
        manner: Manner,
        is_watching: bool,
        request: &mut Request,
    ) -> Result<Questions, PackedError> {
        let found = Found { wanted: Wanted::of(plan)?, ..Found::default() };
        let mut asking = Asking { plan, manner, request, asked: Vec::new(), found };
        if is_watching {
            asking.put(Ask::Unwatch, &[b"UNWATCH"]);
        }
        let given = asking.given_times()?;
        let ledgers = plan.ledger_keys();
        asking.watch(&ledgers, &given);
        asking.ledgers(&ledgers);
        asking.keys(&given);
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
    request: &'r mut Request,
    asked: Vec<Ask>,
    found: Found,
}

impl Asking<'_, '_, '_> {
    fn put(&mut self, ask: Ask, words: &[&[u8]]) {
        self.asked.push(ask);
        self.request.command(words);
    }

    /// The streams whose last ID decides.
    fn given_times(&self) -> Result<Vec<usize>, PackedError> {
        let mut given = Vec::new();
        for (number, it) in self.plan.groups.iter().enumerate() {
            if it.group.kind == GroupKind::Stream && it.has_given_times(&self.plan.head)? {
                given.push(number);
            }
        }
        Ok(given)
    }

    /// In one command where it need not be known which key is refused.
    fn watch(&mut self, ledgers: &[String], given: &[usize]) {
        let plan = self.plan;
        let is_read = |number: usize| {
            plan.groups.get(number).is_some_and(|it| it.group.kind == GroupKind::Undecided)
                || given.binary_search(&number).is_ok()
        };
        let read: Vec<usize> = (0..plan.groups.len()).filter(|number| is_read(*number)).collect();
        let together = if self.manner == Manner::Quick { read.as_slice() } else { &[] };
        if ledgers.len() + together.len() > 0 {
            self.asked.push(Ask::Watch);
            self.request.begin(1 + ledgers.len() + together.len());
            self.request.word(b"WATCH");
            ledgers.iter().for_each(|key| self.request.word(key.as_bytes()));
            for it in together.iter().filter_map(|number| plan.groups.get(*number)) {
                self.request.word(it.group.key);
            }
        }
        if self.manner == Manner::Thorough {
            for number in read {
                let Some(it) = plan.groups.get(number) else { continue };
                self.put(Ask::WatchGroup(number), &[b"WATCH", it.group.key]);
            }
        }
    }

    fn ledgers(&mut self, keys: &[String]) {
        let has_commands = self.plan.has_commands();
        for (number, key) in keys.iter().enumerate() {
            let expected = self.plan.head.advances.get(number).map(|advance| advance.expected);
            let is_absent = matches!(expected, Some(Expected::Absent { .. }));
            if is_absent || self.manner == Manner::Thorough {
                self.put(Ask::LedgerType(number), &[b"TYPE", key.as_bytes()]);
            }
            let fields: &[&[u8]] = &[b"HMGET", key.as_bytes(), b"next", COMMAND_FIELD.as_bytes()];
            let wanted = if has_commands { fields.len() } else { fields.len() - 1 };
            self.put(Ask::LedgerFields(number), fields.get(..wanted).unwrap_or(fields));
        }
    }

    /// What the keys are; streams all at once where that will do.
    fn keys(&mut self, given: &[usize]) {
        let plan = self.plan;
        let mut streams = Vec::new();
        let mut stream_words = 0;
        for (number, it) in plan.groups.iter().enumerate() {
            let key = it.group.key;
            match it.group.kind {
                GroupKind::Command | GroupKind::Channel => {}
                GroupKind::Stream if given.binary_search(&number).is_ok() => {
                    self.put(Ask::LastId(number, Purpose::Choice), &[b"XINFO", b"STREAM", key]);
                }
                GroupKind::Stream if self.manner == Manner::Quick => {
                    put_word(&mut streams, key);
                    stream_words += 1;
                }
                GroupKind::Stream => {
                    self.put(Ask::LastId(number, Purpose::Room), &[b"XINFO", b"STREAM", key]);
                }
                GroupKind::Undecided => {
                    let names = self.found.wanted.names(number);
                    // Where nothing is read, the type alone is asked.
                    if names.is_empty() {
                        self.put(Ask::Type(number), &[b"TYPE", key]);
                        continue;
                    }
                    self.asked.push(Ask::Fields(number));
                    self.request.begin(2 + names.len());
                    self.request.word(b"HMGET");
                    self.request.word(key);
                    for name in names {
                        self.request.word(plan.head.names.get(*name).copied().unwrap_or_default());
                    }
                }
                _ => self.put(Ask::Type(number), &[b"TYPE", key]),
            }
        }
        if stream_words > 0 {
            self.asked.push(Ask::Streams);
            self.request.begin(4 + 2 * stream_words);
            for word in [&b"XREAD"[..], b"COUNT", b"1", b"STREAMS"] {
                self.request.word(word);
            }
            self.request.written(&streams);
            (0..stream_words).for_each(|_| self.request.word(NEARLY_LAST));
        }
    }
}

impl Found {
    fn answer(
        &mut self,
        ask: Ask,
        plan: &Plan<'_>,
        connection: &mut Connection,
    ) -> Result<(), Problem> {
        match ask {
            Ask::Unwatch => expect_status(connection, "UNWATCH"),
            Ask::Watch => match connection.part()? {
                Part::Status(_) => Ok(()),
                Part::Error(error) => self.suspect(error),
                other => Err(unexpected("WATCH", other)),
            },
            Ask::WatchGroup(group) => match connection.part()? {
                Part::Status(_) => Ok(()),
                Part::Error(error) => self.clash(plan, group, error),
                other => Err(unexpected("WATCH", other)),
            },
            Ask::LedgerType(number) => {
                let kind = match connection.part()? {
                    Part::Status(kind) => String::from_utf8_lossy(kind).into_owned(),
                    other => return Err(unexpected("TYPE", other)),
                };
                if let Some(ledger) = self.ledgers.get_mut(number) {
                    ledger.kind = Some(kind);
                }
                Ok(())
            }
            Ask::LedgerFields(number) => self.ledger_fields(number, connection),
            Ask::Streams => match connection.part()? {
                Part::Nil => Ok(()),
                Part::Array(count) => {
                    self.is_suspect = true;
                    connection.skip(count).map(drop)
                }
                Part::Error(error) => self.suspect(error),
                other => Err(unexpected("XREAD", other)),
            },
            Ask::Type(group) => self.key_type(plan, group, connection),
            Ask::LastId(group, purpose) => self.last_id(plan, (group, purpose), connection),
            Ask::Fields(group) => self.fields(plan, group, connection),
            Ask::Time => self.time(connection),
        }
    }

    /// What a single key is to blame for is found out key by key.
    fn suspect(&mut self, error: &[u8]) -> Result<(), Problem> {
        match problem(error) {
            Problem::Refused(Refusal::WrongType | Refusal::NoPermission, _) if !self.is_suspect => {
                self.is_suspect = true;
                Ok(())
            }
            problem => Err(problem),
        }
    }

    fn clash(&mut self, plan: &Plan<'_>, group: usize, error: &[u8]) -> Result<(), Problem> {
        let Some(it) = plan.groups.get(group) else { return Ok(()) };
        // Of a key that is watched and read, both are refused.
        if self.clashes.iter().any(|clash| clash.key == it.group.key) {
            return Ok(());
        }
        let words = match problem(error) {
            Problem::Refused(Refusal::WrongType, _) => wrong_type(&it.group),
            Problem::Refused(Refusal::NoPermission, text) => {
                format!("{text} (key '{}')", String::from_utf8_lossy(it.group.key))
            }
            problem => return Err(problem),
        };
        self.clashes.extend(plan.clashes(group, &words));
        Ok(())
    }

    fn ledger_fields(&mut self, number: usize, connection: &mut Connection) -> Result<(), Problem> {
        let mut ledger = LedgerFound::default();
        let count = match connection.part()? {
            Part::Array(count) => count,
            Part::Error(error) => match problem(error) {
                Problem::Refused(Refusal::WrongType, _) => {
                    ledger.is_wrong = true;
                    0
                }
                problem => return Err(problem),
            },
            other => return Err(unexpected("HMGET", other)),
        };
        for at in 0..count {
            let value = match connection.part()? {
                Part::Bulk(value) => Some(value.to_vec()),
                Part::Nil => None,
                other => return Err(unexpected("HMGET", other)),
            };
            match at {
                0 => ledger.next = value,
                _ => ledger.command = value,
            }
        }
        if let Some(place) = self.ledgers.get_mut(number) {
            ledger.kind = place.kind.take();
            // Whether the key or only its field is gone makes a difference to people.
            let is_open = ledger.next.is_none() && !ledger.is_wrong && ledger.kind.is_none();
            self.is_suspect |= is_open;
            *place = ledger;
        }
        Ok(())
    }

    fn key_type(
        &mut self,
        plan: &Plan<'_>,
        group: usize,
        connection: &mut Connection,
    ) -> Result<(), Problem> {
        let Some(it) = plan.groups.get(group) else { return Ok(()) };
        let wanted = type_of(it.group.kind).unwrap_or_default();
        match connection.part()? {
            Part::Status(found) if found == b"none" || found == wanted.as_bytes() => {}
            Part::Status(_) => {
                let problem = wrong_type(&it.group);
                self.clashes.extend(plan.clashes(group, &problem));
            }
            Part::Error(error) => return self.clash(plan, group, error),
            other => return Err(unexpected("TYPE", other)),
        }
        Ok(())
    }

    /// Of XINFO STREAM: names and values in turn, of which entries may be large.
    fn last_id(
        &mut self,
        plan: &Plan<'_>,
        (group, purpose): (usize, Purpose),
        connection: &mut Connection,
    ) -> Result<(), Problem> {
        let count = match connection.part()? {
            Part::Array(count) => count,
            Part::Error(b"ERR no such key") => {
                self.last_ids.push(LastId { group, id: None, purpose });
                return Ok(());
            }
            Part::Error(error) => return self.clash(plan, group, error),
            other => return Err(unexpected("XINFO", other)),
        };
        let mut last = None;
        for _ in 0..count / 2 {
            let is_wanted = match connection.part()? {
                Part::Bulk(name) => name == b"last-generated-id",
                other => return Err(unexpected("XINFO", other)),
            };
            match connection.part()? {
                Part::Bulk(id) if is_wanted => last = parse_id(id),
                Part::Array(parts) => drop(connection.skip(parts)?),
                _ => {}
            }
        }
        if last.is_none() {
            return Err(Problem::refused("ERR XINFO STREAM told no last-generated-id"));
        }
        self.last_ids.push(LastId { group, id: last, purpose });
        Ok(())
    }

    fn fields(
        &mut self,
        plan: &Plan<'_>,
        group: usize,
        connection: &mut Connection,
    ) -> Result<(), Problem> {
        let count = match connection.part()? {
            Part::Array(count) => count,
            Part::Error(error) => return self.clash(plan, group, error),
            other => return Err(unexpected("HMGET", other)),
        };
        for at in 0..count {
            match connection.part()? {
                Part::Bulk(value) => self.wanted.show(group, at, Some(value)),
                Part::Nil => self.wanted.show(group, at, None),
                Part::TooLong => {
                    let text = b"WRONGTYPE a field is too large to be compared or summed";
                    self.clash(plan, group, text)?;
                }
                other => return Err(unexpected("HMGET", other)),
            }
        }
        Ok(())
    }

    fn time(&mut self, connection: &mut Connection) -> Result<(), Problem> {
        let mut number = || match connection.part()? {
            Part::Bulk(text) => {
                Ok(std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()))
            }
            Part::Array(2) => Ok(None),
            other => Err(unexpected("TIME", other)),
        };
        number()?;
        let (seconds, micros): (Option<i64>, Option<i64>) = (number()?, number()?);
        let now = seconds
            .zip(micros)
            .map(|(seconds, micros)| seconds.saturating_mul(1000).saturating_add(micros / 1000));
        self.now = Some(now.ok_or_else(|| Problem::refused("ERR TIME told no time"))?);
        Ok(())
    }
}

fn parse_id(text: &[u8]) -> Option<StreamId> {
    let (ms, seq) = std::str::from_utf8(text).ok()?.split_once('-')?;
    Some((ms.parse().ok()?, seq.parse().ok()?))
}

fn problem(error: &[u8]) -> Problem {
    Problem::refused(String::from_utf8_lossy(error))
}

fn expect_status(connection: &mut Connection, command: &str) -> Result<(), Problem> {
    match connection.part()? {
        Part::Status(_) => Ok(()),
        other => Err(unexpected(command, other)),
    }
}

/// What is no answer to a command: an error, or what another command would get.
pub fn unexpected(command: &str, part: Part<'_>) -> Problem {
    match part {
        Part::Error(error) => problem(error),
        other => Problem::refused(format!("ERR {command} was answered with {other:?}")),
    }
}
