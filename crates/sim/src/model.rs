//! The reference model: the same system once more, kept as simply as a careful shopkeeper would: maps, whole yen, no hashes, no lots, no undo.
//!
//! It shares the vocabulary of the rules (requests, ids, refusals) and none of their code. Every answer of the real thing is
//! compared with what this one says.

use mamori_domain::command::{Ask, Charge, Command, CreditKind, RefundRequest};
use mamori_domain::context::Actor;
use mamori_domain::decide::Limits;
use mamori_domain::fund::Source;
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, HoldId, MerchantId, PaymentId, RefundId, SessionId, StoreId,
    TillId, TopUpId, WalletId,
};
use mamori_domain::merchant::{ReversalRule, StoreDetails, TillReach};
use mamori_domain::pay::{Payer, PaymentStatus};
use mamori_domain::query::Query;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::{Outcome, Reply, TopUpState};
use mamori_domain::world::Timestamp;
use std::collections::{BTreeMap, HashMap, VecDeque};

#[derive(Clone, Debug, Default)]
pub struct Purse {
    pub yen: i64,
    pub held: i64,
    /// In open top-ups.
    pub pending: i64,
    pub frozen: bool,
    /// Rises when what was shown before must stop working.
    pub epoch: u32,
    pub last_entry: u64,
    /// The only one that it pays from, once its owner has named one.
    pub device: Option<Fingerprint>,
    /// Until when it pays and tops up little, and what it has paid and topped up of that.
    pub cools: Option<(Timestamp, i64, i64)>,
}

impl Purse {
    /// What was paid and topped up of a cooling that has not run out.
    fn cooling(&self, at: Timestamp) -> Option<(i64, i64)> {
        let (until, paid, came) = self.cools?;
        (at < until).then_some((paid, came))
    }

    /// Counts what it pays and tops up while it cools.
    fn use_up(&mut self, pays: i64, tops_up: i64, at: Timestamp) {
        self.cools = self.cools.filter(|(until, ..)| at < *until);
        if let Some((_, paid, came)) = &mut self.cools {
            *paid += pays;
            *came += tops_up;
        }
    }

    /// Cools it, unless it does so for as long already. What was used of a cooling stays used.
    fn cool(&mut self, until: Timestamp, at: Timestamp) -> bool {
        let longer = match self.cools {
            Some((now, ..)) if at < now => until > now,
            _ => until > at,
        };
        if longer {
            let (paid, came) = self.cooling(at).unwrap_or((0, 0));
            self.cools = Some((until, paid, came));
        }
        longer
    }
}

#[derive(Clone, Debug)]
pub struct Sale {
    pub merchant: MerchantId,
    pub wallet: WalletId,
    pub yen: i64,
    pub refunded: i64,
    /// In how many parts it was given back.
    pub parts: u32,
    pub cancelled: bool,
    pub at: Timestamp,
    pub store: Option<StoreId>,
    pub till: Option<TillId>,
}

#[derive(Clone, Debug)]
struct Return {
    payment: u64,
    wallet: WalletId,
    yen: i64,
}

#[derive(Clone, Debug)]
struct Aside {
    wallet: WalletId,
    merchant: MerchantId,
    store: Option<StoreId>,
    till: Option<TillId>,
    yen: i64,
    until: Timestamp,
}

#[derive(Clone, Debug)]
struct CardPage {
    wallet: WalletId,
    yen: i64,
    state: TopUpState,
}

/// What a code is to the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Live,
    Spent,
    Replaced,
    Ended,
}

#[derive(Clone, Debug)]
struct Code {
    wallet: WalletId,
    session: Option<SessionId>,
    epoch: u32,
    issued: Timestamp,
    expires: Timestamp,
    state: Shown,
    /// A batch that was lost may or may not have replaced it: the desk forgets nothing on the side of safety.
    doubtful: bool,
}

impl Code {
    /// For ten minutes a cashier hears what became of a code; after that it is unknown.
    fn is_remembered(&self, at: Timestamp) -> bool {
        at < self.issued.plus_seconds(600)
    }
}

fn session_of(by: Actor) -> Option<SessionId> {
    match by {
        Actor::Customer { session, .. } => Some(session),
        _ => None,
    }
}

/// Everything that must be equal for two requests to be the same one, spelled out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Same {
    Charge(i64, Payer, Option<StoreId>, Option<TillId>),
    Hold(i64, Payer, Option<StoreId>, Option<TillId>),
    Yen(&'static str, i64),
    Nothing,
}

#[derive(Clone, Debug)]
enum First {
    Sale(u64),
    Return(u64),
    Hold(u64),
    TopUp(u64),
    Credit(u64),
    Refused(Refusal),
    Tombstone,
}

/// A request's id: its kind, who asks, what it is about, the text.
type Name = (&'static str, u64, u64, Box<str>);

/// What the model says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Opened(u64),
    Bound,
    Sale {
        id: u64,
        wallet: WalletId,
        yen: i64,
        refunded: i64,
        cancelled: bool,
    },
    Cancelled,
    Return {
        id: u64,
        payment: u64,
        wallet: WalletId,
        yen: i64,
    },
    Held(u64),
    Released,
    ReleasedExpired(u32),
    TopUp(u64, TopUpState),
    Credited(u64),
    Purse {
        yen: i64,
        held: i64,
        frozen: bool,
        last_entry: u64,
    },
    /// A code with any digits.
    Code(Timestamp),
    Undecided,
}

/// The minute, how many different wrong codes in it, and the last of them.
type Guesses = (i64, u32, Option<u64>);

/// The whole state as the model keeps it: customers, merchants, payments, codes, answers.
#[derive(Clone)]
pub struct Model {
    limits: Limits,
    pub purses: BTreeMap<WalletId, Purse>,
    pub sales: BTreeMap<u64, Sale>,
    returns: BTreeMap<u64, Return>,
    asides: BTreeMap<u64, Aside>,
    pages: BTreeMap<u64, CardPage>,
    credits: BTreeMap<u64, (CreditKind, i64)>,
    firsts: HashMap<Name, (Same, First)>,
    newest_return: HashMap<(MerchantId, Box<str>), u64>,
    codes: HashMap<u64, Code>,
    /// Codes in the order they were issued.
    issued: VecDeque<(Timestamp, u64)>,
    showing: HashMap<WalletId, u64>,
    guesses: HashMap<(Option<TillId>, u128), Guesses>,
    over: HashMap<SessionId, Timestamp>,
    pub payable: BTreeMap<MerchantId, i64>,
    /// What merchants let their tills give back, where they have said so.
    rules: BTreeMap<MerchantId, ReversalRule>,
    stores: BTreeMap<StoreId, (MerchantId, StoreDetails)>,
    tills: BTreeMap<TillId, (StoreId, Option<Fingerprint>)>,
    keys: HashMap<Fingerprint, MerchantId>,
    credentials: HashMap<Fingerprint, WalletId>,
    grants: HashMap<AuthorizationId, (WalletId, MerchantId)>,
    pub card: i64,
    pub cash: i64,
    pub goodwill: i64,
    next: u64,
    registry_proven: bool,
    changed: bool,
}

impl Model {
    /// A model in which nothing has happened yet.
    pub fn new(limits: Limits) -> Model {
        Model {
            limits,
            purses: BTreeMap::new(),
            sales: BTreeMap::new(),
            returns: BTreeMap::new(),
            asides: BTreeMap::new(),
            pages: BTreeMap::new(),
            credits: BTreeMap::new(),
            firsts: HashMap::new(),
            newest_return: HashMap::new(),
            codes: HashMap::new(),
            issued: VecDeque::new(),
            showing: HashMap::new(),
            over: HashMap::new(),
            guesses: HashMap::new(),
            payable: BTreeMap::new(),
            rules: BTreeMap::new(),
            stores: BTreeMap::new(),
            tills: BTreeMap::new(),
            keys: HashMap::new(),
            credentials: HashMap::new(),
            grants: HashMap::new(),
            card: 0,
            cash: 0,
            goodwill: 0,
            next: 1,
            registry_proven: false,
            changed: false,
        }
    }

    /// Whether anything was changed since the last call: then a row must have been written.
    pub fn took_a_change(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// A restart: what lived in memory alone is gone.
    pub fn restart(&mut self) {
        self.codes.clear();
        self.issued.clear();
        self.showing.clear();
        self.over.clear();
        self.guesses.clear();
    }

    /// The customer asked for a code, and the batch was lost: the code shown before may be dead.
    pub fn doubt_code_of(&mut self, wallet: WalletId) {
        if let Some(digits) = self.showing.get(&wallet)
            && let Some(code) = self.codes.get_mut(digits)
        {
            code.doubtful = true;
        }
    }

    /// What is owed to customers and merchants is what came in.
    pub fn sums_are_zero(&self) -> bool {
        let purses: i64 = self
            .purses
            .values()
            .map(|purse| purse.yen + purse.held)
            .sum();
        let payable: i64 = self.payable.values().sum();
        purses + payable == self.card + self.cash + self.goodwill
    }

    /// How much money ever came from a source, if it exists.
    pub fn source_yen(&self, source: Source) -> Option<i64> {
        match source {
            Source::Card(TopUpId(id)) => self
                .pages
                .get(&id)
                .filter(|page| page.state == TopUpState::Succeeded)
                .map(|page| page.yen),
            Source::Cash(id) => self.credit(id.0, CreditKind::Cash),
            Source::Goodwill(id) => self.credit(id.0, CreditKind::Goodwill),
            Source::Refund(PaymentId(id)) => self.sales.get(&id).map(|sale| {
                if sale.cancelled {
                    sale.yen
                } else {
                    sale.refunded
                }
            }),
        }
    }

    fn credit(&self, id: u64, kind: CreditKind) -> Option<i64> {
        self.credits
            .get(&id)
            .filter(|row| row.0 == kind)
            .map(|row| row.1)
    }

    /// What the answer to a request must be at an instant; the model then stands as it does after it.
    pub fn tell(&mut self, by: Actor, ask: &Ask, at: Timestamp) -> Result<Said, Refusal> {
        let command = match ask {
            Ask::Query(query) => return self.tell_query(by, query, at),
            Ask::Command(command) => command,
        };
        match command {
            // Once; asked again it changes nothing.
            Command::ProveRegistry { .. } if self.registry_proven => Ok(Said::Bound),
            Command::ProveRegistry { .. } => {
                self.registry_proven = true;
                self.did(Said::Bound)
            }
            Command::OpenMerchant
            | Command::OpenStore { .. }
            | Command::DescribeStore { .. }
            | Command::SetReversalRule { .. }
            | Command::OpenTill { .. }
            | Command::BindTill { .. }
            | Command::BindApiKey { .. }
            | Command::RevokeApiKey { .. } => self.tell_shop(command),
            Command::OpenWallet { .. }
            | Command::BindCredential { .. }
            | Command::RevokeCredential { .. }
            | Command::BindDevice { .. }
            | Command::CoolWallet { .. }
            | Command::Freeze { .. }
            | Command::Unfreeze { .. }
            | Command::NoteWallet { .. }
            | Command::IssueCode { .. }
            | Command::EndSession { .. } => self.tell_customer(by, command, at),
            Command::GrantAuthorization {
                authorization,
                wallet,
                merchant,
            } => self.grant(by, *authorization, *wallet, *merchant),
            Command::RevokeAuthorization { authorization } => self.revoke(by, *authorization),
            Command::Charge(charge) => self.charge(by, charge, at, None),
            Command::Hold { charge, expires_at } => self.charge(by, charge, at, Some(*expires_at)),
            Command::Cancel {
                merchant,
                merchant_payment_id,
            } => self.cancel(by, *merchant, merchant_payment_id, at),
            Command::Refund(request) => self.refund(by, request, at),
            Command::Capture { .. } | Command::Release { .. } | Command::ReleaseExpired => {
                self.tell_hold(by, command, at)
            }
            Command::StartTopUp { .. }
            | Command::ConfirmTopUp { .. }
            | Command::FailTopUp { .. }
            | Command::Credit { .. } => self.tell_money_in(by, command, at),
        }
    }

    fn tell_query(&self, by: Actor, query: &Query, at: Timestamp) -> Result<Said, Refusal> {
        match query {
            Query::Wallet { wallet } => {
                self.own(by, *wallet)?;
                self.purse_as_seen(*wallet)
            }
            Query::Payment {
                merchant,
                merchant_payment_id,
            } => {
                self.may(by, *merchant)?;
                let name = merchant_payment_id.clone();
                let key = ("payment", u64::from(merchant.0), 0, name);
                match self.firsts.get(&key) {
                    Some((_, First::Sale(id))) => {
                        self.reaches(by, self.sales[id].merchant, self.sales[id].store)?;
                        Ok(self.sale(*id))
                    }
                    Some((_, First::Hold(id))) => Ok(Said::Held(*id)),
                    Some((_, First::Refused(refusal))) => Err(*refusal),
                    Some((_, First::Tombstone)) => Err(Refusal::CancelledBeforePayment),
                    _ => Err(Refusal::PaymentUnknown),
                }
            }
            Query::PaymentById { merchant, payment } => {
                self.may(by, *merchant)?;
                match self.sales.get(&payment.0) {
                    Some(sale) if sale.merchant == *merchant => {
                        self.reaches(by, sale.merchant, sale.store)?;
                        Ok(self.sale(payment.0))
                    }
                    _ => Err(Refusal::PaymentUnknown),
                }
            }
            Query::Refund {
                merchant,
                merchant_refund_id,
                payment,
            } => {
                self.may(by, *merchant)?;
                let name = merchant_refund_id.clone();
                let found = match payment {
                    None => self.newest_return.get(&(*merchant, name)).copied(),
                    Some(payment) => {
                        let key = ("refund", u64::from(merchant.0), payment.0, name);
                        match self.firsts.get(&key) {
                            Some((_, First::Return(id))) => Some(*id),
                            _ => None,
                        }
                    }
                };
                found
                    .map(|id| self.returned(id))
                    .ok_or(Refusal::RefundUnknown)
            }
            Query::FirstAnswer { of } => self.told_before(by, of, at),
        }
    }

    /// What a payment, a hold or a refund was told when it came first; nothing is decided by asking.
    fn told_before(&self, by: Actor, of: &Command, at: Timestamp) -> Result<Said, Refusal> {
        let (merchant, name, same) = match of {
            Command::Charge(charge) => (
                charge.merchant,
                ("payment", 0, Box::from(&charge.merchant_payment_id)),
                Same::Charge(
                    charge.amount.signed(),
                    charge.payer,
                    charge.store,
                    charge.till,
                ),
            ),
            Command::Hold { charge, .. } => (
                charge.merchant,
                ("payment", 0, Box::from(&charge.merchant_payment_id)),
                Same::Hold(
                    charge.amount.signed(),
                    charge.payer,
                    charge.store,
                    charge.till,
                ),
            ),
            Command::Refund(request) => (
                request.merchant,
                (
                    "refund",
                    request.payment.0,
                    request.merchant_refund_id.clone(),
                ),
                Same::Yen("refund", request.amount.signed()),
            ),
            _ => return Ok(Said::Undecided),
        };
        self.may(by, merchant)?;
        let (kind, about, text) = name;
        match self.firsts.get(&(kind, u64::from(merchant.0), about, text)) {
            None => match of {
                Command::Charge(charge) | Command::Hold { charge, .. } => {
                    let payer = self.payer(charge, at);
                    match payer.err().filter(|no| about_the_code(*no)) {
                        Some(dead) => Err(dead),
                        None => Ok(Said::Undecided),
                    }
                }
                _ => Ok(Said::Undecided),
            },
            Some((_, First::Tombstone)) => Err(Refusal::CancelledBeforePayment),
            Some((before, _)) if *before != same => Err(Refusal::IdempotencyConflict),
            Some((_, First::Sale(id))) => Ok(self.sale(*id)),
            Some((_, First::Hold(id))) => Ok(Said::Held(*id)),
            Some((_, First::Return(id))) => Ok(self.returned(*id)),
            Some((_, First::Refused(refusal))) => Err(*refusal),
            Some((_, other)) => unreachable!("{other:?} under a payment's or refund's id"),
        }
    }

    // ---- who may

    /// A customer touches the wallet of the session and no other one.
    fn own(&self, by: Actor, wallet: WalletId) -> Result<(), Refusal> {
        match by {
            Actor::Customer { wallet: own, .. } if own != wallet => Err(Refusal::WalletUnknown),
            _ => Ok(()),
        }
    }

    /// The customer holds the device that the wallet pays from.
    fn in_hand(&self, by: Actor, wallet: WalletId) -> Result<(), Refusal> {
        match (by, self.purse(wallet)?.device) {
            (Actor::Customer { device, .. }, Some(bound)) if device != Some(bound) => {
                Err(Refusal::DeviceNotBound)
            }
            _ => Ok(()),
        }
    }

    /// Only a live key of the merchant, or the device at one of its tills, speaks for a merchant.
    fn may(&self, by: Actor, merchant: MerchantId) -> Result<(), Refusal> {
        match by {
            Actor::Key { key } if self.keys.get(&key) == Some(&merchant) => Ok(()),
            Actor::Till { till, device, .. } => match self.tills.get(&till) {
                Some((store, Some(bound)))
                    if *bound == device && self.merchant_of(*store) == Some(merchant) =>
                {
                    Ok(())
                }
                _ => Err(Refusal::TillUnknown),
            },
            _ => Err(Refusal::KeyRevoked),
        }
    }

    // ---- shops

    fn tell_shop(&mut self, command: &Command) -> Result<Said, Refusal> {
        match command {
            Command::OpenMerchant => {
                let id = self.payable.len() as u32 + 1;
                self.payable.insert(MerchantId(id), 0);
                self.did(Said::Opened(u64::from(id)))
            }
            Command::OpenStore { merchant, details } => {
                self.merchant(*merchant)?;
                can_be_a_place(details)?;
                let id = self.stores.len() as u32 + 1;
                self.stores
                    .insert(StoreId(id), (*merchant, details.clone()));
                self.did(Said::Opened(u64::from(id)))
            }
            Command::DescribeStore { store, details } => {
                let row = self.stores.get_mut(store).ok_or(Refusal::StoreUnknown)?;
                can_be_a_place(details)?;
                let changes = row.1 != *details;
                row.1 = details.clone();
                self.maybe(changes, Said::Bound)
            }
            Command::SetReversalRule { merchant, rule } => {
                self.merchant(*merchant)?;
                if rule.alone_up_to > 99_999_999_999 {
                    return Err(Refusal::AmountOutOfBounds);
                }
                let old = self.rules.insert(*merchant, *rule);
                self.maybe(old.unwrap_or(AT_FIRST) != *rule, Said::Bound)
            }
            Command::OpenTill { store } => {
                if !self.stores.contains_key(store) {
                    return Err(Refusal::StoreUnknown);
                }
                let id = self.tills.len() as u32 + 1;
                self.tills.insert(TillId(id), (*store, None));
                self.did(Said::Opened(u64::from(id)))
            }
            Command::BindTill { till, device } => {
                let row = self.tills.get_mut(till).ok_or(Refusal::TillUnknown)?;
                let changes = row.1 != *device;
                row.1 = *device;
                self.maybe(changes, Said::Bound)
            }
            Command::BindApiKey { key, merchant } => {
                self.merchant(*merchant)?;
                match self.keys.get(key) {
                    Some(owner) if owner == merchant => Ok(Said::Bound),
                    Some(_) => Err(Refusal::AlreadyBound),
                    None => {
                        self.keys.insert(*key, *merchant);
                        self.did(Said::Bound)
                    }
                }
            }
            Command::RevokeApiKey { key } => {
                self.keys.remove(key).ok_or(Refusal::KeyRevoked)?;
                self.did(Said::Bound)
            }
            other => unreachable!("{other:?} opens no shop"),
        }
    }

    // ---- customers

    fn tell_customer(
        &mut self,
        by: Actor,
        command: &Command,
        at: Timestamp,
    ) -> Result<Said, Refusal> {
        match command {
            Command::OpenWallet { credential, device } => {
                if let Some(wallet) = self.credentials.get(credential) {
                    return Ok(Said::Opened(wallet.0));
                }
                let wallet = WalletId(self.purses.len() as u64 + 1);
                let purse = Purse {
                    device: *device,
                    epoch: u32::from(device.is_some()),
                    ..Purse::default()
                };
                self.purses.insert(wallet, purse);
                self.credentials.insert(*credential, wallet);
                self.did(Said::Opened(wallet.0))
            }
            Command::BindCredential { wallet, credential } => {
                self.own(by, *wallet)?;
                self.purse(*wallet)?;
                match self.credentials.get(credential) {
                    Some(owner) if owner == wallet => Ok(Said::Bound),
                    Some(_) => Err(Refusal::AlreadyBound),
                    None => {
                        self.credentials.insert(*credential, *wallet);
                        self.did(Said::Bound)
                    }
                }
            }
            Command::RevokeCredential { wallet, credential } => {
                self.own(by, *wallet)?;
                if self.credentials.get(credential) != Some(wallet) {
                    return Err(Refusal::CredentialUnknown);
                }
                self.credentials.remove(credential);
                self.purse_mut(*wallet).epoch += 1;
                self.did(Said::Bound)
            }
            Command::BindDevice { wallet, device } => {
                self.own(by, *wallet)?;
                if self.purse(*wallet)?.device == *device {
                    return Ok(Said::Bound);
                }
                let purse = self.purse_mut(*wallet);
                if purse.device.is_some() {
                    purse.cool(at.plus_seconds(24 * 3_600), at);
                }
                purse.device = *device;
                purse.epoch += 1;
                self.did(Said::Bound)
            }
            Command::CoolWallet { wallet, until, .. } => {
                if !matches!(by, Actor::Operator { .. } | Actor::System { .. }) {
                    return Err(Refusal::OperatorOnly);
                }
                self.purse(*wallet)?;
                let month = at.plus_seconds(30 * 24 * 3_600);
                if self.purse_mut(*wallet).cool((*until).min(month), at) {
                    self.did(Said::Bound)
                } else {
                    Ok(Said::Bound)
                }
            }
            Command::Freeze { wallet } => self.turn(by, *wallet, true),
            Command::Unfreeze { wallet } => self.turn(by, *wallet, false),
            Command::NoteWallet { wallet, note } => {
                self.own(by, *wallet)?;
                if !matches!(by, Actor::Operator { .. }) {
                    return Err(Refusal::OperatorOnly);
                }
                self.purse(*wallet)?;
                match note.0.len() {
                    1..=2_100 => self.did(Said::Bound),
                    _ => Err(Refusal::TextOutOfBounds),
                }
            }
            Command::IssueCode { wallet } => {
                self.own(by, *wallet)?;
                self.purse(*wallet)?;
                let over = session_of(by).and_then(|session| self.over.get(&session));
                if over.is_some_and(|since| at < since.plus_seconds(600)) {
                    return Err(Refusal::SessionEnded);
                }
                if self.purse(*wallet)?.frozen {
                    return Err(Refusal::WalletFrozen);
                }
                self.in_hand(by, *wallet)?;
                let life_seconds = i64::from(self.limits.code_life_seconds);
                Ok(Said::Code(at.plus_seconds(life_seconds)))
            }
            Command::EndSession { wallet, session } => {
                self.own(by, *wallet)?;
                self.over.entry(*session).or_insert(at);
                if let Some(digits) = self.showing.get(wallet)
                    && let Some(code) = self.codes.get_mut(digits)
                    && code.session == Some(*session)
                    && code.state == Shown::Live
                {
                    code.state = Shown::Ended;
                }
                Ok(Said::Bound)
            }
            other => unreachable!("{other:?} is about no customer"),
        }
    }

    fn turn(&mut self, by: Actor, wallet: WalletId, frozen: bool) -> Result<Said, Refusal> {
        self.own(by, wallet)?;
        self.purse(wallet)?;
        let purse = self.purse_mut(wallet);
        if purse.frozen != frozen {
            purse.frozen = frozen;
            purse.epoch += u32::from(frozen);
            self.changed = true;
        }
        self.purse_as_seen(wallet)
    }

    fn grant(
        &mut self,
        by: Actor,
        authorization: AuthorizationId,
        wallet: WalletId,
        merchant: MerchantId,
    ) -> Result<Said, Refusal> {
        self.own(by, wallet)?;
        self.purse(wallet)?;
        self.merchant(merchant)?;
        match self.grants.get(&authorization) {
            Some(row) if *row == (wallet, merchant) => Ok(Said::Bound),
            Some(_) => Err(Refusal::AlreadyBound),
            None if self.purse(wallet)?.frozen => Err(Refusal::WalletFrozen),
            None => {
                self.grants.insert(authorization, (wallet, merchant));
                self.did(Said::Bound)
            }
        }
    }

    /// Of another customer's permissions a customer does not even hear that they exist.
    fn revoke(&mut self, by: Actor, authorization: AuthorizationId) -> Result<Said, Refusal> {
        let unknown = Refusal::AuthorizationUnknown;
        let (wallet, _) = *self.grants.get(&authorization).ok_or(unknown)?;
        self.own(by, wallet).map_err(|_| unknown)?;
        self.grants.remove(&authorization);
        self.did(Said::Bound)
    }

    // ---- money set aside

    fn tell_hold(&mut self, by: Actor, command: &Command, at: Timestamp) -> Result<Said, Refusal> {
        match command {
            Command::Capture {
                merchant,
                hold,
                amount,
            } => {
                self.may(by, *merchant)?;
                let aside = self.asides.get(&hold.0);
                let aside = aside.filter(|row| row.merchant == *merchant);
                let aside = aside.ok_or(Refusal::HoldUnknown)?.clone();
                self.reaches(by, aside.merchant, aside.store)
                    .map_err(|_| Refusal::HoldUnknown)?;
                if at >= aside.until {
                    return Err(Refusal::HoldExpired);
                }
                if amount.is_zero() || amount.signed() > aside.yen {
                    return Err(Refusal::CaptureExceedsHold);
                }
                // What was taken is a sale under the hold's number.
                let sale = Sale {
                    merchant: *merchant,
                    wallet: aside.wallet,
                    yen: amount.signed(),
                    refunded: 0,
                    parts: 0,
                    cancelled: false,
                    at,
                    store: aside.store,
                    till: aside.till,
                };
                self.sales.insert(hold.0, sale);
                self.end_hold(*hold, &aside, amount.signed())
            }
            Command::Release { hold } => {
                let aside = self.asides.get(&hold.0);
                let aside = aside.ok_or(Refusal::HoldUnknown)?.clone();
                // The merchant that asked for it gives it back, an operator, or the program: no other client knows its id.
                if !matches!(by, Actor::System { .. } | Actor::Operator { .. }) {
                    self.may(by, aside.merchant)
                        .and_then(|()| self.reaches(by, aside.merchant, aside.store))
                        .map_err(|_| Refusal::HoldUnknown)?;
                }
                self.end_hold(*hold, &aside, 0)
            }
            Command::ReleaseExpired => {
                let mut overdue: Vec<(Timestamp, u64)> = (self.asides.iter())
                    .filter(|(_, aside)| aside.until <= at)
                    .map(|(hold, aside)| (aside.until, *hold))
                    .collect();
                overdue.sort_unstable();
                overdue.truncate(50);
                for (_, hold) in &overdue {
                    let aside = self.asides[hold].clone();
                    self.end_hold(HoldId(*hold), &aside, 0)?;
                }
                Ok(Said::ReleasedExpired(overdue.len() as u32))
            }
            other => unreachable!("{other:?} ends no hold"),
        }
    }

    fn end_hold(&mut self, hold: HoldId, aside: &Aside, taken: i64) -> Result<Said, Refusal> {
        let id = self.take_id();
        self.asides.remove(&hold.0);
        let purse = self.purse_mut(aside.wallet);
        purse.held -= aside.yen;
        purse.yen += aside.yen - taken;
        purse.last_entry = id;
        *self.payable.get_mut(&aside.merchant).expect("it held") += taken;
        self.did(Said::Released)
    }

    // ---- paying

    fn charge(
        &mut self,
        by: Actor,
        charge: &Charge,
        at: Timestamp,
        until: Option<Timestamp>,
    ) -> Result<Said, Refusal> {
        let name = Box::from(&charge.merchant_payment_id);
        let name = ("payment", u64::from(charge.merchant.0), 0, name);
        let yen = charge.amount.signed();
        let same = match until {
            None => Same::Charge(yen, charge.payer, charge.store, charge.till),
            Some(_) => Same::Hold(yen, charge.payer, charge.store, charge.till),
        };
        let first = self.firsts.get(&name).cloned();
        if first.is_none()
            && let Payer::Code(digits) = charge.payer
        {
            self.guard_guesses(by, charge, digits, at)?;
        }
        self.may(by, charge.merchant)?;
        if let Some((before, first)) = first {
            return match first {
                First::Tombstone => Err(Refusal::CancelledBeforePayment),
                _ if before != same => Err(Refusal::IdempotencyConflict),
                First::Sale(id) => Ok(self.sale(id)),
                First::Hold(id) => Ok(Said::Held(id)),
                First::Refused(refusal) => Err(refusal),
                other => unreachable!("{other:?} under a payment's id"),
            };
        }
        let wallet = match self.in_order(charge).and_then(|()| self.payer(charge, at)) {
            Ok(wallet) => wallet,
            // The customer shows another code, and the register keeps its number for the sale.
            Err(refusal) if about_the_code(refusal) => return Err(refusal),
            Err(refusal) => {
                self.firsts.insert(name, (same, First::Refused(refusal)));
                self.changed = true;
                return Err(refusal);
            }
        };
        let (said, first) = self.take_money(charge, wallet, at, until);
        self.firsts.insert(name, (same, first));
        self.did(said)
    }

    fn take_money(
        &mut self,
        charge: &Charge,
        wallet: WalletId,
        at: Timestamp,
        until: Option<Timestamp>,
    ) -> (Said, First) {
        if let Payer::Code(digits) = charge.payer {
            self.codes.get_mut(&digits).expect("it was good").state = Shown::Spent;
        }
        let (merchant, yen) = (charge.merchant, charge.amount.signed());
        let purse = self.purse_mut(wallet);
        purse.use_up(yen, 0, at);
        let id = self.take_id();
        let purse = self.purse_mut(wallet);
        purse.yen -= yen;
        purse.last_entry = id;
        if let Some(until) = until {
            purse.held += yen;
            let aside = Aside {
                wallet,
                merchant,
                store: charge.store,
                till: charge.till,
                yen,
                until,
            };
            self.asides.insert(id, aside);
            return (Said::Held(id), First::Hold(id));
        }
        *self.payable.get_mut(&merchant).expect("checked") += yen;
        let sale = Sale {
            merchant,
            wallet,
            yen,
            refunded: 0,
            parts: 0,
            cancelled: false,
            at,
            store: charge.store,
            till: charge.till,
        };
        self.sales.insert(id, sale);
        (self.sale(id), First::Sale(id))
    }

    /// Ten wrong codes within a minute, and the till must wait for the next one. A chain's registers share one key: it is
    /// the till named in the request that waits, not the chain.
    fn guard_guesses(
        &mut self,
        by: Actor,
        charge: &Charge,
        digits: u64,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        let speaks = match by {
            Actor::Till { device, .. } => device.0,
            other => other.number(),
        };
        // A made-up till is no till: else a new one for each guess would never be locked.
        let own = charge.till.filter(|till| {
            let store = self.tills.get(till).map(|(store, _)| *store);
            store.and_then(|store| self.merchant_of(store)) == Some(charge.merchant)
        });
        let who = (own, speaks);
        let minute = at.seconds().div_euclid(60);
        let guesses = self.guesses.entry(who).or_insert((minute, 0, None));
        if guesses.0 == minute && guesses.1 >= 10 {
            return Err(Refusal::TillLocked);
        }
        let known = (self.codes.get(&digits)).is_some_and(|code| code.is_remembered(at));
        if !known {
            if guesses.0 != minute {
                *guesses = (minute, 0, None);
            }
            if guesses.2 != Some(digits) {
                guesses.1 += 1;
            }
            guesses.2 = Some(digits);
        }
        Ok(())
    }

    fn in_order(&self, charge: &Charge) -> Result<(), Refusal> {
        if let Some(store) = charge.store
            && self.merchant_of(store) != Some(charge.merchant)
        {
            return Err(Refusal::StoreUnknown);
        }
        if let Some(till) = charge.till {
            let (store, _) = self.tills.get(&till).ok_or(Refusal::TillUnknown)?;
            if self.merchant_of(*store) != Some(charge.merchant)
                || charge.store.is_some_and(|named| named != *store)
            {
                return Err(Refusal::TillUnknown);
            }
        }
        let yen = charge.amount.signed();
        if yen < 1 || yen > self.limits.charge_max.signed() {
            return Err(Refusal::AmountOutOfBounds);
        }
        Ok(())
    }

    fn payer(&self, charge: &Charge, at: Timestamp) -> Result<WalletId, Refusal> {
        let wallet = match charge.payer {
            Payer::Authorization(id) => match self.grants.get(&id) {
                Some((wallet, merchant)) if *merchant == charge.merchant => *wallet,
                _ => return Err(Refusal::AuthorizationUnknown),
            },
            Payer::Code(digits) => {
                let code = self.codes.get(&digits);
                let code = code
                    .filter(|code| code.is_remembered(at))
                    .ok_or(Refusal::CodeUnknown)?;
                match code.state {
                    Shown::Spent => return Err(Refusal::CodeSpent),
                    Shown::Replaced => return Err(Refusal::CodeReplaced),
                    Shown::Ended => return Err(Refusal::CodeExpired),
                    Shown::Live if at >= code.expires => return Err(Refusal::CodeExpired),
                    Shown::Live => {}
                }
                let purse = self.purse(code.wallet)?;
                if purse.epoch != code.epoch {
                    return Err(if purse.frozen {
                        Refusal::WalletFrozen
                    } else {
                        Refusal::CodeReplaced
                    });
                }
                code.wallet
            }
        };
        let purse = self.purse(wallet)?;
        if purse.frozen {
            return Err(Refusal::WalletFrozen);
        }
        if purse
            .cooling(at)
            .is_some_and(|(paid, _)| paid + charge.amount.signed() > 30_000)
        {
            return Err(Refusal::WalletCooling);
        }
        if purse.yen < charge.amount.signed() {
            return Err(Refusal::BalanceTooSmall);
        }
        Ok(wallet)
    }

    /// The desk gave out these digits.
    pub fn learn_code(
        &mut self,
        by: Actor,
        wallet: WalletId,
        digits: u64,
        at: Timestamp,
        expires: Timestamp,
    ) {
        while let Some((issued, old)) = self.issued.front().copied()
            && at >= issued.plus_seconds(600)
        {
            self.issued.pop_front();
            self.codes.remove(&old);
        }
        self.issued.push_back((at, digits));
        if let Some(old) = self.showing.insert(wallet, digits)
            && let Some(code) = self.codes.get_mut(&old)
            && code.state == Shown::Live
        {
            code.state = Shown::Replaced;
        }
        let epoch = self.purses[&wallet].epoch;
        let state = Shown::Live;
        let row = Code {
            wallet,
            session: session_of(by),
            epoch,
            issued: at,
            expires,
            state,
            doubtful: false,
        };
        assert!(
            self.codes.insert(digits, row).is_none(),
            "the same digits twice"
        );
    }

    /// May the desk say "replaced" where the model says something else?
    pub fn may_be_replaced(&mut self, command: &Command) -> bool {
        if let Command::Charge(charge) | Command::Hold { charge, .. } = command
            && let Payer::Code(digits) = charge.payer
            && let Some(code) = self.codes.get_mut(&digits)
            && code.doubtful
        {
            code.state = Shown::Replaced;
            code.doubtful = false;
            return true;
        }
        false
    }

    fn rule(&self, merchant: MerchantId) -> ReversalRule {
        self.rules.get(&merchant).copied().unwrap_or(AT_FIRST)
    }

    /// A till's page undoes and reads what was sold in its own store, or all over the chain where the merchant likes it so.
    fn reaches(
        &self,
        by: Actor,
        merchant: MerchantId,
        store: Option<StoreId>,
    ) -> Result<(), Refusal> {
        let Actor::Till { till, .. } = by else {
            return Ok(());
        };
        let own = self.tills.get(&till).map(|(own, _)| *own);
        let chain = own.and_then(|own| self.merchant_of(own));
        let reaches = match self.rule(merchant).reach {
            TillReach::Merchant => chain == Some(merchant),
            TillReach::Store => own.is_some() && own == store,
        };
        reaches.then_some(()).ok_or(Refusal::PaymentUnknown)
    }

    /// Much money, and another till's sale, go back with a supervisor's word only.
    fn approved(&self, by: Actor, sale: &Sale, yen: i64) -> Result<(), Refusal> {
        match by {
            Actor::Till {
                till,
                approved_by: None,
                ..
            } if sale.till != Some(till)
                || (sale.refunded + yen) as u64 > self.rule(sale.merchant).alone_up_to =>
            {
                Err(Refusal::ApprovalNeeded)
            }
            _ => Ok(()),
        }
    }

    fn cancel(
        &mut self,
        by: Actor,
        merchant: MerchantId,
        name: &str,
        at: Timestamp,
    ) -> Result<Said, Refusal> {
        self.may(by, merchant)?;
        let key = ("payment", u64::from(merchant.0), 0, Box::from(name));
        let id = match self.firsts.get(&key) {
            None => {
                self.firsts.insert(key, (Same::Nothing, First::Tombstone));
                return self.did(Said::Cancelled);
            }
            Some((_, First::Sale(id))) => *id,
            Some((_, First::Hold(id))) => {
                let hold = HoldId(*id);
                let aside = self.asides.get(&hold.0).cloned();
                let aside = aside.ok_or(Refusal::HoldUnknown)?;
                self.reaches(by, aside.merchant, aside.store)?;
                return self.end_hold(hold, &aside, 0).map(|_| Said::Cancelled);
            }
            Some(_) => return Ok(Said::Cancelled),
        };
        let sale = self.sales[&id].clone();
        self.reaches(by, sale.merchant, sale.store)?;
        if sale.cancelled {
            return Ok(Said::Cancelled);
        }
        self.approved(by, &sale, sale.yen)?;
        if sale.refunded > 0 {
            return Err(Refusal::AlreadyRefunded);
        }
        // A quarter past midnight in Japan, on the day after.
        let day = (sale.at.seconds() + 32_400).div_euclid(86_400);
        if at.seconds() >= (day + 1) * 86_400 - 32_400 + 900 {
            return Err(Refusal::CancelWindowOver);
        }
        self.sales.get_mut(&id).expect("read above").cancelled = true;
        self.give_back(&sale, sale.yen);
        self.did(Said::Cancelled)
    }

    fn refund(
        &mut self,
        by: Actor,
        request: &RefundRequest,
        at: Timestamp,
    ) -> Result<Said, Refusal> {
        self.may(by, request.merchant)?;
        let payment = request.payment.0;
        if let Some(sale) = self.sales.get(&payment) {
            self.reaches(by, sale.merchant, sale.store)?;
        }
        let name = (
            "refund",
            u64::from(request.merchant.0),
            payment,
            request.merchant_refund_id.clone(),
        );
        let yen = request.amount.signed();
        let same = Same::Yen("refund", yen);
        if let Some((before, first)) = self.firsts.get(&name) {
            return match first {
                _ if *before != same => Err(Refusal::IdempotencyConflict),
                First::Return(id) => Ok(self.returned(*id)),
                First::Refused(refusal) => Err(*refusal),
                other => unreachable!("{other:?} under a refund's id"),
            };
        }
        if let Some(sale) = self.sales.get(&payment) {
            self.approved(by, sale, yen)?;
        }
        let sale = self
            .sales
            .get(&payment)
            .filter(|sale| sale.merchant == request.merchant)
            .cloned();
        let refusal = match &sale {
            None => Some(Refusal::PaymentUnknown),
            Some(sale) if sale.cancelled => Some(Refusal::AlreadyCancelled),
            Some(sale) if at.seconds() - sale.at.seconds() > 365 * 86_400 => {
                Some(Refusal::RefundWindowOver)
            }
            Some(_) if yen == 0 => Some(Refusal::AmountOutOfBounds),
            Some(sale) if yen > sale.yen - sale.refunded => Some(Refusal::RefundExceedsPayment),
            Some(sale) if sale.parts >= 100 => Some(Refusal::RefundLimit),
            Some(_) => None,
        };
        if let Some(refusal) = refusal {
            self.firsts.insert(name, (same, First::Refused(refusal)));
            self.changed = true;
            return Err(refusal);
        }
        let sale = sale.expect("it was found");
        let there = self.sales.get_mut(&payment).expect("read above");
        there.refunded += yen;
        there.parts += 1;
        let id = self.give_back(&sale, yen);
        self.returns.insert(
            id,
            Return {
                payment,
                wallet: sale.wallet,
                yen,
            },
        );
        self.newest_return
            .insert((request.merchant, request.merchant_refund_id.clone()), id);
        self.firsts.insert(name, (same, First::Return(id)));
        let said = self.returned(id);
        self.did(said)
    }

    fn give_back(&mut self, sale: &Sale, yen: i64) -> u64 {
        let id = self.take_id();
        let purse = self.purse_mut(sale.wallet);
        purse.yen += yen;
        purse.last_entry = id;
        *self.payable.get_mut(&sale.merchant).expect("it was paid") -= yen;
        id
    }

    // ---- money in

    fn tell_money_in(
        &mut self,
        by: Actor,
        command: &Command,
        at: Timestamp,
    ) -> Result<Said, Refusal> {
        match command {
            Command::StartTopUp {
                wallet,
                idempotency_key,
                amount,
            } => {
                self.own(by, *wallet)?;
                self.start(by, *wallet, idempotency_key, amount.signed(), at)
            }
            Command::ConfirmTopUp { top_up, amount } => self.confirm(*top_up, amount.signed()),
            Command::FailTopUp { top_up, expired } => {
                let page = self.pages.get_mut(&top_up.0).ok_or(Refusal::TopUpUnknown)?;
                if page.state != TopUpState::Pending {
                    return Ok(Said::TopUp(top_up.0, page.state));
                }
                page.state = if *expired {
                    TopUpState::Expired
                } else {
                    TopUpState::Failed
                };
                let (wallet, yen, state) = (page.wallet, page.yen, page.state);
                self.purse_mut(wallet).pending -= yen;
                self.did(Said::TopUp(top_up.0, state))
            }
            Command::Credit {
                wallet,
                idempotency_key,
                amount,
                kind,
            } => {
                self.own(by, *wallet)?;
                self.give(*wallet, idempotency_key, amount.signed(), *kind)
            }
            other => unreachable!("{other:?} brings no money"),
        }
    }

    fn start(
        &mut self,
        by: Actor,
        wallet: WalletId,
        name: &str,
        yen: i64,
        at: Timestamp,
    ) -> Result<Said, Refusal> {
        let key = ("credit", wallet.0, 0, Box::from(name));
        let same = Same::Yen("card", yen);
        if let Some((before, first)) = self.firsts.get(&key) {
            return match first {
                _ if *before != same => Err(Refusal::IdempotencyConflict),
                First::TopUp(id) => Ok(Said::TopUp(*id, self.pages[id].state)),
                First::Refused(refusal) => Err(*refusal),
                other => unreachable!("{other:?} under a top-up's id"),
            };
        }
        let purse = self.purse(wallet)?.clone();
        let (min, max) = (
            self.limits.top_up_min.signed(),
            self.limits.top_up_max.signed(),
        );
        let refusal = if purse.frozen {
            Some(Refusal::WalletFrozen)
        } else if let Err(refusal) = self.in_hand(by, wallet) {
            Some(refusal)
        } else if yen < min.max(1) || yen > max {
            Some(Refusal::AmountOutOfBounds)
        } else if purse
            .cooling(at)
            .is_some_and(|(_, came)| came + yen > 20_000)
        {
            Some(Refusal::WalletCooling)
        } else {
            self.cap(&purse, yen)
        };
        // The customer may try again under the same id when the limit allows it.
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let id = self.take_id();
        let purse = self.purse_mut(wallet);
        purse.pending += yen;
        purse.use_up(0, yen, at);
        let state = TopUpState::Pending;
        self.pages.insert(id, CardPage { wallet, yen, state });
        self.firsts.insert(key, (same, First::TopUp(id)));
        self.did(Said::TopUp(id, state))
    }

    fn confirm(&mut self, top_up: TopUpId, yen: i64) -> Result<Said, Refusal> {
        let page = self
            .pages
            .get(&top_up.0)
            .ok_or(Refusal::TopUpUnknown)?
            .clone();
        if page.state == TopUpState::Succeeded {
            return Ok(Said::TopUp(top_up.0, page.state));
        }
        if page.yen != yen {
            return Err(Refusal::TopUpAmountDiffers);
        }
        let id = self.take_id();
        self.pages.get_mut(&top_up.0).expect("read above").state = TopUpState::Succeeded;
        self.card += yen;
        let purse = self.purse_mut(page.wallet);
        if page.state == TopUpState::Pending {
            purse.pending -= yen;
        }
        purse.yen += yen;
        purse.last_entry = id;
        self.did(Said::TopUp(top_up.0, TopUpState::Succeeded))
    }

    fn give(
        &mut self,
        wallet: WalletId,
        name: &str,
        yen: i64,
        kind: CreditKind,
    ) -> Result<Said, Refusal> {
        let key = ("credit", wallet.0, 0, Box::from(name));
        let same = Same::Yen(
            if kind == CreditKind::Cash {
                "cash"
            } else {
                "goodwill"
            },
            yen,
        );
        if let Some((before, first)) = self.firsts.get(&key) {
            return match first {
                _ if *before != same => Err(Refusal::IdempotencyConflict),
                First::Credit(id) => Ok(Said::Credited(*id)),
                First::Refused(refusal) => Err(*refusal),
                other => unreachable!("{other:?} under a credit's id"),
            };
        }
        let purse = self.purse(wallet)?.clone();
        let refusal = if yen == 0 {
            Some(Refusal::AmountOutOfBounds)
        } else {
            self.cap(&purse, yen)
        };
        if let Some(refusal) = refusal {
            self.firsts.insert(key, (same, First::Refused(refusal)));
            self.changed = true;
            return Err(refusal);
        }
        let id = self.take_id();
        match kind {
            CreditKind::Cash => self.cash += yen,
            CreditKind::Goodwill => self.goodwill += yen,
        }
        self.credits.insert(id, (kind, yen));
        let purse = self.purse_mut(wallet);
        purse.yen += yen;
        purse.last_entry = id;
        self.firsts.insert(key, (same, First::Credit(id)));
        self.did(Said::Credited(id))
    }

    fn cap(&self, purse: &Purse, yen: i64) -> Option<Refusal> {
        let after = purse.yen + purse.held + purse.pending + yen;
        (after > self.limits.balance_cap.signed()).then_some(Refusal::BalanceCap)
    }

    // ---- small words

    fn did(&mut self, said: Said) -> Result<Said, Refusal> {
        self.changed = true;
        Ok(said)
    }
    fn maybe(&mut self, changes: bool, said: Said) -> Result<Said, Refusal> {
        self.changed |= changes;
        Ok(said)
    }
    fn take_id(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
    fn merchant(&self, id: MerchantId) -> Result<(), Refusal> {
        self.payable
            .get(&id)
            .map(drop)
            .ok_or(Refusal::MerchantUnknown)
    }
    fn merchant_of(&self, store: StoreId) -> Option<MerchantId> {
        self.stores.get(&store).map(|row| row.0)
    }
    fn purse(&self, id: WalletId) -> Result<&Purse, Refusal> {
        self.purses.get(&id).ok_or(Refusal::WalletUnknown)
    }
    fn purse_mut(&mut self, id: WalletId) -> &mut Purse {
        self.purses.get_mut(&id).expect("it was found before")
    }
    fn purse_as_seen(&self, id: WalletId) -> Result<Said, Refusal> {
        let purse = self.purse(id)?;
        Ok(Said::Purse {
            yen: purse.yen,
            held: purse.held,
            frozen: purse.frozen,
            last_entry: purse.last_entry,
        })
    }
    fn sale(&self, id: u64) -> Said {
        let sale = &self.sales[&id];
        Said::Sale {
            id,
            wallet: sale.wallet,
            yen: sale.yen,
            refunded: sale.refunded,
            cancelled: sale.cancelled,
        }
    }
    fn returned(&self, id: u64) -> Said {
        let row = &self.returns[&id];
        Said::Return {
            id,
            payment: row.payment,
            wallet: row.wallet,
            yen: row.yen,
        }
    }
}

/// A merchant who said nothing: ten thousand yen of the till's own sales, in its own store.
const AT_FIRST: ReversalRule = ReversalRule {
    reach: TillReach::Store,
    alone_up_to: 10_000,
};

/// The town's name, where one is given, has a letter and not more than forty.
fn can_be_a_place(details: &StoreDetails) -> Result<(), Refusal> {
    let letters = details.town.as_deref().map(|town| town.chars().count());
    match letters {
        Some(0 | 41..) => Err(Refusal::TextOutOfBounds),
        _ => Ok(()),
    }
}

/// Nothing of these is kept under the id of the sale.
fn about_the_code(refusal: Refusal) -> bool {
    use Refusal::{CodeExpired, CodeReplaced, CodeSpent, CodeUnknown};
    [CodeUnknown, CodeExpired, CodeSpent, CodeReplaced].contains(&refusal)
}

/// The real answer in the model's words.
pub fn in_words(outcome: &Outcome) -> Result<Said, Refusal> {
    Ok(match outcome.as_ref().map_err(|refusal| *refusal)? {
        Reply::MerchantOpened(id) => Said::Opened(u64::from(id.0)),
        Reply::StoreOpened(id) => Said::Opened(u64::from(id.0)),
        Reply::TillOpened(id) => Said::Opened(u64::from(id.0)),
        Reply::WalletOpened(id) => Said::Opened(id.0),
        Reply::Bound => Said::Bound,
        Reply::Wallet(sight) => Said::Purse {
            yen: sight.balance as i64,
            held: sight.held as i64,
            frozen: sight.frozen,
            last_entry: sight.last_entry.0,
        },
        Reply::Code { expires_at, .. } => Said::Code(*expires_at),
        Reply::Payment(payment) => Said::Sale {
            id: payment.id.0,
            wallet: payment.wallet,
            yen: payment.amount.signed(),
            refunded: payment.refunded.signed(),
            cancelled: payment.status == PaymentStatus::Cancelled,
        },
        Reply::CancelAccepted => Said::Cancelled,
        Reply::Refund(refund) => {
            let RefundId(id) = refund.id;
            Said::Return {
                id,
                payment: refund.payment.0,
                wallet: refund.wallet,
                yen: refund.amount.signed(),
            }
        }
        Reply::Held { hold } => Said::Held(hold.0),
        Reply::Released => Said::Released,
        Reply::ReleasedExpired(count) => Said::ReleasedExpired(*count),
        Reply::TopUp { top_up, state } => Said::TopUp(top_up.0, *state),
        Reply::Credited { entry } => Said::Credited(entry.0),
        Reply::Undecided => Said::Undecided,
    })
}
