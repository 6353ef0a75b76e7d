//! ENVELOPE CONNECT: `{"schema": …, "payload": …}`, as Kafka Connect's
//! JsonConverter writes with `schemas.enable`.
//!
//! The payload is typed by its schema as JsonConverter reads it: a null is the
//! schema's default where it has one (`replace.null.with.default`), fields the
//! schema does not know are passed over, missing ones are null; the logical
//! types of Connect and of Debezium are read by the schema's name. It is
//! stricter where JsonConverter guesses: what does not fit its type is an error.
//!
//! Fields come in the payload's order, then those it lacks in the schema's,
//! which is the same for what JsonConverter writes. A schema is compiled once
//! and known again by its text.

use super::super::json::{self, JsonDecoder, MemberName};
use super::super::{DecodeError, Decoder, Failure, Format, Input, check_utf8, nested, single};
use crate::record::{Arena, Names, Row, Shape, Step, Value, Wanted};
use schema::{Kind, Node};
use std::borrow::Cow;
use std::collections::VecDeque;
use typed::Typed;

mod scalar;
mod schema;
#[cfg(test)]
mod tests;
mod typed;

/// How many schemas are kept: a topic has one, and two while it changes.
const SCHEMAS_KEPT: usize = 8;

/// Decodes such envelopes. A payload that is null leaves a row of
/// [`Shape::Absent`]: it is to be taken as a tombstone.
#[derive(Debug)]
pub struct Connect {
    wanted: Wanted,
    /// For payloads whose schema is null.
    plain: JsonDecoder,
    /// The latest first.
    schemas: VecDeque<Compiled>,
}

/// A schema by its text.
#[derive(Debug)]
struct Compiled {
    text: Box<str>,
    node: Node,
    /// Of a struct: the field each wanted path starts with.
    heads: Vec<Option<usize>>,
}

/// What stands in an envelope.
#[derive(Default)]
struct Parts<'a> {
    schema: Option<Value<'a>>,
    payload: Option<Value<'a>>,
    other: Option<String>,
}

impl Connect {
    /// A decoder that reads what is wanted of payloads.
    pub fn new(wanted: Wanted) -> Connect {
        Connect { plain: JsonDecoder::new(wanted.clone()), wanted, schemas: VecDeque::new() }
    }

    fn known_schema(&self, name: MemberName<'_>, text: &str) -> Option<usize> {
        let known = |compiled: &&Compiled| text.starts_with(&*compiled.text);
        let compiled = name.is("schema").then(|| self.schemas.iter().find(known))??;
        Some(compiled.text.len())
    }

    fn parts<'a>(&self, document: &'a str) -> Result<Parts<'a>, DecodeError> {
        let mut parts = Parts::default();
        let known = |name: MemberName<'a>, text: &'a str| self.known_schema(name, text);
        let scanned = json::document_members(document, known, |name, value| match name {
            _ if name.is("schema") => parts.schema = Some(value),
            _ if name.is("payload") => parts.payload = Some(value),
            _ => parts.other = Some(name.text().into_owned()),
        });
        scanned.map_err(|(at, problem)| failed(at, problem))?;
        Ok(parts)
    }

    /// Puts the schema of that text first, compiled when it is new.
    fn find_schema(&mut self, schema: Value<'_>, arena: &Arena) -> Result<(), String> {
        let Value::Object(text) = schema else {
            return Err("a schema is a JSON object".to_owned());
        };
        if let Some(at) = self.schemas.iter().position(|compiled| *compiled.text == *text) {
            if at > 0
                && let Some(compiled) = self.schemas.remove(at)
            {
                self.schemas.push_front(compiled);
            }
            return Ok(());
        }
        let node = Node::compile(schema, arena)?;
        let head = |path: &Vec<Step>| match (&node.kind, path.first()) {
            (Kind::Struct(fields), Some(Step::Field(name))) => fields.place(name),
            _ => None,
        };
        let heads = self.wanted.paths.iter().map(head).collect();
        self.schemas.truncate(SCHEMAS_KEPT - 1);
        self.schemas.push_front(Compiled { text: text.into(), node, heads });
        Ok(())
    }

    fn schemaless<'a>(
        &mut self,
        payload: Value<'a>,
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), DecodeError> {
        match payload {
            Value::Null => row.begin(Shape::Absent, self.wanted.paths.len()),
            Value::Object(text) => {
                return self.plain.document(text.as_bytes(), Format::Json, names, arena, row);
            }
            other => single(other, &self.wanted, names, arena, row),
        }
        Ok(())
    }
}

impl Decoder for Connect {
    fn decode<'a>(
        &'a mut self,
        input: Input<'a>,
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), Failure> {
        row.begin(Shape::Absent, 0);
        let document = check_utf8(input.bytes, Format::Json)?;
        let parts = self.parts(document)?;
        let (schema, payload) = match parts {
            Parts { schema: Some(schema), payload: Some(payload), other: None } => {
                (schema, payload)
            }
            parts => return Err(no_envelope(&parts).into()),
        };
        if schema.is_null() {
            return Ok(self.schemaless(payload, names, arena, row)?);
        }
        self.find_schema(schema, arena)
            .map_err(|problem| failed(0, format!("schema: {problem}")))?;
        let Some(compiled) = self.schemas.front() else {
            return Ok(());
        };
        read(compiled, payload, &self.wanted, names, arena, row).map_err(|mismatch| {
            row.begin(Shape::Absent, 0);
            failed(place(payload, document), mismatch.within("payload").to_string()).into()
        })
    }

    fn forget_names(&mut self) {
        self.plain.forget_names();
    }
}

fn read<'a>(
    compiled: &'a Compiled,
    payload: Value<'a>,
    wanted: &Wanted,
    names: &mut Names,
    arena: &'a Arena,
    row: &mut Row<'a>,
) -> Result<(), typed::Mismatch> {
    let node = &compiled.node;
    match (&node.kind, payload) {
        (Kind::Struct(_), Value::Object(text)) => {
            return read_struct(compiled, text, wanted, names, arena, row);
        }
        (Kind::Map(_), Value::Object(text)) | (Kind::Pairs(..), Value::Array(text)) => {
            node.check(payload)?;
            let whole = arena.nested(Typed { node, text });
            row.begin(Shape::Fields, wanted.paths.len());
            if wanted.every_field {
                push_all(whole, names, arena, row);
            }
            for (slot, path) in wanted.paths.iter().enumerate() {
                row.set(slot, nested::follow(whole, path, arena));
            }
        }
        _ => match node.capture(payload, arena)? {
            Value::Null => row.begin(Shape::Absent, wanted.paths.len()),
            value => single(value, wanted, names, arena, row),
        },
    }
    Ok(())
}

fn push_all<'a>(whole: Value<'a>, names: &mut Names, arena: &'a Arena, row: &mut Row<'a>) {
    let mut previous = None;
    nested::visit(whole, arena, &mut |name, value| {
        let id = names.intern(name.as_bytes(), previous);
        previous = Some(id);
        row.push(id, value);
    });
}

fn read_struct<'a>(
    compiled: &'a Compiled,
    text: &'a str,
    wanted: &Wanted,
    names: &mut Names,
    arena: &'a Arena,
    row: &mut Row<'a>,
) -> Result<(), typed::Mismatch> {
    let Kind::Struct(fields) = &compiled.node.kind else {
        return Ok(());
    };
    row.begin(Shape::Fields, wanted.paths.len());
    let mut found = arena.vec();
    found.resize(fields.len(), Value::Null);
    let (mut previous, mut result) = (None, Ok(()));
    typed::each_field(fields, text, |at, name, node, value| match node.capture(value, arena) {
        Ok(value) => {
            if let Some(place) = found.get_mut(at) {
                *place = value;
            }
            if wanted.every_field {
                let id = names.intern(name.as_bytes(), previous);
                previous = Some(id);
                row.push(id, value);
            }
        }
        Err(mismatch) if result.is_ok() => result = Err(mismatch.within(&format!(".{name}"))),
        Err(_) => {}
    });
    result?;
    for (slot, (path, head)) in wanted.paths.iter().zip(&compiled.heads).enumerate() {
        let value = match (head.and_then(|at| found.get(at)), path.split_first()) {
            (Some(value), Some((_, rest))) => nested::follow(*value, rest, arena),
            (_, None) => arena.nested(Typed { node: &compiled.node, text }),
            _ => Value::Null,
        };
        row.set(slot, value);
    }
    Ok(())
}

fn failed(at: usize, problem: impl Into<Cow<'static, str>>) -> DecodeError {
    DecodeError { format: Format::Json, at, problem: problem.into() }
}

fn no_envelope(parts: &Parts<'_>) -> DecodeError {
    let what = match parts {
        Parts { other: Some(name), .. } => format!("a field '{name}'"),
        Parts { schema: None, .. } => "no field 'schema'".to_owned(),
        _ => "no field 'payload'".to_owned(),
    };
    let way_out = "ENVELOPE CONNECT is for {\"schema\": …, \"payload\": …} of \
                   Kafka Connect's JsonConverter with schemas.enable; leave it away for other JSON";
    failed(0, format!("{what}; {way_out}"))
}

/// Where a part of the document begins; its start for what has no text of its own.
fn place(part: Value<'_>, document: &str) -> usize {
    match part {
        Value::Object(text) | Value::Array(text) | Value::Text(text) | Value::Number(text) => {
            (text.as_ptr() as usize).saturating_sub(document.as_ptr() as usize)
        }
        _ => 0,
    }
}
