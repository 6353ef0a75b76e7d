//! The head of a packed unit: whose it is, the ledger's steps, the field names.

use super::{OLDEST, PackedError, Reader, VERSION, put_text, put_varint};
use crate::kafka::TopicId;
use crate::ledger::{Counters, Expected, Standing};

/// Stands for "no next offset yet".
const ABSENT: i64 = -1;

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
    pub(in crate::unit) fn put(&self, out: &mut Vec<u8>) {
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
    if !(OLDEST..=VERSION).contains(&version) {
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
