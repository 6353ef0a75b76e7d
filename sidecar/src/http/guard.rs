//! What every request and every answer has to be like.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;
use std::net::{IpAddr, SocketAddr};

/// Who can reach this port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This machine only.
    Local,
    /// Other machines, under names unknown here.
    Public,
}

impl Reach {
    /// Of a port that listens here.
    pub fn of(address: SocketAddr) -> Reach {
        if address.ip().is_loopback() { Reach::Local } else { Reach::Public }
    }
}

/// Refuses what a web page of another site asks by a name of its own that leads to this machine
/// (DNS rebinding); tells browsers what they may do with the answer.
pub async fn guard(State(reach): State<Reach>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let is_own = host.is_none_or(|host| host.to_str().is_ok_and(is_local));
    let mut response = match (reach, is_own) {
        (Reach::Local, false) => refuse(),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn refuse() -> Response {
    let error =
        "this port serves its own machine: ask for localhost, or give --http another address";
    (StatusCode::MISDIRECTED_REQUEST, Json(json!({ "error": error }))).into_response()
}

/// Whether a Host header names this machine, with or without a port.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_names_of_this_machine_are_its_own() {
        for own in
            ["localhost", "LOCALHOST:8390", "127.0.0.1:1", "127.8.0.1", "[::1]:8390", "a.localhost"]
        {
            assert!(is_local(own), "{own}");
        }
        for foreign in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1:8390",
            "",
            "[::2]",
            "127.0.0.1.evil.example",
        ] {
            assert!(!is_local(foreign), "{foreign}");
        }
    }
}
