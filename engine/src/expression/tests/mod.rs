//! Expressions over JSON records, as texts.

use super::{Context, EvaluationError, Expression, ExpressionError, Layout, Selection};
use crate::format::json::JsonDecoder;
use crate::format::text::write_text;
use crate::format::{Decoder, Input, NoHeaders};
use crate::record::{Arena, Names, Row, Type, Value};

mod aggregates;
mod golden;
mod properties;
mod select;

/// What came of an expression.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its text form; none for null.
    Value(Option<String>),
    /// The error of the expression.
    Refused(String),
    /// The error of the record.
    Failed(String),
}

fn text(value: Value<'_>) -> Option<String> {
    let mut out = Vec::new();
    write_text(value, &mut out);
    (!value.is_null()).then(|| String::from_utf8_lossy(&out).into_owned())
}

/// Evaluates an expression over a JSON record.
pub(super) fn evaluate(expression: &str, record: &str) -> Outcome {
    match compiled(expression, record) {
        Ok(Ok(value)) => Outcome::Value(value),
        Ok(Err(error)) => Outcome::Failed(error.to_string()),
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

type Evaluated = Result<Option<String>, EvaluationError>;

fn compiled(expression: &str, record: &str) -> Result<Evaluated, ExpressionError> {
    let mut layout = Layout::default();
    let program = Expression::parse(expression, 0)?.compile(&mut layout)?;
    Ok(with_record(layout, record, |context, _| program.evaluate(context).map(text)))
}

/// Decodes a record and shows it.
fn with_record<T>(
    layout: Layout,
    record: &str,
    show: impl FnOnce(&Context<'_>, &mut Names) -> T,
) -> T {
    let (mut names, arena) = (Names::default(), Arena::new());
    let (mut value, mut key, empty) = (Row::default(), Row::default(), Row::default());
    let mut decoder = JsonDecoder::new(layout.value);
    let mut key_decoder = JsonDecoder::new(layout.key);
    let input = |bytes| Input { bytes, headers: &NoHeaders };
    decoder.decode(input(record.as_bytes()), &mut names, &arena, &mut value).expect("JSON");
    key_decoder.decode(input(b"{\"k\":7}"), &mut names, &arena, &mut key).expect("JSON");
    let context = Context {
        topic: "rides",
        partition: 3,
        offset: 42,
        timestamp: Some(1_795_201_091_123),
        key: &key,
        value: &value,
        envelope: &empty,
        headers: &NoHeaders,
        aliases: &[],
        arena: &arena,
    };
    show(&context, &mut names)
}
