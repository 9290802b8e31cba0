//! `mamori-lab standbytest`: an owner stopped in the middle of its work, a standby that takes over, and the old owner waking up to a store that is not its own.

use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mamori::world::{Chance, Clock, Failure};
use serde_json::json;

use crate::crashtest::{CrashTest, Home};
use crate::served::{Heard, Server, Starting, loop_until, wait_until};

/// How long the owner works before it is stopped, in milliseconds: its standby reads along by then.
const WORK_MILLIS: u64 = 1_500;
/// How soon the standby must have been paid, in milliseconds: the promise. A run that is slower says so and fails.
const TAKEOVER_MILLIS_MAX: u64 = 5_000;
/// What a process ends with whose journal is another's.
const NOT_OWNER: i32 = 70;

/// On PostgreSQL alone: an embedded store is locked by its owner for life, stopped or not.
#[derive(clap::Args)]
pub struct Args {
    /// An empty PostgreSQL database (`postgres://…`).
    #[arg(long, visible_alias = "database")]
    store: String,
    /// How often the owner is stopped; each standby is the next owner.
    #[arg(long, default_value_t = 3)]
    takeovers: u32,
    /// The program to stop, if it is not this one.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where chance begins: amounts, who pays.
    #[arg(long)]
    seed: Option<u64>,
    /// Print one line of JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Stops, takes over and continues so many times.
pub fn run(args: Args, clock: Clock, chance: Chance) -> Result<(), Failure> {
    let mut bytes = [0; 8];
    chance(&mut bytes);
    let seed = args.seed.unwrap_or(u64::from_le_bytes(bytes) >> 32);
    let program = match args.program {
        Some(program) => program,
        None => std::env::current_exe()?,
    };
    let home = Home::make(&std::env::temp_dir(), seed)?;
    let test = &mut CrashTest::new(program, home, Some(args.store), seed, clock, chance)?;
    let takeovers = args.takeovers;
    let store = test.store.clone();
    let bar = ProgressBar::new(u64::from(takeovers));
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} {pos}/{len} takeovers  {msg}  {eta} left",
    )?);
    let mut owner = test.start()?;
    let mut millis = Vec::new();
    for number in 1..=takeovers {
        let name = format!("standby-{number}");
        let standby = Starting::spawn(&test.program, &test.home.0, store.as_deref(), &name)?;
        let (next, took) = takeover(test, &owner, standby)
            .map_err(|what| format!("takeover {number} (seed {seed}): {what}"))?;
        millis.push(took);
        owner = next;
        test.ask_again(&owner)?;
        bar.set_position(u64::from(number));
        bar.set_message(format!("{took} ms, {} payments", test.acknowledged()));
    }
    owner.kill();
    test.audit()?;
    bar.finish_and_clear();
    test.prove()
        .map_err(|what| format!("after {takeovers} takeovers (seed {seed}): {what}"))?;
    let longest = millis.iter().max().copied().unwrap_or(0);
    if args.json {
        let acknowledged = test.acknowledged();
        println!(
            "{}",
            json!({ "takeovers": takeovers, "millis": millis, "seed": seed, "acknowledged": acknowledged })
        );
    } else {
        println!(
            "{takeovers} takeovers, the longest {longest} ms from the stop to the first payment, {} acknowledged requests: none lost, none \
             doubled, and no owner of before wrote again (seed {seed})",
            test.acknowledged(),
        );
    }
    if longest > TAKEOVER_MILLIS_MAX {
        return Err(
            format!("a takeover took {longest} ms, more than {TAKEOVER_MILLIS_MAX} ms").into(),
        );
    }
    Ok(())
}

fn takeover(
    test: &mut CrashTest,
    owner: &Server,
    standby: Starting,
) -> Result<(Server, u64), Failure> {
    let (clock, cast) = (test.clock, test.cast.clone());
    let name = format!("takeover-{}", test.made.fetch_add(1, Ordering::Relaxed));
    let mut paid = None;
    let came = test.trade(owner, |dead| -> Result<(Server, u64), Failure> {
        wait_until(clock, (clock.monotonic_micros)() + WORK_MILLIS * 1_000);
        owner.signal("STOP")?;
        let stopped = (clock.monotonic_micros)();
        let next = standby.ready(&cast, clock)?;
        let request = next.charge(name, 0, 1);
        let heard = loop_until(clock, 10_000, || match next.ask(&request) {
            Heard::Nothing => {
                thread::park_timeout(Duration::from_millis(5));
                None
            }
            heard => Some(heard),
        });
        let took = ((clock.monotonic_micros)() - stopped) / 1_000;
        paid = Some((request, heard.unwrap_or(Heard::Nothing)));
        // What is on its way to the old owner gets no answer, and no register connects to it any more.
        dead.store(true, Ordering::SeqCst);
        owner.signal("CONT")?;
        let ended = owner.ends(clock)?;
        if ended.code() != Some(NOT_OWNER) {
            return Err(format!("the old owner, continued, ended with {ended}").into());
        }
        Ok((next, took))
    });
    let (next, took) = came?;
    match paid {
        Some((request, heard @ Heard::Done { .. })) => test.heard.push((request, heard)),
        other => return Err(format!("the new owner was not paid: {other:?}").into()),
    }
    test.audit()?;
    Ok((next, took))
}

impl Server {
    fn signal(&self, signal: &str) -> Result<(), Failure> {
        let id = self.child.lock().expect("nobody panics with it").id();
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &id.to_string()])
            .status()?;
        if sent.success() {
            Ok(())
        } else {
            Err(format!("the signal {signal} was not sent").into())
        }
    }

    /// Waits for its end.
    fn ends(&self, clock: Clock) -> Result<ExitStatus, Failure> {
        loop_until(clock, 15_000, || {
            self.child
                .lock()
                .expect("nobody panics with it")
                .try_wait()
                .ok()
                .flatten()
        })
        .ok_or_else(|| "the old owner goes on although it was overtaken".into())
    }
}
