//! HASH with aggregates, and with NEWER.

use super::*;

const COUNTED: &str = "TO HASH \"t:%{k}\" SELECT \"count() AS n, sum(x) AS sum, k\"";

#[test]
fn aggregates_are_folded_beside_the_fields() {
    check(
        Values::Json,
        &[
            (
                COUNTED,
                &[value(r#"{"k":1,"x":1.50}"#), value(r#"{"k":1,"x":2}"#), value(r#"{"k":2}"#)],
                &["HSET t:1 Merge k 1 n 2 sum 3.50", "HSET t:2 Merge k 2 n 1"],
                &[],
            ),
            (
                "TO HASH t SELECT \"*, count() AS n\"",
                &[value(r#"{"n":"the record's","a":true}"#)],
                &["HSET t Merge a true n 1"],
                &[],
            ),
            (
                "TO HASH t TTL 1h SELECT \"min(x) AS low, max(x) AS top, avg(x) AS mean\"",
                &[value(r#"{"x":3}"#), value(r#"{"x":null}"#), value(r#"{"x":-2.5}"#)],
                &[
                    "HSET t Merge low -2.5 top 3 _sum:mean 0.5 _count:mean 2 mean 0.250000",
                    "expire t After(3600000)",
                ],
                &[],
            ),
            (
                "TO HASH t SELECT \"first(x) AS a, last(x) AS z, first(x, at) AS e, last(x, at) AS l\"",
                &[
                    value(r#"{"x":"b\n","at":1593561900000}"#),
                    value(r#"{"x":{"y": 1},"at":[2020,7,1,0,1]}"#),
                    value(r#"{"x":"c","at":null}"#),
                ],
                &["HSET t Merge z c a b\n _at:e 2020-07-01T00:01:00.000 e {\"y\":1} \
                   _at:l 2020-07-01T00:05:00.000Z l b\n"],
                &[],
            ),
            (
                "TO HASH t SELECT \"sum(x) AS sum, first(a, x) AS a\"",
                &[value(r#"{"x":"1"}"#), value(r#"{"x":1e999}"#), value(r#"{"x":1.5,"a":1}"#)],
                &[],
                &[
                    "sum(x): the value is no number; use CAST(… AS DECIMAL(18, 2))",
                    "sum(x): the number is not finite",
                    "first(a, x): x is no timestamp, ISO 8601 text or milliseconds",
                ],
            ),
            (
                "TO HASH t SELECT \"max(x) AS top\"",
                &[value(r#"{"x":[1]}"#)],
                &[],
                &["max(x): an array or object has no order"],
            ),
        ],
    );
}

#[test]
fn a_table_is_removed_only_where_it_is_written() {
    let records = &[value(r#"{"x":1}"#), TOMBSTONE, value(r#"{"x":2}"#)];
    let last = &[value(r#"{"x":1}"#), value(r#"{"x":-2}"#)];
    check(
        Values::Json,
        &[
            ("TO HASH \"t:%{_key}\" SELECT \"sum(x) AS s\"", records, &["HSET t:k Merge s 3"], &[]),
            (
                "TO HASH \"t:%{_key}\" TOMBSTONE DELETE SELECT \"sum(x) AS s\"",
                records,
                &["HSET t:k Replace s 2"],
                &[],
            ),
            (
                "TO HASH \"t:%{_key}\" DELETE WHEN \"x < 0\" SELECT \"sum(x) AS s\"",
                last,
                &["DEL t:k"],
                &[],
            ),
        ],
    );
}

#[test]
fn an_older_record_writes_nothing() {
    let records = &[
        value(r#"{"at":5,"a":1,"b":1}"#),
        value(r#"{"at":4,"a":2}"#),
        value(r#"{"at":5,"a":3,"b":null}"#),
        value(r#"{"a":4}"#),
        value(r#"{"at":{},"a":5}"#),
    ];
    let wrong = &["at is null; value has: a", "NEWER at: an array or object has no order"];
    check(
        Values::Json,
        &[
            ("TO HASH t NEWER at", records, &["HSET t Merge _newer:r 5 at 5 a 3"], wrong),
            (
                "TO HASH t OVERWRITE NEWER at",
                records,
                &["HSET t Replace at 5 a 3 _newer:r 5"],
                wrong,
            ),
        ],
    );
}
