//! Registering, signing in, staying signed in, and one's own profile.

use auth::passwords::{Password, PasswordProblem};
use auth::tokens::Pair;
use domain::accounts::{EMAIL_CHARS_MAX, Email, FullName, User};
use domain::{FieldCode, FieldError, Refusal};
use serde::{Deserialize, Serialize};

use crate::body::Problems;
use crate::time;

/// `POST /auth/register`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Register {
    /// Where mail goes; becomes the account's name.
    pub email: Option<String>,
    /// 8 to 128 characters, not one of the common ones.
    pub password: Option<String>,
    /// What they want to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
}

/// A registration, checked.
pub struct Registration {
    /// The address.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// The name, if given.
    pub full_name: Option<FullName>,
}

impl Register {
    /// From wire to domain.
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
            .and_then(|text| problems.valid(Password::check(text).map_err(password_problem)));
        let full_name = self
            .full_name
            .and_then(|text| problems.valid(FullName::parse("full_name", &text)));
        let checked = email.zip(password).map(|(email, password)| Registration {
            email,
            password,
            full_name,
        });
        problems.or(checked)
    }
}

/// `POST /auth/login`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    /// The account's e-mail.
    pub email: Option<String>,
    /// Its password.
    pub password: Option<String>,
}

/// Somebody who wants to sign in: whatever they wrote, unchecked beyond its size.
pub struct Credentials {
    /// The address; one that cannot have an account is as good as unknown.
    pub email: Email,
    /// The password that they gave.
    pub password: auth::opaque::Secret,
}

/// The longest password that is looked at; longer than any that can be set.
const LOGIN_PASSWORD_BYTES_MAX: usize = 1_024;

impl Login {
    /// From wire to domain.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<Credentials, Refusal> {
        let mut problems = Problems::default();
        let email = problems
            .required("email", self.email)
            .and_then(|text| problems.valid(check_email(&text)));
        let password = problems.required("password", self.password);
        if password
            .as_ref()
            .is_some_and(|text| text.len() > LOGIN_PASSWORD_BYTES_MAX)
        {
            problems.add(
                "password",
                FieldCode::TooLong,
                "must have at most 128 characters",
            );
        }
        let checked = email.zip(password).map(|(email, password)| Credentials {
            email,
            password: auth::opaque::Secret::new(password),
        });
        problems.or(checked)
    }
}

/// `POST /auth/refresh`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Refresh {
    /// The refresh token that came last.
    pub refresh_token: Option<String>,
}

impl Refresh {
    /// The token as it was sent. Whether it is one is the use case's to say: a bad one is 401, not 422.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it is missing.
    pub fn check(self) -> Result<String, Refusal> {
        let mut problems = Problems::default();
        let token = problems.required("refresh_token", self.refresh_token);
        problems.or(token)
    }
}

fn check_email(text: &str) -> Result<Email, FieldError> {
    if text.chars().count() > EMAIL_CHARS_MAX {
        return Err(FieldError::new(
            "email",
            FieldCode::TooLong,
            "must have at most 254 characters",
        ));
    }
    Email::parse(text).ok_or_else(|| {
        FieldError::new(
            "email",
            FieldCode::Malformed,
            "must be an e-mail address, such as ada@example.org",
        )
    })
}

fn password_problem(problem: PasswordProblem) -> FieldError {
    let (code, message) = match problem {
        PasswordProblem::TooShort => (FieldCode::TooShort, "must have at least 8 characters"),
        PasswordProblem::TooLong => (FieldCode::TooLong, "must have at most 128 characters"),
        PasswordProblem::Common => (
            FieldCode::NotAllowed,
            "is one that attackers try first; choose another",
        ),
        PasswordProblem::ControlCharacter => {
            (FieldCode::Malformed, "must not have control characters")
        }
    };
    FieldError::new("password", code, message)
}

/// A user as they see themselves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Profile {
    /// `usr_…`.
    pub id: String,
    /// Always `user`.
    pub object: String,
    /// The e-mail.
    pub email: String,
    /// Whether they have shown that it is theirs.
    pub email_verified: bool,
    /// What they want to be called.
    pub full_name: Option<String>,
    /// `free`, `basic`, `pro` or `enterprise`.
    pub plan: String,
    /// Whether they administer the platform.
    pub is_admin: bool,
    /// When they registered.
    pub created_at: String,
    /// When the account last changed.
    pub updated_at: String,
}

impl Profile {
    /// What `user` sees.
    #[must_use]
    pub fn new(user: &User, is_admin: bool) -> Self {
        Self {
            id: user.id.to_string(),
            object: "user".to_owned(),
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified,
            full_name: user.full_name.as_ref().map(|name| name.as_str().to_owned()),
            plan: user.plan.as_str().to_owned(),
            is_admin,
            created_at: time::format(user.created_at),
            updated_at: time::format(user.updated_at),
        }
    }
}

/// What signing in answers.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignedIn {
    /// Who signed in.
    pub user: Profile,
    /// For `Authorization: Bearer …`.
    pub access_token: String,
    /// For `POST /auth/refresh`, once.
    pub refresh_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
}

impl SignedIn {
    /// The answer for `user`.
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
