//! The payment most people would write first: ordinary statements between BEGIN and COMMIT on a PostgreSQL of its own, driven by
//! pgbench with 16 clients, durable (`fsync` and `synchronous_commit` on), with a warm cache and room for its log. It is measured as
//! pgbench sends statements unless told otherwise (the figure that the target is set against), and once more with prepared ones.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mamori::world::Failure;

const CLIENTS: u64 = 16;
/// More payments a second than this server will make: so many codes are laid out before.
const PER_SECOND_MAX: u64 = 8_000;

const TABLES: &str = "
CREATE TABLE wallets (wallet bigint PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
CREATE TABLE codes (code bigint PRIMARY KEY, wallet bigint NOT NULL, spent_at timestamptz);
CREATE TABLE requests (merchant int, name uuid, payment bigint NOT NULL, PRIMARY KEY (merchant, name));
CREATE TABLE payments (payment bigserial PRIMARY KEY, wallet bigint NOT NULL, till int NOT NULL, amount bigint NOT NULL,
    at timestamptz NOT NULL);
CREATE TABLE entries (payment bigint NOT NULL, account bigint NOT NULL, amount bigint NOT NULL, PRIMARY KEY (payment, account));
";

const PAYMENT: &str = r"\set n :n + 1
\set code :client_id + 16 * :n
\set amount random(1, 300)
\set till random(1, 100)
BEGIN;
UPDATE codes SET spent_at = now() WHERE code = :code AND spent_at IS NULL RETURNING wallet \gset
UPDATE wallets SET balance = balance - :amount WHERE wallet = :wallet AND balance >= :amount RETURNING balance \gset
INSERT INTO payments (wallet, till, amount, at) VALUES (:wallet, :till, :amount, now()) RETURNING payment \gset
INSERT INTO requests (merchant, name, payment) VALUES (1, gen_random_uuid(), :payment);
INSERT INTO entries (payment, account, amount) VALUES (:payment, :wallet, -1 * :amount);
INSERT INTO entries (payment, account, amount) VALUES (:payment, 0, :amount);
COMMIT;
";

/// Where the newest PostgreSQL's programs are (Debian keeps them beside the path).
fn programs() -> Result<PathBuf, Failure> {
    let debian = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let whole = |place: &PathBuf| {
        ["initdb", "pg_ctl", "psql", "pgbench"]
            .iter()
            .all(|name| place.join(name).is_file())
    };
    debian
        .chain(std::env::split_paths(&path))
        .filter(whole)
        .max()
        .ok_or_else(|| {
            "--compare needs PostgreSQL with pgbench (Debian: apt-get install postgresql)".into()
        })
}

/// Who may run PostgreSQL: it refuses root.
fn unprivileged() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").ok()?.uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").ok()?;
    ["postgres", "nobody"].iter().find_map(|name| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2);
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    })
}

/// A PostgreSQL in a directory of its own, stopped and removed on drop.
struct Private {
    programs: PathBuf,
    directory: PathBuf,
    owner: Option<(u32, u32)>,
}

impl Private {
    fn start(directory: &Path) -> Result<Private, Failure> {
        let private = Private {
            programs: programs()?,
            directory: directory.to_owned(),
            owner: unprivileged(),
        };
        fs::create_dir_all(directory)?;
        if let Some((user, group)) = private.owner {
            chown(directory, Some(user), Some(group))?;
        }
        private.run(
            "initdb",
            &[
                "-D",
                "data",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
            ],
        )?;
        let settings = format!(
            "listen_addresses=''\nunix_socket_directories='{}'\nfsync=on\nsynchronous_commit=on\nfull_page_writes=on\n\
             shared_buffers=512MB\nmax_wal_size=8GB\ncheckpoint_timeout=30min\nautovacuum=on\n",
            directory.display()
        );
        let file = directory.join("data/postgresql.conf");
        let whole = fs::read_to_string(&file)? + &settings;
        fs::write(&file, whole)?;
        private.run("pg_ctl", &["-D", "data", "-w", "-l", "log", "start"])?;
        Ok(private)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<Output, Failure> {
        let mut command = Command::new(self.programs.join(program));
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env("LC_ALL", "C");
        command
            .env("PGHOST", &self.directory)
            .env("PGUSER", "postgres")
            .env("PGDATABASE", "postgres");
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        // A daemon that inherits a pipe would keep it open for ever: pg_ctl's output goes to its log file.
        let output = if program == "pg_ctl" {
            let status = command
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .status()?;
            Output {
                status,
                stdout: Vec::new(),
                stderr: Vec::new(),
            }
        } else {
            command.output()?
        };
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("{program}: {}", text.lines().next().unwrap_or("failed")).into());
        }
        Ok(output)
    }

    fn sql(&self, text: &str) -> Result<(), Failure> {
        self.run("psql", &["-q", "-v", "ON_ERROR_STOP=1", "-c", text])
            .map(drop)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = self.run("pg_ctl", &["-D", "data", "-m", "immediate", "-w", "stop"]);
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Payments a second that PostgreSQL makes of the hand-written statements.
pub struct Rates {
    /// Each statement sent as text, as pgbench does by default.
    pub plain: f64,
    /// Each statement prepared once per connection.
    pub prepared: f64,
}

/// Measures in a fresh server under `directory`, `seconds` for each rate.
pub fn run(
    directory: &Path,
    wallets: u64,
    seconds: u64,
    mut told: impl FnMut(&str),
) -> Result<Rates, Failure> {
    told("hand-written PostgreSQL: laying out wallets and codes");
    let server = Private::start(directory)?;
    server.sql(TABLES)?;
    let codes = 2 * seconds * PER_SECOND_MAX + 2 * CLIENTS;
    server.sql(&format!(
        "INSERT INTO wallets SELECT wallet, 1000000 FROM generate_series(1, {wallets}) AS wallet"
    ))?;
    server.sql(&format!(
        "INSERT INTO codes SELECT code, 1 + floor(random() * {wallets})::bigint FROM generate_series(1, {codes}) AS code"
    ))?;
    server.sql("VACUUM ANALYZE")?;
    server.sql("CHECKPOINT")?;
    fs::write(directory.join("payment.sql"), PAYMENT)?;
    let pay = |protocol: &str, codes_used: u64| -> Result<f64, Failure> {
        let (clients, seconds) = (CLIENTS.to_string(), seconds.to_string());
        let turn = format!("n={}", codes_used / CLIENTS);
        let arguments = [
            "-n",
            "-M",
            protocol,
            "-D",
            &turn,
            "-f",
            "payment.sql",
            "-c",
            &clients,
            "-j",
            "2",
            "-T",
            &seconds,
        ];
        let output = server.run("pgbench", &arguments)?;
        per_second(&String::from_utf8_lossy(&output.stdout))
    };
    told("hand-written PostgreSQL: paying, statements as text");
    let plain = pay("simple", 0)?;
    told("hand-written PostgreSQL: paying, prepared statements");
    let prepared = pay("prepared", seconds * PER_SECOND_MAX)?;
    Ok(Rates { plain, prepared })
}

fn per_second(text: &str) -> Result<f64, Failure> {
    let after = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.split_whitespace().next())
    };
    if after("number of failed transactions:").is_some_and(|failed| failed != "0") {
        return Err(format!("pgbench reports failed payments:\n{text}").into());
    }
    after("tps =")
        .and_then(|rate| rate.parse().ok())
        .ok_or_else(|| format!("pgbench said no rate:\n{text}").into())
}

#[cfg(test)]
mod tests {
    use super::per_second;

    #[test]
    fn the_rate_is_read_and_failures_are_not_overlooked() {
        let text = "number of failed transactions: 0 (0.000%)\ntps = 1760.25 (without initial connection time)\n";
        assert!((per_second(text).unwrap() - 1760.25).abs() < 0.001);
        assert!(per_second(&text.replace(": 0", ": 3")).is_err());
        assert!(per_second("").is_err());
    }
}
