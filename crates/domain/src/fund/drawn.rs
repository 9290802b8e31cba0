//! What a movement drew from a wallet.

use super::Lot;
use minicbor::{Decode, Encode};
use std::ops::{Deref, DerefMut};

/// The lots that were drawn, oldest first. Nearly always one, which then needs no memory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn(Form);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    One(Lot),
    /// None, or more than one.
    Others(Vec<Lot>),
}

impl From<Vec<Lot>> for Drawn {
    fn from(lots: Vec<Lot>) -> Self {
        Drawn(match lots[..] {
            [only] => Form::One(only),
            _ => Form::Others(lots),
        })
    }
}

impl From<Lot> for Drawn {
    fn from(only: Lot) -> Self {
        Drawn(Form::One(only))
    }
}

impl Deref for Drawn {
    type Target = [Lot];

    fn deref(&self) -> &[Lot] {
        match &self.0 {
            Form::One(only) => std::slice::from_ref(only),
            Form::Others(lots) => lots,
        }
    }
}

impl DerefMut for Drawn {
    fn deref_mut(&mut self) -> &mut [Lot] {
        match &mut self.0 {
            Form::One(only) => std::slice::from_mut(only),
            Form::Others(lots) => lots,
        }
    }
}

impl<C> Encode<C> for Drawn {
    fn encode<W: minicbor::encode::Write>(
        &self,
        out: &mut minicbor::Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.deref().encode(out, context)
    }
}

impl<'b, C> Decode<'b, C> for Drawn {
    fn decode(
        from: &mut minicbor::Decoder<'b>,
        context: &mut C,
    ) -> Result<Self, minicbor::decode::Error> {
        Vec::<Lot>::decode(from, context).map(Drawn::from)
    }
}
