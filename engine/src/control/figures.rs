//! What INFO says of subscriptions, for exporters: one table of fields for both hosts.

use super::{PastUnits, SubscriptionReport};
use crate::ledger::Counters;
use crate::state::State;
use crate::worker::CatchUp;

/// What fields are computed from.
pub struct Totals<'r> {
    reports: &'r [SubscriptionReport],
    past: PastUnits,
    counters: Counters,
}

/// One field of `INFO kafka`.
pub struct InfoField {
    /// Its name without the prefix `kafka_`.
    pub name: &'static str,
    /// What it says, in a few words.
    pub help: &'static str,
    value: fn(&Totals<'_>) -> String,
}

/// What each line of a subscription starts with, its name behind it.
pub const SUBSCRIPTION_FIELD: &str = "sub_";

/// One of the `name=value` pairs of a subscription's line.
pub struct SubscriptionFigure {
    /// Its name.
    pub name: &'static str,
    /// What it says, in a few words.
    pub help: &'static str,
    /// None while it is unknown: then the pair is left out.
    value: fn(&SubscriptionReport) -> Option<String>,
}

/// The fields of all subscriptions together, in their order.
pub static INFO_FIELDS: &[InfoField] = &[
    field("subscriptions", "subscriptions", |all| all.reports.len().to_string()),
    field("routes", "routes", |all| sum(all, |one| one.routes.len() as u64)),
    field("running", "subscriptions that are running", |all| in_state(all, State::Running)),
    field("paused", "subscriptions that a person paused", |all| in_state(all, State::Paused)),
    field("waiting", "subscriptions that wait for what heals itself", |all| {
        in_state(all, State::Waiting)
    }),
    field("stopped", "subscriptions that need a person", |all| in_state(all, State::Stopped)),
    field("standby", "subscriptions that something else works for", |all| {
        in_state(all, State::Standby)
    }),
    field("units_applied", "units applied here", |all| {
        (all.past.applied + all.reports.iter().map(|one| one.units_applied).sum::<u64>())
            .to_string()
    }),
    field("units_stale", "units dropped because the ledger stood elsewhere", |all| {
        (all.past.stale + all.reports.iter().map(|one| one.units_stale).sum::<u64>()).to_string()
    }),
    field("queue_units", "units that wait to be applied", |all| {
        sum(all, |one| one.units_queued as u64)
    }),
    field("records_consumed", "records consumed, by the ledgers", |all| {
        all.counters.consumed.to_string()
    }),
    field("records_applied", "records of which a route wrote something", |all| {
        all.counters.applied.to_string()
    }),
    field("records_filtered", "records that no route took", |all| {
        all.counters.filtered.to_string()
    }),
    field("records_deadlettered", "records put among the dead letters", |all| {
        all.counters.deadlettered.to_string()
    }),
    field("records_skipped", "bad records left out", |all| all.counters.skipped.to_string()),
    field("records_lag", "records not applied yet; 0 while unknown of one subscription", |all| {
        // What is unknown of one subscription makes the sum no figure at all.
        let known = all.reports.iter().filter(|one| !one.partitions.is_empty());
        known.map(|one| one.lag).sum::<Option<i64>>().unwrap_or(0).to_string()
    }),
    field("lag_seconds", "the longest lag in seconds of those known", |all| {
        let longest = all.reports.iter().filter_map(|one| one.lag_seconds).fold(0.0, f64::max);
        decimal(longest, 3)
    }),
    field("records_per_second", "records consumed a second over about the last 10 s", |all| {
        decimal(all.reports.iter().filter_map(|one| one.rate).sum(), 1)
    }),
    field("buffer_bytes", "memory of the workers' buffers", |all| {
        sum(all, |one| one.memory as u64)
    }),
];

/// What stands in a subscription's line, in this order.
pub static SUBSCRIPTION_FIGURES: &[SubscriptionFigure] = &[
    figure("state", "running, paused, waiting, stopped or standby", |one| {
        Some(one.status.state.name().to_owned())
    }),
    figure("lag", "records not applied yet", |one| one.lag.map(|lag| lag.to_string())),
    figure("lag_seconds", "how old the last applied record is where there is lag", |one| {
        one.lag_seconds.map(|seconds| decimal(seconds, 3))
    }),
    figure("rate", "records consumed a second over about the last 10 s", |one| {
        one.rate.map(|rate| decimal(rate, 1))
    }),
    figure(
        "eta",
        "seconds until all is applied at this rate; left out where that is never",
        |one| match one.catch_up {
            CatchUp::In(seconds) => Some(decimal(seconds, 0)),
            CatchUp::Never | CatchUp::Unknown => None,
        },
    ),
    figure("connection", "whether Kafka answers: up, down or unknown", |one| {
        Some(one.contact.state.name().to_owned())
    }),
    figure("consumed", "records consumed", |one| Some(one.counters.consumed.to_string())),
    figure("applied", "records of which a route wrote something", |one| {
        Some(one.counters.applied.to_string())
    }),
    figure("filtered", "records that no route took", |one| Some(one.counters.filtered.to_string())),
    figure("deadlettered", "records put among the dead letters", |one| {
        Some(one.counters.deadlettered.to_string())
    }),
    figure("skipped", "bad records left out", |one| Some(one.counters.skipped.to_string())),
    figure("units", "units applied here", |one| Some(one.units_applied.to_string())),
    figure("stale", "units dropped because the ledger stood elsewhere", |one| {
        Some(one.units_stale.to_string())
    }),
    figure("queued", "units that wait to be applied", |one| Some(one.units_queued.to_string())),
    figure("memory", "bytes of the worker's buffers", |one| Some(one.memory.to_string())),
];

/// The fields of INFO without the prefix `kafka_`: those of all subscriptions, then a line each, as
/// `sub_rides:state=running,lag=0,…`. `past` are units of lanes that are gone.
pub fn info_fields(reports: &[SubscriptionReport], past: PastUnits) -> Vec<(String, String)> {
    let mut counters = Counters::default();
    reports.iter().for_each(|one| counters.add(&one.counters));
    let totals = Totals { reports, past, counters };
    let all = INFO_FIELDS.iter().map(|it| (it.name.to_owned(), (it.value)(&totals)));
    let each = reports.iter().map(|one| {
        let pair =
            |figure: &SubscriptionFigure| Some(format!("{}={}", figure.name, (figure.value)(one)?));
        let pairs: Vec<String> = SUBSCRIPTION_FIGURES.iter().filter_map(pair).collect();
        (format!("{SUBSCRIPTION_FIELD}{}", one.name), pairs.join(","))
    });
    all.chain(each).collect()
}

const fn field(
    name: &'static str,
    help: &'static str,
    value: fn(&Totals<'_>) -> String,
) -> InfoField {
    InfoField { name, help, value }
}

const fn figure(
    name: &'static str,
    help: &'static str,
    value: fn(&SubscriptionReport) -> Option<String>,
) -> SubscriptionFigure {
    SubscriptionFigure { name, help, value }
}

fn sum(all: &Totals<'_>, of: fn(&SubscriptionReport) -> u64) -> String {
    all.reports.iter().map(of).sum::<u64>().to_string()
}

fn in_state(all: &Totals<'_>, state: State) -> String {
    all.reports.iter().filter(|one| one.status.state == state).count().to_string()
}

/// A number with so many digits behind the point.
pub(super) fn decimal(number: f64, digits: usize) -> String {
    format!("{number:.digits$}")
}
