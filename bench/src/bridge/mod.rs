//! The external bridge the module is compared with: the leanest a user could
//! write for these topics. Whole batches from librdkafka, fields borrowed by
//! serde_json, RESP written straight into one buffer, pipelined. It reads
//! every reply, commits only what Redis has answered, and has no exactly-once:
//! after a crash, what was written since the last commit is written again.

mod encode;
mod in_turn;
mod join;
mod pipeline;
mod progress;
mod transactions;

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::native::BatchConsumer;
use crate::target::Target;

use encode::Encoder;
use pipeline::Pipeline;
use progress::Progress;

/// Records that Redis has not answered yet, at most: enough to keep it busy
/// while the next batch is read and scanned.
const IN_FLIGHT: u64 = 4000;
const POLL: Duration = Duration::from_millis(100);

/// Next offsets by partition.
type Positions = BTreeMap<i32, i64>;

/// What one bridge process does.
#[derive(Args, Clone)]
pub struct BridgeArgs {
    #[arg(long)]
    brokers: String,
    #[arg(long)]
    topic: String,
    #[arg(long)]
    group: String,
    /// host:port of Redis, or the path of its socket
    #[arg(long)]
    redis: String,
    /// What to write; without it, readings to streams
    #[arg(long, value_enum)]
    target: Option<Target>,
    /// How look-ups and writes of a join follow each other
    #[arg(long, value_enum, default_value = "overlapped")]
    join: JoinWay,
    /// Write the next offsets with the data, in transactions; not for joins
    #[arg(long)]
    transactions: bool,
    /// End after this many records; never without it
    #[arg(long)]
    until: Option<u64>,
}

/// How the look-ups and writes of a join follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JoinWay {
    /// A batch's look-ups travel with an earlier one's writes, while the next is read
    Overlapped,
    /// A batch's look-ups, their replies, its writes, their replies, then the next
    InTurn,
}

/// Reads the topic into Redis. Prints `first <n>` when the first n records are
/// answered and `done <n>` at the end, then stays until its input ends, so
/// that its CPU time can be read.
pub fn run(args: &BridgeArgs) -> Result<()> {
    let consumer = BatchConsumer::subscribe(&args.brokers, &args.group, &args.topic)?;
    let redis = Pipeline::connect(&args.redis)?;
    let progress = Progress::new(args.until);
    match Encoder::of(args.target) {
        Some(encoder) if args.transactions => {
            transactions::write(consumer, redis, progress, encoder)?;
        }
        Some(encoder) => write(consumer, redis, progress, encoder)?,
        None if args.transactions => bail!("--transactions is not for joins"),
        None => match args.join {
            JoinWay::Overlapped => join::write(consumer, redis, progress)?,
            JoinWay::InTurn => in_turn::write(consumer, redis, progress)?,
        },
    }
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn write(
    mut consumer: BatchConsumer,
    mut redis: Pipeline,
    mut progress: Progress,
    encoder: Encoder,
) -> Result<()> {
    let (mut commands, mut next) = (Vec::new(), Positions::new());
    while !progress.all_sent() {
        let batch = consumer.next(POLL)?;
        commands.clear();
        let mut count = 0;
        for record in batch.records() {
            (encoder.encode)(record.value, &mut commands).with_context(|| {
                format!("partition {} offset {}", record.partition, record.offset)
            })?;
            next.insert(record.partition, record.offset + 1);
            count += 1;
        }
        drop(batch);
        let mut unanswered = 0;
        if count > 0 {
            redis.send(&commands)?;
            progress.sent(count, &next);
            unanswered = IN_FLIGHT;
        }
        let wanted = progress.total().saturating_sub(unanswered) * encoder.commands;
        redis.skip_until(wanted)?;
        progress.answered(redis.answered() / encoder.commands);
        progress.commit_when_due(&consumer)?;
    }
    redis.skip_until(progress.total() * encoder.commands)?;
    progress.done(&consumer)
}
