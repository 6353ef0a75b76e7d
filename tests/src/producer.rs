//! Records into Kafka: a numbered load, transactions, and single odd records.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer,
};

use crate::broker::Kafka;
use crate::wait::elapse;

const TIMEOUT: Duration = Duration::from_secs(120);

/// A record of the load: a sequence number no other record of its topic has,
/// and the key (`k0`..) that picks its partition, stream and hash.
pub fn value(seq: u64, key: &str) -> String {
    format!(r#"{{"seq":{seq},"key":"{key}","note":"record {seq} of {key}"}}"#)
}

/// Numbered records of one topic: `seq` counts from 0 without a gap.
pub struct Load {
    producer: ThreadedProducer<Failures>,
    failures: Arc<AtomicU64>,
    topic: String,
    keys: u64,
    sent: u64,
}

impl Load {
    /// A load for `topic` over 16 keys.
    pub fn new(kafka: &Kafka, topic: &str) -> Load {
        Load::with_keys(kafka, topic, 16)
    }

    pub fn with_keys(kafka: &Kafka, topic: &str, keys: u64) -> Load {
        let failures = Arc::new(AtomicU64::new(0));
        let mut config = kafka.client();
        // Sent exactly once and in order across a killed broker.
        config
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "120000")
            .set("linger.ms", "2");
        let producer = config.create_with_context(Failures(failures.clone())).expect("a producer");
        Load { producer, failures, topic: topic.into(), keys, sent: 0 }
    }

    /// How many records there are: `0..sent`.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The key of a record.
    pub fn key(&self, seq: u64) -> String {
        // Fibonacci hashing: neighbours in the sequence get unlike keys.
        format!("k{}", (seq.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % self.keys)
    }

    /// Sends the next `count` records and waits for Kafka to have them.
    pub fn send(&mut self, count: u64) -> &mut Load {
        self.enqueue(count);
        self.flush();
        self
    }

    /// Leaves out the next `count` sequence numbers of the plain load and
    /// sends them in a transaction.
    pub fn send_transaction(&mut self, kafka: &Kafka, count: u64) {
        let records: Vec<(String, String)> = (self.sent..self.sent + count)
            .map(|seq| (self.key(seq), value(seq, &self.key(seq))))
            .collect();
        transact(kafka, &self.topic, Outcome::Commit, &records);
        self.sent += count;
    }

    /// Keeps sending about `rate` records a second until it is stopped.
    pub fn start(mut self, rate: u64) -> Background {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                self.enqueue((rate / 100).max(1));
                elapse(Duration::from_millis(10));
            }
            self.flush();
            self
        });
        Background { stop, thread: Some(thread) }
    }

    fn enqueue(&mut self, count: u64) {
        for seq in self.sent..self.sent + count {
            let key = self.key(seq);
            send_waiting(&self.producer, &self.topic, &key, &value(seq, &key));
        }
        self.sent += count;
    }

    fn flush(&self) {
        self.producer.flush(TIMEOUT).expect("flush the producer");
        assert_eq!(self.failures.load(Ordering::Relaxed), 0, "records that Kafka did not take");
    }
}

fn send_waiting(producer: &ThreadedProducer<Failures>, topic: &str, key: &str, value: &str) {
    use rdkafka::error::{KafkaError, RDKafkaErrorCode};
    let mut record = BaseRecord::to(topic).key(key).payload(value);
    loop {
        match producer.send(record) {
            Ok(()) => return,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                record = again;
                elapse(Duration::from_millis(5));
            }
            Err((error, _)) => panic!("produce: {error}"),
        }
    }
}

/// A load that runs until it is stopped.
pub struct Background {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Load>>,
}

impl Background {
    /// Stops the load and waits until Kafka has every record of it.
    pub fn stop(mut self) -> Load {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("not stopped yet").join().expect("the load")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Counts the records that Kafka finally refused.
struct Failures(Arc<AtomicU64>);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        if let Err((error, _)) = result {
            println!("delivery: {error}");
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Commit,
    Abort,
}

/// Sends (key, value) records in one transaction: afterwards each partition
/// touched ends with a control record.
pub fn transact(kafka: &Kafka, topic: &str, outcome: Outcome, records: &[(String, String)]) {
    let id = format!("tests-{}-{}", topic, rand::random::<u64>());
    let producer: BaseProducer =
        kafka.client().set("transactional.id", id).create().expect("a producer");
    producer.init_transactions(TIMEOUT).expect("init transactions");
    producer.begin_transaction().expect("begin a transaction");
    for (key, value) in records {
        producer
            .send(BaseRecord::to(topic).key(key).payload(value))
            .map_err(|(e, _)| e)
            .expect("send");
    }
    producer.flush(TIMEOUT).expect("flush");
    match outcome {
        Outcome::Commit => producer.commit_transaction(TIMEOUT).expect("commit"),
        Outcome::Abort => producer.abort_transaction(TIMEOUT).expect("abort"),
    }
    kafka.wait_stable(topic);
}

/// A record as it is: (key, value), `None` for Kafka's null.
pub type Raw<'r> = (Option<&'r str>, Option<&'r [u8]>);

/// Sends single records to partition 0, as they are.
pub fn send_raw(kafka: &Kafka, topic: &str, records: &[Raw<'_>]) {
    send_each(kafka, records.iter().map(|record| (topic, *record)));
}

/// Sends records, each to partition 0 of its topic, through one producer.
pub fn send_each<'r>(kafka: &Kafka, records: impl Iterator<Item = (&'r str, Raw<'r>)>) {
    let mut config = kafka.client();
    config.set("message.max.bytes", "33554432").set("enable.idempotence", "true");
    let failures = Arc::new(AtomicU64::new(0));
    let producer: ThreadedProducer<Failures> =
        config.create_with_context(Failures(failures.clone())).expect("a producer");
    for (topic, (key, value)) in records {
        let mut record: BaseRecord<'_, str, [u8]> = BaseRecord::to(topic).partition(0);
        record.key = key;
        record.payload = value;
        producer.send(record).map_err(|(e, _)| e).expect("send");
    }
    producer.flush(TIMEOUT).expect("flush");
    assert_eq!(failures.load(Ordering::Relaxed), 0, "records that Kafka did not take");
}

/// [`send_raw`] of texts without keys.
pub fn send_texts(kafka: &Kafka, topic: &str, values: &[&str]) {
    let records: Vec<_> = values.iter().map(|v| (None, Some(v.as_bytes()))).collect();
    send_raw(kafka, topic, &records);
}

/// Sends one record without a key to partition 0, with a header.
pub fn send_with_header(kafka: &Kafka, topic: &str, header: (&str, &[u8]), value: &[u8]) {
    use rdkafka::message::{Header, OwnedHeaders};
    let producer: BaseProducer = kafka.client().create().expect("a producer");
    let headers = OwnedHeaders::new().insert(Header { key: header.0, value: Some(header.1) });
    let record: BaseRecord<'_, str, [u8]> =
        BaseRecord::to(topic).partition(0).payload(value).headers(headers);
    producer.send(record).map_err(|(error, _)| error).expect("send");
    producer.flush(TIMEOUT).expect("flush");
}
