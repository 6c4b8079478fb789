//! The keys by which the gateway counts what each user calls. Owns which key is a user's, and when; refuses to know the
//! limits themselves (the template's) and how keys are made.
//!
//! A key never changes its plan: between leaving one plan and entering another it would be in none, and the gateway
//! would refuse whoever comes with it. So each change of plan begins a new [`Term`], and each term has a key of its own.

use std::time::Duration;

use crate::accounts::{Plan, User};
use crate::ids::UserId;
use crate::time::Timestamp;

/// How long the key of a term that is over is kept: longer than the gateway keeps the authorizer's answer that named it
/// (60 s).
pub const RETIRED_AFTER: Duration = Duration::from_secs(90);

/// A user's time on one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// How often the plan changed before.
    pub number: u64,
    /// When it began.
    pub since: Timestamp,
    /// The newest term that got a key of its own.
    pub keyed: Option<u64>,
}

impl Term {
    /// The term that begins with the account.
    #[must_use]
    pub const fn first(since: Timestamp) -> Self {
        Self {
            number: 0,
            since,
            keyed: None,
        }
    }

    /// Whether it has a key of its own, which only its user is counted by.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        self.keyed == Some(self.number)
    }

    /// Whether nobody can be counted by the keys of the terms before it any more.
    #[must_use]
    pub fn is_settled(&self, now: Timestamp) -> bool {
        now.since(self.since) >= RETIRED_AFTER
    }
}

/// A note that the keys of a user must be looked at: something happened that may ask for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNote {
    /// Whose.
    pub user: UserId,
    /// From when on.
    pub due_at: Timestamp,
}

impl KeyNote {
    /// The note that belongs to the beginning of a term.
    #[must_use]
    pub fn of(user: &User) -> Self {
        Self {
            user: user.id.clone(),
            due_at: user.term.since,
        }
    }
}

/// The value of the key of one term of a user's. It is no secret: nobody but the authorizer can name a key.
#[must_use]
pub fn key_value(user: &UserId, term: u64) -> String {
    format!("{user}-{term}")
}

/// The value of the key that `user` alone is counted by, if it is ready.
#[must_use]
pub fn dedicated_key(user: &User) -> Option<String> {
    let term = &user.term;
    term.is_keyed().then(|| key_value(&user.id, term.number))
}

/// One thing for each plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByPlan<T> {
    /// For [`Plan::Free`].
    pub free: T,
    /// For [`Plan::Basic`].
    pub basic: T,
    /// For [`Plan::Pro`].
    pub pro: T,
    /// For [`Plan::Enterprise`].
    pub enterprise: T,
}

impl<T> ByPlan<T> {
    /// What `make` makes for each plan.
    pub fn new(mut make: impl FnMut(Plan) -> T) -> Self {
        Self {
            free: make(Plan::Free),
            basic: make(Plan::Basic),
            pro: make(Plan::Pro),
            enterprise: make(Plan::Enterprise),
        }
    }

    /// The one for `plan`.
    #[must_use]
    pub const fn of(&self, plan: Plan) -> &T {
        match plan {
            Plan::Free => &self.free,
            Plan::Basic => &self.basic,
            Plan::Pro => &self.pro,
            Plan::Enterprise => &self.enterprise,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_of_the_present_term_counts() {
        let now = Timestamp::from_ms(1_000_000);
        let first = Term::first(now);
        assert!(!first.is_keyed());
        let keyed = Term {
            keyed: Some(0),
            ..first
        };
        assert!(keyed.is_keyed());
        let next = Term {
            number: 1,
            since: now,
            ..keyed
        };
        assert!(!next.is_keyed());
        assert!(!next.is_settled(now.plus(Duration::from_secs(60))));
        assert!(next.is_settled(now.plus(RETIRED_AFTER)));
    }
}
