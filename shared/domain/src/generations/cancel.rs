//! What a wish to cancel comes to.
//!
//! Until a worker takes the job, nobody but us knows of it: it is over at once, and its hold is released.
//! From then on the provider decides, for a cancel is only a wish there: the hold stays until its word, and
//! what it finished all the same is delivered and paid for. That goes for a job whose outcome nobody knows,
//! too: giving its credits back for the asking would pay for a picture that may still come, so it keeps its
//! hold until proof or the operator's policy.

use super::{Failure, FailureCode, Generation, State};
use crate::time::Timestamp;

/// What a wish to cancel comes to; a record in it is to be written.
#[derive(Clone, Debug, PartialEq)]
pub enum Cancellation {
    /// The provider was never asked: it ends now, and its hold is released.
    Over(Box<Generation>),
    /// The wish is to be recorded; the provider's word ends the job.
    Wished(Box<Generation>),
    /// The wish was recorded before.
    Pending,
    /// It was cancelled before.
    Canceled,
    /// The provider finished it, one way or the other.
    TooLate,
}

/// Why a job that its owner cancelled is not delivered.
pub(super) fn by_owner() -> Failure {
    Failure::new(FailureCode::Canceled, "it was cancelled by its owner")
}

impl Generation {
    /// What its owner's wish to cancel it comes to `now`.
    #[must_use]
    pub fn cancel(&self, now: Timestamp) -> Cancellation {
        match (self.state, self.cancel_wished_at) {
            (State::Queued, _) => self
                .failed(by_owner(), now)
                .map_or(Cancellation::TooLate, |next| {
                    Cancellation::Over(Box::new(next))
                }),
            (State::Submitting | State::Running | State::Unknown, Some(_)) => Cancellation::Pending,
            (State::Submitting | State::Running | State::Unknown, None) => {
                Cancellation::Wished(Box::new(Self {
                    cancel_wished_at: Some(now),
                    // A job that the provider can be asked about is looked at, and the provider asked,
                    // at once; of the others the time to look is the worker's lease or the policy's
                    // date, which a wish does not move.
                    due_at: if self.can_be_asked_about() {
                        Some(now)
                    } else {
                        self.due_at
                    },
                    ..self.next()
                }))
            }
            (State::Canceled, _) => Cancellation::Canceled,
            (State::Storing | State::Succeeded | State::Failed, _) => Cancellation::TooLate,
        }
    }

    /// Whether the provider is still to be asked to stop it.
    #[must_use]
    pub fn is_to_be_stopped(&self) -> bool {
        self.can_be_asked_about()
            && self.cancel_wished_at.is_some()
            && self.cancel_requested_at.is_none()
    }

    /// Whether the provider has it, as far as we know, and can be asked how it goes.
    #[must_use]
    pub fn can_be_asked_about(&self) -> bool {
        match self.state {
            State::Running | State::Unknown => self.ticket.is_some(),
            State::Queued
            | State::Submitting
            | State::Storing
            | State::Succeeded
            | State::Failed
            | State::Canceled => false,
        }
    }
}
