//! Who has which partitions, and that every record counts once whoever comes and goes.

use super::{PATIENCE, Pipeline, Sidecar, expect_shares};
use redis_kafka_engine::kafka::Position;
use redis_kafka_engine::state::{State, Status};
use redis_kafka_engine::worker::{Ends, Wanted};
use redis_kafka_tests::wait::{elapse, wait_for, wait_until};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[test]
fn three_workers_share_a_topic_and_the_last_one_has_all_of_it() {
    let mut pipeline = Pipeline::new("shared", 6);
    pipeline.load.send(2000);
    let one = pipeline.sidecar("one");
    expect_shares(&[&one], &[6]);
    let (two, three) = (pipeline.sidecar("two"), pipeline.sidecar("three"));
    expect_shares(&[&one, &two, &three], &[2, 2, 2]);
    pipeline.load.send(2000);
    pipeline.expect_all(4000);
    drop((one, two));
    // Both leave at once, static members though they are: nobody waits for their time-out.
    let left = Instant::now();
    expect_shares(&[&three], &[6]);
    assert!(left.elapsed() < Duration::from_secs(8), "{:?}", left.elapsed());
    pipeline.load.send(1000);
    pipeline.expect_all(5000);
    assert_eq!(pipeline.redis.consumed(), 5000);
}

#[test]
fn one_partition_leaves_the_others_standing_by_with_the_lag_in_view() {
    let mut pipeline = Pipeline::new("lonely", 1);
    pipeline.load.send(100);
    let one = pipeline.sidecar("one");
    expect_shares(&[&one], &[1]);
    let two = pipeline.sidecar("two");
    wait_for("standby", PATIENCE, || match two.status() {
        status if status.state == State::Standby => Ok(()),
        status => Err(status),
    });
    pipeline.load.send(100);
    // What a KAFKA.WAIT does, at the one that has nothing.
    let ends = two.shared().ask_ends();
    wait_until(
        "the ends",
        PATIENCE,
        || matches!(&*ends.lock(), Ends::Known(ends) if ends[0].2 == 200),
    );
    let asked = Instant::now();
    wait_for("the other's progress", PATIENCE, || {
        let next = two.shared().progress()[0].next;
        if next == 200 { Ok(()) } else { Err(next) }
    });
    assert!(asked.elapsed() < Duration::from_secs(3));
    drop(one);
    expect_shares(&[&two], &[1]);
    pipeline.load.send(100);
    pipeline.expect_all(300);
}

#[test]
fn all_that_start_at_once_agree_on_where_to_start() {
    let mut pipeline = Pipeline { start: Position::Latest, ..Pipeline::new("latest", 8) };
    pipeline.load.send(1000);
    let names = ["a", "b", "c", "d"];
    let sidecars: Vec<Sidecar> = names.iter().map(|name| pipeline.sidecar(name)).collect();
    expect_shares(&sidecars.iter().collect::<Vec<_>>(), &[2, 2, 2, 2]);
    pipeline.load.send(500);
    pipeline.expect_all(500);
}

#[test]
fn workers_that_come_and_go_lose_and_double_nothing() {
    let mut pipeline = Pipeline::new("restless", 6);
    let load = pipeline.take_load().start(4000);
    let mut sidecars: Vec<Option<Sidecar>> = (0..3).map(|_| None).collect();
    let started = Instant::now();
    for round in 0..10 {
        let at = round % sidecars.len();
        match sidecars[at].take() {
            Some(sidecar) => drop(sidecar),
            None => sidecars[at] = Some(pipeline.sidecar(&format!("m{at}"))),
        }
        if sidecars.iter().all(Option::is_none) {
            sidecars[0] = Some(pipeline.sidecar("m0"));
        }
        elapse(Duration::from_secs(3));
    }
    let before = pipeline.redis.count();
    println!("after {:?}: {before:?}, {:?} units", started.elapsed(), turns(&sidecars));
    sidecars.retain(Option::is_some);
    if sidecars.is_empty() {
        sidecars.push(Some(pipeline.sidecar("m0")));
    }
    let sent = load.stop().sent();
    // It has gone on all the while.
    assert!(before.distinct * 2 > sent, "{before:?} of {sent}");
    pipeline.expect_all(sent);
    assert_eq!(pipeline.redis.consumed(), sent);
}

fn turns(sidecars: &[Option<Sidecar>]) -> Vec<u64> {
    sidecars.iter().flatten().map(Sidecar::turns).collect()
}

#[test]
fn a_member_that_cannot_reach_redis_leaves_its_partitions_to_others() {
    let mut pipeline = Pipeline::new("cut-off", 4);
    let (one, two) = (pipeline.sidecar("one"), pipeline.sidecar("two"));
    expect_shares(&[&one, &two], &[2, 2]);
    one.is_away.store(true, Ordering::Relaxed);
    pipeline.load.send(4000);
    pipeline.expect_all(4000);
    assert_eq!(two.share(), 4);
    one.is_away.store(false, Ordering::Relaxed);
    expect_shares(&[&one, &two], &[2, 2]);
    pipeline.load.send(1000);
    pipeline.expect_all(5000);
}

#[test]
fn one_that_is_stopped_shows_how_the_others_go_on() {
    let mut pipeline = Pipeline::new("stopped", 2);
    let (one, two) = (pipeline.sidecar("one"), pipeline.sidecar("two"));
    expect_shares(&[&one, &two], &[1, 1]);
    let status = Status::new(State::Stopped, "by the test", "");
    one.shared().set_status(status.clone());
    one.shared().change(|control| control.wanted = Wanted::Hold(status));
    expect_shares(&[&one, &two], &[0, 2]);
    pipeline.load.send(1000);
    pipeline.expect_all(1000);
    wait_for("the progress of the other", PATIENCE, || {
        let seen: i64 = one.shared().progress().iter().map(|partition| partition.next).sum();
        if seen == 1000 { Ok(()) } else { Err(seen) }
    });
    one.shared().change(|control| control.wanted = Wanted::Run);
    expect_shares(&[&one, &two], &[1, 1]);
}

#[test]
fn partitions_that_are_added_are_shared_too() {
    let mut pipeline = Pipeline::new("growing", 2);
    pipeline.load.send(500);
    let (one, two) = (pipeline.sidecar("one"), pipeline.sidecar("two"));
    expect_shares(&[&one, &two], &[1, 1]);
    pipeline.kafka.add_partitions(pipeline.load.topic(), 6);
    expect_shares(&[&one, &two], &[3, 3]);
    pipeline.load.send(1000);
    pipeline.expect_all(1500);
}

#[test]
fn two_of_the_same_instance_id_do_not_throw_each_other_out_for_ever() {
    let mut pipeline = Pipeline::new("twins", 2);
    let one = pipeline.sidecar("same");
    expect_shares(&[&one], &[2]);
    let two = pipeline.sidecar("same");
    wait_for("the older one to give way", PATIENCE, || match one.status() {
        status if status.reason.contains("instance id 'same'") => Ok(()),
        status => Err(status),
    });
    expect_shares(&[&two], &[2]);
    pipeline.load.send(500);
    pipeline.expect_all(500);
    assert_eq!(two.share(), 2);
    drop(two);
    expect_shares(&[&one], &[2]);
    pipeline.load.send(500);
    pipeline.expect_all(1000);
}
