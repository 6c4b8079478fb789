//! Cancelling a job.
//!
//! A job that no worker has taken ends at once, and its hold is released. After that the provider decides,
//! because it treats a cancel only as a wish. The hold stays until the provider's answer, and a job that it
//! finished anyway is delivered and paid for. This also holds for a job whose outcome is unknown: giving
//! its credits back on request would pay for a picture that may still come. So it keeps its hold until
//! there is proof, or until the operator's policy decides.

use super::{Failure, FailureCode, Generation, State};
use crate::time::Timestamp;

/// The effect of an owner's wish to cancel. A record in it must be written.
#[derive(Clone, Debug, PartialEq)]
pub enum Cancellation {
    /// The provider was never asked: it ends now, and its hold is released.
    Over(Box<Generation>),
    /// The wish must be recorded; the provider's answer ends the job.
    Wished(Box<Generation>),
    /// The wish was recorded before.
    Pending,
    /// It was cancelled before.
    Canceled,
    /// It was finished before, delivered or not.
    TooLate,
}

/// The failure of a job that its owner cancelled.
pub(super) fn by_owner() -> Failure {
    Failure::new(FailureCode::Canceled, "it was cancelled by its owner")
}

impl Generation {
    /// Returns the effect of its owner's wish to cancel it `now`.
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
                    // A job that the provider can be asked about is looked at at once, and the provider is
                    // asked to stop it. For the others, the time to look is the worker's lease or the
                    // policy's date, which a wish does not move.
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

    /// Whether the provider must still be asked to stop it.
    #[must_use]
    pub fn is_to_be_stopped(&self) -> bool {
        self.can_be_asked_about()
            && self.cancel_wished_at.is_some()
            && self.cancel_requested_at.is_none()
    }

    /// Whether the provider, as far as we know, has it, so that its status can be asked.
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
