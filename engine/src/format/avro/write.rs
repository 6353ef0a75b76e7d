//! Fields to a datum of a given schema.
//!
//! A value goes where it loses nothing: an integer into a long, `13.40` into a decimal of scale 2, an
//! instant into a timestamp of its unit or a finer one. Text is read as what the schema says (fields
//! of a joined hash are texts). Of a union the first branch is taken that is of the value's own type,
//! otherwise the first that takes it. What the schema has and the record has not is null.

use super::leaf::Leaf;
use super::node::{FieldNode, Node, NodeId, Nodes};
use super::{MAX_DEPTH, node, schema};
use crate::format::nested;
use crate::format::schema::{SchemaError, SchemaText};
use crate::format::text::write_text;
use crate::record::{Arena, Field, Names, NestedShape, Shape, Value};
use scalar::{Fit, put_long};
use std::borrow::Cow;
use std::fmt;

mod scalar;

/// A schema that values are written by, and what stands before each datum.
#[derive(Debug)]
pub struct Encoder {
    nodes: Nodes,
    root: NodeId,
    prefix: Vec<u8>,
}

/// Why a value is not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Where in the record, outermost last.
    path: Vec<String>,
    problem: Cow<'static, str>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            let path: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
            write!(f, "field '{}': ", path.join("."))?;
        }
        f.write_str(&self.problem)
    }
}

impl From<&'static str> for Misfit {
    fn from(problem: &'static str) -> Misfit {
        Misfit { path: Vec::new(), problem: Cow::Borrowed(problem) }
    }
}

impl Misfit {
    fn within(mut self, field: &str) -> Misfit {
        self.path.push(field.to_owned());
        self
    }
}

impl Encoder {
    /// Compiles a schema; `prefix` goes before each datum, as the Schema Registry's framing.
    pub fn new(schema: &SchemaText, prefix: Vec<u8>) -> Result<Encoder, SchemaError> {
        let parsed = schema::parse(schema)?;
        let (nodes, root) = node::build(&parsed, !schema.references.is_empty())?;
        Ok(Encoder { nodes, root, prefix })
    }

    /// Appends a datum with what stands before it. After an error what was appended is of no meaning.
    pub fn write<'a>(
        &self,
        fields: &[Field<'a>],
        shape: Shape,
        names: &'a Names,
        arena: &'a Arena,
        out: &mut Vec<u8>,
    ) -> Result<(), Misfit> {
        out.extend_from_slice(&self.prefix);
        let value = match (shape, fields) {
            (Shape::Single, [field]) => field.value,
            _ => {
                let mut entries = arena.vec();
                entries.extend(fields.iter().map(|field| {
                    // Names come out of texts, so they are text.
                    let name = std::str::from_utf8(names.get(field.name)).unwrap_or_default();
                    (name, field.value)
                }));
                Value::Entries(entries.into_bump_slice())
            }
        };
        Datum { nodes: &self.nodes, arena }.write(self.root, value, Fit::Any, 0, out)
    }
}

const UNKNOWN_FIELD: &str = "the schema has no such field: SELECT only what it has";

/// One datum being written.
struct Datum<'d> {
    nodes: &'d Nodes,
    arena: &'d Arena,
}

impl Datum<'_> {
    fn write(
        &self,
        id: NodeId,
        value: Value<'_>,
        fit: Fit,
        depth: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), Misfit> {
        if depth > MAX_DEPTH {
            return Err("nested too deeply".into());
        }
        match self.nodes.get(id) {
            Node::Leaf(Leaf::Enum(list)) => self.symbol(*list, value, out),
            Node::Leaf(leaf) => Ok(leaf.write(value, fit, out)?),
            Node::Union(branches) => self.union(branches, value, depth, out),
            Node::Array(item) => self.array(*item, value, fit, depth, out),
            Node::Map(item) => self.map(*item, value, fit, depth, out),
            Node::Record(fields) => {
                self.check_fields(fields, value, fit)?;
                for field in fields {
                    let inner = nested::field(value, &field.name, self.arena);
                    self.write(field.node, inner, fit, depth + 1, out)
                        .map_err(|misfit| misfit.within(&field.name))?;
                }
                Ok(())
            }
        }
    }

    /// Whether all that the value has goes into the record.
    fn check_fields(&self, fields: &[FieldNode], value: Value<'_>, fit: Fit) -> Result<(), Misfit> {
        if !is_object(value) {
            return Err("a record is wanted".into());
        }
        if fit == Fit::Own && nested::length(value) != Some(fields.len()) {
            return Err("a record with just the schema's fields is wanted".into());
        }
        let mut unknown = None;
        nested::visit(value, self.arena, &mut |name, _| {
            if unknown.is_none() && fields.iter().all(|field| *field.name != *name) {
                unknown = Some(Misfit::from(UNKNOWN_FIELD).within(name));
            }
        });
        unknown.map_or(Ok(()), Err)
    }

    fn union(
        &self,
        branches: &[NodeId],
        value: Value<'_>,
        depth: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), Misfit> {
        let start = out.len();
        let mut nearest: Option<Misfit> = None;
        for fit in [Fit::Own, Fit::Any] {
            for (branch, id) in branches.iter().enumerate() {
                if self.nodes.is_null(*id) != value.is_null() {
                    continue;
                }
                put_long(branch as i64, out);
                match self.write(*id, value, fit, depth + 1, out) {
                    Ok(()) => return Ok(()),
                    // The branch that went furthest is most likely the one that was meant.
                    Err(misfit) => match &nearest {
                        Some(known) if known.path.len() >= misfit.path.len() => {}
                        _ => nearest = Some(misfit),
                    },
                }
                out.truncate(start);
            }
        }
        Err(nearest.unwrap_or_else(|| "it is null or missing, and the schema takes no null".into()))
    }

    fn symbol(&self, list: u32, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let mut text = Vec::new();
        write_text(value, &mut text);
        let symbols = self.nodes.symbols(list);
        match symbols.iter().position(|symbol| symbol.as_bytes() == text) {
            Some(at) if !value.is_null() => {
                put_long(at as i64, out);
                Ok(())
            }
            _ => Err("it is no symbol of the schema's enum".into()),
        }
    }

    fn array(
        &self,
        item: NodeId,
        value: Value<'_>,
        fit: Fit,
        depth: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), Misfit> {
        let is_array = match value {
            Value::Array(_) | Value::List(_) => true,
            Value::Nested(nested) => nested.shape() == NestedShape::Array,
            _ => false,
        };
        if !is_array {
            return Err("an array is wanted".into());
        }
        self.block(value, out, |value, _, out| self.write(item, value, fit, depth + 1, out))
    }

    fn map(
        &self,
        item: NodeId,
        value: Value<'_>,
        fit: Fit,
        depth: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), Misfit> {
        if !is_object(value) {
            return Err("a map is wanted".into());
        }
        self.block(value, out, |value, name, out| {
            scalar::put_bytes(name.as_bytes(), out);
            self.write(item, value, fit, depth + 1, out).map_err(|misfit| misfit.within(name))
        })
    }

    /// Elements or entries as one block: their number, each of them, and the end.
    fn block(
        &self,
        value: Value<'_>,
        out: &mut Vec<u8>,
        mut write: impl FnMut(Value<'_>, &str, &mut Vec<u8>) -> Result<(), Misfit>,
    ) -> Result<(), Misfit> {
        let (mut result, mut block, mut count) = (Ok(()), Vec::new(), 0);
        nested::visit(value, self.arena, &mut |name, value| {
            if result.is_ok() {
                result = write(value, name, &mut block);
                count += 1;
            }
        });
        result?;
        if count > 0 {
            put_long(count, out);
            out.extend_from_slice(&block);
        }
        out.push(0);
        Ok(())
    }
}

fn is_object(value: Value<'_>) -> bool {
    match value {
        Value::Object(_) | Value::Entries(_) => true,
        Value::Nested(nested) => nested.shape() != NestedShape::Array,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
