//! What happens and is told to whoever asked: its kinds, and what each is about.
//!
//! Owns the names of the kinds. Refuses to know who is told, and how: an event names a thing, which is shown
//! as it is when it is told.

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
    /// A generation was not delivered, and its credits were given back.
    GenerationFailed,
    /// A generation was cancelled, and its credits were given back.
    GenerationCanceled,
    /// A balance fell below a threshold, or a cap is used up to one.
    CreditsLow,
    /// What was spent on a generation was given back.
    CreditsRefunded,
    /// Somebody joined a team.
    MemberJoined,
    /// What a generation delivered expires in a week.
    MediaExpiring,
    /// Somebody wants to see whether they are told.
    Test,
}

impl EventKind {
    /// The kinds that one can ask to be told of.
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

    /// The kind with this name, whether or not one can ask for it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let all = Self::ALL.into_iter().chain([Self::Test]);
        all.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The kind that it is if a generation goes from `before` to `after`, if that is one.
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

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A generation.
    Generation(GenerationId),
    /// An entry of a ledger.
    Entry {
        /// Whose ledger.
        tenant: Tenant,
        /// The entry's id.
        entry: String,
    },
    /// What somebody watched a wallet for.
    Alert {
        /// Whose wallet.
        tenant: Tenant,
        /// What there is to tell.
        alert: Alert,
    },
    /// A member of a team.
    Member {
        /// The team.
        team: TeamId,
        /// The member.
        user: UserId,
    },
    /// Nothing.
    Nothing,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEvent {
    /// Its id: receivers know by it what they were told before.
    pub id: EventId,
    /// Its kind.
    pub kind: EventKind,
    /// What it is about.
    pub subject: Subject,
    /// When it happened.
    pub at: Timestamp,
}

/// What an event is about, as whoever is told sees it.
#[derive(Debug)]
pub enum ShownSubject {
    /// A generation.
    Generation(Box<ShownGeneration>),
    /// An entry of a ledger.
    Entry(Entry),
    /// What somebody watched a wallet for.
    Alert {
        /// Whose wallet.
        tenant: Tenant,
        /// What there is to tell.
        alert: Alert,
    },
    /// A member of a team.
    Member {
        /// Their place in it.
        membership: Membership,
        /// Their account; none if it was just erased.
        user: Option<Box<User>>,
        /// What they committed to of the team's credits this month.
        committed: Credits,
    },
    /// Nothing.
    Nothing,
}

/// Who is told of what becomes of a generation: whoever pays for it, and its author.
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
