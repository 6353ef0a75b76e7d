//! The engine of redis-kafka: turns Kafka's records into units of Redis writes.
//!
//! Layers, each importing only those above it in this list:
//!
//! 1. [`record`], [`nearest`], [`state`]: data without behaviour of ours
//! 2. [`grammar`]: the words of statements, as data
//! 3. [`registry`]: how records name their schemas, and the Schema Registry's client
//! 4. [`format`]: bytes → fields; one file a format
//! 5. [`expression`]: SQL over fields; conditions, selections, templates
//! 6. [`kafka`]: connections, topics, the consumer
//! 7. [`ledger`], [`letter`], [`unit`]: what is applied, and where offsets advance
//! 8. [`target`]: what a route writes; one file a target
//! 9. [`command`]: statements as one table, parsed without side effects
//! 10. [`watch`], [`lookup`]: what joins ask of hashes, what was answered, and whether it holds
//! 11. [`applier`]: the seam to Redis
//! 12. [`worker`]: one subscription's loop
//! 13. [`control`]: what commands do to subscriptions and routes
//!
//! The engine knows neither a Redis client nor the module API.

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod applier;
pub mod command;
pub mod control;
pub mod expression;
pub mod format;
pub mod grammar;
pub mod kafka;
pub mod ledger;
pub mod letter;
pub mod lookup;
pub mod nearest;
pub mod record;
pub mod registry;
pub mod state;
pub mod target;
pub mod unit;
pub mod watch;
pub mod worker;
