//! JSON as Kafka Connect's JsonConverter writes it with `schemas.enable=false`: unions bare,
//! bytes, fixed and decimals (unscaled, big-endian) as base64, times as numbers. A map's keys are
//! sorted, so that a seed gives the same bytes each time.

use apache_avro::types::Value;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Error, Serialize, SerializeMap, Serializer};
use std::collections::BTreeMap;

/// Appends `value` to `out`.
///
/// # Errors
/// It holds a NaN or an infinity, for which JSON has no number.
pub fn encode(value: &Value, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    serde_json::to_writer(out, &Plain(value))
}

struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Boolean(value) => serializer.serialize_bool(*value),
            Value::Int(number) | Value::Date(number) | Value::TimeMillis(number) => {
                serializer.serialize_i32(*number)
            }
            Value::Long(number)
            | Value::TimeMicros(number)
            | Value::TimestampMillis(number)
            | Value::TimestampMicros(number)
            | Value::TimestampNanos(number)
            | Value::LocalTimestampMillis(number)
            | Value::LocalTimestampMicros(number)
            | Value::LocalTimestampNanos(number) => serializer.serialize_i64(*number),
            Value::Float(number) if number.is_finite() => serializer.serialize_f32(*number),
            Value::Double(number) if number.is_finite() => serializer.serialize_f64(*number),
            Value::Float(_) | Value::Double(_) => {
                Err(Error::custom("JSON has no number for NaN and infinities"))
            }
            Value::Bytes(bytes) | Value::Fixed(_, bytes) => base64(bytes, serializer),
            Value::String(text) | Value::Enum(_, text) => serializer.serialize_str(text),
            Value::Union(_, value) => Plain(value).serialize(serializer),
            Value::Array(values) => serializer.collect_seq(values.iter().map(Plain)),
            Value::Map(map) => {
                let sorted: BTreeMap<_, _> = map.iter().collect();
                serializer.collect_map(sorted.into_iter().map(|(key, value)| (key, Plain(value))))
            }
            Value::Record(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, &Plain(value))?;
                }
                map.end()
            }
            Value::Decimal(decimal) => {
                let bytes = Vec::try_from(decimal).map_err(Error::custom)?;
                base64(&bytes, serializer)
            }
            Value::BigDecimal(number) => serializer.collect_str(number),
            Value::Duration(duration) => base64(&<[u8; 12]>::from(*duration), serializer),
            Value::Uuid(uuid) => serializer.collect_str(uuid),
        }
    }
}

fn base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: Value) -> String {
        let mut out = Vec::new();
        encode(&value, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_look_as_connect_writes_them() {
        let record = Value::Record(vec![
            ("a".into(), Value::Union(1, Box::new(Value::String("x\"y".into())))),
            ("b".into(), Value::Union(0, Box::new(Value::Null))),
            ("c".into(), Value::Bytes(vec![0, 255])),
            ("d".into(), Value::Double(21.4)),
            ("e".into(), Value::Float(0.1)),
            ("f".into(), Value::TimestampMillis(1_700_000_000_123)),
            ("g".into(), Value::Decimal(vec![1, 0].into())),
            ("h".into(), Value::Enum(1, "B".into())),
            ("i".into(), Value::Array(vec![Value::Int(1), Value::Boolean(true)])),
        ]);
        assert_eq!(
            json(record),
            r#"{"a":"x\"y","b":null,"c":"AP8=","d":21.4,"e":0.1,"f":1700000000123,"g":"AQA=","h":"B","i":[1,true]}"#
        );
    }

    #[test]
    fn keys_of_maps_are_sorted() {
        let map = ["c", "a", "b"].map(|key| (key.to_owned(), Value::Int(1)));
        assert_eq!(json(Value::Map(map.into())), r#"{"a":1,"b":1,"c":1}"#);
    }

    #[test]
    fn what_json_cannot_say_is_an_error() {
        assert!(encode(&Value::Double(f64::NAN), &mut Vec::new()).is_err());
    }
}
