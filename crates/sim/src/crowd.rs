//! The people of a storm: customers, cashiers, a card network and an operator who ask for all there is to ask for.

use mamori_domain::command::{Charge, Command, CreditKind, RefundRequest};
use mamori_domain::context::Actor;
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, HoldId, MerchantId, PaymentId, StoreId, TillId, TopUpId, WalletId,
};
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer};
use mamori_domain::reply::{Outcome, Reply};
use mamori_domain::world::{Draw, Timestamp};

const MERCHANTS: u32 = 3;
const STORES: u32 = 6;
const TILLS: u32 = 12;
const WALLETS: u64 = 300;

/// Who asks, and what they have seen so far.
pub struct Crowd {
    draw: Draw,
    made: u64,
    /// Digits of codes and the wallets that showed them, newest last.
    codes: Vec<u64>,
    payments: Vec<(PaymentId, MerchantId)>,
    holds: Vec<(HoldId, MerchantId)>,
    top_ups: Vec<(TopUpId, Amount)>,
    /// Requests under an id, to be asked again.
    asked: Vec<Command>,
}

fn key_of_merchant(merchant: u32) -> Fingerprint {
    Fingerprint(1_000 + u128::from(merchant))
}
fn device_of_till(till: u32) -> Fingerprint {
    Fingerprint((2_000 + u128::from(till)) << 100)
}
fn store_of_till(till: u32) -> u32 {
    (till - 1) / 2 + 1
}
fn merchant_of_store(store: u32) -> u32 {
    (store - 1) / 2 + 1
}
fn grant(wallet: u64, merchant: u32) -> AuthorizationId {
    AuthorizationId(u128::from(wallet) << 64 | u128::from(merchant))
}

impl Crowd {
    /// A crowd that always asks the same things.
    pub fn new(seed: u64) -> Crowd {
        Crowd {
            draw: Draw::from_seed(seed),
            made: 0,
            codes: Vec::new(),
            payments: Vec::new(),
            holds: Vec::new(),
            top_ups: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// What makes the house: merchants, stores, tills, keys, customers.
    pub fn opening(&self) -> Vec<Command> {
        let mut acts = vec![Command::OpenMerchant; MERCHANTS as usize];
        acts.extend((1..=STORES).map(|store| Command::OpenStore {
            merchant: MerchantId(merchant_of_store(store)),
        }));
        acts.extend((1..=TILLS).map(|till| Command::OpenTill {
            store: StoreId(store_of_till(till)),
        }));
        acts.extend((1..=TILLS).map(|till| Command::BindTill {
            till: TillId(till),
            device: Some(device_of_till(till)),
        }));
        acts.extend((1..=MERCHANTS).map(|number| Command::BindApiKey {
            key: key_of_merchant(number),
            merchant: MerchantId(number),
        }));
        for number in 1..=WALLETS {
            let wallet = WalletId(number);
            acts.push(Command::OpenWallet {
                credential: Fingerprint(u128::from(number)),
            });
            let amount = Amount::yen(50_000);
            acts.push(Command::Credit {
                wallet,
                name: "first".into(),
                amount,
                kind: CreditKind::Cash,
            });
            let merchant = MerchantId(number as u32 % MERCHANTS + 1);
            acts.push(Command::GrantAuthorization {
                authorization: grant(number, merchant.0),
                wallet,
                merchant,
            });
        }
        acts
    }

    /// What a register asks that will not live to hear the answer.
    pub fn last_words(&mut self) -> Command {
        match self.draw.below(4) {
            0 => self.credit(),
            1 => self.refund(),
            2 => self.start_top_up(),
            _ => self.pay_by_grant(),
        }
    }

    /// Anything.
    pub fn wish(&mut self, at: Timestamp) -> Command {
        let act = match self.draw.below(100) {
            0..12 => {
                return Command::IssueCode {
                    wallet: self.wallet(),
                };
            }
            12..32 => self.pay_by_code(),
            32..52 => self.pay_by_grant(),
            52..64 => return self.again(),
            64..74 => self.refund(),
            74..78 => self.cancel(),
            78..81 => {
                let charge = if self.one_in(2) {
                    self.charge_by_grant()
                } else {
                    self.charge_by_code()
                };
                // Some are overdue before anybody captures them.
                let expires_at = at.plus_seconds(self.draw.below(600) as i64);
                Command::Hold { charge, expires_at }
            }
            81..84 => self.end_of_hold(),
            84..87 => self.start_top_up(),
            87..91 => self.word_of_the_card(),
            91..95 => self.credit(),
            95..97 => return self.look(),
            97 => self.switch(),
            98 => return self.find(),
            _ => return self.paper(),
        };
        if self.asked.len() < 1 << 16 {
            self.asked.push(act.clone());
        } else {
            let at = self.draw.below(self.asked.len() as u64) as usize;
            self.asked[at] = act.clone();
        }
        act
    }

    /// What an answer teaches.
    pub fn hear(&mut self, act: &Command, outcome: &Outcome) {
        match (act, outcome) {
            (Command::IssueCode { .. }, Ok(Reply::Code { digits, .. })) => self.codes.push(*digits),
            (Command::Charge(charge), Ok(Reply::Payment(payment))) => {
                self.payments.push((payment.id, charge.merchant))
            }
            (Command::Hold { charge, .. }, Ok(Reply::Held { hold })) => {
                self.holds.push((*hold, charge.merchant))
            }
            (Command::StartTopUp { amount, .. }, Ok(Reply::TopUp { top_up, .. })) => {
                self.top_ups.push((*top_up, *amount))
            }
            _ => {}
        }
    }

    // ---- one kind of wish each

    fn pay_by_code(&mut self) -> Command {
        Command::Charge(self.charge_by_code())
    }

    fn pay_by_grant(&mut self) -> Command {
        Command::Charge(self.charge_by_grant())
    }

    fn charge_by_code(&mut self) -> Charge {
        // Mostly what was shown last; sometimes something old; now and then a guess.
        let payer = match self.draw.below(40) {
            0 => self.draw.below(1 << 40),
            1..4 => pick(&mut self.draw, &self.codes).unwrap_or(7),
            _ => {
                let newest = self.codes.len().saturating_sub(12);
                pick(&mut self.draw, &self.codes[newest..]).unwrap_or(7)
            }
        };
        let merchant = self.draw.below(u64::from(MERCHANTS)) as u32 + 1;
        self.charge(merchant, Payer::Code(payer))
    }

    fn charge_by_grant(&mut self) -> Charge {
        let wallet = self.draw.below(WALLETS + 1) + 1;
        let merchant = if self.one_in(50) {
            self.draw.below(u64::from(MERCHANTS)) as u32 + 1
        } else {
            wallet as u32 % MERCHANTS + 1
        };
        self.charge(merchant, Payer::Authorization(grant(wallet, merchant)))
    }

    fn charge(&mut self, merchant: u32, payer: Payer) -> Charge {
        let mut till = (merchant - 1) * 4 + self.draw.below(4) as u32 + 1;
        let caller = match self.draw.below(200) {
            0 => Caller::Key(key_of_merchant(merchant % MERCHANTS + 1)),
            1 => Caller::Till(TillId(till), Fingerprint(9)),
            2..100 => Caller::Key(key_of_merchant(merchant)),
            _ => Caller::Till(TillId(till), device_of_till(till)),
        };
        if self.one_in(200) {
            till = self.draw.below(u64::from(TILLS) + 2) as u32;
        }
        let store = StoreId(if self.one_in(200) {
            99
        } else {
            store_of_till(till.max(1))
        });
        let papers = OrderInfo {
            requested_at: self.made as i64,
            ..OrderInfo::default()
        };
        Charge {
            caller,
            merchant: MerchantId(merchant),
            name: self.name(),
            payer,
            amount: self.price(),
            store: (!self.one_in(4)).then_some(store),
            till: (!self.one_in(4)).then_some(TillId(till)),
            papers,
        }
    }

    /// The same request again, now or much later, sometimes not quite the same.
    fn again(&mut self) -> Command {
        let Some(mut act) = pick_clone(&mut self.draw, &self.asked) else {
            return self.look();
        };
        if self.one_in(5) {
            let other = self.price();
            match &mut act {
                Command::Charge(charge) => charge.amount = other,
                Command::Refund(request) => request.amount = other,
                Command::Credit { amount, .. } | Command::StartTopUp { amount, .. } => {
                    *amount = other
                }
                _ => {}
            }
        } else if let Command::Charge(charge) = &mut act {
            // SDKs overwrite this on a retry.
            charge.papers.requested_at += 1;
        }
        act
    }

    fn refund(&mut self) -> Command {
        let (payment, merchant) = self.some_payment();
        let merchant = if self.one_in(100) {
            MerchantId(1)
        } else {
            merchant
        };
        let name = if self.one_in(4) {
            format!("r{}", self.draw.below(40)).into()
        } else {
            self.name()
        };
        Command::Refund(RefundRequest {
            caller: Caller::Key(key_of_merchant(merchant.0)),
            merchant,
            name,
            payment,
            amount: if self.one_in(3) {
                self.price()
            } else {
                Amount::yen(self.draw.below(400))
            },
            reason: None,
            requested_at: 0,
        })
    }

    fn cancel(&mut self) -> Command {
        let charge = (0..8).find_map(|_| match pick_clone(&mut self.draw, &self.asked) {
            Some(Command::Charge(charge)) => Some((charge.merchant, charge.name)),
            _ => None,
        });
        let (merchant, name) = match charge {
            Some(known) if !self.one_in(5) => known,
            // A register that gave up: its charge may still be on the way.
            _ => (
                MerchantId(1),
                format!("p{}", self.made + self.draw.below(30)).into(),
            ),
        };
        let caller = Caller::Key(key_of_merchant(merchant.0));
        Command::Cancel {
            caller,
            merchant,
            name,
        }
    }

    fn end_of_hold(&mut self) -> Command {
        let newest = self.holds.len().saturating_sub(40);
        let (hold, merchant) =
            pick(&mut self.draw, &self.holds[newest..]).unwrap_or((HoldId(5), MerchantId(1)));
        if self.one_in(4) {
            return Command::Release { hold };
        }
        if self.one_in(4) {
            return Command::ReleaseExpired;
        }
        let caller = Caller::Key(key_of_merchant(merchant.0));
        let amount = self.price();
        Command::Capture {
            caller,
            merchant,
            hold,
            amount,
        }
    }

    fn start_top_up(&mut self) -> Command {
        let wallet = self.wallet();
        let name = self.name();
        let amount = Amount::yen(self.draw.below(31) * 1_000);
        Command::StartTopUp {
            wallet,
            name,
            amount,
        }
    }

    fn word_of_the_card(&mut self) -> Command {
        let newest = self.top_ups.len().saturating_sub(60);
        let any = if self.one_in(8) { 0 } else { newest };
        let (top_up, amount) =
            pick(&mut self.draw, &self.top_ups[any..]).unwrap_or((TopUpId(3), Amount::yen(1)));
        match self.draw.below(8) {
            0 => Command::FailTopUp {
                top_up,
                expired: true,
            },
            1 => Command::FailTopUp {
                top_up,
                expired: false,
            },
            2 => Command::ConfirmTopUp {
                top_up,
                amount: Amount::yen(77),
            },
            _ => Command::ConfirmTopUp { top_up, amount },
        }
    }

    fn credit(&mut self) -> Command {
        let kind = if self.one_in(2) {
            CreditKind::Cash
        } else {
            CreditKind::Goodwill
        };
        let wallet = self.wallet();
        let name = self.name();
        let amount = Amount::yen(self.draw.below(40_000));
        Command::Credit {
            wallet,
            name,
            amount,
            kind,
        }
    }

    fn look(&mut self) -> Command {
        Command::Look {
            wallet: self.wallet(),
        }
    }

    fn switch(&mut self) -> Command {
        let wallet = self.wallet();
        // Twice as often off as on, or nobody could pay after a while.
        if self.one_in(3) {
            Command::Freeze { wallet }
        } else {
            Command::Unfreeze { wallet }
        }
    }

    fn find(&mut self) -> Command {
        let (payment, merchant) = self.some_payment();
        let caller = Caller::Key(key_of_merchant(match self.draw.below(20) {
            0 => merchant.0 % MERCHANTS + 1,
            _ => merchant.0,
        }));
        match self.draw.below(4) {
            0 => Command::FindPaymentById {
                caller,
                merchant,
                payment,
            },
            1 => Command::FindRefund {
                caller,
                merchant,
                name: format!("r{}", self.draw.below(40)).into(),
                payment: None,
            },
            2 => {
                let name = format!("r{}", self.draw.below(40)).into();
                Command::FindRefund {
                    caller,
                    merchant,
                    name,
                    payment: Some(payment),
                }
            }
            _ => Command::FindPayment {
                caller,
                merchant,
                name: format!("p{}", self.draw.below(self.made + 5)).into(),
            },
        }
    }

    fn paper(&mut self) -> Command {
        let wallet = self.wallet();
        let merchant = MerchantId(self.draw.below(u64::from(MERCHANTS)) as u32 + 1);
        let key = key_of_merchant(merchant.0);
        let till = self.draw.below(u64::from(TILLS)) as u32 + 1;
        match self.draw.below(24) {
            0 => Command::RevokeApiKey { key },
            1..6 => Command::BindApiKey { key, merchant },
            6 => Command::BindTill {
                till: TillId(till),
                device: None,
            },
            7..12 => Command::BindTill {
                till: TillId(till),
                device: Some(device_of_till(till)),
            },
            12 => Command::RevokeAuthorization {
                authorization: grant(wallet.0, merchant.0),
            },
            13..17 => Command::GrantAuthorization {
                authorization: grant(wallet.0, merchant.0),
                wallet,
                merchant,
            },
            17 => Command::RevokeCredential {
                wallet,
                credential: Fingerprint(u128::from(wallet.0)),
            },
            18..21 => Command::BindCredential {
                wallet,
                credential: Fingerprint(u128::from(wallet.0)),
            },
            21 => Command::OpenStore { merchant },
            22 => Command::OpenTill {
                store: StoreId(till),
            },
            _ => Command::OpenWallet {
                credential: Fingerprint(u128::from(self.draw.below(WALLETS * 2))),
            },
        }
    }

    // ---- small choices

    fn some_payment(&mut self) -> (PaymentId, MerchantId) {
        let newest = if self.one_in(3) {
            0
        } else {
            self.payments.len().saturating_sub(50)
        };
        let none = (PaymentId(4), MerchantId(1));
        pick(&mut self.draw, &self.payments[newest..]).unwrap_or(none)
    }
    fn wallet(&mut self) -> WalletId {
        WalletId(self.draw.below(WALLETS + 1) + 1)
    }
    fn price(&mut self) -> Amount {
        Amount::yen(match self.draw.below(100) {
            0 => 0,
            1 => Amount::MAX_MINOR,
            2 => self.draw.below(200_000),
            3..20 => self.draw.below(20_000),
            _ => self.draw.below(1_500) + 1,
        })
    }
    fn name(&mut self) -> Box<str> {
        self.made += 1;
        format!("p{}", self.made).into()
    }
    fn one_in(&mut self, many: u64) -> bool {
        self.draw.below(many) == 0
    }
}

fn pick<T: Copy>(draw: &mut Draw, from: &[T]) -> Option<T> {
    (!from.is_empty()).then(|| from[draw.below(from.len() as u64) as usize])
}

fn pick_clone<T: Clone>(draw: &mut Draw, from: &[T]) -> Option<T> {
    (!from.is_empty()).then(|| from[draw.below(from.len() as u64) as usize].clone())
}
