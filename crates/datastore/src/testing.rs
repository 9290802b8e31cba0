//! For tests only: scratch directories and a real PostgreSQL, started and ended by the test itself; a look at every statement.
//!
//! Behind the feature `testing`; no program enables it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread;

use crate::sql::Location;

pub mod statements;

/// A directory of its own that is removed at the end.
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes an empty directory whose name begins with `name` (short: a socket path has 107 bytes).
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("mamori-{name}-{}-{count}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the temporary directory is writable");
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An embedded store inside it.
    pub fn location(&self) -> Location {
        Location::Directory(self.path.clone())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A PostgreSQL server of this test, on a Unix socket in a scratch directory.
///
/// It is durable like a real one (`fsync=on`), because the engine refuses anything less.
pub struct Postgres {
    scratch: Scratch,
    owner: Option<(u32, u32)>,
    binaries: PathBuf,
    server: Option<Child>,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts a server, or says by name what is skipped where PostgreSQL is not installed (an error when `CI` is set).
    pub fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            assert!(
                std::env::var_os("CI").is_none(),
                "PostgreSQL is not installed: its tests must run here"
            );
            eprintln!("skipped: PostgreSQL is not installed (Debian: apt-get install postgresql)");
            return None;
        };
        let scratch = Scratch::new("pg");
        let owner = unprivileged_owner();
        if let Some((user, group)) = owner {
            chown(scratch.path(), Some(user), Some(group)).expect("root may give a directory away");
        }
        let mut postgres = Self {
            scratch,
            owner,
            binaries,
            server: None,
            databases: AtomicU32::new(0),
        };
        let mut initdb = postgres.command("initdb");
        initdb.args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ]);
        let made = initdb
            .arg(postgres.data())
            .stdin(Stdio::null())
            .output()
            .expect("initdb runs");
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        postgres.resume();
        Some(postgres)
    }

    /// The server of this process, started by the first user and ended by the last: a server in a static would outlive
    /// the tests.
    pub fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Some(running);
        }
        let started = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&started);
        Some(started)
    }

    /// Makes an empty database and says where it is.
    pub fn database(&self) -> Location {
        Location::parse(&self.database_url()).expect("a valid address")
    }

    /// Makes an empty database and gives its address as `--store` takes it.
    pub fn database_url(&self) -> String {
        let name = format!("store_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.administer(&format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// Makes a database in which every transaction is serialisable and one in five fails with 40001; with its name, for
    /// [`conflicts`](Self::conflicts).
    pub fn contended_database(&self) -> (String, Location) {
        let url = self.database_url();
        let mut client = postgres::Client::connect(&url, postgres::NoTls).expect("it was made");
        client
            .batch_execute(include_str!("testing/contention.sql"))
            .expect("the administrator may do that");
        let name = url.rsplit('/').next().unwrap_or_default().to_owned();
        (name, Location::parse(&url).expect("a valid address"))
    }

    /// How many transactions of a contended database have failed so far.
    pub fn conflicts(&self, database: &str) -> i64 {
        let mut client = postgres::Client::connect(&self.url(database), postgres::NoTls)
            .expect("the server answers");
        let row = client
            .query_one("TABLE contention.failures", &[])
            .expect("it is a contended database");
        if row.get("is_called") {
            row.get("last_value")
        } else {
            0
        }
    }

    /// The address of a database by name.
    pub fn url(&self, database: &str) -> String {
        let socket = self
            .scratch
            .path()
            .display()
            .to_string()
            .replace('/', "%2F");
        format!("postgres://postgres@{socket}/{database}")
    }

    /// Runs a statement as the administrator, outside of any store.
    pub fn administer(&self, sql: &str) {
        let mut client = postgres::Client::connect(&self.url("postgres"), postgres::NoTls)
            .expect("the server answers");
        client.batch_execute(sql).expect("the statement runs");
    }

    /// Starts the server again on a TCP port of the loopback address too, with a certificate for `localhost` if `certificates` are
    /// given; returns the port.
    pub fn resume_on_tcp(&mut self, certificates: Option<&Certificates>) -> u16 {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let listen = ["listen_addresses=127.0.0.1".into(), format!("port={port}")];
        let mut settings = listen.to_vec();
        if let Some(certificates) = certificates {
            // The server takes a key that its own user alone can read.
            for name in ["server.crt", "server.key"] {
                let path = self.scratch.path().join(name);
                fs::copy(certificates.scratch.path().join(name), &path).expect("it was made");
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
                if let Some((user, group)) = self.owner {
                    chown(&path, Some(user), Some(group)).expect("root may give a file away");
                }
                let (setting, path) = (name.replace("server.", ""), path.display());
                let setting = setting.replace("crt", "cert");
                settings.push(format!("ssl_{setting}_file={path}"));
            }
            settings.push("ssl=on".into());
        }
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        self.resume_with(&settings);
        port
    }

    /// Ends the server at once, as a power cut would: connections break, nothing is flushed.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            // SIGQUIT is PostgreSQL's "immediate shutdown"; its children leave with it.
            let _ = Command::new("kill")
                .args(["-QUIT", &server.id().to_string()])
                .status();
            let _ = server.wait();
        }
    }

    /// Starts the server again on the same data, with its recovery; returns when it accepts connections.
    pub fn resume(&mut self) {
        self.resume_with(&[]);
    }

    /// Like [`resume`](Self::resume) with settings such as `fsync=off`.
    pub fn resume_with(&mut self, settings: &[&str]) {
        self.kill();
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.scratch.path());
        let quiet = [
            "listen_addresses=",
            "shared_buffers=32MB",
            "max_connections=60",
            "autovacuum=off",
        ];
        for setting in quiet.iter().chain(settings) {
            command.args(["-c", setting]);
        }
        let mut server = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("postgres runs");
        let log = server.stderr.take().expect("its log is piped");
        let (ready, is_ready) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = Vec::new();
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                if line.contains("ready to accept connections") {
                    let _ = ready.send(Ok(()));
                }
                lines.push(line);
            }
            let _ = ready.send(Err(lines.join("\n")));
        });
        self.server = Some(server);
        if let Ok(Err(log)) = is_ready.recv() {
            panic!("PostgreSQL did not start: {log}");
        }
    }

    fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        command.env("LC_ALL", "C").current_dir(self.scratch.path());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An authority, and a certificate of it for `localhost`; made anew, for a day.
pub struct Certificates {
    scratch: Scratch,
}

impl Certificates {
    /// Makes them with `openssl`, or says what is skipped where that is not installed (an error when `CI` is set).
    pub fn make() -> Option<Self> {
        let scratch = Scratch::new("tls");
        let names = "subjectAltName=DNS:localhost\n";
        fs::write(scratch.path().join("names"), names).expect("a scratch file");
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        for arguments in [
            format!("req -x509 {key} -keyout ca.key -out ca.crt -subj /CN=authority -days 1"),
            format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"),
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 1 -extfile names".into(),
        ] {
            let made = Command::new("openssl")
                .args(arguments.split(' '))
                .current_dir(scratch.path())
                .stdin(Stdio::null())
                .output();
            let Ok(made) = made else {
                assert!(
                    std::env::var_os("CI").is_none(),
                    "openssl is not installed: its tests must run here"
                );
                eprintln!("skipped: openssl is not installed (Debian: apt-get install openssl)");
                return None;
            };
            let words = String::from_utf8_lossy(&made.stderr);
            assert!(made.status.success(), "openssl {arguments}: {words}");
        }
        Some(Self { scratch })
    }

    /// The authority's certificate, for `sslrootcert`.
    pub fn authority(&self) -> PathBuf {
        self.scratch.path().join("ca.crt")
    }
}

/// Both kinds of store for one test; PostgreSQL is skipped by name where it is not installed.
pub struct Stores {
    postgres: Option<Postgres>,
}

impl Stores {
    /// Starts a server for the second kind.
    pub fn start() -> Self {
        Self {
            postgres: Postgres::start(),
        }
    }

    /// Runs `test` with a fresh store of each kind.
    pub fn each(&self, mut test: impl FnMut(&Location)) {
        let scratch = Scratch::new("store");
        test(&scratch.location());
        if let Some(postgres) = &self.postgres {
            test(&postgres.database());
        }
    }
}

/// Runs `test` once with a fresh store of each kind.
pub fn on_both(test: impl FnMut(&Location)) {
    Stores::start().each(test);
}

/// The newest installed server: Debian keeps them beside the path.
fn binaries() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = debian.chain(std::env::split_paths(&path)).collect();
    found.retain(|directory| {
        directory.join("initdb").is_file() && directory.join("postgres").is_file()
    });
    found.sort();
    found.pop()
}

/// PostgreSQL refuses to run as root: as root, the user `postgres` or else `nobody` runs it.
fn unprivileged_owner() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    if fs::metadata("/proc/self").ok()?.uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").ok()?;
    ["postgres", "nobody"].iter().find_map(|name| {
        let mut fields = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?
            .split(':')
            .skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}
