//! Showing that an e-mail address is one's own.

use domain::Refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::Problems;
use crate::schema;

/// `POST /auth/verify-email`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct VerifyEmail {
    /// The token that was mailed.
    #[schemars(with = "schema::MailedToken")]
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
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LetterAsked {
    /// Always `accepted`.
    #[schemars(extend("const" = "accepted"))]
    pub status: String,
}

impl Default for LetterAsked {
    fn default() -> Self {
        Self {
            status: "accepted".to_owned(),
        }
    }
}
