//! The fields of hashes that undecided writes depend on: gathered from the unit, shown once read.

use super::plan::Plan;
use redis_kafka_engine::unit::decide;
use redis_kafka_engine::unit::packed::{
    self, Fold, GroupKind, HashOperation, Head, PackedError, Reader, Undecided,
};
use std::ops::Range;

/// One field of a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Unread,
    Absent,
    Text(Range<usize>),
}

/// The fields of one group.
#[derive(Debug)]
struct Hash {
    group: usize,
    /// Their numbers in the unit.
    names: Vec<usize>,
    fields: Vec<Field>,
}

/// All fields that may be asked for, and what they hold.
#[derive(Debug, Default)]
pub struct Wanted {
    hashes: Vec<Hash>,
    bytes: Vec<u8>,
}

impl Wanted {
    /// What the undecided writes of a unit may read: at least what they do.
    pub fn of(plan: &Plan<'_>) -> Result<Wanted, PackedError> {
        let mut hashes = Vec::new();
        for (group, it) in plan.groups.iter().enumerate() {
            if it.group.kind != GroupKind::Undecided {
                continue;
            }
            let (mut names, mut reader) = (Vec::new(), it.writes.clone());
            for _ in 0..it.group.writes {
                gather(&plan.head, &mut reader, &mut names)?;
            }
            names.sort_unstable();
            names.dedup();
            let fields = vec![Field::Unread; names.len()];
            hashes.push(Hash { group, names, fields });
        }
        Ok(Wanted { hashes, bytes: Vec::new() })
    }

    /// Whether some write is undecided.
    pub fn has_hashes(&self) -> bool {
        !self.hashes.is_empty()
    }

    /// The fields to read for a group, by their numbers in the unit.
    pub fn names(&self, group: usize) -> &[usize] {
        self.hash(group).map_or(&[], |hash| &hash.names)
    }

    /// Takes what the field at a place of [`Wanted::names`] holds.
    pub fn show(&mut self, group: usize, at: usize, value: Option<&[u8]>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value.unwrap_or_default());
        let range = start..self.bytes.len();
        let hash = self.hashes.binary_search_by_key(&group, |hash| hash.group).ok();
        let hash = hash.and_then(|place| self.hashes.get_mut(place));
        if let Some(field) = hash.and_then(|hash| hash.fields.get_mut(at)) {
            *field = value.map_or(Field::Absent, |_| Field::Text(range));
        }
    }

    /// Appends a field's text, or says that there is none; `lacking` where it was not read.
    pub fn tell(&self, wanted: decide::Wanted<'_>, text: &mut Vec<u8>, lacking: &mut bool) -> bool {
        let field = self.hash(wanted.group).and_then(|hash| {
            let at = hash.names.binary_search(&wanted.name).ok()?;
            hash.fields.get(at)
        });
        match field {
            Some(Field::Text(range)) => {
                text.extend_from_slice(self.bytes.get(range.clone()).unwrap_or_default());
                true
            }
            Some(Field::Absent) => false,
            Some(Field::Unread) | None => {
                *lacking = true;
                false
            }
        }
    }

    fn hash(&self, group: usize) -> Option<&Hash> {
        let at = self.hashes.binary_search_by_key(&group, |hash| hash.group).ok()?;
        self.hashes.get(at)
    }
}

/// The fields that one undecided write reads.
fn gather(
    head: &Head<'_>,
    reader: &mut Reader<'_>,
    names: &mut Vec<usize>,
) -> Result<(), PackedError> {
    let (write, fields) = packed::read_undecided(reader)?;
    (0..fields).try_for_each(|_| packed::read_field(reader, head).map(drop))?;
    let operation = match write {
        Undecided::Plain(operation) => operation,
        _ => HashOperation::Merge,
    };
    let deleted = packed::read_deleted_count(reader, operation)?;
    (0..deleted).try_for_each(|_| packed::read_name(reader, head).map(drop))?;
    match write {
        Undecided::Plain(_) => {}
        Undecided::MergeIfNewer | Undecided::ReplaceIfNewer => {
            names.push(packed::read_newer(reader, head)?.field);
        }
        Undecided::Fold => {
            for _ in 0..packed::read_fold_count(reader)? {
                match packed::read_fold(reader, head)? {
                    Fold::Count { field, .. }
                    | Fold::Sum { field, .. }
                    | Fold::Least { field, .. }
                    | Fold::Greatest { field, .. }
                    | Fold::First { field, .. } => names.push(field),
                    Fold::Mean { field, sum, count, .. } => names.extend([field, sum, count]),
                    Fold::Earliest { field, at, .. } | Fold::Latest { field, at, .. } => {
                        names.extend([field, at]);
                    }
                }
            }
        }
    }
    Ok(())
}
