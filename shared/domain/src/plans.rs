//! The API keys by which the gateway counts the calls of each user. Owns which key a user is counted by,
//! and when; refuses to know the limits themselves (the template's) and how keys are made.
//!
//! A key never moves to another plan: between leaving one plan and entering the other it would be in none,
//! and the gateway would refuse its calls. So each change of plan begins a new [`Term`], and each term has
//! a key of its own.
//!
//! There are fewer keys than there may be users, so a key is reserved for a user who has verified their
//! e-mail and calls. Everybody else is counted by one of their plan's shared keys, picked by a hash of
//! their id.

use std::time::Duration;

use crate::time::Timestamp;

/// The time for which the key of an ended term is kept: longer than the gateway caches an authorizer's
/// answer that named it (60 s).
pub const RETIRED_AFTER: Duration = Duration::from_secs(90);

/// A paid plan, or the free one. It sets the rate limits and the number of jobs in flight. A larger plan
/// compares as greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plan {
    /// The plan without payment.
    Free,
    /// The smallest paid plan.
    Basic,
    /// The plan for professionals.
    Pro,
    /// The plan for companies.
    Enterprise,
}

impl Plan {
    /// Every plan, the smallest first.
    pub const ALL: [Self; 4] = [Self::Free, Self::Basic, Self::Pro, Self::Enterprise];

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Basic => "basic",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }

    /// Returns the plan named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plan| plan.as_str() == text)
    }

    /// The most jobs that a user may have in flight.
    #[must_use]
    pub const fn in_flight_max(self) -> u32 {
        match self {
            Self::Free => 25,
            Self::Basic => 50,
            Self::Pro => 200,
            Self::Enterprise => 1_000,
        }
    }
}

/// A user's time on one plan, with one key. A new term begins when the key is given back, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The number of terms before this one.
    pub number: u64,
    /// When it began.
    pub since: Timestamp,
    /// The newest term that got a key of its own.
    pub keyed: Option<u64>,
}

impl Term {
    /// Returns the term that begins with the account.
    #[must_use]
    pub const fn first(since: Timestamp) -> Self {
        Self {
            number: 0,
            since,
            keyed: None,
        }
    }

    /// Whether it has a key of its own.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        self.keyed == Some(self.number)
    }

    /// Whether no call can be counted by the keys of earlier terms any more.
    #[must_use]
    pub fn is_settled(&self, now: Timestamp) -> bool {
        now.since(self.since) >= RETIRED_AFTER
    }
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
    /// Makes the value for each plan with `make`.
    pub fn new(mut make: impl FnMut(Plan) -> T) -> Self {
        Self {
            free: make(Plan::Free),
            basic: make(Plan::Basic),
            pro: make(Plan::Pro),
            enterprise: make(Plan::Enterprise),
        }
    }

    /// The value for `plan`.
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
