//! What an answer other than the wanted one, or none at all, means.

use std::io;
use std::time::Duration;

use ureq::http::header::{AsHeaderName, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use ureq::http::{Response, StatusCode};
use ureq::{Body, Error, Timeout};

use super::answer::ErrorAnswer;
use super::config::Url;
use super::outage::{Cause, Outage};

/// The largest refusal read, in bytes.
const REFUSAL_MAX: u64 = 64 << 10;
/// How much of a stranger's words an error repeats, in characters.
const SHOWN_MAX: usize = 200;
/// The codes of a registry begin here: an HTTP status and two digits.
const CODES: i64 = 40_000;

const CHECK_RUNNING: &str = "check that the Schema Registry runs and that its URL is right";
const CHECK_URL: &str = "check the URL of the Schema Registry: http or https, port and path";
const CHECK_TLS: &str = "check http or https, the port, and the certificates: schema.registry.ssl.ca.location names those to trust";
const SET_CREDENTIALS: &str = "set schema.registry.basic.auth.user.info (user:password) or schema.registry.bearer.auth.token in a profile and name the profile behind REGISTRY";
const GRANT: &str = "let the Schema Registry's user read schemas and subjects";
const SEE_LOG: &str = "it is asked again by itself; see the Schema Registry's log";

/// Whether requests carry credentials, which decides what a 401 means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Nothing,
    Credentials,
}

/// The registry's own "no" to a request that it understood.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    code: i64,
    message: String,
}

impl Refusal {
    /// Its code and message on one line.
    pub(super) fn words(&self) -> String {
        format!("{} {}", self.code, self.message)
    }
}

/// What an answer other than 2xx means: the registry's decision, or that there is no registry to ask.
pub(super) fn refusal(
    url: &Url,
    mut response: Response<Body>,
    sent: Sent,
) -> Result<Refusal, Outage> {
    let status = response.status();
    let body =
        response.body_mut().with_config().limit(REFUSAL_MAX).read_to_vec().unwrap_or_default();
    let error: Option<ErrorAnswer> = serde_json::from_slice(&body).ok();
    let words = match &error {
        Some(error) => {
            format!("HTTP {}, {} {}", status.as_u16(), error.error_code, shown(&error.message))
        }
        None => format!("HTTP {}", status.as_u16()),
    };
    let outage = |cause, what: &str, action: &str| {
        let reason = format!("the Schema Registry at {url} {what} ({words})");
        Outage { asked_wait: asked_wait(&response), ..Outage::new(cause, reason, action) }
    };
    Err(match (status, error) {
        (StatusCode::UNAUTHORIZED, _) => {
            let what = match sent {
                Sent::Nothing => "asks for credentials",
                Sent::Credentials => "refuses the credentials",
            };
            outage(Cause::Credentials, what, SET_CREDENTIALS)
        }
        (StatusCode::FORBIDDEN, _) => outage(Cause::Credentials, "denies access", GRANT),
        (StatusCode::TOO_MANY_REQUESTS, _) => {
            outage(Cause::Server, "has had too many requests", SEE_LOG)
        }
        (status, _) if status.is_server_error() => outage(Cause::Server, "cannot answer", SEE_LOG),
        (status, _) if status.is_redirection() => redirected(url, &response),
        (StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY, Some(error)) => {
            return Ok(decision(status, error));
        }
        // 404 without a code of its own is a path that the registry does not have.
        (StatusCode::NOT_FOUND, Some(error)) if error.error_code > CODES => {
            return Ok(decision(status, error));
        }
        _ => stranger(url, &response, &body, &words),
    })
}

fn decision(status: StatusCode, error: ErrorAnswer) -> Refusal {
    Refusal { status, code: error.error_code, message: shown(&error.message) }
}

/// The wait that a registry asks for, in whole seconds; a date is not understood.
fn asked_wait(response: &Response<Body>) -> Option<Duration> {
    header(response, RETRY_AFTER)?.parse().ok().map(Duration::from_secs)
}

fn redirected(url: &Url, response: &Response<Body>) -> Outage {
    // The query of a login page's URL may hold a token.
    let place = header(response, LOCATION).unwrap_or("nowhere");
    let place = shown(place.split(['?', '#']).next().unwrap_or_default());
    Outage::new(
        Cause::Answer,
        format!(
            "{url} redirects to {place}, which is not followed (HTTP {})",
            response.status().as_u16()
        ),
        "set the URL to where the Schema Registry itself is",
    )
}

/// What answers is no Schema Registry: says what it looks like. `why` is the parser's or the status.
pub(super) fn stranger(url: &Url, response: &Response<Body>, body: &[u8], why: &str) -> Outage {
    let begin = String::from_utf8_lossy(body.get(..4 * SHOWN_MAX).unwrap_or(body)).into_owned();
    let begin = begin.trim_start();
    let kind = header(response, CONTENT_TYPE).unwrap_or("no content type");
    let what = if begin.starts_with('<') { "a web page" } else { "an answer" };
    let begin = shown(begin.get(..begin.floor_char_boundary(80)).unwrap_or_default());
    Outage::new(
        Cause::Answer,
        format!(
            "{url} gives {what} that is not a Schema Registry's ({}; {}): {begin}",
            shown(kind),
            shown(why)
        ),
        CHECK_URL,
    )
}

/// What it means that a request failed without an answer.
pub(super) fn failure(url: &Url, error: &Error) -> Outage {
    let (cause, what, action) = match error {
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            (Cause::Connection, "no connection in time".to_owned(), CHECK_RUNNING)
        }
        // Without the milliseconds: they differ each time, and a state lasts while its reason does.
        Error::Timeout(_) => (Cause::Timeout, "no answer in time".to_owned(), CHECK_RUNNING),
        Error::HostNotFound => (Cause::Connection, "no such host".to_owned(), CHECK_RUNNING),
        Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            (Cause::Connection, "closed the connection".to_owned(), CHECK_URL)
        }
        Error::Io(error) => (Cause::Connection, shown(&error.to_string()), CHECK_RUNNING),
        Error::NativeTls(error) => (Cause::Connection, shown(&error.to_string()), CHECK_TLS),
        Error::BodyExceedsLimit(limit) => {
            (Cause::Answer, format!("an answer of more than {limit} bytes"), CHECK_URL)
        }
        other => (Cause::Answer, shown(&other.to_string()), CHECK_URL),
    };
    Outage::new(cause, format!("the Schema Registry at {url}: {what}"), action)
}

fn header(response: &Response<Body>, name: impl AsHeaderName) -> Option<&str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// A stranger's words on one line, bounded.
fn shown(words: &str) -> String {
    let line = words.chars().map(|char| if char.is_control() { ' ' } else { char });
    line.take(SHOWN_MAX).collect()
}
