//! Where partitions stand and where they end: lag, and the answers to those who ask for the ends.

use super::membership::Standings;
use super::session::ASK;
use super::shared::{Control, Ends, Progress};
use super::{IDLE_LOOK, Trouble, Worker};
use crate::ledger::Cursor;
use crate::state::Status;
use std::sync::Arc;

impl Worker {
    /// Publishes where the ledger stands.
    pub(super) fn show(&self, cursors: &[Cursor]) {
        let known = self.lane.shared.progress();
        let before = |cursor: &Cursor| {
            let same = |p: &&Progress| p.partition == cursor.partition && p.topic == cursor.topic;
            known.iter().find(same)
        };
        let progress = cursors.iter().map(|cursor| Progress {
            topic: cursor.topic.clone(),
            partition: cursor.partition,
            next: cursor.next(),
            epoch: cursor.epoch(),
            end: before(cursor).and_then(|before| before.end),
            counters: cursor.counters(),
            // What was applied last is to come once more where the ledger was turned back.
            timestamp: before(cursor)
                .filter(|before| before.next <= cursor.next())
                .and_then(|before| before.timestamp),
        });
        self.lane.shared.set_progress(progress.collect());
    }

    /// Holds with a status, keeping lag up to date and answering questions. Whatever keeps it from
    /// consuming keeps all members of a group from it, or is this member's own: it leaves.
    pub(super) fn stay(
        &mut self,
        control: &Control,
        status: Status,
        standings: &Standings,
    ) -> Trouble {
        self.member = None;
        self.lane.shared.say(control.generation, status);
        let known = standings.known();
        loop {
            self.refresh_standings(control.generation);
            // Who asks now is told that nothing is consumed.
            if let Err(trouble) = self.answer_questions(&known, |_| Ok(())) {
                return trouble;
            }
            self.lane.shared.wait_question(control.generation, IDLE_LOOK);
            if self.lane.shared.generation() != control.generation {
                return Trouble::Changed;
            }
        }
    }

    /// Shows the lag of what is known while nothing is consumed, as far as the broker answers.
    pub(super) fn refresh_lag(&mut self) {
        let progress = self.lane.shared.progress();
        let partitions: Vec<_> = progress.iter().map(|p| (&*p.topic, p.partition)).collect();
        // Without an answer the lag stays as it was known last.
        if let Some(Ok(ends)) = self.consumer.as_ref().map(|known| known.ends(&partitions, ASK)) {
            let end = |(p, end): (&Progress, i64)| (p.topic.clone(), p.partition, end);
            self.publish_lag(&progress.iter().zip(ends).map(end).collect::<Vec<_>>());
        }
    }

    /// The last stable offset of every partition, from the broker.
    pub(super) fn ask_ends(
        &mut self,
        known: &[(Arc<str>, i32)],
    ) -> Result<Vec<(Arc<str>, i32, i64)>, Trouble> {
        let partitions: Vec<_> = known.iter().map(|(topic, at)| (&**topic, *at)).collect();
        let ends =
            self.connect()?.ends(&partitions, ASK).map_err(|failure| self.explain(&failure))?;
        let end = |((topic, at), end): (&(Arc<str>, i32), i64)| (topic.clone(), *at, end);
        Ok(known.iter().zip(ends).map(end).collect())
    }

    /// Asks where the partitions end, shows it as lag, and answers those who asked before this
    /// question: what came to Kafka after it need not be in the answer. `look` shows first where the
    /// ledger stands, which a seek may have moved before they asked.
    pub(super) fn answer_questions(
        &mut self,
        known: &[(Arc<str>, i32)],
        look: impl FnOnce(&mut Worker) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let questions = self.lane.shared.take_questions();
        let looked = if questions.is_empty() { Ok(()) } else { look(self) };
        let ends = match looked.and_then(|()| self.ask_ends(known)) {
            Ok(ends) => ends,
            Err(trouble) => {
                self.lane.shared.put_back(questions);
                return Err(trouble);
            }
        };
        self.publish_lag(&ends);
        for question in questions {
            *question.lock() = Ends::Known(ends.clone());
            self.lane.wake_applier();
        }
        Ok(())
    }

    /// Shows where partitions end.
    pub(super) fn publish_lag(&self, ends: &[(Arc<str>, i32, i64)]) {
        self.lane.shared.update_progress(|progress| {
            let same = |(topic, partition, _): &&(Arc<str>, i32, i64)| {
                *partition == progress.partition && *topic == progress.topic
            };
            if let Some((_, _, end)) = ends.iter().find(same) {
                progress.end = Some(*end);
            }
        });
        self.lane.shared.look_at_trend();
    }
}
