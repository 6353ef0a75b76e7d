//! `kafka:definitions` lost and restored under a subscription that runs: it
//! stops by name, tells the way out, and goes on when the key is back.

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::client::{Protocol, expect_ok};
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::Load;
use redis_kafka_tests::reply::{Info, items};
use redis_kafka_tests::server::{Append, RedisServer};
use redis_kafka_tests::subject::Subject;

const KEY: &str = "kafka:definitions";

redis_kafka_tests::for_each_subject!(
    flushed_definitions_refuse_to_resume,
    deleted_definitions_stop_and_are_restored,
    definitions_set_again_run_after_a_reload,
    definitions_moved_away_and_back,
    declared_again_over_the_ledger,
);

/// A server that applied forty records.
fn running(subject: Subject) -> (RedisServer, Load) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("definitions", 2);
    let server = subject.setup().append(Append::Everysec).start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(40);
    oracle::check(&server, kafka, &load);
    (server, load)
}

/// It is stopped for the lost definition, says so, and refuses to go on.
fn stopped_without_definition(server: &RedisServer) -> Info {
    let info = server.wait_state(SUBSCRIPTION, "stopped");
    assert!(info.reason.contains("definition is gone from kafka:definitions"), "{info:#?}");
    for words in ["restore kafka:definitions", "KAFKA.UNSUBSCRIBE"] {
        assert!(info.action.contains(words), "{info:#?}");
    }
    for settle in ["", " SKIP", " DEADLETTER"] {
        let error = server.refused(&format!("KAFKA.RESUME {SUBSCRIPTION}{settle}"));
        assert!(error.starts_with("ERR KAFKA.RESUME: "), "{error}");
        for words in ["definition is gone", "restore kafka:definitions", "KAFKA.UNSUBSCRIBE"] {
            assert!(error.contains(words), "{error}");
        }
    }
    // A refused RESUME has stored nothing, and what is gone is no ghost.
    assert_eq!(server.keys(KEY), [""; 0]);
    assert!(server.refused("KAFKA.INFO every").contains("every"));
    let routes = server.info_of(SUBSCRIPTION, "routes").expect("routes");
    assert_eq!(items(&routes).len(), 0, "{routes:?}");
    assert_eq!(server.info_field("kafka", "kafka_stopped").as_deref(), Some("1"));
    assert_eq!(server.info_field("kafka", "kafka_routes").as_deref(), Some("0"));
    info
}

/// What Kafka gets now is seen in the lag, and not consumed.
fn consumes_nothing(server: &RedisServer, load: &mut Load) {
    load.send(40);
    server.wait_lag(SUBSCRIPTION, 40);
    let info = server.subscription(SUBSCRIPTION);
    assert_eq!((info.state.as_str(), info.counters.consumed), ("stopped", 40), "{info:#?}");
}

fn flushed_definitions_refuse_to_resume(subject: Subject) {
    let (server, mut load) = running(subject);
    server.ok("FLUSHALL");
    stopped_without_definition(&server);
    load.send(40);
    server.ok(&format!("KAFKA.UNSUBSCRIBE {SUBSCRIPTION}"));
    assert_eq!(server.text("KAFKA.LIST"), "");
    // Sidecars leave word for one another for a day.
    let mut keys = server.keys("*");
    keys.retain(|key| key != "kafka:definitions:ended:rides");
    assert_eq!(keys, [""; 0], "nothing was written after the flush");
    oracle::declare(&server, Kafka::shared(), load.topic(), "");
    oracle::check(&server, Kafka::shared(), &load);
}

fn deleted_definitions_stop_and_are_restored(subject: Subject) {
    let (mut server, mut load) = running(subject);
    assert_eq!(server.number(&format!("COPY {KEY} backup")), 1);
    assert_eq!(server.number(&format!("DEL {KEY}")), 1);
    stopped_without_definition(&server);
    consumes_nothing(&server, &mut load);
    server.ok(&format!(
        "EVAL \"return redis.call('RESTORE', KEYS[1], 0, redis.call('DUMP', KEYS[2]))\" 2 {KEY} backup"
    ));
    oracle::check(&server, Kafka::shared(), &load);
    // And it is whole: it goes on after a restart.
    server.kill_and_start();
    load.send(40);
    oracle::check(&server, Kafka::shared(), &load);
}

fn definitions_set_again_run_after_a_reload(subject: Subject) {
    let (server, mut load) = running(subject);
    let saved = server.hash(KEY);
    assert_eq!(saved.len(), 3, "{saved:?}");
    server.line(&format!("UNLINK {KEY}"));
    stopped_without_definition(&server);
    consumes_nothing(&server, &mut load);
    let mut client = server.connect(Protocol::Resp3);
    for (name, definition) in &saved {
        client.send(&["HSET", KEY, name, definition]).expect("HSET");
    }
    expect_ok("DEBUG RELOAD", client.line("DEBUG RELOAD"));
    oracle::check(&server, Kafka::shared(), &load);
    assert_eq!(server.subscription(SUBSCRIPTION).state, "running");
}

fn definitions_moved_away_and_back(subject: Subject) {
    let (server, mut load) = running(subject);
    server.ok(&format!("RENAME {KEY} elsewhere"));
    stopped_without_definition(&server);
    consumes_nothing(&server, &mut load);
    server.ok(&format!("RENAME elsewhere {KEY}"));
    oracle::check(&server, Kafka::shared(), &load);
}

/// The ledger is still there: the same SUBSCRIBE goes on where it was.
fn declared_again_over_the_ledger(subject: Subject) {
    let (mut server, mut load) = running(subject);
    server.line(&format!("DEL {KEY}"));
    stopped_without_definition(&server);
    consumes_nothing(&server, &mut load);
    let brokers = Kafka::shared().brokers();
    server.ok(&format!(
        "KAFKA.SUBSCRIBE {SUBSCRIPTION} TOPIC {} BROKERS {brokers} PAUSED",
        load.topic()
    ));
    server.wait_state(SUBSCRIPTION, "paused");
    server.ok(&format!("KAFKA.ROUTE every FROM {SUBSCRIPTION} TO STREAM \"s:%{{key}}\" NOW"));
    server.ok(&format!("KAFKA.ROUTE last FROM {SUBSCRIPTION} TO HASH \"h:%{{key}}\" NOW"));
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    oracle::check(&server, Kafka::shared(), &load);
    server.kill_and_start();
    load.send(40);
    oracle::check(&server, Kafka::shared(), &load);
}
