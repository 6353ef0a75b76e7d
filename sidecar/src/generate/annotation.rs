//! The annotations (`"arg.properties"`) of one place in a schema.
//!
//! Names and meanings are those of Confluent's Avro Random Generator and of its well-known
//! fork with `distribution`, `unique`, `kind` and `malformed-rate`
//! (<https://github.com/confluentinc/avro-random-generator>, README and `Generator.java`).
//! Where that tool passes over an annotation that a type has no use for, this one names it.

use serde_json::{Map, Value as Json};
use std::fmt;
use thiserror::Error;

/// The property of a schema that holds its annotations.
pub const ANNOTATIONS: &str = "arg.properties";

/// Longest string, array, map or byte sequence, in characters, elements or bytes.
pub const MAX_LENGTH: usize = 1 << 20;

/// What is wrong with a schema, and where.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{place}: {message}")]
pub struct SchemaError {
    place: String,
    message: String,
}

impl SchemaError {
    /// An error at `place`, as [`Annotations::place`] has it.
    pub fn new(place: impl Into<String>, message: impl fmt::Display) -> SchemaError {
        SchemaError { place: place.into(), message: message.to_string() }
    }
}

/// The names this program knows; a name outside is a typing error.
const NAMES: [&str; 15] = [
    "options",
    "iteration",
    "range",
    "length",
    "regex",
    "kind",
    "prefix",
    "suffix",
    "keys",
    "odds",
    "position",
    "distribution",
    "unique",
    "malformed-rate",
    "decimals",
];

/// Another spelling of `malformed-rate`.
const MALFORMATION_RATE: &str = "malformation.rate";

/// The annotations of one place, taken out one by one by the type that knows them;
/// [`Annotations::finish`] refuses what nobody took.
#[derive(Debug)]
pub struct Annotations {
    place: String,
    left: Map<String, Json>,
}

impl Annotations {
    /// The annotations in `properties`, which stand at `place` (for messages).
    ///
    /// # Errors
    /// They are no object, or one has an unknown name.
    pub fn new(place: &str, properties: Option<&Json>) -> Result<Annotations, SchemaError> {
        let mut left = match properties {
            None => Map::new(),
            Some(Json::Object(properties)) => properties.clone(),
            Some(_) => {
                return Err(SchemaError::new(place, format!("{ANNOTATIONS} must be an object")));
            }
        };
        // As in the reference, a null says nothing.
        left.retain(|_, value| !value.is_null());
        if let Some(rate) = left.remove(MALFORMATION_RATE) {
            left.insert("malformed-rate".to_owned(), rate);
        }
        if let Some(name) = left.keys().find(|name| !NAMES.contains(&name.as_str())) {
            let known = NAMES.join(", ");
            return Err(SchemaError::new(
                place,
                format!("unknown annotation '{name}'; known are {known}"),
            ));
        }
        Ok(Annotations { place: place.to_owned(), left })
    }

    /// Where they stand, such as `field airport`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether there are none (left).
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// An error at this place.
    pub fn error(&self, message: impl fmt::Display) -> SchemaError {
        SchemaError::new(&self.place, message)
    }

    /// Takes the annotation `name` out, whatever it is.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        self.left.remove(name)
    }

    /// Takes `name`, a string.
    ///
    /// # Errors
    /// It is no string.
    pub fn take_text(&mut self, name: &str) -> Result<Option<String>, SchemaError> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.error(format!("{name} must be a string, not {other}"))),
        }
    }

    /// Takes `name`, true or false; false where it is absent.
    ///
    /// # Errors
    /// It is something else.
    pub fn take_flag(&mut self, name: &str) -> Result<bool, SchemaError> {
        match self.take(name) {
            None => Ok(false),
            Some(Json::Bool(flag)) => Ok(flag),
            Some(other) => Err(self.error(format!("{name} must be true or false, not {other}"))),
        }
    }

    /// Takes `name`, a probability.
    ///
    /// # Errors
    /// It is no number in 0.0 to 1.0.
    pub fn take_probability(&mut self, name: &str) -> Result<Option<f64>, SchemaError> {
        let Some(json) = self.take(name) else {
            return Ok(None);
        };
        match json.as_f64() {
            Some(odds) if (0.0..=1.0).contains(&odds) => Ok(Some(odds)),
            _ => Err(self.error(format!("{name} must be a number from 0.0 to 1.0, not {json}"))),
        }
    }

    /// Takes `name`, an object of which only the given members are known.
    ///
    /// # Errors
    /// It is no object, or has other members.
    pub fn take_object(
        &mut self,
        name: &str,
        members: &[&str],
    ) -> Result<Option<Map<String, Json>>, SchemaError> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Object(mut object)) => {
                object.retain(|_, value| !value.is_null());
                match object.keys().find(|key| !members.contains(&key.as_str())) {
                    None => Ok(Some(object)),
                    Some(odd) => {
                        let known = members.join(", ");
                        Err(self.error(format!("{name} has no '{odd}', only {known}")))
                    }
                }
            }
            Some(other) => Err(self.error(format!("{name} must be an object, not {other}"))),
        }
    }

    /// Takes `length`.
    ///
    /// # Errors
    /// It is neither a number nor an object with `min` or `max`, or no length fits.
    pub fn take_length(&mut self) -> Result<Option<Length>, SchemaError> {
        if let Some(json @ Json::Number(_)) = self.left.get("length").cloned() {
            self.left.remove("length");
            let exact = self.length(&json)?;
            return Ok(Some(Length { min: exact, end: exact + 1 }));
        }
        let Some(bounds) = self.take_object("length", &["min", "max"])? else {
            return Ok(None);
        };
        let min = bounds.get("min").map(|json| self.length(json)).transpose()?;
        let max = bounds.get("max").map(|json| self.length(json)).transpose()?;
        let length = match (min, max) {
            (None, None) => return Err(self.error("length needs min or max")),
            // Without an end the reference goes up to 2^31 - 1, which no record holds.
            (Some(min), None) => Length { min, end: min + Length::DEFAULT.end },
            (min, Some(end)) => Length { min: min.unwrap_or(0), end },
        };
        if length.min >= length.end {
            return Err(
                self.error("length: max must be greater than min (max itself is never reached)")
            );
        }
        Ok(Some(length))
    }

    fn length(&self, json: &Json) -> Result<usize, SchemaError> {
        json.as_u64()
            .and_then(|length| usize::try_from(length).ok())
            .filter(|length| *length <= MAX_LENGTH)
            .ok_or_else(|| {
                self.error(format!("a length is a whole number from 0 to {MAX_LENGTH}, not {json}"))
            })
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// An annotation is left, so it does not apply to a `what` (or not beside those taken).
    pub fn finish(self, what: &str) -> Result<(), SchemaError> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(self.error(format!("'{name}' does not apply to {what}"))),
        }
    }
}

/// Bounds of a length: `min` is reached, `end` is not (as the reference's `max` is not).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// The least length.
    pub min: usize,
    /// One more than the greatest length; greater than `min`.
    pub end: usize,
}

impl Length {
    /// Where a schema says nothing.
    pub const DEFAULT: Length = Length { min: 8, end: 16 };

    /// Whether something of this length is within the bounds.
    pub fn contains(self, length: usize) -> bool {
        (self.min..self.end).contains(&length)
    }
}
