//! Two engines on one store: the second reads along, takes over when the first dies, and the first never writes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_datastore::testing::Scratch;
use mamori_domain::command::Command;
use mamori_domain::decide::Limits;
use mamori_domain::lifecycle::Purpose;
use mamori_domain::pay::Payer;
use mamori_domain::reply::Reply;
use mamori_engine::audit::audit;
use mamori_engine::backup::backup;
use mamori_engine::clock::Clock;
use mamori_engine::journal::JOURNAL;
use mamori_engine::views::VIEWS;
use mamori_engine::{Engine, EngineConfig};

use crate::engine::{SORA, act, balance, charge, done, open, refund, shop_with_sora};
use mamori_datastore::testing::on_both;

/// Both faces of time, each moved by the test.
struct Hands {
    wall: AtomicI64,
    monotonic: AtomicI64,
}

impl Hands {
    fn at(wall: i64) -> Arc<Hands> {
        Arc::new(Hands {
            wall: AtomicI64::new(wall),
            monotonic: AtomicI64::new(1_000_000),
        })
    }
    /// Time goes on.
    fn pass(&self, seconds: i64) {
        self.set_wall(seconds);
        self.monotonic
            .fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
    /// An administrator, or a time server, sets the wall clock.
    fn set_wall(&self, by_seconds: i64) {
        self.wall
            .fetch_add(by_seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn monotonic_micros(&self) -> i64 {
        self.monotonic.load(Ordering::SeqCst)
    }
    fn wall_micros(&self) -> i64 {
        self.wall.load(Ordering::SeqCst)
    }
}

const NOON: i64 = 1_795_000_000_000_000;

fn config(location: &Location, standby: bool, clock: Arc<dyn Clock>) -> EngineConfig {
    EngineConfig {
        location: location.clone(),
        master: Arc::new(MasterKey::from_bytes([7; 32])),
        limits: Limits::default(),
        standby,
        purpose: Purpose::Development,
        clock,
        entropy: [5; 32],
        on_fatal: Arc::new(|fault| panic!("the engine must not die here: {fault}")),
    }
}

fn standing_by(location: &Location, clock: Arc<dyn Clock>) -> Receiver<Engine> {
    let (to, from) = channel();
    let config = config(location, true, clock);
    thread::spawn(move || {
        let engine = Engine::open(config).expect("the standby takes over");
        drop(to.send(engine));
    });
    from
}

#[test]
fn a_standby_that_read_along_goes_on_where_the_owner_stopped() {
    on_both(|location| {
        let owner = open(location);
        let wallet = shop_with_sora(&owner);
        done(&owner, charge("before", Payer::Authorization(SORA), 100));
        let standby = standing_by(location, Hands::at(NOON));
        // More than it can have read when it began.
        for number in 0..200 {
            let name = format!("beside-{number}");
            done(&owner, charge(&name, Payer::Authorization(SORA), 10));
        }
        assert!(standby.try_recv().is_err(), "the owner lives");
        let stood = owner.survey().unwrap();
        owner.stop();
        let next = standby.recv().expect("it takes over");
        let stands = next.survey().unwrap();
        assert_eq!((stands.trial, stands.wallets), (stood.trial, stood.wallets));
        assert_eq!(balance(&next, wallet), 10_000 - 100 - 2_000);
        // What it read beside the owner is as good as its own: first answers, refunds, the views.
        let Reply::Payment(paid) = done(&next, charge("beside-7", Payer::Authorization(SORA), 10))
        else {
            panic!()
        };
        done(&next, refund("r-1", paid.id, 10));
        assert_eq!(next.history(wallet, None, 500).unwrap().len(), 203);
        next.stop();
        let master = MasterKey::from_bytes([7; 32]);
        let report = audit(location, &master, &mut |_, _| {}).expect("the store can be read");
        assert!(report.is_clean(), "{:?}", report.findings);
        // And the checkpoint that it wrote is believed.
        let again = open(location);
        assert_eq!(balance(&again, wallet), 7_910);
        again.stop();
    });
}

#[test]
fn a_bug_on_the_writers_thread_ends_the_process_instead_of_leaving_an_owner_that_answers_nobody() {
    let scratch = Scratch::new("panic");
    let died = Arc::new(AtomicBool::new(false));
    let heard = died.clone();
    let engine = Engine::open(EngineConfig {
        on_fatal: Arc::new(move |_| heard.store(true, Ordering::SeqCst)),
        ..config(&scratch.location(), false, Hands::at(NOON))
    })
    .expect("the engine starts");
    let wallet = shop_with_sora(&engine);
    let _listening = engine.listen(wallet, |_| panic!("a bug of ours"));
    // The payment was durable before the listener was called, and its answer has left; the next one hears that there is no writer.
    let _ = act(&engine, charge("p-1", Payer::Authorization(SORA), 1));
    assert!(act(&engine, charge("p-2", Payer::Authorization(SORA), 1)).is_err());
    engine.stop();
    assert!(died.load(Ordering::SeqCst));
}

#[test]
fn a_clock_that_jumps_never_reaches_the_journal_and_stops_codes_until_it_is_right() {
    let scratch = Scratch::new("clock");
    let clock = Hands::at(NOON);
    let engine =
        Engine::open(config(&scratch.location(), false, clock.clone())).expect("it starts");
    let wallet = shop_with_sora(&engine);
    let code = |engine: &Engine| act(engine, Command::IssueCode { wallet });
    assert!(code(&engine).is_ok());
    clock.set_wall(86_400);
    clock.pass(5);
    assert!(code(&engine).is_err(), "the clock has jumped a day ahead");
    let Reply::Payment(paid) = done(&engine, charge("web", Payer::Authorization(SORA), 10)) else {
        panic!()
    };
    assert_eq!(paid.at.0, NOON + 5_000_000, "time goes on as since boot");
    clock.set_wall(-86_400);
    assert!(code(&engine).is_ok(), "it is right again");
    engine.stop();
}

#[test]
fn no_code_is_made_while_the_book_knows_a_later_instant_than_the_clock() {
    let scratch = Scratch::new("behind");
    let clock = Hands::at(NOON + 3_600_000_000);
    let engine =
        Engine::open(config(&scratch.location(), false, clock.clone())).expect("it starts");
    let wallet = shop_with_sora(&engine);
    engine.stop();
    let clock = Hands::at(NOON);
    let engine =
        Engine::open(config(&scratch.location(), false, clock.clone())).expect("it starts");
    let code = |engine: &Engine| act(engine, Command::IssueCode { wallet });
    assert!(code(&engine).is_err(), "a code would live an hour");
    done(&engine, charge("web", Payer::Authorization(SORA), 10));
    clock.pass(3_600);
    assert!(code(&engine).is_ok());
    engine.stop();
}

#[test]
fn a_checkpoint_after_an_early_crash_holds_what_changed_before_it() {
    // The rows of the book that changed before a crash are known to no checkpoint yet, although the views have the movements.
    let scratch = Scratch::new("dirty");
    let location = scratch.location();
    let engine = open(&location);
    let wallet = shop_with_sora(&engine);
    for number in 0..1_100 {
        let name = format!("p-{number}");
        done(&engine, charge(&name, Payer::Authorization(SORA), 1));
    }
    let seq = engine.durable_seq();
    assert!(engine.applied().wait_for(seq, Duration::from_secs(10)));
    // A crash: what lies on the disk at this moment is carried away, and started elsewhere.
    let away = Scratch::new("dirty-away");
    let copy = away.path().join("copy");
    backup(&location, &[&VIEWS, &JOURNAL], &copy, None, &mut |_| {}).expect("it is copied");
    engine.stop();
    let there = Location::Directory(copy);
    let engine = open(&there);
    done(&engine, charge("after", Payer::Authorization(SORA), 1));
    engine.stop();
    let master = MasterKey::from_bytes([7; 32]);
    let report = audit(&there, &master, &mut |_, _| {}).expect("it can be read");
    assert!(report.is_clean(), "{:?}", report.findings);
    let engine = open(&there);
    assert_eq!(balance(&engine, wallet), 10_000 - 1_101);
    engine.stop();
}
