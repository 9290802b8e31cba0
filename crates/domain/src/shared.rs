//! Texts that a command brings, its event keeps and its answer gives back: one piece of memory for all three.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use minicbor::{Decode, Encode};

/// Something that never changes and has several owners. Its CBOR is that of the thing itself.
#[derive(PartialEq, Eq, Hash)]
pub struct Shared<T: ?Sized>(Arc<T>);

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Shared<T> {
    fn from(content: T) -> Self {
        Shared(Arc::new(content))
    }
}

macro_rules! from_texts {
    ($($text:ty),*) => {
        $(impl From<$text> for Shared<str> {
            fn from(text: $text) -> Self {
                Shared(Arc::from(text))
            }
        })*
    };
}
from_texts!(&str, String, Box<str>, Cow<'_, str>);

impl From<&Shared<str>> for Box<str> {
    fn from(text: &Shared<str>) -> Self {
        Box::from(&**text)
    }
}

impl<T> From<&Shared<T>> for Arc<T> {
    fn from(shared: &Shared<T>) -> Self {
        Arc::clone(&shared.0)
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        T::default().into()
    }
}

impl<T: fmt::Debug + ?Sized> fmt::Debug for Shared<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl<T: fmt::Display + ?Sized> fmt::Display for Shared<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl<C, T: Encode<C> + ?Sized> Encode<C> for Shared<T> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        out: &mut minicbor::Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.0.as_ref().encode(out, context)
    }
}

impl<'b, C> Decode<'b, C> for Shared<str> {
    fn decode(
        from: &mut minicbor::Decoder<'b>,
        _: &mut C,
    ) -> Result<Self, minicbor::decode::Error> {
        from.str().map(Shared::from)
    }
}

impl<'b, C, T: Decode<'b, C>> Decode<'b, C> for Shared<T> {
    fn decode(
        from: &mut minicbor::Decoder<'b>,
        context: &mut C,
    ) -> Result<Self, minicbor::decode::Error> {
        T::decode(from, context).map(Shared::from)
    }
}
