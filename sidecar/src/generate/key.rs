//! The template of the record key: `urn:sensor:%{airport}:%{id}`, written as templates are in
//! `KAFKA.ROUTE`, with the fields of the generated record.

use apache_avro::types::Value;
use std::fmt::Write;
use std::str::FromStr;
use thiserror::Error;

/// What is wrong with a template, or with a record for it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// The template has no text.
    #[error("a key template may not be empty")]
    Empty,
    /// `${` is eaten by shells.
    #[error("a template's fields are written %{{…}}, not ${{…}}")]
    Dollar,
    /// A `%{` without its `}`.
    #[error("the }} that closes %{{{0} is missing")]
    Open(String),
    /// `%{}`, `%{a..b}` or a character no field's name has.
    #[error("'{0}' is not the name of a field; nested ones are written a.b")]
    Name(String),
    /// The record has no such field.
    #[error("the record has no field {path}; it has {known}")]
    Missing {
        /// The field as the template has it.
        path: String,
        /// What there is instead.
        known: String,
    },
    /// The field has no text of its own.
    #[error("field {path} is {what}, which cannot stand in a key")]
    Unprintable {
        /// The field as the template has it.
        path: String,
        /// Its type.
        what: &'static str,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// The steps from the record to the value.
    Field(Vec<String>),
}

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTemplate(Vec<Part>);

impl FromStr for KeyTemplate {
    type Err = KeyError;

    fn from_str(source: &str) -> Result<KeyTemplate, KeyError> {
        if source.is_empty() {
            return Err(KeyError::Empty);
        }
        if source.contains("${") {
            return Err(KeyError::Dollar);
        }
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((before, after)) = rest.split_once("%{") {
            if let Some(literal) = before.strip_suffix('%') {
                parts.push(Part::Literal(format!("{literal}%{{")));
                rest = after;
                continue;
            }
            let (path, after) =
                after.split_once('}').ok_or_else(|| KeyError::Open(after.to_owned()))?;
            parts.push(Part::Literal(before.to_owned()));
            parts.push(Part::Field(steps(path)?));
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        Ok(KeyTemplate(parts))
    }
}

fn steps(path: &str) -> Result<Vec<String>, KeyError> {
    let named =
        |step: &str| !step.is_empty() && step.chars().all(|c| c.is_alphanumeric() || c == '_');
    let steps: Vec<&str> = path.trim().split('.').collect();
    match steps.iter().all(|step| named(step)) {
        true => Ok(steps.into_iter().map(str::to_owned).collect()),
        false => Err(KeyError::Name(path.to_owned())),
    }
}

impl KeyTemplate {
    /// Appends the key of `record` to `out`, numbers as they stand in the JSON.
    ///
    /// # Errors
    /// A field is missing, null, or no single value.
    pub fn write(&self, record: &Value, out: &mut String) -> Result<(), KeyError> {
        for part in &self.0 {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Field(path) => {
                    let value =
                        path.iter().try_fold(record, |value, step| member(value, step, path))?;
                    append(value, path, out)?;
                }
            }
        }
        Ok(())
    }
}

fn member<'a>(value: &'a Value, step: &str, path: &[String]) -> Result<&'a Value, KeyError> {
    let (found, mut known): (Option<&Value>, Vec<&str>) = match value {
        Value::Union(_, inner) => return member(inner, step, path),
        Value::Record(fields) => (
            fields.iter().find(|(name, _)| name == step).map(|(_, value)| value),
            fields.iter().map(|(name, _)| name.as_str()).collect(),
        ),
        Value::Map(map) => (map.get(step), map.keys().map(String::as_str).collect()),
        _ => (None, Vec::new()),
    };
    known.sort_unstable();
    found.ok_or_else(|| KeyError::Missing {
        path: path.join("."),
        known: if known.is_empty() { "none there".to_owned() } else { known.join(", ") },
    })
}

fn append(value: &Value, path: &[String], out: &mut String) -> Result<(), KeyError> {
    let unprintable = |what| KeyError::Unprintable { path: path.join("."), what };
    let written = match value {
        Value::Union(_, inner) => return append(inner, path, out),
        Value::String(text) | Value::Enum(_, text) => out.write_str(text),
        Value::Boolean(value) => write!(out, "{value}"),
        Value::Int(number) | Value::Date(number) | Value::TimeMillis(number) => {
            write!(out, "{number}")
        }
        Value::Long(number)
        | Value::TimeMicros(number)
        | Value::TimestampMillis(number)
        | Value::TimestampMicros(number)
        | Value::TimestampNanos(number)
        | Value::LocalTimestampMillis(number)
        | Value::LocalTimestampMicros(number)
        | Value::LocalTimestampNanos(number) => write!(out, "{number}"),
        Value::Float(_) | Value::Double(_) => {
            let mut text = Vec::new();
            super::json::encode(value, &mut text).map_err(|_| unprintable("not a number"))?;
            out.write_str(&String::from_utf8_lossy(&text))
        }
        Value::Uuid(uuid) => write!(out, "{uuid}"),
        Value::Null => return Err(unprintable("null")),
        Value::Record(_) => return Err(unprintable("a record")),
        Value::Array(_) => return Err(unprintable("an array")),
        Value::Map(_) => return Err(unprintable("a map")),
        Value::Bytes(_) | Value::Fixed(..) => return Err(unprintable("bytes")),
        Value::Decimal(_) | Value::BigDecimal(_) | Value::Duration(_) => {
            return Err(unprintable("a decimal or duration"));
        }
    };
    written.map_err(|_| unprintable("not text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(template: &str) -> Result<String, KeyError> {
        let record = Value::Record(vec![
            ("airport".into(), Value::String("VIE".into())),
            ("id".into(), Value::Int(4)),
            ("at".into(), Value::Record(vec![("lat".into(), Value::Double(48.1))])),
            ("note".into(), Value::Union(0, Box::new(Value::Null))),
            ("kind".into(), Value::Union(1, Box::new(Value::Enum(0, "INDOOR".into())))),
        ]);
        let mut out = String::new();
        template.parse::<KeyTemplate>()?.write(&record, &mut out)?;
        Ok(out)
    }

    #[test]
    fn fields_stand_where_they_are_named() {
        assert_eq!(key("urn:sensor:%{airport}:%{id}").unwrap(), "urn:sensor:VIE:4");
        assert_eq!(key("%{at.lat}/%{ kind }").unwrap(), "48.1/INDOOR");
        assert_eq!(key("{%{id}}%%{id} 100%").unwrap(), "{4}%{id} 100%");
        assert_eq!(key("all the same").unwrap(), "all the same");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (template, part) in [
            ("", "empty"),
            ("${id}", "%{"),
            ("a:%{id", "missing"),
            ("%{}", "not the name"),
            ("%{a-b}", "a-b"),
            ("%{city}", "it has airport, at, id, kind, note"),
            ("%{at.lon}", "at.lon"),
            ("%{id.x}", "none there"),
            ("%{note}", "null"),
            ("%{at}", "a record"),
        ] {
            let error = key(template).expect_err(template).to_string();
            assert!(error.contains(part), "{template}: {error}");
        }
    }
}
