//! The texts that a record should have, from prost-reflect's reading of it and
//! from the documentation, without any code of the decoder.

use super::Json;
use base64::Engine as _;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    ReflectMessage as _, Value,
};

/// Why there is no oracle: what an Any holds is not what it says.
#[derive(Debug)]
pub struct Unreadable(pub String);

type Text = Result<String, Unreadable>;

/// The fields in the order they are declared in.
fn declared(of: &MessageDescriptor) -> Vec<FieldDescriptor> {
    let fields = of.descriptor_proto().field.iter();
    fields.map(|field| of.get_field_by_name(field.name()).expect("the field")).collect()
}

/// The record's fields: names and texts, no text where one is null.
pub fn fields(message: &DynamicMessage) -> Result<Vec<(String, Option<String>)>, Unreadable> {
    let text = |field: &FieldDescriptor| {
        let json = field_json(message, field)?;
        let text = match (&json[..], stands(message, field)) {
            ("null", _) => None,
            // Bytes stand as they are where they are no part of JSON.
            (_, Some(Value::Bytes(bytes))) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            (quoted, _) if quoted.starts_with('"') => match super::json(quoted) {
                Json::String(text) => Some(text),
                _ => panic!("no string"),
            },
            (json, _) => Some(json.to_owned()),
        };
        Ok((field.name().to_owned(), text))
    };
    declared(&message.descriptor()).iter().map(text).collect()
}

/// What stands for a singular field; what a wrapper wraps.
fn stands(message: &DynamicMessage, field: &FieldDescriptor) -> Option<Value> {
    let value = message.get_field(field).into_owned();
    match value {
        Value::Message(inner) if inner.descriptor().full_name().ends_with("BytesValue") => {
            inner.get_field_by_name("value").map(|value| value.into_owned())
        }
        value => Some(value),
    }
}

pub fn message_json(message: &DynamicMessage) -> Text {
    Ok(format!("{{{}}}", members(message)?))
}

fn members(message: &DynamicMessage) -> Text {
    let member = |field: &FieldDescriptor| {
        Ok(format!("{}:{}", string(field.name()), field_json(message, field)?))
    };
    let members: Result<Vec<_>, _> = declared(&message.descriptor()).iter().map(member).collect();
    Ok(members?.join(","))
}

fn field_json(message: &DynamicMessage, field: &FieldDescriptor) -> Text {
    let declared_default = field.field_descriptor_proto().default_value.is_some();
    let null = !message.has_field(field)
        && field.supports_presence()
        && !declared_default
        && !field.is_list()
        && !field.is_map();
    if null {
        return Ok("null".into());
    }
    value_json(&message.get_field(field), &field.kind())
}

fn value_json(value: &Value, kind: &Kind) -> Text {
    Ok(match (value, kind) {
        (Value::Bool(value), _) => value.to_string(),
        (Value::I32(value), _) => value.to_string(),
        (Value::I64(value), _) => value.to_string(),
        (Value::U32(value), _) => value.to_string(),
        (Value::U64(value), _) => value.to_string(),
        (Value::F32(value), _) if value.is_finite() => serde_json::to_string(value).expect("JSON"),
        (Value::F64(value), _) if value.is_finite() => serde_json::to_string(value).expect("JSON"),
        (Value::F32(value), _) => not_finite(f64::from(*value)),
        (Value::F64(value), _) => not_finite(*value),
        (Value::String(value), _) => string(value),
        (Value::Bytes(value), _) => base64(value),
        (Value::EnumNumber(number), Kind::Enum(of)) => symbol(of, *number),
        (Value::Message(message), _) => meaning(message)?,
        (Value::List(values), kind) => {
            let values: Result<Vec<_>, _> = values.iter().map(|v| value_json(v, kind)).collect();
            format!("[{}]", values?.join(","))
        }
        (Value::Map(entries), Kind::Message(entry)) => {
            let kind = entry.map_entry_value_field().kind();
            let member = |(key, value): (&MapKey, &Value)| {
                Ok(format!("{}:{}", key_json(key), value_json(value, &kind)?))
            };
            let members: Result<Vec<_>, _> = entries.iter().map(member).collect();
            format!("{{{}}}", members?.join(","))
        }
        (value, kind) => panic!("{value:?} is no {kind:?}"),
    })
}

fn not_finite(value: f64) -> String {
    let name = if value.is_nan() { "NaN" } else { "Infinity" };
    format!("\"{}{name}\"", if value == f64::NEG_INFINITY { "-" } else { "" })
}

fn string(text: &str) -> String {
    serde_json::to_string(text).expect("JSON")
}

fn base64(bytes: &[u8]) -> String {
    format!("\"{}\"", base64::engine::general_purpose::STANDARD.encode(bytes))
}

fn symbol(of: &EnumDescriptor, number: i32) -> String {
    let mut values = of.enum_descriptor_proto().value.iter();
    let first = values.find(|value| value.number() == number);
    first.map_or(number.to_string(), |value| string(value.name()))
}

fn key_json(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => string(&key.to_string()),
        MapKey::I32(key) => string(&key.to_string()),
        MapKey::I64(key) => string(&key.to_string()),
        MapKey::U32(key) => string(&key.to_string()),
        MapKey::U64(key) => string(&key.to_string()),
        MapKey::String(key) => string(key),
    }
}

fn int(message: &DynamicMessage, name: &str) -> i64 {
    match message.get_field_by_name(name).expect("the field").as_ref() {
        Value::I32(value) => i64::from(*value),
        Value::I64(value) => *value,
        other => panic!("no integer: {other:?}"),
    }
}

/// How many digits a fraction needs, in threes.
fn digits(nanos: i64, least: usize) -> usize {
    let needed = [(1_000_000_000, 0), (1_000_000, 3), (1_000, 6)];
    let found = needed.iter().find(|(unit, digits)| nanos % unit == 0 && *digits >= least);
    found.map_or(9, |(_, digits)| *digits)
}

/// A message as it is known to be written, otherwise as its fields.
fn meaning(message: &DynamicMessage) -> Text {
    let known = match message.descriptor().full_name() {
        "google.protobuf.Timestamp" => timestamp(message),
        "google.protobuf.Duration" => duration(message),
        "google.protobuf.Struct" => return field_of(message, "fields"),
        "google.protobuf.ListValue" => return field_of(message, "values"),
        "google.protobuf.Value" => {
            let set = declared(&message.descriptor()).into_iter().find(|f| message.has_field(f));
            return match set {
                Some(field) if field.name() != "null_value" => field_json(message, &field),
                _ => Ok("null".into()),
            };
        }
        "google.protobuf.Any" => return any(message),
        "google.protobuf.FieldMask" => {
            let paths = message.get_field_by_name("paths").expect("paths");
            let paths: Vec<&str> =
                paths.as_list().expect("a list").iter().filter_map(Value::as_str).collect();
            Some(string(&paths.join(",")))
        }
        "confluent.type.Decimal" => decimal(message),
        "google.type.Date" => {
            let part = |name| int(message, name);
            let date = (1..=9999)
                .contains(&part("year"))
                .then(|| format!("{:04}-{:02}-{:02}", part("year"), part("month"), part("day")));
            date.filter(|date| date.parse::<jiff::civil::Date>().is_ok()).map(|date| string(&date))
        }
        "google.type.TimeOfDay" => time(message),
        name if name.starts_with("google.protobuf.") && name.ends_with("Value") => {
            return field_of(message, "value");
        }
        _ => None,
    };
    known.map_or_else(|| message_json(message), Ok)
}

fn field_of(message: &DynamicMessage, name: &str) -> Text {
    let field = message.descriptor().get_field_by_name(name).expect("the field");
    field_json(message, &field)
}

fn timestamp(message: &DynamicMessage) -> Option<String> {
    let (seconds, nanos) = (int(message, "seconds"), int(message, "nanos"));
    if !(0..1_000_000_000).contains(&nanos)
        || !(-62_135_596_800..=253_402_300_799).contains(&seconds)
    {
        return None;
    }
    let at = jiff::Timestamp::new(seconds, nanos as i32).ok()?;
    let mut digits = digits(nanos, 3);
    if i64::try_from(at.as_nanosecond()).is_err() {
        digits = digits.min(6);
    }
    Some(match digits {
        3 => format!("\"{at:.3}\""),
        6 => format!("\"{at:.6}\""),
        _ => format!("\"{at:.9}\""),
    })
}

fn duration(message: &DynamicMessage) -> Option<String> {
    let (seconds, nanos) = (int(message, "seconds"), int(message, "nanos"));
    let signs = [seconds.signum(), nanos.signum()];
    let fits = seconds.checked_abs()? <= 315_576_000_000 && nanos.abs() < 1_000_000_000;
    if !fits || (signs.contains(&1) && signs.contains(&-1)) {
        return None;
    }
    let sign = if signs.contains(&-1) { "-" } else { "" };
    let fraction = format!("{:09}", nanos.abs());
    let digits = digits(nanos, 0);
    let point = if digits > 0 { "." } else { "" };
    Some(format!("\"{sign}{}{point}{}s\"", seconds.abs(), &fraction[..digits]))
}

fn time(message: &DynamicMessage) -> Option<String> {
    let part = |name, most| Some(int(message, name)).filter(|part| (0..=most).contains(part));
    let (hours, minutes) = (part("hours", 23)?, part("minutes", 59)?);
    let (seconds, nanos) = (part("seconds", 59)?, part("nanos", 999_999_999)?);
    let fraction = format!("{nanos:09}");
    let digits = digits(nanos, 3);
    Some(format!("\"{hours:02}:{minutes:02}:{seconds:02}.{}\"", &fraction[..digits]))
}

/// By arithmetic on decimal digits, as no library here has 38 of them and a scale.
fn decimal(message: &DynamicMessage) -> Option<String> {
    let scale = usize::try_from(int(message, "scale")).ok().filter(|&scale| scale <= 38)?;
    let bytes = message.get_field_by_name("value")?.as_bytes()?.to_vec();
    let fill = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let extra = bytes.len().saturating_sub(16);
    if bytes.iter().take(extra).any(|&byte| byte != fill) {
        return None;
    }
    let mut all = vec![fill; 16 - (bytes.len() - extra)];
    all.extend_from_slice(&bytes[extra..]);
    if extra > 0 && all[0] & 0x80 != fill & 0x80 {
        return None;
    }
    let unscaled = i128::from_be_bytes(all.try_into().ok()?);
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    Some(if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

fn any(message: &DynamicMessage) -> Text {
    let url = message.get_field_by_name("type_url").expect("type_url");
    let url = url.as_str().expect("a text").to_owned();
    let value = message.get_field_by_name("value").expect("value");
    let value = value.as_bytes().expect("bytes").clone();
    let name = url.rsplit('/').next().unwrap_or_default();
    let inside = match message.descriptor().parent_pool().get_message_by_name(name) {
        Some(of) => {
            let held =
                DynamicMessage::decode(of, value).map_err(|error| Unreadable(error.to_string()))?;
            let as_fields = members(&held)?;
            match meaning(&held)? {
                text if text == format!("{{{as_fields}}}") && !well_known(&held) => as_fields,
                text => format!("\"value\":{text}"),
            }
        }
        None => format!("\"value\":{}", base64(&value)),
    };
    let comma = if inside.is_empty() { "" } else { "," };
    Ok(format!("{{\"@type\":{}{comma}{inside}}}", string(&url)))
}

fn well_known(message: &DynamicMessage) -> bool {
    let name = message.descriptor().full_name().to_owned();
    let own = name.starts_with("google.") || name.starts_with("confluent.");
    own && name != "google.protobuf.Empty"
}
