//! Random acts against a ledger so simple that it fits on one page.

use crate::house::{BAKERY, BAKERY_KEY, House, by_grant, refund_request};
use mamori_domain::act::{Act, Caller, CreditKind, Done, Outcome, TopUpState};
use mamori_domain::ids::{HoldId, PaymentId, TopUpId, WalletId};
use mamori_domain::ledger::AccountKind;
use mamori_domain::money::Amount;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// An act with its ids still open: numbers pick among what exists.
#[derive(Clone, Debug)]
pub enum Wish {
    Pay { name: u8, yen: u64 },
    Cancel { name: u8 },
    Refund { of: usize, name: u8, yen: u64 },
    Hold { name: u8, yen: u64 },
    Capture { of: usize, yen: u64 },
    Release { of: usize },
    Give { riku: bool, name: u8, yen: u64 },
    StartTopUp { riku: bool, name: u8, yen: u64 },
    Confirm { of: usize, yen: u64 },
    Fail { of: usize },
    Freeze { on: bool },
}

pub fn wish() -> impl Strategy<Value = Wish> {
    let name = 0..40u8;
    let yen = prop_oneof![
        Just(0),
        1..400u64,
        1..12_000u64,
        Just(30_000),
        Just(100_001)
    ];
    let of = 0..20usize;
    prop_oneof![
        6 => (name.clone(), yen.clone()).prop_map(|(name, yen)| Wish::Pay { name, yen }),
        1 => name.clone().prop_map(|name| Wish::Cancel { name }),
        3 => (of.clone(), name.clone(), yen.clone())
            .prop_map(|(of, name, yen)| Wish::Refund { of, name, yen }),
        2 => (name.clone(), yen.clone()).prop_map(|(name, yen)| Wish::Hold { name, yen }),
        2 => (of.clone(), yen.clone()).prop_map(|(of, yen)| Wish::Capture { of, yen }),
        1 => of.clone().prop_map(|of| Wish::Release { of }),
        2 => (any::<bool>(), name.clone(), yen.clone())
            .prop_map(|(riku, name, yen)| Wish::Give { riku, name, yen }),
        2 => (any::<bool>(), name, yen.clone())
            .prop_map(|(riku, name, yen)| Wish::StartTopUp { riku, name, yen }),
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
    pub fn act(&self, house: &House, wish: &Wish) -> Act {
        fn pick<T: Copy>(from: &[T], at: usize, none: T) -> T {
            from.get(at % from.len().max(1)).copied().unwrap_or(none)
        }
        let caller = Caller::Key(BAKERY_KEY);
        let merchant = BAKERY;
        let who = |riku: bool| if riku { house.riku } else { house.sora };
        match *wish {
            Wish::Pay { name, yen } => Act::Charge(by_grant(&format!("n{name}"), yen)),
            Wish::Cancel { name } => Act::Cancel {
                caller,
                merchant,
                name: format!("n{name}").into(),
            },
            Wish::Refund { of, name, yen } => {
                let payment = pick(&self.payments, of, PaymentId(1));
                Act::Refund(refund_request(payment, &format!("n{name}"), yen))
            }
            Wish::Hold { name, yen } => Act::Hold {
                charge: by_grant(&format!("n{name}"), yen),
                expires_at: house.now.plus_seconds(60),
            },
            Wish::Capture { of, yen } => Act::Capture {
                caller,
                merchant,
                hold: pick(&self.holds, of, HoldId(1)),
                amount: Amount::yen(yen),
            },
            Wish::Release { of } => Act::Release {
                hold: pick(&self.holds, of, HoldId(1)),
            },
            Wish::Give { riku, name, yen } => Act::Credit {
                wallet: who(riku),
                name: format!("n{name}").into(),
                amount: Amount::yen(yen),
                kind: if yen % 2 == 0 {
                    CreditKind::Cash
                } else {
                    CreditKind::Goodwill
                },
            },
            Wish::StartTopUp { riku, name, yen } => Act::StartTopUp {
                wallet: who(riku),
                name: format!("t{name}").into(),
                amount: Amount::yen(yen),
            },
            Wish::Confirm { of, yen } => {
                let (top_up, started) = pick(&self.top_ups, of, (TopUpId(1), 1));
                let amount = Amount::yen(if yen == 0 { yen } else { started });
                Act::ConfirmTopUp { top_up, amount }
            }
            Wish::Fail { of } => Act::FailTopUp {
                top_up: pick(&self.top_ups, of, (TopUpId(1), 1)).0,
                expired: of % 2 == 0,
            },
            Wish::Freeze { on: true } => Act::Freeze { wallet: house.sora },
            Wish::Freeze { on: false } => Act::Unfreeze { wallet: house.sora },
        }
    }

    pub fn learn(&mut self, act: &Act, outcome: &Outcome) {
        match (act, outcome) {
            (_, Ok(Done::Payment(payment))) => self.payments.push(payment.id),
            (_, Ok(Done::Held { hold })) => self.holds.push(*hold),
            (Act::StartTopUp { amount, .. }, Ok(Done::TopUp { top_up, .. })) => {
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
    held: BTreeMap<HoldId, (WalletId, i64)>,
    merchant: i64,
    given: i64,
    card: i64,
    /// Ids that have been answered before: a repeat moves nothing.
    seen: BTreeSet<u64>,
    cancelled: BTreeSet<String>,
    payments: BTreeMap<String, (WalletId, i64)>,
    top_ups: BTreeMap<TopUpId, (WalletId, i64)>,
}

impl Page {
    fn book(&mut self, act: &Act, outcome: &Outcome) {
        match (act, outcome) {
            (Act::Charge(charge), Ok(Done::Payment(payment))) if self.seen.insert(payment.id.0) => {
                let yen = charge.amount.signed();
                *self.wallets.entry(payment.wallet).or_default() -= yen;
                self.merchant += yen;
                self.payments
                    .insert(charge.name.to_string(), (payment.wallet, yen));
            }
            (Act::Cancel { name, .. }, Ok(_)) if self.cancelled.insert(name.to_string()) => {
                if let Some((wallet, yen)) = self.payments.get(&**name) {
                    *self.wallets.entry(*wallet).or_default() += yen;
                    self.merchant -= yen;
                }
            }
            (_, Ok(Done::Refund(refund))) if self.seen.insert(refund.id.0) => {
                *self.wallets.entry(refund.wallet).or_default() += refund.amount.signed();
                self.merchant -= refund.amount.signed();
            }
            (Act::Hold { charge, .. }, Ok(Done::Held { hold })) if self.seen.insert(hold.0) => {
                let wallet = *self.wallets.keys().next().expect("Sora came first");
                *self.wallets.entry(wallet).or_default() -= charge.amount.signed();
                self.held.insert(*hold, (wallet, charge.amount.signed()));
            }
            (Act::Capture { hold, amount, .. }, Ok(_)) => {
                let (wallet, yen) = self.held.remove(hold).expect("it was held");
                *self.wallets.entry(wallet).or_default() += yen - amount.signed();
                self.merchant += amount.signed();
            }
            (Act::Release { hold }, Ok(_)) => {
                let (wallet, yen) = self.held.remove(hold).expect("it was held");
                *self.wallets.entry(wallet).or_default() += yen;
            }
            (Act::Credit { wallet, amount, .. }, Ok(Done::Credited { entry }))
                if self.seen.insert(entry.0) =>
            {
                *self.wallets.entry(*wallet).or_default() += amount.signed();
                self.given += amount.signed();
            }
            (Act::StartTopUp { wallet, amount, .. }, Ok(Done::TopUp { top_up, .. })) => {
                self.top_ups.insert(*top_up, (*wallet, amount.signed()));
            }
            (_, Ok(Done::TopUp { top_up, state }))
                if *state == TopUpState::Succeeded && self.seen.insert(top_up.0) =>
            {
                let (wallet, yen) = self.top_ups[top_up];
                *self.wallets.entry(wallet).or_default() += yen;
                self.card += yen;
            }
            _ => {}
        }
    }

    fn check(&self, house: &House) {
        let trial = house.book.trial_balance();
        assert_eq!(trial.sum(), 0);
        assert_eq!(trial.of(AccountKind::Merchant), self.merchant);
        assert_eq!(
            trial.of(AccountKind::Cash) + trial.of(AccountKind::Goodwill),
            -self.given
        );
        assert_eq!(trial.of(AccountKind::CardClearing), -self.card);
        let held: i64 = self.held.values().map(|(_, yen)| yen).sum();
        assert_eq!(trial.of(AccountKind::Held), held);
        for (wallet, yen) in &self.wallets {
            assert!(*yen >= 0, "no wallet is below zero");
            let row = house.book.wallet(*wallet).unwrap();
            assert_eq!(row.lots.total() as i64, *yen);
            assert!(
                row.lots.iter().all(|lot| !lot.amount.is_zero()),
                "a lot of nothing has no source"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Sums are zero at every step, no wallet is below zero, every yen has a source, repeats move nothing.
    #[test]
    fn the_book_agrees_with_the_page(wishes in prop::collection::vec(wish(), 1..120)) {
        let mut house = House::open();
        let mut page = Page::default();
        page.wallets.insert(house.sora, 10_000);
        page.wallets.insert(house.riku, 0);
        page.given = 10_000;
        let mut known = Known::default();
        for wish in &wishes {
            let act = known.act(&house, wish);
            let outcome = house.tell(act.clone());
            page.book(&act, &outcome);
            page.check(&house);
            known.learn(&act, &outcome);
            if let Ok(Done::Payment(_)) = outcome {
                let again = house.tell(act);
                prop_assert!(again.is_ok(), "the same answer again");
                page.check(&house);
            }
        }
    }
}
