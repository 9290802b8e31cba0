//! The engine as the program sees it: requests in, durable answers out, the same book after every start.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_datastore::testing::Scratch;
use mamori_domain::command::{Charge, Command, CreditKind, RefundRequest, Request};
use mamori_domain::context::{Actor, Asker, Context, SystemReason};
use mamori_domain::decide::Limits;
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, MerchantId, PaymentId, StoreId, TillId, WalletId,
};
use mamori_domain::lifecycle::Purpose;
use mamori_domain::merchant::StoreDetails;
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer, PaymentStatus};
use mamori_domain::query::Query;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::{Outcome, Reply};
use mamori_domain::world::Timestamp;
use mamori_engine::audit::audit;
use mamori_engine::clock::Clock;
use mamori_engine::journal::batch::SEAL_EVERY;
use mamori_engine::views::EntryKind;
use mamori_engine::{Engine, EngineConfig};

/// A clock that the test moves.
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn at(micros: i64) -> TestClock {
        TestClock(AtomicI64::new(micros))
    }
}

impl Clock for TestClock {
    fn monotonic_micros(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
    fn wall_micros(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub const KEY: Fingerprint = Fingerprint(77);
pub const SORA: AuthorizationId = AuthorizationId(1001);

pub fn open(location: &Location) -> Engine {
    Engine::open(config(location)).expect("the engine starts")
}

pub fn config(location: &Location) -> EngineConfig {
    EngineConfig {
        location: location.clone(),
        master: Arc::new(MasterKey::from_bytes([7; 32])),
        limits: Limits::default(),
        standby: false,
        purpose: Purpose::Development,
        clock: Arc::new(TestClock::at(1_795_000_000_000_000)),
        entropy: [3; 32],
        on_fatal: Arc::new(|fault| panic!("the engine must not die here: {fault}")),
    }
}

/// The merchant's program, with its key.
pub fn with_key() -> Asker {
    by(Actor::Key { key: KEY })
}

/// An asker from no network in particular.
pub fn by(actor: Actor) -> Asker {
    Asker::new(Context {
        by: actor,
        ..Context::system(SystemReason::CommandLine)
    })
}

/// What the merchant's program asks for; the rest is asked on the command line of the server.
pub fn asker(command: &Command) -> Asker {
    match command {
        Command::Charge(_)
        | Command::Cancel { .. }
        | Command::Refund(_)
        | Command::Hold { .. }
        | Command::Capture { .. } => with_key(),
        _ => Asker::system(SystemReason::CommandLine),
    }
}

pub fn act(engine: &Engine, command: Command) -> Result<Outcome, Fault> {
    engine.ask(Request::command(asker(&command), command))
}

pub fn done(engine: &Engine, command: Command) -> Reply {
    act(engine, command).expect("no fault").expect("no refusal")
}

pub fn done_by(engine: &Engine, asker: Asker, command: Command) -> Reply {
    engine
        .ask(Request::command(asker, command))
        .expect("no fault")
        .expect("no refusal")
}

pub fn found(engine: &Engine, query: Query) -> Reply {
    engine
        .ask(Request::query(with_key(), query))
        .expect("no fault")
        .expect("no refusal")
}

pub fn open_store(merchant: MerchantId) -> Command {
    Command::OpenStore {
        merchant,
        details: StoreDetails::default(),
    }
}

pub fn shop_with_sora(engine: &Engine) -> WalletId {
    let Reply::MerchantOpened(merchant) = done(engine, Command::OpenMerchant) else {
        panic!()
    };
    let Reply::StoreOpened(store) = done(engine, open_store(merchant)) else {
        panic!()
    };
    done(engine, Command::OpenTill { store });
    done(engine, Command::BindApiKey { key: KEY, merchant });
    let Reply::WalletOpened(wallet) = done(
        engine,
        Command::OpenWallet {
            credential: Fingerprint(1),
            device: None,
        },
    ) else {
        panic!()
    };
    done(
        engine,
        Command::GrantAuthorization {
            authorization: SORA,
            wallet,
            merchant,
        },
    );
    let credit = Command::Credit {
        wallet,
        idempotency_key: "seed".into(),
        amount: Amount::yen(10_000),
        kind: CreditKind::Goodwill,
    };
    done(engine, credit);
    wallet
}

pub fn charge(name: &str, payer: Payer, yen: u64) -> Command {
    Command::Charge(Charge {
        merchant: MerchantId(1),
        merchant_payment_id: name.into(),
        payer,
        amount: Amount::yen(yen),
        store: Some(StoreId(1)),
        till: Some(TillId(1)),
        order: OrderInfo::default().into(),
    })
}

pub fn refund(name: &str, payment: PaymentId, yen: u64) -> Command {
    Command::Refund(RefundRequest {
        merchant: MerchantId(1),
        merchant_refund_id: name.into(),
        payment,
        amount: Amount::yen(yen),
        reason: None,
        requested_at: 0,
    })
}

pub fn balance(engine: &Engine, wallet: WalletId) -> u64 {
    match found(engine, Query::Wallet { wallet }) {
        Reply::Wallet(view) => view.balance,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_scan_is_paid_once_and_the_book_is_the_same_after_a_restart() {
    let scratch = Scratch::new("engine");
    let engine = open(&scratch.location());
    let wallet = shop_with_sora(&engine);
    let Reply::Code { digits, .. } = done(&engine, Command::IssueCode { wallet }) else {
        panic!()
    };
    let Reply::Payment(paid) = done(&engine, charge("p-1", Payer::Code(digits), 1_200)) else {
        panic!()
    };
    assert_eq!(balance(&engine, wallet), 8_800);
    assert_eq!(
        act(&engine, charge("p-2", Payer::Code(digits), 1_200)).unwrap(),
        Err(Refusal::CodeSpent)
    );
    let before = engine.survey().unwrap();
    engine.stop();

    let engine = open(&scratch.location());
    assert_eq!(engine.survey().unwrap().trial, before.trial);
    assert_eq!(balance(&engine, wallet), 8_800);
    // The first answer again, although the code is long dead. The other id is still free: of its code nothing is known any more.
    let Reply::Payment(again) = done(&engine, charge("p-1", Payer::Code(digits), 1_200)) else {
        panic!()
    };
    assert_eq!((again.id, again.at), (paid.id, paid.at));
    assert_eq!(
        act(&engine, charge("p-2", Payer::Code(digits), 1_200)).unwrap(),
        Err(Refusal::CodeUnknown)
    );
    assert_eq!(
        act(&engine, charge("p-1", Payer::Code(digits), 1_300)).unwrap(),
        Err(Refusal::IdempotencyConflict)
    );
    let history = engine.history(wallet, None, 10).unwrap();
    assert_eq!(
        history
            .iter()
            .map(|entry| (entry.kind, entry.amount, entry.balance))
            .collect::<Vec<_>>(),
        [
            (EntryKind::Payment, 1_200, 8_800),
            (EntryKind::Goodwill, 10_000, 10_000)
        ]
    );
    engine.stop();
}

#[test]
fn a_payment_that_memory_forgot_long_ago_is_refunded_and_cancelled_from_the_journal() {
    let scratch = Scratch::new("cold");
    let engine = open(&scratch.location());
    let wallet = shop_with_sora(&engine);
    let Reply::Payment(paid) = done(&engine, charge("old-1", Payer::Authorization(SORA), 3_000))
    else {
        panic!()
    };
    done(&engine, charge("old-2", Payer::Authorization(SORA), 1_000));
    // A stop writes the checkpoint and closes the segment of keys: the next start holds nothing of the past in memory.
    engine.stop();
    let engine = open(&scratch.location());
    assert_eq!(engine.survey().unwrap().recent, 0);
    let refund = |name: &str, yen| refund(name, paid.id, yen);
    done(&engine, refund("r-1", 2_000));
    assert_eq!(
        act(&engine, refund("r-2", 1_001)).unwrap(),
        Err(Refusal::RefundExceedsPayment)
    );
    engine.stop();
    let engine = open(&scratch.location());
    assert_eq!(
        act(&engine, refund("r-3", 1_001)).unwrap(),
        Err(Refusal::RefundExceedsPayment)
    );
    done(&engine, refund("r-4", 1_000));
    let cancel = Command::Cancel {
        merchant: MerchantId(1),
        merchant_payment_id: "old-2".into(),
    };
    assert_eq!(done(&engine, cancel), Reply::CancelAccepted);
    let find = Query::Payment {
        merchant: MerchantId(1),
        merchant_payment_id: "old-2".into(),
    };
    let Reply::Payment(cancelled) = found(&engine, find) else {
        panic!()
    };
    assert_eq!(cancelled.status, PaymentStatus::Cancelled);
    assert_eq!(balance(&engine, wallet), 10_000);
    assert_eq!(
        act(&engine, charge("old-1", Payer::Authorization(SORA), 3_001)).unwrap(),
        Err(Refusal::IdempotencyConflict)
    );
    engine.stop();
}

#[test]
fn what_was_captured_long_ago_is_refunded_from_the_journal() {
    let scratch = Scratch::new("captured");
    let engine = open(&scratch.location());
    let wallet = shop_with_sora(&engine);
    let Command::Charge(bike) = charge("bike", Payer::Authorization(SORA), 3_000) else {
        panic!("a charge");
    };
    let expires_at = Timestamp(1_795_000_600_000_000);
    let held = done(
        &engine,
        Command::Hold {
            charge: bike,
            expires_at,
        },
    );
    let Reply::Held { hold } = held else {
        panic!("{held:?}");
    };
    let capture = Command::Capture {
        merchant: MerchantId(1),
        hold,
        amount: Amount::yen(2_000),
    };
    // What it is for lies in a checkpoint by then.
    engine.stop();
    let engine = open(&scratch.location());
    done(&engine, capture);
    engine.stop();
    let engine = open(&scratch.location());
    assert_eq!(
        engine.survey().unwrap().recent,
        0,
        "memory has forgotten it"
    );
    let refund = |name: &str, yen| refund(name, PaymentId(hold.0), yen);
    done(&engine, refund("r-1", 1_500));
    engine.stop();
    let engine = open(&scratch.location());
    assert_eq!(
        act(&engine, refund("r-2", 501)).unwrap(),
        Err(Refusal::RefundExceedsPayment)
    );
    done(&engine, refund("r-3", 500));
    assert_eq!(balance(&engine, wallet), 10_000);
    engine.stop();
    let master = MasterKey::from_bytes([7; 32]);
    let report = audit(&scratch.location(), &master, &mut |_, _| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

#[test]
fn a_checkpoint_written_after_a_crash_holds_what_had_changed_before_it() {
    let (scratch, crashed) = (Scratch::new("sealed"), Scratch::new("crashed"));
    let engine = open(&scratch.location());
    let wallet = shop_with_sora(&engine);
    // A row each: beyond the first seal, and before any checkpoint.
    for number in 0..SEAL_EVERY {
        let command = charge(&format!("p-{number}"), Payer::Authorization(SORA), 1);
        done(&engine, command);
    }
    let seq = engine.survey().unwrap().seq;
    assert!(engine.applied().wait_for(seq, Duration::from_secs(60)));
    // What a power cut leaves at this moment.
    for file in std::fs::read_dir(scratch.path()).unwrap() {
        let file = file.unwrap();
        if !file.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(file.path(), crashed.path().join(file.file_name())).unwrap();
        }
    }
    engine.stop();

    let engine = open(&crashed.location());
    assert_eq!(balance(&engine, wallet), 10_000 - SEAL_EVERY);
    // An ordered stop writes a checkpoint: of everything, not only of what changed since this start.
    engine.stop();
    let master = MasterKey::from_bytes([7; 32]);
    let report = audit(&crashed.location(), &master, &mut |_, _| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}
