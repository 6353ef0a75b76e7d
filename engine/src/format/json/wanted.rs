//! The wanted paths as a tree of their steps, so that paths with a common
//! beginning are resolved in one pass over the value they lead into.

use super::{MAX_DEPTH, path};
use crate::format::nested;
use crate::record::{Arena, Row, Step, Value};

/// Where the value that some steps lead to goes, and what is wanted below it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    slots: Vec<usize>,
    fields: Vec<(Box<str>, Tree)>,
    elements: Vec<(i64, Tree)>,
}

impl Tree {
    /// The tree of paths whose places are their slots.
    pub(super) fn new(paths: &[Vec<Step>]) -> Tree {
        let mut root = Tree::default();
        // No document is deeper, so longer paths lead nowhere; and the tree stays as shallow.
        let possible = |path: &Vec<Step>| path.len() <= MAX_DEPTH as usize;
        for (slot, path) in paths.iter().enumerate().filter(|(_, path)| possible(path)) {
            root.insert(path, slot);
        }
        root
    }

    fn insert(&mut self, path: &[Step], slot: usize) {
        match path.split_first() {
            None => self.slots.push(slot),
            Some((Step::Field(name), rest)) => {
                insert_below(&mut self.fields, name.as_str().into(), rest, slot);
            }
            Some((Step::Index(index), rest)) => {
                insert_below(&mut self.elements, *index, rest, slot);
            }
        }
    }

    /// The fields wanted of this value, by name.
    pub(super) fn fields(&self) -> &[(Box<str>, Tree)] {
        &self.fields
    }

    /// Sets the slots of `value` itself.
    #[inline]
    pub(super) fn set<'a>(&self, value: Value<'a>, row: &mut Row<'a>) {
        for &slot in &self.slots {
            row.set(slot, value);
        }
    }

    /// Sets the slots of `value` and of all that is wanted in it, whatever they held before.
    #[inline]
    pub(super) fn fill<'a>(&self, value: Value<'a>, arena: &'a Arena, row: &mut Row<'a>) {
        self.set(value, row);
        if !self.fields.is_empty() || !self.elements.is_empty() {
            self.fill_below(value, arena, row);
        }
    }

    fn fill_below<'a>(&self, value: Value<'a>, arena: &'a Arena, row: &mut Row<'a>) {
        // An earlier value of the same name may have set them.
        self.clear_below(row);
        if let Value::Object(text) = value {
            path::each_member(text, |name, value| {
                for (_, tree) in self.fields.iter().filter(|(known, _)| name.is(known)) {
                    tree.fill(value, arena, row);
                }
            });
        }
        for (index, tree) in &self.elements {
            tree.fill(nested::element(value, *index, arena), arena, row);
        }
    }

    fn clear_below(&self, row: &mut Row<'_>) {
        let trees = self.fields.iter().map(|(_, tree)| tree);
        for tree in trees.chain(self.elements.iter().map(|(_, tree)| tree)) {
            tree.set(Value::Null, row);
            tree.clear_below(row);
        }
    }
}

fn insert_below<K: PartialEq>(children: &mut Vec<(K, Tree)>, key: K, rest: &[Step], slot: usize) {
    if let Some((_, tree)) = children.iter_mut().find(|(known, _)| *known == key) {
        return tree.insert(rest, slot);
    }
    let mut tree = Tree::default();
    tree.insert(rest, slot);
    children.push((key, tree));
}
