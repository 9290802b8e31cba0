//! Puts the files of `web/` into the binary, and those of its npm packages that happen to be installed.
//!
//! A build without npm is complete: the pages say what they miss.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let web = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../web");
    println!("cargo::rerun-if-changed=build.rs");
    let mut table = String::from(
        "/// Path below `web/` and content.\npub(super) static FILES: &[(&str, &[u8])] = &[\n",
    );
    for folder in ["wallet", "till", "console", "shared", "dev"] {
        let folder_path = web.join(folder);
        let mut names: Vec<PathBuf> = fs::read_dir(&folder_path)
            .map(|entries| {
                entries
                    .flatten()
                    .map(|entry| entry.path())
                    .filter(|path| path.is_file())
                    .collect()
            })
            .unwrap_or_default();
        names.sort();
        if folder_path.exists() {
            println!("cargo::rerun-if-changed={}", folder_path.display());
        }
        for path in names {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .expect("file names in web/ are ASCII");
            add(&mut table, &format!("{folder}/{name}"), &path);
        }
    }
    let map_path = web.join("packages.json");
    if let Ok(map) = fs::read_to_string(&map_path) {
        println!("cargo::rerun-if-changed={}", map_path.display());
        add(&mut table, "packages.json", &map_path);
        // A flat object of texts: every second quoted text is a logical name, the next one its file.
        let texts: Vec<&str> = map.split('"').skip(1).step_by(2).collect();
        for pair in texts.chunks_exact(2) {
            let file = web.join("node_modules").join(pair[1]);
            if file.is_file() {
                println!("cargo::rerun-if-changed={}", file.display());
                add(&mut table, &format!("packages/{}", pair[0]), &file);
            }
        }
    }
    table.push_str("];\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("web_files.rs");
    fs::write(out, table).expect("the output directory can be written");
}

fn add(table: &mut String, name: &str, path: &Path) {
    let path = path.canonicalize().expect("the file was just listed");
    writeln!(
        table,
        "    ({name:?}, include_bytes!({:?})),",
        path.display().to_string()
    )
    .expect("a string takes all");
}
