//! What commands do: the subscriptions and routes there are, on one thread of a host.
//!
//! Module and sidecar are both hosts ([`Host`]): they store definitions in Redis and answer clients,
//! each in its own way. All that a command decides is decided here, once for both.

mod host;
mod reply;
mod snapshot;

pub use host::{CommandInfo, Host, Role, Waiter};
pub use reply::Reply;
pub use snapshot::{PartitionReport, RouteReport, SubscriptionReport};
