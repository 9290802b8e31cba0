//! `mamori-lab disktest`: the real server on a disk that is really full: what it refuses, what it still takes, and that nothing acknowledged is lost.
//!
//! | when | what must be so |
//! |---|---|
//! | the disk fills up under load | payments hear "ask again" over HTTP, in time; no register hears "paid" for nothing |
//! | it is full | cancels, refunds and a freeze are taken, out of the space kept aside; payments can be looked up |
//! | the server is killed meanwhile | a start on the full disk serves or says why not, and harms nothing |
//! | there is room, the server starts | every open request gets its answer, everything acknowledged stands |
//! | there is room, the server ran on | payments are taken again by themselves |
//! | it is full and the server is told to end | it ends |
//!
//! Everything lies on that disk: journal, registry, views and the server's log.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mamori::world::{Chance, Clock, Failure};
use serde_json::json;

use crate::crashtest::{CrashTest, Home, REGISTERS};
use crate::served::{Heard, PAYMENTS, Server, loop_until};

/// Everything is written on one disk, the server's log too.
#[derive(clap::Args)]
pub struct Args {
    /// A directory on a small file system of its own, such as a tmpfs of 160 MiB: all of it will be filled.
    disk: PathBuf,
    /// The program to try, if it is not this one.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Print one line of JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// The filler ends here: whatever is larger is no disk for this test.
const FILLER_BYTES_MAX: u64 = 1 << 30;
/// How long the server may take to notice that the disk is full, or has room again.
const NOTICE_MILLIS: u64 = 60_000;
/// How long an ordered end may take.
const END_MILLIS: u64 = 30_000;
/// Refunds, and cancels, that are asked for while the disk is full.
const REVERSALS: usize = 25;
/// Refusals in a row that show the disk to be full, and not the server to be busy.
const REFUSALS: usize = 40;
const PAID_YEN: u64 = 20;

/// The test, and what the full disk has shown.
struct DiskTest {
    test: CrashTest,
    filler: Filler,
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    refused: usize,
    reversed: usize,
    started_full: bool,
}

/// Runs the whole table once.
pub fn run(args: Args, clock: Clock, chance: Chance) -> Result<(), Failure> {
    let mut seed = [0; 8];
    chance(&mut seed);
    let seed = u64::from_le_bytes(seed) >> 32;
    let program = match args.program {
        Some(program) => program,
        None => std::env::current_exe()?,
    };
    let home = Home::make(&args.disk, seed)?;
    let mut test = DiskTest {
        filler: Filler(args.disk.join("filler")),
        test: CrashTest::new(program, home, None, seed, clock, chance)?,
        seen: Seen::default(),
    };
    test.whole_table()
        .map_err(|what| format!("on a full disk: {what}"))?;
    let (seen, acknowledged) = (test.seen, test.test.acknowledged());
    if args.json {
        let report = json!({
            "acknowledged": acknowledged,
            "refused_while_full": seen.refused,
            "reversed_while_full": seen.reversed,
            "started_while_full": seen.started_full,
            "rows": test.test.auditor.map_or(0, |auditor| auditor.head.seq),
        });
        println!("{report}");
    } else {
        println!(
            "{acknowledged} acknowledged requests; on the full disk {} payments heard \"ask again\", {} cancels and refunds and a freeze were taken: nothing lost",
            seen.refused, seen.reversed,
        );
    }
    Ok(())
}

impl DiskTest {
    fn whole_table(&mut self) -> Result<(), Failure> {
        let server = self.test.start()?;
        let frozen = server.cast.customers.len() - 1;
        let mut paid = Vec::new();
        for number in 0..2 * REVERSALS {
            let request = server.charge(format!("kept-{number}"), 0, PAID_YEN);
            let heard = server.ask(&request);
            let Heard::Done { id } = &heard else {
                return Err(format!("{} was {heard:?}", request.name).into());
            };
            paid.push((request.name.clone(), id.clone()));
            self.test.heard.push((request, heard));
        }
        let (to_cancel, to_refund) = paid.split_at(REVERSALS);

        // The disk fills up under load.
        self.fill_under_load(&server)?;
        self.seen.refused += self.only_ask_again(&server)?;
        for (name, _) in to_cancel {
            let heard = server.call("DELETE", &format!("{PAYMENTS}/{name}"), "");
            if !matches!(&heard, Some((200..=299, _))) {
                return Err(format!("the cancel of {name} was not taken: {heard:?}").into());
            }
            self.seen.reversed += 1;
        }
        for (name, payment) in to_refund {
            let request = server.refund(format!("back-{name}"), payment, PAID_YEN);
            let heard = server.ask(&request);
            if !matches!(heard, Heard::Done { .. }) {
                return Err(format!("the refund of {name} was not taken: {heard:?}").into());
            }
            self.test.heard.push((request, heard));
            self.seen.reversed += 1;
        }
        freeze(&server, frozen)?;
        is_cancelled(&server, &to_cancel[0].0)?;
        self.seen.refused += self.only_ask_again(&server)?;

        // The server dies, and starts where there is no room.
        server.kill();
        drop(server);
        match self.test.start() {
            Ok(_) => self.seen.started_full = true,
            Err(why) if why.to_string().contains("ended at its start") => {}
            Err(why) => return Err(format!("a start on a full disk hangs: {why}").into()),
        }

        // There is room, and the server starts.
        self.filler.remove()?;
        let server = self.test.start()?;
        self.test.ask_again(&server)?;
        for (name, _) in to_cancel {
            is_cancelled(&server, name)?;
        }
        let request = server.charge("from-the-frozen".into(), frozen, PAID_YEN);
        match server.ask(&request) {
            Heard::Refused { code } if code == "USER_STATE_IS_NOT_ACTIVE" => {}
            heard => return Err(format!("a payment from a frozen wallet was {heard:?}").into()),
        }
        self.pays_again(&server)?;

        // There is room again while the server runs.
        self.fill_under_load(&server)?;
        self.filler.remove()?;
        self.pays_again(&server)?;
        self.test.ask_again(&server)?;

        // It is told to end while the disk is full.
        self.fill_under_load(&server)?;
        end(&server, self.test.clock)?;
        drop(server);
        self.filler.remove()?;
        let server = self.test.start()?;
        self.test.ask_again(&server)?;
        self.pays_again(&server)?;
        drop(server);
        self.test.audit()?;
        self.test.prove()
    }

    /// Registers pay while the disk is filled, until the server takes no payment any more.
    fn fill_under_load(&mut self, server: &Server) -> Result<(), Failure> {
        let full = AtomicBool::new(false);
        let answers = Mutex::new(Vec::new());
        let noticed = thread::scope(|threads| {
            for customer in 0..REGISTERS {
                let (full, answers, made) = (&full, &answers, &self.test.made);
                threads.spawn(move || {
                    while !full.load(Ordering::SeqCst) {
                        let name = format!("crash-{}", made.fetch_add(1, Ordering::Relaxed));
                        let request =
                            server.charge(name, customer % server.cast.customers.len(), 1);
                        let heard = server.ask(&request);
                        let mut answers = answers.lock().expect("no register panics");
                        answers.push((request, heard));
                    }
                });
            }
            let noticed = self.filler.fill().map(|()| {
                // A few payments still fit into free pages of the files; after them every one is refused.
                let mut in_a_row = 0;
                loop_until(self.test.clock, NOTICE_MILLIS, || {
                    let name = format!("full-{}", self.test.made.fetch_add(1, Ordering::Relaxed));
                    let request = server.charge(name, 0, 1);
                    let heard = server.ask(&request);
                    in_a_row = if heard == Heard::Nothing {
                        in_a_row + 1
                    } else {
                        0
                    };
                    answers
                        .lock()
                        .expect("no register panics")
                        .push((request, heard));
                    (in_a_row >= REFUSALS).then_some(())
                })
            });
            full.store(true, Ordering::SeqCst);
            noticed
        });
        for (request, heard) in answers.into_inner().unwrap_or_default() {
            match heard {
                Heard::Nothing => self.test.open.push(request),
                heard => self.test.heard.push((request, heard)),
            }
        }
        // Some hundreds of open requests show as much as tens of thousands.
        self.test.open.truncate(500);
        noticed?.ok_or_else(|| "payments went on although the disk is full".into())
    }

    /// Each payment is refused as one that may be asked again, in words that say so.
    fn only_ask_again(&mut self, server: &Server) -> Result<usize, Failure> {
        for _ in 0..REFUSALS {
            let name = format!("full-{}", self.test.made.fetch_add(1, Ordering::Relaxed));
            let request = server.charge(name, 0, 1);
            let heard = server.call("POST", request.path, &request.body.to_string());
            let code = heard
                .as_ref()
                .map(|(status, answer)| (*status, answer["resultInfo"]["code"].as_str()));
            if code != Some((429, Some("RATE_LIMIT"))) {
                return Err(format!("a payment on the full disk heard {heard:?}").into());
            }
            self.test.open.push(request);
        }
        Ok(REFUSALS)
    }

    /// Payments are taken, if not at once then soon.
    fn pays_again(&mut self, server: &Server) -> Result<(), Failure> {
        let name = format!("room-{}", self.test.made.fetch_add(1, Ordering::Relaxed));
        let request = server.charge(name, 0, 1);
        let heard = loop_until(self.test.clock, NOTICE_MILLIS, || {
            match server.ask(&request) {
                Heard::Nothing => None,
                heard => Some(heard),
            }
        });
        match heard {
            Some(heard @ Heard::Done { .. }) => {
                self.test.heard.push((request, heard));
                Ok(())
            }
            heard => Err(format!("there is room again, and a payment was {heard:?}").into()),
        }
    }
}

fn freeze(server: &Server, customer: usize) -> Result<(), Failure> {
    match server.page(customer, "POST", "/api/freeze") {
        Some((200, answer)) if answer["status"] == "frozen" => Ok(()),
        heard => Err(format!("a freeze was not taken: {heard:?}").into()),
    }
}

/// A cancelled payment can be read, and says so.
fn is_cancelled(server: &Server, name: &str) -> Result<(), Failure> {
    match server.call("GET", &format!("{PAYMENTS}/{name}"), "") {
        Some((200, answer)) if answer["data"]["canceledAt"].is_number() => Ok(()),
        heard => Err(format!("{name} is not cancelled: {heard:?}").into()),
    }
}

/// Tells the server to end, as an operator would, and waits until it has.
fn end(server: &Server, clock: Clock) -> Result<(), Failure> {
    let mut child = server.child.lock().expect("nobody panics with it");
    let told = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()?;
    if !told.success() {
        return Err("the server cannot be told to end".into());
    }
    match loop_until(clock, END_MILLIS, || child.try_wait().transpose()) {
        Some(Ok(status)) if status.success() => Ok(()),
        Some(status) => Err(format!("the server ended with {status:?}").into()),
        None => Err("on a full disk the server does not end when it is told to".into()),
    }
}

/// Takes all room there is.
struct Filler(PathBuf);

impl Filler {
    /// Ends at the first sign that there is no more room: what the server gives up then is the server's.
    fn fill(&self) -> Result<(), Failure> {
        let mut file = fs::File::create(&self.0)?;
        let part = vec![0xa5; 1 << 20];
        for _ in 0..FILLER_BYTES_MAX / part.len() as u64 {
            match file.write(&part) {
                Ok(bytes) if bytes == part.len() => {}
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Err("this is no small file system: give a directory on one".into())
    }

    fn remove(&self) -> Result<(), Failure> {
        Ok(fs::remove_file(&self.0)?)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}
