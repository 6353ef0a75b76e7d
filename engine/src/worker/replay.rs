//! Replays dead letters: each goes through the routes as they are now, and leaves the stream in the
//! very unit that writes what comes of it.
//!
//! Letters are replayed between two batches, a page at a time, with nothing of the worker's own
//! under way. One that fails again stays where it is, and those behind it come next. A letter that is
//! not there any more when its unit is applied (somebody else replays, too) voids the unit, and the
//! page is read again.

use super::consume::{UNIT_BYTES, too_much};
use super::flow::Flow;
use super::plan::{Held, Incoming, RecordError, Refusal, Stage};
use super::replays::{Replay, ReplayEnd};
use super::shared::{Control, Wanted};
use super::{Trouble, Worker};
use crate::applier::Applied;
use crate::kafka::Membership;
use crate::ledger::{Advance, Cursor, Outcome};
use crate::letter::{Letter, Range};
use crate::lookup::MAX_ANSWERS;
use crate::state::{State, Status};
use crate::unit::{RecordRef, Unit};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Letters that are replayed between two batches, at most.
const PAGE: u64 = 256;

/// How far one page has come.
enum Page {
    More,
    End(ReplayEnd),
}

/// What became of a letter on its way into a unit.
enum Written {
    /// It is in the unit, with what takes it out of the stream.
    Taken(Outcome),
    /// It fails again.
    Failed(RecordError),
    /// It depends on what the unit so far comes to.
    Later,
    /// What it needs is away, and the time is up.
    Away(String),
}

/// What became of the letters at the front of a page.
enum Dealt {
    /// So many were dealt with.
    Letters(usize),
    /// One of them is not there any more: the page is to be read again.
    Gone,
    /// It cannot go on.
    End(ReplayEnd),
}

/// The letters that a unit holds: their number among those at hand, and what came of each.
type Mail = Vec<(usize, Outcome)>;

impl Worker {
    /// Ends replays that cannot begin, or go on, while this is wanted.
    pub(super) fn refuse_replays(&self, control: &Control) {
        let name = &self.spec.name;
        match &control.wanted {
            Wanted::Run if control.routes.is_empty() => {
                self.end_replays("has no route", &format!("KAFKA.ROUTE name FROM {name} TO …"));
            }
            Wanted::Run => {}
            Wanted::Pause => self.end_replays("is paused", &format!("KAFKA.RESUME {name}")),
            Wanted::Hold(status) => {
                let problem = format!("is {}: {}", status.state.name(), status.reason);
                self.end_replays(&problem, &status.action);
            }
            Wanted::Exit(_) => self.end_replays("has ended, or was defined anew", ""),
        }
    }

    pub(super) fn end_replays(&self, problem: &str, action: &str) {
        while let Some(replay) = self.lane.shared.replays.take() {
            let (problem, action) = (problem.to_owned(), action.to_owned());
            replay.end(ReplayEnd::Broken { problem, action });
        }
    }

    /// A page of what is to be replayed, if anything is.
    pub(super) fn replay_some(&mut self, flow: &mut Flow) -> Result<(), Trouble> {
        let Some(mut replay) = self.lane.shared.replays.take() else { return Ok(()) };
        if replay.client.is_void() {
            return Ok(());
        }
        let page = self.replay_page(flow, &mut replay);
        flow.plan.lookup.clear();
        match page {
            Ok(Page::End(end)) => replay.end(end),
            Ok(Page::More) => self.lane.shared.replays.put_back(replay),
            // The next session goes on with it, or says why not.
            Err(trouble) => {
                self.lane.shared.replays.put_back(replay);
                return Err(trouble);
            }
        }
        Ok(())
    }

    /// All that is to be replayed.
    pub(super) fn replay_all(&mut self, flow: &mut Flow) -> Result<(), Trouble> {
        while self.lane.shared.replays.has_some() {
            self.replay_some(flow)?;
        }
        Ok(())
    }

    fn replay_page(&mut self, flow: &mut Flow, replay: &mut Replay) -> Result<Page, Trouble> {
        if replay.is_late() {
            return Ok(Page::End(ReplayEnd::Late));
        }
        self.drain(flow)?;
        let count = (replay.wanted - replay.seen).min(PAGE) as usize;
        let page = self.lane.letters(Range { after: replay.after, count }, flow.generation)?;
        let page = match page {
            Ok(page) => page,
            Err(problem) => {
                let action = String::new();
                return Ok(Page::End(ReplayEnd::Broken {
                    problem: format!("has no dead letters that can be read: {problem}"),
                    action,
                }));
            }
        };
        if replay.after.is_none() {
            replay.wanted = replay.wanted.min(page.total);
        }
        if page.entries.is_empty() {
            replay.seen = replay.wanted;
        }
        let letters: Vec<_> =
            page.entries.into_iter().map(|entry| (entry.id, Letter::read(entry))).collect();
        let mut rest = letters.as_slice();
        while let Some(((id, first), behind)) = rest.split_first() {
            if let Err(problem) = first {
                replay.fail(crate::letter::id_text(*id), problem);
                replay.pass(*id);
                rest = behind;
                continue;
            }
            let good: Vec<&Letter> =
                rest.iter().map_while(|(_, letter)| letter.as_ref().ok()).collect();
            match self.replay_unit(flow, replay, &good)? {
                Dealt::Letters(count) => rest = rest.get(count..).unwrap_or_default(),
                Dealt::Gone => break,
                Dealt::End(end) => return Ok(Page::End(end)),
            }
            self.tick(flow, super::absence::Pace::Busy)?;
            if replay.is_late() {
                return Ok(Page::End(ReplayEnd::Late));
            }
        }
        Ok(if replay.seen >= replay.wanted { Page::End(ReplayEnd::Done) } else { Page::More })
    }

    /// Replays the first of these letters in one unit, as many as it takes.
    fn replay_unit(
        &mut self,
        flow: &mut Flow,
        replay: &mut Replay,
        letters: &[&Letter],
    ) -> Result<Dealt, Trouble> {
        let slots = slots_of(letters);
        // What Redis or Kafka is known to refuse, by the letter's number.
        let mut verdicts: BTreeMap<usize, RecordError> = BTreeMap::new();
        let mut most = self.spec.unit_records.batch();
        loop {
            let (mut mail, mut failed, mut taken): (Mail, Vec<(usize, RecordError)>, _) =
                (Vec::new(), Vec::new(), 0);
            for (at, letter) in letters.iter().enumerate() {
                let written = match verdicts.get(&at) {
                    Some(error) => Written::Failed(error.clone()),
                    None => self.write_letter(flow, &slots, letter, replay)?,
                };
                match written {
                    Written::Taken(outcome) => mail.push((at, outcome)),
                    Written::Failed(error) => failed.push((at, error)),
                    Written::Later => break,
                    Written::Away(problem) => {
                        let action = String::new();
                        return Ok(Dealt::End(ReplayEnd::Broken { problem, action }));
                    }
                }
                taken = at + 1;
                let is_full = mail.len() >= most || flow.builder.size() >= UNIT_BYTES;
                if is_full || (flow.plan.runs_commands() && !mail.is_empty()) {
                    break;
                }
            }
            let refused = match mail.is_empty() {
                true => Sent::Done,
                false => self.send_letters(flow, &slots, letters, &mail)?,
            };
            match refused {
                Sent::Done => {
                    tell(replay, letters, taken, &mail, &failed);
                    return Ok(Dealt::Letters(taken));
                }
                Sent::Gone => return Ok(Dealt::Gone),
                // What is sent together is refused together.
                Sent::Refused(refused) if mail.len() > 1 && is_sent(&refused) => most = 1,
                Sent::Refused(refused) => verdicts.extend(refused),
            }
        }
    }

    /// One letter into the unit, and out of the stream.
    fn write_letter(
        &mut self,
        flow: &mut Flow,
        slots: &Arc<[(Arc<str>, i32)]>,
        letter: &Letter,
        replay: &Replay,
    ) -> Result<Written, Trouble> {
        if flow.plan.runs_commands()
            && self.spec.membership != Membership::Manual
            && own(flow, letter).is_none()
        {
            let problem = "its partition is read by another member of the consumer group, and a route runs a COMMAND: give KAFKA.REPLAY there";
            return Ok(Written::Failed(RecordError {
                stage: Stage::Route,
                route: None,
                problem: problem.to_owned(),
            }));
        }
        let reference = RecordRef { slot: slot_of(slots, letter), offset: letter.offset };
        let incoming = incoming(letter);
        let held: Vec<_> = flow.routes.iter().map(|route| !letter.is_for(route)).collect();
        let held = Held(&held);
        let mut is_alone = false;
        loop {
            let mark = flow.builder.begin_record(reference);
            match flow.plan.write_but(&incoming, &mut flow.builder, mark, held) {
                Ok(outcome) => {
                    if outcome != Outcome::Applied {
                        flow.builder.begin_record(reference);
                    }
                    let key = flow.letters.key().as_bytes();
                    flow.builder.key_buffer().extend_from_slice(key);
                    return Ok(match flow.builder.take_out(letter.id) {
                        Ok(()) => Written::Taken(outcome),
                        // No route may write that key, so it cannot have two types in one unit.
                        Err(error) => Written::Failed(route_error(error.to_string())),
                    });
                }
                Err(Refusal::Record(error)) => return Ok(Written::Failed(error)),
                Err(Refusal::Undecided) => return Ok(Written::Later),
                Err(Refusal::Unresolved) => {
                    if flow.plan.lookup.answers.size() > MAX_ANSWERS {
                        if is_alone {
                            return Ok(Written::Failed(too_much()));
                        }
                        is_alone = true;
                        flow.plan.lookup.clear();
                    }
                    flow.plan.gather(&incoming, &flow.builder, held);
                    self.look_up(flow)?;
                }
                Err(Refusal::Unavailable(absence)) => {
                    if replay.is_late() || replay.client.is_void() {
                        return Ok(Written::Away(format!("waits: {}", absence.reason)));
                    }
                    self.await_return(flow, absence)?;
                    self.lane.shared.say(flow.generation, Status::new(State::Running, "", ""));
                }
            }
        }
    }

    /// Has what was built applied, and the letters' partitions counted anew.
    fn send_letters(
        &mut self,
        flow: &mut Flow,
        slots: &Arc<[(Arc<str>, i32)]>,
        letters: &[&Letter],
        mail: &Mail,
    ) -> Result<Sent, Trouble> {
        let mut counted: BTreeMap<usize, Cursor> = BTreeMap::new();
        for (letter, outcome) in
            mail.iter().filter_map(|(at, outcome)| Some((*letters.get(*at)?, *outcome)))
        {
            let Some(at) = own(flow, letter) else { continue };
            let Some(cursor) = flow.cursors.get(at) else { continue };
            counted.entry(at).or_insert_with(|| cursor.clone()).replay(outcome);
        }
        let advances: Vec<Advance> = counted.values_mut().map(Cursor::advance).collect();
        flow.plan.forget_joined(&flow.builder);
        let mut unit = self.lane.empty_unit();
        unit.generation = flow.generation;
        unit.slots = slots.clone();
        unit.routes = flow.routes.clone();
        let names = &flow.plan.names;
        flow.builder.finish(&self.spec.name, names, advances.into_iter(), &mut unit);
        flow.plan.shed();
        let refused = self.send_messages(flow, &unit, letters, mail)?;
        if !refused.is_empty() {
            return Ok(Sent::Refused(refused));
        }
        match self.lane.replay(unit)? {
            Applied::Done => {
                for (at, cursor) in counted {
                    if let Some(place) = flow.cursors.get_mut(at) {
                        *place = cursor;
                    }
                }
                Ok(Sent::Done)
            }
            Applied::Gone => Ok(Sent::Gone),
            Applied::Clash(clashes) => {
                let refused = clashes.into_iter().filter_map(|clash| {
                    // Each letter has written something: at least that it is taken out.
                    let (at, _) = mail.get(clash.record as usize)?;
                    let problem = clash.problem;
                    Some((*at, RecordError { stage: Stage::Apply, route: None, problem }))
                });
                Ok(Sent::Refused(refused.collect()))
            }
            // The ledger stands elsewhere: the next session reads it, and goes on.
            _ => Err(Trouble::Recheck),
        }
    }

    /// Sends the messages of a unit, and waits until they are acknowledged: what Kafka refuses of them.
    fn send_messages(
        &mut self,
        flow: &mut Flow,
        unit: &Unit,
        letters: &[&Letter],
        mail: &Mail,
    ) -> Result<Vec<(usize, RecordError)>, Trouble> {
        if flow.builder.messages.is_empty() {
            return Ok(Vec::new());
        }
        let messages = std::mem::take(&mut flow.builder.messages);
        let refused = self.deliver(flow, unit, &messages)?;
        let of_letter = |(number, problem): (usize, crate::kafka::Problem)| {
            let message = messages.get(number)?;
            let (topic, partition) = unit.slots.get(message.record.slot)?;
            let is_it = |(at, _): &&(usize, Outcome)| {
                letters.get(*at).is_some_and(|letter| {
                    *letter.topic == **topic
                        && letter.partition == *partition
                        && letter.offset == message.record.offset
                })
            };
            let (at, _) = mail.iter().find(is_it)?;
            let problem = format!("topic '{}': {problem}", message.topic);
            Some((*at, RecordError { stage: Stage::Send, route: None, problem }))
        };
        Ok(refused.into_iter().filter_map(of_letter).collect())
    }
}

/// What became of a unit of letters.
enum Sent {
    Done,
    Gone,
    /// These are refused, by the letter's number: nothing was written.
    Refused(Vec<(usize, RecordError)>),
}

/// Whether Kafka was it that refused.
fn is_sent(refused: &[(usize, RecordError)]) -> bool {
    refused.iter().any(|(_, error)| error.stage == Stage::Send)
}

/// Takes into account what became of the first letters.
fn tell(
    replay: &mut Replay,
    letters: &[&Letter],
    taken: usize,
    mail: &Mail,
    failed: &[(usize, RecordError)],
) {
    for (_, outcome) in mail {
        match outcome {
            Outcome::Applied => replay.tally.replayed += 1,
            _ => replay.tally.filtered += 1,
        }
    }
    for (at, error) in failed {
        if let Some(letter) = letters.get(*at) {
            let stage = error.stage.name();
            let error = match &error.route {
                Some(_) => error.to_string(),
                None => format!("{stage}: {}", error.problem),
            };
            replay.fail(letter.place(), &error);
        }
    }
    letters.iter().take(taken).for_each(|letter| replay.pass(letter.id));
}

fn route_error(problem: String) -> RecordError {
    RecordError { stage: Stage::Route, route: None, problem }
}

fn incoming(letter: &Letter) -> Incoming<'_> {
    Incoming {
        topic: &letter.topic,
        partition: letter.partition,
        offset: letter.offset,
        timestamp: letter.timestamp,
        key: letter.key.as_deref(),
        value: letter.value.as_deref(),
        headers: letter,
    }
}

/// The slot of a letter's partition among those read here.
fn own(flow: &Flow, letter: &Letter) -> Option<usize> {
    let is_it = |(topic, partition): &(Arc<str>, i32)| {
        *partition == letter.partition && **topic == *letter.topic
    };
    flow.slots.iter().position(is_it)
}

/// The partitions of these letters.
fn slots_of(letters: &[&Letter]) -> Arc<[(Arc<str>, i32)]> {
    let mut slots: Vec<_> =
        letters.iter().map(|it| (Arc::from(it.topic.as_str()), it.partition)).collect();
    slots.sort_unstable();
    slots.dedup();
    slots.into()
}

fn slot_of(slots: &[(Arc<str>, i32)], letter: &Letter) -> usize {
    let wanted = (letter.topic.as_str(), letter.partition);
    slots.binary_search_by(|(topic, at)| (&**topic, *at).cmp(&wanted)).unwrap_or(0)
}
