//! Backup while the store is in use, restore that never hides a loss, between both kinds of store.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::{ChainKey, MasterKey};
use mamori_datastore::sql::{Durability, Family, Location, Migration, Param};
use mamori_datastore::testing::on_both;
use mamori_datastore::testing::{Postgres, Scratch};
use mamori_engine::backup::{RestoreOptions, Restored, backup, inspect, restore};
use mamori_engine::journal::{
    Head, JOURNAL, JournalOptions, JournalReader, JournalRow, JournalStore,
};
use mamori_engine::lease::{Candidate, Lease};
use mamori_engine::testing::ManualClock;

const PAPERS: Family = Family {
    name: "papers",
    file: "papers.sqlite",
    durability: Durability::Control,
    migrations: &[Migration {
        name: "papers",
        sql: "CREATE TABLE papers (id BIGINT NOT NULL PRIMARY KEY, title TEXT, seal BYTEA);",
    }],
};
/// Another family in the same file, as the outbox lies in control's.
const STAMPS: Family = Family {
    name: "stamps",
    migrations: &[Migration {
        name: "stamps",
        sql: "CREATE TABLE stamps (id BIGINT NOT NULL PRIMARY KEY);",
    }],
    ..PAPERS
};
/// What the program has become since: it believes the papers that it finds at its upgrade.
const LATER_STAMPS: Family = Family {
    migrations: &[
        Migration {
            name: "stamps",
            sql: STAMPS.migrations[0].sql,
        },
        Migration {
            name: "believed",
            sql: "CREATE TABLE believed (id BIGINT NOT NULL PRIMARY KEY);
                  INSERT INTO believed (id) SELECT id FROM papers;",
        },
    ],
    ..STAMPS
};
const FAMILIES: [&Family; 3] = [&JOURNAL, &PAPERS, &STAMPS];

fn key() -> ChainKey {
    ChainKey::from_bytes([7; 32])
}

fn own(location: &Location) -> Lease {
    Candidate::new(location, 0, [1; 16])
        .unwrap()
        .try_take(0, &ManualClock::at(1))
        .unwrap()
        .expect("nobody else")
}

/// A store with `rows` journal rows in several segments and a few papers.
fn make(location: &Location, rows: usize) -> (Lease, JournalStore, Head) {
    let lease = own(location);
    let options = JournalOptions {
        segment_bytes: 256 * 1_024,
        reserve_bytes: 0,
    };
    let mut journal = JournalStore::open(location, &options, &lease).unwrap();
    let head = append(&mut journal, rows);
    let mut papers = location.open(&PAPERS).unwrap();
    for id in 0..50 {
        let add = "INSERT INTO papers (id, title, seal) VALUES ($1, $2, $3)";
        papers
            .execute(add, &[Param::Int(id), Param::Text("契約"), Param::Null])
            .unwrap();
    }
    let mut stamps = location.open(&STAMPS).unwrap();
    stamps
        .execute("INSERT INTO stamps (id) VALUES ($1)", &[Param::Int(7)])
        .unwrap();
    (lease, journal, head)
}

fn append(journal: &mut JournalStore, rows: usize) -> Head {
    let mut head = journal.head().unwrap();
    for _ in 0..rows {
        let row = JournalRow::after(&head, 0, 1, head.at + 1, vec![0x5A; 20_000], &key());
        journal.append(&row).unwrap();
        head = row.head();
    }
    head
}

fn back_up(location: &Location, into: &Path) -> mamori_engine::backup::Backup {
    backup(location, &FAMILIES, into, None, &mut |_| ()).unwrap()
}

fn put_back(from: &Path, into: &Location, options: &RestoreOptions) -> Result<Restored, Fault> {
    restore(
        from,
        into,
        &FAMILIES,
        options,
        &ManualClock::at(1),
        &mut |_| (),
    )
}

#[test]
fn what_has_ended_since_a_backup_does_not_come_back_with_it() {
    let postgres = Postgres::start();
    on_both(|location| {
        let scratch = Scratch::new("ended");
        let (lease, journal, _) = make(location, 3);
        let copy = scratch.path().join("copy");
        back_up(location, &copy);
        drop((lease, journal));
        let ended = RestoreOptions {
            ended: &["stamps", "believed", "a table that this store never had"],
            ..RestoreOptions::default()
        };
        let files = Location::Directory(scratch.path().join("files"));
        let mut targets = vec![files];
        targets.extend(postgres.as_ref().map(Postgres::database));
        for target in targets {
            put_back(&copy, &target, &ended).unwrap();
            let mut stamps_db = target.open(&STAMPS).unwrap();
            let stamps = stamps_db.query("SELECT id FROM stamps", &[], |row| row.int(0));
            assert_eq!(stamps.unwrap(), [0; 0]);
            let mut papers = target.open(&PAPERS).unwrap();
            let papers = papers.query("SELECT id FROM papers", &[], |row| row.int(0));
            assert_eq!(papers.unwrap().len(), 50, "all else is there");
            drop(stamps_db);
        }
        // A later program puts the same backup back: what its upgrade would believe has ended too.
        let mut targets = vec![Location::Directory(scratch.path().join("later"))];
        targets.extend(postgres.as_ref().map(Postgres::database));
        for target in targets {
            let families: [&Family; 3] = [&JOURNAL, &PAPERS, &LATER_STAMPS];
            let clock = ManualClock::at(1);
            restore(&copy, &target, &families, &ended, &clock, &mut |_| {}).unwrap();
            let mut stamps = target.open(&LATER_STAMPS).unwrap();
            let believed = stamps.query("SELECT id FROM believed", &[], |row| row.int(0));
            assert_eq!(believed.unwrap(), [0; 0]);
        }
    });
}

/// Rows of the journal, each checked, and papers; the stamp is there.
fn check(location: &Location) -> (u64, usize) {
    let key = key();
    let mut reader = JournalReader::open(location, 0).unwrap();
    let rows: Result<Vec<_>, _> = reader.chain(Head::EMPTY, &key).collect();
    let mut papers = location.open_read(&PAPERS).unwrap();
    let titles = papers.query("SELECT title FROM papers", &[], |row| row.text(0).len());
    let mut stamps = location.open_read(&STAMPS).unwrap();
    let stamp = stamps.query("SELECT id FROM stamps", &[], |row| row.int(0));
    assert_eq!(stamp.unwrap(), [7]);
    (rows.unwrap().len() as u64, titles.unwrap().len())
}

#[test]
fn a_backup_taken_under_load_holds_a_whole_chain_and_restores_into_either_kind_of_store() {
    let postgres = Postgres::start();
    on_both(|location| {
        let scratch = Scratch::new("backup");
        let (lease, mut journal, head) = make(location, 60);
        let stop = AtomicBool::new(false);
        let into = scratch.path().join("copy");
        let mut reports = 0;
        let taken = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    append(&mut journal, 1);
                }
            });
            let taken = backup(location, &FAMILIES, &into, None, &mut |progress| {
                assert!(progress.done_bytes <= progress.total_bytes);
                reports += 1;
            });
            stop.store(true, Ordering::Relaxed);
            writer.join().unwrap();
            taken.unwrap()
        });
        assert!(reports > 0);
        let copied = taken.heads[0].1;
        assert!(copied.seq >= head.seq);
        assert_eq!(inspect(&into).unwrap(), taken);
        assert_eq!(
            check(&Location::Directory(into.clone())),
            (copied.seq, 50),
            "it can be read as it lies"
        );

        let mut targets = vec![Location::Directory(scratch.path().join("restored"))];
        targets.extend(postgres.as_ref().map(Postgres::database));
        for target in targets {
            let restored = put_back(&into, &target, &RestoreOptions::default()).unwrap();
            assert_eq!(
                restored,
                Restored {
                    heads: taken.heads.clone(),
                    lost: vec![]
                }
            );
            assert_eq!(check(&target), (copied.seq, 50));
            // And it goes on from there.
            let lease = own(&target);
            let mut journal =
                JournalStore::open(&target, &JournalOptions::default(), &lease).unwrap();
            assert_eq!(append(&mut journal, 3).seq, copied.seq + 3);
            assert_eq!(check(&target).0, copied.seq + 3);
        }
        drop(lease);
    });
}

#[test]
fn a_restore_behind_a_known_head_is_refused_until_the_loss_is_accepted() {
    let scratch = Scratch::new("behind");
    let location = Location::Directory(scratch.path().join("store"));
    let (lease, mut journal, head) = make(&location, 5);
    let copy = scratch.path().join("copy");
    back_up(&location, &copy);
    append(&mut journal, 2);
    drop((lease, journal));

    let fault = put_back(&copy, &location, &RestoreOptions::default()).unwrap_err();
    assert!(fault.to_string().contains("known_seq=7"), "{fault}");
    assert_eq!(check(&location).0, 7, "nothing was touched");

    // A head known from elsewhere counts as much.
    let empty = Location::Directory(scratch.path().join("empty"));
    let known = RestoreOptions {
        known_heads: vec![(0, 9)],
        ..RestoreOptions::default()
    };
    assert!(put_back(&copy, &empty, &known).is_err());

    let accept = RestoreOptions {
        accept_loss: true,
        ..known
    };
    let restored = put_back(&copy, &location, &accept).unwrap();
    assert_eq!(
        restored,
        Restored {
            heads: vec![(0, head)],
            lost: vec![(0, 9)]
        }
    );
    assert_eq!(check(&location).0, 5);
    let aside = Location::Directory(scratch.path().join("store").join("replaced-1"));
    assert_eq!(
        JournalReader::open(&aside, 0).unwrap().head().unwrap().seq,
        7,
        "moved aside, never deleted"
    );
}

#[test]
fn a_store_in_use_is_not_restored_over() {
    let scratch = Scratch::new("use");
    let location = Location::Directory(scratch.path().join("store"));
    let (_lease, _journal, _) = make(&location, 3);
    let copy = scratch.path().join("copy");
    back_up(&location, &copy);
    let fault = put_back(&copy, &location, &RestoreOptions::default()).unwrap_err();
    assert!(fault.to_string().contains("a server runs"), "{fault}");
}

#[test]
fn a_database_that_holds_a_store_is_not_restored_over() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let scratch = Scratch::new("full");
    let location = postgres.database();
    let (_lease, _journal, _) = make(&location, 3);
    back_up(&location, scratch.path());
    assert!(put_back(scratch.path(), &location, &RestoreOptions::default()).is_err());
    let empty = postgres.database();
    put_back(scratch.path(), &empty, &RestoreOptions::default()).unwrap();
    assert!(
        put_back(scratch.path(), &empty, &RestoreOptions::default()).is_err(),
        "nor a second time"
    );
}

#[test]
fn an_interrupted_backup_or_restore_is_refused() {
    let scratch = Scratch::new("half");
    let location = Location::Directory(scratch.path().join("store"));
    drop(make(&location, 3));
    let copy = scratch.path().join("copy");
    back_up(&location, &copy);
    assert!(
        backup(&location, &FAMILIES, &copy, None, &mut |_| ()).is_err(),
        "never over another backup"
    );

    let target = Location::Directory(scratch.path().join("target"));
    std::fs::create_dir(scratch.path().join("target")).unwrap();
    std::fs::write(scratch.path().join("target").join("restore.unfinished"), []).unwrap();
    let lease = own(&target);
    assert!(JournalStore::open(&target, &JournalOptions::default(), &lease).is_err());
    assert!(target.open(&PAPERS).is_err());
    drop(lease);
    put_back(&copy, &target, &RestoreOptions::default()).unwrap();
    assert_eq!(check(&target).0, 3);

    std::fs::remove_file(copy.join("backup.txt")).unwrap();
    assert!(inspect(&copy).is_err());
}

#[test]
fn a_damaged_backup_is_found_before_anything_is_touched() {
    let scratch = Scratch::new("bad");
    let location = Location::Directory(scratch.path().join("store"));
    drop(make(&location, 3));
    let copy = scratch.path().join("copy");
    back_up(&location, &copy);
    let file = copy.join("papers.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[5_000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert!(put_back(&copy, &location, &RestoreOptions::default()).is_err());
    assert_eq!(check(&location), (3, 50));
}

#[test]
fn the_key_file_travels_only_on_request_and_for_its_owner_alone() {
    let scratch = Scratch::new("key");
    let key_file = scratch.path().join("master.key");
    MasterKey::create(&key_file, [9; 32]).unwrap();
    let location = Location::Directory(scratch.path().join("store"));
    drop(make(&location, 3));
    let without = scratch.path().join("without");
    back_up(&location, &without);
    assert!(!without.join("master.key").exists());

    let with = scratch.path().join("with");
    backup(&location, &FAMILIES, &with, Some(&key_file), &mut |_| ()).unwrap();
    MasterKey::open(&with.join("master.key")).unwrap();
    let elsewhere = scratch.path().join("restored.key");
    let options = RestoreOptions {
        key_file: Some(elsewhere.clone()),
        ..RestoreOptions::default()
    };
    let target = Location::Directory(scratch.path().join("target"));
    put_back(&with, &target, &options).unwrap();
    MasterKey::open(&elsewhere).unwrap();
    assert!(
        !scratch.path().join("target").join("master.key").exists(),
        "never beside the data"
    );
}
