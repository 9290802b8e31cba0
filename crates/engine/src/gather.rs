//! Looks up what memory has forgotten: the views locate, the journal proves.

use std::sync::Arc;
use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::ChainKey;
use mamori_datastore::sql::Db;
use mamori_domain::act::{Act, TopUpState};
use mamori_domain::book::ClosedTopUp;
use mamori_domain::change::Change;
use mamori_domain::decide::Facts;
use mamori_domain::ids::{PaymentId, RefundId, WalletId};
use mamori_domain::key::{FirstAnswer, RequestKey};
use mamori_domain::money::Amount;
use mamori_domain::payment::{Payment, PaymentStatus, Refund};
use mamori_domain::world::Timestamp;

use crate::journal::JournalReader;
use crate::shard::{Gathered, decode_batch, led_to};
use crate::views::{EntryKind, projector, read, request_keys};
use crate::watermark::Watermark;

/// How long a look-up waits for the views to reach the row it needs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Somebody who looks things up, with connections of its own.
pub struct Gatherer {
    views: Db,
    journal: JournalReader,
    chain: ChainKey,
    applied: Arc<Watermark>,
}

impl Gatherer {
    /// With reading connections to the views and the journal, and the key that proves its rows.
    pub fn new(
        views: Db,
        journal: JournalReader,
        chain: ChainKey,
        applied: Arc<Watermark>,
    ) -> Gatherer {
        Gatherer {
            views,
            journal,
            chain,
            applied,
        }
    }

    /// Everything an act needs of the distant past, as of at least row `as_of`.
    pub fn gather(&mut self, act: &Act, as_of: u64) -> Result<Gathered, Fault> {
        if !self.applied.wait_for(as_of, PATIENCE) {
            return Err(Fault::retryable("the views are behind; ask again"));
        }
        let progress = projector::read_progress(&mut self.views)?;
        let mut facts = Facts::NONE;
        let (key, mut payment) = match act {
            Act::Charge(charge) => (
                Some(RequestKey::payment(charge.merchant, &charge.name)),
                None,
            ),
            Act::Hold { charge, .. } => {
                (Some(RequestKey::hold(charge.merchant, &charge.name)), None)
            }
            Act::Cancel { merchant, name, .. } | Act::FindPayment { merchant, name, .. } => {
                (Some(RequestKey::payment(*merchant, name)), None)
            }
            Act::Refund(request) => (
                Some(RequestKey::refund(
                    request.merchant,
                    request.payment,
                    &request.name,
                )),
                Some(request.payment),
            ),
            Act::FindPaymentById { payment, .. } => (None, Some(*payment)),
            Act::FindRefund {
                merchant,
                name,
                payment: Some(payment),
                ..
            } => (Some(RequestKey::refund(*merchant, *payment, name)), None),
            Act::FindRefund {
                merchant,
                name,
                payment: None,
                ..
            } => (Some(RequestKey::refund_by_name(*merchant, name)), None),
            Act::StartTopUp { wallet, name, .. } | Act::Credit { wallet, name, .. } => {
                (Some(RequestKey::credit(*wallet, name)), None)
            }
            Act::ConfirmTopUp { top_up, .. } | Act::FailTopUp { top_up, .. } => {
                facts.top_up = self.closed_top_up(top_up.0)?;
                (None, None)
            }
            _ => (None, None),
        };
        if let Some(key) = key {
            facts.first_answer = self.first_answer(key)?;
            if let Some(first) = facts.first_answer {
                let (led_payment, refund) = led_to(first.answer);
                payment = payment.or(led_payment);
                if let Some(refund) = refund {
                    facts.refund = self.refund(refund)?.map(Box::new);
                }
                if let mamori_domain::key::Answered::TopUp(id) = first.answer {
                    facts.top_up = self.closed_top_up(id.0)?;
                }
            }
        }
        if let Some(payment) = payment {
            facts.payment = self.payment(payment)?.map(Box::new);
        }
        Ok(Gathered {
            as_of: progress.applied_seq,
            keys_as_of: progress.segment_seq,
            facts,
        })
    }

    fn closed_top_up(&mut self, id: u64) -> Result<Option<ClosedTopUp>, Fault> {
        Ok(read::top_up_by_id(&mut self.views, id)?
            .filter(|row| row.state != TopUpState::Pending)
            .and_then(|row| {
                Some(ClosedTopUp {
                    wallet: WalletId(row.wallet),
                    amount: Amount::new(row.amount)?,
                    state: row.state,
                })
            }))
    }

    fn first_answer(&mut self, key: RequestKey) -> Result<Option<FirstAnswer>, Fault> {
        // The newest row wins: a name may be reused for the refund of another payment.
        for seq in request_keys::rows_of(&mut self.views, key.0)? {
            let found = self
                .changes(seq)?
                .1
                .iter()
                .flat_map(|change| change.answers())
                .flatten()
                .filter(|(own, _)| *own == key)
                .map(|(_, first)| first)
                .next_back();
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// A payment as its journal row tells it, with the refunds and the cancel that followed.
    pub fn payment(&mut self, id: PaymentId) -> Result<Option<Payment>, Fault> {
        let Some(entry) = read::entry_by_id(&mut self.views, id.0)?
            .filter(|entry| entry.kind == EntryKind::Payment)
        else {
            return Ok(None);
        };
        let (at, changes) = self.changes(entry.seq)?;
        let mut payment = changes
            .iter()
            .find_map(|change| match change {
                Change::Paid(paid) if paid.payment == id => Some(paid.payment(at)),
                _ => None,
            })
            .ok_or_else(|| {
                Fault::broken("the views name a payment that its journal row does not hold")
            })?;
        for reversal in read::reversals(&mut self.views, id.0)? {
            let row = read::entry_by_id(&mut self.views, reversal.entry)?
                .ok_or_else(|| Fault::broken("the views have lost a reversal"))?;
            let (at, changes) = self.changes(row.seq)?;
            for change in &changes {
                match change {
                    Change::Refunded { refund, amount, .. } if refund.0 == reversal.entry => {
                        payment.refunded = payment.refunded.plus(*amount).unwrap_or(payment.amount);
                        payment.refunds.push(*refund);
                    }
                    Change::Cancelled { entry, .. } if entry.0 == reversal.entry => {
                        payment.status = PaymentStatus::Cancelled;
                        payment.cancelled_at = Some(at);
                    }
                    _ => {}
                }
            }
        }
        Ok(Some(payment))
    }

    /// A refund as its journal row tells it.
    pub fn refund(&mut self, id: RefundId) -> Result<Option<Refund>, Fault> {
        let Some(entry) = read::entry_by_id(&mut self.views, id.0)? else {
            return Ok(None);
        };
        let (at, changes) = self.changes(entry.seq)?;
        Ok(changes.iter().find_map(|change| match change {
            Change::Refunded {
                refund,
                payment,
                merchant,
                wallet,
                amount,
                name,
                reason,
                requested_at,
                ..
            } if *refund == id => Some(Refund {
                id,
                payment: *payment,
                merchant: *merchant,
                wallet: *wallet,
                amount: Amount::new(amount.minor())?,
                at,
                name: name.clone(),
                reason: reason.clone(),
                requested_at: *requested_at,
            }),
            _ => None,
        }))
    }

    /// Reads a wallet's movements, newest first, from entry `from` on.
    pub fn chain(
        &mut self,
        wallet: u64,
        from: u64,
        limit: usize,
    ) -> Result<Vec<crate::views::Entry>, Fault> {
        read::chain(&mut self.views, wallet, from, limit)
    }

    /// The connection to the views.
    pub fn views(&mut self) -> &mut Db {
        &mut self.views
    }

    fn changes(&mut self, seq: u64) -> Result<(Timestamp, Vec<Change>), Fault> {
        let row = self
            .journal
            .read(seq, 1)?
            .pop()
            .filter(|row| row.seq == seq)
            .ok_or_else(|| Fault::broken("the views name a journal row that is not there"))?;
        // A start checks the rows behind its checkpoint; this one may be older, and somebody may have a SQL prompt.
        row.check_alone(&self.chain)?;
        Ok((Timestamp(row.at), decode_batch(&row.batch)?))
    }
}
