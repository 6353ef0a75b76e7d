//! HTTP: health, metrics, the state of subscriptions as JSON, and a status page. It changes nothing.

mod guard;
mod health;
mod listener;
mod page;
mod status;

use crate::control::{Control, Snapshot};
use crate::metrics::{CONTENT_TYPE, Metrics};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::json;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// How long the registry's thread may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it may take before it is thought dead: longer than a Redis that does not answer can
/// hold it.
const PATIENCE_LIVE: Duration = Duration::from_secs(5);

/// Every path there is.
const PATHS: [&str; 6] = [
    "/",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/subscriptions",
    "/subscriptions/{name}/status",
];

/// What all answers are made from.
#[derive(Clone)]
pub struct Site {
    /// Where to ask.
    pub control: Control,
    /// What is measured.
    pub metrics: Metrics,
    /// This process's name among those that share the work.
    pub instance: Arc<str>,
    /// The URL of the Redis that is written to, without password.
    pub redis: Arc<str>,
}

impl Site {
    async fn snapshot(&self) -> Result<Snapshot, Unavailable> {
        self.snapshot_within(PATIENCE).await
    }

    async fn snapshot_within(&self, patience: Duration) -> Result<Snapshot, Unavailable> {
        match timeout(patience, self.control.snapshot()).await {
            Ok(Ok(snapshot)) => Ok(snapshot),
            Ok(Err(ending)) => Err(Unavailable(ending.to_string())),
            Err(_) => Err(Unavailable(format!("no answer within {} s", patience.as_secs()))),
        }
    }
}

/// Why nothing can be said.
struct Unavailable(String);

impl IntoResponse for Unavailable {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": self.0 }))).into_response()
    }
}

/// Serves HTTP; ends only by being dropped.
///
/// # Errors
/// The listener's address is unknown.
pub async fn serve(listener: TcpListener, site: Site) -> io::Result<()> {
    let reach = guard::Reach::of(listener.local_addr()?);
    let router = Router::new()
        .route("/", get(page::page))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics))
        .route("/subscriptions", get(subscriptions))
        .route("/subscriptions/{name}/status", get(subscription))
        .fallback(not_found)
        .method_not_allowed_fallback(only_get)
        .layer(middleware::from_fn_with_state(reach, guard::guard))
        .with_state(site);
    axum::serve(listener::Bounded::new(listener), router).await
}

async fn metrics(State(site): State<Site>) -> Result<Response, Unavailable> {
    let snapshot = site.snapshot().await?;
    let text = site.metrics.text(&snapshot).map_err(|error| Unavailable(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

async fn subscriptions(State(site): State<Site>) -> Result<Response, Unavailable> {
    let snapshot = site.snapshot().await?;
    Ok(Json(status::overview(&site, &snapshot)).into_response())
}

async fn subscription(
    State(site): State<Site>,
    Path(name): Path<String>,
) -> Result<Response, Unavailable> {
    let snapshot = site.snapshot().await?;
    match snapshot.subscriptions.iter().find(|report| report.name == name) {
        Some(report) => Ok(Json(status::status(report, &site.instance)).into_response()),
        None => {
            let names: Vec<_> = snapshot.subscriptions.iter().map(|one| &one.name).collect();
            let body =
                json!({ "error": format!("no subscription '{name}'"), "subscriptions": names });
            Ok((StatusCode::NOT_FOUND, Json(body)).into_response())
        }
    }
}

async fn not_found(uri: Uri) -> Response {
    let error = format!("nothing is at {}", uri.path());
    (StatusCode::NOT_FOUND, Json(json!({ "error": error, "paths": PATHS }))).into_response()
}

async fn only_get() -> Response {
    let error = "only GET and HEAD: commands are given on the command port";
    (StatusCode::METHOD_NOT_ALLOWED, Json(json!({ "error": error }))).into_response()
}
