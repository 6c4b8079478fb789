//! Deadlines of a job at the provider. Owns the order in which deadline, wish to cancel and policy are
//! judged, so that every job ends, no matter what the provider answers; refuses to know what was answered.

use std::time::Duration;

use super::{Generation, State};
use crate::time::Timestamp;

/// The least and the longest pause between looks at a job that the provider works on. The pause grows with
/// the job's age.
const RUNNING_PAUSE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(120));
/// The time after which the provider is asked again to stop a job, if it did not answer that it will.
const STOP_RETRY: Duration = Duration::from_secs(20);
/// The least and the longest pause between looks at a job past its deadline. The pause grows with the job's
/// age.
const UNKNOWN_PAUSE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(30 * 60));

/// The limits of each wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The time from the provider's acceptance until the job is stopped there.
    pub deadline: Duration,
    /// The time from the owner's wish to cancel until the provider's answer is no longer awaited.
    pub cancel: Duration,
    /// The time from the job's creation until the operator's policy decides about an outcome that is still
    /// unknown.
    pub unknown: Duration,
}

/// The next action for a job whose end the provider has not reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// No action; look again at this time.
    Wait(Timestamp),
    /// Ask the provider to stop it. Look again at this time, if the provider does not say that it will.
    Stop(Timestamp),
    /// Give its outcome up as unknown: it is over time, and the provider was asked to stop it. Look again
    /// at this time.
    LoseTrack(Timestamp),
    /// Apply the operator's policy.
    Policy,
}

impl Generation {
    /// Returns the action that it needs `now`, given that there is no proof of its end. `expected` is the
    /// usual time of its model.
    #[must_use]
    pub fn need(&self, now: Timestamp, patience: Patience, expected: Duration) -> Need {
        let policy_at = self.created_at.plus(patience.unknown);
        if self.state == State::Unknown && now >= policy_at {
            return Need::Policy;
        }
        let is_late = self.is_late(now, patience);
        let is_asked_in_vain = self
            .cancel_wished_at
            .is_some_and(|at| now.since(at) >= patience.cancel);
        let is_over_time = is_late || is_asked_in_vain;
        let (least, most) = match self.state {
            State::Running if !is_over_time => RUNNING_PAUSE,
            State::Queued
            | State::Submitting
            | State::Running
            | State::Storing
            | State::Succeeded
            | State::Failed
            | State::Canceled
            | State::Unknown => UNKNOWN_PAUSE,
        };
        let age = now.since(self.started_at.unwrap_or(self.created_at));
        let pause = (age / 8).max(expected / 4).clamp(least, most);
        let check_at = now.plus(pause).min(policy_at.max(now));
        let is_to_stop = is_late || self.cancel_wished_at.is_some();
        if is_to_stop && self.cancel_requested_at.is_none() && !is_asked_in_vain {
            let retry_at = match self.state == State::Running && !is_late {
                true => now.plus(STOP_RETRY),
                false => check_at,
            };
            return Need::Stop(retry_at);
        }
        match (self.state, self.deadline_at(patience)) {
            (State::Running, _) if is_over_time => Need::LoseTrack(check_at),
            (State::Running, Some(deadline_at)) => Need::Wait(check_at.min(deadline_at)),
            (
                State::Queued
                | State::Submitting
                | State::Running
                | State::Storing
                | State::Succeeded
                | State::Failed
                | State::Canceled
                | State::Unknown,
                _,
            ) => Need::Wait(check_at),
        }
    }

    /// Whether it is past its deadline at the provider.
    #[must_use]
    pub fn is_late(&self, now: Timestamp, patience: Patience) -> bool {
        self.deadline_at(patience).is_some_and(|at| now >= at)
    }

    fn deadline_at(&self, patience: Patience) -> Option<Timestamp> {
        self.started_at.map(|at| at.plus(patience.deadline))
    }
}

#[cfg(test)]
#[path = "patience_tests.rs"]
mod tests;
