//! How to reach the Schema Registry: a URL in a statement, or a profile of the admin's file.

use std::fmt;
use std::path::Path;

use super::connection::ConnectionError;
use super::profile::{Profile, Profiles, read_bounded};
use crate::registry::{
    Auth, Config, ConfigError, Identity, Secret, Tls, Url, UrlError, Verification,
};

const URL: &str = "schema.registry.url";
const USER_INFO: &str = "schema.registry.basic.auth.user.info";
const TOKEN: &str = "schema.registry.bearer.auth.token";
const CLUSTER: &str = "schema.registry.bearer.auth.logical.cluster";
const POOL: &str = "schema.registry.bearer.auth.identity.pool.id";
const CA_FILE: &str = "schema.registry.ssl.ca.location";
const CA_TEXT: &str = "schema.registry.ssl.ca.pem";
const CERTIFICATE: &str = "schema.registry.ssl.certificate.location";
const KEY: &str = "schema.registry.ssl.key.location";
const VERIFICATION: &str = "schema.registry.enable.ssl.certificate.verification";

/// What stands behind REGISTRY.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RegistryName {
    /// `http://host:port[,http://host:port]`: without password.
    Url(Vec<Url>),
    /// A table of the admin's file.
    Profile(String),
}

impl RegistryName {
    /// Reads `url[,url]` or a profile's name; what has `://` is a URL.
    pub fn parse(text: &str) -> Result<RegistryName, RegistryError> {
        if text.contains("://") {
            return Url::parse_list(text).map(RegistryName::Url).map_err(RegistryError::Url);
        }
        let is_name = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if is_name { Ok(RegistryName::Profile(text.to_owned())) } else { Err(RegistryError::Name) }
    }
}

impl fmt::Display for RegistryName {
    /// The value as it stands behind REGISTRY.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegistryName::Url(urls) => {
                let urls: Vec<String> = urls.iter().map(Url::to_string).collect();
                f.write_str(&urls.join(","))
            }
            RegistryName::Profile(name) => f.write_str(name),
        }
    }
}

/// Why there is no way to a registry. Never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Neither a URL nor a name; the text is not repeated, as it may hold a password.
    #[error("is neither a URL (as http://localhost:8081) nor the name of a profile")]
    Name,
    /// A wrong URL in a statement.
    #[error("{0}")]
    Url(UrlError),
    /// No such profile, or a reference in it that leads nowhere.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// Neither a registry nor a profile.
    #[error("there is no schema for VALUE AVRO: name a REGISTRY")]
    Nowhere,
    /// A profile for Kafka only.
    #[error("connection profile '{0}' has no schema.registry.url")]
    NoUrl(String),
    /// A property with a wrong value.
    #[error("connection profile '{profile}': {property} {why}")]
    Property {
        /// The profile.
        profile: String,
        /// The property.
        property: &'static str,
        /// What is wrong, without the value.
        why: String,
    },
    /// Two properties that exclude each other, or one that needs the other.
    #[error("connection profile '{profile}': {first} and {second} {why}")]
    Pair {
        /// The profile.
        profile: String,
        /// One property.
        first: &'static str,
        /// The other one.
        second: &'static str,
        /// How they belong together.
        why: &'static str,
    },
    /// Credentials or certificates that cannot be used.
    #[error("{0}")]
    Config(#[from] ConfigError),
}

/// What a client of this registry is made from; a profile's secrets and files are read now.
pub fn registry_config(
    registry: &RegistryName,
    profiles: &Profiles,
) -> Result<Config, RegistryError> {
    match registry {
        RegistryName::Url(urls) => Ok(Config::new(urls.clone())),
        RegistryName::Profile(name) => Reader { name, profile: profiles.get(name)? }.config(),
    }
}

struct Reader<'a> {
    name: &'a str,
    profile: &'a Profile,
}

impl Reader<'_> {
    fn config(&self) -> Result<Config, RegistryError> {
        let Some(urls) = self.text(URL)? else {
            return Err(RegistryError::NoUrl(self.name.to_owned()));
        };
        // A URL behind env: or file: was not looked at when the profiles were read.
        let urls = Url::parse_list(&urls).map_err(|error| self.wrong(URL, error.to_string()))?;
        Ok(Config { auth: self.auth()?, tls: self.tls()?, ..Config::new(urls) })
    }

    fn auth(&self) -> Result<Auth, RegistryError> {
        match (self.text(USER_INFO)?, self.text(TOKEN)?) {
            (None, None) => Ok(Auth::None),
            (Some(info), None) => Ok(Auth::Basic(Secret::new(info))),
            (None, Some(token)) => Ok(Auth::Bearer {
                token: Secret::new(token),
                cluster: self.text(CLUSTER)?,
                pool: self.text(POOL)?,
            }),
            (Some(_), Some(_)) => Err(self.pair(USER_INFO, TOKEN, "exclude each other")),
        }
    }

    fn tls(&self) -> Result<Tls, RegistryError> {
        let authorities = match (self.text(CA_FILE)?, self.text(CA_TEXT)?) {
            (Some(path), None) => Some(self.file(CA_FILE, &path)?),
            (None, text) => text,
            (Some(_), Some(_)) => return Err(self.pair(CA_FILE, CA_TEXT, "exclude each other")),
        };
        let identity = match (self.text(CERTIFICATE)?, self.text(KEY)?) {
            (Some(certificate), Some(key)) => Some(Identity {
                certificate: self.file(CERTIFICATE, &certificate)?,
                key: Secret::new(self.file(KEY, &key)?),
            }),
            (None, None) => None,
            _ => return Err(self.pair(CERTIFICATE, KEY, "need each other")),
        };
        let verification = match self.text(VERIFICATION)?.as_deref() {
            None | Some("true") => Verification::Full,
            Some("false") => Verification::Off,
            Some(_) => return Err(self.wrong(VERIFICATION, "is neither true nor false".to_owned())),
        };
        Ok(Tls { authorities, identity, verification })
    }

    fn text(&self, property: &str) -> Result<Option<String>, ConnectionError> {
        self.profile.resolve(self.name, property)
    }

    fn file(&self, property: &'static str, path: &str) -> Result<String, RegistryError> {
        let profile = self.name.to_owned();
        read_bounded(Path::new(path))
            .map_err(|why| ConnectionError::Reference { profile, property, why }.into())
    }

    fn wrong(&self, property: &'static str, why: String) -> RegistryError {
        RegistryError::Property { profile: self.name.to_owned(), property, why }
    }

    fn pair(&self, first: &'static str, second: &'static str, why: &'static str) -> RegistryError {
        RegistryError::Pair { profile: self.name.to_owned(), first, second, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn config(text: &str) -> Result<Config, RegistryError> {
        let profiles = Profiles::read(file(&format!("[p]\n{text}")).path()).unwrap();
        registry_config(&RegistryName::parse("p").unwrap(), &profiles)
    }

    #[test]
    fn a_registry_is_a_url_or_a_profile() {
        for text in ["http://localhost:8081", "https://a,https://b:1/x", "prod", "eu.prod-1_a"] {
            assert_eq!(RegistryName::parse(text).unwrap().to_string(), text);
        }
        let urls = RegistryName::parse("http://a,http://b").unwrap();
        assert!(matches!(&urls, RegistryName::Url(urls) if urls.len() == 2));
        let config = registry_config(&urls, &Profiles::empty()).unwrap();
        assert_eq!((config.urls.len(), config.auth), (2, Auth::None));
        for (text, words) in [
            ("http://u:hunter2@h:8081", "schema.registry.basic.auth.user.info"),
            ("u:hunter2@h:8081", "http://localhost:8081"),
            ("localhost:8081", "neither a URL"),
            ("ftp://h", "http://"),
            ("", "neither"),
        ] {
            let error = RegistryName::parse(text).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_profile_becomes_a_configuration_that_shows_no_secret() {
        let (secret, pem) = (file("user:hunter2\n"), file("some PEM"));
        let (secret, pem) = (secret.path().display(), pem.path().display());
        let basic = config(&format!(
            "schema.registry.url = \"https://a,https://b\"\n\
             schema.registry.basic.auth.user.info = \"file:{secret}\"\n\
             schema.registry.ssl.ca.location = \"{pem}\"\n\
             schema.registry.ssl.certificate.location = \"{pem}\"\n\
             schema.registry.ssl.key.location = \"{secret}\"\n\
             schema.registry.enable.ssl.certificate.verification = false"
        ))
        .unwrap();
        assert_eq!(basic.urls.len(), 2);
        assert_eq!(basic.auth, Auth::Basic(Secret::new("user:hunter2")));
        assert_eq!(basic.tls.authorities.as_deref(), Some("some PEM"));
        assert_eq!(basic.tls.verification, Verification::Off);
        assert_eq!(basic.tls.identity.as_ref().unwrap().key, Secret::new("user:hunter2\n"));
        assert!(!format!("{basic:?}").contains("hunter2"), "{basic:?}");
        let bearer = config(&format!(
            "schema.registry.url = \"https://a\"\n\
             schema.registry.bearer.auth.token = \"file:{secret}\"\n\
             schema.registry.bearer.auth.logical.cluster = \"lsrc-1\""
        ))
        .unwrap();
        assert!(
            matches!(&bearer.auth, Auth::Bearer { cluster: Some(name), pool: None, .. } if name == "lsrc-1")
        );
    }

    #[test]
    fn what_is_missing_or_wrong_in_a_profile_is_named() {
        let secret = file("user:hunter2");
        let auth = format!(
            "schema.registry.basic.auth.user.info = \"file:{0}\"\n\
             schema.registry.bearer.auth.token = \"file:{0}\"",
            secret.path().display()
        );
        let url = "schema.registry.url = \"http://h\"\n";
        for (text, words) in [
            ("client.id = 1".to_owned(), "profile 'p' has no schema.registry.url"),
            (format!("{url}{auth}"), "exclude each other"),
            (format!("{url}schema.registry.ssl.key.location = \"/k\""), "need each other"),
            (
                format!("{url}schema.registry.ssl.ca.location = \"/no/such\""),
                "schema.registry.ssl.ca.location: cannot read /no/such",
            ),
            (
                format!("{url}schema.registry.enable.ssl.certificate.verification = \"no\""),
                "neither true nor false",
            ),
            (
                format!("schema.registry.url = \"file:{}\"", secret.path().display()),
                "schema.registry.url needs a URL",
            ),
        ] {
            let error = config(&text).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("hunter2"), "{error}");
        }
        let error = registry_config(&RegistryName::Profile("x".to_owned()), &Profiles::empty());
        assert!(error.unwrap_err().to_string().contains("no connection profile 'x'"));
    }
}
