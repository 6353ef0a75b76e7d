//! Routes added to a subscription that has consumed, and routes replaced, while records flow.

use std::time::{Duration, Instant};

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::faults::{Dice, Scale, kill_and_start};
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::{Load, send_texts};
use redis_kafka_tests::proxy::{Proxy, Traffic};
use redis_kafka_tests::reply::{field, items, text};
use redis_kafka_tests::server::{Append, RedisServer};
use redis_kafka_tests::sidecar::SidecarSetup;
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::{elapse, wait_for};

use crate::replication::wait_role;

redis_kafka_tests::for_each_subject!(
    a_late_route_sees_every_record_and_joins,
    late_routes_catch_up_under_load_across_kills,
    late_routes_are_killed_as_they_join_partition_by_partition,
    a_failover_amid_a_catch_up,
    the_others_go_on_while_a_route_catches_up,
    a_bad_record_stops_a_route_that_catches_up_and_is_settled,
    a_route_that_catches_up_is_removed_and_made_again,
    what_retention_has_taken_is_left_out,
    a_late_route_sends_to_kafka,
    definitions_are_replaced_under_load_across_kills,
);

const PATIENCE: Duration = Duration::from_secs(60);

/// A route that writes every record to the stream of its key, under a prefix of its own.
fn add(server: &RedisServer, name: &str) -> String {
    let line = format!(r#"KAFKA.ROUTE {name} FROM {SUBSCRIPTION} TO STREAM "{name}:%{{key}}""#);
    server.ok(&line)
}

fn phase(server: &RedisServer, route: &str) -> String {
    server.info_of(route, "phase").as_ref().map(text).expect("a phase")
}

fn definition(server: &RedisServer, route: &str) -> String {
    server.text(&format!("HGET kafka:definitions {route}"))
}

/// The keys that stay: among sidecars the ledger of a route that has joined expires.
fn lasting(server: &RedisServer, pattern: &str) -> Vec<String> {
    let keys = server.keys(pattern).into_iter();
    keys.filter(|key| server.number(&format!("PTTL {key}")) == -1).collect()
}

fn own_ledger(server: &RedisServer, route: &str) -> Vec<String> {
    lasting(server, &format!("kafka:ledger:{SUBSCRIPTION}+{route}*"))
}

/// Waits until the route has joined, and nothing is left of its catching up.
fn wait_joined(server: &RedisServer, route: &str) {
    wait_for(&format!("{route} to have joined"), PATIENCE, || {
        let (definition, ledger) = (definition(server, route), own_ledger(server, route));
        let is_done = !definition.contains(" late KAFKA") && ledger.is_empty();
        if is_done { Ok(()) } else { Err((definition, ledger, server.text("KAFKA.LIST"))) }
    });
}

fn a_late_route_sees_every_record_and_joins(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("late", 3);
    let mut server = subject.setup().append(Append::Always).start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(3000);
    load.send_transaction(kafka, 20);
    server.wait_applied(SUBSCRIPTION);
    let reply = add(&server, "late");
    assert!(reply.contains("reads the earlier records first"), "{reply}");
    assert!(definition(&server, "late").contains(" late KAFKA.ROUTE late"), "stored");
    server.wait_applied(SUBSCRIPTION);
    oracle::check_streams(&server, &load, "late:");
    // It is where the others are, though partitions that get no record have not been marked yet in a
    // group. Its ledger and the subscription's pass a transaction's end in either order.
    wait_for("the late route to be told as joined", PATIENCE, || {
        let (phase, list) = (phase(&server, "late"), server.text("KAFKA.LIST"));
        let is_told = phase == "joined" && !list.contains("catches up");
        if is_told { Ok(()) } else { Err((phase, list)) }
    });
    load.send(200);
    oracle::check(&server, kafka, &load);
    oracle::check_streams(&server, &load, "late:");
    // Every partition has got records since, as others of a group must see it.
    wait_joined(&server, "late");
    assert_eq!(phase(&server, "late"), "joined");
    server.kill_and_start();
    load.send(100);
    oracle::check(&server, kafka, &load);
    oracle::check_streams(&server, &load, "late:");
    let again = add(&server, "late");
    assert_eq!(again, "OK", "the same definition");
}

fn late_routes_catch_up_under_load_across_kills(subject: Subject) {
    let (kafka, mut dice) = (Kafka::shared(), Dice::new());
    let topic = kafka.topic("late-kill", 3);
    // Twenty routes at a thousand records a second are too many for units of four over a connection.
    let units = Scale::from_env().pick(4, 32);
    let mut server = subject.setup_of_units(units).append(Append::Everysec).start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(Scale::from_env().pick(6000, 20_000));
    server.wait_applied(SUBSCRIPTION);
    let load = load.start(1000);
    let kills = Scale::from_env().pick(5, 20);
    let mut met = 0;
    for kill in 0..kills {
        add(&server, &format!("late{kill}"));
        elapse(dice.millis(0..=700));
        met += usize::from(phase(&server, &format!("late{kill}")) == "catches up");
        kill_and_start(&mut server, &mut dice, kill);
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
    for kill in 0..kills {
        oracle::check_streams(&server, &load, &format!("late{kill}:"));
    }
    assert!(met > 0, "no kill met a route that caught up");
}

/// Waits until a late route has joined so many partitions, and not yet all; whether that was seen.
fn is_met_joining(server: &RedisServer, route: &str, wanted: usize) -> bool {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let info = server.line(&format!("KAFKA.INFO {route}"));
        let left = items(field(&info, "catches_up").expect("catches_up")).len();
        if (1..=PARTITIONS - wanted).contains(&left) {
            return true;
        }
        // Before its ledger is made nothing is listed either.
        if left == 0 && field(&info, "phase").map(text).as_deref() == Some("joined") {
            return false;
        }
    }
    panic!("{route} has not joined: {}", server.text("KAFKA.LIST"));
}

/// Partitions of the topic that routes join one after the other.
const PARTITIONS: usize = 6;

/// Each round waits until a new route has joined some of its partitions, another number of them each
/// time, and kills there.
fn late_routes_are_killed_as_they_join_partition_by_partition(subject: Subject) {
    let (kafka, mut dice) = (Kafka::shared(), Dice::new());
    let topic = kafka.topic("late-join", PARTITIONS as i32);
    let mut server = subject.setup().append(Append::Everysec).start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::with_keys(kafka, &topic, 40);
    load.send(12_000);
    server.wait_applied(SUBSCRIPTION);
    let load = load.start(1000);
    let kills = Scale::from_env().pick(5, 12);
    let mut met = 0;
    for kill in 0..kills {
        let route = format!("late{kill}");
        add(&server, &route);
        met += usize::from(is_met_joining(&server, &route, 1 + kill % (PARTITIONS - 1)));
        elapse(dice.millis(0..=3));
        server.kill_and_start();
        server.wait_applied(SUBSCRIPTION);
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
    for kill in 0..kills {
        oracle::check_streams(&server, &load, &format!("late{kill}:"));
    }
    println!("{met} of {kills} kills met a route that had joined in some partitions only");
    assert!(met > 0);
}

/// The first time the replica lags behind and its primary is killed, then they change places in peace.
fn a_failover_amid_a_catch_up(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("late-failover", 3);
    let setup = subject.setup().append(Append::Everysec);
    let mut primary = setup.start();
    let link = Proxy::start(primary.port());
    let mut replica = setup.clone().replica_of(link.port()).start();
    replica.wait_linked();
    oracle::declare(&primary, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(20_000);
    primary.wait_applied(SUBSCRIPTION);
    replica.wait_equal(&primary);
    let load = load.start(1000);
    let rounds = Scale::from_env().pick(3, 8);
    let mut met = 0;
    for round in 0..rounds {
        let route = format!("late{round}");
        add(&primary, &route);
        wait_for("the replica to know how far the route is", PATIENCE, || {
            let (definition, ledger) = (definition(&replica, &route), own_ledger(&replica, &route));
            let is_done = !definition.is_empty() && !definition.contains(" late KAFKA");
            if is_done || ledger.len() == 4 { Ok(()) } else { Err((definition, ledger)) }
        });
        if round == 0 {
            link.set(Traffic::Stall);
            let stalled = primary.subscription(SUBSCRIPTION).counters.consumed;
            primary.wait_consumed(SUBSCRIPTION, stalled + 100);
            primary.kill();
            link.set(Traffic::Cut);
            replica.ok("REPLICAOF NO ONE");
        } else {
            primary.ok("FAILOVER");
            wait_role(&replica, "master");
        }
        met += usize::from(definition(&replica, &route).contains(" late KAFKA"));
        if round == 0 {
            primary.start_with(setup.clone().replica_of(replica.port()));
        }
        wait_role(&primary, "slave");
        primary.wait_linked();
        std::mem::swap(&mut primary, &mut replica);
        primary.wait_applied(SUBSCRIPTION);
    }
    let load = load.stop();
    oracle::check(&primary, kafka, &load);
    replica.wait_equal(&primary);
    for round in 0..rounds {
        let prefix = format!("late{round}:");
        oracle::check_streams(&primary, &load, &prefix);
        oracle::check_streams(&replica, &load, &prefix);
    }
    println!("{met} of {rounds} failovers met a route that caught up");
    assert!(met > 0, "no failover met a route that caught up");
}

fn the_others_go_on_while_a_route_catches_up(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("late-others", 3);
    let server = subject.setup().start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(30_000);
    server.wait_applied(SUBSCRIPTION);
    let load = load.start(2000);
    let before = server.subscription(SUBSCRIPTION).counters.consumed;
    add(&server, "late");
    let (mut seen, mut last, mut steps) = (0, before, 0);
    while phase(&server, "late") == "catches up" {
        let info = server.subscription(SUBSCRIPTION);
        assert_eq!(info.state, "running");
        seen += usize::from(info.reason.contains("route 'late' catches up: "));
        steps += usize::from(info.counters.consumed > last);
        last = info.counters.consumed;
        elapse(Duration::from_millis(20));
    }
    assert!(seen > 2 && steps > 2, "{seen} looks, of which {steps} saw the others go on");
    let load = load.stop();
    println!("{} records meanwhile, {seen} looks, {steps} steps", last - before);
    oracle::check(&server, kafka, &load);
    oracle::check_streams(&server, &load, "late:");
}

fn a_bad_record_stops_a_route_that_catches_up_and_is_settled(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("late-bad", 1);
    let server = subject.setup().start();
    let brokers = kafka.brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE {SUBSCRIPTION} TOPIC {topic} BROKERS {brokers}"));
    server.ok(&format!(r#"KAFKA.ROUTE all FROM {SUBSCRIPTION} TO STREAM "all""#));
    send_texts(kafka, &topic, &[r#"{"a":1,"b":1}"#, r#"{"a":2}"#, r#"{"a":3,"b":3}"#]);
    server.wait_applied(SUBSCRIPTION);
    server.ok(&format!(r#"KAFKA.ROUTE late FROM {SUBSCRIPTION} TO STREAM "late:%{{b}}""#));
    let words = "route late: b is null; value has: a (while route 'late' catches up)";
    let info = server.wait_reason(SUBSCRIPTION, "stopped", words);
    assert!(info.action.contains("SKIP"), "{info:#?}");
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION} SKIP"));
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(server.keys("late:*"), ["late:1", "late:3"]);
    let info = server.subscription(SUBSCRIPTION);
    assert_eq!((info.counters.applied, info.counters.skipped), (3, 0), "its own are untouched");
    // Under DEADLETTER the letter names the route.
    server.ok(&format!(
        "KAFKA.SUBSCRIBE {SUBSCRIPTION} REPLACE TOPIC {topic} BROKERS {brokers} ONERROR DEADLETTER"
    ));
    server.ok(&format!(r#"KAFKA.ROUTE later FROM {SUBSCRIPTION} TO STREAM "later:%{{b}}""#));
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(server.keys("later:*"), ["later:1", "later:3"]);
    let letters = server.stream(&format!("kafka:deadletters:{SUBSCRIPTION}"));
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].get("route").map(String::as_str), Some("later"));
    assert_eq!(server.number("XLEN all"), 3);
}

fn a_route_that_catches_up_is_removed_and_made_again(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("late-removed", 2);
    let server = subject.setup().start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(20_000);
    server.wait_applied(SUBSCRIPTION);
    for _ in 0..3 {
        add(&server, "late");
        assert_eq!(phase(&server, "late"), "catches up");
        server.ok("KAFKA.UNROUTE late");
        assert_eq!(own_ledger(&server, "late"), Vec::<String>::new());
    }
    let keys = server.keys("late:*");
    for key in keys {
        assert_eq!(server.number(&format!("DEL {key}")), 1);
    }
    add(&server, "late");
    // What takes its place goes on where it is, under another prefix.
    server.ok(&format!(
        r#"KAFKA.ROUTE late REPLACE FROM {SUBSCRIPTION} TO STREAM "late:%{{key}}" MAXLEN 1000000"#
    ));
    server.wait_applied(SUBSCRIPTION);
    oracle::check_streams(&server, &load, "late:");
    add(&server, "gone");
    server.ok(&format!("KAFKA.UNSUBSCRIBE {SUBSCRIPTION}"));
    assert_eq!(lasting(&server, "kafka:ledger:*"), Vec::<String>::new());
    assert_eq!(server.number("EXISTS kafka:definitions"), 0);
}

fn what_retention_has_taken_is_left_out(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("late-retention", 1);
    let server = subject.setup().start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::with_keys(kafka, &topic, 1);
    load.send(100);
    server.wait_applied(SUBSCRIPTION);
    kafka.delete_records(&topic, 0, 40);
    add(&server, "late");
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(server.number("XLEN late:k0"), 60);
    let told = server.info_of(SUBSCRIPTION, "last_error").as_ref().map(text).unwrap();
    assert!(told.contains("40 earlier records are gone"), "{told}");
    load.send(10);
    oracle::check(&server, kafka, &load);
    assert_eq!(server.number("XLEN late:k0"), 70);
}

fn a_late_route_sends_to_kafka(subject: Subject) {
    let kafka = Kafka::shared();
    let (topic, sink) = (kafka.topic("late-topic", 2), kafka.topic("late-sink", 1));
    let server = subject.setup().start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(3000);
    server.wait_applied(SUBSCRIPTION);
    let load = load.start(500);
    server.ok(&format!(r#"KAFKA.ROUTE sent FROM {SUBSCRIPTION} TO TOPIC {sink} SELECT "seq""#));
    server.wait_applied(SUBSCRIPTION);
    let load = load.stop();
    oracle::check(&server, kafka, &load);
    let values = kafka.read(&sink, 0).into_iter().map(|(_, _, value)| value);
    let found: std::collections::BTreeSet<_> = values.collect();
    let expected = (0..load.sent()).map(|seq| format!(r#"{{"seq":{seq}}}"#).into_bytes());
    assert_eq!(found, expected.collect(), "every record, perhaps more than once");
}

/// Two sidecars share the partitions: each catches up for its own, and a killed one's go to the other.
#[test]
fn two_sidecars_share_the_catching_up() {
    let (kafka, mut dice) = (Kafka::shared(), Dice::new());
    let topic = kafka.topic("late-shared", 4);
    let server = Subject::Sidecar.setup().append(Append::Everysec).start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(8000);
    server.wait_applied(SUBSCRIPTION);
    let url = format!("redis://127.0.0.1:{}", server.port());
    let start = || SidecarSetup::of_units(4).start(&url, "second", server.directory());
    let mut second = start();
    let load = load.start(1000);
    let kills = Scale::from_env().pick(3, 12);
    for kill in 0..kills {
        server.wait_applied(SUBSCRIPTION);
        add(&server, &format!("late{kill}"));
        elapse(dice.millis(0..=1500));
        second.kill();
        elapse(dice.millis(0..=300));
        second = start();
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
    for kill in 0..kills {
        oracle::check_streams(&server, &load, &format!("late{kill}:"));
    }
}

/// Each definition of a route that is replaced writes its number: `v` never goes back in a stream.
fn versions(server: &RedisServer) -> usize {
    let mut seen = std::collections::BTreeSet::new();
    for key in server.keys("s:*") {
        let version = |entry: &std::collections::HashMap<String, String>| {
            entry.get("v").map_or(0, |v| v.parse::<usize>().expect("a number"))
        };
        let versions: Vec<_> = server.stream(&key).iter().map(version).collect();
        assert!(versions.is_sorted(), "{key}: {versions:?}");
        seen.extend(versions);
    }
    seen.len()
}

fn definitions_are_replaced_under_load_across_kills(subject: Subject) {
    let (kafka, mut dice) = (Kafka::shared(), Dice::new());
    let topic = kafka.topic("replaced", 2);
    let brokers = kafka.brokers();
    let mut server = subject.setup().append(Append::Everysec).start();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(2000);
    let rounds = Scale::from_env().pick(4, 20);
    for round in 1..=rounds {
        let consumed = server.subscription(SUBSCRIPTION).counters.consumed;
        server.wait_consumed(SUBSCRIPTION, consumed + 200);
        server.ok(&format!(
            r#"KAFKA.ROUTE every REPLACE FROM {SUBSCRIPTION} TO STREAM "s:%{{key}}" SELECT "*, {round} AS v""#
        ));
        let consumed = server.subscription(SUBSCRIPTION).counters.consumed;
        server.wait_consumed(SUBSCRIPTION, consumed + 200);
        let on_error = ["SKIP", "STOP"][round % 2];
        server.ok(&format!(
            "KAFKA.SUBSCRIBE {SUBSCRIPTION} REPLACE TOPIC {topic} BROKERS {brokers} ONERROR {on_error}"
        ));
        kill_and_start(&mut server, &mut dice, round);
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
    assert_eq!(versions(&server), rounds + 1, "each definition has written something");
}
