//! Money comes in: by card only on the processor's own word and once, otherwise as cash or goodwill.

use crate::fixture::{Fixture, as_customer};
use mamori_domain::command::{Command, CreditKind};
use mamori_domain::fund::Source;
use mamori_domain::money::Amount;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::{Outcome, Reply, TopUpState};

fn at(top_up: mamori_domain::ids::TopUpId, state: TopUpState) -> Outcome {
    Ok(Reply::TopUp { top_up, state })
}

#[test]
fn open_card_pages_reach_the_cap_to_the_yen_and_a_failed_one_makes_room() {
    let mut fixture = Fixture::open();
    let sora = fixture.sora;
    // 10,000 are there: three pages of 30,000 at once reach the cap of 100,000.
    let pages: Vec<_> = ["f", "g", "h"]
        .map(|id| fixture.start_top_up(sora, id, 30_000).unwrap())
        .into();
    assert_eq!(
        fixture.start_top_up(sora, "i", 500),
        Err(Refusal::BalanceCap),
        "open pages count"
    );
    assert_eq!(
        fixture.start_top_up(sora, "f", 30_000),
        Ok(pages[0]),
        "the same request"
    );
    assert_eq!(
        fixture.start_top_up(sora, "f", 20_000),
        Err(Refusal::IdempotencyConflict)
    );
    assert_eq!(
        fixture.fail(pages[1], false),
        at(pages[1], TopUpState::Failed)
    );
    let again = fixture.start_top_up(sora, "i", 30_000);
    assert!(again.is_ok(), "what was refused under this id took nothing");
    assert_eq!(
        fixture.start_top_up(sora, "i", 30_000),
        again,
        "and what was begun under it is begun once"
    );
    assert_eq!(fixture.balance(sora), 10_000, "a page is no money");
}

#[test]
fn the_processors_word_credits_once_and_a_late_failure_takes_nothing_back() {
    let mut fixture = Fixture::open();
    let page = fixture.start_top_up(fixture.sora, "page", 30_000).unwrap();
    let done = at(page, TopUpState::Succeeded);
    assert_eq!(
        fixture.confirm(page, 29_999),
        Err(Refusal::TopUpAmountDiffers)
    );
    assert_eq!(fixture.confirm(page, 30_000), done);
    assert_eq!(fixture.confirm(page, 30_000), done, "twice");
    assert_eq!(fixture.fail(page, false), done, "a late failure");
    assert_eq!(fixture.balance(fixture.sora), 40_000, "credited once");
    let again = fixture.start_top_up(fixture.sora, "page", 30_000);
    assert_eq!(
        again,
        Ok(page),
        "the page that asks again hears of the first"
    );
}

#[test]
fn money_that_the_processor_has_after_all_is_the_customers() {
    let mut fixture = Fixture::open();
    let sora = fixture.sora;
    let page = fixture.start_top_up(sora, "page", 30_000).unwrap();
    for _ in 0..2 {
        assert_eq!(fixture.fail(page, true), at(page, TopUpState::Expired));
    }
    fixture.give(sora, "full", 90_000).unwrap();
    fixture.freeze(sora);
    let done = at(page, TopUpState::Succeeded);
    assert_eq!(
        fixture.confirm(page, 30_000),
        done,
        "frozen, full or failed before"
    );
    assert_eq!(fixture.confirm(page, 30_000), done);
    assert_eq!(fixture.balance(sora), 130_000);
    assert_eq!(fixture.fail(page, true), done);
}

#[test]
fn a_wallet_remembers_what_its_money_came_from() {
    let mut fixture = Fixture::open();
    let riku = fixture.riku;
    let page = fixture.start_top_up(riku, "page", 500).unwrap();
    fixture.confirm(page, 500).unwrap();
    fixture.give(riku, "cash", 20).unwrap();
    let goodwill = Command::Credit {
        wallet: riku,
        idempotency_key: "sorry".into(),
        amount: Amount::yen(3),
        kind: CreditKind::Goodwill,
    };
    fixture.tell(goodwill).unwrap();
    let row = fixture.book.wallet(riku).unwrap();
    let kinds: Vec<_> = (row.lots.iter())
        .map(|lot| match lot.source {
            Source::Card(id) if id == page => ("card", lot.amount.minor()),
            Source::Cash(_) => ("cash", lot.amount.minor()),
            Source::Goodwill(_) => ("goodwill", lot.amount.minor()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, [("card", 500), ("cash", 20), ("goodwill", 3)]);
}

#[test]
fn a_credit_is_given_once_and_to_a_frozen_wallet_too() {
    let mut fixture = Fixture::open();
    let (sora, riku) = (fixture.sora, fixture.riku);
    let first = fixture.give(riku, "c", 100_000);
    assert!(first.is_ok(), "up to the cap");
    assert_eq!(fixture.give(riku, "c", 100_000), first, "the same request");
    assert_eq!(fixture.give(riku, "d", 1), Err(Refusal::BalanceCap));
    assert_eq!(
        fixture.give(riku, "d", 1),
        Err(Refusal::BalanceCap),
        "final for its id"
    );
    fixture.freeze(sora);
    assert!(
        fixture.give(sora, "e", 1).is_ok(),
        "a frozen wallet can be given money"
    );
}

/// An id belongs to its wallet: another customer's is another request.
#[test]
fn two_customers_may_use_the_same_id() {
    let mut fixture = Fixture::open();
    let (sora, riku) = (fixture.sora, fixture.riku);
    let hers = fixture.start_top_up(sora, "page", 5_000).unwrap();
    let his = fixture.start_top_up(riku, "page", 5_000).unwrap();
    assert_ne!(hers, his);
    let for_her = Command::StartTopUp {
        wallet: sora,
        idempotency_key: "page".into(),
        amount: Amount::yen(5_000),
    };
    assert_eq!(
        fixture.tell_as(as_customer(riku), for_her),
        Err(Refusal::WalletUnknown),
        "and neither reads the other's answers"
    );
}
