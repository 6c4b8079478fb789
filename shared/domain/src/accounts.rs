//! People's accounts: e-mail addresses, names, plans, and when a sign-in is locked.
//! Owns what makes each valid; refuses to know passwords and tokens (the `auth` crate's).

use std::time::Duration;

use crate::ids::{KeyId, SessionId, UserId};
use crate::refusal::{FieldCode, FieldError};
use crate::time::Timestamp;

/// The longest e-mail address that can be delivered to (RFC 5321, 4.5.3.1.3, less the angle brackets).
pub const EMAIL_CHARS_MAX: usize = 254;
/// The longest part before the `@` (RFC 5321, 4.5.3.1.1).
const EMAIL_LOCAL_CHARS_MAX: usize = 64;
/// The longest name of a person.
pub const FULL_NAME_CHARS_MAX: usize = 200;
/// Failed sign-ins that lock an e-mail.
pub const SIGN_IN_FAILURES_MAX: u32 = 5;
/// The time in which they count, from the first one, and after which the lock ends.
pub const SIGN_IN_WINDOW: Duration = Duration::from_secs(15 * 60);
/// How long a session lives without being refreshed.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// An e-mail address, normalised: lower case, without space around it. Two addresses are the same account if their
/// normal forms are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// The address written as `text`: one `@`, a local part of printable ASCII without spaces, a domain with a dot.
    /// Stricter than RFC 5322 on purpose: quoted local parts and comments are refused.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (local, domain) = text.split_once('@')?;
        let local_ok = (1..=EMAIL_LOCAL_CHARS_MAX).contains(&local.len())
            && local
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\"(),:;<>[\\]@".contains(&byte))
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        let labels: Vec<&str> = domain.split('.').collect();
        let domain_ok = labels.len() >= 2
            && labels.iter().all(|label| {
                (1..=63).contains(&label.len())
                    && label
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            });
        (text.len() <= EMAIL_CHARS_MAX && local_ok && domain_ok)
            .then(|| Self(text.to_ascii_lowercase()))
    }

    /// The normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a person wants to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullName(String);

impl FullName {
    /// The name written as `text`, without space around it: 1 to 200 characters of any script, no control characters.
    ///
    /// # Errors
    /// The problem with `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        let problem = |code, message: &str| Err(FieldError::new(field, code, message));
        match text.chars().count() {
            0 => problem(FieldCode::TooShort, "must not be empty"),
            1..=FULL_NAME_CHARS_MAX if text.chars().any(char::is_control) => {
                problem(FieldCode::Malformed, "must not have control characters")
            }
            1..=FULL_NAME_CHARS_MAX => Ok(Self(text.to_owned())),
            _ => problem(FieldCode::TooLong, "must have at most 200 characters"),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a user pays for: it sets the rate limits and how many jobs may be in flight. A larger plan is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plan {
    /// Nothing paid.
    Free,
    /// The smallest paid plan.
    Basic,
    /// For people who make their living with it.
    Pro,
    /// For companies.
    Enterprise,
}

impl Plan {
    /// Every plan, the smallest first.
    pub const ALL: [Self; 4] = [Self::Free, Self::Basic, Self::Pro, Self::Enterprise];

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Basic => "basic",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }

    /// The plan named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plan| plan.as_str() == text)
    }

    /// How many jobs a user may have in flight.
    #[must_use]
    pub const fn in_flight_max(self) -> u32 {
        match self {
            Self::Free => 25,
            Self::Basic => 50,
            Self::Pro => 200,
            Self::Enterprise => 1_000,
        }
    }
}

/// A person's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Where mail goes; unique.
    pub email: Email,
    /// Whether they have shown that it is theirs.
    pub email_verified: bool,
    /// What they want to be called.
    pub full_name: Option<FullName>,
    /// What they pay for.
    pub plan: Plan,
    /// Kept out by an admin.
    pub suspended: bool,
    /// When they registered.
    pub created_at: Timestamp,
    /// When the account last changed.
    pub updated_at: Timestamp,
}

/// A signed-in session: one family of refresh tokens, of which one is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Who signed in.
    pub user: UserId,
    /// SHA-256 (hex) of the refresh token that is alive.
    pub refresh_digest: String,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
    /// Signed out, or ended because a dead token was used.
    pub ended: bool,
}

impl Session {
    /// Whether it can be used `now`.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        !self.ended && now < self.expires_at
    }
}

/// What a credential may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// To look at everything that its owner may look at.
    Read,
    /// To change and make things, which costs credits.
    Generate,
    /// To administer the owner's teams.
    AdminTeam,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Read, Self::Generate, Self::AdminTeam];

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Generate => "generate",
            Self::AdminTeam => "admin:team",
        }
    }

    /// The scope named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// What a caller showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// An access token of this session: its owner in person, who may do everything that they may.
    Session(SessionId),
    /// A personal API key.
    Key {
        /// Which one.
        id: KeyId,
        /// What it may be used for.
        scopes: Vec<Scope>,
        /// Whether there is a limit to what it may spend.
        capped: bool,
    },
}

/// Who makes a request, as the authorizer established.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The person.
    pub user: UserId,
    /// What they pay for.
    pub plan: Plan,
    /// Whether they have shown that their e-mail is theirs.
    pub email_verified: bool,
    /// Whether they administer the platform.
    pub is_admin: bool,
    /// What they showed.
    pub shown: Shown,
}

impl Caller {
    /// Whether what they showed may be used for `scope`.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        match &self.shown {
            Shown::Session(_) => true,
            Shown::Key { scopes, .. } => scopes.contains(&scope),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_normalised_and_a_bad_one_is_refused() {
        let email = Email::parse("  Ada.Lovelace+art@Example.ORG ").expect("valid");
        assert_eq!(email.as_str(), "ada.lovelace+art@example.org");
        for bad in [
            "",
            "@",
            "a@",
            "@b.c",
            "a@b",
            "a b@c.de",
            "a@b..de",
            "a@-b.de",
            "a@b.de@f.gh",
            "a..b@c.de",
            ".a@c.de",
            "ä@c.de",
        ] {
            assert_eq!(Email::parse(bad), None, "{bad}");
        }
        assert_eq!(
            Email::parse(&format!("{}@example.org", "a".repeat(65))),
            None
        );
        assert_eq!(Email::parse(&format!("a@{}.org", "b".repeat(64))), None);
    }

    #[test]
    fn a_name_may_be_in_any_script() {
        for good in ["Zoë O’Neill-García", "alice99", "山田太郎", " x "] {
            assert!(FullName::parse("full_name", good).is_ok(), "{good}");
        }
        for bad in ["", "   ", "a\nb", &"x".repeat(201)] {
            assert!(FullName::parse("full_name", bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_an_address_panic_and_normalising_twice_changes_nothing(text in "\\PC*") {
            if let Some(email) = Email::parse(&text) {
                prop_assert_eq!(Email::parse(email.as_str()), Some(email.clone()));
            }
        }
    }
}
