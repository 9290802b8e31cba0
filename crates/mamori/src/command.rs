//! What an operator can ask of the product on the command line.

use std::process::ExitCode;

use crate::world::{Chance, Clock, Failure};
use crate::{datastore, password_list, serve};

/// The product's subcommands.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a live datastore: master key, configuration, first merchant and operator.
    Init(serve::InitArgs),
    /// Serve a live datastore.
    Serve(serve::ServeArgs),
    /// Print the configuration in force, secrets masked.
    Config(serve::ConfigArgs),
    /// Replay the whole journal, recompute every balance, compare book, checkpoint and views; fails unless all agree.
    Audit(datastore::AuditArgs),
    /// Work on the views.
    Views(datastore::ViewsArgs),
    /// Copy a datastore while it is in use.
    Backup(datastore::BackupArgs),
    /// Put a backup in the place of a datastore.
    Restore(datastore::RestoreArgs),
    /// Make a filter of leaked passwords from public breach lists.
    PasswordList(password_list::PasswordListArgs),
    /// Print a one-time link for a new operator: after a restore, or when no operator has a passkey any more.
    Operator(datastore::OperatorArgs),
}

impl Command {
    pub fn run(self, clock: Clock, chance: Chance) -> Result<(), Failure> {
        match self {
            Command::Init(args) => serve::run_init(args, clock, chance),
            Command::Serve(args) => serve::run_serve(args, clock, chance),
            Command::Config(args) => serve::run_config(args),
            Command::Audit(args) => datastore::run_audit(args, clock),
            Command::Views(args) => datastore::run_views(args, clock, chance),
            Command::Backup(args) => datastore::run_backup(args, clock),
            Command::Restore(args) => datastore::run_restore(args, clock, chance),
            Command::PasswordList(args) => password_list::run(args),
            Command::Operator(args) => datastore::run_operator(args, clock, chance),
        }
    }
}

/// Sends the log to standard error, as `MAMORI_LOG` wants it.
pub fn begin_logging() {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("MAMORI_LOG")
                .unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        // A log that cannot be written (its disk is full, its reader is gone) must not end a thread: telling of it would.
        .log_internal_errors(false)
        .init();
}

/// What a program ends with; a failure is told in one line on standard error.
pub fn exit_code(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("mamori: {failure}");
            ExitCode::FAILURE
        }
    }
}
