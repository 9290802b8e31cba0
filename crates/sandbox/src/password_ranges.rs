//! A service of leaked passwords that is asked by ranges, as Have I Been Pwned is: the first five digits of a SHA-1 are told, and
//! all the rest of those that begin so come back.

use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::runtime::Runtime;

/// Lines of a padded answer, so that its length does not tell what was asked.
const PADDED_LINES: usize = 800;

/// What the service was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedRange {
    /// The five digits.
    pub prefix: String,
    /// Whether a padded answer was wanted.
    pub padded: bool,
}

struct Service {
    /// SHA-1 in capital hexadecimal digits, and how often it was seen.
    leaked: Vec<(String, u64)>,
    asked: Mutex<Vec<AskedRange>>,
}

/// The running service, on a free port of its own. Dropping it stops it.
pub struct PasswordRanges {
    url: String,
    service: Arc<Service>,
    runtime: Option<Runtime>,
}

impl PasswordRanges {
    /// Starts it with these leaked ones: SHA-1 in hexadecimal digits, and how often it was seen.
    pub fn start(leaked: &[(&str, u64)]) -> io::Result<PasswordRanges> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("password-ranges")
            .enable_io()
            .enable_time()
            .build()?;
        let leaked = leaked.iter();
        let service = Arc::new(Service {
            leaked: leaked
                .map(|(hash, seen)| (hash.to_ascii_uppercase(), *seen))
                .collect(),
            asked: Mutex::default(),
        });
        let routes = Router::new()
            .route("/range/{prefix}", get(range))
            .with_state(Arc::clone(&service));
        let url = runtime.block_on(async move {
            let listener = crate::bind(0).await?;
            let url = crate::url_of(&listener)?;
            crate::start_pages(listener, routes);
            Ok::<_, io::Error>(url)
        })?;
        Ok(PasswordRanges {
            url,
            service,
            runtime: Some(runtime),
        })
    }

    /// Where it is, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<AskedRange> {
        let asked = self.service.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for PasswordRanges {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn range(
    State(service): State<Arc<Service>>,
    Path(prefix): Path<String>,
    headers: HeaderMap,
) -> Response {
    if prefix.len() != 5 || !prefix.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return (
            StatusCode::BAD_REQUEST,
            "The hash prefix was not in a valid format",
        )
            .into_response();
    }
    let prefix = prefix.to_ascii_uppercase();
    let padded = headers
        .get("add-padding")
        .is_some_and(|value| value == "true");
    let mut asked = service.asked.lock().unwrap_or_else(PoisonError::into_inner);
    asked.push(AskedRange {
        prefix: prefix.clone(),
        padded,
    });
    drop(asked);
    let mut lines: Vec<String> = (service.leaked.iter())
        .filter_map(|(hash, seen)| Some(format!("{}:{seen}", hash.strip_prefix(&*prefix)?)))
        .collect();
    if padded {
        // Suffixes that are no password's: seen never.
        let invented = (lines.len()..PADDED_LINES).map(|line| format!("{line:035X}:0"));
        lines.extend(invented);
    }
    lines.sort();
    let mut text = String::new();
    for line in lines {
        let _ = write!(text, "{line}\r\n");
    }
    text.into_response()
}
