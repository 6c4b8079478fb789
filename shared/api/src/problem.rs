//! The one error body, RFC 9457 `application/problem+json`, and the one table that gives each refusal its
//! status and code.

use std::time::Duration;

use domain::{FieldCode, FieldError, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::codes::Code;
use crate::schema;

/// The media type of a [`Problem`].
pub const CONTENT_TYPE: &str = "application/problem+json";
/// The wait before a retry if the refusal is "busy" and says nothing more.
const BUSY_RETRY: Duration = Duration::from_secs(1);
/// The wait before a retry for a client that must let one of its own jobs end first.
const CONCURRENCY_RETRY: Duration = Duration::from_secs(10);

/// The answer to a request that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Always `about:blank`: `code` says which problem it is.
    #[serde(rename = "type")]
    #[schemars(extend("const" = "about:blank"))]
    pub kind: String,
    /// The status code in words.
    #[schemars(example = &"Not Found")]
    pub title: String,
    /// The status code.
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// The stable name to branch on.
    #[schemars(with = "schema::ProblemCode")]
    pub code: String,
    /// One sentence for people.
    #[schemars(example = &"there is no such generation")]
    pub detail: String,
    /// Identifies this request in our logs.
    #[schemars(example = &"7f3c1f6e-5d0a-4b0e-9a55-0a8f3c9be1d2")]
    pub request_id: String,
    /// The fields that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// A field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldProblem {
    /// A dotted path (`parameters.duration`).
    #[schemars(example = &"parameters.duration")]
    pub field: String,
    /// The stable kind of problem.
    #[schemars(with = "schema::FieldProblemCode")]
    pub code: String,
    /// The problem in words.
    #[schemars(example = &"must be one of 4s, 6s, 8s")]
    pub message: String,
}

impl Problem {
    /// Returns the problem that tells the client about a refusal.
    #[must_use]
    pub fn refused(refusal: &Refusal, request_id: &str) -> Self {
        let code = Code::of(refusal);
        let errors = if let Refusal::Invalid(errors) = refusal {
            errors.iter().map(FieldProblem::from).collect()
        } else if let Refusal::NoSuch { field, noun } = refusal {
            let message = format!("there is no such {noun}");
            let error = FieldError::new(*field, FieldCode::NotFound, message);
            vec![FieldProblem::from(&error)]
        } else {
            Vec::new()
        };
        let detail = match errors.as_slice() {
            [FieldProblem { field, message, .. }] => format!("{field}: {message}"),
            _ => refusal.to_string(),
        };
        Self::new(code, detail, request_id, errors)
    }

    /// Returns the problem for a fault of ours: it says only that there was one, and gives the request id.
    #[must_use]
    pub fn fault(request_id: &str) -> Self {
        let detail =
            "something went wrong on our side; nothing you can change will help".to_owned();
        Self::new(Code::Internal, detail, request_id, Vec::new())
    }

    fn new(code: Code, detail: String, request_id: &str, errors: Vec<FieldProblem>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: title(code.status()).to_owned(),
            status: code.status(),
            code: code.as_str().to_owned(),
            detail,
            request_id: request_id.to_owned(),
            errors,
        }
    }
}

impl From<&FieldError> for FieldProblem {
    fn from(error: &FieldError) -> Self {
        Self {
            field: error.field.clone(),
            code: error.code.as_str().to_owned(),
            message: error.message.clone(),
        }
    }
}

/// Returns the time after which the client may try again, for refusals that pass by themselves.
#[must_use]
pub fn retry_after(refusal: &Refusal) -> Option<Duration> {
    match refusal {
        Refusal::RateLimited { retry_after } | Refusal::ProviderDown { retry_after } => {
            Some(*retry_after)
        }
        Refusal::ConcurrencyLimit { .. } => Some(CONCURRENCY_RETRY),
        Refusal::Busy => Some(BUSY_RETRY),
        Refusal::MalformedJson(_)
        | Refusal::InvalidCursor
        | Refusal::Unauthorized
        | Refusal::OutOfCredits { .. }
        | Refusal::MemberCapReached { .. }
        | Refusal::KeyCapReached
        | Refusal::Unverified { .. }
        | Refusal::TooManyRefused { .. }
        | Refusal::Forbidden
        | Refusal::Expired(_)
        | Refusal::NotFound(_)
        | Refusal::NoSuch { .. }
        | Refusal::Conflict(_)
        | Refusal::TooLate(_)
        | Refusal::IdempotencyMismatch
        | Refusal::PriceChanged { .. }
        | Refusal::PayloadTooLarge { .. }
        | Refusal::UnsupportedMediaType
        | Refusal::UnsupportedEncoding(_)
        | Refusal::Invalid(_) => None,
    }
}

/// Returns a status code in words.
pub(crate) fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        413 => "Payload Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}
