//! Which hosted card page belongs to which top-up, and what became of the charge. Whether the money came is decided by the
//! processor and journaled by the book.

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Row};
use mamori_domain::ids::TopUpId;
use mamori_domain::world::Timestamp;

use crate::{at, instant_cell, opt_instant_cell};

/// A top-up's order at the card processor as it is first sent: a repeat must send the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCardOrder {
    /// The top-up of the book that it is for.
    pub top_up: TopUpId,
    /// Yen.
    pub amount: u64,
    /// `ja` or `en`: the page's language.
    pub locale: String,
    /// When the page closes, in whole seconds: the processor knows nothing finer.
    pub expires_at: Timestamp,
}

/// A top-up's order, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardOrderRow {
    /// What was ordered.
    pub order: NewCardOrder,
    /// The processor's name for the page, once it has answered.
    pub reference: Option<String>,
    /// Where the page is, once it has answered.
    pub url: Option<String>,
    /// The charge that paid it: written before the book is told that the money came.
    pub charge: Option<CardChargeRow>,
    /// When an operator was first told that money of this top-up is gone.
    pub alarmed_at: Option<Timestamp>,
    /// Questions in a row that brought no answer.
    pub silent: u32,
    /// When the poller asks next; None for at once.
    pub ask_at: Option<Timestamp>,
    /// When the book closed it without money, as long as it is asked about again.
    pub closed_at: Option<Timestamp>,
}

/// A charge at the card processor: where a topped-up yen came from, where it can be given back to, and what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardChargeRow {
    /// The processor's name for it.
    pub charge: String,
    /// `shifted`, `not_shifted` or `unknown`: whether the issuer bears a dispute.
    pub liability_shift: String,
    /// Yen: the most that the processor has ever said it gave back.
    pub refunded: u64,
    /// The cardholder has disputed it at some time.
    pub disputed: bool,
}

/// A top-up that was credited and whose money is not all ours any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardAlarm {
    /// The top-up.
    pub top_up: TopUpId,
    /// Yen.
    pub amount: u64,
    /// The charge that paid it.
    pub charge: CardChargeRow,
    /// When an operator was first told.
    pub alarmed_at: Timestamp,
}

/// Hosted card pages of top-ups, and what became of each charge.
pub struct CardOrders<'a> {
    pub(crate) db: &'a mut Db,
}

impl CardOrders<'_> {
    /// Writes the order down before it is sent for the first time, and gives back the one that was first: a repeat with
    /// another amount or end changes nothing.
    pub fn begin(&mut self, new: &NewCardOrder) -> Result<CardOrderRow, Fault> {
        self.db.execute(
            "INSERT INTO card_payments (top_up, amount, locale, expires_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (top_up) DO NOTHING",
            &[
                number(new.top_up),
                Param::Int(new.amount as i64),
                Param::Text(&new.locale),
                at(new.expires_at),
            ],
        )?;
        self.find(new.top_up)?
            .ok_or_else(|| Fault::broken("a card payment that was just written is not there"))
    }

    /// What the processor called the page, and where it is.
    pub fn note_page(
        &mut self,
        top_up: TopUpId,
        reference: &str,
        url: Option<&str>,
    ) -> Result<(), Fault> {
        self.db
            .execute(
                "UPDATE card_payments SET reference = $1, url = $2 WHERE top_up = $3",
                &[Param::Text(reference), url.into(), number(top_up)],
            )
            .map(drop)
    }

    /// The charge that paid a top-up, and what has become of it; nothing where there is no such order. Answers come in any order: what went back once stays noted.
    pub fn note_charge(&mut self, top_up: TopUpId, row: &CardChargeRow) -> Result<(), Fault> {
        self.db
            .execute(
                "UPDATE card_payments SET charge = $1, liability_shift = $2,
                    refunded = CASE WHEN refunded < $3 THEN $3 ELSE refunded END,
                    disputed = CASE WHEN disputed < $4 THEN $4 ELSE disputed END
                 WHERE top_up = $5",
                &[
                    Param::Text(&row.charge),
                    Param::Text(&row.liability_shift),
                    Param::Int(row.refunded as i64),
                    Param::Int(i64::from(row.disputed)),
                    number(top_up),
                ],
            )
            .map(drop)
    }

    /// Puts a top-up among those that an operator must look at, now if it was not there yet.
    pub fn raise_alarm(&mut self, top_up: TopUpId, now: Timestamp) -> Result<(), Fault> {
        self.db
            .execute(
                "UPDATE card_payments SET alarmed_at = $1 WHERE top_up = $2 AND alarmed_at IS NULL",
                &[at(now), number(top_up)],
            )
            .map(drop)
    }

    /// How many top-ups were credited and are not all ours any more, and the newest `limit` of them.
    pub fn alarms(&mut self, limit: u32) -> Result<(u64, Vec<CardAlarm>), Fault> {
        let count = self.db.query_first(
            "SELECT COUNT(*) FROM card_payments WHERE alarmed_at IS NOT NULL",
            &[],
            |row| row.int(0).unsigned_abs(),
        )?;
        let newest = self.db.query(
            "SELECT top_up, amount, charge, liability_shift, refunded, disputed, alarmed_at FROM card_payments
             WHERE alarmed_at IS NOT NULL ORDER BY alarmed_at DESC LIMIT $1",
            &[Param::Int(i64::from(limit))],
            |row| CardAlarm {
                top_up: TopUpId(row.int(0) as u64),
                amount: row.int(1) as u64,
                charge: charge(row, 2).unwrap_or_else(|| CardChargeRow {
                    charge: String::new(),
                    liability_shift: "unknown".to_owned(),
                    refunded: 0,
                    disputed: false,
                }),
                alarmed_at: instant_cell(row, 6),
            },
        )?;
        Ok((count.unwrap_or(0), newest))
    }

    /// The processor could not say what became of a payment: one silence more, and it is asked about again at `ask_at`.
    pub fn note_silence(&mut self, top_up: TopUpId, ask_at: Timestamp) -> Result<(), Fault> {
        self.db
            .execute(
                "UPDATE card_payments SET silent = silent + 1, ask_at = $1 WHERE top_up = $2",
                &[at(ask_at), number(top_up)],
            )
            .map(drop)
    }

    /// The processor has answered about a payment that is still open: its silences are forgotten.
    pub fn note_answer(&mut self, top_up: TopUpId) -> Result<(), Fault> {
        self.db
            .execute(
                "UPDATE card_payments SET silent = 0, ask_at = NULL WHERE top_up = $1",
                &[number(top_up)],
            )
            .map(drop)
    }

    /// The book has closed a top-up without money at `closed_at`: it is asked about again at `ask_at`. One that was closed
    /// before keeps its first instant. `None` ends the asking.
    pub fn note_closed(
        &mut self,
        top_up: TopUpId,
        closed_at: Timestamp,
        ask_at: Option<Timestamp>,
    ) -> Result<(), Fault> {
        match ask_at {
            Some(ask_at) => self.db.execute(
                "UPDATE card_payments SET silent = 0, closed_at = COALESCE(closed_at, $1), ask_at = $2 WHERE top_up = $3",
                &[at(closed_at), at(ask_at), number(top_up)],
            ),
            None => self.db.execute(
                "UPDATE card_payments SET silent = 0, closed_at = NULL, ask_at = NULL WHERE top_up = $1",
                &[number(top_up)],
            ),
        }
        .map(drop)
    }

    /// Top-ups that were closed without money and are to be asked about again by now, longest due first, at most `limit`.
    pub fn to_ask_again(&mut self, now: Timestamp, limit: u32) -> Result<Vec<TopUpId>, Fault> {
        self.db.query(
            "SELECT top_up FROM card_payments WHERE closed_at IS NOT NULL AND ask_at <= $1 ORDER BY ask_at LIMIT $2",
            &[at(now), Param::Int(i64::from(limit))],
            |row| TopUpId(row.int(0) as u64),
        )
    }

    /// The top-up that a charge paid, as far as it was ever noted.
    pub fn of_charge(&mut self, charge: &str) -> Result<Option<TopUpId>, Fault> {
        self.db.query_first(
            "SELECT top_up FROM card_payments WHERE charge = $1",
            &[Param::Text(charge)],
            |row| TopUpId(row.int(0) as u64),
        )
    }

    /// A top-up's order; None for one that was never sent to a card page.
    pub fn find(&mut self, top_up: TopUpId) -> Result<Option<CardOrderRow>, Fault> {
        self.db.query_first(
            "SELECT top_up, amount, locale, expires_at, reference, url, charge, liability_shift, refunded, disputed,
                alarmed_at, silent, ask_at, closed_at FROM card_payments WHERE top_up = $1",
            &[number(top_up)],
            |row| CardOrderRow {
                order: NewCardOrder {
                    top_up: TopUpId(row.int(0) as u64),
                    amount: row.int(1) as u64,
                    locale: row.text(2).to_owned(),
                    expires_at: instant_cell(row, 3),
                },
                reference: row.opt_text(4).map(str::to_owned),
                url: row.opt_text(5).map(str::to_owned),
                charge: charge(row, 6),
                alarmed_at: opt_instant_cell(row, 10),
                silent: u32::try_from(row.int(11)).unwrap_or(u32::MAX),
                ask_at: opt_instant_cell(row, 12),
                closed_at: opt_instant_cell(row, 13),
            },
        )
    }
}

fn number(top_up: TopUpId) -> Param<'static> {
    Param::Int(top_up.0 as i64)
}

/// Four columns from `first` on: charge, liability shift, what went back, whether it is disputed.
fn charge(row: &Row, first: usize) -> Option<CardChargeRow> {
    let charge = row.opt_text(first)?.to_owned();
    Some(CardChargeRow {
        charge,
        liability_shift: row.opt_text(first + 1).unwrap_or("unknown").to_owned(),
        refunded: row.int(first + 2).unsigned_abs(),
        disputed: row.int(first + 3) != 0,
    })
}
