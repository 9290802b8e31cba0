//! What operators may do. A role is a set of permissions, and this table is the only place that says which.
//!
//! Each route of the console names the one permission that it asks for. Nothing is decided by a role's name, and no role stands above
//! another: one *covers* another if it has all of its permissions.

use crate::Numbered;

/// What an operator is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks at the day and at payments; sees no customer.
    Viewer,
    /// Helps customers and shops.
    Support,
    /// Looks into misuse, and is the second person.
    Fraud,
    /// Looks after money: takings, what tills may give back, holds.
    Finance,
    /// Everything that there is, and alone the right to invite others.
    Admin,
}

impl Role {
    /// All of them, the smallest first.
    pub const ALL: [Role; 5] = [
        Role::Viewer,
        Role::Support,
        Role::Fraud,
        Role::Finance,
        Role::Admin,
    ];

    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Support => "support",
            Role::Fraud => "fraud",
            Role::Finance => "finance",
            Role::Admin => "admin",
        }
    }

    /// The role of this word.
    pub fn parse(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }

    /// Whether it has this permission.
    pub fn may(self, permission: Permission) -> bool {
        permission.roles().contains(&self)
    }

    /// Everything that it may do.
    pub fn permissions(self) -> impl Iterator<Item = Permission> {
        (Permission::ALL.iter().copied()).filter(move |permission| self.may(*permission))
    }

    /// Whether it may do whatever the other one may: who has it can give the other one.
    pub fn covers(self, other: Role) -> bool {
        other.permissions().all(|permission| self.may(permission))
    }
}

impl Numbered for Role {
    const ALL: &[Role] = &Role::ALL;

    fn as_number(self) -> i64 {
        match self {
            Role::Viewer => 1,
            Role::Support => 2,
            Role::Fraud => 3,
            Role::Finance => 4,
            Role::Admin => 5,
        }
    }
}

macro_rules! permissions {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal [$($role:ident)+];)+) => {
        /// One thing that operators can be let do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Permission {
            /// All of them, in the order of the table.
            pub const ALL: &[Permission] = &[$(Permission::$name),+];

            /// The stable word.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Permission::$name => $word,)+
                }
            }

            /// Which roles have it.
            pub const fn roles(self) -> &'static [Role] {
                match self {
                    $(Permission::$name => &[$(Role::$role),+],)+
                }
            }
        }
    };
}

permissions! {
    /// Be signed in: who one is, one's own passkeys, signing out.
    EnterConsole "enter_console" [Viewer Support Fraud Finance Admin];
    /// The day, merchants, stores and tills, alarms, messages on their way.
    SeeHouse "see_house" [Viewer Support Fraud Finance Admin];
    /// Payments, without the names of those who paid.
    SeePayments "see_payments" [Viewer Support Fraud Finance Admin];
    /// Who did what, and who the operators are.
    SeeActs "see_acts" [Support Fraud Finance Admin];
    /// A wallet by its number, and the notes on it.
    SeeCustomers "see_customers" [Support Fraud Finance Admin];
    /// A customer by a contact or a receipt, for a reason.
    FindCustomers "find_customers" [Support Fraud Admin];
    /// What moved in a wallet, for a reason.
    OpenHistories "open_histories" [Support Fraud Admin];
    /// Write a note on a wallet.
    WriteNotes "write_notes" [Support Fraud Finance Admin];
    /// Stop a wallet.
    FreezeWallets "freeze_wallets" [Support Fraud Admin];
    /// Give a customer back what a merchant has set aside.
    ReleaseHolds "release_holds" [Finance Admin];
    /// Pair tills with browsers, and take them off.
    PairTills "pair_tills" [Support Admin];
    /// Say of an alarm that it was looked at.
    HandleAlarms "handle_alarms" [Support Fraud Admin];
    /// Open merchants, stores and tills and say what they are called; supervisors.
    ManageShops "manage_shops" [Admin];
    /// What tills may give back, and invoice numbers.
    SetMoneyRules "set_money_rules" [Finance Admin];
    /// Make, change and revoke API keys.
    ManageApiKeys "manage_api_keys" [Admin];
    /// Invite, confirm, name and remove operators, and give them roles.
    ManageOperators "manage_operators" [Admin];
    /// Change what notices to customers say.
    EditTemplates "edit_templates" [Admin];
    /// The list of proposals; withdraw one's own.
    SeeApprovals "see_approvals" [Support Fraud Admin];
    /// Approve or decline what another one has proposed; which kinds is said by the two below.
    DecideApprovals "decide_approvals" [Fraud Admin];
    /// Propose that a person is erased.
    ProposeErasure "propose_erasure" [Support Admin];
    /// Approve or decline an erasure.
    DecideErasure "decide_erasure" [Fraud Admin];
}
