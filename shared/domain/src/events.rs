//! Events that webhooks tell: their kinds, and the subject of each.
//!
//! Owns the names of the kinds. Refuses to know who is told, and how. An event only names its subject,
//! which is shown in its state at the time of telling.

use crate::accounts::User;
use crate::alerts::Alert;
use crate::credits::Credits;
use crate::generations::{Generation, ShownGeneration, State};
use crate::ids::{EventId, GenerationId, TeamId, Tenant, UserId};
use crate::ledger::Entry;
use crate::teams::Membership;
use crate::time::Timestamp;

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// A generation was delivered.
    GenerationSucceeded,
    /// A generation failed, and its credits were given back.
    GenerationFailed,
    /// A generation was cancelled, and its credits were given back.
    GenerationCanceled,
    /// A balance fell below a threshold, or a cap is used up to a share.
    CreditsLow,
    /// Credits that were spent on a generation were given back.
    CreditsRefunded,
    /// Somebody joined a team.
    MemberJoined,
    /// The media of a generation expire in a week.
    MediaExpiring,
    /// A test that the owner of an endpoint asked for.
    Test,
}

impl EventKind {
    /// The kinds that an endpoint can subscribe to.
    pub const ALL: [Self; 7] = [
        Self::GenerationSucceeded,
        Self::GenerationFailed,
        Self::GenerationCanceled,
        Self::CreditsLow,
        Self::CreditsRefunded,
        Self::MemberJoined,
        Self::MediaExpiring,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GenerationSucceeded => "generation.succeeded",
            Self::GenerationFailed => "generation.failed",
            Self::GenerationCanceled => "generation.canceled",
            Self::CreditsLow => "credits.low",
            Self::CreditsRefunded => "credits.refunded",
            Self::MemberJoined => "team.member_joined",
            Self::MediaExpiring => "media.expiring",
            Self::Test => "webhook.test",
        }
    }

    /// Returns the kind with this name, also one that cannot be subscribed to.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let all = Self::ALL.into_iter().chain([Self::Test]);
        all.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Returns the kind of event that the step of a generation from `before` to `after` makes, if it makes
    /// one.
    #[must_use]
    pub fn of_step(before: State, after: State) -> Option<Self> {
        if before == after {
            return None;
        }
        match after {
            State::Succeeded => Some(Self::GenerationSucceeded),
            State::Failed => Some(Self::GenerationFailed),
            State::Canceled => Some(Self::GenerationCanceled),
            State::Queued
            | State::Submitting
            | State::Running
            | State::Storing
            | State::Unknown => None,
        }
    }
}

/// The subject of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A generation.
    Generation(GenerationId),
    /// An entry of a ledger.
    Entry {
        /// The owner of the ledger.
        tenant: Tenant,
        /// The entry's id.
        entry: String,
    },
    /// An alert about a wallet.
    Alert {
        /// The owner of the wallet.
        tenant: Tenant,
        /// The alert.
        alert: Alert,
    },
    /// A member of a team.
    Member {
        /// The team.
        team: TeamId,
        /// The member.
        user: UserId,
    },
    /// No subject.
    Nothing,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEvent {
    /// Its id, by which receivers recognise an event that they were told before.
    pub id: EventId,
    /// Its kind.
    pub kind: EventKind,
    /// Its subject.
    pub subject: Subject,
    /// When it happened.
    pub at: Timestamp,
}

/// The subject of an event, as the receiver may see it.
#[derive(Debug)]
pub enum ShownSubject {
    /// A generation.
    Generation(Box<ShownGeneration>),
    /// An entry of a ledger.
    Entry(Entry),
    /// An alert about a wallet.
    Alert {
        /// The owner of the wallet.
        tenant: Tenant,
        /// The alert.
        alert: Alert,
    },
    /// A member of a team.
    Member {
        /// The membership.
        membership: Membership,
        /// The member's account; `None` if it was just erased.
        user: Option<Box<User>>,
        /// The credits of the team that they committed this month.
        committed: Credits,
    },
    /// No subject.
    Nothing,
}

/// Lists the tenants that are told how a generation ends: its payer and its author.
#[must_use]
pub fn told_of(generation: &Generation) -> Vec<Tenant> {
    let author = Tenant::from(&generation.author);
    match generation.tenant == author {
        true => vec![author],
        false => vec![generation.tenant.clone(), author],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_told_of_when_it_comes_to_its_end_and_at_no_other_step() {
        for before in State::ALL {
            for after in State::ALL {
                let told = EventKind::of_step(before, after);
                assert_eq!(
                    told.is_some(),
                    before != after && after.is_final(),
                    "{before:?} {after:?}"
                );
                let name = format!("generation.{}", after.as_str());
                assert!(told.is_none_or(|kind| kind.as_str() == name));
            }
        }
    }

    #[test]
    fn a_kind_is_found_by_its_name() {
        for kind in EventKind::ALL.into_iter().chain([EventKind::Test]) {
            assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(EventKind::parse("generation"), None);
    }
}
