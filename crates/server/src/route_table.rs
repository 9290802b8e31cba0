//! Routes that tell what they are: one call mounts a route and writes it down, so that the table can never differ from what is
//! really served.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::handler::Handler;
use axum::response::IntoResponse;
use axum::routing;

use crate::answer::Denial;

/// What a route demands of its caller before anything else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// Nothing: anybody.
    Anybody,
    /// A customer's session.
    SignedIn,
    /// A customer's session and a passkey of this very moment.
    FreshPasskey,
    /// An enrolled till's device.
    Device,
    /// An operator's session.
    Operator,
    /// The signature of a merchant's key, or of the card processor.
    Signature,
    /// Development alone: the token of this run.
    RunToken,
}

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
    pub fn get<H, T>(self, path: &str, demand: Demand, handler: H) -> Routes<S>
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.mount("GET", path, demand, routing::get(handler))
    }

    /// Mounts a route that changes something.
    pub fn post<H, T>(self, path: &str, demand: Demand, handler: H) -> Routes<S>
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.mount("POST", path, demand, routing::post(handler))
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

    /// Mounts files below `folder` (`/assets`): the name that is asked for, the plain name that the table tells, the answer.
    pub(crate) fn files<F>(mut self, folder: &str, files: Vec<(String, String, F)>) -> Routes<S>
    where
        F: IntoResponse + Clone + Send + Sync + 'static,
    {
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
        let send = routing::get(move |Path(name): Path<String>| {
            let found = by_name.get(&name).cloned();
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

    /// Everything that was mounted.
    pub fn table(&self) -> &[Route] {
        &self.table
    }

    /// The routes, ready to be dressed and served.
    pub fn into_router(self) -> Router<S> {
        self.router
    }
}
