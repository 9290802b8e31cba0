//! A store that an older program left behind audits clean, opens and goes on. What is in it: `fixtures/format-1-store/README.md`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::{Family, Location};
use mamori_datastore::testing::{Scratch, on_both};
use mamori_domain::command::{Charge, Command, RefundRequest, Request};
use mamori_domain::context::{Actor, Asker, SystemReason};
use mamori_domain::decide::Limits;
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, HoldId, MerchantId, PaymentId, RefundId, StoreId, TillId,
    TopUpId, WalletId,
};
use mamori_domain::ledger::AccountKind;
use mamori_domain::lifecycle::Purpose;
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer, Payment, PaymentStatus};
use mamori_domain::query::Query;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::{Outcome, Reply, TopUpState};
use mamori_engine::audit::{Report, audit};
use mamori_engine::backup::{RestoreOptions, backup, restore};
use mamori_engine::journal::JOURNAL;
use mamori_engine::testing::ManualClock;
use mamori_engine::views::VIEWS;
use mamori_engine::{Engine, EngineConfig};

use crate::engine::{TestClock, by};

/// An hour after the store's last row, on the same day in Japan.
const LATER: i64 = 1_795_831_793_000_000;

const MART: MerchantId = MerchantId(1);
const BOOKSHOP: MerchantId = MerchantId(2);
/// What the book calls the mart's API key, and one that was revoked.
const REGISTER: Fingerprint = Fingerprint(0x0153_444b_9674_e56b_85f0_18bf_4e7b_9412);
const REVOKED: Fingerprint = Fingerprint(3_000_002);

const SORA: WalletId = WalletId(1);
const HARUKA: WalletId = WalletId(2);
const MINATO: WalletId = WalletId(3);
const AOI: WalletId = WalletId(4);
const REN: WalletId = WalletId(5);
const ERASED: WalletId = WalletId(6);

/// What the book calls their passkeys.
const AOIS_PASSKEY: Fingerprint = Fingerprint(0x1656_106b_aec1_c8b4_ef91_f806_27b2_771b);
const RENS_PASSKEY: Fingerprint = Fingerprint(0x893b_21f4_16df_b8dc_e7e2_2fdb_5934_5bb7);

/// They let the mart charge without a scan.
const SORAS_GRANT: AuthorizationId = AuthorizationId(0xa98a_05b1_17f0_d7b8_3717_7ee0_a7ab_ef48);
const HARUKAS_GRANT: AuthorizationId = AuthorizationId(0x6dec_56dd_a958_91db_6ce1_2cfc_cab8_25b9);

/// Sora paid 12,345 yen with it, and got 345 and 2,000 of them back.
const ORDER_1: PaymentId = PaymentId(23);
/// Minato's 2,500 yen, for another month.
const OPEN_HOLD: HoldId = HoldId(32);
/// Aoi's 2,000 yen, not paid yet.
const OPEN_TOP_UP: TopUpId = TopUpId(INCARNATION_1 + 139);
/// Aoi's payment of 77 yen: the last row, which the views did not have any more.
const LAST_PAYMENT: PaymentId = PaymentId(INCARNATION_1 + 140);
/// Ids from here on were given out after a loss of rows was admitted.
const INCARNATION_1: u64 = 1 << 53;

/// The families of the engine; `mamori-registry` has those of control.
const FAMILIES: [&Family; 2] = [&VIEWS, &JOURNAL];

const NEWCOMER: WalletId = WalletId(INCARNATION_1 + 7);

/// A copy of what the program of format 1 left when it was killed.
struct Store {
    scratch: Scratch,
    location: Location,
    master: MasterKey,
}

impl Store {
    fn of_format_1() -> Store {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1-store");
        let scratch = Scratch::new("older");
        for file in ["journal.sqlite", "views.sqlite"] {
            std::fs::copy(fixture.join("store").join(file), scratch.path().join(file)).unwrap();
        }
        // Version control keeps no file modes of this kind, and a key that others may read is refused.
        let key = scratch.path().join("master.key");
        std::fs::copy(fixture.join("master.key"), &key).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        Store {
            location: scratch.location(),
            master: MasterKey::open(&key).unwrap(),
            scratch,
        }
    }

    fn open(&self) -> Engine {
        open(&self.location, &self.master)
    }

    fn audited(&self) -> Report {
        audited(&self.location, &self.master)
    }
}

fn open(location: &Location, master: &MasterKey) -> Engine {
    Engine::open(EngineConfig {
        location: location.clone(),
        master: Arc::new(master.clone()),
        limits: Limits::default(),
        standby: false,
        purpose: Purpose::Development,
        clock: Arc::new(TestClock::at(LATER)),
        entropy: [3; 32],
        on_fatal: Arc::new(|fault| panic!("the engine must not die here: {fault}")),
    })
    .expect("the engine starts")
}

fn audited(location: &Location, master: &MasterKey) -> Report {
    let report = audit(location, master, &mut |_, _| {}).expect("the store can be read");
    assert!(report.is_clean(), "{:?}", report.findings);
    report
}

/// An order at the mart's register, with the words that it was sent with.
fn order(name: &str, payer: Payer, yen: u64) -> Charge {
    Charge {
        merchant: MART,
        merchant_payment_id: name.into(),
        payer,
        amount: Amount::yen(yen),
        store: Some(StoreId(1)),
        till: None,
        order: OrderInfo {
            terminal_text: Some("register".into()),
            ..OrderInfo::default()
        }
        .into(),
    }
}

fn charge(name: &str, grant: AuthorizationId, yen: u64) -> Command {
    Command::Charge(order(name, Payer::Authorization(grant), yen))
}

fn refund(name: &str, yen: u64) -> Command {
    Command::Refund(RefundRequest {
        merchant: MART,
        merchant_refund_id: name.into(),
        payment: ORDER_1,
        amount: Amount::yen(yen),
        reason: None,
        requested_at: 0,
    })
}

fn capture(yen: u64) -> Command {
    Command::Capture {
        merchant: MART,
        hold: OPEN_HOLD,
        amount: Amount::yen(yen),
    }
}

fn find(engine: &Engine, name: &str) -> Payment {
    let find = Query::Payment {
        merchant: MART,
        merchant_payment_id: name.into(),
    };
    match found(engine, find) {
        Reply::Payment(payment) => payment,
        other => panic!("{other:?}"),
    }
}

/// The mart's program asks for what concerns the mart, and the system for the rest.
fn asker_of(command: &Command) -> Asker {
    match command {
        Command::Charge(_)
        | Command::Hold { .. }
        | Command::Capture { .. }
        | Command::Cancel { .. }
        | Command::Refund(_) => by(Actor::Key { key: REGISTER }),
        _ => by(Actor::system(SystemReason::CommandLine)),
    }
}

fn asked(engine: &Engine, request: Request) -> Outcome {
    engine.ask(request).expect("no fault")
}

fn done(engine: &Engine, command: Command) -> Reply {
    asked(engine, Request::command(asker_of(&command), command)).expect("no refusal")
}

fn found(engine: &Engine, query: Query) -> Reply {
    let register = by(Actor::Key { key: REGISTER });
    asked(engine, Request::query(register, query)).expect("no refusal")
}

fn balance(engine: &Engine, wallet: WalletId) -> u64 {
    match found(engine, Query::Wallet { wallet }) {
        Reply::Wallet(view) => view.balance,
        other => panic!("{other:?}"),
    }
}

fn refused(engine: &Engine, command: Command) -> Refusal {
    refused_with(engine, REGISTER, command)
}

fn refused_with(engine: &Engine, key: Fingerprint, command: Command) -> Refusal {
    let request = Request::command(by(Actor::Key { key }), command);
    asked(engine, request).expect_err("a refusal")
}

/// What the README says of the store as it was left.
fn stands_as_it_was_left(engine: &Engine) {
    let survey = engine.survey().unwrap();
    let sums = AccountKind::ALL.map(|kind| survey.trial.of(kind));
    assert_eq!(sums, [62_117, 2_500, 22_183, -26_300, -30_000, -30_500]);
    assert_eq!(survey.wallets, 6);
    assert_eq!(survey.merchants, [(MART, 20_683), (BOOKSHOP, 1_500)]);
    let shops = survey.stores.iter().map(|(_, merchant)| *merchant);
    assert_eq!(shops.collect::<Vec<_>>(), [MART, MART, MART, BOOKSHOP]);
    let bound = survey.tills.iter().filter(|(_, _, bound)| *bound);
    let bound: Vec<TillId> = bound.map(|(till, ..)| *till).collect();
    assert_eq!(bound, [TillId(1), TillId(5), TillId(6)]);
    assert_eq!(survey.tills.len(), 7);

    for (wallet, balance, held, frozen, movements) in [
        (SORA, 23_994, 0, false, 58),
        (HARUKA, 10_500, 0, true, 6),
        (MINATO, 4_500, 2_500, false, 54),
        (AOI, 3_323, 0, false, 6),
        (REN, 19_100, 0, false, 7),
        (ERASED, 700, 0, true, 1),
    ] {
        let Reply::Wallet(sight) = found(engine, Query::Wallet { wallet }) else {
            panic!()
        };
        assert_eq!(
            (sight.balance, sight.held, sight.frozen),
            (balance, held, frozen),
            "{wallet:?}"
        );
        let history = engine.history(wallet, None, 100).unwrap();
        assert_eq!(history.len(), movements, "{wallet:?}");
        assert_eq!(history[0].balance, balance, "{wallet:?}");
    }

    for (name, payment, wallet, yen, refunded, status) in [
        ("till-lunch", 14, AOI, 1_200, 0, PaymentStatus::Completed),
        ("till-wrong", 15, REN, 4_000, 0, PaymentStatus::Cancelled),
        (
            "order-1",
            ORDER_1.0,
            SORA,
            12_345,
            2_345,
            PaymentStatus::Completed,
        ),
        ("order-2", 26, HARUKA, 700, 0, PaymentStatus::Cancelled),
        ("morning-99", 135, MINATO, 109, 0, PaymentStatus::Completed),
        (
            "till-tea",
            INCARNATION_1 + 137,
            AOI,
            330,
            30,
            PaymentStatus::Completed,
        ),
        (
            "till-last",
            LAST_PAYMENT.0,
            AOI,
            77,
            0,
            PaymentStatus::Completed,
        ),
    ] {
        let found = find(engine, name);
        assert_eq!(
            (found.id, found.wallet, found.status),
            (PaymentId(payment), wallet, status),
            "{name}"
        );
        assert_eq!(
            (found.amount, found.refunded),
            (Amount::yen(yen), Amount::yen(refunded)),
            "{name}"
        );
    }
    assert_eq!(
        find(engine, "order-1").refunds,
        [RefundId(24), RefundId(25)]
    );
}

#[test]
fn a_store_of_format_1_audits_clean_as_it_was_left() {
    let report = Store::of_format_1().audited();
    assert_eq!(
        (report.rows, report.events, report.postings),
        (1_039, 1_041, 133)
    );
    let sums: Vec<i64> = report.trial.iter().map(|(_, yen)| *yen).collect();
    assert_eq!(sums.iter().sum::<i64>(), 0);
    for yen in [62_117, 2_500, 22_183, -26_300, -30_000, -30_500] {
        assert!(sums.contains(&yen), "{yen} in {:?}", report.trial);
    }
}

#[test]
fn it_opens_with_every_yen_where_it_was_left() {
    let store = Store::of_format_1();
    let engine = store.open();
    stands_as_it_was_left(&engine);
    engine.stop();
    store.audited();
    let engine = store.open();
    stands_as_it_was_left(&engine);
    engine.stop();
    store.audited();
}

#[test]
fn it_is_the_same_store_when_only_its_journal_is_left() {
    let store = Store::of_format_1();
    std::fs::remove_file(store.scratch.path().join("views.sqlite")).unwrap();
    let engine = store.open();
    stands_as_it_was_left(&engine);
    engine.stop();
    store.audited();
}

#[test]
fn it_goes_on_where_it_was_left() {
    let store = Store::of_format_1();
    let engine = store.open();
    goes_on(&engine);
    engine.stop();
    let report = store.audited();
    assert_eq!(report.trial.iter().map(|(_, yen)| yen).sum::<i64>(), 0);

    let engine = store.open();
    went_on(&engine);
    engine.stop();
    store.audited();
}

#[test]
fn a_backup_of_it_goes_on_in_a_new_place() {
    on_both(|location| {
        let store = Store::of_format_1();
        let (into, options) = (store.scratch.path().join("backup"), Default::default());
        backup(&store.location, &FAMILIES, &into, None, &mut |_| {}).expect("it is copied");
        put_back(&into, location, &options);
        let engine = open(location, &store.master);
        stands_as_it_was_left(&engine);
        goes_on(&engine);
        engine.stop();
        audited(location, &store.master);
    });
}

fn put_back(from: &Path, location: &Location, options: &RestoreOptions) {
    let clock = ManualClock::at(LATER);
    restore(from, location, &FAMILIES, options, &clock, &mut |_| {}).expect("it is put back");
}

/// A little of everything that can be asked of things that the older program began.
fn goes_on(engine: &Engine) {
    // Asked again, each request gets its first answer, whatever was true since.
    let first = find(engine, "order-1");
    let Reply::Payment(again) = done(engine, charge("order-1", SORAS_GRANT, 12_345)) else {
        panic!()
    };
    assert_eq!((again.id, again.at), (ORDER_1, first.at));
    let Reply::Refund(again) = done(engine, refund("order-1-part", 345)) else {
        panic!()
    };
    assert_eq!(again.id, RefundId(24));
    for (command, answer) in [
        (
            charge("order-1", SORAS_GRANT, 12_346),
            Refusal::IdempotencyConflict,
        ),
        (
            charge("too-dear", HARUKAS_GRANT, 90_000),
            Refusal::BalanceTooSmall,
        ),
        (
            charge("never-came", HARUKAS_GRANT, 700),
            Refusal::CancelledBeforePayment,
        ),
    ] {
        assert_eq!(refused(engine, command), answer);
    }
    assert_eq!(balance(engine, SORA), 23_994);

    // A new order; the rest of the old one can be refunded, and no yen more.
    let Reply::Payment(paid) = done(engine, charge("new-1", SORAS_GRANT, 500)) else {
        panic!()
    };
    assert!(
        paid.id > LAST_PAYMENT,
        "no id is given twice: {:?}",
        paid.id
    );
    done(engine, refund("new-refund", 1_000));
    assert_eq!(
        refused(engine, refund("new-refund-2", 9_001)),
        Refusal::RefundExceedsPayment
    );
    let cancel = Command::Cancel {
        merchant: MART,
        merchant_payment_id: "order-3".into(),
    };
    assert_eq!(done(engine, cancel), Reply::CancelAccepted);

    // Who was locked out stays so, until the owner thaws the wallet.
    assert_eq!(
        refused(engine, charge("new-2", HARUKAS_GRANT, 100)),
        Refusal::WalletFrozen
    );
    done(engine, Command::Unfreeze { wallet: HARUKA });
    done(engine, charge("new-3", HARUKAS_GRANT, 100));
    let with_a_dead_key = refused_with(engine, REVOKED, charge("new-4", SORAS_GRANT, 1));
    assert_eq!(with_a_dead_key, Refusal::KeyRevoked);

    // The hold and the top-up that were open.
    assert_eq!(refused(engine, capture(2_501)), Refusal::CaptureExceedsHold);
    done(engine, capture(2_000));
    let (top_up, amount) = (OPEN_TOP_UP, Amount::yen(2_000));
    let Reply::TopUp { state, .. } = done(engine, Command::ConfirmTopUp { top_up, amount }) else {
        panic!()
    };
    assert_eq!(state, TopUpState::Succeeded);

    // A scan, and a new customer.
    let Reply::Code { digits, .. } = done(engine, Command::IssueCode { wallet: AOI }) else {
        panic!()
    };
    done(
        engine,
        Command::Charge(order("new-5", Payer::Code(digits), 23)),
    );
    let credential = Fingerprint(5_000_001);
    assert_eq!(
        done(
            engine,
            Command::OpenWallet {
                credential,
                device: None,
            }
        ),
        Reply::WalletOpened(NEWCOMER)
    );
    went_on(engine);
}

/// How the store stands behind [`goes_on`].
fn went_on(engine: &Engine) {
    for (wallet, yen) in [
        (SORA, 23_994 - 500 + 1_000 + 456),
        (HARUKA, 10_500 - 100),
        (MINATO, 4_500 + 500),
        (AOI, 3_323 + 2_000 - 23),
        (REN, 19_100),
        (ERASED, 700),
        (NEWCOMER, 0),
    ] {
        assert_eq!(balance(engine, wallet), yen, "{wallet:?}");
    }
    let survey = engine.survey().unwrap();
    assert_eq!(survey.trial.of(AccountKind::Held), 0);
    let mart = 20_683 + 500 - 1_000 - 456 + 100 + 2_000 + 23;
    assert_eq!(survey.merchants, [(MART, mart), (BOOKSHOP, 1_500)]);
    assert_eq!(find(engine, "order-1").refunded, Amount::yen(3_345));
    assert_eq!(find(engine, "order-3").status, PaymentStatus::Cancelled);
}

/// Control never decides: a passkey opens a wallet because the book names it. (`mamori-registry` reads these from its side.)
#[test]
fn its_book_names_the_passkeys_that_its_control_keeps() {
    let store = Store::of_format_1();
    let engine = store.open();
    for (passkey, wallet) in [(AOIS_PASSKEY, AOI), (RENS_PASSKEY, REN)] {
        assert_eq!(engine.wallet_of(passkey).unwrap(), Some(wallet));
    }
    engine.stop();
}
