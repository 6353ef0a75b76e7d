//! How to reach a Kafka cluster: brokers named in a statement, or a profile of the admin's file.

use std::fmt;
use std::net::Ipv6Addr;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};

use super::profile::Profiles;
use super::properties::{
    DEFAULTS, DEFAULTS_CONSUMER, DEFAULTS_PRODUCER, FIXED, FIXED_ALWAYS, FIXED_MEMBER,
    FIXED_PRODUCER, MEMBER_REFRESH_MS, Setting, User,
};

/// How a subscription reaches its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Connection {
    /// `BROKERS host:port[,host:port]`: without TLS and password.
    Brokers(Vec<String>),
    /// `CONNECTION profile`: a table of the admin's file.
    Profile(String),
}

impl Connection {
    /// Reads `host:port[,host:port]`; an IPv6 address stands in brackets: `[::1]:9092`.
    pub fn brokers(text: &str) -> Result<Self, ConnectionError> {
        let brokers: Result<Vec<String>, ConnectionError> = text
            .split(',')
            .map(|broker| check_broker(broker).map(|()| broker.to_owned()))
            .collect();
        brokers.map(Connection::Brokers)
    }
}

impl fmt::Display for Connection {
    /// The value as it stands behind BROKERS or CONNECTION.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Connection::Brokers(brokers) => f.write_str(&brokers.join(",")),
            Connection::Profile(name) => f.write_str(name),
        }
    }
}

/// Why a connection cannot be made from what was written. Never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// Not host:port.
    #[error("broker '{0}' is not host:port (as localhost:9092 or [::1]:9092)")]
    Broker(String),
    /// A URL or credentials in a broker's name; the text is not repeated.
    #[error(
        "a broker is written host:port, without URL scheme or password; credentials belong in a profile (CONNECTION)"
    )]
    BrokerUrl,
    /// No profile of this name.
    #[error("no connection profile '{name}'{}", .near.as_ref().map(|near| format!("; did you mean '{near}'?")).unwrap_or_else(|| "; KAFKA.CONNECTIONS lists them".to_owned()))]
    NoProfile {
        /// The name as written.
        name: String,
        /// The nearest existing one.
        near: Option<String>,
    },
    /// A profile that names no brokers (one for a registry only).
    #[error("connection profile '{0}' has no bootstrap.servers")]
    NoBrokers(String),
    /// A reference that could not be followed.
    #[error("connection profile '{profile}': {property}: {why}")]
    Reference {
        /// The profile.
        profile: String,
        /// The property whose value is the reference.
        property: &'static str,
        /// What is wrong, naming the variable or the file.
        why: String,
    },
}

fn check_broker(broker: &str) -> Result<(), ConnectionError> {
    if broker.contains("://") || broker.contains('@') {
        return Err(ConnectionError::BrokerUrl);
    }
    let refused = || ConnectionError::Broker(broker.to_owned());
    let (host, port) = broker.rsplit_once(':').ok_or_else(refused)?;
    let host_is_right = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            (1..=253).contains(&host.len())
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        }
    };
    let port_is_right =
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    if host_is_right && port_is_right { Ok(()) } else { Err(refused()) }
}

/// What a consumer of this connection runs with: our defaults, the profile with its secrets read now,
/// then the fixed properties, which always win. `group` is the consumer group commits go to.
pub fn consumer_config(
    connection: &Connection,
    profiles: &Profiles,
    group: &str,
) -> Result<ClientConfig, ConnectionError> {
    let mut config = config(connection, profiles, User::Consumer, DEFAULTS_CONSUMER)?;
    config.set("group.id", group);
    Ok(fixed(config, FIXED))
}

/// What a member of the group runs with. With an `instance` it is a static member (KIP-345): one
/// that ends without leaving has its partitions back at once when it comes again.
pub fn member_config(
    connection: &Connection,
    profiles: &Profiles,
    group: &str,
    instance: Option<&str>,
) -> Result<ClientConfig, ConnectionError> {
    let mut config = fixed(consumer_config(connection, profiles, group)?, FIXED_MEMBER);
    config.set("topic.metadata.refresh.interval.ms", MEMBER_REFRESH_MS);
    if let Some(instance) = instance {
        config.set("group.instance.id", instance);
    }
    Ok(config)
}

/// The same for a producer.
pub fn producer_config(
    connection: &Connection,
    profiles: &Profiles,
) -> Result<ClientConfig, ConnectionError> {
    let config = config(connection, profiles, User::Producer, DEFAULTS_PRODUCER)?;
    Ok(fixed(config, FIXED_PRODUCER))
}

fn config(
    connection: &Connection,
    profiles: &Profiles,
    user: User,
    defaults: &[Setting],
) -> Result<ClientConfig, ConnectionError> {
    let mut config = ClientConfig::new();
    for (name, value) in DEFAULTS.iter().chain(defaults) {
        config.set(*name, *value);
    }
    match connection {
        Connection::Brokers(brokers) => {
            config.set("bootstrap.servers", brokers.join(","));
        }
        Connection::Profile(name) => {
            let profile = profiles.get(name)?;
            if !profile.has("bootstrap.servers") {
                return Err(ConnectionError::NoBrokers(name.clone()));
            }
            for property in profile.names(User::Kafka).chain(profile.names(user)) {
                if let Some(value) = profile.resolve(name, property)? {
                    config.set(property, value);
                }
            }
        }
    }
    Ok(config)
}

fn fixed(mut config: ClientConfig, fixed: &[Setting]) -> ClientConfig {
    for (name, value) in fixed.iter().chain(FIXED_ALWAYS) {
        config.set(*name, *value);
    }
    config.set_log_level(RDKafkaLogLevel::Info);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_hosts_with_ports() {
        let brokers = Connection::brokers("localhost:9092,10.0.0.1:1,[::1]:65535").unwrap();
        assert_eq!(brokers.to_string(), "localhost:9092,10.0.0.1:1,[::1]:65535");
        for text in
            ["", "h", "h:", "h:0", "h:65536", "h:+1", ":1", "::1:9092", "[x]:1", "a:1,", "a b:1"]
        {
            let error = Connection::brokers(text).unwrap_err();
            assert!(matches!(error, ConnectionError::Broker(_)), "{text}: {error}");
        }
        for text in ["kafka://h:1", "u:hunter2@h:1"] {
            let error = Connection::brokers(text).unwrap_err();
            assert_eq!(error, ConnectionError::BrokerUrl);
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
