//! A panic in any callback leaves the server up and the counts right
//! (`KAFKA.PANIC` of the module built with the feature `panic-injection`).

use std::time::Duration;

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::client::Protocol;
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::Load;
use redis_kafka_tests::reply::text;
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
    assert!(server.log().contains(&format!("injected into {callback}")), "{callback}");
    assert_eq!(server.text("PING"), "PONG", "after a panic in {callback}");
}

/// A server of [`setup`] with the pipeline, and records it has applied.
fn running() -> (RedisServer, Load) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("panics", 2);
    let server = setup().append(Append::Everysec).start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(40);
    oracle::check(&server, kafka, &load);
    (server, load)
}

/// More records are applied, each of them once.
fn goes_on(server: &mut RedisServer, load: &mut Load) {
    load.send(40);
    oracle::check(server, Kafka::shared(), load);
    assert!(server.is_alive());
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

#[test]
fn a_panic_while_the_data_set_changes() {
    let (mut server, mut load) = running();
    panic_in(&server, "change", || {
        server.ok("DEBUG RELOAD");
    });
    goes_on(&mut server, &mut load);
    panic_in(&server, "change", || {
        server.ok("FLUSHDB");
    });
    let info = server.wait_state(SUBSCRIPTION, "stopped");
    assert!(info.reason.contains("definition is gone"), "{info:#?}");
    server.ok(&format!("KAFKA.UNSUBSCRIBE {SUBSCRIPTION}"));
    oracle::declare(&server, Kafka::shared(), load.topic(), "");
    goes_on(&mut server, &mut load);
}

#[test]
fn a_panic_when_a_key_is_deleted() {
    let (mut server, mut load) = running();
    server.ok("SET passing 1");
    panic_in(&server, "key", || {
        assert_eq!(server.number("DEL passing"), 1);
    });
    goes_on(&mut server, &mut load);
}

#[test]
fn a_panic_when_a_waiting_client_goes_away() {
    let (mut server, mut load) = running();
    // Nothing can be applied now, so that the WAIT has to block.
    server.ok("CLIENT PAUSE 60000 WRITE");
    load.send(40);
    let mut client = server.connect(Protocol::Resp3);
    let id = text(&client.line("CLIENT ID").expect("CLIENT ID"));
    let waiting =
        std::thread::spawn(move || client.line(&format!("KAFKA.WAIT {SUBSCRIPTION} 30000")));
    wait_until("the client to block", Duration::from_secs(20), || {
        server.info_field("clients", "blocked_clients").as_deref() == Some("1")
    });
    panic_in(&server, "disconnect", || {
        assert_eq!(server.number(&format!("CLIENT KILL ID {id}")), 1);
    });
    assert!(waiting.join().expect("the waiting client").is_err(), "it was killed");
    server.ok("CLIENT UNPAUSE");
    goes_on(&mut server, &mut load);
}

#[test]
fn a_panic_at_shutdown_ends_the_server_cleanly() {
    let (mut server, mut load) = running();
    server.ok("KAFKA.PANIC shutdown");
    let _ = server.try_line("SHUTDOWN NOSAVE");
    assert!(server.wait_ended(), "a clean end");
    assert!(server.log().contains("injected into shutdown"), "{}", server.log());
    server.start_again();
    goes_on(&mut server, &mut load);
}

#[test]
fn a_panic_in_a_worker_stops_its_subscription() {
    let (mut server, mut load) = running();
    panic_in(&server, "worker", || {
        load.send(40);
    });
    let info = server.wait_state(SUBSCRIPTION, "stopped");
    assert!(!info.reason.is_empty(), "{info:#?}");
    assert!(info.action.contains(&format!("KAFKA.RESUME {SUBSCRIPTION}")), "{info:#?}");
    assert_eq!(server.listed(SUBSCRIPTION, "state"), "stopped");
    assert!(server.refused(&format!("KAFKA.WAIT {SUBSCRIPTION} 5000")).contains("stopped"));
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    goes_on(&mut server, &mut load);
}
