//! Questions and answers of one batch, and those that are kept beyond it.

use super::*;

fn lookup() -> Lookup {
    Lookup::new([Reads::Fields(vec!["name".to_owned()]), Reads::Whole].into())
}

fn ask(lookup: &mut Lookup, join: u32, key: &str) -> usize {
    lookup.questions.key_buffer().extend_from_slice(key.as_bytes());
    lookup.questions.number(join)
}

#[test]
fn each_hash_is_asked_once_and_answered_in_order() {
    let mut lookup = lookup();
    let asked = [(0, "a"), (1, "a"), (0, "b"), (0, "a")];
    let numbers = asked.map(|(join, key)| ask(&mut lookup, join, key));
    assert_eq!(numbers, [0, 1, 2, 0]);
    let mut seen = Vec::new();
    lookup.turn(|key, join, answers| {
        seen.push((key.to_vec(), join));
        let mut hash = answers.hash();
        hash.part(Some(b"x"));
        hash.part(None);
        hash.end();
    });
    let expected = [("a", 0), ("a", 1), ("b", 0)];
    assert_eq!(seen, expected.map(|(key, join)| (key.as_bytes().to_vec(), join)));
    assert!(!lookup.is_open());
    let Some(Found::Hash(found)) = lookup.answers.get(2) else { panic!("no hash") };
    assert_eq!(found.parts().collect::<Vec<_>>(), [Some(&b"x"[..]), None]);
}

#[test]
fn a_turn_ends_after_so_many_keys_or_bytes() {
    let mut lookup = lookup();
    for key in 0..=KEYS_A_TURN {
        ask(&mut lookup, 0, &key.to_string());
    }
    lookup.turn(|_, _, answers| answers.absent());
    assert_eq!(lookup.answers.len(), KEYS_A_TURN);
    assert!(lookup.is_open());
    lookup.turn(|_, _, answers| answers.absent());
    assert!(!lookup.is_open());
    for key in ["large", "next"] {
        ask(&mut lookup, 1, key);
    }
    let large = vec![0; BYTES_A_TURN];
    lookup.turn(|_, _, answers| {
        let mut hash = answers.hash();
        hash.part(Some(&large));
        hash.end();
    });
    assert!(lookup.is_open());
    lookup.drop_open();
    assert!(!lookup.is_open());
    let next = lookup.questions.len();
    assert_eq!(ask(&mut lookup, 1, "next"), next, "dropped, and asked anew");
}

#[test]
fn a_hash_that_is_too_large_is_refused_and_leaves_nothing() {
    let mut answers = Answers::default();
    let mut hash = answers.hash();
    hash.part(Some(&vec![0; MAX_HASH + 1]));
    hash.end();
    let problem = "what is joined of it is larger than 1048576 bytes";
    assert_eq!(answers.get(0), Some(Found::Refused(problem)));
    assert!(answers.size() < 100);
}

#[test]
fn what_was_written_since_is_asked_anew() {
    let mut lookup = lookup();
    ask(&mut lookup, 0, "a");
    ask(&mut lookup, 0, "b");
    lookup.turn(|_, _, answers| answers.absent());
    lookup.questions.forget(|key| key == b"a");
    assert_eq!(ask(&mut lookup, 0, "b"), 1);
    assert_eq!(ask(&mut lookup, 0, "a"), 2);
    assert!(lookup.is_open());
    lookup.clear();
    assert_eq!(ask(&mut lookup, 0, "b"), 0);
}
