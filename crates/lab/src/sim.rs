//! `mamori-lab sim`: storms of random acts and faults against the engine's own code, each answer checked by a second opinion.

use indicatif::{ProgressBar, ProgressStyle};
use mamori::world::{Clock, Failure};
use mamori_sim::storm::{Plan, storm};
use serde::Serialize;

/// One seed is one run, bit for bit.
#[derive(clap::Args)]
pub struct Args {
    /// How many acts; every 100,000 begin with an empty book.
    #[arg(long, default_value_t = 10_000_000)]
    acts: u64,
    /// Where chance begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Houses played at the same time; 0 for one per core. Changes no answer.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Print one line of JSON on standard output instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    acts: u64,
    seed: u64,
    approved: u64,
    refused: u64,
    rows: u64,
    faults: u64,
    looked_up: u64,
    starts: u64,
    /// Equal for equal seeds, whatever the machine.
    trace: String,
    acts_per_second: u64,
}

/// Runs until the acts are done or something is not as it must be.
pub fn run(args: Args, clock: Clock) -> Result<(), Failure> {
    let bar = ProgressBar::new(args.acts);
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} {human_pos}/{human_len} acts  {per_sec}  {eta} left",
    )?);
    let began = (clock.monotonic_micros)();
    let plan = Plan {
        acts: args.acts,
        seed: args.seed,
        sabotage: None,
    };
    let threads = match args.threads {
        0 => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
        some => some,
    };
    let tally = storm(plan, threads, |done| bar.set_position(done)).map_err(|finding| {
        bar.abandon();
        format!(
            "{finding}\nreplay it: mamori-lab sim --seed {} --acts 100000",
            finding.seed
        )
    })?;
    bar.finish_and_clear();
    let micros = ((clock.monotonic_micros)() - began).max(1);
    let report = Report {
        acts: tally.acts,
        seed: args.seed,
        approved: tally.approved,
        refused: tally.refused,
        rows: tally.rows,
        faults: tally.faults,
        looked_up: tally.looked_up,
        starts: tally.starts,
        trace: format!("{:016x}", tally.trace),
        acts_per_second: tally.acts.saturating_mul(1_000_000) / micros,
    };
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
        return Ok(());
    }
    println!(
        "acts       {:>14}   approved {}, refused {}",
        report.acts, report.approved, report.refused
    );
    println!("a second   {:>14}", report.acts_per_second);
    println!(
        "rows       {:>14}   faults {}, looked up {}, starts {}",
        report.rows, report.faults, report.looked_up, report.starts
    );
    println!("trace      {}   (seed {})", report.trace, report.seed);
    println!("nothing was found");
    Ok(())
}
