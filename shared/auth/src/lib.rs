//! Proof of identity: passwords, signing keys, access tokens, refresh tokens, personal API keys. Also the
//! digests of mailboxes, and the signatures of media addresses and webhooks.
//!
//! Owns all cryptography about people and their things. Refuses to store, to send, to know HTTP, and to
//! read a clock (a moment is an argument). Nothing here shows a secret through `Debug` or `Display`.

pub mod addresses;
pub mod api_keys;
pub mod invitations;
pub mod keys;
pub mod mailboxes;
pub mod opaque;
pub mod passwords;
pub mod tokens;
pub mod webhooks;

use thiserror::Error;

/// The error for things that should not fail, such as randomness or a malformed key.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct CryptoFault(pub(crate) String);

impl CryptoFault {
    pub(crate) fn new(what: impl ToString) -> Self {
        Self(what.to_string())
    }
}
