//! The scenarios: each starts real servers, does one thing to them, and counts.

mod connections;
mod delivery_aof;
mod delivery_kill;
mod errors;
mod harness;
mod holds;
mod offsets;
mod replication;
