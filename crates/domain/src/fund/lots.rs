//! Where every yen of a wallet came from: lots, spent first in, first out.

use super::{Drawn, Lot, Source};
use crate::money::Amount;
use minicbor::{Decode, Encode};
use std::collections::VecDeque;

/// Money that does not come from a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum CreditKind {
    #[n(0)]
    Cash,
    #[n(1)]
    Goodwill,
}

/// The most origins a wallet's money may have before refunds and new top-ups wait for some of it to be spent. A wallet in very
/// small change would cost everybody's time: each of its acts carries and hashes all of its lots.
pub const LOTS_MAX: usize = 256;

/// The most lots one payment may draw from; with [`LOTS_MAX`] and the cap on open top-ups no wallet gets near it. It bounds what
/// one act adds to a row of the journal.
pub const DRAWN_MAX: usize = 512;

/// The part of a payment that comes back: what was drawn last returns first, and `already` of it has returned.
pub fn returned(drawn: &[Lot], already: Amount, amount: Amount) -> Vec<Lot> {
    let (mut skip, mut left) = (already, amount);
    let mut back = Vec::with_capacity(1);
    for lot in drawn.iter().rev() {
        let skipped = lot.amount.min(skip);
        skip = skip
            .minus(skipped)
            .expect("a part is no more than the rest");
        let there = lot
            .amount
            .minus(skipped)
            .expect("a part is no more than its lot");
        let part = there.min(left);
        left = left.minus(part).expect("a part is no more than the rest");
        if !part.is_zero() {
            back.push(Lot {
                source: lot.source,
                amount: part,
            });
        }
    }
    back
}

/// The oldest of some lots that come to `amount`; `None` if they hold less.
pub fn first_of<'a>(lots: impl Iterator<Item = &'a Lot>, amount: Amount) -> Option<Drawn> {
    let mut left = amount;
    let mut lots = lots.peekable();
    if let Some(first) = lots.peek()
        && first.amount >= amount
        && !amount.is_zero()
    {
        return Some(Drawn::from(Lot {
            source: first.source,
            amount,
        }));
    }
    let mut drawn = Vec::with_capacity(1);
    for lot in lots {
        if left.is_zero() {
            break;
        }
        let part = lot.amount.min(left);
        drawn.push(Lot {
            source: lot.source,
            amount: part,
        });
        left = left.minus(part)?;
    }
    left.is_zero().then(|| Drawn::from(drawn))
}

/// The lots of one wallet, oldest first. Most wallets hold one, which then lives inside the wallet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Lots {
    #[default]
    None,
    One(Lot),
    Many(Box<VecDeque<Lot>>),
}

impl Lots {
    /// The lots, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Lot> {
        let (one, many) = match self {
            Lots::None => (None, None),
            Lots::One(lot) => (Some(lot), None),
            Lots::Many(lots) => (None, Some(lots.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// The sum of all lots.
    pub fn total(&self) -> u64 {
        self.iter().map(|lot| lot.amount.minor()).sum()
    }

    /// The parts that a payment of `amount` would take, oldest first; `None` if there is not enough.
    pub fn draw(&self, amount: Amount) -> Option<Drawn> {
        first_of(self.iter(), amount)
    }

    /// Removes drawn parts, which must be the oldest ones: they were made by [`Lots::draw`] on this very state.
    pub fn take(&mut self, drawn: &[Lot]) {
        for part in drawn {
            let front = self.front_mut().expect("a draw names lots that exist");
            assert_eq!(
                front.source, part.source,
                "lots leave in the order they came"
            );
            front.amount = front
                .amount
                .minus(part.amount)
                .expect("a draw takes no more than the lot has");
            if front.amount.is_zero() {
                self.pop_front();
            }
        }
    }

    /// Adds a lot as the newest one; joins the newest if it has the same origin.
    pub fn add(&mut self, lot: Lot) {
        match self {
            Lots::None => *self = Lots::One(lot),
            Lots::One(only) if only.source == lot.source => {
                only.amount = only
                    .amount
                    .plus(lot.amount)
                    .expect("a wallet's balance is bounded");
            }
            Lots::One(only) => *self = Lots::Many(Box::new(VecDeque::from([*only, lot]))),
            Lots::Many(lots) => match lots.back_mut() {
                Some(last) if last.source == lot.source => {
                    last.amount = last
                        .amount
                        .plus(lot.amount)
                        .expect("a wallet's balance is bounded");
                }
                _ => lots.push_back(lot),
            },
        }
    }

    /// How many lots there are.
    pub fn count(&self) -> usize {
        match self {
            Lots::None => 0,
            Lots::One(_) => 1,
            Lots::Many(lots) => lots.len(),
        }
    }

    /// Takes back what was drawn from here: to the rest of its origin, or to the front, for it was the oldest money there.
    pub fn give_back(&mut self, returned: &[Lot]) {
        for lot in returned {
            match self.with_source(lot.source) {
                Some(rest) => {
                    rest.amount = rest
                        .amount
                        .plus(lot.amount)
                        .expect("a wallet's balance is bounded");
                }
                None => self.push_front(*lot),
            }
        }
    }

    fn with_source(&mut self, source: Source) -> Option<&mut Lot> {
        match self {
            Lots::None => None,
            Lots::One(lot) => Some(lot).filter(|lot| lot.source == source),
            Lots::Many(lots) => lots.iter_mut().find(|lot| lot.source == source),
        }
    }

    fn push_front(&mut self, lot: Lot) {
        match self {
            Lots::None => *self = Lots::One(lot),
            Lots::One(only) => *self = Lots::Many(Box::new(VecDeque::from([lot, *only]))),
            Lots::Many(lots) => lots.push_front(lot),
        }
    }

    fn front_mut(&mut self) -> Option<&mut Lot> {
        match self {
            Lots::None => None,
            Lots::One(lot) => Some(lot),
            Lots::Many(lots) => lots.front_mut(),
        }
    }

    fn pop_front(&mut self) {
        match self {
            Lots::None => {}
            Lots::One(_) => *self = Lots::None,
            Lots::Many(lots) => {
                lots.pop_front();
                match lots.len() {
                    0 => *self = Lots::None,
                    1 => *self = Lots::One(lots[0]),
                    _ => {}
                }
            }
        }
    }
}

impl<C> Encode<C> for Lots {
    fn encode<W: minicbor::encode::Write>(
        &self,
        out: &mut minicbor::Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        out.array(self.iter().count() as u64)?;
        for lot in self.iter() {
            lot.encode(out, context)?;
        }
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Lots {
    fn decode(
        from: &mut minicbor::Decoder<'b>,
        context: &mut C,
    ) -> Result<Self, minicbor::decode::Error> {
        let mut lots: VecDeque<Lot> = Decode::decode(from, context)?;
        Ok(match lots.len() {
            0 => Lots::None,
            1 => Lots::One(lots.pop_front().expect("length was checked")),
            _ => Lots::Many(Box::new(lots)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TopUpId;

    fn card(id: u64, yen: u64) -> Lot {
        Lot {
            source: Source::Card(TopUpId(id)),
            amount: Amount::yen(yen),
        }
    }

    #[test]
    fn what_comes_back_is_what_was_drawn_as_if_it_had_never_left() {
        let mut lots = Lots::None;
        lots.add(card(1, 500));
        lots.add(card(2, 700));
        let before = lots.clone();
        let drawn = lots.draw(Amount::yen(600)).unwrap();
        lots.take(&drawn);
        let first = returned(&drawn, Amount::ZERO, Amount::yen(250));
        assert_eq!(first, [card(2, 100), card(1, 150)]);
        lots.give_back(&first);
        assert_eq!(
            lots.iter().copied().collect::<Vec<_>>(),
            [card(1, 150), card(2, 700)]
        );
        let rest = returned(&drawn, Amount::yen(250), Amount::yen(350));
        assert_eq!(rest, [card(1, 350)]);
        lots.give_back(&rest);
        assert_eq!(lots, before);
    }

    #[test]
    fn the_oldest_money_is_spent_first() {
        let mut lots = Lots::None;
        lots.add(card(1, 500));
        lots.add(card(2, 700));
        let drawn = lots.draw(Amount::yen(600)).unwrap();
        assert_eq!(*drawn, [card(1, 500), card(2, 100)]);
        lots.take(&drawn);
        assert_eq!(lots, Lots::One(card(2, 600)));
        assert_eq!(lots.draw(Amount::yen(601)), None);
    }
}
