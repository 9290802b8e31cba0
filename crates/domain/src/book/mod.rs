//! The state: plain data, changed by [`Book::apply`] alone, undone by [`Book::undo`].

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};

use crate::fund::{Lot, Source};
use crate::ids::{
    AuthorizationId, EntryId, Fingerprint, HoldId, IdSpace, MerchantId, PaymentId, RefundId,
    ShardId, StoreId, TillId, TopUpId, WalletId,
};
use crate::key::{IdempotencyRecord, RequestKey};
use crate::ledger::{Account, AccountKind, Posting, TrialBalance};
use crate::money::Amount;
use crate::pay::{Payment, Refund};
use crate::world::Timestamp;

mod checkpoint;
mod packing;
mod rows;
mod shelves;
mod table;
mod undo;

pub use rows::{
    Authorization, Balance, ClosedTopUp, Cooling, CoolingReason, Counters, Hold, Merchant,
    OpenTopUp, Store, Till, Wallet, WalletStatus,
};
pub use shelves::{Dense, IdHasher, IdMap, Packed};
pub use table::{BookHash, DirtyRow, HashKey, Table};

use table::Ledgered;

/// What stood there before a change. Some ten are noted for each payment and read only when a batch is lost, so large things
/// that hardly ever stand there lie in boxes. What changes with everything, the counters and the recent past's length, is noted
/// once a batch instead.
enum Undo {
    Wallet(WalletId, Option<Wallet>),
    Merchant(MerchantId, Option<Merchant>),
    Account(Account, Option<Balance>),
    Store(StoreId, Option<Store>),
    Till(TillId, Option<Till>),
    ApiKey(Fingerprint, Option<MerchantId>),
    Credential(Fingerprint, Option<WalletId>),
    Device(WalletId, Option<Fingerprint>),
    Cooling(WalletId, Option<Cooling>),
    Authorization(AuthorizationId, Option<Authorization>),
    Hold(HoldId, Option<Hold>),
    TopUp(TopUpId, Option<OpenTopUp>),
    Payment(PaymentId, Option<Box<(u64, Payment)>>),
    Refund(RefundId, Option<Box<Refund>>),
    Answer(RequestKey, Option<Box<(u64, IdempotencyRecord)>>),
    ClosedTopUp(TopUpId, Option<(u64, ClosedTopUp)>),
}

/// Something of the recent past that memory holds and the views hold too, sooner or later.
#[derive(Clone, Copy)]
enum Recent {
    Payment(PaymentId),
    Refund(RefundId),
    /// The two halves of its key, which in one piece would stand at sixteen bytes and waste as many.
    Answer([u64; 2]),
    TopUp(TopUpId),
}

impl Recent {
    fn answer(key: RequestKey) -> Recent {
        Recent::Answer([(key.0 >> 64) as u64, key.0 as u64])
    }
}

/// Everything a decision may look at.
///
/// The first thirteen tables are the book proper: hashed, checkpointed, a pure function of the journal. The recent past below
/// them is a cache of what the journal proves anyway: it may be forgotten once the views have it.
pub struct Book {
    pub wallets: Table<WalletId, Wallet, Dense<WalletId, Wallet>>,
    pub merchants: Table<MerchantId, Merchant>,
    pub stores: Table<StoreId, Store>,
    pub tills: Table<TillId, Till>,
    pub api_keys: Table<Fingerprint, MerchantId>,
    pub credentials: Table<Fingerprint, WalletId, Packed<Fingerprint, WalletId>>,
    pub authorizations:
        Table<AuthorizationId, Authorization, Packed<AuthorizationId, Authorization>>,
    pub holds: Table<HoldId, Hold>,
    pub top_ups: Table<TopUpId, OpenTopUp>,
    one: Table<u8, Counters>,
    /// The balances of accounts that no wallet's row keeps.
    pub accounts: Table<Account, Balance>,
    /// The device that a wallet pays from; a wallet without a row has none yet.
    pub devices: Table<WalletId, Fingerprint, Packed<WalletId, Fingerprint>>,
    /// The wallets that cool: few at any time.
    pub coolings: Table<WalletId, Cooling>,

    /// Beside each payment and answer: the row that touched it last, which alone may forget it.
    payments: IdMap<PaymentId, (u64, Payment)>,
    refunds: IdMap<RefundId, Box<Refund>>,
    answers: IdMap<RequestKey, (u64, IdempotencyRecord)>,
    closed_top_ups: IdMap<TopUpId, (u64, ClosedTopUp)>,
    recent: VecDeque<(u64, Recent)>,
    forgotten_through: u64,

    /// Open holds by the instant they end at: derived from the table.
    holds_by_expiry: BTreeSet<(Timestamp, HoldId)>,
    /// Open holds by whose money they set aside: derived from the table.
    holds_by_wallet: BTreeSet<(WalletId, HoldId)>,
    /// Open top-ups by the instant they were started at: derived from the table.
    top_ups_by_start: BTreeSet<(Timestamp, TopUpId)>,

    trial: TrialBalance,
    /// What postings of the event at hand say of wallets whose lots have not moved yet.
    unmoved: Vec<(WalletId, i64)>,
    counters: Counters,
    ledgered: Ledgered,
    undo: Vec<Undo>,
    /// The row of the counters before the batch at hand changed it, if it has.
    settled_counters: Option<Option<Counters>>,
    /// How many things of the recent past are settled.
    settled_recent: usize,
    seq: u64,
}

impl Book {
    /// The number of the table that holds the counters alone.
    pub const COUNTERS: u8 = 10;
    const ACCOUNTS: u8 = 11;
    const DEVICES: u8 = 12;
    const COOLINGS: u8 = 13;

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
            at: Timestamp(0),
            epoch: 0,
            registry_proven_at: None,
        };
        Book {
            wallets: Table::new(1),
            merchants: Table::new(2),
            stores: Table::new(3),
            tills: Table::new(4),
            api_keys: Table::new(5),
            credentials: Table::new(6),
            authorizations: Table::new(7),
            holds: Table::new(8),
            top_ups: Table::new(9),
            one: Table::hot(Self::COUNTERS),
            accounts: Table::hot(Self::ACCOUNTS),
            devices: Table::new(Self::DEVICES),
            coolings: Table::new(Self::COOLINGS),
            payments: IdMap::default(),
            refunds: IdMap::default(),
            answers: IdMap::default(),
            closed_top_ups: IdMap::default(),
            recent: VecDeque::new(),
            forgotten_through: 0,
            holds_by_expiry: BTreeSet::new(),
            holds_by_wallet: BTreeSet::new(),
            top_ups_by_start: BTreeSet::new(),
            trial: TrialBalance::default(),
            unmoved: Vec::new(),
            counters,
            ledgered: Ledgered::new(key),
            undo: Vec::new(),
            settled_counters: None,
            settled_recent: 0,
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
    /// When the registry's lasting rows were given their proofs, if they were.
    pub fn registry_proven_at(&self) -> Option<Timestamp> {
        self.counters.registry_proven_at
    }
    /// The instant of the newest change.
    pub fn at(&self) -> Timestamp {
        self.counters.at
    }
    /// A wallet: put together from its packed row, where it has no other.
    pub fn wallet(&self, id: WalletId) -> Option<Cow<'_, Wallet>> {
        self.wallets.get(&id)
    }
    /// The merchant of a store.
    pub fn merchant_of(&self, store: StoreId) -> Option<MerchantId> {
        self.stores.get(&store).map(|row| row.merchant)
    }
    /// A recent payment. `None` says nothing about older ones.
    pub fn payment(&self, id: PaymentId) -> Option<&Payment> {
        self.payments.get(&id).map(|(_, row)| row)
    }
    /// A recent refund.
    pub fn refund(&self, id: RefundId) -> Option<&Refund> {
        self.refunds.get(&id).map(|row| &**row)
    }
    /// The first answer to a recent request.
    pub fn first_answer(&self, key: RequestKey) -> Option<IdempotencyRecord> {
        self.answers.get(&key).map(|(_, first)| *first)
    }
    /// A top-up that was closed recently.
    pub fn closed_top_up(&self, id: TopUpId) -> Option<ClosedTopUp> {
        self.closed_top_ups.get(&id).map(|(_, row)| *row)
    }
    /// The balance of an account in yen, credit-positive: what the operator owes is positive.
    pub fn balance(&self, account: Account) -> i64 {
        let in_wallet = |kind: AccountKind, row: &Wallet| match kind {
            AccountKind::Held => row.held.signed(),
            _ => i64::try_from(row.lots.total()).expect("a balance fits"),
        };
        match account.kept_by_wallet() {
            Some(wallet) => self
                .wallet(wallet)
                .map_or(0, |row| in_wallet(account.kind(), &row)),
            None => self.accounts.get(&account).map_or(0, |row| row.0),
        }
    }
    /// Open holds whose time is over, the longest overdue first.
    pub fn holds_expired_at(&self, now: Timestamp) -> impl Iterator<Item = (HoldId, &Hold)> {
        self.holds_by_expiry
            .range(..=(now, HoldId(u64::MAX)))
            .map(|(_, id)| (*id, self.open_hold(*id)))
    }

    /// Open holds of a wallet's money, the oldest first.
    pub fn holds_of(&self, wallet: WalletId) -> impl Iterator<Item = (HoldId, &Hold)> {
        self.holds_by_wallet
            .range((wallet, HoldId(0))..=(wallet, HoldId(u64::MAX)))
            .map(|(_, id)| (*id, self.open_hold(*id)))
    }

    fn open_hold(&self, id: HoldId) -> &Hold {
        (self.holds.get(&id)).expect("the indexes name holds that are open")
    }

    /// Open top-ups that were started before an instant, oldest first.
    pub fn top_ups_started_before(
        &self,
        before: Timestamp,
    ) -> impl Iterator<Item = (TopUpId, &OpenTopUp)> {
        self.top_ups_by_start
            .range(..(before, TopUpId(0)))
            .map(|(_, id)| {
                (
                    *id,
                    self.top_ups.get(id).expect("the index names open top-ups"),
                )
            })
    }
    /// The sums of all accounts, by kind.
    pub fn trial_balance(&self) -> &TrialBalance {
        &self.trial
    }
    /// The running hash of the book proper.
    pub fn hash(&self) -> BookHash {
        let mut hash = self.ledgered.hash;
        self.accounts.catch_up(&self.ledgered, &mut hash);
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

    /// Books one posting on both of its accounts.
    pub(crate) fn post(&mut self, posting: &Posting) {
        self.trial.post(posting);
        for (account, by) in posting.sides() {
            match account.kind() {
                AccountKind::Wallet => {
                    let wallet = account.kept_by_wallet().expect("a wallet keeps it");
                    self.expect_lots(wallet, by);
                }
                AccountKind::Held => {
                    let wallet = account.kept_by_wallet().expect("a wallet keeps it");
                    self.change_wallet(wallet, |row| {
                        row.held = u64::try_from(row.held.signed() + by)
                            .ok()
                            .and_then(Amount::new)
                            .expect(
                                "a wallet holds no less than nothing, and no more than there is",
                            );
                    });
                }
                _ => self.change_account(account, by),
            }
        }
    }

    fn change_account(&mut self, account: Account, by: i64) {
        let Balance(before) = self.accounts.get(&account).copied().unwrap_or_default();
        let after = before.checked_add(by).expect("an account fits in 63 bits");
        assert!(
            account.kind().floor().is_none_or(|floor| after >= floor),
            "no account falls below its floor"
        );
        self.put_account(account, Some(Balance(after)));
    }

    /// Every wallet's lots have moved by what the postings of the event at hand say.
    pub(crate) fn has_moved_all_lots(&mut self) -> bool {
        self.unmoved.drain(..).all(|(_, yen)| yen == 0)
    }

    /// A posting says that a wallet's lots move by so much.
    fn expect_lots(&mut self, wallet: WalletId, yen: i64) {
        match self.unmoved.iter_mut().find(|(own, _)| *own == wallet) {
            Some((_, sum)) => *sum += yen,
            None => self.unmoved.push((wallet, yen)),
        }
    }

    /// Puts a payment of the distant past beside the recent ones, right before a change to it is applied.
    pub fn recall_payment(&mut self, payment: Payment) {
        let id = payment.id;
        if self.payments.contains_key(&id) {
            return;
        }
        self.payments.insert(id, (self.seq, payment));
        self.undo.push(Undo::Payment(id, None));
        self.remember(Recent::Payment(id));
    }

    /// The batch is durable: there is no way back any more.
    pub fn settle(&mut self) {
        self.undo.clear();
        self.settled_counters = None;
        self.settled_recent = self.recent.len();
        self.accounts.settle(&mut self.ledgered);
        self.one.settle(&mut self.ledgered);
    }

    /// Forgets the recent past up to and including `seq`, which the views must have applied, but keeps about `keep` things.
    ///
    /// Whole rows at a time: an answer without its payment would be half a memory. `forgot` hears each request key that
    /// memory no longer knows.
    pub fn forget_through(&mut self, seq: u64, keep: usize, mut forgot: impl FnMut(RequestKey)) {
        assert!(
            self.undo.is_empty() && self.settled_counters.is_none(),
            "only a settled book forgets"
        );
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
                Recent::Answer([high, low]) => {
                    let key = RequestKey(u128::from(high) << 64 | u128::from(low));
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
        self.settled_recent = self.recent.len();
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

    pub(crate) fn count(&mut self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.counters);
        let old = self.one.set(&mut self.ledgered, 0, Some(self.counters));
        self.settled_counters.get_or_insert(old);
    }

    /// Ids are given out in order: the counter follows the highest one seen.
    pub(crate) fn consume_id(&mut self, id: u64) {
        let counter = IdSpace::counter(id);
        assert_eq!(
            counter, self.counters.next,
            "ids are given out in order, each once"
        );
        self.count(|counters| counters.next = counter + 1);
    }

    pub(crate) fn put_wallet(&mut self, id: WalletId, row: Option<Wallet>) {
        let old = self.wallets.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Wallet(id, old));
    }
    pub(crate) fn put_merchant(&mut self, id: MerchantId, row: Option<Merchant>) {
        let old = self.merchants.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Merchant(id, old));
    }
    pub(crate) fn put_store(&mut self, id: StoreId, row: Option<Store>) {
        let old = self.stores.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Store(id, old));
    }
    pub(crate) fn put_till(&mut self, id: TillId, row: Option<Till>) {
        let old = self.tills.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Till(id, old));
    }
    pub(crate) fn put_api_key(&mut self, id: Fingerprint, row: Option<MerchantId>) {
        let old = self.api_keys.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::ApiKey(id, old));
    }
    pub(crate) fn put_credential(&mut self, id: Fingerprint, row: Option<WalletId>) {
        let old = self.credentials.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Credential(id, old));
    }
    pub(crate) fn put_device(&mut self, id: WalletId, row: Option<Fingerprint>) {
        let old = self.devices.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Device(id, old));
    }
    pub(crate) fn put_cooling(&mut self, id: WalletId, row: Option<Cooling>) {
        let old = self.coolings.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Cooling(id, old));
    }
    pub(crate) fn put_authorization(&mut self, id: AuthorizationId, row: Option<Authorization>) {
        let old = self.authorizations.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Authorization(id, old));
    }
    fn put_account(&mut self, id: Account, row: Option<Balance>) {
        let old = self.accounts.set(&mut self.ledgered, id, row);
        self.undo.push(Undo::Account(id, old));
    }
    pub(crate) fn put_hold(&mut self, id: HoldId, row: Option<Hold>) {
        let old = self.set_hold(id, row);
        self.undo.push(Undo::Hold(id, old));
    }
    /// Replaces a hold in the table and in both indexes.
    fn set_hold(&mut self, id: HoldId, row: Option<Hold>) -> Option<Hold> {
        let indexed = row.as_ref().map(|row| (row.wallet, row.expires_at));
        let old = self.holds.set(&mut self.ledgered, id, row);
        if let Some(old) = &old {
            self.holds_by_expiry.remove(&(old.expires_at, id));
            self.holds_by_wallet.remove(&(old.wallet, id));
        }
        if let Some((wallet, expires_at)) = indexed {
            self.holds_by_expiry.insert((expires_at, id));
            self.holds_by_wallet.insert((wallet, id));
        }
        old
    }
    pub(crate) fn put_payment(&mut self, payment: Payment) {
        let id = payment.id;
        let old = self.payments.insert(id, (self.seq, payment));
        self.undo.push(Undo::Payment(id, old.map(Box::new)));
        self.remember(Recent::Payment(id));
    }
    pub(crate) fn put_top_up(&mut self, id: TopUpId, row: Option<OpenTopUp>) {
        let old = self.set_top_up(id, row);
        self.undo.push(Undo::TopUp(id, old));
    }
    /// Replaces an open top-up in the table and in the index of starts.
    fn set_top_up(&mut self, id: TopUpId, row: Option<OpenTopUp>) -> Option<OpenTopUp> {
        let old = self.top_ups.set(&mut self.ledgered, id, row);
        if let Some(old) = old {
            self.top_ups_by_start.remove(&(old.started_at, id));
        }
        if let Some(row) = row {
            self.top_ups_by_start.insert((row.started_at, id));
        }
        old
    }
    pub(crate) fn put_refund(&mut self, row: Refund) {
        let id = row.id;
        let old = self.refunds.insert(id, Box::new(row));
        self.undo.push(Undo::Refund(id, old));
        self.remember(Recent::Refund(id));
    }
    pub(crate) fn put_answer(&mut self, key: RequestKey, first: IdempotencyRecord) {
        let old = self.answers.insert(key, (self.seq, first));
        self.undo.push(Undo::Answer(key, old.map(Box::new)));
        self.remember(Recent::answer(key));
    }
    fn remember(&mut self, recent: Recent) {
        self.recent.push_back((self.seq, recent));
    }

    pub(crate) fn change_wallet(&mut self, id: WalletId, change: impl FnOnce(&mut Wallet)) {
        let mut row = self
            .wallets
            .get(&id)
            .expect("only a wallet that exists is changed")
            .into_owned();
        change(&mut row);
        self.put_wallet(id, Some(row));
    }

    pub(crate) fn change_payment(&mut self, id: PaymentId, change: impl FnOnce(&mut Payment)) {
        // A replay that starts behind the payment has not seen it; the views have.
        let Some((_, row)) = self.payments.get(&id) else {
            return;
        };
        let mut row = row.clone();
        change(&mut row);
        let old = self.payments.insert(id, (self.seq, row));
        self.undo.push(Undo::Payment(id, old.map(Box::new)));
        self.remember(Recent::Payment(id));
    }

    /// Money leaves a wallet: these lots, its oldest.
    pub(crate) fn draw(&mut self, wallet: WalletId, drawn: &[Lot], entry: EntryId, balance: u64) {
        self.move_lots(wallet, entry, balance, |row| row.lots.take(drawn));
    }

    /// Money of one origin comes into a wallet.
    pub(crate) fn credit(
        &mut self,
        wallet: WalletId,
        source: Source,
        amount: Amount,
        entry: EntryId,
        balance: u64,
    ) {
        self.move_lots(wallet, entry, balance, |row| {
            row.lots.add(Lot { source, amount });
        });
    }

    /// Money of a payment comes back to where it was drawn from. Journals from before it did name no lots: then the payment
    /// itself is its origin.
    pub(crate) fn give_back(
        &mut self,
        wallet: WalletId,
        payment: PaymentId,
        amount: Amount,
        returned: &[Lot],
        entry: EntryId,
        balance: u64,
    ) {
        if returned.is_empty() {
            return self.credit(wallet, Source::Refund(payment), amount, entry, balance);
        }
        self.move_lots(wallet, entry, balance, |row| row.lots.give_back(returned));
    }

    /// Ends a hold: `taken` is gone to the merchant, `back` returns to the lots it came from.
    pub(crate) fn end_hold(
        &mut self,
        id: HoldId,
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
        self.put_hold(id, None);
        self.move_lots(hold.wallet, entry, balance, |row| {
            let mut gone = taken;
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
        });
    }

    /// Every movement of a wallet's lots: it must come to the balance that the journal names and to what the postings say.
    fn move_lots(
        &mut self,
        wallet: WalletId,
        entry: EntryId,
        balance: u64,
        change: impl FnOnce(&mut Wallet),
    ) {
        let mut moved = 0;
        self.change_wallet(wallet, |row| {
            let before = row.lots.total();
            change(row);
            row.last_entry = entry;
            let after = row.lots.total();
            assert_eq!(
                after, balance,
                "the journal and the book agree on every balance"
            );
            moved = after as i64 - before as i64;
        });
        self.expect_lots(wallet, -moved);
    }

    /// Ends a top-up. One that had failed before may still succeed: then it is not open any more, only remembered.
    pub(crate) fn close_top_up(&mut self, id: TopUpId, row: ClosedTopUp) {
        if self.top_ups.get(&id).is_some() {
            self.put_top_up(id, None);
            self.change_wallet(row.wallet, |wallet| {
                wallet.pending = wallet
                    .pending
                    .minus(row.amount)
                    .expect("what is open is pending");
            });
        }
        let old = self.closed_top_ups.insert(id, (self.seq, row));
        self.undo.push(Undo::ClosedTopUp(id, old));
        self.remember(Recent::TopUp(id));
    }

    fn rebalance_trial(&mut self, id: WalletId, now: Option<&Wallet>) {
        let sums = |row: Option<&Wallet>| {
            row.map_or((0, 0), |row| (row.lots.total() as i64, row.held.signed()))
        };
        let (balance, held) = sums(now);
        let (old_balance, old_held) = sums(self.wallets.get(&id).as_deref());
        self.trial.shift(AccountKind::Wallet, old_balance - balance);
        self.trial.shift(AccountKind::Held, old_held - held);
    }
}
