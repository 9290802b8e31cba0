//! What a bad disk does to the views is met, told by name, and mended from the journal; a damaged journal stays refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::testing::Scratch;
use mamori_domain::decide::Limits;
use mamori_domain::ids::WalletId;
use mamori_domain::lifecycle::Purpose;
use mamori_domain::pay::Payer;
use mamori_domain::world::Timestamp;
use mamori_engine::audit::{audit, rebuild_views};
use mamori_engine::views::VIEWS;
use mamori_engine::{Engine, EngineConfig};

use crate::engine::{SORA, TestClock, balance, charge, done, shop_with_sora};

const PAGE: usize = 4_096;

fn master() -> MasterKey {
    MasterKey::from_bytes([7; 32])
}

/// Starts an engine, and hears what it would end its process for.
fn start(scratch: &Scratch) -> Result<(Engine, Receiver<Fault>), Fault> {
    let (ends, ended) = channel();
    let engine = Engine::open(EngineConfig {
        location: scratch.location(),
        master: Arc::new(master()),
        limits: Limits::default(),
        standby: false,
        purpose: Purpose::Development,
        clock: Arc::new(TestClock::at(1_795_000_000_000_000)),
        entropy: [3; 32],
        on_fatal: Arc::new(move |fault| {
            drop(
                ends.send(
                    Fault::broken("ended")
                        .with_number("for_damaged_views", i64::from(fault.is_damaged_views())),
                ),
            );
        }),
    })?;
    Ok((engine, ended))
}

/// A day's trade, stopped in order: one wallet with 8,455 yen and four movements.
fn traded(scratch: &Scratch) -> WalletId {
    let (engine, _) = start(scratch).unwrap();
    let wallet = shop_with_sora(&engine);
    for (name, yen) in [("p-1", 1_200), ("p-2", 300), ("p-3", 45)] {
        done(&engine, charge(name, Payer::Authorization(SORA), yen));
    }
    engine.stop();
    drop(engine);
    write_back(scratch);
    assert!(damaged_files(scratch).is_empty());
    wallet
}

/// Everything is in the file and nothing in its log: the last one to close it, if it may write, writes the log back.
fn write_back(scratch: &Scratch) {
    drop(scratch.location().open(&VIEWS).unwrap());
}

fn views(scratch: &Scratch) -> PathBuf {
    scratch.path().join(VIEWS.file)
}

/// One wrong byte at the beginning of the page where this table begins.
fn flip(scratch: &Scratch, table: &'static str) {
    let mut db = scratch.location().open_read(&VIEWS).unwrap();
    let page = db
        .query_first(
            "SELECT rootpage FROM sqlite_schema WHERE name = $1",
            &[mamori_datastore::sql::Param::Text(table)],
            |row| row.int(0),
        )
        .unwrap()
        .unwrap();
    drop(db);
    let mut bytes = fs::read(views(scratch)).unwrap();
    bytes[(page as usize - 1) * PAGE] ^= 0x55;
    fs::write(views(scratch), bytes).unwrap();
}

fn damaged_files(scratch: &Scratch) -> Vec<PathBuf> {
    let named = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("views-damaged-") && name.ends_with(".sqlite")
    };
    let files = fs::read_dir(scratch.path()).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| named(path));
    files
}

fn marked(scratch: &Scratch) -> bool {
    scratch.path().join("views.damaged").exists()
}

/// The engine trades, shows its whole history, and its store is clean.
fn all_is_well(scratch: &Scratch, wallet: WalletId, movements: usize) {
    let (engine, _) = start(scratch).unwrap();
    assert_eq!(engine.history(wallet, None, 100).unwrap().len(), movements);
    let before = balance(&engine, wallet);
    let name = format!("after-{movements}");
    done(&engine, charge(&name, Payer::Authorization(SORA), 100));
    assert_eq!(balance(&engine, wallet), before - 100);
    // An old request is still known by its id: paid once, not twice.
    done(&engine, charge("p-1", Payer::Authorization(SORA), 1_200));
    assert_eq!(balance(&engine, wallet), before - 100);
    assert_eq!(
        engine.history(wallet, None, 100).unwrap().len(),
        movements + 1
    );
    engine.stop();
    drop(engine);
    assert!(!marked(scratch));
    let report = audit(&scratch.location(), &master(), &mut |_, _| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    write_back(scratch);
}

#[test]
fn views_that_are_no_database_are_set_aside_and_made_anew() {
    let scratch = Scratch::new("garbage");
    let wallet = traded(&scratch);
    let garbage = b"this is no database ".repeat(1_000);
    fs::write(views(&scratch), &garbage).unwrap();
    all_is_well(&scratch, wallet, 4);
    let aside = damaged_files(&scratch);
    assert_eq!(aside.len(), 1, "moved aside, never deleted");
    assert_eq!(fs::read(&aside[0]).unwrap(), garbage);
    // A second time, within the same second of this clock.
    fs::write(views(&scratch), &garbage).unwrap();
    all_is_well(&scratch, wallet, 5);
    assert_eq!(damaged_files(&scratch).len(), 2);
}

#[test]
fn views_that_end_too_early_are_made_anew() {
    for left in [0, 100, PAGE, 3 * PAGE, 5 * PAGE + 7] {
        let scratch = Scratch::new("short");
        let wallet = traded(&scratch);
        let bytes = fs::read(views(&scratch)).unwrap();
        fs::write(views(&scratch), &bytes[..left]).unwrap();
        all_is_well(&scratch, wallet, 4);
        // Nothing at all is an empty file: there is nothing to keep.
        assert_eq!(
            damaged_files(&scratch).len(),
            usize::from(left > 0),
            "{left}"
        );
    }
}

#[test]
fn a_bad_page_that_a_start_reads_is_met_by_the_start() {
    for table in ["progress", "checkpoint", "request_keys", "schema_versions"] {
        let scratch = Scratch::new("page");
        let wallet = traded(&scratch);
        flip(&scratch, table);
        all_is_well(&scratch, wallet, 4);
        assert_eq!(damaged_files(&scratch).len(), 1, "{table}");
    }
}

#[test]
fn a_bad_page_that_a_reader_meets_is_marked_for_the_next_start() {
    let scratch = Scratch::new("reader");
    let wallet = traded(&scratch);
    flip(&scratch, "entries");
    let (engine, _) = start(&scratch).unwrap();
    assert_eq!(balance(&engine, wallet), 8_455, "the book needs no views");
    let fault = engine.history(wallet, None, 100).unwrap_err();
    assert!(fault.is_damaged_views() && !fault.is_retryable(), "{fault}");
    assert!(marked(&scratch));
    engine.stop();
    assert!(marked(&scratch), "a stop mends nothing");
    all_is_well(&scratch, wallet, 4);
    assert_eq!(damaged_files(&scratch).len(), 1);
}

#[test]
fn a_bad_page_that_the_projector_meets_ends_the_house_and_the_next_one_mends_it() {
    let scratch = Scratch::new("projector");
    let wallet = traded(&scratch);
    flip(&scratch, "entries");
    let (engine, ended) = start(&scratch).unwrap();
    // The payment is journaled and answered; its entry cannot be written.
    done(&engine, charge("p-4", Payer::Authorization(SORA), 55));
    let end = ended.recv().unwrap().to_string();
    assert!(end.contains("for_damaged_views=1"), "{end}");
    assert!(marked(&scratch));
    engine.stop();
    all_is_well(&scratch, wallet, 5);
}

#[test]
fn damaged_views_are_made_anew_by_command_too() {
    let scratch = Scratch::new("command");
    let wallet = traded(&scratch);
    for damage in ["entries", "progress"] {
        flip(&scratch, damage);
        rebuild_views(&scratch.location(), &master(), Timestamp(0), &mut |_, _| {}).unwrap();
    }
    assert_eq!(damaged_files(&scratch).len(), 2);
    all_is_well(&scratch, wallet, 4);
    assert_eq!(damaged_files(&scratch).len(), 2);
}

#[test]
fn a_damaged_journal_is_never_set_aside() {
    let scratch = Scratch::new("truth");
    let wallet = traded(&scratch);
    let garbage = b"this is no database ".repeat(1_000);
    let path = scratch.path().join("journal.sqlite");
    let log = scratch.path().join("journal.sqlite-wal");
    let whole = fs::read(&path).unwrap();
    let logged = fs::read(&log).ok();
    fs::write(&path, &garbage).unwrap();
    fs::write(&log, []).unwrap();
    let fault = start(&scratch).map(drop).unwrap_err();
    assert!(
        !fault.is_damaged_views() && !fault.is_retryable(),
        "{fault}"
    );
    assert_eq!(fs::read(&path).unwrap(), garbage, "left as it was found");
    fs::write(&path, &whole).unwrap();
    logged
        .into_iter()
        .for_each(|logged| fs::write(&log, logged).unwrap());
    assert!(damaged_files(&scratch).is_empty() && !marked(&scratch));
    all_is_well(&scratch, wallet, 4);
}
