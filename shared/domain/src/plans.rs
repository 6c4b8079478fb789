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

use crate::accounts::{Plan, User};
use crate::ids::UserId;
use crate::time::{Day, Timestamp};

/// The time for which the key of an ended term is kept: longer than the gateway caches an authorizer's
/// answer that named it (60 s).
pub const RETIRED_AFTER: Duration = Duration::from_secs(90);

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// The days after a user's last call after which their key is given back.
pub const IDLE_DAYS: i64 = 14;

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

/// Whether a user has earned a key of their own: their e-mail is verified, and they called lately.
#[must_use]
pub fn earns_key(user: &User, now: Timestamp) -> bool {
    user.email_verified && idle_at(user).is_some_and(|at| now < at)
}

/// The time at which a user's key is given back unless they call before; `None` if they never called. It is
/// spread over the day by user: otherwise all keys would be looked at together at midnight.
#[must_use]
pub fn idle_at(user: &User) -> Option<Timestamp> {
    let day = Day::from_number(user.seen_on?.number().saturating_add(IDLE_DAYS));
    let within_day_ms = hash(&user.id) % DAY_MS;
    Some(day.begins().plus(Duration::from_millis(within_day_ms)))
}

/// A note that the keys of a user must be looked at, because something happened that may need other keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNote {
    /// The user.
    pub user: UserId,
    /// When it becomes due.
    pub due_at: Timestamp,
}

impl KeyNote {
    /// Makes the note that belongs to the beginning of a term.
    #[must_use]
    pub fn of(user: &User) -> Self {
        Self {
            user: user.id.clone(),
            due_at: user.term.since,
        }
    }
}

/// The value of the key of one of a user's terms. It is not secret: only the authorizer can name a key.
#[must_use]
pub fn key_value(user: &UserId, term: u64) -> String {
    format!("{user}-{term}")
}

/// The value of the key that counts `user` alone, if it is ready.
#[must_use]
pub fn dedicated_key(user: &User) -> Option<String> {
    let term = &user.term;
    term.is_keyed().then(|| key_value(&user.id, term.number))
}

/// The number of shared keys that have been made. Every plan has this many, numbered from zero; number 0 is
/// the template's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedKeys {
    /// The number of keys that may be named.
    pub ready: u32,
    /// The number of keys that exist.
    pub made: u32,
    /// When the last of them was made.
    pub made_at: Timestamp,
}

impl SharedKeys {
    /// The template's keys alone.
    pub const FIRST: Self = Self {
        ready: 1,
        made: 1,
        made_at: Timestamp::from_ms(0),
    };
}

/// The value of a shared key. Like [`key_value`], it is not secret.
#[must_use]
pub fn shared_key_value(prefix: &str, plan: Plan, number: u32) -> String {
    format!("{prefix}-{}-{number}", plan.as_str())
}

/// Picks one of `count` shared keys for a user.
#[must_use]
pub fn shared_key_number(user: &UserId, count: u32) -> u32 {
    u32::try_from(hash(user) % u64::from(count.max(1))).unwrap_or_default()
}

/// FNV-1a over the id, whose end is random. It only spreads users evenly, so it need not resist attacks.
fn hash(user: &UserId) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    user.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, mix)
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

/// The ids of the usage plans.
#[derive(Clone, Debug)]
pub struct UsagePlans {
    /// The plans for keys of one user.
    pub own: ByPlan<String>,
    /// The plans for keys that users share.
    pub shared: ByPlan<String>,
}

/// The kind of a key: it counts one user on this plan, or many together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// One user.
    Own(Plan),
    /// Many users together.
    Shared(Plan),
}

impl UsagePlans {
    /// The id of the plan for `usage`.
    #[must_use]
    pub const fn of(&self, usage: Usage) -> &String {
        match usage {
            Usage::Own(plan) => self.own.of(plan),
            Usage::Shared(plan) => self.shared.of(plan),
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

    #[test]
    fn strangers_spread_over_all_shared_keys() {
        const KEYS: u32 = 64;
        let mut users = [0_u32; KEYS as usize];
        for n in 0..6_400_u128 {
            // The ids are made one after the other, as in an attack: their times are equal.
            let entropy = n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> 48;
            let user = UserId::new(Timestamp::from_ms(1_767_225_600_000), entropy);
            users[shared_key_number(&user, KEYS) as usize] += 1;
        }
        let (least, most) = (users.iter().min(), users.iter().max());
        assert!(least >= Some(&60) && most <= Some(&150), "{users:?}");
    }

    #[test]
    fn with_one_shared_key_everybody_has_that_one() {
        let user = UserId::new(Timestamp::from_ms(1), 7);
        assert_eq!(shared_key_number(&user, 1), 0);
        assert_eq!(shared_key_number(&user, 0), 0);
    }
}
