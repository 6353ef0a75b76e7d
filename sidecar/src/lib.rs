//! The program `redis-kafka`: random records from an Avro Random Generator schema
//! ([`generate`]) and an embedded broker for trying out ([`broker`]).
//!
//! Both are subcommands of [`cli`]; neither touches Redis.

pub mod apply;
pub mod broker;
pub mod cli;
pub mod control;
pub mod generate;
pub mod redis;
pub mod stop;
