//! Staying signed in, and signing out.

use domain::Refusal;
use domain::callers::{Everybody, Person};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::SignedIn;
use crate::body::Problems;
use crate::codes::Code;
use crate::endpoint::{Endpoint, Nothing, Optional};
use crate::operation::{Operation, tags};
use crate::schema;

/// Exchanges a refresh token for a new pair of tokens.
pub const REFRESH: Endpoint<Everybody, SignedIn, Refresh> = Endpoint::public("POST /auth/refresh");
/// Ends the session of this request, or every session of the caller.
pub const LOGOUT: Endpoint<Person, Nothing, Optional<Logout>> =
    Endpoint::person("POST /auth/logout");

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::ACCOUNTS.operation(&REFRESH, "accountsRefresh", "Stay signed in")
            .says(
                "Exchanges a refresh token for a new pair of tokens. The old token stops working, and using it again ends the session.",
            )
            .answers("A new pair.")
            .refuses(&[Code::Unauthorized]),
        tags::ACCOUNTS.operation(&LOGOUT, "accountsLogout", "Sign out")
            .says("Ends this session; with `all`, every session and API key of yours.")
            .answers("Signed out."),
    ]
}

/// `POST /auth/refresh`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Refresh {
    /// The newest refresh token of the session.
    #[schemars(with = "schema::RefreshToken")]
    pub refresh_token: Option<String>,
}

impl Refresh {
    /// Returns the token as it was sent. The use case checks it, because a bad token is 401 and not 422.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it is missing.
    pub fn check(self) -> Result<String, Refusal> {
        let mut problems = Problems::default();
        let token = problems.required("refresh_token", self.refresh_token);
        problems.or(token)
    }
}

/// `POST /auth/logout`; the body may be left out.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Logout {
    /// Whether every session ends, and not only this one.
    #[serde(default)]
    pub all: bool,
}
