//! Showing that an e-mail address is one's own.

use domain::Refusal;
use serde::{Deserialize, Serialize};

use crate::body::Problems;

/// `POST /auth/verify-email`.
#[derive(Clone, Serialize, Deserialize)]
pub struct VerifyEmail {
    /// The token that was mailed.
    pub token: Option<String>,
}

impl VerifyEmail {
    /// The token as it was sent. Whether it works is the use case's to say.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it is missing.
    pub fn check(self) -> Result<String, Refusal> {
        let mut problems = Problems::default();
        let token = problems.required("token", self.token);
        problems.or(token)
    }
}

/// What is answered when a letter was asked for: the same, whether or not one is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LetterAsked {
    /// Always `accepted`.
    pub status: String,
}

impl Default for LetterAsked {
    fn default() -> Self {
        Self {
            status: "accepted".to_owned(),
        }
    }
}
