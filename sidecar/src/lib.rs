//! The program `redis-kafka`: the engine beside a Redis that cannot load the module ([`run`]), its
//! command port and HTTP, and the tools: random records from an Avro Random Generator schema
//! ([`generate`]), an embedded broker for trying out ([`broker`]), a check of files ([`check`]).
//!
//! All are subcommands of [`cli`].

pub mod apply;
pub mod broker;
pub mod check;
pub mod cli;
pub mod control;
pub mod generate;
pub mod health;
pub mod http;
pub mod logging;
pub mod metrics;
pub mod port;
pub mod redis;
pub mod run;
pub mod serve;
pub mod statements;
pub mod stop;
