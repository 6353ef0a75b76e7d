//! What the unit being built will do to a key, for routes that read it before it is applied.

use super::super::packed::{FOLD, HashOperation, Reader, read_deleted_count, read_hash_write};
use super::{Builder, Group, GroupKind, Space};
use crate::record::Names;
use std::hash::BuildHasher;

/// What the unit being built does to a key, to be laid over what Redis holds of it.
pub enum Pending<'b> {
    /// Nothing.
    Nothing,
    /// It writes it as a hash.
    Hash(PendingHash<'b>),
    /// It writes it as a hash, and what comes of it is decided when it is applied.
    Undecided(Since),
    /// It writes it as something else.
    Other,
}

/// Which record has made the outcome unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// An earlier one of the unit: it is known once the unit is applied.
    EarlierRecord,
    /// The one that is being written.
    ThisRecord,
}

/// Writes of a hash whose outcome is known.
pub struct PendingHash<'b> {
    builder: &'b Builder,
    group: &'b Group,
}

/// One step of a hash's writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// No field is left.
    Clear,
    /// A field has this value.
    Set(&'a [u8], &'a [u8]),
    /// A field is deleted.
    Delete(&'a [u8]),
}

impl Builder {
    /// What is done to a key so far, earlier routes of the same record included.
    pub fn pending(&self, key: &[u8]) -> Pending<'_> {
        match self.written(key) {
            None => Pending::Nothing,
            Some(group) if matches!(group.kind, GroupKind::Hash | GroupKind::Undecided) => {
                match self.undecided_since(group) {
                    None => Pending::Hash(PendingHash { builder: self, group }),
                    Some(since) => Pending::Undecided(since),
                }
            }
            Some(_) => Pending::Other,
        }
    }

    fn undecided_since(&self, group: &Group) -> Option<Since> {
        let current = self.records.len().saturating_sub(1) as u32;
        let is_undecided = |bytes: &[u8]| bytes.first().is_some_and(|code| *code >= FOLD);
        let undecided = self.writes_of(group).filter(|(_, bytes)| is_undecided(bytes));
        let since = undecided.map(|(write, _)| match write.record == current {
            true => Since::ThisRecord,
            false => Since::EarlierRecord,
        });
        since.last()
    }

    /// Whether something is written to a key.
    pub fn writes(&self, key: &[u8]) -> bool {
        self.written(key).is_some()
    }

    /// The keys that something is written to.
    pub fn written_keys(&self) -> impl Iterator<Item = &[u8]> {
        let written = |group: &&Group| group.writes > 0 && Space::of(group.kind) == Space::Keys;
        let key = |group: &Group| self.keys.get(group.key_start..group.key_end);
        self.groups.iter().filter(written).filter_map(key)
    }

    /// Whether a command is to be run, which may write anything.
    pub fn runs_command(&self) -> bool {
        let is_command = |group: &Group| group.kind == GroupKind::Command && group.writes > 0;
        self.groups.iter().any(is_command)
    }

    fn written(&self, key: &[u8]) -> Option<&Group> {
        if self.groups.is_empty() {
            return None;
        }
        let group_at = |at: u32| self.groups.get(at as usize);
        let found = self.index.find(self.hasher.hash_one((Space::Keys, key)), |&at| {
            group_at(at).is_some_and(|group| {
                Space::of(group.kind) == Space::Keys
                    && self.keys.get(group.key_start..group.key_end) == Some(key)
            })
        });
        group_at(*found?).filter(|group| group.writes > 0)
    }
}

impl<'b> PendingHash<'b> {
    /// Shows what is done to the hash, in order.
    pub fn each(&self, names: &'b Names, visit: &mut dyn FnMut(Change<'b>)) {
        for (_, bytes) in self.builder.writes_of(self.group) {
            // The builder wrote these bytes itself, so they end where they should.
            let _ = self.show(&mut Reader::new(bytes), names, visit);
        }
    }

    fn show(
        &self,
        reader: &mut Reader<'b>,
        names: &'b Names,
        visit: &mut dyn FnMut(Change<'b>),
    ) -> Option<()> {
        let (operation, fields) = read_hash_write(reader).ok()?;
        if operation != HashOperation::Merge {
            visit(Change::Clear);
        }
        for _ in 0..fields {
            let name = self.name(reader, names)?;
            visit(Change::Set(name, reader.text().ok()?));
        }
        for _ in 0..read_deleted_count(reader, operation).ok()? {
            visit(Change::Delete(self.name(reader, names)?));
        }
        Some(())
    }

    fn name(&self, reader: &mut Reader<'b>, names: &'b Names) -> Option<&'b [u8]> {
        let number = usize::try_from(reader.varint().ok()?).ok()?;
        self.builder.used.get(number).map(|name| names.get(*name))
    }
}
