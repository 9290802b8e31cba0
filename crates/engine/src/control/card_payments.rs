//! Which hosted card page belongs to which top-up. Whether the money came is decided by the processor and journaled by the book.

use mamori_domain::ids::TopUpId;

use crate::control::Control;
use crate::fault::Fault;
use crate::sql::Param;

/// A top-up's order at the card processor, as it was first sent: a repeat must send the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardPaymentRow {
    pub top_up: TopUpId,
    /// Yen.
    pub amount: u64,
    /// `ja` or `en`: the page's language.
    pub locale: String,
    /// Seconds since 1970 UTC at which the page closes.
    pub expires_at_seconds: i64,
    /// The processor's name for the page, once it has answered.
    pub reference: Option<String>,
    /// Where the page is, once it has answered.
    pub url: Option<String>,
    /// The charge that paid it: written before the book is told that the money came.
    pub charge: Option<CardChargeRow>,
}

/// A charge at the card processor: where a topped-up yen came from, and where it can be given back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardChargeRow {
    /// The processor's name for it.
    pub charge: String,
    /// `shifted`, `not_shifted` or `unknown`: whether the issuer bears a dispute.
    pub liability_shift: String,
}

impl Control {
    /// Writes the order down before it is sent for the first time, and gives back whichever was first.
    pub fn begin_card_payment(&mut self, row: &CardPaymentRow) -> Result<CardPaymentRow, Fault> {
        self.db.execute(
            "INSERT INTO card_payments (top_up, amount, locale, expires_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (top_up) DO NOTHING",
            &[
                Param::Int(row.top_up.0 as i64),
                Param::Int(row.amount as i64),
                Param::Text(&row.locale),
                Param::Int(row.expires_at_seconds),
            ],
        )?;
        self.card_payment(row.top_up)?
            .ok_or_else(|| Fault::broken("a card payment that was just written is not there"))
    }

    /// What the processor called the page, and where it is.
    pub fn note_card_page(
        &mut self,
        top_up: TopUpId,
        reference: &str,
        url: Option<&str>,
    ) -> Result<(), Fault> {
        self.db
            .execute(
                "UPDATE card_payments SET reference = $1, url = $2 WHERE top_up = $3",
                &[
                    Param::Text(reference),
                    url.into(),
                    Param::Int(top_up.0 as i64),
                ],
            )
            .map(drop)
    }

    /// The charge that paid a top-up.
    pub fn note_card_charge(&mut self, top_up: TopUpId, row: &CardChargeRow) -> Result<(), Fault> {
        self.db
            .execute(
                "UPDATE card_payments SET charge = $1, liability_shift = $2 WHERE top_up = $3",
                &[
                    Param::Text(&row.charge),
                    Param::Text(&row.liability_shift),
                    Param::Int(top_up.0 as i64),
                ],
            )
            .map(drop)
    }

    /// A top-up's order.
    pub fn card_payment(&mut self, top_up: TopUpId) -> Result<Option<CardPaymentRow>, Fault> {
        self.db.query_first(
            "SELECT top_up, amount, locale, expires_at, reference, url, charge, liability_shift FROM card_payments WHERE top_up = $1",
            &[Param::Int(top_up.0 as i64)],
            |row| CardPaymentRow {
                top_up: TopUpId(row.int(0) as u64),
                amount: row.int(1) as u64,
                locale: row.text(2).to_owned(),
                expires_at_seconds: row.int(3),
                reference: row.opt_text(4).map(str::to_owned),
                url: row.opt_text(5).map(str::to_owned),
                charge: row.opt_text(6).map(|charge| CardChargeRow {
                    charge: charge.to_owned(),
                    liability_shift: row.opt_text(7).unwrap_or("unknown").to_owned(),
                }),
            },
        )
    }
}
