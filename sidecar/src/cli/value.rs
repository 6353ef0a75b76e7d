//! Values of options that are more than a text or a number.

use std::fmt;
use std::io::Read;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

/// The most bytes that a file with a secret may hold.
const SECRET_MAX: u64 = 64 * 1024;

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Off,
    /// Here; port 0 takes a free one.
    At(SocketAddr),
}

impl Listen {
    /// The address, if there is one.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Listen::Off => None,
            Listen::At(address) => Some(address),
        }
    }

    /// Whether other machines could reach it.
    pub fn is_public(self) -> bool {
        self.address().is_some_and(|address| !address.ip().is_loopback())
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Listen, String> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Listen::Off);
        }
        let wrong = |why: &dyn fmt::Display| {
            format!("{why}; write host:port as 127.0.0.1:6390, [::1]:6390 or 0.0.0.0:6390, or off")
        };
        let mut addresses = text.to_socket_addrs().map_err(|error| wrong(&error))?;
        addresses.next().map(Listen::At).ok_or_else(|| wrong(&"the host has no address"))
    }
}

/// A secret of the command line or the environment: itself, or where it stands. Neither `Debug`
/// nor any error shows it.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The secret itself.
    Value(String),
    /// `env:NAME`
    Env(String),
    /// `file:PATH`
    File(PathBuf),
}

impl FromStr for Secret {
    type Err = String;

    fn from_str(text: &str) -> Result<Secret, String> {
        match (text.strip_prefix("env:"), text.strip_prefix("file:")) {
            (Some(""), _) => Err("env: names no environment variable".to_owned()),
            (Some(name), _) => Ok(Secret::Env(name.to_owned())),
            (_, Some("")) => Err("file: names no file".to_owned()),
            (_, Some(path)) => Ok(Secret::File(PathBuf::from(path))),
            _ if text.is_empty() => Err("is empty; leave it out, or give one".to_owned()),
            _ => Ok(Secret::Value(text.to_owned())),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Value(_) => f.write_str("(secret)"),
            Secret::Env(name) => write!(f, "env:{name}"),
            Secret::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// Why a secret could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no such variable, or it is no text.
    #[error("the environment variable {0} is not set, or is no UTF-8 text")]
    Env(String),
    /// The file cannot be read.
    #[error("cannot read the secret in {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// There is nothing in it.
    #[error("the secret {0:?} is empty")]
    Empty(Secret),
}

impl Secret {
    /// The secret, read now; a line end after it does not belong to it.
    ///
    /// # Errors
    /// The variable or the file is not there, or empty.
    pub fn resolve(&self) -> Result<String, SecretError> {
        let text = match self {
            Secret::Value(value) => value.clone(),
            Secret::Env(name) => std::env::var(name).map_err(|_| SecretError::Env(name.clone()))?,
            Secret::File(path) => {
                let mut text = String::new();
                let read = std::fs::File::open(path)
                    .and_then(|file| file.take(SECRET_MAX).read_to_string(&mut text));
                read.map_err(|error| SecretError::File { path: path.clone(), error })?;
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
        };
        if text.is_empty() { Err(SecretError::Empty(self.clone())) } else { Ok(text) }
    }
}

/// The URL of a Redis. It may hold a password: `Debug` and `Display` leave that out.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// The whole URL, with what may be a password: not to be shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RedisUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<RedisUrl, String> {
        if text.contains("://") {
            Ok(RedisUrl(text.to_owned()))
        } else {
            Err("is no URL; write redis://host:port, rediss://host:port (TLS) or unix:///path"
                .to_owned())
        }
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        let (place, query) = match rest.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (rest, None),
        };
        // A password may hold any character: what counts is the last @.
        let place = place.rsplit_once('@').map_or(place, |(_, host)| host);
        write!(f, "{scheme}://{place}")?;
        let shown = query.into_iter().flat_map(|query| query.split('&')).filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            !["pass", "password", "user", "username"].contains(&name)
        });
        for (index, pair) in shown.enumerate() {
            write!(f, "{}{pair}", if index == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// The longest group.instance.id that Kafka takes.
const INSTANCE_ID_MAX: usize = 249;

/// A stable name of one sidecar: Kafka's `group.instance.id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceId(String);

impl InstanceId {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name made of any text: what Kafka does not take becomes `-`.
    pub fn from_any(text: &str) -> InstanceId {
        let legal = |c: char| if is_id_character(c) { c } else { '-' };
        let id: String = text.chars().map(legal).take(INSTANCE_ID_MAX).collect();
        match id.as_str() {
            "" | "." | ".." => InstanceId("redis-kafka".to_owned()),
            _ => InstanceId(id),
        }
    }
}

fn is_id_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-".contains(c)
}

impl FromStr for InstanceId {
    type Err = String;

    fn from_str(text: &str) -> Result<InstanceId, String> {
        let id = InstanceId::from_any(text);
        if id.as_str() == text {
            Ok(id)
        } else {
            Err(format!("an instance id is 1 to {INSTANCE_ID_MAX} of A-Z a-z 0-9 . _ -"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listen_address_is_host_and_port_or_off() {
        assert_eq!("OFF".parse(), Ok(Listen::Off));
        let address: Listen = "[::1]:6390".parse().unwrap();
        assert!(!address.is_public() && address.address().unwrap().port() == 6390);
        assert!("0.0.0.0:0".parse::<Listen>().unwrap().is_public());
        for wrong in ["", "6390", "127.0.0.1", "127.0.0.1:70000", "no such host:1"] {
            let error = wrong.parse::<Listen>().unwrap_err();
            assert!(error.contains("or off"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("redis://h:1/2", "redis://h:1/2"),
            ("rediss://u:p@ss@h:1/2?protocol=resp3", "rediss://h:1/2?protocol=resp3"),
            ("unix:///run/r.sock?db=1&pass=hunter2", "unix:///run/r.sock?db=1"),
        ] {
            let parsed: RedisUrl = url.parse().unwrap();
            assert_eq!(parsed.to_string(), shown);
            assert_eq!(format!("{parsed:?}"), format!("\"{shown}\""));
            assert_eq!(parsed.as_str(), url);
        }
        assert!("localhost:6379".parse::<RedisUrl>().is_err());
    }

    #[test]
    fn a_secret_is_read_where_it_stands_and_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hunter2\r\n").unwrap();
        let secret: Secret = format!("file:{}", file.path().display()).parse().unwrap();
        assert_eq!(secret.resolve().unwrap(), "hunter2");
        let secret: Secret = "hunter2".parse().unwrap();
        assert_eq!(
            (secret.resolve().unwrap().as_str(), format!("{secret:?}").as_str()),
            ("hunter2", "(secret)")
        );
        std::fs::write(file.path(), "\n").unwrap();
        for wrong in [
            "env:REDIS_KAFKA_UNSET",
            "file:/no/such/file",
            &format!("file:{}", file.path().display()),
        ] {
            let error = wrong.parse::<Secret>().unwrap().resolve().unwrap_err().to_string();
            assert!(error.contains(wrong.split_once(':').unwrap().1), "{error}");
        }
        for wrong in ["", "env:", "file:"] {
            assert!(wrong.parse::<Secret>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_instance_id_is_what_kafka_takes() {
        assert_eq!(InstanceId::from_any("höst name").as_str(), "h-st-name");
        assert!("redis-kafka-0".parse::<InstanceId>().is_ok());
        for wrong in ["", "a b", "..", &"x".repeat(250)] {
            assert!(wrong.parse::<InstanceId>().is_err(), "{wrong}");
        }
    }
}
