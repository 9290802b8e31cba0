//! The state: plain data, changed by [`Book::apply`] alone, undone by [`Book::undo`].

pub use crate::accounts::{
    Authorization, ClosedTopUp, Counters, Hold, Merchant, OpenTopUp, Till, Wallet, WalletStatus,
};

use crate::act::TopUpState;
use crate::change::{Change, Paid};
use crate::funding::{Lot, Lots, Source};
use crate::ids::{
    AuthorizationId, EntryId, Fingerprint, HoldId, IdSpace, MerchantId, PaymentId, RefundId,
    ShardId, StoreId, TillId, TopUpId, WalletId,
};
use crate::key::{Answered, FirstAnswer, RequestKey, Sameness};
use crate::ledger::{AccountKind, TrialBalance};
use crate::money::Amount;
use crate::paid::{Payment, PaymentStatus, Refund};
use crate::rows::{Dense, IdMap, Packed};
use crate::table::{BookHash, HashKey, Ledgered, Table};
use crate::world::Timestamp;
use std::collections::VecDeque;

mod checkpoint;
mod way_back;

/// What stood there before a change.
enum Undo {
    Wallet(WalletId, Option<Wallet>),
    Merchant(MerchantId, Option<Merchant>),
    Store(StoreId, Option<MerchantId>),
    Till(TillId, Option<Till>),
    ApiKey(Fingerprint, Option<MerchantId>),
    Credential(Fingerprint, Option<WalletId>),
    Authorization(AuthorizationId, Option<Authorization>),
    Hold(HoldId, Option<Hold>),
    TopUp(TopUpId, Option<OpenTopUp>),
    Counters(Option<Counters>),
    Payment(PaymentId, Option<(u64, Box<Payment>)>),
    Refund(RefundId, Option<Box<Refund>>),
    Answer(RequestKey, Option<(u64, FirstAnswer)>),
    ClosedTopUp(TopUpId, Option<(u64, ClosedTopUp)>),
    Recent,
}

/// Something of the recent past that memory holds and the views hold too, sooner or later.
#[derive(Clone, Copy)]
enum Recent {
    Payment(PaymentId),
    Refund(RefundId),
    Answer(RequestKey),
    TopUp(TopUpId),
}

/// Everything a decision may look at.
///
/// The first ten tables are the book proper: hashed, checkpointed, a pure function of the journal. The recent past below
/// them is a cache of what the journal proves anyway: it may be forgotten once the views have it.
pub struct Book {
    pub wallets: Table<WalletId, Wallet, Dense<WalletId, Wallet>>,
    pub merchants: Table<MerchantId, Merchant>,
    pub stores: Table<StoreId, MerchantId>,
    pub tills: Table<TillId, Till>,
    pub api_keys: Table<Fingerprint, MerchantId>,
    pub credentials: Table<Fingerprint, WalletId, Packed<Fingerprint, WalletId>>,
    pub authorizations:
        Table<AuthorizationId, Authorization, Packed<AuthorizationId, Authorization>>,
    pub holds: Table<HoldId, Hold>,
    pub top_ups: Table<TopUpId, OpenTopUp>,
    one: Table<u8, Counters>,

    /// Beside each payment and answer: the row that touched it last, which alone may forget it.
    payments: IdMap<PaymentId, (u64, Box<Payment>)>,
    refunds: IdMap<RefundId, Box<Refund>>,
    answers: IdMap<RequestKey, (u64, FirstAnswer)>,
    closed_top_ups: IdMap<TopUpId, (u64, ClosedTopUp)>,
    recent: VecDeque<(u64, Recent)>,
    forgotten_through: u64,

    trial: TrialBalance,
    counters: Counters,
    ledgered: Ledgered,
    undo: Vec<Undo>,
    seq: u64,
}

impl Book {
    /// The number of the table that holds the counters alone.
    pub const COUNTERS: u8 = 10;

    /// An empty book. `key` is the secret that makes its running hash unforgeable.
    pub fn new(key: HashKey) -> Book {
        let counters = Counters {
            ids: IdSpace {
                incarnation: 0,
                shard: ShardId(0),
            },
            next: 1,
            wallets: 0,
            merchants: 0,
            stores: 0,
            tills: 0,
            card_clearing: 0,
            cash: 0,
            goodwill: 0,
            at: Timestamp(0),
            epoch: 0,
        };
        Book {
            wallets: Table::new(1),
            merchants: Table::hot(2),
            stores: Table::new(3),
            tills: Table::new(4),
            api_keys: Table::new(5),
            credentials: Table::new(6),
            authorizations: Table::new(7),
            holds: Table::new(8),
            top_ups: Table::new(9),
            one: Table::hot(Self::COUNTERS),
            payments: IdMap::default(),
            refunds: IdMap::default(),
            answers: IdMap::default(),
            closed_top_ups: IdMap::default(),
            recent: VecDeque::new(),
            forgotten_through: 0,
            trial: TrialBalance::default(),
            counters,
            ledgered: Ledgered::new(key),
            undo: Vec::new(),
            seq: 0,
        }
    }

    // ---- reading

    /// The id the next movement gets.
    pub fn next_id(&self) -> u64 {
        self.counters.ids.id(self.counters.next)
    }
    /// The id the next wallet gets.
    pub fn next_wallet(&self) -> WalletId {
        WalletId(self.counters.ids.id(self.counters.wallets + 1))
    }
    /// The counters.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
    /// The instant of the newest change.
    pub fn at(&self) -> Timestamp {
        self.counters.at
    }
    /// A wallet.
    pub fn wallet(&self, id: WalletId) -> Option<&Wallet> {
        self.wallets.get(&id)
    }
    /// The merchant of a store.
    pub fn merchant_of(&self, store: StoreId) -> Option<MerchantId> {
        self.stores.get(&store).copied()
    }
    /// A recent payment. `None` says nothing about older ones.
    pub fn payment(&self, id: PaymentId) -> Option<&Payment> {
        self.payments.get(&id).map(|(_, row)| &**row)
    }
    /// A recent refund.
    pub fn refund(&self, id: RefundId) -> Option<&Refund> {
        self.refunds.get(&id).map(|row| &**row)
    }
    /// The first answer to a recent request.
    pub fn first_answer(&self, key: RequestKey) -> Option<FirstAnswer> {
        self.answers.get(&key).map(|(_, first)| *first)
    }
    /// A top-up that was closed recently.
    pub fn closed_top_up(&self, id: TopUpId) -> Option<ClosedTopUp> {
        self.closed_top_ups.get(&id).map(|(_, row)| *row)
    }
    /// The sums of all accounts, by kind.
    pub fn trial_balance(&self) -> &TrialBalance {
        &self.trial
    }
    /// The running hash of the book proper.
    pub fn hash(&self) -> BookHash {
        let mut hash = self.ledgered.hash;
        self.merchants.catch_up(&self.ledgered, &mut hash);
        self.one.catch_up(&self.ledgered, &mut hash);
        hash
    }
    /// Facts about the past that were gathered before this seq was applied in the views may be out of date.
    pub fn forgotten_through(&self) -> u64 {
        self.forgotten_through
    }
    /// How many things of the recent past memory holds.
    pub fn recent_len(&self) -> usize {
        self.recent.len()
    }

    // ---- changing

    /// Says which row of the journal the next changes belong to, and its instant. Part of the batch: undone with it.
    pub fn open_row(&mut self, seq: u64, at: Timestamp) {
        assert!(at >= self.counters.at, "time never runs back");
        self.seq = seq;
        self.count(|counters| counters.at = at);
    }

    /// Makes a change true. It cannot fail: whatever could was decided before.
    pub fn apply(&mut self, change: &Change) {
        for posting in change.postings().iter().flatten() {
            self.trial.post(posting);
        }
        match change {
            Change::Stamped { ids, .. } | Change::LossAccepted { ids, .. } => {
                let ids = *ids;
                self.count(|counters| counters.ids = ids);
            }
            Change::MerchantOpened { merchant } => {
                let number = merchant.0;
                self.count(|counters| counters.merchants = number);
                self.put_merchant(*merchant, Some(Merchant { payable: 0 }));
            }
            Change::StoreOpened { store, merchant } => {
                let number = store.0;
                self.count(|counters| counters.stores = number);
                self.put_store(*store, Some(*merchant));
            }
            Change::TillOpened { till, store } => {
                let number = till.0;
                self.count(|counters| counters.tills = number);
                self.put_till(
                    *till,
                    Some(Till {
                        store: *store,
                        device: None,
                    }),
                );
            }
            Change::TillBound { till, device } => {
                let row = self
                    .tills
                    .get(till)
                    .expect("only a till that exists is bound");
                self.put_till(
                    *till,
                    Some(Till {
                        store: row.store,
                        device: *device,
                    }),
                );
            }
            Change::ApiKeyBound { key, merchant } => self.put_api_key(*key, Some(*merchant)),
            Change::ApiKeyRevoked { key } => self.put_api_key(*key, None),
            Change::WalletOpened { wallet, credential } => {
                self.count(|counters| counters.wallets += 1);
                let row = Wallet {
                    lots: Lots::None,
                    held: Amount::ZERO,
                    status: WalletStatus::Active,
                    epoch: 0,
                    last_entry: EntryId(0),
                    pending: Amount::ZERO,
                };
                self.put_wallet(*wallet, Some(row));
                self.put_credential(*credential, Some(*wallet));
            }
            Change::CredentialBound { wallet, credential } => {
                self.put_credential(*credential, Some(*wallet))
            }
            Change::CredentialRevoked { wallet, credential } => {
                self.put_credential(*credential, None);
                self.change_wallet(*wallet, |row| row.epoch += 1);
            }
            Change::Frozen { wallet } => self.change_wallet(*wallet, |row| {
                row.status = WalletStatus::Frozen;
                row.epoch += 1;
            }),
            Change::Unfrozen { wallet } => {
                self.change_wallet(*wallet, |row| row.status = WalletStatus::Active)
            }
            Change::AuthorizationGranted {
                authorization,
                wallet,
                merchant,
            } => {
                self.put_authorization(
                    *authorization,
                    Some(Authorization {
                        wallet: *wallet,
                        merchant: *merchant,
                    }),
                );
            }
            Change::AuthorizationRevoked { authorization } => {
                self.put_authorization(*authorization, None)
            }
            Change::Paid(paid) => self.apply_paid(paid),
            Change::Refused {
                key,
                sameness,
                refusal,
            } => {
                self.put_answer(*key, *sameness, Answered::Refused(*refusal));
            }
            Change::Cancelled {
                entry,
                payment,
                wallet,
                merchant,
                amount,
                balance,
                returned,
                ..
            } => {
                self.took_id(entry.0);
                self.pay_merchant(*merchant, -amount.signed());
                let back = Back {
                    payment: *payment,
                    amount: *amount,
                    returned,
                };
                self.give_back(*wallet, &back, EntryId(entry.0), *balance);
                let at = self.counters.at;
                self.change_payment(*payment, |row| {
                    row.status = PaymentStatus::Cancelled;
                    row.cancelled_at = Some(at);
                });
            }
            Change::CancelledBefore { key, .. } => {
                self.put_answer(*key, Sameness(0), Answered::CancelledBefore)
            }
            Change::Refunded {
                refund,
                payment,
                wallet,
                merchant,
                amount,
                sameness,
                name,
                reason,
                requested_at,
                balance,
                returned,
                ..
            } => {
                self.took_id(refund.0);
                self.pay_merchant(*merchant, -amount.signed());
                let back = Back {
                    payment: *payment,
                    amount: *amount,
                    returned,
                };
                self.give_back(*wallet, &back, EntryId(refund.0), *balance);
                self.change_payment(*payment, |row| {
                    row.refunded = row
                        .refunded
                        .plus(*amount)
                        .expect("refunds never exceed their payment");
                    row.refunds.push(*refund);
                });
                let row = Refund {
                    id: *refund,
                    payment: *payment,
                    merchant: *merchant,
                    wallet: *wallet,
                    amount: *amount,
                    at: self.counters.at,
                    name: name.clone(),
                    reason: reason.clone(),
                    requested_at: *requested_at,
                };
                self.put_refund(row);
                let answer = Answered::Refund(*refund);
                self.put_answer(
                    RequestKey::refund(*merchant, *payment, name),
                    *sameness,
                    answer,
                );
                self.put_answer(
                    RequestKey::refund_by_name(*merchant, name),
                    *sameness,
                    answer,
                );
            }
            Change::Held {
                hold,
                key,
                sameness,
                merchant,
                store,
                wallet,
                amount,
                drawn,
                expires_at,
                balance,
                ..
            } => {
                self.took_id(hold.0);
                self.debit(*wallet, drawn, EntryId(hold.0), *balance);
                self.change_wallet(*wallet, |row| {
                    row.held = row.held.plus(*amount).expect("a balance is bounded")
                });
                let row = Hold {
                    wallet: *wallet,
                    merchant: *merchant,
                    store: *store,
                    amount: *amount,
                    drawn: drawn.clone(),
                    expires_at: *expires_at,
                };
                self.put_hold(*hold, Some(row));
                self.put_answer(*key, *sameness, Answered::Hold(PaymentId(hold.0)));
            }
            Change::Captured {
                entry,
                hold,
                wallet,
                merchant,
                amount,
                back,
                balance,
                ..
            } => {
                self.took_id(entry.0);
                self.pay_merchant(*merchant, amount.signed());
                self.end_hold(*hold, *wallet, *amount, *back, *entry, *balance);
            }
            Change::Released {
                entry,
                hold,
                wallet,
                amount,
                balance,
                ..
            } => {
                self.took_id(entry.0);
                self.end_hold(*hold, *wallet, Amount::ZERO, *amount, *entry, *balance);
            }
            Change::TopUpStarted {
                top_up,
                wallet,
                amount,
                key,
                sameness,
            } => {
                self.took_id(top_up.0);
                let started_at = self.counters.at;
                self.put_top_up(
                    *top_up,
                    Some(OpenTopUp {
                        wallet: *wallet,
                        amount: *amount,
                        started_at,
                    }),
                );
                self.change_wallet(*wallet, |row| {
                    row.pending = row
                        .pending
                        .plus(*amount)
                        .expect("what is pending is within the cap")
                });
                self.put_answer(*key, *sameness, Answered::TopUp(*top_up));
            }
            Change::TopUpConfirmed {
                entry,
                top_up,
                wallet,
                amount,
                balance,
                ..
            } => {
                self.took_id(entry.0);
                let amount_signed = amount.signed();
                self.count(|counters| counters.card_clearing -= amount_signed);
                self.credit(*wallet, Source::Card(*top_up), *amount, *entry, *balance);
                self.close_top_up(*top_up, *wallet, *amount, TopUpState::Succeeded);
            }
            Change::TopUpFailed {
                top_up,
                wallet,
                expired,
            } => {
                let open = *self.top_ups.get(top_up).expect("only an open top-up fails");
                let state = if *expired {
                    TopUpState::Expired
                } else {
                    TopUpState::Failed
                };
                self.close_top_up(*top_up, *wallet, open.amount, state);
            }
            Change::Credited {
                entry,
                wallet,
                kind,
                amount,
                key,
                sameness,
                balance,
                ..
            } => {
                self.took_id(entry.0);
                let yen = amount.signed();
                let source = match kind {
                    crate::act::CreditKind::Cash => {
                        self.count(|counters| counters.cash -= yen);
                        Source::Cash(*entry)
                    }
                    crate::act::CreditKind::Goodwill => {
                        self.count(|counters| counters.goodwill -= yen);
                        Source::Goodwill(*entry)
                    }
                };
                self.credit(*wallet, source, *amount, *entry, *balance);
                self.put_answer(*key, *sameness, Answered::Credit(*entry));
            }
            Change::TakenOver { epoch } => {
                let epoch = *epoch;
                self.count(|counters| counters.epoch = epoch);
            }
            // Asserting the hash here is the pair of the check at start: a replay that went another way stops at once.
            Change::Sealed { .. } => {}
        }
    }

    fn apply_paid(&mut self, paid: &Paid) {
        self.took_id(paid.payment.0);
        self.debit(
            paid.wallet,
            &paid.drawn,
            EntryId(paid.payment.0),
            paid.balance,
        );
        self.pay_merchant(paid.merchant, paid.amount.signed());
        let payment = paid.payment(self.counters.at);
        let row = (self.seq, Box::new(payment));
        let old = self.payments.insert(paid.payment, row);
        self.undo.push(Undo::Payment(paid.payment, old));
        self.remember(Recent::Payment(paid.payment));
        self.put_answer(
            RequestKey::payment(paid.merchant, &paid.name),
            paid.sameness,
            Answered::Payment(paid.payment),
        );
    }

    /// Puts a payment of the distant past beside the recent ones, right before a change to it is applied.
    pub fn recall_payment(&mut self, payment: Payment) {
        let id = payment.id;
        if self.payments.contains_key(&id) {
            return;
        }
        self.payments.insert(id, (self.seq, Box::new(payment)));
        self.undo.push(Undo::Payment(id, None));
        self.remember(Recent::Payment(id));
    }

    /// The batch is durable: there is no way back any more.
    pub fn settle(&mut self) {
        self.undo.clear();
        self.merchants.settle(&mut self.ledgered);
        self.one.settle(&mut self.ledgered);
    }

    /// Forgets the recent past up to and including `seq`, which the views must have applied, but keeps about `keep` things.
    ///
    /// Whole rows at a time: an answer without its payment would be half a memory. `forgot` hears each request key that
    /// memory no longer knows.
    pub fn forget_through(&mut self, seq: u64, keep: usize, mut forgot: impl FnMut(RequestKey)) {
        assert!(self.undo.is_empty(), "only a settled book forgets");
        while let Some((at, recent)) = self.recent.front().copied() {
            if at > seq || (self.recent.len() <= keep && at != self.forgotten_through) {
                break;
            }
            self.recent.pop_front();
            self.forgotten_through = self.forgotten_through.max(at);
            match recent {
                // What was touched again later stands in the queue again: only the last one forgets it.
                Recent::Payment(id) => {
                    if self.payments.get(&id).is_some_and(|(last, _)| *last <= at) {
                        self.payments.remove(&id);
                    }
                }
                Recent::Answer(key) => {
                    if self.answers.get(&key).is_some_and(|(last, _)| *last <= at) {
                        self.answers.remove(&key);
                        forgot(key);
                    }
                }
                Recent::Refund(id) => drop(self.refunds.remove(&id)),
                Recent::TopUp(id) => {
                    if self
                        .closed_top_ups
                        .get(&id)
                        .is_some_and(|(last, _)| *last <= at)
                    {
                        self.closed_top_ups.remove(&id);
                    }
                }
            }
        }
    }

    /// Nothing before this seq is in memory: a start from a checkpoint.
    pub fn begin_after(&mut self, seq: u64) {
        self.seq = seq;
        self.forgotten_through = seq;
    }

    // ---- the doors: every write passes one of them

    fn new_counters() -> Counters {
        Book::new(HashKey::new(&[0; 32])).counters
    }

    fn count(&mut self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.counters);
        let old = self.one.set(&mut self.ledgered, 0, Some(self.counters));
        self.undo.push(Undo::Counters(old));
    }

    /// Ids are given out in order: the counter follows the highest one seen.
    fn took_id(&mut self, id: u64) {
        let counter = IdSpace::counter(id);
        assert_eq!(
            counter, self.counters.next,
            "ids are given out in order, each once"
        );
        self.count(|counters| counters.next = counter + 1);
    }

    fn put_wallet(&mut self, id: WalletId, row: Option<Wallet>) {
        let old = self.wallets.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Wallet(id, old));
    }
    fn put_merchant(&mut self, id: MerchantId, row: Option<Merchant>) {
        let old = self.merchants.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Merchant(id, old));
    }
    fn put_store(&mut self, id: StoreId, row: Option<MerchantId>) {
        let old = self.stores.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Store(id, old));
    }
    fn put_till(&mut self, id: TillId, row: Option<Till>) {
        let old = self.tills.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Till(id, old));
    }
    fn put_api_key(&mut self, id: Fingerprint, row: Option<MerchantId>) {
        let old = self.api_keys.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::ApiKey(id, old));
    }
    fn put_credential(&mut self, id: Fingerprint, row: Option<WalletId>) {
        let old = self.credentials.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Credential(id, old));
    }
    fn put_authorization(&mut self, id: AuthorizationId, row: Option<Authorization>) {
        let old = self.authorizations.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Authorization(id, old));
    }
    fn put_hold(&mut self, id: HoldId, row: Option<Hold>) {
        let old = self.holds.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Hold(id, old));
    }
    fn put_top_up(&mut self, id: TopUpId, row: Option<OpenTopUp>) {
        let old = self.top_ups.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::TopUp(id, old));
    }
    fn put_refund(&mut self, row: Refund) {
        let id = row.id;
        let old = self.refunds.insert(id, Box::new(row));
        self.undo.push(Undo::Refund(id, old));
        self.remember(Recent::Refund(id));
    }
    fn put_answer(&mut self, key: RequestKey, sameness: Sameness, answer: Answered) {
        let first = FirstAnswer { sameness, answer };
        let old = self.answers.insert(key, (self.seq, first));
        self.undo.push(Undo::Answer(key, old));
        self.remember(Recent::Answer(key));
    }
    fn remember(&mut self, recent: Recent) {
        self.recent.push_back((self.seq, recent));
        self.undo.push(Undo::Recent);
    }

    fn change_wallet(&mut self, id: WalletId, change: impl FnOnce(&mut Wallet)) {
        let mut row = self
            .wallets
            .get(&id)
            .expect("only a wallet that exists is changed")
            .clone();
        change(&mut row);
        self.put_wallet(id, Some(row));
    }

    fn change_payment(&mut self, id: PaymentId, change: impl FnOnce(&mut Payment)) {
        // A replay that starts behind the payment has not seen it; the views have.
        let Some((_, row)) = self.payments.get(&id) else {
            return;
        };
        let mut row = row.clone();
        change(&mut row);
        let old = self.payments.insert(id, (self.seq, row));
        self.undo.push(Undo::Payment(id, old));
        self.remember(Recent::Payment(id));
    }

    fn pay_merchant(&mut self, id: MerchantId, by: i64) {
        let row = *self
            .merchants
            .get(&id)
            .expect("only a merchant that exists is paid");
        let payable = row
            .payable
            .checked_add(by)
            .expect("a merchant's account fits in 63 bits");
        self.put_merchant(id, Some(Merchant { payable }));
    }

    fn debit(&mut self, wallet: WalletId, drawn: &[Lot], entry: EntryId, balance: u64) {
        self.change_wallet(wallet, |row| {
            row.lots.take(drawn);
            row.last_entry = entry;
            assert_eq!(
                row.lots.total(),
                balance,
                "the journal and the book agree on every balance"
            );
        });
    }

    fn credit(
        &mut self,
        wallet: WalletId,
        source: Source,
        amount: Amount,
        entry: EntryId,
        balance: u64,
    ) {
        self.change_wallet(wallet, |row| {
            row.lots.add(Lot { source, amount });
            row.last_entry = entry;
            assert_eq!(
                row.lots.total(),
                balance,
                "the journal and the book agree on every balance"
            );
        });
    }

    /// Money of a payment comes back to where it was drawn from.
    fn give_back(&mut self, wallet: WalletId, back: &Back, entry: EntryId, balance: u64) {
        if back.returned.is_empty() {
            return self.credit(
                wallet,
                Source::Refund(back.payment),
                back.amount,
                entry,
                balance,
            );
        }
        self.change_wallet(wallet, |row| {
            row.lots.give_back(back.returned);
            row.last_entry = entry;
            assert_eq!(
                row.lots.total(),
                balance,
                "the journal and the book agree on every balance"
            );
        });
    }

    /// Ends a hold: `taken` is gone to the merchant, `back` returns to the lots it came from.
    fn end_hold(
        &mut self,
        id: HoldId,
        wallet: WalletId,
        taken: Amount,
        back: Amount,
        entry: EntryId,
        balance: u64,
    ) {
        let hold = self
            .holds
            .get(&id)
            .expect("only a hold that exists ends")
            .clone();
        assert_eq!(taken.plus(back), Some(hold.amount), "a hold ends whole");
        let mut gone = taken;
        self.put_hold(id, None);
        self.change_wallet(wallet, |row| {
            row.held = row
                .held
                .minus(hold.amount)
                .expect("a wallet holds what its holds hold");
            for lot in &hold.drawn {
                let part = lot.amount.min(gone);
                gone = gone.minus(part).expect("a part is no more than the rest");
                let rest = lot
                    .amount
                    .minus(part)
                    .expect("a part is no more than its lot");
                if !rest.is_zero() {
                    row.lots.add(Lot {
                        source: lot.source,
                        amount: rest,
                    });
                }
            }
            row.last_entry = entry;
            assert_eq!(
                row.lots.total(),
                balance,
                "the journal and the book agree on every balance"
            );
        });
    }

    /// Ends a top-up. One that had failed before may still succeed: then it is not open any more, only remembered.
    fn close_top_up(&mut self, id: TopUpId, wallet: WalletId, amount: Amount, state: TopUpState) {
        if self.top_ups.get(&id).is_some() {
            self.put_top_up(id, None);
            self.change_wallet(wallet, |row| {
                row.pending = row.pending.minus(amount).expect("what is open is pending")
            });
        }
        let row = ClosedTopUp {
            wallet,
            amount,
            state,
        };
        let old = self.closed_top_ups.insert(id, (self.seq, row));
        self.undo.push(Undo::ClosedTopUp(id, old));
        self.remember(Recent::TopUp(id));
    }

    fn retrial_wallet(&mut self, id: WalletId, now: Option<&Wallet>) {
        let sums = |row: Option<&Wallet>| {
            row.map_or((0, 0), |row| (row.lots.total() as i64, row.held.signed()))
        };
        let (balance, held) = sums(now);
        let (old_balance, old_held) = sums(self.wallets.get(&id));
        self.trial.shift(AccountKind::Wallet, old_balance - balance);
        self.trial.shift(AccountKind::Held, old_held - held);
    }
}

/// Money of a payment on its way back.
struct Back<'a> {
    payment: PaymentId,
    amount: Amount,
    returned: &'a [Lot],
}
