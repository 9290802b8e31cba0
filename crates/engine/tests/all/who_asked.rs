//! The journal says who asked and where each act ends. Who that is stands there once in the life of a writer.

use mamori_datastore::keys::MasterKey;
use mamori_domain::book::{Book, HashKey};
use mamori_domain::command::{Command, CommandKind, Request};
use mamori_domain::context::{Actor, Asker, RequestId, SystemReason};
use mamori_domain::decide::Limits;
use mamori_domain::event::{Act, Event};
use mamori_domain::ids::{Fingerprint, MerchantId, SessionId, StoreId, WalletId};
use mamori_domain::money::Amount;
use mamori_domain::pay::Payer;
use mamori_domain::world::{Draw, Timestamp};
use mamori_engine::cold::ColdKeys;
use mamori_engine::journal::batch::{
    BATCH_FORMAT, Committed, begin_batch, decode_batch, encode_act,
};
use mamori_engine::journal::{FakeAppend, FakeJournal, Head, JournalReader, JournalStore};
use mamori_engine::shard::{Asked, Opened, Shard, Step, Verdict};
use mamori_engine::start::replay_row;

use crate::engine::{KEY, SORA, by, charge, open_store, with_key};

const WALLET: WalletId = WalletId(1);

struct Fixture {
    shard: Shard,
    journal: FakeJournal,
    draw: Draw,
}

fn shard(book: Book, journal: &FakeJournal, head: Head) -> Shard {
    let opened = Opened {
        limits: Limits::default(),
        cold: ColdKeys::default(),
        epoch: 1,
        chain: MasterKey::from_bytes([7; 32]).chain_key(),
        embedded: false,
    };
    Shard::new(book, JournalStore::fake(0, journal.clone()), head, opened)
}

fn empty_book() -> Book {
    Book::new(HashKey::new(&[5; 32]))
}

impl Fixture {
    /// A shop, and Sora with 10,000 yen.
    fn open() -> Fixture {
        let journal = FakeJournal::new();
        let mut fixture = Fixture {
            shard: shard(empty_book(), &journal, Head::EMPTY),
            journal,
            draw: Draw::from_seed(1),
        };
        let merchant = MerchantId(1);
        for command in [
            Command::OpenMerchant,
            open_store(merchant),
            Command::OpenTill { store: StoreId(1) },
            Command::BindApiKey { key: KEY, merchant },
            Command::OpenWallet {
                credential: Fingerprint(1),
                device: None,
            },
            Command::GrantAuthorization {
                authorization: SORA,
                wallet: WALLET,
                merchant,
            },
            Command::Credit {
                wallet: WALLET,
                idempotency_key: "seed".into(),
                amount: Amount::yen(10_000),
                kind: mamori_domain::command::CreditKind::Goodwill,
            },
        ] {
            fixture.durable(Asker::system(SystemReason::CommandLine), command);
        }
        fixture
    }

    fn step(&mut self, requests: Vec<Request>) -> Step {
        let asked = requests.into_iter().map(|request| Asked {
            request,
            fetched: None,
        });
        let asked: Vec<Asked> = asked.collect();
        let step = self.shard.step(&asked, Timestamp(1), &mut self.draw);
        assert!(step.fatal.is_none());
        step
    }

    fn durable(&mut self, asker: Asker, command: Command) -> Committed {
        let step = self.step(vec![Request::command(asker, command)]);
        assert!(
            matches!(step.verdicts[..], [Verdict::Answer(Ok(_))]),
            "{:?}",
            step.verdicts
        );
        step.committed.expect("something happened")
    }

    fn lost(&mut self, asker: Asker, command: Command) -> Option<Committed> {
        let step = self.step(vec![Request::command(asker, command)]);
        assert!(
            matches!(step.verdicts[..], [Verdict::Fault(_)]),
            "{:?}",
            step.verdicts
        );
        step.committed
    }

    /// What the journal holds, row by row.
    fn rows(&self) -> Vec<(u64, Timestamp, Vec<u8>)> {
        let mut reader = JournalReader::fake(0, self.journal.clone());
        let rows = reader.read(1, 10_000).unwrap().into_iter();
        rows.map(|row| (row.seq, Timestamp(row.at), row.batch))
            .collect()
    }
}

fn customer(session: u128) -> Asker {
    by(Actor::Customer {
        wallet: WALLET,
        session: SessionId(session),
        credential: None,
        device: None,
    })
}

const FREEZE: Command = Command::Freeze { wallet: WALLET };
const UNFREEZE: Command = Command::Unfreeze { wallet: WALLET };

#[test]
fn a_batch_says_of_each_act_who_asked_for_what_and_where_it_ends() {
    let mut fixture = Fixture::open();
    let request = RequestId(0xBEEF);
    let step = fixture.step(vec![
        Request::command(
            with_key().with_request(request),
            charge("p-1", Payer::Authorization(SORA), 100),
        ),
        Request::command(customer(1), FREEZE),
        Request::command(with_key(), charge("p-2", Payer::Authorization(SORA), 1)),
    ]);
    let committed = step.committed.expect("three acts");
    let told: Vec<_> = (committed.acts.iter())
        .map(|act| {
            (
                act.by,
                act.context.is_some(),
                act.command,
                act.request.0,
                act.events.len(),
            )
        })
        .collect();
    let (key, sora) = (Some(with_key().id), Some(customer(1).id));
    assert_eq!(
        told,
        [
            (key, true, CommandKind::Charge, request.0, 1),
            (sora, true, CommandKind::Freeze, 0, 1),
            (key, false, CommandKind::Charge, 0, 1),
        ]
    );
    assert_eq!(committed.acts[1].context, Some(customer(1).context));
    assert!(matches!(committed.acts[2].events[..], [Event::Refused(_)]));
    let (_, _, batch) = fixture.rows().pop().unwrap();
    assert_eq!(
        decode_batch(&batch).unwrap(),
        committed.acts,
        "and the journal says the same"
    );
}

#[test]
fn a_context_is_defined_once_in_a_writers_life() {
    let mut fixture = Fixture::open();
    let first = fixture.durable(customer(1), FREEZE);
    assert_eq!(first.acts[0].context, Some(customer(1).context));
    let again = fixture.durable(customer(1), UNFREEZE);
    assert_eq!(
        (again.acts[0].by, again.acts[0].context),
        (Some(customer(1).id), None)
    );
    assert_eq!(
        fixture.durable(customer(2), FREEZE).acts[0].context,
        Some(customer(2).context)
    );

    // The next writer does not know what this one has defined: it defines it once more, and it is the same.
    let mut reader = JournalReader::fake(0, fixture.journal.clone());
    let head = reader.head().unwrap();
    let book = std::mem::replace(
        &mut fixture.shard,
        shard(empty_book(), &FakeJournal::new(), Head::EMPTY),
    )
    .book;
    fixture.shard = shard(book, &fixture.journal, head);
    assert_eq!(
        fixture.durable(customer(1), UNFREEZE).acts[0].context,
        Some(customer(1).context)
    );
}

#[test]
fn a_payment_costs_two_hundred_bytes_of_journal_at_most() {
    // Beside its batch a row has two hashes of 32 bytes, shard, seq, epoch and instant.
    const ROW: usize = 2 * 32 + 4 * 8;
    let mut fixture = Fixture::open();
    let payment = |number: usize| {
        let name = format!("20261128-till-0001-{number:06}");
        let request = RequestId(0xFFFF_FFFF_FFFF_0000 + number as u64);
        Request::command(
            with_key().with_request(request),
            charge(&name, Payer::Authorization(SORA), 21),
        )
    };
    let one = fixture.step(vec![payment(0)]).committed.unwrap();
    assert!(
        one.bytes + ROW > 200,
        "the first one tells who the key is: {}",
        one.bytes
    );
    let alone = fixture.step(vec![payment(1)]).committed.unwrap();
    let many = fixture
        .step((2..103).map(payment).collect())
        .committed
        .unwrap();
    let each = (many.bytes - alone.bytes) / 100;
    assert!(each <= 200, "{each} bytes for one payment more");
    let share = (many.bytes + ROW) / 101;
    assert!(share <= 200, "{share} bytes for each of a batch of 101");
}

#[test]
fn a_lost_batch_takes_its_definitions_back() {
    let mut fixture = Fixture::open();
    fixture.journal.order([FakeAppend::Fails]);
    assert!(fixture.lost(customer(1), FREEZE).is_none());
    assert!(
        fixture.durable(customer(1), FREEZE).acts[0]
            .context
            .is_some()
    );

    // An empty row stands where the batch was to stand.
    fixture
        .journal
        .order([FakeAppend::LostBefore, FakeAppend::Durable]);
    let empty = fixture.lost(customer(2), UNFREEZE).expect("an empty row");
    assert!(empty.acts.is_empty());
    assert!(
        fixture.durable(customer(2), UNFREEZE).acts[0]
            .context
            .is_some()
    );

    // The answer was lost, and the batch was not.
    fixture.journal.order([FakeAppend::LostAfterDurable]);
    assert!(
        fixture.durable(customer(3), FREEZE).acts[0]
            .context
            .is_some()
    );
    assert!(
        fixture.durable(customer(3), UNFREEZE).acts[0]
            .context
            .is_none()
    );

    // Whatever happened on the way, a reader knows every asker.
    let mut known = Vec::new();
    for (_, _, batch) in fixture.rows() {
        for act in decode_batch(&batch).unwrap() {
            known.extend(act.context.map(|context| context.id()));
            assert!(known.contains(&act.by.expect("somebody asked")));
        }
    }
}

/// An act as the journal holds it, with whatever numbers.
fn act_of(command: u32, event: u32) -> Vec<u8> {
    let mut batch = vec![BATCH_FORMAT];
    let mut out = minicbor::Encoder::new(&mut batch);
    out.array(4)
        .unwrap()
        .u64(1)
        .unwrap()
        .u32(command)
        .unwrap()
        .u64(0)
        .unwrap();
    out.array(1).unwrap().array(2).unwrap().u32(event).unwrap();
    // Frozen: the wallet alone.
    out.array(1).unwrap().u64(1).unwrap();
    batch
}

#[test]
fn an_unknown_format_event_or_command_stops_the_reader() {
    let known = decode_batch(&act_of(11, 10)).expect("a frozen wallet");
    assert_eq!(known[0].command, CommandKind::Freeze);
    assert!(
        decode_batch(&act_of(11, Event::NEXT)).is_err(),
        "an event of a newer program"
    );
    let unknown = CommandKind::ALL
        .into_iter()
        .map(CommandKind::number)
        .max()
        .unwrap() as u32
        + 1;
    assert!(
        decode_batch(&act_of(unknown, 10)).is_err(),
        "a command of a newer program"
    );
    let mut newer = act_of(11, 10);
    newer[0] = BATCH_FORMAT + 1;
    assert!(decode_batch(&newer).is_err(), "a format of a newer program");
    assert!(decode_batch(&[]).is_err(), "not even a format");
    let whole = act_of(11, 10);
    assert!(
        decode_batch(&whole[..whole.len() - 1]).is_err(),
        "half an act"
    );
    assert_eq!(
        decode_batch(&[BATCH_FORMAT]).unwrap(),
        [],
        "an empty row is one"
    );
    assert_eq!(decode_batch(&[1]).unwrap(), [], "and was one before");
}

#[test]
fn rows_of_the_first_format_replay_beside_those_of_today() {
    let mut fixture = Fixture::open();
    fixture.durable(with_key(), charge("p-1", Payer::Authorization(SORA), 100));
    fixture.durable(customer(1), FREEZE);
    let mut book = empty_book();
    for (seq, at, batch) in fixture.rows() {
        // Every other row as the program of the first format wrote it: its events, one after the other.
        let batch = match seq % 2 {
            0 => batch,
            _ => {
                let mut older = vec![1];
                for act in decode_batch(&batch).unwrap() {
                    for event in act.events {
                        minicbor::encode(&event, &mut older).unwrap();
                    }
                }
                older
            }
        };
        let row = replay_row(&mut book, seq, at, &batch).unwrap();
        assert_eq!(row.acts.iter().all(|act| act.by.is_some()), seq % 2 == 0);
    }
    assert!(book.hash() == fixture.shard.book.hash(), "the same book");
}

#[test]
fn what_is_encoded_is_read_back() {
    let act = Act {
        by: Some(customer(1).id),
        context: Some(customer(1).context),
        command: CommandKind::Freeze,
        request: RequestId(u64::MAX),
        events: vec![mamori_domain::identity::Frozen { wallet: WALLET }.into()],
    };
    let mut batch = Vec::new();
    begin_batch(&mut batch);
    encode_act(&mut batch, &act);
    encode_act(&mut batch, &act);
    assert_eq!(decode_batch(&batch).unwrap(), [act.clone(), act]);
}
