//! The scenarios: each starts real servers, does one thing to them, and counts.

mod after;
mod commands;
mod connections;
mod definitions;
mod delivery_aof;
mod delivery_kill;
mod delivery_targets;
mod errors;
mod formats;
mod gaps;
mod grammar;
mod harness;
mod holds;
mod joins;
mod joins_kept;
mod offsets;
mod panics;
mod push;
mod replication;
mod rights;
mod selections;
mod sidecar;
mod stack;
mod tables;
mod targets;
mod to_kafka;
