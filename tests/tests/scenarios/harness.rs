//! The harness against itself: real Kafka and real Redis without the module.

use std::time::Duration;

use redis_kafka_tests::aof;
use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::oracle;
use redis_kafka_tests::producer::{Load, Outcome, send_raw, transact};
use redis_kafka_tests::proxy::{Proxy, Traffic};
use redis_kafka_tests::server::{Append, Setup};
use redis_kafka_tests::wait::wait_until;

#[test]
fn kafka_keeps_what_the_load_sends() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("load", 2);
    let mut load = Load::new(kafka, &topic);
    load.send(100).send_transaction(kafka, 10);
    transact(kafka, &topic, Outcome::Abort, &[("k1".into(), "aborted".into())]);
    let mut values: Vec<String> = (0..2)
        .flat_map(|partition| kafka.read(&topic, partition))
        .map(|(_, _, value)| String::from_utf8(value).unwrap())
        .collect();
    values.sort();
    let mut sent: Vec<String> =
        (0..110).map(|seq| redis_kafka_tests::producer::value(seq, &load.key(seq))).collect();
    sent.sort();
    assert_eq!(values, sent);
}

#[test]
fn a_killed_broker_comes_back_with_its_records() {
    let mut kafka = Kafka::start();
    let topic = kafka.topic("durable", 1);
    let mut load = Load::new(&kafka, &topic);
    load.send(50);
    let background = load.start(500);
    kafka.kill();
    kafka.restart();
    let load = background.stop();
    assert_eq!(kafka.read(&topic, 0).len() as u64, load.sent());
}

#[test]
fn retention_and_compaction_leave_gaps() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("retention", 1);
    Load::new(kafka, &topic).send(10);
    kafka.delete_records(&topic, 0, 4);
    assert_eq!(kafka.watermarks(&topic, 0), (4, 10));
    compacted_topic(kafka);
}

/// Keys overwritten and compacted away: fewer records than offsets.
fn compacted_topic(kafka: &Kafka) {
    let config = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "50"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("max.compaction.lag.ms", "100"),
    ];
    let topic = kafka.topic_with("compacted", 1, &config);
    wait_until("compaction", Duration::from_secs(60), || {
        send_raw(kafka, &topic, &[(Some("a"), Some(b"{}")), (Some("b"), Some(b"{}"))]);
        let records = kafka.read(&topic, 0).len() as i64;
        records < kafka.watermarks(&topic, 0).1
    });
}

#[test]
fn the_append_only_file_is_parsed_and_cut() {
    let mut server = Setup::plain().append(Append::Always).start();
    server.line("SET a 1");
    server.line("SET b \"two words\"");
    let file = aof::incremental(server.directory());
    let commands = aof::commands(&file);
    let names: Vec<String> = commands.iter().map(|c| c.name()).collect();
    assert_eq!(names, ["SELECT", "SET", "SET"]);
    assert_eq!(commands[2].words[2], b"two words");
    assert_eq!(commands[2].end, std::fs::metadata(&file).unwrap().len());
    server.kill();
    aof::cut(&file, commands[2].end - 1);
    server.start_again();
    assert_eq!(server.text("GET a"), "1");
    assert_eq!(server.keys("*"), ["a"]);
}

#[test]
fn a_stalled_proxy_holds_a_replica_back() {
    let primary = Setup::plain().start();
    let proxy = Proxy::start(primary.port());
    let replica = Setup::plain().start();
    replica.ok(&format!("REPLICAOF 127.0.0.1 {}", proxy.port()));
    let has = |key: &str| replica.number(&format!("EXISTS {key}")) == 1;
    primary.line("SET before 1");
    wait_until("the replica", Duration::from_secs(20), || has("before"));
    proxy.set(Traffic::Stall);
    primary.line("SET after 1");
    assert!(!has("after"));
    proxy.set(Traffic::Pass);
    wait_until("the replica", Duration::from_secs(20), || has("after"));
}

/// The oracle on data written by hand: right, then one entry doubled.
#[test]
fn the_oracle_sees_one_double_record() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("oracle", 1);
    let mut load = Load::with_keys(kafka, &topic, 3);
    load.send(30);
    let server = Setup::plain().start();
    for seq in 0..30 {
        let key = load.key(seq);
        server.line(&format!("XADD s:{key} * seq {seq}"));
        server.line(&format!("HSET h:{key} seq {seq}"));
    }
    oracle::check_data(&server, &load);
    server.line(&format!("XADD s:{} * seq 29", load.key(29)));
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        oracle::check_data(&server, &load);
    }));
    let message = *found.expect_err("a fault").downcast::<String>().expect("a message");
    assert_eq!(message, "s: of 30 records: 1 double, such as [29]");
}

#[test]
fn transactions_in_the_append_only_file_are_units() {
    let server = Setup::plain().append(Append::Always).start();
    for n in 0..4 {
        server.ok("MULTI");
        server.line(&format!("SET a {n}"));
        server.line(&format!("SET b {n}"));
        server.line("EXEC");
    }
    let commands = aof::commands(&aof::incremental(server.directory()));
    let units = aof::last_units(&commands, 2);
    let names = |unit: &[aof::Command]| unit.iter().map(|c| c.name()).collect::<Vec<_>>();
    assert_eq!(units.len(), 2);
    assert_eq!(names(units[1]), ["MULTI", "SET", "SET", "EXEC"]);
    assert_eq!(units[0][1].words[2], b"2");
}
