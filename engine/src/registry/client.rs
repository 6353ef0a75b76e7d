//! The client: caches, one question at a time, and patience.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use ureq::http::StatusCode;

use super::answer::{RegisterAnswer, RegisterBody, SchemaAnswer, VersionAnswer};
use super::config::{Config, Timeouts};
use super::http::{Http, Reply, Request};
use super::login::ConfigError;
use super::outage::{Backoff, Cause, Outage, Unknown};
use super::references::{Problem, Progress, Resolver, versions_path};
use super::wire::SchemaId;
use super::{LookupError, Schema, SchemaKind};

/// A registry's client, to be shared by threads behind an [`Arc`].
///
/// Schemas are kept for ever under their id. One question is asked at a time; the others wait for its
/// answer, which often is theirs. After a failure all calls get the same error at once until its wait is
/// over. A call takes at most [`Timeouts::call`].
pub struct Client {
    http: Http,
    timeouts: Timeouts,
    known: RwLock<HashMap<SchemaId, Arc<Schema>>>,
    unknown: Mutex<Unknown>,
    backoff: Mutex<Backoff>,
    /// Held while the registry is asked.
    asking: Mutex<Progress>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("urls", &self.http.urls()).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that has asked nothing yet.
    pub fn new(config: &Config) -> Result<Client, ConfigError> {
        Ok(Client {
            http: Http::new(config)?,
            timeouts: config.timeouts,
            known: RwLock::default(),
            unknown: Mutex::default(),
            backoff: Mutex::default(),
            asking: Mutex::default(),
        })
    }

    /// The schema of this id with all it refers to, from the cache or the registry.
    ///
    /// An id that the registry does not know is not asked for again for [`Timeouts::unknown`].
    pub fn schema(&self, id: &SchemaId) -> Result<Arc<Schema>, LookupError> {
        if let Some(answer) = self.remembered(id) {
            return answer;
        }
        let what = match id {
            SchemaId::Number(number) => format!("schema id {number}"),
            SchemaId::Guid(_) => format!("schema GUID {id}"),
        };
        let found = self.ask(self.timeouts.call, |progress, deadline| {
            // Another thread may have asked for the same while this one waited.
            if let Some(answer) = self.remembered(id) {
                return answer.map_err(Problem::Final);
            }
            let path = match id {
                SchemaId::Number(number) => format!("/schemas/ids/{number}"),
                SchemaId::Guid(_) => format!("/schemas/guids/{id}"),
            };
            let answer = self.http.ask(Request::Get(&path), deadline);
            let answer: SchemaAnswer = match answer.map_err(|outage| hint(id, outage))? {
                Reply::Found(answer) => answer,
                Reply::Refused(refusal) => {
                    let answer = refusal.words();
                    let what = what.clone();
                    return Err(Problem::Final(LookupError::Unknown { what, answer }));
                }
            };
            let schema =
                Resolver::new(&self.http, deadline, &what, progress).schema(*id, answer)?;
            Ok(self.keep(schema, progress))
        });
        if let Err(error @ (LookupError::Unknown { .. } | LookupError::Unusable { .. })) = &found {
            let (now, kept) = (Instant::now(), self.timeouts.unknown);
            self.unknown.lock().insert(*id, error.clone(), now, kept);
        }
        found
    }

    /// The newest schema of a subject, asked for each time; None when there is no such subject.
    pub fn latest(&self, subject: &str) -> Result<Option<Arc<Schema>>, LookupError> {
        self.latest_within(subject, self.timeouts.call)
    }

    /// The same in less time, for who can do without.
    pub fn latest_within(
        &self,
        subject: &str,
        limit: Duration,
    ) -> Result<Option<Arc<Schema>>, LookupError> {
        let what = format!("subject '{subject}'");
        self.ask(limit.min(self.timeouts.call), |progress, deadline| {
            let path = format!("{}/latest", versions_path(subject));
            let answer: VersionAnswer = match self.http.ask(Request::Get(&path), deadline)? {
                Reply::Found(answer) => answer,
                Reply::Refused(refusal) if refusal.status == StatusCode::NOT_FOUND => {
                    return Ok(None);
                }
                Reply::Refused(refusal) => {
                    let (what, why) = (what.clone(), refusal.words());
                    return Err(Problem::Final(LookupError::Unusable { what, why }));
                }
            };
            let id = SchemaId::Number(answer.id);
            if let Some(schema) = self.cached(&id) {
                return Ok(Some(schema));
            }
            let mut resolver = Resolver::new(&self.http, deadline, &what, progress);
            let schema = resolver.schema(id, answer.schema)?;
            Ok(Some(self.keep(schema, progress)))
        })
    }

    /// Registers a schema without references under a subject and gives its id; registering the same again
    /// gives the same id.
    pub fn register(
        &self,
        subject: &str,
        kind: SchemaKind,
        text: &str,
    ) -> Result<u32, LookupError> {
        let what = format!("a schema for subject '{subject}'");
        let refused = |answer| Problem::Final(LookupError::Refused { what: what.clone(), answer });
        self.ask(self.timeouts.call, |_, deadline| {
            let body = serde_json::to_vec(&RegisterBody { schema: text, kind: kind.name() })
                .map_err(|error| refused(error.to_string()))?;
            let path = versions_path(subject);
            match self.http.ask::<RegisterAnswer>(Request::Post(&path, &body), deadline)? {
                Reply::Found(answer) => {
                    // Whoever registers an id will use it, however short ago it was unknown.
                    self.unknown.lock().remove(&SchemaId::Number(answer.id));
                    Ok(answer.id)
                }
                Reply::Refused(refusal) => Err(refused(refusal.words())),
            }
        })
    }

    fn cached(&self, id: &SchemaId) -> Option<Arc<Schema>> {
        self.known.read().get(id).cloned()
    }

    /// What is known of an id without asking.
    fn remembered(&self, id: &SchemaId) -> Option<Result<Arc<Schema>, LookupError>> {
        match self.cached(id) {
            Some(schema) => Some(Ok(schema)),
            None => self.unknown.lock().get(id, Instant::now()).map(Err),
        }
    }

    /// Caches a schema and what it refers to.
    fn keep(&self, schema: Schema, progress: &Progress) -> Arc<Schema> {
        let mut known = self.known.write();
        for reference in progress.schemas() {
            known.entry(reference.id).or_insert_with(|| Arc::clone(reference));
        }
        Arc::clone(known.entry(schema.id).or_insert_with(|| Arc::new(schema)))
    }

    /// Runs a question with its deadline, unless a failure is waited out; notes how it ends.
    fn ask<T>(
        &self,
        limit: Duration,
        question: impl FnOnce(&mut Progress, Instant) -> Result<T, Problem>,
    ) -> Result<T, LookupError> {
        self.blocked()?;
        let start = Instant::now();
        // Whoever waits longer has too little time left for a question of its own.
        let Some(mut progress) = self.asking.try_lock_until(start + limit / 2) else {
            return Err(self.busy());
        };
        self.blocked()?;
        let answer = question(&mut progress, start + limit);
        if !matches!(answer, Err(Problem::Outage(_))) {
            *progress = Progress::default();
            self.backoff.lock().succeeded();
        }
        answer.map_err(|problem| match problem {
            Problem::Final(error) => error,
            Problem::Outage(outage) => {
                let (now, jitter) = (Instant::now(), fastrand::f64());
                self.backoff.lock().failed(outage, now, jitter, &self.timeouts)
            }
        })
    }

    fn blocked(&self) -> Result<(), LookupError> {
        self.backoff.lock().blocks(Instant::now()).map_or(Ok(()), Err)
    }

    fn busy(&self) -> LookupError {
        let urls: Vec<&str> = self.http.urls().iter().map(super::Url::as_str).collect();
        let reason = format!("the Schema Registry at {} is slow", urls.join(","));
        Outage::new(Cause::Timeout, reason, "see the Schema Registry's load and log")
            .error(self.timeouts.first_wait)
    }
}

/// A registry that knows no GUIDs answers as one that has no such path.
fn hint(id: &SchemaId, mut outage: Outage) -> Outage {
    if matches!((id, outage.cause), (SchemaId::Guid(_), Cause::Answer)) {
        outage.action.push_str("; registries before Confluent Platform 8.0 have no schema GUIDs");
    }
    outage
}
