//! Redis is away, or comes back another.

use super::feed::{Bench, bench, on, through};
use redis_kafka_engine::applier::{Applied, Applier};
use redis_kafka_engine::state::{State, Status};
use redis_kafka_engine::worker::Shared;
use redis_kafka_tests::proxy::{Proxy, Traffic};
use redis_kafka_tests::server::{Append, RedisServer, Setup};
use redis_kafka_tests::wait::wait_for;
use std::time::{Duration, Instant};

/// Ends a wait of the applier when its test fails: the scope would wait for it for ever.
struct Release<'s>(&'s Shared);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.change(|_| {});
        }
    }
}

/// Applies a unit while something is in the way; `mend` sees why it is held.
pub fn held(bench: &mut Bench, mend: impl FnOnce(&mut RedisServer, Status)) -> Applied {
    let mut unit = bench.feed.unit(2, |_, pen| pen.entry("s", "held"));
    let Bench { server, applier, shared, .. } = bench;
    let applied = std::thread::scope(|scope| {
        let applying = scope.spawn(|| applier.apply(&mut unit, None));
        let _release = Release(shared);
        let hold = wait_for("the hold", Duration::from_secs(20), || shared.hold().ok_or("none"));
        assert_eq!(hold.state, State::Waiting);
        assert!(!hold.action.is_empty());
        mend(server, hold);
        applying.join().expect("no panic")
    });
    assert_eq!(bench.shared.hold().is_some(), applied == Applied::Dropped);
    applied
}

#[test]
fn a_server_that_is_killed_is_waited_for() {
    let mut bench = on(Setup::plain().append(Append::Always).start()).begun();
    bench.done(2, |_, pen| pen.entry("s", "x"));
    bench.server.kill();
    let port = bench.server.port();
    let applied = held(&mut bench, |server, hold| {
        assert!(hold.reason.contains(&format!("Redis at 127.0.0.1:{port} is away")), "{hold:?}");
        server.start_again();
    });
    assert_eq!(applied, Applied::Done);
    assert_eq!(bench.server.number("XLEN s"), 4);
}

#[test]
fn a_server_that_lost_its_data_is_found_out() {
    let mut bench = bench().begun();
    bench.server.kill();
    let applied = held(&mut bench, |server, _| server.start_again());
    assert!(matches!(applied, Applied::Ledger { .. }), "{applied:?}");
}

#[test]
fn a_unit_is_dropped_once_its_generation_is_over() {
    let mut bench = bench().begun();
    bench.server.kill();
    let shared = bench.shared.clone();
    let applied = held(&mut bench, |server, _| {
        shared.change(|_| {});
        server.start_again();
    });
    assert_eq!(applied, Applied::Dropped);
}

#[test]
fn a_half_open_connection_is_noticed_in_bounded_time() {
    let server = Setup::plain().start();
    let proxy = Proxy::start(server.port());
    let mut bench = through(server, proxy.port()).begun();
    proxy.set(Traffic::Stall);
    let start = Instant::now();
    let applied = held(&mut bench, |_, hold| {
        assert!(hold.reason.contains("no answer for 2 s"), "{hold:?}");
        assert!(start.elapsed() < Duration::from_secs(8));
        proxy.set(Traffic::Pass);
    });
    assert_eq!(applied, Applied::Done);
    assert_eq!(bench.server.number("XLEN s"), 2, "what the stalled wire still carried is void");
}

#[test]
fn a_cut_wire_is_connected_anew() {
    let server = Setup::plain().start();
    let proxy = Proxy::start(server.port());
    let mut bench = through(server, proxy.port()).begun();
    for _ in 0..3 {
        proxy.set(Traffic::Cut);
        assert_eq!(held(&mut bench, |_, _| proxy.set(Traffic::Pass)), Applied::Done);
    }
    assert_eq!(bench.server.number("XLEN s"), 6);
}

#[test]
fn the_ledger_is_waited_for_as_well() {
    let mut bench = on(Setup::plain().append(Append::Always).start()).begun();
    bench.server.kill();
    let Bench { server, applier, shared, .. } = &mut bench;
    let loaded = std::thread::scope(|scope| {
        let loading = scope.spawn(|| applier.load("rides"));
        let _release = Release(shared);
        wait_for("the hold", Duration::from_secs(20), || shared.hold().ok_or("none"));
        server.start_again();
        loading.join().expect("no panic")
    });
    assert_eq!(loaded.expect("a ledger").partitions.len(), 1);
    assert_eq!(bench.shared.hold(), None);
}
