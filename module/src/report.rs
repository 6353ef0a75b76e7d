//! What KAFKA.LIST, KAFKA.INFO and `INFO kafka` say.

use crate::redis::Replies;
use crate::registry::{KnownRoute, Registry, Subscription};
use redis_kafka_engine::command::Statement;
use redis_kafka_engine::command::definition::Definition;
use redis_kafka_engine::ledger::Counters;
use redis_kafka_engine::state::{State, Status};
use redis_kafka_engine::worker::{Lane, Progress};
use std::fmt::Write;
use std::sync::atomic::Ordering;

/// Records not applied yet over all partitions; none while unknown.
fn lag(progress: &[Progress]) -> Option<i64> {
    if progress.is_empty() { None } else { progress.iter().map(Progress::lag).sum() }
}

fn or_unknown(number: Option<i64>) -> String {
    number.map_or_else(|| "?".to_owned(), |number| number.to_string())
}

/// Text for a `"…"` value: quotes and line ends may not end it early.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\r', '\n'], " ")
}

/// KAFKA.LIST: a line a subscription.
pub fn list(registry: &Registry, hold: Option<&Status>) -> String {
    let mut lines = String::new();
    for (name, known) in &registry.subscriptions {
        let status = known.status(hold);
        let lag = or_unknown(lag(&known.progress()));
        let (state, reason, since, action) = (
            status.state.name(),
            quoted(&status.reason),
            status.since_text(),
            quoted(&status.action),
        );
        // Writing to a string cannot fail.
        let _ = writeln!(
            lines,
            "sub={name} state={state} reason=\"{reason}\" since={since} lag={lag} action=\"{action}\""
        );
    }
    lines
}

fn sum(progress: &[Progress]) -> Counters {
    let mut sum = Counters::default();
    progress.iter().for_each(|progress| sum.add(&progress.counters));
    sum
}

fn applied(lane: &Lane) -> u64 {
    lane.shared.units.applied.load(Ordering::Relaxed)
}

fn stale(lane: &Lane) -> u64 {
    lane.shared.units.stale.load(Ordering::Relaxed)
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// KAFKA.INFO of a subscription.
pub fn subscription(
    replies: Replies,
    registry: &Registry,
    known: &Subscription,
    hold: Option<&Status>,
) {
    let status = known.status(hold);
    let progress = known.progress();
    let declared = &known.declared;
    let definition = Definition {
        db: known.db.max(0) as u32,
        made: known.made,
        statement: Statement::Subscribe(declared.clone()),
    };
    let lane = known.lane.as_ref();
    replies.map(16 + 5);
    pair(replies, "name", &declared.name);
    pair(replies, "kind", "subscription");
    pair(replies, "definition", &definition.statement.line());
    number(replies, "db", i64::from(known.db));
    pair(replies, "state", status.state.name());
    pair(replies, "reason", &status.reason);
    pair(replies, "since", &status.since_text());
    pair(replies, "action", &status.action);
    pair(replies, "group", declared.group.as_deref().unwrap_or_default());
    counters(replies, &sum(&progress));
    pair(replies, "lag", &or_unknown(lag(&progress)));
    number(replies, "units", count(lane.map_or(0, applied)));
    number(replies, "stale", count(lane.map_or(0, stale)));
    number(replies, "memory_bytes", lane.map_or(0, |lane| lane.shared.memory() as i64));
    pair(replies, "last_error", &lane.map(|lane| lane.shared.last_error()).unwrap_or_default());
    replies.text("partitions");
    partitions(replies, &progress);
    replies.text("routes");
    let routes = registry.routes_of(&declared.name);
    replies.list(routes.len());
    routes.iter().for_each(|route| replies.text(&route.declared.name));
}

fn partitions(replies: Replies, progress: &[Progress]) {
    replies.list(progress.len());
    for progress in progress {
        replies.map(5 + 5);
        pair(replies, "topic", &progress.topic);
        number(replies, "partition", i64::from(progress.partition));
        number(replies, "next", progress.next);
        pair(replies, "end", &or_unknown(progress.end));
        pair(replies, "lag", &or_unknown(progress.lag()));
        counters(replies, &progress.counters);
    }
}

/// The five counters, as five pairs of a map.
fn counters(replies: Replies, counters: &Counters) {
    number(replies, "consumed", count(counters.consumed));
    number(replies, "applied", count(counters.applied));
    number(replies, "filtered", count(counters.filtered));
    number(replies, "deadlettered", count(counters.deadlettered));
    number(replies, "skipped", count(counters.skipped));
}

/// KAFKA.INFO of a route.
pub fn route(replies: Replies, known: &KnownRoute, db: i32) {
    replies.map(5);
    pair(replies, "name", &known.declared.name);
    pair(replies, "kind", "route");
    pair(replies, "definition", &Statement::Route(known.declared.clone()).line());
    number(replies, "db", i64::from(db));
    pair(replies, "from", &known.declared.from);
}

fn pair(replies: Replies, name: &str, value: &str) {
    replies.text(name);
    replies.text(value);
}

fn number(replies: Replies, name: &str, value: i64) {
    replies.text(name);
    replies.integer(value);
}

/// The fields of `INFO kafka`, without their prefix.
pub fn server_info(
    registry: &Registry,
    hold: Option<&Status>,
    replay: &crate::turn::ReplayCounts,
) -> Vec<(&'static str, String)> {
    let states: Vec<_> =
        registry.subscriptions.values().map(|known| known.status(hold).state).collect();
    let in_state = |state: State| states.iter().filter(|s| **s == state).count().to_string();
    let lanes = || registry.subscriptions.values().filter_map(|known| known.lane.as_ref());
    let all: Vec<_> = lanes().flat_map(|lane| lane.shared.progress()).collect();
    let sum = sum(&all);
    vec![
        ("subscriptions", registry.subscriptions.len().to_string()),
        ("routes", registry.routes.len().to_string()),
        ("running", in_state(State::Running)),
        ("paused", in_state(State::Paused)),
        ("waiting", in_state(State::Waiting)),
        ("stopped", in_state(State::Stopped)),
        ("standby", in_state(State::Standby)),
        ("units_applied", (registry.past.0 + lanes().map(applied).sum::<u64>()).to_string()),
        ("units_stale", (registry.past.1 + lanes().map(stale).sum::<u64>()).to_string()),
        ("units_replayed", replay.applied.to_string()),
        ("units_replay_refused", replay.refused.to_string()),
        ("queue_units", lanes().map(|lane| lane.queued()).sum::<usize>().to_string()),
        ("records_consumed", sum.consumed.to_string()),
        ("records_applied", sum.applied.to_string()),
        ("records_filtered", sum.filtered.to_string()),
        ("records_deadlettered", sum.deadlettered.to_string()),
        ("records_skipped", sum.skipped.to_string()),
        ("records_lag", lag(&all).unwrap_or(0).to_string()),
        ("propagate", registry.config.propagate.name().to_owned()),
    ]
}
