//! The engine's log lines, in Redis's own log.

use crate::redis::Context;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::ptr;

struct RedisLog;

static LOGGER: RedisLog = RedisLog;

impl Log for RedisLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Info
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // Redis takes log lines without a context from every thread.
            Context(ptr::null_mut()).log(record.level(), &format!("<kafka> {}", record.args()));
        }
    }

    fn flush(&self) {}
}

/// Sends the engine's log to Redis's; a second call changes nothing.
pub fn install() {
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// One line at the highest level, for the places where even a panic must be told.
pub fn error(line: &str) {
    log::error!("{line}");
}
