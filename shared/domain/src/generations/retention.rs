//! The retention of media.
//!
//! Owns when media expire, and the rule that they expire only after an announcement. Refuses to know the
//! retention of each plan, which is the operator's setting.

use std::time::Duration;

use super::{Generation, State};
use crate::time::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// The time before the expiry at which it is announced.
const NOTICE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// The least time between the announcement and the expiry, even if the announcement is late: a day less
/// than the notice.
const NOTICE_MIN: Duration = Duration::from_secs(6 * 24 * 3_600);

/// The retention of a generation's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// They are kept until the generation is deleted.
    Forever,
    /// They expire this many days after delivery.
    Days(u32),
}

impl Retention {
    /// The fewest days, which leave time for the announcement.
    pub const DAYS_MIN: u32 = 8;
    /// The most days.
    pub const DAYS_MAX: u32 = 9_999;

    /// Returns the retention of this many days; zero means for ever. `None` if the number is out of range.
    #[must_use]
    pub fn of_days(days: u32) -> Option<Self> {
        match days {
            0 => Some(Self::Forever),
            Self::DAYS_MIN..=Self::DAYS_MAX => Some(Self::Days(days)),
            _ => None,
        }
    }

    /// The number of days; `None` for ever.
    #[must_use]
    pub const fn days(self) -> Option<u32> {
        match self {
            Self::Forever => None,
            Self::Days(days) => Some(days),
        }
    }

    /// Returns when media that were delivered at this time expire, if they do.
    #[must_use]
    pub fn until(self, delivered_at: Timestamp) -> Option<Timestamp> {
        let days = self.days()?;
        Some(delivered_at.plus(DAY.saturating_mul(days)))
    }
}

/// The next action for media that expire.
#[derive(Clone, Debug, PartialEq)]
pub enum Keeping {
    /// Wait until the time in this record.
    Wait(Box<Generation>),
    /// Announce the expiry.
    Announce(Box<Generation>),
    /// Delete the media; this record has no outputs.
    Expire(Box<Generation>),
}

impl Generation {
    /// Returns when somebody must look at the retention of its media first.
    pub(super) fn first_notice(media_expires_at: Option<Timestamp>) -> Option<Timestamp> {
        media_expires_at.map(|at| at.minus(NOTICE))
    }

    /// Returns the next action for its media `now`, if its author's plan has the retention `today`. A
    /// longer plan prolongs the retention of older media; a shorter one does not reduce it. `None` if they
    /// do not expire.
    #[must_use]
    pub fn keeping(&self, today: Retention, now: Timestamp) -> Option<Keeping> {
        let recorded = self.media_expires_at?;
        if self.state != State::Succeeded || self.outputs.is_empty() || self.awaits_previews() {
            return None;
        }
        let delivered_at = self.finished_at.unwrap_or(self.created_at);
        let Some(by_plan) = today.until(delivered_at) else {
            return Some(Keeping::Wait(Box::new(Self {
                media_expires_at: None,
                due_at: None,
                ..self.next()
            })));
        };
        let expires_at = recorded.max(by_plan);
        // If an earlier expiry was announced, the new one is announced, too.
        let is_told = self.is_expiry_told && expires_at == recorded;
        let keeping = |expires_at: Timestamp, is_expiry_told: bool, due_at| {
            Box::new(Self {
                media_expires_at: Some(expires_at),
                is_expiry_told,
                due_at: Some(due_at),
                ..self.next()
            })
        };
        let notice_at = expires_at.minus(NOTICE);
        Some(match is_told {
            true if now >= expires_at => Keeping::Expire(Box::new(Self {
                outputs: Vec::new(),
                due_at: None,
                ..self.next()
            })),
            true => Keeping::Wait(keeping(expires_at, true, expires_at)),
            false if now >= notice_at => {
                let expires_at = expires_at.max(now.plus(NOTICE_MIN));
                Keeping::Announce(keeping(expires_at, true, expires_at))
            }
            false => Keeping::Wait(keeping(expires_at, false, notice_at)),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::queued;
    use super::super::{NoPreviews, Output, Previews, ProviderFile};
    use super::*;

    fn at(days: u32) -> Timestamp {
        Timestamp::from_ms(0).plus(DAY * days)
    }

    fn output() -> Output {
        Output {
            key: "gen_1/0.wav".to_owned(),
            content_type: "audio/wav".to_owned(),
            size_bytes: 1,
            sha256: String::new(),
            width: None,
            height: None,
            previews: Previews::None(NoPreviews::Older),
        }
    }

    /// Makes a generation that was delivered on day 0.
    fn delivered(retention: Retention) -> Generation {
        let storing = Generation {
            state: State::Storing,
            sources: vec![ProviderFile::Copied(output())],
            retention,
            ..queued()
        };
        storing.stored(at(0)).expect("it is stored")
    }

    #[test]
    fn media_that_are_kept_for_ever_are_never_looked_at() {
        let made = delivered(Retention::Forever);
        assert_eq!((made.media_expires_at, made.due_at), (None, None));
        assert_eq!(made.keeping(Retention::Days(8), at(100)), None);
    }

    #[test]
    fn media_are_announced_a_week_before_they_expire_and_once() {
        let plan = Retention::Days(30);
        let made = delivered(plan);
        assert_eq!(
            (made.media_expires_at, made.due_at),
            (Some(at(30)), Some(at(23)))
        );
        let Some(Keeping::Wait(waiting)) = made.keeping(plan, at(22)) else {
            panic!("it is too early");
        };
        assert_eq!(waiting.due_at, Some(at(23)));
        let Some(Keeping::Announce(told)) = made.keeping(plan, at(23)) else {
            panic!("it is time to tell");
        };
        assert_eq!(
            (told.media_expires_at, told.due_at),
            (Some(at(30)), Some(at(30)))
        );
        let Some(Keeping::Wait(_)) = told.keeping(plan, at(29)) else {
            panic!("they were told");
        };
        let Some(Keeping::Expire(gone)) = told.keeping(plan, at(30)) else {
            panic!("their time is over");
        };
        assert!(gone.outputs.is_empty());
        assert_eq!((gone.state, gone.due_at), (State::Succeeded, None));
        assert_eq!(gone.media_expires_at, Some(at(30)));
        assert_eq!(gone.keeping(plan, at(31)), None);
    }

    #[test]
    fn a_longer_plan_keeps_them_longer_and_a_shorter_one_takes_nothing_back() {
        let made = delivered(Retention::Days(30));
        let Some(Keeping::Announce(told)) = made.keeping(Retention::Days(8), at(23)) else {
            panic!("a shorter plan");
        };
        assert_eq!(told.media_expires_at, Some(at(30)));
        let Some(Keeping::Wait(longer)) = told.keeping(Retention::Days(90), at(30)) else {
            panic!("a longer plan");
        };
        assert_eq!(longer.media_expires_at, Some(at(90)));
        let Some(Keeping::Announce(_)) = longer.keeping(Retention::Days(90), at(83)) else {
            panic!("told again");
        };
        let Some(Keeping::Wait(ever)) = told.keeping(Retention::Forever, at(30)) else {
            panic!("for ever");
        };
        assert_eq!((ever.media_expires_at, ever.due_at), (None, None));
    }

    proptest! {
        #[test]
        fn nothing_expires_less_than_six_days_after_it_was_told(
            kept in 8_u32..100,
            plans in prop::collection::vec(0_u32..100, 1..30),
            pauses in prop::collection::vec(0_u32..20, 30),
        ) {
            let mut made = delivered(Retention::Days(kept));
            let (mut day, mut told_on) = (0, None);
            for (plan, pause) in plans.into_iter().zip(pauses) {
                day += pause;
                let plan = Retention::of_days(plan).unwrap_or(Retention::Days(8));
                made = match made.keeping(plan, at(day)) {
                    None => break,
                    Some(Keeping::Wait(next)) => *next,
                    Some(Keeping::Announce(next)) => {
                        told_on = Some(day);
                        *next
                    }
                    Some(Keeping::Expire(next)) => {
                        prop_assert!(day >= kept);
                        prop_assert!(told_on.is_some_and(|told| day >= told + 6));
                        *next
                    }
                };
            }
        }
    }
}
