//! Ordinary SQL tables that explain the journal to people: fed behind it, in its order, and re-creatable from it.
//!
//! | table | one row is | grows with |
//! |---|---|---|
//! | `entries` | a movement in a wallet: the balanced posting itself | payments |
//! | `reversals` | a refund or cancel, found by its payment | refunds |
//! | `top_ups` | a top-up and how it ended | top-ups |
//! | `store_hours` | the sums of one store in one hour | stores × hours |
//! | `request_keys` | where the first answers to old requests stand in the journal | payments, 16 bytes each |
//! | `checkpoint` | a row of the book | the book |
//! | `checkpoint_undo` | how a row of the checkpoint stood before the next one wrote over it | what changes between two |
//! | `acts` | an act: who asked for what, about whom, when; payments stand in `entries` alone | acts that are no payment |
//! | `contexts` | who asked, over what, from where: named by acts and entries | sessions, devices, keys |
//! | `progress` | how far all of this has come | one row |
//!
//! History needs no index: each entry names the wallet's entry before it, and the book knows the newest. So a payment
//! appends to two B-trees at their right ends and touches no random page.

pub mod acts;
pub mod checkpoint;
pub(crate) mod damage;
pub mod pending;
pub mod projector;
pub mod read;
pub mod request_keys;
pub mod sales;

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Durability, Family, Migration, Param};
use mamori_domain::event::Event;

/// The tables of this module.
pub const VIEWS: Family = Family {
    name: "views",
    file: "views.sqlite",
    durability: Durability::Views,
    migrations: &[Migration {
        name: "movements, sums, keys, checkpoint",
        sql: "
CREATE TABLE entries (
    id BIGINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    wallet BIGINT NOT NULL,
    merchant BIGINT,
    store BIGINT,
    till BIGINT,
    amount BIGINT NOT NULL,
    balance BIGINT NOT NULL,
    previous BIGINT NOT NULL,
    about BIGINT,
    name TEXT
);
CREATE INDEX entries_by_store ON entries (store, id);
CREATE TABLE reversals (
    payment BIGINT NOT NULL,
    entry BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    PRIMARY KEY (payment, entry)
) /*WITHOUT ROWID*/;
CREATE TABLE top_ups (
    id BIGINT NOT NULL PRIMARY KEY,
    wallet BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    state BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE TABLE store_hours (
    store BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    payments BIGINT NOT NULL,
    paid BIGINT NOT NULL,
    reversals BIGINT NOT NULL,
    reversed BIGINT NOT NULL,
    PRIMARY KEY (store, hour)
) /*WITHOUT ROWID*/;
CREATE TABLE request_keys (
    slot BIGINT NOT NULL,
    segment BIGINT NOT NULL,
    keys BYTEA NOT NULL,
    PRIMARY KEY (slot, segment)
) /*WITHOUT ROWID*/;
CREATE TABLE checkpoint (
    kind BIGINT NOT NULL,
    id BYTEA NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (kind, id)
) /*WITHOUT ROWID*/;
CREATE TABLE progress (
    shard BIGINT NOT NULL PRIMARY KEY,
    applied_seq BIGINT NOT NULL,
    checkpoint_seq BIGINT NOT NULL,
    segment BIGINT NOT NULL,
    segment_seq BIGINT NOT NULL
);
INSERT INTO progress (shard, applied_seq, checkpoint_seq, segment, segment_seq) VALUES (0, 0, 0, 0, 0);
",
    },
    Migration {
        name: "the sums of a day without those of the years before",
        sql: "
CREATE INDEX store_hours_by_hour ON store_hours (hour, store);
CREATE INDEX top_ups_by_start ON top_ups (started_at);
",
    },
    Migration {
        name: "the open top-ups of a wallet",
        sql: "
CREATE INDEX open_top_ups ON top_ups (wallet, id) WHERE state = 0;
",
    },
    Migration {
        name: "a checkpoint in portions",
        sql: "
CREATE TABLE checkpoint_undo (
    seq BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    id BYTEA NOT NULL,
    content BYTEA,
    PRIMARY KEY (seq, kind, id)
) /*WITHOUT ROWID*/;
",
    },
    Migration {
        name: "who asked",
        sql: "
ALTER TABLE entries ADD COLUMN context BIGINT;
CREATE TABLE contexts (
    id BIGINT NOT NULL PRIMARY KEY,
    content BYTEA NOT NULL
);
CREATE TABLE acts (
    id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    command BIGINT NOT NULL,
    context BIGINT NOT NULL,
    actor_kind BIGINT NOT NULL,
    actor BIGINT NOT NULL,
    subject_kind BIGINT NOT NULL,
    subject BIGINT NOT NULL,
    request BIGINT NOT NULL,
    refusal TEXT
);
CREATE INDEX acts_by_subject ON acts (subject_kind, subject, id);
CREATE INDEX acts_by_actor ON acts (actor_kind, actor, id);
CREATE INDEX acts_by_time ON acts (at, id);
",
    },
    Migration {
        name: "how a hold ended",
        sql: "
CREATE INDEX ends_of_holds ON entries (about) WHERE kind >= 7;
",
    },
    Migration {
        name: "what was cancelled today",
        sql: "
CREATE INDEX cancels_by_time ON entries (at, store, amount) WHERE kind = 1;
",
    }],
};

/// The migration of the views that brought `acts`, `contexts` and `entries.context`.
const VERSION_WITH_ACTS: i64 = 5;

/// Do these views say who asked? Only a reader may meet some that do not: views that an older program has written, before this
/// one has opened the store.
pub(crate) fn say_who_asked(db: &mut Db) -> Result<bool, Fault> {
    let known = db.query_first(
        "SELECT COUNT(*) FROM schema_versions WHERE family = $1 AND version = $2",
        &[Param::Text(VIEWS.name), Param::Int(VERSION_WITH_ACTS)],
        |row| row.int(0),
    )?;
    Ok(known != Some(0))
}

pub use mamori_domain::entry::EntryKind;

/// A movement in a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: u64,
    pub seq: u64,
    /// Microseconds UTC.
    pub at: i64,
    pub kind: EntryKind,
    pub wallet: u64,
    pub merchant: Option<u32>,
    pub store: Option<u32>,
    pub till: Option<u32>,
    /// Yen.
    pub amount: u64,
    /// The wallet's balance afterwards, in yen.
    pub balance: u64,
    /// The wallet's entry before this one, or zero.
    pub previous: u64,
    /// The payment a reversal is for, the top-up a credit is for, the hold a capture is for.
    pub about: Option<u64>,
    /// The merchant's own id for it.
    pub name: Option<Box<str>>,
    /// Who asked for it, by the name of the context; `None` in journals of the first format.
    pub context: Option<u64>,
}

impl Entry {
    /// The payment that it belongs to: its own, that of the hold that was captured, or the one that was given back.
    pub const fn payment(&self) -> Option<u64> {
        match self.kind {
            EntryKind::Payment => Some(self.id),
            EntryKind::Capture | EntryKind::Cancel | EntryKind::Refund => self.about,
            _ => None,
        }
    }

    /// The movement an event makes, if it makes one.
    pub fn of(event: &Event, seq: u64, at: i64, context: Option<u64>) -> Option<Entry> {
        let movement = event.movement()?;
        Some(Entry {
            id: movement.entry.0,
            seq,
            at,
            kind: movement.kind,
            wallet: movement.wallet.0,
            merchant: movement.merchant.map(|id| id.0),
            store: movement.store.map(|id| id.0),
            till: movement.till.map(|id| id.0),
            amount: movement.amount.minor(),
            balance: movement.balance,
            previous: movement.previous.0,
            about: movement.about,
            name: movement.merchant_text,
            context,
        })
    }
}
