//! What a subscription costs in memory.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use redis_kafka_tests::server::RedisServer;
use serde::Serialize;
use serde_json::json;

use crate::cpu::resident_bytes;
use crate::ingest::Ledger;
use crate::lab::{DEADLINE, Lab, PARTITIONS, SUBSCRIPTION};
use crate::report::Section;
use crate::subject::{Aof, Subject};

/// Idle subscriptions that share the measured growth.
const IDLE: u64 = 10;
const POLL: Duration = Duration::from_millis(20);
/// Unchanged for this many polls counts as settled.
const SETTLED: u32 = 25;

#[derive(Serialize)]
struct Figures {
    subject: Subject,
    idle_bytes_each: u64,
    loaded_bytes_at_most: u64,
}

pub fn run(lab: &Lab) -> Result<Section> {
    let mut figures = Vec::new();
    for subject in lab.modules() {
        let (idle, loaded) = (idle(lab, subject)?, loaded(lab, subject)?);
        figures.push(Figures { subject, idle_bytes_each: idle, loaded_bytes_at_most: loaded });
    }
    let row = |f: &Figures| {
        vec![f.subject.title().into(), mib(f.idle_bytes_each), mib(f.loaded_bytes_at_most)]
    };
    Ok(Section {
        name: "memory",
        title: "Memory of a subscription: growth of redis-server's RSS, MiB".to_string(),
        columns: vec!["", "idle, each", "at full speed, at most"],
        rows: figures.iter().map(row).collect(),
        notes: vec![
            format!("idle: {IDLE} subscriptions of one empty partition"),
            format!(
                "full speed: {PARTITIONS} partitions into {} small hashes (in the figure)",
                lab.options.streams
            ),
        ],
        goals: Vec::new(),
        figures: json!(figures),
    })
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / (1024.0 * 1024.0))
}

fn idle(lab: &Lab, subject: Subject) -> Result<u64> {
    let (topic, brokers) = (lab.kafka.topic("idle", 1), lab.kafka.brokers());
    let server = lab.server(subject, Aof::Off);
    let before = settled(&server)?;
    for n in 0..IDLE {
        server.ok(&format!("KAFKA.SUBSCRIBE idle{n} TOPIC {topic} BROKERS {brokers}"));
        server.ok(&format!("KAFKA.ROUTE route{n} FROM idle{n} TO STREAM \"history:%{{sensor}}\""));
    }
    for n in 0..IDLE {
        server.wait_state(&format!("idle{n}"), "running");
    }
    Ok(settled(&server)?.saturating_sub(before) / IDLE)
}

/// RSS once it no longer moves.
fn settled(server: &RedisServer) -> Result<u64> {
    let start = Instant::now();
    let (mut last, mut same) = (0, 0);
    while same < SETTLED {
        let now = resident_bytes(server.pid())?;
        same = if now.abs_diff(last) <= 64 * 1024 { same + 1 } else { 0 };
        last = now;
        ensure!(start.elapsed() < DEADLINE, "the memory does not settle");
        std::thread::sleep(POLL);
    }
    Ok(last)
}

/// The most that consuming at full speed adds. Hashes that are overwritten
/// keep the data small.
fn loaded(lab: &Lab, subject: Subject) -> Result<u64> {
    let (topic, brokers) = (lab.readings()?, lab.kafka.brokers());
    let server = lab.server(subject, Aof::Off);
    let before = settled(&server)?;
    server.ok(&format!("KAFKA.SUBSCRIBE {SUBSCRIPTION} TOPIC {topic} BROKERS {brokers} PAUSED"));
    server.ok(&format!("KAFKA.ROUTE latest FROM {SUBSCRIPTION} TO HASH \"latest:%{{sensor}}\""));
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    let mut ledger = Ledger::open(&server, topic, PARTITIONS)?;
    let (start, mut most) = (Instant::now(), 0);
    while ledger.sum("applied")? < lab.options.records {
        most = most.max(resident_bytes(server.pid())?);
        ensure!(
            start.elapsed() < DEADLINE,
            "not consumed in {DEADLINE:?}: {}",
            server.text("KAFKA.LIST")
        );
        std::thread::sleep(POLL);
    }
    Ok(most.saturating_sub(before))
}
