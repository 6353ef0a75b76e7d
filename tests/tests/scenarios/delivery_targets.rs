//! Exactly once into every kind of key: after every kill -9 each holds what a
//! fold over Kafka's content says.

use std::path::Path;

use redis_kafka_tests::aof;
use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::faults::{Dice, Scale, kill_and_start};
use redis_kafka_tests::fold::{self, Fold};
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::Load;
use redis_kafka_tests::server::{Append, RedisServer};
use redis_kafka_tests::subject::Subject;

use crate::replication::wait_role;

redis_kafka_tests::for_each_subject!(
    every_target_killed_with_aof_always,
    every_target_killed_with_aof_everysec,
    every_target_with_an_aof_cut_anywhere,
    every_target_across_failovers,
);

fn every_target_killed_with_aof_always(subject: Subject) {
    every_target_killed(subject, Append::Always);
}

fn every_target_killed_with_aof_everysec(subject: Subject) {
    every_target_killed(subject, Append::Everysec);
}

fn every_target_killed(subject: Subject, append: Append) {
    const PARTITIONS: i32 = 2;
    let kafka = Kafka::shared();
    let topic = kafka.topic("kill-targets", PARTITIONS);
    let setup = subject.setup().append(append);
    let mut server = setup.start();
    let replica = setup.clone().replica_of(server.port()).start();
    declare(&server, kafka, &topic);
    let load = Load::new(kafka, &topic).start(400);
    kill_under_load(&mut server);
    // What it is given from here on reaches the replica unit by unit.
    replica.wait_linked();
    let consumed = server.subscription(SUBSCRIPTION).counters.consumed;
    server.wait_consumed(SUBSCRIPTION, consumed + 100);
    let load = load.stop();
    oracle::check(&server, kafka, &load);
    server.wait_applied(fold::COMMANDS);
    let fold = Fold::of(kafka, &topic, PARTITIONS);
    fold.check(&server);
    replica.wait_equal(&server);
    fold.check(&replica);
    assert_eq!(server.digests(), replica.digests());
    // And from its file alone.
    server.kill_and_start();
    fold.check(&server);
}

fn declare(server: &RedisServer, kafka: &Kafka, topic: &str) {
    let brokers = kafka.brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE {SUBSCRIPTION} TOPIC {topic} BROKERS {brokers} PAUSED"));
    oracle::declare_routes(server);
    fold::declare(server, kafka, topic);
    for subscription in [SUBSCRIPTION, fold::COMMANDS] {
        server.ok(&format!("KAFKA.RESUME {subscription}"));
    }
}

fn kill_under_load(server: &mut RedisServer) {
    let mut dice = Dice::new();
    for kill in 0..Scale::from_env().pick(5, 20) {
        for subscription in [SUBSCRIPTION, fold::COMMANDS] {
            let consumed = server.subscription(subscription).counters.consumed;
            server.wait_consumed(subscription, consumed + 1);
        }
        kill_and_start(server, &mut dice, kill);
    }
}

/// Start on the cut file, consume, kill -9, start again: the second start is
/// where a torn MULTI would be applied beside its redone unit.
fn every_target_with_an_aof_cut_anywhere(subject: Subject) {
    let mut dice = Dice::new();
    let kafka = Kafka::shared();
    let topic = kafka.topic("cut-targets", 1);
    let setup = subject.setup().append(Append::Always);
    let mut uncut = setup.start();
    declare(&uncut, kafka, &topic);
    let mut load = Load::with_keys(kafka, &topic, 3);
    load.send(60);
    oracle::check(&uncut, kafka, &load);
    uncut.wait_applied(fold::COMMANDS);
    let fold = Fold::of(kafka, &topic, 1);
    fold.check(&uncut);
    uncut.kill();
    let end = std::fs::metadata(aof::incremental(uncut.directory())).expect("the AOF").len();
    for _ in 0..Scale::from_env().pick(5, 60) {
        let at = end - 1 - dice.below(end as usize / 2) as u64;
        println!("cut at byte {at} of {end}");
        let cut = |copy: &Path| aof::cut(&aof::incremental(copy), at);
        let mut server = setup.start_on_copy(uncut.directory(), cut);
        for restart in [true, false] {
            oracle::check(&server, kafka, &load);
            server.wait_applied(fold::COMMANDS);
            fold.check(&server);
            if restart {
                server.kill_and_start();
            }
        }
    }
}

/// What a replica was told is what it goes on from: increments, trims, tables.
fn every_target_across_failovers(subject: Subject) {
    const PARTITIONS: i32 = 2;
    let kafka = Kafka::shared();
    let topic = kafka.topic("failover-targets", PARTITIONS);
    let setup = subject.setup().append(Append::Everysec);
    let mut primary = setup.start();
    let mut replica = setup.clone().replica_of(primary.port()).start();
    replica.wait_linked();
    declare(&primary, kafka, &topic);
    let load = Load::new(kafka, &topic).start(400);
    for _ in 0..Scale::from_env().pick(2, 20) {
        for subscription in [SUBSCRIPTION, fold::COMMANDS] {
            let consumed = primary.subscription(subscription).counters.consumed;
            primary.wait_consumed(subscription, consumed + 100);
        }
        primary.ok("FAILOVER");
        wait_role(&replica, "master");
        wait_role(&primary, "slave");
        primary.wait_linked();
        std::mem::swap(&mut primary, &mut replica);
    }
    let load = load.stop();
    oracle::check(&primary, kafka, &load);
    primary.wait_applied(fold::COMMANDS);
    let fold = Fold::of(kafka, &topic, PARTITIONS);
    fold.check(&primary);
    replica.wait_equal(&primary);
    fold.check(&replica);
}

/// The fold on data that is right, then on each kind of key changed by one record.
#[test]
fn the_fold_sees_what_one_record_more_would_do() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("fold", 1);
    let server = Subject::ModuleUnits.setup().start();
    declare(&server, kafka, &topic);
    let mut load = Load::with_keys(kafka, &topic, 3);
    load.send(40);
    oracle::check(&server, kafka, &load);
    server.wait_applied(fold::COMMANDS);
    let fold = Fold::of(kafka, &topic, 1);
    fold.check(&server);
    for (change, back) in [
        ("RPUSH l:k0 {}", "RPOP l:k0"),
        ("RPUSH r:k0 {}", "RPOP r:k0"),
        ("LPUSH n:k0 {}", "LPOP n:k0"),
        ("SADD m:k0 40", "SREM m:k0 40"),
        ("INCRBY v:k0 1", "INCRBY v:k0 -1"),
        ("INCRBY i:k0 1", "INCRBY i:k0 -1"),
        ("ZINCRBY counts 1 k0", "ZINCRBY counts -1 k0"),
        ("ZINCRBY t:0 1 k0", "ZINCRBY t:0 -1 k0"),
        ("ZINCRBY g:0 1e9 k0", "ZINCRBY g:0 -1e9 k0"),
        ("HINCRBY c:k0 n 1", "HINCRBY c:k0 n -1"),
        ("SET v:k9 1", "DEL v:k9"),
    ] {
        server.line(change);
        let check = std::panic::AssertUnwindSafe(|| fold.check(&server));
        std::panic::catch_unwind(check).expect_err(change);
        server.line(back);
        fold.check(&server);
    }
}
