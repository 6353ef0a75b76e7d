//! What a lane does with every answer of an applier, told by an applier that is a list of answers.

mod letters;

use super::super::shared::Wanted;
use super::{Lane, LaneWorker, Turn, lane};
use crate::applier::{Applied, Applier, Clash, Known, Positions};
use crate::kafka::TopicId;
use crate::ledger::{self, Advance, Expected, LedgerFault, Listing, Standing};
use crate::letter;
use crate::lookup::Lookup;
use crate::state::State;
use crate::unit::{RecordRef, Unit};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

struct Scripted {
    answers: Vec<Applied>,
    applied: usize,
    positions: Positions,
}

impl Applier for Scripted {
    fn load(&mut self, _subscription: &str) -> Result<Positions, String> {
        Ok(self.positions.clone())
    }

    fn letters(
        &mut self,
        _subscription: &str,
        _range: letter::Range,
    ) -> Result<letter::Page, String> {
        Ok(letter::Page::default())
    }

    fn resolve(&mut self, lookup: &mut Lookup) {
        lookup.turn(|_, _, answers| answers.absent());
    }

    fn apply(&mut self, _unit: &mut Unit, _ahead: Option<&Unit>) -> Applied {
        self.applied += 1;
        self.answers.remove(0)
    }
}

fn applier(answers: Vec<Applied>) -> Scripted {
    Scripted { answers, applied: 0, positions: Positions::default() }
}

fn ends() -> (LaneWorker, Lane) {
    lane("s", Vec::new(), Wanted::Run, Arc::new(|| {}))
}

/// A unit of records 10 and 11 of t/0, built under the lane's generation.
fn unit(worker: &LaneWorker) -> Box<Unit> {
    let mut unit = worker.empty_unit();
    unit.generation = worker.shared.generation();
    unit.slots = Arc::from(vec![(Arc::from("t"), 0)]);
    unit.records.extend([10, 11].map(|offset| RecordRef { slot: 0, offset }));
    unit.advances.push(Advance {
        topic: "t".into(),
        partition: 0,
        expected: Expected::Next(10),
        standing: Standing::start(12, TopicId::UNKNOWN),
    });
    unit
}

#[test]
fn units_of_an_older_generation_are_dropped_unapplied() {
    let (worker, mut lane) = ends();
    worker.send(unit(&worker)).expect("room");
    lane.shared.change(|_| {});
    worker.send(unit(&worker)).expect("room");
    let mut applier = applier(vec![Applied::Done]);
    assert_eq!(lane.turn("s", &mut applier), Turn::Worked);
    assert_eq!((applier.applied, lane.shared.units.applied.load(Ordering::Relaxed)), (1, 1));
    assert_eq!(lane.turn("s", &mut applier), Turn::Idle);
}

#[test]
fn a_stale_unit_voids_what_is_queued_behind_it() {
    let (worker, mut lane) = ends();
    worker.send(unit(&worker)).expect("room");
    worker.send(unit(&worker)).expect("room");
    let stale = Applied::Stale { partition: "t/0".into(), expected: 10, found: 7 };
    let mut applier = applier(vec![stale]);
    assert_eq!(lane.turn("s", &mut applier), Turn::Worked);
    assert_eq!(lane.turn("s", &mut applier), Turn::Idle);
    assert_eq!((applier.applied, lane.shared.units.stale.load(Ordering::Relaxed)), (1, 1));
}

#[test]
fn a_missing_ledger_stops_and_says_how_to_go_on() {
    let (worker, mut lane) = ends();
    worker.send(unit(&worker)).expect("room");
    let missing = Applied::Ledger { partition: "t/0".into(), fault: LedgerFault::Missing };
    lane.turn("s", &mut applier(vec![missing]));
    let status = lane.shared.status();
    assert_eq!(status.state, State::Stopped);
    assert!(status.reason.contains("t/0 is missing") && !status.action.is_empty(), "{status:?}");
    assert!(matches!(lane.shared.control().wanted, Wanted::Hold(_)));
}

#[test]
fn a_ledger_that_another_member_made_first_is_read_and_one_that_no_list_knows_stops() {
    let unlisted = Applied::Ledger { partition: "t/0".into(), fault: LedgerFault::Unlisted };
    let (worker, mut lane) = ends();
    worker.send(unit(&worker)).expect("room");
    let mut faster = applier(vec![unlisted.clone()]);
    let standing = Ok(Standing::start(0, TopicId::UNKNOWN));
    faster.positions.partitions.push(Known {
        topic: "t".into(),
        partition: 0,
        listing: Listing::default(),
        standing,
    });
    let before = lane.shared.generation();
    lane.turn("s", &mut faster);
    assert!(lane.shared.generation() > before && lane.shared.status().state != State::Stopped);
    worker.send(unit(&worker)).expect("room");
    lane.turn("s", &mut applier(vec![unlisted]));
    assert_eq!(lane.shared.status().state, State::Stopped);
}

#[test]
fn a_worker_of_a_group_does_not_wait_for_the_applier_for_ever() {
    let (mut worker, lane) = ends();
    worker.set_patience(Duration::from_millis(1));
    let generation = lane.shared.generation();
    assert!(worker.load(generation).is_err() && worker.take_stuck() && !worker.take_stuck());
    assert_eq!(lane.shared.generation(), generation);
}

fn clash(record: u32, key: &str) -> Applied {
    let problem = "WRONGTYPE".to_owned();
    Applied::Clash(vec![Clash { record, key: key.as_bytes().to_vec(), problem }])
}

#[test]
fn a_clash_is_a_verdict_on_its_record_until_the_ledger_has_passed_it() {
    let (worker, mut lane) = ends();
    worker.send(unit(&worker)).expect("room");
    lane.turn("s", &mut applier(vec![clash(1, "k")]));
    let offsets = |lane: &Lane| -> Vec<i64> {
        lane.shared.control().verdicts.iter().map(|(record, _)| record.offset).collect()
    };
    assert_eq!(offsets(&lane), [11]);
    let mut later = unit(&worker);
    later.advances[0].expected = Expected::Next(12);
    later.records[0].offset = 13;
    worker.send(later).expect("room");
    lane.turn("s", &mut applier(vec![clash(0, "k")]));
    assert_eq!(offsets(&lane), [13]);
}

#[test]
fn dead_letters_that_cannot_be_written_stop_the_subscription() {
    let (worker, mut lane) = ends();
    worker.send(unit(&worker)).expect("room");
    lane.turn("s", &mut applier(vec![clash(0, &ledger::dead_letters_key("s"))]));
    assert_eq!(lane.shared.status().state, State::Stopped);
}

#[test]
fn writes_that_were_refused_too_late_are_named_and_the_rest_counts() {
    let (worker, mut lane) = ends();
    worker.send(unit(&worker)).expect("room");
    let problem = "WRONGTYPE key 'k' is no stream".to_owned();
    let clash = |record| Clash { record, key: b"k".to_vec(), problem: problem.clone() };
    let refused = Applied::PartlyRefused((0..8).map(|at| clash(at % 2)).collect());
    lane.turn("s", &mut applier(vec![refused]));
    let status = lane.shared.status();
    assert_eq!(status.state, State::Stopped);
    assert!(status.reason.contains("t/0@11: WRONGTYPE key 'k'"), "{status:?}");
    assert!(status.reason.ends_with("3 more"), "{status:?}");
    assert_eq!(lane.shared.units.applied.load(Ordering::Relaxed), 1);
    assert!(lane.shared.control().verdicts.is_empty(), "no record comes again");
}

#[test]
fn a_worker_hears_that_its_generation_is_over_while_the_queue_is_full() {
    let (worker, lane) = ends();
    let mut sent = 0;
    let changed = std::thread::scope(|scope| {
        let full = scope.spawn(|| {
            while worker.send(unit(&worker)).is_ok() {
                sent += 1;
                if sent > 1000 {
                    return false;
                }
            }
            true
        });
        while lane.queued() < 8 {
            std::thread::yield_now();
        }
        lane.shared.change(|control| control.generation += 1);
        // The generation of a unit is read before it is sent, so a later one may go in its place.
        while !full.is_finished() && lane.queued() > 0 {
            lane.shared.change(|_| {});
            std::thread::yield_now();
        }
        full.join().expect("no panic")
    });
    assert!(changed);
}
