//! Units as the tests read them back.

use super::FOLDS;
use crate::unit::packed::{self, HashOperation, Reader, StreamWrite, Undecided};
use crate::unit::{EntryTime, GroupKind, PlainWrite, Unit};
use std::collections::BTreeMap;

/// A write as read back.
#[derive(Debug, Clone, PartialEq)]
pub enum Read {
    Entry(EntryTime, Vec<(String, String)>),
    Hash(HashOperation, Vec<(String, String)>, Vec<String>),
    /// With what stands behind the fields.
    Undecided(Undecided, Vec<(String, String)>, Vec<String>, String),
    Plain(String),
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the tests write text")
}

fn read_one(reader: &mut Reader<'_>, head: &packed::Head<'_>, kind: GroupKind) -> Read {
    let fields = |reader: &mut Reader<'_>, count| -> Vec<(String, String)> {
        let field = |_| {
            let (name, value) = packed::read_field(reader, head).expect("a field");
            (text(head.names[name]), text(value))
        };
        (0..count).map(field).collect()
    };
    match kind {
        GroupKind::Stream => match packed::read_stream_write(reader).expect("a write") {
            StreamWrite::Remove(..) => Read::Plain("no target takes entries out".to_owned()),
            StreamWrite::Delete => Read::Plain(format!("{:?}", PlainWrite::Delete)),
            StreamWrite::Add { time, fields: count, .. } => {
                Read::Entry(time, fields(reader, count))
            }
        },
        GroupKind::Hash => {
            let (operation, count) = packed::read_hash_write(reader).expect("a write");
            let fields = fields(reader, count);
            let deleted = packed::read_deleted_count(reader, operation).expect("a count");
            let deleted = (0..deleted)
                .map(|_| text(head.names[packed::read_name(reader, head).expect("a name")]));
            Read::Hash(operation, fields, deleted.collect())
        }
        GroupKind::Undecided => {
            let (write, count) = packed::read_undecided(reader).expect("a write");
            let fields = fields(reader, count);
            if write == Undecided::Plain(HashOperation::Delete) {
                return Read::Plain(format!("{:?}", PlainWrite::Delete));
            }
            let deleted = packed::read_deleted_count(reader, HashOperation::Merge);
            let deleted = (0..deleted.expect("a count"))
                .map(|_| text(head.names[packed::read_name(reader, head).expect("a name")]))
                .collect();
            Read::Undecided(write, fields, deleted, read_behind(reader, head, write))
        }
        _ => Read::Plain(format!("{:?}", packed::read_plain_write(reader, kind).expect("a write"))),
    }
}

fn read_behind(reader: &mut Reader<'_>, head: &packed::Head<'_>, write: Undecided) -> String {
    if write != Undecided::Fold {
        let newer = packed::read_newer(reader, head).expect("a condition");
        assert_eq!(head.names[newer.field], b"kept");
        return format!("{:?}", newer.operand);
    }
    // The count stands in four bytes.
    reader.skip(4).expect("a count");
    let fold = |_| {
        let fold = packed::read_fold(reader, head).expect("a fold");
        format!("{:?}", fold.named(|name| assert_eq!(head.names[name], b"kept")))
    };
    FOLDS.iter().map(fold).collect()
}

/// What a group says of its key: the records that wrote it, and the writes.
pub type Written = (Vec<u32>, Vec<Read>);

/// Reads all writes by key, with the records they came from.
pub fn read_back(unit: &Unit) -> BTreeMap<String, Written> {
    let mut reader = Reader::new(&unit.packed);
    let head = packed::read_head(&mut reader).expect("a head");
    let (mut writers, mut counts) = (unit.writers.iter().copied(), unit.groups.iter());
    let mut keys = BTreeMap::new();
    for _ in 0..head.groups {
        let group = packed::read_group(&mut reader).expect("a group");
        let writes = (0..group.writes).map(|_| read_one(&mut reader, &head, group.kind)).collect();
        let count = *counts.next().expect("a count for every group") as usize;
        let records = writers.by_ref().take(count).collect();
        let earlier = keys.insert(text(group.key), (records, writes));
        assert!(earlier.is_none(), "one group a key");
    }
    keys
}
