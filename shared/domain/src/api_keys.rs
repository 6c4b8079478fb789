//! Personal API keys: their scopes, their caps, and when they expire. Owns what makes each valid; refuses
//! to know the secret (the `auth` crate's) and where a key is kept.

use crate::accounts::{Scope, User};
use crate::credits::Credits;
use crate::ids::{KeyId, UserId};
use crate::labels;
use crate::refusal::FieldError;
use crate::time::{Day, Month, Timestamp};

/// The longest name of a key.
pub const NAME_CHARS_MAX: usize = 100;
/// The most keys that a user may have at a time.
pub const KEYS_MAX: usize = 20;

/// A key's name, by which its owner tells it from the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(String);

impl KeyName {
    /// Reads `text` as a name, without space around it: 1 to 100 characters, no control characters.
    ///
    /// # Errors
    /// The problem with `name`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        labels::line("name", text, NAME_CHARS_MAX).map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The period after which a cap is renewed, by the calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapPeriod {
    /// The cap is never renewed.
    Lifetime,
    /// A calendar month.
    Month,
    /// A calendar day.
    Day,
}

impl CapPeriod {
    /// Every period.
    pub const ALL: [Self; 3] = [Self::Lifetime, Self::Month, Self::Day];

    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lifetime => "lifetime",
            Self::Month => "month",
            Self::Day => "day",
        }
    }

    /// Returns the period named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == text)
    }

    /// The name of the period that `moment` is in, such as `2026-11` or `2026-11-29`. Later periods sort
    /// later. `None` for a cap that is never renewed.
    #[must_use]
    pub fn at(self, moment: Timestamp) -> Option<String> {
        match self {
            Self::Lifetime => None,
            Self::Month => Some(Month::from(moment).to_string()),
            Self::Day => Some(Day::from(moment).to_string()),
        }
    }
}

/// The most that a key may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// The amount.
    pub credits: Credits,
    /// The period that the amount is for.
    pub period: CapPeriod,
}

/// The rest of a key's cap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// The cap less the credits that the key's jobs hold or captured.
    pub credits: Credits,
    /// The period that this was counted in; `None` if the cap is never renewed or nothing was spent yet. In
    /// a later period the whole cap is available again.
    pub counted_in: Option<String>,
}

/// The properties that its owner chooses for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRequest {
    /// Its name, if given.
    pub name: Option<KeyName>,
    /// The scopes: at least one, without duplicates.
    pub scopes: Vec<Scope>,
    /// The most that it may spend, if there is a limit.
    pub cap: Option<Cap>,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
}

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// The owner.
    pub user: UserId,
    /// The properties that its owner chose.
    pub request: KeyRequest,
    /// The rest of its cap, as last counted; present exactly if there is a cap.
    pub remaining: Option<Remaining>,
    /// When it was last used, to within minutes.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl ApiKey {
    /// Returns the credits that it may still spend in the period that `moment` is in, if it has a cap.
    #[must_use]
    pub fn left(&self, moment: Timestamp) -> Option<Credits> {
        let (cap, remaining) = self.request.cap.zip(self.remaining.as_ref())?;
        Some(if self.is_counted_in(moment) {
            remaining.credits
        } else {
            cap.credits
        })
    }

    /// Whether the rest of its cap was counted in the period that `moment` is in.
    #[must_use]
    pub fn is_counted_in(&self, moment: Timestamp) -> bool {
        let period = self.request.cap.and_then(|cap| cap.period.at(moment));
        let counted_in = self.remaining.as_ref();
        counted_in.is_none_or(|remaining| remaining.counted_in == period)
    }

    /// Whether the key can be used `now`: `owner` still lists it among their living keys and is not
    /// suspended, and it has not expired. The record of a deleted key stays for a while, for the jobs that
    /// were opened with it.
    #[must_use]
    pub fn is_alive(&self, owner: &User, now: Timestamp) -> bool {
        self.user == owner.id
            && owner.api_keys.contains(&self.id)
            && !owner.suspended
            && self.request.expires_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::Email;
    use crate::plans::{Plan, Term};
    use std::collections::BTreeMap;
    use std::time::Duration;

    #[test]
    fn a_cap_comes_back_with_the_next_day_or_month_and_one_for_life_never() {
        let now = Timestamp::from_ms(1_796_000_000_000);
        let (tomorrow, hundred) = (now.plus(Duration::from_secs(86_400)), Credits::of(100));
        let key = |period: CapPeriod| ApiKey {
            id: KeyId::new(now, 1),
            user: UserId::new(now, 2),
            request: KeyRequest {
                name: None,
                scopes: vec![Scope::Generate],
                cap: Some(Cap {
                    credits: hundred,
                    period,
                }),
                expires_at: None,
            },
            remaining: Some(Remaining {
                credits: Credits::of(30),
                counted_in: period.at(now),
            }),
            last_used_at: None,
            created_at: now,
        };
        let next_month = now.plus(Duration::from_secs(31 * 86_400));
        for (period, then, left) in [
            (CapPeriod::Lifetime, next_month, 30),
            (CapPeriod::Month, now, 30),
            (CapPeriod::Month, next_month, 100),
            (CapPeriod::Day, now, 30),
            (CapPeriod::Day, tomorrow, 100),
        ] {
            assert_eq!(
                key(period).left(then),
                Some(Credits::of(left)),
                "{period:?}"
            );
        }
        assert_eq!(CapPeriod::Month.at(now).as_deref(), Some("2026-11"));
        assert_eq!(CapPeriod::Day.at(now).as_deref(), Some("2026-11-30"));
        let (day, month) = (CapPeriod::Day, CapPeriod::Month);
        assert!(day.at(now) < day.at(tomorrow) && month.at(now) < month.at(next_month));
    }

    #[test]
    fn a_key_lives_as_long_as_its_owner_names_it_and_until_it_expires() {
        let now = Timestamp::from_ms(1_000);
        let key = |expires_at| ApiKey {
            id: KeyId::new(now, 1),
            user: UserId::new(now, 2),
            request: KeyRequest {
                name: None,
                scopes: vec![Scope::Read],
                cap: None,
                expires_at,
            },
            remaining: None,
            last_used_at: None,
            created_at: now,
        };
        let owner = |id, keys: &[KeyId], suspended| User {
            id,
            email: Email::parse("ada@example.org").expect("an address"),
            email_verified: true,
            full_name: None,
            avatar_url: None,
            plan: Plan::Free,
            term: Term::first(now),
            seen_on: None,
            granted_plan: Plan::Free,
            paid_plans: BTreeMap::new(),
            suspended,
            era: 0,
            api_keys: keys.iter().cloned().collect(),
            created_at: now,
            updated_at: now,
        };
        let (ada, named) = (UserId::new(now, 2), [KeyId::new(now, 1)]);
        let living = owner(ada.clone(), &named, false);
        assert!(key(None).is_alive(&living, now));
        assert!(key(Some(Timestamp::from_ms(1_001))).is_alive(&living, now));
        assert!(!key(Some(now)).is_alive(&living, now));
        let others = [
            owner(ada.clone(), &[], false),
            owner(ada, &named, true),
            owner(UserId::new(now, 3), &named, false),
        ];
        for other in others {
            assert!(!key(None).is_alive(&other, now), "{other:?}");
        }
    }
}
