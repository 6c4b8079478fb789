//! An amount of credits. Owns checked integer arithmetic; refuses floats and negative amounts.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use std::fmt;

/// A whole, non-negative number of credits, at most [`Credits::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Credits(i64);

impl Credits {
    /// No credits.
    pub const ZERO: Self = Self(0);
    /// The largest amount: far below the integers that a JSON number carries exactly (2^53).
    pub const MAX: Self = Self(1_000_000_000_000);

    /// Returns `amount` credits, if it is not negative and not above [`Credits::MAX`].
    #[must_use]
    pub const fn new(amount: i64) -> Option<Self> {
        if amount < 0 || amount > Self::MAX.0 {
            None
        } else {
            Some(Self(amount))
        }
    }

    /// A small amount that is known when the program is written, such as a price.
    #[must_use]
    pub const fn of(amount: u32) -> Self {
        Self(amount as i64)
    }

    /// The number of credits.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Returns the sum, unless it is too large.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        Self::new(self.0.strict_add(other.0))
    }

    /// Returns the difference, unless it is negative.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        Self::new(self.minus(other))
    }

    /// Returns by how much this is more than `other`. It is negative if it is less.
    #[must_use]
    pub const fn minus(self, other: Self) -> i64 {
        self.0.strict_sub(other.0)
    }

    /// Returns `times` this amount, unless it is too large.
    #[must_use]
    pub const fn checked_mul(self, times: u32) -> Option<Self> {
        match self.0.checked_mul(times as i64) {
            Some(amount) => Self::new(amount),
            None => None,
        }
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_amount_never_leaves_its_range(a in 0..=Credits::MAX.get(), b in 0..=Credits::MAX.get(), n: u32) {
            let (a, b) = (Credits::new(a).expect("in range"), Credits::new(b).expect("in range"));
            for result in [a.checked_add(b), a.checked_sub(b), a.checked_mul(n)].into_iter().flatten() {
                prop_assert!(result >= Credits::ZERO && result <= Credits::MAX);
            }
            prop_assert_eq!(a.checked_sub(b).is_some(), a >= b);
        }
    }

    #[test]
    fn a_negative_amount_is_no_amount() {
        assert_eq!(Credits::new(-1), None);
        assert_eq!(Credits::new(0), Some(Credits::ZERO));
    }
}
