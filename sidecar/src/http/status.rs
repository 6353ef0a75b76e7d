//! Subscriptions as JSON. `connector`, `tasks`, `worker_id`, `trace` and `type` are what Kafka
//! Connect's `GET /connectors/{name}/status` has (its states, in capitals, among them), so that
//! what watches connectors can watch subscriptions; the rest is what KAFKA.INFO says.

use super::Site;
use crate::control::Snapshot;
use redis_kafka_engine::control::{PartitionReport, RouteReport, SubscriptionReport};
use redis_kafka_engine::ledger;
use redis_kafka_engine::state::State;
use redis_kafka_engine::worker::CatchUp;
use serde::Serialize;

/// The body of `/subscriptions`.
#[derive(Debug, Serialize)]
pub struct Overview<'a> {
    version: &'static str,
    instance: &'a str,
    redis: Redis<'a>,
    standby: Option<&'a str>,
    subscriptions: Vec<Status<'a>>,
}

#[derive(Debug, Serialize)]
struct Redis<'a> {
    url: &'a str,
    up: bool,
    reason: Option<&'a str>,
}

/// The body of `/subscriptions/{name}/status`.
#[derive(Debug, Serialize)]
pub struct Status<'a> {
    name: &'a str,
    r#type: &'static str,
    connector: Connector<'a>,
    state: &'static str,
    reason: &'a str,
    action: &'a str,
    since: String,
    last_error: &'a str,
    last_error_at: Option<String>,
    connection: &'static str,
    connection_problem: &'a str,
    group: &'a str,
    database: i32,
    definition: &'a str,
    lag: Option<i64>,
    lag_seconds: Option<f64>,
    /// Records consumed a second over about the last 10 s.
    rate: Option<f64>,
    /// Seconds until all is applied at that rate; none where that is never or unknown.
    eta_seconds: Option<f64>,
    counters: Counters,
    units: Units,
    memory_bytes: usize,
    tasks: Vec<Task<'a>>,
    routes: Vec<Route<'a>>,
}

#[derive(Debug, Serialize)]
struct Connector<'a> {
    state: &'static str,
    worker_id: &'a str,
}

#[derive(Debug, Serialize)]
struct Counters {
    consumed: u64,
    applied: u64,
    filtered: u64,
    deadlettered: u64,
    skipped: u64,
}

#[derive(Debug, Serialize)]
struct Units {
    applied: u64,
    stale: u64,
    queued: usize,
}

/// A partition.
#[derive(Debug, Serialize)]
struct Task<'a> {
    id: usize,
    state: &'static str,
    worker_id: &'a str,
    trace: &'a str,
    topic: &'a str,
    partition: i32,
    next: i64,
    end: Option<i64>,
    lag: Option<i64>,
    counters: Counters,
}

#[derive(Debug, Serialize)]
struct Route<'a> {
    name: &'a str,
    definition: &'a str,
    applied: u64,
}

/// Everything.
pub fn overview<'a>(site: &'a Site, snapshot: &'a Snapshot) -> Overview<'a> {
    let all = snapshot.subscriptions.iter();
    Overview {
        version: env!("CARGO_PKG_VERSION"),
        instance: &site.instance,
        redis: Redis {
            url: &site.redis,
            up: snapshot.redis.is_none(),
            reason: snapshot.redis.as_deref(),
        },
        standby: snapshot.standby.as_deref(),
        subscriptions: all.map(|report| status(report, &site.instance)).collect(),
    }
}

/// One subscription.
pub fn status<'a>(report: &'a SubscriptionReport, instance: &'a str) -> Status<'a> {
    let connector = connect_state(report.status.state);
    let trace = if report.status.state == State::Stopped { &report.status.reason } else { "" };
    let task = |(id, partition): (usize, &'a PartitionReport)| Task {
        id,
        state: connector,
        worker_id: instance,
        trace,
        topic: &partition.topic,
        partition: partition.partition,
        next: partition.next,
        end: partition.end,
        lag: partition.lag,
        counters: counters(&partition.counters),
    };
    let route = |route: &'a RouteReport| Route {
        name: &route.name,
        definition: &route.definition,
        applied: route.applied,
    };
    Status {
        name: &report.name,
        r#type: "sink",
        connector: Connector { state: connector, worker_id: instance },
        state: report.status.state.name(),
        reason: &report.status.reason,
        action: &report.status.action,
        since: report.status.since_text(),
        last_error: report.last_error.as_ref().map_or("", |last| &last.text),
        last_error_at: report.last_error.as_ref().map(|last| last.at.to_string()),
        connection: report.contact.state.name(),
        connection_problem: report.contact.problem.as_ref().map_or("", |(words, _)| words),
        group: &report.group,
        database: report.database,
        definition: &report.definition,
        lag: report.lag,
        lag_seconds: report.lag_seconds,
        rate: report.rate,
        eta_seconds: eta(report.catch_up),
        counters: counters(&report.counters),
        units: Units {
            applied: report.units_applied,
            stale: report.units_stale,
            queued: report.units_queued,
        },
        memory_bytes: report.memory,
        tasks: report.partitions.iter().enumerate().map(task).collect(),
        routes: report.routes.iter().map(route).collect(),
    }
}

fn eta(catch_up: CatchUp) -> Option<f64> {
    match catch_up {
        CatchUp::In(seconds) => Some(seconds),
        CatchUp::Never | CatchUp::Unknown => None,
    }
}

/// Kafka Connect's word; it has none for waiting, which its connectors do while they run.
fn connect_state(state: State) -> &'static str {
    match state {
        State::Running | State::Waiting => "RUNNING",
        State::Paused => "PAUSED",
        State::Stopped => "FAILED",
        State::Standby => "UNASSIGNED",
    }
}

fn counters(counters: &ledger::Counters) -> Counters {
    Counters {
        consumed: counters.consumed,
        applied: counters.applied,
        filtered: counters.filtered,
        deadlettered: counters.deadlettered,
        skipped: counters.skipped,
    }
}
