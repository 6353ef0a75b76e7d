//! Workers that share a consumer group on a real Kafka, over a double of Redis that counts.

mod double;
mod restarts;
mod sharing;

use double::{Redis, Sidecar};
use redis_kafka_engine::kafka::Position;
use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::producer::Load;
use redis_kafka_tests::wait::wait_for;
use std::sync::Arc;
use std::time::Duration;

/// How long anything may take: well beyond a session's time-out.
const PATIENCE: Duration = Duration::from_secs(60);

/// A topic, the Redis its records go to, and how its workers are made.
struct Pipeline {
    kafka: &'static Kafka,
    redis: Arc<Redis>,
    topic: String,
    load: Load,
    start: Position,
}

impl Pipeline {
    fn new(stem: &str, partitions: i32) -> Pipeline {
        let kafka = Kafka::shared();
        let topic = kafka.topic(stem, partitions);
        Pipeline {
            kafka,
            redis: Arc::default(),
            load: Load::with_keys(kafka, &topic, 64),
            topic,
            start: Position::Earliest,
        }
    }

    /// The load, to be sent in the background.
    fn take_load(&mut self) -> Load {
        let unused = Load::with_keys(self.kafka, &self.topic, 1);
        std::mem::replace(&mut self.load, unused)
    }

    /// A worker with this instance id.
    fn sidecar(&self, instance: &str) -> Sidecar {
        let brokers = self.kafka.brokers();
        Sidecar::start(double::spec(&brokers, &self.topic, self.start, instance), &self.redis)
    }

    /// Waits until every record has come, and panics where one came twice.
    fn expect_all(&self, sent: u64) {
        wait_for("all records", PATIENCE, || {
            let counted = self.redis.count();
            if counted.distinct == sent { Ok(()) } else { Err(format!("{counted:?} of {sent}")) }
        });
        let counted = self.redis.count();
        assert_eq!((counted.distinct, counted.twice), (sent, 0));
    }
}

/// Waits until each of these has as many partitions as told.
fn expect_shares(sidecars: &[&Sidecar], shares: &[usize]) {
    wait_for("the shares", PATIENCE, || {
        let mut now: Vec<usize> = sidecars.iter().map(|sidecar| sidecar.share()).collect();
        now.sort_unstable();
        let states: Vec<_> = sidecars.iter().map(|sidecar| sidecar.status()).collect();
        if now == shares { Ok(()) } else { Err(format!("{now:?} {states:?}")) }
    });
}
