//! What is written to streams and hashes; below, what each target writes beside
//! the plain commands that do the same.

pub mod cells;
mod options;
pub mod rows;
pub mod table;
mod whole;

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::oracle;
use redis_kafka_tests::producer::{Load, send_raw};
use redis_kafka_tests::server::RedisServer;
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::watch::{Watch, fired};

redis_kafka_tests::for_each_subject!(
    streams_are_trimmed,
    hash_merge_and_overwrite,
    tombstones_delete_hashes,
    set_and_delete_in_one_unit,
    keyspace_events_as_plain_commands_fire: not_sidecar "a sidecar sends one HSET for all that a unit writes to a hash, which fires one event",
    keyspace_events_are_one_a_write: not_sidecar "a sidecar sends one HSET for all that a unit writes to a hash, which fires one event",
    templates_over_value_and_metadata,
);

redis_kafka_tests::for_module_and_sidecar!(json_is_strict,);

/// A subscription `rides` with one route `r`, and the records sent.
fn routed(
    subject: Subject,
    options: &str,
    target: &str,
    records: &[(Option<&str>, Option<&[u8]>)],
) -> (RedisServer, String) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("targets", 1);
    let server = subject.setup().start();
    let brokers = kafka.brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {brokers} {options}"));
    server.ok(&format!("KAFKA.ROUTE r FROM rides TO {target}"));
    send_raw(kafka, &topic, records);
    server.wait_applied("rides");
    (server, topic)
}

fn streams_are_trimmed(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("trimmed", 1);
    let server = subject.setup().start();
    let brokers = kafka.brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {brokers} PAUSED"));
    server.ok(r#"KAFKA.ROUTE exact FROM rides TO STREAM "exact:%{key}" MAXLEN = 10"#);
    server.ok(r#"KAFKA.ROUTE about FROM rides TO STREAM "about:%{key}" MAXLEN ~ 100"#);
    server.ok("KAFKA.RESUME rides");
    Load::with_keys(kafka, &topic, 1).send(1000);
    server.wait_applied("rides");
    let exact = server.stream("exact:k0");
    assert_eq!(exact.len(), 10);
    assert_eq!((exact[0]["seq"].as_str(), exact[9]["seq"].as_str()), ("990", "999"));
    let about = server.number("XLEN about:k0");
    assert!((100..=300).contains(&about), "whole nodes above 100: {about}");
}

fn hash_merge_and_overwrite(subject: Subject) {
    let records: [&[u8]; 2] = [
        br#"{"key":"a","old":1,"gone":2,"price":13.40}"#,
        br#"{"key":"a","gone":null,"new":{"x":[1, 2]}}"#,
    ];
    let records = records.map(|value| (None, Some(value)));
    let (server, _) = routed(subject, "", r#"HASH "h:%{key}""#, &records);
    let hash = server.hash("h:a");
    let mut fields: Vec<(&str, &str)> =
        hash.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    fields.sort();
    assert_eq!(fields, [("key", "a"), ("new", r#"{"x":[1,2]}"#), ("old", "1"), ("price", "13.40")]);
    let (server, _) = routed(subject, "", r#"HASH "h:%{key}" OVERWRITE"#, &records);
    let hash = server.hash("h:a");
    assert_eq!(hash.len(), 2, "{hash:?}");
    assert_eq!(hash["new"], r#"{"x":[1,2]}"#);
}

/// By default a hash whose key comes from the record's key alone goes with a
/// tombstone; IGNORE keeps it; a key from the value cannot be known.
fn tombstones_delete_hashes(subject: Subject) {
    let set: Option<&[u8]> = Some(br#"{"key":"a"}"#);
    let records = [(Some("a"), set), (Some("b"), set), (Some("a"), None)];
    let (server, _) = routed(subject, "", r#"HASH "h:%{_key}""#, &records);
    assert_eq!(server.keys("h:*"), ["h:b"]);
    let info = server.subscription("rides");
    info.counters.check();
    assert_eq!(info.counters.consumed, 3);
    let (server, _) = routed(subject, "", r#"HASH "h:%{_key}" TOMBSTONE IGNORE"#, &records);
    assert_eq!(server.keys("h:*"), ["h:a", "h:b"]);
    server.subscription("rides").counters.check();
    let (server, _) = routed(subject, "", r#"STREAM "s:%{_key}""#, &records);
    assert_eq!(server.number("XLEN s:a"), 1, "a tombstone is no entry");
}

fn set_and_delete_in_one_unit(subject: Subject) {
    let value = |n: u8| format!(r#"{{"n":{n}}}"#).into_bytes();
    let (one, two) = (value(1), value(2));
    let records: [(Option<&str>, Option<&[u8]>); 4] = [
        (Some("kept"), None),
        (Some("kept"), Some(&one)),
        (Some("lost"), Some(&two)),
        (Some("lost"), None),
    ];
    let (server, _) = routed(subject, "", r#"HASH "h:%{_key}""#, &records);
    assert_eq!(server.keys("h:*"), ["h:kept"]);
    assert_eq!(server.hash("h:kept")["n"], "1");
    let records = [(Some("a"), Some(&one[..])), (Some("a"), None), (Some("a"), Some(&two[..]))];
    let (server, _) = routed(subject, "", r#"HASH "h:%{_key}""#, &records);
    assert_eq!(server.hash("h:a")["n"], "2");
}

fn keyspace_events_as_plain_commands_fire(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("events", 1);
    let server = subject.setup().start();
    let brokers = kafka.brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {brokers} PAUSED"));
    server.ok(r#"KAFKA.ROUTE s FROM rides TO STREAM "s:%{_key}" MAXLEN = 1"#);
    server.ok(r#"KAFKA.ROUTE h FROM rides TO HASH "h:%{_key}""#);
    let replica = subject.setup().replica_of(server.port()).start();
    replica.wait_linked();
    let here = Watch::keyevents(&server);
    let there = Watch::keyevents(&replica);
    server.ok("KAFKA.RESUME rides");
    let value: Option<&[u8]> = Some(b"{\"n\":1}");
    send_raw(kafka, &topic, &[(Some("a"), value), (Some("a"), value)]);
    server.wait_applied("rides");
    // Of its own unit: in one with them it would leave nothing of the writes before it to see.
    send_raw(kafka, &topic, &[(Some("a"), None)]);
    server.wait_applied("rides");
    replica.wait_equal(&server);
    for (name, seen) in [("primary", here.stop(&server)), ("replica", there.stop(&replica))] {
        for (event, key, times) in
            [("xadd", "s:a", 2), ("xtrim", "s:a", 1), ("hset", "h:a", 2), ("del", "h:a", 1)]
        {
            assert_eq!(fired(&seen, event, key), times, "{event} of {key} on the {name}: {seen}");
        }
    }
}

/// Several records of a unit on one key: an event for each of them.
fn keyspace_events_are_one_a_write(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("counted", 1);
    let server = subject.setup().start();
    oracle::declare(&server, kafka, &topic, "");
    let watch = Watch::keyevents(&server);
    let mut load = Load::with_keys(kafka, &topic, 3);
    load.send(60);
    oracle::check(&server, kafka, &load);
    let seen = watch.stop(&server);
    for key in ["k0", "k1", "k2"] {
        let records = server.number(&format!("XLEN s:{key}")) as usize;
        assert_eq!(fired(&seen, "xadd", &format!("s:{key}")), records, "{key}: {seen}");
        assert_eq!(fired(&seen, "hset", &format!("h:{key}")), records, "{key}: {seen}");
    }
}

fn templates_over_value_and_metadata(subject: Subject) {
    let value: &[u8] = br#"{"a":{"b":[{"c":"deep"}]},"order-id":7,"yes":true}"#;
    let template = r#"STREAM "{t}:%{_key}:%{_topic}:%{_partition}:%{_offset}:%{a.b[0].c}:%{_value['order-id']}:%{yes}:%%{x}""#;
    let (server, topic) = routed(subject, "", template, &[(Some("k"), Some(value))]);
    assert_eq!(server.keys("*deep*"), [format!("{{t}}:k:{topic}:0:0:deep:7:true:%{{x}}")]);
    let stamp: Option<&[u8]> = Some(b"plain text");
    let (server, _) =
        routed(subject, "VALUE STRING", r#"HASH "at:%{_timestamp}""#, &[(None, stamp)]);
    let keys = server.keys("at:*");
    let millis: i64 = keys[0]["at:".len()..].parse().expect("milliseconds");
    assert!(millis > 1_600_000_000_000, "{millis}");
    assert_eq!(server.hash(&keys[0])["value"], "plain text");
}

/// Strict JSON: what is no JSON is an error, never a guess.
fn json_is_strict(subject: Subject) {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let bad: [&[u8]; 8] = [
        b"{\"key\":\"\xff\"}",
        b"{\"key\":1,}",
        b"{'key':1}",
        b"{\"key\":01}",
        b"{\"key\":NaN}",
        b"{\"key\":\"a\nb\"}",
        b"{\"key\":1} {}",
        deep.as_bytes(),
    ];
    let records: Vec<_> = bad.iter().map(|value| (None, Some(*value))).collect();
    let target = r#"HASH "h:%{_offset}""#;
    let (server, _) = routed(subject, "ONERROR SKIP", target, &records);
    assert_eq!(server.subscription("rides").counters.skipped, 8);
    assert_eq!(server.keys("h:*"), [""; 0]);
    let odd = r#"{"key":"n","big":123456789012345678901234567890.10,"note":"\u00e9\ud83d\ude00"}"#;
    let (server, _) = routed(subject, "", r#"HASH "h:%{key}""#, &[(None, Some(odd.as_bytes()))]);
    let hash = server.hash("h:n");
    assert_eq!(hash["big"], "123456789012345678901234567890.10", "numbers keep their text");
    assert_eq!(hash["note"], "é😀");
}
