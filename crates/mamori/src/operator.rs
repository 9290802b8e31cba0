//! The way into the console for whoever may run commands on the server and has the master key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_domain::context::{Asker, SystemReason};
use mamori_domain::world::Timestamp;
use mamori_registry::acts::Noted;
use mamori_registry::{Registry, Role, Seed, display_name};

use crate::world::{Chance, Clock, Failure, draw};

/// Invites an operator, and leaves a row that says that it was done on the command line. Answers with what to do with the link.
pub(crate) fn invite(
    location: &Location,
    master: &MasterKey,
    name: &str,
    role: Role,
    clock: Clock,
    chance: Chance,
) -> Result<String, Failure> {
    let name = display_name(name).ok_or("this is no name for an operator")?;
    let seed = Seed::new(draw(chance));
    let now = Timestamp((clock.wall_micros)());
    let noted = Noted {
        asker: Asker::system(SystemReason::CommandLine),
        now,
        id: seed.take("registry act"),
    };
    let mut registry = Registry::open(location, master)?;
    let mut operators = registry.operators().noted(noted);
    let link = operators.invite(&name, role, now, &seed.part("operator"))?;
    Ok(format!(
        "open the console's address with #link={}   (works once, for 24 hours)",
        URL_SAFE_NO_PAD.encode(link)
    ))
}
