//! The admin's file of connection profiles.
//!
//! A profile keeps references to secrets (`env:NAME`, `file:/path`), never the secrets; they are read
//! when a client is made, so neither `Debug` nor `Display` of anything here can show one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::connection::{Connection, ConnectionError};
use super::properties::{self, Kind, Property, PropertyError, User};
use crate::nearest::nearest;
use crate::registry::Url;

/// The largest profiles file and the largest secret file read, in bytes.
const FILE_MAX: u64 = 1 << 20;
const NO_TABLE: &str = "every setting belongs in a table named as its profile, as [cloud]";

/// A property's value as the profile has it: the text, or where to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Written out. Never a secret.
    Text(String),
    /// The content of this environment variable.
    Env(String),
    /// The content of this file, without a line end at its end.
    File(PathBuf),
}

impl Value {
    fn resolve(&self) -> Result<String, String> {
        match self {
            Value::Text(text) => Ok(text.clone()),
            Value::Env(name) => std::env::var(name).map_err(|error| match error {
                std::env::VarError::NotPresent => {
                    format!("environment variable {name} is not set")
                }
                std::env::VarError::NotUnicode(_) => {
                    format!("environment variable {name} is no UTF-8")
                }
            }),
            Value::File(path) => {
                let text = read_bounded(path)?;
                let text = text.strip_suffix('\n').unwrap_or(&text);
                Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
            }
        }
    }
}

/// The text of a file of at most [`FILE_MAX`] bytes; the error names the file.
pub(super) fn read_bounded(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let size =
        std::fs::metadata(path).map_err(|error| format!("cannot read {shown}: {error}"))?.len();
    if size > FILE_MAX {
        return Err(format!("{shown} is larger than {FILE_MAX} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))
}

/// One table of the profiles file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    values: BTreeMap<&'static str, Value>,
}

impl Profile {
    /// Whether this property is set.
    pub fn has(&self, property: &str) -> bool {
        self.values.contains_key(property)
    }

    /// The value of a property, secrets and files read now. None when the profile does not set it.
    /// `profile` is the profile's name, for the error.
    pub fn resolve(
        &self,
        profile: &str,
        property: &str,
    ) -> Result<Option<String>, ConnectionError> {
        let Some((property, value)) = self.values.get_key_value(property) else {
            return Ok(None);
        };
        value.resolve().map(Some).map_err(|why| ConnectionError::Reference {
            profile: profile.to_owned(),
            property,
            why,
        })
    }

    /// The properties set that this user takes, in the table's order.
    pub fn names(&self, user: User) -> impl Iterator<Item = &'static str> {
        properties::ALLOWED
            .iter()
            .filter(move |property| property.user == user && self.has(property.name))
            .map(|property| property.name)
    }
}

/// The admin's file of connection profiles. Cheap to clone; nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profiles {
    path: Option<PathBuf>,
    profiles: BTreeMap<String, Profile>,
}

/// Why a profiles file is refused. Never repeats a value that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("connections file: {0}")]
    Read(String),
    /// Not TOML, or not a table per profile.
    #[error("connections file {path} line {line}: {why}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        why: String,
    },
    /// A property that may not be set.
    #[error("connections file {path} line {line}, profile '{profile}': {source}")]
    Property {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The table.
        profile: String,
        /// The property and the reason.
        source: PropertyError,
    },
    /// A value of the wrong kind.
    #[error("connections file {path} line {line}, profile '{profile}': {property} {why}")]
    Value {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The table.
        profile: String,
        /// The property.
        property: String,
        /// What its value should be.
        why: String,
    },
}

impl Profiles {
    /// No profiles: only BROKERS can be used.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads a profiles file: a TOML table per profile, librdkafka's names as dotted keys.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ProfileError> {
        let path = path.as_ref();
        let text = read_bounded(path).map_err(ProfileError::Read)?;
        Ok(Self { profiles: Reader { path, text: &text }.profiles()?, path: Some(path.to_owned()) })
    }

    /// Reads the same file again, as after an authentication failure. The empty one stays empty.
    pub fn reread(&self) -> Result<Self, ProfileError> {
        match &self.path {
            Some(path) => Self::read(path),
            None => Ok(Self::empty()),
        }
    }

    /// The profiles' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }

    /// The profile of this name; the error names the nearest one.
    pub fn get(&self, name: &str) -> Result<&Profile, ConnectionError> {
        self.profiles.get(name).ok_or_else(|| ConnectionError::NoProfile {
            name: name.to_owned(),
            near: nearest(name, self.names()).map(str::to_owned),
        })
    }
}

/// Reads the text of one profiles file.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn syntax(&self, offset: usize, why: &str) -> ProfileError {
        ProfileError::Syntax {
            path: self.path.to_owned(),
            line: self.line(offset),
            why: why.to_owned(),
        }
    }

    fn profiles(&self) -> Result<BTreeMap<String, Profile>, ProfileError> {
        // Only the parser's message: its Display quotes the line, which may hold a password.
        let document = DeTable::parse(self.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            self.syntax(offset, error.message())
        })?;
        let mut profiles = BTreeMap::new();
        for (name, value) in document.get_ref() {
            let DeValue::Table(table) = value.get_ref() else {
                return Err(self.syntax(name.span().start, NO_TABLE));
            };
            let mut profile = Profile::default();
            let at = name.get_ref();
            self.flatten(at, "", table, &mut profile)?;
            profiles.insert(at.to_string(), profile);
        }
        Ok(profiles)
    }

    fn no_property(&self, profile: &str, line: usize, source: PropertyError) -> ProfileError {
        let path = self.path.to_owned();
        if let PropertyError::Unknown { name, .. } = &source
            && properties::allowed(&format!("{profile}.{name}")).is_ok()
        {
            let why = NO_TABLE.to_owned();
            return ProfileError::Syntax { path, line, why };
        }
        ProfileError::Property { path, line, profile: profile.to_owned(), source }
    }

    /// Dotted keys are nested tables to TOML (whose parser bounds their depth); joins them again.
    fn flatten(
        &self,
        profile: &str,
        prefix: &str,
        table: &DeTable<'_>,
        into: &mut Profile,
    ) -> Result<(), ProfileError> {
        for (key, value) in table {
            let name = match prefix {
                "" => key.get_ref().to_string(),
                _ => format!("{prefix}.{}", key.get_ref()),
            };
            let line = self.line(key.span().start);
            if let DeValue::Table(inner) = value.get_ref() {
                self.flatten(profile, &name, inner, into)?;
                continue;
            }
            let property = properties::allowed(&name)
                .map_err(|source| self.no_property(profile, line, source))?;
            let value =
                read_value(property, value.get_ref()).map_err(|why| ProfileError::Value {
                    path: self.path.to_owned(),
                    line,
                    profile: profile.to_owned(),
                    property: name,
                    why,
                })?;
            into.values.insert(property.name, value);
        }
        Ok(())
    }
}

fn read_value(property: &Property, value: &DeValue<'_>) -> Result<Value, String> {
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(truth) => truth.to_string(),
        other => return Err(format!("cannot be a TOML {}", other.type_str())),
    };
    if let Some(name) = text.strip_prefix("env:") {
        return match name {
            "" => Err("names no environment variable behind env:".to_owned()),
            _ => Ok(Value::Env(name.to_owned())),
        };
    }
    if let Some(path) = text.strip_prefix("file:") {
        return absolute(path).map(Value::File);
    }
    match property.kind {
        Kind::Secret => {
            Err("is a secret and may not stand in the file; write \"env:NAME\" or \"file:/path\""
                .to_owned())
        }
        Kind::Path => absolute(&text).map(|_| Value::Text(text)),
        Kind::Url => match Url::parse_list(&text) {
            Ok(_) => Ok(Value::Text(text)),
            Err(error) => Err(error.to_string()),
        },
        Kind::Plain if property.name == "bootstrap.servers" => match Connection::brokers(&text) {
            Ok(_) => Ok(Value::Text(text)),
            Err(error) => Err(format!("is wrong: {error}")),
        },
        Kind::Plain => Ok(Value::Text(text)),
    }
}

fn absolute(path: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(path);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err("needs an absolute path (the server may change its directory)".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::connection::consumer_config;
    use std::io::Write;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn refused(text: &str) -> String {
        let file = file(text);
        Profiles::read(file.path()).unwrap_err().to_string()
    }

    fn cloud(name: &str) -> Connection {
        Connection::Profile(name.to_owned())
    }

    #[test]
    fn a_profile_becomes_a_configuration_and_shows_no_secret() {
        let secret = file("s3cret-of-the-cluster\n");
        let path = secret.path().display();
        let profiles = file(&format!(
            r#"
            [cloud]
            bootstrap.servers = "one:9092,[::1]:9093"
            security.protocol = "SASL_SSL"
            sasl.mechanism = "PLAIN"
            sasl.username = "key"
            sasl.password = "file:{path}"
            socket.timeout.ms = 30_000
            enable.ssl.certificate.verification = true
            schema.registry.url = "https://registry:8081"
            schema.registry.basic.auth.user.info = "file:{path}"
            [other]
            "bootstrap.servers" = "two:9092"
            "#
        ));
        let profiles = Profiles::read(profiles.path()).unwrap();
        assert_eq!(profiles.names().collect::<Vec<_>>(), ["cloud", "other"]);
        let config = consumer_config(&cloud("cloud"), &profiles, "g").unwrap();
        for (name, value) in [
            ("bootstrap.servers", "one:9092,[::1]:9093"),
            ("sasl.password", "s3cret-of-the-cluster"),
            ("socket.timeout.ms", "30000"),
            ("enable.ssl.certificate.verification", "true"),
            ("group.id", "g"),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "error"),
        ] {
            assert_eq!(config.get(name), Some(value), "{name}");
        }
        assert_eq!(config.get("schema.registry.url"), None);
        let profile = profiles.get("cloud").unwrap();
        let info = profile.resolve("cloud", "schema.registry.basic.auth.user.info");
        assert_eq!(info.unwrap().as_deref(), Some("s3cret-of-the-cluster"));
        assert!(!format!("{profiles:?} {config:?}").contains("s3cret"));
    }

    #[test]
    fn secrets_must_be_references_and_are_never_repeated() {
        let error = refused("[c]\nbootstrap.servers = \"h:1\"\nsasl.password = \"hunter2\"");
        assert!(error.contains("line 3") && error.contains("env:NAME"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        let error = refused("[c]\nsasl.password = \"hunter2\" x");
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
        let error = refused("[c]\nschema.registry.url = \"http://u:hunter2@h\"");
        assert!(error.contains("password") && !error.contains("hunter2"), "{error}");
        let error = refused("[c]\nbootstrap.servers = \"u:hunter2@h:1\"");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn wrong_files_name_line_profile_and_property() {
        for (text, words) in [
            ("[c]\nplugin.library.paths = \"/x\"", ["line 2", "'c'", "loads code"]),
            ("[c]\n\nsasl.usrname = \"u\"", ["line 3", "'c'", "'sasl.username'"]),
            ("[c]\nisolation.level = \"x\"", ["line 2", "'c'", "read_committed"]),
            ("[c]\nssl.ca.location = \"ca.pem\"", ["line 2", "'c'", "absolute"]),
            ("[c]\nclient.id = [1]", ["line 2", "'c'", "array"]),
            ("[c]\nsasl.password = \"env:\"", ["line 2", "'c'", "env:"]),
            ("\nclient.id = \"x\"", ["line 2", "table", "[cloud]"]),
            ("[c]\n[c]", ["line 2", "duplicate", ""]),
        ] {
            let error = refused(text);
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
        let missing = Profiles::read("/no/such/file.toml").unwrap_err().to_string();
        assert!(missing.contains("/no/such/file.toml"), "{missing}");
    }

    #[test]
    fn references_that_lead_nowhere_are_named_when_followed() {
        let text = "[cloud]\nbootstrap.servers = \"h:1\"\nsasl.password = \"env:REDIS_KAFKA_UNSET\"\n[r]\n";
        let file = file(text);
        let profiles = Profiles::read(file.path()).unwrap();
        let words = |name| {
            let error = consumer_config(&cloud(name), &profiles, "g").unwrap_err();
            error.to_string()
        };
        assert!(words("cloud").contains("REDIS_KAFKA_UNSET is not set"), "{}", words("cloud"));
        assert!(words("clod").contains("did you mean 'cloud'"), "{}", words("clod"));
        assert!(words("r").contains("bootstrap.servers"), "{}", words("r"));
    }

    #[test]
    fn rereading_sees_what_has_changed() {
        let mut file = file("[a]\n");
        let profiles = Profiles::read(file.path()).unwrap();
        file.write_all(b"[b]\n").unwrap();
        let again = profiles.reread().unwrap();
        assert_eq!(again.names().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(Profiles::empty().reread(), Ok(Profiles::empty()));
    }
}
