//! Every refusal of every act, in order of precedence: each line mends what the line above was refused for.

use crate::house::{
    BAKERY, BAKERY_KEY, BOOKSHOP, BOOKSHOP_KEY, DEAD_KEY, DEVICE, GRANT, House, by_grant, payment,
    refund_request,
};
use mamori_domain::act::{Act, Caller, Charge, CreditKind, Done, Refusal, TopUpState};
use mamori_domain::change::Change;
use mamori_domain::code::CodeFact;
use mamori_domain::decide::Facts;
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, HoldId, MerchantId, PaymentId, StoreId, TillId, TopUpId, WalletId,
};
use mamori_domain::money::Amount;
use mamori_domain::payment::Payer;

/// A scan at which everything is wrong.
fn hopeless() -> Charge {
    Charge {
        caller: Caller::Key(DEAD_KEY),
        merchant: BAKERY,
        payer: Payer::Code(12_345),
        amount: Amount::ZERO,
        store: Some(StoreId(2)),
        till: Some(TillId(99)),
        ..by_grant("", 0)
    }
}

struct Scan {
    house: House,
    charge: Charge,
    code: CodeFact,
}

type Mend = fn(&mut Scan);

const SCANS: &[(&str, Mend, Result<(), Refusal>)] = &[
    ("a revoked key", |_| {}, Err(Refusal::KeyRevoked)),
    (
        "another merchant's key",
        |scan| scan.charge.caller = Caller::Key(BOOKSHOP_KEY),
        Err(Refusal::KeyRevoked),
    ),
    (
        "a device that was never enrolled",
        |scan| scan.charge.caller = Caller::Till(TillId(1), Fingerprint(9)),
        Err(Refusal::TillUnknown),
    ),
    (
        "another merchant's store",
        |scan| scan.charge.caller = Caller::Till(TillId(1), DEVICE),
        Err(Refusal::StoreUnknown),
    ),
    (
        "a till that does not exist",
        |scan| scan.charge.store = Some(StoreId(1)),
        Err(Refusal::TillUnknown),
    ),
    (
        "another merchant's till",
        |scan| scan.charge.till = Some(TillId(3)),
        Err(Refusal::TillUnknown),
    ),
    (
        "nothing to pay",
        |scan| scan.charge.till = Some(TillId(1)),
        Err(Refusal::AmountOutOfBounds),
    ),
    (
        "one yen above the bound",
        |scan| scan.charge.amount = Amount::yen(100_001),
        Err(Refusal::AmountOutOfBounds),
    ),
    (
        "the widest amount there is",
        |scan| scan.charge.amount = Amount::yen(Amount::MAX_MINOR),
        Err(Refusal::AmountOutOfBounds),
    ),
    (
        "a code nobody shows",
        |scan| scan.charge.amount = Amount::yen(10_001),
        Err(Refusal::CodeUnknown),
    ),
    (
        "an old code",
        |scan| scan.code = CodeFact::Expired,
        Err(Refusal::CodeExpired),
    ),
    (
        "a used code",
        |scan| scan.code = CodeFact::Spent,
        Err(Refusal::CodeSpent),
    ),
    (
        "a replaced code",
        |scan| scan.code = CodeFact::Replaced,
        Err(Refusal::CodeReplaced),
    ),
    (
        "a code of a wallet that is not there",
        |scan| scan.code = shown_by(WalletId(99), 0),
        Err(Refusal::CodeReplaced),
    ),
    (
        "a code shown before the freeze",
        |scan| {
            scan.code = shown_by(scan.house.sora, 0);
            let wallet = scan.house.sora;
            scan.house.tell(Act::Freeze { wallet }).unwrap();
        },
        Err(Refusal::WalletFrozen),
    ),
    (
        "a frozen wallet",
        |scan| scan.code = shown_by(scan.house.sora, 1),
        Err(Refusal::WalletFrozen),
    ),
    (
        "a code shown before the freeze, after it was lifted",
        |scan| {
            scan.code = shown_by(scan.house.sora, 0);
            let wallet = scan.house.sora;
            scan.house.tell(Act::Unfreeze { wallet }).unwrap();
        },
        Err(Refusal::CodeReplaced),
    ),
    (
        "one yen too little",
        |scan| scan.code = shown_by(scan.house.sora, 1),
        Err(Refusal::BalanceTooSmall),
    ),
    (
        "the whole balance",
        |scan| scan.charge.amount = Amount::yen(10_000),
        Ok(()),
    ),
    (
        "one yen of an empty wallet",
        |scan| scan.charge.amount = Amount::yen(1),
        Err(Refusal::BalanceTooSmall),
    ),
];

fn shown_by(wallet: WalletId, epoch: u32) -> CodeFact {
    CodeFact::Live { wallet, epoch }
}

#[test]
fn a_scan_is_refused_in_this_order() {
    let (house, charge, code) = (House::open(), hopeless(), CodeFact::Unknown);
    let mut scan = Scan {
        house,
        charge,
        code,
    };
    for (number, (what, mend, expected)) in SCANS.iter().enumerate() {
        mend(&mut scan);
        scan.charge.name = format!("scan-{number}").into();
        let before = scan.house.balance(scan.house.sora);
        let facts = Facts {
            code: scan.code,
            ..Facts::NONE
        };
        let outcome = scan
            .house
            .tell_knowing(&facts, Act::Charge(scan.charge.clone()));
        assert_eq!(payment(outcome).map(drop), *expected, "{what}");
        let paid = if expected.is_ok() {
            scan.charge.amount.minor()
        } else {
            0
        };
        assert_eq!(scan.house.balance(scan.house.sora), before - paid, "{what}");
    }
}

#[test]
fn a_hold_is_refused_in_the_order_of_a_scan() {
    let (house, charge, code) = (House::open(), hopeless(), CodeFact::Unknown);
    let mut scan = Scan {
        house,
        charge,
        code,
    };
    for (number, (what, mend, expected)) in SCANS.iter().enumerate() {
        mend(&mut scan);
        scan.charge.name = format!("hold-{number}").into();
        let facts = Facts {
            code: scan.code,
            ..Facts::NONE
        };
        let hold = Act::Hold {
            charge: scan.charge.clone(),
            expires_at: scan.house.now.plus_seconds(3_600),
        };
        let outcome = scan.house.tell_knowing(&facts, hold);
        assert_eq!(outcome.map(drop), *expected, "{what}");
    }
}

#[test]
fn a_charge_by_permission_needs_the_permission_of_this_merchant() {
    let mut house = House::open();
    let stranger = Charge {
        payer: Payer::Authorization(AuthorizationId(1)),
        ..by_grant("a", 100)
    };
    assert_eq!(
        payment(house.tell(Act::Charge(stranger))),
        Err(Refusal::AuthorizationUnknown)
    );
    let bookshop = Charge {
        caller: Caller::Key(BOOKSHOP_KEY),
        merchant: BOOKSHOP,
        store: None,
        till: None,
        ..by_grant("b", 100)
    };
    assert_eq!(
        payment(house.tell(Act::Charge(bookshop))),
        Err(Refusal::AuthorizationUnknown)
    );
    assert_eq!(house.pay("c", 100).unwrap().authorization, Some(GRANT));
    let authorization = GRANT;
    house
        .tell(Act::RevokeAuthorization { authorization })
        .unwrap();
    assert_eq!(house.pay("d", 100), Err(Refusal::AuthorizationUnknown));
}

#[test]
fn the_same_request_gets_the_same_answer_whatever_has_happened_since() {
    let mut house = House::open();
    let first = house.pay("lunch", 1_200).unwrap();
    assert_eq!(house.pay("dear", 9_999), Err(Refusal::BalanceTooSmall));
    house.give(house.sora, "more", 5_000).unwrap();
    let wallet = house.sora;
    house.tell(Act::Freeze { wallet }).unwrap();

    let later = Charge {
        papers: mamori_domain::payment::Papers {
            requested_at: 99,
            ..Default::default()
        },
        ..by_grant("lunch", 1_200)
    };
    assert_eq!(
        payment(house.tell(Act::Charge(later))),
        Ok(first.clone()),
        "time stamps do not make another request"
    );
    assert_eq!(
        house.pay("dear", 9_999),
        Err(Refusal::BalanceTooSmall),
        "a refusal is final for its id"
    );
    for (what, other) in [
        ("amount", by_grant("lunch", 1_201)),
        (
            "store",
            Charge {
                store: None,
                ..by_grant("lunch", 1_200)
            },
        ),
        (
            "till",
            Charge {
                till: Some(TillId(2)),
                ..by_grant("lunch", 1_200)
            },
        ),
        (
            "payer",
            Charge {
                payer: Payer::Code(5),
                ..by_grant("lunch", 1_200)
            },
        ),
    ] {
        assert_eq!(
            payment(house.tell(Act::Charge(other))),
            Err(Refusal::IdempotencyConflict),
            "another {what}"
        );
    }
    assert_eq!(house.balance(wallet), 10_000 - 1_200 + 5_000);
}

#[test]
fn whoever_has_no_right_to_a_merchants_ids_cannot_use_them_up() {
    let mut house = House::open();
    for caller in [
        Caller::Key(DEAD_KEY),
        Caller::Key(BOOKSHOP_KEY),
        Caller::Till(TillId(3), DEVICE),
    ] {
        let charge = Charge {
            caller,
            ..by_grant("order-1", 700)
        };
        let rows = house.journal.len();
        assert!(house.tell(Act::Charge(charge)).is_err());
        assert_eq!(house.journal.len(), rows, "nothing was journaled");
    }
    assert!(house.pay("order-1", 700).is_ok());
    let dead = Charge {
        caller: Caller::Key(DEAD_KEY),
        ..by_grant("order-1", 700)
    };
    assert_eq!(
        payment(house.tell(Act::Charge(dead))),
        Err(Refusal::KeyRevoked),
        "nor read the answers under them"
    );
}

#[test]
fn a_cancel_is_refused_in_this_order() {
    let mut house = House::open();
    let caller = Caller::Key(DEAD_KEY);
    let dead = Act::Cancel {
        caller,
        merchant: BAKERY,
        name: "early".into(),
    };
    assert_eq!(house.tell(dead), Err(Refusal::KeyRevoked));
    assert_eq!(house.cancel("early"), Ok(Done::CancelAccepted));
    assert_eq!(
        house.pay("early", 100),
        Err(Refusal::CancelledBeforePayment),
        "a cancel that came first leaves a tombstone"
    );
    assert_eq!(
        house.pay("early", 999),
        Err(Refusal::CancelledBeforePayment)
    );
    assert_eq!(
        house.cancel("early"),
        Ok(Done::CancelAccepted),
        "and may be repeated"
    );

    let paid = house.pay("lunch", 1_000).unwrap();
    house.refund(paid.id, "part", 1).unwrap();
    assert_eq!(house.cancel("lunch"), Err(Refusal::AlreadyRefunded));

    house.pay("coffee", 400).unwrap();
    house.pay("tea", 300).unwrap();
    assert_eq!(house.cancel("coffee"), Ok(Done::CancelAccepted));
    assert_eq!(
        house.cancel("coffee"),
        Ok(Done::CancelAccepted),
        "gives nothing back twice"
    );
    assert_eq!(house.balance(house.sora), 10_000 - 1_000 + 1 - 300);
    house.now = house.now.plus_seconds(86_400);
    assert_eq!(house.cancel("tea"), Err(Refusal::CancelWindowOver));
    assert_eq!(
        house.pay("dear", 99_999),
        Err(Refusal::BalanceTooSmall),
        "a refused payment"
    );
    assert_eq!(
        house.cancel("dear"),
        Ok(Done::CancelAccepted),
        "has nothing to undo"
    );
}

#[test]
fn a_refund_is_refused_in_this_order() {
    let mut house = House::open();
    let paid = house.pay("lunch", 1_000).unwrap();
    let other = house.pay("other", 500).unwrap();
    house.cancel("other").unwrap();
    let before = house.balance(house.sora);

    let mut request = refund_request(PaymentId(77), "r", 0);
    request.caller = Caller::Key(DEAD_KEY);
    let ask = |house: &mut House, request: &_, expected: Result<(), Refusal>, what: &str| {
        let outcome = house.tell(Act::Refund(Clone::clone(request)));
        assert_eq!(outcome.map(drop), expected, "{what}");
    };
    ask(&mut house, &request, Err(Refusal::KeyRevoked), "dead key");
    request.caller = Caller::Key(BOOKSHOP_KEY);
    request.merchant = BOOKSHOP;
    request.payment = paid.id;
    ask(
        &mut house,
        &request,
        Err(Refusal::PaymentUnknown),
        "another merchant's payment looks as if it were not there",
    );
    request = refund_request(PaymentId(77), "r", 0);
    ask(
        &mut house,
        &request,
        Err(Refusal::PaymentUnknown),
        "no such payment",
    );
    request.payment = other.id;
    ask(
        &mut house,
        &request,
        Err(Refusal::AlreadyCancelled),
        "undone before",
    );
    request.payment = paid.id;
    ask(
        &mut house,
        &request,
        Err(Refusal::AmountOutOfBounds),
        "nothing",
    );
    request.name = "s".into();
    request.amount = Amount::yen(1_001);
    ask(
        &mut house,
        &request,
        Err(Refusal::RefundExceedsPayment),
        "one yen more than was paid",
    );
    request.amount = Amount::yen(1_000);
    ask(
        &mut house,
        &request,
        Err(Refusal::IdempotencyConflict),
        "a refused id with another amount",
    );
    let wallet = house.sora;
    house.tell(Act::Freeze { wallet }).unwrap();
    request.name = "t".into();
    request.amount = Amount::yen(400);
    ask(
        &mut house,
        &request,
        Ok(()),
        "a frozen wallet gets its money back",
    );
    ask(&mut house, &request, Ok(()), "repeated");
    request.name = "u".into();
    request.amount = Amount::yen(601);
    ask(
        &mut house,
        &request,
        Err(Refusal::RefundExceedsPayment),
        "one yen more than is left",
    );
    request.name = "v".into();
    request.amount = Amount::yen(600);
    ask(&mut house, &request, Ok(()), "the rest");
    assert_eq!(house.balance(wallet), before + 1_000);

    house.tell(Act::Unfreeze { wallet }).unwrap();
    let old = house.pay("old", 10).unwrap();
    house.now = house.now.plus_seconds(365 * 86_400 + 1);
    request.payment = old.id;
    request.name = "late".into();
    ask(
        &mut house,
        &request,
        Err(Refusal::RefundWindowOver),
        "after a year",
    );
}

#[test]
fn a_hold_is_captured_once_up_to_its_amount_by_its_merchant() {
    let mut house = House::open();
    let hold = |house: &mut House, name: &str, yen| {
        let expires_at = house.now.plus_seconds(3_600);
        match house.tell(Act::Hold {
            charge: by_grant(name, yen),
            expires_at,
        }) {
            Ok(Done::Held { hold }) => hold,
            other => panic!("{other:?}"),
        }
    };
    let capture = |house: &mut House, caller, merchant, hold, yen| {
        house
            .tell(Act::Capture {
                caller: Caller::Key(caller),
                merchant,
                hold,
                amount: Amount::yen(yen),
            })
            .map(drop)
    };
    let first = hold(&mut house, "room", 6_000);
    assert_eq!(hold(&mut house, "room", 6_000), first, "the same request");
    assert_eq!(house.balance(house.sora), 4_000);
    assert_eq!(
        house.pay("too dear", 4_001),
        Err(Refusal::BalanceTooSmall),
        "what is held cannot be spent"
    );
    for (what, caller, merchant, id, yen, expected) in [
        ("dead key", DEAD_KEY, BAKERY, first, 1, Refusal::KeyRevoked),
        (
            "another merchant's hold",
            BOOKSHOP_KEY,
            BOOKSHOP,
            first,
            1,
            Refusal::HoldUnknown,
        ),
        (
            "no such hold",
            BAKERY_KEY,
            BAKERY,
            HoldId(5),
            1,
            Refusal::HoldUnknown,
        ),
        (
            "nothing",
            BAKERY_KEY,
            BAKERY,
            first,
            0,
            Refusal::CaptureExceedsHold,
        ),
        (
            "one yen more",
            BAKERY_KEY,
            BAKERY,
            first,
            6_001,
            Refusal::CaptureExceedsHold,
        ),
    ] {
        assert_eq!(
            capture(&mut house, caller, merchant, id, yen),
            Err(expected),
            "{what}"
        );
    }
    assert_eq!(
        capture(&mut house, BAKERY_KEY, BAKERY, first, 3_500),
        Ok(())
    );
    assert_eq!(
        capture(&mut house, BAKERY_KEY, BAKERY, first, 1),
        Err(Refusal::HoldUnknown),
        "captured before"
    );
    assert_eq!(house.balance(house.sora), 6_500, "the rest came back");

    let second = hold(&mut house, "bike", 500);
    house.tell(Act::Release { hold: second }).unwrap();
    assert_eq!(
        house.tell(Act::Release { hold: second }),
        Err(Refusal::HoldUnknown)
    );
    assert_eq!(house.balance(house.sora), 6_500);
}

#[test]
fn a_hold_that_nobody_captured_in_time_goes_back() {
    let mut house = House::open();
    let begin = house.now;
    let hold = |house: &mut House, name: &str, yen, seconds| match house.tell(Act::Hold {
        charge: by_grant(name, yen),
        expires_at: begin.plus_seconds(seconds),
    }) {
        Ok(Done::Held { hold }) => hold,
        other => panic!("{other:?}"),
    };
    let capture = |house: &mut House, hold, yen| {
        let amount = Amount::yen(yen);
        let (caller, merchant) = (Caller::Key(BAKERY_KEY), BAKERY);
        house.tell(Act::Capture {
            caller,
            merchant,
            hold,
            amount,
        })
    };
    let overdue = |house: &mut House| house.tell(Act::ReleaseExpired);
    let (room, bike) = (
        hold(&mut house, "room", 3_000, 60),
        hold(&mut house, "bike", 500, 30),
    );
    let boat = hold(&mut house, "boat", 200, 61);
    house.now = begin.plus_seconds(29);
    assert_eq!(overdue(&mut house), Ok(Done::ReleasedExpired(0)));
    house.now = begin.plus_seconds(60);
    for (what, id, yen, expected) in [
        ("at its last moment", room, 1, Refusal::HoldExpired),
        ("long after", bike, 1, Refusal::HoldExpired),
        ("and too much", bike, 501, Refusal::HoldExpired),
    ] {
        assert_eq!(capture(&mut house, id, yen), Err(expected), "{what}");
    }
    assert_eq!(house.balance(house.sora), 6_300);

    // Two of one wallet in one act: the book checks each balance, and each entry names the one before it.
    let rows = house.journal.len();
    assert_eq!(overdue(&mut house), Ok(Done::ReleasedExpired(2)));
    assert_eq!(house.balance(house.sora), 9_800);
    let released: Vec<_> = (house.journal[rows].2.iter())
        .map(|change| match change {
            Change::Released {
                hold,
                entry,
                previous,
                ..
            } => (*hold, entry.0, previous.0),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((released[0].0, released[1].0), (bike, room), "oldest first");
    assert_eq!(released[1].2, released[0].1);
    assert_eq!(capture(&mut house, room, 1), Err(Refusal::HoldUnknown));
    assert!(capture(&mut house, boat, 200).is_ok());

    // More than one act may give back: the rest hears of the next asking.
    for number in 0..55 {
        hold(&mut house, &format!("chair {number}"), 10, 90);
    }
    house.now = begin.plus_seconds(90);
    for expected in [50, 5, 0] {
        assert_eq!(overdue(&mut house), Ok(Done::ReleasedExpired(expected)));
    }
    assert_eq!(house.balance(house.sora), 9_800);
}

#[test]
fn a_top_up_is_refused_in_this_order() {
    let mut house = House::open();
    let start = |house: &mut House, wallet, name: &str, yen| match house.tell(Act::StartTopUp {
        wallet,
        name: name.into(),
        amount: Amount::yen(yen),
    }) {
        Ok(Done::TopUp { top_up, state }) => Ok((top_up, state)),
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal),
    };
    let sora = house.sora;
    assert_eq!(
        start(&mut house, WalletId(99), "a", 0),
        Err(Refusal::WalletUnknown)
    );
    house.tell(Act::Freeze { wallet: sora }).unwrap();
    assert_eq!(
        start(&mut house, sora, "b", 499),
        Err(Refusal::WalletFrozen)
    );
    house.tell(Act::Unfreeze { wallet: sora }).unwrap();
    for (name, yen) in [("c", 0), ("d", 499), ("e", 30_001)] {
        assert_eq!(
            start(&mut house, sora, name, yen),
            Err(Refusal::AmountOutOfBounds),
            "{yen}"
        );
    }
    // 10,000 are there: three pages of 30,000 at once reach the cap of 100,000 to the yen.
    let mut pages = Vec::new();
    for name in ["f", "g", "h"] {
        pages.push(start(&mut house, sora, name, 30_000).unwrap().0);
    }
    assert_eq!(
        start(&mut house, sora, "i", 500),
        Err(Refusal::BalanceCap),
        "open pages count"
    );
    assert_eq!(
        start(&mut house, sora, "f", 30_000),
        Ok((pages[0], TopUpState::Pending)),
        "the same request"
    );
    assert_eq!(
        start(&mut house, sora, "f", 20_000),
        Err(Refusal::IdempotencyConflict)
    );

    let confirm = |house: &mut House, top_up, yen| {
        house.tell(Act::ConfirmTopUp {
            top_up,
            amount: Amount::yen(yen),
        })
    };
    let fail = |house: &mut House, top_up| {
        house.tell(Act::FailTopUp {
            top_up,
            expired: false,
        })
    };
    let at = |top_up, state| Ok(Done::TopUp { top_up, state });
    assert_eq!(
        confirm(&mut house, TopUpId(1), 30_000),
        Err(Refusal::TopUpUnknown)
    );
    assert_eq!(fail(&mut house, TopUpId(1)), Err(Refusal::TopUpUnknown));
    assert_eq!(
        confirm(&mut house, pages[0], 29_999),
        Err(Refusal::TopUpAmountDiffers)
    );
    let done = at(pages[0], TopUpState::Succeeded);
    assert_eq!(confirm(&mut house, pages[0], 30_000), done);
    assert_eq!(confirm(&mut house, pages[0], 30_000), done, "twice");
    assert_eq!(fail(&mut house, pages[0]), done, "a late failure");
    assert_eq!(house.balance(sora), 40_000, "credited once");

    assert_eq!(fail(&mut house, pages[1]), at(pages[1], TopUpState::Failed));
    assert_eq!(fail(&mut house, pages[1]), at(pages[1], TopUpState::Failed));
    assert_eq!(house.balance(sora), 40_000);
    assert!(
        start(&mut house, sora, "j", 30_000).is_ok(),
        "a failed page makes room"
    );
    house.tell(Act::Freeze { wallet: sora }).unwrap();
    assert_eq!(
        confirm(&mut house, pages[1], 29_000),
        Err(Refusal::TopUpAmountDiffers)
    );
    assert_eq!(
        confirm(&mut house, pages[1], 30_000),
        at(pages[1], TopUpState::Succeeded),
        "the processor has the money after all: frozen, full or failed before, it is the customer's"
    );
    assert_eq!(
        confirm(&mut house, pages[1], 30_000),
        at(pages[1], TopUpState::Succeeded)
    );
    assert_eq!(house.balance(sora), 70_000);
}

#[test]
fn a_credit_is_refused_in_this_order() {
    let mut house = House::open();
    let (sora, riku) = (house.sora, house.riku);
    assert_eq!(
        house.give(WalletId(99), "a", 1),
        Err(Refusal::WalletUnknown)
    );
    assert_eq!(house.give(riku, "a", 0), Err(Refusal::AmountOutOfBounds));
    assert_eq!(house.give(riku, "b", 100_001), Err(Refusal::BalanceCap));
    let first = house.give(riku, "c", 100_000);
    assert!(first.is_ok());
    assert_eq!(house.give(riku, "c", 100_000), first, "the same request");
    assert_eq!(house.give(riku, "c", 1), Err(Refusal::IdempotencyConflict));
    let other_kind = Act::Credit {
        wallet: riku,
        name: "c".into(),
        amount: Amount::yen(100_000),
        kind: CreditKind::Goodwill,
    };
    assert_eq!(house.tell(other_kind), Err(Refusal::IdempotencyConflict));
    assert_eq!(house.give(riku, "d", 1), Err(Refusal::BalanceCap));
    house.tell(Act::Freeze { wallet: sora }).unwrap();
    assert!(
        house.give(sora, "e", 1).is_ok(),
        "a frozen wallet can be given money"
    );
}

#[test]
fn a_freeze_ends_what_was_shown_and_can_be_repeated() {
    let mut house = House::open();
    let wallet = house.sora;
    let frozen = |outcome| match outcome {
        Ok(Done::Wallet(sight)) => sight.frozen,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        house.tell(Act::Freeze {
            wallet: WalletId(99)
        }),
        Err(Refusal::WalletUnknown)
    );
    assert!(frozen(house.tell(Act::Freeze { wallet })));
    assert!(frozen(house.tell(Act::Freeze { wallet })));
    assert_eq!(house.book.wallet(wallet).unwrap().epoch, 1);
    assert!(!frozen(house.tell(Act::Unfreeze { wallet })));
    assert!(!frozen(house.tell(Act::Unfreeze { wallet })));
    assert_eq!(
        house.tell(Act::Unfreeze {
            wallet: WalletId(99)
        }),
        Err(Refusal::WalletUnknown)
    );

    let credential = Fingerprint(1);
    let revoke = Act::RevokeCredential { wallet, credential };
    assert_eq!(house.tell(revoke.clone()), Ok(Done::Bound));
    assert_eq!(house.tell(revoke), Err(Refusal::CredentialUnknown));
    assert_eq!(
        house.book.wallet(wallet).unwrap().epoch,
        2,
        "a lost passkey ends what was shown, too"
    );
    let riku = house.riku;
    let taken = Act::BindCredential {
        wallet,
        credential: Fingerprint(2),
    };
    assert_eq!(house.tell(taken), Err(Refusal::AlreadyBound));
    assert_eq!(
        house.tell(Act::OpenWallet {
            credential: Fingerprint(2)
        }),
        Ok(Done::WalletOpened(riku)),
        "a sign-up that lost its answer"
    );
}

#[test]
fn a_payment_is_found_by_its_merchant_alone() {
    let mut house = House::open();
    let paid = house.pay("lunch", 100).unwrap();
    let find = |house: &mut House, merchant: MerchantId, key: Fingerprint| {
        let payment = paid.id;
        let caller = Caller::Key(key);
        house
            .tell(Act::FindPaymentById {
                caller,
                merchant,
                payment,
            })
            .map(drop)
    };
    assert_eq!(find(&mut house, BAKERY, BAKERY_KEY), Ok(()));
    assert_eq!(
        find(&mut house, BOOKSHOP, BOOKSHOP_KEY),
        Err(Refusal::PaymentUnknown)
    );
    assert_eq!(
        find(&mut house, BAKERY, BOOKSHOP_KEY),
        Err(Refusal::KeyRevoked)
    );
    house.refund(paid.id, "r", 40).unwrap();
    let by_name = |house: &mut House, payment| {
        house
            .tell(Act::FindRefund {
                caller: Caller::Key(BAKERY_KEY),
                merchant: BAKERY,
                name: "r".into(),
                payment,
            })
            .map(drop)
    };
    assert_eq!(by_name(&mut house, None), Ok(()));
    assert_eq!(by_name(&mut house, Some(paid.id)), Ok(()));
    assert_eq!(
        by_name(&mut house, Some(PaymentId(1))),
        Err(Refusal::RefundUnknown)
    );
}

#[test]
fn a_revoked_key_and_a_device_that_was_taken_off_read_nothing() {
    let mut house = House::open();
    let paid = house.pay("lunch", 100).unwrap();
    house.refund(paid.id, "r", 40).unwrap();
    let reads = |house: &mut House, caller| {
        let merchant = BAKERY;
        [
            Act::FindPayment {
                caller,
                merchant,
                name: "lunch".into(),
            },
            Act::FindPaymentById {
                caller,
                merchant,
                payment: paid.id,
            },
            Act::FindRefund {
                caller,
                merchant,
                name: "r".into(),
                payment: None,
            },
        ]
        .map(|act| house.tell(act).map(drop))
    };
    let (key, device) = (Caller::Key(BAKERY_KEY), Caller::Till(TillId(1), DEVICE));
    assert_eq!(reads(&mut house, key), [Ok(()); 3]);
    assert_eq!(reads(&mut house, device), [Ok(()); 3]);
    house.tell(Act::RevokeApiKey { key: BAKERY_KEY }).unwrap();
    let unbind = Act::BindTill {
        till: TillId(1),
        device: None,
    };
    house.tell(unbind).unwrap();
    assert_eq!(reads(&mut house, key), [Err(Refusal::KeyRevoked); 3]);
    assert_eq!(reads(&mut house, device), [Err(Refusal::TillUnknown); 3]);
}

#[test]
fn ids_and_amounts_from_outside_at_their_widest_are_only_refused() {
    let mut house = House::open();
    let wallet = WalletId(u64::MAX);
    let (merchant, payment) = (MerchantId(u32::MAX), PaymentId(u64::MAX));
    let name: Box<str> = "x".repeat(100_000).into();
    let amount = Amount::yen(Amount::MAX_MINOR);
    let key = Fingerprint(u128::MAX);
    let caller = Caller::Till(TillId(u32::MAX), key);
    let charge = Charge {
        caller: Caller::Key(BAKERY_KEY),
        name: name.clone(),
        amount,
        payer: Payer::Authorization(AuthorizationId(u128::MAX)),
        ..by_grant("", 0)
    };
    let kind = CreditKind::Goodwill;
    for act in [
        Act::OpenStore { merchant },
        Act::OpenTill {
            store: StoreId(u32::MAX),
        },
        Act::BindTill {
            till: TillId(u32::MAX),
            device: None,
        },
        Act::BindApiKey { key, merchant },
        Act::RevokeApiKey { key },
        Act::BindCredential {
            wallet,
            credential: key,
        },
        Act::RevokeCredential {
            wallet,
            credential: key,
        },
        Act::Freeze { wallet },
        Act::Look { wallet },
        Act::Look {
            wallet: WalletId(0),
        },
        Act::Charge(charge.clone()),
        Act::Cancel {
            caller,
            merchant,
            name: name.clone(),
        },
        Act::Refund(refund_request(payment, &name, Amount::MAX_MINOR)),
        Act::Hold {
            charge,
            expires_at: mamori_domain::world::Timestamp(i64::MIN),
        },
        Act::Capture {
            caller: Caller::Key(BAKERY_KEY),
            merchant: BAKERY,
            hold: HoldId(u64::MAX),
            amount,
        },
        Act::StartTopUp {
            wallet: house.sora,
            name: name.clone(),
            amount,
        },
        Act::ConfirmTopUp {
            top_up: TopUpId(u64::MAX),
            amount,
        },
        Act::Credit {
            wallet: house.sora,
            name: name.clone(),
            amount,
            kind,
        },
        Act::FindPaymentById {
            caller,
            merchant,
            payment,
        },
        Act::FindRefund {
            caller,
            merchant,
            name,
            payment: Some(payment),
        },
    ] {
        let words = format!("{act:.40?}");
        assert!(house.tell(act).is_err(), "{words}");
    }
    house.book.audit();
}
