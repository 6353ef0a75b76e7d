//! The start of a session: which partitions there are, where each one stands, and what the ledger still lacks.

use super::catch_up::write_listing;
use super::gap::{Gap, Misfit, jump, misfit_of};
use super::membership::{Share, Standings};
use super::seek::Moved;
use super::shared::{Control, Wanted};
use super::{BACKOFF, Keep, StopCause, Trouble, Worker};
use crate::applier::{Known, Positions};
use crate::kafka::{
    Failure, Position, Problem, ProblemKind, TopicId, TopicInfo, TopicsError, Watermarks,
};
use crate::ledger::{Advance, Cursor, Expected, Listing, Standing, known_key};
use crate::record::Names;
use crate::state::{Settles, State, Status};
use crate::unit::Builder;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the broker may take to answer one question.
pub(super) const ASK: Duration = Duration::from_secs(5);

/// The same for the first one, so that SUBSCRIBE hears within its 2 s what is wrong.
const FIRST_ASK: Duration = Duration::from_millis(1500);

/// How long a ledger may stand beyond the end before it counts as truncation: a
/// new leader may know of fewer records for a moment.
const BEYOND: Duration = Duration::from_secs(10);

impl Worker {
    /// Runs until something ends it.
    pub(super) fn session(&mut self, control: &Control) -> Trouble {
        match self.begin(control) {
            Ok(standings) => self.continue_with(control, standings),
            Err(trouble) => {
                self.refuse_seeks(&trouble);
                trouble
            }
        }
    }

    /// Does what KAFKA.SEEK asks for where nothing is to be consumed, whatever the reason.
    pub(super) fn seek_while_held(&mut self, control: &Control) {
        if self.is_to_seek()
            && let Err(trouble) = self.begin(control)
        {
            self.refuse_seeks(&trouble);
        }
    }

    fn begin(&mut self, control: &Control) -> Result<Standings, Trouble> {
        self.take_seeks();
        let topics = self.discover()?;
        self.learn_type(&topics)?;
        loop {
            // Before the ledger is read: whoever had them is done with them by then.
            let share = self.share()?;
            let positions = self
                .lane
                .load(control.generation)?
                .map_err(|problem| self.stop(problem, "mend it, then KAFKA.RESUME"))?;
            // Whatever is found next, people see where the ledger stands.
            self.show(&standing_cursors(&positions));
            let missing = self.missing(&topics, &positions)?;
            let mut advances = Vec::new();
            if missing.is_empty() {
                // Before it is held against Kafka: a seek is a way out of what does not fit.
                if self.seek(control, &topics, &positions)? == Moved::Yes {
                    continue;
                }
                self.check(&topics, &positions, &share, &mut advances)?;
            } else {
                self.register(control, &topics, &positions, &missing, &mut advances)?;
            }
            if advances.is_empty() {
                let letters = positions.letters;
                return Ok(Standings { all: self.cursors(&topics, &positions)?, share, letters });
            }
            self.send_advances(control, advances, &positions)?;
            // What was accepted is on its way; another gap is another question.
            self.consent.take_if(|(cause, _)| matches!(cause, StopCause::Gaps(_)));
        }
    }

    fn discover(&mut self) -> Result<Vec<TopicInfo>, Trouble> {
        self.ask_topics()?.map_err(|error| broker_trouble(&error))
    }

    pub(super) fn ask_topics(&mut self) -> Result<Result<Vec<TopicInfo>, TopicsError>, Trouble> {
        let wanted = self.spec.topics.clone();
        let is_first = self.lane.shared.greeting().is_none();
        let topics = self.connect()?.topics(&wanted, if is_first { FIRST_ASK } else { ASK });
        match &topics {
            Ok(_) | Err(TopicsError::Missing { .. } | TopicsError::Authorization { .. }) => {
                self.lane.shared.found_contact();
            }
            Err(error) => self.lane.shared.lost_contact(error.to_string()),
        }
        Ok(topics)
    }

    /// Partitions that Kafka has and the ledger does not know yet.
    fn missing(
        &self,
        topics: &[TopicInfo],
        positions: &Positions,
    ) -> Result<Vec<(Arc<str>, i32)>, Trouble> {
        for known in &positions.partitions {
            if let Err(fault) = &known.standing {
                let reason = format!("the ledger of {}/{} {fault}", known.topic, known.partition);
                return Err(self.stop(reason, super::lane::LEDGER_WAY_OUT));
            }
        }
        let unknown = topics.iter().flat_map(|topic| {
            let name: Arc<str> = topic.name.as_str().into();
            topic.partitions.iter().map(move |&partition| (name.clone(), partition))
        });
        Ok(unknown
            .filter(|(topic, partition)| positions.get(topic, *partition).is_none())
            .collect())
    }

    /// Resolves where new partitions start: START for the subscription's first ones, EARLIEST for later ones.
    fn register(
        &mut self,
        control: &Control,
        topics: &[TopicInfo],
        positions: &Positions,
        missing: &[(Arc<str>, i32)],
        advances: &mut Vec<Advance>,
    ) -> Result<(), Trouble> {
        let first = positions.partitions.is_empty();
        let start = if first { self.spec.start } else { Position::Earliest };
        if first && start != Position::Committed {
            self.refuse_orphaned_commits(control, missing)?;
        }
        let since = jiff::Timestamp::now().as_millisecond();
        for (topic, partition) in missing {
            let next = self.resolve(&start, topic, *partition)?;
            let id = topics
                .iter()
                .find(|info| *info.name == **topic)
                .map_or(TopicId::UNKNOWN, |info| info.id);
            let (topic, partition) = (topic.clone(), *partition);
            advances.push(Advance {
                topic,
                partition,
                expected: Expected::Absent { since },
                standing: Standing::start(next, id),
            });
        }
        Ok(())
    }

    /// A commit without a ledger means that Redis lost what this subscription had applied.
    fn refuse_orphaned_commits(
        &mut self,
        control: &Control,
        missing: &[(Arc<str>, i32)],
    ) -> Result<(), Trouble> {
        let group = self.spec.group.clone();
        let name = self.spec.name.clone();
        let partitions: Vec<_> =
            missing.iter().map(|(topic, partition)| (&**topic, *partition)).collect();
        let committed = self
            .connect()?
            .committed(&partitions, ASK)
            .map_err(|failure| self.explain(&failure))?;
        let found = committed
            .iter()
            .zip(&partitions)
            .find_map(|(offset, (topic, partition))| Some((topic, partition, (*offset)?)));
        let Some((topic, partition, offset)) = found else { return Ok(()) };
        if self.lane.load(control.generation)?.is_ok_and(|now| !now.partitions.is_empty()) {
            // Another member of the group has begun since the ledger was read.
            return Err(Trouble::Recheck);
        }
        let reason = format!(
            "the consumer group {group} has committed {topic}/{partition} up to {offset}, but Redis holds no ledger (flushed, or an older dump)"
        );
        let action = format!(
            "restore Redis, or go on there: KAFKA.SUBSCRIBE {name} REPLACE … START COMMITTED, or begin anew: KAFKA.UNSUBSCRIBE {name} and subscribe again"
        );
        Err(self.stop(reason, action))
    }

    fn resolve(&mut self, start: &Position, topic: &str, partition: i32) -> Result<i64, Trouble> {
        let marks = self.watermarks(topic, partition)?;
        if let Position::Offset(offset) = start
            && !(marks.earliest..=marks.end).contains(offset)
        {
            let Watermarks { earliest, end } = marks;
            let reason = format!(
                "START OFFSET {offset} is not in {topic}/{partition}, which holds {earliest} to {end}"
            );
            return Err(self.stop(reason, "KAFKA.SUBSCRIBE … REPLACE with another START"));
        }
        let found = self.connect()?.offsets_of(start, &[(topic, partition)], &[marks], ASK);
        let found = found.map_err(|failure| self.explain(&failure))?;
        Ok(found.first().copied().flatten().unwrap_or(marks.earliest))
    }

    pub(super) fn watermarks(
        &mut self,
        topic: &str,
        partition: i32,
    ) -> Result<Watermarks, Trouble> {
        let marks = self.connect()?.watermarks(topic, partition, ASK);
        marks.map_err(|failure| self.explain(&failure))
    }

    /// What a failed question means. A time-out's cause is what the connection last complained of.
    pub(super) fn explain(&self, failure: &Failure) -> Trouble {
        let last = || self.consumer.as_ref()?.last_problem();
        match failure.problem.kind {
            ProblemKind::Transport => {
                let cause = last().unwrap_or_else(|| failure.problem.clone());
                let error = match cause.kind {
                    ProblemKind::Authentication | ProblemKind::Tls => TopicsError::Refused(cause),
                    _ => TopicsError::Unreachable(cause),
                };
                self.lane.shared.lost_contact(error.to_string());
                broker_trouble(&error)
            }
            _ => trouble_of(&failure.problem),
        }
    }

    /// Holds the ledger against what Kafka has: topics made anew, records lost to retention, truncated logs.
    fn check(
        &mut self,
        topics: &[TopicInfo],
        positions: &Positions,
        share: &Share,
        advances: &mut Vec<Advance>,
    ) -> Result<(), Trouble> {
        let (mut beyond, mut told, mut gaps) = (None, Vec::new(), Vec::new());
        for known in &positions.partitions {
            let Ok(standing) = &known.standing else { continue };
            if !share.includes(&known.topic, known.partition) {
                continue;
            }
            let Some(topic) = topics.iter().find(|topic| {
                topic.name == known.topic && topic.partitions.contains(&known.partition)
            }) else {
                continue;
            };
            let marks = self.watermarks(&known.topic, known.partition)?;
            let Some(misfit) = misfit_of(standing, topic, marks) else { continue };
            let (name, partition, next) = (known.topic.clone(), known.partition, standing.next);
            let gap = Gap { topic: name, partition, next, misfit };
            let description = misfit.describe(known, standing, marks);
            if self.accepts(&gap) {
                log::warn!("subscription {} goes on by command: {description}", self.spec.name);
                advances.push(jump(known, standing, topic, marks));
            } else if misfit == Misfit::Beyond && self.is_recent() {
                beyond = Some(description);
            } else {
                told.push(description);
                gaps.push(gap);
            }
        }
        if !gaps.is_empty() {
            let action =
                format!("KAFKA.RESUME {} SKIP goes on with what Kafka has", self.spec.name);
            return Err(self.stop_for(StopCause::Gaps(gaps), told.join("; "), action));
        }
        match beyond {
            Some(reason) => Err(Trouble::wait(reason, "")),
            None => {
                self.beyond_since = None;
                Ok(())
            }
        }
    }

    /// Whether a ledger beyond the end was seen only a moment ago for the first time.
    fn is_recent(&mut self) -> bool {
        self.beyond_since.get_or_insert_with(Instant::now).elapsed() < BEYOND
    }

    pub(super) fn stop(&self, reason: impl Into<String>, action: impl Into<String>) -> Trouble {
        let (reason, action) = (reason.into(), action.into());
        Trouble::Stop { reason, action, settles: Settles::Nothing }
    }

    /// A stop that RESUME can settle.
    pub(super) fn stop_for(
        &mut self,
        cause: StopCause,
        reason: impl Into<String>,
        action: impl Into<String>,
    ) -> Trouble {
        let settles = cause.settles();
        self.stopped = Some(cause);
        Trouble::Stop { reason: reason.into(), action: action.into(), settles }
    }

    /// Sends a unit that only moves the ledger. Of a topic that was made anew, the list keeps where
    /// the new one begins.
    pub(super) fn send_advances(
        &mut self,
        control: &Control,
        advances: Vec<Advance>,
        positions: &Positions,
    ) -> Result<(), Trouble> {
        let mut unit = self.lane.empty_unit();
        unit.generation = control.generation;
        let (mut builder, mut names) = (Builder::new(), Names::default());
        for Advance { topic, partition, standing, .. } in &advances {
            let Some(known) = positions.get(topic, *partition) else { continue };
            let was = known.standing.as_ref().map_or(TopicId::UNKNOWN, |was| was.topic_id);
            if was.is_known() && was != standing.topic_id {
                let listing = Listing { start: Some(standing.next), ..known.listing };
                let list = known_key(&self.spec.name);
                write_listing(&mut builder, &mut names, &list, (topic, *partition), &listing);
            }
        }
        builder.finish(&self.spec.name, &names, advances.into_iter(), &mut unit);
        self.lane.send(unit)?;
        Ok(())
    }

    /// Cursors for all partitions that both Kafka and the ledger have, in a stable order.
    fn cursors(&self, topics: &[TopicInfo], positions: &Positions) -> Result<Vec<Cursor>, Trouble> {
        let mut cursors = Vec::new();
        for topic in topics {
            let name: Arc<str> = topic.name.as_str().into();
            for &partition in &topic.partitions {
                let known = positions
                    .get(&topic.name, partition)
                    .and_then(|known| known.standing.as_ref().ok());
                let Some(standing) = known else { return Err(Trouble::Recheck) };
                let mut standing = *standing;
                if !standing.topic_id.is_known() {
                    // The broker could not tell when the ledger was made; the next unit writes it.
                    standing.topic_id = topic.id;
                }
                cursors.push(Cursor::new(name.clone(), partition, standing));
            }
        }
        Ok(cursors)
    }

    fn continue_with(&mut self, control: &Control, standings: Standings) -> Trouble {
        self.backoff = BACKOFF.0;
        self.show(&standings.all);
        self.lane.shared.greet(Ok(()));
        self.lane.wake_applier();
        match control.wanted {
            Wanted::Run if !control.routes.is_empty() => self.begin_to_consume(control, standings),
            Wanted::Run => {
                let action = format!("KAFKA.ROUTE name FROM {} TO …", self.spec.name);
                self.stay(control, Status::new(State::Waiting, "no route yet", action), &standings)
            }
            _ => {
                let action = format!("KAFKA.RESUME {}", self.spec.name);
                self.stay(control, Status::new(State::Paused, "paused", action), &standings)
            }
        }
    }
}

/// A cursor for every partition whose ledger can be read.
fn standing_cursors(positions: &Positions) -> Vec<Cursor> {
    let cursor = |known: &Known| {
        let standing = *known.standing.as_ref().ok()?;
        Some(Cursor::new(known.topic.as_str().into(), known.partition, standing))
    };
    positions.partitions.iter().filter_map(cursor).collect()
}

/// What a failed question to the broker means for the subscription.
pub(super) fn broker_trouble(error: &TopicsError) -> Trouble {
    let (connection, action) = match error {
        TopicsError::Missing { pattern: false, .. } => {
            (Keep::Keep, "create the topic, or KAFKA.SUBSCRIBE … REPLACE with the right name")
        }
        TopicsError::Missing { pattern: true, .. } => {
            (Keep::Keep, "create a topic, or KAFKA.SUBSCRIBE … REPLACE with another pattern")
        }
        TopicsError::Refused(_) => {
            (Keep::Reconnect, "mend the profile; it is read again at every try")
        }
        TopicsError::Unreachable(_) => {
            (Keep::Keep, "check that the broker runs and can be reached from here")
        }
        TopicsError::Authorization { .. } => (Keep::Keep, "grant the rights; it is tried again"),
        TopicsError::Failed(_) => (Keep::Keep, "see the broker's log; it is tried again"),
    };
    Trouble::Wait { reason: error.to_string(), action: action.to_owned(), connection }
}

/// A problem that ends the session but heals by itself, perhaps after a person mended something elsewhere.
pub(super) fn trouble_of(problem: &Problem) -> Trouble {
    let (connection, action) = match problem.kind {
        ProblemKind::Authentication | ProblemKind::Tls => {
            (Keep::Reconnect, problem.what_to_check())
        }
        ProblemKind::Authorization => {
            (Keep::Keep, "grant READ on the topic and the group to the user")
        }
        ProblemKind::Fatal | ProblemKind::Fenced => (Keep::Reconnect, ""),
        _ => (Keep::Keep, "check that the broker runs and can be reached from here"),
    };
    Trouble::Wait { reason: problem.words.clone(), action: action.to_owned(), connection }
}
