//! Clients that wait: SUBSCRIBE for the broker's first word, WAIT for the applied end, others for
//! what another thread finds out.
//!
//! The host goes on meanwhile; whenever a worker has woken it, it looks whether somebody can be
//! answered.

use super::host::{Host, Waiter};
use super::{Registry, Reply, Subscription};
use crate::state::{State, Status};
use crate::worker::{Ends, Progress};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long SUBSCRIBE waits for the broker.
const GREETING: Duration = Duration::from_secs(2);

/// Clients that may wait at once.
const LIMIT: usize = 1024;

enum Question {
    /// How the first contact with the broker went; `note` is added to the reply.
    Greeting { note: String },
    /// Whether all that Kafka held is applied, also by these routes that were catching up.
    Reached(Arc<Mutex<Ends>>, Arc<Vec<String>>),
    /// What another thread answers to this command.
    Elsewhere { command: &'static str, answer: Arc<Mutex<Slot>> },
}

/// Where an answer is left that comes from another thread.
#[derive(Default)]
struct Slot {
    reply: Option<Reply>,
    /// Nobody waits any more.
    is_void: bool,
}

/// The end of an answer that another thread gives, at most once. Whoever drops it unused has the
/// client told that nothing will come.
pub struct Answerer {
    answer: Arc<Mutex<Slot>>,
    waker: Arc<dyn Fn() + Send + Sync>,
}

impl Answerer {
    /// Gives the answer, and wakes the thread of the registry. One that comes too late is dropped.
    pub fn give(self, reply: Reply) {
        self.answer.lock().reply = Some(reply);
    }

    /// Whether nobody waits for it any more: its time is up, or the client has gone.
    pub fn is_void(&self) -> bool {
        self.answer.lock().is_void
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        let nothing =
            || Reply::Error("ERR internal error: no answer was found; see the log".to_owned());
        self.answer.lock().reply.get_or_insert_with(nothing);
        (self.waker)();
    }
}

struct Asker<W> {
    client: W,
    subscription: String,
    question: Question,
    /// How long it waits at most; nothing for ever.
    time: Option<Duration>,
    deadline: Option<Instant>,
}

/// All waiting clients of a host.
pub struct Waiting<W>(Vec<Asker<W>>);

impl<W> Default for Waiting<W> {
    fn default() -> Waiting<W> {
        Waiting(Vec::new())
    }
}

impl<W: Waiter> Waiting<W> {
    /// Whether one more may wait.
    pub(super) fn has_room(&self) -> bool {
        self.0.len() < LIMIT
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets the client of a SUBSCRIBE wait for the broker's first word.
    pub(super) fn for_greeting(
        &mut self,
        host: &mut impl Host<Waiter = W>,
        subscription: &str,
        note: String,
    ) {
        self.add(host, subscription, Question::Greeting { note }, Some(GREETING));
    }

    /// Lets the client of a WAIT wait; no time is for ever.
    pub(super) fn for_end(
        &mut self,
        host: &mut impl Host<Waiter = W>,
        subscription: &str,
        (ends, late): (Arc<Mutex<Ends>>, Arc<Vec<String>>),
        time: Option<Duration>,
    ) {
        self.add(host, subscription, Question::Reached(ends, late), time);
    }

    /// Lets a client wait for what another thread answers to its command, at most so long.
    pub(super) fn for_answer(
        &mut self,
        host: &mut impl Host<Waiter = W>,
        command: &'static str,
        time: Duration,
    ) -> Answerer {
        let answer = Arc::<Mutex<Slot>>::default();
        let question = Question::Elsewhere { command, answer: answer.clone() };
        self.add(host, "", question, Some(time));
        Answerer { answer, waker: host.waker() }
    }

    fn add(
        &mut self,
        host: &mut impl Host<Waiter = W>,
        subscription: &str,
        question: Question,
        time: Option<Duration>,
    ) {
        let deadline = time.and_then(|time| Instant::now().checked_add(time));
        if let Some(time) = time {
            host.look_after(time);
        }
        let (client, subscription) = (host.wait(), subscription.to_owned());
        self.0.push(Asker { client, subscription, question, time, deadline });
    }

    /// Answers everybody who can be answered. `hold` is why nothing can be written now, whatever the
    /// subscription.
    pub fn look(&mut self, registry: &Registry, hold: Option<&Status>) {
        let now = Instant::now();
        let mut waiting = Vec::with_capacity(self.0.len());
        for asker in self.0.drain(..) {
            match asker.answer(registry, hold, now) {
                Some(reply) => asker.client.answer(reply),
                None => waiting.push(asker),
            }
        }
        self.0 = waiting;
    }
}

impl<W: Waiter> Asker<W> {
    fn answer(&self, registry: &Registry, hold: Option<&Status>, now: Instant) -> Option<Reply> {
        let late = self.deadline.is_some_and(|deadline| now >= deadline);
        if self.client.is_gone() {
            self.leave();
            return Some(Reply::Error("ERR the client is gone".to_owned()));
        }
        let known = registry.subscriptions.get(&self.subscription);
        match &self.question {
            Question::Greeting { note } => {
                greeting(known, hold, late).map(|line| Reply::Simple(line + note))
            }
            Question::Reached(ends, routes) => self.reached(known, &ends.lock(), routes, late),
            Question::Elsewhere { command, answer } => {
                let reply = answer.lock().reply.take();
                let in_vain = || {
                    self.leave();
                    let time = self.milliseconds();
                    Reply::Error(format!("ERR {command}: no answer within {time} ms"))
                };
                reply.or_else(|| late.then(in_vain))
            }
        }
    }

    /// The time that it was given; zero for ever.
    fn milliseconds(&self) -> u128 {
        self.time.unwrap_or_default().as_millis()
    }

    /// Tells whoever looks for an answer that it is not wanted any more.
    fn leave(&self) {
        if let Question::Elsewhere { answer, .. } = &self.question {
            answer.lock().is_void = true;
        }
    }

    fn reached(
        &self,
        known: Option<&Subscription>,
        ends: &Ends,
        routes: &[String],
        late: bool,
    ) -> Option<Reply> {
        let error = |problem: String| Some(Reply::Error(format!("ERR KAFKA.WAIT: {problem}")));
        let name = &self.subscription;
        let Some(lane) = known.and_then(|known| known.lane.as_ref()) else {
            return error(format!("'{name}' does not consume here"));
        };
        let status = lane.shared.status();
        if matches!(status.state, State::Stopped | State::Paused) {
            return error(format!("'{name}' is {}: {}", status.state.name(), status.reason));
        }
        let progress = lane.shared.progress();
        let waited = self.milliseconds();
        match ends {
            Ends::Known(ends) if is_reached(&progress, ends) => {
                let behind = lane.shared.first_behind(routes);
                match behind.filter(|_| late) {
                    Some(route) => error(format!(
                        "route '{route}' has not caught up after {waited} ms; KAFKA.INFO {route} says more"
                    )),
                    None => behind.is_none().then(|| Reply::Simple("OK".to_owned())),
                }
            }
            _ if !late => None,
            Ends::Asked => error(format!("no answer from the broker within {waited} ms")),
            Ends::Known(ends) => {
                let behind: i64 = ends
                    .iter()
                    .map(|(topic, partition, end)| {
                        (end - next(&progress, topic, *partition)).max(0)
                    })
                    .sum();
                error(format!(
                    "{behind} offsets are not applied yet after {waited} ms; KAFKA.INFO {name} says more"
                ))
            }
        }
    }
}

fn greeting(known: Option<&Subscription>, hold: Option<&Status>, late: bool) -> Option<String> {
    let Some((known, lane)) = known.and_then(|known| Some((known, known.lane.as_ref()?))) else {
        return Some("OK".to_owned());
    };
    match lane.shared.greeting() {
        Some(Ok(())) => Some("OK".to_owned()),
        Some(Err(reason)) => Some(format!("OK waiting: {reason}")),
        None if !late => None,
        None => Some(match known.hold(hold) {
            Some(hold) => format!("OK waiting: {}", hold.reason),
            None => "OK waiting: no answer from the broker within 2 s; it is tried again and again"
                .to_owned(),
        }),
    }
}

fn next(progress: &[Progress], topic: &str, partition: i32) -> i64 {
    progress.iter().find(|p| p.partition == partition && *p.topic == *topic).map_or(0, |p| p.next)
}

fn is_reached(progress: &[Progress], ends: &[(Arc<str>, i32, i64)]) -> bool {
    ends.iter().all(|(topic, partition, end)| next(progress, topic, *partition) >= *end)
}
