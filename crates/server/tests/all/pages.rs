//! The pages as a browser gets them.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use mamori_registry::Surface;
use mamori_server::assets::Assets;
use tower::ServiceExt as _;

use crate::house::House;

const PAGES: [(Surface, &str); 3] = [
    (Surface::Wallet, "wallet.js"),
    (Surface::Till, "till.js"),
    (Surface::Console, "console.js"),
];

struct Page {
    status: StatusCode,
    cache: String,
    content_type: String,
    text: String,
}

fn get(router: &Router, path: &str) -> Page {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let request = Request::get(path).body(Body::empty()).expect("a request");
    runtime.block_on(async {
        let response = router.clone().oneshot(request).await.expect("infallible");
        let value = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        let (status, cache, content_type) = (
            response.status(),
            value(header::CACHE_CONTROL),
            value(header::CONTENT_TYPE),
        );
        let bytes = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        Page {
            status,
            cache,
            content_type,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    })
}

/// Every `/assets/…` in a text.
fn references(text: &str) -> BTreeSet<String> {
    text.split("/assets/")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_ascii_alphanumeric() || "._-".contains(*c))
                .collect::<String>()
        })
        .filter(|name| name.contains('.'))
        .map(|name| format!("/assets/{name}"))
        .collect()
}

#[test]
fn all_that_a_page_refers_to_is_there_for_ever_under_a_hashed_name() {
    for (surface, script) in PAGES {
        let assets = Assets::load(None, false);
        let router: Router = assets.routes(surface).into_router();
        let shell = get(&router, "/");
        assert_eq!(
            (
                shell.status,
                shell.content_type.as_str(),
                shell.cache.as_str()
            ),
            (StatusCode::OK, "text/html; charset=utf-8", "")
        );
        let mut seen = BTreeSet::new();
        let mut open: Vec<String> = references(&shell.text).into_iter().collect();
        while let Some(path) = open.pop() {
            // Packages that are not installed keep their plain name, and the page says what it misses.
            if !seen.insert(path.clone())
                || assets
                    .missing()
                    .iter()
                    .any(|name| path.ends_with(&format!("/{name}")))
            {
                continue;
            }
            let file = get(&router, &path);
            assert_eq!(file.status, StatusCode::OK, "{surface:?}: {path}");
            assert_eq!(file.cache, "public, max-age=31536000, immutable", "{path}");
            if file.content_type.starts_with("text/")
                && !path.contains("uplot")
                && !path.contains("zxing")
            {
                open.extend(references(&file.text));
            }
        }
        let stem = script.trim_end_matches(".js");
        assert!(
            seen.iter()
                .any(|path| path.starts_with(&format!("/assets/{stem}."))),
            "{surface:?} loads {script}"
        );
    }
}

#[test]
fn a_surface_holds_no_file_of_another() {
    let assets = Assets::load(None, true);
    let wallet: Router = assets.routes(Surface::Wallet).into_router();
    let till_script = references(&get(&assets.routes(Surface::Till).into_router(), "/").text)
        .into_iter()
        .find(|path| path.contains("/till."))
        .expect("the till's script");
    assert!(till_script.ends_with(".js") || till_script.ends_with(".css"));
    assert_eq!(get(&wallet, &till_script).status, StatusCode::NOT_FOUND);
    for path in [
        "/assets/wallet.js",
        "/assets/..",
        "/assets/%2e%2e%2fCargo.toml",
        "/assets/index.html",
        "/assets/nothing.js",
        "/sw.js/x",
    ] {
        assert_eq!(get(&wallet, path).status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[test]
fn the_software_authenticator_is_in_development_alone() {
    for surface in [Surface::Wallet, Surface::Console, Surface::Till] {
        let has_script = |dev: bool| {
            let router: Router = Assets::load(None, dev).routes(surface).into_router();
            let shell = get(&router, "/").text;
            let script = references(&shell)
                .into_iter()
                .find(|path| path.contains("dev-authenticator"));
            script.is_some_and(|path| get(&router, &path).status == StatusCode::OK)
        };
        assert!(!has_script(false), "{surface:?}");
        assert_eq!(has_script(true), surface != Surface::Till, "{surface:?}");
    }
}

#[test]
fn no_page_holds_anything_inline() {
    for (surface, _) in PAGES {
        for dev in [false, true] {
            let router: Router = Assets::load(None, dev).routes(surface).into_router();
            let mut pages = vec![get(&router, "/").text];
            if surface == Surface::Wallet {
                pages.push(get(&router, "/offline.html").text);
            }
            for page in pages {
                assert!(
                    page.split("<script").skip(1).all(|script| script
                        .split('>')
                        .next()
                        .is_some_and(|tag| tag.contains(" src=\"/assets/"))),
                    "{page}"
                );
                for inline in [
                    "<style",
                    " style=",
                    "javascript:",
                    " onclick",
                    " onload",
                    " onerror",
                    "http://",
                    "https://",
                ] {
                    assert!(!page.contains(inline), "{surface:?}: {inline}");
                }
            }
        }
    }
}

#[test]
fn the_wallet_is_installable_and_comes_back_from_the_card_page() {
    let router: Router = Assets::load(None, false)
        .routes(Surface::Wallet)
        .into_router();
    let manifest = get(&router, "/manifest.webmanifest");
    assert_eq!(manifest.content_type, "application/manifest+json");
    assert!(
        references(&manifest.text)
            .iter()
            .all(|path| get(&router, path).status == StatusCode::OK)
    );
    assert_eq!(
        get(&router, "/sw.js").content_type,
        "text/javascript; charset=utf-8"
    );
    assert_eq!(get(&router, "/top-up/123").text, get(&router, "/").text);
    for path in ["/", "/sw.js", "/offline.html", "/manifest.webmanifest"] {
        assert_eq!(
            get(&router, path).cache,
            "",
            "{path} is not kept: the surface says no-store"
        );
    }
}

#[test]
fn the_till_is_installable_and_its_worker_stands_at_the_root() {
    let router: Router = Assets::load(None, false)
        .routes(Surface::Till)
        .into_router();
    let manifest = get(&router, "/manifest.webmanifest");
    assert_eq!(manifest.content_type, "application/manifest+json");
    assert!(manifest.text.contains("Mamori レジ"));
    let pictures = references(&manifest.text);
    assert!(pictures.len() >= 3);
    assert!(
        pictures
            .iter()
            .all(|path| get(&router, path).status == StatusCode::OK)
    );
    assert!(get(&router, "/").text.contains("/manifest.webmanifest"));
    let worker = get(&router, "/sw.js");
    assert_eq!(worker.content_type, "text/javascript; charset=utf-8");
    for path in ["/sw.js", "/manifest.webmanifest"] {
        assert_eq!(
            get(&router, path).cache,
            "",
            "{path} is not kept: the surface says no-store"
        );
    }
}

/// The modules that a script imports before it runs.
fn imports(script: &str) -> BTreeSet<String> {
    script
        .lines()
        .filter(|line| {
            !["/*", "*", "//"]
                .iter()
                .any(|mark| line.trim_start().starts_with(mark))
        })
        .filter(|line| line.contains("from '/assets/") || line.starts_with("import '/assets/"))
        .flat_map(references)
        .collect()
}

#[test]
fn a_shell_names_every_module_that_it_needs_and_no_other() {
    for (surface, _) in PAGES {
        let router: Router = Assets::load(None, false).routes(surface).into_router();
        let shell = get(&router, "/").text;
        let tagged = |tag: &str| -> BTreeSet<String> {
            let lines = shell.lines().filter(|line| line.contains(tag));
            lines.flat_map(references).collect()
        };
        let (entries, preloaded) = (tagged("<script type=\"module\""), tagged("modulepreload"));
        let mut needed = BTreeSet::new();
        let mut open: Vec<String> = entries.iter().cloned().collect();
        while let Some(path) = open.pop() {
            for import in imports(&get(&router, &path).text) {
                if needed.insert(import.clone()) {
                    open.push(import);
                }
            }
        }
        let needed: BTreeSet<String> = needed.difference(&entries).cloned().collect();
        assert_eq!(preloaded, needed, "{surface:?}");
        assert!(needed.len() > 5, "{surface:?}");
    }
}

/// Bytes on the wire of a path, head not counted.
fn wire_bytes(router: &Router, path: &str, coding: &str) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let request = Request::get(path)
        .header(header::ACCEPT_ENCODING, coding)
        .body(Body::empty())
        .expect("a request");
    runtime.block_on(async {
        let response = router.clone().oneshot(request).await.expect("infallible");
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let body = response.into_body().collect().await.expect("a body");
        body.to_bytes().len()
    })
}

#[test]
fn a_first_code_of_a_wallet_that_was_never_seen_comes_in_50_kilobytes() {
    let router: Router = Assets::load(None, false)
        .routes(Surface::Wallet)
        .into_router();
    let shell = get(&router, "/").text;
    for coding in ["br", "gzip"] {
        // Pictures for home screens are fetched by who installs it.
        let files = references(&shell)
            .into_iter()
            .filter(|path| !path.ends_with(".png"))
            .chain(["/".to_owned(), "/manifest.webmanifest".to_owned()]);
        let bytes: usize = files.map(|path| wire_bytes(&router, &path, coding)).sum();
        let most = if coding == "br" { 50_000 } else { 57_000 };
        assert!(bytes <= most, "{bytes} bytes with {coding}");
    }
}

#[test]
fn a_visitor_reads_who_runs_this_before_signing_up() {
    let house = House::new();
    let told = house.browser(Surface::Wallet).get("/api/about").ok();
    assert_eq!(told["operator_name"], "まもりマート");
    assert_eq!(told["terms_url"], "https://shop.example.jp/terms");
    assert!(told["operator_contact"].is_null() && told["privacy_url"].is_null());
    assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
}
