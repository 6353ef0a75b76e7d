//! The reader of Redis's replies never panics, holds no more than what came, and reads what redis-rs
//! reads.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_kafka_sidecar::redis::Replies;
use std::io::Read;

/// Gives byte by byte, so that what was taken is what was read.
struct Drops<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Read for Drops<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match (self.bytes.get(self.at), into.first_mut()) {
            (Some(byte), Some(place)) => {
                *place = *byte;
                self.at += 1;
                Ok(1)
            }
            _ => Ok(0),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut source = Drops { bytes, at: 0 };
    let mut replies = Replies::default();
    loop {
        let start = source.at;
        let Ok(value) = replies.value(&mut source) else { break };
        if let Ok(expected) = redis::parse_redis_value(&bytes[start..source.at]) {
            assert_eq!(value, expected);
        }
    }
    // Passed over or read, it ends at the same place.
    let (mut skipped, mut reader) = (Drops { bytes, at: 0 }, Replies::default());
    let (mut read, mut other) = (Drops { bytes, at: 0 }, Replies::default());
    while other.value(&mut read).is_ok() {
        reader.skip(&mut skipped, 1).expect("what is read can be passed over");
        assert_eq!(skipped.at, read.at);
    }
});
