//! The integration harness: a real Apache Kafka, real redis-servers with the
//! module, a load of numbered records and the oracle that counts them.
//!
//! `make setup` fetches Kafka's jars (`tests/kafka/setup.sh`) and Redis Stack
//! (`tests/servers/setup.sh`); the scenarios are in `tests/scenarios`. Environment:
//!
//! - `REDIS_KAFKA_CACHE`: where they are (`~/.cache/redis-kafka`)
//! - `REDIS_KAFKA_MODULE`: the module to load (`target/release/libredis_kafka.so`)
//! - `REDIS_KAFKA_PANIC_MODULE`: the one with `panic-injection` (built when not given)
//! - `REDIS_KAFKA_FAULTS`: `small` (default) or `full`, see [`faults::Scale`]
//! - `REDIS_KAFKA_SEED`: repeats a failed run's random choices

pub mod aof;
pub mod broker;
pub mod client;
pub mod encode;
pub mod faults;
pub mod fold;
pub mod network;
pub mod oracle;
pub mod process;
pub mod producer;
pub mod proxy;
pub mod registry;
pub mod reply;
pub mod server;
pub mod servers;
mod setup;
pub mod sidecar;
pub mod subject;
pub mod wait;
pub mod watch;
