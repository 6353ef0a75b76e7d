//! TOPIC: records go back to Kafka, acknowledged before the ledger advances; none is missing, and
//! headers tell repeats.

use redis_kafka_tests::broker::{Kafka, Message};
use redis_kafka_tests::encode;
use redis_kafka_tests::faults::{Dice, Scale};
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::{Load, send_raw, send_texts};
use redis_kafka_tests::registry::{Kind, Registry};
use redis_kafka_tests::server::{Append, RedisServer};
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::elapse;
use std::collections::{BTreeMap, BTreeSet};

redis_kafka_tests::for_each_subject!(
    a_record_becomes_a_message_with_its_source,
    redis_killed_while_it_sends,
    a_message_that_kafka_refuses_is_a_bad_record,
    a_join_sees_units_whose_messages_are_under_way,
);

redis_kafka_tests::for_module_and_sidecar!(
    a_broker_that_is_away_is_waited_for,
    a_topic_that_is_missing_is_waited_for,
    null_keys_stay_null_and_tombstones_send_nothing,
    avro_by_the_registered_schema,
    routes_that_cannot_send_are_refused,
);

fn subscribe(server: &RedisServer, kafka: &Kafka, topic: &str, options: &str) {
    let brokers = kafka.brokers();
    server.ok(&format!(
        "KAFKA.SUBSCRIBE {SUBSCRIPTION} TOPIC {topic} BROKERS {brokers} PAUSED {options}"
    ));
}

fn route(server: &RedisServer, name: &str, target: &str) {
    server.ok(&format!("KAFKA.ROUTE {name} FROM {SUBSCRIPTION} TO {target}"));
}

fn resume(server: &RedisServer) {
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
}

/// Values by source.
fn by_source(messages: &[Message]) -> BTreeMap<(String, i32, i64), Message> {
    messages.iter().map(|message| (message.source(), message.clone())).collect()
}

fn a_record_becomes_a_message_with_its_source(subject: Subject) {
    let kafka = Kafka::shared();
    let (from, to) = (kafka.topic("purchases", 2), kafka.topic("enriched", 1));
    let texts = kafka.topic("texts", 1);
    let mut load = Load::new(kafka, &from);
    load.send(200);
    let server = subject.setup().append(Append::Always).start();
    subscribe(&server, kafka, &from, "");
    let select = "seq, upper(key) AS name, note.nothing AS none";
    route(&server, "out", &format!("TOPIC {to} SELECT \"{select}\" WHERE \"seq >= 100\""));
    route(
        &server,
        "text",
        &format!("TOPIC {texts} KEY \"key || '-' || seq\" VALUE STRING SELECT note"),
    );
    route(&server, "every", "STREAM \"s:%{key}\"");
    resume(&server);
    server.wait_applied(SUBSCRIPTION);
    let info = server.subscription(SUBSCRIPTION);
    info.counters.check();
    assert_eq!(info.counters.applied, 200);
    let messages = kafka.messages(&to, 0);
    assert_eq!(messages.len(), 100);
    for (partition, records) in [(0, kafka.read(&from, 0)), (1, kafka.read(&from, 1))] {
        for (offset, key, value) in records {
            let value: serde_json::Value = serde_json::from_slice(&value).expect("JSON");
            let seq = value["seq"].as_u64().expect("seq");
            let source = (from.clone(), partition, offset);
            let sent: Vec<_> = messages.iter().filter(|it| it.source() == source).collect();
            assert_eq!(sent.len(), usize::from(seq >= 100), "{source:?}");
            if let [message] = sent[..] {
                assert_eq!(message.key.as_deref(), Some(key.as_slice()), "the record's own key");
                let name = load.key(seq).to_uppercase();
                let expected = format!(r#"{{"seq":{seq},"name":"{name}","none":null}}"#);
                assert_eq!(message.text(), expected);
            }
        }
    }
    let texts = by_source(&kafka.messages(&texts, 0));
    assert_eq!(texts.len(), 200);
    for message in texts.values() {
        let text = message.text();
        let key = String::from_utf8(message.key.clone().expect("a key")).expect("text");
        let (name, seq) = key.split_once('-').expect("key-seq");
        assert_eq!(text, format!("record {seq} of {name}"));
    }
}

/// All records below the ledger stand in the topic, whatever is done to Redis.
fn nothing_is_missing(server: &RedisServer, kafka: &Kafka, load: &Load, to: &str) {
    let ledger = |partition: i32| {
        let key = format!("kafka:ledger:{SUBSCRIPTION}:{}/{partition}", load.topic());
        server.number(&format!("HGET \"{key}\" next"))
    };
    let applied = [ledger(0), ledger(1)];
    let sent: BTreeSet<_> =
        kafka.messages(to, 0).iter().map(|it| (it.source().1, it.source().2)).collect();
    for (partition, next) in (0..).zip(applied) {
        let missing: Vec<_> =
            (0..next).filter(|offset| !sent.contains(&(partition, *offset))).collect();
        assert_eq!(missing, [0i64; 0], "of partition {partition}, applied up to {next}");
    }
}

fn redis_killed_while_it_sends(subject: Subject) {
    let mut dice = Dice::new();
    let kafka = Kafka::shared();
    let (from, to) = (kafka.topic("killed", 2), kafka.topic("sent", 1));
    let mut server = subject.setup().append(Append::Always).start();
    subscribe(&server, kafka, &from, "");
    route(&server, "out", &format!("TOPIC {to}"));
    oracle::declare_routes(&server);
    resume(&server);
    let load = Load::new(kafka, &from).start(2000);
    for _ in 0..Scale::from_env().pick(5, 20) {
        let consumed = server.subscription(SUBSCRIPTION).counters.consumed;
        server.wait_consumed(SUBSCRIPTION, consumed + 1);
        elapse(dice.millis(0..=300));
        server.kill();
        server.start_again();
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
    nothing_is_missing(&server, kafka, &load, &to);
    let messages = kafka.messages(&to, 0);
    let once = by_source(&messages);
    assert_eq!(once.len() as u64, load.sent(), "0 missing, repeats apart");
    for partition in 0..2 {
        for (offset, _, value) in kafka.read(&from, partition) {
            let repeats =
                messages.iter().filter(|it| it.source().2 == offset && it.source().1 == partition);
            assert!(repeats.clone().all(|it| it.value.as_deref() == Some(&value)), "{offset}");
            // First occurrences keep the order of their partition.
            assert!(repeats.count() >= 1);
        }
        let mut seen = BTreeSet::new();
        let firsts = messages.iter().map(Message::source).filter(|it| it.1 == partition);
        let firsts: Vec<i64> = firsts.map(|it| it.2).filter(|it| seen.insert(*it)).collect();
        assert!(firsts.is_sorted(), "partition {partition}");
    }
}

/// Two texts that fit a message each, and not both together.
fn a_message_that_kafka_refuses_is_a_bad_record(subject: Subject) {
    let kafka = Kafka::shared();
    let (from, to) = (kafka.topic("large", 1), kafka.topic("refused", 1));
    let large = "x".repeat(600_000);
    for (seq, note) in [(0, "a"), (1, &large), (2, "b"), (3, &large), (4, "c")] {
        let value = format!(r#"{{"key":"a","seq":{seq},"note":"{note}"}}"#);
        send_texts(kafka, &from, &[&value]);
    }
    let server = subject.setup().start();
    subscribe(&server, kafka, &from, "");
    route(&server, "out", &format!("TOPIC {to} SELECT \"seq, note, note AS again\""));
    route(&server, "every", "STREAM s SELECT seq");
    resume(&server);
    let info = server.wait_state(SUBSCRIPTION, "stopped");
    assert!(info.reason.starts_with(&format!("{from}/0@1 send: topic '{to}': ")), "{info:#?}");
    assert!(info.reason.contains("too large"), "{info:#?}");
    assert!(info.action.ends_with(&format!(", or KAFKA.RESUME {SUBSCRIPTION} SKIP")), "{info:#?}");
    server.wait_consumed(SUBSCRIPTION, 1);
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION} SKIP"));
    server.wait_reason(SUBSCRIPTION, "stopped", "@3");
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION} DEADLETTER"));
    server.wait_applied(SUBSCRIPTION);
    let seqs = |entries: Vec<std::collections::HashMap<String, String>>| {
        entries.iter().map(|entry| entry["seq"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(seqs(server.stream("s")), ["0", "2", "4"]);
    let letters = server.stream(&format!("kafka:deadletters:{SUBSCRIPTION}"));
    assert_eq!((letters.len(), letters[0]["stage"].as_str()), (1, "send"));
    let sent: BTreeSet<i64> = kafka.messages(&to, 0).iter().map(|it| it.source().2).collect();
    assert_eq!(sent, BTreeSet::from([0, 2, 4]));
}

/// Each message tells what the table held before its record: the record before it of that key.
fn a_join_sees_units_whose_messages_are_under_way(subject: Subject) {
    let kafka = Kafka::shared();
    let (from, to) = (kafka.topic("joined", 1), kafka.topic("before", 1));
    let mut load = Load::with_keys(kafka, &from, 3);
    load.send(300);
    let server = subject.setup().start();
    subscribe(&server, kafka, &from, "");
    let join = "JOIN HASH \"h:%{key}\" AS p SELECT \"seq, p.seq AS before\"";
    route(&server, "out", &format!("TOPIC {to} {join}"));
    route(&server, "table", "HASH \"h:%{key}\" SELECT seq");
    resume(&server);
    server.wait_applied(SUBSCRIPTION);
    let messages = kafka.messages(&to, 0);
    assert_eq!(messages.len(), 300);
    let mut last = BTreeMap::new();
    for (seq, message) in (0..).zip(&messages) {
        let before = match last.insert(load.key(seq), seq) {
            Some(before) => format!("\"{before}\""),
            None => "null".to_string(),
        };
        assert_eq!(message.text(), format!(r#"{{"seq":{seq},"before":{before}}}"#));
    }
}

fn a_broker_that_is_away_is_waited_for(subject: Subject) {
    let mut kafka = Kafka::start();
    let (from, to) = (kafka.topic("away", 2), kafka.topic("back", 1));
    let server = subject.setup().start();
    subscribe(&server, &kafka, &from, "");
    route(&server, "out", &format!("TOPIC {to}"));
    oracle::declare_routes(&server);
    resume(&server);
    let load = Load::new(&kafka, &from).start(1000);
    server.wait_consumed(SUBSCRIPTION, 100);
    kafka.kill();
    server.wait_state(SUBSCRIPTION, "waiting");
    kafka.restart();
    let consumed = server.subscription(SUBSCRIPTION).counters.consumed;
    server.wait_consumed(SUBSCRIPTION, consumed + 100);
    let load = load.stop();
    oracle::check(&server, &kafka, &load);
    let once = by_source(&kafka.messages(&to, 0));
    assert_eq!(once.len() as u64, load.sent(), "0 missing");
    assert_eq!(server.subscription(SUBSCRIPTION).state, "running");
}

fn a_topic_that_is_missing_is_waited_for(subject: Subject) {
    let kafka = Kafka::shared();
    let from = kafka.topic("lonely", 1);
    let to = format!("{from}-later");
    send_texts(kafka, &from, &[r#"{"seq":1}"#]);
    let server = subject.setup().start();
    subscribe(&server, kafka, &from, "");
    route(&server, "out", &format!("TOPIC {to}"));
    resume(&server);
    let info = server.wait_reason(SUBSCRIPTION, "waiting", &format!("sending to topic '{to}'"));
    assert!(info.action.contains("create the topic"), "{info:#?}");
    assert_eq!(info.counters.consumed, 0);
    kafka.create_topic(&to, 1, &[]);
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(kafka.messages(&to, 0)[0].text(), r#"{"seq":1}"#);
}

fn null_keys_stay_null_and_tombstones_send_nothing(subject: Subject) {
    let kafka = Kafka::shared();
    let (from, to) = (kafka.topic("nulls", 1), kafka.topic("kept", 1));
    let records = [(None, Some(&b"{\"a\":1}"[..])), (Some("gone"), None), (Some(""), Some(b"{}"))];
    send_raw(kafka, &from, &records);
    let server = subject.setup().start();
    subscribe(&server, kafka, &from, "");
    route(&server, "out", &format!("TOPIC {to}"));
    resume(&server);
    server.wait_applied(SUBSCRIPTION);
    let info = server.subscription(SUBSCRIPTION);
    assert_eq!((info.counters.applied, info.counters.filtered), (2, 1));
    let messages = kafka.messages(&to, 0);
    let keys: Vec<_> = messages.iter().map(|message| message.key.as_deref()).collect();
    assert_eq!(keys, [None, Some(&b""[..])]);
    assert_eq!(messages[0].text(), r#"{"a":1}"#);
    assert_eq!(messages[1].text(), "{}");
}

const SCHEMA: &str = r#"{"type":"record","name":"Enriched","fields":[
    {"name":"id","type":"long"},
    {"name":"name","type":["null","string"]},
    {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}]}"#;

fn avro_by_the_registered_schema(subject: Subject) {
    let kafka = Kafka::shared();
    let (from, to) = (kafka.topic("plain", 1), kafka.topic("avro", 1));
    let registry = Registry::start();
    let values = [
        r#"{"id":30,"name":"a","price":1.05}"#,
        r#"{"id":31,"price":7}"#,
        r#"{"id":32,"price":1.055}"#,
    ];
    send_texts(kafka, &from, &values);
    let server = subject.setup().start();
    subscribe(&server, kafka, &from, "ONERROR DEADLETTER");
    let target = format!("TOPIC {to} VALUE AVRO REGISTRY {}", registry.url());
    route(&server, "out", &format!("{target} SELECT \"id, name, price\""));
    resume(&server);
    let subject = format!("subject '{to}-value' is unknown to the Schema Registry");
    let info = server.wait_reason(SUBSCRIPTION, "waiting", &subject);
    assert!(info.action.starts_with("register a schema under it"), "{info:#?}");
    let id = registry.register(&format!("{to}-value"), Kind::Avro, SCHEMA, &[]);
    server.wait_applied(SUBSCRIPTION);
    let messages: Vec<_> =
        kafka.messages(&to, 0).into_iter().map(|message| message.value.expect("a value")).collect();
    let datum = |bytes: &[u8]| encode::framed(id, bytes);
    let (first, second) = ([60, 2, 2, b'a', 2, 0x69], [62, 0, 4, 0x02, 0xbc]);
    assert_eq!(messages, [datum(&first), datum(&second)]);
    let letters = server.stream(&format!("kafka:deadletters:{SUBSCRIPTION}"));
    let problem = format!(
        "topic '{to}': field 'price': it has more decimal places than the schema's decimal: round it"
    );
    assert_eq!((letters.len(), &letters[0]["error"]), (1, &problem));
}

fn routes_that_cannot_send_are_refused(subject: Subject) {
    let kafka = Kafka::shared();
    let from = kafka.topic("refusals", 1);
    let server = subject.setup().start();
    subscribe(&server, kafka, &from, "");
    let circle = format!(
        "route 'r': '{SUBSCRIPTION}' reads topic '{from}' itself, so that its messages would go round for ever; send to another topic"
    );
    for (target, expected) in [
        (from.as_str(), circle.as_str()),
        (
            "t VALUE AVRO",
            "route 'r': VALUE AVRO needs a schema; add REGISTRY url, or REGISTRY profile of the connections file",
        ),
        (
            "t VALUE PROTOBUF",
            "TOPIC writes no 'PROTOBUF' (argument 8); write VALUE JSON, STRING or AVRO",
        ),
        (
            "t REGISTRY http://r:1",
            "REGISTRY is for VALUE AVRO (argument 7); write VALUE AVRO, or leave REGISTRY away",
        ),
        (
            "\"t-%{key}\"",
            "the topic of a TOPIC target is one name, not a template (argument 6); make a route for each topic, with WHERE",
        ),
    ] {
        let error = server.refused(&format!("KAFKA.ROUTE r FROM {SUBSCRIPTION} TO TOPIC {target}"));
        assert_eq!(error, format!("ERR KAFKA.ROUTE: {expected}"));
    }
    route(&server, "r", "TOPIC elsewhere");
    let brokers = kafka.brokers();
    let error = server.refused(&format!(
        "KAFKA.SUBSCRIBE {SUBSCRIPTION} REPLACE PATTERN \"^else.*\" BROKERS {brokers}"
    ));
    assert!(error.contains("reads topic 'elsewhere' itself"), "{error}");
}
