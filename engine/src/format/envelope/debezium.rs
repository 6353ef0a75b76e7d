//! ENVELOPE DEBEZIUM: change events `{"before": …, "after": …, "op": …}`.
//!
//! `op` is c (create), u (update), r (read, in a snapshot): the record is
//! `after`; d (delete): it is `before`, and deletes; t (truncate) and m
//! (message) say nothing about a record. See "Data change events" in the
//! connectors' documentation (<https://debezium.io/documentation/reference/stable/>).
//! The connector for MongoDB writes `after` and `before` as text, which is read
//! as the JSON it is.

use super::super::{Decoder, Failure, Input, json, nested};
use super::Connect;
use crate::record::{Arena, Names, Row, Shape, Step, Value, Wanted};
use std::borrow::Cow;

/// What a change event does with its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is there now, as the value says; a value that is absent is a tombstone.
    Upsert,
    /// It is gone; the value is what it was, absent where the event does not say.
    Delete,
    /// The event is about no record.
    Nothing,
}

/// Unwraps the change events that any decoder reads, also those in JSON with
/// Kafka Connect's `{"schema": …, "payload": …}` around them.
pub struct Debezium {
    value: Wanted,
    places: Places,
    events: Events,
    row: Row<'static>,
}

/// The decoders of events.
struct Events {
    inner: Box<dyn Decoder>,
    connect: Connect,
    /// Whether the last event stood within `{"schema": …, "payload": …}`.
    wrapped: bool,
}

/// The slots of the inner row.
struct Places {
    op: usize,
    schema: usize,
    payload: usize,
    after: State,
    before: State,
    /// By slot of the envelope's row.
    envelope: Vec<usize>,
}

/// The slots of `after` or `before`.
struct State {
    whole: usize,
    /// By slot of the value's row.
    paths: Vec<usize>,
}

impl State {
    fn new(name: &str, value: &Wanted, inner: &mut Wanted) -> State {
        let step = Step::Field(name.to_owned());
        let mut slot = |path: &[Step]| {
            let path: Vec<Step> = std::iter::once(&step).chain(path).cloned().collect();
            inner.slot(&path)
        };
        State { whole: slot(&[]), paths: value.paths.iter().map(|path| slot(path)).collect() }
    }
}

impl Debezium {
    /// Reads what is wanted of the record, and of the event around it (paths
    /// that start with `op`, `source`, `ts_ms`, `before` and so on); `make`
    /// makes the decoder of the events.
    pub fn new<E>(
        value: Wanted,
        envelope: Wanted,
        make: impl FnOnce(Wanted) -> Result<Box<dyn Decoder>, E>,
    ) -> Result<Debezium, E> {
        let mut inner = Wanted::default();
        let mut top = |name: &str| inner.slot(&[Step::Field(name.to_owned())]);
        let (op, schema, payload) = (top("op"), top("schema"), top("payload"));
        let places = Places {
            op,
            schema,
            payload,
            after: State::new("after", &value, &mut inner),
            before: State::new("before", &value, &mut inner),
            envelope: envelope.paths.iter().map(|path| inner.slot(path)).collect(),
        };
        Ok(Debezium {
            value,
            places,
            events: Events {
                connect: Connect::new(inner.clone()),
                inner: make(inner)?,
                wrapped: false,
            },
            row: Row::default(),
        })
    }

    /// Decodes an event into the record's row and the row of what is around it.
    /// After an error, and where there is no record, the record's row is of
    /// [`Shape::Absent`].
    pub fn decode<'a>(
        &'a mut self,
        input: Input<'a>,
        names: &mut Names,
        arena: &'a Arena,
        value: &mut Row<'a>,
        envelope: &mut Row<'a>,
    ) -> Result<Change, Failure> {
        value.begin(Shape::Absent, 0);
        envelope.begin(Shape::Absent, 0);
        let Debezium { value: wanted, places, events, row } = self;
        let mut event = std::mem::take(row).recycle();
        let decoded = events.decode(places, input, names, arena, &mut event);
        let change = decoded.and_then(|()| {
            let (change, state) = change(places, &event, arena)?;
            if let Some(state) = state {
                fill(state, wanted, &event, names, arena, value)?;
            }
            envelope.begin(event.shape(), places.envelope.len());
            for (slot, place) in places.envelope.iter().enumerate() {
                envelope.set(slot, event.slot(*place));
            }
            Ok(change)
        });
        *row = event.recycle();
        change
    }

    /// Drops every [`crate::record::NameId`] it keeps, as [`Decoder::forget_names`] does.
    pub fn forget_names(&mut self) {
        self.events.inner.forget_names();
        self.events.connect.forget_names();
        self.row.forget_names();
    }
}

impl Events {
    fn decode<'a>(
        &'a mut self,
        places: &Places,
        input: Input<'a>,
        names: &mut Names,
        arena: &'a Arena,
        event: &mut Row<'a>,
    ) -> Result<(), Failure> {
        let Events { inner, connect, wrapped } = self;
        // Whichever reading was right for the last event is tried first.
        let (failure, seems_wrapped) = if *wrapped {
            let Err(failure) = connect.decode(input, names, arena, event) else {
                return Ok(());
            };
            inner.decode(input, names, arena, event)?;
            *wrapped = !places.is_event(event);
            if !*wrapped {
                return Ok(());
            }
            (failure, places.seems_wrapped(event))
        } else {
            inner.decode(input, names, arena, event)?;
            if places.is_event(event) {
                return Ok(());
            }
            let seems_wrapped = places.seems_wrapped(event);
            let Err(failure) = connect.decode(input, names, arena, event) else {
                *wrapped = true;
                return Ok(());
            };
            (failure, seems_wrapped)
        };
        Err(if seems_wrapped { failure } else { failed(NO_ENVELOPE) })
    }
}

const NO_ENVELOPE: &str = "the records are no Debezium envelopes: leave ENVELOPE DEBEZIUM away";

impl Places {
    fn is_event(&self, event: &Row<'_>) -> bool {
        [self.op, self.after.whole, self.before.whole]
            .iter()
            .any(|&slot| !event.slot(slot).is_null())
    }

    /// Whether what was read as an event is rather one with its schema.
    fn seems_wrapped(&self, event: &Row<'_>) -> bool {
        let has_op = |payload| match payload {
            Value::Object(text) => !json::field(text, "op").is_null(),
            _ => false,
        };
        matches!(event.slot(self.schema), Value::Object(_)) || has_op(event.slot(self.payload))
    }
}

/// What the event says, and where its record stands.
fn change<'p>(
    places: &'p Places,
    event: &Row<'_>,
    arena: &Arena,
) -> Result<(Change, Option<&'p State>), Failure> {
    let is_there = |state: &State| !event.slot(state.whole).is_null();
    let op = match event.slot(places.op) {
        // A payload that is null: a tombstone with a schema, which says no more than one without.
        _ if event.shape() == Shape::Absent => return Ok((Change::Upsert, None)),
        Value::Text(op) => op,
        Value::Escaped(op) => json::unescaped(op, arena),
        Value::Null if is_there(&places.after) || is_there(&places.before) => {
            return Err(failed("the record has no 'op', expected c, u, r, d, t or m"));
        }
        Value::Null => return Err(failed(NO_ENVELOPE)),
        _ => return Err(failed("'op' is no text, expected c, u, r, d, t or m")),
    };
    match op {
        "c" | "u" | "r" if is_there(&places.after) => Ok((Change::Upsert, Some(&places.after))),
        "c" | "u" | "r" => Err(failed(format!("'op' is '{op}', but 'after' is null or missing"))),
        "d" => Ok((Change::Delete, Some(&places.before))),
        "t" | "m" => Ok((Change::Nothing, None)),
        _ => Err(failed(format!("'op' is '{op}', expected c, u, r, d, t or m"))),
    }
}

fn fill<'a>(
    state: &State,
    wanted: &Wanted,
    event: &Row<'a>,
    names: &mut Names,
    arena: &'a Arena,
    row: &mut Row<'a>,
) -> Result<(), Failure> {
    let text = match event.slot(state.whole) {
        Value::Null => {
            row.begin(Shape::Absent, wanted.paths.len());
            return Ok(());
        }
        Value::Text(text) => Some(text),
        Value::Escaped(text) => Some(json::unescaped(text, arena)),
        _ => None,
    };
    let whole = match text {
        Some(text) => json::parse(text).unwrap_or_default(),
        None => event.slot(state.whole),
    };
    if !matches!(whole, Value::Object(_) | Value::Entries(_) | Value::Nested(_)) {
        return Err(failed("'after' or 'before' is no record"));
    }
    row.begin(Shape::Fields, wanted.paths.len());
    if wanted.every_field {
        let mut previous = None;
        nested::visit(whole, arena, &mut |name, value| {
            let id = names.intern(name.as_bytes(), previous);
            previous = Some(id);
            row.push(id, value);
        });
    }
    for (slot, (path, place)) in wanted.paths.iter().zip(&state.paths).enumerate() {
        let value = match text {
            Some(_) => nested::follow(whole, path, arena),
            None => event.slot(*place),
        };
        row.set(slot, value);
    }
    Ok(())
}

fn failed(problem: impl Into<Cow<'static, str>>) -> Failure {
    Failure::Envelope(problem.into())
}

#[cfg(test)]
mod tests;
