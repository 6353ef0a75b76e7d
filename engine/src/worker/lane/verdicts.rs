//! What Redis would refuse of a unit, by record.

use crate::applier::Clash;
use crate::ledger::Expected;
use crate::unit::Unit;
use crate::worker::plan::{RecordError, Stage};
use crate::worker::shared::RecordId;

/// So many refused writes of a unit are told by name.
const TOLD: usize = 5;

/// Whether a record lies at or behind the place where the unit begins, so that it comes again, or
/// is not the unit's concern.
pub(in crate::worker) fn is_ahead(unit: &Unit, (record, error): &(RecordId, RecordError)) -> bool {
    if unit.catches_up.as_deref() != error.route.as_deref() {
        return true;
    }
    let advance = unit
        .advances
        .iter()
        .find(|advance| advance.partition == record.partition && advance.topic == record.topic);
    match advance.map(|advance| advance.expected) {
        Some(Expected::Next(next)) => record.offset >= next,
        Some(Expected::Absent { .. }) | None => true,
    }
}

/// Names the writes that are missing of a unit that was written.
pub(super) fn refused_late(unit: &Unit, clashes: Vec<Clash>) -> String {
    let mut words: Vec<String> = Vec::new();
    let more = clashes.len().saturating_sub(TOLD);
    for clash in clashes.into_iter().take(TOLD) {
        let problem = clash.problem.clone();
        words.push(match verdict(unit, clash) {
            Some((record, _)) => format!("{record}: {problem}"),
            None => problem,
        });
    }
    if more > 0 {
        words.push(format!("{more} more"));
    }
    format!("refused while the rest of the unit was written: {}", words.join("; "))
}

/// The record that a clash is about, by its place in Kafka.
pub(super) fn verdict(unit: &Unit, clash: Clash) -> Option<(RecordId, RecordError)> {
    let record = unit.records.get(clash.record as usize)?;
    let partition = unit.slots.get(record.slot)?;
    let id = RecordId { topic: partition.0.clone(), partition: partition.1, offset: record.offset };
    // While a route catches up, the record is its concern alone.
    let route = unit.catches_up.as_deref().map(str::to_owned);
    Some((id, RecordError { stage: Stage::Apply, route, problem: clash.problem }))
}
