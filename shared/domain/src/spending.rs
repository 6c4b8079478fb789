//! The spending of a tenant: open holds, captures by day and model, and the bounds that a cost must fit
//! into. Refuses to know how these are kept.

use crate::credits::Credits;
use crate::ids::GenerationId;
use crate::refusal::Refusal;
use crate::time::{Day, Timestamp};

/// The most days that one answer covers.
pub const DAYS_MAX: u32 = 90;

/// The credits held for a job that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenHold {
    /// The job.
    pub generation: GenerationId,
    /// Its model's id.
    pub model: String,
    /// The held credits.
    pub amount: Credits,
    /// When they were held.
    pub created_at: Timestamp,
}

/// The spending on one model in one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The day of the captures, UTC.
    pub day: Day,
    /// The model's id.
    pub model: String,
    /// The captured credits.
    pub credits: Credits,
    /// The number of generations that they were captured for.
    pub generations: u64,
}

/// The credits of a team that a member may commit in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The member's cap, if they have one.
    pub cap: Option<Credits>,
    /// The credits that their jobs hold or captured this month.
    pub committed: Credits,
}

impl Allowance {
    /// Returns the rest of it; `None` without a cap. Zero if the cap was lowered below the committed
    /// credits.
    #[must_use]
    pub fn left(&self) -> Option<Credits> {
        let left = |cap: Credits| cap.checked_sub(self.committed).unwrap_or(Credits::ZERO);
        self.cap.map(left)
    }
}

/// The bounds that the cost of a job must fit into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The credits of the wallet that can be spent.
    pub wallet: Credits,
    /// The member's allowance, where a team pays.
    pub member: Option<Allowance>,
    /// The rest of the API key's cap, if the caller's key has one.
    pub key: Option<Credits>,
}

impl Bounds {
    /// Checks that `cost` fits into all of them.
    ///
    /// # Errors
    /// The refusal of the narrowest bound that it exceeds. Of equally narrow ones, the wallet comes before
    /// the member and the member before the key.
    pub fn check(&self, cost: Credits) -> Result<(), Refusal> {
        let available = self.wallet;
        let short = Refusal::OutOfCredits {
            needed: cost,
            available,
        };
        let member = self.member.and_then(|it| Some((it.left()?, it.cap?)));
        let member = member.map(|(left, cap)| (left, Refusal::MemberCapReached { cap, left }));
        let key = self.key.map(|left| (left, Refusal::KeyCapReached));
        let bounds = [Some((available, short)), member, key];
        let exceeded = bounds
            .into_iter()
            .flatten()
            .filter(|(left, _)| cost > *left);
        match exceeded.min_by_key(|(left, _)| *left) {
            Some((_, refusal)) => Err(refusal),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_bound_that_a_cost_does_not_fit_into_is_named() {
        let bounds = |wallet, left: Option<u32>, key: Option<u32>| Bounds {
            wallet: Credits::of(wallet),
            member: left.map(|left| Allowance {
                cap: Some(Credits::of(100)),
                committed: Credits::of(100 - left),
            }),
            key: key.map(Credits::of),
        };
        let cost = Credits::of(20);
        let out = |available| Refusal::OutOfCredits {
            needed: cost,
            available: Credits::of(available),
        };
        let member = |left| Refusal::MemberCapReached {
            cap: Credits::of(100),
            left: Credits::of(left),
        };
        for (bounds, expected) in [
            (bounds(20, Some(20), Some(20)), Ok(())),
            (bounds(20, None, None), Ok(())),
            (bounds(19, None, None), Err(out(19))),
            (bounds(19, Some(5), None), Err(member(5))),
            (bounds(5, Some(19), None), Err(out(5))),
            (bounds(19, Some(10), Some(3)), Err(Refusal::KeyCapReached)),
            (bounds(7, Some(7), Some(7)), Err(out(7))),
            (bounds(900, Some(7), Some(7)), Err(member(7))),
        ] {
            assert_eq!(bounds.check(cost), expected, "{bounds:?}");
        }
        let lowered = Allowance {
            cap: Some(Credits::of(10)),
            committed: Credits::of(50),
        };
        assert_eq!(lowered.left(), Some(Credits::ZERO));
        let free = Allowance {
            cap: None,
            committed: Credits::of(50),
        };
        assert_eq!(free.left(), None);
    }
}

#[cfg(test)]
#[path = "spending_tests.rs"]
mod interleavings;
