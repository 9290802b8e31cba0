//! A PostgreSQL of our own for the length of a run: a fresh cluster in a folder, a free port, gone afterwards.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::machine;

/// A running server; dropping it stops it.
pub struct Postgres {
    server: Child,
    folder: PathBuf,
    port: u16,
    databases: u32,
}

impl Postgres {
    /// Starts a durable (`fsync=on`) server with a superuser `mamori`, reachable on loopback without a password.
    pub fn start(logs: &Path) -> Result<Postgres, String> {
        const TRIES_MAX: u32 = 300;
        let programs = machine::postgres_programs().ok_or("PostgreSQL 15 is not installed")?;
        let folder = std::env::temp_dir().join(format!("mamori-postgres-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
        if machine::is_root() {
            // PostgreSQL refuses to run as root: the package's own user owns the folder instead.
            done(Command::new("chown").arg("postgres").arg(&folder))?;
        }
        let data = folder.join("data");
        let options = [
            "--username=mamori",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-instructions",
        ];
        done(
            as_unprivileged(&programs.join("initdb"))
                .arg("--pgdata")
                .arg(&data)
                .args(options),
        )?;
        let port = free_port().map_err(|why| why.to_string())?;
        let log = File::create(logs.join("postgres.log")).map_err(|why| why.to_string())?;
        let server = as_unprivileged(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "-c",
                "max_connections=200",
            ])
            .arg("-k")
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|why| why.to_string())?)
            .stderr(log)
            .spawn()
            .map_err(|why| format!("postgres: {why}"))?;
        let postgres = Postgres {
            server,
            folder,
            port,
            databases: 0,
        };
        for _ in 0..TRIES_MAX {
            let ready = Command::new(programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])
                .status()
                .is_ok_and(|status| status.success());
            if ready && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(postgres);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err("postgres did not come up within 30 s".to_owned())
    }

    /// A new, empty database for `--store` and for tests, as superuser.
    pub fn database(&mut self) -> Result<String, String> {
        self.databases += 1;
        let name = format!("store_{}", self.databases);
        let programs = machine::postgres_programs().ok_or("PostgreSQL 15 is not installed")?;
        done(
            Command::new(programs.join("createdb"))
                .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
                .args(["-U", "mamori", &name]),
        )?;
        Ok(format!("postgres://mamori@127.0.0.1:{}/{name}", self.port))
    }

    /// A new database with the statements of a file run in it.
    pub fn database_with(&mut self, sql: &Path) -> Result<String, String> {
        let url = self.database()?;
        let programs = machine::postgres_programs().ok_or("PostgreSQL 15 is not installed")?;
        done(
            Command::new(programs.join("psql"))
                .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &url, "-f"])
                .arg(sql),
        )?;
        Ok(url)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // An immediate shutdown (SIGQUIT) waits for no client; the data is thrown away anyway.
        if let Ok(pid) = std::fs::read_to_string(self.folder.join("data/postmaster.pid")) {
            let pid = pid.lines().next().unwrap_or_default().to_owned();
            let _ = Command::new("kill").args(["-QUIT", &pid]).status();
        }
        let _ = self.server.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn as_unprivileged(program: &Path) -> Command {
    let mut command;
    if machine::is_root() {
        command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
    } else {
        command = Command::new(program);
    }
    // The caller's folder may be closed to that user.
    command.current_dir(std::env::temp_dir());
    command
}

/// Free at the time of asking: PostgreSQL cannot choose its port itself.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

fn done(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("{command:?}: {why}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    ))
}
