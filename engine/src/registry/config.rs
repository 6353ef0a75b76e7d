//! How to reach a Schema Registry.

use std::fmt;
use std::time::Duration;

use ureq::http::Uri;

/// How many URLs of one registry are taken.
pub const URLS_MAX: usize = 16;

/// Text that is never shown: a password, a token, a private key.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being shown.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for where it is used.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where a registry answers: http or https, a host, perhaps a path; no credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Url(String);

/// Why a text is no URL of a registry. Never repeats the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Another scheme, or none.
    #[error("needs a URL that begins with http:// or https://")]
    Scheme,
    /// `user:password@`.
    #[error(
        "may not hold a password; use schema.registry.basic.auth.user.info in a profile (file CONNECTIONS) and name the profile"
    )]
    Credentials,
    /// Nothing between `//` and the path.
    #[error("needs a URL with a host")]
    Host,
    /// `?` or `#`, which no registry's URL has.
    #[error("may not have a query or a fragment (? or #)")]
    Query,
    /// Characters that stand in no URL, or a port that is none.
    #[error("is no URL")]
    Syntax,
    /// None or too many.
    #[error("needs 1 to {URLS_MAX} URLs separated by commas")]
    Count,
}

impl Url {
    /// Reads one URL; `/` at its end is dropped.
    pub fn parse(text: &str) -> Result<Url, UrlError> {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or(UrlError::Scheme)?;
        if rest.contains('@') {
            return Err(UrlError::Credentials);
        }
        if rest.contains(['?', '#']) {
            return Err(UrlError::Query);
        }
        let uri: Uri = match rest.split('/').next() {
            None | Some("") => return Err(UrlError::Host),
            Some(_) => text.parse().map_err(|_| UrlError::Syntax)?,
        };
        let host = uri.host().unwrap_or_default();
        // The http crate leaves a port that is no number to whoever asks for it.
        let port = uri.authority().and_then(|authority| authority.as_str().strip_prefix(host));
        match (host, port) {
            ("", _) => Err(UrlError::Host),
            (_, Some(port)) if !port.is_empty() && uri.port_u16().is_none_or(|port| port == 0) => {
                Err(UrlError::Syntax)
            }
            _ => Ok(Url(text.trim_end_matches('/').to_owned())),
        }
    }

    /// Reads URLs separated by commas, which all lead to the same registry.
    pub fn parse_list(text: &str) -> Result<Vec<Url>, UrlError> {
        let urls: Vec<Url> =
            text.split(',').map(|url| Url::parse(url.trim())).collect::<Result<_, _>>()?;
        if urls.len() > URLS_MAX { Err(UrlError::Count) } else { Ok(urls) }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who we are to the registry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Auth {
    /// No one.
    #[default]
    None,
    /// HTTP basic authentication: `user:password`.
    Basic(Secret),
    /// A token, and where Confluent Cloud asks for them the registry's cluster and the identity pool.
    Bearer {
        /// The token.
        token: Secret,
        /// Sent as `target-sr-cluster`.
        cluster: Option<String>,
        /// Sent as `Confluent-Identity-Pool-Id`.
        pool: Option<String>,
    },
}

/// Whether the registry's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verification {
    /// Chain and host name.
    #[default]
    Full,
    /// Nothing: only for trying out.
    Off,
}

/// Our certificate for a registry that asks for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// PEM text of the certificate and what it is signed by.
    pub certificate: String,
    /// PEM text of the private key: PKCS#8, not encrypted.
    pub key: Secret,
}

/// TLS to the registry, through the system's OpenSSL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// PEM text of the certificates to trust instead of the system's.
    pub authorities: Option<String>,
    /// Our own certificate.
    pub identity: Option<Identity>,
    /// Whether the registry's is checked.
    pub verification: Verification,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands, TLS included.
    pub connect: Duration,
    /// A whole call, with all the requests it takes.
    pub call: Duration,
    /// How long an id counts as unknown without asking again.
    pub unknown: Duration,
    /// The wait after the first failure; it doubles with each further one.
    pub first_wait: Duration,
    /// The longest wait after a failure.
    pub longest_wait: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(1),
            call: Duration::from_secs(3),
            unknown: Duration::from_secs(10),
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(15),
        }
    }
}

/// All that a [`Client`](super::Client) is made from. `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The registry's URLs, tried in turn.
    pub urls: Vec<Url>,
    /// Our credentials.
    pub auth: Auth,
    /// TLS, for https URLs.
    pub tls: Tls,
    /// Time limits.
    pub timeouts: Timeouts,
}

impl Config {
    /// A registry without credentials.
    pub fn new(urls: Vec<Url>) -> Config {
        Config { urls, auth: Auth::None, tls: Tls::default(), timeouts: Timeouts::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_http_with_a_host_and_no_secret() {
        for (text, shown) in [
            ("http://localhost:8081", "http://localhost:8081"),
            ("https://registry/", "https://registry"),
            ("https://[::1]:8081/apis/ccompat/v7", "https://[::1]:8081/apis/ccompat/v7"),
            ("http://r:8081/contexts/:.shop:", "http://r:8081/contexts/:.shop:"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), shown);
        }
        for (text, error) in [
            ("registry:8081", UrlError::Scheme),
            ("", UrlError::Scheme),
            ("ftp://registry", UrlError::Scheme),
            ("http://", UrlError::Host),
            ("http:///path", UrlError::Host),
            ("http://u:hunter2@h", UrlError::Credentials),
            ("http://h/?k=hunter2", UrlError::Query),
            ("http://h:port", UrlError::Syntax),
            ("http://h:99999", UrlError::Syntax),
            ("http://h:0", UrlError::Syntax),
            ("http://h\r\nX: y", UrlError::Syntax),
            ("http://a b", UrlError::Syntax),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn several_urls_stand_behind_commas() {
        let urls = Url::parse_list("http://a:1, https://b/").unwrap();
        assert_eq!(urls.iter().map(Url::as_str).collect::<Vec<_>>(), ["http://a:1", "https://b"]);
        assert_eq!(Url::parse_list("http://a,"), Err(UrlError::Scheme));
        assert_eq!(Url::parse_list(&["http://a"; 17].join(",")), Err(UrlError::Count));
    }

    #[test]
    fn no_secret_is_shown() {
        let mut config = Config::new(vec![Url::parse("http://h").unwrap()]);
        config.tls.identity =
            Some(Identity { certificate: "cert".to_owned(), key: Secret::new("hunter2-key") });
        for auth in [
            Auth::Basic(Secret::new("u:hunter2")),
            Auth::Bearer { token: Secret::new("hunter2"), cluster: None, pool: None },
        ] {
            config.auth = auth;
            assert!(!format!("{config:?} {config:#?}").contains("hunter2"));
        }
    }
}
