//! The transitions of a job. Each returns `None` from a state that it does not fit.

use std::time::Duration;

use super::{
    Failure, FailureCode, Generation, Hold, Output, Piece, ProviderFile, State, Ticket, Withheld,
    cancel,
};
use crate::catalogue::NUM_IMAGES;
use crate::credits::Credits;
use crate::time::Timestamp;

impl Generation {
    /// A worker takes the job. It has until `lease` from now to record the result of the submit. The
    /// webhook of this submit carries the secret with this digest.
    #[must_use]
    pub fn begin_submit(
        &self,
        now: Timestamp,
        lease: Duration,
        webhook_digest: String,
    ) -> Option<Self> {
        match self.state {
            State::Queued => Some(Self {
                state: State::Submitting,
                attempts: self.attempts.saturating_add(1),
                webhook_digest,
                due_at: Some(now.plus(lease)),
                ..self.next()
            }),
            State::Submitting
            | State::Running
            | State::Storing
            | State::Succeeded
            | State::Failed
            | State::Canceled
            | State::Unknown => None,
        }
    }

    /// The provider accepted it. It is looked at again at `check_at` if no webhook came, and at once if it
    /// must be stopped. With no job ahead of it, it counts as running: the provider starts it within
    /// moments.
    #[must_use]
    pub fn accepted(
        &self,
        ticket: Ticket,
        queue_position: Option<u64>,
        now: Timestamp,
        check_at: Timestamp,
    ) -> Option<Self> {
        match self.state {
            State::Submitting | State::Unknown => Some(Self {
                state: State::Running,
                ticket: Some(ticket),
                queue_position: queue_position.filter(|ahead| *ahead > 0),
                started_at: Some(now),
                due_at: Some(self.cancel_wished_at.map_or(check_at, |_| now)),
                ..self.next()
            }),
            State::Queued
            | State::Running
            | State::Storing
            | State::Succeeded
            | State::Failed
            | State::Canceled => None,
        }
    }

    /// The provider provably did not accept it, but may later. The job is queued again, but is not in line
    /// until `retry_at`. If its owner wants it cancelled, it ends here, because the provider does not have
    /// it.
    #[must_use]
    pub fn refused_for_now(&self, now: Timestamp, retry_at: Timestamp) -> Option<Self> {
        match (self.state, self.cancel_wished_at) {
            (State::Submitting, Some(_)) => self.failed(cancel::by_owner(), now),
            (State::Submitting, None) => Some(Self {
                state: State::Queued,
                in_line: false,
                due_at: Some(retry_at),
                ..self.next()
            }),
            (
                State::Queued
                | State::Running
                | State::Storing
                | State::Succeeded
                | State::Failed
                | State::Canceled
                | State::Unknown,
                _,
            ) => None,
        }
    }

    /// It waits in line. It is looked at only if no worker has taken it by `patience_ends_at`.
    #[must_use]
    pub fn in_line_until(&self, patience_ends_at: Timestamp) -> Option<Self> {
        (self.state == State::Queued).then(|| Self {
            in_line: true,
            due_at: Some(patience_ends_at),
            ..self.next()
        })
    }

    /// Its outcome at the provider is unknown. It keeps its hold until proof or the operator's policy, and
    /// is looked at again at `check_at`.
    #[must_use]
    pub fn lost_track(&self, check_at: Timestamp) -> Option<Self> {
        match self.state {
            State::Submitting | State::Running => Some(Self {
                state: State::Unknown,
                queue_position: None,
                due_at: Some(check_at),
                ..self.next()
            }),
            State::Queued
            | State::Storing
            | State::Succeeded
            | State::Failed
            | State::Canceled
            | State::Unknown => None,
        }
    }

    /// The provider has not ended it. It is looked at again at `check_at`. A place in the provider's queue
    /// is kept if one was reported.
    #[must_use]
    pub fn waits(&self, queue_position: Option<u64>, check_at: Timestamp) -> Self {
        Self {
            queue_position: queue_position.filter(|_| self.state == State::Running),
            ..self.due(Some(check_at))
        }
    }

    /// The provider made it, except for withheld files. The files must be copied, and it is looked at again
    /// at `check_at`. A job that was refunded because its outcome stayed unknown is delivered, too.
    #[must_use]
    pub fn made(
        &self,
        request_id: &str,
        pieces: &[Piece],
        now: Timestamp,
        check_at: Timestamp,
    ) -> Option<Self> {
        let mut sources: Vec<ProviderFile> =
            pieces.iter().cloned().map(ProviderFile::from).collect();
        while sources.len() < self.pieces_ordered() {
            sources.push(ProviderFile::Withheld(FailureCode::NoMedia));
        }
        (self.awaits_outcome() && self.is_named(request_id)).then(|| Self {
            state: State::Storing,
            sources,
            failure: None,
            queue_position: None,
            made_at: Some(now),
            finished_at: None,
            due_at: Some(check_at),
            ..self.next()
        })
    }

    /// The number of files that were paid for.
    fn pieces_ordered(&self) -> usize {
        let mut asked = self.request.parameters.iter();
        let count = asked.find(|(name, _)| name == NUM_IMAGES);
        let count = count.and_then(|(_, value)| usize::try_from(value.integer()?).ok());
        count.unwrap_or(1)
    }

    /// Records the progress of the copies. It is looked at again at `check_at`.
    #[must_use]
    pub fn copying(&self, sources: Vec<ProviderFile>, check_at: Timestamp) -> Option<Self> {
        (self.state == State::Storing).then(|| Self {
            sources,
            due_at: Some(check_at),
            ..self.next()
        })
    }

    /// All copies have ended. The files that were copied are delivered, and their share of the cost is
    /// captured; the share of the others is released. Without any copied file it fails. A job that was
    /// refunded before costs nothing.
    #[must_use]
    pub fn stored(&self, now: Timestamp) -> Option<Self> {
        if self.state != State::Storing || self.sources.iter().any(ProviderFile::is_pending) {
            return None;
        }
        let (mut outputs, mut withheld): (Vec<Output>, Vec<Withheld>) = (Vec::new(), Vec::new());
        for (index, source) in (0_u32..).zip(&self.sources) {
            match source {
                ProviderFile::Copied(output) => outputs.push(output.delivered()),
                ProviderFile::Withheld(code) => withheld.push(Withheld { index, code: *code }),
                ProviderFile::Pending { .. } => {}
            }
        }
        if outputs.is_empty() {
            return self.failed(nothing_left(&withheld), now);
        }
        let (hold, released) = match self.hold {
            Hold::Open => (Hold::Captured, self.share(withheld.len())?),
            Hold::Captured => (Hold::Captured, self.released),
            Hold::Released => (Hold::Released, self.released),
        };
        let media_expires_at = self.retention.until(now);
        let previews_due_at = Self::look_at_previews(&outputs, now);
        Some(Self {
            state: State::Succeeded,
            hold,
            released,
            outputs,
            withheld,
            sources: Vec::new(),
            media_expires_at,
            due_at: previews_due_at.or_else(|| Self::first_notice(media_expires_at)),
            finished_at: Some(now),
            ..self.next()
        })
    }

    /// The part of the cost that `count` of the files are worth. A remainder is given back.
    fn share(&self, count: usize) -> Option<Credits> {
        let total = i128::try_from(self.sources.len()).ok()?;
        let delivered = total.checked_sub(i128::try_from(count).ok()?)?;
        let captured = i128::from(self.cost.get())
            .checked_mul(delivered)?
            .checked_div(total)?;
        self.cost
            .checked_sub(Credits::new(i64::try_from(captured).ok()?)?)
    }

    /// It will not be delivered, because of `failure`. The hold is released.
    #[must_use]
    pub fn failed(&self, failure: Failure, now: Timestamp) -> Option<Self> {
        if self.state.is_final() {
            return None;
        }
        Some(Self {
            state: if failure.code == FailureCode::Canceled {
                State::Canceled
            } else {
                State::Failed
            },
            hold: match self.hold {
                Hold::Open | Hold::Released => Hold::Released,
                Hold::Captured => Hold::Captured,
            },
            failure: Some(failure),
            queue_position: None,
            sources: Vec::new(),
            due_at: None,
            finished_at: Some(now),
            ..self.next()
        })
    }

    /// It is looked at again at `at`, or never by itself.
    #[must_use]
    pub fn due(&self, at: Option<Timestamp>) -> Self {
        Self {
            due_at: at,
            ..self.next()
        }
    }

    /// The provider was asked to stop it. It is looked at again at `check_at`.
    #[must_use]
    pub fn cancel_requested(&self, now: Timestamp, check_at: Timestamp) -> Option<Self> {
        match self.state {
            State::Running | State::Unknown => Some(Self {
                cancel_requested_at: Some(now),
                due_at: Some(check_at),
                ..self.next()
            }),
            State::Queued
            | State::Submitting
            | State::Storing
            | State::Succeeded
            | State::Failed
            | State::Canceled => None,
        }
    }

    pub(super) fn next(&self) -> Self {
        Self {
            version: self.version.saturating_add(1),
            ..self.clone()
        }
    }
}

/// The failure of a job without any file to deliver. It is reported as unsafe if any file is, because that
/// is the reason that its owner can change.
fn nothing_left(withheld: &[Withheld]) -> Failure {
    let is_flagged = withheld
        .iter()
        .any(|file| file.code == FailureCode::ContentFlagged);
    if is_flagged {
        Failure::new(
            FailureCode::ContentFlagged,
            "the result was flagged as unsafe and is withheld",
        )
    } else {
        Failure::new(
            FailureCode::MediaUnavailable,
            "what the provider made could not be fetched",
        )
    }
}
