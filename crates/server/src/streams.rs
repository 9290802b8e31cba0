//! Event streams that are open: few to a session, few to a wallet, and the oldest makes room.
//!
//! A sign-in is no act of the book; who is signed in elsewhere hears of it here.
//!
//! Each of them is called on the writer's thread for every movement of its wallet and keeps a connection. So their number is
//! bounded by what people have: some windows of some browsers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use mamori_domain::context::AgentFamily;
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;
use mamori_engine::hub::WalletNews;
use mamori_registry::SessionId;
use tokio::sync::{mpsc, oneshot};

/// Streams of one session: the windows of one browser.
pub const STREAMS_PER_SESSION: usize = 3;
/// Streams of one wallet over all its sessions: an owner who signs in a thousand times listens no more than this.
pub const STREAMS_PER_WALLET: usize = 12;

/// What a stream has to tell.
pub enum StreamNews {
    /// Something durable happened in the wallet.
    Wallet(WalletNews),
    /// Somebody has signed in to it with its passkey, elsewhere.
    SignedIn {
        /// The session that has begun.
        session: SessionId,
        /// When.
        at: Timestamp,
        /// In which family of browsers.
        agent: AgentFamily,
    },
    /// Another device asks to take over.
    DeviceAsks,
}

/// The open streams, by wallet.
#[derive(Default)]
pub struct Streams(Mutex<Open>);

#[derive(Default)]
struct Open {
    by_wallet: HashMap<WalletId, VecDeque<Stream>>,
    next: u64,
}

struct Stream {
    number: u64,
    session: SessionId,
    /// Weak: a stream whose queue ran over ends because nobody can send to it any more.
    to: mpsc::WeakSender<StreamNews>,
    /// Dropped with the entry; the other end hears that.
    _displace: oneshot::Sender<()>,
}

/// A place among the open streams, given back on drop.
pub struct StreamPlace {
    streams: Arc<Streams>,
    wallet: WalletId,
    number: u64,
    displaced: oneshot::Receiver<()>,
}

impl Streams {
    /// Takes a place for one more stream. Where there is none, the oldest of the session, or of the wallet, loses its own. `to`
    /// hears of sign-ins.
    pub fn open(
        self: &Arc<Streams>,
        wallet: WalletId,
        session: SessionId,
        to: &mpsc::Sender<StreamNews>,
    ) -> StreamPlace {
        let (displace, displaced) = oneshot::channel();
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = open.next;
        open.next += 1;
        let streams = open.by_wallet.entry(wallet).or_default();
        let of_session = streams.iter().filter(|one| one.session == session).count();
        if of_session >= STREAMS_PER_SESSION {
            let oldest = streams.iter().position(|one| one.session == session);
            oldest.map(|at| streams.remove(at));
        } else if streams.len() >= STREAMS_PER_WALLET {
            streams.pop_front();
        }
        streams.push_back(Stream {
            number,
            session,
            to: to.downgrade(),
            _displace: displace,
        });
        StreamPlace {
            streams: Arc::clone(self),
            wallet,
            number,
            displaced,
        }
    }

    /// Tells the wallet's other sessions that this one has begun. Never waits: who reads so slowly that nothing more fits is cut
    /// off anyway, and finds the session in the list.
    pub fn tell_of_sign_in(
        &self,
        wallet: WalletId,
        begun: SessionId,
        at: Timestamp,
        agent: AgentFamily,
    ) {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = open.by_wallet.get(&wallet).into_iter().flatten();
        for stream in streams.filter(|stream| stream.session != begun) {
            if let Some(to) = stream.to.upgrade() {
                let session = begun;
                let _ = to.try_send(StreamNews::SignedIn { session, at, agent });
            }
        }
    }

    /// Tells the wallet's other sessions that the device of this one asks to take over.
    pub fn tell_of_device(&self, wallet: WalletId, asking: SessionId) {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = open.by_wallet.get(&wallet).into_iter().flatten();
        for stream in streams.filter(|stream| stream.session != asking) {
            if let Some(to) = stream.to.upgrade() {
                let _ = to.try_send(StreamNews::DeviceAsks);
            }
        }
    }

    /// Tells a wallet's sessions that a recovery of it goes on, or that somebody asks its owner for help with one: the page asks what
    /// waits for it, as for a device.
    pub fn tell_of_recovery(&self, wallet: WalletId) {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = open.by_wallet.get(&wallet).into_iter().flatten();
        for to in streams.filter_map(|stream| stream.to.upgrade()) {
            let _ = to.try_send(StreamNews::DeviceAsks);
        }
    }

    /// How many streams a wallet has.
    pub fn count(&self, wallet: WalletId) -> usize {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.by_wallet.get(&wallet).map_or(0, VecDeque::len)
    }
}

impl StreamPlace {
    /// Returns when a younger stream has taken the place.
    pub async fn displaced(&mut self) {
        let _ = (&mut self.displaced).await;
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut open = self
            .streams
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(streams) = open.by_wallet.get_mut(&self.wallet) {
            streams.retain(|one| one.number != self.number);
            if streams.is_empty() {
                open.by_wallet.remove(&self.wallet);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SORA: WalletId = WalletId(1);

    fn open(streams: &Arc<Streams>, session: SessionId) -> StreamPlace {
        streams.open(SORA, session, &mpsc::channel(1).0)
    }

    fn is_displaced(place: &mut StreamPlace) -> bool {
        place.displaced.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn a_session_has_three_streams_and_the_oldest_makes_room() {
        let streams = Arc::new(Streams::default());
        let (phone, tablet) = (SessionId([1; 16]), SessionId([2; 16]));
        let mut other = open(&streams, tablet);
        let mut own: Vec<_> = (0..4).map(|_| open(&streams, phone)).collect();
        assert_eq!(
            own.iter_mut().map(is_displaced).collect::<Vec<_>>(),
            [true, false, false, false]
        );
        assert!(!is_displaced(&mut other), "another session's stream stays");
        own.pop();
        let mut again = open(&streams, phone);
        assert!(!own.iter_mut().skip(1).any(is_displaced) && !is_displaced(&mut again));
    }

    #[test]
    fn a_wallet_has_twelve_streams_however_often_its_owner_signs_in() {
        let streams = Arc::new(Streams::default());
        let mut places: Vec<_> = (0..40)
            .map(|number| open(&streams, SessionId([number; 16])))
            .collect();
        let mut listening = 0;
        for place in &mut places {
            listening += usize::from(!is_displaced(place));
        }
        assert_eq!((listening, streams.count(SORA)), (12, 12));
        drop(places);
        assert_eq!(streams.count(SORA), 0);
    }
}
