//! Writes that Redis would refuse are found by record, before the first write of their unit.

use super::feed::{Bench, Pen, bench, records};
use redis_kafka_engine::applier::Applied;
use redis_kafka_engine::unit::{EntryTime, FieldsWrite, GroupKind, PlainWrite};

/// A write of each kind to a key of that name.
fn write(kind: GroupKind, key: &str, pen: &mut Pen<'_>) {
    match kind {
        GroupKind::Stream => pen.entry(key, "x"),
        GroupKind::Hash => pen.merge(key, &[("f", "x")]),
        GroupKind::Undecided => pen.count(key),
        GroupKind::String => pen.plain(kind, key, PlainWrite::Whole(b"x")),
        GroupKind::Set => pen.plain(kind, key, PlainWrite::Add(b"x")),
        GroupKind::SortedSet => pen.plain(kind, key, PlainWrite::Score(1.0, b"x")),
        GroupKind::Geo => pen.plain(kind, key, PlainWrite::Place(1.0, 1.0, b"x")),
        _ => pen.plain(
            GroupKind::List,
            key,
            PlainWrite::Push(redis_kafka_engine::unit::End::Left, b"x"),
        ),
    }
}

const KINDS: [GroupKind; 8] = [
    GroupKind::Stream,
    GroupKind::Hash,
    GroupKind::Undecided,
    GroupKind::String,
    GroupKind::Set,
    GroupKind::SortedSet,
    GroupKind::Geo,
    GroupKind::List,
];

fn problem(applied: &Applied) -> &str {
    match applied {
        Applied::Clash(clashes) | Applied::PartlyRefused(clashes) => &clashes[0].problem,
        other => panic!("no clash: {other:?}"),
    }
}

fn nothing_was_written(bench: &Bench, next: &str) {
    assert_eq!(bench.next(), next);
    let keys = bench.server.keys("k:*");
    assert_eq!(keys, ["k:1"], "nothing else");
}

#[test]
fn a_key_of_another_type_is_named_with_its_records() {
    for kind in KINDS {
        let mut bench = bench().begun();
        let taken = if kind == GroupKind::String { "SADD" } else { "SET" };
        bench.server.line(&format!("{taken} k:1 taken"));
        let applied = bench.apply(4, |at, pen| write(kind, &format!("k:{}", at % 3), pen));
        assert_eq!(records(&applied), [1], "{kind:?}");
        let said = problem(&applied);
        let name = kind.type_name().expect("a type");
        assert_eq!(said, format!("WRONGTYPE key 'k:1' is no {name}"));
        nothing_was_written(&bench, "0");
        // Prepared ahead, it is found as well.
        bench.feed.next = 0;
        let mut first = bench.feed.unit(1, |_, pen| pen.entry("other", "x"));
        let mut second = bench.feed.unit(3, |at, pen| write(kind, &format!("k:{at}"), pen));
        use redis_kafka_engine::applier::Applier;
        assert_eq!(bench.applier.apply(&mut first, Some(&second)), Applied::Done);
        assert_eq!(records(&bench.applier.apply(&mut second, None)), [1], "{kind:?}");
        nothing_was_written(&bench, "1");
    }
}

#[test]
fn a_stream_without_ids_is_told_from_the_first_write_that_has_none() {
    let last = "18446744073709551615-18446744073709551614";
    for time in [EntryTime::Now, EntryTime::NotBefore(5)] {
        let mut bench = bench().begun();
        bench.server.line(&format!("XADD k:1 {last} v 1"));
        let applied = bench.apply(3, |_, pen| {
            pen.fields("k:1", FieldsWrite::StreamAdd(time), &[("v", "2")]);
        });
        assert_eq!(records(&applied), [1, 2], "{time:?}");
        assert_eq!(problem(&applied), "stream 'k:1' has no entry IDs left");
        assert_eq!(bench.server.number("XLEN k:1"), 1);
        bench.feed.next = 0;
        bench.done(1, |_, pen| {
            pen.fields("k:1", FieldsWrite::StreamAdd(time), &[("v", "2")]);
        });
    }
}

#[test]
fn what_the_server_does_not_know_is_refused_by_record() {
    let mut bench = bench().begun();
    let applied = bench.apply(2, |at, pen| match at {
        0 => pen.entry("k:0", "x"),
        _ => pen.plain(GroupKind::Json, "k:2", PlainWrite::Whole(b"{}")),
    });
    assert_eq!(records(&applied), [1]);
    assert!(problem(&applied).contains("unknown command"), "{applied:?}");
    assert!(bench.server.keys("k:*").is_empty());
}

#[test]
fn rights_that_lack_are_told_by_record() {
    let bench = bench().begun();
    bench.server.ok("ACL SETUSER writer on >pw ~kafka:* ~k:0 ~k:1 +@all");
    let port = bench.server.port();
    let mut limited = super::feed::through(bench.server, port);
    limited.log_in("writer:pw");
    for kind in KINDS {
        limited.feed.next = 0;
        let applied = limited.apply(3, |at, pen| write(kind, &format!("k:{at}"), pen));
        assert_eq!(records(&applied), [2], "{kind:?}");
        assert!(problem(&applied).contains("NOPERM"), "{applied:?}");
        assert!(limited.server.keys("k:*").is_empty(), "{kind:?}");
    }
}

/// No record is to blame for what the user may not do at all.
#[test]
fn a_command_that_is_not_allowed_stops() {
    for forbidden in ["xadd", "hset", "type", "watch"] {
        let bench = bench().begun();
        bench.server.ok(&format!("ACL SETUSER writer on >pw ~* +@all -{forbidden}"));
        let port = bench.server.port();
        let mut limited = super::feed::through(bench.server, port);
        limited.log_in("writer:pw");
        let applied = limited.apply(2, |at, pen| match at {
            0 => pen.entry("k:0", "x"),
            _ => pen.merge("k:1", &[("a", "x")]),
        });
        let Applied::Failed(reason) = applied else { panic!("{forbidden}: {applied:?}") };
        assert!(reason.contains("NOPERM") && reason.contains(forbidden), "{reason}");
        assert!(limited.server.keys("k:*").is_empty(), "{forbidden}");
    }
}

/// A command's error is known only once it ran: nothing else is written then, and the ledger stays.
#[test]
fn a_command_that_is_refused_leaves_the_rest_unwritten() {
    let mut bench = bench().begun();
    bench.server.line("SET k:1 many");
    let applied = bench.apply(1, |_, pen| {
        pen.command(&["INCRBY", "k:1", "5"]);
        pen.entry("k:2", "x");
    });
    assert_eq!(records(&applied), [0]);
    assert!(problem(&applied).contains("ERR value is not an integer"), "{applied:?}");
    nothing_was_written(&bench, "0");
    assert!(!bench.server.hash(super::feed::LEDGER).contains_key("command"), "no note is left");
    bench.feed.next = 0;
    bench.done(1, |_, pen| {
        pen.command(&["INCRBY", "k:3", "5"]);
        pen.entry("k:2", "x");
    });
    assert_eq!((bench.server.text("GET k:3").as_str(), bench.server.number("XLEN k:2")), ("5", 1));
    assert!(!bench.server.hash(super::feed::LEDGER).contains_key("command"), "no note is left");
}

#[test]
fn a_command_names_neither_our_keys_nor_the_connection() {
    for words in [&["DEL", "kafka:ledger:rides"][..], &["exec"], &["SELECT", "1"]] {
        let mut bench = bench().begun();
        let applied = bench.apply(1, |_, pen| pen.command(words));
        assert_eq!(records(&applied), [0], "{words:?}");
        assert_eq!(bench.next(), "0");
    }
}

/// Run, and the process ended before the rest was written: not run again.
#[test]
fn a_command_that_was_run_is_not_run_again() {
    let mut bench = bench().begun();
    bench.server.line(&format!("HSET {} command 0", super::feed::LEDGER));
    bench.done(1, |_, pen| {
        pen.command(&["INCRBY", "k:3", "5"]);
        pen.entry("k:2", "x");
    });
    assert_eq!((bench.server.number("EXISTS k:3"), bench.server.number("XLEN k:2")), (0, 1));
    bench.done(1, |_, pen| pen.command(&["INCRBY", "k:3", "5"]));
    assert_eq!(bench.server.text("GET k:3"), "5");
}
