//! What each target does with an insert, an update, a tombstone and a null, and
//! the plain commands that do the same.

use super::cells::{Record, fails, tombstone, writes};

/// A target and its records; all of them write the key `@k`, or `@all`.
pub struct Row {
    pub name: &'static str,
    pub target: &'static str,
    pub insert: &'static [Record],
    pub update: &'static [Record],
    pub tombstone: &'static [Record],
    pub null: &'static [Record],
    pub taken: Taken,
    /// Whether it takes TTL.
    pub lives: Life,
}

/// What a record does to a key of another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is an error of the record, as of the plain command; this one makes the key.
    Refused(&'static str),
    /// It is an error of the record, though the plain command, SET, takes the place of anything.
    Guarded,
}

/// Whether the target takes an expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Limited,
    Endless,
}

const KEY_TAKEN: Taken = Taken::Refused("SET @k taken");
const ALL_TAKEN: Taken = Taken::Refused("SET @all taken");

pub const STREAMS: &[Row] = &[
    Row {
        name: "stream",
        target: r#"STREAM "@%{_key}""#,
        insert: &[writes("k", r#"{"n":1,"s":"x y"}"#, &["XADD @k * n 1 s 'x y'"])],
        update: &[writes("k", r#"{"n":2,"price":13.40}"#, &["XADD @k * n 2 price 13.40"])],
        tombstone: &[tombstone("k", &[])],
        null: &[
            writes("k", r#"{"n":null,"s":"y"}"#, &["XADD @k * s y"]),
            fails("k", r#"{"n":null}"#, "no field"),
        ],
        taken: KEY_TAKEN,
        lives: Life::Limited,
    },
    Row {
        name: "stream-id",
        target: r#"STREAM "@%{_key}" ID at MAXLEN 3 TOMBSTONE DELETE"#,
        insert: &[writes("k", r#"{"at":1000}"#, &["XADD @k 1000-0 at 1000"])],
        update: &[
            writes("k", r#"{"at":1000,"b":2}"#, &["XADD @k 1000-1 at 1000 b 2"]),
            writes("k", r#"{"at":500}"#, &["XADD @k 1000-2 at 500"]),
            writes("k", r#"{"at":2000}"#, &["XADD @k 2000-0 at 2000", "XTRIM @k MAXLEN 3"]),
            writes("k", r#"{"at":1999}"#, &["XADD @k 2000-1 at 1999", "XTRIM @k MAXLEN 3"]),
        ],
        // The key's last ID goes with it.
        tombstone: &[
            tombstone("k", &["DEL @k"]),
            writes("k", r#"{"at":0}"#, &["XADD @k 0-1 at 0"]),
            writes("k", r#"{"at":0,"b":1}"#, &["XADD @k 0-2 at 0 b 1"]),
        ],
        null: &[
            fails("k", r#"{"at":null,"n":1}"#, "null"),
            fails("k", r#"{"at":"soon"}"#, "ID"),
            fails("k", r#"{"at":-1}"#, "ID"),
        ],
        taken: KEY_TAKEN,
        lives: Life::Limited,
    },
    // Entries of 1970 are older than an hour; those of 2286 are not.
    Row {
        name: "stream-retain",
        target: r#"STREAM "@%{_key}" ID at RETAIN 1h"#,
        insert: &[writes(
            "k",
            r#"{"at":1000}"#,
            &["XADD @k 1000-0 at 1000", "XTRIM @k MINID 1600000000000"],
        )],
        update: &[
            writes(
                "k",
                r#"{"at":900}"#,
                &["XADD @k 1000-1 at 900", "XTRIM @k MINID 1600000000000"],
            ),
            writes("k", r#"{"at":9999999999000}"#, &["XADD @k 9999999999000-0 at 9999999999000"]),
            writes("k", r#"{"at":2000}"#, &["XADD @k 9999999999000-1 at 2000"]),
        ],
        tombstone: &[tombstone("k", &[])],
        null: &[fails("k", r#"{"n":1}"#, "null")],
        taken: KEY_TAKEN,
        lives: Life::Limited,
    },
];

pub const HASHES: &[Row] = &[
    Row {
        name: "hash",
        target: r#"HASH "@%{_key}""#,
        insert: &[writes("k", r#"{"a":"x","n":13.40}"#, &["HSET @k a x n 13.40"])],
        update: &[writes(
            "k",
            r#"{"a":null,"b":{"c":[1]}}"#,
            &[r#"HSET @k b '{"c":[1]}'"#, "HDEL @k a"],
        )],
        tombstone: &[
            tombstone("k", &["DEL @k"]),
            writes("k", r#"{"again":1}"#, &["HSET @k again 1"]),
        ],
        null: &[
            writes("k", r#"{"a":null}"#, &["HDEL @k a"]),
            writes("k", r#"{"n":null}"#, &["HDEL @k n"]),
            writes("j", r#"{"n":null}"#, &["HDEL @j n"]),
        ],
        taken: KEY_TAKEN,
        lives: Life::Limited,
    },
    Row {
        name: "hash-overwrite",
        target: r#"HASH "@%{_key}" OVERWRITE"#,
        insert: &[writes("k", r#"{"a":"x","n":13.40}"#, &["HSET @k a x n 13.40"])],
        update: &[writes("k", r#"{"a":null,"b":true}"#, &["DEL @k", "HSET @k b true"])],
        tombstone: &[
            tombstone("k", &["DEL @k"]),
            writes("k", r#"{"again":1}"#, &["HSET @k again 1"]),
        ],
        null: &[writes("k", r#"{"n":null}"#, &["DEL @k"])],
        taken: KEY_TAKEN,
        lives: Life::Limited,
    },
];

pub const STRINGS: &[Row] = &[
    Row {
        name: "string",
        target: r#"STRING "@%{_key}" VALUE v"#,
        insert: &[writes("k", r#"{"v":"x y"}"#, &["SET @k 'x y'"])],
        update: &[writes("k", r#"{"v":13.40}"#, &["SET @k 13.40"])],
        tombstone: &[tombstone("k", &["DEL @k"]), writes("k", r#"{"v":1}"#, &["SET @k 1"])],
        null: &[fails("k", r#"{"v":null}"#, "coalesce"), fails("k", r#"{"w":1}"#, "null")],
        taken: Taken::Guarded,
        lives: Life::Limited,
    },
    Row {
        name: "string-fields",
        target: r#"STRING "@%{_key}" SELECT "a, n""#,
        insert: &[writes("k", r#"{"a":"x","n":13.40}"#, &[r#"SET @k '{"a":"x","n":13.40}'"#])],
        update: &[writes(
            "k",
            r#"{"a":{"b":[1]},"n":2,"z":3}"#,
            &[r#"SET @k '{"a":{"b":[1]},"n":2}'"#],
        )],
        tombstone: &[tombstone("k", &["DEL @k"])],
        null: &[writes("k", r#"{"n":1}"#, &[r#"SET @k '{"a":null,"n":1}'"#])],
        taken: Taken::Guarded,
        lives: Life::Limited,
    },
];

pub const LISTS: &[Row] = &[
    Row {
        name: "list",
        target: r#"LIST "@%{_key}""#,
        insert: &[writes("k", r#"{"n":1}"#, &[r#"RPUSH @k '{"n":1}'"#])],
        update: &[writes("k", r#"{"n":2}"#, &[r#"RPUSH @k '{"n":2}'"#])],
        tombstone: &[tombstone("k", &[])],
        null: &[
            writes("k", r#"{"n":null}"#, &[r#"RPUSH @k '{"n":null}'"#]),
            fails("k", "null", "null"),
        ],
        taken: KEY_TAKEN,
        lives: Life::Limited,
    },
    Row {
        name: "list-newest",
        target: r#"LIST "@%{_key}" MAXLEN 2 TOMBSTONE DELETE"#,
        insert: &[writes("k", r#"{"n":1}"#, &[r#"RPUSH @k '{"n":1}'"#])],
        update: &[
            writes("k", r#"{"n":2}"#, &[r#"RPUSH @k '{"n":2}'"#]),
            writes("k", r#"{"n":3}"#, &[r#"RPUSH @k '{"n":3}'"#, "LTRIM @k -2 -1"]),
            writes("k", r#"{"n":4}"#, &[r#"RPUSH @k '{"n":4}'"#, "LTRIM @k -2 -1"]),
        ],
        tombstone: &[
            tombstone("k", &["DEL @k"]),
            writes("k", r#"{"n":5}"#, &[r#"RPUSH @k '{"n":5}'"#]),
        ],
        null: &[],
        taken: KEY_TAKEN,
        lives: Life::Limited,
    },
    Row {
        name: "list-left",
        target: r#"LIST "@%{_key}" LEFT MAXLEN 2"#,
        insert: &[writes("k", r#"{"n":1}"#, &[r#"LPUSH @k '{"n":1}'"#])],
        update: &[
            writes("k", r#"{"n":2}"#, &[r#"LPUSH @k '{"n":2}'"#]),
            writes("k", r#"{"n":3}"#, &[r#"LPUSH @k '{"n":3}'"#, "LTRIM @k 0 1"]),
        ],
        tombstone: &[tombstone("k", &[])],
        null: &[],
        taken: KEY_TAKEN,
        lives: Life::Limited,
    },
];

pub const SETS: &[Row] = &[
    Row {
        name: "set",
        target: r#"SET "@%{_key}" MEMBER m"#,
        insert: &[writes("k", r#"{"m":"a b"}"#, &["SADD @k 'a b'"])],
        update: &[
            writes("k", r#"{"m":13.40}"#, &["SADD @k 13.40"]),
            writes("k", r#"{"m":"a b"}"#, &["SADD @k 'a b'"]),
        ],
        tombstone: &[tombstone("k", &[])],
        null: &[fails("k", r#"{"m":null}"#, "null"), fails("k", r#"{"x":1}"#, "null")],
        taken: KEY_TAKEN,
        lives: Life::Limited,
    },
    Row {
        name: "set-members",
        target: r#"SET "@all" MEMBER _key TOMBSTONE DELETE"#,
        insert: &[writes("a", "{}", &["SADD @all a"]), writes("b", "{}", &["SADD @all b"])],
        update: &[writes("a", "{}", &["SADD @all a"])],
        tombstone: &[
            tombstone("a", &["SREM @all a"]),
            tombstone("c", &["SREM @all c"]),
            writes("d", "{}", &["SADD @all d"]),
            tombstone("d", &["SREM @all d"]),
        ],
        null: &[],
        taken: ALL_TAKEN,
        lives: Life::Limited,
    },
];

pub const SORTED_SETS: &[Row] = &[
    Row {
        name: "zset",
        target: r#"ZSET "@%{_key}" MEMBER m SCORE s"#,
        insert: &[writes("k", r#"{"m":"a b","s":1.5}"#, &["ZADD @k 1.5 'a b'"])],
        update: &[
            writes("k", r#"{"m":"c","s":-2}"#, &["ZADD @k -2 c"]),
            writes("k", r#"{"m":"a b","s":1e3}"#, &["ZADD @k 1e3 'a b'"]),
        ],
        tombstone: &[tombstone("k", &[])],
        null: &[
            fails("k", r#"{"m":null,"s":1}"#, "null"),
            fails("k", r#"{"m":"a","s":null}"#, "null"),
            fails("k", r#"{"m":"a","s":"high"}"#, "SCORE"),
        ],
        taken: KEY_TAKEN,
        lives: Life::Limited,
    },
    Row {
        name: "zset-keep",
        target: r#"ZSET "@%{_key}" MEMBER m INCR n KEEP 2"#,
        insert: &[writes("k", r#"{"m":"a","n":1}"#, &["ZINCRBY @k 1 a"])],
        update: &[
            writes("k", r#"{"m":"b","n":2}"#, &["ZINCRBY @k 2 b"]),
            writes("k", r#"{"m":"c","n":3}"#, &["ZINCRBY @k 3 c", "ZREMRANGEBYRANK @k 0 -3"]),
            // It fell out with 1: it comes back with 2, and the first of equal ones goes.
            writes("k", r#"{"m":"a","n":2}"#, &["ZINCRBY @k 2 a", "ZREMRANGEBYRANK @k 0 -3"]),
            writes("k", r#"{"m":"b","n":0.5}"#, &["ZINCRBY @k 0.5 b"]),
        ],
        tombstone: &[tombstone("k", &[])],
        null: &[fails("k", r#"{"m":"a","n":null}"#, "null")],
        taken: KEY_TAKEN,
        lives: Life::Limited,
    },
    Row {
        name: "zset-members",
        target: r#"ZSET "@all" MEMBER _key SCORE s TOMBSTONE DELETE"#,
        insert: &[
            writes("a", r#"{"s":1}"#, &["ZADD @all 1 a"]),
            writes("b", r#"{"s":2}"#, &["ZADD @all 2 b"]),
        ],
        update: &[writes("a", r#"{"s":3}"#, &["ZADD @all 3 a"])],
        tombstone: &[tombstone("b", &["ZREM @all b"]), tombstone("c", &["ZREM @all c"])],
        null: &[],
        taken: ALL_TAKEN,
        lives: Life::Limited,
    },
];

pub const MAPS: &[Row] = &[Row {
    name: "geo",
    target: r#"GEO "@all" LON x LAT y MEMBER _key TOMBSTONE DELETE"#,
    insert: &[
        writes("a", r#"{"x":16.37,"y":48.21}"#, &["GEOADD @all 16.37 48.21 a"]),
        writes("b", r#"{"x":-180,"y":85.05112878}"#, &["GEOADD @all -180 85.05112878 b"]),
    ],
    update: &[writes("a", r#"{"x":24.94,"y":60.17}"#, &["GEOADD @all 24.94 60.17 a"])],
    tombstone: &[tombstone("a", &["ZREM @all a"]), tombstone("c", &["ZREM @all c"])],
    null: &[
        fails("a", r#"{"x":null,"y":1}"#, "null"),
        fails("a", r#"{"x":180.1,"y":1}"#, "LON"),
        fails("a", r#"{"x":1,"y":85.1}"#, "LAT"),
        fails("a", r#"{"x":"16","y":1}"#, "LON"),
    ],
    taken: ALL_TAKEN,
    lives: Life::Limited,
}];

pub const COMMANDS: &[Row] = &[Row {
    name: "command",
    target: r#"COMMAND INCRBY "@%{_key}" "%{n}""#,
    insert: &[writes("k", r#"{"n":5}"#, &["INCRBY @k 5"])],
    update: &[writes("k", r#"{"n":-7}"#, &["INCRBY @k -7"])],
    tombstone: &[tombstone("k", &[])],
    null: &[
        fails("k", r#"{"n":null}"#, "null"),
        fails("k", r#"{"n":"many"}"#, "ERR value is not an integer or out of range"),
        writes("k", r#"{"n":1}"#, &["INCRBY @k 1"]),
    ],
    taken: Taken::Refused("RPUSH @k taken"),
    lives: Life::Endless,
}];

/// Those of a server with RedisJSON and RedisTimeSeries.
pub const STACK: &[Row] = &[
    Row {
        name: "json",
        target: r#"JSON "@%{_key}""#,
        insert: &[writes(
            "k",
            r#"{"a":"x","n":[1,{"b":2}]}"#,
            &[r#"JSON.SET @k $ '{"a":"x","n":[1,{"b":2}]}'"#],
        )],
        update: &[writes("k", r#"{"b":true}"#, &[r#"JSON.SET @k $ '{"b":true}'"#])],
        tombstone: &[
            tombstone("k", &["DEL @k"]),
            writes("k", r#"{"again":1}"#, &[r#"JSON.SET @k $ '{"again":1}'"#]),
        ],
        null: &[writes("k", r#"{"n":null}"#, &[r#"JSON.SET @k $ '{"n":null}'"#])],
        taken: Taken::Refused("SET @k taken"),
        lives: Life::Limited,
    },
    Row {
        name: "time-series",
        target: r#"TIMESERIES "@%{_key}" AT at VALUE v"#,
        insert: &[writes("k", r#"{"at":1000,"v":1.5}"#, &["TS.ADD @k 1000 1.5 ON_DUPLICATE LAST"])],
        update: &[
            writes("k", r#"{"at":2000,"v":2}"#, &["TS.ADD @k 2000 2 ON_DUPLICATE LAST"]),
            writes("k", r#"{"at":1000,"v":3}"#, &["TS.ADD @k 1000 3 ON_DUPLICATE LAST"]),
        ],
        tombstone: &[tombstone("k", &[])],
        null: &[
            fails("k", r#"{"at":1,"v":null}"#, "null"),
            fails("k", r#"{"at":1,"v":"high"}"#, "VALUE"),
            fails("k", r#"{"at":null,"v":1}"#, "null"),
        ],
        taken: Taken::Refused("SET @k taken"),
        lives: Life::Limited,
    },
];

/// Every row that a plain server can do.
pub fn plain() -> impl Iterator<Item = &'static Row> {
    [STREAMS, HASHES, STRINGS, LISTS, SETS, SORTED_SETS, MAPS, COMMANDS].into_iter().flatten()
}
