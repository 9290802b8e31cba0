//! A checkpoint goes to the disk in portions: whenever its writer dies, the one before it can still be read.

use mamori_datastore::sql::{Location, Param};
use mamori_datastore::testing::on_both;
use mamori_domain::book::{Book, BookHash, DirtyRow, HashKey, WalletStatus};
use mamori_domain::command::CommandKind;
use mamori_domain::context::{Asker, RequestId, SystemReason};
use mamori_domain::event::{Act, Event};
use mamori_domain::identity::{CredentialBound, CredentialRevoked, Frozen, Unfrozen, WalletOpened};
use mamori_domain::ids::{Fingerprint, IdSpace, ShardId, WalletId};
use mamori_domain::key::{RequestDigest, RequestKey};
use mamori_domain::lifecycle::{Purpose, Sealed, Stamped};
use mamori_domain::pay::Refused;
use mamori_domain::refusal::Refusal;
use mamori_domain::world::{Draw, Timestamp};
use mamori_engine::journal::batch::{Committed, SEAL_EVERY};
use mamori_engine::views::pending::CheckpointSchedule;
use mamori_engine::views::projector::{Projector, progress_in, read_progress};
use mamori_engine::views::request_keys::slot;
use mamori_engine::views::{VIEWS, checkpoint, request_keys};

const CUSTOMERS: u64 = 900;
/// Begun every other seal, written some rows at a time.
const SCHEDULE: CheckpointSchedule = CheckpointSchedule {
    seqs: 2 * SEAL_EVERY,
    rows: 1_000_000,
    portion: 40,
};

fn key() -> HashKey {
    HashKey::new(&[5; 32])
}

/// A shop's days without money: customers come, get and lose devices, freeze and thaw their wallets.
struct Days {
    book: Book,
    draw: Draw,
    devices: Vec<(WalletId, Fingerprint)>,
    rows: Vec<Committed>,
    /// The book's hash before each row.
    before: Vec<BookHash>,
}

impl Days {
    fn begin(seed: u64) -> Days {
        let mut days = Days {
            book: Book::new(key()),
            draw: Draw::from_seed(seed),
            devices: Vec::new(),
            rows: Vec::new(),
            before: Vec::new(),
        };
        let stamped = Stamped {
            purpose: Purpose::Development,
            ids: IdSpace {
                incarnation: 0,
                shard: ShardId(0),
            },
        };
        days.row(vec![stamped.into()]);
        days
    }

    fn row(&mut self, events: Vec<Event>) {
        let seq = self.rows.len() as u64 + 1;
        self.before.push(self.book.hash());
        let checkpoint = seq
            .is_multiple_of(SEAL_EVERY)
            .then(|| self.book.take_dirty());
        self.put(seq, events, checkpoint);
    }

    fn put(&mut self, seq: u64, events: Vec<Event>, checkpoint: Option<Vec<DirtyRow>>) {
        let at = Timestamp(seq as i64);
        self.book.open_row(seq, at);
        events.iter().for_each(|event| self.book.apply(event));
        self.book.settle();
        let asker = Asker::system(SystemReason::CommandLine);
        let act = Act {
            by: Some(asker.id),
            context: Some(asker.context),
            command: CommandKind::Upkeep,
            request: RequestId::default(),
            events,
        };
        self.rows.push(Committed {
            seq,
            at,
            acts: vec![act],
            bytes: 0,
            checkpoint,
        });
    }

    /// The last word of a program that stops.
    fn seal(&mut self) {
        let seq = self.rows.len() as u64 + 1;
        let hash = self.book.hash();
        self.before.push(hash);
        let dirty = self.book.take_dirty();
        self.put(seq, vec![Sealed::ours(hash).into()], Some(dirty));
    }

    fn happen(&mut self) {
        let new = Fingerprint(self.draw.wide());
        let event: Event = match self.draw.below(4) {
            0 if self.book.counters().wallets < CUSTOMERS => {
                let wallet = WalletId(self.book.counters().wallets + 1);
                self.devices.push((wallet, new));
                WalletOpened {
                    wallet,
                    credential: new,
                }
                .into()
            }
            _ if self.devices.is_empty() => return,
            1 => {
                let at = self.draw.below(self.devices.len() as u64) as usize;
                let wallet = self.devices[at].0;
                self.devices.push((wallet, new));
                CredentialBound {
                    wallet,
                    credential: new,
                }
                .into()
            }
            2 => {
                let at = self.draw.below(self.devices.len() as u64) as usize;
                let (wallet, credential) = self.devices.swap_remove(at);
                CredentialRevoked { wallet, credential }.into()
            }
            _ => {
                let at = self.draw.below(self.devices.len() as u64) as usize;
                let wallet = self.devices[at].0;
                let frozen = self
                    .book
                    .wallets
                    .get(&wallet)
                    .is_some_and(|row| row.status == WalletStatus::Frozen);
                match frozen {
                    true => Unfrozen { wallet }.into(),
                    false => Frozen { wallet }.into(),
                }
            }
        };
        // A till asked for a payment that was refused: its id is remembered for good.
        let asked = Refused {
            key: RequestKey(self.draw.wide()),
            digest: RequestDigest(0),
            refusal: Refusal::BalanceTooSmall,
            payer: None,
        };
        self.row(vec![event, asked.into()]);
    }

    /// A writer of the views that comes up after the last one died, with what a start reads back from the journal.
    fn projector(&self, location: &Location) -> Projector {
        let db = location.open(&VIEWS).expect("the views open");
        let mut projector = Projector::open(db)
            .expect("they have a mark")
            .on_schedule(SCHEDULE);
        let progress = projector.progress();
        for row in &self.rows[progress.checkpoint_seq as usize..progress.applied_seq as usize] {
            projector.remember(row);
        }
        projector
    }

    /// The writer of the views catches up with the journal, in one write.
    fn follow(&self, projector: &mut Projector) {
        let applied = projector.progress().applied_seq as usize;
        projector
            .apply(&self.rows[applied..])
            .expect("it is written");
    }

    /// The first checkpoint is written over nothing: until the second is on its way.
    fn until_one_is_written_over_another(
        &mut self,
        projector: &mut Projector,
        location: &Location,
    ) {
        while self.look(location) == 0 {
            for _ in 0..50 {
                self.happen();
            }
            self.follow(projector);
        }
    }

    /// Each request key up to the mark stands in a segment once, and what the checkpoint holds needs no replay for its keys.
    fn look_for_keys(&self, location: &Location) {
        let mut views = location.open(&VIEWS).expect("the views open");
        let progress = read_progress(&mut views).expect("they have a mark");
        assert!(progress.segment_seq >= progress.checkpoint_seq);
        let mut expected = Vec::new();
        for row in &self.rows[..progress.segment_seq as usize] {
            for event in row.events() {
                event.answers(&mut |key, _| {
                    expected.push((slot(key.0), key.0 as u64, row.seq));
                });
            }
        }
        let mut found = Vec::new();
        request_keys::each(&mut views, |slot, low, seq| {
            if seq <= progress.segment_seq {
                found.push((slot, low, seq));
            }
        })
        .expect("they can be read");
        expected.sort_unstable();
        found.sort_unstable();
        assert!(
            found == expected,
            "{} keys, not {}",
            found.len(),
            expected.len()
        );
    }

    /// What a start would find: the book at the mark, byte for byte. Returns rows that are written over it already.
    fn look(&self, location: &Location) -> u64 {
        let mut views = location.open_read(&VIEWS).expect("the views open");
        let (seq, loaded, over) = views
            .snapshot(|tx| {
                let seq = progress_in(tx)?.checkpoint_seq;
                let over = tx.query_first(
                    "SELECT COUNT(*) FROM checkpoint_undo WHERE seq = $1",
                    &[Param::Int(seq as i64)],
                    |row| row.int(0) as u64,
                )?;
                Ok((seq, checkpoint::load(tx, seq, key())?, over.unwrap_or(0)))
            })
            .expect("the views can be read");
        if seq > 0 {
            let book = loaded.expect("every row can be read");
            assert_eq!(
                book.hash(),
                self.before[seq as usize],
                "the checkpoint is the book after row {seq}"
            );
        }
        over
    }
}

fn notes(location: &Location) -> i64 {
    let mut views = location.open_read(&VIEWS).expect("the views open");
    let count = views.query_first("SELECT COUNT(*) FROM checkpoint_undo", &[], |row| {
        row.int(0)
    });
    count.expect("they can be read").unwrap_or(0)
}

#[test]
fn whenever_the_writer_of_a_checkpoint_dies_the_one_before_it_stands() {
    on_both(|location| {
        let mut days = Days::begin(location.directory().is_some().into());
        let mut projector = days.projector(location);
        let mut deaths = [0; 2];
        let mut checkpoints = 0;
        while days.rows.len() < 20 * SEAL_EVERY as usize {
            for _ in 0..1 + days.draw.below(60) {
                days.happen();
            }
            let progress = projector.progress();
            days.follow(&mut projector);
            checkpoints += u32::from(projector.progress().checkpoint_seq > progress.checkpoint_seq);
            if days.draw.below(30) == 0 {
                drop(projector);
                let over = days.look(location);
                days.look_for_keys(location);
                deaths[usize::from(over > 0)] += 1;
                projector = days.projector(location);
            }
        }
        assert!(checkpoints > 3, "{checkpoints} checkpoints were written");
        assert!(
            deaths[0] > 3 && deaths[1] > 3,
            "{deaths:?}: between two checkpoints, and while one was written"
        );
    });
}

#[test]
fn a_program_that_stops_while_a_checkpoint_is_written_leaves_a_newer_one() {
    on_both(|location| {
        let mut days = Days::begin(7);
        let mut projector = days.projector(location);
        days.until_one_is_written_over_another(&mut projector, location);
        days.seal();
        days.follow(&mut projector);
        assert_eq!(
            projector.progress().checkpoint_seq + 1,
            days.rows.len() as u64,
            "nothing has to be replayed"
        );
        assert_eq!(days.look(location), 0);
        days.look_for_keys(location);
        // What is not needed any more goes, a portion with each write.
        drop(projector);
        let mut projector = days.projector(location);
        let left = notes(location);
        assert!(left > 0);
        for _ in 0..=left / SCHEDULE.portion as i64 {
            days.happen();
            days.follow(&mut projector);
        }
        assert_eq!(notes(location), 0);
    });
}

#[test]
fn an_edited_note_of_how_a_row_stood_is_found() {
    on_both(|location| {
        let mut days = Days::begin(3);
        let mut projector = days.projector(location);
        days.until_one_is_written_over_another(&mut projector, location);
        let mut views = location.open(&VIEWS).expect("the views open");
        let edited = views.execute(
            "UPDATE checkpoint_undo SET content = NULL WHERE content IS NOT NULL",
            &[],
        );
        assert!(edited.expect("the statement runs") > 0);
        let seq = projector.progress().checkpoint_seq;
        let loaded = views
            .snapshot(|tx| checkpoint::load(tx, seq, key()))
            .expect("the views can be read");
        assert!(
            loaded.is_none_or(|book| book.hash() != days.before[seq as usize]),
            "a start compares this hash with the journal's"
        );
    });
}
