//! EACH and JOIN, end to end.

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::faults::{Dice, Scale};
use redis_kafka_tests::oracle::declare_paused;
use redis_kafka_tests::producer::{Load, Outcome, send_raw, send_texts, transact};
use redis_kafka_tests::server::{Append, RedisServer};
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::elapse;
use std::collections::HashMap;

redis_kafka_tests::for_each_subject!(
    unknown_hashes_are_null,
    joins_follow_each_other,
    a_table_of_the_same_subscription_is_joined_as_it_stands,
    a_hash_changed_by_a_client_is_seen_by_the_next_batch,
    what_is_no_hash_stops_at_the_record,
    whoever_may_not_read_may_not_join: not_sidecar "the command port has one password and no users of its own",
    elements_are_written_one_by_one,
    a_bad_element_keeps_its_record_out,
    joins_across_kills_are_exactly_once,
    batches_looked_up_ahead_across_kills,
);

/// A subscription `rides` with these routes, and its topic.
fn routed(server: &RedisServer, options: &str, routes: &[&str]) -> String {
    let kafka = Kafka::shared();
    let topic = kafka.topic("joins", 1);
    declare_paused(server, kafka, ("rides", &topic), options, routes);
    server.ok("KAFKA.RESUME rides");
    topic
}

fn send(topic: &str, records: &[&str]) {
    send_texts(Kafka::shared(), topic, records);
}

fn fields(server: &RedisServer, key: &str, name: &str) -> Vec<Option<String>> {
    server.stream(key).into_iter().map(|mut entry| entry.remove(name)).collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

const ENRICHED: &str = r#"STREAM enriched JOIN HASH "produit:%{id}" AS p SELECT "n, coalesce(p.name, 'REF INCONNUE') AS name, p.price""#;

fn unknown_hashes_are_null(subject: Subject) {
    let server = subject.setup().start();
    server.line("HSET produit:1 name produit1 price 13.40");
    server.line("HSET produit:2 name produit2");
    let topic = routed(&server, "", &[ENRICHED]);
    let records: Vec<String> = (0..100).map(|n| format!(r#"{{"n":{n},"id":{}}}"#, n % 4)).collect();
    send(&topic, &records.iter().map(String::as_str).collect::<Vec<_>>());
    send(&topic, &[r#"{"n":100,"id":null}"#, r#"{"n":101}"#]);
    server.wait_applied("rides");
    let names = fields(&server, "enriched", "name");
    let expected: Vec<_> = (0..102)
        .map(|n| match n % 4 {
            1 if n < 100 => "produit1",
            2 if n < 100 => "produit2",
            _ => "REF INCONNUE",
        })
        .collect();
    assert_eq!(names, some(&expected));
    let prices = fields(&server, "enriched", "price");
    assert_eq!((prices[1].as_deref(), prices[2].as_deref()), (Some("13.40"), None));
    server.subscription("rides").counters.check();
}

fn joins_follow_each_other(subject: Subject) {
    let server = subject.setup().start();
    server.line("HSET produit:1 name produit1 maker m1");
    server.line("HSET maker:m1 name Huber city Wien");
    let topic = routed(
        &server,
        "",
        &[
            r#"HASH "o:%{n}" JOIN HASH "produit:%{id}" AS p JOIN HASH "maker:%{p.maker}" AS m SELECT "p.name, m.*""#,
        ],
    );
    send(&topic, &[r#"{"n":1,"id":1}"#, r#"{"n":2,"id":2}"#]);
    server.wait_applied("rides");
    let expected = [("name", "Huber"), ("city", "Wien")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(server.hash("o:1"), HashMap::from(expected));
    assert!(server.keys("o:2").is_empty());
}

/// Every record updates the counter that it then joins: the outcome shows each write before it.
fn a_table_of_the_same_subscription_is_joined_as_it_stands(subject: Subject) {
    for size in [4, 512] {
        let server = subject.setup_of_units(size).start();
        let routes = [
            r#"STREAM before JOIN HASH "last:%{key}" AS l SELECT "seq, l.seq AS previous""#,
            r#"HASH "last:%{key}" SELECT "seq""#,
            r#"STREAM after JOIN HASH "last:%{key}" AS l SELECT "seq, l.seq AS current""#,
        ];
        let topic = routed(&server, "", &routes);
        let mut load = Load::with_keys(Kafka::shared(), &topic, 3);
        load.send(700);
        server.wait_applied("rides");
        let mut last: HashMap<String, String> = HashMap::new();
        let before = server.stream("before");
        assert_eq!(before.len(), 700);
        for (seq, entry) in before.iter().enumerate() {
            let seq = seq.to_string();
            assert_eq!(entry["seq"], seq);
            let previous = last.insert(load.key(seq.parse().unwrap()), seq);
            assert_eq!(entry.get("previous"), previous.as_ref(), "{entry:?}");
        }
        let after = server.stream("after");
        assert_eq!(after.len(), 700);
        assert!(after.iter().all(|entry| entry["seq"] == entry["current"]));
    }
}

fn a_hash_changed_by_a_client_is_seen_by_the_next_batch(subject: Subject) {
    let server = subject.setup().start();
    let topic = routed(&server, "", &[ENRICHED]);
    for name in ["one", "two", "three"] {
        server.line(&format!("HSET produit:1 name {name}"));
        send(&topic, &[r#"{"n":1,"id":1}"#]);
        server.wait_applied("rides");
    }
    server.line("DEL produit:1");
    send(&topic, &[r#"{"n":1,"id":1}"#]);
    server.wait_applied("rides");
    let expected = some(&["one", "two", "three", "REF INCONNUE"]);
    assert_eq!(fields(&server, "enriched", "name"), expected);
}

fn what_is_no_hash_stops_at_the_record(subject: Subject) {
    let server = subject.setup().start();
    server.line("RPUSH produit:2 no hash");
    let topic = routed(&server, "", &[ENRICHED]);
    send(&topic, &[r#"{"n":1,"id":1}"#, r#"{"n":2,"id":2}"#, r#"{"n":3,"id":3}"#]);
    let info = server.wait_state("rides", "stopped");
    assert!(info.reason.contains("@1 route r0") && info.reason.contains("produit:2"), "{info:#?}");
    assert!(info.reason.contains("WRONGTYPE"), "{info:#?}");
    assert_eq!(fields(&server, "enriched", "n"), some(&["1"]));
    server.line("DEL produit:2");
    server.ok("KAFKA.RESUME rides");
    server.wait_applied("rides");
    assert_eq!(fields(&server, "enriched", "n"), some(&["1", "2", "3"]));
    assert_eq!(server.subscription("rides").counters.skipped, 0);
}

fn whoever_may_not_read_may_not_join(subject: Subject) {
    let server = subject.setup().start();
    let _ = routed(&server, "", &[]);
    server.line("ACL SETUSER maker on nopass +@all ~enriched %R~produit:*");
    let mut client = server.connect(redis_kafka_tests::client::Protocol::Resp2);
    client.line("AUTH maker any").expect("a user");
    let route = |key: &str| {
        format!(r#"KAFKA.ROUTE q FROM rides TO STREAM enriched JOIN HASH "{key}:%{{id}}" AS p"#)
    };
    let error = client.line(&route("secret")).expect_err("no right to read");
    assert!(error.contains("user 'maker' may not read keys that start with 'secret:'"), "{error}");
    client.line(&route("produit")).expect("the right to read");
}

fn elements_are_written_one_by_one(subject: Subject) {
    let server = subject.setup().start();
    server.line("HSET produit:a name Apfel");
    let routes = [
        r#"HASH "line:%{id}:%{i.sku}" EACH items AS i JOIN HASH "produit:%{i.sku}" AS p SELECT "i.qty AS qty, p.name AS name, buyer""#,
        r#"STREAM stock EACH _value['stock'] AS e SELECT "e.key, e.value""#,
    ];
    let topic = routed(&server, "ONERROR SKIP", &routes);
    let record = r#"{"id":1,"buyer":"Ada","items":[{"sku":"a","qty":1},{"sku":"b","qty":2}],"stock":{"x":1,"y":[2]}}"#;
    send(&topic, &[record, r#"{"id":2,"items":null,"stock":{}}"#, r#"{"id":3,"items":7}"#]);
    send_raw(Kafka::shared(), &topic, &[(Some("1"), None)]);
    server.wait_applied("rides");
    let hash = |key: &str| {
        let mut fields: Vec<_> = server.hash(key).into_iter().collect();
        fields.sort();
        fields.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(hash("line:1:a"), ["buyer=Ada", "name=Apfel", "qty=1"]);
    assert_eq!(hash("line:1:b"), ["buyer=Ada", "qty=2"]);
    assert_eq!(server.keys("line:*").len(), 2);
    assert_eq!(fields(&server, "stock", "key"), some(&["x", "y"]));
    assert_eq!(fields(&server, "stock", "value"), some(&["1", "[2]"]));
    let counters = server.subscription("rides").counters;
    counters.check();
    assert_eq!((counters.applied, counters.filtered, counters.skipped), (1, 2, 1));
}

fn a_bad_element_keeps_its_record_out(subject: Subject) {
    let server = subject.setup().start();
    let routes = [r#"STREAM every"#, r#"STREAM "s:%{i.to}" EACH items AS i SELECT "i.n""#];
    let topic = routed(&server, "ONERROR DEADLETTER", &routes);
    let records = [
        r#"{"items":[{"to":"a","n":0},{"to":"b","n":1}]}"#,
        r#"{"items":[{"to":"a","n":2},{"n":3}]}"#,
        r#"{"items":[{"to":"a","n":4}]}"#,
    ];
    send(&topic, &records);
    server.wait_applied("rides");
    assert_eq!(fields(&server, "s:a", "n"), some(&["0", "4"]));
    assert_eq!(fields(&server, "s:b", "n"), some(&["1"]));
    assert_eq!(server.number("XLEN every"), 2);
    assert_eq!(server.number("XLEN kafka:deadletters:rides"), 1);
}

/// The record's predecessor of its key is joined and written down: a fold over Kafka's content
/// says what it must be, whatever was killed when.
fn joins_across_kills_are_exactly_once(subject: Subject) {
    let mut dice = Dice::new();
    let mut server = subject.setup().append(Append::Always).start();
    server.line("HSET name:k0 text zero");
    let routes = [
        r#"STREAM chain JOIN HASH "last:%{key}" AS l JOIN HASH "name:%{key}" AS n SELECT "seq, l.seq AS previous, coalesce(n.text, 'none') AS name""#,
        r#"HASH "last:%{key}" SELECT "seq""#,
    ];
    let topic = routed(&server, "", &routes);
    let load = Load::with_keys(Kafka::shared(), &topic, 5).start(1000);
    for _ in 0..Scale::from_env().pick(5, 20) {
        let consumed = server.subscription("rides").counters.consumed;
        server.wait_consumed("rides", consumed + 1);
        elapse(dice.millis(0..=200));
        server.kill();
        server.start_again();
    }
    let load = load.stop();
    server.wait_applied("rides");
    let chain = server.stream("chain");
    assert_eq!(chain.len() as u64, load.sent());
    let mut last: HashMap<String, String> = HashMap::new();
    for (seq, entry) in (0..).zip(&chain) {
        let key = load.key(seq);
        let name = if key == "k0" { "zero" } else { "none" };
        assert_eq!((entry["seq"].as_str(), entry["name"].as_str()), (&*seq.to_string(), name));
        assert_eq!(entry.get("previous"), last.insert(key, seq.to_string()).as_ref());
    }
}

/// No route writes what is joined, so that hashes are looked up one batch ahead: nothing that was
/// fetched and not written may be passed, control records included.
fn batches_looked_up_ahead_across_kills(subject: Subject) {
    let mut dice = Dice::new();
    let mut server = subject.setup().append(Append::Always).start();
    server.line("HSET name:k0 text zero");
    let route = r#"STREAM seen JOIN HASH "name:%{key}" AS n SELECT "seq, coalesce(n.text, 'none') AS name""#;
    let topic = routed(&server, "", &[route]);
    let kafka = Kafka::shared();
    let mut load = Load::with_keys(kafka, &topic, 5);
    for _ in 0..Scale::from_env().pick(5, 20) {
        load.send(300);
        load.send_transaction(kafka, 7);
        transact(kafka, &topic, Outcome::Abort, &[("k1".into(), "aborted".into())]);
        elapse(dice.millis(0..=100));
        server.kill();
        server.start_again();
    }
    load.send(100);
    server.wait_applied("rides");
    let seen = server.stream("seen");
    assert_eq!(seen.len() as u64, load.sent());
    for (seq, entry) in (0..).zip(&seen) {
        let name = if load.key(seq) == "k0" { "zero" } else { "none" };
        assert_eq!((entry["seq"].as_str(), entry["name"].as_str()), (&*seq.to_string(), name));
    }
    server.subscription("rides").counters.check();
}
