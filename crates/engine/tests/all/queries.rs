//! What may be read of the book beside requests, each against a small store.

use std::sync::Arc;

use mamori_datastore::testing::Scratch;
use mamori_domain::command::Command;
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, HoldId, MerchantId, StoreId, TillId, TopUpId, WalletId,
};
use mamori_domain::ledger::{Account, AccountKind};
use mamori_domain::merchant::{Prefecture, StoreDetails, StoreKind};
use mamori_domain::money::Amount;
use mamori_domain::pay::Payer;
use mamori_domain::reply::Reply;
use mamori_domain::world::Timestamp;
use mamori_engine::engine::owed_to_customers;
use mamori_engine::holds::HoldRecord;
use mamori_engine::query::Named;
use mamori_engine::testing::ManualClock;
use mamori_engine::{Engine, EngineConfig};

use crate::engine::{KEY, SORA, charge, config, done, open, shop_with_sora};

#[test]
fn the_books_sums_say_what_is_owed_to_whom() {
    let scratch = Scratch::new("sums");
    let engine = open(&scratch.location());
    let wallet = shop_with_sora(&engine);
    done(&engine, charge("p-1", Payer::Authorization(SORA), 1_200));
    let (trial, wallets) = engine.trial_balance().unwrap();
    assert_eq!(wallets, 1);
    assert_eq!(owed_to_customers(&trial), 8_800);
    assert_eq!(trial.of(AccountKind::Goodwill), -10_000);
    assert_eq!(engine.balance(Account::wallet(wallet)).unwrap(), 8_800);
    assert_eq!(engine.balance(Account::held(wallet)).unwrap(), 0);
    let mart = MerchantId(1);
    assert_eq!(engine.balance(Account::merchant(mart)).unwrap(), 1_200);
    assert_eq!(engine.balance(Account::merchant(MerchantId(9))).unwrap(), 0);

    let survey = engine.survey().unwrap();
    assert_eq!((survey.trial, survey.wallets), (trial, 1));
    assert_eq!(survey.seq, engine.durable_seq());
    assert_eq!(survey.merchants, [(mart, 1_200)]);
    assert_eq!(survey.stores, [(StoreId(1), mart)]);
    assert_eq!(survey.tills, [(TillId(1), StoreId(1), false)]);
    engine.stop();
    assert!(engine.survey().is_err(), "a stopped engine tells nothing");
}

#[test]
fn who_may_act_for_what_is_read_by_the_prints_of_keys_and_devices() {
    let scratch = Scratch::new("prints");
    let engine = open(&scratch.location());
    let wallet = shop_with_sora(&engine);
    let (phone, stranger) = (Fingerprint(1), Fingerprint(99));
    assert_eq!(engine.wallet_of(phone).unwrap(), Some(wallet));
    assert_eq!(engine.wallet_of(stranger).unwrap(), None);
    let both = engine.wallets_of(&[stranger, phone]).unwrap();
    assert_eq!(both, [None, Some(wallet)]);
    assert_eq!(engine.wallets_of(&[]).unwrap(), []);

    assert_eq!(engine.merchant_of_key(KEY).unwrap(), Some(MerchantId(1)));
    done(&engine, Command::RevokeApiKey { key: KEY });
    assert_eq!(engine.merchant_of_key(KEY).unwrap(), None);

    let till = TillId(1);
    assert_eq!(engine.device_of(till).unwrap(), None);
    let device = Some(Fingerprint(5));
    done(&engine, Command::BindTill { till, device });
    assert_eq!(engine.device_of(till).unwrap(), device);
    assert_eq!(engine.device_of(TillId(9)).unwrap(), None);

    let grants = engine.authorizations(&[SORA, AuthorizationId(9)]).unwrap();
    let [Some(grant), None] = grants[..] else {
        panic!("{grants:?}")
    };
    assert_eq!((grant.wallet, grant.merchant), (wallet, MerchantId(1)));
    let authorization = SORA;
    done(&engine, Command::RevokeAuthorization { authorization });
    assert!(engine.authorizations(&[SORA]).unwrap()[0].is_none());
    engine.stop();
}

#[test]
fn shops_are_named_in_order_and_a_store_says_where_it_is() {
    let scratch = Scratch::new("shops");
    let engine = open(&scratch.location());
    shop_with_sora(&engine);
    let details = StoreDetails {
        prefecture: Prefecture::new(13),
        town: Some("みなと町".into()),
        kind: Some(StoreKind::Bakery),
    };
    done(&engine, Command::OpenMerchant);
    let open_store = Command::OpenStore {
        merchant: MerchantId(2),
        details: details.clone(),
    };
    done(&engine, open_store);
    done(&engine, Command::OpenTill { store: StoreId(2) });
    let named = Named {
        merchants: vec![MerchantId(1), MerchantId(2)],
        stores: vec![(StoreId(1), MerchantId(1)), (StoreId(2), MerchantId(2))],
        tills: vec![(TillId(1), StoreId(1)), (TillId(2), StoreId(2))],
    };
    assert_eq!(engine.named().unwrap(), named);
    let bakery = engine.store(StoreId(2)).unwrap().expect("a store");
    assert_eq!((bakery.merchant, bakery.details), (MerchantId(2), details));
    assert!(engine.store(StoreId(3)).unwrap().is_none());
    engine.stop();
}

fn started(engine: &Engine, wallet: WalletId, name: &str) -> TopUpId {
    let start = Command::StartTopUp {
        wallet,
        idempotency_key: name.into(),
        amount: Amount::yen(500),
    };
    match done(engine, start) {
        Reply::TopUp { top_up, .. } => top_up,
        other => panic!("{other:?}"),
    }
}

#[test]
fn top_ups_that_wait_too_long_come_oldest_first_a_page_at_a_time() {
    let scratch = Scratch::new("waiting");
    let noon = 1_795_000_000_000_000;
    let clock = Arc::new(ManualClock::at(noon));
    let engine = Engine::open(EngineConfig {
        clock: clock.clone(),
        ..config(&scratch.location())
    })
    .expect("the engine starts");
    let wallet = shop_with_sora(&engine);
    let mut top_ups = Vec::new();
    for minute in 0..5 {
        top_ups.push(started(&engine, wallet, &format!("t-{minute}")));
        clock.advance_millis(60_000);
    }
    let before = |minute: i64, limit| {
        let instant = Timestamp(noon + minute * 60_000_000);
        let rows = engine.top_ups_started_before(instant, limit).unwrap();
        rows.iter().map(|(id, _)| *id).collect::<Vec<_>>()
    };
    assert_eq!(before(0, 10), [], "an instant itself is not before it");
    assert_eq!(before(3, 10), top_ups[..3]);
    assert_eq!(before(9, 2), top_ups[..2], "a page of two");
    for top_up in &top_ups[..2] {
        let (top_up, expired) = (*top_up, true);
        done(&engine, Command::FailTopUp { top_up, expired });
    }
    assert_eq!(
        before(9, 2),
        top_ups[2..4],
        "the next page, once those are over"
    );
    assert_eq!(before(9, 0), []);

    assert_eq!(engine.open_top_up(top_ups[0]).unwrap(), None);
    let waits = engine.open_top_up(top_ups[4]).unwrap().expect("it is open");
    assert_eq!((waits.wallet, waits.amount), (wallet, Amount::yen(500)));
    // The same after a start: what finds them is made from the book's rows.
    engine.stop();
    let engine = open(&scratch.location());
    let instant = Timestamp(noon + 4 * 60_000_000);
    let rows = engine.top_ups_started_before(instant, 10).unwrap();
    assert_eq!(
        rows.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        top_ups[2..4]
    );
    engine.stop();
}

/// The book forgets a hold that has ended; what it was is in the journal.
#[test]
fn money_set_aside_is_told_with_its_end_after_the_book_has_forgotten_it() {
    let scratch = Scratch::new("aside");
    let engine = open(&scratch.location());
    let wallet = shop_with_sora(&engine);
    let expires_at = Timestamp(1_795_000_600_000_000);
    let set_aside = |name: &str, yen| {
        let Command::Charge(charge) = charge(name, Payer::Authorization(SORA), yen) else {
            panic!("a charge");
        };
        match done(&engine, Command::Hold { charge, expires_at }) {
            Reply::Held { hold } => hold,
            other => panic!("{other:?}"),
        }
    };
    let (bike, boat, room) = (
        set_aside("bike", 700),
        set_aside("boat", 500),
        set_aside("room", 300),
    );
    let capture = Command::Capture {
        merchant: MerchantId(1),
        hold: bike,
        amount: Amount::yen(650),
    };
    done(&engine, capture);
    done(&engine, Command::Release { hold: boat });
    let told = |hold: HoldId| engine.hold(hold).unwrap();
    let taken = told(bike).expect("it was there");
    assert_eq!(
        (taken.wallet, taken.merchant, taken.amount, taken.expires_at),
        (wallet, MerchantId(1), Amount::yen(700), expires_at)
    );
    let end = |record: Option<HoldRecord>| record.and_then(|record| record.end);
    assert_eq!(
        end(Some(taken)).map(|end| end.captured),
        Some(Some(Amount::yen(650)))
    );
    assert_eq!(
        end(told(boat)).map(|end| end.captured),
        Some(None),
        "all of it went back"
    );
    assert_eq!(end(told(room)), None, "it stands");
    done(&engine, charge("p-1", Payer::Authorization(SORA), 100));
    assert_eq!(
        told(HoldId(room.0 + 1)),
        None,
        "what was paid is not set aside"
    );
    engine.stop();
}

#[test]
fn permissions_that_the_registry_does_not_know_are_found_by_their_wallets() {
    let scratch = Scratch::new("beyond");
    let engine = open(&scratch.location());
    let wallet = shop_with_sora(&engine);
    let second = AuthorizationId(2);
    let grant = Command::GrantAuthorization {
        authorization: second,
        wallet,
        merchant: MerchantId(1),
    };
    done(&engine, grant);
    let beyond = |known: &[AuthorizationId], wallets: &[WalletId], max| {
        let (known, wallets) = (known.iter().copied(), wallets.iter().copied());
        let rows = engine.authorizations_beyond(known.collect(), wallets.collect(), max);
        let mut ids: Vec<_> = rows.unwrap().into_iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids
    };
    let mut both = [SORA, second];
    both.sort_unstable();
    assert_eq!(beyond(&[], &[wallet], 9), both);
    assert_eq!(beyond(&[SORA], &[wallet], 9), [second]);
    assert_eq!(beyond(&[], &[WalletId(99)], 9), [], "of nobody asked for");
    assert_eq!(beyond(&[], &[wallet], 1).len(), 1);
    engine.stop();
}
