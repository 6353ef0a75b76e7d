//! The fetch loop: batches in, units out.

use super::absence::Pace;
use super::gather::{Ahead, Gathered, Gathering, Place};
use super::letters::Letters;
use super::membership::{Others, Standings};
use super::outgoing::Outbox;
use super::plan::{Formats, Incoming, Plan, RecordError, Refusal, Stage};
use super::session::trouble_of;
use super::shared::{Control, RecordId};
use super::values::ValueSource;
use super::{Keep, StopCause, Trouble, UnitRecords, Worker};
use crate::format::Headers;
use crate::kafka::{Assignment, Batch, Event, Problem, ProblemKind, Record};
use crate::ledger::{Cursor, Outcome};
use crate::lookup::{Lookup, MAX_ANSWERS};
use crate::state::{State, Status};
use crate::unit::{Builder, GroupKind, RecordRef};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a fetch waits for the first record; bounds how late idle work is done.
pub(super) const FETCH_WAIT: Duration = Duration::from_millis(100);

/// A unit is closed when it holds this many bytes, however few its records.
pub(super) const UNIT_BYTES: usize = 1 << 20;

/// A unit is closed when it has taken about so many records, however many of them merge.
const UNIT_RECORDS: usize = 4096;

/// How often applied offsets are committed and lag is refreshed.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// What one session of fetching works with.
pub(super) struct Flow {
    pub(super) generation: u64,
    pub(super) cursors: Vec<Cursor>,
    pub(super) slots: Arc<[(Arc<str>, i32)]>,
    /// The names of the plan's routes, by number.
    pub(super) routes: Arc<[Arc<str>]>,
    /// Every partition of the subscription, also those of other members of its group.
    pub(super) known: Arc<[(Arc<str>, i32)]>,
    /// Where each slot stands among them, and in what is shown.
    pub(super) shown: Vec<usize>,
    pub(super) rebalances: u64,
    pub(super) others: Others,
    pub(super) plan: Plan,
    pub(super) builder: Builder,
    /// Records that the unit being built has taken.
    taken: usize,
    /// Whether `next` is filled.
    pub(super) ahead: Ahead,
    pub(super) next: Batch,
    pub(super) gathering: Gathering,
    /// A lookup whose buffers are free.
    pub(super) spare: Option<Box<Lookup>>,
    pub(super) letters: Letters,
    pub(super) outbox: Outbox,
    verdicts: Vec<(RecordId, RecordError)>,
    pub(super) committed: Vec<i64>,
    pub(super) committed_at: Instant,
    pub(super) ticked: Instant,
    pub(super) discovered: Instant,
}

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
            if let Err(trouble) = self.step(&mut flow, &mut batch) {
                self.lane.shared.set_partitions_read(0);
                self.commit(&mut flow);
                self.abandon_messages();
                return trouble;
            }
        }
    }

    fn flow(&mut self, control: &Control, standings: Standings) -> Result<Flow, Trouble> {
        let (known, rebalances) = (standings.known(), standings.share.rebalances());
        let letters = Letters::new(&self.spec.name, &self.spec.letters, standings.letters);
        let (shown, mut cursors) = standings.own();
        if self.consent.take_if(|(cause, _)| *cause == StopCause::Truncated).is_some() {
            cursors.iter_mut().for_each(Cursor::forget_epoch);
        }
        let outbox = self.open_outbox(control)?;
        let plan = self.plan(control)?;
        let assignments: Vec<_> = cursors
            .iter()
            .map(|cursor| Assignment {
                topic: cursor.topic.to_string(),
                partition: cursor.partition,
                next: cursor.next(),
                leader_epoch: cursor.epoch(),
            })
            .collect();
        self.connect()?.assign(&assignments).map_err(|failure| Trouble::Wait {
            reason: failure.to_string(),
            action: String::new(),
            connection: Keep::Reconnect,
        })?;
        let now = Instant::now();
        Ok(Flow {
            generation: control.generation,
            slots: cursors.iter().map(|cursor| (cursor.topic.clone(), cursor.partition)).collect(),
            routes: control.routes.iter().map(|route| Arc::from(route.name.as_str())).collect(),
            committed: vec![-1; cursors.len()],
            others: Others::new(&self.spec.membership),
            known,
            shown,
            rebalances,
            cursors,
            plan,
            builder: Builder::new(),
            taken: 0,
            ahead: Ahead::Nothing,
            next: Batch::new(),
            gathering: Gathering::Ahead,
            spare: None,
            outbox,
            letters,
            verdicts: control.verdicts.clone(),
            committed_at: now,
            ticked: now,
            discovered: now,
        })
    }

    fn plan(&mut self, control: &Control) -> Result<Plan, Trouble> {
        let schemas = self.schemas()?;
        let formats = Formats {
            key: self.spec.key,
            key_schemas: schemas.key,
            value: ValueSource {
                format: self.spec.value,
                envelope: self.spec.envelope,
                schemas: schemas.value,
            },
        };
        let encoders = self.encoders(control)?;
        Plan::with_encoders(formats, &control.routes, &encoders)
            .map_err(|error| self.mend_schemas(error.to_string()))
    }

    fn step(&mut self, flow: &mut Flow, batch: &mut Batch) -> Result<(), Trouble> {
        if self.lane.shared.generation() != flow.generation {
            return Err(Trouble::Changed);
        }
        self.make_way(flow)?;
        self.replay_some(flow)?;
        self.next_batch(flow, batch)?;
        let mut taken = 0;
        for (at, event) in batch.events().enumerate() {
            match event {
                Event::Record(record) => {
                    taken += 1;
                    self.take(flow, &record, Place::new(batch, at))?;
                }
                Event::Problem { slot, problem } => self.meet(flow, slot, &problem)?,
            }
        }
        batch.clear();
        // What a hash holds is asked again for every batch, unless it is known to be as it was.
        flow.plan.lookup.clear();
        let idle = taken == 0;
        let is_due = idle
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
            self.tick(flow, if idle { Pace::Idle } else { Pace::Busy })?;
        }
        Ok(())
    }

    /// One record: into the unit, or dealt with as its policy says.
    fn take(
        &mut self,
        flow: &mut Flow,
        record: &Record<'_>,
        mut place: Place<'_>,
    ) -> Result<(), Trouble> {
        let Some(cursor) = flow.cursors.get(record.slot) else { return Ok(()) };
        if cursor.has_passed(record.offset) {
            return Ok(());
        }
        if let Some(epoch) =
            cursor.epoch().filter(|epoch| (0..*epoch).contains(&record.leader_epoch))
        {
            let at = format!("{}/{}@{}", cursor.topic, cursor.partition, record.offset);
            let reason = format!(
                "{at}: written under leader epoch {}, before the ledger's {epoch} (the log was truncated)",
                record.leader_epoch
            );
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
                flow.plan.write(&incoming, &mut flow.builder, mark)
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
        flow.plan.forget_joined(&flow.builder);
        let mut unit = self.lane.empty_unit();
        unit.generation = flow.generation;
        unit.slots = flow.slots.clone();
        unit.routes = flow.routes.clone();
        let moved = flow.cursors.iter().filter(|cursor| cursor.has_moved());
        unit.timestamps.extend(moved.map(Cursor::timestamp));
        let moved =
            flow.cursors.iter_mut().filter(|cursor| cursor.has_moved()).map(Cursor::advance);
        flow.builder.finish(&self.spec.name, &flow.plan.names, moved, &mut unit);
        flow.plan.shed();
        self.dispatch(flow, unit)
    }

    /// Once all that was handed out is taken, control records and compacted tails behind it are
    /// passed too: the position moves only when records are handed out.
    fn pass_control_records(&mut self, flow: &mut Flow) {
        let Some(consumer) = &self.consumer else { return };
        for (slot, cursor) in flow.cursors.iter_mut().enumerate() {
            if let Some(position) = consumer.position(slot) {
                cursor.move_to(position);
            }
        }
    }

    fn meet(
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
    fn takes_more(self, taken: usize, flow: &Flow) -> bool {
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

impl Flow {
    /// Whether the unit being built moves any partition.
    pub(super) fn has_taken(&self) -> bool {
        self.cursors.iter().any(Cursor::has_moved)
    }

    /// Asks for what a record is joined with.
    pub(super) fn gather(&mut self, record: &Record<'_>) {
        let Some(cursor) = self.cursors.get(record.slot) else { return };
        if !cursor.has_passed(record.offset) {
            let headers = RecordHeaders(record);
            self.plan.gather(&incoming(cursor, record, &headers), &self.builder);
        }
    }
}

fn incoming<'a>(
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

struct RecordHeaders<'a>(&'a Record<'a>);

impl Headers for RecordHeaders<'_> {
    fn last(&self, name: &str) -> Option<&[u8]> {
        self.0.header(name.as_bytes()).flatten()
    }
}
