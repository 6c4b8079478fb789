//! The mailbox behind an address, however it is written. Owns which ways of writing lead to
//! one mailbox; refuses to know how a mailbox is remembered. Nothing is ever sent to a
//! mailbox's name: it is only compared.

use crate::accounts::Email;

/// A mailbox: one person's, as far as an address can tell.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mailbox(String);

impl Mailbox {
    /// The mailbox that `email` leads to: without what follows a `+` in the local part, and at Gmail without
    /// dots (<https://support.google.com/mail/answer/7436150>).
    #[must_use]
    pub fn of(email: &Email) -> Self {
        let (local, domain) = email.as_str().split_once('@').unwrap_or_default();
        let local = match local.split_once('+') {
            Some((before, _)) if !before.is_empty() => before,
            Some(_) | None => local,
        };
        match domain {
            "gmail.com" | "googlemail.com" => Self(format!("{}@gmail.com", local.replace('.', ""))),
            domain => Self(format!("{local}@{domain}")),
        }
    }

    /// Its name, to be digested.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
