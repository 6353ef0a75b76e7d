//! The packed unit: whatever bytes a replication link or an AOF holds, reading them neither panics
//! nor reads past their end, and deciding what passes the check makes a unit again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_kafka_engine::unit::decide::Wanted;
use redis_kafka_engine::unit::{Unit, packed};

fuzz_target!(|bytes: &[u8]| {
    if packed::check(bytes).is_err() {
        return;
    }
    let unit = Unit { packed: bytes.to_vec(), ..Unit::default() };
    for stored in [None, Some("12.50"), Some("2020-07-01"), Some("text")] {
        let mut decided = Vec::new();
        let mut show = |_: Wanted<'_>, text: &mut Vec<u8>| {
            stored.map(|stored| text.extend_from_slice(stored.as_bytes())).is_some()
        };
        unit.decide(&mut decided, &mut show).expect("a checked unit");
        packed::check(&decided).expect("a decided unit");
    }
});
