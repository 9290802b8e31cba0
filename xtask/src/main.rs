//! Tasks of this workspace: `cargo xtask test` runs everything, `cargo xtask tidy` the rules of the tree alone.

mod busy;
mod dev_server;
mod machine;
mod peers;
mod postgres;
mod run;
mod secrets;
mod session;
mod suites;
mod tally;
mod tidy;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use machine::Need;
use session::Session;

const USAGE: &str = "\
cargo xtask test                 everything, in order
cargo xtask test --list          the suites, and what each one shows
cargo xtask test --only a,b      these suites, and what they stand on
cargo xtask test --skip a,b      all but these
cargo xtask busy                 the suites with clocks and pages in them, where both cores are taken, and on one core
cargo xtask first-code           how long a slow phone waits for its first code, and what that costs on the wire
cargo xtask tidy                 the rules of the tree alone
cargo xtask api-description      docs/openapi.json anew, from the tables that drive the parser";

/// This program's only clock: suites are timed and bounded by it.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["tidy"] => run_tidy(root),
        ["first-code"] => first_code(root),
        ["busy"] => busy::run_all(root, now),
        ["api-description"] => write_api_description(root),
        ["test", ref choices @ ..] => match suites::Choice::read(choices) {
            Ok(choice) => run::run(root, &choice, now),
            Err(why) => Err(format!("{why}\n\n{USAGE}")),
        },
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Drives the release build, or the program that `MAMORI_BIN` names.
fn first_code(root: &Path) -> Result<(), String> {
    let mut session = Session::open(root, now).map_err(|why| format!("build/test: {why}"))?;
    session.prepare(&[Need::Chromium, Need::NodePackages])?;
    session.allow(Duration::from_secs(300));
    if std::env::var_os("MAMORI_BIN").is_none() {
        session.command(Command::new("cargo").args(["build", "--release", "--locked"]))?;
    }
    let server = session.dev_server("first-code")?;
    let mut measure = Command::new("node");
    let measured = session.command(server.seen_by(measure.arg("tests/browser/first_code.mjs")));
    println!("{}", session.output().lines().last().unwrap_or_default());
    measured
}

fn run_tidy(root: &Path) -> Result<(), String> {
    let findings =
        tidy::inspect(root).map_err(|why| format!("tidy: the tree cannot be read: {why}"))?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        some => Err(format!("tidy: {some} findings")),
    }
}

fn write_api_description(root: &Path) -> Result<(), String> {
    let printed = Command::new("cargo")
        .args(["run", "--quiet", "-p", "mamori-api", "--example", "openapi"])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|why| why.to_string())?;
    if !printed.status.success() {
        return Err(format!("the description was not made: {}", printed.status));
    }
    let path = root.join("docs/openapi.json");
    std::fs::write(&path, printed.stdout).map_err(|why| format!("{}: {why}", path.display()))
}
