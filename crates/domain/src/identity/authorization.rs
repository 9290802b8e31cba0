//! A customer's standing permission: a merchant may charge without a scan.

use crate::book::{Authorization, Book, WalletStatus};
use crate::context::Actor;
use crate::decision::Decision;
use crate::happening::{Happening, Notice, Subject, answers_no_request, moves_no_money};
use crate::identity::may_act_for;
use crate::ids::{AuthorizationId, MerchantId, WalletId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use minicbor::{Decode, Encode};

/// A merchant may charge a wallet without a scan from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AuthorizationGranted {
    #[n(0)]
    pub authorization: AuthorizationId,
    #[n(1)]
    pub wallet: WalletId,
    #[n(2)]
    pub merchant: MerchantId,
}

/// A permission has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AuthorizationRevoked {
    #[n(0)]
    pub authorization: AuthorizationId,
    /// Missing in journals of the first format.
    #[n(1)]
    pub wallet: Option<WalletId>,
}

moves_no_money!(AuthorizationGranted, AuthorizationRevoked);
answers_no_request!(AuthorizationGranted, AuthorizationRevoked);

impl Happening for AuthorizationGranted {
    fn apply(&self, book: &mut Book) {
        let row = Authorization {
            wallet: self.wallet,
            merchant: self.merchant,
        };
        book.put_authorization(self.authorization, Some(row));
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((self.wallet, Notice::Authorization { granted: true }))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

impl Happening for AuthorizationRevoked {
    fn apply(&self, book: &mut Book) {
        book.put_authorization(self.authorization, None);
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        self.wallet
            .map(|wallet| (wallet, Notice::Authorization { granted: false }))
    }
    fn subject(&self) -> Subject {
        self.wallet.map_or(Subject::Shard, Subject::Wallet)
    }
}

pub(crate) fn grant<E: From<AuthorizationGranted>>(
    book: &Book,
    authorization: AuthorizationId,
    wallet: WalletId,
    merchant: MerchantId,
) -> Decision<E> {
    let Some(row) = book.wallet(wallet) else {
        return Decision::refuse(Refusal::WalletUnknown);
    };
    if book.merchants.get(&merchant).is_none() {
        return Decision::refuse(Refusal::MerchantUnknown);
    }
    match book.authorizations.get(&authorization) {
        Some(row) if row.wallet == wallet && row.merchant == merchant => {
            Decision::answer(Ok(Reply::Bound))
        }
        Some(_) => Decision::refuse(Refusal::AlreadyBound),
        // A wallet is frozen because a stranger may hold the phone: nothing new may be allowed from it.
        None if row.status == WalletStatus::Frozen => Decision::refuse(Refusal::WalletFrozen),
        None => Decision::done(
            Reply::Bound,
            AuthorizationGranted {
                authorization,
                wallet,
                merchant,
            },
        ),
    }
}

/// A customer ends a permission of the own wallet; a permission of another wallet is as unknown as one that is not there.
pub(crate) fn revoke_grant<E: From<AuthorizationRevoked>>(
    book: &Book,
    by: Actor,
    authorization: AuthorizationId,
) -> Decision<E> {
    match book.authorizations.get(&authorization) {
        Some(row) if may_act_for(by, row.wallet).is_ok() => Decision::done(
            Reply::Bound,
            AuthorizationRevoked {
                authorization,
                wallet: Some(row.wallet),
            },
        ),
        _ => Decision::refuse(Refusal::AuthorizationUnknown),
    }
}
