//! What every surface wears: host check, same-origin check, limits, security headers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use mamori_registry::Surface;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::{CsrfLayer, ProtectionError};
use tower_http::timeout::TimeoutLayer;

use crate::answer::Denial;

/// Largest body of a page's request, in bytes. A credential is the largest and has about 2,000.
pub const PAGE_BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest time until the head of an answer leaves; a stream may then go on.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Where a surface lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Front {
    /// Which one.
    pub surface: Surface,
    /// `https://wallet.example.jp`, or `http://wallet.localhost:PORT` in development.
    pub origin: String,
}

/// An origin that is not `http(s)://host[:port]`.
#[derive(Debug, PartialEq, Eq)]
pub struct UnusableFront;

impl Front {
    /// The `Host` header that belongs to the origin.
    fn authority(&self) -> Result<String, UnusableFront> {
        let uri: Uri = self.origin.parse().map_err(|_| UnusableFront)?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        match uri.authority() {
            Some(authority) if is_http && !authority.as_str().contains('@') => {
                Ok(authority.as_str().to_ascii_lowercase())
            }
            _ => Err(UnusableFront),
        }
    }
}

/// The content security policy of a surface's pages.
///
/// No inline script or style, nothing from elsewhere, no frames. Trusted Types stop text from becoming script; the wallet's one
/// policy registers its worker. The till's scanner is WebAssembly and loads its own script, so it has `wasm-unsafe-eval` instead.
pub fn content_security_policy(surface: Surface) -> &'static str {
    match surface {
        Surface::Wallet => concat!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; ",
            "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; ",
            "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types mamori-worker"
        ),
        Surface::Till => concat!(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; ",
            "connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'self'; ",
            "frame-ancestors 'none'"
        ),
        Surface::Console => concat!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; ",
            "connect-src 'self'; base-uri 'none'; form-action 'self'; ",
            "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        ),
    }
}

fn permissions_policy(surface: Surface) -> &'static str {
    match surface {
        Surface::Wallet | Surface::Console => {
            "camera=(), microphone=(), geolocation=(), payment=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)"
        }
        Surface::Till => {
            "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), publickey-credentials-get=(), publickey-credentials-create=()"
        }
    }
}

/// What the files of a page say as well: what they may be taken for, and by whom they may be read.
const PARTS_SAY: [HeaderName; 4] = [
    header::X_CONTENT_TYPE_OPTIONS,
    HeaderName::from_static("cross-origin-resource-policy"),
    HeaderName::from_static("cross-origin-embedder-policy"),
    header::STRICT_TRANSPORT_SECURITY,
];

struct Dress {
    authority: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Puts the checks and headers around the routes of a surface.
pub fn dress<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    front: &Front,
) -> Result<Router<S>, UnusableFront> {
    let dress = Arc::new(Dress {
        authority: front.authority()?,
        headers: headers_of(front),
    });
    // Rule by rule the port of Go 1.25's scheme: Sec-Fetch-Site first, then Origin against Host.
    let same_origin = CsrfLayer::new()
        .with_rejection_response(|_: ProtectionError| Denial::OtherOrigin.into_response());
    Ok(router
        .fallback(async || Denial::NotFound)
        .method_not_allowed_fallback(async || Denial::NotFound)
        .layer(DefaultBodyLimit::max(PAGE_BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            ANSWER_TIMEOUT,
        ))
        .layer(same_origin)
        .layer(CatchPanicLayer::custom(
            |_: Box<dyn std::any::Any + Send>| Denial::Unavailable.into_response(),
        ))
        .layer(from_fn_with_state(dress, check_and_dress)))
}

/// Puts bounds around routes that programs call and no browser: a body that must be small and must arrive, an answer that must
/// leave, all within `patience`; and a panic that ends its own request alone.
pub fn bounded<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    patience: Duration,
) -> Router<S> {
    router
        .layer(DefaultBodyLimit::max(PAGE_BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            patience,
        ))
        .layer(CatchPanicLayer::custom(
            |_: Box<dyn std::any::Any + Send>| Denial::Unavailable.into_response(),
        ))
}

async fn check_and_dress(
    State(dress): State<Arc<Dress>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = if is_our_host(request.headers(), request.uri(), &dress.authority) {
        next.run(request).await
    } else {
        // Another name for this address may be an attacker's page that re-bound its DNS entry to us.
        Denial::OtherHost.into_response()
    };
    let headers = response.headers_mut();
    // A file that is kept for ever is part of a page and never one itself: what only a page heeds would double its weight.
    let is_part = headers.contains_key(header::CACHE_CONTROL);
    for (name, value) in &dress.headers {
        if is_part && !PARTS_SAY.contains(name) {
            continue;
        }
        // Only the cache rule may be loosened by an answer: hashed files live for ever, all else for no time.
        if name != header::CACHE_CONTROL || !headers.contains_key(name) {
            headers.insert(name, value.clone());
        }
    }
    response
}

/// Exactly one `Host`, and it is ours; a request target with an authority must name the same.
fn is_our_host(headers: &HeaderMap, target: &Uri, authority: &str) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host
            .to_str()
            .is_ok_and(|host| host.eq_ignore_ascii_case(authority)),
        _ => false,
    };
    named
        && target
            .authority()
            .is_none_or(|target| target.as_str().eq_ignore_ascii_case(authority))
}

fn headers_of(front: &Front) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = vec![
        (
            header::CONTENT_SECURITY_POLICY,
            content_security_policy(front.surface),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-embedder-policy"),
            "require-corp",
        ),
        (HeaderName::from_static("origin-agent-cluster"), "?1"),
        (
            HeaderName::from_static("permissions-policy"),
            permissions_policy(front.surface),
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    if front.origin.starts_with("https://") {
        headers.push((
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=63072000; includeSubDomains",
        ));
    }
    headers
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect()
}
