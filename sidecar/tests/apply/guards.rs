//! What others do between the questions and the transaction.

use super::feed::{Bench, LEDGER, Pen, bench, records};
use redis_kafka_engine::applier::{Applied, Applier};
use redis_kafka_engine::unit::{EntryTime, FieldsWrite};
use redis_kafka_tests::wait::elapse;
use std::time::Duration;

/// Applies a unit; the next one, which was prepared with it, comes back.
fn prepared(
    bench: &mut Bench,
    write: impl Fn(usize, &mut Pen<'_>),
) -> redis_kafka_engine::unit::Unit {
    let mut first = bench.feed.unit(1, |_, pen| pen.entry("before", "x"));
    let second = bench.feed.unit(2, write);
    assert_eq!(bench.applier.apply(&mut first, Some(&second)), Applied::Done);
    second
}

#[test]
fn a_table_that_others_change_is_read_again() {
    let mut bench = bench().begun();
    let mut unit = prepared(&mut bench, |_, pen| pen.count("table"));
    bench.server.line("HSET table n 100");
    assert_eq!(bench.applier.apply(&mut unit, None), Applied::Done);
    assert_eq!(bench.server.hash("table")["n"], "102");
}

#[test]
fn a_stream_that_others_fill_still_gets_ids_that_rise() {
    let mut bench = bench().begun();
    let mut unit = prepared(&mut bench, |_, pen| {
        pen.fields("s", FieldsWrite::StreamAdd(EntryTime::NotBefore(7)), &[("v", "ours")]);
    });
    bench.server.line("XADD s 9-0 v theirs");
    assert_eq!(bench.applier.apply(&mut unit, None), Applied::Done);
    assert_eq!(bench.server.number("XLEN s"), 3);
}

#[test]
fn a_ledger_that_others_move_makes_the_unit_stale() {
    let mut bench = bench().begun();
    let mut unit = prepared(&mut bench, |_, pen| pen.entry("s", "x"));
    bench.server.line(&format!("HSET {LEDGER} next 3"));
    let stale = Applied::Stale { partition: "t/0".into(), expected: 1, found: 3 };
    assert_eq!(bench.applier.apply(&mut unit, None), stale, "also where it would have ended");
    assert_eq!(bench.server.number("EXISTS s"), 0);
    bench.server.line(&format!("HSET {LEDGER} next 1"));
    assert_eq!(bench.applier.apply(&mut unit, None), Applied::Done);
    assert_eq!(bench.server.number("XLEN s"), 2);
}

/// Keys are taken for what they were only while unit follows unit.
#[test]
fn a_key_that_was_written_is_asked_for_again_once_units_come_one_by_one() {
    let mut bench = bench().begun();
    let mut units: Vec<_> =
        (0..4).map(|_| bench.feed.unit(2, |at, pen| pen.entry(&format!("k:{at}"), "x"))).collect();
    for at in 0..units.len() {
        let (now, later) = units.split_at_mut(at + 1);
        assert_eq!(bench.applier.apply(&mut now[at], later.first()), Applied::Done);
    }
    bench.server.line("DEL k:1");
    bench.server.line("SET k:1 taken");
    // Longer than units that follow each other are apart.
    elapse(Duration::from_millis(10));
    let applied = bench.apply(2, |at, pen| pen.entry(&format!("k:{at}"), "x"));
    assert!(matches!(applied, Applied::Clash(_)), "{applied:?}");
    assert_eq!(records(&applied), [1]);
    assert_eq!(bench.server.number("XLEN k:0"), 4);
}

#[test]
fn a_type_that_changes_too_late_is_told_by_name_and_the_rest_is_written() {
    let mut bench = bench().begun();
    let mut unit = prepared(&mut bench, |at, pen| pen.entry(&format!("k:{at}"), "x"));
    bench.server.line("SET k:1 taken");
    let applied = bench.applier.apply(&mut unit, None);
    assert!(matches!(applied, Applied::PartlyRefused(_)), "{applied:?}");
    assert_eq!(records(&applied), [1]);
    assert_eq!((bench.server.number("XLEN k:0"), bench.next().as_str()), (1, "3"));
}
