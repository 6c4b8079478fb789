//! What a provider can say of a job, in our own words. Owns the names of outcomes;
//! refuses to know any vendor's wire.

/// The provider's names for a job that it accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The provider's id, stable over its own retries.
    pub request_id: String,
    /// Where to ask how it goes.
    pub status_url: String,
    /// Where its result will be.
    pub response_url: String,
    /// Where to ask that it stop.
    pub cancel_url: String,
}

/// One file that the provider made, at an address that will not last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Where it can be downloaded.
    pub url: String,
    /// What the provider says it is.
    pub content_type: Option<String>,
    /// Its width in pixels, if the provider says.
    pub width: Option<u32>,
    /// Its height in pixels, if the provider says.
    pub height: Option<u32>,
}

/// One of the files that a job was asked for, as the provider's answer has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// It was made.
    Made(Media),
    /// It is not to be delivered, for this reason.
    Withheld(FailureCode),
}

/// How a job ended at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The model's output: its files in their order, at least one of them made.
    Made(Vec<Piece>),
    /// The model's own word that there is nothing to deliver.
    Refused(Failure),
}

/// Why a generation was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind, stable.
    pub code: FailureCode,
    /// One sentence for the client: no address, no key, at most 500 characters.
    pub message: String,
}

impl Failure {
    /// A failure of this kind, its message cut to 500 characters.
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
    /// The prompt or a reference is against the provider's content policy.
    ContentPolicyViolation,
    /// The result was made, and is withheld as unsafe.
    ContentFlagged,
    /// The provider finds the input wrong.
    InvalidInput,
    /// The provider finished without making anything.
    NoMedia,
    /// What was made could not be fetched.
    MediaUnavailable,
    /// The provider broke.
    ProviderError,
    /// The provider did not take the job.
    ProviderUnavailable,
    /// The provider took too long.
    ProviderTimeout,
    /// It was stopped.
    Canceled,
    /// Nobody could find out what became of it.
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

    /// The code named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }
}
