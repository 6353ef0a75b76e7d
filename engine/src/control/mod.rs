//! What commands do: the subscriptions and routes there are, on one thread of a host.
//!
//! Module and sidecar are both hosts ([`Host`]): they store definitions in Redis and answer clients,
//! each in its own way. All that a command decides is decided here, once for both.
//!
//! A host owns a [`Registry`] and the [`Waiting`] clients. It gives every command to [`run`], calls
//! [`Registry::synchronise`] when what Redis holds may have changed, and [`Registry::look_at_gates`]
//! and [`Waiting::look`] when a worker woke it. Its lanes' units are applied where the host sees fit.

mod abilities;
mod commands;
mod figures;
mod gates;
mod host;
mod inquiries;
mod late;
mod registry;
mod reply;
mod report;
mod snapshot;
mod synchronise;
#[cfg(test)]
mod tests;
mod waiting;

pub use commands::run;
pub use figures::{INFO_FIELDS, SUBSCRIPTION_FIELD, SUBSCRIPTION_FIGURES, info_fields};
pub use host::{CommandInfo, Host, Role, WORD_TIME, Waiter, eviction_note, word_key};
pub use registry::{Config, Guest, KnownRoute, PastUnits, Registry, Subscription};
pub use reply::Reply;
pub use snapshot::{PartitionReport, RouteReport, SubscriptionReport};
pub use waiting::{Answerer, Waiting};
