//! The directory: what merchants, their stores and tills are called.
//!
//! The book gives out the ids, so a name can be written down only after the act. What is to be opened stands in `openings`
//! meanwhile: pending -> act -> named. One opening is under way at a time (the caller's lock), which makes an id without a
//! name tell which opening it came from.

use std::collections::BTreeMap;

use crate::acts::{About, Noted, RegistryCommand};
use crate::contact::folded;
use crate::seed::Seed;
use crate::{Named, Numbered, Reconciled, at, id_cell, numbered_cell};
use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Row, Tx};
use mamori_domain::command::Command;
use mamori_domain::event::Subject;
use mamori_domain::ids::{MerchantId, StoreId, TillId};
use mamori_domain::merchant::StoreDetails;
use mamori_domain::reply::Reply;
use mamori_domain::world::Timestamp;

/// A till with the names a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryTill {
    /// The till.
    pub till: TillId,
    /// What it is called.
    pub name: String,
    /// Its store.
    pub store: StoreId,
    /// What the store is called.
    pub store_name: String,
    /// The merchant.
    pub merchant: MerchantId,
    /// What the merchant is called.
    pub merchant_name: String,
}

/// A store with the names a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryStore {
    /// The store.
    pub store: StoreId,
    /// What it is called.
    pub name: String,
    /// The merchant.
    pub merchant: MerchantId,
    /// What the merchant is called.
    pub merchant_name: String,
}

/// The number of a qualified invoice issuer in Japan: T and thirteen digits (Consumption Tax Act, article 57-2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceNumber(Box<str>);

impl InvoiceNumber {
    /// As people write it: in full width, in lower case, with hyphens or spaces between.
    pub fn parse(text: &str) -> Option<InvoiceNumber> {
        let plain: String = folded(text)
            .chars()
            .filter(|sign| !matches!(sign, ' ' | '-'))
            .collect::<String>()
            .to_ascii_uppercase();
        let digits = plain.strip_prefix('T')?;
        let fits = digits.len() == 13 && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| InvoiceNumber(plain.into()))
    }

    /// `T1234567890123`.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// What everything is called. A chain has tens of thousands of tills: read once, keep in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// Merchants, ascending.
    pub merchants: Vec<(MerchantId, String)>,
    /// The numbers that the tax office knows merchants by, where operators said so.
    pub invoice_numbers: Vec<(MerchantId, InvoiceNumber)>,
    /// Stores by merchant and store, those without a till too.
    pub stores: Vec<DirectoryStore>,
    /// Tills by merchant, store and till.
    pub tills: Vec<DirectoryTill>,
}

/// What the book knows of merchants, stores and tills.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MerchantTree {
    /// Every merchant.
    pub merchants: Vec<MerchantId>,
    /// Every store with its merchant.
    pub stores: Vec<(StoreId, MerchantId)>,
    /// Every till with its store.
    pub tills: Vec<(TillId, StoreId)>,
}

/// Something that is to be opened, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A merchant.
    Merchant,
    /// A store of a merchant.
    Store(MerchantId),
    /// A till in a store.
    Till(StoreId),
}

impl Opening {
    /// The command that opens it.
    pub fn command(self) -> Command {
        match self {
            Opening::Merchant => Command::OpenMerchant,
            Opening::Store(merchant) => Command::OpenStore {
                merchant,
                details: StoreDetails::default(),
            },
            Opening::Till(store) => Command::OpenTill { store },
        }
    }

    /// The id in the answer to that command.
    pub fn opened(self, reply: &Reply) -> Option<u32> {
        match (self, reply) {
            (Opening::Merchant, Reply::MerchantOpened(merchant)) => Some(merchant.0),
            (Opening::Store(_), Reply::StoreOpened(store)) => Some(store.0),
            (Opening::Till(_), Reply::TillOpened(till)) => Some(till.0),
            _ => None,
        }
    }

    fn kind(self) -> OpeningKind {
        match self {
            Opening::Merchant => OpeningKind::Merchant,
            Opening::Store(_) => OpeningKind::Store,
            Opening::Till(_) => OpeningKind::Till,
        }
    }

    /// The id of what it is opened in; zero for a merchant, which stands by itself.
    fn parent(self) -> u32 {
        match self {
            Opening::Merchant => 0,
            Opening::Store(merchant) => merchant.0,
            Opening::Till(store) => store.0,
        }
    }
}

/// What can be opened, wherever.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OpeningKind {
    Merchant,
    Store,
    Till,
}

impl Numbered for OpeningKind {
    const ALL: &[OpeningKind] = &[OpeningKind::Merchant, OpeningKind::Store, OpeningKind::Till];

    fn as_number(self) -> i64 {
        match self {
            OpeningKind::Merchant => 1,
            OpeningKind::Store => 2,
            OpeningKind::Till => 3,
        }
    }
}

impl OpeningKind {
    fn in_parent(self, parent: u32) -> Opening {
        match self {
            OpeningKind::Merchant => Opening::Merchant,
            OpeningKind::Store => Opening::Store(MerchantId(parent)),
            OpeningKind::Till => Opening::Till(StoreId(parent)),
        }
    }
}

/// An opening that is written down and waits for the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingOpening {
    opening: [u8; 16],
    what: Opening,
    name: String,
}

/// Something else of the same kind and in the same place is called so already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameTaken;

/// Something that has a name and gets another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// A merchant.
    Merchant(MerchantId),
    /// A store.
    Store(StoreId),
    /// A till.
    Till(TillId),
}

/// Why something keeps its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenameRefusal {
    /// There is no such thing.
    Unknown,
    /// Something else of the same kind and in the same place is called so.
    NameTaken,
}

/// What merchants, stores and tills are called, and what is being opened.
pub struct DirectoryRows<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) noted: Option<Noted>,
}

impl DirectoryRows<'_> {
    /// The next change says who made it, in `registry_acts`.
    pub fn noted(mut self, noted: Noted) -> Self {
        self.noted = Some(noted);
        self
    }

    /// Writes down what a merchant is called.
    pub fn name_merchant(&mut self, merchant: MerchantId, name: &str) -> Result<(), Fault> {
        self.db
            .transaction(|tx| write_name(tx, Opening::Merchant, merchant.0, name))
    }

    /// Writes down what a store is called and whose it is.
    pub fn name_store(
        &mut self,
        store: StoreId,
        merchant: MerchantId,
        name: &str,
    ) -> Result<(), Fault> {
        self.db
            .transaction(|tx| write_name(tx, Opening::Store(merchant), store.0, name))
    }

    /// Writes down what a till is called and where it stands.
    pub fn name_till(&mut self, till: TillId, store: StoreId, name: &str) -> Result<(), Fault> {
        self.db
            .transaction(|tx| write_name(tx, Opening::Till(store), till.0, name))
    }

    /// Calls something by another name that is free in its place. Its own name again changes nothing and is no act.
    pub fn rename(
        &mut self,
        what: Renamed,
        name: &str,
    ) -> Result<Result<(), RenameRefusal>, Fault> {
        let noted = self.noted.take();
        let (id, command, subject) = match what {
            Renamed::Merchant(id) => (id.0, RegistryCommand::NameMerchant, Subject::Merchant(id)),
            Renamed::Store(id) => (id.0, RegistryCommand::NameStore, Subject::Store(id)),
            Renamed::Till(id) => (id.0, RegistryCommand::NameTill, Subject::Till(id)),
        };
        let (id, new) = (Param::Int(i64::from(id)), Param::Text(name));
        self.db.transaction(|tx| {
            let known = match what {
                Renamed::Merchant(_) => tx.query_first(
                    "SELECT name FROM merchants WHERE merchant = $1",
                    &[id],
                    |row| row.text(0).to_owned(),
                ),
                Renamed::Store(_) => {
                    tx.query_first("SELECT name FROM stores WHERE store = $1", &[id], |row| {
                        row.text(0).to_owned()
                    })
                }
                Renamed::Till(_) => {
                    tx.query_first("SELECT name FROM tills WHERE till = $1", &[id], |row| {
                        row.text(0).to_owned()
                    })
                }
            }?;
            let Some(known) = known else {
                return Ok(Err(RenameRefusal::Unknown));
            };
            if known == name {
                return Ok(Ok(()));
            }
            let taken = match what {
                Renamed::Merchant(_) => tx.query_first(
                    "SELECT 1 FROM merchants WHERE name = $1",
                    &[new],
                    |row| row.int(0),
                ),
                Renamed::Store(_) => tx.query_first(
                    "SELECT 1 FROM stores WHERE merchant = (SELECT merchant FROM stores WHERE store = $1) AND name = $2",
                    &[id, new],
                    |row| row.int(0),
                ),
                Renamed::Till(_) => tx.query_first(
                    "SELECT 1 FROM tills WHERE store = (SELECT store FROM tills WHERE till = $1) AND name = $2",
                    &[id, new],
                    |row| row.int(0),
                ),
            }?;
            if taken.is_some() {
                return Ok(Err(RenameRefusal::NameTaken));
            }
            match what {
                Renamed::Merchant(_) => {
                    tx.execute("UPDATE merchants SET name = $1 WHERE merchant = $2", &[new, id])
                }
                Renamed::Store(_) => {
                    tx.execute("UPDATE stores SET name = $1 WHERE store = $2", &[new, id])
                }
                Renamed::Till(_) => {
                    tx.execute("UPDATE tills SET name = $1 WHERE till = $2", &[new, id])
                }
            }?;
            if let Some(noted) = &noted {
                noted.write(tx, command, About::Ledger(subject))?;
            }
            Ok(Ok(()))
        })
    }

    /// Says under which number the tax office knows a merchant, or that there is none. False where there is no such merchant.
    pub fn set_invoice_number(
        &mut self,
        merchant: MerchantId,
        number: Option<&InvoiceNumber>,
    ) -> Result<bool, Fault> {
        let noted = self.noted.take();
        let number = number.map_or(Param::Null, |number| Param::Text(&number.0));
        self.db.transaction(|tx| {
            let changed = tx.execute(
                "UPDATE merchants SET invoice_number = $1 WHERE merchant = $2",
                &[number, Param::Int(i64::from(merchant.0))],
            )?;
            if let (Some(noted), true) = (&noted, changed > 0) {
                let about = About::Ledger(Subject::Merchant(merchant));
                noted.write(tx, RegistryCommand::SetInvoiceNumber, about)?;
            }
            Ok(changed > 0)
        })
    }

    /// All tills with their names, by merchant, store, till. A chain has tens of thousands: read once, keep in memory.
    pub fn tills(&mut self) -> Result<Vec<DirectoryTill>, Fault> {
        self.db.query(
            "SELECT tills.till, tills.name, stores.store, stores.name, merchants.merchant, merchants.name
             FROM tills JOIN stores ON stores.store = tills.store JOIN merchants ON merchants.merchant = stores.merchant
             ORDER BY merchants.merchant, stores.store, tills.till",
            &[],
            |row| {
                DirectoryTill {
                    till: TillId(id_cell(row, 0)),
                    name: row.text(1).to_owned(),
                    store: StoreId(id_cell(row, 2)),
                    store_name: row.text(3).to_owned(),
                    merchant: MerchantId(id_cell(row, 4)),
                    merchant_name: row.text(5).to_owned(),
                }
            },
        )
    }

    /// All names.
    pub fn read(&mut self) -> Result<Directory, Fault> {
        Ok(Directory {
            merchants: self.db.query(
                "SELECT merchant, name FROM merchants ORDER BY merchant",
                &[],
                |row| (MerchantId(id_cell(row, 0)), row.text(1).to_owned()),
            )?,
            invoice_numbers: self.db.query(
                "SELECT merchant, invoice_number FROM merchants WHERE invoice_number IS NOT NULL ORDER BY merchant",
                &[],
                |row| (MerchantId(id_cell(row, 0)), InvoiceNumber(row.text(1).into())),
            )?,
            stores: self.db.query(
                "SELECT stores.store, stores.name, merchants.merchant, merchants.name
                 FROM stores JOIN merchants ON merchants.merchant = stores.merchant ORDER BY merchants.merchant, stores.store",
                &[],
                |row| DirectoryStore {
                    store: StoreId(id_cell(row, 0)),
                    name: row.text(1).to_owned(),
                    merchant: MerchantId(id_cell(row, 2)),
                    merchant_name: row.text(3).to_owned(),
                },
            )?,
            tills: self.tills()?,
        })
    }

    /// First step: what is to be opened, under which name. A name that is taken there is refused: a client that asks again
    /// because an answer was lost opens nothing twice.
    pub fn begin_opening(
        &mut self,
        what: Opening,
        name: &str,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Result<PendingOpening, NameTaken>, Fault> {
        let opening: [u8; 16] = seed.take("opening");
        self.db.transaction(|tx| {
            let taken = match what {
                Opening::Merchant => tx.query_first(
                    "SELECT 1 FROM merchants WHERE name = $1",
                    &[Param::Text(name)],
                    |row| row.int(0),
                ),
                Opening::Store(merchant) => tx.query_first(
                    "SELECT 1 FROM stores WHERE merchant = $1 AND name = $2",
                    &[Param::Int(i64::from(merchant.0)), Param::Text(name)],
                    |row| row.int(0),
                ),
                Opening::Till(store) => tx.query_first(
                    "SELECT 1 FROM tills WHERE store = $1 AND name = $2",
                    &[Param::Int(i64::from(store.0)), Param::Text(name)],
                    |row| row.int(0),
                ),
            }?;
            if taken.is_some() {
                return Ok(Err(NameTaken));
            }
            tx.execute(
                "INSERT INTO openings (opening, kind, parent, name, made_at) VALUES ($1, $2, $3, $4, $5)",
                &[
                    Param::Blob(&opening),
                    what.kind().param(),
                    Param::Int(i64::from(what.parent())),
                    Param::Text(name),
                    at(now),
                ],
            )?;
            Ok(Ok(PendingOpening { opening, what, name: name.to_owned() }))
        })
    }

    /// Last step, after the act: the id that the book gave out has its name.
    pub fn finish_opening(&mut self, pending: &PendingOpening, id: u32) -> Result<(), Fault> {
        let noted = self.noted.take();
        let (command, subject) = match pending.what {
            Opening::Merchant => (
                RegistryCommand::NameMerchant,
                Subject::Merchant(MerchantId(id)),
            ),
            Opening::Store(_) => (RegistryCommand::NameStore, Subject::Store(StoreId(id))),
            Opening::Till(_) => (RegistryCommand::NameTill, Subject::Till(TillId(id))),
        };
        self.db.transaction(|tx| {
            write_name(tx, pending.what, id, &pending.name)?;
            if let Some(noted) = &noted {
                noted.write(tx, command, About::Ledger(subject))?;
            }
            forget_opening(tx, &pending.opening)
        })
    }

    /// Takes an opening back after the book refused it.
    pub fn abandon_opening(&mut self, pending: &PendingOpening) -> Result<(), Fault> {
        self.db
            .transaction(|tx| forget_opening(tx, &pending.opening))
    }

    /// Asks the book about openings whose answer was lost: an id without a name is theirs, and if there is none nothing was
    /// opened. Run before the next opening begins and at each start.
    pub fn settle_openings(&mut self, named: &mut dyn Named) -> Result<Reconciled, Fault> {
        let mut done = Reconciled::default();
        let pending = self.db.query(
            "SELECT opening, kind, parent, name FROM openings ORDER BY made_at, opening",
            &[],
            pending_row,
        )?;
        if pending.is_empty() {
            return Ok(done);
        }
        let tree = named.merchant_tree()?;
        for pending in pending {
            let unnamed = self
                .names_of(pending.what.kind())?
                .first_without_name(&tree, pending.what);
            match unnamed {
                Some(id) => {
                    self.finish_opening(&pending, id)?;
                    done.finished += 1;
                }
                None => {
                    self.abandon_opening(&pending)?;
                    done.dead += 1;
                }
            }
        }
        Ok(done)
    }

    /// Makes the names those of the book's merchants, stores and tills, no more and no fewer.
    pub(super) fn reconcile(
        &mut self,
        named: &mut dyn Named,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        let settled = self.settle_openings(named)?;
        done.finished += settled.finished;
        done.dead += settled.dead;
        let tree = named.merchant_tree()?;
        for kind in OpeningKind::ALL.iter().copied() {
            let names = self.names_of(kind)?;
            let known = known_to_book(&tree, kind);
            for (id, parent) in &names.0 {
                if known.get(id) != Some(parent) {
                    self.remove_name(kind, *id)?;
                    done.dead += 1;
                }
            }
            for (id, parent) in known {
                if names.0.get(&id) != Some(&parent) {
                    // Control is older than the book: the name is lost, what it named is not.
                    let what = kind.in_parent(parent);
                    self.db
                        .transaction(|tx| write_name(tx, what, id, &format!("#{id}")))?;
                    done.finished += 1;
                }
            }
        }
        Ok(())
    }

    /// Every named id of a kind with what it stands in.
    fn names_of(&mut self, kind: OpeningKind) -> Result<NamedIds, Fault> {
        let pair = |row: &Row| (id_cell(row, 0), id_cell(row, 1));
        let rows = match kind {
            OpeningKind::Merchant => self
                .db
                .query("SELECT merchant, 0 FROM merchants", &[], pair),
            OpeningKind::Store => self
                .db
                .query("SELECT store, merchant FROM stores", &[], pair),
            OpeningKind::Till => self.db.query("SELECT till, store FROM tills", &[], pair),
        }?;
        Ok(NamedIds(rows.into_iter().collect()))
    }

    fn remove_name(&mut self, kind: OpeningKind, id: u32) -> Result<(), Fault> {
        let id = [Param::Int(i64::from(id))];
        match kind {
            OpeningKind::Merchant => self
                .db
                .execute("DELETE FROM merchants WHERE merchant = $1", &id),
            OpeningKind::Store => self.db.execute("DELETE FROM stores WHERE store = $1", &id),
            OpeningKind::Till => self.db.execute("DELETE FROM tills WHERE till = $1", &id),
        }
        .map(drop)
    }
}

/// Ids that have a name, each with the id of what it stands in.
struct NamedIds(BTreeMap<u32, u32>);

impl NamedIds {
    fn first_without_name(&self, tree: &MerchantTree, what: Opening) -> Option<u32> {
        known_to_book(tree, what.kind())
            .into_iter()
            .find(|(id, parent)| *parent == what.parent() && !self.0.contains_key(id))
            .map(|(id, _)| id)
    }
}

fn known_to_book(tree: &MerchantTree, kind: OpeningKind) -> BTreeMap<u32, u32> {
    match kind {
        OpeningKind::Merchant => tree
            .merchants
            .iter()
            .map(|merchant| (merchant.0, 0))
            .collect(),
        OpeningKind::Store => tree
            .stores
            .iter()
            .map(|(store, merchant)| (store.0, merchant.0))
            .collect(),
        OpeningKind::Till => tree
            .tills
            .iter()
            .map(|(till, store)| (till.0, store.0))
            .collect(),
    }
}

fn pending_row(row: &Row) -> PendingOpening {
    PendingOpening {
        opening: row.bytes(0),
        what: numbered_cell::<OpeningKind>(row, 1).in_parent(id_cell(row, 2)),
        name: row.text(3).to_owned(),
    }
}

fn forget_opening(tx: &mut Tx, opening: &[u8; 16]) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM openings WHERE opening = $1",
        &[Param::Blob(opening)],
    )
    .map(drop)
}

fn write_name(tx: &mut Tx, what: Opening, id: u32, name: &str) -> Result<(), Fault> {
    let (id, parent) = (
        Param::Int(i64::from(id)),
        Param::Int(i64::from(what.parent())),
    );
    match what {
        Opening::Merchant => tx.execute(
            "INSERT INTO merchants (merchant, name) VALUES ($1, $2) ON CONFLICT (merchant) DO UPDATE SET name = excluded.name",
            &[id, Param::Text(name)],
        ),
        Opening::Store(_) => tx.execute(
            "INSERT INTO stores (store, merchant, name) VALUES ($1, $2, $3)
             ON CONFLICT (store) DO UPDATE SET merchant = excluded.merchant, name = excluded.name",
            &[id, parent, Param::Text(name)],
        ),
        Opening::Till(_) => tx.execute(
            "INSERT INTO tills (till, store, name) VALUES ($1, $2, $3)
             ON CONFLICT (till) DO UPDATE SET store = excluded.store, name = excluded.name",
            &[id, parent, Param::Text(name)],
        ),
    }
    .map(drop)
}
