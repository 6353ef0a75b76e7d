//! Commands that ask Kafka: where they ask, and who may wait.

use super::{Peer, Redis, Role};
use crate::control::Reply;
use crate::kafka::Profiles;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// A broker that is not there.
const NOWHERE: &str = "BROKERS 127.0.0.1:1";

#[test]
fn so_many_run_at_once_and_no_more() {
    let mut peer = Peer::alone();
    for _ in 0..8 {
        assert_eq!(peer.run(&format!("KAFKA.TOPICS {NOWHERE}")), None);
    }
    assert_eq!(
        peer.text(&format!("KAFKA.TOPICS {NOWHERE}")),
        "ERR KAFKA.TOPICS: 8 commands ask Kafka already; try again in a moment"
    );
    assert_eq!(peer.host.looks_after, [Duration::from_secs(10); 8]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while peer.answers().len() < 8 {
        assert!(Instant::now() < deadline, "{:?}", peer.answers());
        std::thread::sleep(Duration::from_millis(20));
    }
    for reply in peer.answers() {
        let Reply::Error(error) = reply else { panic!("{reply:?}") };
        assert!(error.starts_with("ERR KAFKA.TOPICS: no answer from Kafka: "), "{error}");
    }
    // Those that have ended make room.
    assert_eq!(peer.run(&format!("KAFKA.TOPICS {NOWHERE}")), None);
}

#[test]
fn nobody_waits_in_a_transaction() {
    let mut peer = Peer::alone();
    peer.subscribe("s");
    peer.host.cannot_wait = Some("not allowed inside MULTI or a script".to_owned());
    for line in [
        format!("KAFKA.TOPICS {NOWHERE}"),
        format!("KAFKA.PEEK t {NOWHERE}"),
        format!("KAFKA.PRODUCE t {NOWHERE} v"),
        "KAFKA.PREVIEW FROM s".to_owned(),
    ] {
        let command = line.split(' ').next().unwrap();
        let refused = "not allowed inside MULTI or a script: it asks the broker";
        assert_eq!(peer.text(&line), format!("ERR {command}: {refused}"));
    }
}

#[test]
fn a_replica_may_look_and_a_cluster_may_not() {
    let mut peer = Peer::of(&std::rc::Rc::new(std::cell::RefCell::new(Redis::default())));
    peer.host.role = Role::StandsBy("a replica".to_owned());
    assert_eq!(peer.run(&format!("KAFKA.PEEK t {NOWHERE}")), None);
    peer.host.role = Role::Refuses("Redis Cluster is not supported yet".to_owned());
    let refused = peer.text(&format!("KAFKA.PEEK t {NOWHERE}"));
    assert_eq!(refused, "ERR KAFKA.PEEK: Redis Cluster is not supported yet");
}

#[test]
fn a_profile_that_has_brokers_may_be_the_only_cluster() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = "[cloud]\nbootstrap.servers = \"127.0.0.1:1\"\n\
                [schemas]\nschema.registry.url = \"http://127.0.0.1:2\"\n";
    file.write_all(text.as_bytes()).unwrap();
    let mut peer = Peer::alone();
    peer.registry.config.profiles = Profiles::read(file.path()).unwrap();
    assert_eq!(peer.run("KAFKA.TOPICS"), None);
    let refused = peer.text("KAFKA.TOPICS CONNECTION clout");
    assert_eq!(refused, "ERR KAFKA.TOPICS: no connection profile 'clout'; did you mean 'cloud'?");
    peer.subscribe("s");
    let refused = peer.text("KAFKA.TOPICS");
    assert_eq!(
        refused,
        "ERR KAFKA.TOPICS: which Kafka cluster? there are CONNECTION cloud and BROKERS \
         127.0.0.1:1; add ON subscription, CONNECTION profile or BROKERS host:port"
    );
    assert_eq!(peer.run("KAFKA.TOPICS ON s"), None);
}

#[test]
fn a_preview_is_refused_for_what_its_route_would_be() {
    let mut peer = Peer::alone();
    peer.subscribe("s");
    for (line, problem) in [
        ("FROM t", "no subscription named 't'; did you mean s?"),
        ("FROM s TO JSON k", "this server has no JSON.SET"),
        ("FROM s WHERE \"_op = 'c'\"", "WHERE: _op, _before and _source are of change events"),
        ("FROM s TO TOPIC t", "'s' reads topic 't' itself"),
        ("FROM s SELECT \"count() AS n\"", "count"),
    ] {
        let refused = peer.text(&format!("KAFKA.PREVIEW {line}"));
        assert!(refused.starts_with("ERR KAFKA.PREVIEW: "), "{refused}");
        assert!(refused.contains(problem), "{line}: {refused}");
    }
}
