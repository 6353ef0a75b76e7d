//! Exactly once across kill -9 of Redis and of the broker, under load.

use std::time::{Duration, Instant};

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::faults::{Dice, Scale, kill_and_start};
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::Load;
use redis_kafka_tests::server::Append;
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::{elapse, wait_for};

/// How long neither a record nor the broker's absence need be heard of.
const PATIENCE: Duration = Duration::from_secs(60);

redis_kafka_tests::for_each_subject!(
    redis_killed_with_aof_always,
    redis_killed_with_aof_everysec,
    broker_killed_and_restarted,
);

fn redis_killed_with_aof_always(subject: Subject) {
    redis_killed(subject, Append::Always);
}

fn redis_killed_with_aof_everysec(subject: Subject) {
    redis_killed(subject, Append::Everysec);
}

fn redis_killed(subject: Subject, append: Append) {
    let mut dice = Dice::new();
    let kafka = Kafka::shared();
    let topic = kafka.topic("kill", 2);
    let mut server = subject.setup().append(append).start();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(2000);
    for kill in 0..Scale::from_env().pick(5, 30) {
        let consumed = server.subscription(SUBSCRIPTION).counters.consumed;
        server.wait_consumed(SUBSCRIPTION, consumed + 1);
        kill_and_start(&mut server, &mut dice, kill);
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
}

fn broker_killed_and_restarted(subject: Subject) {
    let mut dice = Dice::new();
    let mut kafka = Kafka::start();
    let topic = kafka.topic("broker", 2);
    let server = subject.setup().append(Append::Everysec).start();
    oracle::declare(&server, &kafka, &topic, "");
    let load = Load::new(&kafka, &topic).start(2000);
    for _ in 0..Scale::from_env().pick(1, 10) {
        let consumed = server.subscription(SUBSCRIPTION).counters.consumed;
        server.wait_consumed(SUBSCRIPTION, consumed + 100);
        elapse(dice.millis(0..=300));
        kafka.kill();
        let (mut consumed, mut progress) = (0, Instant::now());
        wait_for("the reason to name the broker", Duration::from_secs(300), || {
            let info = server.subscription(SUBSCRIPTION);
            // What was fetched is applied first, which takes as long as the machine is busy otherwise.
            if info.counters.consumed > consumed {
                (consumed, progress) = (info.counters.consumed, Instant::now());
            }
            assert!(progress.elapsed() < PATIENCE, "neither applied nor named: {info:#?}");
            let named = info.state == "waiting" && info.reason.contains("broker");
            if named { Ok(()) } else { Err(Box::new(info)) }
        });
        kafka.restart();
    }
    let load = load.stop();
    oracle::check(&server, &kafka, &load);
    assert_eq!(server.subscription(SUBSCRIPTION).state, "running");
}
