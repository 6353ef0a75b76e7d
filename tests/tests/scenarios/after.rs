//! AFTER: a subscription begins when another one has applied all that Kafka held.

use std::time::Duration;

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::faults::Dice;
use redis_kafka_tests::producer::{Load, send_texts};
use redis_kafka_tests::reply::{Info, items, text};
use redis_kafka_tests::server::{Append, RedisServer, Setup};
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::{elapse, wait_for, wait_until};

redis_kafka_tests::for_each_subject!(
    a_table_is_loaded_before_the_stream,
    killed_while_waiting_and_while_loading,
);

redis_kafka_tests::for_module_and_sidecar!(
    an_empty_table_is_no_wait,
    the_reason_and_the_action_say_what_the_table_lacks,
    a_table_in_another_database,
    what_cannot_be_awaited_is_refused,
);

const ROWS: u64 = 20_000;

/// A topic for the table and one for the stream that waits for it.
struct Topics {
    kafka: &'static Kafka,
    table: String,
    stream: String,
}

impl Topics {
    fn new() -> Topics {
        let kafka = Kafka::shared();
        Topics { kafka, table: kafka.topic("table", 2), stream: kafka.topic("stream", 1) }
    }

    /// `table` paused before its first record; `stream` behind it. Both have a route.
    fn declare(&self, server: &RedisServer, options: &str) {
        let brokers = self.kafka.brokers();
        let Topics { table, stream, .. } = self;
        server.ok(&format!("KAFKA.SUBSCRIBE table TOPIC {table} BROKERS {brokers} PAUSED"));
        server.ok("KAFKA.ROUTE rows FROM table TO HASH \"h:%{key}\"");
        server.ok(&format!(
            "KAFKA.SUBSCRIBE stream TOPIC {stream} BROKERS {brokers} AFTER table {options}"
        ));
        server.ok("KAFKA.ROUTE entries FROM stream TO STREAM \"s:%{key}\"");
    }

    fn send(&self, seq: u64) {
        send_texts(self.kafka, &self.stream, &[&format!(r#"{{"key":"a","seq":{seq}}}"#)]);
    }

    /// Records that each has applied by its ledger, both read at one moment.
    fn applied(&self, server: &RedisServer) -> (i64, i64) {
        let keys = [
            format!("kafka:ledger:table:{}/0", self.table),
            format!("kafka:ledger:table:{}/1", self.table),
            format!("kafka:ledger:stream:{}/0", self.stream),
        ];
        server.ok("MULTI");
        for key in &keys {
            server.line(&format!("HGET \"{key}\" consumed"));
        }
        let reply = server.line("EXEC");
        let counts: Vec<i64> =
            items(&reply).iter().map(|count| text(count).parse().unwrap_or(0)).collect();
        (counts[0] + counts[1], counts[2])
    }
}

fn server(subject: Subject) -> Setup {
    subject.setup_of_units(64).append(Append::Always)
}

fn waits(server: &RedisServer, reason: &str) -> Info {
    let info = server.wait_reason("stream", "waiting", reason);
    assert_eq!(info.counters.consumed, 0, "{info:#?}");
    info
}

/// Until the stream has applied all of its `records`, it has nothing before the table has all.
fn stream_begins_behind_the_table(server: &RedisServer, topics: &Topics, records: i64) {
    wait_for("the stream", Duration::from_secs(60), || {
        let (table, stream) = topics.applied(server);
        assert!(stream == 0 || table >= ROWS as i64, "stream {stream} with {table} rows");
        if stream == records { Ok(()) } else { Err((table, stream)) }
    });
}

fn a_table_is_loaded_before_the_stream(subject: Subject) {
    let topics = Topics::new();
    let mut rows = Load::with_keys(topics.kafka, &topics.table, 500);
    rows.send(ROWS);
    (0..10).for_each(|seq| topics.send(seq));
    let server = server(subject).start();
    topics.declare(&server, "");
    let info = waits(&server, "AFTER table: 20000 records to go");
    assert_eq!(info.action, "table is paused: KAFKA.RESUME table");
    assert_eq!(server.listed("stream", "state"), "waiting");
    // Waiting is no error, and has a time limit of its own.
    let error = server.refused("KAFKA.WAIT stream 300");
    assert!(error.contains("10 offsets are not applied yet"), "{error}");
    // What comes to the table from now on is not awaited.
    rows.send(7);
    server.ok("KAFKA.RESUME table");
    stream_begins_behind_the_table(&server, &topics, 10);
    server.wait_applied("table");
    server.wait_applied("stream");
    assert_eq!(server.subscription("stream").state, "running");
    assert_eq!(server.stream("s:a").len(), 10);
    let last = |key: &str| (0..rows.sent()).filter(|seq| rows.key(*seq) == key).max();
    for key in ["k0", "k1", "k499"] {
        assert_eq!(server.hash(&format!("h:{key}"))["seq"], last(key).unwrap().to_string());
    }
}

fn killed_while_waiting_and_while_loading(subject: Subject) {
    let mut dice = Dice::new();
    let topics = Topics::new();
    let mut rows = Load::with_keys(topics.kafka, &topics.table, 500);
    rows.send(ROWS);
    let mut server = server(subject).start();
    // The start is resolved before the wait: the records below come after it.
    topics.declare(&server, "START LATEST");
    waits(&server, "AFTER table: 20000 records to go");
    (0..10).for_each(|seq| topics.send(seq));
    server.kill_and_start();
    waits(&server, "AFTER table: 20000 records to go");
    server.ok("KAFKA.RESUME table");
    for _ in 0..3 {
        wait_until("a piece of the table", Duration::from_secs(30), || {
            topics.applied(&server).0 > 0
        });
        elapse(dice.millis(0..=60));
        server.kill_and_start();
    }
    stream_begins_behind_the_table(&server, &topics, 10);
    // It has begun: neither a restart nor a REPLACE lets it wait again.
    server.ok("KAFKA.PAUSE table");
    rows.send(5);
    server.kill_and_start();
    topics.send(10);
    server.wait_applied("stream");
    let again = format!(
        "KAFKA.SUBSCRIBE stream REPLACE TOPIC {} BROKERS {} AFTER table ONERROR SKIP",
        topics.stream,
        topics.kafka.brokers()
    );
    server.ok(&again);
    topics.send(11);
    server.wait_applied("stream");
    let entries = server.stream("s:a");
    let seqs: Vec<&str> = entries.iter().map(|entry| entry["seq"].as_str()).collect();
    let expected: Vec<String> = (0..12).map(|seq| seq.to_string()).collect();
    assert_eq!(seqs, expected);
}

fn an_empty_table_is_no_wait(subject: Subject) {
    let topics = Topics::new();
    topics.send(0);
    let server = server(subject).start();
    topics.declare(&server, "");
    server.wait_applied("stream");
    assert_eq!(server.stream("s:a").len(), 1);
    assert_eq!(server.subscription("table").state, "paused");
}

fn the_reason_and_the_action_say_what_the_table_lacks(subject: Subject) {
    let topics = Topics::new();
    Load::new(topics.kafka, &topics.table).send(3);
    topics.send(0);
    let server = server(subject).start();
    topics.declare(&server, "");
    waits(&server, "AFTER table: 3 records to go");
    server.ok("KAFKA.UNROUTE rows");
    server.ok("KAFKA.RESUME table");
    let action = "table is waiting (no route yet): KAFKA.ROUTE name FROM table TO …".to_string();
    wait_for("the action", Duration::from_secs(20), || {
        let info = waits(&server, "AFTER table: 3 records to go");
        if info.action == action { Ok(()) } else { Err(info.action) }
    });
    let reply = server.ok("KAFKA.UNSUBSCRIBE table");
    assert_eq!(reply, "OK; stream still waits for it");
    let info = waits(&server, "AFTER table: there is no subscription 'table'");
    assert_eq!(
        info.action,
        "KAFKA.SUBSCRIBE table …, or KAFKA.SUBSCRIBE stream REPLACE … without AFTER"
    );
    let brokers = topics.kafka.brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE table TOPIC {} BROKERS {brokers}", topics.table));
    waits(&server, "AFTER table: 3 records to go");
    // Another subscription in its place is awaited from its own beginning.
    server.ok(&format!(
        "KAFKA.SUBSCRIBE table REPLACE TOPIC {} BROKERS {brokers} ONERROR SKIP",
        topics.table
    ));
    let again = format!(
        "KAFKA.SUBSCRIBE stream REPLACE TOPIC {} BROKERS {brokers} AFTER table ONERROR SKIP",
        topics.stream
    );
    server.ok(&again);
    waits(&server, "AFTER table: 3 records to go");
    server.ok("KAFKA.ROUTE rows FROM table TO HASH \"h:%{key}\"");
    server.wait_applied("stream");
    assert_eq!((topics.applied(&server), server.stream("s:a").len()), ((3, 1), 1));
}

fn a_table_in_another_database(subject: Subject) {
    let topics = Topics::new();
    Load::new(topics.kafka, &topics.table).send(3);
    topics.send(0);
    let server = server(subject).start();
    let brokers = topics.kafka.brokers();
    server.ok("SELECT 1");
    server.ok(&format!("KAFKA.SUBSCRIBE table TOPIC {} BROKERS {brokers}", topics.table));
    server.ok("SELECT 0");
    server.ok(&format!(
        "KAFKA.SUBSCRIBE stream TOPIC {} BROKERS {brokers} AFTER table",
        topics.stream
    ));
    server.ok("KAFKA.ROUTE entries FROM stream TO STREAM \"s:%{key}\"");
    waits(&server, "AFTER table: 3 records to go");
    server.ok("SELECT 1");
    server.ok("KAFKA.ROUTE rows FROM table TO HASH \"h:%{key}\"");
    server.wait_applied("stream");
    assert_eq!(server.subscription("table").counters.applied, 3);
}

fn what_cannot_be_awaited_is_refused(subject: Subject) {
    let topics = Topics::new();
    let server = server(subject).start();
    topics.declare(&server, "");
    let subscribe = |words: &str| {
        let topic = &topics.table;
        server.refused(&format!(
            "KAFKA.SUBSCRIBE {words} TOPIC {topic} BROKERS {}",
            topics.kafka.brokers()
        ))
    };
    let refusals = [
        ("new AFTER tabel", "AFTER 'tabel': no subscription of that name; did you mean table?"),
        (
            "new AFTER zzzzzzzz",
            "AFTER 'zzzzzzzz': no subscription of that name; KAFKA.SUBSCRIBE zzzzzzzz … first",
        ),
        (
            "new AFTER rows",
            "AFTER 'rows' is a route, not a subscription; AFTER table waits for the subscription that it is from",
        ),
        (
            "new AFTER new",
            "'new' cannot wait for itself (argument 3); name the subscription that must be loaded first",
        ),
        (
            "table REPLACE AFTER stream",
            "AFTER stream makes a circle: table waits for stream waits for table; KAFKA.SUBSCRIBE stream REPLACE … without AFTER first",
        ),
    ];
    for (words, expected) in refusals {
        assert_eq!(subscribe(words), format!("ERR KAFKA.SUBSCRIBE: {expected}"));
    }
}
