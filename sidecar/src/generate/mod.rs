//! `redis-kafka generate`: random records from an Avro Random Generator schema.
//!
//! [`Generator`] draws Avro values; an [`Encoder`] turns them into bytes; the producer sends them at
//! the wanted rate. Written after the README and sources of
//! <https://github.com/confluentinc/avro-random-generator>.

pub mod annotation;
mod avro_json;
mod built_in;
mod encoder;
mod iteration;
pub mod json;
pub mod key;

mod number;
mod options;
pub mod producer;
mod progress;
pub mod random;
mod rate;
mod registration;
mod schema;
mod text;
mod union;

pub use built_in::{BUILT_IN, BuiltIn};
pub use encoder::{EncodeError, Encoder, Format};
pub use random::Generator;
pub use rate::Rate;
pub use registration::RegistrationError;

use crate::cli::GenerateArgs;
use crate::stop::StopFlag;
use annotation::SchemaError;
use key::{KeyError, KeyTemplate};
use producer::{ProducerError, RecordProducer};
use progress::Progress;
use random::DrawError;
use rate::Pace;
use redis_kafka_engine::kafka::{
    Connection, ConnectionError, ProfileError, Profiles, producer_config,
};
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, io};
use thiserror::Error;

/// Why records were not generated, or not all.
#[derive(Debug, Error)]
pub enum GenerateError {
    /// An option that would have no effect.
    #[error("{0}")]
    Useless(&'static str),
    /// The profiles file cannot be used.
    #[error(transparent)]
    Profiles(#[from] ProfileError),
    /// There is no way to Kafka.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The schema is neither a file nor built in.
    #[error("cannot read the schema {}: {error}; built in are: {}", path.display(), built_in::names())]
    Read {
        /// The file asked for.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The schema has an error.
    #[error("schema {name}: {error}")]
    Schema {
        /// The file or built-in name.
        name: String,
        /// Where and what.
        error: SchemaError,
    },
    /// The key template has an error, or a record no such field.
    #[error("--key: {0}")]
    Key(#[from] KeyError),
    /// No (further) record could be made.
    #[error("record {number} could not be made: {error}")]
    Draw {
        /// Which record, from 1.
        number: u64,
        /// Why.
        error: DrawError,
    },
    /// A record has no form in the format.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The schema is not in the registry.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// Records could not be sent.
    #[error(transparent)]
    Producer(#[from] ProducerError),
    /// The signal handlers were refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Makes and sends records as `args` say, until the count is reached, SIGINT or SIGTERM comes
/// (what is on the way is then still delivered), or a record fails.
///
/// # Errors
/// See [`GenerateError`]; records already acknowledged stay in the topic.
pub fn run(args: &GenerateArgs) -> Result<(), GenerateError> {
    check(args)?;
    let (generator, template) = open(args)?;
    let profiles = args.connections.as_ref().map(Profiles::read).transpose()?.unwrap_or_default();
    let connection = connection(args)?;
    let config = producer_config(&connection, &profiles)?;
    let schema = generator.schema().clone();
    let encoder = match &args.registry {
        None => Encoder::Json,
        Some(registry) => {
            let id = registration::register(registry, &profiles, &args.topic, generator.json())?;
            Encoder::avro(&schema, id)?
        }
    };
    let mut source = Source {
        generator,
        template,
        encoder,
        json: Vec::new(),
        key: Vec::new(),
        value: Vec::new(),
    };
    let stop = StopFlag::on_signals()?;
    let brokers = connection.to_string();
    let mut producer = RecordProducer::connect(config, &brokers, &args.topic, args.create)?;
    let mut progress = Progress::start(args.quiet);
    let outcome = send_all(args, &mut source, &mut producer, &mut progress, &stop);
    // Whatever ended the loop, records on the way are still to be waited for.
    let finished = producer.finish();
    progress.finish(&args.topic, producer.delivered());
    outcome?;
    finished?;
    Ok(())
}

/// # Errors
/// An option that nothing would make use of.
fn check(args: &GenerateArgs) -> Result<(), GenerateError> {
    let named = args.registry.as_ref().is_some_and(|registry| !registry.contains("://"));
    match args.format {
        Format::Json if args.registry.is_some() => Err(GenerateError::Useless(
            "--registry is for --format avro: records written as JSON have no schema",
        )),
        _ if args.connections.is_some() && args.connection.is_none() && !named => {
            Err(GenerateError::Useless(
                "--connections is for a profile: --connection or --registry names it",
            ))
        }
        _ => Ok(()),
    }
}

fn connection(args: &GenerateArgs) -> Result<Connection, ConnectionError> {
    match (&args.connection, &args.brokers) {
        (Some(profile), _) => Ok(Connection::Profile(profile.clone())),
        (None, brokers) => Connection::brokers(brokers.as_deref().unwrap_or_default()),
    }
}

/// What draws the values, and the key's template.
fn open(args: &GenerateArgs) -> Result<(Generator, Option<KeyTemplate>), GenerateError> {
    let built_in = BUILT_IN.iter().find(|built_in| built_in.name == args.schema);
    let path = Path::new(&args.schema);
    let (text, directory) = match built_in {
        Some(built_in) => (built_in.schema.to_owned(), None),
        None => {
            let text = fs::read_to_string(path)
                .map_err(|error| GenerateError::Read { path: path.to_owned(), error })?;
            (text, path.parent())
        }
    };
    let generator = Generator::new(&text, directory, args.seed)
        .map_err(|error| GenerateError::Schema { name: args.schema.clone(), error })?;
    let template = args.key.as_deref().or(built_in.map(|built_in| built_in.key));
    let template = template.map(|source| KeyTemplate::parse(source, &args.topic)).transpose()?;
    Ok((generator, template))
}

fn send_all(
    args: &GenerateArgs,
    source: &mut Source<'_>,
    producer: &mut RecordProducer,
    progress: &mut Progress,
    stop: &StopFlag,
) -> Result<(), GenerateError> {
    let mut pace = Pace::new(args.rate, Instant::now());
    while !stop.is_raised() && args.count.is_none_or(|count| producer.sent() < count) {
        progress.update(producer.sent(), producer.delivered());
        let wait = pace.wait(Instant::now());
        if !wait.is_zero() {
            producer.idle(wait);
            continue;
        }
        let (key, value) = source.next(producer.sent() + 1)?;
        producer.send(key, value, || !stop.is_raised())?;
        pace.sent(Instant::now());
    }
    Ok(())
}

/// Makes encoded records, in buffers that are used again.
struct Source<'s> {
    generator: Generator,
    template: Option<KeyTemplate>,
    encoder: Encoder<'s>,
    /// What the key's template reads.
    json: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Source<'_> {
    /// Record `number`'s key and value.
    fn next(&mut self, number: u64) -> Result<(Option<&[u8]>, &[u8]), GenerateError> {
        let record =
            self.generator.draw().map_err(|error| GenerateError::Draw { number, error })?;
        self.value.clear();
        self.encoder.encode(&record, &mut self.value)?;
        let Some(template) = &mut self.template else {
            return Ok((None, &self.value));
        };
        let json = match &self.encoder {
            Encoder::Json => &self.value,
            Encoder::Avro { .. } => {
                self.json.clear();
                Encoder::Json.encode(&record, &mut self.json)?;
                &self.json
            }
        };
        self.key.clear();
        template.write(json, &mut self.key)?;
        Ok((Some(&self.key), &self.value))
    }
}
