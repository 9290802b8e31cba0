//! The book as a checkpoint: rows out, rows in, and every sum proven.

use super::{Book, BookHash, DirtyRow};
use crate::ledger::{Account, AccountKind, Keeping, TrialBalance};

impl Book {
    /// Takes all rows that changed since the last call, as they stand now.
    pub fn take_dirty(&mut self) -> Vec<DirtyRow> {
        let mut rows = Vec::new();
        self.wallets.take_dirty(&mut rows);
        self.merchants.take_dirty(&mut rows);
        self.stores.take_dirty(&mut rows);
        self.tills.take_dirty(&mut rows);
        self.api_keys.take_dirty(&mut rows);
        self.credentials.take_dirty(&mut rows);
        self.authorizations.take_dirty(&mut rows);
        self.holds.take_dirty(&mut rows);
        self.top_ups.take_dirty(&mut rows);
        self.one.take_dirty(&mut rows);
        self.accounts.take_dirty(&mut rows);
        self.devices.take_dirty(&mut rows);
        self.coolings.take_dirty(&mut rows);
        rows
    }

    /// Notes rows as changed again: what was taken out for a checkpoint that never came to be.
    pub fn mark_dirty(&mut self, rows: &[DirtyRow]) {
        for row in rows {
            match row.table {
                1 => self.wallets.mark_dirty(&row.key),
                2 => self.merchants.mark_dirty(&row.key),
                3 => self.stores.mark_dirty(&row.key),
                4 => self.tills.mark_dirty(&row.key),
                5 => self.api_keys.mark_dirty(&row.key),
                6 => self.credentials.mark_dirty(&row.key),
                7 => self.authorizations.mark_dirty(&row.key),
                8 => self.holds.mark_dirty(&row.key),
                9 => self.top_ups.mark_dirty(&row.key),
                Self::COUNTERS => self.one.mark_dirty(&row.key),
                Self::ACCOUNTS => self.accounts.mark_dirty(&row.key),
                Self::DEVICES => self.devices.mark_dirty(&row.key),
                Self::COOLINGS => self.coolings.mark_dirty(&row.key),
                number => unreachable!("no table has the number {number}"),
            }
        }
    }

    /// Puts a row of a checkpoint in place. The caller sums the bytes of all rows ([`BookHash::add_row`]), hands the sum to
    /// [`Book::loaded`] and compares [`Book::hash`] with the journal before believing any of it.
    pub fn load(
        &mut self,
        table: u8,
        key: &[u8],
        row: &[u8],
    ) -> Result<(), minicbor::decode::Error> {
        let trial = &mut self.trial;
        let fits = match table {
            1 => self.wallets.load(key, row, |_, row| {
                let balance = i64::try_from(row.lots.total()).unwrap_or(i64::MAX);
                trial.load(AccountKind::Wallet, balance)
                    && trial.load(AccountKind::Held, row.held.signed())
            })?,
            2 => self.merchants.load(key, row, |_, _| true)?,
            3 => self.stores.load(key, row, |_, _| true)?,
            4 => self.tills.load(key, row, |_, _| true)?,
            5 => self.api_keys.load(key, row, |_, _| true)?,
            6 => self.credentials.load(key, row, |_, _| true)?,
            7 => self.authorizations.load(key, row, |_, _| true)?,
            8 => {
                let (by_expiry, by_wallet) = (&mut self.holds_by_expiry, &mut self.holds_by_wallet);
                (self.holds).load(key, row, |id, row| {
                    by_expiry.insert((row.expires_at, id)) && by_wallet.insert((row.wallet, id))
                })?
            }
            9 => {
                let by_start = &mut self.top_ups_by_start;
                (self.top_ups).load(key, row, |id, row| by_start.insert((row.started_at, id)))?
            }
            Self::COUNTERS => {
                self.counters = self.one.load(key, row, |_, row| *row)?;
                true
            }
            Self::ACCOUNTS => self.accounts.load(key, row, |account: Account, row| {
                account.kind().keeping() == Keeping::AccountRow && trial.load(account.kind(), row.0)
            })?,
            Self::DEVICES => self.devices.load(key, row, |_, _| true)?,
            Self::COOLINGS => self.coolings.load(key, row, |_, _| true)?,
            _ => return Err(minicbor::decode::Error::message("unknown checkpoint table")),
        };
        if fits {
            Ok(())
        } else {
            Err(minicbor::decode::Error::message(
                "a balance in a row of another kind, or more yen than there are in the world",
            ))
        }
    }

    /// Makes room for as many customers as the counters know: each has a credential and an authorisation or so.
    pub fn make_room(&mut self) {
        // The number stands in a row that no seal has confirmed yet: it must not take all memory.
        let count = usize::try_from(self.counters.wallets.min(1 << 26)).unwrap_or_default();
        self.credentials.reserve(count);
        self.authorizations.reserve(count);
    }

    /// All rows of a checkpoint are in place: `sum` is the hash of their bytes. If it is the sealed one, they are the very
    /// bytes that the tables once wrote.
    pub fn loaded(&mut self, sum: BookHash) {
        self.ledgered.hash.add_all(sum);
    }

    /// Recomputes every sum from the rows and compares it with what was kept along the way.
    ///
    /// # Panics
    /// When an invariant is broken: a sum that is not zero, a wallet below its floor, a yen without a source.
    pub fn audit(&self) {
        let mut trial = TrialBalance::default();
        let mut wallets = 0i64;
        let mut held = 0i64;
        let mut pending = 0i64;
        self.wallets.each(|_, row| {
            wallets += i64::try_from(row.lots.total()).expect("a balance fits");
            held += row.held.signed();
            pending += row.pending.signed();
        });
        trial.shift(AccountKind::Wallet, wallets);
        trial.shift(AccountKind::Held, held);
        self.accounts
            .each(|account, row| trial.shift(account.kind(), row.0));
        assert_eq!(
            trial, self.trial,
            "the running sums are the sums of the rows"
        );
        assert_eq!(trial.sum(), 0, "the sum of all postings is zero");
        let mut in_holds = 0i64;
        self.holds.each(|_, row| in_holds += row.amount.signed());
        assert_eq!(in_holds, held, "what is held is the sum of the holds");
        assert_eq!(
            [self.holds_by_expiry.len(), self.holds_by_wallet.len()],
            [self.holds.len(); 2],
            "each index names every hold once"
        );
        assert_eq!(
            self.top_ups_by_start.len(),
            self.top_ups.len(),
            "the index names every open top-up once"
        );
        let mut open = 0i64;
        self.top_ups.each(|_, row| open += row.amount.signed());
        assert_eq!(
            open, pending,
            "what is pending is the sum of the open top-ups"
        );
    }
}
