//! One file of a page, in every coding that there is of it, and the answer to a browser that asks for it.

use axum::body::Bytes;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// A file in every coding that there is of it.
#[derive(Clone)]
pub(crate) struct StaticFile {
    pub(crate) content_type: &'static str,
    pub(crate) tag: String,
    pub(crate) plain: Bytes,
    pub(crate) gzip: Option<Bytes>,
    pub(crate) brotli: Option<Bytes>,
    /// Whether its name changes with its content.
    pub(crate) is_hashed: bool,
}

impl StaticFile {
    /// A package file that was fetched after the build: under its plain name, and so never kept for ever.
    pub(crate) fn on_disk(name: &str, content: Vec<u8>) -> StaticFile {
        let digest = Sha256::digest(&content);
        StaticFile {
            content_type: content_type(name),
            tag: digest[..8]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            plain: content.into(),
            gzip: None,
            brotli: None,
            is_hashed: false,
        }
    }

    /// The answer to a browser that sent these headers.
    pub(crate) fn answer(&self, asked: &HeaderMap) -> Response {
        let (body, coding) = match (&self.brotli, &self.gzip) {
            (Some(body), _) if takes(asked, "br") => (body, Some("br")),
            (_, Some(body)) if takes(asked, "gzip") => (body, Some("gzip")),
            _ => (&self.plain, None),
        };
        let tag = format!(
            "\"{}{}\"",
            self.tag,
            coding.map_or_else(String::new, |coding| format!("-{coding}"))
        );
        let kept = listed(asked, IF_NONE_MATCH.as_str())
            .any(|known| known == "*" || known.trim_start_matches("W/") == tag);
        let mut response = if kept {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, self.content_type)], body.clone()).into_response()
        };
        let headers = response.headers_mut();
        headers.extend(HeaderValue::from_str(&tag).ok().map(|tag| (ETAG, tag)));
        if self.gzip.is_some() || self.brotli.is_some() {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        if let (Some(coding), false) = (coding, kept) {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        if self.is_hashed {
            let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
            headers.insert(CACHE_CONTROL, for_ever);
        }
        response
    }
}

/// The parts of a header that is a list, wherever its commas stand.
fn listed<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// Whether the browser takes this coding: it names it, or everything, and not with a weight of zero.
fn takes(headers: &HeaderMap, coding: &str) -> bool {
    let weight_of =
        |wanted: &str| {
            listed(headers, ACCEPT_ENCODING.as_str()).find_map(|part| {
                let (name, parameters) = part.split_once(';').unwrap_or((part, ""));
                if !name.trim().eq_ignore_ascii_case(wanted) {
                    return None;
                }
                let weight = parameters.trim().strip_prefix("q=");
                Some(weight.is_none_or(|weight| {
                    weight.bytes().any(|digit| (b'1'..=b'9').contains(&digit))
                }))
            })
        };
    weight_of(coding)
        .or_else(|| weight_of("*"))
        .unwrap_or(false)
}

/// By the ending of its name.
pub(crate) fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gets_the_coding_that_it_takes() {
        let file = StaticFile {
            content_type: "text/css",
            tag: "1f".into(),
            plain: Bytes::from_static(b"plain"),
            gzip: Some(Bytes::from_static(b"gzip")),
            brotli: Some(Bytes::from_static(b"br")),
            is_hashed: true,
        };
        let asked = |pairs: &[(axum::http::HeaderName, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(name, HeaderValue::from_static(value));
            }
            let answer = file.answer(&headers);
            let told = |name| {
                let value = answer.headers().get(name);
                value
                    .map_or("", |value| value.to_str().expect("ASCII"))
                    .to_owned()
            };
            assert_eq!(told(VARY), "accept-encoding");
            (answer.status().as_u16(), told(CONTENT_ENCODING), told(ETAG))
        };
        for (accepted, coding) in [
            ("gzip, deflate, br, zstd", "br"),
            ("GZIP", "gzip"),
            ("br;q=0, gzip;q=0.5", "gzip"),
            ("br;q=0.001", "br"),
            ("br; q=0.000, *", "gzip"),
            ("*", "br"),
            ("*;q=0", ""),
            ("identity", ""),
            ("", ""),
        ] {
            let tag = if coding.is_empty() {
                "\"1f\"".to_owned()
            } else {
                format!("\"1f-{coding}\"")
            };
            let told = asked(&[(ACCEPT_ENCODING, accepted)]);
            assert_eq!(told, (200, coding.to_owned(), tag), "{accepted}");
        }
        for (known, status) in [
            ("\"1f-br\"", 304),
            ("\"x\", W/\"1f-br\"", 304),
            ("*", 304),
            ("\"1f\"", 200),
        ] {
            let told = asked(&[(ACCEPT_ENCODING, "br"), (IF_NONE_MATCH, known)]);
            assert_eq!(told.0, status, "{known}");
        }
    }
}
