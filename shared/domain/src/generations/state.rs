//! The states of a generation: of its job, of its credits, and its relation to its parent.

use crate::credits::Credits;

/// The state of a job. [`State::Submitting`] is written before the provider is called. A worker that finds
/// it afterwards knows that a submit may have happened, and must not submit again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Its credits are held, and it waits for a worker.
    Queued,
    /// A worker is sending it to the provider, or died while it did.
    Submitting,
    /// The provider accepted it.
    Running,
    /// The provider finished it; its media are being copied.
    Storing,
    /// It was delivered. The hold was captured, except for the share of withheld files.
    Succeeded,
    /// It was not delivered, and the hold was released.
    Failed,
    /// It was cancelled before the provider made anything, and the hold was released.
    Canceled,
    /// It is unknown whether the provider accepted it. The hold stays until proof or the operator's policy.
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

    /// The name in the API, which does not distinguish a job that is being submitted.
    #[must_use]
    pub const fn status(self) -> &'static str {
        if matches!(self, Self::Submitting) {
            return Self::Queued.as_str();
        }
        self.as_str()
    }

    /// Returns the state named `text` in the store.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether it holds a slot of its lane, as a job that the provider has to run. A job in
    /// [`State::Unknown`] holds none, so that an outage at the provider does not close our lanes.
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

    /// Whether the job is at rest: nothing more happens by itself.
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

/// The state of the credits that were held for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hold {
    /// The credits are held.
    Open,
    /// The credits are spent, except for the share of withheld files.
    Captured,
    /// The credits were given back.
    Released,
}

/// The parts of a price. Either one part is the whole price, or it is divided between captured and
/// released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The held part.
    pub held: Credits,
    /// The captured part.
    pub captured: Credits,
    /// The released part.
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

    /// Divides `cost` into its parts; `share` of it is released if the rest is captured.
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

    /// Returns the hold named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Captured, Self::Released]
            .into_iter()
            .find(|hold| hold.as_str() == text)
    }
}

/// The booking that a transition needs, in the same transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// No booking.
    None,
    /// Capture the hold.
    Capture {
        /// The part that is released instead: the share of withheld files.
        released: Credits,
    },
    /// Release the hold.
    Release,
}

/// The relation of a generation to its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It has no parent.
    Original,
    /// It improves on the same idea.
    Improve,
    /// It is one more try.
    Iterate,
    /// It takes another direction.
    Fork,
    /// It mixes its parent with something else.
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

    /// Returns the intent named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|intent| intent.as_str() == text)
    }
}
