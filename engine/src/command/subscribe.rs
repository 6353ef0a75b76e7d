//! KAFKA.SUBSCRIBE: names Kafka topics.

use super::canonical::Setting;
use super::table::{Entry, Flag, NAME, clause, name};
use super::{DeadLetters, Replace, Statement};
use crate::format::{FORMATS, Format, Needs};
use crate::grammar::{Argument, CommandError, Kind, Match, Word, alternatives, is_name_byte};
use crate::kafka::{Connection, Position, RegistryName, Topics};
use crate::nearest::nearest;

/// What KAFKA.SUBSCRIBE declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// The subscription's name.
    pub name: String,
    /// Whether it may take another's place.
    pub replace: Replace,
    /// What it reads.
    pub topics: Topics,
    /// How to reach the Kafka cluster.
    pub connection: Connection,
    /// The format of the records' keys.
    pub key: Format,
    /// The format of the records' values.
    pub value: Format,
    /// Where the schemas of its formats are; none where they need none, or where
    /// the connection's profile says it.
    pub registry: Option<RegistryName>,
    /// What the values are wrapped in.
    pub envelope: Envelope,
    /// Where it starts in partitions that are there when it is made.
    pub start: Position,
    /// What a bad record does.
    pub on_error: OnError,
    /// Where dead letters go.
    pub letters: DeadLetters,
    /// The consumer group's id; none lets the engine make one.
    pub group: Option<String>,
    /// The subscription whose load it awaits before it begins to consume.
    pub after: Option<String>,
    /// Whether it begins to consume by itself.
    pub initial: Initial,
}

/// What a record does that cannot be decoded or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// The subscription stops before it.
    #[default]
    Stop,
    /// It is counted and left out.
    Skip,
    /// It goes to the dead letters.
    DeadLetter,
}

/// What values are wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Envelope {
    /// Nothing.
    #[default]
    None,
    /// Debezium's change events.
    Debezium,
    /// Kafka Connect's `{"schema": …, "payload": …}`.
    Connect,
}

/// What a new subscription does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Initial {
    /// It consumes once it has a route.
    #[default]
    Running,
    /// `PAUSED`: it waits for KAFKA.RESUME.
    Paused,
}

/// The words of a position.
pub(super) const POSITIONS: &[Argument] = &[
    Argument::token("EARLIEST").about("the first record Kafka still has"),
    Argument::token("LATEST").about("what is written from now on"),
    Argument::token("COMMITTED").about("what the consumer group has committed"),
    Argument::option("OFFSET", "n", Kind::Integer).about("this offset in every partition"),
    Argument::option("TIMESTAMP", "ms|ISO|-2h", Kind::Timestamp)
        .about("the first record at or after this time"),
];

const ON_ERROR: &[Argument] = &[
    Argument::token("STOP").about("stop before the record (the default)"),
    Argument::token("SKIP").about("count it and go on"),
    Argument::token("DEADLETTER").about("put it among the dead letters and go on"),
];

const DEFAULT_KEY: Format = Format::String;
const DEFAULT_VALUE: Format = Format::Json;

pub(super) static ENTRY: Entry = Entry {
    clause: clause(
        "KAFKA.SUBSCRIBE",
        "Names Kafka topics to read; consumes once it has a route.",
        &[NAME],
        OPTIONS,
    ),
    since: "0.1.0",
    complexity: "O(N) with N the number of partitions; asks the broker for at most 2 seconds",
    flags: &[Flag::Write, Flag::Admin, Flag::DenyOom, Flag::Blocking, Flag::NoScript],
    acl: "",
    build: |matched| Subscribe::build(matched).map(Statement::Subscribe),
};

const OPTIONS: &[Argument] = &[
    super::route::REPLACE,
    Argument::one_of(
        "topics",
        &[
            Argument::option("TOPIC", "topic", Kind::List).about("these topics"),
            Argument::option("PATTERN", "regex", Kind::Pattern)
                .about("all topics whose whole name matches, now and later"),
        ],
    ),
    Argument::one_of(
        "connection",
        &[
            Argument::option("BROKERS", "host:port", Kind::List)
                .about("brokers to ask first, without TLS or login"),
            Argument::option("CONNECTION", "profile", Kind::Name)
                .about("a profile of the connections file"),
        ],
    ),
    Argument::option("KEY", "format", Kind::Format)
        .optional()
        .about("format of the records' keys (default STRING)"),
    Argument::option("VALUE", "format", Kind::Format)
        .optional()
        .about("format of the records' values (default JSON)"),
    Argument::option("REGISTRY", "url|profile", Kind::Text)
        .optional()
        .about("the Schema Registry of AVRO, PROTOBUF and JSONSCHEMA, or a profile that names it or a schema file (default: the connection's profile)"),
    Argument::choice(
        "ENVELOPE",
        "envelope",
        &[
            Argument::token("DEBEZIUM")
                .about("change events: the value is the row after, a delete deletes"),
            Argument::token("CONNECT")
                .about("Kafka Connect's {schema, payload}: the value is the typed payload"),
        ],
    )
    .optional()
    .about("what the values are wrapped in"),
    Argument::choice("START", "position", POSITIONS).optional().about("where to start (default EARLIEST)"),
    Argument::choice("ONERROR", "policy", ON_ERROR)
        .optional()
        .about("what a record does that cannot be decoded or written"),
    super::letters::MAX,
    super::letters::TOPIC,
    Argument::option("AFTER", "subscription", Kind::Name)
        .optional()
        .about("start when that one has applied all that Kafka held when this one began"),
    Argument::option("GROUP", "group", Kind::Text)
        .optional()
        .about("the consumer group to commit to (default redis-kafka.name.id, made for it)"),
    Argument::token("PAUSED").optional().about("wait for KAFKA.RESUME"),
];

impl Subscribe {
    fn build(matched: &Match<'_>) -> Result<Subscribe, CommandError> {
        let format = |key: &str, default: Format| match matched.get(key) {
            Some(part) => format(part.word()?),
            None => Ok(default),
        };
        let (name, connection) = (name(matched)?, connection(matched)?);
        let (key, value) = (format("KEY", DEFAULT_KEY)?, format("VALUE", DEFAULT_VALUE)?);
        let topics = topics(matched)?;
        Ok(Subscribe {
            replace: Replace::parse(matched),
            letters: DeadLetters::parse(matched, &topics)?,
            topics,
            registry: registry(matched, &connection, [key, value])?,
            envelope: envelope(matched, value)?,
            connection,
            key,
            value,
            start: matched.get("START").map_or(Ok(Position::Earliest), position)?,
            on_error: OnError::parse(matched.get("ONERROR")),
            group: matched.get("GROUP").map(|part| group(part.word()?)).transpose()?,
            after: after(matched, &name)?,
            name,
            initial: if matched.has("PAUSED") { Initial::Paused } else { Initial::Running },
        })
    }

    /// Every option with its canonical words; see [`super::canonical`].
    pub(super) fn options(&self) -> Vec<Setting> {
        let topics = match self.topics {
            Topics::List(_) => "TOPIC",
            Topics::Pattern(_) => "PATTERN",
        };
        let connection = match self.connection {
            Connection::Brokers(_) => "BROKERS",
            Connection::Profile(_) => "CONNECTION",
        };
        let start = self.start.to_string();
        let registry = self.registry.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut all = vec![
            Setting::new(topics, [self.topics.to_string()]),
            Setting::new(connection, [self.connection.to_string()]),
            Setting::new("KEY", [self.key.name()]).default_if(self.key == DEFAULT_KEY),
            Setting::new("VALUE", [self.value.name()]).default_if(self.value == DEFAULT_VALUE),
            Setting::new("REGISTRY", [registry]).default_if(self.registry.is_none()),
            Setting::new("ENVELOPE", [self.envelope.word()])
                .default_if(self.envelope == Envelope::None),
            Setting::new("START", start.split(' ')).default_if(self.start == Position::Earliest),
            Setting::new("ONERROR", [self.on_error.word()])
                .default_if(self.on_error == OnError::default()),
            self.letters.setting(),
        ];
        all.extend(self.group.as_ref().map(|group| Setting::new("GROUP", [group.as_str()])));
        all.extend(self.after.as_ref().map(|after| Setting::new("AFTER", [after.as_str()])));
        if self.initial == Initial::Paused {
            all.push(Setting::new("PAUSED", [""; 0]));
        }
        all
    }
}

impl OnError {
    /// The word that stands for it.
    pub fn word(self) -> &'static str {
        match self {
            OnError::Stop => "STOP",
            OnError::Skip => "SKIP",
            OnError::DeadLetter => "DEADLETTER",
        }
    }

    fn parse(matched: Option<&Match<'_>>) -> OnError {
        let all = [OnError::Stop, OnError::Skip, OnError::DeadLetter];
        let chosen = matched.map_or("", Match::chosen);
        all.into_iter().find(|policy| policy.word() == chosen).unwrap_or_default()
    }
}

impl Envelope {
    /// The word that stands for it; none has none.
    pub fn word(self) -> &'static str {
        match self {
            Envelope::None => "",
            Envelope::Debezium => "DEBEZIUM",
            Envelope::Connect => "CONNECT",
        }
    }
}

fn envelope(matched: &Match<'_>, value: Format) -> Result<Envelope, CommandError> {
    let Some(part) = matched.get("ENVELOPE") else { return Ok(Envelope::None) };
    let all = [Envelope::Debezium, Envelope::Connect];
    let envelope = all.into_iter().find(|envelope| envelope.word() == part.chosen());
    match (envelope.unwrap_or_default(), value) {
        (Envelope::Connect, Format::Json)
        | (
            Envelope::Debezium,
            Format::Json | Format::Avro | Format::Protobuf | Format::JsonSchema,
        ) => Ok(envelope.unwrap_or_default()),
        (Envelope::Connect, _) => Err(CommandError::new(format!(
            "ENVELOPE CONNECT is about VALUE JSON, not {}",
            value.name()
        ))
        .at(part.number())
        .hint("leave ENVELOPE away: the other formats' schemas are not in the record")),
        _ => Err(CommandError::new(format!("VALUE {} has no envelope", value.name()))
            .at(part.number())
            .hint("leave ENVELOPE away")),
    }
}

/// REGISTRY, which the formats with schemas need and no other takes.
fn registry(
    matched: &Match<'_>,
    connection: &Connection,
    formats: [Format; 2],
) -> Result<Option<RegistryName>, CommandError> {
    let needs = formats.into_iter().find(|format| format.needs() == Needs::Schema);
    match (matched.get("REGISTRY"), needs, connection) {
        (Some(part), Some(_), _) => {
            let parse =
                |text: &str| RegistryName::parse(text).map_err(|error| format!("REGISTRY {error}"));
            part.word()?.convert(parse).map(Some)
        }
        (Some(part), None, _) => Err(CommandError::new("REGISTRY is for formats with a schema")
            .at(part.number())
            .hint(format!("write VALUE {}", alternatives(with_schema())))),
        (None, Some(format), Connection::Brokers(_)) => {
            Err(CommandError::new(format!("format {} needs a schema", format.name()))
                .hint("add REGISTRY url, or REGISTRY profile of the connections file"))
        }
        (None, _, _) => Ok(None),
    }
}

fn with_schema() -> impl Iterator<Item = &'static str> {
    FORMATS.iter().filter(|row| row.needs == Needs::Schema).map(|row| row.name)
}

/// AFTER: the name of another subscription.
fn after(matched: &Match<'_>, name: &str) -> Result<Option<String>, CommandError> {
    let Some(part) = matched.get("AFTER") else { return Ok(None) };
    let word = part.word()?;
    match word.name()? {
        after if after == name => Err(word
            .error(format!("'{name}' cannot wait for itself"))
            .hint("name the subscription that must be loaded first")),
        after => Ok(Some(after)),
    }
}

fn topics(matched: &Match<'_>) -> Result<Topics, CommandError> {
    match matched.get("PATTERN") {
        Some(pattern) => pattern.word()?.convert(Topics::pattern),
        None => matched.word_of("TOPIC")?.convert(Topics::list),
    }
}

fn connection(matched: &Match<'_>) -> Result<Connection, CommandError> {
    match matched.get("CONNECTION") {
        Some(profile) => Ok(Connection::Profile(profile.word()?.name()?)),
        None => matched.word_of("BROKERS")?.convert(Connection::brokers),
    }
}

pub(super) fn format(word: Word<'_>) -> Result<Format, CommandError> {
    if let Some(row) = FORMATS.iter().find(|row| word.is(row.name)) {
        return Ok(row.format);
    }
    let error = word.error(format!("unknown format '{}'", word.shown()));
    Err(match nearest(&word.shown(), FORMATS.iter().map(|row| row.name)) {
        Some(near) => error.did_you_mean(Some(near)),
        None => error.hint(format!("use {}", alternatives(FORMATS.iter().map(|row| row.name)))),
    })
}

/// A position from the words behind START, or where a position stands by itself.
pub(super) fn position(start: &Match<'_>) -> Result<Position, CommandError> {
    let chosen = start.chosen();
    let value = start.get(chosen).and_then(|part| part.word().ok());
    let mut words = vec![chosen];
    if let Some(value) = value {
        words.push(value.text()?);
    }
    Position::parse(&words).map(|(position, _)| position).map_err(|error| {
        CommandError::new(error.to_string()).at(value.map_or(start.number(), |word| word.number))
    })
}

/// Kafka takes any text as a group's id; this holds it to the characters of names.
fn group(word: Word<'_>) -> Result<String, CommandError> {
    const GROUP_MAX: usize = 255;
    match word.text()? {
        text if text.len() <= GROUP_MAX && text.bytes().all(is_name_byte) => Ok(text.to_owned()),
        _ => Err(word
            .error(format!("'{}' cannot be a consumer group", word.shown()))
            .hint(format!("a group is 1 to {GROUP_MAX} of A-Z a-z 0-9 _ . -"))),
    }
}
