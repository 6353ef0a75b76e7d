//! The record path: one record in, its writes in the unit, and what became of it.

use super::RouteSpec;
use crate::expression::{Headers, View};
use crate::format::{DecodeError, Decoder, Format};
use crate::kafka::Record;
use crate::ledger::Outcome;
use crate::record::{Fields, Names, Shape};

use crate::unit::{Builder, Mark};
use std::fmt;

/// Where on its way a record failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The key's bytes are not what KEY says.
    Key,
    /// The value's bytes are not what VALUE says.
    Value,
    /// A route's template or target could not make a write of it.
    Route,
    /// Redis would refuse the write.
    Apply,
}

impl Stage {
    /// The word in dead letters.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Key => "key",
            Stage::Value => "value",
            Stage::Route => "route",
            Stage::Apply => "apply",
        }
    }
}

/// Why a record cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Where it failed.
    pub stage: Stage,
    /// The route at which it failed, where it got so far.
    pub route: Option<String>,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.route {
            Some(route) => write!(f, "route {route}: {}", self.problem),
            None => write!(f, "{}: {}", self.stage.name(), self.problem),
        }
    }
}

/// A subscription's formats and routes, bound to one worker's buffers.
pub struct Plan {
    key: KeyPlan,
    value: Box<dyn Decoder>,
    routes: Vec<RouteSpec>,
    /// The field names seen.
    pub names: Names,
    key_fields: Fields,
    value_fields: Fields,
}

/// Whether any route looks at the key; where none does, a bad key harms nobody.
enum KeyPlan {
    Unused,
    Decoded(Box<dyn Decoder>),
}

/// A plan whose format has no decoder in this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotBuilt(pub Format);

impl Plan {
    /// Binds the routes, in the order they were made.
    pub fn new(key: Format, value: Format, routes: &[RouteSpec]) -> Result<Plan, NotBuilt> {
        let uses_key = routes.iter().any(|route| route.target.key().uses_key());
        let mut plan = Plan {
            key: match uses_key {
                true => KeyPlan::Decoded(key.decoder().ok_or(NotBuilt(key))?),
                false => KeyPlan::Unused,
            },
            value: value.decoder().ok_or(NotBuilt(value))?,
            routes: routes.to_vec(),
            names: Names::default(),
            key_fields: Fields::default(),
            value_fields: Fields::default(),
        };
        plan.bind();
        Ok(plan)
    }

    fn bind(&mut self) {
        for route in &mut self.routes {
            route.target.bind(&mut self.names);
        }
    }

    /// To be called between units: bounds the memory that field names take.
    pub fn shed_names(&mut self) {
        if self.names.shed() {
            self.key_fields.forget_names();
            self.value_fields.forget_names();
            self.bind();
        }
    }

    /// Writes one record into the unit, all routes or none.
    pub fn write(
        &mut self,
        topic: &str,
        partition: i32,
        record: &Record<'_>,
        builder: &mut Builder,
        mark: Mark,
    ) -> Result<Outcome, RecordError> {
        self.decode(record)?;
        let headers = RecordHeaders(record);
        let view = View {
            topic,
            partition,
            offset: record.offset,
            timestamp: record.timestamp_ms,
            key: record.key,
            key_fields: &self.key_fields,
            value: record.value,
            value_fields: &self.value_fields,
            headers: &headers,
            names: &self.names,
        };
        for route in &self.routes {
            if let Err(error) = route.target.write(&view, builder) {
                builder.roll_back(mark);
                return Err(RecordError {
                    stage: Stage::Route,
                    route: Some(route.name.clone()),
                    problem: error.to_string(),
                });
            }
        }
        Ok(if builder.end_record(mark) { Outcome::Applied } else { Outcome::Filtered })
    }

    fn decode(&mut self, record: &Record<'_>) -> Result<(), RecordError> {
        let failed = |stage| {
            move |error: DecodeError| RecordError { stage, route: None, problem: error.to_string() }
        };
        match (&mut self.key, record.key) {
            (KeyPlan::Decoded(decoder), Some(key)) => {
                decoder
                    .decode(key, &mut self.names, &mut self.key_fields)
                    .map_err(failed(Stage::Key))?;
            }
            _ => self.key_fields.begin(Shape::Absent),
        }
        match record.value {
            Some(value) => self
                .value
                .decode(value, &mut self.names, &mut self.value_fields)
                .map_err(failed(Stage::Value)),
            None => {
                self.value_fields.begin(Shape::Absent);
                Ok(())
            }
        }
    }
}

struct RecordHeaders<'a>(&'a Record<'a>);

impl Headers for RecordHeaders<'_> {
    fn last(&self, name: &str) -> Option<&[u8]> {
        self.0.header(name.as_bytes()).flatten()
    }
}
