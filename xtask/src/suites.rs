//! The suites of `cargo xtask test`, in the order they run: what is quick and often broken comes first.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::machine::{self, Need};
use crate::peers::CardPeer;
use crate::secrets;
use crate::session::Session;
use crate::tidy;

/// One thing that is shown to be true, or not.
pub struct Suite {
    pub name: &'static str,
    /// What its passing shows, for `--list`.
    pub shows: &'static str,
    pub needs: &'static [Need],
    /// Suites that must have run before, also when only this one is asked for.
    pub stands_on: &'static [&'static str],
    /// A suite that takes longer is ended and has failed.
    pub minutes_max: u64,
    pub run: fn(&mut Session) -> Result<(), String>,
}

/// Every suite there is.
pub const SUITES: &[Suite] = &[
    Suite {
        name: "tidy",
        shows: "the rules of the tree: arrows, unused dependencies, cycles, clock and chance, floats, names, links, dictionaries",
        needs: &[],
        stands_on: &[],
        minutes_max: 1,
        run: tidy_alone,
    },
    Suite {
        name: "format",
        shows: "cargo fmt --check",
        needs: &[],
        stands_on: &[],
        minutes_max: 1,
        run: |session| session.command(Command::new("cargo").args(["fmt", "--all", "--check"])),
    },
    Suite {
        name: "lint",
        shows: "cargo clippy with every warning an error",
        needs: &[],
        stands_on: &[],
        minutes_max: 15,
        run: |session| {
            session.command(Command::new("cargo").args([
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]))
        },
    },
    Suite {
        name: "unit",
        shows: "rules, stories, routes and storage on SQLite and PostgreSQL; cards against localstripe",
        needs: &[
            Need::Nextest,
            Need::PythonPackages,
            Need::Postgres,
            Need::Openssl,
        ],
        stands_on: &[],
        minutes_max: 15,
        run: |session| {
            let cards = CardPeer::start(session.root(), session.logs())?;
            session.command(
                Command::new("cargo")
                    .args(["nextest", "run", "--workspace", "--locked"])
                    .env("MAMORI_LOCALSTRIPE_URL", cards.url()),
            )
        },
    },
    Suite {
        name: "build",
        shows: "the release build, which the suites below drive",
        needs: &[],
        stands_on: &[],
        minutes_max: 20,
        run: |session| {
            session.command(Command::new("cargo").args(["build", "--release", "--locked"]))
        },
    },
    Suite {
        name: "licences",
        shows: "cargo deny: licences, banned crates, sources",
        needs: &[Need::Deny],
        stands_on: &[],
        minutes_max: 5,
        run: |session| {
            session.command(Command::new("cargo").args([
                "deny",
                "--all-features",
                "check",
                "bans",
                "licenses",
                "sources",
            ]))
        },
    },
    Suite {
        name: "pages",
        shows: "the pages' own scripts: types, texts in both languages, every step of a sale, a code, a top-up",
        needs: &[Need::NodePackages],
        stands_on: &[],
        minutes_max: 2,
        run: pages_alone,
    },
    Suite {
        name: "codes",
        shows: "barcodes, QR codes and payloads read by decoders that others wrote",
        needs: &[Need::PythonPackages],
        stands_on: &[],
        minutes_max: 5,
        run: |session| read_by_peer(session, "mamori-codes", "peers", "codes_peers.py"),
    },
    Suite {
        name: "passkeys",
        shows: "the keys that the registry stores verify assertions in a library that is not ours (PyPI fido2), and refuse the same ones",
        needs: &[Need::PythonPackages],
        stands_on: &[],
        minutes_max: 5,
        run: |session| read_by_peer(session, "mamori-server", "passkeys", "passkeys_peer.py"),
    },
    Suite {
        name: "push",
        shows: "push messages read and their senders proven by libraries that are not ours (PyPI http-ece, py-vapid)",
        needs: &[Need::PythonPackages],
        stands_on: &[],
        minutes_max: 5,
        run: |session| read_by_peer(session, "mamori-connectors", "push", "push_peer.py"),
    },
    Suite {
        name: "sdk",
        shows: "the official Node and Python SDKs, unmodified: create, read, cancel, refund, scan; what PHP's and Java's send; Java's own HTTP client when answers are lost",
        needs: &[Need::NodePackages, Need::PythonPackages, Need::Java],
        stands_on: &["build"],
        minutes_max: 5,
        run: |session| {
            let server = session.dev_server("sdk")?;
            let node = [
                "--test",
                // One after the other: a wallet has one live code, and both files scan the same customer's.
                "--test-concurrency=1",
                "tests/peers/sdk_node.test.mjs",
                "tests/peers/java_register.test.mjs",
            ];
            session.command(server.seen_by(Command::new("node").args(node)))?;
            session.command(server.seen_by(&mut pytest(session, "sdk_python_test.py")))?;
            session.command(server.seen_by(&mut pytest(session, "recorded_test.py")))?;
            session.command(server.seen_by(&mut pytest(session, "password_test.py")))
        },
    },
    Suite {
        name: "attacks",
        shows: "some four hundred attacks, each with the answer that held: signatures, passkeys, bodies, hosts, other sites, smuggling, other people's things",
        needs: &[Need::NodePackages],
        stands_on: &["build"],
        minutes_max: 3,
        run: |session| {
            let server = session.dev_server("attacks")?;
            let node = ["--test", "tests/attacks/"];
            session.command(server.seen_by(Command::new("node").args(node)))
        },
    },
    Suite {
        name: "browser",
        shows: "phone, till, console and inbox in Chromium: the whole story, keyboard, axe, zbar, camera",
        needs: &[
            Need::Chromium,
            Need::Zbar,
            Need::JapaneseFont,
            Need::NodePackages,
        ],
        stands_on: &["build"],
        minutes_max: 20,
        run: |session| {
            let server = session.dev_server("browser")?;
            let node = ["--test", "--test-concurrency=1", "tests/browser/"];
            session.command(server.seen_by(Command::new("node").args(node)))
        },
    },
    Suite {
        name: "fields",
        shows: "every field of the merchant API wrong in every way: typed refusals, no server error",
        needs: &[Need::PythonPackages],
        stands_on: &["build"],
        minutes_max: 10,
        run: |session| {
            let server = session.dev_server("fields")?;
            session.command(server.seen_by(&mut pytest(session, "bad_input_test.py")))
        },
    },
    Suite {
        name: "fuzz",
        shows: "schemathesis on the API description: answers are as described, whatever is asked",
        needs: &[Need::PythonPackages],
        stands_on: &["build"],
        minutes_max: 10,
        run: fuzz,
    },
    Suite {
        name: "storm",
        shows: "ten million random acts with faults, every answer and sum against a second model",
        needs: &[],
        stands_on: &["build"],
        minutes_max: 10,
        run: |session| {
            let program = session.laboratory();
            session.command(Command::new(program).args(["sim", "--acts", "10000000"]))
        },
    },
    Suite {
        name: "crash",
        shows: "`mamori serve` killed fifty times under load on both stores, and stopped, overtaken, continued: nothing lost, nothing doubled",
        needs: &[Need::Postgres],
        stands_on: &["build"],
        minutes_max: 20,
        run: |session| {
            let trial = |session: &Session, words: &[&str]| {
                let mut command = Command::new(session.laboratory());
                command.args(words).arg("--program").arg(session.product());
                command
            };
            session.command(&mut trial(session, &["crashtest", "--kills", "50"]))?;
            let url = session.postgres()?;
            let words = ["crashtest", "--kills", "50", "--store", &url];
            session.command(&mut trial(session, &words))?;
            let url = session.postgres()?;
            session.command(&mut trial(session, &["standbytest", "--store", &url]))?;
            // Once more where transactions get into each other's way: a conflict is sent again, and no client hears of it.
            let url = session.contended_postgres()?;
            let words = ["crashtest", "--kills", "10", "--store", &url];
            session.command(&mut trial(session, &words))
        },
    },
    Suite {
        name: "disk",
        shows: "a disk that is really full: ask again, but freezes, cancels and refunds are taken; nothing lost",
        needs: &[Need::SmallDisk],
        stands_on: &["build"],
        minutes_max: 5,
        run: |session| {
            let disk = session.logs().join("disk");
            std::fs::create_dir_all(&disk).map_err(|why| why.to_string())?;
            let mut trial = machine::on_small_disk(160, &session.laboratory(), "disktest", &disk);
            session.command(trial.arg("--program").arg(session.product()))
        },
    },
    Suite {
        name: "secrets",
        shows: "no code, key, token or card number of the runs above stands in any log",
        needs: &[],
        stands_on: &["sdk", "attacks", "browser"],
        minutes_max: 1,
        run: secrets::stand_in_no_log,
    },
];

/// The types of the pages' scripts, and their rules played through without a browser.
fn pages_alone(session: &mut Session) -> Result<(), String> {
    let compiler = "tests/node_modules/typescript/bin/tsc";
    // The worker runs beside the pages and not in one: another library of types is true for it.
    for project in ["web/tsconfig.json", "web/tsconfig.worker.json"] {
        session.command(Command::new("node").args([compiler, "-p", project]))?;
    }
    let node = ["--import", "./web/test/assets.mjs", "--test", "web/test/"];
    session.command(Command::new("node").args(node))
}

/// What an example of a crate writes is read by a program that knows nothing of ours.
fn read_by_peer(session: &mut Session, of: &str, example: &str, peer: &str) -> Result<(), String> {
    let written = session.logs().join(format!("{peer}.in"));
    let file = File::create(&written).map_err(|why| why.to_string())?;
    let made = Command::new("cargo")
        .args(["run", "--quiet", "--locked", "-p", of, "--example", example])
        .current_dir(session.root())
        .stdin(Stdio::null())
        .stdout(file)
        .status()
        .map_err(|why| why.to_string())?;
    if !made.success() {
        return Err(format!("the example {example} of {of} wrote nothing"));
    }
    let python = session.root().join("tests/.venv/bin/python");
    let reader = "exec \"$0\" \"$1\" < \"$2\"";
    session.command(
        Command::new("sh")
            .arg("-c")
            .arg(reader)
            .arg(python)
            .arg(format!("tests/peers/{peer}"))
            .arg(written),
    )
}

fn pytest(session: &Session, file: &str) -> Command {
    let mut command = Command::new(session.root().join("tests/.venv/bin/python"));
    command.args(["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", file]);
    command.current_dir(session.root().join("tests/peers"));
    command
}

/// One seed, so that a finding can be found again; the examples it has kept would make runs differ.
fn fuzz(session: &mut Session) -> Result<(), String> {
    let server = session.dev_server("fuzz")?;
    let peers = session.root().join("tests/peers");
    let mut schemathesis = Command::new(session.root().join("tests/.venv/bin/st"));
    schemathesis
        .args([
            "--config-file",
            "schemathesis.toml",
            "run",
            "../../docs/openapi.json",
        ])
        .args(["--url", &server.base_url()?, "--checks", "all"])
        // The hook signs every call, also those that this check sends unsigned on purpose; the suite `fields` tries
        // every wrong signature instead.
        .args(["--exclude-checks", "ignored_auth"])
        .args([
            "--max-examples",
            "60",
            "--seed",
            "1",
            "--generation-database",
            "none",
        ])
        .args(["--no-color", "--workers", "1"])
        .env("SCHEMATHESIS_HOOKS", "signing_hooks")
        .env("PYTHONPATH", &peers)
        .current_dir(&peers);
    session.command(server.seen_by(&mut schemathesis))
}

fn tidy_alone(session: &mut Session) -> Result<(), String> {
    let findings = tidy::inspect(session.root()).map_err(|why| why.to_string())?;
    for finding in &findings {
        session.note(&finding.to_string());
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(format!("{} findings", findings.len()))
    }
}

/// Which suites the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub only: Vec<String>,
    pub skip: Vec<String>,
    pub list: bool,
}

impl Choice {
    /// From the words after `test`. Names that are no suite are refused by name.
    pub fn read(words: &[&str]) -> Result<Choice, String> {
        let mut choice = Choice::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (flag, value) = word
                .split_once('=')
                .map_or((*word, None), |(flag, value)| (flag, Some(value)));
            let mut names = || -> Result<Vec<String>, String> {
                let list = value
                    .or_else(|| words.next().copied())
                    .ok_or(format!("{flag} needs the name of a suite"))?;
                list.split(',').map(known_suite).collect()
            };
            match flag {
                "--only" => choice.only.extend(names()?),
                "--skip" => choice.skip.extend(names()?),
                "--list" => choice.list = true,
                other => return Err(format!("`{other}` is not known")),
            }
        }
        Ok(choice)
    }

    /// The suites to run, in order, with those they stand on.
    pub fn suites(&self) -> Vec<&'static Suite> {
        let asked = |suite: &&Suite| {
            let by_name = |name: &&str| self.only.iter().any(|only| only == name);
            self.only.is_empty()
                || by_name(&suite.name)
                || SUITES
                    .iter()
                    .any(|other| by_name(&other.name) && other.stands_on.contains(&suite.name))
        };
        SUITES
            .iter()
            .filter(asked)
            .filter(|suite| !self.skip.iter().any(|name| name == suite.name))
            .collect()
    }
}

fn known_suite(name: &str) -> Result<String, String> {
    if SUITES.iter().any(|suite| suite.name == name) {
        return Ok(name.to_owned());
    }
    let names: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
    Err(format!(
        "`{name}` is no suite; there are: {}",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Vec<&'static str> {
        Choice::read(words)
            .expect("known words")
            .suites()
            .into_iter()
            .map(|suite| suite.name)
            .collect()
    }

    #[test]
    fn all_one_or_all_but_one() {
        assert_eq!(names(&[]).len(), SUITES.len());
        assert_eq!(names(&["--only", "unit,tidy"]), ["tidy", "unit"]);
        assert_eq!(names(&["--skip=build"]).len(), SUITES.len() - 1);
        assert!(Choice::read(&["--only", "nothing"]).is_err());
        assert!(Choice::read(&["--only"]).is_err());
    }

    #[test]
    fn a_suite_stands_only_on_suites_before_it() {
        for (place, suite) in SUITES.iter().enumerate() {
            for below in suite.stands_on {
                let found = SUITES.iter().position(|other| other.name == *below);
                assert!(
                    found.is_some_and(|other| other < place),
                    "{} stands on {below}",
                    suite.name
                );
            }
        }
    }
}
