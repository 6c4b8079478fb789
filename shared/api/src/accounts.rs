//! Registering, signing in, and one's own profile.

use auth::opaque::Secret;
use auth::passwords::Password;
use auth::tokens::Pair;
use domain::accounts::{AvatarUrl, Email, FullName, ProfileChange, User};
use domain::callers::{Everybody, Person};
use domain::{Patch, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::{Problems, patch};
use crate::codes::Code;
use crate::credentials::{check_challenge, check_email, check_given, check_password};
use crate::endpoint::{Created, Endpoint, Nothing};
use crate::operation::{Operation, tags};
use crate::schema;
use crate::time;

/// Makes an account, and signs it in.
pub const REGISTER: Endpoint<Everybody, Created<SignedIn>, Register> =
    Endpoint::public("POST /auth/register");
/// Signs in. An unknown e-mail and a wrong password get the same answer.
pub const LOGIN: Endpoint<Everybody, SignedIn, Login> = Endpoint::public("POST /auth/login");
/// The caller's own account.
pub const GET_ME: Endpoint<Person, Profile> = Endpoint::person("GET /me");
/// Changes the caller's own profile.
pub const UPDATE_ME: Endpoint<Person, Profile, UpdateProfile> = Endpoint::person("PATCH /me");
/// Erases the caller's account: their personal data, sessions, keys and media.
pub const DELETE_ME: Endpoint<Person, Nothing, EraseAccount> = Endpoint::person("DELETE /me");

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::ACCOUNTS.operation(&REGISTER, "accountsRegister", "Register")
            .says(
                "Makes an account and signs it in. A letter with a token goes to the e-mail address. The sign-up bonus is \
                 booked when the address is verified, only once for each mailbox. An e-mail that has an account is a \
                 conflict.",
            )
            .answers("Registered, and signed in.")
            .refuses(&[Code::Conflict]),
        tags::ACCOUNTS.operation(&LOGIN, "accountsLogin", "Sign in")
            .says(
                "An unknown e-mail and a wrong password get the same answer. Five failures in 15 minutes lock the e-mail, \
                 known or not, for the address that they come from; fifty lock it for every address that it was not signed \
                 in from before. A password reset unlocks it.",
            )
            .answers("Signed in.")
            .refuses(&[Code::Unauthorized]),
        tags::ACCOUNTS.operation(&GET_ME, "accountsMe", "Your profile").answers("Your profile."),
        tags::ACCOUNTS.operation(&UPDATE_ME, "accountsMeUpdate", "Change your profile")
            .says("A field that is not there keeps its value; null removes it.")
            .answers("Your profile as it is now."),
        tags::ACCOUNTS.operation(&DELETE_ME, "accountsMeDelete", "Erase your account")
            .says("Erases your personal data, sessions, keys and media. While one of your generations runs, or while you own a team, this is refused.")
            .answers("It is erased.")
            .refuses(&[Code::Conflict]),
    ]
}

/// `POST /auth/register`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Register {
    /// The address for mail. It is also the account's name.
    #[schemars(with = "schema::Email")]
    pub email: Option<String>,
    /// 8 to 128 characters, not one of the common ones.
    #[schemars(with = "schema::NewPassword")]
    pub password: Option<String>,
    /// The name that the user wants to be called by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::FullName>")]
    pub full_name: Option<String>,
    /// The answer to the challenge of the registration form, where this deployment has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::ChallengeAnswer>")]
    pub challenge: Option<String>,
}

/// A registration, checked.
pub struct Registration {
    /// The address.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// The name, if given.
    pub full_name: Option<FullName>,
    /// The answer to the challenge, if given.
    pub challenge: Option<String>,
}

impl Register {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<Registration, Refusal> {
        let mut problems = Problems::default();
        let email = problems
            .required("email", self.email)
            .and_then(|text| problems.valid(check_email(&text)));
        let password = problems
            .required("password", self.password)
            .and_then(|text| problems.valid(check_password("password", text)));
        let full_name = self
            .full_name
            .and_then(|text| problems.valid(FullName::parse("full_name", &text)));
        let challenge = self
            .challenge
            .and_then(|text| problems.valid(check_challenge(text)));
        let checked = email.zip(password).map(|(email, password)| Registration {
            email,
            password,
            full_name,
            challenge,
        });
        problems.or(checked)
    }
}

/// `POST /auth/login`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Login {
    /// The account's e-mail.
    #[schemars(with = "schema::Email")]
    pub email: Option<String>,
    /// Its password.
    #[schemars(with = "schema::Password")]
    pub password: Option<String>,
}

/// A sign-in, with the e-mail and password as they were given: only their size is checked.
pub struct Credentials {
    /// The address. One that can have no account is treated as unknown.
    pub email: Email,
    /// The password that they gave.
    pub password: Secret,
}

impl Login {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<Credentials, Refusal> {
        let mut problems = Problems::default();
        let email = problems
            .required("email", self.email)
            .and_then(|text| problems.valid(check_email(&text)));
        let password = problems
            .required("password", self.password)
            .and_then(|text| problems.valid(check_given("password", text)));
        let checked = email
            .zip(password)
            .map(|(email, password)| Credentials { email, password });
        problems.or(checked)
    }
}

/// `PATCH /me`: a field that is not there keeps its value, and null removes it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UpdateProfile {
    /// The name that the user wants to be called by.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<schema::FullName>")]
    pub full_name: Patch<String>,
    /// The address of the user's picture.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<schema::AvatarUrl>")]
    pub avatar_url: Patch<String>,
}

impl UpdateProfile {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<ProfileChange, Refusal> {
        let mut problems = Problems::default();
        let full_name = problems.patch(self.full_name, |text| FullName::parse("full_name", &text));
        let avatar_url = problems.patch(self.avatar_url, |text| {
            AvatarUrl::parse("avatar_url", &text)
        });
        problems.or(Some(ProfileChange {
            full_name,
            avatar_url,
        }))
    }
}

/// `DELETE /me`: it needs the password, because it cannot be undone.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct EraseAccount {
    /// Your password.
    #[schemars(with = "schema::Password")]
    pub password: Option<String>,
}

impl EraseAccount {
    /// Returns the password as it was given.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it is missing or too long to be a password.
    pub fn check(self) -> Result<Secret, Refusal> {
        let mut problems = Problems::default();
        let password = problems
            .required("password", self.password)
            .and_then(|text| problems.valid(check_given("password", text)));
        problems.or(password)
    }
}

/// The request that gives a user a webhook secret of their own.
const WEBHOOK_SECRET: &str = "POST /me/webhook-secret";

/// A user as they see themselves.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "User")]
pub struct Profile {
    /// `usr_…`.
    #[schemars(with = "schema::UserId")]
    pub id: String,
    /// Always `user`.
    #[schemars(extend("const" = "user"))]
    pub object: String,
    /// The e-mail.
    #[schemars(with = "schema::Email")]
    pub email: String,
    /// Whether the user has shown that the address is theirs.
    pub email_verified: bool,
    /// The name that the user wants to be called by.
    #[schemars(with = "Option<schema::FullName>")]
    pub full_name: Option<String>,
    /// The address of the user's picture.
    #[schemars(with = "Option<schema::AvatarUrl>")]
    pub avatar_url: Option<String>,
    /// `free`, `basic`, `pro` or `enterprise`.
    #[schemars(with = "schema::Plan")]
    pub plan: String,
    /// The rate limit of the user's calls.
    pub rate_limit: UserRateLimit,
    /// Whether the user administers the platform.
    pub is_admin: bool,
    /// The request that makes and shows your webhook secret, which signs the events sent to a generation's
    /// `webhook_url`.
    #[schemars(extend("const" = WEBHOOK_SECRET))]
    pub webhook_secret: String,
    /// The time of registration.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
    /// The time of the account's last change.
    #[schemars(with = "schema::Time")]
    pub updated_at: String,
}

impl Profile {
    /// Returns the profile of `user` as they see it.
    #[must_use]
    pub fn new(user: &User, is_admin: bool) -> Self {
        Self {
            id: user.id.to_string(),
            object: "user".to_owned(),
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified,
            full_name: user.full_name.as_ref().map(|name| name.as_str().to_owned()),
            avatar_url: user.avatar_url.as_ref().map(|url| url.as_str().to_owned()),
            plan: user.plan.as_str().to_owned(),
            rate_limit: UserRateLimit::new(user),
            is_admin,
            webhook_secret: WEBHOOK_SECRET.to_owned(),
            created_at: time::format(user.created_at),
            updated_at: time::format(user.updated_at),
        }
    }
}

/// The rate limit of a user's calls.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UserRateLimit {
    /// The plan that sets the limits.
    #[schemars(with = "schema::Plan")]
    pub plan: String,
    /// `dedicated` if only the user's own calls count; `shared` if they count together with the calls of
    /// all users of the plan who have no key of their own.
    #[schemars(with = "schema::CountedBy")]
    pub key: String,
}

impl UserRateLimit {
    fn new(user: &User) -> Self {
        let key = if user.term.is_keyed() {
            "dedicated"
        } else {
            "shared"
        };
        Self {
            plan: user.plan.as_str().to_owned(),
            key: key.to_owned(),
        }
    }
}

/// The answer to signing in.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct SignedIn {
    /// The user who signed in.
    pub user: Profile,
    /// For `Authorization: Bearer …`.
    #[schemars(with = "schema::AccessToken")]
    pub access_token: String,
    /// For `POST /auth/refresh`. It works once.
    #[schemars(with = "schema::RefreshToken")]
    pub refresh_token: String,
    /// Always `Bearer`.
    #[schemars(extend("const" = "Bearer"))]
    pub token_type: String,
    /// Seconds until the access token expires.
    #[schemars(example = 900)]
    pub expires_in: u64,
}

impl SignedIn {
    /// Returns the answer for `user`.
    #[must_use]
    pub fn new(user: &User, is_admin: bool, tokens: Pair) -> Self {
        Self {
            user: Profile::new(user, is_admin),
            access_token: tokens.access,
            refresh_token: tokens.refresh,
            token_type: "Bearer".to_owned(),
            expires_in: tokens.expires_in_s,
        }
    }
}
