//! Random acts against a ledger so simple that it fits on one page.

use crate::fixture::{BAKERY, BOOKSHOP, Fixture, by_grant, refund_request};
use mamori_domain::command::{Command, CreditKind};
use mamori_domain::ids::{HoldId, PaymentId, TopUpId, WalletId};
use mamori_domain::ledger::{Account, AccountKind};
use mamori_domain::money::Amount;
use mamori_domain::reply::{Outcome, Reply, TopUpState};
use mamori_domain::world::Timestamp;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A command with its ids still open: numbers pick among what exists.
#[derive(Clone, Debug)]
pub enum Wish {
    Pay { id: u8, yen: u64 },
    Cancel { id: u8 },
    Refund { of: usize, id: u8, yen: u64 },
    Hold { id: u8, yen: u64, seconds: i64 },
    Capture { of: usize, yen: u64 },
    Release { of: usize },
    ReleaseExpired,
    Give { riku: bool, id: u8, yen: u64 },
    StartTopUp { riku: bool, id: u8, yen: u64 },
    Confirm { of: usize, yen: u64 },
    Fail { of: usize },
    Freeze { on: bool },
}

pub fn wish() -> impl Strategy<Value = Wish> {
    let id = 0..40u8;
    let yen = prop_oneof![
        Just(0),
        1..400u64,
        1..12_000u64,
        Just(30_000),
        Just(100_001)
    ];
    let of = 0..20usize;
    prop_oneof![
        6 => (id.clone(), yen.clone()).prop_map(|(id, yen)| Wish::Pay { id, yen }),
        1 => id.clone().prop_map(|id| Wish::Cancel { id }),
        3 => (of.clone(), id.clone(), yen.clone())
            .prop_map(|(of, id, yen)| Wish::Refund { of, id, yen }),
        // Some are over when they begin.
        2 => (id.clone(), yen.clone(), -1..3i64)
            .prop_map(|(id, yen, seconds)| Wish::Hold { id, yen, seconds }),
        2 => (of.clone(), yen.clone()).prop_map(|(of, yen)| Wish::Capture { of, yen }),
        1 => of.clone().prop_map(|of| Wish::Release { of }),
        1 => Just(Wish::ReleaseExpired),
        2 => (any::<bool>(), id.clone(), yen.clone())
            .prop_map(|(riku, id, yen)| Wish::Give { riku, id, yen }),
        2 => (any::<bool>(), id, yen.clone())
            .prop_map(|(riku, id, yen)| Wish::StartTopUp { riku, id, yen }),
        3 => (of.clone(), yen).prop_map(|(of, yen)| Wish::Confirm { of, yen }),
        1 => of.prop_map(|of| Wish::Fail { of }),
        1 => any::<bool>().prop_map(|on| Wish::Freeze { on }),
    ]
}

/// What the wishes refer to.
#[derive(Clone, Default)]
pub struct Known {
    pub payments: Vec<PaymentId>,
    pub holds: Vec<HoldId>,
    pub top_ups: Vec<(TopUpId, u64)>,
}

impl Known {
    pub fn command(&self, fixture: &Fixture, wish: &Wish) -> Command {
        fn pick<T: Copy>(from: &[T], at: usize, none: T) -> T {
            from.get(at % from.len().max(1)).copied().unwrap_or(none)
        }
        let merchant = BAKERY;
        let who = |riku: bool| if riku { fixture.riku } else { fixture.sora };
        match *wish {
            Wish::Pay { id, yen } => Command::Charge(by_grant(&format!("n{id}"), yen)),
            Wish::Cancel { id } => Command::Cancel {
                merchant,
                merchant_payment_id: format!("n{id}").into(),
            },
            Wish::Refund { of, id, yen } => {
                let payment = pick(&self.payments, of, PaymentId(1));
                Command::Refund(refund_request(payment, &format!("n{id}"), yen))
            }
            Wish::Hold { id, yen, seconds } => Command::Hold {
                charge: by_grant(&format!("n{id}"), yen),
                expires_at: fixture.now.plus_seconds(seconds),
            },
            Wish::Capture { of, yen } => Command::Capture {
                merchant,
                hold: pick(&self.holds, of, HoldId(1)),
                amount: Amount::yen(yen),
            },
            Wish::Release { of } => Command::Release {
                hold: pick(&self.holds, of, HoldId(1)),
            },
            Wish::ReleaseExpired => Command::ReleaseExpired,
            Wish::Give { riku, id, yen } => Command::Credit {
                wallet: who(riku),
                idempotency_key: format!("n{id}").into(),
                amount: Amount::yen(yen),
                kind: if yen % 2 == 0 {
                    CreditKind::Cash
                } else {
                    CreditKind::Goodwill
                },
            },
            Wish::StartTopUp { riku, id, yen } => Command::StartTopUp {
                wallet: who(riku),
                idempotency_key: format!("t{id}").into(),
                amount: Amount::yen(yen),
            },
            Wish::Confirm { of, yen } => {
                let (top_up, started) = pick(&self.top_ups, of, (TopUpId(1), 1));
                let amount = Amount::yen(if yen == 0 { yen } else { started });
                Command::ConfirmTopUp { top_up, amount }
            }
            Wish::Fail { of } => Command::FailTopUp {
                top_up: pick(&self.top_ups, of, (TopUpId(1), 1)).0,
                expired: of % 2 == 0,
            },
            Wish::Freeze { on: true } => Command::Freeze {
                wallet: fixture.sora,
            },
            Wish::Freeze { on: false } => Command::Unfreeze {
                wallet: fixture.sora,
            },
        }
    }

    pub fn learn(&mut self, command: &Command, outcome: &Outcome) {
        match (command, outcome) {
            (_, Ok(Reply::Payment(payment))) => self.payments.push(payment.id),
            (_, Ok(Reply::Held { hold })) => self.holds.push(*hold),
            (Command::StartTopUp { amount, .. }, Ok(Reply::TopUp { top_up, .. })) => {
                self.top_ups.push((*top_up, amount.minor()))
            }
            _ => {}
        }
    }
}

/// The model: what each account must hold, from nothing but the good answers.
#[derive(Default)]
struct Page {
    wallets: BTreeMap<WalletId, i64>,
    held: BTreeMap<HoldId, Aside>,
    held_under: BTreeMap<String, HoldId>,
    bakery: i64,
    cash: i64,
    goodwill: i64,
    card: i64,
    /// Ids that have been answered before: a repeat moves nothing.
    seen: BTreeSet<u64>,
    cancelled: BTreeSet<String>,
    payments: BTreeMap<String, (WalletId, i64)>,
    top_ups: BTreeMap<TopUpId, (WalletId, i64)>,
}

struct Aside {
    wallet: WalletId,
    yen: i64,
    expires_at: Timestamp,
}

impl Page {
    fn give(&mut self, wallet: WalletId, yen: i64) {
        *self.wallets.entry(wallet).or_default() += yen;
    }

    fn book(&mut self, command: &Command, outcome: &Outcome, now: Timestamp) {
        match (command, outcome) {
            (Command::Charge(charge), Ok(Reply::Payment(payment)))
                if self.seen.insert(payment.id.0) =>
            {
                let yen = charge.amount.signed();
                self.give(payment.wallet, -yen);
                self.bakery += yen;
                self.payments.insert(
                    charge.merchant_payment_id.to_string(),
                    (payment.wallet, yen),
                );
            }
            (
                Command::Cancel {
                    merchant_payment_id,
                    ..
                },
                Ok(_),
            ) if self.cancelled.insert(merchant_payment_id.to_string()) => {
                if let Some(hold) = self.held_under.get(&**merchant_payment_id) {
                    let aside = self.held.remove(hold).expect("it was held");
                    self.give(aside.wallet, aside.yen);
                }
                if let Some((wallet, yen)) = self.payments.get(&**merchant_payment_id).copied() {
                    self.give(wallet, yen);
                    self.bakery -= yen;
                }
            }
            (_, Ok(Reply::Refund(refund))) if self.seen.insert(refund.id.0) => {
                self.give(refund.wallet, refund.amount.signed());
                self.bakery -= refund.amount.signed();
            }
            (Command::Hold { charge, expires_at }, Ok(Reply::Held { hold }))
                if self.seen.insert(hold.0) =>
            {
                let wallet = *self.wallets.keys().next().expect("Sora came first");
                let yen = charge.amount.signed();
                self.give(wallet, -yen);
                let expires_at = *expires_at;
                let name = charge.merchant_payment_id.to_string();
                self.held_under.insert(name, *hold);
                self.held.insert(
                    *hold,
                    Aside {
                        wallet,
                        yen,
                        expires_at,
                    },
                );
            }
            (Command::Capture { hold, amount, .. }, Ok(_)) => {
                let aside = self.held.remove(hold).expect("it was held");
                self.give(aside.wallet, aside.yen - amount.signed());
                self.bakery += amount.signed();
            }
            (Command::Release { hold }, Ok(_)) => {
                let aside = self.held.remove(hold).expect("it was held");
                self.give(aside.wallet, aside.yen);
            }
            (Command::ReleaseExpired, Ok(Reply::ReleasedExpired(count))) => {
                let over: Vec<HoldId> = (self.held.iter())
                    .filter(|(_, aside)| aside.expires_at <= now)
                    .map(|(hold, _)| *hold)
                    .collect();
                assert_eq!(
                    over.len(),
                    *count as usize,
                    "fewer than one command gives back"
                );
                for hold in over {
                    let aside = self.held.remove(&hold).expect("it was listed");
                    self.give(aside.wallet, aside.yen);
                }
            }
            (
                Command::Credit {
                    wallet,
                    amount,
                    kind,
                    ..
                },
                Ok(Reply::Credited { entry }),
            ) if self.seen.insert(entry.0) => {
                self.give(*wallet, amount.signed());
                match kind {
                    CreditKind::Cash => self.cash += amount.signed(),
                    CreditKind::Goodwill => self.goodwill += amount.signed(),
                }
            }
            (Command::StartTopUp { wallet, amount, .. }, Ok(Reply::TopUp { top_up, .. })) => {
                self.top_ups.insert(*top_up, (*wallet, amount.signed()));
            }
            (_, Ok(Reply::TopUp { top_up, state }))
                if *state == TopUpState::Succeeded && self.seen.insert(top_up.0) =>
            {
                let (wallet, yen) = self.top_ups[top_up];
                self.give(wallet, yen);
                self.card += yen;
            }
            _ => {}
        }
    }

    fn check(&self, fixture: &Fixture) {
        let book = &fixture.book;
        let trial = book.trial_balance();
        assert_eq!(trial.sum(), 0);
        for (kind, owed) in [
            (AccountKind::CardClearing, -self.card),
            (AccountKind::Cash, -self.cash),
            (AccountKind::Goodwill, -self.goodwill),
        ] {
            assert_eq!(book.balance(Account::operator(kind)), owed, "{kind:?}");
            assert_eq!(trial.of(kind), owed, "{kind:?}");
        }
        assert_eq!(book.balance(Account::merchant(BAKERY)), self.bakery);
        assert_eq!(book.balance(Account::merchant(BOOKSHOP)), 0);
        assert_eq!(trial.of(AccountKind::Merchant), self.bakery);
        let mut held = 0;
        for (wallet, yen) in &self.wallets {
            assert!(*yen >= 0, "no wallet is below zero");
            assert_eq!(book.balance(Account::wallet(*wallet)), *yen);
            let asides = self.held.values().filter(|aside| aside.wallet == *wallet);
            let aside: i64 = asides.map(|aside| aside.yen).sum();
            assert_eq!(book.balance(Account::held(*wallet)), aside);
            held += aside;
            let row = book.wallet(*wallet).unwrap();
            assert_eq!(row.lots.total() as i64, *yen);
            assert!(
                row.lots.iter().all(|lot| !lot.amount.is_zero()),
                "a lot of nothing has no source"
            );
        }
        assert_eq!(trial.of(AccountKind::Held), held);
        let over: BTreeSet<HoldId> = (book.holds_expired_at(fixture.now))
            .map(|(hold, _)| hold)
            .collect();
        let expected: BTreeSet<HoldId> = (self.held.iter())
            .filter(|(_, aside)| aside.expires_at <= fixture.now)
            .map(|(hold, _)| *hold)
            .collect();
        assert_eq!(over, expected, "the index knows which holds are over");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Sums are zero at every step, no wallet is below zero, every yen has a source, repeats move nothing.
    #[test]
    fn the_book_agrees_with_the_page(wishes in prop::collection::vec(wish(), 1..120)) {
        let mut fixture = Fixture::open();
        let mut page = Page::default();
        page.wallets.insert(fixture.sora, 10_000);
        page.wallets.insert(fixture.riku, 0);
        page.cash = 10_000;
        let mut known = Known::default();
        for wish in &wishes {
            let command = known.command(&fixture, wish);
            let outcome = fixture.tell(command.clone());
            page.book(&command, &outcome, fixture.now);
            page.check(&fixture);
            known.learn(&command, &outcome);
            if let Ok(Reply::Payment(_)) = outcome {
                let again = fixture.tell(command);
                prop_assert!(again.is_ok(), "the same answer again");
                page.check(&fixture);
            }
        }
    }
}

/// An account that has never been moved holds nothing, whosever it is.
#[test]
fn an_account_without_a_row_holds_nothing() {
    let book = crate::fixture::empty_book();
    for account in [
        Account::wallet(WalletId(1)),
        Account::held(WalletId(1)),
        Account::merchant(BAKERY),
        Account::operator(AccountKind::Cash),
    ] {
        assert_eq!(book.balance(account), 0, "{account:?}");
    }
}
