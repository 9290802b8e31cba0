//! Runs suites one after the other: a live line while one runs, its log when it fails, a table and one plain line at the end.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::session::Session;
use crate::suites::{Choice, SUITES, Suite};
use crate::tally::Tally;

/// How much of a failed suite's log is shown; all of it is in the file.
const LINES_SHOWN_MAX: usize = 120;

enum End {
    Passed,
    Failed(String),
    /// It could not run here, with what is missing.
    Skipped(String),
}

struct Report {
    name: &'static str,
    end: End,
    took: Duration,
    tally: Tally,
}

/// Runs what `choice` asks for; an error if anything failed, or was skipped while `CI=true`.
pub fn run(root: &Path, choice: &Choice, clock: fn() -> Instant) -> Result<(), String> {
    if choice.list {
        for suite in choice.suites() {
            println!("{:10} {}", suite.name, suite.shows);
        }
        return Ok(());
    }
    let suites = choice.suites();
    let in_ci = std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
    let mut session = Session::open(root, clock).map_err(|why| format!("build/test: {why}"))?;
    let began = clock();
    let mut reports = Vec::new();
    for (place, suite) in suites.iter().enumerate() {
        let title = format!("[{}/{}] {}", place + 1, suites.len(), suite.name);
        let report = run_one(&mut session, suite, &title, clock)
            .map_err(|why| format!("{}: {why}", suite.name))?;
        show(&session, &title, &report);
        reports.push(report);
    }
    for suite in SUITES
        .iter()
        .filter(|suite| choice.skip.iter().any(|name| name == suite.name))
    {
        let end = End::Skipped("asked for by --skip".to_owned());
        reports.push(Report {
            name: suite.name,
            end,
            took: Duration::ZERO,
            tally: Tally::default(),
        });
    }
    drop(session);
    close(&reports, clock() - began, in_ci)
}

fn run_one(
    session: &mut Session,
    suite: &'static Suite,
    title: &str,
    clock: fn() -> Instant,
) -> std::io::Result<Report> {
    session.turn_to(suite.name, title)?;
    let began = clock();
    let end = match session.prepare(suite.needs) {
        Err(missing) => End::Skipped(missing),
        Ok(()) => {
            session.allow(Duration::from_secs(60 * suite.minutes_max));
            match (suite.run)(session) {
                Ok(()) => End::Passed,
                Err(why) => End::Failed(why),
            }
        }
    };
    session.rest();
    Ok(Report {
        name: suite.name,
        end,
        took: clock() - began,
        tally: Tally::read(session.output()),
    })
}

fn show(session: &Session, title: &str, report: &Report) {
    session.print(&row(title, report));
    if let End::Failed(_) = report.end {
        let lines: Vec<&str> = session.output().lines().collect();
        for line in &lines[lines.len().saturating_sub(LINES_SHOWN_MAX)..] {
            session.print(&format!("    {line}"));
        }
        let log = session.logs().join(format!("{}.log", report.name));
        session.print(&format!("    (all of it: {})", log.display()));
    }
}

fn row(title: &str, report: &Report) -> String {
    let (end, why) = match &report.end {
        End::Passed => ("passed", String::new()),
        End::Failed(why) => ("FAILED", format!(": {why}")),
        End::Skipped(why) => ("SKIPPED", format!(": {why}")),
    };
    let tests = match report.tally {
        Tally {
            passed: 0,
            failed: 0,
            skipped: 0,
        } => String::new(),
        Tally {
            passed,
            failed,
            skipped,
        } => {
            let mut text = format!("{passed} tests passed");
            for (count, word) in [(failed, "failed"), (skipped, "skipped")] {
                if count > 0 {
                    text.push_str(&format!(", {count} {word}"));
                }
            }
            text
        }
    };
    format!(
        "{title:18} {end:8} {:>4} s  {tests}{why}",
        report.took.as_secs()
    )
    .trim_end()
    .to_owned()
}

/// The table, the plain closing line, and whether all is well.
fn close(reports: &[Report], took: Duration, in_ci: bool) -> Result<(), String> {
    let count = |is: fn(&End) -> bool| reports.iter().filter(|report| is(&report.end)).count();
    let passed = count(|end| matches!(end, End::Passed));
    let failed = count(|end| matches!(end, End::Failed(_)));
    let skipped = count(|end| matches!(end, End::Skipped(_)));
    let mut tests = Tally::default();
    println!();
    for report in reports {
        println!("{}", row(report.name, report));
        tests.add(report.tally);
    }
    println!(
        "\ntook {} min {} s",
        took.as_secs() / 60,
        took.as_secs() % 60
    );
    println!(
        "tests: {} passed, {} failed, {} skipped; suites: {passed} passed, {failed} failed, {skipped} skipped",
        tests.passed, tests.failed, tests.skipped
    );
    if failed > 0 {
        return Err("some suites failed".to_owned());
    }
    if in_ci && (skipped > 0 || tests.skipped > 0) {
        return Err("skipping is an error while CI is set".to_owned());
    }
    Ok(())
}
