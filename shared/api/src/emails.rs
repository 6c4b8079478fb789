//! Verifying an e-mail address: the user shows that it is theirs.

use auth::passwords::Password;
use domain::Refusal;
use domain::callers::{Everybody, Person};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::Problems;
use crate::codes::Code;
use crate::credentials::check_password;
use crate::endpoint::{Accepted, Endpoint, Nothing};
use crate::operation::{Operation, tags};
use crate::schema;

/// Notes that an e-mail address belongs to its user, as the mailed token shows.
pub const VERIFY: Endpoint<Everybody, Nothing, VerifyEmail> =
    Endpoint::public("POST /auth/verify-email");
/// Removes an account that was never verified, for the owner of its mailbox.
pub const DECLINE: Endpoint<Everybody, Nothing, DeclineEmail> =
    Endpoint::public("POST /auth/verify-email/decline");
/// Sends the caller's verification letter once more.
pub const RESEND: Endpoint<Person, Accepted<LetterAsked>> =
    Endpoint::person("POST /auth/verify-email/resend");

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::ACCOUNTS.operation(&VERIFY, "accountsVerifyEmail", "Verify an e-mail address")
        .says(
            "Send the mailed token together with an access token of this account, or with a new password. A new password \
             ends every session and API key. The sign-up bonus is booked at the same time.",
        )
        .answers("Verified.")
        .refuses(&[Code::Unauthorized]),
        tags::ACCOUNTS.operation(&DECLINE, "accountsVerifyEmailDecline", "Say that a new account is not yours")
        .says(
            "Removes an account that somebody made with your e-mail and that was never verified. While one of its jobs runs \
             this is a conflict, but nobody can sign in to it any more: send the request again later.",
        )
        .answers("It is removed.")
        .refuses(&[Code::Conflict]),
        tags::ACCOUNTS.operation(&RESEND, "accountsVerifyEmailResend", "Ask for the letter again")
            .answers("A letter is on its way.")
            .refuses(&[Code::Conflict]),
    ]
}

/// `POST /auth/verify-email`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct VerifyEmail {
    /// The token that was mailed.
    #[schemars(with = "schema::MailedToken")]
    pub token: Option<String>,
    /// Another password for the account, 8 to 128 characters, not one of the common ones. It must
    /// be given unless you send an access token of this account: a mailbox is no proof of a
    /// password that somebody else set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::NewPassword>")]
    pub password: Option<String>,
}

/// A verification, checked.
pub struct Verification {
    /// The token as it was sent.
    pub token: String,
    /// Another password, if given.
    pub password: Option<Password>,
}

impl VerifyEmail {
    /// Checks the fields and returns them. The use case checks whether the token works.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<Verification, Refusal> {
        let mut problems = Problems::default();
        let token = problems.required("token", self.token);
        let password = self
            .password
            .and_then(|text| problems.valid(check_password("password", text)));
        problems.or(token.map(|token| Verification { token, password }))
    }
}

/// `POST /auth/verify-email/decline`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DeclineEmail {
    /// The token that was mailed.
    #[schemars(with = "schema::MailedToken")]
    pub token: Option<String>,
}

impl DeclineEmail {
    /// Returns the token as it was sent. The use case checks whether it works.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it is missing.
    pub fn check(self) -> Result<String, Refusal> {
        let mut problems = Problems::default();
        let token = problems.required("token", self.token);
        problems.or(token)
    }
}

/// The answer to asking for a letter. It is the same whether or not one is sent.
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
