//! An invocation that failed, as Lambda and whoever invoked the function are told.

use std::fmt;

use aws::Fault;
use domain::Refusal;
use lambda_runtime::Diagnostic;

/// Why an invocation failed.
pub(crate) struct Failed {
    kind: &'static str,
    words: String,
}

impl Failed {
    /// It was refused, in these words.
    pub(crate) fn refused(words: String) -> Self {
        Self {
            kind: "Refused",
            words,
        }
    }

    /// Nobody is let in: API Gateway makes a 401 out of this very message.
    pub(crate) fn unauthorized() -> Self {
        Self {
            kind: "Unauthorized",
            words: "Unauthorized".to_owned(),
        }
    }
}

/// The runtime logs a failure as this shows it.
impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.words, f)
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unauthorized => Self::unauthorized(),
            other => Self::refused(other.to_string()),
        }
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self {
            kind: "Fault",
            words: fault.to_string(),
        }
    }
}

impl From<Failed> for Diagnostic {
    fn from(failed: Failed) -> Self {
        Self {
            error_type: failed.kind.to_owned(),
            error_message: failed.words,
        }
    }
}
