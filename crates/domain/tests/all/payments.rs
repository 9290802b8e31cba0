//! Payments and what becomes of them: repeats, cancels, refunds, holds, and who may read them again.

use crate::fixture::{
    BAKERY, BAKERY_KEY, BAKERYS_STORE, BOOKSHOP_KEY, BOOKSHOPS_TILL, DEAD_KEY, DEVICE, FIRST_TILL,
    Fixture, GRANT, SECOND_TILL, as_key, as_system, as_till, by_grant, payment, refund_request,
};
use mamori_domain::command::{Charge, Command, CreditKind};
use mamori_domain::context::SystemReason;
use mamori_domain::event::{Event, Notice};
use mamori_domain::fund::Lot;
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, HoldId, MerchantId, PaymentId, StoreId, TillId, TopUpId, WalletId,
};
use mamori_domain::merchant::StoreDetails;
use mamori_domain::money::Amount;
use mamori_domain::pay::{CodeFact, OrderInfo, Payer, PaymentStatus};
use mamori_domain::query::Query;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::Reply;
use mamori_domain::world::Timestamp;

#[test]
fn the_whole_balance_can_be_spent_and_then_not_a_yen() {
    let mut fixture = Fixture::open();
    assert_eq!(fixture.pay("a", 10_001), Err(Refusal::BalanceTooSmall));
    assert!(fixture.pay("b", 10_000).is_ok());
    assert_eq!(fixture.pay("c", 1), Err(Refusal::BalanceTooSmall));
}

/// The desk knows no such wallet; a code is no reason to believe that there is one.
#[test]
fn a_code_of_a_wallet_that_is_not_there_is_worth_nothing() {
    let mut fixture = Fixture::open();
    let charge = Charge {
        payer: Payer::Code(5),
        ..by_grant("lunch", 100)
    };
    let (limits, now) = (fixture.limits, fixture.now);
    let request =
        mamori_domain::command::Request::command(as_key(BAKERY_KEY), Command::Charge(charge));
    for (wallet, epoch) in [(WalletId(99), 0), (fixture.sora, 1)] {
        let prefetched = mamori_domain::decide::Prefetched {
            code: CodeFact::Live { wallet, epoch },
            ..mamori_domain::decide::Prefetched::NOTHING
        };
        let book = &mut fixture.book;
        let decision = mamori_domain::decide::decide(book, &limits, &prefetched, &request, now);
        assert_eq!(decision.outcome, Err(Refusal::CodeReplaced));
    }
}

#[test]
fn a_payment_keeps_what_the_merchant_wrote_on_it() {
    let mut fixture = Fixture::open();
    let order = OrderInfo {
        requested_at: 5,
        description: Some("昼食".into()),
        categories: Some(["bread".into(), "drinks".into()].into()),
        ..OrderInfo::default()
    };
    let charge = Charge {
        order: order.clone().into(),
        ..by_grant("lunch", 700)
    };
    let paid = payment(fixture.tell(Command::Charge(charge))).unwrap();
    assert_eq!(*paid.order, order);
    assert_eq!(paid.authorization, Some(GRANT));
    assert_eq!(
        (paid.store, paid.till),
        (Some(BAKERYS_STORE), Some(FIRST_TILL))
    );
}

#[test]
fn the_same_request_gets_the_same_answer_whatever_has_happened_since() {
    let mut fixture = Fixture::open();
    let first = fixture.pay("lunch", 1_200).unwrap();
    assert_eq!(fixture.pay("dear", 9_999), Err(Refusal::BalanceTooSmall));
    fixture.give(fixture.sora, "more", 5_000).unwrap();
    let wallet = fixture.sora;
    fixture.freeze(wallet);

    let later = Charge {
        order: OrderInfo {
            requested_at: 99,
            description: Some("another text".into()),
            categories: Some(["bread".into()].into()),
            ..OrderInfo::default()
        }
        .into(),
        ..by_grant("lunch", 1_200)
    };
    assert_eq!(
        payment(fixture.tell(Command::Charge(later))),
        Ok(first.clone()),
        "time stamps and texts do not make another request"
    );
    let by_another_of_the_merchants = as_till(FIRST_TILL, DEVICE);
    assert_eq!(
        payment(fixture.tell_as(
            by_another_of_the_merchants,
            Command::Charge(by_grant("lunch", 1_200))
        )),
        Ok(first),
        "nor does it matter who of the merchant asks"
    );
    assert_eq!(
        fixture.pay("dear", 9_999),
        Err(Refusal::BalanceTooSmall),
        "a refusal is final for its id"
    );
    let lunch = || by_grant("lunch", 1_200);
    for (what, other) in [
        ("amount", by_grant("lunch", 1_201)),
        (
            "store",
            Charge {
                store: None,
                ..lunch()
            },
        ),
        (
            "till",
            Charge {
                till: Some(SECOND_TILL),
                ..lunch()
            },
        ),
        (
            "payer",
            Charge {
                payer: Payer::Code(5),
                ..lunch()
            },
        ),
    ] {
        assert_eq!(
            payment(fixture.tell(Command::Charge(other))),
            Err(Refusal::IdempotencyConflict),
            "another {what}"
        );
    }
    assert_eq!(fixture.balance(wallet), 10_000 - 1_200 + 5_000);
}

#[test]
fn a_caller_without_a_right_to_a_merchants_ids_cannot_use_them_up() {
    let mut fixture = Fixture::open();
    for caller in [
        as_key(DEAD_KEY),
        as_key(BOOKSHOP_KEY),
        as_till(BOOKSHOPS_TILL, DEVICE),
    ] {
        let rows = fixture.journal.len();
        let charge = Command::Charge(by_grant("order-1", 700));
        assert!(fixture.tell_as(caller, charge).is_err());
        assert_eq!(fixture.journal.len(), rows, "nothing was journaled");
    }
    assert!(fixture.pay("order-1", 700).is_ok());
    let charge = Command::Charge(by_grant("order-1", 700));
    assert_eq!(
        payment(fixture.tell_as(as_key(DEAD_KEY), charge)),
        Err(Refusal::KeyRevoked),
        "nor read the answers under them"
    );
}

#[test]
fn a_cancel_gives_everything_back_once() {
    let mut fixture = Fixture::open();
    fixture.pay("coffee", 400).unwrap();
    assert_eq!(fixture.cancel("coffee"), Ok(Reply::CancelAccepted));
    assert_eq!(
        fixture.cancel("coffee"),
        Ok(Reply::CancelAccepted),
        "gives nothing back twice"
    );
    assert_eq!(fixture.balance(fixture.sora), 10_000);
    let again = fixture.pay("coffee", 400).unwrap();
    assert_eq!(again.status, PaymentStatus::Cancelled, "as it stands");
}

#[test]
fn a_cancel_that_came_first_leaves_a_tombstone() {
    let mut fixture = Fixture::open();
    assert_eq!(fixture.cancel("early"), Ok(Reply::CancelAccepted));
    for yen in [100, 999] {
        assert_eq!(
            fixture.pay("early", yen),
            Err(Refusal::CancelledBeforePayment)
        );
    }
    let rows = fixture.journal.len();
    assert_eq!(
        fixture.cancel("early"),
        Ok(Reply::CancelAccepted),
        "and may be repeated"
    );
    assert_eq!(fixture.journal.len(), rows, "without another tombstone");
}

#[test]
fn a_refused_payment_has_nothing_to_undo() {
    let mut fixture = Fixture::open();
    assert_eq!(fixture.pay("dear", 99_999), Err(Refusal::BalanceTooSmall));
    assert_eq!(fixture.cancel("dear"), Ok(Reply::CancelAccepted));
    assert_eq!(fixture.pay("dear", 99_999), Err(Refusal::BalanceTooSmall));
}

#[test]
fn refunds_come_up_to_what_was_paid_to_a_frozen_wallet_too() {
    let mut fixture = Fixture::open();
    let paid = fixture.pay("lunch", 1_000).unwrap();
    let before = fixture.balance(fixture.sora);
    fixture.freeze(fixture.sora);
    let first = fixture.refund(paid.id, "t", 400);
    assert!(first.is_ok(), "a frozen wallet gets its money back");
    assert_eq!(fixture.refund(paid.id, "t", 400), first, "repeated");
    assert_eq!(
        fixture.refund(paid.id, "u", 601),
        Err(Refusal::RefundExceedsPayment),
        "one yen more than is left"
    );
    assert_eq!(
        fixture.refund(paid.id, "u", 600),
        Err(Refusal::IdempotencyConflict),
        "a refused id with another amount"
    );
    assert!(fixture.refund(paid.id, "v", 600).is_ok(), "the rest");
    assert_eq!(fixture.balance(fixture.sora), before + 1_000);
}

#[test]
fn a_hold_is_captured_once_and_the_rest_comes_back() {
    let mut fixture = Fixture::open();
    let first = fixture.hold("room", 6_000, 3_600);
    assert_eq!(
        fixture.hold("room", 6_000, 3_600),
        first,
        "the same request"
    );
    assert_eq!(fixture.balance(fixture.sora), 4_000);
    assert_eq!(
        fixture.pay("too dear", 4_001),
        Err(Refusal::BalanceTooSmall),
        "what is held cannot be spent"
    );
    assert_eq!(fixture.capture(first, 3_500), Ok(Reply::Released));
    assert_eq!(
        fixture.capture(first, 1),
        Err(Refusal::HoldUnknown),
        "captured before"
    );
    assert_eq!(fixture.balance(fixture.sora), 6_500, "the rest came back");

    let second = fixture.hold("bike", 500, 3_600);
    let release = Command::Release { hold: second };
    let by_the_program = as_system(SystemReason::Reconciliation);
    assert_eq!(
        fixture.tell_as(by_the_program, release.clone()),
        Ok(Reply::Released)
    );
    assert_eq!(fixture.tell(release), Err(Refusal::HoldUnknown));
    assert_eq!(fixture.balance(fixture.sora), 6_500);
}

/// Who stands at the till with too little money, or with a wallet that is frozen, hears why; of other refusals nobody is told.
#[test]
fn the_owner_hears_of_a_payment_that_was_refused_for_what_the_owner_can_change() {
    let mut fixture = Fixture::open();
    let notices = |fixture: &Fixture| -> Vec<_> {
        let row = fixture.journal.last().expect("it was journaled");
        row.events().filter_map(Event::notice).collect()
    };
    let sora = fixture.sora;
    let refused = |refusal| {
        let notice = Notice::Refused {
            merchant: BAKERY,
            store: Some(BAKERYS_STORE),
            amount: Amount::yen(10_001),
            refusal,
        };
        vec![(sora, notice)]
    };
    fixture.pay("too dear", 10_001).unwrap_err();
    assert_eq!(notices(&fixture), refused(Refusal::BalanceTooSmall));
    let rows = fixture.journal.len();
    fixture.pay("too dear", 10_001).unwrap_err();
    assert_eq!(fixture.journal.len(), rows, "a retry tells nothing anew");
    fixture.pay("nothing", 0).unwrap_err();
    assert_eq!(notices(&fixture), [], "the shop's own mistake");
    fixture.freeze(fixture.sora);
    fixture.pay("frozen", 10_001).unwrap_err();
    assert_eq!(notices(&fixture), refused(Refusal::WalletFrozen));
}

/// The customer gets back the very yen that were taken, and reports find what was sold.
#[test]
fn what_was_captured_is_a_payment_and_refunded_into_the_lots_it_was_drawn_from() {
    let mut fixture = Fixture::open();
    let wallet = fixture.sora;
    let sorry = Command::Credit {
        wallet,
        idempotency_key: "sorry".into(),
        amount: Amount::yen(500),
        kind: CreditKind::Goodwill,
    };
    fixture.tell(sorry).unwrap();
    let lots = |fixture: &Fixture| -> Vec<Lot> {
        let row = fixture.book.wallet(wallet).expect("it is there");
        row.lots.iter().copied().collect()
    };
    let before = lots(&fixture);
    let mut charge = by_grant("room", 10_400);
    let categories: Box<[Box<str>]> = ["lodging".into()].into();
    charge.order = OrderInfo {
        categories: Some(categories.clone()),
        ..OrderInfo::default()
    }
    .into();
    let expires_at = fixture.now.plus_seconds(3_600);
    let Ok(Reply::Held { hold }) = fixture.tell(Command::Hold { charge, expires_at }) else {
        panic!("there is enough");
    };
    let paid = PaymentId(hold.0);
    assert_eq!(
        fixture.refund(paid, "early", 1),
        Err(Refusal::PaymentUnknown),
        "set aside is not paid"
    );
    fixture.capture(hold, 10_300).unwrap();
    let payment = fixture.book.payment(paid).expect("it is one").clone();
    assert_eq!(payment.order.categories, Some(categories));
    assert_eq!(&*payment.merchant_payment_id, "room");
    assert_eq!(payment.refundable(), Amount::yen(10_300));

    fixture.refund(paid, "part", 400).unwrap();
    assert_eq!(
        fixture.refund(paid, "more than is left", 9_901),
        Err(Refusal::RefundExceedsPayment)
    );
    fixture.refund(paid, "rest", 9_900).unwrap();
    let mut after = lots(&fixture);
    after.sort_by_key(|lot| std::cmp::Reverse(lot.amount));
    assert_eq!(after, before, "10,000 of cash and 500 of goodwill");
}

/// A client that cancels or reads an id need not know whether it was paid at once or only set aside.
#[test]
fn a_merchants_id_is_one_payment_set_aside_or_paid() {
    let mut fixture = Fixture::open();
    let room = fixture.hold("room", 6_000, 3_600);
    assert_eq!(
        fixture.pay("room", 6_000),
        Err(Refusal::IdempotencyConflict),
        "set aside is not paid"
    );
    fixture.pay("lunch", 500).unwrap();
    let expires_at = fixture.now.plus_seconds(3_600);
    let charge = by_grant("lunch", 500);
    assert_eq!(
        fixture.tell(Command::Hold { charge, expires_at }),
        Err(Refusal::IdempotencyConflict),
        "paid is not set aside"
    );
    let read = Query::Payment {
        merchant: BAKERY,
        merchant_payment_id: "room".into(),
    };
    let by_the_register = as_key(BAKERY_KEY);
    assert_eq!(
        fixture.ask_as(by_the_register, read.clone()),
        Ok(Reply::Held { hold: room })
    );
    assert_eq!(fixture.cancel("room"), Ok(Reply::CancelAccepted));
    assert_eq!(fixture.balance(fixture.sora), 9_500, "it went back");
    assert_eq!(
        fixture.ask_as(by_the_register, read),
        Ok(Reply::Held { hold: room })
    );
    assert_eq!(
        fixture.cancel("room"),
        Err(Refusal::HoldUnknown),
        "it has ended"
    );
    let bike = fixture.hold("bike", 700, 3_600);
    fixture.capture(bike, 650).unwrap();
    assert_eq!(
        fixture.cancel("bike"),
        Err(Refusal::HoldUnknown),
        "it was taken"
    );
    fixture.cancel("boat").unwrap();
    let charge = by_grant("boat", 100);
    assert_eq!(
        fixture.tell(Command::Hold { charge, expires_at }),
        Err(Refusal::CancelledBeforePayment)
    );
}

#[test]
fn a_hold_that_was_not_captured_in_time_goes_back() {
    let mut fixture = Fixture::open();
    let begin = fixture.now;
    let overdue = |fixture: &mut Fixture| fixture.tell(Command::ReleaseExpired);
    let room = fixture.hold("room", 3_000, 60);
    let bike = fixture.hold("bike", 500, 30);
    let boat = fixture.hold("boat", 200, 61);
    fixture.now = begin.plus_seconds(29);
    assert_eq!(overdue(&mut fixture), Ok(Reply::ReleasedExpired(0)));
    fixture.now = begin.plus_seconds(60);
    for (what, id, yen) in [
        ("at its last moment", room, 1),
        ("long after", bike, 1),
        ("and too much", bike, 501),
    ] {
        assert_eq!(
            fixture.capture(id, yen),
            Err(Refusal::HoldExpired),
            "{what}"
        );
    }
    assert_eq!(fixture.balance(fixture.sora), 6_300);

    // Two of one wallet in one command: the book checks each balance, and each entry names the one before it.
    assert_eq!(overdue(&mut fixture), Ok(Reply::ReleasedExpired(2)));
    assert_eq!(fixture.balance(fixture.sora), 9_800);
    let row = fixture.journal.last().expect("it was journaled");
    let released: Vec<_> = (row.events())
        .map(|event| match event {
            Event::Released(event) => (event.hold, event.entry.0, event.previous.0),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((released[0].0, released[1].0), (bike, room), "oldest first");
    assert_eq!(released[1].2, released[0].1);
    assert_eq!(fixture.capture(room, 1), Err(Refusal::HoldUnknown));
    assert!(fixture.capture(boat, 200).is_ok());

    // More than one command may give back: the rest hears of the next asking.
    for number in 0..55 {
        fixture.hold(&format!("chair {number}"), 10, 30);
    }
    fixture.now = begin.plus_seconds(90);
    for expected in [50, 5, 0] {
        assert_eq!(overdue(&mut fixture), Ok(Reply::ReleasedExpired(expected)));
    }
    assert_eq!(fixture.balance(fixture.sora), 9_800);
}

#[test]
fn a_revoked_key_and_a_device_that_was_taken_off_read_nothing() {
    let mut fixture = Fixture::open();
    let paid = fixture.pay("lunch", 100).unwrap();
    fixture.refund(paid.id, "r", 40).unwrap();
    let reads = |fixture: &mut Fixture, asker| {
        let merchant = BAKERY;
        [
            Query::Payment {
                merchant,
                merchant_payment_id: "lunch".into(),
            },
            Query::PaymentById {
                merchant,
                payment: paid.id,
            },
            Query::Refund {
                merchant,
                merchant_refund_id: "r".into(),
                payment: None,
            },
        ]
        .map(|query| fixture.ask_as(asker, query).map(drop))
    };
    let (key, device) = (as_key(BAKERY_KEY), as_till(FIRST_TILL, DEVICE));
    assert_eq!(reads(&mut fixture, key), [Ok(()); 3]);
    assert_eq!(reads(&mut fixture, device), [Ok(()); 3]);
    fixture
        .tell(Command::RevokeApiKey { key: BAKERY_KEY })
        .unwrap();
    let unbind = Command::BindTill {
        till: FIRST_TILL,
        device: None,
    };
    fixture.tell(unbind).unwrap();
    assert_eq!(reads(&mut fixture, key), [Err(Refusal::KeyRevoked); 3]);
    assert_eq!(reads(&mut fixture, device), [Err(Refusal::TillUnknown); 3]);
}

#[test]
fn ids_and_amounts_from_outside_at_their_widest_are_only_refused() {
    let mut fixture = Fixture::open();
    let wallet = WalletId(u64::MAX);
    let (merchant, payment) = (MerchantId(u32::MAX), PaymentId(u64::MAX));
    let id: Box<str> = "x".repeat(100_000).into();
    let amount = Amount::yen(Amount::MAX_MINOR);
    let key = Fingerprint(u128::MAX);
    let unknown_till = as_till(TillId(u32::MAX), key);
    let charge = Charge {
        merchant_payment_id: id.clone().into(),
        amount,
        payer: Payer::Authorization(AuthorizationId(u128::MAX)),
        ..by_grant("", 0)
    };
    let details = StoreDetails {
        town: Some(id.clone()),
        ..StoreDetails::default()
    };
    let own = fixture.sora;
    for command in [
        Command::OpenStore {
            merchant,
            details: details.clone(),
        },
        Command::OpenStore {
            merchant: BAKERY,
            details: details.clone(),
        },
        Command::DescribeStore {
            store: BAKERYS_STORE,
            details,
        },
        Command::OpenTill {
            store: StoreId(u32::MAX),
        },
        Command::BindTill {
            till: TillId(u32::MAX),
            device: None,
        },
        Command::BindApiKey { key, merchant },
        Command::RevokeApiKey { key },
        Command::BindCredential {
            wallet,
            credential: key,
        },
        Command::RevokeCredential {
            wallet,
            credential: key,
        },
        Command::Freeze { wallet },
        Command::Unfreeze { wallet },
        Command::GrantAuthorization {
            authorization: AuthorizationId(u128::MAX),
            wallet,
            merchant,
        },
        Command::RevokeAuthorization {
            authorization: AuthorizationId(u128::MAX),
        },
        Command::IssueCode { wallet },
        Command::Charge(charge.clone()),
        Command::Charge(Charge {
            payer: Payer::Code(u64::MAX),
            ..charge.clone()
        }),
        Command::Refund(refund_request(payment, &id, Amount::MAX_MINOR)),
        Command::Hold {
            charge,
            expires_at: Timestamp(i64::MIN),
        },
        Command::Capture {
            merchant: BAKERY,
            hold: HoldId(u64::MAX),
            amount,
        },
        Command::Release {
            hold: HoldId(u64::MAX),
        },
        Command::StartTopUp {
            wallet: own,
            idempotency_key: id.clone(),
            amount,
        },
        Command::ConfirmTopUp {
            top_up: TopUpId(u64::MAX),
            amount,
        },
        Command::FailTopUp {
            top_up: TopUpId(u64::MAX),
            expired: true,
        },
        Command::Credit {
            wallet: own,
            idempotency_key: id.clone(),
            amount,
            kind: CreditKind::Goodwill,
        },
    ] {
        let words = format!("{command:.40?}");
        assert!(fixture.tell(command).is_err(), "{words}");
    }
    let cancel = Command::Cancel {
        merchant,
        merchant_payment_id: id.clone(),
    };
    assert!(fixture.tell_as(unknown_till, cancel).is_err());
    for query in [
        Query::Wallet { wallet },
        Query::Wallet {
            wallet: WalletId(0),
        },
        Query::Payment {
            merchant,
            merchant_payment_id: id.clone(),
        },
        Query::PaymentById { merchant, payment },
        Query::Refund {
            merchant,
            merchant_refund_id: id,
            payment: Some(payment),
        },
    ] {
        let words = format!("{query:.40?}");
        assert!(fixture.ask_as(unknown_till, query).is_err(), "{words}");
    }
    fixture.book.audit();
}
