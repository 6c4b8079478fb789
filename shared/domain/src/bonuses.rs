//! The sign-up bonus: when it is due, and how many may be given.
//!
//! Owns the rule and the note of a bonus that is due. Refuses to know mailboxes' digests (the
//! `auth` crate's) and how a bonus is booked (the ledger's). A bonus costs the operator real money
//! and asks nothing of the one who gets it, so it is given once a mailbox for ever, and no more
//! often than the operator allows in a day.

use crate::credits::Credits;
use crate::ids::UserId;
use crate::time::Timestamp;

/// When the bonus becomes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BonusAt {
    /// When the account is made. For closed deployments: anybody can make an account for any address.
    Registration,
    /// When somebody shows that the mailbox is theirs.
    Verification,
}

impl BonusAt {
    /// The moment named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "registration" => Some(Self::Registration),
            "verification" => Some(Self::Verification),
            _ => None,
        }
    }
}

/// What the operator gives to newcomers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BonusRule {
    /// How much; with zero, nothing is booked.
    pub amount: Credits,
    /// The time of it.
    pub at: BonusAt,
    /// How many bonuses are given in a day, UTC. The others wait for the next day.
    pub per_day_max: u32,
}

/// A note that a bonus is due. It is written in the transaction that makes the bonus due,
/// and ends in the one that books it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BonusNote {
    /// The owner.
    pub user: UserId,
    /// Since when.
    pub due_at: Timestamp,
}
