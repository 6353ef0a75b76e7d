//! Every kind of write comes to the same as the commands that a person would give.

use super::feed::{Bench, Pen, bench, on};
use redis_kafka_engine::unit::{
    End, EntryTime, Expiry, FieldsWrite, GroupKind, Keep, PlainWrite, Upkeep,
};
use redis_kafka_tests::reply::{items, text};
use redis_kafka_tests::server::Setup;

fn kept(keep: Keep) -> Upkeep {
    Upkeep { keep, expiry: Expiry::Unchanged }
}

/// Applies one unit of a record a write; the keys must then be as commands make them under `@`.
fn compare(bench: &mut Bench, key: &str, writes: &[&dyn Fn(&mut Pen<'_>)], commands: &[&str]) {
    bench.done(writes.len(), |at, pen| writes[at](pen));
    for command in commands {
        bench.server.line(&command.replace('@', "expected:"));
    }
    let digest =
        |key: &str| text(&items(&bench.server.line(&format!("DEBUG DIGEST-VALUE \"{key}\"")))[0]);
    assert_eq!(digest(key), digest(&format!("expected:{key}")), "{key}");
    let kinds = [key.to_owned(), format!("expected:{key}")]
        .map(|key| bench.server.text(&format!("TYPE \"{key}\"")));
    assert_eq!(kinds[0], kinds[1], "{key}");
}

#[test]
fn hashes() {
    let mut bench = bench().begun();
    let none: &[&str] = &[];
    compare(
        &mut bench,
        "h",
        &[
            &|pen| pen.merge("h", &[("a", "1"), ("b", "2")]),
            &|pen| pen.merge("h", &[("b", "3"), ("", "empty")]),
            &|pen| {
                let fields = &[("c", "x\r\ny")];
                pen.fields_kept("h", FieldsWrite::HashMerge, Upkeep::default(), fields, &["a"]);
            },
        ],
        &["HSET @h b 3 \"\" empty", "HSET @h c \"x\r\ny\""],
    );
    compare(
        &mut bench,
        "h",
        &[&|pen| pen.merge("h", &[("late", "1")]), &|pen| {
            let write = FieldsWrite::HashReplace;
            pen.fields_kept("h", write, Upkeep::default(), &[("only", "1")], none);
        }],
        &["DEL @h", "HSET @h only 1"],
    );
    bench.done(2, |at, pen| match at {
        0 => pen.plain(GroupKind::Hash, "gone", PlainWrite::Delete),
        _ => pen.plain(GroupKind::Hash, "h", PlainWrite::Delete),
    });
    assert_eq!(bench.server.number("EXISTS h gone"), 0);
}

#[test]
fn tables_are_folded_into_what_stands_there() {
    let mut bench = bench().begun();
    bench.server.line("HSET t n 40 other x");
    bench.done(3, |at, pen| {
        pen.count("t");
        pen.sum(if at == 0 { "t" } else { "u" }, at as i64);
    });
    let hash = bench.server.hash("t");
    assert_eq!((hash["n"].as_str(), hash["s"].as_str(), hash["other"].as_str()), ("43", "0", "x"));
    assert_eq!(bench.server.hash("u")["s"], "3");
    bench.server.line("HSET t n many");
    let applied = bench.apply(2, |at, pen| pen.count(if at == 0 { "fine" } else { "t" }));
    assert_eq!(super::feed::records(&applied), [1]);
    assert_eq!(bench.server.number("EXISTS fine"), 0);
}

#[test]
fn strings_and_lists() {
    let mut bench = bench().begun();
    let string = |text: &'static [u8]| {
        move |pen: &mut Pen<'_>| pen.plain(GroupKind::String, "s", PlainWrite::Whole(text))
    };
    compare(&mut bench, "s", &[&string(b"one"), &string(b"two")], &["SET @s two"]);
    let push = |end, text: &'static [u8]| {
        move |pen: &mut Pen<'_>| pen.plain(GroupKind::List, "l", PlainWrite::Push(end, text))
    };
    compare(
        &mut bench,
        "l",
        &[
            &push(End::Right, b"a"),
            &push(End::Right, b"b"),
            &push(End::Left, b"c"),
            &push(End::Left, b"d"),
            &push(End::Right, b"e"),
        ],
        &["RPUSH @l d c a b e"],
    );
    for (keep, expected) in [
        (Keep::First(2), "x d"),
        (Keep::Last(3), "x d x"),
        (Keep::First(0), ""),
        (Keep::Last(0), ""),
    ] {
        let end = if matches!(keep, Keep::First(_)) { End::Left } else { End::Right };
        bench.done(1, |_, pen| {
            pen.plain_kept(GroupKind::List, "l", PlainWrite::Push(end, b"x"), kept(keep));
        });
        let left: Vec<_> = items(&bench.server.line("LRANGE l 0 -1")).iter().map(text).collect();
        assert_eq!(left.join(" "), expected, "{keep:?}");
    }
}

#[test]
fn sets_sorted_sets_and_maps() {
    let mut bench = bench().begun();
    let set =
        |write: PlainWrite<'static>| move |pen: &mut Pen<'_>| pen.plain(GroupKind::Set, "s", write);
    compare(
        &mut bench,
        "s",
        &[
            &set(PlainWrite::Add(b"a")),
            &set(PlainWrite::Add(b"b")),
            &set(PlainWrite::Remove(b"a")),
            &set(PlainWrite::Add(b"c")),
        ],
        &["SADD @s b c"],
    );
    let score = |write: PlainWrite<'static>| {
        move |pen: &mut Pen<'_>| pen.plain(GroupKind::SortedSet, "z", write)
    };
    compare(
        &mut bench,
        "z",
        &[
            &score(PlainWrite::Score(1.5, b"a")),
            &score(PlainWrite::Score(f64::INFINITY, b"b")),
            &score(PlainWrite::Increment(0.1, b"a")),
            &score(PlainWrite::Increment(0.2, b"c")),
            &score(PlainWrite::Remove(b"b")),
        ],
        &["ZADD @z 1.5 a", "ZINCRBY @z 0.1 a", "ZADD @z 0.2 c"],
    );
    let place =
        |write: PlainWrite<'static>| move |pen: &mut Pen<'_>| pen.plain(GroupKind::Geo, "g", write);
    compare(
        &mut bench,
        "g",
        &[
            &place(PlainWrite::Place(16.37, 48.2, b"vie")),
            &place(PlainWrite::Place(-73.7, 40.6, b"jfk")),
            &place(PlainWrite::Remove(b"jfk")),
        ],
        &["GEOADD @g 16.37 48.2 vie"],
    );
}

/// Trimmed behind every write: a member that falls out and comes back starts anew.
#[test]
fn the_highest_are_kept_write_by_write() {
    let mut bench = bench().begun();
    let writes = [(3.0, "a"), (2.0, "b"), (1.0, "c"), (1.5, "c"), (0.6, "c")];
    bench.done(writes.len(), |at, pen| {
        let (by, member) = writes[at];
        let write = PlainWrite::Increment(by, member.as_bytes());
        pen.plain_kept(GroupKind::SortedSet, "z", write, kept(Keep::Highest(2)));
    });
    let left: Vec<_> = items(&bench.server.line("ZRANGE z 0 -1")).iter().map(text).collect();
    assert_eq!(left, ["b", "a"], "1.0, 1.5 and 0.6 were never among the highest two");
}

#[test]
fn streams_are_trimmed_and_their_ids_never_go_back() {
    let mut bench = bench().begun();
    let entry = |pen: &mut Pen<'_>, key: &str, time, keep| {
        pen.fields_kept(key, FieldsWrite::StreamAdd(time), kept(keep), &[("v", "1")], &[]);
    };
    bench.done(7, |_, pen| entry(pen, "exact", EntryTime::Now, Keep::Newest(3)));
    assert_eq!(bench.server.number("XLEN exact"), 3);
    bench.done(700, |_, pen| entry(pen, "nodes", EntryTime::Now, Keep::AtLeast(100)));
    let length = bench.server.number("XLEN nodes");
    assert!((100..300).contains(&length), "{length}");
    let times = [5, 7, 7, 3, 0];
    bench.done(5, |at, pen| entry(pen, "given", EntryTime::NotBefore(times[at]), Keep::All));
    bench.server.line("XDEL given 7-3");
    bench.done(1, |_, pen| entry(pen, "given", EntryTime::NotBefore(2), Keep::All));
    bench.done(1, |_, pen| entry(pen, "zero", EntryTime::NotBefore(0), Keep::All));
    let ids = |key: &str| -> Vec<String> {
        let entries = bench.server.line(&format!("XRANGE {key} - +"));
        items(&entries).iter().map(|entry| text(&items(entry)[0])).collect()
    };
    assert_eq!(ids("given"), ["5-0", "7-0", "7-1", "7-2", "7-4"]);
    assert_eq!(ids("zero"), ["0-1"]);
    bench.done(2, |at, pen| match at {
        0 => pen.plain(GroupKind::Stream, "given", PlainWrite::Delete),
        _ => entry(pen, "given", EntryTime::NotBefore(1), Keep::All),
    });
    let entries = bench.server.line("XRANGE given - +");
    assert_eq!(text(&items(&items(&entries)[0])[0]), "1-0");
}

#[test]
fn entries_beyond_their_age_go_by_the_clock_of_redis() {
    let mut bench = bench().begun();
    bench.server.line("XADD s 1000-0 v old");
    let keep = Keep::Younger(3_600_000);
    bench.done(1, |_, pen| {
        pen.fields_kept(
            "s",
            FieldsWrite::StreamAdd(EntryTime::Now),
            kept(keep),
            &[("v", "new")],
            &[],
        );
    });
    let left = bench.server.stream("s");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["v"], "new");
}

#[test]
fn keys_expire_and_messages_are_published() {
    let mut bench = bench().begun();
    let with = |expiry| Upkeep { keep: Keep::All, expiry };
    bench.done(4, |at, pen| {
        let (key, expiry) = [
            ("after", Expiry::After(60_000)),
            ("at", Expiry::At(4_102_444_800_000)),
            ("past", Expiry::At(-5)),
            ("long", Expiry::After(u64::MAX)),
        ][at];
        pen.plain_kept(GroupKind::String, key, PlainWrite::Whole(b"x"), with(expiry));
        pen.plain(GroupKind::Channel, "news", PlainWrite::Whole(b"hello"));
    });
    assert!((1..=60_000).contains(&bench.server.number("PTTL after")));
    assert_eq!(bench.server.text("PEXPIRETIME at"), "4102444800000");
    assert_eq!(bench.server.number("EXISTS past"), 0);
    assert!(bench.server.number("PTTL long") > i64::MAX / 3);
    let published = bench.server.info_field("commandstats", "cmdstat_publish");
    assert!(published.is_some_and(|stats| stats.starts_with("calls=4,")));
}

#[test]
fn documents_and_samples() {
    let mut bench = on(Setup::plain().stack().start()).begun();
    bench.server.line("JSON.SET j $ 1");
    bench.server.line("PEXPIRE j 1000000");
    bench.done(3, |at, pen| {
        pen.plain(GroupKind::Json, "j", PlainWrite::Whole(br#"{"a":1}"#));
        let sample = PlainWrite::Sample([5, 9, 5][at], at as f64 + 0.5);
        pen.plain(GroupKind::TimeSeries, "ts", sample);
        pen.entry("s", "x");
    });
    assert_eq!(bench.server.text("JSON.GET j"), r#"{"a":1}"#);
    assert_eq!(bench.server.number("PTTL j"), -1, "as SET would have it");
    let samples = format!("{:?}", bench.server.line("TS.RANGE ts - +"));
    assert!(samples.contains("2.5") && samples.contains("1.5") && !samples.contains("0.5)"));
    assert_eq!(bench.server.number("XLEN s"), 3);
    // One that is refused keeps all others from being written, and the ledger where it is.
    bench.server.line("DEL ts s");
    bench.server.line("TS.CREATE ts RETENTION 10");
    bench.server.line("TS.ADD ts 1000 1");
    let applied = bench.apply(2, |at, pen| {
        pen.plain(GroupKind::TimeSeries, "ts", PlainWrite::Sample([2000, 5][at], 1.0));
        pen.entry("s", "x");
    });
    assert_eq!(super::feed::records(&applied), [1], "{applied:?}");
    assert_eq!((bench.next().as_str(), bench.server.number("EXISTS s")), ("3", 0));
}
