//! Passing over values: by length only, or checking that they can be read.

use super::leaf::{Leaf, Passing};
use super::node::{Node, NodeId, Nodes};
use super::reader::{Reader, Stop};
use super::{MAX_DEPTH, MAX_HOLLOW, Problem};

/// Passes over values of one record.
pub(super) struct Walk<'p> {
    nodes: &'p Nodes,
    /// Elements without bytes that may still come.
    hollow: u64,
}

/// One block of an array's or map's elements.
pub(super) struct Block {
    pub count: u64,
    /// Bytes behind the block, when its size was written.
    end: Option<usize>,
}

impl Block {
    /// The next block; none at the end.
    pub fn next(reader: &mut Reader<'_>) -> Result<Option<Block>, Stop> {
        let count = reader.long()?;
        if count >= 0 {
            let block = Block { count: count.unsigned_abs(), end: None };
            return Ok((count > 0).then_some(block));
        }
        let start = *reader;
        let size = usize::try_from(reader.long()?).ok();
        match size.and_then(|size| reader.left().checked_sub(size)) {
            Some(end) => Ok(Some(Block { count: count.unsigned_abs(), end: Some(end) })),
            None => Err(start.stop(Problem::Length)),
        }
    }

    /// Passes over the whole block where its size was written.
    pub fn pass(&self, reader: &mut Reader<'_>) -> bool {
        let size = self.end.map(|end| reader.left().saturating_sub(end));
        size.is_some_and(|size| reader.take(size).is_ok())
    }
}

impl<'p> Walk<'p> {
    pub fn new(nodes: &'p Nodes) -> Walk<'p> {
        Walk { nodes, hollow: MAX_HOLLOW }
    }

    /// Passes over a value, `depth` levels down, checking that all of it can be read.
    pub fn check<'a>(
        &mut self,
        node: NodeId,
        mut reader: Reader<'a>,
        depth: u32,
    ) -> Result<Reader<'a>, Stop> {
        self.pass::<true>(node, &mut reader, depth)?;
        Ok(reader)
    }

    /// Passes over a value, `depth` levels down.
    pub fn skip<'a>(
        &mut self,
        node: NodeId,
        mut reader: Reader<'a>,
        depth: u32,
    ) -> Result<Reader<'a>, Stop> {
        self.pass::<false>(node, &mut reader, depth)?;
        Ok(reader)
    }

    fn pass<const CHECK: bool>(
        &mut self,
        node: NodeId,
        reader: &mut Reader<'_>,
        depth: u32,
    ) -> Result<(), Stop> {
        let nodes = self.nodes;
        let extent = nodes.extent(node);
        // Before any loop, so that its rounds are bounded by the record's length.
        if (reader.left() as u64) < extent.least {
            return Err(Stop { problem: Problem::Truncated, left: 0 });
        }
        if let Some(size) = extent.fixed
            && (!CHECK || size == 0)
        {
            return reader.take(size as usize).map(|_| ());
        }
        match nodes.get(node) {
            Node::Leaf(leaf) if CHECK => leaf.check(nodes, reader),
            Node::Leaf(leaf) => pass_leaf(*leaf, reader),
            Node::Union(branches) => {
                let branch = reader.choice(branches.len(), Problem::Branch)?;
                match branches.get(branch) {
                    Some(branch) => self.pass::<CHECK>(*branch, reader, depth),
                    None => Err(reader.stop(Problem::Branch)),
                }
            }
            _ if depth >= MAX_DEPTH => Err(reader.stop(Problem::Depth)),
            Node::Record(fields) => fields
                .iter()
                .try_for_each(|field| self.pass::<CHECK>(field.node, reader, depth + 1)),
            Node::Array(item) => self.blocks::<CHECK, false>(*item, reader, depth + 1),
            Node::Map(value) => self.blocks::<CHECK, true>(*value, reader, depth + 1),
        }
    }

    fn blocks<const CHECK: bool, const KEYS: bool>(
        &mut self,
        item: NodeId,
        reader: &mut Reader<'_>,
        depth: u32,
    ) -> Result<(), Stop> {
        let extent = self.nodes.extent(item);
        let hollow = !KEYS && extent.fixed == Some(0);
        let least = extent.least.saturating_add(u64::from(KEYS)).max(1);
        loop {
            let start = *reader;
            let Some(block) = Block::next(reader)? else {
                return Ok(());
            };
            if hollow {
                let left = self.hollow.checked_sub(block.count);
                self.hollow = left.ok_or_else(|| start.stop(Problem::Hollow))?;
            } else if !CHECK && block.pass(reader) {
                continue;
            } else if block.count > reader.left() as u64 / least {
                return Err(start.stop(Problem::Count));
            } else if let Some(size) = extent.fixed
                && !CHECK
                && !KEYS
            {
                // No more than what is left, as the count is.
                reader.take((block.count * size) as usize)?;
            } else if let Node::Leaf(leaf) = self.nodes.get(item)
                && !CHECK
                && !KEYS
            {
                pass_leaves(*leaf, block.count, reader)?;
            } else {
                for _ in 0..block.count {
                    if KEYS {
                        pass_key::<CHECK>(reader)?;
                    }
                    self.pass::<CHECK>(item, reader, depth)?;
                }
            }
            if block.end.is_some_and(|end| end != reader.left()) {
                return Err(start.stop(Problem::BlockSize));
            }
        }
    }
}

fn pass_key<const CHECK: bool>(reader: &mut Reader<'_>) -> Result<(), Stop> {
    match CHECK {
        true => reader.text().map(|_| ()),
        false => reader.blob().map(|_| ()),
    }
}

fn pass_leaves(leaf: Leaf, count: u64, reader: &mut Reader<'_>) -> Result<(), Stop> {
    let mut inner = *reader;
    for _ in 0..count {
        pass_leaf(leaf, &mut inner)?;
    }
    *reader = inner;
    Ok(())
}

#[inline]
fn pass_leaf(leaf: Leaf, reader: &mut Reader<'_>) -> Result<(), Stop> {
    match leaf.passing() {
        Passing::Bytes(size) => reader.take(size as usize).map(|_| ()),
        Passing::Varint => reader.skip_varint(),
        Passing::Blob => reader.blob().map(|_| ()),
    }
}
