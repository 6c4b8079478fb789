//! The codes of problems, which clients branch on: one table of their statuses, their names and what they
//! mean, and the code of each refusal.

use domain::Refusal;

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
