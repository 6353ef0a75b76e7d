//! The Kafka, the topics and the servers that the measurements run on.

use std::cell::OnceCell;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::server::{Append, RedisServer, Setup};

use crate::Options;
use crate::generator::Reading;
use crate::subject::{Aof, Socket, Subject};

/// Partitions of the preloaded topic.
pub const PARTITIONS: i32 = 4;
/// The name of the one subscription of most measurements.
pub const SUBSCRIPTION: &str = "bench";
/// How long a single step may take before the run is given up.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// The server's Unix socket, in its directory.
const SOCKET: &str = "redis.sock";
const FLUSH: Duration = Duration::from_secs(60);

pub struct Lab {
    pub options: Options,
    pub kafka: Kafka,
    readings: OnceCell<String>,
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
        Ok(Lab { options, kafka: Kafka::start(), readings: OnceCell::new() })
    }

    /// The subjects asked for that run inside of Redis.
    pub fn modules(&self) -> impl Iterator<Item = Subject> {
        self.options.subjects.iter().copied().filter(|subject| subject.propagation().is_some())
    }

    /// A server as `subject` needs it. Every server of a comparison is set alike.
    pub fn server(&self, subject: Subject, aof: Aof) -> RedisServer {
        let append = match aof {
            Aof::Off => Append::Off,
            Aof::Everysec => Append::Everysec,
        };
        let setup = Setup::plain()
            .append(append)
            .config("loglevel", "notice")
            .config("auto-aof-rewrite-percentage", "0")
            .config("unixsocket", SOCKET);
        let Some(way) = subject.propagation() else { return setup.start() };
        let setup = setup.module(&self.options.module, &["PROPAGATE", way]);
        match self.options.unit {
            Some(records) => setup.module_args(&["UNIT", &records.to_string()]).start(),
            None => setup.start(),
        }
    }

    /// The preloaded topic of `--records` readings; filled at the first call.
    pub fn readings(&self) -> Result<&str> {
        if let Some(topic) = self.readings.get() {
            return Ok(topic);
        }
        let topic = self.kafka.topic("readings", PARTITIONS);
        self.preload(&topic)?;
        Ok(self.readings.get_or_init(|| topic))
    }

    fn preload(&self, topic: &str) -> Result<()> {
        let (start, records) = (Instant::now(), self.options.records);
        eprintln!("producing {records} records");
        let producer = self.producer(&[("linger.ms", "20"), ("batch.size", "1000000")])?;
        for seq in 0..records {
            let reading = Reading::new(seq, self.options.streams);
            send(&producer, topic, reading.partition(PARTITIONS), &reading)?;
        }
        producer.flush(FLUSH).context("flush the preloaded records")?;
        let produced: i64 = (0..PARTITIONS).map(|p| self.kafka.watermarks(topic, p).1).sum();
        ensure!(produced as u64 == records, "{produced} of {records} records arrived in Kafka");
        eprintln!("produced in {:.1} s", start.elapsed().as_secs_f64());
        Ok(())
    }

    pub fn producer(&self, settings: &[(&str, &str)]) -> Result<BaseProducer> {
        let mut config = self.kafka.client();
        config.set("acks", "1").set("queue.buffering.max.messages", "1000000");
        for (name, value) in settings {
            config.set(*name, *value);
        }
        config.create().context("create a producer")
    }

    /// Declares the route of all measurements and starts it: what the bridge
    /// does, as two commands.
    pub fn subscribe(&self, server: &RedisServer, topic: &str) {
        let brokers = self.kafka.brokers();
        server
            .ok(&format!("KAFKA.SUBSCRIBE {SUBSCRIPTION} TOPIC {topic} BROKERS {brokers} PAUSED"));
        server.ok(&format!(
            "KAFKA.ROUTE history FROM {SUBSCRIPTION} TO STREAM \"history:%{{sensor}}\""
        ));
        server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    }

    /// Starts a bridge process that ends with this one.
    pub fn bridge(&self, server: &RedisServer, topic: &str, until: Option<u64>) -> Result<Bridge> {
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
        if let Some(until) = until {
            command.args(["--until", &until.to_string()]);
        }
        let child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("setpriv")?;
        Ok(Bridge { child })
    }
}

/// Sends one reading; waits while the producer's queue is full.
pub fn send(producer: &BaseProducer, topic: &str, partition: i32, reading: &Reading) -> Result<()> {
    let (key, json) = (reading.key(), reading.json());
    let mut record = BaseRecord::to(topic).partition(partition).key(&key).payload(&json);
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
