//! The text forms of Avro values, computed from apache-avro's decoded values
//! without any of the engine's code: what the engine is held against.

use apache_avro::Schema;
use apache_avro::schema::{Name, ResolvedSchema};
use apache_avro::types::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use num_bigint::BigInt;
use std::collections::HashMap;

/// Stands for a date that this oracle's calendar does not reach.
pub const UNJUDGED: &str = "unjudged date";

/// One step of a path: the engine's, in the oracle's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    Name(String),
    Place(i64),
}

/// A schema with its named types.
pub struct Oracle<'s> {
    schema: &'s Schema,
    names: HashMap<Name, &'s Schema>,
}

/// A value's text form.
enum Form {
    Null,
    /// Bare in JSON.
    Bare(String),
    /// A string in JSON.
    Quoted(String),
    Bytes(Vec<u8>),
    /// JSON of a nested value.
    Nested(String),
}

impl<'s> Oracle<'s> {
    pub fn new(schema: &'s Schema) -> Oracle<'s> {
        let resolved = ResolvedSchema::new(schema).expect("a schema whose names are defined");
        let names = resolved.get_names().iter().map(|(name, schema)| (name.clone(), *schema));
        Oracle { schema, names: names.collect() }
    }

    /// The schema and the value without references and unions.
    fn resolve<'v>(&self, schema: &'s Schema, value: &'v Value) -> (&'s Schema, &'v Value) {
        match (schema, value) {
            (Schema::Ref { name }, _) => self.resolve(self.names[name], value),
            (Schema::Union(union), Value::Union(branch, inner)) => {
                self.resolve(&union.variants()[*branch as usize], inner)
            }
            _ => (schema, value),
        }
    }

    /// Top-level fields by name, with their texts; none when the value is no record.
    pub fn fields(&self, value: &Value) -> Option<Vec<(String, Option<Vec<u8>>)>> {
        let (schema, value) = self.resolve(self.schema, value);
        let (Schema::Record(record), Value::Record(fields)) = (schema, value) else {
            return None;
        };
        let pairs = record.fields.iter().zip(fields);
        Some(
            pairs
                .map(|(f, (name, value))| (name.clone(), self.text_of(&f.schema, value)))
                .collect(),
        )
    }

    /// The text of what stands at the end of a path; none for null.
    pub fn text(&self, value: &Value, path: &[PathStep]) -> Option<Vec<u8>> {
        let (mut schema, mut value) = self.resolve(self.schema, value);
        for step in path {
            let inner = match (step, schema, value) {
                (PathStep::Name(name), Schema::Record(record), Value::Record(fields)) => {
                    let place = fields.iter().position(|(field, _)| field == name)?;
                    (&record.fields[place].schema, &fields[place].1)
                }
                (PathStep::Name(name), Schema::Map(map), Value::Map(entries)) => {
                    (&*map.types, entries.get(name)?)
                }
                (PathStep::Place(place), Schema::Array(array), Value::Array(items)) => {
                    let from_end = if *place < 0 { items.len() as i64 } else { 0 };
                    (&*array.items, items.get(usize::try_from(place + from_end).ok()?)?)
                }
                _ => return None,
            };
            (schema, value) = self.resolve(inner.0, inner.1);
        }
        self.text_of(schema, value)
    }

    fn text_of(&self, schema: &'s Schema, value: &Value) -> Option<Vec<u8>> {
        match self.form(schema, value) {
            Form::Null => None,
            Form::Bytes(bytes) => Some(bytes),
            Form::Bare(text) | Form::Quoted(text) | Form::Nested(text) => Some(text.into_bytes()),
        }
    }

    fn json(&self, schema: &'s Schema, value: &Value) -> String {
        match self.form(schema, value) {
            Form::Null => "null".to_owned(),
            Form::Bare(text) | Form::Nested(text) => text,
            Form::Quoted(text) => serde_json::to_string(&text).expect("a text"),
            Form::Bytes(bytes) => format!("\"{}\"", BASE64.encode(bytes)),
        }
    }

    fn form(&self, schema: &'s Schema, value: &Value) -> Form {
        let (schema, value) = self.resolve(schema, value);
        match (schema, value) {
            (_, Value::Null) => Form::Null,
            (_, Value::Boolean(truth)) => Form::Bare(truth.to_string()),
            (_, Value::Int(number)) => Form::Bare(number.to_string()),
            (_, Value::Long(number)) => Form::Bare(number.to_string()),
            (_, Value::Float(number)) if number.is_finite() => {
                Form::Bare(serde_json::to_string(number).expect("a number"))
            }
            (_, Value::Float(number)) => Form::Quoted(not_finite(f64::from(*number))),
            (_, Value::Double(number)) if number.is_finite() => {
                Form::Bare(serde_json::to_string(number).expect("a number"))
            }
            (_, Value::Double(number)) => Form::Quoted(not_finite(*number)),
            (_, Value::Bytes(bytes) | Value::Fixed(_, bytes)) => Form::Bytes(bytes.clone()),
            (_, Value::String(text) | Value::Enum(_, text)) => Form::Quoted(text.clone()),
            (_, Value::Uuid(uuid)) => Form::Quoted(uuid.to_string()),
            (Schema::Decimal(schema), Value::Decimal(decimal)) => {
                Form::Bare(plain(BigInt::from(decimal.clone()), schema.scale as i64))
            }
            (_, Value::BigDecimal(decimal)) => {
                let (digits, scale) = decimal.as_bigint_and_exponent();
                Form::Bare(plain(digits, scale))
            }
            (_, Value::Duration(duration)) => Form::Quoted(iso_duration(*duration)),
            (_, Value::Array(items)) => {
                let Schema::Array(schema) = schema else { panic!("an array of {schema}") };
                let items: Vec<_> =
                    items.iter().map(|item| self.json(&schema.items, item)).collect();
                Form::Nested(format!("[{}]", items.join(",")))
            }
            (_, Value::Map(entries)) => {
                let Schema::Map(schema) = schema else { panic!("a map of {schema}") };
                let entry = |(key, value): (&String, &Value)| {
                    format!(
                        "{}:{}",
                        serde_json::to_string(key).expect("a text"),
                        self.json(&schema.types, value)
                    )
                };
                Form::Nested(format!(
                    "{{{}}}",
                    entries.iter().map(entry).collect::<Vec<_>>().join(",")
                ))
            }
            (_, Value::Record(fields)) => {
                let Schema::Record(schema) = schema else { panic!("a record of {schema}") };
                let pairs = schema.fields.iter().zip(fields);
                let field = |(of, (name, value)): (
                    &'s apache_avro::schema::RecordField,
                    &(String, Value),
                )| {
                    format!("\"{name}\":{}", self.json(&of.schema, value))
                };
                Form::Nested(format!("{{{}}}", pairs.map(field).collect::<Vec<_>>().join(",")))
            }
            (_, time) => Form::Quoted(time_text(time)),
        }
    }
}

fn not_finite(number: f64) -> String {
    let word = if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    };
    word.to_owned()
}

/// All digits, never an exponent.
fn plain(unscaled: BigInt, scale: i64) -> String {
    let text = unscaled.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", &*text), |digits| ("-", digits));
    if scale <= 0 {
        let zeros = if digits == "0" { 0 } else { scale.unsigned_abs() as usize };
        return format!("{sign}{digits}{}", "0".repeat(zeros));
    }
    let digits = format!("{digits:0>width$}", width = scale as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
    format!("{sign}{whole}.{fraction}")
}

fn iso_duration(duration: apache_avro::Duration) -> String {
    let count = |bytes: [u8; 4]| u32::from_le_bytes(bytes);
    let bytes = <[u8; 12]>::from(duration);
    let months = count([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let days = count([bytes[4], bytes[5], bytes[6], bytes[7]]);
    let millis = count([bytes[8], bytes[9], bytes[10], bytes[11]]);
    let mut text = String::from("P");
    if months > 0 {
        text += &format!("{months}M");
    }
    if days > 0 {
        text += &format!("{days}D");
    }
    match millis {
        0 if text == "P" => text + "T0S",
        0 => text,
        _ => text + &format!("T{}.{:03}S", millis / 1000, millis % 1000),
    }
}

fn time_text(value: &Value) -> String {
    let clock = |count: i64, a_second: i64, digits: usize| {
        if !(0..a_second * 86_400).contains(&count) {
            return UNJUDGED.to_owned();
        }
        let (seconds, fraction) = (count / a_second, count % a_second);
        let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        format!("{h:02}:{m:02}:{s:02}.{fraction:0digits$}")
    };
    let instant = |timestamp: Result<jiff::Timestamp, jiff::Error>, digits: usize| match timestamp {
        Ok(timestamp) if timestamp.as_second() >= -62_135_596_800 => {
            format!("{timestamp:.digits$}")
        }
        _ => UNJUDGED.to_owned(),
    };
    let millis = |count: i64| instant(jiff::Timestamp::from_millisecond(count), 3);
    let micros = |count: i64| instant(jiff::Timestamp::from_microsecond(count), 6);
    let nanos = |count: i64| instant(jiff::Timestamp::from_nanosecond(i128::from(count)), 9);
    let local = |text: String| text.trim_end_matches('Z').to_owned();
    match value {
        Value::Date(days) => match jiff::Timestamp::from_second(i64::from(*days) * 86_400) {
            Ok(midnight) if midnight.as_second() >= -62_135_596_800 => {
                midnight.to_string().split('T').next().unwrap_or_default().to_owned()
            }
            _ => UNJUDGED.to_owned(),
        },
        Value::TimeMillis(count) => clock(i64::from(*count), 1_000, 3),
        Value::TimeMicros(count) => clock(*count, 1_000_000, 6),
        Value::TimestampMillis(count) => millis(*count),
        Value::TimestampMicros(count) => micros(*count),
        Value::TimestampNanos(count) => nanos(*count),
        Value::LocalTimestampMillis(count) => local(millis(*count)),
        Value::LocalTimestampMicros(count) => local(micros(*count)),
        Value::LocalTimestampNanos(count) => local(nanos(*count)),
        other => panic!("no text form for {other:?}"),
    }
}
