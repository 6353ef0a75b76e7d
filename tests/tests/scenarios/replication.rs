//! Replicas: promotion with lag and back, AOFs of their own, sub-replicas.

use std::time::Duration;

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::faults::Scale;
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::{Load, send_texts};
use redis_kafka_tests::proxy::{Proxy, Traffic};
use redis_kafka_tests::reply::{items, text};
use redis_kafka_tests::server::{Append, RedisServer};
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::{wait_for, wait_until};

redis_kafka_tests::for_each_subject!(
    a_lagging_replica_is_promoted_and_the_old_primary_back,
    replicas_and_their_aofs_equal_the_primary,
    failover_there_and_back,
    dead_letters_are_shown_on_a_replica_and_replayed_by_the_primary,
    both_sides_of_a_split_consume: not_sidecar "two sidecars are two members of one consumer group, which share the partitions",
);

fn consumed(server: &RedisServer) -> i64 {
    server.subscription(SUBSCRIPTION).counters.consumed
}

fn a_lagging_replica_is_promoted_and_the_old_primary_back(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("lagging", 2);
    let setup = subject.setup().append(Append::Everysec);
    let mut old = setup.start();
    let link = Proxy::start(old.port());
    oracle::declare(&old, kafka, &topic, "");
    let new = setup.clone().replica_of(link.port()).start();
    new.wait_linked();
    let load = Load::new(kafka, &topic).start(2000);
    old.wait_consumed(SUBSCRIPTION, 500);
    new.wait_defined_as(&old);
    assert_eq!(new.wait_state(SUBSCRIPTION, "standby").state, "standby");

    link.set(Traffic::Stall);
    let stalled = consumed(&old);
    old.wait_consumed(SUBSCRIPTION, stalled + 2000);
    old.kill();
    link.set(Traffic::Cut);
    let kept = consumed(&new);
    assert!(kept < stalled + 2000, "the replica lags: {kept} of {stalled} + 2000");
    new.ok("REPLICAOF NO ONE");
    new.wait_consumed(SUBSCRIPTION, stalled + 3000);

    // Back with its own, longer history, which is now another one.
    old.start_with(setup.clone().replica_of(new.port()));
    old.wait_linked();
    let there = consumed(&new);
    new.wait_consumed(SUBSCRIPTION, there + 500);
    old.ok("REPLICAOF NO ONE");
    new.ok(&format!("REPLICAOF 127.0.0.1 {}", old.port()));
    let load = load.stop();
    oracle::check(&old, kafka, &load);
    new.wait_linked();
    new.wait_equal(&old);
    oracle::check_data(&new, &load);
}

fn replicas_and_their_aofs_equal_the_primary(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("replicas", 2);
    let setup = subject.setup().append(Append::Everysec);
    let primary = setup.start();
    let mut replica = setup.clone().replica_of(primary.port()).start();
    replica.wait_linked();
    let mut below = setup.clone().replica_of(replica.port()).start();
    below.wait_linked();
    oracle::declare(&primary, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(4000);
    oracle::check(&primary, kafka, &load);
    replica.wait_equal(&primary);
    below.wait_equal(&primary);
    oracle::check_data(&below, &load);

    // From its own AOF, with nobody to copy from: the file holds it all.
    let digests = primary.digests();
    drop(primary);
    for server in [&mut below, &mut replica] {
        server.kill();
        server.start_with(setup.clone());
        server.wait_applied(SUBSCRIPTION);
        assert_eq!(server.digests(), digests);
    }
}

fn failover_there_and_back(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("failover", 2);
    let setup = subject.setup().append(Append::Everysec);
    let mut primary = setup.start();
    let mut replica = setup.clone().replica_of(primary.port()).start();
    replica.wait_linked();
    oracle::declare(&primary, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(2000);
    for _ in 0..Scale::from_env().pick(2, 25) {
        let before = consumed(&primary);
        primary.wait_consumed(SUBSCRIPTION, before + 500);
        primary.ok("FAILOVER");
        wait_role(&replica, "master");
        wait_role(&primary, "slave");
        primary.wait_linked();
        std::mem::swap(&mut primary, &mut replica);
    }
    let load = load.stop();
    oracle::check(&primary, kafka, &load);
    replica.wait_equal(&primary);
    assert!(primary.is_alive() && replica.is_alive());
}

/// A replica shows them; what takes them out is refused there, until it is the primary.
fn dead_letters_are_shown_on_a_replica_and_replayed_by_the_primary(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("letters-replica", 1);
    let setup = subject.setup();
    let mut primary = setup.start();
    let replica = setup.clone().replica_of(primary.port()).start();
    replica.wait_linked();
    oracle::declare(&primary, kafka, &topic, "ONERROR DEADLETTER");
    send_texts(kafka, &topic, &[r#"{"seq":0}"#, r#"{"seq":1,"key":"k"}"#, "{not json"]);
    primary.wait_applied(SUBSCRIPTION);
    replica.wait_equal(&primary);
    replica.wait_state(SUBSCRIPTION, "standby");
    let show = format!("KAFKA.DEADLETTERS {SUBSCRIPTION}");
    let shown = primary.line(&show);
    assert!(text(&items(&shown)[0]).starts_with("2 dead letters of 'rides'"), "{shown:?}");
    assert_eq!(items(&shown).len(), 3, "{shown:?}");
    assert_eq!(replica.line(&show), shown);
    let counted = format!("{show} COUNT 1");
    assert_eq!(replica.line(&counted), primary.line(&counted));

    let replay = format!("KAFKA.REPLAY {SUBSCRIPTION}");
    let error = replica.refused(&replay);
    let words = match subject {
        // Redis says so itself, in the words that clients of replicas know.
        Subject::ModuleUnits | Subject::ModuleCommands => "READONLY",
        Subject::Sidecar => "stands by: a replica: the primary consumes; give the command to",
    };
    assert!(error.contains(words), "{error}");
    assert_eq!(replica.line(&show), shown, "they are as they were");

    primary.kill();
    replica.ok("REPLICAOF NO ONE");
    // Among sidecars the one that was killed is given up first.
    wait_for("the promoted replica to consume", Duration::from_secs(60), || {
        let info = replica.subscription(SUBSCRIPTION);
        if info.state == "running" { Ok(()) } else { Err(Box::new(info)) }
    });
    for route in [
        r#"every REPLACE FROM rides TO STREAM "s:%{coalesce(key, 'none')}""#,
        r#"last REPLACE FROM rides TO HASH "h:%{coalesce(key, 'none')}""#,
    ] {
        replica.ok(&format!("KAFKA.ROUTE {route}"));
    }
    let reply = replica.ok(&replay);
    assert!(reply.starts_with("OK 1 replayed, 1 failed again: "), "{reply}");
    assert_eq!(replica.hash("h:none").get("seq").map(String::as_str), Some("0"));
    assert_eq!(items(&replica.line(&show)).len(), 2);
}

/// The old primary goes on consuming beside the promoted replica; when it is
/// demoted its history goes, and the surviving one is whole.
fn both_sides_of_a_split_consume(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("split", 2);
    let setup = subject.setup().append(Append::Everysec);
    let old = setup.start();
    let new = setup.clone().replica_of(old.port()).start();
    new.wait_linked();
    oracle::declare(&old, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(2000);
    old.wait_consumed(SUBSCRIPTION, 500);
    new.wait_defined_as(&old);
    new.ok("REPLICAOF NO ONE");
    let split = consumed(&old);
    for server in [&old, &new] {
        server.wait_consumed(SUBSCRIPTION, split + 1000);
    }
    old.ok(&format!("REPLICAOF 127.0.0.1 {}", new.port()));
    let load = load.stop();
    oracle::check(&new, kafka, &load);
    old.wait_linked();
    old.wait_equal(&new);
}

pub fn wait_role(server: &RedisServer, role: &str) {
    wait_until(&format!("role {role}"), Duration::from_secs(30), || {
        server.info_field("replication", "role").as_deref() == Some(role)
    });
}
