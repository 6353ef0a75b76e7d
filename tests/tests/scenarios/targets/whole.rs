//! Several routes of a record: written whole or not at all, in the order in
//! which they were made; and what ROUTE refuses.

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::producer::send_texts;
use redis_kafka_tests::reply::text;
use redis_kafka_tests::server::RedisServer;
use redis_kafka_tests::subject::Subject;

redis_kafka_tests::for_each_subject!(
    a_clash_of_one_target_keeps_all_others_from_writing,
    a_failed_command_keeps_all_others_from_writing,
    routes_write_in_the_order_they_were_made,
    a_later_route_stops_before_its_record,
);

redis_kafka_tests::for_module_and_sidecar!(
    what_a_server_cannot_do_is_refused_at_route,
    a_command_never_touches_the_ledger,
);

/// A route of each kind, and a command that makes its key another type.
const KINDS: [(&str, &str, &str); 7] = [
    ("stream", r#"STREAM "stream:%{k}""#, "SET"),
    ("hash", r#"HASH "hash:%{k}""#, "SET"),
    ("list", r#"LIST "list:%{k}""#, "SET"),
    ("set", r#"SET "set:%{k}" MEMBER k"#, "SET"),
    ("zset", r#"ZSET "zset:%{k}" MEMBER k SCORE n"#, "SET"),
    ("geo", r#"GEO "geo:%{k}" LON n LAT n MEMBER k"#, "SET"),
    ("string", r#"STRING "string:%{k}" VALUE n"#, "SADD"),
];

fn records() -> Vec<String> {
    ["a", "b", "c", "d", "e"].iter().map(|k| format!(r#"{{"k":"{k}","n":1}}"#)).collect()
}

/// A paused subscription to a topic with the records.
fn subscribed(server: &RedisServer, name: &str, options: &str) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("whole", 1);
    let records = records();
    send_texts(kafka, &topic, &records.iter().map(String::as_str).collect::<Vec<_>>());
    let brokers = kafka.brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE {name} TOPIC {topic} BROKERS {brokers} PAUSED {options}"));
}

fn a_clash_of_one_target_keeps_all_others_from_writing(subject: Subject) {
    let server = subject.setup().start();
    for (taken, _, command) in KINDS {
        subscribed(&server, "rides", "ONERROR SKIP");
        for (kind, target, _) in KINDS {
            server.ok(&format!("KAFKA.ROUTE {kind} FROM rides TO {target}"));
        }
        server.line(&format!("{command} {taken}:c taken"));
        server.ok("KAFKA.RESUME rides");
        server.wait_applied("rides");
        let counters = server.subscription("rides").counters;
        counters.check();
        assert_eq!((counters.applied, counters.skipped), (4, 1), "{taken}");
        for k in ["a", "b", "d", "e"] {
            assert_eq!(server.keys(&format!("*:{k}")).len(), KINDS.len(), "{taken}: {k}");
        }
        assert_eq!(server.keys("*:c"), [format!("{taken}:c")], "nothing else of the record");
        let kind = if command == "SET" { "string" } else { "set" };
        assert_eq!(server.text(&format!("TYPE {taken}:c")), kind, "as it was");
        server.ok("KAFKA.UNSUBSCRIBE rides");
        server.ok("FLUSHALL");
    }
}

/// COMMAND runs first, whichever route was made first; and it does not run
/// where another route cannot write.
fn a_failed_command_keeps_all_others_from_writing(subject: Subject) {
    let server = subject.setup().start();
    subscribed(&server, "rides", "ONERROR DEADLETTER");
    for (kind, target, _) in KINDS {
        server.ok(&format!("KAFKA.ROUTE {kind} FROM rides TO {target}"));
    }
    server.ok(r#"KAFKA.ROUTE count FROM rides TO COMMAND INCRBY "count:%{k}" "%{n}""#);
    server.ok("SET count:b many");
    server.ok("SET hash:d taken");
    server.ok("KAFKA.RESUME rides");
    server.wait_applied("rides");
    let counters = server.subscription("rides").counters;
    counters.check();
    assert_eq!((counters.applied, counters.deadlettered), (3, 2));
    for k in ["a", "c", "e"] {
        assert_eq!(server.keys(&format!("*:{k}")).len(), KINDS.len() + 1, "{k}");
        assert_eq!(server.text(&format!("GET count:{k}")), "1");
    }
    assert_eq!(server.keys("*:b"), ["count:b"]);
    assert_eq!(server.keys("*:d"), ["hash:d"]);
    let letters = server.stream("kafka:deadletters:rides");
    assert!(letters[0]["error"].contains("ERR value is not an integer"), "{letters:?}");
    assert_eq!((letters[0]["stage"].as_str(), letters[0]["offset"].as_str()), ("apply", "1"));
    assert!(letters[1]["error"].contains("WRONGTYPE"), "{letters:?}");
}

fn routes_write_in_the_order_they_were_made(subject: Subject) {
    let server = subject.setup().start();
    subscribed(&server, "rides", "");
    for line in [
        r#"z TO HASH h OVERWRITE SELECT "k AS first, 'z' AS last""#,
        r#"a TO HASH h SELECT "'a' AS last, k AS second""#,
        r#"y TO LIST l SELECT "'y' AS route""#,
        r#"b TO LIST l SELECT "'b' AS route""#,
        r#"x TO STRING s VALUE "'x'""#,
        r#"c TO STRING s VALUE "'c'""#,
        r#"w TO ZSET z MEMBER k SCORE 1"#,
        r#"d TO ZSET z MEMBER k INCR 2"#,
    ] {
        let (name, target) = line.split_once(' ').expect("a name and a target");
        server.ok(&format!("KAFKA.ROUTE {name} FROM rides {target}"));
    }
    server.ok("KAFKA.RESUME rides");
    server.wait_applied("rides");
    let mut hash: Vec<_> = server.hash("h").into_iter().collect();
    hash.sort();
    let expected = [("first", "e"), ("last", "a"), ("second", "e")];
    assert_eq!(hash, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let elements: Vec<String> =
        redis_kafka_tests::reply::items(&server.line("LRANGE l 0 -1")).iter().map(text).collect();
    assert_eq!(elements, [r#"{"route":"y"}"#, r#"{"route":"b"}"#].repeat(5));
    assert_eq!(server.text("GET s"), "c");
    assert_eq!(server.text("ZSCORE z c"), "3");
}

/// STOP: the records before are whole, the record and those behind it are not there.
fn a_later_route_stops_before_its_record(subject: Subject) {
    for (taken, _, command) in KINDS {
        let server = subject.setup().start();
        subscribed(&server, "rides", "");
        for (kind, target, _) in KINDS {
            server.ok(&format!("KAFKA.ROUTE {kind} FROM rides TO {target}"));
        }
        server.line(&format!("{command} {taken}:c taken"));
        server.ok("KAFKA.RESUME rides");
        let info = server.wait_state("rides", "stopped");
        assert!(info.reason.contains(&format!("{taken}:c")), "names the key: {info:#?}");
        assert!(info.reason.contains("WRONGTYPE"), "{info:#?}");
        server.wait_consumed("rides", 2);
        assert_eq!(server.keys("[a-z]*:[a-e]").len(), 2 * KINDS.len() + 1, "{taken}");
        server.line(&format!("DEL {taken}:c"));
        server.ok("KAFKA.RESUME rides");
        server.wait_applied("rides");
        assert_eq!(server.keys("[a-z]*:[a-e]").len(), 5 * KINDS.len(), "{taken}");
    }
}

/// A route that could only fail later is refused at once, and says the way out.
fn what_a_server_cannot_do_is_refused_at_route(subject: Subject) {
    let server = subject.setup().bare().start();
    subscribed(&server, "rides", "");
    for (target, words) in [
        (r#"JSON "d:%{k}""#, &["JSON.SET", "RedisJSON"][..]),
        (r#"TIMESERIES "t:%{k}" VALUE n"#, &["TS.ADD"]),
        ("COMMAND NOSUCH x", &["NOSUCH"]),
        ("COMMAND GET x", &["GET", "@write"]),
        ("COMMAND CONFIG SET maxmemory 1", &["CONFIG"]),
        ("COMMAND FLUSHALL SYNC", &["FLUSHALL", "@dangerous"]),
        ("COMMAND KEYS *", &["KEYS"]),
        ("COMMAND BLPOP l 1", &["BLPOP", "@blocking"]),
        ("COMMAND SHUTDOWN NOSAVE", &["SHUTDOWN"]),
        ("COMMAND INCRBY x", &["INCRBY", "3 words"]),
        (r#"COMMAND "%{k}" x"#, &["name"]),
        (r#"SET "s" MEMBER k TOMBSTONE DELETE"#, &["MEMBER"]),
        (r#"ZSET "z" MEMBER k"#, &["SCORE"]),
        (r#"GEO "g" LON n MEMBER k"#, &["LAT"]),
        (r#"LIST "l" MAXLEN 0"#, &["at least 1"]),
        (r#"ZSET "z" MEMBER k SCORE n KEEP 0"#, &["at least 1"]),
        (r#"HASH "h" TTL 10"#, &["unit"]),
        (r#"CHANNEL "c" TTL 10m"#, &["TTL"]),
        ("STREAM s RETAIN 1d MAXLEN 5", &["RETAIN", "MAXLEN"]),
    ] {
        let error = server.refused(&format!("KAFKA.ROUTE r FROM rides TO {target}"));
        assert!(error.starts_with("ERR KAFKA.ROUTE"), "{target}: {error}");
        for word in words {
            assert!(error.contains(word), "{target}: no {word} in: {error}");
        }
    }
    assert_eq!(server.text("KAFKA.LIST").lines().count(), 1, "no route was made");
}

/// What an argument comes to is known with the record.
fn a_command_never_touches_the_ledger(subject: Subject) {
    let server = subject.setup().start();
    subscribed(&server, "rides", "ONERROR SKIP");
    server.ok(r#"KAFKA.ROUTE r FROM rides TO COMMAND DEL "%{'kafka:'}%{'ledger:rides'}""#);
    server.ok("KAFKA.RESUME rides");
    server.wait_applied("rides");
    let counters = server.subscription("rides").counters;
    assert_eq!((counters.applied, counters.skipped), (0, 5));
    assert_eq!(server.number("EXISTS kafka:ledger:rides"), 1);
}
