//! A producer whose messages count once all replicas in sync have them.
//!
//! Messages are sent in *shipments*: the messages of one unit. librdkafka's own thread keeps sending
//! and repeating; a thread of the producer counts what comes back, so that the sender may do other
//! things meanwhile.

use super::native::Waker;
use super::problem::{Failure, Problem, ProblemKind, Reports};
use parking_lot::{Condvar, Mutex};
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaRespErr as Code;
use std::collections::VecDeque;
use std::time::Duration;

/// Bits of a message's tag that number it within its shipment.
const NUMBER_BITS: u32 = 24;

/// Failures of one shipment that are kept; those left out come again when it is sent again.
const FAILURES_KEPT: usize = 64;

/// Where a message comes from, told in its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'s> {
    /// Topic name.
    pub topic: &'s str,
    /// Partition number.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// A message to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing<'m> {
    /// The topic's name.
    pub topic: &'m str,
    /// Its key; none for a null key.
    pub key: Option<&'m [u8]>,
    /// Its value; none for a tombstone.
    pub value: Option<&'m [u8]>,
    /// What its headers tell.
    pub headers: Told<'m>,
}

/// A header: its name and its value; none is Kafka's null.
pub type HeaderText<'m> = (&'m str, Option<&'m [u8]>);

/// What the headers of a message tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told<'m> {
    /// Where it comes from.
    Source(Source<'m>),
    /// These, of a message that is to have the time of the record it comes from, in ms since 1970.
    Given(&'m [HeaderText<'m>], Option<i64>),
}

/// The headers that name a message's source.
const HEADERS: [&str; 3] = ["redis-kafka.topic", "redis-kafka.partition", "redis-kafka.offset"];

/// What became of a message handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way.
    Queued,
    /// There is no room: hand it over again later.
    Full,
}

/// How a shipment goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Some of its messages are under way.
    Pending,
    /// All replicas in sync have all of it.
    Done,
    /// Some messages are refused for what they are, and will always be: their numbers and why.
    Refused(Vec<(usize, Problem)>),
    /// It failed for something that may heal: the number of a message, and why.
    Failed(usize, Problem),
}

#[derive(Debug)]
struct Tally {
    shipment: usize,
    pending: usize,
    failures: Vec<(usize, Problem)>,
}

/// What the producer's thread reports and the sender reads.
struct Deliveries {
    reports: Reports,
    tallies: Mutex<VecDeque<Tally>>,
    changed: Condvar,
    waker: Waker,
}

impl Deliveries {
    fn settle(&self, shipment: usize, number: usize, failure: Option<Problem>) {
        let mut tallies = self.tallies.lock();
        let Some(tally) = tallies.iter_mut().find(|tally| tally.shipment == shipment) else {
            return;
        };
        tally.pending = tally.pending.saturating_sub(1);
        if let Some(problem) = failure
            && tally.failures.len() < FAILURES_KEPT
        {
            tally.failures.push((number, problem));
        }
        if tally.pending == 0 {
            self.changed.notify_all();
            drop(tallies);
            self.waker.wake();
        }
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, words: &str) {
        self.reports.log(level as i32, facility, words);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reports.error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    /// The shipment and the message's number in it.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        let failure = result.as_ref().err().map(|(error, _)| Problem::of(error));
        self.settle(tag >> NUMBER_BITS, tag & ((1 << NUMBER_BITS) - 1), failure);
    }
}

/// Whether no repeating helps: the message itself is refused.
fn is_refused(problem: &Problem) -> bool {
    const REFUSALS: [Code; 4] = [
        Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        Code::RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
        Code::RD_KAFKA_RESP_ERR_INVALID_RECORD,
        Code::RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
    ];
    REFUSALS.iter().any(|code| *code as i32 == problem.code)
}

fn owned(told: Told<'_>) -> OwnedHeaders {
    match told {
        Told::Source(source) => {
            let (mut partition, mut offset) = (itoa::Buffer::new(), itoa::Buffer::new());
            let values =
                [source.topic, partition.format(source.partition), offset.format(source.offset)];
            let headers = OwnedHeaders::new_with_capacity(HEADERS.len());
            HEADERS.iter().zip(values).fold(headers, |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value) })
            })
        }
        Told::Given(all, _) => {
            let headers = OwnedHeaders::new_with_capacity(all.len());
            all.iter().fold(headers, |headers, (key, value)| {
                headers.insert(Header { key, value: *value })
            })
        }
    }
}

/// A producer. Used by one thread. Dropping it throws away what is under way, in about half a
/// second at most.
pub struct Producer {
    client: ThreadedProducer<Deliveries>,
    shipments: usize,
}

impl Producer {
    /// Makes the client; connects in the background, so an unreachable broker is no error here.
    /// `config` is what [`super::producer_config`] answers; `waker` is called when a shipment is
    /// settled.
    pub fn connect(config: &ClientConfig, waker: Waker) -> Result<Producer, Failure> {
        let deliveries = Deliveries {
            reports: Reports::new(),
            tallies: Mutex::default(),
            changed: Condvar::new(),
            waker,
        };
        let client =
            config.create_with_context(deliveries).map_err(|error| Failure::no_client(&error))?;
        Ok(Producer { client, shipments: 0 })
    }

    fn deliveries(&self) -> &Deliveries {
        self.client.client().context()
    }

    /// Whether the topic can be written to; a broker that makes topics by itself is asked to.
    /// Blocks up to `timeout`.
    pub fn check_topic(&self, topic: &str, timeout: Duration) -> Result<(), Problem> {
        let metadata = self
            .client
            .client()
            .fetch_metadata(Some(topic), timeout)
            .map_err(|error| self.cause(Problem::of(&error)))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found.and_then(|found| found.error()) {
            Some(code) => Err(Problem::of_code(code.into())),
            None if found.is_some_and(|found| !found.partitions().is_empty()) => Ok(()),
            None => Err(Problem::new(
                Code::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE as i32,
                "it has no partitions yet",
            )),
        }
    }

    /// What is behind an answer that did not come: what the connection last complained of.
    fn cause(&self, problem: Problem) -> Problem {
        match problem.kind {
            ProblemKind::Transport => self.last_problem().unwrap_or(problem),
            _ => problem,
        }
    }

    /// The last problem reported, whatever has happened since.
    pub fn last_problem(&self) -> Option<Problem> {
        self.deliveries().reports.last()
    }

    /// Announces a shipment of so many messages, and gives its number.
    pub fn begin(&mut self, messages: usize) -> usize {
        self.shipments += 1;
        let shipment = self.shipments;
        let tally = Tally { shipment, pending: messages, failures: Vec::new() };
        self.deliveries().tallies.lock().push_back(tally);
        shipment
    }

    /// Whether a shipment is not settled, or nobody has asked yet how it went.
    pub fn is_busy(&self) -> bool {
        !self.deliveries().tallies.lock().is_empty()
    }

    /// Hands over message `number` (from 0) of a shipment. One that is refused at once settles as
    /// one that is refused later.
    pub fn send(&self, shipment: usize, number: usize, message: &Outgoing<'_>) -> Sent {
        let Outgoing { topic, key, value, headers } = *message;
        let timestamp = match headers {
            Told::Source(_) => None,
            Told::Given(_, timestamp) => timestamp,
        };
        let record = BaseRecord {
            topic,
            partition: None,
            payload: value,
            key,
            timestamp,
            headers: Some(owned(headers)),
            delivery_opaque: shipment << NUMBER_BITS | number,
        };
        match self.client.send(record) {
            Ok(()) => Sent::Queued,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Sent::Full,
            Err((error, _)) => {
                self.deliveries().settle(shipment, number, Some(Problem::of(&error)));
                Sent::Queued
            }
        }
    }

    /// How a shipment goes. One that is not pending is forgotten by this.
    pub fn delivery(&self, shipment: usize) -> Delivery {
        let mut tallies = self.deliveries().tallies.lock();
        let Some(at) = tallies.iter().position(|tally| tally.shipment == shipment) else {
            return Delivery::Done;
        };
        if tallies.get(at).is_some_and(|tally| tally.pending > 0) {
            return Delivery::Pending;
        }
        let failures = tallies.remove(at).map(|tally| tally.failures).unwrap_or_default();
        drop(tallies);
        match failures.iter().find(|(_, problem)| !is_refused(problem)) {
            None if failures.is_empty() => Delivery::Done,
            // Refused ones are told first: the others fail with them, as they share a batch.
            _ if failures.iter().any(|(_, problem)| is_refused(problem)) => {
                let refused = failures.into_iter().filter(|(_, problem)| is_refused(problem));
                Delivery::Refused(refused.collect())
            }
            Some((number, problem)) => Delivery::Failed(*number, problem.clone()),
            None => Delivery::Done,
        }
    }

    /// Waits until a shipment is settled, this one or another, or the time is up.
    pub fn wait(&self, shipment: Option<usize>, time: Duration) {
        let deliveries = self.deliveries();
        let mut tallies = deliveries.tallies.lock();
        let is_settled = |tally: &Tally| Some(tally.shipment) == shipment && tally.pending == 0;
        if !tallies.iter().any(is_settled) {
            // Too late or not, the caller looks itself.
            let _ = deliveries.changed.wait_for(&mut tallies, time);
        }
    }
}

#[cfg(test)]
mod tests;
