//! The framing of the Schema Registry's serializers never panics, takes nothing that is not there, and its
//! errors point into the bytes. The first byte says how many of the others stand in the record header.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_kafka_engine::registry::wire::{NESTING_MAX, Part, framed};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let (header, bytes) = bytes.split_at(bytes.len().min(usize::from(*first)));
    let header = (*first > 0).then_some(header);
    let length = |part| match part {
        Part::Payload => bytes.len(),
        Part::Header => header.unwrap_or_default().len(),
    };
    match framed(bytes, header) {
        Err(error) => assert!(error.at <= length(error.part)),
        Ok(framing) => {
            assert!(bytes.ends_with(framing.rest));
            match framing.message() {
                Err(error) => assert!(error.at <= length(error.part)),
                Ok((indexes, rest)) => {
                    assert!((1..=NESTING_MAX).contains(&indexes.as_slice().len()));
                    assert!(framing.rest.ends_with(rest));
                }
            }
        }
    }
});
