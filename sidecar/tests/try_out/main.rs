//! The built program as its users run it: an embedded broker, records generated into it, read
//! back by a consumer of the test's own.

mod avro;
mod json;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use redis_kafka_tests::wait::{wait_for, wait_until};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_redis-kafka");
const DEADLINE: Duration = Duration::from_secs(30);

/// A child process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Running {
    fn start(arguments: &[&str]) -> Running {
        let child = Command::new(PROGRAM)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Running(child.unwrap())
    }

    fn first_line(&mut self) -> String {
        let mut line = String::new();
        let out = self.0.stdout.as_mut().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Sends the signal, waits for the end; whether it was a success, and standard error.
    fn stop_with(&mut self, signal: &str) -> (bool, String) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let (status, stderr) = self.end(DEADLINE);
        (status.success(), stderr)
    }

    /// Waits for the end; how it came, and standard error.
    fn end(&mut self, deadline: Duration) -> (ExitStatus, String) {
        let status = wait_for("the end of redis-kafka", deadline, || {
            self.0.try_wait().unwrap().ok_or("it goes on")
        });
        let mut stderr = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (status, stderr)
    }
}

fn broker(arguments: &[&str]) -> (Running, String) {
    let mut broker = Running::start(&[&["broker"], arguments].concat());
    let address = broker.first_line();
    assert!(address.starts_with("127.0.0.1:"), "{address:?}");
    (broker, address)
}

fn generate(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).arg("generate").args(arguments).output().unwrap()
}

struct Received {
    key: Option<String>,
    value: Vec<u8>,
    partition: i32,
}

fn consumer(brokers: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "test")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap()
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> usize {
    consumer.fetch_metadata(Some(topic), DEADLINE).unwrap().topics()[0].partitions().len()
}

/// All records of the topic, once there are `count`.
fn read(brokers: &str, topic: &str, count: i64) -> Vec<Received> {
    let consumer = consumer(brokers);
    let mut list = rdkafka::TopicPartitionList::new();
    let mut expected = 0;
    for partition in 0..partitions(&consumer, topic) as i32 {
        expected += consumer.fetch_watermarks(topic, partition, DEADLINE).unwrap().1;
        list.add_partition_offset(topic, partition, rdkafka::Offset::Beginning).unwrap();
    }
    assert_eq!(expected, count, "records by the broker's own high watermarks");
    consumer.assign(&list).unwrap();
    let deadline = Instant::now() + DEADLINE;
    let mut records = Vec::new();
    while (records.len() as i64) < count {
        assert!(Instant::now() < deadline, "{} of {count} records", records.len());
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message.unwrap();
        records.push(Received {
            key: message.key().map(|key| String::from_utf8(key.to_vec()).unwrap()),
            value: message.payload().unwrap().to_vec(),
            partition: message.partition(),
        });
    }
    records
}

/// Waits until partition 0 of `topic` holds `count` records.
fn wait_for_records(consumer: &BaseConsumer, topic: &str, count: i64) {
    wait_until("records", DEADLINE, || {
        consumer.fetch_watermarks(topic, 0, DEADLINE).unwrap().1 >= count
    });
}
