//! Tables: aggregates of hashes, and records that may be older than what stands.

use std::collections::BTreeMap;

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::oracle::declare_paused;
use redis_kafka_tests::producer::{send_raw, send_texts};
use redis_kafka_tests::server::{Append, RedisServer};
use redis_kafka_tests::subject::Subject;

redis_kafka_tests::for_each_subject!(
    taxi_zones_by_the_hour,
    all_aggregates_agree_with_a_fold,
    nulls_and_where_hold_records_back,
    tombstones_delete_only_where_it_is_written,
    what_is_no_number_is_a_record_error,
    a_stored_field_of_another_kind_is_told,
    an_aggregate_is_refused_where_it_cannot_be,
    an_older_record_does_not_overwrite,
    older_records_leave_the_expiry,
    tables_survive_kills_and_reach_replicas,
);

fn subscribed(server: &RedisServer, options: &str, routes: &[&str]) -> String {
    let kafka = Kafka::shared();
    let topic = kafka.topic("tables", 1);
    declare_paused(server, kafka, ("rides", &topic), options, routes);
    server.ok("KAFKA.RESUME rides");
    topic
}

fn started(subject: Subject, options: &str, routes: &[&str]) -> (RedisServer, String) {
    let server = subject.setup().start();
    let topic = subscribed(&server, options, routes);
    (server, topic)
}

fn send(topic: &str, records: &[&str]) {
    send_texts(Kafka::shared(), topic, records);
}

fn check(server: &RedisServer, key: &str, expected: &[(&str, &str)]) {
    let found: BTreeMap<_, _> = server.hash(key).into_iter().collect();
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    assert_eq!(found, expected.iter().map(owned).collect(), "{key}");
}

const ZONE_HOUR: &str = "HASH \"zone:%{PULocationID}:%{window(tpep_pickup_datetime, '1h')}\" \
    SELECT \"count() AS trips, sum(cast(total_amount AS DECIMAL(10,2))) AS revenue, \
    max(tip_amount) AS best\" TTL 30d";

fn taxi_zones_by_the_hour(subject: Subject) {
    let (server, topic) = started(subject, "", &[ZONE_HOUR]);
    let ride = |zone: u32, at: &str, total: &str, tip: &str| {
        format!(
            r#"{{"PULocationID":{zone},"tpep_pickup_datetime":"{at}","total_amount":"{total}","tip_amount":{tip}}}"#
        )
    };
    let rides = [
        ride(79, "2020-07-01 00:25:32", "9.30", "0"),
        ride(79, "2020-07-01 00:59:59", "27.80", "4.60"),
        ride(79, "2020-07-01 01:00:00", "0.1", "1.00"),
        ride(79, "2020-07-01 00:03:00", "0.2", "4.6"),
        ride(90, "2020-07-01 00:03:00", "22.30", "-1"),
    ];
    send(&topic, &rides.each_ref().map(String::as_str));
    server.wait_applied("rides");
    let hour = 1_593_561_600_000_i64;
    let key = |zone: u32, hour: i64| format!("zone:{zone}:{hour}");
    let row = |trips, revenue, best| [("trips", trips), ("revenue", revenue), ("best", best)];
    check(&server, &key(79, hour), &row("3", "37.30", "4.60"));
    check(&server, &key(79, hour + 3_600_000), &row("1", "0.10", "1.00"));
    check(&server, &key(90, hour), &row("1", "22.30", "-1"));
    let month = 30 * 24 * 3_600_000;
    let left = server.number(&format!("PTTL {}", key(79, hour)));
    assert!((month - 600_000..=month).contains(&left), "{left} ms to live");
}

fn all_aggregates_agree_with_a_fold(subject: Subject) {
    let route = "HASH \"t:%{k}\" SELECT \"count() AS n, count(x) AS xs, sum(x) AS sum, min(x) AS low, \
        max(x) AS top, avg(x) AS mean, first(name) AS a, last(name) AS z, \
        earliest_by_offset(x, at) AS early, latest_by_offset(x, at) AS late, \
        max(cast(at AS TIMESTAMP)) AS newest, min(name) AS least, k, name AS plain\"";
    let (server, topic) = started(subject, "", &[route]);
    let mut records = Vec::new();
    for seq in 0..60_i64 {
        let x = (seq * 37 % 41 - 20) * 5;
        // Both 5.00 and 5.0 are written.
        let x = if seq % 3 == 0 {
            format!("{}.{:02}", x / 10, x.abs() % 10 * 10)
        } else {
            x.to_string()
        };
        let at = format!("2026-11-{:02}T00:00:{:02}Z", 1 + seq * 7 % 20, seq);
        records.push(format!(
            r#"{{"k":{},"x":{x},"at":"{at}","name":"n{}"}}"#,
            seq % 2,
            seq * 13 % 60
        ));
    }
    send(&topic, &records.iter().map(String::as_str).collect::<Vec<_>>());
    server.wait_applied("rides");
    for k in 0..2 {
        let rows: Vec<serde_json::Value> =
            records.iter().map(|record| serde_json::from_str(record).expect("JSON")).collect();
        let rows: Vec<_> = rows.iter().filter(|row| row["k"] == k).collect();
        let text = |row: &serde_json::Value, name: &str| match &row[name] {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let cents =
            |row: &serde_json::Value| (row["x"].as_f64().expect("a number") * 100.0).round() as i64;
        let hash = server.hash(&format!("t:{k}"));
        let number =
            |name: &str| (hash[name].parse::<f64>().expect("a number") * 100.0).round() as i64;
        let sum: i64 = rows.iter().map(|row| cents(row)).sum();
        assert_eq!((hash["n"].as_str(), hash["xs"].as_str()), ("30", "30"));
        assert_eq!(number("sum"), sum);
        assert_eq!(Some(number("low")), rows.iter().map(|row| cents(row)).min());
        assert_eq!(Some(number("top")), rows.iter().map(|row| cents(row)).max());
        let mean: f64 = hash["mean"].parse().expect("a number");
        assert!((mean - sum as f64 / 3000.0).abs() < 1e-6, "{mean}");
        assert_eq!(hash["a"], text(rows[0], "name"));
        assert_eq!(hash["z"], text(rows[29], "name"));
        assert_eq!(hash["plain"], text(rows[29], "name"));
        let at = |row: &&&serde_json::Value| text(row, "at");
        assert_eq!(hash["early"], text(rows.iter().min_by_key(at).expect("a row"), "x"));
        assert_eq!(hash["late"], text(rows.iter().max_by_key(at).expect("a row"), "x"));
        let newest = rows.iter().map(|row| text(row, "at")).max().expect("a row");
        assert_eq!(hash["newest"], newest.replace('Z', ".000Z"));
        assert_eq!(Some(hash["least"].clone()), rows.iter().map(|row| text(row, "name")).min());
        assert_eq!(
            (hash["_count:mean"].as_str(), hash["_sum:mean"].clone()),
            ("30", hash["sum"].clone())
        );
    }
}

fn nulls_and_where_hold_records_back(subject: Subject) {
    let route = "HASH t SELECT \"count() AS n, count(x) AS xs, sum(x) AS sum, max(x) AS top, \
                 last(x) AS last, first(x, at) AS early\" WHERE \"ok\"";
    let (server, topic) = started(subject, "", &[route]);
    send(&topic, &[r#"{"ok":true,"x":null}"#, r#"{"ok":true}"#]);
    server.wait_applied("rides");
    check(&server, "t", &[("n", "2"), ("xs", "0")]);
    send(
        &topic,
        &[
            r#"{"ok":true,"x":3}"#,
            r#"{"ok":true,"x":null,"at":1}"#,
            r#"{"ok":false,"x":100,"at":1}"#,
            r#"{"ok":true,"x":2.50,"at":"2026-11-21T00:00:00Z"}"#,
        ],
    );
    server.wait_applied("rides");
    let expected = [
        ("n", "5"),
        ("xs", "2"),
        ("sum", "5.50"),
        ("top", "3"),
        ("last", "2.50"),
        ("early", "2.50"),
        ("_at:early", "2026-11-21T00:00:00.000Z"),
    ];
    check(&server, "t", &expected);
    let counters = server.subscription("rides").counters;
    assert_eq!((counters.applied, counters.filtered), (5, 1));
}

fn tombstones_delete_only_where_it_is_written(subject: Subject) {
    let routes = [
        "HASH \"kept:%{_key}\" SELECT \"count() AS n\"",
        "HASH \"gone:%{_key}\" SELECT \"count() AS n\" TOMBSTONE DELETE DELETE WHEN \"x < 0\"",
    ];
    let (server, topic) = started(subject, "", &routes);
    let record: Option<&[u8]> = Some(br#"{"x":1}"#);
    let negative: Option<&[u8]> = Some(br#"{"x":-1}"#);
    let records = [
        (Some("a"), record),
        (Some("a"), record),
        (Some("a"), None),
        (Some("a"), record),
        (Some("b"), record),
        (Some("b"), negative),
        (Some("c"), record),
        (Some("c"), None),
        (Some("c"), record),
        (Some("c"), record),
    ];
    send_raw(Kafka::shared(), &topic, &records);
    server.wait_applied("rides");
    for (key, kept) in [("a", "3"), ("b", "2"), ("c", "3")] {
        check(&server, &format!("kept:{key}"), &[("n", kept)]);
    }
    check(&server, "gone:a", &[("n", "1")]);
    assert_eq!(server.number("EXISTS gone:b"), 0);
    check(&server, "gone:c", &[("n", "2")]);
}

fn what_is_no_number_is_a_record_error(subject: Subject) {
    let route = "HASH t SELECT \"count() AS n, sum(x) AS sum\"";
    let (server, topic) = started(subject, "ONERROR DEADLETTER", &[route]);
    send(&topic, &[r#"{"x":1}"#, r#"{"x":"2"}"#, r#"{"x":[1]}"#, r#"{"x":1e999}"#, r#"{"x":4}"#]);
    server.wait_applied("rides");
    check(&server, "t", &[("n", "2"), ("sum", "5")]);
    let letters = server.stream("kafka:deadletters:rides");
    let errors: Vec<&str> = letters.iter().map(|letter| letter["error"].as_str()).collect();
    assert_eq!(letters.len(), 3, "{errors:?}");
    assert!(errors[0].contains("sum(x): the value is no number; use CAST"), "{errors:?}");
    assert!(errors[2].contains("not finite"), "{errors:?}");
}

fn a_stored_field_of_another_kind_is_told(subject: Subject) {
    let route = "HASH \"t:%{k}\" SELECT \"count() AS n, max(x) AS top\"";
    let server = subject.setup().start();
    server.line("HSET t:1 top high n 7");
    server.line("RPUSH t:2 x");
    let topic = subscribed(&server, "ONERROR DEADLETTER", &[route]);
    let records = [
        r#"{"k":0,"x":1}"#,
        r#"{"k":1,"x":2}"#,
        r#"{"k":0,"x":3}"#,
        r#"{"k":2,"x":2}"#,
        r#"{"k":1,"x":5}"#,
    ];
    send(&topic, &records);
    server.wait_applied("rides");
    check(&server, "t:0", &[("n", "2"), ("top", "3")]);
    check(&server, "t:1", &[("n", "7"), ("top", "high")]);
    let letters = server.stream("kafka:deadletters:rides");
    let of_key = |wanted: &str| {
        let words =
            |letter: &&std::collections::HashMap<String, String>| letter["error"].contains(wanted);
        letters.iter().filter(words).count()
    };
    assert_eq!(
        of_key("key 't:1': field 'top' holds 'high', which is no number; HDEL the field"),
        2,
        "{letters:#?}"
    );
    assert_eq!(of_key("WRONGTYPE key 't:2' is no hash"), 1, "{letters:#?}");
    assert_eq!(letters.len(), 3);
    assert!(letters.iter().all(|letter| letter["stage"] == "apply"), "{letters:#?}");
}

fn an_aggregate_is_refused_where_it_cannot_be(subject: Subject) {
    let (server, _) = started(subject, "", &[]);
    for (target, words) in [
        ("STREAM s SELECT \"count() AS n\"", "aggregates are kept in a HASH only"),
        ("HASH h OVERWRITE SELECT \"a, count() AS n\"", "OVERWRITE would forget the aggregates"),
        ("HASH h NEWER at SELECT \"count() AS n\"", "NEWER does not"),
        ("HASH h SELECT \"count()\"", "give it a name with AS"),
        ("HASH h SELECT \"sum(x) / 2 AS half\"", "compute with it when you read"),
        ("HASH h WHERE \"count() > 1\"", "count is an aggregate"),
        ("HASH \"h:%{max(x)}\"", "max is an aggregate"),
    ] {
        let error = server.refused(&format!("KAFKA.ROUTE r FROM rides TO {target}"));
        assert!(error.starts_with("ERR KAFKA.ROUTE") && error.contains(words), "{error}");
        assert!(error.contains("column"), "{error}");
    }
}

fn an_older_record_does_not_overwrite(subject: Subject) {
    let routes = [
        "HASH \"state:%{_key}\" NEWER updated_at",
        "HASH \"last:%{_key}\" OVERWRITE NEWER \"cast(time AS TIMESTAMP)\"",
    ];
    let (server, topic) = started(subject, "ONERROR SKIP", &routes);
    let records: [(Option<&str>, Option<&[u8]>); 9] = [
        (Some("a"), Some(br#"{"updated_at":5,"time":"2026-11-21T05:00:00Z","v":1,"x":1}"#)),
        (Some("a"), Some(br#"{"updated_at":4,"time":"2026-11-21T04:00:00Z","v":2}"#)),
        (Some("a"), Some(br#"{"updated_at":5.0,"time":"2026-11-21T06:00:00+01:00","v":3}"#)),
        (Some("b"), Some(br#"{"updated_at":9,"time":"2026-11-21T09:00:00Z","v":1}"#)),
        (Some("b"), None),
        (Some("b"), Some(br#"{"updated_at":2,"time":"2026-11-21T02:00:00Z","v":2}"#)),
        (Some("b"), Some(br#"{"updated_at":1,"time":"2026-11-21T01:00:00Z","v":3}"#)),
        // One whose age is not known.
        (Some("b"), Some(br#"{"v":4}"#)),
        (Some("a"), Some(br#"{"updated_at":-5,"time":"2020-01-01T00:00:00Z","v":5}"#)),
    ];
    send_raw(Kafka::shared(), &topic, &records);
    server.wait_applied("rides");
    let time = "2026-11-21T06:00:00+01:00";
    let row = [("updated_at", "5.0"), ("time", time), ("v", "3"), ("x", "1"), ("_newer:r0", "5.0")];
    check(&server, "state:a", &row);
    let newest = ("_newer:r1", "2026-11-21T05:00:00.000Z");
    check(&server, "last:a", &[("updated_at", "5.0"), ("time", time), ("v", "3"), newest]);
    let time = ("time", "2026-11-21T02:00:00Z");
    check(&server, "state:b", &[("updated_at", "2"), time, ("v", "2"), ("_newer:r0", "2")]);
    assert_eq!(server.subscription("rides").counters.skipped, 1);
}

/// Whoever is not taken does not prolong what stands either.
fn older_records_leave_the_expiry(subject: Subject) {
    let route = "HASH \"h:%{_key}\" NEWER seq EXPIREAT at SELECT seq";
    let (server, topic) = started(subject, "", &[route]);
    let record = |seq: u32, at: i64| format!(r#"{{"seq":{seq},"at":{at}}}"#);
    let (far, farther) = (4_000_000_000_000_i64, 4_000_000_001_000_i64);
    let texts = [record(5, far), record(4, farther), record(1, far), record(2, farther)];
    let values = texts.each_ref().map(|text| Some(text.as_bytes()));
    let keys = [Some("a"), Some("a"), Some("b"), Some("b")];
    let records: Vec<_> = keys.into_iter().zip(values).collect();
    send_raw(Kafka::shared(), &topic, &records);
    server.wait_applied("rides");
    assert_eq!(server.number("PEXPIRETIME h:a"), far);
    assert_eq!(server.number("PEXPIRETIME h:b"), farther);
    check(&server, "h:a", &[("seq", "5"), ("_newer:r0", "5")]);
}

fn tables_survive_kills_and_reach_replicas(subject: Subject) {
    let routes = [
        "HASH \"t:%{k}\" SELECT \"count() AS n, sum(x) AS sum, avg(x) AS mean, last(seq, seq) AS late\"",
        "HASH \"newest:%{k}\" NEWER x",
    ];
    let setup = subject.setup().append(Append::Always);
    let mut server = setup.start();
    let topic = subscribed(&server, "", &routes);
    let replica = setup.clone().replica_of(server.port()).start();
    for round in 0..5_i64 {
        let records: Vec<String> = (round * 100..round * 100 + 100)
            .map(|seq| {
                format!(
                    r#"{{"seq":{seq},"k":{},"x":{}.{:02}}}"#,
                    seq % 7,
                    seq * 31 % 100,
                    seq % 100
                )
            })
            .collect();
        send(&topic, &records.iter().map(String::as_str).collect::<Vec<_>>());
        server.wait_consumed("rides", round * 100 + 20);
        server.kill_and_start();
    }
    server.wait_applied("rides");
    for k in 0..7 {
        let seqs: Vec<i64> = (0..500).filter(|seq| seq % 7 == k).collect();
        let cents: Vec<i64> = seqs.iter().map(|seq| seq * 31 % 100 * 100 + seq % 100).collect();
        let sum: i64 = cents.iter().sum();
        let hash = server.hash(&format!("t:{k}"));
        assert_eq!(hash["n"], seqs.len().to_string());
        assert_eq!(hash["sum"], format!("{}.{:02}", sum / 100, sum % 100));
        assert_eq!(hash["late"], seqs[seqs.len() - 1].to_string());
        let most = cents.iter().max().expect("a record");
        let newest = server.hash(&format!("newest:{k}"));
        assert_eq!(newest["_newer:r1"], format!("{}.{:02}", most / 100, most % 100));
    }
    replica.wait_linked();
    replica.wait_equal(&server);
}
