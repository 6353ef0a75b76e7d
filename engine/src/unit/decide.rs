//! Decides the writes that depend on what a hash holds: tables, and records that may be older.
//!
//! Pure: it is shown the fields that stand in Redis and makes of every undecided group an
//! ordinary one of absolute values, which is what is applied and propagated. A field lives as
//! text between two units, so every step is one of the texts; the result does not depend on
//! where units end.

mod table;
#[cfg(test)]
mod tests;

use super::Unit;
use super::packed::{
    self, Fold, Group, GroupKind, Head, PackedError, Reader, Undecided, put_group, read_fold,
    read_newer, read_undecided,
};
use table::Table;

/// A write that cannot be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecidable {
    /// Index into the unit's records.
    pub record: u32,
    /// The hash.
    pub key: Vec<u8>,
    /// Why, and the way out.
    pub problem: String,
}

/// A field that must be known.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The group's number. A group's fields are asked for one after the other, each at most once.
    pub group: usize,
    /// The hash.
    pub key: &'a [u8],
    /// The field's number in the unit.
    pub name: usize,
    /// The field.
    pub field: &'a [u8],
}

/// Shows a field that stands in Redis: appends its text, or says that there is none.
pub type Stored<'s> = dyn FnMut(Wanted<'_>, &mut Vec<u8>) -> bool + 's;

impl Unit {
    /// Appends the unit's packed form to `decided`, with an ordinary group for each undecided
    /// one. What is returned cannot be decided: then `decided` is not to be applied.
    pub fn decide(
        &self,
        decided: &mut Vec<u8>,
        stored: &mut Stored<'_>,
    ) -> Result<Vec<Undecidable>, PackedError> {
        let mut reader = Reader::new(&self.packed);
        let head = packed::read_head(&mut reader)?;
        decided.extend_from_slice(self.packed.get(..reader.at()).unwrap_or_default());
        let (mut table, mut refused) = (Table::new(&head), Vec::new());
        let mut first_writer = 0;
        for number in 0..head.groups {
            let start = reader.at();
            let group = packed::read_group(&mut reader)?;
            let writers = self.groups.get(number).map_or(group.writes, |&count| count as usize);
            if group.kind == GroupKind::Undecided {
                // Writes that could not be seen were not packed: they stand in front.
                let first = first_writer + writers.saturating_sub(group.writes);
                let mut show = |name: usize, text: &mut Vec<u8>| {
                    let field = head.names.get(name).copied().unwrap_or_default();
                    stored(Wanted { group: number, key: group.key, name, field }, text)
                };
                let failed = decide_group(&head, &group, &mut reader, &mut table, &mut show)?;
                refused.extend(failed.into_iter().map(|(write, problem)| Undecidable {
                    record: self.writers.get(first + write).copied().unwrap_or_default(),
                    key: group.key.to_vec(),
                    problem,
                }));
                table.write(&group, decided);
            } else {
                reader.skip(group.bytes)?;
                decided.extend_from_slice(self.packed.get(start..reader.at()).unwrap_or_default());
            }
            first_writer += writers;
        }
        Ok(refused)
    }
}

/// Shows a field of one hash.
type Show<'s> = dyn FnMut(usize, &mut Vec<u8>) -> bool + 's;

/// The writes that cannot be decided, by their number in the group, and why.
type Failed = Vec<(usize, String)>;

fn decide_group<'u>(
    head: &Head<'_>,
    group: &Group<'_>,
    reader: &mut Reader<'u>,
    table: &mut Table<'_, 'u>,
    show: &mut Show<'_>,
) -> Result<Failed, PackedError> {
    table.begin();
    let mut failed = Vec::new();
    for write in 0..group.writes {
        table.keep();
        if let Err(problem) = decide_write(head, reader, table, show)? {
            table.undo();
            let key = String::from_utf8_lossy(group.key);
            failed.push((write, format!("key '{key}': {problem}")));
        }
    }
    Ok(failed)
}

/// One write. What is returned within is the record's error.
fn decide_write<'u>(
    head: &Head<'_>,
    reader: &mut Reader<'u>,
    table: &mut Table<'_, 'u>,
    show: &mut Show<'_>,
) -> Result<Result<(), String>, PackedError> {
    let (write, fields) = read_undecided(reader)?;
    let is_anew = match write {
        Undecided::Plain(packed::HashOperation::Delete) => {
            table.empty(table::Base::Deleted);
            return Ok(Ok(()));
        }
        Undecided::Plain(operation) => operation == packed::HashOperation::Replace,
        Undecided::MergeIfNewer | Undecided::ReplaceIfNewer => {
            // The condition stands behind the fields.
            let mut behind = reader.clone();
            pass_fields(head, &mut behind, fields)?;
            let newer = read_newer(&mut behind, head)?;
            match table.is_newer(&newer, show) {
                Ok(true) => {}
                older => {
                    *reader = behind;
                    return Ok(older.map(drop));
                }
            }
            let is_anew = write == Undecided::ReplaceIfNewer;
            merge(head, reader, table, fields, is_anew)?;
            table.take_newer(&newer);
            *reader = behind;
            return Ok(Ok(()));
        }
        Undecided::Fold => false,
    };
    merge(head, reader, table, fields, is_anew)?;
    if write != Undecided::Fold {
        return Ok(Ok(()));
    }
    let folds = reader.u32()?;
    let mut folded = Ok(());
    for _ in 0..folds {
        let fold: Fold<'u, usize> = read_fold(reader, head)?;
        folded = folded.and_then(|()| table.fold(fold, show));
    }
    Ok(folded)
}

fn pass_fields(head: &Head<'_>, reader: &mut Reader<'_>, fields: usize) -> Result<(), PackedError> {
    (0..fields).try_for_each(|_| packed::read_field(reader, head).map(drop))?;
    let deleted = reader.u32()?;
    (0..deleted).try_for_each(|_| packed::read_name(reader, head).map(drop))
}

fn merge<'u>(
    head: &Head<'_>,
    reader: &mut Reader<'u>,
    table: &mut Table<'_, 'u>,
    fields: usize,
    is_anew: bool,
) -> Result<(), PackedError> {
    if is_anew {
        table.empty(table::Base::Replaced);
    }
    for _ in 0..fields {
        let (name, text) = packed::read_field(reader, head)?;
        table.set(name, text);
    }
    for _ in 0..reader.u32()? {
        table.unset(packed::read_name(reader, head)?);
    }
    Ok(())
}
