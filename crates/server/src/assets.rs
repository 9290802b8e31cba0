//! The files of the pages: out of the binary, under names that change with their content.
//!
//! `web/README.md` gives the rules from the pages' side. One hash stands for all files together, because scripts import each
//! other in both directions; it is part of every name, so a browser may keep each file for ever. The build (`build.rs`) has put the
//! hash into all that names them, and has made each file in gzip and brotli where that is smaller; here it is only chosen.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use axum::body::Bytes;
use axum::response::Html;
use mamori_registry::Surface;

use crate::route_table::Routes;
use crate::static_file::{StaticFile, content_type};

/// A file as the build has left it.
struct Embedded {
    /// Path below `web/`.
    path: &'static str,
    /// Tells its content from another.
    tag: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

mod embedded {
    use super::Embedded;

    include!(concat!(env!("OUT_DIR"), "/web_files.rs"));
}

/// Most bytes of one package file: what is larger is no script of ours.
const PACKAGE_BYTES_MAX: u64 = 16 << 20;
/// Files that keep their name at the root of a surface that can be installed: the wallet, the till.
const AT_ROOT: [&str; 3] = ["sw.js", "offline.html", "manifest.webmanifest"];
const SHELL: &str = "index.html";
/// The shell with the software authenticator.
const DEV_SHELL: &str = "index.dev.html";

/// All files of the pages, ready to be sent.
pub struct Assets {
    dev: bool,
    /// By their path below `web/`.
    files: BTreeMap<String, StaticFile>,
    missing: Vec<String>,
}

impl Assets {
    /// Takes the embedded files. Package files that were not there at the build are read from below `packages` (a `node_modules`
    /// folder). `dev` adds the software authenticator to wallet and console.
    pub fn load(packages: Option<&Path>, dev: bool) -> Assets {
        let mut files: BTreeMap<String, StaticFile> = embedded::FILES
            .iter()
            .filter(|file| dev || !file.path.starts_with("dev/"))
            .map(|file| (file.path.to_owned(), embedded_file(file)))
            .collect();
        let map = files.remove("packages.json").map(|map| map.plain);
        let mut missing = Vec::new();
        for (logical, file) in package_map(map.as_deref().unwrap_or_default()) {
            let name = format!("packages/{logical}");
            if files.contains_key(&name) {
                continue;
            }
            let on_disk = packages.map(|folder| folder.join(&file)).filter(|path| {
                fs::metadata(path)
                    .is_ok_and(|data| data.is_file() && data.len() <= PACKAGE_BYTES_MAX)
            });
            if let Some(content) = on_disk.and_then(|path| fs::read(path).ok()) {
                files.insert(name, StaticFile::on_disk(&logical, content));
            } else {
                missing.push(logical);
            }
        }
        Assets {
            dev,
            files,
            missing,
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
        let mut named = Vec::new();
        let mut routes = Routes::new();
        for (path, file) in &self.files {
            let Some((folder, name)) = path.split_once('/') else {
                continue;
            };
            if !folders.contains(&folder) || name == SHELL || name == DEV_SHELL {
                continue;
            }
            if AT_ROOT.contains(&name) {
                routes = routes.file(&format!("/{name}"), file);
            } else {
                let asked = if file.is_hashed {
                    hashed(name)
                } else {
                    name.to_owned()
                };
                named.push((asked, name.to_owned(), file.clone()));
            }
        }
        let shell = if with_dev { DEV_SHELL } else { SHELL };
        if let Some(shell) = self.files.get(&format!("{own}/{shell}")) {
            routes = routes.file("/", shell);
            if surface == Surface::Wallet {
                // Where the card page sends the browser back to; the page's own requests carry the cookie.
                routes = routes.file("/top-up/{id}", shell);
                // Where a letter about contacts leads: its secret stands behind the `#`, and opening the page does nothing.
                routes = routes.file("/undo-contact", shell);
                // Where a provider of external IDs sends the browser back to: opening the page does nothing.
                routes = routes.file("/external-id", shell);
                // Where a notice leads for whoever says that it was not them.
                routes = routes.file("/not-me", shell);
                // Where a code on paper stops a wallet, typed or behind the `#`.
                routes = routes.file("/freeze", shell);
                // The same for a letter about a recovery, and where an invitation to help with one leads.
                routes = routes.file("/undo-recovery", shell);
                routes = routes.file("/trusted", shell);
                // Where a merchant sends its customer to ask for a standing permission; the path is the wire format's.
                routes = routes.file("/app/opa/user_authorization", shell);
            }
        } else {
            routes = routes.get("/", async || Html("<!doctype html><title>Mamori</title><p>The pages were not there when this program was built.</p>"));
        }
        routes.files("/assets", named)
    }

    /// Where a file of the pages is served: its plain name with this build's hash.
    pub fn address(&self, plain: &str) -> String {
        format!("/assets/{}", hashed(plain))
    }
}

fn embedded_file(file: &Embedded) -> StaticFile {
    let (_, name) = file.path.split_once('/').unwrap_or(("", file.path));
    StaticFile {
        content_type: content_type(name),
        tag: file.tag.to_owned(),
        plain: Bytes::from_static(file.plain),
        gzip: file.gzip.map(Bytes::from_static),
        brotli: file.brotli.map(Bytes::from_static),
        is_hashed: name != SHELL && name != DEV_SHELL && !AT_ROOT.contains(&name),
    }
}

/// `name.js` as `name.HASH.js`.
fn hashed(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}.{}.{extension}", embedded::HASH),
        None => format!("{name}.{}", embedded::HASH),
    }
}

/// Logical names of package files and where they lie in `node_modules`. Paths that leave that folder are left out.
fn package_map(content: &[u8]) -> BTreeMap<String, String> {
    let map: BTreeMap<String, String> = serde_json::from_slice(content).unwrap_or_default();
    map.into_iter()
        .filter(|(_, file)| !file.starts_with('/') && !file.split('/').any(|part| part == ".."))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_path_stays_in_its_folder() {
        let map = br#"{"a.js":"uplot/a.js","b.js":"../../etc/passwd","c.js":"/etc/passwd"}"#;
        assert_eq!(package_map(map).into_keys().collect::<Vec<_>>(), ["a.js"]);
    }
}
