//! A transaction: its commands with the writes they stand for, and what came of it.

use super::found::unexpected;
use super::plan::Plan;
use crate::redis::{Connection, Heals, Part, Problem, Refusal, Request, put_word};
use redis_kafka_engine::applier::Clash;
use redis_kafka_engine::applier::commands::{Sink, Writes};
use redis_kafka_engine::unit::packed::{Head, PackedError};
use std::ops::Range;

/// What Redis answers to a command of a transaction.
const QUEUED: &[u8] = b"QUEUED";

/// The bytes of that. No error is shorter.
const QUEUED_BYTES: usize = QUEUED.len() + 3;

/// The shortest result of a command in EXEC's answer: a number of one digit.
const RESULT_BYTES: usize = 4;

/// What a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Writes(Writes),
    Own,
}

/// MULTI and commands, for EXEC.
#[derive(Debug, Default)]
pub struct Transaction {
    request: Request,
    purposes: Vec<Purpose>,
    /// The unit's field names as words of a command, and where each one ends.
    names: Vec<u8>,
    name_ends: Vec<usize>,
    run: Run,
}

/// Words of a command under way, whose number is not known yet.
#[derive(Debug, Default)]
struct Run {
    words: Vec<u8>,
    count: usize,
    first: usize,
    writes: usize,
}

impl Run {
    /// Whether nothing was added.
    fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn clear(&mut self) {
        self.words.clear();
        (self.count, self.first, self.writes) = (0, 0, 0);
    }
}

impl Transaction {
    /// Starts anew with the names of a unit.
    pub fn restart(&mut self, head: &Head<'_>) {
        self.request.clear();
        self.purposes.clear();
        self.names.clear();
        self.name_ends.clear();
        for name in &head.names {
            put_word(&mut self.names, name);
            self.name_ends.push(self.names.len());
        }
        self.run.clear();
        self.request.command(&[b"MULTI"]);
    }

    /// MULTI and the commands; EXEC is not among them, as they may be sent long before it.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Begins a command of so many words of our own.
    pub fn own(&mut self, words: usize) -> &mut Request {
        self.purposes.push(Purpose::Own);
        self.request.begin(words);
        &mut self.request
    }

    fn place(&self, number: usize) -> Result<Range<usize>, PackedError> {
        let end = *self.name_ends.get(number).ok_or(PackedError::Name)?;
        let before = number.checked_sub(1).and_then(|before| self.name_ends.get(before));
        Ok(before.copied().unwrap_or(0)..end)
    }

    /// Passes over what Redis answered to MULTI, the commands and DISCARD.
    pub fn read_discarded(&self, connection: &mut Connection) -> Result<(), Problem> {
        // Refused commands are discarded like the others.
        connection.skip(1 + self.purposes.len())?;
        match connection.part()? {
            Part::Status(_) => Ok(()),
            other => Err(unexpected("DISCARD", other)),
        }
    }

    /// The bytes that Redis answers to the commands at least, before EXEC.
    pub fn least_answer(&self) -> usize {
        QUEUED_BYTES * self.purposes.len()
    }

    /// What Redis answered to MULTI, the commands and EXEC. `behind` says how many bytes follow at
    /// least, also when EXEC is answered with nothing: then they are there for its results.
    pub fn read(&self, connection: &mut Connection, behind: usize) -> Result<Executed, Problem> {
        let results = RESULT_BYTES * self.purposes.len();
        connection.gather(self.least_answer() + behind.min(results))?;
        match connection.part()? {
            Part::Status(_) => {}
            other => return Err(unexpected("MULTI", other)),
        }
        let (mut refused, mut at) = (Vec::new(), 0);
        while at < self.purposes.len() {
            at += connection.skip_status(QUEUED, self.purposes.len() - at);
            if at == self.purposes.len() {
                break;
            }
            match connection.part()? {
                Part::Status(QUEUED) => {}
                Part::Error(error) => refused.push(Refused::new(at, error)),
                other => return Err(unexpected("a command of a transaction", other)),
            }
            at += 1;
        }
        match connection.part()? {
            Part::Nil => Ok(Executed::Aborted),
            Part::Error(error) => discarded(error, refused),
            Part::Array(count) if count == self.purposes.len() && refused.is_empty() => {
                self.read_results(connection)
            }
            other => Err(unexpected("EXEC", other)),
        }
    }

    fn read_results(&self, connection: &mut Connection) -> Result<Executed, Problem> {
        let (mut refused, mut at) = (Vec::new(), 0);
        loop {
            // XADD's, as a rule.
            at += connection.skip_short_bulks(self.purposes.len() - at);
            if at == self.purposes.len() {
                return Ok(Executed::Done(refused));
            }
            match connection.part()? {
                Part::Error(error) => refused.push(Refused::new(at, error)),
                Part::Array(parts) => {
                    let has_error = connection.skip(parts)?;
                    let error = has_error.then_some(b"ERR an error stands in its answer");
                    refused.extend(error.map(|error| Refused::new(at, error)));
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// The records behind refused commands. An error is what was refused of our own.
    pub fn clashes(&self, plan: &Plan<'_>, refused: &[Refused]) -> Result<Vec<Clash>, Problem> {
        let mut clashes = Vec::new();
        for Refused { at, error } in refused {
            // No record is to blame for what is not allowed at all.
            if Refusal::of(error) == Refusal::NoCommand {
                return Err(Problem::refused(error.clone()));
            }
            match self.purposes.get(*at) {
                Some(Purpose::Writes(Writes { group, first, count })) => {
                    let key = plan.groups.get(*group).map_or(&[][..], |it| it.group.key);
                    let problem = match key {
                        [] => error.clone(),
                        key => format!("key '{}': {error}", String::from_utf8_lossy(key)),
                    };
                    clashes.extend(plan.clashes_of(*group, *first, *count, &problem));
                }
                Some(Purpose::Own) | None => return Err(Problem::refused(error.clone())),
            }
        }
        Ok(clashes)
    }
}

impl Sink for Transaction {
    #[inline(always)]
    fn begin(&mut self, writes: Writes, words: usize) {
        self.purposes.push(Purpose::Writes(writes));
        self.request.begin(words);
    }

    #[inline]
    fn word(&mut self, word: &[u8]) {
        self.request.word(word);
    }

    #[inline]
    fn name(&mut self, number: usize) -> Result<(), PackedError> {
        let range = self.place(number)?;
        self.request.written(self.names.get(range).ok_or(PackedError::Name)?);
        Ok(())
    }

    #[inline]
    fn run_word(&mut self, word: &[u8]) {
        put_word(&mut self.run.words, word);
        self.run.count += 1;
    }

    #[inline]
    fn run_name(&mut self, number: usize) -> Result<(), PackedError> {
        let range = self.place(number)?;
        self.run.words.extend_from_slice(self.names.get(range).ok_or(PackedError::Name)?);
        self.run.count += 1;
        Ok(())
    }

    #[inline]
    fn run_take(&mut self, write: usize) {
        if self.run.writes == 0 {
            self.run.first = write;
        }
        self.run.writes = write + 1 - self.run.first;
    }

    fn flush(&mut self, group: usize, name: &[u8], key: &[u8]) {
        if self.run.is_empty() {
            return;
        }
        let Run { count, first, writes, .. } = self.run;
        let writes = Writes { group, first, count: writes };
        self.purposes.push(Purpose::Writes(writes));
        self.request.begin(2 + count);
        self.request.word(name);
        self.request.word(key);
        self.request.written(&self.run.words);
        self.run.clear();
    }
}

/// A command that Redis refused: its number in the transaction, and the error's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    at: usize,
    error: String,
}

impl Refused {
    fn new(at: usize, error: &[u8]) -> Refused {
        Refused { at, error: String::from_utf8_lossy(error).into_owned() }
    }
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Executed {
    /// All of it was run; these commands were refused while it was.
    Done(Vec<Refused>),
    /// A watched key had changed: nothing was run.
    Aborted,
    /// These commands were refused before: nothing was run.
    Discarded(Vec<Refused>),
}

/// EXECABORT. What heals by itself is no fault of the records.
fn discarded(error: &[u8], refused: Vec<Refused>) -> Result<Executed, Problem> {
    let whole = Problem::refused(String::from_utf8_lossy(error));
    if refused.is_empty() || whole.heals() != Heals::Never {
        return Err(whole);
    }
    let problems = refused.iter().map(|it| Problem::refused(it.error.clone()));
    if let Some(problem) = problems.into_iter().find(|it| it.heals() != Heals::Never) {
        return Err(problem);
    }
    Ok(Executed::Discarded(refused))
}
