//! Looks for secrets in the logs of the servers that the suites before have driven.
//!
//! The tests note every code, one-time number and pairing code they meet; the file that `mamori-lab dev --json` writes tells
//! the keys. Beside those, nothing that looks like a payment code, a card number or a signature may stand in a log.

use std::fs::read_dir;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::session::Session;

/// A suite of `cargo xtask test`.
pub fn stand_in_no_log(session: &mut Session) -> Result<(), String> {
    let logs = ending_with(session.logs(), ".server.log");
    if logs.is_empty() {
        return Err("there is no server's log to look at".to_owned());
    }
    let mut known = Vec::new();
    for path in ending_with(session.logs(), ".dev.json") {
        let value: Value = serde_json::from_str(&read(&path)?).map_err(|why| why.to_string())?;
        secrets_of(&value, &mut known);
    }
    for path in ending_with(session.logs(), ".secrets") {
        known.extend(read(&path)?.lines().map(str::to_owned));
    }
    known.retain(|secret| secret.len() >= 6);
    known.sort_unstable();
    known.dedup();
    let (mut lines, mut found) = (0, 0);
    for path in &logs {
        for (number, line) in (1..).zip(read(path)?.lines()) {
            lines += 1;
            if let Some(what) = leak(line, &known) {
                found += 1;
                // The line itself stays where it is: this report is a log too.
                session.note(&format!("{}:{number}: {what}", path.display()));
            }
        }
    }
    session.note(&format!(
        "{lines} lines of {} logs, {} secrets: {found} found",
        logs.len(),
        known.len()
    ));
    if found == 0 {
        Ok(())
    } else {
        Err(format!("{found} lines hold a secret"))
    }
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|why| format!("{}: {why}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn ending_with(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(end))
        .collect();
    paths.sort();
    paths
}

/// The secret members of what `mamori-lab dev --json` wrote.
fn secrets_of(value: &Value, found: &mut Vec<String>) {
    const SECRET: [&str; 3] = ["api_secret", "token", "pairing_code"];
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                match inner {
                    Value::String(text) if SECRET.contains(&name.as_str()) => {
                        found.push(text.clone())
                    }
                    // The link's secret is its fragment; the address before it is none.
                    Value::String(text) if name == "console_link" => {
                        found.extend(text.rsplit(['=', '/', '#']).next().map(str::to_owned));
                    }
                    _ => secrets_of(inner, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| secrets_of(item, found)),
        _ => {}
    }
}

/// What kind of secret the line holds, if any.
fn leak(line: &str, known: &[String]) -> Option<&'static str> {
    if known.iter().any(|secret| stands_alone(line, secret)) {
        return Some("a secret of this run");
    }
    if line.contains("OPA-Auth:") || line.contains("MAMORI-HMAC-SHA256:") {
        return Some("a signature");
    }
    let mut runs = line.split(|c: char| !c.is_ascii_digit());
    runs.find_map(|digits| match digits.len() {
        24 => Some("24 digits, as a payment code has"),
        14..=16 if passes_luhn(digits) && is_card_prefix(digits) => {
            Some("what looks like a card number")
        }
        _ => None,
    })
}

/// Whether `secret` occurs and is no part of a longer word or number.
fn stands_alone(line: &str, secret: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    line.match_indices(secret).any(|(at, _)| {
        !is_word(line[..at].chars().next_back())
            && !is_word(line[at + secret.len()..].chars().next())
    })
}

fn is_card_prefix(digits: &str) -> bool {
    [
        "34", "35", "36", "37", "4", "51", "52", "53", "54", "55", "62",
    ]
    .iter()
    .any(|prefix| digits.starts_with(prefix))
}

fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit - b'0') * if place % 2 == 1 { 2 } else { 1 };
            value / 10 + value % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<&str>) {
        let known = ["314159".to_owned(), "c2VjcmV0".to_owned()];
        assert_eq!(leak(line, &known), expected, "{line}");
    }

    #[test]
    fn secrets_are_found_and_ordinary_numbers_are_not() {
        check("code 314159 sent", Some("a secret of this run"));
        check("at 1314159 micros, 3141592 more", None);
        check("key=c2VjcmV0;", Some("a secret of this run"));
        check(
            "code=900000010123456789012345",
            Some("24 digits, as a payment code has"),
        );
        check(
            "card 4000000000003220",
            Some("what looks like a card number"),
        );
        check("at_micros=1750000000000000 seq=42", None);
        check(
            "authorization: hmac OPA-Auth:k:m:n:1:h",
            Some("a signature"),
        );
    }

    #[test]
    fn the_secrets_of_a_run_are_read_from_its_file() {
        let value = serde_json::json!({
            "base_url": "http://127.0.0.1:1", "token": "t0", "console_link": "http://console.localhost:1/#link=abc",
            "merchant": {"api_key": "public", "api_secret": "s0", "tills": [{"pairing_code": "p0"}]},
        });
        let mut found = Vec::new();
        secrets_of(&value, &mut found);
        found.sort();
        assert_eq!(found, ["abc", "p0", "s0", "t0"]);
    }
}
