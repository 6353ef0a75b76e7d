//! What the registry holds.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

use super::http::Response;

/// The language of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Avro,
    Protobuf,
    Json,
}

impl Kind {
    fn parse(name: &str) -> Option<Kind> {
        match name {
            "AVRO" => Some(Kind::Avro),
            "PROTOBUF" => Some(Kind::Protobuf),
            "JSON" => Some(Kind::Json),
            _ => None,
        }
    }
}

/// A reference to another schema: how the text names it, and where it is. -1 is the latest version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    pub name: String,
    pub subject: String,
    pub version: i32,
}

impl Link {
    pub fn new(name: &str, subject: &str, version: i32) -> Link {
        Link { name: name.to_owned(), subject: subject.to_owned(), version }
    }
}

/// A registry's "no": its HTTP status and code.
#[derive(Debug)]
pub(super) struct Refusal {
    code: u32,
    message: String,
}

impl Refusal {
    pub(super) fn new(code: u32, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into() }
    }

    pub(super) fn response(&self) -> Response {
        // Its own codes are the status and two digits.
        let status = if self.code < 1000 { self.code } else { self.code / 100 };
        let body = json!({"error_code": self.code, "message": self.message});
        Response::json(u16::try_from(status).expect("an HTTP status"), &body)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Schema {
    kind: Kind,
    text: String,
    references: Vec<Link>,
}

impl Schema {
    /// Not the registry's own digest, but as unique and as lasting.
    fn guid(&self) -> [u8; 16] {
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, self).hash(&mut hasher);
            hasher.finish()
        };
        (u128::from(half(0)) << 64 | u128::from(half(1))).to_be_bytes()
    }

    /// As the API shows it: the type is left out for Avro, references where there are none.
    fn shown(&self) -> Value {
        let mut shown = json!({"schema": self.text, "guid": guid_text(self.guid())});
        match self.kind {
            Kind::Avro => {}
            Kind::Protobuf => shown["schemaType"] = json!("PROTOBUF"),
            Kind::Json => shown["schemaType"] = json!("JSON"),
        }
        if !self.references.is_empty() {
            let links = self.references.iter().map(
                |link| json!({"name": link.name, "subject": link.subject, "version": link.version}),
            );
            shown["references"] = links.collect();
        }
        shown
    }
}

fn guid_text(guid: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(guid));
    let part = |range| digits.get(range).expect("32 digits");
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

/// Schemas by id, and the ids of subjects' versions.
#[derive(Default)]
pub(super) struct Store {
    schemas: BTreeMap<u32, Schema>,
    subjects: BTreeMap<String, BTreeMap<u32, u32>>,
}

impl Store {
    pub(super) fn register(
        &mut self,
        subject: &str,
        kind: Kind,
        text: &str,
        references: &[Link],
    ) -> Result<u32, Refusal> {
        let is_json = serde_json::from_str::<Value>(text).is_ok();
        if text.trim().is_empty() || (kind != Kind::Protobuf && !is_json) {
            return Err(Refusal::new(42201, format!("Invalid schema {text}")));
        }
        for link in references {
            if self.version(&link.subject, &link.version.to_string()).is_err() {
                let why = format!("Invalid schema {text}: no schema reference found for {link:?}");
                return Err(Refusal::new(42201, why));
            }
        }
        let schema = Schema { kind, text: text.to_owned(), references: references.to_vec() };
        let known = self.schemas.iter().find(|(_, known)| **known == schema).map(|(id, _)| *id);
        let id = known.unwrap_or_else(|| 1 + self.schemas.keys().max().copied().unwrap_or(0));
        self.schemas.insert(id, schema);
        let versions = self.subjects.entry(subject.to_owned()).or_default();
        if !versions.values().any(|known| *known == id) {
            let next = 1 + versions.keys().max().copied().unwrap_or(0);
            versions.insert(next, id);
        }
        Ok(id)
    }

    pub(super) fn put(
        &mut self,
        id: u32,
        subject: &str,
        version: u32,
        text: &str,
        references: &[Link],
    ) {
        let (text, references) = (text.to_owned(), references.to_vec());
        self.schemas.insert(id, Schema { kind: Kind::Avro, text, references });
        self.subjects.entry(subject.to_owned()).or_default().insert(version, id);
    }

    pub(super) fn guid(&self, id: u32) -> Option<[u8; 16]> {
        self.schemas.get(&id).map(Schema::guid)
    }

    /// `GET /subjects`
    pub(super) fn subjects(&self) -> Value {
        self.subjects.keys().cloned().collect()
    }

    /// `GET /subjects/{subject}/versions`
    pub(super) fn versions(&self, subject: &str) -> Result<Value, Refusal> {
        Ok(self.subject(subject)?.keys().copied().collect())
    }

    /// `GET /subjects/{subject}/versions/{n|latest|-1}`
    pub(super) fn version(&self, subject: &str, version: &str) -> Result<Value, Refusal> {
        let versions = self.subject(subject)?;
        let number = match version {
            "latest" | "-1" => *versions.keys().max().expect("a subject has a version"),
            _ => version.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
                let why = "is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"";
                Refusal::new(42202, format!("The specified version '{version}' {why}"))
            })?,
        };
        let id = *versions
            .get(&number)
            .ok_or_else(|| Refusal::new(40402, format!("Version {number} not found.")))?;
        let mut shown = self.by_id(id)?;
        shown["subject"] = json!(subject);
        shown["version"] = json!(number);
        shown["id"] = json!(id);
        Ok(shown)
    }

    fn subject(&self, subject: &str) -> Result<&BTreeMap<u32, u32>, Refusal> {
        self.subjects
            .get(subject)
            .ok_or_else(|| Refusal::new(40401, format!("Subject '{subject}' not found.")))
    }

    /// `GET /schemas/ids/{id}`
    pub(super) fn by_id(&self, id: u32) -> Result<Value, Refusal> {
        let schema = self.schemas.get(&id);
        schema
            .map(Schema::shown)
            .ok_or_else(|| Refusal::new(40403, format!("Schema {id} not found")))
    }

    /// `GET /schemas/guids/{guid}`
    pub(super) fn by_guid(&self, guid: &str) -> Result<Value, Refusal> {
        let found = self.schemas.values().find(|schema| guid_text(schema.guid()) == guid);
        found
            .map(Schema::shown)
            .ok_or_else(|| Refusal::new(40403, format!("Schema {guid} not found")))
    }

    /// `POST /subjects/{subject}/versions`
    pub(super) fn post(&mut self, subject: &str, body: &[u8]) -> Result<Value, Refusal> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| Refusal::new(400, format!("Malformed JSON: {error}")))?;
        let kind = body["schemaType"].as_str().unwrap_or("AVRO");
        let kind = Kind::parse(kind)
            .ok_or_else(|| Refusal::new(42201, format!("Invalid schema type {kind}")))?;
        let text = body["schema"].as_str().unwrap_or_default();
        let none = Vec::new();
        let links = body["references"].as_array().unwrap_or(&none).iter().map(|link| {
            let version = link["version"].as_i64().and_then(|version| version.try_into().ok());
            Some(Link::new(link["name"].as_str()?, link["subject"].as_str()?, version?))
        });
        let links: Option<Vec<Link>> = links.collect();
        let links = links.ok_or_else(|| Refusal::new(42201, "Invalid schema: references"))?;
        let id = self.register(subject, kind, text, &links)?;
        Ok(json!({"id": id}))
    }
}
