//! serde_json is the oracle: what it accepts is accepted, and means the same.

use super::*;
use crate::format::nested;
use crate::format::text::write_text;
use crate::record::Step;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop, prop_assert, prop_oneof, proptest,
};
use serde_json::Value as Oracle;
use std::cell::RefCell;

mod grammar;

/// What one document was decoded to, with the tables it needs.
struct Decoded<'a> {
    names: Names,
    row: Row<'a>,
}

impl<'a> Decoded<'a> {
    fn fields(&self) -> Vec<(&[u8], Value<'a>)> {
        self.row.fields().iter().map(|field| (self.names.get(field.name), field.value)).collect()
    }
}

thread_local! {
    /// Names of all documents before, so that wrong guesses of names are tried too.
    static SEEN: RefCell<Names> = RefCell::default();
}

fn every_field() -> Wanted {
    Wanted { every_field: true, paths: vec![vec![]] }
}

/// Decodes all fields, with names never seen and with the names of the documents before.
fn decode<'a>(document: &'a [u8], arena: &'a Arena) -> Result<Decoded<'a>, DecodeError> {
    let fresh = decode_with(Names::default(), every_field(), document, arena);
    let seen = decode_with(SEEN.take(), every_field(), document, arena);
    let shown = |result: &(Decoded<'_>, _)| format!("{:?}", result.0.fields());
    assert_eq!((shown(&fresh), &fresh.1), (shown(&seen), &seen.1));
    let (Decoded { mut names, .. }, _) = seen;
    names.shed();
    SEEN.set(names);
    fresh.1.map(|()| fresh.0)
}

fn decode_with<'a>(
    mut names: Names,
    wanted: Wanted,
    document: &'a [u8],
    arena: &'a Arena,
) -> (Decoded<'a>, Result<(), DecodeError>) {
    let (mut row, mut decoder) = (Row::default(), JsonDecoder::new(wanted));
    let result = decoder.document(document, Format::Json, &mut names, arena, &mut row);
    if result.is_err() {
        assert_eq!((row.shape(), row.fields().len()), (Shape::Absent, 0));
    }
    (Decoded { names, row }, result)
}

fn text_of(value: Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write_text(value, &mut out);
    out
}

fn shown(value: Value<'_>) -> String {
    format!("{value:?}")
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
    let arena = Arena::new();
    let text = text_of(value);
    match (value, oracle) {
        (Value::Null, Oracle::Null) => assert!(text.is_empty()),
        (Value::Boolean(_), Oracle::Bool(oracle)) => {
            assert_eq!(text, oracle.to_string().as_bytes());
        }
        (Value::Number(written), Oracle::Number(oracle)) => {
            assert_eq!(text, written.as_bytes());
            let read: Oracle = serde_json::from_slice(&text).unwrap();
            assert_eq!(read, Oracle::Number(oracle.clone()));
        }
        (Value::Text(written), Oracle::String(oracle)) => {
            assert_eq!(text, oracle.as_bytes());
            assert!(!written.contains('\\'));
        }
        (Value::Escaped(written), Oracle::String(oracle)) => {
            assert_eq!(text, oracle.as_bytes());
            assert_eq!(unescaped(written, &arena), oracle);
            assert!(written.contains('\\'));
        }
        (Value::Object(written), Oracle::Object(members)) => {
            assert_eq!(text, compacted(written.as_bytes()));
            for (name, member) in members {
                assert_same(nested::field(value, name, &arena), member);
            }
            assert!(nested::field(value, "no such name", &arena).is_null());
            assert!(nested::element(value, 0, &arena).is_null());
            assert_visited(value, members.iter().map(|(name, member)| (name.as_str(), member)));
        }
        (Value::Array(written), Oracle::Array(elements)) => {
            assert_eq!(text, compacted(written.as_bytes()));
            let length = elements.len() as i64;
            assert_eq!(nested::length(value), Some(elements.len()));
            for (index, element) in elements.iter().enumerate() {
                assert_same(nested::element(value, index as i64, &arena), element);
                let from_end = nested::element(value, index as i64 - length, &arena);
                assert_eq!(shown(from_end), shown(nested::element(value, index as i64, &arena)));
            }
            assert!(nested::element(value, length, &arena).is_null());
            assert!(nested::element(value, -length - 1, &arena).is_null());
            assert!(nested::field(value, "a", &arena).is_null());
            assert_visited(value, elements.iter().map(|element| ("", element)));
        }
        (value, oracle) => panic!("{value:?} where the oracle has {oracle}"),
    }
}

/// Every member or element is shown, in order; of two of one name both.
fn assert_visited<'o>(value: Value<'_>, oracle: impl Iterator<Item = (&'o str, &'o Oracle)>) {
    let arena = Arena::new();
    let mut seen: Vec<(String, String)> = Vec::new();
    nested::visit(value, &arena, &mut |name, member| {
        let member = String::from_utf8(text_of(member)).unwrap();
        match seen.iter_mut().find(|(known, _)| !name.is_empty() && *known == name) {
            Some(earlier) => earlier.1 = member,
            None => seen.push((name.to_owned(), member)),
        }
    });
    if matches!(value, Value::Object(_)) && seen.iter().any(|(name, _)| name.is_empty()) {
        // The empty name may come twice, which the look-up above takes for elements.
        return;
    }
    let plain = |oracle: &Oracle| match oracle {
        Oracle::String(text) => Some(text.clone()),
        Oracle::Null => Some(String::new()),
        Oracle::Bool(truth) => Some(truth.to_string()),
        _ => None,
    };
    let oracle: Vec<_> = oracle.collect();
    assert_eq!(seen.len(), oracle.len());
    for ((name, member), (oracle_name, oracle)) in seen.iter().zip(oracle) {
        assert_eq!(name, oracle_name);
        assert!(plain(oracle).is_none_or(|text| text == *member), "{member} {oracle}");
    }
}

/// Decodes with both; true where both accept.
fn agree(document: &[u8]) -> bool {
    let arena = Arena::new();
    let ours = decode(document, &arena);
    let oracle = serde_json::from_slice::<Oracle>(document);
    let text = String::from_utf8_lossy(document);
    if let Ok(valid) = std::str::from_utf8(document) {
        assert_eq!(parse(valid).is_ok(), ours.is_ok(), "{text}");
    }
    let (decoded, oracle) = match (ours, oracle) {
        (Ok(decoded), Ok(oracle)) => (decoded, oracle),
        (Err(error), Err(_)) => {
            assert!(error.at <= document.len(), "{error} of {text}");
            return false;
        }
        (Ok(_), Err(error)) => panic!("accepted {text}, serde_json: {error}"),
        (Err(error), Ok(_)) => panic!("{error}: serde_json accepts {text}"),
    };
    let found = decoded.fields();
    assert_same(decoded.row.slot(0), &oracle);
    match (decoded.row.shape(), &oracle) {
        (Shape::Fields, Oracle::Object(members)) => {
            let oracle_names: Vec<_> = members.keys().map(String::as_bytes).collect();
            let our_names: Vec<_> = found.iter().map(|found| found.0).collect();
            assert_eq!(our_names, oracle_names, "{text}");
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
    assert_paths(document, &oracle, &arena);
    true
}

/// What every path of the oracle leads to, and one step further, where nothing is.
fn paths<'o>(at: &[Step], oracle: &'o Oracle, found: &mut Vec<(Vec<Step>, Option<&'o Oracle>)>) {
    let step = |step| [at, &[step]].concat();
    found.push((at.to_vec(), Some(oracle)));
    found.push((step(Step::Field("no such name".into())), None));
    found.push((step(Step::Index(1_000)), None));
    if let Oracle::Object(members) = oracle {
        members
            .iter()
            .for_each(|(name, member)| paths(&step(Step::Field(name.clone())), member, found));
    }
    for (index, element) in oracle.as_array().into_iter().flatten().enumerate() {
        paths(&step(Step::Index(index as i64)), element, found);
    }
}

/// Slots are filled alike with and without all fields, and only with what the oracle has.
fn assert_paths(document: &[u8], oracle: &Oracle, arena: &Arena) {
    let mut expected = Vec::new();
    paths(&[], oracle, &mut expected);
    // A value that is no object is also its own field `value`; the oracle has none.
    let own = [Step::Field("value".into())];
    if !oracle.is_object() {
        expected.push((own.to_vec(), Some(oracle)));
    }
    let all: Vec<_> = expected.iter().map(|(path, _)| path.clone()).collect();
    for every_field in [false, true] {
        let wanted = Wanted { every_field, paths: all.clone() };
        let (decoded, result) = decode_with(Names::default(), wanted, document, arena);
        result.unwrap();
        assert!(every_field || decoded.row.fields().is_empty());
        for (slot, (path, oracle)) in expected.iter().enumerate() {
            match (oracle, decoded.row.slot(slot)) {
                (Some(oracle), value) => assert_same(value, oracle),
                (None, value) => assert!(value.is_null(), "{path:?} {value:?}"),
            }
        }
    }
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
    fn unvalidated_values_never_panic(text in mutated(), kind in 0..3usize) {
        let text = String::from_utf8_lossy(&text);
        let value = [Value::Escaped(&text), Value::Object(&text), Value::Array(&text)][kind];
        let arena = Arena::new();
        text_of(value);
        nested::field(value, "a", &arena);
        nested::element(value, 1, &arena);
        nested::element(value, -1, &arena);
        nested::visit(value, &arena, &mut |_, _| {});
    }
}

/// A decoder is used for many documents: nothing of one may be left in the next.
#[test]
fn documents_after_one_another_do_not_mix() {
    let arena = Arena::new();
    let paths = ["a.x", "a.y", "a", "b"]
        .map(|path| path.split('.').map(|name| Step::Field(name.to_owned())).collect::<Vec<_>>());
    let wanted = Wanted { every_field: false, paths: paths.to_vec() };
    let (mut decoder, mut names, mut row) =
        (JsonDecoder::new(wanted), Names::default(), Row::default());
    for (document, slots) in [
        (r#"{"a":{"x":1,"y":2},"b":3}"#, ["1", "2", r#"{"x":1,"y":2}"#, "3"]),
        (r#"{"b":4,"a":{"y":5}}"#, ["", "5", r#"{"y":5}"#, "4"]),
        (r#"{}"#, ["", "", "", ""]),
        (r#"{"a":{"x":1,"y":2},"a":{"y":[7]}}"#, ["", "[7]", r#"{"y":[7]}"#, ""]),
        (r#"{"a":{"x":1},"a":6,"b":0}"#, ["", "", "6", "0"]),
        (r#"{"\u0061":{"\u0078":1,"x":8}}"#, ["8", "", r#"{"\u0078":1,"x":8}"#, ""]),
        (r#"[1]"#, ["", "", "", ""]),
    ] {
        let result =
            decoder.document(document.as_bytes(), Format::Json, &mut names, &arena, &mut row);
        result.unwrap();
        for (slot, expected) in slots.iter().enumerate() {
            assert_eq!(text_of(row.slot(slot)), expected.as_bytes(), "{document} {slot}");
        }
        // Names may be dropped between any two.
        decoder.forget_names();
        names = Names::default();
        row.forget_names();
    }
}

#[test]
fn a_path_longer_than_any_document_is_deep_leads_nowhere() {
    let arena = Arena::new();
    let path = vec![Step::Field("a".into()); 100_000];
    let wanted = Wanted { every_field: false, paths: vec![path] };
    let document = r#"{"a":{"a":1}}"#;
    let (decoded, result) = decode_with(Names::default(), wanted, document.as_bytes(), &arena);
    result.unwrap();
    assert!(decoded.row.slot(0).is_null());
}
