//! The lanes that jobs are handed over in, and the two lines of each. Owns which lane and which line a job
//! waits in; refuses to know whose turn it is, which is for [`turns`](crate::turns).

use crate::catalogue::Kind;
use crate::ids::{GenerationId, Tenant};
use crate::plans::Plan;

/// A lane of jobs that are handed over independently of the other lane: videos never wait behind images,
/// nor images behind videos.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Fast jobs.
    Image,
    /// Slow jobs.
    Video,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 2] = [Self::Image, Self::Video];

    /// Returns the lane for this kind of media.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Image | Kind::Audio => Self::Image,
            Kind::Video => Self::Video,
        }
    }

    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
        }
    }

    /// Returns the lane named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.as_str() == text)
    }
}

/// The line of its lane in which a job waits, with us and at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Priority {
    /// The line of paying users with a verified e-mail.
    Normal,
    /// The line of all other users, since anybody can make any number of free accounts.
    Low,
}

impl Priority {
    /// Every priority.
    pub const ALL: [Self; 2] = [Self::Normal, Self::Low];

    /// Returns the priority of a user's jobs.
    #[must_use]
    pub const fn of(plan: Plan, is_verified: bool) -> Self {
        match plan {
            Plan::Basic | Plan::Pro | Plan::Enterprise if is_verified => Self::Normal,
            Plan::Free | Plan::Basic | Plan::Pro | Plan::Enterprise => Self::Low,
        }
    }

    /// The name in the store, and at the provider.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// Returns the priority named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|priority| priority.as_str() == text)
    }
}

/// A job in line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The job's id.
    pub id: GenerationId,
    /// The owner.
    pub tenant: Tenant,
    /// Its line.
    pub priority: Priority,
    /// Its turn there; of jobs with the same turn, the oldest is first.
    pub turn: u64,
    /// The id of the API request that ordered it.
    pub correlation_id: String,
}
