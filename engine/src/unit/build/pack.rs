//! Packs what was gathered, group by group, without the writes that nobody could see.

use super::{Builder, Group, GroupKind, Write, merge, patch_u32};
use crate::ledger::Advance;
use crate::record::Names;
use crate::unit::Unit;
use crate::unit::packed::{
    self, DELETE_KEY, Expiry, HashOperation, PackedAdvance, put_group, put_text, put_varint,
};

impl Builder {
    /// Appends the packed form of all that was gathered.
    pub(super) fn pack(&mut self, subscription: &str, names: &Names, unit: &mut Unit) {
        let mut merging = std::mem::take(&mut self.merging);
        let out = &mut unit.packed;
        out.push(packed::VERSION);
        put_text(out, subscription.as_bytes());
        put_varint(out, unit.advances.len() as u64);
        for Advance { topic, partition, expected, standing } in &unit.advances {
            let (partition, expected, standing) = (*partition, *expected, *standing);
            PackedAdvance { topic, partition, expected, standing }.put(out);
        }
        put_varint(out, self.used.len() as u64);
        for &name in &self.used {
            put_text(out, names.get(name));
        }
        let written = |group: &&Group| group.writes > 0;
        let kinds = self.groups.iter().filter(written).fold(0u16, |all, g| all | g.kind.bit());
        put_varint(out, self.groups.iter().filter(written).count() as u64);
        for kind in GroupKind::ALL.into_iter().filter(|kind| kinds & kind.bit() != 0) {
            let groups = self.groups.iter().filter(|group| group.kind == kind);
            for group in groups.filter(written) {
                self.pack_group(group, &mut merging, out, &mut unit.writers);
                unit.undecided += usize::from(kind == GroupKind::Undecided);
                unit.groups.push(group.writes);
            }
        }
        self.merging = merging;
    }

    /// The group's writes in order, with their bytes.
    pub(super) fn writes_of(&self, group: &Group) -> impl Iterator<Item = (&Write, &[u8])> {
        let mut at = group.first;
        std::iter::from_fn(move || {
            let write = self.writes.get(at as usize)?;
            at = write.next;
            Some((write, self.arena.get(write.start..write.end).unwrap_or_default()))
        })
    }

    fn pack_group(
        &self,
        group: &Group,
        merging: &mut merge::Merging,
        out: &mut Vec<u8>,
        writers: &mut Vec<u32>,
    ) {
        // What stands before a write that makes the key anew cannot be seen.
        let (mut seen_from, mut expiry) = (0, Expiry::Unchanged);
        for (number, (write, bytes)) in self.writes_of(group).enumerate() {
            writers.push(write.record);
            if makes_anew(group.kind, bytes) {
                (seen_from, expiry) = (number, Expiry::Unchanged);
            }
            if write.expiry != Expiry::Unchanged {
                expiry = write.expiry;
            }
        }
        let key = self.keys.get(group.key_start..group.key_end).unwrap_or_default();
        let seen = group.writes as usize - seen_from;
        let is_merged = group.kind == GroupKind::Hash && seen > 1 && {
            let mut writes = self.writes_of(group).skip(seen_from);
            writes.all(|(write, bytes)| merging.take(write.start, bytes).is_some())
        };
        let writes = if is_merged { merging.writes() } else { seen };
        let bytes_at = put_group(out, key, group.kind, group.keep, expiry, writes);
        let start = out.len();
        if is_merged {
            merging.put(&self.arena, out);
        } else {
            self.writes_of(group).skip(seen_from).for_each(|(_, bytes)| out.extend(bytes));
        }
        merging.clear();
        let bytes = out.len() - start;
        patch_u32(out, bytes_at, bytes as u32);
    }
}

/// Whether a write leaves nothing of what the key held.
fn makes_anew(kind: GroupKind, write: &[u8]) -> bool {
    let operation = write.first().copied();
    match kind {
        GroupKind::String | GroupKind::Json => true,
        GroupKind::Hash | GroupKind::Undecided => {
            operation == Some(DELETE_KEY) || operation == Some(HashOperation::Replace as u8)
        }
        GroupKind::Channel | GroupKind::Command => false,
        _ => operation == Some(DELETE_KEY),
    }
}
