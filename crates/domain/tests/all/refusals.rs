//! Every refusal of every command and query.
//!
//! A table begins with a request that is right in everything. Each of its rows breaks what its label says, and nothing else,
//! and names the refusal that follows. The rows stand in order of precedence: where two things are wrong, the one that stands
//! first is the answer.

use crate::fixture::{
    BAKERY, BAKERY_KEY, BAKERYS_STORE, BOOKSHOP, BOOKSHOP_KEY, BOOKSHOPS_STORE, BOOKSHOPS_TILL,
    DEAD_KEY, DEVICE, FIRST_TILL, Fixture, GRANT, RIKUS_PASSKEY, SECOND_TILL, SORAS_PASSKEY,
    as_customer, as_customer_on, as_key, as_operator, as_system, as_till, bakerys_details, by_code,
    by_grant, refund_request,
};
use mamori_domain::book::CoolingReason;
use mamori_domain::command::{
    Ask, Charge, Command, CommandKind, CreditKind, RefundRequest, Request,
};
use mamori_domain::context::{Actor, Asker, SystemReason};
use mamori_domain::fund::LOTS_MAX;
use mamori_domain::identity::SealedText;
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, HoldId, MerchantId, PaymentId, SessionId, StoreId, TillId,
    TopUpId, WalletId,
};
use mamori_domain::merchant::{ReversalRule, StoreDetails};
use mamori_domain::money::Amount;
use mamori_domain::pay::Payer;
use mamori_domain::query::Query;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::{Outcome, Reply};
use std::collections::{BTreeMap, BTreeSet};

/// A request, and the world it is made in.
pub struct Scene {
    pub fixture: Fixture,
    pub request: Request,
}

/// One thing that is wrong, and what is said to it.
struct Row {
    what: &'static str,
    breaks: fn(&mut Scene),
    refusal: Refusal,
}

const fn row(what: &'static str, refusal: Refusal, breaks: fn(&mut Scene)) -> Row {
    Row {
        what,
        breaks,
        refusal,
    }
}

struct Table {
    /// What is asked, in words.
    what: &'static str,
    right: fn() -> Scene,
    /// Parts of the table, each in order of precedence and each before the next.
    rows: &'static [&'static [Row]],
}

impl Table {
    fn rows(&self) -> Vec<&'static Row> {
        self.rows.iter().copied().flatten().collect()
    }
}

impl Scene {
    /// A command of the asker it usually has.
    fn of(fixture: Fixture, command: Command) -> Scene {
        let request = Request::command(fixture.usual_asker(&command), command);
        Scene { fixture, request }
    }

    fn query(fixture: Fixture, asker: Asker, query: Query) -> Scene {
        let request = Request::query(asker, query);
        Scene { fixture, request }
    }

    fn outcome(&mut self) -> Outcome {
        let Request { asker, ask } = self.request.clone();
        match ask {
            Ask::Command(command) => self.fixture.tell_as(asker, command),
            Ask::Query(query) => self.fixture.ask_as(asker, query),
        }
    }

    fn command(&mut self) -> &mut Command {
        match &mut self.request.ask {
            Ask::Command(command) => command,
            Ask::Query(query) => panic!("{query:?} is no command"),
        }
    }

    fn asked(&mut self) -> &mut Query {
        match &mut self.request.ask {
            Ask::Query(query) => query,
            Ask::Command(command) => panic!("{command:?} is no query"),
        }
    }

    /// The charge of a charge or hold.
    fn charge(&mut self) -> &mut Charge {
        match self.command() {
            Command::Charge(charge) | Command::Hold { charge, .. } => charge,
            other => panic!("{other:?} takes no money"),
        }
    }

    /// The charge that is delivered again.
    fn delivered(&mut self) -> &mut Charge {
        if let Query::FirstAnswer { of } = self.asked()
            && let Command::Charge(charge) = &mut **of
        {
            return charge;
        }
        panic!("nothing is delivered again")
    }

    fn refund(&mut self) -> &mut RefundRequest {
        match self.command() {
            Command::Refund(request) => request,
            other => panic!("{other:?} is no refund"),
        }
    }

    /// The amount, wherever the command has it.
    fn amount(&mut self) -> &mut Amount {
        match self.command() {
            Command::Charge(charge) | Command::Hold { charge, .. } => &mut charge.amount,
            Command::Refund(request) => &mut request.amount,
            Command::Capture { amount, .. }
            | Command::StartTopUp { amount, .. }
            | Command::ConfirmTopUp { amount, .. }
            | Command::Credit { amount, .. } => amount,
            other => panic!("{other:?} has no amount"),
        }
    }

    fn set_amount(&mut self, yen: u64) {
        *self.amount() = Amount::yen(yen);
    }

    /// The merchant, wherever the request has it.
    fn merchant(&mut self) -> &mut MerchantId {
        match &mut self.request.ask {
            Ask::Command(
                Command::Charge(Charge { merchant, .. })
                | Command::Hold {
                    charge: Charge { merchant, .. },
                    ..
                }
                | Command::Refund(RefundRequest { merchant, .. })
                | Command::Cancel { merchant, .. }
                | Command::Capture { merchant, .. }
                | Command::OpenStore { merchant, .. }
                | Command::SetReversalRule { merchant, .. }
                | Command::BindApiKey { merchant, .. }
                | Command::GrantAuthorization { merchant, .. },
            )
            | Ask::Query(
                Query::Payment { merchant, .. }
                | Query::PaymentById { merchant, .. }
                | Query::Refund { merchant, .. },
            ) => merchant,
            Ask::Query(Query::FirstAnswer { of }) => match &mut **of {
                Command::Charge(Charge { merchant, .. }) => merchant,
                other => panic!("{other:?} has no first answer here"),
            },
            other => panic!("{other:?} names no merchant"),
        }
    }

    /// The wallet, wherever the request has it.
    fn wallet(&mut self) -> &mut WalletId {
        match &mut self.request.ask {
            Ask::Command(
                Command::BindCredential { wallet, .. }
                | Command::RevokeCredential { wallet, .. }
                | Command::BindDevice { wallet, .. }
                | Command::CoolWallet { wallet, .. }
                | Command::Freeze { wallet }
                | Command::Unfreeze { wallet }
                | Command::GrantAuthorization { wallet, .. }
                | Command::IssueCode { wallet }
                | Command::EndSession { wallet, .. }
                | Command::NoteWallet { wallet, .. }
                | Command::StartTopUp { wallet, .. }
                | Command::Credit { wallet, .. },
            )
            | Ask::Query(Query::Wallet { wallet }) => wallet,
            other => panic!("{other:?} names no wallet"),
        }
    }

    /// Sora has named the device that her wallet pays from.
    fn pays_from_phone(&mut self) {
        let bind = Command::BindDevice {
            wallet: self.fixture.sora,
            device: Some(Fingerprint(11)),
        };
        self.fixture.tell(bind).expect("it exists");
    }

    fn by(&mut self, asker: Asker) {
        self.request.asker = asker;
    }

    /// Sora lets the bookshop charge without a scan, too.
    fn bookshops_grant(&mut self) -> AuthorizationId {
        let authorization = AuthorizationId(2);
        let grant = Command::GrantAuthorization {
            authorization,
            wallet: self.fixture.sora,
            merchant: BOOKSHOP,
        };
        self.fixture.tell(grant).ok();
        authorization
    }

    /// A charge of one yen at the bookshop, under the id "novel".
    fn charge_at_the_bookshop(&mut self) -> Charge {
        Charge {
            merchant: BOOKSHOP,
            payer: Payer::Authorization(self.bookshops_grant()),
            store: None,
            till: None,
            ..by_grant("novel", 1)
        }
    }

    fn bookshops_payment(&mut self) -> PaymentId {
        let charge = Command::Charge(self.charge_at_the_bookshop());
        match self.fixture.tell(charge) {
            Ok(Reply::Payment(payment)) => payment.id,
            _ => PaymentId(0),
        }
    }

    fn bookshops_hold(&mut self) -> HoldId {
        let charge = self.charge_at_the_bookshop();
        let expires_at = self.fixture.now.plus_seconds(3_600);
        match self.fixture.tell(Command::Hold { charge, expires_at }) {
            Ok(Reply::Held { hold }) => hold,
            _ => HoldId(0),
        }
    }

    /// The same request was made before, for seven yen.
    fn asked_before_with_another_amount(&mut self) {
        // A refused top-up leaves its id free: a gift under the same id does not.
        if let Ask::Command(Command::StartTopUp {
            wallet,
            idempotency_key,
            ..
        }) = &self.request.ask
        {
            let gift = Command::Credit {
                wallet: *wallet,
                idempotency_key: idempotency_key.clone(),
                amount: Amount::yen(7),
                kind: CreditKind::Goodwill,
            };
            self.fixture.tell(gift).ok();
            return;
        }
        let amount = *self.amount();
        self.set_amount(7);
        // Refused or not: it has an answer now.
        self.outcome().ok();
        *self.amount() = amount;
    }

    /// Sora gets so many yen, each of an origin of its own.
    fn give_in_single_yen(&mut self, count: usize) {
        for number in 0..count {
            let id = format!("yen {number}");
            self.fixture.give(self.fixture.sora, &id, 1).ok();
        }
    }

    /// Sora spends what she has left, by her permission.
    fn spend_all(&mut self) {
        let left = self.fixture.balance(self.fixture.sora);
        self.fixture.pay("all the rest", left).ok();
    }
}

// ---- rows that several tables have

const BY_ANOTHER_PROGRAM: &[Row] = &[
    row("by a revoked key", Refusal::KeyRevoked, |scene| {
        scene.by(as_key(DEAD_KEY));
    }),
    row("by another merchant's key", Refusal::KeyRevoked, |scene| {
        scene.by(as_key(BOOKSHOP_KEY));
    }),
    row("by a key that never was", Refusal::KeyRevoked, |scene| {
        scene.by(as_key(Fingerprint(9)));
    }),
    row(
        "by a device that was never enrolled",
        Refusal::TillUnknown,
        |scene| scene.by(as_till(FIRST_TILL, Fingerprint(9))),
    ),
    row(
        "by a device that speaks for another till",
        Refusal::TillUnknown,
        |scene| scene.by(as_till(SECOND_TILL, DEVICE)),
    ),
    row(
        "by a device that was taken off its till",
        Refusal::TillUnknown,
        |scene| {
            scene.by(as_till(FIRST_TILL, DEVICE));
            let (till, device) = (FIRST_TILL, None);
            let unbind = Command::BindTill { till, device };
            scene.fixture.tell(unbind).unwrap();
        },
    ),
    row(
        "by another merchant's till",
        Refusal::TillUnknown,
        |scene| {
            let (till, device) = (BOOKSHOPS_TILL, Some(Fingerprint(8)));
            scene
                .fixture
                .tell(Command::BindTill { till, device })
                .unwrap();
            scene.by(as_till(till, Fingerprint(8)));
        },
    ),
    row("by a customer", Refusal::KeyRevoked, |scene| {
        scene.by(as_customer(scene.fixture.sora));
    }),
    row("by the operator's staff", Refusal::KeyRevoked, |scene| {
        scene.by(as_operator());
    }),
    row("by the program itself", Refusal::KeyRevoked, |scene| {
        scene.by(as_system(SystemReason::Reconciliation));
    }),
];

const BY_ANOTHER_CUSTOMER: &[Row] = &[row(
    "by a customer, for another's wallet",
    Refusal::WalletUnknown,
    |scene| scene.by(as_customer(WalletId(scene.fixture.riku.0 + 1))),
)];

/// Asked by the staff, since a customer has no wallet but the own one.
const OF_NO_WALLET: &[Row] = &[row(
    "for a wallet that is not there",
    Refusal::WalletUnknown,
    |scene| {
        *scene.wallet() = WalletId(99);
        scene.by(as_operator());
    },
)];

// ---- charges and holds

const ASKED_BEFORE: &[Row] = &[
    row(
        "the same id with another amount",
        Refusal::IdempotencyConflict,
        Scene::asked_before_with_another_amount,
    ),
    row(
        "the same id with another payer",
        Refusal::IdempotencyConflict,
        |scene| {
            let other = Payer::Authorization(AuthorizationId(77));
            let payer = std::mem::replace(&mut scene.charge().payer, other);
            scene.outcome().ok();
            scene.charge().payer = payer;
        },
    ),
];

const CANCELLED_BEFORE: &[Row] = &[row(
    "cancelled before it came",
    Refusal::CancelledBeforePayment,
    |scene| {
        scene.fixture.cancel("lunch").ok();
    },
)];

const WHERE_AND_HOW_MUCH: &[Row] = &[
    row(
        "at a store that is not there",
        Refusal::StoreUnknown,
        |scene| {
            scene.charge().store = Some(StoreId(99));
        },
    ),
    row(
        "at another merchant's store",
        Refusal::StoreUnknown,
        |scene| {
            scene.charge().store = Some(BOOKSHOPS_STORE);
        },
    ),
    row(
        "at a till that is not there",
        Refusal::TillUnknown,
        |scene| {
            scene.charge().till = Some(TillId(99));
        },
    ),
    row(
        "at another merchant's till",
        Refusal::TillUnknown,
        |scene| {
            scene.charge().till = Some(BOOKSHOPS_TILL);
        },
    ),
    row(
        "at a till of the merchant's other store",
        Refusal::TillUnknown,
        |scene| {
            let (merchant, details) = (BAKERY, StoreDetails::default());
            let open = Command::OpenStore { merchant, details };
            scene.fixture.tell(open).unwrap();
            scene.charge().store = Some(StoreId(3));
        },
    ),
    row("for nothing", Refusal::AmountOutOfBounds, |scene| {
        scene.set_amount(0);
    }),
    row(
        "one yen above the bound",
        Refusal::AmountOutOfBounds,
        |scene| {
            scene.set_amount(100_001);
        },
    ),
    row(
        "for the widest amount there is",
        Refusal::AmountOutOfBounds,
        |scene| scene.set_amount(Amount::MAX_MINOR),
    ),
];

const CODE: &[Row] = &[
    row(
        "with a code that no phone shows",
        Refusal::CodeUnknown,
        |scene| {
            scene.charge().payer = Payer::Code(12_345);
        },
    ),
    row("with a code that was used", Refusal::CodeSpent, |scene| {
        let Payer::Code(digits) = scene.charge().payer else {
            return;
        };
        let first = Command::Charge(by_code(digits, "another's", 1));
        scene.fixture.tell(first).ok();
    }),
    row(
        "with a code that a newer one replaced",
        Refusal::CodeReplaced,
        |scene| {
            let wallet = scene.fixture.sora;
            scene.fixture.tell(Command::IssueCode { wallet }).ok();
        },
    ),
    row("with a code a minute old", Refusal::CodeExpired, |scene| {
        scene.fixture.now = scene.fixture.now.plus_seconds(60);
    }),
    row(
        "with a code shown before a freeze",
        Refusal::WalletFrozen,
        |scene| scene.fixture.freeze(scene.fixture.sora),
    ),
    row(
        "with a code shown before a freeze that was lifted",
        Refusal::CodeReplaced,
        |scene| {
            scene.fixture.freeze(scene.fixture.sora);
            scene.fixture.unfreeze(scene.fixture.sora);
        },
    ),
    row(
        "with a code shown before a passkey was lost",
        Refusal::CodeReplaced,
        |scene| {
            let (wallet, credential) = (scene.fixture.sora, SORAS_PASSKEY);
            let lost = Command::RevokeCredential { wallet, credential };
            scene.fixture.tell(lost).unwrap();
        },
    ),
];

const PERMISSION: &[Row] = &[
    row(
        "by a permission that was never given",
        Refusal::AuthorizationUnknown,
        |scene| scene.charge().payer = Payer::Authorization(AuthorizationId(1)),
    ),
    row(
        "by a permission of another merchant",
        Refusal::AuthorizationUnknown,
        |scene| scene.charge().payer = Payer::Authorization(scene.bookshops_grant()),
    ),
    row(
        "by a permission that was taken back",
        Refusal::AuthorizationUnknown,
        |scene| {
            let authorization = GRANT;
            let revoke = Command::RevokeAuthorization { authorization };
            scene.fixture.tell(revoke).unwrap();
        },
    ),
    row("of a frozen wallet", Refusal::WalletFrozen, |scene| {
        scene.fixture.freeze(scene.fixture.sora);
    }),
];

const MONEY: &[Row] = &[
    row(
        "for one yen more than there is",
        Refusal::BalanceTooSmall,
        |scene| {
            scene.set_amount(10_001);
        },
    ),
    row(
        "of an empty wallet",
        Refusal::BalanceTooSmall,
        Scene::spend_all,
    ),
    row(
        "for money that is held",
        Refusal::BalanceTooSmall,
        |scene| {
            let expires_at = scene.fixture.now.plus_seconds(3_600);
            let charge = by_grant("room", 9_001);
            let hold = Command::Hold { charge, expires_at };
            scene.fixture.tell(hold).ok();
        },
    ),
];

fn scan(command: fn(&Fixture, Charge) -> Command) -> Scene {
    let mut fixture = Fixture::open();
    let code = fixture.show_code(fixture.sora);
    let command = command(&fixture, by_code(code, "lunch", 1_000));
    Scene {
        request: Request::command(as_till(FIRST_TILL, DEVICE), command),
        fixture,
    }
}

fn by_permission(command: fn(&Fixture, Charge) -> Command) -> Scene {
    let fixture = Fixture::open();
    let command = command(&fixture, by_grant("lunch", 1_000));
    Scene::of(fixture, command)
}

fn to_pay(_: &Fixture, charge: Charge) -> Command {
    Command::Charge(charge)
}

fn to_hold(fixture: &Fixture, charge: Charge) -> Command {
    let expires_at = fixture.now.plus_seconds(3_600);
    Command::Hold { charge, expires_at }
}

// ---- what becomes of a payment

const CANCEL: &[Row] = &[
    row(
        "of a payment refunded in part",
        Refusal::AlreadyRefunded,
        |scene| {
            let lunch = paid_for_lunch(&scene.fixture);
            scene.fixture.refund(lunch, "part", 1).ok();
        },
    ),
    row("a day later", Refusal::CancelWindowOver, |scene| {
        scene.fixture.now = scene.fixture.now.plus_seconds(86_400);
    }),
    row(
        "into a wallet with money of too many origins",
        Refusal::RefundLimit,
        |scene| {
            scene.spend_all();
            scene.give_in_single_yen(LOTS_MAX);
        },
    ),
];

const REFUND: &[Row] = &[
    row(
        "the same id with another amount",
        Refusal::IdempotencyConflict,
        Scene::asked_before_with_another_amount,
    ),
    row(
        "of a payment that is not there",
        Refusal::PaymentUnknown,
        |scene| {
            scene.refund().payment = PaymentId(77);
        },
    ),
    row(
        "of another merchant's payment",
        Refusal::PaymentUnknown,
        |scene| scene.refund().payment = scene.bookshops_payment(),
    ),
    row(
        "of a cancelled payment",
        Refusal::AlreadyCancelled,
        |scene| {
            scene.fixture.cancel("lunch").ok();
        },
    ),
    row("after a year", Refusal::RefundWindowOver, |scene| {
        scene.fixture.now = scene.fixture.now.plus_seconds(365 * 86_400 + 1);
    }),
    row("of nothing", Refusal::AmountOutOfBounds, |scene| {
        scene.set_amount(0);
    }),
    row(
        "of one yen more than was paid",
        Refusal::RefundExceedsPayment,
        |scene| scene.set_amount(1_001),
    ),
    row(
        "of one yen more than is left",
        Refusal::RefundExceedsPayment,
        |scene| {
            let lunch = paid_for_lunch(&scene.fixture);
            scene.fixture.refund(lunch, "first", 601).ok();
        },
    ),
    row("as the 101st of a payment", Refusal::RefundLimit, |scene| {
        let lunch = paid_for_lunch(&scene.fixture);
        for number in 0..100 {
            let id = format!("part {number}");
            scene.fixture.refund(lunch, &id, 1).ok();
        }
    }),
    row(
        "into a wallet with money of too many origins",
        Refusal::RefundLimit,
        |scene| {
            scene.spend_all();
            scene.give_in_single_yen(LOTS_MAX);
        },
    ),
];

const TILLS_REFUND: &[Row] = &[
    row(
        "the same id with another amount",
        Refusal::IdempotencyConflict,
        Scene::asked_before_with_another_amount,
    ),
    row(
        "of more than the merchant lets a till return alone",
        Refusal::ApprovalNeeded,
        |scene| {
            let rule = ReversalRule {
                alone_up_to: 399,
                ..ReversalRule::DEFAULT
            };
            let merchant = BAKERY;
            let set = Command::SetReversalRule { merchant, rule };
            scene.fixture.tell(set).unwrap();
        },
    ),
    row(
        "of one yen more than is left",
        Refusal::RefundExceedsPayment,
        |scene| {
            let lunch = paid_for_lunch(&scene.fixture);
            scene.fixture.refund(lunch, "first", 601).ok();
        },
    ),
];

fn lunch() -> (Fixture, PaymentId) {
    let mut fixture = Fixture::open();
    let paid = fixture.pay("lunch", 1_000).unwrap();
    (fixture, paid.id)
}

fn paid_for_lunch(fixture: &Fixture) -> PaymentId {
    let key = mamori_domain::key::RequestKey::payment(BAKERY, "lunch");
    match fixture.book.first_answer(key).map(|first| first.answer) {
        Some(mamori_domain::key::Answered::Payment(id)) => id,
        other => panic!("{other:?}"),
    }
}

const HOLD_OF_THE_BAKERY: &[Row] = &[
    row(
        "of a hold that is not there",
        Refusal::HoldUnknown,
        |scene| {
            *hold_of(scene) = HoldId(1);
        },
    ),
    row(
        "of a hold that was captured",
        Refusal::HoldUnknown,
        |scene| {
            let hold = *hold_of(scene);
            scene.fixture.capture(hold, 1).ok();
        },
    ),
    row(
        "of a hold that was given back",
        Refusal::HoldUnknown,
        |scene| {
            let hold = *hold_of(scene);
            scene.fixture.tell(Command::Release { hold }).ok();
        },
    ),
];

const CAPTURE: &[Row] = &[
    row(
        "of another merchant's hold",
        Refusal::HoldUnknown,
        |scene| *hold_of(scene) = scene.bookshops_hold(),
    ),
    row("at the hold's last moment", Refusal::HoldExpired, |scene| {
        scene.fixture.now = scene.fixture.now.plus_seconds(60);
    }),
    row("of nothing", Refusal::CaptureExceedsHold, |scene| {
        scene.set_amount(0);
    }),
    row("of one yen more", Refusal::CaptureExceedsHold, |scene| {
        scene.set_amount(6_001);
    }),
];

/// To all but the hold's own merchant, an operator and the program itself it is as if it were not there.
const RELEASE: &[Row] = &[
    row("by another merchant's key", Refusal::HoldUnknown, |scene| {
        scene.by(as_key(BOOKSHOP_KEY));
    }),
    row("by a revoked key", Refusal::HoldUnknown, |scene| {
        scene.by(as_key(DEAD_KEY));
    }),
    row(
        "by a device that was never enrolled",
        Refusal::HoldUnknown,
        |scene| scene.by(as_till(FIRST_TILL, Fingerprint(9))),
    ),
    row("by the customer", Refusal::HoldUnknown, |scene| {
        scene.by(as_customer(scene.fixture.sora));
    }),
];

fn hold_of(scene: &mut Scene) -> &mut HoldId {
    match scene.command() {
        Command::Capture { hold, .. } | Command::Release { hold } => hold,
        other => panic!("{other:?} is about no hold"),
    }
}

fn held(command: fn(HoldId) -> Command) -> Scene {
    let mut fixture = Fixture::open();
    let hold = fixture.hold("room", 6_000, 60);
    Scene::of(fixture, command(hold))
}

// ---- funding

const ID_OF_ANOTHER_FUNDING: &[Row] = &[
    row(
        "the same id with another amount",
        Refusal::IdempotencyConflict,
        Scene::asked_before_with_another_amount,
    ),
    row(
        "the id of goodwill that was given",
        Refusal::IdempotencyConflict,
        |scene| {
            let (wallet, amount) = (*scene.wallet(), *scene.amount());
            let goodwill = Command::Credit {
                wallet,
                idempotency_key: "page".into(),
                amount,
                kind: CreditKind::Goodwill,
            };
            scene.fixture.tell(goodwill).ok();
        },
    ),
];

/// One yen less is left than the top-up at hand wants.
const COOLING: &[Row] = &[row(
    "of a wallet that cools, and of one yen more than is left of that",
    Refusal::WalletCooling,
    |scene| {
        let wallet = scene.fixture.sora;
        scene.fixture.cool(wallet, 3_600).ok();
        (scene.fixture).start_top_up(wallet, "before", 15_001).ok();
    },
)];

const FROZEN: &[Row] = &[row("of a frozen wallet", Refusal::WalletFrozen, |scene| {
    scene.fixture.freeze(scene.fixture.sora);
})];

const ON_ANOTHER_DEVICE: &[Row] = &[
    row(
        "in a browser that no device proves",
        Refusal::DeviceNotBound,
        |scene| scene.pays_from_phone(),
    ),
    row("on another device", Refusal::DeviceNotBound, |scene| {
        scene.pays_from_phone();
        scene.by(as_customer_on(scene.fixture.sora, Fingerprint(12)));
    }),
];

const SIGNED_OUT: &[Row] = &[row(
    "by a session that was ended meanwhile",
    Refusal::SessionEnded,
    |scene| {
        let wallet = scene.fixture.sora;
        let Actor::Customer { session, .. } = as_customer(wallet).by() else {
            panic!("a customer has a session");
        };
        let end = Command::EndSession { wallet, session };
        scene
            .fixture
            .tell(end)
            .expect("a session may always be ended");
    },
)];

const TOP_UP_BOUNDS: &[Row] = &[
    row("for nothing", Refusal::AmountOutOfBounds, |scene| {
        scene.set_amount(0);
    }),
    row(
        "for one yen too little",
        Refusal::AmountOutOfBounds,
        |scene| {
            scene.set_amount(499);
        },
    ),
    row(
        "for one yen too much",
        Refusal::AmountOutOfBounds,
        |scene| {
            scene.set_amount(30_001);
        },
    ),
];

const CREDIT_BOUNDS: &[Row] = &[
    row("of nothing", Refusal::AmountOutOfBounds, |scene| {
        scene.set_amount(0);
    }),
    row(
        "of more than a wallet may hold",
        Refusal::BalanceCap,
        |scene| {
            scene.set_amount(100_001);
        },
    ),
];

/// Sora has 10,000 of the 100,000 yen that a wallet may hold, and 5,000 are to come.
const CAP: &[Row] = &[
    row(
        "above the cap by one yen of her balance",
        Refusal::BalanceCap,
        |scene| {
            scene.fixture.give(scene.fixture.sora, "much", 85_001).ok();
        },
    ),
    row(
        "above the cap by what is held",
        Refusal::BalanceCap,
        |scene| {
            scene.fixture.give(scene.fixture.sora, "much", 85_001).ok();
            let expires_at = scene.fixture.now.plus_seconds(60);
            let charge = by_grant("room", 90_000);
            let hold = Command::Hold { charge, expires_at };
            scene.fixture.tell(hold).ok();
        },
    ),
    row(
        "above the cap by open card pages",
        Refusal::BalanceCap,
        |scene| {
            for (id, yen) in [("f", 30_000), ("g", 30_000), ("h", 25_001)] {
                scene.fixture.start_top_up(scene.fixture.sora, id, yen).ok();
            }
        },
    ),
    row(
        "into a wallet with money of too many origins",
        Refusal::BalanceCap,
        |scene| {
            let there = 1;
            scene.give_in_single_yen(LOTS_MAX - there);
        },
    ),
];

const CONFIRM: &[Row] = &[
    row(
        "of a top-up that is not there",
        Refusal::TopUpUnknown,
        |scene| {
            if let Command::ConfirmTopUp { top_up, .. } = scene.command() {
                *top_up = TopUpId(1);
            }
        },
    ),
    row("of another amount", Refusal::TopUpAmountDiffers, |scene| {
        scene.set_amount(4_999);
    }),
    row(
        "of another amount, after it had failed",
        Refusal::TopUpAmountDiffers,
        |scene| {
            if let Command::ConfirmTopUp { top_up, .. } = *scene.command() {
                scene.fixture.fail(top_up, true).ok();
            }
            scene.set_amount(4_999);
        },
    ),
];

const FAIL: &[Row] = &[row(
    "of a top-up that is not there",
    Refusal::TopUpUnknown,
    |scene| {
        if let Command::FailTopUp { top_up, .. } = scene.command() {
            *top_up = TopUpId(1);
        }
    },
)];

fn top_up(command: fn(TopUpId) -> Command) -> Scene {
    let mut fixture = Fixture::open();
    let page = fixture.start_top_up(fixture.sora, "page", 5_000).unwrap();
    Scene::of(fixture, command(page))
}

// ---- merchants, stores, tills, keys

const OF_NO_MERCHANT: &[Row] = &[row(
    "for a merchant that is not there",
    Refusal::MerchantUnknown,
    |scene| *scene.merchant() = MerchantId(99),
)];

const RULE: &[Row] = &[row(
    "of more than any amount",
    Refusal::AmountOutOfBounds,
    |scene| {
        if let Command::SetReversalRule { rule, .. } = scene.command() {
            rule.alone_up_to = Amount::MAX_MINOR + 1;
        }
    },
)];

const OF_NO_STORE: &[Row] = &[row(
    "for a store that is not there",
    Refusal::StoreUnknown,
    |scene| match scene.command() {
        Command::OpenTill { store } | Command::DescribeStore { store, .. } => *store = StoreId(99),
        other => panic!("{other:?} is about no store"),
    },
)];

// ---- notes

const BY_NO_OPERATOR: &[Row] = &[row(
    "by a customer, on the own wallet",
    Refusal::OperatorOnly,
    |scene| {
        let wallet = *scene.wallet();
        scene.by(as_customer(wallet));
    },
)];

const NOTE_TEXT: &[Row] = &[
    row("without a text", Refusal::TextOutOfBounds, |scene| {
        note_of(scene).0.clear();
    }),
    row(
        "with a text that is one byte too long",
        Refusal::TextOutOfBounds,
        |scene| note_of(scene).0 = vec![1; SealedText::BYTES_MAX + 1],
    ),
];

fn note_of(scene: &mut Scene) -> &mut SealedText {
    match &mut scene.request.ask {
        Ask::Command(Command::NoteWallet { note, .. }) => note,
        other => panic!("{other:?} is no note"),
    }
}

const DETAILS: &[Row] = &[
    row(
        "in a town without a name",
        Refusal::TextOutOfBounds,
        |scene| {
            details_of(scene).town = Some("".into());
        },
    ),
    row(
        "in a town with one letter too many",
        Refusal::TextOutOfBounds,
        |scene| details_of(scene).town = Some("あ".repeat(41).into()),
    ),
];

fn details_of(scene: &mut Scene) -> &mut StoreDetails {
    match scene.command() {
        Command::OpenStore { details, .. } | Command::DescribeStore { details, .. } => details,
        other => panic!("{other:?} describes no store"),
    }
}

const BIND_TILL: &[Row] = &[row(
    "of a till that is not there",
    Refusal::TillUnknown,
    |scene| {
        if let Command::BindTill { till, .. } = scene.command() {
            *till = TillId(99);
        }
    },
)];

const BIND_API_KEY: &[Row] = &[row(
    "that another merchant has",
    Refusal::AlreadyBound,
    |scene| {
        if let Command::BindApiKey { key, .. } = scene.command() {
            *key = BOOKSHOP_KEY;
        }
    },
)];

const REVOKE_API_KEY: &[Row] = &[
    row("that never was", Refusal::KeyRevoked, |scene| {
        if let Command::RevokeApiKey { key } = scene.command() {
            *key = Fingerprint(9);
        }
    }),
    row("that was revoked before", Refusal::KeyRevoked, |scene| {
        if let Command::RevokeApiKey { key } = scene.command() {
            *key = DEAD_KEY;
        }
    }),
];

// ---- customers

const BIND_CREDENTIAL: &[Row] = &[row(
    "that opens another wallet",
    Refusal::AlreadyBound,
    |scene| {
        if let Command::BindCredential { credential, .. } = scene.command() {
            *credential = RIKUS_PASSKEY;
        }
    },
)];

const REVOKE_CREDENTIAL: &[Row] = &[
    row("that never was", Refusal::CredentialUnknown, |scene| {
        if let Command::RevokeCredential { credential, .. } = scene.command() {
            *credential = Fingerprint(9);
        }
    }),
    row(
        "that opens another wallet",
        Refusal::CredentialUnknown,
        |scene| {
            if let Command::RevokeCredential { credential, .. } = scene.command() {
                *credential = RIKUS_PASSKEY;
            }
        },
    ),
    row(
        "that was revoked before",
        Refusal::CredentialUnknown,
        |scene| {
            let (wallet, credential) = (scene.fixture.sora, SORAS_PASSKEY);
            let revoke = Command::RevokeCredential { wallet, credential };
            scene.fixture.tell(revoke).ok();
        },
    ),
];

const GRANT_TAKEN: &[Row] = &[row(
    "under an id that another permission has",
    Refusal::AlreadyBound,
    |scene| {
        if let Command::GrantAuthorization { authorization, .. } = scene.command() {
            *authorization = GRANT;
        }
    },
)];

const REVOKE_AUTHORIZATION: &[Row] = &[
    row(
        "that was never given",
        Refusal::AuthorizationUnknown,
        |scene| {
            if let Command::RevokeAuthorization { authorization } = scene.command() {
                *authorization = AuthorizationId(1);
            }
        },
    ),
    row(
        "that was taken back",
        Refusal::AuthorizationUnknown,
        |scene| {
            let authorization = GRANT;
            let revoke = Command::RevokeAuthorization { authorization };
            scene.fixture.tell(revoke).ok();
        },
    ),
    row(
        "of another customer's wallet",
        Refusal::AuthorizationUnknown,
        |scene| scene.by(as_customer(scene.fixture.riku)),
    ),
];

// ---- queries

const NO_PAYMENT: &[Row] = &[
    row(
        "of an id never heard of",
        Refusal::PaymentUnknown,
        |scene| {
            if let Query::Payment {
                merchant_payment_id,
                ..
            } = scene.asked()
            {
                *merchant_payment_id = "supper".into();
            }
        },
    ),
    row(
        "of a payment that was refused",
        Refusal::BalanceTooSmall,
        |scene| {
            scene.fixture.pay("dear", 99_999).ok();
            if let Query::Payment {
                merchant_payment_id,
                ..
            } = scene.asked()
            {
                *merchant_payment_id = "dear".into();
            }
        },
    ),
    row(
        "of a payment that was cancelled before it came",
        Refusal::CancelledBeforePayment,
        |scene| {
            scene.fixture.cancel("never").ok();
            if let Query::Payment {
                merchant_payment_id,
                ..
            } = scene.asked()
            {
                *merchant_payment_id = "never".into();
            }
        },
    ),
    row(
        "of another merchant's payment",
        Refusal::PaymentUnknown,
        |scene| {
            scene.bookshops_payment();
            if let Query::Payment {
                merchant_payment_id,
                ..
            } = scene.asked()
            {
                *merchant_payment_id = "novel".into();
            }
        },
    ),
];

const NO_PAYMENT_BY_ID: &[Row] = &[
    row(
        "of a payment that is not there",
        Refusal::PaymentUnknown,
        |scene| {
            if let Query::PaymentById { payment, .. } = scene.asked() {
                *payment = PaymentId(77);
            }
        },
    ),
    row(
        "of another merchant's payment",
        Refusal::PaymentUnknown,
        |scene| {
            let novel = scene.bookshops_payment();
            if let Query::PaymentById { payment, .. } = scene.asked() {
                *payment = novel;
            }
        },
    ),
];

const ANOTHER_REQUEST: &[Row] = &[
    row(
        "under an id that was cancelled before it came",
        Refusal::CancelledBeforePayment,
        |scene| {
            scene.fixture.cancel("never").ok();
            *scene.delivered() = by_grant("never", 1_000);
        },
    ),
    row(
        "with another amount than the first time",
        Refusal::IdempotencyConflict,
        |scene| scene.delivered().amount = Amount::yen(999),
    ),
    row(
        "under an id that was refused",
        Refusal::BalanceTooSmall,
        |scene| {
            scene.fixture.pay("dear", 99_999).ok();
            *scene.delivered() = by_grant("dear", 99_999);
        },
    ),
];

const NO_REFUND: &[Row] = &[
    row("of an id never heard of", Refusal::RefundUnknown, |scene| {
        if let Query::Refund {
            merchant_refund_id, ..
        } = scene.asked()
        {
            *merchant_refund_id = "other".into();
        }
    }),
    row(
        "of another payment's refund",
        Refusal::RefundUnknown,
        |scene| {
            if let Query::Refund { payment, .. } = scene.asked() {
                *payment = Some(PaymentId(1));
            }
        },
    ),
    row(
        "of another merchant's refund",
        Refusal::RefundUnknown,
        |scene| {
            let novel = scene.bookshops_payment();
            let request = RefundRequest {
                merchant: BOOKSHOP,
                ..refund_request(novel, "back", 1)
            };
            scene.fixture.tell(Command::Refund(request)).ok();
            if let Query::Refund {
                merchant_refund_id,
                payment,
                ..
            } = scene.asked()
            {
                *merchant_refund_id = "back".into();
                *payment = payment.map(|_| novel);
            }
        },
    ),
];

fn find(query: fn(PaymentId) -> Query) -> Scene {
    let (mut fixture, lunch) = lunch();
    fixture.refund(lunch, "r", 40).unwrap();
    Scene::query(fixture, as_till(FIRST_TILL, DEVICE), query(lunch))
}

// ---- all of them

const TABLES: &[Table] = &[
    Table {
        what: "a scan",
        right: || scan(to_pay),
        rows: &[
            BY_ANOTHER_PROGRAM,
            CANCELLED_BEFORE,
            ASKED_BEFORE,
            WHERE_AND_HOW_MUCH,
            CODE,
            MONEY,
        ],
    },
    Table {
        what: "a scan that holds",
        right: || scan(to_hold),
        rows: &[
            BY_ANOTHER_PROGRAM,
            ASKED_BEFORE,
            WHERE_AND_HOW_MUCH,
            CODE,
            MONEY,
        ],
    },
    Table {
        what: "a charge by permission",
        right: || by_permission(to_pay),
        rows: &[
            BY_ANOTHER_PROGRAM,
            CANCELLED_BEFORE,
            ASKED_BEFORE,
            WHERE_AND_HOW_MUCH,
            PERMISSION,
            MONEY,
        ],
    },
    Table {
        what: "a hold by permission",
        right: || by_permission(to_hold),
        rows: &[
            BY_ANOTHER_PROGRAM,
            ASKED_BEFORE,
            WHERE_AND_HOW_MUCH,
            PERMISSION,
            MONEY,
        ],
    },
    Table {
        what: "a cancel",
        right: || {
            let cancel = Command::Cancel {
                merchant: BAKERY,
                merchant_payment_id: "lunch".into(),
            };
            Scene::of(lunch().0, cancel)
        },
        rows: &[BY_ANOTHER_PROGRAM, CANCEL],
    },
    Table {
        what: "a refund",
        right: || {
            let (fixture, lunch) = lunch();
            Scene::of(fixture, Command::Refund(refund_request(lunch, "r", 400)))
        },
        rows: &[BY_ANOTHER_PROGRAM, REFUND],
    },
    Table {
        what: "a till's refund",
        right: || {
            let (fixture, lunch) = lunch();
            let refund = Command::Refund(refund_request(lunch, "r", 400));
            let mut scene = Scene::of(fixture, refund);
            scene.by(as_till(FIRST_TILL, DEVICE));
            scene
        },
        rows: &[TILLS_REFUND],
    },
    Table {
        what: "a capture",
        right: || {
            held(|hold| Command::Capture {
                merchant: BAKERY,
                hold,
                amount: Amount::yen(3_500),
            })
        },
        rows: &[BY_ANOTHER_PROGRAM, HOLD_OF_THE_BAKERY, CAPTURE],
    },
    Table {
        what: "a release",
        right: || held(|hold| Command::Release { hold }),
        rows: &[HOLD_OF_THE_BAKERY, RELEASE],
    },
    Table {
        what: "a top-up",
        right: || {
            let fixture = Fixture::open();
            let start = Command::StartTopUp {
                wallet: fixture.sora,
                idempotency_key: "page".into(),
                amount: Amount::yen(5_000),
            };
            Scene::of(fixture, start)
        },
        rows: &[
            BY_ANOTHER_CUSTOMER,
            OF_NO_WALLET,
            ID_OF_ANOTHER_FUNDING,
            FROZEN,
            ON_ANOTHER_DEVICE,
            TOP_UP_BOUNDS,
            COOLING,
            CAP,
        ],
    },
    Table {
        what: "the processor's word for money",
        right: || {
            top_up(|top_up| Command::ConfirmTopUp {
                top_up,
                amount: Amount::yen(5_000),
            })
        },
        rows: &[CONFIRM],
    },
    Table {
        what: "the processor's word for no money",
        right: || {
            top_up(|top_up| Command::FailTopUp {
                top_up,
                expired: false,
            })
        },
        rows: &[FAIL],
    },
    Table {
        what: "a credit",
        right: || {
            let fixture = Fixture::open();
            let credit = Command::Credit {
                wallet: fixture.sora,
                idempotency_key: "page".into(),
                amount: Amount::yen(5_000),
                kind: CreditKind::Cash,
            };
            Scene::of(fixture, credit)
        },
        rows: &[
            BY_ANOTHER_CUSTOMER,
            OF_NO_WALLET,
            ID_OF_ANOTHER_FUNDING,
            CREDIT_BOUNDS,
            CAP,
        ],
    },
    Table {
        what: "a new store",
        right: || {
            let open = Command::OpenStore {
                merchant: BAKERY,
                details: StoreDetails {
                    // Letters and not bytes are counted.
                    town: Some("あ".repeat(40).into()),
                    ..bakerys_details()
                },
            };
            Scene::of(Fixture::open(), open)
        },
        rows: &[OF_NO_MERCHANT, DETAILS],
    },
    Table {
        what: "a store's details",
        right: || {
            let describe = Command::DescribeStore {
                store: BAKERYS_STORE,
                details: StoreDetails::default(),
            };
            Scene::of(Fixture::open(), describe)
        },
        rows: &[OF_NO_STORE, DETAILS],
    },
    Table {
        what: "a rule for what tills give back",
        right: || {
            let set = Command::SetReversalRule {
                merchant: BAKERY,
                rule: ReversalRule::DEFAULT,
            };
            Scene::of(Fixture::open(), set)
        },
        rows: &[OF_NO_MERCHANT, RULE],
    },
    Table {
        what: "a new till",
        right: || {
            let store = BAKERYS_STORE;
            Scene::of(Fixture::open(), Command::OpenTill { store })
        },
        rows: &[OF_NO_STORE],
    },
    Table {
        what: "a device for a till",
        right: || {
            let (till, device) = (SECOND_TILL, Some(Fingerprint(9)));
            Scene::of(Fixture::open(), Command::BindTill { till, device })
        },
        rows: &[BIND_TILL],
    },
    Table {
        what: "a new API key",
        right: || {
            let (key, merchant) = (Fingerprint(9), BAKERY);
            Scene::of(Fixture::open(), Command::BindApiKey { key, merchant })
        },
        rows: &[OF_NO_MERCHANT, BIND_API_KEY],
    },
    Table {
        what: "the end of an API key",
        right: || {
            let key = BAKERY_KEY;
            Scene::of(Fixture::open(), Command::RevokeApiKey { key })
        },
        rows: &[REVOKE_API_KEY],
    },
    Table {
        what: "another passkey",
        right: || {
            let fixture = Fixture::open();
            let bind = Command::BindCredential {
                wallet: fixture.sora,
                credential: Fingerprint(9),
            };
            Scene::of(fixture, bind)
        },
        rows: &[BY_ANOTHER_CUSTOMER, OF_NO_WALLET, BIND_CREDENTIAL],
    },
    Table {
        what: "the end of a passkey",
        right: || {
            let fixture = Fixture::open();
            let revoke = Command::RevokeCredential {
                wallet: fixture.sora,
                credential: SORAS_PASSKEY,
            };
            Scene::of(fixture, revoke)
        },
        rows: &[BY_ANOTHER_CUSTOMER, REVOKE_CREDENTIAL],
    },
    Table {
        what: "the device to pay from",
        right: || {
            let fixture = Fixture::open();
            let bind = Command::BindDevice {
                wallet: fixture.sora,
                device: Some(Fingerprint(9)),
            };
            Scene::of(fixture, bind)
        },
        rows: &[BY_ANOTHER_CUSTOMER, OF_NO_WALLET],
    },
    Table {
        what: "a cooling",
        right: || {
            let fixture = Fixture::open();
            let cool = Command::CoolWallet {
                wallet: fixture.sora,
                until: fixture.now.plus_seconds(60),
                reason: CoolingReason::Recovery,
            };
            Scene::of(fixture, cool)
        },
        rows: &[BY_NO_OPERATOR, OF_NO_WALLET],
    },
    Table {
        what: "a freeze",
        right: || {
            let fixture = Fixture::open();
            let wallet = fixture.sora;
            Scene::of(fixture, Command::Freeze { wallet })
        },
        rows: &[BY_ANOTHER_CUSTOMER, OF_NO_WALLET],
    },
    Table {
        what: "a note on a wallet",
        right: || {
            let fixture = Fixture::open();
            let (wallet, note) = (fixture.sora, SealedText(b"sealed".to_vec()));
            Scene::of(fixture, Command::NoteWallet { wallet, note })
        },
        rows: &[BY_NO_OPERATOR, OF_NO_WALLET, NOTE_TEXT],
    },
    Table {
        what: "the end of a freeze",
        right: || {
            let mut fixture = Fixture::open();
            fixture.freeze(fixture.sora);
            let wallet = fixture.sora;
            Scene::of(fixture, Command::Unfreeze { wallet })
        },
        rows: &[BY_ANOTHER_CUSTOMER, OF_NO_WALLET],
    },
    Table {
        what: "a permission",
        right: || {
            let fixture = Fixture::open();
            let grant = Command::GrantAuthorization {
                authorization: AuthorizationId(9),
                wallet: fixture.sora,
                merchant: BOOKSHOP,
            };
            Scene::of(fixture, grant)
        },
        rows: &[
            BY_ANOTHER_CUSTOMER,
            OF_NO_WALLET,
            OF_NO_MERCHANT,
            GRANT_TAKEN,
            FROZEN,
        ],
    },
    Table {
        what: "the end of a permission",
        right: || {
            let authorization = GRANT;
            let revoke = Command::RevokeAuthorization { authorization };
            Scene::of(Fixture::open(), revoke)
        },
        rows: &[REVOKE_AUTHORIZATION],
    },
    Table {
        what: "a code to show",
        right: || {
            let fixture = Fixture::open();
            let wallet = fixture.sora;
            Scene::of(fixture, Command::IssueCode { wallet })
        },
        rows: &[
            BY_ANOTHER_CUSTOMER,
            OF_NO_WALLET,
            SIGNED_OUT,
            FROZEN,
            ON_ANOTHER_DEVICE,
        ],
    },
    Table {
        what: "the end of a session",
        right: || {
            let fixture = Fixture::open();
            let (wallet, session) = (fixture.sora, SessionId(1));
            Scene::of(fixture, Command::EndSession { wallet, session })
        },
        rows: &[BY_ANOTHER_CUSTOMER],
    },
    Table {
        what: "a look at a wallet",
        right: || {
            let fixture = Fixture::open();
            let wallet = fixture.sora;
            Scene::query(fixture, as_customer(wallet), Query::Wallet { wallet })
        },
        rows: &[BY_ANOTHER_CUSTOMER, OF_NO_WALLET],
    },
    Table {
        what: "a look at a payment by the merchant's id",
        right: || {
            find(|_| Query::Payment {
                merchant: BAKERY,
                merchant_payment_id: "lunch".into(),
            })
        },
        rows: &[BY_ANOTHER_PROGRAM, NO_PAYMENT],
    },
    Table {
        what: "a look at a payment by its number",
        right: || {
            find(|payment| Query::PaymentById {
                merchant: BAKERY,
                payment,
            })
        },
        rows: &[BY_ANOTHER_PROGRAM, NO_PAYMENT_BY_ID],
    },
    Table {
        what: "a charge that is delivered again",
        right: || {
            find(|_| Query::FirstAnswer {
                of: Box::new(Command::Charge(by_grant("lunch", 1_000))),
            })
        },
        rows: &[BY_ANOTHER_PROGRAM, ANOTHER_REQUEST],
    },
    Table {
        what: "a look at a refund",
        right: || {
            find(|_| Query::Refund {
                merchant: BAKERY,
                merchant_refund_id: "r".into(),
                payment: None,
            })
        },
        rows: &[BY_ANOTHER_PROGRAM, NO_REFUND],
    },
    Table {
        what: "a look at a refund of a payment",
        right: || {
            find(|payment| Query::Refund {
                merchant: BAKERY,
                merchant_refund_id: "r".into(),
                payment: Some(payment),
            })
        },
        rows: &[BY_ANOTHER_PROGRAM, NO_REFUND],
    },
];

/// The request of each table, right in everything.
pub fn right_requests() -> impl Iterator<Item = (&'static str, Scene)> {
    TABLES.iter().map(|table| (table.what, (table.right)()))
}

#[test]
fn a_request_that_is_right_in_everything_is_done() {
    for (what, mut scene) in right_requests() {
        let outcome = scene.outcome();
        assert!(outcome.is_ok(), "{what}: {outcome:?}");
    }
}

#[test]
fn one_thing_that_is_wrong_is_what_the_answer_says() {
    for table in TABLES {
        for row in table.rows() {
            let mut scene = (table.right)();
            (row.breaks)(&mut scene);
            let before = *scene.fixture.book.trial_balance();
            let words = format!("{} {}", table.what, row.what);
            assert_eq!(scene.outcome(), Err(row.refusal), "{words}");
            let after = *scene.fixture.book.trial_balance();
            assert_eq!(after, before, "{words} moves no money");
        }
    }
}

/// Both are broken in either order: where the second mends what the first broke (one key instead of another), the other order
/// tells. No order may give a third answer, and at least one must give the answer of the row that stands first.
#[test]
fn of_two_things_that_are_wrong_the_answer_says_the_one_that_stands_first() {
    let mut wrong = Vec::new();
    for table in TABLES {
        let rows = table.rows();
        for (at, earlier) in rows.iter().enumerate() {
            for later in &rows[at + 1..] {
                let said = [[earlier, later], [later, earlier]].map(|both| {
                    let mut scene = (table.right)();
                    both.into_iter().for_each(|row| (row.breaks)(&mut scene));
                    scene.outcome()
                });
                let (first, second) = (Err(earlier.refusal), Err(later.refusal));
                if !said.contains(&first) || said.iter().any(|no| *no != first && *no != second) {
                    let (earlier, later) = (earlier.what, later.what);
                    wrong.push(format!("{} {earlier} and {later}: {said:?}", table.what));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Commands that are never refused. Without a wildcard below: a new command has a table or stands here.
#[test]
fn every_command_and_query_has_a_table_and_every_refusal_a_row() {
    let never_refused = [
        CommandKind::Upkeep,
        CommandKind::OpenMerchant,
        CommandKind::OpenWallet,
        CommandKind::ReleaseExpired,
        CommandKind::ProveRegistry,
    ];
    let mut kinds = BTreeSet::new();
    let mut queries = BTreeSet::new();
    for (_, scene) in right_requests() {
        match scene.request.ask {
            Ask::Command(command) => drop(kinds.insert(command.kind().number())),
            Ask::Query(Query::Wallet { .. }) => drop(queries.insert(0)),
            Ask::Query(Query::Payment { .. }) => drop(queries.insert(1)),
            Ask::Query(Query::PaymentById { .. }) => drop(queries.insert(2)),
            Ask::Query(Query::Refund { .. }) => drop(queries.insert(3)),
            Ask::Query(Query::FirstAnswer { .. }) => drop(queries.insert(4)),
        }
    }
    for kind in CommandKind::ALL {
        assert_ne!(
            kinds.contains(&kind.number()),
            never_refused.contains(&kind),
            "{kind:?}"
        );
    }
    assert_eq!(queries.len(), 5);

    let mut missing: BTreeMap<u8, Refusal> = (0..=u8::MAX)
        .map_while(|number| Some((number, all_refusals(number)?)))
        .collect();
    assert!(missing.len() > 32, "all of them");
    let given: Vec<Refusal> = (TABLES.iter())
        .flat_map(Table::rows)
        .map(|row| row.refusal)
        .collect();
    missing.retain(|_, refusal| !given.contains(refusal));
    assert_eq!(
        missing.into_values().collect::<Vec<_>>(),
        [Refusal::TillLocked],
        "which the desk's tests are about"
    );
}

/// The refusal with that number in the journal.
fn all_refusals(number: u8) -> Option<Refusal> {
    minicbor::decode(&minicbor::to_vec(number).unwrap()).ok()
}

/// A locked till hears that before anything else that is wrong, but not when it asks again for what was decided before: a retry
/// is no guess.
#[test]
fn a_till_that_guessed_too_often_hears_nothing_else_of_a_new_request() {
    for table in TABLES {
        let scans = (table.right)().request;
        let Ask::Command(command) = scans.ask else {
            continue;
        };
        if command.scan().is_none() {
            continue;
        }
        for row in table.rows() {
            let mut scene = (table.right)();
            (row.breaks)(&mut scene);
            guess_ten_codes(&mut scene);
            let answered_before = matches!(
                row.refusal,
                Refusal::IdempotencyConflict | Refusal::CancelledBeforePayment
            );
            let expected = if answered_before {
                row.refusal
            } else {
                Refusal::TillLocked
            };
            let words = format!("{} {}", table.what, row.what);
            assert_eq!(scene.outcome(), Err(expected), "{words}");
        }
    }
}

/// Ten codes that no phone shows, by the scene's own asker at the scene's own till.
fn guess_ten_codes(scene: &mut Scene) {
    let right = scene.charge().clone();
    for number in 0..10 {
        let guess = scene.charge();
        guess.payer = Payer::Code(number);
        guess.merchant_payment_id = format!("guess-{number}").into();
        scene.outcome().unwrap_err();
    }
    *scene.charge() = right;
}
