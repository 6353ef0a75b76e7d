//! Where Redis is and who we are there, read from a URL.

use redis::{ConnectionAddr, IntoConnectionInfo};
use std::fmt;
use std::path::PathBuf;

const DEFAULT_PORT: u16 = 6379;
const DEFAULT_SENTINEL_PORT: u16 = 26379;

/// A word that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a word.
    pub fn new(word: impl Into<String>) -> Secret {
        Secret(word.into())
    }

    /// The word itself, to be sent to Redis and nowhere else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Who logs in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Login {
    /// The ACL user; Redis's `default` where there is none.
    pub user: Option<String>,
    /// The password; no login without one.
    pub password: Option<Secret>,
}

/// How the transport is secured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// Whose certificates are believed.
    pub trust: Trust,
    /// PEM files of a certificate of our own and its key (PKCS#8).
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Whose certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// Those of the system's authorities.
    #[default]
    System,
    /// Those of the authorities in a PEM file.
    File(PathBuf),
    /// Anyone's.
    Anyone,
}

/// The way to Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Host and port.
    Tcp(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
    /// The primary that Sentinels know by a name.
    Sentinel {
        /// Host and port of each Sentinel.
        sentinels: Vec<(String, u16)>,
        /// The primary's name.
        service: String,
        /// Who logs in at the Sentinels.
        login: Login,
    },
}

/// Where Redis is and who we are there. Shown without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The way there.
    pub place: Place,
    /// None for plain text.
    pub tls: Option<Tls>,
    /// Who logs in.
    pub login: Login,
    /// The database's number.
    pub database: i64,
}

/// A URL that is none of Redis.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct AddressError(String);

const FORMS: &str = "redis://[user:password@]host[:port][/db], rediss://… (TLS), unix:///path?db=n, \
     or redis-sentinel://[user:password@]host:port[,host:port]/service[/db]";

fn wrong(problem: impl fmt::Display) -> AddressError {
    AddressError(format!("{problem}; the forms are {FORMS}"))
}

impl Address {
    /// Reads a URL. Of `rediss:` the query may name PEM files (`ca`, `cert`, `key`), and the
    /// fragment `#insecure` believes any certificate.
    pub fn parse(url: &str) -> Result<Address, AddressError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("no URL of Redis"))?;
        match scheme {
            "redis-sentinel" => sentinel(rest, false),
            "rediss-sentinel" => sentinel(rest, true),
            "rediss" | "valkeys" => {
                let address = single(&format!("redis://{rest}"))?;
                Ok(Address { tls: Some(tls_of(rest)?), ..address })
            }
            "redis" | "valkey" | "unix" | "redis+unix" | "valkey+unix" => single(url),
            other => Err(wrong(format_args!("'{other}:' is no scheme of Redis"))),
        }
    }

    /// The same with another database.
    pub fn with_database(mut self, database: i64) -> Address {
        self.database = database;
        self
    }

    /// The same with this password, which was kept elsewhere than in the URL.
    pub fn with_password(mut self, password: Secret) -> Address {
        self.login.password = Some(password);
        self
    }
}

/// What redis-rs understands.
fn single(url: &str) -> Result<Address, AddressError> {
    let info = url.into_connection_info().map_err(|error| {
        // Its detail repeats what stands in the URL; its category does not.
        wrong(error.detail().filter(|_| !url.contains('@')).map_or_else(
            || "this is no URL of Redis".to_owned(),
            |detail| format!("this is no URL of Redis: {detail}"),
        ))
    })?;
    let settings = info.redis_settings();
    let place = match info.addr() {
        ConnectionAddr::Tcp(host, port) => Place::Tcp(host.clone(), *port),
        ConnectionAddr::Unix(path) => Place::Unix(path.clone()),
        _ => return Err(wrong("no way to Redis that is known here")),
    };
    let login = Login {
        user: settings.username().map(str::to_owned),
        password: settings.password().map(Secret::new),
    };
    if settings.db() < 0 {
        return Err(wrong("the database's number is negative"));
    }
    Ok(Address { place, tls: None, login, database: settings.db() })
}

/// What stands behind `?` and `#` about TLS.
fn tls_of(rest: &str) -> Result<Tls, AddressError> {
    let parsed = redis::parse_redis_url(&format!("redis://{rest}"));
    let Some(url) = parsed else { return Err(wrong("this is no URL of Redis")) };
    let mut tls = Tls::default();
    let (mut certificate, mut key) = (None, None);
    for (name, value) in url.query_pairs() {
        match &*name {
            "ca" => tls.trust = Trust::File(value.into_owned().into()),
            "cert" => certificate = Some(PathBuf::from(value.into_owned())),
            "key" => key = Some(PathBuf::from(value.into_owned())),
            "protocol" | "sentinel_user" | "sentinel_password" => {}
            other => return Err(wrong(format_args!("'?{other}=' is not known"))),
        }
    }
    tls.identity = match (certificate, key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate, key)),
        _ => return Err(wrong("'cert' and 'key' belong together")),
    };
    match url.fragment() {
        None => {}
        Some("insecure") if tls.trust == Trust::System => tls.trust = Trust::Anyone,
        Some("insecure") => return Err(wrong("'ca' and #insecure contradict each other")),
        Some(other) => return Err(wrong(format_args!("'#{other}' is not known"))),
    }
    Ok(tls)
}

fn sentinel(rest: &str, is_tls: bool) -> Result<Address, AddressError> {
    let (login, behind) = match rest.rsplit_once('@') {
        Some((login, behind)) => (format!("{login}@"), behind),
        None => (String::new(), rest),
    };
    let (hosts, path) = behind.split_once('/').ok_or_else(|| wrong("no service is named"))?;
    let (path, query) = match path.find(['?', '#']) {
        Some(at) => path.split_at(at),
        None => (path, ""),
    };
    let (service, database) = path.split_once('/').unwrap_or((path, ""));
    if service.is_empty() {
        return Err(wrong("no service is named"));
    }
    // Who logs in at the data's servers; the host only makes it a URL.
    let data = format!("{login}sentinel/{database}{query}");
    let address = single(&format!("redis://{data}"))?;
    let tls = if is_tls { Some(tls_of(&data)?) } else { None };
    let sentinels = hosts.split(',').map(host_and_port).collect::<Result<_, _>>()?;
    let login = sentinel_login(&data)?;
    let place = Place::Sentinel { sentinels, service: service.to_owned(), login };
    Ok(Address { place, tls, ..address })
}

fn host_and_port(text: &str) -> Result<(String, u16), AddressError> {
    match single(&format!("redis://{text}"))?.place {
        // What redis-rs takes for its default may have been written.
        Place::Tcp(host, DEFAULT_PORT) if !text.ends_with(":6379") => {
            Ok((host, DEFAULT_SENTINEL_PORT))
        }
        Place::Tcp(host, port) => Ok((host, port)),
        _ => Err(wrong("a Sentinel is host:port")),
    }
}

fn sentinel_login(data: &str) -> Result<Login, AddressError> {
    let parsed = redis::parse_redis_url(&format!("redis://{data}"));
    let Some(url) = parsed else { return Err(wrong("this is no URL of Redis")) };
    let value = |wanted: &str| {
        url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    Ok(Login {
        user: value("sentinel_user"),
        password: value("sentinel_password").map(Secret::new),
    })
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Tcp(host, port) => write!(f, "{host}:{port}"),
            Place::Unix(path) => write!(f, "{}", path.display()),
            Place::Sentinel { sentinels, service, .. } => {
                let list: Vec<_> =
                    sentinels.iter().map(|(host, port)| format!("{host}:{port}")).collect();
                write!(f, "{service} (by Sentinel {})", list.join(","))
            }
        }
    }
}

/// As people may see it: without user and password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
