//! What KAFKA.LIST and KAFKA.INFO say, and every other account of a host's subscriptions.

use super::figures::decimal;
use super::registry::KnownRoute;
use super::{PartitionReport, Registry, Reply, RouteReport, Subscription, SubscriptionReport};
use crate::command::Statement;
use crate::ledger::Counters;
use crate::state::{State, Status};
use crate::worker::{CatchUp, Lane, Progress};
use jiff::Timestamp;
use std::fmt::Write;
use std::sync::atomic::Ordering;

impl Registry {
    /// All there is to say of every subscription now, by name. `hold` is why nothing can be written
    /// now, whatever the subscription.
    pub fn reports(&self, hold: Option<&Status>) -> Vec<SubscriptionReport> {
        self.subscriptions.values().map(|known| self.report(known, hold)).collect()
    }

    fn report(&self, known: &Subscription, hold: Option<&Status>) -> SubscriptionReport {
        let progress = known.progress();
        let mut counters = Counters::default();
        progress.iter().for_each(|progress| counters.add(&progress.counters));
        let lane = known.lane.as_ref();
        let count = |of: fn(&Lane) -> u64| lane.map_or(0, of);
        let routes = self.routes_of(&known.declared.name);
        let mut status = known.status(hold);
        self.tell_catch_up(&known.declared.name, &mut status);
        let (rate, catch_up) = lane.map_or((None, CatchUp::Unknown), |lane| lane.shared.trend());
        let catch_up = match (status.state, catch_up) {
            // Whatever it did until a moment ago.
            (State::Paused | State::Stopped, CatchUp::In(seconds)) if seconds > 0.0 => {
                CatchUp::Never
            }
            (_, catch_up) => catch_up,
        };
        SubscriptionReport {
            name: known.declared.name.clone(),
            definition: Statement::Subscribe(known.declared.clone()).line(),
            database: known.db,
            status,
            group: known.declared.group.clone().unwrap_or_default(),
            counters,
            lag: lag(&progress),
            lag_seconds: lag_seconds(&progress, Timestamp::now().as_millisecond()),
            units_applied: count(|lane| lane.shared.units.applied.load(Ordering::Relaxed)),
            units_stale: count(|lane| lane.shared.units.stale.load(Ordering::Relaxed)),
            units_queued: lane.map_or(0, Lane::queued),
            memory: lane.map_or(0, |lane| lane.shared.memory()),
            last_error: lane.and_then(|lane| lane.shared.last_error()),
            rate,
            catch_up,
            contact: lane.map(|lane| lane.shared.contact()).unwrap_or_default(),
            partitions: progress.iter().map(partition_report).collect(),
            routes: routes.into_iter().map(|route| route_report(route, lane)).collect(),
        }
    }

    /// KAFKA.LIST: a line a subscription.
    pub(super) fn list(&self, hold: Option<&Status>) -> String {
        let mut lines = String::new();
        for report in self.reports(hold) {
            let SubscriptionReport { name, status, lag, .. } = &report;
            let (state, reason, since, lag, action) = (
                status.state.name(),
                quoted(&status.reason),
                status.since_text(),
                or_unknown(*lag),
                quoted(&status.action),
            );
            let (lag_seconds, rate, eta) =
                (seconds(report.lag_seconds), rate(report.rate), eta(report.catch_up));
            let (contact, error) = (report.contact.state.name(), last_error(&report));
            // Writing to a string cannot fail.
            let _ = writeln!(
                lines,
                "sub={name} state={state} reason=\"{reason}\" since={since} lag={lag} action=\"{action}\" lag_seconds={lag_seconds} rate={rate} eta={eta} connection={contact} last_error=\"{}\"",
                quoted(&error)
            );
        }
        lines
    }

    /// KAFKA.INFO of a subscription or a route; none where the name is neither's.
    pub(super) fn info(&self, name: &str, hold: Option<&Status>) -> Option<Reply> {
        if let Some(known) = self.subscriptions.get(name) {
            return Some(subscription_info(self.report(known, hold)));
        }
        let route = self.routes.get(name)?;
        let from = &route.declared.from;
        let subscription = self.subscriptions.get(from);
        let report = route_report(route, subscription.and_then(|known| known.lane.as_ref()));
        Some(Reply::Map(vec![
            ("name", Reply::Text(report.name)),
            ("kind", text("route")),
            ("definition", Reply::Text(report.definition)),
            ("db", Reply::Integer(subscription.map_or(0, |known| i64::from(known.db)))),
            ("from", text(from)),
            ("applied", number(report.applied)),
            ("phase", text(self.phase_of(name))),
            ("waits_for", Reply::Text(self.late_trouble(from, name))),
            ("catches_up", self.catch_up_info(from, name)),
        ]))
    }
}

fn partition_report(progress: &Progress) -> PartitionReport {
    PartitionReport {
        topic: progress.topic.clone(),
        partition: progress.partition,
        next: progress.next,
        end: progress.end,
        lag: progress.lag(),
        counters: progress.counters,
    }
}

fn route_report(route: &KnownRoute, lane: Option<&Lane>) -> RouteReport {
    let name = route.declared.name.clone();
    RouteReport {
        definition: Statement::Route(route.declared.clone()).line(),
        applied: lane.map_or(0, |lane| lane.shared.applied_by(&name)),
        name,
    }
}

/// Records not applied yet over all partitions; none while unknown.
fn lag(progress: &[Progress]) -> Option<i64> {
    if progress.is_empty() { None } else { progress.iter().map(Progress::lag).sum() }
}

/// How old the last applied record is, in seconds, in the partition where it is oldest of those that
/// lag; 0 without lag, none while unknown. `now` in ms since 1970.
fn lag_seconds(progress: &[Progress], now: i64) -> Option<f64> {
    if lag(progress)? == 0 {
        return Some(0.0);
    }
    let lagging = progress.iter().filter(|progress| progress.lag() != Some(0));
    let oldest = lagging.map(|progress| progress.timestamp).min()??;
    Some(now.saturating_sub(oldest).max(0) as f64 / 1000.0)
}

/// Seconds with milliseconds.
fn seconds(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "?".to_owned(), |seconds| decimal(seconds, 3))
}

/// Records a second.
fn rate(rate: Option<f64>) -> String {
    rate.map_or_else(|| "?".to_owned(), |rate| decimal(rate, 1))
}

/// Whole seconds until all is applied.
fn eta(catch_up: CatchUp) -> String {
    match catch_up {
        CatchUp::In(seconds) => decimal(seconds.ceil(), 0),
        CatchUp::Never => "never".to_owned(),
        CatchUp::Unknown => "?".to_owned(),
    }
}

fn last_error(report: &SubscriptionReport) -> String {
    report.last_error.as_ref().map(|last| last.text.clone()).unwrap_or_default()
}

/// ISO 8601 in whole seconds, UTC; empty for none.
fn moment(at: Option<Timestamp>) -> Reply {
    Reply::Text(at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default())
}

fn or_unknown(number: Option<i64>) -> String {
    number.map_or_else(|| "?".to_owned(), |number| number.to_string())
}

/// Text for a `"…"` value: quotes and line ends may not end it early.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\r', '\n'], " ")
}

fn text(text: &str) -> Reply {
    Reply::Text(text.to_owned())
}

fn number(number: u64) -> Reply {
    Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn subscription_info(report: SubscriptionReport) -> Reply {
    let status = report.status;
    let (last, contact) = (report.last_error, report.contact);
    let (problem, problem_at) = contact.problem.unzip();
    let mut pairs = vec![
        ("name", Reply::Text(report.name)),
        ("kind", text("subscription")),
        ("definition", Reply::Text(report.definition)),
        ("db", Reply::Integer(i64::from(report.database))),
        ("state", text(status.state.name())),
        ("reason", text(&status.reason)),
        ("since", Reply::Text(status.since_text())),
        ("action", text(&status.action)),
        ("group", Reply::Text(report.group)),
    ];
    pairs.extend(counters(&report.counters));
    pairs.extend([
        ("lag", Reply::Text(or_unknown(report.lag))),
        ("lag_seconds", Reply::Text(seconds(report.lag_seconds))),
        ("rate", Reply::Text(rate(report.rate))),
        ("eta", Reply::Text(eta(report.catch_up))),
        ("units", number(report.units_applied)),
        ("stale", number(report.units_stale)),
        ("memory_bytes", number(report.memory as u64)),
        ("last_error_at", moment(last.as_ref().map(|last| last.at))),
        ("last_error", Reply::Text(last.map(|last| last.text).unwrap_or_default())),
        ("connection", text(contact.state.name())),
        ("connection_since", moment(contact.since)),
        ("connection_problem_at", moment(problem_at)),
        ("connection_problem", Reply::Text(problem.unwrap_or_default())),
        ("partitions", Reply::List(report.partitions.iter().map(partition_info).collect())),
        (
            "routes",
            Reply::List(report.routes.into_iter().map(|route| Reply::Text(route.name)).collect()),
        ),
    ]);
    Reply::Map(pairs)
}

fn partition_info(partition: &PartitionReport) -> Reply {
    let mut pairs = vec![
        ("topic", text(&partition.topic)),
        ("partition", Reply::Integer(i64::from(partition.partition))),
        ("next", Reply::Integer(partition.next)),
        ("end", Reply::Text(or_unknown(partition.end))),
        ("lag", Reply::Text(or_unknown(partition.lag))),
    ];
    pairs.extend(counters(&partition.counters));
    Reply::Map(pairs)
}

fn counters(counters: &Counters) -> [(&'static str, Reply); 5] {
    [
        ("consumed", number(counters.consumed)),
        ("applied", number(counters.applied)),
        ("filtered", number(counters.filtered)),
        ("deadlettered", number(counters.deadlettered)),
        ("skipped", number(counters.skipped)),
    ]
}
