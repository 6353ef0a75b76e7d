//! The ledger is made, compared exactly, and read back.

use super::feed::{Bench, Feed, LEDGER, bench};
use redis_kafka_engine::applier::{Applied, Applier};
use redis_kafka_engine::ledger::{LedgerFault, Standing};

fn fault(fault: LedgerFault) -> Applied {
    Applied::Ledger { partition: "t/0".into(), fault }
}

#[test]
fn the_first_unit_makes_the_ledger_and_the_next_ones_move_it() {
    let mut bench = bench();
    assert!(bench.applier.load("rides").expect("no ledger is no error").partitions.is_empty());
    let mut bench = bench.begun();
    assert_eq!(bench.server.hash("kafka:ledger:rides")["t/0"], "1700000000000 start=0");
    for _ in 0..3 {
        bench.done(2, |at, pen| pen.entry("s", &at.to_string()));
    }
    assert_eq!(bench.next(), "6");
    assert_eq!(bench.server.number("XLEN s"), 6);
    let positions = bench.applier.load("rides").expect("a ledger");
    let standing: Standing = positions.partitions[0].standing.clone().expect("a standing");
    assert_eq!((standing.next, standing.counters.applied), (6, 6));
    let names = bench.server.text("CLIENT LIST");
    assert!(names.contains("name=redis-kafka"), "{names}");
}

#[test]
fn a_ledger_that_stands_elsewhere_refuses_the_unit() {
    let mut bench = bench().begun();
    bench.done(2, |_, pen| pen.entry("s", "x"));
    bench.server.line(&format!("HSET {LEDGER} next 7"));
    let stale = Applied::Stale { partition: "t/0".into(), expected: 2, found: 7 };
    assert_eq!(bench.apply(1, |_, pen| pen.entry("s", "y")), stale);
    assert_eq!(bench.server.number("XLEN s"), 2);
    assert_eq!(bench.next(), "7");
}

#[test]
fn a_ledger_that_cannot_be_used_is_named() {
    let cases = [
        ("DEL", LedgerFault::Missing),
        ("HDEL next", LedgerFault::Field("next")),
        ("HSET next x", LedgerFault::Field("next")),
        ("SET", LedgerFault::WrongType),
    ];
    for (change, expected) in cases {
        let mut bench = bench().begun();
        let (command, rest) = change.split_once(' ').unwrap_or((change, ""));
        let value = if command == "SET" { "x" } else { rest };
        bench.server.line(format!("{command} {LEDGER} {value}").trim_end());
        assert_eq!(
            bench.apply(1, |_, pen| pen.entry("s", "x")),
            fault(expected.clone()),
            "{change}"
        );
        assert_eq!(bench.server.number("EXISTS s"), 0);
        let positions = bench.applier.load("rides").expect("a list");
        let loaded = positions.partitions[0].standing.clone().err();
        assert_eq!(loaded, Some(expected), "{change}");
    }
}

#[test]
fn a_ledger_that_nobody_lists_is_not_taken_over() {
    for change in [format!("HSET {LEDGER} next 5"), format!("HSET {LEDGER} other 5")] {
        let mut bench = bench();
        bench.server.line(&change);
        let mut unit = bench.feed.begin();
        let applied = bench.applier.apply(&mut unit, None);
        assert_eq!(applied, fault(LedgerFault::Unlisted), "{change}");
    }
}

#[test]
fn a_list_of_partitions_that_is_none_is_an_error_for_people() {
    let mut bench = bench();
    bench.server.line("SET kafka:ledger:rides x");
    let error = bench.applier.load("rides").expect_err("no list");
    assert!(error.contains("kafka:ledger:rides") && error.contains("WRONGTYPE"), "{error}");
}

#[test]
fn units_prepared_ahead_are_applied_in_one_round_trip_each() {
    let mut bench = bench().begun();
    let mut units: Vec<_> = (0..5)
        .map(|unit| bench.feed.unit(3, |at, pen| pen.entry("s", &format!("{unit}.{at}"))))
        .collect();
    let calls = |bench: &Bench| {
        ["watch", "hmget", "exec"].map(|command| {
            let stats = bench.server.info_field("commandstats", &format!("cmdstat_{command}"));
            let calls = stats.and_then(|it| it.split([',', '=']).nth(1).map(str::to_owned));
            calls.and_then(|calls| calls.parse::<i64>().ok()).expect("a number of calls")
        })
    };
    let before = calls(&bench);
    for at in 0..units.len() {
        let (now, later) = units.split_at_mut(at + 1);
        let applied = bench.applier.apply(&mut now[at], later.first());
        assert_eq!(applied, Applied::Done, "unit {at}");
    }
    let values: Vec<_> = bench.server.stream("s").into_iter().map(|it| it["v"].clone()).collect();
    let expected: Vec<_> =
        (0..5).flat_map(|unit| (0..3).map(move |at| format!("{unit}.{at}"))).collect();
    assert_eq!(values, expected);
    let after = calls(&bench);
    assert_eq!([0, 1, 2].map(|at| after[at] - before[at]), [5, 5, 5], "asked about once");
}

#[test]
fn what_was_prepared_for_one_unit_is_not_used_for_another() {
    let mut bench = bench().begun();
    let mut first = bench.feed.unit(1, |_, pen| pen.entry("s", "first"));
    let mut other = Feed::new();
    other.next = 1;
    let ahead = other.unit(2, |_, pen| pen.entry("s", "never"));
    assert_eq!(bench.applier.apply(&mut first, Some(&ahead)), Applied::Done);
    bench.done(1, |_, pen| pen.entry("s", "second"));
    assert_eq!(bench.next(), "2");
    assert_eq!(bench.server.number("XLEN s"), 2);
}
