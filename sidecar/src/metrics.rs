//! What `/metrics` shows: one table, from which come the samples and the table in the documents.
//!
//! Text of OpenMetrics 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).

mod process;
mod table;

pub use table::{Kind, METRICS, Metric, reference};

use crate::control::Snapshot;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::fmt;

/// The media type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The name of the one metric that is measured, not read off a snapshot.
const APPLY_DURATION: &str = "redis_kafka_apply_duration_seconds";

/// The limits between the duration's buckets, in seconds.
const DURATIONS: [f64; 16] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

type OfSubscription = [(&'static str, String); 1];

/// What is measured while units are applied. Cheap to clone; used from any thread.
#[derive(Debug, Clone)]
pub struct Metrics {
    durations: Family<OfSubscription, Histogram, fn() -> Histogram>,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let histogram: fn() -> Histogram = || Histogram::new(DURATIONS);
        Metrics { durations: Family::new_with_constructor(histogram) }
    }
}

impl Metrics {
    /// Where a subscription's applier notes how many seconds each unit took. The handle is to be
    /// kept: finding it takes a lock.
    pub fn apply_duration(&self, subscription: &str) -> Histogram {
        self.durations.get_or_create_owned(&label(subscription))
    }

    /// Forgets what was measured of a subscription that is gone.
    pub fn forget(&self, subscription: &str) {
        self.durations.remove(&label(subscription));
    }

    /// The text of `/metrics`.
    ///
    /// # Errors
    /// None that can happen: writing to a string does not fail.
    pub fn text(&self, snapshot: &Snapshot) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        if let Some(metric) = METRICS.iter().find(|metric| metric.name == APPLY_DURATION) {
            registry.register(metric.name, metric.help, self.durations.clone());
        }
        registry.register_collector(Box::new(Scrape(snapshot.clone())));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

fn label(subscription: &str) -> OfSubscription {
    [("subscription", subscription.to_owned())]
}

/// One look at everything.
#[derive(Debug)]
struct Scrape(Snapshot);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let process = process::Process::look();
        for metric in METRICS {
            let (name, kind) = match metric.kind {
                // The encoder puts the suffix behind the name.
                Kind::Counter => {
                    (metric.name.strip_suffix("_total").unwrap_or(metric.name), MetricType::Counter)
                }
                Kind::Gauge => (metric.name, MetricType::Gauge),
                Kind::Histogram => continue,
            };
            let samples = (metric.samples)(&self.0, &process);
            if samples.is_empty() {
                continue;
            }
            let mut family = encoder.encode_descriptor(name, metric.help, None, kind)?;
            if metric.labels.is_empty() {
                for (_, value) in &samples {
                    write(&mut family, metric.kind, *value)?;
                }
                continue;
            }
            for (labels, value) in &samples {
                write(&mut family.encode_family(labels)?, metric.kind, *value)?;
            }
        }
        Ok(())
    }
}

fn write(encoder: &mut MetricEncoder<'_>, kind: Kind, value: f64) -> fmt::Result {
    match kind {
        Kind::Counter => encoder.encode_counter::<NoLabelSet, _, f64>(&value, None),
        Kind::Gauge | Kind::Histogram => encoder.encode_gauge(&value),
    }
}
