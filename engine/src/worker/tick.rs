//! What a session does about once a second: commits, lag, questions, new partitions, the state of the connection.

use super::absence::Pace;
use super::consume::TICK;
use super::contact::ContactState;
use super::flow::{Flow, Part};
use super::session::{broker_trouble, trouble_of};
use super::{Trouble, Worker};
use crate::kafka::{Commit, ProblemKind, TopicsError};
use crate::ledger::Cursor;
use crate::state::{State, Status};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often topics and partitions are looked up again: librdkafka itself reads on in a topic made
/// anew, so this bounds how long that goes unnoticed.
const REDISCOVER: Duration = Duration::from_secs(3);

/// Commits are repeated this often: Kafka forgets those of idle groups.
const COMMIT_AGAIN: Duration = Duration::from_secs(3600);

impl Worker {
    /// What is done about once a second: commits, lag, questions, new partitions, the state of the connection.
    pub(super) fn tick(&mut self, flow: &mut Flow, pace: Pace) -> Result<(), Trouble> {
        if let Part::Late(_) = flow.part {
            // All of it is the subscription's.
            return Ok(());
        }
        if self.lane.shared.is_asked() {
            flow.others.watch();
            if flow.discovered.elapsed() >= TICK {
                flow.discovered = Instant::now();
                self.rediscover(&flow.known, &flow.cursors)?;
            }
            flow.others.forget();
            match self.answer_questions(&flow.known, |worker| worker.look_again(flow)) {
                Ok(()) => {}
                Err(Trouble::Changed) => return Err(Trouble::Changed),
                // Without an answer the question stays for the next tick; who asked has a time limit.
                Err(_) => log::debug!(
                    "subscription {}: the broker did not say where it ends",
                    self.spec.name
                ),
            }
        }
        self.follow_others(flow)?;
        if flow.ticked.elapsed() < TICK {
            return Ok(());
        }
        flow.ticked = Instant::now();
        self.commit(flow);
        self.lane.shared.set_memory(flow.memory() + flow.late.memory());
        let contact = match pace {
            _ if flow.outbox.is_stalled() => ContactState::Unknown,
            Pace::Waiting => ContactState::Unknown,
            Pace::Busy | Pace::Idle => self.watch_connection(flow, pace == Pace::Idle)?,
        };
        // Who does not answer is named first, and not asked again what would be waited for in vain.
        if contact != ContactState::Down {
            self.refresh_ends(flow, pace != Pace::Busy);
        }
        if flow.discovered.elapsed() >= REDISCOVER {
            flow.discovered = Instant::now();
            self.rediscover(&flow.known, &flow.cursors)?;
        }
        Ok(())
    }

    /// Shows the lag. What fetches tell counts records of open transactions, so that a partition
    /// that seems behind though nothing comes is asked for its last stable offset.
    fn refresh_ends(&mut self, flow: &Flow, idle: bool) {
        let Some(consumer) = &self.consumer else { return };
        let is_behind = |cursor: &Cursor| {
            consumer
                .cached_end(&cursor.topic, cursor.partition)
                .is_some_and(|end| end > cursor.next())
        };
        if idle && flow.cursors.iter().any(is_behind) {
            if let Ok(ends) = self.ask_ends(&flow.slots) {
                self.publish_lag(&ends);
            }
            return;
        }
        let ends = flow.cursors.iter().filter_map(|cursor| {
            Some((
                cursor.topic.clone(),
                cursor.partition,
                consumer.cached_end(&cursor.topic, cursor.partition)?,
            ))
        });
        self.publish_lag(&ends.collect::<Vec<_>>());
    }

    /// Commits what is applied, for lag tools and as a witness of the ledger.
    pub(super) fn commit(&mut self, flow: &mut Flow) {
        let progress = self.lane.shared.progress();
        let again = self.take_commit_failure() || flow.committed_at.elapsed() >= COMMIT_AGAIN;
        let mut offsets = Vec::new();
        let own = flow.shown.iter().filter_map(|shown| progress.get(*shown));
        for (progress, committed) in own.zip(&mut flow.committed) {
            if progress.next != *committed || again {
                *committed = progress.next;
                offsets.push(Commit {
                    topic: &progress.topic,
                    partition: progress.partition,
                    next: progress.next,
                    leader_epoch: progress.epoch,
                });
            }
        }
        if !offsets.is_empty() {
            flow.committed_at = Instant::now();
            if let Err(failure) = self.hand_over(&offsets) {
                log::warn!("subscription {}: {failure}", self.spec.name);
            }
        }
    }

    /// While nothing arrives, looks whether the broker still answers, and says so when it does not.
    fn watch_connection(&mut self, flow: &Flow, idle: bool) -> Result<ContactState, Trouble> {
        let Some(consumer) = &self.consumer else { return Ok(ContactState::Unknown) };
        let running = Status::new(State::Running, "", "");
        match consumer.last_problem() {
            Some(problem) if idle => {
                if matches!(
                    problem.kind,
                    ProblemKind::Authentication | ProblemKind::Fatal | ProblemKind::Tls
                ) {
                    return Err(trouble_of(&problem));
                }
                let first = flow.slots.get(..1).unwrap_or_default();
                if let Err(Trouble::Wait { reason, action, .. }) = self.ask_ends(first) {
                    let status = Status::new(State::Waiting, reason, action);
                    self.lane.shared.say(flow.generation, status);
                    return Ok(ContactState::Down);
                }
                self.lane.shared.found_contact();
            }
            _ => {}
        }
        self.lane.shared.say(flow.generation, running);
        Ok(ContactState::Up)
    }

    /// Ends the session when topics or partitions are other ones than those known, or those of
    /// `cursors` are of another topic of that name.
    pub(super) fn rediscover(
        &mut self,
        known: &[(Arc<str>, i32)],
        cursors: &[Cursor],
    ) -> Result<(), Trouble> {
        let topics = match self.ask_topics()? {
            Ok(topics) => topics,
            Err(error @ TopicsError::Missing { .. }) => return Err(broker_trouble(&error)),
            // Nothing is known to have changed; a broker that is away is told by the fetches.
            Err(_) => return Ok(()),
        };
        let now = topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |partition| (topic.name.as_str(), *partition))
        });
        let known = known.iter().map(|(topic, partition)| (&**topic, *partition));
        let same_ids = topics.iter().all(|topic| {
            cursors
                .iter()
                .filter(|cursor| *cursor.topic == *topic.name)
                .all(|cursor| cursor.is_of(topic.id))
        });
        if now.eq(known) && same_ids { Ok(()) } else { Err(Trouble::Recheck) }
    }
}
