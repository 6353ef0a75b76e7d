//! Commands that ask Kafka: each on a thread of its own, while its client waits.
//!
//! A thread gets all that it needs when it begins, and never sees the registry. It owns the Kafka
//! clients that it makes, and ends them itself: that may take seconds, which the registry's thread
//! has not.

mod encoding;
mod guess;
mod peek;
mod place;
mod preview;
mod produce;
mod reader;
mod shown;
mod topics;

pub(super) use peek::peek;
pub(super) use place::Place;
pub(super) use preview::{Previewed, preview};
pub(super) use produce::produce;
pub(super) use topics::topics;

use super::Reply;
use super::waiting::Answerer;
use crate::command::CommandError;
use crate::kafka::{Consumer, Failure, TopicsError, consumer_config};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a client waits for its answer.
pub(super) const TIME: Duration = Duration::from_secs(10);

/// How long an inquiry takes at most: its own words come before "no answer".
const WORK: Duration = Duration::from_secs(9);

/// How long a broker may take for one answer.
const ASK: Duration = Duration::from_secs(5);

/// So many inquiries run at once.
const LIMIT: usize = 8;

/// The threads that ask Kafka for clients.
#[derive(Default)]
pub struct Inquiries {
    threads: Vec<JoinHandle<()>>,
    /// Raised when all of them are to end.
    ending: Arc<AtomicBool>,
}

/// One inquiry under way, as its thread sees it.
pub(super) struct Inquiry {
    deadline: Instant,
    answerer: Answerer,
    ending: Arc<AtomicBool>,
}

/// What an inquiry answers.
pub(super) type Answer = Result<Reply, CommandError>;

impl Inquiries {
    /// Refuses one more where too many run.
    pub(super) fn check_room(&mut self) -> Result<(), CommandError> {
        self.threads.retain(|thread| !thread.is_finished());
        if self.threads.len() < LIMIT {
            return Ok(());
        }
        let problem = format!("{LIMIT} commands ask Kafka already");
        Err(CommandError::new(problem).hint("try again in a moment"))
    }

    /// Runs an inquiry on a thread of its own; its client is answered in any case.
    pub(super) fn begin(
        &mut self,
        command: &'static str,
        answerer: Answerer,
        inquire: impl FnOnce(&Inquiry) -> Answer + Send + 'static,
    ) {
        let deadline = Instant::now() + WORK;
        let inquiry = Inquiry { deadline, answerer, ending: self.ending.clone() };
        // Linux keeps 15 characters of a thread's name.
        let name = command.to_ascii_lowercase().replace('.', "-").chars().take(15).collect();
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let answer = catch_unwind(AssertUnwindSafe(|| inquire(&inquiry)));
            let reply = match answer {
                Ok(Ok(reply)) => reply,
                Ok(Err(error)) => Reply::Error(error.of(command).to_string()),
                Err(_) => {
                    Reply::Error(format!("ERR {command}: internal error, see the server's log"))
                }
            };
            inquiry.answerer.give(reply);
        });
        match thread {
            Ok(thread) => self.threads.push(thread),
            // The client hears that no answer was found, as the answerer is gone.
            Err(error) => log::error!("{command}: no thread could be started: {error}"),
        }
    }

    /// Ends all of them, and waits for their threads until `deadline`; whether all ended.
    pub(super) fn end(&mut self, deadline: Instant) -> bool {
        self.ending.store(true, Ordering::Release);
        while self.threads.iter().any(|thread| !thread.is_finished()) {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // A thread that panicked has said so.
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
        self.ending.store(false, Ordering::Release);
        true
    }
}

impl Inquiry {
    /// Whether nobody waits for the answer any more.
    fn is_over(&self) -> bool {
        self.answerer.is_void()
            || self.ending.load(Ordering::Acquire)
            || Instant::now() >= self.deadline
    }

    /// How long the next question to a broker may take.
    fn ask(&self) -> Duration {
        self.left().min(ASK)
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// A consumer of a place, which commits nothing.
    fn consumer(&self, place: &Place) -> Result<Consumer, CommandError> {
        let config = consumer_config(&place.connection, &place.profiles, &place.group)
            .map_err(|error| CommandError::new(error.to_string()))?;
        Consumer::connect(&config).map_err(failed)
    }
}

fn failed(failure: Failure) -> CommandError {
    CommandError::new(failure.to_string())
}

fn refused(error: TopicsError) -> CommandError {
    CommandError::new(error.to_string())
}
