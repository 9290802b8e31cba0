//! What was not durable never happened, and what a checkpoint says is what the journal says.

use crate::house::{House, NOON, empty_book, hash_key, payment};
use crate::ledger::{Known, wish};
use mamori_domain::act::{Act, Outcome};
use mamori_domain::book::Book;
use mamori_domain::decide::{Facts, decide};
use mamori_domain::ids::WalletId;
use mamori_domain::money::Amount;
use mamori_domain::table::{BookHash, DirtyRow};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Decides a batch without making it durable.
fn undurable(house: &mut House, acts: &[Act]) -> Vec<Outcome> {
    house.book.open_row(house.seq + 1, house.now);
    acts.iter()
        .map(|act| {
            let decision = decide(&house.book, &house.rules, &Facts::NONE, act, house.now);
            decision
                .changes
                .iter()
                .for_each(|change| house.book.apply(change));
            decision.outcome
        })
        .collect()
}

fn put_together(rows: &BTreeMap<(u8, Vec<u8>), Vec<u8>>) -> Book {
    let mut book = empty_book();
    let mut sum = BookHash::default();
    for ((table, key), row) in rows {
        sum.add_row(&hash_key(), &[&[*table], &key[..], row].concat());
        book.load(*table, key, row).expect("our own rows");
    }
    book.loaded(sum);
    book
}

fn keep(rows: &mut BTreeMap<(u8, Vec<u8>), Vec<u8>>, dirty: Vec<DirtyRow>) {
    for DirtyRow { table, key, row } in dirty {
        match row {
            Some(row) => drop(rows.insert((table, key), row)),
            None => drop(rows.remove(&(table, key))),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Hash, trial balance, ids and the recent past are exactly as before: the same batch decided again comes out the same.
    #[test]
    fn undo_restores_everything(
        before in prop::collection::vec(wish(), 0..60),
        lost in prop::collection::vec(wish(), 1..40),
    ) {
        let mut house = House::open();
        let mut known = Known::default();
        for wish in &before {
            let act = known.act(&house, wish);
            let outcome = house.tell(act.clone());
            known.learn(&act, &outcome);
        }
        let acts: Vec<Act> = lost.iter().map(|wish| known.act(&house, wish)).collect();
        let stood = |book: &Book| (
            book.hash(), *book.trial_balance(), book.next_id(), *book.counters(), book.recent_len(),
        );
        let was = stood(&house.book);
        let first = undurable(&mut house, &acts);
        let then = stood(&house.book);
        house.book.undo();
        prop_assert_eq!(stood(&house.book), was);
        house.book.audit();
        prop_assert_eq!(undurable(&mut house, &acts), first);
        prop_assert_eq!(stood(&house.book), then);
        house.book.settle();
        prop_assert_eq!(house.book.hash(), then.0, "settling changes no hash");
    }

    /// Checkpoint = full replay, wherever the checkpoint was cut, with an undone batch in between.
    #[test]
    fn a_checkpoint_and_a_replay_are_the_same_book(wishes in prop::collection::vec(wish(), 1..80), cut in 0..80usize) {
        let mut house = House::open();
        let mut known = Known::default();
        let mut rows = BTreeMap::new();
        for (at, wish) in wishes.iter().enumerate() {
            let act = known.act(&house, wish);
            if at == cut {
                undurable(&mut house, std::slice::from_ref(&act));
                house.book.undo();
                keep(&mut rows, house.book.take_dirty());
            }
            let outcome = house.tell(act.clone());
            known.learn(&act, &outcome);
        }
        keep(&mut rows, house.book.take_dirty());
        let loaded = put_together(&rows);
        loaded.audit();
        prop_assert_eq!(loaded.hash(), house.book.hash());
        prop_assert_eq!(loaded.trial_balance(), house.book.trial_balance());
        prop_assert_eq!(loaded.counters(), house.book.counters());

        let mut replayed = empty_book();
        for (seq, at, changes) in &house.journal {
            replayed.open_row(*seq, *at);
            changes.iter().for_each(|change| replayed.apply(change));
            replayed.settle();
        }
        replayed.audit();
        prop_assert_eq!(replayed.hash(), house.book.hash());
        prop_assert_eq!(replayed.recent_len(), house.book.recent_len());
    }
}

#[test]
fn one_edited_row_changes_the_hash_and_an_absurd_one_is_an_error() {
    let mut house = House::open();
    let mut rows = BTreeMap::new();
    keep(&mut rows, house.book.take_dirty());
    for (key, row) in &rows {
        for at in 0..row.len() {
            let mut edited = rows.clone();
            edited.get_mut(key).unwrap()[at] ^= 1 << (at % 8);
            let mut book = empty_book();
            let loaded = edited
                .iter()
                .all(|((table, key), row)| book.load(*table, key, row).is_ok());
            assert!(
                !loaded || book.hash() != house.book.hash(),
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
    assert!(empty_book().load(11, key, row).is_err(), "no such table");
}

#[test]
fn what_is_forgotten_is_forgotten_whole_and_never_too_early() {
    let mut house = House::open();
    let lunch = house.pay("lunch", 1_000).unwrap();
    let coffee = house.pay("coffee", 300).unwrap();
    let until = house.seq;
    house.refund(lunch.id, "r", 1).unwrap();

    let mut gone = Vec::new();
    house.book.forget_through(until, 0, |key| gone.push(key));
    assert!(
        house.book.payment(lunch.id).is_some(),
        "touched again behind the line"
    );
    assert!(house.book.payment(coffee.id).is_none());
    assert_eq!(gone.len(), 3, "the credit and the two payments");
    assert_eq!(house.book.forgotten_through(), until);

    house.book.forget_through(house.seq, 3, |_| {});
    assert_eq!(
        house.book.recent_len(),
        0,
        "one row is forgotten whole or not at all"
    );
    assert!(house.book.payment(lunch.id).is_none());
}

#[test]
fn a_refund_under_a_name_that_was_used_before_is_found_until_its_own_row_is_forgotten() {
    let mut house = House::open();
    let lunch = house.pay("lunch", 1_000).unwrap();
    let tea = house.pay("tea", 1_000).unwrap();
    house.refund(lunch.id, "r", 10).unwrap();
    let until = house.seq;
    let newer = house.refund(tea.id, "r", 20).unwrap();
    house.book.forget_through(until, 0, |_| {});
    let by_name = Act::FindRefund {
        caller: mamori_domain::act::Caller::Key(crate::house::BAKERY_KEY),
        merchant: crate::house::BAKERY,
        name: "r".into(),
        payment: None,
    };
    match house.tell(by_name) {
        Ok(mamori_domain::act::Done::Refund(refund)) => assert_eq!(refund.id, newer.id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refund_of_last_years_payment_is_decided_on_what_was_looked_up() {
    let mut house = House::open();
    let lunch = house.pay("lunch", 1_000).unwrap();
    house.book.forget_through(house.seq, 0, |_| {});
    house.now = NOON.plus_seconds(300 * 86_400);
    let facts = Facts {
        payment: Some(Box::new(lunch.clone())),
        ..Facts::NONE
    };
    let request = |name: &str, yen| {
        let mut request = crate::house::refund_request(lunch.id, name, yen);
        request.amount = Amount::yen(yen);
        Act::Refund(request)
    };
    assert!(
        house.tell(request("a", 600)).is_err(),
        "memory knows nothing"
    );

    house.seq += 1;
    house.book.open_row(house.seq, house.now);
    let act = request("b", 600);
    let decision = decide(&house.book, &house.rules, &facts, &act, house.now);
    house.book.recall_payment(lunch.clone());
    decision
        .changes
        .iter()
        .for_each(|change| house.book.apply(change));
    house.book.settle();
    assert!(decision.outcome.is_ok());
    assert!(
        house.tell_knowing(&facts, request("c", 401)).is_err(),
        "what memory knows now wins over what was looked up then"
    );
    assert!(
        payment(house.tell_knowing(&facts, Act::Charge(crate::house::by_grant("x", 1)))).is_ok()
    );
}
