//! A look-up may come back after memory has forgotten what it could not see yet: it is asked again, and no customer pays twice.

use mamori_datastore::keys::MasterKey;
use mamori_domain::book::Book;
use mamori_domain::book::HashKey;
use mamori_domain::command::{Command, CreditKind, Request};
use mamori_domain::decide::{Limits, Prefetched};
use mamori_domain::ids::{Fingerprint, MerchantId, StoreId, WalletId};
use mamori_domain::key::RequestKey;
use mamori_domain::money::Amount;
use mamori_domain::pay::Payer;
use mamori_domain::reply::Reply;
use mamori_domain::world::{Draw, Timestamp};
use mamori_engine::cold::ColdKeys;
use mamori_engine::journal::{FakeJournal, Head, JournalStore};
use mamori_engine::shard::{Asked, Fetched, Opened, Shard, Verdict};

use crate::engine::{KEY, SORA, asker, charge, open_store};

struct Fixture {
    shard: Shard,
    draw: Draw,
}

impl Fixture {
    /// A shop, and Sora with 10,000 yen. `known` is the id of a payment that the filter of old ids takes for one of them.
    fn open(known: &str) -> Fixture {
        let master = MasterKey::from_bytes([7; 32]);
        let mut cold = ColdKeys::default();
        cold.add(RequestKey::payment(MerchantId(1), known).0 as u64);
        let opened = Opened {
            limits: Limits::default(),
            cold,
            epoch: 1,
            chain: master.chain_key(),
            embedded: false,
        };
        let book = Book::new(HashKey::new(&[5; 32]));
        let journal = JournalStore::fake(0, FakeJournal::new());
        let mut fixture = Fixture {
            shard: Shard::new(book, journal, Head::EMPTY, opened),
            draw: Draw::from_seed(1),
        };
        let merchant = MerchantId(1);
        fixture.done(Command::OpenMerchant);
        fixture.done(open_store(merchant));
        fixture.done(Command::OpenTill { store: StoreId(1) });
        fixture.done(Command::BindApiKey { key: KEY, merchant });
        let Reply::WalletOpened(wallet) = fixture.done(Command::OpenWallet {
            credential: Fingerprint(1),
            device: None,
        }) else {
            panic!("a wallet was asked for")
        };
        fixture.done(Command::GrantAuthorization {
            authorization: SORA,
            wallet,
            merchant,
        });
        fixture.done(Command::Credit {
            wallet,
            idempotency_key: "seed".into(),
            amount: Amount::yen(10_000),
            kind: CreditKind::Goodwill,
        });
        fixture
    }

    fn ask(&mut self, command: Command, fetched: Option<Fetched>) -> Verdict {
        let request = Request::command(asker(&command), command);
        let fetched = fetched.map(Box::new);
        let asked = [Asked { request, fetched }];
        let step = self.shard.step(&asked, Timestamp(1), &mut self.draw);
        assert!(step.fatal.is_none());
        step.verdicts.into_iter().next().expect("one was asked")
    }

    fn done(&mut self, command: Command) -> Reply {
        match self.ask(command, None) {
            Verdict::Answer(Ok(reply)) => reply,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_look_up_that_could_not_see_a_key_yet_is_asked_again_when_memory_has_forgotten_it() {
    let mut fixture = Fixture::open("twice");
    let command = || charge("twice", Payer::Authorization(SORA), 1_000);
    // Two registers send the same payment. The filter thinks it may be old, so both look it up.
    let Verdict::Prefetch { as_of } = fixture.ask(command(), None) else {
        panic!("the filter knows this id")
    };
    let nothing = |as_of, keys_as_of| {
        Some(Fetched {
            as_of,
            keys_as_of,
            prefetched: Prefetched::NOTHING,
        })
    };
    let first = fixture.ask(command(), nothing(as_of, as_of));
    assert!(
        matches!(first, Verdict::Answer(Ok(Reply::Payment(_)))),
        "{first:?}"
    );
    let paid = fixture.shard.seq();
    // The views have the payment; its key is in no segment yet when the second one is looked up. Then the segment becomes whole,
    // and memory forgets.
    let late = nothing(paid, paid - 1);
    fixture.shard.forget_through(paid, 0);
    let second = fixture.ask(command(), late);
    assert!(matches!(second, Verdict::Prefetch { .. }), "{second:?}");
    let wallet = fixture
        .shard
        .book
        .wallet(WalletId(1))
        .expect("Sora's wallet");
    assert_eq!(wallet.lots.total(), 9_000, "nobody paid twice");
}
