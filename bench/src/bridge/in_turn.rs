//! The join as most clients do it: a batch's HGETs in one pipeline, then its XADDs in another.

use anyhow::{Context, Result};

use super::encode::{Ride, bulk};
use super::join::UNKNOWN;
use super::pipeline::Pipeline;
use super::progress::Progress;
use super::{POLL, Positions};
use crate::native::BatchConsumer;

pub fn write(
    mut consumer: BatchConsumer,
    mut redis: Pipeline,
    mut progress: Progress,
) -> Result<()> {
    let (mut next, mut out) = (Positions::new(), Vec::new());
    while !progress.all_sent() {
        let batch = consumer.next(POLL)?;
        let mut rides: Vec<Ride> = Vec::new();
        for record in batch.records() {
            let ride = serde_json::from_slice(record.value);
            let at = || format!("partition {} offset {}", record.partition, record.offset);
            rides.push(ride.with_context(at)?);
            next.insert(record.partition, record.offset + 1);
        }
        let count = rides.len() as u64;
        out.clear();
        rides.iter().for_each(|ride| ride.lookup(&mut out));
        redis.send(&out)?;
        out.clear();
        let mut asking = rides.iter();
        redis.take(count, |name| {
            if let Some(ride) = asking.next() {
                ride.write_before_name(&mut out);
                bulk(&mut out, &[name.unwrap_or(UNKNOWN)]);
            }
        })?;
        redis.send(&out)?;
        redis.take(count, |_| {})?;
        progress.sent(count, &next);
        progress.answered(progress.total());
        drop(rides);
        drop(batch);
        progress.commit_when_due(&consumer)?;
    }
    progress.done(&consumer)
}
