//! One run of the whole preloaded topic into a fresh server, timed from the
//! first records seen in Redis to the last, and then checked.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use redis::Connection;
use redis_kafka_tests::server::RedisServer;

use crate::bridge::JoinWay;
use crate::cpu::{self, Machine};
use crate::generator::{Reading, sensor_key};
use crate::lab::{DEADLINE, HISTORY, Lab, PARTITIONS, SUBSCRIPTION};
use crate::subject::{Aof, Subject};
use crate::target::Target;

const POLL: Duration = Duration::from_millis(5);
/// How often the subscription's state is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Streams whose last entry is compared field by field.
const CHECKED_STREAMS: usize = 20;

/// The time between the first records applied and the last.
pub struct Span {
    pub start: Instant,
    pub end: Instant,
    /// Records applied in that time.
    pub records: u64,
}

impl Span {
    pub fn rate(&self) -> f64 {
        self.records as f64 / (self.end - self.start).as_secs_f64()
    }
}

/// What a run took.
pub struct Ingest {
    pub span: Span,
    /// CPU seconds of redis-server and, for the bridge, of its process, for
    /// all records, the start included.
    pub redis_cpu: f64,
    pub bridge_cpu: f64,
    /// Share of the machine that went to neither of them, nor to this program.
    /// Kafka is in it.
    pub others: f64,
}

/// What is ingested and what must come of it.
pub struct Work<'a> {
    pub topic: &'a str,
    /// What follows `KAFKA.ROUTE name FROM subscription`.
    pub route: &'a str,
    /// What the bridge writes; readings to streams without it.
    pub target: Option<Target>,
    /// Fails when Redis does not hold what it must after the last record.
    pub verify: &'a dyn Fn(&mut Connection) -> Result<()>,
}

/// Ingests the preloaded readings into `server`.
pub fn run(lab: &Lab, server: &RedisServer, subject: Subject) -> Result<Ingest> {
    let verify = |connection: &mut Connection| verify(lab, connection);
    let topic = lab.readings()?;
    run_work(lab, server, subject, &Work { topic, route: HISTORY, target: None, verify: &verify })
}

/// Ingests a preloaded topic of `--records` records into `server`.
pub fn run_work(lab: &Lab, server: &RedisServer, subject: Subject, work: &Work) -> Result<Ingest> {
    let (machine, own, before) =
        (Machine::watch()?, cpu::seconds(std::process::id())?, cpu::seconds(server.pid())?);
    let (span, bridge_cpu) = match subject.takes_commands() {
        true => {
            let cpu = || server.sidecar_pid().map_or(Ok(0.0), cpu::seconds);
            let before = cpu()?;
            lab.subscribe(server, work.topic, work.route);
            (watch_module(lab, server, work.topic)?, cpu()? - before)
        }
        false => watch_bridge(lab, server, subject, work)?,
    };
    let redis_cpu = cpu::seconds(server.pid())? - before;
    let own_cpu = cpu::seconds(std::process::id())? - own;
    let others = machine.taken_by_others(redis_cpu + bridge_cpu + own_cpu)?;
    (work.verify)(&mut connect(server.port())?)?;
    Ok(Ingest { span, redis_cpu, bridge_cpu, others })
}

/// A fresh server, one [`run`], and the server gone again.
pub fn on_fresh_server(lab: &Lab, subject: Subject, aof: Aof) -> Result<Ingest> {
    let server = lab.server(subject, aof);
    run(lab, &server, subject).with_context(|| format!("{}, {}", subject.title(), aof.title()))
}

fn watch_module(lab: &Lab, server: &RedisServer, topic: &str) -> Result<Span> {
    let mut ledger = Ledger::open(server, topic, PARTITIONS)?;
    let started = Instant::now();
    let (mut first, mut looked) = (None, started);
    loop {
        let (applied, now) = (ledger.sum("applied")?, Instant::now());
        if applied > 0 && first.is_none() {
            first = Some((now, applied));
        }
        if let Some((start, before)) = first
            && applied >= lab.options.records
        {
            return Ok(Span { start, end: now, records: applied - before });
        }
        if started.elapsed() > DEADLINE {
            bail!("{applied} records applied in {DEADLINE:?}: {}", server.text("KAFKA.LIST"));
        }
        if now.duration_since(looked) > LOOK_EVERY {
            refuse_stopped(server)?;
            looked = now;
        }
        std::thread::sleep(POLL);
    }
}

fn refuse_stopped(server: &RedisServer) -> Result<()> {
    let list = server.text("KAFKA.LIST");
    ensure!(!list.contains("state=stopped"), "{list}");
    Ok(())
}

fn watch_bridge(
    lab: &Lab,
    server: &RedisServer,
    subject: Subject,
    work: &Work,
) -> Result<(Span, f64)> {
    let join = match subject {
        Subject::Client => JoinWay::InTurn,
        _ => JoinWay::Overlapped,
    };
    let records = Some(lab.options.records);
    let mut bridge =
        lab.bridge(server, subject, work.topic, work.target.map(|target| (target, join)), records)?;
    let mut first = None;
    for line in BufReader::new(bridge.output()?).lines() {
        let line = line.context("the bridge's output")?;
        let now = Instant::now();
        let (word, count) = line.split_once(' ').with_context(|| line.clone())?;
        let count: u64 = count.parse().with_context(|| line.clone())?;
        match (word, first) {
            ("first", _) => first = Some((now, count)),
            ("done", Some((start, before))) => {
                let span = Span { start, end: now, records: count - before };
                return Ok((span, cpu::seconds(bridge.pid())?));
            }
            _ => bail!("the bridge said {line:?}"),
        }
    }
    bail!("the bridge ended early")
}

/// Reads a subscription's position out of Redis.
pub struct Ledger {
    connection: Connection,
    keys: Vec<String>,
}

impl Ledger {
    pub fn open(server: &RedisServer, topic: &str, partitions: i32) -> Result<Ledger> {
        let keys =
            (0..partitions).map(|p| format!("kafka:ledger:{SUBSCRIPTION}:{topic}/{p}")).collect();
        Ok(Ledger { connection: connect(server.port())?, keys })
    }

    /// The sum of a field over all partitions; absent ones count 0.
    pub fn sum(&mut self, field: &str) -> Result<u64> {
        let mut pipe = redis::pipe();
        for key in &self.keys {
            pipe.cmd("HGET").arg(key).arg(field);
        }
        let values: Vec<Option<u64>> =
            pipe.query(&mut self.connection).context("read the ledger")?;
        Ok(values.into_iter().flatten().sum())
    }
}

pub fn connect(port: u16) -> Result<Connection> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}/"))?;
    client.get_connection().with_context(|| format!("connect to port {port}"))
}

/// Every record must be there once, and the newest entries must be right.
fn verify(lab: &Lab, connection: &mut Connection) -> Result<()> {
    let mut pipe = redis::pipe();
    for sensor in 0..lab.options.streams {
        pipe.cmd("XLEN").arg(format!("history:{}", sensor_key(sensor)));
    }
    let lengths: Vec<u64> = pipe.query(connection).context("XLEN")?;
    let (found, records) = (lengths.iter().sum::<u64>(), lab.options.records);
    ensure!(found == records, "{found} entries in the streams for {records} records");
    let mut seen = HashSet::new();
    for reading in (0..records).rev().map(|seq| Reading::new(seq, lab.options.streams)) {
        if seen.len() == CHECKED_STREAMS {
            break;
        }
        if seen.insert(reading.key()) {
            verify_last(connection, &reading)?;
        }
    }
    Ok(())
}

fn verify_last(connection: &mut Connection, reading: &Reading) -> Result<()> {
    let key = format!("history:{}", reading.key());
    let last: Vec<(String, Vec<(String, String)>)> = redis::cmd("XREVRANGE")
        .arg(&key)
        .arg("+")
        .arg("-")
        .arg("COUNT")
        .arg(1)
        .query(connection)?;
    let (_, fields) = last.first().with_context(|| format!("{key} is empty"))?;
    let wanted = reading.fields().map(|(name, value)| (name.to_string(), value));
    ensure!(*fields == wanted, "{key}: last entry {fields:?}, expected {wanted:?}");
    Ok(())
}
