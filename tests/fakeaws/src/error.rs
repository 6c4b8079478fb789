//! The one failure that callers in this process see: a sentence.
//!
//! Owns its wording only. What a client on the wire is told is each service's own matter.

use std::fmt::Display;

/// Why the services could not start or do what was asked, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// A failure of something underneath, named by what was being done.
    pub(crate) fn doing(what: &str, cause: impl Display) -> Self {
        Self(format!("cannot {what}: {cause}"))
    }
}
