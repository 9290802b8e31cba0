//! Staff. An operator begins with a one-time link, makes a passkey with it, and has no other way in.

use crate::control::passkeys::{OwnerId, StoredPasskey};
use crate::control::people::EnrolRefusal;
use crate::control::seed::Seed;
use crate::control::{Control, MICROS, Standing, Surface, token_hash};
use crate::fault::Fault;
use crate::sql::{Param, Tx};

/// How long a one-time link works.
pub const OPERATOR_LINK_SECONDS: i64 = 24 * 3_600;

/// Why a link is not accepted. Unknown, used and too old are told apart in the log only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkRefusal {
    /// Never made, or made for another house.
    Unknown,
    /// A passkey was made with it.
    Used,
    /// Older than [`OPERATOR_LINK_SECONDS`].
    Expired,
    /// The new passkey's credential id belongs to somebody already.
    CredentialTaken,
}

impl From<EnrolRefusal> for LinkRefusal {
    fn from(_: EnrolRefusal) -> Self {
        LinkRefusal::CredentialTaken
    }
}

impl Control {
    /// Makes an operator and the secret of a one-time link: 43 characters, shown once.
    pub fn invite_operator(
        &mut self,
        name: &str,
        now: i64,
        seed: &Seed,
    ) -> Result<[u8; 32], Fault> {
        let link = seed.bytes("operator link");
        let operator: [u8; 16] = seed.take("operator");
        self.db.transaction(|tx| {
            tx.execute(
                "INSERT INTO operators (operator, name, status, made_at) VALUES ($1, $2, $3, $4)",
                &[
                    Param::Blob(&operator),
                    Param::Text(name),
                    Param::Int(Standing::Pending.as_number()),
                    Param::Int(now),
                ],
            )?;
            tx.execute(
                "INSERT INTO operator_links (link_hash, operator, made_at) VALUES ($1, $2, $3)",
                &[
                    Param::Blob(&token_hash(&link)),
                    Param::Blob(&operator),
                    Param::Int(now),
                ],
            )
        })?;
        Ok(link)
    }

    /// The operator a link is for, with the name; nothing is used up by looking.
    pub fn operator_of_link(
        &mut self,
        link: &[u8],
        now: i64,
    ) -> Result<Result<(OwnerId, String), LinkRefusal>, Fault> {
        let hash = token_hash(link);
        self.db.transaction(|tx| find_link(tx, &hash, now))
    }

    /// Uses a link up and stores the operator's passkey, both or neither.
    pub fn redeem_link(
        &mut self,
        link: &[u8],
        passkey: &StoredPasskey,
        now: i64,
    ) -> Result<Result<OwnerId, LinkRefusal>, Fault> {
        let hash = token_hash(link);
        let fingerprint = self.fingerprint("operator credential", &passkey.credential);
        self.db.transaction(|tx| {
            let operator = match find_link(tx, &hash, now)? {
                Ok((operator, _)) => operator,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let known = tx.query_first(
                "SELECT 1 FROM passkeys WHERE credential = $1",
                &[Param::Blob(&passkey.credential)],
                |row| row.int(0),
            )?;
            if known.is_some() {
                return Ok(Err(LinkRefusal::CredentialTaken));
            }
            tx.execute(
                "UPDATE operator_links SET used_at = $1 WHERE link_hash = $2",
                &[Param::Int(now), Param::Blob(&hash)],
            )?;
            tx.execute(
                "UPDATE operators SET status = $1 WHERE operator = $2",
                &[
                    Param::Int(Standing::Active.as_number()),
                    Param::Blob(&operator.0),
                ],
            )?;
            passkey.insert(
                tx,
                Surface::Console,
                &operator,
                fingerprint,
                Standing::Active,
                now,
            )?;
            Ok(Ok(operator))
        })
    }

    /// The name of an active operator.
    pub fn operator_name(&mut self, operator: &OwnerId) -> Result<Option<String>, Fault> {
        self.db.query_first(
            "SELECT name FROM operators WHERE operator = $1 AND status = $2",
            &[
                Param::Blob(&operator.0),
                Param::Int(Standing::Active.as_number()),
            ],
            |row| row.text(0).to_owned(),
        )
    }
}

fn find_link(
    tx: &mut Tx,
    hash: &[u8; 32],
    now: i64,
) -> Result<Result<(OwnerId, String), LinkRefusal>, Fault> {
    let row = tx.query_first(
        "SELECT operators.operator, operators.name, operator_links.made_at, operator_links.used_at
         FROM operator_links JOIN operators ON operators.operator = operator_links.operator WHERE operator_links.link_hash = $1",
        &[Param::Blob(hash)],
        |row| (OwnerId(row.bytes(0)), row.text(1).to_owned(), row.int(2), row.opt_int(3)),
    )?;
    Ok(match row {
        None => Err(LinkRefusal::Unknown),
        Some((_, _, _, Some(_))) => Err(LinkRefusal::Used),
        Some((_, _, made_at, None))
            if !(made_at..made_at + OPERATOR_LINK_SECONDS * MICROS).contains(&now) =>
        {
            Err(LinkRefusal::Expired)
        }
        Some((operator, name, _, None)) => Ok((operator, name)),
    })
}
