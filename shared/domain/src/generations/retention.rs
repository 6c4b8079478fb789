//! How long media are kept.
//!
//! Owns when they expire, and that nothing expires unannounced. Refuses to know which plan keeps them how
//! long: that is the operator's setting.

use std::time::Duration;

use super::{Generation, State};
use crate::time::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How long before they expire whoever asked is told.
const NOTICE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// The least time between that and their end, however late it is told: a week for whoever reads quickly.
const NOTICE_MIN: Duration = Duration::from_secs(6 * 24 * 3_600);

/// How long the media of a generation are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Until it is deleted.
    Forever,
    /// For so many days after they were delivered.
    Days(u32),
}

impl Retention {
    /// The fewest days: time to be told.
    pub const DAYS_MIN: u32 = 8;
    /// The most.
    pub const DAYS_MAX: u32 = 9_999;

    /// The retention of so many days; none is for ever.
    #[must_use]
    pub fn of_days(days: u32) -> Option<Self> {
        match days {
            0 => Some(Self::Forever),
            Self::DAYS_MIN..=Self::DAYS_MAX => Some(Self::Days(days)),
            _ => None,
        }
    }

    /// How many days it is; none for ever.
    #[must_use]
    pub const fn days(self) -> Option<u32> {
        match self {
            Self::Forever => None,
            Self::Days(days) => Some(days),
        }
    }

    /// When media expire that were delivered then, if they do.
    #[must_use]
    pub fn until(self, delivered_at: Timestamp) -> Option<Timestamp> {
        let days = self.days()?;
        Some(delivered_at.plus(DAY.saturating_mul(days)))
    }
}

/// What is to be done about media that are not kept for ever.
#[derive(Clone, Debug, PartialEq)]
pub enum Keeping {
    /// Nothing before the time that this record names.
    Wait(Box<Generation>),
    /// Whoever asked is told that they expire.
    Announce(Box<Generation>),
    /// They are deleted; this record has none.
    Expire(Box<Generation>),
}

impl Generation {
    /// When somebody must first look at how long its media are kept.
    pub(super) fn first_notice(media_expires_at: Option<Timestamp>) -> Option<Timestamp> {
        media_expires_at.map(|at| at.minus(NOTICE))
    }

    /// What is to be done about its media `now`, if its author's plan keeps them for `today`. A longer plan
    /// keeps what was made on a shorter one; a shorter one takes nothing back. Nothing if they do not expire.
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
        // Who was told of an earlier end is told again.
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
    use super::super::{NoPreviews, Output, Previews, Source};
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

    /// A generation that was delivered on day 0.
    fn delivered(retention: Retention) -> Generation {
        let storing = Generation {
            state: State::Storing,
            sources: vec![Source::Copied(output())],
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
