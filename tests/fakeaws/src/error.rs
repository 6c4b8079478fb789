//! The one failure that callers in this process see: a sentence.
//!
//! Owns its wording only. Each service has its own errors for clients on the wire.

use std::fmt::Display;

/// The reason, in one sentence, why the services could not start or do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// Names a failure of something underneath by the work that it interrupted.
    pub(crate) fn doing(what: &str, cause: impl Display) -> Self {
        Self(format!("cannot {what}: {cause}"))
    }
}
