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
//! | `progress` | how far all of this has come | one row |
//!
//! History needs no index: each entry names the wallet's entry before it, and the book knows the newest. So a payment
//! appends to two B-trees at their right ends and touches no random page.

pub mod checkpoint;
pub(crate) mod damage;
pub mod pending;
pub mod projector;
pub mod read;
pub mod request_keys;

use mamori_datastore::sql::{Durability, Family, Migration};

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
    }],
};

/// The kinds of movement, as numbers in `entries.kind` and words on pages. Never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    Payment,
    Cancel,
    Refund,
    TopUp,
    Cash,
    Goodwill,
    Hold,
    Capture,
    Release,
}

impl EntryKind {
    /// Every kind, at the place of its number.
    pub const ALL: [EntryKind; 9] = [
        EntryKind::Payment,
        EntryKind::Cancel,
        EntryKind::Refund,
        EntryKind::TopUp,
        EntryKind::Cash,
        EntryKind::Goodwill,
        EntryKind::Hold,
        EntryKind::Capture,
        EntryKind::Release,
    ];

    /// The number in the table.
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// From the number in the table.
    pub fn from_number(number: i64) -> Option<EntryKind> {
        usize::try_from(number)
            .ok()
            .and_then(|at| EntryKind::ALL.get(at))
            .copied()
    }

    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            EntryKind::Payment => "payment",
            EntryKind::Cancel => "cancel",
            EntryKind::Refund => "refund",
            EntryKind::TopUp => "top_up",
            EntryKind::Cash => "cash",
            EntryKind::Goodwill => "goodwill",
            EntryKind::Hold => "hold",
            EntryKind::Capture => "capture",
            EntryKind::Release => "release",
        }
    }
}

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
}

impl Entry {
    /// The movement a change makes, if it makes one.
    pub fn of(change: &mamori_domain::change::Change, seq: u64, at: i64) -> Option<Entry> {
        use mamori_domain::act::CreditKind;
        use mamori_domain::change::Change;
        let entry = |id: u64,
                     kind,
                     wallet: u64,
                     amount: mamori_domain::money::Amount,
                     previous: u64,
                     balance: u64| Entry {
            id,
            seq,
            at,
            kind,
            wallet,
            merchant: None,
            store: None,
            till: None,
            amount: amount.minor(),
            balance,
            previous,
            about: None,
            name: None,
        };
        Some(match change {
            Change::Paid(paid) => Entry {
                merchant: Some(paid.merchant.0),
                store: paid.store.map(|id| id.0),
                till: paid.till.map(|id| id.0),
                name: Some(paid.name.clone()),
                ..entry(
                    paid.payment.0,
                    EntryKind::Payment,
                    paid.wallet.0,
                    paid.amount,
                    paid.previous.0,
                    paid.balance,
                )
            },
            Change::Cancelled {
                entry: id,
                payment,
                wallet,
                merchant,
                store,
                amount,
                previous,
                balance,
                ..
            } => Entry {
                merchant: Some(merchant.0),
                store: store.map(|id| id.0),
                about: Some(payment.0),
                ..entry(
                    id.0,
                    EntryKind::Cancel,
                    wallet.0,
                    *amount,
                    previous.0,
                    *balance,
                )
            },
            Change::Refunded {
                refund,
                payment,
                wallet,
                merchant,
                store,
                amount,
                name,
                previous,
                balance,
                ..
            } => Entry {
                merchant: Some(merchant.0),
                store: store.map(|id| id.0),
                about: Some(payment.0),
                name: Some(name.clone()),
                ..entry(
                    refund.0,
                    EntryKind::Refund,
                    wallet.0,
                    *amount,
                    previous.0,
                    *balance,
                )
            },
            Change::Held {
                hold,
                merchant,
                store,
                wallet,
                amount,
                previous,
                balance,
                ..
            } => Entry {
                merchant: Some(merchant.0),
                store: store.map(|id| id.0),
                ..entry(
                    hold.0,
                    EntryKind::Hold,
                    wallet.0,
                    *amount,
                    previous.0,
                    *balance,
                )
            },
            Change::Captured {
                entry: id,
                hold,
                wallet,
                merchant,
                store,
                amount,
                previous,
                balance,
                ..
            } => Entry {
                merchant: Some(merchant.0),
                store: store.map(|id| id.0),
                about: Some(hold.0),
                ..entry(
                    id.0,
                    EntryKind::Capture,
                    wallet.0,
                    *amount,
                    previous.0,
                    *balance,
                )
            },
            Change::Released {
                entry: id,
                hold,
                wallet,
                merchant,
                amount,
                previous,
                balance,
            } => Entry {
                merchant: Some(merchant.0),
                about: Some(hold.0),
                ..entry(
                    id.0,
                    EntryKind::Release,
                    wallet.0,
                    *amount,
                    previous.0,
                    *balance,
                )
            },
            Change::TopUpConfirmed {
                entry: id,
                top_up,
                wallet,
                amount,
                previous,
                balance,
            } => Entry {
                about: Some(top_up.0),
                ..entry(
                    id.0,
                    EntryKind::TopUp,
                    wallet.0,
                    *amount,
                    previous.0,
                    *balance,
                )
            },
            Change::Credited {
                entry: id,
                wallet,
                kind,
                amount,
                previous,
                balance,
                ..
            } => {
                let kind = match kind {
                    CreditKind::Cash => EntryKind::Cash,
                    CreditKind::Goodwill => EntryKind::Goodwill,
                };
                entry(id.0, kind, wallet.0, *amount, previous.0, *balance)
            }
            _ => return None,
        })
    }
}
