//! One table a measurement, the goals beside what was reached, and the same as JSON.

use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use crate::lab::Lab;
use crate::subject::Socket;

/// A figure the project set out to reach.
#[derive(Serialize)]
pub struct Goal {
    pub what: String,
    pub bound: Bound,
    pub unit: &'static str,
    /// NaN (JSON null) when there was nothing to measure.
    pub reached: f64,
    pub met: bool,
}

/// Which way is better, and how far to go.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    pub fn new(what: impl Into<String>, bound: Bound, unit: &'static str, reached: f64) -> Goal {
        let met = match bound {
            Bound::AtLeast(limit) => reached >= limit,
            Bound::AtMost(limit) => reached <= limit,
        };
        Goal { what: what.into(), bound, unit, reached, met }
    }

    fn cells(&self) -> Vec<String> {
        let (sign, limit) = match self.bound {
            Bound::AtLeast(limit) => (">=", limit),
            Bound::AtMost(limit) => ("<=", limit),
        };
        vec![
            self.what.clone(),
            format!("{sign} {limit:.2} {}", self.unit),
            format!("{:.2} {}", self.reached, self.unit),
            if self.met { "reached" } else { "NOT REACHED" }.to_string(),
        ]
    }
}

/// The share of the machine beside the measured processes that is called a
/// disturbance. Kafka takes 2 to 12 %.
const DISTURBED: f64 = 0.2;

/// A note when something else ran beside the measured processes: `others` is
/// each run's share of the machine (0 to 1) that went elsewhere, Kafka included.
pub fn disturbance(others: impl Iterator<Item = f64>) -> Option<String> {
    let others: Vec<f64> = others.collect();
    let disturbed = others.iter().filter(|&&share| share > DISTURBED).count();
    (disturbed > 0).then(|| {
        let (of, percent) = (others.len(), DISTURBED * 100.0);
        format!("DISTURBED: others took more than {percent:.0} % in {disturbed} of {of} runs; repeat on a quiet machine")
    })
}

/// One measurement's results.
#[derive(Serialize)]
pub struct Section {
    pub name: &'static str,
    pub title: String,
    #[serde(skip)]
    pub columns: Vec<&'static str>,
    #[serde(skip)]
    pub rows: Vec<Vec<String>>,
    pub notes: Vec<String>,
    pub goals: Vec<Goal>,
    pub figures: Value,
}

impl Section {
    pub fn print(&self) {
        println!("\n{}", self.title);
        print_table(&self.columns, &self.rows);
        for note in &self.notes {
            println!("  {note}");
        }
    }
}

/// What is written to `--json`.
#[derive(Serialize)]
pub struct Report {
    machine: Machine,
    records: u64,
    streams: u64,
    rounds: u32,
    bridge_socket: Socket,
    /// None: the module's default.
    unit: Option<u32>,
    sections: Vec<Section>,
}

#[derive(Serialize)]
struct Machine {
    cores: usize,
    kernel: String,
    redis: String,
    kafka: &'static str,
    at: String,
}

impl Report {
    pub fn new(lab: &Lab) -> Result<Report> {
        let machine = Machine {
            cores: std::thread::available_parallelism().context("cores")?.get(),
            kernel: output("uname", &["-sr"])?,
            redis: output("redis-server", &["--version"])?,
            kafka: "Apache Kafka 4.1.1, KRaft, one broker",
            at: output("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"])?,
        };
        println!("{} cores, {}, {}", machine.cores, machine.kernel, machine.at);
        println!("{}; {}", machine.redis, machine.kafka);
        let options = &lab.options;
        Ok(Report {
            machine,
            records: options.records,
            streams: options.streams,
            rounds: options.rounds,
            bridge_socket: options.bridge_socket,
            unit: options.unit,
            sections: Vec::new(),
        })
    }

    pub fn add(&mut self, section: Section) {
        self.sections.push(section);
    }

    pub fn print_goals(&self) {
        let goals: Vec<&Goal> = self.sections.iter().flat_map(|section| &section.goals).collect();
        if goals.is_empty() {
            return;
        }
        println!("\nGoals");
        let rows: Vec<Vec<String>> = goals.iter().map(|goal| goal.cells()).collect();
        print_table(&["figure", "goal", "measured", ""], &rows);
        let met = goals.iter().filter(|goal| goal.met).count();
        println!("  {met} of {} reached", goals.len());
    }
}

fn output(program: &str, args: &[&str]) -> Result<String> {
    let output = Command::new(program).args(args).output().with_context(|| program.to_string())?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// The first column to the left, the others to the right.
fn print_table(columns: &[&str], rows: &[Vec<String>]) {
    let width = |n: usize| {
        let cells = rows.iter().filter_map(|row| row.get(n)).map(|cell| cell.chars().count());
        cells.chain([columns[n].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let mut text = String::new();
        for (n, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            text += &if n == 0 { format!("  {cell:<width$}") } else { format!("  {cell:>width$}") };
        }
        println!("{}", text.trim_end());
    };
    line(columns.to_vec());
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
}
