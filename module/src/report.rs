//! What `INFO kafka` says.

use crate::turn::Module;
use redis_kafka_engine::control::SubscriptionReport;
use redis_kafka_engine::ledger::Counters;
use redis_kafka_engine::state::State;

/// The fields of `INFO kafka`, without their prefix.
pub fn server_info(module: &Module) -> Vec<(&'static str, String)> {
    let registry = &module.registry;
    let reports = registry.reports(module.guard.hold());
    let in_state = |state: State| {
        reports.iter().filter(|report| report.status.state == state).count().to_string()
    };
    let sum = |of: fn(&SubscriptionReport) -> u64| reports.iter().map(of).sum::<u64>();
    let (past, replay) = (registry.past, &module.replay);
    let mut counters = Counters::default();
    reports.iter().for_each(|report| counters.add(&report.counters));
    let queued: usize = reports.iter().map(|report| report.units_queued).sum();
    // What is unknown of one subscription makes the sum no figure at all.
    let known = reports.iter().filter(|report| !report.partitions.is_empty());
    let lag: Option<i64> = known.map(|report| report.lag).sum();
    vec![
        ("subscriptions", registry.subscriptions.len().to_string()),
        ("routes", registry.routes.len().to_string()),
        ("running", in_state(State::Running)),
        ("paused", in_state(State::Paused)),
        ("waiting", in_state(State::Waiting)),
        ("stopped", in_state(State::Stopped)),
        ("standby", in_state(State::Standby)),
        ("units_applied", (past.applied + sum(|report| report.units_applied)).to_string()),
        ("units_stale", (past.stale + sum(|report| report.units_stale)).to_string()),
        ("units_replayed", replay.applied.to_string()),
        ("units_replay_refused", replay.refused.to_string()),
        ("queue_units", queued.to_string()),
        ("records_consumed", counters.consumed.to_string()),
        ("records_applied", counters.applied.to_string()),
        ("records_filtered", counters.filtered.to_string()),
        ("records_deadlettered", counters.deadlettered.to_string()),
        ("records_skipped", counters.skipped.to_string()),
        ("records_lag", lag.unwrap_or(0).to_string()),
        ("propagate", module.config.propagate.name().to_owned()),
    ]
}
