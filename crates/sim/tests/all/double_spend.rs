//! The same money twice, at the same moment.

use crate::stores::on_every_store;
use mamori_domain::command::{Charge, Command, CreditKind, Request};
use mamori_domain::context::{Actor, AgentFamily, Asker, Context, SystemReason};
use mamori_domain::ids::{AuthorizationId, Fingerprint, MerchantId, StoreId, TillId, WalletId};
use mamori_domain::merchant::StoreDetails;
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer};
use mamori_domain::query::Query;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::{Outcome, Reply};
use mamori_engine::Engine;
use mamori_sim::story::Stage;
use std::sync::Barrier;

const TILLS: u32 = 100;

fn seed() -> Asker {
    Asker::system(SystemReason::CommandLine)
}

fn ok(engine: &Engine, command: Command) -> Reply {
    engine
        .ask(Request::command(seed(), command))
        .unwrap()
        .unwrap()
}

/// A merchant with a hundred tills, and a customer with 10,000 yen.
fn a_hundred_tills(engine: &Engine) -> (MerchantId, Vec<(TillId, Fingerprint)>, WalletId) {
    let Reply::MerchantOpened(merchant) = ok(engine, Command::OpenMerchant) else {
        unreachable!()
    };
    let Reply::StoreOpened(store) = ok(
        engine,
        Command::OpenStore {
            merchant,
            details: StoreDetails::default(),
        },
    ) else {
        unreachable!()
    };
    let tills = (0..TILLS)
        .map(|number| open_till(engine, store, number))
        .collect();
    let credential = Fingerprint(77_777);
    let Reply::WalletOpened(wallet) = ok(
        engine,
        Command::OpenWallet {
            credential,
            device: None,
        },
    ) else {
        unreachable!()
    };
    ok(
        engine,
        Command::Credit {
            wallet,
            idempotency_key: "first".into(),
            amount: Amount::yen(10_000),
            kind: CreditKind::Cash,
        },
    );
    (merchant, tills, wallet)
}

fn open_till(engine: &Engine, store: StoreId, number: u32) -> (TillId, Fingerprint) {
    let Reply::TillOpened(till) = ok(engine, Command::OpenTill { store }) else {
        unreachable!()
    };
    let device = Fingerprint(u128::from(number + 1) << 80);
    ok(
        engine,
        Command::BindTill {
            till,
            device: Some(device),
        },
    );
    (till, device)
}

fn code(engine: &Engine, wallet: WalletId) -> Payer {
    let Reply::Code { digits, .. } = ok(engine, Command::IssueCode { wallet }) else {
        unreachable!()
    };
    Payer::Code(digits)
}

/// Every till asks at the same moment.
fn all_at_once(
    engine: &Engine,
    merchant: MerchantId,
    tills: &[(TillId, Fingerprint)],
    ask: impl Fn(usize) -> (Payer, u64) + Sync,
) -> Vec<Outcome> {
    let together = Barrier::new(tills.len());
    std::thread::scope(|threads| {
        let asked: Vec<_> = tills
            .iter()
            .enumerate()
            .map(|(number, (till, device))| {
                let (payer, yen) = ask(number);
                let charge = Charge {
                    merchant,
                    merchant_payment_id: format!("order-{number}").into(),
                    payer,
                    amount: Amount::yen(yen),
                    store: None,
                    till: Some(*till),
                    order: OrderInfo::default().into(),
                };
                let by = Actor::till(*till, *device);
                let asker = Asker::new(Context {
                    by,
                    network: None,
                    agent: AgentFamily::Unknown,
                });
                let together = &together;
                threads.spawn(move || {
                    together.wait();
                    engine
                        .ask(Request::command(asker, Command::Charge(charge)))
                        .unwrap()
                })
            })
            .collect();
        asked.into_iter().map(|till| till.join().unwrap()).collect()
    })
}

fn balance(engine: &Engine, wallet: WalletId) -> u64 {
    let look = Request::query(seed(), Query::Wallet { wallet });
    let Reply::Wallet(view) = engine.ask(look).unwrap().unwrap() else {
        unreachable!()
    };
    view.balance
}

#[test]
fn one_code_at_a_hundred_tills_is_paid_once() {
    on_every_store("one-code", |store, location| {
        let stage = Stage::open(location).unwrap();
        let engine = stage.engine();
        let (merchant, tills, wallet) = a_hundred_tills(engine);
        let payer = code(engine, wallet);
        let answers = all_at_once(engine, merchant, &tills, |_| (payer, 100));
        let paid = answers.iter().filter(|answer| answer.is_ok()).count();
        let spent = answers
            .iter()
            .filter(|answer| **answer == Err(Refusal::CodeSpent))
            .count();
        assert_eq!((paid, spent), (1, 99), "{store}");
        assert_eq!(balance(engine, wallet), 9_900, "{store}");
    });
}

#[test]
fn two_codes_of_one_balance_never_pay_more_than_the_balance() {
    on_every_store("two-codes", |store, location| {
        let stage = Stage::open(location).unwrap();
        let engine = stage.engine();
        let (merchant, tills, wallet) = a_hundred_tills(engine);
        let authorization = AuthorizationId(1 << 120);
        ok(
            engine,
            Command::GrantAuthorization {
                authorization,
                wallet,
                merchant,
            },
        );
        let codes = [
            code(engine, wallet),
            code(engine, wallet),
            Payer::Authorization(authorization),
        ];
        let answers = all_at_once(engine, merchant, &tills, |number| {
            (codes[number % 3], 700 + number as u64)
        });
        let approved: u64 = answers
            .iter()
            .filter_map(|answer| match answer {
                Ok(Reply::Payment(payment)) => Some(payment.amount.minor()),
                _ => None,
            })
            .sum();
        assert!(approved <= 10_000, "{store}: {approved} yen out of 10,000");
        assert_eq!(balance(engine, wallet), 10_000 - approved, "{store}");
        let by_first_code = answers
            .iter()
            .step_by(3)
            .filter(|answer| answer.is_ok())
            .count();
        assert_eq!(
            by_first_code, 0,
            "{store}: the second code killed the first"
        );
        let by_second_code = answers
            .iter()
            .skip(1)
            .step_by(3)
            .filter(|answer| answer.is_ok())
            .count();
        assert!(by_second_code <= 1, "{store}");
    });
}
