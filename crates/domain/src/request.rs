//! A request: who asks, and for what.

use crate::command::Command;
use crate::context::Asker;
use crate::needs::Needs;
use crate::query::Query;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Command(Command),
    Query(Query),
}

/// A request: who asks, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub asker: Asker,
    pub ask: Ask,
}

impl Request {
    /// A command.
    pub fn command(asker: Asker, command: Command) -> Request {
        Request {
            asker,
            ask: Ask::Command(command),
        }
    }
    /// A query.
    pub fn query(asker: Asker, query: Query) -> Request {
        Request {
            asker,
            ask: Ask::Query(query),
        }
    }
    /// What the answer needs of the past.
    pub fn needs(&self) -> Needs {
        match &self.ask {
            Ask::Command(command) => command.needs(),
            Ask::Query(query) => query.needs(),
        }
    }
}
