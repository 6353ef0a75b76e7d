//! Redis answers, but does not write: each for what it is, none of it counted as applied.

use super::faults::held;
use super::feed::{bench, on};
use redis_kafka_engine::applier::Applied;
use redis_kafka_tests::network::free_port;
use redis_kafka_tests::server::Setup;

#[test]
fn full_memory_is_waited_for() {
    let mut bench = bench().begun();
    bench.server.ok("CONFIG SET maxmemory 1");
    let applied = held(&mut bench, |server, hold| {
        assert!(hold.reason.contains("OOM"), "{hold:?}");
        assert!(hold.action.contains("maxmemory"), "{hold:?}");
        server.ok("CONFIG SET maxmemory 0");
    });
    assert_eq!(applied, Applied::Done);
    assert_eq!(bench.server.number("XLEN s"), 2);
}

#[test]
fn lacking_replicas_are_waited_for() {
    let mut bench = bench().begun();
    bench.server.ok("CONFIG SET min-replicas-to-write 1");
    let applied = held(&mut bench, |server, hold| {
        assert!(hold.reason.contains("NOREPLICAS"), "{hold:?}");
        server.ok("CONFIG SET min-replicas-to-write 0");
    });
    assert_eq!(applied, Applied::Done);
}

#[test]
fn a_replica_is_not_written_until_it_is_promoted() {
    let primary = Setup::plain().start();
    let mut bench = bench().begun();
    // A replica of a server that has nothing would lose the ledger: only its role is changed.
    bench.server.ok(&format!("CONFIG SET masterauth {}", "x".repeat(8)));
    bench.server.ok("CONFIG SET repl-timeout 3600");
    bench.server.ok("REPLICAOF 127.0.0.1 1");
    let applied = held(&mut bench, |server, hold| {
        assert!(hold.reason.contains("READONLY"), "{hold:?}");
        server.ok("REPLICAOF NO ONE");
    });
    assert_eq!(applied, Applied::Done);
    assert_eq!(bench.server.number("XLEN s"), 2);
    drop(primary);
}

#[test]
fn a_replica_without_its_primary_is_waited_for() {
    let mut bench = bench().begun();
    bench.server.ok("CONFIG SET replica-serve-stale-data no");
    bench.server.ok("REPLICAOF 127.0.0.1 1");
    let applied = held(&mut bench, |server, hold| {
        assert!(hold.reason.contains("MASTERDOWN"), "{hold:?}");
        server.ok("REPLICAOF NO ONE");
    });
    assert_eq!(applied, Applied::Done);
}

#[test]
fn a_server_that_cannot_save_is_waited_for() {
    let mut bench = bench().begun();
    bench.server.ok("CONFIG SET save \"3600 1\"");
    let directory = bench.server.directory().join("dump.rdb");
    std::fs::create_dir(&directory).expect("in the way of the dump");
    std::fs::write(directory.join("file"), "").expect("not empty");
    let _ = bench.server.try_line("BGSAVE");
    redis_kafka_tests::wait::wait_until(
        "a failed save",
        std::time::Duration::from_secs(20),
        || {
            bench.server.info_field("persistence", "rdb_last_bgsave_status").as_deref()
                == Some("err")
        },
    );
    let applied = held(&mut bench, |server, hold| {
        assert!(hold.reason.contains("MISCONF"), "{hold:?}");
        server.ok("CONFIG SET stop-writes-on-bgsave-error no");
    });
    assert_eq!(applied, Applied::Done);
}

#[test]
fn a_long_script_is_waited_for() {
    let mut bench = bench().begun();
    bench.server.ok("CONFIG SET busy-reply-threshold 10");
    let mut other = bench.server.connect(redis_kafka_tests::client::Protocol::Resp2);
    let script = std::thread::spawn(move || other.send(&["EVAL", "while true do end", "0"]));
    redis_kafka_tests::wait::wait_until(
        "a busy server",
        std::time::Duration::from_secs(10),
        || bench.server.try_line("PING").is_err_and(|error| error.starts_with("BUSY")),
    );
    let applied = held(&mut bench, |server, hold| {
        assert!(hold.reason.contains("BUSY"), "{hold:?}");
        server.ok("SCRIPT KILL");
    });
    assert_eq!(applied, Applied::Done);
    assert!(script.join().expect("no panic").is_err());
}

#[test]
fn a_wrong_password_is_waited_for_and_a_cluster_is_not() {
    let mut bench = bench().begun();
    bench.server.ok("CONFIG SET requirepass secret");
    bench.server.line("CLIENT KILL TYPE normal SKIPME yes");
    let applied = held(&mut bench, |server, hold| {
        assert!(hold.reason.contains("NOAUTH"), "{hold:?}");
        assert!(hold.action.contains("password"), "{hold:?}");
        server.ok("CONFIG SET requirepass \"\"");
    });
    assert_eq!(applied, Applied::Done);
    let mut bench = on(Setup::plain()
        .config("cluster-enabled", "yes")
        .config("cluster-port", &free_port().to_string())
        .start());
    let applied = bench.apply(1, |_, pen| pen.entry("s", "x"));
    let Applied::Failed(reason) = applied else { panic!("{applied:?}") };
    assert!(reason.contains("Redis Cluster"), "{reason}");
}
