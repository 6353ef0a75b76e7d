//! The options of the tools: `broker` and `generate`.

use crate::broker::TopicSpec;
use crate::generate::{Format, Rate};
use clap::Args;
use std::path::PathBuf;

pub(super) const BROKER_HELP: &str = "\
Prints its bootstrap address (host:port) as the one line on standard output; logs go to
standard error. Ends on Ctrl-C or SIGTERM.

It is librdkafka's mock cluster: one broker in memory, reachable from this machine only.
Its limits: 5 MB a partition (the oldest records are dropped first), no transactions, no
look-up of offsets by timestamp, no topic administration (name topics with --topic; one that
is written to without has 4 partitions), no TLS or passwords. For trying out, not for proof.

Examples:
  redis-kafka broker --topic measurements:3
  redis-kafka broker --port 9092 --topic orders:1 --topic payments:8
  redis-kafka broker --listen-file broker.address &";

/// What `redis-kafka broker` takes.
#[derive(Debug, Args)]
pub struct BrokerArgs {
    /// Create this topic, with so many partitions (1 where none are named); may be repeated
    #[arg(long = "topic", value_name = "NAME[:PARTITIONS]")]
    pub topics: Vec<TopicSpec>,
    /// Take bootstrap connections on this port of 127.0.0.1 [default: a free one]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Write the bootstrap address to this file too; it is removed at the end
    #[arg(long, value_name = "FILE")]
    pub listen_file: Option<PathBuf>,
}

pub(super) const GENERATE_HELP: &str = "\
The schema is an Avro schema with the annotations (\"arg.properties\") of Confluent's Avro
Random Generator: options, range, iteration, regex, length, prefix, suffix, keys, odds,
position, distribution, unique, malformed-rate, kind (uuid, email, name); and two of our
own: \"decimals\": n for float and double, \"kind\": \"now\" for the time types.

Built-in schemas:
  measurements   airport, id, temperature, timestamp; key urn:sensor:%{airport}:%{id}

JSON is written as Kafka Connect's JsonConverter writes it without schemas: unions bare,
bytes, fixed and decimals as base64, times as numbers. Avro is framed as Confluent's
serializers do it; the schema is registered under TOPIC-value without its annotations.
Credentials stand in profiles, in the same file as for KAFKA.SUBSCRIBE.

The key is a template as in KAFKA.ROUTE: %{ } holds any expression over the record's fields.

Examples:
  redis-kafka generate --brokers localhost:9092 --topic measurements --schema measurements
  redis-kafka generate --brokers localhost:9092 --topic orders --schema orders.avsc \\
      --key 'order:%{customer.id}' --rate max --count 1000000 --seed 7 --create 6
  redis-kafka generate --brokers localhost:9092 --topic measurements --schema measurements \\
      --format avro --registry http://localhost:8081
  redis-kafka generate --connection cloud --connections kafka.toml --topic orders \\
      --schema orders.avsc --format avro --registry cloud";

/// What `redis-kafka generate` takes.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Bootstrap brokers, reached without TLS and password
    #[arg(long, value_name = "HOST:PORT[,...]", required_unless_present = "connection")]
    pub brokers: Option<String>,
    /// Or a profile of the file --connections, with TLS and credentials
    #[arg(long, value_name = "PROFILE", conflicts_with = "brokers", requires = "connections")]
    pub connection: Option<String>,
    /// Topic to write to
    #[arg(long)]
    pub topic: String,
    /// File with the schema, or the name of a built-in one
    #[arg(long, value_name = "FILE|NAME")]
    pub schema: String,
    /// Records a second, or max for as many as the brokers take
    #[arg(long, value_name = "N|max", default_value = "1000")]
    pub rate: Rate,
    /// End after this many records; 0 writes none, for --create alone [default: go on until Ctrl-C]
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// Template of the record key, with the record's fields as %{field} or %{record.field}
    /// [default: the built-in schema's, otherwise no key]
    #[arg(long, value_name = "TEMPLATE")]
    pub key: Option<String>,
    /// Seed of the random numbers: the same one makes the same records (but for "kind": "now")
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// How record values are encoded
    #[arg(long, value_enum, default_value_t = Format::Json)]
    pub format: Format,
    /// The Schema Registry, for --format avro; a profile holds its credentials
    #[arg(long, value_name = "URL|PROFILE", required_if_eq("format", "avro"))]
    pub registry: Option<String>,
    /// File of connection profiles (TOML), as the module's load argument CONNECTIONS
    #[arg(long, value_name = "FILE")]
    pub connections: Option<PathBuf>,
    /// Create the topic with this many partitions if it does not exist
    #[arg(long, value_name = "PARTITIONS", value_parser = clap::value_parser!(i32).range(1..=10_000))]
    pub create: Option<i32>,
    /// Show no progress, only errors
    #[arg(long, short)]
    pub quiet: bool,
}
