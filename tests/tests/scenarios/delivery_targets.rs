//! Exactly once into every kind of key: after every kill -9 each holds what a
//! fold over Kafka's content says.

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::faults::{Dice, Scale};
use redis_kafka_tests::fold::{self, Fold};
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::Load;
use redis_kafka_tests::server::{Append, RedisServer};
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::elapse;

redis_kafka_tests::for_each_subject!(
    every_target_killed_with_aof_always,
    every_target_killed_with_aof_everysec,
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
        elapse(dice.millis(0..=300));
        server.kill();
        if kill % 3 == 2 {
            // Killed again while it starts: loading, or just before it consumes.
            server.launch_again();
            elapse(dice.millis(0..=150));
            server.kill();
        }
        server.start_again();
    }
}
