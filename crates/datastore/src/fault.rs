//! Why the datastore could not do what was asked: it is unreachable, full, broken or newer than this program.
//!
//! A fault is never an answer of the rules (that is a `Refusal` of the domain). It is opaque on purpose: callers ask the
//! predicates and nothing else, because every finer type tried here ended in code that decided by the words of a database.

use std::fmt;

/// The world failed; opaque, with a few predicates.
///
/// A fault carries texts fixed at compile time, numbers, and what a database says without values (a state code, a
/// constraint's name). It never carries a parameter, a row or a connection string, so it can be logged as it is.
pub struct Fault(Box<Inner>);

struct Inner {
    kind: FaultKind,
    context: &'static str,
    during: Vec<&'static str>,
    detail: String,
    numbers: Vec<(&'static str, i64)>,
}

/// What happened, for the predicates; only the storage layer names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// Another transaction was in the way; nothing was changed and the same closure may run again at once.
    Conflict,
    /// The store cannot be reached; nothing of this call was changed.
    Unreachable,
    /// The store was lost while it was asked to make something durable: it may or may not be.
    UnknownOutcome,
    /// No space left; the transaction was undone.
    Full,
    /// A unique key was already there.
    Duplicate,
    /// The store was written by a newer program.
    NewerStore,
    /// The store or its configuration is refused for a reason that stays until a person changes it.
    Refused,
    /// This process is not (or no longer) the owner.
    NotOwner,
    /// A SQLite file is none, or its pages contradict each other.
    Damaged,
    /// The same of the views, which can be made anew from the journal.
    DamagedViews,
    /// Everything else: damaged data, a statement of ours that is wrong.
    Broken,
}

impl Fault {
    pub(crate) fn of(kind: FaultKind, context: &'static str) -> Self {
        Self(Box::new(Inner {
            kind,
            context,
            during: Vec::new(),
            detail: String::new(),
            numbers: Vec::new(),
        }))
    }

    /// A detail from a database: state codes and names of its own objects only, never values.
    pub(crate) fn with_detail(mut self, detail: String) -> Self {
        self.0.detail = detail;
        self
    }

    pub(crate) fn kind(&self) -> FaultKind {
        self.0.kind
    }

    /// The same fault of a file that can be made anew, where the file is the trouble.
    pub(crate) fn of_views(mut self) -> Self {
        if self.0.kind == FaultKind::Damaged {
            self.0.kind = FaultKind::DamagedViews;
        }
        self
    }

    /// A failure that passes: nothing was changed, and the same request may be sent again.
    ///
    /// The context is fixed at compile time so that no secret can slip into it.
    pub fn retryable(context: &'static str) -> Self {
        Self::of(FaultKind::Unreachable, context)
    }

    /// A failure that stays: damaged data, a contradiction, a broken promise of a dependency.
    pub fn broken(context: &'static str) -> Self {
        Self::of(FaultKind::Broken, context)
    }

    /// A configuration or file that this program refuses to work with until the operator changes it.
    pub fn refused(context: &'static str) -> Self {
        Self::of(FaultKind::Refused, context)
    }

    /// Something may or may not have become durable, and only the store can tell.
    pub fn unknown_outcome(context: &'static str) -> Self {
        Self::of(FaultKind::UnknownOutcome, context)
    }

    /// No space is left; nothing was changed.
    pub fn full(context: &'static str) -> Self {
        Self::of(FaultKind::Full, context)
    }

    /// This process does not own the shard (any more): it must not answer.
    pub fn not_owner(context: &'static str) -> Self {
        Self::of(FaultKind::NotOwner, context)
    }

    /// Adds what was being done, innermost first, as in "append, during a charge".
    #[must_use]
    pub fn during(mut self, activity: &'static str) -> Self {
        self.0.during.push(activity);
        self
    }

    /// Adds a number that helps to find the place (a seq, a version, a size); never a secret, never an amount.
    #[must_use]
    pub fn with_number(mut self, name: &'static str, value: i64) -> Self {
        self.0.numbers.push((name, value));
        self
    }

    /// True when nothing was changed and the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.kind,
            FaultKind::Conflict | FaultKind::Unreachable | FaultKind::Full | FaultKind::NotOwner
        )
    }

    /// True when what was asked may have become durable or not: resolve it before a client is answered.
    pub fn is_unknown_outcome(&self) -> bool {
        self.0.kind == FaultKind::UnknownOutcome
    }

    /// True when a unique key was already there. Prefer `ON CONFLICT DO NOTHING` and the count of affected rows.
    pub fn is_duplicate(&self) -> bool {
        self.0.kind == FaultKind::Duplicate
    }

    /// True when the store has no space left; the transaction was undone.
    pub fn is_full(&self) -> bool {
        self.0.kind == FaultKind::Full
    }

    /// True when the store was written by a newer program than this one.
    pub fn is_newer_store(&self) -> bool {
        self.0.kind == FaultKind::NewerStore
    }

    /// True when the file of the views is damaged: nothing is lost, it can be made anew. Never said of journal or control.
    pub fn is_damaged_views(&self) -> bool {
        self.0.kind == FaultKind::DamagedViews
    }

    /// True when another process owns the shard.
    pub fn is_not_owner(&self) -> bool {
        self.0.kind == FaultKind::NotOwner
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.context)?;
        for (name, value) in &self.0.numbers {
            write!(f, " {name}={value}")?;
        }
        if !self.0.detail.is_empty() {
            write!(f, " ({})", self.0.detail)?;
        }
        for activity in &self.0.during {
            write!(f, ", during {activity}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({:?}: {self})", self.0.kind)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn a_fault_says_what_happened_where_and_when() {
        let fault = Fault::broken("the chain does not hold")
            .with_number("seq", 7)
            .during("a start");
        assert_eq!(
            fault.to_string(),
            "the chain does not hold seq=7, during a start"
        );
        assert!(!fault.is_retryable());
    }

    #[test]
    fn an_unknown_outcome_is_never_retryable() {
        let fault = Fault::unknown_outcome("connection lost during COMMIT");
        assert!(fault.is_unknown_outcome() && !fault.is_retryable());
    }
}
