//! Flows: what is a sequence over the registry, the ledger (the engine) and the outside. One flow a file, its steps as a table on
//! top: what is written where, and what happens if the answer is lost.
//!
//! | file | flow |
//! |---|---|
//! | `sign_up.rs` | a visitor proves a contact and becomes a customer with a wallet |
//! | `sign_in.rs` | an owner shows a passkey, to sign in or for one act |
//! | `contacts.rs` | a customer changes how they are reached, and who was reached before undoes it |
//! | `passkeys.rs` | a customer adds a passkey, names it, removes it |
//! | `password.rs` | the same two with a password and codes by time, and how those are set and turned off |
//! | `recovery.rs`, `recovery_words.rs` | a customer who lost every way in comes back, and every contact is told |
//! | `recovery_ready.rs` | what a customer prepares for that: saved codes, people who may help |
//! | `session.rs` | a session begins, goes on under a new token, and ends |
//! | `device.rs` | a wallet pays from one device, and from another in its place |
//! | `enrol.rs` | a browser becomes a till's device, and stops being one |
//! | `open.rs` | a merchant, a store, a till is opened under a name |
//! | `api_key.rs` | a merchant's API key is made and revoked |
//! | `permission.rs` | a customer answers a merchant's link, and takes a permission back |
//! | `erase.rs` | a person is erased |
//! | `approval.rs` | what takes two people: proposed, approved by another one, carried out |
//! | `staff.rs` | operators come and go; pairing codes are made |
//! | `top_up.rs` | money from a card, by the processor's own page |
//! | `external.rs` | what `top_up.rs` shares with every other order outside: asking until the outcome is known |
//! | `freeze.rs` | an operator stops a wallet for its owner |
//! | `closing.rs` | a customer asks to close the wallet |
//! | `freeze_code.rs` | a code on paper stops a wallet |
//! | `delivery.rs` | messages leave, by the courier of their reader; `messages.rs` and `templates.rs` have their words |
//! | `notices.rs` | a customer chooses how to be told what; whoever gets a notice says "this was not me" |
//! | `note.rs` | an operator writes a note on a wallet |
//! | `look.rs` | an operator looks a customer up, or opens a history, for a reason |
//! | `reconcile.rs` | what a crash left between two steps of any of these is brought to its end |
//!
//! The order is always the same: a pending row in the registry, the command in the ledger, the row made active. The ledger is the
//! one that counts: a row that it does not name is dead, and what stopped between two steps is settled by asking it.
//!
//! A flow knows no HTTP, no clock and no chance: who asks, the instant and the seed are arguments. Handlers parse, authenticate,
//! call a flow and answer; `mamori init`, development and the console call the same ones.

pub mod api_key;
pub mod approval;
pub mod closing;
pub mod contacts;
pub mod delivery;
pub mod device;
pub mod enrol;
pub mod erase;
pub mod external;
pub mod external_id;
pub mod freeze;
pub mod freeze_code;
pub mod look;
pub mod messages;
pub mod note;
pub mod notices;
pub mod open;
pub mod passkeys;
pub mod password;
pub mod permission;
pub mod reconcile;
pub mod recovery;
pub mod recovery_ready;
pub mod recovery_words;
pub mod session;
pub mod sign_in;
pub mod sign_up;
pub mod staff;
pub mod supervisor;
pub mod templates;
pub mod top_up;

mod japan_time;
mod ledger;
mod stop;

pub use ledger::{OfLedger, Run};
pub use stop::{Denied, Flow, Stop};
