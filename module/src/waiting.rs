//! Clients that wait: SUBSCRIBE for the broker's first word, WAIT for the applied end.
//!
//! The server goes on meanwhile; every turn of the event loop looks whether somebody can be answered.

use crate::redis::{Blocked, Context};
use crate::registry::{Registry, Subscription};
use parking_lot::Mutex;
use redis_kafka_engine::state::{State, Status};
use redis_kafka_engine::worker::{Ends, Progress};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long SUBSCRIBE waits for the broker.
const GREETING: Duration = Duration::from_secs(2);

/// Clients that may wait at once.
const LIMIT: usize = 1024;

enum Question {
    /// How the first contact with the broker went; `note` is added to the reply.
    Greeting { note: String },
    /// Whether all that Kafka held is applied.
    Reached(Arc<Mutex<Ends>>),
}

struct Waiter {
    client: Blocked,
    subscription: String,
    question: Question,
    asked: Instant,
    deadline: Option<Instant>,
}

/// All waiting clients.
#[derive(Default)]
pub struct Waiting(Vec<Waiter>);

enum Answer {
    Ok(String),
    Error(String),
}

impl Waiting {
    /// Whether one more may wait.
    pub fn has_room(&self) -> bool {
        self.0.len() < LIMIT
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets the client of a SUBSCRIBE wait for the broker's first word.
    pub fn for_greeting(&mut self, context: Context, subscription: &str, note: String) {
        self.add(context, subscription, Question::Greeting { note }, Some(GREETING));
    }

    /// Lets the client of a WAIT wait; no time is for ever.
    pub fn for_end(
        &mut self,
        context: Context,
        subscription: &str,
        ends: Arc<Mutex<Ends>>,
        time: Option<Duration>,
    ) {
        self.add(context, subscription, Question::Reached(ends), time);
    }

    fn add(
        &mut self,
        context: Context,
        subscription: &str,
        question: Question,
        time: Option<Duration>,
    ) {
        let asked = Instant::now();
        let deadline = time.and_then(|time| asked.checked_add(time));
        if let Some(time) = time {
            context.wake_after(time);
        }
        let subscription = subscription.to_owned();
        self.0.push(Waiter { client: context.block(), subscription, question, asked, deadline });
    }

    /// Answers everybody who can be answered.
    pub fn look(&mut self, registry: &Registry, hold: Option<&Status>) {
        let now = Instant::now();
        let (done, waiting) = std::mem::take(&mut self.0)
            .into_iter()
            .partition::<Vec<_>, _>(|w| w.answer(registry, hold, now).is_some());
        self.0 = waiting;
        for waiter in done {
            match waiter.answer(registry, hold, now) {
                Some(Answer::Ok(line)) => waiter.client.answer(|replies| replies.simple(&line)),
                Some(Answer::Error(line)) => waiter.client.answer(|replies| replies.error(&line)),
                None => self.0.push(waiter),
            }
        }
    }
}

impl Waiter {
    fn answer(&self, registry: &Registry, hold: Option<&Status>, now: Instant) -> Option<Answer> {
        let late = self.deadline.is_some_and(|deadline| now >= deadline);
        if self.client.is_gone() {
            return Some(Answer::Error("ERR the client is gone".to_owned()));
        }
        let known = registry.subscriptions.get(&self.subscription);
        match &self.question {
            Question::Greeting { note } => greeting(known, hold, late).map(|mut line| {
                line.push_str(note);
                Answer::Ok(line)
            }),
            Question::Reached(ends) => self.reached(known, &ends.lock(), late),
        }
    }

    fn reached(&self, known: Option<&Subscription>, ends: &Ends, late: bool) -> Option<Answer> {
        let error = |problem: String| Some(Answer::Error(format!("ERR KAFKA.WAIT: {problem}")));
        let name = &self.subscription;
        let Some(lane) = known.and_then(|known| known.lane.as_ref()) else {
            return error(format!("'{name}' does not consume here"));
        };
        let status = lane.shared.status();
        if matches!(status.state, State::Stopped | State::Paused) {
            return error(format!("'{name}' is {}: {}", status.state.name(), status.reason));
        }
        let progress = lane.shared.progress();
        match ends {
            Ends::Known(ends) if is_reached(&progress, ends) => Some(Answer::Ok("OK".to_owned())),
            _ if !late => None,
            Ends::Asked => error(format!(
                "no answer from the broker within {} ms",
                self.asked.elapsed().as_millis()
            )),
            Ends::Known(ends) => {
                let behind: i64 = ends
                    .iter()
                    .map(|(topic, partition, end)| {
                        (end - next(&progress, topic, *partition)).max(0)
                    })
                    .sum();
                error(format!(
                    "{behind} offsets are not applied yet after {} ms; KAFKA.INFO {name} says more",
                    self.asked.elapsed().as_millis()
                ))
            }
        }
    }
}

fn greeting(known: Option<&Subscription>, hold: Option<&Status>, late: bool) -> Option<String> {
    let Some(lane) = known.and_then(|known| known.lane.as_ref()) else {
        return Some("OK".to_owned());
    };
    match lane.shared.greeting() {
        Some(Ok(())) => Some("OK".to_owned()),
        Some(Err(reason)) => Some(format!("OK waiting: {reason}")),
        None if late && let Some(hold) = hold => Some(format!("OK waiting: {}", hold.reason)),
        None if late => Some(
            "OK waiting: no answer from the broker within 2 s; it is tried again and again"
                .to_owned(),
        ),
        None => None,
    }
}

fn next(progress: &[Progress], topic: &str, partition: i32) -> i64 {
    progress.iter().find(|p| p.partition == partition && *p.topic == *topic).map_or(0, |p| p.next)
}

fn is_reached(progress: &[Progress], ends: &[(Arc<str>, i32, i64)]) -> bool {
    ends.iter().all(|(topic, partition, end)| next(progress, topic, *partition) >= *end)
}
