//! A small chain to test on: two merchants, two customers, one act at a time.

use mamori_domain::book::CoolingReason;
use mamori_domain::book::{Book, HashKey};
use mamori_domain::command::{Charge, Command, CommandKind, CreditKind, RefundRequest, Request};
use mamori_domain::context::{
    Actor, AgentFamily, Asker, Context, ContextId, NetworkOrigin, PrefixKind, SystemReason,
};
use mamori_domain::decide::{Limits, Prefetched};
use mamori_domain::event::{Act, Event};
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, HoldId, IdSpace, MerchantId, OperatorId, PaymentId, SessionId,
    ShardId, StoreId, TillId, TopUpId, WalletId,
};
use mamori_domain::lifecycle::{Purpose, Sealed, Stamped, TakenOver};
use mamori_domain::merchant::{Prefecture, StoreDetails, StoreKind};
use mamori_domain::money::Amount;
use mamori_domain::pay::{CodeDesk, OrderInfo, Payer, Payment, Refund, at_desk};
use mamori_domain::query::Query;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::{Outcome, Reply};
use mamori_domain::world::{Draw, Timestamp, World};
use std::collections::BTreeSet;

pub const NOON: Timestamp = Timestamp::from_seconds(1_795_230_000);
pub const BAKERY: MerchantId = MerchantId(1);
pub const BOOKSHOP: MerchantId = MerchantId(2);
pub const BAKERY_KEY: Fingerprint = Fingerprint(101);
pub const BOOKSHOP_KEY: Fingerprint = Fingerprint(102);
/// Was the bakery's, and is revoked.
pub const DEAD_KEY: Fingerprint = Fingerprint(103);
/// The till page's device in the bakery, at its first till.
pub const DEVICE: Fingerprint = Fingerprint(104);
pub const SORAS_PASSKEY: Fingerprint = Fingerprint(1);
pub const RIKUS_PASSKEY: Fingerprint = Fingerprint(2);
/// Sora lets the bakery charge without a scan.
pub const GRANT: AuthorizationId = AuthorizationId(1 << 100);

pub const BAKERYS_STORE: StoreId = StoreId(1);
pub const BOOKSHOPS_STORE: StoreId = StoreId(2);
pub const FIRST_TILL: TillId = TillId(1);
/// Also the bakery's; no device speaks for it.
pub const SECOND_TILL: TillId = TillId(2);
pub const BOOKSHOPS_TILL: TillId = TillId(3);

/// A row of the journal.
pub struct Row {
    pub seq: u64,
    pub at: Timestamp,
    pub acts: Vec<Act>,
}

impl Row {
    /// What happened in it.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.acts.iter().flat_map(|act| &act.events)
    }
}

pub struct Fixture {
    pub book: Book,
    pub desk: CodeDesk,
    pub draw: Draw,
    pub limits: Limits,
    pub now: Timestamp,
    pub seq: u64,
    pub sora: WalletId,
    pub riku: WalletId,
    /// All that happened, row by row.
    pub journal: Vec<Row>,
    /// Contexts that the journal has defined already.
    defined: BTreeSet<ContextId>,
    /// The next row begins with a seal.
    pub seal_is_due: bool,
}

pub fn hash_key() -> HashKey {
    HashKey::new(&[7; 32])
}

pub fn empty_book() -> Book {
    Book::new(hash_key())
}

// ---- who asks

fn from(by: Actor, hash: u64, agent: AgentFamily) -> Asker {
    let prefix = PrefixKind::V4;
    Asker::new(Context {
        by,
        network: Some(NetworkOrigin { hash, prefix }),
        agent,
    })
}

/// A merchant's program.
pub fn as_key(key: Fingerprint) -> Asker {
    from(Actor::Key { key }, 7, AgentFamily::Program)
}

/// The till page on a device.
pub fn as_till(till: TillId, device: Fingerprint) -> Asker {
    from(Actor::till(till, device), 8, AgentFamily::Chrome)
}

/// A customer in a session of her own.
pub fn as_customer(wallet: WalletId) -> Asker {
    let by = Actor::Customer {
        wallet,
        session: SessionId(u128::from(wallet.0) << 64),
        credential: None,
        device: None,
    };
    from(by, 9, AgentFamily::SafariPhone)
}

/// The same, on a device that has proven its key.
pub fn as_customer_on(wallet: WalletId, device: Fingerprint) -> Asker {
    let by = Actor::Customer {
        wallet,
        session: SessionId(u128::from(wallet.0) << 64),
        credential: None,
        device: Some(device),
    };
    from(by, 9, AgentFamily::SafariPhone)
}

/// A member of the operator's staff.
pub fn as_operator() -> Asker {
    let by = Actor::Operator {
        operator: OperatorId(31),
        session: SessionId(32),
    };
    from(by, 10, AgentFamily::Firefox)
}

/// The program itself.
pub fn as_system(reason: SystemReason) -> Asker {
    Asker::system(reason)
}

/// The merchant's program that is asked for when a test does not say who.
fn as_program_of(merchant: MerchantId) -> Asker {
    as_key(if merchant == BOOKSHOP {
        BOOKSHOP_KEY
    } else {
        BAKERY_KEY
    })
}

pub fn bakerys_details() -> StoreDetails {
    StoreDetails {
        prefecture: Prefecture::new(13),
        town: Some("台東区".into()),
        kind: Some(StoreKind::Bakery),
    }
}

impl Fixture {
    /// The bakery (store 1 with tills 1 and 2) and the bookshop (store 2 with till 3); Sora has 10,000 yen, Riku nothing.
    pub fn open() -> Fixture {
        let mut fixture = Fixture {
            book: empty_book(),
            desk: CodeDesk::default(),
            draw: Draw::from_seed(11),
            limits: Limits::default(),
            now: NOON,
            seq: 0,
            sora: WalletId(0),
            riku: WalletId(0),
            journal: Vec::new(),
            defined: BTreeSet::new(),
            seal_is_due: false,
        };
        let purpose = Purpose::Development;
        let shard = ShardId(3);
        let incarnation = 0;
        let ids = IdSpace { incarnation, shard };
        fixture.upkeep(SystemReason::Upkeep, Stamped { purpose, ids });
        for command in [
            Command::OpenMerchant,
            Command::OpenMerchant,
            Command::OpenStore {
                merchant: BAKERY,
                details: bakerys_details(),
            },
            Command::OpenStore {
                merchant: BOOKSHOP,
                details: StoreDetails::default(),
            },
            Command::OpenTill {
                store: BAKERYS_STORE,
            },
            Command::OpenTill {
                store: BAKERYS_STORE,
            },
            Command::OpenTill {
                store: BOOKSHOPS_STORE,
            },
            Command::BindTill {
                till: FIRST_TILL,
                device: Some(DEVICE),
            },
            Command::BindApiKey {
                key: BAKERY_KEY,
                merchant: BAKERY,
            },
            Command::BindApiKey {
                key: BOOKSHOP_KEY,
                merchant: BOOKSHOP,
            },
            Command::BindApiKey {
                key: DEAD_KEY,
                merchant: BAKERY,
            },
            Command::RevokeApiKey { key: DEAD_KEY },
        ] {
            fixture.tell(command).expect("the chain opens");
        }
        fixture.sora = fixture.sign_up(SORAS_PASSKEY);
        fixture.riku = fixture.sign_up(RIKUS_PASSKEY);
        let (wallet, merchant) = (fixture.sora, BAKERY);
        fixture
            .tell(Command::GrantAuthorization {
                authorization: GRANT,
                wallet,
                merchant,
            })
            .expect("Sora has a wallet");
        fixture
            .give(wallet, "first", 10_000)
            .expect("below the cap");
        fixture
    }

    fn sign_up(&mut self, credential: Fingerprint) -> WalletId {
        match self.tell(Command::OpenWallet {
            credential,
            device: None,
        }) {
            Ok(Reply::WalletOpened(wallet)) => wallet,
            other => panic!("{other:?}"),
        }
    }

    /// Who asks for such a command as a rule.
    pub fn usual_asker(&self, command: &Command) -> Asker {
        match command {
            Command::OpenMerchant
            | Command::OpenStore { .. }
            | Command::DescribeStore { .. }
            | Command::SetReversalRule { .. }
            | Command::OpenTill { .. }
            | Command::BindTill { .. }
            | Command::BindApiKey { .. }
            | Command::RevokeApiKey { .. }
            | Command::NoteWallet { .. }
            | Command::Credit { .. } => as_operator(),
            Command::OpenWallet { .. } => as_system(SystemReason::SignUp),
            Command::CoolWallet { .. } => as_system(SystemReason::Reconciliation),
            Command::BindCredential { wallet, .. }
            | Command::RevokeCredential { wallet, .. }
            | Command::BindDevice { wallet, .. }
            | Command::Freeze { wallet }
            | Command::Unfreeze { wallet }
            | Command::GrantAuthorization { wallet, .. }
            | Command::IssueCode { wallet }
            | Command::EndSession { wallet, .. }
            | Command::StartTopUp { wallet, .. } => as_customer(*wallet),
            Command::RevokeAuthorization { .. } => as_customer(self.sora),
            Command::Charge(charge) | Command::Hold { charge, .. } => {
                as_program_of(charge.merchant)
            }
            Command::Cancel { merchant, .. } | Command::Capture { merchant, .. } => {
                as_program_of(*merchant)
            }
            Command::Refund(request) => as_program_of(request.merchant),
            Command::Release { .. } => as_key(BAKERY_KEY),
            Command::ReleaseExpired => as_system(SystemReason::HoldExpiry),
            Command::ProveRegistry { .. } => as_system(SystemReason::Upkeep),
            Command::ConfirmTopUp { .. } | Command::FailTopUp { .. } => {
                as_system(SystemReason::CardProcessor)
            }
        }
    }

    /// Decides, applies and settles one command of the asker it usually has.
    pub fn tell(&mut self, command: Command) -> Outcome {
        self.tell_as(self.usual_asker(&command), command)
    }

    pub fn tell_as(&mut self, asker: Asker, command: Command) -> Outcome {
        self.tell_knowing(&Prefetched::NOTHING, asker, command)
    }

    /// The same, with facts that memory does not hold.
    pub fn tell_knowing(
        &mut self,
        prefetched: &Prefetched,
        asker: Asker,
        command: Command,
    ) -> Outcome {
        let kind = command.kind();
        let (outcome, events) = self.decide(prefetched, &Request::command(asker, command));
        if !events.is_empty() {
            self.write(asker, kind, events);
        }
        self.desk.settle();
        outcome
    }

    /// Reads.
    pub fn ask_as(&mut self, asker: Asker, query: Query) -> Outcome {
        let (outcome, events) = self.decide(&Prefetched::NOTHING, &Request::query(asker, query));
        assert_eq!(events, [], "a query changes nothing");
        outcome
    }

    /// Decides as a shard does, with the code desk at hand, and applies nothing.
    pub fn decide(&mut self, prefetched: &Prefetched, request: &Request) -> (Outcome, Vec<Event>) {
        let mut world = World {
            now: self.now,
            draw: &mut self.draw,
        };
        let decision = at_desk(
            &self.book,
            &mut self.desk,
            &self.limits,
            &mut prefetched.clone(),
            request,
            &mut world,
        );
        (decision.outcome, decision.events)
    }

    /// An event of the shard itself.
    pub fn upkeep(&mut self, reason: SystemReason, event: impl Into<Event>) {
        self.write(as_system(reason), CommandKind::Upkeep, vec![event.into()]);
    }

    /// A seal in a row of its own, as at a clean end.
    pub fn seal(&mut self) {
        let seal = Sealed::ours(self.book.hash());
        self.upkeep(SystemReason::Upkeep, seal);
    }

    /// Another process owns the shard from now on. It does not know which contexts were defined before it, and defines them
    /// again.
    pub fn take_over(&mut self) {
        self.defined.clear();
        let epoch = self.book.counters().epoch + 1;
        self.upkeep(SystemReason::Upkeep, TakenOver { epoch });
    }

    fn write(&mut self, asker: Asker, command: CommandKind, events: Vec<Event>) {
        let mut acts = Vec::new();
        if std::mem::take(&mut self.seal_is_due) {
            let seal = Sealed::ours(self.book.hash()).into();
            let asker = as_system(SystemReason::Upkeep);
            acts.push(self.act(asker, CommandKind::Upkeep, vec![seal]));
        }
        acts.push(self.act(asker, command, events));
        self.seq += 1;
        let (seq, at) = (self.seq, self.now);
        let row = Row { seq, at, acts };
        self.book.open_row(seq, at);
        row.events().for_each(|event| self.book.apply(event));
        self.book.settle();
        self.book.audit();
        self.journal.push(row);
    }

    fn act(&mut self, asker: Asker, command: CommandKind, events: Vec<Event>) -> Act {
        let is_new = self.defined.insert(asker.id);
        Act {
            by: Some(asker.id),
            context: is_new.then_some(asker.context),
            command,
            request: asker.request,
            events,
        }
    }

    pub fn balance(&self, wallet: WalletId) -> u64 {
        let row = self.book.wallet(wallet).expect("the wallet exists");
        row.lots.total()
    }

    // ---- what customers, cashiers and operators do all day

    pub fn give(&mut self, wallet: WalletId, id: &str, yen: u64) -> Outcome {
        self.tell(Command::Credit {
            wallet,
            idempotency_key: id.into(),
            amount: Amount::yen(yen),
            kind: CreditKind::Cash,
        })
    }

    /// It cools for so many seconds.
    pub fn cool(&mut self, wallet: WalletId, seconds: i64) -> Outcome {
        self.tell(Command::CoolWallet {
            wallet,
            until: self.now.plus_seconds(seconds),
            reason: CoolingReason::Recovery,
        })
    }

    pub fn freeze(&mut self, wallet: WalletId) {
        self.tell(Command::Freeze { wallet }).expect("it exists");
    }

    pub fn unfreeze(&mut self, wallet: WalletId) {
        self.tell(Command::Unfreeze { wallet }).expect("it exists");
    }

    /// The code that a wallet's phone shows now.
    pub fn show_code(&mut self, wallet: WalletId) -> u64 {
        match self.tell(Command::IssueCode { wallet }) {
            Ok(Reply::Code { digits, .. }) => digits,
            other => panic!("{other:?}"),
        }
    }

    /// Charges Sora at the bakery by her standing permission.
    pub fn pay(&mut self, id: &str, yen: u64) -> Result<Payment, Refusal> {
        payment(self.tell(Command::Charge(by_grant(id, yen))))
    }

    pub fn refund(&mut self, payment: PaymentId, id: &str, yen: u64) -> Result<Refund, Refusal> {
        match self.tell(Command::Refund(refund_request(payment, id, yen))) {
            Ok(Reply::Refund(refund)) => Ok(*refund),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal),
        }
    }

    pub fn cancel(&mut self, id: &str) -> Outcome {
        self.tell(Command::Cancel {
            merchant: BAKERY,
            merchant_payment_id: id.into(),
        })
    }

    /// Sets money of Sora's aside at the bakery, by her standing permission.
    pub fn hold(&mut self, id: &str, yen: u64, seconds: i64) -> HoldId {
        let expires_at = self.now.plus_seconds(seconds);
        let charge = by_grant(id, yen);
        match self.tell(Command::Hold { charge, expires_at }) {
            Ok(Reply::Held { hold }) => hold,
            other => panic!("{other:?}"),
        }
    }

    pub fn capture(&mut self, hold: HoldId, yen: u64) -> Outcome {
        self.tell(Command::Capture {
            merchant: BAKERY,
            hold,
            amount: Amount::yen(yen),
        })
    }

    pub fn start_top_up(
        &mut self,
        wallet: WalletId,
        id: &str,
        yen: u64,
    ) -> Result<TopUpId, Refusal> {
        let started = self.tell(Command::StartTopUp {
            wallet,
            idempotency_key: id.into(),
            amount: Amount::yen(yen),
        });
        match started {
            Ok(Reply::TopUp { top_up, .. }) => Ok(top_up),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal),
        }
    }

    pub fn confirm(&mut self, top_up: TopUpId, yen: u64) -> Outcome {
        let amount = Amount::yen(yen);
        self.tell(Command::ConfirmTopUp { top_up, amount })
    }

    pub fn fail(&mut self, top_up: TopUpId, expired: bool) -> Outcome {
        self.tell(Command::FailTopUp { top_up, expired })
    }
}

pub fn payment(outcome: Outcome) -> Result<Payment, Refusal> {
    match outcome {
        Ok(Reply::Payment(payment)) => Ok(payment),
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal),
    }
}

pub fn by_grant(id: &str, yen: u64) -> Charge {
    Charge {
        merchant: BAKERY,
        merchant_payment_id: id.into(),
        payer: Payer::Authorization(GRANT),
        amount: Amount::yen(yen),
        store: Some(BAKERYS_STORE),
        till: Some(FIRST_TILL),
        order: OrderInfo::default().into(),
    }
}

pub fn by_code(digits: u64, id: &str, yen: u64) -> Charge {
    Charge {
        payer: Payer::Code(digits),
        ..by_grant(id, yen)
    }
}

pub fn refund_request(payment: PaymentId, id: &str, yen: u64) -> RefundRequest {
    RefundRequest {
        merchant: BAKERY,
        merchant_refund_id: id.into(),
        payment,
        amount: Amount::yen(yen),
        reason: None,
        requested_at: 0,
    }
}
