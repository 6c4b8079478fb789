//! The mailbox behind an e-mail address. Owns which spellings of an address lead to one mailbox; refuses to
//! know how a mailbox is remembered. Nothing is ever sent to a mailbox's name: it is only compared.

use crate::accounts::Email;

/// A mailbox, which counts as one person's.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mailbox(String);

impl Mailbox {
    /// Returns the mailbox that `email` leads to: without a `+` and the text after it in the local part,
    /// and at Gmail without dots (<https://support.google.com/mail/answer/7436150>).
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
