//! A consumer that only counts: what Kafka and librdkafka alone reach.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::lab::{DEADLINE, Lab};
use crate::native::BatchConsumer;

/// Records a second of a bare consumer of a whole preloaded topic, counted
/// from its first batch on.
pub fn rate(lab: &Lab, topic: &str, group: &str) -> Result<f64> {
    let mut consumer = BatchConsumer::subscribe(&lab.kafka.brokers(), group, topic)?;
    let start = Instant::now();
    let mut first = None;
    let mut seen = 0;
    while seen < lab.options.records {
        let count = consumer.next(Duration::from_millis(100))?.records().count() as u64;
        seen += count;
        if count > 0 && first.is_none() {
            first = Some((Instant::now(), seen));
        }
        ensure!(start.elapsed() < DEADLINE, "a bare consumer got {seen} records in {DEADLINE:?}");
    }
    let (at, before) = first.unwrap_or((start, 0));
    Ok((seen - before) as f64 / at.elapsed().as_secs_f64())
}
