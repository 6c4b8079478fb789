//! Alerts about credits that run out: a balance that falls below a threshold, and a cap that is used up to
//! a share.
//!
//! Owns when a threshold is crossed. The bookings of one wallet follow one another, so exactly one of those
//! that lower the balance crosses a threshold. The alert is sent once, and again only after the balance
//! rose in between. Refuses to know how somebody is told.

use crate::credits::Credits;
use crate::ids::{GenerationId, KeyId, Tenant, UserId};

/// The most thresholds of each kind.
pub const THRESHOLDS_MAX: usize = 5;

/// The thresholds that a wallet's owner set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Thresholds of the available balance.
    pub balance_below: Vec<Credits>,
    /// Thresholds of the used share of a cap, in percent. In a team's wallet they apply to members' caps,
    /// in a user's to the caps of API keys.
    pub cap_percent: Vec<u8>,
}

impl Watch {
    /// Returns the lowest threshold that a balance falls below on its way from `before` to `after`.
    #[must_use]
    pub fn fallen_below(&self, before: Credits, after: Credits) -> Option<Credits> {
        let crossed = self.balance_below.iter().copied();
        crossed
            .filter(|threshold| after < *threshold && *threshold <= before)
            .min()
    }

    /// Returns the highest threshold, in percent of `cap`, that is reached on the way from `before` to
    /// `after`.
    #[must_use]
    pub fn share_reached(&self, cap: Credits, before: Credits, after: Credits) -> Option<u8> {
        let reaches = |used: Credits, percent: u8| {
            i128::from(used.get()) * 100 >= i128::from(cap.get()) * i128::from(percent)
        };
        let shares = self.cap_percent.iter().copied();
        shares
            .filter(|percent| !reaches(before, *percent) && reaches(after, *percent))
            .max()
    }
}

/// The owner of a cap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CapOwner {
    /// A member of the team, for this month.
    Member(UserId),
    /// An API key of the user's, for the cap's period.
    Key(KeyId),
}

impl CapOwner {
    /// The id of the member or the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Member(user) => user.as_str(),
            Self::Key(key) => key.as_str(),
        }
    }

    /// Reads the id of a member or a key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let member = UserId::parse(text).map(Self::Member);
        member.or_else(|| KeyId::parse(text).map(Self::Key))
    }
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alert {
    /// A balance fell below a threshold.
    BalanceBelow {
        /// The threshold.
        threshold: Credits,
        /// The balance available after that.
        available: Credits,
    },
    /// A cap is used up to a share.
    CapUsed {
        /// The share, in percent.
        percent: u8,
        /// The cap.
        cap: Credits,
        /// The owner of the cap.
        whose: CapOwner,
    },
}

/// A note that somebody must be alerted. It is written in the transaction that crossed the threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertNote {
    /// The note's name, derived from the crossing: the same crossing always makes the same note.
    pub id: String,
    /// The owner of the wallet. The user is told, or the team's owner.
    pub tenant: Tenant,
    /// The alert.
    pub alert: Alert,
}

impl AlertNote {
    /// Makes the note of the booking that makes a wallet's `version`, if the balance falls below a
    /// threshold on its way from `before` to `after`.
    #[must_use]
    pub fn of_balance(
        watch: &Watch,
        (tenant, version): (&Tenant, u64),
        (before, after): (Credits, Credits),
    ) -> Option<Self> {
        let threshold = watch.fallen_below(before, after)?;
        Some(Self {
            id: format!("{tenant}#{version}"),
            tenant: tenant.clone(),
            alert: Alert::BalanceBelow {
                threshold,
                available: after,
            },
        })
    }

    /// Makes the note of a job, if its `cost` takes a cap up to a threshold; `used` of the cap was used
    /// before.
    #[must_use]
    pub fn of_cap(
        watch: &Watch,
        (tenant, job): (&Tenant, &GenerationId),
        (cap, used, cost): (Credits, Credits, Credits),
        whose: CapOwner,
    ) -> Option<Self> {
        let percent = watch.share_reached(cap, used, used.checked_add(cost)?)?;
        Some(Self {
            id: format!("{job}#{}", whose.as_str()),
            tenant: tenant.clone(),
            alert: Alert::CapUsed {
                percent,
                cap,
                whose,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_threshold_is_told_of_once_for_each_time_that_the_balance_falls_below_it(
            threshold in 1_u32..100, balances in prop::collection::vec(0_u32..120, 2..40)
        ) {
            let watch = Watch {
                balance_below: vec![Credits::of(threshold)],
                cap_percent: Vec::new(),
            };
            let mut is_below = balances[0] < threshold;
            for pair in balances.windows(2) {
                let told = watch.fallen_below(Credits::of(pair[0]), Credits::of(pair[1]));
                prop_assert_eq!(told.is_some(), !is_below && pair[1] < threshold);
                is_below = pair[1] < threshold;
            }
        }
    }

    #[test]
    fn of_several_thresholds_the_one_that_matters_most_is_told() {
        let watch = Watch {
            balance_below: vec![Credits::of(100), Credits::of(50), Credits::of(10)],
            cap_percent: vec![80, 95, 100],
        };
        let below = |before, after| watch.fallen_below(Credits::of(before), Credits::of(after));
        assert_eq!(below(200, 40), Some(Credits::of(50)));
        assert_eq!(below(100, 100), None);
        assert_eq!(below(40, 30), None);
        let share = |before, after| {
            let cap = Credits::of(200);
            watch.share_reached(cap, Credits::of(before), Credits::of(after))
        };
        assert_eq!(share(0, 159), None);
        assert_eq!(share(0, 160), Some(80));
        assert_eq!(share(150, 200), Some(100));
        assert_eq!(share(160, 189), None);
    }
}
