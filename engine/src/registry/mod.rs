//! The Schema Registry: how records name their schemas ([`wire`]), and where these are fetched
//! ([`Client`]).
//!
//! The REST API is Confluent's, which Karapace, Apicurio (`/apis/ccompat/v7`) and Redpanda speak too:
//! <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>.

mod answer;
mod client;
mod config;
mod http;
mod login;
mod outage;
mod references;
mod verdict;
pub mod wire;

use std::sync::Arc;
use std::time::Duration;

pub use client::Client;
pub use config::{
    Auth, Config, Identity, Secret, Timeouts, Tls, URLS_MAX, Url, UrlError, Verification,
};
pub use login::ConfigError;
pub use outage::Cause;
pub use wire::SchemaId;

/// The language a schema is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaKind {
    /// Avro's JSON.
    Avro,
    /// A `.proto` file's text.
    Protobuf,
    /// A JSON Schema.
    Json,
}

impl SchemaKind {
    /// The registry's name of it (`schemaType`).
    pub fn name(self) -> &'static str {
        match self {
            SchemaKind::Avro => "AVRO",
            SchemaKind::Protobuf => "PROTOBUF",
            SchemaKind::Json => "JSON",
        }
    }

    /// The kind of that `schemaType`, in any case.
    pub fn parse(name: &str) -> Option<SchemaKind> {
        [SchemaKind::Avro, SchemaKind::Protobuf, SchemaKind::Json]
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// A schema of the registry, never changed once it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// What it was asked for by; a number where it came as a reference or as a subject's latest.
    pub id: SchemaId,
    /// Its language.
    pub kind: SchemaKind,
    /// Its text.
    pub text: String,
    /// The other schemas that the text names.
    pub references: Vec<Reference>,
}

/// A schema that another one names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// How the text names it: Avro's full name, Protobuf's import path, JSON Schema's URL.
    pub name: String,
    /// The schema. One that is reached by two ways is the same [`Arc`].
    pub schema: Arc<Schema>,
}

/// Why there is no schema. Never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The registry does not know it: an error of the record.
    #[error("{what} is unknown to the Schema Registry ({answer})")]
    Unknown {
        /// What was asked for.
        what: String,
        /// The registry's words.
        answer: String,
    },
    /// The registry has it, but it cannot be used: an error of the record.
    #[error("{what} of the Schema Registry cannot be used: {why}")]
    Unusable {
        /// What was asked for.
        what: String,
        /// The reason.
        why: String,
    },
    /// The registry does not take what was to be registered.
    #[error("the Schema Registry refuses {what}: {answer}")]
    Refused {
        /// What was to be registered.
        what: String,
        /// The registry's words.
        answer: String,
    },
    /// The registry does not answer as it should: to be waited for, never an error of the record.
    #[error("{reason}")]
    Unavailable {
        /// What kind of failure.
        cause: Cause,
        /// What happened, with the URL.
        reason: String,
        /// What a person can check.
        action: String,
        /// Until then every call gives this same error without asking.
        retry_after: Duration,
    },
}
