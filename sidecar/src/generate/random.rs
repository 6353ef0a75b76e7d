//! Drawing values from an annotated schema.

use super::annotation::{Length, SchemaError};
use super::schema::{AnnotatedSchema, FloatType, Node};
use super::text;
use apache_avro::types::Value;
use apache_avro::{Days, Decimal, Duration, Millis, Months};
use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, ToPrimitive};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use std::path::Path;
use std::str::FromStr;
use thiserror::Error;

/// References within references before a recursive type is wound up: arrays and maps stay empty,
/// unions take a branch that ends.
const WIND_UP_DEPTH: usize = 8;
/// Values of one record before its recursive types are wound up.
const WIND_UP_VALUES: usize = 10_000;
/// References within references before a type counts as endless.
const MAX_DEPTH: usize = 64;
/// Most values (fields, elements, …) of one record.
const MAX_VALUES: usize = 1 << 20;

/// Why no value could be made.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DrawError {
    /// Options are used up, or a regex does not reach its length.
    #[error("{0}")]
    Exhausted(String),
    /// A record that holds itself without a union, array or map in between.
    #[error("type {0} holds itself without end")]
    Endless(String),
    /// Lengths multiply to more than fits in memory.
    #[error(
        "a record has more than {MAX_VALUES} values; give its arrays and maps a smaller length"
    )]
    TooLarge,
}

/// Makes random values of one schema, each fitting it.
#[derive(Debug)]
pub struct Generator {
    schema: AnnotatedSchema,
    rng: StdRng,
}

impl Generator {
    /// A generator for the schema in `text`, which came from a file in `directory`. The same seed
    /// gives the same values (of the same build), but for `kind: now`.
    ///
    /// # Errors
    /// See [`AnnotatedSchema::parse`].
    pub fn new(
        text: &str,
        directory: Option<&Path>,
        seed: Option<u64>,
    ) -> Result<Generator, SchemaError> {
        let mut rng = match seed {
            Some(seed) => StdRng::seed_from_u64(seed),
            None => StdRng::from_os_rng(),
        };
        let schema = AnnotatedSchema::parse(text, directory, &mut rng)?;
        Ok(Generator { schema, rng })
    }

    /// The Avro schema that all values fit.
    pub fn schema(&self) -> &apache_avro::Schema {
        &self.schema.avro
    }

    /// The schema as it is written, with its annotations.
    pub fn json(&self) -> &serde_json::Value {
        &self.schema.json
    }

    /// The next value.
    ///
    /// # Errors
    /// See [`DrawError`]; the schema is at fault, and the next value may fail as well.
    pub fn draw(&mut self) -> Result<Value, DrawError> {
        let mut drawing = Drawing { schema: &self.schema, rng: &mut self.rng, depth: 0, values: 0 };
        drawing.value(&self.schema.root)
    }
}

/// One value being made.
struct Drawing<'a> {
    schema: &'a AnnotatedSchema,
    rng: &'a mut StdRng,
    /// References within references.
    depth: usize,
    /// Values made so far.
    values: usize,
}

impl Drawing<'_> {
    /// Recursion is bounded by the schema's nesting (128) times [`MAX_DEPTH`].
    fn value(&mut self, node: &Node) -> Result<Value, DrawError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(DrawError::TooLarge);
        }
        Ok(match node {
            Node::Options(options) => options.draw(self.rng).map_err(DrawError::Exhausted)?,
            Node::Null => Value::Null,
            Node::Boolean(odds) => Value::Boolean(self.rng.random_bool(*odds)),
            Node::BooleanIteration(iteration) => Value::Boolean(iteration.next()),
            Node::Integral(kind, number) => kind.value(number.draw(*kind, self.rng)),
            Node::IntegralIteration(kind, iteration) => kind.value(iteration.next()),
            Node::Decimal(kind, number) => float(*kind, number.draw(self.rng)),
            Node::DecimalIteration(kind, iteration) => decimal(*kind, &iteration.next()),
            Node::Bytes(length) => {
                let length = self.length(*length);
                Value::Bytes(self.bytes(length))
            }
            Node::Fixed(size) => Value::Fixed(*size, self.bytes(*size)),
            Node::Unscaled(precision) => Value::Decimal(self.unscaled(*precision)),
            Node::Uuid => Value::Uuid(text::uuid(self.rng)),
            Node::Duration => self.duration(),
            Node::Text(text) => Value::String(text.draw(self.rng).map_err(DrawError::Exhausted)?),
            Node::TextIteration(iteration, affixes) => {
                Value::String(affixes.around(&iteration.next().to_string()))
            }
            Node::Enum(symbols) => self.symbol(symbols),
            Node::Array { items, length } => self.array(items, *length)?,
            Node::Map { keys, values, length } => self.map(keys, values, *length)?,
            Node::Record(fields) => self.record(fields)?,
            Node::Union { branches, choice } => {
                let branch = choice.draw(self.rng);
                self.union(branches, branch)?
            }
            Node::Named(node) => self.value(node)?,
            Node::Reference(name) => self.reference(name)?,
        })
    }

    /// Whether a recursive type is to come to its end.
    fn winding_up(&self) -> bool {
        self.depth > WIND_UP_DEPTH || (self.depth > 0 && self.values > WIND_UP_VALUES)
    }

    fn reference(&mut self, name: &str) -> Result<Value, DrawError> {
        let endless = || DrawError::Endless(name.to_owned());
        if self.depth == MAX_DEPTH {
            return Err(endless());
        }
        let schema = self.schema;
        let node = schema.named.get(name).ok_or_else(endless)?;
        self.depth += 1;
        let value = self.value(node);
        self.depth -= 1;
        value
    }

    fn record(&mut self, fields: &[(String, Node)]) -> Result<Value, DrawError> {
        let fields = fields.iter().map(|(name, node)| Ok((name.clone(), self.value(node)?)));
        Ok(Value::Record(fields.collect::<Result<_, DrawError>>()?))
    }

    fn array(&mut self, items: &Node, length: Length) -> Result<Value, DrawError> {
        let length = if self.winding_up() { 0 } else { self.length(length) };
        Ok(Value::Array((0..length).map(|_| self.value(items)).collect::<Result<_, _>>()?))
    }

    fn map(&mut self, keys: &Node, values: &Node, length: Length) -> Result<Value, DrawError> {
        let length = if self.winding_up() { 0 } else { self.length(length) };
        let mut map = std::collections::HashMap::new();
        for _ in 0..length {
            if let Value::String(key) = self.value(keys)? {
                map.insert(key, self.value(values)?);
            }
        }
        Ok(Value::Map(map))
    }

    fn union(&mut self, branches: &[Node], chosen: usize) -> Result<Value, DrawError> {
        let ending = |node: &Node| {
            !matches!(
                node,
                Node::Reference(_) | Node::Named(_) | Node::Array { .. } | Node::Map { .. }
            )
        };
        let position = match branches.get(chosen) {
            Some(node) if self.winding_up() && !ending(node) => {
                branches.iter().position(ending).unwrap_or(chosen)
            }
            _ => chosen,
        };
        let value = match branches.get(position) {
            Some(node) => self.value(node)?,
            None => Value::Null,
        };
        Ok(Value::Union(u32::try_from(position).unwrap_or(u32::MAX), Box::new(value)))
    }

    fn length(&mut self, length: Length) -> usize {
        self.rng.random_range(length.min..length.end)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    fn symbol(&mut self, symbols: &[String]) -> Value {
        let at = self.rng.random_range(0..symbols.len().max(1));
        let symbol = symbols.get(at).cloned().unwrap_or_default();
        Value::Enum(u32::try_from(at).unwrap_or_default(), symbol)
    }

    /// Any number of up to `precision` digits, of either sign, as big-endian two's complement.
    fn unscaled(&mut self, precision: usize) -> Decimal {
        let digits: String =
            (0..precision).map(|_| char::from(self.rng.random_range(b'0'..=b'9'))).collect();
        let number = BigInt::from_str(&digits).unwrap_or_default();
        let signed = if self.rng.random() { number } else { -number };
        Decimal::from(signed.to_signed_bytes_be())
    }

    fn duration(&mut self) -> Value {
        let (months, days) = (self.rng.random_range(0..12), self.rng.random_range(0..31));
        let millis = self.rng.random_range(0..86_400_000);
        Value::Duration(Duration::new(Months::new(months), Days::new(days), Millis::new(millis)))
    }
}

fn float(kind: FloatType, number: f64) -> Value {
    match kind {
        FloatType::Double => Value::Double(number),
        FloatType::Float => Value::Float(number as f32),
    }
}

fn decimal(kind: FloatType, number: &BigDecimal) -> Value {
    match kind {
        FloatType::Double => Value::Double(number.to_f64().unwrap_or_default()),
        FloatType::Float => Value::Float(number.to_f32().unwrap_or_default()),
    }
}

#[cfg(test)]
#[path = "random_tests.rs"]
mod tests;
