//! JOIN: what is known of hashes from earlier batches, and every way in which they may change.

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::oracle::declare_paused;
use redis_kafka_tests::producer::{Load, send_texts};
use redis_kafka_tests::server::RedisServer;
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::elapse;
use std::time::Duration;

redis_kafka_tests::for_each_subject!(
    a_hash_that_stays_is_looked_up_once: not_sidecar "over a connection no event tells that a hash has changed: a sidecar asks for each batch",
    every_change_of_a_client_is_seen_by_the_next_record,
    a_hash_with_a_time_to_live_is_gone_when_that_is_over,
    what_takes_the_place_of_a_hash_stops_at_the_record,
    what_another_subscription_writes_is_seen,
    another_database_and_another_data_set_are_seen,
    what_is_joined_never_goes_back,
);

const ENRICHED: &str = r#"STREAM enriched JOIN HASH "product:%{id}" AS p SELECT "n, coalesce(p.name, 'none') AS name""#;

/// A subscription `rides` that joins, and its topic.
fn joining(server: &RedisServer) -> String {
    let kafka = Kafka::shared();
    let topic = kafka.topic("kept", 1);
    declare_paused(server, kafka, ("rides", &topic), "", &[ENRICHED]);
    server.ok("KAFKA.RESUME rides");
    topic
}

/// Sends a record that joins product 1: the name that it has come to.
fn name_now(server: &RedisServer, topic: &str) -> String {
    send_texts(Kafka::shared(), topic, &[r#"{"n":1,"id":1}"#]);
    server.wait_applied("rides");
    let mut entries = server.stream("enriched");
    entries.pop().expect("an entry")["name"].clone()
}

fn hits(server: &RedisServer) -> u64 {
    let hits = server.info_field("stats", "keyspace_hits").expect("a counter");
    hits.parse().expect("a number")
}

/// Redis counts each look-up of an existing key.
fn a_hash_that_stays_is_looked_up_once(subject: Subject) {
    let server = subject.setup_of_units(4).start();
    server.line("HSET product:1 name one");
    let topic = joining(&server);
    assert_eq!(name_now(&server, &topic), "one");
    let before = hits(&server);
    let records: Vec<String> = (0..1000).map(|n| format!(r#"{{"n":{n},"id":1}}"#)).collect();
    send_texts(Kafka::shared(), &topic, &records.iter().map(String::as_str).collect::<Vec<_>>());
    server.wait_applied("rides");
    let looked_up = hits(&server) - before;
    assert_eq!(server.number("XLEN enriched"), 1001);
    // 250 batches; what else reads keys is the definitions' and the test's own.
    assert!(looked_up < 100, "{looked_up} look-ups");
}

fn every_change_of_a_client_is_seen_by_the_next_record(subject: Subject) {
    let server = subject.setup().start();
    let topic = joining(&server);
    for (command, expected) in [
        ("HSET product:1 name one", "one"),
        ("HSET product:1 name two other x", "two"),
        ("HDEL product:1 name", "none"),
        ("HSETNX product:1 name three", "three"),
        ("DEL product:1", "none"),
        ("HINCRBY product:1 name 4", "4"),
        ("HINCRBYFLOAT product:1 name 0.5", "4.5"),
        ("RENAME product:1 aside", "none"),
        ("COPY aside product:1", "4.5"),
        ("HMSET product:1 name five", "five"),
        ("RENAME aside product:1", "4.5"),
        ("MOVE product:1 3", "none"),
        (r#"EVAL "return redis.call('HSET', KEYS[1], 'name', 'six')" 1 product:1"#, "six"),
        ("UNLINK product:1", "none"),
        ("HSET product:1 name seven", "seven"),
        ("EXPIREAT product:1 1", "none"),
    ] {
        server.line(command);
        assert_eq!(name_now(&server, &topic), expected, "{command}");
    }
    let mut client = server.connect(redis_kafka_tests::client::Protocol::Resp2);
    for line in ["MULTI", "HSET product:1 name eight", "HSET product:1 name nine", "EXEC"] {
        client.line(line).expect("a transaction");
    }
    assert_eq!(name_now(&server, &topic), "nine");
}

/// No event comes while active expiry is off: the key is taken away by whoever looks at it next.
fn a_hash_with_a_time_to_live_is_gone_when_that_is_over(subject: Subject) {
    let server = subject.setup().config("enable-debug-command", "yes").start();
    server.line("DEBUG SET-ACTIVE-EXPIRE 0");
    let topic = joining(&server);
    server.line("HSET product:1 name one");
    assert_eq!(name_now(&server, &topic), "one");
    server.line("PEXPIRE product:1 300");
    // Joined while it lives, then again when its time is over.
    name_now(&server, &topic);
    elapse(Duration::from_millis(350));
    assert_eq!(name_now(&server, &topic), "none");
    server.line("HSET product:1 name two");
    server.line("PEXPIRE product:1 100000");
    assert_eq!(name_now(&server, &topic), "two");
    server.line("PERSIST product:1");
    assert_eq!(name_now(&server, &topic), "two");
    server.line("HSET product:1 name three");
    assert_eq!(name_now(&server, &topic), "three");
}

fn what_takes_the_place_of_a_hash_stops_at_the_record(subject: Subject) {
    let server = subject.setup().start();
    let topic = joining(&server);
    server.line("SADD members m");
    server.line("ZADD scores 1 m");
    server.line("RPUSH elements m");
    for (stands, command) in [
        ("HSET product:1 name one", "SET product:1 text"),
        ("HSET product:1 name one", "SUNIONSTORE product:1 members"),
        ("HSET product:1 name one", "ZUNIONSTORE product:1 1 scores"),
        ("HSET product:1 name one", "SORT elements ALPHA STORE product:1"),
        ("HSET product:1 name one", "COPY elements product:1 REPLACE"),
        ("DEL product:1", "XADD product:1 * f v"),
        ("DEL product:1", "RPUSH product:1 m"),
    ] {
        server.line("DEL product:1");
        server.line(stands);
        let name = name_now(&server, &topic);
        assert_eq!(name, if stands.starts_with("DEL") { "none" } else { "one" });
        server.line(command);
        send_texts(Kafka::shared(), &topic, &[r#"{"n":2,"id":1}"#]);
        let info = server.wait_state("rides", "stopped");
        assert!(info.reason.contains("WRONGTYPE"), "{command}: {info:#?}");
        server.line("DEL product:1");
        server.ok("KAFKA.RESUME rides");
        server.wait_applied("rides");
    }
    server.subscription("rides").counters.check();
}

fn what_another_subscription_writes_is_seen(subject: Subject) {
    let server = subject.setup().start();
    let (kafka, topic) = (Kafka::shared(), joining(&server));
    let products = kafka.topic("products", 1);
    let brokers = kafka.brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE products TOPIC {products} BROKERS {brokers}"));
    server.ok(r#"KAFKA.ROUTE table FROM products TO HASH "product:%{id}" SELECT "name""#);
    assert_eq!(name_now(&server, &topic), "none");
    for name in ["one", "two"] {
        send_texts(kafka, &products, &[&format!(r#"{{"id":1,"name":"{name}"}}"#)]);
        server.wait_applied("products");
        assert_eq!(name_now(&server, &topic), name);
    }
    send_texts(kafka, &products, &[r#"{"id":1,"name":null}"#]);
    server.wait_applied("products");
    assert_eq!(name_now(&server, &topic), "none");
}

fn another_database_and_another_data_set_are_seen(subject: Subject) {
    let server = subject.setup().config("enable-debug-command", "yes").start();
    let topic = joining(&server);
    server.line("HSET product:1 name one");
    assert_eq!(name_now(&server, &topic), "one");
    let mut client = server.connect(redis_kafka_tests::client::Protocol::Resp2);
    client.line("SELECT 1").expect("a database");
    client.line("HSET product:1 name other").expect("a hash");
    assert_eq!(name_now(&server, &topic), "one", "of its own database");
    // The ledger and the definitions stand in both, so that the subscription goes on.
    for key in server.keys("kafka:*").into_iter().chain(["enriched".to_owned()]) {
        server.line(&format!("COPY {key} {key} DB 1"));
    }
    server.line("SWAPDB 0 1");
    assert_eq!(name_now(&server, &topic), "other");
    server.line("HSET product:1 name saved");
    server.line("SAVE");
    server.line("HSET product:1 name later");
    assert_eq!(name_now(&server, &topic), "later");
    server.line("DEBUG RELOAD NOSAVE");
    assert_eq!(name_now(&server, &topic), "saved");
    server.line("FLUSHALL");
    server.wait_state("rides", "stopped");
    server.ok("KAFKA.UNSUBSCRIBE rides");
    let topic = joining(&server);
    assert_eq!(name_now(&server, &topic), "none");
}

/// A client counts up while records come: each joins a count, and no later one a lower.
fn what_is_joined_never_goes_back(subject: Subject) {
    let server = subject.setup().start();
    let (kafka, topic) = (Kafka::shared(), Kafka::shared().topic("counted", 1));
    let route =
        r#"STREAM seen JOIN HASH "count:%{key}" AS c SELECT "seq, coalesce(c.n, '0') AS n""#;
    declare_paused(&server, kafka, ("rides", &topic), "", &[route]);
    server.ok("KAFKA.RESUME rides");
    let load = Load::with_keys(kafka, &topic, 1).start(5000);
    let mut counted = 0;
    let mut counting = || {
        counted = server.number("HINCRBY count:k0 n 1");
        counted
    };
    while server.subscription("rides").counters.consumed < 5000 {
        (0..20).for_each(|_| {
            counting();
        });
    }
    let last = counting();
    let mut load = load.stop();
    load.send(1);
    server.wait_applied("rides");
    let seen = server.stream("seen");
    assert_eq!(seen.len() as u64, load.sent());
    let counts: Vec<i64> = seen.iter().map(|entry| entry["n"].parse().expect("a count")).collect();
    assert!(counts.is_sorted(), "a later record has joined an earlier state");
    assert_eq!(counts.last(), Some(&last));
    let different = counts.chunk_by(|a, b| a == b).count();
    assert!(different > 10, "only {different} states were seen");
}
