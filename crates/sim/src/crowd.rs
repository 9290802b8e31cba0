//! The people of a storm: customers with their phones, cashiers, merchants' programs, a card network and operators, who ask for
//! all there is to ask for, from many sessions, devices and networks.

use mamori_domain::command::{Ask, Charge, Command, CreditKind, RefundRequest, Request};
use mamori_domain::context::{
    Actor, AgentFamily, Asker, Context, NetworkOrigin, PrefixKind, RequestId, SystemReason,
};
use mamori_domain::identity::SealedText;
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, HoldId, MerchantId, OperatorId, PaymentId, SessionId, StoreId,
    SupervisorId, TillId, TopUpId, WalletId,
};
use mamori_domain::merchant::{Prefecture, ReversalRule, StoreDetails, StoreKind, TillReach};
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer};
use mamori_domain::query::Query;
use mamori_domain::reply::{Outcome, Reply};
use mamori_domain::world::{Draw, Timestamp};
use std::collections::HashMap;

const MERCHANTS: u32 = 3;
const STORES: u32 = 6;
const TILLS: u32 = 12;
const WALLETS: u64 = 300;
const OPERATORS: u64 = 3;

/// Who asks, and what they have seen so far.
pub struct Crowd {
    draw: Draw,
    made: u64,
    requests: u64,
    /// Contexts that were asked in, with their names.
    askers: HashMap<Context, Asker>,
    /// Digits of codes and the wallets that showed them, newest last.
    codes: Vec<u64>,
    payments: Vec<(PaymentId, MerchantId)>,
    holds: Vec<(HoldId, MerchantId)>,
    top_ups: Vec<(TopUpId, Amount)>,
    /// Requests under an id, and who asked: to be asked again.
    asked: Vec<(Actor, Command)>,
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
fn till_of_merchant(merchant: u32, which: u32) -> u32 {
    (merchant - 1) * 4 + which + 1
}
fn merchant_of_store(store: u32) -> u32 {
    (store - 1) / 2 + 1
}
/// The key of one of a customer's devices.
fn phone(wallet: WalletId, number: u128) -> Fingerprint {
    Fingerprint(u128::from(wallet.0) << 32 | number << 8 | 5)
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
            requests: 0,
            askers: HashMap::new(),
            codes: Vec::new(),
            payments: Vec::new(),
            holds: Vec::new(),
            top_ups: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// What a run begins with: merchants, stores, tills, keys, customers.
    pub fn opening(&mut self) -> Vec<Request> {
        let mut acts = vec![Command::OpenMerchant; MERCHANTS as usize];
        acts.extend((1..=STORES).map(|store| Command::OpenStore {
            merchant: MerchantId(merchant_of_store(store)),
            details: StoreDetails::default(),
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
        let seed = Actor::system(SystemReason::CommandLine);
        let mut opening: Vec<Request> = acts
            .into_iter()
            .map(|command| self.request(seed, Ask::Command(command)))
            .collect();
        for number in 1..=WALLETS {
            let wallet = WalletId(number);
            let credential = Fingerprint(u128::from(number));
            let sign_up = Actor::system(SystemReason::SignUp);
            let merchant = MerchantId(number as u32 % MERCHANTS + 1);
            let first = Command::Credit {
                wallet,
                idempotency_key: "first".into(),
                amount: Amount::yen(50_000),
                kind: CreditKind::Cash,
            };
            let permission = Command::GrantAuthorization {
                authorization: grant(number, merchant.0),
                wallet,
                merchant,
            };
            let owner = self.customer(wallet);
            for (by, command) in [
                (
                    sign_up,
                    Command::OpenWallet {
                        credential,
                        device: None,
                    },
                ),
                (seed, first),
                (owner, permission),
            ] {
                opening.push(self.request(by, Ask::Command(command)));
            }
        }
        opening
    }

    /// What a client asks that will not live to hear the answer. Each has a name: it must be found again in the journal.
    pub fn last_words(&mut self) -> Request {
        let (by, command) = match self.draw.below(4) {
            0 => self.credit(),
            1 => self.refund(),
            2 => self.start_top_up(),
            _ => self.pay_by_grant(),
        };
        self.request(by, Ask::Command(command))
    }

    /// Anything.
    pub fn wish(&mut self, at: Timestamp) -> Request {
        let (by, command) = match self.draw.below(100) {
            0..12 => {
                let wallet = self.wallet();
                let by = self.owner(wallet);
                return self.request(by, Ask::Command(Command::IssueCode { wallet }));
            }
            12..32 => self.pay_by_code(),
            32..52 => self.pay_by_grant(),
            52..64 => return self.again(),
            64..74 => self.refund(),
            74..78 => self.cancel(),
            78..81 => self.hold(at),
            81..84 => self.end_of_hold(),
            84..87 => self.start_top_up(),
            87..91 => self.word_of_the_card(),
            91..95 => self.credit(),
            95..97 => return self.look(),
            97 => self.switch(),
            98 => return self.find(),
            _ => {
                let (by, command) = self.paper();
                return self.request(by, Ask::Command(command));
            }
        };
        let known = (by, command.clone());
        if self.asked.len() < 1 << 16 {
            self.asked.push(known);
        } else {
            let at = self.draw.below(self.asked.len() as u64) as usize;
            self.asked[at] = known;
        }
        self.request(by, Ask::Command(command))
    }

    /// What an answer teaches.
    pub fn hear(&mut self, ask: &Ask, outcome: &Outcome) {
        let (Ask::Command(command), Ok(reply)) = (ask, outcome) else {
            return;
        };
        match (command, reply) {
            (Command::IssueCode { .. }, Reply::Code { digits, .. }) => self.codes.push(*digits),
            (Command::Charge(charge), Reply::Payment(payment)) => {
                self.payments.push((payment.id, charge.merchant))
            }
            (Command::Hold { charge, .. }, Reply::Held { hold }) => {
                self.holds.push((*hold, charge.merchant))
            }
            (Command::Capture { merchant, hold, .. }, Reply::Released) => {
                self.payments.push((PaymentId(hold.0), *merchant))
            }
            (Command::StartTopUp { amount, .. }, Reply::TopUp { top_up, .. }) => {
                self.top_ups.push((*top_up, *amount))
            }
            _ => {}
        }
    }

    // ---- who asks, and from where

    /// A request with a name, out of a context that fits its actor. What the program does by itself has no name.
    fn request(&mut self, by: Actor, ask: Ask) -> Request {
        let context = self.context(by);
        let known = self.askers.entry(context);
        let asker = *known.or_insert_with(|| Asker::new(context));
        self.requests += 1;
        let request = match by {
            Actor::System { .. } => RequestId::default(),
            // An odd factor: every name differs, none is zero, and half of them have the highest bit set.
            _ => RequestId(self.requests.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        };
        Request {
            asker: asker.with_request(request),
            ask,
        }
    }

    fn context(&mut self, by: Actor) -> Context {
        let (hash, prefix, agent) = match by {
            Actor::System { reason } => return Context::system(reason),
            // At home, at work, on the way; neighbours share a network.
            Actor::Customer {
                wallet, session, ..
            } => {
                let agent = match session.0 % 3 {
                    0 => AgentFamily::SafariPhone,
                    1 => AgentFamily::ChromePhone,
                    _ => AgentFamily::Firefox,
                };
                let place = self.draw.below(3);
                (wallet.0 / 8 * 3 + place, PrefixKind::V6, agent)
            }
            Actor::Operator { operator, .. } => {
                (operator.0 as u64, PrefixKind::Loopback, AgentFamily::Edge)
            }
            Actor::Till { till, .. } => {
                let store = u64::from(store_of_till(till.0.max(1)));
                (store, PrefixKind::V4, AgentFamily::Safari)
            }
            // Two servers, and they take turns.
            Actor::Key { key } => {
                let server = self.draw.below(2);
                (
                    key.0 as u64 * 2 + server,
                    PrefixKind::V4,
                    AgentFamily::Program,
                )
            }
        };
        // Now and then a proxy in between says nothing of the client.
        let network = (!self.one_in(50)).then_some(NetworkOrigin { hash, prefix });
        Context { by, network, agent }
    }

    /// One of a customer's devices. An old session does not say which credential opened it.
    fn customer(&mut self, wallet: WalletId) -> Actor {
        let device = u128::from(self.draw.below(3));
        Actor::Customer {
            wallet,
            session: SessionId(u128::from(wallet.0) << 64 | device),
            credential: (device > 0).then_some(Fingerprint(u128::from(wallet.0))),
            // An old session says of no device that it has proven its key.
            device: (device > 0).then_some(phone(wallet, device)),
        }
    }
    /// The customer whose wallet it is, and now and then another one.
    fn owner(&mut self, wallet: WalletId) -> Actor {
        let who = if self.one_in(60) {
            self.wallet()
        } else {
            wallet
        };
        self.customer(who)
    }
    fn operator(&mut self) -> Actor {
        let number = u128::from(self.draw.below(OPERATORS)) + 1;
        Actor::Operator {
            operator: OperatorId(number << 70),
            session: SessionId(number << 90 | u128::from(self.draw.below(2))),
        }
    }
    /// The merchant's program, or the page at one of its tills.
    fn teller(&mut self, merchant: MerchantId) -> Actor {
        if self.one_in(2) {
            let key = key_of_merchant(merchant.0);
            return Actor::Key { key };
        }
        let till = till_of_merchant(merchant.0, self.draw.below(4) as u32);
        Actor::Till {
            till: TillId(till),
            device: device_of_till(till),
            approved_by: (!self.one_in(3)).then_some(SupervisorId(u64::from(till))),
        }
    }

    // ---- one kind of wish each

    fn pay_by_code(&mut self) -> (Actor, Command) {
        let (by, charge) = self.charge_by_code();
        (by, Command::Charge(charge))
    }

    fn pay_by_grant(&mut self) -> (Actor, Command) {
        let (by, charge) = self.charge_by_grant();
        (by, Command::Charge(charge))
    }

    fn hold(&mut self, at: Timestamp) -> (Actor, Command) {
        let (by, charge) = if self.one_in(2) {
            self.charge_by_grant()
        } else {
            self.charge_by_code()
        };
        // Some are overdue before their merchant captures them.
        let expires_at = at.plus_seconds(self.draw.below(600) as i64);
        (by, Command::Hold { charge, expires_at })
    }

    fn charge_by_code(&mut self) -> (Actor, Charge) {
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

    fn charge_by_grant(&mut self) -> (Actor, Charge) {
        let wallet = self.draw.below(WALLETS + 1) + 1;
        let merchant = if self.one_in(50) {
            self.draw.below(u64::from(MERCHANTS)) as u32 + 1
        } else {
            wallet as u32 % MERCHANTS + 1
        };
        self.charge(merchant, Payer::Authorization(grant(wallet, merchant)))
    }

    fn charge(&mut self, merchant: u32, payer: Payer) -> (Actor, Charge) {
        let mut till = till_of_merchant(merchant, self.draw.below(4) as u32);
        let by = match self.draw.below(400) {
            0..2 => Actor::Key {
                key: key_of_merchant(merchant % MERCHANTS + 1),
            },
            2..4 => Actor::till(TillId(till), Fingerprint(9)),
            4 => self.operator(),
            5 => {
                let wallet = self.wallet();
                self.customer(wallet)
            }
            6..200 => Actor::Key {
                key: key_of_merchant(merchant),
            },
            _ => Actor::till(TillId(till), device_of_till(till)),
        };
        if self.one_in(200) {
            till = self.draw.below(u64::from(TILLS) + 2) as u32;
        }
        let store = StoreId(if self.one_in(200) {
            99
        } else {
            store_of_till(till.max(1))
        });
        let bread: Box<[Box<str>]> = ["bread".into(), "\u{30D1}\u{30F3}".into()].into();
        let order = OrderInfo {
            requested_at: self.made as i64,
            categories: self.one_in(20).then_some(bread),
            ..OrderInfo::default()
        };
        let charge = Charge {
            merchant: MerchantId(merchant),
            merchant_payment_id: self.name().into(),
            payer,
            amount: self.price(),
            store: (!self.one_in(4)).then_some(store),
            till: (!self.one_in(4)).then_some(TillId(till)),
            order: order.into(),
        };
        (by, charge)
    }

    /// The same request again, now or much later, sometimes not quite the same, sometimes from another asker who may.
    fn again(&mut self) -> Request {
        let Some((mut by, mut command)) = pick_clone(&mut self.draw, &self.asked) else {
            return self.look();
        };
        if self.one_in(8) {
            by = match &command {
                Command::Charge(charge) => self.teller(charge.merchant),
                Command::Refund(request) => self.teller(request.merchant),
                Command::StartTopUp { wallet, .. } => self.customer(*wallet),
                Command::Credit { .. } => self.operator(),
                _ => by,
            };
        }
        if self.one_in(5) {
            let other = self.price();
            match &mut command {
                Command::Charge(charge) => charge.amount = other,
                Command::Refund(request) => request.amount = other,
                Command::Credit { amount, .. } | Command::StartTopUp { amount, .. } => {
                    *amount = other
                }
                _ => {}
            }
        } else if let Command::Charge(charge) = &mut command {
            // SDKs overwrite this on a retry.
            let requested_at = charge.order.requested_at + 1;
            charge.order = OrderInfo {
                requested_at,
                ..(*charge.order).clone()
            }
            .into();
        }
        if self.one_in(6) {
            // Delivered again byte for byte: nothing may be decided, only told.
            let of = Box::new(command);
            return self.request(by, Ask::Query(Query::FirstAnswer { of }));
        }
        self.request(by, Ask::Command(command))
    }

    fn refund(&mut self) -> (Actor, Command) {
        let (payment, merchant) = self.some_payment();
        let merchant = if self.one_in(100) {
            MerchantId(1)
        } else {
            merchant
        };
        let merchant_refund_id = if self.one_in(4) {
            format!("r{}", self.draw.below(40)).into()
        } else {
            self.name()
        };
        let amount = if self.one_in(3) {
            self.price()
        } else {
            Amount::yen(self.draw.below(400))
        };
        let request = RefundRequest {
            merchant,
            merchant_refund_id,
            payment,
            amount,
            reason: None,
            requested_at: 0,
        };
        (self.teller(merchant), Command::Refund(request))
    }

    fn cancel(&mut self) -> (Actor, Command) {
        let charge = (0..8).find_map(|_| match pick_clone(&mut self.draw, &self.asked) {
            Some((_, Command::Charge(charge))) => Some((
                charge.merchant,
                Box::<str>::from(&charge.merchant_payment_id),
            )),
            _ => None,
        });
        let (merchant, merchant_payment_id) = match charge {
            Some(known) if !self.one_in(5) => known,
            // A register that gave up: its charge may still be on the way.
            _ => (
                MerchantId(1),
                format!("p{}", self.made + self.draw.below(30)).into(),
            ),
        };
        let cancel = Command::Cancel {
            merchant,
            merchant_payment_id,
        };
        (self.teller(merchant), cancel)
    }

    fn end_of_hold(&mut self) -> (Actor, Command) {
        let newest = self.holds.len().saturating_sub(40);
        let (hold, merchant) =
            pick(&mut self.draw, &self.holds[newest..]).unwrap_or((HoldId(5), MerchantId(1)));
        let sweeper = Actor::system(SystemReason::HoldExpiry);
        if self.one_in(3) {
            let by = match self.draw.below(12) {
                0..2 => self.teller(MerchantId(merchant.0 % MERCHANTS + 1)),
                2 => self.operator(),
                3 => {
                    let wallet = self.wallet();
                    self.customer(wallet)
                }
                4..7 => Actor::system(SystemReason::Reconciliation),
                _ => self.teller(merchant),
            };
            return (by, Command::Release { hold });
        }
        if self.one_in(4) {
            return (sweeper, Command::ReleaseExpired);
        }
        if self.one_in(50) {
            let rows = self.draw.below(3);
            return (
                Actor::system(SystemReason::Upkeep),
                Command::ProveRegistry { rows },
            );
        }
        let amount = self.price();
        let capture = Command::Capture {
            merchant,
            hold,
            amount,
        };
        (self.teller(merchant), capture)
    }

    fn start_top_up(&mut self) -> (Actor, Command) {
        let wallet = self.wallet();
        let start = Command::StartTopUp {
            wallet,
            idempotency_key: self.name(),
            amount: Amount::yen(self.draw.below(31) * 1_000),
        };
        (self.owner(wallet), start)
    }

    fn word_of_the_card(&mut self) -> (Actor, Command) {
        let newest = self.top_ups.len().saturating_sub(60);
        let any = if self.one_in(8) { 0 } else { newest };
        let (top_up, amount) =
            pick(&mut self.draw, &self.top_ups[any..]).unwrap_or((TopUpId(3), Amount::yen(1)));
        let word = match self.draw.below(8) {
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
        };
        (Actor::system(SystemReason::CardProcessor), word)
    }

    fn credit(&mut self) -> (Actor, Command) {
        let kind = if self.one_in(2) {
            CreditKind::Cash
        } else {
            CreditKind::Goodwill
        };
        let credit = Command::Credit {
            wallet: self.wallet(),
            idempotency_key: self.name(),
            amount: Amount::yen(self.draw.below(40_000)),
            kind,
        };
        (self.operator(), credit)
    }

    fn look(&mut self) -> Request {
        let wallet = self.wallet();
        let by = if self.one_in(5) {
            self.operator()
        } else {
            self.owner(wallet)
        };
        self.request(by, Ask::Query(Query::Wallet { wallet }))
    }

    fn switch(&mut self) -> (Actor, Command) {
        let wallet = self.wallet();
        let by = if self.one_in(4) {
            self.operator()
        } else {
            self.owner(wallet)
        };
        if self.one_in(6) {
            let length = self.draw.below(5) as usize * 700;
            let note = SealedText(vec![7; length]);
            return (by, Command::NoteWallet { wallet, note });
        }
        // Mostly the one at hand: a wallet whose device is at home shows no code.
        if self.one_in(8) {
            let at_hand = match by {
                Actor::Customer { device, .. } => device,
                _ => None,
            };
            let device = at_hand.or_else(|| self.one_in(2).then_some(phone(wallet, 1)));
            return (by, Command::BindDevice { wallet, device });
        }
        // Twice as often off as on, or no customer could pay after a while.
        if self.one_in(3) {
            (by, Command::Freeze { wallet })
        } else {
            (by, Command::Unfreeze { wallet })
        }
    }

    fn find(&mut self) -> Request {
        let (payment, merchant) = self.some_payment();
        let asking = match self.draw.below(20) {
            0 => MerchantId(merchant.0 % MERCHANTS + 1),
            _ => merchant,
        };
        let by = self.teller(asking);
        let refund = format!("r{}", self.draw.below(40)).into();
        let query = match self.draw.below(4) {
            0 => Query::PaymentById { merchant, payment },
            1 => Query::Refund {
                merchant,
                merchant_refund_id: refund,
                payment: None,
            },
            2 => Query::Refund {
                merchant,
                merchant_refund_id: refund,
                payment: Some(payment),
            },
            _ => Query::Payment {
                merchant,
                merchant_payment_id: format!("p{}", self.draw.below(self.made + 5)).into(),
            },
        };
        self.request(by, Ask::Query(query))
    }

    fn paper(&mut self) -> (Actor, Command) {
        let wallet = self.wallet();
        let merchant = MerchantId(self.draw.below(u64::from(MERCHANTS)) as u32 + 1);
        if self.one_in(2) {
            return self.paper_of_customer(wallet, merchant);
        }
        let key = key_of_merchant(merchant.0);
        let till = self.draw.below(u64::from(TILLS)) as u32 + 1;
        let paper = match self.draw.below(15) {
            0 => Command::RevokeApiKey { key },
            1..5 => Command::BindApiKey { key, merchant },
            5 => Command::BindTill {
                till: TillId(till),
                device: None,
            },
            6..11 => Command::BindTill {
                till: TillId(till),
                device: Some(device_of_till(till)),
            },
            11 => Command::OpenStore {
                merchant,
                details: self.place(),
            },
            12 => Command::DescribeStore {
                store: StoreId(store_of_till(till)),
                details: self.place(),
            },
            13 => Command::SetReversalRule {
                merchant,
                rule: self.reversal_rule(),
            },
            _ => Command::OpenTill {
                store: StoreId(till),
            },
        };
        (self.operator(), paper)
    }

    fn paper_of_customer(&mut self, wallet: WalletId, merchant: MerchantId) -> (Actor, Command) {
        let authorization = grant(wallet.0, merchant.0);
        let credential = Fingerprint(u128::from(wallet.0));
        let paper = match self.draw.below(10) {
            0 => Command::RevokeAuthorization { authorization },
            1..5 => Command::GrantAuthorization {
                authorization,
                wallet,
                merchant,
            },
            5 => Command::RevokeCredential { wallet, credential },
            6..9 => Command::BindCredential { wallet, credential },
            _ => {
                let credential = Fingerprint(u128::from(self.draw.below(WALLETS * 2)));
                let sign_up = Actor::system(SystemReason::SignUp);
                return (
                    sign_up,
                    Command::OpenWallet {
                        credential,
                        device: self.one_in(2).then_some(Fingerprint(credential.0 >> 1 | 5)),
                    },
                );
            }
        };
        (self.owner(wallet), paper)
    }

    fn reversal_rule(&mut self) -> ReversalRule {
        ReversalRule {
            reach: if self.one_in(2) {
                TillReach::Merchant
            } else {
                TillReach::Store
            },
            alone_up_to: match self.draw.below(5) {
                0 => 0,
                1 => 100_000_000_000,
                2 => 10_000,
                _ => self.draw.below(2_000),
            },
        }
    }

    fn place(&mut self) -> StoreDetails {
        let town: Option<Box<str>> = match self.draw.below(6) {
            0 => Some("".into()),
            1 => Some("\u{753A}".repeat(41).into()),
            2 => Some("\u{753A}".repeat(40).into()),
            3 => Some("Ginza".into()),
            _ => None,
        };
        StoreDetails {
            prefecture: Prefecture::new(self.draw.below(50) as u8),
            town,
            kind: self.one_in(2).then_some(StoreKind::Bakery),
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
