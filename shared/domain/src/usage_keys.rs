//! The keys by which the gateway counts what each user calls. Owns which key is a user's, and when; refuses
//! to know the limits themselves (the template's) and how keys are made.
//!
//! A key never changes its plan: between leaving one plan and entering another it would be in none,
//! and the gateway would refuse whoever comes with it. So each change of plan begins a new
//! [`Term`](crate::plans::Term), and each term has a key of its own.
//!
//! There are fewer keys than there may be users, so a key is for users who have verified their e-mail and
//! call. Everybody else is counted by one of the keys that their plan shares, picked by a hash of their id.

use std::time::Duration;

use crate::accounts::User;
use crate::ids::UserId;
use crate::plans::{ByPlan, Plan};
use crate::time::{Day, Timestamp};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// The days after a user's last call after which their key is given back.
pub const IDLE_DAYS: i64 = 14;

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
pub enum UsagePlan {
    /// One user.
    Own(Plan),
    /// Many users together.
    Shared(Plan),
}

impl UsagePlans {
    /// The id of the plan for `usage`.
    #[must_use]
    pub const fn of(&self, usage: UsagePlan) -> &String {
        match usage {
            UsagePlan::Own(plan) => self.own.of(plan),
            UsagePlan::Shared(plan) => self.shared.of(plan),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
