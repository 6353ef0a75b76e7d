//! serde_json is the oracle: what it accepts is accepted, and means the same.

use super::*;
use crate::record::Value;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop, prop_assert, prop_oneof, proptest,
};
use serde_json::Value as Oracle;
use std::cell::RefCell;

mod grammar;

/// What one document was decoded to, with the tables it needs.
struct Decoded {
    names: Names,
    fields: Fields,
}

thread_local! {
    /// Names of all documents before, so that wrong guesses of names are tried too.
    static SEEN: RefCell<Names> = RefCell::default();
}

fn decode(document: &[u8]) -> Result<Decoded, DecodeError> {
    let fresh = decode_with(Names::default(), document);
    let seen = decode_with(SEEN.take(), document);
    let shown = |result: &(Decoded, _)| {
        let Decoded { names, fields } = &result.0;
        let name = |field: &Field| names.get(field.name).to_vec();
        let fields = fields.all().iter().map(|field| (name(field), field.kind, field.span));
        fields.collect::<Vec<_>>()
    };
    assert_eq!((shown(&fresh), &fresh.1), (shown(&seen), &seen.1));
    let (Decoded { mut names, .. }, _) = seen;
    names.shed();
    SEEN.set(names);
    fresh.1.map(|()| fresh.0)
}

fn decode_with(mut names: Names, document: &[u8]) -> (Decoded, Result<(), DecodeError>) {
    let mut fields = Fields::default();
    let result = JsonDecoder::default().decode(document, &mut names, &mut fields);
    if result.is_err() {
        assert_eq!((fields.shape(), fields.all().len()), (Shape::Absent, 0));
    }
    (Decoded { names, fields }, result)
}

fn text_of(value: Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write_text(value, &mut out);
    out
}

/// White space outside strings dropped, byte by byte.
fn compacted(text: &[u8]) -> Vec<u8> {
    let (mut quoted, mut escaped) = (false, false);
    let keep = |&&byte: &&u8| {
        if !quoted {
            quoted = byte == b'"';
            return !b" \t\r\n".contains(&byte);
        }
        quoted = escaped || byte != b'"';
        escaped = byte == b'\\' && !escaped;
        true
    };
    text.iter().filter(keep).copied().collect()
}

/// Checks a value, and all values within it, against the oracle's.
fn assert_same(value: Value<'_>, oracle: &Oracle) {
    let text = text_of(value);
    match (value.kind, oracle) {
        (Kind::Null, Oracle::Null) => assert_eq!((value.text, &*text), (&b"null"[..], &b""[..])),
        (Kind::Boolean, Oracle::Bool(oracle)) => assert_eq!(text, oracle.to_string().as_bytes()),
        (Kind::Number, Oracle::Number(oracle)) => {
            assert_eq!(text, value.text);
            assert_eq!(
                serde_json::from_slice::<Oracle>(&text).unwrap(),
                Oracle::Number(oracle.clone())
            );
        }
        (Kind::String, Oracle::String(oracle)) => {
            assert_eq!(text, oracle.as_bytes());
            assert!(!value.text.contains(&b'\\'));
        }
        (Kind::EscapedString, Oracle::String(oracle)) => {
            assert_eq!(text, oracle.as_bytes());
            assert!(value.text.contains(&b'\\'));
        }
        (Kind::Object, Oracle::Object(members)) => {
            assert_eq!(text, compacted(value.text));
            for (name, member) in members {
                let step = Step::Field(name.as_bytes());
                assert_same(descend(value, step).expect("a field the oracle has"), member);
            }
            assert_eq!(descend(value, Step::Field(b"no such name")), None);
            assert_eq!(descend(value, Step::Index(0)), None);
        }
        (Kind::Array, Oracle::Array(elements)) => {
            assert_eq!(text, compacted(value.text));
            for (index, element) in elements.iter().enumerate() {
                assert_same(descend(value, Step::Index(index)).expect("an element"), element);
            }
            assert_eq!(descend(value, Step::Index(elements.len())), None);
            assert_eq!(descend(value, Step::Field(b"a")), None);
        }
        (kind, oracle) => panic!("{kind:?} where the oracle has {oracle}"),
    }
}

/// Decodes with both; true where both accept.
fn agree(document: &[u8]) -> bool {
    let ours = decode(document);
    let oracle = serde_json::from_slice::<Oracle>(document);
    let shown = String::from_utf8_lossy(document);
    let (decoded, oracle) = match (ours, oracle) {
        (Ok(decoded), Ok(oracle)) => (decoded, oracle),
        (Err(error), Err(_)) => {
            assert!(error.at <= document.len(), "{error} of {shown}");
            return false;
        }
        (Ok(_), Err(error)) => panic!("accepted {shown}, serde_json: {error}"),
        (Err(error), Ok(_)) => panic!("{error}: serde_json accepts {shown}"),
    };
    let Decoded { names, fields } = &decoded;
    let found: Vec<_> =
        fields.all().iter().map(|field| (names.get(field.name), field.value(document))).collect();
    match (fields.shape(), &oracle) {
        (Shape::Fields, Oracle::Object(members)) => {
            let oracle_names: Vec<_> = members.keys().map(String::as_bytes).collect();
            let our_names: Vec<_> = found.iter().map(|found| found.0).collect();
            assert_eq!(our_names, oracle_names, "{shown}");
            for (&(_, value), member) in found.iter().zip(members.values()) {
                assert_same(value, member);
            }
        }
        (Shape::Single, single) if !single.is_object() => {
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].0, b"value");
            assert_same(found[0].1, single);
        }
        (shape, oracle) => panic!("{shape:?} of {oracle}"),
    }
    true
}

fn white_space() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(String::new()), 1 => "[ \t\r\n]{1,3}"]
}

fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[ -!#-\\[\\]-~]{0,12}",
        1 => "[äß東京😀\u{7f}\u{2028}]{1,4}",
        1 => r#"\\["\\/bfnrt]"#,
        1 => r"\\u[0-9a-cA-C][0-9a-fA-F]{3}",
        1 => r"\\u[dD][89abAB][0-9a-f]{2}\\u[dD][c-fC-F][0-9A-F]{2}",
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// Few names, so that some come twice; `a` and `\u0061` are the same one.
fn name() -> impl Strategy<Value = String> {
    let common =
        prop::sample::select(&["\"a\"", "\"b\"", "\"\\u0061\"", "\"temperature\"", "\"\""][..]);
    prop_oneof![3 => common.prop_map(str::to_owned), 1 => string()]
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(&["null", "true", "false"][..]).prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,5})?",
        string(),
    ]
}

fn document() -> impl Strategy<Value = String> {
    let spaced = |value| {
        (white_space(), value, white_space()).prop_map(|(a, value, b)| format!("{a}{value}{b}"))
    };
    let value = scalar().prop_recursive(5, 40, 6, move |inner| {
        let member = (white_space(), name(), white_space(), spaced(inner.clone()))
            .prop_map(|(a, name, b, value)| format!("{a}{name}{b}:{value}"));
        let object = (prop::collection::vec(member, 0..6), white_space()).prop_map(join("{", "}"));
        let array =
            (prop::collection::vec(spaced(inner), 0..6), white_space()).prop_map(join("[", "]"));
        prop_oneof![3 => object, 2 => array]
    });
    (white_space(), value, white_space()).prop_map(|(a, value, b)| format!("{a}{value}{b}"))
}

fn join(open: &'static str, close: &'static str) -> impl Fn((Vec<String>, String)) -> String {
    move |(parts, inside)| {
        let inside = if parts.is_empty() { inside } else { parts.join(",") };
        format!("{open}{inside}{close}")
    }
}

/// A valid document with a few bytes changed, put in, taken out or cut off.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => prop::sample::select(&b"{}[]:,\"\\ntfu0-.eE+ \t\n\x00\x1f\x80\xff\xef"[..]),
        1 => any::<u8>(),
    ];
    let change = (any::<prop::sample::Index>(), 0..4u8, byte);
    (document(), prop::collection::vec(change, 1..4)).prop_map(|(document, changes)| {
        let mut bytes = document.into_bytes();
        for (place, how, byte) in changes {
            let place = place.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(place, byte),
                1 => bytes.truncate(place),
                2 if place < bytes.len() => drop(bytes.remove(place)),
                _ if place < bytes.len() => bytes[place] = byte,
                _ => bytes.push(byte),
            }
        }
        bytes
    })
}

/// Tokens in any order: mostly not JSON, but near it.
fn tokens() -> impl Strategy<Value = String> {
    let token = prop::sample::select(
        &[
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            " ",
            "\"a\"",
            "\"\\u0061\"",
            "\"\"",
            "null",
            "true",
            "false",
            "0",
            "-",
            "1",
            ".",
            "e",
            "12.50",
            "-0",
            "1e5",
            "\"",
            "\\",
            "\\ud800",
            "\u{feff}",
            "tru",
        ][..],
    );
    prop::collection::vec(token, 0..9).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn valid_documents_mean_the_same(document in document()) {
        prop_assert!(agree(document.as_bytes()));
    }

    #[test]
    fn mutated_documents_are_judged_the_same(document in mutated()) {
        agree(&document);
    }

    #[test]
    fn tokens_are_judged_the_same(document in tokens()) {
        agree(document.as_bytes());
    }

    #[test]
    fn unvalidated_values_never_panic(text in mutated(), kind in 0..8usize) {
        use Kind::*;
        let kind = [Null, Boolean, Number, String, EscapedString, Object, Array, Bytes][kind];
        let value = Value { kind, text: &text };
        text_of(value);
        descend(value, Step::Field(b"a"));
        descend(value, Step::Index(1));
    }
}
