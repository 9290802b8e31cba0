//! House tasks: `cargo xtask test`, `cargo xtask tidy`.

mod tidy;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace");
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => run_tidy(root),
        _ => {
            eprintln!("cargo xtask tidy");
            ExitCode::FAILURE
        }
    }
}

fn run_tidy(root: &Path) -> ExitCode {
    match tidy::inspect(root) {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            for finding in &findings {
                println!("{finding}");
            }
            println!("tidy: {} findings", findings.len());
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("tidy: the tree cannot be read: {why}");
            ExitCode::FAILURE
        }
    }
}
