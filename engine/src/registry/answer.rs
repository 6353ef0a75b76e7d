//! What the registry's answers hold, as far as we read it.

use serde::{Deserialize, Serialize};

/// `GET /schemas/ids/{id}` and `GET /schemas/guids/{guid}`.
#[derive(Debug, Deserialize)]
pub(super) struct SchemaAnswer {
    pub(super) schema: String,
    /// Absent for Avro.
    #[serde(rename = "schemaType")]
    pub(super) kind: Option<String>,
    pub(super) references: Option<Vec<ReferenceAnswer>>,
}

/// `GET /subjects/{subject}/versions/{version}`.
#[derive(Debug, Deserialize)]
pub(super) struct VersionAnswer {
    pub(super) id: u32,
    #[serde(flatten)]
    pub(super) schema: SchemaAnswer,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReferenceAnswer {
    pub(super) name: String,
    pub(super) subject: String,
    /// -1 is the latest.
    pub(super) version: i32,
}

/// The body of `POST /subjects/{subject}/versions`.
#[derive(Debug, Serialize)]
pub(super) struct RegisterBody<'a> {
    pub(super) schema: &'a str,
    #[serde(rename = "schemaType")]
    pub(super) kind: &'static str,
}

/// The answer to it.
#[derive(Debug, Deserialize)]
pub(super) struct RegisterAnswer {
    pub(super) id: u32,
}

/// The body of every refusal.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorAnswer {
    pub(super) error_code: i64,
    #[serde(default)]
    pub(super) message: String,
}
