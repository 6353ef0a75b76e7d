//! The record path: one record in, its writes in the unit, and what became of it.

use super::RouteSpec;
pub use super::bad::{RecordError, Stage};
use super::join::{self, Halt, Hashes, Unwritten};
pub use super::route::Held;
use super::route::{RouteProgram, Work};
use super::values::{ValueDecoder, ValueSource};
use crate::expression::{Context, EvaluationError, ExpressionError, Layout};
use crate::format::avro::Encoder;
use crate::format::envelope::Change;
use crate::format::{
    Absence, Decoder, Failure, Format, Headers, Input, Making, Part, Schemas, SetupError,
};
use crate::ledger::Outcome;
use crate::lookup::{Kept, Lookup};
use crate::record::{Arena, Field, Names, Row, Shape, Wanted};
use crate::target::{Occasion, Output, WriteError};
use crate::unit::{Builder, Mark};
use std::collections::HashMap;
use std::sync::Arc;

/// What keeps a record from being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The record is bad.
    Record(RecordError),
    /// Something it needs is away: the record is to be tried again.
    Unavailable(Absence),
    /// A hash that it is joined with is not known: it is to be tried again once the questions of
    /// [`Plan::lookup`] are answered.
    Unresolved,
    /// What the unit so far makes of a hash that it is joined with is known once it is applied: it
    /// is to be tried again in the next unit.
    Undecided,
}

/// What a record met, before it is told to people.
enum Obstacle {
    Refusal(Refusal),
    Route { route: String, error: WriteError },
}

/// One record on its way into a unit.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// Topic name.
    pub topic: &'a str,
    /// Partition number.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since 1970; none when the broker gave none.
    pub timestamp: Option<i64>,
    /// The key's bytes; none for a null key.
    pub key: Option<&'a [u8]>,
    /// The value's bytes; none for a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: &'a dyn Headers,
}

/// A subscription's formats and routes, compiled, with one worker's buffers.
pub struct Plan {
    key: KeyPlan,
    value: ValueDecoder,
    routes: Vec<RouteProgram>,
    runs_commands: bool,
    /// The field names seen.
    pub names: Names,
    /// The hashes that records are joined with.
    pub lookup: Box<Lookup>,
    /// Those of earlier batches that are as they were.
    kept: Kept,
    /// Whether some route may write a hash that one joins.
    may_write_joined: bool,
    arena: Arena,
    rows: Rows<'static>,
    /// What a route selects, between two records.
    selected: Row<'static>,
    source: ValueSource,
    /// Reads all fields, to say what a record has; made when first needed.
    describer: Option<ValueDecoder>,
}

/// Rows between two records: empty, their buffers kept.
#[derive(Default)]
struct Rows<'a> {
    key: Row<'a>,
    value: Row<'a>,
    around: Row<'a>,
}

impl Rows<'_> {
    fn recycle<'b>(self) -> Rows<'b> {
        Rows { key: self.key.recycle(), value: self.value.recycle(), around: self.around.recycle() }
    }
}

/// Whether any route looks at the key; where none does, a bad key harms nobody.
enum KeyPlan {
    Unused,
    Decoded(Box<dyn Decoder>),
}

/// What a plan is made of beside the routes.
#[derive(Debug)]
pub struct Formats {
    /// The key's format.
    pub key: Format,
    /// Where its schemas are.
    pub key_schemas: Schemas,
    /// How values are encoded.
    pub value: ValueSource,
}

/// What encodes the messages of routes with VALUE AVRO, by the route's name.
pub type Encoders = HashMap<String, Arc<Encoder>>;

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A decoder lacks something.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A route that cannot be compiled, for all that parsing it said.
    #[error("route {route}: {error}")]
    Route {
        /// The route's name.
        route: String,
        /// What is wrong.
        error: ExpressionError,
    },
}

impl Plan {
    /// Compiles the routes, in the order they were made.
    pub fn new(formats: Formats, routes: &[RouteSpec]) -> Result<Plan, PlanError> {
        Plan::with_encoders(formats, routes, &Encoders::default())
    }

    /// The same with what routes need that send Avro to topics.
    pub fn with_encoders(
        formats: Formats,
        routes: &[RouteSpec],
        encoders: &Encoders,
    ) -> Result<Plan, PlanError> {
        let Formats { key, key_schemas, value: source } = formats;
        let may_write_joined = join::may_write_joined(routes);
        let (mut layout, mut reads) = (Layout::default(), Vec::new());
        let runs_commands = routes.iter().any(|route| route.target.runs_command());
        let routes = routes.iter().map(|route| {
            RouteProgram::compile(route, encoders, &mut layout, &mut reads)
                .map_err(|error| PlanError::Route { route: route.name.clone(), error })
        });
        let routes = routes.collect::<Result<_, _>>()?;
        let lookup = Box::new(Lookup::new(reads.into()));
        Ok(Plan {
            key: match layout.key.paths.is_empty() {
                true => KeyPlan::Unused,
                false => KeyPlan::Decoded(key.decoder(Making {
                    wanted: layout.key,
                    part: Part::Key,
                    schemas: key_schemas,
                })?),
            },
            value: ValueDecoder::new(&source, layout.value, layout.envelope)?,
            routes,
            runs_commands,
            names: Names::default(),
            lookup,
            kept: Kept::default(),
            may_write_joined,
            arena: Arena::new(),
            rows: Rows::default(),
            selected: Row::default(),
            source,
            describer: None,
        })
    }

    /// Whether a route runs commands of the user's: a unit then holds one record.
    pub fn runs_commands(&self) -> bool {
        self.runs_commands
    }

    /// Bytes that it holds on to for records and their names.
    pub fn memory(&self) -> usize {
        self.arena.memory() + self.names.memory() + self.lookup.memory() + self.kept.memory()
    }

    /// To be called between units: bounds the memory that names and large records take.
    pub fn shed(&mut self) {
        self.arena.shed();
        if self.names.shed() {
            let Rows { key, value, around } = &mut self.rows;
            [key, value, around].into_iter().for_each(Row::forget_names);
            self.selected.forget_names();
            self.routes.iter_mut().for_each(RouteProgram::forget_names);
            self.value.forget_names();
            self.describer = None;
            if let KeyPlan::Decoded(decoder) = &mut self.key {
                decoder.forget_names();
            }
        }
    }

    /// Writes one record into the unit, all routes or none.
    pub fn write(
        &mut self,
        record: &Incoming<'_>,
        builder: &mut Builder,
        mark: Mark,
    ) -> Result<Outcome, Refusal> {
        self.write_but(record, builder, mark, Held::NONE)
    }

    /// The same for all routes but those that are held back.
    pub fn write_but(
        &mut self,
        record: &Incoming<'_>,
        builder: &mut Builder,
        mark: Mark,
        held: Held<'_>,
    ) -> Result<Outcome, Refusal> {
        let obstacle = match self.write_routes(record, builder, held) {
            Ok(()) if builder.end_record(mark) => return Ok(Outcome::Applied),
            Ok(()) => return Ok(Outcome::Filtered),
            Err(obstacle) => obstacle,
        };
        builder.roll_back(mark);
        Err(match obstacle {
            Obstacle::Refusal(refusal) => refusal,
            Obstacle::Route { route, error } => {
                let mut problem = error.to_string();
                if let WriteError::Evaluation(EvaluationError::Null(_)) = error {
                    problem += &self.describe(record);
                }
                Refusal::Record(RecordError { stage: Stage::Route, route: Some(route), problem })
            }
        })
    }

    fn write_routes(
        &mut self,
        record: &Incoming<'_>,
        builder: &mut Builder,
        held: Held<'_>,
    ) -> Result<(), Obstacle> {
        self.with_decoded(record, |parts, context, occasion, selected| {
            let output = Output { builder, names: parts.names, key: record.key };
            let mut work = Work { selected, output, hashes: parts.hashes };
            write_all(parts.routes, held, context, occasion, &mut work)
        })
    }

    /// Whether records are joined with hashes.
    pub fn has_joins(&self) -> bool {
        !self.lookup.reads.is_empty()
    }

    /// Whether hashes may be looked up before all earlier records are written: no route writes a
    /// key that another one may join.
    pub fn may_look_ahead(&self) -> bool {
        !self.may_write_joined
    }

    /// Takes over answered questions, and keeps what of them may be known beyond the batch; the
    /// lookup that they take the place of.
    pub fn take_answers(&mut self, answered: Box<Lookup>) -> Box<Lookup> {
        let former = std::mem::replace(&mut self.lookup, answered);
        self.kept.take(&mut self.lookup);
        former
    }

    /// To be called before a unit is closed: what it writes is no longer as it was looked up.
    pub fn forget_joined(&mut self, builder: &Builder) {
        if builder.runs_command() {
            self.lookup.clear();
            self.kept.clear();
        } else if self.may_write_joined {
            let joins = self.lookup.reads.len();
            self.lookup.questions.forget(|key| builder.writes(key));
            builder.written_keys().for_each(|key| self.kept.forget(joins, key));
        }
    }

    /// Asks for the hashes that a record is joined with, as far as they can be known now. What is
    /// wrong with the record is told when it is written.
    pub fn gather(&mut self, record: &Incoming<'_>, builder: &Builder, held: Held<'_>) {
        let _ = self.with_decoded(record, |mut parts, context, occasion, _| {
            let unwritten = Unwritten { builder, names: parts.names };
            let routes = parts.routes.iter().enumerate().filter(|(at, _)| !held.holds(*at));
            for (_, route) in routes {
                if route.gather(context, occasion, &mut parts.hashes, unwritten).is_err() {
                    return Ok(());
                }
            }
            Ok(())
        });
    }

    /// Decodes a record and shows it, unless it is a change event without a change.
    fn with_decoded(
        &mut self,
        record: &Incoming<'_>,
        show: impl for<'a> FnOnce(
            Parts<'a, '_>,
            &Context<'a>,
            Occasion,
            &mut Row<'a>,
        ) -> Result<(), Obstacle>,
    ) -> Result<(), Obstacle> {
        self.arena.reset();
        let Plan { key: key_plan, value: decoder, routes, names, arena, rows, selected, .. } = self;
        let Lookup { questions, answers, .. } = &mut *self.lookup;
        let may_write_joined = self.may_write_joined;
        let hashes = Hashes { questions, answers, kept: &self.kept, may_write_joined };
        let mut now: Rows<'_> = std::mem::take(rows);
        // Matched, not mapped: what is made is not moved (see `Row::place`).
        let decoded = match decode_key(key_plan, record, names, arena, &mut now.key) {
            Ok(()) => decode_value(decoder, record, names, arena, &mut now),
            Err(refusal) => Err(refusal),
        };
        let shape = now.value.shape();
        let occasion = match &decoded {
            Ok(Change::Delete) => Some(Occasion::Deletion),
            Ok(Change::Upsert) if shape == Shape::Absent => Some(Occasion::Tombstone),
            Ok(Change::Upsert) => Some(Occasion::Record),
            Ok(Change::Nothing) | Err(_) => None,
        };
        let mut shown = Ok(());
        if let Some(occasion) = occasion {
            let context = Context {
                topic: record.topic,
                partition: record.partition,
                offset: record.offset,
                timestamp: record.timestamp,
                key: &now.key,
                value: &now.value,
                envelope: &now.around,
                headers: record.headers,
                aliases: &[],
                arena,
            };
            let mut fields: Row<'_> = std::mem::take(selected);
            let parts = Parts { routes, names, hashes };
            shown = show(parts, &context, occasion, &mut fields);
            *selected = fields.recycle();
        }
        *rows = now.recycle();
        match decoded {
            Ok(_) => shown,
            Err(refusal) => Err(Obstacle::Refusal(refusal)),
        }
    }

    /// What the value has, for an error about something it has not.
    fn describe(&mut self, record: &Incoming<'_>) -> String {
        let Some(bytes) = record.value else { return String::new() };
        if self.describer.is_none() {
            let wanted = Wanted { every_field: true, ..Wanted::default() };
            self.describer = ValueDecoder::new(&self.source, wanted, Wanted::default()).ok();
        }
        let Some(decoder) = &mut self.describer else { return String::new() };
        let (mut row, mut around) = (Row::default(), Row::default());
        let input = Input { bytes, headers: record.headers };
        let decoded = decoder.decode(input, &mut self.names, &self.arena, &mut row, &mut around);
        if decoded.is_err() || row.shape() != Shape::Fields {
            return String::new();
        }
        let name =
            |field: &Field<'_>| String::from_utf8_lossy(self.names.get(field.name)).into_owned();
        let shown: Vec<_> = row.fields().iter().take(NAMES_SHOWN).map(name).collect();
        let more = if row.fields().len() > NAMES_SHOWN { ", …" } else { "" };
        format!("; value has: {}{more}", shown.join(", "))
    }
}

/// So many names of a record are shown.
const NAMES_SHOWN: usize = 12;

/// What of a plan routes work with while a record is decoded.
struct Parts<'a, 'p> {
    routes: &'a [RouteProgram],
    names: &'p mut Names,
    hashes: Hashes<'p, 'a>,
}

fn write_all<'a>(
    routes: &'a [RouteProgram],
    held: Held<'_>,
    context: &Context<'a>,
    occasion: Occasion,
    work: &mut Work<'_, 'a>,
) -> Result<(), Obstacle> {
    for (number, route) in routes.iter().enumerate() {
        if held.holds(number) {
            continue;
        }
        let before = work.output.builder.extent();
        route.write(context, occasion, work).map_err(|halt| match halt {
            Halt::Unresolved => Obstacle::Refusal(Refusal::Unresolved),
            Halt::Undecided => Obstacle::Refusal(Refusal::Undecided),
            Halt::Error(error) => Obstacle::Route { route: route.name().to_owned(), error },
        })?;
        if work.output.builder.extent() > before {
            work.output.builder.count_route(number);
        }
    }
    Ok(())
}

fn decode_key<'a>(
    plan: &'a mut KeyPlan,
    record: &Incoming<'a>,
    names: &mut Names,
    arena: &'a Arena,
    row: &mut Row<'a>,
) -> Result<(), Refusal> {
    match (plan, record.key) {
        (KeyPlan::Decoded(decoder), Some(bytes)) => decoder
            .decode(Input { bytes, headers: record.headers }, names, arena, row)
            .map_err(|failure| refusal(Stage::Key, failure)),
        _ => {
            row.begin(Shape::Absent, 0);
            Ok(())
        }
    }
}

fn decode_value<'a>(
    decoder: &'a mut ValueDecoder,
    record: &Incoming<'a>,
    names: &mut Names,
    arena: &'a Arena,
    rows: &mut Rows<'a>,
) -> Result<Change, Refusal> {
    match record.value {
        Some(bytes) => decoder
            .decode(
                Input { bytes, headers: record.headers },
                names,
                arena,
                &mut rows.value,
                &mut rows.around,
            )
            .map_err(|failure| refusal(Stage::Value, failure)),
        None => {
            rows.value.begin(Shape::Absent, 0);
            rows.around.begin(Shape::Absent, 0);
            Ok(Change::Upsert)
        }
    }
}

fn refusal(stage: Stage, failure: Failure) -> Refusal {
    match failure {
        Failure::Unavailable(absence) => Refusal::Unavailable(absence),
        bad @ (Failure::Record(_) | Failure::Envelope(_)) => {
            Refusal::Record(RecordError { stage, route: None, problem: bad.to_string() })
        }
    }
}
