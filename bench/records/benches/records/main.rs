//! Every comparison of the record path in one run: criterion's statistics of each side, then
//! a table of ratios. `cargo bench -- --table` prints the table alone.

use criterion::Criterion;
use redis_kafka_records_bench::{Case, Library, Run, cases};
use std::time::{Duration, Instant};

/// Criterion's own time for each side of each case.
const SECONDS: Duration = Duration::from_secs(2);

/// Batches a side of the table: the fastest counts, as whatever disturbs only adds time.
const BATCHES: usize = 200;

/// How long a batch takes, about.
const BATCH: Duration = Duration::from_millis(2);

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--table") {
        let mut criterion = Criterion::default()
            .warm_up_time(SECONDS / 4)
            .measurement_time(SECONDS)
            .configure_from_args();
        for case in cases() {
            let mut group = criterion.benchmark_group(case.name);
            let mut ours = (case.ours)();
            group.bench_function("redis-kafka", |bencher| bencher.iter(&mut ours));
            for library in case.theirs {
                let mut theirs = (library.run)();
                group.bench_function(library.name, |bencher| bencher.iter(&mut theirs));
            }
            group.finish();
        }
        criterion.final_summary();
    }
    println!(
        "\n{:<28} {:>9} {:>9} {:>7} {:>7}  compared with",
        "case", "ours", "theirs", "ratio", "target"
    );
    for case in cases() {
        for library in case.theirs {
            row(case, library);
        }
    }
    println!("Nanoseconds a record: the fastest of {BATCHES} batches of each side in turn.");
}

fn row(case: &Case, library: &Library) {
    let (mut ours, mut theirs) = (Side::new((case.ours)()), Side::new((library.run)()));
    for _ in 0..BATCHES {
        ours.batch();
        theirs.batch();
    }
    let (ours, theirs) = (ours.fastest, theirs.fastest);
    let (ratio, target) = (theirs / ours, case.target);
    let verdict = if ratio < target { "  missed" } else { "" };
    println!(
        "{:<28} {ours:>9.1} {theirs:>9.1} {ratio:>6.1}x {target:>6.1}x  {}{verdict}",
        case.name, library.name
    );
}

/// One side of a case, measured in batches.
struct Side {
    run: Run,
    rounds: u32,
    /// Nanoseconds a record.
    fastest: f64,
}

impl Side {
    fn new(run: Run) -> Side {
        let mut side = Side { run, rounds: 1, fastest: f64::INFINITY };
        while side.time() < BATCH {
            side.rounds *= 2;
        }
        side
    }

    fn time(&mut self) -> Duration {
        let start = Instant::now();
        for _ in 0..self.rounds {
            std::hint::black_box((self.run)());
        }
        start.elapsed()
    }

    fn batch(&mut self) {
        let each = self.time().as_secs_f64() * 1e9 / f64::from(self.rounds);
        self.fastest = self.fastest.min(each);
    }
}
