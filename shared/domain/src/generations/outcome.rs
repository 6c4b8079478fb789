//! The outcomes that a provider can report of a job, in our own words. Owns the names of outcomes; refuses
//! to know any vendor's wire format.

/// The provider's references to a job that it accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The provider's id, stable over its own retries.
    pub request_id: String,
    /// The address of its status.
    pub status_url: String,
    /// The address of its result.
    pub response_url: String,
    /// The address to cancel it.
    pub cancel_url: String,
}

/// A file that the provider made, at an address that will not last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// The address to download it from.
    pub url: String,
    /// Its media type, according to the provider.
    pub content_type: Option<String>,
    /// Its width in pixels, if the provider reports it.
    pub width: Option<u32>,
    /// Its height in pixels, if the provider reports it.
    pub height: Option<u32>,
}

/// One of the files that a job ordered, as the provider's answer reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// It was made.
    Made(Media),
    /// It must not be delivered, for this reason.
    Withheld(FailureCode),
}

/// The end of a job at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The model's output: its files in their order, at least one of them made.
    Made(Vec<Piece>),
    /// The model's report that there is nothing to deliver.
    Refused(Failure),
}

/// The reason why a generation was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind, stable.
    pub code: FailureCode,
    /// One sentence for the client: no address, no key, at most 500 characters.
    pub message: String,
}

impl Failure {
    /// Makes a failure of this kind, with its message cut to 500 characters.
    #[must_use]
    pub fn new(code: FailureCode, message: impl AsRef<str>) -> Self {
        Self {
            code,
            message: message.as_ref().chars().take(500).collect(),
        }
    }
}

/// The kinds of failure that a client can branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureCode {
    /// The prompt or a reference violates the provider's content policy.
    ContentPolicyViolation,
    /// The result was made, but is withheld as unsafe.
    ContentFlagged,
    /// The provider rejected the input.
    InvalidInput,
    /// The provider finished without a file.
    NoMedia,
    /// The file could not be fetched from the provider.
    MediaUnavailable,
    /// The provider failed.
    ProviderError,
    /// The provider did not accept the job.
    ProviderUnavailable,
    /// The provider took too long.
    ProviderTimeout,
    /// The job was cancelled.
    Canceled,
    /// The outcome could not be found out.
    OutcomeUnknown,
}

impl FailureCode {
    /// Every code.
    pub const ALL: [Self; 10] = [
        Self::ContentPolicyViolation,
        Self::ContentFlagged,
        Self::InvalidInput,
        Self::NoMedia,
        Self::MediaUnavailable,
        Self::ProviderError,
        Self::ProviderUnavailable,
        Self::ProviderTimeout,
        Self::Canceled,
        Self::OutcomeUnknown,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ContentPolicyViolation => "content_policy_violation",
            Self::ContentFlagged => "content_flagged",
            Self::InvalidInput => "invalid_input",
            Self::NoMedia => "no_media",
            Self::MediaUnavailable => "media_unavailable",
            Self::ProviderError => "provider_error",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::ProviderTimeout => "provider_timeout",
            Self::Canceled => "canceled",
            Self::OutcomeUnknown => "outcome_unknown",
        }
    }

    /// Returns the code named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }
}
