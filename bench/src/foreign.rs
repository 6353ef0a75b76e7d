//! What another client of the same Redis feels during full-speed ingest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use redis_kafka_tests::server::RedisServer;
use serde::Serialize;
use serde_json::json;

use crate::cpu::Machine;
use crate::ingest::{self, Span};
use crate::lab::Lab;
use crate::quantile::Spread;
use crate::report::{Bound, Goal, Section, disturbance};
use crate::subject::{Aof, Subject};

/// Between a reply and the next GET.
const PAUSE: Duration = Duration::from_micros(300);
const IDLE: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Case {
    what: String,
    records_per_second: f64,
    get_ms: Spread,
    others: f64,
    #[serde(skip)]
    subject: Option<Subject>,
}

pub fn run(lab: &Lab) -> Result<Section> {
    lab.readings()?;
    let mut cases = vec![idle(lab)?];
    for &subject in &lab.options.subjects {
        for aof in Aof::ALL {
            cases.push(during_ingest(lab, subject, aof)?);
        }
    }
    let pause = PAUSE.as_micros();
    let mut notes = vec![format!("one connection, {pause} us between a reply and the next GET")];
    notes.extend(disturbance(cases.iter().map(|case| case.others)));
    Ok(Section {
        name: "foreign",
        title: "Another client's GET during full-speed ingest, ms".to_string(),
        columns: vec!["", "p50", "p99", "p99.9", "max", "GETs", "records/s"],
        rows: cases.iter().map(row).collect(),
        notes,
        goals: goals(&cases),
        figures: json!(cases),
    })
}

fn idle(lab: &Lab) -> Result<Case> {
    let server = lab.server(Subject::Bridge, Aof::Off);
    let probe = Probe::start(&server)?;
    let (start, machine) = (Instant::now(), Machine::watch()?);
    std::thread::sleep(IDLE);
    let span = Span { start, end: Instant::now(), records: 0 };
    let get_ms = probe.finish(&span)?;
    Ok(Case {
        what: "idle server".to_string(),
        records_per_second: 0.0,
        get_ms,
        others: machine.taken_by_others(0.0)?,
        subject: None,
    })
}

fn during_ingest(lab: &Lab, subject: Subject, aof: Aof) -> Result<Case> {
    let server = lab.server(subject, aof);
    let probe = Probe::start(&server)?;
    let run = ingest::run(lab, &server, subject)?;
    let get_ms = probe.finish(&run.span)?;
    let what = format!("{}, {}", subject.title(), aof.title());
    Ok(Case {
        what,
        records_per_second: run.span.rate(),
        get_ms,
        others: run.others,
        subject: Some(subject),
    })
}

fn row(case: &Case) -> Vec<String> {
    let mut row = vec![case.what.clone()];
    row.extend(case.get_ms.cells());
    row.push(format!("{:.0}", case.records_per_second));
    row
}

fn goals(cases: &[Case]) -> Vec<Goal> {
    let of_module = |case: &&Case| case.subject.is_some_and(|s| s.propagation().is_some());
    let goals = cases.iter().filter(of_module).flat_map(|case| {
        let what = format!("GET during ingest, {}: ", case.what);
        [
            Goal::new(what.clone() + "p50", Bound::AtMost(1.0), "ms", case.get_ms.p50),
            Goal::new(what + "p99", Bound::AtMost(5.0), "ms", case.get_ms.p99),
        ]
    });
    goals.collect()
}

/// A client that GETs one key again and again.
struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<(Instant, Duration)>>>,
}

impl Probe {
    fn start(server: &RedisServer) -> Result<Probe> {
        let mut connection = ingest::connect(server.port())?;
        redis::cmd("SET").arg("probe").arg("value").exec(&mut connection).context("SET")?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut latencies = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let sent = Instant::now();
                redis::cmd("GET").arg("probe").exec(&mut connection).context("GET")?;
                latencies.push((sent, sent.elapsed()));
                std::thread::sleep(PAUSE);
            }
            Ok(latencies)
        });
        Ok(Probe { stop, thread })
    }

    /// The latencies of the GETs sent in the span.
    fn finish(self, span: &Span) -> Result<Spread> {
        self.stop.store(true, Ordering::Relaxed);
        let latencies = self.thread.join().map_err(|_| anyhow!("the GET thread panicked"))??;
        let inside =
            latencies.into_iter().filter(|(sent, _)| (span.start..span.end).contains(sent));
        Ok(Spread::of(inside.map(|(_, latency)| latency)))
    }
}
