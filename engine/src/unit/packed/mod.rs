//! The packed form of a unit, version 3: what `KAFKA.APPLY` carries.
//!
//! Little endian; `varint` is LEB128 of a u64; a `text` is a varint length and bytes;
//! a `number` is an IEEE 754 double.
//!
//! ```text
//! u8 version            text subscription
//! varint advances   of  text topic, varint partition,
//!                       i64 expected next, or -1 for none and i64 ms since the partition is known; i64 next,
//!                       i32 epoch (-1: unknown), 16 bytes topic id, varint × 5 counters
//! varint names      of  text                                the field names used below
//! varint groups     of  text key, u8 kind, u8 keep and u64 how much, u8 expiry and u64 time,
//!                       u32 bytes of its writes, varint writes
//!   a write             u8 0: delete the key
//!   a stream's          u8 ID (1 Redis's own, 2 not before ms, 3 decided), u64 ms, u64 seq,
//!                       u32 fields of (varint name, text value);
//!                       u8 4 take out, u64 ms, u64 seq: the unit is void where that entry is not there
//!   a hash's            u8 6 as the one before; u8 1 merge, 2 replace; u32 fields of (varint name, text value),
//!                       u32 deleted of (varint name)
//!   an undecided hash's a hash's, or what stands on the primary alone, before it has decided:
//!                       u8 3 fold, 4 merge if newer, 5 replace if newer; fields and deleted as a hash's;
//!                       for 3: u32 folds of fold; for 4 and 5: varint name, operand, u8 expiry, u64 time
//!     a fold            u8 1 count, varint name, u8 by; 2 sum, varint name, operand;
//!                       3 mean, varint name, sum's, count's, operand; 4 least, 5 greatest, varint name, operand;
//!                       6 first, varint name, text; 7 earliest, 8 latest, varint name, time's, operand, text
//!     an operand        u8 1, i64; 2, i128, u8 scale; 3, number; 4, text;
//!                       5, u8 kind, u8 unit, i64 seconds, u32 nanoseconds
//!   a string's, a JSON document's, a message    u8 1, text
//!   a list's            u8 1 left, 2 right; text element
//!   a set's             u8 1 add, 3 remove; text member
//!   a sorted set's      u8 1 score and number, 2 increment and number, 3 remove; text member
//!   a map's             u8 1 add and number longitude, number latitude, 3 remove; text member
//!   a time series'      u8 1, i64 ms, number value
//!   a command           u8 1, varint words of text
//! ```
//!
//! Kinds, what is kept and expiries: [`GroupKind`], [`Keep`], [`Expiry`]. Groups stand in the
//! order in which they are applied.
//!
//! The primary fills in entry IDs, lengths and times once it has decided them, so a replica
//! repeats facts. What remains relative (a score's increment, a list's length) is relative to
//! what stands at the ledger's expected offset, which is the same wherever a unit is accepted.

mod fold;
mod group;
mod head;
mod write;

pub use fold::{
    Fold, Newer, Operand, Undecided, read_fold, read_fold_count, read_newer, read_undecided,
};
pub use group::{Expiry, Group, GroupKind, Keep, read_group};
pub use head::{Head, PackedAdvance, read_head};
pub use write::{
    DELETE_KEY, End, EntryTime, HashOperation, PlainWrite, StreamWrite, check, read_deleted_count,
    read_field, read_hash_write, read_name, read_plain_write, read_stream_write, skip_write,
};

pub(super) use fold::{FOLD, MERGE_IF_NEWER, REPLACE_IF_NEWER};
pub(super) use group::put_group;
pub(super) use write::put_removal;

use std::fmt;

/// The version written.
pub const VERSION: u8 = 3;

/// The oldest version that is read: it only lacks writes that take entries out of streams.
const OLDEST: u8 = 2;

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
                    "unit of version {version}, this build reads versions {OLDEST} to {VERSION}: update the module here"
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
    #[inline]
    pub fn at(&self) -> usize {
        self.at
    }

    #[inline(always)]
    fn take(&mut self, length: usize) -> Result<&'a [u8], PackedError> {
        let end = self.at.checked_add(length).ok_or(PackedError::Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(PackedError::Truncated)?;
        self.at = end;
        Ok(taken)
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], PackedError> {
        self.take(N)?.try_into().map_err(|_| PackedError::Truncated)
    }

    /// Passes over so many bytes.
    #[inline]
    pub fn skip(&mut self, length: usize) -> Result<(), PackedError> {
        self.take(length).map(|_| ())
    }

    #[inline(always)]
    fn u8(&mut self) -> Result<u8, PackedError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    #[inline(always)]
    pub(super) fn u32(&mut self) -> Result<u32, PackedError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    #[inline(always)]
    fn u64(&mut self) -> Result<u64, PackedError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    #[inline]
    fn number(&mut self) -> Result<f64, PackedError> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    #[inline(always)]
    pub(super) fn varint(&mut self) -> Result<u64, PackedError> {
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

    /// Reads a length and so many bytes.
    #[inline(always)]
    pub fn text(&mut self) -> Result<&'a [u8], PackedError> {
        let length = usize::try_from(self.varint()?).map_err(|_| PackedError::Truncated)?;
        self.take(length)
    }

    fn utf8(&mut self) -> Result<&'a str, PackedError> {
        std::str::from_utf8(self.text()?).map_err(|_| PackedError::Text)
    }

    /// A count of things that take at least one byte each, so that a lying count cannot ask for memory.
    #[inline]
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
