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

/// Asks for keys, answered with one field of so many bytes each, marked where a watch is given.
fn answered(
    watch: Option<&Arc<Watch>>,
    keys: impl Iterator<Item = String>,
    bytes: usize,
) -> Lookup {
    let mut lookup = lookup();
    lookup.watch = watch.cloned();
    for key in keys {
        ask(&mut lookup, 0, &key);
    }
    let value = vec![b'x'; bytes];
    while lookup.is_open() {
        lookup.turn(|key, _, answers| {
            let mark = watch.map(|watch| watch.mark(0, key));
            if key.starts_with(b"absent") {
                answers.absent();
            } else {
                let mut hash = answers.hash();
                hash.part(Some(&value));
                hash.end();
            }
            if let Some(mark) = mark {
                answers.mark(mark);
            }
        });
    }
    lookup
}

fn keys(names: &[&str]) -> impl Iterator<Item = String> {
    names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>().into_iter()
}

#[test]
fn what_is_marked_is_kept_until_its_key_changes() {
    let (watch, mut kept) = (Arc::new(Watch::default()), Kept::default());
    kept.take(&mut answered(Some(&watch), keys(&["a", "b", "absent"]), 1));
    assert!(matches!(kept.get(0, b"a"), Some(Found::Hash(_))));
    assert_eq!(kept.get(0, b"absent"), Some(Found::Absent));
    assert_eq!((kept.get(1, b"a"), kept.get(0, b"c")), (None, None));
    watch.change(0, b"a");
    watch.change(0, b"absent");
    assert_eq!((kept.get(0, b"a"), kept.get(0, b"absent")), (None, None));
    assert!(kept.get(0, b"b").is_some());
    kept.take(&mut answered(Some(&watch), keys(&["a"]), 2));
    let Some(Found::Hash(fields)) = kept.get(0, b"a") else { panic!("no hash") };
    assert_eq!(fields.parts().collect::<Vec<_>>(), [Some(&b"xx"[..])]);
    kept.forget(2, b"a");
    assert_eq!(kept.get(0, b"a"), None);
    assert!(kept.get(0, b"b").is_some());
}

#[test]
fn what_is_not_marked_is_not_kept() {
    let (watch, mut kept) = (Arc::new(Watch::default()), Kept::default());
    kept.take(&mut answered(None, keys(&["a"]), 1));
    assert_eq!(kept.get(0, b"a"), None);
    let mut lookup = answered(Some(&watch), keys(&["a"]), 1);
    lookup.answers.marks.clear();
    kept.take(&mut lookup);
    assert_eq!(kept.get(0, b"a"), None);
    let mut refused = lookup_of(&watch, |answers| answers.refuse("WRONGTYPE"));
    kept.take(&mut refused);
    assert_eq!(kept.get(0, b"k"), None);
}

/// One key, answered so and marked.
fn lookup_of(watch: &Arc<Watch>, answer: impl Fn(&mut Answers)) -> Lookup {
    let mut lookup = lookup();
    lookup.watch = Some(watch.clone());
    ask(&mut lookup, 0, "k");
    lookup.turn(|key, _, answers| {
        let mark = watch.mark(0, key);
        answer(answers);
        answers.mark(mark);
    });
    lookup
}

#[test]
fn what_is_kept_is_bounded() {
    let watch = Arc::new(Watch::default());
    for (rounds, count, bytes) in [(200, 1000, 10), (200, 10, 100_000)] {
        let (mut kept, mut most) = (Kept::default(), 0);
        for round in 0..rounds {
            let keys = (0..count).map(|n| format!("key:{round}:{n}"));
            kept.take(&mut answered(Some(&watch), keys, bytes));
            most = most.max(kept.memory());
            let newest = format!("key:{round}:{}", count - 1);
            assert!(kept.get(0, newest.as_bytes()).is_some());
        }
        // A buffer that grows doubles.
        assert!(most < 3 * (64 << 20), "{most} bytes");
        assert_eq!(kept.get(0, b"key:0:0"), None, "cleared on the way");
    }
}
