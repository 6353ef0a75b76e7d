//! `make bench`: what redis-kafka reaches end to end, on a real Kafka and a
//! real redis-server, beside the best external bridge a user could write.
//! Compare the figures of one run with each other, never with another run's.

mod bare;
mod bridge;
mod comparison;
mod cpu;
mod fold;
mod foreign;
mod generator;
mod ingest;
mod lab;
mod latency;
mod memory;
mod native;
mod pace;
mod position;
mod quantile;
mod report;
mod restart;
mod subject;
mod target;
mod targets;
mod throughput;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::lab::Lab;
use crate::report::{Report, Section};
use crate::subject::{Socket, Subject};
use crate::target::Target;

/// End-to-end measurements of redis-kafka, side by side in one run.
#[derive(Parser)]
#[command(name = "redis-kafka-bench", version)]
struct Cli {
    #[command(subcommand)]
    measurement: Option<Measurement>,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand, Clone)]
enum Measurement {
    /// Records/s and CPU seconds per million: module and bridge, AOF off and everysec
    Throughput,
    /// The same of each target, and of a join, AOF off
    Targets,
    /// Latency of another client's GET while the module ingests at full speed
    Foreign,
    /// From produce to a blocked XREAD at a steady rate, beside a bare consumer
    Latency,
    /// From Redis's first PONG after kill -9 to the first new record applied
    Restart,
    /// Memory of a subscription, idle and under full load
    Memory,
    /// Everything (the default)
    All,
    /// The bridge itself, started by the other measurements
    #[command(hide = true)]
    Bridge(bridge::BridgeArgs),
}

/// What all measurements share.
#[derive(Args, Clone)]
pub struct Options {
    /// Records in the preloaded topic
    #[arg(long, global = true, default_value_t = 3_000_000, value_parser = clap::value_parser!(u64).range(1000..))]
    records: u64,
    /// Repetitions of each case; the median is reported
    #[arg(long, global = true, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Streams (of `targets`: keys) the records are spread over
    #[arg(long, global = true, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    streams: u64,
    /// Seconds of each case of `latency`
    #[arg(long, global = true, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// What to measure
    #[arg(long, global = true, value_enum, value_delimiter = ',', default_values_t = Subject::ALL)]
    subjects: Vec<Subject>,
    /// What `targets` measures
    #[arg(long, global = true, value_enum, value_delimiter = ',', default_values_t = Target::ALL)]
    targets: Vec<Target>,
    /// How the external bridge reaches Redis
    #[arg(long, global = true, value_enum, default_value = "tcp")]
    bridge_socket: Socket,
    /// The module to load
    #[arg(long, global = true, value_name = "FILE", env = "REDIS_KAFKA_MODULE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/libredis_kafka.so"))]
    module: PathBuf,
    /// Records a unit at most; the module's own default without it
    #[arg(long, global = true, value_name = "RECORDS")]
    unit: Option<u32>,
    /// Also write all figures to this file
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let measurement = cli.measurement.unwrap_or(Measurement::All);
    if let Measurement::Bridge(args) = &measurement {
        return bridge::run(args);
    }
    let json = cli.options.json.clone();
    let lab = Lab::open(cli.options)?;
    let mut report = Report::new(&lab)?;
    for part in parts(&measurement) {
        let section = part(&lab)?;
        section.print();
        report.add(section);
    }
    report.print_goals();
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&report).context("write JSON")?;
        std::fs::write(&path, text + "\n").with_context(|| path.display().to_string())?;
    }
    Ok(())
}

type Part = fn(&Lab) -> Result<Section>;

fn parts(measurement: &Measurement) -> Vec<Part> {
    match measurement {
        Measurement::Throughput => vec![throughput::run],
        Measurement::Targets => vec![targets::run],
        Measurement::Foreign => vec![foreign::run],
        Measurement::Latency => vec![latency::run],
        Measurement::Restart => vec![restart::run],
        Measurement::Memory => vec![memory::run],
        Measurement::All => {
            let speed: [Part; 2] = [throughput::run, targets::run];
            let rest: [Part; 4] = [foreign::run, latency::run, restart::run, memory::run];
            speed.into_iter().chain(rest).collect()
        }
        Measurement::Bridge(_) => Vec::new(),
    }
}
