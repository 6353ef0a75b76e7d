//! Every type, and decimals against Java-like arithmetic of another make.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A schema of that type, and a logical type's name and scale.
fn schema(kind: &str, name: &str, scale: &str) -> String {
    format!(
        r#"{{"type":"{kind}","optional":false,"name":"{name}","version":1,"parameters":{{"scale":"{scale}"}}}}"#
    )
}

#[test]
fn every_type_has_its_text() {
    for (kind, payload, text) in [
        ("boolean", "true", "true"),
        ("int8", "-128", "-128"),
        ("int16", "32767", "32767"),
        ("int32", "-2147483648", "-2147483648"),
        ("int64", "9223372036854775807", "9223372036854775807"),
        ("float", "0.1", "0.1"),
        ("float", "16777217", "16777216.0"),
        ("double", "3.14", "3.14"),
        ("double", "\"NaN\"", "NaN"),
        ("double", "\"-Infinity\"", "-Infinity"),
        ("string", r#""a\"b\u00e9""#, "a\"bé"),
        ("bytes", r#""QSBC""#, "A B"),
        ("bytes", r#""""#, ""),
        ("bytes", r#""Pz8\/""#, "???"),
    ] {
        let seen = single_of(&format!(r#"{{"type":"{kind}"}}"#), payload);
        let same = |seen: &str| match kind {
            "float" => seen.parse::<f32>() == text.parse::<f32>() || seen == text,
            _ => seen == text,
        };
        assert!(same(seen.as_ref().unwrap().as_ref().unwrap()), "{kind} {payload} {seen:?}");
    }
    for (kind, payload) in [
        ("boolean", "1"),
        ("int8", "128"),
        ("int16", "-32769"),
        ("int32", "2147483648"),
        ("int64", "9223372036854775808"),
        ("int64", "1.0"),
        ("float", "1e39"),
        ("float", "\"1\""),
        ("double", "1e400"),
        ("string", "{}"),
        ("bytes", "\"A\""),
        ("bytes", "\"====\""),
        ("bytes", "[1]"),
    ] {
        let error = single_of(&format!(r#"{{"type":"{kind}"}}"#), payload).unwrap_err();
        assert!(error.contains("payload does not fit"), "{kind} {payload} {error}");
    }
}

#[test]
fn logical_types_are_known_by_name() {
    let connect = |name: &str| format!("org.apache.kafka.connect.data.{name}");
    let debezium = |name: &str| format!("io.debezium.time.{name}");
    for (kind, name, payload, text) in [
        ("int32", connect("Date"), "17702", "2018-06-20"),
        ("int32", connect("Time"), "10691123", "02:58:11.123"),
        ("int64", connect("Timestamp"), "1529507596945", "2018-06-20T15:13:16.945Z"),
        ("int32", debezium("Date"), "-1", "1969-12-31"),
        ("int32", debezium("Time"), "10691123", "02:58:11.123"),
        ("int64", debezium("MicroTime"), "10691123456", "02:58:11.123456"),
        ("int64", debezium("NanoTime"), "10691123456789", "02:58:11.123456789"),
        ("int64", debezium("Timestamp"), "1529507596945", "2018-06-20T15:13:16.945"),
        ("int64", debezium("MicroTimestamp"), "1529507596945104", "2018-06-20T15:13:16.945104"),
        (
            "int64",
            debezium("NanoTimestamp"),
            "1529507596945104000",
            "2018-06-20T15:13:16.945104000",
        ),
        ("string", debezium("ZonedTimestamp"), "\"2018-06-20T13:37:03Z\"", "2018-06-20T13:37:03Z"),
        ("int32", debezium("Year"), "2018", "2018"),
        ("string", "io.debezium.data.Uuid".to_owned(), "\"a-b\"", "a-b"),
    ] {
        let seen = single_of(&schema(kind, &name, "0"), payload);
        assert_eq!(seen, Ok(Some(text.to_owned())), "{name}");
    }
}

/// The way `BigInteger.toByteArray` writes: as short as two's complement allows.
fn to_byte_array(number: i128) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let redundant = bytes
        .windows(2)
        .take_while(|pair| {
            (pair[0] == 0 && pair[1] & 0x80 == 0) || (pair[0] == 0xff && pair[1] & 0x80 != 0)
        })
        .count();
    bytes[redundant..].to_vec()
}

fn decimal(bytes: &[u8], scale: i32) -> Result<Option<String>, String> {
    let schema = schema("bytes", "org.apache.kafka.connect.data.Decimal", &scale.to_string());
    single_of(&schema, &format!("\"{}\"", STANDARD.encode(bytes)))
}

proptest! {
    #[test]
    fn decimals_are_as_java_writes_them(number in any::<i128>(), scale in 0..=38u32) {
        let digits = format!("{:0>1$}", number.unsigned_abs(), scale as usize + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
        let sign = if number < 0 { "-" } else { "" };
        let point = if scale > 0 { "." } else { "" };
        let expected = format!("{sign}{whole}{point}{fraction}");
        prop_assert_eq!(decimal(&to_byte_array(number), scale as i32), Ok(Some(expected.clone())));
        // With one more sign byte it is the same, and takes the other way when long.
        let fill = if number < 0 { 0xff } else { 0 };
        let long = [vec![fill; 20], to_byte_array(number)].concat();
        prop_assert_eq!(decimal(&long, scale as i32), Ok(Some(expected)));
    }

    /// Beyond 128 bits: (a × 10^18 + b) × 2^64 is the same number either way.
    #[test]
    fn larger_decimals_keep_every_digit(digits in "[1-9][0-9]{40,120}", negative: bool) {
        // Decimal text to big-endian bytes by schoolbook multiplication.
        let mut magnitude: Vec<u8> = vec![0];
        for digit in digits.bytes() {
            let mut carry = u16::from(digit - b'0');
            for byte in magnitude.iter_mut().rev() {
                carry += u16::from(*byte) * 10;
                (*byte, carry) = (carry as u8, carry >> 8);
            }
            if carry > 0 {
                magnitude.insert(0, carry as u8);
            }
        }
        magnitude.insert(0, 0);
        if negative {
            let mut carry = true;
            for byte in magnitude.iter_mut().rev() {
                (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
            }
        }
        let sign = if negative { "-" } else { "" };
        prop_assert_eq!(decimal(&magnitude, 0), Ok(Some(format!("{sign}{digits}"))));
        prop_assert_eq!(decimal(&magnitude, -2), Ok(Some(format!("{sign}{digits}00"))));
        let (whole, fraction) = digits.split_at(digits.len() - 40);
        let expected = format!("{sign}{}.{fraction}", if whole.is_empty() { "0" } else { whole });
        prop_assert_eq!(decimal(&magnitude, 40), Ok(Some(expected)));
    }

    /// With a schema of plain types nothing is changed, so serde_json can say what is right.
    #[test]
    fn values_of_plain_types_are_what_serde_json_reads(value in plain(), spaces in "[ \n]{0,2}") {
        let payload = value.1.to_string().replace(':', &format!(":{spaces}"));
        assert_json(&payload);
        let document = envelope(&value.0, &payload);
        let (_, whole) = slots(&document, &[]);
        let read: serde_json::Value = serde_json::from_str(&whole).unwrap();
        prop_assert_eq!(read, value.1);
    }
}

/// Whether it is JSON.
fn assert_json(payload: &str) {
    serde_json::from_str::<serde_json::Value>(payload).unwrap();
}

/// A schema with a value of it.
fn plain() -> impl Strategy<Value = (String, serde_json::Value)> {
    let scalar = prop_oneof![
        any::<i64>().prop_map(|int| (r#"{"type":"int64"}"#.to_owned(), int.into())),
        any::<bool>().prop_map(|truth| (r#"{"type":"boolean"}"#.to_owned(), truth.into())),
        "[a-z\"\\\\é ]{0,9}".prop_map(|text| (r#"{"type":"string"}"#.to_owned(), text.into())),
        // Typed values are written anew.
        any::<i8>()
            .prop_map(|int| (r#"{"type":"double"}"#.to_owned(), (f64::from(int) + 0.5).into())),
    ];
    scalar.prop_recursive(4, 24, 4, |inner| {
        let fields = prop::collection::btree_map("[a-d]{1,2}", inner.clone(), 0..4);
        let object = fields.prop_map(|fields| {
            let schemas: Vec<_> = fields
                .iter()
                .map(|(name, (schema, _))| {
                    schema.replacen('{', &format!(r#"{{"field":"{name}","#), 1)
                })
                .collect();
            let schema = format!(r#"{{"type":"struct","fields":[{}]}}"#, schemas.join(","));
            let members = fields.into_iter().map(|(name, (_, value))| (name, value));
            (schema, serde_json::Value::Object(members.collect()))
        });
        let list = (inner.clone(), 0..4usize).prop_map(|((schema, value), times)| {
            (format!(r#"{{"type":"array","items":{schema}}}"#), vec![value; times].into())
        });
        let map = ("[a-d\"é]{0,2}", inner).prop_map(|(key, (schema, value))| {
            let schema =
                format!(r#"{{"type":"map","keys":{{"type":"string"}},"values":{schema}}}"#);
            (schema, serde_json::json!({ key: value }))
        });
        prop_oneof![object, list, map]
    })
}

#[test]
fn numbers_may_stand_for_decimals() {
    let schema = schema("bytes", "org.apache.kafka.connect.data.Decimal", "2");
    for number in ["13.40", "-0.05", "7", "1e3", "123456789012345678901234567890123456789012.5"] {
        assert_eq!(single_of(&schema, number), Ok(Some(number.to_owned())));
    }
    assert!(single_of(&schema, "true").is_err());
}

#[test]
fn decimals_of_variable_scale_are_decimals() {
    let schema = r#"{"type":"struct","fields":[{"type":"int32","field":"scale"},
        {"type":"bytes","field":"value"}],"optional":true,
        "name":"io.debezium.data.VariableScaleDecimal","version":1,"field":"number"}"#;
    let all = format!(r#"{{"type":"struct","fields":[{schema}]}}"#);
    let seen = decode(&envelope(&all, r#"{"number":{"scale":3,"value":"BTw="}}"#)).unwrap();
    assert_eq!(seen.1, [("number".to_owned(), Some("1.340".to_owned()))]);
    let seen = decode(&envelope(&all, r#"{"number":null}"#)).unwrap();
    assert_eq!(seen.1, [("number".to_owned(), None)]);
    assert!(decode(&envelope(&all, r#"{"number":{"scale":3}}"#)).is_err());
    // No few bytes may ask for gigabytes of zeros; the least number has no positive one.
    for scale in ["1001", "-1001", "2147483647", "-2147483648"] {
        let number = format!(r#"{{"number":{{"scale":{scale},"value":"BTw="}}}}"#);
        assert!(decode(&envelope(&all, &number)).is_err(), "{scale}");
        let decimal = format!(
            r#"{{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal",
                "parameters":{{"scale":"{scale}"}}}}"#
        );
        assert!(decode(&envelope(&decimal, r#""BTw=""#)).is_err(), "{scale}");
    }
}

#[test]
fn maps_are_objects_or_pairs() {
    let map = |keys: &str, values: &str| {
        format!(r#"{{"type":"map","keys":{{"type":"{keys}"}},"values":{{"type":"{values}"}}}}"#)
    };
    let texts = envelope(&map("string", "bytes"), r#"{"a":"AA==","b\n":"/w=="}"#);
    let (shape, fields) = decode(&texts).unwrap();
    assert_eq!((shape, fields.len(), &*fields[1].0), (Shape::Fields, 2, "b\n"));
    let (found, whole) = slots(&texts, &["a", "no"]);
    assert_eq!(found, [Some("\0".to_owned()), None]);
    assert_eq!(whole, r#"{"a":"AA==","b\n":"/w=="}"#);
    let pairs = envelope(&map("int32", "double"), "[[1,2.5],[-7,0.5]]");
    let (found, whole) = slots(&pairs, &["-7", "1", "1.x"]);
    // A name that looks like a number is an index here, which a map has none of.
    assert_eq!((found, &*whole), (vec![None, None, None], r#"{"1":2.5,"-7":0.5}"#));
    let (_, fields) = decode(&pairs).unwrap();
    assert_eq!(fields[1], ("-7".to_owned(), Some("0.5".to_owned())));
    for (payload, problem) in [
        ("{}", "expected a map as an array of [key, value]"),
        ("[[1]]", "an entry that does not fit"),
        ("[[1,2,3]]", "an entry that does not fit"),
        ("[[\"a\",2]]", "payload key does not fit, expected an int32"),
        ("[[1,\"a\"]]", "payload['1'] does not fit, expected a double"),
    ] {
        let error = decode(&envelope(&map("int32", "double"), payload)).unwrap_err();
        assert!(error.contains(problem), "{error}");
    }
    let error = decode(&envelope(&map("string", "int8"), r#"{"a":[]}"#)).unwrap_err();
    assert!(error.contains("payload['a'] does not fit, expected an int8"), "{error}");
}

/// A document with a few bytes changed, put in, taken out or cut off.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let place = any::<prop::sample::Index>();
    let byte = prop::sample::select(&b"{}[]:,\"\\ntfu0-.e 9=/AzZ\x00\x80"[..]);
    let changes = prop::collection::vec((place, 0..4u8, byte), 1..5);
    let document = prop::sample::select(vec![
        envelope(ROW, PAYLOAD),
        envelope(
            r#"{"type":"map","keys":{"type":"int32"},"values":{"type":"double"}}"#,
            "[[1,2.5]]",
        ),
        envelope(&schema("bytes", "org.apache.kafka.connect.data.Decimal", "40"), "\"BTw=\""),
        envelope(&plain_row(), r#"{"a":{"b":[1,2]},"c":null}"#),
    ]);
    (document, changes).prop_map(|(document, changes)| {
        let mut bytes = document.into_bytes();
        for (place, how, byte) in changes {
            let place = place.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(place, byte),
                1 if place < bytes.len() => drop(bytes.remove(place)),
                2 if place > bytes.len() / 2 => bytes.truncate(place),
                _ if place < bytes.len() => bytes[place] = byte,
                _ => bytes.push(byte),
            }
        }
        bytes
    })
}

fn plain_row() -> String {
    r#"{"type":"struct","fields":[{"type":"struct","field":"a","fields":[
        {"type":"array","items":{"type":"int64"},"field":"b"}]},
        {"type":"string","optional":true,"field":"c"}]}"#
        .to_owned()
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4000))]

    /// What is read is read alike the second time, is JSON when nested, and nothing panics.
    #[test]
    fn mutated_documents_are_read_or_refused(document in mutated()) {
        let document = String::from_utf8_lossy(&document);
        if decode(&document).is_ok() {
            let (_, whole) = slots(&document, &["place.x", "blobs.0", "a.b.-1", "1", "c"]);
            assert_json(&whole);
        }
    }
}
