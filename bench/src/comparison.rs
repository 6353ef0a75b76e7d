//! Subjects side by side under several conditions: samples of all rounds,
//! their medians, and the table of records a second and CPU beside the bridge.

use serde::Serialize;

use crate::ingest::Ingest;
use crate::quantile::median;
use crate::report::disturbance;
use crate::subject::{Aof, Subject};
use crate::target::Target;

/// What the subjects are compared under.
pub trait Condition: Copy + PartialEq + Serialize {
    fn title(self) -> &'static str;
}

impl Condition for Aof {
    fn title(self) -> &'static str {
        Aof::title(self)
    }
}

impl Condition for Target {
    fn title(self) -> &'static str {
        Target::title(self)
    }
}

/// One run.
#[derive(Serialize)]
struct Sample<C> {
    subject: Subject,
    condition: C,
    records_per_second: f64,
    redis_cpu_per_million: f64,
    bridge_cpu_per_million: f64,
    others: f64,
}

/// The median of a case's runs.
#[derive(Clone, Copy, Serialize)]
pub struct Case<C> {
    pub subject: Subject,
    pub condition: C,
    pub records_per_second: f64,
    best_records_per_second: f64,
    pub cpu_per_million: f64,
    redis_cpu_per_million: f64,
    bridge_cpu_per_million: f64,
    others: f64,
}

/// All runs of a measurement.
#[derive(Serialize)]
pub struct Samples<C>(Vec<Sample<C>>);

impl<C: Condition> Samples<C> {
    pub fn new() -> Samples<C> {
        Samples(Vec::new())
    }

    /// Takes down a run of `records` records, and says so.
    pub fn add(&mut self, round: u32, subject: Subject, condition: C, records: u64, run: &Ingest) {
        let (rate, millions) = (run.span.rate(), records as f64 / 1e6);
        eprintln!("round {round}: {}, {}: {rate:.0}/s", subject.title(), condition.title());
        self.0.push(Sample {
            subject,
            condition,
            records_per_second: rate,
            redis_cpu_per_million: run.redis_cpu / millions,
            bridge_cpu_per_million: run.bridge_cpu / millions,
            others: run.others,
        });
    }

    /// The medians, in the order in which the cases first ran.
    pub fn cases(&self) -> Vec<Case<C>> {
        let mut cases: Vec<Case<C>> = Vec::new();
        for sample in &self.0 {
            if find(&cases, sample.subject, sample.condition).is_none() {
                cases.push(self.case(sample.subject, sample.condition));
            }
        }
        cases
    }

    fn case(&self, subject: Subject, condition: C) -> Case<C> {
        let runs =
            || self.0.iter().filter(move |s| s.subject == subject && s.condition == condition);
        let of = |figure: fn(&Sample<C>) -> f64| median(runs().map(figure));
        Case {
            subject,
            condition,
            records_per_second: of(|s| s.records_per_second),
            best_records_per_second: runs().map(|s| s.records_per_second).fold(0.0, f64::max),
            cpu_per_million: of(|s| s.redis_cpu_per_million + s.bridge_cpu_per_million),
            redis_cpu_per_million: of(|s| s.redis_cpu_per_million),
            bridge_cpu_per_million: of(|s| s.bridge_cpu_per_million),
            others: of(|s| s.others),
        }
    }

    /// What is to be said of all runs.
    pub fn notes(&self) -> Vec<String> {
        let mut notes =
            vec!["others: share of all cores taken by Kafka and by whatever else ran".to_string()];
        notes.extend(disturbance(self.0.iter().map(|sample| sample.others)));
        notes
    }
}

pub fn find<C: Condition>(cases: &[Case<C>], subject: Subject, condition: C) -> Option<Case<C>> {
    cases.iter().find(|case| case.subject == subject && case.condition == condition).copied()
}

pub const COLUMNS: [&str; 9] = [
    "",
    "records/s",
    "best",
    "x bridge",
    "CPU s/million",
    "x bridge",
    "redis-server",
    "bridge",
    "others",
];

/// The cells of [`COLUMNS`].
pub fn row<C: Condition>(name: String, case: &Case<C>, cases: &[Case<C>]) -> Vec<String> {
    let ratio = |figure: fn(&Case<C>) -> f64| match find(cases, Subject::Bridge, case.condition) {
        Some(bridge) => format!("{:.2}", figure(case) / figure(&bridge)),
        None => "-".to_string(),
    };
    vec![
        name,
        format!("{:.0}", case.records_per_second),
        format!("{:.0}", case.best_records_per_second),
        ratio(|case| case.records_per_second),
        format!("{:.2}", case.cpu_per_million),
        ratio(|case| case.cpu_per_million),
        format!("{:.2}", case.redis_cpu_per_million),
        format!("{:.2}", case.bridge_cpu_per_million),
        format!("{:.0} %", case.others * 100.0),
    ]
}
