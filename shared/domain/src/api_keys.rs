//! Personal API keys: what one may do, how much it may spend, and until when.
//! Owns what makes each valid; refuses to know the secret (the `auth` crate's) and where a key is kept.

use crate::accounts::Scope;
use crate::credits::Credits;
use crate::ids::{KeyId, UserId};
use crate::refusal::{FieldCode, FieldError};
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
        let text = text.trim();
        let problem = |code, message: &str| Err(FieldError::new("name", code, message));
        match text.chars().count() {
            0 => problem(FieldCode::TooShort, "must not be empty"),
            1..=NAME_CHARS_MAX if text.chars().any(char::is_control) => {
                problem(FieldCode::Malformed, "must not have control characters")
            }
            1..=NAME_CHARS_MAX => Ok(Self(text.to_owned())),
            _ => problem(FieldCode::TooLong, "must have at most 100 characters"),
        }
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
    /// Whose it is.
    pub user: UserId,
    /// What it may do.
    pub request: KeyRequest,
    /// What it may still spend, if it is limited: the cap less what its jobs hold or captured.
    pub remaining: Option<Credits>,
    /// When it was last used, to within minutes.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Deleted by its owner. The record stays, for jobs that were opened with it.
    pub revoked: bool,
}

impl ApiKey {
    /// Whether it can be used `now`.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        !self.revoked && self.request.expires_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_dies_when_it_expires_or_is_revoked() {
        let now = Timestamp::from_ms(1_000);
        let key = |expires_at, revoked| ApiKey {
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
            revoked,
        };
        assert!(key(None, false).is_alive(now));
        assert!(key(Some(Timestamp::from_ms(1_001)), false).is_alive(now));
        assert!(!key(Some(now), false).is_alive(now));
        assert!(!key(None, true).is_alive(now));
    }
}
