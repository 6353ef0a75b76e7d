//! Formats with a schema, from a Schema Registry and from a file, end to end.

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::encode::{avro, framed, protobuf};
use redis_kafka_tests::producer::send_raw;
use redis_kafka_tests::registry::{Kind, Lasting, Registry};
use redis_kafka_tests::server::RedisServer;
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::wait_for;
use serde_json::json;
use std::time::Duration;

redis_kafka_tests::for_each_subject!(
    schema_change_in_mid_stream,
    poison_stops_and_is_settled,
    poison_is_skipped,
    poison_is_dead_lettered,
    registry_that_is_away_is_waited_for,
    registry_that_refuses_the_login,
    ids_in_headers_and_guids,
    schema_in_a_local_file,
    wrong_names_are_refused_at_route,
    keys_with_schemas,
    primitive_formats,
);

/// A format, its schema in two versions, and how a record of each is written.
struct Case {
    name: &'static str,
    kind: Kind,
    first: &'static str,
    second: &'static str,
    encode: fn(&str, serde_json::Value) -> Vec<u8>,
}

const CASES: [Case; 3] = [
    Case {
        name: "AVRO",
        kind: Kind::Avro,
        first: r#"{"type":"record","name":"Ride","fields":[
            {"name":"key","type":"string"},{"name":"seq","type":"int"},
            {"name":"spare","type":["null","string"],"default":null}]}"#,
        second: r#"{"type":"record","name":"Ride","fields":[
            {"name":"price","type":"double"},{"name":"seq","type":"long"},
            {"name":"tags","type":{"type":"array","items":"string"}},
            {"name":"key","type":"string"}]}"#,
        encode: avro,
    },
    Case {
        name: "PROTOBUF",
        kind: Kind::Protobuf,
        first: "syntax = \"proto3\"; message Ride { string key = 1; int32 seq = 2; \
                optional string spare = 3; }",
        second: "syntax = \"proto3\"; message Ride { string key = 1; int64 seq = 2; \
                 double price = 4; repeated string tags = 5; }",
        encode: protobuf,
    },
    Case {
        name: "JSONSCHEMA",
        kind: Kind::Json,
        first: r#"{"type":"object","properties":{"key":{"type":"string"},"seq":{"type":"integer"}}}"#,
        second: r#"{"type":"object","properties":{"key":{"type":"string"},"seq":{"type":"integer"},
            "price":{"type":"number"},"tags":{"type":"array"}}}"#,
        encode: |_, value| value.to_string().into_bytes(),
    },
];

impl Case {
    fn ids(&self, registry: &Registry, topic: &str) -> [u32; 2] {
        let subject = format!("{topic}-value");
        [self.first, self.second].map(|schema| registry.register(&subject, self.kind, schema, &[]))
    }

    /// A record of the first or second schema.
    fn record(&self, ids: [u32; 2], seq: usize) -> Vec<u8> {
        let second = seq % 2 == 1;
        let value = match second {
            true => json!({"key": "a", "seq": seq, "price": 13.5, "tags": ["x", "y"]}),
            false => json!({"key": "a", "seq": seq}),
        };
        let schema = if second { self.second } else { self.first };
        framed(ids[usize::from(second)], &(self.encode)(schema, value))
    }
}

fn subscribe(server: &RedisServer, topic: &str, options: &str) {
    let brokers = Kafka::shared().brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {brokers} {options} PAUSED"));
    server.ok(r#"KAFKA.ROUTE every FROM rides TO STREAM "s:%{key}""#);
    server.ok(r#"KAFKA.ROUTE last FROM rides TO HASH "h:%{key}""#);
    server.ok("KAFKA.RESUME rides");
}

fn send(topic: &str, values: &[Vec<u8>]) {
    let records: Vec<_> = values.iter().map(|value| (None, Some(value.as_slice()))).collect();
    send_raw(Kafka::shared(), topic, &records);
}

fn seqs(server: &RedisServer) -> Vec<usize> {
    server.stream("s:a").iter().map(|entry| entry["seq"].parse().expect("a number")).collect()
}

fn schema_change_in_mid_stream(subject: Subject) {
    for case in &CASES {
        let registry = Registry::start();
        let topic = Kafka::shared().topic("formats", 1);
        let ids = case.ids(&registry, &topic);
        let records: Vec<_> = (0..40).map(|seq| case.record(ids, seq)).collect();
        let (before, after) = records.split_at(20);
        send(&topic, before);
        let server = subject.setup().start();
        subscribe(&server, &topic, &format!("VALUE {} REGISTRY {}", case.name, registry.url()));
        server.wait_applied("rides");
        send(&topic, after);
        server.wait_applied("rides");
        assert_eq!(seqs(&server), (0..40).collect::<Vec<_>>(), "{}", case.name);
        let entries = server.stream("s:a");
        assert_eq!(entries[39]["price"], "13.5", "{}", case.name);
        assert_eq!(entries[39]["tags"], r#"["x","y"]"#, "{}", case.name);
        assert!(!entries[38].contains_key("price"), "{}: {:?}", case.name, entries[38]);
        let hash = server.hash("h:a");
        assert_eq!((hash["seq"].as_str(), hash["price"].as_str()), ("39", "13.5"));
        for id in ids {
            // The newest one may have come with the look at the subject.
            assert!(registry.requests(&format!("/schemas/ids/{id}")) <= 1, "asked once an id");
        }
    }
}

/// Bad records, each with words of its reason.
fn poison(case: &Case, ids: [u32; 2]) -> Vec<(Vec<u8>, &'static str)> {
    let mut truncated = case.record(ids, 1);
    truncated.truncate(truncated.len() - 1);
    vec![
        (framed(999_999, b"whatever"), "999999"),
        (truncated, case.name),
        (br#"{"key":"a"}"#.to_vec(), "0x7b"),
        (vec![0, 0, 0], case.name),
    ]
}

/// A server that has met `bad` between two good records.
fn poisoned(
    subject: Subject,
    case: &Case,
    policy: &str,
    bad: usize,
) -> (RedisServer, String, &'static str, Registry) {
    let registry = Registry::start();
    let topic = Kafka::shared().topic("poison", 1);
    let ids = case.ids(&registry, &topic);
    let (bad, words) = poison(case, ids).swap_remove(bad);
    send(&topic, &[case.record(ids, 0), bad, case.record(ids, 2)]);
    let server = subject.setup().start();
    let options = format!("VALUE {} REGISTRY {} {policy}", case.name, registry.url());
    subscribe(&server, &topic, &options);
    (server, topic, words, registry)
}

fn each_poison(subject: Subject, policy: &str, check: impl Fn(&RedisServer, &str, &str)) {
    for case in &CASES {
        for bad in 0..4 {
            let (server, topic, words, _registry) = poisoned(subject, case, policy, bad);
            check(&server, &topic, words);
        }
    }
}

fn poison_stops_and_is_settled(subject: Subject) {
    each_poison(subject, "", |server, topic, words| {
        let info = server.wait_state("rides", "stopped");
        assert!(info.reason.contains(&format!("{topic}/0@1")), "{info:#?}");
        assert!(info.reason.contains(words), "'{words}' in {info:#?}");
        // The stop is told as soon as it is met; the record before it may still be queued.
        server.wait_consumed("rides", 1);
        assert_eq!(seqs(server), [0]);
        server.ok("KAFKA.RESUME rides SKIP");
        server.wait_applied("rides");
        assert_eq!(seqs(server), [0, 2]);
    });
}

fn poison_is_skipped(subject: Subject) {
    each_poison(subject, "ONERROR SKIP", |server, _, _| {
        server.wait_applied("rides");
        let counters = server.subscription("rides").counters;
        counters.check();
        assert_eq!((counters.applied, counters.skipped), (2, 1));
        assert_eq!(seqs(server), [0, 2]);
    });
}

fn poison_is_dead_lettered(subject: Subject) {
    each_poison(subject, "ONERROR DEADLETTER", |server, topic, words| {
        server.wait_applied("rides");
        let counters = server.subscription("rides").counters;
        counters.check();
        assert_eq!((counters.applied, counters.deadlettered), (2, 1));
        assert_eq!(seqs(server), [0, 2]);
        let letters = server.line("XRANGE kafka:deadletters:rides - +");
        let shown = format!("{letters:?}");
        assert!(shown.contains(words) && shown.contains(topic), "{shown}");
    });
}

/// An outage is nobody's fault: no record is blamed, whatever the policy, and all goes on by itself.
fn registry_that_is_away_is_waited_for(subject: Subject) {
    for policy in ["", "ONERROR SKIP", "ONERROR DEADLETTER"] {
        let case = &CASES[0];
        let mut registry = Registry::start();
        let topic = Kafka::shared().topic("away", 1);
        let ids = case.ids(&registry, &topic);
        send(&topic, &[case.record(ids, 0), case.record(ids, 1)]);
        registry.fail_with(503, Lasting::UntilCleared);
        let server = subject.setup().start();
        let options = format!("VALUE AVRO REGISTRY {} {policy}", registry.url());
        subscribe(&server, &topic, &options);
        let info = server.wait_reason("rides", "waiting", "Schema Registry");
        assert_eq!(info.counters.consumed, 0, "{info:#?}");
        // It stays what is shown, also while the waits between two tries are longer than a tick.
        let tries = || registry.requests(&format!("/schemas/ids/{}", ids[0]));
        let limit = Duration::from_secs(30);
        wait_for("the second try", limit, || if tries() > 1 { Ok(()) } else { Err(()) });
        wait_for("the fifth try", limit, || {
            let info = server.subscription("rides");
            assert_eq!(info.state, "waiting", "{info:#?}");
            if tries() >= 5 { Ok(()) } else { Err(info.reason) }
        });
        registry.clear();
        server.wait_applied("rides");
        assert_eq!(seqs(&server), [0, 1]);
        // What is known stays known: a registry that is gone harms only what is new.
        registry.stop();
        send(&topic, &[case.record(ids, 2), case.record(ids, 3)]);
        server.wait_applied("rides");
        let third = "{\"type\":\"record\",\"name\":\"Other\",\"fields\":[\
             {\"name\":\"key\",\"type\":\"string\"},{\"name\":\"seq\",\"type\":\"int\"}]}";
        let id = registry.register(&format!("{topic}-value"), Kind::Avro, third, &[]);
        send(&topic, &[framed(id, &avro(third, json!({"key": "a", "seq": 4})))]);
        let info = server.wait_reason("rides", "waiting", "Schema Registry");
        assert_eq!((info.counters.applied, info.counters.consumed), (4, 4), "{info:#?}");
        registry.restart();
        server.wait_applied("rides");
        assert_eq!(seqs(&server), [0, 1, 2, 3, 4]);
        let counters = server.subscription("rides").counters;
        assert_eq!((counters.skipped, counters.deadlettered), (0, 0));
    }
}

/// A refused login waits too, and goes on when the admin has mended the secret's file.
fn registry_that_refuses_the_login(subject: Subject) {
    use redis_kafka_tests::registry::Login;
    const RIGHT: &str = "user:r1ght-5ecret";
    const WRONG: &str = "user:wr0ng-5ecret";
    let case = &CASES[0];
    let registry = Registry::start_with(Login::Basic(RIGHT.into()), None);
    let topic = Kafka::shared().topic("login", 1);
    let ids = case.ids(&registry, &topic);
    send(&topic, &[case.record(ids, 0)]);
    let directory = tempfile::tempdir().expect("create a directory");
    let (profiles, secret) = (directory.path().join("kafka.toml"), directory.path().join("secret"));
    std::fs::write(&secret, WRONG).expect("write the secret");
    let text = format!(
        "[prod]\nschema.registry.url = \"{}\"\n\
         schema.registry.basic.auth.user.info = \"file:{}\"\n",
        registry.url(),
        secret.display()
    );
    std::fs::write(&profiles, text).expect("write the profiles");
    let setup = subject.setup().connections(&profiles);
    let server = setup.start();
    subscribe(&server, &topic, "VALUE AVRO REGISTRY prod");
    let info = server.wait_reason("rides", "waiting", "Schema Registry");
    assert!(!info.action.is_empty(), "{info:#?}");
    std::fs::write(&secret, RIGHT).expect("mend the secret");
    server.wait_applied("rides");
    assert_eq!(seqs(&server), [0]);
    let seen = format!("{}{}{}", server.log(), server.text("KAFKA.LIST"), server.text("INFO"));
    for secret in [RIGHT, WRONG] {
        assert!(!seen.contains(secret.split(':').nth(1).unwrap()), "{seen}");
    }
}

fn ids_in_headers_and_guids(subject: Subject) {
    let case = &CASES[0];
    let kafka = Kafka::shared();
    let registry = Registry::start();
    let topic = kafka.topic("headers", 1);
    let ids = case.ids(&registry, &topic);
    let payload = |seq| avro(case.first, json!({"key": "a", "seq": seq}));
    let mut by_guid = vec![1];
    by_guid.extend(registry.guid(ids[0]));
    let mut prefixed = by_guid.clone();
    prefixed.extend(payload(0));
    send(&topic, &[prefixed]);
    let mut by_number = vec![0];
    by_number.extend(ids[0].to_be_bytes());
    for (seq, header) in [(1, by_guid), (2, by_number)] {
        redis_kafka_tests::producer::send_with_header(
            kafka,
            &topic,
            ("__value_schema_id", &header),
            &payload(seq),
        );
    }
    let server = subject.setup().start();
    subscribe(&server, &topic, &format!("VALUE AVRO REGISTRY {}", registry.url()));
    server.wait_applied("rides");
    assert_eq!(seqs(&server), [0, 1, 2]);
}

fn schema_in_a_local_file(subject: Subject) {
    for case in &CASES {
        let topic = Kafka::shared().topic("local", 1);
        let directory = tempfile::tempdir().expect("create a directory");
        let (profiles, schema) =
            (directory.path().join("kafka.toml"), directory.path().join("schema"));
        std::fs::write(&schema, case.first).expect("write the schema");
        let text = format!(
            "[local]\nvalue.schema.file = \"{}\"\nvalue.schema.message = \"Ride\"\n",
            schema.display()
        );
        std::fs::write(&profiles, text).expect("write the profiles");
        let encoded = (case.encode)(case.first, json!({"key": "a", "seq": 7}));
        // Without a registry there are no message indexes either.
        let bare = if case.name == "PROTOBUF" { encoded[1..].to_vec() } else { encoded };
        send(&topic, &[bare]);
        let setup = subject.setup().connections(&profiles);
        let server = setup.start();
        subscribe(&server, &topic, &format!("VALUE {} REGISTRY local", case.name));
        server.wait_applied("rides");
        assert_eq!(seqs(&server), [7], "{}", case.name);
    }
}

fn wrong_names_are_refused_at_route(subject: Subject) {
    let case = &CASES[0];
    let registry = Registry::start();
    let kafka = Kafka::shared();
    let topic = kafka.topic("typed", 1);
    case.ids(&registry, &topic);
    let server = subject.setup().start();
    let (brokers, url) = (kafka.brokers(), registry.url());
    server.ok(&format!(
        "KAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {brokers} VALUE AVRO REGISTRY {url}"
    ));
    let error = server.refused(r#"KAFKA.ROUTE r FROM rides TO STREAM "s:%{kye}""#);
    assert!(error.contains("kye") && error.contains("did you mean 'key'?"), "{error}");
    let error = server.refused(r#"KAFKA.ROUTE r FROM rides TO STREAM s WHERE "price > 'high'""#);
    assert!(error.contains("column"), "{error}");
    server.ok(r#"KAFKA.ROUTE r FROM rides TO STREAM "s:%{key}" WHERE "price > 3""#);
}

fn primitive_formats(subject: Subject) {
    let values: [(&str, &[u8], &str); 5] = [
        ("INT", &[0xff, 0xff, 0xff, 0xfe], "-2"),
        ("LONG", &[0, 0, 0, 1, 0, 0, 0, 0], "4294967296"),
        ("SHORT", &[0x7f, 0xff], "32767"),
        ("FLOAT", &[0x41, 0x56, 0x66, 0x66], "13.4"),
        ("DOUBLE", &[0x40, 0x2a, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcd], "13.4"),
    ];
    for (format, bytes, text) in values {
        let kafka = Kafka::shared();
        let topic = kafka.topic("primitive", 1);
        send_raw(kafka, &topic, &[(Some("k"), Some(bytes)), (Some("k"), Some(b"x"))]);
        let server = subject.setup().start();
        let brokers = kafka.brokers();
        server.ok(&format!(
            "KAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {brokers} VALUE {format} ONERROR SKIP"
        ));
        server.ok(r#"KAFKA.ROUTE r FROM rides TO HASH "h:%{_key}:%{value}""#);
        server.wait_applied("rides");
        assert_eq!(server.hash(&format!("h:k:{text}"))["value"], text, "{format}");
        assert_eq!(server.subscription("rides").counters.skipped, 1);
    }
}

/// Keys and values each have a schema of their own.
fn keys_with_schemas(subject: Subject) {
    const KEY: &str = r#"{"type":"record","name":"Id","fields":[{"name":"id","type":"long"}]}"#;
    let case = &CASES[0];
    let kafka = Kafka::shared();
    let registry = Registry::start();
    let topic = kafka.topic("keys", 1);
    let ids = case.ids(&registry, &topic);
    let key_id = registry.register(&format!("{topic}-key"), Kind::Avro, KEY, &[]);
    // Kafka's keys are bytes; this one happens to be text.
    let key = framed(key_id, &avro(KEY, json!({"id": 7})));
    let key = std::str::from_utf8(&key).expect("a key that is text");
    let value = case.record(ids, 0);
    send_raw(kafka, &topic, &[(Some(key), Some(&value)), (Some(key), None)]);
    let server = subject.setup().start();
    let (brokers, url) = (kafka.brokers(), registry.url());
    server.ok(&format!(
        "KAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {brokers} KEY AVRO VALUE AVRO REGISTRY {url} PAUSED"
    ));
    server.ok(r#"KAFKA.ROUTE every FROM rides TO STREAM "s:%{_key.id}:%{key}""#);
    server.ok(r#"KAFKA.ROUTE last FROM rides TO HASH "h:%{_key.id}""#);
    server.ok("KAFKA.RESUME rides");
    server.wait_applied("rides");
    assert_eq!(server.stream("s:7:a").len(), 1);
    assert!(server.keys("h:*").is_empty(), "the tombstone deletes what its key names");
}
