//! Bad input: one clear error or state with its way out, nothing lost, nothing
//! doubled, the server alive.

use std::time::{Duration, Instant};

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::producer::{send_raw, send_texts};
use redis_kafka_tests::reply::{Info, items, text};
use redis_kafka_tests::server::RedisServer;
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::wait_for;

redis_kafka_tests::for_each_subject!(
    onerror_stop_then_resume_skip,
    onerror_stop_then_resume_deadletter,
    onerror_skip,
    onerror_deadletter,
    wrongtype_at_each_record_of_a_unit,
    wrongtype_is_whole_or_not_at_all,
    ten_megabytes,
);

redis_kafka_tests::for_module_and_sidecar!(
    an_unknown_topic_waits_and_is_taken_when_it_appears,
    an_unreachable_broker_waits_and_answers_within_two_seconds,
    a_key_that_is_no_text_and_binary_values_pass_through,
);

/// `bad` between two good records (offset 1 of partition 0), with the routes
/// into `s:<key>` and `h:<key>`.
fn pipeline(subject: Subject, bad: &str, onerror: &str) -> (RedisServer, String) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("errors", 1);
    let good = [r#"{"key":"a","seq":0}"#, bad, r#"{"key":"a","seq":2}"#];
    send_texts(kafka, &topic, &good);
    let server = subject.setup().start();
    subscribe(&server, &topic, onerror);
    (server, topic)
}

fn subscribe(server: &RedisServer, topic: &str, options: &str) {
    redis_kafka_tests::oracle::declare(server, Kafka::shared(), topic, options);
}

fn seqs(server: &RedisServer, key: &str) -> Vec<String> {
    server.stream(key).iter().map(|entry| entry["seq"].clone()).collect()
}

/// The bad records of the ONERROR scenarios, each with words of its reason.
const BAD: [(&str, &[&str]); 6] = [
    ("{not json", &["JSON"]),
    (r#"{"key":"a","seq":1} trailing"#, &["JSON"]),
    (r#"{"seq":1}"#, &["key", "null", "seq"]),
    (r#"{"key":null,"seq":1}"#, &["key", "null"]),
    ("", &["JSON"]),
    ("{\"key\":\"\u{0}", &["JSON"]),
];

fn stopped(server: &RedisServer, topic: &str, words: &[&str]) -> Info {
    server.wait_state("rides", "stopped");
    // The stop is told as soon as it is met; the record before it may still be queued.
    server.wait_consumed("rides", 1);
    let info = server.subscription("rides");
    assert!(info.reason.contains(&format!("{topic}/0@1")), "{info:#?}");
    for word in words {
        assert!(info.reason.contains(word), "'{word}' in {info:#?}");
    }
    assert!(info.action.contains("KAFKA.RESUME rides SKIP"), "{info:#?}");
    assert_eq!((info.counters.consumed, info.counters.applied), (1, 1), "{info:#?}");
    assert_eq!(seqs(server, "s:a"), ["0"]);
    let line = server.text("KAFKA.LIST");
    assert!(line.contains("sub=rides state=stopped reason=\""), "{line}");
    info
}

fn onerror_stop_then_resume_skip(subject: Subject) {
    for (bad, words) in BAD {
        let (server, topic) = pipeline(subject, bad, "");
        stopped(&server, &topic, words);
        assert!(server.refused("KAFKA.WAIT rides 5000").starts_with("ERR KAFKA.WAIT"));
        // Nothing was mended, so it stops at the same record again.
        server.ok("KAFKA.RESUME rides");
        stopped(&server, &topic, words);
        server.ok("KAFKA.RESUME rides SKIP");
        server.wait_applied("rides");
        let info = server.subscription("rides");
        info.counters.check();
        assert_eq!((info.counters.applied, info.counters.skipped), (2, 1));
        assert_eq!(seqs(&server, "s:a"), ["0", "2"]);
    }
}

fn onerror_stop_then_resume_deadletter(subject: Subject) {
    let (server, topic) = pipeline(subject, "{not json", "");
    stopped(&server, &topic, &["JSON"]);
    server.ok("KAFKA.RESUME rides DEADLETTER");
    server.wait_applied("rides");
    dead_lettered(&server, &topic, "{not json");
}

fn dead_lettered(server: &RedisServer, topic: &str, value: &str) {
    let info = server.subscription("rides");
    info.counters.check();
    assert_eq!((info.counters.applied, info.counters.deadlettered), (2, 1), "{info:#?}");
    assert_eq!(seqs(server, "s:a"), ["0", "2"]);
    let letters = server.stream("kafka:deadletters:rides");
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = &letters[0];
    assert_eq!((letter["topic"].as_str(), letter["partition"].as_str()), (topic, "0"));
    assert_eq!((letter["offset"].as_str(), letter["value"].as_str()), ("1", value));
    assert!(!letter["error"].is_empty() && !letter["stage"].is_empty(), "{letter:?}");
}

fn onerror_skip(subject: Subject) {
    for (bad, _) in BAD {
        let (server, _) = pipeline(subject, bad, "ONERROR SKIP");
        server.wait_applied("rides");
        let info = server.subscription("rides");
        info.counters.check();
        assert_eq!((info.counters.applied, info.counters.skipped), (2, 1), "{bad}");
        assert_eq!(info.state, "running");
        assert_eq!(seqs(&server, "s:a"), ["0", "2"]);
    }
}

fn onerror_deadletter(subject: Subject) {
    for (bad, _) in BAD {
        let (server, topic) = pipeline(subject, bad, "ONERROR DEADLETTER");
        server.wait_applied("rides");
        dead_lettered(&server, &topic, bad);
    }
}

/// The offset stands at the last whole record, whichever record of a unit the
/// clash is at, and the record itself is applied once it is mended.
fn wrongtype_at_each_record_of_a_unit(subject: Subject) {
    for index in 0..4 {
        let kafka = Kafka::shared();
        let topic = kafka.topic("wrongtype", 1);
        let values: Vec<String> =
            (0..4).map(|seq| format!(r#"{{"key":"r{seq}","seq":{seq}}}"#)).collect();
        send_texts(kafka, &topic, &values.iter().map(String::as_str).collect::<Vec<_>>());
        let server = subject.setup().start();
        server.ok(&format!("SET s:r{index} taken"));
        subscribe(&server, &topic, "");
        let info = server.wait_state("rides", "stopped");
        assert!(info.reason.contains(&format!("{topic}/0@{index}")), "{info:#?}");
        assert!(info.reason.contains(&format!("s:r{index}")), "names the key: {info:#?}");
        // The stop is told as soon as it is met; the records before it may still be queued.
        server.wait_consumed("rides", index);
        assert_eq!(server.subscription("rides").partitions[0].next, index);
        assert_eq!(server.keys("h:*").len() as i64, index, "records before it, and no more");
        server.line(&format!("DEL s:r{index}"));
        server.ok("KAFKA.RESUME rides");
        server.wait_applied("rides");
        assert_eq!(server.keys("[sh]:*").len(), 8);
        assert_eq!(server.subscription("rides").counters.applied, 4);
    }
}

/// The second route clashes: the first must not have written either.
fn wrongtype_is_whole_or_not_at_all(subject: Subject) {
    for (onerror, counted) in [("SKIP", "skipped"), ("DEADLETTER", "deadlettered")] {
        let kafka = Kafka::shared();
        let topic = kafka.topic("whole", 1);
        let values = [r#"{"key":"a","seq":0}"#, r#"{"key":"b","seq":1}"#, r#"{"key":"c","seq":2}"#];
        send_texts(kafka, &topic, &values);
        let server = subject.setup().start();
        server.ok("SET h:b taken");
        subscribe(&server, &topic, &format!("ONERROR {onerror}"));
        server.wait_applied("rides");
        assert_eq!(server.keys("s:*"), ["s:a", "s:c"]);
        assert_eq!(server.text("GET h:b"), "taken");
        let count = server.info_of("rides", counted).as_ref().map(text);
        assert_eq!(count.as_deref(), Some("1"), "{onerror}");
        server.subscription("rides").counters.check();
    }
}

fn ten_megabytes(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic_with("big", 1, &[("max.message.bytes", "33554432")]);
    let big = format!(r#"{{"key":"big","seq":1,"pad":"{}"}}"#, "x".repeat(10 * 1024 * 1024));
    let records = [r#"{"key":"a","seq":0}"#, &big, r#"{"key":"a","seq":2}"#];
    send_texts(kafka, &topic, &records);
    let mut server = subject.setup().start();
    subscribe(&server, &topic, "");
    server.wait_applied("rides");
    assert_eq!(server.number("HSTRLEN h:big pad"), 10 * 1024 * 1024);
    assert_eq!(seqs(&server, "s:a"), ["0", "2"]);
    assert!(server.is_alive());
}

fn an_unknown_topic_waits_and_is_taken_when_it_appears(subject: Subject) {
    let kafka = Kafka::shared();
    // The other subject's test looks for a name of its own at the same time.
    let near = kafka.topic(&format!("measurements-{subject:?}"), 1);
    let missing = near.replace("measurements", "measurments");
    let server = subject.setup().start();
    let line = format!("KAFKA.SUBSCRIBE rides TOPIC {missing} BROKERS {}", kafka.brokers());
    let reply = server.ok(&line);
    assert!(reply.starts_with("OK waiting: ") && reply.contains("does not exist"), "{reply}");
    assert!(reply.contains(&format!("did you mean '{near}'")), "{reply}");
    redis_kafka_tests::oracle::declare_routes(&server);
    let info = server.wait_state("rides", "waiting");
    assert!(info.reason.contains(&missing), "{info:#?}");
    kafka.create_topic(&missing, 1, &[]);
    send_texts(kafka, &missing, &[r#"{"key":"a","seq":0}"#]);
    server.wait_consumed("rides", 1);
    assert_eq!(seqs(&server, "s:a"), ["0"]);
}

fn an_unreachable_broker_waits_and_answers_within_two_seconds(subject: Subject) {
    let port = redis_kafka_tests::network::free_port();
    let server = subject.setup().start();
    let asked = Instant::now();
    let line = format!("KAFKA.SUBSCRIBE rides TOPIC t BROKERS 127.0.0.1:{port}");
    let reply = server.ok(&line);
    assert!(asked.elapsed() < Duration::from_millis(3500), "{:?}", asked.elapsed());
    assert!(reply.starts_with("OK waiting: ") && reply.contains("broker"), "{reply}");
    redis_kafka_tests::oracle::declare_routes(&server);
    let info = wait_for("the broker's name in the reason", Duration::from_secs(20), || {
        let info = server.subscription("rides");
        if info.reason.contains(&port.to_string()) { Ok(info) } else { Err(Box::new(info)) }
    });
    assert!(info.state == "waiting" && !info.action.is_empty(), "{info:#?}");
    server.ok("KAFKA.UNSUBSCRIBE rides");
    assert_eq!(server.text("KAFKA.LIST"), "");
}

fn a_key_that_is_no_text_and_binary_values_pass_through(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("bytes", 1);
    send_raw(kafka, &topic, &[(Some("k"), Some(b"\xff\x00\r\n"))]);
    let server = subject.setup().start();
    let brokers = kafka.brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {brokers} VALUE BYTES PAUSED"));
    server.ok(r#"KAFKA.ROUTE raw FROM rides TO HASH "raw:%{_key}""#);
    server.ok("KAFKA.RESUME rides");
    server.wait_applied("rides");
    let reply = server.line("HMGET raw:k value");
    assert_eq!(items(&reply)[0], redis::Value::BulkString(b"\xff\x00\r\n".to_vec()));
}
