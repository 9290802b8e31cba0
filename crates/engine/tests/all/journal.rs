//! The journal: what was appended is there, what was overtaken never lands, what was altered is found.

use mamori_datastore::keys::ChainKey;
use mamori_datastore::sql::{Db, Durability, Family, Location, Param};
use mamori_datastore::testing::{Postgres, Scratch};
use mamori_datastore::testing::{Stores, on_both};
use mamori_engine::clock::Clock;
use mamori_engine::journal::{
    AppendError, FakeAppend, FakeJournal, Head, JournalOptions, JournalReader, JournalRow,
    JournalStore, Resolved,
};
use mamori_engine::lease::{Candidate, Lease};
use mamori_engine::testing::ManualClock;

const SMALL: JournalOptions = JournalOptions {
    segment_bytes: 128 * 1_024,
    reserve_bytes: 4_096,
};
const PLAIN: JournalOptions = JournalOptions {
    segment_bytes: 1 << 30,
    reserve_bytes: 0,
};

/// The same tables for an attacker with access to the disk.
const BEHIND_OUR_BACK: Family = Family {
    name: "tamper",
    file: "journal.sqlite",
    durability: Durability::Control,
    migrations: &[],
};

fn key() -> ChainKey {
    ChainKey::from_bytes([7; 32])
}

fn own(location: &Location) -> Lease {
    let clock = ManualClock::at(1);
    let lease = Candidate::new(location, 0, [1; 16])
        .unwrap()
        .try_take(0, &clock as &dyn Clock)
        .unwrap();
    lease.expect("nobody else owns a new store")
}

fn row(head: &Head, epoch: u64, batch: &[u8]) -> JournalRow {
    JournalRow::after(head, 0, epoch, head.at + 1, batch.to_vec(), &key())
}

/// Appends `count` rows of `bytes` bytes and returns the head.
fn fill(journal: &mut JournalStore, count: usize, bytes: usize) -> Head {
    let mut head = journal.head().unwrap();
    for _ in 0..count {
        let next = row(&head, 1, &vec![0x5A; bytes]);
        journal.append(&next).unwrap();
        head = next.head();
    }
    head
}

fn check(reader: &mut JournalReader) -> Result<usize, String> {
    let key = key();
    let rows: Result<Vec<_>, _> = reader.chain(Head::EMPTY, &key).collect();
    rows.map(|rows| rows.len())
        .map_err(|fault| fault.to_string())
}

#[test]
fn what_was_appended_is_read_back_in_order_and_the_chain_holds() {
    on_both(|location| {
        let lease = own(location);
        let mut journal = JournalStore::open(location, &PLAIN, &lease).unwrap();
        assert_eq!(journal.head().unwrap(), Head::EMPTY);
        let first = row(&Head::EMPTY, lease.epoch(), b"stamp");
        journal.append(&first).unwrap();
        let second = row(&first.head(), lease.epoch(), b"acts");
        journal.append(&second).unwrap();
        assert_eq!(journal.head().unwrap(), second.head());

        let mut reader = journal.reader().unwrap();
        assert_eq!(reader.read(1, 10).unwrap(), [first.clone(), second.clone()]);
        assert_eq!(reader.read(2, 10).unwrap(), std::slice::from_ref(&second));
        assert_eq!(reader.read(1, 1).unwrap(), [first]);
        assert_eq!(reader.read(3, 10).unwrap(), []);
        assert_eq!(reader.head().unwrap(), second.head());
        assert_eq!(check(&mut reader), Ok(2));
    });
}

#[test]
fn a_row_sent_twice_is_there_once() {
    on_both(|location| {
        let lease = own(location);
        let mut journal = JournalStore::open(location, &PLAIN, &lease).unwrap();
        let first = row(&Head::EMPTY, 1, b"once");
        journal.append(&first).unwrap();
        journal.append(&first).unwrap();
        assert_eq!(check(&mut journal.reader().unwrap()), Ok(1));
    });
}

#[test]
fn an_overtaken_owner_never_appends_again() {
    on_both(|location| {
        let lease = own(location);
        let mut old = JournalStore::open(location, &PLAIN, &lease).unwrap();
        let head = fill(&mut old, 3, 10);
        let stopped = row(&head, 1, b"decided before the stop");

        let mut new = JournalStore::open(location, &PLAIN, &lease).unwrap();
        let takeover = row(&new.head().unwrap(), 2, b"takeover");
        new.append(&takeover).unwrap();
        assert!(matches!(
            old.append(&stopped),
            Err(AppendError::Collision { epoch: 2 })
        ));

        let after = row(&takeover.head(), 2, b"the new owner goes on");
        new.append(&after).unwrap();
        assert!(matches!(
            old.append(&stopped),
            Err(AppendError::Collision { epoch: 2 })
        ));
        // Neither does what it would have linked to its own row.
        let next = row(&stopped.head(), 1, b"and the one after");
        assert!(matches!(
            old.append(&next),
            Err(AppendError::Collision { epoch: 2 })
        ));
        assert_eq!(check(&mut new.reader().unwrap()), Ok(5));
    });
}

#[test]
fn a_row_beyond_the_head_is_a_fault() {
    on_both(|location| {
        let lease = own(location);
        let mut journal = JournalStore::open(location, &PLAIN, &lease).unwrap();
        let head = fill(&mut journal, 2, 10);
        let third = row(&head, 1, b"never sent");
        let fourth = row(&third.head(), 1, b"sent");
        assert!(matches!(
            journal.append(&fourth),
            Err(AppendError::Fault(_))
        ));
        assert_eq!(journal.head().unwrap(), head);
    });
}

#[test]
fn a_lost_answer_is_settled_for_ever() {
    on_both(|location| {
        let lease = own(location);
        let mut journal = JournalStore::open(location, &PLAIN, &lease).unwrap();
        let head = fill(&mut journal, 1, 10);

        // The row had landed.
        let lost = row(&head, 1, b"landed");
        journal.append(&lost).unwrap();
        let no_op = row(&head, 1, b"");
        assert_eq!(
            journal.resolve_unknown(&lost, &no_op).unwrap(),
            Resolved::WasDurable
        );

        // The row had not, and now it never can; asking again gives the same answer.
        let head = lost.head();
        let lost = row(&head, 1, b"still on its way");
        let no_op = row(&head, 1, b"");
        assert_eq!(
            journal.resolve_unknown(&lost, &no_op).unwrap(),
            Resolved::NeverHappened
        );
        assert_eq!(
            journal.resolve_unknown(&lost, &no_op).unwrap(),
            Resolved::NeverHappened
        );
        assert!(matches!(
            journal.append(&lost),
            Err(AppendError::Collision { .. })
        ));

        // A stranger was quicker.
        let head = no_op.head();
        let (lost, no_op) = (row(&head, 1, b"mine"), row(&head, 1, b""));
        journal.append(&row(&head, 9, b"a stranger's")).unwrap();
        let met = journal.resolve_unknown(&lost, &no_op);
        assert!(matches!(met, Err(AppendError::Collision { epoch: 9 })));
    });
}

#[test]
fn a_row_still_on_its_way_inside_the_database_is_waited_for() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let location = postgres.database();
    let lease = own(&location);
    let mut journal = JournalStore::open(&location, &PLAIN, &lease).unwrap();
    let head = fill(&mut journal, 1, 10);
    let (lost, no_op) = (row(&head, 1, b"on its way"), row(&head, 1, b""));

    let mut slow = location.open(&BEHIND_OUR_BACK).unwrap();
    let resolved = slow
        .transaction(|tx| {
            tx.execute(
                "INSERT INTO journal (shard, seq, epoch, at, prev_hash, hash, batch) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                &[
                    Param::Int(0),
                    Param::Int(lost.seq.cast_signed()),
                    Param::Int(1),
                    Param::Int(lost.at),
                    Param::Blob(&lost.prev_hash),
                    Param::Blob(&lost.hash),
                    Param::Blob(&lost.batch),
                ],
            )?;
            let asking = std::thread::scope(|_| {
                let location = location.clone();
                let (lost, no_op) = (lost.clone(), no_op.clone());
                std::thread::spawn(move || {
                    let lease = Candidate::new(&location, 0, [1; 16]).unwrap();
                    let lease = { lease }.try_take(0, &ManualClock::at(1)).unwrap().unwrap();
                    let mut journal = JournalStore::open(&location, &PLAIN, &lease).unwrap();
                    journal.resolve_unknown(&lost, &no_op).unwrap()
                })
            });
            // Until the question waits behind the open transaction, there is nothing to see.
            let waiting = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted";
            let mut observer = location.open_read(&BEHIND_OUR_BACK)?;
            while observer.query(waiting, &[], |row| row.int(0))?[0] == 0 {
                std::thread::yield_now();
            }
            Ok(asking)
        })
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(resolved, Resolved::WasDurable);
}

#[test]
fn a_changed_bit_in_any_field_breaks_the_chain() {
    let changes = [
        (
            "UPDATE journal SET epoch = epoch + 1 WHERE seq = $1",
            "altered",
        ),
        ("UPDATE journal SET at = at + 1 WHERE seq = $1", "altered"),
        (
            "UPDATE journal SET batch = prev_hash WHERE seq = $1",
            "altered",
        ),
        (
            "UPDATE journal SET hash = prev_hash WHERE seq = $1",
            "altered",
        ),
        (
            "UPDATE journal SET prev_hash = hash WHERE seq = $1",
            "does not follow",
        ),
        ("UPDATE journal SET seq = 100 WHERE seq = $1", "gap"),
        ("DELETE FROM journal WHERE seq = $1", "gap"),
        (
            "UPDATE journal SET epoch = -1 WHERE seq = $1",
            "not of the type",
        ),
    ];
    let stores = Stores::start();
    for (change, complaint) in changes {
        stores.each(|location| {
            let lease = own(location);
            let mut journal = JournalStore::open(location, &PLAIN, &lease).unwrap();
            fill(&mut journal, 5, 10);
            assert_eq!(check(&mut journal.reader().unwrap()), Ok(5));
            let mut db: Db = location.open(&BEHIND_OUR_BACK).unwrap();
            assert_eq!(db.execute(change, &[Param::Int(3)]).unwrap(), 1);
            let found = check(&mut journal.reader().unwrap()).unwrap_err();
            assert!(found.contains(complaint), "{change}: {found}");
        });
    }
}

#[test]
fn another_chain_key_reads_no_journal_of_ours() {
    let scratch = Scratch::new("key");
    let lease = own(&scratch.location());
    let mut journal = JournalStore::open(&scratch.location(), &PLAIN, &lease).unwrap();
    fill(&mut journal, 1, 10);
    let key = ChainKey::from_bytes([8; 32]);
    let mut reader = journal.reader().unwrap();
    assert!(reader.chain(Head::EMPTY, &key).next().unwrap().is_err());
}

#[test]
fn a_full_file_is_closed_for_ever_and_the_next_begins() {
    let scratch = Scratch::new("segments");
    let location = scratch.location();
    let lease = own(&location);
    let mut journal = JournalStore::open(&location, &SMALL, &lease).unwrap();
    let mut early_reader = journal.reader().unwrap();
    let head = fill(&mut journal, 40, 64 * 1_024);
    assert_eq!(head.seq, 40);
    assert_eq!(check(&mut early_reader), Ok(40));
    drop(early_reader);
    drop(journal);

    // A start finds everything, and settles what a reader had held open.
    let mut journal = JournalStore::open(&location, &SMALL, &lease).unwrap();
    assert_eq!(journal.head().unwrap(), head);
    let head = fill(&mut journal, 5, 64 * 1_024);
    assert_eq!(check(&mut journal.reader().unwrap()), Ok(45));
    assert_eq!(journal.reader().unwrap().read(1, 1_000).unwrap().len(), 45);
    assert_eq!(journal.reader().unwrap().head().unwrap(), head);
    drop(journal);

    let names = file_names(&scratch);
    assert!(
        names.contains(&"journal-000003.sqlite".to_owned()),
        "{names:?}"
    );
    let first_log = names
        .iter()
        .find(|name| name.starts_with("journal.sqlite-"));
    assert_eq!(first_log, None, "a closed segment is one plain file");

    // The file that a crash left half made is made again.
    std::fs::write(scratch.path().join("journal.next"), b"half").unwrap();
    let journal = JournalStore::open(&location, &SMALL, &lease).unwrap();
    assert_eq!(check(&mut journal.reader().unwrap()), Ok(45));
    drop(journal);

    // A lost segment is a fault, not a shorter journal.
    std::fs::remove_file(scratch.path().join("journal-000002.sqlite")).unwrap();
    let fault = JournalStore::open(&location, &SMALL, &lease)
        .map(|_| ())
        .unwrap_err();
    assert!(fault.to_string().contains("missing"), "{fault}");
}

fn file_names(scratch: &Scratch) -> Vec<String> {
    let entries = std::fs::read_dir(scratch.path()).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn the_log_beside_the_newest_file_stays_small_under_load() {
    let scratch = Scratch::new("log");
    let lease = own(&scratch.location());
    let mut journal = JournalStore::open(&scratch.location(), &PLAIN, &lease).unwrap();
    fill(&mut journal, 400, 64 * 1_024);
    let log = std::fs::metadata(scratch.path().join("journal.sqlite-wal"))
        .unwrap()
        .len();
    assert!(log < 12 << 20, "{log} bytes of log for 25 MiB of rows");
}

#[test]
fn the_reserve_is_given_up_once() {
    let scratch = Scratch::new("reserve");
    let lease = own(&scratch.location());
    let mut journal = JournalStore::open(&scratch.location(), &SMALL, &lease).unwrap();
    assert!(journal.release_reserve());
    assert!(!journal.release_reserve());
    drop(journal);
    let mut journal = JournalStore::open(&scratch.location(), &SMALL, &lease).unwrap();
    assert!(
        journal.release_reserve(),
        "a start with room keeps one again"
    );
}

#[test]
fn a_fake_journal_fails_on_order() {
    let fake = FakeJournal::new();
    let mut journal = JournalStore::fake(0, fake.clone());
    let mut head = fill(&mut journal, 1, 10);
    fake.order([
        FakeAppend::Fails,
        FakeAppend::Full,
        FakeAppend::LostAfterDurable,
        FakeAppend::Durable,
        FakeAppend::LostBefore,
        FakeAppend::Durable,
        FakeAppend::Collides { epoch: 5 },
    ]);
    let next = row(&head, 1, b"next");
    assert!(
        matches!(journal.append(&next), Err(AppendError::Fault(fault)) if fault.is_retryable())
    );
    assert!(matches!(journal.append(&next), Err(AppendError::Fault(fault)) if fault.is_full()));
    assert!(matches!(
        journal.append(&next),
        Err(AppendError::UnknownOutcome(_))
    ));
    assert_eq!(
        journal.resolve_unknown(&next, &row(&head, 1, b"")).unwrap(),
        Resolved::WasDurable
    );
    head = next.head();
    let next = row(&head, 1, b"after it");
    let no_op = row(&head, 1, b"");
    assert!(matches!(
        journal.append(&next),
        Err(AppendError::UnknownOutcome(_))
    ));
    assert_eq!(
        journal.resolve_unknown(&next, &no_op).unwrap(),
        Resolved::NeverHappened
    );
    let next = row(&no_op.head(), 1, b"met by a stranger");
    assert!(matches!(
        journal.append(&next),
        Err(AppendError::Collision { epoch: 5 })
    ));
    assert_eq!(fake.appends(), 8);
}
