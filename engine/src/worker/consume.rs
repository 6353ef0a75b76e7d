//! The fetch loop: batches in, units out.

use super::absence::Pace;
use super::flow::Flow;
use super::gather::{Gathered, Place};
use super::membership::Standings;
use super::plan::{Incoming, RecordError, Refusal, Stage};
use super::session::trouble_of;
use super::shared::{Control, RecordId};
use super::{StopCause, Trouble, UnitRecords, Worker};
use crate::format::Headers;
use crate::kafka::{Batch, Event, Problem, ProblemKind, Record};
use crate::ledger::{Cursor, Outcome};
use crate::lookup::MAX_ANSWERS;
use crate::state::{State, Status};
use crate::unit::{GroupKind, RecordRef};
use std::time::{Duration, Instant};

/// How long a fetch waits for the first record; bounds how late idle work is done.
pub(super) const FETCH_WAIT: Duration = Duration::from_millis(100);

/// A unit is closed when it holds this many bytes, however few its records.
pub(super) const UNIT_BYTES: usize = 1 << 20;

/// A unit is closed when it has taken about so many records, however many of them merge.
const UNIT_RECORDS: usize = 4096;

/// How often applied offsets are committed and lag is refreshed.
pub(super) const TICK: Duration = Duration::from_secs(1);

impl Worker {
    /// Fetches and queues units until something ends the session.
    pub(super) fn consume(&mut self, control: &Control, standings: Standings) -> Trouble {
        let mut flow = match self.flow(control, standings) {
            Ok(flow) => flow,
            Err(trouble) => return trouble,
        };
        self.lane.shared.say(flow.generation, Status::new(State::Running, "", ""));
        self.lane.shared.set_partitions_read(flow.slots.len());
        let mut batch = Batch::new();
        loop {
            if let Err(trouble) = self.round(&mut flow, &mut batch) {
                self.lane.shared.set_partitions_read(0);
                self.commit(&mut flow);
                self.abandon_messages();
                return trouble;
            }
        }
    }

    /// A step for the subscription, then as much as is its share for a route that catches up.
    fn round(&mut self, flow: &mut Flow, batch: &mut Batch) -> Result<(), Trouble> {
        let began = Instant::now();
        let pace = self.step(flow, batch)?;
        self.catch_up(flow, pace, began.elapsed())
    }

    fn step(&mut self, flow: &mut Flow, batch: &mut Batch) -> Result<Pace, Trouble> {
        if self.lane.shared.generation() != flow.generation {
            return Err(Trouble::Changed);
        }
        self.make_way(flow)?;
        self.replay_some(flow)?;
        self.next_batch(flow, batch)?;
        let (mut taken, mut at) = (0, 0);
        while let Some(event) = batch.event(at) {
            match event {
                Event::Record(record) => {
                    taken += 1;
                    self.take(flow, &record, Place::new(batch, at))?;
                }
                Event::Problem { slot, problem } => self.meet(flow, slot, &problem)?,
            }
            at += 1;
        }
        batch.clear();
        // What a hash holds is asked again for every batch, unless it is known to be as it was.
        flow.plan.lookup.clear();
        let pace = if taken == 0 { Pace::Idle } else { Pace::Busy };
        let is_due = pace == Pace::Idle
            || self.lane.shared.is_asked()
            || flow.others.is_due()
            || flow.ticked.elapsed() >= TICK;
        // What is fetched ahead is handed out, and not taken.
        if is_due && flow.ahead.is_nothing() {
            self.pass_control_records(flow);
        }
        if is_due || !self.spec.unit_records.takes_more(taken, flow) {
            self.flush(flow)?;
        }
        self.release(flow)?;
        if is_due {
            self.tick(flow, pace)?;
        }
        Ok(pace)
    }

    /// One record: into the unit, or dealt with as its policy says.
    pub(super) fn take(
        &mut self,
        flow: &mut Flow,
        record: &Record<'_>,
        mut place: Place<'_>,
    ) -> Result<(), Trouble> {
        let Some(cursor) = flow.cursors.get(record.slot) else { return Ok(()) };
        if cursor.has_passed(record.offset) {
            return Ok(());
        }
        if let Some(reason) = truncated(cursor, record) {
            return self.stop_truncated(flow, reason);
        }
        let mut waited = false;
        let written = loop {
            match self.write(flow, record) {
                Err(Refusal::Unavailable(absence)) => {
                    self.await_return(flow, absence)?;
                    waited = true;
                }
                // The next try finds nothing of the unit, and asks anew.
                Err(Refusal::Undecided) => self.flush(flow)?,
                Err(Refusal::Unresolved) => match self.gather_again(flow, &mut place)? {
                    Gathered::Known => {}
                    Gathered::TooMuch => break Err(too_much()),
                },
                Err(Refusal::Record(error)) => break Err(error),
                Ok(outcome) => break Ok(outcome),
            }
        };
        if waited {
            self.lane.shared.say(flow.generation, Status::new(State::Running, "", ""));
        }
        let outcome = match written {
            Ok(outcome) => outcome,
            Err(error) => self.deal_with_bad(flow, record, error)?,
        };
        flow.taken += 1;
        if let Some(cursor) = flow.cursors.get_mut(record.slot) {
            cursor.take(
                record.offset,
                (record.leader_epoch >= 0).then_some(record.leader_epoch),
                outcome,
            );
            cursor.stamp(record.timestamp_ms);
        }
        self.send_singly(flow)?;
        // A command may fail by itself, and then it must be known whose it was.
        let has_written = matches!(outcome, Outcome::Applied | Outcome::DeadLettered);
        let is_alone = has_written && flow.plan.runs_commands();
        if is_alone || flow.builder.size() >= UNIT_BYTES {
            self.flush(flow)?;
        }
        Ok(())
    }

    /// One record into the unit, unless Redis or Kafka is known to refuse it.
    fn write(&mut self, flow: &mut Flow, record: &Record<'_>) -> Result<Outcome, Refusal> {
        let Some(cursor) = flow.cursors.get(record.slot) else { return Ok(Outcome::Filtered) };
        let mark =
            flow.builder.begin_record(RecordRef { slot: record.slot, offset: record.offset });
        let verdict = match flow.verdicts.is_empty() {
            true => None,
            false => verdict(&flow.verdicts, &cursor.topic, cursor.partition, record.offset),
        };
        match verdict {
            Some(error) => {
                flow.builder.roll_back(mark);
                Err(Refusal::Record(error))
            }
            None => {
                let headers = RecordHeaders(record);
                let incoming = incoming(cursor, record, &headers);
                let held = flow.late.held(record.slot);
                flow.plan.write_but(&incoming, &mut flow.builder, mark, held)
            }
        }
    }

    /// What was applied last is not what Kafka holds now.
    fn stop_truncated(&mut self, flow: &mut Flow, reason: String) -> Result<(), Trouble> {
        self.drain(flow)?;
        let action =
            format!("KAFKA.RESUME {} SKIP goes on with what Kafka holds now", self.spec.name);
        Err(self.stop_for(StopCause::Truncated, reason, action))
    }

    /// Queues what was built, if it writes or moves anything.
    pub(super) fn flush(&mut self, flow: &mut Flow) -> Result<(), Trouble> {
        flow.taken = 0;
        if !flow.has_taken() {
            return Ok(());
        }
        flow.mark_joined();
        flow.plan.forget_joined(&flow.builder);
        let mut unit = self.lane.empty_unit();
        unit.generation = flow.generation;
        unit.catches_up = flow.part.route().cloned();
        unit.slots = flow.slots.clone();
        unit.routes = flow.routes.clone();
        let moved = flow.cursors.iter().filter(|cursor| cursor.has_moved());
        unit.timestamps.extend(moved.map(Cursor::timestamp));
        let moved =
            flow.cursors.iter_mut().filter(|cursor| cursor.has_moved()).map(Cursor::advance);
        flow.builder.finish(&flow.ledger, &flow.plan.names, moved, &mut unit);
        flow.plan.shed();
        self.dispatch(flow, unit)
    }

    /// Once all that was handed out is taken, control records and compacted tails behind it are
    /// passed too: the position moves only when records are handed out.
    fn pass_control_records(&mut self, flow: &mut Flow) {
        let Ok(consumer) = self.reader(flow) else { return };
        for (slot, cursor) in flow.cursors.iter_mut().enumerate() {
            if let Some(position) = consumer.position(slot) {
                cursor.move_to(position);
            }
        }
    }

    pub(super) fn meet(
        &mut self,
        flow: &mut Flow,
        slot: Option<usize>,
        problem: &Problem,
    ) -> Result<(), Trouble> {
        let at = slot
            .and_then(|slot| flow.slots.get(slot))
            .map_or(String::new(), |(topic, partition)| format!("{topic}/{partition}: "));
        match problem.kind {
            // The next session's look at the ledger and the topics says what is wrong, with figures.
            ProblemKind::OutOfRange | ProblemKind::TopicGone => {
                self.drain(flow)?;
                Err(Trouble::Recheck)
            }
            // librdkafka goes on behind an unreadable batch, and so does whoever reads on after it.
            ProblemKind::Unreadable => {
                self.drain(flow)?;
                let action = format!("see Kafka's log, then KAFKA.RESUME {}", self.spec.name);
                Err(self.stop(format!("{at}{problem}"), action))
            }
            ProblemKind::Truncated => self.stop_truncated(flow, format!("{at}{problem}")),
            ProblemKind::Other if slot.is_some() => {
                self.drain(flow)?;
                Err(trouble_of(problem))
            }
            ProblemKind::Fatal
            | ProblemKind::Fenced
            | ProblemKind::Authentication
            | ProblemKind::Tls => Err(trouble_of(problem)),
            ProblemKind::Authorization | ProblemKind::Transport | ProblemKind::Other => {
                self.lane.shared.set_last_error(format!("{at}{problem}"));
                Ok(())
            }
        }
    }
}

impl UnitRecords {
    /// Records fetched at once, at most.
    pub(super) fn batch(self) -> usize {
        let (UnitRecords::AtMost(records) | UnitRecords::Entries(records)) = self;
        records
    }

    /// Whether the unit takes a further batch behind one of so many records.
    pub(super) fn takes_more(self, taken: usize, flow: &Flow) -> bool {
        match self {
            UnitRecords::AtMost(_) => false,
            UnitRecords::Entries(entries) => {
                let is_full = flow.taken + entries > UNIT_RECORDS;
                taken >= entries
                    && !is_full
                    && flow.builder.load() < entries * GroupKind::Stream.load()
            }
        }
    }
}

/// A record as a plan takes it.
pub(super) fn incoming<'a>(
    cursor: &'a Cursor,
    record: &Record<'a>,
    headers: &'a RecordHeaders<'a>,
) -> Incoming<'a> {
    Incoming {
        topic: &cursor.topic,
        partition: cursor.partition,
        offset: record.offset,
        timestamp: record.timestamp_ms,
        key: record.key,
        value: record.value,
        headers,
    }
}

/// Why a record cannot be of the log that was read so far; none where it can.
#[inline]
fn truncated(cursor: &Cursor, record: &Record<'_>) -> Option<String> {
    let epoch = cursor.epoch().filter(|epoch| (0..*epoch).contains(&record.leader_epoch))?;
    let Record { offset, leader_epoch, .. } = record;
    Some(format!(
        "{}/{}@{offset}: written under leader epoch {leader_epoch}, before the ledger's {epoch} (the log was truncated)",
        cursor.topic, cursor.partition
    ))
}

pub(super) fn too_much() -> RecordError {
    let problem = format!("its joins read more than {MAX_ANSWERS} bytes of hashes");
    RecordError { stage: Stage::Route, route: None, problem }
}

fn verdict(
    verdicts: &[(RecordId, RecordError)],
    topic: &str,
    partition: i32,
    offset: i64,
) -> Option<RecordError> {
    let found = verdicts
        .iter()
        .find(|(id, _)| id.offset == offset && id.partition == partition && *id.topic == *topic);
    found.map(|(_, error)| error.clone())
}

/// A record's headers, by name.
pub(super) struct RecordHeaders<'a>(pub(super) &'a Record<'a>);

impl Headers for RecordHeaders<'_> {
    fn last(&self, name: &str) -> Option<&[u8]> {
        self.0.header(name.as_bytes()).flatten()
    }
}
