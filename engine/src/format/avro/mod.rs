//! Avro: a schema compiled once to a flat list of operations, which reads only
//! what is wanted into slots and passes over the rest.
//!
//! The `apache-avro` crate parses the schema; records are read by this module's own
//! code. What it decides where Avro's specification leaves room:
//! - A union is its branch's value. `null` is null.
//! - A string with the logical type uuid is text as it was written; `fixed(16)`
//!   and bytes are the canonical text.
//! - A decimal beyond 128 bits or a scale of 38 keeps all its digits, as a number's
//!   text; one of more than [`MAX_DECIMAL_BYTES`] bytes, or of none, is an error.
//! - A duration is ISO 8601 with its three counts as they are: `P1M2DT0.500S`,
//!   counts of zero left out, `PT0S` when all are.
//! - Kafka Connect's Date, Time, Timestamp and Decimal are known by `connect.name`
//!   where the logical type is missing. Unknown logical types are their underlying type.
//! - Of two equal keys of a map the last is its value; as JSON both are written.
//! - Errors, not nulls: bytes that end too early and bytes behind the datum.
//! - Limits: [`MAX_DEPTH`] records, arrays and maps within each other;
//!   [`MAX_HOLLOW`] array elements that take no bytes.
//!
//! What is passed over is checked for its length only: text in it need not be UTF-8.

use super::schema::{SchemaError, SchemaFormat, SchemaText};
use super::{DecodeError, Format, single};
use crate::record::{Arena, NameId, Names, Row, Shape, Type, Wanted};
use crate::registry::SchemaKind;
use compile::{Compiled, Top};
use nested::AvroNested;
use node::Nodes;
use reader::{Reader, Stop};
use std::borrow::Cow;
use walk::Walk;
pub use write::Encoder;

mod compile;
mod leaf;
mod nested;
mod node;
mod number;
mod ops;
mod reader;
mod schema;
mod walk;
mod write;

/// More records, arrays and maps within each other are an error.
pub const MAX_DEPTH: u32 = 64;

/// More array elements that take no bytes at all, in one record, are an error:
/// a few bytes could otherwise claim any number of them.
pub const MAX_HOLLOW: u64 = 65_536;

/// A decimal of more bytes is an error.
pub const MAX_DECIMAL_BYTES: usize = super::decimal::LONGEST;

/// Avro without its framing: see [`SchemaFormat`].
#[derive(Debug)]
pub struct Avro;

/// A writer's schema, compiled for what is wanted of its records.
#[derive(Debug)]
pub struct Program {
    nodes: Nodes,
    compiled: Compiled,
    wanted: Wanted,
    /// The numbers of the fields' names; empty until the first record.
    names: Vec<NameId>,
}

/// What can be wrong with a datum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    Truncated,
    Trailing,
    Varint,
    IntRange,
    Length,
    Count,
    BlockSize,
    Hollow,
    NotUtf8,
    Boolean,
    Branch,
    Symbol,
    Depth,
    Decimal,
    Scale,
    Uuid,
}

impl Problem {
    fn text(self) -> &'static str {
        match self {
            Problem::Truncated => "the bytes end too early",
            Problem::Trailing => "bytes behind the record",
            Problem::Varint => "a number of more than 64 bits",
            Problem::IntRange => "an int of more than 32 bits",
            Problem::Length => "a negative length, or one beyond the end",
            Problem::Count => "more elements than there are bytes",
            Problem::BlockSize => "a block's size is not that of its elements",
            Problem::Hollow => "too many elements that take no bytes",
            Problem::NotUtf8 => "not UTF-8",
            Problem::Boolean => "a boolean is 0 or 1",
            Problem::Branch => "the union has no such branch",
            Problem::Symbol => "the enum has no such symbol",
            Problem::Depth => "nested too deeply",
            Problem::Decimal => "a decimal of no bytes, or of too many",
            Problem::Scale => "a decimal's scale is out of range",
            Problem::Uuid => "a UUID has 16 bytes",
        }
    }
}

impl SchemaFormat for Avro {
    const FORMAT: Format = Format::Avro;
    const KIND: SchemaKind = SchemaKind::Avro;
    type Program = Program;

    fn compile(text: &SchemaText, wanted: &Wanted) -> Result<Program, SchemaError> {
        let (nodes, root) = node::build(&schema::parse(text)?, !text.references.is_empty())?;
        let compiled = compile::compile(&nodes, root, wanted)?;
        Ok(Program { nodes, compiled, wanted: wanted.clone(), names: Vec::new() })
    }

    fn decode<'a>(
        program: &'a mut Program,
        bytes: &'a [u8],
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), DecodeError> {
        if program.names.len() != program.compiled.fields.len() {
            let fields = program.compiled.fields.iter();
            program.names = fields.map(|name| names.known(name.as_bytes())).collect();
        }
        let program: &'a Program = program;
        program.run(bytes, names, arena, row).map_err(|stop| {
            row.begin(Shape::Absent, 0);
            let problem = Cow::Borrowed(stop.problem.text());
            DecodeError { format: Format::Avro, at: bytes.len() - stop.left, problem }
        })
    }

    fn value_type(program: &Program) -> Type {
        program.nodes.value_type(program.compiled.root)
    }

    fn forget_names(program: &mut Program) {
        program.names.clear();
    }
}

impl Program {
    #[inline]
    fn run<'a>(
        &'a self,
        bytes: &'a [u8],
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), Stop> {
        let mut reader = Reader::new(bytes);
        let mut top = &self.compiled.top;
        if let Top::Union(branches) = top {
            let branch = reader.choice(branches.len(), Problem::Branch)?;
            top = branches.get(branch).unwrap_or(top);
        }
        let rest = match *top {
            Top::Record { start, node } => {
                row.begin(Shape::Fields, self.wanted.paths.len());
                if let Some(slot) = self.compiled.whole {
                    Walk::new(&self.nodes).check(node, reader, 0)?;
                    let bytes = reader.rest;
                    row.set(slot, arena.nested(AvroNested { nodes: &self.nodes, node, bytes }));
                }
                ops::run(self, start, reader, arena, row)?
            }
            Top::Single(node) => {
                let rest = Walk::new(&self.nodes).check(node, reader, 0)?;
                let value = nested::value(&self.nodes, node, reader, arena).unwrap_or_default();
                single(value, &self.wanted, names, arena, row);
                rest
            }
            // Unions do not stand in unions.
            Top::Union(_) => return Err(reader.stop(Problem::Branch)),
        };
        match rest.left() {
            0 => Ok(()),
            _ => Err(rest.stop(Problem::Trailing)),
        }
    }
}
