//! Personal API keys: what one may do, how much it may spend, and until when.
//! Owns what makes each valid; refuses to know the secret (the `auth` crate's) and where a key is kept.

use crate::accounts::{Scope, User};
use crate::credits::Credits;
use crate::ids::{KeyId, UserId};
use crate::labels;
use crate::refusal::FieldError;
use crate::time::{Day, Month, Timestamp};

/// The longest name of a key.
pub const NAME_CHARS_MAX: usize = 100;
/// How many keys a user may have at a time.
pub const KEYS_MAX: usize = 20;

/// A key's name, for its owner to tell it from the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(String);

impl KeyName {
    /// The name written as `text`, without space around it: 1 to 100 characters, no control characters.
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

/// How long a cap counts before it begins anew, by the calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapPeriod {
    /// As long as the key lives.
    Lifetime,
    /// A month.
    Month,
    /// A day.
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

    /// The period named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == text)
    }

    /// The name of the one that `moment` is in, such as `2026-11` or `2026-11-29`: later ones sort
    /// later. None of one that never ends.
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
    /// How much.
    pub credits: Credits,
    /// In which time.
    pub period: CapPeriod,
}

/// What a key with a cap may still spend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// The cap less what its jobs hold or captured.
    pub credits: Credits,
    /// The period that this was counted in, if the cap has one that ends and anything was spent yet. In a
    /// later one, everything may be spent again.
    pub counted_in: Option<String>,
}

/// What a new key is asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRequest {
    /// Its name, if given.
    pub name: Option<KeyName>,
    /// What it may be used for; at least one, none twice.
    pub scopes: Vec<Scope>,
    /// The most that it may spend, if it is limited.
    pub cap: Option<Cap>,
    /// When it stops working, if it does.
    pub expires_at: Option<Timestamp>,
}

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// The owner.
    pub user: UserId,
    /// What it may do.
    pub request: KeyRequest,
    /// What it may still spend, as it was counted last; there exactly if it has a cap.
    pub remaining: Option<Remaining>,
    /// When it was last used, to within minutes.
    pub last_used_at: Option<Timestamp>,
    /// The time at which it was made.
    pub created_at: Timestamp,
}

impl ApiKey {
    /// What it may still spend in the period that `moment` is in, if it is limited.
    #[must_use]
    pub fn left(&self, moment: Timestamp) -> Option<Credits> {
        let (cap, remaining) = self.request.cap.zip(self.remaining.as_ref())?;
        Some(if self.is_counted_in(moment) {
            remaining.credits
        } else {
            cap.credits
        })
    }

    /// Whether what remains was counted in the period that `moment` is in.
    #[must_use]
    pub fn is_counted_in(&self, moment: Timestamp) -> bool {
        let period = self.request.cap.and_then(|cap| cap.period.at(moment));
        let counted_in = self.remaining.as_ref();
        counted_in.is_none_or(|remaining| remaining.counted_in == period)
    }

    /// Whether it can be used `now`: `owner` still names it among their living keys and is not
    /// kept out, and it has not expired. The record of a key that is gone stays for a while,
    /// for jobs that were opened with it.
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
    use crate::accounts::{Email, Plan};
    use crate::plans::Term;
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
