//! Everything there is to say of subscriptions at one moment, as data: KAFKA.LIST and KAFKA.INFO,
//! a host's metrics and its status page show it, each in its own way.

use crate::ledger::Counters;
use crate::state::Status;
use crate::worker::{CatchUp, Contact, LastError};
use std::sync::Arc;

/// One subscription.
#[derive(Debug, Clone)]
pub struct SubscriptionReport {
    /// Its name.
    pub name: String,
    /// The command that makes it.
    pub definition: String,
    /// The database of its data and ledger.
    pub database: i32,
    /// What it does, why, and the way out.
    pub status: Status,
    /// The consumer group.
    pub group: String,
    /// The sums over its partitions.
    pub counters: Counters,
    /// Records not applied yet; none while unknown.
    pub lag: Option<i64>,
    /// How old the last applied record was when it was looked, in seconds, where there is lag; 0
    /// without lag, none while unknown.
    pub lag_seconds: Option<f64>,
    /// Units applied here since the subscription's worker began.
    pub units_applied: u64,
    /// Units refused because the ledger stood elsewhere.
    pub units_stale: u64,
    /// Units that wait to be applied.
    pub units_queued: usize,
    /// Bytes the worker's own buffers hold.
    pub memory: usize,
    /// The last bad record or stop; none when there was none.
    pub last_error: Option<LastError>,
    /// Records consumed a second over about the last 10 s; none while unknown.
    pub rate: Option<f64>,
    /// When all will be applied at that rate.
    pub catch_up: CatchUp,
    /// Whether Kafka answers.
    pub contact: Contact,
    /// Its partitions, as far as they are known here.
    pub partitions: Vec<PartitionReport>,
    /// Its routes, in the order they were made.
    pub routes: Vec<RouteReport>,
}

/// One partition of a subscription.
#[derive(Debug, Clone)]
pub struct PartitionReport {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number.
    pub partition: i32,
    /// The next offset to apply.
    pub next: i64,
    /// The last stable offset; none while unknown.
    pub end: Option<i64>,
    /// Records not applied yet; none while unknown.
    pub lag: Option<i64>,
    /// The ledger's counters.
    pub counters: Counters,
}

/// One route of a subscription.
#[derive(Debug, Clone)]
pub struct RouteReport {
    /// Its name.
    pub name: String,
    /// The command that makes it.
    pub definition: String,
    /// Records of which it wrote something, since the subscription's worker began.
    pub applied: u64,
}
