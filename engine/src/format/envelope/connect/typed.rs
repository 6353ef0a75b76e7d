//! Values typed by their schema: checked whole, then read where they stand.

use super::scalar::{Leaf, Scalar};
use super::schema::{Fields, Kind, Node};
use crate::format::json;
use crate::format::text::{write_json, write_json_string};
use crate::record::{Arena, Nested, NestedShape, Value};
use std::fmt;

/// Where a value is not what its schema says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mismatch {
    path: String,
    problem: &'static str,
    expected: &'static str,
}

impl Mismatch {
    fn new(problem: &'static str, expected: &'static str) -> Mismatch {
        Mismatch { path: String::new(), problem, expected }
    }

    pub(super) fn within(mut self, step: &str) -> Mismatch {
        self.path.insert_str(0, step);
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch { path, problem, expected } = self;
        write!(f, "{path} {problem}, expected {expected}")
    }
}

/// Which fields of a struct were there.
struct Seen {
    first: [u64; 8],
    /// Of structs of more than 512 fields.
    rest: Vec<u64>,
}

impl Seen {
    fn new(fields: usize) -> Seen {
        let words = fields.div_ceil(64);
        Seen { first: [0; 8], rest: vec![0; words.saturating_sub(8)] }
    }

    fn word(&mut self, at: usize) -> Option<&mut u64> {
        self.first.iter_mut().chain(&mut self.rest).nth(at / 64)
    }

    fn mark(&mut self, at: usize) {
        if let Some(word) = self.word(at) {
            *word |= 1 << (at % 64);
        }
    }

    fn has(&mut self, at: usize) -> bool {
        self.word(at).is_some_and(|word| *word >> (at % 64) & 1 == 1)
    }
}

/// Shows a struct's fields as the object has them, then, as null, those it
/// lacks. What the schema does not know is passed over.
pub(super) fn each_field<'a>(
    fields: &'a Fields,
    object: &'a str,
    mut visit: impl FnMut(usize, &'a str, &'a Node, Value<'a>),
) {
    let (mut seen, mut expected, mut count) = (Seen::new(fields.len()), 0, 0);
    json::each_member(object, |name, value| {
        if let Some(at) = fields.place_of(&name, expected)
            && let Some((name, node)) = fields.get(at)
        {
            count += usize::from(!seen.has(at));
            seen.mark(at);
            expected = at + 1;
            visit(at, name, node, value);
        }
    });
    if count == fields.len() {
        return;
    }
    for at in 0..fields.len() {
        if let Some((name, node)) = fields.get(at).filter(|_| !seen.has(at)) {
            visit(at, name, node, Value::Null);
        }
    }
}

impl Node {
    /// Whether a value is what the schema says, with all that is in it.
    pub(super) fn check(&self, value: Value<'_>) -> Result<(), Mismatch> {
        if value.is_null() {
            let fits = self.optional || self.default.is_some();
            return if fits { Ok(()) } else { Err(Mismatch::new("is null", self.expected())) };
        }
        let mut result = Ok(());
        let mut keep = |outcome: Result<(), Mismatch>| {
            if result.is_ok() {
                result = outcome;
            }
        };
        match (&self.kind, value) {
            (Kind::Scalar(scalar), _) => keep(match scalar.read(value) {
                Some(_) => Ok(()),
                None => Err(Mismatch::new("does not fit", self.expected())),
            }),
            (Kind::Struct(fields), Value::Object(text)) => {
                each_field(fields, text, |_, name, node, value| {
                    keep(
                        node.check(value).map_err(|mismatch| mismatch.within(&format!(".{name}"))),
                    );
                });
            }
            (Kind::Map(values), Value::Object(text)) => json::each_member(text, |name, value| {
                let step = || format!("['{}']", name.text());
                keep(values.check(value).map_err(|mismatch| mismatch.within(&step())));
            }),
            (Kind::Array(node), Value::Array(text)) => {
                let mut at = 0;
                json::elements(text, &mut |value| {
                    keep(node.check(value).map_err(|mismatch| mismatch.within(&format!("[{at}]"))));
                    at += 1;
                });
            }
            (Kind::Pairs(keys, values), Value::Array(text)) => {
                json::elements(text, &mut |entry| {
                    keep(check_pair(keys, values, entry));
                });
            }
            _ => keep(Err(Mismatch::new("does not fit", self.expected()))),
        }
        result
    }

    fn expected(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(scalar) => scalar.expected(),
            Kind::Array(_) => "an array",
            Kind::Map(_) => "a map as an object",
            Kind::Pairs(..) => "a map as an array of [key, value]",
            Kind::Struct(_) => "a struct as an object",
        }
    }

    /// Checks a value and reads it.
    pub(super) fn capture<'a>(
        &'a self,
        value: Value<'a>,
        arena: &'a Arena,
    ) -> Result<Value<'a>, Mismatch> {
        match (&self.kind, value.is_null()) {
            (Kind::Scalar(scalar), false) => match scalar.read(value) {
                Some(leaf) => Ok(leaf.value(arena)),
                None => Err(Mismatch::new("does not fit", self.expected())),
            },
            _ => self.check(value).map(|()| self.present(value, arena)),
        }
    }

    /// Reads a value that has been checked.
    pub(super) fn present<'a>(&'a self, value: Value<'a>, arena: &'a Arena) -> Value<'a> {
        let value = self.or_default(value);
        match (&self.kind, value) {
            (_, Value::Null) => Value::Null,
            (Kind::Scalar(scalar), _) => {
                scalar.read(value).map_or(Value::Null, |leaf| leaf.value(arena))
            }
            (_, Value::Object(_) | Value::Array(_)) if self.plain => value,
            (_, Value::Object(text) | Value::Array(text)) => {
                arena.nested(Typed { node: self, text })
            }
            _ => Value::Null,
        }
    }

    fn or_default<'a>(&'a self, value: Value<'a>) -> Value<'a> {
        match &self.default {
            // It was valid when it was compiled.
            Some(default) if value.is_null() => json::parse(default).unwrap_or_default(),
            _ => value,
        }
    }

    /// Appends a value that has been checked as compact JSON.
    fn write(&self, value: Value<'_>, out: &mut Vec<u8>) {
        let value = self.or_default(value);
        match (&self.kind, value) {
            (_, Value::Null) => out.extend_from_slice(b"null"),
            (Kind::Scalar(scalar), _) => write_scalar(*scalar, value, out),
            (Kind::Struct(fields), Value::Object(text)) if !self.plain => {
                write_struct(fields, text, out);
            }
            (Kind::Map(values), Value::Object(text)) if !self.plain => {
                let mut mark = b'{';
                json::each_member(text, |name, value| {
                    out.push(std::mem::replace(&mut mark, b','));
                    write_json_string(&name.text(), out);
                    out.push(b':');
                    values.write(value, out);
                });
                close(mark, b'{', out);
            }
            (Kind::Array(node), Value::Array(text)) if !self.plain => {
                let mut mark = b'[';
                json::elements(text, &mut |value| {
                    out.push(std::mem::replace(&mut mark, b','));
                    node.write(value, out);
                });
                close(mark, b'[', out);
            }
            (Kind::Pairs(keys, values), Value::Array(text)) => {
                let mut mark = b'{';
                each_pair(text, |key, value| {
                    out.push(std::mem::replace(&mut mark, b','));
                    write_json_string(&keys.key_text(key), out);
                    out.push(b':');
                    values.write(value, out);
                });
                close(mark, b'{', out);
            }
            (_, other) => write_json(other, out),
        }
    }

    /// A key of a map of pairs as text: its JSON, without quotes where it has some.
    fn key_text(&self, key: Value<'_>) -> String {
        let mut text = Vec::new();
        self.write(key, &mut text);
        let text = String::from_utf8(text).unwrap_or_default();
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        inner.map(str::to_owned).unwrap_or(text)
    }
}

fn close(mark: u8, open: u8, out: &mut Vec<u8>) {
    if mark == open {
        out.push(open);
    }
    // In ASCII each closing bracket is two behind its opening one.
    out.push(open + 2);
}

fn write_struct(fields: &Fields, text: &str, out: &mut Vec<u8>) {
    let mut mark = b'{';
    each_field(fields, text, |_, name, node, value| {
        out.push(std::mem::replace(&mut mark, b','));
        write_json_string(name, out);
        out.push(b':');
        node.write(value, out);
    });
    close(mark, b'{', out);
}

fn write_scalar(scalar: Scalar, value: Value<'_>, out: &mut Vec<u8>) {
    match scalar.read(value) {
        Some(Leaf::Value(value)) => write_json(value, out),
        Some(Leaf::Decimal(decimal)) => decimal.write(out),
        Some(Leaf::Large(text)) => out.extend_from_slice(text.as_bytes()),
        Some(Leaf::Base64(text)) => write_json_string(&text, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn check_pair(keys: &Node, values: &Node, entry: Value<'_>) -> Result<(), Mismatch> {
    let (mut parts, mut count) = ([Value::Null; 2], 0);
    if let Value::Array(text) = entry {
        json::elements(text, &mut |part| {
            if let Some(place) = parts.get_mut(count) {
                *place = part;
            }
            count += 1;
        });
    }
    if count != 2 {
        return Err(Mismatch::new("has an entry that does not fit", "[key, value]"));
    }
    let [key, value] = parts;
    keys.check(key).map_err(|mismatch| mismatch.within(" key"))?;
    values.check(value).map_err(|mismatch| mismatch.within(&format!("['{}']", keys.key_text(key))))
}

/// Shows the entries of a checked map of pairs.
fn each_pair<'a>(array: &'a str, mut visit: impl FnMut(Value<'a>, Value<'a>)) {
    json::elements(array, &mut |entry| {
        if let Value::Array(pair) = entry {
            visit(json::element(pair, 0), json::element(pair, 1));
        }
    });
}

/// A checked array, map or struct: its schema, and its JSON text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Typed<'a> {
    pub node: &'a Node,
    pub text: &'a str,
}

impl Nested for Typed<'_> {
    fn shape(&self) -> NestedShape {
        match self.node.kind {
            Kind::Array(_) => NestedShape::Array,
            Kind::Map(_) | Kind::Pairs(..) => NestedShape::Map,
            Kind::Struct(_) | Kind::Scalar(_) => NestedShape::Record,
        }
    }

    fn len(&self) -> usize {
        match &self.node.kind {
            Kind::Struct(fields) => fields.len(),
            _ => json::length(self.text),
        }
    }

    fn field<'a>(&'a self, name: &str, arena: &'a Arena) -> Value<'a> {
        match &self.node.kind {
            Kind::Struct(fields) => match fields.node(name) {
                Some(node) => node.present(json::field(self.text, name), arena),
                None => Value::Null,
            },
            Kind::Map(values) => {
                let mut found = Value::Null;
                json::each_member(self.text, |known, value| {
                    if known.is(name) {
                        found = values.present(value, arena);
                    }
                });
                found
            }
            Kind::Pairs(keys, values) => {
                let mut found = Value::Null;
                each_pair(self.text, |key, value| {
                    if keys.key_text(key) == name {
                        found = values.present(value, arena);
                    }
                });
                found
            }
            Kind::Array(_) | Kind::Scalar(_) => Value::Null,
        }
    }

    fn element<'a>(&'a self, index: usize, arena: &'a Arena) -> Value<'a> {
        match &self.node.kind {
            Kind::Array(node) if index < json::length(self.text) => {
                node.present(json::element(self.text, index), arena)
            }
            _ => Value::Null,
        }
    }

    fn visit<'a>(&'a self, arena: &'a Arena, visit: &mut dyn FnMut(&'a str, Value<'a>)) {
        match &self.node.kind {
            Kind::Struct(fields) => each_field(fields, self.text, |_, name, node, value| {
                visit(name, node.present(value, arena));
            }),
            Kind::Map(values) => json::each_member(self.text, |name, value| {
                visit(name.unescaped(arena), values.present(value, arena));
            }),
            Kind::Pairs(keys, values) => each_pair(self.text, |key, value| {
                visit(arena.text(&keys.key_text(key)), values.present(value, arena));
            }),
            Kind::Array(node) => json::elements(self.text, &mut |value| {
                visit("", node.present(value, arena));
            }),
            Kind::Scalar(_) => {}
        }
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        let whole = match self.text.starts_with('{') {
            true => Value::Object(self.text),
            false => Value::Array(self.text),
        };
        self.node.write(whole, out);
    }
}
