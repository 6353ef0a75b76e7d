//! One try to apply a unit.

use super::found::Found;
use super::known::{Keys, Known};
use super::ledgers::{compare, is_made};
use super::letters;
use super::plan::Plan;
use super::prepare::{Manner, Questions};
use super::transaction::{Executed, Refused, Transaction};
use super::write::{CommandNote, UnitWriter, command_note, forget_command};
use super::{Doubt, Progress, RespApplier};
use crate::redis::{Problem, Request};
use redis_kafka_engine::applier::{Applied, Clash};
use redis_kafka_engine::ledger::Advance;
use redis_kafka_engine::unit::packed::{self, PackedError, Reader};
use redis_kafka_engine::unit::{Undecidable, Unit};
use std::time::Instant;

/// What a try came to.
pub enum Attempt {
    /// It is decided.
    Settled(Applied),
    /// Somebody changed what the unit depends on, in the meantime.
    Contended,
}

/// What was found out about the unit that is probably applied next.
pub struct Next {
    generation: u64,
    advances: Vec<Advance>,
    size: usize,
    found: Found,
    transaction: Upcoming,
}

/// The next unit, of which the questions were sent, and their answers are to be read.
struct Ahead<'u> {
    plan: Plan<'u>,
    questions: Questions,
    transaction: Upcoming,
}

/// How far the transaction of the next unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upcoming {
    /// It was sent but for its EXEC: nothing in it depends on what was found out.
    Sent,
    /// It is still to be written.
    Open,
}

/// A unit of at most so many packed bytes is put into words so soon that EXEC can wait for it: one
/// write less, and what is sent in small pieces may be held back on its way (Nagle's algorithm, RFC
/// 1122, 4.2.3.4, in a proxy).
const SMALL_UNIT: usize = 8 << 10;

impl Next {
    fn is_of(&self, unit: &Unit) -> bool {
        self.generation == unit.generation
            && self.size == unit.packed.len()
            && self.advances == unit.advances
    }

    /// Whether the unit, whose next one it is, wants nothing but its EXEC: all that was found is as it
    /// should be.
    fn is_ready(&self, unit: &Unit, progress: &Progress) -> Result<bool, PackedError> {
        let Found { is_suspect, gone, clashes, .. } = &self.found;
        if self.transaction == Upcoming::Open || *progress != Progress::default() {
            return Ok(false);
        }
        let head = packed::read_head(&mut Reader::new(&unit.packed))?;
        let is_as_expected = compare(&head, &self.found).is_none();
        Ok(is_as_expected && !is_suspect && *gone == 0 && clashes.is_empty())
    }
}

/// Why a try ends early.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    Settled(Applied),
    Contended,
    Problem(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Stop {
        Stop::Problem(problem)
    }
}

impl From<PackedError> for Stop {
    fn from(error: PackedError) -> Stop {
        Stop::Settled(Applied::Failed(format!("internal error: {error}")))
    }
}

impl From<Applied> for Stop {
    fn from(applied: Applied) -> Stop {
        Stop::Settled(applied)
    }
}

impl RespApplier {
    /// Prepares the unit, unless that was done with the one before it, and writes it.
    pub(super) fn attempt(
        &mut self,
        unit: &Unit,
        ahead: Option<&Unit>,
        progress: &mut Progress,
    ) -> Result<Attempt, Problem> {
        let tried = self.try_apply(unit, ahead, progress);
        if tried != Ok(Applied::Done) {
            // What met trouble is asked in full.
            self.known.forget();
        }
        match tried {
            Ok(applied) | Err(Stop::Settled(applied)) => Ok(Attempt::Settled(applied)),
            Err(Stop::Contended) => Ok(Attempt::Contended),
            Err(Stop::Problem(problem)) => Err(problem),
        }
    }

    fn try_apply(
        &mut self,
        unit: &Unit,
        ahead: Option<&Unit>,
        progress: &mut Progress,
    ) -> Result<Applied, Stop> {
        self.link()?;
        let next = self.next.take().filter(|next| next.is_of(unit));
        if let Some(next) = &next
            && next.is_ready(unit, progress)?
        {
            std::mem::swap(&mut self.transaction, &mut self.upcoming);
            return self.write(unit, &next.found.keys, Upcoming::Sent, ahead, &mut progress.doubt);
        }
        let plan = Plan::read(&unit.packed, unit)?;
        let (mut found, mut upcoming) = match next {
            Some(next) => (next.found, next.transaction),
            None => {
                // What comes one by one is asked in full.
                self.known.forget_unless_recent();
                (self.prepare(&plan, Manner::Quick)?, Upcoming::Open)
            }
        };
        if found.is_suspect {
            (found, upcoming) = (self.prepare(&plan, Manner::Thorough)?, Upcoming::Open);
        }
        check(&plan, &mut found, progress.doubt)?;
        if !progress.refused.is_empty() {
            return self.give_back(&plan, unit, progress);
        }
        if plan.has_calls() {
            if has_run(&plan, unit, &found) {
                if !progress.is_called {
                    tell_of_run(&plan, unit);
                }
            } else {
                self.call(&plan, unit, &found, progress)?;
                progress.is_called = true;
                found = self.prepare(&plan, Manner::Thorough)?;
                check(&plan, &mut found, progress.doubt)?;
            }
        }
        match upcoming {
            Upcoming::Sent => std::mem::swap(&mut self.transaction, &mut self.upcoming),
            Upcoming::Open => self.put_in_words(unit, &plan, &found)?,
        }
        self.write(unit, &found.keys, upcoming, ahead, &mut progress.doubt)
    }

    /// Writes the unit's transaction into its buffer.
    fn put_in_words(&mut self, unit: &Unit, plan: &Plan<'_>, found: &Found) -> Result<(), Stop> {
        let refused = if unit.undecided > 0 {
            decide(unit, found, &mut self.decided)?;
            let plan = Plan::read(&self.decided, unit)?;
            UnitWriter::new(&mut self.transaction, &plan, found).write_unit(unit)?
        } else {
            UnitWriter::new(&mut self.transaction, plan, found).write_unit(unit)?
        };
        match refused {
            refused if refused.is_empty() => Ok(()),
            refused => Err(Applied::Clash(refused).into()),
        }
    }

    /// Asks what must be known about a unit.
    fn prepare(&mut self, plan: &Plan<'_>, manner: Manner) -> Result<Found, Stop> {
        let is_watching = self.free_link()?.is_watching;
        self.request.clear();
        let mut request = std::mem::take(&mut self.request);
        let questions = Questions::ask(plan, (manner, &self.known), is_watching, &mut request);
        self.request = request;
        let questions = questions?;
        let Some(link) = &mut self.link else { return Err(Stop::Contended) };
        link.is_watching = true;
        link.connection.send(&self.request)?;
        Ok(questions.read(plan, &mut link.connection)?)
    }

    /// Runs what may be refused by itself.
    fn call(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        found: &Found,
        progress: &mut Progress,
    ) -> Result<(), Stop> {
        let refused = UnitWriter::new(&mut self.transaction, plan, found).write_calls(unit)?;
        if !refused.is_empty() {
            return Err(Applied::Clash(refused).into());
        }
        match self.execute()? {
            Executed::Done(refused) if refused.is_empty() => Ok(()),
            Executed::Aborted => Err(Stop::Contended),
            Executed::Discarded(refused) => {
                Err(Applied::Clash(self.transaction.clashes(plan, &refused)?).into())
            }
            Executed::Done(refused) => {
                progress.refused = self.transaction.clashes(plan, &refused)?;
                let found = self.prepare(plan, Manner::Thorough)?;
                if let Some(refused) = compare(&plan.head, &found) {
                    return Err(refused.into());
                }
                self.give_back(plan, unit, progress).and_then(|applied| Err(applied.into()))
            }
        }
    }

    /// Takes back the note that commands were run, as they were refused. The ledger is watched.
    fn give_back(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit,
        progress: &mut Progress,
    ) -> Result<Applied, Stop> {
        if let Some(note) = command_note(plan, unit) {
            self.transaction.restart(&plan.head);
            forget_command(&mut self.transaction, &note);
            match self.execute()? {
                Executed::Done(refused) if refused.is_empty() => {}
                Executed::Aborted => return Err(Stop::Contended),
                Executed::Done(refused) | Executed::Discarded(refused) => {
                    self.transaction.clashes(plan, &refused)?;
                }
            }
        }
        Ok(Applied::Clash(std::mem::take(&mut progress.refused)))
    }

    /// Sends the transaction and reads what came of it.
    fn execute(&mut self) -> Result<Executed, Stop> {
        self.request.clear();
        self.request.append(self.transaction.request());
        self.request.command(&[b"EXEC"]);
        let Some(link) = &mut self.link else { return Err(Stop::Contended) };
        link.connection.send(&self.request)?;
        let executed = self.transaction.read(&mut link.connection, 0)?;
        link.is_watching = false;
        Ok(executed)
    }

    /// Has the unit's transaction run, and makes ready for the next one: the questions about it travel
    /// behind the EXEC, its commands behind them.
    fn write(
        &mut self,
        unit: &Unit,
        keys: &Keys,
        sent: Upcoming,
        ahead: Option<&Unit>,
        doubt: &mut Doubt,
    ) -> Result<Applied, Stop> {
        self.request.clear();
        if sent == Upcoming::Open {
            self.request.append(self.transaction.request());
        }
        self.request.command(&[b"EXEC"]);
        let Some(link) = &mut self.link else { return Err(Stop::Contended) };
        let before = std::mem::replace(doubt, Doubt::Sent);
        link.is_open = false;
        if ahead.is_none_or(|ahead| ahead.packed.len() > SMALL_UNIT) {
            // Redis is at work while the next unit is put into words.
            link.connection.send(&self.request)?;
            self.request.clear();
        }
        let next = match ahead {
            Some(ahead) => self.send_ahead(ahead)?,
            None => None,
        };
        let Some(link) = &mut self.link else { return Err(Stop::Contended) };
        let behind = if link.is_open { self.upcoming.least_answer() } else { 0 };
        let executed = self.transaction.read(&mut link.connection, behind)?;
        link.is_watching = false;
        // The outcome of this one is known.
        *doubt = before;
        let applied = self.settle(unit, executed);
        if applied == Ok(Applied::Done) {
            self.known.note(keys, Instant::now());
        }
        if let Some((ahead, next)) = ahead.zip(next) {
            self.read_ahead(next, ahead, applied.is_ok());
        }
        applied
    }

    /// What the outcome of the unit's transaction means.
    fn settle(&mut self, unit: &Unit, executed: Executed) -> Result<Applied, Stop> {
        match executed {
            Executed::Done(refused) if refused.is_empty() => Ok(Applied::Done),
            Executed::Done(refused) => Ok(self.partly(&Plan::read(&unit.packed, unit)?, &refused)),
            Executed::Aborted => Err(Stop::Contended),
            Executed::Discarded(refused) => {
                let plan = Plan::read(&unit.packed, unit)?;
                Err(Applied::Clash(self.transaction.clashes(&plan, &refused)?).into())
            }
        }
    }

    fn partly(&self, plan: &Plan<'_>, refused: &[Refused]) -> Applied {
        match self.transaction.clashes(plan, refused) {
            Ok(clashes) => Applied::PartlyRefused(clashes),
            Err(problem) => Applied::Failed(format!(
                "Redis at {}: the ledger was not written with its unit: {problem}",
                self.place
            )),
        }
    }

    /// Sends what the request holds already, the questions about the next unit and, where it is the
    /// same whatever is found out, its transaction, all but the EXEC. None where its bytes do not fit
    /// the form, which is met again when its turn comes.
    fn send_ahead<'u>(&mut self, unit: &'u Unit) -> Result<Option<Ahead<'u>>, Problem> {
        let Some(link) = &mut self.link else { return Ok(None) };
        let mark = self.request.mark();
        let Ok((plan, questions)) = ask_ahead(unit, &self.known, &mut self.request) else {
            self.request.roll_back(mark);
            link.connection.send(&self.request)?;
            return Ok(None);
        };
        let transaction = foretell(&mut self.upcoming, &plan, &questions, unit);
        match transaction {
            Upcoming::Sent => {
                link.connection.send_both(&self.request, self.upcoming.request())?;
                link.is_open = true;
            }
            Upcoming::Open => link.connection.send(&self.request)?,
        }
        Ok(Some(Ahead { plan, questions, transaction }))
    }

    /// Reads the answers about the next unit. They are of no use when this one was not written.
    fn read_ahead(&mut self, ahead: Ahead<'_>, unit: &Unit, is_written: bool) {
        let Ahead { plan, questions, transaction } = ahead;
        let Some(link) = &mut self.link else { return };
        link.is_watching = true;
        match questions.read(&plan, &mut link.connection) {
            Ok(found) if is_written => {
                let (generation, size) = (unit.generation, unit.packed.len());
                let advances = unit.advances.clone();
                self.next = Some(Next { generation, advances, size, found, transaction });
            }
            Ok(_) => {}
            Err(problem) => {
                // The next unit meets the trouble itself.
                log::debug!("Redis at {}: {problem}", self.place);
                self.drop_link();
            }
        }
    }
}

/// The questions about the next unit, behind the transaction that is sent.
fn ask_ahead<'u>(
    ahead: &'u Unit,
    known: &Known,
    request: &mut Request,
) -> Result<(Plan<'u>, Questions), PackedError> {
    let plan = Plan::read(&ahead.packed, ahead)?;
    // EXEC ends what is watched.
    let questions = Questions::ask(&plan, (Manner::Quick, known), false, request)?;
    Ok((plan, questions))
}

/// Writes the transaction of the next unit, to be sent, where it is the same whatever is found out.
fn foretell(
    transaction: &mut Transaction,
    plan: &Plan<'_>,
    questions: &Questions,
    unit: &Unit,
) -> Upcoming {
    if plan.has_calls() || questions.are_decisive() {
        return Upcoming::Open;
    }
    match UnitWriter::new(transaction, plan, &Found::default()).write_unit(unit) {
        Ok(refused) if refused.is_empty() => Upcoming::Sent,
        // It is met again when its turn comes.
        Ok(_) | Err(_) => Upcoming::Open,
    }
}

/// Whether the ledger stands where the unit expects it, and the keys fit.
fn check(plan: &Plan<'_>, found: &mut Found, doubt: Doubt) -> Result<(), Stop> {
    if doubt == Doubt::Sent {
        // Replays do not move the ledger: the letters tell.
        let replayed = letters::are_all_gone(plan, found)?;
        if replayed.unwrap_or_else(|| is_made(&plan.head, found)) {
            return Err(Applied::Done.into());
        }
    }
    if let Some(refused) = compare(&plan.head, found) {
        return Err(refused.into());
    }
    if found.gone > 0 {
        return Err(Applied::Gone.into());
    }
    match std::mem::take(&mut found.clashes) {
        clashes if clashes.is_empty() => Ok(()),
        clashes => Err(Applied::Clash(clashes).into()),
    }
}

/// Whether the commands of the unit's record were run before, and the rest of it was not.
fn has_run(plan: &Plan<'_>, unit: &Unit, found: &Found) -> bool {
    let Some(CommandNote { step, value, .. }) = command_note(plan, unit) else { return false };
    let noted = found.ledgers.get(step).and_then(|ledger| ledger.command.as_deref());
    noted == Some(value.as_bytes())
}

/// What a lost answer leaves open is said, at least.
fn tell_of_run(plan: &Plan<'_>, unit: &Unit) {
    if let Some(record) = unit.records.first()
        && let Some((topic, partition)) = unit.slots.get(record.slot)
    {
        let (name, offset) = (plan.head.subscription, record.offset);
        log::warn!(
            "subscription {name}: {topic}/{partition}@{offset}: its COMMAND was run and is not run again; \
             the connection, or the process, ended before it was known whether Redis refused it"
        );
    }
}

/// Makes absolute writes of those that depend on what hashes hold.
fn decide(unit: &Unit, found: &Found, decided: &mut Vec<u8>) -> Result<(), Stop> {
    decided.clear();
    decided.reserve(unit.packed.len());
    let mut is_lacking = false;
    let refused =
        unit.decide(decided, &mut |wanted, text| found.wanted.tell(wanted, text, &mut is_lacking))?;
    if is_lacking {
        let problem = "internal error: a field was not read that a unit depends on";
        return Err(Applied::Failed(problem.to_owned()).into());
    }
    if refused.is_empty() {
        return Ok(());
    }
    let clash = |Undecidable { record, key, problem }| Clash { record, key, problem };
    Err(Applied::Clash(refused.into_iter().map(clash).collect()).into())
}
