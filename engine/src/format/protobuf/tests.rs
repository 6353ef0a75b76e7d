//! What the tests of this format share.

use super::*;
use crate::format::text::{write_json, write_text};
use crate::record::Step;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use serde_json::Value as Json;

mod agreement;
mod hostile;
mod oracle;
mod random;
mod schemas;
mod semantics;

/// A schema without references whose records are of the type `message`.
fn schema(text: &str, message: Option<&str>) -> SchemaText {
    SchemaText {
        text: text.to_owned(),
        references: Vec::new(),
        message: message.map(str::to_owned),
    }
}

fn compile(text: &str, message: Option<&str>, wanted: &Wanted) -> Program {
    Protobuf::compile(&schema(text, message), wanted).expect("a schema")
}

fn descriptor(text: &str, message: &str) -> MessageDescriptor {
    let source = Source::compile(&schema(text, None)).expect("a schema");
    let pool: &DescriptorPool = &source.pool;
    pool.get_message_by_name(message).expect("a message")
}

/// Every field, and the whole value in slot 0.
fn everything() -> Wanted {
    let mut wanted = Wanted { every_field: true, ..Wanted::default() };
    wanted.slot(&[]);
    wanted
}

/// What was decoded, as texts.
#[derive(Debug, Default, PartialEq)]
struct Decoded {
    /// Names and texts; no text where the field is null.
    fields: Vec<(String, Option<String>)>,
    /// The slots as JSON.
    slots: Vec<String>,
}

impl Decoded {
    fn text(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(known, _)| known == name).expect("the field");
        field.1.as_deref()
    }
}

fn decode(program: &mut Program, bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let (mut names, arena, mut row) = (Names::default(), Arena::new(), Row::default());
    Protobuf::forget_names(program);
    if let Err(error) = Protobuf::decode(program, bytes, &mut names, &arena, &mut row) {
        assert_eq!((row.shape(), row.fields().len()), (Shape::Absent, 0));
        assert!(error.at <= bytes.len(), "{error}");
        return Err(error);
    }
    let mut decoded = Decoded::default();
    for field in row.fields() {
        let mut text = Vec::new();
        write_text(field.value, &mut text);
        let text = (!field.value.is_null()).then(|| String::from_utf8_lossy(&text).into_owned());
        let name = String::from_utf8_lossy(names.get(field.name)).into_owned();
        decoded.fields.push((name, text));
    }
    let mut slot = 0;
    while slot < 64 {
        let mut text = Vec::new();
        write_json(row.slot(slot), &mut text);
        decoded.slots.push(String::from_utf8(text).expect("JSON is UTF-8"));
        slot += 1;
    }
    Ok(decoded)
}

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn path(steps: &[&str]) -> Vec<Step> {
    let step = |step: &&str| match step.parse() {
        Ok(index) => Step::Index(index),
        Err(_) => Step::Field((*step).to_owned()),
    };
    steps.iter().map(step).collect()
}
