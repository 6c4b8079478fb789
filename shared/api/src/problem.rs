//! The one error body, RFC 9457 `application/problem+json`, and the one table that gives each refusal its
//! status and code.

use std::time::Duration;

use domain::{FieldCode, FieldError, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
        let errors = match refusal {
            Refusal::Invalid(errors) => errors.iter().map(FieldProblem::from).collect(),
            Refusal::NoSuch { field, noun } => {
                let error = FieldError::new(
                    *field,
                    FieldCode::NotFound,
                    format!("there is no such {noun}"),
                );
                vec![FieldProblem::from(&error)]
            }
            _ => Vec::new(),
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

/// The stable names of problems, which clients branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// The gateway cannot make sense of the request.
    BadRequest,
    /// The body is not JSON.
    MalformedJson,
    /// The cursor is from another list.
    InvalidCursor,
    /// No valid credential.
    Unauthorized,
    /// Too little in the wallet.
    OutOfCredits,
    /// Too little left of the member's cap.
    MemberCapReached,
    /// Too little left of the API key's cap.
    KeyCapReached,
    /// The caller may not do this.
    Forbidden,
    /// It does not exist, or the caller may not learn that it does.
    NotFound,
    /// The state of things does not allow it.
    Conflict,
    /// The job that it would stop is over.
    TooLate,
    /// It costs more than the caller agreed to.
    PriceChanged,
    /// The body is too large.
    PayloadTooLarge,
    /// The body is not sent as JSON.
    UnsupportedMediaType,
    /// The key was used for another request.
    IdempotencyMismatch,
    /// Fields or parameters are missing, unknown or wrong.
    ValidationFailed,
    /// Too many jobs in flight.
    ConcurrencyLimit,
    /// Too many requests.
    RateLimited,
    /// The quota of the plan is used up.
    QuotaExceeded,
    /// A fault of ours.
    Internal,
    /// Something that we depend on is busy or down.
    ProviderUnavailable,
}

impl Code {
    /// Every code, by its status.
    pub const ALL: [Self; 21] = [
        Self::BadRequest,
        Self::MalformedJson,
        Self::InvalidCursor,
        Self::Unauthorized,
        Self::OutOfCredits,
        Self::MemberCapReached,
        Self::KeyCapReached,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::TooLate,
        Self::PriceChanged,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::IdempotencyMismatch,
        Self::ValidationFailed,
        Self::ConcurrencyLimit,
        Self::RateLimited,
        Self::QuotaExceeded,
        Self::Internal,
        Self::ProviderUnavailable,
    ];

    /// Returns the code of a refusal. There is no wildcard arm, so that a new refusal must choose its code.
    #[must_use]
    pub const fn of(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::MalformedJson(_) => Self::MalformedJson,
            Refusal::InvalidCursor => Self::InvalidCursor,
            Refusal::Unauthorized => Self::Unauthorized,
            Refusal::OutOfCredits { .. } => Self::OutOfCredits,
            Refusal::MemberCapReached { .. } => Self::MemberCapReached,
            Refusal::KeyCapReached => Self::KeyCapReached,
            Refusal::Forbidden
            | Refusal::Expired(_)
            | Refusal::Unverified { .. }
            | Refusal::TooManyRefused { .. } => Self::Forbidden,
            Refusal::NotFound(_) | Refusal::NoSuch { .. } => Self::NotFound,
            Refusal::Conflict(_) => Self::Conflict,
            Refusal::TooLate(_) => Self::TooLate,
            Refusal::PriceChanged { .. } => Self::PriceChanged,
            Refusal::PayloadTooLarge { .. } => Self::PayloadTooLarge,
            Refusal::UnsupportedMediaType | Refusal::UnsupportedEncoding(_) => {
                Self::UnsupportedMediaType
            }
            Refusal::IdempotencyMismatch => Self::IdempotencyMismatch,
            Refusal::Invalid(_) => Self::ValidationFailed,
            Refusal::ConcurrencyLimit { .. } => Self::ConcurrencyLimit,
            Refusal::RateLimited { .. } => Self::RateLimited,
            Refusal::Busy | Refusal::ProviderDown { .. } => Self::ProviderUnavailable,
        }
    }

    /// Returns the code as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().1
    }

    /// Returns the status that a function answers it with. The gateway also sends `internal` with 502.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().0
    }

    /// Returns a description of the problem for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.row().2
    }

    const fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::BadRequest => (400, "bad_request", "the gateway refused this request"),
            Self::MalformedJson => (400, "malformed_json", "the body is not valid JSON"),
            Self::InvalidCursor => (
                400,
                "invalid_cursor",
                "the cursor is not one that this list gave to you",
            ),
            Self::Unauthorized => (
                401,
                "unauthorized",
                "the credentials are missing, wrong or no longer valid",
            ),
            Self::OutOfCredits => (
                402,
                "out_of_credits",
                "this costs more credits than are available",
            ),
            Self::MemberCapReached => (
                402,
                "member_cap_reached",
                "you have reached your cap on the team's credits for this month",
            ),
            Self::KeyCapReached => (
                402,
                "key_cap_reached",
                "this API key has reached its credit cap",
            ),
            Self::Forbidden => (403, "forbidden", "you may not do this"),
            Self::NotFound => (
                404,
                "not_found",
                "there is no such thing, or you may not know of it",
            ),
            Self::Conflict => (409, "conflict", "the state of things does not allow this"),
            Self::TooLate => (409, "too_late", "the provider has finished it already"),
            Self::PriceChanged => (409, "price_changed", "the price is not what you agreed to"),
            Self::PayloadTooLarge => (413, "payload_too_large", "the body is too large"),
            Self::UnsupportedMediaType => (
                415,
                "unsupported_media_type",
                "send the body as application/json",
            ),
            Self::IdempotencyMismatch => (
                422,
                "idempotency_mismatch",
                "this Idempotency-Key was used before with another request",
            ),
            Self::ValidationFailed => (422, "validation_failed", "some fields are not valid"),
            Self::ConcurrencyLimit => (
                429,
                "concurrency_limit",
                "as many generations are in flight as your plan allows",
            ),
            Self::RateLimited => (429, "rate_limited", "too many requests; try again later"),
            Self::QuotaExceeded => (429, "quota_exceeded", "the quota of the day is used up"),
            Self::Internal => (500, "internal", "something went wrong on our side"),
            Self::ProviderUnavailable => (
                503,
                "provider_unavailable",
                "the service is busy; try again",
            ),
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
