//! One owner at a time, a standby within five seconds, and silence before the other speaks.

use mamori_datastore::testing::on_both;
use mamori_datastore::testing::{Postgres, Scratch};
use mamori_engine::lease::{Candidate, LEASE_BEAT_MICROS};
use mamori_engine::testing::ManualClock;

#[test]
fn of_two_at_the_same_moment_one_becomes_the_owner() {
    on_both(|location| {
        let clock = ManualClock::at(1);
        let mut one = Candidate::new(location, 0, [1; 16]).unwrap();
        let mut two = Candidate::new(location, 0, [2; 16]).unwrap();
        let taken = [
            one.try_take(4, &clock).unwrap(),
            two.try_take(4, &clock).unwrap(),
        ];
        let epochs: Vec<_> = taken.iter().flatten().map(|lease| lease.epoch()).collect();
        assert_eq!(epochs, [5]);
    });
}

#[test]
fn an_owner_that_gives_back_is_followed_at_once() {
    on_both(|location| {
        let clock = ManualClock::at(1);
        let lease = Candidate::new(location, 0, [1; 16])
            .unwrap()
            .try_take(0, &clock)
            .unwrap()
            .unwrap();
        let mut standby = Candidate::new(location, 0, [2; 16]).unwrap();
        assert!(standby.try_take(lease.epoch(), &clock).unwrap().is_none());
        let epoch = lease.epoch();
        lease.release().unwrap();
        let next = standby.try_take(epoch, &clock).unwrap().unwrap();
        assert!(next.epoch() > epoch);
    });
}

#[test]
fn an_embedded_store_is_followed_when_its_owner_dies() {
    let scratch = Scratch::new("lease");
    let clock = ManualClock::at(1);
    let location = scratch.location();
    let lease = Candidate::new(&location, 0, [1; 16])
        .unwrap()
        .try_take(0, &clock)
        .unwrap()
        .unwrap();
    let mut standby = Candidate::new(&location, 0, [2; 16]).unwrap();
    clock.advance_millis(60_000);
    assert!(
        standby.try_take(1, &clock).unwrap().is_none(),
        "however long it is silent"
    );
    drop(lease);
    assert!(standby.try_take(1, &clock).unwrap().is_some());
}

#[test]
fn a_silent_owner_is_overtaken_within_five_seconds_and_not_before_its_answers_ran_out() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let location = postgres.database();
    let clock = ManualClock::at(1_000_000);
    let mut lease = Candidate::new(&location, 0, [1; 16])
        .unwrap()
        .try_take(0, &clock)
        .unwrap()
        .unwrap();
    let mut standby = Candidate::new(&location, 0, [2; 16]).unwrap();
    let beat_millis = LEASE_BEAT_MICROS / 1_000;

    // While the owner confirms, a standby may look as long as it likes.
    for _ in 0..20 {
        lease.confirm(&clock).unwrap();
        assert!(lease.freshness().covers(clock_now(&clock)));
        assert!(standby.try_take(1, &clock).unwrap().is_none());
        clock.advance_millis(beat_millis);
    }

    // It falls silent.
    let mut silent_millis = beat_millis;
    let overtaken = loop {
        assert!(silent_millis <= 5_000, "a takeover within five seconds");
        if let Some(taken) = standby.try_take(1, &clock).unwrap() {
            break taken;
        }
        clock.advance_millis(beat_millis);
        silent_millis += beat_millis;
    };
    assert!(overtaken.epoch() > lease.epoch());
    assert!(
        !lease.freshness().covers(clock_now(&clock)),
        "the old owner has fallen silent before"
    );
    assert!(overtaken.freshness().covers(clock_now(&clock)));

    // The old one wakes up.
    let fault = lease.confirm(&clock).unwrap_err();
    assert!(fault.is_not_owner());
    assert!(lease.raise_above(99).unwrap_err().is_not_owner());
    lease.release().unwrap();
    let mut third = Candidate::new(&location, 0, [3; 16]).unwrap();
    assert!(
        third.try_take(1, &clock).unwrap().is_none(),
        "giving back what one no longer has changes nothing"
    );
}

fn clock_now(clock: &ManualClock) -> i64 {
    use mamori_engine::clock::Clock;
    clock.monotonic_micros()
}

#[test]
fn an_owner_whose_database_is_away_is_not_covered_and_goes_on_afterwards() {
    let Some(mut postgres) = Postgres::start() else {
        return;
    };
    let location = postgres.database();
    let clock = ManualClock::at(1);
    let mut lease = Candidate::new(&location, 0, [1; 16])
        .unwrap()
        .try_take(0, &clock)
        .unwrap()
        .unwrap();
    let mut standby = Candidate::new(&location, 0, [2; 16]).unwrap();
    assert!(standby.try_take(1, &clock).unwrap().is_none());
    postgres.kill();
    assert!(!lease.confirm(&clock).unwrap_err().is_not_owner());
    assert!(standby.try_take(1, &clock).is_err());
    clock.advance_millis(10_000);
    assert!(!lease.freshness().covers(clock_now(&clock)));
    postgres.resume();
    assert!(
        standby.try_take(1, &clock).unwrap().is_none(),
        "a standstill while nobody could confirm proves nothing"
    );
    lease.confirm(&clock).unwrap();
    assert!(lease.freshness().covers(clock_now(&clock)));
}

#[test]
fn an_epoch_is_raised_above_what_the_journal_shows() {
    on_both(|location| {
        let clock = ManualClock::at(1);
        let mut lease = Candidate::new(location, 0, [1; 16])
            .unwrap()
            .try_take(0, &clock)
            .unwrap()
            .unwrap();
        lease.raise_above(6).unwrap();
        assert_eq!(lease.epoch(), 7);
        lease.raise_above(3).unwrap();
        assert_eq!(lease.epoch(), 7);
        lease.confirm(&clock).unwrap();
    });
}
