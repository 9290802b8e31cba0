//! What a notice tells of, the ways that it may go, and who wishes to hear of money at all: what both the notices and the outbox know.

use std::collections::HashMap;

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param};
use mamori_domain::context::AgentFamily;
use mamori_domain::ids::{MerchantId, StoreId, WalletId};
use mamori_domain::world::Timestamp;
use minicbor::{Decode, Encode};

use crate::instant_cell;

/// Ways that notices of money go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways {
    pub push: bool,
    pub mail: bool,
    pub sms: bool,
}

impl Ways {
    /// None at all.
    pub const NONE: Ways = Ways {
        push: false,
        mail: false,
        sms: false,
    };

    pub(crate) fn bits(self) -> i64 {
        i64::from(self.push) | i64::from(self.mail) << 1 | i64::from(self.sms) << 2
    }

    pub(crate) fn of_bits(bits: i64) -> Ways {
        Ways {
            push: bits & 1 != 0,
            mail: bits & 2 != 0,
            sms: bits & 4 != 0,
        }
    }
}

/// What a notice tells of, besides its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NoticeFacts {
    #[n(0)]
    pub wallet: WalletId,
    #[n(1)]
    pub at: Timestamp,
    /// Yen; of several that are told together, their sum.
    #[n(2)]
    pub amount: Option<u64>,
    #[n(3)]
    pub merchant: Option<MerchantId>,
    #[n(4)]
    pub store: Option<StoreId>,
    #[n(5)]
    pub agent: Option<AgentFamily>,
}

impl NoticeFacts {
    /// Of a wallet, and nothing more.
    pub const fn of(wallet: WalletId, at: Timestamp) -> NoticeFacts {
        NoticeFacts {
            wallet,
            at,
            amount: None,
            merchant: None,
            store: None,
            agent: None,
        }
    }

    /// As the outbox keeps it.
    pub fn to_bytes(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("memory takes all")
    }

    /// Reads it again. An entry that the journal owes for safety is the wallet's number alone, in eight bytes.
    pub fn read(bytes: &[u8], made_at: Timestamp) -> Option<NoticeFacts> {
        match bytes.try_into() {
            Ok(number) => Some(NoticeFacts::of(
                WalletId(u64::from_be_bytes(number)),
                made_at,
            )),
            Err(_) => minicbor::decode(bytes).ok(),
        }
    }
}

/// What the thread that reads the journal knows of choices: which wallets want to hear of money at all.
#[derive(Default)]
pub(crate) struct MoneyWishes {
    /// Since when.
    wallets: HashMap<u64, Timestamp>,
    changed: i64,
}

impl MoneyWishes {
    /// Takes in what was changed since the last time.
    pub(crate) fn refresh(&mut self, db: &mut Db) -> Result<(), Fault> {
        let changed = db.query(
            "SELECT wallet, money, changed, EXISTS (SELECT 1 FROM push_subscriptions p WHERE p.wallet = c.wallet), since
             FROM notice_choices c WHERE changed > $1 ORDER BY changed",
            &[Param::Int(self.changed)],
            |row| {
                let mut ways = Ways::of_bits(row.int(1));
                ways.push &= row.flag(3);
                (row.int(0).unsigned_abs(), ways, row.int(2), instant_cell(row, 4))
            },
        )?;
        for (wallet, ways, change, since) in changed {
            match ways == Ways::NONE {
                true => self.wallets.remove(&wallet),
                false => self.wallets.insert(wallet, since),
            };
            self.changed = change;
        }
        Ok(())
    }

    /// Whether the owner of a wallet wishes to hear of what happened then. What moved before the wish is no news, though a start may read
    /// that part of the journal again.
    pub(crate) fn wants(&self, facts: &NoticeFacts) -> bool {
        let since = self.wallets.get(&facts.wallet.0);
        since.is_some_and(|since| facts.at > *since)
    }
}
