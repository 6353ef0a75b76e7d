//! A panic in any callback leaves the server up and the counts right
//! (`KAFKA.PANIC` of the module built with the feature `panic-injection`).

use std::time::Duration;

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::Load;
use redis_kafka_tests::server::{Append, RedisServer, Setup};
use redis_kafka_tests::subject::panicking_module;
use redis_kafka_tests::wait::wait_until;

fn setup() -> Setup {
    Setup::plain().module(&panicking_module(), &["PROPAGATE", "units", "UNIT", "4"])
}

/// Arms a panic, makes the callback run, and waits until it went off.
fn panic_in(server: &RedisServer, callback: &str, trigger: impl FnOnce()) {
    let seen = server.log().matches("injected into").count();
    server.ok(&format!("KAFKA.PANIC {callback}"));
    trigger();
    wait_until(&format!("the panic in {callback}"), Duration::from_secs(20), || {
        server.log().matches("injected into").count() > seen
    });
    assert_eq!(server.text("PING"), "PONG", "after a panic in {callback}");
}

#[test]
fn a_panic_in_a_callback_leaves_the_server_up() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("panics", 2);
    let mut server = setup().append(Append::Everysec).start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    panic_in(&server, "command", || {
        let error = server.refused("KAFKA.LIST");
        assert!(error.starts_with("ERR"), "{error}");
    });
    panic_in(&server, "info", || {
        server.line("INFO kafka");
    });
    for callback in ["apply", "oneshot"] {
        panic_in(&server, callback, || {
            load.send(40);
        });
        go_on(&server);
        oracle::check(&server, kafka, &load);
    }
    panic_in(&server, "event", || {
        server.line("DEBUG RELOAD");
    });
    panic_in(&server, "timer", || {
        server.ok("CONFIG SET min-replicas-to-write 1");
        load.send(40);
    });
    server.ok("CONFIG SET min-replicas-to-write 0");
    go_on(&server);
    oracle::check(&server, kafka, &load);
    assert!(server.is_alive());
}

/// A panic may stop the subscription by name; a person resumes it.
fn go_on(server: &RedisServer) {
    if server.subscription(SUBSCRIPTION).state == "stopped" {
        server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    }
}

#[test]
fn a_panic_while_a_replica_replays_leaves_it_up() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("panics", 1);
    let primary = setup().start();
    let mut replica = setup().replica_of(primary.port()).start();
    replica.wait_linked();
    oracle::declare(&primary, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    panic_in(&replica, "replay", || {
        load.send(40);
    });
    oracle::check(&primary, kafka, &load);
    assert!(replica.is_alive());
}
