//! What a suite has at hand while it runs: the workspace, its log, the live line, and the servers it talks to.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::dev_server::DevServer;
use crate::machine::{self, Need};
use crate::postgres::Postgres;

/// What a suite may use while it runs.
pub struct Session {
    root: PathBuf,
    clock: fn() -> Instant,
    logs: PathBuf,
    log: File,
    line: ProgressBar,
    deadline: Instant,
    output: String,
    postgres: Option<Postgres>,
}

impl Session {
    /// A run in the workspace `root`; `clock` bounds and times its suites.
    pub fn open(root: &Path, clock: fn() -> Instant) -> std::io::Result<Session> {
        let logs = root.join("build/test");
        std::fs::create_dir_all(&logs)?;
        let line = if std::io::stderr().is_terminal() {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        line.set_style(
            ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}")
                .expect("a fixed template"),
        );
        let log = File::create(logs.join("machine.log"))?;
        Ok(Session {
            root: root.to_owned(),
            clock,
            logs,
            log,
            line,
            deadline: clock(),
            output: String::new(),
            postgres: None,
        })
    }

    /// Turns to the next suite: a log of its own, an empty memory of what was printed.
    pub fn turn_to(&mut self, name: &str, title: &str) -> std::io::Result<()> {
        self.log = File::create(self.logs.join(format!("{name}.log")))?;
        self.output.clear();
        self.line.reset();
        self.line.set_prefix(title.to_owned());
        self.line.enable_steady_tick(Duration::from_millis(120));
        if self.line.is_hidden() {
            println!("{title} ...");
        }
        Ok(())
    }

    /// Brings onto the machine what a suite needs; an error says what is missing.
    pub fn prepare(&mut self, needs: &[Need]) -> Result<(), String> {
        let line = self.line.clone();
        machine::prepare(&self.root, needs, &mut |step| {
            if line.is_hidden() {
                println!("    {step}");
            }
            line.set_message(step.to_owned());
        })
    }

    /// From now on the suite has this long.
    pub fn allow(&mut self, time: Duration) {
        self.deadline = (self.clock)() + time;
    }

    /// Prints above the live line.
    pub fn print(&self, text: &str) {
        self.line.suspend(|| println!("{text}"));
    }

    /// The live line rests until the next suite.
    pub fn rest(&self) {
        self.line.disable_steady_tick();
        self.line.set_message("");
    }

    /// Everything the suite has printed so far.
    pub fn output(&self) -> &str {
        &self.output
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where logs and other leavings of this run lie: `build/test`, emptied only by the next run.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// Writes one line into the suite's log.
    pub fn note(&mut self, line: &str) {
        self.line.set_message(line.to_owned());
        self.output.push_str(line);
        self.output.push('\n');
        let _ = writeln!(self.log, "{line}");
    }

    /// The address of a new, empty database on a PostgreSQL that lives as long as the run.
    pub fn postgres(&mut self) -> Result<String, String> {
        self.running_postgres()?.database()
    }

    /// The same, where every transaction is serialisable and one in five fails with 40001.
    pub fn contended_postgres(&mut self) -> Result<String, String> {
        let sql = self
            .root
            .join("crates/datastore/src/testing/contention.sql");
        self.running_postgres()?.database_with(&sql)
    }

    fn running_postgres(&mut self) -> Result<&mut Postgres, String> {
        if self.postgres.is_none() {
            self.note("starting PostgreSQL");
            self.postgres = Some(Postgres::start(&self.logs)?);
        }
        Ok(self.postgres.as_mut().expect("just started"))
    }

    /// The laboratory's program that `build` made, or the one named by `MAMORI_BIN`.
    pub fn laboratory(&self) -> PathBuf {
        std::env::var_os("MAMORI_BIN").map_or_else(
            || self.root.join("target/release/mamori-lab"),
            PathBuf::from,
        )
    }

    /// The product's program beside it: what the laboratory's trials kill, stop and fill up.
    pub fn product(&self) -> PathBuf {
        self.laboratory().with_file_name("mamori")
    }

    /// A fresh `mamori-lab dev` for the suite `name`.
    pub fn dev_server(&mut self, name: &str) -> Result<DevServer, String> {
        self.note("starting mamori-lab dev");
        DevServer::start(&self.laboratory(), &self.logs, name)
    }

    /// Runs a program of the suite in the workspace, its words into the log; not zero, or too long, is an error.
    pub fn command(&mut self, command: &mut Command) -> Result<(), String> {
        self.note(&format!("$ {command:?}"));
        let (reader, writer) = std::io::pipe().map_err(|why| why.to_string())?;
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        path.push(":");
        path.push(machine::tools(&self.root).join("bin"));
        if command.get_current_dir().is_none() {
            command.current_dir(&self.root);
        }
        let mut child = command
            .env("PATH", path)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(|why| why.to_string())?)
            .stderr(writer)
            .spawn()
            .map_err(|why| format!("{:?}: {why}", command.get_program()))?;
        // `command` keeps our ends of the pipe; the reader sees the end only once they are closed.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let lines = lines_of(reader);
        loop {
            let left = self.deadline.saturating_duration_since((self.clock)());
            match lines.recv_timeout(left) {
                Ok(line) => self.note(&line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let group = format!("-{}", child.id());
                    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
                    let _ = child.wait();
                    return Err("took too long and was ended".to_owned());
                }
            }
        }
        let status = child.wait().map_err(|why| why.to_string())?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("{:?} ended with {status}", command.get_program()))
        }
    }
}

/// Lines as they come, from a thread of their own so that waiting for one can be bounded.
fn lines_of(reader: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(reader).split(b'\n') {
            let Ok(line) = line else { break };
            if sender
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                break;
            }
        }
    });
    receiver
}
