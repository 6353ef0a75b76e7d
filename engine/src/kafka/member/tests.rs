//! Members of a group against librdkafka's own mock cluster: a broker in this process.

use super::{Assigned, Member};
use crate::kafka::tests::{Cluster, cluster};
use crate::kafka::{Commit, Connection, Consumer, Profiles, consumer_config, member_config};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The mock cluster takes up to 20 s for each change of a group.
const PATIENCE: Duration = Duration::from_secs(60);
const GROUP: &str = "redis-kafka.test";

fn join(cluster: &Cluster, topics: &[&str]) -> (Member, Arc<AtomicU64>) {
    let connection = Connection::brokers(&cluster.bootstrap_servers()).unwrap();
    let config = member_config(&connection, &Profiles::empty(), GROUP, None).unwrap();
    let changes = Arc::new(AtomicU64::new(0));
    let counted = changes.clone();
    let on_change = move || {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    (Member::join(&config, topics.iter().copied(), on_change).unwrap(), changes)
}

fn wait(what: &str, members: &[&Member], mut holds: impl FnMut(&[Assigned]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let assigned: Vec<_> = members.iter().map(|member| member.assigned()).collect();
        if holds(&assigned) {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: {assigned:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn counts(assigned: &[Assigned]) -> Vec<usize> {
    assigned.iter().map(|assigned| assigned.partitions.len()).collect()
}

#[test]
fn members_share_the_partitions_and_the_last_one_has_all() {
    let cluster = cluster(&[("a", 3), ("b", 1)]);
    let (first, changes) = join(&cluster, &["a", "b"]);
    wait("the first alone", &[&first], |now| counts(now) == [4]);
    assert!(first.assigned().is_known && changes.load(Ordering::Relaxed) > 0);
    let (second, _) = join(&cluster, &["a", "b"]);
    wait("two of them", &[&first, &second], |now| counts(now) == [2, 2]);
    let (one, other) = (first.assigned().partitions, second.assigned().partitions);
    assert!(one.iter().all(|partition| !other.contains(partition)), "{one:?} {other:?}");
    drop(first);
    wait("the second alone", &[&second], |now| counts(now) == [4]);
}

#[test]
fn partitions_that_are_worked_on_are_given_up_when_the_work_is_done() {
    let cluster = cluster(&[("a", 2)]);
    let (first, _) = join(&cluster, &["a"]);
    wait("the first alone", &[&first], |now| counts(now) == [2]);
    first.work(first.assigned().version);
    let (second, _) = join(&cluster, &["a"]);
    // It is no longer the first one's, and not the second one's before the first has said so.
    wait("the revocation", &[&first], |now| counts(now) == [1]);
    assert_eq!(counts(&[second.assigned()]), [0]);
    first.rest();
    wait("its new owner", &[&second], |now| counts(now) == [1]);
}

#[test]
fn a_member_commits_where_a_stranger_may_not() {
    let cluster = cluster(&[("a", 1)]);
    let (member, _) = join(&cluster, &["a"]);
    wait("its partition", &[&member], |now| counts(now) == [1]);
    let commit = |next| [Commit { topic: "a", partition: 0, next, leader_epoch: None }];
    member.commit(&commit(42)).unwrap();
    let connection = Connection::brokers(&cluster.bootstrap_servers()).unwrap();
    let config = consumer_config(&connection, &Profiles::empty(), GROUP).unwrap();
    let reader = Consumer::connect(&config).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while reader.committed(&[("a", 0)], Duration::from_secs(5)).unwrap() != [Some(42)] {
        assert!(Instant::now() < deadline);
    }
    assert!(!member.take_commit_failure());
}
