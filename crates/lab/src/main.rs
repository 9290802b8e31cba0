//! The `mamori-lab` program: the product's subcommands and the laboratory's own.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mamori::{command, outside};
use mamori_lab::{bench, crashtest, dev, disktest, sandbox, sim, standbytest};

/// Self-hostable code payment, and its laboratory.
#[derive(Parser)]
#[command(name = "mamori-lab", version)]
struct Laboratory {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Product(command::Command),
    /// Measure payments a second, latencies and costs on this machine, beside the targets.
    Bench(bench::Args),
    /// The server side of `bench`, a process of its own so that its CPU is counted apart.
    #[command(hide = true)]
    BenchServe(bench::ServeArgs),
    /// Play with the whole system on this machine.
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
    command::begin_logging();
    let (clock, chance) = (outside::CLOCK, outside::chance);
    command::exit_code(match Laboratory::parse().command {
        Command::Product(command) => command.run(clock, chance),
        Command::Bench(args) => bench::run(args, clock, chance),
        Command::BenchServe(args) => bench::serve(args, clock, chance),
        Command::Dev(args) => dev::run(args, clock, chance),
        Command::Sandbox(args) => sandbox::run(args, clock, chance),
        Command::Crashtest(args) => crashtest::run(args, clock, chance),
        Command::Standbytest(args) => standbytest::run(args, clock, chance),
        Command::Disktest(args) => disktest::run(args, clock, chance),
        Command::Sim(args) => sim::run(args, clock),
    })
}
