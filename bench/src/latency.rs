//! From produce to a blocked XREAD, beside a bare librdkafka consumer of the
//! same records.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rdkafka::producer::Producer;
use redis::streams::StreamReadReply;
use redis_kafka_tests::server::RedisServer;
use serde::Serialize;
use serde_json::json;

use crate::bare;
use crate::generator::{Reading, sensor_key};
use crate::ingest;
use crate::lab::{DEADLINE, HISTORY, Lab, send};
use crate::native::BatchConsumer;
use crate::pace::at_rate;
use crate::quantile::Spread;
use crate::report::{Bound, Goal, Section};
use crate::subject::{Aof, Subject};

/// Records a second.
const RATE: u32 = 2000;
/// Records at the start that are not counted: connections and caches warm up.
const WARM_UP: u64 = 2 * RATE as u64;

#[derive(Serialize)]
struct Case {
    subject: Subject,
    aof: Aof,
    xread_ms: Spread,
    bare_ms: Spread,
}

/// A record's number and when it was seen.
type Seen = Vec<(u64, Instant)>;

pub fn run(lab: &Lab) -> Result<Section> {
    // A cold JVM stalls for seconds, longer than the warm-up of one case.
    bare::rate(lab, lab.readings()?, "warm-latency")?;
    let mut cases = Vec::new();
    for &subject in &lab.options.subjects {
        for aof in Aof::ALL {
            let case = case(lab, subject, aof);
            cases.push(case.with_context(|| format!("{}, {}", subject.title(), aof.title()))?);
        }
    }
    Ok(Section {
        name: "latency",
        title: format!("Produce to visible at {RATE} records/s for {} s, ms", lab.options.seconds),
        columns: vec!["", "p50", "p99", "p99.9", "max", "records", "p50 above bare"],
        rows: cases.iter().flat_map(rows).collect(),
        notes: vec!["linger.ms=0, acks=1, one partition, one stream, XREAD BLOCK; both read the same records".into()],
        goals: cases.iter().flat_map(goals).collect(),
        figures: json!(cases),
    })
}

fn rows(case: &Case) -> [Vec<String>; 2] {
    let above = format!("{:+.2}", case.xread_ms.p50 - case.bare_ms.p50);
    let line = |name: String, spread: &Spread, above: String| {
        let mut row = vec![name];
        row.extend(spread.cells());
        row.push(above);
        row
    };
    [
        line(
            format!("{}, {}: XREAD", case.subject.title(), case.aof.title()),
            &case.xread_ms,
            above,
        ),
        line("  bare consumer at the same time".to_string(), &case.bare_ms, String::new()),
    ]
}

fn goals(case: &Case) -> Vec<Goal> {
    if !case.subject.takes_commands() {
        return Vec::new();
    }
    let what = format!("produce to XREAD, {}, {}: ", case.subject.title(), case.aof.title());
    if case.subject == Subject::Sidecar {
        return vec![Goal::new(what + "p50", Bound::AtMost(5.0), "ms", case.xread_ms.p50)];
    }
    let above = case.xread_ms.p50 - case.bare_ms.p50;
    vec![
        Goal::new(what.clone() + "p50", Bound::AtMost(0.3), "ms above bare", above),
        Goal::new(
            format!("{what}p99 (bare {:.2})", case.bare_ms.p99),
            Bound::AtMost(5.0),
            "ms",
            case.xread_ms.p99,
        ),
    ]
}

fn case(lab: &Lab, subject: Subject, aof: Aof) -> Result<Case> {
    let topic = lab.kafka.topic("latency", 1);
    let server = lab.server(subject, aof);
    let records = WARM_UP + u64::from(RATE) * lab.options.seconds;
    let bridge = match subject.takes_commands() {
        true => {
            lab.subscribe(&server, &topic, HISTORY);
            None
        }
        false => Some(lab.bridge(&server, subject, &topic, None, None)?),
    };
    let consumer = bare_consumer(lab.kafka.brokers(), topic.clone(), records);
    let reader = blocked_reader(&server, records)?;
    let sent = produce(lab, &topic, records)?;
    let bare = finish(consumer).context("bare consumer")?;
    let read = finish(reader).context("XREAD")?;
    drop(bridge);
    Ok(Case { subject, aof, xread_ms: spread(&sent, &read)?, bare_ms: spread(&sent, &bare)? })
}

fn finish(thread: JoinHandle<Result<Seen>>) -> Result<Seen> {
    thread.join().map_err(|_| anyhow!("the thread panicked"))?
}

/// Latencies of all records after the warm-up; each must have been seen once.
fn spread(sent: &[Instant], seen: &Seen) -> Result<Spread> {
    let mut latencies = vec![None; sent.len()];
    for (seq, at) in seen {
        let seq = usize::try_from(*seq)?;
        let slot = latencies.get_mut(seq).with_context(|| format!("no record {seq} was sent"))?;
        let sent = sent.get(seq).context("no such record")?;
        ensure!(
            slot.replace(at.saturating_duration_since(*sent)).is_none(),
            "record {seq} came twice"
        );
    }
    let latencies: Option<Vec<Duration>> = latencies.into_iter().collect();
    let latencies = latencies.context("a record is missing")?;
    Ok(Spread::of(latencies.into_iter().skip(WARM_UP as usize)))
}

/// Produces at the rate; gives when each record was handed to librdkafka.
fn produce(lab: &Lab, topic: &str, records: u64) -> Result<Vec<Instant>> {
    let producer = lab.producer(&[("linger.ms", "0")])?;
    let mut sent = Vec::with_capacity(records as usize);
    let mut outcome = Ok(());
    at_rate(RATE, |seq| {
        let reading = Reading::new(seq, 1);
        sent.push(Instant::now());
        outcome = send(&producer, topic, 0, &reading.key(), &reading.json());
        producer.poll(Duration::ZERO);
        outcome.is_ok() && seq + 1 < records
    });
    outcome?;
    producer.flush(DEADLINE).context("flush")?;
    Ok(sent)
}

fn bare_consumer(brokers: String, topic: String, records: u64) -> JoinHandle<Result<Seen>> {
    std::thread::spawn(move || {
        let mut consumer = BatchConsumer::subscribe(&brokers, &topic, &topic)?;
        let mut seen = Vec::with_capacity(records as usize);
        let start = Instant::now();
        while (seen.len() as u64) < records {
            let batch = consumer.next(Duration::from_millis(100))?;
            let now = Instant::now();
            for record in batch.records() {
                seen.push((u64::try_from(record.offset)?, now));
            }
            ensure!(start.elapsed() < DEADLINE, "{} of {records} records came", seen.len());
        }
        Ok(seen)
    })
}

fn blocked_reader(server: &RedisServer, records: u64) -> Result<JoinHandle<Result<Seen>>> {
    let mut connection = ingest::connect(server.port())?;
    let key = format!("history:{}", sensor_key(0));
    let read = move || {
        let mut seen = Vec::with_capacity(records as usize);
        let (start, mut last) = (Instant::now(), "0".to_string());
        while (seen.len() as u64) < records {
            let mut command = redis::cmd("XREAD");
            command.arg("BLOCK").arg(1000).arg("STREAMS").arg(&key).arg(&last);
            let reply: Option<StreamReadReply> = command.query(&mut connection)?;
            let now = Instant::now();
            for entry in reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids) {
                seen.push((entry.get("seq").context("no field seq")?, now));
                last = entry.id;
            }
            ensure!(start.elapsed() < DEADLINE, "{} of {records} records came", seen.len());
        }
        Ok(seen)
    };
    Ok(std::thread::spawn(read))
}
