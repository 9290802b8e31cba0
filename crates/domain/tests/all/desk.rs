//! The desk of one-time codes: a code is shown, scanned once, and guessing is not worth trying.

use crate::fixture::{
    BAKERY_KEY, BOOKSHOPS_TILL, DEVICE, FIRST_TILL, Fixture, SECOND_TILL, as_customer, as_key,
    as_operator, as_till, by_code, payment,
};
use mamori_domain::command::{Charge, Command, Request};
use mamori_domain::context::Asker;
use mamori_domain::decide::Prefetched;
use mamori_domain::ids::{TillId, WalletId};
use mamori_domain::pay::CodeFact;
use mamori_domain::query::Query;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::{Outcome, Reply};

/// So many wrong codes within a minute lock a till.
const GUESSES: u64 = 10;

fn scan(
    fixture: &mut Fixture,
    asker: Asker,
    till: Option<TillId>,
    digits: u64,
    id: &str,
) -> Outcome {
    let store = till.and(None);
    let charge = Charge {
        store,
        till,
        ..by_code(digits, id, 100)
    };
    fixture.tell_as(asker, Command::Charge(charge))
}

fn guess(fixture: &mut Fixture, asker: Asker, till: Option<TillId>, count: u64) {
    for number in 0..count {
        let id = format!("guess {number}");
        let outcome = scan(fixture, asker, till, number, &id);
        assert_eq!(outcome, Err(Refusal::CodeUnknown));
    }
}

#[test]
fn a_code_that_is_shown_pays_once() {
    let mut fixture = Fixture::open();
    let wallet = fixture.sora;
    let Ok(Reply::Code { digits, expires_at }) = fixture.tell(Command::IssueCode { wallet }) else {
        panic!("Sora may show a code");
    };
    assert_eq!(expires_at, fixture.now.plus_seconds(60));
    let till = as_till(FIRST_TILL, DEVICE);
    let paid = payment(scan(&mut fixture, till, Some(FIRST_TILL), digits, "a")).unwrap();
    assert_eq!((paid.wallet, paid.authorization), (wallet, None));
    assert_eq!(
        scan(&mut fixture, till, Some(FIRST_TILL), digits, "b"),
        Err(Refusal::CodeSpent)
    );
    assert_eq!(
        payment(scan(&mut fixture, till, Some(FIRST_TILL), digits, "a")),
        Ok(paid),
        "a retry hears of its payment, long after the code is dead"
    );
}

#[test]
fn a_hold_spends_a_code_too() {
    let mut fixture = Fixture::open();
    let digits = fixture.show_code(fixture.sora);
    let expires_at = fixture.now.plus_seconds(3_600);
    let charge = by_code(digits, "room", 100);
    fixture.tell(Command::Hold { charge, expires_at }).unwrap();
    let till = as_till(FIRST_TILL, DEVICE);
    assert_eq!(
        scan(&mut fixture, till, Some(FIRST_TILL), digits, "a"),
        Err(Refusal::CodeSpent)
    );
}

#[test]
fn a_refused_scan_leaves_the_code_alive() {
    let mut fixture = Fixture::open();
    let digits = fixture.show_code(fixture.sora);
    let dear = Command::Charge(by_code(digits, "dear", 99_999));
    assert_eq!(fixture.tell(dear), Err(Refusal::BalanceTooSmall));
    let till = as_till(FIRST_TILL, DEVICE);
    assert!(scan(&mut fixture, till, Some(FIRST_TILL), digits, "a").is_ok());
}

/// What was not durable never happened: the code of the lost payment works again.
#[test]
fn an_undone_batch_gives_the_code_back() {
    let mut fixture = Fixture::open();
    let digits = fixture.show_code(fixture.sora);
    let charge = Command::Charge(by_code(digits, "lunch", 100));
    let request = Request::command(as_till(FIRST_TILL, DEVICE), charge);

    fixture.book.open_row(fixture.seq + 1, fixture.now);
    let (first, events) = fixture.decide(&Prefetched::NOTHING, &request);
    events.iter().for_each(|event| fixture.book.apply(event));
    assert_eq!(fixture.desk.look(digits, fixture.now), CodeFact::Spent);

    fixture.book.undo();
    fixture.desk.undo();
    let outcome = scan(
        &mut fixture,
        as_till(FIRST_TILL, DEVICE),
        Some(FIRST_TILL),
        digits,
        "lunch",
    );
    assert_eq!(outcome.is_ok(), first.is_ok());
    assert!(outcome.is_ok());
}

#[test]
fn a_customer_shows_codes_of_the_own_wallet_alone_and_not_while_it_is_frozen() {
    let mut fixture = Fixture::open();
    let (sora, riku) = (fixture.sora, fixture.riku);
    let old = fixture.show_code(sora);
    let issue = |fixture: &mut Fixture, asker, wallet| {
        let issued = fixture.tell_as(asker, Command::IssueCode { wallet });
        issued.map(drop)
    };
    for (asker, wallet) in [(as_customer(riku), sora), (as_operator(), WalletId(99))] {
        assert_eq!(
            issue(&mut fixture, asker, wallet),
            Err(Refusal::WalletUnknown)
        );
    }
    let live = |fixture: &Fixture, digits| {
        matches!(
            fixture.desk.look(digits, fixture.now),
            CodeFact::Live { .. }
        )
    };
    assert!(live(&fixture, old), "the refused request replaced no code");
    fixture.freeze(sora);
    assert_eq!(
        issue(&mut fixture, as_customer(sora), sora),
        Err(Refusal::WalletFrozen)
    );
}

#[test]
fn a_code_is_journaled_nowhere() {
    let mut fixture = Fixture::open();
    let rows = fixture.journal.len();
    fixture.show_code(fixture.sora);
    assert_eq!(fixture.journal.len(), rows);
}

#[test]
fn a_till_that_guessed_too_often_is_locked_for_the_rest_of_the_minute() {
    let mut fixture = Fixture::open();
    let (till, place) = (as_till(FIRST_TILL, DEVICE), Some(FIRST_TILL));
    guess(&mut fixture, till, place, GUESSES - 1);
    let paid = fixture.show_code(fixture.sora);
    let paid_in_time = scan(&mut fixture, till, place, paid, "in time");
    assert!(paid_in_time.is_ok(), "nine wrong codes are a bad scanner");
    guess_once_more(&mut fixture, till, place);

    let code = fixture.show_code(fixture.sora);
    let rows = fixture.journal.len();
    let locked = Err(Refusal::TillLocked);
    assert_eq!(scan(&mut fixture, till, place, code, "lunch"), locked);
    assert_eq!(
        scan(&mut fixture, till, place, paid, "in time"),
        paid_in_time,
        "a retry is no guess: that it paid must be heard"
    );
    assert_eq!(
        scan(&mut fixture, till, place, 0, "guess 0"),
        locked,
        "a wrong code left no trace"
    );
    assert_eq!(fixture.journal.len(), rows, "nothing was decided");

    // NOON is the beginning of a minute.
    assert_eq!(fixture.now.seconds() % 60, 0);
    fixture.now = fixture.now.plus_seconds(59);
    assert_eq!(scan(&mut fixture, till, place, code, "lunch"), locked);
    fixture.now = fixture.now.plus_seconds(1);
    let code = fixture.show_code(fixture.sora);
    assert!(
        scan(&mut fixture, till, place, code, "supper").is_ok(),
        "a minute later it may scan again"
    );
}

/// A code that ran out is the most ordinary thing at a till: the customer shows the next one, and it is the same sale.
#[test]
fn after_a_dead_code_the_next_one_pays_under_the_same_id() {
    let mut fixture = Fixture::open();
    let (till, place) = (as_till(FIRST_TILL, DEVICE), Some(FIRST_TILL));
    let replaced = fixture.show_code(fixture.sora);
    let expired = fixture.show_code(fixture.riku);
    fixture.now = fixture.now.plus_seconds(60);
    let spent = fixture.show_code(fixture.sora);
    scan(&mut fixture, till, place, spent, "tea").unwrap();
    let rows = fixture.journal.len();
    for (code, refusal) in [
        (replaced, Refusal::CodeReplaced),
        (expired, Refusal::CodeExpired),
        (spent, Refusal::CodeSpent),
        (77, Refusal::CodeUnknown),
    ] {
        assert_eq!(scan(&mut fixture, till, place, code, "lunch"), Err(refusal));
        let of = Box::new(Command::Charge(Charge {
            store: None,
            till: place,
            ..by_code(code, "lunch", 100)
        }));
        assert_eq!(
            fixture.ask_as(till, Query::FirstAnswer { of }),
            Err(refusal),
            "delivered again it is told again"
        );
    }
    assert_eq!(fixture.journal.len(), rows, "nothing of it is kept");
    let code = fixture.show_code(fixture.sora);
    let of = Box::new(Command::Charge(Charge {
        store: None,
        till: place,
        ..by_code(code, "lunch", 100)
    }));
    let again = Query::FirstAnswer { of };
    assert_eq!(
        fixture.ask_as(till, again.clone()),
        Ok(Reply::Undecided),
        "a code that would pay does not by being delivered again"
    );
    let paid = scan(&mut fixture, till, place, code, "lunch");
    assert!(paid.is_ok(), "{paid:?}");
    assert_eq!(fixture.ask_as(till, again), paid);
    assert_eq!(
        scan(&mut fixture, till, place, expired, "lunch"),
        Err(Refusal::IdempotencyConflict),
        "and from then on the id is the payment's"
    );
}

#[test]
fn the_same_wrong_code_again_is_one_guess() {
    let mut fixture = Fixture::open();
    let (till, place) = (as_till(FIRST_TILL, DEVICE), Some(FIRST_TILL));
    for _ in 0..3 * GUESSES {
        assert_eq!(
            scan(&mut fixture, till, place, 77, "lunch"),
            Err(Refusal::CodeUnknown)
        );
    }
}

fn guess_once_more(fixture: &mut Fixture, asker: Asker, till: Option<TillId>) {
    let outcome = scan(fixture, asker, till, 77, "once more");
    assert_eq!(outcome, Err(Refusal::CodeUnknown));
}

#[test]
fn dead_codes_are_no_guesses() {
    let mut fixture = Fixture::open();
    let (till, place) = (as_till(FIRST_TILL, DEVICE), Some(FIRST_TILL));
    let old = fixture.show_code(fixture.sora);
    let code = fixture.show_code(fixture.sora);
    for number in 0..=GUESSES {
        let id = format!("old {number}");
        assert_eq!(
            scan(&mut fixture, till, place, old, &id),
            Err(Refusal::CodeReplaced)
        );
    }
    assert!(scan(&mut fixture, till, place, code, "lunch").is_ok());
}

/// A chain's registers share one key: ten codes that died with a restart must not lock all of its stores.
#[test]
fn one_tills_guesses_lock_no_other_till_of_the_same_key() {
    let mut fixture = Fixture::open();
    let key = as_key(BAKERY_KEY);
    guess(&mut fixture, key, Some(FIRST_TILL), GUESSES);
    let code = fixture.show_code(fixture.sora);
    assert_eq!(
        scan(&mut fixture, key, Some(FIRST_TILL), code, "a"),
        Err(Refusal::TillLocked)
    );
    assert!(scan(&mut fixture, key, Some(SECOND_TILL), code, "a").is_ok());
}

/// An attacker who makes up a new till for each guess is locked like any other.
#[test]
fn made_up_tills_are_one_guesser() {
    let mut fixture = Fixture::open();
    let key = as_key(BAKERY_KEY);
    for number in 0..GUESSES {
        // Refused for the till, before the code is asked for: it was a guess all the same.
        let till = TillId(1_000 + number as u32);
        let id = format!("made up {number}");
        let outcome = scan(&mut fixture, key, Some(till), number, &id);
        assert_eq!(outcome, Err(Refusal::TillUnknown));
    }
    for till in [None, Some(TillId(2_000)), Some(BOOKSHOPS_TILL)] {
        assert_eq!(
            scan(&mut fixture, key, till, 1, "next"),
            Err(Refusal::TillLocked),
            "{till:?}"
        );
    }
}

/// Without the desk a code can be neither made nor found.
#[test]
fn a_decision_without_the_desk_knows_no_code() {
    let fixture = Fixture::open();
    let wallet = fixture.sora;
    let digits = 5;
    for command in [
        Command::IssueCode { wallet },
        Command::Charge(by_code(digits, "lunch", 100)),
    ] {
        let asker = fixture.usual_asker(&command);
        let decision = mamori_domain::decide::decide(
            &fixture.book,
            &fixture.limits,
            &Prefetched::NOTHING,
            &Request::command(asker, command),
            fixture.now,
        );
        assert_eq!(decision.outcome, Err(Refusal::CodeUnknown));
    }
}
