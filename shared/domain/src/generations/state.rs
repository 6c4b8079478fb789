//! The names of what a generation can be: where its job is, what became of its
//! credits, how it relates to its parent.

use crate::credits::Credits;

/// Where a job is. [`State::Submitting`] is written before the provider is called: whoever finds it
/// afterwards knows that a submit may have happened, and must not submit again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Paid for (held), waiting for a worker.
    Queued,
    /// A worker is handing it to the provider right now, or died while it did.
    Submitting,
    /// The provider accepted it.
    Running,
    /// The provider finished; its media are being copied.
    Storing,
    /// Delivered, and the hold captured but for the share of what was withheld.
    Succeeded,
    /// Not delivered, and the hold released.
    Failed,
    /// Cancelled before the provider made anything, and the hold released.
    Canceled,
    /// Nobody knows whether the provider accepted it; the hold stays until proof or the operator's policy.
    Unknown,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Submitting,
        Self::Running,
        Self::Storing,
        Self::Succeeded,
        Self::Failed,
        Self::Canceled,
        Self::Unknown,
    ];

    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Submitting => "submitting",
            Self::Running => "running",
            Self::Storing => "storing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Unknown => "unknown",
        }
    }

    /// The name in the API: a client need not know that a job is being submitted.
    #[must_use]
    pub const fn status(self) -> &'static str {
        match self {
            Self::Submitting => Self::Queued.as_str(),
            state => state.as_str(),
        }
    }

    /// The state named `text` in the store.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether it counts among the jobs that the provider has to run. Of a job that nobody knows
    /// anything of, nobody knows that either: it holds no slot, so that an outage at the
    /// provider does not close our lanes.
    #[must_use]
    pub const fn holds_slot(self) -> bool {
        match self {
            Self::Submitting | Self::Running => true,
            Self::Queued
            | Self::Storing
            | Self::Succeeded
            | Self::Failed
            | Self::Canceled
            | Self::Unknown => false,
        }
    }

    /// Whether nothing more happens by itself.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Canceled => true,
            Self::Queued | Self::Submitting | Self::Running | Self::Storing | Self::Unknown => {
                false
            }
        }
    }
}

/// What became of the credits that were set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hold {
    /// Still set aside.
    Open,
    /// Spent, but for the share of what was withheld.
    Captured,
    /// Given back.
    Released,
}

/// A price, by what became of it: one of the parts, or what was spent and what was given back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Still set aside.
    pub held: Credits,
    /// Spent.
    pub captured: Credits,
    /// Given back.
    pub released: Credits,
}

impl Hold {
    /// The name in the store and in receipts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "held",
            Self::Captured => "captured",
            Self::Released => "released",
        }
    }

    /// What became of `cost`, of which `share` is given back if the rest is spent.
    #[must_use]
    pub fn parts(self, cost: Credits, share: Credits) -> Parts {
        let none = Parts {
            held: Credits::ZERO,
            captured: Credits::ZERO,
            released: Credits::ZERO,
        };
        match self {
            Self::Open => Parts { held: cost, ..none },
            Self::Captured => Parts {
                captured: cost.checked_sub(share).unwrap_or(Credits::ZERO),
                released: share.min(cost),
                ..none
            },
            Self::Released => Parts {
                released: cost,
                ..none
            },
        }
    }

    /// The outcome named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Captured, Self::Released]
            .into_iter()
            .find(|hold| hold.as_str() == text)
    }
}

/// What a transition owes the ledger, in the same transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Nothing.
    None,
    /// Spend what was set aside.
    Capture {
        /// The part of it that is given back instead: the share of what is withheld.
        released: Credits,
    },
    /// Give it back.
    Release,
}

/// How a generation relates to its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It has no parent.
    Original,
    /// The same idea, better.
    Improve,
    /// One more try.
    Iterate,
    /// Another direction.
    Fork,
    /// Mixed with something else.
    Remix,
}

impl Intent {
    /// Every intent.
    pub const ALL: [Self; 5] = [
        Self::Original,
        Self::Improve,
        Self::Iterate,
        Self::Fork,
        Self::Remix,
    ];

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Improve => "improve",
            Self::Iterate => "iterate",
            Self::Fork => "fork",
            Self::Remix => "remix",
        }
    }

    /// The intent named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|intent| intent.as_str() == text)
    }
}
