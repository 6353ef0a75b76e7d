//! One write of a group. Its first byte says what it does; 0 deletes the key, whatever its type.

use super::{
    Group, GroupKind, Head, PackedError, Reader, fold, put_text, put_varint, read_group, read_head,
};

/// Deletes the key.
pub const DELETE_KEY: u8 = 0;

/// Takes a member out.
const REMOVE: u8 = 3;

/// Takes an entry out of a stream.
const REMOVE_ENTRY: u8 = 4;

/// When a stream's entry is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryTime {
    /// Redis chooses the ID.
    Now,
    /// So many milliseconds since 1970, or the last entry's where that is later.
    NotBefore(u64),
    /// The ID that was given to it: milliseconds and sequence number.
    Decided(u64, u64),
}

/// A stream's write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamWrite {
    /// Deletes the stream.
    Delete,
    /// Adds an entry.
    Add {
        /// Where the time stands in the packed bytes: a code and two u64.
        at: usize,
        /// When it is from.
        time: EntryTime,
        /// How many fields follow.
        fields: usize,
    },
    /// Takes out the entry of this ID. Where it is not there, the whole unit must not be applied.
    Remove(u64, u64),
}

/// Appends a write that takes an entry out of a stream.
pub(in crate::unit) fn put_removal(out: &mut Vec<u8>, (ms, seq): (u64, u64)) {
    out.push(REMOVE_ENTRY);
    out.extend_from_slice(&ms.to_le_bytes());
    out.extend_from_slice(&seq.to_le_bytes());
}

impl EntryTime {
    /// As packed: a code, milliseconds and a sequence number.
    pub fn code(self) -> (u8, u64, u64) {
        match self {
            EntryTime::Now => (1, 0, 0),
            EntryTime::NotBefore(ms) => (2, ms, 0),
            EntryTime::Decided(ms, seq) => (3, ms, seq),
        }
    }
}

/// Reads a stream's write up to its fields.
#[inline(always)]
pub fn read_stream_write(reader: &mut Reader<'_>) -> Result<StreamWrite, PackedError> {
    let at = reader.at();
    let code = reader.u8()?;
    if code == DELETE_KEY {
        return Ok(StreamWrite::Delete);
    }
    let (ms, seq) = (reader.u64()?, reader.u64()?);
    let time = match code {
        1 => EntryTime::Now,
        2 => EntryTime::NotBefore(ms),
        3 => EntryTime::Decided(ms, seq),
        REMOVE_ENTRY => return Ok(StreamWrite::Remove(ms, seq)),
        other => return Err(PackedError::Code(other)),
    };
    Ok(StreamWrite::Add { at, time, fields: reader.u32()? as usize })
}

/// What a hash's write does first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum HashOperation {
    /// Deletes the key.
    Delete = DELETE_KEY,
    /// Sets and deletes single fields.
    Merge = 1,
    /// Empties the hash, then sets fields.
    Replace = 2,
    /// Sets what the write before it holds already: one of several that were packed as one, of
    /// which listeners hear all the same.
    Again = 6,
}

/// Reads a hash's write up to its fields: the operation and how many fields follow.
#[inline]
pub fn read_hash_write(reader: &mut Reader<'_>) -> Result<(HashOperation, usize), PackedError> {
    let operation = match reader.u8()? {
        DELETE_KEY => return Ok((HashOperation::Delete, 0)),
        1 => HashOperation::Merge,
        2 => HashOperation::Replace,
        6 => return Ok((HashOperation::Again, 0)),
        other => return Err(PackedError::Code(other)),
    };
    Ok((operation, reader.u32()? as usize))
}

/// Reads how many deleted fields follow a hash write's fields; a write that deletes the key has none.
pub fn read_deleted_count(
    reader: &mut Reader<'_>,
    operation: HashOperation,
) -> Result<usize, PackedError> {
    match operation {
        HashOperation::Delete | HashOperation::Again => Ok(0),
        HashOperation::Merge | HashOperation::Replace => Ok(reader.u32()? as usize),
    }
}

/// Reads a field name's number, checked against the head.
#[inline(always)]
pub fn read_name(reader: &mut Reader<'_>, head: &Head<'_>) -> Result<usize, PackedError> {
    let name = usize::try_from(reader.varint()?).map_err(|_| PackedError::Name)?;
    if name >= head.names.len() {
        return Err(PackedError::Name);
    }
    Ok(name)
}

/// Reads one field: its name's number and its value.
#[inline(always)]
pub fn read_field<'a>(
    reader: &mut Reader<'a>,
    head: &Head<'_>,
) -> Result<(usize, &'a [u8]), PackedError> {
    Ok((read_name(reader, head)?, reader.text()?))
}

/// Which end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum End {
    /// Its head (`LPUSH`).
    Left = 1,
    /// Its tail (`RPUSH`).
    Right = 2,
}

/// A write of a group that is neither a stream's nor a hash's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PlainWrite<'a> {
    /// Deletes the key.
    Delete,
    /// The whole string, JSON document or message.
    Whole(&'a [u8]),
    /// An element of a list.
    Push(End, &'a [u8]),
    /// A member of a set.
    Add(&'a [u8]),
    /// Takes a member out of a set, a sorted set or a map.
    Remove(&'a [u8]),
    /// A member's score.
    Score(f64, &'a [u8]),
    /// Adds to a member's score.
    Increment(f64, &'a [u8]),
    /// A member's longitude and latitude.
    Place(f64, f64, &'a [u8]),
    /// A sample: milliseconds since 1970, and its value.
    Sample(i64, f64),
    /// A command: so many words follow, its name first.
    Command(usize),
}

impl PlainWrite<'_> {
    /// Appends its packed form.
    pub(in crate::unit) fn put(self, out: &mut Vec<u8>) {
        match self {
            PlainWrite::Delete => out.push(DELETE_KEY),
            PlainWrite::Command(words) => {
                out.push(1);
                put_varint(out, words as u64);
            }
            PlainWrite::Sample(at, value) => {
                out.push(1);
                out.extend_from_slice(&at.to_le_bytes());
                out.extend_from_slice(&value.to_le_bytes());
            }
            PlainWrite::Whole(text) | PlainWrite::Add(text) => put_member(out, 1, &[], text),
            PlainWrite::Push(end, text) => put_member(out, end as u8, &[], text),
            PlainWrite::Remove(text) => put_member(out, REMOVE, &[], text),
            PlainWrite::Score(score, text) => put_member(out, 1, &[score], text),
            PlainWrite::Increment(score, text) => put_member(out, 2, &[score], text),
            PlainWrite::Place(longitude, latitude, text) => {
                put_member(out, 1, &[longitude, latitude], text);
            }
        }
    }
}

fn put_member(out: &mut Vec<u8>, code: u8, numbers: &[f64], text: &[u8]) {
    out.push(code);
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
    put_text(out, text);
}

/// Reads a write of a group of any kind but stream and hash.
#[inline]
pub fn read_plain_write<'a>(
    reader: &mut Reader<'a>,
    kind: GroupKind,
) -> Result<PlainWrite<'a>, PackedError> {
    let code = reader.u8()?;
    Ok(match (kind, code) {
        (GroupKind::Command, 1) => PlainWrite::Command(reader.count()?),
        (
            GroupKind::Command
            | GroupKind::Channel
            | GroupKind::Stream
            | GroupKind::Hash
            | GroupKind::Undecided,
            0,
        ) => {
            return Err(PackedError::Code(code));
        }
        (_, DELETE_KEY) => PlainWrite::Delete,
        (GroupKind::String | GroupKind::Json | GroupKind::Channel, 1) => {
            PlainWrite::Whole(reader.text()?)
        }
        (GroupKind::List, 1) => PlainWrite::Push(End::Left, reader.text()?),
        (GroupKind::List, 2) => PlainWrite::Push(End::Right, reader.text()?),
        (GroupKind::Set, 1) => PlainWrite::Add(reader.text()?),
        (GroupKind::SortedSet, 1) => PlainWrite::Score(reader.number()?, reader.text()?),
        (GroupKind::SortedSet, 2) => PlainWrite::Increment(reader.number()?, reader.text()?),
        (GroupKind::Set | GroupKind::SortedSet | GroupKind::Geo, REMOVE) => {
            PlainWrite::Remove(reader.text()?)
        }
        (GroupKind::Geo, 1) => {
            PlainWrite::Place(reader.number()?, reader.number()?, reader.text()?)
        }
        (GroupKind::TimeSeries, 1) => {
            PlainWrite::Sample(reader.u64()?.cast_signed(), reader.number()?)
        }
        _ => return Err(PackedError::Code(code)),
    })
}

/// Passes over a write of any kind.
pub fn skip_write(
    reader: &mut Reader<'_>,
    head: &Head<'_>,
    kind: GroupKind,
) -> Result<(), PackedError> {
    match kind {
        GroupKind::Stream => {
            if let StreamWrite::Add { fields, .. } = read_stream_write(reader)? {
                (0..fields).try_for_each(|_| read_field(reader, head).map(drop))?;
            }
        }
        GroupKind::Undecided => fold::skip_undecided(reader, head)?,
        GroupKind::Hash => {
            let (operation, fields) = read_hash_write(reader)?;
            (0..fields).try_for_each(|_| read_field(reader, head).map(drop))?;
            let deleted = read_deleted_count(reader, operation)?;
            (0..deleted).try_for_each(|_| read_name(reader, head).map(drop))?;
        }
        _ => {
            if let PlainWrite::Command(words) = read_plain_write(reader, kind)? {
                (0..words).try_for_each(|_| reader.text().map(drop))?;
            }
        }
    }
    Ok(())
}

/// Walks a whole unit without applying it, so that applying cannot fail in the middle.
pub fn check(bytes: &[u8]) -> Result<(), PackedError> {
    let mut reader = Reader::new(bytes);
    let head = read_head(&mut reader)?;
    for _ in 0..head.groups {
        let group: Group<'_> = read_group(&mut reader)?;
        let start = reader.at();
        (0..group.writes).try_for_each(|_| skip_write(&mut reader, &head, group.kind))?;
        if reader.at() - start != group.bytes {
            return Err(PackedError::Length);
        }
    }
    if reader.at() != bytes.len() {
        return Err(PackedError::Trailing);
    }
    Ok(())
}
