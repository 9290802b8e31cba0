//! A small house to test in: two merchants, two customers, one act at a time.

use mamori_domain::act::{Act, Caller, Charge, CreditKind, Done, Outcome, RefundRequest, Refusal};
use mamori_domain::book::Book;
use mamori_domain::change::{Change, Purpose};
use mamori_domain::decide::{Facts, Rules, decide};
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, IdSpace, MerchantId, PaymentId, ShardId, StoreId, TillId,
    WalletId,
};
use mamori_domain::money::Amount;
use mamori_domain::payment::{Papers, Payer, Payment, Refund};
use mamori_domain::table::HashKey;
use mamori_domain::world::Timestamp;

pub const NOON: Timestamp = Timestamp::from_seconds(1_795_230_000);
pub const BAKERY: MerchantId = MerchantId(1);
pub const BOOKSHOP: MerchantId = MerchantId(2);
pub const BAKERY_KEY: Fingerprint = Fingerprint(101);
pub const BOOKSHOP_KEY: Fingerprint = Fingerprint(102);
pub const DEAD_KEY: Fingerprint = Fingerprint(103);
/// The till page's device in the bakery.
pub const DEVICE: Fingerprint = Fingerprint(104);
/// Sora lets the bakery charge without a scan.
pub const GRANT: AuthorizationId = AuthorizationId(1 << 100);

pub struct House {
    pub book: Book,
    pub rules: Rules,
    pub now: Timestamp,
    pub seq: u64,
    pub sora: WalletId,
    pub riku: WalletId,
    /// All that happened, row by row.
    pub journal: Vec<(u64, Timestamp, Vec<Change>)>,
}

pub fn hash_key() -> HashKey {
    HashKey::new(&[7; 32])
}

pub fn empty_book() -> Book {
    Book::new(hash_key())
}

impl House {
    /// The bakery (store 1 with tills 1 and 2) and the bookshop (store 2 with till 3); Sora has 10,000 yen, Riku nothing.
    pub fn open() -> House {
        let mut house = House {
            book: empty_book(),
            rules: Rules::default(),
            now: NOON,
            seq: 0,
            sora: WalletId(0),
            riku: WalletId(0),
            journal: Vec::new(),
        };
        let shard = ShardId(3);
        let ids = IdSpace {
            incarnation: 0,
            shard,
        };
        let purpose = Purpose::Development;
        house.write(vec![Change::Stamped { purpose, ids }]);
        for act in [
            Act::OpenMerchant,
            Act::OpenMerchant,
            Act::OpenStore { merchant: BAKERY },
            Act::OpenStore { merchant: BOOKSHOP },
            Act::OpenTill { store: StoreId(1) },
            Act::OpenTill { store: StoreId(1) },
            Act::OpenTill { store: StoreId(2) },
            Act::BindTill {
                till: TillId(1),
                device: Some(DEVICE),
            },
            Act::BindApiKey {
                key: BAKERY_KEY,
                merchant: BAKERY,
            },
            Act::BindApiKey {
                key: BOOKSHOP_KEY,
                merchant: BOOKSHOP,
            },
            Act::BindApiKey {
                key: DEAD_KEY,
                merchant: BAKERY,
            },
            Act::RevokeApiKey { key: DEAD_KEY },
        ] {
            house.tell(act).expect("the house opens");
        }
        house.sora = house.sign_up(Fingerprint(1));
        house.riku = house.sign_up(Fingerprint(2));
        let (wallet, merchant) = (house.sora, BAKERY);
        house
            .tell(Act::GrantAuthorization {
                authorization: GRANT,
                wallet,
                merchant,
            })
            .expect("Sora has a wallet");
        house.give(wallet, "first", 10_000).expect("below the cap");
        house
    }

    fn sign_up(&mut self, credential: Fingerprint) -> WalletId {
        match self.tell(Act::OpenWallet { credential }) {
            Ok(Done::WalletOpened(wallet)) => wallet,
            other => panic!("{other:?}"),
        }
    }

    /// Decides, applies and settles one act.
    pub fn tell(&mut self, act: Act) -> Outcome {
        self.tell_knowing(&Facts::NONE, act)
    }

    /// The same, with facts that memory does not hold.
    pub fn tell_knowing(&mut self, facts: &Facts, act: Act) -> Outcome {
        let decision = decide(&self.book, &self.rules, facts, &act, self.now);
        if !decision.changes.is_empty() {
            self.write(decision.changes);
        }
        decision.outcome
    }

    fn write(&mut self, changes: Vec<Change>) {
        self.seq += 1;
        self.book.open_row(self.seq, self.now);
        changes.iter().for_each(|change| self.book.apply(change));
        self.book.settle();
        self.book.audit();
        self.journal.push((self.seq, self.now, changes));
    }

    pub fn give(&mut self, wallet: WalletId, name: &str, yen: u64) -> Outcome {
        self.tell(Act::Credit {
            wallet,
            name: name.into(),
            amount: Amount::yen(yen),
            kind: CreditKind::Cash,
        })
    }

    pub fn balance(&self, wallet: WalletId) -> u64 {
        self.book
            .wallet(wallet)
            .expect("the wallet exists")
            .lots
            .total()
    }

    /// Charges Sora at the bakery by her standing permission.
    pub fn pay(&mut self, name: &str, yen: u64) -> Result<Payment, Refusal> {
        payment(self.tell(Act::Charge(by_grant(name, yen))))
    }

    pub fn refund(&mut self, payment: PaymentId, name: &str, yen: u64) -> Result<Refund, Refusal> {
        match self.tell(Act::Refund(refund_request(payment, name, yen))) {
            Ok(Done::Refund(refund)) => Ok(*refund),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal),
        }
    }

    pub fn cancel(&mut self, name: &str) -> Outcome {
        self.tell(Act::Cancel {
            caller: Caller::Key(BAKERY_KEY),
            merchant: BAKERY,
            name: name.into(),
        })
    }
}

pub fn payment(outcome: Outcome) -> Result<Payment, Refusal> {
    match outcome {
        Ok(Done::Payment(payment)) => Ok(*payment),
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal),
    }
}

pub fn by_grant(name: &str, yen: u64) -> Charge {
    Charge {
        caller: Caller::Key(BAKERY_KEY),
        merchant: BAKERY,
        name: name.into(),
        payer: Payer::Authorization(GRANT),
        amount: Amount::yen(yen),
        store: Some(StoreId(1)),
        till: Some(TillId(1)),
        papers: Papers::default(),
    }
}

pub fn refund_request(payment: PaymentId, name: &str, yen: u64) -> RefundRequest {
    RefundRequest {
        caller: Caller::Key(BAKERY_KEY),
        merchant: BAKERY,
        name: name.into(),
        payment,
        amount: Amount::yen(yen),
        reason: None,
        requested_at: 0,
    }
}
