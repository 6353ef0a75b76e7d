//! Whatever a record is, its texts are those of prost-reflect's reading of it.

use super::random::Random;
use super::schemas::SCHEMAS;
use super::*;
use fastrand::Rng;
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DynamicMessage, Kind};
use wire::Wire;

struct Subject {
    descriptor: MessageDescriptor,
    program: Program,
}

thread_local! {
    /// Compiling takes longer than the tests.
    static SUBJECTS: std::cell::RefCell<Vec<Subject>> = std::cell::RefCell::new(
        SCHEMAS.iter().map(|(message, text)| Subject {
            descriptor: descriptor(text, message),
            program: compile(text, Some(message), &everything()),
        }).collect(),
    );
}

fn with<T>(which: usize, run: impl FnOnce(&mut Subject) -> T) -> T {
    SUBJECTS.with_borrow_mut(|subjects| run(&mut subjects[which]))
}

fn random(seed: u64, entries: usize) -> Random {
    Random { rng: Rng::with_seed(seed), entries, depth: 0 }
}

/// Both read `bytes` alike; whether they accept them.
fn judged_alike(subject: &mut Subject, bytes: &[u8]) -> bool {
    let ours = decode(&mut subject.program, bytes);
    if has_odd_map(&subject.descriptor, Reader { bytes, at: 0 }) {
        return false;
    }
    let oracle = DynamicMessage::decode(subject.descriptor.clone(), bytes);
    match (ours, oracle) {
        (Ok(ours), Ok(oracle)) => {
            same(&ours, &oracle);
            true
        }
        // An unknown field, by the specification.
        (Ok(_), Err(error)) if error.to_string().contains("invalid wire type") => false,
        (Ok(_), Err(error)) => panic!("prost-reflect refuses it: {error}\n{bytes:02x?}"),
        // prost-reflect does not look for required fields.
        (Err(error), Ok(_)) if error.problem.contains("is missing") => false,
        (Err(error), Ok(oracle)) => {
            assert!(oracle::message_json(&oracle).is_err(), "{error}\n{bytes:02x?}");
            false
        }
        (Err(_), Err(_)) => false,
    }
}

/// Whether a map stands there in another wire type than a map's: an unknown
/// field, by the specification, but prost-reflect takes it for an entry.
fn has_odd_map(of: &MessageDescriptor, mut reader: Reader<'_>) -> bool {
    while let Some(tag) = (!reader.is_done()).then(|| reader.tag().ok()).flatten() {
        let field = of.get_field(tag.number);
        if field.as_ref().is_some_and(|field| field.is_map()) && tag.wire != Wire::Length {
            return true;
        }
        let start = reader.at;
        if reader.skip(tag, 0).is_err() {
            // Where it ends too early, what is inside is still looked at.
            reader.at = reader.bytes.len();
        }
        if let Some(Kind::Message(inner)) = field.map(|field| field.kind()) {
            let mut inside = Reader { bytes: &reader.bytes[..reader.at], at: start };
            let known = tag.wire != Wire::Length || inside.length().is_ok();
            if known && has_odd_map(&inner, inside) {
                return true;
            }
        }
    }
    false
}

fn same(ours: &Decoded, oracle: &DynamicMessage) {
    let expected = match oracle::message_json(oracle) {
        Ok(expected) => expected,
        // Within an Any as outside.
        Err(error) if error.0.contains("invalid wire type") => return,
        Err(error) => panic!("{error:?}"),
    };
    assert_eq!(json(&ours.slots[0]), json(&expected), "{oracle:?}");
    let expected = oracle::fields(oracle).expect("readable");
    assert_eq!(ours.fields.len(), expected.len());
    for (ours, (name, text)) in ours.fields.iter().zip(&expected) {
        assert_eq!(&ours.0, name);
        match (&ours.1, text) {
            (Some(ours), Some(text)) if text.starts_with(['{', '[']) => {
                let parsed = |text: &str| serde_json::from_str::<Json>(text).ok();
                assert_eq!(parsed(ours), parsed(text));
            }
            (ours, text) => assert_eq!(ours, text, "{name}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn texts_are_prost_reflects(seed: u64, which in 0..SCHEMAS.len()) {
        with(which, |subject| {
            let message = random(seed, 4).message(&subject.descriptor);
            assert!(judged_alike(subject, &message.encode_to_vec()));
        });
    }

    #[test]
    fn texts_are_in_the_order_of_the_schema(seed: u64, which in 0..SCHEMAS.len()) {
        with(which, |subject| {
            let message = random(seed, 1).message(&subject.descriptor);
            let bytes = message.encode_to_vec();
            let ours = decode(&mut subject.program, &bytes).expect("a record");
            // Read again, as encoding leaves NaN's bits alone but not unset defaults.
            let read = DynamicMessage::decode(subject.descriptor.clone(), &bytes[..]).expect("a record");
            assert_eq!(ours.slots[0], oracle::message_json(&read).expect("readable"));
        });
    }

    #[test]
    fn joined_messages_are_merged(seed: u64, which in 0..SCHEMAS.len()) {
        with(which, |subject| {
            let mut random = random(seed, 3);
            let mut bytes = random.message(&subject.descriptor).encode_to_vec();
            bytes.extend(random.message(&subject.descriptor).encode_to_vec());
            bytes.extend(random.message(&subject.descriptor).encode_to_vec());
            // A merged Any may hold one message under another's name.
            let any = subject.descriptor.full_name() == "t.Known";
            assert!(judged_alike(subject, &bytes) || any);
        });
    }

    #[test]
    fn spoilt_bytes_are_judged_alike(
        seed: u64,
        which in 0..SCHEMAS.len(),
        spoils in prop::collection::vec((0u8..4, any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        with(which, |subject| {
            let mut bytes = random(seed, 2).message(&subject.descriptor).encode_to_vec();
            for (how, at, byte) in &spoils {
                if bytes.is_empty() {
                    break;
                }
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = *byte,
                    1 => bytes[at] ^= 1 << (byte & 7),
                    2 => bytes.insert(at, *byte),
                    _ => bytes.truncate(at),
                }
            }
            judged_alike(subject, &bytes);
        });
    }

    #[test]
    fn noise_is_judged_alike(bytes: Vec<u8>, which in 0..SCHEMAS.len()) {
        with(which, |subject| judged_alike(subject, &bytes));
    }
}

/// A path into `value`, and what stands there.
fn walk(mut value: Json, rng: &mut Rng) -> (Vec<Step>, Json) {
    let mut steps = Vec::new();
    loop {
        let next = match &value {
            Json::Object(members) if !members.is_empty() && rng.u8(0..12) > 0 => {
                let (name, value) = members.iter().nth(rng.usize(0..members.len())).expect("one");
                (Step::Field(name.clone()), value.clone())
            }
            Json::Array(values) if !values.is_empty() && rng.u8(0..12) > 0 => {
                let index = rng.usize(0..values.len());
                let back = index as i64 - values.len() as i64;
                let step = if rng.bool() { index as i64 } else { back };
                (Step::Index(step), values[index].clone())
            }
            _ if rng.u8(0..6) == 0 => (Step::Field("no such name".into()), Json::Null),
            _ => return (steps, value),
        };
        steps.push(next.0);
        value = next.1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn paths_lead_to_what_stands_there(seed: u64, which in 0..SCHEMAS.len()) {
        let (message, text) = SCHEMAS[which];
        let descriptor = descriptor(text, message);
        let bytes = random(seed, 3).message(&descriptor).encode_to_vec();
        let oracle = DynamicMessage::decode(descriptor, &bytes[..]).expect("a record");
        let whole = json(&oracle::message_json(&oracle).expect("readable"));
        let mut rng = Rng::with_seed(seed);
        let walks: Vec<_> = (0..20).map(|_| walk(whole.clone(), &mut rng)).collect();
        let mut wanted = Wanted::default();
        let slots: Vec<usize> = walks.iter().map(|(path, _)| wanted.slot(path)).collect();
        let decoded = decode(&mut compile(text, Some(message), &wanted), &bytes).expect("a record");
        for ((path, expected), slot) in walks.iter().zip(slots) {
            // A path into what is a text here leads nowhere.
            assert_eq!(&json(&decoded.slots[slot]), expected, "{path:?}");
        }
    }
}
