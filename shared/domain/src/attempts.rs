//! What may be tried only so often, and by whom: limits against guessing that hold across all instances.
//! Owns what is counted and how much is too much; refuses to know where the counts are kept.
//!
//! Nobody can keep an owner out by guessing: wrong passwords lock an e-mail for the source that they come
//! from. The much higher limit for all sources together stops a guess that is spread over many, and does not
//! bind a source that the e-mail was signed in from before.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::accounts::Email;
use crate::ids::UserId;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest that a request may wait for the generation that it made: less than the gateway's 29 seconds.
pub const WAIT_MAX: Duration = Duration::from_secs(25);
/// How long a source is known that somebody signed in from.
pub const SOURCE_KNOWN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Where requests come from: one IPv4 address, or the /64 network of an IPv6
/// address, which is what one customer has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source(String);

impl Source {
    /// The source that the gateway wrote as `text`. Everything that is not an address counts as
    /// one source, with the limits of one.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(IpAddr::V4(address)) => Self(address.to_string()),
            Ok(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string())
            }
            Err(_) => Self("unknown".to_owned()),
        }
    }

    /// Its normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt<'a> {
    /// Sign-ins with this e-mail, known or not, from here, that have not succeeded.
    SignInAs(&'a Email, &'a Source),
    /// Sign-ins with this e-mail from anywhere, that have not succeeded.
    SignInAnywhere(&'a Email),
    /// Checks of this user's password by somebody who is signed in as them, that have not succeeded.
    PasswordCheck(&'a UserId),
    /// Sign-ins from here, with whatever e-mail, that have not succeeded.
    SignInFrom(&'a Source),
    /// Registrations from here, of which there may be so many.
    RegisterFrom(&'a Source, u32),
    /// Asking from here for letters that let somebody choose another password.
    ResetFrom(&'a Source),
    /// Asking once more for the letter that verifies this user's e-mail.
    VerifyAgain(&'a UserId),
    /// Letters of invitation that this user has us write.
    Invite(&'a UserId),
    /// Warnings that credits run out, which others may cause, to this user.
    Warn(&'a UserId),
    /// Letters to the mailbox with this digest, whoever asked for them.
    MailTo(&'a str),
    /// Letters to the mailbox with this digest, which nobody has shown to be theirs.
    MailToStranger(&'a str),
    /// Letters to all mailboxes that nobody has shown to be theirs, of which there may be so many.
    MailToStrangers(u32),
    /// Requests that wait for the generation that they made, of which so many may do so at once.
    Wait(u32),
}

/// How much is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many there may be.
    pub most: u32,
    /// In which time, from the first one; after that they are forgotten.
    pub window: Duration,
}

impl Attempt<'_> {
    /// How many there may be.
    #[must_use]
    pub const fn limit(self) -> Limit {
        let (most, window) = match self {
            Self::SignInAs(..) | Self::PasswordCheck(_) => (5, MINUTE.saturating_mul(15)),
            Self::SignInAnywhere(_) => (50, MINUTE.saturating_mul(15)),
            Self::SignInFrom(_) => (100, HOUR),
            Self::RegisterFrom(_, most) => (most, HOUR),
            Self::ResetFrom(_) => (20, HOUR),
            Self::VerifyAgain(_) => (5, HOUR),
            Self::Invite(_) => (50, DAY),
            Self::Warn(_) => (10, HOUR),
            Self::MailTo(_) => (10, HOUR),
            Self::MailToStranger(_) => (10, DAY),
            Self::MailToStrangers(most) => (most, DAY),
            // Those that wait now began in this window or in the one before.
            Self::Wait(most) => (most / 2, WAIT_MAX),
        };
        Limit { most, window }
    }

    /// How long one may be under way before it is known not to count: a sign-in is taken back when its
    /// password was right. Zero if each one counts, whatever becomes of it.
    #[must_use]
    pub const fn under_way(self) -> Duration {
        match self {
            Self::SignInAs(..)
            | Self::SignInAnywhere(_)
            | Self::PasswordCheck(_)
            | Self::SignInFrom(_) => Duration::from_secs(4),
            Self::RegisterFrom(..)
            | Self::ResetFrom(_)
            | Self::VerifyAgain(_)
            | Self::Invite(_)
            | Self::Warn(_)
            | Self::MailTo(_)
            | Self::MailToStranger(_)
            | Self::MailToStrangers(_)
            | Self::Wait(_) => Duration::ZERO,
        }
    }

    /// Whether it is counted by where it comes from alone.
    #[must_use]
    pub const fn is_by_source(self) -> bool {
        match self {
            Self::SignInAs(..)
            | Self::SignInAnywhere(_)
            | Self::PasswordCheck(_)
            | Self::VerifyAgain(_)
            | Self::Invite(_)
            | Self::Warn(_)
            | Self::MailTo(_)
            | Self::MailToStranger(_)
            | Self::MailToStrangers(_)
            | Self::Wait(_) => false,
            Self::SignInFrom(_) | Self::RegisterFrom(..) | Self::ResetFrom(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_source_and_so_is_an_ipv4_address_however_written() {
        let same = |a: &str, b: &str| Source::parse(a) == Source::parse(b);
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(same("203.0.113.10", "::ffff:203.0.113.10"));
        assert!(!same("203.0.113.10", "203.0.113.11"));
        assert!(same("", "203.0.113.10, 198.51.100.1"));
    }
}
