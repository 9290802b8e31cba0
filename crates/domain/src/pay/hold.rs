//! A hold sets money aside; a capture takes up to that; a release, or time, gives it back.

use std::collections::HashMap;
use std::sync::Arc;

use super::caller::{caller_may, in_reach};
use super::charge::{Approved, approve};
use super::{Charge, HeldFor, Paid, Payer, Payment, Refused};
use crate::book::{Book, Hold};
use crate::context::Actor;
use crate::decision::{Decision, Limits, Prefetched};
use crate::entry::{EntryKind, Movement};
use crate::fund::{Drawn, first_of};
use crate::happening::{Answers, Happening, Money, Notice, Subject, answers_no_request};
use crate::identity;
use crate::ids::{EntryId, HoldId, MerchantId, PaymentId, StoreId, WalletId};
use crate::key::{Answered, IdempotencyRecord, RequestDigest, RequestKey};
use crate::ledger::{Account, Posting};
use crate::money::Amount;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::world::Timestamp;
use minicbor::{Decode, Encode};

/// Holds that one command gives back: one event each, and all of them must fit into a batch beside others.
pub const RELEASES_MAX: u32 = 50;

/// Money was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Held {
    #[n(0)]
    pub hold: HoldId,
    #[n(1)]
    pub key: RequestKey,
    #[n(2)]
    pub digest: RequestDigest,
    #[n(3)]
    pub merchant: MerchantId,
    #[n(4)]
    pub store: Option<StoreId>,
    #[n(5)]
    pub wallet: WalletId,
    #[n(6)]
    pub amount: Amount,
    #[n(7)]
    pub drawn: Drawn,
    #[n(8)]
    pub expires_at: Timestamp,
    #[n(9)]
    pub previous: EntryId,
    #[n(10)]
    pub balance: u64,
    /// Missing in journals from before a capture made a payment.
    #[n(11)]
    pub held_for: Option<Shared<HeldFor>>,
}

impl Money for Held {
    fn postings(&self, post: &mut dyn FnMut(Posting)) {
        post(Posting::new(
            Account::wallet(self.wallet),
            Account::held(self.wallet),
            self.amount,
        ));
    }
    fn movement(&self) -> Option<Movement> {
        Some(Movement {
            merchant: Some(self.merchant),
            store: self.store,
            ..Movement::of_wallet(
                EntryId(self.hold.0),
                EntryKind::Hold,
                self.wallet,
                self.amount,
                self.previous,
                self.balance,
            )
        })
    }
}

impl Answers for Held {
    fn answers(&self, answer: &mut dyn FnMut(RequestKey, IdempotencyRecord)) {
        answer(
            self.key,
            IdempotencyRecord {
                digest: self.digest,
                answer: Answered::Hold(self.hold),
            },
        );
    }
}

impl Happening for Held {
    fn apply(&self, book: &mut Book) {
        book.consume_id(self.hold.0);
        book.draw(self.wallet, &self.drawn, EntryId(self.hold.0), self.balance);
        let row = Hold {
            wallet: self.wallet,
            merchant: self.merchant,
            store: self.store,
            amount: self.amount,
            drawn: self.drawn.to_vec(),
            expires_at: self.expires_at,
            held_for: self.held_for.clone(),
        };
        book.put_hold(self.hold, Some(row));
        identity::count_paid(book, self.wallet, self.amount);
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((self.wallet, Notice::Moved))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

/// Money of a hold went to the merchant, and the rest back. What went is a payment from then on, under the id of the hold: it can be
/// refunded like any other.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Captured {
    #[n(0)]
    pub entry: EntryId,
    #[n(1)]
    pub hold: HoldId,
    #[n(2)]
    pub wallet: WalletId,
    #[n(3)]
    pub merchant: MerchantId,
    #[n(4)]
    pub store: Option<StoreId>,
    #[n(5)]
    pub amount: Amount,
    #[n(6)]
    pub back: Amount,
    #[n(7)]
    pub previous: EntryId,
    #[n(8)]
    pub balance: u64,
    /// The payment. Missing in journals from before a capture made one: what those captured cannot be refunded.
    #[n(9)]
    pub paid: Option<Shared<Paid>>,
}

answers_no_request!(Captured, Released);

impl Money for Captured {
    fn postings(&self, post: &mut dyn FnMut(Posting)) {
        let held = Account::held(self.wallet);
        post(Posting::new(
            held,
            Account::merchant(self.merchant),
            self.amount,
        ));
        if !self.back.is_zero() {
            post(Posting::new(held, Account::wallet(self.wallet), self.back));
        }
    }
    fn movement(&self) -> Option<Movement> {
        Some(Movement {
            merchant: Some(self.merchant),
            store: self.store,
            till: self.paid.as_ref().and_then(|paid| paid.till),
            merchant_text: (self.paid.as_ref()).map(|paid| (&paid.merchant_payment_id).into()),
            about: Some(self.hold.0),
            ..Movement::of_wallet(
                self.entry,
                EntryKind::Capture,
                self.wallet,
                self.amount,
                self.previous,
                self.balance,
            )
        })
    }
}

impl Happening for Captured {
    fn apply(&self, book: &mut Book) {
        book.consume_id(self.entry.0);
        book.end_hold(self.hold, self.amount, self.back, self.entry, self.balance);
        if let Some(paid) = &self.paid {
            book.put_payment(Payment::new(Arc::from(paid), book.at()));
        }
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((self.wallet, Notice::Moved))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

/// A hold went back whole.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Released {
    #[n(0)]
    pub entry: EntryId,
    #[n(1)]
    pub hold: HoldId,
    #[n(2)]
    pub wallet: WalletId,
    #[n(3)]
    pub merchant: MerchantId,
    #[n(4)]
    pub amount: Amount,
    #[n(5)]
    pub previous: EntryId,
    #[n(6)]
    pub balance: u64,
}

impl Money for Released {
    fn postings(&self, post: &mut dyn FnMut(Posting)) {
        post(Posting::new(
            Account::held(self.wallet),
            Account::wallet(self.wallet),
            self.amount,
        ));
    }
    fn movement(&self) -> Option<Movement> {
        Some(Movement {
            merchant: Some(self.merchant),
            about: Some(self.hold.0),
            ..Movement::of_wallet(
                self.entry,
                EntryKind::Release,
                self.wallet,
                self.amount,
                self.previous,
                self.balance,
            )
        })
    }
}

impl Happening for Released {
    fn apply(&self, book: &mut Book) {
        book.consume_id(self.entry.0);
        book.end_hold(
            self.hold,
            Amount::ZERO,
            self.amount,
            self.entry,
            self.balance,
        );
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((self.wallet, Notice::Moved))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

/// Sets money aside. Asks what a charge asks, in the same order.
pub(crate) fn hold<E: From<Held> + From<Refused>>(
    book: &Book,
    limits: &Limits,
    prefetched: &Prefetched,
    by: Actor,
    charge: &Charge,
    expires_at: Timestamp,
    now: Timestamp,
) -> Decision<E> {
    let key = RequestKey::payment(charge.merchant, &charge.merchant_payment_id);
    let digest = charge.digest().of_hold();
    let Approved { wallet, drawn } =
        match approve(book, limits, prefetched, by, charge, key, digest, now) {
            Ok(approved) => approved,
            Err(decision) => return decision,
        };
    let row = book.wallet(wallet).expect("the money was drawn from it");
    let hold = HoldId(book.next_id());
    let held_for = HeldFor {
        merchant_payment_id: charge.merchant_payment_id.clone(),
        digest,
        till: charge.till,
        authorization: match charge.payer {
            Payer::Code(_) => None,
            Payer::Authorization(id) => Some(id),
        },
        order: charge.order.clone(),
    };
    Decision::done(
        Reply::Held { hold },
        Held {
            hold,
            key,
            digest,
            merchant: charge.merchant,
            store: charge.store,
            wallet,
            amount: charge.amount,
            drawn,
            expires_at,
            previous: row.last_entry,
            balance: row.lots.total() - charge.amount.minor(),
            held_for: Some(held_for.into()),
        },
    )
}

/// Takes up to what is held.
pub(crate) fn capture<E: From<Captured>>(
    book: &Book,
    by: Actor,
    merchant: MerchantId,
    hold: HoldId,
    amount: Amount,
    now: Timestamp,
) -> Decision<E> {
    let found = caller_may(book, by, merchant).and_then(|()| own_hold(book, by, merchant, hold));
    let row = match found {
        Ok(row) => row,
        Err(refusal) => return Decision::refuse(refusal),
    };
    if row.expires_at <= now {
        return Decision::refuse(Refusal::HoldExpired);
    }
    if amount.is_zero() || amount > row.amount {
        return Decision::refuse(Refusal::CaptureExceedsHold);
    }
    let wallet = book
        .wallet(row.wallet)
        .expect("a hold's wallet is never forgotten");
    let back = row.amount.minus(amount).expect("it was compared");
    let (previous, balance) = (wallet.last_entry, wallet.lots.total() + back.minor());
    let paid = row.held_for.as_deref().map(|held_for| {
        Shared::from(Paid {
            id: PaymentId(hold.0),
            merchant,
            store: row.store,
            till: held_for.till,
            wallet: row.wallet,
            amount,
            digest: held_for.digest,
            merchant_payment_id: held_for.merchant_payment_id.clone(),
            drawn: first_of(row.drawn.iter(), amount).expect("a hold has what it holds"),
            previous,
            balance,
            order: held_for.order.clone(),
            authorization: held_for.authorization,
        })
    });
    Decision::done(
        Reply::Released,
        Captured {
            entry: EntryId(book.next_id()),
            hold,
            wallet: row.wallet,
            merchant,
            store: row.store,
            amount,
            back,
            previous,
            balance,
            paid,
        },
    )
}

/// Gives a hold back. A merchant's caller gives back the merchant's own; to other merchants' it is unknown. An operator gives back any:
/// a deposit that a merchant forgot is the customer's money.
pub(crate) fn release<E: From<Released>>(book: &Book, by: Actor, hold: HoldId) -> Decision<E> {
    let Some(row) = book.holds.get(&hold) else {
        return Decision::refuse(Refusal::HoldUnknown);
    };
    let is_own = || {
        (caller_may(book, by, row.merchant))
            .and_then(|()| in_reach(book, by, row.merchant, row.store))
            .is_ok()
    };
    if !matches!(by, Actor::System { .. } | Actor::Operator { .. }) && !is_own() {
        return Decision::refuse(Refusal::HoldUnknown);
    }
    let wallet = book
        .wallet(row.wallet)
        .expect("a hold's wallet is never forgotten");
    Decision::done(
        Reply::Released,
        Released {
            entry: EntryId(book.next_id()),
            hold,
            wallet: row.wallet,
            merchant: row.merchant,
            amount: row.amount,
            previous: wallet.last_entry,
            balance: wallet.lots.total() + row.amount.minor(),
        },
    )
}

/// Gives back what was not captured in time, the longest overdue first; the rest waits for the next asking.
pub(crate) fn release_expired<E: From<Released>>(book: &Book, now: Timestamp) -> Decision<E> {
    // Two holds of one wallet go back one behind the other.
    let mut wallets: HashMap<WalletId, (EntryId, u64)> = HashMap::new();
    let events: Vec<E> = (book.next_id()..)
        .map(EntryId)
        .zip(book.holds_expired_at(now).take(RELEASES_MAX as usize))
        .map(|(entry, (hold, row))| {
            let wallet = (book.wallet(row.wallet)).expect("a hold's wallet is never forgotten");
            let (last, balance) = wallets
                .entry(row.wallet)
                .or_insert_with(|| (wallet.last_entry, wallet.lots.total()));
            let previous = std::mem::replace(last, entry);
            *balance += row.amount.minor();
            Released {
                entry,
                hold,
                wallet: row.wallet,
                merchant: row.merchant,
                amount: row.amount,
                previous,
                balance: *balance,
            }
            .into()
        })
        .collect();
    Decision {
        outcome: Ok(Reply::ReleasedExpired(events.len() as u32)),
        events,
    }
}

fn own_hold(book: &Book, by: Actor, merchant: MerchantId, hold: HoldId) -> Result<&Hold, Refusal> {
    book.holds
        .get(&hold)
        .filter(|row| row.merchant == merchant && in_reach(book, by, merchant, row.store).is_ok())
        .ok_or(Refusal::HoldUnknown)
}
