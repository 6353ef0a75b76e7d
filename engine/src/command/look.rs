//! KAFKA.TOPICS, KAFKA.PEEK and KAFKA.PRODUCE: a look into Kafka, and a record into it.

use super::Statement;
use super::canonical::Setting;
use super::subscribe::{POSITIONS, format, position};
use super::table::{Entry, Flag, clause};
use crate::format::{Format, Needs};
use crate::grammar::{Argument, Clause, CommandError, Kind, Match, Repetition};
use crate::kafka::{Connection, Position, RegistryName, Topics};

/// Which Kafka cluster is looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `ON`: the cluster of this subscription, with its formats.
    Subscription(String),
    /// `CONNECTION` or `BROKERS`
    Connection(Connection),
}

/// What KAFKA.PEEK asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// The topic.
    pub topic: String,
    /// Which cluster; none where there is only one.
    pub source: Option<Source>,
    /// The keys' format; none is the subscription's, or guessed.
    pub key: Option<Format>,
    /// The values' format; none is the subscription's, or guessed.
    pub value: Option<Format>,
    /// Where schemas are; none is the subscription's, or the connection's profile.
    pub registry: Option<RegistryName>,
    /// Where to begin; none shows the latest.
    pub start: Option<Position>,
    /// How many records at most.
    pub count: usize,
}

/// What KAFKA.PRODUCE sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Produce {
    /// The topic.
    pub topic: String,
    /// Which cluster; none where there is only one.
    pub source: Option<Source>,
    /// The key of all records, as given; none is Kafka's null.
    pub key: Option<Vec<u8>>,
    /// Headers of all records.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The partition; none lets the key choose.
    pub partition: Option<i32>,
    /// How the values are encoded.
    pub format: Format,
    /// Where schemas are; none is the subscription's, or the connection's profile.
    pub registry: Option<RegistryName>,
    /// The partitions of a topic that is made where it is missing; none makes none.
    pub create: Option<i32>,
    /// What the records hold.
    pub content: Content,
}

/// What KAFKA.PRODUCE sends beside keys and headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Values, one a record.
    Values(Vec<Vec<u8>>),
    /// `TOMBSTONE`: one record whose value is Kafka's null.
    Tombstone,
}

/// Records that are shown unless a COUNT says otherwise.
pub const COUNT_DEFAULT: usize = 10;

/// Records that are shown at most.
pub const COUNT_MAX: u64 = 1000;

/// Values that are sent at most by one command.
const VALUES_MAX: usize = 10_000;

/// Partitions that a topic is made with at most: a slip of the finger is not to burden a cluster.
const PARTITIONS_MAX: u64 = 10_000;

pub(super) const COUNT: Argument = Argument::option("COUNT", "n", Kind::Integer)
    .optional()
    .about("records to show (default 10, at most 1000)");
pub(super) const START: Argument = Argument::choice("START", "position", POSITIONS)
    .optional()
    .about("show the records from there on (default: the latest)");
const SOURCE: Argument = Argument::one_of(
    "where",
    &[
        Argument::option("ON", "subscription", Kind::Name)
            .about("the cluster of this subscription, with its formats"),
        Argument::option("CONNECTION", "profile", Kind::Name)
            .about("a profile of the connections file"),
        Argument::option("BROKERS", "host:port", Kind::List)
            .about("brokers to ask first, without TLS or login"),
    ],
)
.optional();
const REGISTRY: Argument = Argument::option("REGISTRY", "url|profile", Kind::Text)
    .optional()
    .about("the Schema Registry, or a profile that names it or a schema file");
const TOPIC: Argument = Argument::value("topic", Kind::Text);

const TOMBSTONE: &str = "TOMBSTONE";
const VALUES: Argument = Argument::block(
    None,
    "values",
    &[
        Argument::token("VALUES").optional().about("what follows are values, whatever it says"),
        Argument::value("value", Kind::Text).repeated(Repetition::Values),
    ],
)
.optional();

const FLAGS: &[Flag] = &[Flag::ReadOnly, Flag::Admin, Flag::Blocking, Flag::NoScript];

pub(super) static TOPICS: Entry = Entry {
    clause: clause(
        "KAFKA.TOPICS",
        "The topics of a Kafka cluster: partitions, replicas, records, retention.",
        &[],
        &[SOURCE],
    ),
    since: "0.1.0",
    complexity: "O(N) with N the number of topics; asks the broker for at most 10 seconds",
    flags: FLAGS,
    acl: "",
    build: |matched| Ok(Statement::Topics { source: source(matched)? }),
};

pub(super) static PEEK: Entry = Entry {
    clause: clause(
        "KAFKA.PEEK",
        "Shows records of a topic, decoded, consuming nothing.",
        &[TOPIC],
        &[
            SOURCE,
            Argument::option("KEY", "format", Kind::Format)
                .optional()
                .about("format of the keys (default: the subscription's, or guessed and said)"),
            Argument::option("VALUE", "format", Kind::Format)
                .optional()
                .about("format of the values (default: the subscription's, or guessed and said)"),
            REGISTRY,
            START,
            COUNT,
        ],
    ),
    since: "0.1.0",
    complexity: "O(N) with N the number of records read; asks the broker for at most 10 seconds",
    flags: FLAGS,
    acl: "",
    build: |matched| Peek::build(matched).map(Statement::Peek),
};

pub(super) static PRODUCE: Entry = Entry {
    clause: Clause {
        name: "KAFKA.PRODUCE",
        summary: "Sends records to a topic, one a value, and answers where they stand.",
        arguments: &[TOPIC],
        options: &[
            SOURCE,
            Argument::option("KEY", "key", Kind::Text)
                .optional()
                .about("the records' key, as it is given (default: Kafka's null)"),
            Argument::block(
                Some("HEADER"),
                "header",
                &[Argument::value("name", Kind::Text), Argument::value("value", Kind::Text)],
            )
            .optional()
            .repeated(Repetition::Whole)
            .about("a header of each record"),
            Argument::option("PARTITION", "n", Kind::Integer)
                .optional()
                .about("the partition (default: the key's, as Kafka's own clients choose it)"),
            Argument::option("FORMAT", "format", Kind::Format).optional().about(
                "how the values are encoded (default STRING: as they are given); AVRO and \
                 JSONSCHEMA take JSON and the newest schema of the subject topic-value",
            ),
            REGISTRY,
            Argument::option("CREATE", "partitions", Kind::Integer)
                .optional()
                .about("make the topic with so many partitions where it is missing"),
            Argument::token(TOMBSTONE)
                .optional()
                .about("Kafka's null in place of values: what the key stands for is gone"),
        ],
        trailing: Some(&VALUES),
    },
    since: "0.1.0",
    complexity: "O(N) with N the number of records; asks the broker for at most 10 seconds",
    flags: FLAGS,
    acl: "",
    build: |matched| Produce::build(matched).map(Statement::Produce),
};

impl Peek {
    fn build(matched: &Match<'_>) -> Result<Peek, CommandError> {
        let start = start(matched)?;
        let source = source(matched)?;
        if start == Some(Position::Committed) && !matches!(source, Some(Source::Subscription(_))) {
            let at = matched.get(START.key()).map_or(0, Match::number);
            return Err(CommandError::new("START COMMITTED is of a subscription's consumer group")
                .at(at)
                .hint("add ON subscription"));
        }
        Ok(Peek {
            topic: topic(matched)?,
            source,
            key: named_format(matched, "KEY")?,
            value: named_format(matched, "VALUE")?,
            registry: registry(matched)?,
            start,
            count: count(matched)?,
        })
    }

    pub(super) fn options(&self) -> Vec<Setting> {
        let mut all = source_options(self.source.as_ref());
        all.extend(self.key.map(|format| Setting::new("KEY", [format.name()])));
        all.extend(self.value.map(|format| Setting::new("VALUE", [format.name()])));
        all.extend(registry_option(self.registry.as_ref()));
        all.extend(window_options(self.start, self.count));
        all
    }
}

impl Produce {
    fn build(matched: &Match<'_>) -> Result<Produce, CommandError> {
        let bytes = |key| Ok(matched.get(key).map(Match::word).transpose()?.map(|it| it.bytes));
        let number = |key, range| {
            let word = matched.get(key).map(Match::word).transpose()?;
            word.map(|word| word.integer(range).map(|number| number as i32)).transpose()
        };
        let headers = matched.all("HEADER").map(|part| {
            let (name, value) = (part.word_of("name")?.text()?, part.word_of("value")?.bytes);
            Ok((name.to_owned(), value.to_vec()))
        });
        let made = Produce {
            topic: topic(matched)?,
            source: source(matched)?,
            key: bytes("KEY")?.map(<[u8]>::to_vec),
            headers: headers.collect::<Result<_, CommandError>>()?,
            partition: number("PARTITION", 0..=i32::MAX as u64)?,
            format: named_format(matched, "FORMAT")?.unwrap_or(Format::String),
            registry: registry(matched)?,
            create: number("CREATE", 1..=PARTITIONS_MAX)?,
            content: Content::parse(matched)?,
        };
        made.check(matched)
    }

    fn check(self, matched: &Match<'_>) -> Result<Produce, CommandError> {
        let at = |key| matched.get(key).map_or(0, Match::number);
        if self.content == Content::Tombstone {
            if self.key.is_none() {
                let problem = "TOMBSTONE needs a key: it says that what the key stands for is gone";
                return Err(CommandError::new(problem).at(at(TOMBSTONE)).hint("add KEY key"));
            }
            if let Some(part) = ["FORMAT", "REGISTRY"].iter().find_map(|key| matched.get(key)) {
                let problem = format!("{} is for values, and TOMBSTONE has none", part.key());
                return Err(CommandError::new(problem).at(part.number()).hint("leave it out"));
            }
        }
        if self.format == Format::Protobuf {
            return Err(CommandError::new("FORMAT PROTOBUF cannot be written")
                .at(at("FORMAT"))
                .hint("it can be read; write AVRO, JSONSCHEMA or JSON, or send it by a client of yours"));
        }
        if self.registry.is_some() && self.format.needs() == Needs::Nothing {
            return Err(CommandError::new("REGISTRY is for formats with a schema")
                .at(at("REGISTRY"))
                .hint("write FORMAT AVRO or JSONSCHEMA"));
        }
        if let (Some(partition), Some(partitions)) = (self.partition, self.create)
            && partition >= partitions
        {
            let problem = format!(
                "PARTITION {partition} is not one of CREATE {partitions}: they count from 0"
            );
            return Err(CommandError::new(problem).at(at("PARTITION")));
        }
        Ok(self)
    }

    pub(super) fn options(&self) -> Vec<Setting> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut all = source_options(self.source.as_ref());
        all.extend(self.key.as_ref().map(|key| Setting::new("KEY", [text(key)])));
        // One setting for all of them: their order means something.
        let mut words = Vec::new();
        for (name, value) in &self.headers {
            words.extend(["HEADER".to_owned(), name.clone(), text(value)]);
        }
        all.extend(words.split_first().map(|(_, rest)| Setting::new("HEADER", rest)));
        let number = |it: i32| [it.to_string()];
        all.extend(self.partition.map(|it| Setting::new("PARTITION", number(it))));
        all.push(
            Setting::new("FORMAT", [self.format.name()]).default_if(self.format == Format::String),
        );
        all.extend(registry_option(self.registry.as_ref()));
        all.extend(self.create.map(|it| Setting::new("CREATE", number(it))));
        all.push(match &self.content {
            Content::Values(values) => {
                Setting::new("VALUES", values.iter().map(|value| text(value)))
            }
            Content::Tombstone => Setting::new(TOMBSTONE, [""; 0]),
        });
        all
    }

    /// Whether a line of text can say all of it.
    pub(super) fn is_text(&self) -> bool {
        let headers = self.headers.iter().map(|(_, value)| value);
        let mut all = headers.chain(&self.key).chain(self.content.values());
        all.all(|bytes| std::str::from_utf8(bytes).is_ok())
    }
}

impl Content {
    fn parse(matched: &Match<'_>) -> Result<Content, CommandError> {
        let tombstone = matched.get(TOMBSTONE);
        let values = match (matched.get(VALUES.key()), tombstone) {
            (None, Some(_)) => return Ok(Content::Tombstone),
            (Some(values), None) => values.require("value")?.words(),
            (Some(values), Some(_)) => {
                let problem = "TOMBSTONE stands in place of values, and here is one";
                return Err(CommandError::new(problem)
                    .at(values.number())
                    .hint("leave out one of them; VALUES TOMBSTONE sends the word"));
            }
            (None, None) => {
                return Err(CommandError::new(format!("{VALUES} is missing")).hint(
                    "TOMBSTONE sends Kafka's null; KAFKA.HELP PRODUCE shows the whole command",
                ));
            }
        };
        if values.len() > VALUES_MAX {
            let problem = format!("{} values are more than {VALUES_MAX}", values.len());
            return Err(CommandError::new(problem).hint("send them by several commands"));
        }
        Ok(Content::Values(values.iter().map(|word| word.bytes.to_vec()).collect()))
    }

    /// The values; nothing of a tombstone.
    pub fn values(&self) -> &[Vec<u8>] {
        match self {
            Content::Values(values) => values,
            Content::Tombstone => &[],
        }
    }
}

/// ON, CONNECTION or BROKERS.
fn source(matched: &Match<'_>) -> Result<Option<Source>, CommandError> {
    if let Some(part) = matched.get("ON") {
        return Ok(Some(Source::Subscription(part.word()?.name()?)));
    }
    if let Some(part) = matched.get("CONNECTION") {
        let profile = Connection::Profile(part.word()?.name()?);
        return Ok(Some(Source::Connection(profile)));
    }
    let brokers = matched.get("BROKERS").map(|part| part.word()?.convert(Connection::brokers));
    Ok(brokers.transpose()?.map(Source::Connection))
}

pub(super) fn source_options(source: Option<&Source>) -> Vec<Setting> {
    let (token, word) = match source {
        None => return Vec::new(),
        Some(Source::Subscription(name)) => ("ON", name.clone()),
        Some(Source::Connection(it @ Connection::Profile(_))) => ("CONNECTION", it.to_string()),
        Some(Source::Connection(it @ Connection::Brokers(_))) => ("BROKERS", it.to_string()),
    };
    vec![Setting::new(token, [word])]
}

fn topic(matched: &Match<'_>) -> Result<String, CommandError> {
    let word = matched.word_of(TOPIC.key())?;
    if word.text()?.contains(',') {
        return Err(word.error("one topic is wanted, not several"));
    }
    word.convert(Topics::list)?;
    Ok(word.text()?.to_owned())
}

fn named_format(matched: &Match<'_>, key: &str) -> Result<Option<Format>, CommandError> {
    matched.get(key).map(|part| format(part.word()?)).transpose()
}

fn registry(matched: &Match<'_>) -> Result<Option<RegistryName>, CommandError> {
    let parse = |text: &str| RegistryName::parse(text).map_err(|error| format!("REGISTRY {error}"));
    matched.get(REGISTRY.key()).map(|part| part.word()?.convert(parse)).transpose()
}

fn registry_option(registry: Option<&RegistryName>) -> Option<Setting> {
    registry.map(|registry| Setting::new("REGISTRY", [registry.to_string()]))
}

pub(super) fn start(matched: &Match<'_>) -> Result<Option<Position>, CommandError> {
    matched.get(START.key()).map(position).transpose()
}

pub(super) fn count(matched: &Match<'_>) -> Result<usize, CommandError> {
    let word = matched.get(COUNT.key()).map(Match::word).transpose()?;
    let count = word.map(|word| word.integer(1..=COUNT_MAX)).transpose()?;
    Ok(count.map_or(COUNT_DEFAULT, |count| count as usize))
}

/// START and COUNT.
pub(super) fn window_options(start: Option<Position>, count: usize) -> Vec<Setting> {
    let start = start.map(|start| Setting::new("START", start.to_string().split(' ')));
    let count = Setting::new("COUNT", [count.to_string()]).default_if(count == COUNT_DEFAULT);
    start.into_iter().chain([count]).collect()
}
