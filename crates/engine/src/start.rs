//! How a shard is brought up: the book from checkpoint and journal, the lease, the takeover.
//!
//! | step | a lone start | a standby |
//! |---|---|---|
//! | bring the book to the journal's head | after the lease is taken | before, and again every quarter of a second, beside the living owner |
//! | take the lease | at once, or refuse | when the owner has died |
//! | read what is new, write what the views lack | all of it | the last moments |
//! | append the takeover row | the new owner decides only once that is durable | the same |

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::{ChainKey, MasterKey};
use mamori_datastore::sql::{Db, Location};
use mamori_domain::book::{Book, BookHash, HashKey};
use mamori_domain::context::SystemReason;
use mamori_domain::decide::Limits;
use mamori_domain::event::Event;
use mamori_domain::ids::{IdSpace, ShardId};
use mamori_domain::lifecycle::{Purpose, Sealed, Stamped, TakenOver};
use mamori_domain::world::Timestamp;

use crate::clock::Clock;
use crate::cold::ColdKeys;
use crate::journal::batch::{Committed, decode_batch, decode_events};
use crate::journal::{Head, JournalOptions, JournalReader, JournalStore};
use crate::lease::{Candidate, Lease};
use crate::shard::{Opened, Shard};
use crate::views::projector::{self, Carried, Progress, Projector};
use crate::views::{VIEWS, checkpoint, damage, request_keys};

/// How often a standby reads on and looks whether the owner lives, in microseconds: twice in a beat of the lease.
const LOOK_MICROS: u64 = 250_000;
/// Rows a standby reads before it looks at the lease again; one that has to catch up does not pause in between.
const ROWS_BETWEEN_LOOKS: usize = 8_192;
/// Late rows of the last owner that a takeover may meet before a third owner must be alive: one can be on its way at a time.
const TAKEOVER_TRIES: u32 = 8;

/// Things of the recent past that stay in memory at least, although the views have them, so that a retry needs no disk.
pub const KEEP_RECENT: usize = 100_000;
/// Events that are gathered before the views are written.
pub(crate) const PROJECT_EVENTS: usize = 32_768;

/// What an engine needs to start.
pub struct EngineConfig {
    pub location: Location,
    /// The key that everything secret about this store is derived from.
    pub master: Arc<MasterKey>,
    pub limits: Limits,
    /// Wait for the present owner of the store to die, instead of saying that there is one.
    pub standby: bool,
    /// What the store is for; a store made for something else is refused.
    pub purpose: Purpose,
    pub clock: Arc<dyn Clock>,
    /// 32 bytes from the system's entropy: the seed of all payment codes.
    pub entropy: [u8; 32],
    /// Called when the journal cannot be written any more: the process must end and start again.
    pub on_fatal: OnFatal,
}

/// Called when this process must end.
pub type OnFatal = Arc<dyn Fn(&Fault) + Send + Sync>;

/// What a start brings up from the store.
pub(crate) struct Started {
    pub shard: Shard,
    pub projector: Projector,
    pub lease: Lease,
}

impl Started {
    /// Becomes the owner of the store, waiting for the present one to die if that was asked for, and brings the book up.
    pub fn from_store(config: &EngineConfig) -> Result<Started, Fault> {
        let owner: [u8; 16] = std::array::from_fn(|at| config.entropy[at]);
        let mut candidate = Candidate::new(&config.location, 0, owner)?;
        let mut standby = None;
        loop {
            let taken = candidate.try_take(0, &*config.clock);
            match taken {
                Ok(Some(lease)) => {
                    return take_over(config, lease, standby)
                        .inspect_err(|fault| damage::mark(&config.location, fault));
                }
                Ok(None) if !config.standby => {
                    return Err(Fault::refused(
                        "another process owns this store; start with --standby to wait for it",
                    ));
                }
                Err(fault) if !(config.standby && fault.is_retryable()) => return Err(fault),
                Ok(None) | Err(_) => {}
            }
            if !read_along(config, &mut standby)? {
                std::thread::park_timeout(Duration::from_micros(LOOK_MICROS));
            }
        }
    }
}

/// Reads on beside the living owner; true when there is more to read. Whatever goes wrong here is tried again at the next look,
/// from the beginning, and at the latest by the takeover: only a store of another purpose will never do.
fn read_along(config: &EngineConfig, standby: &mut Option<Standby>) -> Result<bool, Fault> {
    let mut warm = match standby.take() {
        Some(warm) => warm,
        None => {
            let Ok(mut reader) = JournalReader::open(&config.location, 0) else {
                return Ok(false);
            };
            if let Ok(Some(purpose)) = purpose_of(&mut reader) {
                refuse_other_purpose(config, purpose)?;
            }
            match Standby::begin(config, reader) {
                Ok(warm) => warm,
                Err(fault) => {
                    tracing::info!(%fault, "the standby cannot read along yet");
                    return Ok(false);
                }
            }
        }
    };
    match warm.read_on() {
        Ok(more) => {
            *standby = Some(warm);
            Ok(more)
        }
        Err(fault) => {
            tracing::warn!(%fault, "the standby begins to read anew");
            Ok(false)
        }
    }
}

/// Failover: replays the tail of the journal, appends the takeover row that fences the last owner, and becomes the owner.
fn take_over(
    config: &EngineConfig,
    mut lease: Lease,
    standby: Option<Standby>,
) -> Result<Started, Fault> {
    let mut store = JournalStore::open(&config.location, &JournalOptions::default(), &lease)?;
    if let Some(purpose) = purpose_of(&mut store.reader()?)? {
        refuse_other_purpose(config, purpose)?;
    }
    let (mut warm, mut projector) = match bring_up(config, &mut store, standby) {
        // The last owner's last write of the views came late.
        Err(fault) if fault.is_not_owner() => bring_up(config, &mut store, None)?,
        // Damage on a page that opening the views did not touch.
        Err(fault) if fault.is_damaged_views() => {
            tracing::error!(%fault, "the views are damaged");
            damage::set_aside(&config.location, Timestamp(config.clock.wall_micros()))?;
            bring_up(config, &mut store, None)?
        }
        brought_up => brought_up?,
    };
    for _ in 0..TAKEOVER_TRIES {
        warm.read_to_the_end(&mut projector)?;
        lease.raise_above(warm.head.epoch)?;
        warm.book.audit();
        let opened = Opened {
            limits: config.limits,
            cold: warm.cold,
            epoch: lease.epoch(),
            chain: config.master.chain_key(),
            embedded: config.location.directory().is_some(),
        };
        let first = first_events(config, warm.head, lease.epoch());
        let mut shard = Shard::new(warm.book, store, warm.head, opened);
        match shard.journal_events(
            SystemReason::Upkeep,
            first,
            Timestamp(config.clock.wall_micros()),
        ) {
            Ok(taken_over) => {
                projector.apply(&[taken_over])?;
                return Ok(Started {
                    shard,
                    projector,
                    lease,
                });
            }
            // The last owner's last row arrived late: it is read like any other, and the takeover stands behind it.
            Err(fault) if fault.is_not_owner() => {
                (warm.book, warm.cold, store) = shard.dismantle();
            }
            Err(fault) => return Err(fault),
        }
    }
    Err(Fault::not_owner(
        "another process writes this journal although its lease is ours",
    ))
}

/// Book and views, at the journal's head.
fn bring_up(
    config: &EngineConfig,
    store: &mut JournalStore,
    standby: Option<Standby>,
) -> Result<(Standby, Projector), Fault> {
    let now = Timestamp(config.clock.wall_micros());
    let mut projector = Projector::open(damage::open_or_make_anew(&config.location, now)?)?;
    // Views that were made anew beside a standby close their segments at other rows than it let go of; and one that did not
    // believe the checkpoint has not kept what changed before it.
    let standby = standby.filter(|warm| {
        warm.disbelieved.is_none() && !projector.progress().is_behind(&warm.progress)
    });
    let mut warm = match standby {
        Some(warm) => warm,
        None => Standby::begin(config, store.reader()?)?,
    };
    if projector.progress().applied_seq > store.head()?.seq {
        return Err(Fault::refused(
            "the views know rows that the journal does not have: restore with --accept-loss",
        ));
    }
    warm.hand_to(&mut projector)?;
    warm.read_to_the_end(&mut projector)?;
    Ok((warm, projector))
}

/// The first events of a new owner: the purpose of the store, if it is new, and the takeover.
fn first_events(config: &EngineConfig, head: Head, epoch: u64) -> Vec<Event> {
    let stamp = (head.seq == 0).then_some(Stamped {
        purpose: config.purpose,
        ids: IdSpace {
            incarnation: 0,
            shard: ShardId(0),
        },
    });
    let stamp = stamp.into_iter().map(Event::Stamped);
    stamp.chain([TakenOver { epoch }.into()]).collect()
}

/// A book that follows the journal, with all that its owner's projector would carry in memory.
struct Standby {
    book: Book,
    head: Head,
    cold: ColdKeys,
    chain: ChainKey,
    reader: JournalReader,
    views: Db,
    /// How far the views had come at the last look.
    progress: Progress,
    carried: Carried,
    /// Durable rows that the views did not have at the last look.
    unapplied: VecDeque<Committed>,
    /// The checkpoint, by its seq, that the journal does not confirm.
    disbelieved: Option<u64>,
}

impl Standby {
    /// The book of the checkpoint if the journal confirms it, else an empty one.
    fn begin(config: &EngineConfig, mut reader: JournalReader) -> Result<Standby, Fault> {
        let mut views = config.location.open_read(&VIEWS)?;
        let chain = config.master.chain_key();
        let key = || HashKey::new(config.master.book_hash_key().expose());
        // One picture: an owner may be writing the next checkpoint at this moment.
        let (progress, loaded) = views.snapshot(|tx| {
            let progress = projector::progress_in(tx)?;
            let loaded = match progress.checkpoint_seq {
                0 => None,
                seq => checkpoint::load(tx, seq, key())?,
            };
            Ok((progress, loaded))
        })?;
        let mut cold = ColdKeys::default();
        request_keys::each(&mut views, |_, low, _| cold.add(low))?;
        let seq = progress.checkpoint_seq;
        let sealed = sealed_after(&mut reader, seq, &chain)?;
        let believed = match (loaded, sealed) {
            (Some(mut book), Some((hash, head))) if book.hash() == hash => {
                book.begin_after(seq);
                Some((book, head))
            }
            _ => None,
        };
        let disbelieved = (seq > 0 && believed.is_none()).then_some(seq);
        if disbelieved.is_some() {
            tracing::warn!(
                seq,
                "the journal does not confirm the checkpoint, or an older program wrote it: everything is replayed"
            );
        }
        let (book, head) = believed.unwrap_or_else(|| (Book::new(key()), Head::EMPTY));
        Ok(Standby {
            book,
            head,
            cold,
            chain,
            reader,
            views,
            progress,
            carried: Carried::default(),
            unapplied: VecDeque::new(),
            disbelieved,
        })
    }

    /// Reads some rows, and lets go of what the owner has written into the views meanwhile. True when there is more to read.
    fn read_on(&mut self) -> Result<bool, Fault> {
        let progress = projector::read_progress(&mut self.views)?;
        if progress.is_behind(&self.progress) {
            return Err(Fault::retryable("the views were made anew meanwhile"));
        }
        self.seen(progress);
        let mut rows = self.reader.chain(self.head, &self.chain);
        let mut count = 0;
        for row in rows.by_ref().take(ROWS_BETWEEN_LOOKS) {
            let row = row?;
            let committed = replay_row(&mut self.book, row.seq, Timestamp(row.at), &row.batch)?;
            self.carried.take(&committed, self.progress);
            if row.seq > self.progress.applied_seq {
                self.unapplied.push_back(committed);
            }
            count += 1;
        }
        self.head = rows.head();
        forget(&mut self.book, &mut self.cold, self.progress);
        Ok(count == ROWS_BETWEEN_LOOKS)
    }

    fn seen(&mut self, progress: Progress) {
        self.progress = progress;
        self.carried.forget_written(progress);
        while self
            .unapplied
            .front()
            .is_some_and(|row| row.seq <= progress.applied_seq)
        {
            self.unapplied.pop_front();
        }
    }

    /// Gives the projector what it needs to go on where the last one stopped.
    fn hand_to(&mut self, projector: &mut Projector) -> Result<(), Fault> {
        if self.disbelieved == Some(projector.progress().checkpoint_seq) {
            projector.discard_checkpoint()?;
        }
        self.seen(projector.progress());
        projector.carry(std::mem::take(&mut self.carried));
        Ok(())
    }

    /// Brings the book (and the views, where they are behind) to the journal's head, checking every link.
    fn read_to_the_end(&mut self, projector: &mut Projector) -> Result<(), Fault> {
        let mut rows = self.reader.chain(self.head, &self.chain);
        let mut unapplied: Vec<Committed> = self.unapplied.drain(..).collect();
        let mut events: usize = unapplied.iter().map(|row| row.event_count()).sum();
        loop {
            let row = rows.next().transpose()?;
            if let Some(row) = &row {
                let committed = replay_row(&mut self.book, row.seq, Timestamp(row.at), &row.batch)?;
                if row.seq > projector.progress().applied_seq {
                    events += committed.event_count();
                    unapplied.push(committed);
                } else {
                    projector.remember(&committed);
                }
            }
            if events >= PROJECT_EVENTS || row.is_none() {
                projector.apply(&unapplied)?;
                unapplied.clear();
                events = 0;
                self.progress = projector.progress();
                forget(&mut self.book, &mut self.cold, self.progress);
            }
            if row.is_none() {
                self.head = rows.head();
                return Ok(());
            }
        }
    }
}

/// Lets the book forget what the views have.
fn forget(book: &mut Book, cold: &mut ColdKeys, progress: Progress) {
    book.forget_through(
        progress.segment_seq.min(progress.applied_seq),
        KEEP_RECENT,
        |key| cold.add(key.0 as u64),
    );
}

/// The hash that the journal carries for the book after row `seq`, and that row; nothing if the seal speaks of a book of another
/// shape, whose checkpoint is of no use to this program.
fn sealed_after(
    reader: &mut JournalReader,
    seq: u64,
    chain: &ChainKey,
) -> Result<Option<(BookHash, Head)>, Fault> {
    let rows = reader.read(seq, 2)?;
    let [last, sealing] = &rows[..] else {
        return Ok(None);
    };
    if last.seq != seq || sealing.check_after(&last.head(), chain).is_err() {
        return Ok(None);
    }
    let hash = decode_events(&sealing.batch)?
        .iter()
        .find_map(|event| match event {
            Event::Sealed(sealed) => sealed.comparable(),
            _ => None,
        });
    Ok(hash.map(|hash| (hash, last.head())))
}

fn refuse_other_purpose(config: &EngineConfig, purpose: Purpose) -> Result<(), Fault> {
    if purpose == config.purpose {
        return Ok(());
    }
    Err(Fault::refused(
        "this store was made for another purpose: a development store is never served, nor a live one played with",
    ))
}

/// The purpose a store was stamped with, or `None` for an empty one.
pub fn purpose_of(reader: &mut JournalReader) -> Result<Option<Purpose>, Fault> {
    let Some(row) = reader.read(1, 1)?.pop() else {
        return Ok(None);
    };
    Ok(decode_events(&row.batch)?
        .iter()
        .find_map(|event| match event {
            Event::Stamped(stamped) => Some(stamped.purpose),
            _ => None,
        }))
}

/// Applies one row of the journal to a book, and checks the hash it carries.
///
/// A seal of another shape says nothing about this program's book: it is passed over, and the chain of rows alone proves what
/// stands behind it. The rows of the book stay noted as changed until a seal of this shape takes them.
pub fn replay_row(
    book: &mut Book,
    seq: u64,
    at: Timestamp,
    batch: &[u8],
) -> Result<Committed, Fault> {
    let acts = decode_batch(batch)?;
    let mut checkpoint = None;
    let mut opened = false;
    for event in acts.iter().flat_map(|act| &act.events) {
        if let Event::Sealed(sealed) = event {
            if seal_confirms(sealed, book, seq)? {
                checkpoint = Some(book.take_dirty());
            }
        } else if !opened {
            book.open_row(seq, at);
            opened = true;
        }
        book.apply(event);
    }
    if !opened {
        book.open_row(seq, at);
    }
    book.settle();
    Ok(Committed {
        seq,
        at,
        acts,
        bytes: batch.len(),
        checkpoint,
    })
}

/// Does a seal confirm the book as it stands? False for a seal of another shape, a fault if it contradicts.
fn seal_confirms(sealed: &Sealed, book: &Book, seq: u64) -> Result<bool, Fault> {
    match sealed.comparable() {
        None => {
            tracing::debug!(
                seq,
                shape = sealed.shape.0,
                "a seal of another shape is passed over"
            );
            Ok(false)
        }
        Some(hash) if hash == book.hash() => Ok(true),
        Some(_) => Err(Fault::broken(
            "the book differs from the hash its journal carries",
        )),
    }
}
