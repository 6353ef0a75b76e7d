//! KAFKA.PREVIEW: records go the way of a subscription's, up to the commands, which nobody runs.

mod commands;
mod world;

use super::encoding::schema_of;
use super::reader::{Held, Read, Window, read};
use super::shown::{LINES_MAX, place as place_of};
use super::{Answer, Inquiry, Place, refused};
use crate::command::{CommandError, Preview, lines};
use crate::control::Reply;
use crate::format::Format;
use crate::format::avro::Encoder;
use crate::kafka::{SchemaSources, Topics, schema_sources};
use crate::ledger::Outcome;
use crate::lookup::Lookup;
use crate::registry::SchemaKind;
use crate::target::Target;
use crate::unit::{Builder, RecordRef, Unit};
use crate::worker::{
    Encoders, Formats, Incoming, LaneWorker, Plan, RecordError, Refusal, RouteSpec, ValueSource,
};
use commands::{Command, Commands};
use std::sync::Arc;
use world::World;

/// What is shown of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// Its rows, as JSON.
    Rows,
    /// The commands that write it.
    Commands,
}

/// What a preview needs beside its place.
pub struct Previewed {
    /// The subscription's topics.
    pub topics: Topics,
    /// What was asked.
    pub asked: Preview,
    /// The route that is shown.
    pub route: RouteSpec,
    /// The way to what Redis holds.
    pub lane: LaneWorker,
}

/// Shows what a route makes of some records: for each a line of comment and its commands, or its rows.
pub fn preview(inquiry: &Inquiry, mut place: Place, previewed: Previewed) -> Answer {
    let Previewed { topics, asked, route, lane } = previewed;
    place.refresh()?;
    let mut previewer = Previewer::new(&place, &route, lane)?;
    let mut consumer = inquiry.consumer(&place)?;
    let topics = consumer.topics(&topics, inquiry.ask()).map_err(refused)?;
    let window = Window { start: asked.start, count: asked.count };
    let Read { records, note } = read(inquiry, &mut consumer, &topics, window)?;
    let shows = if asked.target.is_some() { Shows::Commands } else { Shows::Rows };
    let mut told = Told { shows, ..Told::default() };
    for (number, record) in records.iter().enumerate() {
        if inquiry.is_over() {
            return Err(CommandError::new("the time is up").hint("ask for fewer with COUNT"));
        }
        let shown = previewer.show(record)?;
        if !told.tell(record, shown, &asked.from) {
            told.lines.push(format!(
                "# … {} more records: ask for fewer with COUNT",
                records.len() - number
            ));
            break;
        }
    }
    told.lines.extend(note.map(|note| format!("# {note}")));
    told.lines.push(told.summary());
    Ok(Reply::List(told.lines.into_iter().map(Reply::Simple).collect()))
}

/// What becomes of a record.
enum Shown {
    /// These commands, and the messages to topics.
    Written(Vec<Command>),
    /// Nothing: WHERE does not take it, or it is a tombstone that removes nothing.
    LeftOut,
    /// It fails.
    Bad(RecordError),
}

/// The lines so far.
struct Told {
    shows: Shows,
    lines: Vec<String>,
    size: usize,
    written: usize,
    left_out: usize,
    bad: usize,
}

impl Default for Told {
    fn default() -> Told {
        let lines = Vec::new();
        Told { shows: Shows::Rows, lines, size: 0, written: 0, left_out: 0, bad: 0 }
    }
}

impl Told {
    /// Adds a record; false when there is no room for it.
    fn tell(&mut self, record: &Held, shown: Shown, subscription: &str) -> bool {
        let place = place_of(record);
        let (before, count) = (self.size, self.lines.len());
        match shown {
            Shown::LeftOut => self.left_out += 1,
            Shown::Bad(error) => {
                self.bad += 1;
                let RecordError { stage, problem, .. } = error;
                self.add(format!("# {place} would fail: {}: {problem}", stage.name()));
            }
            Shown::Written(commands) => {
                self.written += 1;
                if self.shows == Shows::Commands {
                    self.add(format!("# {place}"));
                }
                for command in &commands {
                    self.add(match self.shows {
                        Shows::Commands => command.line(subscription),
                        Shows::Rows => format!("{place} {}", command.payload()),
                    });
                }
            }
        }
        if self.size > LINES_MAX && before > 0 {
            self.lines.truncate(count);
            return false;
        }
        true
    }

    fn add(&mut self, line: String) {
        self.size += line.len();
        self.lines.push(line);
    }

    fn summary(&self) -> String {
        let all = self.written + self.left_out + self.bad;
        let (plural, what) = match self.shows {
            Shows::Commands => (if all == 1 { "" } else { "s" }, "would be written"),
            Shows::Rows => (if all == 1 { "" } else { "s" }, "shown"),
        };
        let mut parts = vec![format!("# {all} record{plural}: {} {what}", self.written)];
        if self.left_out > 0 {
            parts.push(format!("{} left out", self.left_out));
        }
        if self.bad > 0 {
            parts.push(format!("{} would fail", self.bad));
        }
        parts.join(", ")
    }
}

/// Makes commands of records, one at a time.
struct Previewer {
    plan: Plan,
    builder: Builder,
    unit: Unit,
    world: World,
    subscription: String,
    slots: Vec<(Arc<str>, i32)>,
}

impl Previewer {
    fn new(place: &Place, route: &RouteSpec, lane: LaneWorker) -> Result<Previewer, CommandError> {
        let plan = plan(place, route)?;
        let subscription = lane.subscription().to_owned();
        Ok(Previewer {
            plan,
            builder: Builder::new(),
            unit: Unit::default(),
            world: World::new(lane),
            subscription,
            slots: Vec::new(),
        })
    }

    /// What becomes of a record once all before it are written.
    fn show(&mut self, record: &Held) -> Result<Shown, CommandError> {
        let place = RecordRef { slot: self.slot(record), offset: record.offset };
        let outcome = self.write(record, place);
        self.plan.lookup.clear();
        match outcome? {
            Ok(Outcome::Applied) => {}
            Ok(_) => return Ok(Shown::LeftOut),
            Err(error) => return Ok(Shown::Bad(error)),
        }
        self.unit.clear();
        self.unit.slots = self.slots.as_slice().into();
        let (names, unit) = (&self.plan.names, &mut self.unit);
        self.builder.finish(&self.subscription, names, std::iter::empty(), unit);
        let messages = std::mem::take(&mut self.builder.messages);
        let messages = messages.iter().map(|message| Command::message(&message));
        let decided = match self.world.decide(&self.unit)? {
            Ok(decided) => decided,
            Err(error) => return Ok(Shown::Bad(error)),
        };
        Ok(match Commands::of(&decided, &self.unit, &self.world.latest) {
            Ok(mut commands) => {
                commands.iter().for_each(|command| self.world.run(command));
                commands.extend(messages);
                Shown::Written(commands)
            }
            Err(error) => Shown::Bad(error),
        })
    }

    /// Writes a record into the unit, and looks up what it is joined with.
    fn write(
        &mut self,
        record: &Held,
        place: RecordRef,
    ) -> Result<Result<Outcome, RecordError>, CommandError> {
        let incoming = Incoming {
            topic: &record.topic,
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: record,
        };
        loop {
            let mark = self.builder.begin_record(place);
            match self.plan.write(&incoming, &mut self.builder, mark) {
                Ok(outcome) => return Ok(Ok(outcome)),
                Err(Refusal::Record(error)) => return Ok(Err(error)),
                Err(Refusal::Unavailable(absence)) => {
                    return Err(CommandError::new(absence.reason).hint(absence.action));
                }
                // What it lacks is among the questions now.
                Err(Refusal::Unresolved | Refusal::Undecided) if self.plan.lookup.is_open() => {
                    let reads = self.plan.lookup.reads.clone();
                    let asked =
                        std::mem::replace(&mut self.plan.lookup, Box::new(Lookup::new(reads)));
                    self.plan.lookup = self.world.resolve(asked)?;
                }
                Err(Refusal::Unresolved | Refusal::Undecided) => {
                    return Err(CommandError::new("internal error: a join asks for nothing"));
                }
            }
        }
    }

    fn slot(&mut self, record: &Held) -> usize {
        let is_it = |slot: &(Arc<str>, i32)| slot.1 == record.partition && slot.0 == record.topic;
        self.slots.iter().position(is_it).unwrap_or_else(|| {
            self.slots.push((record.topic.clone(), record.partition));
            self.slots.len() - 1
        })
    }
}

/// The route over the subscription's formats.
fn plan(place: &Place, route: &RouteSpec) -> Result<Plan, CommandError> {
    let told = |error: &dyn std::fmt::Display| CommandError::new(error.to_string());
    let Some((key, value, envelope)) = place.formats else {
        return Err(CommandError::new("a subscription is missing"));
    };
    let (registry, profiles) = (place.registry.as_ref(), &place.profiles);
    let found = schema_sources([key, value], registry, &place.connection, profiles);
    let SchemaSources { key: key_schemas, value: schemas } = found.map_err(|it| told(&it))?;
    let formats =
        Formats { key, key_schemas, value: ValueSource { format: value, envelope, schemas } };
    let encoders = encoders(place, &route.name, &route.target)?;
    Plan::with_encoders(formats, std::slice::from_ref(route), &encoders).map_err(|it| told(&it))
}

/// What encodes messages in Avro, where the route sends such.
fn encoders(place: &Place, name: &str, target: &Target) -> Result<Encoders, CommandError> {
    let mut encoders = Encoders::new();
    if let Some(sends) = target.sends().filter(|sends| sends.value == Format::Avro) {
        let registry = sends.registry.or(place.registry.as_ref());
        let (schema, prefix) =
            schema_of(place, registry, sends.topic, Format::Avro, SchemaKind::Avro)?;
        let encoder = Encoder::new(&schema, prefix).map_err(|error| {
            CommandError::new(format!("the schema of topic '{}': {error}", sends.topic))
        })?;
        encoders.insert(name.to_owned(), Arc::new(encoder));
    }
    Ok(encoders)
}

impl Command {
    /// As redis-cli takes it.
    fn line(&self, subscription: &str) -> String {
        let words: Vec<&[u8]> = match self {
            Command::Redis(words) => words.iter().map(Vec::as_slice).collect(),
            // No command of ours sends null for both.
            Command::Kafka { topic, key: None, value: None } => {
                return format!("# to topic {topic}: key null, value null");
            }
            Command::Kafka { topic, key, value } => {
                let mut words = vec![b"KAFKA.PRODUCE".as_slice(), topic.as_bytes(), b"ON"];
                words.push(subscription.as_bytes());
                words.extend(key.iter().flat_map(|key| [b"KEY".as_slice(), key]));
                match value {
                    Some(value) => words.extend([b"VALUES".as_slice(), value]),
                    None => words.push(b"TOMBSTONE"),
                }
                words
            }
        };
        lines::join_bytes(&words)
    }

    /// The message of a row.
    fn payload(&self) -> String {
        let text = match self {
            Command::Redis(words) => words.last().map(Vec::as_slice),
            Command::Kafka { value, .. } => value.as_deref(),
        };
        String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
    }
}
