//! What every handler can reach.

use std::sync::Arc;

use mamori_registry::Registry;

use crate::book_door::BookDoor;
use crate::cards::CardDesk;
use crate::house::House;
use crate::identity::Identity;
use crate::messages::Messenger;
use crate::network::Origins;
use crate::outside::Outside;
use crate::workers::Workers;

/// The state behind all surfaces, made once by the binary from validated parts.
pub struct App {
    /// Time and chance.
    pub outside: Outside,
    /// Where requests come from.
    pub origins: Origins,
    /// Threads with a control connection each, for people who are known.
    pub control: Workers<Registry>,
    /// The same for requests of strangers, among them everybody who signs in to the wallet: their queue fills without anybody
    /// who is in noticing.
    pub strangers: Workers<Registry>,
    /// The same for operators on their way in, whom no queue of customers must keep out.
    pub operators: Workers<Registry>,
    /// Threads that wait for acts which need no control row.
    pub acts: Workers<()>,
    /// Where acts go that identity needs.
    pub book: Arc<dyn BookDoor>,
    /// Takes messages for delivery.
    pub messenger: Arc<Messenger>,
    /// Who is who.
    pub identity: Identity,
    /// The engine and the names and keys around it.
    pub house: Arc<House>,
    /// Threads that may wait for the card processor, with a control connection each.
    pub cards: Workers<Registry>,
    /// The processor's account.
    pub card_desk: CardDesk,
}
