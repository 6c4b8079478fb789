//! The circuit breaker in front of the provider, shared by all workers. Owns when no job is sent to the
//! provider and who tries it again; refuses to know which answers count as failures, and where the state is
//! kept.

use std::time::Duration;

use crate::time::Timestamp;

/// The time that a worker has to try the provider again: longer than its function may run.
const PROBE_LEASE: Duration = Duration::from_secs(90);

/// The time after its pause for which an open breaker still refuses orders. In two runs of the sweep, a job
/// that waits will have tried the provider again. If no job waits, an order must try it.
const ORDERS_WAIT: Duration = Duration::from_secs(120);

/// The thresholds of a breaker.
#[derive(Clone, Copy, Debug)]
pub struct BreakerRule {
    /// The number of failures in a row, of a kind that every job would meet, after which the breaker opens.
    pub failures_max: u32,
    /// The time for which it stays open before one job tries the provider again.
    pub pause: Duration,
}

/// The breaker's state. Each change makes a new state, which is written on condition of the previous
/// version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// The failures since the provider last accepted a job.
    pub failures: u32,
    /// The end of the pause; `None` while the provider is taken to work.
    pub open_until: Option<Timestamp>,
    /// The number of writes so far: the condition of the next write.
    pub version: u64,
}

/// The answer of a breaker to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Jobs may be sent.
    Closed,
    /// No job may be sent until then.
    Open(Timestamp),
    /// One job may be sent, to find out whether the provider works again.
    HalfOpen,
}

impl Breaker {
    /// Returns the state of the gate at `now`.
    #[must_use]
    pub fn gate(&self, now: Timestamp) -> Gate {
        match self.open_until {
            None => Gate::Closed,
            Some(until) if now < until => Gate::Open(until),
            Some(_) => Gate::HalfOpen,
        }
    }

    /// Checks that an order may be taken `now`.
    ///
    /// # Errors
    /// The time until an order may be taken.
    pub fn takes_orders(&self, now: Timestamp) -> Result<(), Duration> {
        match self.open_until.map(|until| until.plus(ORDERS_WAIT)) {
            Some(until) if now < until => Err(until.since(now)),
            Some(_) | None => Ok(()),
        }
    }

    /// The state while one worker tries the provider again: no other worker may.
    #[must_use]
    pub fn probing(&self, now: Timestamp) -> Self {
        Self {
            open_until: Some(now.plus(PROBE_LEASE)),
            ..self.next()
        }
    }

    /// The state after the provider failed a submit. `is_probe` says whether that submit was the one that
    /// tried it again.
    #[must_use]
    pub fn failed(&self, is_probe: bool, now: Timestamp, rule: BreakerRule) -> Self {
        let failures = self.failures.saturating_add(1);
        let opens = is_probe || (self.open_until.is_none() && failures >= rule.failures_max);
        Self {
            failures,
            open_until: match opens {
                true => Some(now.plus(rule.pause)),
                // A failure of a job that was sent before the breaker opened says nothing new.
                false => self.open_until,
            },
            ..self.next()
        }
    }

    /// The state after the provider accepted a job. `None` if nothing changes.
    #[must_use]
    pub fn succeeded(&self) -> Option<Self> {
        let is_news = self.failures > 0 || self.open_until.is_some();
        is_news.then(|| Self {
            failures: 0,
            open_until: None,
            ..self.next()
        })
    }

    fn next(&self) -> Self {
        Self {
            version: self.version.saturating_add(1),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: BreakerRule = BreakerRule {
        failures_max: 3,
        pause: Duration::from_secs(30),
    };

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_ms(seconds * 1_000)
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_not_before() {
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            breaker = breaker.failed(false, at(0), RULE);
            assert_eq!(breaker.gate(at(0)), Gate::Closed);
        }
        breaker = breaker.succeeded().expect("there were failures");
        for _ in 0..2 {
            breaker = breaker.failed(false, at(1), RULE);
        }
        assert_eq!(breaker.gate(at(1)), Gate::Closed);
        breaker = breaker.failed(false, at(1), RULE);
        assert_eq!(breaker.gate(at(1)), Gate::Open(at(31)));
        // A job that was sent before does not prolong the pause.
        let later = breaker.failed(false, at(20), RULE);
        assert_eq!(later.gate(at(20)), Gate::Open(at(31)));
    }

    #[test]
    fn one_job_at_a_time_tries_again_and_its_answer_decides() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            breaker = breaker.failed(false, at(0), RULE);
        }
        assert_eq!(breaker.gate(at(30)), Gate::HalfOpen);
        let probing = breaker.probing(at(30));
        assert!(matches!(probing.gate(at(31)), Gate::Open(_)));
        let still = probing.failed(true, at(32), RULE);
        assert_eq!(still.gate(at(33)), Gate::Open(at(62)));
        let closed = probing.succeeded().expect("it was open");
        assert_eq!(
            (closed.gate(at(33)), closed.succeeded()),
            (Gate::Closed, None)
        );
        // When a worker dies while it tries, another worker tries next.
        assert_eq!(probing.gate(at(121)), Gate::HalfOpen);
    }

    #[test]
    fn an_order_is_the_one_that_tries_only_where_no_job_that_waits_does() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.takes_orders(at(0)), Ok(()));
        for _ in 0..3 {
            breaker = breaker.failed(false, at(0), RULE);
        }
        assert_eq!(breaker.gate(at(30)), Gate::HalfOpen);
        assert_eq!(breaker.takes_orders(at(30)), Err(ORDERS_WAIT));
        let still = breaker.probing(at(60)).failed(true, at(61), RULE);
        assert!(still.takes_orders(at(200)).is_err());
        assert_eq!(breaker.takes_orders(at(150)), Ok(()));
        let closed = breaker.succeeded().expect("it was open");
        assert_eq!(closed.takes_orders(at(1)), Ok(()));
    }
}
