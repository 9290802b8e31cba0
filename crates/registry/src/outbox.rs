//! What leaves the house: mail, SMS, later webhooks. Each entry at least once, in order, until it is sent or given up.
//!
//! | entry | key | content |
//! |---|---|---|
//! | derived from the journal | shard, epoch, seq, n | which wallet; never a contact or a text |
//! | enqueued by the registry (a one-time code) | a number of its own | sealed; wiped once it is sent, dead or expired |
//!
//! Each way out of the house is a lane of its own: one courier that hangs delays none of the others. An enqueued entry
//! knows its lane; a derived one is sorted when it was looked up how its wallet's owner is reached.
//!
//! A derived entry goes to the oldest contact of its wallet's owner. For every other contact of that person sorting makes an entry of the
//! registry's own, sealed, with the same words: notices of safety go to all, and each is tried until it has arrived.
//!
//! Derived entries and the mark of how far the journal was read are one transaction of the registry, so rebuilding the views
//! sends nothing again.
//!
//! Notices have a budget: [`NOTICES_PER_HOUR`] to one wallet and [`NOTICES_PER_HOUR_IN_ALL`] in all. The first of a kind within an hour
//! goes at once; what is beyond the budget waits, and equal ones that wait are one entry that says how often it happened. Nothing
//! is dropped, and a loop of freezing and unfreezing costs the operator a few messages an hour. The epoch is part of the key: after a restore with an accepted loss the same seq is another row.

use std::collections::HashMap;
use std::time::Duration;

use crate::notice_facts::{MoneyWishes, NoticeFacts};
use crate::seed::Seed;
use crate::{Numbered, Registry, at, instant_cell, numbered_cell};
use mamori_datastore::fault::Fault;
use mamori_datastore::keys::{SealKey, SealedPlace};
use mamori_datastore::sql::{Db, Durability, Family, Location, Migration, Param, Row, Tx};
use mamori_domain::entry::{EntryKind, Movement};
use mamori_domain::event::Event;
use mamori_domain::refusal::Refusal;
use mamori_domain::world::Timestamp;

/// The outbox's tables; they lie in the file of the control tables.
pub const OUTBOX: Family = Family {
    name: "outbox",
    file: "control.sqlite",
    durability: Durability::Control,
    migrations: &[
        Migration {
            name: "outbox",
            sql: FIRST,
        },
        Migration {
            name: "lanes",
            sql: LANES,
        },
        Migration {
            name: "equal notices are one",
            sql: TIMES,
        },
        Migration {
            name: "notices of money",
            sql: OF_MONEY,
        },
    ],
};

/// Released: not a byte of it changes, spaces included.
const FIRST: &str = "
            CREATE TABLE outbox (
                origin BIGINT NOT NULL,
                epoch BIGINT NOT NULL,
                seq BIGINT NOT NULL,
                n BIGINT NOT NULL,
                kind TEXT NOT NULL,
                content BYTEA NOT NULL,
                state BIGINT NOT NULL,
                attempts BIGINT NOT NULL,
                next_at BIGINT NOT NULL,
                expires_at BIGINT NOT NULL,
                last_error TEXT NOT NULL,
                PRIMARY KEY (origin, epoch, seq, n)
            );
            CREATE INDEX outbox_by_state ON outbox (state, next_at);
            CREATE TABLE outbox_marks (
                origin BIGINT NOT NULL PRIMARY KEY,
                seq BIGINT NOT NULL
            );";

/// Lane 0 is to be sorted.
const LANES: &str = "
ALTER TABLE outbox ADD COLUMN lane BIGINT NOT NULL DEFAULT 0;
UPDATE outbox SET lane = 1 WHERE kind = 'sms';
UPDATE outbox SET lane = 2 WHERE kind = 'mail';
CREATE INDEX outbox_by_lane ON outbox (state, lane, next_at);
";

/// How often what an entry tells of has happened. A derived entry holds its wallet alone, and was made three days before it expires.
const TIMES: &str = "
ALTER TABLE outbox ADD COLUMN times BIGINT NOT NULL DEFAULT 1;
CREATE INDEX outbox_by_wallet ON outbox (content, expires_at) WHERE origin >= 0;
CREATE INDEX outbox_derived ON outbox (expires_at) WHERE origin >= 0;
";

/// Whose money an entry tells of: they are folded and counted apart from those of safety.
const OF_MONEY: &str = "
ALTER TABLE outbox ADD COLUMN wallet BIGINT;
CREATE INDEX outbox_by_money ON outbox (wallet, expires_at) WHERE wallet IS NOT NULL;
";

/// Notices of money of one wallet that leave one by one within an hour; those beyond are told together, every ten minutes.
pub const MONEY_NOTICES_PER_HOUR: i64 = 12;
const MONEY_FOLDED_FOR: Duration = Duration::from_secs(600);
/// How long a notice of money is worth sending.
pub const MONEY_NOTICE_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// Entries of money are numbered from here within their row: those of safety keep the numbers that they have always had.
const MONEY_N: i64 = 1 << 20;

/// Notices of one wallet that are sent within an hour, beside the first of each kind.
pub const NOTICES_PER_HOUR: i64 = 6;
/// Notices of all wallets that are sent within an hour: those beyond wait for the hours that follow.
pub const NOTICES_PER_HOUR_IN_ALL: i64 = 20_000;
const HOUR: Duration = Duration::from_secs(3_600);

/// Origin of entries that the registry enqueued; shards are 0 and up.
const CONTROL_ORIGIN: i64 = -1;
/// The lane of entries that are still to be sorted.
const UNSORTED: i64 = 0;
/// Failures after which an entry is given up: about five hours of trying.
const ATTEMPTS_MAX: u32 = 16;
/// Longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// Journal rows without an entry after which the mark is raised all the same.
const MARK_ROWS: u64 = 10_000;
/// How long a notice is worth sending.
pub const NOTICE_LIFE: Duration = Duration::from_secs(3 * 24 * 3_600);

/// Which entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryKey {
    /// Shard whose journal it comes from, or -1 for the registry's own.
    pub origin: i64,
    /// Epoch of the journal row; 0 for the registry's own.
    pub epoch: i64,
    /// Seq of the journal row, or the registry's own number.
    pub seq: i64,
    /// Which of the entries of one row.
    pub n: i64,
}

/// A way out of the house, with a courier of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Short messages to telephones.
    Sms,
    /// Mail.
    Mail,
    /// Push messages to browsers.
    Push,
}

impl Lane {
    /// All of them.
    pub const ALL: [Lane; 3] = [Lane::Sms, Lane::Mail, Lane::Push];

    /// The number of the lane that entries of a kind take; unsorted where the wallet's owner has to be looked up first.
    fn number_of_kind(kind: &str) -> i64 {
        match kind {
            "sms" => Lane::Sms.as_number(),
            "mail" => Lane::Mail.as_number(),
            "push" => Lane::Push.as_number(),
            _ => UNSORTED,
        }
    }
}

impl Numbered for Lane {
    const ALL: &[Lane] = &[Lane::Sms, Lane::Mail, Lane::Push];

    fn as_number(self) -> i64 {
        match self {
            Lane::Sms => 1,
            Lane::Mail => 2,
            Lane::Push => 3,
        }
    }
}

/// How far an entry has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Sent,
    Dead,
}

impl Numbered for State {
    const ALL: &[State] = &[State::Waiting, State::Sent, State::Dead];

    fn as_number(self) -> i64 {
        match self {
            State::Waiting => 0,
            State::Sent => 1,
            State::Dead => 2,
        }
    }
}

/// An entry that is due.
pub struct Due {
    /// Which one; a receiver that gets it twice tells by it.
    pub key: EntryKey,
    /// What it is: `wallet_frozen`, `sms`, ..
    pub kind: String,
    /// For derived entries the wallet's id in eight bytes, else what was enqueued.
    pub content: Vec<u8>,
    /// Failures so far.
    pub attempts: u32,
    /// How often what it tells of has happened since the last message of its kind.
    pub times: u32,
    /// When it is given up.
    pub expires_at: Timestamp,
}

impl Due {
    /// When what it tells of happened, as far as the entry says: a notice is made three days before it expires.
    pub fn made_at(&self) -> Timestamp {
        self.expires_at.minus(NOTICE_LIFE)
    }
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The other side has taken it.
    Sent,
    /// Try again later; the reason is fixed at compile time, so that no contact gets into a table of errors.
    Later(&'static str),
    /// The same, but not before so long: the other side has said so.
    LaterIn(Duration, &'static str),
    /// Never try again.
    Never(&'static str),
}

/// A message to one contact, ready to be sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// `sms`, `mail` or `push`.
    pub kind: &'static str,
    /// What its courier reads.
    pub content: Vec<u8>,
}

// It holds a contact, and perhaps a secret.
impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Letter({}, ..)", self.kind)
    }
}

/// Where an entry goes that had no lane yet.
pub struct Sorted {
    /// Its own way out of the house; None where the copies are all that leaves, and the entry is done with.
    pub lane: Option<Lane>,
    /// What goes to the contacts and browsers of the same person.
    pub copies: Vec<Letter>,
    /// How long the copies are worth sending.
    pub life: Duration,
}

impl From<Lane> for Sorted {
    fn from(lane: Lane) -> Sorted {
        Sorted {
            lane: Some(lane),
            copies: Vec::new(),
            life: NOTICE_LIFE,
        }
    }
}

/// Counts for the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Entries that are still to be sent.
    pub waiting: u64,
    /// Entries taken by the other side and not yet forgotten.
    pub sent: u64,
    /// Entries given up.
    pub dead: u64,
}

/// An entry that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadEntry {
    /// Which one.
    pub key: EntryKey,
    /// What it was.
    pub kind: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub last_error: String,
}

/// A notice that an event owes the owner of a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// `wallet_frozen`, `credential_bound`, ..: one of those that have words in the flows' templates.
    pub kind: &'static str,
    /// The wallet.
    pub wallet: u64,
}

/// The notices that a row's events owe, in order: a pure function of the journal.
///
/// An attacker who takes a wallet over freezes, unfreezes or binds; its owner hears of each over another way.
pub fn notices(events: &[Event]) -> Vec<Notice> {
    let opened = |wallet| {
        let is_it =
            |event: &Event| matches!(event, Event::WalletOpened(opened) if opened.wallet == wallet);
        events.iter().any(is_it)
    };
    let notice = |event: &Event| match event {
        Event::Frozen(frozen) => Some(("wallet_frozen", frozen.wallet.0)),
        // Somebody asked for money of a wallet that stands still.
        Event::Refused(refused) if refused.refusal == Refusal::WalletFrozen => {
            Some(("payment_refused", refused.payer?.wallet.0))
        }
        Event::Unfrozen(unfrozen) => Some(("wallet_unfrozen", unfrozen.wallet.0)),
        Event::CredentialBound(bound) => Some(("credential_bound", bound.wallet.0)),
        Event::CredentialRevoked(revoked) => Some(("credential_revoked", revoked.wallet.0)),
        // Its first device comes with a wallet: whoever signs up knows.
        Event::DeviceBound(bound) if opened(bound.wallet) => None,
        Event::DeviceBound(bound) => Some(match bound.device {
            Some(_) => ("device_bound", bound.wallet.0),
            None => ("device_unbound", bound.wallet.0),
        }),
        _ => None,
    };
    let owed = events.iter().filter_map(notice);
    owed.map(|(kind, wallet)| Notice { kind, wallet }).collect()
}

/// What a row's events say of money, in order: a pure function of the journal. Kept of them is what owners wish to hear.
pub fn money_notices(events: &[Event], at: Timestamp) -> Vec<(&'static str, NoticeFacts)> {
    let of_movement = |movement: Movement| {
        let kind = match movement.kind {
            EntryKind::Payment | EntryKind::Capture => "payment",
            EntryKind::Hold => "hold",
            EntryKind::Cancel | EntryKind::Refund => "refund",
            EntryKind::TopUp | EntryKind::Cash | EntryKind::Goodwill => "top_up",
            // What was set aside is back: nothing was paid.
            EntryKind::Release => return None,
        };
        let facts = NoticeFacts {
            amount: Some(movement.amount.minor()),
            merchant: movement.merchant,
            store: movement.store,
            ..NoticeFacts::of(movement.wallet, at)
        };
        Some((kind, facts))
    };
    let moved = events.iter().filter_map(Event::movement);
    moved.filter_map(of_movement).collect()
}

/// A row of a shard's journal, read and decoded by the caller.
pub struct JournaledRow {
    /// Its number in the shard's journal.
    pub seq: u64,
    /// The epoch of the owner that wrote it.
    pub epoch: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What it says happened, in order.
    pub events: Vec<Event>,
}

/// A connection to the outbox of a store, for one thread: one sorts, and one sends on each lane.
pub struct Outbox {
    db: Db,
    seal: SealKey,
    positions: HashMap<u32, Position>,
    wishes: MoneyWishes,
}

/// How far a shard's journal was read, and how far a start would know of it.
#[derive(Clone, Copy)]
struct Position {
    read_seq: u64,
    marked_seq: u64,
}

impl Outbox {
    /// Opens it. `seal` is the store's wrap key.
    pub fn open(location: &Location, seal: SealKey) -> Result<Self, Fault> {
        Ok(Self {
            db: location.open(&OUTBOX)?,
            seal,
            positions: HashMap::new(),
            wishes: MoneyWishes::default(),
        })
    }

    /// The first row of a shard's journal that was not taken in yet. `head_seq` is the newest row there is: a mark beyond it
    /// (a restore with an accepted loss) is lowered to it.
    pub fn next_seq(&mut self, shard: u32, head_seq: u64) -> Result<u64, Fault> {
        Ok(self.position(shard, head_seq)?.read_seq + 1)
    }

    /// Takes in what rows of a shard's journal owe: those from [`next_seq`](Self::next_seq) on, without a gap.
    pub fn take_in(&mut self, shard: u32, rows: &[JournaledRow]) -> Result<(), Fault> {
        let Some(last) = rows.last() else {
            return Ok(());
        };
        let mut position = self.position(shard, last.seq)?;
        let mut owed = Owed::default();
        for row in rows {
            for (n, notice) in (0_i64..).zip(notices(&row.events)) {
                let key = EntryKey {
                    origin: i64::from(shard),
                    epoch: row.epoch.cast_signed(),
                    seq: row.seq.cast_signed(),
                    n,
                };
                owed.notices.push((key, notice, row.at));
            }
        }
        owed.money = self.money_owed(shard, rows)?;
        position.read_seq = last.seq;
        // Reading the same rows again after a start derives the same keys, so the mark need not be durable for each.
        let is_owed = !owed.notices.is_empty() || !owed.money.is_empty();
        if is_owed || last.seq - position.marked_seq >= MARK_ROWS {
            self.db.transaction(|tx| {
                owed.write(tx)?;
                tx.execute(
                    "INSERT INTO outbox_marks (origin, seq) VALUES ($1, $2)
                     ON CONFLICT (origin) DO UPDATE SET seq = excluded.seq",
                    &[
                        Param::Int(i64::from(shard)),
                        Param::Int(last.seq.cast_signed()),
                    ],
                )
            })?;
            position.marked_seq = last.seq;
        }
        self.positions.insert(shard, position);
        Ok(())
    }

    /// What rows owe of money: to those alone who wish to hear of it, so that all others cost a question for each few dozen rows.
    fn money_owed(&mut self, shard: u32, rows: &[JournaledRow]) -> Result<Vec<MoneyOwed>, Fault> {
        let mut owed = Vec::new();
        for row in rows {
            for (n, (kind, facts)) in (MONEY_N..).zip(money_notices(&row.events, row.at)) {
                let key = EntryKey {
                    origin: i64::from(shard),
                    epoch: row.epoch.cast_signed(),
                    seq: row.seq.cast_signed(),
                    n,
                };
                owed.push(MoneyOwed { key, kind, facts });
            }
        }
        if !owed.is_empty() {
            self.wishes.refresh(&mut self.db)?;
            owed.retain(|one| self.wishes.wants(&one.facts));
        }
        Ok(owed)
    }

    fn position(&mut self, shard: u32, head_seq: u64) -> Result<Position, Fault> {
        if let Some(position) = self.positions.get(&shard) {
            return Ok(*position);
        }
        let mark = self.db.query_first(
            "SELECT seq FROM outbox_marks WHERE origin = $1",
            &[Param::Int(i64::from(shard))],
            |row| row.int(0),
        )?;
        let seq = mark.map_or(0, |mark| mark.unsigned_abs().min(head_seq));
        let position = Position {
            read_seq: seq,
            marked_seq: seq,
        };
        self.positions.insert(shard, position);
        Ok(position)
    }

    /// Adds an entry of the registry's own, due at once: durable when this returns.
    ///
    /// Kinds `sms` and `mail` take their own lanes, every other is to be sorted. The content is sealed at rest with 12 random
    /// bytes of `nonce`. After `expires_at` it is given up: a one-time code that comes late
    /// only confuses.
    pub fn enqueue(
        &mut self,
        kind: &str,
        content: &[u8],
        nonce: [u8; 12],
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<EntryKey, Fault> {
        let sealing = (&self.seal, nonce);
        (self.db).transaction(|tx| enqueue_in(tx, sealing, (kind, content), now, expires_at))
    }

    /// Asks `lane_of` for the lane of each entry that has none yet and is due, and puts it there, with copies for others beside it; returns
    /// how many it put somewhere. Where `lane_of` cannot say for now the entry is asked about again later, and later, and given up in the end.
    pub fn sort(
        &mut self,
        now: Timestamp,
        limit: usize,
        seed: &Seed,
        lane_of: &mut dyn FnMut(&Due) -> Option<Sorted>,
    ) -> Result<usize, Fault> {
        let (due, _) = self.due(UNSORTED, now, limit)?;
        let mut sorted = 0;
        for (place, entry) in due.iter().enumerate() {
            let Some(Sorted { lane, copies, life }) = lane_of(entry) else {
                let reason = "nobody could say where it goes";
                let (state, pause) = match entry.attempts + 1 >= ATTEMPTS_MAX {
                    true => (State::Dead, Duration::ZERO),
                    false => (State::Waiting, pause(entry.attempts)),
                };
                self.note(entry, state, now.plus(pause), reason)?;
                continue;
            };
            sorted += 1;
            let (key, seal) = (entry.key, &self.seal);
            self.db.transaction(|tx| {
                for (number, letter) in copies.iter().enumerate() {
                    let nonce = seed.take(&format!("copy {place} {number}"));
                    let (content, ends_at) = ((letter.kind, &letter.content[..]), now.plus(life));
                    enqueue_in(tx, (seal, nonce), content, now, ends_at)?;
                }
                let Some(lane) = lane else {
                    return done_with(tx, key, now, copies.is_empty());
                };
                tx.execute(
                    "UPDATE outbox SET lane = $1 WHERE origin = $2 AND epoch = $3 AND seq = $4 AND n = $5",
                    &[
                        lane.param(),
                        Param::Int(key.origin),
                        Param::Int(key.epoch),
                        Param::Int(key.seq),
                        Param::Int(key.n),
                    ],
                )
            })?;
        }
        Ok(sorted)
    }

    /// Gives each due entry of a lane to `courier` and keeps what became of it; returns how many were taken out. One that
    /// cannot be opened any more is given up, and the others go on.
    ///
    /// If the program dies between the courier's success and the note of it, the entry is sent again: at least once.
    pub fn deliver(
        &mut self,
        lane: Lane,
        now: Timestamp,
        limit: usize,
        courier: &mut dyn FnMut(&Due) -> Delivery,
    ) -> Result<usize, Fault> {
        self.expire(now)?;
        let (due, taken) = self.due(lane.as_number(), now, limit)?;
        for entry in &due {
            let (state, pause, last_error) = match courier(entry) {
                Delivery::Sent => (State::Sent, Duration::ZERO, ""),
                Delivery::Never(reason) => (State::Dead, Duration::ZERO, reason),
                Delivery::Later(reason) | Delivery::LaterIn(_, reason)
                    if entry.attempts + 1 >= ATTEMPTS_MAX =>
                {
                    (State::Dead, Duration::ZERO, reason)
                }
                Delivery::LaterIn(at_least, reason) => {
                    (State::Waiting, pause(entry.attempts).max(at_least), reason)
                }
                Delivery::Later(reason) => (State::Waiting, pause(entry.attempts), reason),
            };
            self.note(entry, state, now.plus(pause), last_error)?;
        }
        Ok(taken)
    }

    /// When the next entry is due, if any waits.
    pub fn next_at(&mut self) -> Result<Option<Timestamp>, Fault> {
        self.db.query_first(
            "SELECT next_at FROM outbox WHERE state = 0 ORDER BY next_at LIMIT 1",
            &[],
            |row| instant_cell(row, 0),
        )
    }

    /// Tries a dead entry again from the beginning; false when there is none, or its content is gone.
    pub fn revive(&mut self, key: EntryKey, now: Timestamp) -> Result<bool, Fault> {
        let revived = self.db.execute(
            "UPDATE outbox SET state = 0, attempts = 0, next_at = $1
             WHERE origin = $2 AND epoch = $3 AND seq = $4 AND n = $5 AND state = 2 AND origin >= 0 AND expires_at > $1",
            &[
                at(now),
                Param::Int(key.origin),
                Param::Int(key.epoch),
                Param::Int(key.seq),
                Param::Int(key.n),
            ],
        )?;
        Ok(revived == 1)
    }

    /// Forgets entries that were sent before an instant. Their mark stays, so they are not derived again.
    pub fn forget_sent(&mut self, before: Timestamp) -> Result<u64, Fault> {
        self.db.execute(
            "DELETE FROM outbox WHERE state = 1 AND next_at < $1",
            &[at(before)],
        )
    }

    /// The entries of a lane that are due and can be opened, and how many were due. What cannot be opened is given up here:
    /// it will not open another time either, and must not hold up the rest.
    fn due(&mut self, lane: i64, now: Timestamp, limit: usize) -> Result<(Vec<Due>, usize), Fault> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let due = self.db.query(
            "SELECT origin, epoch, seq, n, kind, content, attempts, times, expires_at FROM outbox
             WHERE state = 0 AND lane = $1 AND next_at <= $2 ORDER BY next_at, origin, epoch, seq, n LIMIT $3",
            &[Param::Int(lane), at(now), Param::Int(limit)],
            |row| Due {
                key: read_key(row),
                kind: row.text(4).to_owned(),
                content: row.blob(5).to_vec(),
                attempts: u32::try_from(row.int(6)).unwrap_or(u32::MAX),
                times: u32::try_from(row.int(7)).unwrap_or(u32::MAX),
                expires_at: instant_cell(row, 8),
            },
        )?;
        let taken = due.len();
        let mut readable = Vec::with_capacity(taken);
        for mut entry in due {
            if entry.key.origin == CONTROL_ORIGIN {
                let seq = entry.key.seq.to_be_bytes();
                match self.seal.open(place(&seq), &entry.content) {
                    Ok(content) => entry.content = content,
                    Err(fault) => {
                        tracing::error!(
                            %fault,
                            seq = entry.key.seq,
                            kind = entry.kind,
                            "a sealed message does not open and is given up: somebody changed it, or another key sealed it"
                        );
                        self.note(&entry, State::Dead, now, "the sealed message does not open")?;
                        continue;
                    }
                }
            }
            readable.push(entry);
        }
        Ok((readable, taken))
    }

    fn note(
        &mut self,
        entry: &Due,
        state: State,
        next_at: Timestamp,
        last_error: &str,
    ) -> Result<(), Fault> {
        let key = entry.key;
        let attempts = i64::from(entry.attempts) + 1;
        let where_key = [key.origin, key.epoch, key.seq, key.n].map(Param::Int);
        self.db.transaction(|tx| {
            tx.execute(
                "UPDATE outbox SET state = $1, attempts = $2, next_at = $3, last_error = $4
                 WHERE origin = $5 AND epoch = $6 AND seq = $7 AND n = $8",
                &[
                    state.param(),
                    Param::Int(attempts),
                    at(next_at),
                    Param::Text(last_error),
                    where_key[0],
                    where_key[1],
                    where_key[2],
                    where_key[3],
                ],
            )?;
            if state != State::Waiting && key.origin == CONTROL_ORIGIN {
                // A contact and a code have no reason to stay.
                tx.execute(
                    "UPDATE outbox SET content = $1 WHERE origin = $2 AND epoch = $3 AND seq = $4 AND n = $5",
                    &[Param::Blob(&[]), where_key[0], where_key[1], where_key[2], where_key[3]],
                )?;
            }
            Ok(())
        })
    }

    fn expire(&mut self, now: Timestamp) -> Result<(), Fault> {
        self.db.transaction(|tx| {
            tx.execute(
                "UPDATE outbox SET content = $1 WHERE state = 0 AND expires_at <= $2 AND origin < 0",
                &[Param::Blob(&[]), at(now)],
            )?;
            tx.execute(
                "UPDATE outbox SET state = 2, last_error = 'expired' WHERE state = 0 AND expires_at <= $1",
                &[at(now)],
            )
        })?;
        Ok(())
    }
}

/// Adds an entry of the registry's own, within a transaction: it stands there if and only if what it tells of does. The tables of the
/// outbox lie beside the registry's.
pub(crate) fn enqueue_in(
    tx: &mut Tx,
    (seal, nonce): (&SealKey, [u8; 12]),
    (kind, content): (&str, &[u8]),
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<EntryKey, Fault> {
    let seq = tx.query_first(
        "INSERT INTO outbox_marks (origin, seq) VALUES ($1, 1)
         ON CONFLICT (origin) DO UPDATE SET seq = outbox_marks.seq + 1 RETURNING seq",
        &[Param::Int(CONTROL_ORIGIN)],
        |row| row.int(0),
    )?;
    let key = EntryKey {
        origin: CONTROL_ORIGIN,
        epoch: 0,
        seq: seq.unwrap_or(1),
        n: 0,
    };
    let sealed = seal.seal(place(&key.seq.to_be_bytes()), nonce, content);
    tx.execute(
        "INSERT INTO outbox (origin, epoch, seq, n, kind, content, state, attempts, next_at, expires_at, last_error, lane)
         VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8, '', $9)",
        &[
            Param::Int(key.origin),
            Param::Int(key.epoch),
            Param::Int(key.seq),
            Param::Int(key.n),
            Param::Text(kind),
            Param::Blob(&sealed),
            at(now),
            at(expires_at),
            Param::Int(Lane::number_of_kind(kind)),
        ],
    )?;
    Ok(key)
}

impl Registry {
    /// What waits in the outbox, was sent, and was given up: counts, and the newest `dead_max` of those given up. The outbox
    /// must have been opened once.
    pub fn outbox(&mut self, dead_max: u32) -> Result<(Counts, Vec<DeadEntry>), Fault> {
        Ok((counts(&mut self.db)?, dead(&mut self.db, dead_max)?))
    }
}

/// Entries by state, on any connection to the registry's file.
pub fn counts(db: &mut Db) -> Result<Counts, Fault> {
    let mut counts = Counts::default();
    let by_state = db.query(
        "SELECT state, COUNT(*) FROM outbox GROUP BY state",
        &[],
        |row| (numbered_cell::<State>(row, 0), row.int(1).unsigned_abs()),
    )?;
    for (state, count) in by_state {
        match state {
            State::Waiting => counts.waiting = count,
            State::Sent => counts.sent = count,
            State::Dead => counts.dead = count,
        }
    }
    Ok(counts)
}

/// The newest entries that were given up, at most `limit`, on any connection to the registry's file.
pub fn dead(db: &mut Db, limit: u32) -> Result<Vec<DeadEntry>, Fault> {
    db.query(
        "SELECT origin, epoch, seq, n, kind, attempts, last_error FROM outbox
         WHERE state = 2 ORDER BY next_at DESC, origin, epoch, seq, n LIMIT $1",
        &[Param::Int(i64::from(limit))],
        |row| DeadEntry {
            key: read_key(row),
            kind: row.text(4).to_owned(),
            attempts: u32::try_from(row.int(5)).unwrap_or(u32::MAX),
            last_error: row.text(6).to_owned(),
        },
    )
}

fn read_key(row: &Row) -> EntryKey {
    EntryKey {
        origin: row.int(0),
        epoch: row.int(1),
        seq: row.int(2),
        n: row.int(3),
    }
}

fn place(row: &[u8]) -> SealedPlace<'_> {
    SealedPlace {
        table: "outbox",
        column: "content",
        row,
    }
}

/// One second, two, four, .. an hour.
fn pause(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.min(20)).min(PAUSE_MAX)
}

/// What rows of the journal owe.
#[derive(Default)]
struct Owed {
    notices: Vec<(EntryKey, Notice, Timestamp)>,
    money: Vec<MoneyOwed>,
}

/// A notice of money that an owner wishes to hear.
struct MoneyOwed {
    key: EntryKey,
    kind: &'static str,
    facts: NoticeFacts,
}

impl MoneyOwed {
    /// One by one while there are few; what is beyond is told together with the next of its kind.
    fn write(&self, tx: &mut Tx) -> Result<(), Fault> {
        let made_at = self.facts.at;
        let wallet = Param::Int(self.facts.wallet.0.cast_signed());
        let where_key = [self.key.origin, self.key.epoch, self.key.seq, self.key.n].map(Param::Int);
        // After a start the same rows are read again.
        let is_there = tx.query_first(
            "SELECT 1 FROM outbox WHERE origin = $1 AND epoch = $2 AND seq = $3 AND n = $4",
            &where_key,
            |row| row.int(0),
        )?;
        if is_there.is_some() {
            return Ok(());
        }
        let hour_ago = made_at.plus(MONEY_NOTICE_LIFE).minus(HOUR);
        let within_the_hour = tx.query_first(
            "SELECT COUNT(*) FROM outbox WHERE wallet = $1 AND expires_at > $2",
            &[wallet, at(hour_ago)],
            |row| row.int(0),
        )?;
        let is_beyond = within_the_hour.unwrap_or(0) >= MONEY_NOTICES_PER_HOUR;
        if is_beyond && self.fold(tx)? {
            return Ok(());
        }
        let wait = if is_beyond {
            MONEY_FOLDED_FOR
        } else {
            Duration::ZERO
        };
        tx.execute(
            "INSERT INTO outbox (origin, epoch, seq, n, kind, content, state, attempts, next_at, expires_at, last_error, wallet)
             VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8, '', $9)",
            &[
                where_key[0],
                where_key[1],
                where_key[2],
                where_key[3],
                Param::Text(self.kind),
                Param::Blob(&self.facts.to_bytes()),
                at(made_at.plus(wait)),
                at(made_at.plus(MONEY_NOTICE_LIFE)),
                wallet,
            ],
        )
        .map(drop)
    }

    /// Adds it to one that waits. Read again after a crash before the mark, it is the same transaction that is read again.
    fn fold(&self, tx: &mut Tx) -> Result<bool, Fault> {
        let waiting = tx.query_first(
            "SELECT origin, epoch, seq, n, content FROM outbox
             WHERE wallet = $1 AND kind = $2 AND state = 0 AND attempts = 0 AND next_at > $3 ORDER BY next_at DESC LIMIT 1",
            &[
                Param::Int(self.facts.wallet.0.cast_signed()),
                Param::Text(self.kind),
                at(self.facts.at),
            ],
            |row| (read_key(row), row.blob(4).to_vec()),
        )?;
        let Some((key, content)) = waiting else {
            return Ok(false);
        };
        let Some(before) = NoticeFacts::read(&content, self.facts.at) else {
            return Ok(false);
        };
        let sum = before
            .amount
            .unwrap_or(0)
            .saturating_add(self.facts.amount.unwrap_or(0));
        let is_same_shop =
            before.store == self.facts.store && before.merchant == self.facts.merchant;
        let together = NoticeFacts {
            amount: Some(sum),
            merchant: before.merchant.filter(|_| is_same_shop),
            store: before.store.filter(|_| is_same_shop),
            ..self.facts
        };
        tx.execute(
            "UPDATE outbox SET times = times + 1, content = $1 WHERE origin = $2 AND epoch = $3 AND seq = $4 AND n = $5",
            &[
                Param::Blob(&together.to_bytes()),
                Param::Int(key.origin),
                Param::Int(key.epoch),
                Param::Int(key.seq),
                Param::Int(key.n),
            ],
        )?;
        Ok(true)
    }
}

/// An entry whose copies are all that leaves: it was sent with them, or there is nobody to send it to.
fn done_with(tx: &mut Tx, key: EntryKey, now: Timestamp, is_nobody: bool) -> Result<u64, Fault> {
    let (state, reason) = match is_nobody {
        true => (State::Dead, "nobody to send it to, or nothing to say"),
        false => (State::Sent, ""),
    };
    let where_key = [key.origin, key.epoch, key.seq, key.n].map(Param::Int);
    let done = tx.execute(
        "UPDATE outbox SET state = $1, attempts = attempts + 1, next_at = $2, last_error = $3
         WHERE origin = $4 AND epoch = $5 AND seq = $6 AND n = $7",
        &[
            state.param(),
            at(now),
            Param::Text(reason),
            where_key[0],
            where_key[1],
            where_key[2],
            where_key[3],
        ],
    )?;
    if key.origin == CONTROL_ORIGIN {
        tx.execute(
            "UPDATE outbox SET content = $1 WHERE origin = $2 AND epoch = $3 AND seq = $4 AND n = $5",
            &[Param::Blob(&[]), where_key[0], where_key[1], where_key[2], where_key[3]],
        )?;
    }
    Ok(done)
}

impl Owed {
    fn write(&self, tx: &mut Tx) -> Result<(), Fault> {
        for one in &self.money {
            one.write(tx)?;
        }
        let Some((_, _, first_at)) = self.notices.first() else {
            return Ok(());
        };
        // Counted once: thousands of wallets may be frozen at a time.
        let mut in_all = made_within_the_hour(tx, *first_at)?;
        for (key, notice, made_at) in &self.notices {
            let wallet = notice.wallet.to_be_bytes();
            if !fold(tx, notice.kind, &wallet, *made_at)? {
                let own_turn = turn(tx, notice.kind, &wallet, *made_at)?;
                let next_at = own_turn.max(made_at.plus(queue(in_all)));
                in_all += 1;
                tx.execute(
                    "INSERT INTO outbox (origin, epoch, seq, n, kind, content, state, attempts, next_at, expires_at, last_error)
                     VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8, '') ON CONFLICT (origin, epoch, seq, n) DO NOTHING",
                    &[
                        Param::Int(key.origin),
                        Param::Int(key.epoch),
                        Param::Int(key.seq),
                        Param::Int(key.n),
                        Param::Text(notice.kind),
                        Param::Blob(&wallet),
                        at(next_at),
                        at(made_at.plus(NOTICE_LIFE)),
                    ],
                )?;
            }
        }
        Ok(())
    }
}

/// Counts a notice with an equal one that waits for its turn; false if none does. One that is due already may be on its way: what
/// happens behind it is told by another. The entry takes its place behind what happened before, so that the last message says how
/// the wallet stands.
fn fold(tx: &mut Tx, kind: &str, wallet: &[u8], made_at: Timestamp) -> Result<bool, Fault> {
    let folded = tx.execute(
        "UPDATE outbox SET times = times + 1, next_at = next_at + 1
         WHERE content = $1 AND kind = $2 AND state = 0 AND attempts = 0 AND origin >= 0 AND next_at > $3",
        &[Param::Blob(wallet), Param::Text(kind), at(made_at)],
    )?;
    Ok(folded > 0)
}

fn made_within_the_hour(tx: &mut Tx, now: Timestamp) -> Result<i64, Fault> {
    let counted = tx.query_first(
        "SELECT COUNT(*) FROM outbox WHERE expires_at > $1 AND origin >= 0",
        &[at(now.plus(NOTICE_LIFE).minus(HOUR))],
        |row| row.int(0),
    )?;
    Ok(counted.unwrap_or(0))
}

/// How long a notice waits behind so many that were made within an hour, so that no more leave in one than the budget allows: never
/// so long that it would expire.
fn queue(in_all: i64) -> Duration {
    let hours = u64::try_from(in_all / NOTICES_PER_HOUR_IN_ALL).unwrap_or(0);
    (HOUR * u32::try_from(hours).unwrap_or(u32::MAX)).min(NOTICE_LIFE - 12 * HOUR)
}

/// When a notice may leave: at once if the budget allows it or it is the first of its kind for an hour, else an hour after the oldest
/// that the budget was spent on.
fn turn(tx: &mut Tx, kind: &str, wallet: &[u8], made_at: Timestamp) -> Result<Timestamp, Fault> {
    let hour_ago = at(made_at.plus(NOTICE_LIFE).minus(HOUR));
    let spent = tx.query(
        "SELECT kind, expires_at FROM outbox WHERE content = $1 AND expires_at > $2 AND origin >= 0 ORDER BY expires_at",
        &[Param::Blob(wallet), hour_ago],
        |row| (row.text(0).to_owned(), instant_cell(row, 1)),
    )?;
    let is_first = spent.iter().all(|(other, _)| other != kind);
    Ok(match spent.first() {
        Some((_, oldest)) if !is_first && spent.len() as i64 >= NOTICES_PER_HOUR => {
            oldest.minus(NOTICE_LIFE).plus(HOUR)
        }
        _ => made_at,
    })
}
