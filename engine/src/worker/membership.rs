//! Sharing the work: which partitions are this worker's, and how the others of its group do.
//!
//! A rebalance ends the session: what was built is applied, then the partitions go to others, and
//! the next session begins with those that are left, at what the ledger holds. A worker that does
//! not hear of it in time is fenced by the ledger, as anybody else who is late.

use super::consume::TICK;
use super::flow::Flow;
use super::lane::PositionsAsked;

use super::session::ASK;
use super::shared::{Control, Questions};
use super::{IDLE_LOOK, Keep, STUCK, Trouble, Worker};
use crate::applier::Positions;
use crate::kafka::{self, Assigned, Commit, Failure, Member, Membership, Problem, ProblemKind};
use crate::ledger::{Cursor, Standing};
use crate::state::{State, Status};
use crossbeam_channel::TryRecvError;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is looked how others do, for some time after somebody asked where the topics end:
/// who asks waits for them, too.
const WATCHED_LOOK: Duration = Duration::from_millis(50);

/// That time.
const WATCHED: Duration = Duration::from_secs(30);

/// How often a member without partitions looks for new ones.
const REDISCOVER: Duration = Duration::from_secs(3);

/// Whether somebody else goes by our name in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rival {
    /// Nobody that is known.
    None,
    /// Another one has joined with our instance id, and it is to be seen whether it is there still:
    /// to join again would only throw it out in turn.
    Joined,
}

/// What may be read here.
#[derive(Debug, Clone)]
pub(super) enum Share {
    /// Everything.
    All,
    /// What the group has assigned, after so many rebalances.
    Of { assigned: Assigned, rebalances: u64 },
}

impl Share {
    /// Whether a partition belongs to it.
    pub(super) fn includes(&self, topic: &str, partition: i32) -> bool {
        match self {
            Share::All => true,
            Share::Of { assigned, .. } => assigned
                .partitions
                .binary_search_by(|(name, at)| (name.as_str(), *at).cmp(&(topic, partition)))
                .is_ok(),
        }
    }

    /// Before the group has spoken, a partition may be this worker's, and lack what it must do
    /// first: who asks how far it is waits for that.
    fn questions(&self) -> Questions {
        match self {
            Share::Of { assigned, .. } if !assigned.is_known => Questions::Wait,
            Share::All | Share::Of { .. } => Questions::Answered,
        }
    }

    /// The rebalances it takes into account.
    pub(super) fn rebalances(&self) -> u64 {
        match self {
            Share::All => 0,
            Share::Of { rebalances, .. } => *rebalances,
        }
    }
}

/// Where a session begins.
pub(super) struct Standings {
    /// Every partition that both Kafka and the ledger have, in a stable order.
    pub(super) all: Vec<Cursor>,
    /// Those that are read here.
    pub(super) share: Share,
    /// How many dead letters there are.
    pub(super) letters: u64,
}

impl Standings {
    /// Every partition.
    pub(super) fn known(&self) -> Arc<[(Arc<str>, i32)]> {
        self.all.iter().map(|cursor| (cursor.topic.clone(), cursor.partition)).collect()
    }

    /// The cursors of the partitions read here, and where they stand among all.
    pub(super) fn own(self) -> (Vec<usize>, Vec<Cursor>) {
        let Standings { all, share, .. } = self;
        let own = |(_, cursor): &(usize, Cursor)| share.includes(&cursor.topic, cursor.partition);
        all.into_iter().enumerate().filter(own).unzip()
    }
}

/// A look at the ledger under way.
struct Question {
    answer: PositionsAsked,
    /// What was applied of this worker's own partitions when it was asked.
    applied: Vec<i64>,
}

/// How the partitions do that others have or may have. The question also tells whether Redis
/// answers at all.
pub(super) struct Others {
    may_exist: bool,
    asked: Option<Question>,
    looked: Instant,
    ends_asked: Instant,
    watched_until: Instant,
}

impl Others {
    /// Others that were looked at just now, if there may be any.
    pub(super) fn new(membership: &Membership) -> Others {
        let now = Instant::now();
        let may_exist = *membership != Membership::Manual;
        Others { may_exist, asked: None, looked: now, ends_asked: now, watched_until: now }
    }

    /// Somebody waits for what they do.
    pub(super) fn watch(&mut self) {
        self.watched_until = Instant::now() + WATCHED;
    }

    /// Drops a look under way: its answer may be older than what is known by then.
    pub(super) fn forget(&mut self) {
        self.asked = None;
    }

    /// How long until the next look.
    fn pause(&self) -> Duration {
        let pause = if Instant::now() < self.watched_until { WATCHED_LOOK } else { TICK };
        pause.saturating_sub(self.looked.elapsed())
    }

    /// Whether it is time to look.
    pub(super) fn is_due(&self) -> bool {
        self.may_exist && self.pause().is_zero()
    }
}

impl Flow {
    /// Whether somebody else has moved the ledger of a partition read here (KAFKA.SEEK, given to
    /// another member): it stands neither where it stood before the question (`applied`), nor where
    /// a unit built here since would leave it. A unit would find that out, but none may come.
    fn was_moved(&self, positions: &Positions, applied: &[i64]) -> bool {
        self.cursors.iter().zip(applied).any(|(cursor, applied)| {
            let known = positions.get(&cursor.topic, cursor.partition);
            let standing = known.and_then(|known| known.standing.as_ref().ok());
            standing.is_some_and(|it| !(*applied..=cursor.unit_start()).contains(&it.next))
        })
    }
}

impl Worker {
    /// What may be read here, as the group has said last.
    pub(super) fn share(&mut self) -> Result<Share, Trouble> {
        let Membership::Group { instance } = &self.spec.membership else { return Ok(Share::All) };
        // Counted before it is looked: a change in between is then met as one.
        let rebalances = self.lane.shared.rebalances();
        let assigned = self.member.as_ref().map(Member::assigned).unwrap_or_default();
        let trouble = match assigned.problem.as_ref().map(|problem| (problem, problem.kind)) {
            Some((_, ProblemKind::Fenced)) => {
                self.rival = Rival::Joined;
                rivalry(instance.as_deref())
            }
            Some((problem, ProblemKind::Fatal)) => Trouble::wait(problem.to_string(), ""),
            _ => return Ok(Share::Of { assigned, rebalances }),
        };
        self.member = None;
        Err(trouble)
    }

    /// Consumes what belongs to this worker, or stands by while that is nothing.
    pub(super) fn take_part(&mut self, control: &Control, standings: Standings) -> Trouble {
        let version = match &standings.share {
            Share::All => return self.consume(control, standings),
            Share::Of { assigned, .. } => assigned.version,
        };
        if let Err(trouble) = self.join(&standings) {
            return trouble;
        }
        if !standings.all.iter().any(|c| standings.share.includes(&c.topic, c.partition)) {
            return self.stand_by(control, &standings);
        }
        if let Some(member) = &self.member {
            member.work(version);
        }
        let trouble = self.consume(control, standings);
        if let Some(member) = &self.member {
            member.rest();
        }
        trouble
    }

    /// Sees to it that this worker is a member of the group, for all topics of the subscription.
    fn join(&mut self, standings: &Standings) -> Result<(), Trouble> {
        let mut topics: Vec<&str> = standings.all.iter().map(|cursor| &*cursor.topic).collect();
        topics.dedup();
        let joined = match self.member.as_mut() {
            Some(member) => member.subscribe(topics.into_iter()),
            None => return self.become_member(&topics),
        };
        joined.map_err(|failure| self.cannot_join(&failure))
    }

    fn become_member(&mut self, topics: &[&str]) -> Result<(), Trouble> {
        let Membership::Group { instance } = &self.spec.membership else { return Ok(()) };
        let instance = instance.as_deref();
        let config = kafka::member_config(
            &self.spec.connection,
            &self.spec.profiles,
            &self.spec.group,
            instance,
        )
        .map_err(|error| {
            Trouble::wait(error.to_string(), "mend the profiles file or the connection")
        })?;
        if let (Rival::Joined, Some(instance)) = (self.rival, instance) {
            let is_there = kafka::has_instance(&config, &self.spec.group, instance, ASK);
            // Without an answer it may be there.
            if is_there.unwrap_or(true) {
                return Err(rivalry(Some(instance)));
            }
            self.rival = Rival::None;
        }
        let shared = self.lane.shared.clone();
        let member = Member::join(&config, topics.iter().copied(), move || shared.rebalanced());
        self.member = Some(member.map_err(|failure| self.cannot_join(&failure))?);
        Ok(())
    }

    fn cannot_join(&self, failure: &Failure) -> Trouble {
        Trouble::Wait {
            reason: failure.to_string(),
            action: "check the connection's properties".to_owned(),
            connection: Keep::Reconnect,
        }
    }

    /// Ends the session once the group has decided anew: applies what was built, so that who comes
    /// next finds it in the ledger.
    pub(super) fn make_way(&mut self, flow: &mut Flow) -> Result<(), Trouble> {
        if self.member.is_none() || self.lane.shared.rebalances() == flow.rebalances {
            return Ok(());
        }
        self.drain(flow)?;
        // The lane answers in order. What the ledger holds is for the next session.
        let _ = self.lane.load(flow.generation)?;
        Err(Trouble::Changed)
    }

    /// Waits for partitions, and shows how those who have them do.
    fn stand_by(&mut self, control: &Control, standings: &Standings) -> Trouble {
        if let Some(Err(failure)) = self.consumer.as_mut().map(kafka::Consumer::unassign) {
            return self.cannot_join(&failure);
        }
        let (known, mut others) = (standings.known(), Others::new(&self.spec.membership));
        let mut discovered = Instant::now();
        loop {
            self.lane.shared.say(control.generation, self.idleness());
            match self.look_at_others(control, standings, &known, &mut others) {
                Ok(()) => {}
                Err(trouble) => return trouble,
            }
            if discovered.elapsed() >= REDISCOVER {
                discovered = Instant::now();
                if let Err(trouble) = self.rediscover(&known, &standings.all) {
                    return trouble;
                }
            }
            let heard = standings.share.rebalances();
            let (questions, pause) = (standings.share.questions(), others.pause());
            self.lane.shared.wait_rebalance(control.generation, heard, questions, pause);
            let shared = &self.lane.shared;
            if shared.generation() != control.generation || shared.rebalances() != heard {
                return Trouble::Changed;
            }
        }
    }

    /// Why nothing is read here though it could be.
    fn idleness(&self) -> Status {
        let group = &self.spec.group;
        let assigned = self.member.as_ref().map(Member::assigned).unwrap_or_default();
        match assigned {
            Assigned { problem: Some(problem), .. } => {
                let reason = format!("joining the consumer group {group}: {problem}");
                Status::new(State::Waiting, reason, way_out(&problem))
            }
            Assigned { is_known: false, .. } => {
                Status::new(State::Waiting, format!("joining the consumer group {group}"), "")
            }
            _ => {
                let reason = "other members of the consumer group have all partitions";
                Status::new(State::Standby, reason, "")
            }
        }
    }

    fn look_at_others(
        &mut self,
        control: &Control,
        standings: &Standings,
        known: &[(Arc<str>, i32)],
        others: &mut Others,
    ) -> Result<(), Trouble> {
        let can_answer = standings.share.questions() == Questions::Answered;
        let is_asked = can_answer && self.lane.shared.is_asked();
        let look = |worker: &mut Worker| {
            if let Ok(positions) = worker.lane.load(control.generation)? {
                worker.show_others(&positions, |topic, at| !standings.share.includes(topic, at));
            }
            Ok(())
        };
        if is_asked || others.ends_asked.elapsed() >= IDLE_LOOK {
            others.ends_asked = Instant::now();
            self.answer_questions(known, look)?;
        }
        if is_asked {
            others.watch();
        }
        others.looked = Instant::now();
        look(self)
    }

    /// Shows how others go on, where there may be any, while this worker does not.
    pub(super) fn refresh_standings(&self, generation: u64) {
        if self.spec.membership != Membership::Manual
            && let Ok(Ok(positions)) = self.lane.load(generation)
        {
            self.show_others(&positions, |_, _| true);
        }
    }

    /// Shows how others do while records are read here. Does not wait for the answer.
    pub(super) fn follow_others(&mut self, flow: &mut Flow) -> Result<(), Trouble> {
        if !flow.others.may_exist {
            return Ok(());
        }
        if let Some(asked) = flow.others.asked.take() {
            match asked.answer.try_recv() {
                Ok(Ok(positions)) => self.take_over(flow, &positions, &asked.applied)?,
                Err(TryRecvError::Empty) if flow.others.looked.elapsed() > STUCK => {
                    return Err(self.lane.give_up().into());
                }
                Err(TryRecvError::Empty) => flow.others.asked = Some(asked),
                // A ledger that cannot be read stops whoever has the partition.
                Ok(Err(_)) | Err(TryRecvError::Disconnected) => {}
            }
        }
        if flow.others.asked.is_none() && flow.others.is_due() {
            flow.others.looked = Instant::now();
            let applied = self.applied(flow);
            let answer = self.lane.ask_positions(flow.generation)?;
            flow.others.asked = Some(Question { answer, applied });
        }
        if flow.others.ends_asked.elapsed() >= IDLE_LOOK {
            flow.others.ends_asked = Instant::now();
            // Without an answer the lag stays as it was known last.
            if let Ok(ends) = self.ask_ends(&flow.known) {
                self.publish_lag(&ends);
            }
        }
        Ok(())
    }

    /// Looks where the ledger stands now. Whoever asks how far it is may have had another member seek.
    pub(super) fn look_again(&mut self, flow: &Flow) -> Result<(), Trouble> {
        if !flow.others.may_exist {
            return Ok(());
        }
        let applied = self.applied(flow);
        match self.lane.load(flow.generation)? {
            Ok(positions) => self.take_over(flow, &positions, &applied),
            // A ledger that cannot be read stops whoever has the partition.
            Err(_) => Ok(()),
        }
    }

    /// What is applied of the partitions read here.
    fn applied(&self, flow: &Flow) -> Vec<i64> {
        let progress = self.lane.shared.progress();
        let own = flow.shown.iter().filter_map(|shown| progress.get(*shown));
        own.map(|progress| progress.next).collect()
    }

    /// Shows how others do. `applied` is what was applied here before it was asked.
    fn take_over(
        &mut self,
        flow: &Flow,
        positions: &Positions,
        applied: &[i64],
    ) -> Result<(), Trouble> {
        // Those of other members; what is under way here is not among them yet.
        self.letters = self.letters.max(positions.letters);
        if flow.was_moved(positions, applied) {
            return Err(Trouble::Changed);
        }
        let own = &flow.slots;
        self.show_others(positions, |topic, at| {
            !own.iter().any(|(name, slot)| *slot == at && **name == *topic)
        });
        Ok(())
    }

    /// Shows where partitions of others stand, and lets who waits for them look.
    fn show_others(&self, positions: &Positions, is_others: impl Fn(&str, i32) -> bool) {
        let standing: HashMap<(&str, i32), &Standing> = positions
            .partitions
            .iter()
            .filter_map(|known| {
                let standing = known.standing.as_ref().ok()?;
                Some(((known.topic.as_str(), known.partition), standing))
            })
            .collect();
        self.lane.shared.update_progress(|progress| {
            let standing = standing.get(&(&*progress.topic, progress.partition));
            if let Some(standing) =
                standing.filter(|_| is_others(&progress.topic, progress.partition))
            {
                progress.next = standing.next;
                progress.epoch = standing.epoch;
                progress.counters = standing.counters;
            }
        });
        self.lane.wake_applier();
    }

    /// Hands commits to whoever may commit: a group with members refuses those of strangers.
    pub(super) fn hand_over(&self, offsets: &[Commit<'_>]) -> Result<(), Failure> {
        match (&self.spec.membership, &self.member, &self.consumer) {
            (Membership::Manual, _, Some(consumer)) => consumer.commit(offsets),
            (Membership::Group { .. }, Some(member), _) => member.commit(offsets),
            _ => Ok(()),
        }
    }

    /// Whether a commit has failed since the last call.
    pub(super) fn take_commit_failure(&self) -> bool {
        let consumer = self.consumer.as_ref().is_some_and(kafka::Consumer::take_commit_failure);
        let member = self.member.as_ref().is_some_and(Member::take_commit_failure);
        consumer || member
    }
}

fn rivalry(instance: Option<&str>) -> Trouble {
    let instance = instance.unwrap_or_default();
    Trouble::wait(
        format!("another member of the consumer group goes by the instance id '{instance}'"),
        "give each its own instance id, or end the other one",
    )
}

fn way_out(problem: &Problem) -> &'static str {
    match problem.kind {
        ProblemKind::Authorization => "grant READ on the group to the user; it is tried again",
        _ => "it is tried again",
    }
}
