//! What an operator may do, as a gate: `May<FreezeWallets>` lets nobody past whose role does not have that permission.
//!
//! The role is read for each request, and once more when a fresh passkey was shown: whoever lost a role finds every route of it
//! closed from the next request on, in sessions that were open before too.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use mamori_registry::{Permission, Registry, Role, Surface};

use crate::answer::Denial;
use crate::app::App;
use crate::denied::NOT_YOUR_ROLE;
use crate::http::session::{OperatorSession, operator_mark};
use crate::http::step_up::{Granted, SignedIn, Who};
use crate::route_table::{Demand, Gate};

/// A permission as a type.
pub trait Permitted: Send + Sync + 'static {
    const PERMISSION: Permission;
}

macro_rules! permitted {
    ($($name:ident)+) => {
        $(
            #[doc = concat!("[`Permission::", stringify!($name), "`].")]
            pub struct $name;

            impl Permitted for $name {
                const PERMISSION: Permission = Permission::$name;
            }
        )+
    };
}

permitted! {
    EnterConsole SeeHouse SeePayments SeeActs SeeCustomers FindCustomers OpenHistories WriteNotes FreezeWallets ReleaseHolds PairTills
    HandleAlarms ManageShops SetMoneyRules ManageApiKeys ManageOperators EditTemplates
    SeeApprovals DecideApprovals ProposeErasure
}

/// An operator who is signed in and whose role has the permission.
pub struct May<P> {
    operator: OperatorSession,
    /// As it was when the request came.
    pub role: Role,
    permission: PhantomData<fn() -> P>,
}

impl<P> Deref for May<P> {
    type Target = OperatorSession;

    fn deref(&self) -> &OperatorSession {
        &self.operator
    }
}

impl<P: Permitted> Gate for May<P> {
    const DEMAND: Demand = Demand::Operator(P::PERMISSION);
}

impl<P: Permitted> FromRequestParts<Arc<App>> for May<P> {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Denial> {
        let operator = OperatorSession::from_request_parts(parts, app).await?;
        let who = operator.clone();
        let role = app
            .registry
            .ask(move |registry| role_with::<P>(registry, &who))
            .await??;
        Ok(May {
            operator,
            role,
            permission: PhantomData,
        })
    }
}

impl<P: Permitted> SignedIn for May<P> {
    const SURFACE: Surface = Surface::Console;
    const WITH_PASSKEY: Demand = Demand::OperatorWithPasskey(P::PERMISSION);

    fn who(&self) -> Who {
        self.operator.who()
    }

    fn still(&self, registry: &mut Registry) -> Result<(), Denial> {
        role_with::<P>(registry, &self.operator).map(drop)
    }
}

impl<P> Granted<'_, May<P>> {
    /// The operator in a log.
    pub fn operator(&self) -> String {
        operator_mark(&self.caller.owner)
    }
}

/// The operator's role of this moment, if it has the permission.
fn role_with<P: Permitted>(
    registry: &mut Registry,
    operator: &OperatorSession,
) -> Result<Role, Denial> {
    let given = registry.operators().role_of(&operator.owner)?;
    let role = given.ok_or(Denial::SignedOut)?.role;
    if role.may(P::PERMISSION) {
        return Ok(role);
    }
    tracing::warn!(
        operator = operator_mark(&operator.owner),
        role = role.word(),
        permission = P::PERMISSION.word(),
        "an operator asked for more than the role gives"
    );
    Err(Denial::Forbidden(NOT_YOUR_ROLE))
}
