//! Records, arrays and maps within a record, still encoded.

use super::Problem;
use super::node::{FieldNode, Node, NodeId, Nodes};
use super::reader::{Reader, Stop};
use super::walk::{Block, Walk};
use crate::format::text;
use crate::record::{Arena, Nested, NestedShape, Value};
use std::fmt;

/// A record, array or map. Its bytes begin there and may go on behind it; they
/// were checked when it was captured.
#[derive(Clone, Copy)]
pub(super) struct AvroNested<'a> {
    pub nodes: &'a Nodes,
    pub node: NodeId,
    pub bytes: &'a [u8],
}

/// The value of a node at the reader; none where the bytes are not its.
pub(super) fn value<'a>(
    nodes: &'a Nodes,
    node: NodeId,
    mut reader: Reader<'a>,
    arena: &'a Arena,
) -> Option<Value<'a>> {
    match nodes.get(node) {
        Node::Leaf(leaf) => leaf.read(nodes, &mut reader, arena).ok(),
        Node::Union(branches) => {
            let branch = reader.choice(branches.len(), Problem::Branch).ok()?;
            value(nodes, *branches.get(branch)?, reader, arena)
        }
        _ => Some(arena.nested(AvroNested { nodes, node, bytes: reader.rest })),
    }
}

impl<'n> AvroNested<'n> {
    fn fields(&self) -> &'n [FieldNode] {
        match self.nodes.get(self.node) {
            Node::Record(fields) => fields,
            _ => &[],
        }
    }

    /// Shows where each element or entry begins, with its key, until `each` says stop.
    fn elements(
        &self,
        each: &mut dyn FnMut(&'n str, NodeId, Reader<'n>) -> Option<()>,
    ) -> Option<()> {
        let mut reader = Reader::new(self.bytes);
        let mut walk = Walk::new(self.nodes);
        let (item, keys) = match self.nodes.get(self.node) {
            Node::Array(item) => (*item, false),
            Node::Map(value) => (*value, true),
            _ => return None,
        };
        while let Some(block) = Block::next(&mut reader).ok()? {
            for _ in 0..block.count {
                let key = if keys { reader.text().ok()? } else { "" };
                each(key, item, reader)?;
                reader = walk.skip(item, reader, 0).ok()?;
            }
        }
        Some(())
    }
}

impl Nested for AvroNested<'_> {
    fn shape(&self) -> NestedShape {
        match self.nodes.get(self.node) {
            Node::Array(_) => NestedShape::Array,
            Node::Map(_) => NestedShape::Map,
            _ => NestedShape::Record,
        }
    }

    fn len(&self) -> usize {
        let item = match self.nodes.get(self.node) {
            Node::Array(item) | Node::Map(item) => *item,
            _ => return self.fields().len(),
        };
        let keys = self.shape() == NestedShape::Map;
        let (mut reader, mut walk) = (Reader::new(self.bytes), Walk::new(self.nodes));
        let mut length = 0u64;
        while let Ok(Some(block)) = Block::next(&mut reader) {
            length += block.count;
            if block.pass(&mut reader) {
                continue;
            }
            for _ in 0..block.count {
                let key = if keys { reader.blob().map(|_| ()) } else { Ok(()) };
                match key.and_then(|()| walk.skip(item, reader, 0)) {
                    Ok(rest) => reader = rest,
                    Err(_) => return length as usize,
                }
            }
        }
        length as usize
    }

    fn field<'a>(&'a self, name: &str, arena: &'a Arena) -> Value<'a> {
        let mut found = None;
        if self.shape() == NestedShape::Map {
            self.elements(&mut |key, node, reader| {
                // Of two equal keys the last.
                found = if key == name { Some((node, reader)) } else { found };
                Some(())
            });
        } else if let Some(place) = self.fields().iter().position(|field| *field.name == *name) {
            let (before, rest) = self.fields().split_at(place);
            let mut walk = Walk::new(self.nodes);
            let start = Ok(Reader::new(self.bytes));
            let at = before
                .iter()
                .fold(start, |at: Result<_, Stop>, field| walk.skip(field.node, at?, 0));
            found = rest.first().map(|field| field.node).zip(at.ok());
        }
        found.and_then(|(node, reader)| value(self.nodes, node, reader, arena)).unwrap_or_default()
    }

    fn element<'a>(&'a self, index: usize, arena: &'a Arena) -> Value<'a> {
        let (mut found, mut left) = (None, index);
        self.elements(&mut |_, node, reader| match left.checked_sub(1) {
            Some(fewer) => {
                left = fewer;
                Some(())
            }
            None => {
                found = value(self.nodes, node, reader, arena);
                None
            }
        });
        found.unwrap_or_default()
    }

    fn visit<'a>(&'a self, arena: &'a Arena, visit: &mut dyn FnMut(&'a str, Value<'a>)) {
        if self.shape() != NestedShape::Record {
            self.elements(&mut |key, node, reader| {
                visit(key, value(self.nodes, node, reader, arena)?);
                Some(())
            });
            return;
        }
        let (mut reader, mut walk) = (Reader::new(self.bytes), Walk::new(self.nodes));
        for field in self.fields() {
            visit(&field.name, value(self.nodes, field.node, reader, arena).unwrap_or_default());
            match walk.skip(field.node, reader, 0) {
                Ok(rest) => reader = rest,
                Err(_) => return,
            }
        }
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        // Checked when it was captured: it cannot stop.
        let _ = write_json(self.nodes, self.node, &mut Reader::new(self.bytes), out);
    }
}

impl fmt::Debug for AvroNested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut json = Vec::new();
        self.write_json(&mut json);
        f.write_str(&String::from_utf8_lossy(&json))
    }
}

/// Recursion ends where the check did: at the limit of depth.
fn write_json(
    nodes: &Nodes,
    node: NodeId,
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Stop> {
    match nodes.get(node) {
        Node::Leaf(leaf) => leaf.write_json(nodes, reader, out),
        Node::Union(branches) => {
            let branch = reader.choice(branches.len(), Problem::Branch)?;
            match branches.get(branch) {
                Some(branch) => write_json(nodes, *branch, reader, out),
                None => Err(reader.stop(Problem::Branch)),
            }
        }
        Node::Record(fields) => {
            if fields.is_empty() {
                out.push(b'{');
            }
            for field in fields {
                out.extend_from_slice(field.lead.as_bytes());
                write_json(nodes, field.node, reader, out)?;
            }
            out.push(b'}');
            Ok(())
        }
        Node::Array(item) => write_elements::<false>(nodes, *item, reader, out),
        Node::Map(value) => write_elements::<true>(nodes, *value, reader, out),
    }
}

fn write_elements<const KEYS: bool>(
    nodes: &Nodes,
    item: NodeId,
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Stop> {
    let mut lead = if KEYS { b'{' } else { b'[' };
    let empty = lead;
    while let Some(block) = Block::next(reader)? {
        for _ in 0..block.count {
            out.push(lead);
            lead = b',';
            if KEYS {
                text::write_json_string(reader.text()?, out);
                out.push(b':');
            }
            write_json(nodes, item, reader, out)?;
        }
    }
    if lead == empty {
        out.push(empty);
    }
    out.push(if KEYS { b'}' } else { b']' });
    Ok(())
}
