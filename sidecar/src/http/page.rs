//! The status page: one document without anything from elsewhere. Its script shows what
//! `/subscriptions` says, every second, as text only: what stands in records never becomes markup.

use axum::http::{HeaderName, header};
use axum::response::Html;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const FRAME: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The document, and what it may load and run: its own style and script, known by their hashes.
static PAGE: LazyLock<(String, String)> = LazyLock::new(|| {
    let page = FRAME.replace("/*style*/", STYLE).replace("/*script*/", SCRIPT);
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    (page, policy)
});

fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// The page.
pub async fn page() -> ([(HeaderName, &'static str); 1], Html<&'static str>) {
    let (page, policy) = &*PAGE;
    ([(header::CONTENT_SECURITY_POLICY, policy.as_str())], Html(page.as_str()))
}
