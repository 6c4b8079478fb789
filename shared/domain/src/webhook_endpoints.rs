//! Webhook endpoints: addresses of users and teams that are told about events.
//!
//! Owns the properties of an endpoint, and when one that cannot be reached is disabled. Refuses to know how
//! it is told.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::events::EventKind;
use crate::ids::{Tenant, UserId, WebhookEndpointId};
use crate::labels::Description;
use crate::patch::Patch;
use crate::time::Timestamp;

/// The most endpoints of a user or a team.
pub const ENDPOINTS_MAX: u32 = 10;
/// The longest address.
pub const URL_CHARS_MAX: usize = 2_000;
/// The time for which a secret still signs after it was replaced.
pub const OLD_SECRET_SIGNS: Duration = Duration::from_secs(24 * 3_600);
/// The time of failures after which an endpoint is disabled.
pub const FAILS_MAX: Duration = Duration::from_secs(5 * 24 * 3_600);

/// The properties of an endpoint that its owner sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointDetails {
    /// Its address.
    pub url: String,
    /// The kinds of events that it is told.
    pub events: BTreeSet<EventKind>,
    /// Its description.
    pub description: Option<Description>,
}

/// An owner's change of an endpoint. A field that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointChange {
    /// The new address.
    pub url: Option<String>,
    /// The new kinds of events, all of them.
    pub events: Option<BTreeSet<EventKind>>,
    /// The new description.
    pub description: Patch<Description>,
    /// Whether it is enabled.
    pub enabled: Option<bool>,
}

/// The status of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointStatus {
    /// It is told about events.
    Enabled,
    /// It is not told, for this reason.
    Disabled(DisabledBecause),
    /// It was deleted, and its deliveries are being deleted.
    Deleted,
}

/// The reason why an endpoint is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledBecause {
    /// Its owner disabled it.
    Asked,
    /// It answered 410, so it is gone for good.
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

    /// Returns the reason with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == text)
    }
}

/// The seeds of an endpoint's secrets. A secret is derived from a seed and a key of ours that is kept
/// elsewhere; neither alone can sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSeeds {
    /// The seed of the newest secret: random, and told to nobody.
    pub newest: String,
    /// The seed of the secret before it, and the time until which that signs, too.
    pub older: Option<(String, Timestamp)>,
}

impl SecretSeeds {
    /// Makes the seeds of the first secret.
    #[must_use]
    pub const fn new(seed: String) -> Self {
        Self {
            newest: seed,
            older: None,
        }
    }

    /// Returns the seeds with a new one. The one before it still signs for a day.
    #[must_use]
    pub fn rotated(&self, seed: String, now: Timestamp) -> Self {
        Self {
            newest: seed,
            older: Some((self.newest.clone(), now.plus(OLD_SECRET_SIGNS))),
        }
    }

    /// The seeds of the secrets that sign `now`, the newest first.
    #[must_use]
    pub fn signing(&self, now: Timestamp) -> Vec<&str> {
        let older = self.older.as_ref().filter(|(_, until)| now < *until);
        let older = older.map(|(seed, _)| seed.as_str());
        [self.newest.as_str()].into_iter().chain(older).collect()
    }
}

/// A webhook endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// The owner: a user or a team.
    pub tenant: Tenant,
    /// The user who made it.
    pub made_by: UserId,
    /// The properties that its owner sets.
    pub details: EndpointDetails,
    /// Its status.
    pub status: EndpointStatus,
    /// The seeds of its secrets.
    pub secrets: SecretSeeds,
    /// When it began to fail, if it fails now.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner last changed it.
    pub updated_at: Timestamp,
    /// Incremented by each write.
    pub version: u64,
}

impl WebhookEndpoint {
    /// Returns the kinds of events that it is told in its present status.
    #[must_use]
    pub fn hears(&self) -> BTreeSet<EventKind> {
        match self.status {
            EndpointStatus::Enabled => self.details.events.clone(),
            EndpointStatus::Disabled(_) | EndpointStatus::Deleted => BTreeSet::new(),
        }
    }

    /// Returns the endpoint after its owner's `change`.
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
        // An owner who enables it, or changes its address, gives it another five days.
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

    /// Returns the endpoint with a new secret.
    #[must_use]
    pub fn rotated(&self, seed: String, now: Timestamp) -> Self {
        Self {
            secrets: self.secrets.rotated(seed, now),
            updated_at: now,
            ..self.next()
        }
    }

    /// Returns the endpoint after its deletion.
    #[must_use]
    pub fn deleted(&self, now: Timestamp) -> Self {
        Self {
            status: EndpointStatus::Deleted,
            updated_at: now,
            ..self.next()
        }
    }

    /// Returns the endpoint after an attempt to tell it something; `None` if nothing changes.
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

/// The result of an attempt, for the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It accepted the event.
    Yes,
    /// It did not accept the event.
    No,
    /// It will never accept an event again.
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
        // An attempt that succeeds later does not change that; its owner can.
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
