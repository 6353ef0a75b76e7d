//! KAFKA.SEEK: at the beginning of a session, before the ledger is held against Kafka, one unit
//! moves the ledger and nothing else.
//!
//! What a seek asks for is looked up anew in every session until its unit is applied: a unit that
//! was stale, because somebody else moved the ledger meanwhile, or void, because something was
//! changed, has done nothing.

use super::gap::{Misfit, misfit_of};
use super::lane::Changed;
use super::session::ASK;
use super::shared::{Control, Wanted};
use super::{RouteSpec, Trouble, Worker};
use crate::applier::Positions;
use crate::command::{CommandError, Force, Seek};
use crate::kafka::{Commit, Consumer, Failure, Position, TopicInfo, Watermarks};
use crate::ledger::{Advance, Expected, Standing};
use crate::state::{State, Status};
use crate::target::Repeat;
use crossbeam_channel::RecvTimeoutError;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// So many partitions are told one by one.
const TOLD: usize = 20;

/// How often it is looked whether anybody still waits for a unit to be applied.
const LOOK: Duration = Duration::from_millis(50);

/// How long questions that fail for what heals by itself are asked again: a second less than the
/// client waits, so that it hears what was the matter.
const RETRIED: Duration = Duration::from_secs(9);

/// How long between two such tries.
const AGAIN: Duration = Duration::from_millis(200);

/// Who hears what became of a seek.
pub trait Hearer: Send {
    /// Whether nobody waits any more: what was not done by then is left undone.
    fn is_gone(&self) -> bool;

    /// Tells it, at most once.
    fn tell(self: Box<Self>, answer: Result<String, CommandError>);
}

/// A seek that was asked for.
pub struct SeekRequest {
    /// What is wanted.
    pub wanted: Seek,
    /// Who is to hear of it.
    pub hearer: Box<dyn Hearer>,
}

/// A seek on its way.
pub(super) struct Underway {
    request: SeekRequest,
    /// When to give up asking Kafka.
    until: Instant,
    /// The unit that was sent for it.
    sent: Option<Sent>,
}

struct Sent {
    moves: Vec<Move>,
    /// Units applied before it. Nothing else is sent before it is known what became of it.
    applied: u64,
}

/// One partition's step.
struct Move {
    from: i64,
    to: i64,
    /// Offsets that are passed over; negative: that are read again.
    passed: i64,
    advance: Advance,
}

/// Whether the ledger is on its way to somewhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    /// It is to be read again.
    Yes,
    No,
}

/// Why a seek cannot be done.
enum Refused {
    /// It is to be asked for in another way.
    Request(CommandError),
    /// Something else is the matter.
    Trouble(Trouble),
}

impl From<Changed> for Refused {
    fn from(changed: Changed) -> Refused {
        Refused::Trouble(changed.into())
    }
}

impl From<CommandError> for Refused {
    fn from(error: CommandError) -> Refused {
        Refused::Request(error)
    }
}

/// How long Kafka is asked.
#[derive(Debug, Clone, Copy)]
struct Limit {
    until: Instant,
    /// Another generation of the lane ends it as well.
    generation: u64,
}

/// A partition that may be moved, and what Kafka has of it.
struct Place<'a> {
    topic: &'a TopicInfo,
    partition: i32,
    standing: Standing,
    marks: Watermarks,
}

impl Worker {
    /// Takes over what was asked for since the last session.
    pub(super) fn take_seeks(&mut self) {
        let asked = self.lane.shared.take_seeks();
        let until = Instant::now() + RETRIED;
        let underway = |request| Underway { request, until, sent: None };
        self.seeks.extend(asked.into_iter().map(underway));
    }

    /// Whether somebody waits for a seek.
    pub(super) fn is_to_seek(&mut self) -> bool {
        self.take_seeks();
        !self.seeks.is_empty()
    }

    /// Answers those whose unit was applied, and sends the next one's.
    pub(super) fn seek(
        &mut self,
        control: &Control,
        topics: &[TopicInfo],
        positions: &Positions,
    ) -> Result<Moved, Trouble> {
        while let Some(mut underway) = self.seeks.pop_front() {
            // The ledger was read behind the unit, so whatever became of it has been counted.
            let applied = self.lane.shared.units.applied.load(Ordering::Acquire);
            if let Some(sent) = underway.sent.take().filter(|sent| applied > sent.applied) {
                self.leave_stop(control);
                self.commit_moves(&sent.moves);
                underway.request.hearer.tell(Ok(told(&sent.moves)));
                continue;
            }
            if underway.request.hearer.is_gone() {
                continue;
            }
            match self.moves(&underway, control, topics, positions) {
                Err(Refused::Request(error)) => underway.request.hearer.tell(Err(error)),
                Err(Refused::Trouble(trouble)) => {
                    self.seeks.push_front(underway);
                    return Err(trouble);
                }
                Ok(moves) => {
                    let advances = moves.iter().map(|it| it.advance.clone()).collect();
                    underway.sent = Some(Sent { moves, applied });
                    self.seeks.push_front(underway);
                    self.send_advances(control, advances, positions)?;
                    self.await_applied(control)?;
                    return Ok(Moved::Yes);
                }
            }
        }
        Ok(Moved::No)
    }

    /// Nobody who asks from now on, such as a WAIT, may hear of a stop at the former place.
    fn leave_stop(&self, control: &Control) {
        let shared = &self.lane.shared;
        if control.wanted == Wanted::Run && shared.status().state == State::Stopped {
            shared.say(control.generation, Status::new(State::Waiting, "resuming", ""));
        }
    }

    /// Waits until the unit sent last is dealt with. Voids it where nobody waits any more: who was
    /// told that there is no answer must not be surprised later.
    fn await_applied(&mut self, control: &Control) -> Result<(), Changed> {
        let answer = self.lane.ask_positions(control.generation)?;
        loop {
            match answer.recv_timeout(LOOK) {
                Ok(_) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(Changed),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let shared = &self.lane.shared;
            let is_wanted =
                self.seeks.front().is_some_and(|underway| !underway.request.hearer.is_gone());
            if !is_wanted {
                shared.change(|_| {});
            }
            if shared.generation() != control.generation {
                return Err(Changed);
            }
        }
    }

    /// Tells all who wait what keeps the session from going as far as to seek.
    pub(super) fn refuse_seeks(&mut self, trouble: &Trouble) {
        let (Trouble::Wait { reason, action, .. } | Trouble::Stop { reason, action, .. }) = trouble
        else {
            return;
        };
        let error = CommandError::new(reason.clone());
        let error = if action.is_empty() { error } else { error.hint(action.clone()) };
        self.tell_all(&error);
    }

    /// Gives all who wait the same answer.
    pub(super) fn tell_all(&mut self, error: &CommandError) {
        self.take_seeks();
        for underway in self.seeks.drain(..) {
            underway.request.hearer.tell(Err(error.clone()));
        }
    }

    /// The group's commit follows, also where nothing is consumed now.
    fn commit_moves(&self, moves: &[Move]) {
        let commit = |it: &'_ Move| (it.advance.topic.clone(), it.advance.partition, it.to);
        let moved: Vec<_> = moves.iter().map(commit).collect();
        let offsets: Vec<Commit<'_>> = moved
            .iter()
            .map(|(topic, partition, next)| Commit {
                topic,
                partition: *partition,
                next: *next,
                leader_epoch: None,
            })
            .collect();
        if let Err(failure) = self.hand_over(&offsets) {
            log::warn!("subscription {}: {failure}", self.spec.name);
        }
    }

    /// The step of every partition that is to move.
    fn moves(
        &mut self,
        underway: &Underway,
        control: &Control,
        topics: &[TopicInfo],
        positions: &Positions,
    ) -> Result<Vec<Move>, Refused> {
        let wanted = &underway.request.wanted;
        let limit = Limit { until: underway.until, generation: control.generation };
        let mut places = self.places(wanted, limit, topics, positions)?;
        let targets = self.targets(&wanted.position, limit, &places)?;
        // Others may move the ledger all the time: the less time between look and unit, the better.
        let fresh = self.lane.load(control.generation)?;
        for place in &mut places {
            let known =
                fresh.as_ref().ok().and_then(|it| it.get(&place.topic.name, place.partition));
            let standing = known.and_then(|known| known.standing.as_ref().ok());
            place.standing = *standing.ok_or(Refused::Trouble(Trouble::Recheck))?;
        }
        let mut moves = Vec::with_capacity(places.len());
        for (place, to) in places.iter().zip(targets) {
            moves.push(place.step(&wanted.position, to)?);
        }
        if wanted.force == Force::No {
            refuse_doubles(&moves, &control.routes)?;
        }
        Ok(moves)
    }

    /// The partitions that are meant, and what Kafka has of them.
    fn places<'t>(
        &mut self,
        wanted: &Seek,
        limit: Limit,
        topics: &'t [TopicInfo],
        positions: &Positions,
    ) -> Result<Vec<Place<'t>>, Refused> {
        let is_meant = |topic: &TopicInfo, at: i32| match &wanted.partition {
            None => true,
            Some((name, partition)) => *name == topic.name && *partition == at,
        };
        let mut found = Vec::new();
        for topic in topics {
            for &partition in topic.partitions.iter().filter(|at| is_meant(topic, **at)) {
                let known = positions.get(&topic.name, partition);
                if let Some(standing) = known.and_then(|known| known.standing.as_ref().ok()) {
                    found.push((topic, partition, *standing));
                }
            }
        }
        if let (Some((topic, partition)), true) = (&wanted.partition, found.is_empty()) {
            let known = topics.iter().find(|known| known.name == *topic);
            let names = topics.iter().map(|known| known.name.as_str());
            let error = known.map(|known| unknown_partition(wanted, *partition, known));
            return Err(error.unwrap_or_else(|| wanted.unknown_topic(topic, names)).into());
        }
        let names: Vec<_> = found.iter().map(|(topic, at, _)| (topic.name.as_str(), *at)).collect();
        let marks =
            self.ask_within(limit, |consumer, time| consumer.all_watermarks(&names, time / 2))?;
        Ok(found
            .into_iter()
            .zip(marks)
            .map(|((topic, partition, standing), marks)| Place {
                topic,
                partition,
                standing,
                marks,
            })
            .collect())
    }

    /// The offset that a position means in each partition.
    fn targets(
        &mut self,
        position: &Position,
        limit: Limit,
        places: &[Place<'_>],
    ) -> Result<Vec<i64>, Refused> {
        let names: Vec<_> =
            places.iter().map(|it| (it.topic.name.as_str(), it.partition)).collect();
        let marks: Vec<_> = places.iter().map(|it| it.marks).collect();
        let found = self.ask_within(limit, |consumer, time| {
            consumer.offsets_of(position, &names, &marks, time)
        })?;
        let one = |(place, found): (&Place<'_>, Option<i64>)| {
            found.ok_or_else(|| {
                let group = &self.spec.group;
                let problem =
                    format!("the group {group} has committed nothing of {}", place.name());
                let error = CommandError::new(problem);
                error.hint("seek to EARLIEST, LATEST, OFFSET n or TIMESTAMP t").into()
            })
        };
        places.iter().zip(found).map(one).collect()
    }

    /// Asks Kafka, and again where that fails for what heals by itself, as just after a broker's start.
    fn ask_within<T>(
        &mut self,
        limit: Limit,
        question: impl Fn(&mut Consumer, Duration) -> Result<T, Failure>,
    ) -> Result<T, Refused> {
        loop {
            let left = limit.until.saturating_duration_since(Instant::now());
            // With no time at all nobody could answer.
            let time = ASK.min(left).max(AGAIN);
            let consumer = self.connect().map_err(Refused::Trouble)?;
            match question(consumer, time) {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.problem.heals_itself() && left > AGAIN => {
                    log::info!("subscription {} seeks again: {failure}", self.spec.name);
                    self.lane.shared.wait_change(limit.generation, AGAIN);
                    if self.lane.shared.generation() != limit.generation {
                        return Err(Changed.into());
                    }
                }
                Err(failure) => return Err(Refused::Trouble(self.explain(&failure))),
            }
        }
    }
}

impl Place<'_> {
    fn name(&self) -> String {
        format!("{}/{}", self.topic.name, self.partition)
    }

    /// The step to an offset, which Kafka must have.
    fn step(&self, position: &Position, to: i64) -> Result<Move, CommandError> {
        let Watermarks { earliest, end } = self.marks;
        if !(earliest..=end).contains(&to) {
            let shown = match position {
                Position::Committed => format!("COMMITTED, which is {to},"),
                other => other.to_string(),
            };
            let problem =
                format!("{shown} is not in {}, which holds {earliest} to {end}", self.name());
            return Err(CommandError::new(problem)
                .hint("take an offset in between, EARLIEST or LATEST, or name one partition"));
        }
        let from = self.standing.next;
        let known = match misfit_of(&self.standing, self.topic, self.marks) {
            // Records of another topic, or of another end of the log, are none that were read.
            Some(Misfit::Recreated) => earliest,
            Some(Misfit::Beyond) => end,
            Some(Misfit::Retention) | None => from,
        };
        let passed = match self.standing.counters.consumed {
            // Whatever lies before, nothing of it was written.
            0 => (to - known).max(0),
            _ => to - known,
        };
        let standing = Standing { next: to, epoch: None, topic_id: self.topic.id, ..self.standing };
        Ok(Move {
            from,
            to,
            passed,
            advance: Advance {
                topic: Arc::from(self.topic.name.as_str()),
                partition: self.partition,
                expected: Expected::Next(from),
                standing,
            },
        })
    }
}

/// Refuses to read records again that routes would write twice.
fn refuse_doubles(moves: &[Move], routes: &[RouteSpec]) -> Result<(), CommandError> {
    let Some(back) = moves.iter().find(|it| it.passed < 0) else { return Ok(()) };
    let doubling: Vec<String> = routes.iter().filter_map(RouteSpec::doubles).collect();
    if doubling.is_empty() {
        return Ok(());
    }
    let Advance { topic, partition, .. } = &back.advance;
    let problem = format!(
        "{topic}/{partition} would go back from {} to {}, and what is read again is written twice: {}",
        back.from,
        back.to,
        bounded(&doubling)
    );
    Err(CommandError::new(problem).hint("add FORCE to go back all the same"))
}

impl RouteSpec {
    /// What this route does twice with a record that is read again; none where it writes the same.
    pub(super) fn doubles(&self) -> Option<String> {
        let name = &self.name;
        if let Repeat::Doubles(what) = self.target.repeat() {
            return Some(format!("route '{name}' {what}"));
        }
        let aggregates = self.selection.iter().flat_map(|selection| selection.aggregates());
        let mut sums = aggregates.filter(|aggregate| aggregate.function().adds_up());
        sums.next().map(|first| format!("route '{name}' adds up {}", first.name()))
    }
}

fn unknown_partition(wanted: &Seek, partition: i32, known: &TopicInfo) -> CommandError {
    let (first, last) = (known.partitions.first(), known.partitions.last());
    let (first, last) = (first.copied().unwrap_or(0), last.copied().unwrap_or(0));
    let problem = format!("'{}' has no partition {partition} of '{}'", wanted.name, known.name);
    CommandError::new(problem).at(3).hint(format!("it has {first} to {last}"))
}

fn bounded(words: &[String]) -> String {
    let more = words.len().saturating_sub(TOLD);
    let told = words.get(..TOLD).unwrap_or(words).join(", ");
    if more > 0 { format!("{told}, {more} more") } else { told }
}

/// `OK topic/0: 812 → 100, topic/1: 5 → 9; 712 offsets are read again, 4 offsets are passed over`
fn told(moves: &[Move]) -> String {
    let step = |it: &Move| {
        let Advance { topic, partition, .. } = &it.advance;
        format!("{topic}/{partition}: {} → {}", it.from, it.to)
    };
    let steps: Vec<String> = moves.iter().map(step).collect();
    let back: i64 = moves.iter().map(|it| (-it.passed).max(0)).sum();
    let over: i64 = moves.iter().map(|it| it.passed.max(0)).sum();
    let mut line = format!("OK {}", bounded(&steps));
    match (back, over) {
        (0, 0) => {}
        (back, 0) => line += &format!("; {} read again", are(back)),
        (0, over) => line += &format!("; {} passed over", are(over)),
        (back, over) => {
            line += &format!("; {} read again, {} passed over", are(back), are(over));
        }
    }
    line
}

/// `1 offset is`, `2 offsets are`
fn are(offsets: i64) -> String {
    if offsets == 1 { "1 offset is".to_owned() } else { format!("{offsets} offsets are") }
}
