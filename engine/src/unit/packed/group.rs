//! A group: all writes of one key, and what is kept of it when they are done.

use super::{PackedError, Reader, put_text, put_varint};

/// What the writes of a group go to.
///
/// The order is the order of application. First what goes through commands of Redis, where a
/// failure may be met: it leaves nothing behind but what the same unit writes again. Then
/// streams, whose entries can be taken out again; then what cannot fail; messages last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum GroupKind {
    /// Commands of the user's, in order; the key is empty. Such a unit holds one record.
    Command = 1,
    /// Samples of a time series (`TS.ADD`).
    TimeSeries = 2,
    /// A JSON document (`JSON.SET`).
    Json = 3,
    /// Members of a set.
    Set = 4,
    /// Members of a sorted set, placed on the map (`GEOADD`).
    Geo = 5,
    /// Entries of a stream.
    Stream = 6,
    /// Members of a sorted set with their scores.
    SortedSet = 7,
    /// Elements of a list.
    List = 8,
    /// A string.
    String = 9,
    /// Fields of a hash.
    Hash = 10,
    /// Fields of a hash that depend on what it holds; the primary makes it a hash's before
    /// anything is written, so that no other server meets one.
    Undecided = 11,
    /// Messages; the key is the channel's name, and no key of Redis.
    Channel = 12,
}

impl GroupKind {
    /// All kinds, in the order of application.
    pub const ALL: [GroupKind; 12] = [
        GroupKind::Command,
        GroupKind::TimeSeries,
        GroupKind::Json,
        GroupKind::Set,
        GroupKind::Geo,
        GroupKind::Stream,
        GroupKind::SortedSet,
        GroupKind::List,
        GroupKind::String,
        GroupKind::Hash,
        GroupKind::Undecided,
        GroupKind::Channel,
    ];

    /// What Redis calls the type of such a key; none where the group is about no key.
    pub fn type_name(self) -> Option<&'static str> {
        match self {
            GroupKind::Command | GroupKind::Channel => None,
            GroupKind::TimeSeries => Some("time series"),
            GroupKind::Json => Some("JSON document"),
            GroupKind::Set => Some("set"),
            GroupKind::Geo | GroupKind::SortedSet => Some("sorted set"),
            GroupKind::Stream => Some("stream"),
            GroupKind::List => Some("list"),
            GroupKind::String => Some("string"),
            GroupKind::Hash | GroupKind::Undecided => Some("hash"),
        }
    }

    /// How long a write of it holds Redis's main thread, measured against an entry of a stream,
    /// which counts 8.
    pub fn load(self) -> usize {
        match self {
            GroupKind::Command | GroupKind::TimeSeries | GroupKind::Json | GroupKind::Stream => 8,
            GroupKind::Hash => 5,
            GroupKind::SortedSet | GroupKind::Undecided => 4,
            GroupKind::Set | GroupKind::Geo => 3,
            GroupKind::List | GroupKind::String | GroupKind::Channel => 2,
        }
    }

    /// Whether its writes go through commands of Redis and not through open keys.
    pub fn is_called(self) -> bool {
        self <= GroupKind::Geo
    }

    /// The kind of a group that holds writes of both; none where no key can.
    pub(in crate::unit) fn joined(self, other: GroupKind) -> Option<GroupKind> {
        match (self, other) {
            (GroupKind::Hash, GroupKind::Undecided) | (GroupKind::Undecided, GroupKind::Hash) => {
                Some(GroupKind::Undecided)
            }
            _ => (self == other).then_some(self),
        }
    }

    /// One bit a kind.
    pub(in crate::unit) fn bit(self) -> u16 {
        1 << self as u8
    }

    fn of(code: u8) -> Result<GroupKind, PackedError> {
        // Codes are places in the table, from 1 on.
        let found = GroupKind::ALL.get(usize::from(code).wrapping_sub(1)).copied();
        found.filter(|kind| *kind as u8 == code).ok_or(PackedError::Code(code))
    }
}

/// What is kept of a key once its writes are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Everything.
    All,
    /// Of a stream, at least so many entries: whole nodes beyond them go.
    AtLeast(u64),
    /// So many entries of a stream, exactly.
    Newest(u64),
    /// The entries of a stream that are younger than so many milliseconds.
    Younger(u64),
    /// The first so many elements of a list.
    First(u64),
    /// The last so many elements of a list.
    Last(u64),
    /// So many members of a sorted set, those of the highest scores; after every write.
    Highest(u64),
}

impl Keep {
    /// As packed: a code and a number.
    pub fn code(self) -> (u8, u64) {
        match self {
            Keep::All => (0, 0),
            Keep::AtLeast(count) => (1, count),
            Keep::Newest(count) => (2, count),
            Keep::Younger(milliseconds) => (3, milliseconds),
            Keep::First(count) => (4, count),
            Keep::Last(count) => (5, count),
            Keep::Highest(count) => (6, count),
        }
    }

    fn of(code: u8, number: u64) -> Result<Keep, PackedError> {
        Ok(match code {
            0 => Keep::All,
            1 => Keep::AtLeast(number),
            2 => Keep::Newest(number),
            3 => Keep::Younger(number),
            4 => Keep::First(number),
            5 => Keep::Last(number),
            6 => Keep::Highest(number),
            other => return Err(PackedError::Code(other)),
        })
    }
}

/// What becomes of a key's time to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expiry {
    /// It is as the writes leave it.
    #[default]
    Unchanged,
    /// So many milliseconds after the unit is applied.
    After(u64),
    /// At this time, milliseconds since 1970.
    At(i64),
}

impl Expiry {
    /// As packed: a code and a number.
    pub fn code(self) -> (u8, u64) {
        match self {
            Expiry::Unchanged => (0, 0),
            Expiry::After(milliseconds) => (1, milliseconds),
            Expiry::At(time) => (2, time.cast_unsigned()),
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Expiry, PackedError> {
        Expiry::of(reader.u8()?, reader.u64()?)
    }

    fn of(code: u8, number: u64) -> Result<Expiry, PackedError> {
        Ok(match code {
            0 => Expiry::Unchanged,
            1 => Expiry::After(number),
            2 => Expiry::At(number.cast_signed()),
            other => return Err(PackedError::Code(other)),
        })
    }
}

/// A code and a number: a [`Keep`] or an [`Expiry`] in the packed bytes.
pub(in crate::unit) const CODED: usize = 9;

pub(super) fn put_coded(out: &mut Vec<u8>, (code, number): (u8, u64)) {
    out.push(code);
    out.extend_from_slice(&number.to_le_bytes());
}

/// The head of a group.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// The key.
    pub key: &'a [u8],
    /// What is written there.
    pub kind: GroupKind,
    /// What is kept of it.
    pub keep: Keep,
    /// Its time to live.
    pub expiry: Expiry,
    /// Where `keep` stands in the packed bytes, and `expiry` behind it: a byte and a u64 each.
    pub keep_at: usize,
    /// How many bytes the writes take.
    pub bytes: usize,
    /// How many writes follow.
    pub writes: usize,
}

impl Group<'_> {
    /// Where `expiry` stands in the packed bytes: a byte and a u64.
    pub fn expiry_at(&self) -> usize {
        self.keep_at + CODED
    }
}

/// Appends a group's head; the place of the u32 that says how many bytes its writes take.
pub(in crate::unit) fn put_group(
    out: &mut Vec<u8>,
    key: &[u8],
    kind: GroupKind,
    keep: Keep,
    expiry: Expiry,
    writes: usize,
) -> usize {
    put_text(out, key);
    out.push(kind as u8);
    put_coded(out, keep.code());
    put_coded(out, expiry.code());
    let bytes_at = out.len();
    out.extend_from_slice(&[0; 4]);
    put_varint(out, writes as u64);
    bytes_at
}

/// Reads a group's head; `reader` then stands at its first write.
#[inline(always)]
pub fn read_group<'a>(reader: &mut Reader<'a>) -> Result<Group<'a>, PackedError> {
    let key = reader.text()?;
    let kind = GroupKind::of(reader.u8()?)?;
    let keep_at = reader.at();
    let keep = Keep::of(reader.u8()?, reader.u64()?)?;
    let expiry = Expiry::read(reader)?;
    let bytes = reader.u32()? as usize;
    Ok(Group { key, kind, keep, expiry, keep_at, bytes, writes: reader.count()? })
}
