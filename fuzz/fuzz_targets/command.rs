//! The command parser: words split at NUL bytes; what parses must come back equal from its
//! canonical form.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_kafka_engine::command;

fuzz_target!(|bytes: &[u8]| command::fuzz(bytes));
