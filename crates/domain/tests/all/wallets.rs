//! Wallets, passkeys, permissions; stores and tills: what is opened, bound and taken away, and that asking twice does it once.

use crate::fixture::{
    BAKERY, BAKERYS_STORE, BOOKSHOPS_STORE, DEVICE, FIRST_TILL, Fixture, GRANT, RIKUS_PASSKEY,
    SORAS_PASSKEY, as_operator, bakerys_details,
};
use mamori_domain::command::Command;
use mamori_domain::event::Event;
use mamori_domain::ids::Fingerprint;
use mamori_domain::merchant::{Prefecture, StoreDetails, StoreKind};
use mamori_domain::query::Query;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::{Outcome, Reply};

fn is_frozen(outcome: Outcome) -> bool {
    match outcome {
        Ok(Reply::Wallet(view)) => view.frozen,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_freeze_ends_what_was_shown_and_can_be_repeated() {
    let mut fixture = Fixture::open();
    let wallet = fixture.sora;
    let epoch = |fixture: &Fixture| fixture.book.wallet(wallet).unwrap().epoch;
    assert!(is_frozen(fixture.tell(Command::Freeze { wallet })));
    assert!(is_frozen(fixture.tell(Command::Freeze { wallet })));
    assert_eq!(epoch(&fixture), 1);
    assert!(is_frozen(
        fixture.ask_as(as_operator(), Query::Wallet { wallet })
    ));
    assert!(!is_frozen(fixture.tell(Command::Unfreeze { wallet })));
    assert!(!is_frozen(fixture.tell(Command::Unfreeze { wallet })));
    assert_eq!(epoch(&fixture), 1, "what was shown before stays dead");
}

#[test]
fn a_lost_passkey_ends_what_was_shown_too() {
    let mut fixture = Fixture::open();
    let (wallet, credential) = (fixture.sora, SORAS_PASSKEY);
    let revoke = Command::RevokeCredential { wallet, credential };
    assert_eq!(fixture.tell(revoke.clone()), Ok(Reply::Bound));
    assert_eq!(fixture.tell(revoke), Err(Refusal::CredentialUnknown));
    assert_eq!(fixture.book.wallet(wallet).unwrap().epoch, 1);
}

#[test]
fn a_sign_up_that_lost_its_answer_gets_the_same_wallet() {
    let mut fixture = Fixture::open();
    let rows = fixture.journal.len();
    let again = Command::OpenWallet {
        credential: RIKUS_PASSKEY,
        device: None,
    };
    assert_eq!(fixture.tell(again), Ok(Reply::WalletOpened(fixture.riku)));
    assert_eq!(fixture.journal.len(), rows);
}

/// What is so already is answered without a row in the journal.
#[test]
fn what_is_bound_already_is_bound_once() {
    let mut fixture = Fixture::open();
    let bind = Command::BindCredential {
        wallet: fixture.sora,
        credential: Fingerprint(9),
    };
    fixture.tell(bind.clone()).unwrap();
    let rows = fixture.journal.len();
    for command in [
        bind,
        Command::GrantAuthorization {
            authorization: GRANT,
            wallet: fixture.sora,
            merchant: BAKERY,
        },
        Command::BindApiKey {
            key: crate::fixture::BAKERY_KEY,
            merchant: BAKERY,
        },
        Command::BindTill {
            till: FIRST_TILL,
            device: Some(DEVICE),
        },
        Command::DescribeStore {
            store: BAKERYS_STORE,
            details: bakerys_details(),
        },
    ] {
        assert_eq!(
            fixture.tell(command.clone()),
            Ok(Reply::Bound),
            "{command:?}"
        );
    }
    assert_eq!(fixture.journal.len(), rows);
}

#[test]
fn a_permission_that_was_taken_back_charges_nothing() {
    let mut fixture = Fixture::open();
    assert_eq!(fixture.pay("c", 100).unwrap().authorization, Some(GRANT));
    let authorization = GRANT;
    fixture
        .tell(Command::RevokeAuthorization { authorization })
        .unwrap();
    assert_eq!(fixture.pay("d", 100), Err(Refusal::AuthorizationUnknown));
}

#[test]
fn a_store_is_where_its_merchant_last_said() {
    let mut fixture = Fixture::open();
    let details =
        |fixture: &Fixture, store| fixture.book.stores.get(&store).unwrap().details.clone();
    assert_eq!(details(&fixture, BAKERYS_STORE), bakerys_details());
    assert_eq!(
        details(&fixture, BOOKSHOPS_STORE),
        StoreDetails::default(),
        "nothing was said"
    );
    let moved = StoreDetails {
        prefecture: Prefecture::new(27),
        town: Some("堺市".into()),
        kind: Some(StoreKind::Books),
    };
    let describe = Command::DescribeStore {
        store: BOOKSHOPS_STORE,
        details: moved.clone(),
    };
    assert_eq!(fixture.tell(describe), Ok(Reply::Bound));
    assert_eq!(details(&fixture, BOOKSHOPS_STORE), moved);
    assert_eq!(
        fixture.book.merchant_of(BOOKSHOPS_STORE),
        Some(crate::fixture::BOOKSHOP),
        "and whose it is does not change"
    );
}

/// A store about which nothing was said costs the journal not a byte more than before stores had details.
#[test]
fn nothing_said_is_nothing_written() {
    let mut fixture = Fixture::open();
    let open = Command::OpenStore {
        merchant: BAKERY,
        details: StoreDetails::default(),
    };
    fixture.tell(open).unwrap();
    let row = fixture.journal.last().expect("it was journaled");
    let event = row.events().next().expect("one event");
    assert!(
        matches!(event, Event::StoreOpened(store) if store.details.is_none()),
        "{event:?}"
    );
    assert_eq!(minicbor::to_vec(event).unwrap(), [0x82, 2, 0x82, 3, 1]);
}

#[test]
fn prefectures_are_the_47_of_japan_and_kinds_have_words() {
    assert_eq!(Prefecture::new(0), None);
    assert_eq!(Prefecture::new(48), None);
    for number in 1..=47 {
        let prefecture = Prefecture::new(number).unwrap();
        assert_eq!(prefecture.number(), number);
        let bytes = minicbor::to_vec(prefecture).unwrap();
        assert_eq!(minicbor::decode::<Prefecture>(&bytes).unwrap(), prefecture);
    }

    assert!(minicbor::decode::<Prefecture>(&[0x18, 48]).is_err());
    for kind in StoreKind::ALL {
        assert_eq!(StoreKind::from_word(kind.word()), Some(kind));
    }
    assert_eq!(StoreKind::from_word("palace"), None);
}
