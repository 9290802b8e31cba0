//! The product as its operator uses it: by its subcommands, on stores of both kinds.

use clap::Parser;
use mamori::command::Command;
use mamori::outside;
use mamori::world::Failure;

mod families;
mod ready;
mod restore_with_a_loss;
mod restored_operators;

/// The command line that an operator types.
#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

/// `mamori WORDS`, in this process.
fn mamori<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<(), Failure> {
    let line = Line::parse_from(["mamori"].into_iter().chain(words));
    line.command.run(outside::CLOCK, outside::chance)
}
