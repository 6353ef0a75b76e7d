//! Records a second and CPU seconds per million, side by side.

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use crate::lab::Lab;
use crate::quantile::median;
use crate::report::{Bound, Goal, Section, disturbance};
use crate::subject::{Aof, Subject};
use crate::{bare, ingest};

/// One run.
#[derive(Serialize)]
struct Sample {
    subject: Subject,
    aof: Aof,
    records_per_second: f64,
    redis_cpu_per_million: f64,
    bridge_cpu_per_million: f64,
    others: f64,
}

/// The median of a case's runs.
#[derive(Clone, Copy, Serialize)]
struct Case {
    subject: Subject,
    aof: Aof,
    records_per_second: f64,
    best_records_per_second: f64,
    cpu_per_million: f64,
    redis_cpu_per_million: f64,
    bridge_cpu_per_million: f64,
    others: f64,
}

pub fn run(lab: &Lab) -> Result<Section> {
    let topic = lab.readings()?.to_string();
    // Once before the rounds, so that no case is the first to read Kafka's files.
    bare::rate(lab, "bare-warm")?;
    let (mut samples, mut bare) = (Vec::new(), Vec::new());
    for round in 1..=lab.options.rounds {
        // All cases in each round, so that a slow minute hits them alike.
        bare.push(bare::rate(lab, &format!("bare-{round}"))?);
        for aof in Aof::ALL {
            for &subject in &lab.options.subjects {
                let sample = sample(lab, subject, aof)?;
                let rate = sample.records_per_second;
                eprintln!("round {round}: {}, {}: {rate:.0}/s", subject.title(), aof.title());
                samples.push(sample);
            }
        }
    }
    let cases = cases(&samples);
    let mut notes = vec![
        format!(
            "a bare librdkafka consumer that writes nothing: {:.0} records/s",
            median(bare.iter().copied())
        ),
        "others: share of all cores taken by Kafka and by whatever else ran".to_string(),
    ];
    notes.extend(disturbance(samples.iter().map(|sample| sample.others)));
    let title = format!(
        "Throughput: {} JSON records of ~110 bytes in {topic}, {} streams, median of {} rounds",
        lab.options.records, lab.options.streams, lab.options.rounds
    );
    Ok(Section {
        name: "throughput",
        title,
        columns: vec![
            "",
            "records/s",
            "best",
            "x bridge",
            "CPU s/million",
            "x bridge",
            "redis-server",
            "bridge",
            "others",
        ],
        rows: cases.iter().map(|case| row(case, &cases)).collect(),
        notes,
        goals: goals(&cases),
        figures: json!({ "bare_records_per_second": bare, "cases": cases, "samples": samples }),
    })
}

fn sample(lab: &Lab, subject: Subject, aof: Aof) -> Result<Sample> {
    let run = ingest::on_fresh_server(lab, subject, aof)?;
    let millions = lab.options.records as f64 / 1e6;
    Ok(Sample {
        subject,
        aof,
        records_per_second: run.span.rate(),
        redis_cpu_per_million: run.redis_cpu / millions,
        bridge_cpu_per_million: run.bridge_cpu / millions,
        others: run.others,
    })
}

fn cases(samples: &[Sample]) -> Vec<Case> {
    let mut cases = Vec::new();
    for aof in Aof::ALL {
        for subject in Subject::ALL {
            let runs: Vec<&Sample> =
                samples.iter().filter(|s| s.subject == subject && s.aof == aof).collect();
            if runs.is_empty() {
                continue;
            }
            let of = |figure: fn(&Sample) -> f64| median(runs.iter().map(|run| figure(run)));
            let rates = runs.iter().map(|run| run.records_per_second);
            cases.push(Case {
                subject,
                aof,
                records_per_second: of(|s| s.records_per_second),
                best_records_per_second: rates.fold(0.0, f64::max),
                cpu_per_million: of(|s| s.redis_cpu_per_million + s.bridge_cpu_per_million),
                redis_cpu_per_million: of(|s| s.redis_cpu_per_million),
                bridge_cpu_per_million: of(|s| s.bridge_cpu_per_million),
                others: of(|s| s.others),
            });
        }
    }
    cases
}

fn find(cases: &[Case], subject: Subject, aof: Aof) -> Option<Case> {
    cases.iter().find(|case| case.subject == subject && case.aof == aof).copied()
}

fn row(case: &Case, cases: &[Case]) -> Vec<String> {
    let ratio = |figure: fn(&Case) -> f64| match find(cases, Subject::Bridge, case.aof) {
        Some(bridge) => format!("{:.2}", figure(case) / figure(&bridge)),
        None => "-".to_string(),
    };
    vec![
        format!("{}, {}", case.subject.title(), case.aof.title()),
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

fn goals(cases: &[Case]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for aof in Aof::ALL {
        let Some(bridge) = find(cases, Subject::Bridge, aof) else {
            continue;
        };
        if let Some(units) = find(cases, Subject::Units, aof) {
            let speed = units.records_per_second / bridge.records_per_second;
            let cpu = units.cpu_per_million / bridge.cpu_per_million;
            let what = format!("units, {}: ", aof.title());
            goals.push(Goal::new(what.clone() + "speed", Bound::AtLeast(1.5), "x bridge", speed));
            goals.push(Goal::new(what + "CPU", Bound::AtMost(0.65), "x bridge", cpu));
        }
        if let Some(commands) = find(cases, Subject::Commands, aof) {
            let speed = commands.records_per_second / bridge.records_per_second;
            let least = match aof {
                Aof::Off => 1.3,
                Aof::Everysec => 1.0,
            };
            let what = format!("commands, {}: speed", aof.title());
            goals.push(Goal::new(what, Bound::AtLeast(least), "x bridge", speed));
        }
    }
    goals
}
