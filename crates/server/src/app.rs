//! What every handler can reach.

use std::sync::Arc;

use mamori_codes::payment_code::IssuerPrefix;
use mamori_domain::context::Asker;
use mamori_domain::decide::Limits;
use mamori_domain::world::Timestamp;
use mamori_flows::Run;
use mamori_flows::top_up::CardDesk;
use mamori_registry::{HashCost, Registry, Seed};

use crate::about::About;
use crate::directory::MerchantDirectory;
use crate::external_desk::ExternalDesk;
use crate::identity::Identity;
use crate::ledger::Ledger;
use crate::network::Origins;
use crate::outside::Outside;
use crate::password_list::PasswordList;
use crate::push_desk::PushDesk;
use crate::workers::Workers;
use mamori_flows::messages::Messenger;

/// The state behind all surfaces, made once by the binary from validated parts.
pub struct App {
    /// Time and chance.
    pub outside: Outside,
    /// Where requests come from.
    pub origins: Origins,
    /// Threads with a connection to the registry each, for people who are known.
    pub registry: Workers<Registry>,
    /// The same for requests of strangers, among them everybody who signs in to the wallet: their queue fills without anybody
    /// who is in noticing.
    pub strangers: Workers<Registry>,
    /// The same for operators on their way in, whom no queue of customers must keep out.
    pub operators: Workers<Registry>,
    /// Threads that hash passwords, with a connection to the registry each. Their number is the number of hashes at once, and with it
    /// the memory that guesses take; whoever fills their queue keeps nobody with a passkey waiting.
    pub passwords: Workers<Registry>,
    /// What a password's hash costs.
    pub password_cost: HashCost,
    /// Passwords that nobody gets.
    pub password_list: PasswordList,
    /// Threads that wait for acts which need no row of the registry.
    pub acts: Workers<()>,
    /// Takes messages for delivery.
    pub messenger: Arc<Messenger>,
    /// Who is who.
    pub identity: Identity,
    /// The ledger: the one handle of the engine.
    pub ledger: Ledger,
    /// Who runs this instance, as its pages tell it.
    pub about: About,
    /// The ledger's limits, as pages tell them.
    pub limits: Limits,
    /// What every payment code of ours begins with.
    pub issuer: IssuerPrefix,
    /// Names and API keys of merchants.
    pub directory: Arc<MerchantDirectory>,
    /// Threads that may wait for the card processor, with a connection to the registry each.
    pub cards: Workers<Registry>,
    /// The same for the processor's notices: customers who start top-ups, however many, stand before none of them.
    pub card_notices: Workers<Registry>,
    /// Threads that may wait for a provider of external IDs, with a connection to the registry each.
    pub external_ids: Workers<Registry>,
    /// The providers.
    pub external_desk: ExternalDesk,
    /// What pages need to know of push.
    pub push: PushDesk,
    /// The processor's account.
    pub card_desk: CardDesk,
}

impl App {
    /// What a flow is run with, on a worker's thread.
    pub fn run<'a>(
        &'a self,
        registry: &'a mut Registry,
        asker: Asker,
        now: Timestamp,
        seed: &'a Seed,
    ) -> Run<'a> {
        Run {
            engine: &self.ledger.engine,
            registry,
            asker,
            now,
            seed,
        }
    }
}
