//! From a schema and what is wanted of its records to operations.

use super::leaf::{Leaf, Passing};
use super::node::{FieldNode, Node, NodeId, Nodes};
use super::ops::{Code, NONE, Null, Op, Operations, Run};
use crate::format::schema::SchemaError;
use crate::record::{Step, Wanted};

/// Operations of one schema, at most: unions of many records on a long path multiply.
const MAX_OPS: usize = 65_536;

/// What a schema's top is.
#[derive(Debug)]
pub(super) enum Top {
    /// A record: where its operations start.
    Record { start: u32, node: NodeId },
    /// A value that is no record.
    Single(NodeId),
    /// A union: what each branch is.
    Union(Box<[Top]>),
}

#[derive(Debug)]
pub(super) struct Compiled {
    pub root: NodeId,
    pub top: Top,
    pub code: Operations,
    /// The names of the top-level fields that are shown.
    pub fields: Vec<Box<str>>,
    /// The slot of the record as a whole.
    pub whole: Option<usize>,
}

/// A path of which some steps have been taken, and its slot.
type Path<'w> = (&'w [Step], u32);

pub(super) fn compile(
    nodes: &Nodes,
    root: NodeId,
    wanted: &Wanted,
) -> Result<Compiled, SchemaError> {
    let paths = wanted.paths.iter().zip(0..).map(|(path, slot)| (path.as_slice(), slot)).collect();
    let mut compiler = Compiler {
        nodes,
        paths,
        every: wanted.every_field,
        code: Operations::default(),
        fields: Vec::new(),
        label: 0,
    };
    let top = match nodes.get(root) {
        Node::Union(branches) => {
            let tops = branches.iter().map(|node| compiler.top(*node)).collect::<Result<_, _>>();
            Top::Union(tops?)
        }
        _ => compiler.top(root)?,
    };
    let whole = wanted.paths.iter().position(Vec::is_empty);
    Ok(Compiled { root, top, code: compiler.code, fields: compiler.fields, whole })
}

struct Compiler<'w> {
    nodes: &'w Nodes,
    paths: Vec<Path<'w>>,
    every: bool,
    code: Operations,
    fields: Vec<Box<str>>,
    /// Operations before this place are jumped over or to: nothing is merged into them.
    label: usize,
}

impl<'w> Compiler<'w> {
    fn top(&mut self, node: NodeId) -> Result<Top, SchemaError> {
        let nodes = self.nodes;
        let Node::Record(fields) = nodes.get(node) else {
            return Ok(Top::Single(node));
        };
        let start = self.label();
        let paths = self.paths.clone();
        for field in fields {
            let shown = if self.every { self.field(&field.name) } else { NONE };
            self.value(field.node, &under(&paths, &field.name), shown)?;
        }
        self.push(Code::End);
        Ok(Top::Record { start, node })
    }

    /// A place that is jumped to: the next operation.
    fn label(&mut self) -> u32 {
        self.label = self.code.ops.len();
        self.label as u32
    }

    fn push(&mut self, code: Code) {
        self.op(Op { code, null: Null::Never, field: NONE, slot: NONE });
    }

    fn op(&mut self, op: Op) {
        self.code.ops.push(op);
    }

    /// Appends a run, or makes the operation before pass more.
    fn run(&mut self, run: Run) {
        let Operations { ops, runs, .. } = &mut self.code;
        let joins = ops.len() > self.label;
        if let Some(Op { code: Code::Pass { count, .. }, null: Null::Never, .. }) = ops.last_mut()
            && joins
            && let Some(last) = runs.last_mut()
        {
            match last.then(run) {
                Some(both) => *last = both,
                None => {
                    runs.push(run);
                    *count += 1;
                }
            }
            return;
        }
        let first = runs.len() as u32;
        runs.push(run);
        self.push(Code::Pass { first, count: 1 });
    }

    fn field(&mut self, name: &str) -> u32 {
        let known = self.fields.iter().position(|other| **other == *name);
        known.unwrap_or_else(|| {
            self.fields.push(name.into());
            self.fields.len() - 1
        }) as u32
    }

    /// Reads what the paths want of a value, and the value as a field where it is one.
    fn value(&mut self, node: NodeId, paths: &[Path<'w>], field: u32) -> Result<(), SchemaError> {
        if self.code.ops.len() > MAX_OPS {
            return Err(SchemaError(
                "what is wanted has too many branches in the schema".to_owned(),
            ));
        }
        if !self.reaches(node, paths, field) {
            self.pass(node);
            return Ok(());
        }
        let nodes = self.nodes;
        let whole = field != NONE || paths.iter().any(|(steps, _)| steps.is_empty());
        match nodes.get(node) {
            Node::Union(branches) => self.union(branches, paths, field)?,
            Node::Record(fields) if !whole => {
                for field in fields {
                    self.value(field.node, &under(paths, &field.name), NONE)?;
                }
            }
            Node::Leaf(leaf) => self.read(Code::Read(*leaf), Null::Never, paths, field),
            _ => self.read(Code::Capture(node), Null::Never, paths, field),
        }
        Ok(())
    }

    /// Whether any of the paths ends in the value or leads to a part that it may have.
    fn reaches(&self, node: NodeId, paths: &[Path<'w>], field: u32) -> bool {
        let leads = |(steps, _): &Path<'w>| match (steps.first(), self.nodes.get(node)) {
            (None, _) => true,
            (Some(Step::Field(name)), Node::Record(fields)) => {
                fields.iter().any(|field: &FieldNode| *field.name == **name)
            }
            (Some(Step::Field(_)), Node::Map(_)) | (Some(Step::Index(_)), Node::Array(_)) => true,
            (Some(_), Node::Union(branches)) => {
                // Unions do not stand in unions.
                branches.iter().any(|branch| self.reaches(*branch, &[(steps, 0)], NONE))
            }
            _ => false,
        };
        field != NONE || paths.iter().any(leads)
    }

    /// One operation that reads a value, and those that follow steps from it.
    fn read(&mut self, code: Code, null: Null, paths: &[Path<'w>], field: u32) {
        let whole = paths.iter().find(|(steps, _)| steps.is_empty());
        let slot = whole.map_or(NONE, |(_, slot)| *slot);
        self.op(Op { code, null, field, slot });
        for (steps, slot) in paths {
            if !steps.is_empty() && matches!(code, Code::Capture(_)) {
                let place = self.code.steps.len() as u32;
                self.code.steps.push((*steps).into());
                let code = Code::Follow(place);
                self.op(Op { code, null: Null::Never, field: NONE, slot: *slot });
            }
        }
    }

    fn union(
        &mut self,
        branches: &[NodeId],
        paths: &[Path<'w>],
        field: u32,
    ) -> Result<(), SchemaError> {
        let nodes = self.nodes;
        let whole = field != NONE || paths.iter().any(|(steps, _)| steps.is_empty());
        if let Some((null, other)) = self.nullable(branches) {
            match nodes.get(other) {
                Node::Leaf(leaf) => {
                    self.read(Code::Read(*leaf), null, paths, field);
                    return Ok(());
                }
                Node::Record(_) if !whole => {}
                _ => {
                    self.read(Code::Capture(other), null, paths, field);
                    return Ok(());
                }
            }
        }
        let table = self.code.tables.len();
        self.code.tables.push(Box::default());
        self.push(Code::Branch(table as u32));
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        for branch in branches {
            starts.push(self.label());
            self.value(*branch, paths, field)?;
            ends.push(self.code.ops.len());
            self.push(Code::Jump(NONE));
        }
        let end = self.label();
        for jump in ends {
            if let Some(op) = self.code.ops.get_mut(jump) {
                op.code = Code::Jump(end);
            }
        }
        if let Some(place) = self.code.tables.get_mut(table) {
            *place = starts.into();
        }
        Ok(())
    }

    /// The other branch of a union of null and one other type.
    fn nullable(&self, branches: &[NodeId]) -> Option<(Null, NodeId)> {
        match branches {
            [first, other] if self.nodes.is_null(*first) => Some((Null::First, *other)),
            [other, second] if self.nodes.is_null(*second) => Some((Null::Second, *other)),
            _ => None,
        }
    }

    /// Passes over a value: in few operations, or by the walk.
    fn pass(&mut self, node: NodeId) {
        let nodes = self.nodes;
        let extent = nodes.extent(node);
        if let Some(size) = extent.fixed.and_then(|size| u32::try_from(size).ok()) {
            if size > 0 {
                self.run(Run { bytes: size, ..Run::EMPTY });
            }
            return;
        }
        match nodes.get(node) {
            Node::Leaf(leaf) => self.pass_leaf(*leaf, Null::Never),
            Node::Record(fields) if extent.flat.is_some() => {
                fields.iter().for_each(|field| self.pass(field.node));
            }
            Node::Union(branches) if extent.flat.is_some() => {
                if let Some((null, other)) = self.nullable(branches)
                    && let Node::Leaf(leaf) = nodes.get(other)
                {
                    self.pass_leaf(*leaf, null);
                }
            }
            _ => self.push(Code::Node(node)),
        }
    }

    fn pass_leaf(&mut self, leaf: Leaf, null: Null) {
        let run = match leaf.passing() {
            Passing::Bytes(bytes) => Run { bytes, ..Run::EMPTY },
            Passing::Blob => Run { blobs: 1, ..Run::EMPTY },
            Passing::Varint if null == Null::Never => Run { varints: 1, ..Run::EMPTY },
            Passing::Varint => return self.run(Run { last: null, ..Run::EMPTY }),
        };
        if null == Null::Never {
            return self.run(run);
        }
        let first = self.code.runs.len() as u32;
        self.code.runs.push(run);
        self.op(Op { code: Code::Pass { first, count: 1 }, null, field: NONE, slot: NONE });
    }
}

/// The paths that lead through a field, without that step.
fn under<'w>(paths: &[Path<'w>], name: &str) -> Vec<Path<'w>> {
    let through = |(steps, slot): &Path<'w>| match steps.split_first() {
        Some((Step::Field(step), rest)) if *step == *name => Some((rest, *slot)),
        _ => None,
    };
    paths.iter().filter_map(through).collect()
}
