//! A unit as it is read for writing: its ledger's steps, and what is written where.

use super::Clash;
use crate::ledger;
use crate::unit::Unit;
use crate::unit::packed::{
    self, EntryTime, Group, GroupKind, Head, PackedError, Reader, StreamWrite,
};

/// One group of a unit.
pub struct UnitGroup<'a> {
    /// Its head.
    pub group: Group<'a>,
    /// Where its writes stand.
    pub writes: Reader<'a>,
    /// The unit's number of its first writer, and how many there are: more than writes where
    /// only the last writes are packed.
    first_writer: usize,
    writers: usize,
}

/// A unit, read up to its single writes.
pub struct Plan<'a> {
    /// Whose it is, the ledger's steps, the field names.
    pub head: Head<'a>,
    /// The groups, in the order of application.
    pub groups: Vec<UnitGroup<'a>>,
    unit: &'a Unit,
}

impl<'a> Plan<'a> {
    /// Reads a unit's packed bytes, or what they became once the unit was decided.
    pub fn read(bytes: &'a [u8], unit: &'a Unit) -> Result<Plan<'a>, PackedError> {
        let mut reader = Reader::new(bytes);
        let head = packed::read_head(&mut reader)?;
        let mut groups = Vec::with_capacity(head.groups);
        let mut first_writer = 0;
        for number in 0..head.groups {
            let group = packed::read_group(&mut reader)?;
            let writers = unit.groups.get(number).map_or(group.writes, |count| *count as usize);
            groups.push(UnitGroup { group, writes: reader.clone(), first_writer, writers });
            reader.skip(group.bytes)?;
            first_writer += writers;
        }
        Ok(Plan { head, groups, unit })
    }

    /// The streams, by their groups' numbers, to which an entry is added whose time is given: their
    /// last ones must be known.
    pub fn given_times(&self) -> Result<Vec<usize>, PackedError> {
        let mut given = Vec::new();
        if !self.unit.gives_times {
            return Ok(given);
        }
        for (number, it) in self.groups.iter().enumerate() {
            if it.group.kind == GroupKind::Stream && it.has_given_times(&self.head)? {
                given.push(number);
            }
        }
        Ok(given)
    }

    /// The keys of the ledger's steps.
    pub fn ledger_keys(&self) -> Vec<String> {
        let name = self.head.subscription;
        let key =
            |it: &packed::PackedAdvance<'_>| ledger::partition_key(name, it.topic, it.partition);
        self.head.advances.iter().map(key).collect()
    }

    /// Whether some of it may be refused by itself, so that it is written before the rest.
    pub fn has_calls(&self) -> bool {
        self.groups.first().is_some_and(|it| is_call(it.group.kind))
    }

    /// Whether it runs commands of the user's.
    pub fn has_commands(&self) -> bool {
        self.groups.first().is_some_and(|it| it.group.kind == GroupKind::Command)
    }

    /// The records behind all writes of a group.
    pub fn clashes(&self, group: usize, problem: &str) -> Vec<Clash> {
        let Some(it) = self.groups.get(group) else { return Vec::new() };
        self.behind(it, it.first_writer, it.writers, problem)
    }

    /// The records behind so many packed writes of a group, from its `first` on.
    pub fn clashes_of(
        &self,
        group: usize,
        first: usize,
        writes: usize,
        problem: &str,
    ) -> Vec<Clash> {
        let Some(it) = self.groups.get(group) else { return Vec::new() };
        let unpacked = it.writers.saturating_sub(it.group.writes);
        self.behind(it, it.first_writer + unpacked + first, writes, problem)
    }

    fn behind(&self, it: &UnitGroup<'_>, from: usize, count: usize, problem: &str) -> Vec<Clash> {
        Clash::behind(self.unit.writers.iter().skip(from).take(count), it.group.key, problem)
    }
}

impl UnitGroup<'_> {
    /// Whether an entry's time is given.
    fn has_given_times(&self, head: &Head<'_>) -> Result<bool, PackedError> {
        let mut reader = self.writes.clone();
        for _ in 0..self.group.writes {
            if let StreamWrite::Add { time, fields, .. } = packed::read_stream_write(&mut reader)? {
                if time != EntryTime::Now {
                    return Ok(true);
                }
                (0..fields).try_for_each(|_| packed::read_field(&mut reader, head).map(drop))?;
            }
        }
        Ok(false)
    }
}

/// Whether writes of a kind may be refused by themselves.
pub fn is_call(kind: GroupKind) -> bool {
    matches!(kind, GroupKind::Command | GroupKind::TimeSeries | GroupKind::Json)
}
