//! Addresses that a shop gives us to send its customer to.

use axum::http::Uri;

/// `scheme://host:port` of an http(s) address; nothing if it is not one.
pub(crate) fn origin(url: &str) -> Option<String> {
    // The template of the session id is the one place where braces are legal.
    let uri: Uri = url.replace("{CHECKOUT_SESSION_ID}", "cs").parse().ok()?;
    let scheme = uri
        .scheme_str()
        .filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let authority = uri
        .authority()
        .filter(|authority| !authority.as_str().contains(['@', ';', ',', '\'']))?;
    Some(format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_have_an_origin() {
        for (url, expected) in [
            (
                "http://wallet.localhost:8080/top-up/1?s={CHECKOUT_SESSION_ID}",
                Some("http://wallet.localhost:8080"),
            ),
            ("https://example.jp", Some("https://example.jp")),
            ("javascript:alert(1)", None),
            ("/relative", None),
            ("http://a;script-src *", None),
            ("http://user@host/", None),
        ] {
            assert_eq!(origin(url).as_deref(), expected, "{url}");
        }
    }
}
