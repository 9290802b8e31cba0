//! What an attacker with a SQL prompt changes is found, and never trusted.

use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::{Family, Location};
use mamori_datastore::testing::Scratch;
use mamori_domain::command::Command;
use mamori_domain::ids::Fingerprint;
use mamori_domain::money::Amount;
use mamori_domain::pay::Payer;
use mamori_domain::reply::Reply;
use mamori_domain::world::Timestamp;
use mamori_engine::audit::{Report, audit, rebuild_views};
use mamori_engine::journal::JOURNAL;
use mamori_engine::views::VIEWS;

use crate::engine::{SORA, act, balance, charge, done, open, refund, shop_with_sora};
use mamori_datastore::testing::on_both;

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
        let wallet = engine.wallet_of(Fingerprint(1)).unwrap().unwrap();
        assert_eq!(balance(&engine, wallet), 10_000 - 1_545);
        engine.stop();
    });
}

#[test]
fn a_store_that_an_older_program_left_behind_can_be_audited() {
    on_both(|location| {
        traded(location);
        // As it was before checkpoints were written in portions.
        let mut views = location.open(&VIEWS).expect("the views open");
        for sql in [
            "DROP TABLE checkpoint_undo",
            "DELETE FROM schema_versions WHERE family = 'views' AND version = 4",
        ] {
            views.execute(sql, &[]).expect("the statement runs");
        }
        drop(views);
        let report = audited(location);
        assert!(report.is_clean(), "{:?}", report.findings);
    });
}

#[test]
fn a_mark_that_points_behind_the_last_row_hides_no_checkpoint() {
    on_both(|location| {
        traded(location);
        tamper(
            location,
            &VIEWS,
            "UPDATE progress SET checkpoint_seq = checkpoint_seq + 1000000",
        );
        assert!(!audited(location).is_clean());
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
        rebuild_views(location, &master(), Timestamp(0), &mut |_, _| {})
            .expect("the views are made anew");
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

/// Whatever the views hold can be changed by an attacker with a SQL prompt: each table, by an edit and by a deletion.
#[test]
fn every_table_of_the_views_is_compared() {
    on_both(|location| {
        for sql in [
            "UPDATE reversals SET payment = payment + 1",
            "DELETE FROM reversals",
            "UPDATE top_ups SET state = 2 WHERE state = 1",
            "DELETE FROM top_ups WHERE state = 1",
            "UPDATE store_hours SET paid = paid + 1",
            "DELETE FROM store_hours",
            "UPDATE acts SET actor = actor + 1 WHERE id = (SELECT MIN(id) FROM acts)",
            "UPDATE acts SET subject = subject + 1 WHERE id = (SELECT MAX(id) FROM acts)",
            "UPDATE acts SET context = (SELECT MAX(id) FROM contexts) WHERE id = (SELECT MIN(acts.id) FROM acts WHERE context < (SELECT MAX(id) FROM contexts))",
            "DELETE FROM acts WHERE id = (SELECT MAX(id) FROM acts)",
            "INSERT INTO acts (id, at, command, context, actor_kind, actor, subject_kind, subject, request, refusal)
             SELECT id + 5000, at, command, context, actor_kind, actor, subject_kind, subject, request, refusal FROM acts WHERE id = (SELECT MAX(id) FROM acts)",
            "UPDATE contexts SET content = (SELECT content FROM contexts ORDER BY id DESC LIMIT 1) WHERE id = (SELECT MIN(id) FROM contexts)",
            "DELETE FROM contexts WHERE id = (SELECT MIN(id) FROM contexts)",
            "INSERT INTO contexts (id, content) SELECT 1, content FROM contexts WHERE id = (SELECT MIN(id) FROM contexts)",
            "UPDATE entries SET context = NULL WHERE id = (SELECT MIN(id) FROM entries)",
            "UPDATE entries SET context = context + 1 WHERE id = (SELECT MAX(id) FROM entries)",
            "DELETE FROM request_keys WHERE slot = (SELECT MIN(slot) FROM request_keys)",
            "UPDATE request_keys SET slot = 1023 WHERE slot = (SELECT MIN(slot) FROM request_keys)",
        ] {
            let engine = open(location);
            if engine.survey().unwrap().merchants.is_empty() {
                let wallet = shop_with_sora(&engine);
                let Reply::Payment(paid) =
                    done(&engine, charge("p-1", Payer::Authorization(SORA), 1_200))
                else {
                    panic!()
                };
                done(&engine, refund("r-1", paid.id, 200));
                let start = Command::StartTopUp {
                    wallet,
                    idempotency_key: "t".into(),
                    amount: Amount::yen(500),
                };
                let Reply::TopUp { top_up, .. } = done(&engine, start) else {
                    panic!()
                };
                let amount = Amount::yen(500);
                done(&engine, Command::ConfirmTopUp { top_up, amount });
            }
            engine.stop();
            tamper(location, &VIEWS, sql);
            assert!(!audited(location).is_clean(), "{sql}");
            rebuild_views(location, &master(), Timestamp(0), &mut |_, _| {})
                .expect("the views are made anew");
            assert!(audited(location).is_clean(), "after {sql}");
        }
    });
}

#[test]
fn an_old_payment_that_somebody_edited_in_the_journal_is_not_given_back() {
    let scratch = Scratch::new("edited");
    let location = scratch.location();
    let engine = open(&location);
    shop_with_sora(&engine);
    let Reply::Payment(paid) = done(&engine, charge("p-1", Payer::Authorization(SORA), 1_200))
    else {
        panic!()
    };
    engine.stop();
    // The checkpoint lies behind it: no start looks at this row any more, only a refund does.
    tamper(
        &location,
        &JOURNAL,
        "UPDATE journal SET at = at + 1 WHERE seq = (SELECT MAX(seq) - 1 FROM journal)",
    );
    let engine = open(&location);
    let fault = act(&engine, refund("r-1", paid.id, 200)).unwrap_err();
    assert!(!fault.is_retryable(), "{fault}");
    engine.stop();
}
