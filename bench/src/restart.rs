//! How long nothing flows after a kill -9.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rdkafka::producer::Producer;
use redis_kafka_tests::server::RedisServer;
use serde::Serialize;
use serde_json::json;

use crate::generator::{Reading, sensor_key};
use crate::ingest::{self, Ledger};
use crate::lab::{DEADLINE, HISTORY, Lab, send};
use crate::pace::at_rate;
use crate::quantile::median;
use crate::report::{Bound, Goal, Section};
use crate::subject::{Aof, Subject};

/// Records a second while Redis is killed.
const RATE: u32 = 5000;
/// Records applied before the kill.
const BEFORE: u64 = 2 * RATE as u64;
const STEP: Duration = Duration::from_micros(500);

#[derive(Serialize)]
struct Case {
    subject: Subject,
    /// Seconds from the first answer (the bridge: from its start) to the first
    /// new record, one a round.
    stalls: Vec<f64>,
}

pub fn run(lab: &Lab) -> Result<Section> {
    let mut cases = Vec::new();
    for &subject in &lab.options.subjects {
        // A stalled consumer group costs its whole session time-out: once is enough.
        let rounds = if subject.takes_commands() { lab.options.rounds } else { 1 };
        let stalls: Result<Vec<f64>> = (0..rounds).map(|_| stall(lab, subject)).collect();
        cases.push(Case { subject, stalls: stalls.with_context(|| subject.title())? });
    }
    Ok(Section {
        name: "restart",
        title: format!("First new record after kill -9 and restart, AOF everysec, load of {RATE} records/s, s"),
        columns: vec!["", "median", "max", "rounds"],
        rows: cases.iter().map(row).collect(),
        notes: vec![
            "module: redis-server killed, from its first PONG; sidecar, bridge: it alone killed, from its start".into(),
        ],
        goals: cases.iter().filter(|case| case.subject.takes_commands()).map(goal).collect(),
        figures: json!(cases),
    })
}

fn row(case: &Case) -> Vec<String> {
    vec![
        case.subject.title().to_string(),
        format!("{:.3}", median(case.stalls.iter().copied())),
        format!("{:.3}", longest(case)),
        case.stalls.len().to_string(),
    ]
}

fn goal(case: &Case) -> Goal {
    let (from, most) = match case.subject {
        Subject::Sidecar => ("start", 3.0),
        _ => ("PONG", 1.0),
    };
    let what = format!("{from} to first record, {}: longest", case.subject.title());
    Goal::new(what, Bound::AtMost(most), "s", longest(case))
}

fn longest(case: &Case) -> f64 {
    case.stalls.iter().copied().fold(f64::NAN, f64::max)
}

fn stall(lab: &Lab, subject: Subject) -> Result<f64> {
    let topic = lab.kafka.topic("restart", 1);
    let mut server = lab.server(subject, Aof::Everysec);
    let load = Load::start(lab, &topic)?;
    let stall = match subject {
        Subject::Units | Subject::Commands => module_stall(lab, &mut server, &topic),
        Subject::Sidecar => sidecar_stall(lab, &mut server, &topic),
        Subject::Bridge | Subject::Transactions | Subject::Client => {
            bridge_stall(lab, &server, subject, &topic)
        }
    };
    load.stop()?;
    Ok(stall?.as_secs_f64())
}

fn module_stall(lab: &Lab, server: &mut RedisServer, topic: &str) -> Result<Duration> {
    lab.subscribe(server, topic, HISTORY);
    let mut ledger = Ledger::open(server, topic, 1)?;
    until("records before the kill", || Ok(ledger.sum("next")? > BEFORE))?;
    server.kill();
    server.launch_again();
    until("Redis to answer", || Ok(answers(server.port())))?;
    let answered = Instant::now();
    let mut ledger = Ledger::open(server, topic, 1)?;
    let loaded = ledger.sum("next")?;
    ensure!(loaded > 0, "the ledger is empty after the restart");
    until("the first new record", || Ok(ledger.sum("next")? > loaded))?;
    Ok(answered.elapsed())
}

/// The sidecar alone is killed and started, with its Redis up.
fn sidecar_stall(lab: &Lab, server: &mut RedisServer, topic: &str) -> Result<Duration> {
    lab.subscribe(server, topic, HISTORY);
    let mut ledger = Ledger::open(server, topic, 1)?;
    until("records before the kill", || Ok(ledger.sum("next")? > BEFORE))?;
    server.sidecar().kill();
    let before = ledger.sum("next")?;
    let started = Instant::now();
    server.restart_sidecar();
    until("the first new record", || Ok(ledger.sum("next")? > before))?;
    Ok(started.elapsed())
}

/// Whether the server answers PING (an error while it loads).
fn answers(port: u16) -> bool {
    let Ok(mut connection) = ingest::connect(port) else {
        return false;
    };
    redis::cmd("PING").exec(&mut connection).is_ok()
}

fn bridge_stall(
    lab: &Lab,
    server: &RedisServer,
    subject: Subject,
    topic: &str,
) -> Result<Duration> {
    let mut connection = ingest::connect(server.port())?;
    let key = format!("history:{}", sensor_key(0));
    let mut length = move || -> Result<u64> {
        redis::cmd("XLEN").arg(&key).query(&mut connection).context("XLEN")
    };
    let bridge = lab.bridge(server, subject, topic, None, None)?;
    until("records before the kill", || Ok(length()? > BEFORE))?;
    drop(bridge);
    let before = length()?;
    let _bridge = lab.bridge(server, subject, topic, None, None)?;
    let started = Instant::now();
    until("the first new record", || Ok(length()? > before))?;
    Ok(started.elapsed())
}

fn until(what: &str, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !condition()? {
        ensure!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}");
        std::thread::sleep(STEP);
    }
    Ok(())
}

/// A producer that goes on whatever happens to Redis.
struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Load {
    fn start(lab: &Lab, topic: &str) -> Result<Load> {
        let producer = lab.producer(&[("linger.ms", "5")])?;
        let (topic, stop) = (topic.to_string(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut outcome = Ok(());
            at_rate(RATE, |seq| {
                let reading = Reading::new(seq, 1);
                outcome = send(&producer, &topic, 0, &reading.key(), &reading.json());
                producer.poll(Duration::ZERO);
                outcome.is_ok() && !stopped.load(Ordering::Relaxed)
            });
            outcome?;
            producer.flush(DEADLINE).context("flush")
        });
        Ok(Load { stop, thread })
    }

    fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the producer panicked"))?
    }
}
