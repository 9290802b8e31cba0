//! `cargo xtask tidy`: the rules a compiler cannot check, as code in the same language, run with the tests.
//!
//! Every rule reads the tree as it lies on disk and answers with findings; it changes nothing. A rule that needs an
//! exception gets it here, in the open, beside the rule: no comment in a source file switches one off.

mod dependencies;
mod finding;
mod imports;
mod papers;
mod rust_source;
mod sources;

use std::path::Path;

use finding::Finding;
use sources::Tree;

/// Every finding of every rule in the tree below `root`, sorted by file and line.
pub fn inspect(root: &Path) -> std::io::Result<Vec<Finding>> {
    let tree = Tree::read(root)?;
    let mut findings = Vec::new();
    for rule in [
        arrows_between_crates_point_down,
        imports::files_of_a_crate_form_no_cycle,
        dependencies::declared_dependencies_are_used,
        clock_and_chance_have_one_door,
        no_floats_near_money,
        no_landfill_names,
        nothing_is_left_unfinished,
        tests_do_not_sleep,
        papers::architecture_is_short,
        papers::links_resolve,
        papers::names_in_backticks_exist,
        papers::both_languages_say_the_same_keys,
        papers::lock_files_name_no_hosts,
    ] {
        findings.extend(rule(&tree));
    }
    findings.sort();
    Ok(findings)
}

/// Who depends on whom: no more than this, and no less, so that the plan is what is built. Dependencies for tests alone obey the same
/// arrows.
const ARROWS: [(&str, &[&str]); 14] = [
    ("domain", &[]),
    ("codes", &[]),
    ("sandbox", &[]),
    ("api", &[]),
    ("datastore", &[]),
    ("engine", &["datastore", "domain"]),
    ("registry", &["datastore", "domain"]),
    ("connectors", &["domain"]),
    (
        "flows",
        &["engine", "registry", "datastore", "connectors", "domain"],
    ),
    (
        "server",
        &[
            "flows",
            "engine",
            "registry",
            "datastore",
            "connectors",
            "api",
            "codes",
            "domain",
        ],
    ),
    ("sim", &["engine", "datastore", "domain"]),
    (
        "mamori",
        &[
            "domain",
            "datastore",
            "codes",
            "api",
            "engine",
            "registry",
            "flows",
            "connectors",
            "server",
        ],
    ),
    (
        "lab",
        &[
            "mamori",
            "domain",
            "codes",
            "sandbox",
            "api",
            "datastore",
            "engine",
            "registry",
            "flows",
            "connectors",
            "server",
            "sim",
        ],
    ),
    ("xtask", &[]),
];

/// Arrows for tests alone: what asks the outside world is tried against the peer it will meet in development,
/// and the texts of the API's refusals are held against the rules' own list.
const TEST_ARROWS: [(&str, &str); 4] = [
    ("connectors", "sandbox"),
    ("server", "sandbox"),
    ("mamori", "sandbox"),
    ("api", "domain"),
];

fn arrows_between_crates_point_down(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files_named("Cargo.toml") {
        let Some(name) = file
            .path
            .parent()
            .and_then(Path::file_name)
            .and_then(|n| n.to_str())
        else {
            continue;
        };
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
            findings.push(Finding::new(
                &file.path,
                0,
                format!("the crate `{name}` has no place in the plan of crates"),
            ));
            continue;
        };
        let mut drawn = Vec::new();
        for dependency in dependencies::declared(file) {
            let Some(to) = our_crate(dependency.name) else {
                continue;
            };
            drawn.push(to);
            // A crate's own tests may turn on its own features.
            let allowed =
                allowed.contains(&to) || dependency.for_tests && TEST_ARROWS.contains(&(name, to));
            if to != name && !allowed {
                findings.push(Finding::new(
                    &file.path,
                    dependency.line,
                    format!("`{name}` must not depend on `{to}`"),
                ));
            }
        }
        for to in allowed.iter().filter(|to| !drawn.contains(to)) {
            findings.push(Finding::new(
                &file.path,
                0,
                format!("the plan of crates allows `{name}` to depend on `{to}`, and it does not"),
            ));
        }
    }
    findings
}

/// The folder of one of our crates, by its package's name.
fn our_crate(package: &str) -> Option<&str> {
    match package {
        "mamori" => Some(package),
        other => other.strip_prefix("mamori-"),
    }
}

/// Product and laboratory go through one door, these tasks have one of their own; each under one visible permission.
const DOORS: [&str; 2] = ["crates/mamori/src/outside.rs", "xtask/src/main.rs"];

/// What reads a clock or draws chance. `.elapsed()` reads the clock of the instant it is called on.
const CLOCK_AND_CHANCE: [&str; 13] = [
    "SystemTime::now",
    "Instant::now",
    "clock_gettime(",
    "Timestamp::now",
    "Zoned::now",
    ".elapsed()",
    "getrandom::",
    "thread_rng",
    "OsRng",
    "rand::rng(",
    "from_os_rng",
    "Uuid::new_v4",
    "Uuid::now_v7",
];

fn clock_and_chance_have_one_door(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let is_door = DOORS.iter().any(|door| file.path == Path::new(door));
        let permissions: Vec<usize> = file
            .code_lines()
            .filter(|(_, code)| code.contains("disallowed_methods"))
            .map(|(n, _)| n)
            .collect();
        let permissions_max = usize::from(is_door);
        for number in permissions.iter().skip(permissions_max) {
            findings.push(Finding::new(
                &file.path,
                *number,
                "one permission to ask for time or chance at the door (outside.rs), none elsewhere",
            ));
        }
        if is_door {
            continue;
        }
        for (number, code) in file.code_lines() {
            if let Some(call) = CLOCK_AND_CHANCE.iter().find(|call| code.contains(**call)) {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    format!(
                        "`{call}`: time and chance are arguments, made at the door (outside.rs)"
                    ),
                ));
            }
        }
    }
    findings
}

/// Crates through which yen pass. Rates for people (payments per second, percentiles) are made outside of them.
const MONEY_CRATES: [&str; 6] = [
    "crates/domain",
    "crates/datastore",
    "crates/engine",
    "crates/registry",
    "crates/api",
    "crates/connectors",
];

fn no_floats_near_money(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .rust()
        .filter(|file| MONEY_CRATES.iter().any(|dir| file.path.starts_with(dir)))
    {
        for (number, code) in file.code_lines() {
            // A parser must name the float it refuses.
            let refuses = code.contains("fn visit_f64") || code.contains("fn visit_f32");
            let names = rust_source::words(code).any(|word| word == "f32" || word == "f64");
            if names && !refuses {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    "a float near money: use checked integers",
                ));
            }
        }
    }
    findings
}

fn no_landfill_names(tree: &Tree) -> Vec<Finding> {
    const LANDFILLS: [&str; 6] = ["helpers", "helper", "utils", "util", "common", "misc"];
    let mut findings = Vec::new();
    for file in tree.all() {
        let named = file
            .path
            .iter()
            .filter_map(|part| part.to_str()?.split('.').next());
        for name in named.filter(|name| LANDFILLS.contains(name)) {
            findings.push(Finding::new(
                &file.path,
                0,
                format!("`{name}` names no idea: name the idea"),
            ));
        }
    }
    findings
}

fn nothing_is_left_unfinished(tree: &Tree) -> Vec<Finding> {
    // Spelled in halves so that this file does not find itself.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("HA", "CK"),
        concat!("XX", "X"),
    ];
    let calls = [concat!("to", "do!("), concat!("unimpl", "emented!(")];
    let mut findings = Vec::new();
    for file in tree.written_by_hand() {
        for (number, line) in file.lines() {
            let word = words
                .iter()
                .find(|word| rust_source::words(line).any(|found| found == **word));
            if let Some(found) = word.or_else(|| calls.iter().find(|call| line.contains(**call))) {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    format!("`{found}`: finish it, or take it out"),
                ));
            }
        }
    }
    findings
}

fn tests_do_not_sleep(tree: &Tree) -> Vec<Finding> {
    let sleeps = [concat!("sle", "ep("), concat!("waitFor", "Timeout")];
    let mut findings = Vec::new();
    for file in tree.written_by_hand() {
        for (number, line) in file.test_lines() {
            if sleeps.iter().any(|sleep| line.contains(sleep)) {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    "a test waits for a condition, never for time",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree this program was built from.
    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("xtask lies in the workspace")
    }

    #[test]
    fn the_tree_is_tidy() {
        let findings = inspect(root()).expect("the tree can be read");
        let report: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert!(
            findings.is_empty(),
            "{} findings:\n{}",
            report.len(),
            report.join("\n")
        );
    }

    fn found(files: &[(&str, &str)], rule: fn(&Tree) -> Vec<Finding>) -> Vec<(String, usize)> {
        rule(&Tree::of(files))
            .into_iter()
            .map(|f| (f.file.display().to_string(), f.line))
            .collect()
    }

    #[test]
    fn an_arrow_that_points_up_is_found() {
        let domain = (
            "crates/domain/Cargo.toml",
            "[dependencies]\nmamori-engine.workspace = true\nmamori.workspace = true\n",
        );
        let api = (
            "crates/api/Cargo.toml",
            "[dependencies]\n\n[dev-dependencies]\nmamori-domain = { path = \"../domain\" }\n",
        );
        let stray = ("crates/extra/Cargo.toml", "[package]\n");
        assert_eq!(
            found(&[domain, api, stray], arrows_between_crates_point_down),
            [
                ("crates/domain/Cargo.toml".into(), 2),
                ("crates/domain/Cargo.toml".into(), 3),
                ("crates/extra/Cargo.toml".into(), 0)
            ]
        );
    }

    #[test]
    fn an_arrow_of_the_plan_that_no_crate_draws_is_found() {
        let drawn = "[dependencies]\nmamori-domain.workspace = true\n";
        let rule = arrows_between_crates_point_down;
        assert_eq!(found(&[("crates/connectors/Cargo.toml", drawn)], rule), []);
        assert_eq!(
            found(
                &[("crates/connectors/Cargo.toml", "[dependencies]\n")],
                rule
            ),
            [("crates/connectors/Cargo.toml".into(), 0)]
        );
    }

    #[test]
    fn a_clock_is_found_in_code_but_not_in_words() {
        let code = "// Instant::now is not called here\nfn f() { let _ = \"Instant::now\"; }\nfn g() { Instant::now(); }\n";
        assert_eq!(
            found(
                &[("crates/engine/src/x.rs", code)],
                clock_and_chance_have_one_door
            ),
            [("crates/engine/src/x.rs".into(), 3)]
        );
        assert_eq!(
            found(
                &[("crates/mamori/src/outside.rs", code)],
                clock_and_chance_have_one_door
            ),
            []
        );
    }

    #[test]
    fn a_second_permission_to_ask_the_time_is_found() {
        let once = "#[allow(clippy::disallowed_methods)]\nmod clock {}\n";
        let twice = once.repeat(2);
        let rule = clock_and_chance_have_one_door;
        assert_eq!(found(&[("crates/mamori/src/outside.rs", once)], rule), []);
        assert_eq!(
            found(&[("crates/mamori/src/outside.rs", &twice)], rule),
            [("crates/mamori/src/outside.rs".into(), 3)]
        );
        assert_eq!(
            found(&[("crates/engine/src/a.rs", once)], rule),
            [("crates/engine/src/a.rs".into(), 1)]
        );
    }

    #[test]
    fn a_float_is_found_only_where_money_is() {
        let code = "fn rate() -> f64 { 0.5 }\n";
        assert_eq!(
            found(&[("crates/domain/src/m.rs", code)], no_floats_near_money).len(),
            1
        );
        assert_eq!(
            found(&[("crates/lab/src/bench.rs", code)], no_floats_near_money),
            []
        );
    }

    #[test]
    fn a_landfill_is_found_as_file_and_as_folder() {
        let files = [
            ("crates/api/src/utils.rs", ""),
            ("web/common/a.js", ""),
            ("web/code.js", ""),
        ];
        assert_eq!(found(&files, no_landfill_names).len(), 2);
    }

    #[test]
    fn unfinished_work_is_found_in_comments_too() {
        let note = concat!("// TO", "DO later\nlet todos = 1;\n");
        let call = concat!("fn f() { to", "do!() }\n");
        assert_eq!(
            found(&[("a.rs", note)], nothing_is_left_unfinished),
            [("a.rs".into(), 1)]
        );
        assert_eq!(
            found(&[("a.rs", call)], nothing_is_left_unfinished),
            [("a.rs".into(), 1)]
        );
    }

    #[test]
    fn a_sleep_is_found_in_tests_and_only_there() {
        let nap = concat!("thread::sle", "ep(second);\n");
        let product = format!("fn run() {{ {nap} }}\n");
        let inner = format!("{product}#[cfg(test)]\nmod tests {{\n    fn t() {{ {nap} }}\n}}\n");
        let page = concat!("await page.waitFor", "Timeout(100)\n");
        assert_eq!(
            found(&[("crates/engine/src/a.rs", &product)], tests_do_not_sleep),
            []
        );
        assert_eq!(
            found(&[("crates/engine/src/a.rs", &inner)], tests_do_not_sleep),
            [("crates/engine/src/a.rs".into(), 5)]
        );
        assert_eq!(
            found(&[("tests/browser/a.mjs", page)], tests_do_not_sleep).len(),
            1
        );
    }
}
