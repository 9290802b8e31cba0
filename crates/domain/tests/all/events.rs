//! What an event must agree with: its postings with its lots and its history, its answers with what its command needed.

use crate::fixture::{BAKERY, Fixture, by_grant};
use crate::format::one_of_each;
use crate::refusals::right_requests;
use mamori_domain::command::{Ask, Command, Needs, Request};
use mamori_domain::decide::Prefetched;
use mamori_domain::entry::EntryKind;
use mamori_domain::event::{Act, Event, Notice};
use mamori_domain::ids::{EntryId, WalletId};
use mamori_domain::key::RequestKey;
use mamori_domain::ledger::{Account, AccountKind, Posting};
use mamori_domain::money::Amount;
use mamori_domain::pay::{Captured, Paid, Refunded, Released};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

fn postings(event: &Event) -> Vec<Posting> {
    let mut postings = Vec::new();
    event.postings(&mut |posting| postings.push(posting));
    postings
}

fn answered(event: &Event) -> Vec<RequestKey> {
    let mut keys = Vec::new();
    event.answers(&mut |key, _| keys.push(key));
    keys
}

/// By how much the postings of an event move each account.
fn moved(event: &Event) -> BTreeMap<Account, i64> {
    let mut sums = BTreeMap::new();
    for (account, by) in postings(event).iter().flat_map(Posting::sides) {
        *sums.entry(account).or_default() += by;
    }
    sums
}

/// The events that a fixture's last row holds.
fn last_events(fixture: &Fixture) -> Vec<Event> {
    let row = fixture.journal.last().expect("something was journaled");
    row.events().cloned().collect()
}

/// What a wallet's history says is what the ledger says, from one side and from the other.
#[test]
fn every_movement_in_a_history_is_a_posting_of_that_wallet_by_that_amount() {
    for event in one_of_each() {
        let touched: Vec<WalletId> = (moved(&event).into_keys())
            .filter_map(Account::kept_by_wallet)
            .collect();
        let Some(movement) = event.movement() else {
            assert_eq!(touched, [], "money moves without a word: {event:?}");
            continue;
        };
        let wallet = Account::wallet(movement.wallet);
        let held = Account::held(movement.wallet);
        let (from, to) = match movement.kind {
            EntryKind::Payment => (wallet, AccountKind::Merchant),
            EntryKind::Cancel | EntryKind::Refund => (wallet, AccountKind::Merchant),
            EntryKind::TopUp => (wallet, AccountKind::CardClearing),
            EntryKind::Cash => (wallet, AccountKind::Cash),
            EntryKind::Goodwill => (wallet, AccountKind::Goodwill),
            EntryKind::Hold | EntryKind::Release => (wallet, AccountKind::Held),
            EntryKind::Capture => (held, AccountKind::Merchant),
        };
        let takes = matches!(
            movement.kind,
            EntryKind::Payment | EntryKind::Hold | EntryKind::Capture
        );
        let by = movement.amount.signed() * if takes { -1 } else { 1 };
        let told = postings(&event).iter().any(|posting| {
            let [own, other] = match posting.sides() {
                [a, b] if a.0 == from => [a, b],
                [a, b] => [b, a],
            };
            own == (from, by) && other.0.kind() == to && other.1 == -by
        });
        assert!(told, "{event:?}: {:?}", postings(&event));
        assert!(
            touched.iter().all(|own| *own == movement.wallet),
            "an event moves the money of one wallet"
        );
        assert_eq!(event.notice(), Some((movement.wallet, Notice::Moved)));
    }
}

#[test]
fn every_event_that_moves_money_leaves_all_accounts_together_where_they_were() {
    for event in one_of_each() {
        assert_eq!(moved(&event).into_values().sum::<i64>(), 0, "{event:?}");
    }
}

/// A book must rather stop than book on.
fn stops(fixture: &mut Fixture, event: impl Into<Event>) -> String {
    let event = event.into();
    fixture.book.open_row(fixture.seq + 1, fixture.now);
    let book = &mut fixture.book;
    let stopped = catch_unwind(AssertUnwindSafe(|| book.apply(&event)));
    let reason = stopped.expect_err("an event that contradicts itself was booked");
    let text = reason.downcast_ref::<String>().cloned();
    text.or_else(|| reason.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .expect("a panic has a text")
}

/// The event that such a command would make, without applying it.
fn decided(fixture: &mut Fixture, command: Command) -> Event {
    let request = Request::command(fixture.usual_asker(&command), command);
    let (_, mut events) = fixture.decide(&Prefetched::NOTHING, &request);
    assert_eq!(events.len(), 1);
    events.remove(0)
}

fn paid(fixture: &mut Fixture, yen: u64) -> Paid {
    match decided(fixture, Command::Charge(by_grant("lunch", yen))) {
        Event::Paid(paid) => Arc::unwrap_or_clone(paid),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_payment_of_more_than_the_lots_it_names_is_not_booked() {
    let mut fixture = Fixture::open();
    let mut event = paid(&mut fixture, 100);
    event.amount = Amount::yen(101);
    let why = stops(&mut fixture, event);
    assert!(
        why.contains("a wallet's lots move by what its postings say"),
        "{why}"
    );
}

#[test]
fn a_payment_that_names_another_balance_is_not_booked() {
    let mut fixture = Fixture::open();
    let mut event = paid(&mut fixture, 100);
    event.balance += 1;
    let why = stops(&mut fixture, event);
    assert!(why.contains("agree on every balance"), "{why}");
}

#[test]
fn a_refund_whose_lots_are_less_than_its_amount_is_not_booked() {
    let mut fixture = Fixture::open();
    let lunch = fixture.pay("lunch", 1_000).unwrap();
    let refund = Command::Refund(crate::fixture::refund_request(lunch.id, "r", 100));
    let Event::Refunded(event) = decided(&mut fixture, refund) else {
        panic!("it is refunded");
    };
    let mut returned = event.returned.clone();
    returned[0].amount = Amount::yen(40);
    let less = Refunded {
        returned,
        balance: event.balance - 60,
        ..event
    };
    let why = stops(&mut fixture, less);
    assert!(
        why.contains("a wallet's lots move by what its postings say"),
        "{why}"
    );
}

/// Wallets and what they hold have a floor of nothing.
#[test]
fn a_posting_below_an_accounts_floor_is_not_booked() {
    for kind in AccountKind::ALL {
        let with_floor = matches!(kind, AccountKind::Wallet | AccountKind::Held);
        assert_eq!(kind.floor(), with_floor.then_some(0), "{kind:?}");
    }

    let mut fixture = Fixture::open();
    let mut event = paid(&mut fixture, 10_000);
    event.drawn[0].amount = Amount::yen(10_001);
    event.amount = Amount::yen(10_001);
    let why = stops(&mut fixture, event);
    assert!(why.contains("no more than the lot has"), "{why}");

    let mut fixture = Fixture::open();
    let hold = fixture.hold("room", 100, 60);
    let captured = Captured {
        entry: EntryId(fixture.book.next_id()),
        hold,
        wallet: fixture.sora,
        merchant: BAKERY,
        store: None,
        amount: Amount::yen(101),
        back: Amount::ZERO,
        previous: EntryId(0),
        balance: 9_900,
        paid: None,
    };
    let why = stops(&mut fixture, captured);
    assert!(why.contains("a wallet holds no less than nothing"), "{why}");
}

/// Two holds: there is enough money aside for the posting, but this hold has less.
#[test]
fn a_hold_does_not_give_back_the_money_of_another() {
    let mut fixture = Fixture::open();
    let hold = fixture.hold("room", 100, 60);
    fixture.hold("bike", 100, 60);
    let released = Released {
        entry: EntryId(fixture.book.next_id()),
        hold,
        wallet: fixture.sora,
        merchant: BAKERY,
        amount: Amount::yen(101),
        previous: EntryId(0),
        balance: 9_901,
    };
    let why = stops(&mut fixture, released);
    assert!(why.contains("a hold ends whole"), "{why}");
}

#[test]
fn an_id_is_given_out_once_and_in_order() {
    let mut fixture = Fixture::open();
    let mut event = paid(&mut fixture, 100);
    event.id.0 += 1;
    let why = stops(&mut fixture, event);
    assert!(why.contains("ids are given out in order"), "{why}");
}

/// A retry is found under the key that its first answer was written under: were they not the same, it would be done twice.
#[test]
fn what_a_command_needs_is_what_its_event_answers() {
    let mut with_an_id = 0;
    for (what, mut scene) in right_requests() {
        let Ask::Command(command) = scene.request.ask.clone() else {
            continue;
        };
        let needs = command.needs();
        let rows = scene.fixture.journal.len();
        scene
            .fixture
            .tell_as(scene.request.asker, command.clone())
            .expect("it is right in everything");
        let keys: Vec<RequestKey> = (scene.fixture.journal[rows..].iter())
            .flat_map(|row| row.events().flat_map(answered))
            .collect();
        // A cancel of a payment that is there changes what stands under the key, and answers nothing anew.
        if matches!(command, Command::Cancel { .. }) {
            assert_eq!(keys, [], "{what}");
        } else {
            assert_eq!(keys.first().copied(), needs.key, "{what}");
        }
        with_an_id += usize::from(needs.key.is_some());
    }
    assert_eq!(
        with_an_id, 9,
        "two charges, two holds, a cancel, two refunds, a top-up, a credit"
    );
}

/// A refusal that is final is final under the same key.
#[test]
fn what_a_refused_command_needed_is_what_its_refusal_answers() {
    for (what, mut scene) in right_requests() {
        let Ask::Command(mut command) = scene.request.ask.clone() else {
            continue;
        };
        match &mut command {
            Command::Charge(charge) | Command::Hold { charge, .. } => charge.amount = Amount::ZERO,
            Command::Refund(request) => request.amount = Amount::ZERO,
            Command::Credit { amount, .. } => *amount = Amount::ZERO,
            _ => continue,
        }
        let needs = command.needs();
        let refused = scene.fixture.tell_as(scene.request.asker, command);
        assert!(refused.is_err(), "{what}");
        let events = last_events(&scene.fixture);
        assert!(matches!(&events[..], [Event::Refused(_)]), "{what}");
        assert_eq!(answered(&events[0]), Vec::from_iter(needs.key), "{what}");
    }
}

#[test]
fn a_cancel_that_comes_first_answers_the_payments_key_for_good() {
    let mut fixture = Fixture::open();
    let payments = Command::Charge(by_grant("never", 1)).needs();
    fixture.cancel("never").unwrap();
    let events = last_events(&fixture);
    assert_eq!(answered(&events[0]), Vec::from_iter(payments.key));
}

#[test]
fn a_command_about_something_old_needs_it() {
    let lunch = mamori_domain::ids::PaymentId(5);
    let page = mamori_domain::ids::TopUpId(6);
    let refund = Command::Refund(crate::fixture::refund_request(lunch, "r", 1));
    assert_eq!(refund.needs().payment, Some(lunch));
    let amount = Amount::yen(1);
    for command in [
        Command::ConfirmTopUp {
            top_up: page,
            amount,
        },
        Command::FailTopUp {
            top_up: page,
            expired: true,
        },
    ] {
        let top_up = Some(page);
        assert_eq!(
            command.needs(),
            Needs {
                top_up,
                ..Needs::NOTHING
            }
        );
    }
}

/// What an operator finds an act by.
#[test]
fn an_act_is_about_what_its_first_event_is_about() {
    let mut fixture = Fixture::open();
    fixture.pay("lunch", 100).unwrap();
    let row = fixture.journal.last().expect("it was journaled");
    let [act] = &row.acts[..] else {
        panic!("one act");
    };
    let wallet = mamori_domain::event::Subject::Wallet(fixture.sora);
    assert_eq!(act.subject(), wallet);
    let empty = Act {
        events: Vec::new(),
        ..act.clone()
    };
    assert_eq!(empty.subject(), mamori_domain::event::Subject::Shard);
    for event in one_of_each() {
        let subject = event.subject();
        let (kind, number) = (subject.kind(), subject.number());
        let read = mamori_domain::event::Subject::from_numbers(kind, number);
        assert_eq!(read, Some(subject), "{event:?}");
    }
}
