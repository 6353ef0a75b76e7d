//! TOPICS, PEEK and PRODUCE: what an operator does with a topic, from redis-cli.

use std::time::{Duration, Instant};

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::client::Protocol;
use redis_kafka_tests::encode;
use redis_kafka_tests::network::free_port;
use redis_kafka_tests::producer::{Outcome, send_raw, send_with_header, transact};
use redis_kafka_tests::registry::{Kind, Registry};
use redis_kafka_tests::reply::{items, text};
use redis_kafka_tests::server::RedisServer;
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::elapse;

redis_kafka_tests::for_each_subject!(
    values_are_produced_and_seen,
    commands_that_ask_kafka_are_refused_where_nobody_can_wait
        : not_sidecar "the command port has no transactions and no scripts",
);

redis_kafka_tests::for_module_and_sidecar!(
    topics_are_listed_with_what_they_hold,
    the_latest_records_are_shown_and_those_from_a_position,
    formats_are_guessed_and_said,
    schemas_are_read_and_written,
    what_is_written_now_is_waited_for,
    a_subscription_lends_its_connection_and_formats,
    produce_creates_only_when_told_to,
    a_tombstone_is_produced_and_deletes_the_key,
    values_that_cannot_be_sent_are_named,
    a_broker_that_is_away_is_told_in_time,
    which_cluster_is_asked_when_there_are_several,
);

/// The lines of an answer.
fn lines(server: &RedisServer, line: &str) -> Vec<String> {
    items(&server.line(line)).iter().map(text).collect()
}

/// `KAFKA.PRODUCE`, its options and its values as they are.
fn try_produce(server: &RedisServer, options: &str, values: &[&str]) -> Result<String, String> {
    let words: Vec<&str> = ["KAFKA.PRODUCE"]
        .into_iter()
        .chain(options.split(' '))
        .chain(values.iter().copied())
        .collect();
    server.connect(Protocol::Resp2).send(&words).map(|reply| text(&reply))
}

fn produce(server: &RedisServer, options: &str, values: &[&str]) -> String {
    try_produce(server, options, values).expect("it is sent")
}

fn peek(server: &RedisServer, kafka: &Kafka, topic: &str, options: &str) -> Vec<String> {
    lines(server, &format!("KAFKA.PEEK {topic} BROKERS {} {options}", kafka.brokers()))
}

/// A shown record without its time, which nobody can foretell.
fn timeless(line: &str) -> String {
    let (place, rest) = line.split_once(' ').expect("a place");
    let (time, rest) = rest.split_once(' ').expect("a time");
    assert!(time.len() == 24 && time.ends_with('Z') && time.starts_with("20"), "{line}");
    format!("{place} {rest}")
}

fn values_are_produced_and_seen(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("measurements", 1);
    let server = subject.setup().start();
    let to = format!("{topic} BROKERS {}", kafka.brokers());
    let options = format!("{to} KEY VIE:4 HEADER X-Id 7 HEADER X-Id 8");
    let reply = produce(&server, &options, &["{\"id\":4}", "two"]);
    assert_eq!(reply, format!("OK {topic}/0@0 {topic}/0@1"));
    // What looks like an option is a value behind VALUES.
    assert_eq!(produce(&server, &to, &["VALUES", "KEY"]), format!("OK {topic}/0@2"));
    let shown = peek(&server, kafka, &topic, "");
    assert_eq!(shown[0], "KEY STRING (guessed) VALUE STRING (guessed)");
    let shown: Vec<_> = shown[1..].iter().map(|line| timeless(line)).collect();
    let head = r#"headers={"X-Id":"7","X-Id":"8"}"#;
    assert_eq!(
        shown,
        [
            format!(r#"{topic}/0@0 key="VIE:4" value="{{\"id\":4}}" {head}"#),
            format!(r#"{topic}/0@1 key="VIE:4" value="two" {head}"#),
            format!(r#"{topic}/0@2 key=null value="KEY""#),
        ]
    );
    let messages = kafka.messages(&topic, 0);
    assert_eq!(messages.len(), 3);
    assert!(kafka.groups().iter().all(|group| !group.contains("look")), "no group is joined");
}

fn commands_that_ask_kafka_are_refused_where_nobody_can_wait(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("multi", 1);
    let server = subject.setup().start();
    let at = format!("BROKERS {}", kafka.brokers());
    for line in [
        format!("KAFKA.TOPICS {at}"),
        format!("KAFKA.PEEK {topic} {at}"),
        format!("KAFKA.PRODUCE {topic} {at} x"),
    ] {
        server.ok("MULTI");
        server.line(&line);
        let reply = format!("{:?}", server.try_line("EXEC"));
        assert!(reply.contains("not allowed inside MULTI"), "{reply}");
        let script = format!("EVAL \"return redis.call('{}')\" 0", line.replace(' ', "','"));
        let refused = server.refused(&script);
        assert!(refused.contains("not allowed from script"), "{refused}");
    }
    assert_eq!(kafka.messages(&topic, 0).len(), 0);
}

fn topics_are_listed_with_what_they_hold(subject: Subject) {
    let kafka = Kafka::shared();
    let week = [("retention.ms", "604800000")];
    let topic = kafka.topic_with("listed", 3, &week);
    let compacted = kafka.topic_with("compacted", 1, &[("cleanup.policy", "compact")]);
    send_raw(kafka, &topic, &[(None, Some(b"1")), (None, Some(b"2"))]);
    send_raw(kafka, &compacted, &[(Some("k"), Some(b"1"))]);
    let server = subject.setup().start();
    let all = lines(&server, &format!("KAFKA.TOPICS BROKERS {}", kafka.brokers()));
    let of = |topic: &str| {
        let mut found = all.iter().filter(|line| line.starts_with(&format!("topic={topic} ")));
        found.next().unwrap_or_else(|| panic!("no {topic} in {all:#?}")).clone()
    };
    let rest = "partitions=3 replicas=1 records=2 retention=7d cleanup=delete";
    assert_eq!(of(&topic), format!("topic={topic} {rest}"));
    let rest = "partitions=1 replicas=1 records<=1 retention=forever cleanup=compact";
    assert_eq!(of(&compacted), format!("topic={compacted} {rest}"));
    assert!(all.iter().all(|line| !line.starts_with("topic=__")), "{all:#?}");
    assert!(all.is_sorted(), "{all:#?}");
}

fn the_latest_records_are_shown_and_those_from_a_position(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("window", 2);
    let value = |n: usize| format!("{{\"n\":{n}}}").into_bytes();
    let values: Vec<_> = (0..30).map(value).collect();
    let records: Vec<_> = values.iter().map(|value| (None, Some(value.as_slice()))).collect();
    send_raw(kafka, &topic, &records);
    let server = subject.setup().start();
    let numbers = |options: &str| {
        let shown = peek(&server, kafka, &topic, options);
        let number = |line: &String| {
            line.split_once("{\"n\":").map(|(_, rest)| rest.trim_end_matches('}').to_owned())
        };
        shown.iter().filter_map(number).map(|it| it.parse().expect(&it)).collect::<Vec<usize>>()
    };
    assert_eq!(numbers(""), (20..30).collect::<Vec<_>>());
    assert_eq!(numbers("COUNT 3"), [27, 28, 29]);
    assert_eq!(numbers("COUNT 1000"), (0..30).collect::<Vec<_>>());
    assert_eq!(numbers("START EARLIEST COUNT 2"), [0, 1]);
    assert_eq!(numbers("START OFFSET 28"), [28, 29]);
    assert_eq!(numbers("START TIMESTAMP -1h COUNT 1"), [0]);
    let nothing = peek(&server, kafka, &topic, "START OFFSET 30");
    assert_eq!(
        nothing,
        [format!("no records from START OFFSET 30 on in topic '{topic}' (2 partitions)")]
    );
    // Aborted records are never shown, and the gap they leave hides none.
    for _ in 0..20 {
        transact(kafka, &topic, Outcome::Abort, &[("k".into(), "aborted".into())]);
    }
    assert_eq!(numbers("COUNT 3"), [27, 28, 29]);
    let empty = kafka.topic("empty", 2);
    assert_eq!(
        peek(&server, kafka, &empty, ""),
        [format!("no records: topic '{empty}' is empty (2 partitions)")]
    );
    let wrong = server.refused(&format!("KAFKA.PEEK {topic}x BROKERS {}", kafka.brokers()));
    let expected =
        format!("ERR KAFKA.PEEK: topic '{topic}x' does not exist; did you mean '{topic}'?");
    assert_eq!(wrong, expected);
}

fn what_is_written_now_is_waited_for(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("tail", 2);
    send_raw(kafka, &topic, &[(None, Some(b"before"))]);
    let server = subject.setup().start();
    let mut client = server.connect(Protocol::Resp2);
    let line = format!("KAFKA.PEEK {topic} BROKERS {} START LATEST COUNT 1", kafka.brokers());
    let waiting = std::thread::spawn(move || client.line(&line));
    // It is not known when it begins to wait: what is written later than that is shown.
    while !waiting.is_finished() {
        send_raw(kafka, &topic, &[(None, Some(b"now"))]);
        elapse(Duration::from_millis(100));
    }
    let shown = waiting.join().expect("the client").expect("records");
    let shown: Vec<_> = items(&shown).iter().map(text).collect();
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(shown[1].ends_with(" key=null value=\"now\""), "{shown:?}");
}

fn formats_are_guessed_and_said(subject: Subject) {
    let kafka = Kafka::shared();
    let server = subject.setup().start();
    let one = |name: &str, key: Option<&str>, value: &[u8], options: &str| {
        let topic = kafka.topic(name, 1);
        send_raw(kafka, &topic, &[(key, Some(value)), (key, None)]);
        let shown = peek(&server, kafka, &topic, options);
        let place = format!("{topic}/0@0 ");
        let record = timeless(&shown[1]);
        let record = record.strip_prefix(&place).expect(&place).to_owned();
        assert!(shown[2].ends_with(" value=null"), "{shown:?}");
        (shown[0].clone(), record)
    };
    let guessed = |key: &str, value: &str| format!("KEY {key} (guessed) VALUE {value} (guessed)");
    let pair = |head: String, record: &str| (head, record.to_owned());
    assert_eq!(
        one("json", Some("k"), b"{ \"a\": [1.50, null] }", ""),
        pair(guessed("STRING", "JSON"), r#"key="k" value={"a":[1.50,null]}"#)
    );
    assert_eq!(
        one("int", Some("\0\0\0\x07"), b"\0\0\0\0\0\0\0\x08", ""),
        pair(guessed("INT", "LONG"), "key=7 value=8")
    );
    assert_eq!(
        one("bytes", None, b"\xff\0", ""),
        pair("KEY null VALUE BYTES (guessed)".to_owned(), "key=null value=\"/wA=\"")
    );
    let (head, record) = one("wrong", Some("k"), b"{oops", "KEY STRING VALUE JSON");
    assert_eq!(head, "KEY STRING VALUE JSON");
    let expected = r#"key="k" value="{oops" value_error="invalid JSON at byte 1: "#;
    assert!(record.starts_with(expected), "{record}");
    let long = format!("\"{}\"", "x".repeat(20_000));
    let (_, record) = one("long", None, long.as_bytes(), "VALUE JSON");
    assert!(record.len() < 9_000 && record.ends_with("… 20002 bytes"), "{}", record.len());
}

const SCHEMA: &str = r#"{"type":"record","name":"Reading","fields":[
    {"name":"id","type":"int"},{"name":"level","type":["null","double"],"default":null}]}"#;

fn schemas_are_read_and_written(subject: Subject) {
    let kafka = Kafka::shared();
    let (topic, registry) = (kafka.topic("avro", 1), Registry::start());
    let server = subject.setup().start();
    let at = format!("REGISTRY {}", registry.url());
    let to = format!("{topic} BROKERS {} FORMAT AVRO {at}", kafka.brokers());
    assert_eq!(
        try_produce(&server, &to, &["{\"id\":1}"]).expect_err("no schema"),
        format!(
            "ERR KAFKA.PRODUCE: subject '{topic}-value' has no AVRO schema; register one under it, \
             or choose another FORMAT"
        )
    );
    let id = registry.register(&format!("{topic}-value"), Kind::Avro, SCHEMA, &[]);
    let reply = produce(&server, &to, &[r#"{"id":1,"level":2.5}"#, r#"{"id":2}"#]);
    assert_eq!(reply, format!("OK {topic}/0@0 {topic}/0@1"));
    let written = kafka.messages(&topic, 0);
    let expected = encode::framed(id, &encode::avro(SCHEMA, encode_reading(1, Some(2.5))));
    assert_eq!(written[0].value.as_deref(), Some(expected.as_slice()));
    let wrong = try_produce(&server, &to, &[r#"{"id":1}"#, r#"{"id":"x"}"#]).expect_err("no int");
    assert!(
        wrong.starts_with("ERR KAFKA.PRODUCE: value 2 of 2: FORMAT AVRO: field 'id': ")
            && wrong.ends_with("; nothing was sent"),
        "{wrong}"
    );
    let shown = peek(&server, kafka, &topic, &at);
    assert_eq!(shown[0], "KEY null VALUE AVRO (guessed)");
    let shown: Vec<_> = shown[1..].iter().map(|line| timeless(line)).collect();
    assert_eq!(
        shown,
        [
            format!(r#"{topic}/0@0 key=null value={{"id":1,"level":2.5}}"#),
            format!(r#"{topic}/0@1 key=null value={{"id":2,"level":null}}"#),
        ]
    );
    let shown = peek(&server, kafka, &topic, "");
    let hint = format!("; the values seem to have a schema (id {id}): add REGISTRY url");
    assert!(shown[0].ends_with(&hint), "{}", shown[0]);
    json_schema(&server, kafka, &registry);
}

fn encode_reading(id: i32, level: Option<f64>) -> serde_json::Value {
    serde_json::json!({ "id": id, "level": level })
}

fn json_schema(server: &RedisServer, kafka: &Kafka, registry: &Registry) {
    let topic = kafka.topic("json-schema", 1);
    let id = registry.register(&format!("{topic}-value"), Kind::Json, "{}", &[]);
    let options = format!("BROKERS {} REGISTRY {}", kafka.brokers(), registry.url());
    produce(server, &format!("{topic} {options} FORMAT JSONSCHEMA"), &["{\"a\":1}"]);
    let expected = encode::framed(id, b"{\"a\":1}");
    assert_eq!(kafka.messages(&topic, 0)[0].value.as_deref(), Some(expected.as_slice()));
    let shown = lines(server, &format!("KAFKA.PEEK {topic} {options}"));
    assert_eq!(shown[0], "KEY null VALUE JSONSCHEMA (guessed)");
    assert_eq!(timeless(&shown[1]), format!(r#"{topic}/0@0 key=null value={{"a":1}}"#));
}

fn a_subscription_lends_its_connection_and_formats(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("lent", 1);
    send_raw(kafka, &topic, &[(Some("42"), Some(b"43"))]);
    let server = subject.setup().start();
    let brokers = kafka.brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE s TOPIC {topic} BROKERS {brokers} KEY BYTES VALUE JSON"));
    let shown = lines(&server, &format!("KAFKA.PEEK {topic} ON s"));
    assert_eq!(shown[0], "KEY BYTES VALUE JSON");
    assert_eq!(timeless(&shown[1]), format!(r#"{topic}/0@0 key="NDI=" value=43"#));
    // The only cluster known is meant without a word.
    let shown = lines(&server, &format!("KAFKA.PEEK {topic}"));
    assert_eq!(shown[0], "KEY STRING (guessed) VALUE STRING (guessed)");
    assert_eq!(server.ok(&format!("KAFKA.PRODUCE {topic} x")), format!("OK {topic}/0@1"));
    assert!(lines(&server, "KAFKA.TOPICS").iter().any(|line| line.contains(&topic)));
    let refused = server.refused(&format!("KAFKA.PEEK {topic} ON t"));
    assert_eq!(refused, "ERR KAFKA.PEEK: no subscription named 't'; did you mean s?");
    // Nothing was consumed or committed by looking.
    assert_eq!(server.subscription("s").counters.consumed, 0);
}

fn produce_creates_only_when_told_to(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("known", 1);
    let server = subject.setup().start();
    let brokers = kafka.brokers();
    let refused = server.refused(&format!("KAFKA.PRODUCE {topic}x BROKERS {brokers} v"));
    assert_eq!(
        refused,
        format!(
            "ERR KAFKA.PRODUCE: topic '{topic}x' does not exist; did you mean '{topic}'?; \
             CREATE n makes it with n partitions"
        )
    );
    let created = format!("{topic}-created");
    let line = format!("KAFKA.PRODUCE {created} BROKERS {brokers} CREATE 3 PARTITION 2 v w");
    let reply = server.ok(&line);
    let made = "; the topic was made with 3 partitions";
    assert_eq!(reply, format!("OK {created}/2@0 {created}/2@1{made}"));
    assert_eq!(server.ok(&line), format!("OK {created}/2@2 {created}/2@3"));
    let refused =
        server.refused(&format!("KAFKA.PRODUCE {created} BROKERS {brokers} PARTITION 3 v"));
    assert_eq!(
        refused,
        format!("ERR KAFKA.PRODUCE: topic '{created}' has no partition 3; it has 0 to 2")
    );
}

fn a_tombstone_is_produced_and_deletes_the_key(subject: Subject) {
    let kafka = Kafka::shared();
    let (topic, copy) = (kafka.topic("tombstones", 1), kafka.topic("tombstones-copy", 1));
    let server = subject.setup().start();
    server.ok(&format!("KAFKA.SUBSCRIBE s TOPIC {topic} BROKERS {}", kafka.brokers()));
    server.ok(r#"KAFKA.ROUTE r FROM s TO HASH "h:%{_key}""#);
    for key in ["a", "b"] {
        produce(&server, &format!("{topic} KEY {key} FORMAT JSON"), &[r#"{"n":1,"note":null}"#]);
    }
    server.wait_applied("s");
    assert_eq!(server.keys("h:*"), ["h:a", "h:b"]);
    let reply = server.ok(&format!("KAFKA.PRODUCE {topic} tombstone KEY a HEADER why left"));
    assert_eq!(reply, format!("OK {topic}/0@2"));
    server.wait_applied("s");
    assert_eq!(server.keys("h:*"), ["h:b"]);
    let sent = kafka.messages(&topic, 0).pop().expect("a message");
    assert_eq!((sent.key.as_deref(), sent.value), (Some(b"a".as_slice()), None));
    assert_eq!(sent.headers, [("why".to_owned(), "left".to_owned())]);
    // What a route would send is shown as the line that sends it.
    let target = format!("TO TOPIC {copy} VALUE STRING SELECT note");
    let shown = lines(&server, &format!("KAFKA.PREVIEW FROM s {target} START EARLIEST"));
    let line = format!("KAFKA.PRODUCE {copy} ON s KEY a TOMBSTONE");
    assert!(shown.contains(&line), "{shown:#?}");
    assert_eq!(server.ok(&line), format!("OK {copy}/0@0"));
    server.ok(&format!("KAFKA.PRODUCE {copy} KEY a VALUES TOMBSTONE"));
    let values: Vec<_> = kafka.messages(&copy, 0).into_iter().map(|it| it.value).collect();
    assert_eq!(values, [None, Some(b"TOMBSTONE".to_vec())], "the word is a value, too");
}

fn values_that_cannot_be_sent_are_named(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic_with("small", 1, &[("max.message.bytes", "2000")]);
    let server = subject.setup().start();
    let to = format!("KAFKA.PRODUCE {topic} BROKERS {}", kafka.brokers());
    for (options, words) in [
        ("FORMAT JSON {} {oops", "value 2 of 2: invalid JSON at byte 1: "),
        ("FORMAT INT 5 6 x", "value 3 of 3: 'x' is no such number, or out of its range"),
        ("FORMAT SHORT 70000", "the value: '70000' is no such number, or out of its range"),
        ("FORMAT PROTOBUF x", "FORMAT PROTOBUF cannot be written (argument 4)"),
        ("FORMAT AVRO x", "FORMAT AVRO needs a schema; add REGISTRY url"),
    ] {
        let refused = server.refused(&format!("{to} {options}"));
        assert!(refused.starts_with(&format!("ERR KAFKA.PRODUCE: {words}")), "{refused}");
    }
    assert_eq!(kafka.watermarks(&topic, 0), (0, 0));
    let large = "x".repeat(5000);
    let refused = server.refused(&format!("{to} {large}"));
    let words = "Broker: Message size too large; no value was acknowledged";
    assert_eq!(refused, format!("ERR KAFKA.PRODUCE: {words}"));
    server.ok(&format!("{to} FORMAT DOUBLE 1.5"));
    let written = kafka.messages(&topic, 0);
    assert_eq!(
        written.last().and_then(|it| it.value.clone()),
        Some(1.5_f64.to_be_bytes().to_vec())
    );
}

fn a_broker_that_is_away_is_told_in_time(subject: Subject) {
    let server = subject.setup().start();
    let at = format!("BROKERS 127.0.0.1:{}", free_port());
    for line in [
        format!("KAFKA.TOPICS {at}"),
        format!("KAFKA.PEEK t {at}"),
        format!("KAFKA.PRODUCE t {at} x"),
    ] {
        let begun = Instant::now();
        let refused = server.refused(&line);
        assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
        let command = line.split(' ').next().expect("a command");
        let words = format!("ERR {command}: no answer from Kafka: ");
        assert!(refused.starts_with(&words), "{refused}");
        assert!(refused.contains("Connection refused") && refused.contains("check host and port"));
        // The server serves others meanwhile, and afterwards.
        assert_eq!(server.text("PING"), "PONG");
    }
}

fn which_cluster_is_asked_when_there_are_several(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("several", 1);
    let server = subject.setup().start();
    assert_eq!(
        server.refused("KAFKA.TOPICS"),
        "ERR KAFKA.TOPICS: which Kafka cluster? none is known yet; add BROKERS host:port or \
         CONNECTION profile"
    );
    let (one, other) = (kafka.brokers(), format!("127.0.0.1:{}", free_port()));
    server.ok(&format!("KAFKA.SUBSCRIBE a TOPIC {topic} BROKERS {one}"));
    server.ok(&format!("KAFKA.SUBSCRIBE b TOPIC {topic} BROKERS {other}"));
    assert_eq!(
        server.refused(&format!("KAFKA.PEEK {topic}")),
        format!(
            "ERR KAFKA.PEEK: which Kafka cluster? there are BROKERS {one} and BROKERS {other}; \
             add ON subscription, CONNECTION profile or BROKERS host:port"
        )
    );
    send_with_header(kafka, &topic, ("h", b"\xff"), b"v");
    let shown = lines(&server, &format!("KAFKA.PEEK {topic} ON a VALUE STRING"));
    assert_eq!(
        timeless(&shown[1]),
        format!(r#"{topic}/0@0 key=null value="v" headers={{"h":"/w=="}}"#)
    );
}
