//! Money that does not come from a card: cash at a till, goodwill of the operator.

use super::top_up::{fits, repeated};
use super::{CreditKind, Source};
use crate::book::Book;
use crate::decision::{Decision, Limits, Prefetched};
use crate::entry::{EntryKind, Movement};
use crate::happening::{Answers, Happening, Money, Notice, Subject};
use crate::ids::{EntryId, WalletId};
use crate::key::{Answered, IdempotencyRecord, RequestDigest, RequestKey};
use crate::ledger::{Account, AccountKind, Posting};
use crate::money::Amount;
use crate::pay::{Refused, refuse_for_good};
use crate::refusal::Refusal;
use crate::reply::Reply;
use minicbor::{Decode, Encode};

/// Money came in without a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Credited {
    #[n(0)]
    pub entry: EntryId,
    #[n(1)]
    pub wallet: WalletId,
    #[n(2)]
    pub kind: CreditKind,
    #[n(3)]
    pub amount: Amount,
    #[n(4)]
    pub key: RequestKey,
    #[n(5)]
    pub digest: RequestDigest,
    #[n(6)]
    pub previous: EntryId,
    #[n(7)]
    pub balance: u64,
}

impl Credited {
    /// The account it comes from, its kind in the history, and the origin that the wallet remembers.
    const fn from(&self) -> (AccountKind, EntryKind, Source) {
        match self.kind {
            CreditKind::Cash => (AccountKind::Cash, EntryKind::Cash, Source::Cash(self.entry)),
            CreditKind::Goodwill => (
                AccountKind::Goodwill,
                EntryKind::Goodwill,
                Source::Goodwill(self.entry),
            ),
        }
    }
}

impl Money for Credited {
    fn postings(&self, post: &mut dyn FnMut(Posting)) {
        let (account, _, _) = self.from();
        post(Posting::new(
            Account::operator(account),
            Account::wallet(self.wallet),
            self.amount,
        ));
    }
    fn movement(&self) -> Option<Movement> {
        let (_, kind, _) = self.from();
        Some(Movement::of_wallet(
            self.entry,
            kind,
            self.wallet,
            self.amount,
            self.previous,
            self.balance,
        ))
    }
}

impl Answers for Credited {
    fn answers(&self, answer: &mut dyn FnMut(RequestKey, IdempotencyRecord)) {
        answer(
            self.key,
            IdempotencyRecord {
                digest: self.digest,
                answer: Answered::Credit(self.entry),
            },
        );
    }
}

impl Happening for Credited {
    fn apply(&self, book: &mut Book) {
        book.consume_id(self.entry.0);
        let (_, _, source) = self.from();
        book.credit(self.wallet, source, self.amount, self.entry, self.balance);
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((self.wallet, Notice::Moved))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

pub(crate) fn credit<E: From<Credited> + From<Refused>>(
    book: &Book,
    limits: &Limits,
    prefetched: &Prefetched,
    wallet: WalletId,
    idempotency_key: &str,
    amount: Amount,
    kind: CreditKind,
) -> Decision<E> {
    let key = RequestKey::credit(wallet, idempotency_key);
    let digest = RequestDigest::of_amount(2 + kind as u64, amount);
    let again = repeated(book, prefetched, key, digest, |answer| match answer {
        Answered::Credit(entry) => Some(Reply::Credited { entry }),
        _ => None,
    });
    if let Some(again) = again {
        return again;
    }
    let row = match book.wallet(wallet) {
        None => return Decision::refuse(Refusal::WalletUnknown),
        Some(_) if amount.is_zero() => {
            return refuse_for_good(key, digest, Refusal::AmountOutOfBounds);
        }
        Some(row) if !fits(limits, &row, amount) => {
            return refuse_for_good(key, digest, Refusal::BalanceCap);
        }
        Some(row) => row,
    };
    let entry = EntryId(book.next_id());
    Decision::done(
        Reply::Credited { entry },
        Credited {
            entry,
            wallet,
            kind,
            amount,
            key,
            digest,
            previous: row.last_entry,
            balance: row.lots.total() + amount.minor(),
        },
    )
}
