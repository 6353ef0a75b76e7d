//! The grammar case by case, after the lists of JSONTestSuite
//! (github.com/nst/JSONTestSuite): what must be accepted, what refused.

use super::*;

const ACCEPTED: &[&str] = &[
    "[]",
    "[ ]",
    "[[]   ]",
    "[null, 1, \"1\", {}]",
    "[1,null,null,null,2]",
    "[1\n]",
    " [1]",
    "[2] ",
    "[123e65]",
    "[0e+1]",
    "[0e1]",
    "[ 4]",
    "[-0.000000000000000000000000000000000000000000000000001]",
    "[20e1]",
    "[-0]",
    "[-123]",
    "[-1]",
    "[1E22]",
    "[1E-2]",
    "[1E+2]",
    "[123e45]",
    "[123.456e78]",
    "[1e-2]",
    "[1e+2]",
    "[123]",
    "[123.456789]",
    "[1e9999]",
    "[-1e9999]",
    "[0.4e00669999999999999]",
    "[100000000000000000000000000000000000000000000000000000000000000000000000000000000]",
    "{\"asd\":\"sdf\", \"dfg\":\"fgh\"}",
    "{\"asd\":\"sdf\"}",
    "{\"a\":\"b\",\"a\":\"c\"}",
    "{\"a\":\"b\",\"a\":\"b\"}",
    "{}",
    "{\"\":0}",
    "{\"foo\\u0000bar\": 42}",
    "{ \"min\": -1.0e+28, \"max\": 1.0e+28 }",
    "{\"x\":[{\"id\": \"x\"}], \"id\": \"y\"}",
    "{\"a\":[]}",
    "{\n\"a\": \"b\"\n}",
    "{\"title\":\"\\u041f\\u043e\\u043b\" }",
    "[\"\\u0060\\u012a\\u12AB\"]",
    "[\"\\uD801\\udc37\"]",
    "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]",
    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
    "[\"\\\\u0000\"]",
    "[\"\\\"\"]",
    "[\"a/*b*/c/*d//e\"]",
    "[\"\\\\a\"]",
    "[\"\\\\n\"]",
    "[\"\\u0012\"]",
    "[\"\\uFFFF\"]",
    "[\"asd\"]",
    "[ \"asd\"]",
    "[\"\\uDBFF\\uDFFF\"]",
    "[\"new\\u00A0line\"]",
    "[\"\u{10ffff}\"]",
    "[\"\u{ffff}\"]",
    "[\"\\u0000\"]",
    "[\"\\u002c\"]",
    "[\"π\"]",
    "[\"\u{1bfff}\"]",
    "[\"asd \"]",
    "\" \"",
    "[\"\\uD834\\uDd1e\"]",
    "[\"\\u0821\"]",
    "[\"\\u0123\"]",
    "[\"\u{2028}\"]",
    "[\"\u{2029}\"]",
    "[\"\\u0061\\u30af\\u30EA\\u30b9\"]",
    "[\"new\\u000Aline\"]",
    "[\"\u{7f}\"]",
    "[\"\\uA66D\"]",
    "[\"\\u005C\"]",
    "[\"\\u0022\"]",
    "[\"\\u200B\"]",
    "[\"\\u2064\"]",
    "[\"\\uFDD0\"]",
    "false",
    "42",
    "-0.1",
    "null",
    "\"asd\"",
    "true",
    "\"\"",
    "[\"a\"]\n",
    "[true]",
    " [] ",
    "\t{\r\n}\t",
    "0",
    "{\"a\":{\"a\":{\"a\":{}}},\"b\":[[],[{}]]}",
];

const REFUSED: &[&str] = &[
    "",
    " ",
    "[1 true]",
    "[a\u{e5}]",
    "[\"\": 1]",
    "[\"\"],",
    "[,1]",
    "[1,,2]",
    "[\"x\",,]",
    "[\"x\"]]",
    "[\"\",]",
    "[\"x\"",
    "[x",
    "[3[4]]",
    "[1:2]",
    "[,]",
    "[-]",
    "[   , \"\"]",
    "[\"a\",\n4\n,1,",
    "[1,]",
    "[1,,]",
    "[\"\u{b}a\"\\f]",
    "[*]",
    "[\"\"",
    "[1,",
    "[1,\n1\n,1",
    "[{}",
    "[fals]",
    "[nul]",
    "[tru]",
    "123\0",
    "[++1234]",
    "[+1]",
    "[+Inf]",
    "[-01]",
    "[-1.0.]",
    "[-2.]",
    "[-NaN]",
    "[.-1]",
    "[.2e-3]",
    "[0.1.2]",
    "[0.3e+]",
    "[0.3e]",
    "[0.e1]",
    "[0E+]",
    "[0E]",
    "[0e+]",
    "[0e]",
    "[1.0e+]",
    "[1.0e-]",
    "[1.0e]",
    "[1 000.0]",
    "[1eE2]",
    "[2.e+3]",
    "[2.e-3]",
    "[2.e3]",
    "[9.e+]",
    "[Inf]",
    "[NaN]",
    "[\u{ff11}]",
    "[1+2]",
    "[0x1]",
    "[0x42]",
    "[Infinity]",
    "[0e+-1]",
    "[-123.123foo]",
    "[-Infinity]",
    "[-foo]",
    "[- 1]",
    "[-012]",
    "[-.123]",
    "[-1x]",
    "[1ea]",
    "[1.]",
    "[.123]",
    "[1.2a-3]",
    "[1.8011670033376514H-308]",
    "[012]",
    "[\"x\", truth]",
    "{[: \"x\"}\n",
    "{\"x\", null}",
    "{\"x\"::\"b\"}",
    "{🇨🇭}",
    "{\"a\":\"a\" 123}",
    "{key: 'value'}",
    "{\"a\" b}",
    "{:\"b\"}",
    "{\"a\"",
    "{\"a\":",
    "{1:1}",
    "{9999E9999:1}",
    "{null:null,null:null}",
    "{\"id\":0,,,,,}",
    "{'a':0}",
    "{\"id\":0,}",
    "{\"a\":\"b\"}/**/",
    "{\"a\":\"b\"}/**//",
    "{\"a\":\"b\"}//",
    "{\"a\":\"b\"}/",
    "{\"a\":\"b\",,\"c\":\"d\"}",
    "{a: \"b\"}",
    "{\"a\":\"a",
    "{ \"foo\" : \"bar\", \"a\" }",
    "{\"a\":\"b\"}#",
    "[\"\\uD800\\\"]",
    "[\"\\uD800\\u\"]",
    "[\"\\uD800\\u1\"]",
    "[\"\\uD800\\u1x\"]",
    "[\u{e9}]",
    "[\"\\\0\"]",
    "[\"\\x00\"]",
    "[\"\\\\\\\"]",
    "[\"\\\t\"]",
    "[\"\\🌀\"]",
    "[\"\\\"]",
    "[\"\\u00A\"]",
    "[\"\\uD834\\uDd\"]",
    "[\"\\uD800\\uD800\\x\"]",
    "[\"\\a\"]",
    "[\"\\uqqqq\"]",
    "[\\u0020\"asd\"]",
    "[\\n]",
    "\"",
    "['single quote']",
    "abc",
    "[\"\\",
    "[\"a\0a\"]",
    "[\"new\nline\"]",
    "[\"\t\"]",
    "\"\\UA66D\"",
    "\"\"x",
    "<.>",
    "[<null>]",
    "[1]x",
    "[1]]",
    "[\"asd]",
    "aå",
    "[True]",
    "1]",
    "{\"x\": true,",
    "[][]",
    "]",
    "\u{feff}{}",
    "{\"a\": true} \"x\"",
    "\u{2060}",
    "\0",
    "*",
    "{\"a\":\"b\"}#{}",
    "[\u{2060}]",
    "[\\u000A\"\"]",
    "[\"a\" \"b\"]",
    "{\"asd\":\"asd\"",
    "{\"\\",
    "{]",
    "{}}",
    "{\"a\":1 \"b\":2}",
    "[1}",
    "{\"a\":1]",
    "[{]}",
    "\u{c}[]",
    "\u{feff}",
    "truex",
    "nullnull",
    "[\"\\ud800\"]",
    "[\"\\udc00\"]",
    "[\"\\ud800abc\"]",
    "[\"\\udd1e\\ud834\"]",
    "[\"\\ud800\\n\"]",
    "{\"\\ud800\":1}",
    "01",
    "-",
    "--1",
    "1.e1",
    "1e",
    "+1",
    ".1",
    "\u{a0}1",
    "1\u{85}",
    "NaN",
    "[\"\\u+123\"]",
];

#[test]
fn what_the_grammar_allows_is_accepted() {
    for document in ACCEPTED {
        assert!(agree(document.as_bytes()), "refused {document}");
    }
}

#[test]
fn what_the_grammar_forbids_is_refused() {
    for document in REFUSED {
        assert!(!agree(document.as_bytes()), "accepted {document}");
    }
}

#[test]
fn the_start_of_a_document_is_none() {
    let document = r#" {"a": [1.5e3, "x\n", {"b": null}], "c\u0041": true, "d": "😀"}"#;
    for end in 0..document.len() {
        assert!(!agree(&document.as_bytes()[..end]), "{}", &document[..end]);
    }
    assert!(agree(document.as_bytes()));
}

#[test]
fn errors_name_the_place_and_the_cause() {
    for (document, message) in [
        ("", "byte 0: empty, expected a value"),
        ("{\"a\":1} x", "byte 8: trailing characters"),
        ("{\"a\":1", "byte 6: ends too early"),
        ("{\"a\" 1}", "byte 5: expected ':'"),
        ("{\"a\":}", "byte 5: expected a value"),
        ("{a:1}", "byte 1: expected a field name in double quotes"),
        ("{\"a\":1;}", "byte 6: expected ',' or '}'"),
        ("[1;]", "byte 2: expected ',' or ']'"),
        ("[012]", "byte 2: invalid number"),
        ("[1.]", "byte 3: invalid number"),
        ("[\"\t\"]", "byte 2: control character in a string"),
        ("[\"\\x\"]", "byte 2: invalid escape"),
        ("[\"a\\ud800\"]", "byte 3: escape of a lone surrogate"),
        ("\u{feff}{}", "byte 0: byte order mark"),
    ] {
        let error = decode(document.as_bytes(), &Arena::new()).err().expect("an error");
        assert_eq!(error.to_string(), format!("invalid JSON at {message}"), "{document}");
    }
}

/// `depth` arrays or objects within each other.
fn repeated(depth: usize, open: &str, inside: &str, close: &str) -> String {
    format!("{}{inside}{}", open.repeat(depth), close.repeat(depth))
}

/// serde_json refuses the 128th level already: the one known difference.
#[test]
fn depth_is_limited() {
    let arena = Arena::new();
    let limit = MAX_DEPTH as usize;
    for (open, inside, close) in [("[", "", "]"), ("{\"a\":", "1", "}"), ("[{\"a\":", "[]", "}]")] {
        let levels = open.matches(['[', '{']).count();
        let inner = usize::from(inside == "[]");
        let deepest = repeated((limit - inner) / levels, open, inside, close);
        assert!(decode(deepest.as_bytes(), &arena).is_ok(), "{open}");
        let accepted = repeated((limit - 1 - inner) / levels, open, inside, close);
        assert!(agree(accepted.as_bytes()), "{open}");
        let error =
            decode(repeated(limit + 1, open, inside, close).as_bytes(), &arena).err().unwrap();
        assert!(error.problem.starts_with("more than 128 objects and arrays"), "{error}");
        assert!(decode(open.repeat(1_000_000).as_bytes(), &arena).is_err());
    }
    let error = decode("[".repeat(1_000_000).as_bytes(), &arena).err().unwrap();
    assert_eq!(error.at, limit);
}

#[test]
fn the_last_of_two_equal_names_stands_at_the_place_of_the_first() {
    let document = br#"{"a": 1, "b": 2, "\u0061": 3, "n": {"x": 1, "\u0078" : 2}}"#;
    let arena = Arena::new();
    let decoded = decode(document, &arena).unwrap();
    let found: Vec<_> =
        decoded.fields().into_iter().map(|(name, value)| (name, text_of(value))).collect();
    let inner = br#"{"x":1,"\u0078":2}"#.to_vec();
    let expected: [(&[u8], Vec<u8>); 3] =
        [(b"a", b"3".to_vec()), (b"b", b"2".to_vec()), (b"n", inner)];
    assert_eq!(found, expected);
    let inner = decoded.fields()[2].1;
    assert_eq!(shown(nested::field(inner, "x", &arena)), shown(Value::Number("2")));
}

/// A name that is expected is compared with the document before its end is looked for.
#[test]
fn an_expected_name_is_no_other_name() {
    for (first, second, accepted) in [
        (r#"{"a\"b":1}"#, r#"{"a"b":1}"#, false),
        (r#"{"a\\b":1}"#, r#"{"a\b":1}"#, true),
        (r#"{"a\nb":1}"#, "{\"a\nb\":1}", false),
        (r#"{"a\\":1}"#, r#"{"a\":1}"#, false),
        (r#"{"ab":1}"#, r#"{"ab\"":1}"#, true),
        (r#"{"ab":1}"#, r#"{"abc":1}"#, true),
        (r#"{"ab":1}"#, r#"{"a":1}"#, true),
        (r#"{"ab":1}"#, r#"{"ab"#, false),
        (r#"{"ab":1}"#, r#"{"ab""#, false),
        (r#"{"ab":1}"#, r#"{ab":1}"#, false),
        (r#"{"":1}"#, r#"{"":1}"#, true),
        (r#"{"":1}"#, r#"{"a":1}"#, true),
        (r#"{"value":1}"#, r#"{"\u0076alue":1}"#, true),
    ] {
        assert!(agree(first.as_bytes()));
        assert_eq!(agree(second.as_bytes()), accepted, "{first} {second}");
        assert_eq!(agree(second.as_bytes()), accepted, "{first} {second}");
    }
}

#[test]
fn numbers_keep_their_text() {
    for number in ["13.40", "-0", "1E400", "0.1e-7", "123456789012345678901234567890.10"] {
        let document = format!("{{\"n\": {number} }}");
        let arena = Arena::new();
        let decoded = decode(document.as_bytes(), &arena).unwrap();
        assert_eq!(text_of(decoded.fields()[0].1), number.as_bytes());
    }
}
