//! Fetching what a schema refers to, and what that refers to, within bounds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::{ReferenceAnswer, SchemaAnswer, VersionAnswer};
use super::http::{Http, Reply, Request};
use super::outage::Outage;
use super::wire::SchemaId;
use super::{LookupError, Reference, Schema, SchemaKind};

/// How many references one schema may lead to.
const COUNT_MAX: usize = 256;
/// How many references may lie one behind the other.
const DEPTH_MAX: usize = 32;
/// How many bytes of text the schemas of one look-up may have.
const TEXT_MAX: usize = 16 << 20;

/// What stands for itself in a URL's path (RFC 3986, unreserved).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path of a subject's versions.
pub(super) fn versions_path(subject: &str) -> String {
    format!("/subjects/{}/versions", utf8_percent_encode(subject, PLAIN))
}

/// Why a look-up ends without a schema.
#[derive(Debug)]
pub(super) enum Problem {
    /// No answer: to be waited out.
    Outage(Outage),
    /// The registry answered.
    Final(LookupError),
}

impl From<Outage> for Problem {
    fn from(outage: Outage) -> Self {
        Problem::Outage(outage)
    }
}

type Version = (String, i32);

/// References that are fetched already. Kept when a look-up fails, so that one with more references than
/// fit in its time comes further each time.
#[derive(Debug, Default)]
pub(super) struct Progress {
    schemas: HashMap<Version, Arc<Schema>>,
}

impl Progress {
    pub(super) fn schemas(&self) -> impl Iterator<Item = &Arc<Schema>> {
        self.schemas.values()
    }
}

/// Makes a schema of an answer, with all it refers to.
pub(super) struct Resolver<'a> {
    http: &'a Http,
    deadline: Instant,
    /// What was asked for, for errors.
    what: &'a str,
    progress: &'a mut Progress,
    /// The references that lead here from the schema asked for.
    path: Vec<Version>,
    count: usize,
    /// Text taken so far, that of earlier tries which is kept included.
    bytes: usize,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(
        http: &'a Http,
        deadline: Instant,
        what: &'a str,
        progress: &'a mut Progress,
    ) -> Resolver<'a> {
        let bytes = progress.schemas().map(|schema| schema.text.len()).sum();
        Resolver { http, deadline, what, progress, path: Vec::new(), count: 0, bytes }
    }

    /// The schema of an answer to a question for `id`.
    pub(super) fn schema(&mut self, id: SchemaId, answer: SchemaAnswer) -> Result<Schema, Problem> {
        let kind = match answer.kind.as_deref() {
            None | Some("") => SchemaKind::Avro,
            Some(name) => SchemaKind::parse(name).ok_or_else(|| {
                let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
                self.unusable(format!(
                    "its schemaType is {name}; AVRO, PROTOBUF and JSON are known"
                ))
            })?,
        };
        self.bytes = self.bytes.saturating_add(answer.schema.len());
        if self.bytes > TEXT_MAX {
            return Err(
                self.unusable(format!("with its references it has more than {TEXT_MAX} bytes"))
            );
        }
        let mut references = Vec::new();
        for reference in answer.references.unwrap_or_default() {
            references.push(self.reference(reference)?);
        }
        Ok(Schema { id, kind, text: answer.schema, references })
    }

    fn reference(&mut self, reference: ReferenceAnswer) -> Result<Reference, Problem> {
        self.count += 1;
        if self.count > COUNT_MAX {
            return Err(self.unusable(format!("it leads to more than {COUNT_MAX} references")));
        }
        let ReferenceAnswer { name, subject, version } = reference;
        let version = (subject, version);
        if self.path.contains(&version) {
            return Err(self.cycle(&version));
        }
        if let Some(schema) = self.progress.schemas.get(&version) {
            return Ok(Reference { name, schema: Arc::clone(schema) });
        }
        if self.path.len() >= DEPTH_MAX {
            return Err(self.unusable(format!("its references lie more than {DEPTH_MAX} deep")));
        }
        let schema = Arc::new(self.fetch(&version)?);
        self.progress.schemas.insert(version, Arc::clone(&schema));
        Ok(Reference { name, schema })
    }

    fn fetch(&mut self, version: &Version) -> Result<Schema, Problem> {
        let (subject, number) = version;
        // Deleted versions, too: what refers to one is still read.
        let path = format!("{}/{number}?deleted=true", versions_path(subject));
        let answer: VersionAnswer = match self.http.ask(Request::Get(&path), self.deadline)? {
            Reply::Found(answer) => answer,
            Reply::Refused(refusal) => {
                let why = format!(
                    "it refers to version {number} of subject '{subject}', which the Schema Registry does not know ({})",
                    refusal.words()
                );
                return Err(self.unusable(why));
            }
        };
        self.path.push(version.clone());
        let schema = self.schema(SchemaId::Number(answer.id), answer.schema);
        self.path.pop();
        schema
    }

    fn cycle(&self, (subject, number): &Version) -> Problem {
        self.unusable(format!("version {number} of subject '{subject}' refers to itself"))
    }

    fn unusable(&self, why: String) -> Problem {
        Problem::Final(LookupError::Unusable { what: self.what.to_owned(), why })
    }
}
