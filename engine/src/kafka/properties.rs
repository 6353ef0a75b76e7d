//! Which of librdkafka's properties an admin's profile may set, which are ours alone, and why.
//!
//! Names, meaning and units are librdkafka's (its CONFIGURATION.md); the fixed ones are what the
//! delivery promise rests on.

use crate::nearest::nearest;

/// What a property's value is, which decides how it may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text, number or boolean; may also be an `env:` or `file:` reference.
    Plain,
    /// A password or key: only an `env:` or `file:` reference.
    Secret,
    /// An absolute path of a file on the server.
    Path,
    /// http or https URLs without credentials, separated by commas.
    Url,
}

/// Who uses a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Handed to librdkafka, whoever asks.
    Kafka,
    /// Handed to librdkafka for reading.
    Consumer,
    /// Handed to librdkafka for sending.
    Producer,
    /// Kept for the Schema Registry's client and for decoding.
    Registry,
}

/// A property a profile may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Property {
    /// Its name: librdkafka's own, `schema.registry.*`, or `key.schema.*` and `value.schema.*`.
    pub name: &'static str,
    /// How its value may be written.
    pub kind: Kind,
    /// Who uses it.
    pub user: User,
    /// What it is for, in a few words.
    pub doc: &'static str,
}

const fn kafka(name: &'static str, kind: Kind, doc: &'static str) -> Property {
    Property { name, kind, user: User::Kafka, doc }
}

const fn consumer(name: &'static str, doc: &'static str) -> Property {
    Property { name, kind: Kind::Plain, user: User::Consumer, doc }
}

const fn producer(name: &'static str, doc: &'static str) -> Property {
    Property { name, kind: Kind::Plain, user: User::Producer, doc }
}

const fn registry(name: &'static str, kind: Kind, doc: &'static str) -> Property {
    Property { name, kind, user: User::Registry, doc }
}

/// Every property a profile may set.
pub const ALLOWED: &[Property] = &[
    kafka("bootstrap.servers", Kind::Plain, "host:port of some brokers, separated by commas"),
    kafka("security.protocol", Kind::Plain, "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
    kafka("sasl.mechanism", Kind::Plain, "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
    kafka("sasl.mechanisms", Kind::Plain, "the same as sasl.mechanism"),
    kafka("sasl.username", Kind::Plain, "user or API key"),
    kafka("sasl.password", Kind::Secret, "password or API secret"),
    kafka("ssl.ca.location", Kind::Path, "certificates to trust (PEM file or directory)"),
    kafka("ssl.ca.pem", Kind::Plain, "certificates to trust (PEM text)"),
    kafka("ssl.crl.location", Kind::Path, "revoked certificates"),
    kafka("ssl.certificate.location", Kind::Path, "our certificate (PEM file)"),
    kafka("ssl.certificate.pem", Kind::Plain, "our certificate (PEM text)"),
    kafka("ssl.key.location", Kind::Path, "our private key (PEM file)"),
    kafka("ssl.key.password", Kind::Secret, "pass phrase of our private key"),
    kafka("ssl.keystore.location", Kind::Path, "our key and certificate (PKCS#12 file)"),
    kafka("ssl.keystore.password", Kind::Secret, "password of the keystore"),
    kafka("ssl.cipher.suites", Kind::Plain, "ciphers to offer"),
    kafka("ssl.curves.list", Kind::Plain, "curves to offer"),
    kafka("ssl.sigalgs.list", Kind::Plain, "signature algorithms to offer"),
    kafka("ssl.endpoint.identification.algorithm", Kind::Plain, "https (default) or none"),
    kafka("enable.ssl.certificate.verification", Kind::Plain, "false only for trying out"),
    kafka("client.id", Kind::Plain, "the name brokers log and set quotas by"),
    kafka("client.rack", Kind::Plain, "rack, to fetch from the nearest replica"),
    kafka(
        "client.dns.lookup",
        Kind::Plain,
        "use_all_dns_ips or resolve_canonical_bootstrap_servers_only",
    ),
    kafka("broker.address.family", Kind::Plain, "any, v4 or v6"),
    kafka("broker.address.ttl", Kind::Plain, "ms to keep a resolved address"),
    kafka("socket.timeout.ms", Kind::Plain, "ms a request may take"),
    kafka("socket.connection.setup.timeout.ms", Kind::Plain, "ms until TCP, TLS and SASL are done"),
    kafka("socket.keepalive.enable", Kind::Plain, "TCP keep-alive"),
    kafka("socket.nagle.disable", Kind::Plain, "TCP_NODELAY"),
    kafka("socket.send.buffer.bytes", Kind::Plain, "0 is the system's"),
    kafka("socket.receive.buffer.bytes", Kind::Plain, "0 is the system's"),
    kafka("connections.max.idle.ms", Kind::Plain, "ms until an idle connection is closed"),
    kafka("reconnect.backoff.ms", Kind::Plain, "first wait before connecting again"),
    kafka("reconnect.backoff.max.ms", Kind::Plain, "longest wait before connecting again"),
    kafka("retry.backoff.ms", Kind::Plain, "first wait before a request is repeated"),
    kafka("retry.backoff.max.ms", Kind::Plain, "longest wait before a request is repeated"),
    kafka("metadata.max.age.ms", Kind::Plain, "ms until metadata count as stale"),
    kafka("topic.metadata.refresh.interval.ms", Kind::Plain, "ms between looks for new partitions"),
    consumer("fetch.min.bytes", "bytes a broker waits for"),
    consumer("fetch.wait.max.ms", "ms a broker waits for fetch.min.bytes"),
    consumer("fetch.max.bytes", "bytes of one answer"),
    consumer("fetch.message.max.bytes", "bytes of one partition in an answer"),
    consumer("max.partition.fetch.bytes", "the same as fetch.message.max.bytes"),
    consumer("fetch.error.backoff.ms", "ms until a failed fetch is repeated"),
    kafka("receive.message.max.bytes", Kind::Plain, "largest answer accepted"),
    consumer("check.crcs", "verify the checksum of each batch"),
    producer("compression.type", "none, gzip, lz4, snappy or zstd"),
    producer("compression.level", "of that compression"),
    producer("linger.ms", "ms to wait for more messages before a batch is sent"),
    producer("batch.size", "bytes of one batch"),
    producer("batch.num.messages", "messages of one batch"),
    producer("message.max.bytes", "largest message"),
    producer("partitioner", "how a key picks its partition (default murmur2_random, Java's)"),
    producer("request.timeout.ms", "ms the replicas may take to acknowledge"),
    registry("schema.registry.url", Kind::Url, "where the Schema Registry is; several by commas"),
    registry("schema.registry.basic.auth.user.info", Kind::Secret, "user:password of the registry"),
    registry("schema.registry.bearer.auth.token", Kind::Secret, "token for the registry"),
    registry(
        "schema.registry.bearer.auth.logical.cluster",
        Kind::Plain,
        "the registry's cluster, with a token of Confluent Cloud",
    ),
    registry(
        "schema.registry.bearer.auth.identity.pool.id",
        Kind::Plain,
        "the identity pool, with a token of Confluent Cloud",
    ),
    registry(
        "schema.registry.ssl.ca.location",
        Kind::Path,
        "certificates to trust for the registry (PEM file)",
    ),
    registry(
        "schema.registry.ssl.ca.pem",
        Kind::Plain,
        "certificates to trust for the registry (PEM text)",
    ),
    registry(
        "schema.registry.ssl.certificate.location",
        Kind::Path,
        "our certificate for the registry (PEM file)",
    ),
    registry(
        "schema.registry.ssl.key.location",
        Kind::Path,
        "our private key for the registry (PEM file, PKCS#8 without pass phrase)",
    ),
    registry(
        "schema.registry.enable.ssl.certificate.verification",
        Kind::Plain,
        "false only for trying out",
    ),
    registry("key.schema.file", Kind::Path, "the keys' schema, instead of a registry's"),
    registry("key.schema.message", Kind::Plain, "the keys' message type in a Protobuf schema"),
    registry("value.schema.file", Kind::Path, "the values' schema, instead of a registry's"),
    registry("value.schema.message", Kind::Plain, "the values' message type in a Protobuf schema"),
];

/// A property with its one value.
pub type Setting = (&'static str, &'static str);

/// What every consumer runs with beside [`FIXED_ALWAYS`], whatever a profile says: the delivery promise rests on these.
pub const FIXED: &[Setting] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("isolation.level", "read_committed"),
    ("allow.auto.create.topics", "false"),
    ("enable.partition.eof", "false"),
    ("fetch.queue.backoff.ms", "5"),
    ("queued.max.messages.kbytes", "16384"),
];

/// What every member of a consumer group runs with beside [`FIXED`], whatever a profile says.
///
/// A member that is silent for `session.timeout.ms` loses its partitions, so this bounds how long
/// they rest when it does not come again; it learns within a heartbeat that others join or leave.
/// The group waits for a member in a rebalance for `max.poll.interval.ms` at most.
pub const FIXED_MEMBER: &[Setting] = &[
    ("group.protocol", "classic"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("session.timeout.ms", "10000"),
    ("heartbeat.interval.ms", "1000"),
    ("max.poll.interval.ms", "60000"),
];

/// How often a member looks for new partitions, in ms: they belong to nobody until it does.
pub const MEMBER_REFRESH_MS: &str = "5000";

/// What every producer runs with beside [`FIXED_ALWAYS`], whatever a profile says: each message is
/// written once and in order by all replicas in sync, and no message is given up by the clock, as a
/// unit waits for its messages.
pub const FIXED_PRODUCER: &[Setting] =
    &[("enable.idempotence", "true"), ("acks", "all"), ("message.timeout.ms", "0")];

/// What every client runs with, whatever a profile says.
pub const FIXED_ALWAYS: &[Setting] =
    &[("statistics.interval.ms", "0"), ("log.connection.close", "true")];

/// What a client runs with unless a profile says otherwise. librdkafka itself spreads the
/// reconnect wait by -25 % to +50 %.
pub const DEFAULTS: &[Setting] = &[
    ("client.id", "redis-kafka"),
    ("reconnect.backoff.ms", "100"),
    ("reconnect.backoff.max.ms", "5000"),
    ("socket.keepalive.enable", "true"),
    ("socket.nagle.disable", "true"),
    ("topic.metadata.refresh.interval.ms", "60000"),
];

/// The same for consumers alone.
pub const DEFAULTS_CONSUMER: &[Setting] = &[
    // A newly assigned partition is first asked for when the running long poll ends.
    ("fetch.wait.max.ms", "100"),
];

/// The same for producers alone.
pub const DEFAULTS_PRODUCER: &[Setting] = &[
    // The Java client's, so that all put a key into the same partition.
    ("partitioner", "murmur2_random"),
];

const COMMAND: &str = "it loads code or runs a command in the server";
const STATEMENT: &str = "the statement decides it (GROUP, START)";
const GROUPLESS: &str = "how partitions are shared is fixed, delivery depends on it";

/// Properties refused for a reason worth telling; a trailing `*` stands for any ending.
const DENIED: &[(&str, &str)] = &[
    ("plugin.library.paths", COMMAND),
    ("ssl.engine.location", COMMAND),
    ("ssl.engine.id", COMMAND),
    ("ssl.providers", COMMAND),
    ("sasl.kerberos.*", COMMAND),
    ("sasl.oauthbearer.*", "OAUTHBEARER is not built in; PLAIN and SCRAM are"),
    ("enable.sasl.oauthbearer.unsecure.jwt", "it accepts forged tokens"),
    ("ssl.key.pem", "a private key belongs in a file: ssl.key.location"),
    (
        "schema.registry.ssl.key.pem",
        "a private key belongs in a file: schema.registry.ssl.key.location",
    ),
    (
        "schema.registry.ssl.key.password",
        "the key may have no pass phrase; the file's mode keeps it",
    ),
    ("debug", "it floods the log and can show credentials"),
    ("log*", "the log is ours"),
    ("builtin.features", "it is what librdkafka was built with, not a setting"),
    ("metadata.broker.list", "write bootstrap.servers"),
    ("group.id", STATEMENT),
    ("group.*", GROUPLESS),
    ("auto.commit.*", "offsets are kept in Redis, with the data"),
    ("offset.store.*", "offsets are kept in Redis, with the data"),
    ("queued.*", "it bounds the memory of a subscription and is fixed"),
    ("queue.buffering.*", "it bounds the memory of a subscription and is fixed"),
    ("transactional.id", "messages are sent without transactions"),
    ("test.*", "it is for librdkafka's own tests"),
    ("security.protocol.*", "no such property exists"),
];

/// Why a property may not stand in a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// Known, and not to be set.
    #[error("property '{name}' may not be set: {why}")]
    Denied {
        /// The property.
        name: String,
        /// The reason.
        why: &'static str,
    },
    /// Set by us to one value, always.
    #[error("property '{name}' may not be set: it is always {value}, delivery depends on it")]
    Fixed {
        /// The property.
        name: String,
        /// The value it always has.
        value: &'static str,
    },
    /// In no list.
    #[error("unknown property '{name}'{}", did_you_mean(.near))]
    Unknown {
        /// The property as written.
        name: String,
        /// The nearest one that may be set.
        near: Option<&'static str>,
    },
}

fn did_you_mean(near: &Option<&'static str>) -> String {
    near.map(|name| format!("; did you mean '{name}'?")).unwrap_or_default()
}

/// The property of this exact name, if a profile may set it.
pub fn allowed(name: &str) -> Result<&'static Property, PropertyError> {
    if let Some(property) = ALLOWED.iter().find(|property| property.name == name) {
        return Ok(property);
    }
    let owned = name.to_owned();
    let mut fixed = [FIXED, FIXED_MEMBER, FIXED_PRODUCER, FIXED_ALWAYS].into_iter().flatten();
    if let Some((_, value)) = fixed.find(|(fixed, _)| *fixed == name) {
        return Err(PropertyError::Fixed { name: owned, value });
    }
    let denied = DENIED.iter().find(|(pattern, _)| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => *pattern == name,
    });
    Err(match denied {
        Some((_, why)) => PropertyError::Denied { name: owned, why },
        None => PropertyError::Unknown {
            near: nearest(name, ALLOWED.iter().map(|property| property.name)),
            name: owned,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::ClientConfig;

    #[test]
    fn refusals_name_the_property_and_the_reason() {
        for (name, words) in [
            ("plugin.library.paths", "loads code"),
            ("sasl.kerberos.kinit.cmd", "runs a command"),
            ("enable.auto.commit", "always false"),
            ("isolation.level", "always read_committed"),
            ("session.timeout.ms", "always 10000"),
            ("group.instance.id", "shared"),
            ("group.id", "GROUP"),
            ("debug", "credentials"),
            ("sasl.pasword", "did you mean 'sasl.password'"),
            ("no.such.thing.at.all", "unknown property"),
        ] {
            let error = allowed(name).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(words), "{error}");
        }
    }

    #[test]
    fn no_allowed_property_is_fixed_or_denied() {
        for property in ALLOWED {
            let mut fixed =
                [FIXED, FIXED_MEMBER, FIXED_PRODUCER, FIXED_ALWAYS].into_iter().flatten();
            assert!(fixed.all(|(name, _)| *name != property.name));
            assert_eq!(allowed(property.name), Ok(property));
        }
    }

    #[test]
    fn librdkafka_knows_every_name_we_hand_it() {
        for property in ALLOWED.iter().filter(|p| p.user != User::Registry) {
            let mut config = ClientConfig::new();
            config.set(property.name, "1");
            if let Err(error) = config.create_native_config() {
                // A value of the wrong kind is not what is asked here.
                let words = error.to_string();
                assert!(
                    !words.contains("No such") && !words.contains("not supported in this build"),
                    "{words}"
                );
            }
        }
        let mut config = ClientConfig::new();
        let fixed = [FIXED, FIXED_MEMBER, FIXED_PRODUCER, FIXED_ALWAYS].into_iter().flatten();
        let defaults = [DEFAULTS, DEFAULTS_CONSUMER, DEFAULTS_PRODUCER].into_iter().flatten();
        for (name, value) in fixed.chain(defaults) {
            config.set(*name, *value);
        }
        config.create_native_config().unwrap();
    }
}
