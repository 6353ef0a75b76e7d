//! What each target writes of records, read back from the packed unit.

mod harness;
mod tables;

use crate::target::{TARGETS, payload};
use harness::{Given, Values, written};

/// A route, records, the writes they make, and what is wrong with those that are bad.
type Case<'c> = (&'c str, &'c [Given], &'c [&'c str], &'c [&'c str]);

fn check(values: Values, cases: &[Case<'_>]) {
    for (route, records, writes, errors) in cases {
        let (written, wrong) = written(values, &[route], records);
        assert_eq!(written, *writes, "{route}");
        assert_eq!(wrong, *errors, "{route}");
    }
}

const fn value(text: &'static str) -> Given {
    (Some("k"), Some(text))
}

const TOMBSTONE: Given = (Some("k"), None);

#[test]
fn every_target_has_a_name_of_its_own() {
    for row in TARGETS {
        let same = TARGETS.iter().filter(|other| other.clause.name == row.clause.name);
        assert_eq!(same.count(), 1);
    }
}

#[test]
fn a_string_is_the_last_record_or_a_value_of_it() {
    let records = &[value(r#"{"a":1.50,"b":null,"c":{"d": [1]}}"#), value(r#"{"a":"x\n"}"#)];
    check(
        Values::Json,
        &[
            // Of several writes to a key only the last can be seen.
            ("TO STRING k", records, &[r#"SET k {"a":"x\n"}"#], &[]),
            (
                "TO STRING \"k:%{a}\"",
                records,
                &[r#"SET k:1.50 {"a":1.50,"b":null,"c":{"d":[1]}}"#, "SET k:x\n {\"a\":\"x\\n\"}"],
                &[],
            ),
            ("TO STRING k VALUE a", records, &["SET k x\n"], &[]),
            ("TO STRING k VALUE c", &[value(r#"{"c":{"d": [1]}}"#)], &[r#"SET k {"d":[1]}"#], &[]),
            (
                "TO STRING k SELECT \"a, upper(a) AS b\"",
                &[value(r#"{"a":"x"}"#)],
                &[r#"SET k {"a":"x","b":"X"}"#],
                &[],
            ),
            ("TO STRING k", &[value("[1, 2]")], &["SET k [1,2]"], &[]),
            ("TO STRING k", &[value("\"plain\"")], &["SET k plain"], &[]),
            (
                "TO STRING k VALUE b",
                records,
                &[],
                &[
                    "VALUE b is null and has no text; give it one with coalesce, or leave such records out with WHERE",
                    "VALUE b is null and has no text; give it one with coalesce, or leave such records out with WHERE",
                ],
            ),
            ("TO STRING k VALUE \"coalesce(b, 'none')\"", records, &["SET k none"], &[]),
        ],
    );
    check(Values::Text, &[("TO STRING k", &[value("any text")], &["SET k any text"], &[])]);
}

#[test]
fn a_document_is_the_selected_fields() {
    check(
        Values::Json,
        &[
            (
                "TO JSON \"person:%{_key}\" SELECT \"* EXCEPT (ssn), left(phone, 3) AS phone\"",
                &[value(r#"{"name":"a","ssn":1,"phone":"123456","tags":["x", {"y":null}]}"#)],
                &[r#"JSON.SET person:k {"name":"a","phone":"123","tags":["x",{"y":null}]}"#],
                &[],
            ),
            ("TO JSON k", &[value("[1, null]")], &["JSON.SET k [1,null]"], &[]),
            ("TO JSON \"k:%{_key}\"", &[value("1"), TOMBSTONE], &["DEL k:k"], &[]),
        ],
    );
}

#[test]
fn a_document_too_deep_for_redisjson_is_an_error_of_its_record() {
    let nested = |levels: usize| {
        let text = format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        (Some("k"), Some(&*text.leak()))
    };
    let records = [nested(payload::MAX_DEPTH - 1), nested(payload::MAX_DEPTH)];
    let (written, wrong) = written(Values::Json, &["TO JSON \"k:%{_offset}\""], &records);
    assert_eq!((written.len(), wrong.len()), (1, 1));
    assert!(
        written[0].starts_with("JSON.SET k:0 ") && wrong[0].contains("SELECT less"),
        "{wrong:?}"
    );
}

#[test]
fn a_list_keeps_the_newest_at_the_end_where_they_are_pushed() {
    let records = &[value(r#"{"a":1}"#), value(r#"{"a":2}"#)];
    check(
        Values::Json,
        &[
            ("TO LIST k", records, &[r#"RPUSH k {"a":1}"#, r#"RPUSH k {"a":2}"#], &[]),
            ("TO LIST k RIGHT MAXLEN 3", &[value("\"x\"")], &["RPUSH k x", "keep k Last(3)"], &[]),
            ("TO LIST k LEFT MAXLEN 3", &[value("5")], &["LPUSH k 5", "keep k First(3)"], &[]),
            (
                "TO LIST k TOMBSTONE DELETE",
                &[value("5"), TOMBSTONE, value("6")],
                &["DEL k", "RPUSH k 6"],
                &[],
            ),
            ("TO LIST k", &[value("5"), TOMBSTONE], &["RPUSH k 5"], &[]),
        ],
    );
}

#[test]
fn sets_hold_members_and_removals_take_them_out() {
    let records = &[value(r#"{"m":"x","gone":false}"#), value(r#"{"m":7,"gone":true}"#)];
    check(
        Values::Json,
        &[
            ("TO SET k MEMBER m", records, &["SADD k x", "SADD k 7"], &[]),
            ("TO SET k MEMBER m DELETE WHEN gone", records, &["SADD k x", "SREM k 7"], &[]),
            (
                "TO SET k MEMBER m DELETE WHEN gone WHERE \"m = 'nothing'\"",
                records,
                &["SREM k 7"],
                &[],
            ),
            (
                "TO SET k MEMBER _key TOMBSTONE DELETE",
                &[value("{}"), TOMBSTONE],
                &["SADD k k", "SREM k k"],
                &[],
            ),
            ("TO SET k MEMBER _key", &[TOMBSTONE], &[], &[]),
            (
                "TO SET k MEMBER m TTL 2s",
                &[value(r#"{"m":"x"}"#)],
                &["SADD k x", "expire k After(2000)"],
                &[],
            ),
            ("TO SET k MEMBER m", &[value(r#"{"n":1}"#)], &[], &["m is null; value has: n"]),
            (
                "TO SET \"kafka:%{m}\" MEMBER m",
                &[value(r#"{"m":"definitions"}"#), value(r#"{"m":"definitions2"}"#)],
                &["SADD kafka:definitions2 definitions2"],
                &[
                    "key 'kafka:definitions': keys that start with kafka:ledger:, kafka:deadletters: or kafka:definitions are reserved",
                ],
            ),
        ],
    );
}

#[test]
fn scores_are_finite_numbers_and_no_texts() {
    check(
        Values::Json,
        &[
            (
                "TO ZSET board MEMBER user INCR points KEEP 100",
                &[value(r#"{"user":"a","points":1.5}"#), value(r#"{"user":"b","points":-2e3}"#)],
                &["ZINCRBY board 1.5 a", "ZINCRBY board -2000 b", "keep board Highest(100)"],
                &[],
            ),
            (
                "TO ZSET z MEMBER user SCORE \"points * 2\"",
                &[value(r#"{"user":"a","points":0.1}"#)],
                &["ZADD z 0.2 a"],
                &[],
            ),
            ("TO ZSET z MEMBER _key SCORE x TOMBSTONE DELETE", &[TOMBSTONE], &["ZREM z k"], &[]),
            (
                "TO ZSET z MEMBER _key SCORE x",
                &[value(r#"{"x":"12"}"#), value(r#"{"x":null}"#), value(r#"{"x":1e400}"#)],
                &[],
                &[
                    "SCORE x: '12' is no number; where it is a text, CAST it",
                    "x is null; value has: x",
                    "SCORE x: '1e400' is no finite number",
                ],
            ),
            (
                "TO ZSET z MEMBER _key SCORE \"cast(x AS DOUBLE)\"",
                &[value(r#"{"x":"12"}"#)],
                &["ZADD z 12 k"],
                &[],
            ),
        ],
    );
}

#[test]
fn places_lie_where_redis_can_put_them() {
    let route = "TO GEO buses LON lon LAT lat MEMBER veh";
    check(
        Values::Json,
        &[
            (
                route,
                &[value(r#"{"lon":24.95,"lat":60.17,"veh":5}"#)],
                &["GEOADD buses 24.95 60.17 5"],
                &[],
            ),
            (
                route,
                &[
                    value(r#"{"lon":180.5,"lat":60,"veh":5}"#),
                    value(r#"{"lon":-180,"lat":-85.06,"veh":5}"#),
                    value(r#"{"lon":"x","lat":60,"veh":5}"#),
                    value(r#"{"lon":1,"lat":2,"veh":null}"#),
                ],
                &[],
                &[
                    "LON lon: '180.5' is not within -180 and 180",
                    "LAT lat: '-85.06' is not within -85.05112878 and 85.05112878",
                    "LON lon: 'x' is no number; where it is a text, CAST it",
                    "veh is null; value has: lon, lat, veh",
                ],
            ),
            (
                "TO GEO buses LON lon LAT lat MEMBER veh DELETE WHEN \"lat IS NULL\"",
                &[value(r#"{"lon":1,"lat":null,"veh":"v"}"#)],
                &["ZREM buses v"],
                &[],
            ),
        ],
    );
}

#[test]
fn samples_have_a_time_and_a_number() {
    check(
        Values::Json,
        &[
            (
                "TO TIMESERIES \"t:%{_key}\" VALUE v",
                &[value(r#"{"v":20.5}"#)],
                &["TS.ADD t:k 1700000000123 20.5"],
                &[],
            ),
            (
                "TO TIMESERIES t AT at VALUE v TTL 1d",
                &[value(r#"{"at":5,"v":1}"#), value(r#"{"at":5,"v":2}"#)],
                &["TS.ADD t 5 1", "TS.ADD t 5 2", "expire t After(86400000)"],
                &[],
            ),
            (
                "TO TIMESERIES t AT at VALUE v",
                &[
                    value(r#"{"at":"noon","v":1}"#),
                    value(r#"{"at":-1,"v":1}"#),
                    value(r#"{"at":1,"v":"a"}"#),
                ],
                &[],
                &[
                    "AT at: 'noon' is no timestamp and no whole number of milliseconds from 0 on",
                    "AT at: '-1' is no timestamp and no whole number of milliseconds from 0 on",
                    "VALUE v: 'a' is no number; where it is a text, CAST it",
                ],
            ),
            ("TO TIMESERIES t VALUE v TOMBSTONE DELETE", &[TOMBSTONE], &["DEL t"], &[]),
        ],
    );
}

#[test]
fn messages_are_json_and_tombstones_are_none() {
    check(
        Values::Json,
        &[
            (
                "TO CHANNEL \"changes:%{a}\" SELECT \"a, b\" WHERE \"a > 1\"",
                &[value(r#"{"a":1,"b":"x"}"#), value(r#"{"a":2,"b":"y"}"#), TOMBSTONE],
                &[r#"PUBLISH changes:2 {"a":2,"b":"y"}"#],
                &[],
            ),
            ("TO CHANNEL c", &[value("\"x\"")], &["PUBLISH c \"x\""], &[]),
            // A channel is no key.
            ("TO CHANNEL kafka:definitions", &[value("1")], &["PUBLISH kafka:definitions 1"], &[]),
            (
                "TO CHANNEL \"kafka:ledger:%{a}\"",
                &[value(r#"{"a":1}"#)],
                &[r#"PUBLISH kafka:ledger:1 {"a":1}"#],
                &[],
            ),
        ],
    );
}

#[test]
fn commands_run_with_the_texts_of_their_arguments() {
    check(
        Values::Json,
        &[
            (
                "TO COMMAND incrby \"n:%{id}\" \"%{n}\"",
                &[value(r#"{"id":1,"n":5}"#), TOMBSTONE, value(r#"{"id":2,"n":null}"#)],
                &["INCRBY n:1 5"],
                &["n is null; value has: id, n"],
            ),
            ("WHERE \"id > 1\" TO COMMAND XADD s * x \"%{'WHERE'}\" \"%%{\"", &[], &[], &[]),
            (
                "TO COMMAND DEL \"kafka:%{'ledger'}:%{id}\"",
                &[value(r#"{"id":1}"#)],
                &[],
                &[
                    "key 'kafka:ledger:1': keys that start with kafka:ledger:, kafka:deadletters: or kafka:definitions are reserved",
                ],
            ),
        ],
    );
}

#[test]
fn times_to_live_are_those_of_the_last_write() {
    check(
        Values::Json,
        &[
            (
                "TO STRING k VALUE a TTL 10m",
                &[value(r#"{"a":1}"#)],
                &["SET k 1", "expire k After(600000)"],
                &[],
            ),
            (
                "TO STRING k VALUE a EXPIREAT \"_timestamp + cast(_header['ttl'] AS BIGINT) * 1000\"",
                &[value(r#"{"a":1}"#)],
                &["SET k 1", "expire k At(1700000060123)"],
                &[],
            ),
            (
                "TO LIST k EXPIREAT at",
                &[
                    value(r#"{"at":1700000000000}"#),
                    value(r#"{"at":null}"#),
                    value(r#"{"at":1700000000}"#),
                    value(r#"{"at":"x"}"#),
                ],
                &[
                    r#"RPUSH k {"at":1700000000000}"#,
                    r#"RPUSH k {"at":null}"#,
                    "expire k At(1700000000000)",
                ],
                &[
                    "EXPIREAT at: 1700000000 looks like seconds; multiply it by 1000",
                    "EXPIREAT at: 'x' is no timestamp and no whole number of milliseconds",
                ],
            ),
        ],
    );
}

#[test]
fn a_change_events_delete_removes_state_and_members_only_where_that_is_written() {
    let delete = &[(Some("k"), Some(r#"{"op":"d","before":{"id":7,"m":"x"},"after":null}"#))];
    check(
        Values::Debezium,
        &[
            ("TO STRING \"s:%{id}\"", delete, &["DEL s:7"], &[]),
            ("TO STRING \"s:%{id}\" TOMBSTONE IGNORE", delete, &[], &[]),
            ("TO JSON \"s:%{id}\"", delete, &["DEL s:7"], &[]),
            ("TO LIST \"s:%{id}\"", delete, &[], &[]),
            ("TO LIST \"s:%{id}\" TOMBSTONE DELETE", delete, &["DEL s:7"], &[]),
            ("TO SET s MEMBER m", delete, &[], &[]),
            ("TO SET s MEMBER _key TOMBSTONE DELETE", delete, &["SREM s k"], &[]),
            ("TO TIMESERIES s VALUE id", delete, &[], &[]),
            ("TO CHANNEL s", delete, &[], &[]),
            ("TO COMMAND INCR s", delete, &[], &[]),
        ],
    );
}

#[test]
fn routes_of_a_record_are_written_whole_or_not_at_all() {
    let routes =
        ["TO SET s MEMBER m", "TO CHANNEL c", "TO COMMAND INCR n", "TO ZSET z MEMBER m SCORE x"];
    let records = [value(r#"{"m":"a","x":1}"#), value(r#"{"m":"b","x":"bad"}"#)];
    let (written, wrong) = written(Values::Json, &routes, &records);
    // The order in which they are applied.
    let expected = ["INCR n", "SADD s a", "ZADD z 1 a", r#"PUBLISH c {"m":"a","x":1}"#];
    assert_eq!(written, expected);
    assert_eq!(wrong.len(), 1);
}
