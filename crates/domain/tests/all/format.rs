//! The journal's format: what is written today must be read for ever.

use crate::fixture::{
    BAKERY_KEY, BOOKSHOPS_STORE, DEVICE, FIRST_TILL, Fixture, GRANT, as_key, as_operator, as_till,
    bakerys_details, by_code, by_grant, empty_book,
};
use mamori_domain::book::{Book, BookHash, CoolingReason};
use mamori_domain::command::{Charge, Command, CommandKind, CreditKind};
use mamori_domain::context::{
    Actor, AgentFamily, Context, ContextId, NetworkOrigin, PrefixKind, RequestId, SystemReason,
};
use mamori_domain::event::{Act, Event};
use mamori_domain::fund::{Credited, Lot, Source, TopUpConfirmed, TopUpFailed, TopUpStarted};
use mamori_domain::identity::{
    AuthorizationGranted, AuthorizationRevoked, CredentialBound, CredentialRevoked, DeviceBound,
    Frozen, SealedText, Unfrozen, WalletCooled, WalletNoted, WalletOpened,
};
use mamori_domain::ids::{
    AuthorizationId, EntryId, Fingerprint, HoldId, IdSpace, MerchantId, OperatorId, PaymentId,
    RefundId, SessionId, ShardId, StoreId, SupervisorId, TillId, TopUpId, WalletId,
};
use mamori_domain::key::{RequestDigest, RequestKey};
use mamori_domain::lifecycle::{
    BookShape, LossAccepted, Purpose, RegistryProven, Sealed, Stamped, TakenOver,
};
use mamori_domain::merchant::{
    ApiKeyBound, ApiKeyRevoked, MerchantOpened, ReversalRule, ReversalRuleSet, StoreDescribed,
    StoreDetails, StoreOpened, TillBound, TillOpened, TillReach,
};
use mamori_domain::money::Amount;
use mamori_domain::pay::{
    Cancelled, CancelledBefore, Captured, Held, HeldFor, OrderInfo, Paid, Refunded, Refused,
    RefusedPayer, Released,
};
use mamori_domain::refusal::Refusal;
use mamori_domain::world::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The number an event has in the journal. Without a wildcard: a new event must come here and into [`one_of_each`].
fn number(event: &Event) -> u32 {
    match event {
        Event::Stamped(_) => 0,
        Event::MerchantOpened(_) => 1,
        Event::StoreOpened(_) => 2,
        Event::TillOpened(_) => 3,
        Event::TillBound(_) => 4,
        Event::ApiKeyBound(_) => 5,
        Event::ApiKeyRevoked(_) => 6,
        Event::WalletOpened(_) => 7,
        Event::CredentialBound(_) => 8,
        Event::CredentialRevoked(_) => 9,
        Event::Frozen(_) => 10,
        Event::Unfrozen(_) => 11,
        Event::AuthorizationGranted(_) => 12,
        Event::AuthorizationRevoked(_) => 13,
        Event::Paid(_) => 14,
        Event::Refused(_) => 15,
        Event::Cancelled(_) => 16,
        Event::CancelledBefore(_) => 17,
        Event::Refunded(_) => 18,
        Event::Held(_) => 19,
        Event::Captured(_) => 20,
        Event::Released(_) => 21,
        Event::TopUpStarted(_) => 22,
        Event::TopUpConfirmed(_) => 23,
        Event::TopUpFailed(_) => 24,
        Event::Credited(_) => 25,
        Event::TakenOver(_) => 26,
        Event::Sealed(_) => 27,
        Event::LossAccepted(_) => 28,
        Event::StoreDescribed(_) => 29,
        Event::WalletNoted(_) => 30,
        Event::RegistryProven(_) => 31,
        Event::ReversalRuleSet(_) => 32,
        Event::DeviceBound(_) => 33,
        Event::WalletCooled(_) => 35,
    }
}

/// Events of every kind, in the order of their numbers, with their fields at their widest.
pub fn one_of_each() -> Vec<Event> {
    let wallet = WalletId(u64::MAX >> 1);
    let merchant = MerchantId(u32::MAX);
    let store = Some(StoreId(7));
    let till = TillId(8);
    let credential = Fingerprint(u128::MAX);
    let key = RequestKey(1 << 127);
    let digest = RequestDigest(u64::MAX);
    let amount = Amount::yen(Amount::MAX_MINOR);
    let previous = EntryId(11);
    let entry = EntryId(12);
    let balance = Amount::MAX_MINOR;
    let ids = IdSpace {
        incarnation: 1023,
        shard: ShardId(1023),
    };
    let lot = |source, yen| Lot {
        source,
        amount: Amount::yen(yen),
    };
    let drawn = vec![
        lot(Source::Card(TopUpId(1)), Amount::MAX_MINOR),
        lot(Source::Cash(entry), 1),
        lot(Source::Goodwill(entry), 23),
        lot(Source::Refund(PaymentId(4)), 24),
    ];
    let order = OrderInfo {
        requested_at: i64::MIN,
        description: Some("おにぎり".into()),
        receipt_number: Some("".into()),
        store_text: None,
        terminal_text: Some("レジ 1".into()),
        categories: Some(["食品".into(), "".into()].into()),
    };
    let credited = |kind| Credited {
        entry,
        wallet,
        kind,
        amount,
        key,
        digest,
        previous,
        balance,
    };
    let purpose = Purpose::Live;
    let details = bakerys_details();
    vec![
        Stamped { purpose, ids }.into(),
        MerchantOpened { merchant }.into(),
        StoreOpened {
            store: StoreId(7),
            merchant,
            details: None,
        }
        .into(),
        StoreOpened {
            store: StoreId(7),
            merchant,
            details: Some(details.clone()),
        }
        .into(),
        TillOpened {
            till,
            store: StoreId(7),
        }
        .into(),
        TillBound {
            till,
            device: Some(credential),
        }
        .into(),
        TillBound { till, device: None }.into(),
        ApiKeyBound {
            key: credential,
            merchant,
        }
        .into(),
        ApiKeyRevoked {
            key: credential,
            merchant: None,
        }
        .into(),
        ApiKeyRevoked {
            key: credential,
            merchant: Some(merchant),
        }
        .into(),
        WalletOpened { wallet, credential }.into(),
        CredentialBound { wallet, credential }.into(),
        CredentialRevoked { wallet, credential }.into(),
        Frozen { wallet }.into(),
        Unfrozen { wallet }.into(),
        AuthorizationGranted {
            authorization: AuthorizationId(u128::MAX),
            wallet,
            merchant,
        }
        .into(),
        AuthorizationRevoked {
            authorization: AuthorizationId(0),
            wallet: None,
        }
        .into(),
        AuthorizationRevoked {
            authorization: AuthorizationId(0),
            wallet: Some(wallet),
        }
        .into(),
        Paid {
            id: PaymentId(9),
            merchant,
            store,
            till: None,
            wallet,
            amount,
            digest,
            merchant_payment_id: "注文-1".into(),
            drawn: drawn.clone().into(),
            previous,
            balance,
            order: order.into(),
            authorization: Some(AuthorizationId(5)),
        }
        .into(),
        Refused {
            key,
            digest,
            refusal: Refusal::TextOutOfBounds,
            payer: None,
        }
        .into(),
        Refused {
            key,
            digest,
            refusal: Refusal::BalanceTooSmall,
            payer: Some(RefusedPayer {
                wallet,
                merchant,
                amount,
                store: None,
            }),
        }
        .into(),
        Cancelled {
            entry,
            payment: PaymentId(2),
            wallet,
            merchant,
            store,
            amount,
            previous,
            balance,
            returned: drawn.clone(),
        }
        .into(),
        CancelledBefore {
            key,
            merchant,
            merchant_payment_id: "x".into(),
        }
        .into(),
        Refunded {
            refund: RefundId(1),
            payment: PaymentId(2),
            wallet,
            merchant,
            store: None,
            amount,
            digest,
            merchant_refund_id: "r".into(),
            reason: Some("返品".into()),
            requested_at: -1,
            previous,
            balance,
            returned: drawn.clone(),
        }
        .into(),
        Held {
            hold: HoldId(3),
            key,
            digest,
            merchant,
            store,
            wallet,
            amount,
            drawn: drawn.clone().into(),
            expires_at: Timestamp(i64::MAX),
            previous,
            balance,
            held_for: None,
        }
        .into(),
        Held {
            hold: HoldId(3),
            key,
            digest,
            merchant,
            store: None,
            wallet,
            amount,
            drawn: drawn.clone().into(),
            expires_at: Timestamp(0),
            previous,
            balance,
            held_for: Some(
                HeldFor {
                    merchant_payment_id: "部屋-1".into(),
                    digest,
                    till: Some(till),
                    authorization: None,
                    order: OrderInfo::default().into(),
                }
                .into(),
            ),
        }
        .into(),
        Captured {
            entry,
            hold: HoldId(3),
            wallet,
            merchant,
            store,
            amount,
            back: Amount::ZERO,
            previous,
            balance,
            paid: None,
        }
        .into(),
        Captured {
            entry,
            hold: HoldId(3),
            wallet,
            merchant,
            store,
            amount: Amount::yen(1),
            back: Amount::yen(2),
            previous,
            balance,
            paid: Some(
                Paid {
                    id: PaymentId(3),
                    merchant,
                    store,
                    till: Some(till),
                    wallet,
                    amount: Amount::yen(1),
                    digest,
                    merchant_payment_id: "部屋-1".into(),
                    drawn: drawn.into(),
                    previous,
                    balance,
                    order: OrderInfo::default().into(),
                    authorization: Some(AuthorizationId(5)),
                }
                .into(),
            ),
        }
        .into(),
        Released {
            entry,
            hold: HoldId(3),
            wallet,
            merchant,
            amount,
            previous,
            balance,
        }
        .into(),
        TopUpStarted {
            top_up: TopUpId(4),
            wallet,
            amount,
            key,
            digest,
        }
        .into(),
        TopUpConfirmed {
            entry,
            top_up: TopUpId(4),
            wallet,
            amount,
            previous,
            balance,
        }
        .into(),
        TopUpFailed {
            top_up: TopUpId(4),
            wallet,
            expired: true,
        }
        .into(),
        credited(CreditKind::Cash).into(),
        credited(CreditKind::Goodwill).into(),
        TakenOver { epoch: u64::MAX }.into(),
        Sealed::ours(BookHash {
            lanes: [1, u64::MAX, 0, 4],
        })
        .into(),
        LossAccepted {
            ids,
            lost_through: 5,
        }
        .into(),
        StoreDescribed {
            store: StoreId(7),
            details,
        }
        .into(),
        WalletNoted {
            wallet,
            note: SealedText(vec![0xFF; SealedText::BYTES_MAX]),
        }
        .into(),
        RegistryProven { rows: 7 }.into(),
        ReversalRuleSet {
            merchant: MerchantId(u32::MAX),
            rule: ReversalRule {
                reach: TillReach::Merchant,
                alone_up_to: Amount::MAX_MINOR,
            },
        }
        .into(),
        DeviceBound {
            wallet,
            device: Some(Fingerprint(u128::MAX)),
        }
        .into(),
        WalletCooled {
            wallet,
            until: Timestamp(i64::MAX),
            reason: CoolingReason::Recovery,
        }
        .into(),
    ]
}

/// Contexts of every kind of actor.
fn contexts() -> Vec<Context> {
    let wide = Fingerprint(u128::MAX);
    let session = SessionId(u128::MAX);
    let actors = [
        Actor::Customer {
            wallet: WalletId(u64::MAX),
            session,
            credential: Some(wide),
            device: Some(wide),
        },
        Actor::Customer {
            wallet: WalletId(0),
            session: SessionId(0),
            credential: None,
            device: None,
        },
        Actor::Operator {
            operator: OperatorId(u128::MAX),
            session,
        },
        Actor::Till {
            till: TillId(u32::MAX),
            device: wide,
            approved_by: None,
        },
        Actor::Till {
            till: TillId(u32::MAX),
            device: wide,
            approved_by: Some(SupervisorId(u64::MAX)),
        },
        Actor::Key { key: wide },
        Actor::system(SystemReason::CommandLine),
    ];
    let networks = [
        None,
        Some(NetworkOrigin {
            hash: u64::MAX,
            prefix: PrefixKind::V6,
        }),
    ];
    let each = |by| {
        networks.map(|network| Context {
            by,
            network,
            agent: AgentFamily::ChromePhone,
        })
    };
    actors.into_iter().flat_map(each).collect()
}

fn read_whole<T>(value: &T)
where
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq + std::fmt::Debug,
{
    let bytes = minicbor::to_vec(value).unwrap();
    assert_eq!(minicbor::decode::<T>(&bytes).unwrap(), *value);
    for cut in 0..bytes.len() {
        let half = minicbor::decode::<T>(&bytes[..cut]);
        assert!(half.is_err(), "{cut} bytes of {value:?}: {half:?}");
    }
}

#[test]
fn every_event_is_read_as_it_was_written_and_half_of_one_is_an_error() {
    let samples = one_of_each();
    let mut numbers: Vec<u32> = samples.iter().map(number).collect();
    numbers.dedup();
    assert_eq!(
        numbers,
        {
            let mut sorted = numbers.clone();
            sorted.sort_unstable();
            sorted
        },
        "one of each, in the order of their numbers"
    );
    for event in &samples {
        assert_eq!(event.number(), number(event));
        read_whole(event);
    }
}

#[test]
fn every_act_is_read_as_it_was_written_with_and_without_its_context() {
    let mut events = one_of_each().into_iter().cycle();
    for context in contexts() {
        read_whole(&context);
        for definition in [None, Some(context)] {
            for (request, count) in [(0, 0), (1, 1), (u64::MAX, 3)] {
                read_whole(&Act {
                    by: Some(context.id()),
                    context: definition,
                    command: CommandKind::ReleaseExpired,
                    request: RequestId(request),
                    events: events.by_ref().take(count).collect(),
                });
            }
        }
    }
}

#[test]
fn an_unknown_event_stops_the_reader() {
    for number in [Event::NEXT, Event::NEXT + 1, u32::MAX] {
        let mut bytes = Vec::new();
        let mut out = minicbor::Encoder::new(&mut bytes);
        out.array(2).unwrap().u32(number).unwrap();
        out.array(0).unwrap();
        assert!(minicbor::decode::<Event>(&bytes).is_err(), "{number}");
    }
}

#[test]
fn an_unknown_kind_of_command_stops_the_reader() {
    let written = |kind: u32| {
        let mut bytes = Vec::new();
        let mut out = minicbor::Encoder::new(&mut bytes);
        out.array(4).unwrap().u64(7).unwrap().u32(kind).unwrap();
        out.u64(0).unwrap().array(0).unwrap();
        minicbor::decode::<Act>(&bytes).map(|act| act.command)
    };
    let count = CommandKind::ALL
        .into_iter()
        .map(CommandKind::number)
        .max()
        .unwrap() as u32
        + 1;
    for kind in CommandKind::ALL {
        let number = kind.number();
        assert_eq!(written(number as u32).ok(), Some(kind));
        assert_eq!(CommandKind::from_number(number), Some(kind));
    }
    assert!(written(count).is_err());
    assert!(written(u32::MAX).is_err());
}

#[test]
fn an_act_with_a_part_more_or_less_stops_the_reader() {
    let act = Act {
        by: Some(ContextId(7)),
        context: None,
        command: CommandKind::Charge,
        request: RequestId(0),
        events: Vec::new(),
    };
    let mut bytes = minicbor::to_vec(&act).unwrap();
    assert_eq!(bytes[0], 0x84, "an array of four");
    bytes[0] = 0x83;
    assert!(minicbor::decode::<Act>(&bytes).is_err());
    bytes[0] = 0x85;
    bytes.push(0);
    assert!(minicbor::decode::<Act>(&bytes).is_err());
}

/// A session, a till's device or a key asks thousands of times.
#[test]
fn an_asker_that_the_journal_knows_costs_fourteen_bytes_at_most() {
    let mut fixture = Fixture::open();
    for (id, yen) in [("first", 100), ("second", 100)] {
        fixture.pay(id, yen).unwrap();
    }
    let row = fixture.journal.last().expect("it was journaled");
    let [act] = &row.acts[..] else {
        panic!("one act");
    };
    assert_eq!(act.context, None, "it was defined with the first one");
    let event = minicbor::to_vec(&act.events[0]).unwrap();
    let bytes = minicbor::to_vec(act).unwrap();
    assert!(bytes.len() - event.len() <= 14, "{}", hex(&bytes));
}

// ---- golden journals

/// A day with one of everything, by everybody.
fn a_day() -> Fixture {
    let mut day = Fixture::open();
    let sora = day.sora;
    // Payments: by permission, by a scan at the till's page, refused, given back.
    let charge = Charge {
        order: OrderInfo {
            requested_at: 1_795_229_999,
            description: Some("昼食".into()),
            categories: Some(["bread".into(), "drinks".into()].into()),
            ..OrderInfo::default()
        }
        .into(),
        ..by_grant("lunch", 1_200)
    };
    let register = as_key(BAKERY_KEY).with_request(RequestId(0xfeed));
    day.tell_as(register, Command::Charge(charge)).unwrap();
    let lunch = PaymentId(day.book.next_id() - 1);
    let code = day.show_code(sora);
    let till = as_till(FIRST_TILL, DEVICE);
    let scan = Command::Charge(by_code(code, "scan", 300));
    day.tell_as(till, scan).unwrap();
    day.pay("dear", 50_000).unwrap_err();
    day.refund(lunch, "part", 200).unwrap();
    day.pay("wrong", 10).unwrap();
    day.cancel("wrong").unwrap();
    day.cancel("never").unwrap();
    day.seal();
    // Holds: captured in part and refunded, given back, and given back by itself.
    day.now = day.now.plus_seconds(61);
    let bike = day.hold("bike", 700, 3_600);
    day.capture(bike, 650).unwrap();
    day.refund(PaymentId(bike.0), "bell", 50).unwrap();
    let hold = day.hold("room", 700, 3_600);
    day.tell(Command::Release { hold }).unwrap();
    day.hold("boat", 50, 60);
    day.now = day.now.plus_seconds(60);
    day.seal_is_due = true;
    day.tell(Command::ReleaseExpired).unwrap();
    // Another owner takes over in the middle of the day.
    day.take_over();
    // Funding: confirmed, expired, failed, still open; and goodwill.
    let card = day.start_top_up(sora, "card", 5_000).unwrap();
    day.confirm(card, 5_000).unwrap();
    for (id, expired) in [("left", true), ("bad", false)] {
        let page = day.start_top_up(sora, id, 5_000).unwrap();
        day.fail(page, expired).unwrap();
    }
    day.start_top_up(sora, "open", 5_000).unwrap();
    let goodwill = Command::Credit {
        wallet: day.riku,
        idempotency_key: "sorry".into(),
        amount: Amount::yen(500),
        kind: CreditKind::Goodwill,
    };
    day.tell(goodwill).unwrap();
    // Who may do what.
    day.freeze(sora);
    day.tell_as(as_operator(), Command::Unfreeze { wallet: sora })
        .unwrap();
    let note = SealedText(b"sealed".to_vec());
    day.tell(Command::NoteWallet { wallet: sora, note })
        .unwrap();
    let (wallet, credential) = (sora, Fingerprint(77));
    day.tell(Command::BindCredential { wallet, credential })
        .unwrap();
    day.tell(Command::RevokeCredential { wallet, credential })
        .unwrap();
    for device in [Some(Fingerprint(78)), None, Some(Fingerprint(79))] {
        day.tell(Command::BindDevice { wallet, device }).unwrap();
    }
    let cool = Command::CoolWallet {
        wallet,
        until: day.now.plus_seconds(2 * 24 * 3_600),
        reason: CoolingReason::Recovery,
    };
    day.tell(cool).unwrap();
    let describe = Command::DescribeStore {
        store: BOOKSHOPS_STORE,
        details: StoreDetails {
            town: Some("千代田区".into()),
            ..StoreDetails::default()
        },
    };
    day.tell(describe).unwrap();
    let rule = ReversalRule {
        reach: TillReach::Merchant,
        alone_up_to: 3_000,
    };
    let merchant = crate::fixture::BOOKSHOP;
    day.tell(Command::SetReversalRule { merchant, rule })
        .unwrap();
    // The program learns to prove rows of the registry: once.
    day.tell(Command::ProveRegistry { rows: 3 }).unwrap();
    day.tell(Command::ProveRegistry { rows: 0 }).unwrap();
    let unbind = Command::BindTill {
        till: FIRST_TILL,
        device: None,
    };
    day.tell(unbind).unwrap();
    // A restore admits that rows were lost: ids are of another incarnation from here on.
    let ids = IdSpace {
        incarnation: 1,
        shard: ShardId(3),
    };
    let lost_through = 99;
    day.upkeep(SystemReason::Restore, LossAccepted { ids, lost_through });
    day.pay("supper", 900).unwrap();
    let authorization = GRANT;
    day.tell(Command::RevokeAuthorization { authorization })
        .unwrap();
    day.seal();
    day
}

/// Seals in [`a_day`].
const SEALS: usize = 3;

struct Golden {
    journal: &'static str,
    /// Of the book at its end, in CBOR, under the tests' key.
    hash: &'static str,
    seals: usize,
}

/// What was written by each release, and the book after it.
///
/// A golden journal never changes once it was released. A pinned hash changes only with the shape of the book's rows, and then
/// [`BookShape::OURS`] must rise with it: a seal or checkpoint of another shape is passed over, but one of the same shape with
/// another hash is a fault at the start of every store in the field.
///
/// The hashes below are of shape 1, in which accounts are rows of their own and stores have a place.
const GOLDEN: &[Golden] = &[
    Golden {
        journal: include_str!("golden/format-1.journal"),
        hash: "81841bda9507c2f20cbd141b2b3abe334ca913cf1bf7da6ae7119aea4b1bfdfbc20345db5d21",
        seals: 0,
    },
    // Returned money goes back to the lots it was drawn from.
    Golden {
        journal: include_str!("golden/format-1-returned.journal"),
        hash: "81841bf18b740aed517f981be999848369284f2b1b2078959b230785da1bc90ceb3fdfb6cc8f",
        seals: 0,
    },
    // Seals of shape 0, which did not name it.
    Golden {
        journal: include_str!("golden/format-1-sealed.journal"),
        hash: "81841bce577be6df5227181b2adcfab702669c9b1ba5ca3509223388441ba58cb58603c74ea4",
        seals: 6,
    },
    // Acts with who asked; seals of shape 1.
    Golden {
        journal: include_str!("golden/format-2.journal"),
        hash: "81841bd8bedc1b73b2a7871b43c4b05fef71fe721ba21018c9d958d0f81b2eef87a9f8d33fe1",
        seals: SEALS,
    },
    // What is captured of a hold is a payment, and can be refunded; the registry's rows carry proofs.
    Golden {
        journal: include_str!("golden/format-2-captured.journal"),
        hash: "81841bce3579eb7bf55f581b33f8649eac48f6d21b9fe885ed0a99bd181ba6f3ab01c496b227",
        seals: SEALS,
    },
    // Wallets name the device that they pay from.
    Golden {
        journal: include_str!("golden/format-2-devices.journal"),
        hash: "81841bc8aa7835e0ea0d171bd6ca04e198bc153a1b75fd669c48676ddd1b657046e6de6a1c2d",
        seals: SEALS,
    },
    // Wallets cool after another device, a new card, a recovery.
    Golden {
        journal: include_str!("golden/format-2-cooling.journal"),
        hash: "81841b07c266344cfa76381bcb1b1f316d8141ee1b7d28e79dedf0b1751bff443021db383659",
        seals: SEALS,
    },
];

/// The first byte of a batch of acts. Batches of the first format are bare events here, as the golden files have them.
const FORMAT: u8 = 2;

struct Row {
    seq: u64,
    at: Timestamp,
    acts: Vec<Act>,
}

impl Row {
    fn events(&self) -> impl Iterator<Item = &Event> {
        self.acts.iter().flat_map(|act| &act.events)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// A batch as it lies in a row of the journal.
fn batch(acts: &[Act]) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    for act in acts {
        minicbor::encode(act, &mut bytes).unwrap();
    }
    bytes
}

fn read_all<T: for<'b> minicbor::Decode<'b, ()>>(bytes: &[u8]) -> Vec<T> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let mut all = Vec::new();
    while decoder.position() < bytes.len() {
        all.push(decoder.decode().unwrap());
    }
    all
}

fn read(journal: &str) -> Vec<Row> {
    let row = |line: &str| {
        let mut words = line.split(' ');
        let seq = words.next().unwrap().parse().unwrap();
        let at = Timestamp(words.next().unwrap().parse().unwrap());
        let batch = unhex(words.next().unwrap());
        let acts = match batch.split_first() {
            Some((&FORMAT, acts)) => read_all(acts),
            // The first format did not say where one act ends, nor who asked.
            _ => vec![Act {
                by: None,
                context: None,
                command: CommandKind::Upkeep,
                request: RequestId::default(),
                events: read_all(&batch),
            }],
        };
        Row { seq, at, acts }
    };
    journal.lines().map(row).collect()
}

fn written(day: &Fixture) -> String {
    let mut text = String::new();
    for row in &day.journal {
        writeln!(text, "{} {} {}", row.seq, row.at.0, hex(&batch(&row.acts))).unwrap();
    }
    text
}

struct Replayed {
    book: Book,
    /// Seals that were compared with the book and agreed.
    proven: usize,
    /// Seals of another shape.
    passed_over: usize,
}

/// Replays a journal as a start does; the error is the row whose seal does not agree.
fn replay(rows: &[Row]) -> Result<Replayed, u64> {
    let mut book = empty_book();
    let (mut proven, mut passed_over) = (0, 0);
    for row in rows {
        // A seal is the book before its row: it is compared before the row moves the clock.
        let mut is_open = false;
        for event in row.events() {
            match event {
                Event::Sealed(seal) => match seal.comparable() {
                    Some(hash) if hash == book.hash() => proven += 1,
                    Some(_) => return Err(row.seq),
                    None => passed_over += 1,
                },
                _ if !is_open => {
                    book.open_row(row.seq, row.at);
                    is_open = true;
                }
                _ => {}
            }
            book.apply(event);
        }
        if !is_open {
            book.open_row(row.seq, row.at);
        }
        book.settle();
    }
    book.audit();
    Ok(Replayed {
        book,
        proven,
        passed_over,
    })
}

fn hash_in_hex(book: &Book) -> String {
    hex(&minicbor::to_vec(book.hash()).unwrap())
}

#[test]
fn every_golden_journal_replays_to_the_same_book_for_ever() {
    for golden in GOLDEN {
        let replayed = replay(&read(golden.journal)).expect("its seals agree");
        assert_eq!(hash_in_hex(&replayed.book), golden.hash);
        assert_eq!(replayed.proven + replayed.passed_over, golden.seals);
    }
}

#[test]
fn what_is_written_today_is_what_was_written_then() {
    let day = a_day();
    let newest = GOLDEN.last().expect("there was a release");
    assert_eq!(written(&day), newest.journal);
    let replayed = replay(&read(newest.journal)).expect("its seals agree");
    assert_eq!(replayed.book.hash(), day.book.hash());
    assert_eq!(replayed.proven, SEALS, "every seal is of today's shape");
}

#[test]
fn the_newest_golden_journal_has_one_of_everything() {
    let rows = read(GOLDEN.last().expect("there was a release").journal);
    let events: BTreeSet<u32> = rows.iter().flat_map(Row::events).map(number).collect();
    assert_eq!(events, one_of_each().iter().map(number).collect());
    // No events of their own: a code lives in memory alone.
    let unjournaled = [CommandKind::IssueCode, CommandKind::EndSession];
    let commands: BTreeSet<i64> = (rows.iter().flat_map(|row| &row.acts))
        .map(|act| act.command.number())
        .collect();
    let all = CommandKind::ALL.into_iter();
    let expected = all.filter(|kind| !unjournaled.contains(kind));
    assert_eq!(commands, expected.map(CommandKind::number).collect());
    let who: BTreeSet<i64> = (rows.iter().flat_map(|row| &row.acts))
        .filter_map(|act| act.context)
        .map(|context| context.by.kind().number())
        .collect();
    assert_eq!(
        who.len(),
        5,
        "customers, operators, tills, keys, the system"
    );
}

#[test]
fn a_reader_of_the_newest_golden_journal_knows_who_asked_for_each_act() {
    let mut known: BTreeMap<ContextId, Context> = BTreeMap::new();
    let mut defined_again = 0;
    for row in read(GOLDEN.last().expect("there was a release").journal) {
        for act in &row.acts {
            let by = act.by.expect("this format says who asked");
            if let Some(context) = act.context {
                assert_eq!(context.id(), by, "a context is named by its content");
                let before = known.insert(by, context);
                assert!(before.is_none_or(|before| before == context));
                defined_again += usize::from(before.is_some());
            }
            let asker = known.get(&by).expect("defined with the first act in it");
            let is_upkeep = act.command == CommandKind::Upkeep;
            let is_system = matches!(asker.by, Actor::System { .. });
            assert!(is_system || !is_upkeep, "{act:?}");
        }
    }
    assert!(
        defined_again > 0,
        "a new owner of the shard defines them again"
    );
}

/// The seals of a journal, said to be of another shape with a hash that this program cannot know.
fn sealed_by_a_book_of(shape: BookShape, rows: &[Row]) -> Vec<Row> {
    let other = |event: &Event| match event {
        Event::Sealed(seal) => {
            let mut hash = seal.hash;
            hash.lanes[0] ^= 1;
            Sealed { hash, shape }.into()
        }
        event => event.clone(),
    };
    rows.iter()
        .map(|row| {
            let acts: Vec<Act> = (row.acts.iter())
                .map(|act| Act {
                    events: act.events.iter().map(other).collect(),
                    ..act.clone()
                })
                .collect();
            let Row { seq, at, .. } = *row;
            let acts = read_all(&batch(&acts)[1..]);
            Row { seq, at, acts }
        })
        .collect()
}

/// A program whose rows are one field longer, or one shorter, meets a journal of this one: what the seals say is of another
/// book, what the rows say is as true as before.
#[test]
fn seals_of_another_shape_are_passed_over_and_the_replay_goes_on() {
    let rows = read(GOLDEN.last().expect("there was a release").journal);
    let ours = replay(&rows).expect("its seals agree");
    for shape in [BookShape(0), BookShape(BookShape::OURS.0 + 1)] {
        let theirs = sealed_by_a_book_of(shape, &rows);
        let replayed = replay(&theirs).expect("nothing to compare with");
        assert_eq!((replayed.proven, replayed.passed_over), (0, SEALS));
        assert_eq!(replayed.book.hash(), ours.book.hash());
    }
}

#[test]
fn a_seal_of_our_shape_with_another_hash_stops_the_replay() {
    let rows = read(GOLDEN.last().expect("there was a release").journal);
    let edited = sealed_by_a_book_of(BookShape::OURS, &rows);
    let first = rows
        .iter()
        .find(|row| row.events().any(|event| matches!(event, Event::Sealed(_))))
        .expect("it has seals");
    assert_eq!(replay(&edited).err(), Some(first.seq));
}

#[test]
fn a_seal_from_before_shapes_had_numbers_is_of_shape_zero() {
    let hash = BookHash {
        lanes: [1, 2, 3, 4],
    };
    let mut bytes = Vec::new();
    minicbor::Encoder::new(&mut bytes)
        .array(1)
        .unwrap()
        .encode(hash)
        .unwrap();
    let seal: Sealed = minicbor::decode(&bytes).unwrap();
    assert_eq!(seal.shape, BookShape(0));
    assert_eq!(seal.comparable(), None);
    assert_eq!(Sealed::ours(hash).comparable(), Some(hash));
}

/// Who asked did not change what happened: the same events come to the same book in either format.
#[test]
fn the_first_format_tells_of_the_same_book() {
    let day = a_day();
    let bare: Vec<Row> = (day.journal.iter())
        .map(|row| {
            let bytes: Vec<u8> = (row.events())
                .flat_map(|event| minicbor::to_vec(event).unwrap())
                .collect();
            let line = format!("{} {} {}\n", row.seq, row.at.0, hex(&bytes));
            read(&line).remove(0)
        })
        .collect();
    let replayed = replay(&bare).expect("its seals agree");
    assert_eq!(replayed.book.hash(), day.book.hash());
}
