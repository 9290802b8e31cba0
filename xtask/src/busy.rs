//! The suites that wait for something, on a machine that has other things to do: what passes only where it is quiet tells nothing.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::run;
use crate::suites::Choice;

const SUITES: &str = "sdk,attacks,browser";
const ROUNDS: usize = 3;

/// Three rounds while a loop holds each core, then one on a single core. The program under test is made before.
pub fn run_all(root: &Path, clock: fn() -> Instant) -> Result<(), String> {
    // Unless another program is to be driven than the release build.
    if std::env::var_os("MAMORI_BIN").is_none() {
        let build = Choice::read(&["--only", "build"])?;
        run::run(root, &build, clock)?;
    }
    let waiting = Choice::read(&["--only", SUITES, "--skip", "build"])?;
    for round in 1..=ROUNDS {
        println!("\nround {round} of {ROUNDS}: a loop on every core");
        let load = Load::on_every_core();
        let ran = run::run(root, &waiting, clock);
        drop(load);
        ran?;
    }
    println!("\nonce more, on one core");
    let own = std::env::current_exe().map_err(|why| why.to_string())?;
    let status = Command::new("taskset")
        .args(["--cpu-list", "0"])
        .arg(own)
        .args(["test", "--only", SUITES, "--skip", "build"])
        .current_dir(root)
        .status()
        .map_err(|why| format!("taskset (Debian's util-linux): {why}"))?;
    match status.success() {
        true => Ok(()),
        false => Err("on one core some suites failed".to_owned()),
    }
}

/// Loops that never rest, as many as there are cores. Dropping it ends them.
struct Load {
    over: Arc<AtomicBool>,
    loops: Vec<JoinHandle<()>>,
}

impl Load {
    fn on_every_core() -> Load {
        let over = Arc::new(AtomicBool::new(false));
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let loops = (0..cores)
            .map(|_| {
                let over = Arc::clone(&over);
                std::thread::spawn(move || {
                    let mut turns = 0_u64;
                    while !over.load(Ordering::Relaxed) {
                        turns = black_box(turns.wrapping_add(1));
                    }
                })
            })
            .collect();
        Load { over, loops }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for one in self.loops.drain(..) {
            let _ = one.join();
        }
    }
}
