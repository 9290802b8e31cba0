//! No cycle between the files of a crate: a reader of one file can read what it stands on without coming back.
//!
//! A file stands on another when it names something of it, in a `use` or in a path. A `pub use` is a sign on the door,
//! not a floor: names are followed through it to the file that holds them. Tests may look at anything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::finding::Finding;
use super::sources::{SourceFile, Tree};

type ModulePath = Vec<String>;

/// One file of a crate, as a module.
struct Module {
    file: PathBuf,
    /// Names this file brings into scope, with where they come from (absolute). `*` is the name of a glob.
    uses: Vec<(String, ModulePath)>,
    /// What the file names: private imports and paths in code, absolute.
    names: Vec<ModulePath>,
    /// What the file defines itself, as far as a word after `fn`, `struct` and so on tells.
    defines: BTreeSet<String>,
}

pub fn files_of_a_crate_form_no_cycle(tree: &Tree) -> Vec<Finding> {
    let roots: BTreeSet<PathBuf> = tree
        .files_named("Cargo.toml")
        .filter_map(|manifest| Some(manifest.path.parent()?.join("src")))
        .collect();
    roots
        .iter()
        .flat_map(|src| cycles_below(tree, src))
        .collect()
}

fn cycles_below(tree: &Tree, src: &Path) -> Vec<Finding> {
    let files: BTreeMap<ModulePath, &SourceFile> = tree
        .rust()
        .filter_map(|file| Some((module_path(file.path.strip_prefix(src).ok()?)?, file)))
        .collect();
    let known: BTreeSet<ModulePath> = files.keys().cloned().collect();
    let modules: BTreeMap<ModulePath, Module> = files
        .into_iter()
        .map(|(path, file)| (path.clone(), read_module(file, &path, &known)))
        .collect();
    let arrows: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> = modules
        .iter()
        .map(|(from, module)| {
            let to = module
                .names
                .iter()
                .flat_map(|name| holders(&modules, name, 0))
                .filter(|to| *to != from);
            (from, to.collect())
        })
        .collect();
    circles(&arrows)
        .into_iter()
        .map(|circle| {
            let names: Vec<String> = circle
                .iter()
                .map(|m| modules[*m].file.display().to_string())
                .collect();
            Finding::new(
                &modules[circle[0]].file,
                0,
                format!("files import each other: {}", names.join(", ")),
            )
        })
        .collect()
}

/// `a/b.rs` and `a/b/mod.rs` are `a::b`; the root file is the empty path. Further binaries are crates of their own.
fn module_path(file: &Path) -> Option<ModulePath> {
    let mut parts: ModulePath = file
        .with_extension("")
        .iter()
        .map(|p| p.to_string_lossy().into_owned())
        .collect();
    if parts.first().is_some_and(|first| first == "bin") {
        return None;
    }
    if matches!(parts.last().map(String::as_str), Some("mod"))
        || matches!(parts[..], [ref one] if one == "lib" || one == "main")
    {
        parts.pop();
    }
    Some(parts)
}

/// The files that hold what `name` means, seen through re-exports. Empty for names of other crates.
fn holders<'m>(
    modules: &'m BTreeMap<ModulePath, Module>,
    name: &[String],
    depth: usize,
) -> Vec<&'m ModulePath> {
    const REEXPORTS_MAX: usize = 8; // a circle of re-exports would not compile; this bounds our own mistakes
    let mut length = 0;
    while length < name.len() && modules.contains_key(&name[..=length]) {
        length += 1;
    }
    let Some((here, module)) = modules.get_key_value(&name[..length]) else {
        return Vec::new();
    };
    let Some(item) = name.get(length) else {
        return vec![here];
    };
    if depth >= REEXPORTS_MAX || module.defines.contains(item) {
        return vec![here];
    }
    let follow = |target: &ModulePath, rest: &[String]| {
        let further: ModulePath = target.iter().chain(rest).cloned().collect();
        holders(modules, &further, depth + 1)
    };
    if let Some((_, target)) = module.uses.iter().find(|(known, _)| known == item) {
        return follow(target, &name[length + 1..]);
    }
    for (_, target) in module.uses.iter().filter(|(known, _)| known == "*") {
        let defined = modules
            .get(target)
            .is_some_and(|other| other.defines.contains(item));
        if defined {
            return follow(target, &name[length..]);
        }
    }
    vec![here]
}

fn read_module(file: &SourceFile, path: &ModulePath, known: &BTreeSet<ModulePath>) -> Module {
    let code = file.product_code();
    let tokens = tokens(&code);
    let mut module = Module {
        file: file.path.clone(),
        uses: Vec::new(),
        names: Vec::new(),
        defines: BTreeSet::new(),
    };
    // Inline modules: the name and the brace depth at which each ends.
    let mut inside: Vec<(String, usize)> = Vec::new();
    let (mut at, mut depth) = (0, 0usize);
    while at < tokens.len() {
        let here: ModulePath = path
            .iter()
            .cloned()
            .chain(inside.iter().map(|(name, _)| name.clone()))
            .collect();
        match tokens[at] {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if inside.last().is_some_and(|(_, end)| *end == depth) {
                    inside.pop();
                }
            }
            "mod" if tokens.get(at + 2) == Some(&"{") => {
                inside.push((tokens[at + 1].to_owned(), depth));
                at += 1; // the brace is counted when it comes
            }
            "use" => {
                let public = at > 0 && matches!(tokens[at - 1], "pub" | ")");
                let mut end = at + 1;
                let mut leaves = Vec::new();
                use_tree(&tokens, &mut end, &mut Vec::new(), &mut leaves);
                for (leaf, alias) in leaves {
                    let Some(target) = absolute(&leaf, &here, known) else {
                        continue;
                    };
                    if !public {
                        module.names.push(target.clone());
                    }
                    module.uses.push((alias, target));
                }
                at = end;
                continue;
            }
            "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union"
            | "macro_rules" => {
                if let Some(name) = tokens.get(at + 1) {
                    module.defines.insert((*name).to_owned());
                }
            }
            _ if tokens.get(at + 1) == Some(&"::") && (at == 0 || tokens[at - 1] != "::") => {
                let mut segments = vec![tokens[at].to_owned()];
                while tokens.get(at + 1) == Some(&"::")
                    && tokens.get(at + 2).is_some_and(|t| is_word(t))
                {
                    segments.push(tokens[at + 2].to_owned());
                    at += 2;
                }
                module.names.extend(absolute(&segments, &here, known));
            }
            _ => {}
        }
        at += 1;
    }
    module
}

/// A path from the crate's root; `None` for what other crates (or types in scope) hold.
fn absolute(
    segments: &[String],
    here: &ModulePath,
    known: &BTreeSet<ModulePath>,
) -> Option<ModulePath> {
    let mut base = here.clone();
    let mut rest = segments;
    match segments.first().map(String::as_str)? {
        "crate" => {
            base.clear();
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|segment| segment == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        child => {
            base.push(child.to_owned());
            if !known.contains(&base) {
                return None;
            }
            rest = &rest[1..];
        }
    }
    base.extend(
        rest.iter()
            .filter(|segment| *segment != "self" && *segment != "*")
            .cloned(),
    );
    Some(base)
}

/// Reads one tree of a `use` from `at` and leaves `at` behind it. Each leaf is a path and the name it gets here.
fn use_tree(
    tokens: &[&str],
    at: &mut usize,
    prefix: &mut Vec<String>,
    leaves: &mut Vec<(ModulePath, String)>,
) {
    let depth_before = prefix.len();
    let mut alias = None;
    let mut grouped = false;
    while let Some(token) = tokens.get(*at) {
        match *token {
            "::" => *at += 1,
            "{" => {
                *at += 1;
                grouped = true;
                while tokens.get(*at).is_some_and(|t| *t != "}") {
                    use_tree(tokens, at, prefix, leaves);
                    if tokens.get(*at) == Some(&",") {
                        *at += 1;
                    }
                }
                *at += 1;
            }
            "as" => {
                alias = tokens.get(*at + 1).map(|t| (*t).to_owned());
                *at += 2;
            }
            "," | "}" | ";" => break,
            word => {
                prefix.push(word.to_owned());
                *at += 1;
            }
        }
    }
    if !grouped && prefix.len() > depth_before {
        let last = prefix
            .iter()
            .rev()
            .find(|segment| *segment != "self")
            .cloned()
            .unwrap_or_default();
        leaves.push((prefix.clone(), alias.unwrap_or(last)));
    }
    prefix.truncate(depth_before);
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Words, `::`, and every other sign by itself.
fn tokens(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_alphanumeric() || first == '_' {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        found.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    found
}

/// Groups of modules that reach each other, each group sorted. The graphs are small: reachability is enough.
fn circles<'m>(
    arrows: &BTreeMap<&'m ModulePath, BTreeSet<&'m ModulePath>>,
) -> Vec<Vec<&'m ModulePath>> {
    let reach = |from: &'m ModulePath| {
        let mut seen: BTreeSet<&ModulePath> = BTreeSet::new();
        let mut open: Vec<&ModulePath> = arrows[from].iter().copied().collect();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                open.extend(arrows[next].iter().copied());
            }
        }
        seen
    };
    let reached: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> =
        arrows.keys().map(|from| (*from, reach(from))).collect();
    let mut groups: BTreeSet<Vec<&ModulePath>> = BTreeSet::new();
    for (from, to) in &reached {
        if to.contains(from) {
            groups.insert(
                to.iter()
                    .copied()
                    .filter(|other| reached[*other].contains(from))
                    .collect(),
            );
        }
    }
    groups.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of one crate in; the cycles found, as lists of files.
    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let mut all = vec![("crates/x/Cargo.toml", "")];
        let paths: Vec<String> = files
            .iter()
            .map(|(name, _)| format!("crates/x/src/{name}"))
            .collect();
        all.extend(
            paths
                .iter()
                .zip(files)
                .map(|(path, (_, text))| (path.as_str(), *text)),
        );
        let found: Vec<String> = files_of_a_crate_form_no_cycle(&Tree::of(&all))
            .into_iter()
            .map(|f| {
                f.what
                    .replace("files import each other: ", "")
                    .replace("crates/x/src/", "")
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_line_of_files_is_fine() {
        check(
            &[
                ("lib.rs", "mod a; mod b; pub use a::A; pub use b::*;"),
                ("a.rs", "use crate::b::B; pub struct A(B);"),
                ("b.rs", "pub struct B;"),
            ],
            &[],
        );
    }

    #[test]
    fn two_files_that_use_each_other_are_found() {
        check(
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::{self, B}; pub struct A;"),
                ("b.rs", "pub struct B(super::a::A);"),
            ],
            &["a.rs, b.rs"],
        );
    }

    #[test]
    fn a_circle_through_the_roots_door_is_found() {
        check(
            &[
                ("lib.rs", "mod a; mod b; pub use a::A; pub use b::*;"),
                ("a.rs", "use crate::B; pub struct A;"),
                ("b.rs", "pub struct B(crate::A);"),
            ],
            &["a.rs, b.rs"],
        );
    }

    #[test]
    fn the_door_itself_is_no_circle() {
        check(
            &[
                ("lib.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
                ("a.rs", "pub struct A;"),
                ("b.rs", "pub struct B(crate::A);"),
            ],
            &[],
        );
    }

    #[test]
    fn a_parent_and_its_child_that_need_each_other_are_found() {
        check(
            &[
                ("lib.rs", "pub mod a;"),
                ("a.rs", "mod child; pub struct A; fn f() { child::g() }"),
                ("a/child.rs", "use super::A; pub fn g() {}"),
            ],
            &["a.rs, a/child.rs"],
        );
    }

    #[test]
    fn tests_and_inline_modules_do_not_count() {
        check(
            &[
                ("lib.rs", "mod a; mod b;"),
                (
                    "a.rs",
                    "pub struct A; mod inner { use super::A; } #[cfg(test)] mod tests { use crate::b::B; }",
                ),
                ("b.rs", "use crate::a::A; pub struct B;"),
            ],
            &[],
        );
    }

    #[test]
    fn a_circle_of_three_is_one_finding() {
        check(
            &[
                ("lib.rs", "mod a; mod b; mod c;"),
                ("a.rs", "use crate::b;"),
                ("b.rs", "fn f() { crate::c::g() }"),
                ("c.rs", "use super::a; pub fn g() {}"),
            ],
            &["a.rs, b.rs, c.rs"],
        );
    }
}
