//! The options of `run` and `check`.

use super::value::{InstanceId, Listen, RedisUrl, Secret};
use crate::logging::{Filter, LogFormat};
use clap::Args;
use clap::builder::BoolishValueParser;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where the command port listens unless told otherwise.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:6390";
/// Where HTTP listens unless told otherwise.
pub const HTTP_DEFAULT: &str = "127.0.0.1:8390";

pub(super) const RUN_HELP: &str = "\
Subscriptions and routes are declared with the module's commands, on the command port:

  redis-cli -p 6390 KAFKA.SUBSCRIBE sensors TOPIC measurements BROKERS localhost:9092
  redis-cli -p 6390 KAFKA.ROUTE latest FROM sensors TO HASH \"sensor:%{id}\"

or in the file --statements, one command a line. They are kept in Redis (kafka:definitions), so
that every redis-kafka on the same Redis finds them and takes its share of the partitions.

HTTP answers /health/live, /health/ready, /metrics (Prometheus), /subscriptions,
/subscriptions/NAME/status (JSON) and / (a status page). It changes nothing and asks for no
password: let only those reach it who may see keys, topics and last errors.

A secret may stand in the option, or better elsewhere: env:NAME, file:/path. It is read at start.

SIGTERM, SIGINT: the unit under way is finished, offsets are committed, the groups are left. A
second one ends the process at once.

Exit codes: 0 stopped by a signal, 1 failed, 2 wrong command line.

Examples:
  redis-kafka run
  redis-kafka run --redis rediss://kafka@cache.example.com:6379 --redis-password file:/run/secrets/redis \\
      --connections /etc/redis-kafka/connections.toml --statements /etc/redis-kafka/statements.kafka --prune
  REDIS_KAFKA_LISTEN=off REDIS_KAFKA_HTTP=0.0.0.0:8390 redis-kafka run --statements statements.kafka";

/// What `redis-kafka run` takes; [`RunArgs::check`] holds the options against each other.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// File of connection profiles (TOML), as the module's load argument CONNECTIONS
    #[arg(long, value_name = "FILE", env = "REDIS_KAFKA_CONNECTIONS")]
    pub connections: Option<PathBuf>,
    /// File of commands to give at start, such as KAFKA.SUBSCRIBE and KAFKA.ROUTE; REPLACE is implied
    #[arg(long, value_name = "FILE", env = "REDIS_KAFKA_STATEMENTS")]
    pub statements: Option<PathBuf>,
    /// Remove the subscriptions and routes that --statements does not name
    #[arg(long, env = "REDIS_KAFKA_PRUNE", value_parser = BoolishValueParser::new(), requires = "statements")]
    pub prune: bool,
    /// The Redis to write to
    #[arg(
        long,
        value_name = "URL",
        env = "REDIS_KAFKA_REDIS",
        hide_env_values = true,
        default_value = "redis://127.0.0.1:6379"
    )]
    pub redis: RedisUrl,
    /// Password for --redis, in place of one in the URL
    #[arg(
        long,
        value_name = "VALUE|env:NAME|file:PATH",
        env = "REDIS_KAFKA_REDIS_PASSWORD",
        hide_env_values = true
    )]
    pub redis_password: Option<Secret>,
    /// Certificates (PEM) that Redis's own is held against, in place of the system's
    #[arg(long, value_name = "FILE", env = "REDIS_KAFKA_REDIS_CA")]
    pub redis_ca: Option<PathBuf>,
    /// Where commands are taken, or off
    #[arg(long, value_name = "HOST:PORT|off", env = "REDIS_KAFKA_LISTEN", default_value = LISTEN_DEFAULT)]
    pub listen: Listen,
    /// Where HTTP is served, or off
    #[arg(long, value_name = "HOST:PORT|off", env = "REDIS_KAFKA_HTTP", default_value = HTTP_DEFAULT)]
    pub http: Listen,
    /// Password that the command port asks for
    #[arg(
        long,
        value_name = "VALUE|env:NAME|file:PATH",
        env = "REDIS_KAFKA_PASSWORD",
        hide_env_values = true
    )]
    pub password: Option<Secret>,
    /// Certificate (PEM, with its chain) of the command port, which then takes TLS only
    #[arg(long, value_name = "FILE", env = "REDIS_KAFKA_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key (PEM, PKCS #8) of --tls-cert
    #[arg(long, value_name = "FILE", env = "REDIS_KAFKA_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Let --listen be reachable from other machines without a password or without TLS
    #[arg(long, env = "REDIS_KAFKA_INSECURE", value_parser = BoolishValueParser::new())]
    pub insecure: bool,
    /// Stable name of this process among those that share the work; it goes on at once under the
    /// same name after a crash [default: HOSTNAME or the machine's name, with the port of --listen
    /// where that is not 6390]
    #[arg(long, value_name = "ID", env = "REDIS_KAFKA_INSTANCE_ID")]
    pub instance_id: Option<InstanceId>,
    /// Records a unit at most: what Redis applies at once [default: as many as hold Redis as long
    /// as 512 entries of a stream do]
    #[arg(
        long,
        value_name = "N",
        env = "REDIS_KAFKA_UNIT",
        value_parser = clap::value_parser!(u16).range(1..=4096)
    )]
    pub unit: Option<u16>,
    /// How log lines look; they go to standard error
    #[arg(long, value_enum, env = "REDIS_KAFKA_LOG_FORMAT", default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug, trace, also by target as info,librdkafka=debug
    #[arg(long, value_name = "LEVEL", env = "REDIS_KAFKA_LOG_LEVEL", default_value = "info")]
    pub log_level: Filter,
}

impl RunArgs {
    /// Refuses a command port that strangers could reach.
    ///
    /// # Errors
    /// What is wrong, and the way out.
    pub fn check(&self) -> Result<(), String> {
        if !self.listen.is_public() || self.insecure {
            return Ok(());
        }
        let missing = match (&self.password, &self.tls_cert) {
            (Some(_), Some(_)) => return Ok(()),
            (None, Some(_)) => "--password",
            (Some(_), None) => "--tls-cert and --tls-key",
            (None, None) => "--password, --tls-cert and --tls-key",
        };
        let listen = self.listen.address().map(|address| address.to_string()).unwrap_or_default();
        Err(format!(
            "--listen {listen} can be reached from other machines: give {missing}, listen on 127.0.0.1, or say --insecure"
        ))
    }

    /// The name under which this process joins consumer groups.
    pub fn instance_id(&self) -> InstanceId {
        if let Some(id) = &self.instance_id {
            return id.clone();
        }
        let own = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
        let host = own
            .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned());
        InstanceId::from_any(&distinct(&host, self.listen.address()))
    }
}

/// Two on one machine need two command ports, which also tell their names apart.
fn distinct(host: &str, listen: Option<SocketAddr>) -> String {
    match listen.map(|address| address.port()) {
        None | Some(0 | 6390) => host.to_owned(),
        Some(port) => format!("{host}-{port}"),
    }
}

pub(super) const CHECK_HELP: &str = "\
Reads the files as `redis-kafka run` would, and asks neither Kafka nor Redis. Each problem is one
line, FILE:LINE: what is wrong.

Exit codes: 0 all is well, 1 there are problems, 2 wrong command line.

Example:
  redis-kafka check --connections connections.toml --statements statements.kafka";

/// What `redis-kafka check` takes.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = true, id = "files")]
pub struct CheckArgs {
    /// File of connection profiles (TOML)
    #[arg(long, value_name = "FILE", env = "REDIS_KAFKA_CONNECTIONS")]
    pub connections: Option<PathBuf>,
    /// File of KAFKA.SUBSCRIBE and KAFKA.ROUTE commands
    #[arg(long, value_name = "FILE", env = "REDIS_KAFKA_STATEMENTS")]
    pub statements: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Wrapped {
        #[command(flatten)]
        args: RunArgs,
    }

    fn args(words: &[&str]) -> RunArgs {
        Wrapped::try_parse_from(std::iter::once(&"run").chain(words)).unwrap().args
    }

    #[test]
    fn strangers_are_kept_out_unless_told_otherwise() {
        let tls = ["--tls-cert=c.pem", "--tls-key=k.pem"];
        let public = ["--listen=0.0.0.0:6390", "--password=x"];
        let both = [public, tls].concat();
        for fine in [&[][..], &["--listen=off"], &both, &["--listen=[::]:6390", "--insecure"]] {
            assert_eq!(args(fine).check(), Ok(()), "{fine:?}");
        }
        let error = args(&public).check().unwrap_err();
        assert!(error.contains("--tls-cert") && !error.contains("--password"), "{error}");
        let error = args(&["--listen=0.0.0.0:6390", tls[0], tls[1]]).check().unwrap_err();
        assert!(error.contains("--password") && error.contains("--insecure"), "{error}");
    }

    #[test]
    fn instance_ids_are_stable_and_tell_two_on_one_machine_apart() {
        assert_eq!(args(&["--instance-id=a"]).instance_id().as_str(), "a");
        let names: Vec<_> = [&[][..], &["--listen=127.0.0.1:6391"], &["--listen=off"]]
            .iter()
            .map(|words| args(words).instance_id().as_str().to_owned())
            .collect();
        assert_eq!(names[1], format!("{}-6391", names[0]));
        assert_eq!(names[2], names[0]);
    }

    #[test]
    fn no_secret_is_shown() {
        let args = args(&[
            "--redis=redis://u:hunter2@h",
            "--password=hunter2",
            "--redis-password=hunter2",
        ]);
        assert!(!format!("{args:?}").contains("hunter2"));
    }
}
