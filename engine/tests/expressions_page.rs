//! Every example of docs/expressions.md is true.

use redis_kafka_engine::expression::{Context, Expression, Layout, Selection, Template};
use redis_kafka_engine::format::json::JsonDecoder;
use redis_kafka_engine::format::text::write_text;
use redis_kafka_engine::format::{Decoder, Headers, Input, NoHeaders};
use redis_kafka_engine::record::{Arena, Names, Row, Value};

const PAGE: &str = include_str!("../../docs/expressions.md");

/// The headers that the page says the record has.
struct PageHeaders;

impl Headers for PageHeaders {
    fn last(&self, name: &str) -> Option<&[u8]> {
        (name == "X-Id").then_some(b"h1")
    }
}

/// The contents of all fenced blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let open = format!("```{language}\n");
    let fenced = PAGE.split(&open).skip(1);
    fenced.map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

fn shown(value: Value<'_>) -> String {
    let mut out = Vec::new();
    write_text(value, &mut out);
    if value.is_null() { "null".to_owned() } else { String::from_utf8(out).expect("UTF-8") }
}

/// What is told of a refused expression.
fn refused(problem: impl ToString) -> String {
    format!("refused: {}", problem.to_string())
}

/// What is told of an error of the record.
fn failed(problem: impl ToString) -> String {
    format!("error: {}", problem.to_string())
}

/// Evaluates over the page's record, whose layout was compiled before.
fn with_record(layout: Layout, show: impl FnOnce(&Context<'_>, &mut Names) -> String) -> String {
    let (mut names, arena) = (Names::default(), Arena::new());
    let (mut value, mut key, envelope) = (Row::default(), Row::default(), Row::default());
    let input = |bytes| Input { bytes, headers: &NoHeaders };
    let record = blocks("json")[0].as_bytes();
    let mut decoder = JsonDecoder::new(layout.value);
    decoder.decode(input(record), &mut names, &arena, &mut value).expect("JSON");
    let mut decoder = JsonDecoder::new(layout.key);
    decoder.decode(input(b"\"VIE-7\""), &mut names, &arena, &mut key).expect("JSON");
    let context = Context {
        topic: "rides",
        partition: 3,
        offset: 42,
        timestamp: Some(1_795_229_891_123),
        key: &key,
        value: &value,
        envelope: &envelope,
        headers: &PageHeaders,
        aliases: &[],
        arena: &arena,
    };
    show(&context, &mut names)
}

fn selected(selection: &str) -> String {
    let mut layout = Layout::default();
    let compiled = Selection::parse(selection).and_then(|parsed| parsed.compile(&mut layout));
    let Ok(program) = compiled.as_ref() else {
        return compiled.map_or_else(refused, |_| String::new());
    };
    with_record(layout, |context, names| {
        let mut out = Row::default();
        if let Err(problem) = program.write(context, names, &mut out) {
            return failed(problem);
        }
        let field = |field: &redis_kafka_engine::record::Field<'_>| {
            let name = String::from_utf8_lossy(names.get(field.name)).into_owned();
            format!("{name}={}", shown(field.value))
        };
        out.fields().iter().map(field).collect::<Vec<_>>().join(" ")
    })
}

fn filled(template: &str) -> String {
    let mut layout = Layout::default();
    let compiled = Template::parse(template).and_then(|parsed| parsed.compile(&mut layout));
    let program = match compiled {
        Ok(program) => program,
        Err(problem) => return refused(problem),
    };
    with_record(layout, |context, _| {
        let mut out = Vec::new();
        let written = program.write(context, &mut out);
        written.map_or_else(failed, |()| String::from_utf8(out).expect("UTF-8"))
    })
}

fn evaluated(expression: &str) -> String {
    let mut layout = Layout::default();
    let compiled = Expression::parse(expression, 0).and_then(|parsed| parsed.compile(&mut layout));
    match compiled {
        Err(problem) => refused(problem),
        Ok(program) => {
            with_record(layout, |context, _| program.evaluate(context).map_or_else(failed, shown))
        }
    }
}

#[test]
fn every_example_is_true() {
    let lines = blocks("text").into_iter().flat_map(str::lines);
    let (mut wrong, mut count) = (Vec::new(), 0);
    for line in lines {
        let (left, expected) = line.split_once(" → ").unwrap_or_else(|| panic!("no →: {line}"));
        let (left, expected) = (left.trim(), expected.trim());
        let quoted = left.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let found = match (left.strip_prefix("SELECT "), quoted) {
            (Some(selection), _) => selected(selection),
            (_, Some(template)) => filled(template),
            _ => evaluated(left),
        };
        count += 1;
        if found != expected {
            wrong.push(format!("{left}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 70, "{count} examples");
}
