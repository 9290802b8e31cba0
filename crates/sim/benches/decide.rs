//! What the rules alone cost: a charge decided and applied on a book of 100,000 wallets, without a journal.
//!
//! `cargo bench -p mamori-sim`; the figures belong to the machine, their change belongs to us.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mamori_domain::book::Book;
use mamori_domain::book::HashKey;
use mamori_domain::command::{Charge, Command, CreditKind, Request};
use mamori_domain::context::{Actor, AgentFamily, Asker, Context, SystemReason};
use mamori_domain::decide::{Limits, Prefetched, decide};
use mamori_domain::ids::{AuthorizationId, Fingerprint, MerchantId, StoreId, TillId, WalletId};
use mamori_domain::merchant::StoreDetails;
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer};
use mamori_domain::world::Timestamp;

const WALLETS: u64 = 100_000;
const KEY: Fingerprint = Fingerprint(7);
const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
/// Acts of one journal row: the way back is thrown away once for all of them.
const ROW: u64 = 128;

struct Shop {
    book: Book,
    limits: Limits,
    seq: u64,
}

impl Shop {
    fn open() -> Shop {
        let mut shop = Shop {
            book: Book::new(HashKey::new(&[1; 32])),
            limits: Limits::default(),
            seq: 0,
        };
        let merchant = MerchantId(1);
        let seed = Asker::system(SystemReason::CommandLine);
        shop.row(&requests(
            seed,
            vec![
                Command::OpenMerchant,
                Command::BindApiKey { key: KEY, merchant },
                Command::OpenStore {
                    merchant,
                    details: StoreDetails::default(),
                },
                Command::OpenTill { store: StoreId(1) },
            ],
        ));
        for number in 1..=WALLETS {
            let wallet = WalletId(number);
            shop.row(&requests(
                seed,
                vec![
                    Command::OpenWallet {
                        credential: Fingerprint(u128::from(number) << 32),
                        device: None,
                    },
                    Command::GrantAuthorization {
                        authorization: AuthorizationId(u128::from(number) << 40),
                        wallet,
                        merchant,
                    },
                    Command::Credit {
                        wallet,
                        idempotency_key: "first".into(),
                        amount: Amount::yen(100_000),
                        kind: CreditKind::Cash,
                    },
                ],
            ));
        }
        shop
    }

    /// One row of the journal, as the shard steps it, and then everything of the recent past forgotten.
    fn row(&mut self, requests: &[Request]) {
        self.seq += 1;
        self.book.open_row(self.seq, NOW);
        for request in requests {
            let decision = decide(&self.book, &self.limits, &Prefetched::NOTHING, request, NOW);
            assert!(
                decision.outcome.is_ok(),
                "{request:?}: {:?}",
                decision.outcome
            );
            for event in &decision.events {
                self.book.apply(event);
            }
        }
        self.book.settle();
        self.book.forget_through(self.seq, 0, |_| {});
    }
}

fn requests(asker: Asker, commands: Vec<Command>) -> Vec<Request> {
    let request = |command| Request::command(asker, command);
    commands.into_iter().map(request).collect()
}

fn charges(asker: Asker, from: u64) -> Vec<Request> {
    let charge = |number: u64| {
        // A step that shares no factor with the number of wallets visits them all, far apart.
        let wallet = 1 + number * 61_803 % WALLETS;
        Command::Charge(Charge {
            merchant: MerchantId(1),
            merchant_payment_id: format!("order-{number}").into(),
            payer: Payer::Authorization(AuthorizationId(u128::from(wallet) << 40)),
            amount: Amount::yen(1),
            store: Some(StoreId(1)),
            till: Some(TillId(1)),
            order: OrderInfo::default().into(),
        })
    };
    requests(asker, (from..from + ROW).map(charge).collect())
}

fn a_row_of_charges(criterion: &mut Criterion) {
    let mut shop = Shop::open();
    let register = Asker::new(Context {
        by: Actor::Key { key: KEY },
        network: None,
        agent: AgentFamily::Program,
    });
    let mut next = 0;
    criterion.bench_function("128 charges: decide, apply, settle", |bench| {
        bench.iter_batched(
            || {
                next += ROW;
                charges(register, next)
            },
            |requests| shop.row(&requests),
            BatchSize::SmallInput,
        );
    });
    shop.book.audit();
}

criterion_group!(benches, a_row_of_charges);
criterion_main!(benches);
