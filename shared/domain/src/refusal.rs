//! Every expected reason to refuse a request. A refusal is told to the client; it is never a fault of ours.
//! Owns the reasons; refuses to know HTTP (one exhaustive match in `entry` maps them).

use std::time::Duration;

use thiserror::Error;

use crate::credits::Credits;

/// The reason why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The body is not JSON.
    #[error("the body is not valid JSON: {0}")]
    MalformedJson(String),
    /// The cursor of a list was altered, or belongs to another caller or query.
    #[error("the cursor is not one that this list gave to you")]
    InvalidCursor,
    /// There is no valid credential.
    #[error("the credentials are missing, wrong or no longer valid")]
    Unauthorized,
    /// The wallet holds less than the cost.
    #[error("this costs {needed} credits, and {available} are available")]
    OutOfCredits {
        /// The price.
        needed: Credits,
        /// The credits that are available.
        available: Credits,
    },
    /// The member may not commit that much of the team's credits this month.
    #[error(
        "you may spend {cap} of the team's credits in a calendar month (UTC), and {left} are left of that"
    )]
    MemberCapReached {
        /// The member's cap.
        cap: Credits,
        /// The rest of it this month.
        left: Credits,
    },
    /// The API key may not spend that much any more.
    #[error("this API key has reached its credit cap")]
    KeyCapReached,
    /// A user without a verified e-mail may spend the sign-up bonus, and no more.
    #[error(
        "verify your e-mail address to spend more than the {limit} credits of the sign-up bonus"
    )]
    Unverified {
        /// The credits that may be spent without it.
        limit: Credits,
    },
    /// The provider refused the content of the most jobs of the caller's that it may in a day, UTC. The
    /// operator alone pays for each of them.
    #[error(
        "the content of {limit} of your generations was refused today; you can order again after midnight UTC"
    )]
    TooManyRefused {
        /// The most jobs whose content may be refused in a day.
        limit: u64,
    },
    /// The caller may know that the thing exists, but may not do this.
    #[error("you may not do this")]
    Forbidden,
    /// It has expired.
    #[error("this {0} has expired; ask for a new one")]
    Expired(&'static str),
    /// There is no such thing, or the caller may not learn that there is.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A field names a thing that does not exist, or that the caller may not learn of.
    #[error("{field}: there is no such {noun}")]
    NoSuch {
        /// The field.
        field: &'static str,
        /// The kind of thing that it should name.
        noun: &'static str,
    },
    /// The present state of things does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// It is too late to stop the thing, which has ended.
    #[error("{0}")]
    TooLate(&'static str),
    /// The idempotency key was used with another body.
    #[error("this Idempotency-Key was used before with another request")]
    IdempotencyMismatch,
    /// The price is above the one that the caller agreed to.
    #[error("the price is {price} credits, which is not what you agreed to")]
    PriceChanged {
        /// The present price.
        price: Credits,
    },
    /// The body is larger than the endpoint takes.
    #[error("the body is larger than {limit_bytes} bytes")]
    PayloadTooLarge {
        /// The largest size that is accepted.
        limit_bytes: usize,
    },
    /// The body has a type that the endpoint does not accept.
    #[error("send the body as application/json")]
    UnsupportedMediaType,
    /// The body is compressed, or encoded in another way.
    #[error("the body's Content-Encoding is {0}, which is not taken; send it as it is")]
    UnsupportedEncoding(String),
    /// Fields are missing, unknown or wrong.
    #[error("some fields are not valid")]
    Invalid(Vec<FieldError>),
    /// The tenant has the most jobs in flight that its plan allows.
    #[error("{limit} generations are in flight, which is all that your plan allows")]
    ConcurrencyLimit {
        /// The most jobs in flight.
        limit: u32,
    },
    /// There were too many attempts.
    #[error("too many attempts; try again later")]
    RateLimited {
        /// The time after which to try again.
        retry_after: Duration,
    },
    /// The provider fails for everybody, so orders are not accepted.
    #[error(
        "the provider is not available; your request is fine and nothing was charged: try again later"
    )]
    ProviderDown {
        /// The time after which to try again.
        retry_after: Duration,
    },
    /// A dependency of ours is busy; nothing was changed.
    #[error("the service is busy; try again")]
    Busy,
}

impl Refusal {
    /// The refusal of one field.
    #[must_use]
    pub fn field(field: impl Into<String>, code: FieldCode, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, code, message)])
    }
}

/// A problem with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// A dotted path, such as `parameters.duration`.
    pub field: String,
    /// The kind of problem, stable.
    pub code: FieldCode,
    /// The problem in words, and the correct form.
    pub message: String,
}

impl FieldError {
    /// Makes a problem with `field`.
    #[must_use]
    pub fn new(field: impl Into<String>, code: FieldCode, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code,
            message: message.into(),
        }
    }
}

/// The kinds of problems of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldCode {
    /// It is missing.
    Required,
    /// There is no such field.
    Unknown,
    /// It has another JSON type.
    WrongType,
    /// The number is too small or too large.
    OutOfRange,
    /// It is too long.
    TooLong,
    /// It is too short.
    TooShort,
    /// It is not one of the values allowed.
    NotAllowed,
    /// It does not have the required form.
    Malformed,
    /// This model, or this version, does not take it.
    Unsupported,
    /// It names a thing that does not exist, or is not the caller's.
    NotFound,
}

impl FieldCode {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Required,
        Self::Unknown,
        Self::WrongType,
        Self::OutOfRange,
        Self::TooLong,
        Self::TooShort,
        Self::NotAllowed,
        Self::Malformed,
        Self::Unsupported,
        Self::NotFound,
    ];

    /// The stable name that clients branch on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Unknown => "unknown",
            Self::WrongType => "wrong_type",
            Self::OutOfRange => "out_of_range",
            Self::TooLong => "too_long",
            Self::TooShort => "too_short",
            Self::NotAllowed => "not_allowed",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::NotFound => "not_found",
        }
    }
}
