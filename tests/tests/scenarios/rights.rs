//! The load argument USER: every write is held to that ACL user's rights.

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::Load;
use redis_kafka_tests::server::{RedisServer, Setup};
use redis_kafka_tests::subject::Subject;

redis_kafka_tests::for_each_subject!(
    a_user_that_loses_its_rights_stops_the_subscription: not_sidecar "the user of --redis keeps the ledger as well; scenarios/sidecar.rs takes its rights away",
    a_route_the_user_may_not_write_is_refused: not_sidecar "the user of --redis keeps the ledger as well; scenarios/sidecar.rs takes its rights away",
);

fn setup(subject: Subject) -> Setup {
    subject.setup().module_args(&["USER", "writer"])
}

/// Stopped with NOPERM by one key of the user's, and with the ACL's way out.
fn stopped_without_rights(server: &RedisServer, words: &str) {
    let info = server.wait_state(SUBSCRIPTION, "stopped");
    assert!(info.reason.contains("NOPERM") && info.reason.contains("'writer'"), "{info:#?}");
    assert!(info.reason.contains(words), "'{words}' in {info:#?}");
    assert!(info.action.contains("ACL SETUSER"), "{info:#?}");
    assert!(info.action.contains(&format!("KAFKA.RESUME {SUBSCRIPTION}")), "{info:#?}");
    assert_eq!(info.counters.applied, info.counters.consumed, "{info:#?}");
}

fn a_user_that_loses_its_rights_stops_the_subscription(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("rights", 2);
    let server = setup(subject).start();
    server.ok("ACL SETUSER writer on nopass ~s:* ~h:* +@all");
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(40);
    oracle::check(&server, kafka, &load);
    for (taken, words) in [
        ("ACL SETUSER writer resetkeys ~s:*", "key 'h:k"),
        ("ACL SETUSER writer resetkeys ~s:* %R~h:*", "key 'h:k"),
        ("ACL DELUSER writer", "there is no ACL user"),
    ] {
        server.line(taken);
        load.send(40);
        stopped_without_rights(&server, words);
        // Nothing was granted, so it stops at the same record again.
        server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
        stopped_without_rights(&server, words);
        server.ok("ACL SETUSER writer on nopass ~s:* ~h:* +@all");
        server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
        oracle::check(&server, kafka, &load);
    }
}

fn a_route_the_user_may_not_write_is_refused(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("rights", 1);
    let server = setup(subject).start();
    let brokers = kafka.brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE {SUBSCRIPTION} TOPIC {topic} BROKERS {brokers} PAUSED"));
    let stream = format!("KAFKA.ROUTE every FROM {SUBSCRIPTION} TO STREAM \"s:%{{key}}\"");
    let hash = format!("KAFKA.ROUTE last FROM {SUBSCRIPTION} TO HASH \"h:%{{key}}\"");
    let error = server.refused(&stream);
    assert!(error.contains("there is no ACL user 'writer'"), "{error}");
    for keys in ["~s:*", "~s:* %R~h:*", "~s:* ~h:k0"] {
        server.ok(&format!("ACL SETUSER writer reset on nopass {keys} +@all"));
        server.ok(&stream);
        let error = server.refused(&hash);
        assert!(error.starts_with("ERR KAFKA.ROUTE: "), "{keys}: {error}");
        assert!(error.contains("user 'writer' may not write keys that start with 'h:'"), "{error}");
        assert!(error.contains("ACL SETUSER"), "{error}");
    }
    assert!(server.refused("KAFKA.INFO last").contains("last"), "nothing was stored");
    server.ok("ACL SETUSER writer ~h:*");
    server.ok(&hash);
}
