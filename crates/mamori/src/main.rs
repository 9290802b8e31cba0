//! The `mamori` program: one file per subcommand, and here the only door to the clock and to chance.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod assembly;
mod bench;
mod config;
mod crashtest;
mod dev;
mod disktest;
mod post;
mod sandbox;
mod serve;
mod sim;
mod standbytest;
mod store;
mod world;

use world::{Clock, Failure};

/// The system's clock and entropy. Nothing outside this module may ask for either (`clippy.toml`).
mod outside {
    #![allow(clippy::disallowed_methods)]
    use rustix::time::{ClockId, clock_gettime};
    use std::time::SystemTime;

    pub fn wall_micros() -> i64 {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
            })
    }

    /// Since boot, and going on while the machine sleeps: an owner that was paused for an hour must know that its lease is an
    /// hour old, and its clock on the wall has not jumped.
    pub fn monotonic_micros() -> u64 {
        let since_boot = clock_gettime(ClockId::Boottime);
        let micros = since_boot.tv_sec * 1_000_000 + since_boot.tv_nsec / 1_000;
        u64::try_from(micros).unwrap_or(0)
    }

    pub fn chance(bytes: &mut [u8]) {
        getrandom::fill(bytes)
            .expect("the system has no entropy source: nothing here is safe without one");
    }
}

/// Acts are made on one thread, decided on another and dropped on a third; the system's allocator pays for that with a fifth of the
/// writer's time (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Self-hostable code payment.
#[derive(Parser)]
#[command(name = "mamori", version)]
struct Mamori {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a live store: master key, configuration, first merchant and operator.
    Init(serve::InitArgs),
    /// Serve a live store.
    Serve(serve::ServeArgs),
    /// Print the configuration in force, secrets masked.
    Config(serve::ConfigArgs),
    /// Replay the whole journal, recompute every balance, compare book, checkpoint and views; fails unless all agree.
    Audit(store::AuditArgs),
    /// Work on the views.
    Views(store::ViewsArgs),
    /// Copy a store while it is in use.
    Backup(store::BackupArgs),
    /// Put a backup in the place of a store.
    Restore(store::RestoreArgs),
    /// Measure payments a second, latencies and costs on this machine, beside the targets.
    Bench(bench::Args),
    /// The server side of `bench`, a process of its own so that its CPU is counted apart.
    #[command(hide = true)]
    BenchServe(bench::ServeArgs),
    /// Play with the whole house on this machine.
    Dev(dev::Args),
    /// Play the outside world on this machine: card network, SMS service, mail server, inbox.
    Sandbox(sandbox::Args),
    /// The real server under signed payments, killed at random instants, its journal audited after each kill.
    Crashtest(crashtest::Args),
    /// The real server stopped under load, overtaken by its standby, continued: timed, and its journal audited.
    Standbytest(standbytest::Args),
    /// The real server on a disk that is really full: payments are refused and may be asked again, freezes, cancels and refunds
    /// are taken, nothing is lost.
    Disktest(disktest::Args),
    /// Storms of random acts and faults, each answer and sum checked against a second, simpler model.
    Sim(sim::Args),
}

fn main() -> ExitCode {
    let clock = Clock {
        wall_micros: outside::wall_micros,
        monotonic_micros: outside::monotonic_micros,
    };
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("MAMORI_LOG")
                .unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        // A log that cannot be written (its disk is full, its reader is gone) must not end a thread: telling of it would.
        .log_internal_errors(false)
        .init();
    let done = match Mamori::parse().command {
        Command::Init(args) => serve::run_init(args, clock, outside::chance),
        Command::Serve(args) => serve::run_serve(args, clock, outside::chance),
        Command::Config(args) => serve::run_config(args),
        Command::Audit(args) => store::run_audit(args),
        Command::Views(args) => store::run_views(args, clock, outside::chance),
        Command::Backup(args) => store::run_backup(args),
        Command::Restore(args) => store::run_restore(args, clock, outside::chance),
        Command::Bench(args) => bench::run(args, clock, outside::chance),
        Command::BenchServe(args) => bench::serve(args, clock, outside::chance),
        Command::Dev(args) => dev::run(args, clock, outside::chance),
        Command::Sandbox(args) => sandbox::run(args, clock, outside::chance),
        Command::Crashtest(args) => crashtest::run(args, clock, outside::chance),
        Command::Standbytest(args) => standbytest::run(args, clock, outside::chance),
        Command::Disktest(args) => disktest::run(args, clock, outside::chance),
        Command::Sim(args) => sim::run(args, clock),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("mamori: {failure}");
            ExitCode::FAILURE
        }
    }
}
