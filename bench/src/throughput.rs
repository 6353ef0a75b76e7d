//! Records a second and CPU seconds per million, side by side.

use anyhow::Result;
use serde_json::json;

use crate::comparison::{COLUMNS, Case, Samples, find, row};
use crate::lab::Lab;
use crate::quantile::median;
use crate::report::{Bound, Goal, Section};
use crate::subject::{Aof, Subject};
use crate::{bare, ingest};

pub fn run(lab: &Lab) -> Result<Section> {
    let (topic, records) = (lab.readings()?, lab.options.records);
    // Once before the rounds, so that no case is the first to read Kafka's files.
    bare::rate(lab, topic, "bare-warm")?;
    let (mut samples, mut bare) = (Samples::new(), Vec::new());
    for round in 1..=lab.options.rounds {
        // All cases in each round, so that a slow minute hits them alike.
        bare.push(bare::rate(lab, topic, &format!("bare-{round}"))?);
        for aof in Aof::ALL {
            for &subject in &lab.options.subjects {
                let run = ingest::on_fresh_server(lab, subject, aof)?;
                samples.add(round, subject, aof, records, &run);
            }
        }
    }
    let cases = samples.cases();
    let mut notes = vec![format!(
        "a bare librdkafka consumer that writes nothing: {:.0} records/s",
        median(bare.iter().copied())
    )];
    notes.extend(samples.notes());
    let title = format!(
        "Throughput: {records} JSON records of ~110 bytes in {topic}, {} streams, median of {} rounds",
        lab.options.streams, lab.options.rounds
    );
    let name = |case: &Case<Aof>| format!("{}, {}", case.subject.title(), case.condition.title());
    Ok(Section {
        name: "throughput",
        title,
        columns: COLUMNS.to_vec(),
        rows: cases.iter().map(|case| row(name(case), case, &cases)).collect(),
        notes,
        goals: goals(&cases),
        figures: json!({ "bare_records_per_second": bare, "cases": cases, "samples": samples }),
    })
}

fn goals(cases: &[Case<Aof>]) -> Vec<Goal> {
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
        if let Some(sidecar) = find(cases, Subject::Sidecar, aof) {
            let speed = sidecar.records_per_second / bridge.records_per_second;
            let cpu = sidecar.cpu_per_million / bridge.cpu_per_million;
            let what = format!("sidecar, {}: ", aof.title());
            goals.push(Goal::new(what.clone() + "speed", Bound::AtLeast(0.9), "x bridge", speed));
            goals.push(Goal::new(what + "CPU", Bound::AtMost(1.1), "x bridge", cpu));
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
