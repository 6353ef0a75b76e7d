//! The record path's measurements, each defined once: what the engine does, what a
//! library does for the same, and how many times faster the engine is meant to be.
//!
//! `benches/records` measures time, `counts` instructions and allocations.

pub mod avro;
pub mod expression;
pub mod json;
pub mod protobuf;
pub mod way;

use redis_kafka_engine::record::{Step, Wanted};

/// Handles one record, and gives a number that depends on the outcome.
pub type Run = Box<dyn FnMut() -> usize>;

/// One measurement.
pub struct Case {
    /// Its name, unique.
    pub name: &'static str,
    /// So many times faster the engine is meant to be.
    pub target: f64,
    /// Sets up the engine's side.
    pub ours: fn() -> Run,
    /// What it is compared with.
    pub theirs: &'static [Library],
}

/// A library's side of a measurement.
pub struct Library {
    /// Its name.
    pub name: &'static str,
    /// Sets it up.
    pub run: fn() -> Run,
}

/// All measurements, in the order they are shown.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [avro::CASES, json::CASES, protobuf::CASES, expression::CASES, way::CASES].into_iter().flatten()
}

/// Three fields of the wide records.
pub const THREE: &[&str] = &["column_4", "column_17", "column_30"];

/// These fields, or all of them where none is named.
pub fn wanted(fields: &[&str]) -> Wanted {
    let mut wanted = Wanted { every_field: fields.is_empty(), ..Wanted::default() };
    for field in fields {
        wanted.slot(&[Step::Field((*field).to_owned())]);
    }
    wanted
}
