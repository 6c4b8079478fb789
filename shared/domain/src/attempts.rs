//! Limits on attempts, against guessing and flooding, that hold across all instances. Owns the attempts
//! that are counted and their limits; refuses to know where the counts are kept.
//!
//! Nobody can lock an owner out by guessing: wrong passwords lock an e-mail only for the source that they
//! come from. The much higher limit for all sources together stops a guess that is spread over many. It
//! does not bind a source from which the e-mail was signed in before.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::accounts::Email;
use crate::ids::UserId;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest time that a request may wait for the generation that it made: less than the gateway's 29
/// seconds.
pub const WAIT_MAX: Duration = Duration::from_secs(25);
/// The time for which a source is remembered after a successful sign-in.
pub const SOURCE_KNOWN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The origin of requests: one IPv4 address, or the /64 network of an IPv6 address, which is the size that
/// one customer has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source(String);

impl Source {
    /// Reads the source that the gateway wrote as `text`. All texts that are not addresses count as one
    /// source, with the limits of one.
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

/// A kind of attempt that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt<'a> {
    /// Failed sign-ins with this e-mail, registered or not, from this source.
    SignInAs(&'a Email, &'a Source),
    /// Failed sign-ins with this e-mail from all sources.
    SignInAnywhere(&'a Email),
    /// Failed checks of this user's password by somebody who is signed in as them.
    PasswordCheck(&'a UserId),
    /// Failed sign-ins from this source, with any e-mail.
    SignInFrom(&'a Source),
    /// Registrations from this source, with the operator's limit.
    RegisterFrom(&'a Source, u32),
    /// Requests from this source for letters that reset a password.
    ResetFrom(&'a Source),
    /// Repeated requests for the letter that verifies this user's e-mail.
    VerifyAgain(&'a UserId),
    /// Letters of invitation that this user causes.
    Invite(&'a UserId),
    /// Warnings to this user that credits run out, which others may cause.
    Warn(&'a UserId),
    /// Letters to the mailbox with this digest, no matter who asked for them.
    MailTo(&'a str),
    /// Letters to the mailbox with this digest, which nobody has verified.
    MailToStranger(&'a str),
    /// Letters to all unverified mailboxes together, with the operator's limit.
    MailToStrangers(u32),
    /// Requests that wait for the generation that they made, with the most that may wait at once.
    Wait(u32),
}

/// The limit of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The most attempts in the window.
    pub most: u32,
    /// The time, from the first attempt, after which the count begins anew.
    pub window: Duration,
}

impl Attempt<'_> {
    /// The limit of this attempt.
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
            // The requests that wait now began in this window or in the one before.
            Self::Wait(most) => (most / 2, WAIT_MAX),
        };
        Limit { most, window }
    }

    /// The time after which it is settled whether an attempt counts. A sign-in is taken back when its
    /// password was right. Zero if the attempt counts in any case.
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

    /// Whether it is counted by its source alone.
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
