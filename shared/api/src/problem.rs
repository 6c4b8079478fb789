//! The one error body, RFC 9457 `application/problem+json`, and the one table from refusals to status and code.

use std::time::Duration;

use domain::{FieldCode, FieldError, Refusal};
use serde::{Deserialize, Serialize};

/// The media type of a [`Problem`].
pub const CONTENT_TYPE: &str = "application/problem+json";
/// When a client may try again that was told only "busy".
const BUSY_RETRY: Duration = Duration::from_secs(1);
/// When a client may try again that waits for one of its own jobs to end.
const CONCURRENCY_RETRY: Duration = Duration::from_secs(10);

/// What a client is told when its request fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Always `about:blank`: `code` says which problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status code in words.
    pub title: String,
    /// The status code.
    pub status: u16,
    /// The stable name to branch on.
    pub code: String,
    /// One sentence for people.
    pub detail: String,
    /// Names this request in our logs.
    pub request_id: String,
    /// What is wrong with which field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// A dotted path (`parameters.duration`).
    pub field: String,
    /// The stable kind of problem.
    pub code: String,
    /// The problem in words.
    pub message: String,
}

impl Problem {
    /// What the client is told of a refusal.
    #[must_use]
    pub fn refused(refusal: &Refusal, request_id: &str) -> Self {
        let (status, code) = status_and_code(refusal);
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
        Self::new(status, code, detail, request_id, errors)
    }

    /// What the client is told of a fault of ours: nothing but that there was one, and its request id.
    #[must_use]
    pub fn fault(request_id: &str) -> Self {
        let detail =
            "something went wrong on our side; nothing you can change will help".to_owned();
        Self::new(500, "internal", detail, request_id, Vec::new())
    }

    fn new(
        status: u16,
        code: &str,
        detail: String,
        request_id: &str,
        errors: Vec<FieldProblem>,
    ) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: title(status).to_owned(),
            status,
            code: code.to_owned(),
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

/// The status and the stable code of each refusal. No wildcard: a new refusal must choose.
#[must_use]
pub fn status_and_code(refusal: &Refusal) -> (u16, &'static str) {
    match refusal {
        Refusal::MalformedJson(_) => (400, "malformed_json"),
        Refusal::InvalidCursor => (400, "invalid_cursor"),
        Refusal::Unauthorized => (401, "unauthorized"),
        Refusal::OutOfCredits { .. } => (402, "out_of_credits"),
        Refusal::KeyCapReached => (402, "key_cap_reached"),
        Refusal::Forbidden | Refusal::Unverified { .. } => (403, "forbidden"),
        Refusal::NotFound(_) | Refusal::NoSuch { .. } => (404, "not_found"),
        Refusal::Conflict(_) => (409, "conflict"),
        Refusal::TooLate(_) => (409, "too_late"),
        Refusal::IdempotencyInProgress => (409, "idempotency_in_progress"),
        Refusal::PriceChanged { .. } => (409, "price_changed"),
        Refusal::PayloadTooLarge { .. } => (413, "payload_too_large"),
        Refusal::UnsupportedMediaType => (415, "unsupported_media_type"),
        Refusal::IdempotencyMismatch => (422, "idempotency_mismatch"),
        Refusal::Invalid(_) => (422, "validation_failed"),
        Refusal::ConcurrencyLimit { .. } => (429, "concurrency_limit"),
        Refusal::RateLimited { .. } => (429, "rate_limited"),
        Refusal::Busy => (503, "provider_unavailable"),
    }
}

/// When the client may try again, for the refusals that pass by themselves.
#[must_use]
pub fn retry_after(refusal: &Refusal) -> Option<Duration> {
    match refusal {
        Refusal::RateLimited { retry_after } => Some(*retry_after),
        Refusal::ConcurrencyLimit { .. } => Some(CONCURRENCY_RETRY),
        Refusal::IdempotencyInProgress | Refusal::Busy => Some(BUSY_RETRY),
        Refusal::MalformedJson(_)
        | Refusal::InvalidCursor
        | Refusal::Unauthorized
        | Refusal::OutOfCredits { .. }
        | Refusal::KeyCapReached
        | Refusal::Unverified { .. }
        | Refusal::Forbidden
        | Refusal::NotFound(_)
        | Refusal::NoSuch { .. }
        | Refusal::Conflict(_)
        | Refusal::TooLate(_)
        | Refusal::IdempotencyMismatch
        | Refusal::PriceChanged { .. }
        | Refusal::PayloadTooLarge { .. }
        | Refusal::UnsupportedMediaType
        | Refusal::Invalid(_) => None,
    }
}

fn title(status: u16) -> &'static str {
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
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}
