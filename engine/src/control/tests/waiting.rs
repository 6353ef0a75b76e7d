//! Clients that wait, and how they are answered.

use super::{Peer, simple};
use crate::control::Reply;
use crate::state::{State, Status};
use std::time::{Duration, Instant};

fn error(reply: &Reply) -> &str {
    match reply {
        Reply::Error(text) => text,
        other => panic!("no error: {other:?}"),
    }
}

/// Looks until so many clients were answered.
fn answered(peer: &mut Peer, count: usize) -> Vec<Reply> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let answers = peer.answers();
        if answers.len() >= count {
            return answers;
        }
        assert!(Instant::now() < deadline, "{answers:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_subscribe_hears_what_the_broker_said_first() {
    let mut peer = Peer::alone();
    peer.subscribe("s");
    assert_eq!(peer.host.looks_after, [Duration::from_secs(2)]);
    let answers = answered(&mut peer, 1);
    let [Reply::Simple(line)] = answers.as_slice() else { panic!("{answers:?}") };
    assert!(line.starts_with("OK waiting: ") && line.ends_with("; mind the gap"), "{line}");
    assert!(peer.waiting.is_empty());
}

#[test]
fn a_wait_ends_with_its_time() {
    let mut peer = Peer::alone();
    peer.subscribe("s");
    assert_eq!(peer.run("KAFKA.WAIT s 20"), None);
    let answers = answered(&mut peer, 1);
    let told = "ERR KAFKA.WAIT: no answer from the broker within 20 ms";
    assert_eq!(error(&answers[0]), told);
}

#[test]
fn a_wait_for_ever_ends_when_nothing_more_will_come() {
    for (line, told) in [
        ("KAFKA.PAUSE s", "ERR KAFKA.WAIT: 's' is paused: paused"),
        ("KAFKA.UNSUBSCRIBE s", "ERR KAFKA.WAIT: 's' does not consume here"),
    ] {
        let mut peer = Peer::alone();
        peer.subscribe("s");
        assert_eq!(peer.run("KAFKA.WAIT s 0"), None);
        assert_eq!(peer.host.looks_after.len(), 1, "of the SUBSCRIBE alone");
        peer.ok(line);
        let answers = peer.answers();
        assert!(
            answers.iter().any(|it| matches!(it, Reply::Error(text) if text == told)),
            "{answers:?}"
        );
    }
}

#[test]
fn who_has_gone_is_forgotten() {
    let mut peer = Peer::alone();
    peer.subscribe("s");
    assert_eq!(peer.run("KAFKA.WAIT s 0"), None);
    peer.host.client_is_gone.set(true);
    let answers = peer.answers();
    assert_eq!(answers.len(), 2, "answered, so that the host forgets them");
    assert!(answers.iter().all(|answer| error(answer) == "ERR the client is gone"));
    assert!(peer.waiting.is_empty());
}

#[test]
fn too_many_are_told_so() {
    let mut peer = Peer::alone();
    peer.subscribe("s");
    while peer.waiting.has_room() {
        assert_eq!(peer.run("KAFKA.WAIT s 0"), None);
    }
    let refused = peer.text("KAFKA.WAIT s 0");
    assert!(refused.starts_with("ERR KAFKA.WAIT: too many clients wait already"), "{refused}");
    let line = "KAFKA.SUBSCRIBE q TOPIC t BROKERS 127.0.0.1:1";
    assert_eq!(peer.run(line), Some(simple("OK; mind the gap")), "it does not wait");
}

#[test]
fn what_holds_one_lane_is_its_own_status() {
    let mut peer = Peer::alone();
    peer.subscribe("s");
    peer.subscribe("q");
    let hold = |reason: &str| Status::new(State::Waiting, reason, "");
    peer.shared("s").set_hold(Some(hold("Redis at h:1: connection refused")));
    let held = (State::Waiting, "Redis at h:1: connection refused".to_owned());
    assert_eq!(peer.state("s"), held);
    assert_ne!(peer.state("q"), held);
    peer.ok("KAFKA.PAUSE s");
    assert_eq!(peer.state("s").0, State::Paused, "a person's word counts");
    peer.ok("KAFKA.RESUME s");
    peer.shared("s").set_hold(None);
    assert_ne!(peer.state("s"), held);
}
