//! The operations that a schema is compiled to, and what runs them.

use super::leaf::Leaf;
use super::node::{NodeId, Nodes};
use super::reader::{Reader, Stop, short_blob, short_varint};
use super::walk::Walk;
use super::{Problem, Program};
use crate::format::nested;
use crate::record::{Arena, NameId, Row, Step, Value};

/// No field, or no slot.
pub(super) const NONE: u32 = u32::MAX;

/// One operation: reads or passes what comes next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Op {
    pub code: Code,
    /// Whether a union with null stands before it.
    pub null: Null,
    /// Which field the value is, or [`NONE`].
    pub field: u32,
    /// Which slot the value goes to, or [`NONE`].
    pub slot: u32,
}

/// Where null stands in a union of null and one other type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Null {
    /// There is no union.
    Never,
    First,
    Second,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// Passes the values of that many runs from that place on.
    Pass { first: u32, count: u32 },
    /// Passes a value of that node.
    Node(NodeId),
    /// Reads a value.
    Read(Leaf),
    /// Reads a record, array or map as a whole.
    Capture(NodeId),
    /// Reads a union's branch and goes on at that place of the table.
    Branch(u32),
    /// Goes on there.
    Jump(u32),
    /// Follows steps from the value read last, into the slot.
    Follow(u32),
    /// Ends the record.
    End,
}

/// Values that are passed together, in this order: columns of a few kinds take turns
/// in many schemas, so that one operation passes several of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Lengths with their bytes.
    pub blobs: u8,
    /// Numbers.
    pub varints: u8,
    /// Where null stands in a union with a number at the end, or that there is none.
    pub last: Null,
    /// Bytes, before that number.
    pub bytes: u32,
}

impl Run {
    /// Nothing.
    pub const EMPTY: Run = Run { blobs: 0, varints: 0, last: Null::Never, bytes: 0 };

    /// This run and then that, where one can be both.
    pub fn then(self, next: Run) -> Option<Run> {
        let before_bytes = self.bytes == 0 && self.last == Null::Never;
        let before_varints = self.varints == 0 && before_bytes;
        let fits = (next.blobs == 0 || before_varints)
            && (next.varints == 0 || before_bytes)
            && self.last == Null::Never;
        fits.then_some(())?;
        Some(Run {
            blobs: self.blobs.checked_add(next.blobs)?,
            varints: self.varints.checked_add(next.varints)?,
            bytes: self.bytes.checked_add(next.bytes)?,
            last: next.last,
        })
    }

    #[inline(always)]
    fn short(self, mut rest: &[u8]) -> Option<&[u8]> {
        for _ in 0..self.blobs {
            rest = short_blob(rest)?;
        }
        for _ in 0..self.varints {
            rest = short_varint(rest)?;
        }
        if self.bytes > 0 {
            rest = rest.get(self.bytes as usize..)?;
        }
        match (self.last, rest) {
            (Null::Never, rest) => Some(rest),
            (Null::First, [0, rest @ ..]) | (Null::Second, [2, rest @ ..]) => Some(rest),
            (Null::First, [2, rest @ ..]) | (Null::Second, [0, rest @ ..]) => short_varint(rest),
            _ => None,
        }
    }

    fn pass(self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        for _ in 0..self.blobs {
            reader.blob()?;
        }
        for _ in 0..self.varints {
            reader.skip_varint()?;
        }
        reader.take(self.bytes as usize)?;
        match self.last {
            Null::Never => Ok(()),
            _ if reader.is_null(usize::from(self.last == Null::Second))? => Ok(()),
            _ => reader.skip_varint(),
        }
    }
}

/// Passes runs that are simple; none where one is not. A slice stays in registers, which
/// an error would not.
#[inline(never)]
fn pass_short<'a>(runs: &[Run], mut rest: &'a [u8]) -> Option<&'a [u8]> {
    for run in runs {
        rest = run.short(rest)?;
    }
    Some(rest)
}

/// The same whatever they are; says what is wrong.
#[cold]
fn pass<'a>(runs: &[Run], mut reader: Reader<'a>) -> Result<&'a [u8], Stop> {
    runs.iter().try_for_each(|run| run.pass(&mut reader))?;
    Ok(reader.rest)
}

/// The operations of all branches of a schema's top.
#[derive(Debug, Default)]
pub(super) struct Operations {
    pub ops: Vec<Op>,
    pub runs: Vec<Run>,
    /// Where each branch of a union goes on.
    pub tables: Vec<Box<[u32]>>,
    pub steps: Vec<Box<[Step]>>,
}

impl Operations {
    #[inline]
    fn from(&self, place: u32) -> std::slice::Iter<'_, Op> {
        self.ops.get(place as usize..).unwrap_or_default().iter()
    }
}

/// Runs the operations from `start`; what is left behind the record.
pub(super) fn run<'a>(
    program: &'a Program,
    start: u32,
    mut reader: Reader<'a>,
    arena: &'a Arena,
    row: &mut Row<'a>,
) -> Result<Reader<'a>, Stop> {
    let nodes = &program.nodes;
    let names = &program.names[..];
    let code = &program.compiled.code;
    let mut walk = Walk::new(nodes);
    let mut ops = code.from(start);
    let mut last = Value::Null;
    while let Some(op) = ops.next() {
        match op.null {
            Null::Never => {}
            null => {
                if reader.is_null(usize::from(null == Null::Second))? {
                    store(op, Value::Null, names, row);
                    last = Value::Null;
                    continue;
                }
            }
        }
        // Each arm stores its value itself, so that none is put together from parts.
        match op.code {
            Code::Pass { first, count } => {
                let runs =
                    code.runs.get(first as usize..).and_then(|runs| runs.get(..count as usize));
                let runs = runs.unwrap_or_default();
                reader.rest = match pass_short(runs, reader.rest) {
                    Some(rest) => rest,
                    None => pass(runs, reader)?,
                };
            }
            Code::Read(Leaf::Text) => store(op, Value::Text(reader.text()?), names, row),
            Code::Read(Leaf::Int) => {
                store(op, Value::Int(i64::from(reader.int()?)), names, row);
            }
            Code::Read(Leaf::Long) => store(op, Value::Int(reader.long()?), names, row),
            Code::Read(Leaf::Double) => {
                store(op, Value::Double(f64::from_le_bytes(reader.array()?)), names, row);
            }
            Code::Read(leaf) => reader = read(leaf, op, program, reader, arena, row)?,
            Code::Node(node) => reader = walk.skip(node, reader, 1)?,
            Code::Capture(node) => {
                let (value, rest) = capture(nodes, &mut walk, node, reader, arena)?;
                reader = rest;
                store(op, value, names, row);
                last = value;
            }
            Code::Branch(table) => {
                let table = code.tables.get(table as usize).map_or(&[][..], |table| table);
                let branch = reader.choice(table.len(), Problem::Branch)?;
                if let Some(place) = table.get(branch) {
                    ops = code.from(*place);
                }
            }
            Code::Jump(place) => ops = code.from(place),
            Code::Follow(steps) => {
                let steps = code.steps.get(steps as usize).map_or(&[][..], |steps| steps);
                row.set(op.slot as usize, nested::follow(last, steps, arena));
            }
            Code::End => break,
        }
    }
    Ok(reader)
}

#[inline(always)]
fn store<'a>(op: &Op, value: Value<'a>, names: &[NameId], row: &mut Row<'a>) {
    if op.slot != NONE {
        row.set(op.slot as usize, value);
    }
    if op.field != NONE
        && let Some(name) = names.get(op.field as usize)
    {
        row.push(*name, value);
    }
}

/// The kinds of values that are rarer.
#[inline(never)]
fn read<'a>(
    leaf: Leaf,
    op: &Op,
    program: &'a Program,
    mut reader: Reader<'a>,
    arena: &'a Arena,
    row: &mut Row<'a>,
) -> Result<Reader<'a>, Stop> {
    let value = leaf.read(&program.nodes, &mut reader, arena)?;
    store(op, value, &program.names, row);
    Ok(reader)
}

#[inline(never)]
fn capture<'a>(
    nodes: &'a Nodes,
    walk: &mut Walk<'_>,
    node: NodeId,
    reader: Reader<'a>,
    arena: &'a Arena,
) -> Result<(Value<'a>, Reader<'a>), Stop> {
    let rest = walk.check(node, reader, 1)?;
    let bytes = reader.rest;
    Ok((arena.nested(super::AvroNested { nodes, node, bytes }), rest))
}
