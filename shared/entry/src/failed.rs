//! A failed invocation, as Lambda and the invoker of the function see it.

use std::fmt;

use aws::Fault;
use domain::Refusal;
use lambda_runtime::Diagnostic;

/// The reason why an invocation failed.
pub(crate) struct Failed {
    kind: &'static str,
    words: String,
}

impl Failed {
    /// Returns the failure of an invocation that was refused, with this message.
    pub(crate) fn refused(words: String) -> Self {
        Self {
            kind: "Refused",
            words,
        }
    }

    /// Returns the failure of a caller who is not admitted: API Gateway turns this exact message into a
    /// 401.
    pub(crate) fn unauthorized() -> Self {
        Self {
            kind: "Unauthorized",
            words: "Unauthorized".to_owned(),
        }
    }
}

/// The runtime logs a failure by its `Debug` form.
impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.words, f)
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        if refusal == Refusal::Unauthorized {
            return Self::unauthorized();
        }
        Self::refused(refusal.to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoker_reads_the_kind_of_a_failure_as_a_word() {
        let kind = |failed: Failed| Diagnostic::from(failed).error_type;
        assert_eq!(kind(Failed::unauthorized()), "Unauthorized");
        assert_eq!(kind(Refusal::Unauthorized.into()), "Unauthorized");
        assert_eq!(kind(Refusal::Busy.into()), "Refused");
        assert_eq!(kind(Fault::new("reading", "nothing").into()), "Fault");
    }
}
