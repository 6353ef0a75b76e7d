//! Is it alive, is it of use?

use super::{PATIENCE_LIVE, Site, Unavailable};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use redis_kafka_engine::state::State as Doing;
use serde::Serialize;

/// The body of `/health/ready`.
#[derive(Debug, Serialize)]
struct Ready {
    ready: bool,
    /// Why it is not.
    reasons: Vec<String>,
    /// Why subscriptions stand by here; null when they do not.
    standby: Option<String>,
    /// Subscriptions that need a person. No reason to be taken out of service: a restart would not
    /// help them.
    stopped: Vec<String>,
}

/// 200 while the registry's thread answers.
pub async fn live(State(site): State<Site>) -> Result<Response, Unavailable> {
    site.snapshot_within(PATIENCE_LIVE).await?;
    Ok(Json(serde_json::json!({ "live": true })).into_response())
}

/// 200 while Redis can be used.
pub async fn ready(State(site): State<Site>) -> Result<Response, Unavailable> {
    let snapshot = site.snapshot().await?;
    let stopped = snapshot.subscriptions.iter().filter(|one| one.status.state == Doing::Stopped);
    let body = Ready {
        ready: snapshot.redis.is_none(),
        stopped: stopped.map(|one| one.name.clone()).collect(),
        reasons: snapshot.redis.into_iter().collect(),
        standby: snapshot.standby,
    };
    let code = if body.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((code, Json(body)).into_response())
}
