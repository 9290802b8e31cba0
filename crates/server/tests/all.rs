//! The edge from outside: requests go in, answers come out; nothing but Rust is needed.

#[path = "all/acts.rs"]
mod acts;
#[path = "all/api_edge.rs"]
mod api_edge;
#[path = "all/approvals.rs"]
mod approvals;
#[path = "all/authenticator.rs"]
mod authenticator;
#[path = "all/card_world.rs"]
mod card_world;
#[path = "all/ceremonies.rs"]
mod ceremonies;
#[path = "all/closing.rs"]
mod closing;
#[path = "all/codes.rs"]
mod codes;
#[path = "all/contacts.rs"]
mod contacts;
#[path = "all/crowd.rs"]
mod crowd;
#[path = "all/deliveries.rs"]
mod deliveries;
#[path = "all/devices.rs"]
mod devices;
#[path = "all/external_ids.rs"]
mod external_ids;
#[path = "all/freeze_codes.rs"]
mod freeze_codes;
#[path = "all/house.rs"]
mod house;
#[path = "all/listening.rs"]
mod listening;
#[path = "all/merchants.rs"]
mod merchants;
#[path = "all/notices.rs"]
mod notices;
#[path = "all/operators.rs"]
mod operators;
#[path = "all/pages.rs"]
mod pages;
#[path = "all/passkeys.rs"]
mod passkeys;
#[path = "all/passwords.rs"]
mod passwords;
#[path = "all/people.rs"]
mod people;
#[path = "all/permissions.rs"]
mod permissions;
#[path = "all/preauthorization.rs"]
mod preauthorization;
#[path = "all/recovery.rs"]
mod recovery;
#[path = "all/roles.rs"]
mod roles;
#[path = "all/sales.rs"]
mod sales;
#[path = "all/sign_in.rs"]
mod sign_in;
#[path = "all/sign_up.rs"]
mod sign_up;
#[path = "all/streams.rs"]
mod streams;
#[path = "all/surfaces.rs"]
mod surfaces;
#[path = "all/tills.rs"]
mod tills;
#[path = "all/top_ups.rs"]
mod top_ups;
