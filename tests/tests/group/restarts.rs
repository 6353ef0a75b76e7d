//! Members that are killed or frozen, in processes of their own: this test, started again.

use super::PATIENCE;
use redis_kafka_engine::kafka::{Connection, Member, Profiles, member_config};
use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::wait::{wait_for, wait_until};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Where a member process finds brokers, topic and instance id, separated by blanks.
const MEMBER: &str = "REDIS_KAFKA_TEST_MEMBER";

/// Begins each line in which a member process says how many partitions it has.
const HAS: &str = "partitions: ";

/// No partitions are known yet.
const UNKNOWN: usize = usize::MAX;

fn join(
    brokers: &str,
    topic: &str,
    instance: &str,
    on_change: impl Fn() + Send + Sync + 'static,
) -> Member {
    let connection = Connection::brokers(brokers).expect("brokers");
    let group = format!("redis-kafka.{topic}");
    let config = member_config(&connection, &Profiles::empty(), &group, Some(instance));
    let config = config.expect("a configuration");
    Member::join(&config, std::iter::once(topic), on_change).expect("a member")
}

/// Not a test of its own: what a member process does until it is killed.
#[test]
#[ignore = "started by the other tests"]
fn member_process() {
    let given = std::env::var(MEMBER).expect("what to join");
    let words: Vec<&str> = given.split(' ').collect();
    let [brokers, topic, instance] = words[..] else { panic!("{given}") };
    let (changed, changes) = mpsc::channel();
    let member = join(brokers, topic, instance, move || changed.send(()).expect("a reader"));
    while changes.recv().is_ok() {
        println!("\n{HAS}{}", member.assigned().partitions.len());
    }
}

/// A member in a process of its own.
struct MemberProcess {
    child: Child,
    partitions: Arc<AtomicUsize>,
}

impl MemberProcess {
    fn start(topic: &str, instance: &str) -> MemberProcess {
        let given = format!("{} {topic} {instance}", Kafka::shared().brokers());
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "restarts::member_process", "--ignored", "--nocapture"])
            .env(MEMBER, given)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let partitions = Arc::new(AtomicUsize::new(UNKNOWN));
        let told = partitions.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(count) = line.strip_prefix(HAS).and_then(|count| count.parse().ok()) {
                    told.store(count, Ordering::Relaxed);
                }
            }
        });
        MemberProcess { child, partitions }
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(done.expect("kill").success());
    }

    fn expect(&self, partitions: usize) {
        wait_for("the process's partitions", PATIENCE, || {
            let now = self.partitions.load(Ordering::Relaxed);
            if now == partitions { Ok(()) } else { Err(now) }
        });
    }
}

impl Drop for MemberProcess {
    fn drop(&mut self) {
        self.child.kill().expect("kill -9");
        self.child.wait().expect("its end");
    }
}

fn expect(member: &Member, partitions: usize) {
    wait_for("partitions", PATIENCE, || {
        let now = member.assigned();
        if now.partitions.len() == partitions { Ok(()) } else { Err(now) }
    });
}

#[test]
fn a_member_that_is_killed_and_comes_again_has_its_partitions_at_once() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("killed", 4);
    let other = join(&kafka.brokers(), &topic, "other", || {});
    let mut killed = MemberProcess::start(&topic, "killed");
    killed.expect(2);
    expect(&other, 2);
    let before = other.assigned();
    for _ in 0..3 {
        drop(killed);
        let started = Instant::now();
        killed = MemberProcess::start(&topic, "killed");
        killed.expect(2);
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
        println!("back after {:?}", started.elapsed());
    }
    assert_eq!(other.assigned(), before, "nobody else was disturbed");
    drop(killed);
    // One that does not come again is given up when its session times out.
    expect(&other, 4);
}

#[test]
fn a_member_that_was_frozen_loses_its_partitions_and_joins_again() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("frozen", 4);
    let other = join(&kafka.brokers(), &topic, "other", || {});
    let frozen = MemberProcess::start(&topic, "frozen");
    frozen.expect(2);
    frozen.signal("-STOP");
    expect(&other, 4);
    frozen.signal("-CONT");
    wait_until("the loss", PATIENCE, || frozen.partitions.load(Ordering::Relaxed) == 0);
    expect(&other, 2);
    frozen.expect(2);
}
