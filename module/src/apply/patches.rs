//! What the primary decides and fills into the packed unit, so that a replica repeats facts.

use crate::redis::StreamId;
use redis_kafka_engine::unit::packed::{EntryTime, Expiry, Keep};

/// A decided fact and its place in the packed unit.
#[derive(Debug, Clone, Copy)]
pub enum Patch {
    /// An entry's ID, where its time stands.
    Id { at: usize, id: StreamId },
    /// What is kept of a key.
    Keep { at: usize, keep: Keep },
    /// When a key expires.
    Expiry { at: usize, expiry: Expiry },
}

/// Fills the facts into the packed bytes.
pub fn fill_in(bytes: &mut [u8], patches: &[Patch]) {
    let mut put = |at: usize, text: &[u8]| {
        if let Some(place) = bytes.get_mut(at..at + text.len()) {
            place.copy_from_slice(text);
        }
    };
    for patch in patches {
        match *patch {
            Patch::Id { at, id: (ms, seq) } => {
                let (code, ms, seq) = EntryTime::Decided(ms, seq).code();
                put(at, &[code]);
                put(at + 1, &ms.to_le_bytes());
                put(at + 9, &seq.to_le_bytes());
            }
            Patch::Keep { at, keep } => {
                let (code, number) = keep.code();
                put(at, &[code]);
                put(at + 1, &number.to_le_bytes());
            }
            Patch::Expiry { at, expiry } => {
                let (code, number) = expiry.code();
                put(at, &[code]);
                put(at + 1, &number.to_le_bytes());
            }
        }
    }
}
