//! The errors that the gateway answers by itself, and AWS's form of each.

use hyper::StatusCode;

/// A reason for which the gateway answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayError {
    /// No route serves the request.
    MissingAuthenticationToken,
    /// The request has no credential, or one that the authorizer does not know.
    Unauthorized,
    /// The policy forbids it.
    Denied,
    /// The policy does not mention it.
    NotMentioned,
    /// The authorizer failed.
    AuthorizerFailure,
    /// The authorizer's answer makes no sense.
    AuthorizerConfiguration,
    /// The request has no usage-plan key, or one that is in no plan of this stage.
    InvalidApiKey,
    /// The quota of the key's day is used up.
    QuotaExceeded,
    /// A throttle is exceeded.
    Throttled,
    /// The request is too large.
    RequestTooLarge,
    /// The request's line and headers are too large.
    HeadTooLarge,
    /// The body could not be read.
    BrokenBody,
    /// The function took too long.
    IntegrationTimeout,
    /// The function could not be called.
    IntegrationFailure,
    /// The function failed, or its answer makes no sense.
    MalformedAnswer,
}

impl GatewayError {
    /// The type of response that a template's rule may name; `None` where only a rule for all errors applies.
    pub fn type_name(self) -> Option<&'static str> {
        match self {
            Self::MissingAuthenticationToken => Some("MISSING_AUTHENTICATION_TOKEN"),
            Self::Unauthorized => Some("UNAUTHORIZED"),
            Self::Denied | Self::NotMentioned => Some("ACCESS_DENIED"),
            Self::AuthorizerFailure => Some("AUTHORIZER_FAILURE"),
            Self::AuthorizerConfiguration => Some("AUTHORIZER_CONFIGURATION_ERROR"),
            Self::InvalidApiKey => Some("INVALID_API_KEY"),
            Self::QuotaExceeded => Some("QUOTA_EXCEEDED"),
            Self::Throttled => Some("THROTTLED"),
            Self::RequestTooLarge => Some("REQUEST_TOO_LARGE"),
            Self::BrokenBody => Some("BAD_REQUEST_BODY"),
            Self::IntegrationTimeout => Some("INTEGRATION_TIMEOUT"),
            Self::IntegrationFailure => Some("INTEGRATION_FAILURE"),
            Self::HeadTooLarge | Self::MalformedAnswer => None,
        }
    }

    /// The status, unless a rule sets another.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BrokenBody => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::MissingAuthenticationToken
            | Self::Denied
            | Self::NotMentioned
            | Self::InvalidApiKey => StatusCode::FORBIDDEN,
            Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::QuotaExceeded | Self::Throttled => StatusCode::TOO_MANY_REQUESTS,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::AuthorizerFailure | Self::AuthorizerConfiguration | Self::IntegrationFailure => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::MalformedAnswer => StatusCode::BAD_GATEWAY,
            Self::IntegrationTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The sentence in the body; `None` where AWS writes `null`.
    pub fn message(self) -> Option<&'static str> {
        match self {
            Self::MissingAuthenticationToken => Some("Missing Authentication Token"),
            Self::Unauthorized => Some("Unauthorized"),
            Self::Denied => {
                Some("User is not authorized to access this resource with an explicit deny")
            }
            Self::NotMentioned => Some("User is not authorized to access this resource"),
            Self::AuthorizerFailure | Self::AuthorizerConfiguration => None,
            Self::InvalidApiKey => Some("Forbidden"),
            Self::QuotaExceeded => Some("Limit Exceeded"),
            Self::Throttled => Some("Too Many Requests"),
            Self::RequestTooLarge => Some("Request Too Long"),
            Self::HeadTooLarge => Some("Request Header Fields Too Large"),
            Self::BrokenBody => Some("Invalid request body"),
            Self::IntegrationTimeout => Some("Endpoint request timed out"),
            Self::IntegrationFailure | Self::MalformedAnswer => Some("Internal server error"),
        }
    }

    /// The field of the body that holds the message: AWS begins it with a capital letter for a refusal by
    /// policy.
    pub fn message_field(self) -> &'static str {
        if matches!(self, Self::Denied | Self::NotMentioned) {
            return "Message";
        }
        "message"
    }

    /// The value of `x-amzn-errortype`.
    pub fn error_type(self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::Unauthorized => "UnauthorizedException",
            Self::Denied | Self::NotMentioned => "AccessDeniedException",
            Self::AuthorizerFailure | Self::AuthorizerConfiguration => {
                "AuthorizerConfigurationException"
            }
            Self::InvalidApiKey => "ForbiddenException",
            Self::QuotaExceeded => "LimitExceededException",
            Self::Throttled => "TooManyRequestsException",
            Self::RequestTooLarge => "RequestTooLargeException",
            Self::HeadTooLarge | Self::BrokenBody => "BadRequestException",
            Self::IntegrationTimeout | Self::IntegrationFailure | Self::MalformedAnswer => {
                "InternalServerErrorException"
            }
        }
    }
}
