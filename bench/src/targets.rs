//! Each target, and a join, beside the bridge that writes the same with
//! pipelined commands.

use anyhow::{Context, Result};
use redis::Connection;
use serde_json::json;

use crate::comparison::{COLUMNS, Case, Samples, find, row};
use crate::fold::Fold;
use crate::ingest::{self, Ingest, Work};
use crate::lab::Lab;
use crate::report::{Bound, Goal, Section};
use crate::subject::{Aof, Subject};
use crate::target::{Needs, Target, subjects};
use crate::{bare, fold};

pub fn run(lab: &Lab) -> Result<Section> {
    let (topic, records) = (lab.positions()?, lab.options.records);
    let fold = Fold::of(records, lab.options.streams);
    // Once before the rounds, so that no case is the first to read Kafka's files.
    bare::rate(lab, topic, "bare-positions")?;
    let mut samples = Samples::new();
    for round in 1..=lab.options.rounds {
        // All cases in each round, so that a slow minute hits them alike.
        for &target in &lab.options.targets {
            for subject in subjects(&lab.options.subjects, target) {
                let run = sample(lab, &fold, target, subject)
                    .with_context(|| format!("{}, {}", target.title(), subject.title()))?;
                samples.add(round, subject, target, records, &run);
            }
        }
    }
    let cases = samples.cases();
    let mut notes = vec![
        "without an append-only file the module propagates nothing: one way of propagation is run"
            .to_string(),
    ];
    if lab.options.targets.contains(&Target::Json) {
        notes.push("JSON: both on Redis Stack's redis-server 7.4.1".to_string());
    }
    notes.extend(samples.notes());
    let title = format!(
        "Targets: {records} JSON records of ~110 bytes in {topic}, {} keys, AOF off, median of {} rounds",
        lab.options.streams, lab.options.rounds
    );
    let name =
        |case: &Case<Target>| format!("{}, {}", case.condition.title(), case.subject.title());
    Ok(Section {
        name: "targets",
        title,
        columns: COLUMNS.to_vec(),
        rows: cases.iter().map(|case| row(name(case), case, &cases)).collect(),
        notes,
        goals: cases.iter().flat_map(|case| goals(case, &cases)).collect(),
        figures: json!({ "cases": cases, "samples": samples }),
    })
}

fn sample(lab: &Lab, fold: &Fold, target: Target, subject: Subject) -> Result<Ingest> {
    let setup = lab.setup(subject, Aof::Off);
    let server = match target.needs() {
        Needs::Redis => setup.start(),
        Needs::RedisStack => setup.stack().start(),
    };
    if target == Target::Join {
        fold::fill_table(&mut ingest::connect(server.port())?, lab.options.streams)?;
    }
    let verify = |connection: &mut Connection| fold.verify(connection, target);
    let topic = lab.positions()?;
    let work = Work { topic, route: target.route(), target: Some(target), verify: &verify };
    ingest::run_work(lab, &server, subject, &work)
}

fn goals(case: &Case<Target>, cases: &[Case<Target>]) -> Vec<Goal> {
    let target = case.condition;
    let rival = target.rival();
    let Some(beside) = find(cases, rival, target) else { return Vec::new() };
    if case.subject.propagation().is_none() {
        return Vec::new();
    }
    let unit = if rival == Subject::Client { "x client" } else { "x bridge" };
    let goal = |what: &str, bound: Bound, figure: fn(&Case<Target>) -> f64| {
        let what = format!("{}, {}: {what}", target.title(), case.subject.title());
        Goal::new(what, bound, unit, figure(case) / figure(&beside))
    };
    let speed = goal("speed", Bound::AtLeast(target.wanted_speed()), |c| c.records_per_second);
    let cpu = target.wanted_cpu();
    let cpu = cpu.map(|most| goal("CPU", Bound::AtMost(most), |c| c.cpu_per_million));
    std::iter::once(speed).chain(cpu).collect()
}
