//! Edges: nulls, negative positions, ends, other scripts, hostile sizes.

use crate::expression::tests::{Outcome, evaluate};
use proptest::prelude::*;

const RECORD: &str = r#"{"ride":"VIE-7","n":3,"d":13.40,"e":1.5e0,"flag":true,"none":null,
    "escaped":"a\"b\u00fc","list":[3,1,null,2],"texts":["b","a"],"map":{"x":1,"y":[2]},
    "java":[2020,7,1,0,25],"iso":"2026-11-21T02:58:11.123Z","ms":1795229891123}"#;

/// Expressions and their texts; a failure is `!` and a part of its error.
const TABLE: &[(&str, &str)] = &[
    ("substring('Zürich', 2, 3)", "üri"),
    ("substring('abc', 0)", "abc"),
    ("substring('abc', -9)", "abc"),
    ("substring('abc', 2, -1)", ""),
    ("substring('abc', 9223372036854775807, 9223372036854775807)", ""),
    ("substring('abc', -9223372036854775807)", "abc"),
    ("substring(none, 1)", "null"),
    ("upper(escaped)", "A\"BÜ"),
    ("upper(n)", "3"),
    ("upper(d)", "13.40"),
    ("upper(map)", "!not text"),
    ("len(none)", "null"),
    ("concat(d, '-', flag)", "13.40-true"),
    ("instr('aaa', 'aa', 1, 2)", "2"),
    ("instr('Zürich', 'ich')", "4"),
    ("instr('abc', 'c', 0)", "0"),
    ("instr('abc', 'c', 4)", "0"),
    ("instr(none, 'c')", "0"),
    ("repeat('a', 1048577)", "!1 MiB"),
    ("repeat('', 9223372036854775807)", ""),
    ("lpad('a', 1048577, 'b')", "!1 MiB"),
    ("lpad('ü', 3, 'ab')", "abü"),
    ("generate_series(1, 100001)", "!100000"),
    ("split_part('a', '/', 0)", "!counted from 1"),
    ("regexp_replace('abc', 'b', '$9')", "!no group 9"),
    ("regexp_replace('abc', '', '-')", "-a-b-c-"),
    ("regexp_extract_all('x*', 'axb')", r#"["","x",""]"#),
    ("regexp_extract('(a)|(b)', 'b', 1)", "null"),
    ("round(2.5)", "3"),
    ("round(-2.5)", "-2"),
    ("round(d, 1)", "13.4"),
    ("round(1.005e0, 2)", "1.01"),
    ("round(1e300, 2)", "1e+300"),
    ("round(n, -1)", "0"),
    ("round(9223372036854775807, -1)", "!does not fit"),
    ("abs(-9223372036854775807 - 1)", "!does not fit"),
    ("floor(-0.5)", "-1"),
    ("ceil(e)", "2.0"),
    ("mod(5, 0)", "!division by zero"),
    ("mod(5.5, 0)", "!division by zero"),
    ("greatest(1, 'a')", "!compared"),
    ("nullif(n, 3.0)", "null"),
    ("ifnull(none, map)", r#"{"x":1,"y":[2]}"#),
    ("array_sort(list)", "[1,2,3,null]"),
    ("array_sort(list, 'DESC')", "[3,2,1,null]"),
    ("array_contains(list, 2)", "true"),
    ("array_contains(list, '2')", "false"),
    ("array_join(texts, none)", "ba"),
    ("array_max(texts)", "b"),
    ("slice(list, 2, 9)", "null"),
    ("slice(list, 3, 2)", "[]"),
    ("element_at(list, -1)", "2"),
    ("element_at(list, 0)", "!counts from 1"),
    ("array_length(map)", "!not an array"),
    ("map_keys(map)", r#"["x","y"]"#),
    ("map_values(map)", "[1,[2]]"),
    ("map_union(map, MAP('x' := 'new'))", r#"{"x":"new","y":[2]}"#),
    ("extractjsonfield(map, '$.y[0]')", "2"),
    ("extractjsonfield('[1', '$[0]')", "null"),
    ("parse_json('{')", "!not JSON"),
    ("parse_json('{\"a\":[1,2]}').a[-1]", "2"),
    ("json_array_contains(NULL, 1)", "false"),
    ("json_concat('{\"a\":1}', '[2]')", r#"[{"a":1},2]"#),
    ("to_json_string(map)", r#"{"x":1,"y":[2]}"#),
    ("unhex('xyz')", "!hexadecimal"),
    ("from_bytes(unhex('ff'), 'utf8')", "!UTF-8"),
    ("from_bytes('a', 'rot13')", "!unknown encoding"),
    ("base64_decode('####')", "!not base64"),
    ("url_decode_param('%zz')", "!hexadecimal"),
    ("url_extract_host('http://[::1]:80/')", "[::1]"),
    ("format_timestamp(java, 'yyyy-MM-dd HH:mm')", "2020-07-01 00:25"),
    ("format_timestamp(iso, 'HH:mm:ss.SSSSSS')", "02:58:11.123000"),
    (
        "format_timestamp(ms, 'yyyy-MM-dd HH:mm:ss z', 'America/New_York')",
        "2026-11-20 21:58:11 EST",
    ),
    ("format_timestamp(-1, 'uuuu-MM-dd HH:mm:ss.SSS')", "1969-12-31 23:59:59.999"),
    ("format_timestamp(flag, 'yyyy')", "!not a time"),
    ("format_timestamp('yesterday', 'yyyy')", "!no ISO 8601 time"),
    ("hour(iso, 'Europe/Vienna')", "3"),
    ("window(iso, '15m')", "1795229100000"),
    ("window(iso, 0)", "!greater than 0"),
    ("window(-1, 60000)", "-60000"),
    ("timestampadd(HOURS, n, iso)", "2026-11-21T05:58:11.123Z"),
    ("timestampadd(MICROSECONDS, 1, iso)", "2026-11-21T02:58:11.123001Z"),
    ("timestampadd(YEARS, 9223372036854775807, iso)", "!beyond the calendar"),
    ("timestampadd(FORTNIGHTS, 1, iso)", "!unknown unit"),
    ("timestampadd(DAYS, 1, none)", "null"),
    ("dateadd(YEARS, -1, '2028-02-29')", "2027-02-28"),
    ("parse_timestamp('2026-02-31', 'yyyy-MM-dd')", "2026-02-28T00:00:00.000Z"),
    ("parse_timestamp('x', 'yyyy')", "!does not follow the pattern at character 1"),
    ("extract('eon', iso)", "!no part"),
];

#[test]
fn edges_are_as_the_table_says() {
    let mut wrong = Vec::new();
    for (expression, expected) in TABLE {
        let found = evaluate(expression, RECORD);
        let right = match (&found, expected.strip_prefix('!')) {
            (Outcome::Value(None), None) => *expected == "null",
            (Outcome::Value(Some(text)), None) => text == expected,
            (Outcome::Failed(error) | Outcome::Refused(error), Some(part)) => error.contains(part),
            _ => false,
        };
        if !right {
            wrong.push(format!("{expression}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn constant_arguments_are_refused_before_any_record() {
    for (expression, part) in [
        ("regexp_like(ride, '(')", "bad regular expression"),
        ("regexp_like(ride, '(?=a)')", "look-around"),
        ("format_timestamp(ms, 'YYYY')", "letter 'Y' is not supported"),
        ("format_timestamp(ms, 'yyyyTHH')", "quote it"),
        ("format_timestamp(ms, 'yyyy', 'Europe/Wien')", "unknown time zone"),
        ("format_date(ms, 'HH')", "a date has not"),
        ("window(ms, '1 fortnight')", "bad window size"),
        ("extractjsonfield(map, 'y')", "bad JSON path"),
    ] {
        match evaluate(expression, RECORD) {
            Outcome::Refused(error) => assert!(error.contains(part), "{expression}: {error}"),
            other => panic!("{expression}: {other:?}"),
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn value(expression: &str) -> Option<String> {
    match evaluate(expression, "{}") {
        Outcome::Value(value) => value,
        other => panic!("{expression}: {other:?}"),
    }
}

proptest! {
    #[test]
    fn texts_are_cut_and_changed_as_std_does(
        text in "[a-zßüÜ東 ,]{0,12}", from in 1usize..14, length in 0usize..14,
    ) {
        let q = quoted(&text);
        let part: String = text.chars().skip(from - 1).take(length).collect();
        prop_assert_eq!(value(&format!("substring({q}, {from}, {length})")), Some(part));
        prop_assert_eq!(value(&format!("upper({q})")), Some(text.to_uppercase()));
        prop_assert_eq!(value(&format!("reverse(reverse({q}))")), Some(text.clone()));
        prop_assert_eq!(value(&format!("replace({q}, ',', '--')")), Some(text.replace(',', "--")));
        let joined = format!("array_join(split({q}, ','), ',')");
        prop_assert_eq!(value(&joined), Some(text.clone()));
    }

    #[test]
    fn bytes_come_back_from_every_encoding(text in "\\PC{0,20}") {
        let q = quoted(&text);
        for encoding in ["hex", "base64", "utf8"] {
            let there = format!("encode(encode({q}, 'utf8', '{encoding}'), '{encoding}', 'utf8')");
            prop_assert_eq!(value(&there), Some(text.clone()));
        }
        let there = format!("url_decode_param(url_encode_param({q}))");
        prop_assert_eq!(value(&there), Some(text.clone()));
        let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        prop_assert_eq!(value(&format!("url_encode_param({q})")), Some(form));
    }
}
