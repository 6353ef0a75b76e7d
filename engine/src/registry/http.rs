//! Requests to the registry's URLs, in turn.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::http::header::{ACCEPT, CONTENT_TYPE};
use ureq::http::{HeaderName, HeaderValue};

use super::config::{Auth, Config, Url};
use super::login::{ConfigError, credentials, tls_config};
use super::outage::{Cause, Outage};
use super::verdict::{Refusal, Sent, failure, refusal, stranger};

/// The largest answer taken, in bytes.
const ANSWER_MAX: u64 = 8 << 20;
const CONTENT: HeaderValue = HeaderValue::from_static("application/vnd.schemaregistry.v1+json");
const ACCEPTED: HeaderValue = HeaderValue::from_static(
    "application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json, application/json",
);

/// An answer of a registry.
#[derive(Debug)]
pub(super) enum Reply<T> {
    Found(T),
    Refused(Refusal),
}

/// What to ask; a path begins with `/`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request<'a> {
    Get(&'a str),
    Post(&'a str, &'a [u8]),
}

/// The registry's URLs and how to ask them.
pub(super) struct Http {
    urls: Vec<Url>,
    agent: Agent,
    headers: Vec<(HeaderName, HeaderValue)>,
    sent: Sent,
    connect: Duration,
    /// The URL that answered last.
    preferred: AtomicUsize,
}

impl Http {
    pub(super) fn new(config: &Config) -> Result<Http, ConfigError> {
        if config.urls.is_empty() {
            return Err(ConfigError::NoUrl);
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("redis-kafka/", env!("CARGO_PKG_VERSION")))
            // Whom we ask follows from the profile alone, not from the server's environment.
            .proxy(None)
            .tls_config(tls_config(&config.tls)?)
            .build()
            .new_agent();
        let mut headers = credentials(&config.auth)?;
        headers.push((ACCEPT, ACCEPTED));
        Ok(Http {
            urls: config.urls.clone(),
            agent,
            headers,
            sent: if config.auth == Auth::None { Sent::Nothing } else { Sent::Credentials },
            connect: config.timeouts.connect,
            preferred: AtomicUsize::new(0),
        })
    }

    pub(super) fn urls(&self) -> &[Url] {
        &self.urls
    }

    /// Asks one URL after the other until one answers as a registry, at most until the deadline.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        request: Request<'_>,
        deadline: Instant,
    ) -> Result<Reply<T>, Outage> {
        let first = self.preferred.load(Ordering::Relaxed);
        let count = self.urls.len();
        let mut earlier: Option<Outage> = None;
        for turn in 0..count {
            let at = (first + turn) % count;
            let Some(url) = self.urls.get(at) else { continue };
            let remaining = deadline.saturating_duration_since(Instant::now());
            // One URL that hangs leaves time for the others.
            let share = remaining / u32::try_from(count - turn).unwrap_or(u32::MAX);
            let mut outage = match self.ask_one(url, request, share) {
                Ok(reply) => {
                    self.preferred.store(at, Ordering::Relaxed);
                    return Ok(reply);
                }
                Err(outage) => outage,
            };
            if let Some(earlier) = earlier {
                outage.reason = format!("{}; {}", earlier.reason, outage.reason);
            }
            if outage.cause == Cause::Credentials {
                return Err(outage);
            }
            earlier = Some(outage);
        }
        Err(earlier.unwrap_or_else(|| Outage::new(Cause::Timeout, "no URL was asked", "")))
    }

    fn ask_one<T: DeserializeOwned>(
        &self,
        url: &Url,
        request: Request<'_>,
        share: Duration,
    ) -> Result<Reply<T>, Outage> {
        let mut response = self.send(url, request, share)?;
        if !response.status().is_success() {
            return refusal(url, response, self.sent).map(Reply::Refused);
        }
        let body = response.body_mut().with_config().limit(ANSWER_MAX).read_to_vec();
        let body = body.map_err(|error| failure(url, &error))?;
        match serde_json::from_slice(&body) {
            Ok(found) => Ok(Reply::Found(found)),
            Err(error) => Err(stranger(url, &response, &body, &error.to_string())),
        }
    }

    fn send(
        &self,
        url: &Url,
        request: Request<'_>,
        share: Duration,
    ) -> Result<ureq::http::Response<ureq::Body>, Outage> {
        let connect = self.connect.min(share);
        let response = match request {
            Request::Get(path) => {
                let mut get = self.agent.get(format!("{url}{path}"));
                for (name, value) in &self.headers {
                    get = get.header(name, value);
                }
                let get = get.config().timeout_global(Some(share)).timeout_connect(Some(connect));
                get.build().call()
            }
            Request::Post(path, body) => {
                let mut post = self.agent.post(format!("{url}{path}"));
                for (name, value) in &self.headers {
                    post = post.header(name, value);
                }
                let post = post.header(CONTENT_TYPE, CONTENT);
                let post = post.config().timeout_global(Some(share)).timeout_connect(Some(connect));
                post.build().send(body)
            }
        };
        response.map_err(|error| failure(url, &error))
    }
}
