//! The nonces that proofs of devices are made with, on their way to the wallet's pages.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use crate::app::App;
use crate::device_proof::{NONCE, NONCE_COOKIE, append};

/// Each answer of the wallet's API brings the nonce for the next request; each page the one for its first.
pub fn with_nonces<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    app: &Arc<App>,
) -> Router<S> {
    router.layer(from_fn_with_state(Arc::clone(app), bring_nonce))
}

async fn bring_nonce(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let has = held_nonce(request.headers());
    let mut response = next.run(request).await;
    let nonce = app.identity.device_proofs.nonce(app.outside.now());
    let headers = response.headers_mut();
    let is_page =
        (headers.get(CONTENT_TYPE)).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_api {
        put_nonce(&nonce, headers);
    } else if is_page && has.as_deref() != Some(&nonce) {
        let line = format!("{NONCE_COOKIE}={nonce}; Path=/; Secure; SameSite=Strict");
        append(headers, &line);
    }
    response
}

/// The nonce that a browser has from the page before.
fn held_nonce(asked: &HeaderMap) -> Option<String> {
    let lines = asked
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let mut pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == NONCE_COOKIE)
        .map(|(_, held)| held.to_owned())
}

/// Puts the next nonce on an answer.
fn put_nonce(nonce: &str, headers: &mut HeaderMap) {
    if let Ok(value) = HeaderValue::from_str(nonce) {
        headers.insert(NONCE, value);
    }
}
