//! What each crate says it stands on, and whether it does: an arrow that no line of code needs is compiled, audited and believed.

use std::collections::BTreeSet;
use std::path::Path;

use super::finding::Finding;
use super::rust_source::words;
use super::sources::{SourceFile, Tree};

/// One line of a manifest that names another crate.
pub struct Declared<'t> {
    pub name: &'t str,
    /// In the manifest, counted from 1.
    pub line: usize,
    /// Under `[dev-dependencies]`.
    pub for_tests: bool,
    /// Under `[build-dependencies]`.
    pub for_the_build: bool,
}

/// Everything a manifest declares.
pub fn declared(manifest: &SourceFile) -> Vec<Declared<'_>> {
    let mut section = "";
    let mut found = Vec::new();
    for (number, line) in manifest.lines() {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        } else if section.ends_with("dependencies")
            && let Some((name, _)) = line.split_once(['.', ' ', '='])
            && !name.is_empty()
            && !name.starts_with('#')
        {
            found.push(Declared {
                name,
                line: number,
                for_tests: section.starts_with("dev-"),
                for_the_build: section.starts_with("build-"),
            });
        }
    }
    found
}

/// Crates whose library has another name than their package.
const OTHER_NAMES: [(&str, &str); 1] = [("md-5", "md5")];

fn identifier(package: &str) -> String {
    let other = OTHER_NAMES.iter().find(|(name, _)| *name == package);
    other.map_or_else(|| package.replace('-', "_"), |(_, name)| (*name).to_owned())
}

/// A declared crate is named in the code of the crate that declares it; one for tests alone may be named in tests and benches,
/// and one for the build is named in the build's own program.
pub fn declared_dependencies_are_used(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in tree.files_named("Cargo.toml") {
        let folder = manifest.path.parent().unwrap_or(Path::new(""));
        let (mut product, mut all) = (BTreeSet::new(), BTreeSet::new());
        let mut build = BTreeSet::new();
        for file in tree.rust().filter(|file| file.path.starts_with(folder)) {
            if file.path.starts_with(folder.join("src")) {
                product.extend(words(&file.product_code()).map(str::to_owned));
            }
            let own = |file: &SourceFile| -> Vec<String> {
                let lines = file.code_lines().flat_map(|(_, code)| words(code));
                lines.map(str::to_owned).collect()
            };
            if file.path == folder.join("build.rs") {
                build.extend(own(file));
            }
            all.extend(own(file));
        }
        for dependency in declared(manifest) {
            let (used, place) = if dependency.for_tests {
                (&all, "of this crate's code or tests")
            } else if dependency.for_the_build {
                (&build, "of this crate's build.rs")
            } else {
                (&product, "of this crate's code outside its tests")
            };
            if !used.contains(&identifier(dependency.name)) {
                let what = format!(
                    "`{}` is declared, and no line {place} names it",
                    dependency.name
                );
                findings.push(Finding::new(&manifest.path, dependency.line, what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_that_no_line_names_is_found() {
        let manifest = "[package]\nname = \"x\"\n\n[dependencies]\nused-here.workspace = true\nmd-5 = \"1\"\ntests-only.workspace = true\n\
                        in-words.workspace = true\n\n[dev-dependencies]\nin-benches.workspace = true\nnowhere = { path = \".\" }\n\n\
                        [build-dependencies]\nin-the-build.workspace = true\nused-here.workspace = true\n";
        let code = "// in_words\nuse used_here::A;\nfn f() { md5::f(\"in_words\") }\n#[cfg(test)]\nmod tests { use tests_only::A; }\n";
        let tree = Tree::of(&[
            ("crates/x/Cargo.toml", manifest),
            ("crates/x/src/lib.rs", code),
            ("crates/x/benches/b.rs", "use in_benches::A;"),
            ("crates/x/build.rs", "use in_the_build::A;"),
            ("crates/xy/src/lib.rs", "use nowhere::A; use in_words::A;"),
        ]);
        let lines: Vec<usize> = declared_dependencies_are_used(&tree)
            .iter()
            .map(|finding| finding.line)
            .collect();
        assert_eq!(lines, [7, 8, 12, 16]);
    }
}
