//! Expressions, templates and selections.

use crate::assert_steady;
use redis_kafka_engine::expression::{Context, Expression, Layout, Program, Selection, Template};
use redis_kafka_engine::format::json::JsonDecoder;
use redis_kafka_engine::format::text::write_text;
use redis_kafka_engine::format::{Decoder, Input, NoHeaders};
use redis_kafka_engine::record::{Arena, Names, Row};

/// One of each kind of work.
const EXPRESSIONS: &[&str] = &[
    "id * 2 + 1 - id % 7",
    "price * 1.2 + 0.05 - 3 / price",
    "price / 1e1",
    "id > 20 AND text <> 'x' OR price <= 1.5",
    "text LIKE 'x%\u{e9}%' OR text LIKE '_x' OR text LIKE pattern",
    "CASE WHEN id > 100 THEN 'many' WHEN id = 0 THEN NULL ELSE 'few' END",
    "CASE text WHEN 'x' THEN 1 ELSE 2 END",
    "text || '-' || id || ':' || price",
    "CAST(id AS STRING) || CAST(price AS DECIMAL(9, 1)) || CAST('5' AS INT) || CAST(at AS DATE)",
    "CAST(nested AS STRING)",
    "nested.list[id % 2].a",
    "nested = nested AND nested.list[0] IS NOT NULL",
    "id IN (1, 2, 3) OR text IN ('a', 'b') OR id BETWEEN 5 AND 9",
    "TIMESTAMP '2026-11-21T00:00:00Z' > at",
    "ARRAY[id, price]",
    "STRUCT(a := id, b := text).a",
    "MAP('k' := id)['k']",
    "id IS DISTINCT FROM price",
];

fn records() -> Vec<String> {
    let record = |i: usize| {
        let text = "x".repeat(i % 50);
        format!(
            r#"{{"id": {i}, "price": {i}.50, "text": "{text}\u00e9", "pattern": "%x_%",
                "at": "2026-11-21T02:58:11.123Z", "nested": {{ "list": [ {{"a": {i}}}, 5 ] }} }}"#
        )
    };
    (0..200).map(record).collect()
}

#[test]
fn evaluating_allocates_nothing_in_steady_state() {
    let mut layout = Layout::default();
    let programs: Vec<Program> = EXPRESSIONS
        .iter()
        .map(|text| Expression::parse(text, 0).expect(text).compile(&mut layout).expect(text))
        .collect();
    let selection = "*, id + 1 AS next, text || 'x' AS id, nested.*, price * 2 AS double";
    let selection = Selection::parse(selection).expect("SQL").compile(&mut layout).expect("SQL");
    let template = Template::parse("k:%{id + 1}:%{text || '!'}").expect("a template");
    let template = template.compile(&mut layout).expect("SQL");
    let mut decoder = JsonDecoder::new(layout.value);
    let (mut names, mut arena, records) = (Names::default(), Arena::new(), records());
    let (mut row, mut fields, mut text) = (Row::default(), Row::default(), Vec::new());
    let pass = || {
        let mut written = 0;
        for record in &records {
            arena.reset();
            let mut value = std::mem::take(&mut row).recycle();
            let mut out = std::mem::take(&mut fields).recycle();
            let empty = Row::default();
            let input = Input { bytes: record.as_bytes(), headers: &NoHeaders };
            decoder.decode(input, &mut names, &arena, &mut value).expect("JSON");
            let context = Context {
                topic: "t",
                partition: 0,
                offset: 1,
                timestamp: None,
                key: &empty,
                value: &value,
                envelope: &empty,
                headers: &NoHeaders,
                aliases: &[],
                arena: &arena,
            };
            text.clear();
            for program in &programs {
                write_text(program.evaluate(&context).expect("a value"), &mut text);
            }
            template.write(&context, &mut text).expect("a text");
            selection.write(&context, &mut names, &mut out).expect("fields");
            written += text.len() + out.fields().len();
            fields = out.recycle();
            row = value.recycle();
        }
        written
    };
    assert_steady(pass);
}
