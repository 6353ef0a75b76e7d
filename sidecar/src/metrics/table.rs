//! The one table of metrics.

use super::process::Process;
use crate::control::Snapshot;
use redis_kafka_engine::control::{PartitionReport, SubscriptionReport};
use redis_kafka_engine::ledger::Counters;
use redis_kafka_engine::state::State;
use redis_kafka_engine::worker::{CatchUp, ContactState};
use std::fmt::Write;

/// What a metric's numbers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They only grow.
    Counter,
    /// They go up and down.
    Gauge,
    /// How many fell between which limits.
    Histogram,
}

/// Label names and values.
pub(super) type Labels = Vec<(&'static str, String)>;

type Samples = Vec<(Labels, f64)>;

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Its whole name.
    pub name: &'static str,
    /// What its numbers do.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, in one sentence without a full stop.
    pub help: &'static str,
    pub(super) samples: fn(&Snapshot, &Process) -> Samples,
}

const PARTITION: &[&str] = &["subscription", "topic", "partition"];
const SUBSCRIPTION: &[&str] = &["subscription"];

const STATES: [State; 5] =
    [State::Running, State::Paused, State::Waiting, State::Stopped, State::Standby];

/// All metrics, in the order of the documents.
pub static METRICS: &[Metric] = &[
    Metric {
        name: "redis_kafka_records_consumed_total",
        kind: Kind::Counter,
        labels: PARTITION,
        help: "Records consumed, by the ledger: applied, filtered, dead-lettered and skipped ones",
        samples: |now, _| counted(now, |counters| counters.consumed),
    },
    Metric {
        name: "redis_kafka_records_applied_total",
        kind: Kind::Counter,
        labels: &["subscription", "route"],
        help: "Records of which a route wrote something, since its subscription began here",
        samples: |now, _| {
            let routes = |one: &SubscriptionReport| {
                let name = one.name.clone();
                let sample = move |route: &redis_kafka_engine::control::RouteReport| {
                    let labels =
                        vec![("subscription", name.clone()), ("route", route.name.clone())];
                    (labels, route.applied as f64)
                };
                one.routes.iter().map(sample).collect::<Samples>()
            };
            now.subscriptions.iter().flat_map(routes).collect()
        },
    },
    Metric {
        name: "redis_kafka_records_filtered_total",
        kind: Kind::Counter,
        labels: PARTITION,
        help: "Records that no route took, by the ledger",
        samples: |now, _| counted(now, |counters| counters.filtered),
    },
    Metric {
        name: "redis_kafka_records_deadlettered_total",
        kind: Kind::Counter,
        labels: PARTITION,
        help: "Records put among the dead letters, by the ledger",
        samples: |now, _| counted(now, |counters| counters.deadlettered),
    },
    Metric {
        name: "redis_kafka_records_skipped_total",
        kind: Kind::Counter,
        labels: PARTITION,
        help: "Bad records left out, by the ledger",
        samples: |now, _| counted(now, |counters| counters.skipped),
    },
    Metric {
        name: "redis_kafka_records_lag",
        kind: Kind::Gauge,
        labels: PARTITION,
        help: "Records not applied yet; absent while unknown",
        samples: |now, _| partitions(now, |partition| partition.lag.map(|lag| lag as f64)),
    },
    Metric {
        name: "redis_kafka_next_offset",
        kind: Kind::Gauge,
        labels: PARTITION,
        help: "The next offset to apply",
        samples: |now, _| partitions(now, |partition| Some(partition.next as f64)),
    },
    Metric {
        name: "redis_kafka_lag_seconds",
        kind: Kind::Gauge,
        labels: SUBSCRIPTION,
        help: "How old the last applied record is where there is lag, 0 without lag; absent while unknown",
        samples: |now, _| each(now, |one| one.lag_seconds),
    },
    Metric {
        name: "redis_kafka_records_per_second",
        kind: Kind::Gauge,
        labels: SUBSCRIPTION,
        help: "Records consumed a second over about the last 10 s; absent while unknown",
        samples: |now, _| each(now, |one| one.rate),
    },
    Metric {
        name: "redis_kafka_catch_up_seconds",
        kind: Kind::Gauge,
        labels: SUBSCRIPTION,
        help: "Seconds until all is applied if it goes on as in the last 10 s; absent where that is never or unknown",
        samples: |now, _| {
            each(now, |one| match one.catch_up {
                CatchUp::In(seconds) => Some(seconds),
                CatchUp::Never | CatchUp::Unknown => None,
            })
        },
    },
    Metric {
        name: "redis_kafka_kafka_up",
        kind: Kind::Gauge,
        labels: SUBSCRIPTION,
        help: "1 when Kafka answers, 0 when not; absent before it was asked",
        samples: |now, _| {
            each(now, |one| match one.contact.state {
                ContactState::Up => Some(1.0),
                ContactState::Down => Some(0.0),
                ContactState::Unknown => None,
            })
        },
    },
    Metric {
        name: super::APPLY_DURATION,
        kind: Kind::Histogram,
        labels: SUBSCRIPTION,
        help: "Time from giving a unit to Redis until it is applied",
        samples: |_, _| Vec::new(),
    },
    Metric {
        name: "redis_kafka_state",
        kind: Kind::Gauge,
        labels: &["subscription", "state"],
        help: "1 for the state a subscription is in, 0 for the others: running, paused, waiting, stopped, standby",
        samples: |now, _| now.subscriptions.iter().flat_map(states).collect(),
    },
    Metric {
        name: "redis_kafka_units_applied_total",
        kind: Kind::Counter,
        labels: SUBSCRIPTION,
        help: "Units applied here since the subscription began here",
        samples: |now, _| each(now, |one| Some(one.units_applied as f64)),
    },
    Metric {
        name: "redis_kafka_units_stale_total",
        kind: Kind::Counter,
        labels: SUBSCRIPTION,
        help: "Units dropped because the ledger stood elsewhere: another process was faster",
        samples: |now, _| each(now, |one| Some(one.units_stale as f64)),
    },
    Metric {
        name: "redis_kafka_units_queued",
        kind: Kind::Gauge,
        labels: SUBSCRIPTION,
        help: "Units that wait to be applied",
        samples: |now, _| each(now, |one| Some(one.units_queued as f64)),
    },
    Metric {
        name: "redis_kafka_buffer_bytes",
        kind: Kind::Gauge,
        labels: SUBSCRIPTION,
        help: "Memory of the buffers of the subscription's worker",
        samples: |now, _| each(now, |one| Some(one.memory as f64)),
    },
    Metric {
        name: "redis_kafka_redis_up",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 when Redis can be used, 0 when not",
        samples: |now, _| alone(Some(f64::from(u8::from(now.redis.is_none())))),
    },
    Metric {
        name: "redis_kafka_standby",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 when all subscriptions stand by here because something else does the work",
        samples: |now, _| alone(Some(f64::from(u8::from(now.standby.is_some())))),
    },
    Metric {
        name: "redis_kafka_build_info",
        kind: Kind::Gauge,
        labels: &["version"],
        help: "1, with the version of redis-kafka",
        samples: |_, _| vec![(vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0)],
    },
    Metric {
        name: "process_cpu_seconds_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Processor time in user and system mode",
        samples: |_, process| alone(process.cpu_seconds),
    },
    Metric {
        name: "process_resident_memory_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "Resident memory",
        samples: |_, process| alone(process.resident_bytes),
    },
    Metric {
        name: "process_virtual_memory_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "Virtual memory",
        samples: |_, process| alone(process.virtual_bytes),
    },
    Metric {
        name: "process_start_time_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "When the process began, in seconds since 1970",
        samples: |_, process| alone(process.start_seconds),
    },
    Metric {
        name: "process_open_fds",
        kind: Kind::Gauge,
        labels: &[],
        help: "Open file descriptors",
        samples: |_, process| alone(process.open_fds),
    },
    Metric {
        name: "process_threads",
        kind: Kind::Gauge,
        labels: &[],
        help: "Threads",
        samples: |_, process| alone(process.threads),
    },
];

fn alone(value: Option<f64>) -> Samples {
    value.map(|value| (Vec::new(), value)).into_iter().collect()
}

fn each(now: &Snapshot, value: fn(&SubscriptionReport) -> Option<f64>) -> Samples {
    let sample =
        |one: &SubscriptionReport| Some((vec![("subscription", one.name.clone())], value(one)?));
    now.subscriptions.iter().filter_map(sample).collect()
}

fn partitions(now: &Snapshot, value: impl Fn(&PartitionReport) -> Option<f64>) -> Samples {
    let mut samples = Samples::new();
    for one in &now.subscriptions {
        for partition in &one.partitions {
            let labels = vec![
                ("subscription", one.name.clone()),
                ("topic", partition.topic.to_string()),
                ("partition", partition.partition.to_string()),
            ];
            samples.extend(value(partition).map(|value| (labels, value)));
        }
    }
    samples
}

fn counted(now: &Snapshot, counter: fn(&Counters) -> u64) -> Samples {
    partitions(now, |partition| Some(counter(&partition.counters) as f64))
}

fn states(one: &SubscriptionReport) -> Samples {
    let sample = |state: State| {
        let labels = vec![("subscription", one.name.clone()), ("state", state.name().to_owned())];
        (labels, f64::from(u8::from(one.status.state == state)))
    };
    STATES.map(sample).to_vec()
}

/// The table of the documents, in Markdown.
pub fn reference() -> String {
    let mut table = "| metric | kind | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for metric in METRICS {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, labels, help) = (metric.name, labels.join(", "), metric.help);
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| `{name}` | {kind} | {labels} | {help} |");
    }
    table
}
