//! The packed unit: whatever bytes a replication link or an AOF holds, reading them neither panics
//! nor reads past their end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_kafka_engine::unit::packed;

fuzz_target!(|bytes: &[u8]| {
    let _ = packed::check(bytes);
});
