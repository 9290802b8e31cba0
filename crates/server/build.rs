//! Puts the files of `web/` into the binary, and those of its npm packages that happen to be installed.
//!
//! What can be made ready before a browser asks is made ready here: every file's name gets the hash of them all, every shell
//! names the modules that it will need, and what becomes smaller is there in gzip and in brotli too. The program itself compresses
//! nothing. A build without npm is complete: the pages say what they miss.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

const FOLDERS: [&str; 5] = ["wallet", "till", "console", "shared", "dev"];
/// Files that keep their name: the shell, and what stands at the root of wallet and till.
const KEPT_NAMES: [&str; 4] = [
    "index.html",
    "sw.js",
    "offline.html",
    "manifest.webmanifest",
];
/// Goes into the shells of wallet and console that `dev` serves.
const DEV_SCRIPT: &str = "dev-authenticator.js";

fn main() {
    let web = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../web");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    println!("cargo::rerun-if-changed=build.rs");
    let files = files_of(&web);
    let mut hasher = DefaultHasher::new();
    // What is made of them changes with this program too.
    (include_bytes!("build.rs"), &files).hash(&mut hasher);
    let site = Site {
        hash: format!("{:016x}", hasher.finish()),
        names: files
            .keys()
            .filter_map(|path| path.split_once('/'))
            .map(|(_, name)| name.to_owned())
            .filter(|name| !KEPT_NAMES.contains(&name.as_str()))
            .collect(),
        files,
    };
    let mut table = format!(
        "/// Part of the name of every file.\npub(super) const HASH: &str = {:?};\npub(super) static FILES: &[Embedded] = &[\n",
        site.hash
    );
    let mut number = 0;
    let mut put = |path: &str, content: &[u8]| {
        number += 1;
        let file = out.join(format!("web-{number}"));
        embed(&mut table, path, content, &file);
    };
    for (path, content) in &site.files {
        let Some((folder, name)) = path.split_once('/') else {
            // The map of the packages is read by the program and not served.
            put(path, content);
            continue;
        };
        let ready = if folder == "packages" {
            content.clone()
        } else if name.ends_with(".js") {
            site.with_hashed_names(name, &without_comments(content))
        } else if name == "index.html" {
            site.with_hashed_names(name, &site.with_preloads(content))
        } else {
            site.with_hashed_names(name, content)
        };
        put(path, &ready);
        if name == "index.html" && folder != "till" {
            put(
                &format!("{folder}/index.dev.html"),
                &site.with_dev_script(&ready),
            );
        }
    }
    table.push_str("];\n");
    fs::write(out.join("web_files.rs"), table).expect("the output directory can be written");
}

/// Path below `web/` and content of all that is served, and the map of the packages.
fn files_of(web: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut add = |name: String, path: &Path| {
        println!("cargo::rerun-if-changed={}", path.display());
        files.insert(name, fs::read(path).expect("the file was just listed"));
    };
    for folder in FOLDERS {
        let folder_path = web.join(folder);
        let Ok(entries) = fs::read_dir(&folder_path) else {
            continue;
        };
        println!("cargo::rerun-if-changed={}", folder_path.display());
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_file() {
                let name = path.file_name().and_then(|name| name.to_str());
                let name = name.expect("file names in web/ are ASCII");
                add(format!("{folder}/{name}"), &path);
            }
        }
    }
    let map_path = web.join("packages.json");
    if let Ok(map) = fs::read_to_string(&map_path) {
        add("packages.json".to_owned(), &map_path);
        // A flat object of texts: every second quoted text is a logical name, the next one its file.
        let texts: Vec<&str> = map.split('"').skip(1).step_by(2).collect();
        for pair in texts.chunks_exact(2) {
            let file = web.join("node_modules").join(pair[1]);
            if file.is_file() {
                add(format!("packages/{}", pair[0]), &file);
            }
        }
    }
    files
}

struct Site {
    hash: String,
    files: BTreeMap<String, Vec<u8>>,
    /// The logical names that get the hash.
    names: BTreeSet<String>,
}

impl Site {
    /// `name.js` as `name.HASH.js`.
    fn hashed(&self, name: &str) -> String {
        match name.rsplit_once('.') {
            Some((stem, extension)) => format!("{stem}.{}.{extension}", self.hash),
            None => format!("{name}.{}", self.hash),
        }
    }

    /// Puts the hash into every `/assets/NAME` whose file exists; the others stay and answer 404.
    fn with_hashed_names(&self, name: &str, content: &[u8]) -> Vec<u8> {
        const PREFIX: &str = "/assets/";
        let text = match str::from_utf8(content) {
            Ok(text) if is_text(name) => text,
            _ => return content.to_vec(),
        };
        let mut rewritten = String::with_capacity(text.len() + text.len() / 16);
        let mut rest = text;
        while let Some(at) = rest.find(PREFIX) {
            let (before, found) = rest.split_at(at + PREFIX.len());
            rewritten.push_str(before);
            let end = found
                .find(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c))
                .unwrap_or(found.len());
            let (reference, after) = found.split_at(end);
            if self.names.contains(reference) {
                rewritten.push_str(&self.hashed(reference));
            } else {
                rewritten.push_str(reference);
            }
            rest = after;
        }
        rewritten.push_str(rest);
        rewritten.into_bytes()
    }

    /// Names every module that the shell's scripts import, and theirs, in its head: a browser that meets them one import behind
    /// the other waits a round trip for each.
    fn with_preloads(&self, shell: &[u8]) -> Vec<u8> {
        let shell = str::from_utf8(shell).expect("shells are UTF-8");
        let entries: Vec<&str> = named_after(shell, "<script type=\"module\" src=\"");
        let mut seen: BTreeSet<&str> = entries.iter().copied().collect();
        let mut found = Vec::new();
        let mut open = entries;
        while !open.is_empty() {
            let imported: Vec<&str> = open.iter().flat_map(|name| self.imports(name)).collect();
            open = imported
                .into_iter()
                .filter(|name| seen.insert(name))
                .collect();
            found.extend_from_slice(&open);
        }
        let links: String = found
            .iter()
            .map(|name| format!("  <link rel=\"modulepreload\" href=\"/assets/{name}\">\n"))
            .collect();
        shell
            .replacen("</head>", &format!("{links}</head>"), 1)
            .into_bytes()
    }

    /// What a module imports before it runs. Comments name modules for their types, and `import()` names what is fetched later.
    fn imports(&self, name: &str) -> Vec<&str> {
        let module = self.files.iter().find(|(path, _)| {
            path.split_once('/')
                .is_some_and(|(folder, file)| folder != "packages" && file == name)
        });
        let text = module.map_or("", |(_, content)| {
            str::from_utf8(content).unwrap_or_default()
        });
        text.lines()
            .filter(|line| {
                !["/*", "*", "//"]
                    .iter()
                    .any(|mark| line.trim_start().starts_with(mark))
            })
            .flat_map(|line| {
                let mut names = named_after(line, "from '");
                if line.starts_with("import '") {
                    names.extend(named_after(line, "import '"));
                }
                names
            })
            .collect()
    }

    /// Before the page's first script, so that it stands in for the browser's authenticator from the start.
    fn with_dev_script(&self, shell: &[u8]) -> Vec<u8> {
        let shell = str::from_utf8(shell).expect("shells are UTF-8");
        let script = format!(
            "<script type=\"module\" src=\"/assets/{}\"></script>\n  <script",
            self.hashed(DEV_SCRIPT)
        );
        shell.replacen("<script", &script, 1).into_bytes()
    }
}

/// A script without the lines that are comment alone, a quarter of what it weighs on the wire. Empty lines stand in for them, so that
/// an error names the line of the source. A line inside a text of several lines is none, and where it cannot be told how far such a
/// text goes the script stays as it is.
fn without_comments(content: &[u8]) -> Vec<u8> {
    let Ok(text) = str::from_utf8(content) else {
        return content.to_vec();
    };
    let (mut kept, mut in_comment, mut in_text) = (String::with_capacity(text.len()), false, false);
    for line in text.lines() {
        let trimmed = line.trim_start();
        if in_comment {
            in_comment = !trimmed.contains("*/");
        } else if !in_text && trimmed.starts_with("//") {
        } else if !in_text && trimmed.starts_with("/*") && !trimmed.contains("*/") {
            in_comment = true;
        } else if in_text || !trimmed.starts_with("/*") || !trimmed.trim_end().ends_with("*/") {
            kept.push_str(line);
            in_text ^= line.matches('`').count() % 2 == 1;
        }
        kept.push('\n');
    }
    if in_comment || in_text {
        return content.to_vec();
    }
    kept.into_bytes()
}

/// The logical names that stand behind `mark` in a text.
fn named_after<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    text.split(mark)
        .skip(1)
        .filter_map(|rest| rest.strip_prefix("/assets/")?.split(['\'', '"']).next())
        .collect()
}

/// Writes the file in each coding that makes it smaller, and its line of the table.
fn embed(table: &mut String, path: &str, content: &[u8], file: &Path) {
    let coded = |ending: &str, bytes: Option<Vec<u8>>| -> String {
        match bytes.filter(|bytes| bytes.len() < content.len()) {
            None => "None".to_owned(),
            Some(bytes) => {
                let file = file.with_extension(ending);
                fs::write(&file, bytes).expect("the output directory can be written");
                format!("Some(include_bytes!({:?}))", file.display().to_string())
            }
        }
    };
    let worth_it = !path.ends_with(".png");
    let gzip = coded("gz", worth_it.then(|| gzipped(content)));
    let brotli = coded("br", worth_it.then(|| brotlied(content)));
    fs::write(file, content).expect("the output directory can be written");
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    writeln!(
        table,
        "    Embedded {{ path: {path:?}, tag: \"{:016x}\", plain: include_bytes!({:?}), gzip: {gzip}, brotli: {brotli} }},",
        hasher.finish(),
        file.display().to_string()
    )
    .expect("a string takes all");
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

fn brotlied(content: &[u8]) -> Vec<u8> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        size_hint: content.len(),
        ..Default::default()
    };
    let (mut from, mut bytes) = (content, Vec::new());
    brotli::BrotliCompress(&mut from, &mut bytes, &parameters).expect("a vector takes all");
    bytes
}

fn is_text(name: &str) -> bool {
    [".js", ".css", ".html", ".webmanifest"]
        .iter()
        .any(|ending| name.ends_with(ending))
}
