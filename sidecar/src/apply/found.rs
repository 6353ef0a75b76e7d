//! What was found out about a unit: the answers to what is asked in [`super::prepare`].

use super::known::Keys;
use super::plan::{Plan, type_of, wrong_type};
use super::prepare::Ask;
use super::wanted::Wanted;
use crate::redis::{Connection, Part, Problem, Refusal};
use redis_kafka_engine::applier::Clash;

pub use redis_kafka_engine::applier::commands::{LastId, Purpose, StreamId};

/// What a ledger key holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LedgerFound {
    /// The answer of TYPE, where it was asked.
    pub kind: Option<String>,
    /// Whether it is of another type than a hash.
    pub is_wrong: bool,
    /// The field `next`, as it stands.
    pub next: Option<Vec<u8>>,
    /// The field [`super::prepare::COMMAND_FIELD`], or [`super::prepare::REPLAY_FIELD`].
    pub command: Option<Vec<u8>>,
}

/// What was found out about a unit.
#[derive(Debug, Default)]
pub struct Found {
    /// By the ledger's steps.
    pub ledgers: Vec<LedgerFound>,
    /// Writes that do not fit what stands there.
    pub clashes: Vec<Clash>,
    /// Something does not fit: ask [thoroughly](super::prepare::Manner::Thorough).
    pub is_suspect: bool,
    /// The highest IDs that streams ever had, by group.
    pub last_ids: Vec<LastId>,
    /// Milliseconds since 1970 by Redis's clock, where something needs it.
    pub now: Option<i64>,
    /// Fields that undecided writes depend on.
    pub wanted: Wanted,
    /// The keys that are written.
    pub keys: Keys,
    /// How many entries are not there that are to be taken out.
    pub gone: usize,
}

impl Found {
    /// Reads the answer to one question.
    pub fn answer(
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
            Ask::Entry(group) => match connection.part()? {
                Part::Array(0) => {
                    self.gone += 1;
                    Ok(())
                }
                Part::Array(parts) => connection.skip(parts).map(drop),
                Part::Error(error) => self.clash(plan, group, error),
                other => Err(unexpected("XRANGE", other)),
            },
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
        other => {
            let found = match other {
                Part::Status(_) | Part::Error(_) => "a status",
                Part::Integer(_) => "a number",
                Part::Bulk(_) => "a string",
                Part::TooLong => "a string that is too long",
                Part::Nil => "nothing",
                Part::Array(_) => "an array",
            };
            Problem::refused(format!("ERR {command} was answered with {found}"))
        }
    }
}
