//! The sign-up bonus: when it is due, and how many may be given.
//!
//! Owns the rule, and the note of a bonus that is due. Refuses to know the digests of mailboxes (the `auth`
//! crate's) and how a bonus is booked (the ledger's). A bonus costs the operator real money and asks
//! nothing in return. So each mailbox gets one only once, and there is a limit for each day.

use crate::credits::Credits;
use crate::ids::UserId;
use crate::time::Timestamp;

/// When the bonus becomes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BonusAt {
    /// When the account is made. This is for closed deployments, since anybody can make an account for any
    /// address.
    Registration,
    /// When the user shows that the mailbox is theirs.
    Verification,
}

impl BonusAt {
    /// Returns the moment named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "registration" => Some(Self::Registration),
            "verification" => Some(Self::Verification),
            _ => None,
        }
    }
}

/// The operator's rule for sign-up bonuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BonusRule {
    /// The amount; with zero, nothing is booked.
    pub amount: Credits,
    /// When the bonus becomes due.
    pub at: BonusAt,
    /// The most bonuses in a day, UTC. The others wait for the next day.
    pub per_day_max: u32,
}

/// A note that a bonus is due. It is written in the transaction that makes the bonus due, and deleted in
/// the one that books it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BonusNote {
    /// The user who gets it.
    pub user: UserId,
    /// When it became due.
    pub due_at: Timestamp,
}
