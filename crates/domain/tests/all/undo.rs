//! What was not durable never happened, and what a checkpoint says is what the journal says.

use crate::fixture::{
    BAKERY, BAKERY_KEY, Fixture, NOON, as_key, by_grant, empty_book, hash_key, payment,
    refund_request,
};
use crate::ledger::{Known, wish};
use mamori_domain::book::{Book, BookHash, DirtyRow};
use mamori_domain::command::{Command, Request};
use mamori_domain::decide::Prefetched;
use mamori_domain::ids::{HoldId, TopUpId, WalletId};
use mamori_domain::ledger::Account;
use mamori_domain::query::Query;
use mamori_domain::reply::{Outcome, Reply};
use mamori_domain::world::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Decides a batch without making it durable.
fn undurable(fixture: &mut Fixture, commands: &[Command]) -> Vec<Outcome> {
    fixture.book.open_row(fixture.seq + 1, fixture.now);
    commands
        .iter()
        .map(|command| {
            let request = Request::command(fixture.usual_asker(command), command.clone());
            let (outcome, events) = fixture.decide(&Prefetched::NOTHING, &request);
            events.iter().for_each(|event| fixture.book.apply(event));
            outcome
        })
        .collect()
}

type Rows = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

fn put_together(rows: &Rows) -> Book {
    let mut book = empty_book();
    let mut sum = BookHash::default();
    for ((table, key), row) in rows {
        sum.add_row(&hash_key(), &[&[*table], &key[..], row].concat());
        book.load(*table, key, row).expect("our own rows");
    }
    book.loaded(sum);
    book
}

fn keep(rows: &mut Rows, dirty: Vec<DirtyRow>) {
    for DirtyRow { table, key, row } in dirty {
        match row {
            Some(row) => drop(rows.insert((table, key), row)),
            None => drop(rows.remove(&(table, key))),
        }
    }
}

/// All holds there are, in the order in which they end.
fn holds_by_end(book: &Book) -> Vec<(Timestamp, HoldId)> {
    book.holds_expired_at(Timestamp(i64::MAX))
        .map(|(hold, row)| (row.expires_at, hold))
        .collect()
}

/// All open top-ups, in the order in which they were started.
fn top_ups_by_start(book: &Book) -> Vec<(Timestamp, TopUpId)> {
    book.top_ups_started_before(Timestamp(i64::MAX))
        .map(|(top_up, row)| (row.started_at, top_up))
        .collect()
}

/// All of a book that a decision can look at and a test can compare.
fn stood(book: &Book) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        book.hash(),
        *book.trial_balance(),
        book.next_id(),
        *book.counters(),
        book.recent_len(),
        holds_by_end(book),
        top_ups_by_start(book),
        book.balance(Account::merchant(BAKERY)),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Hash, trial balance, ids, the indexes of holds and top-ups and the recent past are exactly as before: the same batch
    /// decided again comes out the same.
    #[test]
    fn undo_restores_everything(
        before in prop::collection::vec(wish(), 0..60),
        lost in prop::collection::vec(wish(), 1..40),
    ) {
        let mut fixture = Fixture::open();
        let mut known = Known::default();
        for wish in &before {
            let command = known.command(&fixture, wish);
            let outcome = fixture.tell(command.clone());
            known.learn(&command, &outcome);
        }
        let commands: Vec<Command> =
            lost.iter().map(|wish| known.command(&fixture, wish)).collect();
        let was = stood(&fixture.book);
        let first = undurable(&mut fixture, &commands);
        let then = stood(&fixture.book);
        let hash = fixture.book.hash();
        fixture.book.undo();
        prop_assert_eq!(stood(&fixture.book), was);
        fixture.book.audit();
        prop_assert_eq!(undurable(&mut fixture, &commands), first);
        prop_assert_eq!(stood(&fixture.book), then);
        fixture.book.settle();
        prop_assert_eq!(fixture.book.hash(), hash, "settling changes no hash");
    }

    /// Checkpoint = full replay, wherever the checkpoint was cut, with an undone batch in between.
    #[test]
    fn a_checkpoint_and_a_replay_are_the_same_book(
        wishes in prop::collection::vec(wish(), 1..80),
        cut in 0..80usize,
    ) {
        let mut fixture = Fixture::open();
        let mut known = Known::default();
        let mut rows = Rows::new();
        for (at, wish) in wishes.iter().enumerate() {
            let command = known.command(&fixture, wish);
            if at == cut {
                undurable(&mut fixture, std::slice::from_ref(&command));
                fixture.book.undo();
                keep(&mut rows, fixture.book.take_dirty());
            }
            let outcome = fixture.tell(command.clone());
            known.learn(&command, &outcome);
        }
        keep(&mut rows, fixture.book.take_dirty());
        let loaded = put_together(&rows);
        loaded.audit();
        prop_assert_eq!(loaded.hash(), fixture.book.hash());
        prop_assert_eq!(loaded.trial_balance(), fixture.book.trial_balance());
        prop_assert_eq!(loaded.counters(), fixture.book.counters());
        prop_assert_eq!(holds_by_end(&loaded), holds_by_end(&fixture.book));
        prop_assert_eq!(top_ups_by_start(&loaded), top_ups_by_start(&fixture.book));
        prop_assert_eq!(
            loaded.balance(Account::merchant(BAKERY)),
            fixture.book.balance(Account::merchant(BAKERY))
        );

        let mut replayed = empty_book();
        for row in &fixture.journal {
            replayed.open_row(row.seq, row.at);
            row.events().for_each(|event| replayed.apply(event));
            replayed.settle();
        }
        replayed.audit();
        prop_assert_eq!(stood(&replayed), stood(&fixture.book));
    }
}

#[test]
fn the_ends_of_holds_come_back_with_an_undo_and_with_a_checkpoint() {
    let mut fixture = Fixture::open();
    let begin = fixture.now;
    let late = fixture.hold("late", 100, 90);
    let early = fixture.hold("early", 100, 30);
    let ends = |book: &Book, seconds| -> Vec<HoldId> {
        book.holds_expired_at(begin.plus_seconds(seconds))
            .map(|(hold, _)| hold)
            .collect()
    };
    // A batch gives one back, captures another and makes a third: and then it is lost.
    fixture.now = begin.plus_seconds(30);
    let lost = [
        Command::ReleaseExpired,
        Command::Capture {
            merchant: BAKERY,
            hold: late,
            amount: mamori_domain::money::Amount::yen(1),
        },
        Command::Hold {
            charge: by_grant("third", 100),
            expires_at: begin.plus_seconds(60),
        },
    ];
    let outcomes = undurable(&mut fixture, &lost);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(ends(&fixture.book, 90).len(), 1, "the third alone");
    fixture.book.undo();

    let mut rows = Rows::new();
    keep(&mut rows, fixture.book.take_dirty());
    for book in [&fixture.book, &put_together(&rows)] {
        assert_eq!(ends(book, 29), []);
        assert_eq!(ends(book, 30), [early], "at its very end a hold is over");
        assert_eq!(ends(book, 90), [early, late], "the longest overdue first");
        book.audit();
    }
}

#[test]
fn open_top_ups_are_found_by_when_they_were_started_after_an_undo_and_a_checkpoint_too() {
    let mut fixture = Fixture::open();
    let begin = fixture.now;
    let (sora, riku) = (fixture.sora, fixture.riku);
    let hers = fixture.start_top_up(sora, "page", 5_000).unwrap();
    fixture.now = begin.plus_seconds(10);
    let his = fixture.start_top_up(riku, "page", 5_000).unwrap();
    let lost = [Command::FailTopUp {
        top_up: hers,
        expired: true,
    }];
    assert!(undurable(&mut fixture, &lost)[0].is_ok());
    fixture.book.undo();

    let mut rows = Rows::new();
    keep(&mut rows, fixture.book.take_dirty());
    for book in [&fixture.book, &put_together(&rows)] {
        let before = |seconds| -> Vec<TopUpId> {
            book.top_ups_started_before(begin.plus_seconds(seconds))
                .map(|(top_up, _)| top_up)
                .collect()
        };
        assert_eq!(before(0), [], "not one that starts at that instant");
        assert_eq!(before(10), [hers]);
        assert_eq!(before(11), [hers, his], "oldest first");
    }
    fixture.confirm(hers, 5_000).unwrap();
    assert_eq!(top_ups_by_start(&fixture.book).len(), 1, "his alone");
}

#[test]
fn one_edited_row_changes_the_hash_and_an_absurd_one_is_an_error() {
    let mut fixture = Fixture::open();
    fixture.pay("lunch", 1_200).unwrap();
    fixture.hold("room", 300, 60);
    let mut rows = Rows::new();
    keep(&mut rows, fixture.book.take_dirty());
    for (key, row) in &rows {
        for at in 0..row.len() {
            let mut edited = rows.clone();
            edited.get_mut(key).unwrap()[at] ^= 1 << (at % 8);
            let mut book = empty_book();
            let mut sum = BookHash::default();
            let loaded = edited.iter().all(|((table, key), row)| {
                sum.add_row(&hash_key(), &[&[*table], &key[..], row].concat());
                book.load(*table, key, row).is_ok()
            });
            book.loaded(sum);
            assert!(
                !loaded || book.hash() != fixture.book.hash(),
                "byte {at} of {row:?}"
            );
        }
    }
    let ((table, key), row) = rows.iter().next().unwrap();
    let mut book = empty_book();
    assert!(book.load(*table, key, row).is_ok());
    assert!(
        book.load(*table, key, row).is_err(),
        "a row that comes twice"
    );
    let absurd = minicbor::to_vec(WalletId((1 << 43) - 1)).unwrap();
    assert!(
        empty_book().load(1, &absurd, row).is_err(),
        "a wallet beyond all counting"
    );
    let balance = minicbor::to_vec(5i64).unwrap();
    let merchants = minicbor::to_vec(Account::merchant(BAKERY)).unwrap();
    assert!(empty_book().load(11, &merchants, &balance).is_ok());
    let wallets = minicbor::to_vec(Account::wallet(fixture.sora)).unwrap();
    assert!(
        empty_book().load(11, &wallets, &balance).is_err(),
        "a wallet's balance is the sum of its lots and has no row of its own"
    );
    assert!(empty_book().load(12, key, row).is_err(), "no such table");
}

#[test]
fn what_is_forgotten_is_forgotten_whole_and_never_too_early() {
    let mut fixture = Fixture::open();
    let lunch = fixture.pay("lunch", 1_000).unwrap();
    let coffee = fixture.pay("coffee", 300).unwrap();
    let until = fixture.seq;
    fixture.refund(lunch.id, "r", 1).unwrap();

    let mut gone = Vec::new();
    fixture.book.forget_through(until, 0, |key| gone.push(key));
    assert!(
        fixture.book.payment(lunch.id).is_some(),
        "touched again behind the line"
    );
    assert!(fixture.book.payment(coffee.id).is_none());
    assert_eq!(gone.len(), 3, "the credit and the two payments");
    assert_eq!(fixture.book.forgotten_through(), until);

    fixture.book.forget_through(fixture.seq, 3, |_| {});
    assert_eq!(
        fixture.book.recent_len(),
        0,
        "one row is forgotten whole or not at all"
    );
    assert!(fixture.book.payment(lunch.id).is_none());
}

#[test]
fn a_refund_under_an_id_that_was_used_before_is_found_until_its_own_row_is_forgotten() {
    let mut fixture = Fixture::open();
    let lunch = fixture.pay("lunch", 1_000).unwrap();
    let tea = fixture.pay("tea", 1_000).unwrap();
    fixture.refund(lunch.id, "r", 10).unwrap();
    let until = fixture.seq;
    let newer = fixture.refund(tea.id, "r", 20).unwrap();
    fixture.book.forget_through(until, 0, |_| {});
    let by_the_merchants_id = Query::Refund {
        merchant: BAKERY,
        merchant_refund_id: "r".into(),
        payment: None,
    };
    match fixture.ask_as(as_key(BAKERY_KEY), by_the_merchants_id) {
        Ok(Reply::Refund(refund)) => assert_eq!(refund.id, newer.id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refund_of_last_years_payment_is_decided_on_what_was_prefetched() {
    let mut fixture = Fixture::open();
    let lunch = fixture.pay("lunch", 1_000).unwrap();
    fixture.book.forget_through(fixture.seq, 0, |_| {});
    fixture.now = NOON.plus_seconds(300 * 86_400);
    let prefetched = Prefetched {
        payment: Some(lunch.clone()),
        ..Prefetched::NOTHING
    };
    let key = as_key(BAKERY_KEY);
    let refund = |id: &str, yen| Command::Refund(refund_request(lunch.id, id, yen));
    assert!(
        fixture.tell(refund("a", 600)).is_err(),
        "memory knows nothing"
    );

    fixture.seq += 1;
    fixture.book.open_row(fixture.seq, fixture.now);
    let request = Request::command(key, refund("b", 600));
    let (outcome, events) = fixture.decide(&prefetched, &request);
    fixture.book.recall_payment(lunch.clone());
    events.iter().for_each(|event| fixture.book.apply(event));
    fixture.book.settle();
    assert!(outcome.is_ok());
    assert!(
        fixture
            .tell_knowing(&prefetched, key, refund("c", 401))
            .is_err(),
        "what memory knows now wins over what was looked up then"
    );
    let charge = Command::Charge(by_grant("x", 1));
    assert!(payment(fixture.tell_knowing(&prefetched, key, charge)).is_ok());
}
