//! The consumer against librdkafka's own mock cluster: a broker in this process.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};

use super::*;

const PATIENCE: Duration = Duration::from_secs(15);
const ASK: Duration = Duration::from_secs(5);

pub(super) type Cluster = MockCluster<'static, DefaultProducerContext>;

/// A broker with these topics.
pub(super) fn cluster(topics: &[(&str, i32)]) -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    for (topic, partitions) in topics {
        cluster.create_topic(topic, *partitions, 1).unwrap();
    }
    cluster
}

fn consumer(servers: &str) -> Consumer {
    let connection = Connection::brokers(servers).unwrap();
    let config = consumer_config(&connection, &Profiles::empty(), "redis-kafka.test").unwrap();
    Consumer::connect(&config).unwrap()
}

fn produce(cluster: &Cluster, topic: &str, partition: i32, values: impl Iterator<Item = String>) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("queue.buffering.max.messages", "1000000")
        .create()
        .unwrap();
    for value in values {
        let headers = OwnedHeaders::new()
            .insert(Header { key: "X", value: Some("old") })
            .insert(Header { key: "null", value: None::<&str> })
            .insert(Header { key: "X", value: Some("new") });
        let record = BaseRecord::to(topic)
            .partition(partition)
            .key("k")
            .payload(&value)
            .timestamp(1_763_690_000_000)
            .headers(headers);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

fn from(topic: &str, partition: i32, next: i64) -> Assignment {
    Assignment { topic: topic.to_owned(), partition, next, leader_epoch: None }
}

/// Fetches until `count` events are there; answers (slot, offset, value) of the records.
fn take(consumer: &mut Consumer, count: usize) -> Vec<(usize, i64, String)> {
    let mut batch = Batch::new();
    let mut taken = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while taken.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} came", taken.len());
        consumer.fetch(&mut batch, 100, Duration::from_millis(200)).unwrap();
        for event in batch.events() {
            match event {
                Event::Record(record) => {
                    let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                    taken.push((record.slot, record.offset, value));
                }
                Event::Problem { slot, problem } => panic!("{slot:?}: {problem:?}"),
            }
        }
    }
    taken
}

fn next_problem(consumer: &mut Consumer) -> (Option<usize>, Problem) {
    let mut batch = Batch::new();
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        consumer.fetch(&mut batch, 100, Duration::from_millis(200)).unwrap();
        for event in batch.events() {
            if let Event::Problem { slot, problem } = event {
                return (slot, problem);
            }
        }
    }
    panic!("no problem was reported");
}

#[test]
fn topics_are_listed_matched_and_missed_by_name() {
    let cluster = cluster(&[("measurements", 3), ("rides", 1)]);
    let consumer = consumer(&cluster.bootstrap_servers());
    let list = |text| consumer.topics(&Topics::list(text).unwrap(), ASK);
    let found = list("rides,measurements").unwrap();
    let shape: Vec<_> = found.iter().map(|t| (t.name.as_str(), t.partitions.len())).collect();
    assert_eq!(shape, [("rides", 1), ("measurements", 3)]);
    let words = list("measurments").unwrap_err().to_string();
    assert_eq!(words, "topic 'measurments' does not exist; did you mean 'measurements'?");
    let matched = consumer.topics(&Topics::pattern("mea.*").unwrap(), ASK).unwrap();
    assert_eq!(matched.len(), 1);
    assert_eq!(matched[0].partitions, [0, 1, 2]);
    let none = consumer.topics(&Topics::pattern("x+").unwrap(), ASK).unwrap_err();
    assert_eq!(none.to_string(), "no topic matches 'x+'");
}

#[test]
fn an_unreachable_broker_is_told_with_what_to_check() {
    // A port that was free a moment ago: nothing listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let consumer = consumer(&format!("127.0.0.1:{port}"));
    let topics = Topics::list("a").unwrap();
    let error = consumer.topics(&topics, Duration::from_secs(1)).unwrap_err();
    assert!(matches!(error, TopicsError::Unreachable(_)), "{error:?}");
    let words = error.to_string();
    assert!(
        words.contains("Connection refused") && words.contains("advertised.listeners"),
        "{words}"
    );
    assert_eq!(consumer.last_problem().unwrap().kind, ProblemKind::Transport);
    let started = Instant::now();
    drop(consumer);
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[test]
fn records_arrive_whole_and_positions_follow() {
    let cluster = cluster(&[("a", 2)]);
    produce(&cluster, "a", 1, (0..10).map(|n| format!("v{n}")));
    let mut consumer = consumer(&cluster.bootstrap_servers());
    consumer.assign(&[from("a", 0, 0), from("a", 1, 4)]).unwrap();
    assert_eq!(consumer.position(1), None);
    let mut batch = Batch::new();
    let deadline = Instant::now() + PATIENCE;
    while batch.is_empty() && Instant::now() < deadline {
        consumer.fetch(&mut batch, 100, Duration::from_millis(200)).unwrap();
    }
    let Some(Event::Record(record)) = batch.events().next() else {
        panic!("no record came");
    };
    assert_eq!((record.slot, record.offset), (1, 4));
    assert_eq!(record.key, Some(&b"k"[..]));
    assert_eq!(record.value, Some(&b"v4"[..]));
    assert_eq!(record.timestamp_ms, Some(1_763_690_000_000));
    assert_eq!(record.header(b"X"), Some(Some(&b"new"[..])));
    assert_eq!(record.header(b"null"), Some(None));
    assert_eq!(record.header(b"absent"), None);
    assert_eq!(record.headers().count(), 3);
    let rest = 6 - batch.len();
    take(&mut consumer, rest);
    assert_eq!(consumer.position(1), Some(10));
    assert_eq!(consumer.position(0), None);
    assert_eq!(consumer.cached_end("a", 1), Some(10));
    let ends = consumer.watermarks("a", 1, ASK).unwrap();
    assert_eq!(ends, Watermarks { earliest: 0, end: 10 });
    // The batch outlives its consumer.
    drop(consumer);
    assert_eq!(record.value, Some(&b"v4"[..]));
}

#[test]
fn a_new_assignment_forgets_the_old_one() {
    let cluster = cluster(&[("a", 1), ("b", 1)]);
    produce(&cluster, "a", 0, (0..2000).map(|n| format!("a{n}")));
    produce(&cluster, "b", 0, (0..10).map(|n| format!("b{n}")));
    let mut consumer = consumer(&cluster.bootstrap_servers());
    consumer.assign(&[from("a", 0, 0)]).unwrap();
    assert_eq!(take(&mut consumer, 1)[0].1, 0);
    for round in 0..20 {
        let start = 100 + round;
        consumer.assign(&[from("b", 0, 9), from("a", 0, start)]).unwrap();
        let records = take(&mut consumer, 2);
        let first = records.iter().find(|(slot, ..)| *slot == 1);
        if let Some((_, offset, value)) = first {
            assert_eq!((*offset, value.as_str()), (start, format!("a{start}").as_str()));
        }
        assert!(records.iter().all(|(slot, offset, _)| *slot == 1 || *offset == 9));
    }
    consumer.unassign().unwrap();
    let mut batch = Batch::new();
    consumer.fetch(&mut batch, 100, Duration::from_millis(300)).unwrap();
    assert!(batch.is_empty());
}

#[test]
fn out_of_range_names_the_partition_and_does_not_go_on() {
    let cluster = cluster(&[("a", 2)]);
    produce(&cluster, "a", 0, (0..5).map(|n| n.to_string()));
    let mut consumer = consumer(&cluster.bootstrap_servers());
    consumer.assign(&[from("a", 1, 0), from("a", 0, 77)]).unwrap();
    let (slot, problem) = next_problem(&mut consumer);
    assert_eq!(slot, Some(1));
    assert_eq!(problem.kind, ProblemKind::OutOfRange, "{problem:?}");
    assert_eq!(problem.offset, Some(77));
    assert_eq!(consumer.position(1), None, "a problem is no progress");
    consumer.assign(&[from("a", 0, 3)]).unwrap();
    let offsets: Vec<i64> = take(&mut consumer, 2).iter().map(|r| r.1).collect();
    assert_eq!(offsets, [3, 4]);
}

/// An error's offset is none that was read: not even if nobody took the error.
#[test]
fn what_a_former_assignment_left_behind_moves_no_position() {
    let cluster = cluster(&[("a", 2)]);
    produce(&cluster, "a", 0, (0..5).map(|n| n.to_string()));
    let mut consumer = consumer(&cluster.bootstrap_servers());
    let mut batch = Batch::new();
    for _ in 0..3 {
        consumer.assign(&[from("a", 0, 77), from("a", 1, 77)]).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while batch.is_empty() && Instant::now() < deadline {
            consumer.fetch(&mut batch, 1, Duration::from_millis(200)).unwrap();
        }
        assert!(matches!(batch.events().next(), Some(Event::Problem { .. })));
        batch.clear();
        // The other one is queued by librdkafka's main thread before that answers this.
        consumer.topics(&Topics::list("a").unwrap(), ASK).unwrap();
        consumer.unassign().unwrap();
        consumer.assign(&[from("a", 0, 0), from("a", 1, 0)]).unwrap();
        assert_eq!((consumer.position(0), consumer.position(1)), (None, None));
        take(&mut consumer, 5);
        assert_eq!((consumer.position(0), consumer.position(1)), (Some(5), None));
    }
}

#[test]
fn a_waker_ends_a_waiting_fetch_also_after_the_end() {
    let cluster = cluster(&[("a", 1)]);
    let mut consumer = consumer(&cluster.bootstrap_servers());
    consumer.assign(&[from("a", 0, 0)]).unwrap();
    let waker = consumer.waker();
    let other = waker.clone();
    let started = Instant::now();
    let thread = std::thread::spawn(move || other.wake());
    let mut batch = Batch::new();
    consumer.fetch(&mut batch, 100, Duration::from_secs(60)).unwrap();
    assert!(batch.is_empty() && started.elapsed() < PATIENCE);
    thread.join().unwrap();
    drop(consumer);
    waker.wake();
}

#[test]
fn commits_are_read_back() {
    let cluster = cluster(&[("a", 2)]);
    let consumer = consumer(&cluster.bootstrap_servers());
    let partitions = [("a", 0), ("a", 1)];
    assert_eq!(consumer.committed(&partitions, ASK).unwrap(), [None, None]);
    let commit = Commit { topic: "a", partition: 1, next: 42, leader_epoch: None };
    consumer.commit(&[commit]).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while consumer.committed(&partitions, ASK).unwrap() != [None, Some(42)] {
        assert!(Instant::now() < deadline, "{:?}", consumer.last_problem());
    }
}

#[test]
fn a_wrong_setting_is_named() {
    let mut config = ClientConfig::new();
    config.set("security.protocol", "TSL").set("group.id", "g");
    let error = Consumer::connect(&config).err().unwrap().to_string();
    assert!(error.contains("security.protocol"), "{error}");
    config = ClientConfig::new();
    config.set("bootstrap.servers", "127.0.0.1:1");
    let error = Consumer::connect(&config).err().unwrap().to_string();
    assert!(error.contains("group.id"), "{error}");
}

/// Every record once, in order, from batches that reuse their buffer; prints the rate.
#[test]
fn a_hundred_thousand_records_once_and_in_order() {
    const COUNT: i64 = 100_000;
    let cluster = cluster(&[("a", 1)]);
    produce(&cluster, "a", 0, (0..COUNT).map(|n| n.to_string()));
    let mut consumer = consumer(&cluster.bootstrap_servers());
    let first = consumer.watermarks("a", 0, ASK).unwrap().earliest;
    consumer.assign(&[from("a", 0, first)]).unwrap();
    let mut batch = Batch::new();
    let mut next = first;
    let started = Instant::now();
    while next < COUNT && started.elapsed() < PATIENCE {
        consumer.fetch(&mut batch, 4096, Duration::from_millis(200)).unwrap();
        for event in batch.events() {
            let Event::Record(record) = event else {
                panic!("a problem");
            };
            assert_eq!(record.offset, next);
            assert_eq!(record.value, Some(next.to_string().as_bytes()));
            next += 1;
        }
    }
    assert_eq!(next, COUNT);
    println!("{} records in {:?}", COUNT - first, started.elapsed());
}
