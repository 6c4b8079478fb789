//! E-mail addresses, passwords and answers to challenges as clients give them: the checks that several bodies
//! have in common. Refuses to know whose they are.

use auth::opaque::Secret;
use auth::passwords::{Password, PasswordProblem};
use domain::accounts::{EMAIL_CHARS_MAX, Email, EmailProblem};
use domain::{FieldCode, FieldError};

/// The longest password that is checked. It is longer than any that can be set.
const GIVEN_BYTES_MAX: usize = 1_024;
/// The longest answer to a challenge. Those of Turnstile have up to 2,048 characters, those of others
/// somewhat more.
pub(crate) const CHALLENGE_BYTES_MAX: usize = 8_192;

/// An e-mail address.
pub(crate) fn check_email(text: &str) -> Result<Email, FieldError> {
    if text.chars().count() > EMAIL_CHARS_MAX {
        return Err(FieldError::new(
            "email",
            FieldCode::TooLong,
            "must have at most 254 characters",
        ));
    }
    Email::read(text).map_err(|problem| {
        let (code, message) = match problem {
            EmailProblem::Malformed => (
                FieldCode::Malformed,
                "must be an e-mail address, such as ada@example.org",
            ),
            EmailProblem::LocalBeyondAscii => (
                FieldCode::Malformed,
                "must have only ASCII letters, digits and signs before the @; any script may follow it",
            ),
            EmailProblem::TrailingDot => (FieldCode::Malformed, "must not end with a dot"),
            EmailProblem::TooLong => (FieldCode::TooLong, "must have at most 254 characters"),
        };
        FieldError::new("email", code, message)
    })
}

/// Checks the size of a password that a client gave, and nothing else.
pub(crate) fn check_given(field: &str, text: String) -> Result<Secret, FieldError> {
    if text.len() > GIVEN_BYTES_MAX {
        let message = "must have at most 128 characters";
        return Err(FieldError::new(field, FieldCode::TooLong, message));
    }
    Ok(Secret::new(text))
}

/// Checks a password that is to be set.
pub(crate) fn check_password(field: &str, text: String) -> Result<Password, FieldError> {
    Password::check(text).map_err(|problem| {
        let (code, message) = match problem {
            PasswordProblem::TooShort => (FieldCode::TooShort, "must have at least 8 characters"),
            PasswordProblem::TooLong => (FieldCode::TooLong, "must have at most 128 characters"),
            PasswordProblem::Common => (
                FieldCode::NotAllowed,
                "is one that attackers try first; choose another",
            ),
            PasswordProblem::Untypable => (
                FieldCode::Malformed,
                "must not have control characters or characters that cannot be seen",
            ),
        };
        FieldError::new(field, code, message)
    })
}

/// The answer to a challenge.
pub(crate) fn check_challenge(text: String) -> Result<String, FieldError> {
    if text.len() > CHALLENGE_BYTES_MAX {
        let message = format!("must have at most {CHALLENGE_BYTES_MAX} characters");
        return Err(FieldError::new("challenge", FieldCode::TooLong, message));
    }
    Ok(text)
}
