//! An act as the journal holds it: one command, who asked for it, and what happened.

use crate::command::CommandKind;
use crate::context::{Context, ContextId, RequestId};
use crate::event::{Event, Subject};
use minicbor::{Decode, Encode, Encoder};

/// One act as the journal holds it: one command, who asked for it, and what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Who asked; `None` in journals of the first format, which did not say.
    pub by: Option<ContextId>,
    /// What the context is, in the first act of a journal's writer that was asked in it.
    pub context: Option<Context>,
    pub command: CommandKind,
    /// The edge's name for the request; zero for none.
    pub request: RequestId,
    pub events: Vec<Event>,
}

impl Act {
    /// Whom or what it is about: the subject of its first event.
    pub fn subject(&self) -> Subject {
        self.events.first().map_or(Subject::Shard, Event::subject)
    }
}

impl<C> Encode<C> for Act {
    /// An array: the context's name, or an array of name and context; the kind of the command; the request; the events.
    fn encode<W: minicbor::encode::Write>(
        &self,
        out: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        out.array(4)?;
        let by = self.by.expect("a journal of this format says who asked");
        match &self.context {
            None => by.encode(out, context)?,
            Some(definition) => {
                out.array(2)?;
                by.encode(out, context)?;
                definition.encode(out, context)?;
            }
        }
        self.command.encode(out, context)?;
        self.request.encode(out, context)?;
        self.events.encode(out, context)
    }
}

impl<'b, C> Decode<'b, C> for Act {
    fn decode(
        from: &mut minicbor::Decoder<'b>,
        context: &mut C,
    ) -> Result<Self, minicbor::decode::Error> {
        let wrong = minicbor::decode::Error::message;
        if from.array()? != Some(4) {
            return Err(wrong("an act has four parts"));
        }
        let (by, definition) = match from.datatype()? {
            minicbor::data::Type::Array => {
                if from.array()? != Some(2) {
                    return Err(wrong("a context's definition is its name and its content"));
                }
                let by = Decode::decode(from, context)?;
                (by, Some(Context::decode(from, context)?))
            }
            _ => (Decode::decode(from, context)?, None),
        };
        Ok(Act {
            by: Some(by),
            context: definition,
            command: Decode::decode(from, context)?,
            request: Decode::decode(from, context)?,
            events: Decode::decode(from, context)?,
        })
    }
}
