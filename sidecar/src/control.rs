//! The way to the thread that owns the registry of subscriptions: ports and pages ask, it answers.

use crossbeam_channel::Sender;
use redis_kafka_engine::control::{Reply, SubscriptionReport};
use tokio::sync::oneshot;

/// What is asked of the registry's thread.
pub enum Request {
    /// A command of a client: its words, the database the client chose, and where the answer goes.
    Command {
        /// The command's name and arguments.
        words: Vec<Vec<u8>>,
        /// The client's database.
        database: i32,
        /// Dropped when the client is gone.
        answer: oneshot::Sender<Reply>,
    },
    /// What there is to say of every subscription.
    Snapshot(oneshot::Sender<Snapshot>),
    /// Something has changed: look.
    Wake,
    /// End: finish units, leave the groups.
    End,
}

/// What the sidecar does at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its subscriptions, by name.
    pub subscriptions: Vec<SubscriptionReport>,
    /// Why Redis cannot be used now; none when it answers.
    pub redis: Option<String>,
    /// Why subscriptions stand by here, if they do.
    pub standby: Option<String>,
}

/// A handle to the registry's thread; cheap to clone.
#[derive(Debug, Clone)]
pub struct Control(Sender<Request>);

/// The registry's thread has ended: the process is about to.
#[derive(Debug, thiserror::Error)]
#[error("the process is ending")]
pub struct Ending;

impl Control {
    /// A handle that sends to the registry's thread.
    pub fn new(sender: Sender<Request>) -> Control {
        Control(sender)
    }

    /// Runs a command; KAFKA.WAIT and KAFKA.SUBSCRIBE are answered after a while.
    pub async fn command(&self, words: Vec<Vec<u8>>, database: i32) -> Result<Reply, Ending> {
        let (answer, reply) = oneshot::channel();
        self.0.send(Request::Command { words, database, answer }).map_err(|_| Ending)?;
        reply.await.map_err(|_| Ending)
    }

    /// What there is to say of every subscription.
    pub async fn snapshot(&self) -> Result<Snapshot, Ending> {
        let (answer, reply) = oneshot::channel();
        self.0.send(Request::Snapshot(answer)).map_err(|_| Ending)?;
        reply.await.map_err(|_| Ending)
    }

    /// Has the thread look at what has changed.
    pub fn wake(&self) {
        // A thread that has ended need not look.
        let _ = self.0.send(Request::Wake);
    }

    /// Has the thread end.
    pub fn end(&self) {
        // As above.
        let _ = self.0.send(Request::End);
    }
}
