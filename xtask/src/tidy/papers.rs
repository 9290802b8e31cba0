//! Rules for what is read rather than compiled: documents, dictionaries, lock files.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::finding::Finding;
use super::rust_source::words;
use super::sources::Tree;

pub fn architecture_is_short(tree: &Tree) -> Vec<Finding> {
    const LINES_MAX: usize = 199;
    let Some(file) = tree.get("ARCHITECTURE.md") else {
        return Vec::new();
    };
    let lines = file.text.lines().count();
    if lines <= LINES_MAX {
        return Vec::new();
    }
    vec![Finding::new(
        &file.path,
        lines,
        format!("{lines} lines: a map has at most {LINES_MAX}"),
    )]
}

/// Relative links of every document lead to something in the tree. Links to the web are not followed.
pub fn links_resolve(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.all().filter(|file| file.is("md")) {
        let folder = file.path.parent().unwrap_or(Path::new(""));
        for (number, link) in links(&file.text) {
            let target = link.split(['#', '?']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            if !walk(folder, target).is_some_and(|path| tree.has(&path)) {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    format!("the link `{link}` leads nowhere"),
                ));
            }
        }
    }
    findings
}

/// Targets of `[words](target)`, `![words](target)`, `src="target"` and `href="target"`, outside of code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for (open, close) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
            for after in line.split(open).skip(1) {
                let target = after.split(close).next().unwrap_or_default();
                // A title may follow the target: [words](target "title").
                found.push((number, target.split(' ').next().unwrap_or_default()));
            }
        }
    }
    found
}

/// `target` seen from `folder`, without leaving the tree.
fn walk(folder: &Path, target: &str) -> Option<PathBuf> {
    let mut path = folder.to_owned();
    for part in Path::new(target).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// The map and the decisions speak of what is there: a file or folder they name in backticks lies in the tree, and a name of code
/// (`lower_case_with_underscores`) stands in some source. A decision outlives the code it was made for; its pointers must not lie.
pub fn names_in_backticks_exist(tree: &Tree) -> Vec<Finding> {
    /// Calls of the operating system.
    const NOT_OURS: [&str; 1] = ["sync_file_range"];
    // This program's own tests name what is gone.
    let sources = tree
        .written_by_hand()
        .filter(|file| !file.is("md") && !file.is("toml") && !file.path.starts_with("xtask"));
    let known: BTreeSet<&str> = sources.flat_map(|file| words(&file.text)).collect();
    let is_there = |name: &str| {
        let ends_so = |path: &Path| path.ends_with(name.trim_end_matches('/'));
        tree.all().any(|file| match name.ends_with('/') {
            true => file.path.ancestors().skip(1).any(ends_so),
            false => file.path.ancestors().any(ends_so),
        })
    };
    let mut findings = Vec::new();
    let is_told =
        |path: &Path| path == Path::new("ARCHITECTURE.md") || path.starts_with("docs/decisions");
    for file in tree.all().filter(|file| is_told(&file.path)) {
        for (number, name) in in_backticks(&file.text) {
            let gone = match name {
                name if names_a_file(name) => !is_there(name),
                name if names_code(name) => !known.contains(name) && !NOT_OURS.contains(&name),
                _ => false,
            };
            if gone {
                let what = format!("`{name}` is not in the tree any more");
                findings.push(Finding::new(&file.path, number, what));
            }
        }
    }
    findings
}

/// What stands between backticks, word by word, outside of blocks of code.
fn in_backticks(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if !in_code {
            let spans = line.split('`').skip(1).step_by(2);
            found.extend(
                spans
                    .flat_map(str::split_whitespace)
                    .map(|word| (number, word)),
            );
        }
    }
    found
}

/// `journal/segments.rs`, `crates/api` and `views/` do; `/v2/payments`, `journal.sqlite` and `application/json` do not.
fn names_a_file(word: &str) -> bool {
    const ENDINGS: [&str; 10] = [
        ".rs", ".js", ".mjs", ".py", ".sql", ".css", ".html", ".story", ".toml", ".md",
    ];
    const ROOMS: [&str; 6] = ["crates/", "docs/", "tests/", "web/", "xtask/", ".ci/"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    word.chars().all(plain)
        && !word.starts_with('/')
        && (ENDINGS.iter().any(|ending| word.ends_with(ending))
            || ROOMS.iter().any(|room| word.starts_with(room))
            || word.len() > 1 && word.ends_with('/'))
}

fn names_code(word: &str) -> bool {
    word.contains('_')
        && word
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Wherever a `ja.json` lies beside an `en.json`, both hold the same keys, and no text is empty.
pub fn both_languages_say_the_same_keys(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for japanese in tree
        .all()
        .filter(|file| file.path.file_name().is_some_and(|name| name == "ja.json"))
    {
        let english_path = japanese.path.with_file_name("en.json");
        let Some(english) = tree.get(&english_path) else {
            findings.push(Finding::new(
                &japanese.path,
                0,
                "there is no en.json beside it",
            ));
            continue;
        };
        let mut keys = Vec::new();
        for file in [japanese, english] {
            match serde_json::from_str(&file.text) {
                Ok(value) => {
                    let mut found = BTreeSet::new();
                    leaf_keys("", &value, &mut found);
                    keys.push(found);
                }
                Err(why) => findings.push(Finding::new(&file.path, why.line(), why.to_string())),
            }
        }
        if let [ja, en] = &keys[..] {
            findings.extend(
                ja.difference(en)
                    .map(|key| Finding::new(&english_path, 0, format!("`{key}` is missing"))),
            );
            findings.extend(
                en.difference(ja)
                    .map(|key| Finding::new(&japanese.path, 0, format!("`{key}` is missing"))),
            );
        }
    }
    findings
}

fn leaf_keys(prefix: &str, value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, inner) in map {
                let name = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
                leaf_keys(&name, inner, found);
            }
        }
        serde_json::Value::String(text) if text.is_empty() => {
            found.insert(format!("{prefix} (empty)"));
        }
        _ => {
            found.insert(prefix.to_owned());
        }
    }
}

/// A lock file names what and with which digest, never from which host: the builder chooses the mirror.
pub fn lock_files_name_no_hosts(tree: &Tree) -> Vec<Finding> {
    const OWN_INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";
    let mut findings = Vec::new();
    for file in tree.all() {
        let name = file
            .path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        for (number, line) in file.lines() {
            let names_a_host = match name {
                "package-lock.json" => line.contains("\"resolved\""),
                "Cargo.lock" => line.starts_with("source = ") && !line.contains(OWN_INDEX),
                "requirements.txt" => line.contains("://") || line.starts_with('-'),
                ".npmrc" => line.contains("://") || line.contains("_auth"),
                _ => false,
            };
            if names_a_host {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    "a download host in a lock file",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(findings: Vec<Finding>) -> Vec<String> {
        findings.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_long_map_is_found() {
        let long = "x\n".repeat(200);
        assert_eq!(
            architecture_is_short(&Tree::of(&[("ARCHITECTURE.md", &long)])).len(),
            1
        );
        assert_eq!(
            architecture_is_short(&Tree::of(&[("ARCHITECTURE.md", &long[2..])])),
            []
        );
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        let paper = "[here](../README.md#top) [gone](gone.md)\n[web](https://example.org)\n```\n[no](x)\n```\n![p](pictures/a.png \"t\")\n";
        let tree = Tree::of(&[
            ("docs/a.md", paper),
            ("README.md", "[docs](docs/)"),
            ("docs/pictures/a.png", ""),
        ]);
        assert_eq!(
            lines(links_resolve(&tree)),
            ["docs/a.md:1: the link `gone.md` leads nowhere"]
        );
    }

    #[test]
    fn a_decision_that_names_what_is_gone_is_found() {
        let paper = "`shard.rs` `Shard::step`, `engine/src/shard.rs believed_checkpoint` and `journal/` in `crates/engine`,\n\
                     `views/old.rs`, `hard.rs`, `views/` and `crates/gone`; `POST /v2/payments` into `journal.sqlite`\n\
                     ```\n`x.rs`\n```\nby `no_such_test`, `a_test_that_stands`\n";
        let code = "fn a_test_that_stands() {}\n";
        let tree = Tree::of(&[
            ("docs/decisions/0001-a.md", paper),
            ("docs/other.md", "`gone.rs`"),
            ("crates/engine/src/shard.rs", code),
            ("crates/engine/src/journal/segments.rs", ""),
        ]);
        let gone: Vec<(usize, String)> = names_in_backticks_exist(&tree)
            .into_iter()
            .map(|finding| (finding.line, finding.what))
            .collect();
        let said = |line, name: &str| (line, format!("`{name}` is not in the tree any more"));
        assert_eq!(
            gone,
            [
                said(1, "believed_checkpoint"),
                said(2, "views/old.rs"),
                said(2, "hard.rs"),
                said(2, "views/"),
                said(2, "crates/gone"),
                said(6, "no_such_test"),
            ]
        );
    }

    #[test]
    fn a_key_missing_in_one_language_is_found() {
        let tree = Tree::of(&[
            ("web/ja.json", r#"{"a":{"b":"い"},"c":"う"}"#),
            ("web/en.json", r#"{"a":{"b":"i"},"d":"u"}"#),
        ]);
        assert_eq!(
            lines(both_languages_say_the_same_keys(&tree)),
            [
                "web/en.json:0: `c` is missing",
                "web/ja.json:0: `d` is missing"
            ]
        );
    }

    #[test]
    fn a_host_in_a_lock_file_is_found() {
        let lock = "{\n \"resolved\": \"https://mirror/x.tgz\",\n \"integrity\": \"sha512-…\"\n}";
        assert_eq!(
            lines(lock_files_name_no_hosts(&Tree::of(&[(
                "web/package-lock.json",
                lock
            )]))),
            ["web/package-lock.json:2: a download host in a lock file"]
        );
    }
}
