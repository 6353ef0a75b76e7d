//! KAFKA.SEEK: a subscription goes to another position, live, in one step with its ledger.

use std::collections::BTreeSet;
use std::time::Duration;

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::client::Protocol;
use redis_kafka_tests::faults::{Dice, Scale};
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::{Load, send_texts};
use redis_kafka_tests::reply::{Info, text};
use redis_kafka_tests::server::{Append, RedisServer};
use redis_kafka_tests::sidecar::SidecarSetup;
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::{elapse, wait_for};

redis_kafka_tests::for_each_subject!(
    back_over_a_hash_all_is_there_and_forward_the_gap_is_exact,
    killed_while_seeking_it_is_at_the_old_place_or_the_new,
    killed_while_seeking_back_under_load_nothing_is_lost,
);

redis_kafka_tests::for_module_and_sidecar!(
    every_position_of_one_partition,
    going_back_is_refused_where_it_doubles,
    a_seek_is_a_way_out_of_a_stop,
    what_cannot_be_found_is_named,
    the_commit_follows_and_wait_waits_for_the_new_place,
);

/// One hash a record, so that what was applied can be counted, however often it was.
const ONCE_EACH: &str = "HASH \"h:%{seq}\"";

fn begin(server: &RedisServer, kafka: &Kafka, topic: &str, routes: &[&str]) {
    oracle::declare_paused(server, kafka, (SUBSCRIPTION, topic), "", routes);
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
}

/// The sequence numbers that have a hash.
fn seqs(server: &RedisServer) -> BTreeSet<u64> {
    let keys = server.keys("h:*");
    keys.iter().map(|key| key["h:".len()..].parse().expect("a number")).collect()
}

fn forget_hashes(server: &RedisServer) {
    for key in server.keys("h:*") {
        server.line(&format!("DEL {key}"));
    }
}

fn nexts(info: &Info) -> Vec<i64> {
    let mut partitions: Vec<_> = info.partitions.iter().map(|p| (p.partition, p.next)).collect();
    partitions.sort_unstable();
    partitions.into_iter().map(|(_, next)| next).collect()
}

fn at(server: &RedisServer) -> Vec<i64> {
    nexts(&server.subscription(SUBSCRIPTION))
}

/// What Redis itself holds, whoever consumes.
fn ledger(server: &RedisServer, topic: &str, partitions: i64) -> Vec<i64> {
    let next = |at| server.text(&format!("HGET kafka:ledger:{SUBSCRIPTION}:{topic}/{at} next"));
    (0..partitions).map(|at| next(at).parse().expect("a number")).collect()
}

fn back_over_a_hash_all_is_there_and_forward_the_gap_is_exact(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("seek", 3);
    let server = subject.setup().start();
    begin(&server, kafka, &topic, &[ONCE_EACH]);
    let mut load = Load::new(kafka, &topic);
    load.send(300);
    server.wait_applied(SUBSCRIPTION);
    let ends = at(&server);
    let all: BTreeSet<u64> = (0..300).collect();
    assert_eq!(seqs(&server), all);

    forget_hashes(&server);
    let told = server.ok(&format!("KAFKA.SEEK {SUBSCRIPTION} EARLIEST"));
    for (partition, end) in ends.iter().enumerate() {
        assert!(told.contains(&format!("{topic}/{partition}: {end} → 0")), "{told}");
    }
    assert!(told.ends_with("; 300 offsets are read again"), "{told}");
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(seqs(&server), all);
    let info = server.subscription(SUBSCRIPTION);
    info.counters.check();
    assert_eq!((info.state.as_str(), info.counters.consumed), ("running", 600), "{info:#?}");

    // What is sent meanwhile is passed over, and nothing else.
    server.ok(&format!("KAFKA.PAUSE {SUBSCRIPTION}"));
    load.send(100);
    let told = server.ok(&format!("KAFKA.SEEK {SUBSCRIPTION} LATEST"));
    assert!(told.ends_with("; 100 offsets are passed over"), "{told}");
    assert_eq!(server.subscription(SUBSCRIPTION).state, "paused");
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    load.send(50);
    server.wait_applied(SUBSCRIPTION);
    let expected: BTreeSet<u64> = (0..300).chain(400..450).collect();
    assert_eq!(seqs(&server), expected);
}

/// All partitions move in one unit: whatever a kill leaves is all of it or nothing.
fn killed_while_seeking_it_is_at_the_old_place_or_the_new(subject: Subject) {
    let (kafka, mut dice) = (Kafka::shared(), Dice::new());
    let topic = kafka.topic("seek-kill", 3);
    let mut server = subject.setup().append(Append::Always).start();
    begin(&server, kafka, &topic, &[ONCE_EACH]);
    let mut load = Load::new(kafka, &topic);
    let mut expected = BTreeSet::new();
    let mut moved = 0;
    for _ in 0..Scale::from_env().pick(5, 40) {
        server.wait_applied(SUBSCRIPTION);
        server.ok(&format!("KAFKA.PAUSE {SUBSCRIPTION}"));
        let old = at(&server);
        let first = load.sent();
        load.send(60);
        let new: Vec<i64> = (0..3).map(|at| kafka.watermarks(&topic, at).1).collect();
        let mut client = server.connect(Protocol::Resp3);
        let seeking = std::thread::spawn(move || {
            // Its answer may be lost with the server.
            let _ = client.line(&format!("KAFKA.SEEK {SUBSCRIPTION} LATEST"));
        });
        elapse(dice.millis(0..=15));
        server.kill_and_start();
        seeking.join().expect("the client");
        let found = ledger(&server, &topic, 3);
        assert!(found == old || found == new, "{found:?} is neither {old:?} nor {new:?}");
        if found == old {
            expected.extend(first..load.sent());
        } else {
            moved += 1;
        }
        server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
        server.wait_applied(SUBSCRIPTION);
        assert_eq!(seqs(&server), expected);
    }
    println!("{moved} seeks were done before the kill");
    server.subscription(SUBSCRIPTION).counters.check();
}

fn killed_while_seeking_back_under_load_nothing_is_lost(subject: Subject) {
    let (kafka, mut dice) = (Kafka::shared(), Dice::new());
    let topic = kafka.topic("seek-load", 2);
    let mut server = subject.setup_of_units(32).append(Append::Everysec).start();
    begin(&server, kafka, &topic, &[ONCE_EACH]);
    let load = Load::new(kafka, &topic).start(1000);
    for round in 0..Scale::from_env().pick(6, 40) {
        server.wait_consumed(SUBSCRIPTION, server.subscription(SUBSCRIPTION).counters.consumed + 1);
        let position = ["EARLIEST", "TIMESTAMP -1s", "COMMITTED"][round % 3];
        let mut client = server.connect(Protocol::Resp3);
        let seeking = std::thread::spawn(move || {
            client.line(&format!("KAFKA.SEEK {SUBSCRIPTION} {position}"))
        });
        if round % 2 == 0 {
            elapse(dice.millis(0..=30));
            server.kill_and_start();
            let _ = seeking.join().expect("the client");
        } else {
            let reply = seeking.join().expect("the client");
            let told = reply.unwrap_or_else(|error| panic!("{position}: {error}"));
            assert!(text(&told).starts_with(&format!("OK {topic}/0: ")), "{told:?}");
        }
    }
    let load = load.stop();
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(seqs(&server), (0..load.sent()).collect());
    let info = server.subscription(SUBSCRIPTION);
    info.counters.check();
    let ends: Vec<i64> = (0..2).map(|at| kafka.watermarks(&topic, at).1).collect();
    assert_eq!(nexts(&info), ends);
}

fn every_position_of_one_partition(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("seek-one", 2);
    let server = subject.setup().start();
    let mut load = Load::new(kafka, &topic);
    load.send(100);
    elapse(Duration::from_millis(1100));
    load.send(100);
    begin(&server, kafka, &topic, &[ONCE_EACH]);
    server.wait_applied(SUBSCRIPTION);
    let ends = at(&server);
    server.wait_lag(SUBSCRIPTION, 0);
    server.ok(&format!("KAFKA.PAUSE {SUBSCRIPTION}"));
    let seek = |rest: &str| server.ok(&format!("KAFKA.SEEK {SUBSCRIPTION} {topic} {rest}"));

    let told = seek("1 OFFSET 3");
    let again = ends[1] - 3;
    let expected = format!("OK {topic}/1: {} → 3; {again} offsets are read again", ends[1]);
    assert_eq!(told, expected);
    assert_eq!(at(&server), [ends[0], 3]);
    server.wait_lag(SUBSCRIPTION, again);
    assert_eq!(
        seek("1 LATEST"),
        format!("OK {topic}/1: 3 → {}; {again} offsets are passed over", ends[1])
    );
    seek("1 earliest");
    assert_eq!(at(&server), [ends[0], 0]);
    seek("0 TIMESTAMP 1000");
    assert_eq!(at(&server), [0, 0]);
    // Nothing is as young.
    seek("0 TIMESTAMP 4000000000000");
    assert_eq!(at(&server), [ends[0], 0]);
    seek("0 TIMESTAMP -1s");
    assert_eq!(at(&server).len(), 2);
    assert_eq!(seek("0 OFFSET 0").split(';').next().map(|told| told.ends_with("→ 0")), Some(true));
    assert_eq!(seek("0 OFFSET 0"), format!("OK {topic}/0: 0 → 0"));
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(at(&server), ends);
    assert_eq!(seqs(&server), (0..200).collect());
}

fn going_back_is_refused_where_it_doubles(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("seek-double", 1);
    let server = subject.setup().start();
    let mut load = Load::new(kafka, &topic);
    load.send(40);
    let routes = [
        ONCE_EACH,
        "STREAM history",
        "HASH counts SELECT \"max(seq) AS top, count() AS records\"",
        "ZSET ranking MEMBER key INCR 1",
        "ZSET latest MEMBER key SCORE seq",
        "LIST recent MAXLEN 5",
    ];
    begin(&server, kafka, &topic, &routes);
    server.wait_applied(SUBSCRIPTION);
    let error = server.refused(&format!("KAFKA.SEEK {SUBSCRIPTION} OFFSET 10"));
    let expected = format!(
        "ERR KAFKA.SEEK: {topic}/0 would go back from 40 to 10, and what is read again is written \
         twice: route 'r1' appends to a stream, route 'r2' adds up records, route 'r3' adds to \
         scores, route 'r5' pushes to a list; add FORCE to go back all the same"
    );
    assert_eq!(error, expected);
    assert_eq!(at(&server), [40]);
    // Forwards nothing doubles.
    server.ok(&format!("KAFKA.SEEK {SUBSCRIPTION} LATEST"));
    server.ok(&format!("KAFKA.SEEK {SUBSCRIPTION} OFFSET 10 FORCE"));
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(server.number("XLEN history"), 70);
    assert_eq!(server.hash("counts")["records"], "70");
    assert_eq!(server.hash("counts")["top"], "39");
    // What is left writes the same again, however often.
    for route in ["r1", "r2", "r3", "r5"] {
        server.ok(&format!("KAFKA.UNROUTE {route}"));
    }
    server.ok(&format!("KAFKA.SEEK {SUBSCRIPTION} EARLIEST"));
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(seqs(&server), (0..40).collect());
}

fn a_seek_is_a_way_out_of_a_stop(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("seek-stop", 1);
    let server = subject.setup().start();
    let good = |seq: u64| format!(r#"{{"key":"a","seq":{seq}}}"#);
    send_texts(kafka, &topic, &[&good(0), "{not json", &good(2), "{nor this", &good(4)]);
    begin(&server, kafka, &topic, &[ONCE_EACH]);
    server.wait_reason(SUBSCRIPTION, "stopped", "/0@1 ");
    // Back is no way out: it stops there again.
    server.ok(&format!("KAFKA.SEEK {SUBSCRIPTION} EARLIEST"));
    let info = server.wait_reason(SUBSCRIPTION, "stopped", "/0@1 ");
    assert_eq!(nexts(&info), [1], "{info:#?}");
    server.ok(&format!("KAFKA.SEEK {SUBSCRIPTION} {topic} 0 OFFSET 2"));
    server.wait_reason(SUBSCRIPTION, "stopped", "/0@3 ");
    server.ok(&format!("KAFKA.SEEK {SUBSCRIPTION} {topic} 0 OFFSET 4"));
    server.wait_state(SUBSCRIPTION, "running");
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(seqs(&server), [0, 2, 4].into());

    // Records that Kafka has lost.
    server.ok(&format!("KAFKA.PAUSE {SUBSCRIPTION}"));
    (5..10).for_each(|seq| send_texts(kafka, &topic, &[&good(seq)]));
    kafka.delete_records(&topic, 0, 8);
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    server.wait_reason(SUBSCRIPTION, "stopped", "3 records are gone from Kafka");
    let told = server.ok(&format!("KAFKA.SEEK {SUBSCRIPTION} EARLIEST"));
    assert_eq!(told, format!("OK {topic}/0: 5 → 8; 3 offsets are passed over"));
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(seqs(&server), [0, 2, 4, 8, 9].into());
    assert_eq!(server.subscription(SUBSCRIPTION).state, "running");
}

fn what_cannot_be_found_is_named(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("seek-wrong", 2);
    let server = subject.setup().start();
    let mut load = Load::new(kafka, &topic);
    load.send(50);
    begin(&server, kafka, &topic, &[ONCE_EACH]);
    server.wait_applied(SUBSCRIPTION);
    let before = at(&server);
    let near = &topic[..topic.len() - 1];
    let (_, end) = kafka.watermarks(&topic, 0);
    for (line, told) in [
        (
            format!("KAFKA.SEEK {SUBSCRIPTION} {near} 0 EARLIEST"),
            format!("'rides' does not read topic '{near}' (argument 2); did you mean {topic}?"),
        ),
        (
            format!("KAFKA.SEEK {SUBSCRIPTION} orders 0 EARLIEST"),
            format!("'rides' does not read topic 'orders' (argument 2); it reads {topic}"),
        ),
        (
            format!("KAFKA.SEEK {SUBSCRIPTION} {topic} 7 EARLIEST"),
            format!("'rides' has no partition 7 of '{topic}' (argument 3); it has 0 to 1"),
        ),
        (
            format!("KAFKA.SEEK {SUBSCRIPTION} {topic} 0 OFFSET 9000"),
            format!(
                "OFFSET 9000 is not in {topic}/0, which holds 0 to {end}; take an offset in \
                 between, EARLIEST or LATEST, or name one partition"
            ),
        ),
        (
            "KAFKA.SEEK ride EARLIEST".to_owned(),
            "no subscription named 'ride'; did you mean rides?".to_owned(),
        ),
    ] {
        assert_eq!(server.refused(&line), format!("ERR KAFKA.SEEK: {told}"), "{line}");
    }
    assert_eq!(at(&server), before);
    server.ok("KAFKA.SUBSCRIBE lost TOPIC there-is-none BROKERS 127.0.0.1:1");
    let error = server.refused("KAFKA.SEEK lost EARLIEST");
    assert!(error.starts_with("ERR KAFKA.SEEK: no answer from Kafka: "), "{error}");
    if subject == Subject::Sidecar {
        // Its command port has no MULTI.
        return;
    }
    server.line("MULTI");
    let refused = server.try_line(&format!("KAFKA.SEEK {SUBSCRIPTION} EARLIEST"));
    let executed = server.try_line("EXEC");
    let told = format!("{refused:?} {executed:?}");
    assert!(told.contains("MULTI"), "{told}");
    assert_eq!(at(&server), before);
}

fn the_commit_follows_and_wait_waits_for_the_new_place(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("seek-commit", 1);
    let server = subject.setup().start();
    let mut load = Load::new(kafka, &topic);
    load.send(3000);
    begin(&server, kafka, &topic, &[ONCE_EACH]);
    server.wait_applied(SUBSCRIPTION);
    let group = server.subscription(SUBSCRIPTION).group;
    let committed = |offset: i64| {
        wait_for(&format!("a commit of {offset}"), Duration::from_secs(20), || {
            let found = kafka.committed(&group, &topic, 0);
            if found == Some(offset) { Ok(()) } else { Err(found) }
        });
    };
    committed(3000);
    forget_hashes(&server);
    server.ok(&format!("KAFKA.SEEK {SUBSCRIPTION} OFFSET 1000"));
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(server.keys("h:*").len(), 2000, "all that comes behind the new place");
    committed(3000);
    server.ok("KAFKA.UNROUTE r0");
    server.ok(&format!("KAFKA.SEEK {SUBSCRIPTION} OFFSET 0"));
    if subject != Subject::Sidecar {
        // A sidecar commits as a member of the group, which it is while it consumes.
        committed(0);
    }
    server.ok(&format!("KAFKA.ROUTE none FROM {SUBSCRIPTION} TO HASH h WHERE \"seq < 0\" NOW"));
    server.wait_applied(SUBSCRIPTION);
    committed(3000);
}

/// Whoever is asked, and whoever has the partition: all of them move, also where nothing new comes.
#[test]
fn partitions_of_other_members_are_moved() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("seek-members", 4);
    let server = Subject::Sidecar.setup().start();
    begin(&server, kafka, &topic, &[ONCE_EACH]);
    let url = format!("redis://127.0.0.1:{}", server.port());
    let second = SidecarSetup::of_units(4).start(&url, "second", server.directory());
    let mut load = Load::new(kafka, &topic);
    wait_for("both to have partitions", Duration::from_secs(60), || {
        load.send(10);
        let running = |line: String| line.contains("state=running");
        let mut client = second.connect(Protocol::Resp3);
        let other = client.line("KAFKA.LIST").map(|list| text(&list)).unwrap_or_default();
        if running(other.clone()) && running(server.text("KAFKA.LIST")) {
            Ok(())
        } else {
            Err(other)
        }
    });
    server.wait_applied(SUBSCRIPTION);
    let mut client = second.connect(Protocol::Resp3);
    for round in 0..4 {
        forget_hashes(&server);
        let line = format!("KAFKA.SEEK {SUBSCRIPTION} EARLIEST");
        // Whichever is asked knows of it at once.
        if round % 2 == 0 {
            server.ok(&line);
            client.line(&format!("KAFKA.WAIT {SUBSCRIPTION} 30000")).expect("the second sidecar");
        } else {
            client.line(&line).expect("the second sidecar");
            server.wait_applied(SUBSCRIPTION);
        }
        assert_eq!(seqs(&server).len() as u64, load.sent());
    }
    // Under load somebody else's unit is always in between: it is tried until it fits.
    let background = load.start(2000);
    for _ in 0..5 {
        server.ok(&format!("KAFKA.SEEK {SUBSCRIPTION} TIMESTAMP -1s"));
        client.line(&format!("KAFKA.SEEK {SUBSCRIPTION} TIMESTAMP -1s")).expect("the second");
    }
    let load = background.stop();
    wait_for("all records", Duration::from_secs(60), || {
        let found = seqs(&server).len() as u64;
        if found == load.sent() { Ok(()) } else { Err((found, load.sent())) }
    });
    server.subscription(SUBSCRIPTION).counters.check();
}
