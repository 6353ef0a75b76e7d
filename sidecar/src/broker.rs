//! `redis-kafka broker`: librdkafka's mock cluster as an embedded broker for trying out.

mod forward;

use crate::cli::BrokerArgs;
use crate::stop::StopSignal;
use forward::Forwarder;
use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use thiserror::Error;

/// More partitions than anyone tries out with; each may hold 5 MB.
const MAX_PARTITIONS: i32 = 10_000;
/// Kafka's own limit for a topic's name.
const MAX_TOPIC_NAME: usize = 249;

/// A topic to create, as `NAME[:PARTITIONS]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    name: String,
    partitions: i32,
}

impl TopicSpec {
    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many partitions it is to have, 1 or more.
    pub fn partitions(&self) -> i32 {
        self.partitions
    }
}

impl FromStr for TopicSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<TopicSpec, String> {
        let (name, partitions) = text.split_once(':').unwrap_or((text, "1"));
        let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || name.len() > MAX_TOPIC_NAME || !name.chars().all(legal) {
            return Err(format!(
                "a topic's name is 1 to {MAX_TOPIC_NAME} of the characters A-Z a-z 0-9 . _ -"
            ));
        }
        match partitions.parse() {
            Ok(partitions @ 1..=MAX_PARTITIONS) => {
                Ok(TopicSpec { name: name.to_owned(), partitions })
            }
            _ => Err(format!("partitions are a number from 1 to {MAX_PARTITIONS}")),
        }
    }
}

/// Why the embedded broker did not run.
#[derive(Debug, Error)]
pub enum BrokerError {
    /// librdkafka made no mock cluster.
    #[error("the embedded broker did not start: {0}")]
    Start(KafkaError),
    /// A topic of the command line was refused.
    #[error("topic {name} could not be created: {error}")]
    Topic {
        /// The topic.
        name: String,
        /// librdkafka's reason.
        error: KafkaError,
    },
    /// The port of `--port` is taken, or not allowed.
    #[error(
        "cannot listen on 127.0.0.1:{port}: {error}; choose another --port, or leave it out for a free one"
    )]
    Port {
        /// The port asked for.
        port: u16,
        /// The system's reason.
        error: io::Error,
    },
    /// The file of `--listen-file` could not be written.
    #[error("cannot write the address to {}: {error}", path.display())]
    ListenFile {
        /// The file asked for.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// Standard output was closed, or a signal handler refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A running embedded broker; ends when dropped.
pub struct Broker {
    // Dropped first: nobody is to be forwarded to a cluster that is gone.
    _forwarder: Option<Forwarder>,
    _cluster: MockCluster<'static, DefaultProducerContext>,
    bootstrap: String,
}

impl Broker {
    /// Starts one broker with `topics` on a free port of 127.0.0.1. With `port`, bootstrap
    /// connections are also taken there: librdkafka chooses the broker's own port itself, and
    /// clients learn it from the first metadata reply.
    ///
    /// # Errors
    /// The port is taken, or librdkafka refused a topic.
    pub fn start(topics: &[TopicSpec], port: Option<u16>) -> Result<Broker, BrokerError> {
        let cluster = MockCluster::new(1).map_err(BrokerError::Start)?;
        for topic in topics {
            cluster
                .create_topic(&topic.name, topic.partitions, 1)
                .map_err(|error| BrokerError::Topic { name: topic.name.clone(), error })?;
        }
        let target = cluster.bootstrap_servers();
        let (forwarder, bootstrap) = match port {
            None => (None, target),
            Some(port) => {
                let forwarder = Forwarder::start(port, &target)
                    .map_err(|error| BrokerError::Port { port, error })?;
                (Some(forwarder), format!("127.0.0.1:{port}"))
            }
        };
        Ok(Broker { _forwarder: forwarder, _cluster: cluster, bootstrap })
    }

    /// The address for `bootstrap.servers`, `host:port`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }
}

/// The file that holds the address while the broker runs.
struct ListenFile(PathBuf);

impl ListenFile {
    /// Writes the file whole or not at all: who waits for it never reads half an address.
    fn write(path: &Path, address: &str) -> io::Result<ListenFile> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        writeln!(file, "{address}")?;
        file.persist(path)?;
        Ok(ListenFile(path.to_owned()))
    }
}

impl Drop for ListenFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            log::warn!("cannot remove {}: {error}", self.0.display());
        }
    }
}

/// Runs the embedded broker until SIGINT or SIGTERM.
///
/// # Errors
/// See [`BrokerError`]; each is found before the address is printed, but for a closed output.
pub fn run(args: &BrokerArgs) -> Result<(), BrokerError> {
    let stop = StopSignal::catch()?;
    let broker = Broker::start(&args.topics, args.port)?;
    let address = broker.bootstrap();
    let _listen_file = args
        .listen_file
        .as_deref()
        .map(|path| {
            ListenFile::write(path, address)
                .map_err(|error| BrokerError::ListenFile { path: path.to_owned(), error })
        })
        .transpose()?;
    let mut out = io::stdout().lock();
    writeln!(out, "{address}")?;
    out.flush()?;
    eprintln!("redis-kafka broker: running on {address}, in memory only; Ctrl-C ends it");
    stop.wait();
    eprintln!("redis-kafka broker: stopped");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listen_file_lives_as_long_as_the_broker() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("address");
        let file = ListenFile::write(&path, "127.0.0.1:9092").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "127.0.0.1:9092\n");
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_taken_port_is_named() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Broker::start(&[], Some(port)).err().expect("the port is taken");
        assert!(error.to_string().contains(&port.to_string()), "{error}");
    }
}
