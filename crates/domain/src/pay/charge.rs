//! A charge: every refusal in order of precedence, and what happens when there is none.

use std::sync::Arc;

use super::caller::{caller_may, repeated};
use super::refused::refuse_payer;
use super::{Charge, CodeFact, Paid, Payer, Payment, Refused, RefusedPayer};
use crate::book::{Book, WalletStatus};
use crate::context::Actor;
use crate::decision::{Decision, Limits, Prefetched};
use crate::entry::{EntryKind, Movement};
use crate::fund::{DRAWN_MAX, Drawn};
use crate::happening::{Answers, Happening, Money, Notice, Subject};
use crate::identity;
use crate::ids::{EntryId, PaymentId, WalletId};
use crate::key::{Answered, IdempotencyRecord, RequestDigest, RequestKey};
use crate::ledger::{Account, Posting};
use crate::money::Amount;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::world::Timestamp;

impl Money for Paid {
    fn postings(&self, post: &mut dyn FnMut(Posting)) {
        post(Posting::new(
            Account::wallet(self.wallet),
            Account::merchant(self.merchant),
            self.amount,
        ));
    }
    fn movement(&self) -> Option<Movement> {
        Some(Movement {
            merchant: Some(self.merchant),
            store: self.store,
            till: self.till,
            merchant_text: Some((&self.merchant_payment_id).into()),
            ..Movement::of_wallet(
                EntryId(self.id.0),
                EntryKind::Payment,
                self.wallet,
                self.amount,
                self.previous,
                self.balance,
            )
        })
    }
}

impl Answers for Paid {
    fn answers(&self, answer: &mut dyn FnMut(RequestKey, IdempotencyRecord)) {
        answer(
            RequestKey::payment(self.merchant, &self.merchant_payment_id),
            IdempotencyRecord {
                digest: self.digest,
                answer: Answered::Payment(self.id),
            },
        );
    }
}

impl Happening for Arc<Paid> {
    fn apply(&self, book: &mut Book) {
        book.consume_id(self.id.0);
        book.draw(self.wallet, &self.drawn, EntryId(self.id.0), self.balance);
        book.put_payment(Payment::new(Arc::clone(self), book.at()));
        identity::count_paid(book, self.wallet, self.amount);
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((self.wallet, Notice::Moved))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

/// Takes money from a wallet for a merchant.
pub(crate) fn charge<E: From<Arc<Paid>> + From<Refused>>(
    book: &Book,
    limits: &Limits,
    prefetched: &Prefetched,
    by: Actor,
    charge: &Charge,
    now: Timestamp,
) -> Decision<E> {
    let key = RequestKey::payment(charge.merchant, &charge.merchant_payment_id);
    let digest = charge.digest();
    let Approved { wallet, drawn } =
        match approve(book, limits, prefetched, by, charge, key, digest, now) {
            Ok(approved) => approved,
            Err(decision) => return decision,
        };
    let row = book.wallet(wallet).expect("the money was drawn from it");
    let paid = Arc::new(Paid {
        id: PaymentId(book.next_id()),
        merchant: charge.merchant,
        store: charge.store,
        till: charge.till,
        wallet,
        amount: charge.amount,
        digest,
        merchant_payment_id: charge.merchant_payment_id.clone(),
        authorization: match charge.payer {
            Payer::Code(_) => None,
            Payer::Authorization(id) => Some(id),
        },
        drawn,
        previous: row.last_entry,
        balance: row.lots.total() - charge.amount.minor(),
        order: charge.order.clone(),
    });
    Decision {
        outcome: Ok(Reply::Payment(Payment::new(Arc::clone(&paid), now))),
        events: vec![paid.into()],
    }
}

/// Which wallet pays, and with which lots.
pub(super) struct Approved {
    pub wallet: WalletId,
    pub drawn: Drawn,
}

/// Asks everything that must hold before a wallet's money is taken or set aside; the error is the answer.
///
/// | order | asked | a no |
/// |---|---|---|
/// | 1 | may the caller act for the merchant | leaves no trace |
/// | 2 | was the request seen before | gets its first answer |
/// | 3 | merchant, store, till, amount | final for the id |
/// | 4 | whose code | leaves no trace: a dead code stays dead, and the customer shows another one for the same id |
/// | 4 | whose permission | final for the id |
/// | 5 | is the wallet active, does it cool, is there enough | final for the id |
#[expect(
    clippy::too_many_arguments,
    reason = "each is another thing that the rule looks at"
)]
pub(super) fn approve<E: From<Refused>>(
    book: &Book,
    limits: &Limits,
    prefetched: &Prefetched,
    by: Actor,
    charge: &Charge,
    key: RequestKey,
    digest: RequestDigest,
    now: Timestamp,
) -> Result<Approved, Decision<E>> {
    caller_may(book, by, charge.merchant).map_err(Decision::refuse)?;
    if let Some(again) = repeated(book, prefetched, key, digest) {
        return Err(again);
    }
    charge_is_in_order(book, limits, charge)
        .and_then(|()| payer_wallet(book, prefetched, charge))
        .and_then(|wallet| Ok((wallet, drawn_from(book, wallet, charge.amount, now)?)))
        .map(|(wallet, drawn)| Approved { wallet, drawn })
        .map_err(|refusal| match refusal.is_of_a_code() {
            true => Decision::refuse(refusal),
            false => refuse_payer(
                key,
                digest,
                refusal,
                payer(book, prefetched, charge, refusal),
            ),
        })
}

/// Who hears that the payment was refused: the owner of a wallet that is frozen, cools or has too little.
fn payer(
    book: &Book,
    prefetched: &Prefetched,
    charge: &Charge,
    refusal: Refusal,
) -> Option<RefusedPayer> {
    if !matches!(
        refusal,
        Refusal::WalletFrozen | Refusal::WalletCooling | Refusal::BalanceTooSmall
    ) {
        return None;
    }
    let wallet = match (charge.payer, prefetched.code) {
        (Payer::Code(_), CodeFact::Live { wallet, .. }) => wallet,
        (Payer::Code(_), _) => return None,
        (Payer::Authorization(id), _) => book.authorizations.get(&id)?.wallet,
    };
    Some(RefusedPayer {
        wallet,
        merchant: charge.merchant,
        amount: charge.amount,
        store: charge.store,
    })
}

/// The rules that only look at where and how much.
fn charge_is_in_order(book: &Book, limits: &Limits, charge: &Charge) -> Result<(), Refusal> {
    if book.merchants.get(&charge.merchant).is_none() {
        return Err(Refusal::MerchantUnknown);
    }
    if let Some(store) = charge.store
        && book.merchant_of(store) != Some(charge.merchant)
    {
        return Err(Refusal::StoreUnknown);
    }
    if let Some(till) = charge.till {
        let row = book.tills.get(&till).ok_or(Refusal::TillUnknown)?;
        if book.merchant_of(row.store) != Some(charge.merchant)
            || charge.store.is_some_and(|store| store != row.store)
        {
            return Err(Refusal::TillUnknown);
        }
    }
    if charge.amount.is_zero() || charge.amount > limits.charge_max {
        return Err(Refusal::AmountOutOfBounds);
    }
    Ok(())
}

/// Whose wallet the payer names, if the code or permission is good at this instant.
fn payer_wallet(
    book: &Book,
    prefetched: &Prefetched,
    charge: &Charge,
) -> Result<WalletId, Refusal> {
    match charge.payer {
        Payer::Code(_) => code_wallet(book, prefetched.code),
        Payer::Authorization(id) => match book.authorizations.get(&id) {
            Some(grant) if grant.merchant == charge.merchant => Ok(grant.wallet),
            _ => Err(Refusal::AuthorizationUnknown),
        },
    }
}

/// Whose phone shows the code, if it is good at this instant. A code that is not good never will be again.
pub(super) fn code_wallet(book: &Book, code: CodeFact) -> Result<WalletId, Refusal> {
    match code {
        CodeFact::Live { wallet, epoch } => match book.wallet(wallet) {
            Some(row) if row.epoch == epoch => Ok(wallet),
            // A freeze or a lost credential raised the epoch: what was shown before is worth nothing.
            Some(row) if row.status == WalletStatus::Frozen => Err(Refusal::WalletFrozen),
            _ => Err(Refusal::CodeReplaced),
        },
        CodeFact::Unknown => Err(Refusal::CodeUnknown),
        CodeFact::Expired => Err(Refusal::CodeExpired),
        CodeFact::Spent => Err(Refusal::CodeSpent),
        CodeFact::Replaced => Err(Refusal::CodeReplaced),
    }
}

/// What a wallet would pay with, if it may pay.
fn drawn_from(
    book: &Book,
    wallet: WalletId,
    amount: Amount,
    now: Timestamp,
) -> Result<Drawn, Refusal> {
    let row = book.wallet(wallet).ok_or(Refusal::WalletUnknown)?;
    if row.status == WalletStatus::Frozen {
        return Err(Refusal::WalletFrozen);
    }
    identity::may_pay(book, wallet, amount, now)?;
    row.lots
        .draw(amount)
        .filter(|drawn| drawn.len() <= DRAWN_MAX)
        .ok_or(Refusal::BalanceTooSmall)
}
