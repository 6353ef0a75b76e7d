//! Instructions and allocations a record, of the engine's side of every case.
//!
//! `counts` runs each case in a process of its own under valgrind, twice, and takes the
//! difference; what a program does before its records is not counted so. Compared with
//! the committed `baseline.tsv`, of the same compiler and processor architecture:
//! instructions do not depend on load, but they do on these.

use redis_kafka_records_bench::{cases, way};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.tsv");

/// So much above the baseline is a failure.
const TOLERANCE: f64 = 0.03;

/// Records of the shorter run; also what is run before allocations are counted.
const SHORT: u64 = 10 * way::UNIT as u64;
/// Records of the longer run.
const LONG: u64 = 10 * SHORT;

/// What one record costs.
#[derive(Clone, Copy)]
struct Cost {
    instructions: f64,
    /// Of all records of the longer run.
    allocations: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let done = match &arguments[..] {
        [name, records] => records
            .parse()
            .map_err(|_| format!("counts: {records} is no number of records"))
            .and_then(|records| run(name, records)),
        [] => all(),
        _ => Err("counts [CASE RECORDS]: all cases under valgrind, or one as it is".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one case and prints how often it allocated once its buffers had grown.
fn run(name: &str, records: u64) -> Result<(), String> {
    let case = cases().find(|case| case.name == name);
    let mut run = (case.ok_or_else(|| format!("counts: no case '{name}'"))?.ours)();
    for _ in 0..records.min(SHORT) {
        std::hint::black_box(run());
    }
    let steady = allocation_counter::measure(|| {
        for _ in SHORT..records {
            std::hint::black_box(run());
        }
    });
    println!("{}", steady.count_total);
    Ok(())
}

fn all() -> Result<(), String> {
    let baseline = if update() { HashMap::new() } else { baseline()? };
    let (mut table, mut failures) = (String::from("case\tinstructions\tallocations\n"), Vec::new());
    println!(
        "{:<28} {:>12} {:>12} {:>8} {:>12}",
        "case", "instructions", "baseline", "change", "allocations"
    );
    for case in cases() {
        let cost = cost(case.name)?;
        let _ = writeln!(table, "{}\t{:.0}\t{}", case.name, cost.instructions, cost.allocations);
        let known = baseline.get(case.name).copied();
        print_row(case.name, cost, known);
        if cost.allocations > 0 {
            failures.push(format!("{}: {} allocations", case.name, cost.allocations));
        }
        match known {
            Some(known) if cost.instructions > known * (1.0 + TOLERANCE) => failures.push(format!(
                "{}: {:.0} instructions a record, {known:.0} in the baseline",
                case.name, cost.instructions
            )),
            None if !update() => failures.push(format!("{}: not in the baseline", case.name)),
            _ => {}
        }
    }
    if update() {
        std::fs::write(BASELINE, table).map_err(|error| format!("{BASELINE}: {error}"))?;
        println!("written to {BASELINE}");
    }
    match failures.is_empty() {
        true => Ok(()),
        false => Err(format!("counts: worse than it was:\n  {}", failures.join("\n  "))),
    }
}

fn update() -> bool {
    std::env::var("UPDATE_BASELINE").is_ok_and(|value| value == "1")
}

fn print_row(name: &str, cost: Cost, known: Option<f64>) {
    let (baseline, change) = match known {
        Some(known) => {
            (format!("{known:.0}"), format!("{:+.1} %", (cost.instructions / known - 1.0) * 100.0))
        }
        None => Default::default(),
    };
    println!(
        "{name:<28} {:>12.0} {baseline:>12} {change:>8} {:>12}",
        cost.instructions, cost.allocations
    );
}

/// The instructions of each case.
fn baseline() -> Result<HashMap<String, f64>, String> {
    let wrong = |what: String| format!("{BASELINE}: {what}; UPDATE_BASELINE=1 writes it anew");
    let text = std::fs::read_to_string(Path::new(BASELINE)).map_err(|e| wrong(e.to_string()))?;
    let row = |line: &str| {
        let mut columns = line.split('\t');
        let (name, instructions) = (columns.next()?, columns.next()?);
        Some((name.to_owned(), instructions.parse().ok()?))
    };
    let rows = text.lines().skip(1);
    rows.map(|line| row(line).ok_or_else(|| wrong(format!("'{line}' is no row")))).collect()
}

fn cost(name: &str) -> Result<Cost, String> {
    let (short, _) = measured(name, SHORT)?;
    let (long, allocations) = measured(name, LONG)?;
    Ok(Cost { instructions: (long as f64 - short as f64) / (LONG - SHORT) as f64, allocations })
}

/// Instructions of a run as valgrind counts them, and the allocations it printed.
fn measured(name: &str, records: u64) -> Result<(u64, u64), String> {
    let program = std::env::current_exe().map_err(|error| format!("counts: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(program)
        .args([name, &records.to_string()])
        .output()
        .map_err(|error| format!("counts: valgrind: {error} (apt-get install valgrind)"))?;
    let log = String::from_utf8_lossy(&output.stderr);
    let refs = log.lines().find_map(|line| line.split_once(" refs:"));
    let refs = refs.and_then(|(_, number)| number.trim().replace(',', "").parse().ok());
    let allocations = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
    match (output.status.success(), refs, allocations) {
        (true, Some(refs), Some(allocations)) => Ok((refs, allocations)),
        _ => Err(format!("counts: {name}: valgrind failed:\n{log}")),
    }
}
