//! Functions.

use crate::assert_steady;
use redis_kafka_engine::expression::{Context, Expression, Layout, Program};
use redis_kafka_engine::format::{NoHeaders, text::write_text};
use redis_kafka_engine::record::{Arena, Row};

/// Of the topic and the timestamp, which are not constant and so not folded.
const EXPRESSIONS: &[&str] = &[
    "upper(_topic)",
    "concat_ws('-', _topic, _offset)",
    "substring(_topic, -3)",
    "replace(_topic, 'r', 'R')",
    "lpad(_offset, 12, '0')",
    "mask(_topic)",
    "instr(_topic, 'a', -1)",
    "split(_topic, '.')[1]",
    "split_to_map(_topic, '.', '-')",
    "regexp_extract('([a-z]+)\\.([a-z]+)', _topic, 2)",
    "regexp_replace(_topic, '([a-z])\\.', '$1/')",
    "regexp_like(_topic, _topic)",
    "round(_offset / 7.0, 2)",
    "format_timestamp(_timestamp, 'yyyy-MM-dd HH:mm:ss.SSS z', 'Europe/Vienna')",
    "format_timestamp(_timestamp, concat('yyyy', '-MM'), concat('UT', left('C', _partition)))",
    "date_trunc(DAY, _timestamp, 'America/New_York')",
    "window(_timestamp, '15m')",
    "timestampadd(MONTHS, 1, _timestamp)",
    "hour(_timestamp, 'Asia/Kolkata')",
    "array_sort(ARRAY[_offset, 3, _partition])",
    "array_join(array_distinct(split(_topic, '')))",
    "to_json_string(MAP('t' := _topic, 'o' := _offset))",
    "extractjsonfield(concat('{\"a\":[', _offset, ']}'), '$.a[0]')",
    "json_concat('[1]', concat('[', _offset, ']'))",
    "base64_encode(_topic)",
    "sha256(_topic)",
    "crc32(_topic)",
    "url_encode_param(_topic)",
    "coalesce(nullif(_offset, 7), _topic)",
];

fn pass(programs: &[Program], arena: &mut Arena, out: &mut Vec<u8>) -> usize {
    let mut written = 0;
    for offset in 0..50 {
        for program in programs {
            arena.reset();
            let (key, value, envelope) = (Row::default(), Row::default(), Row::default());
            let context = Context {
                topic: "rides.city-vie",
                partition: 1,
                offset,
                timestamp: Some(1_795_229_891_123 + offset),
                key: &key,
                value: &value,
                envelope: &envelope,
                headers: &NoHeaders,
                aliases: &[],
                arena,
            };
            out.clear();
            write_text(program.evaluate(&context).expect("a value"), out);
            written += out.len();
        }
    }
    written
}

#[test]
fn functions_allocate_nothing_in_steady_state() {
    let (mut arena, mut out) = (Arena::new(), Vec::new());
    for expression in EXPRESSIONS {
        let parsed = Expression::parse(expression, 0).expect(expression);
        let program = [parsed.compile(&mut Layout::default()).expect(expression)];
        println!("{expression}");
        assert_steady(|| pass(&program, &mut arena, &mut out));
    }
}
