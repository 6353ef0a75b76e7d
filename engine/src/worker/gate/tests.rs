//! What a gate says while another subscription loads, and when it opens.

use super::super::shared::{Ends, Progress, Shared, Wanted};
use super::{Awaited, Gate, Passage};
use crate::ledger::Counters;
use crate::state::{State, Status};

fn progress(next: i64) -> Progress {
    let counters = Counters::default();
    Progress {
        topic: "t".into(),
        partition: 0,
        next,
        epoch: None,
        end: None,
        counters,
        timestamp: None,
    }
}

fn running() -> Status {
    Status::new(State::Running, "", "")
}

fn look(gate: &mut Gate, shared: &Shared, status: Status) -> Passage {
    gate.look(Some(Awaited { shared: Some(shared), status }))
}

fn answer(shared: &Shared, end: i64) {
    for question in shared.take_questions() {
        *question.lock() = Ends::Known(vec![("t".into(), 0, end)]);
    }
}

#[test]
fn a_gate_opens_when_all_that_kafka_held_is_applied() {
    let shared = Shared::new(Vec::new(), Wanted::Run);
    let mut gate = Gate::new("stream", "table");
    shared.set_progress(vec![progress(0)]);
    assert_eq!(look(&mut gate, &shared, running()), Passage::Closed, "nobody knows the end yet");
    assert_eq!(gate.status().reason, "AFTER table: how many records are to go is not known yet");
    answer(&shared, 1234);
    assert_eq!(look(&mut gate, &shared, running()), Passage::Closed);
    assert_eq!(gate.status().reason, "AFTER table: 1234 records to go");
    assert_eq!((gate.status().state, gate.status().action.as_str()), (State::Waiting, ""));
    shared.set_progress(vec![progress(1233)]);
    assert_eq!(look(&mut gate, &shared, running()), Passage::Closed);
    assert_eq!(gate.status().reason, "AFTER table: 1 record to go");
    shared.set_progress(vec![progress(1234)]);
    assert_eq!(look(&mut gate, &shared, running()), Passage::Open);
    assert!(!shared.is_asked(), "what comes later is not asked for");
}

#[test]
fn a_gate_opens_at_once_where_there_is_nothing() {
    let shared = Shared::new(Vec::new(), Wanted::Run);
    let mut gate = Gate::new("stream", "table");
    assert_eq!(look(&mut gate, &shared, running()), Passage::Closed);
    answer(&shared, 0);
    shared.set_progress(vec![progress(0)]);
    assert_eq!(look(&mut gate, &shared, running()), Passage::Open);
}

#[test]
fn a_new_worker_and_a_partition_that_is_gone_are_asked_anew() {
    let shared = Shared::new(Vec::new(), Wanted::Run);
    let mut gate = Gate::new("stream", "table");
    assert_eq!(look(&mut gate, &shared, running()), Passage::Closed);
    answer(&shared, 10);
    shared.set_progress(Vec::new());
    let starting = Status::new(State::Waiting, "starting", "");
    assert_eq!(look(&mut gate, &shared, starting), Passage::Closed, "its partitions come");
    assert!(!shared.is_asked());
    assert_eq!(look(&mut gate, &shared, running()), Passage::Closed, "it goes on without it");
    assert_eq!(look(&mut gate, &shared, running()), Passage::Closed);
    assert!(shared.is_asked());
    let next = Shared::new(Vec::new(), Wanted::Run);
    gate.ask_again();
    assert_eq!(look(&mut gate, &next, running()), Passage::Closed);
    assert!(next.is_asked());
}

#[test]
fn the_action_says_what_keeps_the_other_one() {
    let shared = Shared::new(Vec::new(), Wanted::Run);
    let mut gate = Gate::new("stream", "table");
    let states = [
        (
            Status::new(State::Paused, "paused", "KAFKA.RESUME table"),
            "table is paused: KAFKA.RESUME table",
        ),
        (
            Status::new(State::Waiting, "no route yet", "KAFKA.ROUTE name FROM table TO …"),
            "table is waiting (no route yet): KAFKA.ROUTE name FROM table TO …",
        ),
        (Status::new(State::Waiting, "starting", ""), "table is waiting (starting)"),
        (running(), ""),
    ];
    for (status, action) in states {
        assert_eq!(look(&mut gate, &shared, status), Passage::Closed);
        assert_eq!(gate.status().action, action);
    }
    let since = gate.status().since;
    assert_eq!(gate.look(None), Passage::Closed);
    assert_eq!(gate.status().reason, "AFTER table: there is no subscription 'table'");
    assert_eq!(
        gate.status().action,
        "KAFKA.SUBSCRIBE table …, or KAFKA.SUBSCRIBE stream REPLACE … without AFTER"
    );
    assert_eq!(gate.status().since, since);
}
