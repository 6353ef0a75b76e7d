//! Units of replayed letters are answered, not settled.

use super::{applier, clash, ends, unit};
use crate::applier::Applied;
use crate::ledger;
use crate::state::State;
use crate::worker::lane::Changed;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What the worker hears of a unit that the applier answers with this.
fn heard(answer: Applied) -> (Result<Applied, Changed>, u64, State, u64) {
    let (worker, mut lane) = ends();
    let shared = lane.shared.clone();
    let before = shared.generation();
    let heard = std::thread::scope(|scope| {
        let unit = unit(&worker);
        let waits = scope.spawn(|| worker.replay(unit));
        lane.wait(Duration::from_secs(10));
        lane.turn("s", &mut applier(vec![answer]));
        waits.join().expect("no panic")
    });
    let applied = shared.units.applied.load(Ordering::Relaxed);
    (heard, applied, shared.status().state, shared.generation() - before)
}

#[test]
fn the_worker_hears_what_it_can_deal_with() {
    let stale = || Applied::Stale { partition: "t/0".to_owned(), expected: 10, found: 12 };
    let cases = [(Applied::Done, 1), (Applied::Gone, 0), (stale(), 0), (clash(1, "k"), 0)];
    for (answer, applied) in cases {
        let expected = (Ok(answer.clone()), applied, State::Waiting, 0);
        assert_eq!(heard(answer), expected, "nothing is changed by it");
    }
}

#[test]
fn all_else_ends_the_session() {
    for answer in [clash(0, &ledger::dead_letters_key("s")), Applied::Failed("x".to_owned())] {
        assert_eq!(heard(answer), (Err(Changed), 0, State::Stopped, 1));
    }
}
