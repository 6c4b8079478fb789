//! People's accounts: e-mail addresses, names, plans, sessions, and what a credential may do.
//! Owns what makes each valid; refuses to know passwords and tokens (the `auth` crate's).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::ids::{KeyId, SessionId, UserId};
use crate::labels;
use crate::patch::Patch;
use crate::plans::{Plan, Term};
use crate::refusal::{FieldCode, FieldError};
use crate::time::{Day, Timestamp};

/// The longest e-mail address that can be delivered to (RFC 5321, 4.5.3.1.3, less the angle brackets).
pub const EMAIL_CHARS_MAX: usize = 254;
/// The longest part before the `@` (RFC 5321, 4.5.3.1.1).
const EMAIL_LOCAL_CHARS_MAX: usize = 64;
/// The longest domain that is read, in any script; no domain of this length fits an address.
const DOMAIN_BYTES_MAX: usize = 1_024;
/// The longest name of a person.
pub const FULL_NAME_CHARS_MAX: usize = 200;
/// The lifetime of a session that is not refreshed.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The most sessions of one user. Signing in beyond that ends the oldest.
pub const SESSIONS_MAX: usize = 20;
/// The time for which a refresh token that was just used gets the same answer again: two tabs of a browser
/// may refresh at once.
pub const REFRESH_REUSE_WINDOW: Duration = Duration::from_secs(10);
/// The most payments of a user that are kept with their plans: far more than anybody makes.
pub const PAID_PLANS_MAX: usize = 500;
/// The longest address of a picture.
pub const AVATAR_URL_CHARS_MAX: usize = 2_048;

/// An e-mail address, normalised: lower case, without space around it, an internationalised domain as its
/// A-label. Two addresses are the same account if their normal forms are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

/// The reason why a text is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be an e-mail address")]
pub enum EmailProblem {
    /// It does not have the form of an address.
    Malformed,
    /// The part before the `@` has characters beyond ASCII, which few mail servers take (RFC 6531).
    LocalBeyondAscii,
    /// It ends with a dot.
    TrailingDot,
    /// Its normal form is longer than an address that mail can be delivered to.
    TooLong,
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Email {
    type Err = EmailProblem;

    fn from_str(text: &str) -> Result<Self, EmailProblem> {
        Self::read(text)
    }
}

impl Email {
    /// Reads `text` as an address. Returns `None` if it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    /// Reads `text` as an address: one `@`, a local part of printable ASCII without spaces, a domain with a
    /// dot. Stricter than RFC 5322 on purpose: quoted local parts and comments are refused. The domain is
    /// read as browsers do (UTS 46), with the rules of host names.
    ///
    /// # Errors
    /// The [`EmailProblem`].
    pub fn read(text: &str) -> Result<Self, EmailProblem> {
        let text = text.trim();
        let (local, domain) = text.split_once('@').ok_or(EmailProblem::Malformed)?;
        if !local.is_ascii() {
            return Err(EmailProblem::LocalBeyondAscii);
        }
        let local_ok = (1..=EMAIL_LOCAL_CHARS_MAX).contains(&local.len())
            && local
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\"(),:;<>[\\]@".contains(&byte))
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        // UTS 46 (2.3) also counts the full stops of other scripts as dots.
        if domain.ends_with(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']) {
            return Err(EmailProblem::TrailingDot);
        }
        if !local_ok || domain.len() > DOMAIN_BYTES_MAX {
            return Err(EmailProblem::Malformed);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| EmailProblem::Malformed)?;
        let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
        if !domain.contains('.') || domain.rsplit('.').next().is_some_and(is_number) {
            return Err(EmailProblem::Malformed);
        }
        let normal = format!("{}@{domain}", local.to_ascii_lowercase());
        if normal.len() > EMAIL_CHARS_MAX {
            return Err(EmailProblem::TooLong);
        }
        Ok(Self(normal))
    }

    /// The normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullName(String);

impl FullName {
    /// Reads `text` as a name, without space around it: 1 to 200 characters of any script, no control
    /// characters.
    ///
    /// # Errors
    /// The problem with `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
        labels::line(field, text, FULL_NAME_CHARS_MAX).map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The address of a person's picture, which is `https`. It is only shown, never fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvatarUrl(String);

impl AvatarUrl {
    /// Reads `text` as an address: `https`, a host, no user, printable ASCII, at most 2,048 characters.
    ///
    /// # Errors
    /// The problem with `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
        if text.len() > AVATAR_URL_CHARS_MAX {
            return Err(FieldError::new(
                field,
                FieldCode::TooLong,
                "must have at most 2048 characters",
            ));
        }
        let printable = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
        let authority = text
            .strip_prefix("https://")
            .and_then(|rest| rest.split(['/', '?', '#']).next());
        let has_host = authority.is_some_and(|authority| {
            !authority.is_empty() && !authority.contains('@') && !authority.starts_with(':')
        });
        if printable && has_host {
            Ok(Self(text.to_owned()))
        } else {
            Err(FieldError::new(
                field,
                FieldCode::Malformed,
                "must be an https address, such as https://example.org/ada.png",
            ))
        }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user's change of their own profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// The new name.
    pub full_name: Patch<FullName>,
    /// The new picture.
    pub avatar_url: Patch<AvatarUrl>,
}

/// A person's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The address that mail goes to; unique.
    pub email: Email,
    /// Whether the user has shown that the address is theirs.
    pub email_verified: bool,
    /// The user's name.
    pub full_name: Option<FullName>,
    /// The user's picture.
    pub avatar_url: Option<AvatarUrl>,
    /// The present plan.
    pub plan: Plan,
    /// The user's present term on that plan.
    pub term: Term,
    /// The last day on which the user called with a verified e-mail.
    pub seen_on: Option<Day>,
    /// The plan that an admin gave them; until then, the plan that they began with.
    pub granted_plan: Plan,
    /// The plans bought with payments that have not been returned, by payment.
    pub paid_plans: BTreeMap<String, Plan>,
    /// Whether an admin suspended the account.
    pub suspended: bool,
    /// The era of the sessions that are alive. Beginning the next era ends all sessions at once.
    pub era: u64,
    /// The personal API keys that are alive. A key that is not listed here opens nothing, even if its own
    /// record exists.
    pub api_keys: BTreeSet<KeyId>,
    /// When the user registered.
    pub created_at: Timestamp,
    /// When the account last changed.
    pub updated_at: Timestamp,
}

impl User {
    /// Returns the plan and the paid plans after `payment` justifies `plan`, or justifies no plan any more
    /// (`None`). Returns `None` if nothing changes. A payment never makes a plan smaller, and a returned
    /// payment never makes one larger, so a plan that an admin set meanwhile stays.
    #[must_use]
    pub fn paying(
        &self,
        payment: &str,
        plan: Option<Plan>,
    ) -> Option<(Plan, BTreeMap<String, Plan>)> {
        if self.paid_plans.get(payment) == plan.as_ref() {
            return None;
        }
        let mut paid = self.paid_plans.clone();
        let now = match plan {
            Some(plan) => {
                if paid.len() < PAID_PLANS_MAX {
                    paid.insert(payment.to_owned(), plan);
                }
                self.plan.max(plan)
            }
            None => {
                paid.remove(payment);
                let justified = paid.values().copied().max().unwrap_or(Plan::Free);
                self.plan.min(justified.max(self.granted_plan))
            }
        };
        Some((now, paid))
    }
}

/// A signed-in session: one family of refresh tokens, of which only the latest is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The user who signed in.
    pub user: UserId,
    /// The user's era at sign-in.
    pub era: u64,
    /// SHA-256 (hex) of the refresh token that is alive.
    pub refresh_digest: String,
    /// The refresh token before that.
    pub replaced: Option<Replaced>,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
}

/// A refresh token that was exchanged for the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The SHA-256 (hex) of the token.
    pub digest: String,
    /// When it was exchanged.
    pub at: Timestamp,
}

impl Session {
    /// Whether `user` can use the session `now`: it is theirs and of their era, it has not expired, and
    /// they are not suspended.
    #[must_use]
    pub fn is_alive(&self, user: &User, now: Timestamp) -> bool {
        self.user == user.id && self.era == user.era && now < self.expires_at && !user.suspended
    }

    /// Returns the digest of the token before the living one, if it was exchanged so recently that its
    /// reuse is not a theft.
    #[must_use]
    pub fn just_replaced(&self, now: Timestamp) -> Option<&str> {
        let recent = |replaced: &&Replaced| now.since(replaced.at) < REFRESH_REUSE_WINDOW;
        self.replaced
            .as_ref()
            .filter(recent)
            .map(|replaced| replaced.digest.as_str())
    }
}

/// The purpose of a token that was mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenPurpose {
    /// Showing that an e-mail address is the user's.
    VerifyEmail,
    /// Choosing another password.
    ResetPassword,
}

impl TokenPurpose {
    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify-email",
            Self::ResetPassword => "reset-password",
        }
    }

    /// The lifetime of such a token.
    #[must_use]
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::VerifyEmail => Duration::from_secs(24 * 60 * 60),
            Self::ResetPassword => Duration::from_secs(60 * 60),
        }
    }
}

/// A token that was mailed to somebody. It works once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailedToken {
    /// The one purpose that it works for.
    pub purpose: TokenPurpose,
    /// The SHA-256 (hex) of the token.
    pub digest: String,
    /// The user whom it was mailed to.
    pub user: UserId,
    /// The user's era when it was mailed.
    pub era: u64,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// A right that a credential carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Read everything that its owner may read.
    Read,
    /// Change and make things, which costs credits.
    Generate,
    /// Manage the teams that its owner may manage.
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

    /// Returns the scope named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
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
    fn an_internationalised_domain_is_its_a_label_and_what_is_refused_is_told_why() {
        for same in [
            "ada@b\u{fc}cher.example",
            "ada@B\u{dc}CHER.example",
            "ada@bu\u{308}cher.example",
            "ada@xn--bcher-kva.example",
            "ADA@XN--BCHER-KVA.EXAMPLE",
            "ada@b\u{fc}cher\u{3002}example",
        ] {
            let email = Email::read(same).map(|email| email.as_str().to_owned());
            assert_eq!(email.as_deref(), Ok("ada@xn--bcher-kva.example"), "{same}");
        }
        for (text, problem) in [
            ("ada@example.org.", EmailProblem::TrailingDot),
            ("ada@example.org\u{3002}", EmailProblem::TrailingDot),
            ("\u{e4}da@example.org", EmailProblem::LocalBeyondAscii),
            ("ada@127.0.0.1", EmailProblem::Malformed),
            ("ada@xn--a.example", EmailProblem::Malformed),
            ("ada@exam_ple.org", EmailProblem::Malformed),
            ("ada@exa\u{200b}\u{feff}mple", EmailProblem::Malformed),
        ] {
            assert_eq!(Email::read(text), Err(problem), "{text}");
        }
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

    #[test]
    fn a_picture_is_at_an_https_address() {
        let check = |text: &str| AvatarUrl::parse("avatar_url", text).is_ok();
        for good in ["https://example.org/a.png?x=1#y", "https://x:8443"] {
            assert!(check(good), "{good}");
        }
        let long = format!("https://example.org/{}", "x".repeat(2_029));
        for bad in [
            "",
            "https://",
            "https:///a",
            "http://example.org/a.png",
            "javascript:alert(1)",
            "https://ada:secret@example.org/",
            "https://example.org/a b",
            "https://example.org/\"onload=",
            &long,
        ] {
            assert!(!check(bad), "{bad}");
        }
        assert!(check(&long[..2_048]));
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
