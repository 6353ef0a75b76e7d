//! Records that Kafka has lost in several partitions at once, and the lag of
//! subscriptions that a person must settle.

use std::collections::BTreeSet;

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::{Load, send_texts};
use redis_kafka_tests::server::{Append, RedisServer};
use redis_kafka_tests::subject::Subject;

redis_kafka_tests::for_each_subject!(
    gaps_in_several_partitions_are_told_and_skipped_together,
    a_stopped_subscription_shows_a_lag_that_grows,
    stopped_at_a_gap_it_shows_its_figures_after_a_restart,
);

/// How many records each of the two partitions loses.
const LOST: i64 = 3;

/// The sequence numbers of all streams.
fn applied(server: &RedisServer) -> Vec<u64> {
    let streams = server.keys("s:*");
    let mut seqs: Vec<u64> = streams
        .iter()
        .flat_map(|key| server.stream(key))
        .map(|entry| entry["seq"].parse().expect("a number"))
        .collect();
    seqs.sort();
    seqs
}

/// Drops the next records that the subscription would read of a partition;
/// their sequence numbers, and the words the reason must have.
fn lose(kafka: &Kafka, topic: &str, partition: i32, next: i64) -> (Vec<u64>, String) {
    let earliest = next + LOST;
    let records = kafka.read(topic, partition);
    let lost = records.iter().filter(|(offset, ..)| (next..earliest).contains(offset));
    let seqs: Vec<u64> = lost
        .map(|(_, _, value)| {
            let text = String::from_utf8_lossy(value);
            let number = text.trim_start_matches("{\"seq\":").split(',').next();
            number.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no seq in {text}"))
        })
        .collect();
    assert_eq!(seqs.len() as i64, LOST);
    kafka.delete_records(topic, partition, earliest);
    let words = format!(
        "{topic}/{partition}: {LOST} records are gone from Kafka (retention): the ledger's next offset is {next}, the earliest kept is {earliest}"
    );
    (seqs, words)
}

fn gaps_in_several_partitions_are_told_and_skipped_together(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("gaps", 3);
    let server = subject.setup().start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(200);
    oracle::check(&server, kafka, &load);
    server.ok(&format!("KAFKA.PAUSE {SUBSCRIPTION}"));
    load.send(200);
    let info = server.subscription(SUBSCRIPTION);
    let next = |wanted: i64| {
        info.partitions.iter().find(|p| p.partition == wanted).expect("the partition").next
    };
    let lost = [0, 2].map(|partition| lose(kafka, &topic, partition, next(partition.into())));
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));

    let info = server.wait_state(SUBSCRIPTION, "stopped");
    let list = server.text("KAFKA.LIST");
    for (_, words) in &lost {
        assert!(info.reason.contains(words), "'{words}' in {info:#?}");
        assert!(list.contains(words), "'{words}' in {list}");
    }
    assert!(!info.reason.contains(&format!("{topic}/1")), "{info:#?}");
    assert!(info.action.contains(&format!("KAFKA.RESUME {SUBSCRIPTION} SKIP")), "{info:#?}");
    let error = server.refused(&format!("KAFKA.RESUME {SUBSCRIPTION} DEADLETTER"));
    assert!(error.contains(&format!("KAFKA.RESUME {SUBSCRIPTION} SKIP")), "{error}");
    let info = server.subscription(SUBSCRIPTION);
    assert_eq!((info.state.as_str(), info.counters.consumed), ("stopped", 200), "{info:#?}");

    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION} SKIP"));
    load.send(100);
    server.wait_applied(SUBSCRIPTION);
    let gone: BTreeSet<u64> = lost.iter().flat_map(|(seqs, _)| seqs).copied().collect();
    let expected: Vec<u64> = (0..load.sent()).filter(|seq| !gone.contains(seq)).collect();
    assert_eq!(applied(&server), expected);
    let info = server.subscription(SUBSCRIPTION);
    info.counters.check();
    assert_eq!(info.counters.applied, 500 - 2 * LOST, "{info:#?}");
    for partition in &info.partitions {
        partition.counters.check();
        let (_, end) = kafka.watermarks(&topic, partition.partition as i32);
        assert_eq!(partition.next, end, "{info:#?}");
    }
}

fn a_stopped_subscription_shows_a_lag_that_grows(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("stopped-lag", 1);
    let good = |seq: u64| format!(r#"{{"key":"a","seq":{seq}}}"#);
    send_texts(kafka, &topic, &[&good(0), "{not json", &good(2)]);
    let server = subject.setup().start();
    oracle::declare(&server, kafka, &topic, "");
    server.wait_state(SUBSCRIPTION, "stopped");
    server.wait_lag(SUBSCRIPTION, 2);
    for seq in 3..8 {
        send_texts(kafka, &topic, &[&good(seq)]);
    }
    server.wait_lag(SUBSCRIPTION, 7);
    assert_eq!(server.listed(SUBSCRIPTION, "state"), "stopped");
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION} SKIP"));
    server.wait_applied(SUBSCRIPTION);
    server.wait_lag(SUBSCRIPTION, 0);
    assert_eq!(applied(&server), [0, 2, 3, 4, 5, 6, 7]);
}

fn stopped_at_a_gap_it_shows_its_figures_after_a_restart(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("gap-restart", 1);
    let mut server = subject.setup().append(Append::Always).start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(10);
    oracle::check(&server, kafka, &load);
    server.kill();
    load.send(20);
    kafka.delete_records(&topic, 0, 17);
    server.start_again();
    let info = server.wait_state(SUBSCRIPTION, "stopped");
    assert!(info.reason.contains("7 records are gone"), "{info:#?}");
    server.wait_lag(SUBSCRIPTION, 20);
    load.send(5);
    server.wait_lag(SUBSCRIPTION, 25);
    let info = server.subscription(SUBSCRIPTION);
    assert_eq!((info.counters.consumed, info.partitions[0].next), (10, 10), "{info:#?}");
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION} SKIP"));
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(server.subscription(SUBSCRIPTION).counters.applied, 35 - 7);
}
