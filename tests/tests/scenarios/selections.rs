//! WHERE, SELECT, expressions in keys, and envelopes, end to end.

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::producer::{send_raw, send_texts};
use redis_kafka_tests::server::RedisServer;
use redis_kafka_tests::subject::Subject;

redis_kafka_tests::for_each_subject!(
    where_filters_and_counts,
    select_names_and_computes,
    expressions_in_keys,
    a_bad_expression_is_pointed_at,
    a_failing_expression_is_a_record_error,
    debezium_changes_become_rows,
    connect_payloads_are_typed,
);

fn subscribed(subject: Subject, options: &str, route: &str) -> (RedisServer, String) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("selections", 1);
    let server = subject.setup().start();
    let brokers = kafka.brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {brokers} {options}"));
    server.ok(&format!("KAFKA.ROUTE r FROM rides TO {route}"));
    (server, topic)
}

fn where_filters_and_counts(subject: Subject) {
    let route = r#"STREAM s WHERE "price > 10 AND (zone IN ('VIE', 'BTS') OR zone IS NULL)""#;
    let (server, topic) = subscribed(subject, "", route);
    let records = [
        r#"{"seq":0,"price":10.01,"zone":"VIE"}"#,
        r#"{"seq":1,"price":10.00,"zone":"VIE"}"#,
        r#"{"seq":2,"price":11,"zone":null}"#,
        r#"{"seq":3,"zone":"VIE"}"#,
        r#"{"seq":4,"price":99.5,"zone":"GRZ"}"#,
        r#"{"seq":5,"price":1e3,"zone":"BTS"}"#,
    ];
    send_texts(Kafka::shared(), &topic, &records);
    server.wait_applied("rides");
    let seqs: Vec<_> = server.stream("s").iter().map(|entry| entry["seq"].clone()).collect();
    assert_eq!(seqs, ["0", "2", "5"]);
    let counters = server.subscription("rides").counters;
    counters.check();
    assert_eq!((counters.applied, counters.filtered), (3, 3));
}

fn select_names_and_computes(subject: Subject) {
    let route = "HASH \"h:%{id}\" SELECT \"* EXCEPT (secret), customer.*, upper(zone) AS zone, \
                 price * 2 AS twice, split(_key, '/')[-1] AS tail, \
                 CASE WHEN price > 10 THEN 'dear' ELSE 'cheap' END AS class, \
                 coalesce(missing, 'none') AS missing, _offset\"";
    let (server, topic) = subscribed(subject, "", route);
    let record =
        br#"{"id":7,"secret":"x","zone":"vie","price":13.40,"customer":{"name":"Ada","vip":true}}"#;
    send_raw(Kafka::shared(), &topic, &[(Some("a/b/c"), Some(record))]);
    server.wait_applied("rides");
    let mut hash: Vec<_> = server.hash("h:7").into_iter().collect();
    hash.sort();
    let expected = [
        ("_offset", "0"),
        ("class", "dear"),
        ("customer", r#"{"name":"Ada","vip":true}"#),
        ("id", "7"),
        ("missing", "none"),
        ("name", "Ada"),
        ("price", "13.40"),
        ("tail", "c"),
        ("twice", "26.80"),
        ("vip", "true"),
        ("zone", "VIE"),
    ];
    assert_eq!(hash, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

fn expressions_in_keys(subject: Subject) {
    let route = "STREAM \"s:%{lower(zone)}:%{window(at, '1h')}:%{CASE WHEN n > 1 THEN '}' ELSE 'one' END}\"";
    let (server, topic) = subscribed(subject, "", route);
    let records = [
        r#"{"zone":"VIE","at":1593561900000,"n":1}"#,
        r#"{"zone":"VIE","at":"2020-07-01T00:05:00Z","n":2}"#,
    ];
    send_texts(Kafka::shared(), &topic, &records);
    server.wait_applied("rides");
    let mut keys = server.keys("s:*");
    keys.sort();
    assert_eq!(keys, ["s:vie:1593561600000:one", "s:vie:1593561600000:}"]);
}

fn a_bad_expression_is_pointed_at(subject: Subject) {
    let (server, _) = subscribed(subject, "PAUSED", "STREAM s");
    for (where_clause, words) in [
        ("price >", "column 8"),
        ("uper(zone) = 'A'", "did you mean UPPER?"),
        ("price > 1 AND AND zone = 'A'", "column 15"),
        ("zone = 'A", "closing '"),
    ] {
        let error = server
            .refused(&format!("KAFKA.ROUTE q FROM rides TO STREAM s WHERE \"{where_clause}\""));
        assert!(error.starts_with("ERR KAFKA.ROUTE") && error.contains(words), "{error}");
        assert!(error.contains("column"), "{error}");
    }
}

fn a_failing_expression_is_a_record_error(subject: Subject) {
    let route = r#"STREAM s SELECT "seq, 100 / n AS share""#;
    let (server, topic) = subscribed(subject, "", route);
    let records = [r#"{"seq":0,"n":4}"#, r#"{"seq":1,"n":0}"#, r#"{"seq":2,"n":5}"#];
    send_texts(Kafka::shared(), &topic, &records);
    let info = server.wait_state("rides", "stopped");
    assert!(info.reason.contains("route r") && info.reason.contains("zero"), "{info:#?}");
    server.ok("KAFKA.RESUME rides SKIP");
    server.wait_applied("rides");
    let shares: Vec<_> = server.stream("s").iter().map(|entry| entry["share"].clone()).collect();
    assert_eq!(shares, ["25", "20"]);
}

/// Inserts, updates and deletes of a row, as Debezium writes them, with and
/// without the schemas of Connect's JsonConverter.
fn debezium_changes_become_rows(subject: Subject) {
    let event = |op: &str, before: &str, after: &str| {
        format!(
            r#"{{"before":{before},"after":{after},"source":{{"table":"rows","lsn":33}},"op":"{op}","ts_ms":1589362330904,"transaction":null}}"#
        )
    };
    let row = |name: &str| format!(r#"{{"id":1,"name":{name}}}"#);
    let enveloped = |event: &str| format!(r#"{{"schema":null,"payload":{event}}}"#);
    for with_schema in [false, true] {
        let route = "HASH \"{%{_source.table}}:%{id}\" SELECT \"*, _op AS op\"";
        let (server, topic) = subscribed(subject, "ENVELOPE DEBEZIUM", route);
        let key = "{rows}:1";
        let send = |text: String| {
            let text = if with_schema { enveloped(&text) } else { text };
            send_texts(Kafka::shared(), &topic, &[&text]);
            server.wait_applied("rides");
        };
        send(event("c", "null", &row("\"Ada\"")));
        assert_eq!(server.hash(key)["name"], "Ada");
        send(event("u", &row("\"Ada\""), &row("\"Eve\"")));
        let hash = server.hash(key);
        assert_eq!((hash["name"].as_str(), hash["op"].as_str()), ("Eve", "u"));
        send(event("d", &row("\"Eve\""), "null"));
        assert!(server.keys("*rows*").is_empty());
        let counters = server.subscription("rides").counters;
        counters.check();
        assert_eq!(counters.applied, 3);
    }
}

fn connect_payloads_are_typed(subject: Subject) {
    let (server, topic) = subscribed(subject, "ENVELOPE CONNECT", r#"HASH "h:%{id}""#);
    let record = r#"{"schema":{"type":"struct","optional":false,"fields":[
        {"type":"int32","optional":false,"field":"id"},
        {"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,
         "parameters":{"scale":"2"},"field":"price"},
        {"type":"int64","optional":true,"name":"org.apache.kafka.connect.data.Timestamp","version":1,"field":"at"},
        {"type":"int32","optional":true,"name":"org.apache.kafka.connect.data.Date","version":1,"field":"day"}]},
        "payload":{"id":1,"price":"BTw=","at":1593561900000,"day":18444}}"#;
    send_texts(Kafka::shared(), &topic, &[record]);
    server.wait_applied("rides");
    let hash = server.hash("h:1");
    assert_eq!(hash["price"], "13.40");
    assert_eq!(hash["at"], "2020-07-01T00:05:00.000Z");
    assert_eq!(hash["day"], "2020-07-01");
}
