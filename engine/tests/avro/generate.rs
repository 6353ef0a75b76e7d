//! Random schemas, and random values of a schema.

use crate::oracle::PathStep;
use apache_avro::schema::{InnerDecimalSchema, Name, ResolvedSchema};
use apache_avro::types::Value;
use apache_avro::{BigDecimal, Days, Decimal, Duration, Millis, Months, Schema, Uuid};
use fastrand::Rng;
use num_bigint::BigInt;
use serde_json::{Value as Json, json};
use std::collections::HashMap;

/// Makes one schema.
pub struct SchemaMaker<'r> {
    pub rng: &'r mut Rng,
    named: usize,
    /// Records that are being made: they may be referred to where recursion can end.
    open: Vec<String>,
    closed: Vec<String>,
}

const LEAVES: usize = 30;

impl SchemaMaker<'_> {
    pub fn new(rng: &mut Rng) -> SchemaMaker<'_> {
        SchemaMaker { rng, named: 0, open: Vec::new(), closed: Vec::new() }
    }

    fn name(&mut self, kind: &str) -> String {
        self.named += 1;
        format!("{kind}{}", self.named)
    }

    pub fn record(&mut self, depth: u32, most: usize) -> Json {
        let name = self.name("Record");
        self.open.push(name.clone());
        let count = self.rng.usize(..=most);
        let fields: Vec<Json> = (0..count)
            .map(|i| json!({"name": format!("f{i}"), "type": self.any(depth + 1)}))
            .collect();
        self.open.pop();
        self.closed.push(name.clone());
        json!({"type": "record", "name": name, "fields": fields})
    }

    pub fn any(&mut self, depth: u32) -> Json {
        match self.rng.u8(..10) {
            0 if depth < 4 => self.record(depth, 5),
            1 if depth < 4 => json!({"type": "array", "items": self.any(depth + 1)}),
            2 if depth < 4 => json!({"type": "map", "values": self.any(depth + 1)}),
            3 | 4 if depth < 4 => self.union(depth),
            5 if !self.open.is_empty() => {
                let name = &self.open[self.rng.usize(..self.open.len())];
                match self.rng.bool() {
                    true => json!(["null", name]),
                    false => json!({"type": "array", "items": name}),
                }
            }
            6 if !self.closed.is_empty() => {
                json!(self.closed[self.rng.usize(..self.closed.len())])
            }
            _ => {
                let choice = self.rng.usize(..LEAVES);
                self.leaf(choice)
            }
        }
    }

    fn union(&mut self, depth: u32) -> Json {
        match self.rng.u8(..4) {
            0 => {
                let choice = self.rng.usize(1..LEAVES);
                json!(["null", self.leaf(choice)])
            }
            1 => {
                let choice = self.rng.usize(1..LEAVES);
                json!([self.leaf(choice), "null"])
            }
            2 => json!(["null", self.record(depth, 3), "string", self.record(depth, 3), "long"]),
            _ => json!(["int", {"type": "array", "items": self.any(depth + 1)}, "null", "double"]),
        }
    }

    /// A type without parts; the first is null.
    fn leaf(&mut self, choice: usize) -> Json {
        let primitives = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
        let logical = |of: &str, name: &str| json!({"type": of, "logicalType": name});
        let scale = self.rng.u32(..45);
        match choice {
            0..8 => json!(primitives[choice]),
            8 => json!({"type": "enum", "name": self.name("Enum"), "symbols": ["A", "B_2", "rot"]}),
            9 => json!({"type": "fixed", "name": self.name("Fixed"), "size": self.rng.u8(..20)}),
            10 => {
                json!({"type": "bytes", "logicalType": "decimal", "precision": 60, "scale": scale})
            }
            11 => json!({"type": "fixed", "name": self.name("Fixed"), "size": self.rng.u8(20..40),
                         "logicalType": "decimal", "precision": 45, "scale": scale}),
            12 => logical("bytes", "big-decimal"),
            13 => logical("string", "uuid"),
            14 => {
                json!({"type": "fixed", "name": self.name("Fixed"), "size": 16, "logicalType": "uuid"})
            }
            15 => logical("int", "date"),
            16 => logical("int", "time-millis"),
            17 => logical("long", "time-micros"),
            18 => logical("long", "timestamp-millis"),
            19 => logical("long", "timestamp-micros"),
            20 => logical("long", "timestamp-nanos"),
            21 => logical("long", "local-timestamp-millis"),
            22 => logical("long", "local-timestamp-micros"),
            23 => logical("long", "local-timestamp-nanos"),
            24 => {
                json!({"type": "fixed", "name": self.name("Fixed"), "size": 12, "logicalType": "duration"})
            }
            25 => logical("long", "of-no-library"),
            26 => logical("string", "date"),
            27 => logical("bytes", "uuid"),
            28 => json!({"type": "record", "name": self.name("Empty"), "fields": []}),
            _ => json!({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}),
        }
    }
}

/// Makes values of one schema.
pub struct ValueMaker<'s> {
    names: HashMap<Name, &'s Schema>,
}

impl<'s> ValueMaker<'s> {
    pub fn new(schema: &'s Schema) -> ValueMaker<'s> {
        let resolved = ResolvedSchema::new(schema).expect("a schema whose names are defined");
        let names = resolved.get_names().iter().map(|(name, schema)| (name.clone(), *schema));
        ValueMaker { names: names.collect() }
    }

    pub fn value(&self, rng: &mut Rng, schema: &'s Schema, depth: u32) -> Value {
        match schema {
            Schema::Ref { name } => self.value(rng, self.names[name], depth),
            Schema::Record(record) => {
                let field = |field: &'s apache_avro::schema::RecordField| {
                    (field.name.clone(), self.value(rng, &field.schema, depth + 1))
                };
                Value::Record(record.fields.iter().map(field).collect())
            }
            Schema::Array(array) => {
                let count = if depth > 6 { 0 } else { rng.usize(..4) };
                Value::Array((0..count).map(|_| self.value(rng, &array.items, depth + 1)).collect())
            }
            Schema::Map(map) => {
                let count = if depth > 6 { 0 } else { rng.usize(..4) };
                let entry = |_| (text(rng), self.value(rng, &map.types, depth + 1));
                Value::Map((0..count).map(entry).collect())
            }
            Schema::Union(union) => {
                let all = union.variants();
                let null = all.iter().position(|branch| matches!(branch, Schema::Null));
                let branch = match null {
                    Some(null) if depth > 6 || rng.u8(..3) == 0 => null,
                    _ => rng.usize(..all.len()),
                };
                Value::Union(branch as u32, Box::new(self.value(rng, &all[branch], depth + 1)))
            }
            other => leaf(rng, other),
        }
    }
}

fn leaf(rng: &mut Rng, schema: &Schema) -> Value {
    let a_day = 86_400_000;
    match schema {
        Schema::Null => Value::Null,
        Schema::Boolean => Value::Boolean(rng.bool()),
        Schema::Int => Value::Int(long(rng) as i32),
        Schema::Long => Value::Long(long(rng)),
        Schema::Float => Value::Float(f32::from_bits(rng.u32(..))),
        Schema::Double if rng.bool() => Value::Double(f64::from(rng.i16(..)) / 100.0),
        Schema::Double => Value::Double(f64::from_bits(rng.u64(..))),
        Schema::Bytes => Value::Bytes(bytes(rng, 0..20)),
        Schema::String => Value::String(text(rng)),
        Schema::Enum(schema) => {
            let place = rng.usize(..schema.symbols.len());
            Value::Enum(place as u32, schema.symbols[place].clone())
        }
        Schema::Fixed(fixed) => Value::Fixed(fixed.size, bytes(rng, fixed.size..fixed.size + 1)),
        Schema::Decimal(decimal) => Value::Decimal(Decimal::from(match &decimal.inner {
            InnerDecimalSchema::Bytes => bytes(rng, 1..24),
            InnerDecimalSchema::Fixed(fixed) => bytes(rng, fixed.size..fixed.size + 1),
        })),
        Schema::BigDecimal => {
            let digits = BigInt::from_signed_bytes_be(&bytes(rng, 1..30));
            Value::BigDecimal(BigDecimal::new(digits, rng.i64(-50..80)))
        }
        Schema::Uuid(_) => Value::Uuid(Uuid::from_u128(rng.u128(..))),
        Schema::Date => Value::Date(rng.i32(-700_000..2_900_000)),
        Schema::TimeMillis => Value::TimeMillis(rng.i32(0..a_day)),
        Schema::TimeMicros => Value::TimeMicros(rng.i64(0..i64::from(a_day) * 1000)),
        Schema::TimestampMillis => {
            Value::TimestampMillis(rng.i64(-62_135_596_800_000..253_402_207_200_000))
        }
        Schema::TimestampMicros => Value::TimestampMicros(long(rng) / 100),
        Schema::TimestampNanos => Value::TimestampNanos(long(rng)),
        Schema::LocalTimestampMillis => Value::LocalTimestampMillis(long(rng) / 1_000_000),
        Schema::LocalTimestampMicros => Value::LocalTimestampMicros(long(rng) / 1000),
        Schema::LocalTimestampNanos => Value::LocalTimestampNanos(long(rng)),
        Schema::Duration(_) => {
            let mut part = || if rng.bool() { 0 } else { rng.u32(..) >> rng.u32(..32) };
            Value::Duration(Duration::new(
                Months::new(part()),
                Days::new(part()),
                Millis::new(part()),
            ))
        }
        other => panic!("no value of {other:?}"),
    }
}

/// Numbers of all lengths.
fn long(rng: &mut Rng) -> i64 {
    rng.i64(..) >> rng.u32(..64)
}

fn bytes(rng: &mut Rng, sizes: std::ops::Range<usize>) -> Vec<u8> {
    let size = rng.usize(sizes);
    (0..size).map(|_| rng.u8(..)).collect()
}

fn text(rng: &mut Rng) -> String {
    let size = rng.usize(..20);
    let characters = ['a', 'Z', '7', '"', '\\', '\n', '\u{1}', '\u{7f}', 'ü', '東', '🦀', ' '];
    (0..size).map(|_| rng.choice(characters).unwrap_or('x')).collect()
}

/// A path that mostly leads somewhere in the value.
pub fn path(rng: &mut Rng, mut value: &Value) -> Vec<PathStep> {
    let mut steps = Vec::new();
    loop {
        if !steps.is_empty() && rng.u8(..4) == 0 {
            return steps;
        }
        match value {
            Value::Union(_, inner) => value = inner,
            Value::Record(fields) if !fields.is_empty() => {
                let (name, inner) = &fields[rng.usize(..fields.len())];
                steps.push(PathStep::Name(name.clone()));
                value = inner;
            }
            Value::Map(entries) if !entries.is_empty() => {
                let (name, inner) = entries.iter().next().expect("an entry");
                steps.push(PathStep::Name(name.clone()));
                value = inner;
            }
            Value::Array(items) if !items.is_empty() => {
                let place = rng.usize(..items.len());
                let back = if rng.bool() { items.len() as i64 } else { 0 };
                steps.push(PathStep::Place(place as i64 - back));
                value = &items[place];
            }
            _ => {
                match rng.u8(..8) {
                    0 => steps.push(PathStep::Name("f0".to_owned())),
                    1 => steps.push(PathStep::Place(rng.i64(-3..3))),
                    _ => {}
                }
                return steps;
            }
        }
    }
}
