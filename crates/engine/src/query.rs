//! All that may be read of the book beside requests: typed, as of a durable state, between two batches of the writer.
//!
//! Each costs the writer a short look; none walks through all customers. What is read for a page's list comes from the views.

use std::collections::HashSet;
use std::sync::mpsc::sync_channel;

use mamori_datastore::fault::Fault;
use mamori_domain::book::{Authorization, Book, BookHash, Hold, Merchant, OpenTopUp, Store};
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, HoldId, MerchantId, PaymentId, StoreId, TillId, TopUpId, WalletId,
};
use mamori_domain::key::{Answered, RequestKey};
use mamori_domain::ledger::{Account, TrialBalance};
use mamori_domain::merchant::ReversalRule;
use mamori_domain::query::Query;
use mamori_domain::world::Timestamp;

use crate::engine::Engine;
use crate::shard::Shard;
use crate::views::read;
use crate::writer::Message;

/// The whole book at one durable seq, in sums. Walks through merchants, stores and tills: for audits and tests.
#[derive(Clone, Debug)]
pub struct Survey {
    pub seq: u64,
    pub applied_seq: u64,
    pub at: Timestamp,
    pub hash: BookHash,
    pub trial: TrialBalance,
    pub wallets: u64,
    /// Each merchant and what the operator owes it, in yen.
    pub merchants: Vec<(MerchantId, i64)>,
    pub stores: Vec<(StoreId, MerchantId)>,
    /// Each till, its store, and whether a device is bound to it.
    pub tills: Vec<(TillId, StoreId, bool)>,
    /// Payments, refunds and keys of the recent past that memory still holds.
    pub recent: usize,
    /// Bytes of the filter of forgotten request keys.
    pub cold_bytes: usize,
}

/// Every merchant, store and till that the book names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    pub merchants: Vec<MerchantId>,
    pub stores: Vec<(StoreId, MerchantId)>,
    pub tills: Vec<(TillId, StoreId)>,
}

impl Engine {
    /// The book's sums at a durable seq.
    pub fn survey(&self) -> Result<Survey, Fault> {
        let applied_seq = self.applied().get();
        self.look(move |shard| {
            let book = &shard.book;
            Survey {
                seq: shard.seq(),
                applied_seq,
                at: book.at(),
                hash: book.hash(),
                trial: *book.trial_balance(),
                wallets: book.wallets.len() as u64,
                merchants: sorted(|push| {
                    let owed = |id: &MerchantId| (*id, book.balance(Account::merchant(*id)));
                    book.merchants.each(|id, _| push(owed(id)));
                }),
                stores: stores(book),
                tills: sorted(|push| {
                    book.tills
                        .each(|id, row| push((*id, row.store, row.device.is_some())));
                }),
                recent: book.recent_len(),
                cold_bytes: shard.cold_bytes(),
            }
        })
    }

    /// When the registry's lasting rows were given their proofs, if they were.
    pub fn registry_proven_at(&self) -> Result<Option<Timestamp>, Fault> {
        self.look(|shard| shard.book.registry_proven_at())
    }

    /// The sums of all accounts by kind, and how many wallets there are.
    pub fn trial_balance(&self) -> Result<(TrialBalance, u64), Fault> {
        self.look(|shard| {
            let book = &shard.book;
            (*book.trial_balance(), book.wallets.len() as u64)
        })
    }

    /// The balance of an account in yen, credit-positive.
    pub fn balance(&self, account: Account) -> Result<i64, Fault> {
        self.look(move |shard| shard.book.balance(account))
    }

    /// The wallet that a credential may act for.
    pub fn wallet_of(&self, credential: Fingerprint) -> Result<Option<WalletId>, Fault> {
        self.look(move |shard| shard.book.credentials.get(&credential).map(|row| *row))
    }

    /// The same for many credentials at one moment.
    pub fn wallets_of(&self, credentials: &[Fingerprint]) -> Result<Vec<Option<WalletId>>, Fault> {
        let credentials = credentials.to_vec();
        self.look(move |shard| {
            let wallet = |own: &Fingerprint| shard.book.credentials.get(own).map(|row| *row);
            credentials.iter().map(wallet).collect()
        })
    }

    /// The device that a wallet pays from; None where its owner has bound none yet.
    pub fn device_of_wallet(&self, wallet: WalletId) -> Result<Option<Fingerprint>, Fault> {
        self.look(move |shard| shard.book.devices.get(&wallet).map(|row| *row))
    }

    /// The device that may speak for a till.
    pub fn device_of(&self, till: TillId) -> Result<Option<Fingerprint>, Fault> {
        self.look(move |shard| shard.book.tills.get(&till).and_then(|row| row.device))
    }

    /// The merchant that an API key may speak for.
    pub fn merchant_of_key(&self, key: Fingerprint) -> Result<Option<MerchantId>, Fault> {
        self.look(move |shard| shard.book.api_keys.get(&key).copied())
    }

    /// Every merchant, store and till.
    pub fn named(&self) -> Result<Named, Fault> {
        self.look(|shard| {
            let book = &shard.book;
            Named {
                merchants: sorted(|push| book.merchants.each(|id, _| push(*id))),
                stores: stores(book),
                tills: sorted(|push| book.tills.each(|id, row| push((*id, row.store)))),
            }
        })
    }

    /// The oldest open holds of a wallet's money, at most `max`.
    pub fn holds_of(&self, wallet: WalletId, max: usize) -> Result<Vec<(HoldId, Hold)>, Fault> {
        self.look(move |shard| {
            let holds = shard.book.holds_of(wallet).take(max);
            holds.map(|(id, row)| (id, row.clone())).collect()
        })
    }

    /// The payments that these merchants know under an id of their own, in no order. Memory is asked first; what it has forgotten
    /// the views locate.
    pub fn payments_named(
        &self,
        merchants: &[MerchantId],
        merchant_payment_id: &str,
    ) -> Result<Vec<PaymentId>, Fault> {
        let keys: Vec<RequestKey> = merchants
            .iter()
            .map(|merchant| RequestKey::payment(*merchant, merchant_payment_id))
            .collect();
        let known = self.look(move |shard| {
            let first = |key: &RequestKey| shard.book.first_answer(*key);
            keys.iter().map(first).collect::<Vec<_>>()
        })?;
        let as_of = self.applied().get();
        self.read(|reader| {
            let mut payments = Vec::new();
            for (merchant, known) in merchants.iter().zip(known) {
                let query = Query::Payment {
                    merchant: *merchant,
                    merchant_payment_id: merchant_payment_id.into(),
                };
                let first = match known {
                    Some(first) => Some(first),
                    None => reader.fetch(query.needs(), as_of)?.prefetched.first_answer,
                };
                match first.map(|first| first.answer) {
                    Some(Answered::Payment(id)) => payments.push(id),
                    // What was held is a sale once it was captured.
                    Some(Answered::Hold(hold)) => {
                        let end = read::end_of_hold(reader.views(), hold.0)?;
                        let captured = end.filter(|end| end.kind.is_sale());
                        payments.extend(captured.map(|_| PaymentId(hold.0)));
                    }
                    _ => {}
                }
            }
            Ok(payments)
        })
    }

    /// A store: whose it is, where, and what it sells.
    pub fn store(&self, store: StoreId) -> Result<Option<Store>, Fault> {
        self.look(move |shard| shard.book.stores.get(&store).cloned())
    }

    /// What a merchant's tills may give back; `None` for a merchant who is not there.
    pub fn reversal_rule(&self, merchant: MerchantId) -> Result<Option<ReversalRule>, Fault> {
        self.look(move |shard| {
            let row = shard.book.merchants.get(&merchant);
            row.map(Merchant::reversal_rule)
        })
    }

    /// Standing permissions by their ids, as far as they are live.
    pub fn authorizations(
        &self,
        ids: &[AuthorizationId],
    ) -> Result<Vec<Option<Authorization>>, Fault> {
        let ids = ids.to_vec();
        self.look(move |shard| {
            let row = |id: &AuthorizationId| shard.book.authorizations.get(id).map(|row| *row);
            ids.iter().map(row).collect()
        })
    }

    /// Permissions of these wallets that are not among the known ones, at most `max`. Walks through all: for a start, before
    /// the first request.
    pub fn authorizations_beyond(
        &self,
        known: HashSet<AuthorizationId>,
        wallets: HashSet<WalletId>,
        max: usize,
    ) -> Result<Vec<(AuthorizationId, Authorization)>, Fault> {
        self.look(move |shard| {
            let mut found = Vec::new();
            shard.book.authorizations.each(|id, row| {
                if found.len() < max && wallets.contains(&row.wallet) && !known.contains(id) {
                    found.push((*id, *row));
                }
            });
            found
        })
    }

    /// The permissions of the first customers, a few of them. Walks through all: for development and trials alone.
    pub fn first_authorizations(
        &self,
        count: usize,
    ) -> Result<Vec<(WalletId, AuthorizationId)>, Fault> {
        self.look(move |shard| {
            let mut first = sorted(|push| {
                let book = &shard.book;
                book.authorizations.each(|id, row| push((row.wallet, *id)));
            });
            first.truncate(count);
            first
        })
    }

    /// Open top-ups that were started before an instant, oldest first, at most `limit`: an index finds them.
    pub fn top_ups_started_before(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(TopUpId, OpenTopUp)>, Fault> {
        self.look(move |shard| {
            let open = shard.book.top_ups_started_before(before);
            open.take(limit).map(|(id, row)| (id, *row)).collect()
        })
    }

    /// Is any top-up of a wallet open?
    pub fn has_open_top_ups(&self, wallet: WalletId) -> Result<bool, Fault> {
        self.look(move |shard| {
            let row = shard.book.wallet(wallet);
            row.is_some_and(|row| !row.pending.is_zero())
        })
    }

    /// A top-up that is still pending; `None` once it has ended or was never begun.
    pub fn open_top_up(&self, top_up: TopUpId) -> Result<Option<OpenTopUp>, Fault> {
        self.look(move |shard| shard.book.top_ups.get(&top_up).copied())
    }

    /// Runs `look` on the shard between two batches, on the writer's thread: it must be short, and no payment may need it.
    fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Shard) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let (to, from) = sync_channel(1);
        self.send(Message::Look(Box::new(move |shard| {
            drop(to.send(look(shard)));
        })))?;
        from.recv().map_err(|_| {
            Fault::retryable("the engine has stopped, or its ownership is not confirmed")
        })
    }

    /// A wallet's newest movement, or zero.
    pub(crate) fn last_entry(&self, wallet: WalletId) -> Result<u64, Fault> {
        self.look(move |shard| shard.book.wallet(wallet).map_or(0, |row| row.last_entry.0))
    }
}

fn stores(book: &Book) -> Vec<(StoreId, MerchantId)> {
    sorted(|push| book.stores.each(|id, row| push((*id, row.merchant))))
}

fn sorted<T: Ord>(each: impl FnOnce(&mut dyn FnMut(T))) -> Vec<T> {
    let mut items = Vec::new();
    each(&mut |item| items.push(item));
    items.sort_unstable();
    items
}
