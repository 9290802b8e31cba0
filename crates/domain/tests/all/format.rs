//! The journal's format: what is written today must be read for ever.

use crate::house::{BAKERY, House, by_grant, empty_book};
use mamori_domain::act::{Act, CreditKind, Done, Refusal};
use mamori_domain::change::{Change, Paid, Purpose};
use mamori_domain::funding::{Lot, Source};
use mamori_domain::ids::{
    AuthorizationId, EntryId, Fingerprint, HoldId, IdSpace, MerchantId, PaymentId, RefundId,
    ShardId, StoreId, TillId, TopUpId, WalletId,
};
use mamori_domain::key::{RequestKey, Sameness};
use mamori_domain::money::Amount;
use mamori_domain::payment::Papers;
use mamori_domain::table::BookHash;
use mamori_domain::world::Timestamp;
use std::fmt::Write;

/// The number a variant has in the journal. Without a wildcard: whoever adds a change must come here.
fn number(change: &Change) -> usize {
    match change {
        Change::Stamped { .. } => 0,
        Change::MerchantOpened { .. } => 1,
        Change::StoreOpened { .. } => 2,
        Change::TillOpened { .. } => 3,
        Change::TillBound { .. } => 4,
        Change::ApiKeyBound { .. } => 5,
        Change::ApiKeyRevoked { .. } => 6,
        Change::WalletOpened { .. } => 7,
        Change::CredentialBound { .. } => 8,
        Change::CredentialRevoked { .. } => 9,
        Change::Frozen { .. } => 10,
        Change::Unfrozen { .. } => 11,
        Change::AuthorizationGranted { .. } => 12,
        Change::AuthorizationRevoked { .. } => 13,
        Change::Paid(_) => 14,
        Change::Refused { .. } => 15,
        Change::Cancelled { .. } => 16,
        Change::CancelledBefore { .. } => 17,
        Change::Refunded { .. } => 18,
        Change::Held { .. } => 19,
        Change::Captured { .. } => 20,
        Change::Released { .. } => 21,
        Change::TopUpStarted { .. } => 22,
        Change::TopUpConfirmed { .. } => 23,
        Change::TopUpFailed { .. } => 24,
        Change::Credited { .. } => 25,
        Change::TakenOver { .. } => 26,
        Change::Sealed { .. } => 27,
        Change::LossAccepted { .. } => 28,
    }
}

fn one_of_each() -> Vec<Change> {
    let wallet = WalletId(u64::MAX >> 1);
    let merchant = MerchantId(u32::MAX);
    let store = Some(StoreId(7));
    let till = TillId(8);
    let credential = Fingerprint(u128::MAX);
    let key = RequestKey(1 << 127);
    let sameness = Sameness(u64::MAX);
    let amount = Amount::yen(Amount::MAX_MINOR);
    let previous = EntryId(11);
    let entry = EntryId(12);
    let balance = Amount::MAX_MINOR;
    let ids = IdSpace {
        incarnation: 1023,
        shard: ShardId(1023),
    };
    let drawn = vec![
        Lot {
            source: Source::Card(TopUpId(1)),
            amount,
        },
        Lot {
            source: Source::Cash(entry),
            amount: Amount::yen(1),
        },
        Lot {
            source: Source::Goodwill(entry),
            amount: Amount::yen(23),
        },
        Lot {
            source: Source::Refund(PaymentId(4)),
            amount: Amount::yen(24),
        },
    ];
    let papers = Papers {
        requested_at: i64::MIN,
        description: Some("おにぎり".into()),
        receipt_number: Some("".into()),
        store_text: None,
        terminal_text: Some("レジ 1".into()),
    };
    vec![
        Change::Stamped {
            purpose: Purpose::Live,
            ids,
        },
        Change::MerchantOpened { merchant },
        Change::StoreOpened {
            store: StoreId(7),
            merchant,
        },
        Change::TillOpened {
            till,
            store: StoreId(7),
        },
        Change::TillBound {
            till,
            device: Some(credential),
        },
        Change::TillBound { till, device: None },
        Change::ApiKeyBound {
            key: credential,
            merchant,
        },
        Change::ApiKeyRevoked { key: credential },
        Change::WalletOpened { wallet, credential },
        Change::CredentialBound { wallet, credential },
        Change::CredentialRevoked { wallet, credential },
        Change::Frozen { wallet },
        Change::Unfrozen { wallet },
        Change::AuthorizationGranted {
            authorization: AuthorizationId(u128::MAX),
            wallet,
            merchant,
        },
        Change::AuthorizationRevoked {
            authorization: AuthorizationId(0),
        },
        Change::Paid(Box::new(Paid {
            payment: PaymentId(9),
            merchant,
            store,
            till: None,
            wallet,
            amount,
            sameness,
            name: "注文-1".into(),
            drawn: drawn.clone(),
            previous,
            balance,
            papers,
            authorization: Some(AuthorizationId(5)),
        })),
        Change::Refused {
            key,
            sameness,
            refusal: Refusal::TillLocked,
        },
        Change::Cancelled {
            entry: RefundId(1),
            payment: PaymentId(2),
            wallet,
            merchant,
            store,
            amount,
            previous,
            balance,
            returned: drawn.clone(),
        },
        Change::CancelledBefore {
            key,
            merchant,
            name: "x".into(),
        },
        Change::Refunded {
            refund: RefundId(1),
            payment: PaymentId(2),
            wallet,
            merchant,
            store: None,
            amount,
            sameness,
            name: "r".into(),
            reason: Some("返品".into()),
            requested_at: -1,
            previous,
            balance,
            returned: drawn.clone(),
        },
        Change::Held {
            hold: HoldId(3),
            key,
            sameness,
            merchant,
            store,
            wallet,
            amount,
            drawn,
            expires_at: Timestamp(i64::MAX),
            previous,
            balance,
        },
        Change::Captured {
            entry,
            hold: HoldId(3),
            wallet,
            merchant,
            store,
            amount,
            back: Amount::ZERO,
            previous,
            balance,
        },
        Change::Released {
            entry,
            hold: HoldId(3),
            wallet,
            merchant,
            amount,
            previous,
            balance,
        },
        Change::TopUpStarted {
            top_up: TopUpId(4),
            wallet,
            amount,
            key,
            sameness,
        },
        Change::TopUpConfirmed {
            entry,
            top_up: TopUpId(4),
            wallet,
            amount,
            previous,
            balance,
        },
        Change::TopUpFailed {
            top_up: TopUpId(4),
            wallet,
            expired: true,
        },
        Change::Credited {
            entry,
            wallet,
            kind: CreditKind::Goodwill,
            amount,
            key,
            sameness,
            previous,
            balance,
        },
        Change::TakenOver { epoch: u64::MAX },
        Change::Sealed {
            hash: BookHash {
                lanes: [1, u64::MAX, 0, 4],
            },
        },
        Change::LossAccepted {
            ids,
            lost_through: 5,
        },
    ]
}

#[test]
fn every_change_is_read_as_it_was_written() {
    let samples = one_of_each();
    let mut numbers: Vec<usize> = samples.iter().map(number).collect();
    numbers.dedup();
    assert_eq!(
        numbers,
        (0..29).collect::<Vec<_>>(),
        "one of each, in the order of their numbers"
    );
    for change in samples {
        let bytes = minicbor::to_vec(&change).unwrap();
        assert_eq!(minicbor::decode::<Change>(&bytes).unwrap(), change);
        for cut in 0..bytes.len() {
            assert!(
                minicbor::decode::<Change>(&bytes[..cut]).is_err(),
                "half a change is an error"
            );
        }
    }
}

#[test]
fn an_unknown_change_stops_the_reader() {
    let mut bytes = Vec::new();
    minicbor::Encoder::new(&mut bytes)
        .array(2)
        .unwrap()
        .u32(29)
        .unwrap()
        .array(0)
        .unwrap();
    assert!(minicbor::decode::<Change>(&bytes).is_err());
}

/// A day in the house with one of everything that moves money.
fn a_day() -> House {
    let mut house = House::open();
    let sora = house.sora;
    let paid = house.pay("lunch", 1_200).unwrap();
    house.pay("dear", 50_000).unwrap_err();
    house.refund(paid.id, "part", 200).unwrap();
    house.pay("wrong", 10).unwrap();
    house.cancel("wrong").unwrap();
    house.cancel("never").unwrap();
    house.now = house.now.plus_seconds(61);
    let expires_at = house.now.plus_seconds(3_600);
    for (name, take) in [("bike", true), ("room", false)] {
        let charge = by_grant(name, 700);
        let Ok(Done::Held { hold }) = house.tell(Act::Hold { charge, expires_at }) else {
            panic!("there is enough");
        };
        let caller = mamori_domain::act::Caller::Key(crate::house::BAKERY_KEY);
        let amount = Amount::yen(650);
        let capture = Act::Capture {
            caller,
            merchant: BAKERY,
            hold,
            amount,
        };
        let end = if take { capture } else { Act::Release { hold } };
        house.tell(end).unwrap();
    }
    for (name, works) in [("card", true), ("bad card", false), ("open", true)] {
        let amount = Amount::yen(5_000);
        let start = Act::StartTopUp {
            wallet: sora,
            name: name.into(),
            amount,
        };
        let Ok(Done::TopUp { top_up, .. }) = house.tell(start) else {
            panic!("below the cap");
        };
        match (name, works) {
            ("open", _) => {}
            (_, true) => drop(house.tell(Act::ConfirmTopUp { top_up, amount }).unwrap()),
            (_, false) => drop(
                house
                    .tell(Act::FailTopUp {
                        top_up,
                        expired: true,
                    })
                    .unwrap(),
            ),
        }
    }
    house.tell(Act::Freeze { wallet: sora }).unwrap();
    house.tell(Act::Unfreeze { wallet: sora }).unwrap();
    let (wallet, credential) = (sora, Fingerprint(77));
    house
        .tell(Act::BindCredential { wallet, credential })
        .unwrap();
    house
        .tell(Act::RevokeCredential { wallet, credential })
        .unwrap();
    house
}

/// What was written by each release, and the hash of the book after it, under the test key. A hash may change with the shape of
/// the book's rows, and then every store in the field must replay; a golden journal may not change once it was released.
const GOLDEN: [(&str, &str); 2] = [
    (
        include_str!("golden/format-1.journal"),
        "81841b7798530726dd13b71b680e2ec5f8c5bf531bc1c98fbe1f326ec11bd8242e2bca6ebf7f",
    ),
    // Returned money goes back to the lots it was drawn from.
    (
        include_str!("golden/format-1-returned.journal"),
        "81841b8e8ebf4f2221d63b1b266cf5161544faaf1bea67ba72309f0a501ba3355768644a2eed",
    ),
];

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

fn written(journal: &[(u64, Timestamp, Vec<Change>)]) -> String {
    let mut text = String::new();
    for (seq, at, changes) in journal {
        let batch: Vec<u8> = changes
            .iter()
            .flat_map(|change| minicbor::to_vec(change).unwrap())
            .collect();
        writeln!(text, "{seq} {} {}", at.0, hex(&batch)).unwrap();
    }
    text
}

#[test]
fn the_golden_journal_replays_to_the_same_book_for_ever() {
    let house = a_day();
    let (newest, _) = GOLDEN.last().expect("there was a release");
    assert_eq!(
        written(&house.journal),
        *newest,
        "what is written today is what was written then"
    );
    assert_eq!(replayed(newest), house.book.hash());
    for (journal, hash) in GOLDEN {
        assert_eq!(hex(&minicbor::to_vec(replayed(journal)).unwrap()), hash);
    }
}

/// A day's journal with seals: the program seals each row whose number is a multiple of `SEAL_EVERY` (here of eight, or the file
/// would be long), stops in the middle of the day and at its end with a seal that stands alone, and takes over again in between.
fn sealed(day: &[(u64, Timestamp, Vec<Change>)]) -> Vec<(u64, Timestamp, Vec<Change>)> {
    const SEAL_EVERY: usize = 8;
    let mut book = empty_book();
    let mut journal = Vec::new();
    let mut write = |at: Timestamp, mut changes: Vec<Change>, seals: bool| {
        let seq = journal.len() + 1;
        // A second a row: a seal that is taken behind its row's time is another one.
        let at = at.plus_seconds(seq as i64);
        let hash = book.hash();
        if seals || seq.is_multiple_of(SEAL_EVERY) {
            changes.insert(0, Change::Sealed { hash });
        }
        book.open_row(seq as u64, at);
        changes.iter().for_each(|change| book.apply(change));
        book.settle();
        journal.push((seq as u64, at, changes));
    };
    for (number, (_, at, changes)) in day.iter().enumerate() {
        if number == day.len() / 2 {
            write(*at, Vec::new(), true);
            write(*at, vec![Change::TakenOver { epoch: 2 }], false);
        }
        write(*at, changes.clone(), false);
    }
    let (_, at, _) = day.last().expect("something happened");
    write(*at, Vec::new(), true);
    journal
}

/// What the program of format 1 wrote between its seals: each seal is the book's hash before its row, under the test key.
const SEALED: &str = include_str!("golden/format-1-sealed.journal");

#[test]
fn each_seal_of_the_sealed_golden_journal_is_the_book_before_its_row() {
    assert_eq!(
        written(&sealed(&a_day().journal)),
        SEALED,
        "what is written today is what was written then"
    );
    let (_, seals) = replay(SEALED);
    assert_eq!(seals, 6);
}

fn replayed(journal: &str) -> BookHash {
    replay(journal).0
}

/// The book at the end, and how many seals it met on the way.
fn replay(journal: &str) -> (BookHash, usize) {
    let mut book = empty_book();
    let mut seals = 0;
    for line in journal.lines() {
        let mut words = line.split(' ');
        let seq = words.next().unwrap().parse().unwrap();
        let at = Timestamp(words.next().unwrap().parse().unwrap());
        let batch = unhex(words.next().unwrap());
        let mut decoder = minicbor::Decoder::new(&batch);
        let mut changes = Vec::new();
        while decoder.position() < batch.len() {
            changes.push(decoder.decode::<Change>().unwrap());
        }
        // A seal is the book before its row: it is compared before the row moves the clock.
        if let Some(Change::Sealed { hash }) = changes.first() {
            assert_eq!(book.hash(), *hash, "the seal in row {seq}");
            seals += 1;
        }
        book.open_row(seq, at);
        changes.iter().for_each(|change| book.apply(change));
        book.settle();
    }
    book.audit();
    (book.hash(), seals)
}
