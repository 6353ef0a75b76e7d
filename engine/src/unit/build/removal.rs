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
