//! The files of the pages: out of the binary, under names that change with their content.
//!
//! `web/README.md` gives the rules from the pages' side. One hash stands for all files together, because scripts import each
//! other in both directions; it is part of every name, so a browser may keep each file for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_registry::Surface;
use sha2::{Digest, Sha256};

use crate::route_table::Routes;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/web_files.rs"));
}

/// Most bytes of one package file: what is larger is no script of ours.
const PACKAGE_BYTES_MAX: u64 = 16 << 20;
/// Files that keep their name at the root of the wallet.
const AT_ROOT: [&str; 3] = ["sw.js", "offline.html", "manifest.webmanifest"];
const SHELL: &str = "index.html";
const DEV_SCRIPT: &str = "dev-authenticator.js";

/// All files of the pages, ready to be sent.
pub struct Assets {
    dev: bool,
    files: BTreeMap<String, Vec<u8>>,
    missing: Vec<String>,
    hash: String,
}

/// The answer to a request for a file.
#[derive(Clone)]
struct Ready {
    content_type: &'static str,
    body: axum::body::Bytes,
    is_hashed: bool,
}

impl IntoResponse for Ready {
    fn into_response(self) -> Response {
        let mut response = ([(CONTENT_TYPE, self.content_type)], self.body).into_response();
        if self.is_hashed {
            response.headers_mut().insert(
                CACHE_CONTROL,
                axum::http::HeaderValue::from_static("public, max-age=31536000, immutable"),
            );
        }
        response
    }
}

impl Assets {
    /// Takes the embedded files. Package files found below `packages` (a `node_modules` folder) are read from there, so that
    /// they can be fetched after the build. `dev` adds the software authenticator to wallet and console.
    pub fn load(packages: Option<&Path>, dev: bool) -> Assets {
        let mut files: BTreeMap<String, Vec<u8>> = embedded::FILES
            .iter()
            .filter(|(name, _)| dev || !name.starts_with("dev/"))
            .map(|(name, content)| ((*name).to_owned(), content.to_vec()))
            .collect();
        let mut missing = Vec::new();
        for (logical, file) in package_map(&files) {
            let name = format!("packages/{logical}");
            let on_disk = packages.map(|folder| folder.join(&file)).filter(|path| {
                fs::metadata(path)
                    .is_ok_and(|data| data.is_file() && data.len() <= PACKAGE_BYTES_MAX)
            });
            if let Some(content) = on_disk.and_then(|path| fs::read(path).ok()) {
                files.insert(name, content);
            } else if !files.contains_key(&name) {
                missing.push(logical);
            }
        }
        let mut hasher = Sha256::new();
        for (name, content) in &files {
            hasher.update((name.len() as u64).to_be_bytes());
            hasher.update(name);
            hasher.update((content.len() as u64).to_be_bytes());
            hasher.update(content);
        }
        let hash = URL_SAFE_NO_PAD.encode(&hasher.finalize()[..12]);
        Assets {
            dev,
            files,
            missing,
            hash,
        }
    }

    /// Logical names of package files that are not installed; the pages work without them and say what they miss.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// The routes of a surface's page and its files. Nothing of another surface is among them.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self, surface: Surface) -> Routes<S> {
        let own = match surface {
            Surface::Wallet => "wallet",
            Surface::Till => "till",
            Surface::Console => "console",
        };
        let with_dev = self.dev && surface != Surface::Till;
        let folders: &[&str] = if with_dev {
            &[own, "shared", "packages", "dev"]
        } else {
            &[own, "shared", "packages"]
        };
        let files: BTreeMap<&str, (&str, &[u8])> = self
            .files
            .iter()
            .filter_map(|(path, content)| {
                path.split_once('/')
                    .map(|(folder, name)| (folder, name, content.as_slice()))
            })
            .filter(|(folder, _, _)| folders.contains(folder))
            .map(|(folder, name, content)| (name, (folder, content)))
            .collect();
        let at_root = |name: &str| name == SHELL || AT_ROOT.contains(&name);
        let names: BTreeSet<&str> = files
            .keys()
            .copied()
            .filter(|name| !at_root(name))
            .collect();
        let mut hashed = Vec::new();
        let mut routes = Routes::new();
        for (name, (folder, content)) in &files {
            let mut body = if *folder == "packages" {
                content.to_vec()
            } else {
                self.with_hashed_names(name, content, &names)
            };
            if *name == SHELL && with_dev {
                body = with_dev_script(body, &self.hashed(DEV_SCRIPT));
            }
            let ready = Ready {
                content_type: content_type(name),
                body: body.into(),
                is_hashed: !at_root(name),
            };
            if *name == SHELL {
                routes = routes.get("/", send(&ready));
                if surface == Surface::Wallet {
                    // Where the card page sends the browser back to; the page's own requests carry the cookie.
                    routes = routes.get("/top-up/{id}", send(&ready));
                    // Where a merchant sends its customer to ask for a standing permission; the path is the wire format's.
                    routes = routes.get("/app/opa/user_authorization", send(&ready));
                }
            } else if at_root(name) {
                routes = routes.get(&format!("/{name}"), send(&ready));
            } else {
                hashed.push((self.hashed(name), (*name).to_owned(), ready));
            }
        }
        if !files.contains_key(SHELL) {
            routes = routes.get("/", async || Html("<!doctype html><title>Mamori</title><p>The pages were not there when this program was built.</p>"));
        }
        routes.files("/assets", hashed)
    }

    /// Where a file of the pages is served: its plain name with this build's hash.
    pub fn address(&self, plain: &str) -> String {
        format!("/assets/{}", self.hashed(plain))
    }

    /// `name.js` as `name.HASH.js`.
    fn hashed(&self, name: &str) -> String {
        match name.rsplit_once('.') {
            Some((stem, extension)) => format!("{stem}.{}.{extension}", self.hash),
            None => format!("{name}.{}", self.hash),
        }
    }

    /// Puts the hash into every `/assets/NAME` whose file exists; the others stay and answer 404.
    fn with_hashed_names(&self, name: &str, content: &[u8], names: &BTreeSet<&str>) -> Vec<u8> {
        const PREFIX: &str = "/assets/";
        let text = match std::str::from_utf8(content) {
            Ok(text) if is_text(name) => text,
            _ => return content.to_vec(),
        };
        let mut rewritten = String::with_capacity(text.len() + text.len() / 16);
        let mut rest = text;
        while let Some(at) = rest.find(PREFIX) {
            let (before, found) = rest.split_at(at + PREFIX.len());
            rewritten.push_str(before);
            let end = found
                .find(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c))
                .unwrap_or(found.len());
            let (reference, after) = found.split_at(end);
            if names.contains(reference) {
                rewritten.push_str(&self.hashed(reference));
            } else {
                rewritten.push_str(reference);
            }
            rest = after;
        }
        rewritten.push_str(rest);
        rewritten.into_bytes()
    }
}

fn send(ready: &Ready) -> impl Fn() -> std::future::Ready<Ready> + Clone + Send + Sync + 'static {
    let ready = ready.clone();
    move || std::future::ready(ready.clone())
}

/// Before the page's first script, so that it stands in for the browser's authenticator from the start.
fn with_dev_script(shell: Vec<u8>, hashed: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(&shell);
    match text.split_once("<script") {
        Some((head, tail)) => format!(
            "{head}<script type=\"module\" src=\"/assets/{hashed}\"></script>\n  <script{tail}"
        )
        .into_bytes(),
        None => shell,
    }
}

/// Logical names of package files and where they lie in `node_modules`. Paths that leave that folder are left out.
fn package_map(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    let map: BTreeMap<String, String> = files
        .get("packages.json")
        .and_then(|content| serde_json::from_slice(content).ok())
        .unwrap_or_default();
    map.into_iter()
        .filter(|(_, file)| !file.starts_with('/') && !file.split('/').any(|part| part == ".."))
        .collect()
}

fn is_text(name: &str) -> bool {
    [".js", ".css", ".html", ".webmanifest"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

fn content_type(name: &str) -> &'static str {
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
    fn only_names_of_files_get_the_hash() {
        let assets = Assets {
            dev: false,
            files: BTreeMap::new(),
            missing: Vec::new(),
            hash: "HASH1234".into(),
        };
        let names = BTreeSet::from(["a.js", "a-b.css"]);
        let rewrite = |name: &str, text: &str| {
            String::from_utf8(assets.with_hashed_names(name, text.as_bytes(), &names))
                .expect("text")
        };
        assert_eq!(
            rewrite(
                "x.js",
                "import '/assets/a.js'; url(/assets/a-b.css) \"/assets/c.js\" /^\\/assets\\/a.js/ '/assets/'"
            ),
            "import '/assets/a.HASH1234.js'; url(/assets/a-b.HASH1234.css) \"/assets/c.js\" /^\\/assets\\/a.js/ '/assets/'"
        );
        assert_eq!(
            rewrite("x.png", "/assets/a.js"),
            "/assets/a.js",
            "pictures stay as they are"
        );
    }

    #[test]
    fn a_package_path_stays_in_its_folder() {
        let map = br#"{"a.js":"uplot/a.js","b.js":"../../etc/passwd","c.js":"/etc/passwd"}"#;
        let files = BTreeMap::from([("packages.json".to_owned(), map.to_vec())]);
        assert_eq!(
            package_map(&files).into_keys().collect::<Vec<_>>(),
            ["a.js"]
        );
    }
}
