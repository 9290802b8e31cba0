//! What the tests need from the machine, and how it gets there.
//!
//! Debian's packages are installed by `apt-get` when we may, and named exactly when we may not. Packages of npm and PyPI
//! come by lock file into ignored folders below `tests/`; Rust's tools, minutes to compile, go into the user's cache and are there for the next
//! run, the next clean and the next checkout. Nothing else is touched.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Something a suite cannot run without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    Chromium,
    Zbar,
    JapaneseFont,
    Postgres,
    Openssl,
    Java,
    NodePackages,
    PythonPackages,
    Nextest,
    Deny,
    /// The right to mount a small file system of our own, seen by no other process.
    SmallDisk,
}

/// The oldest Node.js the browser driver runs on.
const NODE_MAJOR_MIN: u32 = 20;

impl Need {
    /// Debian's names of the packages that bring it.
    fn debian(self) -> &'static [&'static str] {
        match self {
            Need::Chromium => &["chromium"],
            Need::Zbar => &["zbar-tools"],
            Need::JapaneseFont => &["fonts-noto-cjk"],
            Need::Postgres => &["postgresql-15"],
            Need::Openssl => &["openssl"],
            Need::Java => &["default-jdk-headless"],
            Need::NodePackages => &["nodejs", "npm"],
            Need::PythonPackages => &["python3", "python3-venv"],
            Need::Nextest | Need::Deny | Need::SmallDisk => &[],
        }
    }

    /// Whether Debian's part of it is already here.
    fn is_on_the_machine(self) -> bool {
        match self {
            Need::Chromium => answers("chromium", &["--version"]),
            Need::Zbar => answers("zbarimg", &["--version"]),
            Need::JapaneseFont => said("fc-list", &[":lang=ja", "family"])
                .is_some_and(|fonts| !fonts.trim().is_empty()),
            Need::Postgres => postgres_programs().is_some(),
            Need::Openssl => answers("openssl", &["version"]),
            // The compiler says whether it is a JDK: a runtime alone cannot run a source file.
            Need::Java => answers("javac", &["-version"]),
            Need::NodePackages => answers("node", &["--version"]) && answers("npm", &["--version"]),
            Need::PythonPackages => answers("python3", &["-c", "import venv, ensurepip"]),
            Need::Nextest | Need::Deny | Need::SmallDisk => true,
        }
    }
}

/// Brings everything in `needs` onto the machine, telling `say` of each step that takes long. An error says what
/// the developer must do.
pub fn prepare(root: &Path, needs: &[Need], say: &mut dyn FnMut(&str)) -> Result<(), String> {
    debian_packages(needs, say)?;
    if needs.contains(&Need::NodePackages) {
        node_is_new_enough()?;
    }
    for need in needs {
        match need {
            Need::NodePackages => node_packages(root, say)?,
            Need::PythonPackages => python_packages(root, say)?,
            Need::Nextest => rust_tool(root, "cargo-nextest", say)?,
            Need::Deny => rust_tool(root, "cargo-deny", say)?,
            Need::SmallDisk => small_disk_is_permitted()?,
            _ => {}
        }
    }
    Ok(())
}

/// Where PostgreSQL 15 or newer keeps `initdb` and `postgres`: Debian's folder, the highest version first.
pub fn postgres_programs() -> Option<PathBuf> {
    const OLDEST: u32 = 15;
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let found = versions.flatten().filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        let programs = entry.path().join("bin");
        (version >= OLDEST && programs.join("initdb").exists()).then_some((version, programs))
    });
    found.max().map(|(_, programs)| programs)
}

/// Runs `program word DIR`, and whatever arguments are added, where DIR is a tmpfs of `mebibytes` that only this command sees and that is gone when it ends.
pub fn on_small_disk(mebibytes: u32, program: &Path, word: &str, dir: &Path) -> Command {
    let mut command = alone_with_mounts();
    let mount = format!("mount -t tmpfs -o size={mebibytes}m tmpfs \"$2\" && exec \"$0\" \"$@\"");
    command
        .args(["sh", "-c", &mount])
        .arg(program)
        .arg(word)
        .arg(dir);
    command
}

/// A mount namespace of its own; who is not root becomes root inside one.
fn alone_with_mounts() -> Command {
    let mut command = Command::new("unshare");
    if !is_root() {
        command.arg("--map-root-user");
    }
    command.arg("--mount");
    command
}

fn small_disk_is_permitted() -> Result<(), String> {
    let dir = std::env::temp_dir();
    let mut mount = on_small_disk(1, Path::new("test"), "-d", &dir);
    mount.stdout(Stdio::null()).stderr(Stdio::null());
    match mount.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(
            "a small file system may not be mounted here (`unshare --mount` and `mount -t tmpfs`; root, or user namespaces)"
                .to_owned(),
        ),
    }
}

/// Whether this process may do anything on this machine.
pub fn is_root() -> bool {
    said("id", &["-u"]).is_some_and(|id| id.trim() == "0")
}

fn debian_packages(needs: &[Need], say: &mut dyn FnMut(&str)) -> Result<(), String> {
    let mut missing: Vec<&str> = needs
        .iter()
        .filter(|need| !need.is_on_the_machine())
        .flat_map(|need| need.debian())
        .copied()
        .collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !is_root() || !answers("apt-get", &["--version"]) {
        return Err(format!(
            "The tests need some packages first. On Debian:\n\n    sudo apt-get install -y {list}\n"
        ));
    }
    say(&format!("apt-get install {list}"));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        finish(command)
    };
    apt(&["update", "-q"])?;
    let mut install = vec!["install", "-y", "-q", "--no-install-recommends"];
    install.extend(&missing);
    apt(&install)
}

fn node_is_new_enough() -> Result<(), String> {
    let version = said("node", &["--version"]).unwrap_or_default();
    let major = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|n| n.parse::<u32>().ok());
    match major {
        Some(major) if major >= NODE_MAJOR_MIN => Ok(()),
        _ => Err(format!(
            "Node.js {NODE_MAJOR_MIN} or newer is needed, `node --version` says {version:?}: https://nodejs.org"
        )),
    }
}

/// The packages of the tests, and those of the pages: a test of the pages that finds none of theirs would be left out.
fn node_packages(root: &Path, say: &mut dyn FnMut(&str)) -> Result<(), String> {
    ["tests", "web"].into_iter().try_for_each(|place| {
        let folder = root.join(place);
        let stamp = folder.join("node_modules/.installed-from");
        up_to_date(&folder.join("package-lock.json"), &stamp, || {
            say(&format!("npm ci ({place})"));
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts"]).current_dir(&folder);
            finish(npm)
        })
    })
}

fn python_packages(root: &Path, say: &mut dyn FnMut(&str)) -> Result<(), String> {
    let tests = root.join("tests");
    let list = tests.join("requirements.txt");
    up_to_date(&list, &tests.join(".venv/.installed-from"), || {
        say("pip install -r tests/requirements.txt");
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", ".venv"]).current_dir(&tests);
        finish(venv)?;
        let mut pip = Command::new(tests.join(".venv/bin/pip"));
        pip.args(["install", "-q", "-r", "requirements.txt"])
            .current_dir(&tests);
        finish(pip)
    })
}

/// Runs `install` unless `stamp` holds the very text of `list` already.
fn up_to_date(
    list: &Path,
    stamp: &Path,
    install: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let wanted = std::fs::read(list).map_err(|why| format!("{}: {why}", list.display()))?;
    if std::fs::read(stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    std::fs::write(stamp, wanted).map_err(|why| format!("{}: {why}", stamp.display()))
}

/// Where tools of ours lie that the machine does not have: to be put at the end of PATH. `MAMORI_TOOLS` names another folder, for
/// a CI that keeps one.
pub fn tools(root: &Path) -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    folder("MAMORI_TOOLS")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&folder("XDG_CACHE_HOME")?).join("mamori-tools")))
        .or_else(|| Some(Path::new(&folder("HOME")?).join(".cache/mamori-tools")))
        .unwrap_or_else(|| root.join("target/tools"))
}

fn rust_tool(root: &Path, tool: &str, say: &mut dyn FnMut(&str)) -> Result<(), String> {
    if answers(tool, &["--version"]) || tools(root).join("bin").join(tool).exists() {
        return Ok(());
    }
    say(&format!("cargo install {tool} (some minutes)"));
    let mut install = Command::new("cargo");
    install
        .args(["install", tool, "--locked", "--root"])
        .arg(tools(root));
    finish(install)
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()
}

/// Runs to the end; an error carries the last lines it printed.
fn finish(mut command: Command) -> Result<(), String> {
    const LINES_MAX: usize = 20;
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("{command:?}: {why}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    let lines: Vec<&str> = text.lines().collect();
    Err(format!(
        "{command:?} ended with {}:\n{}",
        output.status,
        lines[lines.len().saturating_sub(LINES_MAX)..].join("\n")
    ))
}
