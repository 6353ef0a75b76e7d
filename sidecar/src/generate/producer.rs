//! Sending records, and counting what the brokers acknowledge.

use futures_executor::block_on;
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;

/// How long brokers may take to answer at the start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a record may take to be acknowledged.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the others are still waited for when one has failed.
const FAILED_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait between two looks at whether to stop.
const SLICE: Duration = Duration::from_millis(100);

/// Why records could not be sent.
#[derive(Debug, Error)]
pub enum ProducerError {
    /// No broker answered.
    #[error("no broker of {brokers} answered within {} s: {error}; is the address right, and Kafka running? (redis-kafka broker starts one to try out)", CONNECT_TIMEOUT.as_secs())]
    Unreachable {
        /// The bootstrap brokers.
        brokers: String,
        /// librdkafka's reason.
        error: KafkaError,
    },
    /// The topic is not there and is not made by itself.
    #[error("topic '{topic}' is not ready on {brokers}: {reason}; --create PARTITIONS creates one")]
    Topic {
        /// The topic.
        topic: String,
        /// The bootstrap brokers.
        brokers: String,
        /// The brokers' reason.
        reason: String,
    },
    /// The topic could not be created.
    #[error("topic '{topic}' could not be created: {reason}{}", hint(.reason))]
    Create {
        /// The topic.
        topic: String,
        /// The brokers' reason.
        reason: String,
    },
    /// A record was refused before it was sent.
    #[error("a record was not accepted: {0}")]
    Send(KafkaError),
    /// Brokers refused records, or did not acknowledge them in time.
    #[error("{failed} of {sent} records were not delivered; the first: {first}")]
    Undelivered {
        /// How many were not.
        failed: u64,
        /// How many were sent.
        sent: u64,
        /// The first one's reason.
        first: String,
    },
    /// librdkafka took no such client.
    #[error("no producer for {brokers}: {error}")]
    Client {
        /// The bootstrap brokers.
        brokers: String,
        /// librdkafka's reason.
        error: KafkaError,
    },
}

fn hint(reason: &str) -> &'static str {
    // How librdkafka fails on brokers that lack the request, as its own mock cluster does.
    let lacking = ["OperationTimedOut", "UnsupportedFeature"];
    match lacking.iter().any(|code| reason.contains(code)) {
        true => {
            "; an embedded broker makes its topics at the start: redis-kafka broker --topic NAME:PARTITIONS"
        }
        false => "",
    }
}

/// Counts what became of the records sent.
#[derive(Default)]
struct Deliveries {
    delivered: AtomicU64,
    failed: AtomicU64,
    first_error: Mutex<Option<String>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.delivered.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, record)) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                if let Ok(mut first) = self.first_error.lock() {
                    first.get_or_insert_with(|| {
                        format!("{error} (partition {})", record.partition())
                    });
                }
            }
        }
    }
}

/// Sends records to one topic, from one thread.
pub struct RecordProducer {
    producer: BaseProducer<Deliveries>,
    topic: String,
    sent: u64,
}

impl RecordProducer {
    /// Connects by `config` (to `brokers`, for messages) and waits until `topic` is there, at most 10 s; with `create`, it is
    /// made with so many partitions (and the brokers' default replication) where it is missing.
    ///
    /// # Errors
    /// No broker answers, or there is no such topic.
    pub fn connect(
        mut config: ClientConfig,
        brokers: &str,
        topic: &str,
        create: Option<i32>,
    ) -> Result<RecordProducer, ProducerError> {
        config
            .set("client.id", "redis-kafka-generate")
            .set("message.timeout.ms", DELIVERY_TIMEOUT.as_millis().to_string());
        let client = |error| ProducerError::Client { brokers: brokers.to_owned(), error };
        let producer: BaseProducer<Deliveries> =
            config.create_with_context(Deliveries::default()).map_err(client)?;
        let producer = RecordProducer { producer, topic: topic.to_owned(), sent: 0 };
        if let Some(partitions) = create
            && !producer.topic_exists(brokers)?
        {
            create_topic(&config.create().map_err(client)?, topic, partitions)?;
        }
        producer.wait_for_topic(brokers)?;
        Ok(producer)
    }

    /// Asks for all topics: asking for this one may already make it, with another number of
    /// partitions.
    fn topic_exists(&self, brokers: &str) -> Result<bool, ProducerError> {
        let metadata =
            self.producer.client().fetch_metadata(None, CONNECT_TIMEOUT).map_err(|error| {
                ProducerError::Unreachable { brokers: brokers.to_owned(), error }
            })?;
        Ok(metadata.topics().iter().any(|topic| topic.name() == self.topic))
    }

    /// A topic just made, by `--create` or by the brokers on first sight, has no leader yet.
    fn wait_for_topic(&self, brokers: &str) -> Result<(), ProducerError> {
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        loop {
            let metadata =
                self.producer.client().fetch_metadata(Some(&self.topic), CONNECT_TIMEOUT).map_err(
                    |error| ProducerError::Unreachable { brokers: brokers.to_owned(), error },
                )?;
            let topic = metadata.topics().iter().find(|topic| topic.name() == self.topic);
            let reason = match topic {
                Some(topic) => match topic.error() {
                    None if !topic.partitions().is_empty() => return Ok(()),
                    None => "it has no partitions".to_owned(),
                    Some(error) => RDKafkaErrorCode::from(error).to_string(),
                },
                None => "the brokers do not name it".to_owned(),
            };
            if Instant::now() >= deadline {
                return Err(ProducerError::Topic {
                    topic: self.topic.clone(),
                    brokers: brokers.to_owned(),
                    reason,
                });
            }
            self.producer.poll(SLICE);
        }
    }

    /// Sends one record; waits while librdkafka's queue is full, as long as `go_on` says so
    /// (and drops the record when it does not).
    ///
    /// # Errors
    /// The record is too large, or an earlier one was not delivered.
    pub fn send(
        &mut self,
        key: Option<&[u8]>,
        value: &[u8],
        go_on: impl Fn() -> bool,
    ) -> Result<(), ProducerError> {
        let mut record = BaseRecord::to(&self.topic).payload(value);
        record.key = key;
        while go_on() {
            record = match self.producer.send(record) {
                Ok(()) => {
                    self.sent += 1;
                    self.producer.poll(Duration::ZERO);
                    break;
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), record)) => {
                    self.producer.poll(SLICE);
                    record
                }
                Err((error, _)) => return Err(ProducerError::Send(error)),
            };
            self.check()?;
        }
        self.check()
    }

    /// Lets `wait` pass, but 1 ms at least and a tenth of a second at most, then takes the
    /// acknowledgements that came.
    pub fn idle(&self, wait: Duration) {
        // Not poll(wait): it spins through the last part of a millisecond, at high rates all of it.
        thread::sleep(wait.clamp(Duration::from_millis(1), SLICE));
        self.producer.poll(Duration::ZERO);
    }

    /// Waits until every record sent is acknowledged or has failed: 30 s at most, and once one
    /// has failed 3 s.
    ///
    /// # Errors
    /// Some were not delivered.
    pub fn finish(&self) -> Result<(), ProducerError> {
        let limit = if self.check().is_ok() { DELIVERY_TIMEOUT } else { FAILED_TIMEOUT };
        if let Err(error) = self.producer.flush(limit) {
            log::debug!("flush ended early: {error}");
        }
        self.check()?;
        match self.sent - self.delivered() {
            0 => Ok(()),
            failed => Err(ProducerError::Undelivered {
                failed,
                sent: self.sent,
                first: "no answer from the brokers in time".to_owned(),
            }),
        }
    }

    /// How many records the brokers have acknowledged.
    pub fn delivered(&self) -> u64 {
        self.producer.context().delivered.load(Ordering::Relaxed)
    }

    /// How many records were handed to librdkafka.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    fn check(&self) -> Result<(), ProducerError> {
        let deliveries = self.producer.context();
        match deliveries.failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            failed => {
                let first = deliveries.first_error.lock().ok().and_then(|first| first.clone());
                Err(ProducerError::Undelivered {
                    failed,
                    sent: self.sent,
                    first: first.unwrap_or_default(),
                })
            }
        }
    }
}

fn create_topic(
    admin: &AdminClient<DefaultClientContext>,
    topic: &str,
    partitions: i32,
) -> Result<(), ProducerError> {
    let refused = |reason: String| ProducerError::Create { topic: topic.to_owned(), reason };
    let options = AdminOptions::new()
        .operation_timeout(Some(CONNECT_TIMEOUT))
        .request_timeout(Some(CONNECT_TIMEOUT));
    // -1 is the brokers' default (since Kafka 2.4).
    let topics = [NewTopic::new(topic, partitions, TopicReplication::Fixed(-1))];
    let results = block_on(admin.create_topics(&topics, &options))
        .map_err(|error| refused(error.to_string()))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, error)) => return Err(refused(error.to_string())),
        }
    }
    Ok(())
}
