//! Taking entries out of streams: a dead letter goes in the unit that applies its record.

use super::{Builder, KeyError, Merges};
use crate::letter::EntryId;
use crate::unit::packed::{Expiry, GroupKind, Keep, put_removal};

impl Builder {
    /// Takes an entry out of the stream of our own in [`Builder::key_buffer`]. The unit is applied only
    /// where that entry is there.
    pub fn take_out(&mut self, id: EntryId) -> Result<(), KeyError> {
        let group = self.group(GroupKind::Stream, Keep::All)?;
        let start = self.arena.len();
        put_removal(&mut self.arena, id);
        self.link(group, start, Expiry::Unchanged, Merges::No);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Names;
    use crate::unit::packed::{self, PackedError, Reader, StreamWrite};
    use crate::unit::{RecordRef, Unit};

    #[test]
    fn entries_are_taken_out_in_order_and_older_units_are_still_read() {
        let mut builder = Builder::new();
        for (offset, id) in [(3, (7, 0)), (5, (7, u64::MAX))] {
            builder.begin_record(RecordRef { slot: 0, offset });
            builder.key_buffer().extend_from_slice(b"kafka:deadletters:s");
            builder.take_out(id).unwrap();
        }
        let mut unit = Unit::default();
        builder.finish("s", &Names::default(), std::iter::empty(), &mut unit);
        assert_eq!((packed::check(&unit.packed), unit.writers.as_slice()), (Ok(()), &[0, 1][..]));
        let mut reader = Reader::new(&unit.packed);
        packed::read_head(&mut reader).unwrap();
        let group = packed::read_group(&mut reader).unwrap();
        assert_eq!((group.kind, group.writes), (GroupKind::Stream, 2));
        for expected in [StreamWrite::Remove(7, 0), StreamWrite::Remove(7, u64::MAX)] {
            assert_eq!(packed::read_stream_write(&mut reader), Ok(expected));
        }
        for (version, read) in [(1, false), (2, true), (3, true), (4, false)] {
            unit.packed[0] = version;
            let expected = if read { Ok(()) } else { Err(PackedError::Version(version)) };
            assert_eq!(packed::check(&unit.packed), expected);
        }
    }
}
