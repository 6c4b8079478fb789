//! Webhook endpoints: addresses of somebody's own that are told what happens.
//!
//! Owns what an endpoint is, and when one that cannot be reached is given up. Refuses to know how it is told.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::events::EventKind;
use crate::ids::{Tenant, UserId, WebhookEndpointId};
use crate::labels::Description;
use crate::patch::Patch;
use crate::time::Timestamp;

/// How many endpoints a user or a team may have.
pub const ENDPOINTS_MAX: u32 = 10;
/// The longest address.
pub const URL_CHARS_MAX: usize = 2_000;
/// How long a secret goes on signing beside the one that follows it.
pub const OLD_SECRET_SIGNS: Duration = Duration::from_secs(24 * 3_600);
/// How long an endpoint may fail before it is told nothing more.
pub const FAILS_MAX: Duration = Duration::from_secs(5 * 24 * 3_600);

/// What its owner says of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointDetails {
    /// Its address.
    pub url: String,
    /// What it is told of.
    pub events: BTreeSet<EventKind>,
    /// Its purpose.
    pub description: Option<Description>,
}

/// What its owner changes of an endpoint: what is not there stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointChange {
    /// Its address.
    pub url: Option<String>,
    /// All that it is told of.
    pub events: Option<BTreeSet<EventKind>>,
    /// Its purpose, or that it has none.
    pub description: Patch<Description>,
    /// Whether it is told anything.
    pub enabled: Option<bool>,
}

/// Whether an endpoint is told what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointStatus {
    /// It is.
    Enabled,
    /// It is not.
    Disabled(DisabledBecause),
    /// It is gone, and what was told to it is being deleted.
    Deleted,
}

/// Why an endpoint is told nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledBecause {
    /// Its owner said so.
    Asked,
    /// It answered 410: that it is gone for good.
    Gone,
    /// It failed for too long.
    Failing,
}

impl DisabledBecause {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Asked, Self::Gone, Self::Failing];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// The reason with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == text)
    }
}

/// What an endpoint's secrets follow from, together with a key of ours that is kept elsewhere: neither alone
/// signs anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSeeds {
    /// The newest secret's: random, and told to nobody.
    pub newest: String,
    /// That of the one before it, and until when that one signs, too.
    pub older: Option<(String, Timestamp)>,
}

impl SecretSeeds {
    /// The first secret's.
    #[must_use]
    pub const fn new(seed: String) -> Self {
        Self {
            newest: seed,
            older: None,
        }
    }

    /// A new secret, beside the one before it for a day.
    #[must_use]
    pub fn rotated(&self, seed: String, now: Timestamp) -> Self {
        Self {
            newest: seed,
            older: Some((self.newest.clone(), now.plus(OLD_SECRET_SIGNS))),
        }
    }

    /// Those of the secrets that sign `now`, the newest first.
    #[must_use]
    pub fn signing(&self, now: Timestamp) -> Vec<&str> {
        let older = self.older.as_ref().filter(|(_, until)| now < *until);
        let older = older.map(|(seed, _)| seed.as_str());
        [self.newest.as_str()].into_iter().chain(older).collect()
    }
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Who is told through it: its owner, or a team.
    pub tenant: Tenant,
    /// Who made it.
    pub made_by: UserId,
    /// What its owner says of it.
    pub details: EndpointDetails,
    /// Whether it is told anything.
    pub status: EndpointStatus,
    /// What signs.
    pub secrets: SecretSeeds,
    /// Since when nothing reached it, if nothing does.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner last changed it.
    pub updated_at: Timestamp,
    /// Counts its writes.
    pub version: u64,
}

impl WebhookEndpoint {
    /// What it is told of as it is now.
    #[must_use]
    pub fn hears(&self) -> BTreeSet<EventKind> {
        match self.status {
            EndpointStatus::Enabled => self.details.events.clone(),
            EndpointStatus::Disabled(_) | EndpointStatus::Deleted => BTreeSet::new(),
        }
    }

    /// The endpoint as its owner changes it.
    #[must_use]
    pub fn changed(&self, change: EndpointChange, now: Timestamp) -> Self {
        let details = &self.details;
        let status = match (change.enabled, self.status) {
            (None, status) => status,
            (Some(true), _) => EndpointStatus::Enabled,
            (Some(false), EndpointStatus::Disabled(why)) => EndpointStatus::Disabled(why),
            (Some(false), EndpointStatus::Enabled | EndpointStatus::Deleted) => {
                EndpointStatus::Disabled(DisabledBecause::Asked)
            }
        };
        // Whoever enables it, or has it elsewhere, gives it another five days.
        let starts_anew = change.enabled == Some(true) || change.url.is_some();
        Self {
            details: EndpointDetails {
                url: change.url.unwrap_or_else(|| details.url.clone()),
                events: change.events.unwrap_or_else(|| details.events.clone()),
                description: change.description.apply(details.description.clone()),
            },
            status,
            failing_since: self.failing_since.filter(|_| !starts_anew),
            updated_at: now,
            ..self.next()
        }
    }

    /// The endpoint with a new secret.
    #[must_use]
    pub fn rotated(&self, seed: String, now: Timestamp) -> Self {
        Self {
            secrets: self.secrets.rotated(seed, now),
            updated_at: now,
            ..self.next()
        }
    }

    /// The endpoint once it is gone.
    #[must_use]
    pub fn deleted(&self, now: Timestamp) -> Self {
        Self {
            status: EndpointStatus::Deleted,
            updated_at: now,
            ..self.next()
        }
    }

    /// The endpoint after somebody tried to tell it something; nothing if that changes nothing.
    #[must_use]
    pub fn tried(&self, reached: Reached, now: Timestamp) -> Option<Self> {
        if self.status != EndpointStatus::Enabled {
            return None;
        }
        let disabled = |why| EndpointStatus::Disabled(why);
        let (status, failing_since) = match (reached, self.failing_since) {
            (Reached::Yes, None) => return None,
            (Reached::Yes, Some(_)) => (self.status, None),
            (Reached::Gone, since) => (disabled(DisabledBecause::Gone), since),
            (Reached::No, None) => (self.status, Some(now)),
            (Reached::No, Some(since)) if now >= since.plus(FAILS_MAX) => {
                (disabled(DisabledBecause::Failing), Some(since))
            }
            (Reached::No, Some(_)) => return None,
        };
        Some(Self {
            status,
            failing_since,
            ..self.next()
        })
    }

    fn next(&self) -> Self {
        Self {
            version: self.version + 1,
            ..self.clone()
        }
    }
}

/// What a try says of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It took what it was told.
    Yes,
    /// It did not.
    No,
    /// It will never take anything.
    Gone,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(hours: u32) -> Timestamp {
        Timestamp::from_ms(0).plus(HOUR * hours)
    }

    fn endpoint() -> WebhookEndpoint {
        let user = UserId::new(at(0), 1);
        WebhookEndpoint {
            id: WebhookEndpointId::new(at(0), 2),
            tenant: Tenant::from(&user),
            made_by: user,
            details: EndpointDetails {
                url: "https://example.org".to_owned(),
                events: BTreeSet::from([EventKind::GenerationFailed]),
                description: None,
            },
            status: EndpointStatus::Enabled,
            secrets: SecretSeeds::new("a".to_owned()),
            failing_since: None,
            created_at: at(0),
            updated_at: at(0),
            version: 1,
        }
    }

    #[test]
    fn five_days_without_success_disable_an_endpoint_and_one_success_begins_them_anew() {
        let failing = endpoint()
            .tried(Reached::No, at(0))
            .expect("the first failure");
        assert_eq!(failing.tried(Reached::No, at(119)), None);
        let well = failing.tried(Reached::Yes, at(100)).expect("a success");
        assert_eq!(well.failing_since, None);
        assert_eq!(well.tried(Reached::Yes, at(101)), None);
        let failing = well.tried(Reached::No, at(101)).expect("a failure");
        assert_eq!(failing.tried(Reached::No, at(220)), None);
        let given_up = failing.tried(Reached::No, at(221)).expect("the end");
        assert_eq!(
            given_up.status,
            EndpointStatus::Disabled(DisabledBecause::Failing)
        );
        assert!(given_up.hears().is_empty());
        // Nobody's news of it changes that; its owner does.
        assert_eq!(given_up.tried(Reached::Yes, at(222)), None);
        let enable = EndpointChange {
            enabled: Some(true),
            ..EndpointChange::default()
        };
        let enabled = given_up.changed(enable, at(223));
        assert_eq!(enabled.hears(), endpoint().hears());
        assert_eq!(enabled.tried(Reached::No, at(224)).map(|it| it.status), {
            Some(EndpointStatus::Enabled)
        });
    }

    #[test]
    fn an_endpoint_that_is_gone_is_disabled_at_once() {
        let gone = endpoint().tried(Reached::Gone, at(1)).expect("the end");
        assert_eq!(gone.status, EndpointStatus::Disabled(DisabledBecause::Gone));
        let asked = EndpointChange {
            enabled: Some(false),
            ..EndpointChange::default()
        };
        assert_eq!(gone.changed(asked, at(2)).status, gone.status);
    }

    #[test]
    fn two_secrets_sign_for_a_day_after_each_rotation() {
        let seeds = SecretSeeds::new("a".to_owned());
        assert_eq!(seeds.signing(at(0)), ["a"]);
        let rotated = seeds.rotated("b".to_owned(), at(0));
        assert_eq!(rotated.signing(at(23)), ["b", "a"]);
        assert_eq!(rotated.signing(at(24)), ["b"]);
        let again = rotated.rotated("c".to_owned(), at(1));
        assert_eq!(again.signing(at(2)), ["c", "b"]);
    }
}
