//! An operator says what a merchant's tills may give back.

use super::ReversalRule;
use crate::book::{Book, Merchant};
use crate::decision::Decision;
use crate::happening::{Happening, Notice, Subject, answers_no_request, moves_no_money};
use crate::ids::{MerchantId, WalletId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use minicbor::{Decode, Encode};

/// A merchant's tills may give this back from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ReversalRuleSet {
    #[n(0)]
    pub merchant: MerchantId,
    #[n(1)]
    pub rule: ReversalRule,
}

moves_no_money!(ReversalRuleSet);
answers_no_request!(ReversalRuleSet);

impl Happening for ReversalRuleSet {
    fn apply(&self, book: &mut Book) {
        let row = *book
            .merchants
            .get(&self.merchant)
            .expect("only a merchant who exists sets a rule");
        let reversals = (self.rule != ReversalRule::DEFAULT).then_some(self.rule);
        book.put_merchant(self.merchant, Some(Merchant { reversals, ..row }));
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        None
    }
    fn subject(&self) -> Subject {
        Subject::Merchant(self.merchant)
    }
}

pub(crate) fn set_reversal_rule<E: From<ReversalRuleSet>>(
    book: &Book,
    merchant: MerchantId,
    rule: ReversalRule,
) -> Decision<E> {
    let Some(row) = book.merchants.get(&merchant) else {
        return Decision::refuse(Refusal::MerchantUnknown);
    };
    if !rule.is_in_bounds() {
        return Decision::refuse(Refusal::AmountOutOfBounds);
    }
    if row.reversal_rule() == rule {
        return Decision::answer(Ok(Reply::Bound));
    }
    Decision::done(Reply::Bound, ReversalRuleSet { merchant, rule })
}
