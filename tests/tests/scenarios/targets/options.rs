//! Options of the targets beside plain commands: when keys expire and go, and
//! what WHERE, SELECT and envelopes have to do with it.

use redis_kafka_tests::subject::Subject;

use super::cells::{Case, Does, Record, fails, run_all, tombstone, writes};

redis_kafka_tests::for_each_subject!(
    keys_expire_when_a_record_says,
    a_write_leaves_or_clears_the_expiry_as_its_command,
    delete_when_removes,
    tombstones_do_what_is_written,
    deleted_rows_are_removed,
    selections_are_payloads,
    records_of_a_unit_on_one_key,
);

type Line = (&'static str, &'static [&'static str], &'static [Record]);

/// Runs lines of target, plain commands before, and records.
fn run_lines(subject: Subject, subscribe: &'static str, lines: &[Line]) {
    let server = subject.setup().start();
    let cases: Vec<Case> = lines
        .iter()
        .enumerate()
        .map(|(index, (target, before, records))| {
            let mut case = Case::new(&format!("line{index}"), target, records);
            case.subscribe = subscribe;
            case.before = before.iter().map(|command| command.to_string()).collect();
            case
        })
        .collect();
    run_all(&server, &cases);
}

/// 2100-01-01, and the same in seconds.
fn keys_expire_when_a_record_says(subject: Subject) {
    const AT: Record =
        writes("k", r#"{"v":1,"at":4102444800000}"#, &["SET @k 1 PXAT 4102444800000"]);
    const LINES: &[Line] = &[
        (
            r#"STRING "@%{_key}" VALUE v EXPIREAT at"#,
            &[],
            &[
                AT,
                fails("k", r#"{"v":2,"at":4102444800}"#, "seconds"),
                fails("k", r#"{"v":2,"at":"tomorrow"}"#, "EXPIREAT"),
                fails("k", r#"{"v":2,"at":4102444800000.5}"#, "EXPIREAT"),
            ],
        ),
        (
            r#"STRING "@%{_key}" VALUE v EXPIREAT at"#,
            &[],
            &[AT, writes("k", r#"{"v":3,"at":null}"#, &["SET @k 3"])],
        ),
        (
            r#"STRING "@%{_key}" VALUE v EXPIREAT "cast(at AS TIMESTAMP)""#,
            &[],
            &[writes(
                "k",
                r#"{"v":1,"at":"2100-01-01T00:00:00Z"}"#,
                &["SET @k 1 PXAT 4102444800000"],
            )],
        ),
        // What is over when it is written is gone.
        (
            r#"HASH "@%{_key}" EXPIREAT at"#,
            &[],
            &[
                writes("k", r#"{"at":1600000000000}"#, &["HSET @k at 1", "DEL @k"]),
                writes(
                    "j",
                    r#"{"at":4102444800000}"#,
                    &["HSET @j at 4102444800000", "PEXPIREAT @j 4102444800000"],
                ),
                writes("j", r#"{"b":1}"#, &["HSET @j b 1"]),
            ],
        ),
        (
            r#"ZSET "@%{_key}" MEMBER m SCORE 1 EXPIREAT at"#,
            &[],
            &[
                writes(
                    "k",
                    r#"{"m":"a","at":4102444800000}"#,
                    &["ZADD @k 1 a", "PEXPIREAT @k 4102444800000"],
                ),
                writes(
                    "k",
                    r#"{"m":"b","at":4102444900000}"#,
                    &["ZADD @k 1 b", "PEXPIREAT @k 4102444900000"],
                ),
                writes("k", r#"{"m":"c"}"#, &["ZADD @k 1 c"]),
            ],
        ),
    ];
    run_lines(subject, "", LINES);
}

/// As SET does, which OVERWRITE and STRING are; HSET, RPUSH, … leave it.
fn a_write_leaves_or_clears_the_expiry_as_its_command(subject: Subject) {
    const LINES: &[Line] = &[
        (
            r#"STRING "@%{_key}" VALUE v"#,
            &["SET @k 0", "PEXPIREAT @k 4102444800000"],
            &[writes("k", r#"{"v":1}"#, &["SET @k 1"])],
        ),
        (
            r#"HASH "@%{_key}" OVERWRITE"#,
            &["HSET @k a 0", "PEXPIREAT @k 4102444800000"],
            &[writes("k", r#"{"v":1}"#, &["DEL @k", "HSET @k v 1"])],
        ),
        (
            r#"HASH "@%{_key}""#,
            &["HSET @k a 0", "PEXPIREAT @k 4102444800000"],
            &[writes("k", r#"{"v":1}"#, &["HSET @k v 1"])],
        ),
        (
            r#"LIST "@%{_key}" SELECT v"#,
            &["RPUSH @k a", "PEXPIREAT @k 4102444800000"],
            &[writes("k", r#"{"v":1}"#, &[r#"RPUSH @k '{"v":1}'"#])],
        ),
        (
            r#"STREAM "@%{_key}""#,
            &["XADD @k * a 0", "PEXPIREAT @k 4102444800000"],
            &[writes("k", r#"{"v":1}"#, &["XADD @k * v 1"])],
        ),
    ];
    run_lines(subject, "", LINES);
}

/// Before WHERE, which holds no removal back.
fn delete_when_removes(subject: Subject) {
    const GONE: &str = r#"{"gone":true,"m":"a"}"#;
    const DELETED: Record = writes("k", GONE, &["DEL @k"]);
    const LINES: &[Line] = &[
        (
            r#"HASH "@%{_key}" DELETE WHEN gone WHERE "n > 1" SELECT n"#,
            &[],
            &[
                writes("k", r#"{"n":2}"#, &["HSET @k n 2"]),
                DELETED,
                writes("k", r#"{"n":3,"gone":false}"#, &["HSET @k n 3"]),
            ],
        ),
        (
            r#"STRING "@%{_key}" VALUE n DELETE WHEN gone"#,
            &[],
            &[writes("k", r#"{"n":2}"#, &["SET @k 2"]), DELETED],
        ),
        (
            r#"STREAM "@%{_key}" DELETE WHEN gone"#,
            &[],
            &[
                writes("k", r#"{"n":2}"#, &["XADD @k * n 2"]),
                DELETED,
                writes("k", r#"{"n":3}"#, &["XADD @k * n 3"]),
            ],
        ),
        (
            r#"LIST "@%{_key}" DELETE WHEN gone SELECT n"#,
            &[],
            &[
                writes("k", r#"{"n":2}"#, &[r#"RPUSH @k '{"n":2}'"#]),
                DELETED,
                writes("k", r#"{"n":3}"#, &[r#"RPUSH @k '{"n":3}'"#]),
            ],
        ),
        (
            r#"SET "@%{_key}" MEMBER m DELETE WHEN gone"#,
            &["SADD @k b"],
            &[writes("k", r#"{"m":"a"}"#, &["SADD @k a"]), writes("k", GONE, &["SREM @k a"])],
        ),
        (
            r#"ZSET "@%{_key}" MEMBER m SCORE n DELETE WHEN gone"#,
            &["ZADD @k 1 b"],
            &[
                writes("k", r#"{"m":"a","n":2}"#, &["ZADD @k 2 a"]),
                writes("k", GONE, &["ZREM @k a"]),
            ],
        ),
        (
            r#"GEO "@%{_key}" LON x LAT y MEMBER m DELETE WHEN gone"#,
            &["GEOADD @k 1 1 b"],
            &[
                writes("k", r#"{"m":"a","x":1,"y":2}"#, &["GEOADD @k 1 2 a"]),
                writes("k", GONE, &["ZREM @k a"]),
            ],
        ),
    ];
    run_lines(subject, "", LINES);
}

/// DELETE where the default is to ignore, and IGNORE where it is to delete.
fn tombstones_do_what_is_written(subject: Subject) {
    const LINES: &[Line] = &[
        (
            r#"STREAM "@%{_key}" TOMBSTONE DELETE"#,
            &["XADD @k * a 1"],
            &[tombstone("k", &["DEL @k"])],
        ),
        (r#"LIST "@%{_key}" TOMBSTONE DELETE"#, &["RPUSH @k a"], &[tombstone("k", &["DEL @k"])]),
        (r#"HASH "@%{_key}" TOMBSTONE IGNORE"#, &["HSET @k a 1"], &[tombstone("k", &[])]),
        (r#"STRING "@%{_key}" VALUE v TOMBSTONE IGNORE"#, &["SET @k 1"], &[tombstone("k", &[])]),
        // Not from the record's key alone: unknown, so ignored, unless it is written.
        (r#"STRING "@%{_key}:%{_offset}" VALUE v"#, &["SET @k:0 1"], &[tombstone("k", &[])]),
        (
            r#"HASH "@%{_key}:%{_offset}" TOMBSTONE DELETE"#,
            &["HSET @k:0 a 1"],
            &[tombstone("k", &["DEL @k:0"])],
        ),
        // WHERE holds no tombstone back.
        (
            r#"HASH "@%{_key}" WHERE "n > 1""#,
            &[],
            &[writes("k", r#"{"n":2}"#, &["HSET @k n 2"]), tombstone("k", &["DEL @k"])],
        ),
    ];
    run_lines(subject, "", LINES);
}

/// Debezium's deletes.
fn deleted_rows_are_removed(subject: Subject) {
    const NEW: &str = r#"{"before":null,"after":{"id":1,"x":2,"y":3},"op":"c"}"#;
    const OLD: &str = r#"{"before":{"id":1,"x":2,"y":3},"after":null,"op":"d"}"#;
    const IGNORED: &[Record] = &[Record { key: Some("k"), value: Some(OLD), does: Does::Nothing }];
    const LINES: &[Line] = &[
        (
            r#"HASH "@%{id}""#,
            &[],
            &[writes("k", NEW, &["HSET @1 id 1 x 2 y 3"]), writes("k", OLD, &["DEL @1"])],
        ),
        (
            r#"STRING "@%{id}" VALUE x"#,
            &[],
            &[writes("k", NEW, &["SET @1 2"]), writes("k", OLD, &["DEL @1"])],
        ),
        (r#"HASH "@%{id}" TOMBSTONE IGNORE"#, &["HSET @1 a 1"], IGNORED),
        (r#"SET "@all" MEMBER id"#, &["SADD @all 1"], IGNORED),
        (r#"LIST "@%{id}""#, &["RPUSH @1 a"], IGNORED),
        (r#"LIST "@%{id}" TOMBSTONE DELETE"#, &["RPUSH @1 a"], &[writes("k", OLD, &["DEL @1"])]),
        (r#"GEO "@all" LON x LAT y MEMBER id"#, &["GEOADD @all 2 3 1"], IGNORED),
    ];
    run_lines(subject, "ENVELOPE DEBEZIUM", LINES);
}

/// Nested values stay nested, numbers keep their text, odd names are escaped.
fn selections_are_payloads(subject: Subject) {
    const LINES: &[Line] = &[
        (
            r#"LIST "@%{_key}" SELECT "a.b AS b, n, n * 2 AS twice, _key AS key""#,
            &[],
            &[writes(
                "k",
                r#"{"a":{"b":{"c":[1, 2]}},"n":13.40}"#,
                &[r#"RPUSH @k '{"b":{"c":[1,2]},"n":13.40,"twice":26.80,"key":"k"}'"#],
            )],
        ),
        (
            r#"STRING "@%{_key}""#,
            &[],
            &[writes(
                "k",
                r#"{"q\"u":"é\n\\","t":true,"big":12345678901234567890123.10}"#,
                &[r#"SET @k '{"q\"u":"é\n\\","t":true,"big":12345678901234567890123.10}'"#],
            )],
        ),
        (r#"LIST "@%{_key}""#, &[], &[writes("k", "[1, 2]", &["RPUSH @k [1,2]"])]),
        (r#"STRING "@%{_key}""#, &[], &[writes("k", r#""text""#, &["SET @k text"])]),
        (r#"STRING "@%{_key}""#, &[], &[writes("k", "13.40", &["SET @k 13.40"])]),
    ];
    run_lines(subject, "", LINES);
}

/// Units hold four records here: what stands between writes of one key counts.
fn records_of_a_unit_on_one_key(subject: Subject) {
    const LINES: &[Line] = &[
        (
            r#"STRING "@%{_key}" VALUE v"#,
            &[],
            &[
                writes("k", r#"{"v":1}"#, &["SET @k 1"]),
                tombstone("k", &["DEL @k"]),
                writes("j", r#"{"v":2}"#, &["SET @j 2"]),
                writes("k", r#"{"v":3}"#, &["SET @k 3"]),
                writes("j", r#"{"v":4}"#, &["SET @j 4"]),
                tombstone("j", &["DEL @j"]),
            ],
        ),
        (
            r#"STRING "@%{_key}" VALUE v TTL 1h"#,
            &[],
            &[writes("k", r#"{"v":1}"#, &["SET @k 1"]), tombstone("k", &["DEL @k"])],
        ),
        // The expiry goes with the key.
        (
            r#"HASH "@%{_key}" EXPIREAT at SELECT n"#,
            &[],
            &[
                writes("k", r#"{"n":1,"at":4102444800000}"#, &["HSET @k n 1"]),
                tombstone("k", &["DEL @k"]),
                writes("k", r#"{"n":2}"#, &["HSET @k n 2"]),
            ],
        ),
        (
            r#"HASH "@%{_key}" OVERWRITE"#,
            &["RPUSH @q x"],
            &[
                writes("k", r#"{"a":1}"#, &["HSET @k a 1"]),
                writes("k", r#"{"b":1}"#, &["DEL @k", "HSET @k b 1"]),
                fails("q", r#"{"a":1}"#, "WRONGTYPE"),
                writes("k", r#"{"c":1}"#, &["DEL @k", "HSET @k c 1"]),
            ],
        ),
        (
            r#"LIST "@%{_key}" MAXLEN 2 DELETE WHEN gone SELECT v"#,
            &[],
            &[
                writes("k", r#"{"v":1}"#, &[r#"RPUSH @k '{"v":1}'"#]),
                writes("k", r#"{"v":2}"#, &[r#"RPUSH @k '{"v":2}'"#]),
                writes("k", r#"{"gone":true}"#, &["DEL @k"]),
                writes("k", r#"{"v":3}"#, &[r#"RPUSH @k '{"v":3}'"#]),
            ],
        ),
        (
            r#"SET "@all" MEMBER _key TOMBSTONE DELETE"#,
            &[],
            &[
                writes("a", "{}", &["SADD @all a"]),
                tombstone("a", &["SREM @all a"]),
                writes("b", "{}", &["SADD @all b"]),
                writes("a", "{}", &["SADD @all a"]),
                tombstone("b", &["SREM @all b"]),
            ],
        ),
        // The lowest goes after every write, not once a unit: else a would stay.
        (
            r#"ZSET "@%{_key}" MEMBER m INCR n KEEP 1"#,
            &[],
            &[
                writes("k", r#"{"m":"a","n":2}"#, &["ZINCRBY @k 2 a"]),
                writes("k", r#"{"m":"b","n":3}"#, &["ZINCRBY @k 3 b", "ZREMRANGEBYRANK @k 0 -2"]),
                writes("k", r#"{"m":"a","n":2}"#, &["ZINCRBY @k 2 a", "ZREMRANGEBYRANK @k 0 -2"]),
            ],
        ),
    ];
    run_lines(subject, "", LINES);
}
