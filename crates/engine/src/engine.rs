//! The engine as the rest of the program sees it: requests in, durable answers out.
//!
//! | thread | owns | waits for |
//! |---|---|---|
//! | `writer` | the shard: book, desk, journal | requests, and one fsync per batch |
//! | `projector` | the views' writing connection | durable rows; never holds up an answer unless it is very far behind |
//! | `prefetcher` | reading connections | requests about the distant past |
//! | `lease` | the lease | half a second between two confirmations |

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::{Db, Location};
use mamori_domain::command::Request;
use mamori_domain::ids::{HoldId, RefundId, WalletId};
use mamori_domain::ledger::{AccountKind, TrialBalance};
use mamori_domain::pay::Refund;
use mamori_domain::reply::Outcome;
use mamori_domain::world::{Draw, Timestamp};

use crate::follower::{Follower, Keeper, SetAtTheEnd};
use crate::holds::HoldRecord;
use crate::hub::{Listening, WalletNews};
use crate::meter::Second;
use crate::prefetch::{Prefetcher, answer_questions};
use crate::shard::Asked;
use crate::start::{EngineConfig, OnFatal, Started};
use crate::views::{Entry, VIEWS, damage, read};
use crate::watermark::Watermark;
use crate::writer::{Loss, Message, Shared, Watch, Writer};

pub use crate::hand_out::{HandOut, ReplyTo};

/// Requests that may wait for the writer; one more is told "busy" before anything was decided.
const QUEUE_REQUESTS: usize = 8_192;
/// Events the views may be behind before new requests are told "busy": nothing that the views lack is ever forgotten, so this
/// bounds memory.
const LAG_EVENTS: u64 = 1_000_000;
/// Requests that may wait for the prefetcher; one more is told "busy".
const QUEUE_QUESTIONS: usize = 1_024;
/// Connections to the views that stay open for readers.
const READERS: usize = 3;

/// The handle; clones share one engine.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    writer: SyncSender<Message>,
    shared: Arc<Shared>,
    readers: Mutex<Vec<Prefetcher>>,
    location: Location,
    master: Arc<MasterKey>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the store, brings the book to the journal's head, and starts the threads.
    pub fn open(config: EngineConfig) -> Result<Engine, Fault> {
        let started = Started::from_store(&config)?;
        let shared = Arc::<Shared>::default();
        let progress = started.projector.progress();
        shared.applied.raise(progress.applied_seq);
        shared
            .segmented
            .store(progress.segment_seq, Ordering::Release);
        shared.durable.store(started.shard.seq(), Ordering::Release);
        let reader = || {
            let applied = shared.applied.clone();
            Prefetcher::open(&config.location, &config.master, applied)
        };
        let readers = (0..READERS)
            .map(|_| reader())
            .collect::<Result<Vec<Prefetcher>, Fault>>()?;
        let prefetcher = reader()?;
        let (writer, threads) = start_threads(&config, started, prefetcher, &shared)?;
        Ok(Engine(Arc::new(Inner {
            writer,
            shared,
            readers: Mutex::new(readers),
            location: config.location,
            master: config.master,
            threads: Mutex::new(threads),
        })))
    }

    /// Asks. `reply` is called once, when the answer is durable; or at once if the engine is too busy.
    pub fn submit(&self, request: Request, reply: ReplyTo) {
        #[cfg(feature = "testing")]
        let reply = match request.ask {
            mamori_domain::command::Ask::Command(_) => match self.0.shared.loss.befall(reply) {
                Some(reply) => reply,
                None => return,
            },
            mamori_domain::command::Ask::Query(_) => reply,
        };
        if self.0.shared.view_lag.events() > LAG_EVENTS {
            return reply(Err(Fault::retryable("busy: the views are too far behind")));
        }
        let message = Message::Request(
            Asked {
                request,
                fetched: None,
            },
            reply,
        );
        match self.0.writer.try_send(message) {
            Ok(()) => {}
            Err(TrySendError::Full(Message::Request(_, reply))) => {
                reply(Err(Fault::retryable("busy: too many requests wait")))
            }
            Err(TrySendError::Disconnected(Message::Request(_, reply))) => reply(Err(stopped())),
            Err(_) => unreachable!("only the request that was sent comes back"),
        }
    }

    /// The next command is lost, or its answer: for tests of what a crash leaves between two steps.
    #[cfg(feature = "testing")]
    pub fn lose_next(&self, loss: crate::testing::Loss) {
        self.0.shared.loss.set(loss);
    }

    /// From now on the replies of each batch are sent inside `hand_out`, so that connections are woken once a batch. Only the
    /// first call counts.
    pub fn hand_out_within(&self, hand_out: HandOut) {
        let _ = self.0.shared.hand_out.set(hand_out);
    }

    /// Asks and waits for the answer. Not for async code.
    pub fn ask(&self, request: Request) -> Result<Outcome, Fault> {
        let (to, from) = sync_channel(1);
        self.submit(request, Box::new(move |answer| drop(to.send(answer))));
        from.recv().unwrap_or_else(|_| Err(stopped()))
    }

    /// Journals that rows up to `lost_through` are lost, and starts a new incarnation beyond its own and beyond `incarnation`, the
    /// newest that the lost rows knew: no id of the lost part is given again.
    pub fn accept_loss(&self, lost_through: u64, incarnation: u16) -> Result<(), Fault> {
        let (to, from) = sync_channel(1);
        self.send(Message::AcceptLoss(Loss {
            through: lost_through,
            incarnation,
            reply: to,
        }))?;
        from.recv().map_err(|_| stopped())?
    }

    /// Sends to the writer, waiting for room.
    pub(crate) fn send(&self, message: Message) -> Result<(), Fault> {
        self.0.writer.send(message).map_err(|_| stopped())
    }

    /// Calls `listener` with every durable event of a wallet, on the writer's thread, until the guard is dropped.
    pub fn listen(
        &self,
        wallet: WalletId,
        listener: impl Fn(&WalletNews) -> bool + Send + 'static,
    ) -> Listening {
        self.0.shared.hub.listen(wallet.0, listener)
    }

    /// Payments of the last five minutes, second by second.
    pub fn seconds(&self, now: Timestamp) -> Vec<Second> {
        self.0.shared.meter.last(now.seconds())
    }

    /// Events that are durable but not in the views yet.
    pub fn view_lag(&self) -> u64 {
        self.0.shared.view_lag.events()
    }

    /// How far the views have come.
    pub fn applied(&self) -> &Watermark {
        &self.0.shared.applied
    }

    /// The newest durable row of the journal.
    pub fn durable_seq(&self) -> u64 {
        self.0.shared.durable.load(Ordering::Acquire)
    }

    /// Where the store is.
    pub fn location(&self) -> &Location {
        &self.0.location
    }

    /// A wallet's movements, newest first: from its newest, or from the one before `before`. Waits until the views show all
    /// that the wallet's owner has been told of.
    pub fn history(
        &self,
        wallet: WalletId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let from = match before {
            None => self.last_entry(wallet)?,
            Some(entry) => match self.entry(wallet, entry)? {
                Some(entry) => entry.previous,
                None => 0,
            },
        };
        if from == 0 {
            return Ok(Vec::new());
        }
        self.await_entry(from)?;
        self.read(|reader| reader.chain(wallet.0, from, limit))
    }

    /// One movement of a wallet.
    pub fn entry(&self, wallet: WalletId, id: u64) -> Result<Option<Entry>, Fault> {
        let entry = self.read(|reader| read::entry_by_id(reader.views(), id))?;
        Ok(entry.filter(|entry| entry.wallet == wallet.0))
    }

    /// Waits until the views have all that was durable when it was asked.
    pub fn await_views(&self) -> Result<(), Fault> {
        let seq = self.durable_seq();
        if self.0.shared.applied.wait_for(seq, Duration::from_secs(2)) {
            return Ok(());
        }
        Err(Fault::retryable("the views are behind; ask again"))
    }

    /// Refunds by their ids, oldest first. Waits until the views have all that was durable when it was asked.
    pub fn refunds(&self, ids: &[RefundId]) -> Result<Vec<Refund>, Fault> {
        self.await_views()?;
        self.read(|reader| {
            let mut refunds = Vec::with_capacity(ids.len());
            for id in ids {
                refunds.extend(reader.refund(*id)?);
            }
            Ok(refunds)
        })
    }

    /// Money that was set aside under this id, and what became of it. Waits until the views have all that was durable when it
    /// was asked.
    pub fn hold(&self, hold: HoldId) -> Result<Option<HoldRecord>, Fault> {
        self.await_views()?;
        self.read(|reader| reader.hold(hold))
    }

    /// Runs `read` on a connection to the views, which may lag behind the journal; opens one more if all are in use.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&mut Prefetcher) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let taken = self
            .0
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut reader = match taken {
            Some(reader) => reader,
            None => Prefetcher::open(
                &self.0.location,
                &self.0.master,
                self.0.shared.applied.clone(),
            )
            .inspect_err(|fault| damage::mark(&self.0.location, fault))?,
        };
        let answer = read(&mut reader);
        if let Err(fault) = &answer {
            damage::mark(&self.0.location, fault);
        }
        // A connection that failed is not used again.
        if answer.is_ok() {
            let mut readers = self
                .0
                .readers
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if readers.len() < READERS {
                readers.push(reader);
            }
        }
        answer
    }

    fn await_entry(&self, id: u64) -> Result<(), Fault> {
        // An entry is durable before any client hears of it; the views follow within milliseconds.
        let seq = self.durable_seq();
        let known = self
            .read(|reader| read::entry_by_id(reader.views(), id))?
            .is_some();
        if known || self.0.shared.applied.wait_for(seq, Duration::from_secs(2)) {
            return Ok(());
        }
        Err(Fault::retryable("the views are behind; ask again"))
    }

    /// Writes a last checkpoint and ends the threads. Requests already accepted are still answered.
    pub fn stop(&self) {
        if self.0.shared.stopped.swap(true, Ordering::AcqRel) {
            return;
        }
        drop(self.send(Message::Stop));
        for thread in self
            .0
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

fn stopped() -> Fault {
    Fault::retryable("the engine has stopped")
}

/// Wires the threads to each other and starts them.
fn start_threads(
    config: &EngineConfig,
    started: Started,
    prefetcher: Prefetcher,
    shared: &Arc<Shared>,
) -> Result<(SyncSender<Message>, Vec<JoinHandle<()>>), Fault> {
    let (to_writer, inbox) = sync_channel(QUEUE_REQUESTS);
    let (to_projector, rows) = channel();
    let (to_prefetcher, questions) = sync_channel(QUEUE_QUESTIONS);
    let writer = Writer {
        shard: started.shard,
        inbox,
        projector: to_projector,
        prefetcher: to_prefetcher,
        shared: shared.clone(),
        clock: config.clock.clone(),
        draw: Draw::from_entropy(config.entropy),
        freshness: started.lease.freshness(),
        on_fatal: config.on_fatal.clone(),
        watch: Watch::default(),
    };
    let follower = Follower {
        projector: started.projector,
        rows,
        shared: shared.clone(),
        location: config.location.clone(),
        on_fatal: config.on_fatal.clone(),
    };
    let views_written = Arc::new(AtomicBool::new(false));
    let keeper = Keeper {
        lease: started.lease,
        clock: config.clock.clone(),
        shared: shared.clone(),
        views_written: views_written.clone(),
        on_fatal: config.on_fatal.clone(),
    };
    let follow = move || {
        let _ends = SetAtTheEnd(views_written);
        follower.run();
    };
    let (location, back) = (config.location.clone(), to_writer.clone());
    let answer = move || answer_questions(prefetcher, &location, &questions, &back);
    let threads = vec![
        spawn("writer", config, move || writer.run())?,
        spawn("projector", config, follow)?,
        spawn("lease", config, move || keeper.run())?,
        spawn("prefetcher", config, answer)?,
    ];
    Ok((to_writer, threads))
}

fn spawn(
    name: &str,
    config: &EngineConfig,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, Fault> {
    let on_fatal = config.on_fatal.clone();
    Builder::new()
        .name(name.into())
        .spawn(move || or_die(run, &on_fatal))
        .map_err(|_| Fault::retryable("the system gives no thread"))
}

/// A thread that panics has found a bug of ours. Without it the process would answer no request and still
/// confirm its lease: the process ends, and the next start, or a standby, replays the journal.
fn or_die(run: impl FnOnce(), on_fatal: &OnFatal) {
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        on_fatal(&Fault::broken("a thread of the engine panicked"));
    }
}

/// What the operator owes its customers, in yen: what is in wallets and what is held.
pub fn owed_to_customers(trial: &TrialBalance) -> i64 {
    trial.of(AccountKind::Wallet) + trial.of(AccountKind::Held)
}

/// A reading connection to the views of a store, for commands that run beside a server.
pub fn open_views(location: &Location) -> Result<Db, Fault> {
    location.open_read(&VIEWS)
}
