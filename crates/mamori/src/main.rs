//! The `mamori` program.

use std::process::ExitCode;

use clap::Parser;
use mamori::command::{self, Command};
use mamori::outside;

/// Self-hostable code payment.
#[derive(Parser)]
#[command(name = "mamori", version)]
struct Mamori {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    command::begin_logging();
    let args = Mamori::parse();
    command::exit_code(args.command.run(outside::CLOCK, outside::chance))
}
