//! Routes that tell what they are: one call mounts a route and writes it down, so that the table can never differ from what is
//! really served.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::handler::Handler;
use axum::http::HeaderMap;
use axum::routing;
use axum::{Extension, Router};
use mamori_registry::Permission;

use crate::answer::Denial;
use crate::static_file::StaticFile;

/// What a route demands of its caller before anything else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// Nothing: any visitor.
    Anybody,
    /// A customer's session.
    Customer,
    /// A customer's session and the customer's passkey of this very moment.
    CustomerWithPasskey,
    /// An enrolled till's device.
    Device,
    /// An operator's session, and a role that has the permission.
    Operator(Permission),
    /// The same, and the operator's passkey of this very moment.
    OperatorWithPasskey(Permission),
    /// The signature of the card processor.
    Signature,
    /// Development alone: the token of this run.
    RunToken,
}

/// An extractor that lets no caller past who does not meet a demand.
pub trait Gate {
    /// What it has checked when the handler runs.
    const DEMAND: Demand;
}

/// The arguments of a handler: the state, then its gate, then what it reads. What a route demands is read off them, so a route
/// can neither be mounted without a gate nor tell of another one than its handler has.
pub trait Gated {
    /// What the gate demands.
    const DEMAND: Demand;
}

/// A handler without arguments reads nothing of its caller and knows nothing to tell.
impl Gated for ((),) {
    const DEMAND: Demand = Demand::Anybody;
}

macro_rules! gated {
    ($($read:ident),*) => {
        impl<Via, S, G: Gate, $($read),*> Gated for (Via, State<S>, G, $($read,)*) {
            const DEMAND: Demand = G::DEMAND;
        }
    };
}
gated!();
gated!(A);
gated!(A, B);
gated!(A, B, C);

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// As it was mounted, `/api/receipts/{id}`; a file of the pages under its plain name, without the hash of the build.
    pub path: String,
    /// What it asks of its caller.
    pub demand: Demand,
}

/// Routes on their way to a listener, with their table.
pub struct Routes<S> {
    router: Router<S>,
    table: Vec<Route>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Routes::new()
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// None yet.
    pub fn new() -> Routes<S> {
        Routes {
            router: Router::new(),
            table: Vec::new(),
        }
    }

    /// Mounts a route that reads.
    pub fn get<H, T>(self, path: &str, handler: H) -> Routes<S>
    where
        H: Handler<T, S>,
        T: Gated + 'static,
    {
        self.mount("GET", path, T::DEMAND, routing::get(handler))
    }

    /// Mounts a route that changes something.
    pub fn post<H, T>(self, path: &str, handler: H) -> Routes<S>
    where
        H: Handler<T, S>,
        T: Gated + 'static,
    {
        self.mount("POST", path, T::DEMAND, routing::post(handler))
    }

    fn mount(
        mut self,
        method: &'static str,
        path: &str,
        demand: Demand,
        handler: routing::MethodRouter<S>,
    ) -> Routes<S> {
        self.table.push(Route {
            method,
            path: path.to_owned(),
            demand,
        });
        self.router = self.router.route(path, handler);
        self
    }

    /// Mounts one file.
    pub(crate) fn file(mut self, path: &str, file: &StaticFile) -> Routes<S> {
        self.table.push(Route {
            method: "GET",
            path: path.to_owned(),
            demand: Demand::Anybody,
        });
        let file = file.clone();
        let send = routing::get(async move |asked: HeaderMap| file.answer(&asked));
        self.router = self.router.route(path, send);
        self
    }

    /// Mounts files below `folder` (`/assets`): the name that is asked for, the plain name that the table tells, the answer.
    pub(crate) fn files(
        mut self,
        folder: &str,
        files: Vec<(String, String, StaticFile)>,
    ) -> Routes<S> {
        let mut by_name = BTreeMap::new();
        for (asked, plain, file) in files {
            self.table.push(Route {
                method: "GET",
                path: format!("{folder}/{plain}"),
                demand: Demand::Anybody,
            });
            by_name.insert(asked, file);
        }
        let by_name = Arc::new(by_name);
        let send = routing::get(move |Path(name): Path<String>, asked: HeaderMap| {
            let found = by_name.get(&name).map(|file| file.answer(&asked));
            async move { found.ok_or(Denial::NotFound) }
        });
        self.router = self.router.route(&format!("{folder}/{{name}}"), send);
        self
    }

    /// These and those, on one listener.
    pub fn and(mut self, others: Routes<S>) -> Routes<S> {
        self.table.extend(others.table);
        self.router = self.router.merge(others.router);
        self
    }

    /// Puts a value where the gates of these routes find it.
    pub fn with<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Routes<S> {
        self.router = self.router.layer(Extension(value));
        self
    }

    /// Everything that was mounted.
    pub fn table(&self) -> &[Route] {
        &self.table
    }

    /// The routes, ready to be dressed and served.
    pub fn into_router(self) -> Router<S> {
        self.router
    }
}
