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
use crate::plans::Term;
use crate::refusal::{FieldCode, FieldError};
use crate::time::{Day, Timestamp};

/// The longest e-mail address that can be delivered to (RFC 5321, 4.5.3.1.3, less the angle brackets).
pub const EMAIL_CHARS_MAX: usize = 254;
/// The longest part before the `@` (RFC 5321, 4.5.3.1.1).
const EMAIL_LOCAL_CHARS_MAX: usize = 64;
/// The longest domain that is read, in whatever script: more than any that fits an address.
const DOMAIN_BYTES_MAX: usize = 1_024;
/// The longest name of a person.
pub const FULL_NAME_CHARS_MAX: usize = 200;
/// How long a session lives without being refreshed.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How many sessions a user may have: signing in once more ends the oldest.
pub const SESSIONS_MAX: usize = 20;
/// How long a refresh token that was just used gets the same answer again: two
/// tabs of a browser refresh at once.
pub const REFRESH_REUSE_WINDOW: Duration = Duration::from_secs(10);
/// How many payments are kept with the plan that came with them: far more than anybody makes.
pub const PAID_PLANS_MAX: usize = 500;
/// The longest address of a picture.
pub const AVATAR_URL_CHARS_MAX: usize = 2_048;

/// An e-mail address, normalised: lower case, without space around it, an internationalised domain as its
/// A-label. Two addresses are the same account if their normal forms are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

/// Why a text is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be an e-mail address")]
pub enum EmailProblem {
    /// It has not the form of one.
    Malformed,
    /// The part before the `@` has characters beyond ASCII, which few mail servers take (RFC 6531).
    LocalBeyondAscii,
    /// It ends with a dot.
    TrailingDot,
    /// Its normal form is longer than mail is delivered to.
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
    /// The address written as `text`, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    /// The address written as `text`: one `@`, a local part of printable ASCII without spaces, a domain with
    /// a dot. Stricter than RFC 5322 on purpose: quoted local parts and comments are refused. The domain is
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
        // A full stop of another script is one, too (UTS 46, 2.3).
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

/// What a person wants to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullName(String);

impl FullName {
    /// The name written as `text`, without space around it: 1 to 200 characters of
    /// any script, no control characters.
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

/// Where a picture of a person is: an `https` address. It is only ever shown, never fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvatarUrl(String);

impl AvatarUrl {
    /// The address written as `text`: `https`, a host, no user, printable ASCII, at most 2,048 characters.
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

/// What somebody changes of their own profile; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// Another name, or none.
    pub full_name: Patch<FullName>,
    /// Another picture, or none.
    pub avatar_url: Patch<AvatarUrl>,
}

/// What a user pays for: it sets the rate limits and how many jobs may be in
/// flight. A larger plan is greater.
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
    /// The name that they want to be called by.
    pub full_name: Option<FullName>,
    /// Their picture.
    pub avatar_url: Option<AvatarUrl>,
    /// The plan that they pay for.
    pub plan: Plan,
    /// Their time on that plan.
    pub term: Term,
    /// The last day on which they called with their e-mail verified.
    pub seen_on: Option<Day>,
    /// The plan that an admin gave them, or the first.
    pub granted_plan: Plan,
    /// The plans that came with payments whose money is here, by payment.
    pub paid_plans: BTreeMap<String, Plan>,
    /// Kept out by an admin.
    pub suspended: bool,
    /// Which sessions live: those of this era. Beginning the next one ends them all
    /// at once, however many there are.
    pub era: u64,
    /// The personal API keys that live. A key that is not among them opens
    /// nothing, whatever its own record says.
    pub api_keys: BTreeSet<KeyId>,
    /// When they registered.
    pub created_at: Timestamp,
    /// When the account last changed.
    pub updated_at: Timestamp,
}

impl User {
    /// What they pay for, and for which payments, once `payment` justifies `plan`, or none any more; `None`
    /// if that is how it is. A payment never makes a plan smaller, and money that goes never makes one
    /// larger: what an admin set meanwhile stays.
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

/// A signed-in session: one family of refresh tokens, of which one is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Who signed in.
    pub user: UserId,
    /// The user's era when they did.
    pub era: u64,
    /// SHA-256 (hex) of the refresh token that is alive.
    pub refresh_digest: String,
    /// The refresh token before it.
    pub replaced: Option<Replaced>,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
}

/// A refresh token that was exchanged for the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// SHA-256 (hex) of it.
    pub digest: String,
    /// The time of it.
    pub at: Timestamp,
}

impl Session {
    /// Whether `user` can use it `now`: it is theirs, of their era, not expired, and they are not kept out.
    #[must_use]
    pub fn is_alive(&self, user: &User, now: Timestamp) -> bool {
        self.user == user.id && self.era == user.era && now < self.expires_at && !user.suspended
    }

    /// The token before the living one, if it was exchanged so recently that using it again is no theft.
    #[must_use]
    pub fn just_replaced(&self, now: Timestamp) -> Option<&str> {
        let recent = |replaced: &&Replaced| now.since(replaced.at) < REFRESH_REUSE_WINDOW;
        self.replaced
            .as_ref()
            .filter(recent)
            .map(|replaced| replaced.digest.as_str())
    }
}

/// What a token that was mailed is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To show that an e-mail address is its user's.
    VerifyEmail,
    /// To choose another password.
    ResetPassword,
}

impl Purpose {
    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify-email",
            Self::ResetPassword => "reset-password",
        }
    }

    /// How long such a token lives.
    #[must_use]
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::VerifyEmail => Duration::from_secs(24 * 60 * 60),
            Self::ResetPassword => Duration::from_secs(60 * 60),
        }
    }
}

/// A token that was mailed to somebody: it works once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailedToken {
    /// What it is for, and nothing else.
    pub purpose: Purpose,
    /// SHA-256 (hex) of it.
    pub digest: String,
    /// To whom.
    pub user: UserId,
    /// The user's era when it was mailed.
    pub era: u64,
    /// When it ends if nobody uses it.
    pub expires_at: Timestamp,
}

/// What a credential may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// To look at everything that its owner may look at.
    Read,
    /// To change and make things, which costs credits.
    Generate,
    /// To manage the teams that its owner may manage.
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
