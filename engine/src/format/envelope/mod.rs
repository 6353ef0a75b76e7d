//! Envelopes: what stands around a record's own fields.

mod connect;
mod debezium;

pub use connect::Connect;
pub use debezium::{Change, Debezium};
