//! `mamori password-list build`: a filter of leaked passwords, from lists that are public.

use std::fs::{File, OpenOptions};
use std::io::BufReader;
use std::path::PathBuf;

use mamori_server::password_list::{Leaked, keys_of_list};

use crate::world::Failure;

/// Works on the filter of leaked passwords.
#[derive(clap::Args)]
pub struct PasswordListArgs {
    #[command(subcommand)]
    command: PasswordListCommand,
}

#[derive(clap::Subcommand)]
enum PasswordListCommand {
    /// Make a filter of breach lists: lines of SHA-1[:COUNT] or of plain passwords. It needs eight bytes of memory for each while it is
    /// made, and takes a little more than two each in the file and in the server.
    Build {
        /// The lists.
        #[arg(required = true)]
        lists: Vec<PathBuf>,
        /// Where the filter goes; `password_list` in mamori.json names it.
        #[arg(long)]
        out: PathBuf,
        /// Leave out what was seen less often.
        #[arg(long, default_value_t = 1)]
        at_least: u64,
    },
}

pub fn run(args: PasswordListArgs) -> Result<(), Failure> {
    let PasswordListCommand::Build {
        lists,
        out,
        at_least,
    } = args.command;
    let mut keys = Vec::new();
    for list in &lists {
        let told = |problem: &dyn std::fmt::Display| format!("{}: {problem}", list.display());
        let file = File::open(list).map_err(|error| told(&error))?;
        keys_of_list(BufReader::new(file), at_least, &mut keys).map_err(|error| told(&error))?;
    }
    let made = Leaked::of_keys(keys)?;
    let file = OpenOptions::new().create_new(true).write(true).open(&out);
    let file = file.map_err(|error| format!("{} cannot be made ({error})", out.display()))?;
    made.write(file)?;
    println!("{} passwords in {}", made.passwords(), out.display());
    Ok(())
}
