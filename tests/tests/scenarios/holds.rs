//! A server that is paused, full, unwritable, shutting down, flushed or
//! reloaded under load: alive, and right or stopped by name.

use std::time::Duration;

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::faults::{Dice, Scale};
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::{Background, Load};
use redis_kafka_tests::proxy::{Proxy, Traffic};
use redis_kafka_tests::server::{Append, RedisServer, Setup};
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::{elapse, wait_for, wait_until};

redis_kafka_tests::for_each_subject!(
    client_pause_write,
    shutdown_and_start,
    shutdown_that_waits_for_a_replica,
    debug_reload,
    memory_full_and_free_again,
    too_few_replicas,
    a_slow_replica: not_sidecar "a sidecar is a client like others: what Redis does about a slow replica is Redis's own",
    memory_full_under_an_evicting_policy,
    failed_snapshots,
    data_gone_under_load,
    ledger_deleted_under_load,
    list_of_partitions_deleted_under_load,
);

/// A server with the pipeline, and a load that runs.
fn loaded(setup: &Setup, stem: &str) -> (RedisServer, Background) {
    let kafka = Kafka::shared();
    let topic = kafka.topic(stem, 2);
    let server = setup.start();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(2000);
    server.wait_consumed(SUBSCRIPTION, 100);
    (server, load)
}

fn consumed(server: &RedisServer) -> i64 {
    server.subscription(SUBSCRIPTION).counters.consumed
}

/// What stands in Redis of each partition: a sidecar counts a unit a moment after Redis has taken it.
fn ledgers(server: &RedisServer) -> Vec<String> {
    let keys = server.keys(&format!("kafka:ledger:{SUBSCRIPTION}:*"));
    keys.iter().map(|key| server.text(&format!("HGET {key} next"))).collect()
}

fn client_pause_write(subject: Subject) {
    let (mut server, load) = loaded(&subject.setup().append(Append::Everysec), "pause");
    let mut dice = Dice::new();
    for _ in 0..Scale::from_env().pick(3, 30) {
        server.ok("CLIENT PAUSE 60000 WRITE");
        let paused = ledgers(&server);
        elapse(dice.millis(50..=200));
        assert_eq!(ledgers(&server), paused, "nothing is written while writes are paused");
        server.ok("CLIENT UNPAUSE");
        let before = consumed(&server);
        server.wait_consumed(SUBSCRIPTION, before + 200);
    }
    oracle::check(&server, Kafka::shared(), &load.stop());
    assert!(server.is_alive());
}

fn shutdown_and_start(subject: Subject) {
    let (mut server, load) = loaded(&subject.setup().append(Append::Everysec), "shutdown");
    let mut dice = Dice::new();
    for _ in 0..Scale::from_env().pick(3, 30) {
        elapse(dice.millis(0..=200));
        let _ = server.try_line("SHUTDOWN");
        assert!(server.wait_ended(), "a clean end");
        server.start_again();
        let before = consumed(&server);
        server.wait_consumed(SUBSCRIPTION, before + 100);
    }
    oracle::check(&server, Kafka::shared(), &load.stop());
}

fn shutdown_that_waits_for_a_replica(subject: Subject) {
    let setup = subject.setup().append(Append::Everysec).config("shutdown-timeout", "2");
    let (mut server, load) = loaded(&setup, "shutdown-wait");
    let link = Proxy::start(server.port());
    let replica = setup.clone().replica_of(link.port()).start();
    replica.wait_linked();
    link.set(Traffic::Stall);
    // Without a write since, the replica lags behind nothing.
    server.wait_consumed(SUBSCRIPTION, consumed(&server) + 1);
    let _ = server.try_line("SHUTDOWN");
    assert!(server.wait_ended(), "a clean end");
    assert!(
        server.log().contains("lagging replicas") || server.log().contains("Waiting for replicas")
    );
    server.start_again();
    oracle::check(&server, Kafka::shared(), &load.stop());
}

fn debug_reload(subject: Subject) {
    let (mut server, load) = loaded(&subject.setup().append(Append::Everysec), "reload");
    for _ in 0..Scale::from_env().pick(3, 30) {
        let before = consumed(&server);
        server.wait_consumed(SUBSCRIPTION, before + 200);
        server.ok("DEBUG RELOAD");
    }
    oracle::check(&server, Kafka::shared(), &load.stop());
    assert!(server.is_alive());
}

/// noeviction: holds before Redis is full, never beyond a unit above, and goes
/// on when there is room.
fn memory_full_and_free_again(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("memory", 2);
    let server = subject.setup_of_units(64).start();
    oracle::declare(&server, kafka, &topic, "");
    let used = |server: &RedisServer| -> i64 {
        server
            .info_field("memory", "used_memory")
            .and_then(|m| m.parse().ok())
            .expect("used_memory")
    };
    let limit = used(&server) + 2 * 1024 * 1024;
    server.ok(&format!("CONFIG SET maxmemory {limit}"));
    let mut load = Load::new(kafka, &topic);
    load.send(100_000);
    let info = server.wait_state(SUBSCRIPTION, "waiting");
    assert!(info.reason.contains("memory"), "{info:#?}");
    assert!(used(&server) <= limit + 1024 * 1024, "{} of {limit}", used(&server));
    assert!(info.counters.consumed < 100_000);
    server.ok("CONFIG SET maxmemory 0");
    oracle::check(&server, kafka, &load);
}

fn too_few_replicas(subject: Subject) {
    let (server, load) = loaded(&subject.setup(), "min-replicas");
    server.ok("CONFIG SET min-replicas-to-write 1");
    let info = server.wait_state(SUBSCRIPTION, "waiting");
    assert!(info.reason.contains("replica"), "{info:#?}");
    server.ok("CONFIG SET min-replicas-to-write 0");
    oracle::check(&server, Kafka::shared(), &load.stop());
}

/// Writing on would make Redis drop the replica; the subscription waits for it.
fn a_slow_replica(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("slow-replica", 2);
    let limit = "replica 8mb 8mb 0";
    let setup = subject.setup_of_units(64).config("client-output-buffer-limit", limit);
    let server = setup.start();
    let link = Proxy::start(server.port());
    let replica = setup.clone().replica_of(link.port()).start();
    replica.wait_linked();
    oracle::declare(&server, kafka, &topic, "");
    link.set(Traffic::Stall);
    let mut load = Load::new(kafka, &topic);
    load.send(150_000);
    let info = server.wait_state(SUBSCRIPTION, "waiting");
    assert!(info.reason.contains("replica"), "{info:#?}");
    link.set(Traffic::Pass);
    oracle::check(&server, kafka, &load);
    replica.wait_equal(&server);
    assert!(!server.log().contains("output buffer limits"), "the replica was never dropped");
}

/// Eviction makes room (background writes do not start it by themselves), and
/// the ledger has no TTL, so that a volatile policy spares it.
fn memory_full_under_an_evicting_policy(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("evicting", 2);
    let server = subject.setup_of_units(64).start();
    for n in 0..300 {
        server.line(&format!("SET cached:{n} {} EX 3600", "x".repeat(10_000)));
    }
    let used: i64 = server
        .info_field("memory", "used_memory")
        .and_then(|m| m.parse().ok())
        .expect("used_memory");
    server.ok("CONFIG SET maxmemory-policy volatile-lru");
    server.ok(&format!("CONFIG SET maxmemory {}", used + 1024 * 1024));
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(20_000);
    oracle::check(&server, kafka, &load);
    assert!(server.keys("cached:*").len() < 300, "some were evicted");
}

/// MISCONF: Redis refuses writes since a snapshot failed.
fn failed_snapshots(subject: Subject) {
    let (server, load) = loaded(
        &subject.setup().config("save", "3600 1").config("enable-protected-configs", "yes"),
        "misconf",
    );
    let gone = server.directory().join("gone");
    std::fs::create_dir(&gone).expect("create a directory");
    server.ok(&format!("CONFIG SET dir {}", gone.display()));
    std::fs::remove_dir(&gone).expect("remove it");
    server.line("BGSAVE");
    wait_until("the snapshot to fail", Duration::from_secs(20), || {
        let status = server.info_field("persistence", "rdb_last_bgsave_status");
        status.as_deref() == Some("err")
    });
    let info = server.wait_state(SUBSCRIPTION, "waiting");
    assert!(info.reason.contains("MISCONF") || info.reason.contains("disk"), "{info:#?}");
    server.ok(&format!("CONFIG SET dir {}", server.directory().display()));
    server.ok("SAVE");
    oracle::check(&server, Kafka::shared(), &load.stop());
}

/// Definitions and ledger go with the data: nothing may be consumed on as if
/// nothing had happened.
fn data_gone_under_load(subject: Subject) {
    for gone in ["FLUSHALL", "FLUSHALL ASYNC", "FLUSHDB", "SWAPDB 0 1"] {
        let (mut server, load) = loaded(&subject.setup().append(Append::Everysec), "gone");
        server.ok(gone);
        let what = "the subscription to stop or be gone";
        let seen = wait_for(what, Duration::from_secs(20), || {
            match server.try_line(&format!("KAFKA.INFO {SUBSCRIPTION}")) {
                Err(error) => Ok(error),
                Ok(_) => {
                    let info = server.subscription(SUBSCRIPTION);
                    if info.state == "stopped" { Ok(info.reason) } else { Err(info.state) }
                }
            }
        });
        assert!(
            ["ledger", "definition", SUBSCRIPTION].iter().any(|word| seen.contains(word)),
            "{gone}: {seen}"
        );
        drop(load);
        assert_eq!(server.keys("[sh]:*"), [""; 0], "nothing is written after {gone}");
        assert!(server.is_alive());
    }
}

fn ledger_deleted_under_load(subject: Subject) {
    for lost in ["DEL {p}", "DEL {p} {l}", "RENAME {p} elsewhere", "HDEL {p} next"] {
        let (mut server, load) = loaded(&subject.setup(), "ledger");
        let parts = server.keys(&format!("kafka:ledger:{SUBSCRIPTION}:*"));
        let ledger = format!("kafka:ledger:{SUBSCRIPTION}");
        server.line(&lost.replace("{p}", &parts[0]).replace("{l}", &ledger));
        println!("{lost}");
        let info = server.wait_state(SUBSCRIPTION, "stopped");
        assert!(info.reason.contains("ledger"), "{lost}: {info:#?}");
        assert!(!info.action.is_empty(), "{lost}: {info:#?}");
        drop(load);
        assert!(server.is_alive());
    }
}

/// The offsets themselves are there: it may go on, and after a restart it may
/// stop for a person, but it must not start anew.
fn list_of_partitions_deleted_under_load(subject: Subject) {
    let (mut server, load) = loaded(&subject.setup().append(Append::Always), "list");
    server.line(&format!("DEL kafka:ledger:{SUBSCRIPTION}"));
    let load = load.stop();
    server.kill_and_start();
    let settled = wait_for("it to stop or to come to the end", Duration::from_secs(30), || {
        let info = server.subscription(SUBSCRIPTION);
        let done = info.state == "stopped" || info.counters.consumed == load.sent() as i64;
        if done { Ok(info) } else { Err(Box::new(info)) }
    });
    if settled.state == "stopped" {
        assert!(settled.reason.contains("ledger"), "{settled:#?}");
    } else {
        oracle::check(&server, Kafka::shared(), &load);
    }
}
