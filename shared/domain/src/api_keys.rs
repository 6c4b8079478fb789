//! Personal API keys: what one may do, how much it may spend, and until when.
//! Owns what makes each valid; refuses to know the secret (the `auth` crate's) and where a key is kept.

use crate::accounts::{Scope, User};
use crate::credits::Credits;
use crate::ids::{KeyId, UserId};
use crate::labels;
use crate::refusal::FieldError;
use crate::time::Timestamp;

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

/// What a new key is asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRequest {
    /// Its name, if given.
    pub name: Option<KeyName>,
    /// What it may be used for; at least one, none twice.
    pub scopes: Vec<Scope>,
    /// The most that it may ever spend, if it is limited.
    pub credit_cap: Option<Credits>,
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
    /// What it may still spend, if it is limited: the cap less what its jobs hold or captured.
    pub remaining: Option<Credits>,
    /// When it was last used, to within minutes.
    pub last_used_at: Option<Timestamp>,
    /// The time at which it was made.
    pub created_at: Timestamp,
}

impl ApiKey {
    /// Whether it can be used `now`: `owner` still names it among their living keys and is not kept out, and it has not
    /// expired. The record of a key that is gone stays for a while, for jobs that were opened with it.
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

    #[test]
    fn a_key_lives_as_long_as_its_owner_names_it_and_until_it_expires() {
        let now = Timestamp::from_ms(1_000);
        let key = |expires_at| ApiKey {
            id: KeyId::new(now, 1),
            user: UserId::new(now, 2),
            request: KeyRequest {
                name: None,
                scopes: vec![Scope::Read],
                credit_cap: None,
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
