//! The engine of redis-kafka: turns Kafka's records into units of Redis writes.
//!
//! Layers, each importing only those above it in this list:
//!
//! 1. [`record`], [`nearest`], [`state`]: data without behaviour of ours
//! 2. [`grammar`]: the words of statements, as data
//! 3. [`format`]: bytes → fields; one file a format
//! 4. [`expression`]: fields → text; templates
//! 5. [`kafka`]: connections, topics, the consumer
//! 6. [`ledger`], [`unit`]: what is applied, and where offsets advance
//! 7. [`target`]: what a route writes; one file a target
//! 8. [`command`]: statements as one table, parsed without side effects
//! 9. [`applier`]: the seam to Redis
//! 10. [`worker`]: one subscription's loop
//!
//! The engine knows neither a Redis client nor the module API.

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod applier;
pub mod command;
pub mod expression;
pub mod format;
pub mod grammar;
pub mod kafka;
pub mod ledger;
pub mod nearest;
pub mod record;
pub mod state;
pub mod target;
pub mod unit;
pub mod worker;
