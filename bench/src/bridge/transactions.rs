//! The same writes with the next offsets beside them in `MULTI … EXEC`: what the leanest bridge pays
//! that wants to be exactly-once. It is so only while it is the only one, as it watches nothing, and
//! it does not read where it stands when it starts.

use std::collections::VecDeque;

use anyhow::{Context, Result};

use super::encode::{Encoder, bulk};
use super::pipeline::Pipeline;
use super::progress::Progress;
use super::{IN_FLIGHT, POLL, Positions};
use crate::native::BatchConsumer;

/// Records of a transaction at most: the sidecar's own number.
const UNIT: u64 = 512;

pub fn write(
    mut consumer: BatchConsumer,
    mut redis: Pipeline,
    mut progress: Progress,
    encoder: Encoder,
) -> Result<()> {
    let (mut out, mut next) = (Vec::new(), Positions::new());
    let mut flight = Flight::default();
    while !progress.all_sent() {
        let batch = consumer.next(POLL)?;
        out.clear();
        let (mut count, mut open, mut moved) = (0, 0, Positions::new());
        for record in batch.records() {
            if open == 0 {
                out.extend_from_slice(b"*1\r\n$5\r\nMULTI\r\n");
            }
            (encoder.encode)(record.value, &mut out).with_context(|| {
                format!("partition {} offset {}", record.partition, record.offset)
            })?;
            moved.insert(record.partition, record.offset + 1);
            (count, open) = (count + 1, open + 1);
            if open == UNIT {
                flight.close(&mut out, open, &encoder, &mut moved, &mut next);
                open = 0;
            }
        }
        if open > 0 {
            flight.close(&mut out, open, &encoder, &mut moved, &mut next);
        }
        drop(batch);
        let mut unanswered = 0;
        if count > 0 {
            redis.send(&out)?;
            progress.sent(count, &next);
            unanswered = IN_FLIGHT;
        }
        let wanted = progress.total().saturating_sub(unanswered);
        redis.skip_until(flight.replies_of(wanted))?;
        progress.answered(flight.written(redis.answered()));
        progress.commit_when_due(&consumer)?;
    }
    redis.skip_until(flight.replies_of(progress.total()))?;
    progress.done(&consumer)
}

/// Transactions that are sent: how many replies there are once each is run, and how many records
/// are written then.
#[derive(Default)]
struct Flight {
    replies: u64,
    records: u64,
    marks: VecDeque<(u64, u64)>,
    written: u64,
}

impl Flight {
    /// Ends a transaction with the offsets that it moves.
    fn close(
        &mut self,
        out: &mut Vec<u8>,
        records: u64,
        encoder: &Encoder,
        moved: &mut Positions,
        next: &mut Positions,
    ) {
        out.extend_from_slice(format!("*{}\r\n", 2 + 2 * moved.len()).as_bytes());
        bulk(out, &[b"HSET"]);
        bulk(out, &[b"ledger"]);
        for (partition, offset) in moved.iter() {
            bulk(out, &[partition.to_string().as_bytes()]);
            bulk(out, &[offset.to_string().as_bytes()]);
        }
        out.extend_from_slice(b"*1\r\n$4\r\nEXEC\r\n");
        next.append(moved);
        // MULTI, each command's QUEUED, the head of EXEC's array, and each command's reply in it.
        self.replies += 2 + 2 * (records * encoder.commands + 1);
        self.records += records;
        self.marks.push_back((self.replies, self.records));
    }

    /// The replies there are once so many records are written.
    fn replies_of(&self, records: u64) -> u64 {
        let mark = self.marks.iter().find(|(_, written)| *written >= records);
        mark.map_or(0, |(replies, _)| *replies)
    }

    /// The records written once there are so many replies.
    fn written(&mut self, replies: u64) -> u64 {
        while let Some((_, written)) = self.marks.pop_front_if(|(all, _)| *all <= replies) {
            self.written = written;
        }
        self.written
    }
}
