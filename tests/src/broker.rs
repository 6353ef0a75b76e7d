//! A real Apache Kafka 4.1.1 (KRaft, one process) and its admin client.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_executor::block_on;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use crate::network::free_port;
use crate::process::{Process, cache_directory, run_directory};
use crate::wait::wait_for;

/// The users the SASL_SSL listener knows; the passwords are searched for in
/// everything Redis writes, so they must not occur by chance.
pub const PLAIN_USER: &str = "plain-user";
pub const PLAIN_PASSWORD: &str = "pl41n-5ecret-f2c81e";
pub const SCRAM_USER: &str = "scram-user";
pub const SCRAM_PASSWORD: &str = "5cram-5ecret-9b03d7";

const CLUSTER_ID: &str = "mVnJ1qzJTo2Q0o0m0mJ3Yw";
const STORE_PASSWORD: &str = "changeit";
const TIMEOUT: Duration = Duration::from_secs(60);

/// One broker with a PLAINTEXT and a SASL_SSL listener. Dropping it kills it.
pub struct Kafka {
    process: Process,
    directory: PathBuf,
    plaintext: u16,
    sasl: u16,
}

impl Kafka {
    /// The broker all tests share; starts at the first call. A test that
    /// kills its broker starts one of its own.
    pub fn shared() -> &'static Kafka {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(Kafka::start)
    }

    /// Formats a store, starts a broker and waits until it answers.
    pub fn start() -> Kafka {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = run_directory().join(format!("kafka-{number}"));
        std::fs::create_dir_all(&directory).expect("create the broker's directory");
        let (plaintext, sasl) = (free_port(), free_port());
        make_certificate(&directory);
        let properties = properties(&directory, plaintext, sasl, free_port());
        std::fs::write(directory.join("server.properties"), properties).expect("write properties");
        format_store(&directory);
        let kafka = Kafka { process: launch(&directory), directory, plaintext, sasl };
        kafka.wait_ready();
        kafka
    }

    /// `host:port` of the PLAINTEXT listener.
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.plaintext)
    }

    /// `host:port` of the SASL_SSL listener (PLAIN and SCRAM-SHA-512).
    pub fn sasl_brokers(&self) -> String {
        format!("127.0.0.1:{}", self.sasl)
    }

    /// The certificate that clients of the SASL_SSL listener trust (PEM).
    pub fn certificate(&self) -> PathBuf {
        self.directory.join("certificate.pem")
    }

    /// kill -9 of the broker.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts a killed broker again, on the same ports and store.
    pub fn restart(&mut self) {
        self.process = launch(&self.directory);
        self.wait_ready();
    }

    /// A librdkafka client configuration that reaches the PLAINTEXT listener.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers()).set("reconnect.backoff.max.ms", "500");
        config
    }

    /// Creates a topic named after `stem`, unique in this process.
    pub fn topic(&self, stem: &str, partitions: i32) -> String {
        self.topic_with(stem, partitions, &[])
    }

    /// [`Kafka::topic`] with topic configuration.
    pub fn topic_with(&self, stem: &str, partitions: i32, config: &[(&str, &str)]) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("{stem}-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.create_topic(&name, partitions, config);
        name
    }

    /// Creates a topic of exactly this name and waits until its partitions
    /// have leaders.
    pub fn create_topic(&self, name: &str, partitions: i32, config: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in config {
            topic = topic.set(key, value);
        }
        let results = block_on(self.admin().create_topics([&topic], &options()));
        results.expect("create a topic").into_iter().for_each(|r| assert!(r.is_ok(), "{r:?}"));
        self.wait_topic(name, Some(partitions as usize));
    }

    /// Deletes a topic and waits until the broker no longer knows it.
    pub fn delete_topic(&self, name: &str) {
        let results = block_on(self.admin().delete_topics(&[name], &options()));
        results.expect("delete a topic").into_iter().for_each(|r| assert!(r.is_ok(), "{r:?}"));
        self.wait_topic(name, None);
    }

    /// Raises a topic's number of partitions.
    pub fn add_partitions(&self, name: &str, partitions: usize) {
        let wanted = NewPartitions::new(name, partitions);
        let results = block_on(self.admin().create_partitions([&wanted], &options()));
        results.expect("add partitions").into_iter().for_each(|r| assert!(r.is_ok(), "{r:?}"));
        self.wait_topic(name, Some(partitions));
    }

    /// What retention does: drops a partition's records before `offset`.
    pub fn delete_records(&self, topic: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).expect("an offset");
        let deleted =
            block_on(self.admin().delete_records(&list, &options())).expect("delete records");
        deleted.elements().iter().for_each(|e| e.error().expect("delete records"));
    }

    /// Earliest and last stable offset of a partition.
    pub fn watermarks(&self, topic: &str, partition: i32) -> (i64, i64) {
        self.consumer().fetch_watermarks(topic, partition, TIMEOUT).expect("watermarks")
    }

    /// Waits until no transaction is open in a topic: the broker answers the
    /// end of one before it has written its markers.
    pub fn wait_stable(&self, topic: &str) {
        let stable = self.consumer();
        let written: BaseConsumer = self
            .client()
            .set("isolation.level", "read_uncommitted")
            .create()
            .expect("a consumer of all that is written");
        wait_for(&format!("the markers of {topic}"), TIMEOUT, || {
            let ends = |consumer: &BaseConsumer| -> KafkaResult<Vec<i64>> {
                let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
                let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
                let end = |id| Ok(consumer.fetch_watermarks(topic, id, TIMEOUT)?.1);
                partitions.map(|partition| end(partition.id())).collect()
            };
            match (ends(&stable), ends(&written)) {
                (Ok(stable), Ok(written)) if stable == written => Ok(()),
                other => Err(format!("stable and written: {other:?}")),
            }
        });
    }

    /// Every committed record of a partition, as a plain consumer reads it:
    /// (offset, key, value).
    pub fn read(&self, topic: &str, partition: i32) -> Vec<(i64, Vec<u8>, Vec<u8>)> {
        self.read_as(topic, partition, |record| {
            use rdkafka::Message;
            let key = record.key().unwrap_or_default().to_vec();
            (record.offset(), key, record.payload().unwrap_or_default().to_vec())
        })
    }

    /// The same with headers, and null apart from empty.
    pub fn messages(&self, topic: &str, partition: i32) -> Vec<Message> {
        self.read_as(topic, partition, Message::of)
    }

    fn read_as<T>(
        &self,
        topic: &str,
        partition: i32,
        take: impl Fn(&rdkafka::message::BorrowedMessage<'_>) -> T,
    ) -> Vec<T> {
        let mut config = self.client();
        config
            .set("group.id", "tests")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Beginning).expect("a partition");
        consumer.assign(&list).expect("assign");
        let mut records = Vec::new();
        loop {
            match consumer.poll(TIMEOUT).expect("a record before the time-out") {
                Ok(record) => records.push(take(&record)),
                Err(rdkafka::error::KafkaError::PartitionEOF(_)) => return records,
                Err(error) => panic!("read {topic}/{partition}: {error}"),
            }
        }
    }

    /// What a consumer group has committed for a partition.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let consumer: BaseConsumer =
            self.client().set("group.id", group).create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, partition);
        let committed = consumer.committed_offsets(list, TIMEOUT).expect("committed offsets");
        match committed.find_partition(topic, partition).expect("the partition").offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }
    }

    /// Every consumer group the broker knows.
    pub fn groups(&self) -> Vec<String> {
        let list = self.consumer().fetch_group_list(None, TIMEOUT).expect("consumer groups");
        list.groups().iter().map(|group| group.name().to_string()).collect()
    }

    fn consumer(&self) -> BaseConsumer {
        self.client().create().expect("a consumer")
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("an admin client")
    }

    fn wait_ready(&self) {
        let consumer = self.consumer();
        wait_for("the broker to answer", TIMEOUT, || {
            consumer
                .fetch_metadata(None, Duration::from_millis(500))
                .map_err(|error| format!("{error}\n{}", self.process.log_tail()))
        });
    }

    fn wait_topic(&self, name: &str, partitions: Option<usize>) {
        let consumer = self.consumer();
        wait_for(&format!("topic {name} with {partitions:?}"), TIMEOUT, || {
            let metadata =
                consumer.fetch_metadata(Some(name), TIMEOUT).map_err(|e| e.to_string())?;
            let topic = metadata.topics().first().ok_or("no topic in the metadata")?;
            let led = topic.partitions().iter().filter(|p| p.leader() >= 0).count();
            let gone = topic.error().is_some();
            match partitions {
                Some(wanted) if led == wanted => Ok(()),
                None if gone => Ok(()),
                _ => Err(format!("{led} partitions with a leader, error {:?}", topic.error())),
            }
        });
    }
}

/// A record as it stands in a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
}

impl Message {
    fn of(record: &rdkafka::message::BorrowedMessage<'_>) -> Message {
        use rdkafka::Message as _;
        use rdkafka::message::Headers;
        let headers = record.headers().map(|headers| {
            let pair = |header: rdkafka::message::Header<'_, &[u8]>| {
                let value = String::from_utf8_lossy(header.value.unwrap_or_default());
                (header.key.to_string(), value.into_owned())
            };
            headers.iter().map(pair).collect()
        });
        Message {
            offset: record.offset(),
            timestamp: record.timestamp().to_millis(),
            key: record.key().map(<[u8]>::to_vec),
            value: record.payload().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
        }
    }

    /// The value as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.value.clone().expect("a value")).expect("text")
    }

    /// The record it was made of: topic, partition, offset.
    pub fn source(&self) -> (String, i32, i64) {
        let of = |name: &str| {
            let header = self.headers.iter().find(|(known, _)| known == name);
            header.unwrap_or_else(|| panic!("no header {name}: {self:?}")).1.clone()
        };
        let number = |name: &str| of(name).parse::<i64>().expect("a number");
        let partition = number("redis-kafka.partition") as i32;
        (of("redis-kafka.topic"), partition, number("redis-kafka.offset"))
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(TIMEOUT)).request_timeout(Some(TIMEOUT))
}

fn jars() -> String {
    let lib = cache_directory().join("kafka-4.1.1/lib");
    assert!(lib.is_dir(), "no Kafka in {}: run `make setup` (tests/kafka/setup.sh)", lib.display());
    format!("{}/*", lib.display())
}

fn launch(directory: &Path) -> Process {
    let properties = directory.join("server.properties").display().to_string();
    let args = [
        "-Xmx512m",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        &jars(),
        "kafka.Kafka",
        &properties,
    ];
    Process::start("java", &args.map(String::from), &[], &directory.join("kafka.log"))
}

fn format_store(directory: &Path) {
    let output = Command::new("java")
        .args([
            "-cp",
            &jars(),
            "kafka.tools.StorageTool",
            "format",
            "--standalone",
            "-t",
            CLUSTER_ID,
        ])
        .arg("-c")
        .arg(directory.join("server.properties"))
        .arg("--add-scram")
        .arg(format!("SCRAM-SHA-512=[name={SCRAM_USER},password={SCRAM_PASSWORD}]"))
        .output()
        .expect("run java");
    assert!(output.status.success(), "format: {}", String::from_utf8_lossy(&output.stderr));
}

fn make_certificate(directory: &Path) {
    let store = directory.join("broker.p12").display().to_string();
    let common = ["-alias", "broker", "-keystore", &store, "-storepass", STORE_PASSWORD];
    let certificate = directory.join("certificate.pem").display().to_string();
    let generate =
        ["-genkeypair", "-keyalg", "EC", "-storetype", "PKCS12", "-dname", "CN=localhost"];
    let names = ["-ext", "san=dns:localhost,ip:127.0.0.1", "-validity", "30"];
    let export = ["-exportcert", "-rfc", "-file", &certificate];
    for args in [[&generate[..], &names, &common].concat(), [&export[..], &common].concat()] {
        let output = Command::new("keytool").args(&args).output().expect("run keytool");
        assert!(output.status.success(), "keytool: {}", String::from_utf8_lossy(&output.stdout));
    }
}

fn properties(directory: &Path, plaintext: u16, sasl: u16, controller: u16) -> String {
    let directory = directory.display();
    let module = "org.apache.kafka.common.security";
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plaintext},SASL_SSL://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plaintext},SASL_SSL://127.0.0.1:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={directory}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
message.max.bytes=33554432
log.cleaner.backoff.ms=100
log.segment.delete.delay.ms=100
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config={module}.plain.PlainLoginModule required user_{PLAIN_USER}=\"{PLAIN_PASSWORD}\";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;
ssl.keystore.type=PKCS12
ssl.keystore.location={directory}/broker.p12
ssl.keystore.password={STORE_PASSWORD}
"
    )
}
