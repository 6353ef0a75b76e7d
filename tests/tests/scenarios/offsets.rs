//! Kafka's offsets: gaps, transactions, retention, topics re-created, where a
//! subscription starts, partitions that appear later.

use std::time::Duration;

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::{Load, Outcome, send_raw, send_texts, transact, value};
use redis_kafka_tests::server::{Append, RedisServer};
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::{wait_for, wait_until};

redis_kafka_tests::for_each_subject!(
    transactions_aborted_and_committed,
    compaction_gaps,
    retention_passed_the_ledger,
    topic_created_anew,
    start_latest_is_resolved_once,
);

redis_kafka_tests::for_module_and_sidecar!(
    start_at_an_offset_and_at_a_time,
    partitions_and_topics_that_appear_later_start_at_their_beginning,
    the_group_witnesses_what_was_applied,
    a_commit_without_a_ledger_stops,
);

fn transactions_aborted_and_committed(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("transactions", 2);
    let mut server = subject.setup().append(Append::Always).start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    let aborted: Vec<(String, String)> =
        (0..50).map(|n| (format!("k{}", n % 16), value(1_000_000 + n, "aborted"))).collect();
    for _ in 0..3 {
        load.send(20).send_transaction(kafka, 30);
        transact(kafka, &topic, Outcome::Abort, &aborted);
        // The tail is nothing but aborted records and control records.
        oracle::check(&server, kafka, &load);
    }
    server.kill_and_start();
    oracle::check(&server, kafka, &load);
    // A session that finds nothing else comes to the end all the same.
    server.ok(&format!("KAFKA.PAUSE {SUBSCRIPTION}"));
    transact(kafka, &topic, Outcome::Abort, &aborted);
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    oracle::check(&server, kafka, &load);
    assert_eq!(server.keys("*aborted*"), [""; 0]);
}

/// Compaction leaves gaps between offsets, and here at the tail as well: a
/// transaction's marker stands behind the last record.
fn compaction_gaps(subject: Subject) {
    let kafka = Kafka::shared();
    let config = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "50"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("max.compaction.lag.ms", "100"),
    ];
    let topic = kafka.topic_with("compacted", 1, &config);
    let mut seq = 0;
    wait_until("compaction", Duration::from_secs(60), || {
        for key in ["a", "b", "c"] {
            let value = format!(r#"{{"key":"{key}","seq":{seq}}}"#);
            send_raw(kafka, &topic, &[(Some(key), Some(value.as_bytes()))]);
            seq += 1;
        }
        (kafka.read(&topic, 0).len() as i64) < kafka.watermarks(&topic, 0).1
    });
    transact(kafka, &topic, Outcome::Commit, &[("a".into(), r#"{"key":"a","seq":"last"}"#.into())]);
    let server = subject.setup().start();
    oracle::declare(&server, kafka, &topic, "");
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(server.hash("h:a")["seq"], "last");
    assert_eq!(server.keys("h:*"), ["h:a", "h:b", "h:c"]);
    let info = server.subscription(SUBSCRIPTION);
    info.counters.check();
    assert!(info.counters.consumed < info.partitions[0].next, "gaps were met: {info:#?}");
    wait_until("the ledger to stand at Kafka's end", Duration::from_secs(10), || {
        server.subscription(SUBSCRIPTION).partitions[0].next == kafka.watermarks(&topic, 0).1
    });
}

/// A subscription that applied the first ten records of one partition and is
/// paused there.
fn ten_applied(subject: Subject, topic: &str) -> (RedisServer, Load) {
    let kafka = Kafka::shared();
    let server = subject.setup().start();
    oracle::declare(&server, kafka, topic, "");
    let mut load = Load::new(kafka, topic);
    load.send(10);
    server.wait_applied(SUBSCRIPTION);
    server.ok(&format!("KAFKA.PAUSE {SUBSCRIPTION}"));
    (server, load)
}

fn stopped_at(server: &RedisServer, words: &[&str]) {
    let info = server.wait_state(SUBSCRIPTION, "stopped");
    for word in words {
        assert!(info.reason.contains(word), "'{word}' in {info:#?}");
    }
    assert!(!info.action.is_empty(), "{info:#?}");
    assert_eq!(info.counters.consumed, 10, "{info:#?}");
    assert_eq!(info.partitions[0].next, 10, "{info:#?}");
}

fn retention_passed_the_ledger(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("retained", 1);
    let (server, mut load) = ten_applied(subject, &topic);
    load.send(20);
    kafka.delete_records(&topic, 0, 17);
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    // Offsets 10 to 16 are gone: seven records.
    stopped_at(&server, &[&format!("{topic}/0"), "10", "17", "7 records"]);
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION} SKIP"));
    server.wait_applied(SUBSCRIPTION);
    let info = server.subscription(SUBSCRIPTION);
    info.counters.check();
    assert_eq!((info.counters.applied, info.partitions[0].next), (10 + 13, 30), "{info:#?}");
}

fn topic_created_anew(subject: Subject) {
    let kafka = Kafka::shared();
    for records in [5, 25] {
        let topic = kafka.topic("anew", 1);
        let (server, _) = ten_applied(subject, &topic);
        kafka.delete_topic(&topic);
        kafka.create_topic(&topic, 1, &[]);
        let mut load = Load::new(kafka, &topic);
        load.send(records);
        server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
        let words = format!(
            "topic '{topic}' was deleted and made anew: the ledger of {topic}/0 stands at 10 of the former topic, the new one holds 0 to {records}"
        );
        stopped_at(&server, &[&words]);
        server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION} SKIP"));
        server.wait_applied(SUBSCRIPTION);
        let info = server.subscription(SUBSCRIPTION);
        info.counters.check();
        let records = records as i64;
        assert_eq!((info.counters.applied, info.partitions[0].next), (10 + records, records));
        // The former topic's ten, then each record of the new one.
        for key in server.keys("s:*") {
            let of = |sent: u64| (0..sent).filter(|seq| load.key(*seq) == key[2..]);
            let expected: Vec<String> =
                of(10).chain(of(load.sent())).map(|seq| seq.to_string()).collect();
            let found: Vec<String> =
                server.stream(&key).iter().map(|entry| entry["seq"].clone()).collect();
            assert_eq!(found, expected, "{key}");
        }
        load.send(10);
        server.wait_applied(SUBSCRIPTION);
        assert_eq!(server.subscription(SUBSCRIPTION).counters.applied, 20 + records);
    }
}

/// LATEST is an offset in the ledger before the first record comes: what is
/// sent while Redis is down is not jumped over.
fn start_latest_is_resolved_once(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("latest", 1);
    send_texts(kafka, &topic, &[r#"{"key":"a","seq":"old"}"#]);
    let mut server = subject.setup().append(Append::Always).start();
    oracle::declare(&server, kafka, &topic, "START LATEST");
    wait_for("the start in the ledger", Duration::from_secs(20), || {
        let next = server.text(&format!("HGET kafka:ledger:{SUBSCRIPTION}:{topic}/0 next"));
        if next == "1" { Ok(()) } else { Err(next) }
    });
    server.kill();
    send_texts(kafka, &topic, &[r#"{"key":"a","seq":"new"}"#]);
    server.start_again();
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(server.stream("s:a").len(), 1);
    assert_eq!(server.hash("h:a")["seq"], "new");
}

fn start_at_an_offset_and_at_a_time(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("positions", 1);
    for seq in 0..10 {
        send_texts(kafka, &topic, &[&format!(r#"{{"key":"a","seq":{seq}}}"#)]);
    }
    for (start, first) in
        [("OFFSET 7", Some("7")), ("TIMESTAMP -1h", Some("0")), ("EARLIEST", Some("0"))]
    {
        let server = subject.setup().start();
        oracle::declare(&server, kafka, &topic, &format!("START {start}"));
        server.wait_applied(SUBSCRIPTION);
        let entries = server.stream("s:a");
        assert_eq!(entries.first().map(|e| e["seq"].as_str()), first, "START {start}");
        assert_eq!(entries.last().map(|e| e["seq"].as_str()), Some("9"), "START {start}");
    }
}

fn partitions_and_topics_that_appear_later_start_at_their_beginning(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("growing", 1);
    let server = subject.setup().start();
    let brokers = kafka.brokers();
    server.ok(&format!(
        "KAFKA.SUBSCRIBE {SUBSCRIPTION} PATTERN \"^{topic}(-more)?$\" BROKERS {brokers} START LATEST PAUSED"
    ));
    oracle::declare_routes(&server);
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    wait_until("the first partition", Duration::from_secs(20), || {
        server.subscription(SUBSCRIPTION).partitions.len() == 1
    });
    kafka.add_partitions(&topic, 2);
    let more = format!("{topic}-more");
    kafka.create_topic(&more, 1, &[]);
    send_texts(kafka, &more, &[r#"{"key":"more","seq":0}"#]);
    let mut load = Load::new(kafka, &topic);
    load.send(100);
    server.wait_consumed(SUBSCRIPTION, 101);
    server.line("DEL s:more h:more");
    oracle::check_data(&server, &load);
}

fn the_group_witnesses_what_was_applied(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("group", 1);
    let server = subject.setup().start();
    oracle::declare(&server, kafka, &topic, "");
    Load::new(kafka, &topic).send(10);
    server.wait_applied(SUBSCRIPTION);
    let group = server.subscription(SUBSCRIPTION).group;
    assert!(group.starts_with("redis-kafka.rides."), "{group}");
    wait_for("the commit", Duration::from_secs(30), || {
        let committed = kafka.committed(&group, &topic, 0);
        if committed == Some(10) { Ok(()) } else { Err(committed) }
    });
}

/// A commit under the subscription's group without a ledger: its Redis lost
/// what it had applied.
fn a_commit_without_a_ledger_stops(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("witness", 1);
    let first = subject.setup().start();
    oracle::declare(&first, kafka, &topic, "GROUP witness");
    Load::new(kafka, &topic).send(10);
    first.wait_applied(SUBSCRIPTION);
    wait_until("the commit", Duration::from_secs(30), || {
        kafka.committed("witness", &topic, 0) == Some(10)
    });
    drop(first);
    let second = subject.setup().start();
    oracle::declare(&second, kafka, &topic, "GROUP witness");
    let info = second.wait_state(SUBSCRIPTION, "stopped");
    assert!(info.reason.contains("witness") && info.reason.contains("ledger"), "{info:#?}");
    assert_eq!(info.counters.consumed, 0);
}
