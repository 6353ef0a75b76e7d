//! The text form of every value: what stands in Redis, decided once.
//!
//! The table for users is docs/formats.md's "Text forms".

use super::{calendar, json};
use crate::record::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::io::Write as _;

/// Appends a value's text: strings unescaped, bytes as they are, numbers and
/// booleans as written, times as ISO 8601, nested values as compact JSON in
/// source order. Null has no text: callers decide what it means.
pub fn write_text(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        Value::Escaped(text) => json::unescape(text, out),
        Value::Bytes(bytes) => out.extend_from_slice(bytes),
        Value::Number(text) => out.extend_from_slice(text.as_bytes()),
        Value::Boolean(truth) => out.extend_from_slice(if truth { b"true" } else { b"false" }),
        Value::Int(int) => out.extend_from_slice(itoa::Buffer::new().format(int).as_bytes()),
        Value::Float(float) if float.is_finite() => {
            out.extend_from_slice(zmij::Buffer::new().format_finite(float).as_bytes());
        }
        Value::Float(float) => out.extend_from_slice(not_finite(f64::from(float))),
        Value::Double(double) if double.is_finite() => {
            out.extend_from_slice(zmij::Buffer::new().format_finite(double).as_bytes());
        }
        Value::Double(double) => out.extend_from_slice(not_finite(double)),
        Value::Decimal(decimal) => decimal.write(out),
        Value::Date(days) => calendar::write_date(i64::from(days), out),
        Value::Time(time, unit) => calendar::write_time(time, unit, out),
        Value::Timestamp(time, unit) => {
            calendar::write_timestamp(time, unit, out);
            out.push(b'Z');
        }
        Value::LocalTimestamp(time, unit) => calendar::write_timestamp(time, unit, out),
        Value::Object(text) | Value::Array(text) => json::write_compact(text, out),
        Value::List(_) | Value::Entries(_) | Value::Nested(_) => write_json(value, out),
    }
}

/// Appends a value as compact JSON: numbers and booleans bare, what is no
/// number to JSON (NaN, infinities), times and texts as strings, bytes as a
/// string in base64 (RFC 4648, as Kafka Connect and proto3 write them).
pub fn write_json(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Text(text) => write_json_string(text, out),
        Value::Escaped(text) => {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        Value::Bytes(bytes) => {
            out.push(b'"');
            let start = out.len();
            out.resize(start + base64::encoded_len(bytes.len(), true).unwrap_or(0), 0);
            if let Some(place) = out.get_mut(start..) {
                // The place has just been made as long as the text.
                let _ = BASE64.encode_slice(bytes, place);
            }
            out.push(b'"');
        }
        Value::List(values) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_json(*value, out);
            }
            out.push(b']');
        }
        Value::Entries(entries) => {
            out.push(b'{');
            for (index, (name, value)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_json_string(name, out);
                out.push(b':');
                write_json(*value, out);
            }
            out.push(b'}');
        }
        Value::Nested(nested) => nested.write_json(out),
        Value::Date(_) | Value::Time(..) | Value::Timestamp(..) | Value::LocalTimestamp(..) => {
            write_quoted(value, out);
        }
        Value::Float(float) if !float.is_finite() => write_quoted(value, out),
        Value::Double(double) if !double.is_finite() => write_quoted(value, out),
        _ => write_text(value, out),
    }
}

fn write_quoted(value: Value<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    write_text(value, out);
    out.push(b'"');
}

fn not_finite(number: f64) -> &'static [u8] {
    match number {
        _ if number.is_nan() => b"NaN",
        _ if number > 0.0 => b"Infinity",
        _ => b"-Infinity",
    }
}

/// Appends `text` as a JSON string: quotes, backslashes and control characters escaped, nothing else.
pub fn write_json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut kept = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            0x00..0x20 => 0,
            _ => continue,
        };
        out.extend_from_slice(text.as_bytes().get(kept..at).unwrap_or_default());
        kept = at + 1;
        match short {
            // Writing into a Vec cannot fail.
            0 => drop(write!(out, "\\u{byte:04x}")),
            _ => out.extend_from_slice(&[b'\\', short]),
        }
    }
    out.extend_from_slice(text.as_bytes().get(kept..).unwrap_or_default());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Arena, Decimal, TimeUnit};

    /// Every row of docs/formats.md's "Text forms".
    #[test]
    fn every_type_has_its_text_and_its_json() {
        let arena = Arena::new();
        let at = 1_593_561_900_123_456_789;
        let nested = arena.entries(&[("a", Value::Null), ("b\n", Value::Int(1))]);
        for (value, text, json) in [
            (Value::Null, "", "null"),
            (Value::Boolean(true), "true", "true"),
            (Value::Int(i64::MIN), "-9223372036854775808", "-9223372036854775808"),
            (Value::Float(13.4), "13.4", "13.4"),
            (Value::Double(13.4), "13.4", "13.4"),
            (Value::Double(1e16), "1e+16", "1e+16"),
            (Value::Double(2.0), "2.0", "2.0"),
            (Value::Double(-0.0), "-0.0", "-0.0"),
            (Value::Double(f64::NAN), "NaN", "\"NaN\""),
            (Value::Float(f32::INFINITY), "Infinity", "\"Infinity\""),
            (Value::Double(f64::NEG_INFINITY), "-Infinity", "\"-Infinity\""),
            (arena.decimal(Decimal { unscaled: 1340, scale: 2 }), "13.40", "13.40"),
            (Value::Number("1E+400"), "1E+400", "1E+400"),
            (Value::Text("a \"b\"\u{1}"), "a \"b\"\u{1}", r#""a \"b\"\u0001""#),
            (Value::Escaped(r"a\u00e9\n"), "aé\n", r#""a\u00e9\n""#),
            (Value::Bytes(b"any"), "any", "\"YW55\""),
            (Value::Date(18_444), "2020-07-01", "\"2020-07-01\""),
            (Value::Time(86_399_999, TimeUnit::Millis), "23:59:59.999", "\"23:59:59.999\""),
            (Value::Time(1, TimeUnit::Micros), "00:00:00.000001", "\"00:00:00.000001\""),
            (
                Value::Timestamp(at, TimeUnit::Nanos),
                "2020-07-01T00:05:00.123456789Z",
                "\"2020-07-01T00:05:00.123456789Z\"",
            ),
            (
                Value::Timestamp(-1, TimeUnit::Millis),
                "1969-12-31T23:59:59.999Z",
                "\"1969-12-31T23:59:59.999Z\"",
            ),
            (
                Value::LocalTimestamp(0, TimeUnit::Millis),
                "1970-01-01T00:00:00.000",
                "\"1970-01-01T00:00:00.000\"",
            ),
            (Value::Object("{ \"a\" : [1, 2] }"), r#"{"a":[1,2]}"#, r#"{"a":[1,2]}"#),
            (Value::Array("[ 1.50 ]"), "[1.50]", "[1.50]"),
            (Value::List(&[Value::Int(1), Value::Null]), "[1,null]", "[1,null]"),
            (nested, r#"{"a":null,"b\n":1}"#, r#"{"a":null,"b\n":1}"#),
        ] {
            let (mut as_text, mut as_json) = (Vec::new(), Vec::new());
            write_text(value, &mut as_text);
            write_json(value, &mut as_json);
            assert_eq!(String::from_utf8(as_text).unwrap(), text, "{value:?}");
            assert_eq!(String::from_utf8(as_json).unwrap(), json, "{value:?}");
        }
        let mut raw = Vec::new();
        write_text(Value::Bytes(b"\xff\x00"), &mut raw);
        assert_eq!(raw, b"\xff\x00");
    }
}
