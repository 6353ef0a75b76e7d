//! The join as a client does it: HGETs pipelined, then XADDs with what they gave.
//! The look-ups of a batch travel with the writes of an earlier one, and while
//! Redis answers them the next batch is read and scanned.

use anyhow::{Context, Result};

use super::encode::{Ride, bulk};
use super::pipeline::Pipeline;
use super::progress::Progress;
use super::{POLL, Positions};
use crate::native::BatchConsumer;

/// What stands in place of a name that is not in the table.
pub(super) const UNKNOWN: &[u8] = b"unknown";

/// A batch whose look-ups are sent.
#[derive(Default)]
struct Asked {
    /// Writes sent before the look-ups: their replies come first.
    writes: u64,
    /// The XADDs up to the name, one behind the other.
    before_names: Vec<u8>,
    /// Where in `before_names` each ends.
    ends: Vec<usize>,
    next: Positions,
}

pub fn write(
    mut consumer: BatchConsumer,
    mut redis: Pipeline,
    mut progress: Progress,
) -> Result<()> {
    let (mut asked, mut next): (Option<Asked>, _) = (None, Positions::new());
    // Complete XADDs that are not sent yet, and how many.
    let (mut out, mut writes, mut written) = (Vec::new(), 0, 0);
    while !progress.all_sent() || asked.is_some() {
        let mut batch = Asked { writes, ..Asked::default() };
        if !progress.all_sent() {
            read(&mut consumer, &mut batch, &mut next, &mut out)?;
        }
        redis.send(&out)?;
        out.clear();
        writes = 0;
        progress.sent(batch.ends.len() as u64, &batch.next);
        if let Some(earlier) = asked.replace(batch) {
            writes = finish(&mut redis, &earlier, &mut out)?;
            written += earlier.writes;
            progress.answered(written);
            progress.commit_when_due(&consumer)?;
        }
        // With nothing asked and nothing left to write, only an empty batch is under way.
        if progress.all_sent() && asked.as_ref().is_some_and(|a| a.ends.is_empty() && writes == 0) {
            written += asked.take().map_or(0, |last| last.writes);
        }
    }
    redis.skip_until(2 * progress.total())?;
    anyhow::ensure!(written == progress.total(), "{written} of {} written", progress.total());
    progress.done(&consumer)
}

/// Takes the next batch: its look-ups go to `out`, its writes wait in `batch`.
fn read(
    consumer: &mut BatchConsumer,
    batch: &mut Asked,
    next: &mut Positions,
    out: &mut Vec<u8>,
) -> Result<()> {
    for record in consumer.next(POLL)?.records() {
        let ride: Ride = serde_json::from_slice(record.value)
            .with_context(|| format!("partition {} offset {}", record.partition, record.offset))?;
        ride.lookup(out);
        ride.write_before_name(&mut batch.before_names);
        batch.ends.push(batch.before_names.len());
        next.insert(record.partition, record.offset + 1);
    }
    batch.next = next.clone();
    Ok(())
}

/// Reads what the look-ups gave and completes the batch's XADDs into `out`.
fn finish(redis: &mut Pipeline, batch: &Asked, out: &mut Vec<u8>) -> Result<u64> {
    redis.take(batch.writes, |_| {})?;
    let (mut start, mut ends) = (0, batch.ends.iter());
    redis.take(batch.ends.len() as u64, |name| {
        if let Some(&end) = ends.next() {
            out.extend_from_slice(&batch.before_names[start..end]);
            bulk(out, &[name.unwrap_or(UNKNOWN)]);
            start = end;
        }
    })?;
    Ok(batch.ends.len() as u64)
}
