//! What somebody with a SQL prompt changes is found, and never believed.

use mamori_domain::payment::Payer;
use mamori_engine::audit::{Report, audit, rebuild_views};
use mamori_engine::journal::JOURNAL;
use mamori_engine::keys::MasterKey;
use mamori_engine::sql::{Family, Location};
use mamori_engine::views::VIEWS;

use crate::engine::{SORA, balance, charge, done, open, shop_with_sora};
use crate::stores::on_both;

fn master() -> MasterKey {
    MasterKey::from_bytes([7; 32])
}

fn audited(location: &Location) -> Report {
    audit(location, &master(), &mut |_, _| {}).expect("the store can be read")
}

/// A day's trade, stopped in order: journal, views and a checkpoint are on disk.
fn traded(location: &Location) {
    let engine = open(location);
    shop_with_sora(&engine);
    for (name, yen) in [("p-1", 1_200), ("p-2", 300), ("p-3", 45)] {
        done(&engine, charge(name, Payer::Authorization(SORA), yen));
    }
    engine.stop();
}

fn tamper(location: &Location, family: &Family, sql: &str) {
    let changed = location
        .open(family)
        .and_then(|mut db| db.execute(sql, &[]));
    assert_eq!(changed.expect("the statement runs"), 1, "{sql}");
}

#[test]
fn an_honest_store_is_clean_and_its_books_balance() {
    on_both(|location| {
        traded(location);
        let report = audited(location);
        assert!(report.is_clean(), "{:?}", report.findings);
        assert_eq!(report.postings, 4);
        assert_eq!(report.trial.iter().map(|(_, yen)| yen).sum::<i64>(), 0);
    });
}

#[test]
fn one_balance_edited_in_the_checkpoint_is_found_and_not_believed() {
    on_both(|location| {
        traded(location);
        // A merchant's row in the wallet's place: whatever it means there, any change of any row must be found.
        tamper(
            location,
            &VIEWS,
            "UPDATE checkpoint SET content = (SELECT content FROM checkpoint WHERE kind = 2) WHERE kind = 1",
        );
        assert!(!audited(location).is_clean());
        let engine = open(location);
        assert_eq!(
            balance(
                &engine,
                engine
                    .peek(|book| book
                        .credentials
                        .get(&mamori_domain::ids::Fingerprint(1))
                        .copied())
                    .unwrap()
                    .unwrap()
            ),
            10_000 - 1_545
        );
        engine.stop();
    });
}

#[test]
fn one_row_edited_in_the_views_is_found_and_made_anew() {
    on_both(|location| {
        traded(location);
        tamper(
            location,
            &VIEWS,
            "UPDATE entries SET amount = amount + 1 WHERE name = 'p-2'",
        );
        let report = audited(location);
        assert_eq!(report.count, 1, "{:?}", report.findings);
        rebuild_views(location, &master(), &mut |_, _| {}).expect("the views are made anew");
        assert!(audited(location).is_clean());
    });
}

#[test]
fn a_row_deleted_from_the_views_is_found() {
    on_both(|location| {
        traded(location);
        tamper(location, &VIEWS, "DELETE FROM entries WHERE name = 'p-1'");
        assert!(!audited(location).is_clean());
    });
}

#[test]
fn one_byte_changed_in_the_journal_is_found() {
    on_both(|location| {
        traded(location);
        tamper(
            location,
            &JOURNAL,
            "UPDATE journal SET at = at + 1 WHERE seq = 5",
        );
        let report = audited(location);
        assert!(
            report
                .findings
                .iter()
                .any(|finding| finding.contains("broken")),
            "{:?}",
            report.findings
        );
    });
}
