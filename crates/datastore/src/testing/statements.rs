//! Every statement in a crate's sources is prepared on both databases, without a list kept by hand.

use std::fs;
use std::path::Path;

use crate::sql::{Db, Family, Location, parameters_ascend};

const VERBS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

/// The string literals below a directory of sources that are statements, with the file each stands in.
///
/// Statements over every table there is are made from names (the only braces) or ask SQLite about itself: tests run those.
fn statements(sources: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(sources, &mut found);
    assert!(found.len() > 10, "the sources are where they were");
    found
}

fn collect(directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            let literals = literals(source).into_iter();
            let statements = literals.filter(|text| is_statement(text));
            found.extend(statements.map(|text| (file.clone(), text)));
        }
    }
}

/// String literals of a Rust source; comments and characters are skipped, escapes undone as far as SQL needs them.
fn literals(source: &str) -> Vec<String> {
    let mut literals = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let (sign, tail) = rest[at..].split_at(1);
        match sign {
            "/" if tail.starts_with('/') => {
                rest = tail.split_once('\n').map_or("", |(_, after)| after)
            }
            "\"" => {
                let mut text = String::new();
                let mut characters = tail.char_indices();
                rest = "";
                while let Some((index, character)) = characters.next() {
                    match character {
                        '"' => {
                            rest = &tail[index + 1..];
                            break;
                        }
                        '\\' => match characters.next() {
                            Some((_, '\n')) | None => {}
                            Some((_, escaped)) => text.push(escaped),
                        },
                        other => text.push(other),
                    }
                }
                literals.push(text);
            }
            "'" if tail.starts_with("\\") => {
                rest = tail[2..].split_once('\'').map_or("", |(_, after)| after)
            }
            "'" if tail.chars().nth(1) == Some('\'') => {
                rest = tail.split_once('\'').map_or("", |(_, after)| after)
            }
            _ => rest = tail,
        }
    }
    literals
}

fn is_statement(text: &str) -> bool {
    let is_generic =
        text.contains('{') || text.contains("sqlite_schema") || text.contains("pragma_");
    VERBS.iter().any(|verb| text.trim_start().starts_with(verb)) && !is_generic
}

/// Says which statements below `sources` a store with these families of tables does not understand, or whose parameters
/// do not first appear in ascending order; panics with all of them.
pub fn check(sources: &Path, families: &[&Family], location: &Location) {
    let mut db = together(families, location);
    let mut wrong = Vec::new();
    for (file, sql) in statements(sources) {
        if !parameters_ascend(&sql) {
            wrong.push(format!("{file}: parameters do not ascend\n    {sql}"));
        }
        if let Err(fault) = db.prepare(&sql) {
            wrong.push(format!("{file}: {fault}\n    {sql}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All families in one file, as they are in one database on PostgreSQL: names of tables must not meet.
fn together(families: &[&Family], location: &Location) -> Db {
    let mut last = None;
    for family in families {
        let family = Family {
            file: "together.sqlite",
            ..**family
        };
        last = Some(location.open(&family).unwrap());
    }
    last.expect("there is a family")
}
