//! Passwords as clients give them: those to be set, and those to be checked.

use auth::passwords::{Password, PasswordChange};
use domain::Refusal;
use domain::accounts::Email;
use domain::callers::{Everybody, Person};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::Problems;
use crate::codes::Code;
use crate::credentials::{check_email, check_given, check_password};
use crate::emails::LetterAsked;
use crate::endpoint::{Accepted, Endpoint, Nothing};
use crate::operation::{Operation, tags};
use crate::schema;

/// Sends a letter that lets a user choose another password. The answer does not tell whether the user
/// exists.
pub const ASK_FOR_RESET: Endpoint<Everybody, Accepted<LetterAsked>, AskForReset> =
    Endpoint::public("POST /auth/password-reset");
/// Sets another password, as the mailed token allows, and ends every session of its user.
pub const RESET: Endpoint<Everybody, Nothing, ResetPassword> =
    Endpoint::public("POST /auth/password-reset/confirm");
/// Changes the caller's password, and ends their other sessions.
pub const CHANGE: Endpoint<Person, Nothing, ChangePassword> = Endpoint::person("POST /me/password");

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::ACCOUNTS.operation(&ASK_FOR_RESET, "accountsPasswordReset", "Ask for a new password")
        .says("The same answer whether or not the e-mail is known.")
        .answers("If somebody has this e-mail, a letter is on its way."),
        tags::ACCOUNTS.operation(&RESET, "accountsPasswordResetConfirm", "Set a new password")
        .says("Verifies the e-mail, and ends every session and API key of its user.")
        .answers("It is set."),
        tags::ACCOUNTS.operation(&CHANGE, "accountsPasswordChange", "Change your password")
        .says("Ends your other sessions. Your API keys go on working unless you send `revoke_api_keys`.")
        .answers("It is changed.")
        .refuses(&[Code::Conflict]),
    ]
}

/// `POST /me/password`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password as it is.
    #[schemars(with = "schema::Password")]
    pub current_password: Option<String>,
    /// 8 to 128 characters, not one of the common ones.
    #[schemars(with = "schema::NewPassword")]
    pub new_password: Option<String>,
    /// Whether your API keys end, too. Otherwise they go on working.
    #[serde(default)]
    pub revoke_api_keys: bool,
}

impl ChangePassword {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<PasswordChange, Refusal> {
        let mut problems = Problems::default();
        let ends_keys = self.revoke_api_keys;
        let current = problems
            .required("current_password", self.current_password)
            .and_then(|text| problems.valid(check_given("current_password", text)));
        let new = problems
            .required("new_password", self.new_password)
            .and_then(|text| problems.valid(check_password("new_password", text)));
        let checked = current.zip(new).map(|(current, new)| PasswordChange {
            current,
            new,
            ends_keys,
        });
        problems.or(checked)
    }
}

/// `POST /auth/password-reset`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AskForReset {
    /// The account's e-mail.
    #[schemars(with = "schema::Email")]
    pub email: Option<String>,
}

impl AskForReset {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the e-mail is missing or malformed.
    pub fn check(self) -> Result<Email, Refusal> {
        let mut problems = Problems::default();
        let email = problems
            .required("email", self.email)
            .and_then(|text| problems.valid(check_email(&text)));
        problems.or(email)
    }
}

/// `POST /auth/password-reset/confirm`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ResetPassword {
    /// The token that was mailed.
    #[schemars(with = "schema::MailedToken")]
    pub token: Option<String>,
    /// 8 to 128 characters, not one of the common ones.
    #[schemars(with = "schema::NewPassword")]
    pub password: Option<String>,
}

/// The new password, checked, and the token that allows it, not checked.
pub struct PasswordReset {
    /// The token as it was sent.
    pub token: String,
    /// The new password.
    pub password: Password,
}

impl ResetPassword {
    /// Checks the fields and returns them. The use case checks whether the token works.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<PasswordReset, Refusal> {
        let mut problems = Problems::default();
        let token = problems.required("token", self.token);
        let password = problems
            .required("password", self.password)
            .and_then(|text| problems.valid(check_password("password", text)));
        let checked = token
            .zip(password)
            .map(|(token, password)| PasswordReset { token, password });
        problems.or(checked)
    }
}
