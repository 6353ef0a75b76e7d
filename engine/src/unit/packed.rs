//! The packed form of a unit, version 1: what `KAFKA.APPLY` carries.
//!
//! Little endian; `varint` is LEB128 of a u64; a `text` is a varint length and bytes.
//!
//! ```text
//! u8 version            text subscription
//! varint advances   of  text topic, varint partition,
//!                       i64 expected next, or -1 for none and i64 ms since the partition is known; i64 next,
//!                       i32 epoch (-1: unknown), 16 bytes topic id, varint × 5 counters
//! varint names      of  text                                the field names used below
//! varint groups     of  text key, u8 kind (1 stream, 2 hash), u8 trim (0 none, 1 ~, 2 =), u64 entries to keep,
//!                       u32 bytes of its writes, varint writes
//!   a stream's write:   u64 ms, u64 seq, u32 fields of (varint name, text value)
//!   a hash's write:     u8 operation (0 merge, 1 replace, 2 delete key),
//!                       u32 fields of (varint name, text value), u32 deleted of (varint name)
//! ```
//!
//! The primary fills in entry IDs and trims once it has decided them, so a
//! replica repeats facts and decides nothing.

use crate::kafka::TopicId;
use crate::ledger::{Counters, Expected, Standing};
use std::fmt;

/// The version written; readers refuse any other.
pub const VERSION: u8 = 1;

/// Stands for "no next offset yet".
const ABSENT: i64 = -1;

/// A stream group's kind byte.
pub const KIND_STREAM: u8 = 1;
/// A hash group's kind byte.
pub const KIND_HASH: u8 = 2;

/// Why bytes are no unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackedError {
    /// The bytes end in the middle.
    Truncated,
    /// A version this build does not know.
    Version(u8),
    /// A byte that stands for nothing.
    Code(u8),
    /// A name's number that no name has.
    Name,
    /// Text that must be UTF-8 is not.
    Text,
    /// A group's writes take more or fewer bytes than it says.
    Length,
    /// Bytes after the end.
    Trailing,
}

impl fmt::Display for PackedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PackedError::Truncated => f.write_str("the unit ends too early"),
            PackedError::Version(version) => {
                write!(
                    f,
                    "unit of version {version}, this build reads version {VERSION}: update the module here"
                )
            }
            PackedError::Code(code) => write!(f, "unknown code {code} in the unit"),
            PackedError::Name => f.write_str("the unit names a field it does not list"),
            PackedError::Text => f.write_str("a name in the unit is no UTF-8"),
            PackedError::Length => f.write_str("a group's length in the unit is wrong"),
            PackedError::Trailing => f.write_str("bytes after the unit's end"),
        }
    }
}

impl std::error::Error for PackedError {}

/// Reads packed bytes; every length is checked against what is there.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub fn at(&self) -> usize {
        self.at
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], PackedError> {
        let end = self.at.checked_add(length).ok_or(PackedError::Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(PackedError::Truncated)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PackedError> {
        self.take(N)?.try_into().map_err(|_| PackedError::Truncated)
    }

    /// Passes over so many bytes.
    pub fn skip(&mut self, length: usize) -> Result<(), PackedError> {
        self.take(length).map(|_| ())
    }

    fn u8(&mut self) -> Result<u8, PackedError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, PackedError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, PackedError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn varint(&mut self) -> Result<u64, PackedError> {
        let first = self.u8()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(PackedError::Code(first))
    }

    fn text(&mut self) -> Result<&'a [u8], PackedError> {
        let length = usize::try_from(self.varint()?).map_err(|_| PackedError::Truncated)?;
        self.take(length)
    }

    fn utf8(&mut self) -> Result<&'a str, PackedError> {
        std::str::from_utf8(self.text()?).map_err(|_| PackedError::Text)
    }

    /// A count of things that take at least one byte each, so that a lying count cannot ask for memory.
    fn count(&mut self) -> Result<usize, PackedError> {
        let count = usize::try_from(self.varint()?).map_err(|_| PackedError::Truncated)?;
        if count > self.bytes.len() - self.at {
            return Err(PackedError::Truncated);
        }
        Ok(count)
    }
}

/// Appends a varint.
#[inline]
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a length and bytes.
#[inline]
pub(super) fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// One partition's step, as packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedAdvance<'a> {
    /// Topic name.
    pub topic: &'a str,
    /// Partition number.
    pub partition: i32,
    /// What must stand in the ledger.
    pub expected: Expected,
    /// What stands there afterwards.
    pub standing: Standing,
}

impl<'a> PackedAdvance<'a> {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_text(out, self.topic.as_bytes());
        put_varint(out, u64::from(self.partition.max(0) as u32));
        match self.expected {
            Expected::Absent { since } => {
                out.extend_from_slice(&ABSENT.to_le_bytes());
                out.extend_from_slice(&since.to_le_bytes());
            }
            Expected::Next(next) => out.extend_from_slice(&next.to_le_bytes()),
        }
        out.extend_from_slice(&self.standing.next.to_le_bytes());
        out.extend_from_slice(&self.standing.epoch.unwrap_or(-1).to_le_bytes());
        out.extend_from_slice(&self.standing.topic_id.bytes());
        let Counters { consumed, applied, filtered, deadlettered, skipped } =
            self.standing.counters;
        for counter in [consumed, applied, filtered, deadlettered, skipped] {
            put_varint(out, counter);
        }
    }

    fn read(reader: &mut Reader<'a>) -> Result<PackedAdvance<'a>, PackedError> {
        let topic = reader.utf8()?;
        let partition = i32::try_from(reader.varint()?).map_err(|_| PackedError::Truncated)?;
        let expected = match i64::from_le_bytes(reader.array()?) {
            ABSENT => Expected::Absent { since: i64::from_le_bytes(reader.array()?) },
            next => Expected::Next(next),
        };
        let next = i64::from_le_bytes(reader.array()?);
        let epoch = i32::from_le_bytes(reader.array()?);
        let topic_id = TopicId::from_bytes(reader.array()?);
        let counters = Counters {
            consumed: reader.varint()?,
            applied: reader.varint()?,
            filtered: reader.varint()?,
            deadlettered: reader.varint()?,
            skipped: reader.varint()?,
        };
        Ok(PackedAdvance {
            topic,
            partition,
            expected,
            standing: Standing { next, epoch: (epoch >= 0).then_some(epoch), topic_id, counters },
        })
    }
}

/// A unit's head: everything before the groups.
#[derive(Debug)]
pub struct Head<'a> {
    /// The subscription's name.
    pub subscription: &'a str,
    /// The ledger's steps.
    pub advances: Vec<PackedAdvance<'a>>,
    /// Field names, by number.
    pub names: Vec<&'a [u8]>,
    /// How many groups follow.
    pub groups: usize,
}

/// Reads the head; `reader` then stands at the first group.
pub fn read_head<'a>(reader: &mut Reader<'a>) -> Result<Head<'a>, PackedError> {
    let version = reader.u8()?;
    if version != VERSION {
        return Err(PackedError::Version(version));
    }
    let subscription = reader.utf8()?;
    let count = reader.count()?;
    let mut advances = Vec::with_capacity(count.min(1024));
    for _ in 0..count {
        advances.push(PackedAdvance::read(reader)?);
    }
    let count = reader.count()?;
    let mut names = Vec::with_capacity(count.min(1024));
    for _ in 0..count {
        names.push(reader.text()?);
    }
    let groups = reader.count()?;
    Ok(Head { subscription, advances, names, groups })
}

/// How a stream is trimmed after a unit's writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackedTrim {
    /// Not at all.
    None,
    /// Whole nodes beyond so many entries.
    Approximate(u64),
    /// To exactly so many entries.
    Exact(u64),
}

/// Which kind of key a group writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKind {
    /// Entries of a stream, then a trim.
    Stream(PackedTrim),
    /// Changes of a hash.
    Hash,
}

/// All writes of one key.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// The key.
    pub key: &'a [u8],
    /// What is written there.
    pub kind: GroupKind,
    /// Where the trim stands in the packed bytes: one byte, then a u64.
    pub trim_at: usize,
    /// How many bytes the writes take.
    pub bytes: usize,
    /// How many writes follow.
    pub writes: usize,
}

/// Reads a group's head; `reader` then stands at its first write.
pub fn read_group<'a>(reader: &mut Reader<'a>) -> Result<Group<'a>, PackedError> {
    let key = reader.text()?;
    let kind = reader.u8()?;
    let trim_at = reader.at();
    let (trim, entries) = (reader.u8()?, reader.u64()?);
    let trim = match trim {
        0 => PackedTrim::None,
        1 => PackedTrim::Approximate(entries),
        2 => PackedTrim::Exact(entries),
        other => return Err(PackedError::Code(other)),
    };
    let kind = match kind {
        KIND_STREAM => GroupKind::Stream(trim),
        KIND_HASH => GroupKind::Hash,
        other => return Err(PackedError::Code(other)),
    };
    let bytes = reader.u32()? as usize;
    Ok(Group { key, kind, trim_at, bytes, writes: reader.count()? })
}

/// A stream's write: the entry's ID, where it stands, and how many fields follow.
#[derive(Debug, Clone, Copy)]
pub struct StreamWrite {
    /// Where the ID stands in the packed bytes: two u64.
    pub id_at: usize,
    /// Milliseconds and sequence number; zero until the primary has decided them.
    pub id: (u64, u64),
    /// How many fields follow.
    pub fields: usize,
}

/// Reads a stream's write up to its fields.
pub fn read_stream_write(reader: &mut Reader<'_>) -> Result<StreamWrite, PackedError> {
    let id_at = reader.at();
    let id = (reader.u64()?, reader.u64()?);
    Ok(StreamWrite { id_at, id, fields: reader.u32()? as usize })
}

/// What a hash's write does first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashOperation {
    /// Sets and deletes single fields.
    Merge,
    /// Empties the hash, then sets fields.
    Replace,
    /// Deletes the key.
    Delete,
}

impl HashOperation {
    pub(super) fn code(self) -> u8 {
        match self {
            HashOperation::Merge => 0,
            HashOperation::Replace => 1,
            HashOperation::Delete => 2,
        }
    }
}

/// Reads a hash's write up to its fields: the operation and how many fields follow.
pub fn read_hash_write(reader: &mut Reader<'_>) -> Result<(HashOperation, usize), PackedError> {
    let operation = match reader.u8()? {
        0 => HashOperation::Merge,
        1 => HashOperation::Replace,
        2 => HashOperation::Delete,
        other => return Err(PackedError::Code(other)),
    };
    Ok((operation, reader.u32()? as usize))
}

/// Reads how many deleted fields follow a hash write's fields.
pub fn read_deleted_count(reader: &mut Reader<'_>) -> Result<usize, PackedError> {
    Ok(reader.u32()? as usize)
}

/// Reads a field name's number, checked against the head.
pub fn read_name(reader: &mut Reader<'_>, head: &Head<'_>) -> Result<usize, PackedError> {
    let name = usize::try_from(reader.varint()?).map_err(|_| PackedError::Name)?;
    if name >= head.names.len() {
        return Err(PackedError::Name);
    }
    Ok(name)
}

/// Reads one field: its name's number and its value.
pub fn read_field<'a>(
    reader: &mut Reader<'a>,
    head: &Head<'_>,
) -> Result<(usize, &'a [u8]), PackedError> {
    Ok((read_name(reader, head)?, reader.text()?))
}

/// Walks a whole unit without applying it, so that applying cannot fail in the middle.
pub fn check(bytes: &[u8]) -> Result<(), PackedError> {
    let mut reader = Reader::new(bytes);
    let head = read_head(&mut reader)?;
    for _ in 0..head.groups {
        let group = read_group(&mut reader)?;
        let start = reader.at();
        for _ in 0..group.writes {
            let mut deleted = 0;
            let fields = match group.kind {
                GroupKind::Stream(_) => read_stream_write(&mut reader)?.fields,
                GroupKind::Hash => read_hash_write(&mut reader)?.1,
            };
            for _ in 0..fields {
                read_field(&mut reader, &head)?;
            }
            if group.kind == GroupKind::Hash {
                deleted = read_deleted_count(&mut reader)?;
            }
            for _ in 0..deleted {
                read_name(&mut reader, &head)?;
            }
        }
        if reader.at() - start != group.bytes {
            return Err(PackedError::Length);
        }
    }
    if reader.at() != bytes.len() {
        return Err(PackedError::Trailing);
    }
    Ok(())
}
