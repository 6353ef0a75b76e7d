//! Hashes that records are joined with.

use super::feed::bench;
use redis_kafka_engine::applier::Applier;
use redis_kafka_engine::expression::Reads;
use redis_kafka_engine::lookup::{Found, Lookup, MAX_HASH};
use redis_kafka_tests::wait::wait_until;
use std::time::Duration;

fn ask(lookup: &mut Lookup, join: u32, key: &str) {
    lookup.questions.key_buffer().extend_from_slice(key.as_bytes());
    lookup.questions.number(join);
}

fn lookup() -> Lookup {
    let fields = vec!["name".to_owned(), "price".to_owned()];
    Lookup::new([Reads::Fields(fields), Reads::Whole, Reads::Fields(Vec::new())].into())
}

fn shown(lookup: &Lookup, at: usize) -> String {
    match lookup.answers.get(at) {
        Some(Found::Hash(found)) => {
            let part = |part: Option<&[u8]>| {
                part.map_or("-".to_owned(), |part| String::from_utf8_lossy(part).into_owned())
            };
            found.parts().map(part).collect::<Vec<_>>().join(" ")
        }
        Some(Found::Absent) => "absent".to_owned(),
        Some(Found::Refused(problem)) => format!("refused: {problem}"),
        None => "open".to_owned(),
    }
}

#[test]
fn hashes_are_answered_in_their_order() {
    let mut bench = bench();
    bench.server.line("HSET product:1 name Tee price 2");
    bench.server.line("HSET product:2 name Mate");
    bench.server.line("SET product:3 taken");
    let mut lookup = lookup();
    for (join, key) in [
        (0, "product:1"),
        (0, "product:2"),
        (0, "product:3"),
        (0, "product:4"),
        (1, "product:2"),
        (1, "product:3"),
        (1, "product:4"),
        (2, "product:1"),
        (2, "product:4"),
    ] {
        ask(&mut lookup, join, key);
    }
    bench.applier.resolve(&mut lookup);
    assert!(!lookup.is_open());
    let found: Vec<_> = (0..9).map(|at| shown(&lookup, at)).collect();
    let taken = "refused: WRONGTYPE it is no hash";
    let expected = ["Tee 2", "Mate -", taken, "absent", "name Mate", taken, "absent", "", "absent"];
    assert_eq!(found, expected);
}

#[test]
fn a_hash_that_is_too_large_is_refused_and_turns_end() {
    let mut bench = bench();
    let part = "x".repeat(MAX_HASH / 3);
    for field in 0..4 {
        bench.server.line(&format!("HSET large {field} {part}"));
        bench.server.line(&format!("HSET fits {} {part}", field % 2));
    }
    let mut lookup = lookup();
    for key in ["large", "fits", "none"] {
        ask(&mut lookup, 1, key);
    }
    for at in 0..5 {
        ask(&mut lookup, 0, &format!("absent:{at}"));
    }
    bench.applier.resolve(&mut lookup);
    assert!(shown(&lookup, 0).contains("larger than 1048576 bytes"));
    assert_eq!(shown(&lookup, 1).len(), 2 * part.len() + 5);
    while lookup.is_open() {
        bench.applier.resolve(&mut lookup);
    }
    assert_eq!(shown(&lookup, 7), "absent");
}

#[test]
fn a_lookup_waits_for_redis_and_ends_with_the_generation() {
    let mut bench = bench();
    bench.server.line("HSET product:1 name Tee");
    let mut lookup = lookup();
    ask(&mut lookup, 0, "product:1");
    bench.applier.resolve(&mut lookup);
    bench.server.kill();
    ask(&mut lookup, 0, "product:2");
    let (applier, shared) = (&mut bench.applier, bench.shared.clone());
    std::thread::scope(|scope| {
        let resolving = scope.spawn(|| applier.resolve(&mut lookup));
        wait_until("the hold", Duration::from_secs(10), || shared.hold().is_some());
        shared.change(|_| {});
        resolving.join().expect("no panic");
    });
    assert!(lookup.is_open(), "nothing is made up");
}
