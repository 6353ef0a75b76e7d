//! The Kafka, the topics and the servers that the measurements run on.

use std::cell::OnceCell;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::server::{Append, RedisServer, Setup};
use redis_kafka_tests::sidecar::SidecarSetup;

use crate::Options;
use crate::bridge::JoinWay;
use crate::generator::Reading;
use crate::position::Position;
use crate::subject::{Aof, Socket, Subject};
use crate::target::Target;

/// Partitions of the preloaded topic.
pub const PARTITIONS: i32 = 4;
/// The name of the one subscription of most measurements.
pub const SUBSCRIPTION: &str = "bench";
/// What follows `KAFKA.ROUTE name FROM subscription` for the readings.
pub const HISTORY: &str = "TO STREAM \"history:%{sensor}\"";
/// How long a single step may take before the run is given up.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// The server's Unix socket, in its directory.
const SOCKET: &str = "redis.sock";
const FLUSH: Duration = Duration::from_secs(60);

pub struct Lab {
    pub options: Options,
    pub kafka: Kafka,
    readings: OnceCell<String>,
    positions: OnceCell<String>,
}

impl Lab {
    /// Starts Kafka.
    pub fn open(options: Options) -> Result<Lab> {
        let wants_module = options.subjects.iter().any(|subject| subject.propagation().is_some());
        if wants_module && !options.module.exists() {
            bail!(
                "{}: not there; run `make build` first, or give --module",
                options.module.display()
            );
        }
        eprintln!("starting Kafka");
        Ok(Lab {
            options,
            kafka: Kafka::start(),
            readings: OnceCell::new(),
            positions: OnceCell::new(),
        })
    }

    /// The subjects asked for that run inside of Redis.
    pub fn modules(&self) -> impl Iterator<Item = Subject> {
        self.options.subjects.iter().copied().filter(|subject| subject.propagation().is_some())
    }

    /// A server as `subject` needs it.
    pub fn server(&self, subject: Subject, aof: Aof) -> RedisServer {
        self.setup(subject, aof).start()
    }

    /// How a server is set for `subject`. Every server of a comparison is set alike.
    pub fn setup(&self, subject: Subject, aof: Aof) -> Setup {
        let append = match aof {
            Aof::Off => Append::Off,
            Aof::Everysec => Append::Everysec,
        };
        let setup = Setup::plain()
            .append(append)
            .config("loglevel", "notice")
            .config("auto-aof-rewrite-percentage", "0")
            .config("unixsocket", SOCKET);
        if subject == Subject::Sidecar {
            let unit = self.options.unit.map(|records| records.to_string());
            let args = unit.iter().flat_map(|unit| ["--unit", unit]).collect::<Vec<_>>();
            return setup.sidecar(SidecarSetup::default().args(&args));
        }
        let Some(way) = subject.propagation() else { return setup };
        let setup = setup.module(&self.options.module, &["PROPAGATE", way]);
        match self.options.unit {
            Some(records) => setup.module_args(&["UNIT", &records.to_string()]),
            None => setup,
        }
    }

    /// The preloaded topic of `--records` readings; filled at the first call.
    pub fn readings(&self) -> Result<&str> {
        let streams = self.options.streams;
        self.preloaded(&self.readings, "readings", |seq| {
            let reading = Reading::new(seq, streams);
            (reading.partition(PARTITIONS), reading.key(), reading.json())
        })
    }

    /// The preloaded topic of `--records` positions; filled at the first call.
    pub fn positions(&self) -> Result<&str> {
        let vehicles = self.options.streams;
        self.preloaded(&self.positions, "positions", |seq| {
            let position = Position::new(seq, vehicles);
            (position.partition(PARTITIONS), position.key(), position.json())
        })
    }

    /// A topic of the records that `record` gives: partition, key and value.
    fn preloaded<'a>(
        &'a self,
        topic: &'a OnceCell<String>,
        name: &str,
        record: impl Fn(u64) -> (i32, String, String),
    ) -> Result<&'a str> {
        if let Some(topic) = topic.get() {
            return Ok(topic);
        }
        let (start, records) = (Instant::now(), self.options.records);
        let new = self.kafka.topic(name, PARTITIONS);
        eprintln!("producing {records} records");
        let producer = self.producer(&[("linger.ms", "20"), ("batch.size", "1000000")])?;
        for seq in 0..records {
            let (partition, key, value) = record(seq);
            send(&producer, &new, partition, &key, &value)?;
        }
        producer.flush(FLUSH).context("flush the preloaded records")?;
        let produced: i64 = (0..PARTITIONS).map(|p| self.kafka.watermarks(&new, p).1).sum();
        ensure!(produced as u64 == records, "{produced} of {records} records arrived in Kafka");
        eprintln!("produced in {:.1} s", start.elapsed().as_secs_f64());
        Ok(topic.get_or_init(|| new))
    }

    pub fn producer(&self, settings: &[(&str, &str)]) -> Result<BaseProducer> {
        let mut config = self.kafka.client();
        config.set("acks", "1").set("queue.buffering.max.messages", "1000000");
        for (name, value) in settings {
            config.set(*name, *value);
        }
        config.create().context("create a producer")
    }

    /// Declares a route over the topic and starts it: what the bridge does, as
    /// two commands. `route` is what follows `KAFKA.ROUTE name FROM subscription`.
    pub fn subscribe(&self, server: &RedisServer, topic: &str, route: &str) {
        let brokers = self.kafka.brokers();
        server
            .ok(&format!("KAFKA.SUBSCRIBE {SUBSCRIPTION} TOPIC {topic} BROKERS {brokers} PAUSED"));
        server.ok(&format!("KAFKA.ROUTE route FROM {SUBSCRIPTION} {route}"));
        server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    }

    /// Starts the bridge process of a subject, which ends with this one. Without a target it
    /// writes readings to streams.
    pub fn bridge(
        &self,
        server: &RedisServer,
        subject: Subject,
        topic: &str,
        target: Option<(Target, JoinWay)>,
        until: Option<u64>,
    ) -> Result<Bridge> {
        let program = std::env::current_exe().context("own program")?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program).arg("bridge");
        command.args(["--brokers", &self.kafka.brokers(), "--topic", topic]);
        command.args(["--group", &format!("bridge-{}", server.port())]);
        let redis = match self.options.bridge_socket {
            Socket::Tcp => format!("127.0.0.1:{}", server.port()),
            Socket::Unix => server.directory().join(SOCKET).display().to_string(),
        };
        command.args(["--redis", &redis]);
        if let Some((target, join)) = target {
            let names = (target.to_possible_value(), join.to_possible_value());
            let (Some(target), Some(join)) = names else { bail!("{target:?} has no name") };
            command.args(["--target", target.get_name(), "--join", join.get_name()]);
        }
        if subject == Subject::Transactions {
            command.arg("--transactions");
        }
        if let Some(until) = until {
            command.args(["--until", &until.to_string()]);
        }
        let child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("setpriv")?;
        Ok(Bridge { child })
    }
}

/// Sends one record; waits while the producer's queue is full.
pub fn send(
    producer: &BaseProducer,
    topic: &str,
    partition: i32,
    key: &str,
    value: &str,
) -> Result<()> {
    let mut record = BaseRecord::to(topic).partition(partition).key(key).payload(value);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent)) => {
                producer.poll(Duration::from_millis(10));
                record = unsent;
            }
            Err((error, _)) => return Err(error).context("produce"),
        }
    }
}

/// A running bridge; killed when dropped.
pub struct Bridge {
    child: Child,
}

impl Bridge {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the bridge prints; to be taken once.
    pub fn output(&mut self) -> Result<ChildStdout> {
        self.child.stdout.take().context("the bridge's output is taken")
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // It may have ended by itself; then both say so and there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
