//! The external bridge the module is compared with: the leanest a user could
//! write for this topic. Whole batches from librdkafka, fields borrowed by
//! serde_json, RESP written straight into one buffer, pipelined. It reads
//! every reply, commits only what Redis has answered, and has no exactly-once:
//! after a crash, what was written since the last commit is written again.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::native::BatchConsumer;

/// Commands that Redis has not answered yet, at most: enough to keep it busy
/// while the next batch is read and scanned.
const IN_FLIGHT: u64 = 4000;
const COMMIT_EVERY: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(100);

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
    /// End after this many records; never without it
    #[arg(long)]
    until: Option<u64>,
}

/// Reads the topic into Redis. Prints `first <n>` when the first n records are
/// answered and `done <n>` at the end, then stays until its input ends, so
/// that its CPU time can be read.
pub fn run(args: &BridgeArgs) -> Result<()> {
    let mut consumer = BatchConsumer::subscribe(&args.brokers, &args.group, &args.topic)?;
    let mut redis = Pipeline::connect(&args.redis)?;
    let mut commands = Vec::new();
    let mut next = BTreeMap::new();
    let mut committed = Instant::now();
    loop {
        let batch = consumer.next(POLL)?;
        commands.clear();
        let mut count = 0;
        for record in batch.records() {
            let reading: Reading = serde_json::from_slice(record.value).with_context(|| {
                format!("partition {} offset {}", record.partition, record.offset)
            })?;
            reading.encode(&mut commands);
            next.insert(record.partition, record.offset + 1);
            count += 1;
        }
        drop(batch);
        let before = redis.answered;
        if count > 0 {
            redis.send(&commands, count, &next)?;
            redis.read_until(redis.sent.saturating_sub(IN_FLIGHT))?;
        } else {
            redis.read_until(redis.sent)?;
        }
        if before == 0 && redis.answered > 0 {
            println!("first {}", redis.answered);
        }
        if args.until.is_some_and(|until| redis.sent >= until) {
            break;
        }
        if committed.elapsed() > COMMIT_EVERY {
            consumer.commit(redis.confirmed.clone())?;
            committed = Instant::now();
        }
    }
    redis.read_until(redis.sent)?;
    println!("done {}", redis.answered);
    consumer.commit(redis.confirmed.clone())?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A reading with its text borrowed from the record; numbers keep their text.
#[derive(Deserialize)]
struct Reading<'a> {
    #[serde(borrow)]
    sensor: Cow<'a, str>,
    #[serde(borrow)]
    seq: &'a RawValue,
    #[serde(borrow)]
    at: Cow<'a, str>,
    #[serde(borrow)]
    temperature: &'a RawValue,
    #[serde(borrow)]
    humidity: &'a RawValue,
}

impl Reading<'_> {
    /// XADD history:<sensor> * sensor … seq … at … temperature … humidity …
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"*13\r\n$4\r\nXADD\r\n");
        bulk(out, &[b"history:", self.sensor.as_bytes()]);
        out.extend_from_slice(b"$1\r\n*\r\n$6\r\nsensor\r\n");
        bulk(out, &[self.sensor.as_bytes()]);
        out.extend_from_slice(b"$3\r\nseq\r\n");
        bulk(out, &[self.seq.get().as_bytes()]);
        out.extend_from_slice(b"$2\r\nat\r\n");
        bulk(out, &[self.at.as_bytes()]);
        out.extend_from_slice(b"$11\r\ntemperature\r\n");
        bulk(out, &[self.temperature.get().as_bytes()]);
        out.extend_from_slice(b"$8\r\nhumidity\r\n");
        bulk(out, &[self.humidity.get().as_bytes()]);
    }
}

/// Writes a RESP bulk string of the parts together.
fn bulk(out: &mut Vec<u8>, parts: &[&[u8]]) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    out.push(b'$');
    out.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
    out.extend_from_slice(b"\r\n");
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\r\n");
}

/// Next offsets by partition.
type Positions = BTreeMap<i32, i64>;

/// A connection with commands in flight.
struct Pipeline {
    stream: Box<dyn Duplex>,
    sent: u64,
    answered: u64,
    /// The positions to commit once `sent` reached this number.
    marks: VecDeque<(u64, Positions)>,
    confirmed: Positions,
    replies: ReplyCounter,
    input: Vec<u8>,
}

impl Pipeline {
    fn connect(address: &str) -> Result<Pipeline> {
        Ok(Pipeline {
            stream: open(address).with_context(|| address.to_string())?,
            sent: 0,
            answered: 0,
            marks: VecDeque::new(),
            confirmed: BTreeMap::new(),
            replies: ReplyCounter::Head,
            input: vec![0; 64 * 1024],
        })
    }

    /// Redis never stops reading for unread replies, so a blocking write of
    /// any size ends.
    fn send(&mut self, commands: &[u8], count: u64, next: &Positions) -> Result<()> {
        self.stream.write_all(commands)?;
        self.sent += count;
        self.marks.push_back((self.sent, next.clone()));
        Ok(())
    }

    /// Reads replies until `count` commands in all are answered.
    fn read_until(&mut self, count: u64) -> Result<()> {
        while self.answered < count {
            let len = match self.stream.read(&mut self.input) {
                Ok(0) => bail!("Redis closed the connection"),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.answered += self.replies.count(&self.input[..len])?;
        }
        while self.marks.front().is_some_and(|(mark, _)| *mark <= self.answered) {
            if let Some((_, positions)) = self.marks.pop_front() {
                self.confirmed = positions;
            }
        }
        Ok(())
    }
}

/// A connected socket.
trait Duplex: Read + Write {}
impl Duplex for TcpStream {}
impl Duplex for UnixStream {}

fn open(address: &str) -> std::io::Result<Box<dyn Duplex>> {
    if address.starts_with('/') {
        return Ok(Box::new(UnixStream::connect(address)?));
    }
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

/// Where in a stream of bulk string replies the input stands.
#[derive(Clone, Copy)]
enum ReplyCounter {
    /// At the start of a reply.
    Head,
    /// In the line `$<length>`.
    Length,
    /// In the entry ID.
    Id,
}

impl ReplyCounter {
    /// Replies that end in `input`; an error reply is an error.
    fn count(&mut self, input: &[u8]) -> Result<u64> {
        let mut complete = 0;
        let mut rest = input;
        while let Some(&first) = rest.first() {
            if matches!(self, ReplyCounter::Head) {
                if first != b'$' {
                    bail!("Redis: {}", String::from_utf8_lossy(&rest[..rest.len().min(200)]));
                }
                *self = ReplyCounter::Length;
            }
            let Some(end) = memchr::memchr(b'\n', rest) else {
                break;
            };
            rest = &rest[end + 1..];
            *self = match self {
                ReplyCounter::Head | ReplyCounter::Length => ReplyCounter::Id,
                ReplyCounter::Id => {
                    complete += 1;
                    ReplyCounter::Head
                }
            };
        }
        Ok(complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_counted_however_they_are_cut() {
        let replies = b"$15\r\n1700000000000-0\r\n$15\r\n1700000000000-1\r\n";
        for cut in 0..=replies.len() {
            let mut counter = ReplyCounter::Head;
            let count =
                counter.count(&replies[..cut]).unwrap() + counter.count(&replies[cut..]).unwrap();
            assert_eq!(count, 2, "cut at {cut}");
        }
        assert!(ReplyCounter::Head.count(b"-OOM command not allowed\r\n").is_err());
    }

    #[test]
    fn a_reading_becomes_one_xadd() {
        let json = br#"{"sensor":"a","seq":1,"at":"t","temperature":13.40,"humidity":5}"#;
        let mut out = Vec::new();
        serde_json::from_slice::<Reading>(json).unwrap().encode(&mut out);
        let words: Vec<&str> = std::str::from_utf8(&out).unwrap().split("\r\n").collect();
        let args: Vec<&str> =
            words[1..].chunks(2).filter_map(|pair| pair.get(1).copied()).collect();
        assert_eq!(words[0], "*13");
        assert_eq!(
            args.join(" "),
            "XADD history:a * sensor a seq 1 at t temperature 13.40 humidity 5"
        );
    }
}
